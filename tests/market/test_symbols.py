from __future__ import annotations

import dataclasses
import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ctrader_twisted.errors import (
    AmbiguousSymbol,
    LevelsRefused,
    OrderNotPlaced,
    PriceRefused,
    UnknownSymbol,
    VolumeRefused,
)
from ctrader_twisted.market import Lots, Money, Pips, Price, ProtocolVolume, Symbol, SymbolList, Units
from ctrader_twisted.messages import (
    ProtoOALightSymbol,
    ProtoOASymbol,
    ProtoOASymbolByIdRes,
    ProtoOASymbolsListRes,
    ProtoOATradingMode,
)
from tests.market.recorded import needs_recordings, recording

D = Decimal


def symbol(name: str = "EURUSD", *, enabled: bool = True, **fields: Any) -> Symbol:
    """EURUSD as recorded; `fields` replace what the server says of it, None leaves it out."""
    details = {
        "symbolId": 1,
        "digits": 5,
        "pipPosition": 4,
        "lotSize": 10_000_000,
        "minVolume": 100_000,
        "maxVolume": 10_000_000_000,
        "stepVolume": 100_000,
        **fields,
    }
    full = ProtoOASymbol(**{key: value for key, value in details.items() if value is not None})
    return Symbol.from_messages(
        ProtoOALightSymbol(symbolId=1, symbolName=name, enabled=enabled, baseAssetId=5, quoteAssetId=15), full
    )


EURUSD = symbol()
GOLD = symbol("XAUUSD", digits=2, pipPosition=0, lotSize=10_000, minVolume=100, stepVolume=100, maxVolume=1_000_000_000)


# What a symbol is


def test_a_symbol_joins_what_the_server_says_in_two_messages() -> None:
    assert (EURUSD.symbol_id, EURUSD.name, EURUSD.base_asset_id, EURUSD.quote_asset_id) == (1, "EURUSD", 5, 15)
    assert (EURUSD.tick, EURUSD.pip) == (D("0.00001"), D("0.0001"))
    assert (GOLD.tick, GOLD.pip) == (D("0.01"), D("1"))
    assert (EURUSD.lot_size, EURUSD.min_volume, EURUSD.step_volume) == (10_000_000, 100_000, 100_000)
    assert EURUSD.max_volume == 10_000_000_000
    assert EURUSD.leverage_id is None and symbol(leverageId=7).leverage_id == 7
    assert str(EURUSD) == "EURUSD"
    assert EURUSD.message.digits == 5
    assert symbol("").name == "1"


def test_a_symbol_never_changes_and_can_be_a_key() -> None:
    assert {EURUSD: 1}[symbol()] == 1
    assert symbol(digits=4) != EURUSD
    with pytest.raises(dataclasses.FrozenInstanceError):
        EURUSD.digits = 4  # type: ignore[misc]


def test_messages_of_different_symbols_are_not_joined() -> None:
    with pytest.raises(ValueError, match=r"symbol 2 \(X\) is not symbol 1"):
        Symbol.from_messages(ProtoOALightSymbol(symbolId=2, symbolName="X"), EURUSD.message)


@pytest.mark.parametrize(
    ("enabled", "mode", "tradable"),
    [
        (True, ProtoOATradingMode.ENABLED, True),
        (False, ProtoOATradingMode.ENABLED, False),
        (True, ProtoOATradingMode.CLOSE_ONLY_MODE, False),
        (True, ProtoOATradingMode.DISABLED_WITH_PENDINGS_EXECUTION, False),
    ],
)
def test_a_symbol_says_whether_it_can_be_traded(enabled: bool, mode: int, tradable: bool) -> None:
    found = symbol(enabled=enabled, tradingMode=mode)
    assert (found.enabled, found.trading_mode, found.tradable) == (enabled, mode, tradable)


