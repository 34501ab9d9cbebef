"""Verified TLS for a client: Twisted's own, standing on the standard library's ``ssl`` instead of pyOpenSSL.

`TLSMemoryBIOProtocol` asks its factory for the object that encrypts and decrypts (`IOpenSSLClientConnectionCreator` is
the interface for that), and drives it by a handful of verbs. The one made here differs from pyOpenSSL's in two ways. It
gives *all* records of one read of the socket at once, so a burst from a server that flushes each message is cut and
dispatched once instead of message by message. And it is two to three times as quick for small records, which are what
a live market sends (`docs/performance.md`). Chain and host name are verified by OpenSSL during the handshake, before
anything is said.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from cryptography.x509 import load_der_x509_certificate
from OpenSSL.crypto import X509
from OpenSSL.SSL import Error, SysCallError, WantReadError, ZeroReturnError
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.reasons import HANDSHAKE

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import ITransport

_RECORD = 2**14
"""Bytes of plain text that a TLS record holds at most."""


@implementer(IOpenSSLClientConnectionCreator)
class ClientTLS:
    """The TLS settings of a client: certificate chain and host name are always verified, TLS 1.2 is the least.

    :param host: the host name, or address, that the certificate must carry.
    :param trust_root: certificates in PEM form to trust instead of the system's, or None for the system's.
    :raises ConfigurationError: if ``trust_root`` holds no certificate, or ``host`` can't be a host name.
    """

    def __init__(self, host: str, trust_root: bytes | str | None = None) -> None:
        self._host = host
        self._passed_over = ""
        # Not create_default_context: from Python 3.13 on that refuses private authorities which 3.12 accepts.
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            MemoryTLS(self._context, host)
        except ValueError:  # a UnicodeError is one
            raise ConfigurationError(
                "environment", "host", f"{host!r} can't be a host name", "Give a host name or an address"
            ) from None
        if trust_root is None:
            self._context.load_default_certs()
            self._passed_over = passed_over()
            return
        text = trust_root if isinstance(trust_root, str) else trust_root.decode("ascii", "replace")
        try:
            self._context.load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError):
            raise ConfigurationError(
                "trust root", "", "it holds no readable certificate", "Give one or more certificates in PEM form"
            ) from None

    def clientConnectionForTLS(self, tlsProtocol: object) -> MemoryTLS:  # type: ignore[override]  # it says pyOpenSSL's
        """Make the object that encrypts and decrypts one connection."""
        return MemoryTLS(self._context, self._host, note=self._passed_over)


def passed_over() -> str:
    """Say which file of authorities the environment names that can't be read, and why: OpenSSL says nothing of it.

    :return: ``""`` if there is none.
    """
    variable = ssl.get_default_verify_paths().openssl_cafile_env
    named = os.environ.get(variable)
    if named:
        try:
            with open(named, "rb"):
                pass
        except OSError as error:
            return f"{variable} names {named}, which can't be read: {error.strerror}"
    return ""


class MemoryTLS:
    """``ssl`` over memory, with the verbs and errors of pyOpenSSL's ``Connection`` that Twisted's TLS uses.

    :param note: what a refusal of the server's certificate is to carry.
    """

    def __init__(self, context: ssl.SSLContext, host: str, *, note: str = "") -> None:
        self._note = note
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._shaken = False
        self._drained = False
        self._broken: ssl.SSLError | None = None
        self.bio_write: Callable[[bytes], int] = self._incoming.write

    def set_connect_state(self) -> None:
        """Be the client, as this always is."""

    def set_app_data(self, data: object) -> None:
        """Twisted's own options find their way back by this; these need none."""

    def do_handshake(self) -> None:
        """Go on with the handshake.

        :raises WantReadError: if it needs more from the peer.
        :raises Error: if it failed, the certificate's refusal included; its cause is the ``ssl`` error.
        """
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            raise WantReadError from None
        except ssl.SSLError as error:
            if self._note:
                error.add_note(self._note)
            raise _handshake_error(error) from error
        self._shaken = True

    def recv(self, size: int) -> bytes:
        """Give everything that can be decrypted by now, however much that is, and then say that there is no more."""
        if self._broken is not None:
            raise _openssl_error(self._broken) from self._broken
        if self._drained:
            self._drained = False
            raise WantReadError
        records: list[bytes] = []
        read, incoming = self._tls.read, self._incoming
        try:
            while True:
                record = read(_RECORD)
                if not record:
                    if not records:
                        raise ZeroReturnError
                    break
                records.append(record)
                if not incoming.pending:
                    self._drained = True
                    break
        except ssl.SSLWantReadError:
            if not records:
                raise WantReadError from None
            self._drained = True
        except ssl.SSLError as error:
            if not self._shaken:  # the peer has gone, and this only learns of it
                raise _handshake_error(error) from error
            if not records:
                raise _openssl_error(error) from error
            self._broken = error  # what came before it is good
        return records[0] if len(records) == 1 else b"".join(records)

    def send(self, data: bytes) -> int:
        """Encrypt; give how many bytes were taken."""
        try:
            return self._tls.write(data)
        except ssl.SSLWantReadError:
            raise WantReadError from None
        except ssl.SSLError as error:
            raise _openssl_error(error) from error

    def bio_read(self, size: int) -> bytes:
        """Give everything that is to be sent to the peer."""
        if not self._outgoing.pending:
            raise WantReadError
        return self._outgoing.read()

    def bio_shutdown(self) -> None:
        """Nothing more will come from the peer."""
        self._incoming.write_eof()

    def shutdown(self) -> bool:
        """Say goodbye; True once the peer has, too."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise _openssl_error(error) from error
        return True

    def get_peer_certificate(self) -> X509 | None:
        """Give the peer's certificate, or None before the handshake."""
        try:
            encoded = self._tls.getpeercert(binary_form=True)
        except ValueError:
            return None
        return None if encoded is None else X509.from_cryptography(load_der_x509_certificate(encoded))

    def get_protocol_version_name(self) -> str:
        """Give the version of TLS, such as ``"TLSv1.3"``."""
        return self._tls.version() or "TLS that does not stand yet"

    def get_cipher_name(self) -> str:
        """Give the name of the cipher."""
        cipher = self._tls.cipher()
        return "none" if cipher is None else cipher[0]

    def get_alpn_proto_negotiated(self) -> bytes:
        """Give the application protocol that was negotiated: none is offered."""
        return b""


