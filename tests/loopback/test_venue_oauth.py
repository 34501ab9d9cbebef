"""The consent page and the token endpoint on a real port; connections refused, stalled or half open, with TLS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import pytest_twisted
from treq import content
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import formatEvent, globalLogPublisher
from twisted.web.client import Agent, ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers

from ctrader_twisted import messages
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.sim import Venue, script
from ctrader_twisted.sim.accounts import REDIRECT_URI
from ctrader_twisted.sim.config import Settings
from ctrader_twisted.sim.service import VenueService
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, REFRESH_TOKEN
from tests.loopback.callers import call, ended, hung_up
from tests.loopback.servers import over_sockets
from tests.sim.venues import CONSENT, Form, account_auth, application_auth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WHO = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest_twisted.async_yield_fixture
async def venue() -> AsyncIterator[Venue]:
    from twisted.internet import reactor

    made = Venue(reactor)
    yield made
    await made.close()


async def fetch(url: str, form=None, **fields: str) -> tuple[int, Headers, str]:
    from twisted.internet import reactor

    if fields:
        url += "?" + urlencode(fields)
    headers = Headers({} if form is None else {"Content-Type": ["application/x-www-form-urlencoded"]})
    body = None if form is None else Form(form)
    response = await Agent(reactor).request(b"GET" if form is None else b"POST", url.encode(), headers, body)
    return response.code, response.headers, (await content(response)).decode()


async def tokens(venue: Venue, **fields: str) -> dict[str, str]:
    status, _, body = await fetch(venue.token_url, None, **WHO, **fields)
    assert status == 200
    answer: dict[str, str] = json.loads(body)
    return answer


@pytest.mark.parametrize("interface", ["127.0.0.1", "::1"])
@over_sockets
async def test_a_user_consents_and_the_application_gets_its_tokens(venue, interface):
    from twisted.internet import reactor

    port = venue.listen_oauth(reactor, interface).getHost().port
    host = f"[{interface}]" if ":" in interface else interface
    assert venue.token_url == f"http://{host}:{port}/apps/token"
    status, _, page = await fetch(venue.consent_url, None, **CONSENT)
    assert status == 200 and "<form" in page
    form = {**CONSENT, "account": [EUR_ACCOUNT], "decision": "allow"}
    status, headers, _ = await fetch(venue.consent_url, form)
    (location,) = headers.getRawHeaders("location")
    assert status == 302 and location.startswith(REDIRECT_URI + "?code=")
    (code,) = parse_qs(urlsplit(location).query)["code"]
    answer = await tokens(venue, grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)
    fresh = await tokens(venue, grant_type="refresh_token", refresh_token=answer["refreshToken"])
    again = await tokens(venue, grant_type="refresh_token", refresh_token=answer["refreshToken"])
    assert again["errorCode"] == "ACCESS_DENIED"
    caller = await call("127.0.0.1", venue.listen(reactor).getHost().port, venue.trust_root_pem, "localhost")
    await caller.ask(application_auth())
    authorised = await caller.ask(account_auth(access_token=fresh["accessToken"]))
    assert isinstance(authorised, messages.ProtoOAAccountAuthRes)
    await hung_up(caller)


@over_sockets
async def test_the_endpoint_misbehaves_when_told_to(venue):
    from twisted.internet import reactor

    venue.listen_oauth(reactor)
    fields = {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}
    for how, status in (("html", 200), ("500", 500)):
        venue.play(script.break_token_answers(how))
        assert (await fetch(venue.token_url, None, **WHO, **fields))[0] == status
    venue.play(script.break_token_answers("cut"))
    with pytest.raises(ResponseFailed):
        await fetch(venue.token_url, None, **WHO, **fields)
    venue.play(script.break_token_answers(seconds=0))
    venue.play(script.delay_token_answers(0.2))
    before = reactor.seconds()
    fresh = await tokens(venue, **fields)
    assert reactor.seconds() - before >= 0.19
    venue.play(script.drop_token_answers())
    with pytest.raises(ResponseNeverReceived):
        await tokens(venue, grant_type="refresh_token", refresh_token=fresh["refreshToken"])
    assert (await tokens(venue, grant_type="refresh_token", refresh_token=fresh["refreshToken"]))["errorCode"]


@over_sockets
async def test_closing_drops_whoever_waits_for_an_answer(venue):
    from twisted.internet import reactor

    venue.listen_oauth(reactor)
    venue.play(script.drop_token_answers(closes=False))
    waiting = Deferred.fromCoroutine(tokens(venue, grant_type="refresh_token", refresh_token=REFRESH_TOKEN))
    while venue.registry.grants[0].generation == 0:
        await task.deferLater(reactor, 0.01)
    await venue.close()
    with pytest.raises(ResponseNeverReceived):
        await waiting


@over_sockets
async def test_the_service_serves_both_and_logs_no_secret(tmp_path):
    from twisted.internet import reactor

    lines: list[str] = []

    def observe(event):
        lines.append(f"{formatEvent(event)} {event!r}")

    service = VenueService(reactor, Settings("venue.toml", interface="0.0.0.0", oauth_port=0))
    assert service.oauth_port is None
    globalLogPublisher.addObserver(observe)
    try:
        service.startService()
        url = f"http://127.0.0.1:{service.oauth_port}"
        assert service.venue is not None and service.venue.token_url == url + "/apps/token"
        fresh = await tokens(service.venue, grant_type="refresh_token", refresh_token=REFRESH_TOKEN)
        await fetch(url + "/nowhere", None, secret="in-the-address")
        await service.stopService()
    finally:
        globalLogPublisher.removeObserver(observe)
    log = "\n".join(lines)
    assert f"{url}/apps/token" in log
    secrets = [CLIENT_SECRET, REFRESH_TOKEN, fresh["accessToken"], fresh["refreshToken"], "in-the-address"]
    assert not [secret for secret in secrets if secret in log]
    assert service.oauth_port is None
    with pytest.raises(ConnectionRefusedError):
        await fetch(url)


@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@over_sockets
async def test_an_oauth_port_that_is_taken_is_refused(venue, tmp_path):
    """And the certificate of the venue that runs there stays."""
    from twisted.internet import reactor

    taken = venue.listen_oauth(reactor).getHost().port
    root = tmp_path / "root.pem"
    root.write_text("of the venue that runs")
    service = VenueService(reactor, Settings("venue.toml", oauth_port=taken, trust_root=root))
    with pytest.raises(
        ConfigurationError, match=rf"venue\.toml: simulator\.oauth_port: .*{taken}.* a port that is free"
    ):
        service.startService()
    assert service.venue is None and service.oauth_port is None
    assert root.read_text() == "of the venue that runs"


# ------------------------------------------------------------------------------------------------- connections with TLS


class Silent(Protocol):
    def __init__(self):
        self.data, self.lost = b"", Deferred()

    def dataReceived(self, data):
        self.data += data

    def connectionLost(self, reason):
        self.lost.callback(reason.value)


async def connected(port: int) -> Silent:
    """Connect by plain TCP."""
    from twisted.internet import reactor
    from twisted.internet.endpoints import TCP4ClientEndpoint

    silent: Silent = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(Silent))
    return silent


@over_sockets
async def test_new_connections_are_refused_or_stalled_before_tls(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    venue.play(script.refuse_connections())
    refused = await connected(port)
    await refused.lost
    venue.play(script.accept_connections())
    venue.play(script.stall_connections(0.3))
    stalled = await connected(port)
    stalled.transport.write(b"\x16\x03\x01 a client's hello, or not")
    before = reactor.seconds()
    await stalled.lost
    assert reactor.seconds() - before >= 0.2 and not stalled.data
    caller = await call("127.0.0.1", port, venue.trust_root_pem, "localhost")
    assert await caller.ask(messages.ProtoOAVersionReq())
    venue.play(script.stall_connections())
    stalled = await connected(port)
    await venue.close()
    await stalled.lost
    await ended(caller)


@over_sockets
async def test_a_close_of_a_half_open_connection_is_never_answered(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    caller = await call("127.0.0.1", port, venue.trust_root_pem, "localhost")
    await caller.ask(application_auth())
    venue.play(script.half_open(0.4))
    caller.send(messages.ProtoOAVersionReq(), "swallowed")
    caller.transport.loseConnection()
    before = reactor.seconds()
    await ended(caller)  # by the reset at its end
    assert reactor.seconds() - before >= 0.3
    assert not caller.events
    assert not venue.conversations
