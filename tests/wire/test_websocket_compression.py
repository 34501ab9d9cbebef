"""Messages of the WebSocket wires, compressed."""

from __future__ import annotations

import zlib

import pytest

from ctrader_twisted.errors import WebSocketViolation
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.websocket import ServerWebSocket
from tests.wire.rawframes import BINARY, CONTINUATION, PING, PONG, TEXT, client, closing, frame, frames_in, joined, said
from tests.wire.rawhandshakes import request_of


@pytest.mark.parametrize(("client_wants", "server_wants"), [(False, False), (False, True), (True, False), (True, True)])
def test_messages_are_compressed_only_if_both_want_it(client_wants: bool, server_wants: bool) -> None:
    ours = client(compression=client_wants)
    theirs = ServerWebSocket(ours._encoding, compression=server_wants)
    theirs.receive(ours.data_to_send())
    answer = theirs.data_to_send()
    both = client_wants and server_wants
    assert (b"permessage-deflate" in answer) is both
    ours.receive(answer)
    for source, target in ((ours, theirs), (theirs, ours)):
        source.send(said(b"again and " * 1_000))
        sent = source.data_to_send()
        assert (len(sent) < 1_000) is both
        assert target.receive(sent) == [said(b"again and " * 1_000)]


@pytest.mark.parametrize(
    "offer",
    [
        b"permessage-deflate; server_max_window_bits=x",
        b"permessage-deflate; server_max_window_bits=8",
        b"permessage-deflate; client_max_window_bits=",
        b"x-other",
    ],
)
def test_an_offer_that_can_not_be_met_is_declined(offer: bytes) -> None:
    wire = ServerWebSocket(Protobuf(), compression=True)
    wire.receive(request_of(Sec_WebSocket_Extensions=offer))
    assert wire.open
    assert b"Sec-WebSocket-Extensions" not in wire.data_to_send()
    assert wire.receive(frame(BINARY, b"\x08\x33", mask=True)) == [Envelope(51)]


@pytest.mark.parametrize("text", [False, True])
def test_compressed_fragments_with_pings_between_and_plain_messages_around(text: bool) -> None:
    opcode = TEXT if text else BINARY
    ours, _ = joined(text, compression=True)
    compressor = zlib.compressobj(wbits=-15)

    def deflated(data: bytes) -> bytes:
        return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]

    for turn in range(3):  # the compressor remembers
        body = b"%d: a message that repeats a message that repeats" % turn
        packed = deflated(body)
        stream = (
            frame(PING, b"1")
            + frame(opcode, b"plain")
            + frame(opcode, packed[:5], fin=False, rsv=4)
            + frame(PING, b"2")
            + frame(PONG)
            + frame(CONTINUATION, packed[5:9], fin=False)
            + frame(PING, b"3")
            + frame(CONTINUATION, packed[9:])
            + frame(opcode, b"plain", fin=False)
            + frame(PING, b"4")
            + frame(CONTINUATION)
        )
        assert ours.receive(stream) == [said(b"plain"), said(body), said(b"plain")]
        assert [payload for _, payload in frames_in(ours.data_to_send())] == [b"1", b"2", b"3", b"4"]
    assert ours.problems() == []


@pytest.mark.parametrize(
    "stream",
    [
        frame(BINARY, b"\xff\xff\xff", rsv=4),
        frame(CONTINUATION, b"", rsv=4),
        frame(BINARY, b"", fin=False) + frame(CONTINUATION, b"", rsv=4),
        frame(PING, b"", rsv=4),
        frame(BINARY, b"", rsv=6),
    ],
)
def test_what_is_not_compressed_as_agreed_is_a_violation(stream: bytes) -> None:
    ours, _ = joined(compression=True)
    assert ours.receive(stream) == []
    assert [type(error) for error in ours.problems()] == [WebSocketViolation]
    assert closing(ours)[0] in (1002, 1007)
