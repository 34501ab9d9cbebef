"""Batches: what is refused, and how they are cut by days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.recording.spans import united
from ctrader_twisted.recording.store import Batch, Cover
from ctrader_twisted.recording.tables import DAY, LATEST, day_of
from tests.recording.recorded import bars, batch

TIMES = st.lists(st.integers(0, 4 * DAY), max_size=6)
COVERS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4 * DAY), st.integers(1, 3 * DAY)).map(
        lambda made: Cover(made[0], made[1], made[1] + made[2])
    ),
    max_size=3,
).map(tuple)


def spans(batches: list[Batch]) -> dict[str, list[tuple[int, int]]]:
    covers = [cover for each in batches for cover in each.covered]
    return {stream: united(cover[1:] for cover in covers if cover.stream == stream) for stream, _, _ in covers}


@given(st.booleans(), TIMES, COVERS)
def test_a_batch_is_cut_by_days(arrays: bool, times: list[int], covered: tuple[Cover, ...]) -> None:
    whole = bars(times, covered=covered)
    if arrays:
        whole = Batch(
            "bars", "demo", 7, {name: np.array(column) for name, column in whole.columns.items()}, whole.covered
        )
    parts = whole.days()
    days = [part.day for part in parts]
    assert days == sorted(set(days))
    for part in parts:
        assert all(day_of(time) == part.day for time in part.columns["time"])
        assert all(day_of(cover.start) == day_of(cover.end - 1) == part.day for cover in part.covered)
        assert [type(column) for column in part.columns.values()] == [type(each) for each in whole.columns.values()]
    assert sorted(int(time) for part in parts for time in part.columns["time"]) == sorted(times)
    assert spans(parts) == spans([whole])
    if len(parts) != 1:
        with pytest.raises(ValueError, match=f"a batch of {len(parts)} days"):
            _ = whole.day


def test_rows_stay_together_when_a_batch_is_cut() -> None:
    first, second = Batch(
        **{
            "kind": "account_events",
            "environment": "demo",
            "account_id": 7,
            "columns": {
                "time": [DAY, DAY - 1, DAY + 1],
                "event": ["b", "a", "c"],
                "document": ["B", "A", "C"],
                "key": [None, "1", "3"],
                "source": ["live"] * 3,
            },
        }
    ).days()
    assert first.columns == {"time": [DAY - 1], "event": ["a"], "document": ["A"], "key": ["1"], "source": ["live"]}
    assert (second.columns["document"], second.columns["key"]) == (["B", "C"], [None, "3"])


def test_covers_alone_are_a_batch() -> None:
    made = Batch.of_covers("quotes", "demo", 7, (Cover("quotes/EURUSD", 5, 9),))
    assert (len(made), made.day) == (0, 0)
    assert Batch.of_covers("quotes", "demo", 7, ()).days() == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": "trades"}, "no table 'trades': there are quotes, bars, account_events"),
        ({"columns": {"time": []}}, "quotes has the columns time, received, symbol, bid, ask, source, not time$"),
        ({"columns": {**batch(1).columns, "bid": []}}, "columns of different lengths in a batch of quotes"),
        ({"columns": {**batch(1).columns, "time": [-1] * 7}}, "a time of quotes that can't be: -1 to"),
        ({"columns": {**batch(1).columns, "time": [LATEST + 1] * 7}}, "a time of quotes that can't be"),
        ({"covered": (Cover("quotes/X", 5, 5),)}, "covers nothing"),
        ({"covered": (Cover("quotes/X", -5, 5),)}, "a time of quotes that can't be: -5 to"),
    ],
)
def test_what_is_no_batch_is_refused(changed: dict[str, Any], why: str) -> None:
    made = batch(1)
    fields = {"kind": "quotes", "environment": "demo", "account_id": 7, "columns": made.columns, "covered": ()}
    with pytest.raises(ValueError, match=why):
        Batch(**(fields | changed))
