"""The thread in which the reactor runs: one for each process, begun when it is first needed.

The reactor is this thread's own. It is not installed: ``twisted.internet.reactor`` stays free for whoever uses it, and
is not even imported. Signals are left to the program.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ctrader_twisted.errors import CallTimeout, CannotWait, OpenApiError

if TYPE_CHECKING:
    from collections.abc import Callable

_log = Logger()

GIVING_UP: Final = 1.0
"""Seconds that a call which was given up is waited for, to say what became of it."""
_STARTING: Final = 10.0
_STOPPING: Final = 2.0
_GLANCE: Final = 0.2
"""Seconds that Windows is left alone with a lock: Ctrl-C is not noticed meanwhile."""


class _Call:
    """Something that is called in the reactor's thread, and waited for in another.

    :ivar done: set when there is a result.
    :ivar cancelled: whether the reactor's thread knows that it was given up.
    :ivar result: what came of it, a `Failure` if that is an error.
    """

    __slots__ = ("_begun", "_deferred", "_function", "_given_up", "_turn", "_undo", "cancelled", "done", "result")

    def __init__(self, function: Callable[[], Any], undo: Callable[[Any], object] | None) -> None:
        self.done = threading.Event()
        self.result: Any = None
        self.cancelled = False
        self._function = function
        self._undo = undo
        self._deferred: Deferred[Any] | None = None
        self._turn = threading.Lock()
        self._begun = False
        self._given_up = False

    # In the thread that waits

    def give_up(self) -> bool:
        """Wait for it no longer; say whether it had begun. If not, it never does."""
        with self._turn:
            self._given_up = True
            return self._begun

    # In the reactor's thread

    def begin(self) -> None:
        with self._turn:
            self._begun = not self._given_up
        if self._begun:
            self._deferred = maybeDeferred(self._function)
            self._deferred.addBoth(self.end)

    def end(self, result: object) -> None:
        self.result = result
        self.done.set()

    def cancel(self, undo: bool) -> None:
        """Cancel it, or undo what it has done if nobody will have that."""
        self.cancelled = True
        if not self.done.is_set():
            assert self._deferred is not None, "it has begun"
            self._deferred.cancel()
        elif undo and self._undo is not None and not isinstance(self.result, Failure):
            self._undo(self.result)


class ReactorThread:
    """A reactor in a thread of its own, which does not keep the interpreter from ending.

    :ivar reactor: the reactor: from other threads its ``callFromThread`` only.
    :ivar open: what is to be closed at the interpreter's end, by its id.
    """

    def __init__(self) -> None:
        self.reactor: Any = None
        self.open: dict[int, Callable[[], Deferred[Any]]] = {}
        self._pid = os.getpid()
        self._calls: set[_Call] = set()
        self._ended = False
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ctrader_twisted reactor", daemon=True)

    def start(self) -> None:
        """Begin, and wait until the reactor runs."""
        self._thread.start()
        if not self._running.wait(_STARTING) or self.reactor is None:
            raise RuntimeError("the reactor's thread did not start: its own traceback says why")

    @property
    def usable(self) -> bool:
        """Whether it runs in this very process."""
        return self.of_this_process and not self._ended

    @property
    def of_this_process(self) -> bool:
        """Whether it was begun in this very process, and not in one that this was forked off from."""
        return self._pid == os.getpid()

    def wait(
        self,
        what: str,
        function: Callable[[], Any],
        seconds: float | None,
        *,
        became: Callable[[], str] | None = None,
        undo: Callable[[Any], object] | None = None,
    ) -> Any:
        """Call a function in the reactor's thread and wait for what it gives, or for its Deferred.

        Interrupted, as by Ctrl-C, it leaves at once; what was asked for is cancelled then, or never begun.

        :param what: what is called, for messages.
        :param seconds: how long to wait at most; None for as long as it takes.
        :param became: called in the reactor's thread when that was too short: says what became of what it waited for.
        :param undo: called there with what came of it when nobody waits for that any more.
        :raises CallTimeout: if it was given up for that.
        :raises CannotWait: in the reactor's own thread, in a child process, and after the interpreter's end.
        """
        call = _Call(function, undo)
        self._calls.add(call)
        try:
            self._check(what)
            self.reactor.callFromThread(call.begin)
            if not self._done(call, seconds):
                assert seconds is not None, "it took as long as it takes"
                return self._given_up(what, call, seconds, became)
        except BaseException:  # a time-out that says so included: what comes of it yet is undone
            if call.give_up():
                self.reactor.callFromThread(call.cancel, True)
            raise
        finally:
            self._calls.discard(call)
        return given(call.result)

    def later(self, function: Callable[[], object]) -> None:
        """Call a function in the reactor's thread, and do not wait for it."""
        if self.usable:
            self.reactor.callFromThread(function)

    def stop(self) -> None:
        """Stop the reactor for good, and wait a moment for its thread to end."""
        if self.usable and self._thread is not threading.current_thread():
            self.reactor.callFromThread(self.reactor.stop)
            self._thread.join(_STOPPING)

    def _given_up(self, what: str, call: _Call, seconds: float, became: Callable[[], str] | None) -> Any:
        if not call.give_up():
            raise CallTimeout(what, seconds, "it did not begin, and never will: the reactor's thread is busy")
        self.reactor.callFromThread(call.cancel, False)
        if not self._done(call, GIVING_UP):
            ends = "it was given up, and has not ended yet"
            raise CallTimeout(
                what, seconds, ends if call.cancelled else "the reactor's thread is busy: it is given up then"
            )
        result = call.result
        if not isinstance(result, Failure):
            return result  # it came at the last moment
        cause = result.value if isinstance(result.value, OpenApiError) else None
        if cause is None and not result.check(CancelledError):
            return given(result)
        said = str(cause) if cause is not None else "it was given up, and what has left for the server may be done"
        if became is not None:
            said = self.wait(what, became, GIVING_UP) or said
        raise CallTimeout(what, seconds, said) from cause

    def _done(self, call: _Call, seconds: float | None) -> bool:
        if sys.platform != "win32":
            return call.done.wait(seconds)
        left = float("inf") if seconds is None else seconds  # pragma: no cover
        while left > 0 and not call.done.wait(min(_GLANCE, left)):  # pragma: no cover
            left -= _GLANCE
        return call.done.is_set()  # pragma: no cover

    def _check(self, what: str) -> None:
        if self._pid != os.getpid():
            raise CannotWait(
                what, "it was connected before this process was forked off", "connect in the new process, too"
            )
        if threading.current_thread() is self._thread:
            raise CannotWait(
                what, "it would wait for the reactor in the reactor's own thread", "listeners are called in another"
            )
        if self._ended:
            raise CannotWait(what, "the reactor's thread has ended", "connect anew")

    def _run(self) -> None:
        try:
            self.reactor = _new_reactor()
            self.reactor.callWhenRunning(self._running.set)
            self.reactor.run(installSignalHandlers=False)
        finally:
            self._ended = True
            self._running.set()
            for call in tuple(self._calls):
                call.end(Failure(CannotWait("a call", "the reactor's thread has ended", "connect anew")))


