"""Envelopes to JSON text and back: what port 5036 speaks, one object to a message (protocol notes, 1.2).

An envelope's payload is protobuf bytes over this wire too; it becomes JSON, and JSON becomes it, here and nowhere else.

Written are the schema's field names, enums and 64-bit integers as numbers, doubles with the fewest digits that give
them back, and nothing that is not set. Read is more, because clients have met more: enums by name, numbers as text,
fields and enum values newer than the schema. Nearly everything is read at once, by msgspec and the message class's own
constructor; what those refuse is read again field by field, for what can be taken and to say what can't.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

from ctrader_twisted.errors import IncompletePayload, ProtocolError, UndecodableEnvelope, UndecodablePayload
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[[str], None]
    Read = Callable[[Any, Count], object]
    Write = Callable[[Any], object]

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
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # all that decoders raise
_NULL = msgspec.Raw(b"null")

_classes = dict(catalogue.PARSERS)
_parsers = {number: cls.FromString for number, cls in catalogue.PARSERS.items()}
_EVENTS = catalogue.EVENTS
_new_tuple = tuple.__new__  # what Envelope(...) and Burst(...) do, at half the time


class JsonText:
    """The messages of one connection as JSON, in both directions.

    :ivar unknown: how often something was ignored because the schema does not have it: ``"ProtoOADeal.newField"``, or
        ``"ProtoOAOrder.orderType=NEW_NAME"`` for an enum's value.
    """

    text = True

    def __init__(self, unknown: Counter[str] | None = None) -> None:
        self.unknown: Counter[str] = Counter() if unknown is None else unknown
        self._not_at_once: set[int] = set()  # payload types that it would be vain to try: the last one needed more

    def take(self, frame: bytes, arrived: list[Envelope | Burst], problems: list[ProtocolError]) -> None:
        """Read one whole message into ``arrived``, or put what is wrong with it into ``problems``. Never raises.

        Events of one type without an id are kept together. A payload whose type the schema does not have stays JSON.
        """
        told: _Frame | None = None
        number, payload, key = 0, None, None
        try:
            told = _decode_frame(frame)
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

    def _look_closely(self, frame: bytes, told: _Frame | None) -> Envelope | ProtocolError:
        """Read member by member what could not be read at once; ``told`` is its envelope if that could be."""
        if told is not None and told.payload_type in _classes:
            return self._look_into(frame, told.payload_type, told.payload, told.client_msg_id or None)
        size = len(frame)
        try:
            members = _decode_members(frame)
        except msgspec.ValidationError:
            return UndecodableEnvelope(size, "it is not a JSON object")
        except _NOT_JSON:
            return UndecodableEnvelope(size, "it can't be read as JSON")
        number_text, key_text, text = (members.pop(name, _NULL) for name in ("payloadType", "clientMsgId", "payload"))
        for name in members:
            self._count(f"ProtoMessage.{name}")
        try:
            number = _uint32(_decode(number_text), self._count)
        except (_Unfit, *_NOT_JSON):
            return UndecodableEnvelope(size, "its payloadType is not a whole number of 32 bits")
        try:
            key = _client_msg_id(key_text)
        except (_Unfit, *_NOT_JSON):
            return UndecodableEnvelope(size, "its clientMsgId is not text")
        payload = b"" if text == _NULL else bytes(text)
        if number not in _classes:
            return Envelope(number, payload, key)
        try:
            given = _decode(payload or b"{}")
        except _NOT_JSON:
            about = _about(_classes[number], frame)
            return UndecodablePayload(*about, "it can't be read as JSON", payload_type=number, client_msg_id=key)
        return self._look_into(frame, number, given, key)

    def _look_into(self, frame: bytes, number: int, given: object, key: str | None) -> Envelope | ProtocolError:
        """Read a payload field by field."""
        cls = _classes[number]
        if isinstance(given, dict):
            given.pop("payloadType", None)
        try:
            made = _forms[cls].arguments(given, self._count)
        except _Unfit as unfit:
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
            if missing:
                return IncompletePayload(*_about(cls, frame), missing, payload_type=number, client_msg_id=key)
            payload = message.SerializePartialToString()
        return Envelope(number, payload, key)

    def _count(self, name: str) -> None:
        name = name[:LONGEST_UNKNOWN]
        if name in self.unknown or len(self.unknown) < MOST_UNKNOWN:
            self.unknown[name] += 1


def _about(cls: type[Message], frame: bytes) -> tuple[str, int]:
    """Give a message's name, and how long its payload is in a frame."""
    return cls.DESCRIPTOR.name, len(bytes(_decode_members(frame).get("payload", b"")))


