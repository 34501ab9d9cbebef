"""The enums of the common layer, as ``ctrader_open_api`` has them in a module of this name."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from google.protobuf.descriptor import FileDescriptor as _FileDescriptor

from ctrader_twisted.compat import enums as _enums

DESCRIPTOR: _FileDescriptor = _enums.file_of("ProtoPayloadType")

ProtoErrorCode: _enums.Enum = _enums.Enum("ProtoErrorCode")
ProtoPayloadType: _enums.Enum = _enums.Enum("ProtoPayloadType")

globals().update(_enums.values(ProtoErrorCode, ProtoPayloadType))

if _TYPE_CHECKING:

    def __getattr__(name: str) -> int:
        """Stand for the values of the enums."""
        raise AttributeError(name)
