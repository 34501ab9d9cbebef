from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import BookSnapshot, Level, OrderBook
from ctrader_twisted.messages import ProtoOADepthEvent, ProtoOADepthQuote, ProtoOASubscribeDepthQuotesRes
from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.testing import VenueKit
from tests.sim.venues import EURUSD, of_account, with_account


def bid(number: int, price: int, size: int = 100) -> ProtoOADepthQuote:
    return ProtoOADepthQuote(id=number, size=size, bid=price)


def ask(number: int, price: int, size: int = 100) -> ProtoOADepthQuote:
    return ProtoOADepthQuote(id=number, size=size, ask=price)


def event(*quotes: ProtoOADepthQuote, deleted: tuple[int, ...] = (), symbol_id: int = 1) -> ProtoOADepthEvent:
    return ProtoOADepthEvent(ctidTraderAccountId=1, symbolId=symbol_id, newQuotes=quotes, deletedQuotes=deleted)


def book_of(*quotes: ProtoOADepthQuote, digits: int = 5) -> OrderBook:
    book = OrderBook(1, digits)
    book.feed(event(*quotes))
    return book


def seen(book: OrderBook) -> str:
    """``best bid/best ask``, each ``price*volume``."""
    return "/".join(
        "-" if level is None else f"{level.price}*{level.volume}" for level in (book.best_bid, book.best_ask)
    )


def test_the_first_event_is_the_book() -> None:
    book = book_of(bid(1, 114810, 500), ask(2, 114815, 300), bid(3, 114805, 900), ask(4, 114820, 100))
    assert seen(book) == "1.14810*500/1.14815*300"
    assert str(book.spread) == "0.00005"
    assert not book.crossed
    assert len(book) == 4
    assert book.snapshot() == BookSnapshot(
        bids=(Level(Decimal("1.14810"), 500, 1), Level(Decimal("1.14805"), 900, 1)),
        asks=(Level(Decimal("1.14815"), 300, 1), Level(Decimal("1.14820"), 100, 1)),
    )
    assert [len(side) for side in book.snapshot(1)] == [1, 1]
    assert book.snapshot(0) == ((), ())


def test_the_end_of_an_entry_that_was_left_out_is_no_surprise() -> None:
    both = ProtoOADepthQuote(id=2, size=100, bid=1, ask=2)
    book = book_of(bid(1, 114800), both)
    book.feed(event(deleted=(2,)))
    assert book.unknown == 0
    book.feed(event(deleted=(2,)))
    assert book.unknown == 1, "only once"
    book.feed(event(ProtoOADepthQuote(id=1, size=100)))  # what replaces an entry is not to be read: it is gone at least
    assert (seen(book), len(book), book.unreadable) == ("-/-", 0, 2)
    book.feed(event(bid(1, 114800)))
    book.feed(event(deleted=(1,)))
    book.feed(event(deleted=(1,)))
    assert book.unknown == 2, "its place was taken by one that can be read"
    book.forget()
    book.feed(event(both))
    book.forget()
    book.feed(event(deleted=(2,)))
    assert book.unknown == 1


def test_an_empty_book() -> None:
    book = OrderBook(1)
    assert (book.best_bid, book.best_ask, book.spread, book.crossed, len(book)) == (None, None, None, False, 0)
    assert book.snapshot() == ((), ())
    book.feed(event(bid(1, 114810)))
    assert seen(book) == "1.14810*100/-" and book.spread is None and not book.crossed


def test_entries_at_one_price_are_one_level() -> None:
    book = book_of(bid(1, 114810, 500), bid(2, 114810, 300), bid(3, 114800))
    assert book.best_bid == Level(Decimal("1.14810"), 800, 2)
    book.feed(event(deleted=(1,)))
    assert book.best_bid == Level(Decimal("1.14810"), 300, 1)
    book.feed(event(deleted=(2,)))
    assert seen(book) == "1.14800*100/-"


def test_an_id_that_is_there_is_replaced() -> None:
    book = book_of(bid(1, 114810, 500), ask(2, 114815))
    book.feed(event(bid(1, 114809, 200)))
    assert seen(book) == "1.14809*200/1.14815*100"
    book.feed(event(ask(1, 114812, 7)))
    assert seen(book) == "-/1.14812*7", "it has changed sides"
    assert len(book) == 2


def test_an_id_deleted_and_added_in_one_event_is_there() -> None:
    book = book_of(bid(1, 114810, 500))
    book.feed(event(bid(1, 114811, 200), deleted=(1,)))
    assert seen(book) == "1.14811*200/-"
    assert book.unknown == 0


def test_unknown_deletions_are_counted() -> None:
    book = book_of(bid(1, 114810))
    book.feed(event(deleted=(7, 1, 1)))
    assert (book.unknown, len(book), seen(book)) == (2, 0, "-/-")


def test_an_entry_of_both_sides_or_of_none_is_left_out() -> None:
    book = book_of(
        ProtoOADepthQuote(id=1, size=100, bid=114810, ask=114811), ProtoOADepthQuote(id=2, size=100), bid(3, 114800)
    )
    assert (book.unreadable, len(book), seen(book)) == (2, 1, "1.14800*100/-")


