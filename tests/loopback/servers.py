"""Servers over real TLS that do exactly what a test says, and certificates to stand behind."""

from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any

import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.ssl import PrivateCertificate
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctrader_twisted import Wire
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope
from tests.shell.memory import server_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from twisted.internet.interfaces import IListeningPort


def certificate(host: str = "localhost", *, days: int = 3650) -> tuple[bytes, PrivateCertificate]:
    """Make a self-signed certificate for a host; give its PEM and the pair a server listens with.

    :param days: for how many days from the beginning of 2024 it is good.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    begins = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, PrivateCertificate.loadPEM(pem + private)


class Answering(Protocol):
    """Answers the requests of a connection by a function, and remembers what it was sent."""

    factory: AnsweringFactory

    def connectionMade(self) -> None:
        self.wire = server_wire(self.factory.over)
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.factory.bytes_received += len(data)
        for item in self.wire.receive(data):
            for envelope in item.envelopes() if isinstance(item, Burst) else (item,):
                self.factory.requests.append(envelope)
                for answer in self.factory.answer(envelope):
                    self.wire.send(answer)
        self.transport.write(self.wire.data_to_send())
        if self.wire.over is not None:
            self.transport.loseConnection()

    def send(self, *envelopes: Envelope) -> None:
        """Send envelopes by itself."""
        for envelope in envelopes:
            self.wire.send(envelope)
        self.transport.write(self.wire.data_to_send())


class AnsweringFactory(ServerFactory):
    """Makes them; ``answer`` gives the envelopes that answer one."""

    protocol = Answering
    noisy = False

    def __init__(self, answer: Callable[[Envelope], list[Envelope]], over: Wire = Wire.PROTOBUF) -> None:
        self.answer = answer
        self.over = over
        self.connections: list[Answering] = []
        self.requests: list[Envelope] = []
        self.bytes_received = 0


def over_sockets(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    """Run an ``async`` test in the reactor, for at most 90 seconds."""

    @functools.wraps(test)
    async def limited(*args: Any, **kwargs: Any) -> None:
        from twisted.internet import reactor

        running = Deferred.fromCoroutine(test(*args, **kwargs))
        running.addTimeout(90, reactor)
        await running

    return pytest_twisted.ensureDeferred(limited)


def accept_all(envelope: Envelope) -> list[Envelope]:
    """Answer each request with its empty Res."""
    kind = catalogue.REQUESTS.get(envelope.payload_type)
    if kind is None:
        return []
    (number,) = kind.closed_by - catalogue.ERRORS
    cls = catalogue.message_class(number)
    assert cls is not None
    message = cls()
    if kind.has_account:
        request = kind.message_class.FromString(envelope.payload)
        if "ctidTraderAccountId" in cls.DESCRIPTOR.fields_by_name:
            message.ctidTraderAccountId = request.ctidTraderAccountId  # type: ignore[attr-defined]
    return [Envelope(number, message.SerializePartialToString(), envelope.client_msg_id)]


def listen(reactor: Any, factory: ServerFactory, pair: PrivateCertificate) -> IListeningPort:
    """Listen with TLS on a free port of the loopback interface."""
    wrapped = TLSMemoryBIOFactory(pair.options(), False, factory)
    port: IListeningPort = reactor.listenTCP(0, wrapped, interface="127.0.0.1")
    return port
