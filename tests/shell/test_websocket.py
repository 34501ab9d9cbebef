"""What a WebSocket has and TCP has not: a handshake, pings, goodbyes, and rules that can be broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted import version as twisted_version

from ctrader_twisted import ConnectionState, Envelope, Limits, Wire, messages
from ctrader_twisted.errors import (
    ConnectionFailed,
    DeadPeer,
    FrameTooLong,
    HandshakeRefused,
    IncompletePayload,
    NotReadyInTime,
    OutcomeUnknown,
    RequestNotSent,
    UndecodableEnvelope,
    WebSocketClosed,
    WebSocketViolation,
)
from ctrader_twisted.protocol import MAX_BODY
from ctrader_twisted.session.events import Disconnected, Problem
from ctrader_twisted.wire import codec
from tests.shell.memory import (
    ACCOUNT,
    BINARY,
    CLOSE,
    PING,
    PONG,
    SECRET,
    TEXT,
    TOKEN,
    Memory,
    collector,
    names,
    outcome,
    server_wire,
    websocket_frame,
)
from tests.shell.test_factory import reconnect
from tests.shell.test_protocol import TRADER, spot

pytestmark = pytest.mark.wires(Wire.JSON, Wire.PROTOBUF_WEBSOCKET)

Spot = messages.ProtoOASpotEvent


def order(m: Memory) -> list[Any]:
    return outcome(
        m.client.new_order(ctidTraderAccountId=ACCOUNT, symbolId=1, orderType="MARKET", tradeSide="BUY", volume=100_000)
    )


def frames(m: Memory) -> list[tuple[int, bytes]]:
    """Take the frames that the client has written by now: what each is, and what it holds."""
    data, found = m.transport.value(), []
    m.transport.clear()
    while data:
        size, header = data[1] & 0x7F, 2
        assert data[0] & 0x80 and data[1] & 0x80  # whole messages, masked
        if size > 125:
            header = 4 if size == 126 else 10
            size = int.from_bytes(data[2:header])
        mask, payload = data[header : header + 4], data[header + 4 : header + 4 + size]
        found.append((data[0] & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))))
        data = data[header + 4 + size :]
    return found


def goodbye(code: int | None = None, reason: str = "") -> bytes:
    """Give what a server writes to close a WebSocket."""
    return websocket_frame(CLOSE, b"" if code is None else code.to_bytes(2) + reason.encode())


def refusal(status: str, body: str = "", *fields: str, size: int | None = None) -> bytes:
    """Give what a server writes that lets no WebSocket begin."""
    head = (f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body) if size is None else size}")
    return ("\r\n".join(head) + f"\r\n\r\n{body}").encode()


def acceptance(m: Memory) -> bytes:
    """Take the handshake's request and give what answers it."""
    m.wire.receive(m.transport.value())
    m.transport.clear()
    return m.wire.data_to_send()


def loss(m: Memory) -> Disconnected:
    """End the connection, and give what is told of it."""
    m.end()
    return m.of(Disconnected)[-1]


# The handshake


def test_the_handshake_asks_for_the_host_with_its_port_and_for_no_extension(wire: Wire) -> None:
    m = Memory()
    m.connect()
    head, body = m.transport.value().decode().split("\r\n\r\n")
    first, *fields = head.split("\r\n")
    assert (first, body) == ("GET / HTTP/1.1", "")
    asked = dict(field.lower().split(": ", 1) for field in fields)
    assert asked["host"] == f"test.invalid:{wire.default_port}"
    assert asked["upgrade"] == "websocket"
    assert asked["sec-websocket-version"] == "13"
    assert "sec-websocket-extensions" not in asked


def test_nothing_is_sent_before_the_handshake_is_answered() -> None:
    m = Memory(heartbeat_after=2)
    m.connect()
    answer = acceptance(m)
    early = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.clock.pump([1] * 10)
    assert m.transport.value() == b""
    m.protocol.dataReceived(answer)
    assert names(m.sent()) == ["ProtoOAApplicationAuthReq"]
    assert isinstance(early[0], RequestNotSent)


