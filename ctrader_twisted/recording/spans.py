"""Spans of time: what they cover together, and what they leave out. Pure.

A span is a start and an end in ms: from the start on to before the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Span: TypeAlias = tuple[int, int]


def united(spans: Iterable[Span]) -> list[Span]:
    """Give the fewest spans that cover the same, ascending. Those that touch become one; empty ones are left out."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made


def holes(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """Give what is not covered from ``start`` to before ``end``, ascending."""
    made: list[Span] = []
    for covered, until in united(spans):
        if covered >= end:
            break
        if covered > start:
            made.append((start, covered))
        start = max(start, until)
    if start < end:
        made.append((start, end))
    return made
