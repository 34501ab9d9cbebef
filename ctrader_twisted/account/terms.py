"""What is asked of an account, as it was asked: before anything of it is looked up, checked or sent."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ctrader_twisted.errors import LevelsRefused, OrderNotPlaced
from ctrader_twisted.market.units import Lots, Money, Pips, Price, ProtocolVolume, Units
from ctrader_twisted.messages import ProtoOAOrderTriggerMethod, ProtoOAOrderType, ProtoOATradeSide

if TYPE_CHECKING:
    from decimal import Decimal

    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.market.symbols import Rounding, Symbol, Volume

Side: TypeAlias = ProtoOATradeSide | Literal["buy", "sell"]
"""Which way: ``"buy"`` or ``"sell"``."""

Level: TypeAlias = Price | Pips | Money
"""Where a stop loss or a take profit is: a price, a distance, or what it may cost or bring."""

AT_MARKET: Final = frozenset({ProtoOAOrderType.MARKET, ProtoOAOrderType.MARKET_RANGE})
"""Types that are filled at once, and whose levels the server takes as distances only (observed for MARKET)."""

BUY: Final = ProtoOATradeSide.BUY
SELL: Final = ProtoOATradeSide.SELL

STOP_LOSS: Final = "StopLoss"
TAKE_PROFIT: Final = "TakeProfit"
"""As the names of fields end: ``stopLoss``, ``relativeTakeProfit``."""


_LEVEL: Final = (Price, Pips, Money)
_UNITS: Final = (
    ("volume", (Lots, Units, ProtocolVolume), "Lots(…), Units(…) or ProtocolVolume(…)"),
    ("price", (Price,), 'Price("…")'),
    ("slippage", (Pips,), "Pips(…)"),
    ("stop_loss", _LEVEL, 'Price("…"), Pips(…) or Money(…)'),
    ("take_profit", _LEVEL, 'Price("…"), Pips(…) or Money(…)'),
)


class Keep(enum.Enum):
    """Says that something stays as it is."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order is to be; the fields are described in `ctrader_twisted.account.keywords`."""

    amount: Volume
    price: Price | None = None
    slippage: Pips | None = None
    rounding: Rounding = "refuse"
    stop_loss: Level | None = None
    take_profit: Level | None = None
    trailing: bool = False
    guaranteed: bool = False
    time_in_force: int | None = None
    expires: datetime | None = None
    trigger: int | None = None
    position: Position | int | None = None
    label: str = ""
    comment: str = ""
    client_order_id: str | None = None
    timeout: float | None = None

    @property
    def position_id(self) -> int | None:
        """The position to increase."""
        return None if self.position is None else id_of(self.position)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to change about a working order."""

    volume: Volume | None = None
    price: Price | None = None
    slippage: Pips | None = None
    stop_loss: Level | Keep | None = KEEP
    take_profit: Level | Keep | None = KEEP
    trailing: bool | Keep = KEEP
    expires: datetime | Keep | None = KEEP
    rounding: Rounding = "refuse"
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Levels:
    """What is to change about a position's levels."""

    stop_loss: Level | Keep | None = KEEP
    take_profit: Level | Keep | None = KEEP
    trailing: bool | Keep = KEEP
    guaranteed: bool | Keep = KEEP
    trigger: ProtoOAOrderTriggerMethod | int | None = None
    rounding: Rounding = "refuse"
    timeout: float | None = None


def side_of(side: Side) -> ProtoOATradeSide:
    """Read a side.

    :raises ValueError: if it is none.
    """
    if isinstance(side, str):
        if side.lower() not in ("buy", "sell"):
            raise ValueError(f'a side of {side!r}: it is "buy" or "sell"')
        return BUY if side.lower() == "buy" else SELL
    return ProtoOATradeSide(side)


def opposite(side: int) -> ProtoOATradeSide:
    """Give the other side."""
    return SELL if side == BUY else BUY


