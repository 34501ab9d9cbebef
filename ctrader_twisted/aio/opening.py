"""What is opened, and closed at the end of an ``async with``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ctrader_twisted.aio.futures import future, lasting
from ctrader_twisted.aio.link import Face

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import Self

    from twisted.internet.defer import Deferred


class Closes(Face):
    """Something that is closed at the end of an ``async with``."""

    async def close(self) -> None:
        """End it, and wait until that is done, subscriptions included; that takes as long as a lost connection is."""
        ending = self._end()
        if ending is not None:
            await future(lasting(ending))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it. What the server has to be told goes on by itself: nobody is held up by a connection that is lost."""
        self._end()

    def _end(self) -> Deferred[None] | None:
        ending: Deferred[None] | None = self._call("close")
        return ending


_C = TypeVar("_C", bound=Closes)


class Opening(Coroutine[Any, Any, _C], Generic[_C]):
    """Something that is being opened: await it, or enter it, which also closes it.

    ::

        async with account.live.quotes("EURUSD") as quotes:
            ...

        quotes = await account.live.quotes("EURUSD")
        ...
        await quotes.close()
    """

    def __init__(self, coroutine: Coroutine[Any, Any, _C]) -> None:
        self._coroutine = coroutine
        self._opened: _C | None = None

    def send(self, value: Any) -> Any:
        """Go on; as of any coroutine."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error in it; as of any coroutine."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Give up what has not begun; as of any coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, _C]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> _C:
        self._opened = await self._coroutine
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None, "it was entered"
        await self._opened.__aexit__(kind, error, trace)
