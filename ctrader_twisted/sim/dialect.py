"""The JSON that a venue writes: as Spotware's examples have it, or as some clients have met it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from google.protobuf.descriptor import FieldDescriptor

from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.jsontext import JsonText

if TYPE_CHECKING:
    from ctrader_twisted.sim.options import Options
    from ctrader_twisted.wire.envelope import Envelope

_LONG: Final = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})


class Dialect(JsonText):
    """The JSON of all connections of one venue.

    :param options: ``json_enum_names`` and ``json_int64_strings`` are looked at.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._names = options.json_enum_names
        self._texts = options.json_int64_strings
        self._told: tuple[Envelope | None, bytes] = (None, b"")

    def encode(self, envelope: Envelope) -> bytes:
        """Give an envelope's JSON text. An event that many are told one after the other is written once."""
        if self._told[0] is not envelope:
            self._told = (envelope, self._write(envelope))
        return self._told[1]

    def _write(self, envelope: Envelope) -> bytes:
        text = super().encode(envelope)
        cls = catalogue.PARSERS.get(envelope.payload_type)
        if cls is None or not (self._names or self._texts):
            return text
        told = msgspec.json.decode(text)
        told["payload"] = self._reword(told["payload"], cls.DESCRIPTOR)
        return msgspec.json.encode(told)

    def _reword(self, members: dict[str, Any], descriptor: Any) -> dict[str, Any]:
        fields = descriptor.fields_by_name
        return {name: self._value(value, fields[name]) for name, value in members.items()}

    def _value(self, value: Any, field: FieldDescriptor) -> Any:
        if isinstance(value, list):
            return [self._value(each, field) for each in value]
        if field.message_type is not None:
            return self._reword(value, field.message_type)
        if self._names and field.enum_type is not None:
            return field.enum_type.values_by_number[value].name
        return str(value) if self._texts and field.cpp_type in _LONG else value
