"""A store, written and asked in the background: one thing after the other, in the order in which they were given.

What can't be written waits, within bounds, and is tried again. What is dropped is never claimed: a batch goes with its
covers, so what it held is a hole, to be filled from history.
"""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from ctrader_twisted.errors import RecordingStoreError
from ctrader_twisted.recording.tables import ACCOUNT_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.recording.store import Batch, Store

    InThread = Callable[[Callable[[], Any]], Deferred[Any]]

_T = TypeVar("_T")

CAPACITY: Final = 64 * 2**20
"""Bytes that wait for the disk at most, as memory counts them, roughly."""

RETRY: Final = 5.0
"""Seconds until what could not be written is tried again."""

_SAYINGS: Final = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_OVERHEAD: Final = 1000  # bytes of a batch that has no rows

_log = Logger()


class Worker:
    """One thread, begun when there is something to do. It keeps no process from ending.

    :param reactor: an ``IReactorFromThreads``.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool: ThreadPool | None = None
        self._under_way = 0

    def __call__(self, call: Callable[[], _T]) -> Deferred[_T]:
        """Call something there; the Deferred fires here. It fails with an OSError if no thread can be begun."""
        if self._pool is None:
            self._pool = ThreadPool(0, 1, "recording")
            self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
            self._pool.start()
        try:
            done: Deferred[_T] = deferToThreadPool(self._reactor, self._pool, call)
        except RuntimeError as error:
            if not self._under_way:
                self._pool = None  # it has no thread and does nothing any more
            return fail(OSError(errno.EAGAIN, str(error)))
        self._under_way += 1
        return done.addBoth(self._done)

    def stop(self) -> None:
        """End the thread, unless it hangs in something: then it ends with the process."""
        if self._pool is not None and not self._under_way:
            self._pool.stop()
            self._pool = None

    def _done(self, result: Any) -> Any:
        self._under_way -= 1
        return result


@dataclass(slots=True, eq=False)
class _Job:
    """Something to be done in the thread.

    :ivar call: does it.
    :ivar rows: how many rows would be lost with it.
    :ivar size: how much memory it holds, if it is a batch.
    :ivar only_here: whether history would not give all of it back.
    """

    call: Callable[[], Any]
    rows: int = 0
    size: int = 0
    only_here: bool = False
    done: Deferred[Any] = field(default_factory=Deferred)


class Keeping:
    """Has batches written to a store, and asks it.

    :param clock: an ``IReactorTime``.
    :param name: what messages call the store.
    :param in_thread: calls something elsewhere, and gives a Deferred.
    :param failed: called when the store can't be written, once until it can be again, and when rows are lost.

    :ivar written: rows that are on the disk.
    :ivar dropped: rows that never will be, unless history gives them back.
    :ivar failure: why nothing can be written at present; None if it can.
    """

    def __init__(
        self,
        store: Store,
        clock: Any,
        name: str,
        in_thread: InThread,
        failed: Callable[[], object],
        *,
        capacity: int = CAPACITY,
    ) -> None:
        self.store = store
        self.written: int = 0
        self.dropped: int = 0
        self.failure: str | None = None
        self._clock = clock
        self._name = name
        self._in_thread = in_thread
        self._failed = failed
        self._capacity = capacity
        self._jobs: deque[_Job] = deque()
        self._size = 0
        self._busy = False
        self._dropping = False
        self._opening = False
        self._opened = False
        self._ended = False
        self._tidying = False
        self._retry: IDelayedCall | None = None
        self._drained: Deferred[None] | None = None

    def open(self) -> Deferred[None]:
        """Open the store; what is given meanwhile waits.

        :return: a Deferred that fails with what `Store.open` raises.
        """
        self._opening = True
        return maybeDeferred(self._in_thread, self.store.open).addCallbacks(self._is_open, self._is_not_open)

    def write(self, batch: Batch) -> Deferred[bool]:
        """Have a batch written, day by day.

        :return: a Deferred that fires when it is on the disk, with True, or with False if any of it was dropped.
        """
        only_here = batch.kind == ACCOUNT_EVENTS.name
        jobs = [_Job(partial(self.store.write, part), len(part), _size_of(part), only_here) for part in batch.days()]
        for job in jobs:
            self._add(job)
        if len(jobs) > 1:
            return Deferred.fromCoroutine(_all(jobs))
        return jobs[0].done if jobs else succeed(True)

    def ask(self, question: Callable[[], _T]) -> Deferred[_T]:
        """Ask the store something when everything given before is written.

        :param question: is called in the thread.
        :return: a Deferred of what it gives; it fails with what it raises, and is cancelled by `close`.
        """
        job = _Job(question)
        self._add(job)
        return job.done

    def tidy(self, today: date) -> None:
        """Have done what is due, one thing after the other, and what is to be written meanwhile in between."""
        if self._tidying or self.failure is not None or self._ended:
            return
        self._tidying = True
        self.ask(partial(self.store.tidy, today)).addCallbacks(self._tidied, self._not_tidied, (today,))

    def close(self) -> Deferred[None]:
        """Write what waits, trying once more what can't be written, and close the store.

        :return: a Deferred that fires with None when that is done.
        """
        self._ended = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        done = self._drained = Deferred()
        if self._opened:
            self._next()
        elif not self._opening:
            self._give_up()
            self._closed(None)
        return done

    # Inside

    def _is_open(self, found: list[str]) -> None:
        for sentence in found:
            _log.warn("{recording}: {sentence}", recording=self._name, sentence=sentence)
        self._opening, self._opened = False, True
        self._next()

    def _is_not_open(self, failure: Failure) -> Failure:
        self._opening = False
        if self._ended:
            self._give_up()
            self._closed(None)
        return failure

    def _add(self, job: _Job) -> None:
        self._jobs.append(job)
        self._size += job.size
        while self._size > self._capacity and self._drop_oldest():
            pass
        self._next()

    def _drop_oldest(self) -> bool:
        """Drop the oldest batch that is not being written; one that history has, if there is one."""
        droppable = [
            (job.only_here, place)
            for place, job in enumerate(self._jobs)
            if job.size and not (self._busy and place == 0) and job is not self._jobs[-1]
        ]
        if not droppable:
            return False
        _, place = min(droppable)
        job = self._jobs[place]
        del self._jobs[place]
        self._lose(job)
        return True

    def _lose(self, job: _Job) -> None:
        self._size -= job.size
        self.dropped += job.rows
        if not self._dropping:
            self._dropping = True
            _log.error(
                "{recording}: what waits for the disk is too much: rows are lost from here on", recording=self._name
            )
            self._failed()
        job.done.callback(False)

    def _next(self) -> None:
        if self._busy or not self._opened or (self._retry is not None and not self._ended):
            return
        if self._jobs:
            self._busy = True
            maybeDeferred(self._in_thread, self._jobs[0].call).addCallbacks(self._succeeded, self._did_not)
        elif self._drained is not None:
            self._opened, self._busy = False, True
            maybeDeferred(self._in_thread, self.store.close).addErrback(self._not_closed).addBoth(self._closed)

    def _succeeded(self, result: Any) -> None:
        self._busy = False
        job = self._jobs.popleft()
        self._size -= job.size
        if job.size:
            self.written += job.rows
            if self.failure is not None:
                _log.info("{recording}: it is written again", recording=self._name)
                self.failure, self._dropping = None, False
        job.done.callback(True if job.size else result)
        self._next()

    def _did_not(self, failure: Failure) -> None:
        self._busy = False
        job = self._jobs[0]
        passes = failure.check(OSError, RecordingStoreError) is not None
        if job.size and passes and not self._ended:
            self._complain(failure)
            self._retry = self._clock.callLater(RETRY, self._try_again)
            return
        self._jobs.popleft()
        if not job.size:
            job.done.errback(failure)
        elif passes:
            self._complain(failure)
            self._give_up(job)
        else:
            _log.failure(
                "{recording}: unexpected failure; {rows} rows are lost", failure, recording=self._name, rows=job.rows
            )
            self._dropping = True  # it is said
            self._lose(job)
            self._dropping = False
            self._failed()
        self._next()

    def _complain(self, failure: Failure) -> None:
        first, self.failure = self.failure is None, _saying(failure.value)
        if first:
            _log.error(
                "{recording}: {problem}. It is tried again; what is not recorded meanwhile is a hole",
                recording=self._name,
                problem=self.failure,
            )
            self._failed()

    def _try_again(self) -> None:
        self._retry = None
        self._next()

    def _give_up(self, *jobs: _Job) -> None:
        """The end has come, and it can't be written: nothing else can."""
        lost = [*jobs, *self._jobs]
        self._jobs.clear()
        self._dropping = True  # the reason is said
        for job in lost:
            if job.size:
                self._lose(job)
            else:
                job.done.cancel()
        if any(job.rows for job in lost):
            self._failed()

    def _tidied(self, more: bool, today: date) -> None:
        self._tidying = False
        if more:
            self.tidy(today)

    def _not_tidied(self, failure: Failure) -> None:
        self._tidying = False
        if failure.check(OSError, RecordingStoreError):
            _log.warn("{recording}: not tidied: {problem}", recording=self._name, problem=_saying(failure.value))
        elif not self._ended:
            _log.failure("{recording}: unexpected failure while it was tidied", failure, recording=self._name)

    def _not_closed(self, failure: Failure) -> None:
        _log.failure("{recording}: it could not be closed", failure, recording=self._name)

    def _closed(self, _: object) -> None:
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.callback(None)


async def _all(jobs: list[_Job]) -> bool:
    """Say whether all of these are written."""
    return all([await job.done for job in jobs])


def _saying(error: Any) -> str:
    if isinstance(error, RecordingStoreError):
        return str(error)
    return _SAYINGS.get(error.errno or 0) or error.strerror or str(error)


def _size_of(batch: Batch) -> int:
    """Say about how much memory a batch holds."""
    size = _OVERHEAD
    for column in batch.columns.values():
        held = getattr(column, "nbytes", None)
        size += sum(len(value) if isinstance(value, str) else 8 for value in column) if held is None else held
    return size
