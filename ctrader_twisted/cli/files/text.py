"""CSV and JSON Lines: times in ISO 8601 and UTC, prices with the symbol's decimals."""

from __future__ import annotations

import csv
import io
import json
from abc import abstractmethod
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ctrader_twisted.cli.files.contents import AT_ONCE, Contents, Piece, scaled
from ctrader_twisted.cli.files.formats import NotOfOurs
from ctrader_twisted.history.tables import TIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from ctrader_twisted.history.tables import Table


class _TextWriter:
    def __init__(self, file: BinaryIO, contents: Contents) -> None:
        self._file = file
        self._contents = contents

    def write(self, table: Table[Any]) -> None:
        """Write a table."""
        contents = self._contents
        columns = [
            np.datetime_as_string(table.times, "s" if contents.step else "ms", timezone="UTC").tolist(),
            *([f"{price:.{table.digits}f}" for price in table.price(name).tolist()] for name in contents.prices),
            *(table.columns[name].tolist() for name in contents.numbers[1 + len(contents.prices) :]),
        ]
        heads = (table.symbol, contents.what) if contents.kind else (table.symbol,)
        self._file.write(self._lines(heads, zip(*columns, strict=True)).encode())

    def close(self) -> None:
        """Nothing is left."""

    @abstractmethod
    def _lines(self, heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
        """Write rows as lines."""


class _CsvWriter(_TextWriter):
    def __init__(self, file: BinaryIO, contents: Contents) -> None:
        super().__init__(file, contents)
        file.write((",".join(contents.columns) + "\n").encode())

    def _lines(self, heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(heads + row for row in rows)
        return written.getvalue()


class _JsonWriter(_TextWriter):
    def _lines(self, heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
        names = self._contents.numbers
        head = ",".join(
            f'"{name}":{json.dumps(value)}' for name, value in zip(self._contents.heads, heads, strict=True)
        )
        # Prices and ticks are numbers as they stand.
        line = f'{{{{{head.replace("{", "{{").replace("}", "}}")},"{names[0]}":"{{}}",'
        line += ",".join(f'"{name}":{{}}' for name in names[1:]) + "}}\n"
        return "".join(line.format(*row) for row in rows)


class _Text:
    """What both have in common."""

    def since(self, path: Path) -> dict[str, int]:
        """It can't be kept."""
        return {}

    def read(self, path: Path, contents: Contents) -> Iterator[Piece]:
        """Read a file, piece after piece.

        :raises NotOfOurs: if it is not as it is written here.
        """
        with path.open(encoding="utf-8", newline="") as file:
            first, heads = 1, len(contents.heads)
            rows = self._rows(file, contents)
            while True:
                some: list[Sequence[Any]] = []
                try:
                    some.extend(islice(rows, AT_ONCE))
                    if not some:
                        return
                    for head, same in groupby(some, lambda row: tuple(row[:heads])):
                        yield _piece(head, list(same), contents)
                except NotOfOurs:
                    raise
                except (ValueError, TypeError, csv.Error, msgspec.MsgspecError) as error:
                    raise NotOfOurs(_told(first, some, contents, error)) from None
                first += len(some)

    @abstractmethod
    def _rows(self, file: io.TextIOWrapper, contents: Contents) -> Iterator[Sequence[Any]]:
        """Give each row's values in the order of the columns."""


class Csv(_Text):
    """Comma-separated values, with a line of names."""

    def writer(self, file: BinaryIO, contents: Contents, since: Mapping[str, int]) -> _CsvWriter:
        """Begin a file."""
        return _CsvWriter(file, contents)

    def _rows(self, file: io.TextIOWrapper, contents: Contents) -> Iterator[Sequence[Any]]:
        rows = csv.reader(file, strict=True)
        names = next(rows, None)
        if names is None:
            return
        if tuple(names) != contents.columns:
            raise NotOfOurs(f"its columns are {', '.join(names)}, not {', '.join(contents.columns)}")
        yield from rows


class JsonLines(_Text):
    """An object a line."""

    def writer(self, file: BinaryIO, contents: Contents, since: Mapping[str, int]) -> _JsonWriter:
        """Begin a file."""
        return _JsonWriter(file, contents)

    def _rows(self, file: io.TextIOWrapper, contents: Contents) -> Iterator[Sequence[Any]]:
        read = msgspec.json.Decoder(dict[str, Any]).decode
        for line in file:
            row = read(line)
            if tuple(row) != contents.columns:
                raise ValueError(f"it has {', '.join(row)}, not {', '.join(contents.columns)}")
            yield tuple(row.values())


def _told(first: int, rows: list[Sequence[Any]], contents: Contents, error: Exception) -> str:
    """Say which row can't be read, and why.

    :param first: the number of the first of these rows.
    :param error: what is wrong with one of them, or with the one after them.
    """
    for number, row in enumerate(rows, first):
        try:
            _piece(tuple(row[: len(contents.heads)]), [row], contents)
        except (ValueError, TypeError) as wrong:
            return f"row {number}: {wrong}"
    return f"row {first + len(rows)}: {error}"


def _piece(head: tuple[str, ...], rows: list[Sequence[Any]], contents: Contents) -> Piece:
    values = list(zip(*rows, strict=True))[len(contents.heads) :]
    if len(values) != len(contents.numbers):
        raise ValueError(f"it has {len(contents.heads) + len(values)} values, not {len(contents.columns)}")
    columns = {}
    for name, column in zip(contents.numbers, values, strict=True):
        if name == TIME:
            times = np.array([moment.removesuffix("Z") for moment in column], "datetime64[ms]")
            columns[name] = times.astype(np.int64)
        elif name in contents.prices:
            columns[name] = scaled(np.array(column).astype(np.float64))
        else:
            columns[name] = np.array(column).astype(np.int64)
    return Piece(head[0], head[1] if contents.kind else "", columns)
