"""Spot events in three forms, each agreeing with the others to the last event."""

from __future__ import annotations

from typing import Any

import pytest

from ctrader_twisted import Envelope, Problem, Wire, messages
from ctrader_twisted.market import LatestQuotes, LightQuote, SpotColumns
from ctrader_twisted.market.light import columns_of, quote_of
from ctrader_twisted.wire import codec
from tests.shell.memory import ACCOUNT, Memory, collector, outcome

pytest.importorskip("numpy")

SPOT = 2131
MANY = 200


def spot(number: int, **fields: Any) -> messages.ProtoOASpotEvent:
    return messages.ProtoOASpotEvent(ctidTraderAccountId=ACCOUNT, symbolId=1 + number % 7, **fields)


def market(count: int) -> list[messages.ProtoOASpotEvent]:
    """Events as a market sends them: one side as a rule, now and then both, a bar, a close, a time."""
    events = []
    for number in range(count):
        sides = ({"bid": 113_000 + number}, {"ask": 113_002 + number}, {"bid": number, "ask": 2**40})[number % 3]
        more: dict[str, Any] = {} if number % 5 else {"timestamp": 1_763_700_000_000 + number, "sessionClose": 5}
        if number % 31 == 30:
            more["trendbar"] = [messages.ProtoOATrendbar(volume=3, low=9, utcTimestampInMinutes=29_000_000)]
        events.append(spot(number, **sides, **more))
    return events


def in_columns(events: list[messages.ProtoOASpotEvent]) -> list[list[int]]:
    columns = columns_of(events)
    return [getattr(columns, name).tolist() for name in SpotColumns.__slots__]


def joined(chunks: list[SpotColumns]) -> list[list[int]]:
    return [[value for chunk in chunks for value in getattr(chunk, name).tolist()] for name in SpotColumns.__slots__]


@pytest.mark.parametrize("count", [1, 10, MANY])
def test_each_form_has_every_event_in_order(count: int) -> None:
    m = Memory().ready()
    whole = collector(m.client, messages.ProtoOASpotEvent)
    light = collector(m.client, LightQuote)
    chunks = collector(m.client, SpotColumns)
    latest = m.client.latest_quotes()
    events = market(count)
    m.say(*events)
    assert whole == events
    assert light == [quote_of(event) for event in events]
    assert joined(chunks) == in_columns(events)
    expected = LatestQuotes()
    for quote in light:
        expected.take(quote)
    assert latest.of(ACCOUNT) == expected.of(ACCOUNT) != {}


@pytest.mark.parametrize("cls", [LightQuote, SpotColumns])
def test_a_lighter_form_is_enough_by_itself(cls: type[Any]) -> None:
    m = Memory().ready()
    seen = collector(m.client, cls)
    events = market(MANY)
    m.say(*events[:150])
    m.say(*events[150:])
    if cls is LightQuote:
        assert seen == [quote_of(event) for event in events]
    else:
        assert joined(seen) == in_columns(events)
        if m.over is Wire.PROTOBUF:
            assert len(seen) == 2  # a chunk for each read


@pytest.mark.wires(Wire.PROTOBUF)
def test_nothing_is_cut_apart_for_columns_and_everything_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    from ctrader_twisted.wire import runs

    cut: list[int] = []
    payloads = runs.SpotRun.payloads.fget
    monkeypatch.setattr(runs.SpotRun, "payloads", property(lambda run: [cut.append(len(run)), payloads(run)][1]))
    m = Memory().ready()
    collector(m.client, SpotColumns)
    m.say(*market(MANY))
    assert cut == []
    whole = collector(m.client, messages.ProtoOASpotEvent)
    m.say(*market(MANY))
    assert cut == [MANY] and len(whole) == MANY


