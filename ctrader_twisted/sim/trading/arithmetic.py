"""What a trade costs and brings, to the cent: gross result, commission, conversion fee, margin, swap.

Everything is exact until the one rounding at the end. Prices are integers in 1/100000, volumes hundredths of a unit,
amounts of money integers of the account's digits. A rate is the worth of one unit of an asset in another; as a float it
is taken for the shortest decimal number that reads the same, so that 1.1205 is meant and not its neighbour in binary.

How each amount is rounded (observed, where nothing else is said): commission and conversion fee away from zero, margin
half up; the gross result to the nearest, a half away from zero (unconfirmed: every recorded result was whole, or is
told without its prices); swap likewise (unconfirmed).
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.feed.instruments import PRICE_SCALE, CommissionType, SwapCalculationType
from ctrader_twisted.sim.trading.entities import BUY

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.instruments import Instrument

CENTS: Final = 100
"""Hundredths of a unit in one unit."""

PRECISE: Final = 100_000_000
"""``preciseTradingCommissionRate`` and ``preciseMinCommission`` are multiplied with it."""

PRECISE_PERCENT: Final = 100_000
"""``preciseTradingCommissionRate`` is multiplied with it where it is a percentage."""

FEE_PARTS: Final = 10_000
"""``pnlConversionFeeRate`` counts hundredths of a percent."""

YEAR: Final = 360
"""Days in which an annual swap is charged: as brokers' pages reckon; Spotware's documentation does not say."""

_HALF: Final = Fraction(1, 2)


def exact(number: Fraction | float) -> Fraction:
    """Give the number that a float is written as."""
    return number if isinstance(number, Fraction) else _written(number)


@lru_cache(maxsize=4096)
def _written(number: float) -> Fraction:
    return Fraction(Decimal(repr(number)))


def half_up(amount: Fraction) -> int:
    """Round to the nearest, a half upwards."""
    return math.floor(amount + _HALF)


def half_away(amount: Fraction) -> int:
    """Round to the nearest, a half away from zero."""
    nearest = math.floor(abs(amount) + _HALF)
    return nearest if amount >= 0 else -nearest


def away(amount: Fraction) -> int:
    """Round away from zero: whatever is over a whole number counts as one more."""
    return math.ceil(amount) if amount >= 0 else math.floor(amount)


def share(amount: int, part: int, whole: int) -> int:
    """Give the share of an amount that belongs to a part of the whole, rounded away from zero."""
    return away(Fraction(amount * part, whole))


def value(volume: int, price: Fraction | int) -> Fraction:
    """Give what a volume costs at a price, in units of the quote asset."""
    return volume * Fraction(price) / (CENTS * PRICE_SCALE)


def exact_gross(side: int, entry: Fraction | int, leave: int, volume: int, rate: Fraction | float) -> Fraction:
    """Give what a volume won from one price to the other, in units of the deposit asset, not rounded.

    :param side: the side of the position.
    :param rate: worth of the quote asset in the deposit asset.
    """
    won = leave - Fraction(entry) if side == BUY else Fraction(entry) - leave
    return won * volume * exact(rate) / (CENTS * PRICE_SCALE)


def gross(
    side: int, entry: Fraction | int, leave: int, volume: int, rate: Fraction | float, money_digits: int = 2
) -> int:
    """Give what a volume won from one price to the other, as money; the parameters are those of `exact_gross`."""
    return half_away(exact_gross(side, entry, leave, volume, rate) * 10**money_digits)


def standing(side: int, worth: int, leave: int, volume: int, rate: Fraction | float, money_digits: int = 2) -> int:
    """Give what `gross` gives, but faster: it is asked for with every tick.

    :param worth: the sum of volume times price of all that is open.
    """
    converted = exact(rate)
    scale: int = 10**money_digits
    won = (leave * volume - worth if side == BUY else worth - leave * volume) * converted.numerator * scale
    parts = CENTS * PRICE_SCALE * converted.denominator
    nearest = (2 * abs(won) + parts) // (2 * parts)
    return nearest if won >= 0 else -nearest


def conversion_fee(result: int, fee_rate: int) -> int:
    """Give the fee for converting a gross result: 0 or less, won or lost.

    :param result: money, as it was rounded.
    :param fee_rate: ``pnlConversionFeeRate``; 0 where nothing has to be converted.
    """
    return away(Fraction(-abs(result) * fee_rate, FEE_PARTS))


def fee_rate(instrument: Instrument, deposit_asset_id: int) -> int:
    """Give the rate of the conversion fee: none where the symbol is quoted in the deposit asset (observed)."""
    return 0 if instrument.quote_asset_id == deposit_asset_id else instrument.pnl_conversion_fee_rate


def commission(
    instrument: Instrument,
    volume: int,
    price: int,
    *,
    quote_rate: Fraction | float,
    dollar_rate: Fraction | float,
    least_rate: Fraction | float,
    money_digits: int = 2,
) -> int:
    """Give the commission of one deal: 0 or less.

    :param quote_rate: worth of the quote asset in the deposit asset.
    :param dollar_rate: worth of a US dollar in the deposit asset.
    :param least_rate: worth, in the deposit asset, of the asset that the least commission is in.
    """
    rate = Fraction(instrument.commission_rate, PRECISE)
    match instrument.commission_type:
        case CommissionType.USD_PER_MILLION_USD:  # dollars for a million dollars: a share, whatever the asset
            amount = value(volume, price) * exact(quote_rate) * rate / 1_000_000
        case CommissionType.USD_PER_LOT:
            amount = Fraction(volume, instrument.lot_size) * exact(dollar_rate) * rate
        case CommissionType.PERCENTAGE_OF_VALUE:
            percent = Fraction(instrument.commission_rate, PRECISE_PERCENT)
            amount = value(volume, price) * exact(quote_rate) * percent / 100
        case _:  # QUOTE_CCY_PER_LOT
            amount = Fraction(volume, instrument.lot_size) * exact(quote_rate) * rate
    least = Fraction(instrument.min_commission, PRECISE) * exact(least_rate)
    return away(-max(amount, least) * 10**money_digits)


def margin(volume: int, margin_rate: Fraction | float, leverage_in_cents: int, money_digits: int = 2) -> int:
    """Give the margin of a volume at one leverage: 1126 cents for 1000 units at 1.12569 and 1:100 (observed)."""
    worth = Fraction(volume, CENTS) * exact(margin_rate)
    return half_up(worth * 100 / leverage_in_cents * 10**money_digits)


def swap(
    instrument: Instrument,
    side: int,
    volume: int,
    price: Fraction | int,
    rate: Fraction | float,
    periods: int = 1,
    money_digits: int = 2,
) -> int:
    """Give the swap of a volume for so many periods: negative is a charge.

    A percentage is one of the value at the price given, a year of `YEAR` days long; pips and points are those of one
    period.

    :param price: the market's, on the side at which the position would be closed; only a percentage needs it.
    :param rate: worth of the quote asset in the deposit asset.
    """
    points = exact(instrument.swap_long if side == BUY else instrument.swap_short)
    match instrument.swap_calculation_type:
        case SwapCalculationType.PIPS:
            per_unit = points / 10**instrument.pip_position
        case SwapCalculationType.POINTS:
            per_unit = points / 10**instrument.digits
        case _:  # a percentage, annual
            days = Fraction(instrument.swap_period or 24, 24)
            per_unit = points / 100 * days / YEAR * Fraction(price) / PRICE_SCALE
    return half_away(per_unit * Fraction(volume, CENTS) * exact(rate) * periods * 10**money_digits)


def rollover(
    instrument: Instrument, volume: int, dollar_rate: Fraction | float, days: int = 1, money_digits: int = 2
) -> int:
    """Give what a swap-free account pays for holding a volume: ``rolloverCommission`` is dollars for a lot and a day.

    The result is 0 or less, rounded away from zero as commission is (unconfirmed).
    """
    dollars = Fraction(volume * instrument.rollover_commission * days, instrument.lot_size)
    return away(-abs(dollars) * exact(dollar_rate) * 10**money_digits)
