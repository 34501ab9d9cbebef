"""The lighter forms of spot events say what the messages say."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from ctrader_twisted.market import light
from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATrendbar

np = pytest.importorskip("numpy")

BETWEEN = b"\0\0\0\x21\x08\xd3\x10\x12\x1c"  # what stands between two payloads on the wire


def laid_out(payloads: list[bytes]) -> tuple[bytes, Any, Any]:
    data, starts, stops = b"", [], []
    for payload in payloads:
        data += BETWEEN
        starts.append(len(data))
        data += payload
        stops.append(len(data))
    return data + bytes(64), np.array(starts), np.array(stops)


def parsed(payloads: list[bytes]) -> tuple[list[ProtoOASpotEvent], list[int]]:
    events, unreadable = [], []
    for payload in payloads:
        try:
            events.append(ProtoOASpotEvent.FromString(payload))
        except DecodeError:
            unreadable.append(len(payload))
    return events, unreadable


def check(payloads: list[bytes]) -> None:
    columns, unreadable = light.read(*laid_out(payloads))
    events, not_parsed = parsed(payloads)
    assert list(unreadable) == not_parsed
    assert list(columns.quotes()) == [light.quote_of(event) for event in events]
    for name in light.SpotColumns.__slots__:
        assert getattr(columns, name).tolist() == getattr(light.columns_of(events), name).tolist(), name


def spot(**fields: Any) -> bytes:
    return ProtoOASpotEvent(ctidTraderAccountId=12345678, symbolId=7, **fields).SerializeToString()


def test_the_columns_of_events_that_are_all_alike() -> None:
    payloads = [spot(bid=113_000 + each, ask=113_002, sessionClose=9, timestamp=1_763_700_000_000) for each in range(9)]
    columns, unreadable = light.read(*laid_out(payloads))
    assert (len(columns), unreadable) == (9, ())
    assert columns.account_id.tolist() == [12345678] * 9
    assert columns.symbol_id.tolist() == [7] * 9
    assert columns.bid.tolist() == [*range(113_000, 113_009)]
    assert columns.ask.tolist() == [113_002] * 9
    assert columns.session_close.tolist() == [9] * 9
    assert columns.timestamp.tolist() == [1_763_700_000_000] * 9
    check(payloads)


def test_a_side_that_an_event_lacks_is_minus_one_in_a_column_and_none_in_a_quote() -> None:
    payloads = [spot(bid=113_000, timestamp=5), spot(ask=113_002, timestamp=6), spot(bid=0)]
    columns, _ = light.read(*laid_out(payloads))
    assert columns.bid.tolist() == [113_000, -1, 0]
    assert columns.ask.tolist() == [-1, 113_002, -1]
    assert list(columns.quotes()) == [
        light.LightQuote(12345678, 7, 113_000, None, 5),
        light.LightQuote(12345678, 7, None, 113_002, 6),
        light.LightQuote(12345678, 7, 0, None, None),
    ]


def test_a_quote_s_fields_have_names() -> None:
    quote = light.quote_of(ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, bid=3, ask=4, timestamp=5))
    assert (quote.account_id, quote.symbol_id, quote.bid, quote.ask, quote.timestamp) == (1, 2, 3, 4, 5)


def test_events_that_carry_bars_are_read_all_the_same() -> None:
    bar = ProtoOATrendbar(volume=10, low=112_990, deltaOpen=3, utcTimestampInMinutes=29_000_000)
    check([spot(bid=1), spot(bid=2, trendbar=[bar, bar]), spot(ask=3)])


def test_what_is_no_message_is_left_out_and_counted() -> None:
    columns, unreadable = light.read(*laid_out([spot(bid=1), b"\x10\xff", spot(bid=2), b"\x0b"]))
    assert columns.bid.tolist() == [1, 2]
    assert unreadable == [2, 1]


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    check([spot(bid=1) + spot(bid=2), spot(bid=3) + spot(ask=1) + spot(bid=4)])


def test_a_price_beyond_every_market_is_the_most_that_a_column_holds() -> None:
    check([spot(bid=2**64 - 1), spot(bid=2**56), spot(bid=2**56 - 1)])
    assert light.read(*laid_out([spot(bid=2**64 - 1)]))[0].bid.tolist() == [2**63 - 1]


def test_columns_of_no_event_are_empty() -> None:
    assert len(light.columns_of([])) == 0
    assert list(light.columns_of([]).quotes()) == []


def test_without_numpy_columns_are_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"ctrader_twisted\[data\]"):
        light.require_numpy()


FIELDS = {
    "ctidTraderAccountId": st.integers(-(2**63), 2**63 - 1),
    "symbolId": st.integers(-(2**63), 2**63 - 1),
    "bid": st.integers(0, 2**64 - 1),
    "ask": st.integers(0, 2**64 - 1),
    "sessionClose": st.integers(0, 2**64 - 1),
    "timestamp": st.integers(-(2**63), 2**63 - 1),
    "trendbar": st.lists(st.builds(ProtoOATrendbar, volume=st.integers(0, 2**40)), max_size=2),
    "payloadType": st.just(2131),
}
PLAIN = {name: st.integers(0, 2**40) for name in ("ctidTraderAccountId", "symbolId", "bid", "ask", "timestamp")}


def event(fields: dict[str, Any]) -> bytes:
    return ProtoOASpotEvent(**fields).SerializePartialToString()


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries({}, optional=PLAIN).map(event),
            st.fixed_dictionaries(PLAIN).map(event),
            st.fixed_dictionaries({}, optional=FIELDS).map(event),
            st.binary(max_size=30),
            st.tuples(st.fixed_dictionaries(PLAIN).map(event), st.binary(max_size=6)).map(b"".join),
        ),
        min_size=1,
        max_size=12,
    )
)
@example([b"\x20\x80", b"\x20\x01"])  # a varint that the next event would end
@example([b"\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"])
@example([b"\xa0\x80\x00\x05"])  # a tag of more than one byte
@example([b"\x20"])
@example([b"", b""])
def test_whatever_comes_the_lighter_forms_agree_with_the_messages(payloads: list[bytes]) -> None:
    check(payloads)


LAYOUTS = st.lists(
    st.fixed_dictionaries(
        {name: st.integers(0, 2**49) for name in ("ctidTraderAccountId", "symbolId")},
        optional={
            name: st.sampled_from([0, 1, 127, 128, 2**14, 2**21, 2**28, 2**35, 2**49]) for name in list(FIELDS)[2:6]
        },
    ).map(event),
    min_size=1,
    max_size=4,
)


@given(LAYOUTS, st.lists(st.integers(0, 3), min_size=1, max_size=200))
def test_events_of_few_layouts_are_read_layout_by_layout(kinds: list[bytes], order: list[int]) -> None:
    payloads = [kinds[number % len(kinds)] for number in order]
    assert light._by_layout(*laid_out(payloads)) is not None
    check(payloads)


def test_events_of_more_layouts_are_read_all_the_same() -> None:
    payloads = [spot(bid=2 ** (7 * first), ask=2 ** (7 * second)) for first in range(7) for second in range(7)]
    assert light._by_layout(*laid_out(payloads)) is None
    check(payloads)
