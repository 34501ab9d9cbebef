"""Envelopes as JSON text: all of the schema there and back, what else is taken, and what is wrong with the rest."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import example, given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.errors import IncompletePayload, ProtocolError, UndecodableEnvelope, UndecodablePayload
from ctrader_twisted.wire import catalogue, codec, jsontext
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.jsontext import JsonText
from tests.paths import ROOT
from tests.wire.flattened import flattened
from tests.wire.test_recordings import EVERY, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

SPOT = 2131
HIDDEN = "a-secret-nobody-may-see"
SPOT_FIELDS: dict[str, Any] = {"ctidTraderAccountId": 7, "symbolId": 1, "bid": 113842}
ORDER_FIELDS: dict[str, Any] = {"ctidTraderAccountId": 7, "symbolId": 1, "orderType": 2, "tradeSide": 1, "volume": 100}


def text(number: object, payload: object, **others: object) -> bytes:
    return json.dumps({"payloadType": number, "payload": payload, **others}).encode()


def take(frame: bytes, wire: JsonText | None = None) -> Envelope | ProtocolError:
    """What becomes of one message; there is always one thing."""
    arrived: list[Envelope | Burst] = []
    problems: list[ProtocolError] = []
    (wire or JsonText()).take(frame, arrived, problems)
    items: list[Envelope | ProtocolError] = [*flattened(arrived), *problems]
    assert len(items) == 1
    return items[0]


def read(frame: bytes, wire: JsonText | None = None) -> Any:
    """The message that one is."""
    item = take(frame, wire)
    assert isinstance(item, Envelope), item
    return codec.unpack(item)


def refused(frame: bytes) -> UndecodablePayload:
    item = take(frame)
    assert isinstance(item, UndecodablePayload)
    return item


def spot(**fields: object) -> bytes:
    return text(SPOT, {**SPOT_FIELDS, **fields})


def order(**fields: object) -> bytes:
    return text(2106, {**ORDER_FIELDS, **fields})


# Every message of the schema

_VALUES: dict[int, st.SearchStrategy[object]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: st.text(max_size=8),
}


def fields_of(descriptor: Any) -> list[Any]:
    return [field for field in descriptor.fields if field.name != "payloadType"]


def is_list(field: Any) -> bool:
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED if repeated is None else repeated)


@cache
def _members(descriptor: Any) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in fields_of(descriptor):
        if field.message_type is not None:
            values: st.SearchStrategy[Any] = _members(field.message_type)
        elif field.enum_type is not None:
            values = st.sampled_from([value.number for value in field.enum_type.values])
        else:
            values = _VALUES[field.cpp_type]
        needed = getattr(field, "is_required", None)
        if needed is None:
            needed = field.label == FieldDescriptor.LABEL_REQUIRED
        (required if needed else optional)[field.name] = (
            st.lists(values, min_size=1, max_size=3) if is_list(field) else values
        )
    return st.fixed_dictionaries(required, optional=optional)


classes = st.sampled_from([cls for _, cls in sorted(catalogue.PARSERS.items())])
contents = classes.flatmap(lambda cls: st.tuples(st.just(cls), _members(cls.DESCRIPTOR)))
"""A message class, and the JSON of a whole message of it."""
ids = st.none() | st.text(min_size=1, max_size=8)


def test_the_schema_has_nothing_that_is_not_read() -> None:
    def look_at(descriptor: Any, around: tuple[str, ...]) -> Iterator[Any]:
        assert descriptor.name not in around, "a message in itself needs a form that is made later"
        for field in descriptor.fields:
            yield field
            if field.message_type is not None:
                yield from look_at(field.message_type, (*around, descriptor.name))

    for cls in catalogue.PARSERS.values():
        for field in look_at(cls.DESCRIPTOR, ()):
            assert field.type != FieldDescriptor.TYPE_BYTES
            assert field.cpp_type != FieldDescriptor.CPPTYPE_FLOAT
            assert not (field.enum_type is not None and is_list(field)), "a new value would lose the others"


@given(contents, ids)
def test_a_message_survives_the_round_trip(content: tuple[type[Message], dict[str, Any]], key: str | None) -> None:
    cls, members = content
    envelope = codec.pack(cls(**members), key)
    wire = JsonText()
    written = wire.encode(envelope)
    told = json.loads(written, parse_constant=pytest.fail)
    assert told == {
        **({} if key is None else {"clientMsgId": key}),
        "payloadType": catalogue.TYPES[cls],
        "payload": members,
    }
    assert take(written, wire) == envelope
    assert not wire.unknown


def reworded(draw: st.DrawFn, descriptor: Any, members: dict[str, Any]) -> dict[str, Any]:
    """The same said in another way that is taken, too."""

    def one(field: Any, value: Any) -> Any:
        if field.message_type is not None:
            return reworded(draw, field.message_type, value)
        if field.enum_type is not None:
            name = field.enum_type.values_by_number[value].name
            return draw(st.sampled_from([value, str(value), float(value), name]))
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return draw(st.sampled_from([value, int(value)]))
        return draw(st.sampled_from([value, repr(value)] + [float(value)] * (abs(value) < 2**53)))

    said: dict[str, Any] = {"newField": [{"a": None}]} if draw(st.booleans()) else {}
    for field in fields_of(descriptor):
        if field.name in members:
            value = members[field.name]
            said[field.name] = [one(field, item) for item in value] if is_list(field) else one(field, value)
        elif draw(st.booleans()):
            said[field.name] = None
    return said


@given(contents, ids, st.data())
def test_the_same_in_other_words_is_the_same(
    content: tuple[type[Message], dict[str, Any]], key: str | None, data: st.DataObject
) -> None:
    cls, members = content
    number = catalogue.TYPES[cls]
    said = data.draw(st.composite(lambda draw: reworded(draw, cls.DESCRIPTOR, members))())
    said["payloadType"] = data.draw(st.sampled_from([number, str(number), 1, None, "X"]))
    frame = text(data.draw(st.sampled_from([number, str(number)])), said, clientMsgId=key)
    assert take(frame) == codec.pack(cls(**members), key)


@pytest.mark.parametrize(("file", "line"), EVERY)
def test_a_recorded_message_survives_the_round_trip(file: str, line: int) -> None:
    row = recorded(file)[line - 1]
    message = codec.unpack(Envelope(row.type, row.payload))
    message.DiscardUnknownFields()
    wire = JsonText()
    assert take(wire.encode(Envelope(row.type, row.payload)), wire) == codec.pack(message)
    assert not wire.unknown


# What is written


def test_what_is_written_is_what_the_documentation_shows() -> None:
    message = messages.ProtoOAApplicationAuthReq(clientId="34Rsd_T098asHkl", clientSecret="validClientSecret")
    shown = (
        b'{"clientMsgId": "cm_id_2", "payloadType": 2100, '
        b'"payload": {"clientId": "34Rsd_T098asHkl","clientSecret": "validClientSecret"}}'
    )
    envelope = codec.pack(message, "cm_id_2")
    assert take(shown) == envelope
    assert JsonText().encode(envelope) == json.dumps(json.loads(shown), separators=(",", ":")).encode()


def test_a_heartbeat_has_an_empty_payload() -> None:
    assert JsonText().encode(Envelope(catalogue.HEARTBEAT)) == b'{"payloadType":51,"payload":{}}'


def written(message: Message) -> str:
    return JsonText().encode(codec.pack(message)).decode()


def test_the_payload_type_is_the_envelopes() -> None:
    assert written(messages.ProtoOAVersionReq(payloadType=2104)) == '{"payloadType":2104,"payload":{}}'


def test_what_is_set_is_written_even_if_it_is_the_default() -> None:
    message = messages.ProtoOAReconcileReq(ctidTraderAccountId=0, returnProtectionOrders=False)
    assert written(message).endswith('"payload":{"ctidTraderAccountId":0,"returnProtectionOrders":false}}')


def test_enums_and_whole_numbers_are_written_as_numbers() -> None:
    message = messages.ProtoOAGetTrendbarsReq(
        ctidTraderAccountId=2**63 - 1, fromTimestamp=-(2**63), period=messages.ProtoOATrendbarPeriod.H1, symbolId=1
    )
    assert '"ctidTraderAccountId":9223372036854775807' in written(message)
    assert '"fromTimestamp":-9223372036854775808' in written(message)
    assert '"period":9' in written(message)


@pytest.mark.parametrize(
    ("value", "digits"), [(0.1, "0.1"), (1.0, "1.0"), (1.13842, "1.13842"), (5e-324, "5e-324"), (-0.0, "-0.0")]
)
def test_doubles_are_written_as_short_as_they_go(value: float, digits: str) -> None:
    assert f'"limitPrice":{digits}}}' in written(messages.ProtoOANewOrderReq(**ORDER_FIELDS, limitPrice=value))


@pytest.mark.parametrize(("value", "word"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_what_is_no_number_in_json_is_written_for_the_peer_to_refuse(value: float, word: str) -> None:
    frame = written(messages.ProtoOANewOrderReq(**ORDER_FIELDS, stopLoss=value))
    assert f'"stopLoss":"{word}"' in frame
    assert refused(frame.encode()).problem == "stopLoss must be a number"


def test_text_that_is_not_utf_8_is_written_with_its_bytes_shown() -> None:
    payload = messages.ProtoOAErrorRes(errorCode="X", description="ab").SerializeToString().replace(b"ab", b"a\xff")
    envelope = Envelope(2142, payload)
    try:
        codec.unpack(envelope)
    except UndecodablePayload:
        pytest.skip("protobuf's pure Python does not parse it")
    told = json.loads(JsonText().encode(envelope))
    assert told["payload"] == {"errorCode": "X", "description": "a\\xff"}


def test_unknown_fields_are_left_out() -> None:
    payload = codec.pack(messages.ProtoOASpotEvent(**SPOT_FIELDS)).payload + b"\x98\x06\x01"
    assert json.loads(JsonText().encode(Envelope(SPOT, payload)))["payload"] == SPOT_FIELDS


@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05abc"])
def test_a_payload_that_does_not_parse_is_written_as_an_empty_one(payload: bytes) -> None:
    assert JsonText().encode(Envelope(SPOT, payload, "k")) == b'{"clientMsgId":"k","payloadType":2131,"payload":{}}'


@pytest.mark.parametrize("payload", [b"", b"\x08\x01", b"[1]", b"1", b'{"a":}', b'{"a":1', b'{"\xff":1}'])
def test_a_payload_of_an_unknown_type_that_is_no_json_object_is_written_as_an_empty_one(payload: bytes) -> None:
    assert JsonText().encode(Envelope(9999, payload)) == b'{"payloadType":9999,"payload":{}}'


@given(st.integers(0, 2**32 - 1) | st.sampled_from(sorted(catalogue.PARSERS)), st.binary(max_size=40), ids)
def test_any_envelope_can_be_written(number: int, payload: bytes, key: str | None) -> None:
    json.loads(JsonText().encode(Envelope(number, payload, key)), parse_constant=pytest.fail)


# What is read


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1, 0])
def test_64_bit_integers_come_as_numbers_or_text_without_loss(number: int) -> None:
    assert read(spot(symbolId=number)).symbolId == read(spot(symbolId=str(number))).symbolId == number
    assert read(spot(bid=2**64 - 1)).bid == read(spot(bid=str(2**64 - 1))).bid == 2**64 - 1


@pytest.mark.parametrize("value", [1.0, 1, "1", "1.0", "1e0", "10E-1"])
def test_doubles_come_as_numbers_or_text(value: object) -> None:
    assert read(order(limitPrice=value)).limitPrice == 1.0


@pytest.mark.parametrize("value", [9, "9", 9.0, "H1"])
def test_enums_come_as_numbers_or_names(value: object) -> None:
    wire = JsonText()
    frame = text(2137, {"ctidTraderAccountId": 7, "period": value, "symbolId": 1})
    assert read(frame, wire).period == messages.ProtoOATrendbarPeriod.H1
    assert not wire.unknown


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes((low | 0x80,)) + varint(rest) if rest else bytes((low,))


@pytest.mark.parametrize("number", [99, "99", 99.0, 2**31 - 1, -1])
def test_an_enums_new_number_is_kept_where_the_protobuf_wire_keeps_it(number: float | str) -> None:
    wire = JsonText()
    envelope = take(order(orderType=number), wire)
    assert isinstance(envelope, Envelope)
    fields = {name: value for name, value in ORDER_FIELDS.items() if name != "orderType"}
    message = messages.ProtoOANewOrderReq(**fields)
    message.MergeFromString(b"\x20" + varint(int(number) & 2**64 - 1))
    assert envelope.payload == message.SerializePartialToString()
    assert envelope.payload.startswith(messages.ProtoOANewOrderReq(**fields).SerializePartialToString() + b"\x20")
    assert not codec.unpack(envelope).HasField("orderType")
    assert not wire.unknown


def test_an_enums_new_name_is_counted() -> None:
    wire = JsonText()
    message = read(order(orderType="ICEBERG"), wire)
    assert not message.HasField("orderType")
    assert message.volume == 100
    assert wire.unknown == {"ProtoOANewOrderReq.orderType=ICEBERG": 1}


def deal(**fields: object) -> dict[str, object]:
    sound = dict.fromkeys(
        ("dealId", "orderId", "positionId", "volume", "filledVolume", "symbolId", "createTimestamp"), 1
    )
    return {**sound, "executionTimestamp": 1, "tradeSide": 1, "dealStatus": 2, **fields}


def deals(*said: object) -> bytes:
    return text(2134, {"ctidTraderAccountId": 7, "hasMore": False, "deal": [*said]}, clientMsgId="d-1")


def test_new_values_within_a_list_cost_their_neighbours_nothing() -> None:
    wire = JsonText()
    message = read(deals(deal(), deal(dealStatus=77), deal(tradeSide="BOTH", dealStatus="FILLED")), wire)
    assert [found.HasField("dealStatus") for found in message.deal] == [True, False, True]
    assert [found.HasField("tradeSide") for found in message.deal] == [True, True, False]
    number = messages.ProtoOADeal.DESCRIPTOR.fields_by_name["dealStatus"].number
    assert message.deal[1].SerializePartialToString().endswith(varint(number << 3) + varint(77))
    assert wire.unknown == {"ProtoOADeal.tradeSide=BOTH": 1}


def test_unknown_fields_are_ignored_and_counted() -> None:
    wire = JsonText(counts := Counter[str]())
    frame = {"payloadType": SPOT, "payload": {**SPOT_FIELDS, "newField": {"a": [1]}}, "sentAt": 5}
    assert read(json.dumps(frame).encode(), wire) == messages.ProtoOASpotEvent(**SPOT_FIELDS)
    assert len(read(deals(deal(newField=None), deal(newField=1)), wire).deal) == 2
    assert counts == {"ProtoOASpotEvent.newField": 1, "ProtoMessage.sentAt": 1, "ProtoOADeal.newField": 2}
    assert wire.unknown is counts


def test_a_peer_that_makes_up_names_does_not_fill_the_memory() -> None:
    wire = JsonText()
    for number in range(3):
        take(spot(**{f"field{number}-{n}": 1 for n in range(900)}), wire)
    take(spot(**{"field0-0": 1, "x" * 10_000: 1}), wire)
    assert len(wire.unknown) == jsontext.MOST_UNKNOWN
    assert wire.unknown["ProtoOASpotEvent.field0-0"] == 2
    take(spot(**{"x" * 10_000: 1}), wire := JsonText())
    assert [len(name) for name in wire.unknown] == [jsontext.LONGEST_UNKNOWN]


def test_what_is_counted_can_be_shown() -> None:
    wire = JsonText()
    take(spot(**{"a\x1b[31m\nb\u202e": 1}), wire)
    take(order(orderType="\x07NEW"), wire)
    take(text(51, {}, **{"\0c": 1}), wire)
    take(spot(**{"\n" * 10_000: 1}), wire)
    assert wire.unknown == {
        "ProtoOASpotEvent.a?[31m?b?": 1,
        "ProtoOANewOrderReq.orderType=?NEW": 1,
        "ProtoMessage.?c": 1,
        ("ProtoOASpotEvent." + "?" * 100)[: jsontext.LONGEST_UNKNOWN]: 1,
    }


def test_an_envelope_with_members_of_its_own_is_read_and_counted_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, looks = JsonText(), calls_of(monkeypatch, "_look_closely")
    frames = [
        text(SPOT, SPOT_FIELDS, sentAt=1, clientMsgId="k"),
        text(SPOT, SPOT_FIELDS, sentAt=2, clientMsgId="k"),
        text(SPOT, SPOT_FIELDS, clientMsgId="k"),
        text(SPOT, {**SPOT_FIELDS, "payloadType": 1}, sentAt=3, node=4, clientMsgId="k"),
    ]
    assert {take(frame, wire) for frame in frames} == {codec.pack(messages.ProtoOASpotEvent(**SPOT_FIELDS), "k")}
    assert len(looks) == 1, "only the first is to be taken apart"
    assert wire.unknown == {"ProtoMessage.sentAt": 3, "ProtoMessage.node": 1}


@pytest.mark.parametrize(
    "frame",
    [
        text("51", {}, a=1),
        text(51.0, {}, a=1),
        text(True, {}, a=1),
        text(2**32, {}, a=1),
        text(-1, {}, a=1),
        text([], {}, a=1),
        text(9999, {"b": 1}, a=1),
        text(51, None, a=1),
        text(51, [], a=1),
        text(51, {}, a=1, clientMsgId=5),
        text(51, {}, a=1, clientMsgId=True),
        text(51, {}, a=1, clientMsgId=""),
        text(51, {}, a=1, clientMsgId=None),
        text(SPOT, {**SPOT_FIELDS, "bid": "1"}, a=1),
        text(SPOT, {**SPOT_FIELDS, "bid": -1}, a=1),
        b'{"payloadType":51,"a":"\xff"}',
        b'{"payloadType":51,"a":NaN}',
        b'{"a":1,"payload":{}}',
        b'{"a":1,"payloadType":51}',
        b"[1]",
        b"",
    ],
)
def test_what_becomes_of_an_envelope_does_not_hang_on_those_before(frame: bytes) -> None:
    used, fresh = JsonText(), JsonText()
    take(text(51, {}, other=1), used)
    used.unknown.clear()
    first, second = take(frame, used), take(frame, fresh)
    assert type(first) is type(second)
    assert str(first) == str(second)
    if isinstance(first, Envelope) and isinstance(second, Envelope):
        assert repr([*first]) == repr([*second])  # 51.0 would be equal to 51
    assert used.unknown == fresh.unknown


def calls_of(monkeypatch: pytest.MonkeyPatch, name: str) -> list[bytes]:
    """The frames with which a method is called from now on."""
    called: list[bytes] = []
    method = getattr(JsonText, name)

    def recorded(self: JsonText, frame: bytes, *others: Any) -> Any:
        called.append(frame)
        return method(self, frame, *others)

    monkeypatch.setattr(JsonText, name, recorded)
    return called


def test_what_could_not_be_read_at_once_is_not_tried_again_until_it_could(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way a message was read can't be seen from outside, and costs twice the time if it is the wrong one."""
    wire, looks = JsonText(), calls_of(monkeypatch, "_look_into")
    plain, newer, other = spot(), spot(newField=1), text(51, {})
    looked = []
    for frame in (plain, newer, newer, other, plain, plain):
        before = len(looks)
        read(frame, wire)
        looked.append(len(looks) - before)
    assert looked == [0, 1, 1, 0, 1, 0]


