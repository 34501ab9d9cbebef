"""The accepting shell: a transport, a wire and a conversation that the test plays itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from ctrader_twisted.errors import ConnectionFailed, FrameTooLong, UndecodableEnvelope
from ctrader_twisted.server import CLOSE_TIMEOUT, ServerFactory
from ctrader_twisted.sim.memory import join
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.int32 import Int32Wire

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
    def __init__(self):
        self.wire, self.received, self.raw, self.reason = Int32Wire(), [], b"", None

    def dataReceived(self, data):
        self.raw += data
        for one in self.wire.receive(data):
            self.received.extend(one.envelopes() if isinstance(one, Burst) else [one])

    def connectionLost(self, reason):
        self.reason = reason


class Line:
    """A client and a server joined, on a clock."""

    def __init__(self, max_backlog=1_000_000, **options):
        self.clock = Clock()
        self.talks: list[Talk] = []
        self.factory = ServerFactory(self._talk, Int32Wire, self.clock, max_backlog)
        self.client = Client()
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
        self.client.transport.write(b"".join(frame(one) for one in envelopes))
        self.pump()

    @property
    def writes(self):
        return self.link.server.writes


def frame(envelope):
    data = codec.encode(envelope)
    return len(data).to_bytes(4, "big") + data


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
