"""``ctrader check`` over real sockets: every failure, for real, against a simulated venue."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater
from zope.interface import implementer

from ctrader_twisted.cli.check import check_all
from ctrader_twisted.cli.checks.way import Way
from ctrader_twisted.sim import script
from ctrader_twisted.sim.authority import Authority
from ctrader_twisted.tokens import FileTokenStore, GrantedAccount
from ctrader_twisted.wire import codec
from tests.loopback.checking import (
    DAY,
    DEMO_ACCOUNT,
    ENVIRON,
    LIVE_ACCOUNT,
    LOGIN,
    REFRESH,
    SECOND_ACCOUNT,
    TOKEN,
    VIEW_REFRESH,
    VIEW_TOKEN,
    VIEWED_ACCOUNT,
    WRONG,
    Room,
    account_table,
    checked,
    make_venue,
    with_names,
)
from tests.loopback.servers import AnsweringFactory, accept_all, certificate, listen, over_sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from ctrader_twisted.sim.venue import Venue
    from ctrader_twisted.wire.envelope import Envelope
    from tests.conftest import LoggedErrors

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


def port_of(venue: Venue, reactor: Any) -> int:
    listening: Any = venue.listen(reactor)
    number: int = listening.getHost().port
    return number


@pytest.fixture
def unspent(venue: Venue) -> Iterator[None]:
    """Hold a test to spending no refresh token."""
    yield
    assert [grant.refresh_token for grant in venue.registry.grants] == [REFRESH, VIEW_REFRESH]


# ------------------------------------------------------------------------------------------- all is well


@over_sockets
async def test_the_whole_way(reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    before = room.tokens.read_bytes()
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0
    assert {**found.statuses(), "clock": "ok"} == dict.fromkeys(found.statuses(), "ok")
    assert list(dict.fromkeys(one["step"] for one in found.document["steps"])) == [
        *("configuration", "secrets", "token store", "wire", "dns", "tcp", "tls"),
        *("application", "version", "token", "account", "clock", "limits"),
    ]
    assert found.one("secrets")["detail"] == "CTRADER_CLIENT_ID, CTRADER_CLIENT_SECRET"
    assert found.one("wire")["detail"] == "protobuf: protobuf over TCP"
    assert "127.0.0.1" in found.one("dns")["detail"]
    tls = found.one("tls")["detail"]
    assert "TLSv1.3, TLS_" in tls and "issued by ctrader_twisted simulated venue, 365 days left" in tls
    assert "version 91" in found.one("version")["detail"]
    assert found.one("token")["detail"] == "accepted; opens 3 accounts; 20 days left; can be refreshed"
    expected = f"authorised, demo, simulated, login {LOGIN}, in EUR, balance version 1"
    assert found.one("account")["detail"] == expected
    assert found.one("account")["where"] == f"lab, account {DEMO_ACCOUNT}"
    # The venue lives on a Tuesday of its own.
    assert found.one("clock")["status"] == "warning" and "days ahead of the server" in found.one("clock")["detail"]
    assert room.tokens.read_bytes() == before and not venue.conversations


@over_sockets
async def test_two_accounts_by_two_tokens_one_of_them_for_viewing_only(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    accounts = account_table(SECOND_ACCOUNT) + account_table(VIEWED_ACCOUNT, more='access_token_env = "VIEW"')
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=accounts)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, environ={**ENVIRON, "VIEW": VIEW_TOKEN})
    assert found.status == 0
    assert found.one("secrets")["detail"] == "CTRADER_CLIENT_ID, CTRADER_CLIENT_SECRET, VIEW"
    assert found.one("token", 'grant "default"')["status"] == "ok"
    view = found.one("token", "the token of account[2]")
    assert view["status"] == "warning" and "for viewing only, so orders are refused" in view["detail"]
    assert "can't be refreshed: it is not kept" in view["detail"]
    assert view["remedy"] == "For trading, log in again: ctrader login --scope trading"
    assert [one["status"] for one in found.all("account")] == ["ok", "ok"]


@over_sockets
async def test_without_a_named_account_every_one_that_the_tokens_open_is_meant(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    """What a person has after ``ctrader login``."""
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    text = room.config.read_text().partition("[[account]]")[0]
    room.config.write_text(text)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0
    configuration = found.one("configuration")
    assert configuration["status"] == "warning"
    assert configuration["detail"].startswith("enough for `ctrader`, but not for `twistd ctrader`: account: missing")
    assert [one["where"] for one in found.all("account")] == [
        f"lab, account {DEMO_ACCOUNT}",
        f"lab, account {SECOND_ACCOUNT}",
    ], "the live one is served elsewhere"


@over_sockets
async def test_the_venue_of_a_table_simulator(reactor: Any, room: Room, capsys: Capsys) -> None:
    room.config.write_text('[simulator]\n[[account]]\nenvironment = "simulator"\n[[output]]\npath = "-"\n')
    found = await checked(reactor, capsys, room.config, environ={})
    assert found.status == 0 and found.document["status"] == "ok"
    assert found.one("secrets")["status"] == "skipped"
    assert "; 30 days left; can be refreshed" in found.one("token")["detail"], "as `ctrader accounts` says"
    assert found.one("account")["status"] == "ok"
    assert found.one("clock")["detail"] == "the simulated venue's clock is its own"


@over_sockets
async def test_a_simulator_for_the_commands_alone(reactor: Any, room: Room, capsys: Capsys) -> None:
    """What the tutorial's first file says: enough for every command but the daemon."""
    room.config.write_text('[simulator]\n[[account]]\nenvironment = "simulator"\nid = 1000001\n')
    found = await checked(reactor, capsys, room.config, environ={})
    assert found.status == 0
    configuration = found.one("configuration")
    assert configuration["status"] == "warning"
    assert configuration["detail"].startswith("enough for `ctrader`, but not for `twistd ctrader`: output: neither an")
    assert {one["status"] for one in found.all("account")} == {"ok"}


