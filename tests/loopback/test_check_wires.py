"""``ctrader check`` over each wire: WebSockets that do not open, ports that are for another wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater

from tests.loopback.checking import DEMO_ACCOUNT, Room, checked, make_venue, with_names
from tests.loopback.servers import certificate, listen, over_sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ctrader_twisted.sim.venue import Venue

Capsys = pytest.CaptureFixture[str]
AFTER_TLS = ("application", "version", "token", "account", "clock")


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest_twisted.async_yield_fixture
async def venue(reactor: Any) -> AsyncIterator[Venue]:
    made = make_venue(reactor)
    yield made
    await made.close()


def port_for(wire: str, venue: Venue, reactor: Any) -> int:
    listening: Any = (venue.listen_json if wire == "json" else venue.listen)(reactor)
    number: int = listening.getHost().port
    return number


@pytest.mark.parametrize("compression", ["", "compression = true"])
@pytest.mark.parametrize(
    ("wire", "detail"),
    [
        ("json", "json: JSON over WebSocket"),
        ("protobuf-websocket", "protobuf-websocket: protobuf over WebSocket"),
    ],
)
@over_sockets
async def test_the_whole_way(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, wire: str, detail: str, compression: str
) -> None:
    port = port_for(wire, venue, reactor)
    room.write(port, root=venue.trust_root_pem, lab=f'wire = "{wire}"\n{compression}')
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0, found.text
    assert list(dict.fromkeys(one["step"] for one in found.document["steps"])) == [
        *("configuration", "secrets", "token store", "wire", "dns", "tcp", "tls", "websocket"),
        *("application", "version", "token", "account", "clock", "limits"),
    ]
    assert found.one("wire")["detail"] == detail
    assert found.one("wire")["where"] == f"lab (localhost:{port}, {wire})"
    assert found.one("websocket")["detail"].startswith("open after ")
    assert found.one("account")["where"] == f"lab, account {DEMO_ACCOUNT}"
    while venue.conversations:  # the server hears of the end a little later
        await deferLater(reactor, 0.01)


@over_sockets
async def test_the_command_line_says_the_wire(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_for("json", venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, wire="json")
    assert found.status == 0 and found.one("websocket")["status"] == "ok"
    room.config.write_text('[simulator]\n[[account]]\nenvironment = "simulator"\n[[output]]\npath = "-"\n')
    found = await checked(reactor, capsys, room.config, environ={}, wire="json")
    assert found.status == 0 and found.one("wire")["detail"] == "json: JSON over WebSocket"
    room.config.write_text('[simulator]\nwire = "protobuf-websocket"\n')
    found = await checked(reactor, capsys, room.config, environ={})
    assert found.status == 0 and found.one("wire")["detail"].startswith("protobuf-websocket")


@over_sockets
async def test_the_command_line_says_host_and_port(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    port = port_for("protobuf", venue, reactor)
    room.write(1, root=venue.trust_root_pem, host="venue.example")
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, host="localhost", port=port)
    assert found.status == 0, found.text
    assert found.one("tcp")["where"] == f"lab (localhost:{port})"
    room.write(port, root=venue.trust_root_pem, host="venue.example")
    found = await checked(reactor, capsys, room.config, host="localhost")
    assert found.status == 0, found.text
    room.config.write_text(f'[environment.lab]\nhost = "venue.example"\ntrust_root = "root.pem"\nport = {port}\n')
    found = await checked(reactor, capsys, room.config, host="localhost", tokens=room.tokens)  # not the daemon's
    assert found.one("application", f"lab (localhost:{port})")["status"] == "ok", found.text


@over_sockets
async def test_what_is_not_reached_has_no_websocket(reactor: Any, room: Room, capsys: Capsys) -> None:
    closed = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
    number = closed.getHost().port
    await closed.stopListening()
    await room.keep(reactor)
    room.write(number, root=None, lab='wire = "json"')
    found = await checked(reactor, capsys, room.config)
    assert found.one("websocket")["detail"] == "there is no connection"
    room.write(5036, root=None, lab='wire = "json"', host="venue.example")
    restore = with_names(reactor, venue_example=[])
    found = await checked(reactor, capsys, room.config)
    restore()
    assert found.one("websocket")["detail"] == "the host name was not resolved"
    room.write(
        5036,
        root="-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
        lab='wire = "json"',
    )
    found = await checked(reactor, capsys, room.config)
    assert found.one("websocket")["detail"] == "TLS can't be begun"


class Says(Protocol):
    """Says one thing as soon as it hears something, and perhaps hangs up."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.factory.words)
        if self.factory.hangs_up:
            self.transport.loseConnection()


@pytest.mark.parametrize(
    ("words", "hangs_up", "detail", "remedy"),
    [
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 22\r\n\r\nYour\x1b[2Jaddress is not",
            True,
            "the WebSocket handshake was refused: 403 Forbidden: Your [2Jaddress is not",
            "The server, or a proxy before it, does not let you in: ask whoever runs it",
        ),
        (
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
            True,
            "the WebSocket handshake was refused: 503 Service Unavailable",
            "Try again in 120 s",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\n\r\nnever ending",
            False,
            "the WebSocket handshake was refused: 404 Not Found: never ending",
            "Check host, port and wire",
        ),
        (
            b"220 mail.example ESMTP\r\n",
            False,
            "the answer to the WebSocket handshake can't be read: it is not HTTP",
            "Check host, port and wire",
        ),
        (b"", True, "the connection ended before the WebSocket handshake was answered", "Check host, port and wire"),
        (
            b"",
            False,
            "the WebSocket handshake was not completed within 1 s",
            "The server is in maintenance or overloaded, or what answers there is no WebSocket server: check host, "
            "port and wire",
        ),
    ],
)
@over_sockets
async def test_a_websocket_that_does_not_open(
    reactor: Any, room: Room, capsys: Capsys, words: bytes, hangs_up: bool, detail: str, remedy: str
) -> None:
    pem, pair = certificate()
    server: Any = ServerFactory.forProtocol(Says)
    server.noisy, server.words, server.hangs_up = False, words, hangs_up
    port: Any = listen(reactor, server, pair)
    room.write(port.getHost().port, root=pem.decode(), lab='wire = "json"')
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, timeout=1)
    await port.stopListening()
    assert found.status == 1
    websocket = found.one("websocket")
    assert (websocket["status"], websocket["detail"], websocket["remedy"]) == ("failed", detail, remedy)
    assert {found.one(step)["status"] for step in AFTER_TLS} == {"skipped"}
    assert found.one("application")["detail"] == "there is no WebSocket"


@pytest.mark.parametrize(
    ("wire", "port_of", "detail"),
    [
        ("json", "protobuf", "messages are text here, and this one is binary"),
        ("protobuf-websocket", "json", "messages are binary here, and this one is text"),
        ("protobuf", "json", "the peer answers in HTTP"),
    ],
)
@over_sockets
async def test_a_port_for_another_wire(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, wire: str, port_of: str, detail: str
) -> None:
    port = port_for(port_of, venue, reactor)
    room.write(port, root=venue.trust_root_pem, lab=f'wire = "{wire}"')
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, timeout=1)
    assert found.status == 1
    application = found.one("application")
    assert application["status"] == "failed" and detail in application["detail"]
    assert application["remedy"] == f"If port {port} is not one for {wire}, set port or wire in [environment.lab]"
