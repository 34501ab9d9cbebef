"""What joins the faces of one client: the reactor's thread, how long calls wait, and what is whose face."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from weakref import finalize

from google.protobuf.message import Message
from twisted.internet.defer import Deferred, maybeDeferred

from ctrader_twisted import faces
from ctrader_twisted.blocking.callbacks import Callbacks, Relay
from ctrader_twisted.entry.logs import Telling
from ctrader_twisted.errors import CallTimeout, CannotWait
from ctrader_twisted.session.meanwhile import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from ctrader_twisted.blocking.thread import ReactorThread
    from ctrader_twisted.entry import Access

_UNSAID: Final = object()
SHOWING: Final = 5.0
"""Seconds that what is shown of an object is waited for at most: a handler of `logging` asks for it with its lock held,
and the reactor's thread may wait for that lock, to say something itself."""
_bound: ContextVar[tuple[Any, ...]] = ContextVar("bound", default=(_UNSAID,))
"""How long calls wait: what the innermost ``with timeout(…)`` says, and what holds again after it."""


class timeout:  # noqa: N801  # as asyncio's is
    """Bound each call that is made inside of a ``with`` by so many seconds, in this thread::

        with timeout(5):
            account.check()

    It counts before that of the connection, and bounds each step of an iteration, too.

    :param seconds: how long each call may wait; None for as long as it takes.
    """

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a time-out of {seconds} s: give more than 0, or None for none")
        self.seconds = seconds

    def __enter__(self) -> Self:
        _bound.set((self.seconds, *_bound.get()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _bound.set(_bound.get()[1:])


def bound_said() -> tuple[bool, float | None]:
    """Say whether a ``with timeout(…)`` is around the call, and how long that is."""
    said = _bound.get()[0]
    return (False, None) if said is _UNSAID else (True, said)


class Link(faces.Faces):
    """What the faces of one client share.

    :param thread: the reactor's thread.
    :param access: the client, and what came with it.
    :param bound: how long each call waits at most, in seconds; None for as long as it takes.

    :ivar access: the client, and what came with it; to be touched in the reactor's thread.
    :ivar thread: the reactor's thread.
    """

    def __init__(self, thread: ReactorThread, access: Access, bound: float | None) -> None:
        super().__init__(Face)
        self.access = access
        self.thread = thread
        self._bound = bound
        self._callbacks = Callbacks()
        self._telling = telling = Telling()
        thread.open[id(access)] = lambda: _closing(thread, access, telling)
        self._finalizer = finalize(self, _dropped, thread, access, telling, self._callbacks)
        self._finalizer.atexit = False

    # How long

    def bound(self) -> float | None:
        """Give how long a call waits: as ``with timeout(…)`` says, else as the connection does."""
        said, seconds = bound_said()
        return seconds if said else self._bound

    def wait(
        self,
        what: str,
        function: Callable[[], Any],
        seconds: float | None,
        *,
        became: Callable[[], str] | None = None,
        undo: Callable[[Any], object] | None = None,
    ) -> Any:
        """Call a function in the reactor's thread, wait, and give the result as a user has it; see `ReactorThread`."""

        def call() -> Any:
            return maybeDeferred(function).addCallback(self.given)

        return self.thread.wait(what, call, seconds, became=became, undo=undo)

    # What is given and taken

    def _own(self, value: Any) -> Any:
        """Give a copy of what would change under a user's hands."""
        return copy_of(value) if isinstance(value, Message) else value

    def relay(self, listener: Callable[[Any], object]) -> Relay:
        """Give a listener of the Deferred API that has one called in the thread for that."""
        return Relay(self._callbacks, listener, self.given)

    # The end

    def close(self) -> None:
        """Wait for orders on their way, close the client, wait for that, and until listeners were told what has come.

        Orders take half of what a call may wait at most, so that a server that answers none of them does not keep the
        client from being closed in time. Who gives up waiting ends the wait for orders, and does not keep the rest from
        being done. In a child process, whose it is not, nothing happens.
        """
        if not self.thread.of_this_process:
            return
        if self.thread.usable:
            bound, within = self.bound(), self.access.settings.finish_within
            if bound is not None:
                within = min(within, bound / 2)
            self.thread.wait(
                "client.close()",
                lambda: _closing(self.thread, self.access, self._telling, within),
                bound,
                became=_closed_all_the_same,
            )
        self._telling.end()
        self._finalizer.detach()
        self._callbacks.end(self.bound())


def _closing(thread: ReactorThread, access: Access, telling: Telling, within: float | None = None) -> Deferred[None]:
    """Wait for orders on their way, then close; in the reactor's thread.

    :param within: seconds to wait for orders at most; `Settings.finish_within` unless given.

    Cancelling the Deferred ends the wait for orders; closing goes on, and is not waited for any more.
    """

    def close(_: object) -> None:
        access.close().addBoth(closed)

    def closed(result: Any) -> None:
        thread.open.pop(id(access), None)
        telling.end()
        if not waited_for.called:
            waited_for.callback(result)

    waited_for: Deferred[None] = Deferred(lambda _: finishing.cancel())
    finishing = access.client.finish(within)
    finishing.addBoth(close)
    return waited_for


def _closed_all_the_same() -> str:
    return "it is closed all the same"


def _dropped(thread: ReactorThread, access: Access, telling: Telling, callbacks: Callbacks) -> None:
    """Nobody has the client or anything of it any more: it is closed."""

    def close() -> None:
        callbacks.end(0.0)
        _closing(thread, access, telling)

    thread.later(close)


def leave(close: Callable[[], object], error: BaseException | None) -> None:
    """Close at the end of a ``with``. An error that ends it stays what it ends with: what keeps it from being closed is
    a note of that.
    """
    try:
        close()
    except Exception as problem:
        if error is None:
            raise
        error.add_note(str(problem))


class Face(faces.Face, style=True):
    """What a user of threads holds of an object of the Deferred API."""

    _link: Link

    def __repr__(self) -> str:
        return self._shown(repr)

    def _shown(self, how: Callable[[Any], str]) -> str:
        """Show it, or that it is not to be had: neither fails, nor takes long."""
        bound = self._link.bound()
        try:
            seconds = SHOWING if bound is None else min(bound, SHOWING)
            return str(self._link.wait(f"showing {type(self).__name__}", lambda: how(self._inner), seconds))
        except (CallTimeout, CannotWait):
            return f"<{type(self).__name__}, out of reach>"

    def _read(self, function: Callable[[], Any]) -> Any:
        """Read something, which takes no longer than the reactor needs to come to it."""
        return self._link.wait(f"reading {type(self).__name__}", function, self._link.bound())

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the Deferred API, wait, and give what it gives."""
        return self._ask(name, args, kwargs, self._link.bound())

    def _ask(
        self,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        seconds: float | None,
        *,
        undo: Callable[[Any], object] | None = None,
    ) -> Any:
        """Call a method of the Deferred API and wait for so many seconds at most; see `ReactorThread.wait`."""
        positional = [faces.inner_of(each) for each in args]
        named = {key: faces.inner_of(each) for key, each in kwargs.items()}
        return self._link.wait(
            f"{type(self).__name__}.{name}()",
            lambda: getattr(self._inner, name)(*positional, **named),
            seconds,
            became=self._became,
            undo=undo,
        )

    def _became(self) -> str:
        """Say in the reactor's thread what becomes of something that was waited for too long; nothing for the usual."""
        return ""
