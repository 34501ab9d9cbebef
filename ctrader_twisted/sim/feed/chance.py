"""Numbers out of numbers: hashing that is the same on every platform and in every process.

Floats are used only through operations that IEEE 754 rounds exactly (+ - * / sqrt), so that a seed means the
same prices everywhere.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

MASK: Final = (1 << 64) - 1
STEP: Final = 6_364_136_223_846_793_005
SHIFT: Final = 1_442_695_040_888_963_407
"""A cheap stream inside a loop: ``x = x * STEP + SHIFT & MASK``, of which only the upper bits are good."""

_GOLDEN: Final = 0x9E37_79B9_7F4A_7C15
_HALF_SUM: Final = 2 * 65_535
_DEVIATION: Final = 65_536 / sqrt(3)

_BLOCK_BITS: Final = 9
_BLOCK: Final = 1 << _BLOCK_BITS
_ANCHOR_DEVIATION: Final = sqrt(_BLOCK / 2)
_MIDPOINT: Final = tuple(sqrt(1 << bits) / 2 for bits in range(_BLOCK_BITS + 1))


def mixed(number: int, key: int = 0) -> int:
    """64 well-mixed bits of ``number`` under ``key`` (splitmix64)."""
    x = (key + number * _GOLDEN) & MASK
    x = ((x ^ x >> 30) * 0xBF58_476D_1CE4_E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D0_49BB_1331_11EB) & MASK
    return x ^ x >> 31


def key_of(seed: int, text: str) -> int:
    """The key of a name under a seed (FNV-1a, then mixed)."""
    x = mixed(seed + 1)
    for byte in text.encode():
        x = ((x ^ byte) * 0x100_0000_01B3) & MASK
    return mixed(x, seed & MASK)


def share(bits: int) -> float:
    """A number in [0, 1) out of 64 bits."""
    return (bits >> 11) * 2.0**-53


def normal(bits: int) -> float:
    """Roughly a standard normal out of 64 bits; never beyond 3.47."""
    total = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
    return (total - _HALF_SUM) / _DEVIATION


def walked(key: int, position: int) -> float:
    """A random walk with unit steps, at ``position`` >= 0, wherever that is and at the same small cost.

    Independent steps in the short run, bounded in the long: every 512 steps it passes a point drawn anew
    around 0, and midpoints are drawn between two such points.
    """
    block, offset = divmod(position, _BLOCK)
    left = _ANCHOR_DEVIATION * normal(mixed(block, key))
    if not offset:
        return left
    right = _ANCHOR_DEVIATION * normal(mixed(block + 1, key))
    first = block << _BLOCK_BITS
    bits, at, inner = _BLOCK_BITS, _BLOCK >> 1, key ^ _GOLDEN
    while True:
        middle = (left + right) / 2 + _MIDPOINT[bits] * normal(mixed(first + at, inner))
        if offset == at:
            return middle
        bits -= 1
        half = 1 << bits - 1
        if offset < at:
            right, at = middle, at - half
        else:
            left, at = middle, at + half


def exponential(x: float) -> float:
    """e^x, summed so that it is the same everywhere; meant for |x| below 10."""
    if x < 0:
        return 1 / exponential(-x)
    x /= 64
    term = total = 1.0
    for n in range(1, 16):
        term *= x / n
        total += term
    for _ in range(6):
        total *= total
    return total
