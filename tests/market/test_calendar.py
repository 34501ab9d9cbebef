"""Openings and trading hours across the changes of the clocks: New York on 9 March and 2 November 2025, 8 March and
1 November 2026; Berlin on 29 March and 25 October 2026."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import BarGrid, Holiday, TradingHours, bar_grid, day_opening, trading_day
from ctrader_twisted.market.calendar import DAY, HOUR, LENGTHS, MINUTE, WEEK, joined
from ctrader_twisted.messages import (
    ProtoOAGetTrendbarsRes,
    ProtoOAHoliday,
    ProtoOAInterval,
    ProtoOASpotEvent,
    ProtoOASymbol,
    ProtoOASymbolByIdRes,
    ProtoOATrendbarPeriod,
)
from ctrader_twisted.sim.feed import calendar as simulated
from ctrader_twisted.sim.feed.house import HOUSE
from tests.market.recorded import needs_recordings, recording

LAST_MS = 2_147_483_646_000
DURATIONS = ("1s", "90s", "7m", "13m", "3h", "5h", "23h")
GRIDS = [bar_grid(period) for period in (*LENGTHS, *DURATIONS)]

moments = st.integers(0, LAST_MS) | st.integers(1_741_000_000_000, 1_794_000_000_000)  # the latter: both years' changes
grids = st.sampled_from(GRIDS)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def iso(at: int | None) -> str:
    assert at is not None
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def spans(found: list[tuple[int, int]]) -> list[str]:
    return [f"{iso(start)[5:]} {iso(end)[5:]}" for start, end in found]


# ------------------------------------------------------------------------------------------------------- trading days


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2025-01-15T21:59:59", "2025-01-15"),
        ("2025-01-15T22:00:00", "2025-01-16"),
        ("2025-03-09T20:59:59", "2025-03-09"),  # spring: this day has 23 hours
        ("2025-03-09T21:00:00", "2025-03-10"),
        ("2025-07-15T20:59:59", "2025-07-15"),
        ("2025-07-15T21:00:00", "2025-07-16"),
        ("2025-11-02T21:59:59", "2025-11-02"),  # autumn: 25
        ("2025-11-02T22:00:00", "2025-11-03"),
        ("2026-03-08T20:59:59", "2026-03-08"),
        ("2026-03-08T21:00:00", "2026-03-09"),
        ("2026-11-01T21:59:59", "2026-11-01"),
        ("2026-11-01T22:00:00", "2026-11-02"),
    ],
)
def test_a_trading_day_begins_at_17_in_new_york(at: str, day: str) -> None:
    assert trading_day(ms(at)) == date.fromisoformat(day)


def test_days_are_as_long_as_clocks_make_them() -> None:
    first = date(2025, 1, 1)
    openings = [day_opening(first + timedelta(days=n)) for n in range(731)]
    unusual = {
        str(first + timedelta(days=n)): (end - start) // HOUR
        for n, (start, end) in enumerate(zip(openings, openings[1:], strict=False))
        if end - start != DAY
    }
    assert unusual == {"2025-03-09": 23, "2025-11-02": 25, "2026-03-08": 23, "2026-11-01": 25}


# ------------------------------------------------------------------------------------------------------------ periods


@pytest.mark.parametrize(
    ("period", "at", "before", "opens", "following"),
    [
        ("M1", "2026-03-08T06:00:59", "2026-03-08T05:59", "2026-03-08T06:00", "2026-03-08T06:01"),
        ("M3", "2026-03-08T06:05:00", "2026-03-08T06:00", "2026-03-08T06:03", "2026-03-08T06:06"),
        ("M30", "2025-11-02T06:59:59", "2025-11-02T06:00", "2025-11-02T06:30", "2025-11-02T07:00"),
        ("H1", "2026-11-01T06:59:59", "2026-11-01T05:00", "2026-11-01T06:00", "2026-11-01T07:00"),
        ("H4", "2025-01-15T00:00:00", "2025-01-14T18:00", "2025-01-14T22:00", "2025-01-15T02:00"),
        ("H4", "2025-07-15T00:00:00", "2025-07-14T17:00", "2025-07-14T21:00", "2025-07-15T01:00"),
        ("H12", "2025-01-15T12:00:00", "2025-01-14T22:00", "2025-01-15T10:00", "2025-01-15T22:00"),
        ("H12", "2025-07-15T08:59:59", "2025-07-14T09:00", "2025-07-14T21:00", "2025-07-15T09:00"),
        ("D1", "2025-01-15T12:00:00", "2025-01-13T22:00", "2025-01-14T22:00", "2025-01-15T22:00"),
        # New York springs forward: the last H4 of the 23 hours has three
        ("D1", "2025-03-09T12:00:00", "2025-03-07T22:00", "2025-03-08T22:00", "2025-03-09T21:00"),
        ("D1", "2025-03-09T21:00:00", "2025-03-08T22:00", "2025-03-09T21:00", "2025-03-10T21:00"),
        ("H4", "2025-03-09T20:59:00", "2025-03-09T14:00", "2025-03-09T18:00", "2025-03-09T21:00"),
        ("H4", "2025-03-09T21:00:00", "2025-03-09T18:00", "2025-03-09T21:00", "2025-03-10T01:00"),
        ("H12", "2026-03-08T20:00:00", "2026-03-07T22:00", "2026-03-08T10:00", "2026-03-08T21:00"),
        ("H4", "2026-03-09T00:30:00", "2026-03-08T18:00", "2026-03-08T21:00", "2026-03-09T01:00"),
        # and falls back: the last H4 and H12 of the 25 hours have one
        ("D1", "2025-11-02T12:00:00", "2025-10-31T21:00", "2025-11-01T21:00", "2025-11-02T22:00"),
        ("H4", "2025-11-02T21:30:00", "2025-11-02T17:00", "2025-11-02T21:00", "2025-11-02T22:00"),
        ("H4", "2025-11-02T22:00:00", "2025-11-02T21:00", "2025-11-02T22:00", "2025-11-03T02:00"),
        ("H12", "2026-11-01T21:30:00", "2026-11-01T09:00", "2026-11-01T21:00", "2026-11-01T22:00"),
        # weeks begin on Sunday, months with the trading day of the 1st
        ("W1", "2025-03-09T20:59:59", "2025-02-23T22:00", "2025-03-02T22:00", "2025-03-09T21:00"),
        ("W1", "2025-03-09T21:00:00", "2025-03-02T22:00", "2025-03-09T21:00", "2025-03-16T21:00"),
        ("W1", "2026-11-01T21:59:59", "2026-10-18T21:00", "2026-10-25T21:00", "2026-11-01T22:00"),
        ("MN1", "2026-03-15T12:00:00", "2026-01-31T22:00", "2026-02-28T22:00", "2026-03-31T21:00"),
        ("MN1", "2024-02-29T12:00:00", "2023-12-31T22:00", "2024-01-31T22:00", "2024-02-29T22:00"),
        ("MN1", "2025-12-31T22:00:00", "2025-11-30T22:00", "2025-12-31T22:00", "2026-01-31T22:00"),
        # durations of one's own: from the hour while that is the same, else from the beginning of the day
        ("90s", "2026-07-14T00:02:00", "2026-07-14T00:00", "2026-07-14T00:01", "2026-07-14T00:03"),
        ("7m", "2026-07-14T20:59:00", "2026-07-14T20:48", "2026-07-14T20:55", "2026-07-14T21:00"),
        ("3h", "2026-01-14T12:00:00", "2026-01-14T07:00", "2026-01-14T10:00", "2026-01-14T13:00"),
    ],
)
def test_bars_open(period: str, at: str, before: str, opens: str, following: str) -> None:
    grid = bar_grid(period)
    moment = ms(at)
    assert [iso(f(moment)) for f in (grid.previous_opening, grid.opening, grid.next_opening)] == [
        before,
        opens,
        following,
    ]


@given(grids, moments)
def test_openings_are_one_chain(grid: BarGrid, at: int) -> None:
    opening, following, before = grid.opening(at), grid.next_opening(at), grid.previous_opening(at)
    assert before < opening <= at < following
    assert grid.opening(opening) == grid.opening(following - 1) == opening
    assert grid.next_opening(opening) == grid.opening(following) == following
    assert grid.next_opening(before) == opening
    assert grid.openings(before, following + 1) == [before, opening, following]
    assert grid.openings(before + 1, following) == [opening]
    assert grid.openings(at, at) == []


@given(st.sampled_from(list(simulated.Period)), moments)
def test_the_simulators_own_calendar_agrees(period: simulated.Period, at: int) -> None:
    grid = bar_grid(int(period))
    opening = simulated.bar_open(period, at)
    assert grid.opening(at) == opening
    assert grid.next_opening(at) == simulated.next_bar_open(period, opening)


@given(st.sampled_from([grid for grid in GRIDS if grid.length < DAY]), moments)
def test_no_bar_crosses_the_end_of_a_day(grid: BarGrid, at: int) -> None:
    assert trading_day(grid.opening(at)) == trading_day(at) == trading_day(grid.next_opening(at) - 1)


def test_periods_are_named_or_numbered() -> None:
    assert [bar_grid(period).name for period in ("h4", "H4", ProtoOATrendbarPeriod.H4, 10)] == ["H4"] * 4
    assert bar_grid("W1") == BarGrid("W1", ProtoOATrendbarPeriod.W1, WEEK)
    assert {bar_grid(name).period for name in LENGTHS} == {int(period) for period in ProtoOATrendbarPeriod}
    assert (bar_grid("7m"), bar_grid("420s").length) == (BarGrid("7m", 0, 7 * MINUTE), 7 * MINUTE)


@pytest.mark.parametrize(
    ("duration", "name"),
    [
        *[("60s", "M1"), ("1m", "M1"), ("15m", "M15"), ("1h", "H1"), ("4h", "H4"), ("24h", "D1"), ("1d", "D1")],
        *[("60S", "M1"), ("1H", "H1"), ("1D", "D1"), ("1w", "W1"), ("1W", "W1"), ("90S", "90s")],
    ],
)
def test_a_duration_that_the_server_has_is_the_servers(duration: str, name: str) -> None:
    assert bar_grid(duration) == bar_grid(name)


@pytest.mark.parametrize(
    "period", ["", "M7", "1M", "0s", "25h", "2d", "2w", "7d", "31d", "7M", "m", "-5m", "1.5h", "90", "٣m", 0, 15, -1]
)
def test_what_is_no_period_is_refused(period: int | str) -> None:
    with pytest.raises(ValueError, match="M1, M2.*90s"):
        bar_grid(period)


@needs_recordings
def test_recorded_bars_are_on_the_grid() -> None:
    seen = set()
    for row in recording("market_data.jsonl"):
        if row.payload_type == 2138:
            page = row.read(ProtoOAGetTrendbarsRes)
            seen |= {(int(page.period), bar.utcTimestampInMinutes) for bar in page.trendbar}
        elif row.payload_type == 2131:
            event = row.read(ProtoOASpotEvent)
            seen |= {(int(bar.period), bar.utcTimestampInMinutes) for bar in event.trendbar}
    assert {period for period, _ in seen} == {ProtoOATrendbarPeriod.M1, ProtoOATrendbarPeriod.M15}
    assert [minute for period, minute in seen if bar_grid(period).opening(minute * MINUTE) != minute * MINUTE] == []


# ------------------------------------------------------------------------------------------------------ trading hours


def hours(day: int, start: float, end: float) -> tuple[int, int]:
    return int(day * 86_400 + start * 3600), int(day * 86_400 + end * 3600)


def symbol(*schedule: tuple[int, int], zone: str | None = None, holidays: tuple[ProtoOAHoliday, ...] = ()):
    return ProtoOASymbol(
        symbolId=1,
        digits=5,
        pipPosition=4,
        schedule=[ProtoOAInterval(startSecond=start, endSecond=end) for start, end in schedule],
        scheduleTimeZone=zone,
        holiday=holidays,
    )


def holiday(
    day: str, zone: str = "UTC", *, recurring: bool = False, start: int | None = None, end: int | None = None
) -> ProtoOAHoliday:
    return ProtoOAHoliday(
        holidayId=1,
        name="Rest",
        scheduleTimeZone=zone,
        holidayDate=(date.fromisoformat(day) - date(1970, 1, 1)).days,
        isRecurring=recurring,
        startSecond=start,
        endSecond=end,
    )


FOREX = ((17 * 3600, 5 * 86_400 + 17 * 3600),)  # Sunday 17:00 to Friday 17:00
XETRA = tuple(hours(day, 8, 22) for day in range(1, 6))


@pytest.mark.parametrize(
    ("schedule", "zone", "start", "end", "expected"),
    [
        # the weekends of New York's changes: 22:00 on one side, 21:00 on the other
        (FOREX, "America/New_York", "2025-03-06", "2025-03-12", ["03-07T22:00 03-09T21:00"]),
        (FOREX, "America/New_York", "2025-10-30", "2025-11-05", ["10-31T21:00 11-02T22:00"]),
        (FOREX, "America/New_York", "2026-03-05", "2026-03-11", ["03-06T22:00 03-08T21:00"]),
        (FOREX, "America/New_York", "2026-10-29", "2026-11-04", ["10-30T21:00 11-01T22:00"]),
        # Berlin changes when New York does not
        (XETRA, "Europe/Berlin", "2026-03-27T12:00", "2026-03-30T12:00", ["03-27T21:00 03-30T06:00"]),
        (XETRA, "Europe/Berlin", "2026-10-23T12:00", "2026-10-26T12:00", ["10-23T20:00 10-26T07:00"]),
        # cut at both ends
        (FOREX, "America/New_York", "2025-03-08T10:00", "2025-03-08T11:00", ["03-08T10:00 03-08T11:00"]),
        (FOREX, "America/New_York", "2025-03-05T10:00", "2025-03-05T11:00", []),
        # a span that goes on into the next week
        ([hours(6, 12, 36)], "UTC", "2025-03-08T12:00", "2025-03-10T00:00", ["03-09T12:00 03-10T00:00"]),
        ((), "UTC", "2025-03-01", "2026-03-01", []),
        ([(0, 7 * 86_400)], "America/New_York", "2025-03-01", "2026-03-01", []),
        ([hours(day, 0, 24) for day in range(7)], "America/New_York", "2025-03-01", "2026-03-01", []),
    ],
)
def test_closed_spans(schedule, zone: str, start: str, end: str, expected: list[str]) -> None:
    found = TradingHours(schedule, zone)
    assert spans(found.closed(ms(start), ms(end))) == expected


@needs_recordings
def test_the_recorded_schedule() -> None:
    answer = next(row for row in recording("market_data.jsonl") if row.payload_type == 2117).read(ProtoOASymbolByIdRes)
    eurusd = next(TradingHours.from_message(one) for one in answer.symbol if one.symbolId == 1)
    # Moscow, so the hours of the American summer: from five past the hour of the roll to five to it
    assert spans(eurusd.closed(ms("2026-09-17T12:00"), ms("2026-09-21T12:00"))) == [
        "09-17T20:55 09-17T21:05",
        "09-18T20:55 09-20T21:05",
    ]
    assert iso(eurusd.opens_after(ms("2026-09-19"))) == "2026-09-20T21:05"


def test_holidays_close_the_market() -> None:
    found = TradingHours.from_message(
        symbol(
            *FOREX,
            zone="America/New_York",
            holidays=(
                holiday("2025-12-25"),
                holiday("2020-01-01", recurring=True),
                holiday("2024-02-29", recurring=True),
                holiday("2025-11-27", "America/New_York", start=13 * 3600, end=17 * 3600),
            ),
        )
    )
    closed = found.closed(ms("2025-11-24T12:00"), ms("2026-01-02T12:00"))
    assert [span for span in spans(closed) if not span.endswith("22:00") or "11-27" in span] == [
        "11-27T18:00 11-27T22:00",
        "12-25T00:00 12-26T00:00",
        "01-01T00:00 01-02T00:00",
    ]
    assert not found.is_open(ms("2024-02-29T12:00")) and not found.is_open(ms("2028-02-29T12:00"))
    assert found.is_open(ms("2025-02-28T12:00")) and found.is_open(ms("2027-03-01T12:00"))
    assert not found.is_open(ms("2027-01-01T12:00")) and found.is_open(ms("2026-12-25T12:00"))


def test_holidays_close_what_is_open_for_longer_than_a_week() -> None:
    found = TradingHours([(0, 40 * 7 * 86_400)], "UTC", [Holiday(date(2026, 3, 25), "UTC")])
    assert spans(found.closed(ms("2025-01-01"), ms("2026-12-01"))) == ["03-25T00:00 03-26T00:00"]


def test_a_holiday_that_nobody_will_see_closes_nothing() -> None:
    far = holiday("2025-01-01")
    far.holidayDate = 10**15
    assert TradingHours.from_message(symbol(holidays=(far,))).closed(0, LAST_MS) == []


def test_when_it_opens() -> None:
    found = TradingHours(FOREX, "America/New_York", [Holiday(date(2025, 3, 10), "America/New_York")])
    assert iso(found.opens_after(ms("2025-03-08"))) == "2025-03-09T21:00"
    assert found.opens_after(ms("2025-03-05T10:00")) == ms("2025-03-05T10:00")
    assert iso(found.opens_after(ms("2025-03-10T12:00"))) == "2025-03-11T04:00"
    long = [Holiday(date(2025, 12, day), "UTC") for day in range(1, 32)]
    assert iso(TradingHours(FOREX, "UTC", long).opens_after(ms("2025-12-01"))) == "2026-01-01T00:00"
    assert TradingHours([(100, 100)]).opens_after(0) is None
    assert not TradingHours([(100, 100)]).is_open(100_000)


def test_without_a_schedule_it_is_always_open() -> None:
    found = TradingHours.from_message(symbol())
    assert found.closed(0, LAST_MS) == [] and found.opened(0, LAST_MS) == [(0, LAST_MS)]
    assert found.opened(5, 5) == found.opened(6, 5) == found.closed(5, 5) == []


@pytest.mark.parametrize("zone", ["Moon/Tycho", "../etc/passwd", "/etc/passwd", "a\0b", "America"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone .* tzdata"):
        TradingHours.from_message(symbol((0, 1), zone=zone))
    with pytest.raises(ValueError, match="no time zone .* tzdata"):
        TradingHours.from_message(symbol(holidays=(holiday("2025-01-01", zone),)))


@pytest.mark.parametrize("instrument", HOUSE.instruments, ids=lambda instrument: instrument.name)
def test_the_simulators_hours_agree(instrument) -> None:
    found = TradingHours(
        [(span.start_second, span.end_second) for span in instrument.schedule],
        instrument.time_zone,
        [
            Holiday(simulated.day_date(day.date_days), day.time_zone, day.recurring, day.start_second, day.end_second)
            for day in instrument.holidays
        ],
    )
    start, end = ms("2025-01-01"), ms("2027-01-01")
    assert found.opened(start, end) == simulated.open_intervals(instrument, start, end)


ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Europe/Moscow", "Asia/Kolkata", "Pacific/Auckland")
schedules = st.lists(
    st.tuples(st.integers(0, 7 * 24 - 1), st.integers(1, 60)).map(lambda s: (s[0] * 3600, (s[0] + s[1]) * 3600)),
    min_size=1,
    max_size=8,
)
closings = st.lists(st.tuples(st.integers(0, 730), st.booleans(), st.integers(0, 23), st.integers(1, 24)), max_size=6)


def clock_says_open(schedule, zone: str, holidays: list[Holiday], at: int) -> bool:
    """Look at the clock on the wall, and on the calendar beside it."""
    there = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
    second = there.isoweekday() % 7 * 86_400 + there.hour * 3600 + there.minute * 60
    if not any(start <= second < end or start <= second + 7 * 86_400 < end for start, end in schedule):
        return False
    for closing in holidays:
        seen = datetime.fromtimestamp(at / 1000, ZoneInfo(closing.time_zone))
        day = closing.day.replace(year=seen.year) if closing.recurring else closing.day
        if seen.date() == day and closing.start_second <= seen.hour * 3600 + seen.minute * 60 < closing.end_second:
            return False
    return True


@given(st.data())
def test_it_is_open_when_the_clock_there_says_so(data: st.DataObject) -> None:
    schedule, zone = data.draw(schedules), data.draw(st.sampled_from(ZONES))
    holidays = [
        Holiday(date(2025, 1, 1) + timedelta(days=day), zone, recurring, start * 3600, min(24, start + hours) * 3600)
        for day, recurring, start, hours in data.draw(closings)
    ]
    found = TradingHours(schedule, zone, holidays)
    start = ms("2025-01-02") + data.draw(st.integers(0, 720 * 24)) * HOUR
    for at in range(start, start + 3 * DAY, 30 * MINUTE):
        around = {datetime.fromtimestamp((at + h * HOUR) / 1000, ZoneInfo(zone)).utcoffset() for h in range(-30, 31, 3)}
        if len(around) == 1:  # an hour that is not there, or there twice, is anybody's guess
            assert found.is_open(at) == clock_says_open(schedule, zone, holidays, at)


@given(schedules, st.sampled_from(ZONES), moments, st.integers(0, 60 * DAY))
def test_open_and_closed_make_up_the_whole(schedule, zone: str, start: int, length: int) -> None:
    found = TradingHours(schedule, zone)
    opened, closed = found.opened(start, start + length), found.closed(start, start + length)
    assert joined(opened + closed) == ([(start, start + length)] if length else [])
    assert sum(end - first for first, end in opened + closed) == length
    assert joined(opened) == opened and joined(closed) == closed
    for first, end in opened:
        assert found.is_open(first) and found.is_open(end - 1)
    for first, end in closed:
        assert not found.is_open(first) and not found.is_open(end - 1)
        assert found.opens_after(first) in (end, found.opens_after(end - 1))


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=20), moments)
def test_whatever_a_server_sends_is_read(schedule: list[tuple[int, int]], at: int) -> None:
    found = TradingHours.from_message(symbol(*schedule, zone="Europe/Moscow"))
    assert found.is_open(at) == (found.opens_after(at) == at)
