"""Tables of history: columns of numbers; rows, pandas, polars and Arrow on request.

A table is always ascending, and its columns can't be written to: its parts share them. Prices are kept as the wire has
them, as whole numbers of 1/100000 (`scaled`); as floats, and in everything that is made of the table, they are rounded
to the symbol's digits.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from dataclasses import dataclass, replace
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar, overload

import numpy as np

from ctrader_twisted.errors import ExtraMissing
from ctrader_twisted.history.moments import moment, ms_of
from ctrader_twisted.market.bars import Bar
from ctrader_twisted.market.calendar import bar_grid
from ctrader_twisted.market.columns import floats
from ctrader_twisted.market.prices import price_from_relative
from ctrader_twisted.market.ticks import QuoteTick, Tick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Self

    from numpy.typing import NDArray

    from ctrader_twisted.market.columns import Column

_Row = TypeVar("_Row", covariant=True)
_Number = TypeVar("_Number", bound=np.generic)

TIME: Final = "time"
"""The name of the column of times, the first one of every table."""

_AT_ONCE: Final = 4096


class ScaledBars(NamedTuple):
    """The prices of bars, in 1/100000."""

    open: Column
    high: Column
    low: Column
    close: Column


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[_Row]):
    """What bars, ticks and quotes have in common.

    :ivar symbol: the symbol's name.
    :ivar symbol_id: its id with this broker.
    :ivar digits: decimal places of its prices.
    :ivar columns: the columns by name, `TIME` in ms first; prices in 1/100000. They are read-only.
    """

    symbol: str
    symbol_id: int
    digits: int
    columns: dict[str, Column]

    prices: ClassVar[tuple[str, ...]]
    """The names of the columns of prices."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", {name: _read_only(column) for name, column in self.columns.items()})

    def __repr__(self) -> str:
        what = f"<{type(self).__name__} of {self.name}: {len(self)}"
        if not len(self):
            return f"{what}>"
        times = self.columns[TIME]
        return f"{what}, {moment(int(times[0])).isoformat()} to {moment(int(times[-1])).isoformat()}>"

    def __len__(self) -> int:
        return len(self.columns[TIME])

    def __iter__(self) -> Iterator[_Row]:
        return self.rows()

    @overload
    def __getitem__(self, which: slice) -> Self: ...

    @overload
    def __getitem__(self, which: int) -> _Row: ...

    def __getitem__(self, which: slice | int) -> Self | _Row:
        """Give a part, which shares its columns with this table, or one row."""
        if isinstance(which, slice):
            return replace(self, columns={name: column[which] for name, column in self.columns.items()})
        try:
            row = index(which)
        except TypeError:
            raise TypeError(self._no_row(which)) from None
        if not -len(self) <= row < len(self):
            raise IndexError(f"no row {row} in {self!r}")
        row %= len(self)
        return next(self[row : row + 1].rows())

    @property
    def name(self) -> str:
        """What it is of: ``"EURUSD M1"``."""
        return self.symbol

    @property
    def times(self) -> NDArray[np.datetime64]:
        """The times as ``datetime64[ms]``, which is UTC."""
        return self.columns[TIME].view("datetime64[ms]")

    def between(self, start: datetime, end: datetime) -> Self:
        """Give the part from ``start`` to before ``end``.

        :raises HistoryRefused: if one of them is no datetime or has no time zone.
        """
        first, stop = np.searchsorted(self.columns[TIME], (ms_of(start, "start"), ms_of(end, "end")))
        return self[int(first) : int(stop)]

    def price(self, name: str) -> NDArray[np.float64]:
        """Give a column of prices as floats, each the one nearest to its decimal of the symbol's digits.

        Half a last digit is rounded to even, as everywhere in this package. It is made each time, and read-only: what
        was written to it would be seen nowhere else.
        """
        return _read_only(floats(self.columns[name], self.digits))

    @abstractmethod
    def rows(self) -> Iterator[_Row]:
        """Iterate over rows, with `Decimal` prices."""

    def pandas(self) -> Any:
        """Make a ``pandas.DataFrame``: prices as floats, indexed by time (UTC). It shares nothing with this table.

        :raises ExtraMissing: if pandas is not installed.
        """
        pandas = _needed("pandas", "a DataFrame", "pandas")
        times = pandas.DatetimeIndex(self.times, tz="UTC", name=TIME)
        own = {name: each if each.flags.writeable else each.copy() for name, each in self._values().items()}
        return pandas.DataFrame(own, index=times, copy=False)

    def polars(self) -> Any:
        """Make a ``polars.DataFrame``: prices as floats, times as ``Datetime("ms", "UTC")`` in the first column.

        :raises ExtraMissing: if polars is not installed.
        """
        polars = _needed("polars", "a DataFrame of polars", "polars")
        times = polars.Series(TIME, self.columns[TIME]).cast(polars.Datetime("ms", "UTC"))
        return polars.DataFrame([times, *(polars.Series(name, made) for name, made in self._values().items())])

    def arrow(self) -> Any:
        """Make a ``pyarrow.Table``: prices as doubles, times as ``timestamp[ms, UTC]`` in the first column.

        :raises ExtraMissing: if pyarrow is not installed.
        """
        pyarrow = _needed("pyarrow", "an Arrow table", "ctrader_twisted[data]")
        times = pyarrow.array(self.columns[TIME], pyarrow.int64()).cast(pyarrow.timestamp("ms", "UTC"))
        return pyarrow.table({TIME: times, **self._values()})

    def _values(self) -> dict[str, NDArray[Any]]:
        """Give every column but the time, prices as floats."""
        return {
            name: floats(column, self.digits) if name in self.prices else column
            for name, column in self.columns.items()
            if name != TIME
        }

    def _no_row(self, which: object) -> str:
        """Say what is wrong with what is no number of a row, and what to do."""
        if not isinstance(which, str):
            return f"{type(self).__name__} is not indexed by {type(which).__name__}: give a number or a slice"
        problem = f"{type(self).__name__} has no row {which!r}"
        if isinstance(getattr(type(self), which, None), property):
            return f"{problem}: its columns are attributes, such as .{which}"
        if which in self.prices:
            return f"{problem}: its column of prices is .price({which!r})"
        return f"{problem}: give a number or a slice"

    def _lists(self) -> Iterator[tuple[int, ...]]:
        """Give the rows as whole numbers, a piece of the table at a time."""
        for first in range(0, len(self), _AT_ONCE):
            piece = slice(first, first + _AT_ONCE)
            yield from zip(*(column[piece].tolist() for column in self.columns.values()), strict=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bars(Table[Bar]):
    """Bars of bid prices.

    :ivar period: its name: ``"M1"``.
    """

    period: str

    prices: ClassVar[tuple[str, ...]] = ("open", "high", "low", "close")

    @property
    def name(self) -> str:
        """What it is of: ``"EURUSD M1"``."""
        return f"{self.symbol} {self.period}"

    @property
    def opened(self) -> Column:
        """Openings, ms since the epoch, UTC."""
        return self.columns[TIME]

    @property
    def open(self) -> NDArray[np.float64]:
        """Opening prices; see `price`."""
        return self.price("open")

    @property
    def high(self) -> NDArray[np.float64]:
        """Highest prices; see `price`."""
        return self.price("high")

    @property
    def low(self) -> NDArray[np.float64]:
        """Lowest prices; see `price`."""
        return self.price("low")

    @property
    def close(self) -> NDArray[np.float64]:
        """Closing prices; see `price`."""
        return self.price("close")

    @property
    def ticks(self) -> Column:
        """How many ticks each bar is made of; the wire calls it volume."""
        return self.columns["ticks"]

    @property
    def scaled(self) -> ScaledBars:
        """Prices in 1/100000."""
        return ScaledBars(*(self.columns[name] for name in self.prices))

    def rows(self) -> Iterator[Bar]:
        """Iterate over `Bar`, with `Decimal` prices."""
        number, digits = bar_grid(self.period).period, self.digits
        for opened, *prices, ticks in self._lists():
            open_, high, low, close = (price_from_relative(price, digits) for price in prices)
            yield Bar(self.symbol_id, number, opened, open_, high, low, close, ticks)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ticks(Table[Tick]):
    """Ticks of one side.

    :ivar side: ProtoOAQuoteType: 1 is the bid, 2 the ask.
    """

    side: int

    prices: ClassVar[tuple[str, ...]] = ("price",)

    @property
    def name(self) -> str:
        """What it is of: ``"EURUSD bid"``."""
        return f"{self.symbol} {'bid' if self.side == 1 else 'ask'}"

    @property
    def at(self) -> Column:
        """Times, ms since the epoch, UTC. There may be several ticks of one ms."""
        return self.columns[TIME]

    @property
    def scaled(self) -> Column:
        """Prices in 1/100000."""
        return self.columns["price"]

    def rows(self) -> Iterator[Tick]:
        """Iterate over `Tick`, with `Decimal` prices."""
        for at, price in self._lists():
            yield Tick(self.symbol_id, self.side, at, price_from_relative(price, self.digits))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QuoteTicks(Table[QuoteTick]):
    """Quotes of both sides, as they stood after each change of either."""

    prices: ClassVar[tuple[str, ...]] = ("bid", "ask")

    @property
    def at(self) -> Column:
        """Times, ms since the epoch, UTC. There may be several quotes of one ms."""
        return self.columns[TIME]

    @property
    def bid(self) -> NDArray[np.float64]:
        """Bids; see `price`."""
        return self.price("bid")

    @property
    def ask(self) -> NDArray[np.float64]:
        """Asks; see `price`."""
        return self.price("ask")

    def rows(self) -> Iterator[QuoteTick]:
        """Iterate over `QuoteTick`, with `Decimal` prices."""
        for at, bid, ask in self._lists():
            digits = self.digits
            yield QuoteTick(self.symbol_id, at, price_from_relative(bid, digits), price_from_relative(ask, digits))


_Table = TypeVar("_Table", bound=Table[Any])


def concat(tables: Sequence[_Table]) -> _Table:
    """Put tables of one thing together, each later than the one before.

    :raises ValueError: if there is none, or they are of different things, or overlap.
    """
    if not tables:
        raise ValueError("nothing to put together")
    first = tables[0]
    for table in tables[1:]:
        if (type(table), table.name, table.symbol_id) != (type(first), first.name, first.symbol_id):
            raise ValueError(f"{table!r} is not of what {first!r} is")
    times = [table.columns[TIME] for table in tables if len(table)]
    for earlier, later in zip(times, times[1:], strict=False):
        if later[0] < earlier[-1] or (later[0] == earlier[-1] and isinstance(first, Bars)):
            raise ValueError(f"{first.name}: a table begins at {later[0]} ms, before {earlier[-1]} ms where one ends")
    columns = {name: np.concatenate([table.columns[name] for table in tables]) for name in first.columns}
    return replace(first, columns=columns)


def _read_only(column: NDArray[_Number]) -> NDArray[_Number]:
    """Show a column that can't be written to."""
    if not column.flags.writeable:
        return column
    shown = column.view()
    shown.flags.writeable = False
    return shown


def _needed(package: str, what: str, install: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExtraMissing(package, what, install) from error