def given(result: Any) -> Any:
    """Give a result, or raise it, so that the traceback leads to who called."""
    if isinstance(result, Failure):
        error = result.value
        assert error is not None, "a failure has one"
        raise _again(error) if isinstance(error, OpenApiError) else error
    return result


def _again(error: OpenApiError) -> OpenApiError:
    """Give an error anew, for one who raises it.

    The Deferred API keeps some, as that of an order. Raised itself, such an error would keep the frames of whoever has
    met it, and so the client; and two threads would write into one traceback.
    """
    kind = type(error)
    anew = kind.__new__(kind, *error.args)
    anew.args = error.args
    anew.__dict__.update(error.__dict__)
    anew.__cause__, anew.__context__ = error.__cause__, error.__context__
    anew.__suppress_context__ = error.__suppress_context__
    return anew


def _new_reactor() -> Any:
    """Make the best reactor that this platform has, for this thread alone."""
    reactor: Any
    try:
        from twisted.internet.epollreactor import EPollReactor as Reactor
    except ImportError:
        from twisted.internet.selectreactor import SelectReactor as Reactor
    reactor = Reactor()
    reactor._registerAsIOThread = False  # which thread of the process is the one for this is not ours to say
    return reactor


class _Process:
    """What this process has of it: at most one thread, and what is to be closed at its end."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.lock = threading.RLock()  # a signal handler or a __del__ may connect, too
        self.thread: ReactorThread | None = None

    def forked(self) -> None:
        """Leave the parent's to the parent, whose descriptors it shares: they may not even be collected."""
        _LEFT_BEHIND.append(self.thread)
        self.begin()

    def end(self) -> None:
        thread = self.thread
        if thread is None or not thread.usable:
            return
        closing = list(thread.open.values())
        try:
            if closing:
                thread.wait("closing at the end", lambda: _all(closing), CLOSING)
        except Exception:
            _log.failure("what was left open could not be closed in time")
        thread.stop()


CLOSING: Final = 8.0
"""Seconds that the interpreter's end waits for what was left open to be closed."""
_LEFT_BEHIND: Final[list[object]] = []
_process: Final = _Process()
atexit.register(_process.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forked)


def reactor_thread() -> ReactorThread:
    """Give this process's thread; begin it if there is none."""
    with _process.lock:
        thread = _process.thread
        if thread is None or not thread.usable:
            thread = ReactorThread()
            thread.start()
            meanwhile = _process.thread  # of a signal handler's, say, which ran in this thread meanwhile
            if meanwhile is not None and meanwhile.usable:
                thread.stop()
                return meanwhile
            _process.thread = thread
        return thread


def _all(closing: list[Callable[[], Deferred[Any]]]) -> Deferred[Any]:
    from twisted.internet.defer import DeferredList

    return DeferredList([maybeDeferred(close) for close in closing], consumeErrors=True)
