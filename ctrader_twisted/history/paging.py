"""Pages asked for, put in order, and made into tables: what is common to bars and ticks."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from twisted.logger import Logger

from ctrader_twisted.errors import HistoryIncomplete, OpenApiError, ServerError
from ctrader_twisted.history.fetching import TRANSIENT
from ctrader_twisted.history.moments import moment
from ctrader_twisted.history.plan import LAST_MS, Walk, Widths
from ctrader_twisted.history.tables import TIME, Bars, Ticks
from ctrader_twisted.market.calendar import DAY, WEEK, bar_grid
from ctrader_twisted.market.columns import read_bars
from ctrader_twisted.messages import ProtoOAGetTrendbarsReq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.history.fetching import Fetching
    from ctrader_twisted.market.columns import Column

_T = TypeVar("_T", Bars, Ticks)
_T_co = TypeVar("_T_co", covariant=True)

_log = Logger()


@dataclass(frozen=True, slots=True)
class Subject:
    """What history is of.

    :ivar account_id: ctidTraderAccountId.
    """

    account_id: int
    symbol_id: int
    symbol: str
    digits: int


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its columns by name, the time first, in the order in which they came."""

    columns: dict[str, Column]
    values: Column
    """What tells rows of one ms apart."""
    has_more: bool | None


@dataclass(slots=True)
class Latest:
    """What the server's clock has shown at least, as far as its history tells: all series of an account share it.

    :ivar at: when the newest row of any symbol was; ms, 0 while there was none.
    """

    at: int = 0

    def seen(self, times: Column) -> None:
        """There are rows of these ms."""
        if len(times):
            self.at = max(self.at, int(times.max()))


class Source(Protocol[_T_co]):
    """What a series draws from."""

    @property
    def what(self) -> str:
        """What it is, for errors."""

    @property
    def certain(self) -> int:
        """Everything before this has been given, and nothing will be added to it; ms."""

    @property
    def share(self) -> float:
        """How much of the time has been gone through, from 0 to 1."""

    @property
    def pages(self) -> int:
        """How many pages there were so far."""

    @property
    def rows(self) -> int:
        """How many rows there were in them."""

    @property
    def passed(self) -> Sequence[int]:
        """The ms of which there are more ticks than a page holds, so that some can't be had."""

    @property
    def late(self) -> str:
        """What to warn of once everything was given: that all of it lies after the server's newest; ``""`` if not."""

    async def next(self) -> _T_co | None:
        """Give the next window that is not empty, in ascending order; None if there is none. After an error it can be
        called again, and goes on with what is missing.
        """

    async def whole(self) -> _T_co:
        """Give everything in one table."""


