"""Files of ticks or bars read into columns of integers, every row checked. CSV by itself, Parquet by pyarrow.

A tick file has the columns ``timestamp``, ``bid``, ``ask``; a bar file ``timestamp``, ``open``, ``high``, ``low``,
``close`` and perhaps ``volume``; either perhaps ``symbol``. Timestamps are milliseconds UTC or ISO 8601 (UTC where
no offset is given), prices decimal numbers, rounded to the symbol's digits. CSV needs its header line;
fields are parted by comma, semicolon or tab. An empty bid or ask means that this side has not changed.
"""

from __future__ import annotations

import csv
import importlib
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.errors import ReplayError
from ctrader_twisted.sim.feed.calendar import LAST_MS, Period, bar_open, next_bar_open
from ctrader_twisted.sim.feed.instruments import PRICE_SCALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ctrader_twisted.sim.feed.instruments import Instrument

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_EARLIEST_MS: Final = 100_000_000_000  # below lie timestamps in seconds, not the years before 1973
_MOST: Final = 10**17  # more than any price, and fits a signed 64-bit integer
_TICK_COLUMNS: Final = ("timestamp", "bid", "ask")
_BAR_COLUMNS: Final = ("timestamp", "open", "high", "low", "close")
BID_CHANGED: Final = 1
ASK_CHANGED: Final = 2


@dataclass(slots=True)
class Series:
    """The ticks of one symbol in the file's own time, ascending, no two at the same millisecond."""

    instrument: Instrument
    times: array[int] = field(default_factory=lambda: array("q"))
    bids: array[int] = field(default_factory=lambda: array("q"))
    asks: array[int] = field(default_factory=lambda: array("q"))
    changes: array[int] = field(default_factory=lambda: array("B"))
    """``BID_CHANGED`` and ``ASK_CHANGED``, added."""
    volumes: array[int] = field(default_factory=lambda: array("q"))
    """What each tick adds to the volume of its bar: 1 for a bid, or a share of the file's bar."""
    last_row_ms: int = -1

    def add(self, at_ms: int, bid: int, ask: int, changes: int, volume: int) -> None:
        """Append one tick; one at the same millisecond as the last comes a millisecond later."""
        if self.times and at_ms <= self.times[-1]:
            at_ms = self.times[-1] + 1
        self.times.append(at_ms)
        self.bids.append(bid)
        self.asks.append(ask)
        self.changes.append(changes)
        self.volumes.append(volume)


class _Row:
    """One row under its header, which knows how to complain about itself."""

    __slots__ = ("columns", "path", "position", "unit", "values")

    def __init__(self, path: str, unit: str, columns: dict[str, int]) -> None:
        """``unit`` says what rows are counted in: "line" or "row"."""
        self.path = path
        self.unit = unit
        self.columns = columns
        self.position = 0
        self.values: Sequence[object] = ()

    def value(self, column: str) -> object:
        at = self.columns[column]
        if at >= len(self.values):
            raise self.wrong(column, "the row ends before it", "Complete or remove the row.")
        value = self.values[at]
        return value.strip() if isinstance(value, str) else value

    def wrong(self, column: str, problem: str, remedy: str) -> ReplayError:
        return ReplayError(self.path, f"{self.unit} {self.position}, column {column}", problem, remedy)

    def time(self) -> int:
        value = self.value("timestamp")
        if isinstance(value, str) and not value.isdigit():
            try:
                read = datetime.fromisoformat(value)
            except ValueError:
                raise self.wrong(
                    "timestamp",
                    f"{value!r} is no timestamp",
                    "Write milliseconds UTC or ISO 8601, like 2026-11-02T09:30:00.250Z.",
                ) from None
            if read.tzinfo is None:
                read = read.replace(tzinfo=UTC)
            at_ms = (read - _EPOCH) // _MILLISECOND
        elif isinstance(value, (str, int)):
            at_ms = int(value)
            if 0 < at_ms < _EARLIEST_MS:
                raise self.wrong("timestamp", f"{at_ms} looks like seconds", "Write milliseconds: multiply by 1000.")
        else:
            raise self.wrong("timestamp", f"{value!r} is no timestamp", "Write milliseconds UTC or ISO 8601.")
        if not 0 <= at_ms <= LAST_MS:
            raise self.wrong(
                "timestamp", f"{at_ms} ms is not in 0..{LAST_MS}", "Write milliseconds UTC, not micro- or nanoseconds."
            )
        return at_ms

    def number(self, column: str) -> float:
        value = self.value(column)
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise self.wrong(
                column, f"{value!r} is no number", "Write it with a decimal point, like 1.14818."
            ) from None
        if not abs(number) * PRICE_SCALE < _MOST:  # also NaN
            raise self.wrong(column, f"{value!r} is out of bounds", "Correct or remove the row.")
        return number

    def price(self, column: str, instrument: Instrument) -> int:
        ticks = round(self.number(column) * PRICE_SCALE / instrument.tick_size)
        if ticks <= 0:
            raise self.wrong(
                column,
                f"{self.value(column)!r} is not a price of {instrument.name} ({instrument.digits} digits)",
                "Correct or remove the row: prices are greater than zero.",
            )
        return ticks * instrument.tick_size

    def empty(self, column: str) -> bool:
        return self.value(column) in ("", None)


