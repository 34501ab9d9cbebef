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

KEPT: Final = np.array([(1 << 8 * size) - 1 for size in range(LONGEST + 1)], np.uint64)
_EIGHTHS: Final = np.uint64(0x8080808080808080)
_GATHER: Final = np.uint64(0x0002040810204081)  # moves the eighth bit of each byte into the topmost byte, in order
_TOP: Final = np.uint64(56)
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


def last_bytes(data: bytes, start: int, stop: int) -> NDArray[np.int64]:
    """Give where each varint of ``data[start:stop]`` ends: the bytes without the bit that says that more follow."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8)[start:stop] < 0x80)
    ends += start
    return ends


def eights(data: bytes) -> NDArray[np.uint64]:
    """Give the eight bytes from wherever one begins: a view of the data."""
    return np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))


def continued(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Give for each word a bit for each of its eight bytes that says that more follow, the first byte's the lowest."""
    bits = words & _EIGHTHS
    bits *= _GATHER
    bits >>= _TOP
    return bits


def values(data: bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read varints of 1 to `LONGEST` bytes.

    :param data: the bytes, with `PADDING` behind them.
    :param starts: where each begins, an array of any shape.
    :param sizes: how many bytes each has.
    """
    wholes = eights(data)[starts]
    wholes &= KEPT[sizes]
    return joined(wholes, LONGEST)


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
