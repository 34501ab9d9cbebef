"""The quotes that it takes to value what an account has: subscribed to, kept, waited for.

A subscription begins with both sides of a symbol, whether its market is open or not; after that, as a rule, only the
side that changes is told (observed). What stands already when it is needed here, somebody else having subscribed to it
earlier, tells no beginning again, and subscribing twice is refused (observed): the side that is missing is then read
from the tick history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AnswerTimeout,
    ClientClosed,
    OpenApiError,
    OrderNotPlaced,
    QueueFull,
    RequestFailed,
    SendTimeout,
    ServerError,
)
from ctrader_twisted.market.conversion import Conversion, side_of
from ctrader_twisted.market.prices import RELATIVE_DIGITS
from ctrader_twisted.market.quotes import Quotes
from ctrader_twisted.session.events import AccountChanged, Resynchronised
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from decimal import Decimal

    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.host import Host
    from ctrader_twisted.market import Symbol
    from ctrader_twisted.market.conversion import Side
    from ctrader_twisted.market.quotes import Quote

QUOTES_WITHIN: Final = 10.0
"""Seconds in which the first quotes are to come."""

_SIDES: Final = (("bid", messages.ProtoOAQuoteType.BID), ("ask", messages.ProtoOAQuoteType.ASK))

_log = Logger()


class Prices:
    """The quotes of every position's symbol, and of those that convert its money to the deposit asset.

    They are subscribed and stay so: one that somebody unsubscribes is subscribed anew.

    :param client: the client; accounts of other ids that it has do not matter here.
    :param portfolio: whose positions are to be valued.
    :param symbol_by_id: gives a symbol, asking for it if need be.
    :param deposit_asset: gives the id of the asset that the account is kept in, asking for it if need be.
    :param price: of the symbols that convert: ``"mid"``, ``"bid"`` or ``"ask"``.
    :raises ValueError: if it is none of these.
    """

    def __init__(
        self,
        client: Host,
        portfolio: Portfolio,
        symbol_by_id: Callable[[int], Awaitable[Symbol]],
        deposit_asset: Callable[[], Awaitable[int]],
        price: Side,
    ) -> None:
        self._client = client
        self._portfolio = portfolio
        self._account_id = portfolio.account_id
        self._symbol_by_id = symbol_by_id
        self._deposit_asset = deposit_asset
        self._price: Side = side_of(price)
        self._quotes = Quotes()
        self._symbols: dict[int, Symbol] = {}
        self._conversions: dict[int, Conversion] = {}
        self._subscribed: set[int] = set()
        self._following: set[int] = set()
        self._refused: dict[int, OpenApiError] = {}
        self._waiting: dict[int, list[Deferred[None]]] = {}
        self._stopped = False
        self._heard: tuple[tuple[type[Any], Callable[[Any], object]], ...] = (
            (messages.ProtoOASpotEvent, self._spot),
            (messages.ProtoOAUnsubscribeSpotsRes, self._unsubscribed),
            (AccountChanged, self._account_changed),
            (Resynchronised, self._resynchronised),
        )
        for cls, listener in self._heard:
            client.on(cls, listener)

    def stop(self) -> None:
        """Listen no more. Who waits for a price is told `ClientClosed`."""
        if self._stopped:
            return
        self._stopped = True
        for cls, listener in self._heard:
            self._client.off(cls, listener)
        for symbol_id in tuple(self._waiting):
            self._give_up(symbol_id, ClientClosed())

    def follow(self) -> None:
        """See to it that every position can be valued; to be called when there may be new ones. It may be often.

        What the server refuses is asked for again when the account stands anew, and by `priced`.
        """
        for symbol_id in {position.symbol_id for position in self._portfolio.positions.values()}:
            if symbol_id not in self._refused:
                self._follow(symbol_id)

    def priced(self, symbol_id: int, within: float = QUOTES_WITHIN) -> Deferred[None]:
        """Subscribe to what it takes to value a symbol, and wait until all of it is known.

        :param within: seconds to wait at most, also for an account that was lost to stand again.
        :return: a new Deferred that fires with None, at once if it is. It fails with the `ServerError` that refuses it,
            with `OrderNotPlaced` if no quote came in time, and with `ClientClosed`.
        """
        waiter: Deferred[None] = Deferred(lambda waiter: self._waits_no_more(symbol_id, waiter))
        if self._stopped:
            waiter.errback(ClientClosed())
        elif self._is_priced(symbol_id):
            waiter.callback(None)
        else:
            self._waiting.setdefault(symbol_id, []).append(waiter)
            self._refused.pop(symbol_id, None)
            waiter.addTimeout(within, self._client.clock, lambda result, seconds: self._no_quote(symbol_id, seconds))
            self._follow(symbol_id)
            self._tell_who_waits()
        return waiter

    def quote(self, symbol_id: int) -> Quote | None:
        """Give the last quote of a symbol that is subscribed; None before the first."""
        return self._quotes.get(symbol_id)

    def rate(self, symbol_id: int) -> Decimal | None:
        """Give the worth of one unit of a symbol's quote asset in the deposit asset; None while it is not known."""
        symbol = self._symbols.get(symbol_id)
        conversion = None if symbol is None else self._conversions.get(symbol.quote_asset_id)
        return None if conversion is None else conversion.rate(self._quotes.get, self._price)

    def needs(self, symbol_id: int) -> bool:
        """Whether the spots of a symbol are followed here."""
        return symbol_id in self._subscribed and not self._stopped

    async def complete(self, symbol_id: int) -> None:
        """Read each side of a quote that stands subscribed, and is not known: see `complete`."""
        await complete(self._quotes, self._client, self._account_id, symbol_id)

    # What is followed

    def _follow(self, symbol_id: int) -> None:
        if self._stopped or symbol_id in self._following or self._is_followed(symbol_id):
            return
        self._following.add(symbol_id)
        following = Deferred.fromCoroutine(self._bring_up(symbol_id))
        following.addErrback(self._not_followed, symbol_id)

    def _is_followed(self, symbol_id: int) -> bool:
        symbol = self._symbols.get(symbol_id)
        conversion = None if symbol is None else self._conversions.get(symbol.quote_asset_id)
        if conversion is None:
            return False
        return symbol_id in self._subscribed and self._subscribed.issuperset(conversion.symbol_ids)

    async def _bring_up(self, symbol_id: int) -> None:
        try:
            symbol = self._symbols[symbol_id] = await self._symbol_by_id(symbol_id)
            conversion = await self._conversion(symbol.quote_asset_id)
            for needed in (symbol_id, *conversion.symbol_ids):
                await self._subscribe(needed)
        finally:
            self._following.discard(symbol_id)
        self._tell_who_waits()

    async def _conversion(self, asset_id: int) -> Conversion:
        known = self._conversions.get(asset_id)
        if known is not None:
            return known
        deposit = await self._deposit_asset()
        chain: Iterable[messages.ProtoOALightSymbol] = ()
        if asset_id != deposit:
            answer = await self._client.symbols_for_conversion(
                ctidTraderAccountId=self._account_id, firstAssetId=asset_id, lastAssetId=deposit
            )
            chain = answer.symbol
        try:
            made = self._conversions[asset_id] = Conversion(asset_id, deposit, tuple(chain))
        except ValueError as error:
            raise OrderNotPlaced(str(error), "trade it where the server can convert its money") from None
        return made

    async def _subscribe(self, symbol_id: int) -> None:
        if symbol_id in self._subscribed:
            return
        if symbol_id in self._standing():
            self._subscribed.add(symbol_id)  # somebody else's: its quotes come here, too
            await self.complete(symbol_id)
            return
        self._quotes.forget(symbol_id)  # what strayed in after the end of a subscription may be old
        await self._client.subscribe_spots(
            ctidTraderAccountId=self._account_id, symbolId=[symbol_id], subscribeToSpotTimestamp=True
        )
        self._subscribed.add(symbol_id)

    def _standing(self) -> set[int]:
        """Give the symbols whose spots are subscribed, by whomever."""
        standing = self._client.subscriptions(self._account_id)
        return {each.symbol_id for each in standing if each.kind == "spots"}

    def _knows(self, symbol_id: int, side: str) -> bool:
        return _knows(self._quotes, symbol_id, side)

    def _not_followed(self, failure: Failure, symbol_id: int) -> None:
        if self._stopped:
            return
        if not failure.check(OpenApiError):
            _log.failure("unexpected failure while the price of a symbol was asked for", failure)
            return
        error = failure.value
        assert isinstance(error, OpenApiError)
        if isinstance(error, RequestFailed) and not isinstance(error, QueueFull | SendTimeout | AnswerTimeout):
            return  # when the account stands again, it is tried again
        self._give_up(symbol_id, error)
        if isinstance(error, RequestFailed | ClientClosed):
            return  # whoever asks for a figure has it tried again
        self._refused[symbol_id] = error
        _log.warn(
            "account {account}: positions in symbol {symbol} can't be valued: {error}",
            account=self._account_id,
            symbol=symbol_id,
            error=error,
        )

    # Who waits

    def _is_priced(self, symbol_id: int) -> bool:
        if not (self._knows(symbol_id, "bid") and self._knows(symbol_id, "ask")):
            return False
        return self._is_followed(symbol_id) and self.rate(symbol_id) is not None

    def _tell_who_waits(self) -> None:
        for symbol_id in [symbol_id for symbol_id in self._waiting if self._is_priced(symbol_id)]:
            for waiter in self._waiting.pop(symbol_id):
                waiter.callback(None)

    def _waits_no_more(self, symbol_id: int, waiter: Deferred[None]) -> None:
        waiting = self._waiting.get(symbol_id, [])
        if waiter in waiting:
            waiting.remove(waiter)
        if not waiting:
            self._waiting.pop(symbol_id, None)

    def _no_quote(self, symbol_id: int, seconds: float) -> Failure:
        known = self._symbols.get(symbol_id)
        name = f"symbol {symbol_id}" if known is None else known.name
        problem = f"no quotes that tell the price of {name} came within {seconds:g} s"
        return Failure(OrderNotPlaced(problem, "try again when its market is open and the account stands"))

    def _give_up(self, symbol_id: int, error: OpenApiError) -> None:
        for waiter in self._waiting.pop(symbol_id, ()):
            waiter.errback(error)

    # Events

    def _spot(self, event: messages.ProtoOASpotEvent) -> None:
        if event.ctidTraderAccountId != self._account_id:
            return
        self._quotes.feed(event)
        if self._waiting:
            self._tell_who_waits()

    def _unsubscribed(self, answer: messages.ProtoOAUnsubscribeSpotsRes) -> None:
        """Some spots were unsubscribed, by whomever; the answer does not say which."""
        if answer.ctidTraderAccountId != self._account_id:
            return
        standing = self._standing()
        for symbol_id in self._quotes:
            if symbol_id not in standing:
                self._quotes.forget(symbol_id)
        ended = self._subscribed - standing
        self._subscribed -= ended
        for symbol_id in ended:
            Deferred.fromCoroutine(self._subscribe(symbol_id)).addErrback(self._not_followed, symbol_id)

    def _account_changed(self, event: AccountChanged) -> None:
        if event.account_id != self._account_id:
            return
        if event.previous is AccountState.AUTHORISED:
            self._quotes.forget()  # nobody knows which side changes meanwhile
        if event.state is AccountState.UNAUTHORISED:
            self._subscribed.clear()  # logged out: nothing is renewed by itself
        if event.state is AccountState.AUTHORISED:
            self._refused.clear()
            self.follow()
            for symbol_id in tuple(self._waiting):
                self._follow(symbol_id)

    def _resynchronised(self, event: Resynchronised) -> None:
        if event.account_id != self._account_id:
            return
        for subscription, error in event.failed:
            if subscription.kind == "spots":
                self._subscribed.discard(subscription.symbol_id)
                self._give_up(subscription.symbol_id, error)


async def complete(
    quotes: Quotes, client: Host, account_id: int, symbol_id: int, digits: int = RELATIVE_DIGITS
) -> None:
    """Read each side of a quote that stands subscribed, so that nobody tells it before it changes, from the newest of
    its ticks, unless it is known. What is refused is left to its next change.

    That the history without bounds ends now, at the present price, is unconfirmed; the next change corrects it.

    :param quotes: where it is known, or entered.
    :param digits: the symbol's digits.
    """
    for side, quote_type in _SIDES:
        if _knows(quotes, symbol_id, side):
            continue
        try:
            answer = await client.get_tick_data(ctidTraderAccountId=account_id, symbolId=symbol_id, type=quote_type)
        except (ServerError, RequestFailed):
            return
        if answer.tickData and not _knows(quotes, symbol_id, side):  # what was told meanwhile is newer
            event = messages.ProtoOASpotEvent(ctidTraderAccountId=account_id, symbolId=symbol_id)
            setattr(event, side, answer.tickData[0].tick)
            quotes.feed(event, digits)


def _knows(quotes: Quotes, symbol_id: int, side: str) -> bool:
    quote = quotes.get(symbol_id)
    return quote is not None and getattr(quote, side) is not None
