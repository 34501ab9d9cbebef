"""What is to be done later at a desk, all of which ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timers:
    """Calls on a clock, by numbers of its own."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._calls: dict[int, IDelayedCall] = {}
        self._made = 0

    def later(self, seconds: float, action: Callable[[], None]) -> int:
        """Do something after so many seconds, and give the number by which it can be called off."""
        self._made += 1
        number = self._made

        def due() -> None:
            del self._calls[number]
            action()

        self._calls[number] = self._clock.callLater(seconds, due)
        return number

    def call_off(self, number: int | None) -> None:
        """Forget one call; nothing if it is None, or done."""
        call = None if number is None else self._calls.pop(number, None)
        if call is not None:
            call.cancel()

    def stop(self) -> None:
        """Forget every call."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
