"""Spots, live bars and depth, held against the feed and against what was recorded of the real server."""

from __future__ import annotations

import base64
import json

import pytest

from ctrader_twisted import messages
from ctrader_twisted.market import LiveBars, historical_bar
from ctrader_twisted.messages import ProtoOADepthEvent, ProtoOASpotEvent
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.feed.calendar import MINUTE, Period
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from ctrader_twisted.wire import codec
from tests.paths import shared
from tests.sim.venues import BTCUSD, EURUSD, GER40, XAUUSD, of_account, told, with_account

SATURDAY = 1_772_884_800_000  # 2026-03-07, 12:00 UTC
BEFORE_ROLL = 1_772_661_590_000  # Wednesday 2026-03-04, ten seconds to 22:00 UTC: 17:00 in New York


def kinds(client):
    return [codec.unpack(envelope) for envelope in client.received]


def ticks_between(feed, symbol_id, first, last):
    at, found = first, []
    while (tick := feed.next_tick(symbol_id, at)) is not None and tick.timestamp_ms <= last:
        found.append(tick)
        at = tick.timestamp_ms
    return found


# ----------------------------------------------------------------------------------------------------------- spots


@pytest.mark.parametrize("before", [False, True])
def test_the_first_spot_has_both_sides_and_comes_after_the_answer_or_before_it(before):
    with VenueKit(options=Options(first_spot_before_response=before)) as kit:
        client = with_account(kit)
        client.send(of_account("SubscribeSpots", symbolId=[EURUSD, XAUUSD], subscribeToSpotTimestamp=True), "s")
        told_ = kinds(client)
        answer = told_.pop(-1 if before else 0)
        assert answer == messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=EUR_ACCOUNT)
        for event, symbol_id in zip(told_, (EURUSD, XAUUSD), strict=True):
            quote = kit.venue.feed.quote(symbol_id, DEFAULT_START)
            assert event == ProtoOASpotEvent(
                ctidTraderAccountId=EUR_ACCOUNT,
                symbolId=symbol_id,
                bid=quote.bid,
                ask=quote.ask,
                sessionClose=kit.venue.feed.session_close(symbol_id, DEFAULT_START),
                timestamp=quote.timestamp_ms,
            )
        assert [one.client_msg_id for one in client.received].count("s") == 1


@pytest.mark.parametrize("timestamp", [False, True, None])
def test_spots_are_the_ticks_of_the_feed_with_the_sides_that_changed(timestamp):
    with VenueKit() as kit:
        client = with_account(kit)
        asked = {} if timestamp is None else {"subscribeToSpotTimestamp": timestamp}
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD], **asked))
        client.take()
        kit.advance(25)
        expected = []
        for tick in ticks_between(kit.venue.feed, EURUSD, DEFAULT_START, DEFAULT_START + 25_000):
            event = ProtoOASpotEvent(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EURUSD)
            if tick.bid_changed:
                event.bid = tick.bid
            if tick.ask_changed:
                event.ask = tick.ask
            if timestamp:
                event.timestamp = tick.timestamp_ms
            expected.append(event)
        events = client.take(ProtoOASpotEvent)
    assert events == expected
    shapes = {(event.HasField("bid"), event.HasField("ask")) for event in events}
    assert {(True, False), (False, True)} <= shapes <= {(True, False), (False, True), (True, True)}


def test_spots_come_at_their_time():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        tick = kit.venue.feed.next_tick(EURUSD, DEFAULT_START)
        kit.advance((tick.timestamp_ms - DEFAULT_START - 1) / 1000)
        assert not client.take()
        kit.advance(0.001)
        assert len(client.take()) == 1


def test_a_closed_market_still_gives_the_first_spot():
    with VenueKit(start=SATURDAY) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD], subscribeToSpotTimestamp=True))
        (first,) = client.take(ProtoOASpotEvent)
        assert first.bid and first.ask
        assert first.timestamp < SATURDAY - 12 * 3_600_000  # of Friday evening
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        (bar,) = client.take(ProtoOASpotEvent)
        assert bar.trendbar[0].utcTimestampInMinutes == first.timestamp // MINUTE  # long closed
        kit.advance(20)
        assert not client.take()


