"""What a file holds: bars of a period, ticks of a side, or quotes. Every row says so, and of which symbol it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from ctrader_twisted.history.tables import TIME, Bars, QuoteTicks, Table, Ticks
from ctrader_twisted.market.calendar import LENGTHS, bar_grid
from ctrader_twisted.messages import ProtoOAQuoteType

if TYPE_CHECKING:
    from datetime import datetime

    from ctrader_twisted.account import Account
    from ctrader_twisted.history.series import Series
    from ctrader_twisted.market.columns import Column
    from ctrader_twisted.market.symbols import Symbol

AT_ONCE: Final = 16_384
"""Rows that are read, and held in memory, at once."""

_SCALE: Final = 100_000


class Piece(NamedTuple):
    """Some rows of one symbol, as a file has them.

    :ivar what: the period or the side; empty for quotes.
    :ivar columns: the time in ms, then prices in 1/100000, then ticks.
    """

    symbol: str
    what: str
    columns: dict[str, Column]


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a file.

    :ivar kind: the name of the column that says `what`: "period" of bars, "side" of ticks; "" for quotes of both sides.
    :ivar what: ``"M1"``, ``"bid"``; empty for quotes.
    """

    kind: Literal["period", "side", ""]
    what: str

    def __str__(self) -> str:
        return {"period": f"{self.what} bars", "side": f"{self.what} ticks", "": "quotes of both sides"}[self.kind]

    @property
    def _table(self) -> type[Table[Any]]:
        tables: dict[str, type[Table[Any]]] = {"period": Bars, "side": Ticks, "": QuoteTicks}
        return tables[self.kind]

    @property
    def prices(self) -> tuple[str, ...]:
        """The names of the columns of prices."""
        return self._table.prices

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of a table's columns, the time first."""
        return (TIME, *self.prices, *(("ticks",) if self.kind == "period" else ()))

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the columns that are the same in every row of a table."""
        return ("symbol", self.kind) if self.kind else ("symbol",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a file's columns."""
        return self.heads + self.numbers

    @property
    def step(self) -> int:
        """ms from one row to the next, if none is missing; 0 for ticks."""
        return LENGTHS[self.what] if self.kind == "period" else 0

    def after(self, at: int) -> int:
        """Give the time from which on the row after that of ``at`` is to be expected, in ms."""
        return bar_grid(self.what).next_opening(at) if self.kind == "period" else at

    def table(self, symbol: Symbol, columns: dict[str, Column]) -> Table[Any]:
        """Make a table of a symbol's rows."""
        base = (symbol.name, symbol.symbol_id, symbol.digits, columns)
        if self.kind == "period":
            return Bars(*base, self.what)
        if self.kind == "side":
            return Ticks(*base, ProtoOAQuoteType[self.what.upper()].value)
        return QuoteTicks(*base)

    def series(self, account: Account, symbol: Symbol, start: datetime, end: datetime | None) -> Series[Any]:
        """Ask for a symbol's history."""
        if self.kind == "period":
            return account.bars(symbol, self.what, start, end)
        if self.kind == "side":
            return account.ticks(symbol, "bid" if self.what == "bid" else "ask", start, end)
        return account.quote_ticks(symbol, start, end)

    def known_from(self, before: Table[Any]) -> int | None:
        """Say from when on to ask so that what comes after some rows comes as if everything had been asked for, in ms.

        A quote is told from the last change of either side on.

        :return: None if these rows are too few to tell.
        """
        if self.kind or not len(before):
            return None
        changed = []
        for name in self.prices:
            places = np.flatnonzero(np.diff(before.columns[name]))
            if not len(places):
                return None
            changed.append(int(before.columns[TIME][places[-1] + 1]))
        return min(changed)


def scaled(prices: Any) -> Column:
    """Give prices in 1/100000."""
    made: Column = np.rint(np.asarray(prices, np.float64) * _SCALE).astype(np.int64)
    return made


def bounds(table: Table[Any]) -> tuple[int, int]:
    """Give the times of the first and the last row of a table that is not empty, in ms."""
    times = table.columns[TIME]
    return int(times[0]), int(times[-1])


def cut(table: Table[Any], at: int) -> tuple[Table[Any], Table[Any]]:
    """Give the rows before a moment, in ms, and those from it on."""
    place = int(np.searchsorted(table.columns[TIME], at))
    return table[:place], table[place:]
