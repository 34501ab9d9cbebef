"""When an order that waits for a price is due: stops, limits, the levels of positions, and stops that trail.

A stop of a buy is due when the price it watches has risen to it, one of a sell when it has fallen to it. Which price
that is, the trigger method says: TRADE the one at which the order would be filled (a buy's ask, a sell's bid), OPPOSITE
the other one; DOUBLE_TRADE and DOUBLE_OPPOSITE want two consecutive ticks of that price. The stop loss of a position is
a stop of the other side, its take profit a limit of the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ctrader_twisted.sim.trading.entities import BUY, SELL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.feed.feed import Tick

TRADE: Final = 1
OPPOSITE: Final = 2
DOUBLE_TRADE: Final = 3
DOUBLE_OPPOSITE: Final = 4

_TRADE_SIDE: Final = frozenset({TRADE, DOUBLE_TRADE})
_DOUBLE: Final = frozenset({DOUBLE_TRADE, DOUBLE_OPPOSITE})


class Prices(Protocol):
    """Anything with both sides of a quote: a Quote or a Tick."""

    @property
    def bid(self) -> int:
        """In 1/100000."""

    @property
    def ask(self) -> int:
        """In 1/100000."""


def watches_ask(side: int, method: int) -> bool:
    """Say whether a stop watches the ask; if not, the bid.

    :param side: of the order that is due, not of the position it protects.
    """
    return (side == BUY) == (method in _TRADE_SIDE)


def watched(side: int, method: int, prices: Prices) -> int:
    """Give the price that a stop watches."""
    return prices.ask if watches_ask(side, method) else prices.bid


def stop_reached(side: int, stop: int, method: int, prices: Prices) -> bool:
    """Say whether the price that a stop watches is at it or beyond."""
    price = watched(side, method, prices)
    return price >= stop if side == BUY else price <= stop


def limit_reached(side: int, limit: int, prices: Prices) -> bool:
    """Say whether a limit order could be filled at its price or better."""
    return prices.ask <= limit if side == BUY else prices.bid >= limit


class Stops:
    """Says of each tick which stops are due, and remembers those that want a second tick.

    :param once: the ids of orders that have seen the first of their two ticks.
    """

    def __init__(self, once: Iterable[int] = ()) -> None:
        self._once = set(once)

    def once(self) -> list[int]:
        """Give the ids of the orders that have seen the first of their two ticks."""
        return sorted(self._once)

    def due(self, order_id: int, side: int, stop: int, method: int, tick: Tick) -> bool:
        """Say whether a stop is due with this tick; ticks must be shown in order, each once.

        For the methods that want two ticks only those count that bring the price they watch.
        """
        reached = stop_reached(side, stop, method, tick)
        if method not in _DOUBLE:
            return reached
        if not (tick.ask_changed if watches_ask(side, method) else tick.bid_changed):
            return False
        if not reached:
            self._once.discard(order_id)
            return False
        if order_id in self._once:
            self._once.discard(order_id)
            return True
        self._once.add(order_id)
        return False

    def forget(self, order_id: int) -> None:
        """Begin anew with an order: it was changed, or is gone."""
        self._once.discard(order_id)


def distance(position_side: int, stop_loss: int, method: int, prices: Prices) -> int:
    """Give what a stop loss keeps from the price that it watches, as it trails from now on; at least 1."""
    closing = SELL if position_side == BUY else BUY
    return max(1, abs(watched(closing, method, prices) - stop_loss))


def trailed(position_side: int, stop_loss: int, kept: int, method: int, prices: Prices) -> int | None:
    """Give the level that a trailing stop loss moves to with a price; None where it stays: it never goes back.

    :param kept: the distance it keeps.
    """
    closing = SELL if position_side == BUY else BUY
    price = watched(closing, method, prices)
    level = price - kept if position_side == BUY else price + kept
    better = level > stop_loss if position_side == BUY else level < stop_loss
    return level if better else None
