"""Commands about what is there: cancel, amend, levels. If no answer comes, the server's books say what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted import messages
from ctrader_twisted.account.drafting import agrees
from ctrader_twisted.account.order import Order
from ctrader_twisted.account.settling import Lost
from ctrader_twisted.account.terms import BUY, KEEP, Changes, Levels, no_position
from ctrader_twisted.errors import (
    ClientClosed,
    NeverArrived,
    NotWorking,
    OpenApiError,
    OutcomeUnknown,
    ServerError,
    ServerUnavailable,
)
from ctrader_twisted.market.units import Money, Pips, Price

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.portfolio import PendingOrder, Position

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_CANCELLED: Final = messages.ProtoOAOrderStatus.ORDER_STATUS_CANCELLED
_WORKING: Final = messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED


class Commands:
    """The commands of one account.

    :param account: whose.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    async def cancel(self, order: Order | PendingOrder | int, timeout: float | None) -> Any:
        """Cancel an order; see `Account.cancel`."""
        account = self._account
        order_id = await self._working_id(order)
        request = messages.ProtoOACancelOrderReq(ctidTraderAccountId=account.account_id, orderId=order_id)
        ended_as: list[int] = []

        async def ended() -> bool:
            details = await account._inquiries.details(order_id)
            if details is None:
                return False
            ours = account._by_order_id.get(order_id)
            if ours is not None:
                ours._listed(details.order, details.deal)
            if details.order.orderStatus == _WORKING:
                return False
            ended_as.append(details.order.orderStatus)
            return True

        try:
            await self._send(request, timeout)
        except (OutcomeUnknown, ServerUnavailable) as error:
            await self._confirm(ended, error, f"cancelling order {order_id}")
            await account._look_again()
            if ended_as[-1] != _CANCELLED:
                name = messages.ProtoOAOrderStatus(ended_as[-1]).name
                raise NotWorking(f"order {order_id}", name) from error
        if isinstance(order, Order) and order.state.ended and order.state is not order.state.CANCELLED:
            raise NotWorking(str(order), order.state.value)
        return order

    async def amend(self, order: Order | PendingOrder | int, changes: Changes) -> Any:
        """Change an order; see `Account.amend`."""
        account = self._account
        order_id = await self._working_id(order)
        known = account._portfolio.orders.get(order_id)
        if known is None:
            raise NotWorking(f"order {order_id}", "not among the working orders")
        symbol = await account._symbol_by_id(known.symbol_id)
        request = await account._drafts.amendment(known, symbol, changes)

        async def applied() -> bool:
            await account._refresh()
            now = account._portfolio.orders.get(order_id)
            if now is None:
                raise NotWorking(f"order {order_id}", "not among the working orders any more")
            ours = account._by_order_id.get(order_id)
            if ours is not None:
                ours._listed(now.message)
            return agrees(now.message, request)

        try:
            await self._send(request, changes.timeout)
        except (OutcomeUnknown, ServerUnavailable) as error:
            await self._confirm(applied, error, f"amending order {order_id}")
        return order

    async def set_levels(self, position_id: int, change: Levels) -> Position:
        """Set a position's levels; see `Account.set_levels`."""
        account = self._account
        position = await self._with_levels(position_id)
        symbol = await account._symbol_by_id(position.symbol_id)
        stop, take = await account._drafts.levels(position, symbol, change)
        if (stop, take, position.stop_loss, position.take_profit) == (None, None, None, None):
            return position
        trailing = None if change.trailing is KEEP else bool(change.trailing)
        if stop is None and position.trailing:
            # The server keeps the flag unless it is told false, and takes false only beside a stop loss (observed).
            off = account._drafts.position_amendment(position, position.stop_loss, take, change, trailing=False)
            position = await self._amend_position(position_id, off, change.timeout)
            if take is None and position.stop_loss is None:
                return position
        request = account._drafts.position_amendment(position, stop, take, change, trailing)
        return await self._amend_position(position_id, request, change.timeout)

    async def trail(self, position_id: int, distance: Pips | Money, timeout: float | None) -> Position:
        """Let a stop loss trail; see `Account.trail`."""
        account = self._account
        position = await self._with_levels(position_id)
        symbol = await account._symbol_by_id(position.symbol_id)
        away = await account._drafts.distance(symbol, distance, position.volume)
        quote = await account._drafts.quote(symbol)
        price = quote.bid if position.side == BUY else quote.ask
        assert price is not None
        level = Price(price - away if position.side == BUY else price + away)
        return await self.set_levels(position_id, Levels(level, trailing=True, rounding="nearest", timeout=timeout))

    # Inside

    async def _amend_position(
        self, position_id: int, request: messages.ProtoOAAmendPositionSLTPReq, timeout: float | None
    ) -> Position:
        account = self._account

        async def applied() -> bool:
            await account._refresh()
            now = account.positions.get(position_id)
            if now is None:
                raise no_position(position_id)
            return agrees(now.message, request)

        try:
            await self._send(request, timeout)
        except (OutcomeUnknown, ServerUnavailable) as error:
            await self._confirm(applied, error, f"setting the levels of position {position_id}")
        position = account.positions.get(position_id)
        if position is None:
            raise no_position(position_id)
        return position

    async def _with_levels(self, position_id: int) -> Position:
        """Give a position, its levels known: those of a fresh fill come a moment after it (observed)."""
        account = self._account
        for order in account._orders_of(position_id):
            if order.levels_to_come:
                await order.levels_stand()
        position = account.positions.get(position_id)
        if position is None:
            raise no_position(position_id)
        return position

    async def _working_id(self, order: Order | PendingOrder | int) -> int:
        if isinstance(order, int):
            return order
        if not isinstance(order, Order):
            return order.order_id
        await order.accepted()
        if order.state.ended or order.order_id is None:
            raise NotWorking(str(order), order.state.value)
        return order.order_id

    async def _send(self, request: Message, timeout: float | None) -> None:
        """Send a command and take its answer in.

        :raises OutcomeUnknown: if it may have been carried out; `ServerUnavailable` is no word on that either.
        """
        event = await self._account._client.request(request, timeout=timeout)
        if isinstance(event, messages.ProtoOAExecutionEvent):
            self._account._executed(event)

    async def _confirm(self, applied: Callable[[], Awaitable[bool]], error: OpenApiError, what: str) -> None:
        """Find out whether a command was carried out.

        :raises NeverArrived: if it was not, and is not on its way any more either.
        """
        account = self._account
        began, looks, delay = account._clock.seconds(), 0, _FIRST_PAUSE
        while True:
            await account._when_current()
            try:
                try:
                    if await applied():
                        return
                    looks += 1
                except ServerError:
                    pass  # no word on the command: asked again
                waited = account._clock.seconds() - began
                if looks >= 2 and waited >= account._settle_after:
                    raise NeverArrived(what, waited, account.account_id) from error
                await account._inquiries.pause(delay)
                delay = min(delay * 2, _LONGEST_PAUSE)
            except Lost:
                if account._closed:
                    raise ClientClosed from None
