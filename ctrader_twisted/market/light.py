"""Spot events in lighter forms than messages: one small object for each event, or columns for many at once.

All three forms say the same, event by event. What is left out of the lighter ones is the live bars, which ride in spot
events, and fields that the schema does not have.

Columns are read straight from the bytes. An event of spots is tags and varints and nothing else. Where all events of a
read are laid out alike, each field is read where it stands; else all events are walked through field by field, which is
half as quick. Whatever has another shape is parsed as a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Final, cast

import msgspec
from google.protobuf.message import DecodeError

from ctrader_twisted.market.times import moment
from ctrader_twisted.messages import ProtoOASpotEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

ABSENT: Final = -1
"""What a column has where an event lacks the field, or has a time before 1970, which none has."""

_FIELDS: Final = ("ctidTraderAccountId", "symbolId", "bid", "ask", "sessionClose", "timestamp")
_ROWS: Final = len(_FIELDS)
_MOST: Final = 2**63 - 1
"""What a column can hold: a price beyond it, which no market has, is taken for it in every lighter form."""


class LightQuote(msgspec.Struct, frozen=True, gc=False):
    """What one spot event says, with the wire's numbers. As a rule it has one side only: the one that changed.

    `ctrader_twisted.market.Quotes` keeps both sides of each symbol.
    """

    account_id: int
    """ctidTraderAccountId."""
    symbol_id: int
    bid: int | None
    """In 1/100000, whatever the symbol's digits; None if the event has none."""
    ask: int | None
    """Likewise."""
    timestamp: int | None
    """The server's time in ms UTC; None unless the subscription carries it."""

    @property
    def time(self) -> datetime | None:
        """`timestamp` as an aware datetime, in UTC; None without it."""
        return None if self.timestamp is None else moment(self.timestamp)


@dataclass(frozen=True, slots=True, eq=False)
class SpotColumns:
    """Many spot events at once, the oldest first: a column for each field, -1 where an event lacks it.

    All who listen are given the same columns, so nobody can write to them: copy those that you change.

    :ivar account_id: ctidTraderAccountId.
    :ivar symbol_id: symbolId.
    :ivar bid: in 1/100000, whatever the symbol's digits.
    :ivar ask: likewise.
    :ivar session_close: likewise.
    :ivar timestamp: the server's time in ms UTC, where the subscription carries it.
    """

    account_id: NDArray[np.int64]
    symbol_id: NDArray[np.int64]
    bid: NDArray[np.int64]
    ask: NDArray[np.int64]
    session_close: NDArray[np.int64]
    timestamp: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.symbol_id)

    def quotes(self) -> Iterator[LightQuote]:
        """Give the events one by one."""
        if not len(self):
            return iter(())
        sides = (_values(self.bid), _values(self.ask), _values(self.timestamp))
        account_id = int(self.account_id[0])
        if (self.account_id == account_id).all():
            accounts: Iterable[int] = repeat(account_id, len(self))  # one object for all of them
        else:
            accounts = self.account_id.tolist()
        return map(LightQuote, accounts, self.symbol_id.tolist(), *sides)


def _values(column: NDArray[np.int64]) -> Iterable[int | None]:
    """Give the values of a field that an event may lack."""
    absent = column < 0
    if not absent.any():
        return cast("list[int]", column.tolist())
    if absent.all():
        return repeat(None, len(column))
    values = column.astype(object)
    values[absent] = None
    return cast("list[int | None]", values.tolist())


def has_numpy() -> bool:
    """Say whether columns can be made."""
    try:
        import numpy  # noqa: F401
    except ImportError:
        return False
    return True


def require_numpy() -> None:
    """Make sure that columns can be made.

    :raises ImportError: if numpy is missing, with how to install it.
    """
    if not has_numpy():
        raise ImportError("columns need numpy: pip install 'ctrader_twisted[data]'", name="numpy")


