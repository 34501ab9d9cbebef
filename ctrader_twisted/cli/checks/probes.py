"""DNS, TCP, TLS and WebSocket by themselves, in the way the client uses them. Nothing of ours is said."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator, IResolutionReceiver
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from zope.interface import implementer

from ctrader_twisted.cli.checks.report import Finding, failed
from ctrader_twisted.errors import HandshakeRefused
from ctrader_twisted.reasons import Explanation, explain
from ctrader_twisted.tls import MemoryTLS, PromptTLSFactory

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IConnector, IHostResolution
    from twisted.python.failure import Failure

    from ctrader_twisted.wire.verbs import Verbs

GOODBYE = 1.0
"""Seconds that a server is given to let go of a connection."""


class NotReached(Exception):
    """A probe failed.

    :ivar why: the problem and its remedy.
    """

    def __init__(self, why: Explanation) -> None:
        super().__init__(str(why))
        self.why = why

    @property
    def certificate(self) -> bool:
        """Whether the server's certificate was refused."""
        return "certificate" in self.why.problem


def not_reached(error: NotReached) -> Finding:
    """Say so in a report."""
    problem, remedy = error.why
    return failed(problem, remedy[:1].upper() + remedy[1:])


# ------------------------------------------------------------------------------------------- names


@implementer(IResolutionReceiver)
class _Addresses:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.usable = False
        self.done: Deferred[None] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N802, N803
        """It began."""

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        """One of its addresses."""
        host: str = address.host  # type: ignore[attr-defined]  # of IPv4Address and IPv6Address
        if host not in self.found:
            self.found.append(host)
        self.usable |= isinstance(address, IPv4Address)

    def resolutionComplete(self) -> None:  # noqa: N802
        """That was all."""
        if not self.done.called:
            self.done.callback(None)


