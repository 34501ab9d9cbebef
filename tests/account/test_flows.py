"""Random flows of orders, faults and time: after each, the client's belief is the venue's book, and the book is sound.

A flow is drawn from one number; a failure names it, and ``CTRADER_FLOW=<number>`` runs that one alone, step by step.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest

from ctrader_twisted.account.tracking import OrderState
from ctrader_twisted.errors import ClientClosed, OpenApiError
from ctrader_twisted.market import Money, Pips, Price, ProtocolVolume
from ctrader_twisted.sim import Limits, Options, TradingAccount
from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.feed import Bar, Quote, Tick
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.sim.trading import margins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.defer import Deferred

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.order import Order
    from ctrader_twisted.sim.trading.entities import Deal
    from ctrader_twisted.sim.trading.ledger import Ledger

FLOWS: Final = 240
SOAK: Final = 4_000
CHUNK: Final = 40

NAMES: Final = ("EURUSD", "USDJPY", "XAUUSD", "GER40")
STEP: Final = 20_000
"""Milliseconds from one tick of a symbol to its next."""

START: Final = 1_772_574_600_000  # 2026-03-03 21:50 UTC, a Tuesday: ten minutes before swap, and before gold pauses
MORNING: Final = 1_772_528_400_000  # 2026-03-03 09:00 UTC

PROTECTIVE: Final = 4
STATES: Final = {1: None, 2: OrderState.FILLED, 3: OrderState.REJECTED, 4: OrderState.EXPIRED, 5: OrderState.CANCELLED}
COMMANDS: Final = (
    "ProtoOANewOrderReq",
    "ProtoOAClosePositionReq",
    "ProtoOACancelOrderReq",
    "ProtoOAAmendOrderReq",
    "ProtoOAAmendPositionSLTPReq",
)


class WalkingFeed:
    """Prices that walk at random, a step each twenty seconds, while the market is open: cheap, so that hours pass."""

    def __init__(self, seed: int, start: int) -> None:
        found = [one for one in HOUSE.instruments if one.name in NAMES]
        self.instruments = MappingProxyType({one.symbol_id: one for one in found})
        self._start = start
        self._chance = {one: Random(seed * 1_000 + one) for one in self.instruments}
        first = {"EURUSD": 106_730, "USDJPY": 14_817_500, "XAUUSD": 374_485_000, "GER40": 2_412_196_000}
        self._paths: dict[int, list[tuple[int, int]]] = {}
        for one in found:
            self._paths[one.symbol_id] = [(first[one.name], first[one.name] + 3 * one.tick_size)]

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        return calendar.is_open(self.instruments[symbol_id], at_ms)

    def quote(self, symbol_id: int, at_ms: int) -> Quote:
        number = max(0, (at_ms - self._start - symbol_id) // STEP)
        return Quote(self._start + symbol_id + number * STEP, *self._sides(symbol_id, number))

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick | None:
        number = max(0, (after_ms - self._start - symbol_id) // STEP + 1)
        at = self._start + symbol_id + number * STEP
        if not self.is_open(symbol_id, at):
            opens = calendar.next_open(self.instruments[symbol_id], at)
            if opens is None:
                return None
            number = -((self._start + symbol_id - opens) // STEP)
            at = self._start + symbol_id + number * STEP
        now, before = self._sides(symbol_id, number), self._sides(symbol_id, max(0, number - 1))
        return Tick(at, *now, now[0] != before[0], now[1] != before[1] or now == before)

    def ticks_back(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], False

    def bars_back(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], False

    def live_bar(self, symbol_id: int, period: int, at_ms: int) -> Bar:
        bid = self.quote(symbol_id, at_ms).bid
        return Bar(at_ms - at_ms % 60_000, bid, bid, bid, bid, 1)

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        return None

    def _sides(self, symbol_id: int, number: int) -> tuple[int, int]:
        path, chance, tick = self._paths[symbol_id], self._chance[symbol_id], self.instruments[symbol_id].tick_size
        while len(path) <= number:
            bid, ask = path[-1]
            if self.is_open(symbol_id, self._start + symbol_id + len(path) * STEP):
                which = chance.randrange(4)
                moved = round(chance.gauss(0, 0.0003) * bid / tick) * tick
                if which != 1:
                    bid += moved
                if which != 2:
                    ask += moved
                ask = min(max(ask, bid + tick), bid + 20 * tick)
            path.append((bid, ask))
        return path[number]


class Flow:
    """One flow on one account, and what came of it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = Random(seed)
        self.asset = chance.choice(("EUR", "USD"))
        self.account_id = EUR_ACCOUNT if self.asset == "EUR" else USD_ACCOUNT
        self.start = chance.choice((START, MORNING))
        self.kit = VenueKit(
            start=self.start,
            feed=WalkingFeed(seed, self.start),
            accounts=[
                TradingAccount(
                    self.account_id,
                    2_000_001,
                    self.asset,
                    balance=chance.choice((500_000, 2_000_000)),
                    account_type=chance.choice((0, 1)),
                    total_margin=chance.choice((0, 1, 1, 2)),
                    stop_out_strategy=chance.choice((0, 1)),
                    fair_stop_out=chance.random() < 0.3,
                    swap_free=chance.random() < 0.15,
                )
            ],
            options=Options(
                uncorrelated_copies=chance.random() < 0.3,
                fills_carry_id=chance.random() < 0.8,
                placeholder=chance.random() < 0.8,
                fill=chance.choice(("depth", "depth", "best")),
                ioc_limits_rest=chance.random() < 0.2,
                stops_through_market=chance.choice(("refuse", "accept")),
                refusals=chance.choice(("order error", "order error", "error", "rejected")),
            ),
            limits=Limits(general=0),
        )
        self.orders: list[Order] = []
        self.waiting: list[tuple[str, Deferred[Any]]] = []
        self.said: list[str] = []
        client = self.kit.ready_client(self.account_id)
        self.account: Account = client.account(self.account_id)
        self.kit.settle(self.account.ready())
        self.ledger: Ledger = self.kit.venue.exchange.desk(self.account_id).ledger

    # What happens

    def run(self) -> None:
        steps = (
            (self.market, 20),
            (self.market_range, 4),
            (self.limit, 8),
            (self.stop, 6),
            (self.stop_limit, 5),
            (self.close, 9),
            (self.reverse, 3),
            (self.set_levels, 7),
            (self.trail, 3),
            (self.cancel, 5),
            (self.amend, 6),
            (self.money, 3),
            (self.cut, 4),
            (self.disconnect, 2),
            (self.withhold, 4),
            (self.late, 2),
            (self.long, 1),
        )
        acts, weights = zip(*steps, strict=True)
        for _ in range(self.chance.randint(6, 22)):
            act = self.chance.choices(acts, weights)[0]
            self.said.append(act.__name__)
            act()
            if self.chance.random() < 0.75:
                self.pass_time(self.chance.choice((0.0, 0.05, 0.15, 0.3, 1.0, 5.0, 25.0, 70.0)))

    def pass_time(self, seconds: float) -> None:
        self.said.append(f"{seconds:g} s")
        self.kit.advance(seconds)

    def long(self) -> None:
        self.pass_time(self.chance.choice((700.0, 700.0, 4_000.0)))

    def pick_name(self) -> str:
        name = self.chance.choice(NAMES)
        self.said[-1] += " " + name
        return name

    def instrument(self, name: str) -> Any:
        return next(one for one in self.kit.venue.instruments.values() if one.name == name)

    def amount(self, name: str) -> ProtocolVolume:
        one = self.instrument(name)
        steps = self.chance.choice((1, 2, 3, 5, 7, 10, 13, 20, 100, 400))
        if name == "XAUUSD":
            steps = min(steps, 40)
        return ProtocolVolume(one.min_volume + steps * one.step_volume)

    def near(self, name: str, pips: float) -> Price:
        """A price so far from the present bid."""
        one = self.instrument(name)
        bid = self.kit.venue.feed.quote(one.symbol_id, self.kit.venue.now()).bid
        away = round(pips * 10 ** (5 - one.pip_position)) // one.tick_size * one.tick_size
        return Price((Decimal(bid + away) / 100_000).quantize(Decimal(1).scaleb(-one.digits)))

    def level(self, name: str, side: str, sign: int) -> Any:
        """A stop loss (-1) or take profit (1), or none, mostly on its right side."""
        reach = self.reach(name)
        kind = self.chance.randrange(6)
        if kind < 2:
            return None
        if kind < 4:
            return Pips(str(self.chance.randint(1, 10) * reach))
        if kind == 4:
            return Money(str(self.chance.randint(5, 300)), self.asset)
        return self.near(name, sign * (1 if side == "buy" else -1) * self.chance.uniform(0.5, 10) * reach)

    @staticmethod
    def reach(name: str) -> int:
        """How many pips are soon walked."""
        return {"EURUSD": 3, "USDJPY": 4, "XAUUSD": 100, "GER40": 700}[name]

    def terms(self, name: str, side: str) -> dict[str, Any]:
        if self.chance.random() < 0.4:
            return {}
        terms: dict[str, Any] = {
            "stop_loss": self.level(name, side, -1),
            "take_profit": self.level(name, side, 1),
            "rounding": "nearest",
        }
        if terms["stop_loss"] is not None and self.chance.random() < 0.3:
            terms["trailing"] = True
        if self.chance.random() < 0.3:
            terms["label"] = "mine"
        if self.chance.random() < 0.2:
            terms["timeout"] = self.chance.choice((0.001, 0.5, 3.0))
        return terms

    def side(self) -> str:
        side = self.chance.choice(("buy", "sell"))
        self.said[-1] += " " + side
        return side

    def placed(self, order: Order) -> None:
        self.orders.append(order)
        self.await_(order.client_order_id, order.accepted())
        self.await_(order.client_order_id, order.protected())  # levels may be set by a command of their own

    def await_(self, what: str, deferred: Deferred[Any]) -> None:
        self.waiting.append((what, deferred))
        deferred.addErrback(lambda failure: failure.trap(OpenApiError) and None)

    def market(self) -> None:
        name, side = self.pick_name(), self.side()
        terms = self.terms(name, side)
        same = [one for one in self.account.positions.values() if one.symbol_id == self.instrument(name).symbol_id]
        if same and self.chance.random() < 0.2:
            terms["position"] = self.chance.choice(same)
        terms["fill_or_kill"] = self.chance.random() < 0.2
        self.placed(self.account.market(side, name, self.amount(name), **terms))

    def market_range(self) -> None:
        name, side = self.pick_name(), self.side()
        slippage = Pips(str(self.chance.choice((1, 2, 20)) * max(1, self.reach(name) // 10)))
        self.placed(
            self.account.market_range(side, name, self.amount(name), slippage=slippage, **self.terms(name, side))
        )

    def resting(self, name: str, side: str) -> dict[str, Any]:
        terms = self.terms(name, side)
        if self.chance.random() < 0.3:
            at = self.kit.venue.now() / 1000 + self.chance.choice((1, 30, 200, 3_000))
            terms["expires"] = datetime.fromtimestamp(round(at), UTC)
        return terms

    def limit(self) -> None:
        name, side = self.pick_name(), self.side()
        terms = self.resting(name, side)
        if "expires" not in terms and self.chance.random() < 0.2:
            terms["time_in_force"] = self.chance.choice((3, 4))
        away = self.chance.uniform(-4, 1) * self.reach(name) * (1 if side == "buy" else -1)
        self.placed(self.account.limit(side, name, self.amount(name), self.near(name, away), **terms))

    def stop(self) -> None:
        name, side = self.pick_name(), self.side()
        away = self.chance.uniform(-1, 4) * self.reach(name) * (1 if side == "buy" else -1)
        terms = self.resting(name, side) | {"trigger": self.chance.choice((None, 1, 2, 3, 4))}
        self.placed(self.account.stop(side, name, self.amount(name), self.near(name, away), **terms))

    def stop_limit(self) -> None:
        name, side = self.pick_name(), self.side()
        away = self.chance.uniform(-1, 4) * self.reach(name) * (1 if side == "buy" else -1)
        slippage = Pips(str(self.chance.choice((1, 5, 30)) * max(1, self.reach(name) // 10)))
        terms = self.resting(name, side)
        self.placed(
            self.account.stop_limit(side, name, self.amount(name), self.near(name, away), slippage=slippage, **terms)
        )

    def position(self) -> Any:
        there = list(self.account.positions.values())
        return self.chance.choice(there) if there else None

    def name_of(self, position: Any) -> str:
        name = str(self.kit.venue.instruments[position.symbol_id].name)
        self.said[-1] += f" {name} {position.position_id}"
        return name

    def close(self) -> None:
        position = self.position()
        if position is None:
            return
        one = self.instrument(self.name_of(position))
        amount = None
        if self.chance.random() < 0.6 and position.volume > one.min_volume:
            amount = ProtocolVolume(self.chance.randint(1, position.volume // one.step_volume) * one.step_volume)
        timeout = self.chance.choice((None, None, None, 0.001))
        self.placed(self.account.close(position, amount, timeout=timeout))

    def reverse(self) -> None:
        position = self.position()
        if position is not None:
            name = self.name_of(position)
            before = set(self.account.orders)
            order = self.account.reverse(position, stop_loss=self.level(name, "buy", -1))
            for one in set(self.account.orders) - before - {order}:
                self.placed(one)
            self.placed(order)

    def set_levels(self) -> None:
        position = self.position()
        if position is None:
            return
        name, side = self.name_of(position), position_side(position)
        change: dict[str, Any] = {"rounding": "nearest"}
        if self.chance.random() < 0.7:
            change["stop_loss"] = self.level(name, side, -1)
        if self.chance.random() < 0.7:
            change["take_profit"] = self.level(name, side, 1)
        if self.chance.random() < 0.2:
            change["trailing"] = self.chance.random() < 0.6
        self.await_("levels", self.account.set_levels(position, **change))

    def trail(self) -> None:
        position = self.position()
        if position is not None:
            distance = Pips(str(self.chance.randint(1, 6) * self.reach(self.name_of(position))))
            self.await_("trail", self.account.trail(position, distance))

    def working(self) -> Any:
        choice: list[Any] = [one for one in self.orders if one.state.working and one.closes is None]
        choice += list(self.account.pending.values())
        return self.chance.choice(choice) if choice else None

    def cancel(self) -> None:
        order = self.working()
        if order is not None:
            self.await_("cancel", self.account.cancel(order))

    def amend(self) -> None:
        order = self.working()
        if order is None or not order.order_id or order.order_id not in self.account.pending:
            return
        pending = self.account.pending[order.order_id]
        name, side = self.name_of(pending), position_side(pending)
        changes: dict[str, Any] = {"rounding": "nearest"}
        if self.chance.random() < 0.6:
            changes["volume"] = self.amount(name)
        if self.chance.random() < 0.6:
            changes["price"] = self.near(name, self.chance.uniform(-4, 4) * self.reach(name))
        if self.chance.random() < 0.4:
            changes["stop_loss"] = self.level(name, side, -1)
        if self.chance.random() < 0.4:
            changes["take_profit"] = self.level(name, side, 1)
        self.await_("amend", self.account.amend(order, **changes))

    def money(self) -> None:
        self.kit.play(
            self.chance.choice(("deposit", "withdraw")),
            amount=self.chance.choice((0.01, 17.23, 900.0)),
            account_id=self.account_id,
        )

    def cut(self) -> None:
        """Cut the connection with a command under way: before it leaves, on its way, or while it is answered."""
        self.chance.choice((self.market, self.close, self.limit, self.set_levels, self.cancel, self.amend))()
        for _ in range(self.chance.randrange(4)):
            self.kit.network.pump()
        self.kit.cut()

    def disconnect(self) -> None:
        self.chance.choice((self.market, self.close))()
        self.kit.play("disconnect_account", account_id=self.account_id)

    def withhold(self) -> None:
        request = self.chance.choice(COMMANDS)
        self.said[-1] += " " + request
        self.kit.play("drop_answers", count=self.chance.choice((1, 1, 2)), request=request)
        acts = (self.market, self.close, self.cancel, self.amend, self.set_levels)
        self.said.append("")
        acts[COMMANDS.index(request)]()

    def late(self) -> None:
        self.kit.play("delay_answers", delay=self.chance.choice((0.3, 8.0)), seconds=12.0)

    # What must hold

    def finish(self) -> None:
        """Let everything come to rest."""
        unknown = (OrderState.PREPARING, OrderState.SENT, OrderState.UNKNOWN)
        for _ in range(240):
            self.kit.settle(self.account.settled(), 600)
            self.kit.advance(0.5)
            # What is waited for of an order may take as long as it works; everything else comes to an end.
            works = {one.client_order_id for one in self.orders if one.state.working}
            left = [what for what, one in self.waiting if not one.called and what not in works]
            executing = any(one.in_execution for one in self.ledger.orders.values())
            known = not any(one.state in unknown or one.doubtful for one in self.orders)
            if known and not left and not executing and self.account.stands and self.account.equity is not None:
                return
        raise AssertionError(f"no rest: {left} are waited for, {self.account.orders}, equity {self.account.equity}")

    def check(self) -> None:
        self.check_ledger()
        self.check_orders()
        self.check_belief()

    def check_belief(self) -> None:
        account, ledger = self.account, self.ledger
        digits = ledger.account.money_digits
        found = self.kit.settle(account.check())
        assert found, str(found)
        assert found.unpriced == ()
        assert {one.position_id for one in ledger.open_positions()} == set(account.positions)
        for one in ledger.open_positions():
            believed = account.positions[one.position_id]
            assert abs(Fraction(believed.price) - one.exact_price / 100_000) < Fraction(1, 10**9)
            assert (
                believed.symbol_id,
                believed.side,
                believed.volume,
                believed.stop_loss,
                believed.take_profit,
                believed.swap,
                believed.commission,
                believed.used_margin,
                believed.label,
                believed.comment,
                believed.opened_at,
                believed.trailing,
                believed.guaranteed,
                believed.protective_order_id,
            ) == (
                one.symbol_id,
                one.side,
                one.volume,
                priced(one.stop_loss),
                priced(one.take_profit),
                cents(one.swap, digits),
                cents(one.commission, digits),
                cents(one.used_margin, digits),
                one.label,
                one.comment,
                one.opened_at,
                one.trailing,
                one.guaranteed,
                one.protective_id,
            )
        working = {key: one for key, one in ledger.orders.items() if one.order_type != PROTECTIVE}
        assert set(working) == set(account.pending)
        for key, order in working.items():
            pending = account.pending[key]
            assert (
                pending.symbol_id,
                pending.side,
                pending.order_type,
                pending.volume,
                pending.executed_volume,
                pending.limit_price,
                pending.stop_price,
                pending.stop_loss,
                pending.take_profit,
                pending.relative_stop_loss,
                pending.relative_take_profit,
                pending.time_in_force,
                pending.expires_at,
                pending.trailing,
                pending.closing,
                pending.label,
                pending.client_order_id,
            ) == (
                order.symbol_id,
                order.side,
                order.order_type,
                order.volume,
                order.executed,
                priced(order.limit_price),
                priced(order.stop_price),
                priced(order.stop_loss),
                priced(order.take_profit),
                priced(order.relative_stop_loss),
                priced(order.relative_take_profit),
                order.time_in_force,
                order.expires_at,
                bool(order.trailing),
                order.closing,
                order.label,
                order.client_order_id,
            )
        assert account.balance == cents(ledger.account.balance, digits)
        equity = margins.equity(ledger, self.kit.venue.exchange)
        assert equity is not None
        assert account.equity == cents(equity, digits)
        assert account.used_margin == cents(margins.used(ledger), digits)
        assert account.free_margin == cents(equity - margins.used(ledger), digits)

    def check_ledger(self) -> None:
        ledger = self.ledger
        moves = [(flow.balance_version, flow.delta, flow.balance) for flow in ledger.cash_flow]
        for deal in ledger.deals:
            if deal.detail is not None:
                part = deal.detail
                net = part.gross + part.swap + part.commission + part.fee
                moves.append((part.balance_version, net, part.balance))
        moves.sort()
        versions = [version for version, _, _ in moves]
        assert versions == list(range(versions[0], versions[0] + len(versions)))
        assert versions[-1] == ledger.account.balance_version
        balance = 0
        for _, delta, after in moves:
            balance += delta
            assert balance == after
        assert balance == ledger.account.balance
        check_fifo(ledger)

    def check_orders(self) -> None:
        ledger = self.ledger
        every = {**ledger.orders, **ledger.past_orders}
        assert not set(ledger.orders) & set(ledger.past_orders)
        deals: dict[int, list[Deal]] = defaultdict(list)
        for deal in ledger.deals:
            deals[deal.order_id].append(deal)
        asked = {key: one for key, one in every.items() if one.order_type != PROTECTIVE and not one.stop_out}
        ours = [one.order_id for one in self.orders if one.order_id is not None]
        assert Counter(ours) == Counter(asked.keys()), "doubled, or lost"
        for order in self.orders:
            assert not order.doubtful
            if order.order_id is None:
                ends = (OrderState.NOT_SENT, OrderState.NEVER_ARRIVED, OrderState.REJECTED)
                assert order.state in ends, order
                assert order.error is not None
                assert not [one for one in asked.values() if one.client_order_id == order.client_order_id]
                continue
            theirs = asked[order.order_id]
            if order.closes is None:
                assert theirs.client_order_id == order.client_order_id
                assert not theirs.closing
            else:
                assert theirs.closing
                assert theirs.position_id == order.closes
            expected = STATES[theirs.status]
            if expected is None:
                expected = OrderState.PARTIALLY_FILLED if theirs.executed else OrderState.ACCEPTED
            assert order.state is expected, order
            assert (order.volume, order.executed) == (theirs.volume, theirs.executed), order
            assert order.side == theirs.side
            booked = [(one.deal_id, one.position_id, one.filled, priced(one.price)) for one in deals[order.order_id]]
            assert [(one.deal_id, one.position_id, one.volume, one.price) for one in order.fills] == booked, order
            for fill, deal in zip(order.fills, deals[order.order_id], strict=True):
                assert (fill.closed is None) == (deal.detail is None)
                if fill.closed is not None and deal.detail is not None:
                    detail, digits = deal.detail, ledger.account.money_digits
                    assert abs(Fraction(fill.closed.entry_price) - detail.entry_price / 100_000) < Fraction(1, 10**9)
                    net = detail.gross + detail.swap + detail.commission + detail.fee
                    assert fill.closed.net == cents(net, digits)
                    assert fill.closed.balance == cents(detail.balance, digits)


def position_side(one: Any) -> str:
    return "buy" if one.side == 1 else "sell"


def priced(relative: int | None) -> Decimal | None:
    return None if relative is None else Decimal(relative) / 100_000


def cents(amount: int, digits: int) -> Decimal:
    return Decimal(amount).scaleb(-digits)


def check_fifo(ledger: Ledger) -> None:
    """Close by a list of single opening deals what the ledger closed, and compare prices, volumes and results."""
    books: dict[int, list[list[int]]] = defaultdict(list)  # [volume, price], the oldest first
    sides: dict[int, int] = {}
    for deal in ledger.deals:
        book = books[deal.position_id]
        if deal.detail is None:
            assert not book or sides[deal.position_id] == deal.side
            sides[deal.position_id] = deal.side
            book.append([deal.filled, deal.price])
            continue
        assert sides[deal.position_id] != deal.side
        assert deal.detail.closed_volume == deal.filled
        left, worth = deal.filled, 0
        while left:
            part = min(left, book[0][0])
            worth += part * book[0][1]
            book[0][0] -= part
            left -= part
            if not book[0][0]:
                del book[0]
        entry = Fraction(worth, deal.filled)
        assert deal.detail.entry_price == entry
        won = (deal.price - entry) * (1 if sides[deal.position_id] == 1 else -1) * deal.filled / 100 / 100_000
        in_cents = won * Fraction(deal.detail.rate) * 10**ledger.account.money_digits
        assert abs(in_cents - deal.detail.gross) <= Fraction(1, 2) + Fraction(1, 10**6)
    left_open = {one.position_id: one for one in ledger.open_positions()}
    assert {key for key, book in books.items() if book} == set(left_open)
    for key, one in left_open.items():
        assert one.volume == sum(volume for volume, _ in books[key])
        assert one.exact_price == Fraction(sum(volume * price for volume, price in books[key]), one.volume)


def run_flow(seed: int) -> Flow:
    flow = Flow(seed)
    try:
        with flow.kit:
            flow.run()
            flow.finish()
            flow.check()
        assert not [what for what, one in flow.waiting if not one.called]
    except BaseException as error:
        error.add_note(f"flow {seed}: {'; '.join(flow.said)}")
        raise
    return flow


def run_flows(seeds: Iterable[int]) -> None:
    seen: Counter[str] = Counter()
    for seed in seeds:
        flow = run_flow(seed)
        for order in flow.orders:
            seen[order.state.value] += 1
            seen["closing"] += order.closes is not None
            seen["several fills"] += len(order.fills) > 1
        seen["left open"] += len(flow.ledger.closed_positions)
    # The flows reach what they are to reach: most orders are filled, and some are not.
    for what in ("filled", "cancelled", "rejected", "never arrived", "closing", "left open"):
        assert seen[what], f"{what}: {dict(seen)}"


ALONE: Final = os.environ.get("CTRADER_FLOW")


@pytest.mark.skipif(ALONE is None, reason="CTRADER_FLOW names no flow")
def test_one_flow_alone() -> None:
    run_flow(int(ALONE or 0))


@pytest.mark.parametrize("first", range(0, FLOWS, CHUNK))
def test_after_a_random_flow_the_belief_is_the_book(first: int) -> None:
    run_flows(range(first, first + CHUNK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FLOWS, FLOWS + SOAK, 200))
def test_after_thousands_of_random_flows_the_belief_is_the_book(first: int) -> None:
    run_flows(range(first, first + 200))


# Netted against hedged


def run_pair(seed: int) -> int:
    """Send the same orders on a hedged and a netted account; give how many deals were made."""
    chance = Random(seed)
    pair = (USD_ACCOUNT, USD_ACCOUNT + 10)
    kit = VenueKit(
        start=MORNING,
        feed=WalkingFeed(seed, MORNING),
        accounts=[
            TradingAccount(one, 2_000_000 + one, "USD", balance=10**10, account_type=kind, stop_out_level=0.0)
            for kind, one in enumerate(pair)
        ],
        limits=Limits(general=0),
    )
    names = {one.symbol_id: one for one in kit.venue.instruments.values()}
    with kit:
        client = kit.ready_client(*pair)
        accounts = [client.account(one) for one in pair]
        for one in accounts:
            kit.settle(one.ready())
        for number in range(chance.randint(4, 25)):
            symbol = chance.choice(list(names.values()))
            side = chance.choice(("buy", "sell"))
            amount = ProtocolVolume(symbol.min_volume + chance.choice((0, 1, 4, 9, 40)) * symbol.step_volume)
            bid = kit.venue.feed.quote(symbol.symbol_id, kit.venue.now()).bid
            away = round(chance.uniform(-12, 12)) * 4 * symbol.tick_size
            price = Price((Decimal(bid + away) / 100_000).quantize(Decimal(1).scaleb(-symbol.digits)))
            kind = chance.choice(("market", "market", "market", "limit", "stop", "cancel"))
            for one in accounts:
                key = f"{number}"
                if kind == "market":
                    order = one.market(side, symbol.name, amount, client_order_id=key)
                elif kind == "cancel":
                    for pending in one.pending.values():
                        kit_fails(one.cancel(pending))
                        break
                    continue
                else:
                    place = one.limit if kind == "limit" else one.stop
                    order = place(side, symbol.name, amount, price, client_order_id=key)
                kit_fails(order.accepted())
            kit.advance(chance.choice((0.0, 0.2, 1.0, 21.0, 65.0)))
        kit.advance(2)
        ledgers = [kit.venue.exchange.desk(one).ledger for one in pair]
        believed = []
        for account, ledger in zip(accounts, ledgers, strict=True):
            check_fifo(ledger)
            found = kit.settle(account.check())
            assert found, str(found)
            volumes: dict[int, int] = Counter()
            for position in account.positions.values():
                volumes[position.symbol_id] += position.volume * position.direction
            believed.append({key: volume for key, volume in volumes.items() if volume})
        traded = [
            sorted_sums((name_of_order(ledger, deal), deal.side, deal.filled, deal.price) for deal in ledger.deals)
            for ledger in ledgers
        ]
        assert traded[0] == traded[1]
        assert believed[0] == believed[1]
        positions = [position.symbol_id for position in accounts[1].positions.values()]
        assert len(positions) == len(set(positions))
    return len(ledgers[0].deals)


def kit_fails(deferred: Deferred[Any]) -> None:
    deferred.addErrback(lambda failure: failure.trap(OpenApiError, ClientClosed) and None)


def name_of_order(ledger: Ledger, deal: Deal) -> str:
    return ({**ledger.orders, **ledger.past_orders}[deal.order_id]).client_order_id


def sorted_sums(deals: Iterable[tuple[str, int, int, int]]) -> dict[tuple[str, int, int], int]:
    """Volume by order, side and price: a deal that turns a netted position round is two there."""
    sums: dict[tuple[str, int, int], int] = Counter()
    for name, side, volume, price in deals:
        sums[name, side, price] += volume
    return dict(sums)


@pytest.mark.parametrize("first", (0, 30))
def test_the_same_orders_come_to_the_same_net_volume_on_a_netted_and_a_hedged_account(first: int) -> None:
    deals = 0
    for seed in range(first, first + 30):
        try:
            deals += run_pair(seed)
        except BaseException as error:
            error.add_note(f"pair {seed}")
            raise
    assert deals > 100


@pytest.mark.soak
def test_netted_and_hedged_accounts_come_to_the_same_over_hundreds_of_flows() -> None:
    for seed in range(100, 900):
        run_pair(seed)
