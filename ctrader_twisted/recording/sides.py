"""Spot events, which tell the side that changed, made into rows of both sides. Needs numpy. Pure.

What is a row: an event that tells a side while both are known. The first event of a symbol tells what stood already, at
the time of a change long past perhaps, and so does the one that begins a subscription to its bars: neither is a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ctrader_twisted.market.columns import floats
from ctrader_twisted.market.light import ABSENT
from ctrader_twisted.recording.store import Coded
from ctrader_twisted.recording.tables import DAY, LIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ctrader_twisted.market.columns import Column
    from ctrader_twisted.market.light import SpotColumns


@dataclass(frozen=True, slots=True, eq=False)
class QuoteRows:
    """Rows of quotes, in the order in which the events came.

    :ivar time: ms: the server's time of the event; the time here if it has none.
    :ivar received: ms: when it came.
    :ivar symbol: which of the names the symbol has.
    :ivar bid: as it stood after the event, rounded to the symbol's digits.
    :ivar ask: likewise.
    :ivar names: of all symbols there are; more may be added.
    """

    time: Column
    received: Column
    symbol: NDArray[np.int32]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.time)

    def columns(self, source: str = LIVE) -> dict[str, Any]:
        """Give the columns of a batch of quotes."""
        return {
            "time": self.time,
            "received": self.received,
            "symbol": Coded(self.symbol, tuple(self.names)),
            "bid": self.bid,
            "ask": self.ask,
            "source": same_text(source, len(self)),
        }

    def before(self, end: int) -> tuple[QuoteRows, QuoteRows]:
        """Give the rows before a moment, in ms, and the others."""
        early = self.time < end
        return self._where(early), self._where(~early)

    def _where(self, which: NDArray[np.bool_]) -> QuoteRows:
        columns: dict[str, Any] = {name: getattr(self, name)[which] for name in _COLUMNS}
        return QuoteRows(**columns, names=self.names)


_COLUMNS = ("time", "received", "symbol", "bid", "ask")


def joined_rows(*parts: QuoteRows) -> QuoteRows:
    """Put rows of the same `Sides` together, in the order given."""
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return QuoteRows(**columns, names=parts[0].names)


def same_text(text: str, count: int) -> Coded:
    """Make a column that has the same text in every row."""
    return Coded(np.zeros(count, np.int32), (text,))


class Sides:
    """Both sides of the symbols of one account, from read to read.

    :param names: the name and digits of each symbol that is recorded, by symbolId; events of others are left out. More
        may be added.
    :ivar first: from when on the rows of a symbol are all that there was, in ms, by name: just after the event that
        made both sides known.
    """

    def __init__(self, names: Mapping[int, tuple[str, int]]) -> None:
        self.first: dict[str, int] = {}
        self._symbols = names
        self._names: list[str] = []  # by code, as all that follows
        self._digits = self._none()
        self._bid = self._none()
        self._ask = self._none()
        self._last = self._none()
        self._codes: dict[int, int] = {}
        self._ids = self._none()  # ascending
        self._code_of_id = self._none()

    @property
    def last(self) -> dict[str, int]:
        """The latest time that an event of a symbol told, in ms, by name."""
        return {name: last for name, last in zip(self._names, self._last.tolist(), strict=True) if last != ABSENT}

    def forget(self, name: str | None = None) -> None:
        """Forget a symbol, or all: after a loss nobody knows which side has changed meanwhile."""
        which = [code for code, known in enumerate(self._names) if name is None or known == name]
        for standing in (self._bid, self._ask, self._last):
            standing[which] = ABSENT
        for code in which:
            self.first.pop(self._names[code], None)

    def take(self, columns: SpotColumns, received: Column) -> QuoteRows:
        """Take events in. A time that can't be counts as none: before 1970, or more than a day ahead of ours.

        :param columns: events of this account.
        :param received: when each of them came, in ms.
        """
        self._learn()
        stamped = (columns.timestamp > 0) & (columns.timestamp <= received + DAY)
        times = np.where(stamped, columns.timestamp, received)
        codes = self._coded(columns.symbol_id)
        taken = np.flatnonzero((codes != ABSENT) & ((columns.bid != ABSENT) | (columns.ask != ABSENT)))
        kept, bid, ask = self._fill(codes[taken], columns.bid[taken], columns.ask[taken], times[taken])
        rows = taken[kept]
        codes = codes[rows]
        return QuoteRows(
            times[rows],
            received[rows],
            codes.astype(np.int32),
            self._rounded(bid[kept], codes),
            self._rounded(ask[kept], codes),
            self._names,
        )

    def _none(self, count: int = 0) -> Column:
        return np.full(count, ABSENT, np.int64)

    def _learn(self) -> None:
        """Give codes to symbols that have none."""
        new = [symbol_id for symbol_id in self._symbols if symbol_id not in self._codes]
        if new:
            for symbol_id in new:
                self._codes[symbol_id] = len(self._names)
                self._names.append(self._symbols[symbol_id][0])
            more = self._none(len(new))
            self._bid, self._ask, self._last = (
                np.append(standing, more) for standing in (self._bid, self._ask, self._last)
            )
            self._ids = np.array(sorted(self._codes), np.int64)
            self._code_of_id = np.array([self._codes[symbol_id] for symbol_id in self._ids.tolist()], np.int64)
        self._digits = np.array([self._symbols[symbol_id][1] for symbol_id in self._codes], np.int64)

    def _coded(self, symbol_id: Column) -> Column:
        """Give the code of each symbol, -1 for those that are not recorded."""
        if not len(self._ids):
            return self._none(len(symbol_id))
        places = np.minimum(np.searchsorted(self._ids, symbol_id), len(self._ids) - 1)
        return np.where(self._ids[places] == symbol_id, self._code_of_id[places], ABSENT)

    def _rounded(self, prices: Column, codes: Column) -> NDArray[np.float64]:
        digits = self._digits[codes]
        different = np.unique(self._digits).tolist()
        if len(different) <= 1:
            return floats(prices, *different or [0])
        rounded = np.zeros(len(prices))
        for each in different:
            where = digits == each
            rounded[where] = floats(prices[where], each)
        return rounded

    def _fill(
        self, codes: Column, told_bid: Column, told_ask: Column, times: Column
    ) -> tuple[NDArray[np.bool_], Column, Column]:
        """Fill in the sides that events leave out; give which of them are rows, and the sides after each.

        All symbols at once: events by symbol, and before those of each what stood, as if it had been told then.
        """
        count = len(codes)
        order = np.argsort(codes.astype(np.uint16) if len(self._names) < 2**16 else codes, kind="stable")
        sorted_codes = codes[order]
        begins = np.flatnonzero(np.append(True, sorted_codes[1:] != sorted_codes[:-1])) if count else self._none()
        which = sorted_codes[begins]  # the code of each run
        run = np.repeat(np.arange(len(which)), np.diff(np.append(begins, count)))
        stood = begins + np.arange(len(which))
        ends = np.append(begins[1:], count) + np.arange(len(which)) if count else stood
        at = np.arange(count) + run + 1

        def laid_out(standing: Column, told: Column) -> Column:
            values = np.empty(count + len(which), np.int64)
            values[stood], values[at] = standing[which], told[order]
            return values

        def filled(values: Column) -> Column:
            places = np.where(values != ABSENT, np.arange(len(values)), 0)
            places[stood] = stood
            return values[np.maximum.accumulate(places)]

        bid = filled(laid_out(self._bid, told_bid))
        ask = filled(laid_out(self._ask, told_ask))
        told = laid_out(self._last, times)
        apart = np.zeros(len(told), np.int64)  # each run's times above those of the run before, so one maximum does
        apart[stood], apart[at] = np.arange(len(which)), run
        apart *= int(told.max(initial=0)) + 2
        last = np.maximum.accumulate(told + apart) - apart
        known = (bid != ABSENT) & (ask != ABSENT)
        before = at - 1
        same = (bid[at] == bid[before]) & (ask[at] == ask[before]) & (told[at] <= last[before])
        for run_of in np.flatnonzero(~known[stood] & known[ends]).tolist():
            begin, end = int(stood[run_of]), int(ends[run_of])
            made_known = begin + int(np.argmax(known[begin : end + 1]))
            self.first[self._names[int(which[run_of])]] = int(told[made_known]) + 1
        self._bid[which], self._ask[which], self._last[which] = bid[ends], ask[ends], last[ends]
        kept, bids, asks = np.zeros(count, bool), self._none(count), self._none(count)
        kept[order] = known[before] & ~same
        bids[order], asks[order] = bid[at], ask[at]
        return kept, bids, asks
