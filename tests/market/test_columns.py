from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctrader_twisted.errors import UndecodablePayload
from ctrader_twisted.market import columns
from ctrader_twisted.market.columns import read_bars, read_ticks
from ctrader_twisted.messages import ProtoOAGetTickDataRes, ProtoOAGetTrendbarsRes
from tests.market.recorded import needs_recordings, recording

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60_000
BIT_63 = 1 << 63


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def message(fields: list[tuple[int, int | bytes]]) -> bytes:
    return b"".join(field(number, value) for number, value in fields)


def bars_by_attribute(payload: bytes) -> tuple[list[tuple[int, ...]], bool | None]:
    """Read bars as everybody does, in numbers without bounds."""
    answer = ProtoOAGetTrendbarsRes.FromString(payload)
    rows = [
        (
            bar.utcTimestampInMinutes * MINUTE,
            bar.low + bar.deltaOpen,
            bar.low + bar.deltaHigh,
            bar.low,
            bar.low + bar.deltaClose,
            bar.volume,
        )
        for bar in answer.trendbar
    ]
    return rows, answer.hasMore if answer.HasField("hasMore") else None


def ticks_by_attribute(payload: bytes) -> tuple[list[tuple[int, ...]], bool | None]:
    answer = ProtoOAGetTickDataRes.FromString(payload)
    times = accumulate(one.timestamp for one in answer.tickData)
    prices = accumulate(one.tick for one in answer.tickData)
    return list(zip(times, prices, strict=True)), answer.hasMore if answer.HasField("hasMore") else None


def bars_by_column(payload: bytes) -> tuple[list[tuple[int, ...]], bool | None]:
    page = read_bars(payload)
    made = (page.opened, page.open, page.high, page.low, page.close, page.ticks)
    assert {column.dtype.str for column in made} == {"<i8"}
    return list(zip(*(column.tolist() for column in made), strict=True)), page.has_more


def ticks_by_column(payload: bytes) -> tuple[list[tuple[int, ...]], bool | None]:
    page = read_ticks(payload)
    return list(zip(page.at.tolist(), page.price.tolist(), strict=True)), page.has_more


def agree(payload: bytes, by_column: Callable, by_attribute: Callable) -> None:
    """Hold the columns to the full parse: the same rows, or the same refusal."""
    try:
        rows, has_more = by_attribute(payload)
    except DecodeError:
        rows, has_more = None, None
    if rows is None or any(not -BIT_63 <= number < BIT_63 for row in rows for number in row):
        with pytest.raises(UndecodablePayload):
            by_column(payload)
    else:
        assert by_column(payload) == (rows, has_more)


prices = st.integers(0, 10**10) | st.sampled_from([0, 127, 128, 2**35 - 1, 2**35])
extremes = st.sampled_from([-1, -129, -(2**31), -(2**56), -(2**56) - 1, 2**55, 2**56, 2**62, 2**63, 2**64 - 1, 2**31])
numbers = prices | extremes | st.integers(-(10**9), 10**9)
sane = st.integers(0, 3000)

ordinary_bar = st.fixed_dictionaries(
    {3: sane, 5: st.integers(100_000, 3_000_000), 9: st.integers(20_000_000, 40_000_000)},
    optional={4: st.integers(1, 14), 6: sane, 7: sane, 8: sane},
).map(lambda fields: message(sorted(fields.items())))
any_bar = st.lists(st.tuples(st.sampled_from([3, 4, 5, 6, 7, 8, 9]), numbers), max_size=9).map(message)
strange_bar = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 5, 9, 10, 15, 16, 200]), numbers | st.binary(max_size=5)), max_size=6
).map(message)
bars = st.lists(ordinary_bar, max_size=12) | st.lists(ordinary_bar | any_bar, max_size=6)
bars |= st.lists(ordinary_bar | strange_bar, max_size=4)

