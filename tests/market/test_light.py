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


def unusual(payloads: list[bytes]) -> list[int]:
    """Give which of them are not read by the column."""
    placed = laid_out(payloads)
    table = light._empty(len(payloads))
    return [] if light._read_alike(table, *placed) else light._walk(table, *placed).tolist()


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


def test_no_field_has_the_number_zero() -> None:
    columns, unreadable = light.read(*laid_out([b"\0\x05" + spot(bid=1)] * 3))
    assert (len(columns), unreadable) == (0, [11, 11, 11])
    columns, unreadable = light.read(*laid_out([b"\0\x05" + spot(bid=1), spot(bid=2)]))
    assert (columns.bid.tolist(), unreadable) == ([2], [11])


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    check([spot(bid=1) + spot(bid=2), spot(bid=3) + spot(ask=1) + spot(bid=4)])


def test_a_price_beyond_every_market_is_the_most_that_a_column_holds() -> None:
    check([spot(bid=2**64 - 1), spot(bid=2**56), spot(bid=2**56 - 1)])
    assert light.read(*laid_out([spot(bid=2**64 - 1)]))[0].bid.tolist() == [2**63 - 1]


def test_a_time_before_1970_is_none_in_every_lighter_form() -> None:
    payloads = [spot(bid=1, timestamp=at) for at in (-1, -5, 0, 7)]
    check(payloads)
    columns, _ = light.read(*laid_out(payloads))
    assert columns.timestamp.tolist() == [-1, -1, 0, 7]
    assert [quote.timestamp for quote in columns.quotes()] == [None, None, 0, 7]


def test_nobody_who_is_given_columns_can_change_what_others_get() -> None:
    payloads = [spot(bid=1), spot(bid=2)]
    alike, _ = light.read(*laid_out(payloads))
    mended, _ = light.read(*laid_out([*payloads, b"\x20\xff"]))
    walked, _ = light.read(*laid_out([*payloads, spot(ask=3)]))
    for columns in (alike, mended, walked, light.columns_of([ProtoOASpotEvent()])):
        for name in light.SpotColumns.__slots__:
            with pytest.raises(ValueError, match="read-only"):
                getattr(columns, name)[0] = 5


@pytest.mark.parametrize("more", [b"\x08\xd3\x10", b"\x48\x80\x01", b"\x48\x01\x50\x07", b"\x30\x05", b"\x78\x01"])
def test_numbers_that_the_schema_lacks_or_that_mean_nothing_here_are_passed_over(more: bytes) -> None:
    def with_more(payload: bytes) -> bytes:
        tag = more[0]  # the schema's fields are below 0x48, and all have one byte here
        return more + payload if tag == 8 else payload[:8] + more + payload[8:] if tag == 0x30 else payload + more

    alike = [ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, bid=3, ask=each) for each in range(4)]
    payloads = [with_more(event.SerializeToString()) for event in alike]
    check(payloads)
    assert unusual(payloads) == []
    payloads.append(spot(bid=1))
    check(payloads)
    assert unusual(payloads) == []


def test_events_of_one_size_may_have_different_fields_and_sizes_of_values() -> None:
    def of(account_id: int, symbol_id: int, **fields: int) -> bytes:
        return ProtoOASpotEvent(ctidTraderAccountId=account_id, symbolId=symbol_id, **fields).SerializeToString()

    for pair in (
        [of(1, 2, bid=3), of(1, 2, ask=3)],
        [of(1, 2, bid=3, timestamp=200), of(1, 2, bid=300, timestamp=2)],
        [of(1, 200, bid=3), of(200, 1, bid=3)],
        [of(2**40, 2**40, bid=3, ask=200), of(2**40, 2**40, bid=200, ask=3)],
        [of(1, 2, bid=3), of(1, 2, bid=3)[:-1] + b"\x83"],
    ):
        assert len(pair[0]) == len(pair[1])
        check(pair)
        check(pair[::-1])


def test_the_accounts_of_many_are_told_apart() -> None:
    payloads = [ProtoOASpotEvent(ctidTraderAccountId=1 + each % 2, symbolId=3).SerializeToString() for each in range(4)]
    check(payloads)
    columns, _ = light.read(*laid_out(payloads))
    assert [quote.account_id for quote in columns.quotes()] == [1, 2, 1, 2]


def test_an_event_ends_where_its_payload_ends() -> None:
    # What stands behind looks as if it belonged to the event before it.
    data = b"\x10\x01\x18\x02\x20\x03" * 3 + bytes(64)
    columns, _ = light.read(data, np.array([0, 6, 12]), np.array([4, 12, 16]))
    assert columns.bid.tolist() == [-1, 3, -1]


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
        {name: st.integers(0, 2**49 - 1) for name in ("ctidTraderAccountId", "symbolId")},
        optional={
            name: st.sampled_from([0, 1, 127, 128, 2**14, 2**21, 2**28, 2**35, 2**49 - 1]) for name in list(FIELDS)[2:6]
        },
    ).map(event),
    min_size=1,
    max_size=4,
)


@given(LAYOUTS, st.lists(st.integers(0, 3), min_size=1, max_size=200))
def test_events_of_any_layouts_are_read_by_the_column(kinds: list[bytes], order: list[int]) -> None:
    payloads = [kinds[number % len(kinds)] for number in order]
    assert unusual(payloads) == []
    check(payloads)


def test_values_of_all_sizes_are_read_by_the_column() -> None:
    sizes = [2 ** (7 * number) - each for number in range(1, 8) for each in (0, 1)]
    payloads = [spot(bid=bid, ask=ask) for bid in sizes[:-2] for ask in sizes[:-2]]
    assert unusual(payloads) == []
    check(payloads)
    for value in [*sizes, 2**56 - 1]:
        alike = [spot(bid=value, timestamp=5)] * 3
        assert unusual(alike) == []
        check(alike)


def test_events_of_any_width_are_read_by_the_column() -> None:
    widest = {"sessionClose": 2**56 - 1, "bid": 2**49 - 1, "ask": 2**49 - 1, "timestamp": 2**42 - 1}
    for account in (2**35 - 1, 2**42 - 1, 2**49 - 1, 2**56 - 1):
        for symbol in (2**42 - 1, 2**49 - 1, 2**56 - 1):
            event = ProtoOASpotEvent(ctidTraderAccountId=account, symbolId=symbol, **widest)
            check([event.SerializeToString()] * 3)
            assert unusual([event.SerializeToString()] * 3) == []


def test_latest_quotes_are_the_same_of_events_one_by_one_and_of_columns() -> None:
    events = [
        ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=1),
        ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, bid=5),
        ProtoOASpotEvent(ctidTraderAccountId=2, symbolId=2, timestamp=7),
        ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, ask=6, timestamp=-3),
        ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, bid=0, timestamp=9),
        ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, sessionClose=9),
    ]
    one_by_one, at_once = light.LatestQuotes(), light.LatestQuotes()
    for event in events:
        one_by_one.take(light.quote_of(event))
    at_once.take_columns(light.columns_of(events))
    for account_id in (1, 2):
        assert one_by_one.of(account_id) == at_once.of(account_id) != {}
    assert at_once.get(1, 2) == light.LightQuote(1, 2, 0, 6, 9)
    assert one_by_one.get(1, 1) is at_once.get(1, 1) is None
