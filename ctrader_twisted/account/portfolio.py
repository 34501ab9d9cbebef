"""What an account has, kept by its events: positions, working orders, the balance. Pure: messages in, values out.

An event may be seen twice, as the asker's and as a pushed copy (the deal's id tells: protocol notes, 1.12); whatever
was seen already changes nothing and is told to nobody. A reconcile is the whole truth as of when it was asked for: what
events have told since then, they know better than its answer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ctrader_twisted import messages
from ctrader_twisted.account.changes import (
    BalanceChanged,
    OrderChanged,
    OrderGone,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    digits_of,
    realised_by,
)
from ctrader_twisted.account.holdings import order_of, position_of
from ctrader_twisted.market.prices import MONEY_DIGITS, money
from ctrader_twisted.session.meanwhile import Meanwhile, copy_of, is_open, order_works, tells_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from decimal import Decimal

    from ctrader_twisted.account.changes import Change, Realised
    from ctrader_twisted.account.holdings import Listed, PendingOrder, Position

REMEMBERED: Final = 10_000
"""How many deals, closed positions and finished orders are remembered, so that what is seen again is known as such."""


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
    :param listed: gives what is known of a symbol, by its id; by default nothing is.

    :ivar terms: the last ProtoOATrader, or None before the first: deposit asset, leverage, how margins add up.
    :ivar balance: in the deposit asset; None before anything told it.
    :ivar balance_version: rises with each change of the balance; None if unknown.
    :ivar known: whether a reconcile has ever said what there is.
    """

    def __init__(
        self,
        account_id: int,
        money_digits: int = MONEY_DIGITS,
        *,
        listed: Callable[[int], Listed | None] = lambda _: None,
    ) -> None:
        self.account_id = account_id
        self.money_digits: int = money_digits
        self.terms: messages.ProtoOATrader | None = None
        self.balance: Decimal | None = None
        self.balance_version: int | None = None
        self.known: bool = False
        self._listed = listed
        self._positions: dict[int, Position] = {}
        self._orders: dict[int, PendingOrder] = {}
        self._asked: list[Meanwhile] = []
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
        self.terms = copy_of(trader)
        if trader.HasField("moneyDigits"):
            self.money_digits = trader.moneyDigits
        version = trader.balanceVersion if trader.HasField("balanceVersion") else None
        return self._balance_is(trader.balance, self.money_digits, version)

    # Reconciling

    def reconciling(self) -> Meanwhile:
        """A reconcile leaves now (ask for protective orders, too: ``returnProtectionOrders``).

        :return: what is to be given to `reconciled` with its answer, or to `not_reconciled`. Several may be under way.
        """
        asked = Meanwhile()
        self._asked.append(asked)
        return asked

    def not_reconciled(self, asked: Meanwhile) -> None:
        """No answer came."""
        if asked in self._asked:
            self._asked.remove(asked)

    def reconciled(self, answer: messages.ProtoOAReconcileRes, asked: Meanwhile | None = None) -> list[Change]:
        """Take the whole truth as of when it was asked for; without ``asked``, as of now.

        :return: what was not known yet; nothing at the first time, when nothing was.
        """
        since = asked or Meanwhile()
        self.not_reconciled(since)
        if answer.ctidTraderAccountId != self.account_id:
            return []
        positions, orders = since.read(answer)
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

        What an open position is, and a placeholder, is in `is_open`.
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
        for asked in self._asked:
            asked.executed(event)
        realised = None if deal is None else realised_by(deal, self.money_digits, self._listed(deal.symbolId))
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
            changes += self._balance_is(detail.balance, digits_of(detail, self.money_digits), version)
        if event.HasField("depositWithdraw"):
            flow = event.depositWithdraw
            version = flow.balanceVersion if flow.HasField("balanceVersion") else None
            changes += self._balance_is(flow.balance, digits_of(flow, self.money_digits), version)
        return changes

    def trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> list[Change]:
        """Take the new level of a trailing stop; neither order nor position tell it themselves."""
        if event.ctidTraderAccountId != self.account_id:
            return []
        for asked in self._asked:
            asked.trailed(event)
        changes: list[Change] = []
        position, order = self._positions.get(event.positionId), self._orders.get(event.orderId)
        if position is not None:
            message = copy_of(position.message)
            message.stopLoss = event.stopPrice
            changes += self._position_is(message, None)
        if order is not None:
            moved = copy_of(order.message)
            moved.stopPrice = event.stopPrice
            changes += self._order_is(moved)
        return changes

    def margin_changed(self, event: messages.ProtoOAMarginChangedEvent) -> list[Change]:
        """Take the new margin of a position."""
        position = self._positions.get(event.positionId)
        if event.ctidTraderAccountId != self.account_id:
            return []
        for asked in self._asked:
            asked.margin_changed(event)
        if position is None:
            return []
        message = copy_of(position.message)
        message.usedMargin = event.usedMargin
        return self._position_is(message, None)

    # Inside

    def _order_event(self, event: messages.ProtoOAExecutionEvent) -> list[Change]:
        order = event.order
        at = order.utcLastUpdateTimestamp
        if order_works(event):
            finished = self._finished.get(order.orderId)
            if finished is not None and at <= finished:
                return []  # a copy that came late
            return self._order_is(order)
        return self._order_is_gone(order.orderId, event.executionType, at)

    def _position_event(
        self, position: messages.ProtoOAPosition, deal: messages.ProtoOADeal | None, *, complete: bool
    ) -> list[Change]:
        if tells_nothing(position):
            return []
        at = position.utcLastUpdateTimestamp
        if not is_open(position):
            if position.positionId not in self._positions:
                return []  # a placeholder, or closed already
            return self._position_is_gone(position.positionId, at, complete=complete)
        closed = self._closed.get(position.positionId)
        if closed is not None and at <= closed:
            return []  # a copy that came late
        return self._position_is(position, deal)

    def _position_is(self, message: messages.ProtoOAPosition, deal: messages.ProtoOADeal | None) -> list[Change]:
        before = self._positions.get(message.positionId)
        listed = self._listed(message.tradeData.symbolId)
        position = position_of(message, self._protective_of(message.positionId), self.money_digits, listed)
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
        order = order_of(message, self._listed(message.tradeData.symbolId))
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


def _apart(known: Mapping[int, object], reported: Mapping[int, object], touched: Iterable[int]) -> list[int]:
    """Give what is known, not reported, and not told of by an event since."""
    newer = set(touched)
    return [key for key in known if key not in reported and key not in newer]
