"""Connections without sockets: two protocols joined in memory, and a connector that any client factory can use.

They behave as TLS over TCP does where it matters: bytes arrive in order and in pieces, a close is done once the other
end has read it and everything written before it, an abort loses what was on its way, and whoever writes faster than the
other end reads is told to pause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.base import BaseConnector
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory, IReactorTime
    from twisted.internet.protocol import ClientFactory

FULL_AT: Final = 64 * 1024
"""Bytes on their way at which a producer is told to pause."""

SERVER_ADDRESS: Final = IPv4Address("TCP", "127.0.0.1", 5035)


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTransport:
    """One end of a `Link`.

    :param host: this end's address.
    :param peer: the other end's.
    """

    disconnecting: bool = False
    connected: bool = False

    def __init__(self, host: IAddress, peer: IAddress) -> None:
        self._host = host
        self._peer = peer
        self._protocol: IProtocol | None = None
        self._written: list[bytes] = []
        self._on_its_way = 0
        self._reading = True
        self._producer: Any = None
        self._paused = False
        self._ended: Failure | None = None
        self._when_lost: Callable[[Failure], None] | None = None
        self.writes: int = 0

    def __repr__(self) -> str:
        return f"<MemoryTransport {self._host} to {self._peer}>"

    # ITransport

    def write(self, data: bytes) -> None:
        """Put bytes on their way."""
        if not isinstance(data, bytes):
            raise TypeError(f"bytes are written, not {type(data).__name__}")
        if not self.connected or self.disconnecting or not data:
            return
        self.writes += 1
        self._written.append(data)
        self._on_its_way += len(data)
        if self._producer is not None and self._on_its_way > FULL_AT and not self._paused:
            self._paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Put bytes on their way."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything written has been read."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """Close at once; what is on its way is lost."""
        self.disconnecting = True
        self._written.clear()
        self._on_its_way = 0
        self.unregisterProducer()
        if self._ended is None:
            self._ended = Failure(error.ConnectionAborted())

    def getPeer(self) -> IAddress:
        """Give the other end's address."""
        return self._peer

    def getHost(self) -> IAddress:
        """Give this end's address."""
        return self._host

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802 - protocols call it when they find it
        """Change nothing: nothing is delayed."""

    def setTcpKeepAlive(self, enabled: bool) -> None:  # noqa: N802 - protocols call it when they find it
        """Change nothing: nobody goes away unnoticed."""

    # IConsumer: who writes here is told to pause

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take note of who is told to pause and resume."""
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        if not streaming:
            raise RuntimeError("only push producers are known here")
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Forget who is told."""
        self._producer = None
        self._paused = False

    # IPushProducer: the protocol tells this transport to pause

    def pauseProducing(self) -> None:
        """Give the protocol nothing more to read."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Give it what has arrived meanwhile, and what comes."""
        self._reading = True

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    # What the link does

    def take(self, most: int | None) -> bytes:
        """Give the bytes on their way, or the first ``most`` of them."""
        if not self._written:
            return b""
        data = b"".join(self._written)
        rest = b"" if most is None else data[most:]
        data = data if most is None else data[:most]
        self._written = [rest] if rest else []
        self._on_its_way = len(rest)
        return data

    def caught_up(self) -> bool:
        """Tell the producer, if everything has been read; say whether it was told."""
        if not self._paused or self._on_its_way or self._producer is None:
            return False
        self._paused = False
        self._producer.resumeProducing()
        return True

    def end(self, reason: Failure) -> None:
        """Tell the protocol that the connection is gone."""
        if not self.connected:
            return
        self.connected = False
        self.disconnecting = True
        self._written.clear()
        self._on_its_way = 0
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        assert self._protocol is not None
        self._protocol.connectionLost(reason)
        if self._when_lost is not None:
            self._when_lost(reason)

    def begin(self, protocol: IProtocol, when_lost: Callable[[Failure], None] | None = None) -> None:
        """Tell the protocol that the connection is made."""
        self._protocol = protocol
        self._when_lost = when_lost
        self.connected = True
        protocol.makeConnection(self)


class Link:
    """Two transports joined: what one writes the other's protocol receives, when `pump` is called.

    :param chunk: bytes that arrive at once at most; None for all there are.
    """

    def __init__(self, client: MemoryTransport, server: MemoryTransport, chunk: int | None = None) -> None:
        self.client = client
        self.server = server
        self._chunk = chunk

    @property
    def open(self) -> bool:
        """Whether either end is still connected."""
        return self.client.connected or self.server.connected

    def pump(self) -> bool:
        """Move what is on its way, once in each direction; say whether anything happened."""
        moved = self._move(self.client, self.server)
        return self._move(self.server, self.client) or moved

    def cut(self, reason: Exception | None = None) -> None:
        """Break it: what is on its way is lost, and both ends hear ``reason``, by default a lost connection."""
        failure = Failure(error.ConnectionLost() if reason is None else reason)
        self.client.end(failure)
        self.server.end(failure)

    def _move(self, source: MemoryTransport, sink: MemoryTransport) -> bool:
        if not (source._written or source._paused or source.disconnecting):
            return False  # nothing to move, nobody to tell, nothing to close
        if source._ended is not None and source.connected:
            source.end(source._ended)
            sink.end(Failure(error.ConnectionLost()))
            return True
        moved = False
        if sink._reading and sink.connected:
            data = source.take(self._chunk)
            if data:
                moved = True
                assert sink._protocol is not None
                sink._protocol.dataReceived(data)
        moved = source.caught_up() or moved
        closing = source.connected and source.disconnecting and not source._written and source._producer is None
        if closing and (sink._reading or not sink.connected):
            done = Failure(error.ConnectionDone())
            source.end(done)
            sink.end(done)
            moved = True
        return moved