@pytest.mark.parametrize("output", ["", '[[output]]\npath = "-"\n'])
@pytest.mark.parametrize(
    ("account_id", "detail", "remedy"),
    [
        (42, "the simulator has no account 42", "It has 1000001, 1000002; without an id, the first of them is taken"),
        (2000002, "2000002 is the login of account 1000002", "Write id = 1000002"),
    ],
)
@over_sockets
async def test_an_account_that_the_simulator_has_not(
    reactor: Any, room: Room, capsys: Capsys, output: str, account_id: int, detail: str, remedy: str
) -> None:
    """Whether the daemon could run it, or the commands alone."""
    room.config.write_text(f'[simulator]\n[[account]]\nenvironment = "simulator"\nid = {account_id}\n{output}')
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    account = found.one("account")
    assert (account["detail"], account["remedy"]) == (detail, remedy)


@over_sockets
async def test_a_simulator_without_an_account(reactor: Any, room: Room, capsys: Capsys) -> None:
    room.config.write_text("[simulator]\n")
    found = await checked(reactor, capsys, room.config, environ={})
    assert found.status == 0
    assert len(found.all("account")) == 2


# ------------------------------------------------------------------------------------------- the way there


def assert_skipped_after(found: Any, failed: str, *skipped: str) -> None:
    """Hold the steps after one that failed to being skipped for a reason."""
    assert found.status == 1
    assert found.one(failed)["status"] == "failed"
    for step in skipped:
        assert found.one(step)["status"] == "skipped" and found.one(step)["detail"], step


@over_sockets
async def test_a_name_that_nobody_knows(reactor: Any, room: Room, capsys: Capsys) -> None:
    room.write(5035, root=None, host="venue.example")
    await room.keep(reactor)
    restore = with_names(reactor, venue_example=[])
    found = await checked(reactor, capsys, room.config)
    restore()
    assert_skipped_after(found, "dns", "tcp", "tls", *AFTER_TLS)
    assert found.one("dns")["detail"] == "the host name can't be resolved"
    assert found.one("dns")["remedy"] == "Check it, and this machine's DNS"
    assert found.one("limits")["status"] == "ok"


@over_sockets
async def test_a_name_that_nobody_answers_for(reactor: Any, room: Room, capsys: Capsys) -> None:
    room.write(5035, root=None, host="venue.example")
    await room.keep(reactor)
    restore = with_names(reactor, venue_example=None)
    found = await checked(reactor, capsys, room.config, timeout=0.3)
    restore()
    assert_skipped_after(found, "dns", "tcp", "tls", *AFTER_TLS)
    assert found.one("dns")["detail"] == "DNS did not answer within 0.3 s"


