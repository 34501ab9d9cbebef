"""A reactor on the event loop that runs: the client's own, and nobody else's.

It is not installed: ``twisted.internet.reactor`` stays free for whoever uses it, and is not even imported. The loop is
the program's; it is neither run, stopped nor closed here, and signals are left alone.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.python.threadpool import ThreadPool

from ctrader_twisted.errors import CannotWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor

WAITING_FOR_THREADS: Final = 2.0
"""Seconds that threads of the reactor, such as one that looks up a name, are waited for at the end."""


class _Pool(ThreadPool):
    """Threads that the end of the program does not wait for, whatever they do: look up names, and change nothing."""

    @staticmethod
    def threadFactory(  # type: ignore[override]  # noqa: N802  # it is given what a Thread is
        *args: Any, **kwargs: Any
    ) -> threading.Thread:
        return threading.Thread(*args, **kwargs, daemon=True)


class LoopReactor(AsyncioSelectorReactor):
    """A reactor that lives on a loop which others run, from `begin` to `end`.

    :param loop: a loop that can watch sockets: asyncio's selector loop, or uvloop's.
    """

    _registerAsIOThread = False  # noqa: N815  # which thread of the process is the one for this is not ours to say

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pool: ThreadPool | None = None
        self._stopping: threading.Thread | None = None
        self._ended = False
        self._context = copy_context()
        super().__init__(loop)

    def begin(self) -> None:
        """Begin, in the loop."""
        self.startRunning(installSignalHandlers=False)

    def end(self) -> None:
        """Let go of the loop: nothing is watched, scheduled or open any more. `threads_ended` waits for threads.

        In the loop, and not in what the reactor itself calls.
        """
        if self._ended:
            return
        self.fireSystemEvent("shutdown")
        self._ended = True
        for call in self.getDelayedCalls():
            call.cancel()
        if self._timerHandle is not None:
            self._timerHandle.cancel()  # the loop would hold it until its time comes
        self.end_threads()

    def end_threads(self) -> None:
        """Have threads end, without waiting for them: all that can be done once the loop is closed. From any thread."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._stopping = threading.Thread(target=pool.stop, name="ctrader_twisted end", daemon=True)
            self._stopping.start()

    async def threads_ended(self) -> None:
        """Wait until threads have ended, for a while: one may look up a name at a server that does not answer."""
        waited, pause = 0.0, 0.001
        while self._stopping is not None and self._stopping.is_alive() and waited < WAITING_FOR_THREADS:
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, 0.05)

    # The loop calls back in the context of who asked it to; that may be a user's request, which is nobody else's matter

    def addReader(self, reader: IReadDescriptor) -> None:  # noqa: N802
        """Watch for what can be read."""
        self._context.copy().run(super().addReader, reader)

    def addWriter(self, writer: IWriteDescriptor) -> None:  # noqa: N802
        """Watch for when it can be written."""
        self._context.copy().run(super().addWriter, writer)

    def _reschedule(self) -> None:
        self._context.copy().run(super()._reschedule)

    # As others call it

    def installWaker(self) -> None:  # noqa: N802
        """Need none: the loop is woken by its own."""

    def crash(self) -> None:
        """End what runs here, and leave the loop to who runs it."""
        ReactorBase.crash(self)

    def getThreadPool(self) -> ThreadPool:  # noqa: N802
        """Give threads of its own, which end with it."""
        if self._pool is None:
            self._pool = _Pool(0, 10, "ctrader_twisted")
            self._pool.start()
        return self._pool

    def callFromThread(  # type: ignore[override]  # noqa: N802  # its bases differ
        self,
        callable: Callable[..., Any],
        *args: object,
        **kwargs: object,  # noqa: A002
    ) -> None:
        """Call a function in the loop; what comes after the end is dropped."""
        if not self._ended and not self._asyncioEventloop.is_closed():
            super().callFromThread(callable, *args, **kwargs)


def reactor_on(loop: asyncio.AbstractEventLoop) -> LoopReactor:
    """Give a reactor that runs on a loop.

    :raises CannotWait: if the loop can't watch sockets, as Windows' own does not.
    """
    if type(loop).add_reader is asyncio.AbstractEventLoop.add_reader:
        raise CannotWait(
            "connect()",
            f"{type(loop).__name__} can't watch sockets",
            "run in another loop: asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)",
        )
    reactor = LoopReactor(loop)
    reactor.begin()
    return reactor
