"""A market that costs next to nothing, so that hours of it pass in a test."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any, Final

from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.feed import Bar, Quote, Tick
from ctrader_twisted.sim.feed.house import HOUSE

NAMES: Final = ("EURUSD", "USDJPY", "XAUUSD", "GER40")
STEP: Final = 20_000
"""Milliseconds from one tick of a symbol to its next."""


class WalkingFeed:
    """Prices that walk at random, a step each twenty seconds, while the market is open: cheap, so that hours pass."""

    def __init__(self, seed: int, start: int) -> None:
        found = [replace(one, guaranteed_stop_loss=True) for one in HOUSE.instruments if one.name in NAMES]
        self.instruments = MappingProxyType({one.symbol_id: one for one in found})
        self._start = start
        self._chance = {one: Random(seed * 1_000 + one) for one in self.instruments}
        first = {"EURUSD": 106_730, "USDJPY": 14_817_500, "XAUUSD": 374_485_000, "GER40": 2_412_196_000}
        self._paths: dict[int, list[tuple[int, int]]] = {}
        for one in found:
            self._paths[one.symbol_id] = [(first[one.name], first[one.name] + 3 * one.tick_size)]

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        return calendar.is_open(self.instruments[symbol_id], at_ms)

    def quote(self, symbol_id: int, at_ms: int) -> Quote:
        number = max(0, (at_ms - self._start - symbol_id) // STEP)
        return Quote(self._start + symbol_id + number * STEP, *self._sides(symbol_id, number))

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick | None:
        number = max(0, (after_ms - self._start - symbol_id) // STEP + 1)
        at = self._start + symbol_id + number * STEP
        if not self.is_open(symbol_id, at):
            opens = calendar.next_open(self.instruments[symbol_id], at)
            if opens is None:
                return None
            number = -((self._start + symbol_id - opens) // STEP)
            at = self._start + symbol_id + number * STEP
        now, before = self._sides(symbol_id, number), self._sides(symbol_id, max(0, number - 1))
        return Tick(at, *now, now[0] != before[0], now[1] != before[1] or now == before)

    def ticks_back(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], False

    def bars_back(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], False

    def live_bar(self, symbol_id: int, period: int, at_ms: int) -> Bar:
        bid = self.quote(symbol_id, at_ms).bid
        return Bar(at_ms - at_ms % 60_000, bid, bid, bid, bid, 1)

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        return None

    def _sides(self, symbol_id: int, number: int) -> tuple[int, int]:
        path, chance, tick = self._paths[symbol_id], self._chance[symbol_id], self.instruments[symbol_id].tick_size
        while len(path) <= number:
            bid, ask = path[-1]
            if self.is_open(symbol_id, self._start + symbol_id + len(path) * STEP):
                which = chance.randrange(4)
                moved = round(chance.gauss(0, 0.0003) * bid / tick) * tick
                if which != 1:
                    bid += moved
                if which != 2:
                    ask += moved
                ask = min(max(ask, bid + tick), bid + 20 * tick)
            path.append((bid, ask))
        return path[number]
