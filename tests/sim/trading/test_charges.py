"""When swap and rollover are due, for how many periods, and what they and commission amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.instruments import DayOfWeek, MinCommissionType, SwapCalculationType
from ctrader_twisted.sim.trading import charges
from ctrader_twisted.sim.trading.entities import BUY, SELL
from tests.sim.trading.still import BTCUSD, EUR, EURJPY, EURUSD, USD, XAUUSD, Book, Still

LOT = 10_000_000
HOUR, DAY = 3_600_000, 86_400_000


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def day_of(moment: int) -> DayOfWeek:
    return DayOfWeek(datetime.fromtimestamp(moment / 1000, UTC).isoweekday())


MONDAY = "2026-03-02"
SWAP_TIME = "T20:59:00"


@pytest.mark.parametrize(
    ("after", "period", "expected"),
    [
        ("2026-03-02T09:00:00", 24, "2026-03-02T20:59:00"),
        ("2026-03-02T20:58:59.999", 24, "2026-03-02T20:59:00"),
        ("2026-03-02T20:59:00", 24, "2026-03-03T20:59:00"),  # strictly after
        ("2026-03-02T21:00:00", 24, "2026-03-03T20:59:00"),
        ("2026-03-02T21:00:00", 0, "2026-03-03T20:59:00"),  # none told: a day
        ("2026-03-02T09:00:00", 8, "2026-03-02T12:59:00"),
        ("2026-03-02T21:00:00", 8, "2026-03-03T04:59:00"),
    ],
)
def test_the_next_charge_is_at_swap_time_period_by_period(after, period, expected):
    instrument = Still(swap_period=period).instrument(EURUSD)
    assert charges.next_due(instrument, at(after)) == at(expected)


def test_rollover_is_due_once_a_day_however_often_swap_is():
    instrument = Still(swap_period=8).instrument(EURUSD)
    assert charges.next_due(instrument, at("2026-03-02T09:00:00"), swap_free=True) == at("2026-03-02T20:59:00")


@given(st.integers(1, 2 * 10**12), st.integers(0, 1439), st.sampled_from([1, 6, 8, 12, 24, 48]))
def test_charges_follow_each_other_at_the_same_interval(after, minutes, hours):
    instrument = Still(swap_time=minutes, swap_period=hours).instrument(EURUSD)
    due = charges.next_due(instrument, after)
    assert after < due <= after + hours * HOUR
    assert charges.next_due(instrument, due) == due + hours * HOUR
    moment = datetime.fromtimestamp(due / 1000, UTC)
    assert (moment.hour * 60 + moment.minute - minutes) % min(hours * 60, 1440) == 0
    assert (moment.second, moment.microsecond) == (0, 0)


def week(opened: str, **changes) -> list[int]:
    """What is charged Monday to Sunday at swap time."""
    swap_free = changes.pop("swap_free", False)
    instrument = Still(**changes).instrument(EURUSD)
    first = at(MONDAY + SWAP_TIME)
    return [
        charges.periods(instrument, at(opened), first + number * DAY, swap_free=swap_free) for number in range(7)
    ]  # fmt: skip


def test_a_week_of_swap_is_seven_days():
    assert week("2026-03-02T09:00:00") == [1, 1, 3, 1, 1, 0, 0]
    assert week("2026-03-02T09:00:00", swap_rollover_3_days=DayOfWeek.FRIDAY) == [1, 1, 1, 1, 3, 0, 0]
    assert week("2026-03-02T09:00:00", swap_rollover_3_days=DayOfWeek.NONE) == [1, 1, 1, 1, 1, 0, 0]
    coin = {"swap_rollover_3_days": DayOfWeek.NONE, "charge_swap_at_weekends": True}
    assert week("2026-03-02T09:00:00", **coin) == [1] * 7


def test_the_first_periods_may_be_free():
    assert week("2026-03-02T09:00:00", skip_swap_periods=2) == [0, 0, 3, 1, 1, 0, 0]
    assert week("2026-03-02T20:59:00", skip_swap_periods=2) == [0, 0, 0, 1, 1, 0, 0]  # opened as it is charged
    assert week("2026-02-01T00:00:00", skip_swap_periods=2) == [1, 1, 3, 1, 1, 0, 0]


def test_rollover_begins_after_the_days_that_are_free_and_has_its_own_triple_day():
    own = {"swap_free": True, "rollover_commission": 5, "rollover_commission_3_days": DayOfWeek.FRIDAY}
    assert week("2026-03-02T09:00:00", **own) == [0, 0, 0, 1, 3, 0, 0]
    assert week("2026-03-02T09:00:00", **own, skip_rollover_days=0) == [1, 1, 1, 1, 3, 0, 0]
    assert week("2026-03-02T09:00:00", **own, skip_swap_periods=9, skip_rollover_days=1) == [0, 1, 1, 1, 3, 0, 0]


@given(
    st.integers(at("2020-01-01"), at("2030-01-01")), st.integers(1, 60), st.integers(0, 10),
    st.sampled_from(list(DayOfWeek)[1:6]),
)  # fmt: skip
def test_over_whole_weeks_each_night_is_paid_for_once(opened, weeks, skipped, triple):
    """Seven periods a week, whatever the triple day, once the free ones are over."""
    instrument = Still(skip_swap_periods=skipped, swap_rollover_3_days=triple).instrument(EURUSD)
    moment, paid, held = opened, [], 0
    while held < skipped + 7 * weeks:
        moment, held = charges.next_due(instrument, moment), held + 1
        count = charges.periods(instrument, opened, moment)
        assert count == 0 or held > skipped
        if held > skipped:
            assert count == {triple: 3, DayOfWeek.SATURDAY: 0, DayOfWeek.SUNDAY: 0}.get(day_of(moment), 1)
            paid.append(count)
    assert sum(paid) == 7 * weeks


# ---------------------------------------------------------------------------------------------------------- amounts


@pytest.mark.parametrize(("side", "day", "expected"), [(BUY, 0, -1106), (BUY, 2, -3318), (SELL, 0, 59), (BUY, 5, 0)])
def test_a_position_is_charged_swap_for_its_side_and_volume(side, day, expected):
    book = Book()
    position = book.open(LOT, side=side)
    position.opened_at = at(MONDAY)
    moment = at(MONDAY + SWAP_TIME) + day * DAY
    assert charges.charge(book.account, book.market, position, moment) == expected
    assert (position.swap, book.account.balance) == (0, 10_000_00)  # it only says so


def test_swap_is_converted_into_the_deposit_asset():
    book = Book(deposit_asset="EUR")
    position = book.open(LOT)
    position.opened_at = at(MONDAY)
    assert charges.charge(book.account, book.market, position, at(MONDAY + SWAP_TIME)) == -885  # -11.06 x 0.8


@pytest.mark.parametrize(("side", "expected"), [(BUY, -4738), (SELL, -4739)])
def test_a_percentage_is_of_the_price_at_which_it_would_be_closed(side, expected):
    book = Book(Still(swap_calculation_type=SwapCalculationType.PERCENTAGE, swap_long=-20.0, swap_short=-20.0))
    position = book.open(100, symbol_id=BTCUSD, side=side, price=1_000_000_000)
    position.opened_at = at(MONDAY)
    book.market.quotes[BTCUSD] = (8_528_721_000, 8_529_921_000)  # 20 % of 85 287.21 and 85 299.21, a 360th of it
    assert charges.charge(book.account, book.market, position, at(MONDAY + SWAP_TIME)) == expected


def test_a_swap_free_account_pays_rollover_in_place_of_swap():
    market = Still(rollover_commission=5, skip_rollover_days=1)
    book = Book(market, swap_free=True, deposit_asset="EUR")
    position = book.open(LOT // 2)
    position.opened_at = at(MONDAY)
    paid = [
        charges.charge(book.account, market, position, at(MONDAY + SWAP_TIME) + number * DAY) for number in range(3)
    ]
    assert paid == [0, -200, -600]


def test_what_can_not_be_converted_is_not_guessed():
    moment = at(MONDAY + SWAP_TIME)
    for swap_free in (False, True):
        book = Book(Still(rollover_commission=5, skip_rollover_days=0), swap_free=swap_free, deposit_asset="EUR")
        position = book.open(LOT)
        position.opened_at = at(MONDAY)
        del book.market.rates[USD, EUR]
        assert charges.charge(book.account, book.market, position, moment) is None
        assert charges.charge(book.account, book.market, position, moment + 5 * DAY) == 0  # Saturday
        euro = book.market.instrument(EURUSD)
        assert charges.commission(book.account, book.market, euro, LOT, 111_986) is None


def test_swap_needs_a_price():
    book = Book()
    position = book.open(LOT)
    position.opened_at = at(MONDAY)
    book.market.quotes[EURUSD] = None
    assert charges.charge(book.account, book.market, position, at(MONDAY + SWAP_TIME)) is None


def test_commission_is_converted_and_its_minimum_from_its_own_asset():
    euros = Book(deposit_asset="EUR")
    gold, euro = euros.market.instrument(XAUUSD), euros.market.instrument(EURUSD)
    assert charges.commission(euros.account, euros.market, euro, LOT, 111_986) == -200  # 2.50 dollars at 0.80
    assert charges.commission(euros.account, euros.market, gold, 10_000, 421_550_000) == -237  # 2.95085 x 0.8
    least = Still(min_commission=10**9, min_commission_asset="JPY")
    least.rates[11, EUR] = 0.006
    assert charges.commission(euros.account, least, least.instrument(XAUUSD), 100, 421_550_000) == -6  # ten yen
    own = MinCommissionType.QUOTE_CURRENCY
    quote = Still(min_commission=10**11, min_commission_asset="USD", min_commission_type=own)
    yen = quote.instrument(EURJPY)  # a thousand yen at 0.00528, not a thousand dollars
    assert charges.commission(euros.account, quote, yen, 100_000, 17_251_400) == -528


def test_what_is_free_needs_no_price():
    book = Book(Still(commission_rate=0))
    book.market.rates.clear()
    assert charges.commission(book.account, book.market, book.market.instrument(EURUSD), LOT, 111_986) == 0


def test_the_days_are_those_of_utc():
    for number in range(7):
        assert day_of(at(MONDAY) + number * DAY) == number + 1
    assert timedelta(milliseconds=DAY) == timedelta(days=1)
