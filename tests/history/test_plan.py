"""The plan against a server made up here, whose oddities are options: no row lost, none twice, always an end."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrader_twisted.errors import NoProgress
from ctrader_twisted.history.plan import Ask, Span, Walk, Widths

Row = tuple[int, int]


@dataclass
class Server:
    """History, and how it is served: the newest page of what is asked for.

    :ivar newest_first: as ticks come; bars come oldest first.
    :ivar silent: it does not say whether there is more.
    :ivar shuffled: the rows of a page come in any order.
    :ivar beyond: rows older than asked for that come along.
    :ivar repeats: numbers of the pages instead of which the one before comes again.
    :ivar one_less: every other page has a row less than it may have.
    """

    rows: list[Row]
    page: int
    newest_first: bool
    silent: bool = False
    shuffled: bool = False
    beyond: int = 0
    one_less: bool = False
    repeats: frozenset[int] = frozenset()
    widest: int | None = None
    asked: list[Ask] = field(default_factory=list)
    given: tuple[list[Row], bool] = ((), False)  # type: ignore[assignment]

    def answer(self, ask: Ask) -> tuple[list[Row], bool | None] | None:
        """Give a page; None if too much was asked for."""
        if self.widest is not None and ask.last - ask.first > self.widest:
            return None
        self.asked.append(ask)
        if len(self.asked) - 1 not in self.repeats:
            before = [row for row in self.rows if row[0] <= ask.last]
            within = [row for row in before if row[0] >= ask.first]
            size = self.page - (self.one_less and len(self.asked) % 2)
            page = within[-size:] if len(within) > size else before[-len(within) - self.beyond :] if within else []
            self.given = page, len(within) > size
        page, more = self.given
        page = page[::-1] if self.newest_first else list(page)
        if self.shuffled:
            Random(len(self.asked)).shuffle(page)
        return page, None if self.silent else more


def fetch(server: Server, walk: Walk, most: int = 5_000) -> list[Row]:
    """Follow a plan to its end, and give what it took in ascending order."""
    forward, windows, pieces = walk._forward, [], []
    for _ in range(most):
        ask = walk.ask()
        if ask is None:
            assert not pieces
            windows = windows if forward else windows[::-1]
            return [row for window in windows for row in window]
        assert ask.first <= ask.last
        answered = server.answer(ask)
        if answered is None:
            assert walk.narrow()
            continue
        page, has_more = answered
        columns = np.array(page, np.int64).reshape(-1, 2)
        taken = walk.take(columns[:, 0], columns[:, 1], has_more)
        pieces.insert(0, [page[row] for row in np.arange(len(page))[taken.rows]])
        if taken.complete:
            windows.append([row for piece in pieces for row in piece])
            pieces.clear()
    raise AssertionError(f"no end after {most} pages")


def walks(start: int, end: int, first: int, *, unique: bool) -> list[Walk]:
    widths = Widths(first, 8 * first, 1)
    return [Walk(start, end, widths, unique=unique, forward=forward) for forward in (True, False)]


@st.composite
def bars(draw) -> list[Row]:
    times = sorted(draw(st.sets(st.integers(0, 400), max_size=60)))
    return [(time, time * 7) for time in times]


@st.composite
def ticks(draw) -> list[Row]:
    """Several of a ms, and of one price there too."""
    times = sorted(draw(st.lists(st.integers(0, 60), max_size=60)))
    return [(time, draw(st.integers(1, 3))) for time in times]


spans = st.tuples(st.integers(0, 450), st.integers(0, 450))
oddities = st.fixed_dictionaries(
    {"silent": st.booleans(), "beyond": st.integers(0, 3), "widest": st.none() | st.integers(1, 100)}
)


@settings(max_examples=300)
@given(bars(), spans, st.integers(2, 9), st.integers(1, 200), oddities, st.booleans(), st.booleans())
def test_every_bar_of_a_span_once_and_in_order(rows, span, page, width, odd, shuffled, one_less) -> None:
    for walk in walks(*span, width, unique=True):
        server = Server(rows, page, newest_first=False, shuffled=shuffled, one_less=one_less, **odd)
        assert fetch(server, walk) == [row for row in rows if span[0] <= row[0] < span[1]]


@settings(max_examples=300)
@given(ticks(), spans, st.integers(0, 9), st.integers(1, 50), oddities)
def test_every_tick_of_a_span_once_and_in_order(rows, span, spare, width, odd) -> None:
    """A page holds all ticks of one ms; a server of smaller pages keeps the others to itself."""
    most_at_once = max((sum(row[0] == time for row in rows) for time in {row[0] for row in rows}), default=1)
    start, end = span[0] % 70, span[1] % 70
    for walk in walks(start, end, width, unique=False):
        server = Server(rows, most_at_once + spare, newest_first=True, **odd)
        assert fetch(server, walk) == [row for row in rows if start <= row[0] < end]


@settings(max_examples=150)
@given(ticks(), st.integers(0, 9))
def test_ticks_out_of_order_are_put_in_order(rows, spare) -> None:
    most_at_once = max((sum(row[0] == time for row in rows) for time in {row[0] for row in rows}), default=1)
    for walk in walks(0, 61, 20, unique=False):
        got = fetch(Server(rows, most_at_once + spare, newest_first=True, shuffled=True), walk)
        assert sorted(got) == sorted(rows)
        assert [time for time, _ in got] == [time for time, _ in rows]


@settings(max_examples=150)
@given(bars() | ticks(), st.integers(4, 9), st.integers(0, 6))
def test_a_page_that_comes_again_once_costs_nothing(rows, page, number) -> None:
    unique = len({time for time, _ in rows}) == len(rows)
    server = Server(rows, 60 if not unique else page, newest_first=not unique, repeats=frozenset({number + 1}))
    walk = Walk(0, 500, Widths(500, 500, 1), unique=unique, forward=False)
    assert fetch(server, walk) == rows


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_that_comes_again_and_again_is_an_error(newest_first: bool) -> None:
    rows = [(time, 1) for time in range(100)]
    for walk in walks(0, 100, 100, unique=not newest_first):
        server = Server(rows, 10, newest_first=newest_first, repeats=frozenset(range(3, 1000)))
        with pytest.raises(NoProgress) as caught:
            fetch(server, walk)
        assert caught.value.before == (73 if newest_first else 70)
        assert len(server.asked) <= 6


@pytest.mark.parametrize("unique", [True, False])
def test_more_and_nothing_is_an_error(unique: bool) -> None:
    span = Span(0, 100, unique=unique)
    nothing = np.zeros(0, np.int64)
    span.take(nothing, nothing, True)
    with pytest.raises(NoProgress, match="before 100 ms"):
        span.take(nothing, nothing, True)


def test_what_is_newer_than_asked_for_is_no_progress() -> None:
    span = Span(0, 100, unique=True)
    newer = np.arange(100, 110)
    span.take(newer, newer, True)
    with pytest.raises(NoProgress):
        span.take(newer, newer, True)


def test_a_row_that_comes_twice_in_a_page_is_taken_once() -> None:
    span = Span(0, 100, unique=True)
    times = np.array([50, 30, 50, 40, 30])
    assert times[span.take(times, times, False)].tolist() == [30, 40, 50]


def test_a_ms_that_fills_a_page_is_passed() -> None:
    """What else there is of it can't be had: nobody can ask for less than a ms."""
    rows = [(1, 1), (2, 2), *[(5, price) for price in range(10)], (9, 9)]
    server = Server(rows, 4, newest_first=True)
    got = fetch(server, Walk(0, 10, Widths(10, 10, 1), unique=False, forward=False))
    assert got == [(1, 1), (2, 2), *[(5, price) for price in (6, 7, 8, 9)], (9, 9)]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("start", "end"), [(50, 50), (51, 50)])
