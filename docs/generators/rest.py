"""Pieces of reStructuredText: what the generators of this directory put pages together from."""

from __future__ import annotations

import re
from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STALE = ".. Made at build time from the code by docs/generators: changes belong there.\n"


def heading(text: str, line: str = "=") -> str:
    """Give a heading: ``=`` for a page, ``-`` for a section."""
    return f"{text}\n{line * len(text)}\n"


def plain(text: str) -> str:
    """Give text in which nothing is markup."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def literal(text: str) -> str:
    """Give text as code."""
    return f"``{text}``"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int], name: str) -> str:
    """Give a table; cells are reStructuredText, empty ones are left so.

    :param name: the class that it has in HTML.
    """
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: {' '.join(str(width) for width in widths)}",
        f"   :class: {name}",
        "",
    ]
    for row in (head, *rows):
        for number, cell in enumerate(row):
            mark = "   * - " if number == 0 else "     - "
            first, *more = cell.splitlines() or [""]
            lines += [(mark + first).rstrip(), *(f"       {line}".rstrip() for line in more)]
    return "\n".join(lines) + "\n"


def inner(text: str, by: int = 3) -> str:
    """Give text that stands within a directive."""
    return indent(text, " " * by)


def fields(facts: Iterable[tuple[str, str]]) -> str:
    """Give a list of facts: a name and what is said to it; facts without a text are left out."""
    return "".join(f":{name}: {said}\n" for name, said in facts if said)


def listed(parts: Sequence[str], last: str = "and") -> str:
    """Give "a, b and c"."""
    *first, final = parts
    return f"{', '.join(first)} {last} {final}" if first else final
