"""The plan against a server made up here, whose oddities are options: no row lost, none twice, always an end."""

from __future__ import annotations

from collections import Counter, deque
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
    """History, and how it is served.

    :ivar newest_first: as ticks come; bars come oldest first.
    :ivar keeps: which end of what is asked for a page keeps: the newest rows, as observed, or the oldest.
    :ivar more: whether it says that there is more: ``"left out"``, if it left rows out; ``"full"``, if a page is full,
        which it may be without; ``"silent"``, if it does not say.
    :ivar shuffled: the rows of a page come in any order.
    :ivar beyond: rows older than asked for that come along.
    :ivar one_less: every other page has a row less than it may have.
    :ivar repeats: numbers of the requests that are answered with the page before, unless that was empty.
    """

    rows: list[Row]
    page: int
    newest_first: bool
    keeps: str = "newest"
    more: str = "left out"
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
        if len(self.asked) - 1 not in self.repeats or not self.given[0]:
            before = [row for row in self.rows if row[0] <= ask.last]
            within = [row for row in before if row[0] >= ask.first]
            size = self.page - (self.one_less and len(self.asked) % 2)
            if len(within) <= size:
                page = before[-len(within) - self.beyond :] if within else []
            else:
                page = within[-size:] if self.keeps == "newest" else within[:size]
            self.given = page, len(within) >= size if self.more == "full" else len(within) > size
        page, more = self.given
        page = page[::-1] if self.newest_first else list(page)
        if self.shuffled:
            Random(len(self.asked)).shuffle(page)
        return page, None if self.more == "silent" else more


def fetch(server: Server, walk: Walk, most: int = 5_000) -> list[Row]:
    """Follow a plan to its end, and give what it took in ascending order."""
    forward, windows = walk._forward, []
    pieces: deque[list[Row]] = deque()
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
        piece = [page[row] for row in np.arange(len(page))[taken.rows]]
        (pieces.append if taken.newer else pieces.appendleft)(piece)
        if taken.complete:
            windows.append([row for piece in pieces for row in piece])
            pieces.clear()
        check_what_is_claimed(server, walk, windows, pieces)
    raise AssertionError(f"no end after {most} pages")


def check_what_is_claimed(server: Server, walk: Walk, windows: list[list[Row]], pieces: deque[list[Row]]) -> None:
    """Hold what was taken against what a walk says it has got: it can be gone on from there at any moment."""
    passed = set(walk.passed)
    if walk._forward:
        got = [row for window in windows for row in window]
        claimed = [row for row in server.rows if walk._start <= row[0] < walk.reached]
    else:
        got = [row for window in [*windows, *pieces] for row in window if row[0] >= walk.reached]
        claimed = [row for row in server.rows if walk.reached <= row[0] < walk._end]
    assert sorted(row for row in got if row[0] not in passed) == sorted(row for row in claimed if row[0] not in passed)


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
    return [(time, draw(st.integers(1, 3))) for time in times]  # which is the order in which they happened


spans = st.tuples(st.integers(0, 450), st.integers(0, 450))
oddities = st.fixed_dictionaries(
    {
        "keeps": st.sampled_from(["newest", "oldest"]),
        "more": st.sampled_from(["left out", "full", "silent"]),
        "beyond": st.integers(0, 3),
        "one_less": st.booleans(),
        "repeats": st.frozensets(st.integers(1, 12), max_size=3).filter(
            lambda some: not {one + 1 for one in some} & some
        ),
        "widest": st.none() | st.integers(1, 100),
    }
)


def most_of_one_ms(rows: list[Row]) -> int:
    return max(Counter(time for time, _ in rows).values(), default=1)


@settings(max_examples=300)
@given(bars(), spans, st.integers(2, 9), st.integers(1, 200), oddities, st.booleans())
def test_every_bar_of_a_span_once_and_in_order(rows, span, page, width, odd, shuffled) -> None:
    for walk in walks(*span, width, unique=True):
        server = Server(rows, page, newest_first=False, shuffled=shuffled, **odd)
        assert fetch(server, walk) == [row for row in rows if span[0] <= row[0] < span[1]]
        assert not walk.passed


