"""The venue's WebSockets on real ports, and a client that nobody here wrote: the `websockets` package."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import pytest_twisted
from twisted.internet import task
from twisted.internet.threads import deferToThread
from twisted.logger import formatEvent, globalLogPublisher
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ctrader_twisted import messages
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.sim import Options, Venue, script
from ctrader_twisted.sim.config import Settings
from ctrader_twisted.sim.service import VenueService
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_START,
    EUR_ACCOUNT,
    simulated_client,
)
from ctrader_twisted.wire import schema
from tests.loopback.callers import call, ended, hung_up
from tests.loopback.servers import over_sockets
from tests.paths import ROOT
from tests.sim.venues import EURUSD, account_auth, application_auth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from google.protobuf.message import Message
    from websockets.asyncio.client import ClientConnection

BITCOIN = 301  # trades at all hours
TIMEOUT = 10.0
APPLICATION = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
ACCOUNT = {"ctidTraderAccountId": EUR_ACCOUNT, "accessToken": ACCESS_TOKEN}
CREDENTIALS = {**APPLICATION, "accessToken": ACCESS_TOKEN, "accountId": EUR_ACCOUNT}
KEYS = count(1)

_T = TypeVar("_T")


@pytest_twisted.async_yield_fixture
async def venue(request) -> AsyncIterator[Venue]:
    from twisted.internet import reactor

    made = Venue(reactor, start=DEFAULT_START, options=getattr(request, "param", None))
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def _without_a_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")  # `websockets` goes by the environment


async def emptied(venue: Venue) -> None:
    """Wait until the venue, too, has noticed that everybody is gone."""
    from twisted.internet import reactor

    give_up = reactor.seconds() + TIMEOUT
    while venue.conversations:
        assert reactor.seconds() < give_up
        await task.deferLater(reactor, 0.01)


async def dial(venue: Venue, url: str, talk: Callable[[ClientConnection], Awaitable[_T]], **options: Any) -> _T:
    """Connect and talk, in a thread that has a loop of its own; give what the talk gives."""
    trust = ssl.create_default_context(cadata=venue.trust_root_pem) if url.startswith("wss:") else None

    async def whole() -> _T:
        async with connect(url, ssl=trust, **options) as socket, asyncio.timeout(TIMEOUT):
            return await talk(socket)

    return await deferToThread(asyncio.run, whole())


async def over_json(
    venue: Venue, talk: Callable[[ClientConnection], Awaitable[_T]], path: str = "", **options: Any
) -> _T:
    """Talk to the venue's JSON port."""
    from twisted.internet import reactor

    venue.listen_json(reactor)
    return await dial(venue, venue.json_url + path, talk, **options)


async def tell(socket: ClientConnection, payload_type: int, key: str | None = None, **payload: Any) -> None:
    message = {"payloadType": payload_type, "payload": payload}
    await socket.send(json.dumps(message if key is None else {"clientMsgId": key, **message}))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    text = await socket.recv()
    assert isinstance(text, str)
    message: dict[str, Any] = json.loads(text)
    assert message.keys() <= {"clientMsgId", "payloadType", "payload"}
    assert isinstance(message["payload"], dict)
    return message


async def ask(socket: ClientConnection, payload_type: int, **payload: Any) -> tuple[int, Any]:
    """Send a request; give payload type and payload of what comes back with its id."""
    key = f"cm_id_{next(KEYS)}"
    await tell(socket, payload_type, key, **payload)
    while (message := await hear(socket)).get("clientMsgId") != key:
        pass
    return message["payloadType"], message["payload"]


async def authorise(socket: ClientConnection) -> None:
    assert await ask(socket, 2100, **APPLICATION) == (2101, {})
    assert await ask(socket, 2102, **ACCOUNT) == (2103, {"ctidTraderAccountId": EUR_ACCOUNT})


# What a JSON client does


def tutorial(folder: Path, venue: Venue, **credentials: Any) -> subprocess.CompletedProcess[str]:
    (folder / "credentials.json").write_text(json.dumps(CREDENTIALS | credentials))
    (folder / "root.pem").write_text(venue.trust_root_pem)
    return subprocess.run(
        [sys.executable, ROOT / "examples" / "json" / "tutorial.py", "credentials.json", venue.json_url, "root.pem"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )


@over_sockets
async def test_the_tutorial_runs_as_it_is(venue, tmp_path):
    """``credentials.json``, 2100 → 2101, 2102 → 2103, symbols and spots, in a process that knows nothing of us."""
    from twisted.internet import reactor

    venue.listen_json(reactor)
    done = await deferToThread(tutorial, tmp_path, venue)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:4] == ["2100 -> 2101", "2102 -> 2103", "2114 -> 2115", "2127 -> 2128"]
    assert len(lines) == 9 and all(line.startswith("EURUSD {'") for line in lines[4:])
    assert "'bid'" in lines[4] and "'ask'" in lines[4]


