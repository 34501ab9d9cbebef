"""An opening through an HTTP proxy, for networks that let nothing else out."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from ctrader_twisted.errors import ConnectionFailed
from ctrader_twisted.reasons import explain
from ctrader_twisted.tls import ClientTLS, PromptTLSFactory
from ctrader_twisted.wire.secrecy import without

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IConnector, IReactorTime

    from ctrader_twisted.factory import OpenApiFactory, Opening

_HEAD_AT_MOST: Final = 16 * 1024  # bytes
_WORDS_AT_MOST: Final = 200  # characters of the proxy's own that are told
_BEGINS: Final = b"HTTP/1."
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_HEAD_ENDS: Final = re.compile(rb"\n\r?\n")  # a bare LF ends a line, too (RFC 9112, 2.2)
_REPEATED: Final = re.compile(r"(Proxy-Authorization:\s*)(?:Basic\s+)?\S+", re.IGNORECASE)
_REMEDIES: Final = {
    403: "it lets nobody through to that host and port",
    405: "it is no proxy that tunnels",
    407: "give user and password in the proxy's URL",
}


@dataclass(frozen=True)
class _Proxy:
    """What a proxy's URL says.

    :ivar credentials: what user and password are sent as, or None to send none.
    :ivar secrets: what no message may repeat.
    """

    host: str
    port: int
    credentials: str | None = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    def says(self, words: bytes) -> str:
        """Give words of the proxy's for people: printable, of some length at most, and without what is secret."""
        text = without(words.decode(errors="replace"), self.secrets)
        text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
        text = _REPEATED.sub(r"\1***", without(text, self.secrets))  # again: what stood between may be gone
        return text if len(text) <= _WORDS_AT_MOST else f"{text[: _WORDS_AT_MOST - 1]}…"


def proxy_opening(reactor: Any, proxy: str, connect_timeout: float = 30.0) -> Opening:
    """Make an opening through an HTTP proxy's CONNECT. TLS stands between client and server; the proxy sees none of it.

    ::

        client = OpenApiClient(reactor, application, DEMO, opening=proxy_opening(reactor, "http://proxy:3128"))

    Where to, and what to trust there, is the client's environment. The proxy resolves the server's name. What it
    refuses ends an attempt as a `ConnectionFailed` that says so. The opening raises `ConfigurationError`, and so does
    the client's ``start``, if the environment's trust root holds no certificate or its host can't be a host name.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param proxy: ``http://[USER:PASSWORD@]HOST[:PORT]``; the port is 3128 unless given. What is no letter, digit or
        one of ``-._~`` in user and password is to be percent-encoded.
    :param connect_timeout: seconds for TCP to connect to the proxy, and again for its answer.
    :raises ValueError: if the URL is not such a one.
    """
    way = _read(proxy)
    if way is None:  # nothing of the URL is repeated: its password may be in what can't be read
        raise ValueError("the proxy is to be http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT")

    def opening(factory: OpenApiFactory) -> IConnector:
        environment = factory.environment
        wrapped = PromptTLSFactory(ClientTLS(environment.host, environment.trust_root), True, factory, reactor)
        target = f"{_bracketed(environment.host.encode('idna').decode())}:{environment.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if way.credentials is not None:
            lines.append(f"Proxy-Authorization: Basic {way.credentials}")
        tunnel = _TunnelFactory(wrapped, "\r\n".join([*lines, "", ""]).encode(), way, reactor, connect_timeout)
        connector: IConnector = reactor.connectTCP(way.host, way.port, tunnel, connect_timeout)
        return connector

    return opening