def test_nothing_is_asked_for_an_empty_span(start: int, end: int, forward: bool) -> None:
    assert Walk(start, end, Widths(10, 10, 1), unique=True, forward=forward).ask() is None


def test_windows_widen_over_emptiness_and_narrow_where_there_is_much() -> None:
    rows = [(time, 0) for time in range(9_000, 11_000)]
    server = Server(rows, 10, newest_first=False)
    assert fetch(server, Walk(0, 11_000, Widths(10, 1280, 1), unique=True, forward=True)) == rows
    asked = [ask.last - ask.first + 1 for ask in server.asked]
    assert asked[:8] == [10, 20, 40, 80, 160, 320, 640, 1280]
    assert 200 < len(server.asked) < 220  # of 2000 rows in pages of 10
    late = [ask.last - ask.first + 1 for ask in server.asked if ask.first > 10_500]
    assert 10 < max(late) <= 40


def test_too_wide_is_half_from_then_on_and_never_less_than_the_narrowest() -> None:
    walk = Walk(0, 1_000, Widths(400, 400, 150), unique=True, forward=True)
    assert walk.ask() == (0, 399)
    assert walk.narrow()
    assert walk.ask() == (0, 199)
    assert walk.narrow()
    assert walk.ask() == (0, 149)
    assert not walk.narrow()
    nothing = np.zeros(0, np.int64)
    for begin in range(0, 1_000, 150):
        assert walk.ask() == (begin, min(begin + 150, 1_000) - 1)
        walk.take(nothing, nothing, False)
    assert walk.ask() is None


def test_what_has_given_a_page_was_not_too_wide() -> None:
    walk = Walk(0, 1_000, Widths(400, 400, 1), unique=True, forward=True)
    walk.ask()
    walk.take(np.array([399]), np.array([0]), True)
    assert not walk.narrow()


def test_how_far_it_was_got() -> None:
    rows = np.array([80, 90])
    backward = Walk(0, 100, Widths(50, 1_000, 1), unique=True, forward=False)
    backward.ask()
    backward.take(rows, rows, True)
    assert backward.reached == 80
    forward = Walk(0, 100, Widths(95, 95, 1), unique=True, forward=True)
    forward.ask()
    forward.take(rows, rows, True)
    assert forward.reached == 0  # the window's older rows are still to come
    forward.take(rows[:0], rows[:0], False)
    assert forward.reached == 95
