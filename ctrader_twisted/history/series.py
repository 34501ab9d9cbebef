"""History as it is had: table after table, with back-pressure, or as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from ctrader_twisted.errors import ClientClosed
from ctrader_twisted.history.asking import asking_line
from ctrader_twisted.history.moments import moment

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

    from ctrader_twisted.history.asking import Line
    from ctrader_twisted.history.paging import Source

_R = TypeVar("_R")
_T = TypeVar("_T")


class Series(Generic[_T]):
    """Bars, ticks or quotes of a span of time.

    Iterate over it for one table after another, the oldest first::

        async for bars in account.bars("EURUSD", "M1", start, end):
            ...

    or await `whole` for all of it in one table. Nothing is asked for before that. When a table is taken the next one is
    asked for, and no more: whoever reads slowly holds up the asking, and memory is that of two tables.

    An error that no waiting could mend is raised where it happens, as a `HistoryIncomplete` that says how far it was
    got; iterate again to go on from there. A series is iterated once.
    """

    def __init__(self, source: Source[_T]) -> None:
        self._source = source
        self._ahead: Deferred[_T | None] | None = None  # what is being fetched
        self._result: list[_T | None | Failure] = []  # what was fetched and not taken
        self._reader: Deferred[_T] | None = None
        self._whole: Deferred[_T] | None = None
        self._ended: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Series of {self.what}: {self.rows} rows in {self.pages} pages>"

    def __aiter__(self) -> Series[_T]:
        return self

    def __anext__(self) -> Deferred[_T]:
        """Give the next table: a Deferred, which fails with `HistoryIncomplete` where something is missing."""
        if self._reader is not None:
            return fail(RuntimeError(f"somebody waits for the next table of {self.what} already"))
        if self._result:
            return self._give(self._result.pop())
        if self._ended is not None:
            return fail(self._ended)
        reader = self._reader = Deferred(self._leave)
        if self._ahead is None:
            self._fetch()
        return reader

    def whole(self) -> Deferred[_T]:
        """Get all of it.

        :return: a new Deferred that fires with one table. It fails with `HistoryIncomplete`, whose `got` is the newer
            part of it; with `UnknownSymbol`; with a `ServerError` if the server refuses; with `ClientClosed`.
        """
        if self._ended is not None and not isinstance(self._ended, StopAsyncIteration):
            return fail(self._ended)
        if self._whole is not None:
            return fail(RuntimeError(f"the whole of {self.what} is being fetched already"))
        self._whole = Deferred.fromCoroutine(self._warning(self._source.whole(), asking_line()))
        return self._whole.addBoth(self._got_whole)

    def close(self) -> None:
        """Ask for nothing more: the iteration ends."""
        self._end(StopAsyncIteration())

    def client_closed(self) -> None:
        """The client was closed: what waits fails with `ClientClosed`."""
        self._end(ClientClosed())

    @property
    def what(self) -> str:
        """What it is of: ``"EURUSD M1"``; the symbol's name is known once the first page is asked for."""
        return self._source.what

    @property
    def pages(self) -> int:
        """How many pages came so far."""
        return self._source.pages

    @property
    def rows(self) -> int:
        """How many rows came so far."""
        return self._source.rows

    @property
    def share(self) -> float:
        """How much of the time has been gone through by iterating, from 0 to 1."""
        return self._source.share

    @property
    def reached(self) -> datetime:
        """Everything before this has been got by iterating, and nothing will be added to it: go on from here later on.

        Without an end it is where the newest row was: of what is after that nobody knows yet. An end that is given is
        taken to be past: what comes before one that is still to come is missed by whoever goes on from there.
        """
        return moment(self._source.certain)

    @property
    def passed_over(self) -> tuple[datetime, ...]:
        """The ms of which some ticks are left out: there are more than a page holds, and less than a ms can't be asked
        for. A warning is logged for each."""
        return tuple(moment(at) for at in self._source.passed)

    def _fetch(self) -> None:
        self._ahead = Deferred.fromCoroutine(self._warning(self._source.next(), asking_line()))
        self._ahead.addBoth(self._arrived)

    async def _warning(self, getting: Coroutine[Deferred[Any], Any, _R], line: Line) -> _R:
        """Get something, and warn the line that asked for it of what was found out meanwhile."""
        got = await getting
        if self._source.late:
            line.warn(self._source.late)
        return got

    def _arrived(self, result: _T | None | Failure) -> None:
        self._ahead = None
        if self._ended is not None:
            return
        reader, self._reader = self._reader, None
        if reader is None:
            self._result.append(result)
        else:
            self._give(result).chainDeferred(reader)

    def _give(self, result: _T | None | Failure) -> Deferred[_T]:
        """Give what came, and begin with what comes after it."""
        if isinstance(result, Failure):
            return fail(result)
        if result is None:
            self._ended = StopAsyncIteration()
            return fail(self._ended)
        if self._ended is None:
            self._fetch()
        return succeed(result)

    def _leave(self, reader: Deferred[_T]) -> None:
        """The reader waits no longer; what it waited for goes to the next."""
        self._reader = None

    def _got_whole(self, result: _T | Failure) -> _T | Failure:
        self._whole = None
        if isinstance(result, Failure) and result.check(CancelledError) and isinstance(self._ended, ClientClosed):
            return Failure(self._ended)
        return result

    def _end(self, why: BaseException) -> None:
        if self._ended is not None and self._whole is None:  # one may be fetched when the iteration is over
            return
        self._ended = why
        self._result.clear()
        for under_way in (self._ahead, self._whole):
            if under_way is not None:
                under_way.cancel()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.errback(Failure(why))
