"""How a method of the Deferred API becomes one of asyncio. A face writes its signature, a decorator does it::

    class Account(Face, of=deferred.Account):
        @gives(deferred.Account.buy)  # gives an object that has a face of its own, at once
        @takes(AtMarket)
        def buy(self, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order: ...

        @waits(deferred.Account.check)  # gives what the Deferred fires with
        async def check(self) -> Check: ...

        balance: Reads[Decimal | None] = Reads()  # the property of that name

Type checkers compare the signature with that of the Deferred API, tests the defaults. The docstring is taken over.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from ctrader_twisted.account.market_data import need_numpy
from ctrader_twisted.aio.futures import future, result_of
from ctrader_twisted.aio.opening import Opening
from ctrader_twisted.faces import Style, with_body

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from twisted.internet.defer import Deferred

    from ctrader_twisted.aio.link import Face
    from ctrader_twisted.aio.series import Series
    from ctrader_twisted.faces import Written
    from ctrader_twisted.history import series as deferred

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")

STYLE: Final = Style(
    gives="",
    ends="what came of it,",
    fired="it returns",
    cancelling="cancelling the task",
    followed="if it is a coroutine function, it runs as a task",
)
"""How the faces say what the Deferred API says of itself."""

_NOTHING_BEFORE: Final = re.compile(r"\n\nNothing is asked for before .*?\.$", re.MULTILINE)
_ONE_TABLE: Final = re.compile(r"an iterator of (`\w+`), .*?when it begins:\s+it", re.DOTALL)


def waits(method: Callable[Concatenate[Any, _P], Deferred[_R]]) -> Written[_S, _P, Coroutine[Any, Any, _R]]:
    """Wait for what the Deferred of this method fires with."""
    return _waiting(method)


asks: Final = waits
"""Wait for the answer to a request."""


def gives_later(method: Callable[Concatenate[Any, _P], Deferred[Any]]) -> Written[_S, _P, Coroutine[Any, Any, _R]]:
    """Wait for what the Deferred of this method fires with, and give its face."""
    return _waiting(method)


def does(method: Callable[Concatenate[Any, _P], _R]) -> Written[_S, _P, _R]:
    """Do at once what this method does."""
    return _doing(method)


def gives(method: Callable[Concatenate[Any, _P], Any]) -> Written[_S, _P, _R]:
    """Give at once the face of what this method gives."""
    return _doing(method)


def opens(method: Callable[Concatenate[Any, _P], Deferred[Any]]) -> Written[_S, _P, _R]:
    """Give what is awaited, or entered with ``async with``, for the face of what this method opens."""
    name = method.__name__

    async def opened(face: Face, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inner = await result_of(face._call(name, args, kwargs), lambda inner: inner.close())
        return face._link.given(inner)

    def call(face: Face, /, *args: Any, **kwargs: Any) -> Opening[Any]:
        return Opening(opened(face, args, kwargs))

    return with_body(call, STYLE.said(inspect.getdoc(method)))


def whole(
    method: Callable[Concatenate[Any, _P], deferred.Series[_R]],
) -> Written[_S, _P, Coroutine[Any, Any, _R]]:
    """Wait for the whole of the series that this method gives, as long as that has patience."""
    name = method.__name__

    async def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        return await future(face._call(name, args, kwargs).whole())

    said = _NOTHING_BEFORE.sub("", STYLE.said(inspect.getdoc(method)) or "")
    return with_body(call, _ONE_TABLE.sub(r"one table of \1. It", said))


def pages(method: Callable[Concatenate[Any, _P], deferred.Series[_R]]) -> Written[_S, _P, Series[_R]]:
    """Give the series that this method gives, to be iterated page by page."""
    name = method.__name__

    def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        need_numpy()
        import ctrader_twisted.aio.series  # noqa: F401  # that a series has a face is known from then on

        return face._link.given(face._call(name, args, kwargs))

    return with_body(call, STYLE.said(inspect.getdoc(method)))


def _waiting(method: Callable[..., Any]) -> Written[_S, _P, _R]:
    name = method.__name__

    async def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        return face._link.given(await future(face._call(name, args, kwargs)))

    return with_body(call, STYLE.said(inspect.getdoc(method)))


def _doing(method: Callable[..., Any]) -> Written[_S, _P, _R]:
    name = method.__name__

    def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        return face._link.given(face._call(name, args, kwargs))

    return with_body(call, STYLE.said(inspect.getdoc(method)))
