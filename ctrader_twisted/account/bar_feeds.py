"""Feeds of live bars: the running bar as it changes, and each bar once when it has closed, in order.

Bars that the server has are those it tells; others are built here out of the bids. Nothing says that one has closed: a
newer one does, or the clock (`bar_clock`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted.account.feeds import Feed, Names
from ctrader_twisted.errors import ClientClosed, OpenApiError
from ctrader_twisted.market.bars import LiveBars
from ctrader_twisted.market.building import BarBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ctrader_twisted.account.bar_clock import BarClock
    from ctrader_twisted.market.bars import Bar
    from ctrader_twisted.market.calendar import BarGrid
    from ctrader_twisted.market.symbols import Symbol
    from ctrader_twisted.messages import ProtoOASpotEvent

SETTLED: Final = 2.0
"""Seconds until history is asked for after a loss: a bar is there up to a second after it has closed (observed)."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class BarUpdate:
    """What a feed of bars tells."""

    bar: Bar
    closed: bool
    """Whether it has closed: it will not be told again. Otherwise it is the running bar as it stands."""
    symbol: str
    """The symbol's name."""
    period: str
    """The period's name: ``"M1"``, ``"7m"``."""


class Source(Protocol):
    """The bars of one symbol and period, out of its spot events."""

    def take(self, event: ProtoOASpotEvent, now: int) -> list[Bar]:
        """Take an event in and give the bars that it closes.

        :param now: our time, for events that lack theirs.
        """

    def flush(self, now: int) -> list[Bar]:
        """Give the bars whose time is over."""

    @property
    def running(self) -> Bar | None:
        """The bar that has not closed yet."""

    @property
    def closes_at(self) -> int | None:
        """When its time is over."""

    def forget(self) -> None:
        """Begin anew."""


class ServedBars:
    """Bars as the server tells them."""

    def __init__(self, symbol: Symbol, grid: BarGrid) -> None:
        self._symbol = symbol
        self._period = grid.period
        self._bars = LiveBars()

    def take(self, event: ProtoOASpotEvent, now: int) -> list[Bar]:
        """Take an event in; bars of other periods ride in it, too."""
        return self._own(self._bars.feed(event, self._symbol.digits))

    def flush(self, now: int) -> list[Bar]:
        """Give the bars whose time is over."""
        return self._own(self._bars.flush(now))

    @property
    def running(self) -> Bar | None:
        """The bar that has not closed yet."""
        return self._bars.running(self._symbol.symbol_id, self._period)

    @property
    def closes_at(self) -> int | None:
        """When its time is over."""
        return self._bars.closes_at

    def forget(self) -> None:
        """Begin anew."""
        self._bars.forget()

    def _own(self, bars: Iterable[Bar]) -> list[Bar]:
        return [bar for bar in bars if bar.period == self._period]


class BuiltBars:
    """Bars built out of bids, beginning with the first whole one."""

    def __init__(self, symbol: Symbol, grid: BarGrid) -> None:
        self._builder = BarBuilder(grid.name, symbol.symbol_id, digits=symbol.digits)
        self._begun = False

    def take(self, event: ProtoOASpotEvent, now: int) -> list[Bar]:
        """Take an event in. Of the first one only the time counts, which is that of the latest tick before it came."""
        at = event.timestamp if event.HasField("timestamp") else now
        if not self._begun:
            self._begun = True
            self._builder.resume(at)
        return self._builder.feed(at, event.bid) if event.HasField("bid") else self._builder.flush(at)

    def flush(self, now: int) -> list[Bar]:
        """Give the bar whose time is over."""
        return self._builder.flush(now) if self._begun else []

    @property
    def running(self) -> Bar | None:
        """The bar that has not closed yet."""
        return self._builder.running

    @property
    def closes_at(self) -> int | None:
        """When its time is over."""
        return self._builder.closes_at

    def forget(self) -> None:
        """Begin anew, with the next bar that is whole."""
        self._builder.resume()
        self._begun = False


