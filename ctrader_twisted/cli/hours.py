"""Trading hours in a few words."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.market.calendar import joined

if TYPE_CHECKING:
    from collections.abc import Iterable

_DAY = 86_400
_WEEK = 7 * _DAY
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


class _Span(NamedTuple):
    start: int
    end: int

    @property
    def hours(self) -> tuple[int, int]:
        """When it begins in its day, and how long it takes."""
        return self.start % _DAY, self.end - self.start


def trading_hours(intervals: Iterable[tuple[int, int]]) -> str:
    """Write trading hours: ``Sun 22:05-Fri 21:55``, ``Mon-Thu 08:00-22:00, Fri 08:00-20:00``, ``always``.

    :param intervals: start and end of each span, in seconds since Sunday 00:00; a ``+`` marks an end on the next day.
    """
    spans = _weekly(intervals)
    if not spans:
        return ""
    if sum(span.end - span.start for span in spans) >= _WEEK:
        return "always"
    return ", ".join(_written(list(group)) for _, group in groupby(enumerate(spans), _run))


def _weekly(intervals: Iterable[tuple[int, int]]) -> list[_Span]:
    """Join spans that touch; what crosses the end of the week is one span too."""
    spans = [_Span(*span) for span in joined(intervals)]
    if len(spans) > 1 and spans[0].start == 0 and spans[-1].end == _WEEK:
        spans[-1] = _Span(spans[-1].start, _WEEK + spans[0].end)
        del spans[0]
    return spans


def _run(numbered: tuple[int, _Span]) -> tuple[int, tuple[int, int]]:
    """Give what spans of successive days with the same hours have in common."""
    number, span = numbered
    return span.start // _DAY - number, span.hours


def _written(numbered: list[tuple[int, _Span]]) -> str:
    first, last = numbered[0][1], numbered[-1][1]
    if last.end - last.start > _DAY:
        return f"{_day(first.start)} {_time(first.start)}-{_day(first.end)} {_time(first.end)}"
    days = _day(first.start) if first == last else f"{_day(first.start)}-{_day(last.start)}"
    next_day = first.end > (first.start // _DAY + 1) * _DAY
    end = "24:00" if first.end % _DAY == 0 else _time(first.end)
    return f"{days} {_time(first.start)}-{end}{'+' if next_day else ''}"


def _day(second: int) -> str:
    return _DAYS[second // _DAY % 7]


def _time(second: int) -> str:
    return f"{second % _DAY // 3600:02d}:{second % 3600 // 60:02d}"