def test_what_the_broker_did_not_set_is_no_limit() -> None:
    free = symbol(minVolume=None, maxVolume=None, stepVolume=None, lotSize=None)
    assert (free.min_volume, free.max_volume, free.step_volume, free.lot_size) == (1, None, 1, None)
    assert free.volume(ProtocolVolume(1)) == 1
    assert free.volume(Units("1e20")) == 10**22
    with pytest.raises(VolumeRefused, match="1 lots of EURUSD can't be counted: the broker set no lot size: give the"):
        free.volume(Lots(1))
    with pytest.raises(ValueError, match="EURUSD has no lot size"):
        free.lots(1)


@needs_recordings
def test_the_recorded_symbols() -> None:
    rows = recording("market_data.jsonl")
    listed = next(row for row in rows if row.payload_type == 2115).read(ProtoOASymbolsListRes).symbol
    details = next(row for row in rows if row.payload_type == 2117).read(ProtoOASymbolByIdRes).symbol
    full = {each.symbolId: each for each in details}
    symbols = {each.symbolName: Symbol.from_messages(each, full[each.symbolId]) for each in listed}
    assert set(symbols) == {"XAUUSD", "US100.cash", "GER40.cash", "EURUSD"}
    assert all(each.tradable for each in symbols.values())
    gold, index, euro = symbols["XAUUSD"], symbols["GER40.cash"], symbols["EURUSD"]
    assert (gold.tick, gold.pip, gold.volume(Lots("0.01")), str(gold.units(10_000))) == (D("0.01"), 1, 100, "100 units")
    assert (index.volume(Lots("0.01")), index.volume(Units(1))) == (1, 100)
    assert index.leverage_id == full[279].leverageId if full[279].HasField("leverageId") else index.leverage_id is None
    assert (euro.volume(Lots("0.01")), euro.volume(Units(1000)), euro.lots(300_000)) == (100_000, 100_000, Lots("0.03"))
    named = SymbolList(listed)
    assert named.find("ger40").symbolId == 279
    assert named.find("eur/usd").symbolId == 1
    assert named.find("US100").symbolName == "US100.cash"
    with pytest.raises(UnknownSymbol) as caught:
        named.find("gold")
    assert caught.value.suggestions == ("XAUUSD",)  # its description says so


# Volumes


@pytest.mark.parametrize(
    ("amount", "volume"),
    [
        (Lots("0.01"), 100_000),
        (Lots(0.1), 1_000_000),
        (Lots(1000), 10_000_000_000),
        (Units(1000), 100_000),
        (Units("123000"), 12_300_000),
        (ProtocolVolume(100_000), 100_000),
    ],
)
def test_a_volume_on_the_steps_is_taken_as_it_is(amount: Any, volume: int) -> None:
    for rounding in ("refuse", "down", "up", "nearest"):
        assert EURUSD.volume(amount, rounding) == volume


@pytest.mark.parametrize(
    ("amount", "rounding", "said"),
    [
        (
            Lots("0.015"),
            "refuse",
            "0.015 lots of EURUSD is not a multiple of 0.01 lots: 0.01 or 0.02 lots would be accepted",
        ),
        (
            Units(12_345),
            "refuse",
            "12345 units of EURUSD is not a multiple of 1000 units: 12000 or 13000 units would be accepted",
        ),
        (
            ProtocolVolume(150_000),
            "refuse",
            "150000 hundredths of a unit of EURUSD is not a multiple of 100000 hundredths of a unit: "
            "100000 or 200000 hundredths of a unit would be accepted",
        ),
        (
            Lots("0.001"),
            "refuse",
            "0.001 lots of EURUSD is below the minimum of 0.01 lots: 0.01 lots would be accepted",
        ),
        (
            Lots("0.001"),
            "down",
            "0.001 lots of EURUSD rounded down is below the minimum of 0.01 lots: 0.01 lots would be accepted",
        ),
        (
            Lots("0.005"),
            "nearest",
            "0.005 lots of EURUSD rounded to the nearest is below the minimum of 0.01 lots: "
            "0.01 lots would be accepted",
        ),
        (
            Lots("1000.001"),
            "refuse",
            "1000.001 lots of EURUSD is above the maximum of 1000 lots: 1000 lots would be accepted",
        ),
        (
            Lots("1000.001"),
            "up",
            "1000.001 lots of EURUSD rounded up is above the maximum of 1000 lots: 1000 lots would be accepted",
        ),
        (
            Lots(5000),
            "down",
            "5000 lots of EURUSD is above the maximum of 1000 lots: 1000 lots would be accepted",
        ),
        (Lots(0), "up", "0 lots of EURUSD is not more than nothing: 0.01 lots would be accepted"),
        (Lots(-1), "up", "-1 lots of EURUSD is not more than nothing: 0.01 lots would be accepted"),
    ],
)
def test_a_volume_that_can_not_be_traded_is_refused_in_the_unit_it_was_given_in(
    amount: Any, rounding: Any, said: str
) -> None:
    with pytest.raises(VolumeRefused) as caught:
        EURUSD.volume(amount, rounding)
    assert str(caught.value) == said
    assert (caught.value.symbol, caught.value.wanted) == ("EURUSD", amount)
    assert all(type(near) is type(amount) for near in caught.value.nearest)
    assert caught.value.remedy in said


