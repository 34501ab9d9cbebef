"""What is wrong with an argument that protobuf refuses; protobuf itself does not always name the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from ctrader_twisted.wire.secrecy import SECRET_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

_WHOLE = "a whole number"
_EXPECTED = {
    FieldDescriptor.CPPTYPE_INT32: _WHOLE,
    FieldDescriptor.CPPTYPE_INT64: _WHOLE,
    FieldDescriptor.CPPTYPE_UINT32: f"{_WHOLE}, not negative",
    FieldDescriptor.CPPTYPE_UINT64: f"{_WHOLE}, not negative",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "True or False",
    FieldDescriptor.CPPTYPE_STRING: "text",
}


def wrong_argument(cls: type[Message], arguments: Mapping[str, object]) -> TypeError | ValueError:
    """Give the error that names the first argument a message does not take, and what it would take instead.

    :param arguments: at least the message's fields by name; what is None is left out.
    """
    for field in cls.DESCRIPTOR.fields:
        value = arguments.get(field.name)
        try:
            cls(**{field.name: value})
        except (TypeError, ValueError) as error:
            shown = "the value given" if field.name in SECRET_FIELDS else repr(value)
            kind = TypeError if isinstance(error, TypeError) else ValueError
            return kind(f"{cls.DESCRIPTOR.name}.{field.name} can't be {shown}: it takes {_expected(field)}")
    return ValueError(f"{cls.DESCRIPTOR.name} can't be made of these arguments")


def _expected(field: Any) -> str:
    if field.enum_type is not None:
        one = "one of " + ", ".join(value.name for value in field.enum_type.values)
    elif field.message_type is not None:
        one = f"a {field.message_type.name}"
    else:
        one = _EXPECTED[field.cpp_type]
    repeated = getattr(field, "is_repeated", None)  # since protobuf 6; before, the label says it
    if repeated is None:
        repeated = field.label == FieldDescriptor.LABEL_REPEATED
    return f"a list, each of it {one}" if repeated else one