def test_the_handshake_follows_that_of_tls_and_each_is_named_when_it_takes_too_long() -> None:
    for shaken, named in ((False, "the TLS handshake"), (True, "the WebSocket handshake")):
        m = Memory(connect_timeout=5)
        m.connect(tls=True)
        assert m.transport.value() == b""
        if shaken:
            m.protocol.handshakeCompleted()
            assert m.transport.value().startswith(b"GET / HTTP/1.1\r\n")
        m.clock.pump([1] * 5)
        lost = loss(m)
        assert isinstance(lost.reason, DeadPeer)
        assert f"{named} was not completed within 5 s" in str(lost.reason)


def test_a_connection_that_ends_within_the_handshake_of_tls_has_its_own_reason() -> None:
    m = Memory()
    m.connect(tls=True)
    assert not isinstance(loss(m).reason, HandshakeRefused)


def test_an_answer_to_the_handshake_that_comes_after_the_end_changes_nothing() -> None:
    m = Memory()
    m.connect()
    answer = acceptance(m)
    m.client.close()
    m.protocol.dataReceived(answer)
    m.clock.advance(0)
    assert m.transport.value() == b""
    assert m.transport.disconnecting


@pytest.mark.parametrize("chunk", [1, 10_000], ids=["in drops", "at once"])
def test_what_follows_the_answer_to_the_handshake_is_not_lost(chunk: int) -> None:
    m = Memory()
    seen = collector(m.client, Spot)
    m.connect()
    data = acceptance(m) + m.frame(codec.pack(spot(1))) + m.frame(codec.pack(spot(2)))
    for start in range(0, len(data), chunk):
        m.protocol.dataReceived(data[start : start + chunk])
    assert [event.bid for event in seen] == [1, 2]
    assert names(m.sent()) == ["ProtoOAApplicationAuthReq"]


def test_a_refused_handshake_says_what_was_answered_and_is_tried_again() -> None:
    m = Memory()
    waiting = outcome(m.client.when_ready(timeout=1))
    m.connect()
    m.transport.clear()
    m.protocol.dataReceived(refusal("403 Forbidden", "not from\r\nthis network"))
    assert m.transport.disconnecting and not m.transport.aborted
    assert m.transport.value() == b""
    lost = loss(m)
    assert isinstance(lost.reason, HandshakeRefused)
    assert (lost.reason.status, lost.reason.body, lost.reason.retry_after) == (403, "not from this network", None)
    assert m.factory.last_failure is lost.reason
    m.clock.advance(1)
    assert isinstance(waiting[0], NotReadyInTime)
    for said in ("not ready within 1 s", "403 Forbidden", "not from this network", "test.invalid"):
        assert said in str(waiting[0])
    reconnect(m)
    assert m.client.state is ConnectionState.READY


@pytest.mark.parametrize(
    ("value", "wait"), [("7", 7), ("999999999", 3600), ("0", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)]
)
def test_a_server_that_says_when_to_come_back_is_believed_for_an_hour(value: str, wait: float) -> None:
    m = Memory(retry_after=1)
    m.factory.jitter = 0
    m.connect()
    m.protocol.dataReceived(refusal("429 Too Many Requests", "", f"Retry-After: {value}"))
    wait = wait or (
        1.5 if twisted_version.major < 26 else 1
    )  # the usual delay, which older releases begin with a step up
    assert loss(m).retry_in == wait
    m.clock.advance(wait - 0.1)
    assert not m.connector.connecting
    m.clock.advance(0.1)
    assert m.connector.connecting


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x00\x00\x00\x02\x08\x33", b"HTTP/1.1 what?\r\n\r\n"])
def test_an_answer_that_is_no_http_is_a_refusal_without_a_status(answer: bytes) -> None:
    m = Memory()
    m.connect()
    m.protocol.dataReceived(answer)
    assert m.transport.disconnecting
    lost = loss(m)
    assert isinstance(lost.reason, HandshakeRefused)
    assert lost.reason.status is None
    assert "can't be read" in str(lost.reason)
    assert m.of(Problem) == []


@pytest.mark.parametrize("answered", [b"", b"HTTP/1.1 101 Switching"])
def test_a_connection_that_ends_within_the_handshake_is_a_refusal(answered: bytes) -> None:
    m = Memory()
    m.connect()
    m.protocol.dataReceived(answered)
    lost = loss(m)
    assert isinstance(lost.reason, HandshakeRefused)
    assert "ended before the WebSocket handshake was answered" in str(lost.reason)
    assert m.of(Problem) == []


