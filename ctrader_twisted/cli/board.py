"""The table of live quotes: what stands in it. It knows no terminal and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.measure import Measurement
from rich.text import Text

from ctrader_twisted.cli.sparkline import WIDEST, Trail
from ctrader_twisted.cli.terminal import cell, clean, table

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console
    from rich.table import Table

    from ctrader_twisted.market import Quote
    from ctrader_twisted.messages import ProtoOASymbol

_NARROWEST: Final = 8
"""Blocks that a chart has to have room for, or there is none."""
_APART: Final = 2
_ANY_WIDTH: Final = 10_000
_COLUMNS: Final = ("symbol", "bid", "ask", "spread", "change", "time")
_FIRST_OUT: Final = ("time", "change", "spread")
"""Columns that are left out, one after another, where there is no room for all: prices are never cut."""


@dataclass(slots=True)
class Row:
    """One symbol.

    :ivar name: its name.
    :ivar digits: decimals of its price.
    :ivar pip_position: a pip is ten to the power of minus this.
    :ivar quote: the last quote, or None.
    :ivar seen: when it came, written for a person.
    :ivar stale: whether the connection was lost since.
    :ivar moved: 1 if the bid last rose, -1 if it fell, else 0.
    :ivar trail: where the bid has been since the first one.
    """

    name: str
    digits: int
    pip_position: int
    quote: Quote | None = None
    seen: str = ""
    stale: bool = False
    moved: int = 0
    trail: Trail = field(default_factory=Trail, repr=False)
    _first: Decimal | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: str, symbol: ProtoOASymbol) -> Row:
        """Make the row of a symbol."""
        return cls(name, symbol.digits, symbol.pipPosition)

    def take(self, quote: Quote, seen: str) -> None:
        """Take a quote in."""
        before = None if self.quote is None else self.quote.bid
        self.quote, self.seen, self.stale = quote, seen, False
        if quote.bid is None:
            return
        if self._first is None:
            self._first = quote.bid
        self.trail.add(quote.bid)
        if before is not None and quote.bid != before:
            self.moved = 1 if quote.bid > before else -1

    @property
    def spread(self) -> Decimal | None:
        """Ask less bid, in pips; None while a side is unknown."""
        return None if self.quote is None else self._pips(self.quote.spread)

    @property
    def change(self) -> Decimal | None:
        """How far the bid has come since the first one, in pips."""
        if self.quote is None or self.quote.bid is None or self._first is None:
            return None
        return self._pips(self.quote.bid - self._first)

    def _pips(self, distance: Decimal | None) -> Decimal | None:
        if distance is None:
            return None
        places = max(0, self.digits - self.pip_position)
        return distance.scaleb(self.pip_position).quantize(Decimal(1).scaleb(-places))


class Board:
    """Every row, and a line that says what is the matter."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.status: str = ""

    def stop(self, why: str) -> None:
        """The quotes are no longer live."""
        self.status = why
        for row in self.rows.values():
            row.stale = True

    def shown(self, console: Console | None = None) -> Group:
        """Give what a terminal shows.

        :param console: where; each symbol has a small chart if there is room for it, and blocks can be shown there.
        """
        made = self._table()
        if console is not None:
            room = console.width - _width(console, made)
            for count in range(1, len(_FIRST_OUT) + 1):
                if room >= 0:
                    break
                made = self._table(without=_FIRST_OUT[:count])
                room = console.width - _width(console, made)
            if (
                room - _APART >= _NARROWEST
                and console.encoding.startswith("utf")
                and len(made.columns) == len(_COLUMNS)
            ):
                made = self._table(min(room - _APART, WIDEST))
        return Group(made, Text(clean(self.status), "yellow")) if self.status else Group(made)

    def _table(self, chart: int = 0, without: Collection[str] = ()) -> Table:
        shown = [(name, "left" if name == "symbol" else "right") for name in _COLUMNS if name not in without]
        made = table(*shown, *([("chart", "left")] if chart else []))
        for row in self.rows.values():
            cells = [each for name, each in zip(_COLUMNS, _cells(row), strict=True) if name not in without]
            made.add_row(*cells, *([cell(row.trail.drawn(chart), _dim(row) or _turned(row))] if chart else []))
        return made


def _width(console: Console, made: Table) -> int:
    """Give how wide a table wants to be."""
    return Measurement.get(console, console.options.update(width=_ANY_WIDTH), made).maximum


def _dim(row: Row) -> str:
    return "dim" if row.stale else ""


def _turned(row: Row) -> str:
    """Give the colour of a change."""
    return "" if not row.change else "green" if row.change > 0 else "red"


def _cells(row: Row) -> list[Text]:
    quote, change = row.quote, row.change
    dim = _dim(row)
    moved = dim or ("", "green", "red")[row.moved]
    turned = dim or _turned(row)
    return [
        cell(row.name, dim or "bold"),
        cell("" if quote is None or quote.bid is None else quote.bid, moved),
        cell("" if quote is None or quote.ask is None else quote.ask, moved),
        cell("" if row.spread is None else row.spread, dim),
        cell("" if change is None else f"{change:+}", turned),
        cell(row.seen or "waiting", dim if row.seen else "dim"),
    ]
