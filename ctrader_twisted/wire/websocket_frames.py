"""What both ends of a WebSocket have in common: frames in, frames out, pings and goodbyes.

wsproto knows the rules of RFC 6455 and RFC 7692. Nearly every message a server sends is one plain frame; those are cut
out here, as many as a chunk holds. Every other frame goes to wsproto: control frames, fragments, what is compressed,
and what breaks a rule.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, RejectConnection, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError

from ctrader_twisted.errors import (
    FrameTooLong,
    TruncatedFrame,
    UndecodableEnvelope,
    WebSocketClosed,
    WebSocketViolation,
)
from ctrader_twisted.wire.deflate import Deflate

if TYPE_CHECKING:
    from ctrader_twisted.errors import ConnectionFailed, ProtocolError
    from ctrader_twisted.wire.envelope import Burst, Envelope
    from ctrader_twisted.wire.runs import SpotRun
    from ctrader_twisted.wire.verbs import Encoding

MAX_HEAD = 16_384
"""Bytes that the head of a request or of its answer may have."""

_SLICE = 16_384  # bytes that wsproto gets at once: none of them can become more than 16 MB when decompressed
_LONGEST_CONTROL = 125
_BLANK_LINE = re.compile(rb"\n\r?\n")


class WebSocket:
    """What both ends have in common.

    A whole message of the wrong kind, such as a binary one where JSON is spoken, is an `UndecodableEnvelope` and costs
    its neighbours nothing.
    """

    _peer: str

    def __init__(
        self, role: ConnectionType, encoding: Encoding, where: str, max_message: int, compression: bool
    ) -> None:
        self.news: bool = False
        self.open: bool = False
        self.over: ConnectionFailed | None = None
        self._ws = WSConnection(role)
        self._encoding = encoding
        self._where = where
        self._max_message = max_message
        self._deflate = Deflate() if compression else None
        # The first byte of a message in one frame that is not compressed. A client's frames are masked: no such frame.
        self._plain = (0x81 if encoding.text else 0x82) if role is ConnectionType.CLIENT else -1
        self._held = bytearray()  # the beginning of a handshake or a frame
        self._wanted = 0  # bytes that it has to have before it is looked at again
        self._frame = 0  # bytes of the frame that wsproto is reading
        self._missing = 0  # how many of them it has not got yet
        self._message = bytearray()  # as much of a message as wsproto has given
        self._in_message = False
        self._mute = False  # nothing more will be said
        self._deaf = False  # nothing more will be heard
        self._kept: list[Envelope] = []
        self._outgoing: list[bytes] = []
        self._problems: list[ProtocolError] = []

    # The verbs

    def begin(self) -> None:
        """Say nothing: the client begins."""

    def leave_spots_uncut(self, uncut: bool) -> None:
        """Cut them: each comes in a message of its own."""

    def receive(self, data: bytes) -> list[Envelope | Burst | SpotRun]:
        """Take bytes from the peer and give every envelope they complete, runs kept together. Never raises:
        see `problems` and ``over``.
        """
        arrived: list[Envelope | Burst | SpotRun] = []
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return arrived
            data = bytes(self._held)
            self._held.clear()
        start = 0
        while start < len(data) and not self._deaf:
            if not self.open:
                start = self._shake(data, start)
            elif self._missing:
                start = self._pass_on(data, start, arrived)
            else:
                start = self._cut(data, start, arrived)
        return arrived

    def problems(self) -> list[ProtocolError]:
        """Give what could not be read since last asked; after one that is ``fatal`` nothing more will be."""
        if not self._problems:
            return []
        problems, self._problems = self._problems, []
        return problems

    def send(self, envelope: Envelope) -> None:
        """Queue an envelope for `data_to_send`, as soon as the wire is open. After `close` it is dropped."""
        if self._mute:
            return
        if self.open:
            self._outgoing.append(self._pack(self._encoding.encode(envelope)))
        else:
            self._kept.append(envelope)

    def data_to_send(self) -> bytes:
        """Give every byte queued since last asked, in one piece."""
        if not self._outgoing:
            return b""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def close(self, code: int = 1000, reason: str = "") -> bool:
        """Queue a goodbye; nothing is sent after it, not even the answer to a ping.

        :param reason: at most 123 bytes of it are sent.
        :returns: whether the peer's goodbye is to be waited for: when it is there, ``over`` is set.
        """
        waiting = self.open and not self._mute
        if waiting:
            goodbye = CloseConnection(code, reason.encode(errors="replace").decode())
            self._outgoing.append(self._ws.send(goodbye))
        self._mute = True
        return waiting

    def end(self) -> ProtocolError | None:
        """Say what is missing if the stream ends now, or None if it ends cleanly. A handshake that is not finished
        then sets ``over``.
        """
        if self._deaf:
            return None
        if not self.open:
            self._cut_short()
            return None
        if self._missing:
            return TruncatedFrame(self._frame - self._missing, self._frame)
        if self._held:
            header, size = _measure(self._held, 0)
            return TruncatedFrame(len(self._held), header + size if len(self._held) >= header else None)
        if self._in_message:
            return TruncatedFrame(len(self._message), None)
        return None

    # The handshake

    def _shake(self, data: bytes, start: int) -> int:
        """Take what belongs to the handshake and begins here; give where it ends."""
        raise NotImplementedError

    def _cut_short(self) -> None:
        """The stream ended before the handshake did."""
        raise NotImplementedError

    def _head(self, data: bytes, start: int) -> bytes | None:
        """Give the head of the request or the answer that begins here; None, and keep it, if it is not whole yet.

        :raises RemoteProtocolError: if it is too long.
        """
        end = _BLANK_LINE.search(data, start)
        if (end.end() if end else len(data)) - start > MAX_HEAD:
            raise RemoteProtocolError(f"its head has more than {MAX_HEAD} bytes", RejectConnection(status_code=431))
        if end is not None:
            return data[start : end.end()]
        self._hold(data, start, 0)
        return None

    def _opened(self) -> None:
        self.open = self.news = True
        kept, self._kept = self._kept, []
        for envelope in kept:
            self.send(envelope)

    # Frames

    def _hold(self, data: bytes, start: int, wanted: int) -> int:
        self._held += data[start:]
        self._wanted = wanted
        return len(data)

    def _cut(self, data: bytes, start: int, arrived: list[Envelope | Burst | SpotRun]) -> int:
        """Take the plain messages that begin here; keep what is not whole, and leave what is not plain to wsproto.
        Give how far.
        """
        plain = -1 if self._in_message else self._plain
        most = self._max_message
        take, problems = self._encoding.take, self._problems
        end = len(data)
        last = end - 4  # where the shortest frame that can hold an envelope begins, at the latest
        while start <= last and data[start] == plain:  # nearly everything a server sends passes here
            size = data[start + 1]
            begin = start + 2
            if size > 125:
                if size > 126:
                    break
                begin = start + 4
                size = data[start + 2] << 8 | data[start + 3]
                if size < 126:
                    break
            stop = begin + size
            if stop > end or size > most:
                break
            take(data[begin:stop], arrived, problems)
            start = stop
        if start == end:
            return start
        header, size = _measure(data, start)
        if end - start < header:
            return self._hold(data, start, header)
        if size > max(most, _LONGEST_CONTROL):
            self._fail(FrameTooLong(size, most), CloseReason.MESSAGE_TOO_BIG)
            return start
        if data[start] != plain or size > most or header != (2 if size < 126 else 4 if size < 0x10000 else 10):
            self._frame = self._missing = header + size
            return start
        stop = start + header + size
        if stop > end:
            return self._hold(data, start, header + size)
        take(data[start + header : stop], arrived, problems)
        return stop

    def _pass_on(self, data: bytes, start: int, arrived: list[Envelope | Burst | SpotRun]) -> int:
        """Let wsproto read on in a frame; give how far."""
        stop = min(start + min(self._missing, _SLICE), len(data))
        self._missing -= stop - start
        self._ws.receive_data(data[start:stop])
        for event in self._ws.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self._add(event, arrived)
            elif isinstance(event, Ping):
                self.news = True
                if not self._mute:
                    self._outgoing.append(self._ws.send(event.response()))
            elif isinstance(event, Pong):
                self.news = True  # a sign of life
            elif isinstance(event, CloseConnection):
                self._part(event)
            if self._deaf:
                break
        return stop

    def _add(self, event: TextMessage | BytesMessage, arrived: list[Envelope | Burst | SpotRun]) -> None:
        data, message = event.data, self._message
        message += data.encode() if isinstance(data, str) else data
        self._in_message = not event.message_finished
        if len(message) > self._max_message:
            self._fail(FrameTooLong(len(message), self._max_message), CloseReason.MESSAGE_TOO_BIG)
        elif event.message_finished:
            if isinstance(data, str) is self._encoding.text:
                self._encoding.take(bytes(message), arrived, self._problems)
            else:
                kinds = ("text", "binary") if self._encoding.text else ("binary", "text")
                problem = "messages are {} here, and this one is {}".format(*kinds)
                self._problems.append(UndecodableEnvelope(len(message), problem))
            message.clear()

    def _part(self, event: CloseConnection) -> None:
        """The peer said goodbye; or wsproto says it for it, because it broke a rule, which its state then tells."""
        reason = printable(event.reason or "")
        if self._ws.state is ConnectionState.REMOTE_CLOSING:
            self._outgoing.append(self._ws.send(event.response()))
        elif self._ws.state is not ConnectionState.CLOSED:
            self._fail(WebSocketViolation(reason), event.code)
            return
        code = None if event.code == CloseReason.NO_STATUS_RCVD else int(event.code)
        said = f": {reason}" if reason else ""
        what = " without a code" if code is None else f": {code}{_meaning(code)}{said}"
        self._finish(WebSocketClosed(self._where, f"the {self._peer} closed the WebSocket{what}", code, reason))

    def _fail(self, error: ProtocolError, code: int) -> None:
        """Nothing after this can be read: say so to the peer, too."""
        self._problems.append(error)
        self.close(code, str(error))
        self._finish()

    def _finish(self, over: ConnectionFailed | None = None) -> None:
        self.over = over
        self.open = False
        self.news = self._mute = self._deaf = True
        self._held.clear()
        self._message.clear()
        self._kept.clear()

    def _pack(self, payload: bytes) -> bytes:
        """Give the frame of one message."""
        return self._ws.send(TextMessage(payload.decode()) if self._encoding.text else BytesMessage(payload))

    def _header(self, size: int, masked: int) -> bytes:
        """Give the header of a message in one frame that is not compressed: a third of the time that wsproto takes."""
        opcode = b"\x81" if self._encoding.text else b"\x82"
        if size < 126:
            return opcode + (masked | size).to_bytes()
        if size < 0x10000:
            return opcode + (masked | 126).to_bytes() + size.to_bytes(2)
        return opcode + (masked | 127).to_bytes() + size.to_bytes(8)


def _measure(data: bytes | bytearray, start: int) -> tuple[int, int]:
    """Give how many bytes the header of the frame that begins here has, and what payload it announces.

    The second is only right if the whole header is there; the first is 2 until both bytes are that say it.
    """
    if start + 2 > len(data):
        return 2, 0
    masked, size = data[start + 1] & 0x80, data[start + 1] & 0x7F
    header = 2
    if size > 125:
        header = 4 if size == 126 else 10
        size = int.from_bytes(data[start + 2 : start + header])
    return header + 4 if masked else header, size


def _meaning(code: int) -> str:
    try:
        return f" ({CloseReason(code).name.lower().replace('_', ' ')})"
    except ValueError:
        return ""


def printable(text: str) -> str:
    """Give a text of the peer's for people: on one line, without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
