"""How a method of the Deferred API becomes one that waits. A face writes its signature, a decorator does it::

    class Account(Face, of=deferred.Account):
        @gives(deferred.Account.buy)  # gives an object that has a face of its own
        @takes(AtMarket)
        def buy(self, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order: ...

        @waits(deferred.Account.check)  # gives what the Deferred fires with
        def check(self) -> Check: ...

        balance: Reads[Decimal | None] = Reads()  # the property of that name

Type checkers compare the signature with that of the Deferred API, tests the defaults. The docstring is taken over.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from ctrader_twisted.account.market_data import need_numpy
from ctrader_twisted.blocking.link import Face, bound_said
from ctrader_twisted.faces import Style, with_body
from ctrader_twisted.history.asking import asking_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from ctrader_twisted.blocking.series import Series
    from ctrader_twisted.faces import Written
    from ctrader_twisted.history import series as deferred
    from ctrader_twisted.settings import Settings

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")

STYLE: Final = Style(
    gives="",
    ends="what came of it,",
    fired="it returns",
    cancelling="giving it up",
    followed="it may block, and ask",
)
"""How the faces say what the Deferred API says of itself."""

_NOTHING_BEFORE: Final = re.compile(r"\n\nNothing is asked for before .*?\.$", re.MULTILINE)
_ONE_TABLE: Final = re.compile(r"an iterator of (`\w+`), .*?when it begins:\s+it", re.DOTALL)

MARGIN: Final = 2.0
"""Seconds that a call is given beyond a time-out which the Deferred API keeps itself, and tells of better."""


def waits(method: Callable[Concatenate[Any, _P], Deferred[_R]]) -> Written[_S, _P, _R]:
    """Wait for what the Deferred of this method fires with.

    Its own ``timeout``, if it has one and is given it, is how long it waits.
    """
    return _calling(method)


def does(method: Callable[Concatenate[Any, _P], _R]) -> Written[_S, _P, _R]:
    """Have this method called in the reactor's thread, and give what it gives."""
    return _calling(method)


def gives(method: Callable[Concatenate[Any, _P], Any]) -> Written[_S, _P, _R]:
    """Give the face of what this method gives, or of what its Deferred fires with."""
    return _calling(method)


def opens(method: Callable[Concatenate[Any, _P], Deferred[Any]]) -> Written[_S, _P, _R]:
    """Give the face of something that is closed again if nobody waits for it any more."""
    return _calling(method, undo=lambda opened: opened._inner.close())


def asks(method: Callable[Concatenate[Any, _P], Deferred[_R]]) -> Written[_S, _P, _R]:
    """Wait for the answer to a request; its ``timeout`` ends it in time and says whether it may have been carried out.

    By default that is what `Settings` says, or what a call may wait if that is less.
    """
    return _calling(method, keeps_time=True, at_most=lambda settings: settings.timeout)


def keeps_time(method: Callable[Concatenate[Any, _P], Deferred[_R]]) -> Written[_S, _P, _R]:
    """Wait for what the Deferred of this method fires with, whose ``timeout`` says best why it took long.

    By default that is what a call may wait.
    """
    return _calling(method, keeps_time=True)


def whole(method: Callable[Concatenate[Any, _P], deferred.Series[_R]]) -> Written[_S, _P, _R]:
    """Wait for the whole of the series that this method gives, as long as that has patience."""
    name = method.__name__

    def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        line = asking_line()  # of which the reactor's thread knows nothing
        return face._link.wait(
            f"{type(face).__name__}.{name}()",
            lambda: line.asks(lambda: getattr(face._inner, name)(*args, **kwargs).whole()),
            patiently(),
        )

    said = _NOTHING_BEFORE.sub("", STYLE.said(inspect.getdoc(method)) or "")
    return with_body(call, _ONE_TABLE.sub(r"one table of \1. It", said))


def pages(method: Callable[Concatenate[Any, _P], deferred.Series[_R]]) -> Written[_S, _P, Series[_R]]:
    """Give the series that this method gives, to be iterated page by page."""
    name = method.__name__

    def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        need_numpy()
        import ctrader_twisted.blocking.series  # noqa: F401  # that a series has a face is known from then on

        return face._call(name, *args, **kwargs)

    return with_body(call, STYLE.said(inspect.getdoc(method)))


def _calling(
    method: Callable[..., Any],
    *,
    undo: Callable[[Any], object] | None = None,
    keeps_time: bool = False,
    at_most: Callable[[Settings], float] | None = None,
) -> Written[_S, _P, _R]:
    name = method.__name__

    def call(face: Face, /, *args: Any, **kwargs: Any) -> Any:
        own, seconds = kwargs.get("timeout"), face._link.bound()
        if keeps_time:
            if own is None and seconds is not None:
                usual = seconds if at_most is None else at_most(face._link.access.settings)
                own = kwargs["timeout"] = min(seconds, usual)
            seconds = None if own is None else own + MARGIN
        elif own is not None and seconds is not None:
            seconds = max(seconds, own + MARGIN)
        return face._ask(name, args, kwargs, seconds, undo=undo)

    return with_body(call, STYLE.said(inspect.getdoc(method)))


def patiently() -> float | None:
    """Give how long to wait for what takes as long as it takes, unless ``with timeout(…)`` says otherwise."""
    said, seconds = bound_said()
    return seconds if said else None
