"""A browser is a client, too: the example page, and the browser's own WebSocket with nothing of ours in between."""

from __future__ import annotations

import dataclasses
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater

from ctrader_twisted.sim.accounts import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.house import INSTRUMENTS
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.options import Options
from ctrader_twisted.sim.script import abort, accept_connections, close, refuse_connections
from ctrader_twisted.sim.venue import DEFAULT_START, Venue
from tests.browser.chromium import WITHIN, Chromium, Page, find, start
from tests.loopback.servers import over_sockets
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.skipif(find() is None, reason="no Chromium is installed; CTRADER_BROWSER can name one")

FILE = ROOT / "examples" / "browser" / "quotes.html"
COMMON_ERROR, ERROR, SPOT = 50, 2142, 2131

# What the rows of the page show at one moment, but for those without a quote and those with an old one.
SHOWN = """
    [...document.querySelectorAll("tbody tr:not(.old, .empty)")].map((row) => ({
        name: row.querySelector("th").firstChild.textContent,
        bid: row.querySelector(".bid").textContent, ask: row.querySelector(".ask").textContent,
        spread: row.querySelector(".spread").textContent, at: Date.parse(row.querySelector("time").dateTime),
    }))
"""
STATE = "document.body.dataset.state"
# The page's pauses are a tenth as long.
HASTE = "const slow = setTimeout; setTimeout = (action, ms) => slow(action, ms / 10);"
STATES = """
    globalThis.states = [];
    new MutationObserver(() => states.push(document.querySelector("#state").textContent))
        .observe(document.querySelector("#state"), {childList: true, characterData: true, subtree: true});
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    running = start(tmp_path_factory.mktemp("chromium"))
    yield running
    pytest_twisted.blockon(Deferred.fromCoroutine(running.close()))


@asynccontextmanager
async def joined(browser: Chromium, **venue: Any) -> AsyncIterator[tuple[Venue, Page]]:
    """A venue that trades, on a port for JSON without TLS, and an empty tab."""
    from twisted.internet import reactor

    page = await browser.page()
    serving = Venue(reactor, start=DEFAULT_START, **venue)
    serving.listen_json(reactor, tls=False)
    try:
        yield serving, page
    finally:
        await serving.close()
        await page.close()


def sides(page: Page) -> set[tuple[str, ...]]:
    """Give the kinds of spots that a page has heard, by the sides that they bring."""
    spots = [message["payload"] for message in map(json.loads, page.heard) if message["payloadType"] == SPOT]
    return {tuple(side for side in ("bid", "ask") if side in spot) for spot in spots}


class Serving(Protocol):
    """A web server that has one page."""

    factory: ServingFactory

    def connectionMade(self) -> None:
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n")
        self.transport.write(FILE.read_bytes())
        self.transport.loseConnection()


class ServingFactory(ServerFactory):
    """Makes them, and drops those that the browser has kept open for later."""

    protocol = Serving
    noisy = False

    def __init__(self) -> None:
        self.connections: list[Any] = []

    def drop(self) -> None:
        for each in self.connections:
            each.transport.abortConnection()


def address(venue: Venue, page: str = FILE.as_uri(), **fields: str) -> str:
    """Give the page's address; in its fragment the venue's, and what is not to be as it comes."""
    return f"{page}#{urlencode({'url': venue.json_url, **fields, 'connect': ''})}"


def written(venue: Venue, name: str, at: int) -> dict[str, Any]:
    """Give the row that is right for a symbol as of a moment, ms UTC."""
    instrument = next(each for each in venue.feed.instruments.values() if each.name == name)
    quote = venue.feed.quote(instrument.symbol_id, at)
    assert quote is not None
    digits, pip = instrument.digits, instrument.pip_position
    bid, ask = (f"{price / 100_000:.{digits}f}" for price in (quote.bid, quote.ask))
    spread = f"{(quote.ask - quote.bid) / 10 ** (5 - pip):.{digits - pip}f}"
    return {"name": name, "bid": bid, "ask": ask, "spread": spread, "at": quote.timestamp_ms}


async def wait(seconds: float) -> None:
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


async def watch(venue: Venue, page: Page, symbols: int, changed: int) -> None:
    """Look on until so many symbols have quotes and so many of these have changed; each seen has to be right."""
    from twisted.internet import reactor

    seen: dict[str, set[int]] = {}
    deadline = reactor.seconds() + WITHIN
    while len(seen) < symbols or sum(len(times) > 1 for times in seen.values()) < changed:
        assert reactor.seconds() < deadline, (seen, page.complaints)
        for row in await page.run(SHOWN):
            assert row == written(venue, row["name"], row["at"])
            seen.setdefault(row["name"], set()).add(row["at"])
        await wait(0.05)


@over_sockets
async def test_the_page_shows_every_quote_as_the_venue_has_it(browser: Chromium) -> None:
    async with joined(browser) as (venue, page):
        await page.open(address(venue))
        await page.until(f"{STATE} === 'live'")
        await watch(venue, page, symbols=12, changed=8)
        while sides(page) != {("bid", "ask"), ("bid",), ("ask",)}:
            await watch(venue, page, symbols=1, changed=0)
        assert await page.run("document.querySelector('summary').textContent") == (
            f"Connection: {venue.json_url}, account {EUR_ACCOUNT}"
        )
        assert page.complaints == []


@over_sockets
async def test_a_page_from_a_web_server_shows_the_symbols_it_is_told(browser: Chromium) -> None:
    from twisted.internet import reactor

    serving = ServingFactory()
    site = reactor.listenTCP(0, serving, interface="127.0.0.1")
    try:
        async with joined(browser) as (venue, page):
            served = f"http://127.0.0.1:{site.getHost().port}/"
            await page.open(address(venue, served, symbols="btcusd, XAUUSD", accountId="1000002"))
            await watch(venue, page, symbols=2, changed=2)
            assert [row["name"] for row in await page.run(SHOWN)] == ["XAUUSD", "BTCUSD"]
            assert page.complaints == []
    finally:
        await site.stopListening()
        serving.drop()


@over_sockets
async def test_the_page_says_that_it_is_alive(browser: Chromium) -> None:
    async with joined(browser) as (venue, page):
        # The page's clock runs ten times as fast: ten seconds of its silence are one.
        await page.before("const began = Date.now(); Date.now = () => began + performance.now() * 10;")
        await page.open(address(venue))
        await page.until(f"{STATE} === 'live'")
        while len(page.said) < 7:
            await wait(0.02)
        said = [json.loads(message) for message in page.said]
        assert [message["payloadType"] for message in said[:5]] == [2100, 2102, 2114, 2116, 2127]
        assert said[5:7] == [{"payloadType": 51, "payload": {}}] * 2
        assert (await page.run(STATE), page.sockets) == ("live", 1)
        assert page.complaints == []


@over_sockets
async def test_a_connection_that_is_lost_is_made_again(browser: Chromium) -> None:
    async with joined(browser) as (venue, page):
        await page.before(HASTE)
        await page.open(address(venue))
        await page.until(f"{STATE} === 'live'")
        await watch(venue, page, symbols=12, changed=1)
        await page.run(STATES)
        venue.play(refuse_connections())
        venue.play(abort())
        await page.until(f"{STATE} === 'lost'")
        assert await page.run("document.querySelectorAll('tbody tr.old').length") == 12
        assert await page.run("document.querySelector('tbody .ask').textContent") != ""
        while page.sockets < 4:
            await wait(0.02)
        assert await page.run("document.querySelector('#why').textContent") == (
            "the connection broke, or could not be made"
        )
        venue.play(accept_connections())
        await page.until(f"{STATE} === 'live'")
        assert await page.run("document.querySelector('#why').textContent") == ""
        await watch(venue, page, symbols=12, changed=4)
        states = await page.run("states")
        assert states[0] == "lost: trying again in 1 s"
        assert {"lost: trying again in 2 s", "lost: trying again in 4 s"} <= set(states)  # ever longer
        assert states[-3:] == ["connecting", "authorising", "live"]
        # The browser itself tells the console of a connection that it can't make; nothing else is told.
        noise = f"WebSocket connection to '{venue.json_url}"
        assert [text for text in page.complaints if not text.startswith(noise)] == []


@over_sockets
async def test_a_refusal_is_shown_and_the_form_mends_it(browser: Chromium) -> None:
    async with joined(browser) as (venue, page):
        await page.before(HASTE)
        await page.open(address(venue, clientSecret="wrong"))
        await page.until(f"{STATE} === 'refused'")
        assert await page.run("document.querySelector('#why').textContent") == (
            "CH_CLIENT_AUTH_FAILURE: clientId or clientSecret is incorrect"
        )
        assert await page.run("document.querySelector('details').open")
        await wait(0.5)
        assert (await page.run(STATE), page.sockets) == ("refused", 1)  # it does not try again by itself
        await page.run(
            f"document.querySelector('[name=clientSecret]').value = {json.dumps(CLIENT_SECRET)};"
            "document.querySelector('form button').click()"
        )
        await page.until(f"{STATE} === 'live'")
        await page.run("document.querySelector('#disconnect').click()")
        assert await page.run(STATE) == "not connected"
        while venue.conversations:
            await wait(0.02)
        assert page.complaints == []


# ---------------------------------------------------------------------------------------------------- nothing of ours

BARE = """
globalThis.connect = (url) => new Promise((opened) => {
    const socket = globalThis.socket = new WebSocket(url);
    const asked = new Map();
    globalThis.events = [];
    globalThis.ask = (payloadType, payload) => new Promise((answered) => {
        const clientMsgId = `browser-${Math.random()}`;
        asked.set(clientMsgId, answered);
        socket.send(JSON.stringify({clientMsgId, payloadType, payload}));
    });
    globalThis.over = new Promise((done) => {
        socket.onclose = ({code, reason, wasClean}) => done({code, reason, wasClean});
    });
    socket.onmessage = ({data}) => {
        const {clientMsgId, ...message} = JSON.parse(data);
        if (clientMsgId === undefined) events.push(message);
        else asked.get(clientMsgId)({...message, length: data.length});
    };
    socket.onopen = () => opened({extensions: socket.extensions, protocol: socket.protocol});
})
"""


async def ask(page: Page, payload_type: int, **payload: Any) -> dict[str, Any]:
    """Send a request through the browser's WebSocket, and give its answer, ``length`` added: that of its text."""
    answer: dict[str, Any] = await page.run(f"ask({payload_type}, {json.dumps(payload)})")
    return answer


