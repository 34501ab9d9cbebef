"""What events tell of an account while a reconcile is under way, and the reconcile's answer with that taken into it.

The stream of events is complete and in order; an answer is the truth as of when it was asked for, and may be older than
what events have told since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from ctrader_twisted import messages

if TYPE_CHECKING:
    from google.protobuf.message import Message

_WORKING: Final = messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED
_OPEN: Final = messages.ProtoOAPositionStatus.POSITION_STATUS_OPEN
_CREATED: Final = messages.ProtoOAPositionStatus.POSITION_STATUS_CREATED
_ENDING: Final = frozenset(
    {
        messages.ProtoOAExecutionType.ORDER_FILLED,
        messages.ProtoOAExecutionType.ORDER_CANCELLED,
        messages.ProtoOAExecutionType.ORDER_EXPIRED,
        messages.ProtoOAExecutionType.ORDER_REJECTED,
    }
)

_Message = TypeVar("_Message", bound="Message")


def copy_of(message: _Message) -> _Message:
    """Give a message of one's own: what arrived is every listener's."""
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def is_open(position: messages.ProtoOAPosition) -> bool:
    """Whether a position is open. One without volume is closed, whatever its status says, or a placeholder that never
    was open (both observed: protocol notes, 1.12).
    """
    return bool(position.tradeData.volume) and position.positionStatus == _OPEN


def tells_nothing(position: messages.ProtoOAPosition) -> bool:
    """Whether a position is neither open nor gone: created, with a volume. Nothing is known of such."""
    return bool(position.tradeData.volume) and position.positionStatus == _CREATED


def order_works(event: messages.ProtoOAExecutionEvent) -> bool:
    """Whether the order of an execution event works after it; where it has no status, the event's type tells."""
    order = event.order
    return order.orderStatus == _WORKING and (order.HasField("orderStatus") or event.executionType not in _ENDING)


@dataclass(slots=True, eq=False)
class Meanwhile:
    """What events have told since a reconcile was asked for: of these they know better than its answer.

    :ivar positions: ids of positions that they told all of.
    :ivar orders: ids of orders that they told all of.
    """

    positions: set[int] = field(default_factory=set)
    orders: set[int] = field(default_factory=set)
    _levels: dict[int, float] = field(default_factory=dict)
    _order_levels: dict[int, float] = field(default_factory=dict)
    _margins: dict[int, int] = field(default_factory=dict)

    def executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        """An execution event told all of its order and its position."""
        if event.HasField("order"):
            self.orders.add(event.order.orderId)
        if event.HasField("position") and not tells_nothing(event.position):
            self.positions.add(event.position.positionId)

    def trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> None:
        """A trailing stop moved, and nothing else."""
        self._levels[event.positionId] = self._order_levels[event.orderId] = event.stopPrice

    def margin_changed(self, event: messages.ProtoOAMarginChangedEvent) -> None:
        """A position's margin changed, and nothing else."""
        self._margins[event.positionId] = event.usedMargin

    @property
    def moved_positions(self) -> set[int]:
        """Ids of positions of which an event told anything."""
        return self.positions.union(self._levels, self._margins)

    @property
    def moved_orders(self) -> set[int]:
        """Ids of orders of which an event told anything."""
        return self.orders.union(self._order_levels)

    def read(
        self, answer: messages.ProtoOAReconcileRes
    ) -> tuple[dict[int, messages.ProtoOAPosition], dict[int, messages.ProtoOAOrder]]:
        """Give copies of the answer's open positions and of its orders, by id, with moved levels and margins entered.

        What events told all of is in them as the answer has it: the caller knows it, and better.
        """
        positions = {item.positionId: copy_of(item) for item in answer.position if is_open(item)}
        orders = {item.orderId: copy_of(item) for item in answer.order}
        for key in self._levels.keys() & positions.keys():
            positions[key].stopLoss = self._levels[key]
        for key in self._order_levels.keys() & orders.keys():
            orders[key].stopPrice = self._order_levels[key]
        for key in self._margins.keys() & positions.keys():
            positions[key].usedMargin = self._margins[key]
        return positions, orders
