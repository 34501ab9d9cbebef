"""Envelopes and messages to bytes and back, and what becomes of bytes that are neither."""

from __future__ import annotations

import copy
import json
import re
import struct
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import Message
from hypothesis import example, given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    FrameTooLong,
    IncompleteMessage,
    LocalError,
    ProtocolError,
    UndecodableEnvelope,
    UndecodablePayload,
    UnknownPayloadType,
)
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.int32 import Int32Wire
from tests.paths import shared
from tests.wire.flattened import flattened

if TYPE_CHECKING:
    from collections.abc import Callable

SPOT = 2131
TRADER_RES = 2122


def varint(number: int, size: int = 0) -> bytes:
    """A protobuf varint, padded to ``size`` bytes if that is more than it needs."""
    groups = []
    while number or not groups or len(groups) < size:
        groups.append(number & 0x7F)
        number >>= 7
    return bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])


def text(value: bytes, number: int) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def framed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def decode_all(frames: list[bytes], unreadable: list[ProtocolError]) -> list[Envelope | Burst]:
    """What the wire makes of these frames, coming together."""
    wire = Int32Wire()
    arrived = wire.receive(b"".join(map(framed, frames)))
    unreadable += wire.problems()
    return arrived


ids = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.text("0123456789abcdef-", max_size=30),
    st.integers(min_value=120, max_value=135).map(lambda size: "k" * size),
)
payload_types = st.one_of(
    st.sampled_from(sorted(catalogue.PARSERS)),
    st.sampled_from([0, 1, 127, 128, 16_383, 16_384, 2**32 - 1]),
    st.integers(min_value=0, max_value=2**32 - 1),
)
payloads = st.one_of(st.binary(max_size=40), st.integers(min_value=120, max_value=135).map(lambda size: b"p" * size))
envelopes = st.builds(Envelope, payload_types, payloads, ids)


# Envelopes


@given(envelopes)
def test_an_envelope_survives_the_round_trip(envelope: Envelope) -> None:
    assert codec.decode(codec.encode(envelope)) == envelope


@given(envelopes)
@example(Envelope(SPOT, b"x" * 127, "k" * 127))
@example(Envelope(SPOT, b"x" * 128, "k"))
@example(Envelope(SPOT, b"x", "k" * 128))
@example(Envelope(SPOT, b"x", "é" * 64))
@example(Envelope(SPOT, b"x", ""))
@example(Envelope(SPOT, b"", "k"))
def test_an_envelope_has_the_bytes_that_the_wire_format_gives_it(envelope: Envelope) -> None:
    number, payload, key = envelope
    written = b"\x08" + varint(number)
    if payload:
        written += text(payload, 2)
    if key is not None:
        written += text(key.encode(), 3)
    assert codec.encode(envelope) == written


@pytest.mark.parametrize("data", ["0833", "08331200"])
def test_a_heartbeat_has_a_payload_field_or_has_none(data: str) -> None:
    assert codec.decode(bytes.fromhex(data)) == Envelope(catalogue.HEARTBEAT, b"", None)
    assert isinstance(codec.unpack(codec.decode(bytes.fromhex(data))), messages.ProtoHeartbeatEvent)
    wire = Int32Wire()
    assert flattened(wire.receive(framed(bytes.fromhex(data)))) == [Envelope(51)]


def test_our_heartbeat_is_two_bytes() -> None:
    wire = Int32Wire()
    wire.send(Envelope(catalogue.HEARTBEAT))
    assert wire.data_to_send() == bytes.fromhex("000000020833")
    assert wire.data_to_send() == b""


def test_envelopes_leave_in_order_and_in_one_piece() -> None:
    wire = Int32Wire()
    sent = [Envelope(2104, b"", "a-1"), Envelope(51), Envelope(2121, b"\x10\x01", "a-2")]
    for envelope in sent:
        wire.send(envelope)
    other = Int32Wire()
    assert flattened(other.receive(wire.data_to_send())) == sent


