"""The formats, each by the suffix of the file's name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Protocol

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.errors import ExtraMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any, BinaryIO

    from ctrader_twisted.cli.files.contents import Contents, Piece
    from ctrader_twisted.history.tables import Table

SUFFIXES: Final = (".csv", ".jsonl", ".ndjson", ".parquet")

_ENCODINGS: Final = {".csv": "CSV", ".jsonl": "JSON Lines", ".ndjson": "JSON Lines", ".parquet": "Parquet"}


class Writer(Protocol):
    """Writes tables to a file."""

    def write(self, table: Table[Any]) -> None:
        """Write a table."""

    def close(self) -> None:
        """Write what is left. The file is not closed."""


class Format(Protocol):
    """A format of files."""

    def writer(self, file: BinaryIO, contents: Contents, since: Mapping[str, int]) -> Writer:
        """Begin a file.

        :param since: ms from which on each symbol was asked for, by name; kept, where the format can.
        """

    def read(self, path: Path, contents: Contents) -> Iterator[Piece]:
        """Read a file, piece after piece.

        :raises NotOfOurs: if it is not as `writer` writes it.
        """

    def since(self, path: Path) -> dict[str, int]:
        """Give what `writer` was told of when each symbol was asked for; empty where the format can't keep it."""


class NotOfOurs(Exception):
    """A file is not as this command writes it; the text says where and what."""


def format_of(path: Path) -> Format:
    """Give the format of a file.

    :raises CommandFailed: if it has none of the suffixes.
    :raises ExtraMissing: if what it needs is not installed.
    """
    kind = _ENCODINGS.get(path.suffix.lower())
    if kind is None:
        has = f'the suffix "{path.suffix}"' if path.suffix else "no suffix"
        raise CommandFailed(f"{path} has {has}: give the file one of {', '.join(SUFFIXES)}, which says what to write")
    if kind == "Parquet":
        if find_spec("pyarrow") is None:
            raise ExtraMissing("pyarrow", "a Parquet file", "ctrader_twisted[data]")
        from ctrader_twisted.cli.files.parquet import Parquet

        return Parquet()
    from ctrader_twisted.cli.files.text import Csv, JsonLines

    return Csv() if kind == "CSV" else JsonLines()
