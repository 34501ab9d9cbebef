"""A Deferred becomes a Future of asyncio, and what is iterated with Deferreds is iterated in asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred

from ctrader_twisted.errors import OpenApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from twisted.python.failure import Failure

_T = TypeVar("_T")


class Steps(Protocol[_T]):
    """Something of the Deferred API that is iterated: an event stream, a feed, a series."""

    def __anext__(self) -> Deferred[_T]:
        """Give the next one."""


class DeferredFuture(asyncio.Future[_T]):
    """A Future of what a Deferred fires with. Cancelling it cancels the Deferred, at once."""

    def __init__(self, deferred: Deferred[_T]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._deferred: Deferred[Any] | None = deferred
        deferred.addCallbacks(self._fired, self._failed)

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel it, and the Deferred with it."""
        deferred = self._deferred
        cancelled = super().cancel(msg)
        if cancelled and deferred is not None:
            deferred.cancel()
        return cancelled

    def _fired(self, result: _T) -> None:
        self._deferred = None
        if not self.done():
            self.set_result(result)

    def _failed(self, failure: Failure) -> None:
        self._deferred = None
        if self.done():
            return
        error = failure.value
        assert error is not None, "a failure has one"
        # Of what is expected the traceback is that of who waits; how it came here says nothing.
        self.set_exception(error.with_traceback(None) if isinstance(error, OpenApiError) else error)


def future(deferred: Deferred[_T]) -> asyncio.Future[_T]:
    """Give a Future of what a Deferred fires with, to be awaited in the running loop.

    For the Deferred API itself, under a reactor that runs on this loop
    (``twisted.internet.asyncioreactor.install(loop)``)::

        account = await future(client.account(1000001).ready())

    Cancelling the Future cancels the Deferred, at once.

    :param deferred: the Deferred, which is nobody else's from then on.
    """
    return DeferredFuture(deferred)


def iterate(steps: Steps[_T]) -> Iteration[_T]:
    """Iterate over an event stream, a feed or a series of the Deferred API in asyncio::

        async for quote in iterate(feed):
            ...

    It raises what a step fails with, such as `EventsDropped`, and can be continued after that. It does not close what
    it iterates over.
    """
    return Iteration(steps)


class Iteration(Generic[_T]):
    """Steps of the Deferred API, taken in asyncio; `iterate` makes it."""

    def __init__(self, steps: Steps[_T]) -> None:
        self._steps = steps

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        """Give the next one."""
        return await future(self._steps.__anext__())


async def result_of(deferred: Deferred[_T], undo: Callable[[_T], object]) -> _T:
    """Wait for a Deferred, and undo what came of it if who waits is cancelled in the moment it comes."""
    waiter = future(deferred)
    try:
        return await waiter
    except asyncio.CancelledError:
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            undo(waiter.result())
        raise


def lasting(deferred: Deferred[_T]) -> Deferred[_T]:
    """Give a Deferred that fires with this one, and can be cancelled without it."""
    waiter: Deferred[_T] = Deferred()
    deferred.addCallbacks(waiter.callback, waiter.errback)
    return waiter
