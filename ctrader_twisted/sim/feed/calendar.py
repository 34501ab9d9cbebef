"""When markets are open, and where bars begin. Times are milliseconds UTC; spans leave their end out.

The trading day rolls at 17:00 in New York: 21:00 UTC in the American summer, 22:00 in winter. A trading day
is named by the date on which it closes, as days since 1970-01-01; the trading week runs from Monday's
day (it opens on Sunday at the roll) to Sunday's. Bars up to H1 lie on the epoch's grid; H4, H12 and D1 count from the
roll, W1 opens at the roll that opens the week, MN1 at the roll that opens the day of the 1st.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.instruments import Holiday, Instrument, Interval

SECOND: Final = 1_000
MINUTE: Final = 60_000
HOUR: Final = 3_600_000
DAY: Final = 86_400_000
LAST_MS: Final = 2_147_483_646_000
"""The latest moment the protocol knows."""

_NEW_YORK: Final = "America/New_York"
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_WEEKEND_SAMPLE: Final = date(2026, 2, 9).toordinal() - _EPOCH_ORDINAL  # a Monday far from any clock change

Span = tuple[int, int]


class Period(IntEnum):
    """A bar's period; the numbers are those of ``ProtoOATrendbarPeriod``."""

    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4
    M5 = 5
    M10 = 6
    M15 = 7
    M30 = 8
    H1 = 9
    H4 = 10
    H12 = 11
    D1 = 12
    W1 = 13
    MN1 = 14


NOMINAL: Final[dict[Period, int]] = {
    Period.M1: MINUTE,
    Period.M2: 2 * MINUTE,
    Period.M3: 3 * MINUTE,
    Period.M4: 4 * MINUTE,
    Period.M5: 5 * MINUTE,
    Period.M10: 10 * MINUTE,
    Period.M15: 15 * MINUTE,
    Period.M30: 30 * MINUTE,
    Period.H1: HOUR,
    Period.H4: 4 * HOUR,
    Period.H12: 12 * HOUR,
    Period.D1: DAY,
    Period.W1: 7 * DAY,
}
"""Length of a period in ms; H4 and longer are shorter or longer where clocks change. MN1 has none."""


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def day_date(day: int) -> date:
    """The date that a trading day is named by."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def _utc(zone: str, days: int, seconds: int) -> int:
    """The moment at which clocks in ``zone`` show that many seconds past 00:00 of that day."""
    # Adding to an aware datetime moves the wall clock, which is what is meant.
    wall = datetime(1970, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(days=days, seconds=seconds)
    return int(wall.timestamp()) * 1000


@lru_cache(maxsize=8192)
def roll(day: int) -> int:
    """The end of a trading day: 17:00 in New York of its date."""
    return _utc(_NEW_YORK, day, 17 * 3600)


def trading_day(at_ms: int) -> int:
    """The trading day that ``at_ms`` belongs to: ``roll(day - 1) <= at_ms < roll(day)``."""
    day = (at_ms + 2 * HOUR) // DAY
    return day + 1 if at_ms >= roll(day) else day


def _monday(day: int) -> int:
    return day - (day + 3) % 7


def _month(day: int, months: int) -> int:
    """The first day of the month of ``day``, ``months`` later."""
    named = day_date(day)
    count = named.year * 12 + named.month - 1 + months
    return day_number(date(count // 12, count % 12 + 1, 1))


def bar_open(period: Period, at_ms: int) -> int:
    """The opening of the bar that holds ``at_ms``."""
    if period <= Period.H1:
        return at_ms - at_ms % NOMINAL[period]
    day = trading_day(at_ms)
    if period is Period.W1:
        return roll(_monday(day) - 1)
    if period is Period.MN1:
        return roll(_month(day, 0) - 1)
    start = roll(day - 1)
    return start + (at_ms - start) // NOMINAL[period] * NOMINAL[period] if period is not Period.D1 else start


def next_bar_open(period: Period, open_ms: int) -> int:
    """The opening of the bar after the one that opens at ``open_ms``, which is also that one's end."""
    if period <= Period.H1:
        return open_ms + NOMINAL[period]
    day = trading_day(open_ms)
    if period is Period.W1:
        return roll(_monday(day) + 6)
    if period is Period.MN1:
        return roll(_month(day, 1) - 1)
    if period is Period.D1:
        return roll(day)
    return min(open_ms + NOMINAL[period], roll(day))


