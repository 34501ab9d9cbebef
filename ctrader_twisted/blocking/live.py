"""The live market of an account: quotes, bars, order books, and the latest quotes for who only looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ctrader_twisted.account import feeds, live, live_books
from ctrader_twisted.blocking.calls import does, opens
from ctrader_twisted.blocking.link import Face
from ctrader_twisted.blocking.streams import Closes, Iterated
from ctrader_twisted.faces import Reads
from ctrader_twisted.market.quotes import Quote

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ctrader_twisted.account.bar_feeds import BarUpdate
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.depth import BookSnapshot, Level
    from ctrader_twisted.market.symbols import Symbol

_T = TypeVar("_T")


class Feed(Iterated[_T], of=feeds.Feed):
    """What is told live of one or more symbols; `Live` gives it.

    Iterate over it with ``for``, give it listeners, or look at `latest`. When the reader falls behind, the oldest are
    dropped, and the next step of the iteration raises `EventsDropped`; iterate again to go on.

    A feed outlives losses. It ends when it is closed, with the client, or when the server refuses to renew what it
    needs: that is then raised by the iteration, and is `error`.
    """

    symbols: Reads[tuple[Symbol, ...]] = Reads()
    error: Reads[OpenApiError | None] = Reads()
    latest: Reads[dict[str, _T]] = Reads()
    closed: Reads[bool] = Reads()

    def on(self, listener: Callable[[_T], object]) -> Callable[[_T], object]:
        """Call a listener with everything that is told from now on, in the thread for listeners.

        :param listener: it may block, and ask; what it raises is logged.
        :return: the listener.
        """
        relay = self._link.relay(listener)
        self._read(lambda: self._inner.on(relay) and None)
        return listener

    def off(self, listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        relay = self._link.relay(listener)
        self._read(lambda: self._inner.off(relay))


class LiveBook(Closes, of=live_books.LiveBook):
    """The order book of one symbol, kept; `Live.book` gives it.

    It is empty until the first event, which has the whole book, and again from a loss until the account stands.
    """

    symbol: Reads[Symbol] = Reads()
    error: Reads[OpenApiError | None] = Reads()
    best_bid: Reads[Level | None] = Reads()
    best_ask: Reads[Level | None] = Reads()
    spread: Reads[Decimal | None] = Reads()
    crossed: Reads[bool] = Reads()
    closed: Reads[bool] = Reads()

    @does(live_books.LiveBook.snapshot)
    def snapshot(self, depth: int | None = None) -> BookSnapshot: ...

    def __len__(self) -> int:
        """Give the number of entries, both sides together; 0 while it is not known."""
        return int(self._read(lambda: len(self._inner)))

    def __bool__(self) -> bool:
        """Be true, whether it is known or not."""
        return True

    def on_change(self, listener: Callable[[LiveBook], object]) -> Callable[[LiveBook], object]:
        """Call a listener with this book after each change, in the thread for listeners.

        :param listener: it may block, and ask; what it raises is logged.
        :return: the listener.
        """
        relay = self._link.relay(listener)
        self._read(lambda: self._inner.on_change(relay) and None)
        return listener

    def off_change(self, listener: Callable[[LiveBook], object]) -> None:
        """Stop calling a listener."""
        relay = self._link.relay(listener)
        self._read(lambda: self._inner.off_change(relay))


class Latest(Closes, Mapping[str, Quote], of=live.Latest):
    """The latest quotes of some symbols, by name, for who only looks now and then: the cheapest way to have them.

    Symbols whose quote is not known, as after a loss, are not in it. ``dict(latest.items())`` is all of it at once.
    """

    symbols: Reads[tuple[Symbol, ...]] = Reads()

    def __getitem__(self, name: str) -> Quote:
        quote: Quote = self._read(lambda: self._inner[name])
        return quote

    def __iter__(self) -> Iterator[str]:
        names: list[str] = self._read(lambda: list(self._inner))
        return iter(names)

    def __len__(self) -> int:
        return int(self._read(lambda: len(self._inner)))

    def items(self) -> Any:
        """Give names and quotes, all as of one moment."""
        return self._read(lambda: dict(self._inner.items())).items()


class Live(Face, of=live.Live):
    """The live market of one account; ``account.live`` is it.

    Symbols are names, as for `Account.symbol`, or symbols. Each method returns when everything is subscribed; what it
    gives is closed at the end of a ``with``, or with its ``close()``. It raises `UnknownSymbol` or `AmbiguousSymbol`,
    the `ServerError` that refuses a subscription, and `ClientClosed`.
    """

    @opens(live.Live.quotes)
    def quotes(self, *symbols: str | Symbol, buffer: int = live.BUFFER) -> Feed[Quote]: ...

    @opens(live.Live.bars)
    def bars(
        self,
        symbol: str | Symbol,
        period: str | int,
        *,
        running: bool = True,
        backfill: bool = False,
        buffer: int = live.BUFFER,
    ) -> Feed[BarUpdate]: ...

    @opens(live.Live.book)
    def book(self, symbol: str | Symbol) -> LiveBook: ...

    @opens(live.Live.latest)
    def latest(self, *symbols: str | Symbol) -> Latest: ...