@over_sockets
async def test_the_tutorial_is_told_what_is_wrong_with_its_credentials(venue, tmp_path):
    from twisted.internet import reactor

    venue.listen_json(reactor)
    done = await deferToThread(tutorial, tmp_path, venue, clientSecret="another")
    assert (done.returncode, done.stdout) == (1, "")
    assert "2100 -> 2142" in done.stderr and "CH_CLIENT_AUTH_FAILURE" in done.stderr
    await emptied(venue)


@over_sockets
async def test_a_client_may_send_no_ids_and_fields_that_nobody_asked_for(venue):
    """The tutorials put the access token into every request, and take the next message for the answer."""

    async def talk(socket):
        for payload_type, payload in (2100, APPLICATION), (2102, ACCOUNT), (2121, ACCOUNT), (2114, ACCOUNT):
            await tell(socket, payload_type, **payload)
            message = await hear(socket)
            assert (message["payloadType"], message.get("clientMsgId")) == (payload_type + 1, None)
        return message["payload"]["symbol"][0]

    assert (await over_json(venue, talk))["symbolName"] == "EURUSD"


@over_sockets
async def test_spots_heartbeats_orders_and_errors(venue):
    async def talk(socket):
        await authorise(socket)
        await tell(socket, 51)  # nothing answers it
        account = {"ctidTraderAccountId": EUR_ACCOUNT}
        assert await ask(socket, 2127, **account, symbolId=[BITCOIN], subscribeToSpotTimestamp=True) == (2128, account)
        first = await hear(socket)
        assert first.keys() == {"payloadType", "payload"} and first["payloadType"] == 2131
        assert first["payload"].keys() == {*account, "symbolId", "bid", "ask", "sessionClose", "timestamp"}
        assert all(type(value) is int for value in first["payload"].values())
        assert (await hear(socket))["payload"]["symbolId"] == BITCOIN
        order = {**account, "symbolId": EURUSD, "orderType": 1, "tradeSide": 1, "volume": 100_000}
        payload_type, accepted = await ask(socket, 2106, **order)
        assert (payload_type, accepted["executionType"], accepted["order"]["orderType"]) == (2126, 2, 1)
        payload_type, refused = await ask(socket, 2106, **(order | {"volume": 1}))
        assert (payload_type, refused["errorCode"]) == (2132, "TRADING_BAD_VOLUME")
        payload_type, refused = await ask(socket, 2121, ctidTraderAccountId=77)
        assert (payload_type, refused["errorCode"]) == (2142, "INVALID_REQUEST")
        assert refused["description"] == "Trading account is not authorized"

    await over_json(venue, talk)


UNREADABLE = [
    ("payload", "INVALID_REQUEST", "JSON"),
    ("[]", "INVALID_REQUEST", "JSON object"),
    ("{}", "INVALID_REQUEST", "payloadType"),
    ('{"payloadType": "x", "payload": {}}', "INVALID_REQUEST", "payloadType"),
    ('{"payloadType": 2121, "clientMsgId": "k"}', "INVALID_REQUEST", "required fields: ctidTraderAccountId"),
    ('{"payloadType": 2121, "clientMsgId": "k", "payload": 3}', "INVALID_REQUEST", "ProtoOATraderReq"),
    (
        '{"payloadType": 2121, "clientMsgId": "k", "payload": {"ctidTraderAccountId": {}}}',
        "INVALID_REQUEST",
        "ctidTraderAccountId must be a whole number",
    ),
    ('{"payloadType": 9999, "clientMsgId": "k", "payload": {}}', "UNSUPPORTED_MESSAGE", "9999"),
    ('{"payloadType": 2131, "clientMsgId": "k", "payload": {}}', "UNSUPPORTED_MESSAGE", "ProtoOASpotEvent"),
    (b'{"payloadType": 2121, "clientMsgId": "k"}', "INVALID_REQUEST", "binary"),
]


@over_sockets
async def test_what_cannot_be_read_is_refused_and_the_connection_stays(venue):
    async def talk(socket):
        await authorise(socket)
        for message, code, problem in UNREADABLE:
            await socket.send(message)
            refused = await hear(socket)
            assert (refused["payloadType"], refused["payload"]["errorCode"]) == (50, code), message
            assert problem in refused["payload"]["description"], message
            named = isinstance(message, str) and "clientMsgId" in message
            assert refused.get("clientMsgId") == ("k" if named else None), message
        assert await ask(socket, 2104) == (2105, {"version": "91"})

    await over_json(venue, talk)


