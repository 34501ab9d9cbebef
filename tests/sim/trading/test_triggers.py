"""When stops, limits and trailing stops are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.feed import Tick
from ctrader_twisted.sim.trading import triggers
from ctrader_twisted.sim.trading.triggers import DOUBLE_OPPOSITE, DOUBLE_TRADE, OPPOSITE, TRADE, Stops

BUY, SELL = 1, 2


def tick(bid: int, ask: int, *, bids: bool = True, asks: bool = True) -> Tick:
    return Tick(0, bid, ask, bids, asks)


@pytest.mark.parametrize(
    ("side", "method", "reached", "short"),
    [
        (BUY, TRADE, (97, 100), (99, 99)),
        (BUY, OPPOSITE, (100, 105), (99, 105)),
        (SELL, TRADE, (100, 103), (101, 101)),
        (SELL, OPPOSITE, (95, 100), (95, 101)),
    ],
)
def test_a_stop_watches_the_price_its_method_says(side, method, reached, short):
    assert triggers.stop_reached(side, 100, method, tick(*reached))
    assert not triggers.stop_reached(side, 100, method, tick(*short))
    assert Stops().due(1, side, 100, method, tick(*reached))


def test_a_limit_is_reached_by_what_it_would_be_filled_at():
    assert triggers.limit_reached(BUY, 100, tick(90, 100))
    assert not triggers.limit_reached(BUY, 100, tick(90, 101))
    assert triggers.limit_reached(SELL, 100, tick(100, 110))
    assert not triggers.limit_reached(SELL, 100, tick(99, 100))


@pytest.mark.parametrize(
    ("side", "method", "at", "away"),
    [
        (BUY, DOUBLE_TRADE, (97, 100), (97, 99)),
        (BUY, DOUBLE_OPPOSITE, (100, 103), (99, 103)),
        (SELL, DOUBLE_TRADE, (100, 103), (101, 103)),
        (SELL, DOUBLE_OPPOSITE, (97, 100), (97, 101)),
    ],
)
def test_double_methods_want_two_consecutive_ticks(side, method, at, away):
    stops = Stops()
    said = [stops.due(1, side, 100, method, tick(*prices)) for prices in (at, away, at, at)]
    assert said == [False, False, False, True]
    watches_ask = triggers.watches_ask(side, method)
    assert not stops.due(2, side, 100, method, tick(*at))
    # A tick that does not bring the price that is watched neither counts nor interrupts.
    assert not stops.due(2, side, 100, method, tick(*at, bids=watches_ask, asks=not watches_ask))
    assert stops.due(2, side, 100, method, tick(*at))


def test_what_was_changed_begins_anew():
    stops = Stops()
    assert not stops.due(1, BUY, 100, DOUBLE_TRADE, tick(97, 100))
    stops.forget(1)
    assert not stops.due(1, BUY, 100, DOUBLE_TRADE, tick(97, 100))
    assert stops.due(1, BUY, 100, DOUBLE_TRADE, tick(97, 100))


def test_a_trailing_stop_keeps_its_distance_from_the_price_it_watches():
    assert triggers.distance(BUY, 90, TRADE, tick(100, 103)) == 10
    assert triggers.distance(SELL, 110, TRADE, tick(100, 103)) == 7
    assert triggers.distance(BUY, 90, OPPOSITE, tick(100, 103)) == 13
    assert triggers.distance(BUY, 100, TRADE, tick(100, 103)) == 1
    assert triggers.trailed(BUY, 90, 10, TRADE, tick(101, 103)) == 91
    assert triggers.trailed(BUY, 90, 10, TRADE, tick(100, 103)) is None
    assert triggers.trailed(SELL, 110, 7, TRADE, tick(95, 98)) == 105
    assert triggers.trailed(SELL, 110, 7, TRADE, tick(95, 104)) is None


@given(
    side=st.sampled_from([BUY, SELL]),
    moves=st.lists(st.tuples(st.integers(50, 150), st.integers(0, 9)), min_size=1),
)
def test_it_never_goes_back_and_never_comes_nearer(side, moves):
    first = tick(100, 101)
    stop = 80 if side == BUY else 121
    kept = triggers.distance(side, stop, TRADE, first)
    for bid, spread in moves:
        now = tick(bid, bid + spread)
        level = triggers.trailed(side, stop, kept, TRADE, now)
        if level is not None:
            assert level > stop if side == BUY else level < stop
            stop = level
            assert (now.bid - stop if side == BUY else stop - now.ask) == kept