@pytest.mark.parametrize("answered", [b"", b"HTTP/1.1 101 Switching"])
def test_a_handshake_that_is_not_answered_in_time_is_a_dead_peer(answered: bytes) -> None:
    m = Memory(connect_timeout=5)
    m.connect()
    m.protocol.dataReceived(answered)
    m.clock.pump([1] * 4)
    assert not m.transport.aborted
    m.clock.advance(1)
    assert m.transport.aborted
    lost = loss(m)
    assert isinstance(lost.reason, DeadPeer)
    assert "the WebSocket handshake was not completed within 5 s" in str(lost.reason)
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_a_refusal_that_is_told_by_halves_when_its_time_is_up_still_names_its_status() -> None:
    m = Memory(connect_timeout=5)
    m.connect()
    m.protocol.dataReceived(refusal("503 Service Unavailable", "we are", size=100))
    assert not m.transport.disconnecting
    m.clock.pump([1] * 5)
    assert m.transport.aborted
    lost = loss(m)
    assert isinstance(lost.reason, HandshakeRefused)
    assert (lost.reason.status, lost.reason.body) == (503, "we are")


# Pings


def test_a_ping_is_answered_at_once() -> None:
    m = Memory().ready()
    m.sent()
    m.protocol.dataReceived(websocket_frame(PING, b"beat"))
    assert frames(m) == [(PONG, b"beat")]


def test_a_ping_between_messages_costs_them_nothing() -> None:
    m = Memory().ready()
    seen = collector(m.client, Spot)
    m.protocol.dataReceived(
        m.frame(codec.pack(spot(1)))
        + websocket_frame(PING, b"1")
        + m.frame(codec.pack(spot(2)))
        + websocket_frame(PING)
        + m.frame(codec.pack(spot(3)))
    )
    assert [event.bid for event in seen] == [1, 2, 3]
    assert frames(m) == [(PONG, b"1"), (PONG, b"")]


def test_a_ping_is_a_sign_of_life() -> None:
    m = Memory().ready()
    for _ in range(3):
        m.clock.pump([1] * 70)
        m.protocol.dataReceived(websocket_frame(PING))
    assert not m.transport.aborted
    m.clock.pump([1] * 75)
    assert m.transport.aborted
    assert isinstance(loss(m).reason, DeadPeer)


# The server's goodbye


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (1001, "maintenance", "1001 (going away): maintenance"),
        (1013, "", "1013 (try again later)"),
        (4000, "of our own", "4000: of our own"),
        (None, "", "without a code"),
    ],
)
def test_a_server_that_says_goodbye_is_answered_and_quoted(code: int | None, reason: str, said: str) -> None:
    m = Memory().ready()
    left = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    turn = order(m)  # it would leave at the end of this turn of the reactor
    m.protocol.dataReceived(goodbye(code, reason))
    assert frames(m) == [(CLOSE, b"" if code is None else code.to_bytes(2) + reason.encode())]
    assert m.transport.disconnecting and not m.transport.aborted
    assert m.sent() == []
    lost = loss(m)
    assert isinstance(lost.reason, WebSocketClosed)
    assert (lost.reason.code, lost.reason.close_reason) == (code, reason)
    assert str(lost.reason).endswith(said)
    assert isinstance(left[0], OutcomeUnknown)
    assert isinstance(turn[0], RequestNotSent)
    assert m.of(Problem) == []
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_what_comes_before_the_goodbye_is_delivered_and_what_comes_after_it_is_not() -> None:
    m = Memory().ready()
    seen = collector(m.client, Spot)
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + goodbye(1000) + m.frame(codec.pack(spot(2))))
    m.protocol.dataReceived(m.frame(codec.pack(spot(3))))
    assert [event.bid for event in seen] == [1]
    assert m.of(Problem) == []