@over_sockets
async def test_a_name_with_addresses_that_are_of_no_use(reactor: Any, room: Room, capsys: Capsys) -> None:
    room.write(5035, root=None, host="venue.example")
    await room.keep(reactor)
    restore = with_names(reactor, venue_example=["::1"])
    found = await checked(reactor, capsys, room.config)
    restore()
    assert_skipped_after(found, "dns", "tcp", "tls", *AFTER_TLS)
    assert "only addresses of IPv6 (::1)" in found.one("dns")["detail"]


@over_sockets
async def test_a_port_where_nobody_listens(reactor: Any, room: Room, capsys: Capsys) -> None:
    closed = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
    number = closed.getHost().port
    await closed.stopListening()
    room.write(number, root=None)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "tcp", "tls", *AFTER_TLS)
    assert found.one("tcp")["detail"] == "the connection was refused"
    assert found.one("tcp")["remedy"] == "Nothing listens there, or a firewall is in the way"


@over_sockets
async def test_an_authority_that_is_not_trusted(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=Authority.create().trust_root_pem)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "tls", *AFTER_TLS)
    detail = found.one("tls")["detail"]
    assert "not signed by a trusted authority" in detail
    assert "what it shows is for localhost, 127.0.0.1, ::1, issued by ctrader_twisted simulated venue, good" in detail
    assert found.one("tls")["remedy"].startswith("Set trust_root in [environment.lab] to the certificate")


@over_sockets
async def test_a_certificate_for_another_host(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, host="venue.example")
    await room.keep(reactor)
    restore = with_names(reactor, venue_example=["127.0.0.1"])
    found = await checked(reactor, capsys, room.config)
    restore()
    assert_skipped_after(found, "tls", *AFTER_TLS)
    assert "its certificate is for another host name (what it shows is for localhost" in found.one("tls")["detail"]


@pytest.mark.parametrize(("days", "expected"), [(1, "has expired (what it shows is for localhost, issued by loc")])
@over_sockets
async def test_a_certificate_that_has_expired(
    reactor: Any, room: Room, capsys: Capsys, days: int, expected: str
) -> None:
    pem, pair = certificate(days=days)
    server = AnsweringFactory(accept_all)
    port: Any = listen(reactor, server, pair)
    room.write(port.getHost().port, root=pem.decode())
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    await port.stopListening()
    assert_skipped_after(found, "tls", *AFTER_TLS)
    assert expected in found.one("tls")["detail"] and "good from 2024-01-01 to 2024-01-02" in found.one("tls")["detail"]
    assert not server.bytes_received


@over_sockets
async def test_an_authority_that_this_machine_does_not_know(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "none.pem")
    room.write(port_of(venue, reactor), root=None)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "tls", *AFTER_TLS)
    assert found.one("tls")["remedy"] == (
        "If that is the authority to trust, set trust_root in [environment.lab] to its certificate; else do not go on. "
        "SSL_CERT_FILE names none.pem, which can't be read: No such file or directory"
    )


@over_sockets
async def test_a_certificate_that_expires_soon(reactor: Any, room: Room, capsys: Capsys) -> None:
    begins = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC).timestamp()
    pem, pair = certificate(days=int((reactor.seconds() - begins) / DAY) + 4)
    port: Any = listen(reactor, AnsweringFactory(accept_all), pair)
    room.write(port.getHost().port, root=pem.decode())
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    await port.stopListening()
    assert found.one("tls")["status"] == "warning" and "days left" in found.one("tls")["detail"]
    assert found.one("tls")["remedy"] == "The server's operator must renew its certificate"
    assert found.one("application")["status"] == "ok"


@implementer(IHandshakeListener)
class Clings(Protocol):
    """Shakes hands, then neither reads nor lets go of the connection."""

    factory: Any

    def handshakeCompleted(self) -> None:
        self.factory.made.append(self.transport.transport)
        self.transport.transport.pauseProducing()


@over_sockets
async def test_a_server_that_does_not_let_go_of_a_connection_is_left(reactor: Any, room: Room, capsys: Capsys) -> None:
    pem, pair = certificate()
    server: Any = ServerFactory.forProtocol(Clings)
    server.noisy, server.made = False, []
    port: Any = listen(reactor, server, pair)
    room.write(port.getHost().port, root=pem.decode())
    await room.keep(reactor)
    began = reactor.seconds()
    found = await checked(reactor, capsys, room.config, timeout=1.5)
    assert reactor.seconds() - began < 20
    for transport in server.made:
        transport.abortConnection()
    await port.stopListening()
    assert found.one("tls")["status"] == "ok"
    assert found.one("application")["status"] == "failed"


