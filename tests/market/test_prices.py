from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import money, price_from_double, price_from_relative, relative_from_price
from ctrader_twisted.messages import ProtoOADealListRes, ProtoOAExecutionEvent, ProtoOATraderRes
from tests.market.recorded import needs_recordings, recording


@pytest.mark.parametrize(
    ("relative", "digits", "price"),
    [
        (114818, 5, "1.14818"),
        (2528164000, 2, "25281.64"),  # observed: 1/100000 whatever the symbol's digits are
        (114818, 3, "1.148"),
        (114850, 3, "1.148"),  # half to even
        (0, 5, "0.00000"),
        (-9001000, 2, "-90.01"),
        (100000, 0, "1"),
        (114818, 7, "1.1481800"),
    ],
)
def test_a_relative_price_has_exactly_its_symbols_digits(relative: int, digits: int, price: str) -> None:
    assert str(price_from_relative(relative, digits)) == price


@given(st.integers(min_value=-(2**63), max_value=2**64 - 1))
def test_relative_prices_survive_the_round_trip(relative: int) -> None:
    assert relative_from_price(price_from_relative(relative)) == relative


def test_the_callers_decimal_context_changes_nothing() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert str(price_from_relative(2**64 - 1)) == "184467440737095.51615"
        assert str(money(-123456789, 2)) == "-1234567.89"
        assert str(price_from_double(1.119873333333333)) == "1.119873333333333"


@pytest.mark.parametrize("price", [Decimal("1.000001"), Decimal("0.0000049")])
def test_a_price_finer_than_the_wire_is_refused_not_rounded(price: Decimal) -> None:
    with pytest.raises(ValueError, match="finer than 1/100000"):
        relative_from_price(price)


@given(st.integers(min_value=-(10**12), max_value=10**12), st.integers(min_value=0, max_value=5))
def test_a_double_reads_as_the_decimal_that_was_sent(hundred_thousandths: int, digits: int) -> None:
    sent = Decimal(hundred_thousandths).scaleb(-5)
    assert price_from_double(float(sent)) == sent
    assert price_from_double(float(sent), digits) == price_from_relative(hundred_thousandths, digits)


def test_money_has_the_digits_of_its_message() -> None:
    assert str(money(851120773)) == "8511207.73"
    assert str(money(-5, 2)) == "-0.05"
    assert str(money(123, 0)) == "123"
    assert money(1, 8) == Decimal("0.00000001")


@needs_recordings
def test_recorded_prices_of_deals_and_positions() -> None:
    rows = recording("partial_close.jsonl")
    filled = next(row for row in rows if row.note == "partial close: ORDER_FILLED").read(ProtoOAExecutionEvent)
    detail = filled.deal.closePositionDetail
    assert str(price_from_double(detail.entryPrice)) == "1.11987"
    assert str(price_from_double(filled.deal.executionPrice)) == "1.11988"
    assert str(price_from_double(filled.position.price)) == "1.119875"
    accepted = next(row for row in rows if row.note.endswith("ORDER_ACCEPTED")).read(ProtoOAExecutionEvent)
    assert str(price_from_double(accepted.position.price)) == "1.119873333333333"
    assert str(price_from_double(accepted.position.price, 5)) == "1.11987"


@needs_recordings
def test_the_recorded_balance_is_the_one_before_plus_what_was_booked() -> None:
    rows = recording("partial_close.jsonl")
    trader = next(row for row in rows if row.payload_type == 2122).read(ProtoOATraderRes).trader
    balance = money(trader.balance, trader.moneyDigits)
    assert str(balance) == "8511207.73"
    filled = next(row for row in rows if row.note == "partial close: ORDER_FILLED").read(ProtoOAExecutionEvent)
    detail = filled.deal.closePositionDetail
    booked = [money(part, detail.moneyDigits) for part in (detail.grossProfit, detail.swap, detail.commission)]
    assert [str(part) for part in booked] == ["0.01", "0.00", "-0.06"]
    assert balance + sum(booked) == money(detail.balance, detail.moneyDigits) == Decimal("8511207.68")
    deals = next(row for row in rows if row.payload_type == 2134).read(ProtoOADealListRes).deal
    assert [str(price_from_double(deal.executionPrice)) for deal in deals[:3]] == ["1.11988", "1.11987", "1.11989"]
