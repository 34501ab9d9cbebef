"""When bars open, and when a symbol's market does. Times are ms since the epoch, UTC; spans leave their end out.

Bars up to H1 open on multiples of their length in UTC. The trading day begins at 17:00 in New York, at 21:00 UTC in the
American summer and at 22:00 in winter; H4, H12 and D1 count from there (observed). A day with a change of clocks has 23
or 25 hours, and its last H4 and H12 end with it (unconfirmed: most markets are closed on such Sundays). A week opens
with Monday's trading day and a month with that of the 1st (unconfirmed: only that they are no multiples of anything).

A symbol's schedule is the one of today. Where its zone has no daylight saving time and New York has, brokers move the
schedule with New York's clocks, so the hours of another season may be off by one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ctrader_twisted.messages import ProtoOATrendbarPeriod

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctrader_twisted.messages import ProtoOAHoliday, ProtoOASymbol

Span: TypeAlias = tuple[int, int]

SECOND: Final = 1_000
MINUTE: Final = 60_000
HOUR: Final = 3_600_000
DAY: Final = 86_400_000
WEEK: Final = 7 * DAY

LENGTHS: Final[Mapping[str, int]] = {
    "M1": MINUTE,
    "M2": 2 * MINUTE,
    "M3": 3 * MINUTE,
    "M4": 4 * MINUTE,
    "M5": 5 * MINUTE,
    "M10": 10 * MINUTE,
    "M15": 15 * MINUTE,
    "M30": 30 * MINUTE,
    "H1": HOUR,
    "H4": 4 * HOUR,
    "H12": 12 * HOUR,
    "D1": DAY,
    "W1": WEEK,
    "MN1": 31 * DAY,
}
"""ms of each period that the server has. Months can be shorter; from H4 on, clocks can make any shorter or longer."""

_NEW_YORK: Final = "America/New_York"
_ROLL: Final = 17
_WEEK_SECONDS: Final = 7 * 86_400
_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([smhdwSHDW])", re.ASCII)  # to many people 1M is a month
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_WEEKS_AHEAD: Final = 54
"""How far a next opening is looked for: a holiday of a year is too long for anybody to wait."""


def trading_day(at: int) -> date:
    """Give the trading day of a moment, named by the date on which it ends."""
    there = datetime.fromtimestamp(at // 1000, _zone(_NEW_YORK))
    return there.date() + timedelta(days=there.hour >= _ROLL)


@lru_cache(maxsize=8192)
def day_opening(day: date) -> int:
    """Give the opening of a trading day: 17:00 in New York of the day before."""
    return _moment(_NEW_YORK, day - timedelta(days=1), _ROLL * 3600)


@dataclass(frozen=True, slots=True)
class BarGrid:
    """Where the bars of one period open; `bar_grid` makes it.

    :ivar name: such as ``"H4"`` or ``"7m"``.
    :ivar period: in ProtoOATrendbarPeriod; 0 where the server has no bars of this length.
    :ivar length: ms; some bars of H4 and longer differ from it, see `LENGTHS`.
    """

    name: str
    period: int
    length: int

    def opening(self, at: int) -> int:
        """Give the opening of the bar that holds a moment."""
        if not HOUR % self.length:
            return at - at % self.length  # the day begins on the hour, so this is counted from its beginning too
        day = trading_day(at)
        if self.length <= DAY:
            start = day_opening(day)
            return start if self.length == DAY else start + (at - start) // self.length * self.length
        return day_opening(self._first_day(day))

    def next_opening(self, at: int) -> int:
        """Give where the next bar opens, which is where the bar that holds a moment ends."""
        if not HOUR % self.length:
            return at - at % self.length + self.length
        day = trading_day(at)
        if self.length <= DAY:
            tomorrow = day_opening(day + timedelta(days=1))
            return tomorrow if self.length == DAY else min(self.opening(at) + self.length, tomorrow)
        return day_opening(self._first_day(self._first_day(day) + timedelta(days=7 if self.length == WEEK else 31)))

    def previous_opening(self, at: int) -> int:
        """Give the opening of the bar before the one that holds a moment."""
        return self.opening(self.opening(at) - 1)

    def openings(self, start: int, end: int) -> list[int]:
        """Give every opening of a span, whether or not a market is open."""
        first = self.opening(start)
        if first < start:
            first = self.next_opening(start)
        if not HOUR % self.length:
            return list(range(first, end, self.length))
        found = []
        while first < end:
            found.append(first)
            first = self.next_opening(first)
        return found

    def _first_day(self, day: date) -> date:
        return day - timedelta(days=day.weekday()) if self.length == WEEK else day.replace(day=1)


def bar_grid(period: int | str) -> BarGrid:
    """Give the grid of a period.

    Bars of a duration that the server does not have count from the beginning of the trading day, as H4 does; the last
    one of the day is as short as it has to be.

    :param period: a ProtoOATrendbarPeriod or its name, in any case; or a duration of at most a day, or ``"1w"``:
        ``"90s"``, ``"7m"``, ``"3H"``. M for minutes is a small letter.
    :raises ValueError: if it is none.
    """
    return _grid(period if isinstance(period, str) else int(period))


@lru_cache(maxsize=256)
def _grid(period: int | str) -> BarGrid:
    for name, length in LENGTHS.items():
        number = int(ProtoOATrendbarPeriod[name])
        if period == number or (isinstance(period, str) and period.upper() == name):
            return BarGrid(name, number, length)
    duration = _DURATION.fullmatch(period) if isinstance(period, str) else None
    if duration is not None:
        unit = duration[2].lower()
        length = int(duration[1]) * _UNITS[unit]
        for name, known in LENGTHS.items():
            if length == known and (length <= DAY or unit == "w"):
                return _grid(name)
        if length <= DAY:
            return BarGrid(duration[0].lower(), 0, length)
    periods = ", ".join(LENGTHS)
    raise ValueError(f"there is no period {period!r}: give one of {periods}, or a duration of at most 24h such as 90s")


@dataclass(frozen=True, slots=True)
class Holiday:
    """A span of one day in which a market is closed.

    :ivar time_zone: the zone of the day and its seconds.
    :ivar recurring: whether it comes each year on that date.
    :ivar start_second: where it begins, in seconds since 00:00.
    :ivar end_second: where it ends.
    """

    day: date
    time_zone: str
    recurring: bool = False
    start_second: int = 0
    end_second: int = 86_400

    def spans(self, first_year: int, last_year: int) -> list[Span]:
        """Give when it closes the market, in some years."""
        years = range(first_year, last_year + 1)
        found = []
        for year in years if self.recurring else {self.day.year} & set(years):
            try:
                day = self.day.replace(year=year)
            except ValueError:  # the 29th of February
                continue
            start, end = (_moment(self.time_zone, day, second) for second in (self.start_second, self.end_second))
            found.append((start, end))
        return found


class TradingHours:
    """When the market of one symbol is open.

    :param schedule: start and end of each open span, in seconds since Sunday 00:00. None at all: always open.
    :param time_zone: the IANA name of the zone of the schedule.
    :raises ValueError: if a zone is unknown.
    """

    __slots__ = ("_holidays", "_schedule", "_time_zone", "_weeks")

    def __init__(self, schedule: Iterable[Span], time_zone: str = "UTC", holidays: Iterable[Holiday] = ()) -> None:
        spans = list(schedule) or [(0, _WEEK_SECONDS)]
        # A span may go on into the next week. What begins in another week, or is longer than one, means nothing.
        self._schedule = joined(
            (start, min(end, start + _WEEK_SECONDS)) for start, end in spans if start < _WEEK_SECONDS
        )
        self._time_zone = time_zone
        self._holidays = tuple(holidays)
        self._weeks: dict[date, list[Span]] = {}
        for name in (time_zone, *(holiday.time_zone for holiday in self._holidays)):
            _zone(name)

    @classmethod
    def from_message(cls, symbol: ProtoOASymbol) -> TradingHours:
        """Read a symbol's schedule and holidays.

        :raises ValueError: if a zone is unknown.
        """
        holidays = (_holiday(holiday) for holiday in symbol.holiday)
        return cls(
            [(span.startSecond, span.endSecond) for span in symbol.schedule],
            symbol.scheduleTimeZone or "UTC",
            [holiday for holiday in holidays if holiday is not None],
        )

    def is_open(self, at: int) -> bool:
        """Say whether the market is open at a moment."""
        return bool(self.opened(at, at + 1))

    def opened(self, start: int, end: int) -> list[Span]:
        """Give the open spans between two moments: ascending, apart from one another, cut at both ends."""
        if start >= end:
            return []
        sunday = _sunday(_utc_date(start) - timedelta(days=8))
        last = _utc_date(end) + timedelta(days=1)
        found: list[Span] = []
        while sunday <= last:
            found += self._week(sunday)
            sunday += timedelta(days=7)
        return joined((max(first, start), min(beyond, end)) for first, beyond in found)

    def closed(self, start: int, end: int) -> list[Span]:
        """Give the closed spans between two moments, likewise."""
        return _without([(start, end)] if start < end else [], self.opened(start, end))

    def opens_after(self, at: int) -> int | None:
        """Give the first moment from `at` on when the market is open, which is `at` itself if it is; None if it stays
        closed for a year."""
        for week in range(_WEEKS_AHEAD):
            spans = self.opened(at + week * WEEK, at + (week + 1) * WEEK)
            if spans:
                return spans[0][0]
        return None

    def _week(self, sunday: date) -> list[Span]:
        """Give the open spans that begin in a week, holidays taken out."""
        known = self._weeks.get(sunday)
        if known is None:
            known = joined(
                (_moment(self._time_zone, sunday, start), _moment(self._time_zone, sunday, end))
                for start, end in self._schedule
            )
            years = (sunday - timedelta(days=1)).year, (sunday + timedelta(days=15)).year
            holidays = joined(span for holiday in self._holidays for span in holiday.spans(*years))
            known = self._weeks[sunday] = _without(known, holidays)
        return known


def joined(spans: Iterable[Span]) -> list[Span]:
    """Sort spans and join those that touch; empty ones are left out."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _without(spans: list[Span], holes: list[Span]) -> list[Span]:
    """Take spans out of others; both are as `joined` gives them."""
    left: list[Span] = []
    for start, end in spans:
        for first, beyond in holes[max(0, bisect_right(holes, (start, start)) - 1) :]:
            if first >= end:
                break
            if start < first:
                left.append((start, first))
            start = max(start, beyond)
        if start < end:
            left.append((start, end))
    return left


def _holiday(message: ProtoOAHoliday) -> Holiday | None:
    """Read a holiday; None if its date is none that anybody will see."""
    try:
        day = date(1970, 1, 1) + timedelta(days=message.holidayDate)
    except OverflowError:
        return None
    return Holiday(
        day,
        message.scheduleTimeZone,
        message.isRecurring,
        message.startSecond if message.HasField("startSecond") else 0,  # unconfirmed, and so is the end
        message.endSecond if message.HasField("endSecond") else 86_400,
    )


def _utc_date(at: int) -> date:
    return datetime.fromtimestamp(at // 1000, UTC).date()


def _sunday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() % 7)


def _moment(time_zone: str, day: date, second: int) -> int:
    """Give when clocks in a zone show so many seconds since 00:00 of a day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(time_zone))
    # What is added to an aware datetime is added to what its clock shows, and that is what is meant.
    return int((midnight + timedelta(seconds=second)).timestamp()) * 1000


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone {name!r} is known here; if that is one, pip install tzdata") from error
