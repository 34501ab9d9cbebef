"""Limits of the user's own: what they refuse, and that they never keep anybody in a position."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.account.safety import Safety
from ctrader_twisted.account.terms import BUY, SELL
from ctrader_twisted.errors import DryRun, OrderNotPlaced, SafetyRefused, TradingHalted, UnknownSymbol
from ctrader_twisted.market import Lots, Money, Price, Symbol, SymbolList, Units
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.test_portfolio import known, order, position, protective, trader

if TYPE_CHECKING:
    from ctrader_twisted.account.portfolio import Portfolio

LOT = 10_000_000
NETTED = messages.ProtoOAAccountType.NETTED
MARKET = messages.ProtoOAOrderType.MARKET


def make(name: str = "EURUSD", symbol_id: int = 1, lot_size: int = LOT) -> Symbol:
    light = messages.ProtoOALightSymbol(
        symbolId=symbol_id, symbolName=name, enabled=True, baseAssetId=5, quoteAssetId=15
    )
    full = messages.ProtoOASymbol(symbolId=symbol_id, digits=5, pipPosition=4)
    if lot_size:
        full.lotSize = lot_size
    return Symbol.from_messages(light, full)


EURUSD = make()


def netted(*held: Any) -> Portfolio:
    portfolio = known(*held)
    portfolio.trader(trader(100_000, 3, accountType=NETTED))
    return portfolio


def two_a_unit(symbol_id: int, volume: int) -> Decimal | None:
    """Everything is worth two a unit, but symbol 99, which has no price."""
    return None if symbol_id == 99 else Decimal(volume) / 50


def refusal(safety: Safety, portfolio: Portfolio, volume: int, symbol: Symbol = EURUSD, **given: Any) -> SafetyRefused:
    with pytest.raises(SafetyRefused) as refused:
        safety.permits(portfolio, symbol, given.pop("side", BUY), volume, notional=two_a_unit, **given)
    return refused.value


def permits(safety: Safety, portfolio: Portfolio, volume: int, symbol: Symbol = EURUSD, **given: Any) -> bool:
    try:
        safety.permits(portfolio, symbol, given.pop("side", BUY), volume, notional=two_a_unit, **given)
    except OrderNotPlaced:
        return False
    return True


def test_without_limits_everything_passes() -> None:
    portfolio = known(*(position(number) for number in range(1, 300)))
    assert permits(Safety(), portfolio, 10**15)
    Safety().permits_sending("closing position 5")


# One limit each, at its edge


def test_a_symbol_that_is_not_listed() -> None:
    safety = Safety(symbols=frozenset({"eurusd", "XAUUSD"}))
    assert permits(safety, known(), LOT)
    refused = refusal(safety, known(), LOT, make("GBPUSD", 2))
    assert (refused.limit, refused.problem) == ("symbols", "GBPUSD may not be traded; allowed: XAUUSD, eurusd")
    assert refused.remedy == 'add "GBPUSD" to symbols'
    assert not permits(Safety(symbols=frozenset()), known(), LOT), "none is none"


def test_the_volume_of_one_order() -> None:
    safety = Safety(max_volume=Lots("0.5"))
    assert permits(safety, known(position(volume=9 * LOT)), LOT // 2)
    refused = refusal(safety, known(), LOT // 2 + 100_000)
    assert refused.limit == "max_volume"
    assert refused.problem == "an order of 0.51 lots of EURUSD, where 0.5 lots are allowed"
    assert "raise max_volume" in refused.remedy


def test_the_open_volume_of_a_symbol_counts_both_sides_and_what_is_ordered() -> None:
    portfolio = known(
        position(1, volume=LOT),
        position(2, volume=LOT, side_of=SELL),
        protective(8, of=1, volume=LOT),
        order(9, volume=3 * LOT, executedVolume=LOT),
        order(10, volume=LOT, kind=MARKET),
        order(11, volume=LOT, kind=MARKET, closingOrder=True),
    )
    unheard = [(1, BUY, LOT), (2, BUY, 50 * LOT)]
    assert permits(Safety(max_open_volume=Lots(7)), portfolio, LOT, unheard_of=unheard)
    refused = refusal(Safety(max_open_volume=Lots("6.99")), portfolio, LOT, unheard_of=unheard)
    assert refused.limit == "max_open_volume"
    assert refused.problem == "7 lots of EURUSD would be open or ordered, where 6.99 lots are allowed"
    assert permits(Safety(max_open_volume=Lots(1)), portfolio, LOT, make("GBPUSD", 3)), "another symbol's is its own"


def test_the_number_of_positions_counts_orders_that_open_one() -> None:
    portfolio = known(position(1), position(2), protective(8, of=1), order(9))
    assert permits(Safety(max_positions=4), portfolio, LOT)
    refused = refusal(Safety(max_positions=4), portfolio, LOT, unheard_of=[(3, SELL, 1)])
    assert refused.limit == "max_positions"
    assert refused.problem == "there would be 5 positions and orders that open one, where 4 are allowed"
    assert permits(Safety(max_positions=2), portfolio, LOT, position_id=2), "it adds to one"
    assert not permits(Safety(max_positions=2), portfolio, LOT, position_id=77)
    assert permits(Safety(max_positions=2), netted(position(1), position(2)), LOT), "it is merged into one"


def test_the_exposure_adds_up_everything() -> None:
    portfolio = known(position(1, volume=1000), position(2, volume=1000, side_of=SELL), order(9, volume=500))
    unheard = [(7, SELL, 250)]
    reached = Decimal(1000 + 1000 + 500 + 250 + 750) / 50
    assert reached == 70
    assert permits(Safety(max_exposure=Money(70)), portfolio, 750, unheard_of=unheard)
    refused = refusal(Safety(max_exposure=Money("69.99")), portfolio, 750, unheard_of=unheard, currency="EUR")
    assert refused.limit == "max_exposure"
    assert refused.problem == "positions and orders would be worth 70 EUR, where 69.99 EUR is allowed"


def test_an_exposure_that_is_not_known_is_not_permitted() -> None:
    safety = Safety(max_exposure=Money(10**9))
    assert "what DAX is worth is not known" in refusal(safety, known(), 1, make("DAX", 99)).problem
    unheard = [(99, BUY, 1)]
    assert "what symbol 99 is worth is not known" in refusal(safety, known(), 1, unheard_of=unheard).problem


def test_an_exposure_in_another_currency_is_not_compared() -> None:
    safety = Safety(max_exposure=Money(10**9, "EUR"))
    assert permits(safety, known(), 1, currency="eur")
    refused = refusal(safety, known(), 1, currency="USD")
    assert refused.problem == "it is in EUR, and the account is kept in USD"
    assert "not known yet" in refusal(safety, known(), 1).problem


def test_lots_of_a_symbol_that_has_none_are_not_guessed() -> None:
    bare = make(lot_size=0)
    assert permits(Safety(), known(), 1, bare)
    for limit in ("max_volume", "max_open_volume"):
        refused = refusal(Safety(**{limit: Lots(1)}), known(), 1, bare)
        assert (refused.limit, "no lot size" in refused.problem) == (limit, True)


# Halts and rehearsals


def test_halted_nothing_opens_and_everything_closes() -> None:
    safety = Safety(halted=True, max_volume=Lots(0), max_positions=0, symbols=frozenset())
    with pytest.raises(TradingHalted):
        safety.permits(known(), EURUSD, BUY, LOT)
    safety.permits_sending("closing position 5")


def test_a_dry_run_lets_nothing_leave_and_still_checks() -> None:
    safety = Safety(dry_run=True, max_volume=Lots(1))
    assert permits(safety, known(), LOT)
    assert refusal(safety, known(), LOT + 1).limit == "max_volume"
    with pytest.raises(DryRun) as closing:
        safety.permits_sending("closing position 5")
    assert closing.value.what == "closing position 5"


# Orders made larger, and positions replaced


def larger(safety: Safety, portfolio: Portfolio, grows: int) -> bool:
    return permits(safety, portfolio, grows, larger=portfolio.orders[9])


def test_an_order_is_held_against_the_limits_by_what_it_grows_by_and_against_that_of_one_order_whole() -> None:
    portfolio = known(position(1, volume=LOT), order(9, volume=2 * LOT))
    assert larger(Safety(max_volume=Lots(3)), portfolio, LOT)
    assert not larger(Safety(max_volume=Lots("2.99")), portfolio, LOT)
    assert larger(Safety(max_open_volume=Lots(4)), portfolio, LOT)
    assert not larger(Safety(max_open_volume=Lots("3.99")), portfolio, LOT)
    assert larger(Safety(max_exposure=Money(4 * LOT // 50)), portfolio, LOT)
    assert not larger(Safety(max_exposure=Money(4 * LOT // 50 - 1)), portfolio, LOT)
    assert larger(Safety(max_positions=2), portfolio, LOT), "it is one already"
    assert not larger(Safety(halted=True), portfolio, LOT)


def test_what_another_order_is_being_made_larger_by_counts_but_is_no_position() -> None:
    portfolio = known(order(9, volume=LOT))
    growing = [(1, BUY, 2 * LOT)]
    assert permits(Safety(max_open_volume=Lots(4), max_positions=2), portfolio, LOT, growing=growing)
    assert not permits(Safety(max_open_volume=Lots("3.99")), portfolio, LOT, growing=growing)
    assert not permits(Safety(max_exposure=Money(4 * LOT // 50 - 1)), portfolio, LOT, growing=growing)


def test_a_position_that_is_replaced_does_not_count() -> None:
    portfolio = known(position(1, volume=3 * LOT), position(2, volume=LOT))
    tight = Safety(max_open_volume=Lots(4), max_positions=2, max_exposure=Money(4 * LOT // 50))
    assert permits(tight, portfolio, 3 * LOT, side=SELL, replaces=1)
    assert not permits(tight, portfolio, 3 * LOT + 1, side=SELL, replaces=1)
    assert not permits(Safety(max_positions=1), portfolio, 3 * LOT, side=SELL, replaces=1)
    halted = netted(position(1, volume=3 * LOT))
    assert permits(Safety(halted=True), halted, 3 * LOT, side=SELL)
    assert not permits(Safety(halted=True), halted, 3 * LOT, side=SELL, replaces=1), "it is closed by then"


def test_on_a_netted_account_what_is_being_closed_already_is_not_closed_twice() -> None:
    portfolio = netted(position(1, volume=3 * LOT))
    assert permits(Safety(halted=True), portfolio, LOT, side=SELL, closing=[(1, SELL, 2 * LOT)])
    assert not permits(Safety(halted=True), portfolio, LOT + 1, side=SELL, closing=[(1, SELL, 2 * LOT)])
    assert not permits(Safety(halted=True), portfolio, LOT + 1, side=SELL, growing=[(1, SELL, 2 * LOT)])


# Netted accounts


@given(
    held=st.integers(1, 50),
    asked=st.integers(1, 50),
    waiting=st.lists(st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 30)), max_size=3),
)
def test_on_a_netted_account_what_closes_passes_whatever_the_limits(
    held: int, asked: int, waiting: list[tuple[int, int]]
) -> None:
    portfolio = netted(position(1, volume=held))
    unheard = [(1, side, volume) for side, volume in waiting]
    strict = Safety(
        symbols=frozenset(),
        max_volume=Lots(0),
        max_open_volume=Lots(0),
        max_exposure=Money(0),
        max_positions=0,
        halted=True,
    )
    covered = held - sum(volume for side, volume in waiting if side == SELL)
    assert permits(strict, portfolio, asked, side=SELL, unheard_of=unheard) is (asked <= covered)
    assert not permits(strict, portfolio, asked, side=BUY, unheard_of=unheard)
    assert not permits(strict, known(position(1, volume=held)), asked, side=SELL), "a hedged account opens another"


def test_only_what_turns_a_netted_position_round_is_limited() -> None:
    portfolio = netted(position(1, volume=3 * LOT))
    assert permits(Safety(max_volume=Lots(1)), portfolio, 4 * LOT, side=SELL)
    refused = refusal(Safety(max_volume=Lots(1)), portfolio, 4 * LOT + 100_000, side=SELL)
    assert refused.problem == "an order of 1.01 lots of EURUSD, where 1 lots are allowed"


# Whatever is permitted keeps within the limits


@given(
    positions=st.lists(st.tuples(st.integers(1, 2), st.sampled_from([BUY, SELL]), st.integers(1, 9)), max_size=5),
    orders=st.lists(st.tuples(st.integers(1, 2), st.integers(1, 9)), max_size=3),
    asked=st.integers(1, 9),
    most=st.tuples(st.integers(0, 9), st.integers(0, 30), st.integers(0, 60), st.integers(0, 9)),
)
def test_what_passes_stays_within_every_limit_and_what_does_not_would_break_one(
    positions: list[tuple[int, int, int]], orders: list[tuple[int, int]], asked: int, most: tuple[int, int, int, int]
) -> None:
    held = [position(at + 1, volume=size * LOT, side_of=side) for at, (of, side, size) in enumerate(positions)]
    for message, (of, _, _) in zip(held, positions, strict=True):
        message.tradeData.symbolId = of
    waiting = [order(at + 1, volume=size * LOT) for at, (_, size) in enumerate(orders)]
    for pending, (of, _) in zip(waiting, orders, strict=True):
        pending.tradeData.symbolId = of
    per_order, per_symbol, worth, count = most
    safety = Safety(
        max_volume=Lots(per_order),
        max_open_volume=Lots(per_symbol),
        max_exposure=Money(worth),
        max_positions=count,
    )
    everything = [(of, size) for of, _, size in positions] + orders + [(1, asked)]
    within = (
        asked <= per_order
        and sum(size for of, size in everything if of == 1) <= per_symbol
        and sum(size for _, size in everything) <= worth
        and len(everything) <= count
    )

    def one_a_lot(symbol_id: int, volume: int) -> Decimal:
        return Decimal(volume) / LOT

    try:
        safety.permits(known(*held, *waiting), EURUSD, BUY, asked * LOT, notional=one_a_lot)
    except SafetyRefused:
        assert not within
    else:
        assert within


# What they are made of


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("symbols", "EURUSD", TypeError),
        ("max_volume", 1, TypeError),
        ("max_open_volume", Money(1), TypeError),
        ("max_exposure", Lots(1), TypeError),
        ("max_positions", 1.5, TypeError),
        ("max_positions", True, TypeError),
        ("max_positions", -1, ValueError),
        ("max_volume", Lots("-0.1"), ValueError),
        ("max_exposure", Money(-1), ValueError),
    ],
)
def test_a_limit_without_its_unit_is_refused(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        Safety(**{name: value})


def test_of_two_the_stricter_of_each_limit_counts() -> None:
    one = Safety(frozenset({"EURUSD", "XAUUSD"}), Lots(1), None, Money(5), 3, dry_run=True)
    other = Safety(frozenset({"eurusd"}), Lots(2), Lots(9), Money(4), 3, halted=True)
    both = Safety(frozenset({"EURUSD"}), Lots(1), Lots(9), Money(4), 3, dry_run=True, halted=True)
    assert one.tightened(other) == both
    assert Safety().tightened(one) == one.tightened(Safety()) == one
    with pytest.raises(TypeError, match="currency"):
        one.tightened(Safety(max_exposure=Money(1, "EUR")))


def test_symbols_by_the_names_that_people_give_them() -> None:
    light = [
        messages.ProtoOALightSymbol(symbolId=1, symbolName="EURUSD.r", enabled=True),
        messages.ProtoOALightSymbol(symbolId=41, symbolName="XAUUSD", enabled=True),
    ]
    symbols = SymbolList(light, {"gold": "XAUUSD"})
    safety = Safety(frozenset({"eurusd", "Gold"}), max_positions=3)
    assert safety.named(symbols) == Safety(frozenset({"EURUSD.r", "XAUUSD"}), max_positions=3)
    assert Safety(max_positions=3).named(symbols) == Safety(max_positions=3)
    with pytest.raises(UnknownSymbol):
        Safety(frozenset({"DAX"})).named(symbols)


# With the whole account, against the venue


def test_the_exposure_waits_for_every_price_that_it_needs(kit: VenueKit) -> None:
    client = kit.ready_client(USD_ACCOUNT)
    account = kit.settle(client.account(USD_ACCOUNT).ready())
    gold = account.limit("buy", "XAUUSD", Units(1), Price("1000"))  # nobody has asked for a price of gold yet
    kit.settle(gold.accepted())
    account.safety = Safety(max_exposure=Money(20_000, "USD"))
    euro = kit.settle(account.buy("EURUSD", Units(10_000)).filled())
    kit.advance(1)
    assert len(account.positions) == 1
    reached = account.valuation.notional(41, 100) + account.valuation.notional(1, 1_000_000)
    assert reached < 20_000
    with pytest.raises(SafetyRefused) as refused:
        kit.settle(account.buy("EURUSD", Units(10_000)).accepted())
    assert refused.value.limit == "max_exposure" and "where 20000 USD is allowed" in refused.value.problem
    kit.settle(account.close(euro.position).filled())


def test_a_halt_stops_an_order_that_waits_for_a_price(kit: VenueKit) -> None:
    client = kit.ready_client(USD_ACCOUNT)
    account = kit.settle(client.account(USD_ACCOUNT, safety=Safety(max_exposure=Money(10**9))).ready())
    symbol = kit.settle(account.symbol("EURUSD"))
    order = account.buy(symbol, Units(10_000))
    assert not account.valuation.quote(1)
    account.halt("enough for today")
    with pytest.raises(TradingHalted, match="enough for today"):
        kit.settle(order.accepted())
    assert not kit.venue.exchange.desk(USD_ACCOUNT).ledger.past_orders