def test_null_is_absent() -> None:
    assert read(spot(ask=None)) == read(spot())
    assert not read(spot(ask=None, newField=1)).HasField("ask")
    assert refused(spot(symbolId=None)).problem == "it lacks symbolId"


@pytest.mark.parametrize(
    ("frame", "envelope"),
    [
        ({"payloadType": 51}, Envelope(51)),
        ({"payloadType": 51, "payload": None}, Envelope(51)),
        ({"payloadType": "51", "payload": {}}, Envelope(51)),
        ({"payloadType": 51.0, "payload": {}}, Envelope(51)),
        ({"payloadType": 51, "payload": {"payloadType": 51}}, Envelope(51)),
        ({"payloadType": "51", "payload": {"payloadType": 51}}, Envelope(51)),
        ({"payloadType": 51, "clientMsgId": None}, Envelope(51)),
        ({"payloadType": 51, "clientMsgId": ""}, Envelope(51)),
        ({"payloadType": "51", "clientMsgId": ""}, Envelope(51)),
        ({"payloadType": 51, "clientMsgId": "é"}, Envelope(51, b"", "é")),
        ({"payloadType": 51, "clientMsgId": 2**70}, Envelope(51, b"", str(2**70))),
        ({"payloadType": 51, "clientMsgId": 1.5}, Envelope(51, b"", "1.5")),
        ({"payloadType": 9999}, Envelope(9999)),
        ({"payloadType": 9999, "payload": None, "clientMsgId": "k"}, Envelope(9999, b"", "k")),
        ({"payloadType": 9999, "payload": {"a": [2**70, None]}}, Envelope(9999, b'{"a": [%d, null]}' % 2**70)),
        ({"payloadType": 9999, "payload": [1]}, Envelope(9999, b"[1]")),
    ],
)
def test_an_envelope_in_other_shapes(frame: object, envelope: Envelope) -> None:
    assert take(json.dumps(frame).encode()) == envelope


