"""What an account has, kept by its events: positions, working orders, the balance. Pure: messages in, values out.

An event may be seen twice, as the asker's and as a pushed copy (the deal's id tells: protocol notes, 1.12); whatever
was seen already changes nothing and is told to nobody. A reconcile is the whole truth as of when it was asked for: what
events have told since then, they know better than its answer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ctrader_twisted import messages
from ctrader_twisted.market.prices import MONEY_DIGITS, RELATIVE_DIGITS, money, price_from_double

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

BUY: Final = messages.ProtoOATradeSide.BUY
SELL: Final = messages.ProtoOATradeSide.SELL

REMEMBERED: Final = 10_000
"""How many deals, closed positions and finished orders are remembered, so that what is seen again is known as such."""

_WORKING = messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED
_OPEN = messages.ProtoOAPositionStatus.POSITION_STATUS_OPEN
_CREATED = messages.ProtoOAPositionStatus.POSITION_STATUS_CREATED
_PROTECTIVE = messages.ProtoOAOrderType.STOP_LOSS_TAKE_PROFIT
_AT_ONCE = frozenset({messages.ProtoOAOrderType.MARKET, messages.ProtoOAOrderType.MARKET_RANGE})
_ENDING = frozenset(
    {
        messages.ProtoOAExecutionType.ORDER_FILLED,
        messages.ProtoOAExecutionType.ORDER_CANCELLED,
        messages.ProtoOAExecutionType.ORDER_EXPIRED,
        messages.ProtoOAExecutionType.ORDER_REJECTED,
    }
)

# Wide enough for whatever is computed here, whatever the caller's own decimal context says.
EXACT: Final = Context(prec=60)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


@dataclass(frozen=True, slots=True)
class Position:
    """An open position, as of one moment.

    Two are equal when the server said the same of them.
    """

    position_id: int
    symbol_id: int
    side: int
    """`BUY` or `SELL` (ProtoOATradeSide)."""
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
    """Milliseconds since the epoch, UTC."""
    trailing: bool
    """Whether the stop loss follows the price."""
    guaranteed: bool
    """Whether the stop loss is guaranteed."""
    protective_order_id: int | None
    """The server's own order that carries the levels, where it is known."""
    message: messages.ProtoOAPosition = field(repr=False, compare=False)
    """What the server said last, to be looked at only. A trailed stop loss and a changed margin are entered in it."""

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


_TOLD_APART = Decimal(10) ** 15  # a double's 53 bits hold any whole number up to 9 times this


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """An order that works: one that waits for its price, one on its way to being filled, or a protective one."""

    order_id: int
    position_id: int | None
    """The position it opens, adds to, closes or protects; given long before the position opens."""
    symbol_id: int
    side: int
    order_type: int
    """ProtoOAOrderType."""
    volume: int
    """What was asked for, in hundredths of a unit."""
    executed_volume: int
    limit_price: Decimal | None
    """Of a protective order: the take profit."""
    stop_price: Decimal | None
    """Of a protective order: the stop loss."""
    stop_loss: Decimal | None
    take_profit: Decimal | None
    relative_stop_loss: Decimal | None
    """A distance from the fill, in price units; so is `relative_take_profit`."""
    relative_take_profit: Decimal | None
    time_in_force: int
    """ProtoOATimeInForce."""
    expires_at: int | None
    """Milliseconds since the epoch, UTC."""
    trailing: bool
    closing: bool
    """Whether it closes a position: protective orders, and those the server makes for a close."""
    label: str
    comment: str
    client_order_id: str
    message: messages.ProtoOAOrder = field(repr=False, compare=False)
    """What the server said last, to be looked at only. A trailed stop price is entered in it."""

    @property
    def remaining(self) -> int:
        """What is not executed yet, in hundredths of a unit."""
        return self.volume - self.executed_volume

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
        """Whether it waits for a price to open or add to a position: neither closing nor about to be filled."""
        return self.opening and self.order_type not in _AT_ONCE


# What changed


