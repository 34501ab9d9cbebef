"""One trading account, as a person means it: symbols by name, volumes and levels with units, orders that are followed.

What happens when a connection dies between an order and its answer is in `settling`.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.account.commands import Commands
from ctrader_twisted.account.drafting import Drafts
from ctrader_twisted.account.order import Order
from ctrader_twisted.account.portfolio import Portfolio
from ctrader_twisted.account.safety import Safety
from ctrader_twisted.account.settling import Inquiries, Lost, Settling
from ctrader_twisted.account.terms import (
    BUY,
    KEEP,
    SELL,
    Changes,
    Keep,
    Level,
    Levels,
    Side,
    Terms,
    check_amount,
    id_of,
    no_position,
    opposite,
    side_of,
)
from ctrader_twisted.account.tracking import OrderState
from ctrader_twisted.account.valuation import Valuation
from ctrader_twisted.errors import (
    ClientClosed,
    NeverArrived,
    NotFilled,
    NotWorking,
    OpenApiError,
    OrderNotPlaced,
    OutcomeUnknown,
    RequestNotSent,
    ServerError,
    ServerUnavailable,
    TradingHalted,
    UnknownSymbol,
)
from ctrader_twisted.market.symbols import Rounding, Symbol, SymbolList, Volume
from ctrader_twisted.market.units import Money, Pips, Price, ProtocolVolume
from ctrader_twisted.messages import ProtoOAOrderType, ProtoOATimeInForce
from ctrader_twisted.session.events import AccountChanged
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from google.protobuf.message import Message
    from twisted.python.failure import Failure

    from ctrader_twisted.account.host import Host
    from ctrader_twisted.account.portfolio import PendingOrder, Position
    from ctrader_twisted.account.valuation import Check

_T = TypeVar("_T")
_log = Logger()
_TYPE: Final = ProtoOAOrderType

SETTLE_AFTER: Final = 10.0
"""Seconds after which an order that is in none of the server's lists is held to have never arrived."""

STALE_AFTER: Final = 30.0
"""Seconds after which the second half of a reversal is not sent any more."""

LEVELS_WITHIN: Final = 5.0
"""Seconds after its fill within which an order's levels stand; if not, they are not coming."""

_REMEMBERED: Final = 1000
"""How many orders are kept, for what is told of them late; those that have not ended are never dropped."""

_ROUNDS: Final = 3
"""How often flattening looks whether anything is left."""


@dataclass(frozen=True, slots=True)
class Flattened:
    """What `Account.flatten` did.

    :ivar cancelled: ids of the orders that it cancelled.
    :ivar closed: ids of the positions that it closed.
    :ivar failures: what it could not do, and why.
    """

    cancelled: tuple[int, ...]
    closed: tuple[int, ...]
    failures: tuple[OpenApiError, ...]

    def __bool__(self) -> bool:
        """Whether nothing is left."""
        return not self.failures


