"""TLS that its peer ends in an unusual way."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory

from ctrader_twisted.tls import ClientTLS, PromptTLSFactory
from tests.loopback.servers import certificate, over_sockets

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.python.failure import Failure


class GoodbyeWithoutLeaving(Protocol):
    """Speaks TLS, says one word and goodbye in one segment, and keeps the socket."""

    factory: Any

    def connectionMade(self) -> None:
        self.factory.connection = self
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.factory.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.shaken = False

    def dataReceived(self, data: bytes) -> None:
        self.incoming.write(data)
        if self.shaken:
            return
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
            self.shaken = True
            self.tls.write(b"word")
            self.tls.unwrap()
        self.transport.write(self.outgoing.read())


class Answering(Protocol):
    """Answers in the next turn of the reactor, when the goodbye has been read."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.factory.reactor.callLater(0, self.transport.write, b"answer")

    def connectionLost(self, reason: Failure) -> None:
        self.factory.lost.callback(None)


@over_sockets
async def test_writing_after_the_peers_goodbye_does_not_keep_the_connection(tmp_path: Path) -> None:
    from twisted.internet import reactor

    pem, pair = certificate()
    file = tmp_path / "server.pem"
    key = pair.privateKey.original.to_cryptography_key()
    file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server: Any = ServerFactory.forProtocol(GoodbyeWithoutLeaving)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(file)
    port: Any = reactor.listenTCP(0, server, interface="127.0.0.1")  # type: ignore[attr-defined]
    client: Any = ClientFactory.forProtocol(Answering)
    client.reactor, client.lost = reactor, Deferred()
    client.noisy = server.noisy = False
    wrapped = PromptTLSFactory(ClientTLS("localhost", pem), True, client, reactor)
    connector = reactor.connectTCP("127.0.0.1", port.getHost().port, wrapped)  # type: ignore[attr-defined]
    try:
        await client.lost.addTimeout(3, reactor)
    finally:
        connector.disconnect()
        server.connection.transport.abortConnection()
        await port.stopListening()