def test_envelopes_and_the_tap_are_told_as_ever() -> None:
    class Ear:
        heard: list[Envelope]

        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

        def received(self, connection: int, items: list[Any], at: float) -> None:
            for item in items:
                self.heard += [item] if isinstance(item, Envelope) else list(item.envelopes())

    ear = Ear()
    ear.heard = []
    m = Memory(tap=ear).ready()
    raw = collector(m.client, Envelope)
    seen = collector(m.client, LightQuote)
    ear.heard.clear()
    events = market(MANY)
    m.say(*events)
    assert raw == ear.heard == [codec.pack(event) for event in events]
    assert len(seen) == MANY


def test_off_stops_within_the_same_read_and_a_late_listener_hears_the_rest() -> None:
    m = Memory().ready()
    first: list[LightQuote] = []
    late: list[LightQuote] = []

    def listener(quote: LightQuote) -> None:
        first.append(quote)
        if len(first) == 3:
            m.client.on(LightQuote, late.append)
            assert m.client.off(LightQuote, listener)

    m.client.on(LightQuote, listener)
    events = market(MANY)
    m.say(*events)
    assert first == [quote_of(event) for event in events[:3]]
    assert late == [quote_of(event) for event in events[3:]]


def test_a_client_closed_by_a_listener_delivers_nothing_more() -> None:
    m = Memory().ready()
    seen: list[LightQuote] = []

    def listener(quote: LightQuote) -> None:
        seen.append(quote)
        if len(seen) == 5:
            outcome(m.client.close())

    m.client.on(LightQuote, listener)
    m.say(*market(MANY))
    assert len(seen) == 5


