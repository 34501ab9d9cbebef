"""An order, from the moment it is asked for to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.account import order as deferred
from ctrader_twisted.account.keywords import Changing, takes
from ctrader_twisted.blocking.calls import gives, waits
from ctrader_twisted.blocking.link import Face
from ctrader_twisted.faces import Reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from typing import Unpack

    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.account.tracking import Fill, OrderState
    from ctrader_twisted.blocking.account import Account
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.symbols import Symbol
    from ctrader_twisted.market.units import Lots
    from ctrader_twisted.messages import ProtoOAOrder, ProtoOAOrderType, ProtoOATradeSide


class Order(Face, of=deferred.Order):
    """An order of an `Account`. It is made by the account's methods, never by hand.

    `accepted`, `filled`, `done` and `protected` wait for what becomes of it; a connection that is lost meanwhile does
    not end that. When they take too long, they raise `CallTimeout`, **and the order goes on**: `state` says where it
    stands, `cancel` ends it.
    """

    account: Reads[Account] = Reads()
    client_order_id: Reads[str] = Reads()
    symbol_name: Reads[str] = Reads()
    symbol: Reads[Symbol | None] = Reads()
    side: Reads[ProtoOATradeSide] = Reads()
    order_type: Reads[ProtoOAOrderType] = Reads()
    closes: Reads[int | None] = Reads()
    after: Reads[Order | None] = Reads()

    state: Reads[OrderState] = Reads()
    error: Reads[OpenApiError | None] = Reads()
    order_id: Reads[int | None] = Reads()
    position_id: Reads[int | None] = Reads()
    position: Reads[Position | None] = Reads()
    volume: Reads[int] = Reads()
    executed: Reads[int] = Reads()
    remaining: Reads[int] = Reads()
    lots: Reads[Lots | None] = Reads()
    executed_lots: Reads[Lots | None] = Reads()
    remaining_lots: Reads[Lots | None] = Reads()
    fills: Reads[tuple[Fill, ...]] = Reads()
    average_price: Reads[Decimal | None] = Reads()
    profit: Reads[Decimal | None] = Reads()
    message: Reads[ProtoOAOrder | None] = Reads()

    def __str__(self) -> str:
        return self._shown(str)

    def on_change(self, listener: Callable[[Order], object]) -> Callable[[], None]:
        """Call a listener with this order whenever something about it has changed, in the thread for listeners.

        :return: what ends it.
        """
        relay = self._link.relay(listener)
        end: Callable[[], None] = self._read(lambda: self._inner.on_change(relay))

        def ended() -> None:
            self._read(end)

        return ended

    @gives(deferred.Order.accepted)
    def accepted(self) -> Order: ...

    @gives(deferred.Order.filled)
    def filled(self) -> Order: ...

    @gives(deferred.Order.done)
    def done(self) -> Order: ...

    @waits(deferred.Order.protected)
    def protected(self) -> Position: ...

    @gives(deferred.Order.cancel)
    def cancel(self, *, timeout: float | None = None) -> Order: ...

    @gives(deferred.Order.amend)
    @takes(Changing)
    def amend(self, **changes: Unpack[Changing]) -> Order: ...

    def _became(self) -> str:
        return f"{self._inner} goes on, and is {self._inner.state.value}"
