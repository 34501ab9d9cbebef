"""What is known of one order, from what the server says of it: events, lists, refusals. Pure.

Whatever is told twice changes nothing the second time, and nothing that is told late takes back what came after it: an
event reaches the one who asked and everybody else (protocol notes, 1.3), and after a loss the lists tell it once more.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ctrader_twisted import messages
from ctrader_twisted.account.holdings import Holding, Listed
from ctrader_twisted.errors import ServerError, server_error_class
from ctrader_twisted.market.prices import MONEY_DIGITS, money, price_from_double
from ctrader_twisted.market.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.messages import ProtoOADeal, ProtoOAExecutionEvent, ProtoOAOrder

_Type = messages.ProtoOAExecutionType
_Status = messages.ProtoOAOrderStatus


class OrderState(enum.Enum):
    """Where an order stands."""

    PREPARING = "preparing"
    """It has not left: its symbol is looked up, or it waits for another order."""
    QUEUED = "queued"
    """It waits for its turn under the limits, or for this turn of the reactor to end, and can still be taken back."""
    SENT = "sent"
    """It has left; the server has not answered."""
    UNKNOWN = "unknown"
    """It left and no answer came. It is being found out; nothing is sent again by itself."""
    ACCEPTED = "accepted"
    """The server has it."""
    PARTIALLY_FILLED = "partially filled"
    """A part of it is executed, the rest still works."""
    FILLED = "filled"
    """All of it is executed."""
    CANCELLED = "cancelled"
    """It was cancelled, perhaps after a part of it had been executed."""
    EXPIRED = "expired"
    """Its time ran out, perhaps after a part of it had been executed."""
    REJECTED = "rejected"
    """The server refused it."""
    NOT_SENT = "not sent"
    """It never left: it was refused here, or the connection was gone. It is safe to make another."""
    NEVER_ARRIVED = "never arrived"
    """It left, and the server's own lists show that it never came. It is safe to make another."""

    @property
    def ended(self) -> bool:
        """Whether nothing more can come of it."""
        return self in _ENDED

    @property
    def working(self) -> bool:
        """Whether the server has it and is not done with it."""
        return self in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


UNSENT: Final = frozenset({OrderState.PREPARING, OrderState.QUEUED})
"""States of what has not left."""

