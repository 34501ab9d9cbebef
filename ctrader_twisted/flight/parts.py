"""Where a recording is kept: in files that are rotated, or in memory."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import deque
from typing import TYPE_CHECKING

from ctrader_twisted.errors import RecordingError
from ctrader_twisted.flight import format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody is kept from recording into the same file twice there
    fcntl = None  # type: ignore[assignment]

_SPAN = 65536  # bytes that are read at once, in search of the last line
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def numbered(path: Path, number: int) -> Path:
    """Give the name of an older part: ``flight.jsonl`` is 0, ``flight.1.jsonl`` the part before it, and so on."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}") if number else path


class Files:
    """Parts in files that only their owner can read; nothing waits in memory.

    :param path: of the part that is written.
    :param max_bytes: a part's size at most, unless a single line is longer.
    :param parts: how many are kept, the one that is written included.
    :param header: gives a header line, given the time and the number of the part.
    :raises OSError: if the file can't be opened, or another program records there (`BlockingIOError`).
    :raises RecordingError: if something else than a recording is there.
    """

    def __init__(self, path: Path, max_bytes: int, parts: int, header: Callable[[float, int], bytes]) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._parts = parts
        self._header = header
        self._part = 0
        self._begun = 0  # bytes up to the end of this part's header; 0 until it is written
        self._size = 0
        self._descriptor = -1
        self._refuse_what_is_no_part()
        self._open()

    def append(self, at: float, lines: list[bytes]) -> None:
        """Write lines, in one go unless a part ends between them.

        :raises OSError: if they could not be written. Nothing of the line that failed is left in the file.
        """
        data = b"".join(lines)
        if self._begun and self._size + len(data) <= self._max_bytes:
            self._write(data)
            return
        for line in lines:
            if self._size > self._begun and self._size + len(line) > self._max_bytes:
                self._rotate()
            if not self._begun:
                self._part += 1
                self._write(self._header(at, self._part))
                self._begun = self._size
            self._write(line)

    def close(self) -> None:
        """Bring what was written to the disk, and close.

        :raises OSError: if it can't be brought there.
        """
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def abandon(self) -> None:
        """Close, whatever becomes of what was written."""
        with contextlib.suppress(OSError):
            self.close()

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _FLAGS
        descriptor = os.open(self._path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RecordingError(self._path, "", "it is no regular file")
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(descriptor).st_size
            if size and os.read(descriptor, len(format.MARK)) != format.MARK:
                raise RecordingError(self._path, "", "what is there is no recording; give another file")
            os.chmod(self._path, 0o600)
            end = _end_of_last_line(descriptor, size)
            if end < size:
                os.ftruncate(descriptor, end)  # half a line, left by a crash
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._size, self._begun = descriptor, end, 0

    def _refuse_what_is_no_part(self) -> None:
        """See that no file of somebody else has the name of an older part, which will be renamed and deleted."""
        number = 1
        while (part := numbered(self._path, number)).exists() or number < self._parts:
            if part.exists() and not _is_recording(part):
                raise RecordingError(part, "", f"{part.name} is no recording; move it away, or give another file")
            number += 1

    def _rotate(self) -> None:
        self._refuse_what_is_no_part()
        os.close(self._descriptor)
        self._descriptor = -1
        number = self._parts
        while (stale := numbered(self._path, number)).exists():  # of a time when more were kept
            stale.unlink()
            number += 1
        for number in reversed(range(1, self._parts)):
            with contextlib.suppress(FileNotFoundError):
                numbered(self._path, number - 1).replace(numbered(self._path, number))
        if self._parts == 1:
            self._path.unlink()
        self._open()

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._descriptor, data)
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)


def _is_recording(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(format.MARK)) in (b"", format.MARK)


def _end_of_last_line(descriptor: int, size: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - _SPAN)
        os.lseek(descriptor, begin, os.SEEK_SET)
        found = os.read(descriptor, end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


class Memory:
    """The last lines, as many as fit.

    :param max_bytes: their size at most.

    :ivar dropped: how many others were given up.
    """

    def __init__(self, max_bytes: int, header: Callable[[float, int, int], bytes]) -> None:
        self.dropped: int = 0
        self._max_bytes = max_bytes
        self._header = header
        self._size = 0
        self._lines: deque[tuple[float, bytes]] = deque()

    def append(self, at: float, lines: list[bytes]) -> None:
        """Keep lines, and give up the oldest for them."""
        for line in lines:
            self._lines.append((at, line))
            self._size += len(line)
        while self._size > self._max_bytes:
            self._size -= len(self._lines.popleft()[1])
            self.dropped += 1

    def lines(self) -> Iterator[bytes]:
        """Give what is kept, behind a header."""
        if self._lines:
            yield self._header(self._lines[0][0], 1, self.dropped)
            for _, line in self._lines:
                yield line

    def dump(self, path: Path) -> None:
        """Write what is kept to a file that only its owner can read, in place of what is there.

        :raises OSError: if it can't be written.
        """
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600), "wb") as file:
            os.chmod(path, 0o600)
            file.writelines(self.lines())

    def close(self) -> None:
        """Keep what is there."""
