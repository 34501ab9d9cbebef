"""Messages over the WebSocket wires, cut here and by wsproto; how long they may be; streams that end inside one."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Request

from ctrader_twisted.errors import FrameTooLong, TruncatedFrame, WebSocketClosed, WebSocketViolation
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket
from tests.wire.rawframes import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    SIZES,
    TEXT,
    client,
    closing,
    cuts,
    flat,
    fragments,
    frame,
    frames_in,
    joined,
    pieces,
    said,
    server_frames,
)

# Messages


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("compression", [False, True])
def test_messages_of_every_length_arrive_in_both_directions(text: bool, compression: bool) -> None:
    ours, theirs = joined(text, compression=compression)
    messages = [said(b"\xc3\xa4"[: size % 2 * 2] + b"a" * (size - size % 2 * 2)) for size in SIZES if size != 1]
    for source, target in ((ours, theirs), (theirs, ours)):
        for message in messages:
            source.send(message)
        stream = source.data_to_send()
        assert flat(target.receive(stream)) == messages
        assert target.problems() == []
        assert target.end() is None
        assert source.data_to_send() == b""
        assert not target.news


def test_a_server_writes_what_wsproto_would_and_a_client_masks() -> None:
    for text in (False, True):
        ours, theirs = joined(text)
        for size in SIZES:
            theirs.send(said(b"x" * size))
            assert theirs.data_to_send() == frame(TEXT if text else BINARY, b"x" * size)
        ours.send(said(b"x" * 40))
        sent = ours.data_to_send()
        assert sent[1] == 0x80 | 40
        assert frames_in(sent) == [(0x80 | (TEXT if text else BINARY), b"x" * 40)]


conversation = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0, 1, 3, 125, 126, 300, 65536]), st.integers(0, 255)), max_size=8
)


@given(conversation, cuts, st.booleans(), st.booleans())
def test_any_conversation_in_any_pieces_arrives(
    messages: list[tuple[bool, int, int]], at: list[int], text: bool, compression: bool
) -> None:
    ours, theirs = joined(text, compression=compression)
    sent: dict[bool, list[Envelope]] = {False: [], True: []}
    for to_server, size, letter in messages:
        message = said((chr(letter & 0x7F).encode() if text else bytes((letter,))) * size)
        (ours if to_server else theirs).send(message)
        sent[to_server].append(message)
    for to_server, source, target in ((True, ours, theirs), (False, theirs, ours)):
        got = [item for chunk in pieces(source.data_to_send(), at) for item in flat(target.receive(chunk))]
        assert got == sent[to_server]
        assert target.problems() == []
        assert target.end() is None


def test_events_that_come_one_behind_the_other_become_one_burst() -> None:
    ours, theirs = client(), ServerWebSocket(Protobuf())
    ours = ClientWebSocket(Protobuf(), host="h", port=1, where="w")
    ours.begin()
    theirs.receive(ours.data_to_send())
    for payload in (b"\x10\x01", b"\x10\x02", b"\x10\x03"):
        theirs.send(Envelope(2131, payload))
    theirs.send(Envelope(2113, b"", "7"))
    assert ours.receive(theirs.data_to_send()) == [
        Burst(2131, [b"\x10\x01", b"\x10\x02", b"\x10\x03"]),
        Envelope(2113, b"", "7"),
    ]


# Our cutting, held against wsproto alone


def by_wsproto(stream: bytes) -> tuple[list[bytes], list[bytes], tuple[int, str] | None, bool]:
    """What wsproto alone makes of a server's frames: messages, pings, code and reason of the end, violation."""
    peer, server = WSConnection(ConnectionType.CLIENT), WSConnection(ConnectionType.SERVER)
    server.receive_data(peer.send(Request(host="h", target="/")))
    list(server.events())
    peer.receive_data(server.send(AcceptConnection()))
    list(peer.events())
    peer.receive_data(stream)
    messages, pings, message = [], [], b""
    for event in peer.events():
        if isinstance(event, Message):
            message += event.data.encode() if isinstance(event.data, str) else bytes(event.data)
            if event.message_finished:
                messages.append(message)
                message = b""
        elif isinstance(event, Ping):
            pings.append(bytes(event.payload))
        elif isinstance(event, CloseConnection):
            return messages, pings, (event.code, event.reason or ""), peer.state.name != "REMOTE_CLOSING"
    return messages, pings, None, False


