"""An account's history: symbols and periods by name, aware datetimes.

What needs numpy is imported when history is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar
from weakref import WeakSet

from twisted.internet.defer import Deferred

from ctrader_twisted.errors import ClientClosed, ExtraMissing, HistoryRefused
from ctrader_twisted.history.moments import ms_of
from ctrader_twisted.market.calendar import LENGTHS, bar_grid
from ctrader_twisted.market.symbols import Symbol
from ctrader_twisted.messages import ProtoOAQuoteType

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from google.protobuf.message import Message

    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.history.fetching import Fetching
    from ctrader_twisted.history.paging import Latest, Source, Subject
    from ctrader_twisted.history.series import Series
    from ctrader_twisted.history.sources import TickPages
    from ctrader_twisted.history.tables import Bars, QuoteTicks, Ticks
    from ctrader_twisted.host import Host

Side: TypeAlias = Literal["bid", "ask"]

_T = TypeVar("_T")
_LAST_MS: Final = 2_147_483_646_000  # the latest moment that the protocol knows
_SIDES: Final = {"bid": ProtoOAQuoteType.BID, "ask": ProtoOAQuoteType.ASK}


class MarketData:
    """Makes series of history.

    :param account_id: its ctidTraderAccountId.
    :param standing: says when the account stands.
    :param lookup: knows its symbols.
    """

    def __init__(self, account_id: int, client: Host, standing: Standing, lookup: Lookup) -> None:
        self._account_id = account_id
        self._client = client
        self._standing = standing
        self._lookup = lookup
        self._series: WeakSet[Series[Any]] = WeakSet()
        self._latest: Latest | None = None

    def bars(
        self,
        symbol: str | Symbol,
        period: str | int,
        start: datetime,
        end: datetime | None,
        *,
        running: bool,
        patience: float | None,
    ) -> Series[Bars]:
        """Give bars; see `Account.bars`."""
        need_numpy()
        from ctrader_twisted.history.sources import BarPages

        first, stop = _span(start, end)
        name = _period_named(period)
        fetching = self._fetching(patience)
        latest = self._server_time()
        return self._made(
            BarPages(
                self._subject(symbol), fetching, first, stop, self._now, period=name, running=running, latest=latest
            )
        )

    def ticks(
        self, symbol: str | Symbol, side: Side, start: datetime, end: datetime | None, *, patience: float | None
    ) -> Series[Ticks]:
        """Give ticks of one side; see `Account.ticks`."""
        need_numpy()
        return self._made(self._tick_pages(symbol, side, start, end, patience))

    def quote_ticks(
        self, symbol: str | Symbol, start: datetime, end: datetime | None, *, patience: float | None
    ) -> Series[QuoteTicks]:
        """Give ticks of both sides, joined; see `Account.quote_ticks`."""
        need_numpy()
        from ctrader_twisted.history.both_sides import QuotePages

        bids, asks = (self._tick_pages(symbol, side, start, end, patience) for side in _SIDES)
        return self._made(QuotePages(bids, asks))

    def close(self) -> None:
        """The client was closed: what waits fails with `ClientClosed`."""
        for series in list(self._series):
            series.client_closed()

    def _tick_pages(
        self, symbol: str | Symbol, side: str, start: datetime, end: datetime | None, patience: float | None
    ) -> TickPages:
        from ctrader_twisted.history.sources import TickPages

        which = _SIDES.get(str(side).lower())
        if which is None:
            raise HistoryRefused(f"there is no side {side!r}", 'give "bid" or "ask"')
        first, stop = _span(start, end)
        fetching = self._fetching(patience)
        latest = self._server_time()
        return TickPages(self._subject(symbol), fetching, first, stop, self._now, side=which, latest=latest)

    def _server_time(self) -> Latest:
        """Give what history has told of the server's clock so far."""
        from ctrader_twisted.history.paging import Latest

        if self._latest is None:
            self._latest = Latest()
        return self._latest

    def _fetching(self, patience: float | None) -> Fetching:
        from ctrader_twisted.history.fetching import PATIENCE, Fetching

        return Fetching(
            self._ask,
            lambda: Deferred.fromCoroutine(self._standing.when_known()),
            self._client.clock,
            patience=PATIENCE if patience is None else patience,
        )

    def _made(self, source: Source[_T]) -> Series[_T]:
        from ctrader_twisted.history.series import Series

        series = Series(source)
        if self._standing.closed:
            series.client_closed()
        self._series.add(series)
        return series

    def _ask(self, message: Message, timeout: float) -> Deferred[Any]:
        return self._client.request_unread(message, timeout=timeout)

    def _subject(self, symbol: str | Symbol) -> Callable[[], Deferred[Subject]]:
        """Say how to find a symbol, which is done when it begins."""
        if not isinstance(symbol, (str, Symbol)):
            raise HistoryRefused(f"{symbol!r} is no symbol", 'give its name, such as "EURUSD", or a Symbol')
        return lambda: Deferred.fromCoroutine(self._resolved(symbol))

    async def _resolved(self, symbol: str | Symbol) -> Subject:
        from ctrader_twisted.history.paging import Subject

        if self._standing.closed:
            raise ClientClosed
        found = symbol if isinstance(symbol, Symbol) else await self._lookup.symbol(symbol)
        return Subject(self._account_id, found.symbol_id, found.name, found.digits)

    def _now(self) -> int:
        now: int = round(self._client.clock.seconds() * 1000)
        return now


