"""Verified TLS for a client, with the records of one read gathered.

Twisted's TLS hands each record to the protocol by itself. A server that flushes each message makes a record of each,
so a burst would be cut, dispatched and answered message by message; gathered, a read is handled once however many
records it holds. What is written goes to the socket at once: the client gathers its own writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from OpenSSL import crypto
from twisted.internet.interfaces import IWriteDescriptor
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from ctrader_twisted.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, ITransport

_PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM_END = b"-----END CERTIFICATE-----"


@runtime_checkable
class ReadsInWindows(Protocol):
    """A protocol that can be told where a read of the transport begins and ends."""

    def read_begins(self) -> None:
        """Gather what `dataReceived` is given from now on."""

    def read_ends(self) -> None:
        """Handle what was gathered."""


def client_options(host: str, trust_root: bytes | None) -> IOpenSSLClientConnectionCreator:
    """Make the TLS options of a client: certificate chain and host name are always verified.

    :param host: the host name (or address) that the certificate must carry.
    :param trust_root: certificates in PEM form to trust instead of the system's, or None for the system's.
    :raises ConfigurationError: if ``trust_root`` holds no certificate.
    """
    if trust_root is None:
        return optionsForClientTLS(host)
    return optionsForClientTLS(host, trustRoot=trustRootFromCertificates(_certificates(trust_root)))


def _certificates(pem: bytes) -> list[Certificate]:
    blocks = [part.split(_PEM_END)[0] for part in pem.split(_PEM_BEGIN)[1:]]
    try:
        certificates = [Certificate.loadPEM(_PEM_BEGIN + block + _PEM_END + b"\n") for block in blocks]
    except crypto.Error:
        certificates = []
    if not certificates:
        raise ConfigurationError(
            "trust root", "", "it holds no readable certificate", "Give one or more certificates in PEM form"
        )
    return certificates


class GatheringTLS(TLSMemoryBIOProtocol):
    """TLS that tells the protocol where each read begins and ends, and that writes without waiting for the next turn."""

    def makeConnection(self, transport: ITransport) -> None:
        """Begin, and learn once what protocol and transport can do."""
        protocol = self.wrappedProtocol
        self._windows: ReadsInWindows | None = protocol if isinstance(protocol, ReadsInWindows) else None
        self._send_now: Callable[[], object] | None = (
            transport.doWrite if IWriteDescriptor.providedBy(transport) else None  # type: ignore[attr-defined]
        )
        super().makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        """Decrypt one read of the socket and hand its records over together."""
        windows = self._windows
        if windows is None:
            super().dataReceived(data)
            return
        windows.read_begins()
        try:
            super().dataReceived(data)
        finally:
            windows.read_ends()

    def write(self, data: bytes) -> None:
        """Encrypt and try the socket at once; what it does not take is left to the reactor."""
        super().write(data)
        if self._send_now is not None and not self.disconnecting:
            # A failure here is not lost: the reactor meets it again when it tries the same socket.
            self._send_now()


class GatheringTLSFactory(TLSMemoryBIOFactory):
    """Wraps a factory so that its connections are TLS and its reads are gathered."""

    protocol = GatheringTLS
