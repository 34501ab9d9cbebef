"""When the clock closes a bar that no event closes: a little after its end, by the server's clock.

Of that clock a lower bound is kept. It shows at least what an event tells when the event comes, and goes on from there
as ours does. Ours may be off by any time: only how much of it passes counts. A first event after subscribing may tell
of a tick long past (observed on weekends): the bound is low then, and rises with the next one.

Our clock may be set while it is watched, and timers with it. So it is read often: what passes between two readings and
is more than can have passed was not time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.market.calendar import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from ctrader_twisted.messages import ProtoOASpotEvent

GRACE: Final = 1_000
"""ms after its end until the clock closes a bar, for events that are on their way."""

READ_EVERY: Final = 500
"""ms between two readings of our clock, at most, while a bar runs."""

PASSED_AT_MOST: Final = 1_000
"""ms that are believed to have passed between two readings: no more than `GRACE`, so that our clock, set forward by
less, closes no bar before its end. What is more, or less than nothing, counts as none; the next event corrects it."""


class BarClock:
    """Sees to it that bars are closed by the clock.

    :param clock: an ``IReactorTime``.
    :param closes_at: says when the time of the next running bar is over, ms since the epoch, UTC; None if none runs.
    :param flush: closes the bars whose time is over at a moment.
    """

    def __init__(self, clock: Any, closes_at: Callable[[], int | None], flush: Callable[[int], object]) -> None:
        self._clock = clock
        self._closes_at = closes_at
        self._flush = flush
        self._seen: dict[int, int] = {}  # the latest time that each symbol's events have told
        self._with_times = False  # whether any event has told its own
        self._bound: int | None = None  # what the server's clock showed at least when ours was read last, ms
        self._read_at = 0
        self._timer: IDelayedCall | None = None
        self._due = 0

    def now(self) -> int:
        """Give our time, ms since the epoch, UTC."""
        now: int = round(self._clock.seconds() * 1000)
        return now

    def server_time(self) -> int | None:
        """Give what the server's clock shows at least, ms since the epoch, UTC; None while nothing has told it."""
        now = self.now()
        passed = now - self._read_at
        self._read_at = now
        if self._bound is not None and 0 <= passed <= PASSED_AT_MOST:
            self._bound += passed
        return self._bound

    def heard(self, event: ProtoOASpotEvent) -> None:
        """Read the server's clock off an event."""
        bound = self.server_time()
        at = self._told(event)
        if at is None:
            return
        before = self._seen.get(event.symbolId)
        if before is None:
            self._bound = at if bound is None else max(at, bound)  # it may be an old one
        elif at > before:
            self._bound = at  # whether that is more or less: our clock is not as fast as the server's
        else:
            return
        self._seen[event.symbolId] = at

    def look(self, due: int | None) -> None:
        """A bar may have begun, or changed: wait for its end.

        :param due: when its time is over, ms since the epoch, UTC, by the server's clock; None if that is not known.
        """
        bound = self.server_time()
        if due is None or bound is None:
            return
        wait = min(max(due + GRACE - bound, 1), READ_EVERY)
        if self._timer is not None:
            if self._due <= self._read_at + wait:
                return
            self._timer.cancel()
        self._due = self._read_at + wait
        self._timer = self._clock.callLater(wait / 1000, self._ring)

    def stop(self) -> None:
        """Wait for nothing."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def begins_anew(self, symbol_id: int) -> None:
        """The next event of a symbol is a first one."""
        self._seen.pop(symbol_id, None)

    def lost(self) -> None:
        """The session is lost: first events come again."""
        self._seen.clear()
        self.stop()

    def _told(self, event: ProtoOASpotEvent) -> int | None:
        """Give a time that the server's clock has reached: the event's own, or when the newest of its bars opened."""
        if event.HasField("timestamp"):
            self._with_times = True
            return event.timestamp
        if self._with_times or not event.trendbar:
            return None
        return max(trendbar.utcTimestampInMinutes for trendbar in event.trendbar) * MINUTE

    def _ring(self) -> None:
        self._timer = None
        bound = self.server_time()
        if bound is not None:
            self._flush(bound - GRACE)
        self.look(self._closes_at())
