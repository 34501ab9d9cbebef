"""What is missing in a table, and why. Pure.

A bar without ticks does not exist (documented), so bars are missing wherever a market is closed, and now and then where
it is open and nobody traded. Whether more is missing than that is told by its length.

When a market is closed is known from its schedule, which is that of today, written in a zone of the broker's choice
(``Europe/Moscow``, say), while clocks in New York move the market's day. In another season it may be an hour off, so
around what it says is closed an hour more counts as quiet, not as a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from ctrader_twisted.history.moments import moment, ms_of
from ctrader_twisted.history.tables import TIME, Bars
from ctrader_twisted.market.calendar import DAY, HOUR, LENGTHS, bar_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.history.tables import Table

QUIET: Final = timedelta(hours=1)
"""How long an open market may be without a tick before something is taken to be missing."""

SEASON: Final = timedelta(hours=1)
"""By how much a schedule may be off in another season than its own."""

_MS: Final = timedelta(milliseconds=1)


class Hours(Protocol):
    """A market's hours: `ctrader_twisted.market.TradingHours` are some."""

    def closed(self, start: int, end: int) -> list[tuple[int, int]]:
        """Give the spans between two moments in which it is closed, ascending; ms since the epoch, UTC."""


class Why(Enum):
    """Why something is missing."""

    CLOSED = "closed"
    """The market was closed."""
    QUIET = "quiet"
    """It was open, and there were no ticks for a while."""
    HOLE = "hole"
    """It was open, and there were no ticks for longer than there can be none."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which there is nothing."""

    start: datetime
    end: datetime
    why: Why

    def __str__(self) -> str:
        return f"{self.start.isoformat()} to {self.end.isoformat()}: {self.why.value}"


def gaps(
    table: Table[Any], start: datetime, end: datetime, *, hours: Hours | None = None, quiet: timedelta = QUIET
) -> list[Gap]:
    """Say where a table has nothing, from ``start`` to before ``end``, the oldest first.

    Bars are missing where one period passes without any, the first that opens at ``start`` or later; of ticks, a gap is
    what is longer than ``quiet``.

    :param hours: when the market is open; without it what is closed looks like a hole. `TradingHours` of a symbol whose
        zone is unknown here raise ValueError: pass None then, or install tzdata.
    :param quiet: how long an open market may be without a tick.
    :raises HistoryRefused: if the start or the end is no datetime or has no time zone.
    """
    begin, end_ms = ms_of(start, "start"), ms_of(end, "end")
    step, least = 0, quiet // _MS
    if isinstance(table, Bars):
        step, grid = LENGTHS[table.period], bar_grid(table.period)
        if grid.opening(begin) != begin:
            begin = grid.next_opening(begin)  # the bar that holds the start was not asked for
        # Clocks make a period from H4 on an hour shorter, February makes a month so.
        least = step if step <= HOUR else step - HOUR if step <= 7 * DAY else 27 * DAY
    season = SEASON // _MS
    found: list[Gap] = []
    for first, stop in _spans(table, begin, end_ms, step, least):
        at = first
        around = [] if hours is None else hours.closed(first - season, stop + season)
        longest = quiet // _MS + (season if around else 0)
        for closed_from, closed_to in around:
            begins, ends = max(closed_from, at), min(closed_to, stop)
            if begins >= ends:
                continue
            _note(found, at, begins, least, longest)
            found.append(Gap(moment(begins), moment(ends), Why.CLOSED))
            at = ends
        _note(found, at, stop, least, longest)
    return found


def _spans(table: Table[Any], start: int, end: int, step: int, least: int) -> Iterator[tuple[int, int]]:
    """Give the spans of at least so many ms in which there is no row."""
    times = table.columns[TIME]
    first, stop = np.searchsorted(times, (start, end))
    times = times[first:stop]
    # Where clocks change, a period from H4 on is an hour longer: only what could hold a bar is a gap.
    begins = np.append(start, times + step)
    ends = np.append(times, end)
    for which in np.flatnonzero((ends - begins >= least) & (ends > begins)):
        yield int(begins[which]), int(ends[which])


def _note(found: list[Gap], start: int, end: int, least: int, longest: int) -> None:
    if end - start >= least or end - start > longest:  # a day with a break has no open span as long as a D1 bar
        found.append(Gap(moment(start), moment(end), Why.QUIET if end - start <= longest else Why.HOLE))
