"""Feeds: what is told live of some symbols, iterated or listened for, with the latest of each at hand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted.account.telling import tell
from ctrader_twisted.buffers import Buffered
from ctrader_twisted.errors import AmbiguousSymbol, ClientClosed, OrderNotPlaced, UnknownSymbol
from ctrader_twisted.market.prices import relative_from_price
from ctrader_twisted.market.quotes import Quote, Quotes
from ctrader_twisted.messages import ProtoOASpotEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.light import LightQuote
    from ctrader_twisted.market.symbols import Symbol

_T = TypeVar("_T")
_log = Logger()


class Names:
    """What the symbols of a feed are called by those who look something up.

    :param find: gives the id of a symbol by any name that `Account.symbol` takes.
    """

    def __init__(self, symbols: tuple[Symbol, ...], find: Callable[[str | Symbol], int]) -> None:
        self.symbols = symbols
        self._by_id = {symbol.symbol_id: symbol for symbol in symbols}
        self._by_name = {symbol.name: symbol for symbol in symbols}
        self._find = find

    def symbol(self, name: str | Symbol) -> Symbol:
        """Give the symbol that is meant.

        :raises KeyError: if it is none of them.
        """
        known = self._by_name.get(name) if isinstance(name, str) else None
        if known is None:
            try:
                known = self._by_id[self._find(name)]
            except (UnknownSymbol, AmbiguousSymbol, AttributeError, TypeError):  # the latter: neither name nor symbol
                raise KeyError(name) from None
        return known


class ByName(Mapping[str, _T]):
    """A view of a dict by the names of symbols, each found by any name that `Account.symbol` takes for it."""

    __slots__ = ("_kept", "_names")

    def __init__(self, kept: Mapping[str, _T], names: Names) -> None:
        self._kept = kept
        self._names = names

    def __repr__(self) -> str:
        return repr(self._kept)

    def __getitem__(self, name: str | Symbol) -> _T:
        return self._kept[self._names.symbol(name).name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class Feed(Buffered[_T]):
    """What is told live of one or more symbols; `Live` makes it.

    Iterate over it with ``async for``, give it listeners, or look at `latest`. When the reader falls more than
    ``buffer`` events behind, the oldest are dropped, and the next step of the iteration raises `EventsDropped`, which
    says how many are missing at this point; iterate again to go on.

    A feed outlives losses. It ends when it is closed, with the client, or when the server refuses to renew what it
    needs: that is then raised by the iteration, and is `error`.

    :ivar symbols: what it is of.
    :ivar error: why it ended by itself; None unless it did.
    :ivar dropped: how many events were dropped altogether.
    """

    def __init__(self, names: Names, buffer: int, leave: Callable[[Feed[_T]], Deferred[None]]) -> None:
        super().__init__(buffer)
        self.symbols: tuple[Symbol, ...] = names.symbols
        self.error: OpenApiError | None = None
        self._latest: dict[str, _T] = {}
        self._by_name: ByName[_T] = ByName(self._latest, names)
        self._listeners: tuple[Callable[[_T], object], ...] = ()
        self._leave = leave

    def __repr__(self) -> str:
        state = ", closed" if self._ended else ""
        return f"<{type(self).__name__} of {self._what}{state}>"

    @property
    def _what(self) -> str:
        return ", ".join(symbol.name for symbol in self.symbols)

    @property
    def latest(self) -> Mapping[str, _T]:
        """What was told last, by the symbol, or any name that `Account.symbol` takes for it; what is not known, as
        after a loss, is not there."""
        return self._by_name

    @property
    def closed(self) -> bool:
        """Whether it has ended: nothing more will come."""
        return self._ended

    def on(self, listener: Callable[[_T], object]) -> Callable[[_T], object]:
        """Call a listener with everything that is told from now on, before those who iterate are given it.

        :param listener: if it gives a Deferred or a coroutine, that is followed; what fails is logged.
        :return: the listener.
        """
        self._listeners = (*self._listeners, listener)
        return listener

    def off(self, listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        self._listeners = tuple(one for one in self._listeners if one != listener)

    def close(self) -> Deferred[None]:
        """End it. What waits can still be read; then the iteration ends.

        What it was subscribed to is ended, too, unless somebody else needs it.

        :return: a Deferred that fires with None when that is done, which waits for the account; it does not fail.
        """
        if self._ended:
            return succeed(None)
        self._end()
        self._latest.clear()
        return self._leave(self)

    # For Live

    def fail(self, error: OpenApiError) -> None:
        """End it for a reason."""
        if not self._ended:
            _log.warn("{feed!r} ends: {error}", feed=self, error=str(error))
            self.error = error
            self._put(Failure(error))
            self.close()

    @abstractmethod
    def spot(self, event: ProtoOASpotEvent, symbol: Symbol) -> None:
        """Take in what is told of a symbol."""

    def lost(self) -> None:
        """The account's session is lost: what is known of the market is not known any more."""
        self._latest.clear()

    def interrupted(self, symbol: Symbol) -> None:
        """Somebody has ended what tells of a symbol; it begins anew."""
        self.lost()

    def _tell(self, name: str, what: _T) -> None:
        if self._ended:
            return
        self._latest[name] = what
        for listener in self._listeners:
            tell(listener, what)
        self._put(what)


