"""The client's shell: a transport and a clock on one side, the wire and the session on the other.

Nothing here knows what a message means. Bytes go to the wire, envelopes to the session, and what the session gives
back is handed on: events to the owner, endings to the Deferreds that wait for them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IHandshakeListener, INegotiated, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from ctrader_twisted.errors import (
    ClientClosed,
    ConnectionFailed,
    DeadPeer,
    HandshakeRefused,
    OpenApiError,
    RemoteError,
    WebSocketClosed,
)
from ctrader_twisted.reasons import connection_error
from ctrader_twisted.repeating import Repeating
from ctrader_twisted.session.correlation import Settled
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message
    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.session.session import Session
    from ctrader_twisted.wire.runs import SpotRun
    from ctrader_twisted.wire.verbs import Verbs

_log = Logger()

MAX_BODY = 1_000
"""Characters that are told of what came with a refused handshake."""

BEAT = 1.0
"""Seconds between two looks at the silence in both directions, where either may soon have lasted long enough."""


class Owner(Protocol):
    """Who a connection belongs to."""

    def connection_opened(self, connection: OpenApiProtocol) -> None:
        """The connection is made and, where there is TLS, verified."""

    def connection_ended(self, connection: OpenApiProtocol, reason: OpenApiError) -> None:
        """The connection is gone; every request has been told."""

    def deliver(self, arrived: Envelope | Burst | SpotRun) -> None:
        """A message arrived, or a run of them."""

    def announce(self, event: object) -> None:
        """Something happened to the session."""


class Tap(Protocol):
    """Sees everything that is said on a client's connections; the flight recorder is one.

    Times are the clock's seconds; ``connection`` counts a client's connections, from 1. A tap must not raise: one that
    does is told no more of that connection.
    """

    def opened(self, connection: int, where: str, at: float) -> None:
        """A connection was made."""

    def sent(self, connection: int, envelopes: Sequence[Envelope], at: float) -> None:
        """These are being written, in this order."""

    def received(self, connection: int, items: Sequence[Envelope | Burst], at: float) -> None:
        """These have arrived, in this order."""

    def unreadable(self, connection: int, error: ProtocolError, at: float) -> None:
        """Something has arrived that can't be read."""

    def ended(self, connection: int, reason: str, at: float) -> None:
        """A connection is gone."""

    def failed(self, where: str, reason: str, at: float) -> None:
        """A connection could not be made."""


