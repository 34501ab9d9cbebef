"""Where grants are kept: the interface, a file, memory."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final, Protocol

import filelock
from twisted.internet.defer import Deferred, DeferredLock, execute
from twisted.internet.task import deferLater

from ctrader_twisted.errors import TokenStoreError
from ctrader_twisted.tokens import document as documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from twisted.internet.interfaces import IReactorTime

    from ctrader_twisted.tokens.document import Document
    from ctrader_twisted.tokens.grant import Grant


class TokenStore(Protocol):
    """Where grants are kept. An application may bring its own: a database, a keyring.

    Each Deferred fails with `TokenStoreError` if the store can't do what is asked.
    """

    def load(self) -> Deferred[dict[str, Grant]]:
        """Read every grant; fires with them, by name."""
        ...

    def save(self, grant: Grant) -> Deferred[None]:
        """Keep a grant in place of the one of its name; fires when it would survive a power cut."""
        ...

    def remove(self, name: str) -> Deferred[None]:
        """Forget a grant, if there is one of this name."""
        ...

    def check_writable(self) -> Deferred[None]:
        """Find out whether `save` would work, by doing what it does; asked before a refresh token is spent."""
        ...

    def lock(self, timeout: float) -> Deferred[Callable[[], None]]:
        """Keep every other process, and every other store object, from changing grants.

        :param timeout: how long to wait for whoever has the lock, in seconds.
        :return: fires with what releases it; calling that again does nothing. The lock of a process that is killed
            has to be released without its doing.
        """
        ...


class MemoryTokenStore:
    """Grants in memory, for a program that has its tokens from elsewhere. They end with the process.

    :param unwritable: what to answer when asked whether a refreshed pair could be kept; None to keep it in memory.
    """

    def __init__(self, grants: Iterable[Grant] = (), *, unwritable: TokenStoreError | None = None) -> None:
        self._grants = {grant.name: grant for grant in grants}
        self._unwritable = unwritable
        self._lock = DeferredLock()

    def load(self) -> Deferred[dict[str, Grant]]:
        """Give every grant, by name."""
        return execute(dict, self._grants)

    def save(self, grant: Grant) -> Deferred[None]:
        """Keep a grant."""
        return execute(self._grants.__setitem__, grant.name, grant)

    def remove(self, name: str) -> Deferred[None]:
        """Forget a grant."""
        return execute(self._remove, name)

    def check_writable(self) -> Deferred[None]:
        """Fail as asked for."""
        return execute(self._check)

    def lock(self, timeout: float) -> Deferred[Callable[[], None]]:
        """Wait for the lock. There is no other process to wait for, so the time is not limited."""
        return Deferred.fromCoroutine(self._locked())

    def _remove(self, name: str) -> None:
        self._grants.pop(name, None)

    def _check(self) -> None:
        if self._unwritable is not None:
            raise self._unwritable

    async def _locked(self) -> Callable[[], None]:
        await self._lock.acquire()
        held = [self._lock]

        def release() -> None:
            if held:
                held.pop().release()

        return release


_LOCK_POLL: Final = 0.1
_LOCK_TIMEOUT: Final = 30.0  # seconds, for a change made without holding the lock
_SPARE: Final = 4096  # bytes by which the next document may be longer than this one
_MOST: Final = 16 * 2**20
_OTHERS: Final = 0o077
_OPEN_TO_ALL: Final = "its file system keeps nobody out: every file on it can be read by all"
_TEMPORARY: Final = ".tmp"

_SAYINGS: Final[Mapping[int, tuple[str, str]]] = {
    errno.ENOSPC: ("the disk is full", "Make room on it"),
    errno.EDQUOT: ("the disk quota is used up", "Make room, or have the quota raised"),
    errno.EROFS: ("the file system is read-only", "Keep the tokens on one that can be written"),
    errno.EACCES: ("permission denied", "Let this program's user read and write the file, and write in its folder"),
    errno.EPERM: ("not permitted", "Let this program's user read and write the file, and write in its folder"),
    errno.ENOENT: ("its folder does not exist", "Make the folder, or name another file"),
    errno.ENOTDIR: ("its folder is not a folder", "Name another file"),
    errno.EISDIR: ("it is a folder", "Name a file in it"),
    errno.ELOOP: ("its symbolic links go round in a circle", "Name another file"),
    errno.EBUSY: ("it can't be replaced, as it is mounted by itself", "Mount the folder it is in instead of the file"),
    errno.EIO: ("the disk failed", "Keep the tokens on another one"),
}


class FileTokenStore:
    """Grants in a file of JSON that only its owner may read.

    It is replaced as a whole: a reader, or a process that comes after one that was killed, finds the old or the new
    one. Whoever takes the lock finishes what a killed process had written but not put in place. Reading and writing are
    done in the calling turn of the reactor. A change made through an object that holds the lock is made at once; any
    other waits for the lock first.

    :param path: the file. A symbolic link stays one: what it points to is replaced.
    :param clock: for waiting for the lock.

    :ivar path: the file, from the root.
    """

    def __init__(self, path: str | Path, clock: IReactorTime) -> None:
        self.path: str = os.path.abspath(path)
        self._clock = clock
        self._held = False

    def __repr__(self) -> str:
        return f"<FileTokenStore {self.path}>"

    def load(self) -> Deferred[dict[str, Grant]]:
        """Read every grant; none if there is no such file.

        :return: fails with `TokenStoreError` if others may read the file, too, or if it is malformed.
        """
        return execute(self._load)

    def save(self, grant: Grant) -> Deferred[None]:
        """Keep a grant in place of the one of its name."""
        return self._change(lambda document: documents.with_grant(document, grant))

    def remove(self, name: str) -> Deferred[None]:
        """Forget a grant."""
        return self._change(lambda document: documents.without_grant(document, name))

    def check_writable(self) -> Deferred[None]:
        """Write, flush and remove a temporary file a little longer than the file; then replace the file by a copy."""
        return self._locked(self._check)

    def lock(self, timeout: float) -> Deferred[Callable[[], None]]:
        """Lock ``<file>.lock``. The operating system releases it when this process ends, however it ends."""
        return Deferred.fromCoroutine(self._lock(timeout))

    # Reading

    def _load(self) -> dict[str, Grant]:
        document = self._read(self._target())
        return {} if document is None else documents.grants_of(document)

    def _target(self) -> str:
        return os.path.realpath(self.path)

    def _read(self, target: str) -> Document | None:
        """Read the file; None if there is none."""
        try:
            text = self._bytes(target)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error) from None
        try:
            return documents.parse(text)
        except documents.Unreadable as unreadable:
            place = f"{unreadable.place}: " if unreadable.place else ""
            raise TokenStoreError(self.path, f"{place}{unreadable.problem}", unreadable.remedy) from None

    def _bytes(self, target: str) -> bytes:
        # O_NONBLOCK: a named pipe must not hold up the reactor.
        descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(status.st_mode):
                raise TokenStoreError(self.path, "it is not a plain file", "Name another file")
            if os.name == "posix" and status.st_mode & _OTHERS:
                mode = stat.S_IMODE(status.st_mode)
                raise TokenStoreError(
                    self.path, f"others than its owner may use it (its mode is {mode:04o})", f"chmod 600 {self.path}"
                )
            if status.st_size > _MOST:
                raise TokenStoreError(self.path, "it is too long to be a token store", "Name another file")
            parts = []
            while part := os.read(descriptor, _MOST):
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    # Writing

    def _change(self, change: Callable[[Document], Document]) -> Deferred[None]:
        return self._locked(lambda: self._rewrite(change))

    def _locked(self, act: Callable[[], None]) -> Deferred[None]:
        """Act at once if this object holds the lock, else as soon as it does."""
        return execute(act) if self._held else Deferred.fromCoroutine(self._with_lock(act))

    async def _with_lock(self, act: Callable[[], None]) -> None:
        release = await self._lock(_LOCK_TIMEOUT)
        try:
            act()
        finally:
            release()

    def _rewrite(self, change: Callable[[Document], Document]) -> None:
        target = self._target()
        document = self._read(target)
        text = documents.text_of(change(documents.empty() if document is None else document))
        try:
            self._replace(target, text)
        except OSError as error:
            raise self._error(error) from None

    def _check(self) -> None:
        target = self._target()
        document = self._read(target)
        try:
            size = 0 if document is None else os.stat(target).st_size
            os.unlink(self._temporary(target, b" " * (size + _SPARE)))
            if document is not None:
                self._replace(target, self._bytes(target))
        except OSError as error:
            raise self._error(error) from None

    def _replace(self, target: str, text: bytes) -> None:
        temporary = self._temporary(target, text)
        try:
            os.replace(temporary, target)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(os.path.dirname(target))

    def _temporary(self, target: str, text: bytes) -> str:
        """Write a file beside the target, and give its name."""
        name = f"{target}{_TEMPORARY}"
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            try:
                _keep_owner(descriptor, target)
                if os.name == "posix" and os.fstat(descriptor).st_mode & _OTHERS:
                    raise OSError(errno.EPERM, _OPEN_TO_ALL)
                left = memoryview(text)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
                _not_older(name, target)
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        return name

    def _error(self, error: OSError, where: str | None = None) -> TokenStoreError:
        if error.strerror == _OPEN_TO_ALL:
            return TokenStoreError(self.path, _OPEN_TO_ALL, "Keep the tokens on another file system")
        unknown = (error.strerror or type(error).__name__, "See to the file and its folder")
        problem, remedy = _SAYINGS.get(error.errno or 0, unknown)
        return TokenStoreError(where or self.path, problem, remedy)

    # Locking

    async def _lock(self, timeout: float) -> Callable[[], None]:
        target = self._target()
        if not os.path.isdir(os.path.dirname(target)):
            raise self._error(FileNotFoundError(errno.ENOENT, ""))
        # A lock of its own for each who asks: flock then excludes this process's other stores as it does other
        # processes. Not bound to a thread, as the reactor's may be any.
        lock = filelock.FileLock(f"{target}.lock", mode=0o600, thread_local=False)
        until = self._clock.seconds() + timeout
        while not self._try(lock):
            if self._clock.seconds() >= until:
                raise TokenStoreError(
                    self.path,
                    f"another program has held its lock ({os.path.basename(lock.lock_file)}) for {timeout:g} s",
                    "See which programs use the file; one that can't save its tokens says so in its log, and why",
                )
            await deferLater(self._clock, _LOCK_POLL)
        try:
            _keep_owner(lock.lock_file, target)
            self._finish_what_was_left(target)
        except BaseException:
            lock.release()
            raise
        self._held = True

        def release() -> None:
            if lock.is_locked:
                self._held = False
                lock.release()

        return release

    def _finish_what_was_left(self, target: str) -> None:
        """Put in place what a killed process had written whole, its tokens may be nowhere else; clear what it had not.

        The lock is held: no living process is at it. Whoever changed or removed the file since has the last word.
        """
        name = f"{target}{_TEMPORARY}"
        if not os.path.lexists(name):
            return
        try:
            if self._is_whole_and_newer(name, target):
                _flush(name, os.O_RDWR)
                os.replace(name, target)
                _flush_folder(os.path.dirname(target))
            else:
                os.unlink(name)
        except OSError as error:
            raise self._error(error) from None

    def _is_whole_and_newer(self, name: str, target: str) -> bool:
        left = os.lstat(name)
        if not (stat.S_ISREG(left.st_mode) and os.path.isfile(target)):
            return False
        if left.st_mtime_ns < os.stat(target).st_mtime_ns:
            return False
        try:
            documents.parse(self._bytes(name))
        except (TokenStoreError, documents.Unreadable):
            return False
        return True

    def _try(self, lock: filelock.BaseFileLock) -> bool:
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        except OSError as error:
            raise self._error(error, lock.lock_file) from None
        except NotImplementedError:
            raise TokenStoreError(
                self.path, "its file system has no locks", "Keep the tokens on one that has"
            ) from None
        return True


def _keep_owner(made: int | str, target: str) -> None:
    """Let what the superuser makes beside somebody's file, or in somebody's folder, be theirs."""
    if os.name != "posix" or os.geteuid() != 0:
        return
    try:
        status = os.stat(target)
    except FileNotFoundError:
        status = os.stat(os.path.dirname(target))
    if (status.st_uid, status.st_gid) != (0, 0):
        os.chown(made, status.st_uid, status.st_gid)


def _not_older(name: str, target: str) -> None:
    """Date a file not before the one that it is to replace, though the clock was set back in between.

    Whoever finds both tells by that which is the newer one.
    """
    with contextlib.suppress(FileNotFoundError):
        before = os.stat(target).st_mtime_ns
        if os.stat(name).st_mtime_ns < before:
            os.utime(name, ns=(before, before))


def _flush_folder(folder: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows: a folder can't be opened there
        return
    try:
        _flush(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise


def _flush(path: str, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
