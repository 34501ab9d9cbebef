"""JSON Lines: one object a line, whole lines only, to a file or to stdout.

The promises a reader may rely on:

* A line is whole or absent. What a full disk lets through of a line is cut off again; what a crash left of the last
  line is dealt with when the file is opened next.
* What was not written is counted, never claimed: `JsonLinesWriter.written` and `.lost` add up to what was given.
* Nobody waits for a slow reader. Lines for a pipe wait in memory, within bounds; beyond them events are lost, and where
  they are missing a ``lost`` object says how many.

An output that failed (a full disk, a closed pipe) is over: its error is logged once and `on_failure` called.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import select
import stat
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IWriteDescriptor
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from twisted.internet.interfaces import IReactorFDSet
    from twisted.python.failure import Failure

try:
    import fcntl
except ImportError:  # Windows: nobody is kept from opening the file twice there
    fcntl = None  # type: ignore[assignment]

CAPACITY: Final = 8 * 2**20
"""Bytes that wait for a slow reader at most."""

# A pipe that poll calls writable takes this much without blocking, and takes it in one piece (POSIX).
_PIPE_CHUNK: Final = 4096
_FILE_CHUNK: Final = 2**20

_SAYINGS: Final[Mapping[int, str]] = {
    errno.EPIPE: "its reader has closed the pipe",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file may not grow any further",
}

_log = Logger()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} does not belong in an output")


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def encode(document: Mapping[str, object]) -> bytes:
    """Make one line of an object. Decimals become texts, exact and without exponents."""
    return _encoder.encode(document).encode("utf-8", "backslashreplace") + b"\n"


def open_for_appending(path: Path) -> int:
    """Open a file for a `JsonLinesWriter`, and deal with a half line that a crash left at its end.

    A half object of ours is cut off: it was never claimed written. Anything else is ended with a line feed.

    :raises OSError: if it can't be opened, or if another writer has it open (`BlockingIOError`).
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o640)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _mend(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _mend(descriptor: int, path: Path) -> None:
    size = os.fstat(descriptor).st_size
    start = _start_of_last_line(descriptor, size)
    if start == size:
        return
    os.lseek(descriptor, start, os.SEEK_SET)
    half = b""
    while len(half) < size - start:
        half += os.read(descriptor, size - start - len(half))
    if half.startswith(b'{"event":') and not _is_json(half):
        os.ftruncate(descriptor, start)
        _log.warn(
            "{path} ended in {size} bytes of a line that was never finished, left by a crash: they were cut off",
            path=str(path),
            size=len(half),
        )
    else:
        os.write(descriptor, b"\n")
        _log.warn("{path} ended in a line without its line feed: it was ended", path=str(path))


def _start_of_last_line(descriptor: int, size: int) -> int:
    """Find where the bytes after the last line feed begin."""
    end = size
    while end > 0:
        start = max(0, end - 65536)
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@implementer(IWriteDescriptor)
class JsonLinesWriter:
    """Writes objects as lines to a descriptor, which it owns and closes.

    :param descriptor: an open file, pipe, socket or terminal.
    :param name: what messages call it.
    :param reactor: told to say when a pipe can be written again; used only then.
    :param on_failure: called once with this writer if it can't go on.
    :param capacity: bytes that may wait for a slow reader.

    :ivar name: what messages call it.
    :ivar written: how many objects were given to the operating system whole.
    :ivar lost: how many were not, and never will be.
    :ivar failure: why it can't go on, or None.
    """

    def __init__(
        self,
        descriptor: int,
        name: str,
        reactor: IReactorFDSet,
        on_failure: Callable[[JsonLinesWriter], object],
        *,
        capacity: int = CAPACITY,
    ) -> None:
        self.name = name
        self.written: int = 0
        self.lost: int = 0
        self.failure: str | None = None
        self._descriptor = descriptor
        self._reactor = reactor
        self._on_failure = on_failure
        self._capacity = capacity
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._poll: Any = None
        if not self._is_file and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)
        self._lines: deque[tuple[bytes, int]] = deque()  # with how many given objects each stands for
        self._size = 0
        self._sent = 0  # bytes of the first line that are out already
        self._time: object = None  # of the last object given
        self._missing = 0  # objects lost since the last line that says so
        self._waiting = False
        self._closed = False
        self._drained: Deferred[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be written."""
        return self._closed or self.failure is not None

    def write(self, document: Mapping[str, object]) -> None:
        """Write one object: at once if the descriptor takes it, else when it does. Never raises for the descriptor."""
        if self.ended:
            self.lost += 1
            return
        self._time = document.get("time")
        if self._overfull():
            if not self._missing:
                _log.warn("{output}: its reader is too slow; events are lost from here on", output=self.name)
            self._missing += 1
            self.lost += 1
            return
        self._say_what_is_missing()
        self._append(encode(document), 1)
        if not self._waiting:
            self._flush()

    def close(self) -> Deferred[None]:
        """Take nothing more, write what waits, and close.

        :return: a Deferred that fires with None when that is done. A reader that does not read can hold it back:
            bound it, and `abandon` when the time is up.
        """
        done: Deferred[None] = Deferred()
        if self._closed:
            done.callback(None)
            return done
        if self.failure is None:
            self._say_what_is_missing()
        self._closed = True
        self._drained = done
        if not self._waiting:
            self._flush()
        self._finish_if_drained()
        return done

    def abandon(self) -> None:
        """Give up on what still waits, and close."""
        self._closed = True
        self._drop_what_waits()
        self._finish_if_drained()

    # What the reactor calls

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._descriptor

    def logPrefix(self) -> str:  # noqa: N802
        """Give the name for the reactor's messages."""
        return self.name

    def doWrite(self) -> None:  # noqa: N802
        """The descriptor can be written again."""
        self._flush()
        self._finish_if_drained()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor will not watch the descriptor any longer; the next write says why."""
        self._waiting = False
        self._flush()
        self._finish_if_drained()

    # Inside

    def _overfull(self) -> bool:
        """Whether there is no room; once there was none, half of it must be free before there is any again."""
        return self._size >= (self._capacity // 2 if self._missing else self._capacity)

    def _say_what_is_missing(self) -> None:
        if self._missing:
            lost = {"event": "lost", "time": self._time, "environment": None, "account": None, "count": self._missing}
            self._append(encode(lost), 0)
            _log.warn("{output}: {count} events were lost to a slow reader", output=self.name, count=self._missing)
            self._missing = 0

    def _append(self, line: bytes, objects: int) -> None:
        self._lines.append((line, objects))
        self._size += len(line)

    def _flush(self) -> None:
        """Write what waits until the descriptor takes no more."""
        while self._lines and self.failure is None:
            if self._poll is not None and not self._poll.poll(0):
                self._wait()
                return
            try:
                taken = os.write(self._descriptor, self._chunk())
            except BlockingIOError:
                self._wait()
                return
            except OSError as error:
                self._fail(error)
                return
            self._take_off(taken)
        self._stop_waiting()

    def _chunk(self) -> bytes:
        """Gather whole lines into one write; a line longer than what a pipe takes at once goes in pieces."""
        most = _FILE_CHUNK if self._is_file else _PIPE_CHUNK
        first = self._lines[0][0][self._sent :]
        if len(self._lines) == 1 or len(first) >= most:
            return first if self._is_file else first[:most]
        gathered, size = [first], len(first)
        for line, _ in itertools.islice(self._lines, 1, 1024):
            size += len(line)
            if size > most:
                break
            gathered.append(line)
        return b"".join(gathered)

    def _take_off(self, taken: int) -> None:
        self._size -= taken
        taken += self._sent
        while self._lines and taken >= len(self._lines[0][0]):
            line, objects = self._lines.popleft()
            taken -= len(line)
            self.written += objects
        self._sent = taken

    def _fail(self, error: OSError) -> None:
        if self._is_file and self._sent:
            self._cut_off_half_a_line()
        self.failure = _SAYINGS.get(error.errno or 0) or error.strerror or str(error)
        self._drop_what_waits()
        _log.error(
            "{output}: {problem}. {written} events were written, {lost} were not; nothing more is written there",
            output=self.name,
            problem=self.failure,
            written=self.written,
            lost=self.lost,
        )
        self._on_failure(self)

    def _cut_off_half_a_line(self) -> None:
        with contextlib.suppress(OSError):
            whole = os.lseek(self._descriptor, 0, os.SEEK_CUR) - self._sent
            os.ftruncate(self._descriptor, whole)
            os.lseek(self._descriptor, whole, os.SEEK_SET)

    def _drop_what_waits(self) -> None:
        self.lost += sum(objects for _, objects in self._lines)
        self._lines.clear()
        self._size = self._sent = 0
        self._stop_waiting()

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._reactor.addWriter(self)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._reactor.removeWriter(self)

    def _finish_if_drained(self) -> None:
        if not self._closed or self._lines or self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if self._is_file:
                os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                self.failure = self.failure or error.strerror or str(error)
                _log.error(
                    "{output}: {problem} on the way to the disk: what of its last events is there is not known",
                    output=self.name,
                    problem=self.failure,
                )
                self._on_failure(self)
        finally:
            os.close(descriptor)
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.callback(None)
