"""Through an HTTP proxy, over real sockets: what passes, what is refused, and what is said of it."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from ctrader_twisted import DEMO, Application, Disconnected, Environment, OpenApiClient, Settings, Wire, config
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.finding import Wanted, find
from ctrader_twisted.errors import ConfigurationError, ConnectionFailed, NotReadyInTime
from ctrader_twisted.proxy import proxy_opening
from ctrader_twisted.service.daemon import Daemon
from ctrader_twisted.service.recorder import Output, Recorder
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.accounts import CLIENT_ID, CLIENT_SECRET
from tests.loopback.checking import SECRET, TOKEN, Room, checked, make_venue
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from twisted.internet.interfaces import IListeningPort

ENVIRON = {"CTRADER_CLIENT_ID": "an-id", "CTRADER_CLIENT_SECRET": SECRET, "CTRADER_ACCESS_TOKEN": TOKEN}


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
    opening = proxy_opening(reactor, url(port, "me:p%40ss@"))
    client = OpenApiClient(reactor, Application(CLIENT_ID, CLIENT_SECRET), there, opening=opening)
    await client.when_ready(timeout=60)
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
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False, "it refused the connection: 101 Switching Protocols"),
        (b"HTTP/1.0 403 Bare\nVia: x\n\n", False, "403 Bare: it lets nobody through"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", False, "it refused the connection: 503 Busy"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False, "it did not answer within 0.3 s"),
        (b"\x05\xff", False, "what answers there is no HTTP proxy"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, "what answers there is no HTTP proxy"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, False, "what answers there is no HTTP proxy"),
        (b"", True, "no answer to CONNECT: the server closed the connection"),
        (b"HTTP/1.1 200 OK\r\n", False, "it did not answer within 0.3 s"),
    ],
    ids=lambda value: repr(value[:40])[2:-1] or "nothing" if isinstance(value, bytes) else None,
)
@over_sockets
async def test_what_a_proxy_refuses_is_said_and_tried_again(answer: bytes, hangs_up: bool, said: str) -> None:
    from twisted.internet import reactor

    proxies = Proxies(reactor, None, answer, hangs_up=hangs_up)
    port = proxies.listen()
    opening = proxy_opening(reactor, url(port, "me:s3cr3t@"), 0.3)
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


class Kept:
    """An output of the daemon that keeps what it is given."""

    name = "kept"
    written = lost = 0

    def __init__(self) -> None:
        self.documents: list[Mapping[str, Any]] = []

    def write(self, document: Mapping[str, Any]) -> None:
        self.documents.append(document)

    def close(self) -> Deferred[None]:
        return succeed(None)

    def abandon(self) -> None:
        pass

    def of(self, event: str) -> list[Mapping[str, Any]]:
        return [document for document in self.documents if document["event"] == event]


class Run:
    """A daemon whose environment ``lab`` is behind a proxy, with all it says."""

    def __init__(self, reactor: Any, file: Path) -> None:
        self.output = Kept()
        self.configuration = config.load(file, ENVIRON)
        self.logged: list[str] = []
        recorder = Recorder(reactor, [Output(self.output, frozenset(config.EVENTS))])  # type: ignore[arg-type]
        self.daemon = Daemon(reactor, self.configuration, recorder)

    def _observe(self, event: Any) -> None:
        self.logged.append(f"{formatEvent(event)} {event!r}")

    async def until(self, reactor: Any, event: str, count: int = 1) -> list[Mapping[str, Any]]:
        """Let it run until it has written so many objects of a kind; give these."""
        globalLogPublisher.addObserver(self._observe)
        try:
            self.daemon.startService()
            while len(self.output.of(event)) < count:
                await deferLater(reactor, 0.02)
            await self.daemon.stopService()
        finally:
            globalLogPublisher.removeObserver(self._observe)
        return self.output.of(event)

    def said(self) -> str:
        """Give everything that it has written and logged, and what shows in a traceback."""
        return "\n".join([*self.logged, repr(self.output.documents), repr(self.configuration)])


@pytest.mark.parametrize("wire", Wire, ids=lambda wire: wire.value)
@over_sockets
async def test_the_daemon_goes_through_the_proxy_of_its_configuration(wire: Wire, tmp_path: Path) -> None:
    from twisted.internet import reactor

    venue = make_venue(reactor)
    number = (venue.listen_json if wire is Wire.JSON else venue.listen)(reactor).getHost().port
    proxies = Proxies(reactor, number, b"HTTP/1.1 200 OK\r\n\r\n")
    port = proxies.listen()
    room = Room(tmp_path)
    keys = f'wire = "{wire.value}"\nproxy = "{url(port, "me:hush-p%40ss@")}"'
    # Nothing listens at the server's own port: nothing goes there but through the proxy.
    room.write(1, root=venue.trust_root_pem, lab=keys)
    room.config.write_text(room.config.read_text().replace("[tokens]\n", ""))
    run = Run(reactor, room.config)
    await run.until(reactor, "quote")
    (head,) = proxies.heads
    assert head.startswith("CONNECT localhost:1 HTTP/1.1\r\n")
    assert b64decode(head.split("Basic ")[1].split("\r\n")[0]) == b"me:hush-p@ss"
    assert "hush" not in run.said()
    await port.stopListening()
    await venue.close()


@over_sockets
async def test_what_the_daemons_proxy_refuses_is_logged_without_secrets(tmp_path: Path) -> None:
    from twisted.internet import reactor

    proxies = Proxies(reactor, None, b"HTTP/1.1 407 not hush-p@ss\r\n\r\n")
    port = proxies.listen()
    room = Room(tmp_path)
    room.write(5035, root=None, host="venue.example", lab=f'proxy = "{url(port, "me:hush-p%40ss@")}"')
    room.config.write_text(room.config.read_text().replace("[tokens]\n", ""))
    run = Run(reactor, room.config)
    await run.until(reactor, "disconnected", 2)
    said = run.said()
    assert f"the proxy 127.0.0.1:{port.getHost().port}: it refused the connection: 407 not ***: give user" in said
    assert "hush" not in said
    await port.stopListening()


@over_sockets
async def test_the_check_goes_through_the_proxy_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from twisted.internet import reactor

    venue = make_venue(reactor)
    proxies = Proxies(reactor, venue.listen(reactor).getHost().port, b"HTTP/1.1 200 OK\r\n\r\n")
    port = proxies.listen()
    room = Room(tmp_path)
    room.write(1, root=venue.trust_root_pem, lab=f'proxy = "{url(port, "me:hush-p%40ss@")}"')
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0, found.text
    assert [found.one(step)["status"] for step in ("dns", "tcp", "tls", "application")] == [*["skipped"] * 3, "ok"]
    proxies.onward_to, proxies.answer = None, b"HTTP/1.1 403 Forbidden\r\n\r\n"
    found = await checked(reactor, capsys, room.config)
    assert "the proxy 127.0.0.1" in found.one("application")["detail"]
    assert "403 Forbidden: it lets nobody through" in found.one("application")["detail"]
    await port.stopListening()
    await venue.close()


@over_sockets
async def test_the_commands_go_through_the_proxy_too(tmp_path: Path) -> None:
    from twisted.internet import reactor

    venue = make_venue(reactor)
    proxies = Proxies(reactor, venue.listen(reactor).getHost().port, b"HTTP/1.1 200 OK\r\n\r\n")
    port = proxies.listen()
    room = Room(tmp_path)
    room.write(1, root=venue.trust_root_pem, lab=f'proxy = "{url(port, "me:hush-p%40ss@")}"')
    await room.keep(reactor)
    async with Access(reactor, find(Wanted(room.config), ENVIRON)) as access:
        client = await access.client("lab")
        assert (await client.version()).version
    assert len(proxies.heads) == 1
    await port.stopListening()
    await venue.close()


SECRETS = ("p@ss-wörd", "p%40ss-w%C3%B6rd", "bWU6cEBzcy13w7ZyZA")


@pytest.mark.parametrize(
    "words",
    [
        "{asked} \x1b[31m{long}",
        "no Basic bWU6cEBzcy13w7ZyZA== here\x07",
        "me may not come in with bWU6cEBzcy13w7ZyZA {long}",
        "not p@ss-wörd, nor p%40ss-w%C3%B6rd",
        "Proxy-Authorization: bWU6cEBzcy13w7Zy",
        "Proxy-Authorization: Basic bWU6cEBz {long}",
        "{long} p@ss-wörd",
        "x" * 193 + " p@ss-wörd",
    ],
)
def test_what_a_proxy_says_is_told_printable_short_and_without_secrets(words: str) -> None:
    tunnel = Tunnel(f"http://me:{SECRETS[1]}@proxy")
    asked = tunnel.transport.value().decode().replace("\r\n", " ")
    assert SECRETS[2] in asked
    tunnel.give(f"HTTP/1.1 407 {words.format(asked=asked, long='A' * 3000)}\r\n\r\n".encode())
    said = tunnel.refusal()
    assert said.startswith("the proxy proxy:3128: it refused the connection: 407 ")
    assert said.endswith(": give user and password in the proxy's URL")
    assert said.isprintable()
    assert len(said) < 320
    for secret in (*SECRETS, "p@ss", "bWU6cEBz"):
        assert secret not in said


def test_harmless_words_are_told_as_they_are() -> None:
    tunnel = Tunnel("http://me:p%40ss@proxy")
    tunnel.give(b"HTTP/1.1 407 Basic authentication required\r\n\r\n")
    assert "407 Basic authentication required: give user" in tunnel.refusal()


class Plain(Protocol):
    """What a tunnel is for, without TLS before it."""

    def connectionMade(self) -> None:
        self.heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class Tunnel:
    """A client and the connection to its proxy, in memory.

    :ivar inner: what the tunnel was for, once it stands.
    """

    def __init__(self, proxy: str, there: Environment = DEMO) -> None:
        self.reactor = MemoryReactorClock()
        self.client = OpenApiClient(
            self.reactor, Application("id", "secret"), there, opening=proxy_opening(self.reactor, proxy)
        )
        self.told: list[Disconnected] = []
        self.client.on(Disconnected, self.told.append)
        self.client.start()
        ((self.host, self.port, self.factory, *_),) = self.reactor.tcpClients
        self.protocol = self.factory.buildProtocol(None)
        self.transport = StringTransport()
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)
        self.inner: list[Plain] = []

    def plain(self) -> Tunnel:
        """Let the tunnel be for a `Plain`."""

        def make() -> Plain:
            self.inner.append(Plain())
            return self.inner[-1]

        self.factory.wrappedFactory = Factory.forProtocol(make)
        return self

    def give(self, data: bytes) -> None:
        """Let the proxy say something, to whoever has the transport now."""
        self.transport.protocol.dataReceived(data)

    def end(self) -> None:
        """Let the connection end, as a connector does."""
        reason = Failure(ConnectionDone())
        self.transport.protocol.connectionLost(reason)
        self.factory.clientConnectionLost(self.reactor.connectors[0], reason)

    def refusal(self) -> str:
        """Let the connection end that was refused; give what is said of it."""
        assert self.transport.disconnecting
        self.end()
        (event,) = self.told
        assert isinstance(event.reason, ConnectionFailed)
        return event.reason.reason


HEADS = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.0 200\r\nVia: x\r\n\r\n",
    b"HTTP/1.0 200 OK\n\n",
    b"HTTP/1.0 200 OK\nVia: x\r\n\n",
    b"HTTP/1.1 299 Fine\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\nVia: x\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\n\n",
]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: repr(head)[2:-1])
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "byte by byte"])
def test_what_follows_the_head_is_for_whom_the_tunnel_is(head: bytes, at_once: bool) -> None:
    tunnel = Tunnel("http://proxy").plain()
    rest = b"\r\n\r\nHTTP/1.1 403 no head any more\r\n\r\n"
    data = head + rest
    for piece in [data] if at_once else [data[at : at + 1] for at in range(len(data))]:
        tunnel.give(piece)
    (inner,) = tunnel.inner
    assert inner.heard == rest
    assert inner.transport is tunnel.transport
    assert not tunnel.transport.disconnecting
    assert tunnel.reactor.getDelayedCalls() == []  # the proxy's time is no longer measured


def test_a_tunnel_without_anything_behind_its_head_hands_nothing_on() -> None:
    tunnel = Tunnel("http://proxy").plain()
    tunnel.give(b"HTTP/1.1 200 OK\r\n\r")
    assert tunnel.inner == []
    tunnel.give(b"\n")
    assert tunnel.inner[0].heard == b""
    tunnel.give(b"more")
    assert tunnel.inner[0].heard == b"more"


@pytest.mark.parametrize(
    "beginning", [b"\x15\x03\x01", b"\x05\x00", b"SSH-2", b"HTTP/2", b"\r\n", b"H\n", b"HTTP/1.1 2x0 \n"]
)
def test_what_can_be_no_answer_is_refused_at_once(beginning: bytes) -> None:
    tunnel = Tunnel("http://proxy")
    for at in range(len(beginning)):
        tunnel.give(beginning[at : at + 1])
    assert "no HTTP proxy" in tunnel.refusal()


def test_what_comes_after_the_client_was_closed_makes_no_tunnel() -> None:
    tunnel = Tunnel("http://proxy").plain()
    tunnel.client.close()
    tunnel.transport.loseConnection()  # as a connector does
    tunnel.give(b"HTTP/1.1 200 OK\r\n\r\n")
    assert tunnel.inner == []


@pytest.mark.parametrize("ends", [True, False], ids=["it ends", "it does not end"])
def test_close_waits_for_what_is_no_protocol_of_its_own_yet(ends: bool) -> None:
    tunnel = Tunnel("http://proxy")
    done: list[None] = []
    tunnel.client.close().addCallback(done.append)
    again: list[None] = []
    tunnel.client.close().addCallback(again.append)
    assert done == again == []
    if ends:
        tunnel.end()
        assert tunnel.reactor.getDelayedCalls() == []
    else:
        tunnel.reactor.advance(Settings().close_timeout)
    assert done == again == [None]
    tunnel.client.close().addCallback(done.append)
    assert done == [None, None]
    assert tunnel.told == []


def test_the_tunnel_leads_to_the_environment_of_the_client() -> None:
    for there, target in (
        (DEMO, "demo.ctraderapi.com:5035"),
        (DEMO.over(Wire.JSON), "demo.ctraderapi.com:5036"),
        (Environment("six", "::1", 77), "[::1]:77"),
        (Environment("umlaut", "bücher.example", 5035), "xn--bcher-kva.example:5035"),
    ):
        tunnel = Tunnel("http://[2001:db8::1]", there)
        assert (tunnel.host, tunnel.port) == ("2001:db8::1", 3128)
        assert tunnel.transport.value() == f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
        tunnel.give(b"?")
        assert tunnel.refusal().startswith("the proxy [2001:db8::1]:3128: ")


@pytest.mark.parametrize("there", [Environment("e", ".example"), Environment("e", "h", trust_root="no certificate")])
def test_an_environment_that_can_not_be_verified_is_refused_at_the_start(there: Environment) -> None:
    reactor = MemoryReactorClock()
    client = OpenApiClient(
        reactor, Application("id", "secret"), there, opening=proxy_opening(reactor, "http://me:s3cr3t@proxy")
    )
    with pytest.raises(ConfigurationError):
        client.start()
    assert reactor.tcpClients == []
    done: list[None] = []
    client.close().addCallback(done.append)
    assert done == [None]


@over_sockets
async def test_a_client_can_be_closed_while_the_proxy_thinks() -> None:
    from twisted.internet import reactor

    before = things(reactor)
    proxies = Proxies(reactor, None, b"")
    port = proxies.listen()
    client = OpenApiClient(reactor, Application("id", "secret"), DEMO, opening=proxy_opening(reactor, url(port)))
    with pytest.raises(NotReadyInTime):
        await client.when_ready(timeout=0.2)
    assert len(proxies.heads) == 1
    await client.close()
    assert not [what for what in things(reactor) - before if "_Tunnel" in what or "ctrader" in what]
    await port.stopListening()


def things(reactor: Any) -> set[str]:
    """What a reactor is to do and whom it reads from."""
    return {str(each) for each in (*reactor.getDelayedCalls(), *reactor.getReaders(), *reactor.getWriters())}


@over_sockets
async def test_a_proxy_that_is_not_there_is_named() -> None:
    from twisted.internet import reactor

    port = Proxies(reactor, None, b"").listen()
    proxy = url(port)
    await port.stopListening()
    client = OpenApiClient(reactor, Application("id", "secret"), DEMO, opening=proxy_opening(reactor, proxy))
    with pytest.raises(NotReadyInTime, match=r"the proxy 127\.0\.0\.1:[0-9]+: the connection was refused"):
        await client.when_ready(timeout=0.3)
    await client.close()


@pytest.mark.parametrize(
    "given",
    [
        "proxy:3128",
        "https://proxy",
        "http://",
        "http://proxy/path",
        "http://proxy?query",
        "socks5://proxy",
        "http://me:s3cr3t:3128",
        "http://me:s3cr3t@proxy:s3cr3t",
        "http://me:s3cr3t@proxy:99999",
        "http://me:s3cr3t@proxy:0",
        "http://me:s3/cr3t@proxy",
        "http://me:s3#cr3t@proxy",
        "http://me:[s3cr3t]@proxy",
        "http://[s3cr3t",
        "http://me:s3cr3t\N{FULLWIDTH COLON}@proxy",
        "http://me:s3cr3t\udcff@proxy",
    ],
    ids=ascii,
)
def test_what_is_no_proxy_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(
        ValueError, match=r"^the proxy is to be http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT$"
    ) as caught:
        proxy_opening(None, given)
    assert caught.value.__context__ is None


def test_an_opening_does_not_show_its_password() -> None:
    assert "s3cr3t" not in repr(Tunnel("http://me:s3cr3t@proxy").factory.proxy)
