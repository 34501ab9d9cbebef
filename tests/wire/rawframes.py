"""Frames of WebSocket made by hand, streams of them, and an encoding that says what it is told."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.errors import ProtocolError

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x5a\x00\xff\x31"
SIZES = [0, 1, 2, 125, 126, 127, 65535, 65536, 65537, 200_000]

cuts = st.lists(st.integers(min_value=0), max_size=12)


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


def closing(wire: ClientWebSocket | ServerWebSocket) -> tuple[int, str]:
    """Code and reason of the close frame that is the last thing sent."""
    first, payload = frames_in(wire.data_to_send())[-1]
    assert first == 0x80 | CLOSE
    return int.from_bytes(payload[:2], "big"), payload[2:].decode()


@st.composite
def server_frames(draw: st.DrawFn, text: bool) -> bytes:
    """Messages whole and in fragments, control frames between them and inside, and now and then what is forbidden."""
    opcode = TEXT if text else BINARY
    control = st.one_of(
        st.binary(max_size=20).map(lambda payload: frame(PING, payload)),
        st.binary(max_size=125).map(lambda payload: frame(PONG, payload)),
    )
    body = st.sampled_from([0, 1, 124, 125, 126, 127, 400, 65535, 65536]).map(lambda size: b"m" * size)
    whole = body.map(lambda payload: [frame(opcode, payload)])
    split = st.lists(st.binary(max_size=130).map(lambda data: data.hex().encode()), min_size=1, max_size=4).map(
        lambda parts: fragments(opcode, parts)
    )
    odd = st.sampled_from(
        [
            frame(CLOSE, b"\x03\xe9going"),
            frame(CLOSE),
            frame(CLOSE, b"\x03\xed"),
            frame(CONTINUATION, b"x"),
            frame(opcode, b"x", rsv=4),
            frame(opcode, b"x", rsv=1),
            frame(3, b"x"),
            frame(11, b"x"),
            frame(PING, b"x", fin=False),
            frame(PING, b"x" * 126),
            frame(opcode, b"x", mask=True),
            frame(opcode, b"x" * 125, form=16),
            frame(opcode, b"x" * 300, form=64),
            frame(opcode, b"x", fin=False),
        ]
    ).map(lambda data: [data])
    stream = []
    for part in draw(st.lists(st.one_of(whole, whole, split, odd), max_size=8)):
        for piece in part:
            stream += draw(st.lists(control, max_size=2))
            stream.append(piece)
    return b"".join(stream)
