"""The kill switch: everything cancelled and closed, whoever made it, until nothing is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted.account.inquiries import LONGEST_PAUSE, Lost
from ctrader_twisted.account.tracking import OrderState
from ctrader_twisted.errors import (
    CannotRoute,
    ClientClosed,
    DryRun,
    NeverArrived,
    NotAuthorised,
    OpenApiError,
    OrderNotPlaced,
    PendingExecution,
    RateLimited,
    RequestNotSent,
    ServerError,
    ServerUnavailable,
    TradingHalted,
    UnderMaintenance,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from twisted.python.failure import Failure

    from ctrader_twisted.account.books import Books
    from ctrader_twisted.account.closing import Closing
    from ctrader_twisted.account.commands import Commands
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.permitting import Permits
    from ctrader_twisted.account.placing import Placing
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register

_log = Logger()

_TRIES: Final = 3
"""How often something is tried that the server refuses."""

_MOMENT: Final = 0.5
"""Seconds between two tries, at first, and between two looks: what somebody else has at the market is executed after
some 0.14 (observed), and may be in no list of the server's until then (unconfirmed)."""

_EXECUTED_WITHIN: Final = 10.0
"""Seconds for which somebody else's order is waited for that is being executed; then the server's lists count."""

PASSING: Final = (
    RequestNotSent,
    NeverArrived,
    NotAuthorised,
    RateLimited,
    ServerUnavailable,
    UnderMaintenance,
    CannotRoute,
    PendingExecution,
)
"""What a command is sent again after: nothing was executed."""

_Key: TypeAlias = tuple[str, int]
"""``"order"`` or ``"position"``, and its id."""


@dataclass(frozen=True, slots=True)
class Flattened:
    """What `Account.flatten` did. True if nothing is left.

    :ivar cancelled: ids of the orders that it cancelled.
    :ivar closed: ids of the positions that it closed.
    :ivar failures: why something is left, or why it can't be said whether something is.
    :ivar left: ids of the orders and positions that are there still.
    """

    cancelled: tuple[int, ...]
    closed: tuple[int, ...]
    failures: tuple[OpenApiError, ...]
    left: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return not self.left and not self.failures


@dataclass(slots=True)
class _Run:
    """One flattening.

    :ivar under_way: the commands that have not ended.
    :ivar given_up: what is not tried any more.
    :ivar why: why it was not done at the last try.
    :ivar unread: why the server's books could not be read.
    :ivar wake: tells who waits that a command has ended.
    """

    under_way: dict[_Key, Deferred[None]] = field(default_factory=dict)
    given_up: set[_Key] = field(default_factory=set)
    done: list[_Key] = field(default_factory=list)
    why: dict[_Key, OpenApiError] = field(default_factory=dict)
    unread: ServerError | None = None
    wake: Callable[[], None] = lambda: None


