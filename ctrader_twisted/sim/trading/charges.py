"""What an account is charged for trading and for holding: commission, and swap or rollover, when and how much.

Of swap and rollover the following is unconfirmed: periods are counted from 1970-01-01 00:00 UTC plus ``swapTime``;
Saturday and Sunday are those of UTC, and count among the periods skipped; rollover is charged at ``swapTime`` once a
day, and at weekends only where swap would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.feed.calendar import DAY, HOUR, MINUTE
from ctrader_twisted.sim.feed.instruments import DayOfWeek, MinCommissionType
from ctrader_twisted.sim.trading import arithmetic
from ctrader_twisted.sim.trading.entities import BUY
from ctrader_twisted.sim.trading.margins import US_DOLLAR, deposit_asset

if TYPE_CHECKING:
    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.trading.entities import Position
    from ctrader_twisted.sim.trading.margins import Market

THREE_DAYS: Final = 3


def commission(account: TradingAccount, market: Market, instrument: Instrument, volume: int, price: int) -> int | None:
    """Give the commission of one deal, 0 or less; None where a price to convert it is missing."""
    if not instrument.commission_rate and not instrument.min_commission:
        return 0
    deposit = deposit_asset(account, market)
    quote_rate = market.rate(instrument.quote_asset_id, deposit)
    dollar_rate = market.rate(market.reference.asset(US_DOLLAR).asset_id, deposit)
    if instrument.min_commission_type == MinCommissionType.QUOTE_CURRENCY:
        least_rate = quote_rate
    else:
        least_rate = market.rate(market.reference.asset(instrument.min_commission_asset).asset_id, deposit)
    if quote_rate is None or dollar_rate is None or least_rate is None:
        return None
    return arithmetic.commission(
        instrument,
        volume,
        price,
        quote_rate=quote_rate,
        dollar_rate=dollar_rate,
        least_rate=least_rate,
        money_digits=account.money_digits,
    )


def guarantee(account: TradingAccount, market: Market, position: Position) -> int:
    """Give what a position is charged for a guaranteed stop loss, 0 or less.

    ``gslCharge`` is taken for ticks of the price, as ``gslDistance`` is (unconfirmed); away from zero.
    """
    instrument = market.instrument(position.symbol_id)
    rate = market.rate(instrument.quote_asset_id, deposit_asset(account, market))
    if rate is None or not instrument.gsl_charge:
        return 0
    ticks = instrument.gsl_charge * instrument.tick_size
    cost = arithmetic.value(position.volume, ticks) * arithmetic.exact(rate)
    return arithmetic.away(-cost * 10**account.money_digits)


def next_due(instrument: Instrument, after: int, *, swap_free: bool = False) -> int:
    """Give the first moment after a time at which swap is charged, or rollover on a swap-free account; ms UTC."""
    first, every = _rhythm(instrument, swap_free)
    return after + every - (after - first) % every


def periods(instrument: Instrument, opened_at: int, at: int, *, swap_free: bool = False) -> int:
    """Give how many periods a position is charged for at a moment that `next_due` gave: 0, 1 or 3.

    :param opened_at: when the position was opened, ms UTC.
    """
    first, every = _rhythm(instrument, swap_free)
    held = (at - first) // every - (opened_at - first) // every
    if held <= (instrument.skip_rollover_days if swap_free else instrument.skip_swap_periods):
        return 0
    day = DayOfWeek((at // DAY + 3) % 7 + 1)
    if day >= DayOfWeek.SATURDAY and not instrument.charge_swap_at_weekends:
        return 0
    triple = instrument.rollover_commission_3_days if swap_free else instrument.swap_rollover_3_days
    return THREE_DAYS if day == triple else 1


def charge(account: TradingAccount, market: Market, position: Position, at: int) -> int | None:
    """Give what a position is charged at a moment that `next_due` gave, swap or rollover: negative is a charge.

    None where a price is missing that it takes.
    """
    instrument = market.instrument(position.symbol_id)
    count = periods(instrument, position.opened_at, at, swap_free=account.swap_free)
    if not count:
        return 0
    deposit, digits = deposit_asset(account, market), account.money_digits
    if account.swap_free:
        dollar_rate = market.rate(market.reference.asset(US_DOLLAR).asset_id, deposit)
        if dollar_rate is None:
            return None
        return arithmetic.rollover(instrument, position.volume, dollar_rate, count, digits)
    rate, quote = market.rate(instrument.quote_asset_id, deposit), market.quote(position.symbol_id)
    if rate is None or quote is None:
        return None
    price = quote.bid if position.side == BUY else quote.ask
    return arithmetic.swap(instrument, position.side, position.volume, price, rate, count, digits)


def _rhythm(instrument: Instrument, swap_free: bool) -> tuple[int, int]:
    """Give a moment at which something is charged, ms UTC, and the time from one to the next."""
    every = DAY if swap_free or not instrument.swap_period else instrument.swap_period * HOUR
    return instrument.swap_time * MINUTE, every
