"""What an account holds, as of one moment: positions and working orders, read from the messages. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar

from ctrader_twisted import messages
from ctrader_twisted.account.terms import BUY, shown
from ctrader_twisted.market.prices import RELATIVE_DIGITS, money, price_from_double
from ctrader_twisted.market.times import moment
from ctrader_twisted.market.units import EXACT, Lots, Units
from ctrader_twisted.market.volumes import units
from ctrader_twisted.messages import ProtoOAOrderType, ProtoOATimeInForce, ProtoOATradeSide
from ctrader_twisted.session.meanwhile import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ctrader_twisted.market.symbols import Symbol

_Enum = TypeVar("_Enum", ProtoOAOrderType, ProtoOATimeInForce)
_PROTECTIVE: Final = messages.ProtoOAOrderType.STOP_LOSS_TAKE_PROFIT
_AT_ONCE: Final = frozenset({messages.ProtoOAOrderType.MARKET, messages.ProtoOAOrderType.MARKET_RANGE})
_TOLD_APART: Final = Decimal(10) ** 15  # a double's 53 bits hold any whole number up to 9 times this


class Listed:
    """A symbol as an account knows it by now. Everything that the account has of this symbol shares one.

    :ivar name: its name; its id, as text, before the account has learned its symbols.
    :ivar symbol: the symbol; None until the server has told its details.
    """

    __slots__ = ("name", "symbol")

    def __init__(self, name: str, symbol: Symbol | None = None) -> None:
        self.name: str = name
        self.symbol: Symbol | None = symbol

    def __repr__(self) -> str:
        return f"<Listed {self.name}>"


class Holding:
    """What has a symbol and a volume: its symbol's name, and the volume in lots.

    Both are known of all that an account has when it is `Account.ready`. Where something is opened elsewhere in a
    symbol that is new to the account, `symbol` and `lots` are None until the server has told them, a moment later.
    """

    __slots__ = ()

    symbol_id: int
    volume: int
    listed: Listed | None

    @property
    def symbol_name(self) -> str:
        """The symbol's name, in the broker's spelling; its id, as text, where the account does not know it."""
        return str(self.symbol_id) if self.listed is None else self.listed.name

    @property
    def symbol(self) -> Symbol | None:
        """The symbol, whose text is its name; None until its details are known."""
        return None if self.listed is None else self.listed.symbol

    @property
    def lots(self) -> Lots | None:
        """The volume in lots; None until the symbol is known, and where the broker set no lot size."""
        return lots_of(self.symbol, self.volume)

    @property
    def _amount(self) -> str:
        return amount_of(self.symbol, self.volume)


@dataclass(frozen=True, slots=True)
class Position(Holding):
    """An open position, as of one moment. Its text is its symbol, side, lots and price.

    Two are equal when the server said the same of them.
    """

    position_id: int
    symbol_id: int
    side: ProtoOATradeSide
    volume: int
    """What is open, in hundredths of a unit."""
    price: Decimal
    """The mean price of what is open; it may have more places than the symbol (a double's shortest representation)."""
    stop_loss: Decimal | None
    take_profit: Decimal | None
    swap: Decimal
    """So far, not booked yet; negative was charged."""
    commission: Decimal
    """Of opening what is open, not booked yet; negative."""
    used_margin: Decimal | None
    label: str
    comment: str
    opened_at: int | None
    """Milliseconds since the epoch, UTC; `time` is the same."""
    trailing: bool
    """Whether the stop loss follows the price."""
    guaranteed: bool
    """Whether the stop loss is guaranteed."""
    protective_order_id: int | None
    """The server's own order that carries the levels, where it is known."""
    message: messages.ProtoOAPosition = field(repr=False, compare=False)
    """What the server said last, to be looked at only. A trailed stop loss and a changed margin are entered in it."""
    listed: Listed | None = field(default=None, repr=False, compare=False)
    """What the account knows of its symbol; None of one that is no account's."""

    def __str__(self) -> str:
        return f"position {self.position_id}: {self.side.name} {self._amount} of {self.symbol_name} at {self.price}"

    @property
    def time(self) -> datetime | None:
        """When it was opened: `opened_at` as an aware datetime, in UTC; None without it."""
        return None if self.opened_at is None else moment(self.opened_at)

    @property
    def direction(self) -> int:
        """1 of a position that gains when the price rises, else -1."""
        return 1 if self.side == BUY else -1

    @property
    def cost(self) -> Decimal:
        """The sum of price times volume over what it is made of, in the quote asset, exactly.

        The price is a mean that a double holds only nearly, yet that sum is whole in 1/100000 of hundredths of a unit:
        it is rounded back to that, unless it is too large for a double to tell.
        """
        value = EXACT.multiply(self.price, Decimal(self.volume))
        whole = value.scaleb(RELATIVE_DIGITS, EXACT)
        if abs(whole) < _TOLD_APART:
            value = whole.to_integral_value(context=EXACT).scaleb(-RELATIVE_DIGITS, EXACT)
        return value.scaleb(-2, EXACT)


@dataclass(frozen=True, slots=True)
class PendingOrder(Holding):
    """An order that works: one that waits for its price, one on its way to being filled, or a protective one.

    Its text is its symbol, side, type, lots and price.
    """

    order_id: int
    position_id: int | None
    """The position it opens, adds to, closes or protects; given long before the position opens."""
    symbol_id: int
    side: ProtoOATradeSide
    order_type: ProtoOAOrderType | int
    """An int where the server has one that the schema lacks; so has `time_in_force`."""
    volume: int
    """What was asked for, in hundredths of a unit."""
    executed_volume: int
    """What is executed of it, in hundredths of a unit."""
    limit_price: Decimal | None
    """Of a protective order: the take profit."""
    stop_price: Decimal | None
    """Of a protective order: the stop loss."""
    stop_loss: Decimal | None
    take_profit: Decimal | None
    relative_stop_loss: Decimal | None
    """A distance from the fill, in price units; so is `relative_take_profit`."""
    relative_take_profit: Decimal | None
    time_in_force: ProtoOATimeInForce | int
    expires_at: int | None
    """Milliseconds since the epoch, UTC; `expires` is the same."""
    trailing: bool
    closing: bool
    """Whether it closes a position: protective orders, and those the server makes for a close."""
    label: str
    comment: str
    client_order_id: str
    message: messages.ProtoOAOrder = field(repr=False, compare=False)
    """What the server said last, to be looked at only. A trailed stop price is entered in it."""
    listed: Listed | None = field(default=None, repr=False, compare=False)
    """What the account knows of its symbol; None of one that is no account's."""

    def __str__(self) -> str:
        kind = self.order_type.name if isinstance(self.order_type, ProtoOAOrderType) else f"type {self.order_type}"
        levels = [level for level in (self.stop_price, self.limit_price) if level is not None]
        at = "".join(f" at {level}" for level in levels[:1])
        return f"order {self.order_id}: {self.side.name} {self._amount} of {self.symbol_name}, {kind}{at}"

    @property
    def remaining(self) -> int:
        """What is not executed yet, in hundredths of a unit."""
        return self.volume - self.executed_volume

    @property
    def executed_lots(self) -> Lots | None:
        """What is executed of it, in lots; None where `lots` is."""
        return lots_of(self.symbol, self.executed_volume)

    @property
    def remaining_lots(self) -> Lots | None:
        """What is not executed yet, in lots; None where `lots` is."""
        return lots_of(self.symbol, self.remaining)

    @property
    def expires(self) -> datetime | None:
        """When it expires: `expires_at` as an aware datetime, in UTC; None if it does not."""
        return None if self.expires_at is None else moment(self.expires_at)

    @property
    def protective(self) -> bool:
        """Whether it carries the levels of a position."""
        return self.order_type == _PROTECTIVE

    @property
    def opening(self) -> bool:
        """Whether its fill opens a position or adds to one (on a netted account it may reduce one as well)."""
        return not self.closing and not self.protective

    @property
    def pending(self) -> bool:
        """Whether it waits for a price, or the market to open, to open or add to a position.

        Neither one that closes does, nor one that is about to be filled.
        """
        waits = self.order_type not in _AT_ONCE or self.time_in_force == messages.ProtoOATimeInForce.MARKET_ON_OPEN
        return self.opening and waits


def position_of(
    message: messages.ProtoOAPosition,
    protective_order_id: int | None,
    money_digits: int,
    listed: Listed | None = None,
) -> Position:
    """Read a position.

    :param money_digits: if the message does not say its own.
    :param listed: what is known of its symbol.
    """
    data = message.tradeData
    digits = message.moneyDigits if message.HasField("moneyDigits") else money_digits
    return Position(
        position_id=message.positionId,
        symbol_id=data.symbolId,
        side=ProtoOATradeSide(data.tradeSide),
        volume=data.volume,
        price=price_from_double(message.price),
        stop_loss=_level(message, "stopLoss"),
        take_profit=_level(message, "takeProfit"),
        swap=money(message.swap, digits),
        commission=money(message.commission, digits),
        used_margin=money(message.usedMargin, digits) if message.HasField("usedMargin") else None,
        label=data.label,
        comment=data.comment,
        opened_at=data.openTimestamp if data.HasField("openTimestamp") else None,
        trailing=message.trailingStopLoss,
        guaranteed=message.guaranteedStopLoss,
        protective_order_id=protective_order_id,
        message=copy_of(message),
        listed=listed,
    )


def order_of(message: messages.ProtoOAOrder, listed: Listed | None = None) -> PendingOrder:
    """Read a working order.

    :param listed: what is known of its symbol.
    """
    data = message.tradeData

    def distance(name: str) -> Decimal | None:
        relative: int = getattr(message, name)
        return money(relative, RELATIVE_DIGITS) if message.HasField(name) and relative else None  # type: ignore[arg-type]

    return PendingOrder(
        order_id=message.orderId,
        position_id=message.positionId if message.positionId else None,
        symbol_id=data.symbolId,
        side=ProtoOATradeSide(data.tradeSide),
        order_type=_named(ProtoOAOrderType, message.orderType),
        volume=data.volume,
        executed_volume=message.executedVolume,
        limit_price=_level(message, "limitPrice"),
        stop_price=_level(message, "stopPrice"),
        stop_loss=_level(message, "stopLoss"),
        take_profit=_level(message, "takeProfit"),
        relative_stop_loss=distance("relativeStopLoss"),
        relative_take_profit=distance("relativeTakeProfit"),
        time_in_force=_named(ProtoOATimeInForce, message.timeInForce),
        expires_at=message.expirationTimestamp if message.HasField("expirationTimestamp") else None,
        trailing=message.trailingStopLoss,
        closing=message.closingOrder,
        label=data.label,
        comment=data.comment,
        client_order_id=message.clientOrderId,
        message=copy_of(message),
        listed=listed,
    )


def _named(cls: Callable[[int], _Enum], number: int) -> _Enum | int:
    try:
        return cls(number)
    except ValueError:
        return number


def _level(message: messages.ProtoOAPosition | messages.ProtoOAOrder, name: str) -> Decimal | None:
    """Read a price, of which 0 is none."""
    price: float = getattr(message, name)
    return price_from_double(price) if message.HasField(name) and price else None  # type: ignore[arg-type]


def lots_of(symbol: Symbol | None, volume: int) -> Lots | None:
    """Count a volume of the wire in lots; None without a symbol, and where the broker set it no lot size."""
    return None if symbol is None or symbol.lot_size is None else symbol.lots(volume)


def amount_of(symbol: Symbol | None, volume: int) -> str:
    """Show a volume of the wire: in lots, or in units where it can't be counted in those."""
    return str(Units(units(volume))) if symbol is None else shown(symbol, volume)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result
