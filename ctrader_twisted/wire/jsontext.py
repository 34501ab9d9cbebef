"""Envelopes to JSON text and back: what port 5036 speaks, one object to a message (protocol notes, 1.2).

An envelope's payload is protobuf bytes over this wire too; it becomes JSON, and JSON becomes it, here and nowhere else.

Written are the schema's field names, enums and 64-bit integers as numbers, doubles with the fewest digits that give
them back, and nothing that is not set. Read is more, because clients have met more: enums by name, numbers as text,
fields and enum values newer than the schema. Nearly everything is read at once, by msgspec and the message class's own
constructor; what those refuse is read again field by field (`jsonfields`), for what can be taken and to say what can't.
JSON that isn't quite (`nearlyjson`) is then taken apart by the standard library, so that one field is refused and not
everything around it.

**An answer that carries new tokens is never refused for anything else** (`_NEW_TOKENS`): its request has used the old
ones up, so these are the only ones that work. Over protobuf it would be taken, too.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from google.protobuf.message import DecodeError, EncodeError, Message

from ctrader_twisted import messages
from ctrader_twisted.errors import IncompletePayload, ProtocolError, UndecodableEnvelope, UndecodablePayload
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.jsonfields import Unfit, forms, uint32
from ctrader_twisted.wire.nearlyjson import LOST, NOT_JSON, decode, is_utf_8, loosely, members_of
from ctrader_twisted.wire.secrecy import SECRET_FIELDS

if TYPE_CHECKING:
    from ctrader_twisted.wire.runs import SpotRun

MOST_UNKNOWN = 1_000
"""How many names are counted: a peer that makes them up may not fill the memory."""
LONGEST_UNKNOWN = 100
"""Characters that are kept of such a name."""


class _Frame(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The envelope as a sender should write it."""

    payload_type: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    payload: dict[str, Any] = {}
    client_msg_id: str | None = None


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
_NO_JSON = "it can't be read as JSON"
_NO_UTF_8 = "it is not UTF-8"

_classes = dict(catalogue.PARSERS)
_parsers = {number: cls.FromString for number, cls in catalogue.PARSERS.items()}
_EVENTS = catalogue.EVENTS
_NEW_TOKENS = catalogue.payload_type(messages.ProtoOARefreshTokenRes)
_new_tuple = tuple.__new__  # what Envelope(...) and Burst(...) do, at half the time


