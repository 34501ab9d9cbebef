from __future__ import annotations

import copy
import dataclasses
import decimal
import operator
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import market
from ctrader_twisted.market import Lots, Money, Pips, Price, ProtocolVolume, Units, volumes
from ctrader_twisted.market.units import exact

AMOUNTS = [Lots, Units, Price, Pips, Money]

numbers = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=8)


@pytest.mark.parametrize("cls", AMOUNTS)
def test_a_value_is_made_of_whatever_a_person_writes(cls: Any) -> None:
    assert cls("0.1") == cls(0.1) == cls(Decimal("0.1")) == cls("0.10")
    assert cls(0.1).value == Decimal("0.1")
    assert cls(1) == cls("1") == cls(1.0)
    assert repr(cls(0.1)) == f"{cls.__name__}('0.1')"
    assert hash(cls("0.1")) == hash(cls("0.10"))


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30).filter(lambda x: abs(x) > 1e-30)
)
def test_a_float_is_the_shortest_text_that_reads_as_it(value: float) -> None:
    assert Lots(value) == Lots(repr(value))
    assert float(Lots(value).value) == value


class Odd(float):
    """A float of another library, whose representation is no number."""

    def __repr__(self) -> str:
        return f"library.float64({float(self)})"


def test_a_float_of_another_library_is_a_float() -> None:
    assert Lots(Odd(0.1)) == Lots("0.1")


