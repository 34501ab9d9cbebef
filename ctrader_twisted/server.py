"""The accepting shell: a transport and a wire on one side, an object that answers on the other.

It knows bytes, reading and writing; what is said is the conversation's business. A conversation is made for each
connection by a factory that is given the `Peer` to talk to::

    factory = ServerFactory(Echo, Int32Wire, reactor)

What a conversation sends while one chunk of input is handled, or within one turn of the reactor, leaves in one write.
A peer that does not read is not read from either; what is pushed to it meanwhile is held up to a bound, then the
connection is aborted.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from ctrader_twisted.errors import ConnectionFailed
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.wire.verbs import Verbs

MAX_BACKLOG = 8 * 1024 * 1024
"""Bytes held for a peer that does not read, before the connection is aborted."""

CLOSE_TIMEOUT = 10.0
"""Seconds that the last bytes of a closed connection have to leave, before it is aborted."""

_FLUSH_AT = 256 * 1024  # so much is written early, for the transport to say stop
_OVERHEAD = 16  # an envelope's bytes besides its payload, about


class Conversation(Protocol):
    """What a server says over one connection."""

    def received(self, envelope: Envelope, /) -> None:
        """Take an envelope from the peer."""

    def problem(self, error: ProtocolError, /) -> None:
        """Hear that something could not be read; after a ``fatal`` error nothing more will be."""

    def lost(self, reason: Failure, /) -> None:
        """Hear that the connection is gone. Called exactly once, and nothing after it."""


class Peer:
    """The other end of one connection, as a conversation sees it.

    :ivar address: where it is.
    :ivar open: whether anything sent can still leave.
    """

    def __init__(self, transport: Any, wire: Verbs, clock: IReactorTime, max_backlog: int = MAX_BACKLOG) -> None:
        self.address: IAddress = transport.getPeer()
        self.open: bool = True
        self._transport = transport
        self._wire = wire
        self._clock = clock
        self._max_backlog = max_backlog
        self._backlog = 0
        self._blocked = False
        self._gathering = False
        self._turn: IDelayedCall | None = None
        self._overdue: IDelayedCall | None = None
        self._own_reason: Exception | None = None

    def send(self, envelope: Envelope) -> None:
        """Send an envelope; dropped if the connection is closing."""
        if not self.open:
            return
        self._wire.send(envelope)
        self._backlog += len(envelope.payload) + _OVERHEAD
        if self._blocked:
            if self._backlog > self._max_backlog:
                self.abort(f"it does not read: {self._backlog} bytes wait for it")
        elif self._backlog > _FLUSH_AT:
            self.flush()
        elif not self._gathering and self._turn is None:
            self._turn = self._clock.callLater(0, self._turn_ended)

    def flush(self) -> None:
        """Write what was sent so far at once, unless the peer does not read."""
        if self._blocked or not self.open:
            return
        self._backlog = 0
        data = self._wire.data_to_send()
        if data:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything sent has left; abort it if that takes longer than `CLOSE_TIMEOUT`."""
        if not self.open:
            return
        self._blocked = False
        self._wire.close()
        self.flush()
        self._let_go()

    def abort(self, reason: str = "") -> None:
        """Drop the connection now, with whatever has not left yet.

        :param reason: what the conversation hears from `lost`, if it is not to be the transport's word.
        """
        if reason and self._own_reason is None:
            self._own_reason = ConnectionFailed(str(self.address), reason)
        self._shut()
        self._transport.abortConnection()

    def write_raw(self, data: bytes) -> None:
        """Write bytes as they are, after everything sent so far: what no wire would say."""
        self.flush()
        if self.open:
            self._transport.write(data)

    def cut(self, envelope: Envelope) -> None:
        """Send the first half of an envelope's frame and close the connection."""
        if not self.open:
            return
        self.flush()
        self._wire.send(envelope)
        frame = self._wire.data_to_send()
        self._transport.write(frame[: max(1, len(frame) // 2)])
        self._let_go()  # without a goodbye: it would be taken for more of the frame

    def stop_reading(self) -> None:
        """Take no more bytes from the peer until `resume_reading`."""
        if self.open:
            self._transport.pauseProducing()

    def resume_reading(self) -> None:
        """Undo `stop_reading`."""
        if self.open:
            self._transport.resumeProducing()

    def _let_go(self) -> None:
        self._shut()
        self._overdue = self._clock.callLater(CLOSE_TIMEOUT, self._transport.abortConnection)
        self._transport.unregisterProducer()  # with one, the transport would wait for it for ever
        self._transport.resumeProducing()  # TLS closes when it has read that the peer closes too
        if isinstance(self._transport, Connection):
            # TCP alone: closed while bytes still come in, it would be reset, and what was said last lost on its way.
            self._transport.loseWriteConnection()
        else:
            self._transport.loseConnection()

    def _shut(self) -> None:
        self.open = False
        self._cancel()

    def _cancel(self) -> None:
        for call in (self._turn, self._overdue):
            if call is not None and call.active():
                call.cancel()
        self._turn = self._overdue = None

    def _turn_ended(self) -> None:
        self._turn = None
        self.flush()


@implementer(IPushProducer)
class ServerProtocol(TwistedProtocol):
    """One accepted connection: transport and wire, joined to a conversation.

    :param conversation_factory: makes the conversation, given its `Peer`.
    :param wire_factory: makes the wire.
    :param clock: for gathering writes and for a bounded close.
    """

    def __init__(
        self,
        conversation_factory: Callable[[Peer], Conversation],
        wire_factory: Callable[[], Verbs],
        clock: IReactorTime,
        max_backlog: int = MAX_BACKLOG,
    ) -> None:
        self._conversation_factory = conversation_factory
        self._wire = wire_factory()
        self._clock = clock
        self._max_backlog = max_backlog
        self._peer: Peer | None = None
        self._conversation: Conversation | None = None
        self._waiting: deque[Envelope] = deque()

    def connectionMade(self) -> None:
        """Start the conversation."""
        transport: Any = self.transport
        set_no_delay = getattr(transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)
        self._peer = Peer(transport, self._wire, self._clock, self._max_backlog)
        transport.registerProducer(self, True)
        self._conversation = self._conversation_factory(self._peer)

    def dataReceived(self, data: bytes) -> None:
        """Hand every whole envelope to the conversation, then what could not be read."""
        if self._peer is None or not self._peer.open:
            return
        for arrived in self._wire.receive(data):
            if isinstance(arrived, Envelope):
                self._waiting.append(arrived)
            else:
                self._waiting.extend(arrived.envelopes())
        self._dispatch()
        if self._wire.over is not None and self._peer is not None:
            self._peer.close()

    def _dispatch(self) -> None:
        peer, conversation, waiting = self._peer, self._conversation, self._waiting
        assert peer is not None and conversation is not None
        if peer._gathering:
            return  # a transport that wrote at once let us go on while we were still at it
        peer._gathering = True
        try:
            while waiting and peer.open and not peer._blocked:
                conversation.received(waiting.popleft())
            if not waiting:
                for problem in self._wire.problems():
                    if peer.open:
                        conversation.problem(problem)
        finally:
            peer._gathering = False
            peer.flush()

    def pauseProducing(self) -> None:
        """The peer reads too slowly: answer nothing more, and take no more from it, until it has caught up."""
        peer = self._peer
        if peer is not None and peer.open:
            peer._blocked = True
            peer.stop_reading()

    def resumeProducing(self) -> None:
        """The peer has caught up."""
        peer = self._peer
        if peer is not None and peer.open and peer._blocked:
            peer._blocked = False
            self._dispatch()
            if not peer._blocked:
                peer.resume_reading()

    def stopProducing(self) -> None:
        """The transport will take nothing more; `connectionLost` follows."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the conversation."""
        peer, conversation = self._peer, self._conversation
        self._peer = self._conversation = None
        self._waiting.clear()
        if peer is None:
            return
        peer._shut()
        if peer._own_reason is not None:
            reason = Failure(peer._own_reason)
        if conversation is not None:
            conversation.lost(reason)


class ServerFactory(Factory):
    """Makes a `ServerProtocol` for each connection; its arguments are that class's."""

    noisy = False

    def __init__(
        self,
        conversation_factory: Callable[[Peer], Conversation],
        wire_factory: Callable[[], Verbs],
        clock: IReactorTime,
        max_backlog: int = MAX_BACKLOG,
    ) -> None:
        self._arguments = (conversation_factory, wire_factory, clock, max_backlog)

    def buildProtocol(self, addr: IAddress | None) -> ServerProtocol | None:
        """Make the protocol of one connection; None, in a subclass, turns it away."""
        protocol = ServerProtocol(*self._arguments)
        protocol.factory = self
        return protocol