def _read(proxy: str) -> _Proxy | None:
    """Read a proxy's URL; None if it is no such URL."""
    try:
        parts = urlsplit(proxy)
        host, port, user, password = parts.hostname, parts.port, parts.username, parts.password or ""
        pair = b"%b:%b" % (unquote_to_bytes(user or ""), unquote_to_bytes(password))
    except ValueError:
        return None
    if parts.scheme != "http" or not host or port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        return None
    credentials = None if user is None else b64encode(pair).decode()
    secrets = {credentials or "", (credentials or "").rstrip("="), password, unquote(password)} - {""}
    return _Proxy(host, port or 3128, credentials, tuple(secrets))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Tunnel(Protocol):
    """Asks the proxy for the way, then leaves the transport to the protocol that the way is for."""

    def __init__(self, factory: _TunnelFactory, address: IAddress | None) -> None:
        self.factory: _TunnelFactory = factory
        self._address = address
        self._head = b""
        self._limit = factory.clock.callLater(factory.answer_timeout, self._late)

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(self.factory.head)

    def dataReceived(self, data: bytes) -> None:
        """Wait for the end of the proxy's answer, and for the next one as long as it is not its last."""
        transport: Any = self.transport
        if transport.disconnecting:
            return
        self._head += data
        while True:
            status, end = _STATUS.match(self._head), _HEAD_ENDS.search(self._head)
            strange = status is None and (b"\n" in self._head or not _BEGINS.startswith(self._head[: len(_BEGINS)]))
            if strange or (end is None and len(self._head) > _HEAD_AT_MOST):
                self._refused("what answers there is no HTTP proxy: check its host and port")
                return
            if status is None or end is None:
                return
            number, rest = int(status[1]), self._head[end.end() :]
            if not 100 <= number < 200 or number == 101:  # which would be the last one, but is none to CONNECT
                break
            self._head = rest
        if 200 <= number < 300:
            self._stands(rest)
        else:
            said = f"{number} {self.factory.proxy.says(status[2] or b'')}".strip()
            remedy = _REMEDIES.get(number, "")
            self._refused(f"it refused the connection: {said}{': ' if remedy else ''}{remedy}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The proxy went away before there was a way."""
        if self._limit.active():
            self._limit.cancel()
        if self.factory.refusal is None:
            self.factory.refuse(f"no answer to CONNECT: {explain(reason.value)}")

    def _stands(self, rest: bytes) -> None:
        self._limit.cancel()
        transport: Any = self.transport
        inner = self.factory.wrappedFactory.buildProtocol(self._address)
        transport.protocol = inner
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def _late(self) -> None:
        self._refused(f"it did not answer within {self.factory.answer_timeout:g} s")

    def _refused(self, why: str) -> None:
        self.factory.refuse(why)
        transport: Any = self.transport
        transport.abortConnection()


class _TunnelFactory(WrappingFactory):
    """Makes a tunnel for each connection, and tells the wrapped factory why there was none."""

    noisy = False

    def __init__(
        self, wrapped: PromptTLSFactory, head: bytes, proxy: _Proxy, clock: IReactorTime, answer_timeout: float
    ) -> None:
        super().__init__(wrapped)
        self.head = head
        self.proxy = proxy
        self.clock = clock
        self.answer_timeout = answer_timeout
        self.refusal: Failure | None = None

    def buildProtocol(self, addr: IAddress | None) -> _Tunnel:  # type: ignore[override]  # until the tunnel stands
        """Make the protocol that asks the proxy."""
        self.refusal = None
        return _Tunnel(self, addr)

    def refuse(self, why: str) -> None:
        """Note why there is no way."""
        self.refusal = Failure(self._error(why))

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """The proxy can't be reached."""
        super().clientConnectionFailed(connector, Failure(self._error(str(explain(reason.value)))))

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        """A connection ended: that of a tunnel, or before there was one."""
        refusal, self.refusal = self.refusal, None
        if refusal is None:
            super().clientConnectionLost(connector, reason)
        else:
            super().clientConnectionFailed(connector, refusal)

    def _error(self, why: str) -> ConnectionFailed:
        return ConnectionFailed(str(self.proxy), f"the proxy {self.proxy}: {why}")