def test_a_payload_of_an_unknown_type_is_given_on_as_it_came() -> None:
    frame = b'{"payloadType":9999,"payload":{"a" : 1e999, "b":[]}}'
    envelope = take(frame)
    assert envelope == Envelope(9999, b'{"a" : 1e999, "b":[]}')
    assert JsonText().encode(Envelope(9999, b'{"a" : 1, "b":[]}')) == frame.replace(b"1e999", b"1")


def test_events_of_a_type_in_a_row_are_kept_together() -> None:
    wire = JsonText()
    arrived: list[Envelope | Burst] = []
    frames = [spot(bid=1), spot(bid="2"), spot(bid=3, newField=1), text(51, {}), spot(bid=4)]
    for frame in [*frames, text(SPOT, SPOT_FIELDS, clientMsgId="k"), text(2105, {"version": "1"}), spot(), spot()]:
        wire.take(frame, arrived, [])
    assert [(type(item), item.payload_type) for item in arrived] == [
        (Burst, SPOT),
        (Burst, 51),
        (Burst, SPOT),
        (Envelope, SPOT),
        (Envelope, 2105),
        (Burst, SPOT),
    ]
    assert isinstance(arrived[0], Burst)
    assert [messages.ProtoOASpotEvent.FromString(payload).bid for payload in arrived[0].payloads] == [1, 2, 3]


