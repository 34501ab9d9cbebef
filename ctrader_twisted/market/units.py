"""Values that carry their unit: volumes in lots, units or the wire's own, prices, pips and money. Exact decimals.

A value is made from what a person writes, ``Lots("0.1")``, or from a number; a float is taken as the decimal that it is
written as, so that ``Lots(0.1)`` is ``Lots("0.1")``. Values of one type are added, subtracted and compared, and
multiplied with plain numbers; of different types they are never equal, and anything else of them is a `TypeError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import total_ordering
from typing import Final, Self, TypeAlias

Number: TypeAlias = Decimal | int | str | float
"""What a value is made from."""

_DIGITS: Final = 60
_POWER: Final = 40
# Holds the exact sum and product of any two values within those bounds, whatever the caller's own decimal context says.
EXACT: Final = Context(prec=2 * (_DIGITS + _POWER))


def exact(value: Number, what: str = "a number") -> Decimal:
    """Read a number as the decimal that it is written as.

    :param what: what it is to be, for the message of a refusal.
    :raises TypeError: if it is no number, such as a bool.
    :raises ValueError: if it is not finite, or its text is no number, or it has digits beyond all measure.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str | float):
        raise TypeError(f"{what} takes a Decimal, an int, a float or a text such as '0.1', not {value!r}")
    try:
        # float's own representation: that of a subclass (numpy's, say) may be another text.
        number = Decimal(float.__repr__(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError(f"{what} takes a number such as '0.1', not {value!r}") from None
    if not number.is_finite():
        raise ValueError(f"{what} takes a finite number, not {value!r}")
    parts = number.as_tuple()
    if len(parts.digits) > _DIGITS or abs(number.adjusted()) > _POWER:
        raise ValueError(f"{what} of more than {_DIGITS} digits, or beyond 10^{_POWER}, is none: {str(value)[:20]}…")
    return number or number.copy_abs()  # no negative zero


@total_ordering
@dataclass(frozen=True, slots=True, init=False, repr=False)
class _Amount:
    """A number of one unit."""

    value: Decimal

    def __init__(self, value: Number) -> None:
        object.__setattr__(self, "value", exact(value, type(self).__name__))

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.value:f}')"

    def __str__(self) -> str:
        return f"{self.value:f}"

    def __bool__(self) -> bool:
        return bool(self.value)

    def __lt__(self, other: Self) -> bool:
        return self.value < other.value if self._alike(other) else NotImplemented

    def __add__(self, other: Self) -> Self:
        return self._with(EXACT.add(self.value, other.value)) if self._alike(other) else NotImplemented

    def __sub__(self, other: Self) -> Self:
        return self._with(EXACT.subtract(self.value, other.value)) if self._alike(other) else NotImplemented

    def __mul__(self, factor: Decimal | int | float) -> Self:
        if isinstance(factor, bool) or not isinstance(factor, Decimal | int | float):
            return NotImplemented
        return self._with(EXACT.multiply(self.value, exact(factor, "a factor")))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Decimal | int | float) -> Self:
        if isinstance(divisor, bool) or not isinstance(divisor, Decimal | int | float):
            return NotImplemented
        return self._with(EXACT.divide(self.value, exact(divisor, "a divisor")))

    def __neg__(self) -> Self:
        return self._with(self.value.copy_negate())

    def __abs__(self) -> Self:
        return self._with(self.value.copy_abs())

    def _alike(self, other: object) -> bool:
        return type(other) is type(self)

    def _with(self, value: Decimal) -> Self:
        return type(self)(value)


class Lots(_Amount):
    """A volume in lots of its symbol: a lot of EURUSD is 100000 euros, one of XAUUSD 100 ounces."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.value:f} lots"


class Units(_Amount):
    """A volume in units of the symbol's base asset: euros of EURUSD, ounces of XAUUSD."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.value:f} units"


class Price(_Amount):
    """A price, or a level such as a stop loss, in the symbol's quote asset."""

    __slots__ = ()


class Pips(_Amount):
    """A distance between prices in pips of its symbol: 0.0001 of EURUSD."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self.value:f} pips"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Money(_Amount):
    """An amount of money. Amounts are added and compared only where both name the same currency, or neither does."""

    currency: str | None
    """The asset's name, "EUR"; None is the deposit asset of the account that it is used with."""

    def __init__(self, value: Number, currency: str | None = None) -> None:
        _Amount.__init__(self, value)
        named: object = currency
        if named is not None and not (isinstance(named, str) and named.strip()):
            raise ValueError(f"Money takes a currency such as 'EUR', not {currency!r}")
        object.__setattr__(self, "currency", currency)

    def __repr__(self) -> str:
        return f"Money('{self.value:f}')" if self.currency is None else f"Money('{self.value:f}', {self.currency!r})"

    def __str__(self) -> str:
        return f"{self.value:f}" if self.currency is None else f"{self.value:f} {self.currency}"

    def _alike(self, other: object) -> bool:
        if not isinstance(other, Money):
            return False
        if other.currency != self.currency:
            raise TypeError(f"{self!r} and {other!r} are not in the same currency: convert one of them first")
        return True

    def _with(self, value: Decimal) -> Self:
        return type(self)(value, self.currency)


@total_ordering
@dataclass(frozen=True, slots=True, init=False, repr=False)
class ProtocolVolume:
    """A volume as the wire has it: a whole number of hundredths of a unit."""

    value: int

    def __init__(self, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"ProtocolVolume takes an int, hundredths of a unit, not {value!r}")
        object.__setattr__(self, "value", int(value))

    def __repr__(self) -> str:
        return f"ProtocolVolume({self.value})"

    def __str__(self) -> str:
        return f"{self.value} hundredths of a unit"

    def __bool__(self) -> bool:
        return bool(self.value)

    def __lt__(self, other: ProtocolVolume) -> bool:
        return self.value < other.value if _is_volume(other) else NotImplemented

    def __add__(self, other: ProtocolVolume) -> ProtocolVolume:
        return ProtocolVolume(self.value + other.value) if _is_volume(other) else NotImplemented

    def __sub__(self, other: ProtocolVolume) -> ProtocolVolume:
        return ProtocolVolume(self.value - other.value) if _is_volume(other) else NotImplemented

    def __mul__(self, factor: int) -> ProtocolVolume:
        if isinstance(factor, bool) or not isinstance(factor, int):
            return NotImplemented
        return ProtocolVolume(self.value * factor)

    __rmul__ = __mul__

    def __neg__(self) -> ProtocolVolume:
        return ProtocolVolume(-self.value)

    def __abs__(self) -> ProtocolVolume:
        return ProtocolVolume(abs(self.value))


def _is_volume(other: object) -> bool:
    return isinstance(other, ProtocolVolume)
