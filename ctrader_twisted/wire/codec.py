"""Envelopes to ProtoMessage bytes and back; messages to envelopes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, EncodeError

from ctrader_twisted.errors import IncompleteMessage, UndecodableEnvelope, UndecodablePayload, UnknownPayloadType
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.schema import ProtoMessage

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.wire.runs import SpotRun

_UNREADABLE = (DecodeError, UnicodeDecodeError)  # the second from protobuf's pure Python, for text that is not UTF-8
_parse_envelope = ProtoMessage.FromString
_parsers = {number: cls.FromString for number, cls in catalogue.PARSERS.items()}
_new_envelope = tuple.__new__  # what Envelope(...) does, at half the time

# How nearly every envelope comes: tag 1 and a payload type of two varint bytes, tag 2 and a payload of less than 128
# bytes, and for an answer tag 3 and an id of less than 128. The first four bytes say which; the rest needs no parse.
_SHORT_FORMS = {
    b"\x08" + bytes((number & 0x7F | 0x80, number >> 7)) + b"\x12": number
    for number in catalogue.PARSERS
    if 0x80 <= number < 0x4000
}

_EVENT_FORMS = {head: number for head, number in _SHORT_FORMS.items() if number in catalogue.EVENTS}
_HEADS = {number: head for head, number in _SHORT_FORMS.items()}
_BYTE = [bytes((number,)) for number in range(0x80)]


def short_head(number: int) -> bytes:
    """Give the four bytes that a short envelope of this payload type begins with; the size of its payload follows."""
    return _HEADS[number]


def decode(data: bytes) -> Envelope:
    """Parse the bytes of a ProtoMessage.

    :raises UndecodableEnvelope: if they are not one, lack the payload type, or have an id that is not UTF-8.
    """
    try:
        message = _parse_envelope(data)
    except _UNREADABLE:
        raise UndecodableEnvelope(len(data)) from None
    key = message.clientMsgId if message.HasField("clientMsgId") else None
    if not message.HasField("payloadType") or isinstance(key, bytes):  # protobuf gives what is not UTF-8 as bytes
        raise UndecodableEnvelope(len(data))
    return Envelope(message.payloadType, message.payload, key)


SHORT_FRAME = 5 + 0x7F
"""Bytes that a short frame has at most, without its length prefix."""


class _Sizes(dict[int, dict[bytes, int]]):
    """By payload type: the nine bytes that a short frame begins with, from its length prefix on, and how long it is."""

    def __missing__(self, number: int) -> dict[bytes, int]:
        head = _HEADS[number]
        sizes = self[number] = {
            b"\0\0\0" + bytes((size + 5,)) + head + bytes((size,)): size + 9 for size in range(0x80)
        }
        return sizes


_SIZES = _Sizes()


def take_runs(data: bytes, start: int, arrived: list[Envelope | Burst | SpotRun]) -> int:
    """Take the short events that begin here, keeping those of one type together; give where they end.

    Nearly everything a market sends passes here, at a slice, a lookup and a slice for each. None is longer than
    `SHORT_FRAME`: a bound below that is not looked at.
    """
    end = len(data)
    while (number := _EVENT_FORMS.get(data[start + 4 : start + 8])) is not None:
        size_of = _SIZES[number].get
        payloads: list[bytes] = []
        append = payloads.append
        while size := size_of(data[start : start + 9]):  # or another type, a longer message, an id, the end
            stop = start + size
            if stop > end:
                break
            append(data[start + 9 : stop])
            start = stop
        if not payloads:
            break
        arrived.append(Burst(number, payloads))
    return start


def take_one(frame: bytes, arrived: list[Envelope | Burst | SpotRun], unreadable: list[ProtocolError]) -> None:
    """Parse one frame; one that can't be parsed is put into ``unreadable`` and costs its neighbours nothing."""
    length = len(frame)
    number = _SHORT_FORMS.get(frame[:4]) if length > 4 else None
    if number is not None:
        end = frame[4] + 5
        if end < 0x85 and end + 2 < length and frame[end] == 0x1A and frame[end + 1] == length - end - 2 < 0x80:
            key = frame[end + 2 :]
            if key.isascii():
                arrived.append(_new_envelope(Envelope, (number, frame[5:end], key.decode("ascii"))))
                return
    try:
        envelope = decode(frame)
    except UndecodableEnvelope as error:
        unreadable.append(error)
    else:
        arrived.append(envelope)


def encode(envelope: Envelope) -> bytes:
    """Give the bytes of an envelope's ProtoMessage, without a length before them."""
    number, payload, client_msg_id = envelope
    if client_msg_id is not None:
        key = client_msg_id.encode()
        if 0 < len(payload) < 0x80 and len(key) < 0x80 and number in _HEADS:
            # By hand what protobuf would write, at a third of the time: every request passes here.
            return b"".join((_HEADS[number], _BYTE[len(payload)], payload, b"\x1a", _BYTE[len(key)], key))
    return ProtoMessage(payloadType=number, payload=payload or None, clientMsgId=client_msg_id).SerializeToString()


def pack(message: Message, client_msg_id: str | None = None) -> Envelope:
    """Put a message into an envelope. The payload type travels in the envelope only, as the server does it.

    :raises IncompleteMessage: naming the required fields that are missing.
    :raises KeyError: for a message that is only ever a part of others.
    """
    number = catalogue.TYPES[type(message)]
    try:
        payload = message.SerializeToString()
    except EncodeError:
        missing: list[str] = message.FindInitializationErrors()  # type: ignore[attr-defined]  # the stubs lack it
        raise IncompleteMessage(message.DESCRIPTOR.name, missing) from None
    return _new_envelope(Envelope, (number, payload, client_msg_id))


def unpack(envelope: Envelope) -> Message:
    """Parse an envelope's payload as its payload type says.

    Fields the schema does not have are kept, and a required field that is missing, or holds an enum value newer than
    the schema, is no error: the live server is ahead of any published schema (protocol notes, 1.0).

    :raises UnknownPayloadType: if the schema has no such type.
    :raises UndecodablePayload: if the payload does not parse.
    """
    number, payload, _ = envelope
    parse = _parsers.get(number)
    if parse is None:
        raise UnknownPayloadType(number)
    try:
        return parse(payload)
    except _UNREADABLE:
        raise UndecodablePayload(catalogue.name(number), len(payload)) from None


class Protobuf:
    """ProtoMessages, one to a WebSocket message."""

    text = False

    def take(self, frame: bytes, arrived: list[Envelope | Burst | SpotRun], problems: list[ProtocolError]) -> None:
        """Parse one message; short events without an id are kept together, as `take_runs` does."""
        number = _EVENT_FORMS.get(frame[:4])
        if number is not None and len(frame) > 4 and frame[4] + 5 == len(frame) < 0x85:
            last = arrived[-1] if arrived else None
            if isinstance(last, Burst) and last.payload_type == number:
                last.payloads.append(frame[5:])
            else:
                arrived.append(Burst(number, [frame[5:]]))
        else:
            take_one(frame, arrived, problems)

    def encode(self, envelope: Envelope) -> bytes:
        """Give the bytes of an envelope's ProtoMessage."""
        return encode(envelope)
