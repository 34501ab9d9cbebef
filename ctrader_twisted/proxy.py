"""An opening through an HTTP proxy, for networks that let nothing else out."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from ctrader_twisted.errors import ConnectionFailed
from ctrader_twisted.reasons import explain
from ctrader_twisted.tls import ClientTLS, PromptTLSFactory

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IConnector, IReactorTime

    from ctrader_twisted.credentials import Environment
    from ctrader_twisted.factory import OpenApiFactory, Opening

_HEAD_AT_MOST: Final = 16 * 1024  # bytes
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_REMEDIES = {
    403: "it lets nobody through to that host and port",
    405: "it is no proxy that tunnels",
    407: "give user and password in the proxy's URL",
}


def proxy_opening(reactor: Any, environment: Environment, proxy: str, connect_timeout: float = 30.0) -> Opening:
    """Make an opening through an HTTP proxy's CONNECT. TLS stands between client and server; the proxy sees none of it.

    ::

        client = OpenApiClient(reactor, application, DEMO, opening=proxy_opening(reactor, DEMO, "http://proxy:3128"))

    The proxy resolves the server's name. What it refuses ends an attempt as a `ConnectionFailed` that says so.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param proxy: ``http://[USER:PASSWORD@]HOST[:PORT]``; the port is 3128 unless given.
    :param connect_timeout: seconds for TCP to connect to the proxy, and again for its answer.
    :raises ValueError: if the URL is not such a one.
    """
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("the proxy is to be http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT")
    host, port = parts.hostname, parts.port or 3128
    authority = f"[{environment.host}]" if ":" in environment.host else environment.host
    target = f"{authority}:{environment.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}")
    head = "\r\n".join([*lines, "", ""]).encode()
    tls = ClientTLS(environment.host, environment.trust_root)

    def opening(factory: OpenApiFactory) -> IConnector:
        wrapped = PromptTLSFactory(tls, True, factory, reactor)
        tunnel = _TunnelFactory(wrapped, head, f"{host}:{port}", reactor, connect_timeout)
        connector: IConnector = reactor.connectTCP(host, port, tunnel, connect_timeout)
        return connector

    return opening


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
        """Wait for the end of the proxy's answer."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        status = _STATUS.match(self._head)
        if (not end and len(head) > _HEAD_AT_MOST) or (b"\n" in self._head and status is None):
            self._refused("what answers there is no HTTP proxy: check its host and port")
        elif end and status is not None:
            number = int(status[1])
            if 200 <= number < 300:
                self._stands(rest)
            else:
                said = f"{number} {(status[2] or b'').decode('ascii', 'replace')}".strip()
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
        self, wrapped: PromptTLSFactory, head: bytes, name: str, clock: IReactorTime, answer_timeout: float
    ) -> None:
        super().__init__(wrapped)
        self.head = head
        self.clock = clock
        self.answer_timeout = answer_timeout
        self.refusal: Failure | None = None
        self._name = name

    def buildProtocol(self, addr: IAddress | None) -> _Tunnel:  # type: ignore[override]  # until the tunnel stands
        """Make the protocol that asks the proxy."""
        self.refusal = None
        return _Tunnel(self, addr)

    def refuse(self, why: str) -> None:
        """Note why there is no way."""
        self.refusal = Failure(ConnectionFailed(self._name, f"the proxy {self._name}: {why}"))

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """The proxy can't be reached."""
        said = explain(reason.value)
        super().clientConnectionFailed(
            connector, Failure(ConnectionFailed(self._name, f"the proxy {self._name}: {said}"))
        )

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        """A connection ended: that of a tunnel, or before there was one."""
        refusal, self.refusal = self.refusal, None
        if refusal is None:
            super().clientConnectionLost(connector, reason)
        else:
            super().clientConnectionFailed(connector, refusal)
