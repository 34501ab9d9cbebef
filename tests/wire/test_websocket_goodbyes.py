"""Pings, goodbyes and broken rules: what is answered, what is told, and what is read after it."""

from __future__ import annotations

import pytest

from ctrader_twisted.errors import UndecodableEnvelope, WebSocketClosed, WebSocketViolation
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.websocket import ServerWebSocket
from tests.wire.rawframes import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    client,
    closing,
    fragments,
    frame,
    frames_in,
    joined,
    said,
)
from tests.wire.rawhandshakes import accepted

# Control frames


def test_a_ping_is_answered_with_what_it_brought_between_messages_and_inside_one() -> None:
    for at_server in (False, True):
        ours, theirs = joined()
        wire = theirs if at_server else ours
        parts = fragments(BINARY, [b"in ", b"three ", b"parts"], mask=at_server)
        pings = [frame(PING, payload, mask=at_server) for payload in (b"", b"mid", b"x" * 125)]
        stream = pings[0] + parts[0] + pings[1] + parts[1] + frame(PONG, b"!", mask=at_server) + pings[2] + parts[2]
        assert wire.receive(stream) == [said(b"in three parts")]
        assert wire.news
        sent = wire.data_to_send()
        assert frames_in(sent) == [(0x80 | PONG, payload) for payload in (b"", b"mid", b"x" * 125)]
        assert bool(sent[1] & 0x80) is not at_server
        assert wire.problems() == []


def test_each_message_of_a_client_is_masked_anew() -> None:
    ours, _ = joined()
    keys = set()
    for _ in range(20):
        ours.send(said(b"the same"))
        sent = ours.data_to_send()
        keys.add(sent[2:6])
    assert len(keys) > 15


def test_a_pong_is_a_sign_of_life_and_no_more() -> None:
    ours, _ = joined()
    assert ours.receive(frame(PONG, b"unasked")) == []
    assert ours.news
    assert ours.data_to_send() == b""


@pytest.mark.parametrize(
    ("payload", "code", "reason", "sentence"),
    [
        (b"", None, "", "demo: the server closed the WebSocket without a code"),
        (b"\x03\xe8", 1000, "", "demo: the server closed the WebSocket: 1000 (normal closure)"),
        (
            b"\x03\xe9maintenance",
            1001,
            "maintenance",
            "demo: the server closed the WebSocket: 1001 (going away): maintenance",
        ),
        (b"\x03\xf3", 1011, "", "demo: the server closed the WebSocket: 1011 (internal error)"),
        (b"\x03\xf4", 1012, "", "demo: the server closed the WebSocket: 1012 (service restart)"),
        (b"\x03\xf5", 1013, "", "demo: the server closed the WebSocket: 1013 (try again later)"),
        (b"\x0b\xb8", 3000, "", "demo: the server closed the WebSocket: 3000"),
        (
            b"\x0f\xa0a\x1b[0m\r\nb \xe2\x80\xae",
            4000,
            "a [0m b",
            "demo: the server closed the WebSocket: 4000: a [0m b",
        ),
    ],
)
def test_a_goodbye_is_answered_and_told(payload: bytes, code: int | None, reason: str, sentence: str) -> None:
    ours, _ = joined()
    ours.send(said(b"before"))
    assert ours.receive(frame(BINARY, b"last") + frame(CLOSE, payload) + frame(BINARY, b"after")) == [said(b"last")]
    assert isinstance(ours.over, WebSocketClosed)
    assert (ours.over.code, ours.over.close_reason, str(ours.over)) == (code, reason, sentence)
    assert ours.news and not ours.open
    ours.send(said(b"too late"))
    assert frames_in(ours.data_to_send()) == [(0x80 | BINARY, b"before"), (0x80 | CLOSE, payload)]
    assert ours.close() is False
    assert ours.data_to_send() == b""
    assert ours.problems() == []
    assert ours.end() is None
    assert ours.receive(frame(BINARY, b"after")) == []


