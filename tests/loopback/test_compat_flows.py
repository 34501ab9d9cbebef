"""What the samples of Spotware's package do, done by `compat` over real sockets under a real reactor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_twisted
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from ctrader_twisted.compat import Auth, Client, Protobuf, TcpProtocol
from ctrader_twisted.compat.messages.OpenApiCommonMessages_pb2 import *  # noqa: F403
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import *  # noqa: F403
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import (
    ProtoOAAccountAuthReq,
    ProtoOAAccountAuthRes,
    ProtoOAApplicationAuthReq,
    ProtoOAApplicationAuthRes,
    ProtoOACancelOrderReq,
    ProtoOAClosePositionReq,
    ProtoOAExecutionEvent,
    ProtoOAGetAccountListByAccessTokenReq,
    ProtoOAGetTickDataReq,
    ProtoOAGetTrendbarsReq,
    ProtoOANewOrderReq,
    ProtoOAReconcileReq,
    ProtoOASpotEvent,
    ProtoOASubscribeSpotsReq,
    ProtoOASymbolsListReq,
    ProtoOATraderReq,
    ProtoOAUnsubscribeSpotsReq,
    ProtoOAVersionReq,
)
from ctrader_twisted.compat.messages.OpenApiModelMessages_pb2 import (
    BUY,
    ProtoOAExecutionType,
    ProtoOAOrderType,
    ProtoOAQuoteType,
    ProtoOATradeSide,
    ProtoOATrendbarPeriod,
)
from ctrader_twisted.compat.opening import Opening
from ctrader_twisted.errors import CannotWait, ConnectionFailed, OAuthRefused, RequestNotSent, ServerError
from ctrader_twisted.sim import Venue, script
from ctrader_twisted.sim.accounts import REDIRECT_URI
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_START,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
)
from ctrader_twisted.tls import ClientTLS
from tests.loopback.servers import over_sockets
from tests.loopback.venue_address import run_at
from tests.sim.venues import CONSENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.conftest import LoggedErrors


@pytest_twisted.async_yield_fixture
async def venue() -> AsyncIterator[Venue]:
    from twisted.internet import reactor

    made = Venue(reactor, start=DEFAULT_START)
    yield made
    await made.close()


class Console:
    """The console sample's way: one callback for every message sets off the next step.

    :ivar told: the steps that were taken, in order.
    """

    def __init__(self, host: str, port: int, **arguments: Any) -> None:
        self.told: list[str] = []
        self.events: list[Any] = []
        self.failures: list[Any] = []
        self._waiting: list[tuple[Callable[[Any], bool], Deferred[Any]]] = []
        self.client = Client(host, port, TcpProtocol, **arguments)
        self.client.setConnectedCallback(self.connected)
        self.client.setDisconnectedCallback(self.disconnected)
        self.client.setMessageReceivedCallback(self.received)
        self.client.startService()

    def send(self, request: Any) -> None:
        self.client.send(request).addErrback(self.failures.append)

    def connected(self, client: Client) -> None:
        self.told.append("connected")
        request = ProtoOAApplicationAuthReq()
        request.clientId = CLIENT_ID
        request.clientSecret = CLIENT_SECRET
        self.send(request)

    def disconnected(self, client: Client, reason: Any) -> None:
        self.told.append("disconnected")

    def received(self, client: Client, message: Any) -> None:
        if message.payloadType == ProtoOAApplicationAuthRes().payloadType:
            self.told.append("application")
            request = ProtoOAAccountAuthReq()
            request.ctidTraderAccountId = EUR_ACCOUNT
            request.accessToken = ACCESS_TOKEN
            self.send(request)
        elif message.payloadType == ProtoOAAccountAuthRes().payloadType:
            self.told.append(f"account {Protobuf.extract(message).ctidTraderAccountId}")
        extracted = Protobuf.extract(message)
        self.events.append(extracted)
        for entry in list(self._waiting):
            if entry[0](extracted):
                self._waiting.remove(entry)
                entry[1].callback(extracted)

    def until(self, wanted: Callable[[Any], bool] | type) -> Deferred[Any]:
        """Wait for a message by what the callback for every message is told."""
        test = (lambda one: isinstance(one, wanted)) if isinstance(wanted, type) else wanted
        waiter: Deferred[Any] = Deferred()
        self._waiting.append((test, waiter))
        return waiter

    async def ask(self, request: Any) -> Any:
        return Protobuf.extract(await self.client.send(request))


def executed(kind: int) -> Callable[[Any], bool]:
    return lambda one: isinstance(one, ProtoOAExecutionEvent) and one.executionType == kind


@over_sockets
async def test_the_console_samples_flow(venue: Venue) -> None:
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    console = Console("localhost", port, trustRoot=venue.trust_root_pem)
    await console.until(ProtoOAAccountAuthRes)
    assert console.told == ["connected", "application", f"account {EUR_ACCOUNT}"]
    assert (await console.ask(ProtoOAVersionReq())).version
    listed = await console.ask(ProtoOAGetAccountListByAccessTokenReq(accessToken=ACCESS_TOKEN))
    assert EUR_ACCOUNT in [one.ctidTraderAccountId for one in listed.ctidTraderAccount]
    assert (await console.ask(ProtoOATraderReq(ctidTraderAccountId=EUR_ACCOUNT))).trader.balance
    symbols = await console.ask(ProtoOASymbolsListReq(ctidTraderAccountId=EUR_ACCOUNT))
    (symbol,) = [one for one in symbols.symbol if one.symbolName == "EURUSD"]

    quoted = console.until(ProtoOASpotEvent)
    subscribe = ProtoOASubscribeSpotsReq()
    subscribe.ctidTraderAccountId = EUR_ACCOUNT
    subscribe.symbolId.append(symbol.symbolId)
    subscribe.subscribeToSpotTimestamp = True
    console.send(subscribe)
    quote = await quoted
    assert quote.symbolId == symbol.symbolId and quote.timestamp

    for request in (
        ProtoOAGetTrendbarsReq(period=ProtoOATrendbarPeriod.Value("H1")),
        ProtoOAGetTickDataReq(type=ProtoOAQuoteType.Value("BID")),
    ):
        request.ctidTraderAccountId = EUR_ACCOUNT
        request.symbolId = symbol.symbolId
        request.fromTimestamp = DEFAULT_START - 3_600_000 * 5
        request.toTimestamp = DEFAULT_START
        answer = await console.ask(request)
        assert len(answer.trendbar if request.DESCRIPTOR.name.endswith("TrendbarsReq") else answer.tickData)

    order = ProtoOANewOrderReq()
    order.ctidTraderAccountId = EUR_ACCOUNT
    order.symbolId = symbol.symbolId
    order.orderType = ProtoOAOrderType.Value("MARKET")
    order.tradeSide = ProtoOATradeSide.Value("BUY")
    order.volume = 1_000 * 100
    filled = console.until(executed(ProtoOAExecutionType.ORDER_FILLED))
    console.send(order)
    position = (await filled).position
    assert position.tradeData.tradeSide == BUY

    order.orderType = ProtoOAOrderType.LIMIT
    order.limitPrice = round(quote.bid / 100_000 - 0.05, 5)
    placed = await console.ask(order)
    cancelled = await console.ask(ProtoOACancelOrderReq(ctidTraderAccountId=EUR_ACCOUNT, orderId=placed.order.orderId))
    assert cancelled.executionType == ProtoOAExecutionType.ORDER_CANCELLED

    closing = ProtoOAClosePositionReq(ctidTraderAccountId=EUR_ACCOUNT, positionId=position.positionId)
    closing.volume = 1_000 * 100
    closed = console.until(executed(ProtoOAExecutionType.ORDER_FILLED))
    console.send(closing)
    await closed
    assert not (await console.ask(ProtoOAReconcileReq(ctidTraderAccountId=EUR_ACCOUNT))).position

    console.send(ProtoOAUnsubscribeSpotsReq(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[symbol.symbolId]))
    assert console.failures == []
    console.send(closing)  # there is nothing left to close
    refused = await console.until(lambda one: hasattr(one, "errorCode") and one.errorCode)
    await deferLater(reactor, 0)  # the callback is told first
    assert console.failures[0].check(ServerError) and console.failures[0].value.code == refused.errorCode
    await console.client.stopService()
    assert console.told[-1] == "disconnected"


@over_sockets
async def test_the_console_goes_on_after_the_line_was_cut(venue: Venue) -> None:
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    console = Console("localhost", port, trustRoot=venue.trust_root_pem, retryPolicy=lambda _: 0.05)
    await console.until(ProtoOAAccountAuthRes)
    again = console.until(ProtoOAAccountAuthRes)
    for talk in list(venue.conversations.values()):
        talk.peer.abort()
    await again
    assert console.told == ["connected", "application", f"account {EUR_ACCOUNT}", "disconnected"] + [
        "connected",
        "application",
        f"account {EUR_ACCOUNT}",
    ]
    await console.client.stopService()


@over_sockets
async def test_a_server_whose_certificate_is_not_trusted_hears_nothing(
    venue: Venue, logged_errors: LoggedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twisted.internet import reactor

    monkeypatch.setenv("SSL_CERT_FILE", "none.pem")
    port = venue.listen(reactor).getHost().port
    told: list[Any] = []
    for host, trust in (("localhost", None), ("127.0.0.2", venue.trust_root_pem)):
        client = Client(host, port, TcpProtocol, trustRoot=trust)
        client.setConnectedCallback(told.append)
        client.setDisconnectedCallback(lambda _, reason: told.append(reason.value))
        request = client.send(ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET))
        client.startService()
        with pytest.raises(RequestNotSent) as caught:
            await request
        await client.stopService()
        if host == "localhost":
            assert "its certificate is" in str(caught.value)
            assert "SSL_CERT_FILE names none.pem, which can't be read" in str(caught.value)
            assert [type(one) for one in told] == [ConnectionFailed]
    assert len(venue.conversations) == 0
    logged_errors.flush()


@over_sockets
async def test_a_handshake_that_does_not_end_is_given_up(venue: Venue) -> None:
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    venue.play(script.stall_connections())
    told: list[Any] = []
    hears = SimpleNamespace(handshake_failed=told.append, attempt_ended=told.append)
    opening = Opening(
        TCP4ClientEndpoint(reactor, "127.0.0.1", port),
        ClientTLS("localhost", venue.trust_root_pem),
        clock=reactor,
        where="there",
        hears=hears,
        timeout=0.2,
    )
    with pytest.raises(ConnectionFailed, match="TLS handshake was not completed within 0.2 s"):
        await opening.connect(Factory.forProtocol(Protocol))
    await deferLater(reactor, 0)  # told after whoever waits
    assert [str(one) for one in told] == ["there: the TLS handshake was not completed within 0.2 s"] * 2
    cancelled = opening.connect(Factory.forProtocol(Protocol))
    await deferLater(reactor, 0.05)
    cancelled.cancel()
    with pytest.raises(CancelledError):
        await cancelled


class Redirected(Resource):
    """The web sample's page, to which the browser comes back: tokens for the code, and the accounts that they open."""

    isLeaf = True

    def __init__(self, auth: Auth, client: Client, token_url: str) -> None:
        super().__init__()
        self.auth = auth
        self.client = client
        self.token_url = token_url

    def render_GET(self, request: Any) -> Any:
        ensureDeferred(self.answer(request))
        return NOT_DONE_YET

    async def answer(self, request: Any) -> None:
        token = await self.auth.getTokenDeferred(request.args[b"code"][0], baseUri=self.token_url)
        if "errorCode" in token and token["errorCode"] is not None:
            request.write(f"Error: {token['description']}".encode())
        else:
            wanted = ProtoOAGetAccountListByAccessTokenReq(accessToken=token["access_token"])
            listed = Protobuf.extract(await self.client.send(wanted))
            accounts = sorted(one.ctidTraderAccountId for one in listed.ctidTraderAccount)
            request.write(", ".join(map(str, accounts)).encode())
        request.finish()


