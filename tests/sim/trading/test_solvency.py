"""Margin calls, once in a fall and once in ten minutes; which position a stop-out closes, and how much of it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ctrader_twisted.sim.accounts import TradingAccount
from ctrader_twisted.sim.trading import margins
from ctrader_twisted.sim.trading.entities import BUY, SELL
from ctrader_twisted.sim.trading.solvency import MarginCalls, stop_out
from tests.sim.trading.still import EURUSD, GER40, XAUUSD, Book, Still

STEP, LOT = 100_000, 10_000_000
MINUTE = 60_000
STARTED = 1_772_528_400_000


# ------------------------------------------------------------------------------------------------------ margin calls


class Told:
    """An account's margin calls at 100, 75 and 50 percent, minute by minute."""

    def __init__(self) -> None:
        self.account = TradingAccount(1, 2)
        self.calls = MarginCalls()

    def __call__(self, level: float | None, minute: float) -> list[int]:
        exactly = None if level is None else Fraction(str(level))
        return self.calls.fallen(self.account, exactly, STARTED + round(minute * MINUTE))


def test_each_threshold_is_told_as_the_level_falls_through_it():
    told = Told()
    assert [told(level, 0) for level in (None, 150, 100, 99.99, 80, 75, 74.9, 60, 49)] == [
        [], [], [], [61], [], [], [62], [], [63],
    ]  # fmt: skip


def test_a_deep_fall_tells_all_of_them_at_once():
    assert Told()(20, 0) == [61, 62, 63]


def test_a_level_that_stays_below_is_told_once():
    told = Told()
    assert [told(90, minute) for minute in range(60)] == [[61], *[[]] * 59]


def test_a_second_fall_is_told_ten_minutes_after_the_first_at_the_earliest():
    told = Told()
    assert (told(90, 0), told(110, 1), told(90, 2)) == ([61], [], [])
    assert (told(90, 9.999), told(90, 10), told(90, 30)) == ([], [61], [])
    assert (told(110, 31), told(90, 32)) == ([], [61])


def test_a_second_fall_that_is_over_before_it_could_be_told_is_not_told():
    told = Told()
    assert [told(90, 0), told(110, 1), told(90, 2), told(110, 3), told(110, 20), told(90, 21)] == [
        [61], [], [], [], [], [61],
    ]  # fmt: skip


def test_thresholds_are_the_accounts_own():
    told = Told()
    told.account.margin_calls = {61: (120.0, 0), 62: (0.0, 0)}
    assert (told(119, 0), told(1, 1)) == ([61], [])
    told.account.margin_calls[62] = (2.0, 0)
    assert told(1, 2) == [62]


@given(st.lists(st.tuples(st.integers(0, 130), st.integers(0, 12)), max_size=60))
def test_no_threshold_is_told_twice_in_ten_minutes_nor_above_itself(course):
    told, minute, last = Told(), 0, {}
    for level, minutes in course:
        minute += minutes
        for kind in told(level, minute):
            assert level < told.account.margin_calls[kind][0]
            assert minute - last.get(kind, -10) >= 10
            last[kind] = minute


# ---------------------------------------------------------------------------------------------------------- stop-out


def ruined(market: Still | None = None, **account) -> Book:
    """Three positions: GER40 has most margin and has lost most, gold the least of both."""
    book = Book(market, balance=3_000_00, **account)
    book.open(LOT, price=112_000)  # 1120 of margin, 210 lost by now
    book.open(100, symbol_id=GER40, side=SELL, price=2_400_000_000)  # 1500; 1768 lost
    book.open(100, symbol_id=XAUUSD, price=425_550_000)  # 85; 40 lost
    book.market.quotes[EURUSD] = (111_790, 111_795)
    margins.place(book.ledger, book.market)
    return book


def test_nothing_is_closed_while_the_level_suffices():
    book = ruined(stop_out_level=30.0)
    level = margins.level(book.ledger, book.market)
    assert 30 < level < 50
    assert stop_out(book.ledger, book.market) is None
    book.account.stop_out_level = 50.0
    assert stop_out(book.ledger, book.market) is not None
    book.account.stop_out_level = 0.0
    assert stop_out(book.ledger, book.market) is None


def test_the_stop_out_level_itself_suffices():
    book = Book(Still(commission_rate=0))
    book.market.quotes[EURUSD] = (112_000, 112_000)
    position = book.open(LOT)  # 1120.00 of margin
    margins.place(book.ledger, book.market)
    book.account.balance = 560_00
    assert stop_out(book.ledger, book.market) is None
    book.account.balance -= 1
    assert stop_out(book.ledger, book.market) == (position, LOT)


@pytest.mark.parametrize(("strategy", "first"), [(0, [GER40, EURUSD, XAUUSD]), (1, [GER40, EURUSD, XAUUSD])])
def test_the_order_of_the_strategy(strategy, first):
    book = ruined(stop_out_strategy=strategy, stop_out_level=1e6)
    order = []
    while (closed := stop_out(book.ledger, book.market)) is not None:
        position, volume = closed
        assert volume == position.volume
        order.append(position.symbol_id)
        book.close(position, volume, position.lots[0].price)
    assert order == first


def test_the_two_strategies_differ():
    book = Book(balance=1_000_00, stop_out_level=1e6)
    cheap = book.open(STEP, price=200_000)  # little margin, a great loss
    dear = book.open(10 * LOT, price=111_987)
    margins.place(book.ledger, book.market)
    assert dear.used_margin > cheap.used_margin
    assert stop_out(book.ledger, book.market) == (dear, dear.volume)
    book.account.stop_out_strategy = 1
    expected = min((cheap, dear), key=lambda one: margins.unrealised(book.ledger, book.market, one)[1])
    assert expected is cheap
    assert stop_out(book.ledger, book.market) == (cheap, STEP)


