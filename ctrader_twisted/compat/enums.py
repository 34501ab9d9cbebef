"""Enums as protobuf's own generated modules have them: looked up by name and by number, their values in the module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from ctrader_twisted.messages import ProtoMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import FileDescriptor

_pool = ProtoMessage.DESCRIPTOR.file.pool


class Enum(EnumTypeWrapper):
    """An enum of the schema: ``Value("BUY")``, ``Name(1)``, ``keys()``, ``values()``, ``items()``, and ``BUY`` itself.

    :param name: its name in the schema.
    """

    def __init__(self, name: str) -> None:
        super().__init__(_pool.FindEnumTypeByName(name))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> int: ...


def values(*enums: Enum) -> Mapping[str, int]:
    """Give every value of these by its name, as the module has it in which an enum stands."""
    return {name: number for enum in enums for name, number in enum.items()}


def file_of(name: str) -> FileDescriptor:
    """Give the file of the schema in which an enum stands."""
    file: FileDescriptor = _pool.FindEnumTypeByName(name).file
    return file