@over_sockets
async def test_a_trust_root_that_is_none(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    nonsense = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"
    room.write(port_of(venue, reactor), root=nonsense)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "tls", "tcp", *AFTER_TLS)
    assert "no readable certificate" in found.one("tls")["detail"]


@over_sockets
async def test_a_handshake_that_stalls(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    venue.play(script.stall_connections())
    found = await checked(reactor, capsys, room.config, timeout=1.5)
    assert_skipped_after(found, "tls", *AFTER_TLS)
    assert found.one("tcp")["status"] == "ok"
    assert found.one("tls")["detail"] == "the TLS handshake was not completed within 1.5 s"
    assert found.one("tls")["seconds"] == pytest.approx(1.5, abs=1.4)


class Greets(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"220 mail.example ESMTP\r\n")


@over_sockets
async def test_a_server_that_speaks_something_else(reactor: Any, room: Room, capsys: Capsys) -> None:
    server = ServerFactory.forProtocol(Greets)
    server.noisy = False
    port = reactor.listenTCP(0, server, interface="127.0.0.1")
    room.write(port.getHost().port, root=None)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    await port.stopListening()
    assert_skipped_after(found, "tls", *AFTER_TLS)
    assert "does not speak TLS" in found.one("tls")["detail"]
    assert found.one("tls")["remedy"].startswith("Check host and port")


@pytest.mark.parametrize("where", ["dns", "tcp", "tls", "application"])
@over_sockets
async def test_whoever_interrupts_it_is_obeyed_at_once(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, where: str
) -> None:
    """Nothing is left behind in the reactor, either: see conftest.py."""
    room.write(
        port_of(venue, reactor), root=venue.trust_root_pem, host="venue.example" if where == "dns" else "localhost"
    )
    await room.keep(reactor)
    restore = with_names(reactor, **({"venue_example": None} if where == "dns" else {}))
    if where == "tls":
        venue.play(script.stall_connections())
    told: list[Any] = []
    way = Way(reactor, room.config, None, ENVIRON, timeout=20, told=told.append)
    going = way.go()
    last = {"dns": "wire", "tcp": "dns", "tls": "tcp", "application": "tls"}[where]
    while not told or told[-1].step != last:
        await deferLater(reactor, 0)
    began = reactor.seconds()
    going.cancel()
    with pytest.raises(CancelledError):
        await going
    restore()
    assert reactor.seconds() - began < 3


# ------------------------------------------------------------------------------------------- the application


@over_sockets
async def test_a_wrong_secret(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, logged_errors: LoggedErrors
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, environ={**ENVIRON, "CTRADER_CLIENT_SECRET": WRONG})
    assert_skipped_after(found, "application", "version", "token", "account", "clock")
    assert found.one("application")["detail"] == "CH_CLIENT_AUTH_FAILURE (clientId or clientSecret is incorrect)"
    assert "Compare client id and secret" in found.one("application")["remedy"]
    assert "Active" in found.one("application")["remedy"]
    logged_errors.flush()


@over_sockets
async def test_maintenance(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    venue.play(script.maintenance(3600))
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "application", "version", "token", "account", "clock")
    assert found.one("application")["detail"].startswith("the server is under maintenance until 20")
    assert found.one("application")["remedy"] == "Try again then"


@over_sockets
async def test_too_many_connections(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    venue.play(script.refuse_application("CONNECTIONS_LIMIT_EXCEEDED", 60))
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "application", "version", "token", "account", "clock")
    assert "CONNECTIONS_LIMIT_EXCEEDED" in found.one("application")["detail"]
    assert "end some of them" in found.one("application")["remedy"]


class Fake:
    """A server that answers as it is told, with a certificate that is trusted."""

    def __init__(self, reactor: Any, room: Room, *refused: str) -> None:
        pem, pair = certificate()
        self.refused = set(refused)
        self.server = AnsweringFactory(self._answer)
        self.port: Any = listen(reactor, self.server, pair)
        room.write(self.port.getHost().port, root=pem.decode())

    def _answer(self, envelope: Envelope) -> list[Envelope]:
        name = type(codec.unpack(envelope)).__name__
        if name not in self.refused:
            return accept_all(envelope)
        return self.refuse(envelope, name)

    def refuse(self, envelope: Envelope, name: str) -> list[Envelope]:
        return []


@over_sockets
async def test_a_server_that_says_nothing(reactor: Any, room: Room, capsys: Capsys) -> None:
    fake = Fake(reactor, room, "ProtoOAApplicationAuthReq")
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config, timeout=1.5)
    await fake.port.stopListening()
    assert_skipped_after(found, "application", "version", "token", "account", "clock")
    assert "not authorised in time" in found.one("application")["detail"]


