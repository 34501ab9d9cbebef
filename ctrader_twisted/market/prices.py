"""Prices and money, between the wire's numbers and exact decimals.

Spots, bars, ticks and depth carry integers in 1/100000 whatever the symbol's digits (observed: 25281.64 is 2528164000).
Orders, positions and deals carry doubles in price units; relative distances are integers in 1/100000 again. Money is an
integer with the `moneyDigits` of the message it stands in.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

RELATIVE_DIGITS: Final = 5
"""Decimal places of a price on the wire: integers count 1/100000."""

MONEY_DIGITS: Final = 2
"""What clients assume where a message leaves `moneyDigits` out."""

# Wide enough for any 64-bit integer at any scale: what is computed in it is never rounded by accident, whatever the
# caller's own decimal context says.
_EXACT: Final = Context(prec=60)


def price_from_relative(relative: int, digits: int = RELATIVE_DIGITS) -> Decimal:
    """Turn a price in 1/100000 into a decimal of exactly `digits` places, rounding half to even where it has more."""
    return _rounded(Decimal(relative).scaleb(-RELATIVE_DIGITS, _EXACT), digits)


def relative_from_price(price: Decimal | int) -> int:
    """Turn a price or a distance into 1/100000.

    :raises ValueError: if it is finer than that: nothing is rounded on the way to the venue.
    """
    relative = Decimal(price).scaleb(RELATIVE_DIGITS, _EXACT)
    if relative != relative.to_integral_value():
        raise ValueError(f"{Decimal(price):f} is finer than 1/100000: round it to the symbol's digits first")
    return int(relative)


def price_from_double(price: float, digits: int | None = None) -> Decimal:
    """Turn a double of an order, position or deal into the decimal it was meant as: its shortest representation.

    :param digits: round to this many places. None keeps every place: the average price of a position has more places
        than its symbol.
    """
    meant = Decimal(repr(price))
    return meant if digits is None else _rounded(meant, digits)


def money(amount: int, money_digits: int = MONEY_DIGITS) -> Decimal:
    """Turn an amount of money into a decimal of exactly `money_digits` places."""
    return Decimal(amount).scaleb(-money_digits, _EXACT)


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits, _EXACT), context=_EXACT)
