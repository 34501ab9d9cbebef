"""A small chart in a line of text: blocks of eight heights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

WIDEST: Final = 32
"""Blocks at most."""

_BLOCKS: Final = "▁▂▃▄▅▆▇█"


class Trail:
    """Where a price has been since it was first seen: of many prices some, evenly."""

    __slots__ = ("_every", "_points", "_skipped")

    def __init__(self) -> None:
        self._points: list[Decimal] = []
        self._every = 1
        self._skipped = 0

    def add(self, price: Decimal) -> None:
        """Add the latest price."""
        if self._points and self._skipped:
            self._points[-1] = price  # the newest block is always the newest price
        else:
            self._points.append(price)
        self._skipped = (self._skipped + 1) % self._every
        if len(self._points) == 2 * WIDEST:
            self._points = self._points[1::2]
            self._every *= 2

    def drawn(self, width: int) -> str:
        """Draw it from the lowest price to the highest, in so many letters at most."""
        points, width = self._points, min(width, len(self._points))
        if width < 1:
            return ""
        shown = [points[(number + 1) * len(points) // width - 1] for number in range(width)]
        low, high = min(shown), max(shown)
        if low == high:
            return _BLOCKS[3] * width
        top = len(_BLOCKS) - 1
        return "".join(_BLOCKS[round((price - low) * top / (high - low))] for price in shown)
