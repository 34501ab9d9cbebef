"""Rows of a file and of its parts: put together, counted."""

from __future__ import annotations

import errno
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.cli.files.contents import Contents
from ctrader_twisted.cli.files.merging import merged
from ctrader_twisted.cli.files.parts import Part
from ctrader_twisted.cli.files.tally import OutOfOrder, Tally
from ctrader_twisted.replacing import replace

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SYMBOL: Any = SimpleNamespace(name="EURUSD", symbol_id=1, digits=5)
TICKS = Contents("side", "bid")
QUOTES = Contents("", "")
BARS = Contents("period", "M1")


def ticks(times: list[int], price: int) -> Any:
    return TICKS.table(SYMBOL, {"time": np.array(times, np.int64), "price": np.full(len(times), price, np.int64)})


@given(
    st.lists(st.integers(0, 60), unique=True).map(sorted),
    st.integers(1, 7),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 25), st.sets(st.integers(0, 24))), max_size=4),
)
def test_parts_take_the_place_of_what_the_file_has_of_their_time(
    times: list[int], at_once: int, spans: list[tuple[int, int, set[int]]]
) -> None:
    """Whatever pieces the file comes in, and also where parts overlap: then the one that begins first counts."""
    tables = [ticks(times[place : place + at_once], 1) for place in range(0, len(times), at_once)]
    rows: dict[Path, list[int]] = {}
    parts: list[Part] = []
    for number, (start, length, offsets) in enumerate(sorted(spans, key=lambda span: span[:2])):
        own = sorted(start + offset for offset in offsets if offset < length)
        file = Path(str(number))
        rows[file] = own
        parts.append(Part(file, "EURUSD", start, start + length, own[0] if own else start + length, len(own)))
    parts.sort(key=lambda part: part.first)
    found = list(merged(tables, parts, lambda part: ticks(rows[part.file], int(part.file.name) + 2)))
    expected = dict.fromkeys(times, 1)
    reached = -1
    for part in parts:
        if not part.rows:
            continue
        for time in [time for time in expected if max(part.first, reached) <= time < part.end]:
            del expected[time]
        expected.update({time: int(part.file.name) + 2 for time in rows[part.file] if time >= reached})
        reached = max(reached, part.end)
    given_rows = [
        row for table in found for row in zip(table.at.tolist(), table.columns["price"].tolist(), strict=True)
    ]
    assert given_rows == sorted(expected.items())
    assert all(len(table) for table in found)


@pytest.mark.parametrize(
    ("bids", "asks", "known"),
    [
        ([5, 5, 6, 6, 7], [8, 9, 9, 9, 9], 20),
        ([5, 6, 6, 6, 6], [8, 8, 8, 9, 9], 20),
        ([5, 5, 5, 5, 5], [8, 9, 9, 9, 9], None),
        ([5], [8], None),
    ],
)
def test_a_quote_is_told_from_the_last_change_of_either_side_on(
    bids: list[int], asks: list[int], known: int | None
) -> None:
    columns = {"time": np.arange(1, len(bids) + 1) * 10, "bid": np.array(bids), "ask": np.array(asks)}
    assert QUOTES.known_from(QUOTES.table(SYMBOL, columns)) == known


def minutes(*numbers: int) -> Any:
    columns = {name: np.full(len(numbers), 5, np.int64) for name in BARS.numbers}
    return BARS.table(SYMBOL, {**columns, "time": np.array(numbers, np.int64) * 60_000})


def test_what_is_missing_between_two_tables_counts_too() -> None:
    tally = Tally(BARS, None)
    for table in (minutes(1, 2, 5), minutes(6, 7), minutes(9), minutes(200, 201)):
        tally.take(table)
    tally.until(300 * 60_000)
    assert (tally.rows, tally.first, tally.last) == (8, 60_000, 201 * 60_000)
    assert tally.quiet == (2, timedelta(minutes=3))
    assert [(gap.start - EPOCH, gap.end - EPOCH) for gap in tally.holes] == [
        (timedelta(minutes=10), timedelta(minutes=200)),
        (timedelta(minutes=202), timedelta(minutes=300)),
    ]
    assert not tally.late
    tally.begun(0)
    assert not tally.late, "a minute"
    tally.begun(-7_200_000)
    assert tally.late


@pytest.mark.parametrize("wrong", [minutes(3), minutes(2), minutes(4, 6, 5), minutes(4, 4)])
def test_bars_that_do_not_ascend(wrong: Any) -> None:
    tally = Tally(BARS, None)
    tally.take(minutes(1, 2, 3))
    with pytest.raises(OutOfOrder):
        tally.take(wrong)


def test_ticks_of_one_ms_are_in_order() -> None:
    tally = Tally(TICKS, None)
    for times in ([1, 1, 2], [2, 2, 3]):
        tally.take(ticks(times, 5))
    assert tally.rows == 6
    with pytest.raises(OutOfOrder):
        tally.take(ticks([2], 5))


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a"
    replace(file, lambda to: to.write(b"old"))

    def half(to: BinaryIO) -> None:
        to.write(b"ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace(file, half)
    assert file.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