class History:
    """The history of an account, as `ctrader_twisted.account.Account` has it. Needs numpy (the extra ``data``)."""

    _market_data: MarketData

    def bars(
        self,
        symbol: str | Symbol,
        period: str | int,
        start: datetime,
        end: datetime | None = None,
        *,
        running: bool = False,
        patience: float | None = None,
    ) -> Series[Bars]:
        """Give the bars that open from ``start`` to before ``end``: bid prices, none where there were no ticks.

        Nothing is asked for before the series is iterated or its `whole` is called.

        :param symbol: a name as for `Account.symbol`, or the symbol itself.
        :param period: ``"M1"``, ``"H4"``, …, in any case, its length such as ``"1h"``, or a number of
            ProtoOATrendbarPeriod.
        :param start: with a time zone.
        :param end: likewise; None for now. Where all of it lies a week or more after the newest bar that the server
            has, as by a clock that is not the server's, there is nothing, and a ``UserWarning`` says so.
        :param running: whether to give the newest bar, too, if it is still running.
        :param patience: seconds without a page after which nothing more is waited for: quotas, losses, outages; 15
            minutes unless given.
        :return: an iterator of `Bars`, table after table, the oldest first. The symbol is looked for when it begins:
            it fails with `UnknownSymbol` or `AmbiguousSymbol` then, else as `Series` says.
        :raises HistoryRefused: if the symbol is neither, the period is unknown, a time is no datetime or has no zone,
            or the end is before the start.
        :raises ExtraMissing: if numpy is not installed.
        """
        return self._market_data.bars(symbol, period, start, end, running=running, patience=patience)

    def ticks(
        self,
        symbol: str | Symbol,
        side: Side,
        start: datetime,
        end: datetime | None = None,
        *,
        patience: float | None = None,
    ) -> Series[Ticks]:
        """Give the ticks of one side from ``start`` to before ``end``; arguments and result as for `bars`.

        :param side: ``"bid"`` or ``"ask"``.
        """
        return self._market_data.ticks(symbol, side, start, end, patience=patience)

    def quote_ticks(
        self,
        symbol: str | Symbol,
        start: datetime,
        end: datetime | None = None,
        *,
        patience: float | None = None,
    ) -> Series[QuoteTicks]:
        """Give the ticks of both sides joined, from the moment on at which both are known; otherwise as `ticks`.

        Each quote is what stood after a change of either side (`ctrader_twisted.market.joining`). It takes the requests
        of both sides.
        """
        return self._market_data.quote_ticks(symbol, start, end, patience=patience)


def need_numpy() -> None:
    """Make sure that history can be had.

    :raises ExtraMissing: if numpy is not installed.
    """
    try:
        import numpy  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise ExtraMissing("numpy", "history", "ctrader_twisted[data]") from error


def _period_named(period: str | int) -> str:
    known = ", ".join(LENGTHS)
    try:
        grid = bar_grid(period)
    except (ValueError, TypeError):
        raise HistoryRefused(f"there is no period {period!r}", f"give one of {known}, or a length such as 1h") from None
    if not grid.period:
        raise HistoryRefused(
            f"the server has no bars of {period!r}",
            f"give one of {known}, or make them of ticks: ctrader_twisted.market.bars_of",
        )
    return grid.name


def _span(start: datetime, end: datetime | None) -> tuple[int, int]:
    """Give a span in ms: what is of the first one counts, what is of the other does not."""
    first = max(0, ms_of(start, "start"))
    stop = _LAST_MS + 1 if end is None else min(ms_of(end, "end"), _LAST_MS + 1)
    if end is not None and end < start:
        raise HistoryRefused(f"the end, {end}, is before the start, {start}", "give them the other way round")
    return min(first, stop), max(0, stop)
