"""Subscriptions of live feeds that somebody else uses, begins and ends, too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, fail

from ctrader_twisted import messages
from ctrader_twisted.errors import RateLimited, ServerError
from ctrader_twisted.market import Lots
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.feed.feed import SideTick
from ctrader_twisted.sim.testing import DEFAULT_START, USD_ACCOUNT, VenueKit
from tests.account.live_desks import BEGUN, MINUTE, USDJPY, Desk, closed, levels, price, sides, whole_book
from tests.sim.trading.staged import stage
from tests.sim.venues import EURUSD

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = {"ctidTraderAccountId": USD_ACCOUNT}
STRANGER = messages.ProtoOADepthEvent(**ACCOUNT, symbolId=EURUSD, deletedQuotes=[987_654])
"""An entry is deleted that was never there."""


@pytest.fixture
def desk(kit: VenueKit) -> Desk:
    return Desk(kit)


def end_all(desk: Desk) -> None:
    """The user ends what stands, with requests of his own."""
    client = desk.client
    for kind, symbol_id, period in sorted(desk.standing(), key=lambda each: each[0], reverse=True):
        if kind == "spots":
            desk.settle(client.unsubscribe_spots(**ACCOUNT, symbolId=[symbol_id]))
        elif kind == "depth":
            desk.settle(client.unsubscribe_depth_quotes(**ACCOUNT, symbolId=[symbol_id]))
        elif desk.standing() & {("trendbars", symbol_id, period)}:
            desk.settle(client.unsubscribe_live_trendbar(**ACCOUNT, symbolId=symbol_id, period=period))


def truth(desk: Desk, symbol_id: int = EURUSD) -> list[tuple[Any, Any]]:
    found = desk.kit.venue.exchange.quote(symbol_id)
    return [(price(found.bid), price(found.ask))]


@pytest.mark.parametrize(
    ("open_one", "needs"),
    [
        (lambda live: live.quotes("EURUSD"), {("spots", EURUSD, None)}),
        (lambda live: live.latest("EURUSD"), {("spots", EURUSD, None)}),
        (lambda live: live.bars("EURUSD", "M1"), {("spots", EURUSD, None), ("trendbars", EURUSD, 1)}),
        (lambda live: live.bars("EURUSD", "7m"), {("spots", EURUSD, None)}),
        (lambda live: live.book("EURUSD"), {("depth", EURUSD, None)}),
    ],
    ids=["quotes", "latest", "bars", "built bars", "book"],
)
def test_what_somebody_ends_is_begun_again_while_it_is_needed(
    desk: Desk, open_one: Callable[..., Any], needs: Any
) -> None:
    opened = desk.settle(open_one(desk.live))
    desk.kit.advance(10)
    end_all(desk)
    desk.kit.advance(5)
    assert desk.served() == desk.standing() == needs
    desk.settle(opened.close())
    assert desk.served() == desk.standing() == set()


def test_quotes_go_on_with_both_sides_where_somebody_ends_them(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.quotes("EURUSD", "USDJPY"))
    desk.kit.advance(10)
    ending = desk.client.unsubscribe_spots(**ACCOUNT, symbolId=[EURUSD])
    seen: list[Any] = []
    ending.addCallback(lambda _: seen.append((list(feed.latest), [symbol.name for symbol in feed.lacking()])))
    desk.settle(ending)
    assert seen == [(["USDJPY"], ["EURUSD"])], "nobody knows how that one goes on"
    before = len(told)
    desk.kit.advance(5)
    assert sides([feed.latest["EURUSD"]]) == truth(desk)
    assert sides([feed.latest["USDJPY"]]) == truth(desk, USDJPY)
    assert len(told) > before and all(None not in pair for pair in sides(told))


def test_bars_have_no_hole_where_somebody_ends_them_and_history_is_asked(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.bars("EURUSD", "M1", running=False, backfill=True))
    desk.kit.advance(MINUTE / 1000 - 0.01)  # a bar closes before anything comes again
    end_all(desk)
    desk.kit.advance(200)
    rows = closed(told)
    assert rows == desk.bars(BEGUN, rows[-1][0] + MINUTE)
    assert len(rows) >= 4


def test_a_book_that_somebody_ends_is_whole_again(desk: Desk) -> None:
    book = desk.settle(desk.live.book("EURUSD"))
    desk.kit.advance(10)
    sizes: list[int] = []
    book.on_change(lambda changed: sizes.append(len(changed)))
    end_all(desk)
    assert sizes.count(0) == 1
    desk.kit.advance(30)
    assert levels(book) == whole_book(desk)


def test_what_somebody_ends_and_the_server_refuses_then_ends_with_the_reason() -> None:
    with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
        desk = Desk(kit)
        feed = desk.settle(desk.live.quotes("EURUSD"))
        instrument = kit.venue.instruments.pop(EURUSD)
        desk.settle(desk.client.unsubscribe_spots(**ACCOUNT, symbolId=[EURUSD]))
        kit.advance(1)
        kit.venue.instruments[EURUSD] = instrument
        assert feed.closed and isinstance(feed.error, ServerError)


def test_figures_go_on_where_somebody_ends_what_they_need(desk: Desk) -> None:
    desk.settle(desk.account.buy("EURUSD", Lots("0.1")).filled())
    desk.settle(desk.account.valuation.priced(EURUSD))
    desk.settle(desk.client.unsubscribe_spots(**ACCOUNT, symbolId=[EURUSD]))
    desk.kit.advance(60)
    assert ("spots", EURUSD, None) in desk.served()
    assert sides([desk.account.valuation.quote(EURUSD)]) == truth(desk)


@pytest.mark.parametrize("stray", [False, True])
def test_a_price_of_an_hour_ago_is_no_price(desk: Desk, stray: bool) -> None:
    desk.settle(desk.settle(desk.live.quotes("EURUSD")).close())
    assert desk.account.valuation.quote(EURUSD) is None
    if stray:  # some events come after the end of a subscription (documented)
        event = messages.ProtoOASpotEvent(**ACCOUNT, symbolId=EURUSD, bid=1, ask=2)
        desk.account.valuation._prices._spot(event)
    desk.kit.advance(3600)
    pricing = desk.account.valuation.priced(EURUSD)
    seen: list[Any] = []
    pricing.addCallback(lambda _: seen.append(desk.account.valuation.quote(EURUSD)))
    desk.settle(pricing)
    assert sides(seen) == truth(desk)


def test_the_latest_of_an_hour_ago_is_not_the_latest(desk: Desk) -> None:
    desk.settle(desk.settle(desk.live.latest("EURUSD")).close())
    desk.kit.advance(3600)
    seen: list[Any] = []
    opening = desk.live.latest("EURUSD")
    opening.addCallback(lambda latest: seen.append(dict(latest)) or latest)
    latest = desk.settle(opening)
    assert seen == [{}]
    desk.kit.advance(1)
    assert sides([latest["EURUSD"]]) == truth(desk)


def test_spots_that_bars_of_another_rode_on_end_with_them(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    desk.settle(desk.client.subscribe_live_trendbar(**ACCOUNT, symbolId=EURUSD, period=5))
    desk.settle(feed.close())
    assert desk.served() == {("spots", EURUSD, None), ("trendbars", EURUSD, 5)}
    desk.settle(desk.client.unsubscribe_live_trendbar(**ACCOUNT, symbolId=EURUSD, period=5))
    desk.kit.advance(1)
    assert desk.served() == desk.standing() == set()


# Depth, had anew


@pytest.mark.parametrize("whose", ["his before", "his, too"])
def test_a_depth_of_somebody_that_was_had_anew_stays_his(desk: Desk, whose: str) -> None:
    if whose == "his before":
        desk.settle(desk.client.subscribe_depth_quotes(**ACCOUNT, symbolId=[EURUSD]))
    book = desk.settle(desk.live.book("EURUSD"))
    if whose == "his, too":
        desk.settle(desk.client.subscribe_depth_quotes(**ACCOUNT, symbolId=[EURUSD]))
    desk.kit.advance(10)
    desk.live._books.depth(STRANGER)
    desk.settle(book.close())
    desk.kit.advance(5)
    assert desk.served() == desk.standing() == {("depth", EURUSD, None)}


def test_it_stays_his_when_his_depth_is_had_anew_and_the_book_closed_later(desk: Desk) -> None:
    book = desk.settle(desk.live.book("EURUSD"))
    desk.settle(desk.client.subscribe_depth_quotes(**ACCOUNT, symbolId=[EURUSD]))
    desk.live._books.depth(STRANGER)
    desk.kit.advance(5)
    desk.settle(book.close())
    assert desk.served() == desk.standing() == {("depth", EURUSD, None)}


def test_two_books_opened_at_once_have_a_depth_anew_once(desk: Desk) -> None:
    desk.settle(desk.client.subscribe_depth_quotes(**ACCOUNT, symbolId=[EURUSD]))
    desk.kit.advance(10)
    requests = desk.requests()
    desk.live.quotes("EURUSD")  # what is of one symbol is asked for one by one: the books wait for it, and then meet
    openings = [desk.live.book("EURUSD") for _ in range(2)]
    books = [desk.settle(opening) for opening in openings]
    desk.kit.advance(10)
    assert [name for name in requests if "Depth" in name] == [
        "ProtoOAUnsubscribeDepthQuotesReq",
        "ProtoOASubscribeDepthQuotesReq",
    ]
    assert [levels(book) for book in books] == [whole_book(desk)] * 2


@pytest.mark.parametrize("at", ["its end", "its beginning"])
def test_a_book_that_can_not_be_had_anew_ends_with_the_reason(at: str) -> None:
    with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
        desk = Desk(kit)
        book = desk.settle(desk.live.book("EURUSD"))
        kit.advance(10)
        if at == "its beginning":
            instrument = kit.venue.instruments.pop(EURUSD)
            desk.live._books.depth(STRANGER)
            kit.advance(1)
            kit.venue.instruments[EURUSD] = instrument
        else:
            with pytest.raises(ServerError) as refused:
                desk.settle(desk.client.subscribe_depth_quotes(**ACCOUNT, symbolId=[987_654]))
            real = desk.client.request
            desk.client.request = lambda *_, **__: fail(refused.value)  # type: ignore[method-assign]
            desk.live._books.depth(STRANGER)
            desk.client.request = real  # type: ignore[method-assign]
            kit.advance(1)
        assert book.closed and isinstance(book.error, ServerError)
        assert desk.live._subscribing._claims == {}


# Where subscriptions live on


@pytest.fixture
def surviving() -> Any:
    with VenueKit(options=Options(subscriptions_survive=True)) as kit:
        yield Desk(kit)


def test_where_subscriptions_live_on_a_book_is_had_anew_before_it_changes(surviving: Desk) -> None:
    desk = surviving
    book = desk.settle(desk.live.book("EURUSD"))
    desk.kit.advance(10)
    desk.lose(5)  # this one has been healed, and plays no part
    desk.client.on(messages.ProtoOADepthEvent, lambda _: happened.append(len(book)))
    happened: list[Any] = desk.requests()
    desk.kit.play("disconnect_account", account_id=USD_ACCOUNT)
    assert len(book) == 0
    desk.settle(desk.account.settled())
    desk.kit.advance(30)
    depth = [each for each in happened if not isinstance(each, str) or "Depth" in each]
    asked = depth.index("ProtoOAUnsubscribeDepthQuotesReq")
    assert set(depth[:asked]) <= {0}, "what comes before is of no book that is known"
    assert depth[asked + 1 :].count("ProtoOAUnsubscribeDepthQuotesReq") == 0
    told = [each for each in depth[asked:] if not isinstance(each, str)]
    assert told and all(told)
    assert levels(book) == whole_book(desk)
    desk.settle(book.close())
    assert desk.served() == desk.standing() == set()


def test_a_loss_of_the_line_has_no_book_anew(desk: Desk) -> None:
    desk.settle(desk.live.book("EURUSD"))
    desk.kit.play("disconnect_account", account_id=USD_ACCOUNT)
    desk.kit.advance(30)
    requests = desk.requests()
    desk.lose(5)
    assert "ProtoOAUnsubscribeDepthQuotesReq" not in requests


def test_where_subscriptions_live_on_the_latest_are_read() -> None:
    with stage((-1, 110_000, 110_010), subscriptions_survive=True) as kit:
        desk = Desk(kit)
        kit.venue.feed.ticks_back = lambda symbol_id, side, *_, **__: ([SideTick(DEFAULT_START, 110_000 + side)], False)
        latest = desk.settle(desk.live.latest("EURUSD"))
        kit.advance(1)
        assert sides([latest["EURUSD"]]) == [(price(110_000), price(110_010))]
        kit.play("disconnect_account", account_id=USD_ACCOUNT)
        assert dict(latest) == {}
        kit.advance(30)
        assert sides([latest["EURUSD"]]) == [(price(110_001), price(110_002))]


# Requests that cross


@pytest.mark.parametrize("kind", ["spots", "depth"])
@pytest.mark.parametrize("end", ["close", "cancel"])
def test_what_somebody_is_asking_for_when_a_feed_ends_stays_his(desk: Desk, kind: str, end: str) -> None:
    desk.settle(desk.account.symbol("EURUSD"))
    open_one, ask = (
        (desk.live.quotes, desk.client.subscribe_spots)
        if kind == "spots"
        else (desk.live.book, desk.client.subscribe_depth_quotes)
    )
    opening: Any = open_one("EURUSD")
    if end == "cancel":
        opening.addErrback(lambda failure: failure.trap(CancelledError))
        opening.cancel()
        asking = ask(**ACCOUNT, symbolId=[EURUSD])
    else:
        feed = desk.settle(opening)
        asking = ask(**ACCOUNT, symbolId=[EURUSD])
        feed.close()
    desk.settle(asking)
    desk.kit.advance(5)
    assert desk.served() == desk.standing() == {(kind, EURUSD, None)}
    assert desk.live._subscribing._ours == set()


def test_what_somebody_is_refused_when_a_feed_ends_ends_with_it() -> None:
    with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
        desk = Desk(kit)
        feed = desk.settle(desk.live.quotes("EURUSD"))
        asking = desk.client.subscribe_spots(**ACCOUNT, symbolId=[EURUSD, 987_654])
        feed.close()
        with pytest.raises(ServerError):
            desk.settle(asking)
        kit.advance(1)
        assert desk.served() == desk.standing() == set()


def test_what_somebody_asks_for_while_its_end_is_put_off_stays_his(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    real = desk.client.request
    limited = RateLimited("BLOCKED_PAYLOAD_TYPE", retry_after=3.0)
    desk.client.request = lambda *_, **__: fail(limited)  # type: ignore[method-assign]
    feed.close()
    desk.client.request = real  # type: ignore[method-assign]
    desk.kit.advance(1)
    desk.subscribe()
    desk.kit.advance(10)
    assert desk.served() == desk.standing() == {("spots", EURUSD, None)}


def test_a_depth_that_somebody_asks_for_while_it_is_had_anew_stays_his(desk: Desk) -> None:
    book = desk.settle(desk.live.book("EURUSD"))
    desk.kit.advance(10)
    asking = desk.client.subscribe_depth_quotes(**ACCOUNT, symbolId=[EURUSD])
    desk.live._books.depth(STRANGER)
    desk.settle(asking)
    desk.kit.advance(10)
    desk.settle(book.close())
    desk.kit.advance(10)
    assert desk.served() == desk.standing() == {("depth", EURUSD, None)}


# Opening that fails in its middle


def test_bars_whose_spots_are_refused_while_they_open_leave_nothing() -> None:
    with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
        desk = Desk(kit)
        symbol = desk.settle(desk.account.symbol("EURUSD"))
        real = desk.client.request

        def withheld(message: Any, **more: Any) -> Any:
            """The line is cut as soon as live bars are asked for."""
            if isinstance(message, messages.ProtoOASubscribeLiveTrendbarReq):
                kit.clock.callLater(0, kit.cut)
            return real(message, **more)

        desk.client.request = withheld  # type: ignore[method-assign]
        opening = desk.live.bars(symbol, "M1")
        while desk.standing() != {("spots", EURUSD, None)} and not opening.called:
            kit.advance(0.01)
        instrument = kit.venue.instruments.pop(EURUSD)
        with pytest.raises(ServerError):
            desk.settle(opening, 120)
        kit.venue.instruments[EURUSD] = instrument
        kit.advance(5)
        assert desk.live._subscribing._claims == {}
        assert desk.served() == desk.standing() == set()


def test_bars_open_although_somebody_ends_their_spots_meanwhile(desk: Desk) -> None:
    desk.settle(desk.account.symbol("EURUSD"))
    desk.subscribe()
    ending = desk.client.unsubscribe_spots(**ACCOUNT, symbolId=[EURUSD])
    feed = desk.settle(desk.live.bars("EURUSD", "M1"))
    desk.settle(ending)
    desk.kit.advance(5)
    assert desk.served() == desk.standing() == {("spots", EURUSD, None), ("trendbars", EURUSD, 1)}
    assert feed.latest
    desk.settle(feed.close())
    assert desk.served() == set()


def test_a_symbol_that_is_gone_is_told_by_its_feed_only() -> None:
    with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
        desk = Desk(kit)
        gone = replace(desk.settle(desk.account.symbol("EURUSD")), symbol_id=987_654)
        other = desk.settle(desk.live.quotes("USDJPY"))
        with pytest.raises(ServerError):
            desk.settle(desk.live.quotes("USDJPY", gone))
        kit.advance(10)
        assert not other.closed and other.latest
        assert desk.served() == desk.standing() == {("spots", USDJPY, None)}
