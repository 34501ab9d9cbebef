"""Int32 framing: each frame is its length in four bytes, big-endian, and that many bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ctrader_twisted.errors import FrameTooLong, TruncatedFrame

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FRAME = 15_000_000
"""Bytes a frame may have unless told otherwise: what Spotware's own client allows."""

_PREFIX = struct.Struct(">I")
_unpack_prefix = _PREFIX.unpack_from
pack_prefix: Callable[[int], bytes] = _PREFIX.pack


class FrameCutter:
    """Cuts the whole frames out of whatever chunks a stream comes in.

    A frame that comes in many pieces is joined once, when its last piece is there, not once per piece.

    :ivar failure: the error that made the rest of the stream unreadable, or None. Nothing is cut any more after it.
    """

    __slots__ = ("_held", "_max_frame", "_wanted", "failure")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max_frame = max_frame
        self._held = bytearray()
        self._wanted = 0
        self.failure: FrameTooLong | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take a chunk of the stream and give every frame that is now whole, without the prefixes."""
        data = self.join(data)
        frames: list[bytes] = []
        start = 0
        while stop := self.stop(data, start):
            frames.append(data[start + 4 : stop])
            start = stop
        self.hold(data, start)
        return frames

    def join(self, data: bytes) -> bytes:
        """Give the chunk with what was held before it; nothing while the frame that was held is not whole."""
        if self.failure is not None:
            return b""
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return b""
            data = bytes(self._held)
            self._held.clear()
        return data

    def stop(self, data: bytes, start: int) -> int:
        """Give where the frame that starts here ends; 0 if it is not whole or, which is a `failure`, too long."""
        if start + 4 > len(data):
            return 0
        (length,) = _unpack_prefix(data, start)
        if length > self._max_frame:
            self.failure = FrameTooLong(length, self._max_frame)
            return 0
        stop: int = start + 4 + length
        return stop if stop <= len(data) else 0

    def hold(self, data: bytes, start: int) -> None:
        """Keep what begins here for the next chunk."""
        if start < len(data) and self.failure is None:
            rest = data[start:]
            self._held += rest
            self._wanted = 4 if len(rest) < 4 else 4 + _unpack_prefix(rest, 0)[0]

    def end(self) -> TruncatedFrame | None:
        """Say whether the stream may end here: None if it ends between two frames, else what is missing."""
        if not self._held or self.failure is not None:
            return None
        return TruncatedFrame(len(self._held), self._wanted if len(self._held) >= 4 else None)