@over_sockets
async def test_the_web_samples_flow(venue: Venue) -> None:
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    venue.listen_oauth(reactor)
    client = Client("localhost", port, TcpProtocol, trustRoot=venue.trust_root_pem)
    application = ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)
    authorised: Deferred[Any] = Deferred()
    client.setConnectedCallback(lambda client: client.send(application).chainDeferred(authorised))
    client.startService()
    await authorised
    auth = Auth(CLIENT_ID, CLIENT_SECRET, REDIRECT_URI)
    page = reactor.listenTCP(0, Site(Redirected(auth, client, venue.token_url)), interface="127.0.0.1")

    consent = auth.getAuthUri(baseUri=venue.consent_url) + "&product=web"
    form = {**CONSENT, "account": [str(EUR_ACCOUNT)], "decision": "allow"}
    pool = HTTPClient(Agent(reactor))
    assert (await (await pool.get(consent)).text()).startswith("<!DOCTYPE html>")
    sent_back = await pool.post(venue.consent_url, data=form, allow_redirects=False)
    (code,) = parse_qs(urlsplit(sent_back.headers.getRawHeaders("location")[0]).query)["code"]
    address = f"http://127.0.0.1:{page.getHost().port}/redirect?code="
    shown = await (await pool.get(address + code)).text()
    assert shown == str(EUR_ACCOUNT)
    shown = await (await pool.get(address + code)).text()
    assert shown.startswith("Error: ")
    await client.stopService()
    await page.stopListening()


