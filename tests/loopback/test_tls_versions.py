"""Servers that are not what they should be: each is refused for what it is, and is told nothing of ours."""

from __future__ import annotations

import datetime
import ssl
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from twisted import version as twisted_version
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctrader_twisted import Application, Disconnected, Environment, OpenApiClient, Settings
from ctrader_twisted.errors import ConnectionFailed
from ctrader_twisted.reasons import connection_error, explain
from ctrader_twisted.sim.authority import Authority
from ctrader_twisted.tls import ClientTLS
from tests.loopback.servers import AnsweringFactory, accept_all, certificate, over_sockets

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = b"hush-client-secret"
YEAR = 365 * 86_400.0


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class Deaf(Protocol):
    """Keeps the raw bytes it is sent, and answers the first of them with what it was told to."""

    factory: Any

    def connectionMade(self) -> None:
        if self.factory.greeting:
            self.transport.write(self.factory.greeting)

    def dataReceived(self, data: bytes) -> None:
        first = not self.factory.received
        self.factory.received += data
        if first and self.factory.answer is None:
            self.transport.loseConnection()
        elif first:
            self.transport.write(self.factory.answer)


def plain_server(answer: bytes | None = b"", greeting: bytes = b"") -> Any:
    server: Any = ServerFactory.forProtocol(Deaf)
    server.answer, server.greeting, server.received, server.noisy = answer, greeting, bytearray(), False
    return server


async def refusal_of(reactor: Any, server: Any, trusted: bytes | str | None, host: str = "localhost") -> str:
    """Let a client try once, and give the reason for which it has no connection."""
    port = reactor.listenTCP(0, server, interface="127.0.0.1")
    number = port.getHost().port
    client = OpenApiClient(
        reactor,
        Application("an-id", SECRET.decode()),
        Environment("test", host, number, trust_root=trusted),
        settings=Settings(retry_after=60, connect_timeout=1),
    )
    lost: Deferred[Disconnected] = Deferred()
    client.once(Disconnected, lost.callback)
    client.start()
    try:
        reason = (await lost).reason
    finally:
        await client.close()
        await port.stopListening()
    assert isinstance(reason, ConnectionFailed)
    assert str(reason).startswith(f"test ({host}:{number}): ")
    return reason.reason


def behind(options: CertificateOptions, server: AnsweringFactory) -> TLSMemoryBIOFactory:
    return TLSMemoryBIOFactory(options, False, server)


# ------------------------------------------------------------------------------------------- certificates


def signed(**times: float) -> Callable[[float], tuple[str, PrivateCertificate]]:
    """Make an authority and a certificate of its own, ``years`` from now."""

    def make(now: float) -> tuple[str, PrivateCertificate]:
        authority = Authority.create()
        return authority.trust_root_pem, authority.certificate(now + times.get("years", 0.0) * YEAR)

    return make


def of_another_authority(now: float) -> tuple[str, PrivateCertificate]:
    return certificate("another.example")[0].decode(), Authority.create().certificate(now)


def of_another_authority_of_the_same_name(now: float) -> tuple[str, PrivateCertificate]:
    return Authority.create().trust_root_pem, Authority.create().certificate(now)


