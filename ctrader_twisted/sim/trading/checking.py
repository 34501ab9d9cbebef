"""What a command meets at a desk, and the channel on which it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.sim.accounts import NETTED
from ctrader_twisted.sim.answers.refusal import EventRefusal, OrderRefusal, Refusal
from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.trading import rules

if TYPE_CHECKING:
    from ctrader_twisted.messages import ProtoOANewOrderReq
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.trading.bench import Bench
    from ctrader_twisted.sim.trading.entities import Order, Position


class Checking:
    """Looks at the commands to one account."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def new_order(self, request: ProtoOANewOrderReq) -> rules.Case:
        """Check a new order but for the money it needs.

        :raises Refusal: if it is refused.
        """
        instrument = self._bench.venue.instruments.get(request.symbolId)
        case = self._case(request, instrument, position=self._target(request))
        self.refuse(request, rules.first_problem(rules.NEW_ORDER, case))
        return case

    def about_order(self, table: tuple[rules.Rule, ...], request: Any) -> tuple[Order, rules.Case]:
        """Check a command that names an order, and give the order.

        :raises Refusal: if it is refused.
        """
        order = self._bench.ledger.orders.get(request.orderId)
        there = None if order is None else self._netted(order.symbol_id)
        case = self._case(request, self._instrument(order), position=there, order=order)
        shown = None if order is None else self._bench.shown_position(order)
        self.refuse(request, rules.first_problem(table, case), order, shown)
        assert order is not None
        return order, case

    def about_position(self, table: tuple[rules.Rule, ...], request: Any) -> Position:
        """Check a command that names a position, and give the position.

        :raises Refusal: if it is refused.
        """
        position = self._bench.position(request.positionId)
        case = self._case(request, self._instrument(position), position=position)
        self.refuse(request, rules.first_problem(table, case), position=position)
        assert position is not None
        return position

    def refuse(
        self,
        request: Any,
        problem: rules.Problem | None,
        order: Order | None = None,
        position: Position | None = None,
    ) -> None:
        """Refuse a command on the channel that the options name.

        :param order: the working order it is about, if there is one; so is ``position``.
        :raises Refusal: if there is a problem.
        """
        if problem is None:
            return
        options = self._bench.options
        channel = options.refusals
        if problem.code in rules.NOT_FOUND and options.not_found != "as refusals":
            channel = options.not_found
        if problem.code == rules.INVALID or channel == "error":
            raise Refusal(problem.code, problem.description)
        if channel == "rejected":
            event = self._bench.telling.rejection(request, problem.code, order, position)
            raise EventRefusal(problem.code, problem.description, event)
        raise OrderRefusal(problem.code, problem.description)

    def _case(
        self,
        request: Any,
        instrument: Instrument | None,
        *,
        position: Position | None = None,
        order: Order | None = None,
    ) -> rules.Case:
        bench, now, ledger = self._bench, self._bench.now(), self._bench.ledger
        is_open = holiday = False
        quote, exposure = None, 0
        if instrument is not None:
            is_open = bench.venue.feed.is_open(instrument.symbol_id, now)
            holiday = not is_open and calendar.is_holiday(instrument, now)
            quote = bench.exchange.quote(instrument.symbol_id)
            exposure = sum([one.volume for one in ledger.open_positions(instrument.symbol_id)])
        opening = {one.position_id for one in ledger.orders.values() if not one.closing}
        open_ids = {one.position_id for one in ledger.open_positions()}
        return rules.Case(
            request=request,
            account=bench.account,
            options=bench.options,
            instrument=instrument,
            quote=quote,
            is_open=is_open,
            holiday=holiday,
            now=now,
            position=position,
            order=order,
            count=len(opening | open_ids),
            exposure=exposure,
            closing=0 if position is None else self._closing_volume(position),
        )

    def _instrument(self, thing: Order | Position | None) -> Instrument | None:
        return None if thing is None else self._bench.exchange.instrument(thing.symbol_id)

    def _target(self, request: ProtoOANewOrderReq) -> Position | None:
        """Give the position that a new order adds to, or on a netted account also closes."""
        if self._bench.account.account_type == NETTED:
            return self._netted(request.symbolId)
        return self._bench.position(request.positionId)

    def _netted(self, symbol_id: int) -> Position | None:
        """Give the one open position that a netted account has in a symbol; None on accounts of other types."""
        if self._bench.account.account_type != NETTED:
            return None
        there = self._bench.ledger.open_positions(symbol_id)
        return there[0] if there else None

    def _closing_volume(self, position: Position) -> int:
        """Give what other orders are closing of a position at this moment."""
        return sum(
            [
                order.remaining
                for order in self._bench.ledger.orders.values()
                if order.closing and order.in_execution and order.position_id == position.position_id
            ]
        )