class BarFeed(Feed[BarUpdate]):
    """The bars of one symbol and period.

    :param find: gives the id of a symbol by its name.
    :param grid: where they open.
    :param clock: an ``IReactorTime``.
    :param bar_clock: hears all events before they come here, and calls `flush`.
    :param running: whether the running bar is told, too.
    :param history: gives the bars that open from one moment to before another; None if what a loss has cost is not to
        be filled in.
    """

    def __init__(
        self,
        symbol: Symbol,
        find: Callable[[str | Symbol], int],
        grid: BarGrid,
        buffer: int,
        leave: Callable[[Feed[BarUpdate]], Deferred[None]],
        *,
        clock: Any,
        bar_clock: BarClock,
        running: bool,
        history: Callable[[int, int], Deferred[list[Bar]]] | None,
    ) -> None:
        super().__init__(Names((symbol,), find), buffer, leave)
        self.grid = grid
        self._clock = clock
        self._bar_clock = bar_clock
        self._with_running = running
        self._history = history
        self._source: Source = ServedBars(symbol, grid) if grid.period else BuiltBars(symbol, grid)
        self._last: int | None = None  # opening of the last bar that was told as closed
        self._next: int | None = None  # from where on none has been
        self._told: Bar | None = None  # the running bar as it was told
        self._lacking = False  # whether a loss has come and it was not looked yet what it has cost
        self._seen: int | None = None  # opening of the last bar that ran since
        self._filling: Deferred[list[Bar]] | None = None
        self._held: list[Bar] = []

    @property
    def _what(self) -> str:
        return f"{self.symbols[0].name} {self.grid.name}"

    def spot(self, event: ProtoOASpotEvent, symbol: Symbol) -> None:
        """Tell the bars that an event closes, and the running one if it has changed."""
        closed = self._source.take(event, self._bar_clock.now())
        if self._lacking:
            self._look_for_missing()
        for bar in closed:
            self._close_bar(bar)
        self._tell_running()
        self._bar_clock.look(self.closes_at)

    @property
    def closes_at(self) -> int | None:
        """When the running bar's time is over, ms since the epoch, UTC; None if none runs."""
        return None if self._ended else self._source.closes_at

    def flush(self, over: int) -> None:
        """Tell the bars whose time was over at a moment."""
        for bar in self._source.flush(over):
            self._close_bar(bar)

    def close(self) -> Deferred[None]:
        """End it; see `Feed.close`."""
        closed = super().close()
        self._stop_filling()
        return closed

    def lost(self) -> None:
        """Forget the running bar; what is missed is looked for when there is another one."""
        super().lost()
        self._stop_filling()
        self._held.clear()
        self._source.forget()
        self._told = None
        self._lacking = self._history is not None and self._next is not None
        self._seen = None

    # Bars

    def _close_bar(self, bar: Bar) -> None:
        if self._filling is not None:
            self._held.append(bar)
        elif not self._ended and (self._last is None or bar.opened > self._last):
            self._last, self._told = bar.opened, None
            on_grid = self.grid.opening(bar.opened) == bar.opened
            self._next = self.grid.next_opening(bar.opened) if on_grid else bar.opened + 1
            self._tell_bar(bar, closed=True)

    def _tell_running(self) -> None:
        bar = self._source.running
        if bar is None or self._filling is not None or bar == self._told:
            return
        if self._last is not None and bar.opened <= self._last:
            return  # it was closed by the clock before the loss
        if self._next is None:
            self._next = bar.opened
        self._told = bar
        if self._with_running:
            self._tell_bar(bar, closed=False)

    def _tell_bar(self, bar: Bar, *, closed: bool) -> None:
        name = self.symbols[0].name
        self._tell(name, BarUpdate(bar, closed, name, self.grid.name))

    # What a loss has cost

    def _look_for_missing(self) -> None:
        running = self._source.running
        if running is None or self._history is None or self._next is None:
            return
        if running.opened <= self._next:
            self._seen = running.opened  # the one that ran at the loss, or an older one: a first event may tell of such
            return
        self._lacking = False
        if self._seen != self._next or running.opened != self.grid.next_opening(self._next):
            filling = self._filling = Deferred.fromCoroutine(self._fetch(self._history, self._next, running.opened))
            filling.addBoth(self._filled, filling)

    async def _fetch(self, history: Callable[[int, int], Deferred[list[Bar]]], start: int, until: int) -> list[Bar]:
        settled: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._clock.callLater(SETTLED, settled.callback, None)
        await settled
        return await history(start, until)

    def _filled(self, result: list[Bar] | Failure, filling: Deferred[list[Bar]]) -> None:
        """Tell what was missing, and then what has come meanwhile."""
        if self._filling is not filling:
            return  # it was given up
        self._filling = None
        held, self._held = self._held, []
        if isinstance(result, Failure):
            self._not_filled(result)
            result = []
        for bar in (*result, *held):
            self._close_bar(bar)
        self._tell_running()

    def _not_filled(self, failure: Failure) -> None:
        if failure.check(ClientClosed):
            return
        if failure.check(OpenApiError):
            _log.warn("{feed!r} lacks what it has missed: {error}", feed=self, error=str(failure.value))
        else:
            _log.failure("unexpected failure while {feed!r} was filled in", failure, feed=self)
        self._put(failure)

    def _stop_filling(self) -> None:
        filling, self._filling = self._filling, None
        if filling is not None:
            filling.cancel()