@pytest.mark.parametrize("others", [{}, {"newField": 1}])
def test_what_protobufs_constructors_take_is_taken_whatever_else_is_there(others: dict[str, object]) -> None:
    assert read(spot(bid=True, **others)).bid == 1
    message = read(order(limitPrice=True, guaranteedStopLoss=5, trailingStopLoss=0, **others))
    assert (message.limitPrice, message.guaranteedStopLoss, message.trailingStopLoss) == (1.0, True, False)
    assert read(spot(trendbar={}, **others)) == read(spot(trendbar="", **others)) == read(spot())


def test_floats_count_as_whole_numbers_as_far_as_they_are_exact() -> None:
    for sign in (1, -1):
        assert read(spot(symbolId=sign * (2.0**53 - 1))).symbolId == sign * (2**53 - 1)
        assert refused(spot(symbolId=sign * 2.0**53)).problem == "symbolId must be a whole number of 64 bits"
        assert read(spot(symbolId=sign * 2**53)).symbolId == sign * 2**53


# What is not quite JSON


@pytest.mark.parametrize(
    ("said", "comment"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\uD83D", "\ufffd"),
        (r"\ude00 cut", "\ufffd cut"),
        (r"\ud83d\ud83d\ude00\ude00", "\ufffd\U0001f600\ufffd"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\\ud83d \ud83d \"\\\ud83d", '\\ud83d \ufffd "\\\ufffd'),
        (r"\ud83d é \u00e9\n\/", "\ufffd é é\n/"),
    ],
)
def test_half_of_an_emoji_costs_nothing_but_itself(said: str, comment: str) -> None:
    frame = spot()[:-2] + b', "bid": 5, "\\ud83d": 1}, "clientMsgId": "k"}'
    assert take(frame) == codec.pack(messages.ProtoOASpotEvent(**{**SPOT_FIELDS, "bid": 5}), "k")
    frame = order(comment="HERE", limitPrice=1e22, clientOrderId="\U0001f600").replace(b"HERE", said.encode())
    message = read(frame)
    assert message == messages.ProtoOANewOrderReq(
        **ORDER_FIELDS, comment=comment, limitPrice=1e22, clientOrderId="\U0001f600"
    )


NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400]


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_number_is_refused_where_one_is_to_be_and_nowhere_else(number: str) -> None:
    def with_it(frame: bytes) -> bytes:
        return frame.replace(b'"HERE"', number.encode())

    for field, takes in (("limitPrice", "a number"), ("volume", "a whole number of 64 bits"), ("label", "text")):
        for others in ({}, {"newField": 1}):
            members = {**ORDER_FIELDS, field: "HERE", **others}
            problem = refused(with_it(text(2106, members, clientMsgId="k")))
            assert problem.problem == f"{field} must be {takes}"
            assert (problem.payload_type, problem.client_msg_id) == (2106, "k")
    assert refused(with_it(order(tradeSide="HERE"))).problem == "tradeSide must be one of BUY, SELL"
    if not number.isdigit():  # any whole number is true or false to protobuf
        assert refused(with_it(order(guaranteedStopLoss="HERE"))).problem == "guaranteedStopLoss must be true or false"

    wire = JsonText()
    members = {**SPOT_FIELDS, "symbolId": 2**63 - 1, "bid": 2**64 - 1, "newField": ["HERE"]}
    frame = with_it(text(SPOT, members, clientMsgId="k", sentAt="HERE"))
    message = messages.ProtoOASpotEvent(ctidTraderAccountId=7, symbolId=2**63 - 1, bid=2**64 - 1)
    assert take(frame, wire) == codec.pack(message, "k")
    assert wire.unknown == {"ProtoOASpotEvent.newField": 1, "ProtoMessage.sentAt": 1}


@pytest.mark.parametrize(
    ("frame", "item"),
    [
        (
            b'{"payloadType":NaN,"clientMsgId":"k"}',
            UndecodableEnvelope(37, "its payloadType is not a whole number of 32 bits"),
        ),
        (b'{"payloadType":51,"clientMsgId":NaN}', UndecodableEnvelope(36, "its clientMsgId is not text")),
        (b"[NaN]", UndecodableEnvelope(5, "it is not a JSON object")),
        (b"NaN", UndecodableEnvelope(3, "it is not a JSON object")),
        (b'"\\ud83d"', UndecodableEnvelope(8, "it is not a JSON object")),
        (b'{"payloadType":51,"x":NaN', UndecodableEnvelope(25, "it can't be read as JSON")),
        (b'{"payloadType":51,"x":nan}', UndecodableEnvelope(26, "it can't be read as JSON")),
        (b'{"payloadType":51,"x":"\\ud8zz"}', UndecodableEnvelope(31, "it can't be read as JSON")),
        (b'{"payloadType":51,"x":NaN,"y":%b}' % (b"[" * 9_000 + b"]" * 9_000), None),
        (b'{"payloadType":51,"clientMsgId":"a\\ud83d"}', Envelope(51, b"", "a\ufffd")),
        (b'{"payloadType":9999,"payload":{"a":NaN,"b":[1e400,"\\ud83d"]}}', None),
    ],
)
def test_what_else_becomes_of_what_is_not_quite_json(frame: bytes, item: object) -> None:
    found = take(frame)
    assert item is None or repr(found) == repr(item)