class JsonText:
    """The messages of one connection as JSON, in both directions.

    :ivar unknown: how often something was ignored because the schema does not have it: ``"ProtoOADeal.newField"``, or
        ``"ProtoOAOrder.orderType=NEW_NAME"`` for an enum's value. Of an answer that carries new tokens, also each field
        that was left out because its value does not fit: ``"ProtoOARefreshTokenRes.expiresIn"``.
    """

    text = True

    def __init__(self, unknown: Counter[str] | None = None) -> None:
        self.unknown: Counter[str] = Counter() if unknown is None else unknown
        self._others = False  # whether an envelope has had members that are not the schema's: the next is to have them
        self._not_at_once: set[int] = set()  # payload types that it would be vain to try: the last one needed more

    def take(self, frame: bytes, arrived: list[Envelope | Burst | SpotRun], problems: list[ProtocolError]) -> None:
        """Read one whole message into ``arrived``, or put what is wrong with it into ``problems``. Never raises.

        Events of one type without an id are kept together. A payload whose type the schema does not have stays JSON.
        """
        told: _Frame | None = None
        number, payload, key = 0, None, None
        try:
            told = self._with_others(frame) if self._others else _decode_frame(frame)
            number = told.payload_type
            key = told.client_msg_id or None
            members = told.payload
            members.pop("payloadType", None)  # it is the envelope's that counts
            if number not in self._not_at_once:
                payload = _classes[number](**members).SerializeToString()
        except Exception:  # whatever msgspec, or protobuf in any of its releases, has against it
            pass
        if payload is None:
            item = self._look_closely(frame, told)
            if isinstance(item, ProtocolError):
                problems.append(item)
                return
            number, payload, key = item
        if key is not None or number not in _EVENTS:
            arrived.append(_new_tuple(Envelope, (number, payload, key)))
        elif arrived and isinstance(last := arrived[-1], Burst) and last[0] == number:
            last[1].append(payload)
        else:
            arrived.append(_new_tuple(Burst, (number, [payload])))

    def encode(self, envelope: Envelope) -> bytes:
        """Give an envelope's JSON text.

        It refuses nothing that came from another peer. Fields that the schema does not have are left out; a payload
        that does not parse becomes ``{}``; one whose type the schema does not have is written as it is if it is a JSON
        object, and as ``{}`` if not. NaN and infinity, for which JSON has no numbers, are written as text, as
        protobuf's own JSON has them: the reader is to refuse them, not to miss that they were there.
        """
        number, payload, client_msg_id = envelope
        body = {"payloadType": number, "payload": _payload_members(number, payload)}
        return _encode(body if client_msg_id is None else {"clientMsgId": client_msg_id, **body})

    def _with_others(self, frame: bytes) -> _Frame:
        """Read an envelope that is as it should be but for members that the schema does not have.

        :raises Exception: if it is anything else, before any is counted.
        """
        members = _decode_object(frame)
        number, payload, key = members.pop("payloadType"), members.pop("payload", {}), members.pop("clientMsgId", None)
        if number not in _classes or type(number) is not int or type(payload) is not dict:
            raise Unfit("an envelope")
        if key is not None and type(key) is not str:
            raise Unfit("an envelope")
        for name in members:
            self._count(f"ProtoMessage.{name}")
        return _Frame(number, payload, key)

    def _look_closely(self, frame: bytes, told: _Frame | None) -> Envelope | ProtocolError:
        """Read member by member what could not be read at once; ``told`` is its envelope if that could be."""
        if told is not None and told.payload_type in _classes:
            return self._look_into(frame, told.payload_type, told.payload, told.client_msg_id or None)
        size = len(frame)
        is_text = is_utf_8(frame)  # msgspec looks only at what it decodes; what was read at once, it has decoded whole
        try:
            members = members_of(frame)
        except msgspec.ValidationError:
            return UndecodableEnvelope(size, "it is not a JSON object")
        except NOT_JSON:
            return UndecodableEnvelope(size, _NO_JSON if is_text else _NO_UTF_8)
        number_text, key_text, text = (members.pop(name, _NULL) for name in ("payloadType", "clientMsgId", "payload"))
        for name in members:
            self._others = True
            self._count(f"ProtoMessage.{name}")
        try:
            number = uint32(decode(number_text), self._count)
        except (Unfit, *NOT_JSON):
            return UndecodableEnvelope(size, "its payloadType is not a whole number of 32 bits")
        try:
            key = _client_msg_id(key_text)
        except (Unfit, *NOT_JSON):
            return UndecodableEnvelope(size, "its clientMsgId is not text")
        payload = b"" if text == _NULL else bytes(text)
        cls = _classes.get(number)
        if not is_text and number != _NEW_TOKENS:
            if cls is None or is_utf_8(payload):
                return UndecodableEnvelope(size, _NO_UTF_8)
            about = cls.DESCRIPTOR.name, len(payload), _NO_UTF_8  # whose answer it is can be said, at least
            return UndecodablePayload(*about, payload_type=number, client_msg_id=key)
        if cls is None:
            return Envelope(number, payload, key)
        try:
            given = loosely(payload or b"{}")
        except NOT_JSON:
            about = cls.DESCRIPTOR.name, len(payload), _NO_JSON
            return UndecodablePayload(*about, payload_type=number, client_msg_id=key)
        return self._look_into(frame, number, given, key)

    def _look_into(self, frame: bytes, number: int, given: Any, key: str | None) -> Envelope | ProtocolError:
        """Read a payload field by field."""
        cls = _classes[number]
        if isinstance(given, dict):
            given.pop("payloadType", None)
        has_tokens = False
        if number == _NEW_TOKENS and isinstance(given, dict):
            given = self._what_fits(cls, given)
            has_tokens = bool(given.get("accessToken"))
        try:
            made = forms[cls].arguments(given, self._count)
        except Unfit as unfit:
            problem = f"{unfit.path or 'it'} must be {unfit.takes}"
            return UndecodablePayload(*_about(cls, frame), problem, payload_type=number, client_msg_id=key)
        if made == given:
            self._not_at_once.discard(number)
        else:
            self._not_at_once.add(number)
        message = cls(**made) if isinstance(made, dict) else made
        try:
            payload = message.SerializeToString()
        except EncodeError:
            # A required enum whose value is newer than the schema reads as missing, but is not (protocol notes, 1.0).
            paths: list[str] = message.FindInitializationErrors()  # type: ignore[attr-defined]  # the stubs lack it
            missing = [path for path in paths if not _is_there(given, path)]
            if missing and not has_tokens:
                return IncompletePayload(*_about(cls, frame), missing, payload_type=number, client_msg_id=key)
            payload = message.SerializePartialToString()
        return Envelope(number, payload, key)

    def _what_fits(self, cls: type[Message], given: dict[str, Any]) -> dict[str, Any]:
        """Leave out, and count, what its field does not take, and a token of which a part could not be read."""
        fitting = {}
        for name, value in given.items():
            try:
                if name in SECRET_FIELDS and isinstance(value, str) and LOST in value:
                    raise Unfit("a token")
                forms[cls].arguments({name: value}, _uncounted)
            except Unfit:
                self._count(f"{cls.DESCRIPTOR.name}.{name}")
            else:
                fitting[name] = value
        return fitting

    def _count(self, name: str) -> None:
        name = name[:LONGEST_UNKNOWN]
        if not name.isprintable():  # it is the peer's, and is shown on terminals
            name = "".join(sign if sign.isprintable() else "?" for sign in name)
        if name in self.unknown or len(self.unknown) < MOST_UNKNOWN:
            self.unknown[name] += 1


def _uncounted(name: str) -> None:
    """Count nothing: it is read again."""


def _about(cls: type[Message], frame: bytes) -> tuple[str, int]:
    """Give a message's name, and how long its payload is in a frame."""
    try:
        return cls.DESCRIPTOR.name, len(bytes(members_of(frame).get("payload", b"")))
    except NOT_JSON:  # it was just within what can be nested, and here is one call more
        return cls.DESCRIPTOR.name, len(frame)


def _client_msg_id(text: msgspec.Raw) -> str | None:
    given = decode(text)
    if isinstance(given, str):
        return given or None
    if given is None:
        return None
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return bytes(text).decode("ascii")  # the digits themselves
    raise Unfit("text")


def _is_there(given: Any, path: str) -> bool:
    """Whether the JSON has something at a path such as ``deal[3].volume``."""
    for step in re.findall(r"\w+", path):
        given = given[int(step)] if isinstance(given, list) else given.get(step)
    return given is not None


def _payload_members(number: int, payload: bytes) -> object:
    parse = _parsers.get(number)
    try:
        if parse is None:
            return msgspec.Raw(payload) if isinstance(decode(payload), dict) else {}
        message = parse(payload)
    except (DecodeError, *NOT_JSON):
        return {}
    members = forms[type(message)].members(message)
    members.pop("payloadType", None)
    return members
