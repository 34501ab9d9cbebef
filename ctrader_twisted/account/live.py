"""The live market of one account: quotes, bars, order books, and the latest quotes for who only looks.

What they take is subscribed to when the first of them begins and ended when the last one does (`subscribing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted import messages
from ctrader_twisted.account.bar_clock import BarClock
from ctrader_twisted.account.bar_feeds import BarFeed
from ctrader_twisted.account.feeds import Feed, Names, QuoteFeed, missing_sides
from ctrader_twisted.account.inquiries import FIRST_PAUSE, Lost
from ctrader_twisted.account.live_books import LiveBook, LiveBooks
from ctrader_twisted.account.market_data import need_numpy
from ctrader_twisted.account.subscribing import Claim, Subscribing
from ctrader_twisted.errors import ClientClosed, OpenApiError, RequestNotSent
from ctrader_twisted.market.calendar import bar_grid
from ctrader_twisted.market.light import quote_of
from ctrader_twisted.market.prices import price_from_relative
from ctrader_twisted.market.quotes import Quote
from ctrader_twisted.market.symbols import Symbol
from ctrader_twisted.session.events import AccountChanged, Disconnected, Resynchronised
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from ctrader_twisted.account.bar_feeds import BarUpdate
    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.market_data import MarketData
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.valuation import Valuation
    from ctrader_twisted.host import Host
    from ctrader_twisted.market.bars import Bar
    from ctrader_twisted.market.calendar import BarGrid
    from ctrader_twisted.market.light import LatestQuotes, LightQuote


class _Ends(Protocol):
    def close(self) -> Deferred[None]: ...


_T = TypeVar("_T", bound=_Ends)
_log = Logger()

_ENDED: Final = (
    messages.ProtoOAUnsubscribeSpotsRes,
    messages.ProtoOAUnsubscribeLiveTrendbarRes,
    messages.ProtoOAUnsubscribeDepthQuotesRes,
)

BUFFER = 1000
"""How many events may wait to be read, unless told otherwise."""


class Latest(Mapping[str, Quote]):
    """The latest quotes of some symbols, by name, for who only looks now and then: the cheapest way to have them.

    Each is found by any name that `Account.symbol` takes for it. Symbols whose quote is not known, as after a loss, are
    not in it.
    """

    def __init__(
        self,
        names: Names,
        find: Callable[[int], LightQuote | None],
        leave: Callable[[Latest], Deferred[None]],
    ) -> None:
        self.symbols: tuple[Symbol, ...] = names.symbols
        self._names = names
        self._find: Callable[[int], LightQuote | None] = find
        self._leave = leave

    def __repr__(self) -> str:
        return f"<Latest of {', '.join(symbol.name for symbol in self.symbols)}>"

    def __getitem__(self, name: str | Symbol) -> Quote:
        symbol = self._names.symbol(name)
        found = self._find(symbol.symbol_id)
        if found is None:
            raise KeyError(name)
        bid, ask = (
            None if side is None else price_from_relative(side, symbol.digits) for side in (found.bid, found.ask)
        )
        return Quote(symbol.symbol_id, bid, ask, found.timestamp)

    def __iter__(self) -> Iterator[str]:
        return (symbol.name for symbol in self.symbols if self._find(symbol.symbol_id) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def close(self) -> Deferred[None]:
        """Need them no longer; as `Feed.close`."""
        self._find = _nothing
        return self._leave(self)


class Live:
    """The live market of one account; ``account.live`` is it.

    Symbols are names, as for `Account.symbol`, or symbols; `Account.ready` comes before anything else.

    Each method gives a new Deferred that fires when everything is subscribed; it waits for the account, through losses.
    It fails with `UnknownSymbol` or `AmbiguousSymbol`, with the `ServerError` that refuses a subscription, and with
    `ClientClosed`.
    """

    def __init__(
        self,
        account_id: int,
        client: Host,
        standing: Standing,
        inquiries: Inquiries,
        lookup: Lookup,
        valuation: Valuation,
        market_data: MarketData,
    ) -> None:
        self._account_id = account_id
        self._client = client
        self._standing = standing
        self._inquiries = inquiries
        self._lookup = lookup
        self._valuation = valuation
        self._market_data = market_data
        self._subscribing = Subscribing(
            account_id, client, standing, inquiries, valuation.needs, self._refused, self._interrupted
        )
        self._books = LiveBooks(account_id, client, self._subscribing)
        self._feeds: dict[int, tuple[tuple[Feed[Any], Symbol], ...]] = {}  # by symbol
        self._bar_clock = BarClock(client.clock, self._bars_close_at, self._flush_bars)
        self._kept: LatestQuotes | None = None
        self._looked_at: list[Latest] = []
        self._line_lost = False  # since the account stood last
        self._heard: tuple[tuple[type[Any], Callable[[Any], object]], ...] = ()

    def quotes(self, *symbols: str | Symbol, buffer: int = BUFFER) -> Deferred[Feed[Quote]]:
        """Follow quotes: one after each change of either side, with both sides as last known.

        A side is None until it is known. Both are forgotten when the account's session is lost; the first quote after
        that has both again.

        :param buffer: how many may wait to be read.
        :return: a Deferred of a `Feed` of `market.Quote`.
        """
        return self._opening(self._open_quotes(symbols, buffer))

    def bars(
        self,
        symbol: str | Symbol,
        period: str | int,
        *,
        running: bool = True,
        backfill: bool = False,
        buffer: int = BUFFER,
    ) -> Deferred[Feed[BarUpdate]]:
        """Follow bars of the bid: the running one whenever it changes, and each one once when it has closed.

        A bar is closed by a newer one, or by the clock a second after its end. Periods that the server does not have
        are built from quotes, beginning with the first whole bar, and after a loss with the next whole one.

        :param period: as for `market.bar_grid`: ``"M1"``, ``"h4"``, ``"7m"``, ….
        :param running: whether the running bar is told; if not, only closed ones are.
        :param backfill: whether bars that a loss has cost are read from history (extra ``data``), before newer ones
            are told. If they can't be, the iteration raises why where they are missing, and can be continued.
        :param buffer: how many updates may wait to be read.
        :return: a Deferred of a `Feed` of `BarUpdate`. It also fails with a ValueError if there is no such period, and
            with `ExtraMissing`.
        """
        return self._opening(self._open_bars(symbol, period, running, backfill, buffer))

    def book(self, symbol: str | Symbol) -> Deferred[LiveBook]:
        """Keep the order book of a symbol.

        If somebody else is subscribed to its depth already, that is subscribed anew, since only then the whole book is
        told: whoever keeps a book of his own from the same events sees a whole one follow the changes.

        :return: a Deferred of a `LiveBook`. The whole book comes with the first event, right after it fires.
        """
        return self._opening(self._open_book(symbol))

    def latest(self, *symbols: str | Symbol) -> Deferred[Latest]:
        """Keep the latest quotes of symbols, for who only looks now and then.

        :return: a Deferred of a `Latest`.
        """
        return self._opening(self._open_latest(symbols))

    def close(self) -> None:
        """The client is closed: everything ends."""
        for cls, listener in self._heard:
            self._client.off(cls, listener)
        self._heard = ()
        for feed in self._all():
            feed.close()
        self._bar_clock.stop()
        self._books.close()
        for latest in tuple(self._looked_at):
            latest.close()

    # Opening

    def _opening(self, opening: Coroutine[Any, Any, _T]) -> Deferred[_T]:
        """Give what is opened to who waits for it. If nobody does any more, it is closed as soon as it is there."""
        given_up = False

        def give_up(_: Deferred[_T]) -> None:
            nonlocal given_up
            given_up = True

        def opened(result: _T | Failure) -> None:
            if not given_up:
                waiter.callback(result)
            elif not isinstance(result, Failure):
                result.close()
            elif not result.check(OpenApiError, ValueError):
                _log.failure("unexpected failure of what nobody waits for any more", result)

        waiter: Deferred[_T] = Deferred(give_up)
        Deferred.fromCoroutine(opening).addBoth(opened)
        return waiter

    async def _open_quotes(self, symbols: tuple[str | Symbol, ...], buffer: int) -> Feed[Quote]:
        found = await self._resolved(symbols)
        feed = QuoteFeed(Names(found, self._lookup.id_of), buffer, self._left)
        self._enter(feed)
        try:
            await _all_of(self._begin(feed, symbol) for symbol in found)
            _raise_why(feed)
        except BaseException:
            feed.close()
            raise
        return feed

    async def _begin(self, feed: QuoteFeed, symbol: Symbol) -> None:
        known = await self._spots(feed, symbol)
        if known is not None:
            feed.begin(symbol, known)

    async def _open_bars(
        self, symbol: str | Symbol, period: str | int, running: bool, backfill: bool, buffer: int
    ) -> Feed[BarUpdate]:
        grid = bar_grid(period)
        if backfill:
            need_numpy()
        (found,) = await self._resolved((symbol,))

        def history(start: int, until: int) -> Deferred[list[Bar]]:
            return Deferred.fromCoroutine(self._missed(found, grid, start, until))

        feed = BarFeed(
            found,
            self._lookup.id_of,
            grid,
            buffer,
            self._left,
            clock=self._client.clock,
            bar_clock=self._bar_clock,
            running=running,
            history=history if backfill else None,
        )
        self._enter(feed)
        try:
            await self._subscribing.claim(feed, Claim("spots", found.symbol_id))
            if grid.period and not feed.closed:
                await self._subscribing.claim(feed, Claim("trendbars", found.symbol_id, grid.period))
            _raise_why(feed)
        except BaseException:
            feed.close()
            raise
        return feed

    async def _open_book(self, symbol: str | Symbol) -> LiveBook:
        (found,) = await self._resolved((symbol,))
        self._listen()
        return await self._books.open(found)

    async def _open_latest(self, symbols: tuple[str | Symbol, ...]) -> Latest:
        found = await self._resolved(symbols)
        if self._kept is None:
            self._kept = self._client.latest_quotes()
        kept, account_id = self._kept, self._account_id
        names = Names(found, self._lookup.id_of)
        latest = Latest(names, lambda symbol_id: kept.get(account_id, symbol_id), self._looked_away)
        self._listen()
        self._looked_at.append(latest)
        try:
            await _all_of(self._begin_to_look(latest, symbol) for symbol in found)
        except BaseException:
            latest.close()
            raise
        return latest

    async def _begin_to_look(self, latest: Latest, symbol: Symbol) -> None:
        if await self._spots(latest, symbol) is not None:
            self._complete_kept(symbol)

    def _complete_kept(self, symbol: Symbol) -> None:
        """Let the latest quotes have the sides of a symbol that nobody will tell before they change."""
        symbol_id, kept = symbol.symbol_id, self._kept
        known = self._valuation.quote(symbol_id)
        if kept is not None and known is not None:
            missing = missing_sides(symbol_id, kept.get(self._account_id, symbol_id), known)
            if missing is not None:
                missing.ctidTraderAccountId = self._account_id
                kept.take(quote_of(missing))

    async def _resolved(self, symbols: tuple[str | Symbol, ...]) -> tuple[Symbol, ...]:
        if not symbols:
            raise ValueError("there is nothing to follow: name a symbol")
        found = {}
        for symbol in symbols:
            one = symbol if isinstance(symbol, Symbol) else await self._looked_up(symbol)
            found[one.symbol_id] = one
        return tuple(found.values())

    async def _looked_up(self, name: str) -> Symbol:
        while True:
            await self._standing.when_known()
            try:
                return await self._lookup.symbol(name)
            except RequestNotSent:  # the account was lost
                try:
                    await self._inquiries.pause(FIRST_PAUSE)
                except Lost:
                    raise ClientClosed from None

    async def _spots(self, who: object, symbol: Symbol) -> Quote | None:
        """Subscribe to spots; give the quote so far if they were subscribed before, so that it is not told."""
        if not await self._subscribing.claim(who, Claim("spots", symbol.symbol_id)):
            return None
        await self._valuation.complete(symbol.symbol_id)
        return self._valuation.quote(symbol.symbol_id)

    async def _missed(self, symbol: Symbol, grid: BarGrid, start: int, until: int) -> list[Bar]:
        """Read the bars that open from one moment to before another from history."""
        from ctrader_twisted.history.moments import moment
        from ctrader_twisted.history.tables import TIME, Bars

        span = moment(start), moment(until)
        if grid.period:
            bars = await self._market_data.bars(symbol, grid.name, *span, running=True, patience=None).whole()
            return list(bars.rows())
        from ctrader_twisted.market.building import bars_of

        ticks = await self._market_data.ticks(symbol, "bid", *span, patience=None).whole()
        built = bars_of(ticks.at, ticks.scaled, grid.name)
        names = ("open", "high", "low", "close", "ticks")
        columns = {TIME: built.opened, **{name: getattr(built, name) for name in names}}
        return list(Bars(symbol.name, symbol.symbol_id, symbol.digits, columns, grid.name).rows())

    # What is told

    def _listen(self) -> None:
        if self._standing.closed:
            raise ClientClosed
        if not self._heard:
            self._heard = (
                (messages.ProtoOASpotEvent, self._spot),
                (messages.ProtoOADepthEvent, self._books.depth),
                *((ended, self._unsubscribed) for ended in _ENDED),
                (Disconnected, self._disconnected),
                (AccountChanged, self._account_changed),
                (Resynchronised, self._resynchronised),
            )
            for cls, listener in self._heard:
                self._client.on(cls, listener)

    def _enter(self, feed: Feed[Any]) -> None:
        self._listen()
        for symbol in feed.symbols:
            self._feeds[symbol.symbol_id] = (*self._feeds.get(symbol.symbol_id, ()), (feed, symbol))

    def _left(self, feed: Feed[Any]) -> Deferred[None]:
        for symbol in feed.symbols:
            left = tuple(each for each in self._feeds.get(symbol.symbol_id, ()) if each[0] is not feed)
            if left:
                self._feeds[symbol.symbol_id] = left
            else:
                self._feeds.pop(symbol.symbol_id, None)
        if self._bars_close_at() is None:
            self._bar_clock.stop()
        return self._subscribing.release(feed)

    def _looked_away(self, latest: Latest) -> Deferred[None]:
        self._looked_at = [one for one in self._looked_at if one is not latest]
        return self._subscribing.release(latest)

    def _all(self) -> list[Feed[Any]]:
        return list(dict.fromkeys(feed for feeds in self._feeds.values() for feed, _ in feeds))

    def _spot(self, event: messages.ProtoOASpotEvent) -> None:
        if event.ctidTraderAccountId == self._account_id:
            self._bar_clock.heard(event)
            for feed, symbol in self._feeds.get(event.symbolId, ()):
                feed.spot(event, symbol)

    def _bars_close_at(self) -> int | None:
        ends = (feed.closes_at for feed in self._all() if isinstance(feed, BarFeed))
        return min((end for end in ends if end is not None), default=None)

    def _flush_bars(self, over: int) -> None:
        for feed in self._all():
            if isinstance(feed, BarFeed):
                feed.flush(over)

    def _account_changed(self, event: AccountChanged) -> None:
        if event.account_id != self._account_id:
            return
        if event.previous is AccountState.AUTHORISED:
            for feed in self._all():
                feed.lost()
            self._bar_clock.lost()
            self._books.lost()
        self._subscribing.account_changed(event)

    def _disconnected(self, _: Disconnected) -> None:
        self._line_lost = True

    def _resynchronised(self, event: Resynchronised) -> None:
        if event.account_id == self._account_id:
            self._subscribing.resynchronised(event)
            if not self._line_lost:
                self._books.lived_on()
            self._line_lost = False
            Deferred.fromCoroutine(self._complete()).addErrback(self._not_completed)

    async def _complete(self) -> None:
        """Read the sides that no first event has told: where subscriptions live on, there is none."""
        for feed in self._all():
            if isinstance(feed, QuoteFeed):
                for symbol in feed.lacking():
                    await self._valuation.complete(symbol.symbol_id)
                    known = self._valuation.quote(symbol.symbol_id)
                    if known is not None:
                        feed.begin(symbol, known)
        for latest in tuple(self._looked_at):
            for symbol in latest.symbols:
                kept = latest.get(symbol.name)
                if kept is None or kept.bid is None or kept.ask is None:
                    await self._valuation.complete(symbol.symbol_id)
                    self._complete_kept(symbol)

    def _unsubscribed(self, answer: Any) -> None:
        """Somebody has ended a subscription; the answer does not say which."""
        if answer.ctidTraderAccountId == self._account_id:
            self._subscribing.unsubscribed()

    def _interrupted(self, claim: Claim) -> None:
        if claim.kind == "depth":
            self._books.interrupted(claim.symbol_id)
        elif claim.kind == "spots":
            self._bar_clock.begins_anew(claim.symbol_id)
            for feed, symbol in self._feeds.get(claim.symbol_id, ()):
                feed.interrupted(symbol)

    def _not_completed(self, failure: Failure) -> None:
        if not failure.check(ClientClosed):
            _log.failure("unexpected failure while quotes were completed", failure)

    def _refused(self, who: object, error: OpenApiError) -> None:
        if isinstance(who, Feed | LiveBook):
            who.fail(error)


async def _all_of(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for all of them at once; fail with what the first one fails with."""
    try:
        await gatherResults([Deferred.fromCoroutine(each) for each in coroutines], consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()


def _raise_why(feed: Feed[Any]) -> None:
    """Raise why a feed has ended while it was opened, if it has."""
    if feed.error is not None:
        raise feed.error


def _nothing(_: int) -> None:
    """Find no quote."""
