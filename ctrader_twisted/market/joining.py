"""Bid and ask ticks joined into quotes.

A tick changes one side; the quote after it is that and the last of the other side. Of one ms only the order within each
side is known, so the first changes of both sides there make one quote, the second ones the next, and so on: no tick is
left out, and no order is made up. Quotes begin when both sides are known.

Needs numpy (the extra ``data``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ctrader_twisted.market.columns import Column


class Side(NamedTuple):
    """Ticks of one side, ascending.

    :ivar at: ms since the epoch, UTC.
    :ivar price: in 1/100000.
    """

    at: Column
    price: Column


class Joined(NamedTuple):
    """Quotes, ascending.

    :ivar at: ms since the epoch, UTC.
    :ivar bid: in 1/100000.
    :ivar ask: likewise.
    """

    at: Column
    bid: Column
    ask: Column


class Joining:
    """Joins two sides, piece by piece: what is known of each at the end of a piece counts in the next."""

    def __init__(self) -> None:
        self._bid: int | None = None
        self._ask: int | None = None

    def feed(self, bids: Side, asks: Side) -> Joined:
        """Take the ticks of both sides in one span, and give its quotes. Spans are given in ascending order."""
        bid_ranks, ask_ranks = _ranks(bids.at), _ranks(asks.at)
        base = max(int(bid_ranks.max(initial=0)), int(ask_ranks.max(initial=0))) + 1
        # A change is told by its ms and its place there; times count from the first, so that both fit into 64 bits.
        since = min((int(side.at[0]) for side in (bids, asks) if len(side.at)), default=0)
        bid_keys = (bids.at - since) * base + bid_ranks
        ask_keys = (asks.at - since) * base + ask_ranks
        keys = np.union1d(bid_keys, ask_keys)
        bid, bid_known = _standing(keys, bid_keys, bids.price, self._bid)
        ask, ask_known = _standing(keys, ask_keys, asks.price, self._ask)
        if len(bids.price):
            self._bid = int(bids.price[-1])
        if len(asks.price):
            self._ask = int(asks.price[-1])
        known = max(bid_known, ask_known)
        return Joined(keys[known:] // base + since, bid[known:], ask[known:])


def join(bids: Side, asks: Side) -> Joined:
    """Join all ticks of two sides at once."""
    return Joining().feed(bids, asks)


def _ranks(at: Column) -> Column:
    """Give each tick's place among those of its ms."""
    places = np.arange(len(at))
    if not len(at):
        return places
    begins = np.flatnonzero(np.append(True, at[1:] != at[:-1]))
    return places - np.repeat(begins, np.diff(np.append(begins, len(at))))


def _standing(keys: Column, changes: Column, prices: Column, before: int | None) -> tuple[Column, int]:
    """Give the price that stands at each key, and from which key on one is known."""
    last = np.searchsorted(changes, keys, side="right")
    standing = np.append(np.int64(0 if before is None else before), prices)[last]
    return standing, 0 if before is not None else int(np.searchsorted(last, 1))
