"""An order book, kept from depth events.

What is known of them:

* An event adds entries and deletes others, by their ids; the first one after subscribing has the whole book
  (documented).
* An entry is on one side. One whose id is there already replaces it; the server deletes it and adds another (observed).
* Where an event deletes and adds one id, it is deleted first (unconfirmed).
* An entry with both sides or none is against the documentation. It is left out, and its deletion is no surprise.

Nothing says that an event went missing, so an id that is deleted and was never added is counted: it tells that what is
here is not what the server has.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from ctrader_twisted.market.prices import RELATIVE_DIGITS, price_from_relative

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from ctrader_twisted.messages import ProtoOADepthEvent


class Level(NamedTuple):
    """All that is offered at one price of one side."""

    price: Decimal
    volume: int
    """Hundredths of a unit."""
    entries: int
    """How many entries of the book it is the sum of."""


class BookSnapshot(NamedTuple):
    """Both sides of a book at one moment, the best level of each first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class _Side:
    """One side: its levels by rank. Of the ranks, which ascend, the last one is the best."""

    __slots__ = ("levels", "ranks", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign  # rank = sign * price
        self.ranks: list[int] = []
        self.levels: dict[int, list[int]] = {}  # rank: [volume, entries]

    def add(self, price: int, size: int) -> None:
        rank = price * self.sign
        level = self.levels.get(rank)
        if level is None:
            self.levels[rank] = [size, 1]
            ranks = self.ranks
            if not ranks or rank > ranks[-1]:
                ranks.append(rank)
            else:
                insort(ranks, rank)
        else:
            level[0] += size
            level[1] += 1

    def remove(self, price: int, size: int) -> None:
        rank = price * self.sign
        level = self.levels[rank]
        if level[1] > 1:
            level[0] -= size
            level[1] -= 1
            return
        del self.levels[rank]
        ranks = self.ranks
        if ranks[-1] == rank:
            ranks.pop()
        else:
            del ranks[bisect_left(ranks, rank)]

    def best_first(self, digits: int) -> Iterator[Level]:
        return (self.level(rank, digits) for rank in reversed(self.ranks))

    def best(self, digits: int) -> Level | None:
        return self.level(self.ranks[-1], digits) if self.ranks else None

    def level(self, rank: int, digits: int) -> Level:
        volume, entries = self.levels[rank]
        return Level(price_from_relative(rank * self.sign, digits), volume, entries)


_BID: Final = 1
_ASK: Final = -1


class OrderBook:
    """The order book of one symbol.

    :ivar symbol_id: whose.
    :ivar unknown: how many entries were deleted that were not there.
    :ivar unreadable: how many entries were left out because they had both sides or none.
    :param digits: the symbol's digits.
    """

    __slots__ = ("_asks", "_bids", "_digits", "_entries", "_left_out", "symbol_id", "unknown", "unreadable")

    def __init__(self, symbol_id: int, digits: int = RELATIVE_DIGITS) -> None:
        self.symbol_id: int = symbol_id
        self._digits = digits
        self.forget()

    def __len__(self) -> int:
        """Give the number of entries, both sides together."""
        return len(self._entries)

    def feed(self, event: ProtoOADepthEvent) -> None:
        """Take an event in.

        :raises ValueError: if it is of another symbol.
        """
        if event.symbolId != self.symbol_id:
            raise ValueError(f"an event of symbol {event.symbolId} came to the book of symbol {self.symbol_id}")
        entries, left_out, bids, asks = self._entries, self._left_out, self._bids, self._asks
        for number in event.deletedQuotes:
            gone = entries.pop(number, None)
            if gone is not None:
                side, price, size = gone
                side.remove(price, size)
            elif number in left_out:
                left_out.remove(number)
            else:
                self.unknown += 1
        for quote in event.newQuotes:
            number, size = quote.id, quote.size
            gone = entries.pop(number, None)
            if gone is not None:
                side, price, old = gone
                side.remove(price, old)
            is_bid = quote.HasField("bid")
            if is_bid == quote.HasField("ask"):
                self.unreadable += 1
                left_out.add(number)
                continue
            left_out.discard(number)
            side, price = (bids, quote.bid) if is_bid else (asks, quote.ask)
            entries[number] = (side, price, size)
            side.add(price, size)

    @property
    def best_bid(self) -> Level | None:
        """The highest level of the bids; None if there is none."""
        return self._bids.best(self._digits)

    @property
    def best_ask(self) -> Level | None:
        """The lowest level of the asks; None if there is none."""
        return self._asks.best(self._digits)

    @property
    def spread(self) -> Decimal | None:
        """The best ask less the best bid; None while a side is empty."""
        bids, asks = self._bids.ranks, self._asks.ranks
        return price_from_relative(-asks[-1] - bids[-1], self._digits) if bids and asks else None

    @property
    def crossed(self) -> bool:
        """Whether the best bid is above the best ask: entries of several providers may be, and are kept as told."""
        bids, asks = self._bids.ranks, self._asks.ranks
        return bool(bids and asks) and bids[-1] > -asks[-1]

    def snapshot(self, depth: int | None = None) -> BookSnapshot:
        """Give the levels of both sides.

        :param depth: how many of each side at most; None for all.
        """
        return BookSnapshot(
            tuple(islice(self._bids.best_first(self._digits), depth)),
            tuple(islice(self._asks.best_first(self._digits), depth)),
        )

    def forget(self) -> None:
        """Empty the book and its counts: after a loss, or a new subscription, the server tells all of it again."""
        self._bids, self._asks = _Side(_BID), _Side(_ASK)
        self._entries: dict[int, tuple[_Side, int, int]] = {}
        self._left_out: set[int] = set()  # ids of the unreadable
        self.unknown: int = 0
        self.unreadable: int = 0
