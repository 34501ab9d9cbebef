"""History, table after table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ctrader_twisted.blocking.calls import patiently
from ctrader_twisted.blocking.streams import Closes
from ctrader_twisted.faces import Reads
from ctrader_twisted.history import series
from ctrader_twisted.history.asking import asking_line

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

_T = TypeVar("_T")


class Series(Closes, Generic[_T], of=series.Series):
    """Bars, ticks or quotes of a span of time, iterated table after table, the oldest first.

    The next table is asked for when one is taken, and no more. How long one is waited for is the ``patience`` that the
    series was asked with, unless there is a ``with timeout(…)``. What no waiting could mend is raised where it happens,
    as a `HistoryIncomplete`; iterate again to go on from there. A series is iterated once.
    """

    what: Reads[str] = Reads()
    pages: Reads[int] = Reads()
    rows: Reads[int] = Reads()
    share: Reads[float] = Reads()
    reached: Reads[datetime] = Reads()
    passed_over: Reads[tuple[datetime, ...]] = Reads()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T:
        """Give the next table."""
        try:
            table: _T = self._asks("__anext__")
        except StopAsyncIteration:
            raise StopIteration from None
        return table

    def whole(self) -> _T:
        """Get all of it in one table; it raises `HistoryIncomplete`, whose `got` is the newer part of it."""
        table: _T = self._asks("whole")
        return table

    def _asks(self, name: str) -> Any:
        """Ask in the name of the line that calls: the reactor's thread knows nothing of it."""
        line = asking_line()
        return self._link.wait(
            f"{type(self).__name__}.{name}()", lambda: line.asks(getattr(self._inner, name)), patiently()
        )
