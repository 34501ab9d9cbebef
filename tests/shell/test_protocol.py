"""The shell between a transport and the session: what it does with bad input, silence, time and a stubborn peer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import create_autospec

import pytest
from twisted.internet.defer import CancelledError

from ctrader_twisted import ConnectionState, Envelope, Limits, Wire, messages
from ctrader_twisted.errors import (
    AnswerTimeout,
    DeadPeer,
    FrameTooLong,
    IncompleteMessage,
    NotARequest,
    OutcomeUnknown,
    QueueFull,
    RequestNotSent,
    SendTimeout,
    TruncatedFrame,
    UndecodableEnvelope,
    UndecodablePayload,
    WebSocketViolation,
)
from ctrader_twisted.protocol import Tap
from ctrader_twisted.session.events import Disconnected, Problem
from ctrader_twisted.wire import catalogue, codec
from tests.shell.memory import ACCOUNT, Memory, collector, names, outcome

if TYPE_CHECKING:
    from google.protobuf.message import Message

TRADER = messages.ProtoOATraderRes(
    ctidTraderAccountId=ACCOUNT,
    trader=messages.ProtoOATrader(ctidTraderAccountId=ACCOUNT, balance=500_000, depositAssetId=15),
)


def spot(bid: int) -> messages.ProtoOASpotEvent:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=ACCOUNT, symbolId=1, bid=bid, ask=bid + 2)


# Bad input


def test_a_frame_too_long_ends_the_connection_with_both_sizes_and_costs_no_neighbour(wire: Wire) -> None:
    m = Memory(max_frame=1000).ready()
    seen = collector(m.client, messages.ProtoOASpotEvent)
    waiting = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    m.protocol.dataReceived(m.frame(codec.pack(spot(7))) + m.raw(b"x" * 1001)[:50])
    assert [event.bid for event in seen] == [7]
    assert m.transport.disconnecting
    assert m.transport.aborted is (wire is Wire.PROTOBUF)  # over a WebSocket the peer is told why
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, FrameTooLong)
    assert (problem.error.announced, problem.error.allowed) == (1001, 1000)
    assert "1001" in str(problem.error) and "1000" in str(problem.error)
    m.end()
    assert isinstance(waiting[0], OutcomeUnknown)
    (lost,) = m.of(Disconnected)
    assert lost.reason is problem.error
    assert m.client.in_flight == 0


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"\x0a", id="truncated"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xff\xff\xff", id="random"),
        pytest.param(b"\x12\x03abc", id="no payload type"),
    ],
)
def test_an_undecodable_envelope_is_told_and_costs_no_neighbour(junk: bytes) -> None:
    m = Memory().ready()
    seen = collector(m.client, messages.ProtoOASpotEvent)
    m.protocol.dataReceived(m.frame(codec.pack(spot(1))) + m.raw(junk) + m.frame(codec.pack(spot(2))))
    assert [event.bid for event in seen] == [1, 2]
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, UndecodableEnvelope)
    assert str(len(junk)) in str(problem.error)
    assert m.client.counts == {"unreadable": 1}
    assert m.client.state is ConnectionState.READY


def test_an_undecodable_event_is_told_and_costs_no_neighbour() -> None:
    m = Memory().ready()
    seen = collector(m.client, messages.ProtoOASpotEvent)
    m.give(codec.pack(spot(1)), Envelope(2131, b"\xff\xff\xff"), codec.pack(spot(2)))
    assert [event.bid for event in seen] == [1, 2]
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, UndecodablePayload)
    assert problem.error.message_name == "ProtoOASpotEvent"


def test_an_undecodable_answer_ends_its_request_as_unknown_and_no_other() -> None:
    m = Memory().ready()
    first = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    second = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    one, two = m.sent()
    m.give(Envelope(2122, b"\xff\xff\xff", one.client_msg_id), codec.pack(TRADER, two.client_msg_id))
    assert isinstance(first[0], OutcomeUnknown)
    assert isinstance(first[0].__cause__, UndecodablePayload)
    assert second == [TRADER]


def test_random_bytes_end_in_an_error_that_says_so(wire: Wire) -> None:
    m = Memory().ready()
    m.protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, FrameTooLong if wire is Wire.PROTOBUF else WebSocketViolation)
    assert m.transport.disconnecting


def test_a_stream_that_ends_inside_a_frame_is_told() -> None:
    m = Memory().ready()
    whole = m.raw(b"x" * 20)
    m.protocol.dataReceived(whole[:10])
    m.end(clean=False)
    (problem,) = m.of(Problem)
    assert isinstance(problem.error, TruncatedFrame)
    assert (problem.error.received, problem.error.expected) == (10, len(whole))


def test_an_answer_nobody_asked_for_is_counted_and_given_to_listeners() -> None:
    m = Memory().ready()
    seen = collector(m.client, messages.ProtoOATraderRes)
    m.give(codec.pack(TRADER), codec.pack(TRADER, "somebody else's"))
    assert seen == [TRADER, TRADER]
    assert m.client.counts == {"unasked": 2}


def test_a_second_answer_to_one_request_changes_nothing() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    (request,) = m.sent()
    other = messages.ProtoOATraderRes.FromString(TRADER.SerializeToString())
    other.trader.balance = 1
    m.give(codec.pack(TRADER, request.client_msg_id), codec.pack(other, request.client_msg_id))
    assert result == [TRADER]
    assert m.client.counts == {"late": 1}


def test_a_peer_that_drips_a_byte_at_a_time_is_understood() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    (request,) = m.sent()
    for byte in m.frame(codec.pack(TRADER, request.client_msg_id)):
        assert result == []
        m.protocol.dataReceived(bytes((byte,)))
    assert result == [TRADER]


def test_a_peer_that_only_drips_is_taken_for_dead_all_the_same() -> None:
    m = Memory().ready()
    for byte in m.raw(b"\x08\x33" + b"\x00" * 200)[:80]:
        m.clock.advance(1)
        m.protocol.dataReceived(bytes((byte,)))
        if m.transport.aborted:
            break
    assert m.transport.aborted
    assert m.clock.seconds() == 75
    m.end()
    (lost,) = m.of(Disconnected)
    assert isinstance(lost.reason, DeadPeer)


def test_a_peer_that_never_answers_ends_each_request_at_its_own_time() -> None:
    m = Memory(timeout=30).ready()
    short = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT, timeout=2))
    long = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    m.clock.advance(1.9)
    assert short == []
    m.clock.advance(0.2)
    assert isinstance(short[0], AnswerTimeout) and isinstance(short[0], TimeoutError)
    assert "2 s" in str(short[0]) and str(ACCOUNT) in str(short[0]) and "ProtoOATraderReq" in str(short[0])
    assert long == []
    m.clock.advance(28)
    assert isinstance(long[0], AnswerTimeout)
    assert m.client.in_flight == 0


def test_a_late_answer_is_no_error() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT, timeout=1))
    (request,) = m.sent()
    m.clock.advance(1)
    assert isinstance(result[0], AnswerTimeout)
    m.say(TRADER, to=request)
    assert len(result) == 1
    assert m.client.counts == {"late": 1}


def test_requests_wait_while_the_peer_stops_reading_and_leave_when_it_reads() -> None:
    m = Memory(limits=Limits(general=None, historical=None, queue=3)).ready()
    m.protocol.pauseProducing()
    results = [outcome(m.client.trader(ctidTraderAccountId=ACCOUNT)) for _ in range(4)]
    assert m.sent() == []
    assert isinstance(results[3][0], QueueFull) and isinstance(results[3][0], RequestNotSent)
    assert m.client.queue.data == 3
    m.protocol.resumeProducing()
    assert names(m.sent()) == ["ProtoOATraderReq"] * 3
    assert len(m.client.queue) == 0


def test_what_a_pause_held_back_does_not_leave_together_with_what_comes_after() -> None:
    m = Memory(limits=Limits(general=5)).ready()
    m.clock.advance(2)
    for _ in range(5):
        m.client.trader(ctidTraderAccountId=ACCOUNT, timeout=60)  # to leave at the end of this turn
    m.protocol.pauseProducing()
    for _ in range(5):
        m.client.reconcile(ctidTraderAccountId=ACCOUNT, timeout=60)
    m.clock.advance(5)
    m.protocol.resumeProducing()
    assert names(m.sent()) == ["ProtoOATraderReq"] * 5
    m.clock.advance(1.1)
    assert names(m.sent()) == ["ProtoOAReconcileReq"] * 5


def test_a_request_that_waited_in_vain_was_never_sent() -> None:
    m = Memory().ready()
    m.protocol.pauseProducing()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT, timeout=5))
    m.clock.advance(5)
    assert isinstance(result[0], SendTimeout)
    m.protocol.resumeProducing()
    assert m.sent() == []


# Cancelling


def test_cancelling_what_was_sent_leaves_its_outcome_unknown() -> None:
    m = Memory().ready()
    deferred = m.client.trader(ctidTraderAccountId=ACCOUNT)
    result = outcome(deferred)
    (request,) = m.sent()
    deferred.cancel()
    assert isinstance(result[0], OutcomeUnknown) and not isinstance(result[0], CancelledError)
    m.say(TRADER, to=request)
    assert len(result) == 1
    assert m.client.in_flight == 0


def test_cancelling_what_waits_means_it_is_never_sent() -> None:
    m = Memory(limits=Limits(general=1)).ready()
    m.clock.advance(2)
    m.client.trader(ctidTraderAccountId=ACCOUNT)
    deferred = m.client.reconcile(ctidTraderAccountId=ACCOUNT)
    result = outcome(deferred)
    assert names(m.sent()) == ["ProtoOATraderReq"]
    deferred.cancel()
    assert isinstance(result[0], RequestNotSent)
    m.clock.advance(2)
    assert m.sent() == []


# Heartbeats and limits


def test_a_silence_of_ours_never_lasts_longer_than_ten_seconds() -> None:
    m = Memory(dead_after=10_000).ready()
    m.sent()
    beats = []
    for _ in range(60):
        m.clock.advance(1)
        heard = m.heard()
        if heard:
            assert heard == [Envelope(catalogue.HEARTBEAT)]
            beats.append(m.clock.seconds())
    gaps = [later - earlier for earlier, later in zip([0.0, *beats], beats, strict=False)]
    assert len(beats) >= 6
    assert max(gaps) <= 10 and min(gaps) >= 8


def test_a_quiet_connection_wakes_nobody_until_something_is_about_to_be_due() -> None:
    m = Memory(dead_after=30).ready()
    m.sent()
    woken = []
    while m.clock.seconds() < 30:
        m.clock.advance(min(call.getTime() for call in m.clock.getDelayedCalls()) - m.clock.seconds())
        woken.append(m.clock.seconds())
    assert woken == [1, 8, 9, 17, 18, 26, 27, 29, 30]  # three heartbeats, each after a rest; then the peer is dead
    assert m.transport.aborted


def test_a_request_spares_the_heartbeat() -> None:
    m = Memory().ready()
    m.sent()
    for _ in range(4):
        m.clock.pump([1] * 5)
        m.client.trader(ctidTraderAccountId=ACCOUNT, timeout=1000)
        m.clock.advance(0)
        assert names(m.heard()) == ["ProtoOATraderReq"]


def test_a_heartbeat_that_fails_ends_the_connection_and_is_logged(logged_errors: Any) -> None:
    m = Memory().ready()

    def fail(data: bytes) -> None:
        raise ZeroDivisionError  # a transport must not

    m.transport.write = fail  # type: ignore[method-assign]
    m.clock.pump([1] * 10)
    assert m.transport.aborted
    m.end()
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    (disconnected,) = m.of(Disconnected)
    assert str(disconnected.reason).endswith(": its heartbeat failed")
    m.clock.advance(60)
    assert m.connector.attempts > 1


@pytest.mark.parametrize("verb", ["opened", "sent", "received", "unreadable", "ended"])
def test_a_tap_that_raises_is_told_no_more_and_costs_nobody_anything(verb: str, logged_errors: Any) -> None:
    tap: Any = create_autospec(Tap, instance=True)
    getattr(tap, verb).side_effect = ZeroDivisionError
    m = Memory(tap=tap).ready()
    seen = collector(m.client, messages.ProtoOASpotEvent)
    answered, caught = (outcome(m.client.trader(ctidTraderAccountId=ACCOUNT)) for _ in range(2))
    one, _ = m.sent()
    m.protocol.dataReceived(m.frame(codec.pack(TRADER, one.client_msg_id)) + m.raw(b"\xff") + m.raw(b"\xff"))
    m.give(codec.pack(spot(1)))
    assert answered == [TRADER]
    assert len(seen) == 1
    assert len(m.of(Problem)) == 2
    m.end()
    assert [type(error) for error in caught] == [OutcomeUnknown]
    assert len(m.of(Disconnected)) == 1
    assert getattr(tap, verb).call_count == 1
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    m.clock.advance(60)
    m.ready()
    assert tap.opened.call_count == 2  # of the next connection it is told again
    logged_errors.flush(ZeroDivisionError)


def test_a_tap_that_raises_when_it_is_told_of_a_failed_attempt_costs_nobody_anything(logged_errors: Any) -> None:
    tap: Any = create_autospec(Tap, instance=True)
    tap.failed.side_effect = ZeroDivisionError
    m = Memory(tap=tap)
    m.refuse()
    (told,) = m.of(Disconnected)
    assert told.retry_in is not None
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    m.clock.advance(60)
    m.ready()
    assert tap.opened.call_count == 1


def test_any_frame_keeps_the_peer_alive() -> None:
    m = Memory().ready()
    for _ in range(5):
        m.clock.pump([1] * 70)
        m.say(messages.ProtoHeartbeatEvent())
    assert not m.transport.aborted
    m.clock.pump([1] * 75)
    assert m.transport.aborted


def test_pacing_adds_nothing_while_there_is_room_and_fifty_leave_in_one_write() -> None:
    m = Memory().ready()
    m.clock.advance(2)
    for _ in range(60):
        m.client.trader(ctidTraderAccountId=ACCOUNT)
    assert len(m.sent()) == 50
    assert m.client.queue.data == 10
    m.clock.advance(1.1)
    assert len(m.sent()) == 10


def test_historical_requests_have_their_own_limit() -> None:
    m = Memory().ready()
    for _ in range(8):
        m.client.deal_list(ctidTraderAccountId=ACCOUNT)
    m.client.trader(ctidTraderAccountId=ACCOUNT)
    assert sorted(names(m.sent())) == ["ProtoOADealListReq"] * 5 + ["ProtoOATraderReq"]
    assert m.client.queue.historical == 3


def test_commands_overtake_what_waits() -> None:
    m = Memory(limits=Limits(general=2)).ready()
    m.clock.advance(2)
    for _ in range(5):
        m.client.trader(ctidTraderAccountId=ACCOUNT)
    m.client.cancel_order(ctidTraderAccountId=ACCOUNT, orderId=5)
    assert names(m.sent()) == ["ProtoOATraderReq"] * 2
    m.clock.advance(1.1)
    assert names(m.sent())[0] == "ProtoOACancelOrderReq"


def test_a_blocked_payload_type_waits_and_others_do_not() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    (request,) = m.sent()
    m.say(messages.ProtoOAErrorRes(errorCode="BLOCKED_PAYLOAD_TYPE", retryAfter=5), to=request)
    assert result[0].retry_after == 5
    m.client.trader(ctidTraderAccountId=ACCOUNT)
    m.client.reconcile(ctidTraderAccountId=ACCOUNT)
    assert names(m.sent()) == ["ProtoOAReconcileReq"]
    assert m.client.queue.blocked == {"ProtoOATraderReq": 5.0}
    m.clock.advance(5)
    assert names(m.sent()) == ["ProtoOATraderReq"]


# What can't be sent


def test_an_incomplete_message_names_its_missing_fields() -> None:
    m = Memory().ready()
    result = outcome(m.client.request(messages.ProtoOANewOrderReq(ctidTraderAccountId=ACCOUNT)))
    assert isinstance(result[0], IncompleteMessage)
    assert set(result[0].missing) == {"symbolId", "orderType", "tradeSide", "volume"}
    assert m.sent() == [] and m.client.in_flight == 0


def test_what_no_answer_closes_is_not_a_request() -> None:
    m = Memory().ready()
    assert isinstance(outcome(m.client.request(spot(1)))[0], NotARequest)


def test_a_request_without_a_connection_was_never_sent() -> None:
    m = Memory()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    assert isinstance(result[0], RequestNotSent)
    assert "no connection" in str(result[0]) and str(ACCOUNT) in str(result[0])


# Delivery


def test_dispatch_stops_when_user_code_closes_the_client() -> None:
    m = Memory().ready()
    seen: list[Message] = []

    def listener(event: messages.ProtoOASpotEvent) -> None:
        seen.append(event)
        m.client.close()

    m.client.on(messages.ProtoOASpotEvent, listener)
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    (request,) = m.sent()
    m.give(codec.pack(spot(1)), codec.pack(spot(2)), codec.pack(TRADER, request.client_msg_id), codec.pack(spot(3)))
    assert len(seen) == 1
    assert isinstance(result[0], OutcomeUnknown)
    m.end()
    assert m.clock.getDelayedCalls() == []


def test_a_client_msg_id_of_somebody_else_does_not_make_an_event_an_answer() -> None:
    m = Memory().ready()
    seen = collector(m.client, messages.ProtoOAExecutionEvent)
    event = messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType="ORDER_FILLED")
    m.give(codec.pack(event, "cm_id_of_the_terminal"))
    assert seen == [event]
    assert m.client.counts == {}


def test_every_event_of_an_order_is_delivered_and_the_first_one_answers() -> None:
    m = Memory().ready()
    seen = collector(m.client, messages.ProtoOAExecutionEvent)
    order: list[object] = []
    m.client.on(messages.ProtoOAExecutionEvent, lambda event: order.append("event"))
    deferred = m.client.new_order(
        ctidTraderAccountId=ACCOUNT, symbolId=1, orderType="MARKET", tradeSide="BUY", volume=100_000
    )
    deferred.addCallback(lambda result: order.append("answer"))
    (request,) = m.sent()
    accepted = messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType="ORDER_ACCEPTED")
    filled = messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType="ORDER_FILLED")
    m.say(accepted, filled, to=request)
    assert seen == [accepted, filled]
    assert order == ["event", "answer", "event"]


def test_an_unknown_payload_type_passes_through_as_what_it_is() -> None:
    m = Memory().ready()
    seen = collector(m.client, Envelope)
    strange = [Envelope(9999, b'{"a":1}', "x"), Envelope(9998, b"{}")]  # over JSON, what is not known stays JSON
    m.give(*strange)
    assert seen == strange


# Ending


def test_nothing_stays_scheduled_after_a_lost_connection_but_the_next_attempt() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.end()
    assert isinstance(result[0], RequestNotSent)  # the reactor's turn in which it was to leave never came
    assert len(m.clock.getDelayedCalls()) == 1
    m.client.close()
    assert m.clock.getDelayedCalls() == []
