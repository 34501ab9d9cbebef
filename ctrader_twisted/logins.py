"""Looks for new logins while an account waits for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from ctrader_twisted.errors import TokenStoreError
from ctrader_twisted.repeating import Repeating

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from ctrader_twisted.tokens import TokenKeeper

LOOK_EVERY = 3.0
"""Seconds between two looks into the token store."""

_log = Logger()


class Logins:
    """Reads the token store again and again, for as long as somebody has to log in; the clients do the rest.

    :param needed: says whether somebody has to.
    """

    def __init__(self, tokens: TokenKeeper, clock: IReactorTime, needed: Callable[[], bool]) -> None:
        self._tokens = tokens
        self._needed = needed
        self._problem = ""
        self._looking = Repeating(clock, self._look)

    def expect(self) -> None:
        """Begin to look, unless that is going on already."""
        if not self._looking.running:
            self._looking.start(LOOK_EVERY, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None] | None:
        if not self._needed():
            self._looking.stop()
            return None
        return self._tokens.load().addCallbacks(self._read, self._not_read)

    def _read(self, _: None) -> None:
        self._problem = ""

    def _not_read(self, failure: Failure) -> None:
        """Say so once: it is tried again."""
        failure.trap(TokenStoreError)
        problem = failure.getErrorMessage()
        if problem != self._problem:
            _log.error("{problem}", problem=problem)
            self._problem = problem