@lru_cache(maxsize=2048)
def _week(zone: str, schedule: tuple[Interval, ...], sunday: int) -> tuple[Span, ...]:
    spans = ((_utc(zone, sunday, first), _utc(zone, sunday, end)) for first, end in schedule)
    return tuple((first, end) for first, end in spans if first < end)


@lru_cache(maxsize=1024)
def _holiday(holiday: Holiday, year: int) -> Span | None:
    named = day_date(holiday.date_days)
    if holiday.recurring:
        try:
            named = named.replace(year=year)
        except ValueError:  # the 29th of February
            return None
    elif named.year != year:
        return None
    days = day_number(named)
    return (
        _utc(holiday.time_zone, days, holiday.start_second),
        _utc(holiday.time_zone, days, holiday.end_second),
    )


def _without(spans: list[Span], closed: Span) -> list[Span]:
    left = []
    for first, end in spans:
        if first < closed[0]:
            left.append((first, min(end, closed[0])))
        if end > closed[1]:
            left.append((max(first, closed[1]), end))
    return left


def open_intervals(instrument: Instrument, from_ms: int, to_ms: int) -> list[Span]:
    """The spans of [``from_ms``, ``to_ms``) in which the instrument trades: ascending, apart, holidays taken out."""
    spans: list[Span] = []
    earliest = from_ms // DAY - 1
    for sunday in range(earliest - (earliest + 4) % 7, to_ms // DAY + 2, 7):
        for opens, closes in _week(instrument.time_zone, instrument.schedule, sunday):
            first, end = max(opens, from_ms), min(closes, to_ms)
            if first >= end:
                continue
            if spans and spans[-1][1] >= first:  # week touches week
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((first, end))
    if spans and instrument.holidays:
        for year in range(day_date(from_ms // DAY - 1).year, day_date(to_ms // DAY + 1).year + 1):
            for holiday in instrument.holidays:
                closed = _holiday(holiday, year)
                if closed is not None and closed[0] < to_ms and closed[1] > from_ms:
                    spans = _without(spans, closed)
    return spans


def is_open(instrument: Instrument, at_ms: int) -> bool:
    """Whether the instrument trades at that moment."""
    return bool(open_intervals(instrument, at_ms, at_ms + 1))


def is_holiday(instrument: Instrument, at_ms: int) -> bool:
    """Whether it is a holiday that keeps the instrument from trading at that moment: its schedule has it open."""
    return not is_open(instrument, at_ms) and is_open(replace(instrument, holidays=()), at_ms)


def next_open(instrument: Instrument, at_ms: int) -> int | None:
    """The first moment at or after ``at_ms`` when the instrument trades; None where none comes within three weeks."""
    spans = open_intervals(instrument, at_ms, at_ms + 21 * DAY)
    return spans[0][0] if spans else None


def trades_weekends(instrument: Instrument) -> bool:
    """Whether it trades between Friday's roll and Sunday's."""
    return bool(open_intervals(instrument, roll(_WEEKEND_SAMPLE + 4), roll(_WEEKEND_SAMPLE + 6)))


def by_hour(spans: list[Span]) -> list[tuple[int, tuple[Span, ...]]]:
    """Cut open spans at the hours: (opening of the hour, what is open of it), closed hours left out."""
    hours: list[tuple[int, tuple[Span, ...]]] = []
    for first, end in spans:
        hour = first - first % HOUR
        while hour < end:
            piece = (max(first, hour), min(end, hour + HOUR))
            if hours and hours[-1][0] == hour:
                hours[-1] = (hour, (*hours[-1][1], piece))
            else:
                hours.append((hour, (piece,)))
            hour += HOUR
    return hours


def by_minute(spans: tuple[Span, ...]) -> list[Span]:
    """Cut the open spans of an hour at the minutes; less than a second of a minute does not count."""
    minutes: list[Span] = []
    for first, end in spans:
        minute = first - first % MINUTE
        while minute < end:
            piece = (max(first, minute), min(end, minute + MINUTE))
            if piece[1] - piece[0] >= SECOND and not (minutes and minutes[-1][1] > minute):
                minutes.append(piece)
            minute += MINUTE
    return minutes


def count_minutes(hour_ms: int, spans: tuple[Span, ...]) -> int:
    """How many minutes ``by_minute`` makes of an hour's open spans."""
    return _count_minutes(tuple([(first - hour_ms, end - hour_ms) for first, end in spans]))


@lru_cache(maxsize=256)
def _count_minutes(spans: tuple[Span, ...]) -> int:
    return len(by_minute(spans))
