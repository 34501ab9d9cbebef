"""What one asset is worth in another, by way of the symbols that are traded."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.feed import Feed
    from ctrader_twisted.sim.feed.instruments import Instrument


class Rates:
    """Conversions over the symbols of a feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._chains: dict[tuple[int, int], tuple[Instrument, ...] | None] = {}

    def chain(self, first: int, last: int) -> tuple[Instrument, ...] | None:
        """Give the shortest way from one asset to another: none for the same asset, None where there is no way.

        Of ways equally short the one over the symbols listed first.
        """
        if (first, last) not in self._chains:
            self._chains[first, last] = self._search(first, last)
        return self._chains[first, last]

    def rate(self, first: int, last: int, at_ms: int, at: Literal["bid", "mid", "ask"] = "mid") -> float | None:
        """Give the worth of one unit of an asset in another at a time; None if there is none.

        :param at: the side of each price on the way.
        """
        chain = self.chain(first, last)
        if chain is None:
            return None
        rate, asset = 1.0, first
        for instrument in chain:
            quote = self._feed.quote(instrument.symbol_id, at_ms)
            if quote is None:
                return None
            price = {"bid": quote.bid, "mid": (quote.bid + quote.ask) / 2, "ask": quote.ask}[at] / 100_000
            if instrument.base_asset_id == asset:
                rate, asset = rate * price, instrument.quote_asset_id
            else:
                rate, asset = rate / price, instrument.base_asset_id
        return rate

    def _search(self, first: int, last: int) -> tuple[Instrument, ...] | None:
        if first == last:
            return ()
        ways: dict[int, tuple[Instrument, ...]] = {first: ()}
        waiting = deque([first])
        while waiting:
            asset = waiting.popleft()
            for instrument in self._feed.instruments.values():
                if not instrument.enabled or asset not in (instrument.base_asset_id, instrument.quote_asset_id):
                    continue
                other = instrument.quote_asset_id if instrument.base_asset_id == asset else instrument.base_asset_id
                if other in ways:
                    continue
                ways[other] = (*ways[asset], instrument)
                if other == last:
                    return ways[other]
                waiting.append(other)
        return None
