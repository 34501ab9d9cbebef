"""What was fetched and is in no file yet: parts, kept in a folder beside the file, each whole or not there at all."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import filelock
import numpy as np

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.history.tables import TIME
from ctrader_twisted.replacing import TEMPORARY, replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ctrader_twisted.cli.files.contents import Contents
    from ctrader_twisted.history.tables import Table
    from ctrader_twisted.market.columns import Column

FOLDER: Final = ".parts"
"""What the name of the folder ends with."""

_ABOUT: Final = "about"
_SUFFIX: Final = ".npz"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a span of time.

    :ivar start: ms; everything from here on was got,
    :ivar end: to before this.
    :ivar first: the time of the first row; `end` if there is none.
    """

    file: Path
    symbol: str
    start: int
    end: int
    first: int
    rows: int

    def columns(self, contents: Contents) -> dict[str, Column]:
        """Read its rows."""
        with np.load(self.file) as kept:
            return {name: kept[name] for name in contents.numbers}


class Parts:
    """The parts of one file, and the right to write it: one process at a time.

    :param target: the file.
    :ivar folder: where they are.
    :ivar kept: all of them, by the symbol's name, ascending.
    """

    def __init__(self, target: Path, contents: Contents) -> None:
        self.folder: Path = target.with_name(target.name + FOLDER)
        self.kept: dict[str, list[Part]] = {}
        self._target = target
        self._contents = contents
        self._lock = filelock.FileLock(self.folder / "lock")
        self._number = 0

    def open(self) -> None:
        """Take hold of the folder, and see what is in it.

        :raises OSError: if it can't be made or read.
        :raises CommandFailed: if another process has it, or what is in it is of something else.
        """
        self.folder.mkdir(exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise CommandFailed(
                f"{self._target} is being written by another process: wait until it has ended"
            ) from None
        try:
            for left_over in (
                *self.folder.glob(f"*{TEMPORARY}"),
                self._target.with_name(self._target.name + TEMPORARY),
            ):
                left_over.unlink(missing_ok=True)
            for file in sorted(self.folder.glob(f"*{_SUFFIX}")):
                part = self._read(file)
                self.kept.setdefault(part.symbol, []).append(part)
                self._number = int(file.stem)
        except BaseException:
            self._lock.release()
            raise
        for parts in self.kept.values():
            parts.sort(key=lambda part: part.start)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(part.rows for parts in self.kept.values() for part in parts)

    def save(self, table: Table[Any], start: int, end: int) -> None:
        """Keep rows; they survive a power cut then.

        :param start: ms; everything from here on was got,
        :param end: to before this.
        :raises OSError: if they can't be written; then there is nothing of them.
        """
        times = table.columns[TIME]
        file = self.folder / f"{self._number + 1:08}{_SUFFIX}"
        part = Part(file, table.symbol, start, end, int(times[0]) if len(table) else end, len(table))
        about = {
            "symbol": part.symbol,
            "of": str(self._contents),
            "start": start,
            "end": end,
            "first": part.first,
            "rows": part.rows,
        }
        columns: dict[str, Any] = {_ABOUT: np.array(json.dumps(about)), **table.columns}
        replace(file, lambda to: np.savez(to, **columns))
        self._number += 1
        self.kept.setdefault(part.symbol, []).append(part)
        self.kept[part.symbol].sort(key=lambda part: part.start)

    def forget(self, parts: Iterable[Part]) -> None:
        """Forget some of them: they are in the file."""
        for part in tuple(parts):
            part.file.unlink(missing_ok=True)
            self.kept[part.symbol].remove(part)
            if not self.kept[part.symbol]:
                del self.kept[part.symbol]

    def close(self) -> None:
        """Let go of the folder, and leave none that is empty."""
        if self.kept:
            self._lock.release()
            return
        with suppress(OSError):
            shutil.rmtree(self.folder)
        self._lock.release()

    def _read(self, file: Path) -> Part:
        try:
            with np.load(file) as kept:
                about = json.loads(str(kept[_ABOUT]))
            part = Part(file, about["symbol"], about["start"], about["end"], about["first"], about["rows"])
            of = about["of"]
        except (ValueError, KeyError, BadZipFile, TypeError) as error:
            raise CommandFailed(f"{file} can't be read ({error}): remove {self.folder} to begin anew") from None
        if of != str(self._contents):
            raise CommandFailed(
                f"{self.folder} holds {of} of {part.symbol}, which were being fetched for {self._target}: name another "
                f"file, or end that first, or remove {self.folder}"
            )
        return part
