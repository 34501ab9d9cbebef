"""Before the client is closed: orders on their way waited for, and what has not left by then taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted.account.tracking import UNSENT
from ctrader_twisted.errors import ClientClosed

if TYPE_CHECKING:
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.order import Order
    from ctrader_twisted.account.placing import Placing
    from ctrader_twisted.account.register import Register

_log = Logger()


class Finishing:
    """Sees the orders of one account off.

    :param register: the orders that were made here.
    :param placing: takes back what has not left.
    :param clock: an ``IReactorTime``.
    """

    def __init__(self, register: Register, placing: Placing, clock: Any) -> None:
        self._register = register
        self._placing = placing
        self._clock = clock
        self._told: set[Course] = set()

    def finish(self, within: float) -> Deferred[tuple[Order, ...]]:
        """Wait for orders on their way; see `Account.finish`."""
        return Deferred.fromCoroutine(self._finish()).addTimeout(within, self._clock)

    async def _finish(self) -> tuple[Order, ...]:
        began = self._clock.seconds()
        try:
            while under_way := self._under_way():
                first = under_way[0]
                await (first.at_rest() if first.in_motion else first.levels_settled())
        except (CancelledError, ClientClosed):  # the time is over, or who waits has given it up
            pass
        left = self._under_way()
        for course in left:
            self._leave(course, self._clock.seconds() - began)
        return tuple(course.order for course in left)

    def _under_way(self) -> list[Course]:
        return [course for course in self._register if course.in_motion or course.levels_to_come]

    def _leave(self, course: Course, waited: float) -> None:
        """Take an order back if it has not left, and tell what it is left as, once."""
        if course in self._told:
            return
        self._told.add(course)
        said = {"order": str(course), "state": course.state.value, "waited": f"{waited:.1f} s"}
        if course.state in UNSENT:
            _log.error("{order} was {state} after {waited}: it is taken back, and not sent any more", **said)
            course.told()
            self._placing.cancel(course, "the client is closed")
        elif course.unanswered:
            _log.error("{order} was {state} after {waited}: it has left, and may be carried out", **said)
        elif course.in_motion:
            _log.error("{order} was {state} after {waited}: what comes of it is not waited for", **said)
        else:
            _log.error("{order} was {state} after {waited}, and its levels may not be as asked for", **said)