class Paged(Generic[_T]):
    """Bars, or ticks of one side, over a span of time.

    :param subject: resolves the symbol, when the first page is asked for.
    :param start: ms; what is of this ms counts.
    :param end: ms; what is of this ms does not count.
    :param now: gives ms since the epoch by the clock here.
    :param latest: what other series know of the server's clock; it is told what this one learns.
    """

    unique: ClassVar[bool]
    """Whether no two rows are of one ms."""
    names: ClassVar[tuple[str, ...]]
    """The columns, the time first."""
    widest_whole: ClassVar[int | None] = None
    """ms that one request may cover; None if there is no such limit."""

    def __init__(
        self,
        subject: Callable[[], Deferred[Subject]],
        fetching: Fetching,
        start: int,
        end: int,
        now: Callable[[], int],
        *,
        latest: Latest | None = None,
    ) -> None:
        self._pages = 0
        self._rows = 0
        self._resolve = subject
        self._fetching = fetching
        self._start = start
        self._end = end
        self._open = end > LAST_MS  # until now, whenever that is
        self._certain = start
        self._present = start  # as far as is known
        self._now = now
        self._latest = Latest() if latest is None else latest
        self._newest: int | None = None  # bar of a minute, as soon as it is asked for
        self._nothing = start >= end  # is asked for
        self._subject: Subject | None = None
        self._forward: Walk | None = None
        self._pieces: deque[dict[str, Column]] = deque()
        self._passed: list[int] = []
        self._late = ""

    @property
    def what(self) -> str:
        """What it is: ``"EURUSD M1"``."""
        return self._named("history" if self._subject is None else self._subject.symbol)

    @property
    def reached(self) -> int:
        """Everything before this has been given; ms."""
        return self._start if self._forward is None else self._forward.reached

    @property
    def certain(self) -> int:
        """Everything before this has been given, and nothing will be added to it; ms.

        Without an end the time that was gone through reaches into the future: what is given says how far it was got.
        An end that is given is taken to be past.
        """
        return min(self.reached, self._certain) if self._open else self.reached

    @property
    def share(self) -> float:
        """How much of the time has been gone through, from 0 to 1."""
        end = (
            min(self._end, self._present) if self._start < self._present else self._end
        )  # what is to come takes no time
        return min(1.0, (self.reached - self._start) / max(1, end - self._start))

    @property
    def pages(self) -> int:
        """How many pages there were so far."""
        return self._pages

    @property
    def rows(self) -> int:
        """How many rows there were in them."""
        return self._rows

    @property
    def passed(self) -> Sequence[int]:
        """The ms of which there are more ticks than a page holds, so that some can't be had."""
        return self._passed

    @property
    def late(self) -> str:
        """What to warn of once everything was given: that all of it lies after the server's newest; ``""`` if not."""
        return self._late

    @property
    def end(self) -> int:
        """Where it ends, as far as is known."""
        return self._end

    @property
    def over(self) -> bool:
        """Whether everything has been given."""
        return self._forward is not None and self._forward.ask() is None

    async def next(self) -> _T | None:
        """Give the next window that is not empty; None if there is none."""
        while True:
            table = await self.window()
            if table is None:
                await self.look_if_late()
            if table is None or len(table):
                return table

    async def window(self) -> _T | None:
        """Give the next window, in which there may be nothing; None if there is none left."""
        subject = await self._prepared()
        if self._forward is None:
            self._forward = Walk(self._start, self._end, self.widths(), unique=self.unique, forward=True)
        walk = self._forward
        while walk.ask() is not None:
            try:
                complete = await self.step(walk, subject, self._pieces)
            except OpenApiError as error:
                raise incomplete(self, error, walk.reached) from error
            if complete:
                pieces, self._pieces = self._pieces, deque()
                table = self.joined(subject, pieces, last=walk.ask() is None)
                if len(table):
                    self._certain = self.certain_with(int(table.columns[TIME][-1]))
                return table
        return None

    def certain_with(self, newest: int) -> int:
        """Say before which moment nothing will be added, if this is the newest row's; ms."""
        return newest + self.unique

    async def _page(self, walk: Walk, subject: Subject) -> Page:
        while True:
            ask = walk.ask()
            assert ask is not None
            try:
                return self.read(await self._fetching.page(self.request(subject, *ask)))
            except ServerError as error:
                if error.code != "INCORRECT_BOUNDARIES" or not walk.narrow():
                    raise

    async def whole(self) -> _T:
        """Give everything in one table, paged backward: it takes the fewest requests."""
        backward = await self.backward()
        while not backward.over:
            try:
                await backward.step()
            except OpenApiError as error:
                raise incomplete(self, error, backward.reached, backward.table()) from error
        await self.look_if_late()
        return backward.table()

    async def backward(self) -> Backward[_T]:
        """Begin with everything, to be paged backward."""
        subject = await self._prepared(whole=True)
        widths = replace(self.widths(), widest=self.widest_whole or max(1, self._end - self._start))
        return Backward(self, subject, Walk(self._start, self._end, widths, unique=self.unique, forward=False))

    async def step(self, walk: Walk, subject: Subject, pieces: deque[dict[str, Column]]) -> bool:
        """Get a page, put its new rows to the pieces of a window, and give whether with them it is complete."""
        page = await self._page(walk, subject)
        times = page.columns[TIME]
        passed = len(walk.passed)
        taken = walk.take(times, page.values, page.has_more)
        self._pages += 1
        new = len(times[taken.rows])
        self._rows += new
        if new:
            self._latest.seen(times[taken.rows])
            piece = {name: column[taken.rows] for name, column in page.columns.items()}
            (pieces.append if taken.newer else pieces.appendleft)(piece)
        for at in walk.passed[passed:]:
            self._passed.append(at)
            _log.warn("{what}: some ticks of {at} can't be had: a page holds fewer", what=self.what, at=moment(at))
        if taken.complete and walk.barren:
            walk.leave_out_before(await self.begins(subject))
        return taken.complete

    async def _prepared(self, *, whole: bool = False) -> Subject:
        """Resolve the symbol, and look where the future begins: nothing is asked for there.

        :param whole: whether everything is to be had in one table, which is got from its end on.
        """
        if self._subject is None:
            subject = await self._resolve()
            now = self._now() + DAY
            if self._start >= now or now < self._end <= LAST_MS:  # or the clock here is wrong: the newest bar tells
                try:
                    now = max(now, await self._look_for_newest(subject) + DAY)
                except OpenApiError as error:
                    if self._start >= now or isinstance(error, TRANSIENT):  # else the clock here has to do
                        until, got = (self._end, self.joined(subject, (), last=True)) if whole else (self._start, None)
                        raise incomplete(self, error, until, got) from error
            self._present = now - DAY
            self._end = max(self._start, min(self._end, now))
            self._subject = subject
        return self._subject

    async def _look_for_newest(self, subject: Subject, *, patience: float | None = None) -> int:
        """Ask when the symbol's newest bar opened; ms, 0 if it has none.

        :param patience: seconds, as `Fetching.page` takes it.
        """
        if self._newest is None:
            bars = read_bars(await self._fetching.page(_newest(subject), patience=patience))
            self._newest = int(bars.opened.max()) if len(bars) else 0
            self._latest.seen(bars.opened)
        return self._newest

    async def look_if_late(self) -> None:
        """Find out whether everything that was asked for lies well after the symbol's newest bar, and so is nothing.

        The clock here is no proof of that: the server's may be another one, as a simulated venue's is. Nor is it a
        fault, as far as anybody can tell: the symbol may be traded no more. Markets are closed for days, so a week is
        left. What else the account's history has told of the server's time saves the request.
        """
        if self._rows or self._nothing or self._subject is None or self._start < self._latest.at + WEEK:
            return
        try:
            newest = await self._look_for_newest(self._subject, patience=0)
        except OpenApiError:
            return  # what was asked for is complete, and nobody is to wait for it any longer
        if newest and self._start >= newest + WEEK:
            # The same words for the same bar: whoever asks again and again is told once, as warnings are.
            self._late = (
                f"{self._subject.symbol}: the server has nothing as late as was asked for, its newest bar is of "
                f"{moment(newest).isoformat()}: begin earlier. Its clock may show another time than the one here, as "
                "a simulated venue's does: the timestamp of a quote has it"
            )

    def joined(self, subject: Subject, parts: Iterable[dict[str, Column]], *, last: bool) -> _T:
        """Make a table of parts of it, which are in ascending order.

        :param last: whether nothing comes after it.
        """
        pieces = list(parts)
        if pieces:
            joined = np.concatenate if len(pieces) > 1 else _alone
            columns = {name: joined([piece[name] for piece in pieces]) for name in pieces[0]}
        else:
            columns = {name: np.zeros(0, np.int64) for name in self.names}
        return self.table(subject, columns, last=last)

    async def begins(self, subject: Subject) -> int:
        """Say before which moment there is nothing, for sure; ms. It is asked where a wide window was empty."""
        return 0

    @abstractmethod
    def _named(self, symbol: str) -> str:
        """Say what it is of this symbol."""

    @abstractmethod
    def widths(self) -> Widths:
        """Say how wide the windows are."""

    @abstractmethod
    def request(self, subject: Subject, first: int, last: int) -> Message:
        """Make the request for a page."""

    @abstractmethod
    def read(self, payload: bytes) -> Page:
        """Read an answer."""

    @abstractmethod
    def table(self, subject: Subject, columns: dict[str, Column], *, last: bool) -> _T:
        """Make a table.

        :param last: whether nothing comes after it.
        """


