"""Warnings and errors of this package, told to Python's `logging`, where programs that know nothing of Twisted look.

Each becomes a record of the logger of its module, such as ``ctrader_twisted.account.course``, as long as there is a
`Telling`. A program that has begun Twisted's logging itself has them there, and not here as well.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import finalize

from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogBeginner, globalLogPublisher
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from twisted.logger import LogEvent

_LEVELS: Final[Mapping[Any, int]] = {
    LogLevel.warn: logging.WARNING,
    LogLevel.error: logging.ERROR,
    LogLevel.critical: logging.CRITICAL,
}
_OURS: Final = "ctrader_twisted."
_TO_CALLER: Final = 6
"""Which frame a record is of: between it and who logs lie this module twice, Twisted's publisher, its logger twice."""


@implementer(ILogObserver)
class _ToLogging:
    """An observer that makes records of warnings and errors, and is there as long as somebody has need of it.

    `twisted.logger.STDLibLogObserver` has one logger for all that is said, and a record of its keeps what is spoken of:
    an order would keep the client.
    """

    def __init__(self) -> None:
        self._needed_by: set[object] = set()
        self._here = threading.local()
        self.renew()

    def renew(self) -> None:
        """Leave the lock to the process that this one was forked off from: a thread of that may have it."""
        self._lock = threading.RLock()  # a collection may end a `Telling` amid another's begin

    def begin(self, key: object) -> None:
        """Be there for somebody."""
        with self._lock:
            self._needed_by.add(key)
            globalLogPublisher.addObserver(self)

    def end(self, key: object) -> None:
        """Be there no longer for somebody."""
        with self._lock:
            self._needed_by.discard(key)
            if not self._needed_by:
                globalLogPublisher.removeObserver(self)

    def __call__(self, event: LogEvent) -> None:
        """Make a record of an event, if it is a warning or an error of this package."""
        level, namespace = _LEVELS.get(event.get("log_level")), event.get("log_namespace") or ""
        if level is None or not namespace.startswith(_OURS) or _begun():
            return
        if getattr(self._here, "telling", False):
            return  # a handler of logging's says it to Twisted again, which would never end
        self._here.telling = True
        try:
            self._tell(event, level, namespace)
        finally:
            self._here.telling = False

    def _tell(self, event: LogEvent, level: int, namespace: str) -> None:
        logger = logging.getLogger(namespace)
        if level == logging.CRITICAL and not logger.hasHandlers():
            return  # Twisted writes these to stderr by itself, where logging's last resort would write them again
        failure = event.get("log_failure")
        error = None if failure is None else (failure.type, failure.value, failure.getTracebackObject())
        logger.log(level, "%s", formatEvent(event), exc_info=error, stacklevel=_TO_CALLER)


def _begun() -> bool:
    """Say whether the program has begun Twisted's logging, for which there is no other word than this.

    Once it begins, before it says again what was said before, the observer until then is taken away.
    """
    return globalLogBeginner._temporaryObserver not in globalLogPublisher._observers


_to_logging: Final = _ToLogging()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_to_logging.renew)


class Telling:
    """Tells from now on, until `end`, the end of a ``with``, or until nobody has this any more.

    Any number may be there at once, in any thread: each event is told once.
    """

    def __init__(self) -> None:
        key = object()
        self._end = finalize(self, _to_logging.end, key)
        self._end.atexit = False
        _to_logging.begin(key)

    def end(self) -> None:
        """Have no need of it any more; that it was ended before is no error."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
