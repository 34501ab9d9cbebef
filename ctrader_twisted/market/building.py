"""Bars of any period, built out of ticks or quotes.

They are what the server makes of the same ticks: a period without ticks has no bar (documented), and openings are those
of `ctrader_twisted.market.calendar`. The server's bars are of the bid (observed). It may count the ticks of both sides:
in recordings an event with both adds two to a live bar's, one with the bid alone adds one (unconfirmed). Here a bar's
ticks are those that were fed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ctrader_twisted.market.bars import Bar
from ctrader_twisted.market.calendar import DAY, HOUR, bar_grid
from ctrader_twisted.market.light import LightQuote, require_numpy
from ctrader_twisted.market.prices import RELATIVE_DIGITS, price_from_relative, relative_from_price

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ctrader_twisted.market.calendar import BarGrid
    from ctrader_twisted.market.columns import BarPage
    from ctrader_twisted.market.quotes import Quote

Side: TypeAlias = Literal["bid", "ask", "mid"]
_SIDES: Final[Mapping[str, Side]] = {"bid": "bid", "ask": "ask", "mid": "mid"}

_LONG_AGO: Final = -(1 << 63)


class BarBuilder:
    """The bars of one symbol and period.

    :ivar grid: where they open.
    :ivar side: which price of a quote they are of.
    :ivar late: how many ticks were left out, since their bar was closed or is one that `resume` leaves out.
    :param period: see `ctrader_twisted.market.calendar.bar_grid`.
    :param symbol_id: what the bars are marked with.
    :param side: ``"bid"``, ``"ask"`` or ``"mid"``, in any case.
    :param digits: the symbol's digits.
    :param since: from when on ticks are fed without a hole, see `resume`.
    :raises ValueError: if there is no such period or side.
    """

    __slots__ = (
        "_ask",
        "_bid",
        "_close",
        "_digits",
        "_end",
        "_first",
        "_high",
        "_last",
        "_low",
        "_open",
        "_opened",
        "_price",
        "_symbol_id",
        "_ticks",
        "grid",
        "late",
        "side",
    )

    def __init__(
        self,
        period: int | str,
        symbol_id: int = 0,
        *,
        side: Side = "bid",
        digits: int = RELATIVE_DIGITS,
        since: int | None = None,
    ) -> None:
        side = _SIDES.get(str(side).lower(), side)
        if side not in _SIDES:
            raise ValueError(f"a bar is of the bid, the ask or the mid, not of {side!r}")
        self.grid: BarGrid = bar_grid(period)
        self.side: Side = side
        self.late: int = 0
        self._symbol_id = symbol_id
        self._digits = digits
        self._open = self._high = self._low = self._close = self._ticks = 0
        self._first = self._last = 0  # when its first and its last tick were
        self.resume(since)

    def resume(self, since: int | None = None) -> None:
        """Begin anew, after a hole in the ticks: the running bar is dropped, and both sides are forgotten.

        :param since: from when on there is no hole. The bar that holds this moment is left out unless it opens then.
            None: the first bar is made of the ticks there are.
        """
        self._bid: int | None = None
        self._ask: int | None = None
        self._price: int | None = None
        self._end = _LONG_AGO  # what is before it is late
        if since is not None:
            self._end = since if self.grid.opening(since) == since else self.grid.next_opening(since)
        self._opened = self._end  # no bar runs

    def feed(self, at: int, price: int) -> list[Bar]:
        """Take a tick in.

        Ticks of the running bar may come in any order: its open is the price of its earliest tick, its close that of
        its latest, and of several in one ms the one that came last.

        :param at: ms since the epoch, UTC.
        :param price: in 1/100000.
        :return: the bar that it closes, as a list of one or none.
        """
        if self._opened <= at < self._end:
            self._ticks += 1
            if price > self._high:
                self._high = price
            elif price < self._low:
                self._low = price
            if at >= self._last:
                self._last = at
                self._close = price
            elif at < self._first:
                self._first = at
                self._open = price
            return []
        if at < self._end:
            self.late += 1
            return []
        closed = self._finished()
        self._opened, self._end = self.grid.opening(at), self.grid.next_opening(at)
        self._open = self._high = self._low = self._close = price
        self._first = self._last = at
        self._ticks = 1
        return closed

    def feed_quote(self, quote: LightQuote | Quote, at: int | None = None) -> list[Bar]:
        """Take a quote in.

        A `LightQuote` that lacks the side in question is no tick. A `Quote` has both sides and does not tell which of
        them is new: it is a tick if the price is another one than before.

        :param at: ms since the epoch, UTC, if the quote does not carry its own time.
        :return: what it closes, by its price or only by its time.
        :raises ValueError: if there is no time.
        """
        moment = quote.timestamp if quote.timestamp is not None else at
        if moment is None:
            raise ValueError("the quote has no time: subscribe to spots with theirs, or give the time beside it")
        if isinstance(quote, LightQuote):
            bid, ask = quote.bid, quote.ask
        else:
            bid = None if quote.bid is None else relative_from_price(quote.bid)
            ask = None if quote.ask is None else relative_from_price(quote.ask)
        price = self._side(bid, ask)
        if price is None or (price == self._price and not isinstance(quote, LightQuote)):
            return self.flush(moment)
        self._price = price
        return self.feed(moment, price)

    def flush(self, now: int) -> list[Bar]:
        """Close the running bar if its time is over. Ticks of it that come later are late.

        :param now: ms since the epoch, UTC, by the server's clock: leave it the time that ticks take to arrive.
        """
        if now < self._end:
            return []
        closed = self._finished()
        self._opened = self._end
        return closed

    @property
    def running(self) -> Bar | None:
        """The bar that is not closed yet; None if it has no tick."""
        if self._opened == self._end:
            return None
        digits = self._digits
        return Bar(
            self._symbol_id,
            self.grid.period,
            self._opened,
            price_from_relative(self._open, digits),
            price_from_relative(self._high, digits),
            price_from_relative(self._low, digits),
            price_from_relative(self._close, digits),
            self._ticks,
        )

    @property
    def closes_at(self) -> int | None:
        """When the running bar's time is over, ms since the epoch, UTC; None if no bar is running."""
        return None if self._opened == self._end else self._end

    def _side(self, bid: int | None, ask: int | None) -> int | None:
        """Give the price that a quote tells; None if it tells none."""
        if self.side == "bid":
            return bid
        if self.side == "ask":
            return ask
        if bid is None and ask is None:
            return None
        self._bid = self._bid if bid is None else bid
        self._ask = self._ask if ask is None else ask
        return None if self._bid is None or self._ask is None else (self._bid + self._ask) // 2

    def _finished(self) -> list[Bar]:
        bar = self.running
        return [] if bar is None else [bar]


