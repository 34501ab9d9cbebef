"""Finding out what became of orders whose answer was lost.

An order that left and was not answered may have been carried out. It is never sent again; the server's own books say
what became of it: the working orders of a reconcile, the order list, an order's details with its deals. Our id stands
in an order's `clientOrderId`, which the server echoes and does not use itself (observed). A closing order has no id of
ours, as its request has no field for one (observed): it is known by its position, side and volume, and by not having
been there before.

That an order is in no list proves nothing at once: what was on its way may still arrive, and lists have been seen to
lag behind (observed on older servers: seconds). It is held to have never arrived only after it was missing twice, the
second time `settle_after` seconds after the doubt began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    CannotRoute,
    NeverArrived,
    NotAuthorised,
    QueueFull,
    RateLimited,
    RequestFailed,
    ServerError,
    ServerUnavailable,
    UnderMaintenance,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from google.protobuf.message import Message
    from twisted.python.failure import Failure

    from ctrader_twisted.account.order import Order

_log = Logger()

_PAGES: Final = 20
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_TOLERANCE_MS: Final = 60_000
_WEEK_MS: Final = 604_800_000
_LAST_MS: Final = 2_147_483_646_000
_AT_THE_MARKET: Final = (messages.ProtoOAOrderType.MARKET, messages.ProtoOAOrderType.MARKET_RANGE)
_PASSING: Final = (RateLimited, ServerUnavailable, UnderMaintenance, CannotRoute, QueueFull, TimeoutError)


class Lost(Exception):
    """The account does not stand any more: what was being found out begins anew when it does."""


class Inquiries:
    """Questions to the server that are repeated while they fail for such reasons as pass.

    :param account_id: whose.
    :param ask: sends a request.
    :param stands: says whether the account stands.
    :param clock: an ``IReactorTime``.
    """

    def __init__(
        self, account_id: int, ask: Callable[[Message], Deferred[Any]], stands: Callable[[], bool], clock: Any
    ) -> None:
        self._account_id = account_id
        self._ask = ask
        self._stands = stands
        self._clock = clock
        self._pauses: set[Deferred[None]] = set()

    async def ask(self, message: Message) -> Any:
        """Ask until it is answered.

        :raises Lost: if the account does not stand any more.
        :raises ServerError: if the server refuses for a reason that does not pass.
        """
        delay = _FIRST_PAUSE
        while self._stands():
            try:
                return await self._ask(message)
            except _PASSING as error:
                asked_for = error.retry_after if isinstance(error, ServerError) else None
                wait = max(delay, asked_for or 0.0)
            except (NotAuthorised, RequestFailed):
                break
            await self.pause(wait)
            delay = min(delay * 2, 2 * _LONGEST_PAUSE)
        raise Lost

    async def pause(self, seconds: float) -> None:
        """Let time pass.

        :raises Lost: if the client is closed meanwhile.
        """
        pause: Deferred[None] = Deferred()
        call = self._clock.callLater(seconds, pause.callback, None)
        self._pauses.add(pause)
        try:
            await pause
        except CancelledError:
            raise Lost from None
        finally:
            self._pauses.discard(pause)
            if call.active():
                call.cancel()

    def stop(self) -> None:
        """Ask nothing more."""
        for pause in list(self._pauses):
            pause.cancel()

    async def reconcile(self) -> messages.ProtoOAReconcileRes:
        """Ask for positions and working orders, protective ones among them."""
        answer: messages.ProtoOAReconcileRes = await self.ask(
            messages.ProtoOAReconcileReq(ctidTraderAccountId=self._account_id, returnProtectionOrders=True)
        )
        return answer

    async def details(self, order_id: int) -> messages.ProtoOAOrderDetailsRes | None:
        """Ask for an order and its deals; None if the server does not know it."""
        try:
            answer: messages.ProtoOAOrderDetailsRes = await self.ask(
                messages.ProtoOAOrderDetailsReq(ctidTraderAccountId=self._account_id, orderId=order_id)
            )
        except ServerError as error:
            if error.code == "ORDER_NOT_FOUND":
                return None
            raise
        return answer

    async def recent_orders(self, since_ms: int, now_ms: int) -> tuple[list[messages.ProtoOAOrder], bool]:
        """Ask for the orders made since a moment, the newest first.

        Windows are optional today; a server that still wants them is given weeks.

        :param since_ms: ms UTC of the server; 0 if no time of the server's is known, then one page has to do.
        :param now_ms: a moment not before the server's now, for servers that want a window.
        :return: the orders, and whether nothing since then is left out.
        """
        orders: list[messages.ProtoOAOrder] = []
        until: int | None = None
        windowed = False
        for _ in range(_PAGES):
            request = messages.ProtoOAOrderListReq(ctidTraderAccountId=self._account_id)
            if until is not None or windowed:
                request.toTimestamp = min(_LAST_MS, now_ms if until is None else until)
                if windowed:
                    request.fromTimestamp = max(0, request.toTimestamp - _WEEK_MS)
            try:
                answer: messages.ProtoOAOrderListRes = await self.ask(request)
            except ServerError as error:
                if error.code != "INCORRECT_BOUNDARIES" or windowed:
                    raise
                windowed = True
                continue
            orders.extend(answer.order)
            if not answer.hasMore:
                return orders, True
            oldest = min((order.tradeData.openTimestamp for order in answer.order), default=0)
            if not since_ms or oldest < since_ms - _TOLERANCE_MS or (until is not None and oldest >= until):
                return orders, bool(since_ms) and oldest < since_ms - _TOLERANCE_MS
            until = oldest
        return orders, False

    async def orders_of(self, position_id: int) -> list[messages.ProtoOAOrder]:
        """Ask for the orders of a position; none if the server does not know it."""
        try:
            answer: messages.ProtoOAOrderListByPositionIdRes = await self.ask(
                messages.ProtoOAOrderListByPositionIdReq(ctidTraderAccountId=self._account_id, positionId=position_id)
            )
        except ServerError as error:
            if error.code == "POSITION_NOT_FOUND":
                return []
            raise
        return list(answer.order)


class Settling:
    """Finds out what became of orders in doubt, one pass after the other, until none is left.

    :param inquiries: how the server is asked.
    :param doubtful: gives the orders in doubt.
    :param found: is told that the server knows an order by this id.
    :param refresh: asks anew what the account has, for what was not told.
    :param settle_after: seconds after which an order in no list is held to have never arrived.
    """

    def __init__(
        self,
        inquiries: Inquiries,
        doubtful: Callable[[], list[Order]],
        found: Callable[[Order, messages.ProtoOAOrder], None],
        known: Callable[[int, Order], bool],
        refresh: Callable[[], Awaitable[None]],
        clock: Any,
        settle_after: float,
        server_now: Callable[[], int],
    ) -> None:
        self._inquiries = inquiries
        self._doubtful = doubtful
        self._found = found
        self._known = known
        self._refresh = refresh
        self._clock = clock
        self._settle_after = settle_after
        self._server_now = server_now
        self._running = False
        self._again = False

    def wake(self) -> None:
        """Begin, unless it is under way."""
        if self._running:
            self._again = True
            return
        self._running = True
        Deferred.fromCoroutine(self._run()).addErrback(_unexpected)

    async def _run(self) -> None:
        delay = _FIRST_PAUSE
        try:
            while True:
                self._again = False
                doubtful = self._doubtful()
                if not doubtful:
                    return
                try:
                    if await self._pass(doubtful):
                        await self._refresh()
                except ServerError as error:
                    _log.warn(
                        "what became of {count} orders can't be found out yet: {error}",
                        count=len(doubtful),
                        error=str(error),
                    )
                    delay = _LONGEST_PAUSE
                if self._doubtful():
                    await self._inquiries.pause(delay)
                    delay = min(delay * 2, _LONGEST_PAUSE)
        except Lost:
            return
        finally:
            self._running = False
            if self._again:
                self.wake()

    async def _pass(self, doubtful: Iterable[Order]) -> bool:
        """Ask once about every order in doubt; say whether anything was found out."""
        doubtful = list(doubtful)
        settled = False
        openings = [order for order in doubtful if order.order_id is None and order.closes is None]
        if openings:
            await self._look_for(openings)
        for order in doubtful:
            if order.order_id is None and order.closes is not None:
                await self._look_for_closing(order)
        for order in doubtful:
            if order.order_id is not None and order.doubtful:
                details = await self._inquiries.details(order.order_id)
                if details is not None:
                    order._listed(details.order, details.deal)
                    settled = True
                    waited = self._clock.seconds() - order.doubted_at
                    if order.order_type in _AT_THE_MARKET and not order.state.ended and waited < self._settle_after:
                        order._in_doubt(order.doubted_at)  # it is being filled: that may be withheld as well
            elif not order.doubtful:
                settled = True
        return settled

    async def _look_for(self, openings: list[Order]) -> None:
        wanted = {order.client_order_id: order for order in openings}
        # In this order: an order that is filled in between leaves the working ones and is in the list by then.
        answer = await self._inquiries.reconcile()
        self._match(answer.order, wanted)
        complete = True
        if any(order.order_id is None for order in openings):
            since = min(order.sent_after for order in openings)
            listed, complete = await self._inquiries.recent_orders(since, self._server_now())
            self._match(listed, wanted)
        for order in openings:
            if order.order_id is None and complete:
                self._missing(order)

    def _match(self, listed: Iterable[messages.ProtoOAOrder], wanted: dict[str, Order]) -> None:
        for message in listed:
            order = wanted.get(message.clientOrderId)
            # A protective order carries the id of the order that opened its position (observed).
            if order is not None and order.order_id is None and not message.closingOrder:
                self._found(order, message)

    async def _look_for_closing(self, order: Order) -> None:
        assert order.closes is not None
        for message in reversed(await self._inquiries.orders_of(order.closes)):
            if (
                message.closingOrder
                and message.orderType == messages.ProtoOAOrderType.MARKET
                and not message.isStopOut
                and message.tradeData.tradeSide == order.side
                and message.tradeData.volume == order.volume
                and message.tradeData.openTimestamp >= order.sent_after
                and not self._known(message.orderId, order)
            ):
                self._found(order, message)
                return
        self._missing(order)

    def _missing(self, order: Order) -> None:
        order.absences += 1
        waited = self._clock.seconds() - order.doubted_at
        if order.absences >= 2 and waited >= self._settle_after:
            order._absent(NeverArrived(str(order), waited, order.account.account_id))


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here."""
    _log.failure("unexpected failure while it was found out what became of orders", failure)