@pytest.mark.parametrize("venue", [Options(json_enum_names=True, json_int64_strings=True)], indirect=True)
@over_sockets
async def test_it_writes_names_and_texts_if_told_to(venue):
    async def talk(socket):
        assert await ask(socket, 2100, **APPLICATION) == (2101, {})
        account = {"ctidTraderAccountId": str(EUR_ACCOUNT)}
        assert await ask(socket, 2102, **(ACCOUNT | account)) == (2103, account)
        trader = (await ask(socket, 2121, **account))[1]["trader"]
        assert (trader["balance"], trader["accountType"], trader["leverageInCents"]) == ("1000000", "HEDGED", 10_000)
        bars = {**account, "symbolId": 1, "period": "M5", "count": 3}
        assert (await ask(socket, 2137, **bars))[1]["period"] == "M5"

    await over_json(venue, talk)


# What a WebSocket does


@over_sockets
async def test_messages_may_be_fragmented_and_pings_are_answered(venue):
    async def talk(socket):
        text = json.dumps({"payloadType": 2104, "payload": {}})
        await socket.send(iter(text))  # a character to a fragment
        assert (await hear(socket))["payloadType"] == 2105
        await (await socket.ping("are you there?"))
        await socket.send(iter([text[:5], text[5:]]))
        assert (await hear(socket))["payloadType"] == 2105

    await over_json(venue, talk)


@pytest.mark.parametrize("venue", [Options(), Options(compression=True)], ids=["plain", "compressed"], indirect=True)
@over_sockets
async def test_compression_is_an_option(venue):
    """`websockets` offers it by default."""

    async def talk(socket):
        await authorise(socket)
        symbols = (await ask(socket, 2114, ctidTraderAccountId=EUR_ACCOUNT))[1]["symbol"]
        return socket.protocol.extensions, len(symbols)

    extensions, symbols = await over_json(venue, talk)
    assert [one.name for one in extensions] == (["permessage-deflate"] if venue.options.compression else [])
    assert symbols == len(venue.feed.instruments)


@over_sockets
async def test_any_path_any_origin_and_no_subprotocol(venue):
    async def talk(socket):
        return (await ask(socket, 2104))[0], socket.subprotocol

    options = {"origin": "https://elsewhere.example", "subprotocols": ["json"]}
    assert await over_json(venue, talk, "/some/where?format=json", **options) == (2105, None)


@over_sockets
async def test_both_sides_say_goodbye(venue):
    async def client_closes(socket):
        await socket.close(4001, "enough")
        return socket.protocol.close_rcvd.code

    async def venue_closes(socket):
        await tell(socket, 2100, **(APPLICATION | {"clientSecret": "another"}))
        assert (await hear(socket))["payload"]["errorCode"] == "CH_CLIENT_AUTH_FAILURE"
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        return closed.value.rcvd.code

    assert await over_json(venue, client_closes) == 4001
    assert await over_json(venue, venue_closes) == 1000


@pytest.mark.parametrize("venue", [Options(max_frame=10_000)], indirect=True)
@over_sockets
async def test_a_message_that_is_too_long_ends_the_connection(venue):
    async def talk(socket):
        await socket.send(" " * 9_970 + '{"payloadType": 2104}')
        assert (await hear(socket))["payloadType"] == 2105
        await socket.send(" " * 10_001)
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        return closed.value.rcvd.code

    assert await over_json(venue, talk) == 1009


# The two ports


