"""Times and periods on a command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ctrader_twisted.cli.command import ctrader
from ctrader_twisted.cli.times import Moment, Period, moment_of


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
        ("2024-01-31T14:30", datetime(2024, 1, 31, 14, 30, tzinfo=UTC)),
        ("2024-01-31 14:30:05Z", datetime(2024, 1, 31, 14, 30, 5, tzinfo=UTC)),
        ("2024-03-31T02:30+01:00", datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),
        ("1900-01-01", datetime(1970, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00+14:00", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    found = moment_of(Moment().convert(text, None, None), "H12")
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    ("text", "period", "moment"),
    [
        ("2026-01-05", "D1", datetime(2026, 1, 4, 22, tzinfo=UTC)),
        ("2026-07-06", "W1", datetime(2026, 7, 5, 21, tzinfo=UTC)),
        ("2026-01-01", "MN1", datetime(2025, 12, 31, 22, tzinfo=UTC)),
        ("2026-01-05T00:00", "D1", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05", "H4", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05", None, datetime(2026, 1, 5, tzinfo=UTC)),
        ("0001-01-01", "D1", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_trading_day_where_bars_are_days(text: str, period: str | None, moment: datetime) -> None:
    found = moment_of(Moment().convert(text, None, None), period)
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.parametrize("text", ["yesterday", "2024", "31.1.2024", "2024-02-30", "9999-12-31T23:59-23:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time: write 2024-01-31, or"):
        Moment().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "name"),
    [("M1", "M1"), ("m15", "M15"), ("h4", "H4"), ("1m", "M1"), ("60m", "H1"), ("24h", "D1"), ("mn1", "MN1")],
)
def test_periods(text: str, name: str) -> None:
    assert Period().convert(text, None, None) == name


@pytest.mark.parametrize("text", ["7m", "90s", "60", "1M", "M7", "", "H1 "])
def test_what_is_no_period_of_the_server(text: str) -> None:
    with pytest.raises(
        click.BadParameter, match="is no period of bars that the server has: give one of M1, M2, .*, W1, MN1"
    ):
        Period().convert(text, None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["history", "EURUSD", "--from", "2024-02-01", "--to", "2024-01-31", "--out", "a.csv"],
            "is not before --to 2024-01-31",
        ),
        (
            ["history", "EURUSD", "--from", "2024-02-01", "--ticks", "bid", "-p", "M1", "-o", "a.csv"],
            "leave it out with --ticks",
        ),
        (["history", "EURUSD", "--from", "2024-02-01", "-p", "7m", "-o", "a.csv"], "'7m' is no period of bars"),
        (["chart", "EURUSD", "-p", "1M", "-o", "a.svg"], "'1M' is no period of bars"),
        (["chart", "EURUSD", "--bars", "0", "-o", "a.svg"], "0 is not in the range 1<=x<=5000"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], said: str) -> None:
    ended: Any = CliRunner().invoke(ctrader, arguments)
    assert ended.exit_code == 2
    assert said in " ".join(ended.output.split())
