"""What arrives, iterated with ``for``."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ctrader_twisted import streams
from ctrader_twisted.blocking.calls import patiently
from ctrader_twisted.blocking.link import Face, leave
from ctrader_twisted.blocking.thread import given
from ctrader_twisted.faces import Reads

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ctrader_twisted.blocking.link import Link

_T = TypeVar("_T")

_AT_ONCE: Final = 100
"""How many events are fetched from the reactor's thread at once, if they are there."""


class Closes(Face):
    """Something that is closed at the end of a ``with``."""

    def close(self) -> None:
        """End it, and wait until that is done; nothing is done where its reactor has ended, or is another process's."""
        if self._link.thread.usable:
            self._call("close")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self.close, error)


class Iterated(Closes, Generic[_T]):
    """Something that is iterated, through a bounded buffer.

    A step waits as long as it takes, since silence is no failure; inside of ``with timeout(…)`` it raises `CallTimeout`
    when that is over, and the iteration can be continued.
    """

    def __init__(self, link: Link, inner: Any) -> None:
        super().__init__(link, inner)
        self._fetched: deque[Any] = deque()

    dropped: Reads[int] = Reads()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T:
        """Give the next event; it raises `EventsDropped` where some are missing."""
        name, seconds = f"the next of {type(self).__name__}", patiently()
        left, began = seconds, time.monotonic()
        while not (taken := self._take()):
            self._link.wait(name, self._fetch, left, became=_nothing_came)
            if seconds is not None:  # another thread may have been faster
                left = max(began + seconds - time.monotonic(), 0.0)
        (result,) = taken
        try:
            event: _T = given(result)
        except StopAsyncIteration:
            raise StopIteration from None
        return event

    def __len__(self) -> int:
        """Give how many events wait to be read."""
        return len(self._fetched) + int(self._read(lambda: len(self._inner)))

    def __bool__(self) -> bool:
        """Be true, whether anything waits or not."""
        return True

    def _take(self) -> tuple[Any, ...]:
        """Take one of what is fetched, if there is one; any number of threads may."""
        try:
            return (self._fetched.popleft(),)
        except IndexError:
            return ()

    def _fetch(self) -> Deferred[None]:
        """Wait for one event and take those that are there with it, as far as the first that is none."""

        def fetched(result: Any) -> None:
            results = [result]
            while not isinstance(results[-1], Failure) and len(self._inner) and len(results) < _AT_ONCE:
                self._inner.__anext__().addBoth(results.append)
            for each in results:
                self._keep(each)

        first: Deferred[Any] = self._inner.__anext__()
        return first.addCallbacks(fetched, self._refused)

    def _refused(self, failure: Failure) -> Failure | None:
        if failure.check(CancelledError):
            return failure
        self._keep(failure)
        return None

    def _keep(self, result: Any) -> None:
        self._fetched.append(result if isinstance(result, Failure) else self._link.given(result))


class EventStream(Iterated[_T], of=streams.EventStream):
    """Events of a client, iterated with ``for``; `Client.events` gives it.

    When the reader falls behind, the oldest are dropped, and the next step raises `EventsDropped`, which says how many
    are missing at this point; iterate again to go on. It outlives losses and ends with the client.
    """


def _nothing_came() -> str:
    return "nothing came; the iteration can be continued"
