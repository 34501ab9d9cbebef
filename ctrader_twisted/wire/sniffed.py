"""The server's end of the protobuf port, which serves TCP and WebSocket alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.errors import TruncatedFrame
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.frames import MAX_FRAME
from ctrader_twisted.wire.int32 import Int32Wire
from ctrader_twisted.wire.websocket import ServerWebSocket

if TYPE_CHECKING:
    from ctrader_twisted.errors import ConnectionFailed, ProtocolError
    from ctrader_twisted.wire.envelope import Burst, Envelope
    from ctrader_twisted.wire.runs import SpotRun

_REQUEST = b"GET "  # as the length of a frame it would be 1.2 GB


class SniffedWire:
    """Becomes an `Int32Wire` or a `ServerWebSocket`, as the client's first four bytes say.

    :param max_frame: bytes that a message may have.
    :param compression: whether a WebSocket is compressed if the client offers it.
    """

    def __init__(self, max_frame: int = MAX_FRAME, *, compression: bool = False) -> None:
        self._max_frame = max_frame
        self._compression = compression
        self._wire: Int32Wire | ServerWebSocket | None = None
        self._first = b""
        self._kept: list[Envelope] = []

    @property
    def news(self) -> bool:
        """Whether something besides envelopes has happened."""
        return self._wire is not None and self._wire.news

    @news.setter
    def news(self, value: bool) -> None:
        if self._wire is not None:
            self._wire.news = value

    @property
    def open(self) -> bool:
        """Whether envelopes may be exchanged."""
        return self._wire is not None and self._wire.open

    @property
    def over(self) -> ConnectionFailed | None:
        """Why nothing more will come, in the wire's own words."""
        return None if self._wire is None else self._wire.over

    def begin(self) -> None:
        """Say nothing: the client begins."""

    def leave_spots_uncut(self, uncut: bool) -> None:
        """Cut them: a client sends none."""

    def receive(self, data: bytes) -> list[Envelope | Burst | SpotRun]:
        """Take bytes from the client and give every envelope they complete. Never raises: see `problems`."""
        if self._wire is None:
            data = self._first + data
            if len(data) < len(_REQUEST) and _REQUEST.startswith(data):
                self._first = data
                return []
            self._wire = self._chosen(data)
            self._wire.news = True
            for envelope in self._kept:
                self._wire.send(envelope)
            self._kept.clear()
        return self._wire.receive(data)

    def problems(self) -> list[ProtocolError]:
        """Give what could not be read since last asked; after one that is ``fatal`` nothing more will be."""
        return [] if self._wire is None else self._wire.problems()

    def send(self, envelope: Envelope) -> None:
        """Queue an envelope; it is kept until it is known how to send it."""
        if self._wire is None:
            self._kept.append(envelope)
        else:
            self._wire.send(envelope)

    def data_to_send(self) -> bytes:
        """Give every byte queued since last asked, in one piece."""
        return b"" if self._wire is None else self._wire.data_to_send()

    def close(self, code: int = 1000, reason: str = "") -> bool:
        """Queue a goodbye if this is a WebSocket; True if the client's is to be waited for."""
        return self._wire is not None and self._wire.close(code, reason)

    def end(self) -> ProtocolError | None:
        """Say what is missing if the stream ends now, or None if it ends cleanly."""
        if self._wire is None:
            return TruncatedFrame(len(self._first), None) if self._first else None
        return self._wire.end()

    def _chosen(self, data: bytes) -> Int32Wire | ServerWebSocket:
        if data.startswith(_REQUEST):
            return ServerWebSocket(Protobuf(), max_message=self._max_frame, compression=self._compression)
        return Int32Wire(self._max_frame)
