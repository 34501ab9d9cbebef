"""Sides of many events at once, held event by event to `market.Quotes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import Quotes
from ctrader_twisted.market.light import ABSENT, LightQuote, SpotColumns
from ctrader_twisted.recording.sides import Sides
from ctrader_twisted.recording.tables import DAY, LATEST, QUOTES

if TYPE_CHECKING:
    from collections.abc import Iterable

ACCOUNT = 1000001
NAMES = {1: ("EURUSD", 5), 2: ("US 30", 1), 3: ("#AAPL", 2)}
PRICES = st.sampled_from([ABSENT, 100_000, 100_001, 110_050])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4]),
        PRICES,
        PRICES,
        st.sampled_from([ABSENT, 0, 5, 6, 7, 8, 9, DAY, DAY + 100, LATEST + 1]),
    ),
    max_size=30,
)
Event = tuple[int, int, int, int]


def columns(events: Iterable[Event]) -> SpotColumns:
    table = np.array(list(events), np.int64).reshape(-1, 4)
    ids, bid, ask, at = table.T
    return SpotColumns(np.full(len(table), ACCOUNT), ids, bid, ask, np.full(len(table), ABSENT), at)


class EventByEvent:
    """What `Sides` says, said slowly."""

    def __init__(self) -> None:
        self.exact, self.rounded = Quotes(), Quotes()
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}

    def take(self, event: Event, received: int) -> tuple[Any, ...] | None:
        symbol_id, bid, ask, at = event
        if symbol_id not in NAMES or (bid == ABSENT and ask == ABSENT):
            return None
        name, digits = NAMES[symbol_id]
        at = at if 0 < at <= received + DAY else received
        light = LightQuote(ACCOUNT, symbol_id, None if bid == ABSENT else bid, None if ask == ABSENT else ask, at)
        before = self.exact.get(symbol_id)
        after, rounded = self.exact.feed(light), self.rounded.feed(light, digits)
        last = self.last.get(name, -1)
        self.last[name] = max(last, at)
        if rounded.bid is None or rounded.ask is None:
            return None
        if before is None or before.bid is None or before.ask is None:
            self.first[name] = at + 1
            return None
        if at <= last and (before.bid, before.ask) == (after.bid, after.ask):
            return None
        return at, received, name, float(rounded.bid), float(rounded.ask)


@given(EVENTS, st.lists(st.integers(0, 30), max_size=4))
def test_rows_are_those_of_event_by_event(events: list[Event], cuts: list[int]) -> None:
    sides, slowly = Sides(NAMES), EventByEvent()
    bounds = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    for start, end in zip(bounds, bounds[1:], strict=False):
        received = np.arange(start, end) // 3 + 3
        rows = sides.take(columns(events[start:end]), received)
        expected = []
        for event, at in zip(events[start:end], received.tolist(), strict=True):
            row = slowly.take(event, at)
            if row is not None:
                expected.append(row)
        columns_ = rows.columns()
        fields = [columns_[name] for name in ("time", "received", "symbol", "bid", "ask")]
        assert list(zip(*(field.tolist() for field in fields), strict=True)) == expected
    assert (sides.first, sides.last) == (slowly.first, slowly.last)


def test_after_a_loss_both_sides_have_to_be_told_anew() -> None:
    sides = Sides(NAMES)
    first = sides.take(columns([(1, 100_000, 100_010, 5), (1, 100_001, ABSENT, 6)]), np.array([9, 9]))
    assert (first.bid.tolist(), first.ask.tolist(), sides.first) == ([1.00001], [1.0001], {"EURUSD": 6})
    sides.forget()
    assert (sides.first, sides.last) == ({}, {})
    assert len(sides.take(columns([(1, 100_002, ABSENT, 7), (1, ABSENT, 100_020, 8)]), np.array([9, 9]))) == 0
    assert sides.first == {"EURUSD": 9}


def test_rows_are_columns_of_quotes() -> None:
    made = Sides(NAMES).take(columns([(3, 1_000_000, 1_000_100, 5)] * 2 + [(3, 1_001_000, ABSENT, 6)]), np.arange(3))
    columns_ = made.columns("history")
    assert set(columns_) == set(QUOTES.columns)
    assert {name: column.tolist() for name, column in columns_.items()} == {
        "time": [6],
        "received": [2],
        "symbol": ["#AAPL"],
        "bid": [10.01],
        "ask": [10.0],
        "source": ["history"],
    }