def test_a_payload_of_an_unknown_type_that_is_not_quite_json_says_the_same() -> None:
    found = take(b'{"payloadType":9999,"payload":{"a":NaN,"b":"\\ud83d"}}')
    assert found == Envelope(9999, b'{"a": NaN, "b": "\\ufffd"}')
    assert JsonText().encode(found) == b'{"payloadType":9999,"payload":{}}'


@pytest.mark.parametrize(
    "frame",
    [
        b'{"payloadType":51,"x":"\xff"}',
        b'{"payloadType":51,"x":["\xed\xa0\xbd"]}',
        b'{"payloadType":51,"\xff":1}',
        b'{"payloadType":51,"x":NaN,"y":"\xff"}',
        b'{"payloadType":9999,"payload":{"a":"\xff"}}',
        b'{"payloadType":2131,"payload":{"ctidTraderAccountId":7,"symbolId":1},"x":"\xff","clientMsgId":"k"}',
        b'\xff{"payloadType":51}',
    ],
)
def test_what_is_not_utf_8_is_refused_even_where_nobody_reads_it(frame: bytes) -> None:
    for wire in (JsonText(), used := JsonText()):
        error = take(frame, wire)
        assert isinstance(error, UndecodableEnvelope)
        assert (error.size, error.problem) == (len(frame), "it is not UTF-8")
        take(text(51, {}, other=1), used)


# New tokens


def tokens(*without: str, **fields: object) -> dict[str, object]:
    sound = {"accessToken": "new-access", "tokenType": "bearer", "expiresIn": 100, "refreshToken": "new-refresh"}
    return {name: value for name, value in {**sound, **fields}.items() if name not in without}


@pytest.mark.parametrize(
    ("payload", "lost", "unknown"),
    [
        (tokens(), [], []),
        (tokens("tokenType"), ["tokenType"], []),
        (tokens("tokenType", "expiresIn", "refreshToken"), ["tokenType", "expiresIn", "refreshToken"], []),
        (tokens(expiresIn=None, refreshToken=None), ["expiresIn", "refreshToken"], []),
        (tokens(expiresIn="soon"), ["expiresIn"], ["expiresIn"]),
        (tokens(expiresIn=1.5), ["expiresIn"], ["expiresIn"]),
        (tokens(expiresIn=2**63), ["expiresIn"], ["expiresIn"]),
        (tokens(expiresIn="100"), [], []),
        (tokens(tokenType=5, expiresIn=[], refreshToken={}), ["tokenType", "expiresIn", "refreshToken"], None),
        (tokens(tokenType=[HIDDEN], newField={"a": 1}), ["tokenType"], ["tokenType", "newField"]),
        (tokens(payloadType="X", refreshToken="half \ud83d"), ["refreshToken"], ["refreshToken"]),
    ],
)
def test_an_answer_with_new_tokens_is_never_refused_for_anything_else(
    payload: dict[str, object], lost: list[str], unknown: list[str] | None
) -> None:
    wire = JsonText()
    message = read(text(2174, payload, clientMsgId="k"), wire)
    assert message == messages.ProtoOARefreshTokenRes(
        **{name: value for name, value in tokens().items() if name not in lost}  # type: ignore[arg-type]
    )
    assert wire.unknown == {f"ProtoOARefreshTokenRes.{name}": 1 for name in (lost if unknown is None else unknown)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"expiresIn": 100', b'"expiresIn": NaN'),
        (b'"expiresIn": 100', b'"expiresIn": 1e400'),
        (b'"expiresIn": 100', b'"newField": "\xff"'),
        (b'"tokenType"', b'"\xff"'),
        (b'{"payloadType"', b'{"x": "\xff", "payloadType"'),
        (b'{"payloadType"', b'{"x": NaN, "y": "\xff\\ud83d", "payloadType"'),
        (b"2174", b'"2174"'),
        (b'"k"', b"7"),
    ],
)
def test_new_tokens_are_found_in_whatever_else_is_wrong(before: bytes, after: bytes) -> None:
    frame = text(2174, tokens(), clientMsgId="k")
    assert before in frame
    message = read(frame.replace(before, after))
    assert (message.accessToken, message.refreshToken) == ("new-access", "new-refresh")


@pytest.mark.parametrize("token", [None, 5, ["new-access"], "half \ud83d", ""])
def test_an_answer_without_a_new_token_is_judged_as_any(token: object) -> None:
    if token != "":
        assert refused(text(2174, tokens(accessToken=token))).problem == "it lacks accessToken"
    error = refused(text(2174, tokens("tokenType", accessToken=token), clientMsgId="k"))
    assert (error.payload_type, error.client_msg_id) == (2174, "k")
    assert "tokenType" in error.problem
    assert "new-refresh" not in f"{error} {error!r}"
    assert refused(text(2174, ["new-access"])).problem == "it must be a JSON object"
    broken = text(2174, tokens()).replace(b"new-access", b"new-\xff")
    assert refused(broken).problem == "it lacks accessToken"


# What is refused