@over_sockets
async def test_a_server_that_says_nothing_more(reactor: Any, room: Room, capsys: Capsys) -> None:
    """The time of each step adds up to no more than one of them: nobody is asked twice who is silent."""
    fake = Fake(reactor, room, "ProtoOAVersionReq", "ProtoOAGetAccountListByAccessTokenReq")
    await room.keep(reactor)
    began = reactor.seconds()
    found = await checked(reactor, capsys, room.config, timeout=3)
    assert reactor.seconds() - began < 5.9
    await fake.port.stopListening()
    assert_skipped_after(found, "version", "token", "account", "clock")
    assert found.one("version")["detail"].startswith("ProtoOAVersionReq was not answered")
    assert found.one("token")["detail"] == "the server does not answer"


@over_sockets
async def test_a_server_that_hangs_up_in_the_middle(reactor: Any, room: Room, capsys: Capsys) -> None:
    class Hangs(Fake):
        def refuse(self, envelope: Envelope, name: str) -> list[Envelope]:
            self.server.connections[-1].transport.abortConnection()
            return []

    fake = Hangs(reactor, room, "ProtoOAGetAccountListByAccessTokenReq")
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    await fake.port.stopListening()
    assert found.status == 1
    assert found.one("token")["status"] == "failed" and "was not answered" in found.one("token")["detail"]
    assert found.one("account")["status"] == "skipped"
    assert len(fake.server.connections) == 2, "the probe, and the client, which did not come again"


# ------------------------------------------------------------------------------------------- tokens


@over_sockets
async def test_a_token_that_was_revoked(reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    venue.registry.revoke(venue.registry.grants[0], for_good=True)
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "token", "account", "clock")
    assert "refused, and not for its age (20 days left): CH_ACCESS_TOKEN_INVALID" in found.one("token")["detail"]
    assert found.one("token")["remedy"].endswith("else log in again: ctrader login")
    assert found.one("account")["detail"] == "its token was refused"


@over_sockets
async def test_a_token_that_has_expired_and_can_be_refreshed(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor, expires_at=reactor.seconds() - DAY)
    venue.registry.grants[0].expires_at = 0
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0
    assert found.one("token")["status"] == "warning"
    assert "expired: OA_AUTH_TOKEN_EXPIRED" in found.one("token")["detail"]
    assert "the next program that uses it does" in found.one("token")["detail"]
    assert found.one("account")["status"] == "skipped"


@pytest.mark.parametrize(
    ("expires_in", "detail"), [(None, "refused, perhaps as it has expired: CH"), (9.0, "refused, and")]
)
@over_sockets
async def test_a_token_that_is_refused_and_may_be_refreshed(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None, expires_in: float | None, detail: str
) -> None:
    """As an imported one, of which nobody knows when it expires."""
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    expires_at = None if expires_in is None else reactor.seconds() + expires_in * DAY
    await room.keep(reactor, access_token=WRONG, expires_at=expires_at)
    found = await checked(reactor, capsys, room.config)
    assert found.status == (0 if expires_in is None else 1)
    assert found.one("token")["detail"].startswith(detail)
    assert "ctrader accounts" in found.one("token")["remedy"]


