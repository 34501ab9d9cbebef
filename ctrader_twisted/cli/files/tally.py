"""Rows and gaps of one symbol, counted while its tables pass."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ctrader_twisted.cli.files.contents import Contents, bounds
from ctrader_twisted.history.gaps import Gap, Why, gaps
from ctrader_twisted.history.moments import moment
from ctrader_twisted.history.tables import TIME, concat

if TYPE_CHECKING:
    from ctrader_twisted.history.gaps import Hours
    from ctrader_twisted.history.tables import Table


class OutOfOrder(Exception):
    """Rows are not in the order of time."""


class Tally:
    """Counts.

    :param hours: when the market is open, or None if nobody knows.

    :ivar rows: how many there were.
    :ivar first: the time of the first, in ms.
    :ivar last: of the last.
    :ivar holes: where an open market had nothing for longer than there can be nothing; where nobody knows when it is
        open, where there was nothing for that long.
    :ivar hours_known: whether what is closed can be told from what is missing.
    :ivar quiet: where it had nothing for a while: how often, and for how long in all.
    :ivar closed: how often it was closed.
    :ivar late: whether the first row is later than an open market lets expect.
    :ivar newest: where the server's bars end, in ms, where that is why an open market has nothing more; None else.
    :ivar tail: the newest rows.
    """

    def __init__(self, contents: Contents, hours: Hours | None) -> None:
        self.rows: int = 0
        self.first: int = 0
        self.last: int = 0
        self.holes: list[Gap] = []
        self.quiet: tuple[int, timedelta] = (0, timedelta())
        self.closed: int = 0
        self.late: bool = False
        self.hours_known: bool = hours is not None
        self.newest: int | None = None
        self.tail: Table[Any] | None = None
        self._contents = contents
        self._hours = hours

    def take(self, table: Table[Any]) -> None:
        """Take the next rows in.

        :raises OutOfOrder: if they are not later than those before.
        """
        if not len(table):
            return
        first, last = bounds(table)
        step = self._contents.step
        times = np.append(self.last, table.columns[TIME]) if self.rows else table.columns[TIME]
        wrong = np.flatnonzero(np.diff(times) < min(step, 1))
        if len(wrong):
            before, after = (moment(int(at)).isoformat() for at in times[wrong[0] : wrong[0] + 2])
            raise OutOfOrder(f"{after} comes after {before}")
        if self.rows:
            self._note(table, self._contents.after(self.last), last + max(step, 1))
        else:
            self.first = first
            self._note(table, first, last + max(step, 1))
        self.rows += len(table)
        self.last = last
        self.tail = table if self.tail is None or len(table) > 1000 else concat([self.tail[-1000:], table])

    def begun(self, start: int) -> None:
        """Say that everything was asked for from ``start`` on, in ms."""
        if self.tail is not None and start < self.first:
            before = gaps(self.tail[:0], moment(start), moment(self.first), hours=self._hours)
            self.late = any(gap.why is Why.HOLE for gap in before)

    def lacks(self, end: int) -> bool:
        """Say whether an open market lets expect something between the last row and ``end``, in ms."""
        return any(gap.why is not Why.CLOSED for gap in self._after(end))

    def until(self, end: int, newest: int | None = None) -> None:
        """Say that there is nothing more to before ``end``, in ms.

        :param newest: where the server's newest bar of a minute ends, if that is known: what is later is not missing.
        """
        if newest is not None and newest < end:
            if any(gap.why is Why.HOLE for gap in self._after(end)):
                self.newest = newest
            end = newest
        if self.tail is not None:
            self._note(self.tail[:0], self._contents.after(self.last), end)

    def _after(self, end: int) -> list[Gap]:
        if self.tail is None:
            return []
        return gaps(self.tail[:0], moment(self._contents.after(self.last)), moment(end), hours=self._hours)

    def _note(self, table: Table[Any], start: int, end: int) -> None:
        for gap in gaps(table, moment(start), moment(end), hours=self._hours):
            if gap.why is Why.HOLE:
                self.holes.append(gap)
            elif gap.why is Why.CLOSED:
                self.closed += 1
            else:
                count, length = self.quiet
                self.quiet = count + 1, length + (gap.end - gap.start)