def _openssl_error(error: ssl.SSLError) -> Error:
    if isinstance(error, ssl.SSLEOFError):
        return SysCallError(-1, "Unexpected EOF")
    return Error([("ssl", "", error.reason or str(error))])


def _handshake_error(error: ssl.SSLError) -> Error:
    """Name the handshake, and even an end of file: Twisted makes of that a lost connection like any other."""
    cut = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return Error([("ssl", HANDSHAKE, "the connection was cut" if cut else error.reason or str(error))])


class PromptTLS(TLSMemoryBIOProtocol):
    """TLS that tries the socket at once when something is written; the client gathers its own writes."""

    _socket: FileDescriptor | None = None

    def makeConnection(self, transport: ITransport) -> None:
        """Begin, and learn once whether this transport can be asked to write."""
        if isinstance(transport, FileDescriptor):
            self._socket = transport
        super().makeConnection(transport)

    def write(self, data: bytes) -> None:
        """Encrypt and send; what the socket does not take now is left to the reactor."""
        super().write(data)
        # Only the reactor may write the last bytes of a socket that is to close: what doWrite says then ends it.
        socket = self._socket
        if socket is not None and socket.connected and not socket.disconnecting and not self.disconnecting:
            # A failure here is not lost: the reactor meets it again when it tries the same socket.
            socket.doWrite()


class PromptTLSFactory(TLSMemoryBIOFactory):
    """Wraps a factory so that its connections are TLS."""

    protocol: type[TLSMemoryBIOProtocol] = PromptTLS
