"""What is believed of an account, kept by what the server says: events as they come, and everything asked for anew.

Listeners are told before those who wait for an order, so that whoever keeps state of his own has it when they go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted import messages
from ctrader_twisted.account.inquiries import Lost
from ctrader_twisted.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.register import Register
    from ctrader_twisted.account.telling import Listeners
    from ctrader_twisted.account.valuation import Valuation
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.session.events import LateRefusal

_DAY_MS = 86_400_000


class Books:
    """Takes in what the server says of one account.

    :param portfolio: positions, working orders, balance.
    :param register: the orders that were made here.
    :param listeners: who is told.
    :param inquiries: how the server is asked.
    :param valuation: follows the prices of what there is.
    :param clock: an ``IReactorTime``.
    :param moved: is called after each execution event.
    :param looked_at: is called with each order of the register when everything was asked for anew.
    :param in_doubt: is called when there is an order whose end nobody has told.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        register: Register,
        listeners: Listeners,
        inquiries: Inquiries,
        valuation: Valuation,
        clock: Any,
        *,
        moved: Callable[[messages.ProtoOAExecutionEvent], None],
        looked_at: Callable[[Course], None],
        in_doubt: Callable[[], None],
    ) -> None:
        self._portfolio = portfolio
        self._account_id = portfolio.account_id
        self._register = register
        self._listeners = listeners
        self._inquiries = inquiries
        self._valuation = valuation
        self._clock = clock
        self._moved = moved
        self._looked_at = looked_at
        self._in_doubt = in_doubt
        self._server_ms = 0
        self._time_asked = False

    @property
    def server_ms(self) -> int:
        """The latest time that the server has named, ms UTC; 0 before the first."""
        return self._server_ms

    def after_now(self) -> int:
        """Give a moment, ms UTC, that is not before the server's now, whatever is wrong with the clock here."""
        here: int = round(self._clock.seconds() * 1000)
        return max(self._server_ms, here) + _DAY_MS

    # Events

    def executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        """Something was done. An event that is told twice changes nothing the second time."""
        if event.ctidTraderAccountId != self._account_id:
            return
        if event.HasField("order"):
            self._server_says(event.order.utcLastUpdateTimestamp)
        if event.HasField("deal"):
            self._server_says(event.deal.executionTimestamp)
        changes = self._portfolio.executed(event)
        course = self._register.of(event.order) if event.HasField("order") else None
        if event.HasField("order"):
            self._register.seen(event.order.orderId)
        news = course is not None and course.executed_by(event)
        if course is not None and course.order_id is not None:
            self._register.bind(course, course.order_id)
        self._listeners.tell(changes)
        if course is not None and news:
            course.changed()
        self._valuation.follow()
        self._moved(event)

    def trailed(self, event: messages.ProtoOATrailingSLChangedEvent) -> None:
        """A stop loss has followed the price."""
        self._listeners.tell(self._portfolio.trailed(event))

    def margin_changed(self, event: messages.ProtoOAMarginChangedEvent) -> None:
        """The margin of a position has changed."""
        self._listeners.tell(self._portfolio.margin_changed(event))

    def trader_updated(self, event: messages.ProtoOATraderUpdatedEvent) -> None:
        """The account's own terms have changed."""
        if event.ctidTraderAccountId == self._account_id:
            self._listeners.tell(self._portfolio.trader(event.trader))

    # Asking anew

    async def refresh(self) -> None:
        """Ask for the account's terms, positions and orders, and take the answers in.

        :raises Lost: if the account does not stand any more.
        :raises ServerError: if the server refuses.
        """
        asked = self._portfolio.reconciling()
        try:
            answer = await self._inquiries.reconcile()
            request = messages.ProtoOATraderReq(ctidTraderAccountId=self._account_id)
            trader = await self._inquiries.ask(request)
        except BaseException:
            self._portfolio.not_reconciled(asked)
            raise
        for position in answer.position:
            self._server_says(position.utcLastUpdateTimestamp)
        for order in answer.order:
            self._server_says(order.utcLastUpdateTimestamp)
            self._register.seen(order.orderId)
        self._listeners.tell(self._portfolio.trader(trader.trader))
        self._listeners.tell(self._portfolio.reconciled(answer, asked))
        self._valuation.follow()
        now = self._clock.seconds()
        for course in self._register:
            if course.state.working and not course.doubtful and course.order_id not in self._portfolio.orders:
                course.in_doubt(now)  # it has ended, and nobody said how
                self._in_doubt()
            self._looked_at(course)

    async def look_again(self) -> None:
        """What was found out was not told by an event: learn the rest of it."""
        try:
            await self.refresh()
        except (Lost, ServerError):
            pass  # what stands again learns anew; what is refused is no news of what was found out

    # Doubt

    def nothing_is_told(self) -> None:
        """The account was lost: what works may be filled or cancelled meanwhile, and nobody will say so."""
        now = self._clock.seconds()
        for course in self._register:
            if course.state.working:
                course.in_doubt(now)

    def found(self, course: Course, message: messages.ProtoOAOrder) -> None:
        """A list has an order in doubt; its details are still to be asked for, and nobody is told until then."""
        self._register.bind(course, message.orderId)
        course.known_as(message.orderId)

    def listed(self, course: Course, order: messages.ProtoOAOrder, deals: Iterable[messages.ProtoOADeal] = ()) -> None:
        """A list or its details say what became of an order. `refresh` comes before: who waits for the order is told
        now, and finds positions and balance as they are.
        """
        course.listed(order, deals)
        self._looked_at(course)

    def refused_late(self, event: LateRefusal) -> None:
        """The server refused a command after its time was over. If it was an order's, that ends it."""
        course = self._register.sent_as(event.request)
        if event.error.account_id == self._account_id and course is not None:
            course.refused(event.error)
            self._looked_at(course)

    def absent(self, course: Course, error: OpenApiError) -> None:
        """An order never arrived."""
        course.absent(error)
        self._looked_at(course)

    async def learn_time(self) -> None:
        """Learn a time of the server's, and which orders there were before any of ours: by the newest of its list.

        :raises Lost: if the account does not stand any more.
        """
        if self._time_asked:
            return
        request = messages.ProtoOAOrderListReq(ctidTraderAccountId=self._account_id)
        try:
            answer = await self._inquiries.ask(request)
        except ServerError:
            return  # then it is learned by what happens
        self._time_asked = True
        for order in answer.order:
            self._server_says(max(order.utcLastUpdateTimestamp, order.tradeData.openTimestamp))
            self._register.seen(order.orderId)

    def _server_says(self, at_ms: int) -> None:
        self._server_ms = max(self._server_ms, at_ms)
