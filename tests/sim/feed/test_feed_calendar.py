"""Hours and bar openings, across the changes of the clocks in 2026: New York 8 March and 1 November, Berlin 29
March and 25 October."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.calendar import (
    DAY,
    HOUR,
    LAST_MS,
    MINUTE,
    NOMINAL,
    Period,
    bar_open,
    by_hour,
    by_minute,
    day_date,
    is_open,
    next_bar_open,
    next_open,
    open_intervals,
    roll,
    trades_weekends,
    trading_day,
)
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.instruments import Holiday, Interval

EURUSD, GER40, BTCUSD = (HOUSE.instrument(name) for name in ("EURUSD", "GER40", "BTCUSD"))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("period", "at", "opens", "following"),
    [
        # winter: the roll is at 22:00 UTC
        (Period.D1, "2026-01-14T21:59:59", "2026-01-13T22:00", "2026-01-14T22:00"),
        (Period.D1, "2026-01-14T22:00:00", "2026-01-14T22:00", "2026-01-15T22:00"),
        (Period.H4, "2026-01-14T21:59:59", "2026-01-14T18:00", "2026-01-14T22:00"),
        (Period.H12, "2026-01-14T09:59:59", "2026-01-13T22:00", "2026-01-14T10:00"),
        # summer: 21:00
        (Period.D1, "2026-07-14T20:59:59", "2026-07-13T21:00", "2026-07-14T21:00"),
        (Period.H4, "2026-07-14T05:00:00", "2026-07-14T05:00", "2026-07-14T09:00"),
        (Period.H12, "2026-07-14T09:00:00", "2026-07-14T09:00", "2026-07-14T21:00"),
        # New York springs forward on Sunday the 8th of March: that trading day has 23 hours
        (Period.D1, "2026-03-08T06:00:00", "2026-03-07T22:00", "2026-03-08T21:00"),
        (Period.H4, "2026-03-08T20:59:59", "2026-03-08T18:00", "2026-03-08T21:00"),
        (Period.H12, "2026-03-08T20:00:00", "2026-03-08T10:00", "2026-03-08T21:00"),
        (Period.D1, "2026-03-08T21:00:00", "2026-03-08T21:00", "2026-03-09T21:00"),
        (Period.W1, "2026-03-08T20:59:59", "2026-03-01T22:00", "2026-03-08T21:00"),
        (Period.W1, "2026-03-08T21:00:00", "2026-03-08T21:00", "2026-03-15T21:00"),
        # and falls back on Sunday the 1st of November: 25 hours, the last H4 has one
        (Period.D1, "2026-11-01T06:00:00", "2026-10-31T21:00", "2026-11-01T22:00"),
        (Period.H4, "2026-11-01T21:30:00", "2026-11-01T21:00", "2026-11-01T22:00"),
        (Period.H12, "2026-11-01T21:30:00", "2026-11-01T21:00", "2026-11-01T22:00"),
        (Period.W1, "2026-11-01T21:59:59", "2026-10-25T21:00", "2026-11-01T22:00"),
        # months begin with the trading day of the 1st
        (Period.MN1, "2026-02-28T21:59:59", "2026-01-31T22:00", "2026-02-28T22:00"),
        (Period.MN1, "2026-03-15T12:00:00", "2026-02-28T22:00", "2026-03-31T21:00"),
        (Period.MN1, "2026-12-31T22:00:00", "2026-12-31T22:00", "2027-01-31T22:00"),
        # up to H1 the epoch's grid
        (Period.M1, "2026-03-08T06:00:59", "2026-03-08T06:00", "2026-03-08T06:01"),
        (Period.M3, "2026-03-08T06:05:00", "2026-03-08T06:03", "2026-03-08T06:06"),
        (Period.H1, "2026-11-01T06:59:59", "2026-11-01T06:00", "2026-11-01T07:00"),
    ],
)
def test_bars_open(period, at, opens, following) -> None:
    opened = bar_open(period, ms(at))
    assert (iso(opened), iso(next_bar_open(period, opened))) == (opens, following)


@given(st.sampled_from(Period), st.integers(DAY * 60, LAST_MS))
def test_bars_cover_time_without_gap_or_overlap(period, at_ms) -> None:
    opened = bar_open(period, at_ms)
    following = next_bar_open(period, opened)
    assert opened <= at_ms < following
    assert bar_open(period, opened) == opened
    assert bar_open(period, following - 1) == opened
    assert bar_open(period, following) == following
    assert opened % MINUTE == 0
    if period in NOMINAL:
        assert NOMINAL[period] - 3 * HOUR <= following - opened <= NOMINAL[period] + HOUR
    if period >= Period.H4:
        assert bar_open(Period.H1, opened) == opened
    if period >= Period.W1:
        assert bar_open(Period.D1, opened) == opened


@given(st.integers(DAY, LAST_MS))
def test_trading_days_end_at_their_roll(at_ms) -> None:
    day = trading_day(at_ms)
    assert roll(day - 1) <= at_ms < roll(day)
    assert iso(roll(day))[:10] == day_date(day).isoformat()
    assert iso(roll(day))[11:] in ("21:00", "22:00")


def test_forex_week_in_winter_and_summer() -> None:
    for sunday, opens, closes in (("2026-01-11", "22:05", "21:55"), ("2026-07-12", "21:05", "20:55")):
        spans = open_intervals(EURUSD, ms(f"{sunday}T00:00"), ms(f"{sunday}T00:00") + 7 * DAY)
        assert len(spans) == 5
        assert iso(spans[0][0]) == f"{sunday}T{opens}"
        assert all(iso(end)[11:] == closes for _, end in spans)
        assert [second[0] - first[1] for first, second in zip(spans, spans[1:], strict=False)] == [10 * MINUTE] * 4


def test_hours_of_another_zone_move_against_the_roll() -> None:
    # Between the two changes of the clocks Berlin is five hours ahead of New York, not six.
    assert iso(open_intervals(GER40, ms("2026-03-03T12:00"), ms("2026-03-03T23:00"))[0][1]) == "2026-03-03T21:00"
    assert iso(roll(trading_day(ms("2026-03-03T12:00")))) == "2026-03-03T22:00"
    assert iso(open_intervals(GER40, ms("2026-03-17T12:00"), ms("2026-03-17T23:00"))[0][1]) == "2026-03-17T21:00"
    assert iso(roll(trading_day(ms("2026-03-17T12:00")))) == "2026-03-17T21:00"
    assert iso(open_intervals(GER40, ms("2026-04-14T12:00"), ms("2026-04-14T23:00"))[0][1]) == "2026-04-14T20:00"


def test_a_market_that_never_closes_is_one_span_across_weeks() -> None:
    first, end = ms("2026-02-01T00:00"), ms("2026-04-20T05:00")
    assert open_intervals(BTCUSD, first, end) == [(first, end)]
    assert trades_weekends(BTCUSD)
    assert not trades_weekends(EURUSD)


def test_open_at_the_opening_and_not_at_the_close() -> None:
    opens, closes = ms("2026-01-11T22:05"), ms("2026-01-12T21:55")
    assert [is_open(EURUSD, at) for at in (opens - 1, opens, closes - 1, closes)] == [False, True, True, False]
    assert next_open(EURUSD, ms("2026-01-10T12:00")) == opens
    assert next_open(EURUSD, opens + 5) == opens + 5
    assert next_open(replace(EURUSD, schedule=()), opens) is None


def test_holidays_come_back_every_year() -> None:
    for year in (2012, 2026, 2031):
        assert not is_open(EURUSD, ms(f"{year}-12-25T15:00"))
        assert is_open(BTCUSD, ms(f"{year}-12-25T15:00"))
    assert iso(next_open(EURUSD, ms("2026-12-25T10:00")) or 0) == "2026-12-27T22:05"
    assert iso(next_open(EURUSD, ms("2025-12-25T10:00")) or 0) == "2025-12-25T23:00"


def test_a_holiday_of_one_year_and_one_of_leap_years() -> None:
    once = Holiday(7, "Mourning", "", "UTC", trading_day(ms("2026-06-10T12:00")), False, 3600, 7200)
    leap = Holiday(8, "Leap day", "", "UTC", trading_day(ms("2024-02-29T12:00")), True)
    market = replace(BTCUSD, holidays=(once, leap))
    spans = open_intervals(market, ms("2026-06-10T00:00"), ms("2026-06-10T03:00"))
    assert [(iso(first), iso(end)) for first, end in spans] == [
        ("2026-06-10T00:00", "2026-06-10T01:00"),
        ("2026-06-10T02:00", "2026-06-10T03:00"),
    ]
    assert is_open(market, ms("2027-06-10T01:30"))
    assert not is_open(market, ms("2028-02-29T12:00"))
    assert is_open(market, ms("2027-02-28T12:00"))


@given(st.sampled_from(HOUSE.instruments), st.integers(ms("2010-01-01"), ms("2037-01-01")), st.integers(1, 20 * DAY))
def test_open_intervals_say_what_is_open(instrument, from_ms, length) -> None:
    spans = open_intervals(instrument, from_ms, from_ms + length)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    for first, end in spans:
        assert from_ms <= first < end <= from_ms + length
        assert is_open(instrument, first)
        assert is_open(instrument, end - 1)
        assert end == from_ms + length or not is_open(instrument, end)


def test_spans_cut_at_hours_and_minutes() -> None:
    base = ms("2026-01-12T10:00")
    spans = [(base + 59 * MINUTE + 500, base + HOUR + 90_500), (base + HOUR + 100_000, base + HOUR + 3 * MINUTE)]
    hours = by_hour(spans)
    assert [hour - base for hour, _ in hours] == [0, HOUR]
    assert [[(first - base, end - base) for first, end in by_minute(pieces)] for _, pieces in hours] == [
        [(59 * MINUTE + 500, HOUR)],
        # the second piece of one minute is left out, and so would be less than a second
        [(HOUR, HOUR + MINUTE), (HOUR + MINUTE, HOUR + 90_500), (HOUR + 2 * MINUTE, HOUR + 3 * MINUTE)],
    ]
    assert by_minute(((base, base + 999),)) == []


def test_schedule_across_a_change_of_the_clocks_that_swallows_it() -> None:
    # 02:15 to 02:45 does not exist in New York on the 8th of March.
    market = replace(BTCUSD, time_zone="America/New_York", schedule=(Interval(8100, 9900),))
    assert len(open_intervals(market, ms("2026-03-14T00:00"), ms("2026-03-16T00:00"))) == 1
    for first, end in open_intervals(market, ms("2026-03-07T00:00"), ms("2026-03-09T00:00")):
        assert first < end
