"""Listeners told: each in its turn, whatever becomes of the one before it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.python.failure import Failure

_T = TypeVar("_T")
_log = Logger()


def tell(listener: Callable[[Any], object], what: object) -> None:
    """Call a listener; a coroutine or a Deferred that it gives is followed. What fails is logged."""
    try:
        result = listener(what)
    except Exception:
        _log.failure("listener {listener!r} failed", listener=listener)
        return
    if inspect.iscoroutine(result):
        result = Deferred.fromCoroutine(result)
    if isinstance(result, Deferred):

        def failed(failure: Failure) -> None:
            _log.failure("listener {listener!r} failed", failure, listener=listener)

        result.addErrback(failed)


class Listeners:
    """Who is told of changes, by their classes."""

    def __init__(self) -> None:
        self._by_class: dict[type[Any], tuple[Callable[[Any], object], ...]] = {}

    def add(self, cls: type[_T], listener: Callable[[_T], object]) -> None:
        """Call a listener with each change of a class."""
        self._by_class[cls] = (*self._by_class.get(cls, ()), listener)

    def remove(self, cls: type[_T], listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        self._by_class[cls] = tuple(one for one in self._by_class.get(cls, ()) if one != listener)

    def tell(self, changes: Iterable[Any]) -> None:
        """Tell changes, one after the other."""
        for change in changes:
            for listener in self._by_class.get(type(change), ()):
                tell(listener, change)
