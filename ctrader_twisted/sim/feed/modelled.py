"""The seeded source of prices: the questions a venue asks, answered from the price tree."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.calendar import (
    HOUR,
    LAST_MS,
    MINUTE,
    NOMINAL,
    Period,
    bar_open,
    day_number,
    next_bar_open,
    roll,
    trading_day,
)
from ctrader_twisted.sim.feed.feed import Bar, Feed, Quote, Side, SideTick, Tick, merged
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.model import PriceModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ctrader_twisted.sim.feed.instruments import Instrument

HISTORY_START: Final = roll(day_number(date(2010, 1, 1)) - 1)
"""Where history begins unless told otherwise, ms UTC."""

_LOOKAHEAD_DAYS: Final = 60
_LIVE_PERIODS: Final = 256


class ModelFeed(Feed):
    """A ``Feed`` of made-up prices: the same seed gives the same ticks, on any machine, asked in any order."""

    def __init__(
        self, seed: int, instruments: Iterable[Instrument] = HOUSE.instruments, history_start_ms: int = HISTORY_START
    ) -> None:
        """Nothing before the trading day that holds ``history_start_ms`` is ever shown."""
        self._instruments = {instrument.symbol_id: instrument for instrument in instruments}
        self.model: PriceModel = PriceModel(seed, self._instruments.values())
        self._first_day = trading_day(history_start_ms)
        self._start = roll(self._first_day - 1)
        self._before: Callable[[int, Period, int], Bar | None] = lru_cache(maxsize=_LIVE_PERIODS)(self._whole_minutes)
        self._running: Callable[[int, int], list[Bar]] = lru_cache(maxsize=_LIVE_PERIODS)(self._running_bars)

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """What has prices here, by symbol id."""
        return MappingProxyType(self._instruments)

    @property
    def remembered(self) -> dict[str, tuple[int, int | None]]:
        """What each memory holds and may hold at most, by name: for whoever watches that memory stays flat."""
        caches = {"before": self._before, "running": self._running}
        infos = {name: cache.cache_info() for name, cache in caches.items()}  # type: ignore[attr-defined]
        return {**self.model.remembered, **{name: (info.currsize, info.maxsize) for name, info in infos.items()}}

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        """Whether the instrument's schedule has it open."""
        return calendar.is_open(self._instruments[symbol_id], at_ms)

    def quote(self, symbol_id: int, at_ms: int) -> Quote | None:
        """The quote last known at ``at_ms``, also when the market is closed; None before history."""
        minute = at_ms - at_ms % MINUTE
        found = self.model.ticks(symbol_id, minute) if minute >= self._start else None
        if found is not None:
            i = bisect_right(found.times, at_ms)
            if i:
                return Quote(*found.ticks[i - 1][:3])
        last = next(self._minutes_before(symbol_id, minute), None)
        found = None if last is None else self.model.ticks(symbol_id, last)
        return None if found is None else Quote(*found.ticks[-1][:3])

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick | None:
        """The first tick strictly after ``after_ms``; None where none will ever come."""
        if after_ms < self._start:
            after_ms = self._start - 1
        minute = after_ms - after_ms % MINUTE
        found = self.model.ticks(symbol_id, minute)
        if found is not None:
            i = bisect_right(found.times, after_ms)
            if i < len(found.ticks):
                return found.ticks[i]
        following = self._minute_after(symbol_id, minute)
        found = None if following is None else self.model.ticks(symbol_id, following)
        return None if found is None else found.ticks[0]

    def ticks_back(
        self, symbol_id: int, side: Side, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[SideTick], bool]:
        """The newest ``limit`` ticks of one side, newest first, and whether older ones are left."""
        first = max(self._start, from_ms or 0)
        last = min(to_ms, now_ms)
        price, changed = (1, 3) if side is Side.BID else (2, 4)
        found: list[SideTick] = []
        for minute in self._minutes_before(symbol_id, last - last % MINUTE + MINUTE):
            if minute + MINUTE <= first or len(found) > limit:
                break
            whole = self.model.ticks(symbol_id, minute)
            if whole is None:
                continue
            ticks = whole.ticks[bisect_left(whole.times, first) : bisect_right(whole.times, last)]
            found += [SideTick(tick[0], tick[price]) for tick in reversed(ticks) if tick[changed]]
        return found[:limit], len(found) > limit

    def bars_back(
        self, symbol_id: int, period: Period, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[Bar], bool]:
        """The newest ``limit`` bars as known at ``now_ms``, ascending, and whether older ones are left."""
        first = max(self._start, from_ms or 0)
        last = min(to_ms, now_ms)
        current = bar_open(period, now_ms)
        blocks: list[list[Bar]] = []
        count = 0
        if last >= current:
            live = self.live_bar(symbol_id, period, now_ms)
            last = current - 1
            if live is not None and live.open_ms >= first:
                blocks.append([live])
                count = 1
        for block in self._blocks_before(symbol_id, period, last):
            if block:
                if block[-1].open_ms < first:
                    break
                if block[0].open_ms < first or block[-1].open_ms > last:
                    block = [bar for bar in block if first <= bar.open_ms <= last]
                blocks.append(block)
                count += len(block)
                if count > limit:
                    break
        bars = [bar for block in reversed(blocks) for bar in block]
        return bars[max(0, count - limit) :], count > limit

    def live_bar(self, symbol_id: int, period: Period, at_ms: int) -> Bar | None:
        """The bar that holds ``at_ms``, built of the ticks up to then; None as long as it has none."""
        if at_ms < self._start:
            return None
        minute = at_ms - at_ms % MINUTE
        opened = bar_open(period, at_ms)
        parts = []
        if opened < minute:
            before = self._before(symbol_id, period, minute)
            if before is not None:
                parts.append(before)
        found = self.model.ticks(symbol_id, minute)
        if found is not None:
            i = bisect_right(found.times, at_ms)
            if i:
                parts.append(self._running(symbol_id, minute)[i - 1])
        return merged(parts, opened)

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        """The bid with which the last trading day before that of ``at_ms`` closed."""
        day = trading_day(at_ms)
        for earlier in range(day - 1, max(self._first_day, day - _LOOKAHEAD_DAYS) - 1, -1):
            drawn = self.model.day(symbol_id, earlier)
            if drawn is not None:
                return drawn.bar.close
        return None

    # Walking the tree.

    def _minute_after(self, symbol_id: int, minute_ms: int) -> int | None:
        """The next minute with ticks after that one."""
        day = trading_day(minute_ms)
        for later in range(day, day + _LOOKAHEAD_DAYS):
            for hour in self.model.hours(symbol_id, later):
                opens = hour.bar.open_ms
                if opens + HOUR <= minute_ms + MINUTE:
                    continue
                for bar in self.model.minutes(symbol_id, opens):
                    if bar.open_ms > minute_ms:
                        return bar.open_ms if bar.open_ms <= LAST_MS else None
        return None

    def _minutes_before(self, symbol_id: int, minute_ms: int) -> Iterator[int]:
        """The minutes with ticks that open before ``minute_ms``, newest first, back to where history begins."""
        for block in self._blocks_before(symbol_id, Period.M1, minute_ms - 1):
            for bar in reversed(block):
                if bar.open_ms < minute_ms:
                    yield bar.open_ms

    def _blocks_before(self, symbol_id: int, period: Period, last_ms: int) -> Iterator[list[Bar]]:
        """Whole bars in blocks, ascending inside a block, the newest block first; all that open by ``last_ms``.

        The newest block may hold bars that open later.
        """
        if last_ms < self._start:
            return
        if period in (Period.W1, Period.MN1):
            opens = bar_open(period, last_ms)
            while opens + NOMINAL[Period.W1] * 5 > self._start:
                end = trading_day(next_bar_open(period, opens))
                days = [self._days_bar(symbol_id, day) for day in range(trading_day(opens), end)]
                whole = merged([day for day in days if day is not None], opens)
                yield [] if whole is None else [whole]
                opens = bar_open(period, opens - 1)
            return
        for day in range(trading_day(last_ms), self._first_day - 1, -1):
            if period is Period.D1:
                whole = self._days_bar(symbol_id, day)
                yield [] if whole is None else [whole]
            elif period >= Period.H1:
                bars = [hour.bar for hour in self.model.hours(symbol_id, day)]
                yield bars if period is Period.H1 else _grouped(bars, period)
            else:
                for hour in reversed(self.model.hours(symbol_id, day)):
                    if hour.bar.open_ms <= last_ms:
                        bars = self.model.minutes(symbol_id, hour.bar.open_ms)
                        yield bars if period is Period.M1 else _grouped(bars, period)

    def _days_bar(self, symbol_id: int, day: int) -> Bar | None:
        drawn = self.model.day(symbol_id, day) if day >= self._first_day else None
        return None if drawn is None else drawn.bar

    def _whole_minutes(self, symbol_id: int, period: Period, minute_ms: int) -> Bar | None:
        """What the bar that holds ``minute_ms`` is made of before that minute."""
        opened = bar_open(period, minute_ms)
        today, hour_ms = trading_day(minute_ms), minute_ms - minute_ms % HOUR
        days = [self._days_bar(symbol_id, day) for day in range(trading_day(opened), today)]
        parts = [bar for bar in days if bar is not None]
        hours = [hour.bar for hour in self.model.hours(symbol_id, today)]
        parts += [bar for bar in hours if opened <= bar.open_ms < hour_ms]
        parts += [bar for bar in self.model.minutes(symbol_id, hour_ms) if opened <= bar.open_ms < minute_ms]
        return merged(parts, opened)

    def _running_bars(self, symbol_id: int, minute_ms: int) -> list[Bar]:
        """The bar of a minute as it stands after each of its ticks."""
        found = self.model.ticks(symbol_id, minute_ms)
        if found is None:
            return []
        bars = []
        opened = high = low = found.ticks[0].bid
        volume = 0
        for _, bid, _, changed, _ in found.ticks:
            if changed:
                volume += 1
                high = bid if bid > high else high
                low = bid if bid < low else low
            bars.append(Bar(minute_ms, opened, high, low, bid, volume))
        return bars


def _grouped(bars: list[Bar], period: Period) -> list[Bar]:
    """Bars put together by the longer period, never across the end of a trading day."""
    groups = [merged(group, opens) for opens, group in groupby(bars, lambda bar: bar_open(period, bar.open_ms))]
    return [bar for bar in groups if bar is not None]