def test_a_volume_is_rounded_only_when_asked() -> None:
    assert EURUSD.volume(Lots("0.015"), "down") == 100_000
    assert EURUSD.volume(Lots("0.015"), "up") == 200_000
    assert EURUSD.volume(Lots("0.015"), "nearest") == 100_000  # of two equally near the lower
    assert EURUSD.volume(Lots("0.0151"), "nearest") == 200_000
    assert EURUSD.volume(Lots("0.006"), "nearest") == 100_000
    assert EURUSD.volume(Lots("1000.001"), "down") == 10_000_000_000


def test_a_limit_between_two_steps_moves_to_the_step_within_it() -> None:
    odd = symbol(minVolume=150_000, maxVolume=350_000)
    with pytest.raises(VolumeRefused, match=r"below the minimum of 0\.015 lots: 0\.02 lots would be accepted"):
        odd.volume(Lots("0.01"))
    with pytest.raises(VolumeRefused, match=r"above the maximum of 0\.035 lots: 0\.03 lots would be accepted"):
        odd.volume(Lots("0.04"))
    none = symbol(minVolume=110_000, maxVolume=190_000)
    with pytest.raises(VolumeRefused, match="nothing close to it would be accepted"):
        none.volume(Lots("0.015"))


@pytest.mark.parametrize("amount", [1, 0.1, D(1), "1", Price(1), Money(1), None])
def test_a_volume_without_a_unit_is_none(amount: Any) -> None:
    with pytest.raises(TypeError, match="given as Lots, Units or ProtocolVolume"):
        EURUSD.volume(amount)


@pytest.mark.parametrize("rounding", ["half", "", None])
def test_a_rounding_that_is_none_is_refused(rounding: Any) -> None:
    for call in (
        lambda: EURUSD.volume(Lots(1), rounding),
        lambda: EURUSD.price("1.1", rounding),
        lambda: EURUSD.relative(D("0.1"), rounding),
    ):
        with pytest.raises(ValueError, match='"refuse", "down", "up" or "nearest"'):
            call()


steps = st.integers(1, 10_000)


