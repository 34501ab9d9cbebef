from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import (
    Symbol,
    exact_gross_profit,
    gross_profit,
    money,
    net_profit,
    pip_value,
    price_from_double,
    used_margin,
)
from ctrader_twisted.messages import (
    ProtoOADealListRes,
    ProtoOAExecutionEvent,
    ProtoOALightSymbol,
    ProtoOAReconcileRes,
    ProtoOASymbol,
    ProtoOATraderRes,
)
from tests.market.recorded import needs_recordings, recording

BUY, SELL = 1, 2
ONE = Decimal(1)


def D(text: str) -> Decimal:  # noqa: N802
    return Decimal(text)


class Close(NamedTuple):
    """A close of a BUY that the server booked: protocol notes, 1.14, and the recordings."""

    entry: str
    exit: str
    volume: int
    gross: str


CLOSES = [
    Close("1.11987", "1.11988", 100_000, "0.01"),  # the oldest deal's price; the position's was 1.1198733
    Close("1.11993", "1.11989", 200_000, "-0.08"),
    Close("1.11984", "1.11948", 100_000, "-0.36"),
    Close("1.1197", "1.11983", 100_000, "0.13"),
    Close("1.11966", "1.11969", 10_000_000, "3.00"),
]


@pytest.mark.parametrize("close", CLOSES)
def test_the_gross_profit_that_the_server_booked(close: Close) -> None:
    assert str(gross_profit(BUY, D(close.entry), D(close.exit), close.volume, ONE)) == close.gross
    assert gross_profit(SELL, D(close.exit), D(close.entry), close.volume, ONE) == D(close.gross)


@needs_recordings
def test_every_recorded_close() -> None:
    rows = recording("partial_close.jsonl")
    deals = list(next(row for row in rows if row.payload_type == 2134).read(ProtoOADealListRes).deal)
    deals.append(next(row for row in rows if row.note.endswith("ORDER_FILLED")).read(ProtoOAExecutionEvent).deal)
    closes = [deal for deal in deals if deal.HasField("closePositionDetail")]
    assert len(closes) == len(CLOSES)
    for deal in closes:
        detail = deal.closePositionDetail
        assert deal.tradeSide == SELL  # that of the deal: each position was a BUY
        assert gross_profit(
            BUY,
            price_from_double(detail.entryPrice),
            price_from_double(deal.executionPrice),
            detail.closedVolume,
            price_from_double(detail.quoteToDepositConversionRate),
            detail.moneyDigits,
        ) == money(detail.grossProfit, detail.moneyDigits)


@needs_recordings
def test_a_part_is_booked_from_the_oldest_deal_and_not_from_the_average_price() -> None:
    rows = recording("partial_close.jsonl")
    before = next(row for row in rows if row.payload_type == 2125).read(ProtoOAReconcileRes).position[0]
    filled = next(row for row in rows if row.note.endswith("ORDER_FILLED")).read(ProtoOAExecutionEvent)
    detail, at = filled.deal.closePositionDetail, price_from_double(filled.deal.executionPrice)
    average = price_from_double(before.price)
    assert price_from_double(detail.entryPrice) == D("1.11987") != average
    booked = exact_gross_profit(BUY, D("1.11987"), at, detail.closedVolume, ONE)
    assert booked == D("0.01") == money(detail.grossProfit)
    assert exact_gross_profit(BUY, average, at, detail.closedVolume, ONE) < D("0.007")
    # Over the whole of it the two agree: what is left is averaged anew.
    left = exact_gross_profit(BUY, price_from_double(filled.position.price), at, 200_000, ONE)
    whole = exact_gross_profit(BUY, average, at, 300_000, ONE)
    assert booked + left == pytest.approx(whole, abs=Decimal("1e-9"))


def test_half_a_cent_is_rounded_away_from_zero() -> None:
    for exit, gross in (("1.00005", "0.01"), ("0.99995", "-0.01"), ("1.00004", "0.00"), ("0.99996", "0.00")):
        assert str(gross_profit(BUY, ONE, D(exit), 10_000, ONE)) == gross


def test_money_has_the_digits_asked_for() -> None:
    assert str(gross_profit(BUY, ONE, D("1.1"), 100, D("0.3"), 8)) == "0.03000000"
    assert str(gross_profit(BUY, ONE, D("6"), 10, ONE, 0)) == "1"


