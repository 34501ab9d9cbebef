"""A file's rows and its parts, in order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ctrader_twisted.cli.files.contents import bounds, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ctrader_twisted.cli.files.parts import Part
    from ctrader_twisted.history.tables import Table


def merged(
    tables: Iterable[Table[Any]], parts: Iterable[Part], load: Callable[[Part], Table[Any]]
) -> Iterator[Table[Any]]:
    """Give all rows of one symbol, ascending; what parts have takes the place of what the file has of the same time.

    The newest rows of a file are asked for again each time: a bar may have been running by the server's clock, and more
    ticks may have come in the same ms.

    :param tables: what the file has, ascending.
    :param parts: likewise.
    :param load: gives a part's rows.
    """
    waiting = deque(part for part in parts if part.rows)
    reached: int | None = None

    def next_part() -> Table[Any]:
        nonlocal reached
        part = waiting.popleft()
        table = load(part)
        if reached is not None:
            table = cut(table, reached)[1]
        reached = part.end if reached is None else max(reached, part.end)
        return table

    for table in tables:
        left = table if reached is None else cut(table, reached)[1]
        while len(left):
            if not waiting or waiting[0].first > bounds(left)[1]:
                yield left
                break
            before, _ = cut(left, waiting[0].first)
            if len(before):
                yield before
            part = next_part()
            if len(part):
                yield part
            assert reached is not None
            left = cut(left, reached)[1]
    while waiting:
        part = next_part()
        if len(part):
            yield part
