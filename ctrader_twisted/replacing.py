"""A file that is written beside another one, and takes its place when it is whole."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

TEMPORARY: Final = ".tmp"
"""What the name of a file that is being written ends with."""

_SAYINGS: Final[Mapping[int, str]] = {
    errno.ENOSPC: "the disk is full: make room on it",
    errno.EDQUOT: "the disk quota is used up: make room, or have it raised",
    errno.EROFS: "the file system is read-only: name a file on another one",
    errno.EACCES: "permission denied: name a file in a folder that you may write in",
    errno.EPERM: "not permitted: name a file in a folder that you may write in",
    errno.ENOENT: "its folder does not exist: make it, or name another file",
    errno.ENOTDIR: "its folder is not a folder: name another file",
    errno.EISDIR: "it is a folder: name a file in it",
}


def why(error: OSError) -> str:
    """Say why a file can't be written, and what to do about it."""
    return _SAYINGS.get(error.errno or 0, error.strerror or str(error))


def refuse_special(path: Path) -> None:
    """Refuse what can't be replaced by a file: a folder, a pipe, a device. Opened, a pipe may wait for ever.

    :raises OSError: if it is one.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no ordinary file: name another one")


class Replacing:
    """Writes a file beside another one. A process that is killed leaves the old file, or the new one.

    :param path: the file.
    :param meanwhile: the name under which it is written, on the same file system; beside it if none is given.
    :ivar file: where to write.
    :raises OSError: if it can't be made.
    """

    def __init__(self, path: Path, meanwhile: Path | None = None) -> None:
        self._target = os.path.realpath(path)  # a symbolic link stays one
        self._temporary = self._target + TEMPORARY if meanwhile is None else os.fspath(meanwhile)
        self.file: BinaryIO = open(self._temporary, "wb")  # noqa: SIM115  # closed by either end

    def commit(self) -> None:
        """Put it in the other one's place; it survives a power cut then.

        :raises OSError: if that fails; then the other one is as it was.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            with suppress(OSError):
                os.chmod(self._temporary, os.stat(self._target).st_mode & 0o7777)
            os.replace(self._temporary, self._target)
        except OSError:
            self.abandon()
            raise
        flush_folder(os.path.dirname(self._target))

    def abandon(self) -> None:
        """Leave the other one as it is."""
        with suppress(OSError):
            self.file.close()
        with suppress(OSError):
            os.unlink(self._temporary)


def replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a small file at once.

    :raises OSError: if that fails; then the one before is as it was.
    """
    replacing = Replacing(path)
    try:
        write(replacing.file)
    except BaseException:
        replacing.abandon()
        raise
    replacing.commit()


def flush_folder(folder: str) -> None:
    """Let a new name in a folder survive a power cut, where that can be."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
