"""A recording as text, and as documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import messages
from ctrader_twisted.errors import UndecodableEnvelope
from ctrader_twisted.flight import FlightRecorder, Header, readable
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.flight import Entry

START = 1_714_561_200.0  # 2024-05-01 11:00 UTC


class Book:
    """A recording, made line by line."""

    def __init__(self) -> None:
        self.recorder = FlightRecorder(None)

    def asked(self, after: float, message: Message, key: str | None = None) -> Book:
        self.recorder.sent(1, [codec.pack(message, key)], START + after)
        return self

    def told(self, after: float, message: Message, key: str | None = None) -> Book:
        self.recorder.received(1, [codec.pack(message, key)], START + after)
        return self

    def raw(self, after: float, *items: Envelope | Burst) -> Book:
        self.recorder.received(1, items, START + after)
        return self

    def lines(self, **options: Any) -> list[str]:
        return list(readable.lines(self.recorder.entries()[1:], **options))

    def documents(self, **options: Any) -> list[dict[str, Any]]:
        documents = list(readable.documents(self.recorder.entries()[1:], **options))
        json.dumps(documents, allow_nan=False)
        return documents


def spot(bid: int, symbol: int = 1, **more: Any) -> Message:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=7, symbolId=symbol, bid=bid, **more)


def only(book: Book, **options: Any) -> str:
    """Give what the one line says of its message."""
    day, line = book.lines(**options)
    assert day == "2024-05-01 UTC"
    return line.split("ProtoOA", 1)[1].split("  ", 1)[1]


def test_a_conversation() -> None:
    book = Book()
    recorder = book.recorder
    recorder.failed("demo (a:5035)", "the connection was refused", START - 1)
    recorder.opened(1, "demo (a:5035)", START)
    book.asked(0.25, messages.ProtoOAApplicationAuthReq(clientId="me", clientSecret="hush!"), "k-1")
    book.told(0.281, messages.ProtoOAApplicationAuthRes(), "k-1")
    for number in range(5):
        book.told(1 + number / 10, spot(100_000 + number))
    book.told(1.5, spot(9, symbol=2, ask=10))
    book.asked(10.25, messages.ProtoHeartbeatEvent())
    recorder.unreadable(1, UndecodableEnvelope(7), START + 11)
    recorder.ended(1, "demo (a:5035): the connection was lost", START + 86_400)
    assert list(readable.lines(recorder.entries())) == [
        f"recorded by ctrader_twisted {recorder._package}",
        "2024-05-01 UTC",
        "10:59:59.000            not connected to demo (a:5035): the connection was refused",
        "11:00:00.000    +1.000  #1 *  connected to demo (a:5035)",
        "11:00:00.250    +0.250  #1 -> ProtoOAApplicationAuthReq  id=k-1  "
        "clientId=client-id-1 clientSecret=client-secret-1",
        "11:00:00.281    +0.031  #1 <- ProtoOAApplicationAuthRes  id=k-1  after 31 ms",
        "11:00:01.000    +0.719  #1 <- ProtoOASpotEvent x 6 in 0.500 s: "
        "symbol 1 x 5 (bid=100004), symbol 2 x 1 (bid=9 ask=10)",
        "11:00:10.250    +8.750  #1 -> ProtoHeartbeatEvent",
        "11:00:11.000    +0.750  #1 <- (unreadable: a frame of 7 bytes does not hold a ProtoMessage with a payload "
        "type)",
        "2024-05-02 UTC",
        "11:00:00.000 +86389.000  #1 *  ended: demo (a:5035): the connection was lost",
    ]


def test_fields() -> None:
    position = {
        "positionId": 5,
        "positionStatus": "POSITION_STATUS_OPEN",
        "swap": -3,
        "price": 1.08765,
        "tradeData": {
            "symbolId": 1,
            "volume": 100_000,
            "tradeSide": "SELL",
            "openTimestamp": 1_714_561_200_123,
            "label": "a label",
            "comment": "",
            "guaranteedStopLoss": False,
        },
    }
    res = messages.ProtoOAReconcileRes(ctidTraderAccountId=7, position=[position])
    assert only(Book().told(0, res)) == (
        "ctidTraderAccountId=7 position=[{positionId=5 tradeData={symbolId=1 volume=100000 tradeSide=SELL "
        'openTimestamp=2024-05-01T11:00:00.123Z label="a label" guaranteedStopLoss=no comment=""} '
        "positionStatus=POSITION_STATUS_OPEN swap=-3 price=1.08765}]"
    )


def test_long_lists_are_shortened() -> None:
    req = messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=7, symbolId=range(1, 11))
    assert only(Book().asked(0, req)) == "ctidTraderAccountId=7 symbolId=[1, 2, 3, 4, and 6 more]"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            messages.ProtoOAErrorRes(errorCode="X", maintenanceEndTimestamp=1_714_561_200),
            "errorCode=X maintenanceEndTimestamp=2024-05-01T11:00:00.000Z",
        ),
        (
            messages.ProtoOAGetTickDataRes(
                ctidTraderAccountId=7,
                hasMore=False,
                tickData=[{"timestamp": 1_714_561_200_000, "tick": 5}, {"timestamp": -20, "tick": -1}],
            ),
            "ctidTraderAccountId=7 tickData=[{timestamp=2024-05-01T11:00:00.000Z tick=5}, {timestamp=-20 tick=-1}] "
            "hasMore=no",
        ),
        (
            messages.ProtoOASpotEvent(
                ctidTraderAccountId=7,
                symbolId=1,
                trendbar=[{"volume": 3, "period": "M1", "utcTimestampInMinutes": 28576020}],
            ),
            "ctidTraderAccountId=7 symbolId=1 "
            "trendbar=[{volume=3 period=M1 utcTimestampInMinutes=2024-05-01T11:00:00.000Z}]",
        ),
        (
            messages.ProtoOAGetTrendbarsReq(
                ctidTraderAccountId=7, fromTimestamp=1_714_561_200_000, toTimestamp=2**62, period="H1", symbolId=1
            ),
            "ctidTraderAccountId=7 fromTimestamp=2024-05-01T11:00:00.000Z "
            f"toTimestamp={2**62 / 1000} period=H1 symbolId=1",
        ),
    ],
)
def test_times_are_utc(message: Message, expected: str) -> None:
    assert only(Book().told(0, message)) == expected


def test_maintenance_of_the_common_layer_is_in_milliseconds() -> None:
    error = messages.ProtoErrorRes(errorCode="X", maintenanceEndTimestamp=1_714_561_200_000)
    assert "maintenanceEndTimestamp=2024-05-01T11:00:00.000Z" in Book().told(0, error).lines()[1]


def test_what_is_beyond_the_schema_is_shown_as_far_as_it_can_be() -> None:
    deal = messages.ProtoOAVersionRes(version="9").SerializeToString() + b"\x9a\x01\x00\xa2\x06\x03new"
    assert only(Book().raw(0, Envelope(2105, deal))) == "version=9 (unknown fields: 19, 100)"
    line = Book().raw(0, Envelope(50_000, bytes(range(40)), "k")).lines()[1]
    assert line.endswith(
        f"payload type 50000  id=k  (a type the schema does not have, 40 bytes: {bytes(range(32)).hex()}…)"
    )
    line = Book().raw(0, Envelope(2105, b"\xff")).lines()[1]
    assert line.endswith("ProtoOAVersionRes  (can't be read, 1 bytes: ff)")
    line = Book().raw(0, Envelope(2102, b"\xff")).lines()[1]
    assert "not recorded" in line


def test_a_field_beyond_the_schema_is_named_by_its_number() -> None:
    payload = messages.ProtoOATraderReq(ctidTraderAccountId=7).SerializeToString()
    assert (
        only(Book().raw(0, Envelope(2121, payload + b"\x98\x06\x63"))) == "ctidTraderAccountId=7 (unknown fields: 99)"
    )


def test_a_terminal_is_not_given_anything_to_obey() -> None:
    nasty = "\x1b[2J\x9b\u202e\n#9 -> forged"
    book = Book().told(0, messages.ProtoOAErrorRes(errorCode="X", description=nasty))
    book.told(1, messages.ProtoOAErrorRes(errorCode="X"), nasty)
    book.recorder.opened(2, nasty, START + 2)
    book.recorder.ended(2, nasty, START + 2)
    book.recorder.failed(nasty, nasty, START + 2)
    lines = book.lines()
    assert len(lines) == 6
    assert all(line.isprintable() for line in lines)
    assert r"\x1b[2J" in lines[1].replace("\\\\", "\\")


def test_summaries() -> None:
    book = Book()
    for number in range(3):
        book.raw(number, Burst(2131, [codec.pack(spot(number + 1, symbol)).payload for symbol in range(1, 9)]))
    book.told(3, messages.ProtoHeartbeatEvent())
    book.told(4, spot(1))
    book.told(5, spot(1), "an id")
    book.told(6, spot(1))
    book.asked(7, messages.ProtoHeartbeatEvent()).asked(17, messages.ProtoHeartbeatEvent())
    lines = book.lines()
    assert [line.split("#1 ")[1] for line in lines[1:]] == [
        "<- ProtoOASpotEvent x 24 in 2.000 s: symbol 1 x 3 (bid=3), symbol 2 x 3 (bid=3), symbol 3 x 3 (bid=3), "
        "symbol 4 x 3 (bid=3), symbol 5 x 3 (bid=3), symbol 6 x 3 (bid=3), 2 more symbols",
        "<- ProtoHeartbeatEvent",
        "<- ProtoOASpotEvent  ctidTraderAccountId=7 symbolId=1 bid=1",
        '<- ProtoOASpotEvent  id="an id"  ctidTraderAccountId=7 symbolId=1 bid=1',
        "<- ProtoOASpotEvent  ctidTraderAccountId=7 symbolId=1 bid=1",
        "-> ProtoHeartbeatEvent x 2 in 10.000 s",
    ]
    assert len(book.lines(summarise=False)) == 1 + 24 + 4 + 2


def test_connections_are_not_summarised_together() -> None:
    recorder = FlightRecorder(None)
    for number in (1, 2, 1, 2):
        recorder.received(number, [codec.pack(spot(1))], START)
    assert len(list(readable.lines(recorder.entries()[1:]))) == 5


def test_one_can_ask_for_a_part_of_it() -> None:
    book = Book().asked(0, messages.ProtoOAVersionReq(), "k").told(1, messages.ProtoOAVersionRes(version="9"), "k")
    book.told(2, spot(1))
    assert [line.split("#1 ")[1] for line in book.lines(names=["version*"])[1:]] == [
        "-> ProtoOAVersionReq  id=k",
        "<- ProtoOAVersionRes  id=k  after 1000 ms  version=9",
    ]
    assert len(book.lines(since=START + 1, until=START + 2)) == 2
    assert book.lines(connection=2) == []
    assert [document["name"] for document in book.documents(names=["SpotEvent"])] == ["ProtoOASpotEvent"]


def test_what_another_release_wrote_is_announced() -> None:
    entries: list[Entry] = [Header(START, 1, "9.9", "another", 5), Header(START, 2, "9.9", "another")]
    assert list(readable.lines(entries)) == [
        "recorded by ctrader_twisted 9.9",
        "(its schema is not the one of this release: fields may be missing or have other names)",
        "(5 earlier entries were given up)",
    ]


def test_documents() -> None:
    book = Book()
    book.recorder.failed("a", "refused", START)
    book.recorder.opened(1, "demo", START)
    book.asked(1, messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=7, symbolId=[1, 2]), "k")
    book.raw(2, Burst(2131, [codec.pack(spot(1)).payload, codec.pack(spot(2)).payload]))
    book.raw(3, Envelope(2105, b"\xff"), Envelope(2102, b"\xff"))
    book.told(4, messages.ProtoOAExecutionEvent(ctidTraderAccountId=7, executionType="ORDER_FILLED"))
    book.recorder.unreadable(1, UndecodableEnvelope(7), START + 5)
    book.recorder.ended(1, "gone", START + 6)

    def at(after: int, **more: Any) -> dict[str, Any]:
        return {"at": START + after, "time": f"2024-05-01T11:00:0{after}.000Z", **more}

    def message(after: int, way: str, number: int, **more: Any) -> dict[str, Any]:
        name = catalogue.name(number)
        return at(after, connection=1, way=way, type=number, name=name, **{"id": None, **more})

    assert book.documents() == [
        at(0, way="failed", where="a", reason="refused"),
        at(0, connection=1, way="opened", where="demo"),
        message(1, "out", 2127, id="k", fields={"ctidTraderAccountId": 7, "symbolId": [1, 2]}),
        message(2, "in", 2131, fields={"ctidTraderAccountId": 7, "symbolId": 1, "bid": 1}),
        message(2, "in", 2131, fields={"ctidTraderAccountId": 7, "symbolId": 1, "bid": 2}),
        message(3, "in", 2105, undecodable="ff"),
        message(3, "in", 2102, withheld=1),
        message(4, "in", 2126, fields={"ctidTraderAccountId": 7, "executionType": "ORDER_FILLED"}),
        at(
            5,
            connection=1,
            way="unreadable",
            kind="UndecodableEnvelope",
            size=7,
            expected=None,
            problem=str(UndecodableEnvelope(7)),
        ),
        at(6, connection=1, way="ended", reason="gone"),
    ]
    [header] = readable.documents([Header(START, 2, "0.1", "abc", 3)])
    assert header == at(0, way="began", part=2, package="0.1", schema="abc", dropped=3)


def test_numbers_that_json_does_not_have_and_text_that_is_none() -> None:
    payload = messages.ProtoOATrailingSLChangedEvent(
        ctidTraderAccountId=7, positionId=1, orderId=1, stopPrice=float("inf"), utcLastUpdateTimestamp=1
    ).SerializeToString()
    [document] = Book().raw(0, Envelope(2107, payload)).documents()
    assert document["fields"]["stopPrice"] == "inf"
    [document] = Book().raw(0, Envelope(2105, b"\x12\x02\xff\xfe")).documents()
    assert document["fields"]["version"] == r"\xff\xfe"


def test_times_that_no_calendar_has() -> None:
    book = Book()
    book.recorder.opened(1, "here", 9e13)
    assert book.lines()[-1].startswith("900000000000")
    assert book.documents()[0]["time"]


@pytest.mark.parametrize("number", sorted(catalogue.PARSERS), ids=catalogue.name)
def test_every_message_of_the_schema_can_be_shown(number: int) -> None:
    def fill(message: Any, depth: int = 0) -> Any:
        for field in message.DESCRIPTOR.fields:
            present = getattr(message, field.name)
            repeated = hasattr(present, "extend")
            if field.message_type is not None:
                if depth < 3:
                    fill(present.add() if repeated else present, depth + 1)
                continue
            value: Any = (
                field.enum_type.values[-1].number
                if field.enum_type is not None
                else "text"
                if field.type in (field.TYPE_STRING, field.TYPE_BYTES)
                else 1
            )
            present.append(value) if repeated else setattr(message, field.name, value)
        return message

    message = fill(catalogue.PARSERS[number]())
    payload = message.SerializePartialToString()
    book = Book().raw(0, Envelope(number, payload, "k"))
    assert len(book.lines()) == 2 and book.lines()[1].isprintable()
    [document] = book.documents()
    assert set(document["fields"]) == {field.name for field, _ in message.ListFields()}
