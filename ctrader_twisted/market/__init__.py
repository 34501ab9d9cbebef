"""What the numbers mean: prices, volumes and money as exact decimals, quotes and live bars out of spot events. Pure.

* `prices` 1/100000 and doubles to `decimal.Decimal`, and back; money with its digits.
* `volumes` hundredths of a unit to units and lots, and back.
* `units` values that carry their unit: `Lots`, `Units`, `ProtocolVolume`, `Price`, `Pips`, `Money`.
* `symbols` what can be traded: steps and refusals; a symbol found by what a person calls it.
* `quotes` one-sided spot events merged into quotes of two sides.
* `conversion` the rate from one asset to another, out of quotes.
* `profit` what a position has gained, what a pip is worth, margin.
* `light` spot events as small objects or as columns; the latest quote of each symbol.
* `bars` the live bars that ride in spot events, told apart and closed.
* `building` bars of any period out of ticks or quotes.
* `calendar` where bars open; when a symbol's market is open.
* `depth` the order book, out of depth events.
* `times` ms since the epoch as aware datetimes.

`market.units` is the function of that name; the module's classes are exported here.
"""

from ctrader_twisted.market.bars import Bar, LiveBars, historical_bar
from ctrader_twisted.market.building import BarBuilder, bars_of
from ctrader_twisted.market.calendar import BarGrid, Holiday, TradingHours, bar_grid, day_opening, trading_day
from ctrader_twisted.market.conversion import Conversion
from ctrader_twisted.market.depth import BookSnapshot, Level, OrderBook
from ctrader_twisted.market.light import LatestQuotes, LightQuote, SpotColumns
from ctrader_twisted.market.prices import (
    MONEY_DIGITS,
    money,
    price_from_double,
    price_from_relative,
    relative_from_price,
)
from ctrader_twisted.market.profit import exact_gross_profit, gross_profit, net_profit, pip_value, used_margin
from ctrader_twisted.market.quotes import Quote, Quotes
from ctrader_twisted.market.symbols import Symbol, SymbolList
from ctrader_twisted.market.units import Lots, Money, Pips, Price, ProtocolVolume, Units
from ctrader_twisted.market.volumes import lots, units, volume_from_lots, volume_from_units

__all__ = [
    "MONEY_DIGITS",
    "Bar",
    "BarBuilder",
    "BarGrid",
    "BookSnapshot",
    "Conversion",
    "Holiday",
    "LatestQuotes",
    "Level",
    "LightQuote",
    "LiveBars",
    "Lots",
    "Money",
    "OrderBook",
    "Pips",
    "Price",
    "ProtocolVolume",
    "Quote",
    "Quotes",
    "SpotColumns",
    "Symbol",
    "SymbolList",
    "TradingHours",
    "Units",
    "bar_grid",
    "bars_of",
    "day_opening",
    "exact_gross_profit",
    "gross_profit",
    "historical_bar",
    "lots",
    "money",
    "net_profit",
    "pip_value",
    "price_from_double",
    "price_from_relative",
    "relative_from_price",
    "trading_day",
    "units",
    "used_margin",
    "volume_from_lots",
    "volume_from_units",
]