@given(
    steps,
    st.integers(0, 100_000),
    st.none() | st.integers(1, 10**7),
    st.decimals(min_value=D("0.00001"), max_value=10**6, places=5),
    st.sampled_from(["lots", "units"]),
    st.sampled_from(["refuse", "down", "up", "nearest"]),
)
def test_a_volume_is_never_off_the_steps_nor_beyond_the_limits(
    step: int, least: int, most: int | None, number: Decimal, unit: str, rounding: Any
) -> None:
    found = symbol(stepVolume=step, minVolume=least, maxVolume=most, lotSize=10_000)
    amount: Any = Lots(number) if unit == "lots" else Units(number)
    wanted = Fraction(number) * (10_000 if unit == "lots" else 100)
    least = max(least, 1)

    def valid(volume: int | Fraction) -> bool:
        return volume % step == 0 and volume >= least and (most is None or volume <= most)

    try:
        with decimal.localcontext(decimal.Context(prec=2)):
            volume = found.volume(amount, rounding)
    except VolumeRefused as refused:
        near = [found.volume(each) for each in refused.nearest]  # type: ignore[arg-type]
        assert all(valid(each) for each in near)
        assert near == sorted(set(near)) and len(near) <= 2
        below, above = wanted // step * step, -(-wanted // step) * step
        for each in (below, above):  # the step next to it is named if it is valid
            assert not valid(each) or each in near
        expected = {"refuse": wanted, "down": below, "up": above}
        if rounding == "nearest":
            expected["nearest"] = above if wanted - below > above - wanted else below
        assert not valid(expected[rounding])
        assert near or -(-least // step) * step > (most or 0)
    else:
        assert valid(volume)
        assert abs(volume - wanted) < step
        assert rounding != "refuse" or volume == wanted
        assert rounding != "down" or volume <= wanted
        assert rounding != "up" or volume >= wanted
        assert rounding != "nearest" or 2 * abs(volume - wanted) <= step


@given(st.integers(1, 2**63 - 1))
def test_lots_and_units_give_the_volume_back(volume: int) -> None:
    free = symbol(minVolume=None, maxVolume=None, stepVolume=None)
    assert free.volume(free.lots(volume)) == free.volume(free.units(volume)) == volume
    assert free.lots(volume) * 100_000 == Lots(free.units(volume).value)


def test_lots_of_an_odd_size_can_still_be_shown() -> None:
    assert str(symbol(lotSize=300).lots(100)).startswith("0.3333333333")


# Prices


@pytest.mark.parametrize("value", ["1.105", D("1.10500"), Price("1.105"), 1.105])
def test_a_price_has_exactly_its_symbols_digits(value: Any) -> None:
    assert str(EURUSD.price(value)) == "1.10500"
    assert str(GOLD.price(2000)) == "2000.00"
    assert str(symbol(digits=0).price("25000")) == "25000"


@pytest.mark.parametrize(
    ("value", "rounding", "said"),
    [
        (
            "1.105003",
            "refuse",
            "a price of 1.105003 for EURUSD has more than 5 decimal places: 1.10500 or 1.10501 would be accepted",
        ),
        (D("0.000004"), "refuse", "a price of 0.000004 for EURUSD has more than 5 decimal places: 0.00001 would be"),
        (D("0.000004"), "down", "a price of 0.000004 for EURUSD rounded down is zero: 0.00001 would be accepted"),
        (0, "up", "a price of 0 for EURUSD is not above zero: give one above zero"),
        (Price("-1.1"), "up", "a price of -1.1 for EURUSD is not above zero: give one above zero"),
    ],
)
def test_a_price_that_can_not_be_is_refused(value: Any, rounding: Any, said: str) -> None:
    with pytest.raises(PriceRefused) as caught:
        EURUSD.price(value, rounding)
    assert str(caught.value).startswith(said)
    assert caught.value.symbol == "EURUSD"


def test_one_decimal_place_is_one() -> None:
    with pytest.raises(PriceRefused, match=r"more than 1 decimal place: 1\.2 or 1\.3 would"):
        symbol(digits=1).price("1.25")


@pytest.mark.parametrize(("rounding", "price"), [("down", "1.10500"), ("up", "1.10501"), ("nearest", "1.10500")])
def test_a_price_is_rounded_only_when_asked(rounding: Any, price: str) -> None:
    assert str(EURUSD.price("1.105005", rounding)) == price
    assert str(EURUSD.price("1.1050051", "nearest")) == "1.10501"


@given(
    st.integers(0, 8),
    st.decimals(min_value=D("0.0000000001"), max_value=10**9, places=10),
    st.sampled_from(["refuse", "down", "up", "nearest"]),
)
def test_a_price_is_never_off_the_ticks(digits: int, value: Decimal, rounding: Any) -> None:
    found = symbol(digits=digits)
    tick = Fraction(1, 10**digits)
    try:
        with decimal.localcontext(decimal.Context(prec=2)):
            price = found.price(value, rounding)
    except PriceRefused as refused:
        assert Fraction(value) % tick or value == 0
        assert rounding == "refuse" or (rounding != "up" and value < tick)
        near: list[Any] = list(refused.nearest)
        assert near and all(found.price(each) == each and abs(Fraction(each) - Fraction(value)) < tick for each in near)
    else:
        assert price > 0 and Fraction(price) % tick == 0
        assert price.as_tuple().exponent == -digits
        assert abs(Fraction(price) - Fraction(value)) < tick
        assert rounding != "refuse" or price == value
        assert rounding != "down" or price <= value
        assert rounding != "up" or price >= value
        assert rounding != "nearest" or 2 * abs(Fraction(price) - Fraction(value)) <= tick


# Distances


def test_pips_are_a_difference_of_prices() -> None:
    assert EURUSD.distance(Pips(20)) == D("0.002")
    assert EURUSD.distance(Pips("20.5")) == D("0.00205")
    assert GOLD.distance(Pips("0.5")) == D("0.5")
    assert EURUSD.pips(D("0.002")) == Pips(20)
    assert GOLD.pips(D("-1.5")) == Pips("-1.5")


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=3), st.integers(0, 8))
def test_pips_survive_the_round_trip(number: Decimal, position: int) -> None:
    found = symbol(pipPosition=position)
    with decimal.localcontext(decimal.Context(prec=2)):
        assert found.pips(found.distance(Pips(number))) == Pips(number)


