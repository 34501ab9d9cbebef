"""What must hold of one account's book whatever was sent and whatever the market did, and what was told of it.

`Witness` listens as a client would, and knows nothing else; the book is read from the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.messages import (
    ProtoOAExecutionEvent,
    ProtoOAExecutionType,
    ProtoOAMarginChangedEvent,
    ProtoOATrailingSLChangedEvent,
)
from tests.account.books import check_ledger
from tests.sim.trading.staged import BUY, CLOSED, CREATED, LIMIT, OPEN, PROTECTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ctrader_twisted.messages import ProtoOADeal, ProtoOAOrder, ProtoOAPosition
    from ctrader_twisted.sim.feed.feed import Feed
    from ctrader_twisted.sim.trading.entities import Position
    from ctrader_twisted.sim.trading.exchange import Exchange
    from ctrader_twisted.sim.trading.ledger import Ledger

BY_STOP: Final = 1
BY_BOTH: Final = 2
LEVELS: Final = ("stopLoss", "takeProfit", "relativeStopLoss", "relativeTakeProfit")


def ticks(price: float) -> int:
    """Give a price of a message in 1/100000."""
    return round(price * 100_000)


# ----------------------------------------------------------------------------------------------- what holds at any time


def check_money(ledger: Ledger, exchange: Exchange) -> None:
    """The balance is the sum of what was booked, what is open what was dealt, and margin what that uses."""
    check_ledger(ledger)
    for position, margin in margins_from_scratch(ledger, exchange):
        assert position.used_margin == margin, f"margin of {position.position_id}"
    for position in (*ledger.positions.values(), *ledger.closed_positions.values()):
        assert position.status == OPEN or not position.used_margin, f"{position.position_id} uses margin"


def margins_from_scratch(ledger: Ledger, exchange: Exchange) -> Iterator[tuple[Position, int]]:
    """Give what each open position uses, from the deals that it is made of and nothing else of the book."""
    account, reference = ledger.account, exchange.reference
    lots: dict[int, list[list[Any]]] = defaultdict(list)
    for deal in ledger.deals:
        if deal.detail is None:
            lots[deal.position_id].append([deal.filled, deal])
            continue
        left = deal.filled
        while left:
            first = lots[deal.position_id][0]
            part = min(left, first[0])
            first[0] -= part
            left -= part
            if not first[0]:
                del lots[deal.position_id][0]
    tiers_of = {one.leverage_id: one.tiers for one in reference.leverages}
    climbed: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for position in ledger.open_positions():
        worth = dollars = risk = Fraction(0)
        sign = 1 if position.side == BUY else -1
        stop = position.guaranteed_stop
        for volume, deal in lots[position.position_id]:
            rate = Fraction(repr(deal.margin_rate))
            worth += volume * rate / 100
            dollars += volume * Fraction(repr(deal.usd_rate))
            if stop is not None:
                risk += volume * sign * (deal.price - stop) * rate / deal.price / 100
        leverage_id = exchange.instrument(position.symbol_id).leverage_id
        key = leverage_id, position.side
        before, climbed[key] = climbed[key], climbed[key] + dollars
        parts = [held(tiers_of.get(leverage_id, ()), account.leverage_in_cents, one) for one in (before, climbed[key])]
        amount = worth * (parts[1] - parts[0]) / dollars if dollars else worth * 100 / account.leverage_in_cents
        if account.limited_risk and account.limited_risk_margin in (BY_STOP, BY_BOTH) and stop is not None:
            at_risk = max(Fraction(0), risk)
            amount = at_risk if account.limited_risk_margin == BY_STOP else max(amount, at_risk)
        yield position, floor(amount * 10**account.money_digits + Fraction(1, 2))


def held(tiers: Iterable[Any], most: int, exposure: Fraction) -> Fraction:
    """Give what is held of an exposure: each tier's part by the leverage of the tier, the last one without end."""
    amount, begins, leverage = Fraction(0), Fraction(0), most
    for tier in tiers:
        leverage = min(most, tier.leverage)
        part = max(Fraction(0), min(exposure, Fraction(tier.volume)) - begins)
        amount += part * 100 / leverage
        begins = Fraction(tier.volume)
    return amount + max(Fraction(0), exposure - begins) * 100 / leverage


# --------------------------------------------------------------------------------- what holds once nothing is under way