class _Unfit(Exception):
    """A field does not take the value it was given; `path` is relative to where it is caught."""

    def __init__(self, takes: str) -> None:
        super().__init__(takes)
        self.takes = takes
        self.path = ""

    def within(self, step: str) -> None:
        dot = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{step}{dot}{self.path}"


class _NewValue(Exception):
    """An enum was given a number or name that the schema does not have."""

    def __init__(self, value: int | str) -> None:
        super().__init__()
        self.value = value


class _Form:
    """What a message class looks like as JSON."""

    def __init__(self, cls: type[Message]) -> None:
        fields = cls.DESCRIPTOR.fields
        self._cls = cls
        self._name = cls.DESCRIPTOR.name
        self._numbers = {field.name: field.number for field in fields}
        self._readers = {field.name: _reader(field) for field in fields}
        self._writers: dict[Any, tuple[str, Write | None]] = {field: (field.name, _writer(field)) for field in fields}

    def arguments(self, given: object, count: Count) -> dict[str, object] | Message:
        """Give the arguments, or the message itself where they could not say all.

        :raises _Unfit: if a value is not what its field takes.
        """
        if not isinstance(given, dict):
            raise _Unfit("a JSON object")
        readers = self._readers
        arguments: dict[str, object] = {}
        newer = b""
        for name, value in given.items():
            read = readers.get(name)
            if read is None:
                count(f"{self._name}.{name}")
            elif value is not None:
                try:
                    arguments[name] = read(value, count)
                except _Unfit as unfit:
                    unfit.within(name)
                    raise
                except _NewValue as new:
                    if isinstance(new.value, str):
                        count(f"{self._name}.{name}={new.value}")
                    else:
                        newer += _varint(self._numbers[name] << 3) + _varint(new.value)
        if not newer:
            return arguments
        message = self._cls(**arguments)
        message.MergeFromString(newer)  # which keeps it with the unknown fields, as on the protobuf wire
        return message

    def members(self, message: Message) -> dict[str, object]:
        """Give the JSON object of a message."""
        writers = self._writers
        members = {}
        for field, value in message.ListFields():
            name, write = writers[field]
            members[name] = value if write is None else write(value)
        return members


class _Forms(dict[type[Message], _Form]):
    """Each made when it is first asked for."""

    def __missing__(self, cls: type[Message]) -> _Form:
        form = self[cls] = _Form(cls)
        return form


_forms = _Forms()


# Reading field by field. It takes all that the constructors of protobuf's releases take, so that whether a value is
# taken does not hang on what else is in the message: booleans for 1 and 0 and the other way round are theirs.

_EXACT = 2.0**53  # a double from here on may stand for its neighbours
_DIGITS = 20  # that 64 bits have at most, with the sign
_is_number = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch


def _whole(bits: int, *, signed: bool) -> Callable[[Any, Count], int]:
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    takes = f"a whole number of {bits} bits" + ("" if signed else ", not negative")

    def read(given: Any, count: Count) -> int:
        number: int | None = None
        kind = type(given)
        if kind is int:
            number = given
        elif kind is str:
            if len(given) <= _DIGITS and given.isascii() and given.removeprefix("-").isdigit():
                number = int(given)
        elif kind is bool or (kind is float and given.is_integer() and abs(given) < _EXACT):
            number = int(given)
        if number is None or not low <= number < high:
            raise _Unfit(takes)
        return number

    return read


