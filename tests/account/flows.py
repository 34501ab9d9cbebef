"""A flow: what one or two clients, venue, network and clock do to one account, all of it drawn from one number."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.protocol import Factory

from ctrader_twisted import Wire
from ctrader_twisted.account.tracking import OrderState
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.market import Money, Pips, Price, ProtocolVolume
from ctrader_twisted.messages import ProtoOATimeInForce
from ctrader_twisted.sim import Limits, Options, TradingAccount, Venue
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.sim.trading import margins
from tests.account.books import check_belief, check_ledger, check_orders, every_order, ledger_of
from tests.account.walking import NAMES, WalkingFeed

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.order import Order
    from ctrader_twisted.sim.trading.ledger import Ledger

START: Final = 1_772_574_600_000  # 2026-03-03 21:50 UTC, a Tuesday: ten minutes before swap, and before gold pauses
MORNING: Final = 1_772_528_400_000  # 2026-03-03 09:00 UTC

COMMANDS: Final = (
    "ProtoOANewOrderReq",
    "ProtoOAClosePositionReq",
    "ProtoOACancelOrderReq",
    "ProtoOAAmendOrderReq",
    "ProtoOAAmendPositionSLTPReq",
)


class Door(Factory):
    """Leads to the venue that stands there now."""

    def __init__(self, kit: VenueKit) -> None:
        self.kit = kit

    def buildProtocol(self, addr: Any) -> Any:
        return self.kit.venue.factory.buildProtocol(addr)


class Flow:
    """One flow on one account, and what came of it.

    :ivar accounts: the account as each client has it.
    :ivar account: as that client has it whose turn it is.
    :ivar orders: every order of every client.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = Random(seed)
        self.asset = chance.choice(("EUR", "USD"))
        self.account_id = EUR_ACCOUNT if self.asset == "EUR" else USD_ACCOUNT
        start = chance.choice((START, MORNING))
        self.terms_of_account = TradingAccount(
            self.account_id,
            2_000_001,
            self.asset,
            balance=chance.choice((200_000, 500_000, 2_000_000)),
            account_type=chance.choice((0, 1)),
            total_margin=chance.choice((0, 1, 1, 2)),
            stop_out_level=chance.choice((50.0, 50.0, 95.0)),
            stop_out_strategy=chance.choice((0, 1)),
            fair_stop_out=chance.random() < 0.3,
            swap_free=chance.random() < 0.15,
            limited_risk=chance.random() < 0.08,
        )
        self.settings: dict[str, Any] = {
            "feed": WalkingFeed(seed, start),
            "options": Options(
                uncorrelated_copies=chance.random() < 0.3,
                fills_carry_id=chance.random() < 0.8,
                placeholder=chance.random() < 0.8,
                fill=chance.choice(("depth", "depth", "best")),
                ioc_limits_rest=chance.random() < 0.2,
                stops_through_market=chance.choice(("refuse", "accept")),
                refusals=chance.choice(("order error", "order error", "error", "rejected")),
                others_see_ids=chance.random() < 0.7,
            ),
            "limits": Limits(general=0, historical=0),
        }
        wire = chance.choices((Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET, Wire.JSON), (8, 1, 1))[0]
        self.kit = VenueKit(start=start, wire=wire, accounts=[replace(self.terms_of_account)], **self.settings)
        self.kit.network._server = Door(self.kit)
        self.orders: list[Order] = []
        self.waiting: list[tuple[str, Deferred[Any]]] = []
        self.said: list[str] = []
        clients = 2 if chance.random() < 0.3 else 1
        self.accounts = [self.join() for _ in range(clients)]
        self.account: Account = self.accounts[0]
        self.restarted = 0

    def join(self) -> Account:
        """Give the account as one more client has it."""
        account = self.kit.ready_client(self.account_id).account(self.account_id)
        return self.kit.settle(account.ready())

    @property
    def ledger(self) -> Ledger:
        return ledger_of(self.kit, self.account_id)

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
            (self.flatten, 1),
            (self.money, 3),
            (self.strip, 2),
            (self.cut, 4),
            (self.cut_one, 2),
            (self.restart, 1),
            (self.disconnect, 2),
            (self.withhold, 4),
            (self.late, 2),
            (self.long, 1),
        )
        acts, weights = zip(*steps, strict=True)
        for _ in range(self.chance.randint(6, 22)):
            act = self.chance.choices(acts, weights)[0]
            self.account = self.chance.choice(self.accounts)
            self.said.append(f"{self.accounts.index(self.account)}: {act.__name__}")
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
        must = self.terms_of_account.limited_risk
        if terms["stop_loss"] is not None and self.chance.random() < (0.9 if must else 0.12):
            terms["guaranteed"] = True
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
        if self.chance.random() < 0.2:
            terms["time_in_force"] = ProtoOATimeInForce.FILL_OR_KILL
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
            self.placed(self.account.reverse(position, stop_loss=self.level(name, "buy", -1)))

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
        if self.chance.random() < 0.1:
            change["guaranteed"] = self.chance.random() < 0.8
        self.await_("levels", self.account.set_levels(position, **change))

    def trail(self) -> None:
        position = self.position()
        if position is not None:
            distance = Pips(str(self.chance.randint(1, 6) * self.reach(self.name_of(position))))
            self.await_("trail", self.account.trail(position, distance))

    def working(self) -> Any:
        choice: list[Any] = [
            one for one in self.orders if one.account is self.account and one.state.working and one.closes is None
        ]
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

    def flatten(self) -> None:
        self.await_("flatten", self.account.flatten().addCallback(self.flattened, self.account))

    def flattened(self, _: Any, account: Account) -> None:
        account.resume()

    def money(self) -> None:
        self.kit.play(
            self.chance.choice(("deposit", "withdraw")),
            amount=self.chance.choice((0.01, 17.23, 900.0)),
            account_id=self.account_id,
        )

    def strip(self) -> None:
        """Pay out nearly all that positions do not have as margin, and more: they are closed by a stop-out."""
        left = max(1, round(margins.used(self.ledger) * self.chance.choice((0.1, 0.5, 0.97))))
        amount = self.ledger.account.balance - left
        if amount > 0:
            self.kit.play("withdraw", amount=amount / 100, account_id=self.account_id)

    def cut(self) -> None:
        """Cut the connection with a command under way: before it leaves, on its way, or while it is answered."""
        self.chance.choice((self.market, self.close, self.limit, self.set_levels, self.cancel, self.amend))()
        for _ in range(self.chance.randrange(4)):
            self.kit.network.pump()
        self.kit.cut()

    def cut_one(self) -> None:
        """Cut one client's connection, if it has one, with a command under way."""
        self.chance.choice((self.market, self.close, self.stop, self.trail))()
        links = [link for link in self.kit.network.links if link.open]
        if links:
            self.chance.choice(links).cut()
        self.kit.pump()

    def restart(self) -> None:
        """Save the venue in the middle of a command, and put one in its place that is loaded from what was saved."""
        if self.kit.wire is Wire.JSON:
            return  # its clients go to another door
        self.chance.choice((self.market, self.close, self.limit))()
        self.kit.advance(self.chance.choice((0.0, 0.05, 0.145, 1.0)))
        state = json.loads(json.dumps(self.kit.venue.save_state()))
        self.kit.refuse_connections()
        self.kit.cut()
        self.kit.settle(self.kit.venue.close())
        accounts = [replace(self.terms_of_account)]
        self.kit.venue = Venue(self.kit.clock, accounts=accounts, state=state, **self.settings)
        self.kit.accept_connections()
        self.restarted += 1

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
            for account in self.accounts:
                self.kit.settle(account.settled(), 600)
            self.kit.advance(0.5)
            # What is waited for of an order may take as long as it works; everything else comes to an end.
            works = {one.client_order_id for one in self.all_orders() if one.state.working}
            left = [what for what, one in self.waiting if not one.called and what not in works]
            executing = any(one.in_execution for one in self.ledger.orders.values())
            known = not any(one.state in unknown or one._course.doubtful for one in self.all_orders())
            if (
                known
                and not left
                and not executing
                and all(one.stands and one.equity is not None for one in self.accounts)
            ):
                return
        working = [one.orders for one in self.accounts]
        raise AssertionError(f"no rest: {left} are waited for, {working}, equity {self.account.equity}")

    def all_orders(self) -> list[Order]:
        """Every order of every client, those that a reversal or flattening made included."""
        return [course.order for account in self.accounts for course in account._rooms.register]

    def check(self) -> None:
        made = self.all_orders()
        assert {id(one) for one in self.orders} <= {id(one) for one in made}
        check_ledger(self.ledger)
        check_orders(self.ledger, made)
        for account in self.accounts:
            check_belief(self.kit, account)


def position_side(one: Any) -> str:
    return "buy" if one.side == 1 else "sell"


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


def reached(flow: Flow) -> list[str]:
    """What happened in a flow, once for each time."""
    seen = []
    for order in flow.all_orders():
        seen.append(order.state.value)
        seen += ["closing"] * (order.closes is not None) + ["several fills"] * (len(order.fills) > 1)
    ledger = flow.ledger
    for one in (*ledger.open_positions(), *ledger.closed_positions.values()):
        seen += ["guaranteed"] * bool(one.guaranteed) + ["trailing"] * bool(one.trailing)
    seen += ["stop-out"] * sum(bool(one.stop_out) for one in every_order(ledger).values())
    seen += ["money moved"] * (len(ledger.cash_flow) - 1)
    seen += ["left open"] * len(ledger.open_positions())
    seen += ["loaded"] * flow.restarted
    seen += ["two clients"] * (len(flow.accounts) > 1)
    seen += [flow.kit.wire.value, ("hedged", "netted")[flow.terms_of_account.account_type]]
    return seen