@settings(max_examples=300)
@given(ticks(), spans, st.integers(0, 9), st.integers(1, 50), oddities)
def test_every_tick_of_a_span_once_and_in_order(rows, span, spare, width, odd) -> None:
    """A page holds all ticks of one ms; a server of smaller pages keeps the others to itself. Where pages repeat it
    holds those of two: the answer to one ms may look just like the answer to more.
    """
    page = most_of_one_ms(rows) * (2 if odd["repeats"] else 1) + spare + odd["one_less"]
    start, end = span[0] % 70, span[1] % 70
    for walk in walks(start, end, width, unique=False):
        server = Server(rows, page, newest_first=True, **odd)
        assert fetch(server, walk) == [row for row in rows if start <= row[0] < end]
        assert odd["more"] == "full" or not walk.passed


@settings(max_examples=150)
@given(ticks(), st.integers(0, 9), st.sampled_from(["newest", "oldest"]))
def test_ticks_out_of_order_are_put_in_order(rows, spare, keeps) -> None:
    for walk in walks(0, 61, 20, unique=False):
        server = Server(rows, most_of_one_ms(rows) + spare, newest_first=True, shuffled=True, keeps=keeps)
        got = fetch(server, walk)
        assert sorted(got) == sorted(rows)
        assert [time for time, _ in got] == [time for time, _ in rows]


@settings(max_examples=150)
@given(ticks(), st.integers(2, 4), oddities)
def test_a_ms_of_more_ticks_than_a_page_is_told_and_no_other_is(rows, page, odd) -> None:
    odd = {**odd, "one_less": False, "more": "left out"}
    if odd["keeps"] == "oldest":
        odd["repeats"] = frozenset()  # the answer to one ms may look just like the answer to all from it on
    for walk in walks(0, 61, 20, unique=False):
        got = Counter(time for time, _ in fetch(Server(rows, page, newest_first=True, **odd), walk))
        real = Counter(time for time, _ in rows)
        assert len(walk.passed) == len(set(walk.passed))
        lost = {time for time in real if got[time] != real[time]}
        assert lost == {time for time in real if real[time] > page}
        assert lost == set(walk.passed) or (odd["repeats"] and lost < set(walk.passed))


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("more", ["left out", "full"])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("begin", [0, 30])
def test_which_end_the_server_keeps_costs_a_request_at_most(newest_first, more, forward, begin) -> None:
    """None where it keeps the newest, as observed: what is asked for next tells."""
    rows = [(time, 1) for time in range(begin, 1_000)]
    requests = {}
    for keeps in ("newest", "oldest"):
        server = Server(rows, 50, newest_first=newest_first, keeps=keeps, more=more)
        walk = Walk(0, 1_000, Widths(1_000, 1_000, 1), unique=not newest_first, forward=forward)
        assert fetch(server, walk) == rows
        requests[keeps] = len(server.asked)
    least = len(rows) / (49 if newest_first else 50)
    assert requests["newest"] <= least + 1 + (more == "full")
    assert requests["oldest"] <= requests["newest"] + 1


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
    assert asked[:8] == [10, 80, 640, 1280, 1280, 1280, 1280, 1280]
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


def test_a_row_that_came_late_is_no_sign_of_which_end_is_kept() -> None:
    """It looks as if the server kept the oldest: there is more, nothing of it is older, and something is newer."""
    walk = Walk(0, 200, Widths(100, 100, 1), unique=True, forward=True)
    walk.ask()
    for rows, more in (([0, 90], True), ([95], False)):
        walk.take(np.array(rows), np.array(rows), more)
    assert walk.ask() == (100, 199)
    walk.take(np.array([150, 190]), np.array([150, 190]), True)
    assert walk.ask() == (100, 149)


def test_what_is_known_of_the_server_counts_in_the_next_window() -> None:
    for keeps, then in (("newest", (100, 149)), ("oldest", (191, 199))):
        walk = Walk(0, 200, Widths(100, 100, 1), unique=True, forward=True)
        server = Server([(at, 0) for at in range(0, 100, 10)], 3, newest_first=False, keeps=keeps)
        while (ask := walk.ask()).first < 100:
            page, more = server.answer(ask)
            walk.take(np.array([at for at, _ in page], np.int64), np.zeros(len(page), np.int64), more)
        assert ask == (100, 199)
        walk.take(np.array([150, 190]), np.array([0, 0]), True)
        assert walk.ask() == then


