"""What an account's book holds and trading changes: positions and the lots they are made of, orders; and all ids.

Prices are integers in 1/100000, volumes hundredths of a unit, money integers of the account's digits, times ms UTC.
Which field of a message is set, and when, is observed (protocol notes, 1.11 and 1.12, and the recordings).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.messages import (
    ProtoOAOrder,
    ProtoOAPosition,
    ProtoOATradeData,
)
from ctrader_twisted.sim.feed.instruments import PRICE_SCALE

if TYPE_CHECKING:
    from google.protobuf.message import Message

BUY: Final = 1
SELL: Final = 2

MARKET: Final = 1
LIMIT: Final = 2
STOP: Final = 3
PROTECTIVE: Final = 4
"""``STOP_LOSS_TAKE_PROFIT``: the order that carries the levels of a position."""
MARKET_RANGE: Final = 5
STOP_LIMIT: Final = 6

AT_THE_MARKET: Final = frozenset({MARKET, MARKET_RANGE})
STOPS: Final = frozenset({STOP, STOP_LIMIT})

ACCEPTED: Final = 1
FILLED: Final = 2
REJECTED: Final = 3
EXPIRED: Final = 4
CANCELLED: Final = 5

OPEN: Final = 1
CLOSED: Final = 2
CREATED: Final = 3

GOOD_TILL_DATE: Final = 1
GOOD_TILL_CANCEL: Final = 2
IMMEDIATE_OR_CANCEL: Final = 3
FILL_OR_KILL: Final = 4
MARKET_ON_OPEN: Final = 5


def opposite(side: int) -> int:
    """Give the other side."""
    return BUY + SELL - side


def price_of(level: int) -> float:
    """Give a price in 1/100000 as messages of orders, positions and deals have it."""
    return level / PRICE_SCALE


def relative(price: float) -> int:
    """Give a price of a message in 1/100000."""
    return round(price * PRICE_SCALE)


@dataclass(slots=True)
class Ids:
    """Counters of everything that gets an id: one set for the whole venue, part of what is saved."""

    orders: int = 60_000_000
    positions: int = 50_000_000
    deals: int = 70_000_000
    cash: int = 80_000_000
    bonuses: int = 90_000_000

    def order(self) -> int:
        """Give the next orderId."""
        self.orders += 1
        return self.orders

    def position(self) -> int:
        """Give the next positionId."""
        self.positions += 1
        return self.positions

    def deal(self) -> int:
        """Give the next dealId."""
        self.deals += 1
        return self.deals

    def flow(self) -> int:
        """Give the next balanceHistoryId."""
        self.cash += 1
        return self.cash

    def bonus(self) -> int:
        """Give the next bonusHistoryId."""
        self.bonuses += 1
        return self.bonuses


@dataclass(slots=True)
class Lot:
    """What is left of one opening deal.

    :ivar deal_id: the deal that opened it.
    :ivar volume: what is left of it.
    :ivar price: what it was opened at.
    :ivar commission: what is left of the deal's commission, not booked yet; 0 or less.
    :ivar margin_rate: the worth of one unit of the base asset in the deposit asset when it was opened.
    :ivar usd_rate: the same in US dollars: from it follows the tier of a dynamic leverage.
    """

    deal_id: int
    volume: int
    price: int
    commission: int
    margin_rate: float
    usd_rate: float


@dataclass(frozen=True, slots=True)
class Levels:
    """What a position is to be protected with, as its order said: the protective order is made a little after the fill.

    :ivar stop_loss: the level, or None; so is ``take_profit``.
    :ivar client_order_id: of the order, which its protective order repeats (observed).
    """

    stop_loss: int | None = None
    take_profit: int | None = None
    trailing: bool = False
    guaranteed: bool = False
    client_order_id: str = ""


@dataclass(slots=True, eq=False)
class Position:
    """A position, or the placeholder of one that an order may open.

    :ivar lots: what it is made of, the oldest first: it is closed in this order.
    :ivar status: `CREATED`, `OPEN` or `CLOSED`.
    :ivar opened_at: when its first deal was executed; 0 before.
    :ivar swap: swap and rollover charged so far, not booked yet.
    :ivar stop_loss: the level, or None; so is ``take_profit``.
    :ivar trailing_distance: what the stop loss keeps from the market, in 1/100000; 0 where it does not trail.
    :ivar protective_id: the id of its protective order, or None.
    :ivar coming: the levels that it will have in a moment; None as a rule.
    """

    position_id: int
    symbol_id: int
    side: int
    status: int = CREATED
    lots: list[Lot] = field(default_factory=list)
    opened_at: int = 0
    updated_at: int = 0
    closed_at: int = 0
    swap: int = 0
    used_margin: int = 0
    stop_loss: int | None = None
    take_profit: int | None = None
    trailing: bool = False
    trailing_distance: int = 0
    guaranteed: bool = False
    trigger_method: int = 1
    protective_id: int | None = None
    label: str = ""
    comment: str = ""
    coming: Levels | None = None

    @property
    def volume(self) -> int:
        """What is open."""
        return sum([lot.volume for lot in self.lots])

    @property
    def commission(self) -> int:
        """The commission of what is open: its opening side, not booked yet."""
        return sum([lot.commission for lot in self.lots])

    @property
    def exact_price(self) -> Fraction:
        """The mean price of what is open, in 1/100000, exactly; 0 where nothing is."""
        volume = self.volume
        return Fraction(sum([lot.volume * lot.price for lot in self.lots]), volume) if volume else Fraction(0)

    @property
    def margin_rate(self) -> float:
        """The mean worth of one unit of the base asset in the deposit asset when it was opened; 0 where nothing is."""
        volume = self.volume
        return sum([lot.volume * lot.margin_rate for lot in self.lots]) / volume if volume else 0.0

    @property
    def protection(self) -> Position | Levels:
        """What has its levels: those that are to come, where there are any."""
        return self if self.coming is None else self.coming

    @property
    def guaranteed_stop(self) -> int | None:
        """The guaranteed stop loss, or the one that it will have in a moment; None without one."""
        return self.protection.stop_loss if self.protection.guaranteed else None

    def message(self, money_digits: int, measurement_units: str = "") -> ProtoOAPosition:
        """Make the message. A closed one has volume, price and margin 0 and keeps its levels (observed)."""
        message = ProtoOAPosition(
            positionId=self.position_id,
            tradeData=_trade_data(self, self.opened_at, measurement_units),
            positionStatus=self.status,
            swap=self.swap,
            price=float(self.exact_price / PRICE_SCALE),
            utcLastUpdateTimestamp=self.updated_at,
            commission=self.commission,
            marginRate=self.margin_rate,
            mirroringCommission=0,
            guaranteedStopLoss=self.guaranteed,
            usedMargin=self.used_margin,
            stopLossTriggerMethod=self.trigger_method,
            moneyDigits=money_digits,
            trailingStopLoss=self.trailing,
        )
        _set_prices(message, stopLoss=self.stop_loss, takeProfit=self.take_profit)
        return message


@dataclass(slots=True, eq=False)
class Order:
    """An order, working or finished.

    :ivar created_at: when it was made.
    :ivar closed_at: when it was finished; 0 while it works.
    :ivar executed: the volume executed so far.
    :ivar execution_value: the sum of volume times price of its fills, from which its mean price follows.
    :ivar limit_price: its limit, or None; so are the other prices and levels.
    :ivar slippage: `slippageInPoints`: in ticks of the symbol.
    :ivar relative_stop_loss: a distance in 1/100000, or None; so is ``relative_take_profit``.
    :ivar triggered: a stop-limit order whose stop was reached and that now rests at its limit.
    :ivar in_execution: it is on its way to being filled, and can be neither cancelled nor amended.
    :ivar adds: it names a position, and may trade no other (unconfirmed).
    :ivar levels_given_to: the position that has taken its levels; 0 for none, or if they were amended since.
    """

    order_id: int
    position_id: int
    symbol_id: int
    side: int
    volume: int
    order_type: int
    created_at: int
    updated_at: int = 0
    closed_at: int = 0
    status: int = ACCEPTED
    time_in_force: int = GOOD_TILL_CANCEL
    executed: int = 0
    execution_value: int = 0
    limit_price: int | None = None
    stop_price: int | None = None
    stop_loss: int | None = None
    take_profit: int | None = None
    relative_stop_loss: int | None = None
    relative_take_profit: int | None = None
    base_slippage_price: int | None = None
    slippage: int | None = None
    expires_at: int | None = None
    trailing: bool | None = None
    guaranteed: bool = False
    trigger_method: int | None = None
    closing: bool = False
    stop_out: bool = False
    client_order_id: str = ""
    label: str = ""
    comment: str = ""
    triggered: bool = False
    in_execution: bool = False
    adds: bool = False
    levels_given_to: int = 0

    @property
    def remaining(self) -> int:
        """The volume that is not executed yet."""
        return self.volume - self.executed

    @property
    def has_stop(self) -> bool:
        """Whether it has a stop loss, as a price or as a distance."""
        return self.stop_loss is not None or self.relative_stop_loss is not None

    @property
    def has_levels(self) -> bool:
        """Whether it has a stop loss or a take profit, as a price or as a distance."""
        return self.has_stop or self.take_profit is not None or self.relative_take_profit is not None

    def stop_at(self, price: int) -> int:
        """Give its stop loss if it is filled at a price; it has one."""
        if self.relative_stop_loss is not None:
            return price - self.relative_stop_loss if self.side == BUY else price + self.relative_stop_loss
        assert self.stop_loss is not None
        return self.stop_loss

    def message(self, measurement_units: str = "") -> ProtoOAOrder:
        """Make the message."""
        message = ProtoOAOrder(
            orderId=self.order_id,
            tradeData=_trade_data(self, self.created_at, measurement_units),
            orderType=self.order_type,
            orderStatus=self.status,
            executedVolume=self.executed,
            utcLastUpdateTimestamp=self.updated_at or self.created_at,
            closingOrder=self.closing,
            timeInForce=self.time_in_force,
            positionId=self.position_id,
        )
        if self.executed:
            message.executionPrice = float(Fraction(self.execution_value, self.executed * PRICE_SCALE))
        _set_prices(
            message,
            limitPrice=self.limit_price,
            stopPrice=self.stop_price,
            stopLoss=self.stop_loss,
            takeProfit=self.take_profit,
            baseSlippagePrice=self.base_slippage_price,
        )
        set_given(
            message,
            clientOrderId=self.client_order_id or None,
            relativeStopLoss=self.relative_stop_loss,
            relativeTakeProfit=self.relative_take_profit,
            slippageInPoints=self.slippage,
            expirationTimestamp=self.expires_at,
            trailingStopLoss=self.trailing,
            stopTriggerMethod=self.trigger_method,
            isStopOut=self.stop_out or None,
        )
        return message


def _trade_data(thing: Position | Order, opened_at: int, measurement_units: str) -> ProtoOATradeData:
    """Make what positions and orders have in common."""
    data = ProtoOATradeData(
        symbolId=thing.symbol_id,
        volume=thing.volume,
        tradeSide=thing.side,
        guaranteedStopLoss=thing.guaranteed,
        measurementUnits=measurement_units,
    )
    set_given(
        data,
        openTimestamp=opened_at or None,
        closeTimestamp=thing.closed_at or None,
        label=thing.label or None,
        comment=thing.comment or None,
    )
    return data


def _set_prices(message: Message, **levels: int | None) -> None:
    """Set those fields of a message for which there is a level, in 1/100000."""
    set_given(message, **{name: None if level is None else price_of(level) for name, level in levels.items()})


def set_given(message: Message, **values: Any) -> None:
    """Set those fields of a message for which there is a value; the others stay absent."""
    for name, value in values.items():
        if value is not None:
            setattr(message, name, value)
