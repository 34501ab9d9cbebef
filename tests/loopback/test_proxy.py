"""Through an HTTP proxy, over real sockets: what passes, what is refused, and what is said of it."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from ctrader_twisted import DEMO, Application, Disconnected, Environment, OpenApiClient, Settings, Wire
from ctrader_twisted.errors import ConnectionFailed, NotReadyInTime
from ctrader_twisted.proxy import proxy_opening
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.accounts import CLIENT_ID, CLIENT_SECRET
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort


class Onward(Protocol):
    """The proxy's connection to where it was asked to connect to."""

    def __init__(self, asking: Proxy) -> None:
        self.asking = asking

    def connectionMade(self) -> None:
        self.asking.onward = self
        self.asking.transport.write(self.asking.factory.answer)

    def dataReceived(self, data: bytes) -> None:
        self.asking.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.asking.transport.loseConnection()


class Proxy(Protocol):
    """A proxy that tunnels to a port of this machine, or says what it is told to say."""

    factory: Proxies

    def connectionMade(self) -> None:
        self.head = b""
        self.onward: Onward | None = None

    def dataReceived(self, data: bytes) -> None:
        if self.onward is not None:
            self.onward.transport.write(data)
            return
        self.head += data
        if self.head.endswith(b"\r\n\r\n"):
            self.factory.heads.append(self.head.decode())
            if self.factory.onward_to is None:
                self.transport.write(self.factory.answer)
                if self.factory.hangs_up:
                    self.transport.loseConnection()
            else:
                going = Factory.forProtocol(lambda: Onward(self))
                going.noisy = False
                going.clientConnectionFailed = going.clientConnectionLost = lambda *_: None
                going.startedConnecting = lambda *_: None
                self.factory.reactor.connectTCP("127.0.0.1", self.factory.onward_to, going)

    def connectionLost(self, reason: Any = None) -> None:
        if self.onward is not None:
            self.onward.transport.loseConnection()


class Proxies(Factory):
    """Makes them, and keeps what they were asked."""

    protocol = Proxy
    noisy = False

    def __init__(self, reactor: Any, onward_to: int | None, answer: bytes, *, hangs_up: bool = False) -> None:
        self.reactor = reactor
        self.onward_to = onward_to
        self.answer = answer
        self.hangs_up = hangs_up
        self.heads: list[str] = []

    def listen(self) -> IListeningPort:
        port: IListeningPort = self.reactor.listenTCP(0, self, interface="127.0.0.1")
        return port


def url(port: IListeningPort, user: str = "") -> str:
    return f"http://{user}127.0.0.1:{port.getHost().port}"


@pytest.mark.parametrize("wire", Wire, ids=lambda wire: wire.value)
@over_sockets
async def test_every_wire_passes_through_a_tunnel_and_the_server_is_verified(wire: Wire) -> None:
    from twisted.internet import reactor

    venue = Venue(reactor)
    listening = venue.listen_json(reactor) if wire is Wire.JSON else venue.listen(reactor)
    number = listening.getHost().port
    proxies = Proxies(reactor, number, b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
    port = proxies.listen()
    there = Environment("simulator", "localhost", number, trust_root=venue.trust_root_pem, wire=wire)
    opening = proxy_opening(reactor, there, url(port, "me:p%40ss@"))
    client = OpenApiClient(reactor, Application(CLIENT_ID, CLIENT_SECRET), there, opening=opening)
    await client.when_ready(timeout=10)
    assert (await client.version()).version
    (head,) = proxies.heads
    assert head.startswith(f"CONNECT localhost:{number} HTTP/1.1\r\nHost: localhost:{number}\r\n")
    assert b64decode(head.split("Basic ")[1].split("\r\n")[0]) == b"me:p@ss"
    await client.close()
    await port.stopListening()
    await venue.close()


@pytest.mark.parametrize(
    ("answer", "hangs_up", "said"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            False,
            "407 Proxy Authentication Required: give user",
        ),
        (b"HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n", True, "403 Forbidden: it lets nobody through"),
        (b"HTTP/1.1 502\r\n\r\n", False, "it refused the connection: 502"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, "what answers there is no HTTP proxy"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, False, "what answers there is no HTTP proxy"),
        (b"", True, "no answer to CONNECT: the server closed the connection"),
        (b"HTTP/1.1 200 OK\r\n", False, "it did not answer within 0.3 s"),
    ],
    ids=lambda value: value[:20].decode() or "nothing" if isinstance(value, bytes) else None,
)
@over_sockets
async def test_what_a_proxy_refuses_is_said_and_tried_again(answer: bytes, hangs_up: bool, said: str) -> None:
    from twisted.internet import reactor

    proxies = Proxies(reactor, None, answer, hangs_up=hangs_up)
    port = proxies.listen()
    opening = proxy_opening(reactor, DEMO, url(port, "me:s3cr3t@"), 0.3)
    settings = Settings(retry_after=0.05, connect_timeout=0.3)
    client = OpenApiClient(reactor, Application("id", "secret"), DEMO, opening=opening, settings=settings)
    told: list[Disconnected] = []
    client.on(Disconnected, told.append)
    client.start()
    while len(told) < 2:
        await deferLater(reactor, 0.02)
    for event in told:
        assert isinstance(event.reason, ConnectionFailed)
        assert str(event.reason).startswith(f"{DEMO}: the proxy 127.0.0.1:{port.getHost().port}: ")
        assert said in str(event.reason)
        assert "s3cr3t" not in str(event.reason)
    await client.close()
    await port.stopListening()


@over_sockets
async def test_a_client_can_be_closed_while_the_proxy_thinks() -> None:
    from twisted.internet import reactor

    proxies = Proxies(reactor, None, b"")
    port = proxies.listen()
    client = OpenApiClient(reactor, Application("id", "secret"), DEMO, opening=proxy_opening(reactor, DEMO, url(port)))
    with pytest.raises(NotReadyInTime):
        await client.when_ready(timeout=0.2)
    assert len(proxies.heads) == 1
    await client.close()
    await port.stopListening()


@over_sockets
async def test_a_proxy_that_is_not_there_is_named() -> None:
    from twisted.internet import reactor

    port = Proxies(reactor, None, b"").listen()
    proxy = url(port)
    await port.stopListening()
    client = OpenApiClient(reactor, Application("id", "secret"), DEMO, opening=proxy_opening(reactor, DEMO, proxy))
    with pytest.raises(NotReadyInTime, match=r"the proxy 127\.0\.0\.1:[0-9]+: the connection was refused"):
        await client.when_ready(timeout=0.3)
    await client.close()


@pytest.mark.parametrize("given", ["proxy:3128", "https://proxy", "http://", "http://proxy/path", "socks5://proxy"])
def test_what_is_no_proxy_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(ValueError, match=r"^the proxy is to be http://HOST:PORT") as caught:
        proxy_opening(None, DEMO, given)
    assert "socks5" not in str(caught.value)
