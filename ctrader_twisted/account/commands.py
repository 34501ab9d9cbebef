"""Commands about what is there: cancel, amend, levels. If no answer comes, the server's books say what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import DeferredLock

from ctrader_twisted import messages
from ctrader_twisted.account.drafting import agrees, unchanged
from ctrader_twisted.account.inquiries import FIRST_PAUSE, LONGEST_PAUSE, Lost
from ctrader_twisted.account.order import Order
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

    from ctrader_twisted.account.books import Books
    from ctrader_twisted.account.drafting import Drafts
    from ctrader_twisted.account.holdings import PendingOrder, Position
    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.permitting import Permits
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register
    from ctrader_twisted.account.sending import Sending
    from ctrader_twisted.host import Host

_T = TypeVar("_T")
_CANCELLED: Final = messages.ProtoOAOrderStatus.ORDER_STATUS_CANCELLED
_WORKING: Final = messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED


class Commands:
    """The commands of one account.

    :param settle_after: seconds after which a command whose effect does not show is held to have never arrived.
    """

    def __init__(
        self,
        client: Host,
        standing: Standing,
        portfolio: Portfolio,
        register: Register,
        lookup: Lookup,
        drafts: Drafts,
        permits: Permits,
        sending: Sending,
        books: Books,
        inquiries: Inquiries,
        settle_after: float,
    ) -> None:
        self._client = client
        self._standing = standing
        self._portfolio = portfolio
        self._account_id = portfolio.account_id
        self._register = register
        self._lookup = lookup
        self._drafts = drafts
        self._permits = permits
        self._sending = sending
        self._books = books
        self._inquiries = inquiries
        self._settle_after = settle_after
        self._turns: dict[tuple[str, int], DeferredLock] = {}

    async def cancel(self, order: Order | PendingOrder | int, timeout: float | None) -> Any:
        """Cancel an order; see `Account.cancel`."""
        order_id = await self._working_id(order)
        request = messages.ProtoOACancelOrderReq(ctidTraderAccountId=self._account_id, orderId=order_id)
        ended_as: list[int] = []

        async def ended() -> bool:
            details = await self._inquiries.details(order_id)
            if details is None:
                return False
            ours = self._register.by_order_id(order_id)
            await self._books.refresh()
            if ours is not None:
                self._books.listed(ours, details.order, details.deal)
            if details.order.orderStatus == _WORKING:
                return False
            ended_as.append(details.order.orderStatus)
            return True

        what = f"cancelling order {order_id}"
        try:
            await self._send(request, timeout, what)
        except (OutcomeUnknown, ServerUnavailable) as error:
            await self._confirm(ended, error, what)
            if ended_as[-1] != _CANCELLED:
                name = messages.ProtoOAOrderStatus(ended_as[-1]).name
                raise NotWorking(f"order {order_id}", name) from error
        if isinstance(order, Order) and order.state.ended and order.state is not order.state.CANCELLED:
            raise NotWorking(str(order), order.state.value)
        return order

    async def amend(self, order: Order | PendingOrder | int, changes: Changes) -> Any:
        """Change an order; see `Account.amend`."""
        order_id = await self._working_id(order)
        await self._in_turn("order", order_id, lambda: self._amend(order_id, changes))
        return order

    async def _amend(self, order_id: int, changes: Changes) -> None:
        while True:
            known = self._portfolio.orders.get(order_id)
            if known is None:
                raise NotWorking(f"order {order_id}", "not among the working orders")
            symbol = await self._lookup.by_id(known.symbol_id)
            request = await self._drafts.amendment(known, symbol, changes)
            grows = max(0, request.volume - known.volume) if known.opening else 0
            if grows:
                await self._permits.opening(symbol, known.side, grows, known.position_id, larger=known)
            if known is self._portfolio.orders.get(order_id):
                break  # else it has changed while a price was awaited: what is to stay is another

        async def applied() -> bool:
            await self._books.refresh()
            now = self._portfolio.orders.get(order_id)
            if now is None:
                raise NotWorking(f"order {order_id}", "not among the working orders any more")
            ours = self._register.by_order_id(order_id)
            if ours is not None:
                self._books.listed(ours, now.message)
            return agrees(now.message, request)

        what = f"amending order {order_id}"
        with self._permits.growing(symbol, known.side, grows):
            try:
                await self._send(request, changes.timeout, what, opens=grows > 0)
            except (OutcomeUnknown, ServerUnavailable) as error:
                await self._confirm(applied, error, what, lambda: self._is_as(known))

    async def set_levels(self, position_id: int, change: Levels, *, fresh: bool = True) -> Position:
        """Set a position's levels; see `Account.set_levels`.

        :param fresh: whether to wait for those that an order left with: they come a moment after its fill (observed),
            and what is set before them would take them away.
        """
        if fresh:
            for course in self._register.of_position(position_id):
                if course.levels_to_come:
                    await course.levels_settled()
        return await self._in_turn("position", position_id, lambda: self._set_levels(position_id, change))

    async def _set_levels(self, position_id: int, change: Levels) -> Position:
        position: Position | None = None
        stop = take = None
        while position is None or position is not self._portfolio.positions.get(position_id):  # as in `_amend`
            position = self._position(position_id)
            symbol = await self._lookup.by_id(position.symbol_id)
            stop, take = await self._drafts.levels(position, symbol, change)
        if (stop, take, position.stop_loss, position.take_profit) == (None, None, None, None):
            return position
        trailing = None if change.trailing is KEEP else bool(change.trailing)
        if stop is None and position.trailing:
            # The server keeps the flag unless it is told false, and takes false only beside a stop loss (observed).
            off = self._drafts.position_amendment(position, position.stop_loss, take, change, trailing=False)
            position = await self._amend_position(position_id, off, change.timeout)
            if take is None and position.stop_loss is None:
                return position
        request = self._drafts.position_amendment(position, stop, take, change, trailing)
        return await self._amend_position(position_id, request, change.timeout)

    async def trail(self, position_id: int, distance: Pips | Money, timeout: float | None) -> Position:
        """Let a stop loss trail; see `Account.trail`."""
        position = self._position(position_id)
        symbol = await self._lookup.by_id(position.symbol_id)
        away = await self._drafts.distance(symbol, distance, position.volume)
        quote = await self._drafts.quote(symbol)
        price = quote.bid if position.side == BUY else quote.ask
        assert price is not None
        level = Price(price - away if position.side == BUY else price + away)
        return await self.set_levels(position_id, Levels(level, trailing=True, rounding="nearest", timeout=timeout))

    # Inside

    async def _amend_position(
        self, position_id: int, request: messages.ProtoOAAmendPositionSLTPReq, timeout: float | None
    ) -> Position:
        before = self._portfolio.positions.get(position_id)

        async def applied() -> bool:
            await self._books.refresh()
            return agrees(self._position(position_id).message, request, before)

        what = f"setting the levels of position {position_id}"
        try:
            await self._send(request, timeout, what)
        except (OutcomeUnknown, ServerUnavailable) as error:
            await self._confirm(applied, error, what, lambda: self._has_levels_of(before))
        return self._position(position_id)

    def _position(self, position_id: int) -> Position:
        position = self._portfolio.positions.get(position_id)
        if position is None:
            raise no_position(position_id, self._portfolio.known)
        return position

    async def _in_turn(self, what: str, number: int, act: Callable[[], Awaitable[_T]]) -> _T:
        """Do something about an order or a position when what was begun before about the same is done.

        Each command sends what is to stay, too: two at once would take back what the other did.
        """
        key = what, number
        turn = self._turns.setdefault(key, DeferredLock())
        await turn.acquire()
        try:
            return await act()
        finally:
            turn.release()
            if not turn.locked and self._turns.get(key) is turn:
                del self._turns[key]

    async def _working_id(self, order: Order | PendingOrder | int) -> int:
        if isinstance(order, int):
            return order
        if not isinstance(order, Order):
            return order.order_id
        try:
            await order.accepted()
        except ClientClosed:
            raise
        except OpenApiError as error:  # the order's, not the command's
            raise NotWorking(str(order), order.state.value) from error
        if order.state.ended or order.order_id is None:
            raise NotWorking(str(order), order.state.value)
        return order.order_id

    async def _send(self, request: Message, timeout: float | None, what: str, *, opens: bool = False) -> None:
        """Send a command and take its answer in.

        :param what: the command in words.
        :param opens: whether a halt takes it back, if it has not left.
        :raises OutcomeUnknown: if it may have been carried out; `ServerUnavailable` is no word on that either.
        """
        event = await self._sending.send(request, timeout, what, opens=lambda: opens)
        if isinstance(event, messages.ProtoOAExecutionEvent):
            self._books.executed(event)

    def _is_as(self, before: PendingOrder) -> bool:
        now = self._portfolio.orders.get(before.order_id)
        return now is not None and unchanged(now.message, before.message)

    def _has_levels_of(self, before: Position | None) -> bool:
        now = None if before is None else self._portfolio.positions.get(before.position_id)
        if before is None or now is None:
            return False
        return now.take_profit == before.take_profit and (now.stop_loss == before.stop_loss or before.trailing)

    async def _confirm(
        self,
        applied: Callable[[], Awaitable[bool]],
        error: OpenApiError,
        what: str,
        untouched: Callable[[], bool] = lambda: True,
    ) -> None:
        """Find out whether a command was carried out.

        :param error: why that is not known.
        :param untouched: says whether everything is as it was before. If it is neither that nor as was wanted, somebody
            else has had his hands in it, and it is not known still.
        :raises NeverArrived: if it was not, and is not on its way any more either.
        """
        began, looks, delay = self._client.clock.seconds(), 0, FIRST_PAUSE
        while True:
            await self._standing.when_known()
            try:
                try:
                    if await applied():
                        return
                    looks += 1
                except ServerError:
                    pass  # no word on the command: asked again
                waited = self._client.clock.seconds() - began
                if looks >= 2 and waited >= self._settle_after:
                    if not untouched():
                        raise error
                    raise NeverArrived(what, waited, self._account_id) from error
                await self._inquiries.pause(delay)
                delay = min(delay * 2, LONGEST_PAUSE)
            except Lost:
                if self._standing.closed:
                    raise ClientClosed from None
