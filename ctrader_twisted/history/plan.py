"""Which page of history to ask for next, what of a page is new, and when it is over. Pure.

The server gives a page of what was asked for, and says whether it left rows out. It keeps the newest (observed), so a
span of time is paged backward from its end. Whether every server does is unsettled: one that keeps the oldest would
leave out what is newer than its first page. That shows for nothing: where there is more, and none of it is older, the
span is paged forward from the newest row that came. Nothing counts as complete up to the end of the span before older
rows have come.

Pages may repeat rows, hold some that were not asked for, or be out of order: each row of the span is taken once. A
server that says it has more and gives nothing new is asked once more, and then it is an error: nothing here goes on for
ever.

To have the oldest first, time is walked through in windows, each paged by itself, and as wide as a few pages were in
the one before. To have all of it in as few requests as can be, windows are as wide as the server allows and walked
through backward. Spans leave their end out; what is asked for does not: the server's bounds count (observed).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from ctrader_twisted.errors import NoProgress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ctrader_twisted.market.columns import Column

LAST_MS: Final = 2_147_483_646_000
"""The latest moment that the protocol knows."""

PATIENCE: Final = 2
"""Pages in a row that may bring nothing new while the server says that there is more."""

PAGES: Final = 3.9
"""Pages that a window is meant to take: few enough to be held, and enough that the last may be short."""

LEAP: Final = 8
"""How many times as wide as an empty window the next one is: a weekend is gone through in a few requests, and a window
that reaches beyond it holds no more than eight times as much as was empty."""

Rows: TypeAlias = "slice | NDArray[np.intp]"
"""Which rows of a page, in an order of their own: a slice wherever it can be one."""


class Ask(NamedTuple):
    """A page to ask for: ms since the epoch, UTC; both bounds count."""

    first: int
    last: int


class Kept(Enum):
    """Which end of what was asked for the server keeps, where it is more than a page holds."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(slots=True)
class _Edge:
    """The oldest or the newest row that was taken.

    :ivar at: its ms.
    :ivar known: of ticks: the prices that were taken of this ms, and how often; the next page may have more of it.
    """

    at: int = 0
    known: Counter[int] = field(default_factory=Counter)

    def note(self, at: int, prices: Column) -> None:
        """Note new rows of a ms."""
        if at != self.at:
            self.known.clear()
        self.at = at
        self.known.update(prices.tolist())