def unsound(ledger: Ledger, now: int) -> list[str]:
    """Name what is wrong with the book; while something is under way, that is wrong, too."""
    return [*_wrong_positions(ledger), *_wrong_orders(ledger, now)]


def _wrong_positions(ledger: Ledger) -> Iterator[str]:
    opening = {order.position_id for order in ledger.orders.values() if not order.closing}
    symbols = [position.symbol_id for position in ledger.open_positions()]
    if ledger.account.account_type == 1 and len(set(symbols)) < len(symbols):
        yield "a netted account has two positions of a symbol"
    for position in ledger.positions.values():
        name = f"position {position.position_id}"
        if position.status == CREATED and position.position_id not in opening:
            yield f"{name} is a placeholder without an order"
        if position.status != OPEN:
            continue
        order = ledger.orders.get(position.protective_id or 0)
        levels = position.stop_loss, position.take_profit
        if position.volume < 1:
            yield f"{name} is open and empty"
        if order is None:
            if position.protective_id or levels != (None, None):
                yield f"{name} has levels {levels} and no protective order"
        elif order.remaining != position.volume:
            yield f"{name} has {position.volume}, its protective order {order.remaining}"
        elif (order.stop_price, order.limit_price) != levels:
            yield f"{name} has levels {levels}, its protective order {order.stop_price, order.limit_price}"
        if position.coming is not None:
            yield f"{name} has levels to come"
    for position in ledger.closed_positions.values():
        if position.status != CLOSED:
            yield f"position {position.position_id} is closed and says {position.status}"


def _wrong_orders(ledger: Ledger, now: int) -> Iterator[str]:
    for order in ledger.orders.values():
        name = f"order {order.order_id}"
        position = ledger.positions.get(order.position_id)
        if order.remaining < 1:
            yield f"{name} works with nothing left"
        if order.in_execution:
            yield f"{name} is in execution"
        if order.expires_at is not None and order.expires_at <= now:
            yield f"{name} has expired and works"
        if order.order_type == PROTECTIVE and (position is None or position.protective_id != order.order_id):
            yield f"{name} protects nothing"


# -------------------------------------------------------------------------------------------------------- what was told