@pytest.mark.parametrize("last", [goodbye(1001), b"\xff" * 14], ids=["goodbye", "violation"])
def test_what_a_listener_asks_for_when_a_websocket_is_over_never_leaves(last: bytes) -> None:
    tap = Tap()
    m = Memory(tap=tap, limits=Limits(general=3)).ready()
    m.sent()
    results: list[list[Any]] = []
    for kind in (Spot, Problem):
        m.client.on(kind, lambda _: results.extend((order(m), order(m))))
    tap.seen.clear()
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + last)
    assert m.sent() == []
    assert "sent" not in tap.kinds()
    m.end()
    assert len(results) in (2, 4)
    for result in results:
        assert isinstance(result[0], RequestNotSent)


def test_a_listener_of_what_came_with_the_goodbye_may_close_the_client() -> None:
    m = Memory().ready()
    turn = order(m)
    m.client.on(Spot, lambda _: m.client.close())
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + goodbye(1001))
    assert m.transport.disconnecting
    m.end()
    assert isinstance(turn[0], RequestNotSent)
    assert m.clock.getDelayedCalls() == []
    assert m.connector.attempts == 1


def test_a_secret_that_the_server_repeats_is_not_told() -> None:
    m = Memory().ready().authorised()
    said = f"bad: {TOKEN}, {SECRET}"
    m.protocol.dataReceived(goodbye(1008, said))
    m.end()
    refusals = [
        refusal("401 Unauthorized", said),
        refusal("403 Forbidden", "x" * (MAX_BODY - 5) + TOKEN),  # cut where it is
        refusal("302 Found", said, f"Location: https://{TOKEN}.example/{SECRET}"),
        refusal("503 Service Unavailable", said, size=1000),  # told by halves
        f"HTTP/1.1 {TOKEN} what?\r\n\r\n".encode(),
    ]
    for answer in refusals:
        while not m.connector.connecting:
            m.clock.advance(1)
        m.connect()
        m.protocol.dataReceived(answer)
        if not m.transport.disconnecting:
            m.clock.pump([1] * 30)
        m.end()
    closed, *refused = (lost.reason for lost in m.of(Disconnected))
    assert closed.code == 1008 and closed.close_reason.startswith("bad: ")
    assert [error.status for error in refused] == [401, 403, 302, 503, None]
    assert refused[0].body.startswith("bad: ") and refused[3].body.startswith("bad: ")
    assert len(refused[1].body) <= MAX_BODY
    for error in (closed, *refused):
        shown = f"{error!r} {error} {vars(error)}"
        assert TOKEN[:5] not in shown and SECRET[:5] not in shown


def test_a_peer_that_pings_and_does_not_read_fills_no_memory() -> None:
    m = Memory().ready()
    m.sent()
    m.protocol.pauseProducing()
    m.protocol.dataReceived(websocket_frame(PING, b"x" * 125) * 100)
    assert m.transport.value() == b""
    m.protocol.resumeProducing()
    m.protocol.dataReceived(websocket_frame(PING, b"again"))
    assert frames(m) == [(PONG, b"again")]


def test_a_port_of_another_wire_is_told_of_where_the_client_is_not_ready(wire: Wire) -> None:
    m = Memory(timeout=5)
    waiting = [outcome(m.client.when_ready(timeout=seconds)) for seconds in (3, 8)]
    m.accept()
    m.protocol.dataReceived(websocket_frame(BINARY if wire is Wire.JSON else TEXT, b"{}"))
    m.clock.pump([1] * 5)
    lost = loss(m)
    m.clock.pump([1] * 3)
    problem = "messages are text here" if wire is Wire.JSON else "messages are binary here"
    for (error,) in waiting:
        assert isinstance(error, NotReadyInTime)
        assert problem in str(error)
    assert "not authorised in time; what came can't be read" in str(lost.reason)
    assert problem in str(lost.reason)
    assert "check port and wire" in str(lost.reason)


@pytest.mark.wires(Wire.JSON)
def test_an_application_whose_refusal_can_not_be_read_is_not_called_late() -> None:
    m = Memory()
    m.accept()
    (auth,) = m.sent()
    answer = {"clientMsgId": auth.client_msg_id, "payloadType": 2142, "payload": {"description": "go away"}}
    m.protocol.dataReceived(m.raw(json.dumps(answer).encode()))
    assert "it lacks errorCode" in str(loss(m).reason)


# The client's goodbye


