"""One account's desk: it takes up commands and shows its parts what the market does, each event in its order.

A command is checked and taken up at once; what follows from it comes later, by the delays of the venue's options. What
the market sets off - stops, limits, levels, stop-outs - is filled with the tick that sets it off. The sequences, what
is a server event and which field is set when are observed (protocol notes, 1.12); what was never recorded is said to be
unconfirmed where it is decided.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ctrader_twisted.messages import ProtoOAExecutionType
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.trading import rules, solvency, triggers
from ctrader_twisted.sim.trading.bench import Bench
from ctrader_twisted.sim.trading.checking import Checking
from ctrader_twisted.sim.trading.entities import CANCELLED, CREATED, PROTECTIVE
from ctrader_twisted.sim.trading.filling import Filling
from ctrader_twisted.sim.trading.money import Money
from ctrader_twisted.sim.trading.orders import Orders
from ctrader_twisted.sim.trading.protection import Protection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.messages import (
        ProtoOAAmendOrderReq,
        ProtoOAAmendPositionSLTPReq,
        ProtoOACancelOrderReq,
        ProtoOAClosePositionReq,
        ProtoOANewOrderReq,
    )
    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.feed.feed import Tick
    from ctrader_twisted.sim.trading.entities import Position
    from ctrader_twisted.sim.trading.exchange import Cause, Exchange
    from ctrader_twisted.sim.trading.ledger import Ledger


class Desk:
    """The desk of one account.

    :ivar ledger: what the account holds and has done.
    :ivar money: what is paid in and out, swap, margin calls, stop-outs.
    """

    def __init__(self, exchange: Exchange, ledger: Ledger) -> None:
        self.ledger = ledger
        self._exchange = exchange
        self._bench = bench = Bench(exchange, ledger, partial(exchange.watch, self))
        self.money: Money = Money(bench, self._close_out)
        self._checking = Checking(bench)
        self._orders = Orders(bench)
        self._protection = Protection(bench, self._orders, self.money)
        self._filling = Filling(bench, self._orders, self._protection, self.money)

    @property
    def account(self) -> TradingAccount:
        """Whose desk it is."""
        return self.ledger.account

    # ------------------------------------------------------------------------------- commands

    def new_order(self, request: ProtoOANewOrderReq, cause: Cause | None) -> None:
        """Take up a new order.

        :param cause: who asked.
        :raises Refusal: if it is refused.
        """
        case = self._checking.new_order(request)
        order = self._orders.make(request, case)
        at_once = self._filling.fills_at_once(order)
        if at_once and not case.reduces:
            self._checking.refuse(request, self._filling.short_of_money(order, order.volume, case.position))
        self.ledger.orders[order.order_id] = order
        position = case.position
        if position is None:
            position = self._orders.make_place_holder(order)
        order.position_id = position.position_id
        order.adds = bool(request.positionId)
        self._orders.await_expiry(order)
        self._bench.rewatch()
        shown = self._bench.shown_position(order)
        self._bench.telling.tell(ProtoOAExecutionType.ORDER_ACCEPTED, cause, order=order, position=shown)
        if at_once:
            self._filling.execute_soon(order, cause)

    def cancel_order(self, request: ProtoOACancelOrderReq, cause: Cause | None) -> None:
        """Cancel a working order; what is being executed can't be any more, and an event says so (observed).

        :raises Refusal: if it is refused.
        """
        order, _ = self._checking.about_order(rules.CANCEL_ORDER, request)
        if order.in_execution:
            shown = self._bench.shown_position(order)
            self._bench.telling.tell(ProtoOAExecutionType.ORDER_CANCEL_REJECTED, cause, order=order, position=shown)
        else:
            self._orders.end(order, CANCELLED, ProtoOAExecutionType.ORDER_CANCELLED, cause)

    def amend_order(self, request: ProtoOAAmendOrderReq, cause: Cause | None) -> None:
        """Change a pending order. What is left out stays, but levels, which go (observed elsewhere).

        :raises Refusal: if it is refused.
        """
        order, case = self._checking.about_order(rules.AMEND_ORDER, request)
        self._orders.amend(order, request, case)
        shown = self._bench.shown_position(order)
        self._bench.telling.tell(ProtoOAExecutionType.ORDER_REPLACED, cause, order=order, position=shown)
        if self._filling.fills_at_once(order):
            self._filling.execute_soon(order, cause)

    def amend_position(self, request: ProtoOAAmendPositionSLTPReq, cause: Cause | None) -> None:
        """Replace a position's levels: one that is left out is removed, a stop that trails goes on (observed).

        :raises Refusal: if it is refused.
        """
        position = self._checking.about_position(rules.AMEND_POSITION, request)
        self._protection.amend(position, request, cause)

    def close_position(self, request: ProtoOAClosePositionReq, cause: Cause | None) -> None:
        """Close a position or a part of it by a market order of the server's own.

        :raises Refusal: if it is refused.
        """
        position = self._checking.about_position(rules.CLOSE_POSITION, request)
        order = self._orders.make_closing(position, request.volume)
        self._bench.telling.tell(ProtoOAExecutionType.ORDER_ACCEPTED, cause, order=order, position=position)
        self._filling.execute_soon(order, cause)

    # ------------------------------------------------------------------------------- the market

    def tick(self, symbol_id: int, tick: Tick) -> None:
        """Do what a tick sets off: stops trail, levels are hit, pending orders are filled, money runs out.

        Rights that were taken from the account meanwhile keep none of it from happening (unconfirmed).
        """
        mode = self._exchange.instrument(symbol_id).trading_mode
        with self.money.afterwards():
            if mode != TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION:
                for position in self.ledger.open_positions(symbol_id):
                    self._protection.trail(position, tick)
                    self._filling.look_at_levels(position, tick)
            for order in tuple(self.ledger.orders.values()):
                if order.symbol_id == symbol_id and order.order_type != PROTECTIVE:
                    self._filling.look_at_order(order, tick)

    def _close_out(self, position: Position, volume: int) -> bool:
        """Close so much of a position for a stop-out, by an order that says so; say whether anything was closed."""
        order = self._orders.make_closing(position, volume)
        order.stop_out = True
        self._bench.telling.tell(ProtoOAExecutionType.ORDER_ACCEPTED, None, order=order, position=position, server=True)
        before = len(self.ledger.deals)
        self._filling.execute(order, None, server=True)
        return len(self.ledger.deals) > before

    # ------------------------------------------------------------------------------- saved, loaded, stopped

    def state(self) -> dict[str, Any]:
        """Give what it remembers besides the ledger as plain values, for `resume`."""
        calls = self.money.margin_calls
        told = [[kind, at] for kind, at in calls.told.items()]
        return {"calls_told": told, "calls_below": sorted(calls.below), "stops_once": self._bench.stops.once()}

    def resume(
        self,
        since: int,
        calls_told: Iterable[tuple[int, int]] = (),
        calls_below: Iterable[int] = (),
        stops_once: Iterable[int] = (),
    ) -> None:
        """Go on with what the ledger holds after it was loaded: what was under way is done at once.

        :param since: when it was saved, ms UTC: what was to be charged since then is charged at once; the rest is what
            `state` gave then.
        """
        ledger, timers = self.ledger, self._bench.timers
        self.money.margin_calls = solvency.MarginCalls(dict(calls_told), set(calls_below))
        self._bench.stops = triggers.Stops(stops_once)
        for order in tuple(ledger.orders.values()):
            self._orders.await_expiry(order)
            if order.in_execution:
                timers.later(0.0, partial(self._filling.execute, order, None))
        for position in ledger.open_positions():
            self._protection.follow_soon(position, 0.0)
            self.money.charge_when_due(position.symbol_id, since)
        for position in ledger.closed_positions.values():
            if position.status == CREATED:
                timers.later(0.0, partial(self._protection.withdraw, position))
        self._bench.rewatch()
        if ledger.positions:
            timers.later(0.0, self.money.resume)

    def stop(self) -> None:
        """Forget every timer."""
        self._bench.timers.stop()