def feed(of: Span | Walk, times: list[int], has_more: bool | None) -> Ask | None:
    of.take(np.array(times, np.int64), np.zeros(len(times), np.int64), has_more)
    return of.ask()


def test_where_the_newest_are_kept_a_full_page_without_more_costs_one_request() -> None:
    walk = Walk(0, 200, Widths(100, 100, 1), unique=True, forward=True)
    assert walk.ask() == (0, 99)
    assert feed(walk, [50, 60], True) == (0, 49)
    assert feed(walk, [10], False) == (100, 199)
    assert feed(walk, [150, 160], True) == (100, 149)
    assert feed(walk, [], False) is None


def test_an_answer_with_newer_rows_than_asked_for_does_not_end_it() -> None:
    span = Span(0, 100, unique=True)
    assert feed(span, [90, 95], True) == (0, 89)
    assert feed(span, [60, 92], False) == (0, 59)
    assert feed(span, [30], False) is None


@pytest.mark.parametrize("has_more", [False, None])
def test_an_answer_that_is_of_another_request_is_asked_for_once_more(has_more: bool | None) -> None:
    span = Span(50, 100, unique=True)
    assert feed(span, [90, 95], True) == (50, 89)
    assert feed(span, [20, 30], has_more) == (50, 89)
    assert feed(span, [20, 30], has_more) == (96, 99)  # it is all there is, then, of what is older
    assert feed(span, [20, 30], has_more) == (96, 99)
    assert feed(span, [20, 30], has_more) is None


def test_older_rows_that_come_along_do_not_hide_that_a_ms_fills_a_page() -> None:
    span = Span(50, 100, unique=False)
    assert feed(span, [60, 60], True) == (50, 60)
    assert feed(span, [60, 60, 40], True) == (60, 60)
    assert feed(span, [60, 60], True) == (50, 59)
    assert span.passed == [60]


def test_a_full_ms_is_asked_for_alone_once() -> None:
    rows = [*[(5, 0)] * 8, (31, 1)]
    for walk in walks(0, 61, 61, unique=False):
        server = Server(rows, 2, newest_first=True, keeps="oldest")
        fetch(server, walk)
        assert walk.passed == [5]
        assert server.asked.count(Ask(5, 5)) == 1


def test_of_the_last_ms_of_a_span_there_may_be_more() -> None:
    ticks, bars = Span(0, 61, unique=False), Span(0, 61, unique=True)
    for span in (ticks, bars):
        feed(span, [60, 31] if span is ticks else [31, 60], True)
    assert (ticks.reached, bars.reached) == (61, 31)


def test_how_far_it_was_got() -> None:
    rows = np.array([80, 90])
    backward = Walk(0, 100, Widths(50, 1_000, 1), unique=True, forward=False)
    backward.ask()
    backward.take(rows, rows, True)
    assert backward.reached == 100  # the server may have left out what is newer
    backward.take(rows - 20, rows, True)
    assert backward.reached == 60
    forward = Walk(0, 100, Widths(95, 95, 1), unique=True, forward=True)
    forward.ask()
    forward.take(rows, rows, True)
    assert forward.reached == 0  # the window's older rows are still to come
    for _ in range(2):  # nothing older, and nothing newer
        assert forward.reached == 0
        forward.take(rows[:0], rows[:0], False)
    assert forward.reached == 95


def test_what_comes_after_time_that_is_left_out_is_walked_through_as_at_first() -> None:
    nothing = np.zeros(0, np.int64)
    walk = Walk(0, 10_000, Widths(10, 1_000, 1), unique=False, forward=True)
    while not walk.barren:
        walk.ask()
        walk.take(nothing, nothing, False)
    reached = walk.reached
    assert walk.ask() == (reached, reached + 999)
    walk.take(nothing, nothing, False)
    walk.leave_out_before(walk.reached)  # that is nothing new
    assert walk.ask() == (reached + 1_000, reached + 1_999)
    walk.take(nothing, nothing, False)
    walk.leave_out_before(8_000)
    assert walk.ask() == (8_000, 8_009)
    walk.take(nothing, nothing, False)
    walk.leave_out_before(20_000)
    assert walk.ask() is None
    assert walk.reached == 10_000
