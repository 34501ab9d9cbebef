"""Frames cut out of whatever pieces a stream comes in, held against Twisted's own receiver."""

from __future__ import annotations

import struct
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.protocols.basic import Int32StringReceiver

from ctrader_twisted.errors import FrameTooLong, ProtocolError, RemoteError, TruncatedFrame
from ctrader_twisted.wire.frames import MAX_FRAME, FrameCutter, pack_prefix

SMALL = 24  # a bound that Hypothesis reaches easily


def frame(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:stop] for start, stop in pairwise(edges)]


class Oracle:
    """Twisted's receiver, without a transport: what it received, what it found too long, what it holds."""

    def __init__(self, max_frame: int) -> None:
        self.frames: list[bytes] = []
        self.too_long: list[int] = []
        self._receiver = Int32StringReceiver()
        self._receiver.MAX_LENGTH = max_frame
        self._receiver.stringReceived = self.frames.append
        self._receiver.lengthLimitExceeded = self.too_long.append

    def feed(self, data: bytes) -> None:
        if not self.too_long:  # its transport would be gone
            self._receiver.dataReceived(data)

    @property
    def held(self) -> bytes:
        return self._receiver.recvd


def held_against_twisted(chunks: list[bytes], max_frame: int) -> None:
    cutter = FrameCutter(max_frame)
    oracle = Oracle(max_frame)
    cut: list[bytes] = []
    for chunk in chunks:
        cut += cutter.feed(chunk)
        oracle.feed(chunk)
        assert cut == oracle.frames  # after every piece: nothing late, nothing early
        assert (cutter.failure is not None) == bool(oracle.too_long)
    if oracle.too_long:
        assert cutter.failure is not None
        assert (cutter.failure.announced, cutter.failure.allowed) == (oracle.too_long[0], max_frame)
        assert cutter.end() is None
        return
    held = oracle.held
    missing = cutter.end()
    if not held:
        assert missing is None
    else:
        assert missing is not None
        expected = None if len(held) < 4 else 4 + int.from_bytes(held[:4], "big")
        assert (missing.received, missing.expected) == (len(held), expected)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames of every length up to a little over the bound, now and then an absurd length, the end cut off."""
    parts = draw(
        st.lists(
            st.one_of(
                st.binary(max_size=SMALL + 2).map(frame),
                st.sampled_from([0, 1, SMALL - 1, SMALL]).map(lambda size: frame(b"x" * size)),
                st.integers(min_value=SMALL, max_value=2**32 - 1).map(lambda size: struct.pack(">I", size)),
            ),
            max_size=8,
        )
    )
    stream = b"".join(parts)
    return stream[: draw(st.integers(min_value=0, max_value=len(stream)))] if draw(st.booleans()) else stream


@given(streams(), st.lists(st.integers(min_value=0), max_size=12))
@example(frame(b"a" * SMALL) + struct.pack(">I", SMALL + 1), [4 + SMALL, 4 + SMALL + 2])
@example(frame(b"a") + frame(b"b" * (SMALL + 1)) + frame(b"c"), [])
@example(frame(b"") * 3, [4, 8])
def test_any_frames_in_any_pieces_are_cut_as_twisted_cuts_them(stream: bytes, cuts: list[int]) -> None:
    held_against_twisted(pieces(stream, cuts), SMALL)


@given(streams())
def test_a_byte_at_a_time_is_no_different(stream: bytes) -> None:
    held_against_twisted([stream[at : at + 1] for at in range(len(stream))], SMALL)


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_random_bytes_are_no_different(chunks: list[bytes]) -> None:
    held_against_twisted(chunks, SMALL)


@given(st.lists(st.binary(max_size=200), max_size=20), st.lists(st.integers(min_value=0), max_size=12))
def test_what_is_framed_comes_out_again(datas: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pack_prefix(len(data)) + data for data in datas)
    cutter = FrameCutter()
    assert [data for chunk in pieces(stream, cuts) for data in cutter.feed(chunk)] == datas
    assert cutter.end() is None
    assert cutter.failure is None


def test_an_empty_piece_changes_nothing() -> None:
    cutter = FrameCutter()
    assert cutter.feed(b"") == []
    assert cutter.end() is None
    assert cutter.feed(b"\0\0\0\2a") == []
    assert cutter.feed(b"") == []
    assert cutter.feed(b"b\0") == [b"ab"]
    assert cutter.feed(b"") == []
    assert cutter.feed(b"\0\0\1c") == [b"c"]


# Too long


@pytest.mark.parametrize("cuts", [[], [4], [13], [14], [15], [16], [17], [14, 15, 16]], ids=str)
def test_frames_before_one_too_long_are_delivered_and_nothing_after_it(cuts: list[int]) -> None:
    cutter = FrameCutter(5)
    stream = frame(b"first") + frame(b"2") + struct.pack(">I", 6)  # 9, 14 and 18 bytes so far
    got = [data for chunk in pieces(stream, cuts) for data in cutter.feed(chunk)]
    assert got == [b"first", b"2"]
    error = cutter.failure
    assert isinstance(error, FrameTooLong)
    assert (error.announced, error.allowed, error.fatal) == (6, 5, True)
    assert cutter.feed(b"sixsix" + frame(b"after")) == []
    assert cutter.failure is error
    assert cutter.end() is None


def test_the_error_says_what_was_announced_and_what_is_allowed() -> None:
    error = FrameTooLong(1_195_725_856, MAX_FRAME)
    assert isinstance(error, ProtocolError)
    assert isinstance(error, RemoteError)
    assert "1195725856 bytes" in str(error)
    assert "15000000 are allowed" in str(error)


def test_another_protocol_is_found_out_by_its_first_four_bytes() -> None:
    cutter = FrameCutter()
    assert cutter.feed(b"GET / HTTP/1.1\r\n") == []
    assert cutter.failure is not None
    assert (cutter.failure.announced, cutter.failure.allowed) == (0x47455420, 15_000_000)


@pytest.mark.parametrize(("announced", "refused"), [(15_000_000, False), (15_000_001, True)])
def test_fifteen_million_bytes_are_allowed_and_one_more_is_refused_at_once(announced: int, refused: bool) -> None:
    cutter = FrameCutter()
    assert cutter.feed(struct.pack(">I", announced)) == []
    assert (cutter.failure is not None) is refused
    if not refused:
        assert cutter.feed(bytes(announced)) == [bytes(announced)]


def test_a_frame_too_long_is_refused_also_when_all_of_it_is_there() -> None:
    cutter = FrameCutter(3)
    assert cutter.feed(frame(b"abc") + frame(b"abcd") + frame(b"e")) == [b"abc"]
    assert cutter.failure is not None
    assert cutter.failure.announced == 4


# The end of the stream


@pytest.mark.parametrize(
    ("stream", "received", "expected", "sentence"),
    [
        (b"\0", 1, None, "the stream ended after 1 of an unknown number of bytes of a frame"),
        (b"\0\0\1", 3, None, "the stream ended after 3 of an unknown number of bytes of a frame"),
        (b"\0\0\1\0", 4, 260, "the stream ended after 4 of 260 bytes of a frame"),
        (b"\0\0\0\2a", 5, 6, "the stream ended after 5 of 6 bytes of a frame"),
    ],
)
@pytest.mark.parametrize("before", [b"", frame(b"whole")])
@pytest.mark.parametrize("dripped", [False, True])
def test_a_stream_that_ends_inside_a_frame_says_how_far_it_got(
    stream: bytes, received: int, expected: int | None, sentence: str, before: bytes, dripped: bool
) -> None:
    cutter = FrameCutter()
    for chunk in [bytes((byte,)) for byte in before + stream] if dripped else [before + stream]:
        cutter.feed(chunk)
    error = cutter.end()
    assert isinstance(error, TruncatedFrame)
    assert (error.received, error.expected, error.fatal) == (received, expected, True)
    assert str(error) == sentence


def test_a_stream_may_end_between_frames() -> None:
    cutter = FrameCutter()
    assert cutter.end() is None
    cutter.feed(frame(b"one")[:5])
    assert cutter.end() is not None
    cutter.feed(frame(b"one")[5:])
    assert cutter.end() is None


# Joined once


def test_a_large_frame_in_small_pieces_is_joined_once() -> None:
    body = bytes(range(256)) * 40_960
    assert len(body) == 10_485_760
    stream = frame(body)
    parts = [stream[at : at + 1024] for at in range(0, len(stream), 1024)]
    cutter = FrameCutter()
    tracemalloc.start()
    try:
        for part in parts[:-1000]:
            assert cutter.feed(part) == []
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for part in parts[-1000:-1]:
            assert cutter.feed(part) == []
        _, peak = tracemalloc.get_traced_memory()
        frames = cutter.feed(parts[-1])
        tracemalloc.reset_peak()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - held < len(body) / 2  # to join a piece to what is held would copy all of it, each time
    assert frames == [body]
    assert left < 1.5 * len(body)  # the frame itself


def test_a_frame_that_drips_costs_hardly_more_than_its_bytes() -> None:
    stream = frame(bytes(1_000_000))
    cutter = FrameCutter()
    tracemalloc.start()
    try:
        for at in range(0, len(stream) - 2, 2):
            cutter.feed(stream[at : at + 2])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.5 * len(stream)