@given(
    st.sampled_from([BUY, SELL]),
    st.integers(1, 10**10),
    st.integers(1, 10**10),
    st.integers(1, 10**12),
    st.integers(1, 10**9),
    st.integers(0, 8),
)
def test_the_arithmetic_is_exact_whatever_the_context(
    side: int, entry: int, exit: int, volume: int, rate: int, digits: int
) -> None:
    entry_price, exit_price = Decimal(f"{entry}e-5"), Decimal(f"{exit}e-5")
    at = Decimal(f"{rate}e-6")
    with decimal.localcontext(decimal.Context(prec=3)):
        rounded = gross_profit(side, entry_price, exit_price, volume, at, digits)
        exactly = exact_gross_profit(side, entry_price, exit_price, volume, at)
    gained = (
        Fraction(exit - entry if side == BUY else entry - exit, 10**5) * Fraction(volume, 100) * Fraction(rate, 10**6)
    )
    assert Fraction(exactly) == gained
    cents = floor(abs(gained) * 10**digits + Fraction(1, 2))
    assert Fraction(rounded) == Fraction(cents if gained > 0 else -cents, 10**digits)
    assert rounded.as_tuple().exponent == -digits


@pytest.mark.parametrize("side", [0, 3, "BUY"])
def test_a_side_that_is_none_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match="BUY .1. or SELL .2."):
        gross_profit(side, ONE, ONE, 100, ONE)


def test_net_is_gross_with_what_was_charged_so_far() -> None:
    gross, swap, commission = D("10.00"), D("-0.50"), D("-0.08")
    assert net_profit(gross, swap, commission) == D("9.42")  # the server's netUnrealizedPnL
    assert net_profit(gross, swap, commission, closing_commission=True) == D("9.34")


@needs_recordings
def test_a_recorded_close_adds_up_to_the_recorded_balance() -> None:
    rows = recording("partial_close.jsonl")
    trader = next(row for row in rows if row.payload_type == 2122).read(ProtoOATraderRes).trader
    detail = next(row for row in rows if row.note.endswith("ORDER_FILLED")).read(ProtoOAExecutionEvent).deal
    booked = detail.closePositionDetail
    gross = gross_profit(BUY, D("1.11987"), D("1.11988"), booked.closedVolume, ONE)
    net = net_profit(gross, money(booked.swap), money(booked.commission))
    assert money(trader.balance) + net == money(booked.balance)


# Margin


@pytest.mark.parametrize(
    ("volume", "rate", "leverage", "margin"),
    [
        (100_000, "1.12569", 100, "11.26"),
        (200_000, "1.12568", 100, "22.51"),
        (300_000, "1.1198733", 100, "33.60"),
        (300_000, "1.1198733333333333", Decimal(100), "33.60"),
        (200_000, "1.119875", 100, "22.40"),
        (100_000, "1.11984", 100, "11.20"),
        (100, "0.5", 100, "0.01"),  # half a cent goes up
        (100, "1", 3, "0.33"),
        (100_000, "1", Decimal("33.33"), "30.00"),
    ],
)
def test_the_margin_that_the_server_used(volume: int, rate: str, leverage: int | Decimal, margin: str) -> None:
    assert str(used_margin(volume, D(rate), leverage)) == margin


@needs_recordings
@pytest.mark.parametrize("name", ["partial_close.jsonl", "trailing_stop.jsonl"])
def test_the_margin_of_every_recorded_position(name: str) -> None:
    rows = recording(name)
    positions = [row.read(ProtoOAExecutionEvent).position for row in rows if row.payload_type == 2126]
    for row in rows:
        if row.payload_type == 2125:
            positions.extend(row.read(ProtoOAReconcileRes).position)
    assert len(positions) >= 3
    for position in positions:
        margin = used_margin(position.tradeData.volume, price_from_double(position.marginRate), 100)
        assert margin == money(position.usedMargin, position.moneyDigits)


@pytest.mark.parametrize("leverage", [0, -1, Decimal(0)])
def test_a_leverage_that_is_none_is_refused(leverage: int | Decimal) -> None:
    with pytest.raises(ValueError, match="a leverage of"):
        used_margin(100, ONE, leverage)


# Pips


@pytest.mark.parametrize(
    ("digits", "pip_position", "volume", "rate", "value"),
    [
        (5, 4, 10_000_000, "1", "10"),  # a lot of EURUSD on an account in dollars
        (5, 4, 100_000, "0.8", "0.08"),
        (3, 2, 10_000_000, "0.0066", "6.6"),  # yen
        (2, 0, 10_000, "1", "100"),  # gold, whose pip is a dollar
    ],
)
def test_what_a_pip_is_worth(digits: int, pip_position: int, volume: int, rate: str, value: str) -> None:
    full = ProtoOASymbol(symbolId=1, digits=digits, pipPosition=pip_position)
    symbol = Symbol.from_messages(ProtoOALightSymbol(symbolId=1, symbolName="X"), full)
    assert pip_value(symbol, volume, D(rate)) == D(value)
    # One pip more is that much more profit.
    assert exact_gross_profit(BUY, ONE, ONE + symbol.pip, volume, D(rate)) == D(value)
