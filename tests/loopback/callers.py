"""Clients over real TLS that know envelopes and nothing else."""

from __future__ import annotations

from twisted.internet import defer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctrader_twisted.wire import codec
from ctrader_twisted.wire.envelope import Burst
from ctrader_twisted.wire.int32 import Int32Wire

TIMEOUT = 10.0


class Caller(Protocol):
    """A client that knows envelopes and nothing else."""

    def __init__(self):
        self.wire = Int32Wire()
        self.waiting: dict[str, defer.Deferred] = {}
        self.events: list[object] = []
        self.made, self.lost = defer.Deferred(), defer.Deferred()

    def connectionMade(self):
        self.made.callback(self)

    def dataReceived(self, data):
        for one in self.wire.receive(data):
            for envelope in one.envelopes() if isinstance(one, Burst) else [one]:
                waiter = self.waiting.pop(envelope.client_msg_id, None)
                message = codec.unpack(envelope)
                if waiter is None:
                    self.events.append(message)
                else:
                    waiter.callback(message)

    def connectionLost(self, reason):
        self.lost.callback(reason.value)

    def send(self, message, key=None):
        self.wire.send(codec.pack(message, key))
        self.transport.write(self.wire.data_to_send())

    def ask(self, message):
        from twisted.internet import reactor

        key = f"k{len(self.waiting)}{id(message)}"
        self.waiting[key] = defer.Deferred()
        answer = self.waiting[key].addTimeout(TIMEOUT, reactor)
        self.send(message, key)
        return answer


async def call(host: str, port: int, trust_root: str | None, name: str | None = None) -> Caller:
    """Connect; the certificate will be verified for ``name``, by default the host."""
    from twisted.internet import reactor

    caller = Caller()
    root = None if trust_root is None else trustRootFromCertificates([Certificate.loadPEM(trust_root)])
    options = optionsForClientTLS(name or host, **({} if root is None else {"trustRoot": root}))

    class Once(Factory):
        noisy = False

        def doStop(self):
            pass

        def startedConnecting(self, connector):
            pass

        def clientConnectionFailed(self, connector, reason):
            caller.made.errback(reason)

        def clientConnectionLost(self, connector, reason):
            pass

        def buildProtocol(self, addr):
            return caller

    reactor.connectTCP(host, port, TLSMemoryBIOFactory(options, True, Once(), reactor))
    return await caller.made.addTimeout(TIMEOUT, reactor)


async def ended(caller: Caller) -> BaseException:
    """Give the reason for which the connection ended."""
    from twisted.internet import reactor

    return await caller.lost.addTimeout(TIMEOUT, reactor)


async def hung_up(caller: Caller) -> None:
    caller.transport.loseConnection()
    await ended(caller)
