"""Rows and gaps of one symbol, counted while its tables pass."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ctrader_twisted.cli.files.contents import Contents, bounds
from ctrader_twisted.history.gaps import Gap, Why, gaps
from ctrader_twisted.history.tables import concat, moment

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
    :ivar holes: where an open market had nothing for longer than there can be nothing.
    :ivar quiet: where it had nothing for a while: how often, and for how long in all.
    :ivar closed: how often it was closed.
    :ivar late: whether the first row is later than an open market lets expect.
    :ivar tail: the newest rows.
    """

    def __init__(self, contents: Contents, hours: Hours | None) -> None:
        self.rows = 0
        self.first = 0
        self.last = 0
        self.holes: list[Gap] = []
        self.quiet = (0, timedelta())
        self.closed = 0
        self.late = False
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
        times = np.append(self.last, table.columns[table.time]) if self.rows else table.columns[table.time]
        wrong = np.flatnonzero(np.diff(times) < min(step, 1))
        if len(wrong):
            before, after = (moment(int(at)).isoformat() for at in times[wrong[0] : wrong[0] + 2])
            raise OutOfOrder(f"{after} comes after {before}")
        if self.rows:
            self._note(table, self.last + step, last + max(step, 1))
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

    def until(self, end: int) -> None:
        """Say that there is nothing more to before ``end``, in ms."""
        if self.tail is not None:
            self._note(self.tail[:0], self.last + self._contents.step, end)

    def _note(self, table: Table[Any], start: int, end: int) -> None:
        for gap in gaps(table, moment(start), moment(end), hours=self._hours):
            if gap.why is Why.HOLE:
                self.holes.append(gap)
            elif gap.why is Why.CLOSED:
                self.closed += 1
            else:
                count, length = self.quiet
                self.quiet = count + 1, length + (gap.end - gap.start)