def join(client: IProtocol, server: IProtocol, *, chunk: int | None = None) -> Link:
    """Join any two protocols; call the link's `pump` until it says that nothing happens any more."""
    address = IPv4Address("TCP", "127.0.0.1", 49152)
    link = Link(MemoryTransport(address, SERVER_ADDRESS), MemoryTransport(SERVER_ADDRESS, address), chunk)
    link.server.begin(server)
    link.client.begin(client)
    return link


class Network:
    """The one server there is, and the way to it.

    :param clock: connecting takes a turn of it.
    :param server: makes the accepting protocols.
    :param chunk: bytes that arrive at once at most; None for all there are.

    :ivar refusing: while true, nobody listens: connections are refused.
    :ivar unreachable: while true, attempts to connect get no answer at all.
    :ivar links: the connections, those that are over included until `pump` is called.
    """

    def __init__(self, clock: IReactorTime, server: IProtocolFactory, chunk: int | None = None) -> None:
        self.clock = clock
        self.chunk = chunk
        self.refusing = False
        self.unreachable = False
        self.links: list[Link] = []
        self._server = server
        self._ports = iter(range(49152, 65536))

    def connect(
        self, factory: ClientFactory, timeout: float | None = 30.0, server: IProtocolFactory | None = None
    ) -> MemoryConnector:
        """Connect a client factory, as ``reactor.connectTCP`` does; give the connector.

        :param server: makes the accepting protocol instead, as another port of the same server would.
        """
        connector = MemoryConnector(factory, timeout, self, server or self._server)
        connector.connect()
        return connector

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory,
        timeout: float | None = 30.0,
        bindAddress: object = None,  # noqa: N803 - IReactorTCP's
    ) -> MemoryConnector:
        """Connect, as a reactor does; wherever it is to, it is this network's server."""
        return self.connect(factory, timeout)

    def pump(self) -> bool:
        """Move what is on its way on every connection, once; say whether anything happened."""
        moved = False
        for link in tuple(self.links):
            moved = link.pump() or moved
            if not link.open:
                self.links.remove(link)
        return moved

    def cut(self, reason: Exception | None = None) -> None:
        """Break every connection; see `Link.cut`."""
        for link in tuple(self.links):
            link.cut(reason)

    def _accept(self, connector: MemoryConnector) -> None:
        address = IPv4Address("TCP", "127.0.0.1", next(self._ports))
        client, server = MemoryTransport(address, SERVER_ADDRESS), MemoryTransport(SERVER_ADDRESS, address)
        self.links.append(Link(client, server, self.chunk))
        accepting = connector.server.buildProtocol(address)
        if accepting is None:
            server.begin(Protocol())
            server.loseConnection()
        else:
            server.begin(accepting)
        connecting = connector.buildProtocol(SERVER_ADDRESS)
        if connecting is None:
            client.begin(Protocol(), connector.connectionLost)
            client.loseConnection()
        else:
            client.begin(connecting, connector.connectionLost)
        connector.transport = cast("Any", client)


class _Attempt:
    """A connection that is not made yet."""

    def __init__(self, connector: MemoryConnector, network: Network) -> None:
        self._connector = connector
        self._network = network
        self._call: IDelayedCall | None = network.clock.callLater(0, self._try)

    def failIfNotConnected(self, reason: Exception) -> None:  # noqa: N802 - the connector calls it
        """Give it up."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        self._connector.connectionFailed(Failure(reason))

    def _try(self) -> None:
        self._call = None
        if self._network.unreachable:
            return  # the connector's own time-out ends it
        if self._network.refusing:
            self._connector.connectionFailed(Failure(error.ConnectionRefusedError()))
        else:
            self._network._accept(self._connector)


class MemoryConnector(BaseConnector):
    """Twisted's own connector, on a `Network`: a reconnecting factory cannot tell it from TCP's."""

    def __init__(
        self, factory: ClientFactory, timeout: float | None, network: Network, server: IProtocolFactory
    ) -> None:
        super().__init__(factory, cast("float", timeout), cast("Any", network.clock))
        self.server = server
        self._network = network

    def _makeTransport(self) -> Any:  # noqa: N802 - the base class calls it
        return _Attempt(self, self._network)

    def getDestination(self) -> IAddress:  # noqa: N802 - part of IConnector
        """Give the server's address."""
        return SERVER_ADDRESS
