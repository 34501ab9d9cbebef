"""One trading account, as a person means it: symbols by name, volumes and levels with units, orders followed.

This is its face: what there is to ask and to do. Each is done in a room of its own; `rooms` joins them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ctrader_twisted.account.feeds import first_quote
from ctrader_twisted.account.flattening import Flattened
from ctrader_twisted.account.keywords import AtLimit, AtMarket, AtStop, Changing, Opening, Reversing, takes
from ctrader_twisted.account.market_data import History
from ctrader_twisted.account.order import Order
from ctrader_twisted.account.prices import QUOTES_WITHIN
from ctrader_twisted.account.rooms import Rooms
from ctrader_twisted.account.safety import Safety
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
    check_distance,
    check_units,
    id_of,
    side_of,
)
from ctrader_twisted.messages import ProtoOAOrderType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal
    from typing import Unpack

    from ctrader_twisted import messages
    from ctrader_twisted.account.checking import Check
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.holdings import PendingOrder, Position
    from ctrader_twisted.account.live import Live
    from ctrader_twisted.account.valuation import Valuation
    from ctrader_twisted.host import Host
    from ctrader_twisted.market.quotes import Quote
    from ctrader_twisted.market.symbols import Rounding, Symbol, Volume
    from ctrader_twisted.market.units import Money, Pips, Price

__all__ = ["SETTLE_AFTER", "Account", "Flattened"]

_T = TypeVar("_T")
_log = Logger()
_TYPE: Final = ProtoOAOrderType

SETTLE_AFTER: Final = 10.0
"""Seconds after which an order that is in none of the server's lists is held to have never arrived."""


