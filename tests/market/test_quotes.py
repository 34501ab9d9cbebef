from __future__ import annotations

from datetime import UTC, datetime

from ctrader_twisted.market import LightQuote, Quote, Quotes
from ctrader_twisted.market.light import quote_of
from ctrader_twisted.messages import ProtoOASpotEvent
from tests.market.recorded import needs_recordings, recording


def spot(symbol_id: int = 1, **fields: int) -> ProtoOASpotEvent:
    return ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=symbol_id, **fields)


def sides(quote: Quote) -> tuple[str, str]:
    return str(quote.bid), str(quote.ask)


def test_one_sided_events_are_merged() -> None:
    quotes = Quotes()
    assert sides(quotes.feed(spot(bid=114818))) == ("1.14818", "None")
    assert sides(quotes.feed(spot(ask=114820))) == ("1.14818", "1.14820")
    assert sides(quotes.feed(spot(bid=114819))) == ("1.14819", "1.14820")
    assert sides(quotes.feed(spot())) == ("1.14819", "1.14820")
    assert str(quotes.feed(spot()).spread) == "0.00001"


def test_symbols_are_kept_apart_and_have_their_own_digits() -> None:
    quotes = Quotes()
    quotes.feed(spot(1, bid=114818))
    assert sides(quotes.feed(spot(279, bid=2529274000, ask=2529417000), 2)) == ("25292.74", "25294.17")
    first = quotes.get(1)
    assert first is not None and first.ask is None and first.spread is None
    assert quotes.get(7) is None


def test_a_quote_has_its_time_as_an_aware_datetime() -> None:
    assert Quote(1, None, None, 1_772_528_400_001).time == datetime(2026, 3, 3, 9, 0, 0, 1_000, UTC)
    assert Quote(1, None, None, None).time is None
    assert LightQuote(1, 1, None, None, 1_772_528_400_001).time == datetime(2026, 3, 3, 9, 0, 0, 1_000, UTC)
    assert LightQuote(1, 1, None, None, None).time is None


def test_both_sides_are_forgotten() -> None:
    quotes = Quotes()
    quotes.feed(spot(bid=114818, ask=114820))
    quotes.forget()
    assert quotes.get(1) is None
    assert sides(quotes.feed(spot(ask=114830))) == ("None", "1.14830")


def test_light_quotes_are_merged_likewise() -> None:
    events = [spot(bid=114818, ask=114820, timestamp=5), spot(ask=114821), spot(), spot(bid=114819, timestamp=9)]
    heavy, light = Quotes(), Quotes()
    for event in events:
        assert light.feed(quote_of(event), 5) == heavy.feed(event, 5)
    assert sides(light.feed(LightQuote(1, 1, None, 114822, None))) == ("1.14819", "1.14822")
    assert [quote.timestamp for quote in map(Quotes().feed, events)] == [5, None, None, 9]


@needs_recordings
def test_recorded_spots_of_every_shape() -> None:
    quotes = Quotes()
    merged = [
        sides(quotes.feed(row.read(ProtoOASpotEvent)))
        for row in recording("partial_close.jsonl")
        if row.payload_type == 2131
    ]
    assert merged == [
        ("1.11986", "1.11987"),  # the first after subscribing: both
        ("1.11987", "1.11987"),  # bid only
        ("1.11987", "1.11987"),  # ask only
        ("1.11988", "1.11989"),
        ("1.11987", "1.11989"),  # bid only
        ("1.11981", "1.11981"),
    ]


@needs_recordings
def test_recorded_timestamps_are_kept() -> None:
    quotes = Quotes()
    stamps = [
        quotes.feed(row.read(ProtoOASpotEvent)).timestamp
        for row in recording("market_data.jsonl")
        if row.payload_type == 2131
    ]
    assert stamps[0] == 1789757199904 and stamps[3] == 1789757207104
