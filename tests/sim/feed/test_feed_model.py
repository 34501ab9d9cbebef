"""The price tree: the same everywhere, consistent at every level, within its bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrader_twisted.sim.feed.calendar import HOUR, MINUTE, by_minute, day_number, is_open, roll, trading_day
from ctrader_twisted.sim.feed.chance import exponential, mixed, normal, share, walked
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.instruments import Interval
from ctrader_twisted.sim.feed.model import ANCHOR_DAY, FEWEST, PriceModel
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.feed.split import bids, shares, split

FIRST, LAST = day_number(date(2010, 1, 1)), day_number(date(2037, 1, 1))
MODEL = PriceModel(7, HOUSE.instruments)
instruments = st.sampled_from(HOUSE.instruments)
days = st.integers(FIRST, LAST)


def stream(seed: int) -> str:
    """A digest of some of everything under a seed."""
    feed = ModelFeed(seed)
    digest = sha256()
    for symbol_id in (1, 4, 279, 301):
        at = roll(day_number(date(2026, 3, 10))) + 9 * HOUR
        for _ in range(500):
            tick = feed.next_tick(symbol_id, at)
            assert tick is not None
            at = tick.timestamp_ms
            digest.update(repr(tuple(map(int, tick))).encode())
        for day in (FIRST, 15_000, 18_000, 20_000, LAST):
            for hour in feed.model.hours(symbol_id, day):
                digest.update(repr(tuple(hour.bar)).encode())
    return digest.hexdigest()


PINNED = "672ec23eb9e6c19662bdb738c8e0da4cc57f1a9adcdfa01f128019757c67a09f"


def test_a_change_of_the_model_is_noticed() -> None:
    """Whoever changes the prices on purpose changes this too, and says so in the change log: seeds mean new prices."""
    assert stream(1) == PINNED


def test_a_seed_means_the_same_in_another_process() -> None:
    program = (
        "from ctrader_twisted.sim.feed.modelled import ModelFeed\n"
        "print(__import__('json').dumps([ModelFeed(42).next_tick(s, 1790000000000) for s in (1, 41, 301)]))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert json.loads(printed) == [list(ModelFeed(42).next_tick(s, 1_790_000_000_000) or ()) for s in (1, 41, 301)]


def test_other_seeds_mean_other_prices_around_the_same_anchor() -> None:
    assert stream(1) != stream(2)
    for instrument in HOUSE.instruments:
        closes = set()
        for seed in (1, 2, -5, 1 << 80):
            drawn = PriceModel(seed, [instrument]).day(instrument.symbol_id, ANCHOR_DAY)
            assert drawn is not None
            assert drawn.bar.close == instrument.start_price
            closes.add(drawn.bar.high)
        assert len(closes) > 1


@settings(max_examples=60)
@given(instruments, days, st.data())
def test_the_order_of_asking_does_not_matter(instrument, day, data) -> None:
    fresh = PriceModel(7, [instrument])
    hours = MODEL.hours(instrument.symbol_id, day)
    if hours:
        hour = data.draw(st.sampled_from(hours))
        minute = data.draw(st.sampled_from(MODEL.minutes(instrument.symbol_id, hour.bar.open_ms)))
        assert fresh.ticks(instrument.symbol_id, minute.open_ms) == MODEL.ticks(instrument.symbol_id, minute.open_ms)


def summed(bars, open_ms):
    return (
        open_ms,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
    )


@settings(max_examples=120)
@given(instruments, days, st.data())
def test_every_level_adds_up_to_the_one_above(instrument, day, data) -> None:
    symbol_id = instrument.symbol_id
    drawn = MODEL.day(symbol_id, day)
    hours = MODEL.hours(symbol_id, day)
    if drawn is None:
        assert not hours
        return
    assert summed([hour.bar for hour in hours], roll(day - 1)) == drawn.bar
    hour = data.draw(st.sampled_from(hours))
    minutes = MODEL.minutes(symbol_id, hour.bar.open_ms)
    assert summed(minutes, hour.bar.open_ms) == hour.bar
    minute = data.draw(st.sampled_from([minutes[0], minutes[-1], *minutes]))
    found = MODEL.ticks(symbol_id, minute.open_ms)
    assert found is not None
    prices = [tick.bid for tick in found.ticks if tick.bid_changed]
    assert (minute.open_ms, prices[0], max(prices), min(prices), prices[-1], len(prices)) == minute


@settings(max_examples=200)
@given(instruments, days, st.data())
def test_ticks_are_in_order_in_hours_and_change_what_they_say(instrument, day, data) -> None:
    symbol_id, unit = instrument.symbol_id, instrument.tick_size
    hours = MODEL.hours(symbol_id, day)
    if not hours:
        return
    hour = data.draw(st.sampled_from([hours[0], hours[-1], *hours]))
    minutes = MODEL.minutes(symbol_id, hour.bar.open_ms)
    i = data.draw(st.integers(0, len(minutes) - 1))
    found = MODEL.ticks(symbol_id, minutes[i].open_ms)
    assert found is not None
    assert found.times == [tick.timestamp_ms for tick in found.ticks]
    assert found.times == sorted(set(found.times))
    assert found.ticks[0][3:] == (True, True)
    before = None
    if i:
        earlier = MODEL.ticks(symbol_id, minutes[i - 1].open_ms)
        assert earlier is not None
        before = earlier.ticks[-1]
    for tick in found.ticks:
        assert minutes[i].open_ms <= tick.timestamp_ms < minutes[i].open_ms + MINUTE
        assert is_open(instrument, tick.timestamp_ms)
        assert tick.bid % unit == tick.ask % unit == 0
        assert tick.bid > 0
        assert tick.ask - tick.bid >= unit
        if before is not None:
            assert tick.bid_changed == (tick.bid != before.bid)
            assert tick.ask_changed == (tick.ask != before.ask)
            assert tick.bid_changed or tick.ask_changed
        before = tick


@settings(max_examples=80)
@given(instruments, days)
def test_bars_are_bars_and_days_follow_one_another(instrument, day) -> None:
    symbol_id = instrument.symbol_id
    bars = [hour.bar for hour in MODEL.hours(symbol_id, day)]
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.high - bar.low >= 2 * instrument.tick_size
        assert bar.volume >= FEWEST
    for first, second in zip(bars, bars[1:], strict=False):
        assert abs(second.open - first.close) == instrument.tick_size
    drawn, following = MODEL.day(symbol_id, day), MODEL.day(symbol_id, day + 1)
    if drawn is not None and following is not None:
        assert abs(following.bar.open - drawn.bar.close) == instrument.tick_size


def test_a_weekend_is_no_gap() -> None:
    friday = day_number(date(2026, 10, 9))
    before, after = MODEL.day(1, friday), MODEL.day(1, friday + 3)
    assert before is not None
    assert after is not None
    assert MODEL.day(1, friday + 1) is MODEL.day(1, friday + 2) is None
    assert abs(after.bar.open - before.bar.close) == 1


def test_all_three_kinds_of_tick_occur_and_quiet_minutes_are_skipped() -> None:
    day = day_number(date(2026, 10, 7))
    kinds = {}
    for minute in MODEL.minutes(1, roll(day) - 8 * HOUR):
        found = MODEL.ticks(1, minute.open_ms)
        assert found is not None
        for tick in found.ticks:
            kinds[tick[3:]] = kinds.get(tick[3:], 0) + 1
    assert set(kinds) == {(True, True), (True, False), (False, True)}
    assert all(count > 500 for count in kinds.values())
    assert len(MODEL.minutes(1, roll(day) - 8 * HOUR)) == 60
    opened = [len(MODEL.minutes(301, roll(earlier - 1))) for earlier in range(day, day + 20)]
    assert 40 < min(opened) <= max(opened) < 60


def test_spreads_widen_at_the_roll_and_are_typical_else() -> None:
    day = day_number(date(2026, 10, 7))

    def mean(hour_ms: int) -> float:
        spreads = []
        for minute in MODEL.minutes(41, hour_ms):
            found = MODEL.ticks(41, minute.open_ms)
            assert found is not None
            spreads += [tick.ask - tick.bid for tick in found.ticks]
        return sum(spreads) / len(spreads)

    typical = HOUSE.instrument("XAUUSD").typical_spread
    assert 0.8 * typical < mean(roll(day) - 8 * HOUR) < 2 * typical
    assert mean(roll(day - 1) + HOUR) < 2 * typical  # gold is closed in the hour of the roll
    wide = MODEL.ticks(1, MODEL.minutes(1, roll(day - 1))[0].open_ms)
    assert wide is not None
    assert max(tick.ask - tick.bid for tick in wide.ticks) > 3 * HOUSE.instrument("EURUSD").typical_spread


def test_crosses_agree_with_their_legs_at_the_close() -> None:
    for day in range(day_number(date(2025, 6, 2)), day_number(date(2025, 6, 7))):
        closes = {name: MODEL.day(HOUSE.instrument(name).symbol_id, day) for name in ("EURUSD", "USDJPY", "EURJPY")}
        euro, yen, cross = (drawn.bar.close / 1e5 for drawn in closes.values() if drawn is not None)
        assert euro * yen == pytest.approx(cross, rel=1e-4)


def test_prices_stay_plausible_over_decades() -> None:
    for instrument in HOUSE.instruments:
        bars = [MODEL.day(instrument.symbol_id, day) for day in range(FIRST, LAST, 31)]
        closes = [drawn.bar.close / instrument.start_price for drawn in bars if drawn is not None]
        assert 0.05 < min(closes) < max(closes) < 20
        assert max(closes) / min(closes) > 1.05


def test_days_move_as_much_as_the_instrument_says() -> None:
    for name in ("EURUSD", "EURGBP", "XAUUSD", "GER40", "BTCUSD"):
        instrument = HOUSE.instrument(name)
        drawn = [MODEL.day(instrument.symbol_id, day) for day in range(17_000, 19_000)]
        moves = [(day.bar.close - day.bar.open) / day.bar.open for day in drawn if day is not None]
        deviation = (sum(move * move for move in moves) / len(moves)) ** 0.5
        assert deviation == pytest.approx(instrument.daily_volatility, rel=0.25)


def test_activity_follows_the_hours() -> None:
    hours = MODEL.hours(1, day_number(date(2026, 10, 7)))
    volumes = [hour.bar.volume for hour in hours]
    assert max(volumes[15:19]) > 3 * max(volumes[:2])
    assert 20 <= max(volumes) / 60 <= 250


def test_sessions_that_open_inside_a_minute() -> None:
    odd = replace(
        HOUSE.instrument("BTCUSD"),
        name="ODD",
        drivers=(),
        schedule=(Interval(86_400 + 36_000 + 30, 86_400 + 36_000 + 59), Interval(86_400 + 39_599, 86_400 + 39_661)),
    )
    model = PriceModel(3, [odd])
    monday = trading_day(int(datetime(2026, 10, 5, 12, tzinfo=UTC).timestamp()) * 1000)
    hours = model.hours(odd.symbol_id, monday)
    assert [len(by_minute(hour.spans)) for hour in hours] == [2, 2]
    for hour in hours:
        for minute in model.minutes(odd.symbol_id, hour.bar.open_ms):
            found = model.ticks(odd.symbol_id, minute.open_ms)
            assert found is not None
            assert len(set(found.times)) == len(found.times)
            assert all(is_open(odd, at) for at in found.times)


@pytest.mark.slow
def test_what_is_remembered_is_bounded() -> None:
    model = PriceModel(1, HOUSE.instruments)
    for day in range(19_000, 19_200):
        for symbol_id in (1, 41, 301, 302):
            for hour in model.hours(symbol_id, day)[::6]:
                model.ticks(symbol_id, model.minutes(symbol_id, hour.bar.open_ms)[0].open_ms)
    held = model.remembered
    assert set(held) == {"close", "day", "hours", "minutes", "ticks"}
    assert all(most is not None and size <= most for size, most in held.values())
    assert held["hours"][0] == held["hours"][1]
    assert held["ticks"][0] == held["ticks"][1]


@given(st.integers(0, (1 << 64) - 1), st.integers(4, 400), st.data())
def test_bids_touch_every_price_of_their_bar_and_always_change(x, count, data) -> None:
    low = data.draw(st.integers(1, 10_000))
    high = low + data.draw(st.integers(2, 60))
    opened, close = data.draw(st.integers(low, high)), data.draw(st.integers(low, high))
    path = bids((opened, high, low, close), count, x)
    assert (len(path), path[0], max(path), min(path), path[-1]) == (count, opened, high, low, close)
    assert all(first != second for first, second in zip(path, path[1:], strict=False))


@given(st.integers(0, (1 << 64) - 1), st.integers(1, 60), st.data())
def test_bars_split_into_bars(x, count, data) -> None:
    low = data.draw(st.integers(1, 10_000))
    high = low + data.draw(st.integers(2, 300))
    opened, close = data.draw(st.integers(low, high)), data.draw(st.integers(low, high))
    parts = split((opened, high, low, close), count, x)
    assert len(parts) == count
    assert (parts[0][0], max(part[1] for part in parts), min(part[2] for part in parts), parts[-1][3]) == (
        opened,
        high,
        low,
        close,
    )
    for part in parts:
        assert part[2] <= min(part[0], part[3]) <= max(part[0], part[3]) <= part[1]
        assert part[1] - part[2] >= 2
    assert all(abs(second[0] - first[3]) == 1 for first, second in zip(parts, parts[1:], strict=False))


@given(st.integers(0, 100_000), st.lists(st.floats(0.1, 100), min_size=1, max_size=60))
def test_shares_add_up(total, weights) -> None:
    parts = shares(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0


@given(st.integers())
def test_chance_is_in_range(number) -> None:
    bits = mixed(number, number >> 3)
    assert 0 <= bits < 1 << 64
    assert 0 <= share(bits) < 1
    assert abs(normal(bits)) < 3.47


def test_mixing_is_splitmix64() -> None:
    """The first outputs of the reference implementation seeded with 0 and with 1234567."""
    assert [mixed(n) for n in (1, 2, 3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert mixed(1, 1_234_567) == 6_457_827_717_110_365_317


def test_walks_step_by_one_in_the_short_run_and_stay_in_the_long() -> None:
    walk = [walked(99, position) for position in range(20_000)]
    steps = [second - first for first, second in zip(walk, walk[1:], strict=False)]
    assert sum(step * step for step in steps) / len(steps) == pytest.approx(1, rel=0.1)
    assert sum(a * b for a, b in zip(steps, steps[1:], strict=False)) / len(steps) == pytest.approx(0, abs=0.05)
    assert max(map(abs, walk)) < 100


def test_exponential() -> None:
    for x in (-4.0, -0.3, 0.0, 0.004, 1.0, 4.0):
        assert exponential(x) == pytest.approx(2.718281828459045**x, rel=1e-12)


def test_the_ends_of_time() -> None:
    for day in (0, 1, 24_855):
        for instrument in HOUSE.instruments:
            MODEL.hours(instrument.symbol_id, day)