class Account(History):
    """One trading account. ``client.account(account_id)`` gives it; see `ready` before anything else.

    :param client: the client it is reached through.
    :param account_id: its ctidTraderAccountId.
    :param safety: limits of the user's own.
    :param limits: limits that hold whatever `safety` says.
    :param aliases: names of the user's own for symbols.
    :param settle_after: seconds after which an order that is in none of the server's lists is held to have never
        arrived.

    :ivar account_id: its ctidTraderAccountId.
    """

    def __init__(
        self,
        client: Host,
        account_id: int,
        *,
        safety: Safety | None = None,
        limits: Safety | None = None,
        aliases: Mapping[str, str] | None = None,
        settle_after: float = SETTLE_AFTER,
    ) -> None:
        self.account_id = account_id
        self._client = client
        self._rooms = Rooms(self, client, safety or Safety(), limits or Safety(), aliases, settle_after)
        self._market_data = self._rooms.market_data

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
        ready: Deferred[Account] = Deferred.fromCoroutine(self._rooms.readiness.ready(access_token)).addCallback(
            lambda _: self
        )
        if timeout is not None:
            ready.addTimeout(timeout, self._client.clock)
        return ready

    def settled(self) -> Deferred[Account]:
        """Wait until the account stands, what it has is known, and no order's outcome is unknown.

        :return: a new Deferred that fires with this account; it fails with `ClientClosed`.
        """
        return Deferred.fromCoroutine(self._rooms.settling.settled()).addCallback(lambda _: self)

    def priced(self, within: float = QUOTES_WITHIN) -> Deferred[Account]:
        """Wait until everything that is open can be valued: before that, `equity` and what follows from it are None.

        :param within: seconds to wait at most for the quotes of a symbol.
        :return: a new Deferred that fires with this account, at once if nothing is open. It fails with the
            `ServerError` that refuses quotes, with `OrderNotPlaced` if none came in time, and with `ClientClosed`.
        """
        return Deferred.fromCoroutine(self._priced(within))

    async def _priced(self, within: float) -> Account:
        self.valuation.follow()
        for symbol_id in {position.symbol_id for position in self.positions.values()}:
            await self.valuation.priced(symbol_id, within)
        return self

    def finish(self, within: float) -> Deferred[tuple[Order, ...]]:
        """Wait for the orders of this object that are on their way; see `OpenApiClient.finish`, which does so for all
        accounts.

        :param within: seconds to wait at most.
        :return: a Deferred that fires with those that were on their way still.
        """
        return self._rooms.finishing.finish(within)

    def closed(self) -> None:
        """Listen to the client no longer: it is closed. What is waited for fails with `ClientClosed`."""
        self._rooms.close()

    # What there is

    @property
    def positions(self) -> Mapping[int, Position]:
        """The open positions, by positionId, kept by events."""
        return self._rooms.portfolio.positions

    def positions_by(
        self, *, label: str | None = None, symbol: str | Symbol | None = None, side: Side | None = None
    ) -> tuple[Position, ...]:
        """Give the open positions of a label, a symbol, a side, or all of these; None leaves one out.

        :raises UnknownSymbol: if there is no such symbol, or what else `symbol` fails with.
        """
        symbol_id = None if symbol is None else self._rooms.lookup.id_of(symbol)
        which = None if side is None else side_of(side)
        return tuple(
            position
            for position in self.positions.values()
            if label in (None, position.label)
            and symbol_id in (None, position.symbol_id)
            and which in (None, position.side)
        )

    @property
    def pending(self) -> Mapping[int, PendingOrder]:
        """The working orders that are not protective, whoever placed them, by orderId, kept by events."""
        return self._rooms.portfolio.pending_orders

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders of this object that have not ended, the oldest first."""
        return tuple(course.order for course in self._rooms.register.unended())

    @property
    def trader(self) -> messages.ProtoOATrader | None:
        """What the server says of the account itself; None until it is known. Not to be changed."""
        return self._rooms.portfolio.terms

    @property
    def balance(self) -> Decimal | None:
        """The balance, in the deposit asset; None until it is known."""
        return self._rooms.portfolio.balance

    @property
    def valuation(self) -> Valuation:
        """Equity, margin and profit by the present quotes."""
        return self._rooms.valuation

    @property
    def equity(self) -> Decimal | None:
        """Balance and unrealised results; None while a price is missing."""
        return self._rooms.valuation.equity

    @property
    def used_margin(self) -> Decimal | None:
        """The margin that positions hold."""
        return self._rooms.valuation.used_margin

    @property
    def free_margin(self) -> Decimal | None:
        """Equity less used margin; None while a price is missing."""
        return self._rooms.valuation.free_margin

    @property
    def margin_level(self) -> Decimal | None:
        """Equity over used margin, in percent; None without margin and while a price is missing."""
        return self._rooms.valuation.margin_level

    @property
    def unrealised(self) -> Decimal | None:
        """The sum of what positions would bring now, net; None while a price is missing."""
        return self._rooms.valuation.unrealised_net

    @property
    def stands(self) -> bool:
        """Whether the account is authorised and what it has is known."""
        return self._rooms.standing.known

    @property
    def live(self) -> Live:
        """The live market: quotes, bars, order books."""
        return self._rooms.live

    def check(self) -> Deferred[Check]:
        """Compare what is believed with what the server says now: positions, orders, balance, unrealised results.

        :return: a Deferred that fires with the differences; it fails as requests do.
        """
        return self._rooms.valuation.check()

    def symbol(self, name: str) -> Deferred[Symbol]:
        """Find a symbol: by its name in any case, an alias, or its name without the broker's decoration.

        :return: a Deferred that fires with it; it fails with `UnknownSymbol` or `AmbiguousSymbol`.
        """
        return Deferred.fromCoroutine(self._rooms.lookup.symbol(name))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the symbols that the account may trade, in the broker's order; empty until they are known."""
        return tuple(each.symbolName for each in self._rooms.lookup.list or () if each.enabled)

    def quote(self, symbol: str | Symbol, within: float = QUOTES_WITHIN) -> Deferred[Quote]:
        """Give the present quote of a symbol, which is subscribed to for that only if it is not yet.

        Whoever wants more follows `live`: ``live.quotes`` tells each, ``live.latest`` is there to be looked at.

        :param within: seconds to wait at most, also for an account that was lost to stand again.
        :return: a Deferred that fires with the first quote that has both sides. It fails with `UnknownSymbol` or
            `AmbiguousSymbol`, the `ServerError` that refuses the subscription, `OrderNotPlaced` if none came in time,
            and `ClientClosed`.
        """
        return first_quote(self.live.quotes(symbol), symbol, within, self._client.clock)

    def alias(self, aliases: Mapping[str, str]) -> None:
        """Add names of the user's own for symbols; capitals make no difference, and what is added last counts."""
        self._rooms.lookup.alias(aliases)

    def on(self, cls: type[_T], listener: Callable[[_T], object]) -> Callable[[_T], object]:
        """Call a listener with each change of a class of `ctrader_twisted.account.changes`: ``PositionClosed``, ….

        Listeners are called before those who wait for an order are told.

        :return: the listener.
        """
        self._rooms.listeners.add(cls, listener)
        return listener

    def off(self, cls: type[_T], listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        self._rooms.listeners.remove(cls, listener)

    # Orders that open

    @takes(AtMarket)
    def buy(self, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order:
        """Buy at the market: `market` with ``"buy"``."""
        return self.market(BUY, symbol, amount, **terms)

    @takes(AtMarket)
    def sell(self, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order:
        """Sell at the market: `market` with ``"sell"``."""
        return self.market(SELL, symbol, amount, **terms)

    @takes(AtMarket)
    def market(self, side: Side, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order:
        """Buy or sell at the market. It leaves within this turn of the reactor, if the symbol is known already.

        The server takes levels of market orders as distances from the fill alone (observed), so a ``Price`` is sent as
        its distance from the present quote, and set exactly once the order is filled: `Order.protected` waits for that.

        :param amount: ``Lots("0.1")``, ``Units(10_000)`` or ``ProtocolVolume(1_000_000)``.
        :return: the order. What refuses it is told by `Order.accepted`, not raised here.
        :raises ClientClosed: if the client is closed, as each method that gives an order does.
        """
        return self._rooms.placing.place(_TYPE.MARKET, side, symbol, Terms(amount, **terms)).order

    @takes(Opening)
    def market_range(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        *,
        slippage: Pips,
        price: Price | None = None,
        **terms: Unpack[Opening],
    ) -> Order:
        """Buy or sell at the market, but not further from a price than ``slippage``; otherwise as `market`.

        :param price: the price; the present quote by default.
        """
        ranged = Terms(amount, price, slippage, **terms)
        return self._rooms.placing.place(_TYPE.MARKET_RANGE, side, symbol, ranged).order

    @takes(AtLimit)
    def limit(self, side: Side, symbol: str | Symbol, amount: Volume, price: Price, **terms: Unpack[AtLimit]) -> Order:
        """Place an order to buy or sell at a price or better.

        A ``Price`` as level is kept as it is; ``Pips`` and ``Money`` count from where it is filled.
        """
        return self._rooms.placing.place(_TYPE.LIMIT, side, symbol, Terms(amount, price, **terms)).order

    @takes(AtStop)
    def stop(self, side: Side, symbol: str | Symbol, amount: Volume, price: Price, **terms: Unpack[AtStop]) -> Order:
        """Place an order that buys or sells at the market once a price is reached; levels are as those of `limit`."""
        return self._rooms.placing.place(_TYPE.STOP, side, symbol, Terms(amount, price, **terms)).order

    @takes(AtStop)
    def stop_limit(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        price: Price,
        *,
        slippage: Pips,
        **terms: Unpack[AtStop],
    ) -> Order:
        """Place an order that, once a price is reached, buys or sells not further from it than ``slippage``.

        The limit of such an order is a distance from its stop, not a price. Its levels are as those of `limit`.
        """
        return self._rooms.placing.place(_TYPE.STOP_LIMIT, side, symbol, Terms(amount, price, slippage, **terms)).order

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
        :param rounding: as for `market`.
        :param timeout: as for `market`.
        :return: the closing order that the server makes of it; `Order.profit` is what it brought.
        """
        return self._rooms.closing.close(id_of(position), amount, rounding, timeout).order

    def close_all(
        self, symbol: str | Symbol | None = None, side: Side | None = None, *, label: str | None = None
    ) -> list[Order]:
        """Close every position, or those of a symbol, side or label: as `positions_by` finds them."""
        return [self.close(position) for position in self.positions_by(label=label, symbol=symbol, side=side)]

    @takes(Reversing)
    def reverse(self, position: Position | int, **terms: Unpack[Reversing]) -> Order:
        """Close a position, and when it is closed open one as large on the other side.

        What can be known before to forbid the opening (levels, limits, a halt) keeps the position from being closed. If
        the closing ends otherwise than filled, or took longer than 30 seconds, nothing is opened and the order given
        here ends as not sent. Label and comment that are not given are those of the position.

        :return: the order that opens. `Order.after` is the one that closes.
        """
        return self._rooms.closing.reverse(id_of(position), **terms).order

    def flatten(self) -> Deferred[Flattened]:
        """Halt, cancel every working order and close every position, whoever made them, all at once.

        Orders that open are refused from now on with `TradingHalted`, until `resume`. What has not left is taken back;
        orders on their way or in doubt are waited for, and what they open is closed. What is being closed already is
        waited for, and so are losses and refusals for reasons that pass; what the server refuses otherwise is tried
        three times. Cancelling the Deferred ends that.

        :return: a Deferred that fires when nothing is left or coming, or with what can't be cancelled or closed. It
            fails with `ClientClosed`.
        """
        reason = "flatten was called"
        self.halt(reason)
        return Deferred.fromCoroutine(self._rooms.flattening.flatten(reason))

    # What may be done

    @property
    def safety(self) -> Safety:
        """What may be done: the user's own limits and those of `limits`, of each the stricter one.

        Assigning replaces the user's own; those of `limits` can't be loosened so.
        """
        return self._rooms.permits.safety

    @safety.setter
    def safety(self, own: Safety) -> None:
        self._rooms.permits.limits.tightened(own)  # raises what the two can't be joined for
        self._rooms.permits.own = own
        self._rooms.placing.forbid()

    @property
    def limits(self) -> Safety:
        """Limits from outside the program, such as the daemon's configuration: see `OpenApiClient.limit`."""
        return self._rooms.permits.limits

    @limits.setter
    def limits(self, limits: Safety) -> None:
        limits.tightened(self._rooms.permits.own)
        self._rooms.permits.limits = limits
        self._rooms.placing.forbid()

    @property
    def halted(self) -> str | None:
        """Why no order that opens is placed; None as long as they are."""
        return self._rooms.permits.halted

    def halt(self, reason: str) -> None:
        """Place no order that opens any more, until `resume`. What has not left yet is taken back.

        :param reason: what those orders are refused with, in a `TradingHalted`.
        """
        self._rooms.permits.halt = reason
        _log.warn("account {account} is halted: {reason}", account=self.account_id, reason=reason)
        self._rooms.placing.forbid()

    def resume(self) -> None:
        """Place orders again, as far as `safety` lets them."""
        self._rooms.permits.halt = None

    # Commands

    def cancel(self, order: Order | PendingOrder | int, *, timeout: float | None = None) -> Deferred[Any]:
        """Cancel what is not executed of a working order. One of this object that has not left ends as not sent.

        :param order: an order of this object, one of `pending`, or an orderId.
        :param timeout: as for `market`.
        :return: a Deferred that fires with what was given when it is cancelled. It fails with `OrderRefused`,
            `NotWorking` or `NeverArrived`.
        """
        course = self._rooms.register.get(order.client_order_id) if isinstance(order, Order) else None
        if course is not None and course.order is order and self._rooms.placing.cancel(course):
            return succeed(order)
        return Deferred.fromCoroutine(self._rooms.commands.cancel(order, timeout))

    @takes(Changing)
    def amend(self, order: Order | PendingOrder | int, **changes: Unpack[Changing]) -> Deferred[Any]:
        """Change a working order. Everything that is not changed is sent as it is, since what is left out may go.

        :param order: an order of this object, one of `pending`, or an orderId.
        :return: a Deferred that fires with what was given when the server has changed it; it fails with what refuses
            it here or there, with `NotWorking`, and with `NeverArrived`.
        """
        wanted = Changes(**changes)
        check_units(wanted)
        return Deferred.fromCoroutine(self._rooms.commands.amend(order, wanted))

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

        The server takes both at once and removes what is left out (observed), so both are always sent. What is begun
        about the same position before is done first.

        :param stop_loss: ``Price``; ``Pips`` from the position's price; ``Money`` that may be lost; None to remove it.
        :param take_profit: likewise.
        :param trailing: whether the stop loss follows the price, at the distance it has now.
        :param guaranteed: as for `market`.
        :param trigger: which quotes reach the stop loss: ProtoOAOrderTriggerMethod.
        :param rounding: as for `market`.
        :param timeout: as for `market`.
        :return: a Deferred that fires with the position when the levels stand.
        """
        change = Levels(stop_loss, take_profit, trailing, guaranteed, trigger, rounding, timeout)
        check_units(change)
        return Deferred.fromCoroutine(self._rooms.commands.set_levels(id_of(position), change))

    def trail(
        self, position: Position | int, distance: Pips | Money, *, timeout: float | None = None
    ) -> Deferred[Position]:
        """Let a position's stop loss follow the price at a distance from the present quote; the take profit stays.

        :return: as of `set_levels`.
        """
        check_distance(distance)
        return Deferred.fromCoroutine(self._rooms.commands.trail(id_of(position), distance, timeout))

    def find(self, client_order_id: str) -> Deferred[Order]:
        """Find an order by its id among what the server knows, such as one of a process that has died.

        :return: a Deferred that fires with the order; it fails with `NeverArrived` if the server's lists lack it.
        """
        return Deferred.fromCoroutine(self._rooms.settling.find(client_order_id)).addCallback(_order_of)


def _order_of(course: Course) -> Order:
    return course.order
