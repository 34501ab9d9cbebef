"""Several things at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

_T = TypeVar("_T")


async def all_of(coroutines: Iterable[Coroutine[Deferred[Any], Any, _T]]) -> list[_T]:
    """Run these at the same time, wait for all of them to end, and give what each gave. The first failure is raised."""
    ended: Any = await DeferredList(list(map(Deferred.fromCoroutine, coroutines)), consumeErrors=True)
    for succeeded, result in ended:
        if not succeeded:
            result.raiseException()
    return [result for _, result in ended]