ordinary_tick = st.tuples(st.integers(-(10**7), 0), st.integers(-3000, 3000)).map(lambda t: message([*enumerate(t, 1)]))
any_tick = st.lists(st.tuples(st.sampled_from([1, 2]), numbers), max_size=4).map(message)
strange_tick = st.lists(st.tuples(st.sampled_from([1, 2, 3, 16]), numbers | st.binary(max_size=3)), max_size=4)
ticks = st.lists(ordinary_tick, max_size=12) | st.lists(ordinary_tick | any_tick, max_size=6)
ticks |= st.lists(ordinary_tick | strange_tick.map(message), max_size=4)


@st.composite
def answers(draw, entry: int, rows: st.SearchStrategy[list[bytes]], others: tuple[int, ...]) -> bytes:
    head = draw(st.lists(st.tuples(st.sampled_from(others), numbers | st.booleans().map(int)), max_size=4))
    tail = draw(st.lists(st.tuples(st.sampled_from((*others, 16)), numbers | st.booleans().map(int)), max_size=3))
    fields = [*head, *((entry, row) for row in draw(rows)), *tail]
    if draw(st.integers(0, 5)) == 0:
        fields = draw(st.permutations(fields))
    return message(fields)


bar_answers = answers(5, bars, (1, 2, 3, 4, 6, 7))
tick_answers = answers(3, ticks, (1, 2, 4))


@settings(max_examples=150)
@given(bar_answers)
@example(b"")
@example(message([(7, 1)]))
@example(message([(5, b"")]))
@example(message([(5, message([(9, 2**32 + 5)]))]))  # an uint32 keeps the lower half
@example(message([(5, message([(5, 2**55), (6, 2**64 - 1)]))]))
@example(message([(5, b"\x28" + b"\xff" * 9 + b"\x00")]))  # ten bytes, and not negative
@example(message([(5, b"\x28" + b"\xff" * 9 + b"\x7f")]))
@example(message([(5, b"\x28" + b"\xff" * 8 + b"\x8f\x01")]))
@example(message([(5, b"\x28" + b"\xff" * 10 + b"\x01")]))  # eleven bytes are none
def test_bars_are_those_of_the_full_parse(payload: bytes) -> None:
    agree(payload, bars_by_column, bars_by_attribute)


@settings(max_examples=150)
@given(tick_answers)
@example(b"")
@example(message([(4, 0), (3, b"")]))
@example(message([(3, message([(1, 2**62), (2, 5)])), (3, message([(1, 2**62), (2, -5)]))]))  # beyond 64 bits together
@example(message([(3, message([(1, 2**55), (2, 5)]))] * 300))
def test_ticks_are_those_of_the_full_parse(payload: bytes) -> None:
    agree(payload, ticks_by_column, ticks_by_attribute)


@settings(max_examples=150)
@given(bar_answers, st.data())
def test_bars_with_a_byte_of_noise(payload: bytes, data: st.DataObject) -> None:
    agree(damaged(payload, data), bars_by_column, bars_by_attribute)


@settings(max_examples=150)
@given(tick_answers, st.data())
def test_ticks_with_a_byte_of_noise(payload: bytes, data: st.DataObject) -> None:
    agree(damaged(payload, data), ticks_by_column, ticks_by_attribute)


def damaged(payload: bytes, data: st.DataObject) -> bytes:
    """Change a byte, cut the end off, or put something in."""
    at = data.draw(st.integers(0, max(0, len(payload) - 1)))
    how = data.draw(st.sampled_from(["change", "cut", "insert"]))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    return payload[:at] + (b"" if how == "cut" else byte + payload[at + (how == "change") :])


# ------------------------------------------------------------------------------------------ without an object each


