"""The directive ``state-machine``: one of session/machine.py's tables, as a picture and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ctrader_twisted.session import machine
from generators import drawing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx.application import Sphinx


class Machine(NamedTuple):
    """A machine that can be drawn."""

    table: Mapping[Any, Mapping[Any, Any]]
    title: str


MACHINES: Final = {
    "connection": Machine(machine.CONNECTION_TABLE, "The states of a connection, and what leads from one to another"),
    "account": Machine(machine.ACCOUNT_TABLE, "The states of an account, and what leads from one to another"),
}


class StateMachine(SphinxDirective):
    """Its argument is ``connection`` or ``account``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        if self.arguments[0] not in MACHINES:
            raise self.error(f"there are {' and '.join(MACHINES)}, no {self.arguments[0]}")
        shown = MACHINES[self.arguments[0]]
        self.env.note_dependency(machine.__file__)
        picture = nodes.raw("", drawing.draw(shown.table, shown.title), format="html")
        return [picture, _table(shown)]


def _table(shown: Machine) -> nodes.table:
    """Say in words what the picture shows, row by row."""
    group = nodes.tgroup("", cols=3)
    group += [nodes.colspec(colwidth=width) for width in (30, 45, 25)]
    group += nodes.thead("", _row("What happens", "Leads", "Changes nothing"))
    body = nodes.tbody()
    for row in drawing.rows(shown.table):
        going = [cell for cell in row if cell.next is not cell.state]
        staying = [cell.state.value for cell in row if cell.next is cell.state]
        leads = f"from {', '.join(cell.state.value for cell in going)} to {going[0].next.value}" if going else ""
        body += _row(row[0].input.value, leads, ", ".join(staying))
    group += body
    return nodes.table("", nodes.title("", shown.title), group, classes=["machine-table"])


def _row(*texts: str) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=text)) for text in texts))


def setup(app: Sphinx) -> None:
    app.add_directive("state-machine", StateMachine)