class Span:
    """One span of time, page after page.

    :ivar pages: how many pages it took so far.
    :ivar newer: whether the rows taken last are newer than those before, not older.
    :ivar kept: which end the server keeps, as far as pages have shown it.
    :ivar passed: ms of which there are more ticks than a page holds: some can't be had.
    """

    def __init__(self, start: int, end: int, *, unique: bool, kept: Kept | None = None) -> None:
        """Begin.

        :param unique: whether no two rows are of one time, as with bars. Of ticks there may be several in one ms, and a
            page may end between two of these.
        :param kept: which end the server is believed to keep. If that is wrong, it costs a request.
        """
        self.pages: int = 0
        self.newer: bool = False
        self.kept = kept
        self.passed: list[int] = []
        self._start = start
        self._end = end
        self._unique = unique
        self._asked = Ask(start, end - 1)
        self._over = start >= end
        self._forward = kept is Kept.OLDEST  # which way it goes on from the first rows
        self._turned = False
        self._begun = False
        self._owed = False  # there is more, and nothing of it has come since
        self._proven = False  # rows came in this direction
        self._alone = False  # a single ms is asked for
        self._stalls = 0
        self._oldest = _Edge()
        self._newest = _Edge()

    @property
    def reached(self) -> int:
        """Everything from here to the end has been given."""
        if self._over:
            return self._start
        sure = self._proven or self.kept is Kept.NEWEST or self._newest.at >= self._end - self._unique
        if not self._begun or self._forward or not sure:
            return self._end
        return self._oldest.at if self._unique else min(self._oldest.at + 1, self._end)  # of this ms there may be more

    def ask(self) -> Ask | None:
        """Give the next page to ask for; None if it is over."""
        return None if self._over else self._asked

    def take(self, times: Column, values: Column, has_more: bool | None) -> Rows:
        """Take a page in, and give which of its rows are new, the oldest first.

        :param times: of each row, ms since the epoch, UTC, in the order in which they came.
        :param values: of each row: what tells rows of one ms apart.
        :param has_more: what the server says; None, where it does not say, is found out by asking again.
        :raises NoProgress: if the server only says that there is more.
        """
        self.pages += 1
        self.newer = self._forward
        if has_more is False and len(times) and int(times.max()) > self._asked.last:
            has_more = None  # nobody gives what is newer than asked for: it answers another request
        rows = self._new(times, values)
        came = bool(len(times[rows]))
        if came:
            self._note(times[rows], values[rows], has_more)
        if self._alone:
            if has_more:
                self.passed.append(self._asked.first)
            self._alone = False
            self._go_on(past=True)
        elif came and has_more is not False:
            self._go_on()
        elif has_more is not False and self._full_of_one_ms(times):
            self._look_at_a_full_ms(has_more)
        elif came or (not has_more and (self._stalls or not self._of_another(times))):
            self._exhausted()
        else:
            self._stalls += 1
            if self._stalls >= PATIENCE:
                raise NoProgress(self._asked.last + 1)
        return rows

    @property
    def _edge(self) -> _Edge:
        """Where it goes on."""
        return self._newest if self._forward else self._oldest

    def _new(self, times: Column, values: Column) -> Rows:
        """Say which rows are new, in ascending order; those of one ms in the order in which they happened."""
        step = 1 if self._unique else -1  # bars come oldest first (observed, not promised), and ticks newest first
        ordered = times[::step]
        leaps = np.diff(ordered)
        rows: NDArray[np.intp] | None = None  # only where they are in no order
        if len(leaps) and int(leaps.min()) < self._unique:
            rows = np.argsort(ordered, kind="stable")
            if self._unique:
                rows = rows[np.append(True, np.diff(ordered[rows]) != 0)]
            ordered = ordered[rows]
            if step < 0:
                rows = len(times) - 1 - rows
        edge, bounds = self._edge.at, [self._asked.first, self._asked.last + 1]
        if self._begun and self._forward:
            bounds[0] = max(bounds[0], edge + 1)
        elif self._begun:
            bounds[1] = min(bounds[1], edge)
        first, stop = (int(place) for place in np.searchsorted(ordered, bounds))
        found = _picked(rows, first, stop, step, len(times))
        if not self._edge.known or not self._asked.first <= edge <= self._asked.last:
            return found
        # The edge was asked for again: what is known of it is what lies where the pages came from.
        first, stop = (int(place) for place in np.searchsorted(ordered, (edge, edge + 1)))
        same = np.arange(len(times))[_picked(rows, first, stop, step, len(times))]
        known, again = self._edge.known.copy(), []
        for row in (same if self._forward else same[::-1]).tolist():
            price = int(values[row])
            if known[price]:
                known[price] -= 1
            else:
                again.append(row)
        if not again:
            return found
        others = np.arange(len(times))[found]
        if self._forward:
            return np.concatenate((np.array(again, np.intp), others))
        return np.concatenate((others, np.array(again[::-1], np.intp)))

    def _note(self, times: Column, values: Column, has_more: bool | None) -> None:
        """Note new rows: where they end, and what they tell of the server."""
        oldest, newest = int(times[0]), int(times[-1])
        if self._owed and (newest > self._newest.at if self._forward else oldest < self._oldest.at):
            self._proven = True
            if not self._forward:
                self.kept = Kept.NEWEST
            elif has_more:  # or it may be a row that there was not when it was asked before
                self.kept = Kept.OLDEST
        prices = values[:0] if self._unique else values
        if not self._begun or not self._forward:
            self._oldest.note(oldest, prices[: int(np.searchsorted(times, oldest, side="right"))])
        if not self._begun or self._forward:
            self._newest.note(newest, prices[int(np.searchsorted(times, newest)) :])
        self._begun = True
        self._owed = has_more is not False
        self._stalls = 0

    def _full_of_one_ms(self, times: Column) -> bool:
        """Say whether a page in which nothing is new holds the edge, asked for again, and nothing else asked for."""
        edge = self._edge.at
        if self._unique or not self._begun or edge != (self._asked.first if self._forward else self._asked.last):
            return False
        others = times[times >= self._asked.first]  # older ones may come along
        return len(others) > 0 and bool((others == edge).all())

    def _of_another(self, times: Column) -> bool:
        """Say whether a page has what was not asked for: it may be the answer to another request."""
        return bool(((times < self._asked.first) | (times > self._asked.last)).any())

    def _go_on(self, past: bool = False) -> None:
        """Ask for what comes next in this direction.

        :param past: whether to leave the rest of the edge's ms out; of bars there is none.
        """
        step = int(past or self._unique)
        if self._forward:
            self._asked = Ask(self._newest.at + step, self._end - 1)
        else:
            self._asked = Ask(self._start, self._oldest.at - step)
        if self._asked.first > self._asked.last:
            self._exhausted()

    def _look_at_a_full_ms(self, has_more: bool | None) -> None:
        """Go past a ms that fills a page; if there may be more of it than that, ask for it alone first."""
        edge = self._edge.at
        self._alone = bool(has_more) and edge not in self.passed
        if self._alone:
            self._asked = Ask(edge, edge)
        else:
            self._go_on(past=True)

    def _exhausted(self) -> None:
        """There is nothing more in this direction: that is all, unless the server said otherwise and nothing came."""
        if self._owed and not (self._proven or self._turned or (self.kept is Kept.NEWEST and not self._forward)):
            self._turned = True
            self._forward = not self._forward
            self._stalls = 0
            self._go_on()
        else:
            self._over = True


