"""Small charts in a line of text."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.cli.sparkline import WIDEST, Trail


def trail(*prices: object) -> Trail:
    made = Trail()
    for price in prices:
        made.add(Decimal(str(price)))
    return made


@pytest.mark.parametrize(
    ("prices", "drawn"),
    [
        ((), ""),
        ((5,), "▄"),
        ((5, 5, 5), "▄▄▄"),
        ((1, 2), "▁█"),
        ((1.10000, 1.10007, 1.10003), "▁█▄"),
        (range(8), "▁▂▃▄▅▆▇█"),
        (range(7, -1, -1), "█▇▆▅▄▃▂▁"),
    ],
)
def test_prices_are_heights(prices: tuple[object, ...], drawn: str) -> None:
    assert trail(*prices).drawn(20) == drawn


def test_what_has_no_room_is_left_out_evenly() -> None:
    assert trail(*range(16)).drawn(8) == "▁▂▃▄▅▆▇█"
    assert trail(1, 2).drawn(0) == ""


@given(st.lists(st.integers(1, 1000), max_size=500), st.integers(1, WIDEST))
def test_it_is_never_too_long_and_ends_with_the_newest_price(prices: list[int], width: int) -> None:
    drawn = trail(*prices).drawn(width)
    assert len(drawn) == min(width, len(drawn)) and bool(drawn) is bool(prices)
    if len(prices) > 2 and len(drawn) > 1:
        highest = trail(*prices, 2000).drawn(width)
        assert highest[-1] == "█" and highest.count("█") == 1


def test_a_long_time_is_shown_from_its_beginning() -> None:
    drawn = trail(*range(10_000)).drawn(8)
    assert drawn == "▁▂▃▄▅▆▇█"


def test_the_newest_price_is_the_last_block_however_many_there_were() -> None:
    for count in range(2, 300):
        drawn = trail(*[5] * (count - 1), 9).drawn(WIDEST)
        assert drawn[-1] == "█" and drawn.count("█") == 1, count