def test_the_session_close_is_told_again_when_a_day_begins():
    with VenueKit(start=BEFORE_ROLL) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[BTCUSD]))  # EURUSD pauses around the roll
        (first,) = client.take(ProtoOASpotEvent)
        kit.advance(25)
        closes = [event.sessionClose for event in client.take(ProtoOASpotEvent) if event.HasField("sessionClose")]
        assert closes == [kit.venue.feed.session_close(BTCUSD, BEFORE_ROLL + 20_000)]
        assert closes != [first.sessionClose]


def test_a_repeated_subscription_is_refused_whole():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        assert client.ask(of_account("SubscribeSpots", symbolId=[XAUUSD, EURUSD])).errorCode == "ALREADY_SUBSCRIBED"
        answer = client.ask(of_account("SubscribeSpots", symbolId=[XAUUSD, XAUUSD]))  # so that this one is new
        assert isinstance(answer, messages.ProtoOASubscribeSpotsRes)


def test_unsubscribing_ends_the_spots_and_is_harmless_twice():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD, XAUUSD]))
        for _ in range(2):
            answer = client.ask(of_account("UnsubscribeSpots", symbolId=[EURUSD, 4711]))
            assert answer == messages.ProtoOAUnsubscribeSpotsRes(ctidTraderAccountId=EUR_ACCOUNT)
        client.take()
        kit.advance(20)
        assert {event.symbolId for event in client.take(ProtoOASpotEvent)} == {XAUUSD}
        client.ask(of_account("UnsubscribeSpots", symbolId=[XAUUSD]))
        assert len(kit.clock.getDelayedCalls()) == 1  # no tick is planned any more: only the heartbeat is


@pytest.mark.parametrize(("silent", "code"), [(True, ""), (False, "UNKNOWN_SYMBOL")])
@pytest.mark.parametrize("request_", ["SubscribeSpots", "SubscribeDepthQuotes"])
def test_unknown_symbols_are_passed_over_or_refused(request_, silent, code):
    with VenueKit(options=Options(unknown_symbols_silent=silent)) as kit:
        client = with_account(kit)
        answer = client.ask(of_account(request_, symbolId=[4711]))
        assert getattr(answer, "errorCode", "") == code
        assert not client.take()


def test_accounts_and_connections_are_told_apart():
    with VenueKit() as kit:
        both, other = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT), with_account(kit, USD_ACCOUNT)
        both.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        both.ask(of_account("SubscribeSpots", USD_ACCOUNT, symbolId=[EURUSD], subscribeToSpotTimestamp=True))
        other.ask(of_account("SubscribeSpots", USD_ACCOUNT, symbolId=[EURUSD], subscribeToSpotTimestamp=True))
        other.ask(of_account("SubscribeLiveTrendbar", USD_ACCOUNT, symbolId=EURUSD, period=1))
        both.take(), other.take()
        kit.advance(10)
        of_both, of_other = both.take(ProtoOASpotEvent), other.take(ProtoOASpotEvent)
    euro = [event for event in of_both if event.ctidTraderAccountId == EUR_ACCOUNT]
    dollar = [event for event in of_both if event.ctidTraderAccountId == USD_ACCOUNT]
    assert len(euro) == len(dollar) == len(of_other) > 5
    assert not any(event.HasField("timestamp") for event in euro)
    assert all(event.HasField("timestamp") for event in dollar)
    assert any(event.trendbar for event in of_other)
    for event in of_other:
        del event.trendbar[:]
    assert of_other == dollar


# ------------------------------------------------------------------------------------------------------- live bars


def test_live_bars_need_the_spots():
    with VenueKit() as kit:
        client = with_account(kit)
        error = client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        assert told(error) == ("INVALID_REQUEST", "Impossible to get trendbars before the spot subscribing")


def test_a_live_bar_comes_at_once_and_rides_in_every_bid():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        client.send(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=Period.M5), "b")
        answer, first = kinds(client)
        assert answer == messages.ProtoOASubscribeLiveTrendbarRes(ctidTraderAccountId=EUR_ACCOUNT)
        assert first.HasField("bid") and [bar.period for bar in first.trendbar] == [Period.M5]
        assert client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=Period.M5)).errorCode == (
            "ALREADY_SUBSCRIBED"
        )
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=Period.H4))
        client.take()
        kit.advance(20)
        events = client.take(ProtoOASpotEvent)
        for event in events:
            periods = [bar.period for bar in event.trendbar]
            assert periods == ([Period.M5, Period.H4] if event.HasField("bid") else [])
            for bar in event.trendbar:
                assert not bar.HasField("deltaClose")
                assert bar.HasField("deltaOpen") and bar.HasField("deltaHigh") and bar.HasField("period")
                assert bar.low <= event.bid <= bar.low + bar.deltaHigh
        assert any(not event.trendbar for event in events)
        client.ask(of_account("UnsubscribeLiveTrendbar", symbolId=EURUSD, period=Period.M5))
        client.take()
        kit.advance(5)
        ridden = {bar.period for event in client.take(ProtoOASpotEvent) for bar in event.trendbar}
        assert ridden == {Period.H4}


