"""A flow: what a trader sends, the market does and a broker changes at one desk, all of it drawn from one number."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.sim.accounts import USD_ACCOUNT
from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.calendar import DAY, MINUTE
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.testing import DEFAULT_START
from tests.sim.trading.soundness import Witness, check_money, unsound
from tests.sim.trading.staged import (
    BUY,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    MARKET_RANGE,
    ON_OPEN,
    SELL,
    STOP,
    STOP_LIMIT,
    Move,
    Trader,
    stage,
)
from tests.sim.venues import EURUSD, GER40

if TYPE_CHECKING:
    from ctrader_twisted.sim.testing import VenueKit
    from ctrader_twisted.sim.trading.entities import Order
    from ctrader_twisted.sim.trading.ledger import Ledger

EVENING: Final = DEFAULT_START - DEFAULT_START % DAY + 20 * 60 * MINUTE + 58 * MINUTE + 40_000
"""Twenty seconds before swap is charged."""

FRIDAY: Final = 1_772_834_100_000 - 20_000
"""Twenty seconds before EURUSD's week ends; GER40's has ended."""

SUNDAY: Final = 1_773_003_900_000

SECONDS: Final = 160
PATIENCE: Final = 80
"""Looks at the book, five milliseconds apart, within which nothing is to be under way any more."""

INSTRUMENTS: Final = {one.symbol_id: one for one in HOUSE.instruments if one.symbol_id in (EURUSD, GER40)}
VOLUMES: Final = {
    EURUSD: (100_000, 100_000, 300_000, 2_000_000, 5_000_000, 40_000_000, 150_000, 700_000_000),
    GER40: (5, 20, 100, 400),
}
SCALE: Final = {EURUSD: 1, GER40: 10}


def walk(chance: Random, symbol_id: int, start: int, first: int, spread: int, gap: int) -> list[Move]:
    """Draw the prices of a symbol: steps of so many ticks, now and then a leap, and none while its market is closed."""
    tick = INSTRUMENTS[symbol_id].tick_size * SCALE[symbol_id]
    bid = first
    moves = [(-1.0, bid, bid + spread * tick)]
    for begins in (0, *(((SUNDAY - start) // 1000,) if start == FRIDAY else ())):
        for number in range(2 * SECONDS):
            at = begins + number / 2 + chance.random() * 0.4
            bid += chance.randint(-gap, gap) * tick
            if chance.random() < 0.02:
                bid = round(bid * (1 + chance.uniform(-0.1, 0.1)) / tick) * tick
            if calendar.is_open(INSTRUMENTS[symbol_id], start + round(at * 1000)):
                moves.append((at, bid, bid + chance.randint(1, 2 * spread) * tick))
    return moves


class OrderFlow:
    """One flow, and the account it happens to.

    :param reloads: whether the venue is saved and loaded now and then.

    :ivar witness: what the account was told.
    """

    def __init__(self, seed: int, *, reloads: bool = True) -> None:
        self.seed, self.reloads = seed, reloads
        self.chance = chance = Random(seed)
        self.start = chance.choice((DEFAULT_START, DEFAULT_START, EVENING, FRIDAY))
        gap = chance.choice((5, 60, 400))
        self.moves = {
            EURUSD: walk(chance, EURUSD, self.start, 111_986, 4, gap),
            GER40: walk(chance, GER40, self.start, 2_529_274_000, 14, gap),
        }
        limited = chance.random() < 0.15
        self.account: dict[str, Any] = {
            "account_type": int(chance.random() < 0.4),
            "balance": chance.choice((700_00, 2_000_00, 20_000_00, 10**10, 10**10)),
            "total_margin": chance.randint(0, 2),
            "fair_stop_out": chance.random() < 0.5,
            "stop_out_strategy": chance.randint(0, 1),
            "swap_free": chance.random() < 0.2,
            "limited_risk": limited,
            "limited_risk_margin": chance.randint(0, 2) if limited else 0,
            "margin_calls": {61: (100.0, 0), 62: (75.0, 0)},
        }
        self.changes: dict[str, Any] = {
            "guaranteed_stop_loss": True,
            "gsl_charge": chance.choice((0, 3)),
            "max_exposure": chance.choice((10**13, 10**13, 45_000_000, 710_000_000)),
        }
        self.options: dict[str, Any] = {
            "fill": chance.choice(("depth", "best")),
            "stops_through_market": chance.choice(("refuse", "accept")),
            "marketable_limits": chance.choice(("fill", "fill", "refuse")),
            "ioc_limits_rest": chance.random() < 0.5,
            "bad_side_stops_dropped": chance.random() < 0.5,
            "refusals": chance.choice(("order error", "error", "rejected")),
            "stop_out_delay": chance.choice((0.0, 0.0, 0.02)),
        }
        self.kit: VenueKit
        self.trader: Trader
        self.said: list[str] = []
        self.reloaded = 0
        self.open_venue(None)
        self.witness = Witness(self.kit.venue.feed)
        if self.options["stops_through_market"] == "accept":
            self.witness.unguarded.update(INSTRUMENTS)

    def open_venue(self, state: Any) -> None:
        self.kit = stage(
            *self.moves[EURUSD],
            others={GER40: self.moves[GER40]},
            start=self.start,
            account=self.account,
            changes=self.changes,
            kit={"state": state},
            **self.options,
        )
        self.trader = Trader(self.kit)

    @property
    def ledger(self) -> Ledger:
        return self.kit.venue.exchange.desk(USD_ACCOUNT).ledger

    def run(self, steps: int = 40) -> None:
        """Let it happen, and check the book after each step.

        :raises AssertionError: if anything is wrong, with the number to draw the same flow from.
        """
        try:
            for _ in range(steps):
                self.step()
                self.check()
            self.kit.close()
        except BaseException as error:
            error.add_note(f"flow {self.seed}, {len(self.said)} acts, the last: {self.said[-5:]}")
            raise

    def step(self) -> None:
        """Let one to three things happen, and some time pass."""
        acts = (
            (self.order, 50),
            (self.close, 14),
            (self.amend_position, 12),
            (self.amend_order, 12),
            (self.cancel, 6),
            (self.broker, 6),
            (self.reload, int(self.reloads)),
            (self.weekend, 1),
        )
        for _ in range(self.chance.randint(1, 3)):
            act = self.chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
            self.said.append(act.__name__)
            act()
            self.kit.advance(self.chance.choice((0, 0, 0.004, 0.05, 0.141, 0.15)))
        self.kit.advance(self.chance.choice((0.2, 0.5, 2)))

    def check(self) -> None:
        """Wait until nothing is under way, and look."""
        wrong: list[str] = []
        for _ in range(PATIENCE):
            self.witness.hear(self.trader.hears())
            check_money(self.ledger, self.kit.venue.exchange)
            wrong = unsound(self.ledger, self.kit.venue.now())
            if not wrong:
                break
            self.kit.advance(0.005)
        assert not wrong, wrong
        self.witness.check(self.ledger, {one.symbol_id: one.tick_size for one in INSTRUMENTS.values()})
        held = {one: sum(two.volume for two in self.ledger.open_positions(one)) for one in INSTRUMENTS}
        assert max(held.values()) <= self.changes["max_exposure"]

    # ----------------------------------------------------------------------------------------------------- what is sent

    def send(self, name: str, **fields: Any) -> None:
        self.said[-1] = f"{name} {fields}"
        self.trader.send(name, f"sent-{len(self.said)}", **fields)

    def near(self, symbol_id: int, most: int) -> float:
        """Give a price that is so many steps away from the market at most."""
        quote = self.kit.venue.exchange.quote(symbol_id)
        assert quote is not None
        tick = INSTRUMENTS[symbol_id].tick_size
        level = quote.bid + self.chance.randint(-most, most) * tick * SCALE[symbol_id]
        return round(max(tick, level) / 100_000, 5)

    def distance(self, symbol_id: int) -> int:
        return self.chance.randint(1, 300) * INSTRUMENTS[symbol_id].tick_size * SCALE[symbol_id]

    def order(self) -> None:
        chance = self.chance
        symbol_id = chance.choice((EURUSD, EURUSD, EURUSD, GER40))
        kind = chance.choice((MARKET, MARKET, MARKET, LIMIT, LIMIT, STOP, STOP_LIMIT, MARKET_RANGE))
        fields: dict[str, Any] = {
            "symbolId": symbol_id,
            "orderType": kind,
            "tradeSide": chance.choice((BUY, SELL)),
            "volume": chance.choice(VOLUMES[symbol_id]),
            "timeInForce": chance.choice((GTD, GTC, GTC, IOC, FOK, *((ON_OPEN,) if kind == MARKET else ()))),
        }
        if fields["timeInForce"] == GTD:
            fields["expirationTimestamp"] = self.kit.venue.now() + chance.choice((100, 139, 140, 141, 3_000, 9_000))
        if kind == LIMIT:
            fields["limitPrice"] = self.near(symbol_id, 300)
        if kind in (STOP, STOP_LIMIT):
            fields |= {"stopPrice": self.near(symbol_id, 300), "stopTriggerMethod": chance.randint(1, 4)}
        if kind in (MARKET_RANGE, STOP_LIMIT):
            fields["slippageInPoints"] = chance.randint(0, 50)
        if kind == MARKET_RANGE:
            fields["baseSlippagePrice"] = self.near(symbol_id, 10)
        fields |= self.levels(symbol_id, absolute=kind in (LIMIT, STOP, STOP_LIMIT))
        there = [one.position_id for one in self.ledger.open_positions()]
        if there and chance.random() < 0.2:
            fields["positionId"] = chance.choice(there)
            if chance.random() < 0.8:
                position = self.ledger.positions[fields["positionId"]]
                fields |= {"symbolId": position.symbol_id, "tradeSide": position.side}
        self.send("NewOrder", **fields)

    def levels(self, symbol_id: int, *, absolute: bool) -> dict[str, Any]:
        chance, fields = self.chance, {}
        stops = chance.random() < (0.9 if self.account["limited_risk"] else 0.5)
        if stops and absolute and chance.random() < 0.4:
            fields["stopLoss"] = self.near(symbol_id, 500)
        elif stops:
            fields["relativeStopLoss"] = self.distance(symbol_id)
        if chance.random() < 0.4:
            if absolute and chance.random() < 0.4:
                fields["takeProfit"] = self.near(symbol_id, 500)
            else:
                fields["relativeTakeProfit"] = self.distance(symbol_id)
        if stops:
            fields["trailingStopLoss"] = chance.random() < 0.2
            fields["guaranteedStopLoss"] = chance.random() < (0.95 if self.account["limited_risk"] else 0.25)
        return fields

    def close(self) -> None:
        there = self.ledger.open_positions()
        if there:
            position = self.chance.choice(there)
            step = INSTRUMENTS[position.symbol_id].step_volume
            volume = self.chance.choice((position.volume, step, position.volume // 2 // step * step))
            self.send("ClosePosition", positionId=position.position_id, volume=volume)

    def amend_position(self) -> None:
        there, chance = self.ledger.open_positions(), self.chance
        if not there:
            return
        position = chance.choice(there)
        fields: dict[str, Any] = {"positionId": position.position_id}
        if chance.random() < 0.7:
            fields["stopLoss"] = self.near(position.symbol_id, 100)
        if chance.random() < 0.5:
            fields["takeProfit"] = self.near(position.symbol_id, 100)
        if chance.random() < 0.3:
            fields["trailingStopLoss"] = chance.random() < 0.5
        if chance.random() < 0.2:
            fields["guaranteedStopLoss"] = chance.random() < 0.7
        self.send("AmendPositionSLTP", **fields)

    def pending(self) -> Order | None:
        there = list(self.ledger.orders.values())
        return self.chance.choice(there) if there else None

    def amend_order(self) -> None:
        order, chance = self.pending(), self.chance
        if order is None:
            return
        fields: dict[str, Any] = {"orderId": order.order_id}
        if chance.random() < 0.5:
            fields["volume"] = chance.choice(VOLUMES[order.symbol_id])
        if order.order_type == LIMIT and chance.random() < 0.7:
            fields["limitPrice"] = self.near(order.symbol_id, 300)
        if order.order_type in (STOP, STOP_LIMIT) and chance.random() < 0.7:
            fields["stopPrice"] = self.near(order.symbol_id, 300)
        if order.time_in_force == GTD and chance.random() < 0.5:
            fields["expirationTimestamp"] = self.kit.venue.now() + chance.choice((1, 140, 5_000))
        if chance.random() < 0.4:
            fields |= self.levels(order.symbol_id, absolute=True)
        self.send("AmendOrder", **fields)

    def cancel(self) -> None:
        order = self.pending()
        if order is not None:
            self.send("CancelOrder", orderId=order.order_id)

    # ----------------------------------------------------------------------------------------------- what else there is

    def broker(self) -> None:
        chance = self.chance
        action, arguments = chance.choice(
            (
                ("deposit", {"amount": chance.randint(1, 5_000)}),
                ("deposit", {"amount": chance.randint(1, 5_000)}),
                ("withdraw", {"amount": chance.randint(1, 500)}),
                ("withdraw", {"amount": max(1, self.ledger.account.balance // 103)}),
                ("change_leverage", {"leverage": chance.choice((30, 100, 500))}),
                ("change_access", {"rights": chance.choice(("full", "full", "close only", "no trading"))}),
                ("change_symbol", self.mode()),
                ("change_symbol", self.mode()),
            )
        )
        self.said[-1] = f"{action} {arguments}"
        if action == "change_symbol" and arguments["mode"] == "disabled":
            self.witness.unguarded.update(INSTRUMENTS)
        self.kit.play(action, **arguments)

    def mode(self) -> dict[str, str]:
        mode = self.chance.choice(("enabled", "enabled", "enabled", "close only", "disabled", "pending only"))
        return {"symbol": self.chance.choice(("EURUSD", "GER40")), "mode": mode}

    def reload(self) -> None:
        """Save the venue, whatever is under way, and go on with another that loads it."""
        self.witness.hear(self.trader.hears())
        on_their_way = [order.order_id for order in self.ledger.orders.values() if order.in_execution]
        state = json.loads(json.dumps(self.kit.venue.save_state()))
        self.kit.close()
        self.open_venue(state)
        self.witness.joins(self.trader.reconciled(), on_their_way)
        self.reloaded += 1

    def weekend(self) -> None:
        """Let the weekend pass, if it begins."""
        now = self.kit.venue.now()
        if self.start == FRIDAY and now < SUNDAY:
            self.kit.advance((SUNDAY - now) / 1000 + 1)
