"""An order, from the moment it is asked for to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.account import order as deferred
from ctrader_twisted.account.keywords import Changing, takes
from ctrader_twisted.aio.calls import gives_later, waits
from ctrader_twisted.aio.link import Face
from ctrader_twisted.faces import Reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from typing import Unpack

    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.account.tracking import Fill, OrderState
    from ctrader_twisted.aio.account import Account
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.symbols import Symbol
    from ctrader_twisted.market.units import Lots
    from ctrader_twisted.messages import ProtoOAOrder, ProtoOAOrderType, ProtoOATradeSide


class Order(Face, of=deferred.Order):
    """An order of an `Account`. It is made by the account's methods, never by hand.

    `accepted`, `filled`, `done` and `protected` wait for what becomes of it; a connection that is lost meanwhile does
    not end that. When who waits is cancelled, by ``asyncio.timeout`` for one, **the order goes on**: `state` says where
    it stands, `cancel` ends it.
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
        return str(self._inner)

    def on_change(self, listener: Callable[[Order], object]) -> Callable[[], None]:
        """Call a listener with this order whenever something about it has changed.

        :param listener: a function, or a coroutine function, which runs as a task.
        :return: what ends it.
        """
        end: Callable[[], None] = self._call("on_change", (self._link.relay(listener),))
        return end

    @gives_later(deferred.Order.accepted)
    async def accepted(self) -> Order: ...

    @gives_later(deferred.Order.filled)
    async def filled(self) -> Order: ...

    @gives_later(deferred.Order.done)
    async def done(self) -> Order: ...

    @waits(deferred.Order.protected)
    async def protected(self) -> Position: ...

    @gives_later(deferred.Order.cancel)
    async def cancel(self, *, timeout: float | None = None) -> Order: ...

    @gives_later(deferred.Order.amend)
    @takes(Changing)
    async def amend(self, **changes: Unpack[Changing]) -> Order: ...
