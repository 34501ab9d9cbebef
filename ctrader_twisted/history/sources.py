"""The pages of bars, of ticks, and of bid and ask joined: read, put in order, made into tables."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import numpy as np

from ctrader_twisted.errors import HistoryIncomplete, OpenApiError, ServerError
from ctrader_twisted.history.fetching import TRANSIENT
from ctrader_twisted.history.plan import LAST_MS, Walk, Widths
from ctrader_twisted.history.tables import Bars, QuoteTicks, Ticks, concat, moment
from ctrader_twisted.market.calendar import DAY, HOUR, LENGTHS, SECOND, WEEK, bar_grid
from ctrader_twisted.market.columns import read_bars, read_ticks
from ctrader_twisted.market.joining import Joining, Side
from ctrader_twisted.messages import ProtoOAGetTickDataReq, ProtoOAGetTrendbarsReq, ProtoOAQuoteType

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.history.fetching import Fetching
    from ctrader_twisted.market.columns import Column

_T = TypeVar("_T", Bars, Ticks)
_T_co = TypeVar("_T_co", covariant=True)

PAGE: Final = 14_000
"""Bars that a first window would hold if there were one in each period; the windows go by the server's pages then."""

_WIDENED: Final = 32
"""How many times the first window's width a window of bars grows to, where there are none."""


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