@over_sockets
async def test_no_http_blocks_the_reactor(venue: Venue) -> None:
    from twisted.internet import reactor

    venue.listen_oauth(reactor)
    auth = Auth(CLIENT_ID, CLIENT_SECRET, REDIRECT_URI)
    for call, instead in ((auth.getToken, "getTokenDeferred"), (auth.refreshToken, "refreshTokenDeferred")):
        with pytest.raises(CannotWait, match=instead):
            call("code", baseUri=venue.token_url)
    # A thread may wait, as people do who know of the fault.
    fresh = await deferToThread(auth.refreshToken, REFRESH_TOKEN, baseUri=venue.token_url)
    assert fresh["errorCode"] is None and fresh["expiresIn"] > 0 and fresh["tokenType"] == "bearer"
    fresh = await auth.refreshTokenDeferred(fresh["refreshToken"], baseUri=venue.token_url)
    assert fresh["accessToken"] == fresh["access_token"] != ACCESS_TOKEN
    refused = await auth.refreshTokenDeferred(REFRESH_TOKEN, baseUri=venue.token_url)
    assert sorted(refused) == ["description", "errorCode"] and refused["errorCode"] == "ACCESS_DENIED"
    venue.play(script.break_token_answers("html"))
    with pytest.raises(OAuthRefused):  # nothing that the server has said can be given
        await auth.refreshTokenDeferred(REFRESH_TOKEN, baseUri=venue.token_url)


