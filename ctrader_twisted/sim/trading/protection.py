"""The levels of positions, and the server's orders that carry them: set, followed, trailed, withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import ProtoOAExecutionType
from ctrader_twisted.sim.trading import triggers
from ctrader_twisted.sim.trading.entities import BUY, CANCELLED, Levels, relative

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.messages import ProtoOAAmendPositionSLTPReq
    from ctrader_twisted.sim.feed.feed import Tick
    from ctrader_twisted.sim.trading.bench import Bench
    from ctrader_twisted.sim.trading.entities import Order, Position
    from ctrader_twisted.sim.trading.exchange import Cause
    from ctrader_twisted.sim.trading.money import Money
    from ctrader_twisted.sim.trading.orders import Orders
    from ctrader_twisted.sim.trading.records import Deal


_ANSWERS: Final = {"replaced": ProtoOAExecutionType.ORDER_REPLACED, "accepted": ProtoOAExecutionType.ORDER_ACCEPTED}
"""What the option ``levels_answer`` can name."""


class Protection:
    """The protection of one account's positions: a position with a level has one protective order."""

    def __init__(self, bench: Bench, orders: Orders, money: Money) -> None:
        self._bench = bench
        self._orders = orders
        self._money = money
        self._due: set[int] = set()

    def amend(self, position: Position, request: ProtoOAAmendPositionSLTPReq, cause: Cause | None) -> None:
        """Replace a position's levels: one that is left out is removed, a stop that trails goes on (observed)."""
        stop_loss = relative(request.stopLoss) if request.HasField("stopLoss") else None
        take_profit = relative(request.takeProfit) if request.HasField("takeProfit") else None
        if stop_loss is None and take_profit is None:
            self._remove(position, cause)
            return
        trailing = request.trailingStopLoss if request.HasField("trailingStopLoss") else position.protection.trailing
        guaranteed = (
            request.guaranteedStopLoss if request.HasField("guaranteedStopLoss") else position.protection.guaranteed
        )
        if request.HasField("stopLossTriggerMethod"):
            position.trigger_method = request.stopLossTriggerMethod
        stopped = stop_loss is not None
        coming = position.coming
        name = coming.client_order_id if coming is not None else self._name_of(position)
        position.coming = Levels(stop_loss, take_profit, trailing and stopped, guaranteed and stopped, name)
        self._apply(position, cause, server=False)

    def take_over(self, order: Order, position: Position, deals: Iterable[Deal]) -> None:
        """Let a position have the levels of an order that opened it, or added to it. They stand in a moment.

        So has each position that an order opens, if it is filled in parts (unconfirmed).

        :param deals: those of this execution: distances count from the mean price of what they open of the position.
        """
        order.levels_given_to = position.position_id
        if not order.has_levels:
            return
        bench = self._bench
        tick = bench.exchange.instrument(order.symbol_id).tick_size
        opened = [deal for deal in deals if deal.position_id == position.position_id and deal.detail is None]
        volume, worth = sum([deal.filled for deal in opened]), sum([deal.filled * deal.price for deal in opened])
        mean = (2 * worth + volume * tick) // (2 * volume * tick) * tick
        sign = 1 if order.side == BUY else -1
        stop_loss, take_profit = order.stop_loss, order.take_profit
        if order.relative_stop_loss is not None:
            stop_loss = max(tick, mean - sign * order.relative_stop_loss)
        if order.relative_take_profit is not None:
            take_profit = max(tick, mean + sign * order.relative_take_profit)
        position.coming = Levels(stop_loss, take_profit, bool(order.trailing), order.guaranteed, order.client_order_id)
        self.follow_soon(position, bench.options.protection_delay)

    def follow_soon(self, position: Position, seconds: float) -> None:
        """Make a position's protective order, or let it follow the position, after a while."""
        key = position.position_id
        if key not in self._due and (position.coming is not None or position.protective_id is not None):
            self._due.add(key)

            def due() -> None:
                self._due.discard(key)
                if position.lots:
                    self._apply(position, None, server=True)

            self._bench.timers.later(seconds, due)

    def trail(self, position: Position, tick: Tick) -> None:
        """Move a stop loss that trails, if a tick makes it."""
        if not position.trailing or position.stop_loss is None or not position.trailing_distance:
            return
        order = self._bench.protective_order(position)
        level = triggers.trailed(
            position.side, position.stop_loss, position.trailing_distance, position.trigger_method, tick
        )
        if order is None or level is None:
            return
        position.stop_loss = order.stop_price = level
        self._bench.telling.trailed(position, order, level)
        self._bench.telling.margins(self._bench.replaced_margins())

    def withdraw(self, position: Position) -> None:
        """Cancel the protective order of a position that was closed otherwise: only now is it told to be closed."""
        bench = self._bench
        order = bench.protective_order(position)
        bench.ledger.retire(position, bench.now())
        if order is not None:
            self._orders.finish(order, CANCELLED)
            bench.telling.tell(ProtoOAExecutionType.ORDER_CANCELLED, None, order=order, position=position, server=True)
        bench.rewatch()

    def _remove(self, position: Position, cause: Cause | None) -> None:
        bench = self._bench
        if position.coming is not None:
            self._apply(position, None, server=True)  # there is nothing to cancel yet
        order = bench.protective_order(position)
        assert order is not None
        self._set_levels(position, Levels())
        position.updated_at = bench.now()
        position.protective_id = None
        self._orders.finish(order, CANCELLED)
        changed = bench.replaced_margins()
        bench.telling.tell(ProtoOAExecutionType.ORDER_CANCELLED, cause, order=order, position=position)
        bench.telling.margins([one for one in changed if one is not position])

    def _apply(self, position: Position, cause: Cause | None, *, server: bool) -> None:
        """Bring the protective order to the position's volume and to the levels that are to come."""
        bench = self._bench
        coming, position.coming = position.coming, None
        order = bench.protective_order(position)
        if order is None:
            if coming is None:
                return
            order = self._orders.make_protective(position, coming.client_order_id)
            kind = ProtoOAExecutionType.ORDER_ACCEPTED
        else:
            volume = position.volume + order.executed
            if coming is None and order.volume == volume:
                return
            order.volume = volume
            kind = ProtoOAExecutionType.ORDER_REPLACED
        if not server:
            kind = _ANSWERS.get(bench.options.levels_answer, kind)
        order.updated_at = position.updated_at = bench.now()
        newly_guaranteed = coming is not None and coming.guaranteed and not position.guaranteed
        if coming is not None:
            self._set_levels(position, coming)
            order.stop_price, order.limit_price = position.stop_loss, position.take_profit
            order.trailing, order.guaranteed = position.trailing, position.guaranteed
            order.trigger_method = position.trigger_method
            order.triggered = False
            bench.stops.forget(order.order_id)
        changed = bench.replaced_margins()
        bench.telling.tell(kind, cause, order=order, position=position, server=server)
        bench.telling.margins([one for one in changed if one is not position])
        if newly_guaranteed:
            self._money.charge_for_guarantee(position)

    def _set_levels(self, position: Position, levels: Levels) -> None:
        position.coming = None
        position.stop_loss, position.take_profit = levels.stop_loss, levels.take_profit
        position.trailing, position.guaranteed = levels.trailing, levels.guaranteed
        position.trailing_distance = 0
        quote = self._bench.exchange.quote(position.symbol_id)
        if levels.trailing and levels.stop_loss is not None and quote is not None:
            position.trailing_distance = triggers.distance(
                position.side, levels.stop_loss, position.trigger_method, quote
            )

    def _name_of(self, position: Position) -> str:
        """Give the clientOrderId of the order that opened a position."""
        order, ledger = self._bench.protective_order(position), self._bench.ledger
        if order is not None:
            return order.client_order_id
        opening = {lot.deal_id for lot in position.lots}
        for deal in ledger.deals:
            if deal.deal_id in opening:
                past = ledger.past_orders.get(deal.order_id) or ledger.orders.get(deal.order_id)
                return "" if past is None else past.client_order_id
        return ""
