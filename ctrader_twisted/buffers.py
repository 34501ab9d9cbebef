"""What arrives, kept until it is read: iterated with ``async for``, bounded, and honest about what is missing."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ctrader_twisted.errors import EventsDropped

if TYPE_CHECKING:
    from typing import Self

_T = TypeVar("_T")


class Buffered(Generic[_T]):
    """Something that is iterated through a bounded buffer.

    When the reader falls more than ``buffer`` events behind, the oldest are dropped, and the next step of the iteration
    raises `EventsDropped`, which says how many are missing at this point. It goes on after that: iterate again.

    :ivar dropped: how many events were dropped altogether.
    :param buffer: how many events may wait to be read, at least 1.
    """

    def __init__(self, buffer: int) -> None:
        if buffer < 1:
            raise ValueError(f"a buffer of {buffer} events holds none: give at least 1")
        self.dropped: int = 0
        self._buffer: deque[_T | Failure] = deque()
        self._bound = buffer
        self._gap = 0
        self._readers: deque[Deferred[_T]] = deque()
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Deferred[_T]:
        """Give the next event: a Deferred that fails with `EventsDropped` where some are missing."""
        if self._gap:
            gap, self._gap = self._gap, 0
            return fail(EventsDropped(gap, self._bound))
        if self._buffer:
            event = self._buffer.popleft()
            return fail(event) if isinstance(event, Failure) else succeed(event)
        if self._ended:
            return fail(StopAsyncIteration())
        reader: Deferred[_T] = Deferred(self._readers.remove)
        self._readers.append(reader)
        return reader

    def __len__(self) -> int:
        """Give how many events wait to be read."""
        return len(self._buffer)

    def _put(self, event: _T | Failure) -> None:
        """Give an event to who waits for it, or keep it; a failure is raised at its place in the iteration."""
        if self._ended:
            return
        if self._readers:
            reader = self._readers.popleft()
            if isinstance(event, Failure):
                reader.errback(event)
            else:
                reader.callback(event)
            return
        if len(self._buffer) == self._bound:
            self._buffer.popleft()
            self._gap += 1
            self.dropped += 1
        self._buffer.append(event)

    def _end(self) -> None:
        """Take nothing more. What waits can still be read; then the iteration ends."""
        self._ended = True
        while self._readers:
            self._readers.popleft().errback(Failure(StopAsyncIteration()))