@pytest.mark.parametrize(
    ("field", "values", "takes"),
    [
        ("slippageInPoints", [2**31, -(2**31) - 1, str(2**31), 1.5, "x", "", [], {}], "a whole number of 32 bits"),
        (
            "volume",
            [
                2**63,
                -(2**63) - 1,
                str(2**63),
                0.5,
                2.0**60,
                "1.0",
                "1e3",
                " 1",
                "+1",
                "1_0",
                "-",
                "--1",
                "\u0661",
                "9" * 5_000,
            ]
            + ["", "x", [], {}, [1]],
            "a whole number of 64 bits",
        ),
        ("limitPrice", ["", "x", "NaN", "Infinity", "1_0", " 1", "0x1", "1e999", 10**400, [], {}], "a number"),
        ("guaranteedStopLoss", ["true", "", "1", 1.0, [], {}], "true or false"),
        ("label", [1, 1.5, True, [], {}], "text"),
        ("tradeSide", [1.5, 2**31, [], {}, [1]], "one of BUY, SELL"),
    ],
)
def test_a_wrong_kind_is_refused_naming_field_and_kind(field: str, values: list[object], takes: str) -> None:
    for value in values:
        problem = refused(order(**{field: value})).problem
        assert problem == f"{field} must be {takes}", value


@pytest.mark.parametrize("bid", [-1, "-1", 2**64, str(2**64), -0.5])
def test_what_may_not_be_negative(bid: object) -> None:
    assert refused(spot(bid=bid)).problem == "bid must be a whole number of 64 bits, not negative"


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (deals(deal(), deal(volume="x")), "deal[1].volume must be a whole number of 64 bits"),
        (deals(deal(closePositionDetail=5)), "deal[0].closePositionDetail must be a JSON object"),
        (
            deals(deal(closePositionDetail={"entryPrice": []})),
            "deal[0].closePositionDetail.entryPrice must be a number",
        ),
        (deals(deal(), 7), "deal[1] must be a JSON object"),
        (deals(None), "deal[0] must be a JSON object"),
        (text(2134, {"deal": {"a": 1}}), "deal must be a list"),
        (text(2134, {"deal": 0}), "deal must be a list"),
        (
            text(2127, {"ctidTraderAccountId": 7, "symbolId": [1, None]}),
            "symbolId[1] must be a whole number of 64 bits",
        ),
        (text(2127, {"ctidTraderAccountId": 7, "symbolId": "12"}), "symbolId must be a list"),
        (text(2134, []), "it must be a JSON object"),
        (text(2134, 0), "it must be a JSON object"),
        (text(2134, "x"), "it must be a JSON object"),
        (
            b'{"payloadType":2134,"payload":{"deal":[{"volume":NaN}]}}',
            "deal[0].volume must be a whole number of 64 bits",
        ),
        (b'{"payloadType":2134,"payload":{"a":"\xff"}}', "it is not UTF-8"),
    ],
)
def test_the_place_is_named(frame: bytes, problem: str) -> None:
    assert refused(frame).problem == problem


def test_an_answer_that_is_refused_can_be_matched_with_its_request() -> None:
    error = refused(deals(deal(volume={})))
    assert (error.message_name, error.payload_type, error.client_msg_id) == ("ProtoOADealListRes", 2134, "d-1")
    assert error.size == len(json.dumps(json.loads(deals(deal(volume={})))["payload"]))
    broken = refused(b'{"payloadType":2134,"clientMsgId":"d-1","payload":{"a":"\xff"}}')
    assert (broken.payload_type, broken.client_msg_id, broken.size) == (2134, "d-1", 9)


@pytest.mark.parametrize(
    ("frame", "missing"),
    [
        (spot(symbolId=None), ["symbolId"]),
        (text(SPOT, {}), ["ctidTraderAccountId", "symbolId"]),
        (b'{"payloadType":2131}', ["ctidTraderAccountId", "symbolId"]),
        (deals(deal(), deal(), deal(), deal(volume=None, tradeSide=None)), ["deal[3].volume", "deal[3].tradeSide"]),
        (
            deals(deal(dealStatus=99, volume=None), deal(tradeSide="BOTH", orderId=None)),
            ["deal[0].volume", "deal[1].orderId"],
        ),
        (
            text(2122, {"ctidTraderAccountId": 7, "trader": {"ctidTraderAccountId": 7, "depositAssetId": 1}}),
            ["trader.balance"],
        ),
        (text(2122, {"ctidTraderAccountId": 7}), ["trader"]),
    ],
)
def test_missing_fields_are_named(frame: bytes, missing: list[str]) -> None:
    error = refused(frame)
    assert isinstance(error, IncompletePayload)
    assert sorted(error.missing) == sorted(missing)
    assert error.payload_type == json.loads(frame)["payloadType"]
    assert all(path in str(error) for path in missing)
    assert error.message_name in str(error)


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"", "it can't be read as JSON"),
        (b"\x08\x33", "it can't be read as JSON"),
        (b"{", "it can't be read as JSON"),
        (b'{"payloadType":51}x', "it can't be read as JSON"),
        (b"[]", "it is not a JSON object"),
        (b"51", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b"{}", "its payloadType is not a whole number of 32 bits"),
        (text(None, {}), "its payloadType is not a whole number of 32 bits"),
        (text(-1, {}), "its payloadType is not a whole number of 32 bits"),
        (text(2**32, {}), "its payloadType is not a whole number of 32 bits"),
        (text("SPOT", {}), "its payloadType is not a whole number of 32 bits"),
        (text(51, {}, clientMsgId=[]), "its clientMsgId is not text"),
        (text(51, {}, clientMsgId=True), "its clientMsgId is not text"),
        (b'{"payloadType":51,"clientMsgId":"\xff"}', "its clientMsgId is not text"),
    ],
)
def test_what_holds_no_envelope(frame: bytes, problem: str) -> None:
    error = take(frame)
    assert isinstance(error, UndecodableEnvelope)
    assert (error.size, error.problem) == (len(frame), problem)


