"""Listeners, called one after the other in a thread of their own, so that they may block, and ask."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger, LogLevel

from ctrader_twisted.entry.logs import Telling

if TYPE_CHECKING:
    from collections.abc import Callable

_log = Logger()

BOUND: Final = 10_000
"""How many events may wait for listeners. When more come the oldest are dropped, and the log says how many."""


class Callbacks:
    """Calls listeners in the order in which events came, in one thread, which is begun with the first event."""

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._waiting: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._news = threading.Condition()
        self._dropped = 0
        self._ended = False
        self._thread: threading.Thread | None = None

    def put(self, listener: Callable[[Any], object], event: object) -> None:
        """Have a listener called with an event; in the reactor's thread."""
        with self._news:
            if self._ended:
                return
            if len(self._waiting) == self._bound:
                self._waiting.popleft()
                self._dropped += 1
            if self._thread is None and not self._begin():
                return
            self._waiting.append((listener, event))
            self._news.notify()

    def end(self, within: float | None) -> bool:
        """Take nothing more, and wait until what has come was told; not in the thread of the listeners itself.

        :param within: seconds to wait at most; None for as long as it takes.
        :return: whether all of it was told.
        """
        with self._news:
            self._ended = True
            self._news.notify()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(within)
        return not thread.is_alive()

    def _begin(self) -> bool:
        thread = threading.Thread(target=self._run, name="ctrader_twisted listeners", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # from Python 3.12 on at the interpreter's end
            _log.warn("listeners are not told: {error}", error=error)
            return False
        self._thread = thread
        return True

    def _run(self) -> None:
        with Telling():  # it may outlive its client
            self._tell()

    def _tell(self) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._ended:
                    self._news.wait()
                if not self._waiting:
                    return
                listener, event = self._waiting.popleft()
                dropped, self._dropped = self._dropped, 0
            if dropped:
                _log.warn("{dropped} events were dropped: listeners are too slow for them", dropped=dropped)
            try:
                listener(event)
            except BaseException:  # sys.exit() as well: those that come after it are told
                _log.failure("listener {listener!r} failed", level=LogLevel.error, listener=listener)
            del listener, event  # while it waits, nothing is kept


class Relay:
    """A listener of the Deferred API that has another one called in the thread for that.

    :ivar wraps: whom it has called; two that wrap the same are equal.
    """

    __slots__ = ("_callbacks", "_taken", "wraps")

    def __init__(
        self, callbacks: Callbacks, wraps: Callable[[Any], object], taken: Callable[[Any], Any] | None = None
    ) -> None:
        if inspect.iscoroutinefunction(wraps):
            raise TypeError(f"{wraps!r} is a coroutine function: give a plain one, or use ctrader_twisted.aio")
        self.wraps: Callable[[Any], object] = wraps
        self._callbacks = callbacks
        self._taken = taken

    def __repr__(self) -> str:
        return repr(self.wraps)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Relay) and self.wraps == other.wraps

    def __hash__(self) -> int:
        return hash(self.wraps)

    def __call__(self, event: Any) -> None:
        self._callbacks.put(self.wraps, event if self._taken is None else self._taken(event))
