"""wsproto's permessage-deflate (RFC 7692), mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, RsvBits

if TYPE_CHECKING:
    from wsproto.frame_protocol import FrameDecoder, FrameProtocol, Opcode


class Deflate(PerMessageDeflate):
    """wsproto's permessage-deflate, offered without conditions, and mended.

    A control frame between the fragments of a compressed message made wsproto forget that it is compressed
    (python-hyper/wsproto#205), and an offer that can't be read made it raise.
    """

    _control = False

    def offer(self) -> bool | str:
        return True

    def accept(self, offer: str) -> bool | str | None:
        try:
            return super().accept(offer)
        except (ValueError, IndexError):
            return None

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self._control = opcode.iscontrol()
        if self._control:
            return RsvBits(False, False, False)
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        return data if self._control else super().frame_inbound_payload_data(proto, data)

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        return None if self._control else super().frame_inbound_complete(proto, fin)
