"""The files of a Parquet store: their columns, what the end of each says of it, and how several become one.

A file's metadata says what it covers. A merged one has its rows sorted by symbol, no row group of two symbols, and says
which row group is whose and which files it stands for.
"""

from __future__ import annotations

import errno
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ctrader_twisted.recording.spans import united
from ctrader_twisted.recording.store import Coded
from ctrader_twisted.recording.tables import LATEST, Holds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from ctrader_twisted.recording.spans import Span
    from ctrader_twisted.recording.tables import Kind

GROUP: Final = 100_000
"""Rows that a row group of a merged file has at most."""

COVERED: Final = b"ctrader_twisted.covered"
"""In a file's metadata: the spans that it covers, by stream, as JSON."""
STANDS_FOR: Final = b"ctrader_twisted.stands_for"
"""In a merged file's metadata: the names of the files that it was made of, as JSON."""
GROUPS: Final = b"ctrader_twisted.groups"
"""In a merged file's metadata: the symbol of each row group, as JSON."""

TYPES: Final = {
    Holds.TIME: pa.timestamp("ms", "UTC"),
    Holds.PRICE: pa.float64(),
    Holds.COUNT: pa.int64(),
    Holds.NAME: pa.dictionary(pa.int32(), pa.string()),
    Holds.TEXT: pa.string(),
}
"""What a column is, by what it holds."""

_NAME: Final = re.compile(r"([0-9]+)-([0-9]{8,})\.parquet")  # level and number


@dataclass(frozen=True, slots=True)
class File:
    """What a file's end says of it.

    :ivar covered: by stream; None if it is not of ours.
    :ivar groups: the symbol of each row group; None if it is no merged file.
    :ivar times: of its earliest and its latest row, in ms; None if it has none.
    :ivar problem: why it is left alone; empty if it is not.
    """

    path: Path
    covered: dict[str, list[Span]] | None
    stands_for: frozenset[str] = frozenset()
    groups: tuple[str, ...] | None = None
    times: tuple[int, int] | None = None
    problem: str = ""

    @property
    def level(self) -> int:
        return int(self.path.name.partition("-")[0])

    @property
    def number(self) -> int:
        return number_of(self.path.name)

    def may_have(self, start: int, end: int) -> bool:
        """Say whether it may have rows of this span of time."""
        return self.times is not None and self.times[0] < end and self.times[1] >= start


def looked_at(path: Path, kind: Kind) -> File:
    """Look at a file's end.

    :raises OSError: if that can't be done.
    """
    if _NAME.fullmatch(path.name) is None:
        return File(path, None, problem="is not of the recorder")
    with open(path, "rb") as file:
        try:
            footer = pq.read_metadata(file)
            schema = footer.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            return File(path, None, problem=f"can't be read ({error})")
    metadata = schema.metadata or {}
    try:
        covered = {
            stream: [(start, end) for start, end in spans] for stream, spans in json.loads(metadata[COVERED]).items()
        }
        stands_for = frozenset(json.loads(metadata.get(STANDS_FOR, b"[]")))
        groups = tuple(json.loads(metadata[GROUPS])) if GROUPS in metadata else None
    except (KeyError, ValueError, TypeError, AttributeError):
        return File(path, None, problem="is not of the recorder")
    if not schema.remove_metadata().equals(schema_of(kind)):
        problem = f"has the columns {', '.join(schema.names)}, not {', '.join(kind.columns)}, or of other types"
        return File(path, covered, stands_for, groups, problem=problem)
    return File(path, covered, stands_for, groups, _times(footer, schema.get_field_index(kind.time)))


def _times(footer: Any, column: int) -> tuple[int, int] | None:
    """Give the earliest and the latest time of a file's rows, all there are if it does not tell; None for no rows."""
    groups = [group for group in map(footer.row_group, range(footer.num_row_groups)) if group.num_rows]
    told = [group.column(column).statistics for group in groups]
    if any(statistics is None or not statistics.has_min_max for statistics in told):
        return 0, LATEST
    return (min(one.min_raw for one in told), max(one.max_raw for one in told)) if told else None


def number_of(name: str) -> int:
    """Give the number in a file's name; 0 if it is not of ours."""
    found = _NAME.fullmatch(name)
    return int(found[2]) if found else 0