def test_live_bars_end_with_the_spots_they_ride_in():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        client.ask(of_account("UnsubscribeSpots", symbolId=[EURUSD]))
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        kit.advance(10)
        assert not any(event.trendbar for event in client.take(ProtoOASpotEvent))
        answer = client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        assert isinstance(answer, messages.ProtoOASubscribeLiveTrendbarRes)


@pytest.mark.parametrize("symbol_id", [EURUSD, GER40])
def test_bars_put_together_from_spots_are_those_of_history(symbol_id):
    with VenueKit(options=Options(inactivity=0)) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[symbol_id]))
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=symbol_id, period=1))
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=symbol_id, period=5))
        kit.advance(601)
        live, closed = LiveBars(), []
        for event in client.take(ProtoOASpotEvent):
            closed += live.feed(event)
        assert [bar.period for bar in closed].count(1) == 11  # and the one that stood at the start
        for period in (1, 5):
            answer = client.ask(
                of_account(
                    "GetTrendbars", symbolId=symbol_id, period=period, fromTimestamp=DEFAULT_START,
                    toTimestamp=DEFAULT_START + 600_000 - 1,
                )
            )  # fmt: skip
            history = [historical_bar(symbol_id, period, bar) for bar in answer.trendbar]
            assert [bar for bar in closed if bar.period == period and bar.opened >= DEFAULT_START] == history


def test_the_spots_look_like_the_recorded_ones():
    """Field by field: every shape of a recorded spot event is one the venue makes, and the other way round."""

    def shape(event):
        fields = {field.name for field, _ in event.ListFields()} - {"timestamp", "sessionClose"}
        bar = {field.name for bar in event.trendbar for field, _ in bar.ListFields()}
        return frozenset(fields), frozenset(bar)

    recorded = set()
    for line in shared("recordings", "market_data.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["type"] == 2131:
            recorded.add(shape(ProtoOASpotEvent.FromString(base64.b64decode(entry["payload"]))))
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD, GER40], subscribeToSpotTimestamp=True))
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=GER40, period=1))
        client.take()
        kit.advance(30)
        made = {shape(event) for event in client.take(ProtoOASpotEvent)}
    assert made == recorded


# ----------------------------------------------------------------------------------------------------------- depth


class Reader:
    """A book put together as any client would."""

    def __init__(self) -> None:
        self.quotes: dict[int, tuple[str, int, int]] = {}
        self.seen: set[int] = set()

    def apply(self, event: ProtoOADepthEvent) -> None:
        for quote_id in event.deletedQuotes:
            del self.quotes[quote_id]
        for quote in event.newQuotes:
            assert quote.id not in self.seen  # never mutated, never used again
            assert quote.HasField("bid") != quote.HasField("ask")
            assert quote.size > 0
            self.seen.add(quote.id)
            self.quotes[quote.id] = ("bid", quote.bid, quote.size) if quote.HasField("bid") else (
                "ask", quote.ask, quote.size
            )  # fmt: skip

    def prices(self, side: str) -> list[int]:
        return sorted((price for which, price, _ in self.quotes.values() if which == side), reverse=side == "bid")