@dataclass(frozen=True, slots=True)
class Realised:
    """What one closing deal realised, told once for each, whether the position is still known or not."""

    position_id: int
    symbol_id: int
    volume: int
    """What was closed, in hundredths of a unit."""
    entry_price: Decimal
    """Of the opening deals that were closed, the oldest first; not the position's mean."""
    exit_price: Decimal
    gross: Decimal
    swap: Decimal
    commission: Decimal
    """Of both sides."""
    conversion_fee: Decimal
    balance: Decimal
    """After it."""
    deal: messages.ProtoOADeal = field(repr=False, compare=False)

    @property
    def net(self) -> Decimal:
        """What the balance changed by."""
        return total((self.gross, self.swap, self.commission, self.conversion_fee))


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """A position is there that was not."""

    position: Position
    deal: messages.ProtoOADeal | None = field(default=None, repr=False, compare=False)
    """The deal that opened it; None if a reconcile told."""


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """A position is not what it was: volume, price, levels, swap, margin."""

    position: Position
    before: Position
    deal: messages.ProtoOADeal | None = field(default=None, repr=False, compare=False)
    """The deal that changed it, if one did; what a closing one realised is told in `Realised`."""


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """A position is gone."""

    position: Position
    """As it was last."""
    realised: tuple[Realised, ...]
    """What each closing deal that was seen realised, the oldest first."""
    complete: bool
    """Whether the last closing deal was seen; if not (a reconcile told), the figures below are None."""

    @property
    def deals(self) -> tuple[messages.ProtoOADeal, ...]:
        """The closing deals that were seen, the oldest first."""
        return tuple(part.deal for part in self.realised)

    @property
    def gross(self) -> Decimal | None:
        """Over all of `realised`, as the other figures are."""
        return total(part.gross for part in self.realised) if self.complete else None

    @property
    def swap(self) -> Decimal | None:
        """See `gross`."""
        return total(part.swap for part in self.realised) if self.complete else None

    @property
    def commission(self) -> Decimal | None:
        """See `gross`; of both sides."""
        return total(part.commission for part in self.realised) if self.complete else None

    @property
    def conversion_fee(self) -> Decimal | None:
        """See `gross`."""
        return total(part.conversion_fee for part in self.realised) if self.complete else None

    @property
    def net(self) -> Decimal | None:
        """See `gross`: what the balance changed by."""
        return total(part.net for part in self.realised) if self.complete else None

    @property
    def balance(self) -> Decimal | None:
        """After the last of them."""
        return self.realised[-1].balance if self.complete and self.realised else None


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order works, and did not or not like this."""

    order: PendingOrder
    before: PendingOrder | None
    """None if it is new."""


@dataclass(frozen=True, slots=True)
class OrderGone:
    """An order works no more."""

    order: PendingOrder
    """As it was last while it worked."""
    reason: int | None
    """ProtoOAExecutionType of the event that told; None if a reconcile did."""


@dataclass(frozen=True, slots=True)
class BalanceChanged:
    """The balance is not what it was."""

    balance: Decimal
    before: Decimal | None
    version: int | None


Change = Realised | PositionOpened | PositionChanged | PositionClosed | OrderChanged | OrderGone | BalanceChanged


@dataclass(slots=True, eq=False)
class Asked:
    """A reconcile that was asked for: what events have told since, all of it or the moved levels alone."""

    positions: set[int] = field(default_factory=set)
    orders: set[int] = field(default_factory=set)
    levels: dict[int, float] = field(default_factory=dict)
    order_levels: dict[int, float] = field(default_factory=dict)
    margins: dict[int, int] = field(default_factory=dict)


_Key = TypeVar("_Key", bound="Hashable")
_Value = TypeVar("_Value")


class _Recent(Generic[_Key, _Value]):
    """The latest of many, by key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, _Value] = OrderedDict()

    def put(self, key: _Key, value: _Value) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)

    def get(self, key: _Key) -> _Value | None:
        return self._kept.get(key)

    def drop(self, key: _Key) -> None:
        self._kept.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._kept