def test_a_server_names_its_peer_a_client() -> None:
    ours, theirs = joined()
    ours.close(1001, "bye")
    theirs.receive(ours.data_to_send())
    assert str(theirs.over) == "client: the client closed the WebSocket: 1001 (going away): bye"


def test_a_goodbye_of_ours_is_the_last_thing_said_and_waits_for_theirs() -> None:
    ours, theirs = joined()
    ours.send(said(b"before"))
    assert ours.close(1000, "done") is True
    ours.send(said(b"after"))
    assert ours.close() is False
    assert ours.receive(frame(PING, b"?") + frame(BINARY, b"still coming")) == [said(b"still coming")]
    assert ours.over is None
    goodbye = ours.data_to_send()
    assert frames_in(goodbye) == [(0x80 | BINARY, b"before"), (0x80 | CLOSE, b"\x03\xe8done")]
    assert theirs.receive(goodbye) == [said(b"before")]
    assert isinstance(theirs.over, WebSocketClosed)
    assert ours.receive(theirs.data_to_send()) == []
    assert isinstance(ours.over, WebSocketClosed)
    assert (ours.over.code, ours.over.close_reason) == (1000, "done")
    assert ours.news
    assert ours.data_to_send() == b""


def test_goodbyes_that_cross_end_both() -> None:
    ours, theirs = joined()
    assert ours.close(1000) and theirs.close(1001)
    to_server, to_client = ours.data_to_send(), theirs.data_to_send()
    ours.receive(to_client)
    theirs.receive(to_server)
    assert isinstance(ours.over, WebSocketClosed) and ours.over.code == 1001
    assert isinstance(theirs.over, WebSocketClosed) and theirs.over.code == 1000
    assert ours.data_to_send() == theirs.data_to_send() == b""


@pytest.mark.parametrize(
    ("reason", "sent"),
    [("", ""), ("x" * 200, "x" * 123), ("\N{EURO SIGN}" * 60, "\N{EURO SIGN}" * 41), ("a\ud800b", "a?b")],
)
def test_the_reason_of_a_goodbye_is_cut_to_what_a_frame_holds(reason: str, sent: str) -> None:
    for wire in joined():
        wire.close(4001, reason)
        assert closing(wire) == (4001, sent)


def test_there_is_no_goodbye_before_the_handshake_and_nothing_after_it() -> None:
    ours, theirs = client(), ServerWebSocket(Protobuf())
    request = ours.data_to_send()
    ours.send(said(b"kept"))
    assert ours.close() is False
    assert theirs.close() is False
    assert theirs.data_to_send() == b""
    ours.receive(accepted(request) + frame(PING))
    assert ours.data_to_send() == b""
    ours.receive(frame(CLOSE))
    assert isinstance(ours.over, WebSocketClosed)


def test_a_goodbye_is_told_when_it_comes_with_the_handshake() -> None:
    wire = client()
    wire.receive(accepted(wire.data_to_send()) + frame(CLOSE, b"\x03\xf5full"))
    assert isinstance(wire.over, WebSocketClosed)
    assert (wire.over.code, wire.over.close_reason, wire.open) == (1013, "full", False)


# Rules broken

