"""The keywords that orders take, each described once: what a type checker, an editor and ``help`` know of them.

`takes` puts them into a method's signature and docstring, and refuses a keyword that is none of them.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar

from ctrader_twisted.account.terms import KEEP, Keep, Level

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.market.symbols import Rounding, Volume
    from ctrader_twisted.market.units import Pips, Price
    from ctrader_twisted.messages import ProtoOAOrderTriggerMethod, ProtoOATimeInForce

_P = ParamSpec("_P")
_R = TypeVar("_R")
_PARAMETER = re.compile(r"^ *:param (\w+):(?:.|\n(?! *(?::|$)))*", re.MULTILINE)


class Reversing(TypedDict, total=False):
    """What every order that opens takes, that of a reversal included.

    :param stop_loss: ``Price("1.1050")``, ``Pips(20)`` from the fill, or ``Money(50)`` that may be lost at most.
    :param take_profit: likewise; ``Money`` that is to be won.
    :param trailing: whether the stop loss follows the price, at its distance.
    :param guaranteed: whether the stop loss is filled at its level whatever the market does.
    :param rounding: what happens to a volume or price between two steps: it is refused unless ``"down"``, ``"up"`` or
        ``"nearest"`` is asked for.
    :param label: the user's own, on order and position; by default the order's id.
    :param comment: the user's own, on order and position.
    :param client_order_id: the order's id, unique, at most 50 characters; one is made by default.
    :param timeout: seconds to wait for its answer before its outcome is found out otherwise.
    """

    stop_loss: Level | None
    take_profit: Level | None
    trailing: bool
    guaranteed: bool
    rounding: Rounding
    label: str
    comment: str
    client_order_id: str | None
    timeout: float | None


class Opening(Reversing, total=False):
    """What every order takes that opens a position of its own, or adds to one.

    :param position: a position to increase, on a hedged account.
    """

    position: Position | int | None


class AtMarket(Opening, total=False):
    """What an order at the market takes.

    :param time_in_force: ``FILL_OR_KILL`` for all of it at once or nothing, ``MARKET_ON_OPEN`` for one that waits until
        the market opens (unconfirmed); by default it is filled as far as that goes, at once.
    """

    time_in_force: ProtoOATimeInForce | int | None


class Waiting(Opening, total=False):
    """What an order takes that waits for its price.

    :param expires: when it ends by itself, with a time zone; by default never.
    """

    expires: datetime | None


class AtLimit(Waiting, total=False):
    """What an order at a price or better takes.

    :param time_in_force: ``IMMEDIATE_OR_CANCEL`` or ``FILL_OR_KILL``, if it is not to wait.
    """

    time_in_force: ProtoOATimeInForce | int | None


class AtStop(Waiting, total=False):
    """What an order takes that waits until a price is reached.

    :param trigger: which quotes reach it: ProtoOAOrderTriggerMethod.
    """

    trigger: ProtoOAOrderTriggerMethod | int | None


class Changing(TypedDict, total=False):
    """What may be changed about a working order. What is not named stays as it is.

    :param volume: all of it, executed or not.
    :param price: its limit or stop price.
    :param slippage: of a stop limit order.
    :param stop_loss: a level, None to remove it. ``Pips`` and ``Money`` count from where the order is filled.
    :param take_profit: likewise.
    :param trailing: whether the stop loss follows the price.
    :param expires: when it ends by itself, None for never.
    :param rounding: as for `Account.market`.
    :param timeout: as for `Account.market`.
    """

    volume: Volume | None
    price: Price | None
    slippage: Pips | None
    stop_loss: Level | Keep | None
    take_profit: Level | Keep | None
    trailing: bool | Keep
    expires: datetime | Keep | None
    rounding: Rounding
    timeout: float | None


_DEFAULTS: dict[str, object] = {
    "trailing": False,
    "guaranteed": False,
    "rounding": "refuse",
    "label": "",
    "comment": "",
}


def takes(keywords: Any) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorate a method that ends in ``**terms: Unpack[keywords]``: list them all in its signature and docstring.

    A keyword that is none of them is a `TypeError` that names the nearest.

    :param keywords: the TypedDict.
    """

    def decorate(method: Callable[_P, _R]) -> Callable[_P, _R]:
        signature = inspect.signature(method)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        defaults = {"stop_loss": KEEP, "take_profit": KEEP, "trailing": KEEP, "expires": KEEP, "rounding": "refuse"}
        given = defaults if keywords is Changing else _DEFAULTS
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given.get(name), annotation=_written(kind))
            for name, kind in keywords.__annotations__.items()
        ]
        known = frozenset(one.name for one in (*own, *added))

        @functools.wraps(method)
        def called(*args: _P.args, **terms: _P.kwargs) -> _R:
            for name in terms:
                if name not in known:
                    raise TypeError(f"{method.__name__}() takes no {name}: {_meant(name, known - {'self'})}")
            return method(*args, **terms)

        called.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        called.__doc__ = _described(inspect.getdoc(method) or "", keywords)
        return called

    return decorate


def _written(kind: Any) -> str:
    return str(getattr(kind, "__forward_arg__", kind))


def _meant(name: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else f"it takes {', '.join(sorted(known))}"


def _described(doc: str, keywords: Any) -> str:
    """Put the keywords' descriptions before what a docstring says it gives."""
    said: dict[str, str] = {}
    for cls in (Reversing, Opening, Waiting, keywords):  # what a TypedDict is made of is not kept before Python 3.12
        for found in _PARAMETER.finditer(inspect.getdoc(cls) or ""):
            said[found[1]] = found[0]
    described = "\n".join(said[name] for name in keywords.__annotations__)
    before, marker, after = doc.partition("\n:return:")
    gap = "\n" if ":param " in before else "\n\n"
    return f"{before.rstrip()}{gap}{described}{marker}{after}"