@given(st.booleans().flatmap(lambda text: st.tuples(st.just(text), server_frames(text))), cuts)
def test_what_is_cut_here_is_what_wsproto_alone_would_find(told: tuple[bool, bytes], at: list[int]) -> None:
    text, stream = told
    messages, pings, ended, violated = by_wsproto(stream)
    wire, _ = joined(text)
    arrived = [item for chunk in pieces(stream, at) for item in flat(wire.receive(chunk))]
    assert [envelope.payload for envelope in arrived] == messages
    sent = frames_in(wire.data_to_send())
    assert [payload for first, payload in sent if first == 0x80 | PONG] == pings
    problems = wire.problems()
    if ended is None:
        assert wire.over is None
        assert problems == []
        assert not any(first == 0x80 | CLOSE for first, _ in sent)
        return
    code, reason = ended
    assert sent[-1][0] == 0x80 | CLOSE
    if violated:
        [error] = problems
        assert isinstance(error, WebSocketViolation)
        assert error.problem == reason
        assert wire.over is None
        assert sent[-1][1][:2] == code.to_bytes(2, "big")
    else:
        assert problems == []
        assert isinstance(wire.over, WebSocketClosed)
        assert (wire.over.code, wire.over.close_reason) == (None if code == 1005 else code, reason)


# Bounds


@pytest.mark.parametrize("compression", [False, True])
@pytest.mark.parametrize("at_server", [False, True])
def test_a_message_may_have_so_many_bytes_and_not_one_more(at_server: bool, compression: bool) -> None:
    for size, refused in ((1_000, False), (1_001, True)):
        for parts in ([b"x" * size], [b"x" * 600, b"x" * (size - 600)], [b"x"] * size):
            ours, theirs = joined(max_message=1_000, compression=compression)
            wire = theirs if at_server else ours
            stream = b"".join(fragments(BINARY, parts, mask=at_server))
            arrived = wire.receive(stream + frame(BINARY, b"after", mask=at_server))
            if refused:
                assert arrived == []
                [error] = wire.problems()
                assert isinstance(error, FrameTooLong)
                assert (error.announced, error.allowed) == (1_001, 1_000)
                assert closing(wire)[0] == 1009
                assert wire.news and not wire.open
            else:
                assert arrived == [said(b"x" * 1_000), said(b"after")]


@pytest.mark.parametrize("announced", [b"\x82\x7e\x03\xe9", b"\x82\x7f\0\0\0\0\0\1\0\0", b"\x82\x7f" + b"\xff" * 8])
def test_a_frame_that_announces_too_much_is_refused_before_it_comes(announced: bytes) -> None:
    ours, _ = joined(max_message=1_000)
    assert ours.receive(frame(BINARY, b"before") + announced) == [said(b"before")]
    [error] = ours.problems()
    assert isinstance(error, FrameTooLong)
    assert error.announced == int.from_bytes(announced[2:], "big")
    assert closing(ours)[0] == 1009


def test_control_frames_are_not_bound_by_a_small_bound() -> None:
    ours, _ = joined(max_message=1)
    ours.receive(frame(PING, b"longer than one"))
    assert frames_in(ours.data_to_send()) == [(0x80 | PONG, b"longer than one")]