@over_sockets
async def test_a_server_that_says_that_a_token_has_expired_is_believed(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    venue.registry.grants[0].expires_at = 0
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0 and found.one("token")["detail"].startswith("expired: OA_AUTH_TOKEN_EXPIRED")


@over_sockets
async def test_a_token_that_is_refused_after_an_interrupted_refresh(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor, access_token=WRONG, refresh_began_at=1_772_528_400.0, expires_at=reactor.seconds() - DAY)
    found = await checked(reactor, capsys, room.config)
    assert_skipped_after(found, "token", "account", "clock")
    assert "its refresh token is most likely spent" in found.one("token")["detail"]
    assert found.one("token")["remedy"].endswith("log in again: ctrader login")


@over_sockets
async def test_a_token_that_nothing_can_refresh(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(
        port_of(venue, reactor),
        root=venue.trust_root_pem,
        accounts=account_table(DEMO_ACCOUNT, more='access_token_env = "TOKEN"'),
    )
    found = await checked(reactor, capsys, room.config, environ={**ENVIRON, "TOKEN": WRONG})
    assert_skipped_after(found, "token", "account", "clock")
    assert "can't be refreshed: it is not kept" in found.one("token")["detail"]
    assert found.one("token")["remedy"] == "Log in again: ctrader login"
    assert not found.all("token store"), "it has nothing to do with this"


@pytest.mark.parametrize(
    ("settings", "expected", "remedy"),
    [
        ({}, "2.5 days left; can be refreshed", "Nothing if a program that refreshes it runs meanwhile"),
        ({"refresh_token": None}, "2.5 days left; can't be refreshed: it has no", "Log in again: ctrader login"),
    ],
)
@over_sockets
async def test_a_token_that_expires_soon(
    reactor: Any,
    room: Room,
    venue: Venue,
    capsys: Capsys,
    unspent: None,
    settings: dict[str, Any],
    expected: str,
    remedy: str,
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor, expires_at=reactor.seconds() + 2.5 * DAY + 60, **settings)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0 and found.one("token")["status"] == "warning"
    assert expected in found.one("token")["detail"] and found.one("token")["remedy"] == remedy
    assert found.one("account")["status"] == "ok"


@over_sockets
async def test_a_token_that_is_due_is_not_refreshed(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor, expires_at=reactor.seconds() + 60)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0 and "0.0 days left" in found.one("token")["detail"]


@over_sockets
async def test_a_token_that_opens_nothing(reactor: Any, room: Room, capsys: Capsys) -> None:
    """And that is taken although it should have expired: the server has the last word."""
    fake = Fake(reactor, room)
    await room.keep(reactor, expires_at=reactor.seconds() - DAY)
    found = await checked(reactor, capsys, room.config, timeout=1)
    await fake.port.stopListening()
    assert found.one("token")["status"] == "warning"
    assert "accepted; opens 0 accounts; it should have expired by now" in found.one("token")["detail"]
    assert "tick the accounts" in found.one("token")["remedy"]
    assert found.one("account")["detail"] == "its token was not granted for it; it opens none"


@over_sockets
async def test_a_refresh_that_was_interrupted(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, unspent: None
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor, refresh_began_at=1_772_528_400.0)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0
    last = found.all("token store")[-1]
    assert last["status"] == "warning" and "began at 2026-03-03 09:00:00 UTC was interrupted" in last["detail"]


@over_sockets
async def test_nobody_has_logged_in(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    store = found.one("token store")
    assert (store["status"], store["remedy"]) == ("failed", "Log in: ctrader login")
    assert "nobody has logged in" in store["detail"]
    assert found.one("application")["status"] == "ok", "the rest is looked at all the same"
    assert found.one("account")["detail"] == "no token is known that opens it"


@over_sockets
async def test_a_token_store_that_others_may_read(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    room.tokens.chmod(0o644)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    readable = found.one("token store")
    assert readable["status"] == "failed" and "0644" in readable["detail"]
    assert readable["remedy"] == f"chmod 600 {room.tokens}"


@over_sockets
async def test_a_token_store_that_another_program_holds(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    release = await FileTokenStore(room.tokens, reactor).lock(1)
    found = await checked(reactor, capsys, room.config, timeout=1.5)
    release()
    assert found.status == 0, "it may be refreshing"
    assert [one["status"] for one in found.all("token store")] == ["ok", "warning"]
    assert "another program has held its lock" in found.all("token store")[1]["detail"]


@over_sockets
async def test_a_token_store_that_is_no_json(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    room.tokens.write_text(f'{{"version": 1, "grants": {{"default": "{TOKEN}"')
    room.tokens.chmod(0o600)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    assert found.one("token store")["detail"].startswith("it can't be read: ")


@over_sockets
async def test_a_token_store_that_can_t_be_written(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    await room.keep(reactor)
    (room.folder / "tokens.json.tmp").mkdir()  # in the way of the file's successor, even the superuser's
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    assert [one["status"] for one in found.all("token store")] == ["ok", "failed"]
    assert found.all("token store")[1]["detail"].startswith("refreshed tokens could not be kept: ")
    assert found.one("account")["status"] == "ok", "it works until its token expires"


# ------------------------------------------------------------------------------------------- accounts


@over_sockets
async def test_an_account_of_the_other_environment(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    accounts = account_table(LIVE_ACCOUNT) + account_table(DEMO_ACCOUNT)
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=accounts)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    wrong = found.one("account", str(LIVE_ACCOUNT))
    assert wrong["detail"].startswith('it is a live account, and "lab" serves the others: CANT_ROUTE_REQUEST')
    assert wrong["remedy"] == "Name an environment that serves live accounts for it"
    assert found.one("account", str(DEMO_ACCOUNT))["status"] == "ok", "the other goes on"


@over_sockets
async def test_an_environment_that_is_not_what_it_is_said_to_be(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys
) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem)
    room.config.write_text(room.config.read_text().replace("live = false", "live = true"))
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0
    assert found.one("account")["remedy"] == "Correct live in [environment.lab]"


@pytest.mark.parametrize(
    ("account_id", "detail", "remedy"),
    [
        (77, f"its token was not granted for it; it opens {DEMO_ACCOUNT}, {SECOND_ACCOUNT}", "Check the id"),
        (LOGIN, f"{LOGIN} is the login of account {DEMO_ACCOUNT}", f"Write id = {DEMO_ACCOUNT}"),
    ],
)
@over_sockets
async def test_an_account_that_was_not_granted(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys, account_id: int, detail: str, remedy: str
) -> None:
    accounts = account_table(account_id, more='access_token_env = "TOKEN"')
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=accounts)
    found = await checked(reactor, capsys, room.config, environ={**ENVIRON, "TOKEN": TOKEN})
    assert found.status == 1
    account = found.one("account")
    assert account["detail"].startswith(detail) and account["remedy"].startswith(remedy)
    assert found.one("clock")["status"] == "skipped"


@over_sockets
async def test_an_account_that_no_kept_token_opens(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=account_table(VIEWED_ACCOUNT))
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    known = f"{DEMO_ACCOUNT}, {SECOND_ACCOUNT}, {LIVE_ACCOUNT}"
    assert found.one("account")["detail"] == f"no token is known that opens it; those there are open {known}"
    assert found.one("account")["remedy"] == (
        "Check the id (the ctidTraderAccountId, not the login), or log in with a cTrader ID that owns it: ctrader login"
    )
    assert found.one("token")["status"] == "ok", "it was asked what it opens"


@over_sockets
async def test_the_login_of_an_account_that_a_kept_token_opens(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys
) -> None:
    """The terminal shows it, and it is taken for the id."""
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=account_table(LOGIN))
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    assert found.one("account")["detail"] == f"{LOGIN} is the login of account {DEMO_ACCOUNT}"
    assert found.one("account")["remedy"] == f"Write id = {DEMO_ACCOUNT}"


@over_sockets
async def test_a_broker_whose_servers_are_down(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    accounts = account_table(DEMO_ACCOUNT) + account_table(SECOND_ACCOUNT)
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=accounts)
    await room.keep(reactor)
    venue.play(script.backend_down(60, account_id=DEMO_ACCOUNT))
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    assert found.one("account", str(DEMO_ACCOUNT))["detail"].startswith("CANT_ROUTE_REQUEST")
    assert "its broker's servers are down" in found.one("account", str(DEMO_ACCOUNT))["remedy"]
    assert found.one("account", str(SECOND_ACCOUNT))["status"] == "ok"
    assert found.one("clock")["status"] == "warning", "told by the one that stands"


# ------------------------------------------------------------------------------------------- several at once


@over_sockets
async def test_one_environment_that_is_down_and_one_that_is_not(
    reactor: Any, room: Room, venue: Venue, capsys: Capsys
) -> None:
    closed = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
    number = closed.getHost().port
    await closed.stopListening()
    more = f'[environment.other]\nhost = "localhost"\nport = {number}\n'
    accounts = account_table(SECOND_ACCOUNT, "other") + account_table(DEMO_ACCOUNT)
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=accounts, more=more)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 1
    places = [one["where"].partition(" ")[0].rstrip(",") for one in found.document["steps"] if one["step"] == "tls"]
    assert places == ["other", "lab"], "told in the order of the file"
    assert found.one("tcp", "other")["status"] == "failed"
    assert found.one("account", "other")["status"] == "skipped"
    assert found.one("account", "lab")["status"] == "ok"


@over_sockets
async def test_limits_of_another_host(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    lab = "requests_per_second = 200\nhistorical_per_second = 20"
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, lab=lab)
    await room.keep(reactor)
    found = await checked(reactor, capsys, room.config)
    assert found.status == 0
    detail = found.one("limits")["detail"]
    assert detail.startswith(
        "200 requests a second, and 20 for history; Spotware's servers allow 50 and 5, and localhost"
    )
    warned = [one["detail"] for one in found.all("configuration") if one["status"] == "warning"]
    assert len(warned) == 2 and warned[0].startswith("environment.lab.requests_per_second: 200 is more")


@over_sockets
async def test_secrets_in_the_configuration_itself(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    more = f'[application]\nclient_id = "an-id"\nclient_secret = "{ENVIRON["CTRADER_CLIENT_SECRET"]}"'
    accounts = account_table(DEMO_ACCOUNT, more=f'access_token = "{TOKEN}"')
    room.write(port_of(venue, reactor), root=venue.trust_root_pem, accounts=accounts, more=more)
    room.config.chmod(0o600)
    found = await checked(reactor, capsys, room.config, environ={})
    assert found.status == 0
    secrets = found.one("secrets")
    assert secrets["detail"].startswith("holds client secret, access token") and secrets["where"] == str(room.config)
    if os.name == "posix":
        assert (secrets["status"], secrets["detail"].split("; ")[-1]) == ("ok", "only its owner may read it")
        room.config.chmod(0o604)
        found = await checked(reactor, capsys, room.config, environ={})
        assert found.status == 0 and found.one("secrets")["status"] == "warning"
        assert "every user may read or write it (its mode is 0604)" in found.one("secrets")["detail"]
        assert len(found.all("configuration")) == 1, "not said twice"


@over_sockets
async def test_a_configuration_that_is_refused(reactor: Any, room: Room, capsys: Capsys) -> None:
    room.config.write_text(f'[[account]]\nid = 7\nenvironment = "demo"\nacess_token = "{TOKEN}"\n')
    found = await checked(reactor, capsys, room.config)
    assert found.status == 2 and found.document["status"] == "failed"
    assert {one["step"] for one in found.document["steps"]} == {"configuration"}
    assert found.all("configuration")[0]["where"] == str(room.config)


# Twisted before 26 leaves the socket that could not be bound to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@over_sockets
async def test_a_venue_whose_port_is_taken(reactor: Any, room: Room, venue: Venue, capsys: Capsys) -> None:
    room.config.write_text(f"[simulator]\nport = {port_of(venue, reactor)}\n")
    found = await checked(reactor, capsys, room.config, environ={})
    assert found.status == 2 and "can't be listened on" in found.all("configuration")[-1]["detail"]


@over_sockets
async def test_a_lookup_that_hangs_does_not_hold_up_the_end(
    reactor: Any, room: Room, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reactor would wait for it: its threads can't be ended."""
    room.write(5035, root=None, host="venue.example")
    await room.keep(reactor)
    left: list[int] = []
    monkeypatch.setattr("os._exit", left.append)
    restore = with_names(reactor, venue_example=None)
    await check_all(reactor, room.config, None, ENVIRON, timeout=0.2, as_json=False)
    restore()
    assert left == [1] and "DNS did not answer within 0.2 s" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------- without a file


@over_sockets
async def test_nothing_to_go_by(reactor: Any, capsys: Capsys) -> None:
    found = await checked(reactor, capsys, None, environ={})
    assert found.status == 2
    assert "CTRADER_CLIENT_ID" in found.one("configuration")["detail"]


@over_sockets
async def test_without_a_file_the_environment_is_gone_by(reactor: Any, room: Room, capsys: Capsys) -> None:
    """Spotware's own hosts, as a person who has just logged in has them; here their names lead nowhere."""
    await room.keep(reactor, accounts=(GrantedAccount(DEMO_ACCOUNT, False), GrantedAccount(SECOND_ACCOUNT, False)))
    restore = with_names(reactor, demo_ctraderapi_com=[], live_ctraderapi_com=[], openapi_ctrader_com=[])
    found = await checked(reactor, capsys, None, tokens=room.tokens)
    restore()
    assert found.status == 1
    assert [one["where"] for one in found.all("dns")] == ["demo (demo.ctraderapi.com:5035)"], "no account is live"
    assert found.one("login server")["status"] == "warning"
    assert found.one("login server")["where"] == "openapi.ctrader.com:443"
