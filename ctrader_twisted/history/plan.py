"""Which page of history to ask for next, what of a page is new, and when it is over. Pure.

The server gives the newest page of what was asked for and says whether it left older rows out (observed). So a span of
time is paged backward from its end. Its pages may repeat rows, hold some that were not asked for, or be out of order:
each row of the span is taken once, and a span is over when the server has no more or nothing older was asked for. A
server that says it has more and gives nothing new is asked once more, and then it is an error: nothing here goes on for
ever.

To have the oldest first, time is walked through in windows, each paged backward, and as wide as a few pages were in the
one before. To have all of it in as few requests as can be, windows are as wide as the server allows and walked through
backward. Spans leave their end out; what is asked for does not: the server's bounds count (observed).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
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


Rows: TypeAlias = "slice | NDArray[np.intp]"
"""Which rows of a page, in an order of their own: a slice wherever it can be one."""


class Ask(NamedTuple):
    """A page to ask for: ms since the epoch, UTC; both bounds count."""

    first: int
    last: int


class Span:
    """One span of time, paged backward from its end.

    :ivar pages: how many pages it took so far.
    :ivar reached: everything from here to the end has been given.
    """

    def __init__(self, start: int, end: int, *, unique: bool) -> None:
        """Begin.

        :param unique: whether no two rows are of one time, as with bars. Of ticks there may be several in one ms, and a
            page may end between two of these.
        """
        self.pages = 0
        self.reached = end
        self._start = start
        self._end = end
        self._unique = unique
        self._last = end - 1  # the latest that is asked for
        self._over = start >= end
        self._stalls = 0
        self._edge: Counter[int] = Counter()  # what is known of the oldest ms: prices, and how often

    def ask(self) -> Ask | None:
        """Give the next page to ask for; None if it is over."""
        return None if self._over else Ask(self._start, self._last)

    def take(self, times: Column, values: Column, has_more: bool | None) -> Rows:
        """Take a page in, and give which of its rows are new, the oldest first.

        :param times: of each row, ms since the epoch, UTC, in the order in which they came.
        :param values: of each row: what tells rows of one ms apart.
        :param has_more: what the server says; None, where it does not say, is found out by asking again.
        :raises NoProgress: if the server only says that there is more.
        """
        self.pages += 1
        edge = self.reached
        rows = self._new(times, values)
        new = times[rows]
        if len(new):
            self._note_edge(new, values[rows])
        if has_more is False:
            self._finish()
        elif len(new):
            self._stalls = 0
            self._go_on(self.reached - 1 if self._unique else self.reached)
        elif not self._unique and self._last == edge and len(times) and bool((times == edge).all()):
            self._go_on(edge - 1)  # a page of one ms that is known: what else there is of it can't be had
        elif has_more is None:
            self._finish()
        else:
            self._stalls += 1
            if self._stalls >= PATIENCE:
                raise NoProgress(self._last + 1)
        return rows

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
        first, edge = (int(place) for place in np.searchsorted(ordered, (self._start, self.reached)))
        found = _picked(rows, first, edge, step, len(times))
        if not self._edge or self._last < self.reached:
            return found
        known = self._edge.copy()
        again = []
        stop = int(np.searchsorted(ordered, self.reached + 1))
        same = np.arange(len(times))[_picked(rows, edge, stop, step, len(times))]
        for row in same[::-1].tolist():  # the newest first, as they were known
            price = int(values[row])
            if known[price]:
                known[price] -= 1
            else:
                again.append(row)
        if not again:
            return found
        return np.concatenate((np.arange(len(times))[found], np.array(again[::-1], np.intp)))

    def _note_edge(self, times: Column, values: Column) -> None:
        """Note what is known of the oldest ms; the next page may have more of it."""
        oldest = int(times[0])
        if oldest != self.reached:
            self._edge.clear()
        self.reached = oldest
        if not self._unique:
            self._edge.update(values[: int(np.searchsorted(times, oldest, side="right"))].tolist())

    def _go_on(self, last: int) -> None:
        self._last = last
        if last < self._start:
            self._finish()

    def _finish(self) -> None:
        self._over = True
        self.reached = self._start


class Taken(NamedTuple):
    """What became of a page.

    :ivar rows: which of its rows are new, the oldest first.
    :ivar complete: whether with it the window is.
    """

    rows: Rows
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
    """

    def __init__(self, start: int, end: int, widths: Widths, *, unique: bool, forward: bool) -> None:
        self.reached = start if forward else end
        self._start = start
        self._end = end
        self._widest = widths.widest
        self._width = widths.first if forward else widths.widest
        self._narrowest = widths.narrowest
        self._unique = unique
        self._forward = forward
        self._window: Span | None = None
        self._bounds = (start, end)
        self._rows = 0  # of this window
        self._page = 0  # what the server gives at once, as far as is known

    def ask(self) -> Ask | None:
        """Give the next page to ask for; None if it is over."""
        if self._window is None:
            if (self.reached >= self._end) if self._forward else (self.reached <= self._start):
                return None
            if self._forward:
                self._bounds = self.reached, min(self._end, self.reached + self._width)
            else:
                self._bounds = max(self._start, self.reached - self._width), self.reached
            self._window = Span(*self._bounds, unique=self._unique)
            self._rows = 0
        return self._window.ask()

    def take(self, times: Column, values: Column, has_more: bool | None) -> Taken:
        """Take the page in that was asked for; see `Span.take`."""
        window = self._window
        assert window is not None
        rows = window.take(times, values, has_more)
        self._rows += len(times[rows])
        if has_more:
            self._page = max(self._page, len(times))
        complete = window.ask() is None
        if complete:
            start, end = self._bounds
            self.reached = end if self._forward else start
            self._window = None
            self._width = self._next_width(end - start)
        elif not self._forward:
            self.reached = window.reached
        return Taken(rows, complete)

    def _next_width(self, width: int) -> int:
        """Say how wide the next window is, after one that was so wide: twice as much at most."""
        if not self._forward:
            return self._widest
        wanted = 2 * self._width
        if self._page and self._rows:
            wanted = min(wanted, int(width * PAGES * self._page / self._rows))
        return max(self._narrowest, min(self._widest, wanted))

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