class Portfolio:
    """One account's positions, working orders and balance.

    Every method that takes a message gives what it changed; of another account's messages, that is nothing.

    :param account_id: its ctidTraderAccountId.
    :param money_digits: of messages that do not say theirs.

    :ivar terms: the last ProtoOATrader, or None before the first: deposit asset, leverage, how margins add up.
    :ivar balance: in the deposit asset; None before anything told it.
    :ivar balance_version: rises with each change of the balance; None if unknown.
    :ivar known: whether a reconcile has ever said what there is.
    """

    def __init__(self, account_id: int, money_digits: int = MONEY_DIGITS) -> None:
        self.account_id = account_id
        self.money_digits = money_digits
        self.terms: messages.ProtoOATrader | None = None
        self.balance: Decimal | None = None
        self.balance_version: int | None = None
        self.known = False
        self._positions: dict[int, Position] = {}
        self._orders: dict[int, PendingOrder] = {}
        self._asked: list[Asked] = []
        self._seen: _Recent[tuple[int, int], None] = _Recent()  # (kind of event, deal)
        self._deals: _Recent[int, None] = _Recent()
        self._closed: _Recent[int, int] = _Recent()  # when, by position
        self._finished: _Recent[int, int] = _Recent()  # when, by order
        self._realised: dict[int, tuple[Realised, ...]] = {}  # of positions that are open

    @property
    def positions(self) -> Mapping[int, Position]:
        """The open positions, by positionId; a live view."""
        return MappingProxyType(self._positions)

    @property
    def orders(self) -> Mapping[int, PendingOrder]:
        """Every order that works, by orderId, those on their way and protective ones among them; a live view."""
        return MappingProxyType(self._orders)

    @property
    def pending_orders(self) -> dict[int, PendingOrder]:
        """The orders that wait for a price to open or add to a position, by orderId."""
        return {order_id: order for order_id, order in self._orders.items() if order.pending}

    @property
    def netted(self) -> bool:
        """Whether fills of one symbol merge into one position; False before the first ProtoOATrader."""
        return self.terms is not None and self.terms.accountType == messages.ProtoOAAccountType.NETTED

    # What the account is

    def trader(self, trader: messages.ProtoOATrader) -> list[Change]:
        """Take what the account is. A balance of a version lower than the one known is an old one, and is not taken."""
        if trader.ctidTraderAccountId != self.account_id:
            return []
        self.terms = _copy(trader)
        if trader.HasField("moneyDigits"):
            self.money_digits = trader.moneyDigits
        version = trader.balanceVersion if trader.HasField("balanceVersion") else None
        return self._balance_is(trader.balance, self.money_digits, version)

    # Reconciling

    def reconciling(self) -> Asked:
        """A reconcile leaves now (ask for protective orders, too: ``returnProtectionOrders``).

        :return: what is to be given to `reconciled` with its answer, or to `not_reconciled`. Several may be under way.
        """
        asked = Asked()
        self._asked.append(asked)
        return asked

    def not_reconciled(self, asked: Asked) -> None:
        """No answer came."""
        if asked in self._asked:
            self._asked.remove(asked)

    def reconciled(self, answer: messages.ProtoOAReconcileRes, asked: Asked | None = None) -> list[Change]:
        """Take the whole truth as of when it was asked for; without ``asked``, as of now.

        :return: what was not known yet; nothing at the first time, when nothing was.
        """
        since = asked or Asked()
        self.not_reconciled(since)
        if answer.ctidTraderAccountId != self.account_id:
            return []
        positions = {item.positionId: _copy(item) for item in answer.position if _is_open(item)}
        orders = {item.orderId: _copy(item) for item in answer.order}
        for key, level in since.levels.items():
            if key in positions:
                positions[key].stopLoss = level
        for key, level in since.order_levels.items():
            if key in orders:
                orders[key].stopPrice = level
        for key, margin in since.margins.items():
            if key in positions:
                positions[key].usedMargin = margin
        changes: list[Change] = []
        for order_id in _apart(self._orders, orders, since.orders):
            changes += self._order_is_gone(order_id, None, 0)
        for position_id in _apart(self._positions, positions, since.positions):
            changes += self._position_is_gone(position_id, 0, complete=False)
        for order_id, order in orders.items():
            if order_id not in since.orders:
                self._finished.drop(order_id)
                changes += self._order_is(order)
        for position_id, position in positions.items():
            if position_id not in since.positions:
                self._closed.drop(position_id)
                changes += self._position_is(position, None)
        first, self.known = not self.known, True
        return [] if first else changes

    # Events

    def executed(self, event: messages.ProtoOAExecutionEvent) -> list[Change]:
        """Take what an execution event tells, in this order: what was realised, position, order, balance.

        A position is closed when nothing of it is left, whatever its status says (observed: protocol notes, 1.12);
        a placeholder, which has a volume of 0, never was one.
        """
        if event.ctidTraderAccountId != self.account_id:
            return []
        changes: list[Change] = []
        deal = event.deal if event.HasField("deal") else None
        if deal is not None:
            seen = (event.executionType, deal.dealId)
            if seen in self._seen:
                return []
            self._seen.put(seen, None)
            if deal.dealId in self._deals:
                deal = None  # its effects are known, the rest of the event is not
            else:
                self._deals.put(deal.dealId, None)
        realised = None if deal is None else self._realised_by(deal)
        if realised is not None:
            changes.append(realised)
            if realised.position_id in self._positions:
                self._realised[realised.position_id] = (*self._realised.get(realised.position_id, ()), realised)
        if event.HasField("order"):
            order_changes = self._order_event(event)
        else:
            order_changes = []
        if event.HasField("position"):
            changes += self._position_event(event.position, deal, complete=realised is not None)
        changes += order_changes
        if realised is not None:
            assert deal is not None
            detail = deal.closePositionDetail
            version = detail.balanceVersion if detail.HasField("balanceVersion") else None
            changes += self._balance_is(detail.balance, _digits(detail, self.money_digits), version)
        if event.HasField("depositWithdraw"):
            flow = event.depositWithdraw
            version = flow.balanceVersion if flow.HasField("balanceVersion") else None
            changes += self._balance_is(flow.balance, _digits(flow, self.money_digits), version)
        return changes

    def trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> list[Change]:
        """Take the new level of a trailing stop; neither order nor position tell it themselves."""
        if event.ctidTraderAccountId != self.account_id:
            return []
        for asked in self._asked:
            asked.levels[event.positionId] = asked.order_levels[event.orderId] = event.stopPrice
        changes: list[Change] = []
        position, order = self._positions.get(event.positionId), self._orders.get(event.orderId)
        if position is not None:
            message = _copy(position.message)
            message.stopLoss = event.stopPrice
            changes += self._position_is(message, None)
        if order is not None:
            moved = _copy(order.message)
            moved.stopPrice = event.stopPrice
            changes += self._order_is(moved)
        return changes

    def margin_changed(self, event: messages.ProtoOAMarginChangedEvent) -> list[Change]:
        """Take the new margin of a position."""
        position = self._positions.get(event.positionId)
        if event.ctidTraderAccountId != self.account_id:
            return []
        for asked in self._asked:
            asked.margins[event.positionId] = event.usedMargin
        if position is None:
            return []
        message = _copy(position.message)
        message.usedMargin = event.usedMargin
        return self._position_is(message, None)

    # Inside

    def _order_event(self, event: messages.ProtoOAExecutionEvent) -> list[Change]:
        order = event.order
        for asked in self._asked:
            asked.orders.add(order.orderId)
        at = order.utcLastUpdateTimestamp
        if order.orderStatus == _WORKING and (order.HasField("orderStatus") or event.executionType not in _ENDING):
            finished = self._finished.get(order.orderId)
            if finished is not None and at <= finished:
                return []  # a copy that came late
            return self._order_is(order)
        return self._order_is_gone(order.orderId, event.executionType, at)

    def _position_event(
        self, position: messages.ProtoOAPosition, deal: messages.ProtoOADeal | None, *, complete: bool
    ) -> list[Change]:
        if position.tradeData.volume and position.positionStatus == _CREATED:
            return []  # nothing is known of such
        for asked in self._asked:
            asked.positions.add(position.positionId)
        at = position.utcLastUpdateTimestamp
        if not _is_open(position):
            if position.positionId not in self._positions:
                return []  # a placeholder, or closed already
            return self._position_is_gone(position.positionId, at, complete=complete)
        closed = self._closed.get(position.positionId)
        if closed is not None and at <= closed:
            return []  # a copy that came late
        return self._position_is(position, deal)

    def _position_is(self, message: messages.ProtoOAPosition, deal: messages.ProtoOADeal | None) -> list[Change]:
        before = self._positions.get(message.positionId)
        position = _position(message, self._protective_of(message.positionId), self.money_digits)
        self._positions[position.position_id] = position
        if before is None:
            return [PositionOpened(position, deal)]
        return [] if position == before else [PositionChanged(position, before, deal)]

    def _position_is_gone(self, position_id: int, at: int, *, complete: bool) -> list[Change]:
        position = self._positions.pop(position_id)
        self._closed.put(position_id, max(at, position.message.utcLastUpdateTimestamp))
        return [PositionClosed(position, self._realised.pop(position_id, ()), complete)]

    def _order_is(self, message: messages.ProtoOAOrder) -> list[Change]:
        before = self._orders.get(message.orderId)
        order = _pending(message)
        self._orders[order.order_id] = order
        if order.protective and order.position_id in self._positions:
            self._link(order.position_id, order.order_id)
        return [] if order == before else [OrderChanged(order, before)]

    def _order_is_gone(self, order_id: int, reason: int | None, at: int) -> list[Change]:
        order = self._orders.pop(order_id, None)
        if order is None:
            if reason is not None:
                self._finished.put(order_id, at)
            return []
        self._finished.put(order_id, max(at, order.message.utcLastUpdateTimestamp))
        if order.protective and order.position_id in self._positions:
            self._link(order.position_id, self._protective_of(order.position_id))
        return [OrderGone(order, reason)]

    def _link(self, position_id: int, order_id: int | None) -> None:
        """Enter which order protects a position: no change of the position itself."""
        position = self._positions[position_id]
        if position.protective_order_id != order_id:
            self._positions[position_id] = replace(position, protective_order_id=order_id)

    def _protective_of(self, position_id: int) -> int | None:
        for order in self._orders.values():
            if order.protective and order.position_id == position_id:
                return order.order_id
        return None

    def _realised_by(self, deal: messages.ProtoOADeal) -> Realised | None:
        if not deal.HasField("closePositionDetail"):
            return None
        detail = deal.closePositionDetail
        digits = _digits(detail, self.money_digits)
        return Realised(
            position_id=deal.positionId,
            symbol_id=deal.symbolId,
            volume=detail.closedVolume if detail.HasField("closedVolume") else deal.filledVolume,
            entry_price=price_from_double(detail.entryPrice),
            exit_price=price_from_double(deal.executionPrice),
            gross=money(detail.grossProfit, digits),
            swap=money(detail.swap, digits),
            commission=money(detail.commission, digits),
            conversion_fee=money(detail.pnlConversionFee, digits),
            balance=money(detail.balance, digits),
            deal=_copy(deal),
        )

    def _balance_is(self, amount: int, digits: int, version: int | None) -> list[Change]:
        known = self.balance_version
        if version is not None:
            if known is not None and version < known:
                return []
            self.balance_version = version
        before, self.balance = self.balance, money(amount, digits)
        if before is None or self.balance == before:
            return []
        return [BalanceChanged(self.balance, before, version)]


