"""The price tree: every price of every instrument at any date, out of a seed, without a history to keep.

From the top down. The close of a trading day is a point of a bounded random walk; it opens one tick away from the
close before; its high, low and number of ticks are drawn. A day is cut into hours, an hour into minutes, a
minute into ticks, each time so that the parts make up exactly what was cut. So bars of all periods agree with one
another and with the ticks, and whoever asks for a minute of ten years ago pays for one day, one hour, one minute.

Every open minute has bids (save a few of the quietest hours', which are skipped whole), every bid differs from the one
before, and an ask is at least one tick above. Closed markets have neither ticks nor bars.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from ctrader_twisted.sim.feed.calendar import (
    HOUR,
    MINUTE,
    Span,
    by_hour,
    by_minute,
    count_minutes,
    day_number,
    open_intervals,
    roll,
    trades_weekends,
    trading_day,
)
from ctrader_twisted.sim.feed.chance import MASK, SHIFT, STEP, exponential, key_of, mixed, share, walked
from ctrader_twisted.sim.feed.feed import Bar, Tick
from ctrader_twisted.sim.feed.split import bids, shares, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctrader_twisted.sim.feed.instruments import Instrument

ANCHOR_DAY: Final = day_number(date(2026, 9, 18))
"""The trading day that closes at each instrument's ``start_price``, whatever the seed."""

FEWEST: Final = 4
"""Bids in the emptiest minute."""

# Liveliness of each hour since the roll at 17:00 New York, mean about 10: Asia, London from the tenth, New York.
_ACTIVITY: Final = (3, 4, 6, 8, 8, 8, 7, 6, 7, 10, 14, 15, 14, 12, 12, 16, 18, 18, 16, 12, 10, 9, 8, 5, 5)
_QUIET: Final = 4
_DAY, _HOURS, _MINUTES, _MINUTE, _UP, _DOWN, _TICKS, _OPEN, _SKIP = range(9)  # one kind of draw each


class Day(NamedTuple):
    """A trading day: its D1 bar and what is open of it."""

    bar: Bar
    spans: list[Span]


class Hour(NamedTuple):
    """An open hour: its H1 bar and what is open of it."""

    bar: Bar
    spans: tuple[Span, ...]


class MinuteTicks(NamedTuple):
    """The ticks of a minute, and their times beside them for bisection."""

    times: list[int]
    ticks: list[Tick]


@dataclass(frozen=True, slots=True)
class _Source:
    """What is worked out once of an instrument."""

    instrument: Instrument
    keys: tuple[int, ...]
    unit: int
    walks: tuple[tuple[int, float, float], ...]
    weekends: bool
    spread: int


