from __future__ import annotations

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market.joining import Joining, Side, join

Tick = tuple[int, int]

ticks = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 99)), max_size=30).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)
EPOCHS = st.sampled_from([0, 1_784_000_000_000])


def side(rows: list[Tick], since: int = 0) -> Side:
    columns = np.array(rows, np.int64).reshape(-1, 2)
    return Side(columns[:, 0] + since, columns[:, 1])


def by_hand(bids: list[Tick], asks: list[Tick]) -> list[tuple[int, int, int]]:
    """Walk through the ms: the nth changes of both sides there make the nth quote."""
    found = []
    bid = ask = None
    grouped = [
        {at: [price for _, price in rows] for at, rows in groupby(each, lambda row: row[0])} for each in (bids, asks)
    ]
    for at in sorted({*grouped[0], *grouped[1]}):
        changes = [each.get(at, []) for each in grouped]
        for place in range(max(map(len, changes))):
            bid = changes[0][place] if place < len(changes[0]) else bid
            ask = changes[1][place] if place < len(changes[1]) else ask
            if bid is not None and ask is not None:
                found.append((at, bid, ask))
    return found


def rows(joined) -> list[tuple[int, int, int]]:
    assert {column.dtype.str for column in joined} == {"<i8"}
    return list(zip(*(column.tolist() for column in joined), strict=True))


@given(ticks, ticks, EPOCHS)
def test_each_change_of_either_side_makes_a_quote(bids: list[Tick], asks: list[Tick], since: int) -> None:
    joined = rows(join(side(bids, since), side(asks, since)))
    assert [(at - since, bid, ask) for at, bid, ask in joined] == by_hand(bids, asks)


@given(ticks, ticks, st.lists(st.integers(0, 31), max_size=4), EPOCHS)
def test_in_pieces_it_is_the_same(bids: list[Tick], asks: list[Tick], cuts: list[int], since: int) -> None:
    joining = Joining()
    found = []
    for first, stop in zip((-1, *sorted(cuts)), (*sorted(cuts), 99), strict=True):
        pieces = [side([row for row in each if first <= row[0] < stop], since) for each in (bids, asks)]
        found += rows(joining.feed(*pieces))
    assert found == rows(join(side(bids, since), side(asks, since)))


def test_before_both_sides_are_known_there_is_no_quote() -> None:
    bids = [(1, 10), (2, 11), (5, 12)]
    assert rows(join(side(bids), side([(3, 20)]))) == [(3, 11, 20), (5, 12, 20)]
    assert rows(join(side(bids), side([]))) == []
    assert rows(join(side([]), side([]))) == []
