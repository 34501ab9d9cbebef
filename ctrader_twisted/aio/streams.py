"""What arrives, iterated with ``async for``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from ctrader_twisted import streams
from ctrader_twisted.aio.futures import future
from ctrader_twisted.aio.opening import Closes
from ctrader_twisted.faces import Reads

if TYPE_CHECKING:
    from typing import Self

_T = TypeVar("_T")


class Iterated(Closes, Generic[_T]):
    """Something that is iterated, through a bounded buffer.

    A step waits as long as it takes, since silence is no failure. When it is cancelled, as by ``asyncio.timeout``,
    nothing is lost, and the iteration can be continued.
    """

    dropped: Reads[int] = Reads()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        """Give the next event; it raises `EventsDropped` where some are missing."""
        event: _T = self._link.given(await future(self._call("__anext__")))
        return event

    def __len__(self) -> int:
        """Give how many events wait to be read."""
        return len(self._inner)

    def __bool__(self) -> bool:
        """Be true, whether anything waits or not."""
        return True


class EventStream(Iterated[_T], of=streams.EventStream):
    """Events of a client, iterated with ``async for``; `Client.events` gives it.

    When the reader falls behind, the oldest are dropped, and the next step raises `EventsDropped`, which says how many
    are missing at this point; iterate again to go on. It outlives losses and ends with the client.
    """
