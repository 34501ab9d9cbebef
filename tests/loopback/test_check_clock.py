"""``ctrader check`` and clocks: the server's quotes, and the login server's ``Date``."""

from __future__ import annotations

import email.utils
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctrader_twisted import messages
from ctrader_twisted.wire import codec
from tests.loopback.checking import DEMO_ACCOUNT, Room, checked, make_venue
from tests.loopback.servers import AnsweringFactory, accept_all, certificate, listen, over_sockets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ctrader_twisted.wire.envelope import Envelope

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


class Quoting:
    """A server with one account, whose quotes say what time it is there.

    :param times: the times of its quotes, in seconds from now.
    """

    def __init__(self, reactor: Any, room: Room, *times: float) -> None:
        pem, pair = certificate()
        self._reactor = reactor
        self._times = times
        self.server = AnsweringFactory(self._answer)
        self.port: Any = listen(reactor, self.server, pair)
        room.write(self.port.getHost().port, root=pem.decode())

    def _answer(self, envelope: Envelope) -> list[Envelope]:
        request = codec.unpack(envelope)
        answers: dict[type, Callable[[], Any]] = {
            messages.ProtoOAVersionReq: lambda: messages.ProtoOAVersionRes(version="91"),
            messages.ProtoOAGetAccountListByAccessTokenReq: lambda: messages.ProtoOAGetAccountListByAccessTokenRes(
                accessToken="hush-access-token",
                ctidTraderAccount=[messages.ProtoOACtidTraderAccount(ctidTraderAccountId=DEMO_ACCOUNT)],
            ),
            messages.ProtoOATraderReq: lambda: messages.ProtoOATraderRes(
                ctidTraderAccountId=DEMO_ACCOUNT,
                trader=messages.ProtoOATrader(
                    ctidTraderAccountId=DEMO_ACCOUNT,
                    balance=0,
                    depositAssetId=7,
                    accessRights=messages.ProtoOAAccessRights.CLOSE_ONLY,
                ),
            ),
            messages.ProtoOASymbolsListReq: lambda: messages.ProtoOASymbolsListRes(
                ctidTraderAccountId=DEMO_ACCOUNT,
                symbol=[messages.ProtoOALightSymbol(symbolId=1, symbolName="ODD", enabled=True)],
            ),
        }
        answer = answers.get(type(request))
        answered = accept_all(envelope) if answer is None else [codec.pack(answer(), envelope.client_msg_id)]
        if isinstance(request, messages.ProtoOASubscribeSpotsReq):
            now = self._reactor.seconds()
            for time in self._times:
                event = messages.ProtoOASpotEvent(
                    ctidTraderAccountId=DEMO_ACCOUNT, symbolId=1, bid=1, timestamp=round((now + time) * 1000)
                )
                answered.append(codec.pack(event))
        return answered


@pytest.mark.parametrize(
    ("times", "status", "expected"),
    [
        # The first quote of a symbol may be an old one; the youngest of the others counts.
        pytest.param((-3600, -0.3, -0.1, -0.2), "ok", "agrees with the server's to 0.1 s (by the times of 4", id="ok"),
        pytest.param((-12, -11, -10, -11), "warning", "this computer is 10.0 s ahead of the server", id="ahead"),
        pytest.param((10, 10, 10), "warning", "this computer is 10.0 s behind the server", id="behind"),
        pytest.param((10,), "warning", "this computer is 10.0 s behind the server (by the times of 1", id="just one"),
        pytest.param((-10,), "skipped", "the market is closed, perhaps", id="one that may be old"),
        pytest.param((), "skipped", "the market is closed, perhaps", id="none"),
        pytest.param((-9000, -8000, -8000, -8000), "warning", "2.2 hours ahead of the server", id="hours"),
    ],
)
@over_sockets
async def test_the_times_of_quotes(
    reactor: Any, room: Room, capsys: Capsys, times: tuple[float, ...], status: str, expected: str
) -> None:
    server = Quoting(reactor, room, *times)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, timeout=1.5)
    await server.port.stopListening()
    assert found.status == 0
    clock = found.one("clock")
    assert clock["status"] == status and expected in clock["detail"], clock
    assert ("NTP" in clock["remedy"]) == (status == "warning")
    account = found.one("account")
    assert account["status"] == "warning" and account["detail"].endswith("its rights are CLOSE_ONLY")
    assert "its broker is not named, in an unknown asset" in account["detail"]


class LoginServer(Protocol):
    """Answers over HTTP, and keeps what it was asked."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.factory.asked += data
        if b"\r\n\r\n" not in self.factory.asked:
            return
        date = self.factory.date
        line = "" if date is None else f"Date: {date}\r\n"
        self.transport.write(f"HTTP/1.1 404 Not Found\r\nServer: x\r\n{line}Content-Length: 0\r\n\r\n".encode())


async def with_login_server(
    reactor: Any, room: Room, capsys: Capsys, date: str | None, *, encrypted: bool = False
) -> tuple[Any, bytes]:
    """Run the check against a venue and a login server; give what was found, and what the latter was asked."""
    venue = make_venue(reactor)
    number = venue.listen(reactor).getHost().port  # type: ignore[attr-defined]
    factory: Any = ServerFactory.forProtocol(LoginServer)
    factory.noisy, factory.asked, factory.date = False, b"", date
    listening: Any = factory
    if encrypted:
        listening = TLSMemoryBIOFactory(certificate()[1].options(), False, factory)
    port = reactor.listenTCP(0, listening, interface="127.0.0.1")
    url = f"{'https' if encrypted else 'http'}://localhost:{port.getHost().port}/apps/token"
    room.write(number, root=venue.trust_root_pem, more=f'[oauth]\ntoken_url = "{url}"')
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    await port.stopListening()
    await venue.close()
    return found, factory.asked


@pytest.mark.parametrize(
    ("ahead", "status", "expected"),
    [
        (0, "ok", "agrees with the server's to"),
        (20, "warning", "behind the server (good to 0.5 s either way)"),
        (-20, "warning", "ahead of the server (good to 0.5 s either way)"),
    ],
)
@over_sockets
async def test_the_date_of_the_login_server(
    reactor: Any, room: Room, capsys: Capsys, ahead: float, status: str, expected: str
) -> None:
    date = email.utils.formatdate(reactor.seconds() + ahead, usegmt=True)
    found, asked = await with_login_server(reactor, room, capsys, date)
    assert found.status == 0
    assert found.one("login server")["detail"] == "answers at 127.0.0.1, without TLS"
    clock = found.one("clock", found.one("login server")["where"])
    assert clock["status"] == status and expected in clock["detail"], clock
    assert (
        asked.startswith(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n") and b"hush" not in asked and b"an-id" not in asked
    )


@pytest.mark.parametrize("date", [None, "yesterday", "Tue, 99 Mar 2026 09:00:00 GMT"])
@over_sockets
async def test_a_login_server_that_tells_no_time(reactor: Any, room: Room, capsys: Capsys, date: str | None) -> None:
    found, _ = await with_login_server(reactor, room, capsys, date)
    assert found.one("clock", found.one("login server")["where"])["status"] == "skipped"


@over_sockets
async def test_a_login_server_that_is_not_trusted_is_told_nothing(reactor: Any, room: Room, capsys: Capsys) -> None:
    found, asked = await with_login_server(reactor, room, capsys, None, encrypted=True)
    login = found.one("login server")
    assert found.status == 0 and login["status"] == "warning"
    assert "self-signed" in login["detail"] and login["detail"].endswith(
        "(it is needed to log in; everything else goes without it)"
    )
    assert not asked
