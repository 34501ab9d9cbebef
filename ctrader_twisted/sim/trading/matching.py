"""What a volume is filled at, and in which pieces: level by level of the book, or all at the best price.

The book is not used up: it makes prices, not a market, and the next tick may hold as much again
(docs/explanation/simulated-venue.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.sim.trading.entities import BUY, LIMIT, MARKET_RANGE, STOP_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.books import Level
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.trading.entities import Order


class Piece(NamedTuple):
    """One part of a volume and the price it is filled at, in 1/100000."""

    price: int
    volume: int


def limit_of(order: Order, instrument: Instrument) -> int | None:
    """Give the worst price that an order may be filled at, in 1/100000; None for any.

    A stop-limit order's limit lies ``slippageInPoints`` ticks beyond its stop, a market range order's as far from its
    base price, on the side that is worse for it.
    """
    sign = 1 if order.side == BUY else -1
    away = sign * (order.slippage or 0) * instrument.tick_size
    if order.order_type == LIMIT:
        return order.limit_price
    if order.order_type == STOP_LIMIT and order.stop_price is not None:
        return order.stop_price + away
    if order.order_type == MARKET_RANGE and order.base_slippage_price is not None:
        return order.base_slippage_price + away
    return None


def within(side: int, price: int, limit: int | None) -> bool:
    """Say whether a price is the limit or better: not above it for a buy, not below it for a sell."""
    return limit is None or (price <= limit if side == BUY else price >= limit)


def pieces(
    side: int,
    volume: int,
    levels: Iterable[Level],
    *,
    step: int = 1,
    limit: int | None = None,
    bottomless: bool = False,
) -> list[Piece]:
    """Give what a volume is filled at, the best price first; less than the volume where the levels hold no more.

    :param side: of the order.
    :param levels: the side of the book that it meets: asks for a buy, the best first.
    :param step: what every piece but the last is a multiple of.
    :param limit: the worst price; None for any.
    :param bottomless: what the levels do not hold is filled at the last of them.
    """
    found: list[Piece] = []
    left = volume
    for level in levels:
        if not left or not within(side, level.price, limit):
            break
        taken = min(left, max(step, level.size - level.size % step))
        found.append(Piece(level.price, taken))
        left -= taken
    if left and found and bottomless:
        last = found.pop()
        found.append(Piece(last.price, last.volume + left))
    return found


def at_best(side: int, volume: int, best: int, *, limit: int | None = None) -> list[Piece]:
    """Give what a volume is filled at where the best price holds any amount.

    :param best: the price on the side that the order meets: the ask for a buy.
    """
    return [Piece(best, volume)] if volume and within(side, best, limit) else []
