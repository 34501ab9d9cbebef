"""How an account's orders come and go: made from requests, amended, expired, ended; with the placeholders they hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ctrader_twisted.messages import ProtoOAExecutionType
from ctrader_twisted.sim.trading import rules
from ctrader_twisted.sim.trading.entities import (
    AT_THE_MARKET,
    CREATED,
    EXPIRED,
    FILL_OR_KILL,
    GOOD_TILL_DATE,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    MARKET_ON_OPEN,
    MARKET_RANGE,
    PROTECTIVE,
    REJECTED,
    STOP_LIMIT,
    STOPS,
    Order,
    Position,
    opposite,
    relative,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from ctrader_twisted.messages import ProtoOAAmendOrderReq, ProtoOANewOrderReq
    from ctrader_twisted.sim.trading.bench import Bench
    from ctrader_twisted.sim.trading.exchange import Cause


class Orders:
    """The orders of one account, but for how they are filled."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._expiries: dict[int, int] = {}

    # ------------------------------------------------------------------------------- made

    def make(self, request: ProtoOANewOrderReq, case: rules.Case) -> Order:
        """Make the order that a request asks for. It is not in the book yet."""
        dropped = rules.wrong_levels(case)
        kind = request.orderType
        stops, slips = kind in STOPS, kind in (MARKET_RANGE, STOP_LIMIT)
        tif = request.timeInForce
        if kind in AT_THE_MARKET and tif not in (FILL_OR_KILL, MARKET_ON_OPEN):
            tif = IMMEDIATE_OR_CANCEL  # as a market order is stored (observed)
        order = Order(
            order_id=self._bench.exchange.ids.order(),
            position_id=0,
            symbol_id=request.symbolId,
            side=request.tradeSide,
            volume=request.volume,
            order_type=kind,
            created_at=case.now,
            time_in_force=tif,
            limit_price=relative(request.limitPrice) if kind == LIMIT else None,
            stop_price=relative(request.stopPrice) if stops else None,
            base_slippage_price=relative(request.baseSlippagePrice) if kind == MARKET_RANGE else None,
            slippage=request.slippageInPoints if slips else None,
            expires_at=request.expirationTimestamp if tif == GOOD_TILL_DATE else None,
            trigger_method=request.stopTriggerMethod if stops or request.HasField("stopTriggerMethod") else None,
            client_order_id=request.clientOrderId,
            label=request.label,
            comment=request.comment,
        )
        _take_levels(order, request, dropped)
        if order.has_levels or request.HasField("trailingStopLoss"):
            order.trailing = request.trailingStopLoss and order.has_stop
        order.guaranteed = request.guaranteedStopLoss and order.has_stop
        return order

    def make_closing(self, position: Position, volume: int) -> Order:
        """Make the server's own market order that closes a position; its clientOrderId is a number (observed)."""
        bench, ledger = self._bench, self._bench.ledger
        order = Order(
            order_id=bench.exchange.ids.order(),
            position_id=position.position_id,
            symbol_id=position.symbol_id,
            side=opposite(position.side),
            volume=volume,
            order_type=MARKET,
            created_at=bench.now(),
            time_in_force=IMMEDIATE_OR_CANCEL,
            closing=True,
            client_order_id=str(len(ledger.orders) + len(ledger.past_orders) + 1),
        )
        ledger.orders[order.order_id] = order
        return order

    def make_protective(self, position: Position, client_order_id: str) -> Order:
        """Make the order that carries the levels of a position; it has none yet."""
        bench = self._bench
        order = Order(
            order_id=bench.exchange.ids.order(),
            position_id=position.position_id,
            symbol_id=position.symbol_id,
            side=opposite(position.side),
            volume=position.volume,
            order_type=PROTECTIVE,
            created_at=bench.now(),
            closing=True,
            client_order_id=client_order_id,
            label=position.label,
            comment=position.comment,
        )
        bench.ledger.orders[order.order_id] = order
        position.protective_id = order.order_id
        return order

    def make_place_holder(self, order: Order) -> Position:
        """Make the position that an order may open, and name it in the order."""
        bench = self._bench
        position = Position(
            position_id=bench.exchange.ids.position(),
            symbol_id=order.symbol_id,
            side=order.side,
            updated_at=bench.now(),
            label=order.label,
            comment=order.comment,
        )
        bench.ledger.positions[position.position_id] = position
        order.position_id = position.position_id
        return position

    # ------------------------------------------------------------------------------- amended

    def amend(self, order: Order, request: ProtoOAAmendOrderReq, case: rules.Case) -> None:
        """Change a pending order: what is left out stays, but levels, which go (observed elsewhere)."""
        dropped = rules.wrong_levels(case)
        if request.HasField("volume"):
            order.volume = request.volume
        if request.HasField("limitPrice"):
            order.limit_price = relative(request.limitPrice)
        if request.HasField("stopPrice"):
            order.stop_price = relative(request.stopPrice)
            order.triggered = False
        if request.HasField("slippageInPoints"):
            order.slippage = request.slippageInPoints
        if request.HasField("stopTriggerMethod"):
            order.trigger_method = request.stopTriggerMethod
        if request.HasField("expirationTimestamp") and order.time_in_force == GOOD_TILL_DATE:
            order.expires_at = request.expirationTimestamp
        _take_levels(order, request, dropped)
        order.levels_given_to = 0
        trailing = request.trailingStopLoss if request.HasField("trailingStopLoss") else bool(order.trailing)
        guaranteed = request.guaranteedStopLoss if request.HasField("guaranteedStopLoss") else order.guaranteed
        order.trailing = trailing and order.has_stop if order.trailing is not None or order.has_levels else None
        order.guaranteed = guaranteed and order.has_stop
        order.updated_at = self._bench.now()
        self._bench.stops.forget(order.order_id)
        self.await_expiry(order)

    # ------------------------------------------------------------------------------- ended

    def await_expiry(self, order: Order) -> None:
        """Let an order expire at its time, if it has one, and at no other."""
        timers = self._bench.timers
        timers.call_off(self._expiries.pop(order.order_id, None))
        if order.expires_at is not None:
            seconds = self._bench.venue.seconds_until(order.expires_at)
            self._expiries[order.order_id] = timers.later(seconds, partial(self.expire, order))

    def expire(self, order: Order) -> None:
        """End an order whose time is over, unless it is on its way to being filled."""
        if order.order_id in self._bench.ledger.orders and not order.in_execution:
            self.end(order, EXPIRED, ProtoOAExecutionType.ORDER_EXPIRED, None, server=True)

    def finish(self, order: Order, status: int) -> None:
        """Move an order to the past ones, without a word."""
        bench = self._bench
        bench.ledger.finish(order, status, bench.now())
        bench.stops.forget(order.order_id)
        bench.timers.call_off(self._expiries.pop(order.order_id, None))

    def end(
        self,
        order: Order,
        status: int,
        kind: int,
        cause: Cause | None,
        *,
        server: bool = False,
        code: str = "",
    ) -> None:
        """Finish an order that is not filled, or not all of it, and tell so.

        :param kind: the ProtoOAExecutionType that is told.
        """
        self.finish(order, status)
        self.drop_place_holder(order)
        self._bench.rewatch()
        position = self._bench.position(order.position_id)
        self._bench.telling.tell(kind, cause, order=order, position=position, server=server, code=code)

    def reject(self, order: Order, code: str, cause: Cause | None, server: bool) -> None:
        """Reject what is left of an order as it is executed; what was filled of it before stands."""
        self.end(order, REJECTED, ProtoOAExecutionType.ORDER_REJECTED, cause, server=server, code=code)

    def drop_place_holder(self, order: Order) -> None:
        """Retire the position that an order would have opened."""
        position = self._bench.ledger.positions.get(order.position_id)
        if position is not None and position.status == CREATED:
            self._bench.ledger.retire(position, self._bench.now())


def _take_levels(order: Order, request: Any, dropped: Collection[str]) -> None:
    """Give an order the levels of a request, but those named."""

    def kept(name: str) -> bool:
        return request.HasField(name) and name not in dropped

    order.stop_loss = relative(request.stopLoss) if kept("stopLoss") else None
    order.take_profit = relative(request.takeProfit) if kept("takeProfit") else None
    order.relative_stop_loss = request.relativeStopLoss if kept("relativeStopLoss") else None
    order.relative_take_profit = request.relativeTakeProfit if kept("relativeTakeProfit") else None