def page_of_bars(count: int, **left_out: int) -> bytes:
    answer = ProtoOAGetTrendbarsRes(ctidTraderAccountId=28_213_421, period=1, timestamp=1_784_000_000_000, symbolId=1)
    for index in range(count):
        bar = answer.trendbar.add(
            volume=20 + index * 7919 % 3000,
            low=108_000 + index * 104_729 % 5000,
            deltaOpen=index * 31 % 150,
            deltaClose=index * 37 % 150,
            deltaHigh=150 + index * 13 % 60,
            utcTimestampInMinutes=29_000_000 + index,
        )
        for name, every in left_out.items():
            if index % every == 0:
                bar.ClearField(name)
    answer.hasMore = True
    return answer.SerializeToString()


def page_of_ticks(count: int) -> bytes:
    answer = ProtoOAGetTickDataRes(ctidTraderAccountId=28_213_421, hasMore=False)
    for index in range(count):
        answer.tickData.add(timestamp=-(index * 7919 % 3000), tick=index * 31 % 41 - 20)
    answer.tickData[0].timestamp, answer.tickData[0].tick = 1_784_000_000_000, 108_000
    return answer.SerializeToString()


@pytest.fixture
def no_full_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(payload: bytes) -> None:
        raise AssertionError("parsed in full")

    monkeypatch.setattr(columns, "_parsed_bars", refuse)
    monkeypatch.setattr(columns, "_parsed_ticks", refuse)


@pytest.mark.usefixtures("no_full_parse")
@pytest.mark.parametrize("count", [0, 1, 2, 8191, 8192, 8193, 14_000])
def test_a_page_of_bars_is_not_parsed_in_full(count: int) -> None:
    for left_out in ({}, {"deltaOpen": 5, "deltaHigh": 7}, {"deltaOpen": 1}):
        payload = page_of_bars(count, **left_out)
        assert bars_by_column(payload) == bars_by_attribute(payload)


@pytest.mark.usefixtures("no_full_parse")
@pytest.mark.parametrize("count", [1, 2, 8193, 20_000])
def test_a_page_of_ticks_is_not_parsed_in_full(count: int) -> None:
    payload = page_of_ticks(count)
    assert ticks_by_column(payload) == ticks_by_attribute(payload)


@pytest.mark.usefixtures("no_full_parse")
def test_negative_prices_are_not_parsed_in_full() -> None:
    oil = ProtoOAGetTrendbarsRes(ctidTraderAccountId=1, period=9, symbolId=2, hasMore=False)
    oil.trendbar.add(volume=9, low=-4_032_000, deltaOpen=5, deltaClose=4_500_000, deltaHigh=4_600_000)
    payload = oil.SerializeToString()
    assert bars_by_column(payload) == bars_by_attribute(payload)
    assert read_bars(payload).low[0] == -4_032_000


@pytest.mark.usefixtures("no_full_parse")
def test_what_follows_the_rows_is_not_taken_for_theirs() -> None:
    payload = message([(5, message([(3, 9), (5, 100)])), (6, 41), (7, 1)])  # 6 and 7 are deltas within a bar
    assert bars_by_column(payload) == ([(0, 100, 100, 100, 100, 9)], True)


@needs_recordings
@pytest.mark.usefixtures("no_full_parse")
def test_the_recorded_page_of_bars() -> None:
    [payload] = [one.payload for one in recording("market_data.jsonl") if one.payload_type == 2138]
    rows, has_more = bars_by_column(payload)
    assert (rows, has_more) == bars_by_attribute(payload)
    assert len(rows) == 49
    assert has_more is True


def test_pages_can_be_changed_by_their_owner() -> None:
    page = read_bars(page_of_bars(3))
    page.open[0] = 1  # no view of bytes that others hold
    assert read_bars(page_of_bars(3)).open[0] != 1


def test_ticks_whose_sum_is_beyond_64_bits_are_refused() -> None:
    """Each is small enough to be read by the column, and the last is not."""
    answer = ProtoOAGetTickDataRes(ctidTraderAccountId=1, hasMore=False)
    for _ in range(20_000):
        answer.tickData.add(timestamp=(1 << 49) - 1, tick=0)
    with pytest.raises(UndecodablePayload):
        read_ticks(answer.SerializeToString())