@pytest.mark.parametrize("symbol_id", [EURUSD, XAUUSD, BTCUSD])
def test_the_book_follows_the_quote_by_additions_and_deletions(symbol_id):
    with VenueKit(options=Options(depth_levels=4)) as kit:
        client = with_account(kit)
        client.send(of_account("SubscribeDepthQuotes", symbolId=[symbol_id]))
        answer, snapshot = kinds(client)
        assert answer == messages.ProtoOASubscribeDepthQuotesRes(ctidTraderAccountId=EUR_ACCOUNT)
        assert not snapshot.deletedQuotes
        book = Reader()
        book.apply(snapshot)
        client.take()
        quote = kit.venue.feed.quote(symbol_id, DEFAULT_START)
        assert (book.prices("bid")[0], book.prices("ask")[0]) == (quote.bid, quote.ask)
        kept = 0
        for tick in ticks_between(kit.venue.feed, symbol_id, DEFAULT_START, DEFAULT_START + 20_000):
            kit.advance((tick.timestamp_ms - kit.venue.now()) / 1000)
            (event,) = client.take(ProtoOADepthEvent)
            before = set(book.quotes)
            book.apply(event)
            kept += len(before & set(book.quotes))
            bids, asks = book.prices("bid"), book.prices("ask")
            assert (bids[0], asks[0]) == (tick.bid, tick.ask)
            assert len(bids) == len(set(bids)) == len(asks) == len(set(asks)) == 4
        assert kept > 0
        client.ask(of_account("UnsubscribeDepthQuotes", symbolId=[symbol_id]))
        client.take()
        kit.advance(5)
        assert not client.take()


def test_depth_is_resubscribed_from_a_whole_book():
    with VenueKit() as kit:
        client, other = with_account(kit), with_account(kit)
        client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]))
        assert client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD])).errorCode == "ALREADY_SUBSCRIBED"
        client.take()
        kit.advance(5)
        other.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]))  # while the first goes on
        (whole,) = other.take(ProtoOADepthEvent)
        client.ask(of_account("UnsubscribeDepthQuotes", symbolId=[EURUSD]))
        client.take()
        client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]))
        (again,) = client.take(ProtoOADepthEvent)
        assert len(again.newQuotes) == 10 and not again.deletedQuotes
        assert again == whole


def test_deleted_quotes_travel_packed():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]))
        client.take()
        kit.advance(10)
        several = [one.payload for one in client.received if len(codec.unpack(one).deletedQuotes) > 1]
    assert several
    field = ProtoOADepthEvent.DESCRIPTOR.fields_by_name["deletedQuotes"].number
    assert all(bytes([field << 3 | 2]) in payload for payload in several)


# ------------------------------------------------------------------------------------------------------ as a whole


def said(seed: int, steps: tuple[float, ...]) -> bytes:
    with VenueKit(seed=seed) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD, XAUUSD, BTCUSD], subscribeToSpotTimestamp=True))
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD, BTCUSD]))
        for step in steps:
            kit.advance(step)
        return client.raw


def test_one_seed_and_one_clock_say_the_same_bytes():
    assert said(1, (20.0,)) == said(1, (20.0,))
    assert said(1, (20.0,)) == said(1, (0.1,) * 200)
    assert said(1, (20.0,)) != said(2, (20.0,))


def test_one_timer_serves_every_symbol():
    with VenueKit() as kit:
        client = with_account(kit)
        before = len(kit.clock.getDelayedCalls())
        client.ask(of_account("SubscribeSpots", symbolId=[1, 2, 3, 4, 5, 6, 41, 42, 275, 279]))
        client.ask(of_account("SubscribeDepthQuotes", symbolId=[1, 2, 3]))
        assert len(kit.clock.getDelayedCalls()) == before + 1


def test_a_venue_that_was_held_up_tells_the_last_minute_only():
    with VenueKit(options=Options(inactivity=0, heartbeat=0)) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD], subscribeToSpotTimestamp=True))
        client.take()
        kit.clock.rightNow += 3600  # nothing was done meanwhile: a suspended laptop
        kit.pump()
        events = client.take(ProtoOASpotEvent)
        now = DEFAULT_START + 3_600_000
        expected = ticks_between(kit.venue.feed, EURUSD, now - 60_000, now)
        assert [event.timestamp for event in events] == [tick.timestamp_ms for tick in expected]
        quote = kit.venue.feed.quote(EURUSD, now)
        bids = [event.bid for event in events if event.HasField("bid")]
        asks = [event.ask for event in events if event.HasField("ask")]
        assert (bids[-1], asks[-1]) == (quote.bid, quote.ask)


def test_nothing_is_told_before_prices_begin():
    start = 1_262_602_800_000  # Monday 2010-01-04, 11:00 UTC
    with VenueKit(start=start, feed=ModelFeed(1, history_start_ms=start + 86_400_000)) as kit:
        client = with_account(kit)
        assert isinstance(
            client.ask(of_account("SubscribeSpots", symbolId=[EURUSD])), messages.ProtoOASubscribeSpotsRes
        )
        client.ask(of_account("SubscribeLiveTrendbar", symbolId=EURUSD, period=1))
        client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]))
        assert not client.take()