def bars_of(at: NDArray[np.int64], price: NDArray[np.int64], period: int | str) -> BarPage:
    """Build the bars of many ticks at once; needs numpy (the extra ``data``).

    They are those of a `BarBuilder` that is fed the same ticks, the last one too, finished or not. None is late here:
    the order of the ticks only counts among those of one ms.

    :param at: ms since the epoch, UTC.
    :param price: in 1/100000.
    :param period: see `ctrader_twisted.market.calendar.bar_grid`.
    :return: ascending.
    :raises ImportError: if numpy is missing.
    :raises ValueError: if there is no such period, or the columns are not of one length.
    """
    require_numpy()
    import numpy as np

    from ctrader_twisted.market.columns import BarPage

    if len(at) != len(price):
        raise ValueError(f"{len(at)} times and {len(price)} prices are not as many ticks")
    grid = bar_grid(period)
    times, prices = np.asarray(at, np.int64), np.asarray(price, np.int64)
    if not len(times):
        none = np.empty(0, np.int64)
        return BarPage(none, none, none, none, none, none, has_more=False)
    if (np.diff(times) < 0).any():
        order = np.argsort(times, kind="stable")
        times, prices = times[order], prices[order]
    opened = _openings(times, grid)
    starts = np.flatnonzero(np.append(True, np.diff(opened) > 0))
    stops = np.append(starts[1:], len(times))
    return BarPage(
        opened[starts],
        prices[starts],
        np.maximum.reduceat(prices, starts),
        np.minimum.reduceat(prices, starts),
        prices[stops - 1],
        stops - starts,
        has_more=False,
    )


def _openings(times: NDArray[np.int64], grid: BarGrid) -> NDArray[np.int64]:
    """Give the opening of the bar of each of some times, which ascend."""
    import numpy as np

    if not HOUR % grid.length:
        return times - times % grid.length
    days = grid if grid.length >= DAY else bar_grid("D1")
    edges = np.array(days.openings(days.opening(int(times[0])), int(times[-1]) + 1), np.int64)
    starts = edges[np.searchsorted(edges, times, "right") - 1]
    return starts if days is grid else starts + (times - starts) // grid.length * grid.length
