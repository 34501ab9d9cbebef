"""The envelope, and the messages of the common layer, as ``ctrader_open_api`` has them in a module of this name."""

from google.protobuf.descriptor import FileDescriptor as _FileDescriptor

from ctrader_twisted.messages import ProtoErrorRes as ProtoErrorRes
from ctrader_twisted.messages import ProtoHeartbeatEvent as ProtoHeartbeatEvent
from ctrader_twisted.messages import ProtoMessage as ProtoMessage

DESCRIPTOR: _FileDescriptor = ProtoErrorRes.DESCRIPTOR.file