def test_closing_says_goodbye_and_waits_for_the_answer() -> None:
    m = Memory().ready()
    m.sent()
    done = outcome(m.client.close())
    assert frames(m) == [(CLOSE, (1000).to_bytes(2))]
    assert not m.transport.disconnecting
    m.protocol.dataReceived(goodbye(1000))
    assert m.transport.disconnecting and not m.transport.aborted
    assert frames(m) == [] and done == []
    m.end()
    assert done == [None]
    assert m.clock.getDelayedCalls() == []


@pytest.mark.parametrize("answered", [False, True], ids=["no goodbye", "no end"])
def test_a_peer_that_does_not_part_is_left(answered: bool) -> None:
    m = Memory(close_timeout=5).ready()
    done = outcome(m.client.close())
    m.clock.advance(3)
    if answered:
        m.protocol.dataReceived(goodbye(1000))
    assert m.transport.disconnecting is answered
    m.clock.advance(1.9)
    assert not m.transport.aborted
    m.clock.advance(0.1)
    assert m.transport.aborted
    m.end(clean=False)
    assert done == [None]
    assert m.clock.getDelayedCalls() == []


def test_a_peer_that_ends_the_connection_instead_of_saying_goodbye_is_no_trouble() -> None:
    m = Memory().ready()
    done = outcome(m.client.close())
    m.end(clean=False)
    assert done == [None]
    assert m.clock.getDelayedCalls() == []


def test_messages_are_taken_until_the_goodbye_is_answered() -> None:
    m = Memory().ready()
    seen = collector(m.client, Spot)
    m.say(messages.ProtoOAClientDisconnectEvent(reason="maintenance"))
    assert m.leaving and not m.transport.disconnecting
    late = order(m)
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + websocket_frame(PING))
    m.protocol.dataReceived(m.frame(codec.pack(spot(2))) + goodbye(1000))
    assert [event.bid for event in seen] == [1, 2]
    assert m.transport.disconnecting
    assert m.sent() == []
    assert "maintenance" in str(loss(m).reason)
    assert isinstance(late[0], RequestNotSent)


def test_a_peer_that_breaks_a_rule_instead_of_saying_goodbye_is_not_waited_for() -> None:
    m = Memory().ready()
    m.protocol.drop(ConnectionFailed("test", "leaving"))
    assert m.leaving and not m.transport.disconnecting
    m.protocol.dataReceived(b"\xff" * 14)
    assert m.transport.disconnecting
    assert str(loss(m).reason) == "test: leaving"


# Rules


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\xc2\x04abcd", id="a reserved bit"),
        pytest.param(b"\x83\x00", id="a kind that there is not"),
        pytest.param(b"\x82\x84abcd1234", id="masked"),
        pytest.param(b"\x80\x04abcd", id="a continuation of nothing"),
        pytest.param(b"\x09\x00", id="a ping in pieces"),
        pytest.param(b"\x88\x01x", id="half a code"),
    ],
)
def test_a_server_that_breaks_a_rule_is_told_so_and_left(broken: bytes) -> None:
    m = Memory(close_timeout=5).ready()
    seen = collector(m.client, Spot)
    left = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + broken + m.frame(codec.pack(spot(2))))
    assert [event.bid for event in seen] == [1]
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, WebSocketViolation)
    ((kind, told),) = frames(m)
    assert (kind, int.from_bytes(told[:2])) == (CLOSE, 1002)
    assert m.transport.disconnecting and not m.transport.aborted  # what is aborted tells nobody anything
    m.clock.advance(5)
    assert m.transport.aborted
    assert loss(m).reason is problem.error
    assert isinstance(left[0], OutcomeUnknown)
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_a_message_that_is_too_long_by_its_pieces_is_told_like_one_in_one_piece(wire: Wire) -> None:
    kind = TEXT if wire is Wire.JSON else BINARY
    for pieces in (
        [websocket_frame(kind, b"x" * 1001)],
        [websocket_frame(kind, b"x" * 600, final=False), websocket_frame(0, b"x" * 600)],
    ):
        m = Memory(max_frame=1000).ready()
        m.sent()
        m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + b"".join(pieces))
        (problem,) = m.of(Problem)
        assert isinstance(problem.error, FrameTooLong)
        assert problem.error.announced > problem.error.allowed == 1000
        ((kind_told, told),) = frames(m)
        assert (kind_told, int.from_bytes(told[:2])) == (CLOSE, 1009)
        assert loss(m).reason is problem.error


