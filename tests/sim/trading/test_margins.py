"""Margin by tiers and sides, equity, free margin, margin level, and what an order would need."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.instruments import DynamicLeverage, LeverageTier
from ctrader_twisted.sim.trading import margins
from ctrader_twisted.sim.trading.entities import BUY, SELL, Position
from ctrader_twisted.sim.trading.margins import MAX, NET, SUM
from tests.sim.trading.still import BTC, BTCUSD, EUR, EURJPY, EURUSD, GER40, USD, XAUUSD, Book, Still

STEP, LOT = 100_000, 10_000_000


def tiered(*tiers: tuple[int, int], leverage_id: int = 1020) -> Still:
    """A market whose currencies have these tiers: dollars, and leverage in hundredths."""
    market = Still()
    own = DynamicLeverage(leverage_id, tuple(LeverageTier(dollars * 100, leverage) for dollars, leverage in tiers))
    others = tuple(one for one in HOUSE.leverages if one.leverage_id != leverage_id)
    market.reference = replace(HOUSE, leverages=(own, *others))
    return market


def placed(book: Book) -> list[int]:
    margins.place(book.ledger, book.market)
    return [position.used_margin for position in book.ledger.open_positions()]


# ----------------------------------------------------------------------------------------------------- what it is worth


@pytest.mark.parametrize(
    ("symbol_id", "price", "asset_id", "expected"),
    [
        (EURUSD, 111_988, USD, Fraction("1.11988")),
        (EURUSD, 111_988, EUR, 1),
        (EURJPY, 17_251_400, USD, Fraction("172.514") * Fraction("0.0066")),
        (GER40, 2_529_274_000, USD, Fraction("25292.74") * Fraction("1.25")),
        (BTCUSD, 8_528_721_000, BTC, 1),
        (EURUSD, 111_988, BTC, None),
    ],
)
def test_a_unit_is_worth_its_price_converted(symbol_id, price, asset_id, expected):
    market = Still()
    assert margins.worth(market, market.instrument(symbol_id), price, asset_id) == expected


def test_margin_rates_are_floats_for_the_messages():
    market = Still()
    rates = [
        margins.margin_rate(Book(deposit_asset=name).account, market, market.instrument(EURUSD), 111_988)
        for name in ("USD", "EUR", "BTC")
    ]
    assert rates == [1.11988, 1.0, None]
    assert margins.usd_rate(market, market.instrument(GER40), 2_529_274_000) == 31615.925


# --------------------------------------------------------------------------------------------------- tiers and leverage


def test_margin_is_the_worth_at_the_opening_over_the_leverage():
    book = Book()
    book.open(STEP, price=112_569)
    book.open(2 * STEP, price=112_568)
    book.market.quotes[EURUSD] = (150_000, 150_001)  # prices move, margin does not
    assert placed(book) == [1126, 2251]


def test_never_more_leverage_than_the_account_has():
    for leverage, expected in ((10_000, 1120_00), (3_000, 3733_33), (50_000, 1120_00)):
        book = Book(leverage_in_cents=leverage)
        book.open(LOT, price=112_000)
        assert placed(book) == [expected]


def test_a_symbol_without_tiers_has_the_accounts_leverage():
    market = Still(leverage_id=0)
    book = Book(market, leverage_in_cents=20_000)
    book.open(100, symbol_id=BTCUSD, price=8_528_721_000)
    assert placed(book) == [426_44]  # 85287.21 / 200


def test_tiers_are_climbed_in_the_order_of_opening_each_side_for_itself():
    book = Book(tiered((100_000, 10_000), (200_000, 5_000), (300_000, 1_000)))
    for side in (BUY, SELL):
        for _ in range(3):
            book.open(10_000_000, side=side, price=80_000)  # 80 000 dollars each
    # 80 000 / 100; 20 000 / 100 + 60 000 / 50; 40 000 / 50 + 40 000 / 10
    assert placed(book) == [800_00, 1400_00, 4800_00] * 2
    book.open(10_000_000, side=BUY, price=80_000)
    assert placed(book)[-1] == 8000_00  # beyond the last tier: at its leverage


def test_symbols_that_share_tiers_climb_them_together_and_others_do_not():
    book = Book(tiered((100_000, 10_000), (200_000, 5_000)))
    book.market.rates[11, USD] = 0.01
    book.open(10_000_000, price=100_000)
    book.open(10_000_000, symbol_id=EURJPY, price=10_000_000)  # 100 yen of 0.01 dollars
    book.open(100, symbol_id=XAUUSD, price=400_000_000)
    assert placed(book) == [1000_00, 2000_00, 80_00]


def test_only_the_positions_whose_margin_changed_are_told():
    book = Book(tiered((100_000, 10_000), (200_000, 5_000)))
    first = book.open(10_000_000, price=60_000)
    second = book.open(10_000_000, price=60_000)
    assert margins.place(book.ledger, book.market) == [first, second]
    assert margins.place(book.ledger, book.market) == []
    book.open(5_000_000, price=60_000, position=first)  # 90 000: the second climbs
    assert margins.place(book.ledger, book.market) == [first, second]
    assert (first.used_margin, second.used_margin) == (900_00, 100_00 + 1000_00)
    book.close(first, 15_000_000, 60_000)
    assert margins.place(book.ledger, book.market) == [second]
    assert (first.used_margin, second.used_margin) == (0, 600_00)


# --------------------------------------------------------------------------------------------------------------- totals


@pytest.mark.parametrize(("how", "expected"), [(MAX, 2240 + 31616), (SUM, 3360 + 31616), (NET, 1120 + 31616)])
def test_both_sides_of_a_symbol_add_up_by_the_accounts_way(how, expected):
    book = Book(total_margin=how)
    book.open(2 * STEP, price=112_000)
    book.open(STEP, side=SELL, price=112_000)
    book.open(20, symbol_id=GER40, price=2_529_274_000)
    assert placed(book) == [2240, 1120, 31616]
    assert margins.used(book.ledger) == expected


HOLDINGS = st.lists(
    st.tuples(
        st.sampled_from([EURUSD, EURJPY, XAUUSD, BTCUSD]), st.sampled_from([BUY, SELL]), st.integers(1, 3_000),
        st.integers(50, 150),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


def built(holdings, **account) -> Book:
    book = Book(**account)
    for symbol_id, side, steps, percent in holdings:
        instrument = book.market.instrument(symbol_id)
        price = book.market.quotes[symbol_id][0] * percent // 100
        book.open(steps * instrument.step_volume, symbol_id=symbol_id, side=side, price=price)
    margins.place(book.ledger, book.market)
    return book


@given(HOLDINGS)
def test_max_is_between_half_the_sum_and_the_sum_and_net_is_what_they_differ_by(holdings):
    books = {how: built(holdings, total_margin=how) for how in (MAX, SUM, NET)}
    assert len({tuple(placed(book)) for book in books.values()}) == 1  # the way changes the total only
    used = {how: margins.used(book.ledger) for how, book in books.items()}
    assert used[SUM] == sum(placed(books[SUM]))
    assert 0 <= used[NET] <= used[MAX] <= used[SUM] <= 2 * used[MAX]
    assert used[NET] + used[SUM] == 2 * used[MAX]


@given(HOLDINGS, st.integers(100, 20_000))
def test_every_position_is_margined_at_no_more_leverage_than_the_accounts(holdings, leverage):
    book = built(holdings, leverage_in_cents=leverage)
    for position in book.ledger.open_positions():
        worth = Fraction(position.volume, 100) * Fraction(str(position.margin_rate)) * 100
        assert position.used_margin >= worth * 100 / leverage - 1


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.permutations(range(8)))
def test_it_does_not_matter_how_an_exposure_is_cut_up_or_in_which_order(steps, order):
    def total(pieces) -> int:
        book = Book(tiered((100_000, 10_000), (200_000, 5_000), (300_000, 1_000)))
        for piece in pieces:
            book.open(piece * STEP, price=112_000)
        return sum(placed(book))

    shuffled = [steps[index] for index in order if index < len(steps)]
    assert abs(total(steps) - total([sum(steps)])) <= (len(steps) + 1) / 2
    assert abs(total(steps) - total(shuffled)) <= len(steps)


# ------------------------------------------------------------------------------------------------- equity and the level


def test_a_position_is_valued_where_it_would_be_closed():
    book = Book()
    book.market.quotes[EURUSD] = (112_000, 112_010)
    long, short = book.open(LOT, price=111_900), book.open(LOT, side=SELL, price=111_900)
    long.swap = -7
    assert margins.unrealised(book.ledger, book.market, long) == (100_00, 100_00 - 7 - 250)
    assert margins.unrealised(book.ledger, book.market, short) == (-110_00, -110_00 - 250)
    margins.place(book.ledger, book.market)
    assert margins.equity(book.ledger, book.market) == 10_000_00 - 10_00 - 7 - 500
    assert margins.free(book.ledger, book.market) == 9984_93 - 2 * 1119_00
    assert margins.level(book.ledger, book.market) == Fraction(9984_93 * 100, 2238_00)


def test_a_result_is_converted_into_the_deposit_asset():
    book = Book()
    position = book.open(100, symbol_id=GER40, price=2_529_274_000)
    book.market.quotes[GER40] = (2_530_274_000, 2_530_417_000)
    assert margins.unrealised(book.ledger, book.market, position) == (1250, 1250)  # 10 euros at 1.25, no commission


@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), min_size=1, max_size=6), st.integers(1, 10**9),
    st.sampled_from([BUY, SELL]), st.floats(0.0001, 1_000.0), st.sampled_from([0, 2, 8]), st.integers(-999, 999),
)  # fmt: skip
def test_what_a_position_would_win_is_what_closing_it_wins(lots, leave, side, rate, digits, swap):
    book = Book(Still(commission_rate=0), money_digits=digits)
    book.market.rates[EUR, USD] = rate
    position = Position(1, GER40, side)
    for volume, price in lots:
        book.open(volume, position=position, price=price)
        position.lots[-1].commission = -5
    position.swap = swap
    book.market.quotes[GER40] = (leave, leave)
    would = margins.unrealised(book.ledger, book.market, position)
    detail = book.close(position, position.volume, leave, rate=rate).detail
    assert would == (detail.gross, detail.gross + detail.swap + detail.commission)


def test_what_has_no_price_is_not_guessed():
    book = Book()
    position = book.open(STEP)
    margins.place(book.ledger, book.market)
    euros = book.market.instrument(GER40)
    book.market.quotes[EURUSD] = book.market.quotes[GER40] = None
    assert margins.unrealised(book.ledger, book.market, position) is None
    assert margins.equity(book.ledger, book.market) is None
    assert margins.free(book.ledger, book.market) is None
    assert margins.level(book.ledger, book.market) is None
    assert margins.needed(book.ledger, book.market, euros, BUY, 100) is None
    assert margins.expected(book.account, book.market, euros, [100]) is None
    del book.market.rates[EUR, USD]
    assert margins.needed(book.ledger, book.market, euros, BUY, 100, price=2_529_274_000) is None


def test_an_account_without_positions_has_no_level():
    book = Book(balance=500)
    ledger, market = book.ledger, book.market
    assert (margins.equity(ledger, market), margins.free(ledger, market), margins.level(ledger, market)) == (
        500,
        500,
        None,
    )


# --------------------------------------------------------------------------------------------------- what it would need


def test_a_hedged_account_needs_margin_for_either_side():
    book = Book()
    book.open(LOT, price=112_000)
    euro = book.market.instrument(EURUSD)
    for side in (BUY, SELL):
        assert margins.needed(book.ledger, book.market, euro, side, LOT, price=112_000) == 1120_00
    assert margins.needed(book.ledger, book.market, euro, BUY, LOT) == 1119_90  # at the ask
    assert margins.needed(book.ledger, book.market, euro, SELL, LOT) == 1119_86


@pytest.mark.parametrize(
    ("how", "volume", "expected"),
    [(MAX, LOT, 0), (MAX, 3 * LOT, 1120_00), (NET, LOT, 0), (NET, 5 * LOT, 1120_00), (NET, 4 * LOT, 0)],
)
def test_an_opposite_order_may_need_nothing(how, volume, expected):
    book = Book(total_margin=how)
    book.open(2 * LOT, price=112_000)
    euro = book.market.instrument(EURUSD)
    assert margins.needed(book.ledger, book.market, euro, SELL, volume, price=112_000) == expected


@pytest.mark.parametrize(
    ("side", "volume", "expected"),
    [(BUY, LOT, 1120_00), (SELL, LOT, 0), (SELL, 2 * LOT, 0), (SELL, 4 * LOT, 0), (SELL, 5 * LOT, 1120_00)],
)
def test_a_netted_account_needs_margin_for_what_is_left(side, volume, expected):
    book = Book(account_type=1)
    book.open(2 * LOT, price=112_000)
    euro = book.market.instrument(EURUSD)
    assert margins.needed(book.ledger, book.market, euro, side, volume, price=112_000) == expected
    gold = book.market.instrument(XAUUSD)
    assert margins.needed(book.ledger, book.market, gold, SELL, 100, price=400_000_000) == 80_00


@given(HOLDINGS, st.sampled_from([EURUSD, XAUUSD]), st.sampled_from([BUY, SELL]), st.integers(1, 3_000),
       st.sampled_from([MAX, SUM, NET]))  # fmt: skip
def test_what_is_needed_is_what_is_used_once_it_is_open(holdings, symbol_id, side, steps, how):
    book = built(holdings, total_margin=how)
    instrument = book.market.instrument(symbol_id)
    volume = steps * instrument.step_volume
    before, needed = margins.used(book.ledger), margins.needed(book.ledger, book.market, instrument, side, volume)
    less = margins.needed(book.ledger, book.market, instrument, side, volume + instrument.step_volume)
    book.open(volume, symbol_id=symbol_id, side=side)
    margins.place(book.ledger, book.market)
    assert needed == max(0, margins.used(book.ledger) - before)
    if how != NET:
        assert needed <= less  # the more is ordered, the more is needed


@given(HOLDINGS, st.integers(0, 7), st.integers(1, 3_000))
def test_what_is_added_to_a_position_needs_what_is_used_then(holdings, which, steps):
    book = built(holdings)
    position = book.ledger.open_positions()[which % len(holdings)]
    instrument = book.market.instrument(position.symbol_id)
    volume, side = steps * instrument.step_volume, position.side
    before = margins.used(book.ledger)
    needed = margins.needed(book.ledger, book.market, instrument, side, volume, position=position)
    book.open(volume, position=position)
    margins.place(book.ledger, book.market)
    assert needed == margins.used(book.ledger) - before


@given(
    st.lists(st.tuples(st.integers(1, 3_000), st.integers(100_000, 120_000)), min_size=1, max_size=4),
    st.sampled_from([BUY, SELL]), st.sampled_from([BUY, SELL]), st.integers(1, 9_000),
)  # fmt: skip
def test_what_a_netted_order_needs_is_what_is_used_after_it(lots, held, side, steps):
    book = Book(account_type=1)
    position = Position(1, EURUSD, held)
    for lot, price in lots:
        book.open(lot * STEP, position=position, price=price)
    margins.place(book.ledger, book.market)
    euro, volume, before = book.market.instrument(EURUSD), steps * STEP, margins.used(book.ledger)
    needed = margins.needed(book.ledger, book.market, euro, side, volume, price=112_000)
    if side == held:
        book.open(volume, position=position, price=112_000)
    else:
        closed = min(volume, position.volume)
        kept = margins.used_without(book.ledger, book.market, position, closed)
        book.close(position, closed, 112_000)
        margins.place(book.ledger, book.market)
        assert margins.used(book.ledger) == kept
        if volume > closed:
            book.open(volume - closed, side=side, price=112_000)
    margins.place(book.ledger, book.market)
    assert needed == max(0, margins.used(book.ledger) - before)


def test_expected_margin_is_that_of_each_volume_alone():
    book = Book(tiered((100_000, 10_000), (200_000, 5_000)))
    book.open(LOT)
    euro = book.market.instrument(EURUSD)
    book.market.quotes[EURUSD] = (99_000, 120_000)
    assert margins.expected(book.account, book.market, euro, [STEP, LOT]) == [(12_00, 9_90), (1400_00, 990_00)]


@given(st.lists(st.integers(1, 10**10), min_size=2, max_size=6), st.sampled_from([EURUSD, EURJPY, BTCUSD]))
def test_the_more_is_bought_the_more_margin_is_expected(volumes, symbol_id):
    book = Book()
    answer = margins.expected(book.account, book.market, book.market.instrument(symbol_id), sorted(volumes))
    for less, more in pairwise(answer):
        assert (less[0] <= more[0], less[1] <= more[1]) == (True, True)
    assert all(buy >= sell for buy, sell in answer)
