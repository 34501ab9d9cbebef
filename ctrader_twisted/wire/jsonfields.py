"""A message's fields as values of JSON, one by one: what each takes, and what is written of it.

Taken is more than is written, because clients have met more: enums by name, numbers as text, enum values newer than the
schema.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[[str], None]
    Read = Callable[[Any, Count], object]
    Write = Callable[[Any], object]


class Unfit(Exception):
    """A field does not take the value it was given; `path` is relative to where it is caught."""

    def __init__(self, takes: str) -> None:
        super().__init__(takes)
        self.takes = takes
        self.path: str = ""

    def within(self, step: str) -> None:
        dot = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{step}{dot}{self.path}"


class _NewValue(Exception):
    """An enum was given a number or name that the schema does not have."""

    def __init__(self, value: int | str) -> None:
        super().__init__()
        self.value = value


class Form:
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

        :raises Unfit: if a value is not what its field takes.
        """
        if not isinstance(given, dict):
            raise Unfit("a JSON object")
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
                except Unfit as unfit:
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


class _Forms(dict[type[Message], Form]):
    """Each made when it is first asked for."""

    def __missing__(self, cls: type[Message]) -> Form:
        form = self[cls] = Form(cls)
        return form


forms: dict[type[Message], Form] = _Forms()
"""What each message class looks like."""


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
            raise Unfit(takes)
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
    raise Unfit("a number")


def _bool(given: Any, count: Count) -> bool:
    if isinstance(given, int):
        return bool(given)
    raise Unfit("true or false")


def _text(given: Any, count: Count) -> str:
    if isinstance(given, str):
        return given
    raise Unfit("text")


_int32 = _whole(32, signed=True)
uint32: Callable[[Any, Count], int] = _whole(32, signed=False)
_SCALARS: dict[int, Read] = {
    FieldDescriptor.CPPTYPE_INT32: _int32,
    FieldDescriptor.CPPTYPE_INT64: _whole(64, signed=True),
    FieldDescriptor.CPPTYPE_UINT32: uint32,
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
        except Unfit:
            raise (_NewValue(given) if isinstance(given, str) else Unfit(takes)) from None
        if number not in numbers:
            raise _NewValue(number)
        return number

    return read


def _list_of(read_one: Read) -> Read:
    def read(given: Any, count: Count) -> list[object]:
        if not isinstance(given, list) and given not in ("", {}):
            raise Unfit("a list")
        items: list[object] = []
        try:
            for item in given:
                items.append(read_one(item, count))
        except Unfit as unfit:
            unfit.within(f"[{len(items)}]")
            raise
        return items

    return read


def _reader(field: Any) -> Read:
    if field.message_type is not None:
        read: Read = forms[GetMessageClass(field.message_type)].arguments
    elif field.enum_type is not None:
        read = _enum(field.enum_type)
    else:
        read = _SCALARS[field.cpp_type]
    return _list_of(read) if _is_list(field) else read


def _is_list(field: Any) -> bool:
    repeated: bool | None = getattr(field, "is_repeated", None)  # since protobuf 6; before, the label says it
    return field.label == FieldDescriptor.LABEL_REPEATED if repeated is None else repeated


def _varint(number: int) -> bytes:
    number &= 2**64 - 1
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


# Writing.


def _writer(field: Any) -> Write | None:
    """Give what makes JSON of a field's value, or None if it can stay as it is."""
    write: Write | None = None
    if field.message_type is not None:
        write = forms[GetMessageClass(field.message_type)].members
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
