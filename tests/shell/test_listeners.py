"""Who is told of what: listeners and streams."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from twisted.internet.defer import Deferred, fail

from ctrader_twisted import Envelope, Wire, messages
from ctrader_twisted.errors import EventsDropped
from ctrader_twisted.session.events import Ready
from ctrader_twisted.wire import codec
from tests.shell.memory import ACCOUNT, Memory, collector, outcome


def spot(bid: int) -> messages.ProtoOASpotEvent:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=ACCOUNT, symbolId=1, bid=bid)


STRANGE = Envelope(9999, b'{"a":1}')  # of a type that the schema does not have; over JSON its payload is JSON


def bids(events: list[messages.ProtoOASpotEvent]) -> list[int]:
    return [event.bid for event in events]


def test_listeners_are_called_in_order_for_their_class_only() -> None:
    m = Memory().ready()
    calls: list[str] = []
    m.client.on(messages.ProtoOASpotEvent, lambda event: calls.append("first"))
    m.client.on(messages.ProtoOADepthEvent, lambda event: calls.append("depth"))
    m.client.on(messages.ProtoOASpotEvent, lambda event: calls.append("second"))
    m.say(spot(1))
    assert calls == ["first", "second"]


def test_on_is_a_decorator_too() -> None:
    m = Memory().ready()
    seen = []

    @m.client.on(messages.ProtoOASpotEvent)
    def listener(event: messages.ProtoOASpotEvent) -> None:
        seen.append(event.bid)

    m.say(spot(3))
    assert seen == [3]
    assert m.client.off(messages.ProtoOASpotEvent, listener)


def test_once_is_called_once_and_can_be_taken_back() -> None:
    m = Memory().ready()
    seen: list[messages.ProtoOASpotEvent] = []
    append = seen.append
    m.client.once(messages.ProtoOASpotEvent, append)
    m.say(spot(1), spot(2))
    assert bids(seen) == [1]
    m.client.once(messages.ProtoOASpotEvent, append)
    assert m.client.off(messages.ProtoOASpotEvent, append)
    m.say(spot(3))
    assert bids(seen) == [1]


def test_off_stops_within_the_same_read_and_says_whether_it_did() -> None:
    m = Memory().ready()
    seen: list[int] = []

    def listener(event: messages.ProtoOASpotEvent) -> None:
        seen.append(event.bid)
        assert m.client.off(messages.ProtoOASpotEvent, listener)

    m.client.on(messages.ProtoOASpotEvent, listener)
    m.say(spot(1), spot(2), spot(3))
    assert seen == [1]
    assert not m.client.off(messages.ProtoOASpotEvent, listener)


def test_a_listener_added_within_a_read_hears_the_rest_of_it() -> None:
    m = Memory().ready()
    late: list[messages.ProtoOASpotEvent] = []
    m.client.once(messages.ProtoOASpotEvent, lambda event: m.client.on(messages.ProtoOASpotEvent, late.append))
    m.say(spot(1), spot(2), spot(3))
    assert bids(late) == [2, 3]


def test_message_is_every_message_and_envelope_is_everything() -> None:
    m = Memory().ready()
    every = collector(m.client, Message)
    raw = collector(m.client, Envelope)
    result = outcome(m.client.version())
    (request,) = m.sent()
    answer = messages.ProtoOAVersionRes(version="1")
    m.give(codec.pack(spot(1)), STRANGE, codec.pack(answer, request.client_msg_id))
    assert every == [spot(1), answer]
    assert raw == [codec.pack(spot(1)), STRANGE, codec.pack(answer, request.client_msg_id)]
    assert result == [answer]


def test_a_listener_that_raises_is_logged_by_name_and_costs_no_other(logged_errors) -> None:  # type: ignore[no-untyped-def]
    m = Memory().ready()
    seen: list[messages.ProtoOASpotEvent] = []

    def broken_strategy(event: messages.ProtoOASpotEvent) -> None:
        raise ZeroDivisionError

    m.client.on(messages.ProtoOASpotEvent, broken_strategy)
    m.client.on(messages.ProtoOASpotEvent, seen.append)
    m.say(spot(1), spot(2))
    assert bids(seen) == [1, 2]
    assert "broken_strategy" in repr(logged_errors.events[0]["listener"])
    assert len(logged_errors.flush(ZeroDivisionError)) == 2


def test_what_a_listener_starts_is_followed(logged_errors) -> None:  # type: ignore[no-untyped-def]
    m = Memory().ready()
    gate: Deferred[None] = Deferred()
    done = []

    async def coroutine(event: messages.ProtoOASpotEvent) -> None:
        await gate
        done.append(event.bid)
        raise KeyError(event.bid)

    m.client.on(messages.ProtoOASpotEvent, coroutine)
    m.client.on(messages.ProtoOASpotEvent, lambda event: fail(ValueError(event.bid)))
    m.say(spot(5))
    assert len(logged_errors.flush(ValueError)) == 1
    gate.callback(None)
    assert done == [5]
    assert len(logged_errors.flush(KeyError)) == 1


@pytest.mark.parametrize("wrong", [messages.ProtoOATrendbar, "ProtoOASpotEvent", 2131, int, Memory])
def test_what_never_arrives_can_t_be_listened_for(wrong: object) -> None:
    m = Memory()
    with pytest.raises(TypeError, match="never arrives|not a class"):
        m.client.on(wrong, print)  # type: ignore[call-overload]


@pytest.mark.wires(Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET)  # over JSON, reading a message is reading its payload
def test_a_payload_nobody_listens_for_is_not_parsed() -> None:
    m = Memory().ready()
    m.give(Envelope(2155, b"\xff\xff\xff"))
    assert m.client.counts == {}


def test_events_of_the_library_are_listened_for_like_messages() -> None:
    m = Memory()
    seen = collector(m.client, Ready)
    m.ready()
    assert len(seen) == 1


# Streams


def test_a_stream_gives_what_came_and_waits_for_what_comes() -> None:
    m = Memory().ready()
    stream = m.client.events(messages.ProtoOASpotEvent)
    m.say(spot(1), spot(2))
    seen: list[int] = []

    async def read() -> None:
        async for event in stream:
            seen.append(event.bid)

    done = outcome(Deferred.fromCoroutine(read()))
    assert seen == [1, 2]
    m.say(spot(3))
    assert seen == [1, 2, 3]
    assert done == []
    m.client.close()
    assert done == [None]


def test_a_stream_outlives_a_reconnect() -> None:
    m = Memory().ready()
    stream = m.client.events(messages.ProtoOASpotEvent)
    m.say(spot(1))
    m.end()
    for _ in range(5):
        m.clock.advance(1)
    m.ready()
    m.say(spot(2))
    assert [outcome(stream.__anext__())[0].bid for _ in range(2)] == [1, 2]


def test_a_slow_reader_is_told_where_and_how_many_are_missing() -> None:
    m = Memory().ready()
    stream = m.client.events(messages.ProtoOASpotEvent, buffer=3)
    m.say(*(spot(bid) for bid in range(1, 9)))
    assert len(stream) == 3
    seen: list[int] = []
    gaps: list[int] = []

    async def read() -> None:
        while True:
            try:
                async for event in stream:
                    seen.append(event.bid)
                return
            except EventsDropped as dropped:
                gaps.append(dropped.count)

    done = outcome(Deferred.fromCoroutine(read()))
    assert (gaps, seen, stream.dropped) == ([5], [6, 7, 8], 5)
    m.say(spot(9))
    assert seen == [6, 7, 8, 9]
    stream.close()
    assert done == [None]


def test_a_closed_stream_gives_what_waits_and_then_ends() -> None:
    m = Memory().ready()
    stream = m.client.events(messages.ProtoOASpotEvent)
    m.say(spot(1))
    stream.close()
    m.say(spot(2))
    assert outcome(stream.__anext__())[0].bid == 1
    assert isinstance(outcome(stream.__anext__())[0], StopAsyncIteration)


def test_a_reader_that_is_cancelled_takes_no_event_with_it() -> None:
    m = Memory().ready()
    stream = m.client.events(messages.ProtoOASpotEvent)
    reader = stream.__anext__()
    result = outcome(reader)
    reader.cancel()
    m.say(spot(1))
    assert len(result) == 1
    assert outcome(stream.__anext__())[0].bid == 1


def test_a_stream_of_several_classes_keeps_their_order() -> None:
    m = Memory().ready()
    stream = m.client.events(messages.ProtoOASpotEvent, messages.ProtoOADepthEvent)
    depth = messages.ProtoOADepthEvent(ctidTraderAccountId=ACCOUNT, symbolId=1)
    m.say(spot(1), depth, spot(2))
    assert [outcome(stream.__anext__())[0] for _ in range(3)] == [spot(1), depth, spot(2)]


def test_a_buffer_that_holds_nothing_is_refused() -> None:
    m = Memory()
    with pytest.raises(ValueError, match="at least 1"):
        m.client.events(messages.ProtoOASpotEvent, buffer=0)
