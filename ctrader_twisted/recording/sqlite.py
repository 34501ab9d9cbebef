"""A store of SQLite files, one for each date: ``2026-03-04.sqlite``.

A batch is a transaction, and what it covers is in it. While a day is being recorded its file has a write-ahead log
beside it, so readers do not wait for the writer nor the writer for them; when the day is over it is a file by itself.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.errors import RecordingStoreError
from ctrader_twisted.recording.holding import Hold
from ctrader_twisted.recording.spans import united
from ctrader_twisted.recording.store import Coded, listed
from ctrader_twisted.recording.tables import KINDS, Holds, date_of, day_from, day_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ctrader_twisted.recording.spans import Span
    from ctrader_twisted.recording.store import Batch, Cover

OURS: Final = 0x63547274
"""The ``application_id`` of the files."""
VERSION: Final = 1
"""Their ``user_version``."""

_SUFFIX: Final = ".sqlite"
_PATIENCE: Final = 10.0
"""Seconds to wait for another program that writes into the file."""
_REMEDY: Final = "move it to another place"
_TYPES: Final = {
    Holds.TIME: "INTEGER NOT NULL",
    Holds.PRICE: "REAL",
    Holds.COUNT: "INTEGER NOT NULL",
    Holds.NAME: "TEXT NOT NULL",
    Holds.TEXT: "TEXT",
}
_CODES: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_PERM: errno.EACCES,
}


class SqliteStore:
    """SQLite files in a folder; see `store.Store` for what it promises.

    :param path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hold = Hold(path)
        self._day: int | None = None
        self._kept: sqlite3.Connection | None = None
        self._state: os.stat_result | None = None
        self._due: set[int] = set()

    def open(self) -> list[str]:
        """Take hold of the folder. SQLite itself mends a file when it is next read."""
        self._hold.take()
        try:
            said = []
            for day, file in self._files():
                # A log beside it is what a crash leaves behind, or a day that is not over.
                if _beside(file).exists():
                    self._due.add(day)
                try:
                    with _reading(file):
                        pass
                except RecordingStoreError as error:
                    said.append(f"{file} {error.problem}: it is left alone")
                    self._due.discard(day)
        except BaseException:
            self.close()
            raise
        return said

    def close(self) -> None:
        """Let go of the folder."""
        self._let_go()
        self._due.clear()
        self._hold.release()

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction."""
        self._hold.keep()
        day, _kind = batch.day, batch.table
        file = self._file(day)
        whose = (batch.environment, batch.account_id)
        insert, rows = _insertion(batch)
        with _as_os_errors(file):
            connection = self._connection(day)
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, rows)
                for cover in batch.covered:
                    _cover(connection, whose, cover)
                connection.execute("COMMIT")
            except BaseException:
                self._let_go()  # which takes back what is not committed
                raise
        self._due.add(day)

    def tidy(self, today: date) -> bool:
        """Make the file of a day that is over one by itself."""
        for day in sorted(self._due):
            if day < day_from(today):
                self._due.discard(day)  # what fails is not tried again before there is more in it
                if day == self._day:
                    self._let_go()
                with _reading(self._file(day), patience=0) as connection:
                    try:
                        connection.execute("PRAGMA journal_mode = DELETE")
                    except sqlite3.OperationalError as error:
                        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                            raise
                        self._due.add(day)  # somebody reads it: another time
                        continue
                return True
        return False

    def accounts(self) -> list[tuple[str, int]]:
        """Give whom there is anything of."""
        found: set[tuple[str, int]] = set()
        for table in ("covered", *KINDS):
            found.update(self._select(f"SELECT DISTINCT environment, account FROM {table}", ()))
        return sorted(found)

    def covered(self, environment: str, account_id: int, since: int = 0) -> dict[str, list[Span]]:
        """Give what the files say they cover."""
        spans: dict[str, list[Span]] = {}
        chosen = "SELECT stream, start, until FROM covered WHERE environment = ? AND account = ?"
        for stream, start, end in self._select(chosen, (environment, account_id), day_of(since)):
            spans.setdefault(stream, []).append((start, end))
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
        wanted = ["environment = ?", "account = ?", f"{table.time} >= ?", f"{table.time} < ?"]
        values: list[Any] = [environment, account_id, start, end]
        for name, value in (("symbol", symbol), ("period", period)):
            if value is not None and name in table.columns:
                wanted.append(f"{name} = ?")
                values.append(value)
        chosen = f"SELECT {', '.join(table.columns)} FROM {kind} WHERE {' AND '.join(wanted)}"
        found = list(self._select(chosen, values, day_of(start), day_of(end)))
        return {name: [row[place] for row in found] for place, name in enumerate(table.columns)}

    def _select(
        self, chosen: str, values: Sequence[Any], first: int = 0, last: int | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Give rows out of every file that is of ours."""
        for day, file in self._files():
            if first <= day and (last is None or day <= last):
                try:
                    with _reading(file) as connection:
                        made = connection.execute("PRAGMA application_id").fetchone()[0] == OURS
                        found = connection.execute(chosen, values).fetchall() if made else []
                except RecordingStoreError:
                    continue
                yield from found

    # Files

    def _file(self, day: int) -> Path:
        return self._path / f"{date_of(day).isoformat()}{_SUFFIX}"

    def _files(self) -> list[tuple[int, Path]]:
        found = []
        for file in sorted(self._path.glob(f"*{_SUFFIX}")):
            with suppress(ValueError):
                found.append((day_from(date.fromisoformat(file.stem)), file))
        return found

    def _connection(self, day: int) -> sqlite3.Connection:
        """Give the connection to a day's file, which is made if need be; another day's is closed.

        So is that of a file that somebody has removed or renamed: what would be written to it nobody would find.
        """
        file = self._file(day)
        if self._kept is not None and self._day == day and self._is_in_place(file):
            return self._kept
        self._let_go()
        connection = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            problem = _stranger(connection)
            if problem:
                raise RecordingStoreError(file, problem, _REMEDY)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _tables():
                connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._day, self._kept, self._state = day, connection, os.stat(file)
        return connection

    def _is_in_place(self, file: Path) -> bool:
        try:
            return self._state is not None and os.path.samestat(os.stat(file), self._state)
        except FileNotFoundError:
            return False

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
        self._day = self._kept = None