class Taken(NamedTuple):
    """What became of a page.

    :ivar rows: which of its rows are new, the oldest first.
    :ivar newer: whether they are newer than those of the window that were taken before; else they are older.
    :ivar complete: whether with it the window is.
    """

    rows: Rows
    newer: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class Widths:
    """How wide the windows of a walk are, in ms.

    :ivar first: of the first one.
    :ivar widest: at most.
    :ivar narrowest: at least.
    """

    first: int
    widest: int
    narrowest: int


class Walk:
    """The way through a span of time, window by window.

    :ivar reached: forward: everything from the start to here has been given; backward: everything from here to the end.
    :ivar barren: whether there was nothing in the last window, as wide as windows get, and more than that is left.
    :ivar passed: ms of which there are more ticks than a page holds: some can't be had.
    """

    def __init__(self, start: int, end: int, widths: Widths, *, unique: bool, forward: bool) -> None:
        self.reached: int = start if forward else end
        self.barren: bool = False
        self.passed: list[int] = []
        self._start = start
        self._end = end
        self._first = widths.first
        self._widest = widths.widest
        self._width = widths.first if forward else widths.widest
        self._narrowest = widths.narrowest
        self._unique = unique
        self._forward = forward
        self._window: Span | None = None
        self._bounds = (start, end)
        self._rows = 0  # of this window
        self._page = 0  # what the server gives at once, as far as is known
        self._kept: Kept | None = None

    def ask(self) -> Ask | None:
        """Give the next page to ask for; None if it is over."""
        if self._window is None:
            if (self.reached >= self._end) if self._forward else (self.reached <= self._start):
                return None
            if self._forward:
                self._bounds = self.reached, min(self._end, self.reached + self._width)
            else:
                self._bounds = max(self._start, self.reached - self._width), self.reached
            self._window = Span(*self._bounds, unique=self._unique, kept=self._kept)
            self._rows = 0
        return self._window.ask()

    def take(self, times: Column, values: Column, has_more: bool | None) -> Taken:
        """Take the page in that was asked for; see `Span.take`."""
        window = self._window
        assert window is not None
        passed = len(window.passed)
        rows = window.take(times, values, has_more)
        self.passed += window.passed[passed:]
        self._rows += len(times[rows])
        if has_more:
            self._page = max(self._page, len(times))
        self._kept = window.kept
        complete = window.ask() is None
        if complete:
            start, end = self._bounds
            self.reached = end if self._forward else start
            self._window = None
            left = self._end - self.reached if self._forward else self.reached - self._start
            self.barren = not self._rows and end - start >= self._widest < left
            self._width = self._next_width(end - start)
        elif not self._forward:
            self.reached = window.reached
        return Taken(rows, window.newer, complete)

    def _next_width(self, width: int) -> int:
        """Say how wide the next window is, after one that was so wide: twice as much at most, or `LEAP` times after
        one without any rows."""
        if not self._forward:
            return self._widest
        wanted = (2 if self._rows else LEAP) * self._width
        if self._page and self._rows:
            wanted = min(wanted, int(width * PAGES * self._page / self._rows))
        return max(self._narrowest, min(self._widest, wanted))

    def leave_out_before(self, begins: int) -> None:
        """Ask for nothing that is before a moment, as there is nothing. Between two windows only."""
        if not self._forward:
            self._start = max(self._start, min(begins, self.reached))
        elif begins > self.reached:
            self.reached = min(begins, self._end)
            self._width = self._first  # what comes now may be dense

    def narrow(self) -> bool:
        """The server refused what was asked for as too wide: ask for half of it from now on; False if it can't be that.

        Older servers take no more than 3.5 days of M1 at once, and so on (a vendor's sample; newer ones take any).
        """
        window = self._window
        start, end = self._bounds
        if window is None or window.pages or end - start <= self._narrowest:
            return False
        self._widest = self._width = max(self._narrowest, (end - start) // 2)
        self._window = None
        return True


def _picked(rows: NDArray[np.intp] | None, first: int, stop: int, step: int, count: int) -> Rows:
    """Give a part of rows that are in ascending order: by their places, or those of a page read forward or backward."""
    stop = max(first, stop)
    if rows is not None:
        return rows[first:stop]
    if step > 0 or first == stop:
        return slice(first, stop)
    end = count - 1 - stop
    return slice(count - 1 - first, None if end < 0 else end, -1)
