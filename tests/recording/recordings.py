"""Recordings made of the simulated venue, and read back without the package's own code."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.dataset
from twisted.internet.defer import execute, succeed

from ctrader_twisted.recording import MarketRecorder
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.sim import testing
from ctrader_twisted.sim.clock import VirtualClock
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

FORMATS = ("parquet", "sqlite")
IDS = {"EURUSD": 1, "USDJPY": 4, "GBPUSD": 2, "BTCUSD": 301, "ETHUSD": 302}
Row = tuple[int, float, float]


def ms(text: str) -> int:
    """Give a moment of UTC in ms."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def kit_at(
    monkeypatch: pytest.MonkeyPatch, start: int = DEFAULT_START, *, ahead: float = 0.0, **venue: Any
) -> VenueKit:
    """Make a kit whose clock tells the venue's time, as the clocks of two computers do.

    Nothing waits for the disk meanwhile: what a power cut leaves is tried in test_stores_killed.py.

    :param ahead: seconds by which it is ahead of the venue's.
    """

    class Clock(VirtualClock):
        def __init__(self) -> None:
            super().__init__()
            self.rightNow = start / 1000 + ahead

    monkeypatch.setattr(testing, "VirtualClock", Clock)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return VenueKit(start=start, **venue)


class SettableClock:
    """A kit's clock as a computer of its own shows it, which may be set.

    :ivar ahead: seconds by which it is ahead.
    """

    def __init__(self, clock: VirtualClock, ahead: float) -> None:
        self._clock = clock
        self.ahead = ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def seconds(self) -> float:
        return self._clock.seconds() + self.ahead

    def next_due(self) -> float | None:
        due = self._clock.next_due()
        return None if due is None else due + self.ahead

    def go_to(self, moment: float) -> None:
        self._clock.go_to(moment - self.ahead)


def with_clock(kit: VenueKit, ahead: float) -> SettableClock:
    """Give everybody but the venue of a kit a clock of their own."""
    clock = SettableClock(kit.clock, ahead)
    kit.clock = clock  # type: ignore[assignment]
    return clock


def recorder_of(kit: VenueKit, path: Path, form: str, **settings: Any) -> MarketRecorder:
    """Make a recorder that does at once what would be done in a thread."""
    return MarketRecorder(kit.clock, store_at(path, form), in_thread=execute, **{"flush_seconds": 5.0, **settings})


def quotes(path: Path, symbol: str = "EURUSD", columns: str = "time, bid, ask") -> list[Any]:
    """Give what is recorded of a symbol's quotes, by time."""
    return sorted(tuple(row[1:]) for row in rows(path, "quotes", f"symbol, {columns}") if row[0] == symbol)


def bars(path: Path, symbol: str = "EURUSD", period: str = "M1") -> list[tuple[Any, ...]]:
    """Give what is recorded of a symbol's bars, by opening."""
    found = rows(path, "bars", "symbol, period, time, open, high, low, close, ticks")
    return sorted(tuple(row[2:]) for row in found if row[:2] == (symbol, period))


def rows(path: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    """Read a table, whichever format it is in."""
    names = columns.split(", ")
    found: list[tuple[Any, ...]] = []
    for file in sorted(path.glob("*.sqlite")):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            found += connection.execute(f"select {columns} from {table}").fetchall()
        connection.close()
    if (path / table).is_dir():
        read = pyarrow.dataset.dataset(path / table, partitioning="hive").to_table(columns=names)
        lists = []
        for name in names:
            column = read.column(name)
            if pyarrow.types.is_timestamp(column.type):
                column = column.cast("int64")
            lists.append(column.to_pylist())
        found += zip(*lists, strict=True)
    return found


def ticks(kit: VenueKit, start: int, end: int, symbol: str = "EURUSD") -> list[Row]:
    """Give the quote after each change that the venue has in (start, end]."""
    return list(_ticks(kit, IDS[symbol], start, end))


def _ticks(kit: VenueKit, symbol_id: int, start: int, end: int) -> Iterator[Row]:
    while (tick := kit.venue.feed.next_tick(symbol_id, start)) is not None and tick.timestamp_ms <= end:
        start = tick.timestamp_ms
        yield start, tick.bid / 100_000, tick.ask / 100_000


def standing(kit: VenueKit, at: int, symbol: str = "EURUSD") -> int:
    """Give the time of the quote that stands at a moment: what a first event tells."""
    quote = kit.venue.feed.quote(IDS[symbol], at)
    assert quote is not None
    return quote.timestamp_ms


def account_of(kit: VenueKit) -> Any:
    """Give the desk of the EUR account."""
    return kit.venue.registry.accounts[EUR_ACCOUNT]


def kill(kit: VenueKit, recorder: MarketRecorder) -> None:
    """End a recorder as a power cut does: what is not on the disk never gets there."""
    recorder._keeping.write = lambda batch: succeed(False)  # type: ignore[method-assign]
    kit.settle(recorder.stopService())


def history_of_bars(kit: VenueKit, start: int, end: int, symbol: str = "EURUSD") -> list[tuple[Any, ...]]:
    """Give the M1 bars that the venue has, opening from start to before end."""
    found, _ = kit.venue.feed.bars_back(IDS[symbol], Period.M1, start, end - 1, 100_000, now_ms=kit.venue.now())
    return [(one.open_ms, *(price / 100_000 for price in one[1:5]), one.volume) for one in found]
