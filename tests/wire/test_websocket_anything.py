"""Any bytes at all are lived through by the WebSocket wires."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from ctrader_twisted.errors import ProtocolError
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket
from tests.wire.rawframes import BINARY, client, cuts, frame, joined, pieces, server_frames
from tests.wire.rawhandshakes import accepted, request_of


def lives_through(wire: ClientWebSocket | ServerWebSocket, stream: bytes, at: list[int]) -> None:
    """Whatever comes, it raises nothing, and after the end of it all nothing comes any more."""
    for chunk in pieces(stream, at):
        was_over = wire.over is not None
        arrived = wire.receive(chunk)
        assert not (was_over and arrived)
        problems = wire.problems()
        assert all(isinstance(problem, ProtocolError) for problem in problems)
        if any(problem.fatal for problem in problems) or wire.over is not None:
            assert problems == [] or not any(problem.fatal for problem in problems[:-1])
            assert not wire.open
            assert wire.receive(frame(BINARY, b"after") * 3) == []
            assert wire.problems() == []
            assert wire.end() is None
            return
        wire.data_to_send()
    wire.end()


@given(st.binary(max_size=200), cuts, st.booleans())
@example(b"HTTP/1.1 101 \r\nconnection:upgrade\r\nupgrade:\xff\r\n\r\n", [], True)
def test_any_bytes_before_the_handshake_are_lived_through(data: bytes, at: list[int], compression: bool) -> None:
    lives_through(client(compression=compression), data, at)
    lives_through(client(compression=compression), b"HTTP/1.1 " + data + b"\r\n\r\n", at)
    lives_through(ServerWebSocket(Protobuf(), compression=compression), data, at)
    lives_through(ServerWebSocket(Protobuf(), compression=compression), b"GET " + data + b"\r\n\r\n", at)


header = st.sampled_from(
    [b"Upgrade", b"Connection", b"Sec-WebSocket-Extensions", b"Sec-WebSocket-Key", b"Host", b"X"]
    + [b"Content-Length", b"Transfer-Encoding", b"Expect", b"Sec-WebSocket-Protocol"]
)
value = st.one_of(
    st.binary(max_size=12).map(lambda data: re.sub(rb"[\0-\x1f\x7f]", b"", data)),
    st.sampled_from(
        [b"websocket", b"Upgrade", b"5", b"permessage-deflate; client_max_window_bits", b"chunked", b"\xe4"]
    ),
    st.sampled_from([b"permessage-deflate; server_max_window_bits=" + number for number in (b"", b"7", b"9", b"x")]),
)


@given(st.lists(st.tuples(header, value), max_size=6), st.sampled_from([b"1.0", b"1.1", b"2"]), st.booleans())
def test_any_headers_are_lived_through(headers: list[tuple[bytes, bytes]], version: bytes, compression: bool) -> None:
    more = [b"%s: %s" % pair for pair in headers]
    wire = client(compression=compression)
    answer = accepted(wire.data_to_send(), *more)
    lives_through(wire, answer.replace(b"HTTP/1.1", b"HTTP/" + version), [])
    request = request_of(line=b"GET / HTTP/" + version)[:-2] + b"\r\n".join([*more, b"", b""])
    lives_through(ServerWebSocket(Protobuf(), compression=compression), request, [])


@given(st.binary(max_size=300), cuts, st.booleans())
def test_any_bytes_after_the_handshake_are_lived_through(data: bytes, at: list[int], compression: bool) -> None:
    for text in (False, True):
        for wire in joined(text, max_message=1_000, compression=compression):
            lives_through(wire, data, at)


@given(server_frames(False), st.integers(min_value=0), st.integers(1, 255), cuts)
def test_any_frames_with_a_byte_gone_wrong_are_lived_through(
    stream: bytes, place: int, change: int, at: list[int]
) -> None:
    if stream:
        broken = bytearray(stream)
        broken[place % len(broken)] ^= change
        ours, _ = joined(max_message=100_000, compression=True)
        lives_through(ours, bytes(broken), at)
