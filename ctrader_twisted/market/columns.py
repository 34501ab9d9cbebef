"""Pages of history read into columns, straight from their bytes and without an object for each row.

In the answers to ProtoOAGetTrendbarsReq and ProtoOAGetTickDataReq every row is a tag, a length, and then nothing but
tags and numbers. numpy finds where the rows begin, holds each to end where the next begins, and walks through the
fields of all rows at once: eight bytes for each tag and its number, cut behind its last byte, the sevens of bits pushed
together. A row may lack fields. What is of any other shape is parsed in full: the result is the same, and the tests
hold the one to the other.

Needs numpy (the extra ``data``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from google.protobuf.message import DecodeError

from ctrader_twisted.errors import UndecodablePayload
from ctrader_twisted.market.prices import RELATIVE_DIGITS
from ctrader_twisted.market.varints import PADDING, behind_tags, eights
from ctrader_twisted.messages import ProtoOAGetTickDataRes, ProtoOAGetTrendbarsRes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Column: TypeAlias = NDArray[np.int64]

MINUTE: Final = 60_000

_BARS, _BARS_MORE = 5, 7
_TICKS, _TICKS_MORE = 3, 4
# volume, period, low, deltaOpen, deltaClose, deltaHigh, utcTimestampInMinutes
_BAR_FIELDS: Final = ((3, True), (4, False), (5, True), (6, True), (7, True), (8, True), (9, True))
_TICK_FIELDS: Final = ((1, True), (2, True))  # timestamp, tick

_MINUTES: Final = 1 << 32  # utcTimestampInMinutes has as many bits

_LOOKS: Final = 4

_AT_ONCE: Final = 8192
"""Rows that are read together: what is made on the way stays small enough to stay near, and to be had again."""

_BITS: Final = 49
"""Bits of the seven bytes that are read of a number."""

_LAST_THREE: Final = np.uint64(40)
_SIGN: Final = np.uint64(0x01FFFF)


@dataclass(frozen=True, slots=True, eq=False)
class BarPage:
    """The bars of one answer, in its order. Prices in 1/100000.

    :ivar opened: openings, ms since the epoch, UTC.
    :ivar ticks: ticks of each bar; the wire calls it volume.
    :ivar has_more: whether older ones were left out; None if the answer does not say so.
    """

    opened: Column
    open: Column
    high: Column
    low: Column
    close: Column
    ticks: Column
    has_more: bool | None

    def __len__(self) -> int:
        return len(self.opened)


@dataclass(frozen=True, slots=True, eq=False)
class TickPage:
    """The ticks of one answer, in its order, which is newest first.

    :ivar at: ms since the epoch, UTC.
    :ivar price: in 1/100000.
    :ivar has_more: whether older ones were left out; None if the answer does not say so.
    """

    at: Column
    price: Column
    has_more: bool | None

    def __len__(self) -> int:
        return len(self.at)


def read_bars(payload: bytes) -> BarPage:
    """Read the payload of a ProtoOAGetTrendbarsRes.

    :raises UndecodablePayload: if it is none, or has numbers that are beyond 64 bits.
    """
    read = _columns(payload, _BARS, _BARS_MORE, _BAR_FIELDS)
    if read is None:
        return _parsed_bars(payload)
    (volume, low, above_open, above_close, above_high, minute), has_more = read
    if len(minute) and not 0 <= minute.min() <= minute.max() < _MINUTES:
        return _parsed_bars(payload)
    if len(low) and min(above_open.min(), above_high.min(), above_close.min()) < 0:
        return _parsed_bars(payload)  # they have no sign: what looks like one is a number beyond all others
    minute *= MINUTE
    above_open += low
    above_high += low
    above_close += low
    return BarPage(minute, above_open, above_high, low, above_close, volume, has_more)


def read_ticks(payload: bytes) -> TickPage:
    """Read the payload of a ProtoOAGetTickDataRes: the first tick is absolute, each later one the difference to the one
    before it, in both time and price (observed).

    :raises UndecodablePayload: if it is none, or has numbers that are beyond 64 bits.
    """
    read = _columns(payload, _TICKS, _TICKS_MORE, _TICK_FIELDS)
    if read is None:
        return _parsed_ticks(payload)
    (at, price), has_more = read
    for column in (at, price):
        if len(column) and max(abs(int(column.min())), int(column.max())) * len(column) >> 63:
            return _parsed_ticks(payload)
        np.cumsum(column, out=column)
    return TickPage(at, price, has_more)


def floats(prices: Column, digits: int) -> NDArray[np.float64]:
    """Give prices in 1/100000 as floats, each the one nearest to its decimal of so many digits.

    Half a last digit is rounded to even, as everywhere in this package.
    """
    digits = min(digits, RELATIVE_DIGITS)
    if digits == RELATIVE_DIGITS:
        return prices / 10.0**RELATIVE_DIGITS
    whole = np.rint(prices / 10.0 ** (RELATIVE_DIGITS - digits))
    rounded: NDArray[np.float64] = whole / 10.0**digits
    return rounded


def _columns(
    payload: bytes, entry: int, more: int, fields: Sequence[tuple[int, bool]]
) -> tuple[list[Column], bool | None] | None:
    """Give a column for each field of the message's repeated entry, and what its flag says; None if it must be parsed.

    :param entry: the number of the repeated field, whose entries must stand side by side.
    :param more: the number of the flag.
    :param fields: the fields of an entry in the order in which they stand, and whether each is wanted; a row may lack
        any of them, which reads as 0.
    """
    outside: dict[int, int] = {}
    head = entry << 3 | 2
    start = _read_outside(payload, 0, head, outside)
    if start is None:
        return None
    padded = payload + PADDING  # its end may be read over
    data = np.frombuffer(padded, np.uint8)
    heads = _heads(data, len(payload), start, head)
    if heads is None:
        return None
    stop = int(heads[-1]) + 2 + int(data[heads[-1] + 1]) if len(heads) else start
    if stop > len(payload) or _read_outside(payload, stop, head, outside) != len(payload):
        return None
    columns = [np.zeros(len(heads), np.int64) for _, wanted in fields if wanted]
    words = eights(padded)
    for first in range(0, len(heads), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        if not _read_rows(data, words, heads[rows], fields, [column[rows] for column in columns]):
            return None
    return columns, bool(outside[more]) if more in outside else None


def _read_outside(payload: bytes, at: int, head: int, found: dict[int, int]) -> int | None:
    """Read the numbers of the message itself, up to the first entry or the end; None if there is anything else."""
    end = len(payload)
    while at < end and payload[at] != head:
        tag = payload[at]
        if tag & 0x87 or tag < 8:
            return None  # no number, or a field beyond 15
        shift = value = 0
        while True:
            at += 1
            if at == end or shift > 49:
                return None
            value |= (payload[at] & 0x7F) << shift
            shift += 7
            if payload[at] < 0x80:
                break
        at += 1
        found[tag >> 3] = value
    return at


def _heads(data: NDArray[np.uint8], size: int, start: int, head: int) -> Column | None:
    """Say where each entry begins, if they stand side by side from ``start`` on; None if that can't be said quickly."""
    heads = np.flatnonzero(data[start:size] == head)
    if not len(heads):
        return heads
    heads += start
    for _ in range(_LOOKS):
        lengths = data[heads + 1]
        following = heads + lengths
        following += 2
        if np.array_equal(heads[1:], following[:-1]):
            return heads  # a row whose length takes two bytes is longer than its fields can be: it is found out by that
        # Others of these bytes are parts of numbers. An entry is where the one before it ends.
        reached = np.zeros(size + 0x102, np.bool_)
        reached[start] = True
        reached[following] = True
        heads = heads[reached[heads]]
    return None