def test_a_message_that_decompresses_to_more_than_is_allowed_is_stopped_on_the_way() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = compressor.compress(bytes(200_000_000)) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 1_000_000
    for stream in (frame(BINARY, bomb, rsv=4), frame(BINARY, b"", rsv=4, fin=False) + frame(CONTINUATION, bomb)):
        ours, _ = joined(max_message=1_000_000, compression=True)
        tracemalloc.start()
        try:
            assert ours.receive(stream) == []
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        [error] = ours.problems()
        assert isinstance(error, FrameTooLong)
        assert closing(ours)[0] == 1009
        assert peak < 60_000_000


def growth(wire: ClientWebSocket, chunks: list[bytes], last: int) -> int:
    """How much more memory the last of these chunks take at times than is held before them."""
    tracemalloc.start()
    try:
        for chunk in chunks[:-last]:
            assert wire.receive(chunk) == []
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for chunk in chunks[-last:]:
            assert wire.receive(chunk) == []
        return tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", [False, True])
def test_a_large_message_in_small_pieces_is_joined_once(text: bool) -> None:
    body = b"abcdefgh" * 1_310_720
    assert len(body) == 10_485_760
    ours, _ = joined(text, max_message=len(body))
    stream = frame(TEXT if text else BINARY, body)
    parts = [stream[at : at + 1024] for at in range(0, len(stream), 1024)]
    assert growth(ours, parts[:-1], 1000) < len(body) / 2  # to join each piece to what is held would copy all of it
    assert ours.receive(parts[-1]) == [said(body)]


def test_a_large_message_in_fragments_is_joined_once() -> None:
    part = b"x" * 1024
    count = 3_000
    ours, _ = joined(max_message=len(part) * count)
    chunks = [frame(BINARY, part, fin=False), *[frame(CONTINUATION, part, fin=False)] * (count - 2)]
    assert growth(ours, chunks, 500) < len(part) * count / 2
    assert ours.receive(frame(CONTINUATION, part)) == [said(part * count)]


def test_empty_fragments_without_end_cost_nothing() -> None:
    ours, _ = joined()
    chunks = [frame(BINARY, fin=False), *[frame(CONTINUATION, fin=False) * 100] * 30]
    assert growth(ours, chunks, 10) < 100_000
    assert ours.receive(frame(CONTINUATION, b"end")) == [said(b"end")]


# The end of the stream


@pytest.mark.parametrize(
    ("stream", "received", "expected"),
    [
        (b"\x82", 1, None),
        (b"\x82\x7e\x01", 3, None),
        (b"\x82\x7e\x01\x00", 4, 260),
        (b"\x82\x05ab", 4, 7),
        (b"\x82\x7f\0\0\0\0\0\1\0", 9, None),
        (b"\x82\x7f\0\0\0\0\0\1\0\0", 10, 65546),
        (b"\x02\x05ab", 4, 7),
        (b"\x89\x02a", 3, 4),
        (b"\x02\x02ab", 2, None),
        (b"\x02\x02ab\x89\x00", 2, None),
        (b"\x02\x02ab\x80", 1, None),
        (b"\x02\x02ab\x80\x02c", 3, 4),
    ],
)
@pytest.mark.parametrize("before", [b"", frame(BINARY, b"whole")])
@pytest.mark.parametrize("dripped", [False, True])
def test_a_stream_that_ends_inside_a_message_says_how_far_it_got(
    stream: bytes, received: int, expected: int | None, before: bytes, dripped: bool
) -> None:
    ours, _ = joined()
    for chunk in [bytes((byte,)) for byte in before + stream] if dripped else [before + stream]:
        ours.receive(chunk)
    error = ours.end()
    assert isinstance(error, TruncatedFrame)
    assert (error.received, error.expected) == (received, expected)
    assert ours.over is None


def test_a_stream_may_end_between_messages() -> None:
    for wire, mask in zip(joined(), (False, True), strict=True):
        assert wire.end() is None
        wire.receive(frame(BINARY, b"x", mask=mask) + b"".join(fragments(BINARY, [b"a", b"b"], mask=mask)))
        assert wire.end() is None
        assert wire.over is None
        wire.receive(frame(BINARY, b"x", mask=mask)[:-1])
        assert wire.end() is not None