def _tables() -> Iterator[str]:
    """Give the statements that make the tables of a new file; nothing happens if they are there."""
    for kind in KINDS.values():
        columns = ", ".join(f"{name} {_TYPES[holds]}" for name, holds in kind.columns.items())
        yield f"CREATE TABLE IF NOT EXISTS {kind.name} (environment TEXT NOT NULL, account INTEGER NOT NULL, {columns})"
        order = ", ".join(kind.order)  # accounts are few: with them it would take twice the time to write
        yield f"CREATE INDEX IF NOT EXISTS {kind.name}_in_order ON {kind.name} ({order})"
    yield (
        "CREATE TABLE IF NOT EXISTS covered (environment TEXT NOT NULL, account INTEGER NOT NULL, "
        "stream TEXT NOT NULL, start INTEGER NOT NULL, until INTEGER NOT NULL, "
        "PRIMARY KEY (environment, account, stream, start)) WITHOUT ROWID"
    )
    yield f"PRAGMA application_id = {OURS}"
    yield f"PRAGMA user_version = {VERSION}"


def _insertion(batch: Batch) -> tuple[str, Iterator[tuple[Any, ...]]]:
    """Give the statement that inserts the rows of a batch, and the values for each; what all have alike is in it."""
    alike = {"environment": _literal(batch.environment), "account": str(int(batch.account_id))}
    columns = []
    for name in batch.table.columns:
        column = batch.columns[name]
        if isinstance(column, Coded) and len(column.texts) == 1:
            alike[name] = _literal(column.texts[0])
        else:
            alike[name] = "?"
            columns.append(listed(column))  # SQLite takes NaN for NULL
    insert = f"INSERT INTO {batch.kind} ({', '.join(alike)}) VALUES ({', '.join(alike.values())})"
    return insert, zip(*columns, strict=True)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _cover(connection: sqlite3.Connection, whose: tuple[str, int], cover: Cover) -> None:
    """Add a cover: with those that it touches it becomes one."""
    stream, start, end = cover
    where = "environment = ? AND account = ? AND stream = ? AND start <= ? AND until >= ?"
    values = (*whose, stream, end, start)
    spans = connection.execute(f"SELECT start, until FROM covered WHERE {where}", values).fetchall()
    ((start, end),) = united([(start, end), *spans])
    connection.execute(f"DELETE FROM covered WHERE {where}", values)
    connection.execute("INSERT INTO covered VALUES (?, ?, ?, ?, ?)", (*whose, stream, start, end))


def _stranger(connection: sqlite3.Connection) -> str:
    """Say why a file is not one of ours; empty if it is, or is empty."""
    asked = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    application, version, things = (connection.execute(each).fetchone()[0] for each in asked)
    if (application, version, things) == (0, 0, 0) or (application, version) == (OURS, VERSION):
        return ""
    if application == OURS:
        return f"has tables of version {version}, not {VERSION}"
    return "is not of the recorder"


@contextmanager
def _reading(file: Path, patience: float = _PATIENCE) -> Iterator[sqlite3.Connection]:
    """Give a connection to a file that is there.

    :raises RecordingStoreError: if it is not one of ours.
    :raises OSError: if it can't be read.
    """
    with _as_os_errors(file):
        uri = f"{file.absolute().as_uri()}?mode=rw"  # as far as it may be written: what a crash left is mended then
        with closing(sqlite3.connect(uri, timeout=patience, isolation_level=None, uri=True)) as connection:
            problem = _stranger(connection)
            if problem:
                raise RecordingStoreError(file, problem, _REMEDY)
            yield connection


@contextmanager
def _as_os_errors(file: Path) -> Iterator[None]:
    """Raise what SQLite says as OSError, or RecordingStoreError if it is no file of SQLite's."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise  # a mistake of ours
        if code == sqlite3.SQLITE_NOTADB:
            raise RecordingStoreError(file, "is no file of SQLite", _REMEDY) from error
        raise OSError(_CODES.get(code & 0xFF, errno.EIO), str(error), os.fspath(file)) from error


def _beside(file: Path) -> Path:
    """Give the name of a file's write-ahead log."""
    return file.with_name(f"{file.name}-wal")
