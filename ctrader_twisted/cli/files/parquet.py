"""Parquet: times as timestamps in UTC, prices as doubles, symbols as a dictionary; no row group of two symbols."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ctrader_twisted.cli.files.contents import AT_ONCE, Contents, Piece, scaled
from ctrader_twisted.cli.files.formats import NotOfOurs
from ctrader_twisted.history.tables import TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from ctrader_twisted.history.tables import Table

_GROUP: Final = 100_000
"""Rows that a row group has at least, if there are so many of its symbol."""
_SINCE: Final = b"ctrader_twisted.since"
"""In the file's metadata: ms from which on each symbol was asked for, by name, as JSON."""


class Parquet:
    """Parquet files."""

    def writer(self, file: BinaryIO, contents: Contents, since: Mapping[str, int]) -> _Writer:
        """Begin a file."""
        return _Writer(file, contents, since)

    def since(self, path: Path) -> dict[str, int]:
        """Give when each symbol was asked for."""
        try:
            kept = json.loads((pq.read_schema(path).metadata or {}).get(_SINCE, b"{}"))
        except (pa.ArrowInvalid, ValueError):
            return {}
        return {name: at for name, at in kept.items() if isinstance(at, int)}

    def read(self, path: Path, contents: Contents) -> Iterator[Piece]:
        """Read a file, piece after piece.

        :raises NotOfOurs: if it is not as it is written here.
        """
        try:
            with pq.ParquetFile(path) as file:
                expected = _schema(contents)
                if not file.schema_arrow.remove_metadata().equals(expected):
                    raise NotOfOurs(_different(file.schema_arrow, expected))
                for batch in file.iter_batches(AT_ONCE):
                    yield from _pieces(batch, contents)
        except pa.ArrowInvalid as error:
            raise NotOfOurs(str(error)) from None


class _Writer:
    def __init__(self, file: BinaryIO, contents: Contents, since: Mapping[str, int]) -> None:
        self._schema = _schema(contents).with_metadata({_SINCE: json.dumps(dict(since)).encode()})
        self._contents = contents
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._symbol = ""

    def write(self, table: Table[Any]) -> None:
        """Write a table; small ones together."""
        if table.symbol != self._symbol or sum(map(len, self._waiting)) >= _GROUP:
            self._flush()
        self._symbol = table.symbol
        made = table.arrow()
        heads = (table.symbol, self._contents.what) if self._contents.kind else (table.symbol,)
        same = [pa.DictionaryArray.from_arrays(np.zeros(len(table), np.int32), [head]) for head in heads]
        self._waiting.append(pa.table([*same, *made.columns], self._schema))

    def close(self) -> None:
        """Write the end of the file."""
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._writer.write_table(pa.concat_tables(waiting))


def _schema(contents: Contents) -> Any:
    types = {
        **dict.fromkeys(contents.heads, pa.dictionary(pa.int32(), pa.string())),
        TIME: pa.timestamp("ms", "UTC"),
        **dict.fromkeys(contents.prices, pa.float64()),
    }
    return pa.schema([(name, types.get(name, pa.int64())) for name in contents.columns])


def _different(has: Any, expected: Any) -> str:
    """Say what of a schema is not as expected."""
    if has.names != expected.names:
        return f"its columns are {', '.join(has.names)}, not {', '.join(expected.names)}"
    wrong = [
        f'"{mine.name}" is {his.type}{"" if his.nullable else ", never empty"}, not {mine.type}'
        for his, mine in zip(has, expected, strict=True)
        if not his.remove_metadata().equals(mine)
    ]
    return f"its column{'s' if len(wrong) > 1 else ''} {', '.join(wrong)}"


def _pieces(batch: Any, contents: Contents) -> Iterator[Piece]:
    """Cut a batch where the symbol changes."""
    heads = [batch.column(name).cast(pa.string()).to_numpy(zero_copy_only=False) for name in contents.heads]
    changes = {place + 1 for head in heads for place in np.flatnonzero(head[1:] != head[:-1]).tolist()}
    for first, stop in pairwise(sorted({0, batch.num_rows} | changes)):
        columns = {}
        for name in contents.numbers:
            column = batch.column(name).slice(first, stop - first)
            if column.null_count:
                raise NotOfOurs(f'there are empty places in the column "{name}"')
            if name == TIME:
                columns[name] = column.cast(pa.int64()).to_numpy()
            else:
                values = column.to_numpy()
                columns[name] = scaled(values) if name in contents.prices else values
        yield Piece(heads[0][first], heads[1][first] if contents.kind else "", columns)
