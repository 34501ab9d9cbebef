"""What a position has gained, what a pip of it is worth, and the margin that it ties up: in deposit money.

Volumes are in hundredths of a unit; rates lead from the quote asset (margin: from the base asset) to the deposit asset.
A position that was added to is closed deal by deal, the oldest first, and each part's gain counts from that deal's own
price: `gross_profit` of a part closed, with the position's average price as ``entry``, is not what the server books
(observed). Over a whole position the two agree but for their rounding.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

from ctrader_twisted.market.prices import MONEY_DIGITS
from ctrader_twisted.messages import ProtoOATradeSide

if TYPE_CHECKING:
    from ctrader_twisted.market.symbols import Symbol

_EXACT: Final = Context(prec=100)


def exact_gross_profit(side: int, entry: Decimal, exit: Decimal, volume: int, rate: Decimal) -> Decimal:
    """Give the gross profit of a volume, not rounded.

    :param side: ProtoOATradeSide of the position.
    :param entry: the price that it was opened at.
    :param exit: the price that it is closed at: the bid for a BUY, the ask for a SELL.
    :param volume: in hundredths of a unit.
    :param rate: from the quote to the deposit asset.
    """
    if side == ProtoOATradeSide.BUY:
        gained = _EXACT.subtract(exit, entry)
    elif side == ProtoOATradeSide.SELL:
        gained = _EXACT.subtract(entry, exit)
    else:
        raise ValueError(f"a side is BUY (1) or SELL (2), not {side!r}")
    return _EXACT.multiply(_EXACT.multiply(gained, _units(volume)), rate)


def gross_profit(
    side: int, entry: Decimal, exit: Decimal, volume: int, rate: Decimal, money_digits: int = MONEY_DIGITS
) -> Decimal:
    """Give the gross profit of a volume in whole cents, half a cent rounded away from zero (unconfirmed: no recording
    tells rounding from truncation).

    :param side: ProtoOATradeSide of the position.
    :param entry: the price that it was opened at.
    :param exit: the price that it is closed at: the bid for a BUY, the ask for a SELL.
    :param volume: in hundredths of a unit.
    :param rate: from the quote to the deposit asset.
    """
    return _rounded(exact_gross_profit(side, entry, exit, volume, rate), money_digits)


def net_profit(gross: Decimal, swap: Decimal, commission: Decimal, *, closing_commission: bool = False) -> Decimal:
    """Give the net profit of an open position.

    :param swap: as the position has it; negative is a charge.
    :param commission: as the position has it: that of opening, negative.
    :param closing_commission: whether to count as much again for closing. The server's own figure, `netUnrealizedPnL`,
        does not.
    """
    charged = _EXACT.add(commission, commission) if closing_commission else commission
    return _EXACT.add(_EXACT.add(gross, swap), charged)


def pip_value(symbol: Symbol, volume: int, rate: Decimal) -> Decimal:
    """Give what a volume gains or loses by one pip, not rounded.

    :param volume: in hundredths of a unit.
    :param rate: from the quote to the deposit asset.
    """
    return _EXACT.multiply(_EXACT.multiply(symbol.pip, _units(volume)), rate)


def used_margin(
    volume: int, margin_rate: Decimal, leverage: Decimal | int, money_digits: int = MONEY_DIGITS
) -> Decimal:
    """Give the margin of a volume, half a cent rounded up.

    :param volume: in hundredths of a unit.
    :param margin_rate: from the base to the deposit asset; of a position, its own `marginRate`.
    :param leverage: 100 for 1:100.
    """
    if not leverage > 0:
        raise ValueError(f"a leverage of {leverage} is none")
    return _rounded(_EXACT.divide(_EXACT.multiply(_units(volume), margin_rate), Decimal(leverage)), money_digits)


def _units(volume: int) -> Decimal:
    return Decimal(volume).scaleb(-2, _EXACT)


def _rounded(amount: Decimal, money_digits: int) -> Decimal:
    rounded = amount.quantize(Decimal(1).scaleb(-money_digits), ROUND_HALF_UP, _EXACT)
    return rounded or rounded.copy_abs()  # nothing has no sign
