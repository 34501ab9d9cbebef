"""Trading hours in a few words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.cli.hours import trading_hours

DAY = 86_400


def daily(days: range, start: float, end: float) -> list[tuple[int, int]]:
    return [(int(day * DAY + start * 3600), int(day * DAY + end * 3600)) for day in days]


@pytest.mark.parametrize(
    ("intervals", "text"),
    [
        ([], ""),
        ([(0, 7 * DAY)], "always"),
        ([(day * DAY, (day + 1) * DAY) for day in range(7)], "always"),
        ([(22 * 3600, 5 * DAY + 22 * 3600)], "Sun 22:00-Fri 22:00"),
        (daily(range(1, 6), 8, 22), "Mon-Fri 08:00-22:00"),
        ([*daily(range(1, 5), 8, 22), *daily(range(5, 6), 8, 20.5)], "Mon-Thu 08:00-22:00, Fri 08:00-20:30"),
        (daily(range(0, 5), 17.25, 17 + 23.5), "Sun-Thu 17:15-16:30+"),
        (daily(range(3, 4), 0, 24), "Wed 00:00-24:00"),
        (daily(range(2, 3), 9, 12) + daily(range(2, 3), 13, 17), "Tue 09:00-12:00, Tue 13:00-17:00"),
        ([(6 * DAY + 3600, 7 * DAY), (0, 3600)], "Sat 01:00-01:00+"),
        ([(100, 100), (200, 100)], ""),
    ],
)
def test_hours(intervals: list[tuple[int, int]], text: str) -> None:
    assert trading_hours(intervals) == text


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=20))
def test_whatever_a_server_sends_is_written(intervals: list[tuple[int, int]]) -> None:
    assert trading_hours(intervals).isprintable()