@pytest.mark.parametrize(
    ("data", "envelope"),
    [
        (b"\x08" + varint(SPOT), Envelope(SPOT)),
        (text(b"x", 2) + b"\x08" + varint(SPOT), Envelope(SPOT, b"x")),
        (b"\x08" + varint(SPOT, 5) + text(b"x", 2), Envelope(SPOT, b"x")),
        (b"\x88\x00" + varint(SPOT) + text(b"x", 2), Envelope(SPOT, b"x")),
        (b"\x08" + varint(SPOT) + b"\x12" + varint(1, 3) + b"x", Envelope(SPOT, b"x")),
        (b"\x08" + varint(SPOT) + text(b"x", 2) + text(b"y", 2), Envelope(SPOT, b"y")),
        (b"\x08" + varint(SPOT) + text(b"x", 2) + text(b"new", 9), Envelope(SPOT, b"x")),
        (b"\x08" + varint(SPOT) + text(b"x", 2) + b"\x08" + varint(51), Envelope(51, b"x")),
        (b"\x08" + varint(SPOT) + text(b"x", 2) + text(b"", 3), Envelope(SPOT, b"x", "")),
        (b"\x08" + varint(SPOT) + text(b"x", 2) + text("ü".encode(), 3), Envelope(SPOT, b"x", "ü")),
    ],
)
def test_what_another_encoder_may_write_is_read_for_what_it_is(data: bytes, envelope: Envelope) -> None:
    assert codec.decode(data) == envelope
    assert flattened(decode_all([data], [])) == [envelope]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x12\x01x",
        text(b"an id", 3),
        b"\x08\xd3\x10\x12\x05abc",
        b"\x08\xd3\x10\x12\x80",
        b"\x0a\x02\xd3\x10",  # the payload type as bytes
        b"\x08" + b"\xff" * 10 + b"\x01",  # a varint without end
        b"\xff" * 20,
        b"\x08\xd3\x10\x0c",  # the end of a group that never began
    ],
    ids=bytes.hex,
)
def test_what_is_no_envelope_is_an_error_that_says_its_size(data: bytes) -> None:
    with pytest.raises(UndecodableEnvelope) as caught:
        codec.decode(data)
    assert caught.value.size == len(data)
    assert not caught.value.fatal
    assert caught.value.__cause__ is None
    assert str(caught.value) == f"a frame of {len(data)} bytes does not hold a ProtoMessage with a payload type"


NOT_UTF8 = b"\x08" + varint(2101) + text(b"\xff\xfe", 3)


def test_an_id_that_is_no_text_makes_the_envelope_undecodable() -> None:
    with pytest.raises(UndecodableEnvelope):
        codec.decode(NOT_UTF8)
    held_against_one_by_one([NOT_UTF8, b"\x08\xb5\x10\x12\x01x\x1a\x02\xff\xfe"])


# Many at once

