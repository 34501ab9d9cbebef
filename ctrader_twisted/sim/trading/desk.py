"""One account's desk: it carries out commands and what the market does, and tells each event in its order.

A command is checked and taken up at once; what follows from it comes later, by the delays of the venue's options. What
the market sets off - stops, limits, levels, stop-outs - is filled with the tick that sets it off. The sequences, what
is a server event and which field is set when are observed (protocol notes, 1.12); what was never recorded is said to be
unconfirmed where it is decided.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.messages import (
    ProtoOAExecutionEvent,
    ProtoOAExecutionType,
    ProtoOAMarginCall,
    ProtoOAMarginCallTriggerEvent,
    ProtoOAMarginChangedEvent,
    ProtoOATrailingSLChangedEvent,
)
from ctrader_twisted.sim.answers.refusal import EventRefusal, OrderRefusal, Refusal
from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.trading import arithmetic, charges, margins, matching, rules, solvency, triggers
from ctrader_twisted.sim.trading.entities import (
    BUY,
    CANCELLED,
    CREATED,
    EXPIRED,
    FILL_OR_KILL,
    FILLED,
    GOOD_TILL_DATE,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    MARKET_ON_OPEN,
    MARKET_RANGE,
    OPEN,
    PROTECTIVE,
    REJECTED,
    STOP,
    STOP_LIMIT,
    Deal,
    Levels,
    Order,
    Position,
    opposite,
    price_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message
    from twisted.internet.interfaces import IDelayedCall

    from ctrader_twisted.messages import (
        ProtoOAAmendOrderReq,
        ProtoOAAmendPositionSLTPReq,
        ProtoOACancelOrderReq,
        ProtoOAClosePositionReq,
        ProtoOADepositWithdraw,
        ProtoOANewOrderReq,
    )
    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.feed.feed import Tick
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.trading.exchange import Cause, Exchange
    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.trading.matching import Piece

_Event = ProtoOAExecutionType

_FILLED: Final = 2
_PARTIALLY_FILLED: Final = 3
"""ProtoOADealStatus."""

_AT_THE_MARKET: Final = frozenset({MARKET, MARKET_RANGE})
_STOPS: Final = frozenset({STOP, STOP_LIMIT})
_WITHOUT_PENDINGS: Final = frozenset({TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION, TradingMode.CLOSE_ONLY_MODE})
_CLOSING_LATER_MS: Final = 1
"""A closing deal is created so long after its order; an opening one with it (both observed)."""


class Desk:
    """The desk of one account.

    :ivar ledger: what the account holds and has done.
    :ivar margin_calls: which margin calls it has had.
    """

    def __init__(self, exchange: Exchange, ledger: Ledger) -> None:
        self.exchange = exchange
        self.ledger = ledger
        self.margin_calls = solvency.MarginCalls()
        self._venue = exchange.venue
        self._stops = triggers.Stops()
        self._calls: dict[int, IDelayedCall] = {}
        self._calls_made = 0
        self._expiries: dict[int, int] = {}
        self._protecting: set[int] = set()
        self._charging: dict[int, int] = {}
        self._stopping_out = False

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
        instrument = self._venue.instruments.get(request.symbolId)
        case = self._case(request, instrument, position=self._target(request))
        self._refuse(rules.first_problem(rules.NEW_ORDER, case))
        assert instrument is not None
        order = self._make_order(request, case)
        at_once = self._fills_at_once(order, instrument)
        if at_once and not case.reduces:
            self._refuse(self._short_of_money(order, order.volume, case.position))
        ledger = self.ledger
        ledger.orders[order.order_id] = order
        position = case.position
        if position is None:
            position = self._place_holder(order)
        order.position_id = position.position_id
        self._arm_expiry(order)
        self._rewatch()
        placed = None if position.status == CREATED and not self._venue.options.placeholder else position
        self._tell(_Event.ORDER_ACCEPTED, cause, order=order, position=placed)
        if at_once:
            order.in_execution = True
            self._later(self._venue.options.execution_delay, partial(self._execute, order, cause))

    def cancel_order(self, request: ProtoOACancelOrderReq, cause: Cause | None) -> None:
        """Cancel a working order; what is being executed can't be any more, and an event says so (observed).

        :raises Refusal: if it is refused.
        """
        order = self.ledger.orders.get(request.orderId)
        self._refuse(rules.first_problem(rules.CANCEL_ORDER, self._case(request, None, order=order)))
        assert order is not None
        if order.in_execution:
            self._tell(_Event.ORDER_CANCEL_REJECTED, cause, order=order, position=self._position_of(order))
        else:
            self._end(order, CANCELLED, _Event.ORDER_CANCELLED, cause)

    def amend_order(self, request: ProtoOAAmendOrderReq, cause: Cause | None) -> None:
        """Change a pending order. What is left out stays, but levels, which go (observed elsewhere).

        :raises Refusal: if it is refused.
        """
        order = self.ledger.orders.get(request.orderId)
        instrument = None if order is None else self.exchange.instrument(order.symbol_id)
        case = self._case(request, instrument, order=order)
        self._refuse(rules.first_problem(rules.AMEND_ORDER, case))
        assert order is not None and instrument is not None
        dropped = rules.wrong_levels(case)
        if request.HasField("volume"):
            order.volume = request.volume
        if request.HasField("limitPrice"):
            order.limit_price = rules.relative(request.limitPrice)
        if request.HasField("stopPrice"):
            order.stop_price = rules.relative(request.stopPrice)
            order.triggered = False
        if request.HasField("slippageInPoints"):
            order.slippage = request.slippageInPoints
        if request.HasField("stopTriggerMethod"):
            order.trigger_method = request.stopTriggerMethod
        if request.HasField("expirationTimestamp") and order.time_in_force == GOOD_TILL_DATE:
            order.expires_at = request.expirationTimestamp
        order.stop_loss = _level(request, "stopLoss", dropped)
        order.take_profit = _level(request, "takeProfit", dropped)
        order.relative_stop_loss = _distance(request, "relativeStopLoss", dropped)
        order.relative_take_profit = _distance(request, "relativeTakeProfit", dropped)
        stopped = order.stop_loss is not None or order.relative_stop_loss is not None
        trailing = request.trailingStopLoss if request.HasField("trailingStopLoss") else bool(order.trailing)
        guaranteed = request.guaranteedStopLoss if request.HasField("guaranteedStopLoss") else order.guaranteed
        order.trailing = trailing and stopped if order.trailing is not None or _has_levels(order) else None
        order.guaranteed = guaranteed and stopped
        order.updated_at = self._venue.now()
        self._stops.forget(order.order_id)
        self._arm_expiry(order)
        self._tell(_Event.ORDER_REPLACED, cause, order=order, position=self._position_of(order))
        if self._fills_at_once(order, instrument):
            order.in_execution = True
            self._later(self._venue.options.execution_delay, partial(self._execute, order, cause))

    def amend_position(self, request: ProtoOAAmendPositionSLTPReq, cause: Cause | None) -> None:
        """Replace a position's levels: one that is left out is removed, a stop that trails goes on (observed).

        :raises Refusal: if it is refused.
        """
        position = self._position(request.positionId)
        instrument = None if position is None else self.exchange.instrument(position.symbol_id)
        case = self._case(request, instrument, position=position)
        self._refuse(rules.first_problem(rules.AMEND_POSITION, case))
        assert position is not None and instrument is not None
        protective = self.ledger.orders.get(position.protective_id or 0)
        stop_loss, take_profit = _level(request, "stopLoss"), _level(request, "takeProfit")
        if stop_loss is None and take_profit is None:
            assert protective is not None
            self._set_levels(position, Levels())
            position.updated_at = self._venue.now()
            position.protective_id = None
            self.ledger.finish(protective, CANCELLED, position.updated_at)
            self._tell(_Event.ORDER_CANCELLED, cause, order=protective, position=position)
            return
        trailing = request.trailingStopLoss if request.HasField("trailingStopLoss") else position.trailing
        guaranteed = request.guaranteedStopLoss if request.HasField("guaranteedStopLoss") else position.guaranteed
        if request.HasField("stopLossTriggerMethod"):
            position.trigger_method = request.stopLossTriggerMethod
        stopped = stop_loss is not None
        coming = position.coming
        name = coming.client_order_id if coming is not None else self._name_of(position)
        position.coming = Levels(stop_loss, take_profit, trailing and stopped, guaranteed and stopped, name)
        self._protect(position, cause, server=False)

    def close_position(self, request: ProtoOAClosePositionReq, cause: Cause | None) -> None:
        """Close a position or a part of it by a market order of the server's own.

        :raises Refusal: if it is refused.
        """
        position = self._position(request.positionId)
        instrument = None if position is None else self.exchange.instrument(position.symbol_id)
        case = self._case(request, instrument, position=position)
        self._refuse(rules.first_problem(rules.CLOSE_POSITION, case))
        assert position is not None
        order = self._closing_order(position, request.volume)
        order.in_execution = True
        self._tell(_Event.ORDER_ACCEPTED, cause, order=order, position=position)
        self._later(self._venue.options.execution_delay, partial(self._execute, order, cause))

    def deposit(self, delta: int, note: str = "", operation: int | None = None) -> None:
        """Put money into the account, or take it out if it is less than 0.

        :param operation: ProtoOAChangeBalanceType; by default a deposit or a withdrawal.
        """
        equity = margins.equity(self.ledger, self.exchange)
        unrealised = 0 if equity is None else equity - self.account.balance
        flow = self.ledger.deposit(delta, self._venue.now(), note, operation, unrealised=unrealised)
        self._tell(_Event.DEPOSIT_WITHDRAW, None, flow=flow.message(self.account.money_digits))
        self._look_at_money()

    def reckon(self) -> None:
        """Work out the margin of all positions anew, after the account's leverage was changed."""
        self._tell_margins(margins.place(self.ledger, self.exchange))
        self._look_at_money()

    # ------------------------------------------------------------------------------- the market

    def tick(self, symbol_id: int, tick: Tick) -> None:
        """Do what a tick sets off: stops trail, levels are hit, pending orders are filled, money runs out."""
        mode = self.exchange.instrument(symbol_id).trading_mode
        if mode != TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION:
            for position in self.ledger.open_positions(symbol_id):
                self._trail(position, tick)
                self._look_at_levels(position, tick)
        if mode not in _WITHOUT_PENDINGS:
            for order in tuple(self.ledger.orders.values()):
                if order.symbol_id == symbol_id and order.order_type != PROTECTIVE:
                    self._look_at_order(order, tick)
        self._look_at_money()

    def state(self) -> dict[str, Any]:
        """Give what it remembers besides the ledger as plain values, for `resume`."""
        calls = self.margin_calls
        told = [[kind, at] for kind, at in calls.told.items()]
        return {"calls_told": told, "calls_below": sorted(calls.below), "stops_once": self._stops.once()}

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
        ledger = self.ledger
        self.margin_calls = solvency.MarginCalls(dict(calls_told), set(calls_below))
        self._stops = triggers.Stops(stops_once)
        for order in tuple(ledger.orders.values()):
            self._arm_expiry(order)
            if order.in_execution:
                self._later(0.0, partial(self._execute, order, None))
        for position in ledger.open_positions():
            self._protect_soon(position, 0.0)
            self._charge_when_due(position.symbol_id, since)
        for position in ledger.closed_positions.values():
            if position.status == CREATED:
                self._later(0.0, partial(self._withdraw_protection, position))
        self._rewatch()
        if self.margin_calls.below:
            self._later(0.0, self._look_at_money)  # a stop-out may have been under way

    def stop(self) -> None:
        """Forget every timer."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()

    # ------------------------------------------------------------------------------- checking

    def _case(
        self,
        request: Any,
        instrument: Instrument | None,
        *,
        position: Position | None = None,
        order: Order | None = None,
    ) -> rules.Case:
        venue, now, ledger = self._venue, self._venue.now(), self.ledger
        is_open = holiday = False
        quote = None
        if instrument is not None:
            is_open = venue.feed.is_open(instrument.symbol_id, now)
            holiday = not is_open and calendar.is_holiday(instrument, now)
            quote = self.exchange.quote(instrument.symbol_id)
        opening = {one.position_id for one in ledger.orders.values() if not one.closing}
        open_ids = {one.position_id for one in ledger.open_positions()}
        return rules.Case(
            request=request,
            account=self.account,
            options=venue.options,
            instrument=instrument,
            quote=quote,
            is_open=is_open,
            holiday=holiday,
            now=now,
            position=position,
            order=order,
            count=len(opening | open_ids),
            exposure=(
                0 if instrument is None else sum([one.volume for one in ledger.open_positions(instrument.symbol_id)])
            ),
            closing=0 if position is None else self._closing_volume(position),
        )

    def _refuse(self, problem: rules.Problem | None) -> None:
        """Refuse a command on the channel that the options name.

        :raises Refusal: if there is a problem.
        """
        if problem is None:
            return
        channel = self._venue.options.refusals
        if problem.code == rules.INVALID or channel == "error":
            raise Refusal(problem.code, problem.description)
        if channel == "rejected":
            raise EventRefusal(problem.code, problem.description)
        raise OrderRefusal(problem.code, problem.description)

    def _target(self, request: ProtoOANewOrderReq) -> Position | None:
        """Give the position that a new order adds to, or on a netted account also closes."""
        if self.account.account_type == rules.NETTED:
            there = self.ledger.open_positions(request.symbolId)
            return there[0] if there else None
        return self._position(request.positionId)

    def _position(self, position_id: int) -> Position | None:
        ledger = self.ledger
        return ledger.positions.get(position_id) or ledger.closed_positions.get(position_id)

    def _position_of(self, order: Order) -> Position | None:
        position = self._position(order.position_id)
        if position is not None and position.status == CREATED and not self._venue.options.placeholder:
            return None
        return position

    def _closing_volume(self, position: Position) -> int:
        """Give what other orders are closing of a position at this moment."""
        return sum(
            [
                order.remaining
                for order in self.ledger.orders.values()
                if order.closing and order.in_execution and order.position_id == position.position_id
            ]
        )

    def _short_of_money(self, order: Order, volume: int, position: Position | None) -> rules.Problem | None:
        instrument = self.exchange.instrument(order.symbol_id)
        needed = margins.needed(self.ledger, self.exchange, instrument, order.side, volume, position=position)
        return rules.enough_money(needed, margins.free(self.ledger, self.exchange))

    def _fills_at_once(self, order: Order, instrument: Instrument) -> bool:
        """Say whether an order that has just been placed or amended goes to the market without waiting for a tick."""
        if not self._venue.feed.is_open(order.symbol_id, self._venue.now()):
            return False
        quote = self.exchange.quote(order.symbol_id)
        if order.order_type in _AT_THE_MARKET or quote is None:
            return order.order_type in _AT_THE_MARKET
        if order.order_type == LIMIT:
            assert order.limit_price is not None
            hasty = order.time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL)
            return hasty or triggers.limit_reached(order.side, order.limit_price, quote)
        assert order.stop_price is not None
        if triggers.stop_reached(order.side, order.stop_price, order.trigger_method or triggers.TRADE, quote):
            order.triggered = order.order_type == STOP_LIMIT
            return True
        return False

    # ------------------------------------------------------------------------------- making

    def _make_order(self, request: ProtoOANewOrderReq, case: rules.Case) -> Order:
        dropped = rules.wrong_levels(case)
        kind = request.orderType
        at_market, stops = kind in _AT_THE_MARKET, kind in _STOPS
        tif = request.timeInForce
        if at_market and tif not in (FILL_OR_KILL, MARKET_ON_OPEN):
            tif = IMMEDIATE_OR_CANCEL  # as a market order is stored (observed)
        slips = kind in (MARKET_RANGE, STOP_LIMIT)
        order = Order(
            order_id=self.exchange.ids.order(),
            position_id=0,
            symbol_id=request.symbolId,
            side=request.tradeSide,
            volume=request.volume,
            order_type=kind,
            created_at=case.now,
            time_in_force=tif,
            limit_price=rules.relative(request.limitPrice) if kind == LIMIT else None,
            stop_price=rules.relative(request.stopPrice) if stops else None,
            stop_loss=_level(request, "stopLoss", dropped),
            take_profit=_level(request, "takeProfit", dropped),
            relative_stop_loss=_distance(request, "relativeStopLoss", dropped),
            relative_take_profit=_distance(request, "relativeTakeProfit", dropped),
            base_slippage_price=rules.relative(request.baseSlippagePrice) if kind == MARKET_RANGE else None,
            slippage=request.slippageInPoints if slips else None,
            expires_at=request.expirationTimestamp if tif == GOOD_TILL_DATE else None,
            trigger_method=request.stopTriggerMethod if stops or request.HasField("stopTriggerMethod") else None,
            client_order_id=request.clientOrderId,
            label=request.label,
            comment=request.comment,
        )
        stopped = order.stop_loss is not None or order.relative_stop_loss is not None
        if _has_levels(order) or request.HasField("trailingStopLoss"):
            order.trailing = request.trailingStopLoss and stopped
        order.guaranteed = request.guaranteedStopLoss and stopped
        return order

    def _place_holder(self, order: Order) -> Position:
        """Make the position that an order may open, and name it in the order."""
        position = Position(
            position_id=self.exchange.ids.position(),
            symbol_id=order.symbol_id,
            side=order.side,
            updated_at=self._venue.now(),
            label=order.label,
            comment=order.comment,
        )
        self.ledger.positions[position.position_id] = position
        order.position_id = position.position_id
        return position

    def _closing_order(self, position: Position, volume: int) -> Order:
        """Make the server's own market order that closes a position; its clientOrderId is a number (observed)."""
        ledger = self.ledger
        order = Order(
            order_id=self.exchange.ids.order(),
            position_id=position.position_id,
            symbol_id=position.symbol_id,
            side=opposite(position.side),
            volume=volume,
            order_type=MARKET,
            created_at=self._venue.now(),
            time_in_force=IMMEDIATE_OR_CANCEL,
            closing=True,
            client_order_id=str(len(ledger.orders) + len(ledger.past_orders) + 1),
        )
        ledger.orders[order.order_id] = order
        return order

    # ------------------------------------------------------------------------------- filling

    def _execute(self, order: Order, cause: Cause | None, *, server: bool = False) -> None:
        """Fill what can be filled of an order now, and end, reject or keep the rest.

        :param cause: who asked for it; None where the market or the venue set it off.
        """
        order.in_execution = False
        problem = self._obstacle(order)
        waits = self._waits(order)
        if problem is not None:
            if not waits:
                self._reject(order, problem.code, cause, server)
            return
        pieces = self._pieces(order)
        found = sum([piece.volume for piece in pieces])
        if found < order.remaining and order.time_in_force == FILL_OR_KILL:
            pieces, found = [], 0
        if pieces and not order.closing:
            short = self._short_of_money(order, found, self._adds_to(order))
            if short is not None:
                self._reject(order, short.code, cause, server)
                return
        if pieces:
            first = not order.executed
            for piece in pieces:
                self._fill(order, piece, cause, server=server)
            if first and not order.closing:
                self._levels_from(order)
        if order.remaining and order.order_id in self.ledger.orders and not waits:
            if not order.executed and order.order_type == MARKET_RANGE:
                self._reject(order, rules.BAD_PRICES, cause, server)
            else:
                self._end(order, CANCELLED, _Event.ORDER_CANCELLED, cause, server=server)
        if order.expires_at is not None and order.expires_at <= self._venue.now():
            self._expire(order)
        self._rewatch()
        self._look_at_money()

    def _waits(self, order: Order) -> bool:
        """Say whether what is not filled of an order goes on working."""
        if order.order_type == PROTECTIVE:
            return True
        if order.order_type == LIMIT or (order.order_type == STOP_LIMIT and order.triggered):
            if order.time_in_force == IMMEDIATE_OR_CANCEL:
                return self._venue.options.ioc_limits_rest
            return order.time_in_force != FILL_OR_KILL
        return False

    def _obstacle(self, order: Order) -> rules.Problem | None:
        """Give what keeps an order from being filled at all."""
        instrument, now = self.exchange.instrument(order.symbol_id), self._venue.now()
        if order.closing:
            position = self.ledger.positions.get(order.position_id)
            if position is None or not position.lots:
                return rules.Problem("POSITION_NOT_OPEN")
        if not self._venue.feed.is_open(order.symbol_id, now):
            return rules.Problem("MARKET_CLOSED")
        deposit = margins.deposit_asset(self.account, self.exchange)
        known = self.exchange.quote(order.symbol_id), self.exchange.rate(instrument.quote_asset_id, deposit)
        return rules.Problem("NO_QUOTES") if None in known else None

    def _pieces(self, order: Order) -> list[Piece]:
        instrument = self.exchange.instrument(order.symbol_id)
        volume, limit = order.remaining, rules.limit_of(order, instrument)
        if order.closing:
            volume = min(volume, self.ledger.positions[order.position_id].volume)
        if order.order_type == PROTECTIVE and not order.triggered:  # its take profit; a stop loss has no limit
            limit = order.limit_price
        quote = self.exchange.quote(order.symbol_id)
        assert quote is not None
        if self._venue.options.fill == "best":
            return matching.at_best(order.side, volume, quote.ask if order.side == BUY else quote.bid, limit=limit)
        book = self._venue.ticker.book(order.symbol_id)
        return matching.pieces(
            order.side,
            volume,
            book.side(bids=order.side != BUY),
            step=instrument.step_volume,
            limit=limit,
            bottomless=order.stop_out or (order.order_type == PROTECTIVE and order.triggered),
        )

    def _adds_to(self, order: Order) -> Position | None:
        position = self.ledger.positions.get(order.position_id)
        return position if position is not None and position.status == OPEN else None

    def _fill(self, order: Order, piece: Piece, cause: Cause | None, *, server: bool) -> None:
        """Trade one piece: close with it what is there of the other side, and open with the rest."""
        left = piece.volume
        position = self._traded_position(order)
        if position.status == OPEN and position.side != order.side:
            part = min(left, position.volume)
            self._trade(order, position, piece.price, part, cause, server=server)
            left -= part
            if left:
                position = self._traded_position(order)
        if left:
            self._trade(order, position, piece.price, left, cause, server=server)

    def _traded_position(self, order: Order) -> Position:
        """Give the position that an order trades now: on a netted account the one there is of its symbol."""
        ledger = self.ledger
        if self.account.account_type == rules.NETTED and not order.closing:
            there = ledger.open_positions(order.symbol_id)
            if there:
                if there[0].position_id != order.position_id:
                    self._drop_place_holder(order)
                    order.position_id = there[0].position_id
                return there[0]
        position = ledger.positions.get(order.position_id)
        return self._place_holder(order) if position is None else position

    def _trade(
        self, order: Order, position: Position, price: int, volume: int, cause: Cause | None, *, server: bool
    ) -> None:
        """Make one deal of an order, book it and tell it."""
        venue, ledger, account, now = self._venue, self.ledger, self.account, self._venue.now()
        instrument = self.exchange.instrument(order.symbol_id)
        closes = position.status == OPEN and position.side != order.side
        commission = charges.commission(account, self.exchange, instrument, volume, price) or 0
        created_at = now
        if order.order_type in _AT_THE_MARKET and not order.stop_out:
            created_at = min(now, order.created_at + (_CLOSING_LATER_MS if closes else 0))
        rate = margins.margin_rate(account, self.exchange, instrument, price) or 0.0
        deal = Deal(
            deal_id=self.exchange.ids.deal(),
            order_id=order.order_id,
            position_id=position.position_id,
            symbol_id=order.symbol_id,
            side=order.side,
            volume=order.remaining,
            filled=volume,
            price=price,
            created_at=created_at,
            executed_at=now,
            margin_rate=rate,
            commission=commission,
            usd_rate=margins.usd_rate(self.exchange, instrument, price) or 0.0,
            status=_FILLED if volume == order.remaining else _PARTIALLY_FILLED,
        )
        order.executed += volume
        order.execution_value += volume * price
        order.updated_at = now
        done = not order.remaining
        if done:
            self._finish(order, FILLED)
        if closes:
            deposit = margins.deposit_asset(account, self.exchange)
            ledger.close(
                position,
                deal,
                volume=volume,
                rate=self.exchange.rate(instrument.quote_asset_id, deposit) or 0.0,
                commission=commission,
                fee_rate=arithmetic.fee_rate(instrument, deposit),
            )
        else:
            ledger.open(position, deal, margin_rate=rate, commission=commission)
            self._charge_when_due(position.symbol_id, now)
        changed = margins.place(ledger, self.exchange)
        kind = _Event.ORDER_FILLED if done else _Event.ORDER_PARTIAL_FILL
        event = self._event(kind, order=order, position=position, deal=deal, server=server)
        self.exchange.tell(account.account_id, event, cause, with_id=venue.options.fills_carry_id)
        if cause is not None and venue.options.uncorrelated_copies and venue.options.fills_carry_id:
            self.exchange.tell_asker(account.account_id, event, cause)
        self._tell_margins([one for one in changed if one is not position])
        if not position.lots:
            position.coming = None
            if position.status == CREATED:
                self._later(venue.options.cancellation_delay, partial(self._withdraw_protection, position))
        else:
            self._protect_soon(position, venue.options.protection_delay)

    def _tell_margins(self, positions: list[Position]) -> None:
        for position in positions:
            event = ProtoOAMarginChangedEvent(
                ctidTraderAccountId=self.account.account_id,
                positionId=position.position_id,
                usedMargin=position.used_margin,
                moneyDigits=self.account.money_digits,
            )
            self.exchange.tell(self.account.account_id, event)

    # ------------------------------------------------------------------------------- ending

    def _finish(self, order: Order, status: int) -> None:
        self.ledger.finish(order, status, self._venue.now())
        self._stops.forget(order.order_id)
        self._forget_call(self._expiries.pop(order.order_id, None))

    def _end(
        self,
        order: Order,
        status: int,
        kind: int,
        cause: Cause | None,
        *,
        server: bool = False,
        code: str = "",
    ) -> None:
        """Finish an order that is not filled, or not all of it, and tell so."""
        self._finish(order, status)
        position = self._position(order.position_id)
        if position is not None and position.status == CREATED and position.position_id in self.ledger.positions:
            self.ledger.retire(position, self._venue.now())
        self._rewatch()
        self._tell(kind, cause, order=order, position=position, server=server, code=code)

    def _reject(self, order: Order, code: str, cause: Cause | None, server: bool) -> None:
        """Reject what is left of an order as it is executed; what was filled of it before stands."""
        self._end(order, REJECTED, _Event.ORDER_REJECTED, cause, server=server, code=code)

    def _drop_place_holder(self, order: Order) -> None:
        position = self.ledger.positions.get(order.position_id)
        if position is not None and position.status == CREATED:
            self.ledger.retire(position, self._venue.now())

    def _arm_expiry(self, order: Order) -> None:
        self._forget_call(self._expiries.pop(order.order_id, None))
        if order.expires_at is not None:
            seconds = self._venue.seconds_until(order.expires_at)
            self._expiries[order.order_id] = self._later(seconds, partial(self._expire, order))

    def _expire(self, order: Order) -> None:
        if order.order_id in self.ledger.orders and not order.in_execution:
            self._end(order, EXPIRED, _Event.ORDER_EXPIRED, None, server=True)

    # ------------------------------------------------------------------------------- protecting

    def _levels_from(self, order: Order) -> None:
        """Take the levels of an order that was filled: distances count from the mean price of its fill."""
        position = self.ledger.positions.get(order.position_id)
        if position is None or not position.lots or position.side != order.side or not _has_levels(order):
            return
        tick = self.exchange.instrument(order.symbol_id).tick_size
        mean = (2 * order.execution_value + order.executed * tick) // (2 * order.executed * tick) * tick
        sign = 1 if order.side == BUY else -1
        stop_loss, take_profit = order.stop_loss, order.take_profit
        if order.relative_stop_loss is not None:
            stop_loss = mean - sign * order.relative_stop_loss
        if order.relative_take_profit is not None:
            take_profit = mean + sign * order.relative_take_profit
        position.coming = Levels(stop_loss, take_profit, bool(order.trailing), order.guaranteed, order.client_order_id)
        self._protect_soon(position, self._venue.options.protection_delay)

    def _protect_soon(self, position: Position, seconds: float) -> None:
        """Make a position's protective order, or let it follow the position, after a while."""
        key = position.position_id
        if key not in self._protecting and (position.coming is not None or position.protective_id is not None):
            self._protecting.add(key)

            def due() -> None:
                self._protecting.discard(key)
                if position.lots:
                    self._protect(position, None, server=True)

            self._later(seconds, due)

    def _protect(self, position: Position, cause: Cause | None, *, server: bool) -> None:
        """Bring the protective order to the position's volume and to the levels that are to come."""
        now, ledger = self._venue.now(), self.ledger
        coming, position.coming = position.coming, None
        order = ledger.orders.get(position.protective_id or 0)
        if order is None:
            if coming is None:
                return
            order = Order(
                order_id=self.exchange.ids.order(),
                position_id=position.position_id,
                symbol_id=position.symbol_id,
                side=opposite(position.side),
                volume=position.volume,
                order_type=PROTECTIVE,
                created_at=now,
                closing=True,
                client_order_id=coming.client_order_id,
                label=position.label,
                comment=position.comment,
            )
            ledger.orders[order.order_id] = order
            position.protective_id = order.order_id
            kind = _Event.ORDER_ACCEPTED
        else:
            volume = position.volume + order.executed
            if coming is None and order.volume == volume:
                return
            order.volume = volume
            kind = _Event.ORDER_REPLACED
        order.updated_at = position.updated_at = now
        if coming is not None:
            self._set_levels(position, coming)
            order.stop_price, order.limit_price = position.stop_loss, position.take_profit
            order.trailing, order.guaranteed = position.trailing, position.guaranteed
            order.trigger_method = position.trigger_method
            order.triggered = False
            self._stops.forget(order.order_id)
        self._tell(kind, cause, order=order, position=position, server=server)

    def _set_levels(self, position: Position, levels: Levels) -> None:
        position.coming = None
        position.stop_loss, position.take_profit = levels.stop_loss, levels.take_profit
        position.trailing, position.guaranteed = levels.trailing, levels.guaranteed
        position.trailing_distance = 0
        quote = self.exchange.quote(position.symbol_id)
        if levels.trailing and levels.stop_loss is not None and quote is not None:
            position.trailing_distance = triggers.distance(
                position.side, levels.stop_loss, position.trigger_method, quote
            )

    def _name_of(self, position: Position) -> str:
        """Give the clientOrderId of the order that opened a position."""
        order = self.ledger.orders.get(position.protective_id or 0)
        if order is not None:
            return order.client_order_id
        opening = {lot.deal_id for lot in position.lots}
        for deal in self.ledger.deals:
            if deal.deal_id in opening:
                past = self.ledger.past_orders.get(deal.order_id) or self.ledger.orders.get(deal.order_id)
                return "" if past is None else past.client_order_id
        return ""

    def _withdraw_protection(self, position: Position) -> None:
        """Cancel the protective order of a position that was closed otherwise: only now is it told to be closed."""
        order = self.ledger.orders.get(position.protective_id or 0)
        self.ledger.retire(position, self._venue.now())
        if order is not None:
            self._finish(order, CANCELLED)
            self._tell(_Event.ORDER_CANCELLED, None, order=order, position=position, server=True)
        self._rewatch()

    # ------------------------------------------------------------------------------- what a tick sets off

    def _trail(self, position: Position, tick: Tick) -> None:
        if not position.trailing or position.stop_loss is None or not position.trailing_distance:
            return
        order = self.ledger.orders.get(position.protective_id or 0)
        level = triggers.trailed(
            position.side, position.stop_loss, position.trailing_distance, position.trigger_method, tick
        )
        if order is None or level is None:
            return
        position.stop_loss = order.stop_price = level
        event = ProtoOATrailingSLChangedEvent(
            ctidTraderAccountId=self.account.account_id,
            positionId=position.position_id,
            orderId=order.order_id,
            stopPrice=price_of(level),
            utcLastUpdateTimestamp=self._venue.now(),
        )
        self.exchange.tell(self.account.account_id, event)

    def _look_at_levels(self, position: Position, tick: Tick) -> None:
        order = self.ledger.orders.get(position.protective_id or 0)
        if order is None:
            return
        stop, limit = order.stop_price, order.limit_price
        method = order.trigger_method or triggers.TRADE
        stopped = stop is not None and self._stops.due(order.order_id, order.side, stop, method, tick)
        if not stopped and (limit is None or not triggers.limit_reached(order.side, limit, tick)):
            return
        order.volume = position.volume + order.executed  # it may not have followed the position yet
        order.triggered = stopped
        if stopped and stop is not None and position.guaranteed:
            self._fill(order, matching.Piece(stop, order.remaining), None, server=True)
            self._rewatch()
        else:
            self._execute(order, None, server=True)

    def _look_at_order(self, order: Order, tick: Tick) -> None:
        if order.in_execution or order.order_id not in self.ledger.orders:
            return
        if order.order_type in _STOPS and not order.triggered:
            assert order.stop_price is not None
            method = order.trigger_method or triggers.TRADE
            if not self._stops.due(order.order_id, order.side, order.stop_price, method, tick):
                return
            order.triggered = order.order_type == STOP_LIMIT
        limit = rules.limit_of(order, self.exchange.instrument(order.symbol_id))
        if limit is not None and not triggers.limit_reached(order.side, limit, tick) and self._waits(order):
            return
        self._execute(order, None, server=True)

    # ------------------------------------------------------------------------------- money

    def _charge_when_due(self, symbol_id: int, after: int) -> None:
        """Charge swap, or rollover, for the positions of a symbol, again and again as long as there are any.

        :param after: each time after this one, ms UTC; of times that are past, one after the other at once.
        """
        if symbol_id in self._charging:
            return
        instrument = self.exchange.instrument(symbol_id)
        at = charges.next_due(instrument, after, swap_free=self.account.swap_free)

        def due() -> None:
            del self._charging[symbol_id]
            positions = self.ledger.open_positions(symbol_id)
            for position in positions:
                self._charge(position, at)
            if positions:
                self._charge_when_due(symbol_id, at)

        self._charging[symbol_id] = self._later(self._venue.seconds_until(at), due)

    def _charge(self, position: Position, at: int) -> None:
        amount = charges.charge(self.account, self.exchange, position, at)
        if amount:
            position.swap += amount
            position.updated_at = self._venue.now()
            self._tell(_Event.SWAP, None, position=position, server=True)

    def _look_at_money(self) -> None:
        """Tell the margin calls that are due, and begin a stop-out if the margin level is too low."""
        account = self.account
        level = margins.level(self.ledger, self.exchange)
        for kind in self.margin_calls.fallen(account, level, self._venue.now()):
            threshold, changed_at = account.margin_calls[kind]
            call = ProtoOAMarginCall(
                marginCallType=kind,
                marginLevelThreshold=threshold,
                utcLastUpdateTimestamp=changed_at or self._venue.opened_at,
            )
            event = ProtoOAMarginCallTriggerEvent(ctidTraderAccountId=account.account_id, marginCall=call)
            self.exchange.tell(account.account_id, event)
        if level is None or self._stopping_out or not level < account.stop_out_level:
            return
        self._stopping_out = True
        delay = self._venue.options.stop_out_delay
        if delay:
            self._later(delay, self._stop_out)
        else:
            self._stop_out()

    def _stop_out(self) -> None:
        """Close positions until the margin level suffices, each by a market order of the server's (unconfirmed)."""
        venue, ledger = self._venue, self.ledger
        try:
            while True:
                now = venue.now()
                candidates = [one for one in ledger.open_positions() if venue.feed.is_open(one.symbol_id, now)]
                chosen = solvency.stop_out(ledger, self.exchange, candidates)
                if chosen is None:
                    return
                position, volume = chosen
                order = self._closing_order(position, volume)
                order.stop_out = True
                self._tell(_Event.ORDER_ACCEPTED, None, order=order, position=position, server=True)
                before = len(ledger.deals)
                self._execute(order, None, server=True)
                if len(ledger.deals) == before:
                    return
        finally:
            self._stopping_out = False

    # ------------------------------------------------------------------------------- telling and timing

    def _event(
        self,
        kind: int,
        *,
        order: Order | None = None,
        position: Position | None = None,
        deal: Deal | None = None,
        flow: ProtoOADepositWithdraw | None = None,
        server: bool = False,
        code: str = "",
    ) -> ProtoOAExecutionEvent:
        digits = self.account.money_digits
        event = ProtoOAExecutionEvent(
            ctidTraderAccountId=self.account.account_id, executionType=kind, isServerEvent=server
        )
        if position is not None:
            units = self.exchange.instrument(position.symbol_id).measurement_units
            event.position.CopyFrom(position.message(digits, units))
        if order is not None:
            units = self.exchange.instrument(order.symbol_id).measurement_units
            event.order.CopyFrom(order.message(units))
        if deal is not None:
            event.deal.CopyFrom(deal.message(digits))
        if flow is not None:
            event.depositWithdraw.CopyFrom(flow)
        if code:
            event.errorCode = code
        return event

    def _tell(self, kind: int, cause: Cause | None, **parts: Any) -> None:
        message: Message = self._event(kind, **parts)
        self.exchange.tell(self.account.account_id, message, cause)

    def _rewatch(self) -> None:
        """Follow the ticks of what is held and of what waits, and of what converts the money of what is held."""
        exchange = self.exchange
        deposit = margins.deposit_asset(self.account, exchange)
        symbols = {order.symbol_id for order in self.ledger.orders.values()}
        for symbol_id in {position.symbol_id for position in self.ledger.open_positions()}:
            symbols.add(symbol_id)
            symbols.update(exchange.conversion(exchange.instrument(symbol_id).quote_asset_id, deposit))
        exchange.watch(self, symbols)

    def _later(self, seconds: float, action: Callable[[], None]) -> int:
        self._calls_made += 1
        number = self._calls_made

        def due() -> None:
            del self._calls[number]
            action()

        self._calls[number] = self._venue.clock.callLater(seconds, due)
        return number

    def _forget_call(self, number: int | None) -> None:
        call = None if number is None else self._calls.pop(number, None)
        if call is not None:
            call.cancel()


def _has_levels(order: Order) -> bool:
    levels = (order.stop_loss, order.take_profit, order.relative_stop_loss, order.relative_take_profit)
    return any(level is not None for level in levels)


def _level(request: Any, name: str, dropped: list[str] | tuple[str, ...] = ()) -> int | None:
    return rules.relative(getattr(request, name)) if request.HasField(name) and name not in dropped else None


def _distance(request: Any, name: str, dropped: list[str]) -> int | None:
    return int(getattr(request, name)) if request.HasField(name) and name not in dropped else None
