"""A source of prices read from a file of ticks or bars: what happened once happens again, shifted or in a loop."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.calendar import (
    LAST_MS,
    MINUTE,
    NOMINAL,
    Period,
    bar_open,
    next_bar_open,
    roll,
    trading_day,
)
from ctrader_twisted.sim.feed.feed import Bar, Feed, Quote, Side, SideTick, Tick, merged
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.replay_files import ASK_CHANGED, BID_CHANGED, Series, read_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from os import PathLike

    from ctrader_twisted.sim.feed.instruments import Instrument

__all__ = ["ReplayFeed"]

_LIVE_PERIODS = 256


class ReplayFeed(Feed):
    """A ``Feed`` of the ticks in a file. Its history begins with the file's first tick."""

    def __init__(self, series: Iterable[Series], *, step_ms: int, start_ms: int | None, loop: bool) -> None:
        """Take what ``open`` has read; shifts and loops are whole multiples of ``step_ms``, so bars stay bars."""
        every = list(series)
        first = min(one.times[0] for one in every)
        last = max(one.times[-1] for one in every)
        base = first - first % step_ms
        cycle = (last - base) // step_ms * step_ms + step_ms if loop else 0
        shift = 0 if start_ms is None else (start_ms - first) // step_ms * step_ms
        self._instruments = {one.instrument.symbol_id: one.instrument for one in every}
        self._tapes = {one.instrument.symbol_id: _Tape(one, base, shift, cycle) for one in every}
        self._before: Callable[[int, Period, int], Bar | None] = lru_cache(maxsize=_LIVE_PERIODS)(self._whole_minutes)

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        instruments: Iterable[Instrument] = HOUSE.instruments,
        *,
        symbol: str | None = None,
        period: Period | None = None,
        start_ms: int | None = None,
        loop: bool = False,
    ) -> ReplayFeed:
        """Read a CSV or Parquet file (by its suffix); ``replay_files`` says what it may hold.

        ``symbol`` names the symbol of a file without that column, or the one wanted of a file with several.
        ``period`` must be stated for bars. With ``start_ms`` the whole file is shifted so that its first tick falls
        on that moment, or less than a minute (for bars: less than a period) before it: only whole minutes or
        periods keep the bars what they were. With ``loop`` the file begins anew at its end.

        A bar becomes its open, high, low and close, or open, low, high and close where it rose, spread over its
        period; the bars rebuilt from these, up to the period and of longer ones, are those of the file. Its volume is
        kept (the number of its ticks where there is none or 0). Shifted bars of H4 and longer may fall
        into other bars, where clocks change.
        """
        series = read_series(Path(path), instruments, symbol, period)
        step = MINUTE if period is None else NOMINAL.get(period, NOMINAL[Period.D1])
        return cls(series, step_ms=step, start_ms=start_ms, loop=loop)

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """The instruments that the file has rows of, by symbol id."""
        return MappingProxyType(self._instruments)

    def span(self, symbol_id: int) -> tuple[int, int]:
        """When a symbol's first tick comes, and the last of the file: of the first repetition, if it loops."""
        tape = self._tapes[symbol_id]
        return tape.time(0), tape.time(len(tape.series.times) - 1)

    @property
    def remembered(self) -> dict[str, tuple[int, int | None]]:
        """What each memory beside the file itself holds and may hold at most, by name."""
        info = self._before.cache_info()  # type: ignore[attr-defined]
        return {"before": (info.currsize, info.maxsize)}

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        """Whether the instrument's schedule had it open at that moment of the file's own time."""
        return calendar.is_open(self._instruments[symbol_id], self._tapes[symbol_id].file_time(at_ms))

    def quote(self, symbol_id: int, at_ms: int) -> Quote | None:
        """The quote last known at ``at_ms``; None before the file's first tick."""
        tape = self._tapes[symbol_id]
        passed = tape.ticks_until(at_ms)
        return Quote(*tape.tick(passed - 1)[:3]) if passed else None

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick | None:
        """The first tick strictly after ``after_ms``; None after the file's last, unless it loops."""
        tape = self._tapes[symbol_id]
        following = tape.ticks_until(after_ms)
        if not tape.cycle and following >= len(tape.series.times):
            return None
        tick = tape.tick(following)
        return tick if tick.timestamp_ms <= LAST_MS else None

    def ticks_back(
        self, symbol_id: int, side: Side, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[SideTick], bool]:
        """The newest ``limit`` ticks of one side, newest first, and whether older ones are left."""
        tape = self._tapes[symbol_id]
        first = 0 if from_ms is None else tape.ticks_until(from_ms - 1)
        wanted = BID_CHANGED if side is Side.BID else ASK_CHANGED
        changes, prices = tape.series.changes, tape.series.bids if side is Side.BID else tape.series.asks
        count = len(changes)
        found: list[SideTick] = []
        for i in range(tape.ticks_until(min(to_ms, now_ms)) - 1, first - 1, -1):
            at = i % count
            if changes[at] & wanted:
                if len(found) == limit:
                    return found, True
                found.append(SideTick(tape.time(i), prices[at]))
        return found, False

    def bars_back(
        self, symbol_id: int, period: Period, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[Bar], bool]:
        """The newest ``limit`` bars as known at ``now_ms``, ascending, and whether older ones are left."""
        tape = self._tapes[symbol_id]
        last = min(to_ms, now_ms)
        current = bar_open(period, now_ms)
        found: list[Bar] = []
        if last >= current:
            live = self.live_bar(symbol_id, period, now_ms)
            last = current - 1
            if live is not None and (from_ms is None or live.open_ms >= from_ms):
                found.append(live)
        end = tape.minutes_until(next_bar_open(period, bar_open(period, last)) - 1)
        while end and len(found) <= limit:
            opens = bar_open(period, tape.minute_time(end - 1))
            if from_ms is not None and opens < from_ms:
                break
            first = tape.minutes_until(opens - 1)
            found += tape.whole_bars(first, end, opens)
            end = first
        return found[:limit][::-1], len(found) > limit

    def live_bar(self, symbol_id: int, period: Period, at_ms: int) -> Bar | None:
        """The bar that holds ``at_ms``, built of the ticks up to then; None as long as it has none."""
        tape, opened = self._tapes[symbol_id], bar_open(period, at_ms)
        minute = at_ms - at_ms % MINUTE
        begun = tape.minute_until(minute, at_ms)
        before = None if opened == minute else self._before(symbol_id, period, minute)
        if before is None or begun is None:
            return before if begun is None else begun._replace(open_ms=opened)
        return merged((before, begun), opened)

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        """The bid with which the last trading day before that of ``at_ms`` closed."""
        tape = self._tapes[symbol_id]
        passed = tape.ticks_until(roll(trading_day(at_ms) - 1) - 1)
        return tape.tick(passed - 1).bid if passed else None

    def _whole_minutes(self, symbol_id: int, period: Period, minute_ms: int) -> Bar | None:
        """What the bar that holds ``minute_ms`` is made of before that minute."""
        tape = self._tapes[symbol_id]
        opened = bar_open(period, minute_ms)
        first, end = tape.minutes_until(opened - 1), tape.minutes_until(minute_ms - 1)
        return merged(tape.whole_bars(first, end, opened), opened)


