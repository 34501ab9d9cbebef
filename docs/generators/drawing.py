"""A table of states and inputs, drawn as SVG: a column for each state, a row for each input, an arrow for each change.

Every cell of the table is an element of class ``cell`` with the state, the input and the next state in ``data-``
attributes; its position follows from those alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from enum import Enum

_LABEL: Final = 186
_COLUMN: Final = 90
_HEAD: Final = 46
_ROW: Final = 40
_LEGEND: Final = 26
_ARROW: Final = 6

_STYLE: Final = """
.machine text { font: 12px var(--font-stack, system-ui, sans-serif); fill: currentColor; }
.machine .input { text-anchor: end; }
.machine .state { text-anchor: middle; font-size: 11px; font-weight: 600; }
.machine .box { fill: none; stroke: currentColor; stroke-width: 1.2; }
.machine .life { stroke: currentColor; stroke-opacity: .3; stroke-dasharray: 2 4; }
.machine .rule { stroke: currentColor; stroke-opacity: .12; }
.machine .way { stroke: var(--color-brand-primary, #1a63c4); stroke-width: 2; fill: none; }
.machine .from, .machine .head { fill: var(--color-brand-primary, #1a63c4); }
.machine .stays { fill: none; stroke: currentColor; stroke-opacity: .55; stroke-width: 1.2; }
.machine .note { fill-opacity: .75; }
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the table."""

    state: Enum
    input: Enum
    next: Enum


def cells(table: Mapping[Any, Mapping[Any, Any]]) -> list[Cell]:
    """Give the cells of a table, row by row as the drawing has them."""
    inputs: dict[Any, None] = dict.fromkeys(given for row in table.values() for given in row)
    return [Cell(state, given, row[given]) for given in inputs for state, row in table.items() if given in row]


def rows(table: Mapping[Any, Mapping[Any, Any]]) -> Iterator[list[Cell]]:
    """Give the cells that one row of the drawing holds: an input has one for each state that it leads to."""
    by_input: dict[Enum, list[Cell]] = {}
    for cell in cells(table):
        by_input.setdefault(cell.input, []).append(cell)
    for held in by_input.values():
        staying = [cell for cell in held if cell.next is cell.state]
        targets = list(dict.fromkeys(cell.next for cell in held if cell.next is not cell.state))
        for number, target in enumerate(targets or [None]):
            going = [cell for cell in held if cell.next is target and cell.state is not target]
            yield [*going, *(staying if number == 0 else ())]


def draw(table: Mapping[Any, Mapping[Any, Any]], title: str) -> str:
    """Draw a table.

    :param title: what it is the machine of, in words.
    """
    columns = {state: _LABEL + _COLUMN * (number + 0.5) for number, state in enumerate(table)}
    lines = list(rows(table))
    width = _LABEL + _COLUMN * len(columns)
    bottom = _HEAD + _ROW * len(lines)
    height = bottom + _LEGEND
    parts = [
        f'<svg class="machine" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}; the table below says the same" style="width: 100%; max-width: {width}px">',
        f"<style>{_STYLE}</style>",
    ]
    for state, x in columns.items():
        parts.append(f'<line class="life" x1="{x}" y1="{_HEAD - 6}" x2="{x}" y2="{bottom}"/>')
        parts.append(
            f'<rect class="box" x="{x - _COLUMN / 2 + 2}" y="2" width="{_COLUMN - 4}" height="{_HEAD - 8}" rx="6"/>'
        )
        parts += _text("state", x, 2 + (_HEAD - 8) / 2, wrap(str(state.value), 12))
    for number, row in enumerate(lines):
        y = _HEAD + _ROW * (number + 0.5)
        parts.append(f'<line class="rule" x1="0" y1="{y + _ROW / 2}" x2="{width}" y2="{y + _ROW / 2}"/>')
        parts += _text("input", _LABEL - 8, y, wrap(str(row[0].input.value), 28))
        parts += [_cell(cell, y, columns) for cell in row]
        parts += _heads(row, y, columns)
    parts += _legend(bottom + _LEGEND / 2 + 2)
    return "\n".join([*parts, "</svg>"])


def _cell(cell: Cell, y: float, columns: Mapping[Enum, float]) -> str:
    x, to = columns[cell.state], columns[cell.next]
    stays = cell.next is cell.state
    ends = "stays" if stays else f"→ {cell.next.value}"
    if stays:
        drawn = f'<circle class="stays" cx="{x}" cy="{y + 12}" r="3"/>'
    else:
        end = to - _ARROW if to > x else to + _ARROW
        drawn = (
            f'<line class="way" x1="{x}" y1="{y}" x2="{end}" y2="{y}"/><circle class="from" cx="{x}" cy="{y}" r="4.5"/>'
        )
    return (
        f'<g class="cell" data-state="{escape(cell.state.value)}" data-input="{escape(cell.input.value)}" '
        f'data-next="{escape(cell.next.value)}"><title>{escape(f"{cell.state.value}, {cell.input.value}: {ends}")}'
        f"</title>{drawn}</g>"
    )


def _heads(row: list[Cell], y: float, columns: Mapping[Enum, float]) -> Iterator[str]:
    """Draw the tips of the arrows: one for each side that they come from."""
    sides = {
        (columns[cell.next], 1 if columns[cell.next] > columns[cell.state] else -1)
        for cell in row
        if cell.next is not cell.state
    }
    for x, way in sorted(sides):
        tip, back = x - way, x - way * (_ARROW + 6)
        yield f'<path class="head" d="M{tip} {y} L{back} {y - 5.5} L{back} {y + 5.5} Z"/>'


def _legend(y: float) -> list[str]:
    x = _LABEL
    return [
        f'<circle class="from" cx="{x + 6}" cy="{y}" r="4.5"/><line class="way" x1="{x + 6}" y1="{y}" x2="{x + 30}" '
        f'y2="{y}"/><path class="head" d="M{x + 38} {y} L{x + 27} {y - 5.5} L{x + 27} {y + 5.5} Z"/>',
        f'<text class="note" x="{x + 46}" y="{y + 4}">leads from here to there</text>',
        f'<circle class="stays" cx="{x + 216}" cy="{y}" r="3"/>',
        f'<text class="note" x="{x + 226}" y="{y + 4}">changes nothing here</text>',
    ]


def _text(kind: str, x: float, y: float, lines: list[str]) -> Iterator[str]:
    """Write lines in the middle of a height."""
    first = y + 4 - 7 * (len(lines) - 1)
    for number, line in enumerate(lines):
        yield f'<text class="{kind}" x="{x}" y="{first + 14 * number}">{escape(line)}</text>'