class _Reader:
    """Rows into series; the kind of file follows from its columns."""

    def __init__(
        self,
        path: Path,
        unit: str,
        header: Sequence[str],
        instruments: Iterable[Instrument],
        symbol: str | None,
        period: Period | None,
    ) -> None:
        self._path = str(path)
        self._known = {instrument.name: instrument for instrument in instruments}
        self._symbol, self._period = symbol, period
        names = [name.strip().lower() for name in header]
        columns = {name: at for at, name in enumerate(names)}
        self._bars = "open" in columns and "bid" not in columns
        for column in _BAR_COLUMNS if self._bars else _TICK_COLUMNS:
            if column not in columns:
                raise ReplayError(
                    self._path,
                    f"column {column}",
                    f"missing; there are {', '.join(names)}",
                    f"Name the columns {', '.join(_TICK_COLUMNS)} for ticks or {', '.join(_BAR_COLUMNS)} for bars.",
                )
        if self._bars and period is None:
            raise ReplayError(
                self._path, "", "holds bars, of a period that was not stated", "State the period, like M1."
            )
        if symbol is not None and symbol not in self._known:
            raise ReplayError(self._path, "", f"there is no instrument {symbol!r}", self._choose())
        self._row = _Row(self._path, unit, columns)
        self._places = [columns[column] for column in _TICK_COLUMNS] if not self._bars else []
        self._volume = "volume" in columns
        self._named = "symbol" in columns
        if not self._named and symbol is None:
            if len(self._known) != 1:
                raise ReplayError(
                    self._path, "", "does not say which symbol it holds", "Add a column symbol, or state the symbol."
                )
            self._symbol = next(iter(self._known))
        self.series: dict[str, Series] = {}

    def _choose(self) -> str:
        return f"Name one of {', '.join(sorted(self._known))}, or add the instrument."

    def add(self, number: int, values: Sequence[object]) -> None:
        row = self._row
        row.position, row.values = number, values
        name = self._symbol
        if self._named:
            value = row.value("symbol")
            if name is not None and value != name:
                return
            name = str(value)
            if name not in self._known:
                raise row.wrong("symbol", f"there is no instrument {name!r}", self._choose())
        assert name is not None
        series = self.series.get(name)
        if series is None:
            series = self.series[name] = Series(self._known[name])
        if self._places and self._add_plain(series, values):
            return
        at_ms = row.time()
        if at_ms < series.last_row_ms or (self._bars and at_ms == series.last_row_ms):
            raise row.wrong(
                "timestamp", f"{at_ms} ms is not after the row before ({series.last_row_ms} ms)", "Sort the rows."
            )
        series.last_row_ms = at_ms
        if self._bars:
            self._add_bar(series, at_ms)
        else:
            self._add_tick(series, at_ms)

    def _add_plain(self, series: Series, values: Sequence[Any]) -> bool:
        """Add a tick of the most frequent form, quickly; leave the row alone if it is anything else, or the first."""
        time, bid, ask = self._places
        unit = series.instrument.tick_size
        try:
            at_ms = int(values[time])
            new_bid = round(float(values[bid]) * PRICE_SCALE / unit) * unit
            new_ask = round(float(values[ask]) * PRICE_SCALE / unit) * unit
        except (ValueError, TypeError, IndexError, OverflowError):
            return False
        times = series.times
        if not (times and series.last_row_ms <= at_ms <= LAST_MS and 0 < new_bid <= new_ask < _MOST):
            return False
        series.last_row_ms = at_ms
        changes = (new_bid != series.bids[-1]) * BID_CHANGED + (new_ask != series.asks[-1]) * ASK_CHANGED
        if changes:
            series.add(at_ms, new_bid, new_ask, changes, changes & BID_CHANGED)
        return True

    def _add_tick(self, series: Series, at_ms: int) -> None:
        row, first = self._row, not series.times
        bid = 0 if first else series.bids[-1]
        ask = 0 if first else series.asks[-1]
        new_bid = bid if row.empty("bid") else row.price("bid", series.instrument)
        new_ask = ask if row.empty("ask") else row.price("ask", series.instrument)
        if not new_bid or not new_ask:
            column = "ask" if new_bid else "bid"
            raise row.wrong(column, f"the first row of {series.instrument.name} has none", "Begin with both sides.")
        if new_ask < new_bid:
            raise row.wrong(
                "ask",
                f"{row.value('ask')!r} is below the bid",
                "Exchange the columns if they are named the wrong way round.",
            )
        changes = (BID_CHANGED if new_bid != bid else 0) | (ASK_CHANGED if new_ask != ask else 0)
        if changes:
            series.add(at_ms, new_bid, new_ask, changes, changes & BID_CHANGED)

    def _add_bar(self, series: Series, at_ms: int) -> None:
        row, period, instrument = self._row, self._period, series.instrument
        assert period is not None
        if bar_open(period, at_ms) != at_ms:
            raise row.wrong(
                "timestamp",
                f"no {period.name} bar opens at {at_ms} ms (one opens at {bar_open(period, at_ms)})",
                "State the period that the file has, and its times in UTC; H4 and longer count from the roll, 17:00 in "
                "New York.",
            )
        opened, high, low, close = (row.price(column, instrument) for column in _BAR_COLUMNS[1:])
        for column, price in (("open", opened), ("close", close)):
            if not low <= price <= high:
                raise row.wrong(
                    column, f"{row.value(column)!r} lies outside low and high", "Correct or remove the row."
                )
        path = [opened, low, high, close] if close > opened else [opened, high, low, close]
        moments = [price for i, price in enumerate(path) if not i or price != path[i - 1]]
        count = len(moments)
        volume = 0
        if self._volume and not row.empty("volume"):
            volume = round(row.number("volume"))
            if volume < 0:
                raise row.wrong("volume", f"{row.value('volume')!r} is negative", "Correct or remove the row.")
        length = next_bar_open(period, at_ms) - at_ms
        spread = max(instrument.tick_size, instrument.typical_spread)
        share, rest = divmod(volume, count) if volume else (1, 0)
        for i, price in enumerate(moments):
            at = at_ms + (length - 1 if i and i == count - 1 else i * length // 4)
            series.add(at, price, price + spread, BID_CHANGED | ASK_CHANGED, share + (i < rest))


def read_series(
    path: Path, instruments: Iterable[Instrument], symbol: str | None, period: Period | None
) -> list[Series]:
    """Read a whole file; ``ReplayError`` for the first thing wrong with it."""
    known = list(instruments)
    arrow = path.suffix.lower() in (".parquet", ".pq")
    try:
        rows = _parquet_rows(path) if arrow else _csv_rows(path)
        _, header = next(rows, (0, ()))
        if not header:
            raise ReplayError(str(path), "", "is empty", "Name the columns in the first line.")
        reader = _Reader(path, "row" if arrow else "line", [str(name) for name in header], known, symbol, period)
        for number, values in rows:
            reader.add(number, values)
    except OSError as error:
        raise ReplayError(
            str(path), "", f"can't be read: {error.strerror or error}", "Name a file that exists and may be read."
        ) from error
    found = [series for series in reader.series.values() if series.times]
    if not found:
        what = "has no rows" if symbol is None else f"has no rows of {symbol}"
        raise ReplayError(str(path), "", what, "Give at least one.")
    return found


def _csv_rows(path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    """Header first, then each line that is not blank, with its number."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            header = file.readline()
            delimiter = max(",;\t", key=header.count)
            yield 1, next(csv.reader([header], delimiter=delimiter), [])
            reader = csv.reader(file, delimiter=delimiter)
            for row in reader:
                if row:
                    yield reader.line_num + 1, row
        except UnicodeDecodeError as error:
            raise ReplayError(
                str(path), "", f"is not UTF-8: {error.reason}", "Save it as UTF-8, or name it .parquet if it is that."
            ) from error
        except csv.Error as error:
            raise ReplayError(str(path), "", f"is not CSV: {error}", "Write plain rows without quotes.") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    """Column names first, then each row with its number; timestamps as integers of milliseconds."""
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ReplayError(
            str(path),
            "",
            "is Parquet, which needs pyarrow to be read",
            'Install it: pip install "ctrader_twisted[parquet]"',
        ) from error
    try:
        file = parquet.ParquetFile(path)
    except arrow.ArrowInvalid as error:
        raise ReplayError(str(path), "", f"is not Parquet: {error}", "Name it .csv if it is CSV.") from error
    with file:
        yield 0, file.schema_arrow.names
        number = 0
        for batch in file.iter_batches():
            columns = []
            for column in batch.columns:
                if arrow.types.is_timestamp(column.type):
                    column = column.cast(arrow.timestamp("ms", column.type.tz), safe=False).cast(arrow.int64())
                columns.append(column.to_pylist())
            for row in zip(*columns, strict=True):
                number += 1
                yield number, row
