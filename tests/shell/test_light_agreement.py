"""However spot events come, cut and mixed, the lighter forms say what the messages say, in their order."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import Envelope, Problem, Wire, messages
from ctrader_twisted.market import LatestQuotes, LightQuote, SpotColumns
from ctrader_twisted.market.light import columns_of, quote_of
from ctrader_twisted.wire import codec
from tests.shell.memory import Memory, collector, outcome

pytest.importorskip("numpy")

SPOT = 2131
OTHERS = [
    codec.pack(messages.ProtoOADepthEvent(ctidTraderAccountId=1, symbolId=2, deletedQuotes=[7])),
    codec.pack(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=9)),
]
ACCOUNTS = [1, 2, 2**40, -3]
ACTIONS = st.sampled_from(["leave", "join", "close", "raise", "stop", "once"])
PRICES = st.one_of(st.integers(100_000, 120_000), st.integers(0, 2**64 - 1))
EVENTS = st.builds(
    messages.ProtoOASpotEvent,
    ctidTraderAccountId=st.sampled_from(ACCOUNTS),
    symbolId=st.sampled_from([1, 2, 300]),
    bid=st.one_of(st.none(), PRICES),
    ask=st.one_of(st.none(), PRICES),
    timestamp=st.one_of(st.none(), st.integers(-2, 2**42)),
    sessionClose=st.one_of(st.none(), PRICES),
    trendbar=st.one_of(st.just([]), st.just([messages.ProtoOATrendbar(volume=3)])),
).map(codec.pack)
PLAIN = st.builds(
    messages.ProtoOASpotEvent,
    ctidTraderAccountId=st.just(1),
    symbolId=st.sampled_from([1, 2]),
    bid=st.integers(100_000, 120_000),
    timestamp=st.just(2**41),
).map(codec.pack)
MANY = st.integers(1, 200).flatmap(lambda count: PLAIN.map(lambda envelope: [envelope] * count))
ODD = st.sampled_from([b"", b"\x10\x01", b"\x20\xff", b"\x10\x01\x18\x01\x20\x05\x20\x06", b"\x0b", b"\x48\x01"])
ONES = st.one_of(EVENTS, st.sampled_from(OTHERS)).map(lambda envelope: [envelope])
ODDS = ODD.map(lambda payload: [Envelope(SPOT, payload)])
MARKETS = st.lists(st.one_of(MANY, ONES, ODDS), max_size=12).map(
    lambda parts: [each for part in parts for each in part]
)
READABLE = st.lists(st.one_of(MANY, ONES), max_size=8).map(lambda parts: [each for part in parts for each in part])
READS = st.lists(st.integers(1, 2500), max_size=6)


def give(m: Memory, envelopes: list[Envelope], sizes: list[int]) -> None:
    """Send these in reads of so many bytes; the last has the rest."""
    data = b"".join(map(m.frame, envelopes))
    for size in sizes:
        m.protocol.dataReceived(data[:size])
        data = data[size:]
    m.protocol.dataReceived(data)


def readable(envelopes: list[Envelope]) -> list[messages.ProtoOASpotEvent]:
    events = []
    for number, payload, _ in envelopes:
        try:
            events += [messages.ProtoOASpotEvent.FromString(payload)] * (number == SPOT)
        except DecodeError:
            continue
    return events


def told(chunks: list[SpotColumns]) -> list[list[int]]:
    return [[value for chunk in chunks for value in getattr(chunk, name).tolist()] for name in SpotColumns.__slots__]


@pytest.mark.wires(Wire.PROTOBUF, Wire.PROTOBUF_WEBSOCKET)
def test_every_form_agrees() -> None:
    @given(MARKETS, READS, st.booleans())
    def agrees(market: list[Envelope], sizes: list[int], whole: bool) -> None:
        m = Memory().ready()
        seen = collector(m.client, messages.ProtoOASpotEvent) if whole else None
        raw = collector(m.client, Envelope)
        chunks, quotes, problems = (collector(m.client, cls) for cls in (SpotColumns, LightQuote, Problem))
        latest, expected = m.client.latest_quotes(), LatestQuotes()
        give(m, market, sizes)
        events = readable(market)
        assert raw == market
        assert seen is None or seen == events
        assert quotes == [quote_of(event) for event in events]
        assert told(chunks) == told([columns_of(events)])
        assert all(map(len, chunks))
        assert len(problems) == sum(each.payload_type == SPOT for each in market) - len(events)
        for quote in quotes:
            expected.take(quote)
        for account_id in ACCOUNTS:
            assert latest.of(account_id) == expected.of(account_id)

    agrees()


def test_quotes_keep_their_place_among_other_events() -> None:
    @given(READABLE, READS)
    def keeps(market: list[Envelope], sizes: list[int]) -> None:
        m = Memory().ready()
        order: list[Any] = []
        for cls in (LightQuote, messages.ProtoOADepthEvent, messages.ProtoOAAccountDisconnectEvent):
            m.client.on(cls, order.append)
        give(m, market, sizes)
        events = [codec.unpack(envelope) for envelope in market]
        assert order == [quote_of(event) if isinstance(event, messages.ProtoOASpotEvent) else event for event in events]

    keeps()


def test_whoever_comes_or_goes_amid_a_read_gets_just_what_is_his(logged_errors) -> None:  # type: ignore[no-untyped-def]
    @given(st.integers(1, 150), st.dictionaries(st.integers(0, 150), ACTIONS, max_size=5), READS)
    def gets(count: int, actions: dict[int, str], sizes: list[int]) -> None:
        m = Memory().ready()
        heard: dict[str, list[int]] = {"first": []}
        expected: dict[str, list[int]] = {}

        def first(quote: LightQuote) -> None:
            assert quote.bid is not None
            number = quote.bid - 100_000
            heard["first"].append(number)
            action = actions.get(number)
            if action in ("join", "once"):
                name = f"{action} at {number}"
                heard[name], expected[name] = [], list(range(number + 1, count))[: None if action == "join" else 1]
                listen = m.client.on if action == "join" else m.client.once
                listen(LightQuote, lambda quote: heard[name].append(quote.bid - 100_000))
            elif action == "leave":
                assert m.client.off(LightQuote, first)
            elif action == "close":
                outcome(m.client.close())
            elif action == "raise":
                raise LookupError
            elif action == "stop":
                raise StopIteration

        m.client.on(LightQuote, first)
        market = [
            messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1, bid=100_000 + each) for each in range(count)
        ]
        give(m, [codec.pack(event) for event in market], sizes)
        ends = [number for number, action in actions.items() if action in ("leave", "close") and number < count]
        last = min(ends, default=count - 1)
        if actions.get(last) == "close":
            expected = {name: [number for number in numbers if number <= last] for name, numbers in expected.items()}
        assert heard == {"first": list(range(last + 1)), **expected}
        raised = [number for number, action in actions.items() if action in ("raise", "stop") and number <= last]
        assert len(logged_errors.flush(LookupError, StopIteration)) == len(raised)

    gets()