NOTEBOOK = """
from ctrader_twisted.compat import Client, Protobuf, TcpProtocol, Auth, EndPoints
from ctrader_twisted.compat.messages.OpenApiCommonMessages_pb2 import *
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import *
from ctrader_twisted.compat.messages.OpenApiModelMessages_pb2 import *
from twisted.internet import reactor
import datetime
import pandas

auth = Auth(CLIENT_ID, CLIENT_SECRET, "http://localhost:8765/")
token = auth.refreshToken(REFRESH_TOKEN, baseUri=EndPoints.TOKEN_URI)
if "accessToken" not in token:
    raise KeyError(token)
client = Client(EndPoints.PROTOBUF_DEMO_HOST, EndPoints.PROTOBUF_PORT, TcpProtocol)
dailyBars = []

def onError(failure):
    print("failed:", failure.getErrorMessage())
    reactor.stop()

def connected(client):
    request = ProtoOAApplicationAuthReq()
    request.clientId = CLIENT_ID
    request.clientSecret = CLIENT_SECRET
    client.send(request).addCallbacks(applicationAuthorised, onError)

def applicationAuthorised(result):
    request = ProtoOAAccountAuthReq(ctidTraderAccountId=ACCOUNT, accessToken=token["accessToken"])
    client.send(request).addCallbacks(accountAuthorised, onError)

def accountAuthorised(result):
    request = ProtoOASymbolsListReq(ctidTraderAccountId=ACCOUNT, includeArchivedSymbols=False)
    client.send(request).addCallbacks(symbolsReceived, onError)

def symbolsReceived(result):
    found = [symbol for symbol in Protobuf.extract(result).symbol if symbol.symbolName == "EURUSD"]
    request = ProtoOAGetTrendbarsReq(ctidTraderAccountId=ACCOUNT, symbolId=found[0].symbolId)
    request.period = ProtoOATrendbarPeriod.D1
    request.fromTimestamp = NOW - 50 * 7 * 86400 * 1000
    request.toTimestamp = NOW
    client.send(request).addCallbacks(barsReceived, onError)

def barsReceived(result):
    for bar in Protobuf.extract(result).trendbar:
        opened = datetime.datetime.fromtimestamp(bar.utcTimestampInMinutes * 60, datetime.timezone.utc)
        prices = [(bar.low + delta) / 100000 for delta in (bar.deltaOpen, bar.deltaHigh, 0, bar.deltaClose)]
        dailyBars.append([opened, *prices, bar.volume])
    reactor.stop()

client.setConnectedCallback(connected)
client.startService()
reactor.run()

frame = pandas.DataFrame(dailyBars, columns=["Time", "Open", "High", "Low", "Close", "Volume"])
frame["Up"] = (frame["Close"] > frame["Open"]).astype(int)
print(len(frame), bool((frame["High"] >= frame["Low"]).all()), sorted(set(frame["Up"])))
"""


@pytest.mark.slow
@over_sockets
async def test_the_notebook_samples_flow(venue: Venue, tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas makes the table of this sample")
    printed, complaints, status = await run_at(
        venue,
        tmp_path,
        NOTEBOOK,
        CLIENT_ID=CLIENT_ID,
        CLIENT_SECRET=CLIENT_SECRET,
        REFRESH_TOKEN=REFRESH_TOKEN,
        ACCOUNT=EUR_ACCOUNT,
        NOW=DEFAULT_START,
    )
    assert not complaints, complaints
    assert status == 0
    count, sane, ups = printed.strip().split(" ", 2)
    assert int(count) > 240 and (sane, ups) == ("True", "[0, 1]")