def _read_rows(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    heads: Column,
    fields: Sequence[tuple[int, bool]],
    columns: Sequence[Column],
) -> bool:
    """Fill the columns of some rows; False if they are of another shape."""
    at = heads + 2
    ends = data[heads + 1] + at
    left = iter(columns)
    for field, wanted in fields:
        column = next(left) if wanted else None
        found = words[at]
        here = found.astype(np.uint8) == field << 3
        here[-1] &= at[-1] < ends[-1]  # behind each of the others another one begins, with a tag that is no field's
        which: Any = slice(None)
        if not here.all():
            which = np.flatnonzero(here)
            if not len(which):
                continue
            found = found[which]
        values, sizes = behind_tags(found)
        if not int(sizes.min()):
            # Ten bytes, of which the last three and the bits of the others that were left out can only be a sign.
            long = sizes == 0
            if (words[at[which][long] + 3] >> _LAST_THREE != _SIGN).any():
                return False
            values -= long.astype(np.int64) << _BITS
            sizes += long.astype(np.int64) * 11
        at[which] += sizes
        if column is not None:
            column[which] = values
    return bool((at == ends).all())  # what was read behind the end of a row is found out by that


def _parsed_bars(payload: bytes) -> BarPage:
    """Read bars by way of their messages."""
    try:
        answer = ProtoOAGetTrendbarsRes.FromString(payload)
        columns = _transposed(
            (
                bar.utcTimestampInMinutes * MINUTE,
                bar.low + bar.deltaOpen,
                bar.low + bar.deltaHigh,
                bar.low,
                bar.low + bar.deltaClose,
                bar.volume,
            )
            for bar in answer.trendbar
        )
    except (DecodeError, OverflowError):
        raise UndecodablePayload(ProtoOAGetTrendbarsRes.DESCRIPTOR.name, len(payload)) from None
    opened, above_open, above_high, low, above_close, volume = columns or _empty(6)
    has_more = answer.hasMore if answer.HasField("hasMore") else None
    return BarPage(opened, above_open, above_high, low, above_close, volume, has_more)


def _parsed_ticks(payload: bytes) -> TickPage:
    """Read ticks by way of their messages."""
    try:
        answer = ProtoOAGetTickDataRes.FromString(payload)
        at, price = _transposed(
            zip(
                accumulate(one.timestamp for one in answer.tickData),
                accumulate(one.tick for one in answer.tickData),
                strict=True,
            )
        ) or _empty(2)
    except (DecodeError, OverflowError):
        raise UndecodablePayload(ProtoOAGetTickDataRes.DESCRIPTOR.name, len(payload)) from None
    return TickPage(at, price, answer.hasMore if answer.HasField("hasMore") else None)


def _transposed(rows: Iterable[tuple[int, ...]]) -> list[Column]:
    return [np.array(column, np.int64) for column in zip(*rows, strict=True)]


def _empty(count: int) -> list[Column]:
    return [np.zeros(0, np.int64) for _ in range(count)]
