from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ctrader_twisted.errors import HistoryRefused
from ctrader_twisted.history.gaps import Gap, Why, gaps
from ctrader_twisted.history.tables import Bars, Ticks
from ctrader_twisted.market import TradingHours

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY = datetime(2026, 2, 27, 18, tzinfo=UTC)
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
    names = ("time", "open", "high", "low", "close", "ticks")
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
    table = bars("M1", *[at for at in OPEN if not CLOSES - 130 * MINUTE <= at < OPENS + 5 * MINUTE])
    assert gaps(table, FRIDAY, MONDAY, hours=Weekend()) == [
        Gap(CLOSES - 130 * MINUTE, CLOSES, Why.HOLE),
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


@pytest.mark.parametrize("zone", ["Europe/Moscow", "Europe/Helsinki", "America/New_York"])
def test_a_schedule_of_another_season_makes_no_hole_of_an_hour(zone: str) -> None:
    """Moscow's clocks stand still, Helsinki's change on other days, and the market goes by New York's: what is written
    there of today is an hour off in some other week."""
    local = ZoneInfo(zone)
    for read, friday in (  # when the schedule was written, and what it is held against
        (datetime(2026, 1, 9, 17, tzinfo=NEW_YORK), datetime(2026, 7, 10, 17, tzinfo=NEW_YORK)),
        (datetime(2026, 7, 10, 17, tzinfo=NEW_YORK), datetime(2026, 1, 9, 17, tzinfo=NEW_YORK)),
        (datetime(2026, 1, 9, 17, tzinfo=NEW_YORK), datetime(2026, 3, 13, 17, tzinfo=NEW_YORK)),
        (datetime(2026, 1, 9, 17, tzinfo=NEW_YORK), datetime(2026, 3, 27, 17, tzinfo=NEW_YORK)),
    ):
        closing = read.astimezone(local)
        close = (closing.isoweekday() % 7 * 24 + closing.hour) * 3600
        hours = TradingHours([(close - 5 * 86_400, close)], zone)
        closes = friday.astimezone(UTC)
        opens = (friday + timedelta(days=2)).astimezone(UTC)
        start, end = closes - DAY, opens + DAY
        opened = [*minutes(start, closes - 3 * MINUTE), *minutes(opens + 5 * MINUTE, end)]
        found = gaps(bars("M1", *opened), start, end, hours=hours)
        assert Why.HOLE not in {gap.why for gap in found}
        assert sum((gap.end - gap.start for gap in found), timedelta()) == 2 * DAY + 8 * MINUTE
        # Some hours there are a hole all the same, and so is more than an hour elsewhere.
        fewer = [at for at in opened if at < closes - 4 * HOUR or at >= opens + 4 * HOUR]
        assert [gap.why for gap in gaps(bars("M1", *fewer), start, end, hours=hours)].count(Why.HOLE) == 2
        fewer = [at for at in opened if not start + 3 * HOUR <= at < start + 4 * HOUR + MINUTE]
        assert [gap.why for gap in gaps(bars("M1", *fewer), start, end, hours=hours)].count(Why.HOLE) == 1


def test_a_break_of_another_season_makes_no_hole_of_an_hour() -> None:
    """A schedule that closes daily from 22 to 23, and a market that closes from 21 to 22 instead."""
    breaks = TradingHours([(day * 86_400 + 23 * 3600, (day + 1) * 86_400 + 22 * 3600) for day in range(7)])
    day = datetime(2026, 7, 7, tzinfo=UTC)
    opened = [at for at in minutes(day, day + DAY) if not day + 21 * HOUR - MINUTE <= at < day + 22 * HOUR]
    assert gaps(bars("M1", *opened), day, day + DAY, hours=breaks) == [
        Gap(day + 21 * HOUR - MINUTE, day + 22 * HOUR, Why.QUIET)
    ]


def test_ticks_have_gaps_where_there_is_none_for_long() -> None:
    after = [0, 50, 51, 115, 170, 220]
    at = [*(FRIDAY + minute * MINUTE for minute in after), OPENS]
    columns = {name: np.array([ms(one) for one in at], np.int64) for name in ("time", "price")}
    table = Ticks("EURUSD", 1, 5, columns, 1)
    assert gaps(table, FRIDAY, OPENS + MINUTE, hours=Weekend()) == [
        Gap(FRIDAY + 51 * MINUTE, FRIDAY + 115 * MINUTE, Why.HOLE),
        WEEKEND,
    ]


def test_a_gap_prints_as_a_sentence() -> None:
    assert str(WEEKEND) == "2026-02-27T22:00:00+00:00 to 2026-03-01T22:00:00+00:00: closed"


@pytest.mark.parametrize(("period", "length"), [("H12", DAY / 2), ("D1", DAY)])
def test_a_day_with_a_break_that_is_missing_is_a_hole(period: str, length: timedelta) -> None:
    """The market is never open for as long as the bar is; and the bar that holds the start was not asked for."""
    breaks = TradingHours(
        [(day * 86_400 + 17 * 3600 + 300, (day + 1) * 86_400 + 16 * 3600 + 3300) for day in range(5)],
        "America/New_York",
    )
    sunday = datetime(2026, 2, 15, 22, tzinfo=UTC)
    opened = [sunday + count * length for count in range(5 * DAY // length)]
    start, end = sunday - 2.4 * DAY, sunday + 7 * DAY
    assert Why.HOLE not in {gap.why for gap in gaps(bars(period, *opened), start, end, hours=breaks)}
    del opened[2]
    holes = [gap for gap in gaps(bars(period, *opened), start, end, hours=breaks) if gap.why is Why.HOLE]
    assert [hole.start.date() for hole in holes] == [(sunday + 2 * length + timedelta(minutes=5)).date()]


def test_a_month_that_is_missing_is_a_hole_however_short() -> None:
    january, march = datetime(2025, 12, 31, 22, tzinfo=UTC), datetime(2026, 2, 28, 22, tzinfo=UTC)
    april = datetime(2026, 3, 31, 21, tzinfo=UTC)
    assert [gap.why for gap in gaps(bars("MN1", january, march), january, april)] == [Why.HOLE]
    february = datetime(2026, 1, 31, 22, tzinfo=UTC)
    assert gaps(bars("MN1", january, february, march), january, april) == []


def test_what_are_no_moments_is_refused() -> None:
    table = bars("M1", *OPEN)
    for arguments, said in (
        ((FRIDAY, None), "the end, None, is no datetime: give one with a time zone"),
        ((FRIDAY.replace(tzinfo=None), MONDAY), "the start, .*, has no time zone"),
        (("2026-02-27", MONDAY), "the start, '2026-02-27', is no datetime"),
    ):
        with pytest.raises(HistoryRefused, match=said):
            gaps(table, *arguments)  # type: ignore[arg-type]