@implementer(IHandshakeListener, IPushProducer)
class OpenApiProtocol(TwistedProtocol):
    """One connection of a client.

    :param session: the client's session, which outlives the connection.
    :param wire: this connection's framing and coding.
    :param clock: for time-outs, turns and heartbeats.
    :param owner: who is told of events.
    :param where: host and port, for messages.
    :param number: counts the client's connections, from 1, for the tap.
    :param tap: sees everything that is said.
    :param opening_timeout: seconds from the connection to the end of the handshakes, of TLS and of WebSocket.
    :param closing_timeout: seconds that the peer is given to let go of a connection that is closed here.
    """

    def __init__(
        self,
        *,
        session: Session,
        wire: Verbs,
        clock: IReactorTime,
        owner: Owner,
        where: str,
        number: int = 1,
        tap: Tap | None = None,
        opening_timeout: float = 30.0,
        closing_timeout: float = 5.0,
    ) -> None:
        self._session = session
        self._wire = wire
        self._clock = clock
        self._owner = owner
        self._where = where
        self._number = number
        self._tap = tap
        self._opening_timeout = opening_timeout
        self._closing_timeout = closing_timeout
        self._begun = False
        self._opened = False
        self._made_at = 0.0
        self._reason: OpenApiError | None = None
        self._heartbeat: Repeating | None = None
        self._quiet: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        self._alarm_at = 0.0
        self._flush_call: IDelayedCall | None = None
        self._close_limit: IDelayedCall | None = None
        self._settled: deque[Settled] = deque()
        self._answered: Settled | None = None
        self._reading = False
        self._paused = False
        self._closing = False
        self._parting = False
        self._over = False

    # What Twisted tells

    def connectionMade(self) -> None:
        """Begin; with TLS, wait for the handshake before anything is said."""
        assert self.transport is not None
        self._made_at = self._clock.seconds()
        self._session.connected(self._made_at)
        if self._tap is not None:
            self._tapped(self._tap.opened, self._where, self._made_at)
        self.transport.registerProducer(self, True)  # type: ignore[attr-defined]  # every ITCPTransport and TLS have it
        self._heartbeat = Repeating(self._clock, self._look)
        self._heartbeat.start(BEAT, now=False).addErrback(self._heart_stopped)
        if not INegotiated.providedBy(self.transport):
            self._begin()

    def handshakeCompleted(self) -> None:
        """TLS stands. Some kinds of it still refuse the host name now, and then nothing may be said over it."""
        if not getattr(self.transport, "disconnecting", False):
            self._begin()

    def dataReceived(self, data: bytes) -> None:
        """Bytes arrived."""
        wire = self._wire
        arrived = wire.receive(data)
        problems = wire.problems()
        session = self._session
        if wire.news:
            self._hear()
        if arrived or problems:
            now = self._clock.seconds()
            session.seen(now)
            if self._tap is not None:
                self._tap_what_arrived(arrived, problems, now)
            deliver = self._owner.deliver
            self._reading = True
            try:
                for item in session.received(arrived, now):
                    if isinstance(item, Settled):
                        self._answered = item
                        if item.envelope is not None:
                            deliver(item.envelope)
                        self._answered = None
                        self._end(item)
                    else:
                        deliver(item)
                    if session.state is ConnectionState.CLOSED or self._over:
                        break
            finally:
                self._reading = False
            self.announce()
            for problem in problems:
                settled = session.unreadable(problem)
                if problem.fatal:
                    self.drop(problem, abort=wire.open)  # a WebSocket is over, and has to tell the peer why
                self.announce()
                if settled is not None:
                    self._fire([settled])
            if session.outbox.leaving:
                self._flush()
        if wire.over is not None:
            self.drop(self._scrubbed(wire.over))

    def pauseProducing(self) -> None:
        """The peer reads too slowly: let requests wait for their turn here, where the queue is bounded."""
        self._paused = True
        self._session.outbox.hold(True)

    def resumeProducing(self) -> None:
        """The peer reads again."""
        self._paused = False
        self._session.outbox.hold(False)
        self._tick()

    def stopProducing(self) -> None:
        """Nothing more can be written; `connectionLost` follows."""
        self.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone: end everything."""
        cut = self._wire.end() if self._begun else None
        over = self._wire.over
        error = self._reason or (_describe(reason, self._where) if over is None else self._scrubbed(over))
        now = self._clock.seconds()
        if cut is not None:
            self._session.unreadable(cut)
            if self._tap is not None:
                self._tapped(self._tap.unreadable, cut, now)
        self._over = True
        if self._heartbeat is not None and self._heartbeat.running:
            self._heartbeat.stop()
        if self._quiet is not None:
            self._quiet.cancel()
        for call in (self._alarm, self._flush_call, self._close_limit):
            if call is not None and call.active():
                call.cancel()
        self._alarm = self._flush_call = self._close_limit = None
        self._session.outbox.hold(False)
        if self._tap is not None:
            closed = isinstance(error, ClientClosed)
            self._tapped(self._tap.ended, "the client was closed" if closed else str(error), now)
        self._fire(self._session.lost(now, str(error)))
        self.announce()
        self._owner.connection_ended(self, error)

    # What the owner asks

    def request(
        self,
        message: Message,
        timeout: float,
        *,
        own: bool = False,
        unread: bool = False,
        left: Callable[[], object] | None = None,
        client_msg_id: str | None = None,
    ) -> Deferred[Any]:
        """Send a request, in its turn.

        :param message: one of the schema's requests.
        :param timeout: seconds from now to its answer.
        :param own: whether the client asks for it by itself, to restore the session.
        :param unread: whether the Deferred fires with the answer's `Envelope`, not parsed.
        :param left: called when it has left, once.
        :param client_msg_id: the id it travels under, where its author has one.
        :return: a Deferred that fires with the message that answers it, or fails as `OpenApiClient.request` says.
        """
        waiter: Deferred[Any] = Deferred(self._cancel)
        now = self._clock.seconds()
        try:
            request = self._session.request(
                message,
                timeout=timeout,
                now=now,
                waiter=waiter,
                own=own,
                unread=unread,
                leaving=left,
                client_msg_id=client_msg_id,
            )
        except OpenApiError as error:
            return fail(error)
        if not request.sent:
            self._tick()
        elif not self._reading and self._flush_call is None:
            self._flush_call = self._clock.callLater(0, self._flush_now)
        if self._alarm is None or request.deadline < self._alarm_at:
            self._set_alarm(request.deadline)
        return waiter

    def leave_spots_uncut(self, uncut: bool) -> None:
        """Deliver runs of spot events not cut apart from now on, or cut them."""
        self._wire.leave_spots_uncut(uncut)

    def end(self, reason: str) -> None:
        """Close for good: end every request with this reason, then the connection."""
        self._flush()
        self._fire(self._session.lost(self._clock.seconds(), reason, closed=True))
        self.announce()
        self.drop(ClientClosed())

    def drop(self, reason: OpenApiError, *, abort: bool = False) -> None:
        """Close the connection and give this as the reason. A peer that does not let go of it in time is left.

        :param abort: without sending what is still to be sent, and without waiting for the peer.
        """
        if self._over:
            return
        if self._reason is None:
            self._reason = reason
        assert self.transport is not None
        if not abort:
            self._flush()
        if not self._closing:
            self._closing = True
            # A transport with a producer waits for it before it closes.
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            if self._opened and not abort and self._wire.over is None:
                self._parting = self._wire.close()
                self._write()
        if abort:
            self.transport.abortConnection()  # type: ignore[attr-defined]
            return
        if self._close_limit is None:
            self._close_limit = self._clock.callLater(self._closing_timeout, self._leave)
        if not self._parting or not self._wire.open:  # else the other side's goodbye is waited for
            self.transport.loseConnection()

    # Inside

    def _begin(self) -> None:
        """The way is clear: say what a wire says first, and where there is nothing to wait for, begin."""
        self._begun = True
        wire = self._wire
        wire.begin()
        self._write()
        if wire.open:
            self._open()

    def _hear(self) -> None:
        """The wire has done more than to take envelopes: shaken hands, answered a ping or a goodbye."""
        wire = self._wire
        wire.news = False
        self._session.seen(self._clock.seconds())
        if self._paused and self._opened and wire.over is None:
            wire.data_to_send()  # answers to pings, which may be left out: who does not read them must not fill memory
        self._write()
        if wire.open and not self._opened and not self._closing:
            self._open()

    def _scrubbed(self, over: ConnectionFailed) -> ConnectionFailed:
        """Give why nothing more will come, without secrets that the server repeats in words of its own."""
        scrub = self._session.scrub
        if isinstance(over, WebSocketClosed):
            return WebSocketClosed(over.where, scrub(over.reason), over.code, scrub(over.close_reason))
        if isinstance(over, HandshakeRefused):
            problem, remedy, body = scrub(over.problem), scrub(over.remedy), scrub(over.body)[:MAX_BODY]
            return HandshakeRefused(over.where, problem, remedy, over.status, body, over.retry_after)
        return over

    def _write(self) -> None:
        data = self._wire.data_to_send()
        if data:
            assert self.transport is not None
            self.transport.write(data)

    def _open(self) -> None:
        self._opened = True
        self._owner.connection_opened(self)

    def _leave(self) -> None:
        self._close_limit = None
        assert self._reason is not None
        self.drop(self._reason, abort=True)

    def _cancel(self, waiter: Deferred[Any]) -> None:
        for request in self._session.requests():
            if request.waiter is waiter:
                error = self._session.cancel(request)
                if error is not None:
                    waiter.errback(error)
                self.announce()
                return
        # It has ended, and whoever was told of something else before it cancels it: it ends as it has ended.
        for settled in (*self._settled, self._answered):
            if settled is not None and settled.request.waiter is waiter:
                self._end(settled)
                return

    def _fire(self, settled: list[Settled]) -> None:
        waiting = self._settled
        waiting.extend(settled)
        while waiting:
            self._end(waiting.popleft())

    def _end(self, settled: Settled) -> None:
        waiter: Deferred[Any] = settled.request.waiter
        if waiter.called:
            return
        result = settled.result
        if isinstance(result, OpenApiError):
            waiter.errback(result)
        else:
            waiter.callback(result)

    def announce(self) -> None:
        """Tell the owner what has happened to the session."""
        for notice in self._session.notices():
            self._owner.announce(notice)

    def _flush_now(self) -> None:
        self._flush_call = None
        self._flush()
        self.announce()

    def _tap_what_arrived(
        self, arrived: Sequence[Envelope | Burst | SpotRun], problems: Sequence[ProtocolError], now: float
    ) -> None:
        assert self._tap is not None
        if arrived:
            items = [item if isinstance(item, Envelope | Burst) else item.burst() for item in arrived]
            self._tapped(self._tap.received, items, now)
        for problem in problems:
            if self._tap is not None:
                self._tapped(self._tap.unreadable, problem, now)

    def _tapped(self, tell: Callable[..., None], *what: Any) -> None:
        """Tell the tap. One that raises costs nobody else anything, and is told no more of this connection."""
        try:
            tell(self._number, *what)
        except Exception:
            self._tap = None
            _log.failure("{tell!r} failed: it is told no more of this connection", tell=tell)

    def _flush(self) -> None:
        if self._paused or self._closing or self._over or not self._opened or not self._wire.open:
            return  # what a transport or a wire would drop stays here, and counts as not sent
        now = self._clock.seconds()
        outgoing = self._session.outbox.outgoing(now)
        if outgoing:
            if self._tap is not None:
                self._tapped(self._tap.sent, outgoing, now)
            wire = self._wire
            for envelope in outgoing:
                wire.send(envelope)
            self._write()
            for left in self._session.outbox.left():
                try:
                    left()
                except Exception:
                    _log.failure("{left!r} failed", left=left)

    def _tick(self) -> None:
        if self._over:
            return
        now = self._clock.seconds()
        self._fire(self._session.tick(now))
        self.announce()
        self._flush()
        due = self._session.next_due(now)
        if due is not None:
            self._set_alarm(due)

    def _set_alarm(self, due: float) -> None:
        """One timer serves every time-out and every turn; it is moved forward when something is due earlier."""
        alarm = self._alarm
        if alarm is None:
            if not self._over:
                self._alarm = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._rang)
                self._alarm_at = due
        elif due < self._alarm_at:
            alarm.reset(max(0.0, due - self._clock.seconds()))
            self._alarm_at = due

    def _rang(self) -> None:
        self._alarm = None
        self._tick()

    def _look(self) -> Deferred[None] | None:
        """Look at the silence in both directions, then rest as long as neither can have lasted long enough."""
        self._beat()
        due = self._session.next_beat(within=BEAT)
        if not self._opened:
            due = min(due, self._made_at + self._opening_timeout)
        rest = due - self._clock.seconds() - BEAT
        if self._over or rest <= 0:
            return None
        self._quiet = deferLater(self._clock, rest)
        self._quiet.addErrback(_cut_short)
        return self._quiet

    def _heart_stopped(self, failure: Failure) -> None:
        """Only a fault of this package, or of a transport, ends up here: better no connection than one without
        heartbeats.
        """
        _log.failure("unexpected failure of the heartbeat: the connection is given up", failure)
        self.drop(ConnectionFailed(self._where, "its heartbeat failed"), abort=True)

    def _beat(self) -> None:
        now = self._clock.seconds()
        if not self._opened and now - self._made_at >= self._opening_timeout:
            which = "WebSocket" if self._begun else "TLS"
            why: ConnectionFailed = DeadPeer(
                self._where, f"the {which} handshake was not completed within {self._opening_timeout:g} s"
            )
            if self._begun:
                self._wire.end()
                told = self._wire.over
                if isinstance(told, HandshakeRefused) and told.status is not None:
                    why = self._scrubbed(told)  # some of a refusal had come
            self.drop(why, abort=True)
            return
        if not self._session.beat(now, within=BEAT):
            silence = now - self._session.last_received
            self.drop(DeadPeer(self._where, f"nothing arrived for {silence:.0f} s"), abort=True)
            return
        self._flush()


def _cut_short(failure: Failure) -> None:
    """The connection ended while its heartbeat rested."""
    failure.trap(CancelledError)


def _describe(reason: Failure, where: str) -> OpenApiError:
    """Say in words why a connection ended."""
    error = reason.value
    return error if isinstance(error, RemoteError) else connection_error(error, where)
