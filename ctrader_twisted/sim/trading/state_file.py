"""The file that keeps a venue's state: locked by the venue that writes it, replaced as a whole, written quickly.

A venue that has traded long has a long past, and a past does not change: each row of it is put into JSON once, so that
saving costs what is new and the writing of the file.
"""

from __future__ import annotations

import json
import os
import typing
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import filelock

from ctrader_twisted.sim.trading.entities import CLOSED, Position
from ctrader_twisted.sim.trading.state import (
    StateError,
    columns_of,
    past_of,
    plain_rows,
    save_account,
    save_venue,
    times_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from ctrader_twisted.sim.venue import Venue

_AT_ONCE: Final = 1000
"""Rows that are put into one text."""


class StateInUse(Exception):
    """Another venue keeps its state in the same file."""


class StateFile:
    """A file of state, only for its owner's eyes.

    :param path: the file. Beside it stands its lock, with ``.lock`` behind its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = filelock.FileLock(f"{path}.lock", mode=0o600, thread_local=False)
        self._past: dict[tuple[int, str], _Past] = {}

    def take(self) -> None:
        """Keep other venues from the file, until `release`; whoever is killed releases it, too.

        :raises StateInUse: if another one has it.
        :raises OSError: if the lock can't be made.
        """
        self._path.parent.stat()  # the lock would make the folder
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise StateInUse(f"another venue that runs keeps its state in {self._path}") from None

    def release(self) -> None:
        """Let other venues have the file; nothing if it is not taken."""
        self._lock.release()

    def write(self, venue: Venue) -> None:
        """Write the state of a venue, always the same one: all of it or nothing, whatever happens meanwhile.

        :raises OSError: if it can't be written; the file is then what it was.
        """
        write_texts(self._path, self._document(venue))

    def _document(self, venue: Venue) -> Iterable[str]:
        """Give the texts that the state is made of, one after the other."""
        yield f'{_json(save_venue(venue))[:-1]},"accounts":['
        for number, account_id in enumerate(venue.registry.accounts):
            yield f"{',' if number else ''}{_json(save_account(venue, account_id))[:-1]}"
            for name, rows in past_of(venue, account_id).items():
                yield f',"{name}":'
                yield from self._past.setdefault((account_id, name), _Past()).table(rows)
            yield "}"
        yield "]}"


class _Past:
    """A table whose rows are written down once they are finished.

    :ivar _written: the rows from the beginning on that are, as texts of JSON.
    :ivar _count: how many rows these are.
    """

    def __init__(self) -> None:
        self._written: list[str] = []
        self._count = 0

    def table(self, rows: Collection[Any]) -> Iterable[str]:
        """Give the texts of a table.

        :param rows: those of the last time, and more behind them.
        """
        if not rows:
            yield '{"columns":[],"rows":[]}'
            return
        yield f'{{"columns":{_json(columns_of(next(iter(rows))))},"rows":['
        fresh = list(islice(rows, self._count, None))
        finished = next((number for number, row in enumerate(fresh) if not _is_final(row)), len(fresh))
        for first in range(0, finished, _AT_ONCE):
            some = fresh[first : min(first + _AT_ONCE, finished)]
            self._written.append(f"{',' if self._count else ''}{_json(plain_rows(some))[1:-1]}")
            self._count += len(some)
        yield from self._written
        if finished < len(fresh):
            yield f"{',' if self._count else ''}{_json(plain_rows(fresh[finished:]))[1:-1]}"
        yield "]}"


def _is_final(row: Any) -> bool:
    """Say whether a row of the past stays as it is: an emptied position is told to be closed a little later."""
    return not isinstance(row, Position) or row.status == CLOSED


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def write_texts(path: Path, texts: Iterable[str]) -> None:
    """Write texts to a file that only its owner can read: all of them or nothing, whatever happens meanwhile.

    :raises OSError: if it can't be written; the file is then what it was.
    """
    beside = path.with_name(path.name + ".new")
    try:
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.writelines(texts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def read_file(path: Path) -> dict[str, Any] | None:
    """Read what a `StateFile` wrote; None if there is no such file.

    :raises OSError: if it can't be read.
    :raises StateError: if it is not the state of a venue.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = json.loads(data)
    except ValueError as error:
        raise StateError(f"it is not JSON ({error})") from None
    times_of(state)
    return typing.cast("dict[str, Any]", state)
