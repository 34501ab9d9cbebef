"""The right to write into a folder: one store at a time, of this process or another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import filelock

from ctrader_twisted.errors import RecordingStoreError

if TYPE_CHECKING:
    from pathlib import Path

LOCK: Final = ".lock"
"""The file that is locked, in the folder."""


class Hold:
    """A hold of a folder. Whoever is killed lets go of it, too.

    :param path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken: os.stat_result | None = None
        self._lock = filelock.FileLock(path / LOCK, thread_local=False)

    @property
    def held(self) -> bool:
        """Whether it is held here."""
        return self._taken is not None

    def take(self) -> None:
        """Take it; the folder is made if need be.

        :raises RecordingStoreError: if somebody else has it, or it is no folder.
        :raises OSError: if it can't be made.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise RecordingStoreError(self._path, "is not a folder", "give another one to record to") from None
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise RecordingStoreError(
                self._path, "is being recorded to by another process", "end that one, or give another folder"
            ) from None
        self._taken = os.stat(self._path / LOCK)

    def keep(self) -> bool:
        """Take it again if somebody has removed the folder: the hold of what is gone keeps nobody out.

        :return: whether it was there all the time.
        :raises ValueError: if it is not held.
        :raises RecordingStoreError: as `take` does; then it can be tried again.
        :raises OSError: likewise.
        """
        if self._taken is None:
            raise ValueError(f"{self._path} is not open")
        try:
            if os.path.samestat(os.stat(self._path / LOCK), self._taken):
                return True
        except FileNotFoundError:
            pass
        self._lock.release()
        self.take()
        return False

    def release(self) -> None:
        """Let go of it; nothing if it is not held."""
        self._taken = None
        self._lock.release()
