"""A venue with small pages, and ``ctrader history`` beside it, in memory."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.history import Wanted, fetch_history
from ctrader_twisted.errors import LocalError
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.testing import ACCESS_TOKEN, DEFAULT_START, EUR_ACCOUNT, VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount
from tests.cli.rooms import access, found, keep, settle

if TYPE_CHECKING:
    from pathlib import Path

GRANT = Grant("default", ACCESS_TOKEN, accounts=(GrantedAccount(EUR_ACCOUNT, False),))
NOW = datetime.fromtimestamp(DEFAULT_START / 1000, UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EURUSD = 1


class Later:
    """A kit's clock that knows what year it is."""

    def __init__(self, clock: Any) -> None:
        self.callLater = clock.callLater
        self._clock = clock

    def seconds(self) -> float:
        now: float = self._clock.seconds()
        return DEFAULT_START / 1000 + now


class Desk(VenueKit):
    """A venue with small pages, and the command beside it."""

    def __init__(self, folder: Path, *, page: int = 100, **more: Any) -> None:
        super().__init__(options=Options(bars_per_page=page, ticks_per_page=page), **more)
        self.folder = folder
        self.reactor: Any = Later(self.clock)
        self.there = found(folder)
        keep(self, self.there, GRANT)

    def fetch(self, out: str, *names: str, within: float = 3600.0, **wanted: Any) -> int:
        """Run the command; its file is in the folder."""
        settings = {"start": NOW - 3 * HOUR, "end": NOW - HOUR, **wanted}
        asked = Wanted(names or ("EURUSD",), str(self.folder / out), **settings)
        status: int = settle(
            self, fetch_history(self.reactor, self.there, asked, access=access(self, self.there)), within
        )
        return status

    def bars(self, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
        """What the venue knows."""
        bounds = round(start.timestamp() * 1000), round(end.timestamp() * 1000) - 1
        bars, _ = self.venue.feed.bars_back(EURUSD, Period.M1, *bounds, 10**6, now_ms=self.venue.now())
        return [
            (
                iso(bar.open_ms),
                *(f"{price / 100_000:.5f}" for price in (bar.open, bar.high, bar.low, bar.close)),
                bar.volume,
            )
            for bar in bars
        ]


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def listed(file: Path) -> list[tuple[Any, ...]]:
    return [(*list(row.values())[2:-1], int(row["ticks"])) for row in rows(file)]


def refused(desk: Desk, out: str, *names: str, **wanted: Any) -> str:
    with pytest.raises((CommandFailed, LocalError)) as caught:
        desk.fetch(out, *names, **wanted)
    return str(caught.value)
