"""Orders made, held against the limits, sent, and followed to their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted.account.terms import BUY, check_amount, check_texts, check_units, shown, side_of
from ctrader_twisted.account.tracking import UNSENT, OrderState
from ctrader_twisted.errors import (
    OpenApiError,
    OrderNotPlaced,
    OutcomeUnknown,
    RequestNotSent,
    ServerError,
    ServerUnavailable,
)
from ctrader_twisted.market.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from google.protobuf.message import Message

    from ctrader_twisted.account.books import Books
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.drafting import Drafts
    from ctrader_twisted.account.lookup import Lookup
    from ctrader_twisted.account.permitting import Permits
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register
    from ctrader_twisted.account.sending import Sending
    from ctrader_twisted.account.terms import Side, Terms
    from ctrader_twisted.host import Host

_log = Logger()

STALE_AFTER: Final = 30.0
"""Seconds after which an order is not sent any more, if what it needs to know is not there by then."""


class Placing:
    """Places the orders of one account.

    :param client: what they are sent through.
    :param doubtful: is called when an order's outcome is unknown and the account stands.
    :param accepted: is called with an order that was accepted and is to end at once.
    :param answered: is called with an order when its answer came, or did not.
    """

    def __init__(
        self,
        client: Host,
        standing: Standing,
        register: Register,
        lookup: Lookup,
        drafts: Drafts,
        permits: Permits,
        sending: Sending,
        books: Books,
        *,
        doubtful: Callable[[], None],
        accepted: Callable[[Course], None],
        answered: Callable[[Course], None],
    ) -> None:
        self._client = client
        self._standing = standing
        self._register = register
        self._lookup = lookup
        self._drafts = drafts
        self._permits = permits
        self._sending = sending
        self._books = books
        self._doubtful = doubtful
        self._accepted = accepted
        self._answered = answered

    def place(self, order_type: int, side: Side, symbol: str | Symbol, terms: Terms) -> Course:
        """Make an order and send it, in this turn of the reactor if all that it takes is known.

        :raises TypeError: if the volume, a price, a distance or a level has no unit.
        :raises ValueError: if the side or the order's id can't be.
        :raises ClientClosed: if the client is closed.
        """
        self._standing.check_open()
        check_amount(terms.amount)
        check_units(terms)
        check_texts(terms)
        name = symbol.name if isinstance(symbol, Symbol) else symbol
        course = self._register.new(terms.client_order_id, name, side_of(side), order_type, asked=terms.amount)
        self.start(course, self.open(course, symbol, terms))
        return course

    def start(self, course: Course, making: Coroutine[Any, Any, None]) -> None:
        """Begin to make an order. What keeps it from being sent ends it."""

        def failed(failure: Failure) -> None:
            error = failure.value
            if course.state is OrderState.NOT_SENT:
                return  # it was taken back meanwhile
            if course.state not in UNSENT:
                _log.failure("{order}: its answer could not be taken in", failure, order=course.order)
                if not course.state.ended:
                    lost = OutcomeUnknown(str(course), f"its answer could not be taken in ({error})")
                    course.doubted(lost, self._client.clock.seconds())
                    self._doubtful()
                return
            if isinstance(error, OpenApiError):
                course.not_sent(error)
            else:
                course.not_sent(OrderNotPlaced(f"it could not be made ({error})", "see the log for more"))
                _log.failure("an order could not be made", failure)
            self._answered(course)

        Deferred.fromCoroutine(making).addErrback(failed)

    async def open(self, course: Course, name: str | Symbol, terms: Terms) -> None:
        """Send an order that opens, unless what it needs to know takes too long: then nobody wants it any more."""
        request = await self._in_time(course, name, terms)
        assert course.symbol is not None
        amount = shown(course.symbol, course.progress.volume)
        what = f"{'buying' if course.side == BUY else 'selling'} {amount} of {course.symbol.name}"
        await self.send(course, request, terms.timeout, what)

    async def rehearse(self, course: Course, symbol: Symbol, terms: Terms, *, replaces: int) -> None:
        """Refuse an order that opens if `open` would now; send nothing.

        :param replaces: a position that is closed before it is sent.
        """
        await self._in_time(course, symbol, terms, replaces)

    def _in_time(
        self, course: Course, name: str | Symbol, terms: Terms, replaces: int | None = None
    ) -> Deferred[Message]:
        within = STALE_AFTER if terms.timeout is None else terms.timeout
        preparing = Deferred.fromCoroutine(self._prepare(course, name, terms, replaces))
        return preparing.addTimeout(within, self._client.clock, lambda result, seconds: self._stale(seconds))

    async def _prepare(self, course: Course, name: str | Symbol, terms: Terms, replaces: int | None) -> Message:
        self._standing.check_open()
        symbol = name if isinstance(name, Symbol) else await self._lookup.symbol(name)
        volume = symbol.volume(terms.amount, terms.rounding)
        course.prepared(symbol, volume)
        request, exact = await self._drafts.new_order(course, symbol, volume, terms)
        await self._permits.opening(symbol, course.side, volume, terms.position_id, course, replaces=replaces)
        course.wants_levels = terms.stop_loss is not None, terms.take_profit is not None
        course.exact_levels = exact
        return request

    def _stale(self, seconds: float) -> Failure:
        reason = f"what it needs to know was not there within {seconds:g} s, and it is not kept for later"
        return Failure(RequestNotSent("ProtoOANewOrderReq", reason, self._standing.account_id))

    async def send(self, course: Course, request: Message, timeout: float | None, what: str) -> None:
        """Send an order, unless it has been taken back, and take its answer in; if none comes, it is in doubt.

        :param what: the order in words.
        """
        if course.state.ended:
            return
        course.sent_after, course.orders_before = self._books.server_ms, self._register.count
        answered = self._sending.send(
            request, timeout, what, opens=lambda: self._permits.opens(course), left=course.sent, of=course
        )
        course.queued()
        try:
            event = await answered
        except (OutcomeUnknown, ServerUnavailable) as error:
            course.doubted(error, self._client.clock.seconds())
            if self._standing.current:
                self._doubtful()
        except ServerError as error:
            course.refused(error)
        except OpenApiError as error:
            course.not_sent(error)
        else:
            self._register.bind(course, event.order.orderId)
            self._books.executed(event)
            if course.at_once and course.state.working:
                self._accepted(course)
        self._answered(course)

    def take_back(self, course: Course, error: OpenApiError) -> bool:
        """Keep an order from leaving; False if it has left.

        :param error: what it ends with.
        """
        if course.state is not OrderState.PREPARING:
            return self._sending.take_back(course, error)
        course.not_sent(error)  # `send` sees it, whatever it waits for until then
        self._answered(course)
        return True

    def cancel(self, course: Course, why: str = "it was cancelled") -> bool:
        """Keep an order from leaving that its author no longer wants; False if it has left."""
        request = "ProtoOANewOrderReq" if course.closes is None else "ProtoOAClosePositionReq"
        return self.take_back(course, RequestNotSent(request, f"{why} before it left", self._standing.account_id))

    def forbid(self) -> None:
        """Take back what may not leave any more, since a halt or a limit has been set."""
        for course in self._register.unended():
            error = self._permits.forbids(str(course), opens=self._permits.opens(course))
            if error is not None and course.state is OrderState.PREPARING:
                self.take_back(course, error)
        self._sending.forbid()