DEEP = b"[" * 100_000
HUGE = b"9" * 100_000


@pytest.mark.parametrize("name", ["payloadType", "payload", "clientMsgId", "other"])
@pytest.mark.parametrize(
    "value",
    [DEEP, DEEP + b"]" * len(DEEP), b'{"a":' * 100_000, HUGE, b"-" + HUGE, HUGE + b".5", b"1e" + HUGE],
    ids=["open", "closed", "objects", "integer", "negative", "fraction", "exponent"],
)
def test_what_is_nested_too_deeply_or_too_large_raises_nothing(name: str, value: bytes) -> None:
    for number in (b"51", b"9999"):
        members = {"payloadType": number, "payload": b"{}", name: value}
        take(b"{%s}" % b",".join(b'"%s":%s' % (key.encode(), member) for key, member in members.items()))
    JsonText().encode(Envelope(9999, value))
    JsonText().encode(Envelope(9999, b'{"a":%s}' % value))


@pytest.mark.parametrize("value", [DEEP + b"]" * len(DEEP), HUGE, b"1e" + HUGE], ids=["deep", "integer", "exponent"])
def test_what_is_out_of_all_bounds_is_refused(value: bytes) -> None:
    assert isinstance(take(b'{"payloadType":2131,"payload":{"bid":%s}}' % value), ProtocolError)


@given(st.binary(max_size=60))
@example(b'{"payloadType":51,"payload":{"a":\xff}}')
def test_any_bytes_are_read_or_refused(frame: bytes) -> None:
    take(frame)


documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**400, 99, 1.0, "1", "-1", "1.5", "NaN", "", "BUY"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["payloadType", "payload", "clientMsgId"]) | st.text(max_size=3)


@given(documents | st.dictionaries(names, documents | st.sampled_from([51, SPOT, 2134]), max_size=4))
def test_any_json_is_read_or_refused(document: object) -> None:
    take(json.dumps(document).encode())


def places(members: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a JSON value with one of its keys."""
    for key, value in [*members.items()] if isinstance(members, dict) else [*enumerate(members)]:
        yield members, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def outcome(item: Envelope | ProtocolError) -> object:
    if isinstance(item, UndecodablePayload):  # without the size
        return type(item), item.message_name, item.problem, item.payload_type, item.client_msg_id
    return item


@given(contents, ids, documents, st.data())
def test_what_becomes_of_a_value_does_not_hang_on_the_rest(
    content: tuple[type[Message], dict[str, Any]], key: str | None, value: object, data: st.DataObject
) -> None:
    cls, members = content
    members = deepcopy(members)
    if where := [*places(members)]:
        container, place = data.draw(st.sampled_from(where))
        container[place] = value
    number = catalogue.TYPES[cls]
    first = take(text(number, members, clientMsgId=key))
    assert outcome(first) == outcome(take(text(number, {**members, "newField": 1}, clientMsgId=key)))
    assert outcome(first) == outcome(take(text(str(number), members, clientMsgId=key)))


# Secrets


@pytest.mark.parametrize("value", [[HIDDEN], {HIDDEN: HIDDEN}, {"a": HIDDEN}])
def test_no_problem_shows_a_value(value: object) -> None:
    error = refused(text(2102, {"ctidTraderAccountId": 7, "accessToken": value}))
    assert error.problem == "accessToken must be text"
    for shown in (str(error), repr(error), repr(error.args), repr(error.__cause__), repr(error.__context__)):
        assert HIDDEN not in shown
    number = refused(text(2102, {"ctidTraderAccountId": HIDDEN, "accessToken": HIDDEN}))
    assert HIDDEN not in f"{number} {number!r} {number.__cause__!r} {number.__context__!r}"
    broken = take(b'{"payloadType":"%s","payload":{}}' % HIDDEN.encode())
    assert HIDDEN not in f"{broken} {broken!r}"


# The other protobuf

FRAMES = [
    spot(),
    spot(bid=str(2**64 - 1), symbolId=-(2**63), newField=1),
    spot(bid=-1),
    spot(trendbar=[{"volume": "5", "period": "H1"}]),
    order(limitPrice="1.5", comment="é", guaranteedStopLoss=1),
    order(orderType=99, label=1),
    order(orderType=99),
    order(orderType="ICEBERG", volume=None),
    deals(deal(), deal(dealStatus=77, volume=None), deal(tradeSide="BOTH")),
    deals(deal(), deal(dealStatus=77), deal(tradeSide="BOTH")),
    text(2122, {"ctidTraderAccountId": 7, "trader": {"ctidTraderAccountId": 7}}),
]

PROGRAM = """
import json, sys
from google.protobuf.internal import api_implementation
from ctrader_twisted.wire.jsontext import JsonText
assert api_implementation.Type() == "python"
wire = JsonText()
for line in sys.stdin:
    arrived, problems = [], []
    wire.take(line.encode(), arrived, problems)
    print([tuple(item) for item in arrived], problems, [wire.encode(item) for item in arrived if len(item) == 3])
print(sorted(wire.unknown.items()))
"""


def test_protobufs_pure_python_does_the_same() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=b"\n".join(FRAMES) + b"\n",
        env={**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    wire = JsonText()
    expected = []
    for frame in FRAMES:
        arrived: list[Envelope | Burst] = []
        problems: list[ProtocolError] = []
        wire.take(frame + b"\n", arrived, problems)
        encoded = [wire.encode(item) for item in arrived if isinstance(item, Envelope)]
        expected.append(f"{[tuple(item) for item in arrived]} {problems} {encoded}")
    expected.append(str(sorted(wire.unknown.items())))
    assert said.stdout.decode().splitlines() == expected
