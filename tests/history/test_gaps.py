from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ctrader_twisted.history.gaps import Gap, Why, gaps
from ctrader_twisted.history.tables import Bars, Ticks

FRIDAY = datetime(2026, 2, 27, 20, tzinfo=UTC)
CLOSES, OPENS = datetime(2026, 2, 27, 22, tzinfo=UTC), datetime(2026, 3, 1, 22, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


class Weekend:
    def closed(self, start: int, end: int) -> list[tuple[int, int]]:
        found = max(start, ms(CLOSES)), min(end, ms(OPENS))
        return [found] if found[0] < found[1] else []


def bars(period: str, *opened: datetime) -> Bars:
    names = ("opened", "open", "high", "low", "close", "ticks")
    return Bars("EURUSD", 1, 5, {name: np.array([ms(at) for at in opened], np.int64) for name in names}, period)


def minutes(start: datetime, end: datetime) -> list[datetime]:
    return [start + count * MINUTE for count in range((end - start) // MINUTE)]


OPEN = [*minutes(FRIDAY, CLOSES), *minutes(OPENS, MONDAY)]
WEEKEND = Gap(CLOSES, OPENS, Why.CLOSED)


def test_a_weekend_is_closed_and_no_hole() -> None:
    table = bars("M1", *OPEN)
    assert gaps(table, FRIDAY, MONDAY, hours=Weekend()) == [WEEKEND]
    assert gaps(table, FRIDAY, MONDAY) == [Gap(CLOSES, OPENS, Why.HOLE)]


def test_a_minute_without_ticks_is_quiet_and_hours_of_them_are_a_hole() -> None:
    quiet, hole = FRIDAY + 10 * MINUTE, OPENS + HOUR
    table = bars("M1", *[at for at in OPEN if at != quiet and not hole <= at < hole + 2 * HOUR])
    assert gaps(table, FRIDAY, MONDAY, hours=Weekend()) == [
        Gap(quiet, quiet + MINUTE, Why.QUIET),
        WEEKEND,
        Gap(hole, hole + 2 * HOUR, Why.HOLE),
    ]
    found = gaps(table, FRIDAY, MONDAY, hours=Weekend(), quiet=2 * HOUR)
    assert [gap.why for gap in found] == [Why.QUIET, Why.CLOSED, Why.QUIET]


def test_what_is_missing_beside_a_closed_market_is_told_from_it() -> None:
    table = bars("M1", *[at for at in OPEN if not CLOSES - 90 * MINUTE <= at < OPENS + 5 * MINUTE])
    assert gaps(table, FRIDAY, MONDAY, hours=Weekend()) == [
        Gap(CLOSES - 90 * MINUTE, CLOSES, Why.HOLE),
        WEEKEND,
        Gap(OPENS, OPENS + 5 * MINUTE, Why.QUIET),
    ]


def test_both_ends_count() -> None:
    table = bars("M1", *minutes(FRIDAY + 3 * MINUTE, CLOSES - 2 * MINUTE))
    assert gaps(table, FRIDAY, CLOSES, hours=Weekend()) == [
        Gap(FRIDAY, FRIDAY + 3 * MINUTE, Why.QUIET),
        Gap(CLOSES - 2 * MINUTE, CLOSES, Why.QUIET),
    ]


def test_what_is_outside_does_not_count() -> None:
    table = bars("M1", *OPEN)
    assert gaps(table, FRIDAY + HOUR, CLOSES - HOUR) == []


@pytest.mark.parametrize("hours", [None, Weekend()])
def test_a_table_of_nothing_is_one_gap(hours: Weekend | None) -> None:
    assert gaps(bars("M1"), FRIDAY, FRIDAY + HOUR, hours=hours) == [Gap(FRIDAY, FRIDAY + HOUR, Why.QUIET)]
    assert gaps(bars("M1"), CLOSES, CLOSES + HOUR, hours=Weekend()) == [Gap(CLOSES, CLOSES + HOUR, Why.CLOSED)]
    assert gaps(bars("M1"), FRIDAY, FRIDAY, hours=hours) == []


def test_a_day_of_25_hours_is_no_gap() -> None:
    """Clocks change on 2026-11-01 in New York: the day after opens an hour later, by UTC."""
    thursday = datetime(2026, 10, 28, 21, tzinfo=UTC)
    table = bars("D1", thursday, thursday + DAY, thursday + 2 * DAY + HOUR)
    assert gaps(table, thursday, thursday + 3 * DAY + HOUR) == []


def test_ticks_have_gaps_where_there_is_none_for_long() -> None:
    at = [FRIDAY, FRIDAY + 50 * MINUTE, FRIDAY + 51 * MINUTE, FRIDAY + 115 * MINUTE, OPENS]
    columns = {name: np.array([ms(one) for one in at], np.int64) for name in ("at", "price")}
    table = Ticks("EURUSD", 1, 5, columns, 1)
    assert gaps(table, FRIDAY, OPENS + MINUTE, hours=Weekend()) == [
        Gap(FRIDAY + 51 * MINUTE, FRIDAY + 115 * MINUTE, Why.HOLE),
        WEEKEND,
    ]


def test_a_gap_prints_as_a_sentence() -> None:
    assert str(WEEKEND) == "2026-02-27T22:00:00+00:00 to 2026-03-01T22:00:00+00:00: closed"
