"""Several sources as one: a file replayed for one symbol, say, and the model for those that convert its profit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ctrader_twisted.sim.feed.feed import Bar, Feed, Quote, Side, SideTick, Tick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctrader_twisted.sim.feed.calendar import Period
    from ctrader_twisted.sim.feed.instruments import Instrument


class JoinedFeed(Feed):
    """A ``Feed`` that asks, for each symbol, the first of its feeds that has it."""

    def __init__(self, *feeds: Feed) -> None:
        """Fix now which feed answers for which symbol."""
        self._feeds = {symbol_id: feed for feed in reversed(feeds) for symbol_id in feed.instruments}
        self._instruments = {
            symbol_id: self._feeds[symbol_id].instruments[symbol_id] for symbol_id in sorted(self._feeds)
        }

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """What has prices in any of the feeds, by symbol id."""
        return MappingProxyType(self._instruments)

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].is_open(symbol_id, at_ms)

    def quote(self, symbol_id: int, at_ms: int) -> Quote | None:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].quote(symbol_id, at_ms)

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick | None:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].next_tick(symbol_id, after_ms)

    def ticks_back(
        self, symbol_id: int, side: Side, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[SideTick], bool]:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].ticks_back(symbol_id, side, from_ms, to_ms, limit, now_ms=now_ms)

    def bars_back(
        self, symbol_id: int, period: Period, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[Bar], bool]:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].bars_back(symbol_id, period, from_ms, to_ms, limit, now_ms=now_ms)

    def live_bar(self, symbol_id: int, period: Period, at_ms: int) -> Bar | None:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].live_bar(symbol_id, period, at_ms)

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        """Ask the symbol's feed."""
        return self._feeds[symbol_id].session_close(symbol_id, at_ms)
