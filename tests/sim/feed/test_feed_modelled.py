"""What a venue sees of the model: bars that agree with ticks at every period, and nothing of the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.calendar import DAY, HOUR, LAST_MS, MINUTE, Period, bar_open, next_bar_open
from ctrader_twisted.sim.feed.feed import Bar, Side
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.modelled import HISTORY_START, ModelFeed


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


FEED = ModelFeed(11)
NOW = ms("2026-10-07T14:30:12.345")
symbols = st.sampled_from(sorted(FEED.instruments))
moments = st.integers(ms("2011-01-01"), ms("2036-01-01"))
PARTS = {
    Period.M2: Period.M1,
    Period.M3: Period.M1,
    Period.M4: Period.M2,
    Period.M5: Period.M1,
    Period.M10: Period.M5,
    Period.M15: Period.M5,
    Period.M30: Period.M15,
    Period.H1: Period.M1,
    Period.H4: Period.H1,
    Period.H12: Period.H4,
    Period.D1: Period.H12,
    Period.W1: Period.D1,
    Period.MN1: Period.D1,
}


def put_together(parts, period):
    """Bars of a longer period out of bars of a shorter one, or of bids."""
    groups = groupby(parts, lambda bar: bar_open(period, bar.open_ms))
    made = []
    for opened, group in groups:
        bars = list(group)
        made.append(
            Bar(
                opened,
                bars[0].open,
                max(bar.high for bar in bars),
                min(bar.low for bar in bars),
                bars[-1].close,
                sum(bar.volume for bar in bars),
            )
        )
    return made


def all_bars(symbol_id, period, from_ms, to_ms, now_ms):
    bars, more = FEED.bars_back(symbol_id, period, from_ms, to_ms, 1_000_000, now_ms=now_ms)
    assert not more
    return bars


@settings(max_examples=40)
@given(symbols, moments)
def test_ticks_make_minutes(symbol_id, at_ms) -> None:
    start = at_ms - at_ms % HOUR
    ticks, more = FEED.ticks_back(symbol_id, Side.BID, start, at_ms, 100_000, now_ms=at_ms)
    assert not more
    as_bars = [Bar(at, price, price, price, price, 1) for at, price in reversed(ticks)]
    assert put_together(as_bars, Period.M1) == all_bars(symbol_id, Period.M1, start, at_ms, at_ms)


@settings(max_examples=200)
@given(st.sampled_from(sorted(PARTS)), symbols, moments)
def test_shorter_bars_make_longer_ones(period, symbol_id, at_ms) -> None:
    """Also the bar that is still open at ``at_ms``, whose parts are as little finished as itself."""
    start = bar_open(period, at_ms - (DAY if period < Period.D1 else 40 * DAY))
    parts = all_bars(symbol_id, PARTS[period], start, at_ms, at_ms)
    assert put_together(parts, period) == all_bars(symbol_id, period, start, at_ms, at_ms)


@pytest.mark.parametrize("change", ["2026-03-08T06:30", "2026-11-01T05:30"])
@pytest.mark.parametrize("symbol", ["EURUSD", "GER40", "BTCUSD"])
def test_bars_agree_across_the_changes_of_the_clocks(change, symbol) -> None:
    symbol_id = HOUSE.instrument(symbol).symbol_id
    now = ms(change) + 4 * DAY
    start = bar_open(Period.W1, now - 10 * DAY)
    for period, part in PARTS.items():
        if period is not Period.MN1:
            parts = all_bars(symbol_id, part, start, now, now)
            assert put_together(parts, period) == all_bars(symbol_id, period, start, now, now)


@settings(max_examples=60)
@given(symbols, moments, st.sampled_from(Period))
def test_nothing_of_the_future_is_seen(symbol_id, now_ms, period) -> None:
    """What is asked as of an earlier moment is what the ticks up to then make."""
    bars, _ = FEED.bars_back(symbol_id, period, None, LAST_MS, 3, now_ms=now_ms)
    assert all(bar.open_ms <= now_ms for bar in bars)
    ticks, _ = FEED.ticks_back(symbol_id, Side.BID, None, LAST_MS, 1, now_ms=now_ms)
    assert ticks[0].timestamp_ms <= now_ms
    assert bars[-1].close == ticks[0].price
    quote = FEED.quote(symbol_id, now_ms)
    assert quote is not None
    assert quote.timestamp_ms <= now_ms
    assert quote.bid == ticks[0].price
    live = FEED.live_bar(symbol_id, period, now_ms)
    assert live == (bars[-1] if bars[-1].open_ms == bar_open(period, now_ms) else None)


@settings(max_examples=30)
@given(symbols, moments, st.sampled_from([Period.M1, Period.M15, Period.H4, Period.W1]))
def test_a_live_bar_grows_with_every_tick(symbol_id, now_ms, period) -> None:
    bar = FEED.live_bar(symbol_id, period, now_ms)
    at = now_ms
    for _ in range(150):
        tick = FEED.next_tick(symbol_id, at)
        assert tick is not None
        at = tick.timestamp_ms
        if bar is None or bar_open(period, at) != bar.open_ms:
            assert tick.bid_changed, "the first tick of a minute brings a bid"
            bar = Bar(bar_open(period, at), tick.bid, tick.bid, tick.bid, tick.bid, 1)
        elif tick.bid_changed:
            high, low = max(bar.high, tick.bid), min(bar.low, tick.bid)
            bar = bar._replace(high=high, low=low, close=tick.bid, volume=bar.volume + 1)
        assert FEED.live_bar(symbol_id, period, at) == bar


@settings(max_examples=30)
@given(symbols, moments, st.sampled_from(Side))
def test_ticks_forward_are_ticks_back(symbol_id, start, side) -> None:
    seen, at = [], start - 1
    while len(seen) < 300:
        tick = FEED.next_tick(symbol_id, at)
        assert tick is not None
        assert tick.timestamp_ms > at
        at = tick.timestamp_ms
        assert FEED.quote(symbol_id, at) == tick[:3]
        if tick.bid_changed if side is Side.BID else tick.ask_changed:
            seen.append((at, tick.bid if side is Side.BID else tick.ask))
    back, more = FEED.ticks_back(symbol_id, side, start, at, 1000, now_ms=at)
    assert (back[::-1], more) == (seen, False)
    newest, more = FEED.ticks_back(symbol_id, side, start, at, 100, now_ms=at)
    assert (newest, more) == (back[:100], True)
    rest, more = FEED.ticks_back(symbol_id, side, start, newest[-1].timestamp_ms - 1, 1000, now_ms=at)
    assert (newest + rest, more) == (back, False)


@pytest.mark.parametrize("period", Period)
def test_pages_of_bars_join_up(period) -> None:
    start = NOW - (10 * DAY if period <= Period.H1 else 700 * DAY)
    whole = all_bars(4, period, start, NOW, NOW)
    pages, to = [], NOW
    while True:
        page, more = FEED.bars_back(4, period, start, to, 7 if period >= Period.H1 else 1000, now_ms=NOW)
        pages = page + pages
        if not more:
            break
        to = page[0].open_ms - 1
    assert pages == whole
    opens = [bar.open_ms for bar in whole]
    assert opens == sorted(set(opens))


def test_bounds_of_bars_are_inclusive_to_the_millisecond() -> None:
    bars, more = FEED.bars_back(1, Period.M5, None, NOW, 20, now_ms=NOW)
    assert more
    first, last = bars[3].open_ms, bars[12].open_ms
    assert FEED.bars_back(1, Period.M5, first, last, 100, now_ms=NOW) == (bars[3:13], False)
    assert FEED.bars_back(1, Period.M5, first + 1, last - 1, 100, now_ms=NOW) == (bars[4:12], False)
    assert FEED.bars_back(1, Period.M5, first, last, 10, now_ms=NOW) == (bars[3:13], False)
    assert FEED.bars_back(1, Period.M5, first, last, 9, now_ms=NOW) == (bars[4:13], True)
    assert FEED.bars_back(1, Period.M5, last + 1, last, 9, now_ms=NOW) == ([], False)


def test_bounds_of_ticks_are_inclusive_to_the_millisecond() -> None:
    ticks, more = FEED.ticks_back(1, Side.ASK, None, NOW, 20, now_ms=NOW)
    assert more
    last, first = ticks[3].timestamp_ms, ticks[12].timestamp_ms
    assert FEED.ticks_back(1, Side.ASK, first, last, 100, now_ms=NOW) == (ticks[3:13], False)
    assert FEED.ticks_back(1, Side.ASK, first + 1, last - 1, 100, now_ms=NOW) == (ticks[4:12], False)
    assert FEED.ticks_back(1, Side.ASK, first, last, 9, now_ms=NOW) == (ticks[3:12], True)


def test_a_closed_market_keeps_its_last_quote_and_has_no_bars() -> None:
    saturday, monday = ms("2026-10-10T12:00"), ms("2026-10-11T21:05")
    assert not FEED.is_open(1, saturday)
    quote = FEED.quote(1, saturday)
    assert quote is not None
    assert ms("2026-10-09T20:54") < quote.timestamp_ms < ms("2026-10-09T20:55")
    assert FEED.live_bar(1, Period.H1, saturday) is None
    assert FEED.live_bar(1, Period.D1, saturday) is None
    week = FEED.live_bar(1, Period.W1, saturday)
    assert week is not None
    assert week.close == quote.bid
    tick = FEED.next_tick(1, saturday)
    assert tick is not None
    assert monday <= tick.timestamp_ms < monday + MINUTE
    first_day = ms("2026-10-09T21:00")
    assert FEED.bars_back(1, Period.M1, first_day, saturday, 10, now_ms=saturday) == ([], False)
    assert FEED.bars_back(1, Period.M1, None, saturday, 10, now_ms=saturday)[0][-1].close == quote.bid


def test_session_close_is_the_close_of_the_day_before() -> None:
    days, _ = FEED.bars_back(1, Period.D1, None, NOW, 4, now_ms=NOW)
    assert FEED.session_close(1, NOW) == days[-2].close
    assert FEED.session_close(1, ms("2026-10-11T12:00")) == FEED.session_close(1, ms("2026-10-11T22:00"))
    assert FEED.session_close(1, HISTORY_START) is None


def test_history_begins_where_it_is_told_to() -> None:
    start = ms("2026-10-05T03:00")  # within Monday's trading day, which opens on Sunday at 21:00
    feed = ModelFeed(11, HOUSE.instruments, start)
    opened = ms("2026-10-04T21:00")
    bars, more = feed.bars_back(1, Period.M1, None, NOW, 1_000_000, now_ms=NOW)
    assert not more
    assert opened <= bars[0].open_ms < opened + 10 * MINUTE
    assert (
        feed.bars_back(1, Period.D1, 0, NOW, 10, now_ms=NOW)[0]
        == FEED.bars_back(1, Period.D1, opened, NOW, 10, now_ms=NOW)[0]
    )
    ticks, more = feed.ticks_back(1, Side.BID, None, bars[2].open_ms, 1000, now_ms=NOW)
    assert (len(ticks), more) == (bars[0].volume + bars[1].volume, False)
    assert feed.quote(1, ticks[-1].timestamp_ms - 1) is None
    first = feed.next_tick(1, 0)
    assert first is not None
    assert first.timestamp_ms == ticks[-1].timestamp_ms
    assert feed.live_bar(1, Period.D1, opened - 1) is None
    assert feed.bars_back(1, Period.MN1, None, NOW, 10, now_ms=NOW) == ([], False)


def test_a_market_that_never_opens_and_the_end_of_time() -> None:
    shut = replace(HOUSE.instrument("EURUSD"), schedule=())
    feed = ModelFeed(1, [shut], ms("2026-01-01"))
    assert feed.next_tick(1, NOW) is None
    assert feed.quote(1, NOW) is None
    assert feed.session_close(1, NOW) is None
    assert feed.bars_back(1, Period.H1, None, NOW, 5, now_ms=NOW) == ([], False)
    at = LAST_MS - 2 * MINUTE
    for _ in range(1000):
        tick = FEED.next_tick(301, at)
        if tick is None:
            break
        at = tick.timestamp_ms
    else:
        pytest.fail("time does not end")
    assert LAST_MS - MINUTE < at < LAST_MS + MINUTE


def test_unknown_symbols_are_key_errors() -> None:
    for ask in (
        lambda: FEED.quote(999, NOW),
        lambda: FEED.next_tick(999, NOW),
        lambda: FEED.ticks_back(999, Side.BID, None, NOW, 1, now_ms=NOW),
        lambda: FEED.bars_back(999, Period.M1, None, NOW, 1, now_ms=NOW),
        lambda: FEED.live_bar(999, Period.M1, NOW),
        lambda: FEED.session_close(999, NOW),
        lambda: FEED.is_open(999, NOW),
    ):
        with pytest.raises(KeyError):
            ask()
    assert list(FEED.instruments) == [instrument.symbol_id for instrument in HOUSE.instruments]


def test_memory_stays_flat_over_a_long_run() -> None:
    feed = ModelFeed(5)
    at = NOW
    for _ in range(45_000):
        tick = feed.next_tick(301, at)
        assert tick is not None
        at = tick.timestamp_ms
        feed.live_bar(301, Period.H1, at)
    assert all(most is not None and size <= most for size, most in feed.remembered.values())
    assert feed.remembered["ticks"][0] == feed.remembered["ticks"][1]
    assert {"running", "before"} <= set(feed.remembered)


def test_closed_bars_never_change_again() -> None:
    closed = FEED.bars_back(2, Period.H1, None, NOW, 5, now_ms=NOW)[0][:-1]
    later = NOW + 3 * DAY
    assert FEED.bars_back(2, Period.H1, closed[0].open_ms, closed[-1].open_ms, 9, now_ms=later) == (closed, False)
    for bar in closed:
        end = next_bar_open(Period.H1, bar.open_ms) - 1
        assert FEED.live_bar(2, Period.H1, end) == bar