@pytest.mark.parametrize("compression", [False, True], ids=["plain", "compressed"])
@over_sockets
async def test_the_browsers_own_websocket(browser: Chromium, compression: bool) -> None:
    many = [dataclasses.replace(INSTRUMENTS[0], symbol_id=10_000 + i, name=f"EURUSD.{i}") for i in range(1500)]
    feed = ModelFeed(1, [*INSTRUMENTS, *many])
    async with joined(browser, feed=feed, options=Options(compression=compression, max_frame=2_000)) as (venue, page):
        await page.run(BARE)
        opened = await page.run(f"connect({venue.json_url!r})")
        assert opened.pop("extensions").partition(";")[0] == ("permessage-deflate" if compression else "")
        assert opened == {"protocol": ""}
        account = {"ctidTraderAccountId": EUR_ACCOUNT}

        # What the venue refuses, and what it can't read. None of it ends the connection.
        refused = await ask(page, 2114, **account)
        assert (refused["payloadType"], refused["payload"]["errorCode"]) == (ERROR, "CH_CLIENT_NOT_AUTHENTICATED")
        answer = await ask(page, 2100, clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)
        assert (answer["payloadType"], answer["payload"]) == (2101, {})
        refused = await ask(page, 2114, **account)
        assert (refused["payloadType"], refused["payload"]["errorCode"]) == (ERROR, "INVALID_REQUEST")
        refused = await ask(page, 2102, ctidTraderAccountId="many", accessToken=ACCESS_TOKEN)
        assert (refused["payloadType"], refused["payload"]["errorCode"]) == (COMMON_ERROR, "INVALID_REQUEST")
        for unreadable in ("'hello'", "'[]'", "new Uint8Array([8, 51])"):
            await page.run(f"events.length = 0; socket.send({unreadable})")
            assert await page.until("events[0]?.payload?.errorCode") == "INVALID_REQUEST", unreadable

        answer = await ask(page, 2102, **account, accessToken=ACCESS_TOKEN)
        assert (answer["payloadType"], answer["payload"]) == (2103, account)

        # Long messages, whole: 64 bits are needed for the length of each.
        listed = await ask(page, 2114, **account)
        assert listed["length"] > 0x10000
        names = {symbol["symbolId"]: symbol["symbolName"] for symbol in listed["payload"]["symbol"]}
        assert names == {number: instrument.name for number, instrument in feed.instruments.items()}
        until = DEFAULT_START - 3_600_000
        bars = await ask(page, 2137, **account, symbolId=1, period=Period.M1, count=3000, toTimestamp=until)
        assert bars["length"] > 0x10000
        told = [(bar["low"], bar["utcTimestampInMinutes"]) for bar in bars["payload"]["trendbar"]]
        known, _ = feed.bars_back(1, Period.M1, None, until, 3000, now_ms=DEFAULT_START)
        assert told == [(bar.low, bar.open_ms // 60_000) for bar in known]

        await page.run("events.length = 0")
        answer = await ask(page, 2127, **account, symbolId=[1, 41], subscribeToSpotTimestamp=True)
        assert (answer["payloadType"], answer["payload"]) == (2128, account)
        await page.until("events.length > 4")
        for event in await page.run("events"):
            spot = event["payload"]
            quote = feed.quote(spot["symbolId"], spot["timestamp"])
            assert (event["payloadType"], spot["ctidTraderAccountId"]) == (SPOT, EUR_ACCOUNT)
            assert {"bid", "ask"} & set(spot)
            assert quote == (spot["timestamp"], spot.get("bid", quote.bid), spot.get("ask", quote.ask))

        await page.run("socket.send(JSON.stringify({payloadType: 51, payload: {}}))")  # answered by nothing
        venue.play(close())
        assert await page.run("over") == {"code": 1000, "reason": "", "wasClean": True}

        await page.run(f"connect({venue.json_url!r})")
        await page.run("socket.send(' '.repeat(2_001))")
        assert (await page.run("over"))["code"] == 1009
        assert page.complaints == []