@pytest.mark.parametrize(
    ("found", "distance", "relative"),
    [
        (EURUSD, "0.00001", 1),
        (EURUSD, "0.003", 300),  # 300 on EURUSD 1.1709 gave 1.1679 (observed)
        (GOLD, "90.01", 9_001_000),  # (observed)
        (symbol(digits=0), "25", 2_500_000),
        (symbol(digits=8), "0.00002", 2),
    ],
)
def test_a_distance_is_counted_in_hundred_thousandths(found: Symbol, distance: str, relative: int) -> None:
    assert found.relative(D(distance)) == relative


def test_the_distance_of_a_stop_in_pips() -> None:
    assert EURUSD.relative(EURUSD.distance(Pips("20.5"))) == 205
    with pytest.raises(LevelsRefused) as caught:
        EURUSD.relative(EURUSD.distance(Pips("20.55")))
    assert str(caught.value) == (
        "EURUSD: a distance of 0.002055 is not a multiple of 0.00001: 0.00205 or 0.00206 would be accepted"
    )
    assert [EURUSD.relative(D("0.002055"), way) for way in ("down", "up", "nearest")] == [205, 206, 205]


@pytest.mark.parametrize(
    ("found", "distance", "rounding", "said"),
    [
        (GOLD, "90.015", "refuse", r"XAUUSD: a distance of 90\.015 is not a multiple of 0\.01: 90\.01 or 90\.02 would"),
        (GOLD, "0.004", "nearest", r"rounded to the nearest is nothing: 0\.01 would be accepted"),
        (GOLD, "0.004", "refuse", r"is not a multiple of 0\.01: 0\.01 would be accepted"),
        (symbol(digits=8), "0.000015", "refuse", r"not a multiple of 0\.00001"),  # finer than the wire can say
        (EURUSD, "0", "up", "a distance of 0 is not above zero: give it without a sign"),
        (EURUSD, "-0.002", "up", r"a distance of -0\.002 is not above zero"),
    ],
)
def test_a_distance_that_can_not_be_is_refused(found: Symbol, distance: str, rounding: Any, said: str) -> None:
    with pytest.raises(LevelsRefused, match=said):
        found.relative(D(distance), rounding)


