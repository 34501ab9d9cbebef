"""What a volume is filled at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.books import Level
from ctrader_twisted.sim.trading.matching import Piece, at_best, pieces, within

BUY, SELL = 1, 2
ASKS = [Level(1, False, 100, 500), Level(2, False, 103, 1000), Level(3, False, 110, 200)]
BIDS = [Level(4, True, 99, 500), Level(5, True, 95, 1000)]


def test_each_level_is_a_piece_the_best_first():
    assert pieces(BUY, 300, ASKS) == [Piece(100, 300)]
    assert pieces(BUY, 500, ASKS) == [Piece(100, 500)]
    assert pieces(BUY, 1_600, ASKS) == [Piece(100, 500), Piece(103, 1000), Piece(110, 100)]
    assert pieces(SELL, 600, BIDS) == [Piece(99, 500), Piece(95, 100)]


def test_what_the_levels_do_not_hold_is_left_or_filled_at_the_last():
    assert pieces(BUY, 2_000, ASKS) == [Piece(100, 500), Piece(103, 1000), Piece(110, 200)]
    assert pieces(BUY, 2_000, ASKS, bottomless=True) == [Piece(100, 500), Piece(103, 1000), Piece(110, 500)]
    assert pieces(BUY, 2_000, [], bottomless=True) == []


def test_a_limit_ends_it():
    assert pieces(BUY, 600, ASKS, limit=102) == [Piece(100, 500)]
    assert pieces(BUY, 600, ASKS, limit=103) == [Piece(100, 500), Piece(103, 100)]
    assert pieces(BUY, 600, ASKS, limit=99) == []
    assert pieces(SELL, 600, BIDS, limit=96) == [Piece(99, 500)]
    assert pieces(SELL, 600, BIDS, limit=100) == []
    assert within(BUY, 5, None) and within(SELL, 5, None)


def test_a_piece_is_a_multiple_of_the_step_but_what_is_left():
    odd = [Level(1, False, 100, 250), Level(2, False, 101, 50), Level(3, False, 102, 900)]
    assert pieces(BUY, 700, odd, step=100) == [Piece(100, 200), Piece(101, 100), Piece(102, 400)]


def test_the_best_price_may_hold_any_amount():
    assert at_best(BUY, 10**12, 100) == [Piece(100, 10**12)]
    assert at_best(BUY, 5, 100, limit=99) == [] == at_best(SELL, 5, 100, limit=101)
    assert at_best(BUY, 0, 100) == []


@given(
    volume=st.integers(1, 100).map(lambda steps: steps * 10),
    sizes=st.lists(st.integers(1, 400), max_size=5),
    limit=st.none() | st.integers(99, 106),
    bottomless=st.booleans(),
)
def test_no_more_than_asked_and_none_beyond_the_limit(volume, sizes, limit, bottomless):
    levels = [Level(number, False, 100 + number, size) for number, size in enumerate(sizes)]
    found = pieces(BUY, volume, levels, step=10, limit=limit, bottomless=bottomless)
    total = sum(piece.volume for piece in found)
    assert total <= volume
    assert all(piece.volume % 10 == 0 and piece.volume > 0 for piece in found)
    assert all(limit is None or piece.price <= limit for piece in found)
    assert [piece.price for piece in found] == sorted({piece.price for piece in found})
    if bottomless and found:
        assert total == volume