class Witness:
    """Hears what an account is told, and says what it believes.

    :ivar told: the positions that are, or may be opened, as they were told last, by their ids.
    :ivar kinds: the names of what was told, how often.
    :ivar unguarded: symbols in which a guaranteed stop loss may be behind the market: none is carried out while a
        symbol is disabled, and some venues take one that the market has passed.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.told: dict[int, ProtoOAPosition] = {}
        self.kinds: dict[str, int] = defaultdict(int)
        self.unguarded: set[int] = set()
        self._charged = 0
        self._due: dict[int, tuple[ProtoOAOrder, list[ProtoOADeal]]] = {}
        self._given: dict[int, tuple[int, int]] = {}
        self._unheard: set[int] = set()

    def joins(self, reconciled: Any, unheard: Iterable[int]) -> None:
        """Take the answer to a reconcile for what is.

        :param unheard: the orders that may have been filled before: which of them filled what is not known.
        """
        self.told = {one.positionId: one for one in reconciled.position}
        self._unheard.update(unheard)
        if self._unheard:
            self._due.clear()

    def hear(self, messages: Iterable[Any]) -> None:
        for message in messages:
            if isinstance(message, ProtoOAMarginChangedEvent):
                self.told[message.positionId].usedMargin = message.usedMargin
            elif isinstance(message, ProtoOATrailingSLChangedEvent):
                self.kinds["trailed"] += 1
                self.told[message.positionId].stopLoss = message.stopPrice
            elif isinstance(message, ProtoOAExecutionEvent):
                self._event(message)
            else:
                self.kinds[getattr(message, "errorCode", "") or type(message).__name__] += 1

    def _event(self, event: ProtoOAExecutionEvent) -> None:
        kind = ProtoOAExecutionType(event.executionType).name
        order, position = event.order, event.position
        self.kinds[kind] += 1
        if kind == "SWAP":
            self._charged += position.swap - self.told[position.positionId].swap
        if order.isStopOut:
            self.kinds["stop-out"] += 1
        if event.HasField("position"):
            self.told[position.positionId] = position
            if position.positionStatus != OPEN:
                self._due.pop(position.positionId, None)
        if event.HasField("deal"):
            self._dealt(event)
        elif order.orderType == PROTECTIVE and not event.isServerEvent:
            self._due.pop(position.positionId, None)  # a client has set other levels
        elif kind == "ORDER_REPLACED" and order.orderType != PROTECTIVE:
            self._given.pop(order.orderId, None)

    def _dealt(self, event: ProtoOAExecutionEvent) -> None:
        order, position, deal = event.order, event.position, event.deal
        at = deal.executionTimestamp
        assert self._feed.is_open(deal.symbolId, at), f"deal {deal.dealId} in a closed market"
        price, buys = ticks(deal.executionPrice), deal.tradeSide == BUY
        if order.orderType == LIMIT:
            limit = ticks(order.limitPrice)
            assert price <= limit if buys else price >= limit, f"order {order.orderId} is filled beyond its limit"
        if order.orderType == PROTECTIVE and order.tradeData.guaranteedStopLoss:
            stop, limit = ticks(order.stopPrice), ticks(order.limitPrice)
            taken = order.HasField("limitPrice") and (price <= limit if buys else price >= limit)
            assert price == stop or taken, f"guaranteed at {stop}, filled at {price}"
            self.kinds["guaranteed"] += 1
        if order.isStopOut and position.guaranteedStopLoss and deal.symbolId not in self.unguarded:
            stop = ticks(position.stopLoss)
            assert price <= stop if buys else price >= stop, f"guaranteed at {stop}, closed out at {price}"
        if deal.HasField("closePositionDetail"):
            return
        if order.orderId in self._unheard:
            self._due.pop(position.positionId, None)
            return
        given = self._given.get(order.orderId)
        if given is not None and given[0] == position.positionId and given[1] != at:
            return  # the position has had this order's levels before
        first = given is None or given != (position.positionId, at)
        self._given[order.orderId] = position.positionId, at
        if any(order.HasField(name) for name in LEVELS):
            before = [] if first or position.positionId not in self._due else self._due[position.positionId][1]
            self._due[position.positionId] = order, [*before, deal]

    def check(self, ledger: Ledger, tick_sizes: Mapping[int, int]) -> None:
        """What was told is what is, and a position has the levels of the order that filled it last."""
        for position in ledger.open_positions():
            self._check_told(ledger, position)
            if position.position_id in self._due:
                _check_levels(position, *self._due[position.position_id], tick_sizes[position.symbol_id])
        booked = sum(deal.detail.swap for deal in ledger.deals if deal.detail is not None)
        assert booked + sum(one.swap for one in ledger.open_positions()) == self._charged, "swap"
        left = {key for key, one in self.told.items() if one.positionStatus == OPEN}
        assert left == {one.position_id for one in ledger.open_positions()}

    def _check_told(self, ledger: Ledger, position: Position) -> None:
        told = self.told[position.position_id]
        now = position.message(ledger.account.money_digits, told.tradeData.measurementUnits)
        now.utcLastUpdateTimestamp = told.utcLastUpdateTimestamp
        assert told == now, f"told {told}, is {now}"


def _check_levels(position: Position, order: ProtoOAOrder, deals: list[ProtoOADeal], tick: int) -> None:
    buys = position.side == BUY
    volume = sum(deal.filledVolume for deal in deals)
    worth = sum(deal.filledVolume * ticks(deal.executionPrice) for deal in deals)
    mean = floor(Fraction(worth, volume * tick) + Fraction(1, 2)) * tick

    def level(absolute: str, distance: str, sign: int) -> int | None:
        if order.HasField(distance):
            return max(tick, mean + sign * getattr(order, distance))
        return ticks(getattr(order, absolute)) if order.HasField(absolute) else None

    stop = level("stopLoss", "relativeStopLoss", -1 if buys else 1)
    name = f"position {position.position_id} of order {order.orderId}"
    assert position.take_profit == level("takeProfit", "relativeTakeProfit", 1 if buys else -1), name
    assert position.trailing == order.trailingStopLoss, f"{name}: trailing"
    assert position.guaranteed == order.tradeData.guaranteedStopLoss, f"{name}: guarantee"
    if position.trailing and stop is not None and position.stop_loss is not None:
        assert position.stop_loss >= stop if buys else position.stop_loss <= stop, name
    else:
        assert position.stop_loss == stop, f"{name}: {position.stop_loss} where {stop} was ordered"
