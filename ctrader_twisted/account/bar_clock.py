"""When the clock closes a bar that no event closes: a little after its end, by the server's clock.

That clock is read off the events, each of which comes later than it says. While none has told it, ours is trusted, and
given more time. A first event after subscribing may tell of a tick long past (observed on weekends), so it takes two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from ctrader_twisted.messages import ProtoOASpotEvent

GRACE: Final = 1_000
"""ms after its end until the clock closes a bar, for events that are on their way."""

OWN_GRACE: Final = 60_000
"""The same while the server's clock is not known, in ms by ours: a clock that is off by less than that does no harm."""

_LONGEST_WAIT: Final = 3_600.0


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
        self._ahead: int | None = None  # of our clock the server's was, when the last event came, ms
        self._timer: IDelayedCall | None = None
        self._due = 0

    def now(self) -> int:
        """Give our time, ms since the epoch, UTC."""
        now: int = round(self._clock.seconds() * 1000)
        return now

    def heard(self, event: ProtoOASpotEvent) -> None:
        """Read the server's clock off an event."""
        if event.HasField("timestamp"):
            at, before = event.timestamp, self._seen.get(event.symbolId)
            if before is None or at > before:
                self._seen[event.symbolId] = at
                if before is not None:
                    self._ahead = at - self.now()

    def look(self) -> None:
        """A bar may have begun, or changed: wait for its end."""
        due = self._closes_at()
        if due is None:
            self.stop()
            return
        now = self.now()
        wait = due - self._over(now)
        if self._timer is not None:
            if self._due <= now + wait:
                return  # it is looked at then, and put off if that is too early
            self._timer.cancel()
        self._due = now + wait
        self._timer = self._clock.callLater(min(max(wait, 1) / 1000, _LONGEST_WAIT), self._ring)

    def stop(self) -> None:
        """Wait for nothing."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def lost(self) -> None:
        """The session is lost: first events come again."""
        self._seen.clear()
        self.stop()

    def _over(self, now: int) -> int:
        """Give before when a bar is over for certain, by the server's clock."""
        return now - OWN_GRACE if self._ahead is None else now + self._ahead - GRACE

    def _ring(self) -> None:
        self._timer = None
        self._flush(self._over(self.now()))
        self.look()
