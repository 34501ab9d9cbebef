"""A client, its account and the venue, for tests of the live market."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.testing import DEFAULT_START, USD_ACCOUNT, VenueKit
from tests.sim.venues import EURUSD

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from ctrader_twisted.account import Account, BarUpdate
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.market import Bar, Quote

USDJPY = 4
MINUTE = 60_000
BEGUN = DEFAULT_START - MINUTE
"""Opening of the first bar: at the start of the venue the last tick is of the minute before."""


class Desk:
    """A client, its account, and what the venue knows of both."""

    def __init__(self, kit: VenueKit, **settings: Any) -> None:
        self.kit = kit
        self.client: OpenApiClient = kit.ready_client(USD_ACCOUNT, **settings)
        self.account: Account = kit.settle(self.client.account(USD_ACCOUNT).ready())
        self.live = self.account.live

    def settle(self, deferred: Deferred[Any], within: float = 60.0) -> Any:
        return self.kit.settle(deferred, within)

    def heard(self, feed: Any) -> list[Any]:
        told: list[Any] = []
        feed.on(told.append)
        return told

    def follow(self, opening: Deferred[Any]) -> tuple[Any, list[Any]]:
        """Give a feed, and what it has told from its beginning."""
        told: list[Any] = []

        def opened(feed: Any) -> Any:
            feed.on(told.append)
            return feed

        return self.settle(opening.addCallback(opened)), told

    def standing(self) -> set[tuple[str, int, int | None]]:
        """What the client holds to be subscribed."""
        return {(each.kind, each.symbol_id, each.period) for each in self.client.subscriptions(USD_ACCOUNT)}

    def served(self) -> set[tuple[str, int, int | None]]:
        """What the venue has subscribed."""
        found: set[tuple[str, int, int | None]] = set()
        for conversation in self.kit.venue.conversations.values():
            session = conversation.sessions.get(USD_ACCOUNT)
            if session is not None:
                found |= {("spots", symbol_id, None) for symbol_id in session.spots}
                found |= {("depth", symbol_id, None) for symbol_id in session.depth}
                for symbol_id, watch in session.spots.items():
                    found |= {("trendbars", symbol_id, period) for period in watch.periods}
        return found

    def subscribe(self, symbol_id: int = EURUSD, **more: Any) -> None:
        """The user's own subscription."""
        self.settle(self.client.subscribe_spots(ctidTraderAccountId=USD_ACCOUNT, symbolId=[symbol_id], **more))

    def bars(self, start: int, end: int, period: Period = Period.M1) -> list[tuple[Any, ...]]:
        """The venue's bars that open from one moment to before another."""
        kit = self.kit
        found, _ = kit.venue.feed.bars_back(EURUSD, period, start, end - 1, 10**6, now_ms=kit.venue.now())
        return [(bar.open_ms, *map(price, bar[1:5]), bar.volume) for bar in found]

    def requests(self) -> list[str]:
        """Give the names of what the client is asked to send from now on."""
        sent: list[str] = []
        real = self.client.request
        self.client.request = lambda message, **more: sent.append(type(message).__name__) or real(message, **more)
        return sent

    def lose(self, seconds: float) -> None:
        """Be without a connection for so long."""
        self.kit.refuse_connections()
        self.kit.cut()
        self.kit.advance(seconds)
        self.kit.accept_connections()
        self.settle(self.account.settled(), 120)
        self.kit.advance(2)


def slow_feed() -> ModelFeed:
    """Prices that move a few times in a minute: hours pass in no time."""
    return ModelFeed(1, [replace(one, ticks_per_minute=8) for one in HOUSE.instruments])


def price(relative: int) -> Decimal:
    return Decimal(relative) / 100_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def as_row(bar: Bar) -> tuple[Any, ...]:
    return (bar.opened, bar.open, bar.high, bar.low, bar.close, bar.ticks)


def closed(told: list[BarUpdate]) -> list[tuple[Any, ...]]:
    return [as_row(each.bar) for each in told if each.closed]


def sides(quotes: list[Quote]) -> list[tuple[Decimal | None, Decimal | None]]:
    return [(quote.bid, quote.ask) for quote in quotes]


def whole_book(desk: Desk) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
    found: dict[str, dict[Decimal, int]] = {"bid": {}, "ask": {}}
    for level in desk.kit.venue.ticker.book(EURUSD).levels():
        side = "bid" if level.is_bid else "ask"
        at = price(level.price)
        found[side][at] = found[side].get(at, 0) + level.size
    return sorted(found["bid"].items(), reverse=True), sorted(found["ask"].items())


def levels(book: Any) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
    bids, asks = book.snapshot()
    return [each[:2] for each in bids], [each[:2] for each in asks]
