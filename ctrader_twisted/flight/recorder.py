"""The flight recorder: what a client says and hears, without its secrets, for later.

It is a client's tap (`ctrader_twisted.protocol.Tap`)::

    recorder = FlightRecorder("flight.jsonl")
    client = OpenApiClient(reactor, application, tap=recorder)

It never disturbs what it records: when it can't go on it says so once in the log and in `FlightRecorder.failure`.
"""

from __future__ import annotations

import errno
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from ctrader_twisted.errors import FrameTooLong, RecordingError, TruncatedFrame
from ctrader_twisted.flight import format
from ctrader_twisted.flight.format import Header, Way
from ctrader_twisted.flight.parts import Files, Memory
from ctrader_twisted.flight.redaction import BEARING, Redactor
from ctrader_twisted.wire.envelope import Burst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.flight.format import Entry
    from ctrader_twisted.wire.envelope import Envelope

MAX_BYTES: Final = 10_000_000
"""Bytes of one part unless told otherwise."""

PARTS: Final = 5
"""Parts that are kept unless told otherwise."""

_SIZE_AT_MOST: Final = 0xFF  # bytes of a payload in a run

_PROBLEMS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EAGAIN: "another program records there",
}

_log = Logger()


class FlightRecorder:
    """Records what is said over a client's connections.

    :param path: of the newest part; older ones get a number: ``flight.jsonl``, ``flight.1.jsonl``, … A recording that
        is there is continued. None: in memory, the last ``max_bytes`` of it; see `dump`.
    :param max_bytes: of a part.
    :param parts: how many are kept.
    :param redactor: takes the secrets out; give one that knows secrets which occur elsewhere than in messages made for
        them.

    :ivar failure: why nothing is recorded any more, or None.
    """

    def __init__(
        self,
        path: Path | str | None,
        *,
        max_bytes: int = MAX_BYTES,
        parts: int = PARTS,
        redactor: Redactor | None = None,
    ) -> None:
        if max_bytes < 1 or parts < 1:
            raise ValueError("max_bytes and parts must be at least 1")
        self.failure: str | None = None
        self._name = "memory" if path is None else str(path)
        self._package = _version()
        self._redactor = redactor or Redactor()
        self._connections: dict[tuple[RecorderTap | None, int], int] = {}
        self._last_connection = 0
        self._closed = False
        self._store: Files | Memory | None = None
        if path is None:
            self._store = Memory(max_bytes, self._header)
            return
        try:
            self._store = Files(Path(path), max_bytes, parts, self._header)
        except (OSError, RecordingError) as error:
            self._fail(error)

    def __repr__(self) -> str:
        state = "closed" if self._closed else self.failure or "recording"
        return f"<FlightRecorder {self._name}, {state}>"

    @property
    def recording(self) -> bool:
        """Whether what happens is recorded."""
        return self.failure is None and not self._closed

    # The tap

    def opened(self, connection: int, where: str, at: float) -> None:
        """A connection was made."""
        self._opened(None, connection, where, at)

    def sent(self, connection: int, envelopes: Sequence[Envelope], at: float) -> None:
        """Messages were sent."""
        self._said(None, connection, Way.OUT, envelopes, at)

    def received(self, connection: int, items: Sequence[Envelope | Burst], at: float) -> None:
        """Messages arrived."""
        self._said(None, connection, Way.IN, items, at)

    def unreadable(self, connection: int, error: ProtocolError, at: float) -> None:
        """Something arrived that can't be read."""
        self._unreadable(None, connection, error, at)

    def ended(self, connection: int, reason: str, at: float) -> None:
        """A connection ended."""
        self._ended(None, connection, reason, at)

    def failed(self, where: str, reason: str, at: float) -> None:
        """A connection could not be made."""
        text = self._redactor.text
        self._record(at, lambda: [format.failed_line(at, text(where), text(reason))])

    def tap(self) -> RecorderTap:
        """Give a tap for one more client: its connections get numbers of their own in the recording."""
        return RecorderTap(self)

    # Afterwards

    def entries(self) -> list[Entry]:
        """Give what is kept in memory.

        :raises ValueError: if it is kept in files.
        """
        return [format.parse(line) for line in self._in_memory().lines()]

    def dump(self, path: Path | str) -> None:
        """Write what is kept in memory to a file that only its owner can read, in place of what is there.

        :raises OSError: if it can't be written.
        :raises ValueError: if it is kept in files.
        """
        self._in_memory().dump(Path(path))

    def close(self) -> None:
        """Record nothing more, and bring what was recorded to the disk. What is in memory stays."""
        if not self._closed and self.failure is None and self._store is not None:
            try:
                self._store.close()
            except OSError as error:
                self._fail(error)
        self._closed = True

    # Inside

    def _opened(self, source: RecorderTap | None, connection: int, where: str, at: float) -> None:
        self._record(at, lambda: [format.opened_line(self._start(source, connection, at), self._redactor.text(where))])

    def _unreadable(self, source: RecorderTap | None, connection: int, error: ProtocolError, at: float) -> None:
        def lines() -> list[bytes]:
            expected = None
            if isinstance(error, TruncatedFrame):
                size, expected = error.received, error.expected
            else:
                size = error.announced if isinstance(error, FrameTooLong) else getattr(error, "size", 0)
            start, problem = self._start(source, connection, at), self._redactor.text(str(error))
            return [format.unreadable_line(start, type(error).__name__, size, problem, expected)]

        self._record(at, lines)

    def _ended(self, source: RecorderTap | None, connection: int, reason: str, at: float) -> None:
        def lines() -> list[bytes]:
            start = self._start(source, connection, at)
            self._connections.pop((source, connection), None)
            return [format.ended_line(start, self._redactor.text(reason))]

        self._record(at, lines)

    def _said(
        self, source: RecorderTap | None, connection: int, way: Way, items: Sequence[Envelope | Burst], at: float
    ) -> None:
        # As `_record` does; a busy market passes here.
        if self.failure is None and not self._closed and items:
            try:
                assert self._store is not None
                self._store.append(at, self._lines(self._start(source, connection, at), way, items))
            except Exception as error:
                self._fail(error)

    def _record(self, at: float, lines: Callable[[], list[bytes]]) -> None:
        """Write lines. Whatever goes wrong ends the recording and nothing else."""
        if not self.recording:
            return
        try:
            assert self._store is not None
            self._store.append(at, lines())
        except Exception as error:
            self._fail(error)

    def _lines(self, start: bytes, way: Way, items: Sequence[Envelope | Burst]) -> list[bytes]:
        lines: list[bytes] = []
        for item in items:
            if not isinstance(item, Burst):
                lines.append(self._line(start, way, *item))
            elif (line := self._run(start, way, item)) is not None:
                lines.append(line)
            else:
                lines.extend(self._line(start, way, *envelope) for envelope in item.envelopes())
        return lines

    def _start(self, source: RecorderTap | None, connection: int, at: float) -> bytes:
        number = self._connections.get((source, connection))
        if number is None:
            # Its own number, unless another client's connection has it.
            number = self._last_connection = max(connection, self._last_connection + 1)
            self._connections[source, connection] = number
        return format.start(at, number)

    def _line(self, start: bytes, way: Way, number: int, payload: bytes, key: str | None) -> bytes:
        redacted = self._redactor.payload(number, payload)  # first: the key may quote what it teaches
        if key is not None:
            key = self._redactor.text(key)
        if redacted is None:
            return format.withheld_line(start, way, number, len(payload), key)
        return format.message_line(start, way, number, redacted, key)

    def _run(self, start: bytes, way: Way, burst: Burst) -> bytes | None:
        """Give the line of a whole run; None if there may be something to replace."""
        number, payloads = burst
        sizes, joined = [*map(len, payloads)], b"".join(payloads)
        longest = max(sizes, default=0)
        if number in BEARING or longest > _SIZE_AT_MOST:
            return None
        if longest >= self._redactor.shortest and self._redactor.occurs_in(joined):
            return None
        return format.run_line(start, way, number, sizes, joined)

    def _header(self, at: float, part: int, dropped: int = 0) -> bytes:
        return format.header_line(Header(at, part, self._package, format.SCHEMA, dropped))

    def _in_memory(self) -> Memory:
        if not isinstance(self._store, Memory):
            raise ValueError(f"this recording is kept in {self._name}: read it there")
        return self._store

    def _fail(self, error: Exception) -> None:
        """Stop for good. What an unforeseen error says may hold a secret: its kind and place must do."""
        if isinstance(error, RecordingError):
            problem = error.problem
        elif isinstance(error, OSError):
            problem = _PROBLEMS.get(error.errno or 0) or error.strerror or type(error).__name__
        else:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = "" if trace is None else f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
            problem = f"{type(error).__name__}{place}"
        self.failure = problem
        if isinstance(self._store, Files):
            self._store.abandon()
        _log.error("the flight recorder of {path} stops: {problem}", path=self._name, problem=problem)


def _version() -> str:
    try:
        return version("ctrader_twisted")
    except PackageNotFoundError:  # run from its source, not installed
        return "unknown"


class RecorderTap:
    """The tap of one of several clients that share a recorder."""

    def __init__(self, recorder: FlightRecorder) -> None:
        self._recorder = recorder

    def opened(self, connection: int, where: str, at: float) -> None:
        """A connection was made."""
        self._recorder._opened(self, connection, where, at)

    def sent(self, connection: int, envelopes: Sequence[Envelope], at: float) -> None:
        """Messages were sent."""
        self._recorder._said(self, connection, Way.OUT, envelopes, at)

    def received(self, connection: int, items: Sequence[Envelope | Burst], at: float) -> None:
        """Messages arrived."""
        self._recorder._said(self, connection, Way.IN, items, at)

    def unreadable(self, connection: int, error: ProtocolError, at: float) -> None:
        """Something arrived that can't be read."""
        self._recorder._unreadable(self, connection, error, at)

    def ended(self, connection: int, reason: str, at: float) -> None:
        """A connection ended."""
        self._recorder._ended(self, connection, reason, at)

    def failed(self, where: str, reason: str, at: float) -> None:
        """A connection could not be made."""
        self._recorder.failed(where, reason, at)