class _Tape:
    """One symbol's series laid out in the venue's time: shifted, and repeated if it loops.

    Positions count on through the repetitions: position i is entry ``i % length`` of repetition ``i // length``.
    """

    def __init__(self, series: Series, base: int, shift: int, cycle: int) -> None:
        """``base`` is where a repetition begins in the file's time, ``cycle`` its length; 0: there is but one."""
        self.series = series
        self.cycle = cycle
        self._base = base
        self._shift = shift
        self.opens, self.firsts = array("q"), array("q")
        self.highs, self.lows, self.closes, self.volumes = array("q"), array("q"), array("q"), array("q")
        self._build_minutes()

    def _build_minutes(self) -> None:
        minute = -1
        for at, bid, changes, volume in zip(
            self.series.times, self.series.bids, self.series.changes, self.series.volumes, strict=True
        ):
            if not changes & BID_CHANGED:
                continue
            if at - minute >= MINUTE or minute < 0:
                minute = at - at % MINUTE
                for column, value in (
                    (self.opens, minute), (self.firsts, bid), (self.highs, bid), (self.lows, bid), (self.closes, bid),
                    (self.volumes, volume),
                ):  # fmt: skip
                    column.append(value)
            else:
                if bid > self.highs[-1]:
                    self.highs[-1] = bid
                elif bid < self.lows[-1]:
                    self.lows[-1] = bid
                self.closes[-1] = bid
                self.volumes[-1] += volume

    def _locate(self, at_ms: int) -> tuple[int, int]:
        """The repetition that a moment falls into, and the moment in the file's time."""
        at = at_ms - self._shift
        if not self.cycle or at < self._base:
            return 0, at
        repetition, inside = divmod(at - self._base, self.cycle)
        return repetition, self._base + inside

    def file_time(self, at_ms: int) -> int:
        """A moment of the venue's time in the file's."""
        return self._locate(at_ms)[1]

    def ticks_until(self, at_ms: int) -> int:
        """How many ticks have come by then; also the position of the next."""
        repetition, at = self._locate(at_ms)
        return repetition * len(self.series.times) + bisect_right(self.series.times, at)

    def minutes_until(self, at_ms: int) -> int:
        """How many minutes with bids have begun by then."""
        repetition, at = self._locate(at_ms)
        return repetition * len(self.opens) + bisect_right(self.opens, at)

    def time(self, position: int) -> int:
        """When the tick at a position comes."""
        repetition, at = divmod(position, len(self.series.times))
        return self.series.times[at] + self._shift + repetition * self.cycle

    def minute_time(self, position: int) -> int:
        """When the minute at a position opens."""
        repetition, at = divmod(position, len(self.opens))
        return self.opens[at] + self._shift + repetition * self.cycle

    def tick(self, position: int) -> Tick:
        """The tick at a position. The first of a repetition brings both sides."""
        at = position % len(self.series.times)
        changes = self.series.changes[at]
        return Tick(
            self.time(position),
            self.series.bids[at],
            self.series.asks[at],
            bool(changes & BID_CHANGED),
            bool(changes & ASK_CHANGED),
        )

    def minute_until(self, minute_ms: int, at_ms: int) -> Bar | None:
        """The bar of a minute, built of the ticks up to a moment in it; None as long as it has no bid."""
        series, length = self.series, len(self.series.times)
        bid = first = high = low = volume = 0
        for i in range(self.ticks_until(minute_ms - 1), self.ticks_until(at_ms)):
            at = i % length
            if series.changes[at] & BID_CHANGED:
                bid = series.bids[at]
                if not first:
                    first = high = low = bid
                high = bid if bid > high else high
                low = bid if bid < low else low
                volume += series.volumes[at]
        return Bar(minute_ms, first, high, low, bid, volume) if first else None

    def whole_bars(self, first: int, end: int, open_ms: int) -> list[Bar]:
        """The minutes between two positions as one bar, in a list that is empty where there are none."""
        length = len(self.opens)
        parts = []
        while first < end:
            repetition, left = divmod(first, length)
            right = min(length, end - repetition * length)
            parts.append(
                Bar(
                    open_ms,
                    self.firsts[left],
                    max(self.highs[left:right]),
                    min(self.lows[left:right]),
                    self.closes[right - 1],
                    sum(self.volumes[left:right]),
                )
            )
            first = repetition * length + right
        whole = merged(parts, open_ms)
        return [] if whole is None else [whole]