# Distances in money


@pytest.mark.parametrize(
    ("found", "amount", "volume", "rate", "distance"),
    [
        (EURUSD, "50", 1_000_000, "1", "0.00500"),  # a tenth of a lot: a dollar for 0.0001
        (EURUSD, "50.99", 1_000_000, "1", "0.00509"),  # 51 ticks would lose a cent more
        (EURUSD, "50", 1_000_000, "0.8", "0.00625"),
        (EURUSD, "0.1", 1_000_000, "1", "0.00001"),
        (GOLD, "50", 100, "1", "50.00"),
        (GOLD, "50", 10_000, "0.93", "0.53"),
    ],
)
def test_a_stop_in_money(found: Symbol, amount: str, volume: int, rate: str, distance: str) -> None:
    assert str(found.money_distance(D(amount), volume, D(rate))) == distance
    assert str(found.money_distance(Money(amount), volume, D(rate))) == distance


def test_a_stop_of_less_than_a_tick_is_refused() -> None:
    with pytest.raises(LevelsRefused) as caught:
        EURUSD.money_distance(Money("0.09", "USD"), 1_000_000, D(1))
    assert str(caught.value) == (
        "EURUSD: 0.09 USD is less than one tick of 0.00001, which is worth 0.1 for this volume: "
        "give a larger amount, or take a smaller volume"
    )
    for amount in ("0", "-50"):
        with pytest.raises(LevelsRefused, match=f"an amount of {amount} is not above zero"):
            EURUSD.money_distance(D(amount), 1_000_000, D(1))


@pytest.mark.parametrize(("volume", "rate"), [(0, D(1)), (-100, D(1)), (100, D(0)), (100, D(-1))])
def test_money_at_no_rate_is_no_distance(volume: int, rate: Decimal) -> None:
    with pytest.raises(ValueError, match="has no value"):
        EURUSD.money_distance(D(50), volume, rate)


@given(st.integers(1, 10**8), st.integers(1, 10**9), st.integers(1, 10**8), st.integers(0, 5))
def test_a_stop_in_money_never_loses_more(cents: int, volume: int, rate: int, digits: int) -> None:
    found, amount, at = symbol(digits=digits), D(cents) / 100, D(rate).scaleb(-6)
    of_a_tick = Fraction(volume, 100) * Fraction(rate, 10**6) * Fraction(found.tick)
    assume(of_a_tick * 10**12 > 1)
    with decimal.localcontext(decimal.Context(prec=2)):
        try:
            distance = found.money_distance(amount, volume, at)
        except LevelsRefused:
            assert of_a_tick > Fraction(cents, 100)
            return
    ticks = Fraction(distance) / Fraction(found.tick)
    assert ticks.denominator == 1 and ticks >= 1
    assert ticks * of_a_tick <= Fraction(cents, 100) < (ticks + 1) * of_a_tick


# Names