def schema_of(kind: Kind) -> Any:
    """Give the columns of a table."""
    return pa.schema([(name, TYPES[holds]) for name, holds in kind.columns.items()])


def as_array(column: Any, holds: Holds) -> Any:
    """Give a column of a batch as it is written."""
    if holds is Holds.TIME:
        return pa.array(column, pa.int64()).cast(TYPES[holds])
    if isinstance(column, Coded):
        return pa.DictionaryArray.from_arrays(pa.array(column.codes, pa.int32()), pa.array(column.texts, pa.string()))
    if holds is Holds.NAME:
        return pa.array(column, pa.string()).dictionary_encode()
    return pa.array(column, TYPES[holds], from_pandas=holds is Holds.PRICE)  # for which NaN is null


def covers_as_text(covered: dict[str, list[Span]]) -> bytes:
    """Give what a file covers, by stream, as its metadata say it."""
    return json.dumps({stream: united(spans) for stream, spans in sorted(covered.items())}).encode()


class Merged:
    """The rows of several files, symbol after symbol. Those of files that were merged already are read by the symbol.

    :ivar groups: the symbol of each row group to come.
    """

    def __init__(self, kind: Kind, files: list[tuple[File, Any]]) -> None:
        self._kind = kind
        self._sorted_files = [(_places(file.groups), opened) for file, opened in files if file.groups is not None]
        small = [opened.read() for file, opened in files if file.groups is None]
        self._small = _sorted(pa.concat_tables([schema_of(kind).empty_table(), *small]), kind)
        self._places = self._runs()
        counts = {symbol: count for symbol, (_, count) in self._places.items()}
        for groups, opened in self._sorted_files:
            for symbol, places in groups.items():
                rows = sum(opened.metadata.row_group(place).num_rows for place in places)
                counts[symbol] = counts.get(symbol, 0) + rows
        self._symbols = sorted(counts)
        self.groups: list[str] = [symbol for symbol in self._symbols for _ in range(0, counts[symbol], GROUP)]

    def tables(self) -> Iterator[Any]:
        """Give a table for each symbol."""
        for symbol in self._symbols:
            tables = [
                opened.read_row_groups(groups[symbol]) for groups, opened in self._sorted_files if symbol in groups
            ]
            if symbol in self._places:
                tables.append(self._small.slice(*self._places[symbol]))
            yield _sorted(pa.concat_tables(table.replace_schema_metadata() for table in tables), self._kind)

    def _runs(self) -> dict[str, tuple[int, int]]:
        """Give where the rows of each symbol begin among the small files', and how many there are."""
        if "symbol" not in self._kind.columns:
            return {"": (0, len(self._small))} if len(self._small) else {}
        runs: dict[str, tuple[int, int]] = {}
        begin = 0
        for run in pc.value_counts(_plain(self._small["symbol"])).to_pylist():  # sorted, so each is in one place
            runs[run["values"]] = (begin, run["counts"])
            begin += run["counts"]
        return runs


def _places(groups: Sequence[str]) -> dict[str, list[int]]:
    """Give which row groups are of each symbol."""
    places: dict[str, list[int]] = {}
    for place, symbol in enumerate(groups):
        places.setdefault(symbol, []).append(place)
    return places


def _sorted(table: Any, kind: Kind) -> Any:
    """Sort rows; those that are the same in this order stay as they are."""
    keys = pa.table({name: _plain(table[name]) for name in kind.order})
    return table.take(pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in kind.order]))


def _plain(column: Any) -> Any:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def write_file(file: BinaryIO, schema: Any, tables: Iterator[Any] | list[Any]) -> None:
    """Write tables into a file, one behind the other."""
    writer = pq.ParquetWriter(file, schema, compression="zstd")
    try:
        for table in tables:
            writer.write_table(table, row_group_size=GROUP)
        writer.close()
    except BaseException:
        writer.is_open = False  # else it would try to write its end when it is collected
        raise


@contextmanager
def as_os_errors(path: Path) -> Iterator[None]:
    """Raise what pyarrow says of files as OSError that names a path."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise OSError(errno.EIO, f"can't be read: {error}", os.fspath(path)) from error
