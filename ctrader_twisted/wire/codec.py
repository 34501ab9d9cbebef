"""Envelopes to ProtoMessage bytes and back; messages to envelopes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, EncodeError

from ctrader_twisted.errors import IncompleteMessage, UndecodableEnvelope, UndecodablePayload, UnknownPayloadType
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.schema import ProtoMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from ctrader_twisted.errors import ProtocolError

_UNREADABLE = (DecodeError, UnicodeDecodeError)  # the second from protobuf's pure Python, for text that is not UTF-8
_parse_envelope = ProtoMessage.FromString

# How nearly every envelope comes: tag 1 and a payload type of two varint bytes, tag 2 and a payload of less than 128
# bytes, and for an answer tag 3 and an id of less than 128. The first four bytes say which; the rest needs no parse.
_SHORT_FORMS = {
    b"\x08" + bytes((number & 0x7F | 0x80, number >> 7)) + b"\x12": number
    for number in catalogue.PARSERS
    if 0x80 <= number < 0x4000
}

_HEADS = {number: head for head, number in _SHORT_FORMS.items()}
_BYTE = [bytes((number,)) for number in range(0x80)]


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


def decode_all(frames: Iterable[bytes], unreadable: list[ProtocolError]) -> list[Envelope | Burst]:
    """Parse each frame, keeping runs of one type without message id together.

    A frame that can't be parsed is put into ``unreadable`` and costs its neighbours nothing.
    """
    arrived: list[Envelope | Burst] = []
    short_forms = _SHORT_FORMS
    number, size = 0, -1
    head = b""
    payloads: list[bytes] = []
    append = payloads.append
    for frame in frames:
        if frame[:5] == head and len(frame) == size:  # the same type, the same size: most spot events
            append(frame[5:])
            continue
        length = len(frame)
        found = short_forms.get(frame[:4]) if length > 4 and frame[4] < 0x80 else None
        if found is not None:
            end = frame[4] + 5
            if end == length:
                head, size = frame[:5], length
                if found != number or not payloads:
                    number, payloads = found, []
                    append = payloads.append
                    arrived.append(Burst(number, payloads))
                append(frame[5:])
                continue
            if end + 2 < length and frame[end] == 0x1A and frame[end + 1] < 0x80 and frame[end + 1] == length - end - 2:
                key = frame[end + 2 :]
                if key.isascii():
                    head, size, payloads = b"", -1, []
                    arrived.append(Envelope(found, frame[5:end], key.decode("ascii")))
                    continue
        head, size, payloads = b"", -1, []
        try:
            arrived.append(decode(frame))
        except UndecodableEnvelope as error:
            unreadable.append(error)
    return arrived


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
    number = catalogue.payload_type(message)
    try:
        payload = message.SerializeToString()
    except EncodeError:
        missing: list[str] = message.FindInitializationErrors()  # type: ignore[attr-defined]  # the stubs lack it
        raise IncompleteMessage(message.DESCRIPTOR.name, missing) from None
    return Envelope(number, payload, client_msg_id)


def unpack(envelope: Envelope) -> Message:
    """Parse an envelope's payload as its payload type says.

    Fields the schema does not have are kept, and a required field that is missing, or holds an enum value newer than
    the schema, is no error: the live server is ahead of any published schema (protocol notes, 1.0).

    :raises UnknownPayloadType: if the schema has no such type.
    :raises UndecodablePayload: if the payload does not parse.
    """
    cls = catalogue.message_class(envelope.payload_type)
    if cls is None:
        raise UnknownPayloadType(envelope.payload_type)
    try:
        return cls.FromString(envelope.payload)
    except _UNREADABLE:
        raise UndecodablePayload(cls.DESCRIPTOR.name, len(envelope.payload)) from None