def listed(*names: str, **fields: Any) -> list[ProtoOALightSymbol]:
    """Enabled symbols of these names; one that begins with "-" is not enabled."""
    return [
        ProtoOALightSymbol(symbolId=at, symbolName=name.removeprefix("-"), enabled=not name.startswith("-"), **fields)
        for at, name in enumerate(names, 1)
    ]


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["EURUSD", "eurusd"], "eurusd", "eurusd"),  # exactly
        (["EURUSD", "GBPUSD"], "eurusd", "EURUSD"),
        (["EURUSD", "EURUSD.r"], "EurUsd", "EURUSD"),
        (["EURUSD", "EURUSD.r"], "eurusd.R", "EURUSD.r"),
        (["EURUSD"], " EURUSD ", "EURUSD"),
        # separators, and what stands before a name
        (["EURUSD"], "EUR/USD", "EURUSD"),
        (["EURUSD"], "eur-usd", "EURUSD"),
        (["EURUSD"], "EUR USD", "EURUSD"),
        (["EURUSD"], "eur_usd", "EURUSD"),
        (["EUR/USD"], "EURUSD", "EUR/USD"),
        (["EUR/USD", "EURUSD.r"], "EURUSD", "EUR/USD"),
        (["#AAPL"], "aapl", "#AAPL"),
        (["AAPL"], "#AAPL", "AAPL"),
        (["US 30"], "us30", "US 30"),
        # what brokers hang on a name
        (["EURUSD.r"], "EURUSD", "EURUSD.r"),
        (["EURUSD.r", "GBPUSD.r"], "eur/usd", "EURUSD.r"),
        (["EURUSDm"], "eurusd", "EURUSDm"),
        (["EURUSDmicro"], "EURUSD", "EURUSDmicro"),
        (["EURUSD-ecn"], "EURUSD", "EURUSD-ecn"),
        (["EURUSD-ECN"], "EURUSD", "EURUSD-ECN"),
        (["GER40.cash"], "GER40", "GER40.cash"),
        (["EURUSD_i"], "EURUSD", "EURUSD_i"),
        (["EURUSD+"], "EURUSD", "EURUSD+"),
        (["EURUSD.r+"], "EURUSD", "EURUSD.r+"),
        (["EUR/USD.r"], "EURUSD", "EUR/USD.r"),
        (["#EURUSDm"], "EURUSD", "#EURUSDm"),
        (["#AAPL.US"], "AAPL", "#AAPL.US"),
        (["US30.cash", "US100.cash"], "us30", "US30.cash"),
        # what is not enabled does not stand in the way, and is found by its own name
        (["-EURUSD.r", "EURUSD.x"], "EURUSD", "EURUSD.x"),
        (["-EURUSD", "EURUSD.x"], "EURUSD", "EURUSD"),
        (["-EURUSD", "EURUSD.x"], "eurusd", "EURUSD.x"),
    ],
)
def test_a_symbol_is_found_by_what_a_person_calls_it(names: list[str], wanted: str, found: str) -> None:
    assert SymbolList(listed(*names)).find(wanted).symbolName == found


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["BTCUSDT"], "BTCUSD"),
        (["BTC-USD"], "BTC"),
        (["XAU_EUR"], "XAU"),
        (["BRK.B"], "BRK"),
        (["AA-P"], "AAP"),
        (["US300"], "US30"),
        (["USOIL-MAR25"], "USOIL"),
        (["EURUSD.r"], "EURUSD.x"),
        (["EURUSD"], "EURUSD.r"),
        (["EURUSD"], "EURUS"),
        (["EURUSD"], "USDEUR"),
        (["-EURUSD"], "eurusd"),
        (["-EURUSD.r"], "EURUSD"),
        (["EURUSD", "/", ".r", "#"], ""),
        (["EURUSD", "GBPUSD"], "/"),
        ([], "EURUSD"),
    ],
)
def test_no_other_symbol_is_taken_for_it(names: list[str], wanted: str) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        SymbolList(listed(*names)).find(wanted)
    assert caught.value.name == wanted
    assert set(caught.value.suggestions) <= {name.removeprefix("-") for name in names}


@pytest.mark.parametrize(
    ("names", "wanted", "candidates"),
    [
        (["EURUSD.r", "EURUSD.x", "GBPUSD.r"], "EURUSD", ("EURUSD.r", "EURUSD.x")),
        (["EURUSD.r", "EURUSDm"], "EUR/USD", ("EURUSD.r", "EURUSDm")),
        (["EURUSD", "EURusd"], "eurusd", ("EURUSD", "EURusd")),
        (["EUR/USD", "EUR-USD"], "EURUSD", ("EUR/USD", "EUR-USD")),
        (["X", "X"], "X", ("X (id 1)", "X (id 2)")),
    ],
)
def test_a_name_that_may_mean_several_is_refused(names: list[str], wanted: str, candidates: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousSymbol) as caught:
        SymbolList(listed(*names)).find(wanted)
    assert (caught.value.name, caught.value.candidates) == (wanted, candidates)
    assert all(each in str(caught.value) for each in candidates)


