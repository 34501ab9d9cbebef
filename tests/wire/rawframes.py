"""Frames of WebSocket made by hand, and an encoding that says what it is told."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.errors import ProtocolError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x5a\x00\xff\x31"


class Raw:
    """A message is its envelope's payload, whatever it is."""

    def __init__(self, text: bool = False) -> None:
        self.text = text

    def take(self, frame: bytes, arrived: list[Envelope | Burst], problems: list[ProtocolError]) -> None:
        assert type(frame) is bytes
        arrived.append(said(frame))

    def encode(self, envelope: Envelope) -> bytes:
        return envelope.payload


def said(payload: bytes) -> Envelope:
    return Envelope(1, payload)


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = False, form: int = 0
) -> bytes:
    """One frame; ``form`` (7, 16 or 64) is how many bits its length takes, the fewest unless told."""
    size = len(payload)
    form = form or (7 if size < 126 else 16 if size < 65536 else 64)
    masked = 0x80 if mask else 0
    length = {
        7: struct.pack("!B", masked | min(size, 125)),
        16: struct.pack("!BH", masked | 126, min(size, 65535)),
        64: struct.pack("!BQ", masked | 127, size),
    }[form]
    body = MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload)) if mask else payload
    return bytes(((0x80 if fin else 0) | rsv << 4 | opcode,)) + length + body


def fragments(opcode: int, parts: list[bytes], *, mask: bool = False) -> list[bytes]:
    """One message in as many frames as there are parts."""
    return [
        frame(CONTINUATION if at else opcode, part, fin=at == len(parts) - 1, mask=mask)
        for at, part in enumerate(parts)
    ]


def frames_in(data: bytes) -> list[tuple[int, bytes]]:
    """The first byte and the unmasked payload of each frame."""
    found = []
    while data:
        first, size, data = data[0], data[1] & 0x7F, data[1:]
        masked, data = data[0] & 0x80, data[1:]
        extra = {126: 2, 127: 8}.get(size, 0)
        if extra:
            size, data = int.from_bytes(data[:extra], "big"), data[extra:]
        key = b"\0\0\0\0"
        if masked:
            key, data = data[:4], data[4:]
        found.append((first, bytes(byte ^ key[at % 4] for at, byte in enumerate(data[:size]))))
        data = data[size:]
    return found


def pieces(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:stop] for start, stop in pairwise(edges)]


def flat(arrived: Iterable[Envelope | Burst]) -> list[Envelope]:
    """Runs taken apart."""
    return [envelope for item in arrived for envelope in (item.envelopes() if isinstance(item, Burst) else (item,))]


def client(text: bool = False, max_message: int = 1_000_000, compression: bool = False) -> ClientWebSocket:
    """A client that has sent its request."""
    wire = ClientWebSocket(
        Raw(text), host="h", port=5036, where="demo", max_message=max_message, compression=compression
    )
    wire.begin()
    return wire


def joined(
    text: bool = False, max_message: int = 1_000_000, compression: bool = False
) -> tuple[ClientWebSocket, ServerWebSocket]:
    """Both ends, the handshake done."""
    ours = client(text, max_message, compression)
    theirs = ServerWebSocket(Raw(text), max_message=max_message, compression=compression)
    assert theirs.receive(ours.data_to_send()) == []
    assert ours.receive(theirs.data_to_send()) == []
    assert ours.open and theirs.open
    ours.news = theirs.news = False
    return ours, theirs
