"""Volumes, between the wire's hundredths of a unit and exact units and lots.

One lot of EURUSD is 100000 units, 10 000 000 on the wire; a symbol's `lotSize` counts the same hundredths.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

_EXACT: Final = Context(prec=60)


def units(volume: int) -> Decimal:
    """Turn hundredths of a unit into units, without trailing zeros."""
    whole, hundredths = divmod(volume, 100)
    if not hundredths:
        return Decimal(whole)
    return _plain(Decimal(volume).scaleb(-2, _EXACT))


def lots(volume: int, lot_size: int) -> Decimal:
    """Turn hundredths of a unit into lots of a symbol, without trailing zeros.

    Exact wherever lots have a finite number of decimal places, which the lot sizes in use (powers of ten) always give.

    :param lot_size: the symbol's `lotSize`.
    """
    if lot_size <= 0:
        raise ValueError(f"a lot size of {lot_size} is none")
    return _plain(_EXACT.divide(Decimal(volume), Decimal(lot_size)))


def volume_from_units(wanted: Decimal | int) -> int:
    """Turn units into hundredths of a unit.

    :raises ValueError: if they are finer than that.
    """
    volume = Decimal(wanted).scaleb(2, _EXACT)
    return _whole(volume, f"{Decimal(wanted):f} units")


def volume_from_lots(wanted: Decimal | int, lot_size: int) -> int:
    """Turn lots of a symbol into hundredths of a unit.

    :param lot_size: the symbol's `lotSize`.
    :raises ValueError: if they are finer than a hundredth of a unit.
    """
    return _whole(_EXACT.multiply(Decimal(wanted), Decimal(lot_size)), f"{Decimal(wanted):f} lots")


def _whole(volume: Decimal, what: str) -> int:
    if volume != volume.to_integral_value():
        raise ValueError(f"{what} are finer than a hundredth of a unit")
    return int(volume)


def _plain(value: Decimal) -> Decimal:
    """Drop trailing zeros, and never end in exponent notation: 100000, not 1E+5."""
    stripped = value.normalize(_EXACT)
    exponent = stripped.as_tuple().exponent
    assert isinstance(exponent, int)
    return stripped.quantize(Decimal(1), context=_EXACT) if exponent > 0 else stripped
