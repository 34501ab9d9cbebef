"""Tokens over HTTP and real sockets: servers that answer, refuse, fall silent, lie about themselves."""

from __future__ import annotations

import datetime
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site

from ctrader_twisted.errors import AnswerTimeout, OAuthRefused, OutcomeUnknown, RequestNotSent
from ctrader_twisted.tokens import FileTokenStore, Grant, TokenKeeper
from ctrader_twisted.tokens.oauth import OAuth
from tests.loopback.servers import certificate, listen, over_sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET, REFRESH = "cl1ent-s3cret", "r3fresh-marked"
GOOD = json.dumps({"accessToken": "acc3ss-marked", "refreshToken": "other-r3fresh", "expiresIn": 60}).encode()


class Tokens(Resource):
    """Answers with tokens."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    def render_GET(self, request: Any) -> bytes:
        self.asked.append(request.uri)
        request.setHeader("content-type", "application/json")
        return GOOD


class Elsewhere(Resource):
    """Sends on."""

    isLeaf = True

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def render_GET(self, request: Any) -> bytes:
        request.redirect(f"http://127.0.0.1:{self.port}/?{request.uri.decode()}".encode())
        return b""


class Saying(Protocol):
    """Says a few bytes when it is asked, and then nothing, or closes."""

    factory: SayingFactory

    def connectionMade(self) -> None:
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard += data
        if self.factory.said:
            self.transport.write(self.factory.said)
        if self.factory.closes:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.factory.connections.remove(self)


class SayingFactory(ServerFactory):
    protocol = Saying
    noisy = False

    def __init__(self, said: bytes = b"", closes: bool = False) -> None:
        self.said = said
        self.closes = closes
        self.heard = b""
        self.connections: list[Saying] = []


@asynccontextmanager
async def serving(factory: Any) -> AsyncIterator[int]:
    from twisted.internet import reactor

    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        await port.stopListening()


def site(resource: Resource) -> Site:
    made = Site(resource)
    made.noisy = False
    return made


def oauth_at(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **options: Any) -> OAuth:
    from twisted.internet import reactor

    return OAuth("app-1", SECRET, token_url=f"{scheme}://{host}:{port}/apps/token", clock=reactor, **options)


async def refusal(kind: type[Exception], oauth: OAuth) -> Any:
    with pytest.raises(kind) as caught:
        await oauth.refresh(REFRESH)
    assert type(caught.value) is kind
    for text in (str(caught.value), repr(caught.value), Failure(caught.value).getTraceback()):
        assert SECRET not in text
        assert REFRESH not in text
        assert "apps/token" not in text
    return caught.value


@over_sockets
async def test_tokens_from_a_real_server() -> None:
    resource = Tokens()
    async with serving(site(resource)) as port:
        pair = await oauth_at(port).refresh(REFRESH)
        assert (pair.access_token, pair.refresh_token) == ("acc3ss-marked", "other-r3fresh")
        pair = await oauth_at(port, host="localhost").exchange("code", "http://localhost/")
        assert pair.expires_at - pair.obtained_at == 60
    assert len(resource.asked) == 2


@over_sockets
async def test_a_redirect_is_not_followed() -> None:
    resource = Tokens()
    async with serving(site(resource)) as target, serving(site(Elsewhere(target))) as port:
        error = await refusal(OAuthRefused, oauth_at(port))
    assert "HTTP 302" in error.description
    assert resource.asked == []


@over_sockets
async def test_a_port_that_nobody_listens_to() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await refusal(RequestNotSent, oauth_at(taken.getsockname()[1]))
    assert str(error) == (
        "the token request: 127.0.0.1: the connection was refused: nothing listens there, or a firewall is in the way; "
        "it was never sent and may be repeated"
    )


@over_sockets
async def test_a_host_that_does_not_exist() -> None:
    from twisted.internet import reactor

    oauth = OAuth("app-1", SECRET, token_url="https://nowhere.invalid/apps/token", clock=reactor)
    assert "nowhere.invalid: the host name can't be resolved" in str(await refusal(RequestNotSent, oauth))


@over_sockets
async def test_a_server_that_never_answers() -> None:
    factory = SayingFactory()
    async with serving(factory) as port:
        error = await refusal(AnswerTimeout, oauth_at(port, timeout=0.2))
        assert "127.0.0.1: no answer in 0.2 s" in str(error)
        await gone(factory)


@over_sockets
async def test_a_server_that_stops_in_its_answer() -> None:
    factory = SayingFactory(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    async with serving(factory) as port:
        await refusal(AnswerTimeout, oauth_at(port, timeout=0.2))
        await gone(factory)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"nonsense r3fresh-marked\r\n\r\n",
    ],
)
@over_sockets
async def test_a_server_that_hangs_up(said: bytes) -> None:
    factory = SayingFactory(said, closes=True)
    async with serving(factory) as port:
        await refusal(OutcomeUnknown, oauth_at(port))
        await gone(factory)


@over_sockets
async def test_an_answer_without_end() -> None:
    factory = SayingFactory(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 70_000)
    async with serving(factory) as port:
        await refusal(OAuthRefused, oauth_at(port))
        await gone(factory)


@over_sockets
async def test_an_answer_that_ends_with_its_connection() -> None:
    factory = SayingFactory(b"HTTP/1.0 200 OK\r\n\r\n" + GOOD, closes=True)
    async with serving(factory) as port:
        assert (await oauth_at(port).refresh(REFRESH)).access_token == "acc3ss-marked"


@over_sockets
async def test_a_caller_that_gives_up() -> None:
    from twisted.internet import reactor

    for said in (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"):
        factory = SayingFactory(said)
        async with serving(factory) as port:
            refreshing = oauth_at(port).refresh(REFRESH)
            while not factory.heard:
                await deferLater(reactor, 0.005)
            refreshing.cancel()
            with pytest.raises(CancelledError):
                await refreshing
            await gone(factory)


async def gone(factory: SayingFactory) -> None:
    """Wait until every connection has ended; the test's own time limit is the bound."""
    from twisted.internet import reactor

    while factory.connections:
        await deferLater(reactor, 0.005)