class Resolver:
    """Looks up names.

    :param reactor: an ``IReactorPluggableNameResolver`` and ``IReactorTime``.

    :ivar hanging: how many lookups were given up and still go on: the system's own can't be ended.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.hanging: int = 0

    async def addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """Give the addresses of a name.

        :raises NotReached: if it has none that the client could use, or it takes longer than ``timeout`` seconds.
        """
        if isIPAddress(host) or isIPv6Address(host):
            return [host]
        received = _Addresses()
        self._reactor.nameResolver.resolveHostName(received, host, port)
        try:
            await received.done.addTimeout(timeout, self._reactor)
        except DeferredTimeout:
            self.hanging += 1
            raise NotReached(
                Explanation(f"DNS did not answer within {timeout:g} s", "check this machine's DNS and network")
            ) from None
        if not received.found:
            raise NotReached(Explanation("the host name can't be resolved", "check it, and this machine's DNS"))
        if not received.usable:
            raise NotReached(
                Explanation(
                    f"it has only addresses of IPv6 ({', '.join(received.found)}), and a name is connected to by IPv4",
                    "give the name an address of IPv4, too",
                )
            )
        return received.found


# ------------------------------------------------------------------------------------------- connections


@dataclass(frozen=True, slots=True)
class Handshake:
    """TLS that stands.

    :ivar version: such as ``"TLSv1.3"``.
    :ivar cipher: its name.
    :ivar certificate: the server's.
    """

    version: str
    cipher: str
    certificate: x509.Certificate


@implementer(IHandshakeListener)
class _Caller(Protocol):
    """Connects, shakes hands and says nothing unless it is told to; then it keeps what it is answered.

    :ivar peer: the address it is connected to, or None.
    :ivar handshake: TLS that stands, or None.
    :ivar received: what was answered, the first 64 KiB of it.
    :ivar wire: what takes the answers instead, once it is there.
    :ivar lost: why there is no connection, or none any more; None as long as that is not known.
    """

    def __init__(self) -> None:
        self.peer: str | None = None
        self.handshake: Handshake | None = None
        self.received = b""
        self.wire: Verbs | None = None
        self.lost: Explanation | None = None
        self._watching: Deferred[None] | None = None

    def watch(self) -> Deferred[None]:
        """Give what fires at the next change of these."""
        self._watching = Deferred()
        return self._watching

    def connectionMade(self) -> None:
        """TCP stands."""
        transport: Any = self.transport
        self.peer = transport.getPeer().host
        self._changed()

    def handshakeCompleted(self) -> None:
        """TLS stands."""
        transport: Any = self.transport
        tls: MemoryTLS = transport.getHandle()
        certificate = tls.get_peer_certificate()
        if certificate is not None:
            version, cipher = tls.get_protocol_version_name(), tls.get_cipher_name()
            self.handshake = Handshake(version, cipher, certificate.to_cryptography())
            self._changed()

    def dataReceived(self, data: bytes) -> None:
        """Keep an answer."""
        if self.wire is None:
            self.received += data[: _MOST - len(self.received)]
        else:
            self.wire.receive(data)
            self.say()
        self._changed()

    def say(self) -> None:
        """Say what the wire has to say."""
        assert self.wire is not None and self.transport is not None
        self.transport.write(self.wire.data_to_send())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        if self.wire is not None:
            self.wire.end()
        self.end(explain(reason.value))

    def end(self, why: Explanation) -> None:
        """It is over, or never began."""
        self.lost = why
        self._changed()

    def _changed(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.callback(None)


class _CallerFactory(ClientFactory):
    noisy = False

    def __init__(self, caller: _Caller) -> None:
        self._caller = caller

    def buildProtocol(self, addr: IAddress | None) -> _Caller:
        return self._caller

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._caller.end(explain(reason.value))


class Call:
    """One connection, step by step. Close it in the end, however it went.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param tls: makes what encrypts; None for no TLS.
    """

    def __init__(self, reactor: Any, host: str, port: int, tls: Any | None) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._tls = tls
        self._caller = _Caller()
        self._connector: IConnector | None = None

    async def connect(self, timeout: float) -> str:
        """Connect, and give the address.

        :raises NotReached: if that fails, or takes longer than ``timeout`` seconds.
        """
        factory: Any = _CallerFactory(self._caller)
        if self._tls is not None:
            factory = PromptTLSFactory(self._tls, True, factory, self._reactor)
        self._connector = self._reactor.connectTCP(self._host, self._port, factory, timeout)
        # The reactor limits the time by itself, from when the name is resolved.
        await self._until(lambda: self._caller.peer is not None, 2 * timeout, _NO_ANSWER)
        assert self._caller.peer is not None
        return self._caller.peer

    async def shake_hands(self, timeout: float) -> Handshake:
        """Wait for TLS to stand.

        :raises NotReached: if it does not, or takes longer than ``timeout`` seconds.
        """
        too_slow = Explanation(
            f"the TLS handshake was not completed within {timeout:g} s",
            "the server is in maintenance or overloaded, or what answers there does not speak TLS: check host and port",
        )
        await self._until(lambda: self._caller.handshake is not None, timeout, too_slow)
        assert self._caller.handshake is not None
        return self._caller.handshake

    async def ask(self, question: bytes, timeout: float) -> bytes:
        """Say something, and give the answer as far as an empty line.

        :raises NotReached: if none comes, or takes longer than ``timeout`` seconds.
        """
        transport: Any = self._caller.transport
        transport.write(question)
        await self._until(lambda: b"\r\n\r\n" in self._caller.received, timeout, _NO_ANSWER)
        return self._caller.received.partition(b"\r\n\r\n")[0]

    async def open_websocket(self, wire: Verbs, timeout: float) -> None:
        """Shake hands for a WebSocket, and close it.

        :raises ConnectionFailed: if the server does not let it begin.
        :raises NotReached: if there is no whole answer within ``timeout`` seconds.
        """
        caller = self._caller
        caller.wire = wire
        wire.begin()
        caller.say()
        too_slow = Explanation(
            f"the WebSocket handshake was not completed within {timeout:g} s",
            "the server is in maintenance or overloaded, or what answers there is no WebSocket server: check host, "
            "port and wire",
        )
        try:
            await self._until(lambda: wire.open or wire.over is not None, timeout, too_slow)
        except NotReached:
            wire.end()
            if not isinstance(wire.over, HandshakeRefused) or wire.over.status is None:
                raise  # else it was refused, in more words than came
        if wire.over is not None:
            raise wire.over
        wire.close()
        caller.say()

    async def close(self) -> None:
        """Let go of the connection; a server that does not is left after a second."""
        caller = self._caller
        if self._connector is None or caller.lost is not None:
            return
        if caller.peer is None:
            self._connector.stopConnecting()
            return
        transport: Any = caller.transport
        transport.loseConnection()
        with contextlib.suppress(NotReached):
            await self._until(lambda: False, GOODBYE, _NO_ANSWER)
        if caller.lost is None:
            transport.abortConnection()
            await caller.watch()

    async def _until(self, condition: Callable[[], bool], timeout: float, too_slow: Explanation) -> None:
        caller, end = self._caller, self._reactor.seconds() + timeout
        while not condition():
            if caller.lost is not None:
                raise NotReached(caller.lost)
            try:
                await caller.watch().addTimeout(max(0.0, end - self._reactor.seconds()), self._reactor)
            except DeferredTimeout:
                raise NotReached(too_slow) from None


_NO_ANSWER = Explanation("there was no answer in time", "a firewall is in the way, or the server is not serving now")
_MOST = 2**16


# ------------------------------------------------------------------------------------------- certificates


@implementer(IOpenSSLClientConnectionCreator)
class _TrustingAnything:
    """TLS that proves nothing: to look at a certificate that was refused, and to say nothing over it."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def clientConnectionForTLS(self, tlsProtocol: object) -> MemoryTLS:  # type: ignore[override]  # it says pyOpenSSL's
        """Make the object that encrypts and decrypts one connection."""
        return MemoryTLS(self._context, self._host)


async def shown_certificate(reactor: Any, host: str, port: int, timeout: float) -> x509.Certificate | None:
    """Give the certificate that a server shows, good or not; None if it shows none. Nothing is said to that server."""
    call = Call(reactor, host, port, _TrustingAnything(host))
    try:
        await call.connect(timeout)
        return (await call.shake_hands(timeout)).certificate
    except NotReached:
        return None
    finally:
        await call.close()


def describe(certificate: x509.Certificate) -> str:
    """Say whose a certificate is, who signed it, and when it is good."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    names = ", ".join(names_of(certificate)) or "no host name"
    return f"for {names}, issued by {issuer_of(certificate)}, good from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"


def names_of(certificate: x509.Certificate) -> list[str]:
    """Give the host names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def issuer_of(certificate: x509.Certificate) -> str:
    """Give the name of the authority that signed a certificate."""
    for kind in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        for attribute in certificate.issuer.get_attributes_for_oid(kind):
            return str(attribute.value)
    return certificate.issuer.rfc4514_string() or "nobody"


def days_left(certificate: x509.Certificate, now: float) -> float:
    """Give the days until a certificate expires; ``now`` is in seconds since the epoch."""
    return (certificate.not_valid_after_utc.timestamp() - now) / 86_400
