"""The book: first in, first out, what becomes of commission and swap, the balance and its version."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.trading.entities import (
    BUY,
    CANCELLED,
    CLOSED,
    CREATED,
    MARKET,
    OPEN,
    SELL,
    Order,
    Position,
    opposite,
)
from tests.sim.trading.still import EURUSD, GER40, Book, Still

STEP = 100_000


def test_an_account_begins_with_a_deposit():
    book = Book(balance=5_000_00, balance_version=4, opened_at=77)
    (flow,) = book.ledger.cash_flow
    assert (flow.operation, flow.delta, flow.balance, flow.balance_version) == (0, 500_000, 500_000, 4)
    assert (flow.equity, flow.at, flow.note) == (500_000, 77, "")
    assert Book(balance=0).ledger.cash_flow == []


def test_opening_books_nothing_and_closing_books_everything():
    book = Book(balance=1_000_00)
    position = book.open(STEP, price=112_000)
    assert (position.status, position.opened_at, position.updated_at) == (OPEN, book.now, book.now)
    assert (book.account.balance, book.account.balance_version, position.commission) == (100_000, 1, -3)
    position.swap = -11
    deal = book.close(position, STEP, 112_500)
    detail = deal.detail
    assert (detail.gross, detail.swap, detail.commission, detail.fee) == (500, -11, -6, 0)
    assert (detail.balance, detail.balance_version) == (100_000 + 500 - 11 - 6, 2)
    assert (book.account.balance, book.account.balance_version) == (detail.balance, 2)
    assert (detail.entry_price, detail.closed_volume, detail.rate) == (112_000, STEP, 1.0)
    assert detail.offsets == ((book.ledger.deals[0].deal_id, STEP),)
    assert book.ledger.deals == [book.ledger.deals[0], deal]
    assert (position.status, position.closed_at) == (CLOSED, deal.executed_at)
    assert (position.volume, position.exact_price, position.commission, position.swap, position.used_margin) == (0,) * 5
    assert book.ledger.positions == {}
    assert book.ledger.closed_positions == {position.position_id: position}


def test_the_oldest_lot_goes_first_and_the_rest_is_averaged_anew():
    book = Book()
    position = book.open(2 * STEP, price=111_987)
    book.open(STEP, price=111_988, position=position)
    assert position.exact_price == Fraction(3 * 111_987 + 1, 3)
    first = book.close(position, 3 * STEP // 2, 111_988).detail
    one, two = (deal.deal_id for deal in book.ledger.deals[:2])
    assert (first.entry_price, first.offsets) == (111_987, ((one, 3 * STEP // 2),))
    assert position.exact_price == Fraction(111_987 + 2 * 111_988, 3)
    last = book.close(position, 3 * STEP // 2, 111_988).detail
    assert (last.entry_price, last.offsets) == (Fraction(111_987 + 2 * 111_988, 3), ((one, STEP // 2), (two, STEP)))


def test_the_opening_commission_of_what_is_closed_is_rounded_away_from_zero_in_each_lot():
    book = Book(Still(commission_rate=0))
    position = book.open(2 * STEP, price=111_987)
    book.open(2 * STEP, price=111_987, position=position)
    for lot in position.lots:
        lot.commission = -5
    assert [book.close(position, STEP, 111_987).detail.commission for _ in range(4)] == [-3, -2, -3, -2]


def test_swap_goes_by_volume_and_all_of_it_in_the_end():
    book = Book()
    position = book.open(3 * STEP)
    position.swap = -10
    assert [book.close(position, STEP, 111_986).detail.swap for _ in range(3)] == [-3, -4, -3]  # 3.33, 3.5, all
    assert position.swap == 0


def test_a_position_whose_protective_order_still_works_is_not_called_closed_yet():
    book = Book()
    position = book.open(STEP)
    position.protective_id = 4711
    deal = book.close(position, STEP, 111_986)
    assert (position.status, position.closed_at) == (CREATED, 0)
    assert (book.ledger.positions, list(book.ledger.closed_positions)) == ({}, [position.position_id])
    book.ledger.retire(position, deal.executed_at + 18)
    assert (position.status, position.closed_at) == (CLOSED, deal.executed_at + 18)


def test_a_position_closed_by_its_protective_order_is_closed_at_once():
    book = Book()
    position = book.open(STEP)
    deal = book.deal(position, SELL, STEP, 111_000)
    position.protective_id = deal.order_id
    book.ledger.close(position, deal, volume=STEP, rate=1.0, commission=-3, fee_rate=0)
    assert (position.status, position.closed_at) == (CLOSED, deal.executed_at)


def test_a_placeholder_can_be_retired_and_a_position_cannot():
    book = Book()
    placeholder = Position(9, EURUSD, BUY)
    book.ledger.positions[9] = placeholder
    book.ledger.retire(placeholder, 5)
    assert (placeholder.status, placeholder.closed_at, list(book.ledger.closed_positions)) == (CLOSED, 5, [9])
    position = book.open(STEP)
    with pytest.raises(ValueError, match=f"holds {STEP}"):
        book.ledger.retire(position, 5)


def test_one_deal_may_close_a_position_and_open_another():
    book = Book(account_type=1)
    position = book.open(STEP)
    deal = book.deal(position, SELL, 3 * STEP, 111_900)
    book.ledger.close(position, deal, volume=STEP, rate=1.0, commission=-3, fee_rate=0)
    turned = Position(book.ids.position(), EURUSD, SELL)
    book.ledger.open(turned, deal, margin_rate=deal.margin_rate, commission=-5, volume=2 * STEP)
    assert (deal.detail.closed_volume, turned.volume, turned.commission) == (STEP, 2 * STEP, -5)
    assert book.ledger.deals[1:] == [deal]


@pytest.mark.parametrize(
    ("symbol_id", "side", "volume"),
    [(EURUSD, SELL, 0), (EURUSD, SELL, STEP + 1), (EURUSD, BUY, STEP), (GER40, SELL, STEP)],
)
def test_a_deal_that_does_not_close_is_refused_and_nothing_is_changed(symbol_id, side, volume):
    book = Book()
    position = book.open(STEP)
    deal = book.deal(Position(position.position_id, symbol_id, BUY), side, STEP, 111_900)
    with pytest.raises(ValueError, match="does not close"):
        book.ledger.close(position, deal, volume=volume, rate=1.0, commission=0, fee_rate=0)
    assert (position.volume, book.account.balance, book.account.balance_version) == (STEP, 1_000_000, 1)
    assert (len(book.ledger.deals), deal.detail) == (1, None)


@pytest.mark.parametrize(("symbol_id", "side", "volume"), [(EURUSD, SELL, 1), (GER40, BUY, 1), (EURUSD, BUY, 0)])
def test_a_deal_that_does_not_open_is_refused(symbol_id, side, volume):
    book = Book()
    position = Position(1, EURUSD, BUY)
    deal = book.deal(Position(1, symbol_id, side), side, STEP, 111_900)
    with pytest.raises(ValueError, match="does not open"):
        book.ledger.open(position, deal, margin_rate=1.0, commission=0, volume=volume)
    assert (position.lots, book.ledger.positions, book.ledger.deals) == ([], {}, [])


def test_deposits_and_withdrawals():
    book = Book(balance=1_000_00)
    book.ledger.deposit(50_00, 5, "hello", unrealised=-7_00)
    book.ledger.deposit(-20_00, 6)
    book.ledger.deposit(1, 7, operation=9)
    kept = [
        (flow.operation, flow.delta, flow.balance, flow.balance_version, flow.equity, flow.at, flow.note)
        for flow in book.ledger.cash_flow[1:]
    ]
    assert kept == [
        (0, 5_000, 105_000, 2, 104_300, 5, "hello"),
        (1, -2_000, 103_000, 3, 103_000, 6, ""),
        (9, 1, 103_001, 4, 103_001, 7, ""),
    ]
    assert len({flow.flow_id for flow in book.ledger.cash_flow}) == 4


def test_finished_orders_are_kept_apart():
    book = Book()
    order = Order(1, 2, EURUSD, BUY, STEP, MARKET, 5)
    book.ledger.orders[1] = order
    book.ledger.finish(order, CANCELLED, 9)
    assert (book.ledger.orders, book.ledger.past_orders) == ({}, {1: order})
    assert (order.status, order.closed_at, order.updated_at) == (CANCELLED, 9, 9)


def test_open_positions_are_told_the_oldest_first():
    book = Book()
    late, early = Position(1, EURUSD, BUY), Position(2, EURUSD, SELL)
    book.ledger.positions[1] = late
    book.open(STEP, position=early)
    gold = book.open(100, symbol_id=41)
    assert book.ledger.open_positions() == [early, gold]
    book.open(STEP, position=late)
    assert book.ledger.open_positions() == [early, gold, late]
    assert book.ledger.open_positions(EURUSD) == [early, late]


# -------------------------------------------------------------------------------------------------------- random flows

ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["open", "add", "close", "swap", "deposit"]),
        st.integers(0, 20),  # which position
        st.integers(1, 30),  # steps
        st.integers(111_000, 113_000),  # price, or money
        st.sampled_from([BUY, SELL]),
    ),
    max_size=60,
)


class Listed:
    """What a position holds, kept in the plainest way: one entry for each step of volume."""

    def __init__(self) -> None:
        self.prices: list[int] = []
        self.charged = 0
        self.booked = 0
        self.swap = 0
        self.swap_booked = 0


@given(ORDERS, st.sampled_from([0, 1, 7_000_000, 250_000_000, 333_333_333]), st.sampled_from([1.0, 0.8, 151.37]))
def test_whatever_is_traded_the_book_agrees_with_a_plain_list_and_the_balance_with_its_sum(flow, commission_rate, rate):
    book = Book(Still(commission_rate=commission_rate), balance=1_000_000)
    listed: list[tuple[Position, Listed]] = []
    changes, expected = 0, 1_000_000
    for what, which, steps, price, side in flow:
        if what == "deposit":
            book.ledger.deposit(price - 112_000, book.now)
            changes, expected = changes + 1, expected + price - 112_000
            continue
        living = [pair for pair in listed if pair[0].status == OPEN]
        if what == "open" or not living:
            position, model = book.open(steps * STEP, side=side, price=price), Listed()
            model.prices, model.charged = [price] * steps, position.commission
            listed.append((position, model))
            continue
        position, model = living[which % len(living)]
        if what == "add":
            before = position.commission
            book.open(steps * STEP, position=position, price=price)
            model.prices += [price] * steps
            model.charged += position.commission - before
        elif what == "swap":
            position.swap += price - 112_000
            model.swap += price - 112_000
        else:
            steps = min(steps, len(model.prices))
            closed, model.prices = model.prices[:steps], model.prices[steps:]
            deal = book.close(position, steps * STEP, price, rate=rate, fee_rate=70)
            detail = deal.detail
            assert detail is not None
            assert detail.entry_price == Fraction(sum(closed), steps)
            sign = 1 if position.side == BUY else -1
            won = sign * sum(price - entry for entry in closed) * Fraction(STEP, 10**7) * Fraction(str(rate)) * 100
            assert abs(detail.gross - won) <= Fraction(1, 2)
            assert 0 <= -detail.fee - abs(detail.gross) * Fraction(70, 10_000) < 1
            assert sum(volume for _, volume in detail.offsets) == steps * STEP
            model.charged += deal.commission
            model.booked += detail.commission
            model.swap_booked += detail.swap
            changes += 1
            expected += detail.gross + detail.swap + detail.commission + detail.fee
            assert (detail.balance, detail.balance_version) == (expected, 1 + changes)
        volume = len(model.prices)
        assert position.volume == volume * STEP
        assert position.exact_price == (Fraction(sum(model.prices), volume) if volume else 0)
        # nothing is lost to rounding: what was charged is booked or still there
        assert model.charged == model.booked + position.commission
        assert model.swap == model.swap_booked + position.swap
        assert position.status == (OPEN if volume else CLOSED)
    assert (book.account.balance, book.account.balance_version) == (expected, 1 + changes)
    assert set(book.ledger.positions) == {position.position_id for position, model in listed if model.prices}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.data(), st.sampled_from([1, 7_000_000, 250_000_000]))
def test_the_commission_of_partial_closes_adds_up_to_that_of_the_whole(lots, data, commission_rate):
    def built() -> tuple[Book, Position]:
        book = Book(Still(commission_rate=commission_rate))
        position = Position(book.ids.position(), EURUSD, BUY)
        for steps in lots:
            book.open(steps * STEP, position=position, price=112_000)
        return book, position

    (whole, one), (parts, other) = built(), built()
    opened = one.commission
    closing = whole.close(one, one.volume, 112_000)
    assert closing.detail.commission == opened + closing.commission
    booked, charged = 0, 0
    while other.volume:
        before, held = other.commission, other.volume
        steps = data.draw(st.integers(1, held // STEP))
        deal = parts.close(other, steps * STEP, 112_000)
        booked, charged = booked + deal.detail.commission, charged + deal.commission
        # what stays open keeps no more than its share
        assert -other.commission <= Fraction(-before * other.volume, held) or len(lots) > 1
    assert booked - charged == opened
    assert -charged - -closing.commission < len(parts.ledger.deals)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(111_000, 113_000)), min_size=1, max_size=8), st.data())
def test_either_side_wins_what_the_other_loses(lots, data):
    """Two books, one the mirror of the other, in a market without commission."""
    books = [Book(Still(commission_rate=0), balance=0) for _ in range(2)]
    positions = [Position(book.ids.position(), EURUSD, side) for book, side in zip(books, (BUY, SELL), strict=True)]
    for steps, price in lots:
        for book, position in zip(books, positions, strict=True):
            book.open(steps * STEP, position=position, price=price)
    while positions[0].volume:
        steps = data.draw(st.integers(1, positions[0].volume // STEP))
        for book, position in zip(books, positions, strict=True):
            assert opposite(position.side) == book.close(position, steps * STEP, 112_000).side
        assert books[0].account.balance == -books[1].account.balance
