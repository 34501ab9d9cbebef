"""A function that is called again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.task import LoopingCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime


class Repeating(LoopingCall):
    """A looping call by a given clock.

    Twisted's own has the global reactor for its clock until it is told otherwise, and installs one for that if there is
    none: in a program that runs a reactor of its own, or means to install another one later, that is one too many.

    :param clock: by which it is called.
    :param function: what is called.
    """

    def __init__(self, clock: IReactorTime, function: Callable[[], object]) -> None:
        # Not super(), which does that; these are all that it sets.
        self.f = function
        self.a: tuple[object, ...] = ()
        self.kw: dict[str, object] = {}
        self.clock = clock
