"""Real server messages, line by line: they decode, say what their notes say, and encode to the same bytes."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ctrader_twisted import messages
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.int32 import Int32Wire
from tests.paths import shared
from tests.wire.flattened import flattened

if TYPE_CHECKING:
    from google.protobuf.message import Message

ACCOUNT = 1000001

LINES = {"market_data.jsonl": 15, "partial_close.jsonl": 18, "trailing_stop.jsonl": 8}
EVERY = [(file, line) for file, count in LINES.items() for line in range(1, count + 1)]


class Line(NamedTuple):
    type: int
    payload: bytes
    note: str


def recorded(file: str) -> list[Line]:
    rows = [json.loads(row) for row in shared("recordings", file).read_text("utf-8").splitlines()]
    return [Line(row["type"], base64.b64decode(row["payload"]), row["note"]) for row in rows]


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes((low | 0x80,)) + varint(rest) if rest else bytes((low,))


def enveloped(line: Line) -> bytes:
    """The ProtoMessage that the line came in, written by hand; an empty payload is left out."""
    payload = b"\x12" + varint(len(line.payload)) + line.payload if line.payload else b""
    return b"\x08" + varint(line.type) + payload


def read(file: str, line: int) -> Any:
    row = recorded(file)[line - 1]
    return codec.unpack(codec.decode(enveloped(row)))


@pytest.mark.parametrize("file", LINES)
def test_every_line_is_looked_at(file: str) -> None:
    assert len(recorded(file)) == LINES[file]


@pytest.mark.parametrize(("file", "line"), EVERY)
def test_a_line_decodes_and_encodes_to_the_same_bytes(file: str, line: int) -> None:
    row = recorded(file)[line - 1]
    envelope = codec.decode(enveloped(row))
    assert envelope == Envelope(row.type, row.payload, None)
    assert codec.encode(envelope) == enveloped(row)
    message = codec.unpack(envelope)
    assert type(message) is catalogue.PARSERS[row.type]
    assert message.IsInitialized()
    assert message.SerializeToString() == row.payload
    assert codec.pack(message) == envelope
    assert not message.HasField("payloadType")


@pytest.mark.parametrize("size", [1, 7, 1024, 10**9])
def test_all_of_them_in_one_stream_in_pieces_of_any_size(size: int) -> None:
    lines = [line for file in LINES for line in recorded(file)]
    stream = b"".join(struct.pack(">I", len(enveloped(line))) + enveloped(line) for line in lines)
    wire = Int32Wire()
    arrived = [
        envelope for at in range(0, len(stream), size) for envelope in flattened(wire.receive(stream[at : at + size]))
    ]
    assert [(envelope.payload_type, envelope.payload) for envelope in arrived] == [line[:2] for line in lines]
    assert wire.problems() == []
    assert wire.end() is None
    for envelope in arrived:
        wire.send(envelope)
    assert wire.data_to_send() == stream


# Values. Field numbers that the schema does not have are given as the wire has them.


def test_the_account_list() -> None:
    answer = read("market_data.jsonl", 1)
    assert isinstance(answer, messages.ProtoOAGetAccountListByAccessTokenRes)
    (account,) = answer.ctidTraderAccount
    assert (account.ctidTraderAccountId, account.isLive, account.traderLogin) == (ACCOUNT, True, 2000002)
    assert answer.permissionScope == messages.ProtoOAClientPermissionScope.SCOPE_TRADE
    assert "scrubbed" in answer.accessToken
    assert "scrubbed" not in repr(answer)


def test_the_trader_and_its_field_that_no_schema_has() -> None:
    answer = read("market_data.jsonl", 2)
    assert (answer.ctidTraderAccountId, answer.trader.ctidTraderAccountId) == (ACCOUNT, ACCOUNT)
    assert (answer.trader.balance, answer.trader.leverageInCents) == (1_000_000, 10_000)
    assert answer.trader.moneyDigits == 2
    assert answer.trader.brokerName == "" and not answer.trader.HasField("brokerName")
    assert recorded("market_data.jsonl")[1].payload.endswith(b"\xb8\x01\x04")  # field 23, a varint of 4
    assert 23 not in answer.trader.DESCRIPTOR.fields_by_number
    assert answer.trader.SerializeToString().endswith(b"\xb8\x01\x04")


def test_the_symbols() -> None:
    light = read("market_data.jsonl", 3)
    assert [(s.symbolId, s.symbolName, s.enabled) for s in light.symbol] == [
        (41, "XAUUSD", True),
        (275, "US100.cash", True),
        (279, "GER40.cash", True),
        (1, "EURUSD", True),
    ]
    full = read("market_data.jsonl", 4)
    assert [(s.symbolId, s.digits, s.pipPosition, s.lotSize) for s in full.symbol] == [
        (41, 2, 0, 10_000),
        (275, 2, 0, 100),
        (279, 2, 0, 100),
        (1, 5, 4, 10_000_000),
    ]
    assert (full.symbol[0].preciseTradingCommissionRate, full.symbol[0].commissionType) == (70, 3)
    assert full.symbol[3].scheduleTimeZone == "Europe/Moscow"
    for symbol in full.symbol:
        assert 41 not in symbol.DESCRIPTOR.fields_by_number
        assert symbol.SerializeToString().endswith(b"\xc8\x02\x01")  # field 41, a varint of 1
    chain = read("market_data.jsonl", 5)
    assert [(s.symbolName, s.baseAssetId, s.quoteAssetId) for s in chain.symbol] == [("EURUSD", 5, 15)]


def test_a_page_of_history() -> None:
    page = read("market_data.jsonl", 6)
    assert isinstance(page, messages.ProtoOAGetTrendbarsRes)
    assert page.period == messages.ProtoOATrendbarPeriod.M15
    assert page.symbolId == 1
    assert page.hasMore
    opens = [bar.utcTimestampInMinutes for bar in page.trendbar]
    assert opens == sorted(opens)
    assert {minutes % 15 for minutes in opens} == {0}
    assert all(not bar.HasField("period") for bar in page.trendbar)
    assert all(bar.HasField("deltaClose") for bar in page.trendbar)
    first = page.trendbar[0]
    assert (first.low, first.deltaOpen, first.deltaClose, first.deltaHigh) == (114_791, 22, 35, 44)
    assert (first.volume, first.utcTimestampInMinutes) == (1613, 29_828_535)
    assert len(page.trendbar) == 49


MINUTE = 29_829_286


@pytest.mark.parametrize(
    ("line", "symbol", "bid", "ask", "bar"),
    [
        (7, 1, 114_818, 114_818, (114_813, 0, 5, 36, MINUTE)),
        (8, 1, 114_817, None, (114_813, 0, 5, 37, MINUTE)),
        (9, 279, 2_529_274_000, 2_529_417_000, (2_528_734_000, 0, 650_000, 106, MINUTE)),
        (10, 1, None, 114_821, None),
        (11, 1, 114_822, 114_825, (114_813, 0, 11, 70, MINUTE)),
        (12, 1, 114_819, 114_822, (114_819, 0, 0, 2, MINUTE + 1)),
        (13, 1, 114_821, 114_824, (114_819, 0, 2, 4, MINUTE + 1)),
        (14, 279, 2_529_374_000, 2_529_517_000, (2_529_374_000, 0, 0, 2, MINUTE + 1)),
        (15, 279, 2_529_324_000, 2_529_467_000, (2_529_324_000, 50_000, 50_000, 4, MINUTE + 1)),
    ],
)
def test_live_spots_and_their_bars(
    line: int, symbol: int, bid: int | None, ask: int | None, bar: tuple[int, int, int, int, int] | None
) -> None:
    spot = read("market_data.jsonl", line)
    assert isinstance(spot, messages.ProtoOASpotEvent)
    assert (spot.ctidTraderAccountId, spot.symbolId) == (ACCOUNT, symbol)
    assert (spot.bid if spot.HasField("bid") else None) == bid
    assert (spot.ask if spot.HasField("ask") else None) == ask
    assert spot.timestamp > 1_789_000_000_000
    bars = [(b.low, b.deltaOpen, b.deltaHigh, b.volume, b.utcTimestampInMinutes) for b in spot.trendbar]
    assert bars == ([] if bar is None else [bar])


@pytest.mark.parametrize("line", [7, 8, 9, 11, 12, 13, 14, 15])
def test_a_live_bar_has_a_period_and_no_delta_close(line: int) -> None:
    (bar,) = read("market_data.jsonl", line).trendbar
    assert bar.period == messages.ProtoOATrendbarPeriod.M1
    assert bar.HasField("period")
    assert bar.HasField("deltaOpen")
    assert not bar.HasField("deltaClose")


def test_the_answers_to_authorisation() -> None:
    lines = recorded("partial_close.jsonl")
    application = codec.unpack(codec.decode(enveloped(lines[0])))
    assert isinstance(application, messages.ProtoOAApplicationAuthRes)
    assert lines[0].payload == b""
    account = read("partial_close.jsonl", 2)
    assert isinstance(account, messages.ProtoOAAccountAuthRes)
    assert account.ctidTraderAccountId == ACCOUNT
    assert lines[1].payload == bytes.fromhex("10c1843d")  # the inner payload type is left out


def test_the_first_spot_came_before_the_answer_to_its_subscription() -> None:
    lines = recorded("partial_close.jsonl")
    assert [catalogue.name(line.type) for line in lines[5:7]] == ["ProtoOASpotEvent", "ProtoOASubscribeSpotsRes"]
    spot = read("partial_close.jsonl", 6)
    assert (spot.bid, spot.ask, spot.sessionClose) == (111_986, 111_987, 112_127)
    assert read("partial_close.jsonl", 7).ctidTraderAccountId == ACCOUNT


def test_the_partial_close() -> None:
    accepted, filled, replaced = (read("partial_close.jsonl", line) for line in (9, 10, 11))
    kinds = messages.ProtoOAExecutionType
    assert [event.executionType for event in (accepted, filled, replaced)] == [
        kinds.ORDER_ACCEPTED,
        kinds.ORDER_FILLED,
        kinds.ORDER_REPLACED,
    ]
    assert [event.isServerEvent for event in (accepted, filled, replaced)] == [False, False, True]
    assert accepted.position.tradeData.volume == 300_000
    assert round(accepted.position.price, 7) == 1.1198733
    assert filled.position.tradeData.volume == 200_000
    assert filled.position.price == 1.119875
    detail = filled.deal.closePositionDetail
    assert (detail.entryPrice, detail.grossProfit, detail.closedVolume) == (1.11987, 1, 100_000)
    assert filled.deal.executionPrice == 1.11988
    assert not filled.HasField("errorCode")


@pytest.mark.parametrize(
    ("line", "bid", "ask"),
    [
        (12, 111_987, None),
        (13, None, 111_987),
        (14, 111_988, 111_989),
        (15, 111_987, None),
        (16, 111_981, 111_981),
    ],
)
def test_spots_of_every_shape(line: int, bid: int | None, ask: int | None) -> None:
    spot = read("partial_close.jsonl", line)
    assert (spot.bid if spot.HasField("bid") else None, spot.ask if spot.HasField("ask") else None) == (bid, ask)
    assert len(spot.trendbar) == 0


def test_the_deals_and_their_arithmetic() -> None:
    answer = read("partial_close.jsonl", 8)
    assert isinstance(answer, messages.ProtoOADealListRes)
    times = [deal.executionTimestamp for deal in answer.deal]
    assert times == sorted(times, reverse=True)
    assert answer.deal[0].executionPrice == 1.11988
    assert all(deal.moneyDigits == 2 for deal in answer.deal)


def test_a_trailing_stop() -> None:
    answer = read("trailing_stop.jsonl", 1)
    assert answer.executionType == messages.ProtoOAExecutionType.ORDER_REPLACED
    assert not answer.position.HasField("takeProfit")
    assert answer.position.trailingStopLoss
    steps = [read("trailing_stop.jsonl", line) for line in (3, 4)]
    assert all(isinstance(step, messages.ProtoOATrailingSLChangedEvent) for step in steps)
    assert [(step.ctidTraderAccountId, round(step.stopPrice, 5)) for step in steps] == [
        (ACCOUNT, 1.11779),
        (ACCOUNT, 1.1178),
    ]
    before, after = (read("trailing_stop.jsonl", line).position[0] for line in (5, 7))
    assert before.stopLoss < after.stopLoss
    assert before.utcLastUpdateTimestamp == after.utcLastUpdateTimestamp


def test_every_account_id_is_the_scrubbed_one() -> None:
    ids = set()
    for file in LINES:
        for line in recorded(file):
            message: Message = codec.unpack(Envelope(line.type, line.payload))
            if "ctidTraderAccountId" in message.DESCRIPTOR.fields_by_name:
                ids.add(message.ctidTraderAccountId)  # type: ignore[attr-defined]
    assert ids == {ACCOUNT}
