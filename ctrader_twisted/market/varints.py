"""Varints by the column: many at once out of one piece of bytes, by numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST: Final = 8
"""Bytes that a varint may have to be read here: 56 bits. Longer ones are left to protobuf."""

PADDING: Final = bytes(64)
"""What has to stand behind the data, since whole words are read from wherever something begins."""

_KEPT: Final = np.array([(1 << 8 * size) - 1 for size in range(LONGEST + 1)], np.uint64)
_EIGHTHS: Final = np.uint64(0x0080808080808080)  # of seven bytes
_STRIDES: Final = np.uint64(0x0203040506070809)  # of 1 << 8 * n times this, the topmost byte is n + 2
_SEVENS: Final = np.uint64(0x7F7F7F7F7F7F7F7F)
# Sevens are joined to fourteens, these to twenty-eights, and these to one: how many bytes need no such step, where the
# upper half stands, by how much it moves down, and where the lower half stands.
_STEPS: Final = tuple(
    (enough, np.uint64(upper), np.uint64(down), np.uint64(lower))
    for enough, upper, down, lower in (
        (1, 0x7F007F007F007F00, 1, 0x007F007F007F007F),
        (2, 0x3FFF00003FFF0000, 2, 0x00003FFF00003FFF),
        (4, 0x0FFFFFFF00000000, 4, 0x000000000FFFFFFF),
    )
)


def eights(data: bytes) -> NDArray[np.uint64]:
    """Give the eight bytes from wherever one begins: a view of the data."""
    return np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))


def pieces(data: bytes, starts: NDArray[np.int64], size: int) -> NDArray[np.void]:
    """Take a piece from wherever one begins, of as many bytes as `column` needs.

    :param data: the bytes, with `PADDING` behind the last piece.
    :param size: how many bytes of each count.
    """
    width = (size + 14) & ~7
    return np.ndarray((len(data) - width + 1,), f"V{width}", data, 0, (1,))[starts]


def alike(pieces: NDArray[np.void], size: int, tags: list[int]) -> bool:
    """Say whether all pieces have the same tags at these places, and between them varints of the same lengths."""
    telling = bytearray(b"\x80" * size).ljust(pieces.itemsize, b"\0")
    for place in tags:
        telling[place] = 0xFF
    words = pieces.view("<u8").reshape(len(pieces), -1)
    different = np.zeros(len(pieces), np.uint64)
    for number, mask in enumerate(np.frombuffer(telling, "<u8")):
        if mask:
            others = words[:, number] ^ words[0, number]
            others &= mask
            different |= others
    return not different.any()


def column(pieces: NDArray[np.void], begin: int, size: int) -> NDArray[np.int64]:
    """Read the varint of this size that begins here in each piece."""
    wholes = np.ndarray((len(pieces),), "<u8", pieces, begin, pieces.strides) & _KEPT[size]
    return joined(wholes, size)


def behind_tags(words: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read varints of up to seven bytes, of which each stands behind a byte.

    :param words: the eight bytes from that byte on.
    :return: the values, and how many bytes each has with the one before it; 0 if more than eight, and then the value is
        that of the first seven bytes.
    """
    wholes = words >> np.uint64(8)
    last = ~wholes & _EIGHTHS
    last &= ~last + np.uint64(1)  # the lowest of the bits that say that nothing follows
    wholes &= last - np.uint64(1)
    last >>= np.uint64(7)
    last *= _STRIDES
    last >>= np.uint64(56)
    strides = last.view(np.int64)
    return joined(wholes, int(strides.max()) - 1 if strides.all() else 7), strides


def joined(wholes: NDArray[np.uint64], most: int) -> NDArray[np.int64]:
    """Push the sevens of bits of varints together, in place.

    :param wholes: eight bytes of each, of which those behind its end are 0.
    :param most: how many bytes the longest has.
    """
    wholes &= _SEVENS
    for enough, upper, down, lower in _STEPS:
        if most <= enough:
            break
        moved = wholes & upper
        moved >>= down
        wholes &= lower
        wholes |= moved
    return wholes.view(np.int64)