def test_a_message_of_the_other_kind_is_told_and_costs_no_neighbour(wire: Wire) -> None:
    m = Memory().ready()
    seen = collector(m.client, Spot)
    m.protocol.dataReceived(
        m.frame(codec.pack(spot(1)))
        + websocket_frame(BINARY if wire is Wire.JSON else TEXT, b"hello")
        + m.frame(codec.pack(spot(2)))
    )
    assert [event.bid for event in seen] == [1, 2]
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, UndecodableEnvelope)
    assert m.client.state is ConnectionState.READY and not m.leaving


# What JSON can't say


@pytest.mark.wires(Wire.JSON)  # protobuf keeps what lacks a field, and what the schema does not have
def test_an_answer_that_lacks_a_field_ends_its_request_at_once() -> None:
    m = Memory().ready()
    first = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    second = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    one, two = m.sent()
    lacking = b'{"clientMsgId":"%b","payloadType":2122,"payload":{"ctidTraderAccountId":1,"trader":{}}}'
    m.protocol.dataReceived(
        m.raw(lacking % str(one.client_msg_id).encode()) + m.frame(codec.pack(TRADER, two.client_msg_id))
    )
    (unknown,) = first
    assert isinstance(unknown, OutcomeUnknown)
    cause = unknown.__cause__
    assert isinstance(cause, IncompletePayload)
    assert "trader.balance" in cause.missing and "trader.balance" in str(unknown)
    assert second == [TRADER]
    assert [problem.error for problem in m.of(Problem)] == [cause]
    assert m.client.in_flight == 0 and not m.leaving


@pytest.mark.wires(Wire.JSON)  # see above
def test_an_event_that_lacks_a_field_is_told_and_costs_no_neighbour() -> None:
    m = Memory().ready()
    seen = collector(m.client, Spot)
    lacking = m.raw(b'{"payloadType":2131,"payload":{"ctidTraderAccountId":1}}')
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + lacking + m.frame(codec.pack(spot(2))))
    assert [event.bid for event in seen] == [1, 2]
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, IncompletePayload)
    assert problem.error.missing == ("symbolId",)
    assert m.client.counts == {"unreadable": 1}


@pytest.mark.wires(Wire.JSON)  # see above
def test_fields_that_the_schema_does_not_have_are_counted_over_every_connection() -> None:
    m = Memory()
    for _ in range(2):
        reconnect(m)
        m.protocol.dataReceived(
            m.raw(b'{"payloadType":2131,"payload":{"ctidTraderAccountId":1,"symbolId":1,"mood":"good","bid":7}}')
        )
        m.end()
    assert m.client.unknown_fields == {"ProtoOASpotEvent.mood": 2}
    assert m.of(Problem) == []


# Sizes and compression


@pytest.mark.parametrize("chunk", [999, 1_000_000])
@pytest.mark.parametrize("size", [0, 70, 126, 65_535, 65_536, 200_000])
def test_messages_of_every_size_pass_in_both_directions(size: int, chunk: int) -> None:
    m = Memory().ready()
    result = outcome(m.client.get_account_list_by_access_token(accessToken="x" * size))
    ((asked, request),) = m.expect(messages.ProtoOAGetAccountListByAccessTokenReq)
    assert len(request.accessToken) == size
    answer = messages.ProtoOAGetAccountListByAccessTokenRes(accessToken="y" * size)
    data = m.frame(codec.pack(answer, asked.client_msg_id))
    for start in range(0, len(data), chunk):
        m.protocol.dataReceived(data[start : start + chunk])
    assert result == [answer]


def test_a_message_may_come_in_pieces_with_a_ping_between_them(wire: Wire) -> None:
    m = Memory().ready()
    seen = collector(m.client, Spot)
    whole = m.frame(codec.pack(spot(7)))[2:]
    kind = TEXT if wire is Wire.JSON else BINARY
    m.protocol.dataReceived(websocket_frame(kind, whole[:3], final=False) + websocket_frame(PING))
    assert frames(m)[-1] == (PONG, b"")
    m.protocol.dataReceived(websocket_frame(0, final=False) + websocket_frame(0, whole[3:]))
    assert [event.bid for event in seen] == [7]