_Item = TypeVar("_Item", messages.ProtoOAPosition, messages.ProtoOAOrder, messages.ProtoOADeal, messages.ProtoOATrader)


def _copy(item: _Item) -> _Item:
    copied = type(item)()
    copied.CopyFrom(item)
    return copied


def _apart(known: Mapping[int, object], reported: Mapping[int, object], touched: Iterable[int]) -> list[int]:
    """Give what is known, not reported, and not told of by an event since."""
    newer = set(touched)
    return [key for key in known if key not in reported and key not in newer]


def _is_open(position: messages.ProtoOAPosition) -> bool:
    return bool(position.tradeData.volume) and position.positionStatus == _OPEN


def _digits(message: messages.ProtoOAClosePositionDetail | messages.ProtoOADepositWithdraw, otherwise: int) -> int:
    return message.moneyDigits if message.HasField("moneyDigits") else otherwise


def _level(message: messages.ProtoOAPosition | messages.ProtoOAOrder, name: str) -> Decimal | None:
    """Read a price, of which 0 is none."""
    price: float = getattr(message, name)
    return price_from_double(price) if message.HasField(name) and price else None  # type: ignore[arg-type]


def _position(message: messages.ProtoOAPosition, protective_order_id: int | None, money_digits: int) -> Position:
    data = message.tradeData
    digits = message.moneyDigits if message.HasField("moneyDigits") else money_digits
    return Position(
        position_id=message.positionId,
        symbol_id=data.symbolId,
        side=data.tradeSide,
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
        message=_copy(message),
    )


def _pending(message: messages.ProtoOAOrder) -> PendingOrder:
    data = message.tradeData

    def distance(name: str) -> Decimal | None:
        relative: int = getattr(message, name)
        return money(relative, RELATIVE_DIGITS) if message.HasField(name) and relative else None  # type: ignore[arg-type]

    return PendingOrder(
        order_id=message.orderId,
        position_id=message.positionId if message.positionId else None,
        symbol_id=data.symbolId,
        side=data.tradeSide,
        order_type=message.orderType,
        volume=data.volume,
        executed_volume=message.executedVolume,
        limit_price=_level(message, "limitPrice"),
        stop_price=_level(message, "stopPrice"),
        stop_loss=_level(message, "stopLoss"),
        take_profit=_level(message, "takeProfit"),
        relative_stop_loss=distance("relativeStopLoss"),
        relative_take_profit=distance("relativeTakeProfit"),
        time_in_force=message.timeInForce,
        expires_at=message.expirationTimestamp if message.HasField("expirationTimestamp") else None,
        trailing=message.trailingStopLoss,
        closing=message.closingOrder,
        label=data.label,
        comment=data.comment,
        client_order_id=message.clientOrderId,
        message=_copy(message),
    )
