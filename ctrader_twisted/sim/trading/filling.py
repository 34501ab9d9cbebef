"""How orders are filled: whether they can be, in which pieces, and what each deal does to book and protection."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ctrader_twisted.messages import ProtoOAExecutionType
from ctrader_twisted.sim.accounts import NETTED
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.trading import arithmetic, charges, margins, matching, rules, triggers
from ctrader_twisted.sim.trading.entities import (
    AT_THE_MARKET,
    BUY,
    CANCELLED,
    CREATED,
    FILL_OR_KILL,
    FILLED,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET_RANGE,
    OPEN,
    PROTECTIVE,
    STOP_LIMIT,
    STOPS,
)
from ctrader_twisted.sim.trading.records import Deal

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.feed import Tick
    from ctrader_twisted.sim.trading.bench import Bench
    from ctrader_twisted.sim.trading.entities import Order, Position
    from ctrader_twisted.sim.trading.exchange import Cause
    from ctrader_twisted.sim.trading.matching import Piece
    from ctrader_twisted.sim.trading.money import Money
    from ctrader_twisted.sim.trading.orders import Orders
    from ctrader_twisted.sim.trading.protection import Protection

_FILLED: Final = 2
_PARTIALLY_FILLED: Final = 3
"""ProtoOADealStatus."""

_CLOSING_LATER_MS: Final = 1
"""A closing deal is created so long after its order; an opening one with it (both observed)."""


class _Before(NamedTuple):
    """What there was before an order was executed.

    :ivar given_to: the position that had taken the order's levels: it may have got others since.
    :ivar deals: how many deals the account had.
    """

    given_to: int
    deals: int


class Filling:
    """Fills the orders of one account."""

    def __init__(self, bench: Bench, orders: Orders, protection: Protection, money: Money) -> None:
        self._bench = bench
        self._orders = orders
        self._protection = protection
        self._money = money

    # ------------------------------------------------------------------------------- when

    def execute_soon(self, order: Order, cause: Cause | None) -> None:
        """Fill an order after the delay of execution; meanwhile it can be neither cancelled nor amended."""
        order.in_execution = True
        self._bench.timers.later(self._bench.options.execution_delay, partial(self.execute, order, cause))

    def fills_at_once(self, order: Order) -> bool:
        """Say whether an order that has just been placed or amended goes to the market without waiting for a tick."""
        bench = self._bench
        if not bench.venue.feed.is_open(order.symbol_id, bench.now()):
            return False
        quote = bench.exchange.quote(order.symbol_id)
        if order.order_type in AT_THE_MARKET or quote is None:
            return order.order_type in AT_THE_MARKET
        if order.order_type == LIMIT:
            assert order.limit_price is not None
            hasty = order.time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL)
            return hasty or triggers.limit_reached(order.side, order.limit_price, quote)
        assert order.stop_price is not None
        if triggers.stop_reached(order.side, order.stop_price, order.trigger_method or triggers.TRADE, quote):
            order.triggered = order.order_type == STOP_LIMIT
            return True
        return False

    def look_at_order(self, order: Order, tick: Tick) -> None:
        """Fill a pending order if a tick makes it due."""
        bench = self._bench
        if order.in_execution or order.order_id not in bench.ledger.orders or self._barred(order):
            return
        if order.order_type in STOPS and not order.triggered:
            assert order.stop_price is not None
            method = order.trigger_method or triggers.TRADE
            if not bench.stops.due(order.order_id, order.side, order.stop_price, method, tick):
                return
            order.triggered = order.order_type == STOP_LIMIT
        limit = matching.limit_of(order, bench.exchange.instrument(order.symbol_id))
        if limit is not None and not triggers.limit_reached(order.side, limit, tick) and self._waits(order):
            return
        self.execute(order, None, server=True)

    def look_at_levels(self, position: Position, tick: Tick) -> None:
        """Fill the protective order of a position if a tick reaches one of its levels."""
        bench = self._bench
        order = bench.protective_order(position)
        if order is None or not position.lots:
            return
        stop, limit = order.stop_price, order.limit_price
        method = order.trigger_method or triggers.TRADE
        stopped = stop is not None and bench.stops.due(order.order_id, order.side, stop, method, tick)
        if not stopped and (limit is None or not triggers.limit_reached(order.side, limit, tick)):
            return
        order.volume = position.volume + order.executed  # it may not have followed the position yet
        order.triggered = stopped
        if stopped and stop is not None and position.guaranteed:
            self._fill(order, matching.Piece(stop, order.remaining), self._before(order), None, server=True)
            bench.rewatch()
        else:
            self.execute(order, None, server=True)

    # ------------------------------------------------------------------------------- whether, and at what

    def execute(self, order: Order, cause: Cause | None, *, server: bool = False) -> None:
        """Fill what can be filled of an order now, and end, reject or keep the rest.

        :param cause: who asked for it; None where the market or the venue set it off.
        """
        order.in_execution = False
        self._attempt(order, cause, server=server)
        if order.expires_at is not None and order.expires_at <= self._bench.now():
            self._orders.expire(order)
        self._bench.rewatch()
        self._money.look()

    def _attempt(self, order: Order, cause: Cause | None, *, server: bool) -> None:
        orders = self._orders
        problem = self._obstacle(order)
        waits = self._waits(order)
        if problem is not None:
            if not waits or problem.code == rules.NOT_OPEN:
                orders.reject(order, problem.code, cause, server)
            return
        pieces = self._pieces(order)
        found = sum([piece.volume for piece in pieces])
        if found < order.remaining and order.time_in_force == FILL_OR_KILL:
            pieces, found = [], 0
        if pieces and not order.closing:
            short = self._too_much(order, found) or self.short_of_money(order, found, self._adds_to(order))
            if short is not None:
                orders.reject(order, short.code, cause, server)
                return
        before = self._before(order)
        for piece in pieces:
            self._fill(order, piece, before, cause, server=server)
        if order.remaining and order.order_id in self._bench.ledger.orders and not waits:
            if not order.executed and order.order_type == MARKET_RANGE:
                orders.reject(order, rules.BAD_PRICES, cause, server)
            else:
                orders.end(order, CANCELLED, ProtoOAExecutionType.ORDER_CANCELLED, cause, server=server)

    def short_of_money(self, order: Order, volume: int, position: Position | None) -> rules.Problem | None:
        """Give what is wrong if the account can't pay for so much of an order.

        :param position: the one it adds to, if any.
        """
        ledger, exchange = self._bench.ledger, self._bench.exchange
        instrument = exchange.instrument(order.symbol_id)
        stop = order.stop_at if order.guaranteed else None
        needed = margins.needed(ledger, exchange, instrument, order.side, volume, position=position, stop=stop)
        return rules.enough_money(needed, margins.free(ledger, exchange))

    def _too_much(self, order: Order, volume: int) -> rules.Problem | None:
        """Give what is wrong if the account would hold more of the symbol than it may (unconfirmed at a fill)."""
        held = self._bench.ledger.open_positions(order.symbol_id)
        against = self._against(order)
        exposure = sum([position.volume for position in held])
        return rules.enough_room(self._bench.exchange.instrument(order.symbol_id), exposure, volume, against)

    def _against(self, order: Order) -> int:
        """Give the volume of the other side that an order closes first, on a netted account."""
        if self._bench.account.account_type != NETTED:
            return 0
        there = self._bench.ledger.open_positions(order.symbol_id)
        return sum([position.volume for position in there if position.side != order.side])

    def _waits(self, order: Order) -> bool:
        """Say whether what is not filled of an order goes on working."""
        if order.order_type == PROTECTIVE:
            return True
        if order.order_type == LIMIT or (order.order_type == STOP_LIMIT and order.triggered):
            if order.time_in_force == IMMEDIATE_OR_CANCEL:
                return self._bench.options.ioc_limits_rest
            return order.time_in_force != FILL_OR_KILL
        return False

    def _barred(self, order: Order) -> bool:
        """Say whether the symbol's mode keeps an order from being filled (unconfirmed); a stop-out is carried out."""
        mode = self._bench.exchange.instrument(order.symbol_id).trading_mode
        if mode == TradingMode.CLOSE_ONLY_MODE:
            return not order.closing and order.remaining > self._against(order)
        return mode == TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION and not order.stop_out

    def _obstacle(self, order: Order) -> rules.Problem | None:
        """Give what keeps an order from being filled at all."""
        bench, exchange = self._bench, self._bench.exchange
        position = bench.ledger.positions.get(order.position_id)
        if (order.closing or order.adds) and (position is None or not position.lots):
            return rules.Problem(rules.NOT_OPEN)
        if self._barred(order):
            return rules.Problem("TRADING_DISABLED")
        if not bench.venue.feed.is_open(order.symbol_id, bench.now()):
            return rules.Problem("MARKET_CLOSED")
        quote_asset = exchange.instrument(order.symbol_id).quote_asset_id
        rate = exchange.rate(quote_asset, margins.deposit_asset(bench.account, exchange))
        return rules.Problem("NO_QUOTES") if exchange.quote(order.symbol_id) is None or rate is None else None

    def _pieces(self, order: Order) -> list[Piece]:
        bench = self._bench
        instrument = bench.exchange.instrument(order.symbol_id)
        volume, limit = order.remaining, matching.limit_of(order, instrument)
        if order.closing:
            volume = min(volume, bench.ledger.positions[order.position_id].volume)
        if order.order_type == PROTECTIVE and not order.triggered:  # its take profit; a stop loss has no limit
            limit = order.limit_price
        quote = bench.exchange.quote(order.symbol_id)
        assert quote is not None
        if bench.options.fill == "best":
            return matching.at_best(order.side, volume, quote.ask if order.side == BUY else quote.bid, limit=limit)
        book = bench.venue.ticker.book(order.symbol_id)
        return matching.pieces(
            order.side,
            volume,
            book.side(bids=order.side != BUY),
            step=instrument.step_volume,
            limit=limit,
            bottomless=order.stop_out or (order.order_type == PROTECTIVE and order.triggered),
        )

    def _adds_to(self, order: Order) -> Position | None:
        position = self._bench.ledger.positions.get(order.position_id)
        return position if position is not None and position.status == OPEN else None

    # ------------------------------------------------------------------------------- the deals

    def _before(self, order: Order) -> _Before:
        return _Before(order.levels_given_to, len(self._bench.ledger.deals))

    def _fill(self, order: Order, piece: Piece, before: _Before, cause: Cause | None, *, server: bool) -> None:
        """Trade one piece: close with it what is there of the other side, and open with the rest."""
        left = piece.volume
        position = self._traded_position(order)
        if position.status == OPEN and position.side != order.side:
            part = min(left, position.volume)
            self._trade(order, position, piece.price, part, before, cause, server=server)
            left -= part
            if left:
                position = self._traded_position(order)
        if left:
            self._trade(order, position, piece.price, left, before, cause, server=server)

    def _traded_position(self, order: Order) -> Position:
        """Give the position that an order trades now: on a netted account the one there is of its symbol."""
        ledger = self._bench.ledger
        if self._bench.account.account_type == NETTED and not order.closing:
            there = ledger.open_positions(order.symbol_id)
            if there:
                if there[0].position_id != order.position_id:
                    self._orders.drop_place_holder(order)
                    order.position_id = there[0].position_id
                return there[0]
        position = ledger.positions.get(order.position_id)
        return self._orders.make_place_holder(order) if position is None else position

    def _trade(
        self,
        order: Order,
        position: Position,
        price: int,
        volume: int,
        before: _Before,
        cause: Cause | None,
        *,
        server: bool,
    ) -> None:
        """Make one deal of an order, book it and tell it."""
        bench = self._bench
        closes = position.status == OPEN and position.side != order.side
        deal = self._deal(order, position, price, volume, closes=closes)
        order.executed += volume
        order.execution_value += volume * price
        order.updated_at = deal.executed_at
        done = not order.remaining
        if done:
            self._orders.finish(order, FILLED)
        self._book(position, deal, closes=closes)
        if not closes and before.given_to != position.position_id:
            now = bench.ledger.deals[before.deals :]
            self._protection.take_over(order, position, now)  # before the margin: it may follow from them
        changed = margins.place(bench.ledger, bench.exchange)
        kind = ProtoOAExecutionType.ORDER_FILLED if done else ProtoOAExecutionType.ORDER_PARTIAL_FILL
        bench.telling.fill(bench.telling.event(kind, order=order, position=position, deal=deal, server=server), cause)
        bench.telling.margins([one for one in changed if one is not position])
        if position.lots:
            self._protection.follow_soon(position, bench.options.protection_delay)
            return
        position.coming = None
        if position.status == CREATED:
            bench.timers.later(bench.options.cancellation_delay, partial(self._protection.withdraw, position))

    def _deal(self, order: Order, position: Position, price: int, volume: int, *, closes: bool) -> Deal:
        """Make a deal; it is not in the book yet."""
        exchange, account, now = self._bench.exchange, self._bench.account, self._bench.now()
        instrument = exchange.instrument(order.symbol_id)
        created_at = now
        if order.order_type in AT_THE_MARKET and not order.stop_out:
            created_at = min(now, order.created_at + (_CLOSING_LATER_MS if closes else 0))
        return Deal(
            deal_id=exchange.ids.deal(),
            order_id=order.order_id,
            position_id=position.position_id,
            symbol_id=order.symbol_id,
            side=order.side,
            volume=order.remaining,
            filled=volume,
            price=price,
            created_at=created_at,
            executed_at=now,
            margin_rate=margins.margin_rate(account, exchange, instrument, price) or 0.0,
            commission=charges.commission(account, exchange, instrument, volume, price) or 0,
            usd_rate=margins.usd_rate(exchange, instrument, price) or 0.0,
            status=_FILLED if volume == order.remaining else _PARTIALLY_FILLED,
        )

    def _book(self, position: Position, deal: Deal, *, closes: bool) -> None:
        bench = self._bench
        if not closes:
            bench.ledger.open(position, deal, margin_rate=deal.margin_rate, commission=deal.commission)
            self._money.charge_when_due(position.symbol_id, deal.executed_at)
            return
        instrument = bench.exchange.instrument(deal.symbol_id)
        deposit = margins.deposit_asset(bench.account, bench.exchange)
        bench.ledger.close(
            position,
            deal,
            volume=deal.filled,
            rate=bench.exchange.rate(instrument.quote_asset_id, deposit) or 0.0,
            commission=deal.commission,
            fee_rate=arithmetic.fee_rate(instrument, deposit),
        )