def quote_of(event: ProtoOASpotEvent) -> LightQuote:
    """Give what a message says."""
    return LightQuote(
        event.ctidTraderAccountId,
        event.symbolId,
        min(event.bid, _MOST) if event.HasField("bid") else None,
        min(event.ask, _MOST) if event.HasField("ask") else None,
        event.timestamp if event.HasField("timestamp") and event.timestamp >= 0 else None,
    )


def columns_of(events: Iterable[ProtoOASpotEvent]) -> SpotColumns:
    """Give what messages say."""
    import numpy as np

    return _columns(np.array([_row(event) for event in events], np.int64).reshape(-1, _ROWS + 1).T)


class LatestQuotes:
    """The last known sides of each symbol, for whoever only looks now and then: made from columns, a read at a time."""

    def __init__(self) -> None:
        self._quotes: dict[tuple[int, int], LightQuote] = {}

    def __len__(self) -> int:
        return len(self._quotes)

    def get(self, account_id: int, symbol_id: int) -> LightQuote | None:
        """Give the last known sides of a symbol; None before the first.

        :param account_id: ctidTraderAccountId.
        :return: with the time of the latest event that told one.
        """
        return self._quotes.get((account_id, symbol_id))

    def of(self, account_id: int) -> dict[int, LightQuote]:
        """Give the last known sides of every symbol of an account, by symbolId."""
        return {symbol_id: quote for (account, symbol_id), quote in self._quotes.items() if account == account_id}

    def forget(self, account_id: int | None = None, symbol_id: int | None = None) -> None:
        """Forget what is known of an account, or of one symbol of it, or all: after a loss nobody knows which side has
        changed meanwhile."""
        if account_id is None:
            self._quotes.clear()
        elif symbol_id is not None:
            self._quotes.pop((account_id, symbol_id), None)
        else:
            self._quotes = {key: quote for key, quote in self._quotes.items() if key[0] != account_id}

    def take(self, quote: LightQuote) -> None:
        """Take one event in. One that has neither side nor time is as if it had not come."""
        account_id, symbol_id = quote.account_id, quote.symbol_id
        bid, ask, timestamp = quote.bid, quote.ask, quote.timestamp
        if bid is ask is timestamp is None:
            return
        last = self._quotes.get((account_id, symbol_id))
        if last is not None:
            bid = last.bid if bid is None else bid
            ask = last.ask if ask is None else ask
            timestamp = last.timestamp if timestamp is None else timestamp
        self._quotes[account_id, symbol_id] = LightQuote(account_id, symbol_id, bid, ask, timestamp)

    def take_columns(self, columns: SpotColumns) -> None:
        """Take many events in."""
        import numpy as np

        for account_id in np.unique(columns.account_id).tolist():
            of_account = columns.account_id == account_id
            symbols = columns.symbol_id[of_account]
            told: dict[int, list[int | None]] = {}
            for place, column in enumerate((columns.bid, columns.ask, columns.timestamp)):
                values = column[of_account]
                newest_first = np.flatnonzero(values >= 0)[::-1]
                which, newest = np.unique(symbols[newest_first], return_index=True)
                latest = values[newest_first[newest]]
                for symbol_id, value in zip(which.tolist(), latest.tolist(), strict=True):
                    told.setdefault(symbol_id, [None, None, None])[place] = value
            for symbol_id, sides in told.items():
                self.take(LightQuote(account_id, symbol_id, *sides))