_short = st.builds(
    lambda number, payload: b"\x08" + varint(number) + text(payload, 2),
    st.sampled_from([SPOT, SPOT, 2126, 51, 9999, 127, 128, 16_384]),
    st.one_of(st.sampled_from([b"", b"a", b"bb", b"x" * 126, b"x" * 127, b"x" * 128]), st.binary(max_size=6)),
)
_fields = st.lists(
    st.one_of(
        st.builds(
            lambda number, size: b"\x08" + varint(number, size), payload_types, st.integers(min_value=0, max_value=5)
        ),
        st.builds(lambda value: text(value, 2), st.binary(max_size=6)),
        st.builds(lambda value, size: b"\x12" + varint(len(value), size) + value, st.binary(max_size=6), st.just(2)),
        st.builds(lambda value: text(value, 3), st.sampled_from([b"", b"id", "ü".encode(), b"k" * 128])),
        st.builds(text, st.binary(max_size=4), st.integers(min_value=4, max_value=3000)),
        st.builds(lambda number, value: varint(number << 3) + varint(value), st.integers(4, 50), st.integers(0, 2**64)),
        st.sampled_from([b"\x88\x00\xd3\x10", b"\x0d\0\0\0\0", b"\x0c", b"\x1d\0\0\0\0"]),
    ),
    max_size=5,
).map(b"".join)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A frame that begins as the short form does, and then has something wrong with it."""
    data = bytearray(draw(_short) + draw(st.one_of(st.just(b""), _fields)))
    for _ in range(draw(st.integers(min_value=0, max_value=2))):
        at = draw(st.integers(min_value=0, max_value=len(data) - 1))
        data[at] = draw(st.integers(min_value=0, max_value=255))
    return bytes(data[: draw(st.integers(min_value=0, max_value=len(data)))] if draw(st.booleans()) else data)


some_frames = st.lists(st.one_of(_short, _short, _fields, _mutated(), st.binary(max_size=12)), max_size=12)


def _one_by_one(frames: list[bytes]) -> tuple[list[Envelope], list[int]]:
    decoded, sizes = [], []
    for data in frames:
        try:
            decoded.append(codec.decode(data))
        except UndecodableEnvelope as error:
            sizes.append(error.size)
    return decoded, sizes


def held_against_one_by_one(frames: list[bytes]) -> None:
    unreadable: list[ProtocolError] = []
    arrived = flattened(decode_all(frames, unreadable))
    assert (arrived, [error.size for error in unreadable]) == _one_by_one(frames)
    assert all(type(envelope) is Envelope for envelope in arrived)


@given(some_frames)
@example([b"\x08\xd3\x10\x12\x01a", b"\x08\xd3\x10\x12\x01b", b"\x08\xd3\x10\x12\x02cc", b"\x08\xce\x10\x12\x01d"])
@example([b"\x08\xd3\x10\x12\x01a", b"\x08\xd3\x10\x12\x00", b"\x08\xd3\x10\x12\x01b"])
@example([b"\x08\xd3\x10\x12\x01a\x1a\x01k", b"\x08\xd3\x10\x12\x01a", b"\x08\xd3\x10\x12\x01a\x1a\x00"])
@example([b"\x08\xd3\x10\x12\x80\x01" + b"x" * 128, b"\x08\xd3\x10\x12\x05abc", b"\x08\xd3\x10\x12\x01abc"])
@example([b"\x08\xd3\x10\x12\x01a", b"", b"\x08\xd3\x10\x12\x01b"])
@example([b"\x08\xd3\x10\x12\x80\x01" + b"x" * 127, b"\x08\xd3\x10\x12\x85\x00" + b"x" * 5 + b"\x22\x7d" + b"y" * 125])
@example([b"\x08\xd3\x10\x12\x01a\x1a\x02k", b"\x08\xd3\x10\x12\x01a\x1a\x01k\x22\x01x"])
def test_many_frames_at_once_are_each_read_as_if_alone(frames: list[bytes]) -> None:
    held_against_one_by_one(frames)


@pytest.mark.parametrize(
    "frames",
    [[b""], [b"", b""], [b"", b"\x08\xd3\x10\x12\x01a"], [b"\x083", b""]],
    ids=repr,
)
def test_an_empty_frame_is_unreadable_wherever_it_comes(frames: list[bytes]) -> None:
    held_against_one_by_one(frames)


def test_a_run_is_kept_together_and_in_its_place() -> None:
    def spot(payload: bytes) -> bytes:
        return codec.encode(Envelope(SPOT, payload))

    frames = [spot(b"a"), spot(b"bb"), spot(b"c"), codec.encode(Envelope(51)), spot(b"d")]
    assert decode_all(frames, []) == [
        Burst(SPOT, [b"a", b"bb", b"c"]),
        Envelope(51),
        Burst(SPOT, [b"d"]),
    ]


def test_unreadable_frames_cost_their_neighbours_nothing() -> None:
    good = [Envelope(SPOT, b"\x10\x01"), Envelope(TRADER_RES, b"\x10\x01", "id"), Envelope(9999, b"?")]
    bad = [b"", b"\xff\xff\xff\xff", b"\x12\x01x", b"\x08\xd3\x10\x12\x05abc"]
    stream = b""
    for at in range(len(bad)):
        stream += framed(bad[at]) + framed(codec.encode(good[at % 3]))
    wire = Int32Wire()
    assert flattened(wire.receive(stream)) == [good[at % 3] for at in range(len(bad))]
    problems = wire.problems()
    assert [problem.size for problem in problems] == [0, 4, 3, 8]
    assert not any(problem.fatal for problem in problems)
    assert wire.problems() == []
    assert wire.end() is None


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_the_wire_never_raises_whatever_arrives(chunks: list[bytes]) -> None:
    wire = Int32Wire(1000)
    fatal = False
    for chunk in chunks:
        arrived = wire.receive(chunk)
        assert not (fatal and arrived)
        for problem in wire.problems():
            assert not fatal, "nothing is told after the stream is lost"
            fatal = problem.fatal
            assert str(problem)


def test_the_wire_tells_of_a_frame_too_long_once_and_after_what_came_before_it() -> None:
    wire = Int32Wire(100)
    stream = framed(codec.encode(Envelope(51))) + framed(b"\xff") + struct.pack(">I", 101) + framed(b"\x083")
    assert flattened(wire.receive(stream)) == [Envelope(51)]
    unreadable, too_long = wire.problems()
    assert isinstance(unreadable, UndecodableEnvelope)
    assert isinstance(too_long, FrameTooLong)
    assert too_long.fatal
    assert wire.receive(stream) == []
    assert wire.problems() == []


def test_a_byte_at_a_time_gives_the_same_messages() -> None:
    sent = [Envelope(SPOT, b"\x10\x01"), Envelope(51), Envelope(SPOT, b"x" * 300), Envelope(2101, b"", "id")]
    stream = b"".join(framed(codec.encode(envelope)) for envelope in sent)
    wire = Int32Wire()
    got = [envelope for byte in stream for envelope in flattened(wire.receive(bytes((byte,))))]
    assert got == sent
    assert wire.problems() == []


# Messages


def test_the_payload_type_travels_in_the_envelope_only() -> None:
    envelope = codec.pack(messages.ProtoOATraderReq(ctidTraderAccountId=1000001), "an id")
    assert envelope == Envelope(2121, bytes.fromhex("10c1843d"), "an id")  # as every recorded message begins
    assert codec.pack(messages.ProtoOAVersionReq()) == Envelope(2104, b"", None)


@pytest.mark.parametrize("number", sorted(catalogue.PARSERS))
def test_every_message_unpacks_to_its_own_class_even_when_nothing_is_in_it(number: int) -> None:
    message = codec.unpack(Envelope(number))
    assert type(message) is catalogue.PARSERS[number]
    assert codec.unpack(Envelope(number, b"", "id")) == message


def test_unknown_fields_are_kept_byte_for_byte() -> None:
    # The live server sends field 23 in a trader and an empty field 19 in a deal, which no published schema has.
    known = messages.ProtoOATrader(ctidTraderAccountId=1000001, balance=1, depositAssetId=2).SerializeToString()
    payload = bytes.fromhex("10c1843d") + text(known + b"\xb8\x01\x04", 3)
    message = codec.unpack(Envelope(TRADER_RES, payload))
    assert isinstance(message, messages.ProtoOATraderRes)
    assert message.trader.balance == 1
    assert message.SerializeToString() == payload
    assert codec.pack(message) == Envelope(TRADER_RES, payload)


@given(
    st.lists(
        st.one_of(
            st.builds(text, st.binary(max_size=10), st.integers(min_value=100, max_value=2**29 - 1)),
            st.builds(
                lambda number, value: varint(number << 3) + varint(value),
                st.integers(min_value=100, max_value=2**29 - 1),
                st.integers(min_value=0, max_value=2**64 - 1),
            ),
            st.builds(lambda number: varint(number << 3 | 5) + b"\1\2\3\4", st.integers(100, 3000)),
            st.builds(lambda number: varint(number << 3 | 1) + bytes(8), st.integers(100, 3000)),
        ),
        max_size=6,
    ).map(b"".join)
)
def test_any_unknown_field_is_kept_byte_for_byte(unknown: bytes) -> None:
    payload = messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=112_345).SerializeToString() + unknown
    message = codec.unpack(codec.decode(codec.encode(Envelope(SPOT, payload))))
    assert message.SerializeToString() == payload


def test_unknown_payload_types_pass_through_unread() -> None:
    wire = Int32Wire()
    envelope = Envelope(9999, b"\xff not protobuf", "id")
    wire.send(envelope)
    assert flattened(Int32Wire().receive(wire.data_to_send())) == [envelope]
    assert repr(envelope) == "<Envelope payload type 9999, 14 bytes, id id>"
    with pytest.raises(UnknownPayloadType, match="payload type 9999 is not in the schema") as caught:
        codec.unpack(envelope)
    assert caught.value.payload_type == 9999


def test_a_payload_that_does_not_parse_names_its_message_and_size() -> None:
    with pytest.raises(UndecodablePayload, match="a payload of 3 bytes does not parse as ProtoOASpotEvent") as caught:
        codec.unpack(Envelope(SPOT, b"\x10\xff\xff"))
    assert (caught.value.message_name, caught.value.size, caught.value.fatal) == ("ProtoOASpotEvent", 3, False)
    assert caught.value.__cause__ is None


@given(st.sampled_from(sorted(catalogue.PARSERS)), st.binary(max_size=60))
def test_whatever_a_payload_holds_it_parses_or_is_undecodable(number: int, payload: bytes) -> None:
    try:
        message = codec.unpack(Envelope(number, payload))
    except UndecodablePayload as error:
        assert error.size == len(payload)
    else:
        assert type(message) is catalogue.PARSERS[number]
        assert repr(message) is not None


def test_what_a_newer_server_leaves_out_or_adds_to_an_enum_is_no_error() -> None:
    event = codec.unpack(Envelope(2126, bytes.fromhex("10c1843d") + b"\x18\x63"))  # executionType 99
    assert isinstance(event, messages.ProtoOAExecutionEvent)
    assert not event.HasField("executionType")
    assert event.ctidTraderAccountId == 1000001
    assert event.SerializePartialToString() == bytes.fromhex("10c1843d1863")


# Incomplete messages


def test_missing_fields_are_named_also_those_of_parts() -> None:
    message = messages.ProtoOATraderRes(trader=messages.ProtoOATrader(balance=1))
    with pytest.raises(IncompleteMessage) as caught:
        codec.pack(message, "id")
    error = caught.value
    assert isinstance(error, LocalError)
    assert error.message_name == "ProtoOATraderRes"
    assert set(error.missing) == {"ctidTraderAccountId", "trader.ctidTraderAccountId", "trader.depositAssetId"}
    assert str(error).startswith("ProtoOATraderRes lacks ")
    assert "trader.depositAssetId" in str(error)
    assert error.__cause__ is None


def test_a_missing_field_in_a_list_says_which_element() -> None:
    message = messages.ProtoOADepthEvent(ctidTraderAccountId=1, symbolId=1)
    message.newQuotes.add(id=1, size=1)
    message.newQuotes.add(id=2)
    with pytest.raises(IncompleteMessage) as caught:
        codec.pack(message)
    assert caught.value.missing == ("newQuotes[1].size",)


def test_every_required_field_of_every_message_is_asked_for() -> None:
    schema = json.loads(shared("open-api-schema.json").read_text("utf-8"))
    required = {
        name: {field["name"] for field in fields if field["label"] == "required"}
        for file in schema["files"].values()
        for name, fields in file["messages"].items()
    }
    asked = 0
    for cls in catalogue.PARSERS.values():
        wanted = required[cls.DESCRIPTOR.name]
        if not wanted:
            codec.pack(cls())
            continue
        with pytest.raises(IncompleteMessage) as caught:
            codec.pack(cls())
        assert set(caught.value.missing) == wanted
        asked += 1
    assert asked > 50


@pytest.mark.parametrize("cls", [messages.ProtoOATrader, messages.ProtoMessage])
def test_what_is_only_a_part_of_messages_has_no_envelope(cls: type[Message]) -> None:
    with pytest.raises(KeyError):
        codec.pack(cls())


# Secrets

HIDDEN = "tok3n-that-nobody-may-see"

SECRETS = {
    "ProtoOAApplicationAuthReq": {"clientSecret"},
    "ProtoOAAccountAuthReq": {"accessToken"},
    "ProtoOAGetAccountListByAccessTokenReq": {"accessToken"},
    "ProtoOAGetAccountListByAccessTokenRes": {"accessToken"},
    "ProtoOAGetCtidProfileByTokenReq": {"accessToken"},
    "ProtoOARefreshTokenReq": {"refreshToken"},
    "ProtoOARefreshTokenRes": {"accessToken", "refreshToken"},
}

WAYS: list[Callable[[Any], str]] = [
    repr,
    str,
    "{}".format,
    "{!r}".format,
    lambda message: f"{message}",
    lambda message: "%s" % message,  # noqa: UP031
    lambda message: repr([message]),
    lambda message: repr(copy.deepcopy(message)),
    lambda message: str(type(message).FromString(message.SerializePartialToString())),
    lambda message: str(KeyError(message)),
]


def every_class() -> list[type[Message]]:
    found = [getattr(messages, name) for name in messages.__all__]
    return [cls for cls in found if isinstance(cls, type) and issubclass(cls, Message)]


def test_the_secrets_are_all_known() -> None:
    by_name = {
        cls.DESCRIPTOR.name: secret
        for cls in every_class()
        if (
            secret := {
                field.name
                for field in cls.DESCRIPTOR.fields
                if re.search("secret|token|password", field.name, re.IGNORECASE) and field.name != "tokenType"
            }
        )
    }
    assert by_name == SECRETS


def test_no_message_contains_one_that_has_a_secret() -> None:
    for cls in every_class():
        for field in cls.DESCRIPTOR.fields:
            assert field.message_type is None or field.message_type.name not in SECRETS


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("way", range(len(WAYS)))
def test_a_message_does_not_show_its_secrets(name: str, way: int) -> None:
    cls = getattr(messages, name)
    message = cls(**dict.fromkeys(SECRETS[name], HIDDEN))
    shown = WAYS[way](message)
    assert HIDDEN not in shown
    assert name in shown
    for field in SECRETS[name]:
        assert f"{field}='***'" in shown
    assert all(getattr(message, field) == HIDDEN for field in SECRETS[name])


def test_the_rest_of_a_message_with_a_secret_is_shown() -> None:
    message = messages.ProtoOAApplicationAuthReq(clientId="the-id", clientSecret=HIDDEN)
    assert repr(message) == str(message) == "ProtoOAApplicationAuthReq(clientId='the-id', clientSecret='***')"
    assert "secret" not in repr(messages.ProtoOAApplicationAuthReq(clientId="the-id"))
    account = messages.ProtoOACtidTraderAccount(ctidTraderAccountId=7)
    answer = messages.ProtoOAGetAccountListByAccessTokenRes(accessToken=HIDDEN, ctidTraderAccount=[account])
    assert HIDDEN not in repr(answer)
    assert "ctidTraderAccountId: 7" in repr(answer)


def test_messages_without_a_secret_print_as_protobuf_prints_them() -> None:
    assert str(messages.ProtoOASpotEvent(symbolId=3)) == "symbolId: 3\n"


def test_no_envelope_shows_its_payload() -> None:
    envelope = codec.pack(messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=HIDDEN), "a-1")
    assert repr(envelope) == str(envelope) == f"<Envelope ProtoOAAccountAuthReq, {len(envelope.payload)} bytes, id a-1>"
    assert HIDDEN not in repr([envelope]) + f"{envelope}"
    assert repr(Envelope(51)) == "<Envelope ProtoHeartbeatEvent, 0 bytes>"
    assert HIDDEN not in repr(Burst(2150, [envelope.payload]))


def test_the_common_envelope_message_does_not_show_its_payload_either() -> None:
    inner = codec.pack(messages.ProtoOAAccountAuthReq(ctidTraderAccountId=1, accessToken=HIDDEN))
    message = messages.ProtoMessage(payloadType=2102, payload=inner.payload, clientMsgId="a-1")
    for way in WAYS:
        assert HIDDEN not in way(message)
    assert "2102" in repr(message)
    assert "a-1" in repr(message)


def test_a_refused_message_does_not_show_its_secret_in_the_error() -> None:
    with pytest.raises(IncompleteMessage) as caught:
        codec.pack(messages.ProtoOAAccountAuthReq(accessToken=HIDDEN))
    assert HIDDEN not in repr(caught.value) + str(caught.value)
    assert caught.value.missing == ("ctidTraderAccountId",)
