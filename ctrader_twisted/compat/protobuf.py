"""Messages by number, name or short name, and out of their envelopes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from ctrader_twisted.errors import NotARequest, UnknownPayloadType
from ctrader_twisted.messages import ProtoMessage
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.arguments import wrong_argument
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBERS = {cls.DESCRIPTOR.name: number for number, cls in catalogue.PARSERS.items()}
# Of ProtoErrorRes and ProtoOAErrorRes, which are both "ErrorRes" for short, the Open API's own is meant.
_SHORT = {re.sub("^Proto(OA)?", "", name): number for name, number in sorted(_NUMBERS.items(), key=lambda one: one[1])}


class Protobuf:
    """Messages by number, name or short name, and out of their envelopes."""

    @classmethod
    def populate(cls) -> Mapping[int, type[Message]]:
        """Give the message classes by payload type. They are there from the beginning."""
        return catalogue.PARSERS

    @classmethod
    def get(cls, payload: int | str, fail: bool = True, **params: Any) -> Any:
        """Make a message.

        :param payload: its payload type, such as 2100; its name, such as ``"ProtoOAApplicationAuthReq"``; or its short
            name, ``"ApplicationAuthReq"``. ``"ProtoMessage"`` is the envelope.
        :param fail: whether to raise if there is none; otherwise None is given.
        :param params: its fields.
        :raises IndexError: if there is no such message.
        :raises ValueError: or TypeError, if a field can't be set to what is given; it names the field.
        """
        message_class = _class_of(payload)
        if message_class is None:
            if fail:
                raise IndexError(f"there is no message {payload!r}: give a payload type or the name of a message")
            return None
        try:
            return message_class(**params)
        except (TypeError, ValueError):
            unknown = [name for name in params if name not in message_class.DESCRIPTOR.fields_by_name]
            if unknown:
                name = message_class.DESCRIPTOR.name
                raise ValueError(f"{name} has no field {', '.join(map(repr, unknown))}") from None
            raise wrong_argument(message_class, params) from None

    @classmethod
    def get_type(cls, payload: int | str, **params: Any) -> int:
        """Give the payload type of a message by its name.

        :param params: ignored but for what `get` raises of them.
        :raises IndexError: if there is no such message.
        """
        return catalogue.payload_type(cls.get(payload, **params))

    @classmethod
    def extract(cls, message: Any) -> Any:
        """Take a message out of its ``ProtoMessage``.

        :raises IndexError: if its payload type is none of the schema's: the server is newer.
        :raises UndecodablePayload: if it can't be read.
        """
        try:
            return codec.unpack(Envelope(message.payloadType, message.payload))
        except UnknownPayloadType as error:
            raise IndexError(str(error)) from None


def as_message(given: Any) -> tuple[Message, str | None]:
    """Give the message that is meant, as one of this package's classes, and the id it brings along.

    :param given: a message, of this package or of another made from the same schema; a ``ProtoMessage``; or the bytes
        of one.
    :raises NotARequest: if it is none of these.
    """
    if isinstance(given, bytes):
        number, payload, key = codec.decode(given)
        return codec.unpack(Envelope(number, payload)), key
    if not isinstance(given, Message):
        raise NotARequest(type(given).__name__)
    if given.DESCRIPTOR.full_name == ProtoMessage.DESCRIPTOR.full_name:
        envelope: Any = given
        return Protobuf.extract(envelope), envelope.clientMsgId or None
    if type(given) in catalogue.TYPES:
        return given, None
    known = _NUMBERS.get(given.DESCRIPTOR.full_name)
    if known is None:
        raise NotARequest(type(given).__name__)
    # Of another package's pool, such as Spotware's own classes: the bytes are the same.
    return codec.unpack(Envelope(known, given.SerializePartialToString())), None


def checked_id(client_msg_id: str | None) -> str | None:
    """Give a ``clientMsgId``.

    :raises TypeError: if it is not text: that would end the connection only when it is sent.
    """
    if client_msg_id is not None and not isinstance(client_msg_id, str):
        raise TypeError(f"clientMsgId is {client_msg_id!r}: give text")
    return client_msg_id


def _class_of(payload: int | str) -> type[Message] | None:
    if payload in ("ProtoMessage", "Message"):
        return ProtoMessage
    number = payload if isinstance(payload, int) else _NUMBERS.get(payload, _SHORT.get(payload, -1))
    return catalogue.message_class(number)
