"""Spot events in lighter forms than messages: one small object for each event, or columns for many at once.

All three forms say the same, event by event. What is left out of the lighter ones is the live bars, which ride in spot
events, and fields that the schema does not have.

Columns are read straight from the bytes. An event of spots is tags and varints and nothing else: where each varint ends
is found for a whole read at once, and every second one is a value. Whatever has another shape is parsed as a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from google.protobuf.message import DecodeError

from ctrader_twisted.messages import ProtoOASpotEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

_LAYOUTS: Final = 12
"""Layouts up to which events are read layout by layout; for more of them it is quicker to look at each varint."""
_WIDEST: Final = 62
"""Bytes of an event whose layout fits into 64 bits."""
_MOST_FIELDS: Final = 8
"""Fields of an event whose tags fit into 64 bits."""

ABSENT: Final = -1
"""What a column has where an event lacks the field."""

_FIELDS: Final = ("ctidTraderAccountId", "symbolId", "bid", "ask", "sessionClose", "timestamp")
_ROWS: Final = len(_FIELDS)
_MOST: Final = 2**63 - 1
"""What a column can hold: a price beyond it, which no market has, is taken for it in every lighter form."""


class LightQuote(NamedTuple):
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


@dataclass(frozen=True, slots=True, eq=False)
class SpotColumns:
    """Many spot events at once, the oldest first: a column for each field, -1 where an event lacks it.

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
        columns = (self.account_id, self.symbol_id, self.bid, self.ask, self.timestamp)
        lists: list[list[Any]] = [column.tolist() for column in columns]
        for index in (2, 3, 4):
            if columns[index].min(initial=0) < 0:
                lists[index] = [None if value == ABSENT else value for value in lists[index]]
        return map(_new_quote, repeat(LightQuote), zip(*lists, strict=True))


_new_quote = cast("Any", tuple.__new__)  # what LightQuote(...) does, at half the time


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
        event.timestamp if event.HasField("timestamp") else None,
    )