def read(data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> tuple[SpotColumns, Sequence[int]]:
    """Read spot events by the column.

    :param data: bytes, with 64 zeros behind the last event.
    :param starts: where each event's payload begins.
    :param stops: where it ends.
    :return: the columns, without the events that can't be read, and the sizes of these.
    """
    table = _empty(len(starts))
    if not _read_alike(table, data, starts, stops):
        unusual = _walk(table, data, starts, stops)
        if len(unusual):
            return _mended(table, data, starts, stops, unusual)
    return _columns(table), ()


def _columns(table: NDArray[np.int64]) -> SpotColumns:
    table.flags.writeable = False  # quotes are made of it afterwards
    return SpotColumns(*table[:_ROWS])


def _row(event: ProtoOASpotEvent) -> list[int]:
    values = [getattr(event, name) if event.HasField(name) else ABSENT for name in _FIELDS[2:]]
    return [event.ctidTraderAccountId, event.symbolId, *(max(ABSENT, min(value, _MOST)) for value in values), ABSENT]


def _empty(count: int) -> NDArray[np.int64]:
    """Make a row for each field, and a last one for what means nothing here."""
    import numpy as np

    table = np.full((_ROWS + 1, count), ABSENT, np.int64)
    table[:2] = 0  # account and symbol are required: as a message reads that lacks them nevertheless
    return table


@cache
def _rows() -> dict[int, int]:
    """Give the row of each varint by its tag of one byte, in order: also of those that the schema lacks, since servers
    are ahead of it.
    """
    rows = {number << 3: _ROWS for number in range(1, 16)}
    for row, name in enumerate(_FIELDS):
        rows[ProtoOASpotEvent.DESCRIPTOR.fields_by_name[name].number << 3] = row
    return rows


def _read_alike(table: NDArray[np.int64], data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> bool:
    """Read events of which each has the same fields, with values of as many bytes; False if these do not."""
    from ctrader_twisted.market import varints

    sizes = stops - starts
    size = int(sizes[0])
    fields = _fields_of(data[starts[0] : stops[0]])
    if fields is None or not (sizes == size).all():
        return False
    pieces = varints.pieces(data, starts, size)
    if not varints.alike(pieces, size, [begin - 1 for _, begin, _ in fields]):
        return False
    for row, begin, length in fields:
        table[row] = varints.column(pieces, begin, length)  # of a field that comes twice the last counts
    return True


def _fields_of(payload: bytes) -> list[tuple[int, int, int]] | None:
    """Give the row of each field, where its value begins and how many bytes that has; None if it has other fields."""
    from ctrader_twisted.market import varints

    rows = _rows()
    fields: list[tuple[int, int, int]] = []
    at, size = 0, len(payload)
    while at < size:
        row = rows.get(payload[at])
        begin = end = at + 1
        while end < size and payload[end] >= 0x80:
            end += 1
        at = end + 1
        if row is None or at > size or at - begin > varints.LONGEST:
            return None
        fields.append((row, begin, at - begin))
    return fields


def _walk(
    table: NDArray[np.int64], data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Read events that have their fields in the order of the tags, all at once; give which do not.

    Each goes on from where it has come to, so one that stands at its end at last was never beyond it.
    """
    import numpy as np

    from ctrader_twisted.market import varints

    at = starts.copy()
    words = varints.eights(data)[at]
    for tag, row in _rows().items():
        has = (words & np.uint64(0xFF)) == tag
        if not has.any():
            continue
        values, strides = varints.behind_tags(words)
        if row < _ROWS:
            np.copyto(table[row], values, where=has)
        at += strides * has
        if (at == stops).all():
            break
        words = varints.eights(data)[at]
    return np.flatnonzero(at != stops)


def _mended(
    table: NDArray[np.int64],
    data: bytes,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    unusual: NDArray[np.int64],
) -> tuple[SpotColumns, list[int]]:
    """Parse what could not be read by the column."""
    import numpy as np

    kept = np.ones(len(starts), bool)
    unreadable: list[int] = []
    for event in unusual.tolist():
        payload = data[starts[event] : stops[event]]
        try:
            table[:, event] = _row(ProtoOASpotEvent.FromString(payload))
        except (DecodeError, UnicodeDecodeError):
            kept[event] = False
            unreadable.append(len(payload))
    return _columns(table[:, kept]), unreadable