def test_a_crossed_book_is_kept_as_told() -> None:
    book = book_of(bid(1, 114815), ask(2, 114810))
    assert seen(book) == "1.14815*100/1.14810*100"
    assert book.crossed and str(book.spread) == "-0.00005"
    book.feed(event(ask(3, 114815), deleted=(2,)))
    assert not book.crossed and book.spread == 0, "a spread of nothing is a price, not a fault"


def test_a_price_of_nothing_is_a_price() -> None:
    book = book_of(bid(1, 0), ask(2, 0))
    assert seen(book) == "0.00000*100/0.00000*100"


def test_the_symbols_digits_count() -> None:
    assert seen(book_of(bid(1, 2529274000), digits=2)) == "25292.74*100/-"


def test_events_of_another_symbol_are_refused() -> None:
    book = book_of(bid(1, 114810))
    with pytest.raises(ValueError, match="symbol 2 came to the book of symbol 1"):
        book.feed(event(deleted=(1,), symbol_id=2))
    assert len(book) == 1


def test_a_book_is_forgotten_whole() -> None:
    book = book_of(bid(1, 114810), ask(2, 114815), ProtoOADepthQuote(id=3, size=1))
    book.feed(event(deleted=(9,)))
    book.forget()
    assert (seen(book), len(book), book.unknown, book.unreadable) == ("-/-", 0, 0, 0)
    book.feed(event(bid(1, 114800)))
    assert seen(book) == "1.14800*100/-"


quotes = st.builds(
    lambda number, size, price, make: make(number, price, size),
    st.integers(1, 12),
    st.integers(0, 50),
    st.integers(100, 108),
    st.sampled_from((bid, ask)),
)
events = st.builds(
    lambda added, deleted: event(*added, deleted=tuple(deleted)),
    st.lists(quotes, max_size=5),
    st.lists(st.integers(1, 12), max_size=4),
)


@given(st.lists(events, max_size=30))
def test_it_is_what_a_plain_dict_would_be(told: list[ProtoOADepthEvent]) -> None:
    book, model, unknown = OrderBook(1), {}, 0
    for one in told:
        book.feed(one)
        for number in one.deletedQuotes:
            unknown += model.pop(number, None) is None
        for quote in one.newQuotes:
            model[quote.id] = quote
        sides = []
        for name, best_first in (("bid", -1), ("ask", 1)):
            levels: dict[int, list[int]] = defaultdict(lambda: [0, 0])
            for quote in model.values():
                if quote.HasField(name):
                    level = levels[getattr(quote, name)]
                    level[0] += quote.size
                    level[1] += 1
            sides.append(
                tuple(
                    Level(Decimal(price) / 100_000, *levels[price])
                    for price in sorted(levels, key=lambda price, way=best_first: way * price)
                )
            )
        assert book.snapshot() == tuple(sides)
        assert book.snapshot(2) == (sides[0][:2], sides[1][:2])
        bids, asks = sides
        assert book.best_bid == (bids[0] if bids else None)
        assert book.best_ask == (asks[0] if asks else None)
        assert book.crossed == bool(bids and asks and bids[0].price > asks[0].price)
        assert (len(book), book.unknown) == (len(model), unknown)


def looking_takes(levels: int) -> float:
    """Give the seconds that a hundred looks at the best of a book take, at least."""
    bids, asks = (bid(i, 500_000 - i) for i in range(levels)), (ask(levels + i, 500_001 + i) for i in range(levels))
    book = book_of(*bids, *asks)
    taken = []
    for _ in range(5):
        begun = perf_counter()
        for _ in range(100):
            assert book.best_bid and book.best_ask and book.spread and not book.crossed
        taken.append(perf_counter() - begun)
    return min(taken)


def test_the_best_levels_cost_the_same_however_deep_the_book_is() -> None:
    assert looking_takes(10_000) < 20 * looking_takes(
        2
    )  # a walk through all levels would take thousands of times as long


def test_the_simulators_book_is_followed() -> None:
    unlimited = Limits(general=0, historical=0)
    with VenueKit(limits=unlimited, options=Options(inactivity=0)) as kit:
        client = with_account(kit)
        answer = client.ask(of_account("SubscribeDepthQuotes", symbolId=[EURUSD]))
        assert isinstance(answer, ProtoOASubscribeDepthQuotesRes)
        kit.advance(30)
        told = client.take(ProtoOADepthEvent)
        book = OrderBook(EURUSD)
        best = set()
        for one in told:
            book.feed(one)
            best.add(seen(book))
            assert not book.crossed
        assert len(told) > 10 and len(best) > 5
        assert book.unknown == book.unreadable == 0
        now = kit.venue.feed.quote(EURUSD, kit.venue.now())
        assert book.best_bid is not None and book.best_ask is not None
        assert (book.best_bid.price * 100_000, book.best_ask.price * 100_000) == (now.bid, now.ask)
