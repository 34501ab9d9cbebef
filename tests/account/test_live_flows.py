"""Random flows of live feeds, the user's own subscriptions and losses: whatever has happened, at the end the venue
serves what is needed and no more, and every feed knows what the venue does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted.account.live_books import LiveBook
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.live_desks import MINUTE, USDJPY, Desk, levels, price, sides, whole_book
from tests.sim.venues import EURUSD

NAMES = {EURUSD: "EURUSD", USDJPY: "USDJPY"}
KINDS = ("quotes", "latest", "M1", "7m", "book")
ACCOUNT = {"ctidTraderAccountId": USD_ACCOUNT}

symbols = st.sampled_from(sorted(NAMES))
steps = st.one_of(
    st.tuples(st.just("open"), st.sampled_from(KINDS), symbols),
    st.tuples(st.sampled_from(["close", "cancel"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(["subscribe", "unsubscribe"]), st.sampled_from(["spots", "depth"]), symbols),
    st.tuples(st.just("pass"), st.sampled_from([0.0, 0.01, 0.05, 1.0, 30.0])),
    st.tuples(st.sampled_from(["cut", "away", "disconnect_account"])),
)


class Flow:
    """What has been opened, and what the user has subscribed to himself."""

    def __init__(self, kit: VenueKit) -> None:
        self.desk = Desk(kit)
        self.kit = kit
        self.openings: list[tuple[str, int, Deferred[Any]]] = []
        self.opened: list[tuple[str, int, Any]] = []
        self.his: set[tuple[str, int, int | None]] = set()
        for name in NAMES.values():
            self.desk.settle(self.desk.account.symbol(name))

    def step(self, what: str, *arguments: Any) -> None:
        getattr(self, f"_{what}")(*arguments)

    def _open(self, kind: str, symbol_id: int) -> None:
        live, name = self.desk.live, NAMES[symbol_id]
        if kind in ("M1", "7m"):
            opening: Deferred[Any] = live.bars(name, kind)
        else:
            opening = getattr(live, kind)(name)

        def opened(feed: Any) -> None:
            self.opened.append((kind, symbol_id, feed))

        opening.addCallback(opened).addErrback(lambda failure: failure.trap(CancelledError))
        self.openings.append((kind, symbol_id, opening))

    def _cancel(self, number: int) -> None:
        for _, _, opening in self.openings[number : number + 1]:
            opening.cancel()

    def _close(self, number: int) -> None:
        for _, _, feed in self.opened[number : number + 1]:
            feed.close()
            del self.opened[number]

    def _subscribe(self, kind: str, symbol_id: int) -> None:
        client = self.desk.client
        ask = client.subscribe_spots if kind == "spots" else client.subscribe_depth_quotes
        self._ask(ask(**ACCOUNT, symbolId=[symbol_id]))
        self.his.add((kind, symbol_id, None))

    def _unsubscribe(self, kind: str, symbol_id: int) -> None:
        client = self.desk.client
        ask = client.unsubscribe_spots if kind == "spots" else client.unsubscribe_depth_quotes
        self._ask(ask(**ACCOUNT, symbolId=[symbol_id]))
        self.his.discard((kind, symbol_id, None))

    def _ask(self, asked: Deferred[Any]) -> None:
        """Let the user ask for something that is known to have come about, or not to be there."""
        try:
            self.desk.settle(asked)
        except OpenApiError as error:
            assert "NOT_SUBSCRIBED" in str(error) or "not subscribed" in str(error).lower(), error

    def _pass(self, seconds: float) -> None:
        self.kit.advance(seconds)

    def _cut(self) -> None:
        self.kit.cut()
        self._stand()

    def _away(self) -> None:
        self.desk.lose(70)

    def _disconnect_account(self) -> None:
        self.kit.play("disconnect_account", account_id=USD_ACCOUNT)
        self._stand()

    def _stand(self) -> None:
        self.desk.settle(self.desk.account.settled(), 120)

    def needs(self) -> set[tuple[str, int, int | None]]:
        found = set(self.his)
        for kind, symbol_id, _ in self.opened:
            found.add(("depth" if kind == "book" else "spots", symbol_id, None))
            if kind == "M1":
                found.add(("trendbars", symbol_id, 1))
        return found

    def check(self) -> None:
        self._stand()
        self.kit.advance(70)
        quote, venue = self.kit.venue.exchange.quote, self.kit.venue
        while any(quote(symbol_id).timestamp_ms == venue.now() for symbol_id in NAMES):
            self.kit.advance(0.001)  # a tick of this very moment is told in the next
        assert all(opening.called for _, _, opening in self.openings)
        assert self.desk.served() == self.desk.standing() == self.needs()
        for kind, symbol_id, feed in self.opened:
            if kind in ("quotes", "latest"):
                latest = feed.latest[NAMES[symbol_id]] if kind == "quotes" else feed[NAMES[symbol_id]]
                found = self.kit.venue.exchange.quote(symbol_id)
                assert sides([latest]) == [(price(found.bid), price(found.ask))]
            elif isinstance(feed, LiveBook):
                assert symbol_id != EURUSD or levels(feed) == whole_book(self.desk)
                assert feed.best_bid is not None
            elif kind == "M1":
                assert feed.latest[NAMES[symbol_id]].bar.opened > self.kit.venue.now() - 2 * MINUTE
        for _, _, feed in self.opened:
            self.desk.settle(feed.close())
        assert self.desk.served() == self.desk.standing() == self.his
        assert not self.desk.live._subscribing._claims


@given(steps=st.lists(steps, min_size=3, max_size=14), first=st.booleans(), survive=st.booleans())
def test_at_the_end_everything_is_as_it_is_needed(steps: list[Any], first: bool, survive: bool) -> None:
    options = Options(first_spot_before_response=first, subscriptions_survive=survive)
    with VenueKit(options=options) as kit:
        flow = Flow(kit)
        for step in steps:
            flow.step(*step)
        flow.check()
