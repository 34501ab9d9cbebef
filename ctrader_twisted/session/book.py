"""The positions and orders of an account as last known, and how what the server reports now differs from that.

Execution events keep it; a reconcile corrects it. Protective orders are in it too, so the reconcile has to ask for them
(``returnProtectionOrders``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ctrader_twisted import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

_PENDING = messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED
_OPEN = messages.ProtoOAPositionStatus.POSITION_STATUS_OPEN
_CREATED = messages.ProtoOAPositionStatus.POSITION_STATUS_CREATED

_ENDING = frozenset(
    {
        messages.ProtoOAExecutionType.ORDER_FILLED,
        messages.ProtoOAExecutionType.ORDER_CANCELLED,
        messages.ProtoOAExecutionType.ORDER_EXPIRED,
        messages.ProtoOAExecutionType.ORDER_REJECTED,
    }
)

# What the market and the clock move by themselves.
_DRIFTING = {
    "ProtoOAPosition": ("usedMargin", "marginRate", "utcLastUpdateTimestamp"),
    "ProtoOAOrder": ("utcLastUpdateTimestamp",),
}

_Item = TypeVar("_Item", messages.ProtoOAPosition, messages.ProtoOAOrder)


@dataclass(frozen=True, slots=True)
class Difference(Generic[_Item]):
    """How positions, or orders, differ from what was known before."""

    added: tuple[_Item, ...] = ()
    """There now, not known before."""
    removed: tuple[_Item, ...] = ()
    """Known before, gone now; as last known."""
    changed: tuple[tuple[_Item, _Item], ...] = ()
    """There before and now and not the same: (before, now). Used margin and its rate, which follow the market, are not
    compared."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


class Book:
    """One account's positions and orders.

    :ivar positions: open positions, by positionId.
    :ivar orders: orders that are accepted and not filled, cancelled or expired, by orderId; protective ones too.
    :ivar known: whether a reconcile has ever said what there is.
    """

    def __init__(self) -> None:
        self.positions: dict[int, messages.ProtoOAPosition] = {}
        self.orders: dict[int, messages.ProtoOAOrder] = {}
        self.known = False
        self._since: _Since | None = None

    def reconciling(self) -> None:
        """A reconcile leaves now: what events change from here on, they know better than its answer."""
        self._since = _Since()

    def not_reconciled(self) -> None:
        """No answer came."""
        self._since = None

    def executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        """Take what an execution event says of its order and its position.

        A position is closed when its volume is 0, whatever its status says; a placeholder that was never open has no
        volume either (both observed: protocol notes, 1.12).
        """
        since = self._since
        if event.HasField("order"):
            order = event.order
            if since is not None:
                since.orders.add(order.orderId)
            if order.orderStatus == _PENDING and (order.HasField("orderStatus") or event.executionType not in _ENDING):
                self.orders[order.orderId] = _copy(order)
            else:
                self.orders.pop(order.orderId, None)
        if event.HasField("position"):
            position = event.position
            volume, status = position.tradeData.volume, position.positionStatus
            if volume and status == _CREATED:
                return  # nothing is known of such
            if since is not None:
                since.positions.add(position.positionId)
            if volume and status == _OPEN:
                self.positions[position.positionId] = _copy(position)
            else:
                self.positions.pop(position.positionId, None)

    def trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> None:
        """Take the new level of a trailing stop; neither order nor position tell it themselves."""
        if self._since is not None:
            self._since.levels[event.positionId] = self._since.order_levels[event.orderId] = event.stopPrice
        if event.positionId in self.positions:
            self.positions[event.positionId] = position = _copy(self.positions[event.positionId])
            position.stopLoss = event.stopPrice
        if event.orderId in self.orders:
            self.orders[event.orderId] = order = _copy(self.orders[event.orderId])
            order.stopPrice = event.stopPrice

    def reconciled(
        self, answer: messages.ProtoOAReconcileRes
    ) -> tuple[Difference[messages.ProtoOAPosition], Difference[messages.ProtoOAOrder]]:
        """Take the server's answer and give what it changes; nothing that an event has told already is in that."""
        since, self._since = self._since or _Since(), None
        positions = {item.positionId: _copy(item) for item in answer.position}
        orders = {item.orderId: _copy(item) for item in answer.order}
        for key, level in since.levels.items():
            if key in positions:
                positions[key].stopLoss = level
        for key, level in since.order_levels.items():
            if key in orders:
                orders[key].stopPrice = level
        self.known = True
        return _merge(self.positions, positions, since.positions), _merge(self.orders, orders, since.orders)


@dataclass(slots=True)
class _Since:
    """What events have told since a reconcile left: what they told all of, and the levels they told alone."""

    positions: set[int] = field(default_factory=set)
    orders: set[int] = field(default_factory=set)
    levels: dict[int, float] = field(default_factory=dict)
    order_levels: dict[int, float] = field(default_factory=dict)


def _merge(known: dict[int, _Item], reported: dict[int, _Item], touched: Iterable[int]) -> Difference[_Item]:
    for key in touched:  # the stream of events is complete and in order: its word on these is the newer one
        if key in known:
            reported[key] = known[key]
        else:
            reported.pop(key, None)
    difference = Difference(
        added=tuple(item for key, item in reported.items() if key not in known),
        removed=tuple(item for key, item in known.items() if key not in reported),
        changed=tuple(
            (known[key], item)
            for key, item in reported.items()
            if key in known and _settled(known[key]) != _settled(item)
        ),
    )
    known.clear()
    known.update(reported)
    return difference


def _copy(item: _Item) -> _Item:
    copied = type(item)()
    copied.CopyFrom(item)
    return copied


def _settled(item: Any) -> Any:
    """Give an item without what the market moves, to be compared."""
    settled = _copy(item)
    for name in _DRIFTING[item.DESCRIPTOR.name]:
        settled.ClearField(name)
    return settled
