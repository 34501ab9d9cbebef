"""The live market of an account: quotes, bars, order books, and the latest quotes for who only looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from ctrader_twisted.account import feeds, live, live_books
from ctrader_twisted.aio.calls import does, opens
from ctrader_twisted.aio.link import Face
from ctrader_twisted.aio.opening import Closes
from ctrader_twisted.aio.streams import Iterated
from ctrader_twisted.faces import Reads
from ctrader_twisted.market.quotes import Quote

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ctrader_twisted.account.bar_feeds import BarUpdate
    from ctrader_twisted.aio.opening import Opening
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.depth import BookSnapshot, Level
    from ctrader_twisted.market.symbols import Symbol

_T = TypeVar("_T")


class Feed(Iterated[_T], of=feeds.Feed):
    """What is told live of one or more symbols; `Live` gives it.

    Iterate over it with ``async for``, give it listeners, or look at `latest`. When the reader falls behind, the oldest
    are dropped, and the next step of the iteration raises `EventsDropped`; iterate again to go on.

    A feed outlives losses. It ends when it is closed, with the client, or when the server refuses to renew what it
    needs: that is then raised by the iteration, and is `error`.
    """

    symbols: Reads[tuple[Symbol, ...]] = Reads()
    error: Reads[OpenApiError | None] = Reads()
    latest: Reads[dict[str, _T]] = Reads()
    closed: Reads[bool] = Reads()

    def on(self, listener: Callable[[_T], object]) -> Callable[[_T], object]:
        """Call a listener with everything that is told from now on.

        :param listener: a function, or a coroutine function, which runs as a task.
        :return: the listener.
        """
        self._call("on", (self._link.relay(listener),))
        return listener

    def off(self, listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        self._call("off", (self._link.relay(listener),))


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
        return len(self._inner)

    def __bool__(self) -> bool:
        """Be true, whether it is known or not."""
        return True

    def on_change(self, listener: Callable[[LiveBook], object]) -> Callable[[LiveBook], object]:
        """Call a listener with this book after each change.

        :param listener: a function, or a coroutine function, which runs as a task.
        :return: the listener.
        """
        self._call("on_change", (self._link.relay(listener),))
        return listener

    def off_change(self, listener: Callable[[LiveBook], object]) -> None:
        """Stop calling a listener."""
        self._call("off_change", (self._link.relay(listener),))


class Latest(Closes, Mapping[str, Quote], of=live.Latest):
    """The latest quotes of some symbols, by name, for who only looks now and then: the cheapest way to have them.

    Symbols whose quote is not known, as after a loss, are not in it.
    """

    symbols: Reads[tuple[Symbol, ...]] = Reads()

    def __getitem__(self, name: str) -> Quote:
        quote: Quote = self._inner[name]
        return quote

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._inner))

    def __len__(self) -> int:
        return len(self._inner)


class Live(Face, of=live.Live):
    """The live market of one account; ``account.live`` is it.

    Symbols are names, as for `Account.symbol`, or symbols. What each method opens is ready when everything is
    subscribed: await it, or enter it with ``async with``, which also closes it. It raises `UnknownSymbol` or
    `AmbiguousSymbol`, the `ServerError` that refuses a subscription, and `ClientClosed`.
    """

    @opens(live.Live.quotes)
    def quotes(self, *symbols: str | Symbol, buffer: int = live.BUFFER) -> Opening[Feed[Quote]]: ...

    @opens(live.Live.bars)
    def bars(
        self,
        symbol: str | Symbol,
        period: str | int,
        *,
        running: bool = True,
        backfill: bool = False,
        buffer: int = live.BUFFER,
    ) -> Opening[Feed[BarUpdate]]: ...

    @opens(live.Live.book)
    def book(self, symbol: str | Symbol) -> Opening[LiveBook]: ...

    @opens(live.Live.latest)
    def latest(self, *symbols: str | Symbol) -> Opening[Latest]: ...