def signed_by_another_key(now: float) -> tuple[str, PrivateCertificate]:
    """As above, of an authority that gives its keys no names: only the signature tells them apart."""
    root = certificate("authority.example")[0]
    key, authority_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begins = datetime.datetime.fromtimestamp(now - 86_400, datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]))
        .issuer_name(x509.load_pem_x509_certificate(root).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return root.decode(), PrivateCertificate.loadPEM(signed.public_bytes(Encoding.PEM) + private)


def self_signed(now: float) -> tuple[str, PrivateCertificate]:
    return Authority.create().trust_root_pem, certificate()[1]


def of_another_host(now: float) -> tuple[str, PrivateCertificate]:
    pem, pair = certificate("elsewhere.example")
    return pem.decode(), pair


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(of_another_host, "for another host name: this is not the server", id="wrong host name"),
        pytest.param(signed(years=-3), "has expired: check this machine's clock", id="expired"),
        pytest.param(signed(years=3), "not valid yet: check this machine's clock", id="not yet valid"),
        pytest.param(self_signed, "self-signed and not among the trusted ones: set the trust root", id="self-signed"),
        pytest.param(of_another_authority, "not signed by a trusted authority: set the trust root", id="wrong CA"),
        pytest.param(
            of_another_authority_of_the_same_name, "not signed by a trusted authority", id="wrong CA, same name"
        ),
        pytest.param(signed_by_another_key, "by another of the same name: get the server's present", id="another key"),
    ],
)
@over_sockets
async def test_a_certificate_that_proves_nothing(reactor: Any, make: Any, expected: str) -> None:
    trusted, pair = make(reactor.seconds())
    server = AnsweringFactory(accept_all)
    reason = await refusal_of(reactor, behind(pair.options(), server), trusted)
    assert expected in reason
    assert server.connections and not server.bytes_received


@over_sockets
async def test_a_certificate_for_another_address(reactor: Any) -> None:
    pem, pair = certificate("localhost")
    server = AnsweringFactory(accept_all)
    reason = await refusal_of(reactor, behind(pair.options(), server), pem, host="127.0.0.1")
    assert reason == "its certificate is for another address: this is not the server that was asked for"
    assert server.connections and not server.bytes_received


# ------------------------------------------------------------------------------------------- versions of TLS


def outdated(pair: PrivateCertificate, version: Any) -> CertificateOptions:
    """Make the options of a server that speaks this version and no other."""
    options = CertificateOptions(
        privateKey=pair.privateKey.original,
        certificate=pair.original,
        insecurelyLowerMinimumTo=version,
        lowerMaximumSecurityTo=version,
    )
    # OpenSSL 3 counts the hashes of these versions as broken unless it is told to look away.
    options.getContext().set_cipher_list(b"ALL:@SECLEVEL=0")
    return options


