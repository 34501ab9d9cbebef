"""A store of Parquet files in folders by table, environment, account and date. Needs pyarrow (the extra ``data``).

``quotes/environment=demo/account=1000001/date=2026-03-04/0-00000017.parquet``: each batch is a file, written in a
hidden folder and moved to its place: it is there whole or not at all. When there are sixty files of a level, they
become one of the next, and when the day is over all of them become one. Such a file names those it stands for; until
they are gone, which a crash may put off, they do not count. Numbers only rise, so no later file can bear the name of
one that is stood for. What is in a file, `parquet_files` knows.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ctrader_twisted.recording.holding import Hold
from ctrader_twisted.recording.parquet_files import (
    COVERED,
    GROUPS,
    STANDS_FOR,
    TYPES,
    File,
    Merged,
    as_array,
    as_os_errors,
    covers_as_text,
    looked_at,
    number_of,
    schema_of,
    write_file,
)
from ctrader_twisted.recording.spans import united
from ctrader_twisted.recording.tables import KINDS, Holds, date_of, day_from, day_of
from ctrader_twisted.replacing import Replacing, flush_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ctrader_twisted.recording.spans import Span
    from ctrader_twisted.recording.store import Batch
    from ctrader_twisted.recording.tables import Kind

MANY: Final = 60
"""Files of a level that become one of the next."""

_MEANWHILE: Final = ".writing"
"""The folder in which files are written."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """The files of one date of an account."""

    path: Path
    kind: Kind
    day: int


class ParquetStore:
    """Parquet files in a folder; see `store.Store` for what it promises.

    :param path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._meanwhile = path / _MEANWHILE
        self._hold = Hold(path)
        self._due: dict[Path, _Folder] = {}
        self._numbers: dict[Path, int] = {}
        self._seen: dict[Path, tuple[tuple[int, int], File]] = {}

    def open(self) -> list[str]:
        """Take hold of the folder and mend it."""
        self._hold.take()
        try:
            self._meanwhile.mkdir(exist_ok=True)
            for left_over in self._meanwhile.iterdir():
                left_over.unlink()
            said: list[str] = []
            for folder in self._folders():
                said += self._mend(folder)
                self._due[folder.path] = folder
        except BaseException:
            self.close()
            raise
        return said

    def close(self) -> None:
        """Let go of the folder."""
        self._due.clear()
        self._numbers.clear()
        self._hold.release()

    def write(self, batch: Batch) -> None:
        """Write a batch as a file of its own."""
        self._hold.keep()
        self._meanwhile.mkdir(exist_ok=True)
        folder = self._folder_of(batch.table, batch.environment, batch.account_id, batch.day)
        covered: dict[str, list[Span]] = {}
        for stream, start, end in batch.covered:
            covered.setdefault(stream, []).append((start, end))
        rows = pa.table(
            [as_array(batch.columns[name], holds) for name, holds in batch.table.columns.items()],
            schema_of(batch.table),
        )
        self._make(folder.path)
        self._save(folder, 0, {COVERED: covers_as_text(covered)}, [rows])
        self._due[folder.path] = folder

    def tidy(self, today: date) -> bool:
        """Merge the files of one date, if they are due."""
        for folder in [self._due[path] for path in sorted(self._due)]:
            over = folder.day < day_from(today)
            files = [file for file in self._files(folder) if not file.problem]
            by_level: dict[int, list[File]] = {}
            for file in files:
                by_level.setdefault(file.level, []).append(file)
            due = next((alike[:MANY] for _, alike in sorted(by_level.items()) if len(alike) >= MANY), None)
            if due is None and over and len(files) > 1:
                due = files
            if due is not None:
                # What can't be merged is not tried again before there is more in it: others are due as well.
                del self._due[folder.path]
                self._merge(folder, due)
                self._due[folder.path] = folder
                return True
            if over:
                del self._due[folder.path]
        return False

    def accounts(self) -> list[tuple[str, int]]:
        """Give whom there is anything of."""
        found = set()
        for folder in self._folders():
            account, environment = folder.path.parent, folder.path.parent.parent
            found.add((_value(environment.name), int(_value(account.name))))
        return sorted(found)

    def covered(self, environment: str, account_id: int, since: int = 0) -> dict[str, list[Span]]:
        """Give what the files say they cover."""
        spans: dict[str, list[Span]] = {}
        for kind in KINDS.values():
            for folder in self._folders_of(kind, environment, account_id):
                if folder.day >= day_of(since):
                    for file in self._files(folder):
                        for stream, of_file in (file.covered or {}).items():
                            spans.setdefault(stream, []).extend(of_file)
        return {stream: united(of_stream) for stream, of_stream in spans.items()}

    def rows(
        self,
        kind: str,
        environment: str,
        account_id: int,
        start: int,
        end: int,
        symbol: str | None = None,
        period: str | None = None,
    ) -> dict[str, list[Any]]:
        """Read rows."""
        table = KINDS[kind]
        wanted = (pc.field(table.time) >= pa.scalar(start, TYPES[Holds.TIME])) & (
            pc.field(table.time) < pa.scalar(end, TYPES[Holds.TIME])
        )
        for name, value in (("symbol", symbol), ("period", period)):
            if value is not None and name in table.columns:
                wanted &= pc.field(name) == value
        found = [schema_of(table).empty_table()]
        for folder in self._folders_of(table, environment, account_id):
            if start < end and day_of(start) <= folder.day <= day_of(end - 1):
                found += self._read(folder, wanted, start, end)
        whole = pa.concat_tables(found)
        return {
            name: (whole[name].cast(pa.int64()) if holds is Holds.TIME else whole[name]).to_pylist()
            for name, holds in table.columns.items()
        }

    def _read(self, folder: _Folder, wanted: Any, start: int, end: int) -> list[Any]:
        while True:
            try:
                with as_os_errors(folder.path):
                    return [
                        pq.read_table(file.path, filters=wanted, partitioning=None)
                        for file in self._files(folder)
                        if not file.problem and file.may_have(start, end)
                    ]
            except FileNotFoundError:
                continue  # merged meanwhile

    def files(self, kind: str) -> list[Path]:
        """Give the files of a table, each row in one of them only, whatever is being merged meanwhile.

        :raises OSError: if they can't be looked at.
        """
        folders = (folder for folder in self._folders() if folder.kind.name == kind)
        return [file.path for folder in folders for file in self._files(folder) if not file.problem]

    # Folders and files

    def _folder_of(self, kind: Kind, environment: str, account_id: int, day: int) -> _Folder:
        name = f"date={date_of(day).isoformat()}"
        return _Folder(self._account_folder(kind, environment, account_id) / name, kind, day)

    def _account_folder(self, kind: Kind, environment: str, account_id: int) -> Path:
        return self._path / kind.name / f"environment={quote(environment, safe='')}" / f"account={account_id}"

    def _folders(self) -> Iterator[_Folder]:
        """Give all of them."""
        for kind in KINDS.values():
            for account in sorted((self._path / kind.name).glob("environment=*/account=*")):
                if _value(account.name).isdecimal():
                    yield from _dates(account, kind)

    def _folders_of(self, kind: Kind, environment: str, account_id: int) -> Iterator[_Folder]:
        return _dates(self._account_folder(kind, environment, account_id), kind)

    def _files(self, folder: _Folder) -> list[File]:
        """Give the files that count, the oldest rows first; what another one stands for does not.

        Of a level the oldest are merged first, so what is of a higher one is older.
        """
        found = self._all(folder)
        gone = frozenset[str]().union(*(file.stands_for for file in found))
        return sorted(
            (file for file in found if file.covered is not None and file.path.name not in gone),
            key=lambda file: (-file.level, file.number),
        )

    def _all(self, folder: _Folder) -> list[File]:
        """Give every file there is that is not hidden, others' too."""
        while True:
            try:
                with os.scandir(folder.path) as entries:
                    shown = [entry for entry in entries if not entry.name.startswith(".")]
                    return [self._look(folder, entry) for entry in shown]
            except FileNotFoundError:
                if not folder.path.is_dir():
                    return []  # else one was merged meanwhile

    def _look(self, folder: _Folder, entry: os.DirEntry[str]) -> File:
        path, stat = folder.path / entry.name, entry.stat()
        state = (stat.st_mtime_ns, stat.st_size)
        seen = self._seen.get(path)
        if seen is None or seen[0] != state:
            seen = self._seen[path] = (state, looked_at(path, folder.kind))
        return seen[1]

    def _mend(self, folder: _Folder) -> list[str]:
        """Remove what is stood for, and say what is not as it is written here."""
        found = self._all(folder)
        gone = frozenset[str]().union(*(file.stands_for for file in found))
        self._remove([file.path for file in found if file.path.name in gone])
        return [f"{file.path} {file.problem}: it is left alone" for file in found if file.problem]

    def _remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
            self._seen.pop(path, None)
        if paths:
            flush_folder(os.fspath(paths[0].parent))

    def _make(self, folder: Path) -> None:
        """Make a folder, and those it is in, so that they survive a power cut."""
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            flush_folder(os.fspath(folder.parent))

    # Writing

    def _save(
        self, folder: _Folder, level: int, metadata: dict[bytes, bytes], tables: Iterator[Any] | list[Any]
    ) -> None:
        """Write a file, whole or not at all."""
        number = self._numbers.get(folder.path)
        if number is None:
            number = max((number_of(name) for name in os.listdir(folder.path)), default=0)
        name = f"{level}-{number + 1:08}.parquet"
        replacing = Replacing(folder.path / name, self._meanwhile / name)
        try:
            write_file(replacing.file, schema_of(folder.kind).with_metadata(metadata), tables)
        except BaseException:
            replacing.abandon()
            raise
        replacing.commit()
        self._numbers[folder.path] = number + 1

    def _merge(self, folder: _Folder, files: list[File]) -> None:
        """Make one file of several, and remove them."""
        covered: dict[str, list[Span]] = {}
        for file in files:
            for stream, spans in (file.covered or {}).items():
                covered.setdefault(stream, []).extend(spans)
        with as_os_errors(folder.path), ExitStack() as stack:
            merged = Merged(folder.kind, [(file, stack.enter_context(pq.ParquetFile(file.path))) for file in files])
            metadata = {
                COVERED: covers_as_text(covered),
                STANDS_FOR: json.dumps([file.path.name for file in files]).encode(),
                GROUPS: json.dumps(merged.groups).encode(),
            }
            self._save(folder, max(file.level for file in files) + 1, metadata, merged.tables())
        with suppress(OSError):  # then they go when it is opened again
            self._remove([file.path for file in files])


def _dates(account: Path, kind: Kind) -> Iterator[_Folder]:
    for path in sorted(account.glob("date=*")):
        with suppress(ValueError):
            yield _Folder(path, kind, day_from(date.fromisoformat(_value(path.name))))


def _value(name: str) -> str:
    """Give the value that a folder's name tells."""
    return unquote(name.partition("=")[2])