def id_of(position: Position | int) -> int:
    """Give the id of what is a position or its id.

    :raises TypeError: if it is neither.
    """
    if isinstance(position, int):
        return position
    position_id = getattr(position, "position_id", None)
    if not isinstance(position_id, int):
        raise TypeError(f"a position of {position!r}: give one of account.positions.values(), or its positionId")
    return position_id


def check_amount(amount: object) -> None:
    """Refuse a volume without a unit.

    :raises TypeError: if it is one.
    """
    if not isinstance(amount, Lots | Units | ProtocolVolume):
        raise TypeError(f"a volume of {amount!r} has no unit: write Lots(…), Units(…) or ProtocolVolume(…)")


def check_units(given: Terms | Changes | Levels) -> None:
    """Refuse prices, distances and levels without a unit, or with a wrong one.

    :raises TypeError: if there is one.
    """
    for name, kinds, how in _UNITS:
        value = getattr(given, name, None)
        if value is not None and value is not KEEP and not isinstance(value, kinds):
            raise TypeError(f"a {name} of {value!r} has not the unit it needs: write {how}")


def check_distance(distance: object) -> None:
    """Refuse a distance without a unit.

    :raises TypeError: if it is one.
    """
    if not isinstance(distance, Pips | Money):
        raise TypeError(f"a distance of {distance!r} has not the unit it needs: write Pips(…) or Money(…)")


def ms_of(moment: datetime) -> int:
    """Give a moment in ms UTC.

    :raises OrderNotPlaced: if it has no time zone.
    """
    if moment.tzinfo is None:
        raise OrderNotPlaced(f"{moment} has no time zone", "give one, such as datetime.UTC")
    return round(moment.astimezone(UTC).timestamp() * 1000)


def shown(symbol: Symbol, volume: int) -> str:
    """Write a volume in lots, or in units where the broker set no lot size."""
    return str(symbol.units(volume) if symbol.lot_size is None else symbol.lots(volume))


def points(symbol: Symbol, slippage: Pips) -> int:
    """Give a slippage in the points of a symbol: its ticks.

    :raises OrderNotPlaced: if it is finer.
    """
    ticks = symbol.distance(slippage) / symbol.tick
    if ticks != ticks.to_integral_value() or ticks < 0:
        problem = f"a slippage of {slippage} is no whole number of ticks of {symbol.name}"
        raise OrderNotPlaced(problem, f"a tick is {symbol.tick}")
    return int(ticks)


def away(which: str, side: int, reference: Decimal, price: Decimal) -> Decimal:
    """Give how far a level lies on its right side; negative on its wrong one."""
    up = (side == BUY) is (which == TAKE_PROFIT)
    return price - reference if up else reference - price


def wrong_side(symbol: Symbol, which: str, side: int, price: Decimal, reference: Decimal) -> LevelsRefused:
    """Refuse a level that lies on the wrong side."""
    name = "stop loss" if which == STOP_LOSS else "take profit"
    place = "above" if (side == BUY) is (which == TAKE_PROFIT) else "below"
    return LevelsRefused(
        symbol.name,
        f"a {name} at {price} for an order to {ProtoOATradeSide(side).name.lower()} at {reference}",
        f"Put it {place} {reference}.",
    )


def check_texts(terms: Terms) -> None:
    """Refuse texts that are too long for the server (protocol notes, 6.6).

    :raises ValueError: if one is.
    """
    for what, text, most in (("label", terms.label, 100), ("comment", terms.comment, 512)):
        if len(text) > most:
            raise ValueError(f"a {what} of {len(text)} characters: it has at most {most}")


def no_position(position_id: int, known: bool = True) -> OrderNotPlaced:
    """Refuse what is about a position that is not open.

    :param known: whether it is known what is.
    """
    if not known:
        return OrderNotPlaced("what positions there are is not known yet", "wait for ready() first")
    return OrderNotPlaced(f"position {position_id} is not open", "account.positions has those that are")
