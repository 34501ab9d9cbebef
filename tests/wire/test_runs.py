"""Runs of spot events that are not cut apart hold just what is cut otherwise."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.int32 import Int32Wire

runs = pytest.importorskip("ctrader_twisted.wire.runs", reason="numpy is not installed")

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.wire.envelope import Envelope
    from ctrader_twisted.wire.verbs import Verbs

HEAD = codec.short_head(runs.SPOT)


def framed(data: bytes) -> bytes:
    return pack(">I", len(data)) + data


def frame(message: Message, key: str | None = None) -> bytes:
    return framed(codec.encode(codec.pack(message, key)))


def spot(bid: int = 0x12D6A5, **fields: Any) -> messages.ProtoOASpotEvent:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, bid=bid, **fields)


def spots(count: int) -> bytes:
    return b"".join(frame(spot(bid)) for bid in range(100_000, 100_000 + count))


def uncut() -> Int32Wire:
    wire = Int32Wire()
    wire.leave_spots_uncut(True)
    return wire


def envelopes(wire: Verbs, *reads: bytes) -> list[Envelope]:
    given = [item for data in reads for item in wire.receive(data)]
    return [envelope for item in given for envelope in (item.envelopes() if hasattr(item, "envelopes") else [item])]


def test_a_run_is_given_whole_and_cut_when_it_is_asked_for() -> None:
    (run,) = uncut().receive(spots(100))
    assert isinstance(run, runs.SpotRun)
    assert (len(run), run.end, repr(run)) == (100, len(spots(100)), "<SpotRun of 100>")
    assert run.burst() == Int32Wire().receive(spots(100))[0]
    assert run.payloads is run.payloads


def test_nothing_is_left_uncut_unless_it_is_asked_for_and_until_it_is_taken_back() -> None:
    wire = uncut()
    assert isinstance(wire.receive(spots(100))[0], runs.SpotRun)
    wire.leave_spots_uncut(False)
    assert isinstance(wire.receive(spots(100))[0], runs.Burst)


def test_few_events_are_cut() -> None:
    assert isinstance(uncut().receive(spots(runs.WORTH_IT))[0], runs.SpotRun)
    assert isinstance(uncut().receive(spots(runs.WORTH_IT - 1))[0], runs.Burst)


def test_a_frame_limit_below_a_short_frame_is_kept_to() -> None:
    wire = Int32Wire(max_frame=10)
    wire.leave_spots_uncut(True)
    assert wire.receive(spots(100)) == []
    assert wire.problems()[0].fatal


INTERRUPTIONS = {
    "an id": frame(spot(), "an id"),
    "another event": frame(messages.ProtoHeartbeatEvent()),
    "a long message": frame(spot(trendbar=[messages.ProtoOATrendbar(volume=index) for index in range(60)])),
    "a longer message": frame(spot(trendbar=[messages.ProtoOATrendbar(volume=index) for index in range(99)])),
    "nonsense": framed(b"\xff\xff\xff\xff"),
    "a head too few bytes follow": framed(HEAD + b"\x7f\x10\x01"),
    "a head that is not a head": framed(HEAD + b"\x04\x10\x01\x18\x02\x1a"),
    "an empty frame": framed(b""),
    "a size of two bytes": framed(HEAD + b"\x80\x01" + b"\x10\x01" * 63 + b"\x10"),
    "an event without a field": framed(HEAD + b"\0"),
    "a head inside of an event": framed(HEAD + b"\x0d\x22\x0b\0\0\0" + b"\x09" + HEAD + b"\x04" + b"\x10\x01"),
}


@pytest.mark.parametrize("interruption", INTERRUPTIONS.values(), ids=INTERRUPTIONS)
@pytest.mark.parametrize("before", [0, 1, 70])
def test_what_is_no_plain_spot_event_ends_a_run_and_is_read_as_ever(interruption: bytes, before: int) -> None:
    data = spots(before) + interruption + spots(90)
    ours, plain = uncut(), Int32Wire()
    assert envelopes(ours, data) == envelopes(plain, data)
    assert [str(problem) for problem in ours.problems()] == [str(problem) for problem in plain.problems()]


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*INTERRUPTIONS.values()]),
            st.integers(1, 200).map(spots),
            st.builds(
                lambda bid, ask, at: frame(spot(bid, ask=ask, timestamp=at)),
                st.integers(0, 2**64 - 1),
                st.integers(0, 2**64 - 1),
                st.integers(-(2**63), 2**63 - 1),
            ),
            st.binary(max_size=60).map(lambda payload: framed(HEAD + bytes((len(payload),)) + payload)),
        ),
        max_size=8,
    ),
    st.lists(st.integers(1, 5000), max_size=4),
)
def test_however_they_come_the_events_are_the_same(parts: list[bytes], sizes: list[int]) -> None:
    data, reads = b"".join(parts), []
    for size in sizes:
        reads.append(data[:size])
        data = data[size:]
    ours, plain = uncut(), Int32Wire()
    assert envelopes(ours, *reads, data) == envelopes(plain, *reads, data)
    assert [str(problem) for problem in ours.problems()] == [str(problem) for problem in plain.problems()]
    assert str(ours.end()) == str(plain.end())
