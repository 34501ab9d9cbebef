"""Spans of which there is nothing, and what a date means."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.cli.files.contents import Contents
from ctrader_twisted.cli.files.report import missing
from ctrader_twisted.cli.files.tally import Tally
from tests.cli.desk import DAY, HOUR, NOW, Desk, rows

if TYPE_CHECKING:
    from pathlib import Path


class Ahead:
    """A clock here that is eight months ahead of the server's."""

    def __init__(self, reactor: Any) -> None:
        self.callLater = reactor.callLater
        self._reactor = reactor

    def seconds(self) -> float:
        now: float = self._reactor.seconds()
        return now + 250 * 86_400


@pytest.mark.parametrize("wanted", [{}, {"period": "D1"}, {"period": None, "ticks": "bid"}])
@pytest.mark.parametrize("ahead", [False, True])
def test_what_is_yet_to_come_is_not_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: dict[str, Any], ahead: bool
) -> None:
    """What is the future is told by the server: the clock here may be of another time."""
    start = NOW - (10 * DAY if wanted.get("period", "") == "D1" else HOUR / 2)
    with Desk(tmp_path) as desk:
        if ahead:
            desk.reactor = Ahead(desk.reactor)
        span = {"start": start, "end": NOW + 100 * DAY}
        assert desk.fetch("a.csv", **span, **wanted, as_json=True) == 0
        (document,) = json.loads(capsys.readouterr().out)
        assert (document["missing"], document["problem"]) == ([], None)
        assert document["nothing_after"] is ahead
        assert desk.fetch("a.csv", **span, **wanted) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "nothing is missing" in said
    assert bool(re.search(r"; nothing after 2026-03-03 (08:59|09:00) yet", said)) is ahead


def test_a_feed_that_is_silent_is_told_and_a_hole_before_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server has later ticks than the last row of the span: then what lies between is a hole."""
    from tests.cli.test_cli_history_holes import lose

    with Desk(tmp_path) as desk:
        lose(monkeypatch, (NOW - 4 * HOUR, NOW - HOUR))
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR, end=NOW - HOUR, as_json=True) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert [gap["start"][:13] for gap in document["missing"]] == ["2026-03-03T05"]
    assert document["nothing_after"] is False


def test_the_newest_tick_bounds_what_is_missing() -> None:
    import numpy as np

    bars = Contents("period", "M1")
    symbol: Any = type("Symbol", (), {"name": "EURUSD", "symbol_id": 1, "digits": 5})
    minute = 60_000
    tally = Tally(bars, None)
    tally.take(bars.table(symbol, {name: np.array([5 * minute], np.int64) for name in bars.numbers}))
    assert tally.lacks(8 * minute) and not tally.lacks(6 * minute)
    tally.until(1000 * minute, newest=8 * minute)
    assert (tally.holes, tally.quiet) == ([], (1, timedelta(minutes=2)))
    assert "nothing after 1970-01-01 00:08 yet" in " ".join(missing("EURUSD", tally))


# Nothing at all


@pytest.mark.filterwarnings("ignore:EURUSD. the server has nothing as late")
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            {"start": datetime(2026, 2, 28, 12, tzinfo=UTC), "end": datetime(2026, 2, 28, 13, tzinfo=UTC)},
            "to 2026-02-28 13:00: the market was closed. See when it trades: ctrader symbols",
        ),
        (
            {"start": NOW + 700 * DAY, "end": None},
            "to now: that is later than its newest, of 2026-03-03 08:58. Begin --from earlier",
        ),
        (
            {"start": datetime(1990, 1, 2, tzinfo=UTC), "end": datetime(1990, 2, 1, tzinfo=UTC)},
            "to 1990-02-01 00:00. Its history may begin later than that: to see when, leave --to out",
        ),
        (
            {"period": "D1", "start": NOW - 9 * HOUR, "end": NOW - HOUR},
            "no D1 bars from 2026-03-03 00:00 to 2026-03-03 08:00: none opens then, but at 2026-03-02 22:00 and "
            "2026-03-03 22:00. Begin --from earlier",
        ),
    ],
)
def test_why_there_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: dict[str, Any], said: str
) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv", **wanted) == 1
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("a.csv*"))


# Dates


@pytest.mark.parametrize(
    ("period", "dates", "opened"),
    [
        ("D1", ("2026-02-27", "2026-02-28"), ["2026-02-26T22:00:00Z"]),
        ("D1", ("2026-02-26T22:01", "2026-02-28"), []),
        ("W1", ("2026-02-02", "2026-02-16"), ["2026-02-01T22:00:00Z", "2026-02-08T22:00:00Z"]),
        ("MN1", ("2026-01-01", "2026-03-01"), ["2025-12-31T22:00:00Z", "2026-01-31T22:00:00Z"]),
        ("H4", ("2026-02-27", "2026-02-27T09:00"), ["2026-02-27T02:00:00Z", "2026-02-27T06:00:00Z"]),
    ],
)
def test_a_date_is_a_trading_day_where_bars_are_days(
    tmp_path: Path, period: str, dates: tuple[str, str], opened: list[str]
) -> None:
    from ctrader_twisted.cli.times import Moment, moment_of

    start, end = (moment_of(Moment().convert(text, None, None), period) for text in dates)
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv", period=period, start=start, end=end) == int(not opened)
    assert ([row["time"] for row in rows(tmp_path / "a.csv")] if opened else []) == opened
    assert opened or not (tmp_path / "a.csv").exists()


def test_the_commands_take_dates_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from ctrader_twisted.cli import chart, history
    from ctrader_twisted.cli.command import ctrader

    given: list[Any] = []
    for module, name in ((history, "fetch_history"), (chart, "draw_chart")):
        monkeypatch.setattr(module, name, lambda reactor, found, wanted: given.append(wanted))
        monkeypatch.setattr(module, "run", lambda command, **more: command(None))
    file = tmp_path / "c.toml"
    file.write_text("[simulator]\n")
    monday, utc = datetime(2026, 7, 5, 21, tzinfo=UTC), datetime(2026, 7, 6, tzinfo=UTC)
    for name in ("history", "chart"):
        for period, moment in (("D1", monday), ("W1", monday), ("H1", utc)):
            arguments = [name, "EURUSD", "-p", period, "--from", "2026-07-06", "--to", "2026-07-06T23:00"]
            ended = CliRunner().invoke(ctrader, [*arguments, "-o", "a.csv", "--config", str(file)])
            assert ended.exit_code == 0, ended.output
            assert (given[-1].start, given[-1].end) == (moment, datetime(2026, 7, 6, 23, tzinfo=UTC))
