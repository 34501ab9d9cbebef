"""What an account's positions are worth now: the quotes that takes, kept subscribed, and the figures that follow.

The figures are the server's own by its own rules (protocol notes, 1.14): a buy is valued at the bid and a sell at the
ask, converted over the symbols that the server names for it, at the middle of each (unconfirmed: the documentation says
"price"), and rounded to the account's digits for each position. A figure is None while a price for it is not known:
before the first quotes, and from a loss until the subscriptions stand again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted import messages
from ctrader_twisted.account.portfolio import BUY, EXACT, total
from ctrader_twisted.errors import (
    AlreadyStanding,
    AnswerTimeout,
    ClientClosed,
    OpenApiError,
    OrderNotPlaced,
    QueueFull,
    RequestFailed,
    SendTimeout,
)
from ctrader_twisted.market.conversion import Conversion
from ctrader_twisted.market.prices import money
from ctrader_twisted.market.quotes import Quotes
from ctrader_twisted.session.events import AccountChanged, Resynchronised
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable
    from typing import Literal

    from ctrader_twisted.account.host import Host
    from ctrader_twisted.account.portfolio import Asked, Change, PendingOrder, Portfolio, Position
    from ctrader_twisted.market import Symbol
    from ctrader_twisted.market.quotes import Quote

_MAX: Final = messages.ProtoOATotalMarginCalculationType.MAX
_NET: Final = messages.ProtoOATotalMarginCalculationType.NET
_PERCENT: Final = Decimal("0.01")

QUOTES_WITHIN: Final = 10.0
"""Seconds in which the first quotes are to come."""

_POSITION_FIELDS: Final = (
    "symbol_id",
    "side",
    "volume",
    "price",
    "stop_loss",
    "take_profit",
    "trailing",
    "guaranteed",
    "swap",
    "commission",
    "used_margin",
    "label",
    "comment",
)
_ORDER_FIELDS: Final = (
    "symbol_id",
    "side",
    "order_type",
    "volume",
    "executed_volume",
    "limit_price",
    "stop_price",
    "stop_loss",
    "take_profit",
    "relative_stop_loss",
    "relative_take_profit",
    "expires_at",
    "position_id",
    "label",
    "comment",
    "client_order_id",
)

_log = Logger()


@dataclass(frozen=True, slots=True)
class Unrealised:
    """What a position would bring if it were closed now, in the deposit asset."""

    gross: Decimal
    net: Decimal
    """With swap and the commission of opening, but neither that of closing nor a conversion fee: as the server defines
    ``netUnrealizedPnL``."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is believed otherwise than the server says."""

    what: str
    """``"position"``, ``"order"`` or ``"account"``."""
    key: int
    """The positionId, the orderId, or the ctidTraderAccountId."""
    field: str
    """Which of its attributes; ``""`` if one side does not have it at all."""
    believed: object
    reported: object

    def __str__(self) -> str:
        name = f"{self.what} {self.key}" + (f", {self.field}" if self.field else "")
        return f"{name}: {self.believed} was believed, the server says {self.reported}"