class PriceModel:
    """The price tree of some instruments under one seed. Everything remembered is bounded."""

    def __init__(self, seed: int, instruments: Iterable[Instrument]) -> None:
        """Build nothing yet; days, hours and minutes are drawn when asked for."""
        self._sources = {instrument.symbol_id: _source(seed, instrument) for instrument in instruments}
        self._close: Callable[[int, int], int] = lru_cache(maxsize=8192)(self._draw_close)
        self.day: Callable[[int, int], Day | None] = lru_cache(maxsize=4096)(self._draw_day)
        """``day(symbol_id, trading day)``; None where the market stays closed."""
        self.hours: Callable[[int, int], list[Hour]] = lru_cache(maxsize=512)(self._draw_hours)
        """``hours(symbol_id, trading day)``, the open ones, ascending."""
        self.minutes: Callable[[int, int], list[Bar]] = lru_cache(maxsize=512)(self._draw_minutes)
        """``minutes(symbol_id, opening of an hour)``: its M1 bars, ascending."""
        self.ticks: Callable[[int, int], MinuteTicks | None] = lru_cache(maxsize=256)(self._draw_ticks)
        """``ticks(symbol_id, opening of a minute)``; None where it has none."""

    @property
    def remembered(self) -> dict[str, tuple[int, int | None]]:
        """What each memory holds and may hold at most, by name."""
        caches = {"close": self._close, "day": self.day, "hours": self.hours, "minutes": self.minutes}
        infos = {name: cache.cache_info() for name, cache in {**caches, "ticks": self.ticks}.items()}  # type: ignore[attr-defined]
        return {name: (info.currsize, info.maxsize) for name, info in infos.items()}

    def _draw_close(self, symbol_id: int, position: int) -> int:
        """The close at a position of the walk, in ticks of the symbol."""
        source = self._sources[symbol_id]
        moved = sum([weight * (walked(key, position) - anchor) for key, weight, anchor in source.walks])
        price = source.instrument.start_price * exponential(max(-4.0, min(4.0, moved)))
        return max(4, round(price / source.unit))

    def _draw_day(self, symbol_id: int, day: int) -> Day | None:
        source = self._sources[symbol_id]
        start, end = roll(day - 1), roll(day)
        spans = open_intervals(source.instrument, start, end)
        open_minutes = sum([minutes for _, _, minutes in _open_hours(spans)])
        if not open_minutes:
            return None
        position = _position(day, weekends=source.weekends)
        close = self._close(symbol_id, position)
        before = self._close(symbol_id, position - 1)
        keys = source.keys
        opened = before + 1 if mixed(day, keys[_OPEN]) & 1 else before - 1
        usual = source.instrument.daily_volatility * close
        high = max(opened, close) + 1 + int(usual * 0.9 * share(mixed(day, keys[_UP])))
        low = max(1, min(opened, close) - 1 - int(usual * 0.9 * share(mixed(day, keys[_DOWN]))))
        busy = 0.7 + 0.6 * share(mixed(day, keys[_DAY]))
        volume = open_minutes * FEWEST + int(open_minutes * (source.instrument.ticks_per_minute - FEWEST) * busy)
        unit = source.unit
        return Day(Bar(start, opened * unit, high * unit, low * unit, close * unit, volume), spans)

    def _draw_hours(self, symbol_id: int, day: int) -> list[Hour]:
        source = self._sources[symbol_id]
        drawn = self.day(symbol_id, day)
        if drawn is None:
            return []
        start, keys, unit = drawn.bar.open_ms, source.keys, source.unit
        hours = _open_hours(drawn.spans)
        busy = [
            minutes * _ACTIVITY[(hour - start) // HOUR] * (0.8 + 0.4 * share(mixed(hour // HOUR, keys[_SKIP])))
            for hour, _, minutes in hours
        ]
        extra = shares(drawn.bar.volume - FEWEST * sum([minutes for _, _, minutes in hours]), busy)
        mean = sum(busy) / len(busy)
        lively = [sqrt(weight / mean) for weight in busy]
        parts = split(_prices(drawn.bar, unit), len(busy), mixed(day, keys[_HOURS]), lively)
        return [
            Hour(Bar(hour, o * unit, h * unit, low * unit, c * unit, FEWEST * minutes + more), spans)
            for (hour, spans, minutes), more, (o, h, low, c) in zip(hours, extra, parts, strict=True)
        ]

    def hour(self, symbol_id: int, hour_ms: int) -> Hour | None:
        """The hour that opens at ``hour_ms``; None where it is closed."""
        hours = self.hours(symbol_id, trading_day(hour_ms))
        i = bisect_left(hours, hour_ms, key=_hour_open)
        return hours[i] if i < len(hours) and hours[i].bar.open_ms == hour_ms else None

    def _draw_minutes(self, symbol_id: int, hour_ms: int) -> list[Bar]:
        source = self._sources[symbol_id]
        hour = self.hour(symbol_id, hour_ms)
        if hour is None:
            return []
        number, unit, keys = hour_ms // HOUR, source.unit, source.keys
        spans = by_minute(hour.spans)
        if len(spans) > 1 and _ACTIVITY[(hour_ms - roll(trading_day(hour_ms) - 1)) // HOUR] <= _QUIET:
            skipped = mixed(number, keys[_SKIP]) & mixed(number, keys[_UP]) & mixed(number, keys[_DOWN])
            spans = [span for i, span in enumerate(spans) if not i or not skipped >> i & 1]
        x = mixed(number, keys[_MINUTES])
        weights = []
        for first, end in spans:
            x = (x * STEP + SHIFT) & MASK
            weights.append((end - first) * (24_000 + (x >> 50)))
        extra = shares(hour.bar.volume - FEWEST * len(spans), [float(weight) for weight in weights])
        parts = split(_prices(hour.bar, unit), len(spans), x)
        return [
            Bar(first - first % MINUTE, o * unit, h * unit, low * unit, c * unit, FEWEST + more)
            for (first, _), more, (o, h, low, c) in zip(spans, extra, parts, strict=True)
        ]

    def minute(self, symbol_id: int, minute_ms: int) -> Bar | None:
        """The M1 bar that opens at ``minute_ms``; None where it has no ticks."""
        bars = self.minutes(symbol_id, minute_ms - minute_ms % HOUR)
        i = bisect_left(bars, minute_ms, key=_bar_open)
        return bars[i] if i < len(bars) and bars[i].open_ms == minute_ms else None

    def _draw_ticks(self, symbol_id: int, minute_ms: int) -> MinuteTicks | None:
        source = self._sources[symbol_id]
        bar = self.minute(symbol_id, minute_ms)
        hour = self.hour(symbol_id, minute_ms - minute_ms % HOUR)
        if bar is None or hour is None:
            return None
        first, end = next(span for span in by_minute(hour.spans) if span[0] - span[0] % MINUTE == minute_ms)
        x = mixed(minute_ms // MINUTE, source.keys[_TICKS])
        path = bids(_prices(bar, source.unit), bar.volume, x)
        spread = source.spread + (source.spread * (x >> 40 & 0xFF) >> 10)
        if (minute_ms - roll(trading_day(minute_ms) - 1)) // HOUR == 0:
            spread *= 4
        room = end - first - len(path)
        asks_only = min(len(path) * (20 + (x >> 48 & 31)) // 100, max(0, room))
        return _interleaved(path, asks_only, spread, (first, end), source.unit, mixed(x))


def _interleaved(path: list[int], asks_only: int, spread: int, span: Span, unit: int, x: int) -> MinuteTicks:
    """A minute's bids with their times and asks, and ``asks_only`` changes of the ask between them.

    The first ask of a minute is odd and the last one even, in ticks, so that the first is a change whatever the
    minute before was. The first and the last tick bring a bid.
    """
    first, length = span[0], span[1] - span[0]
    left_bids, left = len(path), len(path) + asks_only
    count = left
    jitter = spread // 2 + 2
    widest = spread + 2 * jitter
    times, ticks = [], []
    bid = ask = i = 0
    slot = 0
    for n in range(count):
        x = (x * STEP + SHIFT) & MASK
        wanted = spread + ((x >> 52) * jitter >> 12) - (jitter >> 2)  # 1 or more, since spread is
        old = ask
        drawn = (x >> 32 & 0xFFFF) * (left - 1) < left_bids - 1 << 16
        is_bid = n == 0 or left_bids == left or (left_bids > 1 and drawn)
        left -= 1
        if is_bid:
            left_bids -= 1
            bid = path[i]
            i += 1
            if n == 0:
                ask = bid + wanted | 1
            elif not left:
                ask = bid + wanted + 1 & ~1
            elif x & 1 << 51 or not 1 <= ask - bid <= widest:
                ask = bid + wanted
        else:
            ask = bid + wanted
            if ask == old:
                ask += 1
        next_slot = (n + 1) * length // count
        at = first + slot + (x >> 36) % (next_slot - slot)
        slot = next_slot
        times.append(at)
        ticks.append(Tick(at, bid * unit, ask * unit, is_bid, ask != old))
    return MinuteTicks(times, ticks)


def _source(seed: int, instrument: Instrument) -> _Source:
    weekends = trades_weekends(instrument)
    anchor = _position(ANCHOR_DAY, weekends=weekends)
    drivers = instrument.drivers or ((instrument.name, instrument.daily_volatility),)
    keyed = [(key_of(seed, f"walk {name}"), weight) for name, weight in drivers]
    base = key_of(seed, f"symbol {instrument.name}")
    unit = instrument.tick_size
    return _Source(
        instrument,
        tuple(mixed(n, base) for n in range(9)),
        unit,
        tuple((key, weight, walked(key, anchor)) for key, weight in keyed),
        weekends,
        max(1, round(instrument.typical_spread / unit)),
    )


def _position(day: int, *, weekends: bool) -> int:
    """Where on its walk a trading day closes: five steps a week, or seven."""
    if weekends:
        return day
    week, weekday = divmod(day + 3, 7)
    return 5 * week + min(weekday, 4)


def _open_hours(spans: list[Span]) -> list[tuple[int, tuple[Span, ...], int]]:
    """The hours with open minutes: opening, what is open, how many minutes."""
    hours = [(hour, pieces, count_minutes(hour, pieces)) for hour, pieces in by_hour(spans)]
    return [hour for hour in hours if hour[2]]


def _prices(bar: Bar, unit: int) -> tuple[int, int, int, int]:
    return bar.open // unit, bar.high // unit, bar.low // unit, bar.close // unit


def _hour_open(hour: Hour) -> int:
    return hour.bar.open_ms


def _bar_open(bar: Bar) -> int:
    return bar.open_ms
