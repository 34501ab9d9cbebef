"""The positions and orders of an account as last known, and how what the server reports now differs from that.

Execution events keep it; a reconcile corrects it. Protective orders are in it too, so the reconcile has to ask for them
(``returnProtectionOrders``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ctrader_twisted import messages
from ctrader_twisted.session.meanwhile import Meanwhile, copy_of, is_open, order_works, tells_nothing

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        self.known: bool = False
        self._since: Meanwhile | None = None

    def reconciling(self) -> None:
        """A reconcile leaves now: what events change from here on, they know better than its answer."""
        self._since = Meanwhile()

    def not_reconciled(self) -> None:
        """No answer came."""
        self._since = None

    def executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        """Take what an execution event says of its order and its position."""
        if self._since is not None:
            self._since.executed(event)
        if event.HasField("order"):
            order = event.order
            if order_works(event):
                self.orders[order.orderId] = copy_of(order)
            else:
                self.orders.pop(order.orderId, None)
        if event.HasField("position") and not tells_nothing(event.position):
            position = event.position
            if is_open(position):
                self.positions[position.positionId] = copy_of(position)
            else:
                self.positions.pop(position.positionId, None)

    def trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> None:
        """Take the new level of a trailing stop; neither order nor position tell it themselves."""
        if self._since is not None:
            self._since.trailed(event)
        if event.positionId in self.positions:
            self.positions[event.positionId] = position = copy_of(self.positions[event.positionId])
            position.stopLoss = event.stopPrice
        if event.orderId in self.orders:
            self.orders[event.orderId] = order = copy_of(self.orders[event.orderId])
            order.stopPrice = event.stopPrice

    def reconciled(
        self, answer: messages.ProtoOAReconcileRes
    ) -> tuple[Difference[messages.ProtoOAPosition], Difference[messages.ProtoOAOrder]]:
        """Take the server's answer and give what it changes; nothing that an event has told already is in that."""
        since, self._since = self._since or Meanwhile(), None
        positions, orders = since.read(answer)
        self.known = True
        return _merge(self.positions, positions, since.positions), _merge(self.orders, orders, since.orders)


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


def _settled(item: Any) -> Any:
    """Give an item without what the market moves, to be compared."""
    settled = copy_of(item)
    for name in _DRIFTING[item.DESCRIPTOR.name]:
        settled.ClearField(name)
    return settled