@pytest.mark.parametrize("strategy", [0, 1])
def test_of_positions_alike_the_oldest_is_closed(strategy):
    book = Book(balance=1_000_00, stop_out_level=1e6, stop_out_strategy=strategy)
    oldest, *_ = [book.open(LOT) for _ in range(3)]
    margins.place(book.ledger, book.market)
    assert stop_out(book.ledger, book.market) == (oldest, LOT)


def test_only_what_can_be_closed_is_closed():
    book = ruined(stop_out_level=1e6)
    euro, index, gold = book.ledger.open_positions()
    assert stop_out(book.ledger, book.market, [gold]) == (gold, gold.volume)
    assert stop_out(book.ledger, book.market, [gold, euro]) == (euro, euro.volume)
    assert stop_out(book.ledger, book.market, [index, gold]) == (index, index.volume)
    assert stop_out(book.ledger, book.market, []) is None


def test_without_a_price_nothing_is_decided():
    book = ruined(stop_out_level=1e6)
    book.market.quotes[XAUUSD] = None
    assert stop_out(book.ledger, book.market) is None


def test_nothing_is_closed_where_nothing_is_open():
    book = Book(balance=-5)
    assert stop_out(book.ledger, book.market) is None


def test_a_fair_stop_out_closes_just_enough():
    book = Book(Still(commission_rate=0), balance=1_000_00, fair_stop_out=True)
    book.market.quotes[EURUSD] = (112_000, 112_000)
    position = book.open(10 * LOT, price=112_060)  # 11 206.00 of margin; 600.00 lost: 400.00 left, 3.57 %
    margins.place(book.ledger, book.market)
    # less than 800.00 of margin is what 400.00 suffice for: 71 steps use 795.63, 72 would use 806.83
    assert stop_out(book.ledger, book.market) == (position, 10 * LOT - 71 * STEP)
    book.close(position, 10 * LOT - 71 * STEP, 112_000)
    margins.place(book.ledger, book.market)
    assert (book.account.balance, position.used_margin) == (442_60, 795_63)  # 557.40 of the loss is booked
    assert margins.level(book.ledger, book.market) > 50
    assert stop_out(book.ledger, book.market) is None


def test_a_fair_stop_out_that_can_not_be_fair_closes_all():
    book = Book(balance=100_00, fair_stop_out=True)
    position = book.open(LOT, price=112_500)  # the equity is less than nothing
    margins.place(book.ledger, book.market)
    assert margins.equity(book.ledger, book.market) < 0
    assert stop_out(book.ledger, book.market) == (position, LOT)


def test_a_fair_stop_out_leaves_no_less_than_the_least_volume():
    market = Still(min_volume=5 * STEP, step_volume=STEP, commission_rate=0)
    market.quotes[EURUSD] = (112_000, 112_000)
    book = Book(market, balance=20_00, fair_stop_out=True, stop_out_level=100.0)
    position = book.open(8 * STEP, price=112_000)
    margins.place(book.ledger, market)
    assert stop_out(book.ledger, market) == (position, 8 * STEP)  # of 3 steps at most, 5 are the least


@given(
    st.lists(
        st.tuples(
            st.sampled_from([EURUSD, GER40, XAUUSD]), st.sampled_from([BUY, SELL]), st.integers(1, 400),
            st.integers(950, 1050),
        ),
        min_size=1, max_size=4,
    ),
    st.integers(1, 10_000_00), st.sampled_from([0, 1]), st.sampled_from([0, 1, 2]),
    st.sampled_from([20.0, 50.0, 100.0]),
)  # fmt: skip
def test_a_fair_stop_out_closes_the_least_that_helps(holdings, balance, strategy, how, least_level):
    book = Book(
        balance=balance, fair_stop_out=True, stop_out_strategy=strategy, stop_out_level=least_level, total_margin=how
    )
    for symbol_id, side, steps, thousandths in holdings:
        step = book.market.instrument(symbol_id).step_volume
        price = book.market.quotes[symbol_id][0] * thousandths // 1000
        book.open(steps * step, symbol_id=symbol_id, side=side, price=price)
    margins.place(book.ledger, book.market)
    closed = stop_out(book.ledger, book.market)
    level = margins.level(book.ledger, book.market)
    assert (closed is not None) == (level is not None and level < least_level)
    assume(closed is not None)
    position, volume = closed
    instrument = book.market.instrument(position.symbol_id)
    assert volume % instrument.step_volume == 0
    assert instrument.min_volume <= volume <= position.volume

    def after(closing: int) -> Fraction | None:
        other = Book(book.market, balance=balance, stop_out_level=least_level, total_margin=how)
        for symbol_id, side, steps, thousandths in holdings:
            step = book.market.instrument(symbol_id).step_volume
            price = book.market.quotes[symbol_id][0] * thousandths // 1000
            other.open(steps * step, symbol_id=symbol_id, side=side, price=price)
        chosen = other.ledger.open_positions()[book.ledger.open_positions().index(position)]
        bid, ask = book.market.quotes[position.symbol_id]
        rate = 1.25 if position.symbol_id == GER40 else 1.0
        fee_rate = 70 if position.symbol_id == GER40 else 0
        other.close(chosen, closing, bid if position.side == BUY else ask, rate=rate, fee_rate=fee_rate)
        margins.place(other.ledger, other.market)
        return margins.level(other.ledger, other.market)

    reached = after(volume)
    if volume < position.volume:
        assert reached is None or reached > least_level
    less = volume - instrument.step_volume
    if less >= instrument.min_volume:
        assert (got := after(less)) is not None
        assert got <= least_level
