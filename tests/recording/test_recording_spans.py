"""Spans of time against the plain meaning: sets of milliseconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.recording.spans import holes, united

MOMENTS = st.integers(0, 40)
SPANS = st.lists(st.tuples(MOMENTS, MOMENTS), max_size=8)


def milliseconds(spans: list[tuple[int, int]]) -> set[int]:
    return {ms for start, end in spans for ms in range(start, end)}


def assert_tidy(spans: list[tuple[int, int]]) -> None:
    """Ascending, none empty, none touching the next."""
    assert all(start < end for start, end in spans)
    assert all(end < start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


@given(SPANS)
def test_united_spans_cover_the_same_and_are_as_few_as_can_be(spans: list[tuple[int, int]]) -> None:
    made = united(spans)
    assert milliseconds(made) == milliseconds(spans)
    assert_tidy(made)


@given(SPANS, MOMENTS, MOMENTS)
def test_holes_are_what_is_not_covered(spans: list[tuple[int, int]], start: int, end: int) -> None:
    made = holes(spans, start, end)
    assert milliseconds(made) == milliseconds([(start, end)]) - milliseconds(spans)
    assert_tidy(made)


def test_spans_that_touch_become_one() -> None:
    assert united([(5, 7), (0, 5), (9, 9), (10, 11)]) == [(0, 7), (10, 11)]
