"""Live bars: they ride in spot events, and nothing says when one has closed.

What is observed of them, and what follows:

* Prices are integers in 1/100000: `low` absolute, the others above it.
* A live bar carries no `deltaClose`: its close is the event's bid, or the last known one.
* No event closes a bar; it is closed when a newer `utcTimestampInMinutes` of its symbol and period arrives, or when its
  time is over and whoever looks at the clock says so (`LiveBars.flush`).
* The first bar after subscribing may be an old one (a weekend); stale and repeated openings occur and change nothing.
* Openings from H4 on are not multiples of their period: they are taken as they come. `ctrader_twisted.market.calendar`
  says when a bar's time is over; of one that does not open where it says, that is not known.
* An event with a bid has the running bars (observed). If one lacks them, its bid still moves the bars whose time is not
  over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.market.calendar import MINUTE, bar_grid
from ctrader_twisted.market.prices import RELATIVE_DIGITS, price_from_relative
from ctrader_twisted.market.times import moment

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATrendbar


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: of the bid, if it is the server's."""

    symbol_id: int
    period: int
    """ProtoOATrendbarPeriod; 0 for a bar built here of a length that the server does not have."""
    opened: int
    """Opening time, ms since the epoch, UTC."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    ticks: int
    """The wire calls it volume: the number of ticks."""

    @property
    def time(self) -> datetime:
        """When it opened, as an aware datetime, in UTC."""
        return moment(self.opened)


class _Running(NamedTuple):
    """The latest state of a bar, as the wire has it."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    ticks: int
    digits: int
    end: int | None
    """When its time is over, ms since the epoch, UTC; None if that is not known."""
    told: bool
    """Whether it has been given as closed."""

    def moved(self, bid: int) -> _Running:
        return self._replace(close=bid, high=max(self.high, bid), low=min(self.low, bid))

    def bar(self, symbol_id: int, period: int) -> Bar:
        return Bar(
            symbol_id,
            period,
            self.minute * MINUTE,
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
        None,
        True,
    ).bar(symbol_id, period)


class LiveBars:
    """The running bars of one account, any number of symbols and periods."""

    def __init__(self) -> None:
        self._running: dict[int, dict[int, _Running]] = {}  # by symbol and period
        self._bids: dict[int, int] = {}
        self._soonest: int | None = None  # the first end of those that run, as far as none has come or gone since
        self._changed = False

    def feed(self, event: ProtoOASpotEvent, digits: int = RELATIVE_DIGITS) -> list[Bar]:
        """Take a spot event in and return the bars it shows to be closed, the oldest first.

        :param digits: the symbol's digits.
        """
        symbol_id = event.symbolId
        before = self._bids.get(symbol_id)
        bid = before
        running = self._running.get(symbol_id)
        trendbars = event.trendbar
        if event.HasField("bid"):
            bid = self._bids[symbol_id] = event.bid
            if running and len(trendbars) < len(running):
                _move(running, event, bid)
        if not trendbars:
            return []
        if running is None:
            running = self._running[symbol_id] = {}
        if len(trendbars) == 1:
            ended = self._take(running, symbol_id, trendbars[0], bid, digits)
            return [] if ended is None else [ended]
        closed: list[Bar] = []
        newest: dict[int, int] = {}
        for trendbar in trendbars:
            newest[trendbar.period] = max(newest.get(trendbar.period, 0), trendbar.utcTimestampInMinutes)
        for trendbar in sorted(trendbars, key=_minute):
            # The event's bid belongs to the newest bar of its period; an older one beside it ended on the bid before.
            close = bid if trendbar.utcTimestampInMinutes == newest[trendbar.period] else before
            ended = self._take(running, symbol_id, trendbar, close, digits)
            if ended is not None:
                closed.append(ended)
        return closed

    def flush(self, now: int) -> list[Bar]:
        """Close the bars whose time is over, and return them, the oldest first: none of them is given again.

        Without it a bar is closed by the next event of its symbol, which may be a weekend away.

        :param now: ms since the epoch, UTC, by the server's clock: leave it the time that events take to arrive.
        """
        closed = []
        for symbol_id, running in self._running.items():
            for period, bar in running.items():
                if not bar.told and bar.end is not None and bar.end <= now:
                    running[period] = bar._replace(told=True)
                    self._changed = True
                    closed.append(bar.bar(symbol_id, period))
        return sorted(closed, key=_opened)

    @property
    def closes_at(self) -> int | None:
        """When the time of the next running bar is over, ms since the epoch, UTC; None if that is not known of any."""
        if self._changed:
            ends = (bar.end for running in self._running.values() for bar in running.values() if not bar.told)
            self._soonest = min((end for end in ends if end is not None), default=None)
            self._changed = False
        return self._soonest

    def running(self, symbol_id: int, period: int) -> Bar | None:
        """Return the bar that is not closed yet, or None if none has come."""
        found = self._running.get(symbol_id, {}).get(period)
        return None if found is None or found.told else found.bar(symbol_id, period)

    def forget(self) -> None:
        """Forget the running bars and the bids: after a loss their ticks have gaps, and no close would be right."""
        self._running.clear()
        self._bids.clear()
        self._changed = True

    def _take(
        self,
        running: dict[int, _Running],
        symbol_id: int,
        trendbar: ProtoOATrendbar,
        close: int | None,
        digits: int,
    ) -> Bar | None:
        """Take the state of a bar in, and give the one that it closes."""
        if trendbar.HasField("deltaClose"):  # never seen live, but if it comes it is the better word
            close = trendbar.low + trendbar.deltaClose
        if close is None:
            return None  # no bid was ever seen, so the close is not known; the first event of a symbol carries one
        period = trendbar.period
        last = running.get(period)
        minute = trendbar.utcTimestampInMinutes
        if last is not None and minute < last.minute:
            return None
        ended = None
        if last is not None and minute == last.minute:
            end, told = last.end, last.told
        else:
            end, told = _end(period, minute * MINUTE), False
            self._changed = True
            if last is not None and not last.told:
                ended = last.bar(symbol_id, period)
        low = trendbar.low
        high, opened = low + trendbar.deltaHigh, low + trendbar.deltaOpen
        running[period] = _Running(minute, opened, high, low, close, trendbar.volume, digits, end, told)
        return ended


def _move(running: dict[int, _Running], event: ProtoOASpotEvent, bid: int) -> None:
    """Let an event's bid move the bars that it lacks, unless their time is over."""
    trendbars = {trendbar.period: trendbar.utcTimestampInMinutes for trendbar in event.trendbar}
    at = event.timestamp if event.HasField("timestamp") else max(trendbars.values(), default=0) * MINUTE
    for period, bar in running.items():
        if period not in trendbars and not bar.told and (bar.end is None or at < bar.end):
            running[period] = bar.moved(bid)


def _end(period: int, opened: int) -> int | None:
    """Give when the time of a bar is over; None if it does not open where bars of its period do."""
    grid = bar_grid(period)
    return grid.next_opening(opened) if grid.opening(opened) == opened else None


def _minute(trendbar: ProtoOATrendbar) -> int:
    return trendbar.utcTimestampInMinutes


def _opened(bar: Bar) -> int:
    return bar.opened
