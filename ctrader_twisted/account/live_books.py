"""Order books kept live: whole from their first event on, emptied at a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ctrader_twisted.account.subscribing import Claim
from ctrader_twisted.account.telling import tell
from ctrader_twisted.errors import ClientClosed, OpenApiError
from ctrader_twisted.market.depth import OrderBook

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from twisted.python.failure import Failure

    from ctrader_twisted.account.subscribing import Subscribing
    from ctrader_twisted.host import Host
    from ctrader_twisted.market.depth import BookSnapshot, Level
    from ctrader_twisted.market.symbols import Symbol
    from ctrader_twisted.messages import ProtoOADepthEvent

MEND_EVERY: Final = 60.0
"""Seconds at least between two attempts to mend a book that is not the server's."""

_log = Logger()


class LiveBook:
    """The order book of one symbol, kept; `Live.book` gives it.

    It is empty until the first event, which has the whole book, and again from a loss until the account stands.

    :ivar symbol: whose book it is.
    :ivar error: why it ended by itself: the server's refusal to renew it; None unless it did.
    """

    def __init__(self, symbol: Symbol, book: OrderBook, leave: Callable[[LiveBook], Deferred[None]]) -> None:
        self.symbol = symbol
        self.error: OpenApiError | None = None
        self._book = book
        self._leave = leave
        self._listeners: tuple[Callable[[LiveBook], object], ...] = ()
        self._closed = False

    def __repr__(self) -> str:
        return f"<LiveBook of {self.symbol.name}: {self.best_bid} / {self.best_ask}>"

    def __len__(self) -> int:
        """Give the number of entries, both sides together; 0 while it is not known."""
        return len(self._book)

    @property
    def best_bid(self) -> Level | None:
        """The highest level of the bids; None if there is none."""
        return self._book.best_bid

    @property
    def best_ask(self) -> Level | None:
        """The lowest level of the asks; None if there is none."""
        return self._book.best_ask

    @property
    def spread(self) -> Decimal | None:
        """The best ask less the best bid; None while a side is empty."""
        return self._book.spread

    @property
    def crossed(self) -> bool:
        """Whether the best bid is above the best ask; see `market.OrderBook.crossed`."""
        return self._book.crossed

    @property
    def closed(self) -> bool:
        """Whether it has ended: it is empty and stays so."""
        return self._closed

    def snapshot(self, depth: int | None = None) -> BookSnapshot:
        """Give the levels of both sides, the best of each first.

        :param depth: how many of each side at most; None for all.
        """
        return self._book.snapshot(depth)

    def on_change(self, listener: Callable[[LiveBook], object]) -> Callable[[LiveBook], object]:
        """Call a listener with this book after each change, also when a loss has emptied it.

        :param listener: if it gives a Deferred or a coroutine, that is followed; what fails is logged.
        :return: the listener.
        """
        self._listeners = (*self._listeners, listener)
        return listener

    def off_change(self, listener: Callable[[LiveBook], object]) -> None:
        """Stop calling a listener."""
        self._listeners = tuple(one for one in self._listeners if one != listener)

    def close(self) -> Deferred[None]:
        """End it; as `Feed.close`."""
        if self._closed:
            return succeed(None)
        self._closed = True
        self._book = OrderBook(self.symbol.symbol_id, self.symbol.digits)
        return self._leave(self)

    # For Live

    def changed(self) -> None:
        """Tell that it has changed."""
        for listener in self._listeners:
            tell(listener, self)

    def fail(self, error: OpenApiError) -> None:
        """End it for a reason."""
        if not self._closed:
            _log.warn("{book!r} ends: {error}", book=self, error=str(error))
            self.error = error
            self.close()
            self.changed()


