"""Live bars: they ride in spot events, and nothing says when one has closed.

What is observed of them, and what follows:

* Prices are integers in 1/100000: `low` absolute, the others above it.
* A live bar carries no `deltaClose`: its close is the event's bid, or the last known one.
* No event closes a bar; it is closed when a newer `utcTimestampInMinutes` of its symbol and period arrives.
* The first bar after subscribing may be an old one (a weekend); stale and repeated openings occur and change nothing.
* Openings from H4 on are not multiples of their period: they are taken as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.market.prices import RELATIVE_DIGITS, price_from_relative

if TYPE_CHECKING:
    from decimal import Decimal

    from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATrendbar


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of bid prices."""

    symbol_id: int
    period: int
    """ProtoOATrendbarPeriod."""
    opened: int
    """Opening time, ms since the epoch, UTC."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int
    """The wire calls it volume: the number of ticks."""


class _Running(NamedTuple):
    """The latest state of a bar, as the wire has it."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    ticks: int
    digits: int

    def bar(self, symbol_id: int, period: int) -> Bar:
        return Bar(
            symbol_id,
            period,
            self.minute * 60_000,
            price_from_relative(self.open, self.digits),
            price_from_relative(self.high, self.digits),
            price_from_relative(self.low, self.digits),
            price_from_relative(self.close, self.digits),
            self.ticks,
        )


def historical_bar(symbol_id: int, period: int, trendbar: ProtoOATrendbar, digits: int = RELATIVE_DIGITS) -> Bar:
    """Read one bar of a ProtoOAGetTrendbarsRes, where `deltaClose` counts and `period` is only on the response.

    :param period: the response's `period`; the bar's own is left unset there and would read as M1.
    :param digits: the symbol's digits.
    """
    low = trendbar.low
    return _Running(
        trendbar.utcTimestampInMinutes,
        low + trendbar.deltaOpen,
        low + trendbar.deltaHigh,
        low,
        low + trendbar.deltaClose,
        trendbar.volume,
        digits,
    ).bar(symbol_id, period)


class LiveBars:
    """The running bars of one account, any number of symbols and periods."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, int], _Running] = {}
        self._bids: dict[int, int] = {}

    def feed(self, event: ProtoOASpotEvent, digits: int = RELATIVE_DIGITS) -> list[Bar]:
        """Take a spot event in and return the bars it shows to be closed, the oldest first.

        :param digits: the symbol's digits.
        """
        symbol_id = event.symbolId
        before = self._bids.get(symbol_id)
        bid = before
        if event.HasField("bid"):
            bid = self._bids[symbol_id] = event.bid
        trendbars = event.trendbar
        if not trendbars:
            return []
        if len(trendbars) == 1:
            ended = self._take(symbol_id, trendbars[0], bid, digits)
            return [] if ended is None else [ended]
        closed: list[Bar] = []
        newest: dict[int, int] = {}
        for trendbar in trendbars:
            newest[trendbar.period] = max(newest.get(trendbar.period, 0), trendbar.utcTimestampInMinutes)
        for trendbar in sorted(trendbars, key=_minute):
            # The event's bid belongs to the newest bar of its period; an older one beside it ended on the bid before.
            close = bid if trendbar.utcTimestampInMinutes == newest[trendbar.period] else before
            ended = self._take(symbol_id, trendbar, close, digits)
            if ended is not None:
                closed.append(ended)
        return closed

    def running(self, symbol_id: int, period: int) -> Bar | None:
        """Return the bar that is not closed yet, or None if none has come."""
        found = self._running.get((symbol_id, period))
        return None if found is None else found.bar(symbol_id, period)

    def forget(self) -> None:
        """Forget the running bars and the bids: after a loss their ticks have gaps, and no close would be right."""
        self._running.clear()
        self._bids.clear()

    def _take(self, symbol_id: int, trendbar: ProtoOATrendbar, close: int | None, digits: int) -> Bar | None:
        if trendbar.HasField("deltaClose"):  # never seen live, but if it comes it is the better word
            close = trendbar.low + trendbar.deltaClose
        if close is None:
            return None  # no bid was ever seen, so the close is not known; the first event of a symbol carries one
        key = (symbol_id, trendbar.period)
        last = self._running.get(key)
        minute = trendbar.utcTimestampInMinutes
        if last is not None and minute < last.minute:
            return None
        low = trendbar.low
        self._running[key] = _Running(
            minute, low + trendbar.deltaOpen, low + trendbar.deltaHigh, low, close, trendbar.volume, digits
        )
        if last is None or minute == last.minute:
            return None
        return last.bar(symbol_id, trendbar.period)


def _minute(trendbar: ProtoOATrendbar) -> int:
    return trendbar.utcTimestampInMinutes
