"""Order books: a few levels on either side of the feed's quote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ctrader_twisted.messages import ProtoOADepthEvent, ProtoOADepthQuote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from ctrader_twisted.sim.feed.instruments import Instrument


class Level(NamedTuple):
    """One quote of a book. It never changes: what would change it deletes it and adds another.

    :ivar quote_id: its id, unique in its book for ever.
    :ivar is_bid: its side.
    :ivar price: in 1/100000.
    :ivar size: in cents of a unit.
    """

    quote_id: int
    is_bid: bool
    price: int
    size: int


class Book:
    """The depth of one symbol.

    The best level of each side is the quote; the deeper ones lie on a fixed grid, so that most outlive a small move.

    :param levels: levels of each side.
    :param chance: where the sizes come from.
    """

    def __init__(self, instrument: Instrument, levels: int, chance: Random) -> None:
        self._instrument = instrument
        self._count = levels
        self._chance = chance
        self._next_id = 1
        self._levels: dict[tuple[bool, int], Level] = {}
        self._best: tuple[int, int] | None = None
        tick = instrument.tick_size
        self._gap = max(1, -(-instrument.typical_spread // (2 * tick))) * tick

    def levels(self) -> list[Level]:
        """Give the whole book, bids first, the best of each side first."""
        return sorted(self._levels.values(), key=lambda level: (not level.is_bid, -level.price * (level.is_bid or -1)))

    def best(self) -> tuple[int, int] | None:
        """Give the quote that it follows, bid and ask; None before the first."""
        return self._best

    def state(self) -> list[Any]:
        """Give all there is to it as plain values, for `restore`."""
        version, numbers, gauss = self._chance.getstate()
        best = None if self._best is None else list(self._best)
        return [self._next_id, best, [list(level) for level in self._levels.values()], [version, list(numbers), gauss]]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from what `state` gave.

        :raises ValueError: if it is not that, or a TypeError.
        """
        next_id, best, levels, (version, numbers, gauss) = state
        self._chance.setstate((version, tuple(numbers), gauss))
        self._next_id = int(next_id)
        self._best = None if best is None else (int(best[0]), int(best[1]))
        self._levels = {
            (bool(is_bid), int(price)): Level(int(quote_id), bool(is_bid), int(price), int(size))
            for quote_id, is_bid, price, size in levels
        }

    def side(self, *, bids: bool) -> list[Level]:
        """Give one side, the best level first."""
        levels = [level for level in self._levels.values() if level.is_bid == bids]
        return sorted(levels, key=lambda level: -level.price if bids else level.price)

    def move(self, bid: int, ask: int) -> tuple[list[Level], list[int]]:
        """Follow the quote.

        :return: the levels that are new, and the ids of those that are gone.
        """
        self._best = (bid, ask)
        wanted = dict.fromkeys([*self._side(True, bid), *self._side(False, ask)])
        gone = [key for key in self._levels if key not in wanted]
        if not gone and self._levels:  # a quote that stays still sees sizes change
            gone.append(self._chance.choice(list(self._levels)))
        deleted = [self._levels.pop(key).quote_id for key in gone]
        added = []
        for depth, key in enumerate(wanted):
            if key not in self._levels:
                self._levels[key] = level = self._level(*key, depth % self._count)
                added.append(level)
        return added, deleted

    def _side(self, is_bid: bool, best: int) -> Iterable[tuple[bool, int]]:
        away = -self._gap if is_bid else self._gap
        grid = best // self._gap * self._gap
        if is_bid and grid == best or not is_bid:
            grid += away
        yield is_bid, best
        for _ in range(self._count - 1):
            if grid <= 0:
                return
            yield is_bid, grid
            grid += away

    def _level(self, is_bid: bool, price: int, depth: int) -> Level:
        size = self._instrument.lot_size * (depth + 1) * self._chance.randint(1, 20) // 2
        self._next_id += 1
        return Level(self._next_id - 1, is_bid, price, max(1, size))


def depth_event(account_id: int, symbol_id: int, added: Iterable[Level], deleted: Iterable[int]) -> ProtoOADepthEvent:
    """Make the event that tells a change of a book."""
    quotes = []
    for level in added:
        quote = ProtoOADepthQuote(id=level.quote_id, size=level.size)
        if level.is_bid:
            quote.bid = level.price
        else:
            quote.ask = level.price
        quotes.append(quote)
    return ProtoOADepthEvent(
        ctidTraderAccountId=account_id, symbolId=symbol_id, newQuotes=quotes, deletedQuotes=list(deleted)
    )
