"""The wire that becomes what the client's first bytes say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.errors import FrameTooLong, HandshakeRefused, TruncatedFrame, WebSocketClosed
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.int32 import Int32Wire
from ctrader_twisted.wire.sniffed import SniffedWire
from ctrader_twisted.wire.websocket import ClientWebSocket
from tests.wire.rawframes import flat

if TYPE_CHECKING:
    from ctrader_twisted.wire.verbs import Verbs

REQUEST = Envelope(2100, b"\x12\x02id", "1")
ANSWER = Envelope(2101, b"", "1")
EVENT = Envelope(2131, b"\x10\x01\x18\x02")


def websocket(compression: bool = False) -> ClientWebSocket:
    return ClientWebSocket(Protobuf(), host="h", port=5035, where="demo", compression=compression)


def talk(ours: Verbs, theirs: Verbs, step: int) -> tuple[list[Envelope], list[Envelope]]:
    """Carry bytes to and fro, so many at a time, until nothing is left; what each end was told."""
    told: tuple[list[Envelope], list[Envelope]] = ([], [])
    moving = True
    while moving:
        moving = False
        for source, target, heard in ((ours, theirs, told[1]), (theirs, ours, told[0])):
            data = source.data_to_send()
            moving = moving or bool(data)
            for at in range(0, len(data), step):
                heard += flat(target.receive(data[at : at + step]))
    return told


@pytest.mark.parametrize("make", [Int32Wire, websocket, lambda: websocket(True)])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 1_000])
def test_it_speaks_what_the_client_speaks(make: type[Int32Wire | ClientWebSocket], step: int) -> None:
    ours, theirs = make(), SniffedWire(compression=True)
    theirs.begin()
    assert not theirs.open and not theirs.news
    theirs.send(EVENT)  # before it knows how
    assert theirs.data_to_send() == b""
    ours.begin()
    ours.send(REQUEST)
    assert talk(ours, theirs, step) == ([EVENT], [REQUEST])
    assert theirs.open and theirs.news
    theirs.news = False
    assert not theirs.news
    theirs.send(ANSWER)
    ours.send(EVENT)
    ours.send(EVENT)
    assert talk(ours, theirs, step) == ([ANSWER], [EVENT, EVENT])
    assert theirs.problems() == ours.problems() == []
    assert theirs.end() is None
    assert theirs.over is None


def test_runs_stay_together() -> None:
    ours, theirs = Int32Wire(), SniffedWire()
    for _ in range(3):
        ours.send(EVENT)
    assert theirs.receive(ours.data_to_send()) == [Burst(2131, [EVENT.payload] * 3)]


def test_it_decides_as_soon_as_it_can() -> None:
    theirs = SniffedWire()
    theirs.receive(b"GE")
    assert not theirs.open
    theirs.receive(b"O")
    assert theirs.open
    [error] = [*theirs.receive(b"!"), *theirs.problems()]
    assert isinstance(error, FrameTooLong)
    assert error.announced == int.from_bytes(b"GEO!", "big")


def test_the_bound_holds_for_both() -> None:
    for make in (Int32Wire, websocket):
        ours, theirs = make(), SniffedWire(100)
        ours.begin()
        ours.send(Envelope(2100, b"x" * 100))
        assert talk(ours, theirs, 1_000) == ([], [])
        [error] = theirs.problems()
        assert isinstance(error, FrameTooLong)
        assert error.allowed == 100


def test_compression_is_for_who_wants_it() -> None:
    for compression in (False, True):
        theirs = SniffedWire(compression=compression)
        ours = websocket(True)
        ours.begin()
        theirs.receive(ours.data_to_send())
        assert (b"permessage-deflate" in theirs.data_to_send()) is compression


def test_goodbyes_are_the_websockets() -> None:
    theirs = SniffedWire()
    assert theirs.close() is False
    assert theirs.data_to_send() == b""
    theirs = SniffedWire()
    theirs.receive(b"\0\0\0\2\x08\x33")
    assert theirs.close() is False
    assert theirs.data_to_send() == b""
    ours, theirs = websocket(), SniffedWire()
    ours.begin()
    talk(ours, theirs, 1_000)
    assert theirs.close(1001, "down") is True
    talk(ours, theirs, 1_000)
    assert isinstance(ours.over, WebSocketClosed)
    assert ours.over.code == 1001
    assert isinstance(theirs.over, WebSocketClosed)


@pytest.mark.parametrize("first", [b"", b"G", b"GET"])
def test_a_client_that_leaves_before_it_is_known(first: bytes) -> None:
    theirs = SniffedWire()
    assert theirs.receive(first) == []
    missing = theirs.end()
    if first:
        assert isinstance(missing, TruncatedFrame)
        assert (missing.received, missing.expected) == (len(first), None)
    else:
        assert missing is None
    assert theirs.over is None


def test_a_browser_is_told_what_this_is() -> None:
    theirs = SniffedWire()
    theirs.receive(b"GET /favicon.ico HTTP/1.1\r\nHost: h\r\n\r\n")
    assert isinstance(theirs.over, HandshakeRefused)
    assert theirs.over.status == 426
    assert theirs.data_to_send().startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
