"""The venue's arithmetic: every amount by hand, and what must hold for any."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.instruments import CommissionType, SwapCalculationType
from ctrader_twisted.sim.trading import arithmetic
from ctrader_twisted.sim.trading.entities import BUY, SELL

EURUSD, XAUUSD, GER40 = (HOUSE.instrument(name) for name in ("EURUSD", "XAUUSD", "GER40"))
USD, EUR = HOUSE.asset("USD").asset_id, HOUSE.asset("EUR").asset_id

LOT = 10_000_000
fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=1000)


def commission(instrument, volume, price, *, quote_rate=1.0, dollar_rate=1.0, least_rate=1.0, money_digits=2):
    return arithmetic.commission(
        instrument,
        volume,
        price,
        quote_rate=quote_rate,
        dollar_rate=dollar_rate,
        least_rate=least_rate,
        money_digits=money_digits,
    )


# ---------------------------------------------------------------------------------------------------------- rounding


@pytest.mark.parametrize(
    ("amount", "up", "nearest", "outwards"),
    [
        ("2.5", 3, 3, 3),
        ("-2.5", -2, -3, -3),
        ("2.4", 2, 2, 3),
        ("-2.4", -2, -2, -3),
        ("0", 0, 0, 0),
        ("-3", -3, -3, -3),
    ],
)
def test_three_ways_to_round(amount, up, nearest, outwards):
    amount = Fraction(amount)
    assert (arithmetic.half_up(amount), arithmetic.half_away(amount)) == (up, nearest)
    assert arithmetic.away(amount) == outwards


@given(fractions)
def test_rounding_is_near_and_where_it_should_be_the_same_on_both_sides_of_zero(amount):
    assert abs(arithmetic.half_up(amount) - amount) <= Fraction(1, 2)
    assert abs(arithmetic.half_away(amount) - amount) <= Fraction(1, 2)
    assert 0 <= abs(arithmetic.away(amount)) - abs(amount) < 1
    for way in (arithmetic.half_away, arithmetic.away):
        assert way(-amount) == -way(amount)


def test_a_float_is_the_number_it_is_written_as():
    assert arithmetic.exact(1.1115) == Fraction(11_115, 10_000) != Fraction(1.1115)
    assert (arithmetic.exact(1.0), arithmetic.exact(1e-7)) == (1, Fraction(1, 10_000_000))
    assert arithmetic.margin(100_000, 1.1115, 10_000) == 1112  # 11.115: half a cent, upwards
    assert arithmetic.margin(100_000, Fraction(1.1115), 10_000) == 1111  # what binary would have made of it


# ------------------------------------------------------------------------------------------------------ gross and fee


@pytest.mark.parametrize(
    ("side", "entry", "leave", "volume", "rate", "digits", "expected"),
    [
        (BUY, 111_480, 111_490, LOT, 1.0, 2, 10_00),  # one pip of one lot
        (SELL, 111_480, 111_490, LOT, 1.0, 2, -10_00),
        (BUY, 111_480, 111_490, LOT, 0.8, 2, 8_00),
        (BUY, 111_480, 111_490, LOT, 1.0, 8, 10 * 10**8),
        (BUY, 100_000, 100_001, 50_000, 1.0, 2, 1),  # half a cent
        (SELL, 100_000, 100_001, 50_000, 1.0, 2, -1),
        (BUY, 100_000, 100_001, 49_900, 1.0, 2, 0),
        (BUY, Fraction(223_975, 2), 111_988, 200_000, 1.0, 2, 1),
    ],
)
def test_gross_is_what_the_price_moved_times_the_units(side, entry, leave, volume, rate, digits, expected):
    assert arithmetic.gross(side, entry, leave, volume, rate, digits) == expected


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=10), st.integers(1, 10**7), st.integers(1, 10**7),
    st.floats(0.001, 200.0),
)  # fmt: skip
def test_the_gross_of_parts_is_that_of_the_whole_but_for_half_a_cent_each(volumes, entry, leave, rate):
    exactly = [arithmetic.exact_gross(BUY, entry, leave, volume, rate) for volume in volumes]
    assert sum(exactly) == arithmetic.exact_gross(BUY, entry, leave, sum(volumes), rate)
    assert sum(exactly) == -arithmetic.exact_gross(SELL, entry, leave, sum(volumes), rate)
    rounded = [arithmetic.gross(BUY, entry, leave, volume, rate) for volume in volumes]
    assert abs(sum(rounded) - arithmetic.gross(BUY, entry, leave, sum(volumes), rate)) <= (len(volumes) + 1) / 2


@pytest.mark.parametrize(
    ("result", "rate", "fee"), [(-2621, 70, -19), (2621, 70, -19), (0, 70, 0), (2621, 0, 0), (10_000, 70, -70)]
)
def test_the_conversion_fee_is_taken_of_profit_and_loss_alike(result, rate, fee):
    assert arithmetic.conversion_fee(result, rate) == fee


def test_nothing_is_converted_within_the_deposit_asset():
    assert (arithmetic.fee_rate(EURUSD, USD), arithmetic.fee_rate(EURUSD, EUR)) == (0, 70)
    assert (arithmetic.fee_rate(GER40, USD), arithmetic.fee_rate(GER40, EUR)) == (70, 0)


# --------------------------------------------------------------------------------------------------------- commission


@pytest.mark.parametrize(("volume", "amount"), [(200_000, -5), (100_000, -3), (LOT, -250), (100, -1)])
def test_commission_in_dollars_a_lot(volume, amount):
    assert commission(EURUSD, volume, 111_986) == amount


@pytest.mark.parametrize(
    ("kind", "rate", "cents", "wholes"),
    [
        (CommissionType.USD_PER_MILLION_USD, 30 * 10**8, -207, -3),  # 30 millionths of 68 750
        (CommissionType.USD_PER_LOT, 250_000_000, -200, -2),
        (CommissionType.PERCENTAGE_OF_VALUE, 300, -207, -3),  # 0.003 %
        (CommissionType.QUOTE_CCY_PER_LOT, 500_000_000, -250, -3),
    ],
)
def test_commission_of_each_type_in_another_deposit_asset(kind, rate, cents, wholes):
    charged = replace(EURUSD, commission_type=kind, commission_rate=rate)
    # one lot at 1.375 costs 137 500 of the quote asset, which are worth 68 750 of the deposit asset
    rates = {"quote_rate": 0.5, "dollar_rate": 0.8}
    assert commission(charged, LOT, 137_500, **rates) == cents
    assert commission(charged, LOT, 137_500, **rates, money_digits=0) == wholes


def test_a_percentage_of_the_value_is_of_its_hundred_thousandths():
    # an ounce and a lot of gold: 4215.50 and 421 550 dollars, at 0.0007 %
    assert [commission(XAUUSD, volume, 421_550_000) for volume in (100, 10_000)] == [-3, -296]


def test_the_least_commission_is_in_its_own_asset():
    charged = replace(EURUSD, min_commission=150_000_000)
    assert commission(charged, 100_000, 111_986) == -150
    assert commission(charged, 100_000, 111_986, least_rate=0.8) == -120
    assert commission(charged, LOT, 111_986) == -250
    free = replace(EURUSD, min_commission=150_000_000, commission_rate=0)
    assert commission(free, LOT, 111_986) == -150


@given(st.sampled_from(CommissionType), st.lists(st.integers(1, 10**9), min_size=2, max_size=8), st.integers(1, 10**7))
def test_commission_grows_with_the_volume_and_is_never_less_in_parts(kind, volumes, price):
    charged = replace(EURUSD, commission_type=kind, commission_rate=123_456_789)
    amounts = [commission(charged, volume, price, dollar_rate=0.83) for volume in sorted(volumes)]
    assert all(less >= more for less, more in pairwise(amounts))
    whole = commission(charged, sum(volumes), price, dollar_rate=0.83)
    assert sum(amounts) <= whole < sum(amounts) + len(volumes)


# ------------------------------------------------------------------------------------------------------------- margin


@pytest.mark.parametrize(
    ("volume", "rate", "leverage", "digits", "expected"),
    [
        (100_000, 1.12569, 10_000, 2, 1126),
        (200_000, 1.12568, 10_000, 2, 2251),
        (300_000, 1.1198733333333333, 10_000, 2, 3360),
        (100_000, 1.12569, 3_000, 2, 3752),
        (100_000, 1.12569, 10_000, 0, 11),
    ],
)
def test_margin_is_the_worth_over_the_leverage_half_up(volume, rate, leverage, digits, expected):
    assert arithmetic.margin(volume, rate, leverage, digits) == expected


@given(st.integers(1, 10**10), st.integers(1, 10**10), st.floats(0.0001, 100_000.0), st.integers(100, 50_000))
def test_margin_grows_with_the_volume_and_its_parts_are_within_a_cent_of_the_whole(one, other, rate, leverage):
    parts = arithmetic.margin(one, rate, leverage), arithmetic.margin(other, rate, leverage)
    whole = arithmetic.margin(one + other, rate, leverage)
    assert whole >= max(parts)
    assert abs(sum(parts) - whole) <= 1


# --------------------------------------------------------------------------------------------------- swap and rollover


@pytest.mark.parametrize(
    ("name", "kind", "side", "volume", "periods", "expected"),
    [
        ("EURUSD", SwapCalculationType.PIPS, BUY, LOT, 1, -1106),  # -1.106 pips of 10 dollars
        ("EURUSD", SwapCalculationType.PIPS, BUY, LOT, 3, -3318),
        ("EURUSD", SwapCalculationType.PIPS, SELL, LOT, 1, 59),
        ("EURUSD", SwapCalculationType.POINTS, BUY, LOT, 1, -111),  # -1.106 points of 1 dollar
        ("EURUSD", SwapCalculationType.PERCENTAGE, BUY, LOT, 1, -344),  # -1.106 % of 112 000 dollars, a 360th of it
        ("XAUUSD", SwapCalculationType.PIPS, BUY, 10_000, 1, -8300),  # a pip is a dollar, a lot 100 ounces
        ("XAUUSD", SwapCalculationType.POINTS, BUY, 10_000, 1, -83),
    ],
)
def test_swap_of_each_type(name, kind, side, volume, periods, expected):
    held = replace(HOUSE.instrument(name), swap_calculation_type=kind)
    assert arithmetic.swap(held, side, volume, 112_000, 1.0, periods) == expected
    assert arithmetic.swap(held, side, volume, 112_000, 0.5, periods, money_digits=4) == pytest.approx(
        expected * 50, abs=26
    )


def test_a_percentage_is_of_a_year_also_where_it_is_charged_more_often():
    daily = replace(EURUSD, swap_calculation_type=SwapCalculationType.PERCENTAGE, swap_long=-3.6)
    assert arithmetic.swap(daily, BUY, LOT, 100_000, 1.0) == -1000
    hourly = replace(daily, swap_period=1)
    assert arithmetic.swap(hourly, BUY, LOT, 100_000, 1.0, 24) == -1000


def test_rollover_is_dollars_for_a_lot_and_a_day():
    charged = replace(EURUSD, rollover_commission=7)
    assert arithmetic.rollover(charged, LOT, 1.0) == -700
    assert arithmetic.rollover(charged, LOT // 2, 0.8, 3) == -840
    assert arithmetic.rollover(charged, 100_000, 0.33, 1) == -3  # 2.31 cents
    assert arithmetic.rollover(EURUSD, LOT, 1.0) == 0
