"""Envelopes to JSON text and back: what port 5036 speaks, one object to a message (protocol notes, 1.2).

An envelope's payload is protobuf bytes over this wire too; it becomes JSON, and JSON becomes it, here and nowhere else.

Written are the schema's field names, enums and 64-bit integers as numbers, doubles with the fewest digits that give
them back, and nothing that is not set. Read is more, because clients have met more: enums by name, numbers as text,
fields and enum values newer than the schema. Nearly everything is read at once, by msgspec and the message class's own
constructor; what those refuse is read again field by field, for what can be taken and to say what can't. JSON that
isn't quite (NaN and infinity, half of an emoji) is then taken apart by the standard library, so that one field is
refused and not everything around it.

**An answer that carries new tokens is never refused for anything else** (`_NEW_TOKENS`): its request has used the old
ones up, so these are the only ones that work. Over protobuf it would be taken, too.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

from ctrader_twisted import messages
from ctrader_twisted.errors import IncompletePayload, ProtocolError, UndecodableEnvelope, UndecodablePayload
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.secrecy import SECRET_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[[str], None]
    Read = Callable[[Any, Count], object]
    Write = Callable[[Any], object]
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
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)  # all that decoders raise
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
            raise _Unfit("an envelope")
        if key is not None and type(key) is not str:
            raise _Unfit("an envelope")
        for name in members:
            self._count(f"ProtoMessage.{name}")
        return _Frame(number, payload, key)

    def _look_closely(self, frame: bytes, told: _Frame | None) -> Envelope | ProtocolError:
        """Read member by member what could not be read at once; ``told`` is its envelope if that could be."""
        if told is not None and told.payload_type in _classes:
            return self._look_into(frame, told.payload_type, told.payload, told.client_msg_id or None)
        size = len(frame)
        is_text = _is_text(frame)  # msgspec looks only at what it decodes; what was read at once, it has decoded whole
        try:
            members = _members(frame)
        except msgspec.ValidationError:
            return UndecodableEnvelope(size, "it is not a JSON object")
        except _NOT_JSON:
            return UndecodableEnvelope(size, _NO_JSON if is_text else _NO_UTF_8)
        number_text, key_text, text = (members.pop(name, _NULL) for name in ("payloadType", "clientMsgId", "payload"))
        for name in members:
            self._others = True
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
        cls = _classes.get(number)
        if not is_text and number != _NEW_TOKENS:
            if cls is None or _is_text(payload):
                return UndecodableEnvelope(size, _NO_UTF_8)
            about = cls.DESCRIPTOR.name, len(payload), _NO_UTF_8  # whose answer it is can be said, at least
            return UndecodablePayload(*about, payload_type=number, client_msg_id=key)
        if cls is None:
            return Envelope(number, payload, key)
        try:
            given = _loosely(payload or b"{}")
        except _NOT_JSON:
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
            if missing and not has_tokens:
                return IncompletePayload(*_about(cls, frame), missing, payload_type=number, client_msg_id=key)
            payload = message.SerializePartialToString()
        return Envelope(number, payload, key)

    def _what_fits(self, cls: type[Message], given: dict[str, Any]) -> dict[str, Any]:
        """Leave out, and count, what its field does not take, and a token of which a part could not be read."""
        fitting = {}
        for name, value in given.items():
            try:
                if name in SECRET_FIELDS and isinstance(value, str) and _LOST in value:
                    raise _Unfit("a token")
                _forms[cls].arguments({name: value}, _uncounted)
            except _Unfit:
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
        return cls.DESCRIPTOR.name, len(bytes(_members(frame).get("payload", b"")))
    except _NOT_JSON:  # it was just within what can be nested, and here is one call more
        return cls.DESCRIPTOR.name, len(frame)


def _is_text(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# JSON that isn't quite: the standard library takes NaN and infinity, and numbers that are too large as the latter.

_LOST = "\ufffd"
_LONGEST_WHOLE = 40  # digits: no field takes more, and many cost much
_HIGH, _LOW = r"u[dD][89abAB][0-9a-fA-F]{2}", r"u[dD][c-fC-F][0-9a-fA-F]{2}"
_escapes = re.compile(rf"\\(?:{_HIGH}(?:\\{_LOW})?|{_LOW}|.)", re.DOTALL)


def _with_both_halves(escape: re.Match[str]) -> str:
    """Put what stands for what was lost in the place of a surrogate that lacks its other half."""
    said = escape[0]
    return "\\ufffd" if len(said) == 6 else said  # one character has 2, a pair 12


def _whole_or_large(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else float(digits)


def _loosely(text: bytes) -> Any:
    """Decode JSON, or what is nearly JSON."""
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        mended = _escapes.sub(_with_both_halves, text.decode(errors="replace"))
        return json.loads(mended, parse_int=_whole_or_large)


def _members(frame: bytes) -> dict[str, msgspec.Raw]:
    """Take an object apart, each member's text as it is if msgspec can tell where it ends.

    :raises ValidationError: if it is JSON, but no object.
    """
    try:
        return _decode_members(frame)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise
        members = _loosely(frame)
    if not isinstance(members, dict):
        raise msgspec.ValidationError
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in members.items()}


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
