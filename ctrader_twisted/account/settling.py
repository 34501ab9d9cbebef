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

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.account.inquiries import FIRST_PAUSE, LONGEST_PAUSE, Lost
from ctrader_twisted.account.terms import AT_MARKET
from ctrader_twisted.errors import ClientClosed, NeverArrived, OutcomeUnknown, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.python.failure import Failure

    from ctrader_twisted.account.books import Books
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register

_log = Logger()
_LOOK_EACH: Final = 0.1
_MARKET: Final = messages.ProtoOAOrderType.MARKET
_SKEW_MS: Final = 2_000
"""By how much the clocks of the server's own machines may differ, each of which stamps some of what it tells."""


class Settling:
    """Finds out what became of orders in doubt, one pass after the other, until none is left.

    :param account_id: its ctidTraderAccountId.
    :param inquiries: how the server is asked.
    :param register: the orders that were made here.
    :param books: are told what was found, and ask anew for what was not told.
    :param clock: an ``IReactorTime``.
    :param settle_after: seconds after which an order in no list is held to have never arrived.
    """

    def __init__(
        self,
        account_id: int,
        inquiries: Inquiries,
        standing: Standing,
        register: Register,
        lookup: Lookup,
        books: Books,
        clock: Any,
        settle_after: float,
    ) -> None:
        self._account_id = account_id
        self._inquiries = inquiries
        self._standing = standing
        self._register = register
        self._lookup = lookup
        self._books = books
        self._clock = clock
        self._settle_after = settle_after
        self._running = False
        self._again = False

    def wake(self) -> None:
        """Begin, unless it is under way."""
        if self._running:
            self._again = True
            return
        self._running = True
        Deferred.fromCoroutine(self._run()).addErrback(_unexpected)

    def expect_end(self, course: Course) -> None:
        """An order at the market is accepted: if nobody tells what became of it in time, find it out."""
        Deferred.fromCoroutine(self._expect_end(course)).addErrback(_unexpected)

    async def _expect_end(self, course: Course) -> None:
        try:
            await self._inquiries.pause(self._settle_after)
        except Lost:
            return
        if course.state.working and not course.doubtful:
            course.in_doubt(self._clock.seconds())
            self.wake()

    async def settled(self) -> None:
        """Wait until no order is in doubt; see `Account.settled`."""
        while True:
            await self._standing.when_known()
            if not self._register.doubtful():
                return
            try:
                await self._inquiries.pause(_LOOK_EACH)
            except Lost:
                raise ClientClosed from None

    async def find(self, client_order_id: str) -> Course:
        """Find an order by its id; see `Account.find`."""
        known = self._register.get(client_order_id)
        if known is not None:
            return known
        began, what = self._clock.seconds(), f"order {client_order_id!r}"
        while True:
            await self._standing.when_known()
            try:
                answer = await self._inquiries.reconcile()
                listed, complete = await self._inquiries.recent_orders(0, self._books.after_now())
                for message in (*answer.order, *listed):  # what works is first, then what is newest
                    if message.clientOrderId == client_order_id and not message.closingOrder:
                        return await self._taken_up(message)
                if not complete:
                    raise OutcomeUnknown(what, "it is none of the newest that the server lists", self._account_id)
                waited = self._clock.seconds() - began
                if waited >= self._settle_after:
                    raise NeverArrived(what, waited, self._account_id, sent=False)
                await self._inquiries.pause(self._settle_after - waited)  # it may have been sent a moment ago
            except Lost:
                continue

    async def _taken_up(self, message: messages.ProtoOAOrder) -> Course:
        symbol = await self._lookup.by_id(message.tradeData.symbolId)
        details = await self._inquiries.details(message.orderId)
        await self._books.refresh()
        known = self._register.get(message.clientOrderId)
        if known is not None:
            return known  # somebody else has looked for it meanwhile
        course = self._register.new(message.clientOrderId, symbol.name, message.tradeData.tradeSide, message.orderType)
        course.prepared(symbol, message.tradeData.volume)
        self._register.bind(course, message.orderId)
        found = message if details is None else details.order
        self._books.listed(course, found, () if details is None else details.deal)
        return course

    async def _run(self) -> None:
        delay = FIRST_PAUSE
        try:
            while True:
                self._again = False
                doubtful = self._register.doubtful()
                if not doubtful:
                    return
                try:
                    await self._pass(doubtful)
                except ServerError as error:
                    _log.warn(
                        "what became of {count} orders can't be found out yet: {error}",
                        count=len(doubtful),
                        error=str(error),
                    )
                    delay = LONGEST_PAUSE
                if self._register.doubtful():
                    await self._inquiries.pause(delay)
                    delay = min(delay * 2, LONGEST_PAUSE)
        except Lost:
            return
        finally:
            self._running = False
            if self._again:
                self.wake()

    async def _pass(self, doubtful: list[Course]) -> None:
        """Ask once about every order in doubt."""
        openings = [course for course in doubtful if course.order_id is None and course.closes is None]
        if openings:
            await self._look_for(openings)
        for course in doubtful:
            if course.order_id is None and course.closes is not None:
                await self._look_for_closing(course)
        told = [(course, await self._inquiries.details(course.order_id)) for course in doubtful if course.order_id]
        if any(details is not None for _, details in told):
            await self._books.refresh()
        for course, details in told:
            if details is not None and course.doubtful:
                self._books.listed(course, details.order, details.deal)
                waited = self._clock.seconds() - course.doubted_at
                if course.order_type in AT_MARKET and not course.state.ended and waited < self._settle_after:
                    course.in_doubt(course.doubted_at)  # it is being filled: that may be withheld as well

    async def _look_for(self, openings: list[Course]) -> None:
        wanted = {course.client_order_id: course for course in openings}
        # In this order: an order that is filled in between leaves the working ones and is in the list by then.
        answer = await self._inquiries.reconcile()
        self._match(answer.order, wanted)
        complete = True
        if any(course.order_id is None for course in openings):
            since = min(course.sent_after for course in openings)
            listed, complete = await self._inquiries.recent_orders(since, self._books.after_now())
            self._match(listed, wanted)
        for course in openings:
            if course.order_id is None and complete:
                self._missing(course)

    def _match(self, listed: Iterable[messages.ProtoOAOrder], wanted: dict[str, Course]) -> None:
        for message in listed:
            course = wanted.get(message.clientOrderId)
            # A protective order carries the id of the order that opened its position (observed).
            if (
                course is not None
                and course.order_id is None
                and not message.closingOrder
                and course.may_be(message)
                and message.tradeData.openTimestamp >= course.sent_after - _SKEW_MS
                and not self._register.is_anothers(message.orderId, course)
            ):
                self._books.found(course, message)

    async def _look_for_closing(self, course: Course) -> None:
        assert course.closes is not None
        for message in reversed(await self._inquiries.orders_of(course.closes)):
            if (
                message.closingOrder
                and message.orderType == _MARKET
                and not message.isStopOut
                and message.tradeData.tradeSide == course.side
                and message.tradeData.volume == course.progress.volume
                and message.tradeData.openTimestamp >= course.sent_after - _SKEW_MS
                and not self._register.is_anothers(message.orderId, course)
            ):
                self._books.found(course, message)
                return
        self._missing(course)

    def _missing(self, course: Course) -> None:
        course.absences += 1
        waited = self._clock.seconds() - course.doubted_at
        if course.absences >= 2 and waited >= self._settle_after:
            self._books.absent(course, NeverArrived(str(course), waited, self._account_id))


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here."""
    _log.failure("unexpected failure while it was found out what became of orders", failure)
