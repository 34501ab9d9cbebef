"""Questions to the server that are repeated while they fail for such reasons as pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    CannotRoute,
    NotAuthorised,
    QueueFull,
    RateLimited,
    RequestFailed,
    ServerError,
    ServerUnavailable,
    UnderMaintenance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.host import Host

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 5.0
"""Seconds between one question and the next: each pause is twice the one before it, up to the longest."""

_PAGES: Final = 20
_TOLERANCE_MS: Final = 60_000
_WEEK_MS: Final = 604_800_000
_LAST_MS: Final = 2_147_483_646_000
PASSING: Final = (RateLimited, ServerUnavailable, UnderMaintenance, CannotRoute, QueueFull, TimeoutError)
"""What a question is asked again after."""


class Lost(Exception):
    """The account does not stand any more: what was being found out begins anew when it does."""


class Inquiries:
    """Questions to the server that are repeated while they fail for such reasons as pass.

    :param account_id: whose.
    :param client: what they are sent through; its clock times the pauses.
    :param standing: says whether the account stands.
    """

    def __init__(self, account_id: int, client: Host, standing: Standing) -> None:
        self._account_id = account_id
        self._client = client
        self._standing = standing
        self._pauses: set[Deferred[None]] = set()

    async def ask(self, message: Message, wanted: Callable[[], bool] = lambda: True) -> Any:
        """Ask until it is answered.

        :param wanted: asked each time before it is sent.
        :raises Lost: if the account does not stand any more, or it is not wanted.
        :raises ServerError: if the server refuses for a reason that does not pass.
        """
        delay = FIRST_PAUSE
        while self._standing.stands and wanted():
            try:
                return await self._client.request(message)
            except PASSING as error:
                asked_for = error.retry_after if isinstance(error, ServerError) else None
                wait = max(delay, asked_for or 0.0)
            except (NotAuthorised, RequestFailed):
                break
            await self.pause(wait)
            delay = min(delay * 2, 2 * LONGEST_PAUSE)
        raise Lost

    async def pause(self, seconds: float) -> None:
        """Let time pass.

        :raises Lost: if the client is closed, or was.
        """
        if self._standing.closed:
            raise Lost
        pause: Deferred[None] = Deferred()
        call = self._client.clock.callLater(seconds, pause.callback, None)
        self._pauses.add(pause)
        try:
            await pause
        except CancelledError:
            if self._standing.closed:
                raise Lost from None
            raise  # whoever waits for what follows has given it up
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
        """Ask for the orders made since a moment, the newest first; twenty answers at most.

        Windows are optional today; a server that still wants them is given weeks.

        :param since_ms: ms UTC of the server; 0 for all that there are.
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
                if not windowed or request.fromTimestamp <= max(0, since_ms - _TOLERANCE_MS):
                    return orders, True
                until = request.fromTimestamp
                continue
            oldest = min((order.tradeData.openTimestamp for order in answer.order), default=0)
            if oldest < since_ms - _TOLERANCE_MS:
                return orders, True
            if until is not None and oldest >= until:
                return orders, False  # a page of one moment: there is no way past it
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
