"""The daemon's log: a line an event, for people, on stderr; stdout belongs to the outputs."""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, LogLevel, formatEvent
from zope.interface import implementer

from ctrader_twisted.errors import OpenApiError

if TYPE_CHECKING:
    from twisted.logger import LogEvent
    from twisted.python.failure import Failure

_SHOWN = (LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)


@implementer(ILogObserver)
class LineObserver:
    """Writes events as lines: time, level, where from, what. A traceback is shown for faults of a program only.

    :param stream: where to. What it refuses is dropped: a log that can't be written must not end what it tells of.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        level = event.get("log_level")
        if level not in _SHOWN:
            return
        failure: Failure | None = event.get("log_failure")
        text = formatEvent(event)
        if failure is not None:
            if failure.check(ReactorNotRunning):
                return  # a second Ctrl-C while the first is being obeyed
            text = f"{text}: {failure.getErrorMessage()}" if text else failure.getErrorMessage()
            if not failure.check(OpenApiError):
                text = f"{text}\n{failure.getTraceback().rstrip()}"
        moment = datetime.fromtimestamp(event.get("log_time", 0.0)).astimezone()  # noqa: DTZ006  # the reader's own time
        line = f"{moment.isoformat(' ', 'seconds')} {level.name:<5} {event.get('log_namespace', '-')}: {_safe(text)}\n"
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line)
            self._stream.flush()


def _safe(text: str) -> str:
    """Replace what can't be printed, and indent further lines: a server's words move no cursor and fake no line."""
    shown = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
    return shown.replace("\n", "\n    ")


def stderr_observer() -> LineObserver:
    """Make the observer for ``twistd --logger=ctrader_twisted.service.stderr_observer``."""
    return LineObserver(sys.__stderr__ or sys.stderr)