def test_a_listener_that_raises_is_logged_and_costs_no_other(logged_errors) -> None:  # type: ignore[no-untyped-def]
    m = Memory().ready()
    m.client.on(LightQuote, lambda quote: 1 // 0)
    m.client.on(SpotColumns, lambda columns: 1 // 0)
    seen = collector(m.client, LightQuote)
    m.say(*market(3))
    assert len(seen) == 3
    assert len(logged_errors.flush(ZeroDivisionError)) >= 4


@pytest.mark.parametrize("at", [0, 3, MANY - 1])
def test_a_listener_that_raises_stop_iteration_loses_no_event(logged_errors, at: int) -> None:  # type: ignore[no-untyped-def]
    m = Memory().ready()
    seen: list[LightQuote] = []

    def listener(quote: LightQuote) -> None:
        seen.append(quote)
        if len(seen) == at + 1:
            next(iter(()))

    m.client.on(LightQuote, listener)
    events = market(MANY)
    m.say(*events)
    assert seen == [quote_of(event) for event in events]
    assert len(logged_errors.flush(StopIteration)) == 1


def test_coroutines_of_a_listener_are_begun_at_once_and_followed(logged_errors) -> None:  # type: ignore[no-untyped-def]
    m = Memory().ready()
    seen: list[tuple[str, LightQuote]] = []

    async def follow(quote: LightQuote) -> None:
        seen.append(("began", quote))
        if len(seen) == 4:
            raise LookupError("as intended")

    def listener(quote: LightQuote) -> object:
        seen.append(("called", quote))
        return follow(quote)

    m.client.on(LightQuote, listener)
    events = market(MANY)
    m.say(*events)
    assert seen == [(what, quote_of(event)) for event in events for what in ("called", "began")]
    assert len(logged_errors.flush(LookupError)) == 1


@pytest.mark.wires(Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET)
@pytest.mark.parametrize("count", [1, MANY])
def test_of_nothing_that_can_be_read_there_are_no_columns(count: int) -> None:
    m = Memory().ready()
    problems = collector(m.client, Problem)
    chunks = collector(m.client, SpotColumns)
    quotes = collector(m.client, LightQuote)
    m.give(*[Envelope(SPOT, b"\x10\x01\x18\x01\x20\xff")] * count)
    assert (chunks, quotes) == ([], [])
    assert len(problems) == count


@pytest.mark.wires(Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET)
@pytest.mark.parametrize("count", [2, MANY])
def test_what_can_t_be_read_is_told_once_whatever_is_listened_for(count: int) -> None:
    m = Memory().ready()
    problems = collector(m.client, Problem)
    for cls in (messages.ProtoOASpotEvent, SpotColumns, LightQuote):
        collector(m.client, cls)
    envelopes = [codec.pack(event) for event in market(count)]
    m.give(*envelopes, Envelope(SPOT, b"\x20\xff"))
    assert len(problems) == 1


@pytest.mark.wires(Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET)
def test_what_can_t_be_read_is_told_though_nobody_listens_for_messages_any_more() -> None:
    m = Memory().ready()
    problems = collector(m.client, Problem)
    m.client.once(messages.ProtoOASpotEvent, lambda event: None)
    quotes = collector(m.client, LightQuote)
    envelopes = [codec.pack(event) for event in market(MANY)]
    m.give(*envelopes, Envelope(SPOT, b"\x20\xff"))
    assert len(problems) == 1
    assert len(quotes) == MANY


@pytest.mark.wires(Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET)
@pytest.mark.parametrize("count", [2, MANY])
def test_what_can_t_be_read_is_told_once_for_the_lighter_forms_and_left_out(count: int) -> None:
    m = Memory().ready()
    problems = collector(m.client, Problem)
    chunks = collector(m.client, SpotColumns)
    quotes = collector(m.client, LightQuote)
    events = market(count)
    envelopes = [codec.pack(event) for event in events]
    envelopes.insert(1, Envelope(SPOT, b"\x20\xff"))
    m.give(*envelopes)
    assert [str(problem.error) for problem in problems] == ["a payload of 2 bytes does not parse as ProtoOASpotEvent"]
    assert joined(chunks) == in_columns(events)
    assert quotes == [quote_of(event) for event in events]


def test_streams_give_the_lighter_forms_too() -> None:
    m = Memory().ready()
    stream = m.client.events(LightQuote)
    events = market(4)
    m.say(*events)
    assert [outcome(stream.__anext__())[0] for _ in events] == [quote_of(event) for event in events]


def test_the_form_is_kept_to_after_a_reconnect() -> None:
    m = Memory().ready()
    seen = collector(m.client, LightQuote)
    m.end()
    for _ in range(5):
        m.clock.advance(1)
    m.ready()
    events = market(MANY)
    m.say(*events)
    assert seen == [quote_of(event) for event in events]


def test_latest_quotes_are_forgotten_with_the_account_s_session() -> None:
    m = Memory().ready().authorised()
    latest = m.client.latest_quotes()
    m.say(spot(1, bid=5), spot(1, ask=6, timestamp=7), spot(2, bid=8))
    assert latest.get(ACCOUNT, 2) == LightQuote(ACCOUNT, 2, 5, 6, 7)
    assert latest.get(ACCOUNT, 9) is None
    assert len(latest) == 2
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    assert latest.of(ACCOUNT) == {}


def test_latest_quotes_of_several_accounts_are_kept_apart() -> None:
    m = Memory().ready()
    latest = m.client.latest_quotes()
    events = [
        messages.ProtoOASpotEvent(ctidTraderAccountId=1 + number % 2, symbolId=5, bid=number) for number in range(MANY)
    ]
    m.say(*events)
    assert latest.get(1, 5) == LightQuote(1, 5, MANY - 2, None, None)
    assert latest.get(2, 5) == LightQuote(2, 5, MANY - 1, None, None)
    latest.forget(1)
    assert latest.get(1, 5) is None and latest.get(2, 5) is not None
    latest.forget()
    assert len(latest) == 0


def test_without_numpy_quotes_come_all_the_same_and_columns_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "ctrader_twisted.wire.runs", raising=False)
    m = Memory().ready()
    with pytest.raises(ImportError, match=r"ctrader_twisted\[data\]"):
        m.client.on(SpotColumns, print)
    seen = collector(m.client, LightQuote)
    latest = m.client.latest_quotes()
    events = market(MANY)
    m.say(*events)
    assert seen == [quote_of(event) for event in events]
    assert len(latest) == 7