class Flattening:
    """Flattens one account.

    :param closing: closes positions.
    :param commands: cancels orders.
    :param placing: takes back what has not left.
    """

    def __init__(
        self,
        standing: Standing,
        portfolio: Portfolio,
        register: Register,
        permits: Permits,
        books: Books,
        inquiries: Inquiries,
        placing: Placing,
        commands: Commands,
        closing: Closing,
        clock: Any,
    ) -> None:
        self._standing = standing
        self._portfolio = portfolio
        self._register = register
        self._permits = permits
        self._books = books
        self._inquiries = inquiries
        self._placing = placing
        self._commands = commands
        self._closing = closing
        self._clock = clock

    async def flatten(self, reason: str) -> Flattened:
        """Cancel every working order and close every position; see `Account.flatten`.

        :param reason: why the account was halted.
        """
        for course in self._register.unended():
            if course.closes is None:
                self._placing.take_back(course, TradingHalted(reason))
        run = _Run()
        try:
            await self._sweep(run)
        finally:
            for command in tuple(run.under_way.values()):
                command.cancel()
        left = self._left()
        failures = dict.fromkeys(run.why[key] for key in left if key in run.why)
        if run.unread is not None:
            failures[run.unread] = None
        return Flattened(
            tuple(number for what, number in run.done if what == "order"),
            tuple(number for what, number in run.done if what == "position"),
            tuple(failures),
            tuple(number for _, number in left),
        )

    async def _sweep(self, run: _Run) -> None:
        await self._standing.when_known()
        try:
            self._permits.sending("cancelling and closing everything")
        except DryRun as error:
            run.why = dict.fromkeys(self._left(), error)
            return
        seen_empty = False
        while True:
            began = self._clock.seconds()
            if self._begin(run):
                seen_empty = False
            while self._under_way(run) or (self._others_coming() and self._clock.seconds() - began < _EXECUTED_WITHIN):
                seen_empty = False
                await self._pass_a_moment(run)
                self._begin(run)
            await self._learn(run)
            if all(key in run.given_up for key in self._left()) and not self._under_way(run):
                if self._left() or seen_empty:
                    return
                seen_empty = True
                await self._pass_a_moment(run)

    async def _learn(self, run: _Run) -> None:
        """Ask what there is now. A loss is waited out."""
        while True:
            await self._standing.when_known()
            try:
                await self._books.refresh()
            except Lost:
                await self._pass_a_moment(run)
                continue
            except ServerError as error:
                run.unread = error  # then what is known is closed
            else:
                run.unread = None
            return

    def _begin(self, run: _Run) -> bool:
        """Cancel and close what nobody is about to, all at once; say whether there was anything."""
        closing = self._being_closed()
        new = [key for key in self._left() if key not in run.under_way and key not in run.given_up]
        new = [(what, number) for what, number in new if what == "order" or number not in closing]
        for what, number in new:
            act = self._cancel if what == "order" else self._close
            command = run.under_way[what, number] = Deferred.fromCoroutine(self._until_gone(run, (what, number), act))
            command.addErrback(_unexpected).addBoth(self._ended, run, (what, number))
        return bool(new)

    def _ended(self, result: None, run: _Run, key: _Key) -> None:
        run.under_way.pop(key, None)
        run.wake()

    async def _until_gone(self, run: _Run, key: _Key, act: Callable[[int], Awaitable[None]]) -> None:
        """Cancel or close something, again and again if that fails for such reasons as pass."""
        refusals, delay = 0, _MOMENT
        while key in self._left():
            await self._standing.when_known()
            try:
                await act(key[1])
            except ClientClosed:
                raise
            except OpenApiError as error:
                run.why[key] = error
                refusals += not isinstance(error, PASSING)
                if isinstance(error, OrderNotPlaced) or refusals == _TRIES:
                    run.given_up.add(key)
                    return
            else:
                run.done.append(key)
                return
            await self._inquiries.pause(delay)
            delay = min(delay * 2, LONGEST_PAUSE)

    async def _cancel(self, order_id: int) -> None:
        await self._commands.cancel(order_id, None)

    async def _close(self, position_id: int) -> None:
        await self._closing.close(position_id).wait("filled")

    async def _pass_a_moment(self, run: _Run) -> None:
        """Wait until a command has ended or an order on its way has got further, but no longer than a moment."""
        woken: Deferred[None] = Deferred()

        def wake(_: object = None) -> None:
            if not woken.called:
                woken.callback(None)

        pause = Deferred.fromCoroutine(self._inquiries.pause(_MOMENT))
        pause.addBoth(wake)
        run.wake = wake
        stops = [course.listen(wake) for course in self._ours_coming()]
        try:
            await woken
        finally:
            run.wake = lambda: None
            for stop in stops:
                stop()
            pause.cancel()
        if self._standing.closed:
            raise ClientClosed

    # What there is

    def _left(self) -> list[_Key]:
        orders: list[_Key] = [("order", order_id) for order_id in self._portfolio.pending_orders]
        return orders + [("position", position_id) for position_id in self._portfolio.positions]

    def _being_closed(self) -> set[int]:
        """Give the open positions that an order of this object is closing, so far as nothing speaks against it."""
        return {
            course.closes
            for course in self._register.unended()
            if course.closes is not None
            and course.closes in self._portfolio.positions
            and course.state is not OrderState.UNKNOWN
        }

    def _under_way(self, run: _Run) -> bool:
        """Say whether something is being done, or done by an order of this object, that will be told."""
        return bool(run.under_way or self._being_closed() or self._ours_coming())

    def _others_coming(self) -> bool:
        """Say whether somebody else's order is being executed."""
        return any(order.opening and not order.pending for order in self._portfolio.orders.values())

    def _ours_coming(self) -> list[Course]:
        """Give the orders of this object that may open something yet and can't be cancelled."""
        unsure = (OrderState.SENT, OrderState.UNKNOWN)
        pending = self._portfolio.pending_orders
        return [
            course
            for course in self._register.unended()
            if course.closes is None
            and (course.state in unsure or (course.state.working and course.order_id not in pending))
        ]


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, and what the end of the client, or of the flattening, ends."""
    if not failure.check(ClientClosed, Lost, CancelledError):
        _log.failure("unexpected failure while an account was flattened", failure)
