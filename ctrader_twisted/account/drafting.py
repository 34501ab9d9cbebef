"""From what a person means to the request that says it: volumes, prices and levels in the units of the wire."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted import messages
from ctrader_twisted.account.terms import (
    AT_MARKET,
    BUY,
    KEEP,
    STOP_LOSS,
    TAKE_PROFIT,
    Changes,
    Keep,
    Level,
    Levels,
    Terms,
    away,
    ms_of,
    points,
    wrong_side,
)
from ctrader_twisted.errors import LevelsRefused, OrderNotPlaced
from ctrader_twisted.market.units import Money, Pips, Price
from ctrader_twisted.messages import ProtoOAOrderType, ProtoOATimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.holdings import PendingOrder, Position
    from ctrader_twisted.account.valuation import Valuation
    from ctrader_twisted.market.quotes import Quote
    from ctrader_twisted.market.symbols import Rounding, Symbol

_TYPE: Final = ProtoOAOrderType

_FAR: Final = 500
"""Pips from which on a distance is held against the price."""

_COMPARED: Final = (
    "limitPrice",
    "stopPrice",
    "stopLoss",
    "takeProfit",
    "relativeStopLoss",
    "relativeTakeProfit",
    "slippageInPoints",
    "expirationTimestamp",
)


class Drafts:
    """Makes requests of one account.

    :param account_id: its ctidTraderAccountId.
    :param valuation: knows quotes and rates, and asks for them where they are needed.
    :param deposit_name: gives the name of the asset that the account is kept in; None while it is not known.
    """

    def __init__(self, account_id: int, valuation: Valuation, deposit_name: Callable[[], str | None]) -> None:
        self._account_id = account_id
        self._valuation = valuation
        self._deposit_name = deposit_name

    async def new_order(
        self, course: Course, symbol: Symbol, volume: int, terms: Terms
    ) -> tuple[messages.ProtoOANewOrderReq, tuple[Decimal | None, Decimal | None]]:
        """Make the request of an order.

        :return: the request, and the stop loss and take profit that are to be set exactly once it is filled.
        """
        request = messages.ProtoOANewOrderReq(
            ctidTraderAccountId=self._account_id,
            symbolId=symbol.symbol_id,
            orderType=course.order_type,
            tradeSide=course.side,
            volume=volume,
            clientOrderId=course.client_order_id,
            label=terms.label or course.client_order_id,
        )
        if terms.comment:
            request.comment = terms.comment
        if terms.position_id is not None:
            request.positionId = terms.position_id
        if terms.time_in_force is not None:
            request.timeInForce = ProtoOATimeInForce(terms.time_in_force)
        if terms.expires is not None:
            if terms.time_in_force not in (None, ProtoOATimeInForce.GOOD_TILL_DATE):
                raise OrderNotPlaced("an order that expires has no other time in force", "leave one of the two out")
            request.timeInForce = ProtoOATimeInForce.GOOD_TILL_DATE
            request.expirationTimestamp = ms_of(terms.expires)
        if terms.trigger is not None:
            request.stopTriggerMethod = messages.ProtoOAOrderTriggerMethod(terms.trigger)
        if terms.stop_loss is None and (terms.trailing or terms.guaranteed):
            raise _no_stop_loss(symbol)
        if terms.trailing:
            request.trailingStopLoss = True
        if terms.guaranteed:
            request.guaranteedStopLoss = True
        reference = await self._reference(request, symbol, terms)
        exact: list[Decimal | None] = []
        for which, level in ((STOP_LOSS, terms.stop_loss), (TAKE_PROFIT, terms.take_profit)):
            exact.append(await self._order_level(request, symbol, which, level, volume, reference, terms.rounding))
        return request, (exact[0], exact[1])

    async def amendment(self, known: PendingOrder, symbol: Symbol, changes: Changes) -> messages.ProtoOAAmendOrderReq:
        """Make the request that changes an order: everything that stays is in it, too."""
        volume = known.volume if changes.volume is None else symbol.volume(changes.volume, changes.rounding)
        request = messages.ProtoOAAmendOrderReq(
            ctidTraderAccountId=self._account_id, orderId=known.order_id, volume=volume
        )
        limited = known.order_type == _TYPE.LIMIT
        reference = known.limit_price if limited else known.stop_price
        if changes.price is not None:
            reference = symbol.price(changes.price, changes.rounding)
        if reference is not None:
            setattr(request, "limitPrice" if limited else "stopPrice", float(reference))
        if changes.slippage is not None:
            request.slippageInPoints = points(symbol, changes.slippage)
        elif known.message.HasField("slippageInPoints"):
            request.slippageInPoints = known.message.slippageInPoints
        if isinstance(changes.expires, datetime):
            request.expirationTimestamp = ms_of(changes.expires)
        elif changes.expires is KEEP and known.expires_at is not None:
            request.expirationTimestamp = known.expires_at
        if changes.trailing is not KEEP:
            request.trailingStopLoss = bool(changes.trailing)
        elif known.message.HasField("trailingStopLoss"):
            request.trailingStopLoss = known.trailing
        if known.message.tradeData.guaranteedStopLoss:
            request.guaranteedStopLoss = True
        if known.message.HasField("stopTriggerMethod"):
            request.stopTriggerMethod = known.message.stopTriggerMethod
        for which, level in ((STOP_LOSS, changes.stop_loss), (TAKE_PROFIT, changes.take_profit)):
            await self._amended_level(request, known, symbol, which, level, volume, reference, changes.rounding)
        return request

    async def levels(self, position: Position, symbol: Symbol, change: Levels) -> tuple[Decimal | None, Decimal | None]:
        """Give the stop loss and the take profit that a position is to have."""
        stop = await self._position_level(symbol, position, STOP_LOSS, change.stop_loss, change.rounding)
        take = await self._position_level(symbol, position, TAKE_PROFIT, change.take_profit, change.rounding)
        if stop is None and (change.trailing is True or change.guaranteed is True):
            raise _no_stop_loss(symbol)
        return stop, take

    def position_amendment(
        self, position: Position, stop: Decimal | None, take: Decimal | None, change: Levels, trailing: bool | None
    ) -> messages.ProtoOAAmendPositionSLTPReq:
        """Make the request that sets a position's levels, both of them.

        :param trailing: None leaves the flag as it is.
        """
        request = messages.ProtoOAAmendPositionSLTPReq(
            ctidTraderAccountId=self._account_id, positionId=position.position_id
        )
        if stop is not None:
            request.stopLoss = float(stop)
            guaranteed = position.guaranteed if change.guaranteed is KEEP else bool(change.guaranteed)
            if guaranteed or position.guaranteed:
                request.guaranteedStopLoss = guaranteed
            if change.trigger is not None:
                request.stopLossTriggerMethod = messages.ProtoOAOrderTriggerMethod(change.trigger)
            elif position.message.HasField("stopLossTriggerMethod"):
                request.stopLossTriggerMethod = position.message.stopLossTriggerMethod
            if trailing is not None:
                request.trailingStopLoss = trailing
        if take is not None:
            request.takeProfit = float(take)
        return request

    async def distance(self, symbol: Symbol, level: Pips | Money, volume: int) -> Decimal:
        """Give a distance in the price, from pips or from what it may cost or bring on a volume."""
        if isinstance(level, Pips):
            if level.value <= 0:
                raise LevelsRefused(symbol.name, f"a level {level} away", "give a distance above 0")
            return symbol.distance(level)
        deposit = self._deposit_name()
        if level.currency is not None and deposit is not None and level.currency.upper() != deposit.upper():
            problem = f"a level of {level} on an account that is kept in {deposit}"
            raise LevelsRefused(symbol.name, problem, f"give the amount in {deposit}")
        await self._valuation.priced(symbol.symbol_id)
        rate = self._valuation.rate(symbol.symbol_id)
        assert rate is not None
        return symbol.money_distance(level, volume, rate)

    async def quote(self, symbol: Symbol) -> Quote:
        """Give a symbol's quote, both sides known."""
        await self._valuation.priced(symbol.symbol_id)
        quote = self._valuation.quote(symbol.symbol_id)
        assert quote is not None
        return quote

    async def _reference(self, request: messages.ProtoOANewOrderReq, symbol: Symbol, terms: Terms) -> Decimal | None:
        """Set the prices; give the one that levels are held against: the order's own, or the quote if need be."""
        price = None if terms.price is None else symbol.price(terms.price, terms.rounding)
        if terms.slippage is not None:
            request.slippageInPoints = points(symbol, terms.slippage)
        if request.orderType == _TYPE.LIMIT:
            assert price is not None
            request.limitPrice = float(price)
            return price
        if request.orderType in (_TYPE.STOP, _TYPE.STOP_LIMIT):
            assert price is not None
            request.stopPrice = float(price)
            return price
        by_price = any(isinstance(level, Price) for level in (terms.stop_loss, terms.take_profit))
        ranged = request.orderType == _TYPE.MARKET_RANGE
        if price is None and (ranged or by_price):
            quote = await self.quote(symbol)
            price = quote.ask if request.tradeSide == BUY else quote.bid
        if ranged:
            assert price is not None
            request.baseSlippagePrice = float(price)
        return price

    async def _order_level(
        self,
        request: messages.ProtoOANewOrderReq,
        symbol: Symbol,
        which: str,
        level: Level | None,
        volume: int,
        reference: Decimal | None,
        rounding: Rounding,
    ) -> Decimal | None:
        """Set a level of an order; give what is to be set exactly once it is filled."""
        if level is None:
            return None
        if not isinstance(level, Price):
            distance = await self.distance(symbol, level, volume)
            if (request.tradeSide == BUY) is (which == STOP_LOSS):  # below the price
                await self._check_above_zero(symbol, level, distance, reference)
            setattr(request, f"relative{which}", symbol.relative(distance))
            return None
        price = symbol.price(level, rounding)
        assert reference is not None
        distance = away(which, request.tradeSide, reference, price)
        if distance <= 0:
            raise wrong_side(symbol, which, request.tradeSide, price, reference)
        if request.orderType in AT_MARKET:
            setattr(request, f"relative{which}", symbol.relative(distance))
            return price
        setattr(request, _field(which), float(price))
        return None

    async def _check_above_zero(
        self, symbol: Symbol, level: Pips | Money, distance: Decimal, reference: Decimal | None
    ) -> None:
        """Refuse a level that would lie at or below zero.

        :param reference: what it counts from; None for the present quote, which is asked for if it may matter.
        """
        if reference is None and (distance >= _FAR * symbol.pip or isinstance(level, Money)):
            reference = (await self.quote(symbol)).bid
        if reference is not None and distance >= reference:
            raise _below_zero(symbol, level, reference)

    async def _amended_level(
        self,
        request: messages.ProtoOAAmendOrderReq,
        known: PendingOrder,
        symbol: Symbol,
        which: str,
        level: Level | Keep | None,
        volume: int,
        reference: Decimal | None,
        rounding: Rounding,
    ) -> None:
        if level is None:
            return
        if isinstance(level, Keep):
            for name in (_field(which), f"relative{which}"):
                if known.message.HasField(name):  # type: ignore[arg-type]
                    setattr(request, name, getattr(known.message, name))
        elif isinstance(level, Price):
            price = symbol.price(level, rounding)
            if reference is not None and away(which, known.side, reference, price) <= 0:
                raise wrong_side(symbol, which, known.side, price, reference)
            setattr(request, _field(which), float(price))
        else:
            setattr(request, f"relative{which}", symbol.relative(await self.distance(symbol, level, volume)))

    async def _position_level(
        self, symbol: Symbol, position: Position, which: str, level: Level | Keep | None, rounding: Rounding
    ) -> Decimal | None:
        if isinstance(level, Keep):
            return position.stop_loss if which == STOP_LOSS else position.take_profit
        if level is None or isinstance(level, Price):
            return None if level is None else symbol.price(level, rounding)
        distance = await self.distance(symbol, level, position.volume)
        up = (position.side == BUY) is (which == TAKE_PROFIT)
        price = position.price + distance if up else position.price - distance
        if price <= 0:
            raise _below_zero(symbol, level, position.price)
        # A position's own price may lie between two ticks: its levels go to the nearer one.
        return symbol.price(price, "nearest")