class LiveBooks:
    """The books of one account: one for each symbol, however many have asked for it.

    :param account_id: its ctidTraderAccountId.
    """

    def __init__(self, account_id: int, client: Host, subscribing: Subscribing) -> None:
        self._account_id = account_id
        self._client = client
        self._subscribing = subscribing
        self._books: dict[int, OrderBook] = {}
        self._given: dict[int, tuple[LiveBook, ...]] = {}
        self._partial: set[int] = set()  # symbols of which only changes are told, and not the book that they change
        self._mended: dict[int, float] = {}

    async def open(self, symbol: Symbol) -> LiveBook:
        """Subscribe to the depth of a symbol, unless that was done here, and give a book of it."""
        symbol_id = symbol.symbol_id
        claim = Claim("depth", symbol_id)
        first = symbol_id not in self._books
        if first:
            self._books[symbol_id] = OrderBook(symbol_id, symbol.digits)
            self._partial.add(symbol_id)

        def about(stands: bool) -> None:
            if not stands:
                self._partial.discard(symbol_id)

        book = LiveBook(symbol, self._books[symbol_id], self._left)
        self._given[symbol_id] = (*self._given.get(symbol_id, ()), book)
        try:
            if await self._subscribing.claim(book, claim, about) and symbol_id in self._partial:
                await self._have_anew(symbol_id)
            if book.error is not None:
                raise book.error
        except BaseException:
            book.close()
            raise
        return book

    def depth(self, event: ProtoOADepthEvent) -> None:
        """Take an event in."""
        if event.ctidTraderAccountId != self._account_id:
            return
        symbol_id = event.symbolId
        book = self._books.get(symbol_id)
        if book is None or symbol_id in self._partial:
            return
        book.feed(event)
        if book.unknown:
            self._distrust(symbol_id, book)
        self._changed(symbol_id)

    def lost(self) -> None:
        """The account's session is lost: no book is known any more."""
        for symbol_id in tuple(self._books):
            self._begin_anew(symbol_id)
            self._changed(symbol_id)

    def interrupted(self, symbol_id: int) -> None:
        """Somebody else has ended the depth of a symbol; it is begun again."""
        self._begin_anew(symbol_id)
        if symbol_id in self._books:
            self._changed(symbol_id)

    def lived_on(self) -> None:
        """The account stands again on a line that was never lost: if the server has gone on with what it had been asked
        for (unconfirmed), it does not tell the whole book."""
        for symbol_id, book in self._books.items():
            book.forget()
            self._partial.add(symbol_id)
            self._mend(symbol_id)

    def close(self) -> None:
        """The client is closed."""
        for books in tuple(self._given.values()):
            for book in books:
                book.close()

    def _begin_anew(self, symbol_id: int) -> None:
        """What is told next is the whole book."""
        self._partial.discard(symbol_id)
        book = self._books.get(symbol_id)
        if book is not None:
            book.forget()

    def _changed(self, symbol_id: int) -> None:
        for book in self._given.get(symbol_id, ()):
            book.changed()

    def _left(self, book: LiveBook) -> Deferred[None]:
        symbol_id = book.symbol.symbol_id
        left = tuple(one for one in self._given.get(symbol_id, ()) if one is not book)
        if left:
            self._given[symbol_id] = left
        else:
            self._given.pop(symbol_id, None)
            self._books.pop(symbol_id, None)
            self._partial.discard(symbol_id)
        return self._subscribing.release(book)

    def _distrust(self, symbol_id: int, book: OrderBook) -> None:
        """An entry was deleted that was not there: what is here is not what the server has, so it is told anew."""
        now: float = self._client.clock.seconds()
        last = self._mended.get(symbol_id)
        if last is None or now - last >= MEND_EVERY:
            self._mended[symbol_id] = now
            book.forget()
            self._partial.add(symbol_id)
            self._mend(symbol_id)

    def _mend(self, symbol_id: int) -> None:
        Deferred.fromCoroutine(self._have_anew(symbol_id)).addErrback(self._not_mended, symbol_id)

    async def _have_anew(self, symbol_id: int) -> None:
        await self._subscribing.anew(
            Claim("depth", symbol_id), lambda: symbol_id in self._partial, lambda: self._begin_anew(symbol_id)
        )

    def _not_mended(self, failure: Failure, symbol_id: int) -> None:
        error = failure.value
        if isinstance(error, ClientClosed):
            return
        if not isinstance(error, OpenApiError):
            _log.failure("unexpected failure while an order book was had anew", failure)
            return
        for book in self._given.get(symbol_id, ()):
            book.fail(error)