class QuoteFeed(Feed[Quote]):
    """The quotes of symbols, both sides kept."""

    def __init__(self, names: Names, buffer: int, leave: Callable[[Feed[Quote]], Deferred[None]]) -> None:
        super().__init__(names, buffer, leave)
        self._quotes = Quotes()

    def spot(self, event: ProtoOASpotEvent, symbol: Symbol) -> None:
        """Tell the quote after an event, unless the event has neither side."""
        if event.HasField("bid") or event.HasField("ask"):
            self._tell(symbol.name, self._quotes.feed(event, symbol.digits))

    def begin(self, symbol: Symbol, known: Quote) -> None:
        """Take the sides of a quote that nobody will tell before they change, unless they are known better."""
        missing = missing_sides(symbol.symbol_id, self._quotes.get(symbol.symbol_id), known)
        if missing is not None:
            self.spot(missing, symbol)

    def lacking(self) -> list[Symbol]:
        """Give the symbols of which a side is not known."""
        known = ((symbol, self._quotes.get(symbol.symbol_id)) for symbol in self.symbols)
        return [symbol for symbol, quote in known if quote is None or quote.bid is None or quote.ask is None]

    def lost(self) -> None:
        """Forget every quote: nobody knows which side changes meanwhile."""
        super().lost()
        self._quotes.forget()

    def interrupted(self, symbol: Symbol) -> None:
        """Forget the quote of a symbol, and no other: of it both sides are told anew."""
        self._latest.pop(symbol.name, None)
        self._quotes.forget(symbol.symbol_id)


def first_quote(opening: Deferred[Feed[Quote]], symbol: str | Symbol, within: float, clock: Any) -> Deferred[Quote]:
    """Give the first quote of a feed that has both sides, and close the feed.

    :param opening: gives the feed.
    :param symbol: what it is of.
    :param clock: an ``IReactorTime``.
    :return: as of `Account.quote`.
    """

    def too_late(result: object, seconds: float) -> Failure:
        problem = f"no quote of {symbol} with both sides came within {seconds:g} s"
        return Failure(OrderNotPlaced(problem, "try again when the account stands"))

    return Deferred.fromCoroutine(_first_whole(opening)).addTimeout(within, clock, too_late)


async def _first_whole(opening: Deferred[Feed[Quote]]) -> Quote:
    feed = await opening
    try:
        async for quote in feed:
            if quote.bid is not None and quote.ask is not None:
                return quote
    finally:
        feed.close()
    raise ClientClosed  # nothing else ends an iteration without a word


def missing_sides(symbol_id: int, kept: Quote | LightQuote | None, known: Quote) -> ProtoOASpotEvent | None:
    """Give the sides of a quote that another one lacks, as an event; None if it lacks none of them."""
    event = ProtoOASpotEvent(symbolId=symbol_id)
    if known.bid is not None and (kept is None or kept.bid is None):
        event.bid = relative_from_price(known.bid)
    if known.ask is not None and (kept is None or kept.ask is None):
        event.ask = relative_from_price(known.ask)
    if not (event.HasField("bid") or event.HasField("ask")):
        return None
    timestamp = known.timestamp if kept is None or kept.timestamp is None else kept.timestamp
    if timestamp is not None:
        event.timestamp = timestamp
    return event
