"""Envelopes to ProtoMessage bytes and back; messages to envelopes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, EncodeError

from ctrader_twisted.errors import IncompleteMessage, UndecodableEnvelope, UndecodablePayload, UnknownPayloadType
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.schema import ProtoMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from ctrader_twisted.errors import ProtocolError

_parse_envelope = ProtoMessage.FromString
_new_envelope = tuple.__new__

# An envelope without message id, as nearly every event comes: tag 1 and a payload type of two varint bytes, tag 2 and a
# payload of less than 128 bytes up to the end. These four bytes say which; the rest needs no parse.
_SHORT_FORMS = {
    b"\x08" + bytes((number & 0x7F | 0x80, number >> 7)) + b"\x12": number
    for number in catalogue.PARSERS
    if 0x80 <= number < 0x4000
}


def decode(data: bytes) -> Envelope:
    """Parse the bytes of a ProtoMessage.

    :raises UndecodableEnvelope: if they are not one, or lack the payload type.
    """
    try:
        message = _parse_envelope(data)
    except DecodeError:
        raise UndecodableEnvelope(len(data)) from None
    if not message.HasField("payloadType"):
        raise UndecodableEnvelope(len(data))
    return Envelope(
        message.payloadType, message.payload, message.clientMsgId if message.HasField("clientMsgId") else None
    )


def decode_all(frames: Iterable[bytes], unreadable: list[ProtocolError]) -> list[Envelope]:
    """Parse each frame; a frame that can't be parsed is put into ``unreadable`` and costs its neighbours nothing."""
    envelopes: list[Envelope] = []
    append = envelopes.append
    short_forms = _SHORT_FORMS
    for frame in frames:
        number = short_forms.get(frame[:4])
        if number is not None and len(frame) > 4 and frame[4] == len(frame) - 5 and frame[4] < 0x80:
            append(_new_envelope(Envelope, (number, frame[5:], None)))
            continue
        try:
            append(decode(frame))
        except UndecodableEnvelope as error:
            unreadable.append(error)
    return envelopes


def encode(envelope: Envelope) -> bytes:
    """Give the bytes of an envelope's ProtoMessage, without a length before them."""
    number, payload, client_msg_id = envelope
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
    except DecodeError:
        raise UndecodablePayload(cls.DESCRIPTOR.name, len(envelope.payload)) from None