def agrees(now: Any, request: Any, before: Position | None = None) -> bool:
    """Say whether an order or a position is as a command wanted it to be.

    :param before: the position when it was sent: a stop loss that trails may have followed the price since then.
    """
    names = set(now.DESCRIPTOR.fields_by_name) & set(request.DESCRIPTOR.fields_by_name)
    for name in _COMPARED:
        if name not in names:
            continue
        wanted = getattr(request, name) if request.HasField(name) else 0
        if (getattr(now, name) if now.HasField(name) else 0) != wanted:
            if name == "stopLoss" and before is not None and _has_trailed(now, wanted, before):
                continue
            return False
    if "volume" in request.DESCRIPTOR.fields_by_name and now.tradeData.volume != request.volume:
        return False
    return not request.HasField("trailingStopLoss") or now.trailingStopLoss == request.trailingStopLoss


def unchanged(now: Any, before: Any) -> bool:
    """Say whether an order is as it was, as far as a command can change it."""
    for name in _COMPARED:
        if name in now.DESCRIPTOR.fields_by_name:
            if (now.HasField(name), getattr(now, name)) != (before.HasField(name), getattr(before, name)):
                return False
    return bool(now.tradeData.volume == before.tradeData.volume)


def _has_trailed(now: Any, wanted: float, before: Position) -> bool:
    """Say whether a stop loss was set to a level and has followed the price from there.

    One that trailed before and was to be set further away counts only while it is further away than it was: nothing
    else tells it from one that was never set.
    """
    if not (wanted and now.HasField("stopLoss") and now.trailingStopLoss):
        return False
    level: float = now.stopLoss
    sign = 1 if before.side == BUY else -1
    if before.trailing and before.stop_loss is not None and sign * (wanted - float(before.stop_loss)) < 0:
        return sign * wanted <= sign * level < sign * float(before.stop_loss)
    return sign * (level - wanted) >= 0


def _field(which: str) -> str:
    return which[0].lower() + which[1:]


def _below_zero(symbol: Symbol, level: Pips | Money, reference: Decimal) -> LevelsRefused:
    problem = f"a level {level} away from {reference}, which is at or below zero"
    return LevelsRefused(symbol.name, problem, "Give a smaller distance.")


def _no_stop_loss(symbol: Symbol) -> LevelsRefused:
    return LevelsRefused(
        symbol.name, "a stop loss that trails or is guaranteed, and no stop loss", "give stop_loss, too"
    )