@dataclass(frozen=True, slots=True)
class Check:
    """How what is believed compares with what the server said when it was asked. True if nothing differs."""

    differences: tuple[Difference, ...]
    unpriced: tuple[int, ...]
    """Positions whose unrealised result could not be compared, by positionId: a price was not known."""
    changes: tuple[Change, ...] = ()
    """What was corrected, if that was asked for."""

    def __bool__(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        return "\n".join(map(str, self.differences)) or "nothing differs"


class Valuation:
    """The worth of what an account has, by the present quotes.

    Spots of every position's symbol, and of those that convert to the deposit asset, are subscribed and stay so;
    whoever unsubscribes one of them leaves a figure here that no longer moves.

    :param client: the client; accounts of other ids that it has do not matter here.
    :param portfolio: what is valued.
    :param symbol_by_id: gives a symbol, asking for it if need be.
    :param deposit_asset: gives the id of the asset that the account is kept in, asking for it if need be.
    :param price: of the symbols that convert: ``"mid"``, ``"bid"`` or ``"ask"``.
    """

    def __init__(
        self,
        client: Host,
        portfolio: Portfolio,
        symbol_by_id: Callable[[int], Awaitable[Symbol]],
        deposit_asset: Callable[[], Awaitable[int]],
        *,
        price: Literal["mid", "bid", "ask"] = "mid",
    ) -> None:
        self._client = client
        self._portfolio = portfolio
        self._account_id = portfolio.account_id
        self._symbol_by_id = symbol_by_id
        self._deposit_asset = deposit_asset
        self._price: Literal["mid", "bid", "ask"] = price
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

    # Prices

    def follow(self) -> None:
        """See to it that every position can be valued; to be called when there may be new ones. It may be often.

        What the server refuses is asked for again when the account stands anew, and by `priced`.
        """
        self._follow_positions()

    def priced(self, symbol_id: int, within: float = QUOTES_WITHIN) -> Deferred[None]:
        """Subscribe to what it takes to value a symbol, and wait until all of it is known.

        A subscription begins with both sides, whether the market is open or not. Where somebody else's stands already,
        it is the next changes that tell them.

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

    def notional(self, symbol_id: int, volume: int) -> Decimal | None:
        """Give what a volume is worth in the deposit asset, at the middle of bid and ask; None while it is not known.

        :param volume: in hundredths of a unit.
        """
        quote, rate = self._quotes.get(symbol_id), self.rate(symbol_id)
        if quote is None or rate is None or quote.bid is None or quote.ask is None:
            return None
        twice = EXACT.multiply(EXACT.add(quote.bid, quote.ask), Decimal(volume))
        return self._rounded(EXACT.multiply(EXACT.divide(twice, Decimal(200)), rate))

    # Figures

    def unrealised(self, position: Position) -> Unrealised | None:
        """Give what a position would bring if it were closed now; None while a price is not known."""
        quote, rate = self._quotes.get(position.symbol_id), self.rate(position.symbol_id)
        leave = None if quote is None else quote.bid if position.side == BUY else quote.ask
        if leave is None or rate is None:
            self._follow_positions()
            return None
        worth = EXACT.multiply(leave, Decimal(position.volume).scaleb(-2, EXACT))
        won = EXACT.multiply(EXACT.subtract(worth, position.cost), Decimal(position.direction))
        gross = self._rounded(EXACT.multiply(won, rate))
        return Unrealised(gross, total((gross, position.swap, position.commission)))

    @property
    def unrealised_gross(self) -> Decimal | None:
        """What all positions would bring, before costs; None while a price is not known."""
        found = [self.unrealised(position) for position in self._portfolio.positions.values()]
        known = [one.gross for one in found if one is not None]
        return self._sum(known) if len(known) == len(found) else None

    @property
    def unrealised_net(self) -> Decimal | None:
        """What all positions would bring, net as `Unrealised.net` is; None while a price is not known."""
        found = [self.unrealised(position) for position in self._portfolio.positions.values()]
        known = [one.net for one in found if one is not None]
        return self._sum(known) if len(known) == len(found) else None

    @property
    def equity(self) -> Decimal | None:
        """The balance and what all positions would bring, net; None while one of them is not known."""
        balance, net = self._portfolio.balance, self.unrealised_net
        return None if balance is None or net is None else EXACT.add(balance, net)

    @property
    def used_margin(self) -> Decimal | None:
        """The margin that positions use, the two sides of each symbol added up as the account does it.

        None before a ProtoOATrader, and where the server did not say what a position uses.
        """
        terms = self._portfolio.terms
        if terms is None:
            return None
        sides: dict[int, list[Decimal]] = {}
        for position in self._portfolio.positions.values():
            if position.used_margin is None:
                return None
            both = sides.setdefault(position.symbol_id, [Decimal(0), Decimal(0)])
            place = 0 if position.side == BUY else 1
            both[place] = EXACT.add(both[place], position.used_margin)
        how = terms.totalMarginCalculationType
        if how == _MAX:
            return self._sum(max(both) for both in sides.values())
        if how == _NET:
            return self._sum(EXACT.abs(EXACT.subtract(*both)) for both in sides.values())
        return self._sum(total(both) for both in sides.values())

    @property
    def free_margin(self) -> Decimal | None:
        """The equity that no position uses; None while one of the two is not known."""
        equity, used = self.equity, self.used_margin
        return None if equity is None or used is None else EXACT.subtract(equity, used)

    @property
    def margin_level(self) -> Decimal | None:
        """Equity over used margin in percent, to two places; None without margin, and while it is not known."""
        equity, used = self.equity, self.used_margin
        if equity is None or not used:
            return None
        return EXACT.multiply(EXACT.divide(equity, used), Decimal(100)).quantize(_PERCENT, ROUND_HALF_UP, EXACT)

    # Against the server

    def check(self, *, correct: bool = False, tolerance: Decimal | int = 0) -> Deferred[Check]:
        """Ask the server for positions, orders, balance and unrealised results, and compare each as its answer comes.

        What events tell between asking and answering is not compared: the answer may be older than they are.

        :param correct: take over what the server says of positions, orders and balance.
        :param tolerance: how much unrealised results may differ, in the deposit asset: an answer and the quote that it
            is compared with may be a tick apart.
        :return: a new Deferred that fires with the result; it fails as requests do.
        """
        return Deferred.fromCoroutine(self._check(correct, Decimal(tolerance)))

    async def _check(self, correct: bool, tolerance: Decimal) -> Check:
        client, account_id, portfolio = self._client, self._account_id, self._portfolio
        asked = portfolio.reconciling()
        # Asked for at once, and each compared in the turn in which it arrives: later, quotes would have moved on.
        parts: list[Coroutine[Any, Any, _Part]] = [
            self._check_book(
                client.reconcile(ctidTraderAccountId=account_id, returnProtectionOrders=True), asked, correct
            ),
            self._check_trader(client.trader(ctidTraderAccountId=account_id), correct),
            self._check_results(client.get_position_unrealized_pnl(ctidTraderAccountId=account_id), asked, tolerance),
        ]
        try:
            found: list[_Part] = await gatherResults(
                [Deferred.fromCoroutine(part).addErrback(_as_it_is) for part in parts]
            )
        finally:
            portfolio.not_reconciled(asked)
        for part in found:
            if part.failure is not None:
                part.failure.raiseException()
        return Check(
            tuple(difference for part in found for difference in part.differences),
            tuple(position_id for part in found for position_id in part.unpriced),
            tuple(change for part in found for change in part.changes),
        )

    async def _check_book(
        self, answering: Deferred[messages.ProtoOAReconcileRes], asked: Asked, correct: bool
    ) -> _Part:
        answer = await answering
        portfolio = self._portfolio
        said = type(portfolio)(self._account_id, portfolio.money_digits)
        said.reconciled(answer)
        moved = asked.positions.union(asked.levels, asked.margins)
        differences = [
            *_compared("position", portfolio.positions, said.positions, _POSITION_FIELDS, moved),
            *_compared("order", portfolio.orders, said.orders, _ORDER_FIELDS, asked.orders.union(asked.order_levels)),
        ]
        return _Part(differences, changes=portfolio.reconciled(answer, asked) if correct else [])

    async def _check_trader(self, answering: Deferred[messages.ProtoOATraderRes], correct: bool) -> _Part:
        trader = (await answering).trader
        portfolio = self._portfolio
        digits = trader.moneyDigits if trader.HasField("moneyDigits") else portfolio.money_digits
        said = money(trader.balance, digits)
        version = trader.balanceVersion if trader.HasField("balanceVersion") else None
        known = portfolio.balance_version
        differences = []
        if portfolio.balance != said and not (version is not None and known is not None and version < known):
            differences.append(Difference("account", self._account_id, "balance", portfolio.balance, said))
        return _Part(differences, changes=portfolio.trader(trader) if correct else [])

    async def _check_results(
        self,
        answering: Deferred[messages.ProtoOAGetPositionUnrealizedPnLRes],
        asked: Asked,
        tolerance: Decimal,
    ) -> _Part:
        answer = await answering
        part = _Part([])
        for entry in answer.positionUnrealizedPnL:
            position = self._portfolio.positions.get(entry.positionId)
            if position is None or entry.positionId in asked.positions:
                continue
            believed = self.unrealised(position)
            if believed is None:
                part.unpriced.append(entry.positionId)
                continue
            for name, mine, theirs in (
                ("gross", believed.gross, money(entry.grossUnrealizedPnL, answer.moneyDigits)),
                ("net", believed.net, money(entry.netUnrealizedPnL, answer.moneyDigits)),
            ):
                if EXACT.abs(EXACT.subtract(mine, theirs)) > tolerance:
                    part.differences.append(Difference("position", entry.positionId, name, mine, theirs))
        return part

    # Inside: what is followed

    def _follow_positions(self) -> None:
        for symbol_id in {position.symbol_id for position in self._portfolio.positions.values()}:
            if symbol_id not in self._refused:
                self._follow(symbol_id)

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
        try:
            await self._client.subscribe_spots(ctidTraderAccountId=self._account_id, symbolId=[symbol_id])
        except AlreadyStanding:
            pass  # somebody else's: its quotes come here, too
        self._subscribed.add(symbol_id)

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

    # Inside: who waits

    def _is_priced(self, symbol_id: int) -> bool:
        quote = self._quotes.get(symbol_id)
        if quote is None or quote.bid is None or quote.ask is None:
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

    # Inside: events

    def _spot(self, event: messages.ProtoOASpotEvent) -> None:
        if event.ctidTraderAccountId != self._account_id:
            return
        self._quotes.feed(event)
        if self._waiting:
            self._tell_who_waits()

    def _account_changed(self, event: AccountChanged) -> None:
        if event.account_id != self._account_id:
            return
        if event.previous is AccountState.AUTHORISED:
            self._quotes.forget()  # nobody knows which side changes meanwhile
        if event.state is AccountState.UNAUTHORISED:
            self._subscribed.clear()  # logged out: nothing is renewed by itself
        if event.state is AccountState.AUTHORISED:
            self._refused.clear()
            self._follow_positions()
            for symbol_id in tuple(self._waiting):
                self._follow(symbol_id)

    def _resynchronised(self, event: Resynchronised) -> None:
        if event.account_id != self._account_id:
            return
        for subscription, error in event.failed:
            if subscription.kind == "spots":
                self._subscribed.discard(subscription.symbol_id)
                self._give_up(subscription.symbol_id, error)

    # Inside: money

    def _rounded(self, amount: Decimal) -> Decimal:
        """Round to the account's digits, a half away from zero (unconfirmed)."""
        return amount.quantize(money(1, self._portfolio.money_digits), ROUND_HALF_UP, EXACT)

    def _sum(self, amounts: Iterable[Decimal]) -> Decimal:
        return EXACT.add(total(amounts), money(0, self._portfolio.money_digits))


class _Part:
    """What one answer said."""

    def __init__(
        self, differences: list[Difference], *, changes: Iterable[Change] = (), failure: Failure | None = None
    ) -> None:
        self.differences = differences
        self.unpriced: list[int] = []
        self.changes = list(changes)
        self.failure = failure


def _as_it_is(failure: Failure) -> _Part:
    return _Part([], failure=failure)


def _compared(
    what: str,
    believed: Any,
    reported: Any,
    fields: Iterable[str],
    touched: Iterable[int],
) -> list[Difference]:
    """Compare what is known by id, but for what events have told of meanwhile."""
    newer = frozenset(touched)
    differences: list[Difference] = []
    for key in (*believed, *(key for key in reported if key not in believed)):
        mine: Position | PendingOrder | None = believed.get(key)
        theirs: Position | PendingOrder | None = reported.get(key)
        if key in newer:
            continue
        if mine is None or theirs is None:
            differences.append(Difference(what, key, "", mine, theirs))
            continue
        for name in fields:
            ours, said = getattr(mine, name), getattr(theirs, name)
            if ours != said:
                differences.append(Difference(what, key, name, ours, said))
    return differences
