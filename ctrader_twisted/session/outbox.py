"""What leaves, and when: requests in their turn, and a heartbeat where the silence has lasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.session.pacing import Pacer
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from ctrader_twisted.session.correlation import Request
    from ctrader_twisted.session.pacing import Limits, QueueState

_HEARTBEAT = Envelope(catalogue.HEARTBEAT)


class Outbox:
    """What is to be sent, until the shell takes it. A request that it gives up is marked as sent, and as not sent again
    if the shell never took it.

    :ivar leaving: what leaves when the shell takes it: requests, and None for a heartbeat.
    :ivar pacer: the limits of this connection, and what waits for its turn under them.

    :param limits: how much may be sent.
    :param heartbeat_after: seconds of outbound silence after which a heartbeat is due.
    """

    def __init__(self, limits: Limits, heartbeat_after: float) -> None:
        self.leaving: list[Request | None] = []
        self.pacer: Pacer = Pacer(limits)
        self._limits = limits
        self._heartbeat_after = heartbeat_after
        self._left: list[Any] = []
        self._last_sent = 0.0

    def queue(self, now: float) -> QueueState:
        """Say what waits for its turn under the limits."""
        return self.pacer.state(now)

    def begin(self, now: float) -> None:
        """A connection was made. Limits begin anew with it."""
        self.clear()
        self.pacer = Pacer(self._limits)
        self._last_sent = now

    def offer(self, request: Request, now: float) -> bool:
        """Take a request: it leaves at once if the limits allow, else in its turn. False if the queue is full."""
        if not self.pacer.admit(request, now):
            return self.pacer.enqueue(request)
        request.sent = True
        self.leaving.append(request)
        return True

    def due(self, now: float) -> list[Request]:
        """Let those leave whose turn has come, and give them."""
        due = self.pacer.take_due(now)
        for request in due:
            request.sent = True
        self.leaving += due
        return due

    def withdraw(self, request: Request) -> None:
        """Let a request stay that waits for its turn, or that was to leave and that nobody has fetched yet."""
        if request.left:
            return
        if not request.sent:
            self.pacer.remove(request)
            return
        for place, leaving in enumerate(self.leaving):
            if leaving is request:
                del self.leaving[place]
                request.sent = False
                return

    def hold(self, held: bool) -> None:
        """Let nothing leave while the transport can take no more; requests wait in the queue.

        What was to leave in this turn waits, too: let go later, it would leave in the same second as what comes then.
        """
        self.pacer.held = held
        if not held or not self.leaving:
            return
        stays: list[Request | None] = []
        back = []
        for request in self.leaving:
            if request is None:
                stays.append(request)
            else:
                request.sent = False
                back.append(request)
        self.leaving = stays
        self.pacer.put_back(back)

    def clear(self) -> None:
        """Let nothing leave of what was to."""
        for request in self.leaving:
            if request is not None:
                request.sent = False
        self.leaving.clear()
        self._left.clear()
        self.pacer.clear()

    def beat(self, now: float, within: float) -> None:
        """Queue a heartbeat if one is due within so many seconds.

        Nothing is due while something is about to leave: that breaks the silence, too.
        """
        if not self.leaving and self.next_beat(within) <= now:
            self.leaving.append(None)

    def next_beat(self, within: float) -> float:
        """Give the time from which `beat` queues one, if nothing is sent before."""
        return self._last_sent + self._heartbeat_after - within

    def outgoing(self, now: float) -> list[Envelope]:
        """Give what is to be sent now, and count it as sent."""
        outgoing: list[Envelope] = []
        if not self.leaving:
            return outgoing
        for request in self.leaving:
            if request is None:
                outgoing.append(_HEARTBEAT)
                continue
            outgoing.append(request.envelope)
            request.left = True
            if request.leaving is not None:
                self._left.append(request.leaving)
                request.leaving = None
        self.leaving = []
        self._last_sent = now
        return outgoing

    def left(self) -> list[Any]:
        """Give whoever is to be told that a request has left which `outgoing` gave, each once."""
        left = self._left
        if left:
            self._left = []
        return left
