"""The live market of an account, against the venue: every quote, bar and book, through losses, while it is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock

from ctrader_twisted import messages
from ctrader_twisted.account import BarUpdate, Feed
from ctrader_twisted.account.bar_clock import GRACE, BarClock
from ctrader_twisted.account.bar_feeds import SETTLED, BarFeed
from ctrader_twisted.account.live_books import MEND_EVERY
from ctrader_twisted.errors import (
    ClientClosed,
    EventsDropped,
    HistoryIncomplete,
    ServerError,
    UnknownSymbol,
)
from ctrader_twisted.market import Bar, Lots, Quote, bar_grid
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.feed import Side, SideTick
from ctrader_twisted.sim.testing import DEFAULT_START, USD_ACCOUNT, VenueKit
from tests.account.live_desks import (
    BEGUN,
    MINUTE,
    USDJPY,
    Desk,
    as_row,
    closed,
    levels,
    ms,
    price,
    sides,
    slow_feed,
    whole_book,
)
from tests.sim.trading.staged import stage
from tests.sim.venues import EURUSD

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def desk(kit: VenueKit) -> Desk:
    return Desk(kit)


# Quotes


def test_one_sided_updates_keep_the_other_side() -> None:
    moves = [(-1, 110_000, 110_010), (5, 110_005, 110_010), (6, 110_005, 110_015), (7, 110_001, 110_012)]
    with stage(*moves, changes={"digits": 4, "start_price": 114_820}) as kit:
        desk = Desk(kit)
        feed, told = desk.follow(desk.live.quotes("eurusd"))
        kit.advance(10)
        expected = [("1.1000", "1.1001"), ("1.1000", "1.1001"), ("1.1000", "1.1002"), ("1.1000", "1.1001")]
        assert [tuple(map(str, pair)) for pair in sides(told)] == expected
        assert [quote.timestamp for quote in told] == [DEFAULT_START + round(1000 * at) for at, *_ in moves]
        assert feed.latest == {"EURUSD": told[-1]}


def test_a_feed_is_iterated_and_ends_when_it_is_closed(desk: Desk) -> None:
    async def read(feed: Feed[Quote]) -> list[Quote]:
        return [quote async for quote in feed]

    feed, told = desk.follow(desk.live.quotes("EURUSD"))
    reading = Deferred.fromCoroutine(read(feed))
    desk.kit.advance(30)
    assert len(told) > 10
    assert not reading.called
    desk.settle(feed.close())
    assert desk.settle(reading) == told
    assert feed.closed and not feed.latest
    before = len(told)
    desk.kit.advance(30)
    assert len(told) == before


def test_a_feed_may_be_of_several_symbols(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.quotes("EURUSD", "USDJPY"))
    desk.kit.advance(30)
    assert {quote.symbol_id for quote in told} == {EURUSD, USDJPY}
    assert {name: quote.symbol_id for name, quote in feed.latest.items()} == {"EURUSD": EURUSD, "USDJPY": USDJPY}
    read = [desk.settle(feed.__anext__()) for _ in range(len(feed))]
    assert read[-len(told) :] == told
    assert {quote.symbol_id for quote in read[:2]} == {EURUSD, USDJPY}


def test_a_symbol_and_its_name_are_one(desk: Desk) -> None:
    symbol = desk.settle(desk.account.symbol("EURUSD"))
    feed = desk.settle(desk.live.quotes(symbol, "EUR/USD"))
    assert feed.symbols == (symbol,)


def test_both_sides_are_forgotten_at_a_loss_and_told_again_after_it(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.quotes("EURUSD"))
    desk.kit.advance(20)
    assert feed.latest
    desk.kit.refuse_connections()
    desk.kit.cut()
    assert feed.latest == {}
    desk.kit.advance(30)
    before = len(told)
    desk.kit.accept_connections()
    desk.settle(desk.account.settled(), 120)
    desk.kit.advance(20)
    found = desk.kit.venue.exchange.quote(EURUSD)
    assert sides([feed.latest["EURUSD"]]) == [(price(found.bid), price(found.ask))]
    assert len(told) > before
    assert None not in sides(told)[before]


def test_what_stood_before_is_known_at_once(desk: Desk) -> None:
    """A subscription that stands tells no beginning: it was told before, and is known, or is read from history."""
    saturday = ms("2026-03-07T12:00:00")
    with VenueKit(start=saturday) as kit:
        desk = Desk(kit)
        desk.subscribe()
        kit.advance(1)
        first, second = (desk.settle(desk.live.quotes("EURUSD")) for _ in range(2))
        found = kit.venue.exchange.quote(EURUSD)
        for feed in (first, second):
            assert sides(list(feed.latest.values())) == [(price(found.bid), price(found.ask))]
            assert sides([desk.settle(feed.__anext__())]) == sides(list(feed.latest.values()))


def test_what_was_subscribed_before_there_was_an_account_is_read_from_history() -> None:
    with VenueKit(start=ms("2026-03-07T12:00:00")) as kit:
        client = kit.ready_client(USD_ACCOUNT)
        kit.settle(client.subscribe_spots(ctidTraderAccountId=USD_ACCOUNT, symbolId=[EURUSD]))
        kit.advance(1)
        account = kit.settle(client.account(USD_ACCOUNT).ready())
        feed = kit.settle(account.live.quotes("EURUSD"))
        found = kit.venue.exchange.quote(EURUSD)
        assert sides(list(feed.latest.values())) == [(price(found.bid), price(found.ask))]


def test_where_subscriptions_live_on_a_side_that_nobody_tells_is_read() -> None:
    moves = [(-1, 110_000, 110_010)]
    with stage(*moves, subscriptions_survive=True) as kit:
        desk = Desk(kit)
        kit.venue.feed.ticks_back = lambda symbol_id, side, *_, **__: ([SideTick(DEFAULT_START, 110_000 + side)], False)
        feed = desk.settle(desk.live.quotes("EURUSD"))
        kit.advance(1)
        kit.play("disconnect_account", account_id=USD_ACCOUNT)
        assert feed.latest == {}
        kit.advance(30)
        assert sides(list(feed.latest.values())) == [(price(110_001), price(110_002))]


def test_events_are_dropped_when_nobody_reads(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.quotes("EURUSD", buffer=3))
    desk.kit.advance(60)
    with pytest.raises(EventsDropped) as dropped:
        desk.settle(feed.__anext__())
    assert dropped.value.count == feed.dropped >= len(told) - 3 > 0
    assert [desk.settle(feed.__anext__()) for _ in range(3)] == told[-3:]


def test_a_listener_that_fails_costs_the_others_nothing(desk: Desk, logged_errors: Any) -> None:
    async def fails(_: Quote) -> None:
        raise ZeroDivisionError

    def raises(_: Quote) -> None:
        raise KeyError

    feed = desk.settle(desk.live.quotes("EURUSD"))
    feed.on(fails)
    feed.on(raises)
    told = desk.heard(feed)
    desk.kit.advance(30)
    assert len(told) > 1
    assert len(logged_errors.flush(ZeroDivisionError)) == len(told)
    assert len(logged_errors.flush(KeyError)) == len(told)
    feed.off(fails)
    feed.off(raises)
    desk.kit.advance(10)


def test_a_listener_may_close_its_feed(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    feed.on(lambda _: feed.close())
    told = desk.heard(feed)
    desk.kit.advance(30)
    assert len(told) == 1
    assert desk.served() == set()


def test_quotes_have_their_time_where_figures_have_subscribed_first(desk: Desk) -> None:
    desk.settle(desk.account.valuation.priced(EURUSD))
    _, told = desk.follow(desk.live.quotes("EURUSD"))
    desk.kit.advance(10)
    assert told and all(quote.timestamp is not None for quote in told[1:])


# What is subscribed, and for how long


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
class TestWhatIsSubscribed:
    def test_it_ends_with_the_last_that_needs_it(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        first, second = (desk.settle(open_one(desk.live)) for _ in range(2))
        assert desk.served() == desk.standing() == needs
        desk.settle(first.close())
        desk.settle(first.close())
        assert desk.served() == desk.standing() == needs
        desk.settle(second.close())
        assert desk.served() == desk.standing() == set()

    def test_closed_and_opened_at_once_it_stands(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        first = desk.settle(open_one(desk.live))
        first.close()
        second = desk.settle(open_one(desk.live))
        assert desk.served() == desk.standing() == needs
        desk.settle(second.close())
        assert desk.served() == desk.standing() == set()

    def test_closed_during_a_loss_it_does_not_come_back(
        self, desk: Desk, open_one: Callable[..., Any], needs: Any
    ) -> None:
        opened = desk.settle(open_one(desk.live))
        desk.kit.refuse_connections()
        desk.kit.cut()
        closing = opened.close()
        desk.kit.advance(10)
        desk.kit.accept_connections()
        desk.settle(closing, 120)
        desk.kit.advance(10)
        assert desk.served() == desk.standing() == set()

    def test_opened_during_a_loss_it_waits(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        desk.kit.refuse_connections()
        desk.kit.cut()
        opening = open_one(desk.live)
        desk.kit.advance(10)
        assert not opening.called
        desk.kit.accept_connections()
        opened = desk.settle(opening, 120)
        assert desk.served() == needs
        desk.settle(opened.close())

    def test_given_up_it_is_closed(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        opening = open_one(desk.live)
        opening.cancel()
        with pytest.raises(CancelledError):
            desk.settle(opening)
        desk.kit.advance(10)
        assert desk.served() == desk.standing() == set()

    def test_what_the_user_had_subscribed_stays(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        account = {"ctidTraderAccountId": USD_ACCOUNT}
        for kind, symbol_id, period in sorted(needs, key=str):
            if kind == "spots":
                desk.subscribe()
            elif kind == "depth":
                desk.settle(desk.client.subscribe_depth_quotes(**account, symbolId=[symbol_id]))
            else:
                desk.settle(desk.client.subscribe_live_trendbar(**account, symbolId=symbol_id, period=period))
        desk.settle(desk.settle(open_one(desk.live)).close())
        assert desk.served() == desk.standing() == needs

    def test_what_the_user_asks_for_later_stays(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        account = {"ctidTraderAccountId": USD_ACCOUNT}
        opened = desk.settle(open_one(desk.live))
        for kind, symbol_id, period in sorted(needs, key=str):
            if kind == "spots":
                desk.subscribe()
            elif kind == "depth":
                desk.settle(desk.client.subscribe_depth_quotes(**account, symbolId=[symbol_id]))
            else:
                desk.settle(desk.client.subscribe_live_trendbar(**account, symbolId=symbol_id, period=period))
        desk.lose(5)
        desk.settle(opened.close())
        assert desk.served() == desk.standing() == needs

    def test_after_a_logout_it_stands_again(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        opened = desk.settle(open_one(desk.live))
        desk.settle(desk.client.account_logout(ctidTraderAccountId=USD_ACCOUNT))
        desk.kit.advance(5)
        assert desk.served() == set()
        desk.settle(desk.account.ready(desk.kit.venue.registry.token_for(USD_ACCOUNT)))
        desk.kit.advance(5)
        assert desk.served() == desk.standing() == needs
        desk.settle(opened.close())
        assert desk.served() == desk.standing() == set()

    def test_a_closed_client_ends_it(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        opened = desk.settle(open_one(desk.live))
        desk.kit.cut()
        waiting = open_one(desk.live)
        desk.client.close()
        with pytest.raises(ClientClosed):
            desk.settle(waiting)
        with pytest.raises(ClientClosed):
            desk.settle(open_one(desk.live))
        assert len(opened) == 0 or isinstance(opened, Feed)
        if isinstance(opened, Feed):
            assert opened.closed
            with pytest.raises((StopAsyncIteration, EventsDropped)):
                while True:
                    desk.settle(opened.__anext__())
        desk.settle(opened.close())

    def test_an_unknown_symbol_is_told(self, desk: Desk, open_one: Callable[..., Any], needs: Any) -> None:
        class Renamed:
            def __getattr__(self, name: str) -> Any:
                return lambda symbol, *rest: getattr(desk.live, name)("EURUSDX", *rest)

        with pytest.raises(UnknownSymbol):
            desk.settle(open_one(Renamed()))

    def test_a_refusal_is_told_and_leaves_nothing(self, open_one: Callable[..., Any], needs: Any) -> None:
        with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
            desk = Desk(kit)
            gone = replace(desk.settle(desk.account.symbol("EURUSD")), symbol_id=987_654)

            class Renamed:
                def __getattr__(self, name: str) -> Any:
                    return lambda symbol, *rest: getattr(desk.live, name)(gone, *rest)

            with pytest.raises(ServerError) as refused:
                desk.settle(open_one(Renamed()))
            assert refused.value.code == "UNKNOWN_SYMBOL"
            assert desk.standing() == set()
            assert desk.live._subscribing._claims == {}

    def test_a_loss_between_request_and_answer_is_outlived(
        self, desk: Desk, open_one: Callable[..., Any], needs: Any
    ) -> None:
        desk.settle(desk.account.symbol("EURUSD"))
        opening = open_one(desk.live)
        desk.kit.clock.advance(0)
        desk.kit.network.cut()
        opened = desk.settle(opening, 120)
        desk.kit.advance(5)
        assert desk.served() == desk.standing() == needs
        desk.settle(opened.close())
        assert desk.served() == desk.standing() == set()


@pytest.mark.parametrize("ended", ["logout", "unsubscribe"])
def test_what_was_ours_once_may_be_somebody_elses_later(desk: Desk, ended: str) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    account = {"ctidTraderAccountId": USD_ACCOUNT}
    if ended == "unsubscribe":
        desk.settle(desk.client.unsubscribe_spots(**account, symbolId=[EURUSD]))
        desk.settle(feed.close())
    else:
        desk.settle(desk.client.account_logout(**account))
        desk.kit.advance(5)
        closing = feed.close()
        desk.settle(desk.account.ready(desk.kit.venue.registry.token_for(USD_ACCOUNT)))
        desk.settle(closing)
    assert desk.served() == set()
    desk.subscribe()
    desk.settle(desk.settle(desk.live.quotes("EURUSD")).close())
    assert desk.served() == desk.standing() == {("spots", EURUSD, None)}


def test_what_the_user_asks_for_first_after_a_logout_is_his(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    account = {"ctidTraderAccountId": USD_ACCOUNT}
    desk.settle(desk.client.account_logout(**account))
    desk.kit.advance(5)
    login = desk.client.account_auth(**account, accessToken=desk.kit.venue.registry.token_for(USD_ACCOUNT))
    desk.settle(login.addCallback(lambda _: desk.client.subscribe_spots(**account, symbolId=[EURUSD])))
    desk.settle(desk.account.settled())
    desk.kit.advance(5)
    assert len(feed) > 1
    desk.settle(feed.close())
    assert desk.served() == desk.standing() == {("spots", EURUSD, None)}


def test_two_feeds_go_on_each_by_itself(desk: Desk) -> None:
    first = desk.settle(desk.live.quotes("EURUSD"))
    second, told = desk.follow(desk.live.quotes("EURUSD", "USDJPY"))
    desk.kit.advance(5)
    desk.settle(second.close())
    before = len(told)
    other = desk.heard(first)
    desk.kit.advance(30)
    assert len(told) == before
    assert other
    assert desk.served() == {("spots", EURUSD, None)}


def test_what_figures_need_stays(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    desk.settle(desk.account.buy("EURUSD", Lots("0.1")).filled())
    desk.settle(desk.account.valuation.priced(EURUSD))
    sent = desk.requests()
    desk.settle(feed.close())
    assert sent == []
    assert ("spots", EURUSD, None) in desk.served()
    before = desk.account.equity
    desk.kit.advance(60)
    assert desk.account.equity != before


def test_what_figures_need_while_it_is_being_ended_is_begun_again(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    desk.kit.advance(1)
    closing = feed.close()
    pricing = desk.account.valuation.priced(EURUSD)
    desk.settle(closing)
    desk.settle(pricing)
    desk.kit.advance(1)
    assert ("spots", EURUSD, None) in desk.served()


def test_bars_of_another_keep_the_spots_they_ride_on(desk: Desk) -> None:
    feed = desk.settle(desk.live.quotes("EURUSD"))
    desk.settle(desk.client.subscribe_live_trendbar(ctidTraderAccountId=USD_ACCOUNT, symbolId=EURUSD, period=5))
    desk.settle(feed.close())
    assert desk.served() == {("spots", EURUSD, None), ("trendbars", EURUSD, 5)}


@pytest.mark.parametrize("kind", ["quotes", "bars", "book"])
def test_what_is_not_renewed_ends_with_the_reason(kind: str) -> None:
    with VenueKit(options=Options(unknown_symbols_silent=False)) as kit:
        desk = Desk(kit)
        live = desk.live
        if kind == "quotes":
            opened = desk.settle(live.quotes("EURUSD"))
        elif kind == "bars":
            opened = desk.settle(live.bars("EURUSD", "M1"))
        else:
            opened = desk.settle(live.book("EURUSD"))
        instrument = kit.venue.instruments.pop(EURUSD)
        kit.cut()
        desk.settle(desk.account.settled(), 120)
        kit.advance(5)
        kit.venue.instruments[EURUSD] = instrument
        assert opened.closed
        assert opened.error is not None and opened.error.code == "UNKNOWN_SYMBOL"
        if isinstance(opened, Feed):
            raised: list[BaseException] = []
            while not raised or not isinstance(raised[-1], StopAsyncIteration):
                try:
                    desk.settle(opened.__anext__())
                except (ServerError, StopAsyncIteration) as error:
                    raised.append(error)
            assert raised[0] is opened.error


# The latest, for who only looks


def test_the_latest_are_decimals_by_name(desk: Desk) -> None:
    latest = desk.settle(desk.live.latest("eurusd", "USDJPY"))
    desk.kit.advance(10)
    assert set(latest) == {"EURUSD", "USDJPY"} and len(latest) == 2
    for name, symbol_id in (("EURUSD", EURUSD), ("USDJPY", USDJPY)):
        found = desk.kit.venue.exchange.quote(symbol_id)
        assert sides([latest[name]]) == [(price(found.bid), price(found.ask))]
    assert str(latest["USDJPY"].bid)[-4] == "."
    assert latest.get("GBPUSD") is None
    desk.kit.refuse_connections()
    desk.kit.cut()
    assert dict(latest) == {}
    desk.kit.accept_connections()
    desk.settle(desk.account.settled(), 120)
    desk.kit.advance(10)
    assert set(latest) == {"EURUSD", "USDJPY"}
    desk.settle(latest.close())
    assert dict(latest) == {}


def test_the_latest_of_what_stood_before_are_known_at_once() -> None:
    with VenueKit(start=ms("2026-03-07T12:00:00")) as kit:
        desk = Desk(kit)
        desk.subscribe()
        kit.advance(1)
        latest = desk.settle(desk.live.latest("EURUSD"))
        found = kit.venue.exchange.quote(EURUSD)
        assert sides([latest["EURUSD"]]) == [(price(found.bid), price(found.ask))]


@pytest.mark.parametrize("name", ["EURUSD", "eurusd", "EUR/USD", " eur-usd", "fiber"])
def test_what_is_told_last_is_found_by_any_name_that_finds_the_symbol(desk: Desk, name: str) -> None:
    desk.account.alias({"fiber": "EURUSD"})
    symbol = desk.settle(desk.account.symbol(name))
    latest = desk.settle(desk.live.latest(name))
    quotes = desk.settle(desk.live.quotes(name))
    bars = desk.settle(desk.live.bars(name, "m1"))
    desk.kit.advance(10)
    for found in (latest, quotes.latest, bars.latest):
        assert list(found) == ["EURUSD"] and found == {"EURUSD": found["EURUSD"]}
        assert found[name] == found[symbol] == found.get(name) == found["EURUSD"]
        assert name in found and symbol in found
        for other in ("USDJPY", "nothing", "EUR", 1, None):
            assert other not in found and found.get(other) is None
            with pytest.raises(KeyError):
                found[other]
    with pytest.raises(TypeError):
        quotes.latest["EURUSD"] = None
    assert "Decimal" in repr(quotes.latest)
    told = bars.latest[name]
    assert (told.symbol, told.period) == ("EURUSD", "M1")
    assert repr(bars) == "<BarFeed of EURUSD M1>"


def test_nothing_to_follow_is_an_error(desk: Desk) -> None:
    for opening in (desk.live.quotes(), desk.live.latest()):
        with pytest.raises(ValueError, match="name a symbol"):
            desk.settle(opening)


# Bars


def test_bars_are_the_venues_and_close_once(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.bars("EURUSD", "m1"))
    desk.kit.advance(600 + 2)
    bars = closed(told)
    assert bars == desk.bars(BEGUN, DEFAULT_START + 10 * MINUTE)
    # Of each bar first the states it ran through, then its end, and nothing after that.
    for index, update in enumerate(told):
        if update.closed:
            assert all(later.bar.opened > update.bar.opened for later in told[index + 1 :])
    running = [each.bar for each in told if not each.closed]
    assert len(running) == len(set(running)) > 100
    assert feed.latest["EURUSD"] == told[-1]


def test_several_periods_of_one_symbol_keep_to_themselves(desk: Desk) -> None:
    _, m1 = desk.follow(desk.live.bars("EURUSD", "M1", running=False))
    _, m5 = desk.follow(desk.live.bars("EURUSD", "M5", running=False))
    desk.kit.advance(900 + 2)
    assert closed(m1) == desk.bars(BEGUN, DEFAULT_START + 15 * MINUTE)
    assert closed(m5) == desk.bars(DEFAULT_START - 5 * MINUTE, DEFAULT_START + 15 * MINUTE, Period.M5)
    assert all(each.closed for each in (*m1, *m5))


@pytest.mark.parametrize(("period", "hours", "least"), [("7m", 1, 7), ("90s", 1, 38), ("3h", 8, 2)])
def test_built_bars_agree_with_the_venues_history(period: str, hours: int, least: int) -> None:
    with VenueKit(feed=slow_feed()) as kit:
        kit.advance(100)
        desk = Desk(kit)
        begun = kit.venue.now()
        _, told = desk.follow(desk.live.bars("EURUSD", period, running=False))
        kit.advance(hours * 3600)
        grid = bar_grid(period)
        span = grid.next_opening(begun), grid.opening(kit.venue.now() - GRACE)
        found, _ = kit.venue.feed.ticks_back(EURUSD, Side.BID, span[0], span[1] - 1, 10**6, now_ms=kit.venue.now())
        expected = {}
        for at, tick in found[::-1]:
            expected.setdefault(grid.opening(at), []).append(price(tick))
        assert [row for row in closed(told) if row[0] < span[1]] == [
            (opened, ticks[0], max(ticks), min(ticks), ticks[-1], len(ticks)) for opened, ticks in expected.items()
        ]
        assert len(expected) >= least
        assert told[0].bar.period == 0


def test_a_bar_that_was_begun_before_is_not_built(kit: VenueKit) -> None:
    kit.advance(100)
    desk = Desk(kit)
    _, told = desk.follow(desk.live.bars("EURUSD", "7m"))
    kit.advance(190)  # until 09:04:50; the next one opens 665 minutes after 17:00 in New York
    assert told == []
    kit.advance(60)
    assert told[0].bar.opened == ms("2026-03-03T09:05")


@pytest.mark.slow
def test_h4_bars_open_by_new_york_across_the_change_of_clocks() -> None:
    with VenueKit(start=ms("2026-03-06T17:59:00"), feed=slow_feed()) as kit:
        desk = Desk(kit)
        feed, told = desk.follow(desk.live.bars("EURUSD", "H4"))
        kit.advance(60 + 4 * 3600)
        assert [row[0] for row in closed(told)] == [ms("2026-03-06T14:00"), ms("2026-03-06T18:00")][: len(closed(told))]
        kit.advance(10)
        # Friday's last bar does not wait for Sunday.
        assert [row[0] for row in closed(told)] == [ms("2026-03-06T14:00"), ms("2026-03-06T18:00")]
        assert kit.venue.now() < ms("2026-03-06T22:01:00")
        kit.advance((ms("2026-03-09T01:00:20") - kit.venue.now()) / 1000)
        assert [row[0] for row in closed(told)][2:] == [ms("2026-03-08T21:00")]
        assert told[-1].bar.opened == ms("2026-03-09T01:00")
        assert closed(told) == desk.bars(ms("2026-03-06T14:00"), ms("2026-03-09T01:00"), Period.H4)


def test_the_clock_closes_a_bar_that_nothing_follows() -> None:
    with VenueKit(start=ms("2026-03-06T21:53:30")) as kit:  # the market closes at 21:55
        desk = Desk(kit)
        _, told = desk.follow(desk.live.bars("EURUSD", "M1"))
        _, built = desk.follow(desk.live.bars("EURUSD", "30s", running=False))
        kit.advance(90.9)
        assert closed(told) == desk.bars(ms("2026-03-06T21:53"), ms("2026-03-06T21:54"))
        kit.advance(4.1)
        assert closed(told) == desk.bars(ms("2026-03-06T21:53"), ms("2026-03-06T21:55"))
        assert closed(built)[-1][0] == ms("2026-03-06T21:54:30")
        desk.lose(3600)  # the first event of the new session tells that bar once more
        kit.advance((ms("2026-03-08T21:15:02") - kit.venue.now()) / 1000)
        assert closed(told) == desk.bars(ms("2026-03-06T21:53"), ms("2026-03-08T21:15"))
        assert len(closed(told)) > 10
        order = [(each.bar.opened, each.closed) for each in told]
        assert order == sorted(order)


def test_where_no_event_tells_its_time_a_bar_is_closed_late() -> None:
    with VenueKit(start=ms("2026-03-06T21:54:30")) as kit:
        desk = Desk(kit)
        desk.subscribe()  # without times
        _, told = desk.follow(desk.live.bars("EURUSD", "M1", running=False))
        kit.advance(60)  # the bar had run for half a minute, which nobody knows
        assert told == []
        kit.advance(2)
        assert closed(told) == desk.bars(ms("2026-03-06T21:54"), ms("2026-03-06T21:55"))


@pytest.mark.parametrize("period", ["M1", "7m"])
@pytest.mark.parametrize("away", [20, 1500])
def test_a_loss_is_filled_in_from_history(kit: VenueKit, period: str, away: float) -> None:
    desk = Desk(kit)
    feed, told = desk.follow(desk.live.bars("EURUSD", period, backfill=True))
    desk.kit.advance(1000)
    desk.lose(away)
    desk.lose(away)
    desk.kit.advance(1300)
    rows = closed(told)
    if period == "M1":
        assert rows == desk.bars(BEGUN, rows[-1][0] + MINUTE)
    else:
        opened = [row[0] for row in rows]
        assert opened == list(range(opened[0], opened[-1] + 1, 7 * MINUTE))
        for row in rows:
            minutes = desk.bars(row[0], row[0] + 7 * MINUTE)
            high, low = max(each[2] for each in minutes), min(each[3] for each in minutes)
            assert row == (row[0], minutes[0][1], high, low, minutes[-1][4], sum(each[5] for each in minutes))
    assert rows[-1][0] > kit.venue.now() - 15 * MINUTE
    # In order, and no running bar before what was closed ahead of it.
    order = [(each.bar.opened, each.closed) for each in told]
    assert order == sorted(order)


class Filled:
    """A feed of M1 bars by itself, and what it asks history for; only minutes count here."""

    def __init__(self, desk: Desk) -> None:
        self.symbol = desk.settle(desk.account.symbol("EURUSD"))
        self.clock = Clock()
        self.asked: list[tuple[int, int]] = []
        self.bars: dict[int, Bar] = {}
        self.bar_clock = BarClock(self.clock, lambda: self.feed.closes_at, lambda over: self.feed.flush(over))
        self.feed = BarFeed(
            self.symbol,
            desk.live._lookup.id_of,
            bar_grid("M1"),
            10,
            self._left,
            clock=self.clock,
            bar_clock=self.bar_clock,
            running=False,
            history=self._history,
        )
        self.told = desk.heard(self.feed)

    def _left(self, _: Any) -> Deferred[None]:
        self.bar_clock.stop()
        return succeed(None)

    def _history(self, start: int, until: int) -> Deferred[list[Bar]]:
        self.asked.append((start // MINUTE, until // MINUTE))
        return succeed([bar for opened, bar in self.bars.items() if start <= opened * MINUTE < until])

    def spot(self, minute: int, now: int | None = None) -> None:
        bar = messages.ProtoOATrendbar(period=1, volume=1, low=100_000, utcTimestampInMinutes=minute)
        at = (minute if now is None else now) * MINUTE
        self.feed.spot(
            messages.ProtoOASpotEvent(symbolId=EURUSD, bid=100_000, timestamp=at, trendbar=[bar]), self.symbol
        )

    def minutes(self) -> list[int]:
        return [each.bar.opened // MINUTE for each in self.told]


def test_history_is_given_a_moment_to_have_what_has_just_closed(desk: Desk) -> None:
    filled = Filled(desk)
    for minute in (10, 11):
        filled.spot(minute)
    filled.feed.lost()
    for minute in (13, 14):
        filled.spot(minute)
    filled.clock.advance(SETTLED - 0.1)
    assert filled.asked == []
    filled.clock.advance(0.2)
    assert filled.asked == [(11, 13)]
    assert filled.minutes() == [10, 13]
    filled.feed.close()
    assert filled.clock.getDelayedCalls() == []


@pytest.mark.parametrize("stale", [9, 11])
def test_an_old_bar_that_a_first_event_tells_hides_no_hole(desk: Desk, stale: int) -> None:
    filled = Filled(desk)
    for minute in (10, 11):
        filled.spot(minute)
    filled.feed.lost()
    filled.spot(stale, now=20)
    whole = Bar(EURUSD, 1, 11 * MINUTE, *[price(100_000)] * 4, 77)
    filled.bars = {11: whole}
    filled.spot(20)
    filled.clock.advance(SETTLED)
    assert filled.asked == [(11, 20)]
    assert filled.minutes() == [10, 11]
    assert filled.told[-1].bar == whole
    filled.feed.close()


@pytest.mark.parametrize("again", [False, True])
def test_the_end_of_a_bar_that_a_loss_has_cost_is_read(desk: Desk, again: bool) -> None:
    filled = Filled(desk)
    for minute in (10, 11):
        filled.spot(minute)
    filled.feed.lost()
    if again:
        filled.spot(11)
        filled.feed.lost()
    filled.spot(12)
    filled.clock.advance(SETTLED)
    assert filled.asked == [(11, 12)]
    filled.feed.close()


def test_the_bar_that_ran_through_a_loss_is_whole_and_history_is_not_asked(desk: Desk) -> None:
    filled = Filled(desk)
    for minute in (10, 11):
        filled.spot(minute)
    filled.feed.lost()
    for minute in (11, 12, 15):
        filled.spot(minute)
    filled.clock.advance(SETTLED)
    assert (filled.asked, filled.minutes()) == ([], [10, 11, 12])
    filled.feed.close()


def test_without_being_asked_to_a_loss_is_not_filled_in(desk: Desk) -> None:
    _, told = desk.follow(desk.live.bars("EURUSD", "M1", running=False))
    desk.kit.advance(130)
    desk.lose(300)
    desk.kit.advance(130)
    opened = [row[0] for row in closed(told)]
    assert opened == sorted(set(opened))
    assert any(later - earlier > MINUTE for earlier, later in zip(opened, opened[1:], strict=False))
    venues = desk.bars(BEGUN, opened[-1] + MINUTE)
    assert set(closed(told)) <= set(venues)


def test_a_second_loss_while_the_first_is_filled_in_loses_nothing(desk: Desk) -> None:
    _, told = desk.follow(desk.live.bars("EURUSD", "M1", running=False, backfill=True))
    desk.kit.advance(130)
    desk.lose(300)  # it settles for two seconds before history is asked
    desk.kit.play("limit_history", seconds=200)
    desk.kit.advance(30)
    desk.lose(100)
    desk.kit.advance(600)
    rows = closed(told)
    assert rows == desk.bars(BEGUN, rows[-1][0] + MINUTE)
    assert len(rows) > 15


def test_closed_while_it_is_filled_in_it_asks_no_more(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.bars("EURUSD", "M1", backfill=True))
    desk.kit.advance(130)
    desk.kit.play("limit_history", seconds=10_000)
    desk.lose(300)
    desk.kit.advance(20)
    before = len(told)
    desk.settle(feed.close())
    desk.kit.advance(1000)
    assert len(told) == before


def test_what_history_refuses_is_raised_where_it_is_missing(desk: Desk) -> None:
    feed, told = desk.follow(desk.live.bars("EURUSD", "M1", running=False, backfill=True))
    desk.kit.advance(130)
    before = len(closed(told))
    desk.kit.play("limit_history", seconds=2000)
    desk.lose(300)
    desk.kit.advance(1800)
    read: list[Any] = []
    while len(feed):
        try:
            read.append(desk.settle(feed.__anext__()))
        except HistoryIncomplete as error:
            read.append(error)
    assert [type(each) for each in read[: before + 1]] == [BarUpdate] * before + [HistoryIncomplete]
    rows = [as_row(each.bar) for each in read[before + 1 :]]
    assert rows == closed(told)[before:] == desk.bars(rows[0][0], rows[-1][0] + MINUTE)
    assert len(rows) > 20


def test_no_such_period_is_told_at_once(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no period"):
        desk.settle(desk.live.bars("EURUSD", "7x"))
    assert desk.live._subscribing._claims == {}


# Books


def test_a_book_is_the_venues(desk: Desk) -> None:
    book = desk.settle(desk.live.book("EURUSD"))
    told: list[Any] = []
    book.on_change(told.append)
    desk.kit.advance(60)
    assert levels(book) == whole_book(desk)
    assert book.best_bid is not None and book.best_ask is not None
    assert book.spread == book.best_ask.price - book.best_bid.price
    assert len(book.snapshot(2).bids) == 2
    assert len(told) > 5 and all(each is book for each in told)
    before = len(told)
    desk.settle(book.close())
    desk.kit.advance(30)
    assert len(told) == before and len(book) == 0 and book.best_bid is None


def test_a_loss_empties_a_book_and_it_is_whole_again_after_it(desk: Desk) -> None:
    book = desk.settle(desk.live.book("EURUSD"))
    desk.kit.advance(30)
    sizes: list[int] = []
    book.on_change(lambda changed: sizes.append(len(changed)))
    desk.kit.refuse_connections()
    desk.kit.cut()
    assert sizes == [0] and book.best_bid is None
    desk.kit.advance(60)
    desk.kit.accept_connections()
    desk.settle(desk.account.settled(), 120)
    desk.kit.advance(30)
    assert levels(book) == whole_book(desk)


def test_a_second_book_is_whole_at_once(desk: Desk) -> None:
    desk.settle(desk.live.book("EURUSD"))
    desk.kit.advance(30)
    second = desk.settle(desk.live.book("EURUSD"))
    assert levels(second) == whole_book(desk)


@pytest.mark.parametrize("first", [True, False])
def test_a_book_is_whole_where_somebody_has_subscribed_before(first: bool) -> None:
    with VenueKit(options=Options(first_spot_before_response=first)) as kit:
        desk = Desk(kit)
        desk.settle(desk.client.subscribe_depth_quotes(ctidTraderAccountId=USD_ACCOUNT, symbolId=[EURUSD]))
        kit.advance(30)
        book = desk.settle(desk.live.book("EURUSD"))
        kit.advance(30)
        assert levels(book) == whole_book(desk)
        desk.settle(book.close())
        assert desk.served() == {("depth", EURUSD, None)}


def test_a_book_that_is_not_the_servers_is_had_anew(desk: Desk) -> None:
    book = desk.settle(desk.live.book("EURUSD"))
    desk.kit.advance(30)
    stranger = messages.ProtoOADepthEvent(ctidTraderAccountId=USD_ACCOUNT, symbolId=EURUSD, deletedQuotes=[987_654])
    requests = desk.requests()
    desk.live._books.depth(stranger)
    assert len(book) == 0
    change = messages.ProtoOADepthQuote(id=987_655, bid=100_000, size=1)
    late = messages.ProtoOADepthEvent(ctidTraderAccountId=USD_ACCOUNT, symbolId=EURUSD, newQuotes=[change])
    desk.live._books.depth(late)  # of what is known no longer
    assert len(book) == 0
    desk.kit.advance(MEND_EVERY / 2)
    assert levels(book) == whole_book(desk)
    assert requests == ["ProtoOAUnsubscribeDepthQuotesReq", "ProtoOASubscribeDepthQuotesReq"]
    desk.live._books.depth(stranger)  # too soon: it is kept as told
    desk.kit.advance(5)
    assert len(requests) == 2


def test_a_listener_of_a_book_that_fails_is_logged(desk: Desk, logged_errors: Any) -> None:
    book = desk.settle(desk.live.book("EURUSD"))

    def raises(_: Any) -> None:
        raise ZeroDivisionError

    book.on_change(raises)
    desk.kit.advance(10)
    assert logged_errors.flush(ZeroDivisionError)
    book.off_change(raises)
