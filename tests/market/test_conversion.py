from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import Conversion, Quote, Quotes
from ctrader_twisted.messages import (
    ProtoOALightSymbol,
    ProtoOASpotEvent,
    ProtoOASymbolsForConversionRes,
    ProtoOASymbolsListRes,
)
from tests.market.recorded import needs_recordings, recording

if TYPE_CHECKING:
    from ctrader_twisted.market.conversion import Side

EUR, USD, JPY, DAX, GBP = 5, 15, 11, 1257, 7
EURUSD = ProtoOALightSymbol(symbolId=1, symbolName="EURUSD", baseAssetId=EUR, quoteAssetId=USD)
USDJPY = ProtoOALightSymbol(symbolId=4, symbolName="USDJPY", baseAssetId=USD, quoteAssetId=JPY)


def quotes(**sides: tuple[str | None, str | None]) -> dict[int, Quote]:
    ids = {"EURUSD": 1, "USDJPY": 4}
    return {
        ids[name]: Quote(ids[name], *(None if side is None else Decimal(side) for side in both), None)
        for name, both in sides.items()
    }


BOTH = quotes(EURUSD=("1.1000", "1.1002"), USDJPY=("150.00", "150.02"))


def test_the_same_asset_is_worth_itself_and_needs_no_symbol() -> None:
    same = Conversion(USD, USD)
    assert same.symbol_ids == ()
    assert same.rate({}.get) == Decimal(1)
    assert Conversion(USD, USD, [EURUSD]) == same


@pytest.mark.parametrize(
    ("first", "last", "chain", "price", "rate"),
    [
        (EUR, USD, [EURUSD], "mid", Decimal("1.1001")),
        (EUR, USD, [EURUSD], "bid", Decimal("1.1000")),
        (EUR, USD, [EURUSD], "ask", Decimal("1.1002")),
        (EUR, JPY, [EURUSD, USDJPY], "bid", Decimal("165")),
        (EUR, JPY, [EURUSD, USDJPY], "mid", Decimal("1.1001") * Decimal("150.01")),
    ],
)
def test_from_base_to_quote_the_price_multiplies(
    first: int, last: int, chain: list[ProtoOALightSymbol], price: Side, rate: Decimal
) -> None:
    assert Conversion(first, last, chain).rate(BOTH.get, price) == rate


def test_from_quote_to_base_the_price_divides() -> None:
    back = Conversion(JPY, EUR, [USDJPY, EURUSD])
    assert back.symbol_ids == (4, 1)
    assert back.rate(BOTH.get, "bid") == pytest.approx(Decimal(1) / 165, abs=Decimal("1e-27"))
    assert Conversion(USD, EUR, [EURUSD]).rate(quotes(EURUSD=("1.25", "1.25")).get) == Decimal("0.8")


def test_the_middle_is_the_default() -> None:
    conversion = Conversion(EUR, USD, [EURUSD])
    assert conversion.rate(BOTH.get) == conversion.rate(BOTH.get, "mid") == Decimal("1.1001")


@pytest.mark.parametrize(
    ("known", "price"),
    [
        ({}, "mid"),
        ({}, "bid"),
        (quotes(EURUSD=("1.1", "1.1")), "mid"),
        (quotes(EURUSD=("1.1", None), USDJPY=("150", "150")), "mid"),
        (quotes(EURUSD=("1.1", None), USDJPY=("150", "150")), "ask"),
        (quotes(EURUSD=("1.1", "1.1"), USDJPY=(None, "150")), "bid"),
        (quotes(EURUSD=("0", "0"), USDJPY=("150", "150")), "mid"),
    ],
)
def test_while_a_price_is_not_known_there_is_no_rate(known: dict[int, Quote], price: Side) -> None:
    assert Conversion(EUR, JPY, [EURUSD, USDJPY]).rate(known.get, price) is None
    assert Conversion(JPY, EUR, [USDJPY, EURUSD]).rate(known.get, price) is None


def test_one_side_is_enough_for_its_own_rate() -> None:
    known = quotes(EURUSD=("1.1", None))
    assert Conversion(EUR, USD, [EURUSD]).rate(known.get, "bid") == Decimal("1.1")


@pytest.mark.parametrize(
    ("first", "last", "chain", "said"),
    [
        (EUR, USD, [], "from asset 5 to 15 ends at asset 5"),
        (EUR, JPY, [EURUSD], "ends at asset 15"),
        (EUR, JPY, [USDJPY], "USDJPY does not trade asset 5"),
        (EUR, JPY, [USDJPY, EURUSD], "USDJPY does not trade asset 5"),
        (GBP, USD, [EURUSD], "EURUSD does not trade asset 7"),
        (EUR, USD, [EURUSD, USDJPY], "ends at asset 11"),
    ],
)
def test_a_chain_that_does_not_lead_there_is_refused(
    first: int, last: int, chain: list[ProtoOALightSymbol], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Conversion(first, last, chain)


@pytest.mark.parametrize(("price", "same"), [("MID", "mid"), ("Bid", "bid"), ("aSk", "ask")])
def test_a_side_is_named_in_any_case(price: Any, same: Side) -> None:
    conversion = Conversion(EUR, USD, [EURUSD])
    assert conversion.rate(BOTH.get, price) == conversion.rate(BOTH.get, same)


def test_a_side_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match='"bid", "mid" or "ask"'):
        Conversion(EUR, USD, [EURUSD]).rate(BOTH.get, "last")  # type: ignore[arg-type]


def test_equal_ways_are_equal() -> None:
    assert Conversion(EUR, USD, [EURUSD]) == Conversion(EUR, USD, (EURUSD,))
    assert len({Conversion(EUR, USD, [EURUSD]), Conversion(EUR, USD, [EURUSD]), Conversion(USD, EUR, [EURUSD])}) == 2


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**9)), min_size=1, max_size=6))
def test_a_chain_of_any_length_gives_the_product(way: list[tuple[bool, int]]) -> None:
    chain, known, product = [], {}, Fraction(1)
    for at, (forward, price) in enumerate(way):
        base, quote = (at, at + 1) if forward else (at + 1, at)
        chain.append(ProtoOALightSymbol(symbolId=100 + at, baseAssetId=base, quoteAssetId=quote))
        exactly = Decimal(price).scaleb(-5)
        known[100 + at] = Quote(100 + at, exactly, exactly, None)
        product = product * Fraction(exactly) if forward else product / Fraction(exactly)
    rate = Conversion(0, len(way), chain).rate(known.get)
    assert rate is not None
    assert abs(Fraction(rate) - product) <= product / 10**40


@needs_recordings
def test_the_recorded_chain_with_recorded_quotes() -> None:
    rows = recording("market_data.jsonl")
    answer = next(row for row in rows if row.payload_type == 2119).read(ProtoOASymbolsForConversionRes)
    listed = next(row for row in rows if row.payload_type == 2115).read(ProtoOASymbolsListRes).symbol
    dax = next(each for each in listed if each.symbolName == "GER40.cash")
    book = Quotes()
    first = next(row for row in rows if row.note.startswith("spot EURUSD, bid+ask"))
    quote = book.feed(first.read(ProtoOASpotEvent))
    conversion = Conversion(dax.quoteAssetId, USD, answer.symbol)
    assert conversion.symbol_ids == (quote.symbol_id,)
    assert quote.bid is not None and quote.ask is not None
    assert conversion.rate(book.get, "bid") == quote.bid
    assert conversion.rate(book.get) == (quote.bid + quote.ask) / 2