def columns_of(events: Iterable[ProtoOASpotEvent]) -> SpotColumns:
    """Give what messages say."""
    import numpy as np

    table = np.array([_row(event) for event in events], np.int64).reshape(-1, _ROWS)
    return SpotColumns(*table.T)


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

    def forget(self, account_id: int | None = None) -> None:
        """Forget what is known of an account, or of all: after a loss nobody knows which side has changed meanwhile."""
        if account_id is None:
            self._quotes.clear()
        else:
            self._quotes = {key: quote for key, quote in self._quotes.items() if key[0] != account_id}

    def take(self, quote: LightQuote) -> None:
        """Take one event in."""
        account_id, symbol_id, bid, ask, timestamp = quote
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
    :param stops: where it ends. Between two events there are whole varints only.
    :return: the columns, without the events that can't be read, and the sizes of these.
    """
    table = _by_layout(data, starts, stops)
    if table is None:
        table, unusual = _ragged(data, starts, stops)
        if len(unusual):
            return _mended(table, data, starts, stops, unusual)
    return SpotColumns(*table), ()


def _row(event: ProtoOASpotEvent) -> list[int]:
    prices = [min(getattr(event, name), _MOST) if event.HasField(name) else ABSENT for name in _FIELDS[2:]]
    return [event.ctidTraderAccountId, event.symbolId, *prices]


@cache
def _rows_by_tag() -> NDArray[np.int8]:
    """Give for each tag the row of its field; -1 for all others."""
    import numpy as np

    rows = np.full(256, ABSENT, np.int8)
    for row, name in enumerate(_FIELDS):
        rows[ProtoOASpotEvent.DESCRIPTOR.fields_by_name[name].number << 3] = row  # wire type 0: a varint
    return rows


def _empty(count: int) -> NDArray[np.int64]:
    import numpy as np

    table = np.full((_ROWS, count), ABSENT, np.int64)
    table[:2] = 0  # account and symbol are required: as a message reads that lacks them nevertheless
    return table


def _by_layout(data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Read events that have few layouts between them; None if they have many, or one that is not as expected.

    A layout is which bytes say that more follow, and the tags: of events that have it in common, each field begins at
    the same place and is read at once.
    """
    import numpy as np

    from ctrader_twisted.market import varints

    sizes = stops - starts
    width = int(sizes.max())
    if width > _WIDEST or not sizes.all():
        return None
    eights = varints.eights(data)
    words = np.empty((len(starts), (width + 7) // 8), "<u8")
    for number in range(words.shape[1]):
        words[:, number] = eights[starts + 8 * number]
    marks = varints.continued(words[:, 0])
    for number in range(1, words.shape[1]):
        marks |= varints.continued(words[:, number]) << np.uint64(8 * number)
    # What lies behind an event is no longer of it: a bit of its own marks its end.
    ends = np.uint64(1) << sizes.view(np.uint64)
    octets, table = words.view(np.uint8), _empty(len(starts))
    for mark, alike in _groups((marks & (ends - np.uint64(1))) | ends):
        fields = _fields_of(mark)
        if fields is None:
            return None
        these = slice(None) if alike is None else alike
        kinds = np.zeros((len(starts[these]), _MOST_FIELDS), np.uint8)
        kinds[:, : len(fields)] = octets[these][:, [at for at, _ in fields]]
        for tags, same in _groups(kinds.view("<u8").ravel()):
            rows = [_rows_by_tag()[tags >> 8 * number & 0xFF] for number in range(len(fields))]
            if min(rows, default=ABSENT) < 0:
                return None
            where = these if same is None else same if alike is None else alike[same]
            begins = starts[where]
            for row, (at, size) in zip(rows, fields, strict=True):
                wholes = eights[begins + (at + 1)]
                wholes &= varints.KEPT[size]
                table[row, where] = varints.joined(wholes, size)  # of a field that comes twice the last counts
    return table


def _groups(keys: NDArray[np.uint64]) -> Iterator[tuple[int, NDArray[np.int64] | None]]:
    """Give each key that there is and where it is; None for everywhere. Nothing more if there are too many."""
    import numpy as np

    if (keys == keys[0]).all():
        yield int(keys[0]), None
        return
    found, which = np.unique(keys, return_inverse=True)
    if len(found) > _LAYOUTS:
        yield 0, None
        return
    for number, key in enumerate(found.tolist()):
        yield key, np.flatnonzero(which == number)


def _fields_of(mark: int) -> list[tuple[int, int]] | None:
    """Give where each field's tag is and how many bytes its value has; None if it is no row of tags and varints.

    :param mark: a bit for each byte that says that more follow, and one behind the last byte.
    """
    from ctrader_twisted.market import varints

    fields: list[tuple[int, int]] = []
    at, size = 0, mark.bit_length() - 1
    while at < size:
        first = at + 1
        end = first
        while mark >> end & 1 and end < size:
            end += 1
        if mark >> at & 1 or end >= size or end - at > varints.LONGEST:
            return None
        fields.append((at, end - at))
        at = end + 1
    return fields if len(fields) <= _MOST_FIELDS else None


def _ragged(
    data: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read events of any fields; give the rows and which events are not as expected."""
    import numpy as np

    from ctrader_twisted.market import varints

    count = len(starts)
    octets = np.frombuffer(data, np.uint8)
    ends = varints.last_bytes(data, int(starts[0]), int(stops[-1]))
    first, beyond = np.searchsorted(ends, starts), np.searchsorted(ends, stops)
    pairs = (beyond - first) // 2
    unusual = ((beyond - first) % 2 == 1) | (stops <= starts)
    unusual |= octets[np.maximum(stops - 1, 0)] >= 0x80
    event = np.repeat(np.arange(count), pairs)
    place = np.arange(len(event)) - (np.cumsum(pairs) - pairs)[event]
    index = first[event] + 2 * place
    tags, lasts = ends[index], ends[index + 1]
    before = np.where(place == 0, starts[event] - 1, ends[index - 1])
    sizes = lasts - tags
    rows = _rows_by_tag()[octets[tags]]
    unusual[event[(rows < 0) | (tags - before != 1) | (sizes > varints.LONGEST)]] = True
    read = varints.values(data, tags + 1, np.minimum(sizes, varints.LONGEST))
    table = _empty(count)
    table[rows, event] = read  # of a field that comes twice the last counts, as in protobuf
    return table, np.flatnonzero(unusual)


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
    return SpotColumns(*table[:, kept]), unreadable
