"""A market that stands still where a test puts it, and deals that nobody has to send an order for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ctrader_twisted.sim.accounts import TradingAccount
from ctrader_twisted.sim.feed.feed import Quote
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.trading import charges, margins
from ctrader_twisted.sim.trading.entities import (
    BUY,
    Ids,
    Position,
    opposite,
)
from ctrader_twisted.sim.trading.ledger import Ledger
from ctrader_twisted.sim.trading.records import Deal

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.instruments import Instrument, ReferenceData

EURUSD, EURJPY, XAUUSD, GER40, BTCUSD = 1, 3, 41, 279, 301
USD, EUR, JPY, BTC = 15, 5, 11, 1301

QUOTES = {
    EURUSD: (111_986, 111_990),
    EURJPY: (17_251_400, 17_252_100),
    XAUUSD: (421_550_000, 421_570_000),
    GER40: (2_529_274_000, 2_529_417_000),
    BTCUSD: (8_528_721_000, 8_529_921_000),
}
RATES = {(USD, EUR): 0.8, (EUR, USD): 1.25, (JPY, USD): 0.0066, (JPY, EUR): 0.00528}


class Still:
    """A market: what it is told the prices and the rates are. Rates are its own, so that they can be round."""

    def __init__(self, **changes: Any) -> None:
        self.reference: ReferenceData = HOUSE
        self.quotes: dict[int, tuple[int, int] | None] = dict(QUOTES)
        self.rates: dict[tuple[int, int], float] = dict(RATES)
        self._instruments = {one.symbol_id: replace(one, **changes) for one in HOUSE.instruments}

    def instrument(self, symbol_id: int) -> Instrument:
        return self._instruments[symbol_id]

    def quote(self, symbol_id: int) -> Quote | None:
        sides = self.quotes[symbol_id]
        return None if sides is None else Quote(0, *sides)

    def rate(self, first_asset: int, last_asset: int) -> float | None:
        return 1.0 if first_asset == last_asset else self.rates.get((first_asset, last_asset))


class Book:
    """A ledger that deals at any price, at a second each."""

    def __init__(self, market: Still | None = None, *, opened_at: int = 1_000, **account: Any) -> None:
        self.market = Still() if market is None else market
        self.ids = Ids()
        account = {"deposit_asset": "USD", **account}
        self.account = TradingAccount(1, 2, **account)
        self.ledger = Ledger(self.account, self.ids, opened_at)
        self.now = 1_600_000_000_000

    def deal(self, position: Position, side: int, volume: int, price: int) -> Deal:
        instrument = self.market.instrument(position.symbol_id)
        commission = charges.commission(self.account, self.market, instrument, volume, price)
        margin_rate = margins.margin_rate(self.account, self.market, instrument, price)
        usd_rate = margins.usd_rate(self.market, instrument, price)
        assert commission is not None
        assert margin_rate is not None
        assert usd_rate is not None
        self.now += 1_000
        return Deal(
            self.ids.deal(), self.ids.order(), position.position_id, position.symbol_id, side, volume, volume, price,
            self.now - 140, self.now, margin_rate, commission, usd_rate,
        )  # fmt: skip

    def open(
        self, volume: int, *, symbol_id: int = EURUSD, side: int = BUY, price: int | None = None,
        position: Position | None = None,
    ) -> Position:  # fmt: skip
        """Open a position, or add to one, at the market unless told a price."""
        if position is None:
            position = Position(self.ids.position(), symbol_id, side)
        if price is None:
            sides = self.market.quotes[position.symbol_id]
            assert sides is not None
            price = sides[1] if position.side == BUY else sides[0]
        deal = self.deal(position, position.side, volume, price)
        self.ledger.open(position, deal, margin_rate=deal.margin_rate, commission=deal.commission)
        return position

    def close(self, position: Position, volume: int, price: int, *, rate: float = 1.0, fee_rate: int = 0) -> Deal:
        """Close so much of a position."""
        deal = self.deal(position, opposite(position.side), volume, price)
        self.ledger.close(
            position, deal, volume=volume, rate=rate, commission=deal.commission, fee_rate=fee_rate
        )  # fmt: skip
        return deal