class Source(Protocol[_T_co]):
    """What a series draws from."""

    @property
    def what(self) -> str:
        """What it is, for errors."""

    @property
    def reached(self) -> int:
        """Everything before this has been given; ms."""

    @property
    def share(self) -> float:
        """How much of the time has been gone through, from 0 to 1."""

    @property
    def pages(self) -> int:
        """How many pages there were so far."""

    @property
    def rows(self) -> int:
        """How many rows there were in them."""

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
    """

    unique: bool
    """Whether no two rows are of one ms."""
    names: tuple[str, ...]
    """The columns, the time first."""
    widest_whole: int | None = None
    """ms that one request may cover; None if there is no such limit."""

    def __init__(
        self,
        subject: Callable[[], Deferred[Subject]],
        fetching: Fetching,
        start: int,
        end: int,
        now: Callable[[], int],
    ) -> None:
        self._pages = 0
        self._rows = 0
        self._resolve = subject
        self._fetching = fetching
        self._start = start
        self._end = end
        self._now = now
        self._subject: Subject | None = None
        self._forward: Walk | None = None
        self._pieces: list[dict[str, Column]] = []

    @property
    def what(self) -> str:
        """What it is: ``"EURUSD M1"``."""
        return self._named("history" if self._subject is None else self._subject.symbol)

    @property
    def reached(self) -> int:
        """Everything before this has been given; ms."""
        return self._start if self._forward is None else self._forward.reached

    @property
    def share(self) -> float:
        """How much of the time has been gone through, from 0 to 1."""
        return (self.reached - self._start) / max(1, self._end - self._start)

    @property
    def pages(self) -> int:
        """How many pages there were so far."""
        return self._pages

    @property
    def rows(self) -> int:
        """How many rows there were in them."""
        return self._rows

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
            if table is None or len(table):
                return table

    async def window(self) -> _T | None:
        """Give the next window, in which there may be nothing; None if there is none left."""
        subject = await self._prepared()
        if self._forward is None:
            self._forward = Walk(self._start, self._end, self.widths(), unique=self.unique, forward=True)
        walk = self._forward
        while True:
            if walk.ask() is None:
                return None
            try:
                complete = await self._step(walk, subject, self._pieces)
            except OpenApiError as error:
                raise self._incomplete(error, walk.reached) from error
            if complete:
                pieces, self._pieces = self._pieces, []
                return self._table(subject, pieces[::-1], last=walk.ask() is None)

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
        subject = await self._prepared()
        widths = replace(self.widths(), widest=self.widest_whole or max(1, self._end - self._start))
        walk = Walk(self._start, self._end, widths, unique=self.unique, forward=False)
        pieces: list[dict[str, Column]] = []
        while walk.ask() is not None:
            try:
                await self._step(walk, subject, pieces)
            except OpenApiError as error:
                got = self._table(subject, pieces[::-1], last=True)
                raise self._incomplete(error, walk.reached, got) from error
        return self._table(subject, pieces[::-1], last=True)

    async def _step(self, walk: Walk, subject: Subject, pieces: list[dict[str, Column]]) -> bool:
        """Get a page, and give whether with it a window is complete."""
        page = await self._page(walk, subject)
        times = next(iter(page.columns.values()))
        taken = walk.take(times, page.values, page.has_more)
        self._pages += 1
        new = len(times[taken.rows])
        self._rows += new
        if new:
            pieces.append({name: column[taken.rows] for name, column in page.columns.items()})
        return taken.complete

    def _incomplete(self, error: OpenApiError, until: int, got: _T | None = None) -> OpenApiError:
        """Say how far it was got; what is wrong with the very first page, and for good, speaks for itself."""
        if not self._pages and not isinstance(error, TRANSIENT):
            return error
        return HistoryIncomplete(self.what, moment(until), str(error), got)

    async def _prepared(self) -> Subject:
        """Resolve the symbol, and look where the future begins: nothing is asked for there."""
        if self._subject is None:
            subject = await self._resolve()
            now = self._now() + DAY
            if self._start >= now:  # or the clock here is not the server's: its newest bar tells
                try:
                    newest = read_bars(await self._fetching.page(_newest(subject)))
                except OpenApiError as error:
                    raise self._incomplete(error, self._start) from error
                now = int(newest.opened.max()) + DAY if len(newest) else self._start
            self._end = max(self._start, min(self._end, now))
            self._subject = subject
        return self._subject

    def _table(self, subject: Subject, pieces: list[dict[str, Column]], *, last: bool) -> _T:
        if pieces:
            joined = np.concatenate if len(pieces) > 1 else _alone
            columns = {name: joined([piece[name] for piece in pieces]) for name in pieces[0]}
        else:
            columns = {name: np.zeros(0, np.int64) for name in self.names}
        return self.table(subject, columns, last=last)

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


class BarPages(Paged[Bars]):
    """Bars of a period.

    :param period: its name.
    :param running: whether to give the newest bar, too, if it is not closed yet by the clock here.
    """

    unique = True
    names = ("opened", "open", "high", "low", "close", "ticks")

    def __init__(
        self,
        subject: Callable[[], Deferred[Subject]],
        fetching: Fetching,
        start: int,
        end: int,
        now: Callable[[], int],
        *,
        period: str,
        running: bool = False,
    ) -> None:
        super().__init__(subject, fetching, start, end, now)
        self._period = period
        self._running = running

    def _named(self, symbol: str) -> str:
        return f"{symbol} {self._period}"

    def widths(self) -> Widths:
        """As many periods as bars are expected in a page."""
        length = LENGTHS[self._period]
        return Widths(PAGE * length, _WIDENED * PAGE * length, length)

    def request(self, subject: Subject, first: int, last: int) -> Message:
        """Make the request for a page; without ``count``, which would win over its beginning (observed)."""
        return ProtoOAGetTrendbarsReq(
            ctidTraderAccountId=subject.account_id,
            symbolId=subject.symbol_id,
            period=bar_grid(self._period).period,
            fromTimestamp=first,
            toTimestamp=last,
        )

    def read(self, payload: bytes) -> Page:
        """Read an answer."""
        page = read_bars(payload)
        return Page({name: getattr(page, name) for name in self.names}, page.opened, page.has_more)

    def table(self, subject: Subject, columns: dict[str, Column], *, last: bool) -> Bars:
        """Make a table, the newest bar left out if it is not to be given and still running."""
        opened = columns["opened"]
        if last and not self._running and len(opened):
            now, newest = self._now(), int(opened[-1])
            # What began long after now is of another clock than the one here, which can't tell.
            if newest - DAY < now < bar_grid(self._period).next_opening(newest):
                columns = {name: column[:-1] for name, column in columns.items()}
        return Bars(subject.symbol, subject.symbol_id, subject.digits, columns, self._period)


class TickPages(Paged[Ticks]):
    """Ticks of one side.

    :param side: ProtoOAQuoteType.
    """

    unique = False
    names = ("at", "price")
    widest_whole = WEEK  # more is refused (documented)

    def __init__(
        self,
        subject: Callable[[], Deferred[Subject]],
        fetching: Fetching,
        start: int,
        end: int,
        now: Callable[[], int],
        *,
        side: int,
    ) -> None:
        super().__init__(subject, fetching, start, end, now)
        self._side = side

    def _named(self, symbol: str) -> str:
        return f"{symbol} {'bid' if self._side == ProtoOAQuoteType.BID else 'ask'}"

    def widths(self) -> Widths:
        """An hour at first."""
        return Widths(HOUR, WEEK, SECOND)

    def request(self, subject: Subject, first: int, last: int) -> Message:
        """Make the request for a page."""
        return ProtoOAGetTickDataReq(
            ctidTraderAccountId=subject.account_id,
            symbolId=subject.symbol_id,
            type=ProtoOAQuoteType(self._side),
            fromTimestamp=first,
            toTimestamp=last,
        )

    def read(self, payload: bytes) -> Page:
        """Read an answer."""
        page = read_ticks(payload)
        return Page({"at": page.at, "price": page.price}, page.price, page.has_more)

    def table(self, subject: Subject, columns: dict[str, Column], *, last: bool) -> Ticks:
        """Make a table."""
        return Ticks(subject.symbol, subject.symbol_id, subject.digits, columns, self._side)


class QuotePages:
    """Bid and ask ticks, joined as far as both are known."""

    def __init__(self, bids: TickPages, asks: TickPages) -> None:
        self._sides = (bids, asks)
        self._kept: tuple[list[Ticks], list[Ticks]] = ([], [])
        self._joining = Joining()

    @property
    def what(self) -> str:
        """What it is: ``"EURUSD quotes"``."""
        return f"{self._sides[0].what.removesuffix(' bid')} quotes"

    @property
    def reached(self) -> int:
        """Everything before this has been given; ms."""
        return min(side.reached for side in self._sides)

    @property
    def share(self) -> float:
        """How much of the time has been gone through, from 0 to 1."""
        return sum(side.share for side in self._sides) / 2

    @property
    def pages(self) -> int:
        """How many pages of either side there were so far."""
        return sum(side.pages for side in self._sides)

    @property
    def rows(self) -> int:
        """How many ticks of either side there were so far."""
        return sum(side.rows for side in self._sides)

    async def next(self) -> QuoteTicks | None:
        """Give the next quotes; None if there are none left."""
        while not all(side.over for side in self._sides):
            which = min((index for index in (0, 1) if not self._sides[index].over), key=self._reached)
            try:
                window = await self._sides[which].window()
            except HistoryIncomplete as error:
                raise HistoryIncomplete(self.what, moment(self.reached), error.reason) from error.__cause__
            if window is not None and len(window):
                self._kept[which].append(window)
            quotes = self._joined(self.reached)
            if quotes is not None and len(quotes):
                return quotes
        return None

    async def whole(self) -> QuoteTicks:
        """Give everything in one table."""
        got: list[Ticks] = []
        for side in self._sides:
            try:
                got.append(await side.whole())
            except HistoryIncomplete as error:
                # Quotes there are as far as both sides were got.
                both = [table.between(error.until, moment(LAST_MS)) for table in (*got, error.got)]
                joined = _quotes(both[0], both[1], Joining()) if len(both) == 2 else None
                until = error.until if len(both) == 2 else moment(side.end)
                raise HistoryIncomplete(self.what, until, error.reason, joined) from error.__cause__
        return _quotes(got[0], got[1], Joining())

    def _reached(self, which: int) -> int:
        return self._sides[which].reached

    def _joined(self, until: int) -> QuoteTicks | None:
        """Join what both sides have given before ``until``."""
        some = next((kept[0][:0] for kept in self._kept if kept), None)
        if some is None:
            return None
        pieces: list[Ticks] = []
        for kept in self._kept:
            table = concat(kept) if kept else some
            stop = int(np.searchsorted(table.at, until))
            kept[:] = [table[stop:]] if stop < len(table) else []
            pieces.append(table[:stop])
        return _quotes(pieces[0], pieces[1], self._joining)


def _alone(columns: list[Column]) -> Column:
    return np.ascontiguousarray(columns[0])


def _quotes(bids: Ticks, asks: Ticks, joining: Joining) -> QuoteTicks:
    joined = joining.feed(Side(bids.at, bids.scaled), Side(asks.at, asks.scaled))
    return QuoteTicks(bids.symbol, bids.symbol_id, bids.digits, joined._asdict())


def _newest(subject: Subject) -> Message:
    """Ask for the newest bars there are: ``count`` counts back from the end, and the running one may not be given."""
    return ProtoOAGetTrendbarsReq(
        ctidTraderAccountId=subject.account_id,
        symbolId=subject.symbol_id,
        period=bar_grid("M1").period,
        toTimestamp=LAST_MS,
        count=10,
    )
