"""The levels of orders that are filled: whether they stand on the position by now, and those that are set exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted.account.inquiries import Lost
from ctrader_twisted.account.terms import KEEP, Levels
from ctrader_twisted.errors import ClientClosed, LevelsMissing, OpenApiError, OrderNotPlaced
from ctrader_twisted.market.units import Price

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from ctrader_twisted.account.books import Books
    from ctrader_twisted.account.commands import Commands
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing
    from ctrader_twisted.account.register import Register
    from ctrader_twisted.messages import ProtoOAExecutionEvent

_log = Logger()

LEVELS_WITHIN: Final = 5.0
"""Seconds after its fill within which an order's levels stand; if not, they are not coming."""


class Protecting:
    """Follows the levels that orders of one account left with.

    :param commands: sets levels.
    """

    def __init__(
        self,
        standing: Standing,
        portfolio: Portfolio,
        register: Register,
        inquiries: Inquiries,
        books: Books,
        commands: Commands,
    ) -> None:
        self._standing = standing
        self._portfolio = portfolio
        self._register = register
        self._inquiries = inquiries
        self._books = books
        self._commands = commands

    def look_at(self, event: ProtoOAExecutionEvent) -> None:
        """See whether the levels of those orders stand by now that an event's position is of."""
        if event.HasField("position"):
            for course in self._register.of_position(event.position.positionId):
                self.check(course)

    def check(self, course: Course) -> None:
        """See whether the levels of an order stand by now; whoever waits for them is told if they do or never will."""
        if course.levels_known or not course.state.ended:
            return
        error = self._never(course)
        if error is not None:
            course.levels_are(error)
            return
        position = self._position_of(course)
        assert position is not None
        if not course.levels_missing(position):
            course.levels_are(position)
            if course.exact_levels == (None, None):
                course.protected_by(position)
            else:
                Deferred.fromCoroutine(self._set_exactly(course, position.position_id)).addErrback(_unexpected)
        elif not course.levels_awaited:
            course.levels_awaited = True
            Deferred.fromCoroutine(self._await_levels(course)).addErrback(_unexpected)

    def _never(self, course: Course) -> OpenApiError | None:
        """Say why an order that has ended will have no levels; None if it may."""
        progress, position = course.progress, self._position_of(course)
        if progress.error is not None:
            return progress.error
        if course.closes is not None:
            return OrderNotPlaced("an order that closes has no levels", "wait for filled()")
        if not progress.executed:
            return course.not_filled(course.state.value, 0)
        if position is None:
            return course.not_filled("its position is not open", progress.executed)
        if position.side != course.side:
            return course.not_filled("it made a position smaller", progress.executed)
        return None

    def _position_of(self, course: Course) -> Position | None:
        return None if course.position_id is None else self._portfolio.positions.get(course.position_id)

    async def _await_levels(self, course: Course) -> None:
        """Wait for its levels no longer than a while: others may have replaced them, or the server dropped them."""
        await self._inquiries.pause(LEVELS_WITHIN)
        await self._standing.when_known()
        await self._books.look_again()
        self.check(course)
        if course.levels_known:
            return
        position = self._position_of(course)
        assert position is not None  # or `check` would have told it
        missing = LevelsMissing(str(course), position.position_id, course.levels_missing(position))
        _log.warn("{missing}", missing=str(missing))
        course.levels_are(missing)

    async def _set_exactly(self, course: Course, position_id: int) -> None:
        """Set the levels that a market order could take as distances only."""
        stop, take = course.exact_levels
        wanted = Levels(KEEP if stop is None else Price(stop), KEEP if take is None else Price(take))
        try:
            course.protected_by(await self._commands.set_levels(position_id, wanted, fresh=False))
        except OpenApiError as error:
            course.protected_by(error)
            _log.warn("{order}: its levels stay where the fill put them: {error}", order=course.order, error=str(error))


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, and what the end of the client ends."""
    if not failure.check(ClientClosed, Lost):
        _log.failure("unexpected failure while levels were looked after", failure)