class Account:
    """One trading account. ``client.account(account_id)`` gives it; see `ready` before anything else.

    :param client: the client it is reached through.
    :param account_id: its ctidTraderAccountId.
    :param safety: what it may do.
    :param aliases: names of the user's own for symbols.
    :param settle_after: seconds after which an order that is in none of the server's lists is held to have never
        arrived.

    :ivar safety: as given; it can be replaced at any time.
    :ivar halted: why no order that opens is placed any more; None as long as they are.
    """

    def __init__(
        self,
        client: Host,
        account_id: int,
        *,
        safety: Safety | None = None,
        aliases: Mapping[str, str] | None = None,
        settle_after: float = SETTLE_AFTER,
    ) -> None:
        self.account_id = account_id
        self.safety = Safety() if safety is None else safety
        self.halted: str | None = "the configuration says so" if self.safety.halted else None
        self._client = client
        self._clock = client.clock
        self._aliases = dict(aliases or {})
        self._settle_after = settle_after
        self._portfolio = Portfolio(account_id)
        self._assets: dict[int, str] = {}
        self._list: SymbolList | None = None
        self._symbols: dict[int, Symbol] = {}
        self._orders: OrderedDict[str, Order] = OrderedDict()
        self._by_order_id: dict[int, Order] = {}
        self._closings: dict[int, int] = {}  # ids of closing orders, and how many were known before
        self._server_ms = 0
        self._current = False
        self._catching_up: object | None = None
        self._waiting: list[Deferred[Account]] = []
        self._closed = False
        self._inquiries = Inquiries(account_id, self._ask, self._stands, self._clock)
        self._settling = Settling(
            self._inquiries,
            self._doubtful,
            self._found,
            self._is_known,
            self._refresh,
            self._clock,
            settle_after,
            self._server_now,
        )
        self._valuation = Valuation(client, self._portfolio, self._symbol_by_id, self._deposit_asset)
        self._drafts = Drafts(account_id, self._valuation, self._deposit_name)
        self._commands = Commands(self)
        self._heard: tuple[tuple[type[Any], Callable[[Any], object]], ...] = (
            (messages.ProtoOAExecutionEvent, self._executed),
            (messages.ProtoOATrailingSLChangedEvent, self._trailed),
            (messages.ProtoOAMarginChangedEvent, self._margin_changed),
            (messages.ProtoOATraderUpdatedEvent, self._trader_updated),
            (messages.ProtoOASymbolChangedEvent, self._symbols_changed),
            (AccountChanged, self._account_changed),
        )
        for cls, listener in self._heard:
            client.on(cls, listener)
        self._listeners: dict[type[Any], tuple[Callable[[Any], object], ...]] = {}

    def __repr__(self) -> str:
        return f"<Account {self.account_id}: {len(self.positions)} positions, {len(self.pending)} orders>"

    # Life

    def ready(self, access_token: str | None = None, *, timeout: float | None = None) -> Deferred[Account]:
        """Bring the account to stand and learn what it has: symbols, balance, positions, orders.

        :param access_token: as for `OpenApiClient.authorise`.
        :param timeout: seconds to wait at most; None for as long as it takes.
        :return: a new Deferred that fires with this account, at once if that is done. It fails with what
            `OpenApiClient.authorise` fails with, and with a `ServerError` if the server refuses to say what there is.
        """
        ready = Deferred.fromCoroutine(self._ready(access_token))
        if timeout is not None:
            ready.addTimeout(timeout, self._clock)
        return ready

    def settled(self) -> Deferred[Account]:
        """Wait until the account stands, what it has is known, and no order's outcome is unknown.

        :return: a new Deferred that fires with this account; it fails with `ClientClosed`.
        """
        return Deferred.fromCoroutine(self._settled())

    def closed(self) -> None:
        """Listen to the client no longer: it is closed. What is waited for fails with `ClientClosed`."""
        if self._closed:
            return
        self._closed = True
        for cls, listener in self._heard:
            self._client.off(cls, listener)
        self._inquiries.stop()
        self._valuation.stop()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.errback(ClientClosed())
        for order in tuple(self._orders.values()):
            order._closed()

    # What there is

    @property
    def positions(self) -> Mapping[int, Position]:
        """The open positions, by positionId, kept by events."""
        return self._portfolio.positions

    @property
    def pending(self) -> Mapping[int, PendingOrder]:
        """The working orders that are not protective, whoever placed them, by orderId, kept by events."""
        return self._portfolio.pending_orders

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders of this object that have not ended, the oldest first."""
        return tuple(order for order in self._orders.values() if not order.state.ended)

    @property
    def trader(self) -> messages.ProtoOATrader | None:
        """What the server says of the account itself; None until it is known. Not to be changed."""
        return self._portfolio.terms

    @property
    def balance(self) -> Decimal | None:
        """The balance, in the deposit asset; None until it is known."""
        return self._portfolio.balance

    @property
    def valuation(self) -> Valuation:
        """Equity, margin and profit by the present quotes."""
        return self._valuation

    @property
    def equity(self) -> Decimal | None:
        """Balance and unrealised results; None while a price is missing."""
        return self._valuation.equity

    @property
    def used_margin(self) -> Decimal | None:
        """The margin that positions hold."""
        return self._valuation.used_margin

    @property
    def free_margin(self) -> Decimal | None:
        """Equity less used margin; None while a price is missing."""
        return self._valuation.free_margin

    @property
    def margin_level(self) -> Decimal | None:
        """Equity over used margin, in percent; None without margin and while a price is missing."""
        return self._valuation.margin_level

    @property
    def unrealised(self) -> Decimal | None:
        """The sum of what positions would bring now, net; None while a price is missing."""
        return self._valuation.unrealised_net

    @property
    def stands(self) -> bool:
        """Whether the account is authorised and what it has is known."""
        return self._current

    def check(self) -> Deferred[Check]:
        """Compare what is believed with what the server says now: positions, orders, balance, unrealised results.

        :return: a Deferred that fires with the differences; it fails as requests do.
        """
        return self._valuation.check()

    def symbol(self, name: str) -> Deferred[Symbol]:
        """Find a symbol: by its name in any case, an alias, or its name without the broker's decoration.

        :return: a Deferred that fires with it; it fails with `UnknownSymbol` or `AmbiguousSymbol`.
        """
        return Deferred.fromCoroutine(self._symbol(name))

    def on(self, cls: type[_T], listener: Callable[[_T], object]) -> Callable[[_T], object]:
        """Call a listener with each change of a class of `ctrader_twisted.account.portfolio`: ``PositionClosed``, ….

        :return: the listener.
        """
        self._listeners[cls] = (*self._listeners.get(cls, ()), listener)
        return listener

    def off(self, cls: type[_T], listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        self._listeners[cls] = tuple(one for one in self._listeners.get(cls, ()) if one != listener)

    # Orders that open

    def buy(self, symbol: str | Symbol, amount: Volume, **terms: Any) -> Order:
        """Buy at the market: `market` with ``"buy"``."""
        return self.market(BUY, symbol, amount, **terms)

    def sell(self, symbol: str | Symbol, amount: Volume, **terms: Any) -> Order:
        """Sell at the market: `market` with ``"sell"``."""
        return self.market(SELL, symbol, amount, **terms)

    def market(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        *,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
        trailing: bool = False,
        guaranteed: bool = False,
        position: Position | int | None = None,
        fill_or_kill: bool = False,
        rounding: Rounding = "refuse",
        label: str = "",
        comment: str = "",
        client_order_id: str | None = None,
        timeout: float | None = None,
    ) -> Order:
        """Buy or sell at the market. It leaves within this turn of the reactor, if the symbol is known already.

        The server takes levels of market orders as distances from the fill alone (observed), so a ``Price`` is sent as
        its distance from the present quote, and set exactly once the order is filled: `Order.protected` waits for that.

        :param amount: ``Lots("0.1")``, ``Units(10_000)`` or ``ProtocolVolume(1_000_000)``.
        :param stop_loss: ``Price("1.1050")``, ``Pips(20)`` from the fill, or ``Money(50)`` that may be lost at most.
        :param take_profit: likewise; ``Money`` that is to be won.
        :param trailing: whether the stop loss follows the price, at its distance.
        :param guaranteed: whether the stop loss is filled at its level whatever the market does.
        :param position: a position to increase, on a hedged account.
        :param fill_or_kill: all of it at once or nothing.
        :param rounding: what happens to a volume or price between two steps: it is refused unless ``"down"``, ``"up"``
            or ``"nearest"`` is asked for.
        :param label: the user's own, on order and position; by default the order's id.
        :param client_order_id: the order's id, unique, at most 50 characters; one is made by default.
        :param timeout: seconds to wait for its answer before its outcome is found out otherwise.
        :return: the order. What refuses it is told by `Order.accepted`, not raised here.
        """
        terms = Terms(
            amount,
            rounding,
            stop_loss=stop_loss,
            take_profit=take_profit,
            trailing=trailing,
            guaranteed=guaranteed,
            time_in_force=ProtoOATimeInForce.FILL_OR_KILL if fill_or_kill else None,
            position_id=None if position is None else id_of(position),
            label=label,
            comment=comment,
            timeout=timeout,
        )
        return self._place(_TYPE.MARKET, side, symbol, terms, client_order_id)

    def market_range(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        *,
        slippage: Pips,
        price: Price | None = None,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
        trailing: bool = False,
        guaranteed: bool = False,
        position: Position | int | None = None,
        rounding: Rounding = "refuse",
        label: str = "",
        comment: str = "",
        client_order_id: str | None = None,
        timeout: float | None = None,
    ) -> Order:
        """Buy or sell at the market, but not further from a price than ``slippage``.

        :param price: the price; the present quote by default. For the rest see `market`.
        """
        terms = Terms(
            amount,
            rounding,
            price=price,
            slippage=slippage,
            stop_loss=stop_loss,
            take_profit=take_profit,
            trailing=trailing,
            guaranteed=guaranteed,
            position_id=None if position is None else id_of(position),
            label=label,
            comment=comment,
            timeout=timeout,
        )
        return self._place(_TYPE.MARKET_RANGE, side, symbol, terms, client_order_id)

    def limit(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        price: Price,
        *,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
        trailing: bool = False,
        guaranteed: bool = False,
        expires: datetime | None = None,
        time_in_force: ProtoOATimeInForce | int | None = None,
        position: Position | int | None = None,
        rounding: Rounding = "refuse",
        label: str = "",
        comment: str = "",
        client_order_id: str | None = None,
        timeout: float | None = None,
    ) -> Order:
        """Place an order to buy or sell at a price or better.

        :param expires: when it ends by itself, with a time zone; by default never.
        :param time_in_force: ``IMMEDIATE_OR_CANCEL`` or ``FILL_OR_KILL``, if it is not to wait. For the rest see
            `market`; a ``Price`` as level is kept as it is, ``Pips`` and ``Money`` count from where it is filled.
        """
        terms = Terms(
            amount,
            rounding,
            price=price,
            stop_loss=stop_loss,
            take_profit=take_profit,
            trailing=trailing,
            guaranteed=guaranteed,
            expires=expires,
            time_in_force=time_in_force,
            position_id=None if position is None else id_of(position),
            label=label,
            comment=comment,
            timeout=timeout,
        )
        return self._place(_TYPE.LIMIT, side, symbol, terms, client_order_id)

    def stop(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        price: Price,
        *,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
        trailing: bool = False,
        guaranteed: bool = False,
        trigger: messages.ProtoOAOrderTriggerMethod | int | None = None,
        expires: datetime | None = None,
        position: Position | int | None = None,
        rounding: Rounding = "refuse",
        label: str = "",
        comment: str = "",
        client_order_id: str | None = None,
        timeout: float | None = None,
    ) -> Order:
        """Place an order that buys or sells at the market once a price is reached.

        :param trigger: which quotes reach it: ProtoOAOrderTriggerMethod. For the rest see `limit`.
        """
        terms = Terms(
            amount,
            rounding,
            price=price,
            stop_loss=stop_loss,
            take_profit=take_profit,
            trailing=trailing,
            guaranteed=guaranteed,
            trigger=trigger,
            expires=expires,
            position_id=None if position is None else id_of(position),
            label=label,
            comment=comment,
            timeout=timeout,
        )
        return self._place(_TYPE.STOP, side, symbol, terms, client_order_id)

    def stop_limit(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        price: Price,
        *,
        slippage: Pips,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
        trailing: bool = False,
        guaranteed: bool = False,
        trigger: messages.ProtoOAOrderTriggerMethod | int | None = None,
        expires: datetime | None = None,
        position: Position | int | None = None,
        rounding: Rounding = "refuse",
        label: str = "",
        comment: str = "",
        client_order_id: str | None = None,
        timeout: float | None = None,
    ) -> Order:
        """Place an order that, once a price is reached, buys or sells not further from it than ``slippage``.

        The limit of such an order is a distance from its stop, not a price. For the rest see `stop`.
        """
        terms = Terms(
            amount,
            rounding,
            price=price,
            slippage=slippage,
            stop_loss=stop_loss,
            take_profit=take_profit,
            trailing=trailing,
            guaranteed=guaranteed,
            trigger=trigger,
            expires=expires,
            position_id=None if position is None else id_of(position),
            label=label,
            comment=comment,
            timeout=timeout,
        )
        return self._place(_TYPE.STOP_LIMIT, side, symbol, terms, client_order_id)

    # Orders that close

    def close(
        self,
        position: Position | int,
        amount: Volume | None = None,
        *,
        rounding: Rounding = "refuse",
        timeout: float | None = None,
    ) -> Order:
        """Close a position, or a part of it.

        :param amount: the part; by default all of it.
        :return: the closing order that the server makes of it; `Order.profit` is what it brought.
        """
        position_id = id_of(position)
        known = self.positions.get(position_id)
        side = SELL if known is None else opposite(known.side)
        name = "" if known is None else self._name_of(known.symbol_id)
        order = Order(self, _new_id(), name, side, _TYPE.MARKET, closes=position_id)
        self._remember(order)
        self._start(order, self._close(order, position_id, amount, rounding, timeout))
        return order

    def close_all(self, symbol: str | Symbol | None = None, side: Side | None = None) -> list[Order]:
        """Close every position, or those of a symbol or side."""
        wanted = (
            None if symbol is None else symbol.symbol_id if isinstance(symbol, Symbol) else self._id_by_name(symbol)
        )
        which = None if side is None else side_of(side)
        return [
            self.close(position)
            for position in tuple(self.positions.values())
            if wanted in (None, position.symbol_id) and which in (None, position.side)
        ]

    def reverse(
        self,
        position: Position | int,
        *,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
        label: str = "",
        comment: str = "",
    ) -> Order:
        """Close a position, and when it is closed open one as large on the other side.

        If the closing ends otherwise, or took longer than 30 seconds, nothing is opened and the order given here ends
        as not sent.

        :return: the order that opens.
        """
        position_id = id_of(position)
        known = self.positions.get(position_id)
        if known is None:
            order = Order(self, _new_id(), "", BUY, _TYPE.MARKET)
            self._remember(order)
            order._not_sent(no_position(position_id))
            return order
        terms = Terms(
            ProtocolVolume(known.volume), stop_loss=stop_loss, take_profit=take_profit, label=label, comment=comment
        )
        name = self._name_of(known.symbol_id)
        order = Order(self, _new_id(), name, opposite(known.side), _TYPE.MARKET)
        self._remember(order)
        closing = self.close(position_id)
        self._start(order, self._reverse(order, known.symbol_id, terms, closing))
        return order

    def flatten(self) -> Deferred[Flattened]:
        """Halt, cancel every working order and close every position, whoever made them.

        Orders that open are refused from now on with `TradingHalted`, until `resume`.

        :return: a Deferred that fires when the server says that nothing is left, or with what could not be done.
        """
        self.halt("flatten was called")
        return Deferred.fromCoroutine(self._flatten())

    def halt(self, reason: str) -> None:
        """Place no order that opens any more, until `resume`."""
        self.halted = reason
        _log.warn("account {account} is halted: {reason}", account=self.account_id, reason=reason)

    def resume(self) -> None:
        """Place orders again."""
        self.halted = None

    # Commands

    def cancel(self, order: Order | PendingOrder | int, *, timeout: float | None = None) -> Deferred[Any]:
        """Cancel what is not executed of a working order.

        :param order: an order of this object, one of `pending`, or an orderId.
        :return: a Deferred that fires with what was given when it is cancelled. It fails with `OrderRefused`,
            `NotWorking` or `NeverArrived`.
        """
        return Deferred.fromCoroutine(self._commands.cancel(order, timeout))

    def amend(
        self,
        order: Order | PendingOrder | int,
        *,
        volume: Volume | None = None,
        price: Price | None = None,
        slippage: Pips | None = None,
        stop_loss: Level | Keep | None = KEEP,
        take_profit: Level | Keep | None = KEEP,
        trailing: bool | Keep = KEEP,
        expires: datetime | Keep | None = KEEP,
        rounding: Rounding = "refuse",
        timeout: float | None = None,
    ) -> Deferred[Any]:
        """Change a working order. Everything that is not changed is sent as it is, since what is left out may go.

        :param stop_loss: a level, None to remove it. Levels in pips and money count from where the order is filled.
        :return: a Deferred that fires with what was given when the server has changed it; it fails with what refuses
            it here or there, with `NotWorking`, and with `NeverArrived`.
        """
        changes = Changes(volume, price, slippage, stop_loss, take_profit, trailing, expires, rounding, timeout)
        return Deferred.fromCoroutine(self._commands.amend(order, changes))

    def set_levels(
        self,
        position: Position | int,
        *,
        stop_loss: Level | Keep | None = KEEP,
        take_profit: Level | Keep | None = KEEP,
        trailing: bool | Keep = KEEP,
        guaranteed: bool | Keep = KEEP,
        trigger: messages.ProtoOAOrderTriggerMethod | int | None = None,
        rounding: Rounding = "refuse",
        timeout: float | None = None,
    ) -> Deferred[Position]:
        """Set a position's levels; one that is not named stays as it is.

        The server takes both at once and removes what is left out (observed), so both are always sent.

        :param stop_loss: ``Price``; ``Pips`` from the position's price; ``Money`` that may be lost; None to remove it.
        :param take_profit: likewise.
        :param trailing: whether the stop loss follows the price, at the distance it has now.
        :return: a Deferred that fires with the position when the levels stand.
        """
        change = Levels(stop_loss, take_profit, trailing, guaranteed, trigger, rounding, timeout)
        return Deferred.fromCoroutine(self._commands.set_levels(id_of(position), change))

    def trail(
        self, position: Position | int, distance: Pips | Money, *, timeout: float | None = None
    ) -> Deferred[Position]:
        """Let a position's stop loss follow the price at a distance from the present quote; the take profit stays."""
        return Deferred.fromCoroutine(self._commands.trail(id_of(position), distance, timeout))

    def find(self, client_order_id: str) -> Deferred[Order]:
        """Find an order by its id among what the server knows, such as one of a process that has died.

        :return: a Deferred that fires with the order; it fails with `NeverArrived` if the server's lists lack it.
        """
        return Deferred.fromCoroutine(self._find(client_order_id))

    # ------------------------------------------------------------------------------- getting and staying ready

    async def _ready(self, access_token: str | None) -> Account:
        if self._closed:
            raise ClientClosed
        await self._client.authorise(self.account_id, access_token)
        if self._current:
            return self
        waiter: Deferred[Account] = Deferred(self._give_up)
        self._waiting.append(waiter)
        self._catch_up()
        return await waiter

    def _give_up(self, waiter: Deferred[Account]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    async def _when_current(self) -> None:
        if self._closed:
            raise ClientClosed
        # Requests hear of a loss before the account does.
        if not self._current or not self._stands():
            waiter: Deferred[Account] = Deferred(self._give_up)
            self._waiting.append(waiter)
            await waiter

    async def _settled(self) -> Account:
        while True:
            await self._when_current()
            if not self._doubtful():
                return self
            try:
                await self._inquiries.pause(0.1)
            except Lost:
                raise ClientClosed from None

    def _stands(self) -> bool:
        return not self._closed and self._client.account_state(self.account_id) is AccountState.AUTHORISED

    def _catch_up(self) -> None:
        """Learn what there is, unless that is under way."""
        if self._catching_up is None and self._stands():
            this = self._catching_up = object()
            Deferred.fromCoroutine(self._learn(this)).addErrback(_unexpected)

    async def _learn(self, this: object) -> None:
        failure: OpenApiError | None = None
        try:
            if self._list is None:
                request = messages.ProtoOASymbolsListReq(ctidTraderAccountId=self.account_id)
                answer = await self._inquiries.ask(request)
                listed = SymbolList(answer.symbol, self._aliases)
                assets = await self._inquiries.ask(messages.ProtoOAAssetListReq(ctidTraderAccountId=self.account_id))
                self._assets = {asset.assetId: asset.name for asset in assets.asset}
                self._list = listed
            await self._refresh()
        except Lost:
            if self._catching_up is this:
                self._catching_up = None
                self._catch_up()  # if it stands again already
            return
        except ServerError as error:
            failure = error
        if self._catching_up is not this:
            return
        self._catching_up = None
        waiting, self._waiting = self._waiting, []
        if failure is not None:
            _log.warn("what account {account} has is not known: {error}", account=self.account_id, error=str(failure))
            for waiter in waiting:
                waiter.errback(failure)
            return
        self._current = True
        self._valuation.follow()
        self._settling.wake()
        for waiter in waiting:
            waiter.callback(self)

    async def _refresh(self) -> None:
        """Ask for the trader, positions and orders, and take the answers in."""
        asked = self._portfolio.reconciling()
        try:
            answer = await self._inquiries.reconcile()
            trader = await self._inquiries.ask(messages.ProtoOATraderReq(ctidTraderAccountId=self.account_id))
        except BaseException:
            self._portfolio.not_reconciled(asked)
            raise
        for position in answer.position:
            self._server_says(position.utcLastUpdateTimestamp)
        for order in answer.order:
            self._server_says(order.utcLastUpdateTimestamp)
        for order in answer.order:
            if order.closingOrder:
                self._closing_seen(order.orderId)
        self._announce(self._portfolio.trader(trader.trader))
        self._announce(self._portfolio.reconciled(answer, asked))
        now = self._clock.seconds()
        for known in tuple(self._orders.values()):
            if known.state.working and not known.doubtful and known.order_id not in self._portfolio.orders:
                known._in_doubt(now)  # it has ended, and nobody said how
                self._settling.wake()
            self._check_levels(known)

    def _ask(self, message: Message) -> Deferred[Any]:
        return self._client.request(message)

    # ------------------------------------------------------------------------------- what the client tells

    def _account_changed(self, event: AccountChanged) -> None:
        if event.account_id != self.account_id:
            return
        if event.previous is AccountState.AUTHORISED:
            self._current = False
            self._catching_up = None
            now = self._clock.seconds()
            for order in self.orders:
                if order.state.working:
                    order._in_doubt(now)  # it may be filled or cancelled meanwhile, and nobody will say so
        if event.state is AccountState.AUTHORISED:
            self._catch_up()

    def _executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        if event.ctidTraderAccountId != self.account_id:
            return
        if event.HasField("order"):
            self._server_says(event.order.utcLastUpdateTimestamp)
            if event.order.closingOrder:
                self._closing_seen(event.order.orderId)
        if event.HasField("deal"):
            self._server_says(event.deal.executionTimestamp)
        changes = self._portfolio.executed(event)
        order = self._order_of(event.order) if event.HasField("order") else None
        changed = order is not None and self._took(order, event)
        # Listeners first: whoever waited for the order finds them told.
        self._announce(changes)
        if order is not None and changed:
            order._changed()
        self._valuation.follow()
        self._look_at_levels(event)

    def _order_of(self, message: messages.ProtoOAOrder) -> Order | None:
        order = self._by_order_id.get(message.orderId)
        # A protective order carries the id of the order that opened its position (observed).
        if order is None and not message.closingOrder and message.clientOrderId:
            order = self._orders.get(message.clientOrderId)
            if order is not None and order.closes is None and order.order_id in (None, message.orderId):
                return order
            return None
        return order

    def _took(self, order: Order, event: messages.ProtoOAExecutionEvent) -> bool:
        changed = order._executed(event)
        if order.order_id is not None:
            self._by_order_id[order.order_id] = order
            if order.closes is not None:
                self._closing_seen(order.order_id)
        return changed

    def _trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> None:
        self._announce(self._portfolio.trailed(event))

    def _margin_changed(self, event: messages.ProtoOAMarginChangedEvent) -> None:
        self._announce(self._portfolio.margin_changed(event))

    def _trader_updated(self, event: messages.ProtoOATraderUpdatedEvent) -> None:
        if event.ctidTraderAccountId == self.account_id:
            self._announce(self._portfolio.trader(event.trader))

    def _symbols_changed(self, event: messages.ProtoOASymbolChangedEvent) -> None:
        if event.ctidTraderAccountId == self.account_id:
            for symbol_id in event.symbolId:
                self._symbols.pop(symbol_id, None)

    def _announce(self, changes: list[Any]) -> None:
        for change in changes:
            for listener in self._listeners.get(type(change), ()):
                try:
                    result = listener(change)
                except Exception:
                    _log.failure("listener {listener!r} failed", listener=listener)
                else:
                    _follow(listener, result)

    def _server_says(self, at_ms: int) -> None:
        self._server_ms = max(self._server_ms, at_ms)

    def _server_now(self) -> int:
        """Give a moment that is not before the server's now, whatever is wrong with the clock here."""
        here: int = round(self._clock.seconds() * 1000)
        return max(self._server_ms, here) + 86_400_000

    # ------------------------------------------------------------------------------- orders in doubt

    def _doubtful(self) -> list[Order]:
        return [order for order in self._orders.values() if order.doubtful]

    def _found(self, order: Order, message: messages.ProtoOAOrder) -> None:
        self._by_order_id[message.orderId] = order
        if order.closes is not None:
            self._closing_seen(message.orderId)
        order._listed(message)
        order._in_doubt(order.doubted_at)  # its deals are still to be asked for

    def _closing_seen(self, order_id: int) -> None:
        self._closings.setdefault(order_id, len(self._closings))

    def _is_known(self, order_id: int, order: Order) -> bool:
        """Say whether a closing order is another's: one of this object, or one that was there before this was sent."""
        return (
            order_id in self._by_order_id or self._closings.get(order_id, order.closings_before) < order.closings_before
        )

    async def _look_again(self) -> None:
        """What was found out was not told by an event: learn the rest of it."""
        try:
            await self._refresh()
        except (Lost, ServerError):
            pass  # what stands again learns anew; what is refused is no news of this command

    def _orders_of(self, position_id: int) -> list[Order]:
        return [order for order in self._orders.values() if order.position_id == position_id]

    # ------------------------------------------------------------------------------- making orders

    def _place(
        self, order_type: int, side: Side, symbol: str | Symbol, terms: Terms, client_order_id: str | None
    ) -> Order:
        check_amount(terms.amount)
        key = _new_id() if client_order_id is None else client_order_id
        if not 0 < len(key) <= 50:
            raise ValueError(f"a client_order_id of {len(key)} characters: it has 1 to 50")
        if key in self._orders:
            raise ValueError(f"an order {key!r} was made already: give each an id of its own")
        name = symbol.name if isinstance(symbol, Symbol) else symbol
        order = Order(self, key, name, side_of(side), order_type)
        self._remember(order)
        self._start(order, self._open(order, symbol, terms))
        return order

    def _remember(self, order: Order) -> None:
        self._orders[order.client_order_id] = order
        if len(self._orders) > _REMEMBERED:
            for key, old in list(self._orders.items())[: len(self._orders) - _REMEMBERED]:
                if old.state.ended and not old.doubtful:
                    del self._orders[key]
                    if old.order_id is not None:
                        self._by_order_id.pop(old.order_id, None)

    def _start(self, order: Order, making: Any) -> None:
        def failed(failure: Failure) -> None:
            error = failure.value
            if isinstance(error, OpenApiError):
                order._not_sent(error)
            else:
                order._not_sent(OrderNotPlaced(f"it could not be made ({error})", "see the log for more"))
                _log.failure("an order could not be made", failure)
            self._check_levels(order)

        Deferred.fromCoroutine(making).addErrback(failed)

    async def _open(self, order: Order, name: str | Symbol, terms: Terms) -> None:
        if self._closed:
            raise ClientClosed
        symbol = name if isinstance(name, Symbol) else await self._symbol(name)
        volume = symbol.volume(terms.amount, terms.rounding)
        order._prepared(symbol, volume)
        request, exact = await self._drafts.new_order(order, symbol, volume, terms)
        await self._permit(symbol, order.side, volume, terms.position_id, order)
        order.wants_levels = terms.stop_loss is not None, terms.take_profit is not None
        order.exact_levels = exact
        await self._send(order, request, terms.timeout)

    async def _permit(
        self, symbol: Symbol, side: int, volume: int, position_id: int | None, but: Order | None = None
    ) -> None:
        """Hold an order that opens against the limits.

        :raises OrderNotPlaced: if one of them forbids it.
        """
        if self.safety.max_exposure is not None:
            waiting = [each.symbol_id for each in self._portfolio.orders.values() if each.opening]
            waiting += [symbol_id for symbol_id, _, _ in self._unheard_of(but)]
            for symbol_id in {symbol.symbol_id, *waiting, *(each.symbol_id for each in self.positions.values())}:
                await self._valuation.priced(symbol_id)
        if self.halted is not None:  # not before: it may have been halted while a price was waited for
            raise TradingHalted(self.halted)
        self._named_safety().permits(
            self._portfolio,
            symbol,
            side,
            volume,
            position_id=position_id,
            unheard_of=self._unheard_of(but),
            notional=self._valuation.notional,
            currency=self._deposit_name(),
        )

    def _named_safety(self) -> Safety:
        return self.safety if self._list is None else self.safety.named(self._list)

    def _unheard_of(self, but: Order | None) -> list[tuple[int, int, int]]:
        """Give symbol, side and volume of every order that opens and that the portfolio does not have yet."""
        return [
            (order.symbol.symbol_id, order.side, order.remaining)
            for order in self._orders.values()
            if order is not but
            and order.symbol is not None
            and order.closes is None
            and order.state in (OrderState.SENT, OrderState.UNKNOWN)
        ]

    async def _send(self, order: Order, request: Message, timeout: float | None) -> None:
        order.sent_after, order.closings_before = self._server_ms, len(self._closings)
        answered = self._client.request(request, timeout=timeout)
        order._sent()
        try:
            event = await answered
        except (OutcomeUnknown, ServerUnavailable) as error:
            order._doubted(error, self._clock.seconds())
            if self._current:
                self._settling.wake()
        except ServerError as error:
            order._refused(error)
        except OpenApiError as error:
            order._not_sent(error)
        else:
            self._by_order_id[event.order.orderId] = order
            self._executed(event)
        self._check_levels(order)

    # ------------------------------------------------------------------------------- closing

    async def _close(
        self, order: Order, position_id: int, amount: Volume | None, rounding: Rounding, timeout: float | None
    ) -> None:
        if self._closed:
            raise ClientClosed
        position = self.positions.get(position_id)
        if position is None:
            raise no_position(position_id)
        symbol = await self._symbol_by_id(position.symbol_id)
        volume = position.volume if amount is None else symbol.volume(amount, rounding)
        order._prepared(symbol, volume)
        if volume > position.volume:
            problem = f"{symbol.lots(volume)} of position {position_id} can't be closed: it has less"
            raise OrderNotPlaced(problem, f"close {symbol.lots(position.volume)} or less")
        self.safety.permits_closing(f"closing {symbol.lots(volume)} of position {position_id}")
        request = messages.ProtoOAClosePositionReq(
            ctidTraderAccountId=self.account_id, positionId=position_id, volume=volume
        )
        await self._send(order, request, timeout)

    async def _reverse(self, order: Order, symbol_id: int, terms: Terms, closing: Order) -> None:
        began = self._clock.seconds()
        try:
            await closing.filled()
        except OpenApiError as error:
            raise OrderNotPlaced(
                f"the position was not closed, so nothing was opened ({error})", "see what is open, then place it anew"
            ) from error
        if self._clock.seconds() - began > STALE_AFTER:
            problem = f"closing took longer than {STALE_AFTER:g} s, so nothing was opened"
            raise RequestNotSent("ProtoOANewOrderReq", problem, self.account_id)
        await self._open(order, await self._symbol_by_id(symbol_id), terms)

    async def _flatten(self) -> Flattened:
        cancelled: list[int] = []
        closed: list[int] = []
        failures: list[OpenApiError] = []
        for _ in range(_ROUNDS):
            await self._when_current()
            try:
                await self._refresh()
            except Lost:
                continue
            failures = []
            for pending in tuple(self.pending.values()):
                try:
                    await self.cancel(pending)
                    cancelled.append(pending.order_id)
                except NotWorking:
                    pass  # then it is a position now, or nothing
                except ClientClosed:
                    raise
                except OpenApiError as error:
                    failures.append(error)
            for order in self.close_all():
                try:
                    await order.filled()
                    assert order.closes is not None
                    closed.append(order.closes)
                except ClientClosed:
                    raise
                except OpenApiError as error:
                    failures.append(error)
            if not self.pending and not self.positions:
                break
        return Flattened(tuple(cancelled), tuple(closed), tuple(failures))

    # ------------------------------------------------------------------------------- levels after a fill

    def _look_at_levels(self, event: messages.ProtoOAExecutionEvent) -> None:
        """See whether the levels of an order that is filled stand by now."""
        if event.HasField("position"):
            for order in self._orders_of(event.position.positionId):
                self._check_levels(order)

    def _check_levels(self, order: Order) -> None:
        if order.levels_known or not order.state.ended:
            return
        position = order.position
        if order.error is not None:
            order._levels_are(order.error)
        elif order.closes is not None:
            order._levels_are(OrderNotPlaced("an order that closes has no levels", "wait for filled()"))
        elif not order.executed:
            order._levels_are(NotFilled(str(order), order.state.value, 0, order.volume))
        elif position is None:
            order._levels_are(NotFilled(str(order), "its position is not open", order.executed, order.volume))
        elif position.side != order.side:
            order._levels_are(NotFilled(str(order), "it made a position smaller", order.executed, order.volume))
        elif order.levels_stand_on(position):
            order._levels_are(position)
            if order.exact_levels == (None, None):
                order._protected(position)
            else:
                Deferred.fromCoroutine(self._set_exactly(order, position.position_id)).addErrback(_unexpected)
        elif not order.levels_awaited:
            order.levels_awaited = True
            Deferred.fromCoroutine(self._await_levels(order)).addErrback(_unexpected)

    async def _await_levels(self, order: Order) -> None:
        """Wait for its levels no longer than a while: others may have replaced them, or the server dropped them."""
        await self._inquiries.pause(LEVELS_WITHIN)
        await self._when_current()
        await self._look_again()
        if not order.levels_known:
            order._levels_are(NotFilled(str(order), "its levels do not stand", order.executed, order.volume))

    async def _set_exactly(self, order: Order, position_id: int) -> None:
        """Set the levels that a market order could take as distances only."""
        stop, take = order.exact_levels
        wanted = Levels(KEEP if stop is None else Price(stop), KEEP if take is None else Price(take))
        try:
            order._protected(await self._commands.set_levels(position_id, wanted))
        except OpenApiError as error:
            order._protected(error)
            _log.warn("{order}: its levels stay where the fill put them: {error}", order=order, error=str(error))

    # ------------------------------------------------------------------------------- finding

    async def _find(self, client_order_id: str) -> Order:
        known = self._orders.get(client_order_id)
        if known is not None:
            return known
        while True:
            await self._when_current()
            try:
                answer = await self._inquiries.reconcile()
                listed, complete = await self._inquiries.recent_orders(0, self._server_now())
                break
            except Lost:
                continue
        for message in (*answer.order, *listed):
            if message.clientOrderId == client_order_id and not message.closingOrder:
                symbol = await self._symbol_by_id(message.tradeData.symbolId)
                order = Order(self, client_order_id, symbol.name, message.tradeData.tradeSide, message.orderType)
                order._prepared(symbol, message.tradeData.volume)
                self._remember(order)
                self._found(order, message)
                self._settling.wake()
                return order
        where = "the server's lists" if complete else "the newest of the server's lists"
        raise NeverArrived(f"order {client_order_id!r}, looked for in {where}", 0.0, self.account_id)

    async def _symbol(self, name: str) -> Symbol:
        if self._list is None:
            await self._when_current()
        return await self._symbol_by_id(self._id_by_name(name))

    def _id_by_name(self, name: str) -> int:
        if self._list is None:
            raise OrderNotPlaced("what symbols there are is not known yet", "wait for ready() first")
        return self._list.find(name).symbolId

    def _name_of(self, symbol_id: int) -> str:
        light = None if self._list is None else self._list.get(symbol_id)
        return str(symbol_id) if light is None else light.symbolName

    async def _symbol_by_id(self, symbol_id: int) -> Symbol:
        known = self._symbols.get(symbol_id)
        if known is not None:
            return known
        request = messages.ProtoOASymbolByIdReq(ctidTraderAccountId=self.account_id, symbolId=[symbol_id])
        try:
            answer = await self._inquiries.ask(request)
        except Lost:
            raise RequestNotSent("ProtoOASymbolByIdReq", "the account does not stand", self.account_id) from None
        light = None if self._list is None else self._list.get(symbol_id)
        if light is None or not answer.symbol:
            raise UnknownSymbol(str(symbol_id))
        symbol = self._symbols[symbol_id] = Symbol.from_messages(light, answer.symbol[0])
        return symbol

    async def _deposit_asset(self) -> int:
        await self._when_current()
        assert self.trader is not None
        return self.trader.depositAssetId

    def _deposit_name(self) -> str | None:
        return None if self.trader is None else self._assets.get(self.trader.depositAssetId)


def _new_id() -> str:
    return uuid.uuid4().hex


def _follow(listener: object, result: object) -> None:
    if isinstance(result, Deferred):
        result.addErrback(partial(_listener_failed, listener))


def _listener_failed(listener: object, failure: Failure) -> None:
    _log.failure("listener {listener!r} failed", failure, listener=listener)


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, and what the end of the client ends."""
    if not failure.check(ClientClosed, Lost):
        _log.failure("unexpected failure in an account", failure)
