"""What the numbers mean: prices, volumes and money as exact decimals, quotes and live bars out of spot events. Pure.

* `prices` 1/100000 and doubles to `decimal.Decimal`, and back; money with its digits.
* `volumes` hundredths of a unit to units and lots, and back.
* `quotes` one-sided spot events merged into quotes of two sides.
* `bars` the live bars that ride in spot events, told apart and closed.
"""

from ctrader_twisted.market.bars import Bar, LiveBars, historical_bar
from ctrader_twisted.market.prices import (
    MONEY_DIGITS,
    money,
    price_from_double,
    price_from_relative,
    relative_from_price,
)
from ctrader_twisted.market.quotes import Quote, Quotes
from ctrader_twisted.market.volumes import lots, units, volume_from_lots, volume_from_units

__all__ = [
    "MONEY_DIGITS",
    "Bar",
    "LiveBars",
    "Quote",
    "Quotes",
    "historical_bar",
    "lots",
    "money",
    "price_from_double",
    "price_from_relative",
    "relative_from_price",
    "units",
    "volume_from_lots",
    "volume_from_units",
]