def _double(given: Any, count: Count) -> float:
    if isinstance(given, (int, float)) or (isinstance(given, str) and _is_number(given)):
        try:
            number = float(given)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise _Unfit("a number")


def _bool(given: Any, count: Count) -> bool:
    if isinstance(given, int):
        return bool(given)
    raise _Unfit("true or false")


def _text(given: Any, count: Count) -> str:
    if isinstance(given, str):
        return given
    raise _Unfit("text")


_int32 = _whole(32, signed=True)
_uint32 = _whole(32, signed=False)
_SCALARS: dict[int, Read] = {
    FieldDescriptor.CPPTYPE_INT32: _int32,
    FieldDescriptor.CPPTYPE_INT64: _whole(64, signed=True),
    FieldDescriptor.CPPTYPE_UINT32: _uint32,
    FieldDescriptor.CPPTYPE_UINT64: _whole(64, signed=False),
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_BOOL: _bool,
    FieldDescriptor.CPPTYPE_STRING: _text,
}


def _enum(descriptor: Any) -> Read:
    by_name: dict[str, int] = {value.name: value.number for value in descriptor.values}
    numbers = frozenset(by_name.values())
    takes = "one of " + ", ".join(by_name)

    def read(given: Any, count: Count) -> int:
        if isinstance(given, str) and given in by_name:
            return by_name[given]
        try:
            number = _int32(given, count)
        except _Unfit:
            raise (_NewValue(given) if isinstance(given, str) else _Unfit(takes)) from None
        if number not in numbers:
            raise _NewValue(number)
        return number

    return read


def _list_of(read_one: Read) -> Read:
    def read(given: Any, count: Count) -> list[object]:
        if not isinstance(given, list) and given not in ("", {}):
            raise _Unfit("a list")
        items: list[object] = []
        try:
            for item in given:
                items.append(read_one(item, count))
        except _Unfit as unfit:
            unfit.within(f"[{len(items)}]")
            raise
        return items

    return read


def _reader(field: Any) -> Read:
    if field.message_type is not None:
        read: Read = _forms[GetMessageClass(field.message_type)].arguments
    elif field.enum_type is not None:
        read = _enum(field.enum_type)
    else:
        read = _SCALARS[field.cpp_type]
    return _list_of(read) if _is_list(field) else read


def _is_list(field: Any) -> bool:
    repeated: bool | None = getattr(field, "is_repeated", None)  # since protobuf 6; before, the label says it
    return field.label == FieldDescriptor.LABEL_REPEATED if repeated is None else repeated


def _client_msg_id(text: msgspec.Raw) -> str | None:
    given = _decode(text)
    if isinstance(given, str):
        return given or None
    if given is None:
        return None
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return bytes(text).decode("ascii")  # the digits themselves
    raise _Unfit("text")


def _is_there(given: Any, path: str) -> bool:
    """Whether the JSON has something at a path such as ``deal[3].volume``."""
    for step in re.findall(r"\w+", path):
        given = given[int(step)] if isinstance(given, list) else given.get(step)
    return given is not None


def _varint(number: int) -> bytes:
    number &= 2**64 - 1
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


# Writing.


def _payload_members(number: int, payload: bytes) -> object:
    parse = _parsers.get(number)
    try:
        if parse is None:
            return msgspec.Raw(payload) if isinstance(_decode(payload), dict) else {}
        message = parse(payload)
    except (DecodeError, *_NOT_JSON):
        return {}
    members = _forms[type(message)].members(message)
    members.pop("payloadType", None)
    return members


def _writer(field: Any) -> Write | None:
    """Give what makes JSON of a field's value, or None if it can stay as it is."""
    write: Write | None = None
    if field.message_type is not None:
        write = _forms[GetMessageClass(field.message_type)].members
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        write = _as_text
    elif field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        write = _as_number
    if not _is_list(field):
        return write
    return list if write is None else lambda values: [*map(write, values)]


def _as_text(value: str | bytes) -> str:
    """protobuf gives text that is not UTF-8 as bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _as_number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
