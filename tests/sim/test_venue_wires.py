"""The venue over each of its wires, in memory: the same market, the same refusals, the same misbehaviour."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.protocol import ClientFactory, Protocol

from ctrader_twisted import Wire, messages
from ctrader_twisted.errors import FrameTooLong, UndecodableEnvelope, WebSocketClosed
from ctrader_twisted.session.events import Disconnected, Problem, Ready
from ctrader_twisted.sim import Limits, Options, script
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.websocket import ClientWebSocket
from tests.sim.venues import EURUSD

WEBSOCKETS = [Wire.JSON, Wire.PROTOBUF_WEBSOCKET]
OPTIONS = [Options(), Options(json_enum_names=True, json_int64_strings=True), Options(compression=True)]


class Text:
    """An encoding that leaves the text as it is."""

    text = True

    def take(self, frame, arrived, problems):
        arrived.append(Envelope(0, frame, None))

    def encode(self, envelope):
        return envelope.payload


class JsonClient(Protocol):
    """Sends JSON as it is told to, and keeps what arrives."""

    def __init__(self, kit: VenueKit) -> None:
        self.kit = kit
        self.received: list[dict[str, Any]] = []
        self.wire = ClientWebSocket(Text(), host="localhost", port=5036, where="venue")

    def connectionMade(self) -> None:
        self.wire.begin()
        self.transport.write(self.wire.data_to_send())

    def dataReceived(self, data: bytes) -> None:
        self.received += [json.loads(one.payload) for one in self.wire.receive(data)]

    def send(self, payload_type: object, key: str | None = None, **payload: Any) -> None:
        told = {"payloadType": payload_type, "clientMsgId": key, "payload": payload}
        self.wire.send(Envelope(0, json.dumps(told).encode()))
        self.transport.write(self.wire.data_to_send())
        self.kit.pump()

    def told(self) -> list[tuple[int, str | None, str | None]]:
        """Take what has arrived: payload type, id, error code."""
        received, self.received = self.received, []
        return [(one["payloadType"], one.get("clientMsgId"), one["payload"].get("errorCode")) for one in received]


def json_client(kit: VenueKit, *, authorised: bool = True) -> JsonClient:
    client = JsonClient(kit)

    class Factory(ClientFactory):
        noisy = False

        def buildProtocol(self, addr):
            return client

    kit.network.connect(Factory(), server=kit.venue.json_factory)
    kit.pump()
    if authorised:
        client.send(2100, clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)
        client.send(2102, ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN)
        assert client.told() == [(2101, None, None), (2103, None, None)]
    return client


def market(kit: VenueKit, **settings: Any) -> list[Any]:
    """Ask this and that, and listen for a minute."""
    client = kit.ready_client(EUR_ACCOUNT, **settings)
    heard: list[Any] = []
    client.on(messages.ProtoOASpotEvent, heard.append)
    client.on(Disconnected, heard.append)
    account = {"ctidTraderAccountId": EUR_ACCOUNT}
    symbol = kit.settle(client.symbol_by_id(**account, symbolId=[EURUSD]))
    bars = kit.settle(client.get_trendbars(**account, symbolId=EURUSD, period=1, count=50))
    ticks = kit.settle(client.get_tick_data(**account, symbolId=EURUSD, type=1, toTimestamp=kit.venue.now()))
    kit.settle(client.subscribe_spots(**account, symbolId=[EURUSD], subscribeToSpotTimestamp=True))
    kit.settle(client.subscribe_live_trendbar(**account, symbolId=EURUSD, period=1))
    kit.advance(60)
    assert len(heard) > 30
    return [symbol, bars, ticks, *heard]


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "reworded", "compressed"])
@pytest.mark.parametrize("wire", WEBSOCKETS, ids=lambda wire: wire.value)
def test_the_market_is_the_same_over_every_wire(wire, options):
    with VenueKit() as kit:
        expected = market(kit)
    with VenueKit(wire=wire, options=options) as kit:
        assert market(kit, compression=options.compression) == expected


@pytest.mark.parametrize("wire", WEBSOCKETS, ids=lambda wire: wire.value)
def test_bytes_may_come_one_by_one(wire):
    with VenueKit(chunk=1) as kit:
        client = kit.client(wire=wire.value)
        kit.settle(client.when_ready())
        assert kit.settle(client.version()).version == kit.venue.options.version


def test_clients_of_all_wires_are_clients_of_one_venue():
    with VenueKit(options=Options(max_connections=3)) as kit:
        for wire in Wire:
            kit.settle(kit.client(wire=wire).when_ready())
        assert len(kit.venue.conversations) == 3
        with pytest.raises(Exception, match="CONNECTIONS_LIMIT_EXCEEDED"):
            kit.settle(kit.client(wire="json").when_ready(timeout=5))


# What can't be read


def test_a_request_that_cannot_be_read_is_a_request():
    """It is refused for what any other would be refused for first, and counts towards the limits."""
    with VenueKit(limits=Limits(general=4)) as kit:
        client = json_client(kit, authorised=False)
        client.send(2121, "early", ctidTraderAccountId=[])
        assert client.told() == [(2142, "early", "CH_CLIENT_NOT_AUTHENTICATED")]
        client.send(2100, clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)
        client.send(2121, "wrong", ctidTraderAccountId=[])
        client.send(2121, "missing")
        assert client.told()[1:] == [(50, "wrong", "INVALID_REQUEST"), (50, "missing", "INVALID_REQUEST")]
        client.send(2121, "too many")
        assert client.told() == [(2142, "too many", "BLOCKED_PAYLOAD_TYPE")]


def test_it_keeps_its_place_among_late_answers():
    with VenueKit() as kit:
        client = json_client(kit)
        kit.play("delay_answers", delay=5, seconds=1)
        client.send(2121, "first", ctidTraderAccountId=EUR_ACCOUNT)
        client.send(2121, "second")
        kit.advance(2)
        client.send(2104, "third")
        assert client.told() == []
        kit.advance(4)
        assert client.told() == [(2122, "first", None), (50, "second", "INVALID_REQUEST"), (2105, "third", None)]


def test_a_silent_venue_says_nothing_to_what_it_cannot_read():
    with VenueKit() as kit:
        client = json_client(kit)
        kit.play("fall_silent", seconds=5)
        client.send(2121, "lost")
        client.send("?")
        kit.advance(6)
        assert client.told() == []
        client.send("?")
        assert client.told() == [(50, None, "INVALID_REQUEST")]


# Misbehaviour


@pytest.mark.parametrize("options", OPTIONS[::2], ids=["plain", "compressed"])
@pytest.mark.parametrize("wire", Wire, ids=lambda wire: wire.value)
def test_what_the_venue_garbles_can_be_told_apart(wire, options):
    with VenueKit(wire=wire, options=options) as kit:
        client = kit.ready_client(EUR_ACCOUNT, compression=options.compression)
        heard: list[Any] = []
        unknown: list[Envelope] = []
        for kind in (Problem, Disconnected):
            client.on(kind, heard.append)
        client.on(Envelope, unknown.append)
        kit.play("garbage")
        (problem,) = heard
        assert isinstance(problem.error, UndecodableEnvelope)
        kit.play("unknown_payload_type")
        assert unknown[-1].payload_type == 9_999
        assert kit.settle(client.trader(ctidTraderAccountId=EUR_ACCOUNT))
        kit.play("overlong_frame")
        too_long = str(FrameTooLong(0x7FFF_FFFF, 15_000_000))
        assert [str(heard[1].error), str(heard[2].reason)] == [too_long, too_long]


@pytest.mark.parametrize("wire", WEBSOCKETS, ids=lambda wire: wire.value)
def test_nothing_is_garbled_before_there_is_a_websocket(wire):
    with VenueKit(wire=wire, chunk=20) as kit:
        client = kit.client()
        ready: list[Any] = []
        client.on(Ready, ready.append)
        kit.clock.advance(0)
        kit.network.pump()
        kit.venue.play(script.garbage())
        kit.venue.play(script.overlong_frame())
        kit.settle(client.when_ready())
        assert len(ready) == 1 and not client.counts


@pytest.mark.parametrize("wire", WEBSOCKETS, ids=lambda wire: wire.value)
def test_a_close_has_its_code_and_a_cut_has_none(wire):
    with VenueKit(wire=wire) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        lost: list[Any] = []
        client.on(Disconnected, lost.append)
        for action in ("close", "cut", "abort"):
            kit.play(action)
            kit.advance(30)
        closed, *others = (one.reason for one in lost)
        assert isinstance(closed, WebSocketClosed) and closed.code == 1000
        assert not any(isinstance(one, WebSocketClosed) for one in others) and len(others) == 2


def test_pings_are_answered_and_are_no_sign_of_life():
    with VenueKit(options=Options(inactivity=10, heartbeat=0)) as kit:
        client = json_client(kit)
        for _ in range(3):
            client.transport.write(b"\x89\x80\0\0\0\0")
            kit.advance(3)
            assert client.wire._ws.state.name == "OPEN"
        kit.advance(2)
        assert client.wire.over is not None and client.wire.over.code == 1000
