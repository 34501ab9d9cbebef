"""Int32 framing: each frame is its length in four bytes, big-endian, and that many bytes."""

from __future__ import annotations

import struct

from ctrader_twisted.errors import FrameTooLong, TruncatedFrame

MAX_FRAME = 15_000_000
"""Bytes a frame may have unless told otherwise: what Spotware's own client allows."""

_PREFIX = struct.Struct(">I")
_unpack_prefix = _PREFIX.unpack_from
pack_prefix = _PREFIX.pack


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
        if self.failure is not None:
            return []
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
            self._held.clear()
        frames: list[bytes] = []
        append = frames.append
        unpack = _unpack_prefix
        longest = self._max_frame
        start, end = 0, len(data)
        body = 4
        while body <= end:
            (length,) = unpack(data, start)
            stop = body + length
            if stop > end or length > longest:
                if length > longest:
                    self.failure = FrameTooLong(length, longest)
                    return frames
                break
            append(data[body:stop])
            start = stop
            body = stop + 4
        if start < end:
            rest = data[start:]
            self._held += rest
            self._wanted = 4 if len(rest) < 4 else 4 + unpack(rest, 0)[0]
        return frames

    def end(self) -> TruncatedFrame | None:
        """Say whether the stream may end here: None if it ends between two frames, else what is missing."""
        if not self._held or self.failure is not None:
            return None
        return TruncatedFrame(len(self._held), self._wanted if len(self._held) >= 4 else None)
