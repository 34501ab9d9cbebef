"""The recorded messages of the live server, replayed over TLS and delivered through the whole client."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.message import Message

from ctrader_twisted import Application, Environment, OpenApiClient, messages
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope
from tests.loopback.servers import AnsweringFactory, accept_all, certificate, listen, over_sockets
from tests.paths import shared

ACCOUNT = 1000001
RECORDINGS = ("market_data.jsonl", "partial_close.jsonl", "trailing_stop.jsonl")


def recorded(name: str) -> list[Envelope]:
    lines = shared(f"recordings/{name}").read_text().splitlines()
    return [Envelope(line["type"], base64.b64decode(line["payload"])) for line in map(json.loads, lines)]


async def replay(envelopes: list[Envelope]) -> tuple[list[Envelope], list[Any]]:
    """Serve the envelopes to a client as soon as it asks for spots; give what its listeners got."""
    from twisted.internet import reactor

    pem, pair = certificate()
    end = Envelope(catalogue.payload_type(messages.ProtoOAVersionRes), b"\x12\x01x")

    def answer(envelope: Envelope) -> list[Envelope]:
        if envelope.payload_type == catalogue.payload_type(messages.ProtoOAVersionReq):
            return [*envelopes, end._replace(client_msg_id=envelope.client_msg_id)]
        return accept_all(envelope)

    port = listen(reactor, AnsweringFactory(answer), pair)
    client = OpenApiClient(
        reactor, Application("id", "secret"), Environment("replay", "localhost", port.getHost().port, trust_root=pem)
    ).start()
    await client.when_ready()
    raw: list[Envelope] = []
    parsed: list[Any] = []
    client.on(Envelope, raw.append)
    client.on(Message, parsed.append)
    await client.version()
    await client.close()
    await port.stopListening()
    return raw[:-1], parsed[:-1]


@pytest.mark.parametrize("name", RECORDINGS)
@over_sockets
async def test_every_recorded_message_arrives_as_it_was_sent(name: str) -> None:
    envelopes = recorded(name)
    raw, parsed = await replay(envelopes)
    assert raw == envelopes
    assert [message.SerializeToString() for message in parsed] == [envelope.payload for envelope in envelopes]
    assert [type(message) for message in parsed] == [catalogue.message_class(e.payload_type) for e in envelopes]


@over_sockets
async def test_the_values_of_the_market_are_the_recorded_ones() -> None:
    _, parsed = await replay(recorded("market_data.jsonl"))
    accounts = parsed[0]
    assert [account.ctidTraderAccountId for account in accounts.ctidTraderAccount] == [ACCOUNT]
    trader = parsed[1].trader
    assert trader.ctidTraderAccountId == ACCOUNT and trader.leverageInCents == 10_000
    assert [symbol.symbolName for symbol in parsed[2].symbol] == ["XAUUSD", "US100.cash", "GER40.cash", "EURUSD"]
    eurusd = parsed[3].symbol[3]
    assert (eurusd.digits, eurusd.pipPosition, eurusd.lotSize) == (5, 4, 10_000_000)
    history = parsed[5]
    assert history.hasMore and history.period == messages.ProtoOATrendbarPeriod.M15
    assert not history.trendbar[0].HasField("period")
    spots = [message for message in parsed if isinstance(message, messages.ProtoOASpotEvent)]
    first = spots[0]
    assert first.symbolId == 1
    assert Decimal(first.bid) / 100_000 == Decimal("1.14818")
    assert first.timestamp == 1789757199904
    (bar,) = first.trendbar
    assert not bar.HasField("deltaClose") and bar.period == messages.ProtoOATrendbarPeriod.M1


@over_sockets
async def test_the_values_of_the_partial_close_are_the_recorded_ones() -> None:
    _, parsed = await replay(recorded("partial_close.jsonl"))
    first = next(message for message in parsed if isinstance(message, messages.ProtoOASpotEvent))
    assert (Decimal(first.bid) / 100_000, Decimal(first.ask) / 100_000) == (Decimal("1.11986"), Decimal("1.11987"))
    assert (first.sessionClose, first.timestamp) == (112_127, 1_599_999_995_170)
    accepted, filled, replaced = (m for m in parsed if isinstance(m, messages.ProtoOAExecutionEvent))
    types = messages.ProtoOAExecutionType
    assert [event.executionType for event in (accepted, filled, replaced)] == [
        types.ORDER_ACCEPTED,
        types.ORDER_FILLED,
        types.ORDER_REPLACED,
    ]
    assert {event.ctidTraderAccountId for event in (accepted, filled, replaced)} == {ACCOUNT}
    detail = filled.deal.closePositionDetail
    assert (detail.entryPrice, detail.grossProfit) == (1.11987, 1)
    assert filled.position.price == 1.119875