@pytest.mark.parametrize("server", [True, False], ids=["taken", "declined"])
def test_compression_is_offered_where_it_is_asked_for_and_used_where_it_is_taken(wire: Wire, server: bool) -> None:
    m = Memory(compression=True)
    m.connect()
    assert b"permessage-deflate" in m.transport.value()
    m.wire = server_wire(wire, compression=server)
    m.shake()
    m.expect(messages.ProtoOAApplicationAuthReq)
    long = Envelope(9999, b'{"said":"' + b"x" * 10_000 + b'"}')
    seen = collector(m.client, Envelope)
    m.wire.send(long)
    data = m.wire.data_to_send()
    assert (len(data) < 1000) is server
    m.protocol.dataReceived(data)
    assert seen == [long]
    assert m.of(Problem) == []


# Closing, and who watches


@pytest.mark.parametrize(
    "stage", ["asked", "half answered", "half refused", "refused", "open", "dropped", "parting", "over"]
)
def test_close_leaves_nothing_scheduled_whatever_a_websocket_is_at(stage: str) -> None:
    m = Memory()
    if stage in ("asked", "half answered", "half refused", "refused"):
        m.connect()
        said = {
            "half answered": acceptance(m)[:20],
            "half refused": refusal("503 Service Unavailable", size=100),
            "refused": refusal("503 Service Unavailable"),
        }
        m.protocol.dataReceived(said.get(stage, b""))
    else:
        m.accept()
        m.sent()
        if stage == "dropped":
            m.protocol.drop(ConnectionFailed("test", "leaving"))
        elif stage == "parting":
            m.protocol.dataReceived(goodbye(1001))
        elif stage == "over":
            m.protocol.dataReceived(b"\xff" * 14)
    m.transport.clear()
    done = outcome(m.client.close())
    waits = stage in ("open", "dropped")  # for the server's goodbye
    assert m.transport.disconnecting is not waits
    assert frames(m) == ([(CLOSE, (1000).to_bytes(2))] if stage == "open" else [])
    assert done == []
    m.end()
    assert done == [None]
    assert m.clock.getDelayedCalls() == []
    assert m.connector.attempts == 1


class Tap:
    """Writes down what it is told, without numbers of connections and times."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def kinds(self) -> list[str]:
        """Give of what kind each was."""
        return [kind for kind, *_ in self.seen]

    def opened(self, connection: int, where: str, at: float) -> None:
        self.seen.append(("opened", where))

    def sent(self, connection: int, envelopes: Any, at: float) -> None:
        self.seen.append(("sent", names(envelopes)))

    def received(self, connection: int, items: Any, at: float) -> None:
        self.seen.append(("received", names(items)))

    def unreadable(self, connection: int, error: Any, at: float) -> None:
        self.seen.append(("unreadable", type(error)))

    def ended(self, connection: int, reason: str, at: float) -> None:
        self.seen.append(("ended", reason))

    def failed(self, where: str, reason: str, at: float) -> None:
        self.seen.append(("failed", reason))


def test_a_tap_sees_a_conversation_over_a_websocket_as_it_does_over_tcp(wire: Wire) -> None:
    tap = Tap()
    m = Memory(tap=tap).ready()
    m.say(spot(1))
    m.protocol.dataReceived(websocket_frame(PING) + m.raw(b"?"))
    m.protocol.dataReceived(goodbye(1001, "maintenance"))
    m.end()
    where = f"test (test.invalid:{wire.default_port}, {wire.value})"
    assert tap.seen == [
        ("opened", where),
        ("sent", ["ProtoOAApplicationAuthReq"]),
        ("received", ["ProtoOAApplicationAuthRes"]),
        ("received", ["ProtoOASpotEvent"]),
        ("unreadable", UndecodableEnvelope),
        ("ended", str(m.of(Disconnected)[0].reason)),
    ]


def test_a_tap_is_told_why_a_handshake_was_refused() -> None:
    tap = Tap()
    m = Memory(tap=tap)
    m.connect()
    m.protocol.dataReceived(refusal("403 Forbidden"))
    m.end()
    assert tap.kinds() == ["opened", "ended"]
    assert "403 Forbidden" in tap.seen[-1][1]