_ENDED: Final = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.NOT_SENT,
        OrderState.NEVER_ARRIVED,
    }
)
_BY_STATUS: Final[Mapping[int, OrderState]] = {
    _Status.ORDER_STATUS_FILLED: OrderState.FILLED,
    _Status.ORDER_STATUS_CANCELLED: OrderState.CANCELLED,
    _Status.ORDER_STATUS_EXPIRED: OrderState.EXPIRED,
    _Status.ORDER_STATUS_REJECTED: OrderState.REJECTED,
}
_BY_EXECUTION: Final[Mapping[int, OrderState]] = {
    _Type.ORDER_FILLED: OrderState.FILLED,
    _Type.ORDER_CANCELLED: OrderState.CANCELLED,
    _Type.ORDER_EXPIRED: OrderState.EXPIRED,
    _Type.ORDER_REJECTED: OrderState.REJECTED,
}
_EXECUTED: Final = frozenset({messages.ProtoOADealStatus.FILLED, messages.ProtoOADealStatus.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True)
class Closed(Holding):
    """What a fill closed, in money of the account; costs are negative.

    :ivar symbol_id: the symbolId; `symbol_name` and `symbol` are what it stands for.
    :ivar entry_price: what the closed part had been opened at.
    :ivar volume: what was closed, in hundredths of a unit; `lots` is the same.
    :ivar gross: the profit or loss before costs.
    :ivar swap: the swap booked with it.
    :ivar commission: of both sides.
    :ivar conversion_fee: what converting the result cost.
    :ivar balance: the balance after it, at ``balance_version``.
    :ivar listed: what the account knows of the symbol; None of one that is no account's.
    """

    symbol_id: int
    entry_price: Decimal
    volume: int
    gross: Decimal
    swap: Decimal
    commission: Decimal
    conversion_fee: Decimal
    balance: Decimal
    balance_version: int | None
    listed: Listed | None = field(default=None, repr=False, compare=False)

    @property
    def net(self) -> Decimal:
        """What the balance changed by."""
        return self.gross + self.swap + self.commission + self.conversion_fee


@dataclass(frozen=True, slots=True)
class Fill(Holding):
    """One execution of an order.

    :ivar deal_id: its dealId.
    :ivar position_id: the position it opened, increased or closed.
    :ivar symbol_id: the symbolId; `symbol_name` and `symbol` are what it stands for.
    :ivar volume: in hundredths of a unit; `lots` is the same.
    :ivar price: what it was executed at.
    :ivar at: when, ms UTC of the server; `time` is the same.
    :ivar commission: what it costs, in money of the account; 0 or less. It is booked when the position is closed.
    :ivar closed: what it closed, or None if it opened.
    :ivar listed: what the account knows of the symbol; None of one that is no account's.
    """

    deal_id: int
    position_id: int
    symbol_id: int
    volume: int
    price: Decimal
    at: int
    commission: Decimal
    closed: Closed | None = None
    listed: Listed | None = field(default=None, repr=False, compare=False)

    @property
    def time(self) -> datetime:
        """When it was executed: `at` as an aware datetime, in UTC."""
        return moment(self.at)


def fill_of(deal: ProtoOADeal, listed: Listed | None = None) -> Fill | None:
    """Read a deal; None if nothing was executed in it.

    :param listed: what is known of its symbol.
    """
    if deal.dealStatus not in _EXECUTED or not deal.filledVolume:
        return None
    digits = deal.moneyDigits if deal.HasField("moneyDigits") else MONEY_DIGITS
    closed = None
    if deal.HasField("closePositionDetail"):
        detail = deal.closePositionDetail
        places = detail.moneyDigits if detail.HasField("moneyDigits") else digits
        closed = Closed(
            symbol_id=deal.symbolId,
            entry_price=price_from_double(detail.entryPrice),
            volume=detail.closedVolume if detail.HasField("closedVolume") else deal.filledVolume,
            gross=money(detail.grossProfit, places),
            swap=money(detail.swap, places),
            commission=money(detail.commission, places),
            conversion_fee=money(detail.pnlConversionFee, places),
            balance=money(detail.balance, places),
            balance_version=detail.balanceVersion if detail.HasField("balanceVersion") else None,
            listed=listed,
        )
    return Fill(
        deal_id=deal.dealId,
        position_id=deal.positionId,
        symbol_id=deal.symbolId,
        volume=deal.filledVolume,
        price=price_from_double(deal.executionPrice),
        at=deal.executionTimestamp,
        commission=money(deal.commission, digits),
        closed=closed,
        listed=listed,
    )


class Progress:
    """What is known of an order.

    :param listed: gives what is known of a symbol, by its id; by default nothing is.

    :ivar state: where it stands.
    :ivar error: why it ended as it did, or why its outcome is unknown; None otherwise.
    :ivar order_id: its orderId; None as long as the server has not told it.
    :ivar position_id: the position it opens, increases or closes; None as long as it is not known.
    :ivar volume: what was ordered, in hundredths of a unit; 0 as long as nothing was.
    :ivar executed: what is executed of it.
    :ivar fills: its executions, the oldest first.
    :ivar message: the server's latest word on it, or None.
    """

    def __init__(self, listed: Callable[[int], Listed | None] = lambda _: None) -> None:
        self.state: OrderState = OrderState.PREPARING
        self.error: OpenApiError | None = None
        self.order_id: int | None = None
        self.position_id: int | None = None
        self.volume: int = 0
        self.executed: int = 0
        self.message: ProtoOAOrder | None = None
        self._listed = listed
        self._fills: dict[int, Fill] = {}

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Its executions, the oldest first."""
        return tuple(sorted(self._fills.values(), key=lambda fill: (fill.at, fill.deal_id)))

    @property
    def average_price(self) -> Decimal | None:
        """The mean price of its executions; None before the first."""
        volume = sum(fill.volume for fill in self._fills.values())
        if not volume:
            return None
        return sum((fill.price * fill.volume for fill in self._fills.values()), Decimal(0)) / volume

    def queued(self) -> None:
        """It leaves in its turn."""
        self.state = OrderState.QUEUED

    def sent(self) -> None:
        """It leaves now."""
        if self.state in UNSENT:
            self.state = OrderState.SENT

    def not_sent(self, error: OpenApiError) -> None:
        """It never left."""
        if not self.state.ended:
            self.state, self.error = OrderState.NOT_SENT, error

    def refused(self, error: OpenApiError) -> None:
        """The server refused it."""
        if not self.state.ended:
            self.state, self.error = OrderState.REJECTED, error

    def doubted(self, error: OpenApiError) -> None:
        """It left and no answer came."""
        if self.state is OrderState.SENT:
            self.state, self.error = OrderState.UNKNOWN, error

    def absent(self, error: OpenApiError) -> None:
        """The server's lists show that it never came."""
        if self.state is OrderState.UNKNOWN:
            self.state, self.error = OrderState.NEVER_ARRIVED, error

    def executed_by(self, event: ProtoOAExecutionEvent) -> bool:
        """Take an event about it; say whether that changed anything."""
        before = self._known()
        if event.HasField("deal"):
            self._filled((event.deal,))
        if event.HasField("order"):
            state = None
            if event.executionType in _BY_EXECUTION and not event.order.HasField("orderStatus"):
                state = _BY_EXECUTION[event.executionType]
            self._take(event.order, state, event.errorCode)
        return self._known() != before

    def listed(self, order: ProtoOAOrder, deals: Iterable[ProtoOADeal] = ()) -> bool:
        """Take what a list or the order's details say; say whether that changed anything."""
        before = self._known()
        self._filled(deals)
        self._take(order, None)
        return self._known() != before

    def _known(self) -> tuple[object, ...]:
        message = self.message
        # The message is replaced, never changed: what it says now is compared with what it said.
        said = None if message is None else message.SerializeToString(deterministic=True)
        return self.state, self.executed, len(self._fills), said

    def _filled(self, deals: Iterable[ProtoOADeal]) -> None:
        for deal in deals:
            fill = fill_of(deal, self._listed(deal.symbolId))
            if fill is not None:
                self._fills.setdefault(fill.deal_id, fill)
        self.executed = max(self.executed, sum(fill.volume for fill in self._fills.values()))

    def _take(self, order: ProtoOAOrder, state: OrderState | None, code: str = "") -> None:
        proven_wrong = self.state in (OrderState.NEVER_ARRIVED, OrderState.NOT_SENT)
        if self.state.ended and not proven_wrong:
            return  # what comes after the end is an older word
        if state is None:
            state = _BY_STATUS.get(order.orderStatus)
        executed = max(self.executed, order.executedVolume)
        if state is None:
            last = self.message
            if last is not None and (order.executedVolume, order.utcLastUpdateTimestamp) < (
                last.executedVolume,
                last.utcLastUpdateTimestamp,
            ):
                return  # told late
            state = OrderState.PARTIALLY_FILLED if executed else OrderState.ACCEPTED
        self.message = order_copy(order)
        self.order_id = order.orderId
        if order.positionId:
            self.position_id = order.positionId
        self.volume = order.tradeData.volume or self.volume
        self.executed = executed
        self.state = state
        if state is not OrderState.REJECTED:
            self.error = None
        elif not isinstance(self.error, ServerError):
            self.error = _refusal(code or "ORDER_REJECTED")  # lists do not say why


def _refusal(code: str) -> ServerError:
    return server_error_class(code, "", order_command=True)(code)


def order_copy(order: ProtoOAOrder) -> ProtoOAOrder:
    """Give a copy: what a listener was given stays his."""
    copied = messages.ProtoOAOrder()
    copied.CopyFrom(order)
    return copied