class Lax(Protocol):
    """A client that agrees to anything: it proves that a server does serve an outdated version."""

    factory: Any

    def connectionMade(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_min_proto_version(SSL.TLS1_VERSION)
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()
        self.shake()

    def dataReceived(self, data: bytes) -> None:
        self.tls.bio_write(data)
        self.shake()

    def shake(self) -> None:
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            self.transport.write(self.tls.bio_read(2**16))
        except SSL.Error as error:
            self.factory.version.callback(f"none: {error}")
            self.transport.abortConnection()
        else:
            self.factory.version.callback(self.tls.get_protocol_version_name())
            self.transport.abortConnection()


async def version_served(reactor: Any, server: Any) -> str:
    port = reactor.listenTCP(0, server, interface="127.0.0.1")
    client: Any = ClientFactory.forProtocol(Lax)
    client.noisy, client.version = False, Deferred()
    gone: Deferred[None] = Deferred()
    client.clientConnectionLost = lambda connector, reason: gone.callback(None)
    reactor.connectTCP("127.0.0.1", port.getHost().port, client)
    version: str = await client.version.addTimeout(5, reactor)
    await gone
    await port.stopListening()
    return version


@pytest.mark.parametrize(
    ("version", "name"), [(TLSVersion.TLSv1_0, "TLSv1"), (TLSVersion.TLSv1_1, "TLSv1.1")], ids=["TLS 1.0", "TLS 1.1"]
)
@over_sockets
async def test_a_server_that_speaks_only_an_outdated_tls(reactor: Any, version: Any, name: str) -> None:
    pem, pair = certificate()
    server = AnsweringFactory(accept_all)
    wrapped = behind(outdated(pair, version), server)
    if await version_served(reactor, wrapped) != name:
        pytest.skip(f"this OpenSSL can't serve {name}")
    server.connections.clear()
    reason = await refusal_of(reactor, wrapped, pem)
    assert reason.startswith("the server speaks only an outdated version of TLS; TLS 1.2 is the least that is accepted")
    assert "must update it" in reason
    assert server.connections and not server.bytes_received


@pytest.mark.parametrize("version", [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@over_sockets
async def test_a_server_that_speaks_only_this_is_good(reactor: Any, version: Any) -> None:
    pem, pair = certificate()
    options = CertificateOptions(
        privateKey=pair.privateKey.original,
        certificate=pair.original,
        raiseMinimumTo=version,
        **({} if version is TLSVersion.TLSv1_3 else {"lowerMaximumSecurityTo": version}),
    )
    server = AnsweringFactory(accept_all)
    if await version_served(reactor, behind(options, server)) != version.name.replace("_", "."):
        pytest.skip(f"these releases of Twisted and pyOpenSSL can't serve {version.name} alone")
    port = reactor.listenTCP(0, behind(options, server), interface="127.0.0.1")
    environment = Environment("test", "localhost", port.getHost().port, trust_root=pem)
    client = OpenApiClient(reactor, Application("an-id", SECRET.decode()), environment)
    await client.when_ready(timeout=60)
    await client.close()
    await port.stopListening()


def server_hello(version: int) -> bytes:
    """Make a ServerHello that chooses a version, whatever was offered: 1 is TLS 1.0, 2 is TLS 1.1."""
    body = bytes((3, version)) + bytes(32) + b"\x00\xc0\x0a\x00"  # ECDHE-ECDSA-AES256-SHA, which both may use
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16" + bytes((3, version)) + len(message).to_bytes(2, "big") + message


ALERT = b"\x15\x03\x03\x00\x02\x02"
"""A fatal alert; its number follows."""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(server_hello(1), "only an outdated version of TLS", id="chooses TLS 1.0 though not offered"),
        pytest.param(server_hello(2), "only an outdated version of TLS", id="chooses TLS 1.1 though not offered"),
        pytest.param(ALERT + b"\x46", "only an outdated version of TLS", id="alert: protocol version"),
        pytest.param(ALERT + b"\x28", "none of the ciphers", id="alert: handshake failure"),
        pytest.param(ALERT + b"\x47", "none of the ciphers", id="alert: insufficient security"),
        pytest.param(ALERT + b"\x70", "does not know this host name", id="alert: unrecognized name"),
        pytest.param(ALERT + b"\x50", "TLS failed: TLSV1_ALERT_INTERNAL_ERROR", id="alert: internal error"),
        pytest.param(b"\x15\x03\x03\x00\x02\x01\x00", "cut during the TLS handshake", id="says goodbye"),
    ],
)
@over_sockets
async def test_a_handshake_that_goes_wrong(reactor: Any, answer: bytes, expected: str) -> None:
    server = plain_server(answer)
    assert expected in await refusal_of(reactor, server, None)
    assert_only_a_client_hello(server.received)


def assert_only_a_client_hello(received: bytearray) -> None:
    """Hold the bytes that left to: one handshake record, then at most an alert."""
    assert received[:2] == b"\x16\x03" and received[5] == 1, "a ClientHello"
    length = int.from_bytes(received[3:5], "big")
    rest = received[5 + length :]
    assert not rest or (rest[0] == 0x15 and len(rest) == 7), "and nothing else than an alert"
    assert SECRET not in received and b"an-id" not in received


# ------------------------------------------------------------------------------------------- no TLS at all

CUT_OFF = "cut during the TLS handshake" if twisted_version.major >= 26 else "the server closed the connection"
"""Before 26 Twisted did not say that a connection was lost in the middle of a handshake."""
HEARTBEAT = b"\x00\x00\x00\x04\x08\x33\x12\x00"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(lambda: plain_server(HEARTBEAT * 3), "does not speak TLS: check host and port", id="no TLS"),
        pytest.param(lambda: plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak TLS", id="HTTP"),
        pytest.param(lambda: plain_server(greeting=b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak TLS", id="SSH"),
        pytest.param(lambda: plain_server(greeting=b"220 mail.example ESMTP\r\n"), "does not speak TLS", id="SMTP"),
        pytest.param(lambda: plain_server(bytes(range(256))), "does not speak TLS", id="noise"),
        pytest.param(lambda: plain_server(None), CUT_OFF, id="hangs up"),
        pytest.param(lambda: plain_server(), "TLS handshake was not completed within 1 s", id="says nothing"),
    ],
)
@over_sockets
async def test_a_server_that_speaks_something_else(reactor: Any, server: Any, expected: str) -> None:
    made = server()
    assert expected in await refusal_of(reactor, made, None)
    if made.received:  # who was greeted first may have left without a word
        assert_only_a_client_hello(made.received)


class ResetInTheMiddle(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.abortConnection()


@over_sockets
async def test_a_connection_that_is_reset_in_the_middle_of_a_handshake(reactor: Any) -> None:
    server = ServerFactory.forProtocol(ResetInTheMiddle)
    server.noisy = False
    reason = await refusal_of(reactor, server, None)
    assert ("cut during the TLS handshake" in reason and "try again later" in reason) or (
        twisted_version.major < 26 and reason == "the connection was lost"
    )


@over_sockets
async def test_garbage_after_the_handshake_is_not_taken_for_a_server_without_tls(reactor: Any) -> None:
    pem, pair = certificate()
    server = AnsweringFactory(accept_all)
    port = reactor.listenTCP(0, behind(pair.options(), server), interface="127.0.0.1")
    environment = Environment("test", "localhost", port.getHost().port, trust_root=pem)
    client = OpenApiClient(reactor, Application("an-id", SECRET.decode()), environment)
    await client.when_ready(timeout=60)
    lost: Deferred[Disconnected] = Deferred()
    client.once(Disconnected, lost.callback)
    server.connections[0].transport.transport.write(b"this is no record of TLS at all")
    reason = (await lost).reason
    assert isinstance(reason, ConnectionFailed) and reason.reason.startswith("TLS failed: ")
    await client.close()
    await port.stopListening()


# ------------------------------------------------------------------------------------------- by itself


class LaxContext(ssl.SSLContext):
    """What ``ssl`` may give on a machine that was told to allow everything."""

    def __init__(self, protocol: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.minimum_version = ssl.TLSVersion.TLSv1
        self.set_ciphers("ALL:@SECLEVEL=0")


@pytest.mark.parametrize("context", [ssl.SSLContext, LaxContext], ids=["as it is", "told to allow everything"])
def test_a_client_of_ours_offers_no_less_than_tls_1_2(context: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is offered is in the ClientHello, for every server to see."""
    monkeypatch.setattr("ctrader_twisted.tls.ssl", SimpleNamespace(**{**vars(ssl), "SSLContext": context}))
    tls = ClientTLS("localhost").clientConnectionForTLS(None)
    with pytest.raises(SSL.WantReadError):
        tls.do_handshake()
    hello = tls.bio_read(2**16)
    offered = hello.partition(b"\x00\x2b\x00")[2]  # supported_versions: its length, a list's length, the list
    versions = offered[2 : 2 + offered[1]]
    assert versions == b"\x03\x04\x03\x03", "TLS 1.3 and 1.2"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (SSL.Error([]), "TLS failed: the peer gave no reason"),
        (SSL.Error([("ssl", "", "")]), "TLS failed: the peer gave no reason"),
        (SSL.Error("odd"), "TLS failed: odd"),
        (SSL.SysCallError(-1, "Unexpected EOF"), "TLS failed: -1; Unexpected EOF"),
        (OSError("no such thing"), "no such thing"),
        (ValueError(), "ValueError"),
    ],
)
def test_what_nobody_has_a_sentence_for_is_said_as_it_is(reason: BaseException | None, expected: str) -> None:
    assert str(explain(reason)) == expected
    assert str(connection_error(reason, "there")) == f"there: {expected}"