def test_of_two_with_the_same_name_the_enabled_one_is_meant() -> None:
    assert SymbolList(listed("-X", "X", "-X")).find("X").symbolId == 2
    assert SymbolList(listed("-X", "-X")).find("X").symbolId == 1


def test_aliases() -> None:
    symbols = SymbolList(
        listed("XAUUSD.r", "EURUSD", "-GBPUSD", "GBPUSD.x", "-OLD"),
        {
            "Gold": "XAUUSD.r",
            "metal": "xauusd",
            "EURUSD": "XAUUSD.r",
            "GBPUSD": "GBPUSD.x",
            "bad": "XAGUSD",
            "o": "OLD",
        },
    )
    assert symbols.find("gold").symbolName == symbols.find("Gold").symbolName == "XAUUSD.r"
    assert symbols.find("METAL").symbolName == "XAUUSD.r"  # what an alias says is looked for as any name is
    assert symbols.find("EURUSD").symbolName == "EURUSD"  # the broker's own name goes before
    assert symbols.find("GBPUSD").symbolName == "GBPUSD.x"  # unless that can't be traded
    assert symbols.find("o").enabled is False
    with pytest.raises(UnknownSymbol) as caught:
        symbols.find("bad")
    assert (caught.value.name, caught.value.meant) == ("bad", "XAGUSD")
    assert '"XAGUSD", which "bad" is an alias of' in str(caught.value)


def test_names_close_to_one_that_is_not_there() -> None:
    symbols = SymbolList([*listed("EURUSD.r", "EURAUD.r", "GBPJPY.r", "-USDTRY")])
    for wanted, first in (("EURUDS", "EURUSD.r"), ("GBPJYP", "GBPJPY.r"), ("usdtry", "USDTRY"), ("GBP", "GBPJPY.r")):
        with pytest.raises(UnknownSymbol) as caught:
            symbols.find(wanted)
        assert caught.value.suggestions[0] == first
        assert len(caught.value.suggestions) <= 3
        assert f"did you mean {first}" in str(caught.value)
    with pytest.raises(UnknownSymbol) as caught:
        symbols.find("qqqqqq")
    assert caught.value.suggestions == ()


def test_a_list_gives_its_symbols_by_number_too() -> None:
    symbols = SymbolList(listed("EURUSD", "-GBPUSD"))
    assert len(symbols) == 2
    assert [each.symbolName for each in symbols] == ["EURUSD", "GBPUSD"]
    found = symbols.get(2)
    assert found is not None and found.symbolName == "GBPUSD"
    assert symbols.get(3) is None


@given(st.lists(st.text("EURUSDm.r_/-# x1", max_size=9), max_size=6), st.text("EURUSDm.r_/-# x1", max_size=9))
def test_whatever_it_is_called_it_is_one_symbol_or_a_refusal(names: list[str], wanted: str) -> None:
    light = [ProtoOALightSymbol(symbolId=at, symbolName=name, enabled=True) for at, name in enumerate(names, 1)]
    symbols = SymbolList(light)
    try:
        found = symbols.find(wanted)
    except OrderNotPlaced as refused:
        assert isinstance(refused, UnknownSymbol | AmbiguousSymbol)
        assert names.count(wanted) != 1
    else:
        assert found in light
        assert wanted not in names or found.symbolName == wanted


@given(st.from_regex("[A-Z]{6}", fullmatch=True), st.sampled_from([".r", "m", "-ecn", ".cash", "_i", "+", ".pro", "c"]))
def test_a_pair_is_found_with_any_decoration_in_any_spelling(pair: str, hung: str) -> None:
    symbols = SymbolList(listed("ZZ", pair + hung))
    for spelling in (pair, pair.lower(), f"{pair[:3]}/{pair[3:]}", f"{pair[:3]} {pair[3:]}".lower(), pair + hung):
        assert symbols.find(spelling).symbolName == pair + hung