VIOLATIONS = [
    (frame(3, b"x"), 1002, "Invalid opcode 0x3"),
    (frame(11), 1002, "Invalid opcode 0xb"),
    (frame(BINARY, b"x", rsv=4), 1002, "Reserved bit set unexpectedly"),
    (frame(BINARY, b"x", rsv=2), 1002, "Reserved bit set unexpectedly"),
    (frame(PING, b"x", rsv=1), 1002, "Reserved bit set unexpectedly"),
    (frame(BINARY, b"x" * 125, form=16), 1002, "Payload length used 2 bytes when 1 would have sufficed"),
    (frame(BINARY, b"x" * 126, form=64), 1002, "Payload length used 8 bytes when 2 would have sufficed"),
    (frame(CONTINUATION, b"x"), 1002, "unexpected CONTINUATION"),
    (frame(BINARY, b"x", fin=False) + frame(BINARY, b"y"), 1002, "expected CONTINUATION"),
    (frame(BINARY, b"x", fin=False) + frame(TEXT, b"y", fin=False), 1002, "expected CONTINUATION"),
    (frame(PING, fin=False), 1002, "Invalid attempt to fragment control frame"),
    (frame(CLOSE, b"x" * 126), 1002, "Control frame with payload len > 125"),
    (frame(CLOSE, b"x"), 1002, "CLOSE with 1 byte payload"),
    (frame(CLOSE, b"\x03\xed"), 1002, "remote CLOSE with local-only reason"),
    (frame(CLOSE, b"\x00\x00"), 1002, "CLOSE with invalid code"),
    (frame(CLOSE, b"\x03\xe8\xff"), 1007, "Error decoding CLOSE reason"),
    (frame(TEXT, b"\xff", fin=False), 1007, "can't decode byte 0xff"),
    (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b""), 1007, "unexpected end of data"),
    (frame(BINARY, b"x", mask=True), 1002, "client received unexpected masked frame"),
]


@pytest.mark.parametrize(("stream", "code", "problem"), VIOLATIONS, ids=[problem for _, _, problem in VIOLATIONS])
@pytest.mark.parametrize("dripped", [False, True])
def test_a_broken_rule_is_told_to_both_sides_and_nothing_is_read_after_it(
    stream: bytes, code: int, problem: str, dripped: bool
) -> None:
    ours, _ = joined()
    stream = frame(BINARY, b"before") + stream + frame(BINARY, b"after") * 200
    arrived = []
    for chunk in [bytes((byte,)) for byte in stream] if dripped else [stream]:
        arrived += ours.receive(chunk)
    assert arrived == [said(b"before")]
    [error] = ours.problems()
    assert isinstance(error, WebSocketViolation) and error.fatal
    assert problem in error.problem
    assert problem in str(error)
    assert ours.news and not ours.open
    assert ours.over is None
    told, reason = closing(ours)
    assert told == code
    assert reason.startswith("the peer broke the rules of WebSocket: ")
    assert ours.close() is False
    assert ours.problems() == []
    assert ours.end() is None


def test_a_server_does_not_take_frames_that_are_not_masked() -> None:
    _, theirs = joined()
    assert theirs.receive(frame(BINARY, b"x")) == []
    [error] = theirs.problems()
    assert "server received unexpected unmasked frame" in str(error)
    assert closing(theirs)[0] == 1002


def test_a_broken_rule_after_our_goodbye_is_not_answered_with_another() -> None:
    ours, _ = joined()
    ours.close()
    ours.data_to_send()
    ours.receive(frame(3))
    assert [type(error) for error in ours.problems()] == [WebSocketViolation]
    assert ours.data_to_send() == b""


@pytest.mark.parametrize("text", [False, True])
def test_a_message_of_the_wrong_kind_costs_its_neighbours_nothing(text: bool) -> None:
    right, wrong = (TEXT, BINARY) if text else (BINARY, TEXT)
    ours, _ = joined(text)
    stream = frame(right, b"one") + frame(wrong, b"other") + b"".join(fragments(wrong, [b"oth", b"er two"]))
    assert ours.receive(stream + frame(right, b"two")) == [said(b"one"), said(b"two")]
    problems = ours.problems()
    assert [(type(error), error.fatal) for error in problems] == [(UndecodableEnvelope, False)] * 2
    assert [error.size for error in problems if isinstance(error, UndecodableEnvelope)] == [5, 9]
    kinds = ("text", "binary") if text else ("binary", "text")
    assert f"messages are {kinds[0]} here, and this one is {kinds[1]}" in str(problems[0])
    assert ours.open
