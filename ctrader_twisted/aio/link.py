"""What joins the faces of one client: the event loop, its reactor, listeners, and what is whose face."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any
from weakref import finalize

from ctrader_twisted import faces
from ctrader_twisted.aio.futures import future
from ctrader_twisted.entry.logs import Telling
from ctrader_twisted.errors import CannotWait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from ctrader_twisted.aio.loop import LoopReactor
    from ctrader_twisted.entry import Access


class Link(faces.Faces):
    """What the faces of one client share.

    :param reactor: the client's own, on the running loop.
    :param access: the client, and what came with it.
    :param bound: seconds that an account which is being opened is waited for; None for as long as it takes.

    :ivar access: the client, and what came with it.
    :ivar bound: seconds that an account which is being opened is waited for; None for as long as it takes.
    """

    def __init__(self, reactor: LoopReactor, access: Access, bound: float | None) -> None:
        super().__init__(Face)
        self.access = access
        self.bound = bound
        self._reactor = reactor
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._telling = Telling()
        self._finalizer = finalize(self, _dropped, self._loop, reactor, access, self._telling)
        self._finalizer.atexit = False

    def check(self, what: str) -> None:
        """Make sure that something is called where the client lives.

        :raises CannotWait: in another thread or another event loop.
        """
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if not here:
            raise CannotWait(what, "the client lives in another event loop", "call it there, or connect in this one")

    # Listeners

    def relay(self, listener: Callable[[Any], object]) -> Relay:
        """Give a listener of the Deferred API that calls one which may be a coroutine function."""
        return Relay(self, listener)

    def follow(self, listener: object, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run the coroutine that a listener gave as a task."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)

        def done(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self.failed(listener, error)

        task.add_done_callback(done)

    def failed(self, listener: object, error: BaseException) -> None:
        """Tell the loop's exception handler that a listener failed; by default that logs it."""
        self._loop.call_exception_handler({"message": f"listener {listener!r} failed", "exception": error})

    # The end

    async def close(self) -> None:
        """Wait for orders on their way, close the client, and let go of the loop.

        Once begun, that is done even if nobody waits for it.
        """
        if self._closing is None:
            self.check("client.close()")
            self._finalizer.detach()
            self._closing = self._loop.create_task(self._close(asyncio.current_task()))
        await asyncio.shield(self._closing)

    async def _close(self, asked_by: asyncio.Task[Any] | None) -> None:
        try:
            try:
                await future(self.access.client.finish())
            finally:  # cancelled at the end of the loop, too
                await future(self.access.close())
            await self._end_tasks(asked_by)
        finally:
            self._reactor.end()
            self._telling.end()
        await self._reactor.threads_ended()

    async def _end_tasks(self, asked_by: asyncio.Task[Any] | None) -> None:
        """Wait until listeners are done with what has come, for a moment; then cancel them."""
        others = {task for task in self._tasks if task is not asked_by}
        if not others:
            return
        _, late = await asyncio.wait(others, timeout=self.access.settings.close_timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self.access.settings.close_timeout)


def _dropped(loop: asyncio.AbstractEventLoop, reactor: LoopReactor, access: Access, telling: Telling) -> None:
    """Nobody has the client or anything of it any more, and it was not closed."""
    warnings.warn(f"{access.client!r} was not closed: use `async with connect(…)`", ResourceWarning, stacklevel=2)

    def end() -> None:
        access.client.finish().addBoth(lambda _: access.close()).addBoth(ended)

    def ended(_: object) -> None:
        telling.end()
        loop.call_soon(reactor.end)

    if loop.is_closed():
        reactor.end_threads()
    else:
        loop.call_soon_threadsafe(end)


class Relay:
    """A listener of the Deferred API that calls one of a user's, in asyncio.

    :ivar wraps: whom it calls; two that wrap the same are equal.
    """

    __slots__ = ("_link", "wraps")

    def __init__(self, link: Link, wraps: Callable[[Any], object]) -> None:
        self.wraps: Callable[[Any], object] = wraps
        self._link = link

    def __repr__(self) -> str:
        return repr(self.wraps)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Relay) and self.wraps == other.wraps

    def __hash__(self) -> int:
        return hash(self.wraps)

    def __call__(self, event: Any) -> None:
        try:
            result = self.wraps(self._link.given(event))
        except Exception as error:
            self._link.failed(self.wraps, error)
        else:
            if asyncio.iscoroutine(result):
                self._link.follow(self.wraps, result)


class Face(faces.Face, style=True):
    """What a user of asyncio holds of an object of the Deferred API."""

    _link: Link

    def __repr__(self) -> str:
        return repr(self._inner)

    def _read(self, function: Callable[[], Any]) -> Any:
        return self._link.given(function())

    def _call(self, name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        """Call a method of the Deferred API and give what it gives, a Deferred as it is."""
        self._link.check(f"{type(self).__name__}.{name}()")
        positional = [faces.inner_of(each) for each in args]
        named = {key: faces.inner_of(each) for key, each in (kwargs or {}).items()}
        return getattr(self._inner, name)(*positional, **named)
