"""A clock for virtual time: it knows what is due next, and goes there in one step.

It does what `twisted.internet.task.Clock` does. That one sorts all it has to do whenever something is added and after
each thing that is done, which would be much of the time that a year of market takes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IDelayedCall

_NOISE: Final = 1e-7
"""Seconds that sums of floats may be off, even after a year."""


class _Call(DelayedCall):
    """A call that knows its place.

    :ivar number: counts the calls that were asked for.
    :ivar entered: the time it is entered at; it may have been put off since.
    """

    number = 0
    entered = 0.0


@implementer(IReactorTime)
class VirtualClock:
    """Time that passes when it is told to. It begins at 0.

    Of calls that are due at one moment, the one that was asked for first is made first. Moments that no more than the
    noise of float arithmetic keeps from a whole microsecond are that microsecond, so that 0.1 and 0.2 is 0.3: what a
    venue does does not hang on how often its time was added up.

    :ivar rightNow: the time, as `twisted.internet.task.Clock` calls it. Set, it has passed before anything that became
        due is done, as after a computer was suspended; `advance` or `go_to` does that then.
    """

    def __init__(self) -> None:
        self.rightNow: float = 0.0
        self._asked = 0
        self._calls: list[tuple[float, int, _Call]] = []  # the next first

    # IReactorTime

    def seconds(self) -> float:
        """Give the time."""
        return self.rightNow

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> IDelayedCall:
        """Call something after so many seconds."""
        at = _without_noise(self.rightNow + delay)
        if at <= self.rightNow:  # however short the delay is, time passes
            at = self.rightNow + delay
        call = _Call(at, callable, args, kw, self._leave, self._move, self.seconds)
        self._asked = call.number = self._asked + 1
        self._enter(call)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Give what is to be called, the next first."""
        return sorted([call for _, _, call in self._calls], key=lambda call: (call.getTime(), call.number))

    # Time

    def next_due(self) -> float | None:
        """Give the time of the next call; None if there is none."""
        calls = self._calls
        while calls:
            at, _, call = calls[0]
            if not call.delayed_time:
                return at
            self._put_off(call)
        return None

    def go_to(self, moment: float) -> None:
        """Let it be that moment, and make every call that is due, those included that become due by them.

        :param moment: seconds; if it is before the present, the present stays.
        """
        now = self.rightNow = max(moment, _without_noise(moment), self.rightNow)  # never short of it
        calls = self._calls
        while calls and calls[0][0] <= now:
            call = calls[0][2]
            if call.delayed_time:
                self._put_off(call)
                continue
            del calls[0]
            call.called = 1
            call.func(*call.args, **call.kw)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once, as `twisted.internet.task.Clock.advance` does."""
        self.go_to(self.rightNow + seconds)

    # Inside

    def _enter(self, call: _Call) -> None:
        call.entered = call.time
        insort(self._calls, (call.time, call.number, call))

    def _leave(self, call: DelayedCall) -> None:
        assert isinstance(call, _Call)
        del self._calls[bisect_left(self._calls, (call.entered, call.number, call))]

    def _move(self, call: DelayedCall) -> None:
        assert isinstance(call, _Call)
        self._leave(call)
        self._enter(call)

    def _put_off(self, call: _Call) -> None:
        call.activate_delay()
        self._move(call)


def _without_noise(moment: float) -> float:
    """Give the whole microsecond that a moment is meant to be, if it is as good as there."""
    nearest = round(moment, 6)
    return nearest if abs(moment - nearest) < _NOISE else moment
