"""The accepting shell: a transport, a wire and a conversation that the test plays itself."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from ctrader_twisted.errors import (
    ConnectionFailed,
    FrameTooLong,
    TruncatedFrame,
    UndecodableEnvelope,
    WebSocketClosed,
    WebSocketViolation,
)
from ctrader_twisted.server import CLOSE_TIMEOUT, ServerFactory
from ctrader_twisted.sim.memory import join
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.int32 import Int32Wire
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket

SPOT, TRADER = 2131, 2122


class Talk:
    """A conversation that writes down what it hears and answers as the test wishes."""

    def __init__(self, peer):
        self.peer = peer
        self.heard: list[object] = []
        self.answer = lambda envelope: None

    def received(self, envelope):
        self.heard.append(envelope)
        self.answer(envelope)

    def problem(self, error):
        self.heard.append(error)

    def lost(self, reason):
        self.heard.append(reason.value)


class Client(Protocol):
    def __init__(self, wire):
        self.wire, self.received, self.raw, self.reason = wire, [], b"", None

    def connectionMade(self):
        self.wire.begin()
        self.transport.write(self.wire.data_to_send())

    def dataReceived(self, data):
        self.raw += data
        for one in self.wire.receive(data):
            self.received.extend(one.envelopes() if isinstance(one, Burst) else [one])
        self.transport.write(self.wire.data_to_send())

    def connectionLost(self, reason):
        self.reason = reason


class Line:
    """A client and a server joined, on a clock."""

    def __init__(self, max_backlog=1_000_000, *, wire=Int32Wire, client_wire=Int32Wire, **options):
        self.clock = Clock()
        self.talks: list[Talk] = []
        self.factory = ServerFactory(self._talk, wire, self.clock, max_backlog)
        self.client = Client(client_wire())
        self.server = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.link = join(self.client, self.server, **options)
        (self.talk,) = self.talks

    def _talk(self, peer):
        self.talks.append(Talk(peer))
        return self.talks[-1]

    def pump(self):
        self.clock.advance(0)
        while self.link.pump():
            self.clock.advance(0)

    def send(self, *envelopes):
        for one in envelopes:
            self.client.wire.send(one)
        self.client.transport.write(self.client.wire.data_to_send())
        self.pump()

    @property
    def writes(self):
        return self.link.server.writes


def frame(envelope):
    data = codec.encode(envelope)
    return len(data).to_bytes(4, "big") + data


server_websocket = partial(ServerWebSocket, codec.Protobuf())


def websocket(**options):
    """Join a client and a server that speak WebSocket; nothing has been said yet."""
    client_wire = partial(ClientWebSocket, codec.Protobuf(), host="test.invalid", port=5035, where="the server")
    return Line(wire=server_websocket, client_wire=client_wire, **options)


def requests(count):
    return [Envelope(2121, b"\x10\x01", f"id-{number}") for number in range(count)]


def test_envelopes_reach_the_conversation_one_by_one_in_their_order():
    line = Line()
    sent = [*requests(3), Envelope(51), Envelope(51), Envelope(51), *requests(2)]  # the heartbeats come as a run
    line.send(*sent)
    assert line.talk.heard == sent
    assert all(isinstance(one, Envelope) for one in line.talk.heard)


@pytest.mark.parametrize("chunk", [1, 5, None])
def test_envelopes_may_come_in_pieces(chunk):
    line = Line(chunk=chunk)
    line.send(*requests(5))
    assert line.talk.heard == requests(5)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 60))
def test_however_the_bytes_come_the_envelopes_are_the_same(payloads, chunk):
    line = Line(chunk=chunk)
    line.talk.answer = lambda envelope: line.talk.peer.send(envelope._replace(payload_type=TRADER))
    sent = [Envelope(2121, payload, f"id-{number}") for number, payload in enumerate(payloads)]
    if sent:
        line.send(*sent)
    assert line.talk.heard == sent
    assert line.client.received == [one._replace(payload_type=TRADER) for one in sent]


def test_what_is_sent_while_input_is_handled_leaves_in_one_write():
    line = Line()
    line.talk.answer = lambda envelope: [line.talk.peer.send(Envelope(TRADER, b"x", envelope.client_msg_id))] * 2
    line.send(*requests(50))
    assert line.writes == 1
    assert [one.client_msg_id for one in line.client.received] == [f"id-{number}" for number in range(50)]
    assert not line.clock.getDelayedCalls()


def test_what_is_sent_within_a_turn_leaves_in_one_write():
    line = Line()
    for number in range(20):
        line.talk.peer.send(Envelope(SPOT, bytes([number])))
    assert line.writes == 0
    line.clock.advance(0)
    assert line.writes == 1
    line.pump()
    assert [one.payload for one in line.client.received] == [bytes([number]) for number in range(20)]


def test_flush_does_not_wait_for_the_turn():
    line = Line()
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.talk.peer.flush()
    line.talk.peer.flush()
    assert line.writes == 1


def test_problems_are_told_and_cost_their_neighbours_nothing():
    line = Line()
    line.client.transport.write(frame(requests(1)[0]) + b"\0\0\0\3\xff\xff\xff" + frame(requests(1)[0]))
    line.pump()
    before, after, problem = line.talk.heard
    assert before == after == requests(1)[0]
    assert isinstance(problem, UndecodableEnvelope)


def test_after_a_fatal_problem_nothing_is_heard():
    line = Line()
    line.client.transport.write(frame(requests(1)[0]) + b"\xff\xff\xff\xff" + frame(requests(1)[0]))
    line.pump()
    line.send(*requests(3))
    request, problem = line.talk.heard
    assert request == requests(1)[0]
    assert isinstance(problem, FrameTooLong)


def test_a_close_lets_everything_sent_leave_first():
    line = Line()

    def answer(envelope):
        line.talk.peer.send(Envelope(TRADER, b"last words"))
        line.talk.peer.close()
        line.talk.peer.send(Envelope(TRADER, b"too late"))

    line.talk.answer = answer
    line.send(*requests(3))
    assert line.talk.heard[0] == requests(1)[0]
    assert len(line.talk.heard) == 2  # what came in the same chunk is not handled any more
    assert isinstance(line.talk.heard[1], ConnectionDone)
    assert [one.payload for one in line.client.received] == [b"last words"]
    assert not line.talk.peer.open
    assert not line.clock.getDelayedCalls()


def test_a_close_is_bounded():
    line = Line()
    line.client.transport.pauseProducing()  # it does not read
    line.talk.peer.send(Envelope(SPOT, bytes(1_000)))
    line.talk.peer.close()
    line.talk.peer.close()
    line.pump()
    assert line.talk.heard == []
    line.clock.advance(CLOSE_TIMEOUT)
    line.pump()
    assert [type(one) for one in line.talk.heard] == [ConnectionAborted]
    assert not line.clock.getDelayedCalls()


def test_an_abort_tells_its_reason():
    line = Line()
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.talk.peer.abort("it has been very rude")
    line.pump()
    (reason,) = line.talk.heard
    assert isinstance(reason, ConnectionFailed)
    assert reason.reason == "it has been very rude"
    assert line.client.reason.check(ConnectionLost)
    assert not line.client.received
    assert not line.clock.getDelayedCalls()


def test_a_loss_is_told_once_and_ends_everything():
    line = Line()
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.link.cut()
    assert [type(one) for one in line.talk.heard] == [ConnectionLost]
    line.talk.peer.send(Envelope(SPOT, b"2"))
    line.talk.peer.write_raw(b"3")
    line.talk.peer.cut(Envelope(SPOT))
    line.talk.peer.stop_reading()
    line.talk.peer.resume_reading()
    line.talk.peer.close()
    assert len(line.talk.heard) == 1
    assert not line.clock.getDelayedCalls()


def test_bytes_can_be_written_as_they_are_after_what_was_sent():
    line = Line()
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.talk.peer.write_raw(b"\xde\xad")
    line.pump()
    assert line.client.raw == frame(Envelope(SPOT, b"1")) + b"\xde\xad"


def test_a_frame_can_be_cut():
    line = Line()
    line.talk.peer.send(Envelope(SPOT, b"1"))
    whole = frame(Envelope(TRADER, bytes(100)))
    line.talk.peer.cut(Envelope(TRADER, bytes(100)))
    line.pump()
    assert line.client.raw == frame(Envelope(SPOT, b"1")) + whole[: len(whole) // 2]
    assert line.client.reason.check(ConnectionDone)


def test_reading_can_be_stopped():
    line = Line()
    line.talk.peer.stop_reading()
    line.send(*requests(2))
    assert line.talk.heard == []
    line.talk.peer.resume_reading()
    line.pump()
    assert line.talk.heard == requests(2)


def test_a_peer_that_does_not_read_is_not_read_from():
    line = Line()
    assert verifyObject(IPushProducer, line.server)
    line.talk.answer = lambda envelope: line.talk.peer.send(Envelope(TRADER, bytes(50_000)))
    line.client.transport.pauseProducing()
    line.send(*requests(40))
    handled = len(line.talk.heard)
    assert handled < 10  # it was told to stop long before the fortieth
    line.send(*requests(40))
    assert len(line.talk.heard) == handled
    line.client.transport.resumeProducing()
    line.pump()
    assert line.talk.heard == requests(40) * 2
    assert len(line.client.received) == 80


def test_what_is_pushed_to_a_peer_that_does_not_read_is_bounded():
    line = Line(max_backlog=200_000)
    line.client.transport.pauseProducing()
    pushed = 0
    while line.talk.peer.open:
        line.talk.peer.send(Envelope(SPOT, bytes(1_000)))
        line.pump()
        pushed += 1
        assert pushed < 1_000
    assert 200 < pushed < 300  # what the transport takes, and the bound
    (reason,) = line.talk.heard
    assert "does not read" in str(reason)


def test_what_was_held_back_arrives_once_the_peer_reads_again():
    line = Line()
    line.client.transport.pauseProducing()
    for number in range(300):
        line.talk.peer.send(Envelope(SPOT, number.to_bytes(2, "big") * 500))
        line.pump()
    line.client.transport.resumeProducing()
    line.pump()
    assert [one.payload[:2] for one in line.client.received] == [number.to_bytes(2, "big") for number in range(300)]
    assert line.talk.peer.open


def test_a_fault_of_the_conversation_does_not_keep_back_what_it_sent():
    line = Line()

    def answer(envelope):
        line.talk.peer.send(Envelope(TRADER, b"x"))
        raise ZeroDivisionError

    line.talk.answer = answer
    with pytest.raises(ZeroDivisionError):
        line.send(*requests(1))
    line.talk.answer = lambda envelope: None
    line.pump()
    assert len(line.client.received) == 1


def test_a_connection_that_never_was_has_no_conversation():
    clock, talks = Clock(), []
    protocol = ServerFactory(talks.append, Int32Wire, clock).buildProtocol(None)
    protocol.connectionLost()
    protocol.dataReceived(b"x")
    protocol.pauseProducing()
    protocol.resumeProducing()
    assert talks == []


# Over a WebSocket


@pytest.mark.parametrize("chunk", [1, None])
def test_over_a_websocket_a_conversation_is_the_same(chunk):
    line = websocket(chunk=chunk)
    line.talk.answer = lambda envelope: line.talk.peer.send(envelope._replace(payload_type=TRADER))
    line.pump()
    line.send(*requests(5))
    assert line.talk.heard == requests(5)
    assert line.client.received == [one._replace(payload_type=TRADER) for one in requests(5)]
    assert not line.clock.getDelayedCalls()


def test_what_is_sent_before_the_handshake_arrives_after_it():
    line = websocket()
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.talk.peer.flush()
    line.talk.peer.send(Envelope(SPOT, b"2"))
    line.clock.advance(0)
    assert line.writes == 0
    line.pump()
    assert line.client.wire.open
    assert line.client.received == [Envelope(SPOT, b"1"), Envelope(SPOT, b"2")]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: test.invalid\r\n\r\n", 426),
        (b"POST / HTTP/1.1\r\nHost: test.invalid\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost: test.invalid\r\nUpgrade: websocket\r\n\r\n", 400),
    ],
)
def test_what_asks_for_no_websocket_is_answered_by_http_and_closed(asked, status):
    line = Line(wire=server_websocket)
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.client.transport.write(asked)
    line.pump()
    assert line.client.raw.startswith(b"HTTP/1.1 %d " % status)
    assert line.client.reason.check(ConnectionDone)
    assert [type(one) for one in line.talk.heard] == [ConnectionDone]
    assert not line.clock.getDelayedCalls()


def test_a_ping_is_answered_while_the_conversation_is_silent():
    line = websocket()
    line.pump()
    line.client.transport.write(b"\x89\x82\0\0\0\0ab")
    line.pump()
    assert line.client.raw.endswith(b"\r\n\r\n\x8a\x02ab")
    assert line.talk.heard == []


def test_a_close_says_goodbye_after_everything_sent():
    line = websocket()
    line.pump()
    line.talk.peer.send(Envelope(TRADER, b"last words"))
    line.talk.peer.close()
    line.talk.peer.send(Envelope(TRADER, b"too late"))
    line.pump()
    assert [one.payload for one in line.client.received] == [b"last words"]
    assert isinstance(line.client.wire.over, WebSocketClosed)
    assert line.client.wire.over.code == 1000
    assert [type(one) for one in line.talk.heard] == [ConnectionDone]
    assert not line.clock.getDelayedCalls()


def test_a_clients_goodbye_ends_the_conversation_after_everything_it_said():
    line = websocket()
    line.talk.answer = lambda envelope: line.talk.peer.send(envelope._replace(payload_type=TRADER))
    line.pump()
    line.client.wire.send(requests(1)[0])
    line.client.wire.close(1001, "going home")
    line.client.transport.write(line.client.wire.data_to_send())
    line.pump()
    assert line.talk.heard[0] == requests(1)[0]
    assert [type(one) for one in line.talk.heard[1:]] == [ConnectionDone]
    assert line.client.wire.over.code == 1001  # the answer repeats it
    assert not line.talk.peer.open
    assert not line.clock.getDelayedCalls()


def test_a_client_that_breaks_a_rule_is_told_so():
    line = websocket()
    line.pump()
    line.client.transport.write(b"\x82\x04abcd")  # not masked
    line.pump()
    line.send(*requests(1))
    (problem,) = line.talk.heard
    assert isinstance(problem, WebSocketViolation)
    assert line.client.wire.over.code == 1002


def test_a_frame_of_a_websocket_can_be_cut_and_bytes_can_be_written_as_they_are():
    line = websocket()
    line.pump()
    line.client.raw = b""
    line.talk.peer.send(Envelope(SPOT, b"1"))
    line.talk.peer.write_raw(b"\x8a\x00")
    line.talk.peer.cut(Envelope(TRADER, bytes(100)))
    line.talk.peer.send(Envelope(SPOT, b"2"))
    line.pump()
    spot, whole = (codec.encode(one) for one in (Envelope(SPOT, b"1"), Envelope(TRADER, bytes(100))))
    whole = bytes((0x82, len(whole))) + whole
    assert line.client.raw == bytes((0x82, len(spot))) + spot + b"\x8a\x00" + whole[: len(whole) // 2]
    assert line.client.received == [Envelope(SPOT, b"1")]
    assert isinstance(line.client.wire.end(), TruncatedFrame)
    assert line.client.reason.check(ConnectionDone)
    assert not line.clock.getDelayedCalls()