@over_sockets
async def test_protobuf_over_websocket_and_over_tcp_share_a_port(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port

    async def talk(socket):
        async def ask(request: Message, number: int) -> Any:
            request_type = request.DESCRIPTOR.fields_by_name["payloadType"].default_value
            whole = schema.ProtoMessage(payloadType=request_type, payload=request.SerializeToString(), clientMsgId="k")
            await socket.send(whole.SerializeToString())
            data = await socket.recv()
            assert isinstance(data, bytes)
            answer = schema.ProtoMessage.FromString(data)
            assert (answer.payloadType, answer.clientMsgId) == (number, "k")
            return answer.payload

        await ask(application_auth(), 2101)
        await ask(account_auth(), 2103)
        payload = await ask(messages.ProtoOATraderReq(ctidTraderAccountId=EUR_ACCOUNT), 2122)
        assert messages.ProtoOATraderRes.FromString(payload).trader.balance == 1_000_000
        await socket.send('{"payloadType": 2104, "payload": {}}')
        assert schema.ProtoMessage.FromString(await socket.recv()).payloadType == 50

    await dial(venue, f"wss://localhost:{port}", talk)
    caller = await call("127.0.0.1", port, venue.trust_root_pem, "localhost")
    assert isinstance(await caller.ask(application_auth()), messages.ProtoOAApplicationAuthRes)
    await hung_up(caller)


def get(venue: Venue, port: int, method: str = "GET") -> tuple[int, str, str]:
    trust = ssl.create_default_context(cadata=venue.trust_root_pem)
    connection = http.client.HTTPSConnection("localhost", port, context=trust, timeout=TIMEOUT)
    try:
        connection.request(method, "/")
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read().decode()
    finally:
        connection.close()


@over_sockets
async def test_what_asks_for_no_websocket_gets_an_error_that_says_so(venue):
    from twisted.internet import reactor

    protobuf, plain = (listen(reactor).getHost().port for listen in (venue.listen, venue.listen_json))
    for port, method, expected in (protobuf, "GET", 426), (plain, "GET", 426), (plain, "POST", 405):
        status, kind, body = await deferToThread(get, venue, port, method)
        assert (status, kind.partition(";")[0]) == (expected, "text/plain")
        assert "WebSocket" in body
    await emptied(venue)


@over_sockets
async def test_protobuf_over_tcp_is_turned_away_from_the_json_port(venue):
    from twisted.internet import reactor

    port = venue.listen_json(reactor).getHost().port
    caller = await call("127.0.0.1", port, venue.trust_root_pem, "localhost")
    caller.send(application_auth())
    await ended(caller)
    assert not caller.events
    await emptied(venue)


@pytest.mark.parametrize("venue", [Options(max_connections=1)], indirect=True)
@over_sockets
async def test_both_ports_are_doors_of_one_venue(venue):
    from twisted.internet import reactor

    caller = await call("127.0.0.1", venue.listen(reactor).getHost().port, venue.trust_root_pem, "localhost")
    await caller.ask(application_auth())

    async def one_too_many(socket):
        return (await ask(socket, 2100, **APPLICATION))[1]["errorCode"]

    assert await over_json(venue, one_too_many) == "CONNECTIONS_LIMIT_EXCEEDED"
    await caller.ask(account_auth())
    await hung_up(caller)


@over_sockets
async def test_connections_are_refused_at_either_port(venue):
    from twisted.internet import reactor

    venue.listen_json(reactor)
    venue.play(script.refuse_connections())
    with pytest.raises(OSError):
        await dial(venue, venue.json_url, authorise)


@pytest.mark.parametrize("interface", ["127.0.0.1", "::1"])
@over_sockets
async def test_it_may_be_plain_on_a_loopback_interface_and_nowhere_else(venue, interface):
    from twisted.internet import reactor

    venue.listen_json(reactor, interface, tls=False)
    assert venue.json_url.startswith("ws://")

    async def talk(socket):
        return await ask(socket, 2104)

    assert await dial(venue, venue.json_url, talk) == (2105, {"version": "91"})
    for elsewhere in ("0.0.0.0", "", "192.0.2.7"):
        with pytest.raises(ValueError, match="without TLS it listens on 127.0.0.1 or ::1, not on"):
            venue.listen_json(reactor, elsewhere, tls=False)


# Twisted 25.5 leaves the socket that it could not listen on to the collector.
@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@over_sockets
async def test_the_service_says_where_json_is_spoken():
    from twisted.internet import reactor

    log: list[str] = []
    observer = lambda event: log.append(formatEvent(event))  # noqa: E731
    service = VenueService(reactor, Settings("venue.toml", json_port=0, json_tls=False))
    assert service.json_port is None
    globalLogPublisher.addObserver(observer)
    try:
        service.startService()
        assert f"JSON over WebSocket: ws://127.0.0.1:{service.json_port}" in log
        taken = VenueService(reactor, Settings("venue.toml", json_port=service.json_port))
        with pytest.raises(ConfigurationError, match=r"venue\.toml: simulator\.json_port: .* a port that is free"):
            taken.startService()
        assert taken.json_port is None
    finally:
        globalLogPublisher.removeObserver(observer)
        await service.stopService()
    assert service.json_port is None


@pytest.mark.parametrize("wire", ["json", "protobuf-websocket"])
@over_sockets
async def test_a_client_to_try_things_out_with_speaks_them_all(wire):
    from twisted.internet import reactor

    client = await simulated_client(reactor, wire=wire)
    assert (await client.trader(ctidTraderAccountId=EUR_ACCOUNT)).trader.balance == 1_000_000
    await client.close()
    assert not [call for call in reactor.getDelayedCalls() if "Conversation." in str(call)]