@pytest.mark.parametrize("cls", AMOUNTS)
@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (True, TypeError, "not True"),
        (None, TypeError, "not None"),
        ([1], TypeError, r"not \[1\]"),
        (Lots(1), TypeError, r"not Lots\('1'\)"),
        (float("nan"), ValueError, "a finite number, not nan"),
        (float("inf"), ValueError, "a finite number, not inf"),
        (Decimal("-Infinity"), ValueError, "a finite number, not Decimal"),
        (Decimal("sNaN"), ValueError, "a finite number, not Decimal"),
        ("NaN", ValueError, "a finite number, not 'NaN'"),
        ("0,1", ValueError, "such as '0.1', not '0,1'"),
        ("", ValueError, "not ''"),
        ("1 lot", ValueError, "not '1 lot'"),
        ("1e400", ValueError, "beyond 10"),
        ("1e-400", ValueError, "beyond 10"),
        ("1" * 61, ValueError, "more than 60 digits"),
    ],
)
def test_what_is_no_number_is_refused(cls: Any, value: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        cls(value)
    assert str(caught.value).startswith(f"{cls.__name__} ")


def test_each_says_its_unit() -> None:
    assert str(Lots("0.1")) == "0.1 lots"
    assert str(Units(Decimal("1E+5"))) == "100000 units"
    assert str(Pips("-2.5")) == "-2.5 pips"
    assert str(Price("1.10500")) == "1.10500"
    assert str(ProtocolVolume(100000)) == "100000 hundredths of a unit"
    assert (str(Money("50", "EUR")), repr(Money("50", "EUR"))) == ("50 EUR", "Money('50', 'EUR')")
    assert (str(Money("50")), repr(Money("50"))) == ("50", "Money('50')")
    assert repr(ProtocolVolume(5)) == "ProtocolVolume(5)"


def test_nothing_has_no_sign() -> None:
    assert repr(Lots("-0.0")) == repr(Lots("0.1") * 0 * -1) == "Lots('0.0')"


@pytest.mark.parametrize("value", [Lots("0.1"), Money("5", "EUR"), ProtocolVolume(5)])
def test_a_value_never_changes_and_can_be_copied(value: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.value = 3
    assert not hasattr(value, "__dict__")
    assert copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value


UNLIKE = [Lots(1), Units(1), Price(1), Pips(1), Money(1), ProtocolVolume(1), Decimal(1), 1, 1.0, "1", True]


@pytest.mark.parametrize("value", [each for each in UNLIKE if type(each) in (*AMOUNTS, ProtocolVolume)])
@pytest.mark.parametrize("other", UNLIKE)
def test_different_units_never_meet(value: Any, other: Any) -> None:
    if type(other) is type(value):
        assert value == other
        return
    assert value != other
    for operation in (operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge):
        for left, right in ((value, other), (other, value)):
            with pytest.raises(TypeError):
                operation(left, right)


@pytest.mark.parametrize("value", [Lots(2), Money(2), Money(2, "EUR"), ProtocolVolume(2)])
@pytest.mark.parametrize("factor", [True, "2", Lots(2), ProtocolVolume(2), None])
def test_a_value_is_multiplied_with_numbers_alone(value: Any, factor: Any) -> None:
    for left, right in ((value, factor), (factor, value)):
        with pytest.raises(TypeError):
            left * right


@given(numbers, numbers)
def test_arithmetic_and_order_are_those_of_the_numbers_whatever_the_context(a: Decimal, b: Decimal) -> None:
    with decimal.localcontext(decimal.Context(prec=60)):
        total, difference, product = a + b, a - b, a * b
    with decimal.localcontext(decimal.Context(prec=2)):
        x, y = Lots(a), Lots(b)
        assert (x + y, x - y, x * b, b * x) == (Lots(total), Lots(difference), Lots(product), Lots(product))
        assert [x < y, x <= y, x > y, x >= y, x == y] == [a < b, a <= b, a > b, a >= b, a == b]
        assert (-x, abs(x), bool(x)) == (Lots(a.copy_negate()), Lots(a.copy_abs()), a != 0)


def test_lots_times_a_float_are_what_they_look_like() -> None:
    assert Lots("0.1") * 3 == 3 * Lots(0.1) == Lots("0.3")
    assert Lots("0.3") * 0.1 == Lots("0.03")
    assert sum([Lots("0.1"), Lots("0.2")], Lots(0)) == Lots("0.3")


def test_money_of_one_currency_stays_among_its_own() -> None:
    assert Money("1.5", "EUR") + Money(1, "EUR") == Money("2.5", "EUR")
    assert Money(3, "EUR") * 2 == Money(6, "EUR")
    assert -Money(3, "EUR") == Money(-3, "EUR") < Money(0, "EUR")
    assert Money(1) != Money(1, "EUR") != Money(1, "USD")
    for other in (Money(1), Money(1, "USD")):
        for operation in (operator.add, operator.sub, operator.lt, operator.ge):
            with pytest.raises(TypeError, match="not in the same currency: convert one of them first"):
                operation(Money(1, "EUR"), other)


@pytest.mark.parametrize("currency", ["", " ", 3])
def test_a_currency_is_a_name(currency: Any) -> None:
    with pytest.raises(ValueError, match="a currency such as 'EUR'"):
        Money(1, currency)


@pytest.mark.parametrize("value", [True, 1.0, "1", Decimal(1), None])
def test_a_volume_of_the_wire_is_a_whole_number(value: Any) -> None:
    with pytest.raises(TypeError, match="ProtocolVolume takes an int"):
        ProtocolVolume(value)


def test_volumes_of_the_wire_add_up() -> None:
    assert ProtocolVolume(5) + ProtocolVolume(3) == ProtocolVolume(2) * 4 == 4 * ProtocolVolume(2) == ProtocolVolume(8)
    assert ProtocolVolume(5) - ProtocolVolume(8) == -ProtocolVolume(3) < ProtocolVolume(0) <= abs(ProtocolVolume(-3))
    assert not ProtocolVolume(0) and ProtocolVolume(1)
    with pytest.raises(TypeError):
        ProtocolVolume(5) * 0.5  # type: ignore[operator]


def test_the_function_keeps_its_name_beside_the_module() -> None:
    assert market.units is volumes.units
    assert str(market.units(150)) == "1.5"


def test_a_number_says_what_it_was_to_be() -> None:
    assert exact("1.50") == Decimal("1.5")
    with pytest.raises(ValueError, match="^a price takes a number"):
        exact("x", "a price")