class Backward(Generic[_T]):
    """Everything, paged backward: it takes the fewest requests."""

    def __init__(self, paged: Paged[_T], subject: Subject, walk: Walk) -> None:
        self._paged: Paged[_T] = paged
        self._subject = subject
        self._walk = walk
        self._pieces: deque[dict[str, Column]] = deque()  # of the windows that are complete
        self._window: deque[dict[str, Column]] = deque()

    @property
    def over(self) -> bool:
        """Whether everything has been got."""
        return self._walk.ask() is None

    @property
    def reached(self) -> int:
        """Everything from here on has been got."""
        return self._walk.reached

    async def step(self) -> None:
        """Get a page."""
        if await self._paged.step(self._walk, self._subject, self._window):
            self._pieces.extendleft(reversed(self._window))
            self._window.clear()

    def table(self) -> _T:
        """Give everything from `reached` on."""
        table: _T = self._paged.joined(self._subject, (*self._window, *self._pieces), last=True)
        part: _T = table[int(np.searchsorted(table.columns[TIME], self.reached)) :]
        return part


def incomplete(source: Source[object], error: OpenApiError, until: int, got: object = None) -> OpenApiError:
    """Say how far it was got; what is wrong with the very first page, and for good, speaks for itself."""
    if not source.pages and not isinstance(error, TRANSIENT):
        return error
    return HistoryIncomplete(source.what, moment(until), str(error), got)


def _alone(columns: list[Column]) -> Column:
    return np.ascontiguousarray(columns[0])


def _newest(subject: Subject) -> Message:
    """Ask for the newest bars there are: ``count`` counts back from the end, and the running one may not be given."""
    return ProtoOAGetTrendbarsReq(
        ctidTraderAccountId=subject.account_id,
        symbolId=subject.symbol_id,
        period=bar_grid("M1").period,
        toTimestamp=LAST_MS,
        count=10,
    )
