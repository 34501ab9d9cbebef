"""A coroutine as a program: the reactor, Ctrl-C, errors as sentences, the exit status."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from ctrader_twisted.cli.failures import HUNG_UP, INTERRUPTED, TERMINATED, CommandFailed, Interrupted
from ctrader_twisted.cli.remedies import SPENDING, explain
from ctrader_twisted.cli.terminal import say
from ctrader_twisted.errors import OpenApiError, RequestFailed
from ctrader_twisted.service.lookups import wait_for_no_lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from twisted.logger import LogEvent
    from twisted.python.failure import Failure

EXPECTED: Final = (OpenApiError, OSError, CommandFailed, Interrupted)
"""What a command may fail with; anything else is a fault of the program."""

_log = Logger()

_GRACE = 15.0
"""Seconds that a program told to end may take for it: new tokens that were asked for are worth waiting for."""


def run(
    program: Callable[[Any], Coroutine[Deferred[Any], Any, int | None]],
    *,
    verbose: bool = False,
    when_interrupted: int = INTERRUPTED,
) -> NoReturn:
    """Run a program in the reactor and leave with its status.

    :param program: called with the reactor; gives the exit status, None being 0. When the person interrupts or
        closes the terminal, what it waits for is cancelled; it may take fifteen seconds to end in order.
    :param verbose: write the log on stderr.
    :param when_interrupted: the status then.
    :raises SystemExit: always.
    """
    from twisted.internet import reactor

    begin_log(verbose)
    wait_for_no_lookup(reactor)
    raise SystemExit(_Run(reactor, program, when_interrupted).status())


class _Run:
    def __init__(
        self, reactor: Any, program: Callable[[Any], Coroutine[Deferred[Any], Any, int | None]], when_interrupted: int
    ) -> None:
        self._reactor = reactor
        self._program = program
        self._told: dict[int, int] = {signal.SIGINT: when_interrupted, signal.SIGTERM: TERMINATED}
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else: nohup
            self._told[signal.SIGHUP] = HUNG_UP
        self._signalled: int | None = None
        self._running: Deferred[int | None] | None = None
        self._status = INTERRUPTED  # unless the program says something else

    def status(self) -> int:
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()
        _let_go_of_dead_outputs()
        return self._status if self._signalled is None else self._told[self._signalled]

    def _begin(self) -> None:
        for number in self._told:
            signal.signal(number, self._signal)
        self._running = Deferred.fromCoroutine(self._program(self._reactor))
        self._running.addCallbacks(self._ended, self._failed).addBoth(self._stop)

    def _signal(self, number: int, _: object) -> None:
        if self._signalled is not None:
            # A terminal that closes may send several signals; a person who presses again means it.
            if HUNG_UP in (self._told[self._signalled], self._told[number]):
                return
            show_cursor()
            os._exit(self._told[number])
        self._signalled = number
        self._reactor.callFromThread(self._interrupt)

    def _interrupt(self) -> None:
        self._reactor.callLater(_GRACE, self._stop)
        if self._running is not None:
            self._running.cancel()

    def _ended(self, status: int | None) -> None:
        self._status = status or 0

    def _failed(self, failure: Failure) -> None:
        assert failure.value is not None
        if self._signalled is not None and (failure.check(CancelledError) or _withdrawn(failure.value)):
            return
        if not isinstance(failure.value, EXPECTED):
            _log.failure("a fault of this program", failure)
        self._status = tell(failure.value)

    def _stop(self, _: object = None) -> None:
        with suppress(ReactorNotRunning):
            self._reactor.stop()


def _withdrawn(error: BaseException) -> bool:
    """Say whether a request was given up because the program was told to end, and has used nothing up."""
    return isinstance(error, RequestFailed) and str(error.reason) == "cancelled" and error.request not in SPENDING


def show_cursor() -> None:
    """Undo what a table that changes in place does to a terminal."""
    with suppress(OSError, ValueError):
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), b"\x1b[?25h")


def _let_go_of_dead_outputs() -> None:
    """Let Python find nothing to complain of when it ends after the terminal is gone."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def tell(error: BaseException) -> int:
    """Say what went wrong, and give the exit status."""
    if isinstance(error, BrokenPipeError):
        # Whoever read stdout has seen enough. Nothing may be written there when Python ends, either.
        _to_nowhere(sys.stdout)
        return 0
    if isinstance(error, Interrupted):
        say("")
        return INTERRUPTED
    say(f"ctrader: {sentence(error)}", "red")
    return 1


def sentence(error: BaseException) -> str:
    """Give what to say of an error: what, where, the remedy."""
    if isinstance(error, CommandFailed):
        return str(error)
    if isinstance(error, OpenApiError):
        return explain(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: this should not happen. To see more: ctrader --verbose …"


def begin_log(verbose: bool) -> None:
    """Begin to log: everything on stderr, or nothing but faults of the program itself."""
    observer: Any
    if verbose:
        from ctrader_twisted.service.log import LineObserver

        observer = LineObserver(_Stderr())  # type: ignore[arg-type]
    else:
        observer = FaultObserver()
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)


class _Stderr:
    """Whatever sys.stderr is at the moment: a live table puts itself in its place."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


@implementer(ILogObserver)
class FaultObserver:
    """Says in a line, once, that the program has a fault; of what else the client logs the commands tell themselves."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, event: LogEvent) -> None:
        """Look at one event."""
        failure: Failure | None = event.get("log_failure")
        if event.get("log_level") is not LogLevel.critical or failure is None:
            return
        if failure.check(OpenApiError, ReactorNotRunning) or event["log_namespace"] == __name__:
            return  # known, or told already
        text = f"{formatEvent(event) or 'a fault'}: {type(failure.value).__name__}"
        if text not in self._said:
            self._said.add(text)
            say(f"ctrader: {text}. To see more: ctrader --verbose …", "red")