@pytest.mark.parametrize(
    ("host", "days", "said"),
    [
        ("localhost", 36_500, "its certificate is self-signed and not among the trusted ones"),
        ("localhost", 1, None),  # expired: which of the two is said is OpenSSL's choice
    ],
)
@over_sockets
async def test_a_certificate_that_is_not_trusted(host: str, days: int, said: str | None) -> None:
    from twisted.internet import reactor

    factory = SayingFactory(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD)
    port = listen(reactor, factory, certificate(host, days=days)[1])
    try:
        error = await refusal(RequestNotSent, oauth_at(port.getHost().port, scheme="https", host="localhost"))
        assert (said or "its certificate") in str(error)
        assert factory.heard == b""  # no secret was said
    finally:
        await port.stopListening()


@over_sockets
async def test_a_server_that_does_not_speak_tls() -> None:
    factory = SayingFactory(b"HTTP/1.1 400 Bad Request\r\n\r\n", closes=True)
    async with serving(factory) as port:
        error = await refusal(RequestNotSent, oauth_at(port, scheme="https", host="localhost"))
        assert "does not speak TLS" in str(error)
    assert SECRET.encode() not in factory.heard


@over_sockets
async def test_a_certificate_for_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet import reactor

    from ctrader_twisted.tokens import oauth as module

    pem, pair = certificate("other.example", days=36_500)
    trusting = module.ClientTLS
    monkeypatch.setattr(module, "ClientTLS", lambda host: trusting(host, pem))
    factory = SayingFactory()
    port = listen(reactor, factory, pair)
    try:
        error = await refusal(RequestNotSent, oauth_at(port.getHost().port, scheme="https", host="localhost"))
        assert "its certificate is for another host name" in str(error)
        assert factory.heard == b""
    finally:
        await port.stopListening()


@over_sockets
async def test_tokens_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet import reactor

    from ctrader_twisted.tokens import oauth as module

    pem, pair = certificate("localhost", days=36_500)
    trusting = module.ClientTLS
    monkeypatch.setattr(module, "ClientTLS", lambda host: trusting(host, pem))
    port = listen(reactor, site(Tokens()), pair)
    try:
        got = await oauth_at(port.getHost().port, scheme="https", host="localhost").refresh(REFRESH)
        assert got.access_token == "acc3ss-marked"
    finally:
        await port.stopListening()


@over_sockets
async def test_a_keeper_with_a_server_that_is_not_there_and_then_is(tmp_path: Any) -> None:
    from twisted.internet import reactor

    now = datetime.datetime(2025, 6, 15, tzinfo=datetime.UTC).timestamp()
    store = FileTokenStore(tmp_path / "tokens.json", reactor)
    await store.save(Grant("default", "first", REFRESH, now))
    keeper = TokenKeeper(store, reactor)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        oauth = oauth_at(taken.getsockname()[1])
        with pytest.raises(RequestNotSent):
            await keeper.refresh("default", oauth.refresh)
    assert (await store.load())["default"] == Grant("default", "first", REFRESH, now)
    async with serving(site(Tokens())) as port:
        grant = await keeper.refresh("default", oauth_at(port).refresh)
    assert grant.access_token == "acc3ss-marked"
    assert (await store.load())["default"] == grant
