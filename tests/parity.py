"""What a face has to have: all that the Deferred API has, under the same names, with the same parameters, described."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.account import Account, Feed, Latest, Live, LiveBook, Order
from ctrader_twisted.account.valuation import Valuation
from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.history.series import Series
from ctrader_twisted.market.light import LatestQuotes
from ctrader_twisted.streams import EventStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

CLASSES: Final = (
    OpenApiClient,
    Account,
    Valuation,
    Order,
    Live,
    Feed,
    LiveBook,
    Latest,
    Series,
    EventStream,
    LatestQuotes,
)
MISSING: Final = {
    (OpenApiClient, "start"): "connect does it",
    (OpenApiClient, "when_ready"): "connect does it",
    (OpenApiClient, "subscription_course"): "for an account's live feeds",
    (Account, "ready"): "client.account does it",
    (Account, "finish"): "client.finish does it",
    (Account, "closed"): "client.close does it",
    (Valuation, "stop"): "the account's own business",
    (Valuation, "follow"): "the account's own business",
    (Valuation, "needs"): "the account's own business",
    (Valuation, "complete"): "the account's own business",
    (Live, "close"): "client.close does it",
    (Feed, "fail"): "for Live",
    (Feed, "spot"): "for Live",
    (Feed, "lost"): "for Live",
    (Feed, "interrupted"): "for Live",
    (LiveBook, "changed"): "for Live",
    (LiveBook, "fail"): "for Live",
    (Series, "client_closed"): "client.close does it",
    (LatestQuotes, "take"): "the client's own business",
    (LatestQuotes, "take_columns"): "the client's own business",
}
OTHERWISE: Final = {
    (OpenApiClient, "request"): "left would be called too early to take anything back",
    (OpenApiClient, "account"): "None is the only account there is",
}
KEPT: Final = {"clock"}
"""What an instance has of its own that a face has not: the reactor."""


def public(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """Give the members of a class that are for users."""
    for name, member in inspect.getmembers(cls):
        if not name.startswith("_"):
            yield name, member


MEMBERS: Final = [(cls, name) for cls in CLASSES for name, _ in public(cls)]


def ids(value: Any) -> str:
    """Name a parameter of a test."""
    return value if isinstance(value, str) else value.__name__


def face_of(faces: ModuleType, cls: type[Any]) -> type[Any]:
    """Give the face that a package has for a class of the Deferred API."""
    face: type[Any] = getattr(faces, "Client" if cls is OpenApiClient else cls.__name__)
    assert face._of is cls
    return face


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Give names, kinds and defaults of the parameters of a function."""
    found = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in found]


def check_member(face: type[Any], cls: type[Any], name: str) -> None:
    """Hold a member of a face to that of the Deferred API."""
    there = hasattr(face, name)
    assert there is ((cls, name) not in MISSING)
    if not there:
        return
    ours, theirs = getattr(face, name), getattr(cls, name)
    assert inspect.getdoc(ours)
    assert callable(ours) == callable(theirs)
    if callable(theirs):
        same = parameters(ours) == parameters(theirs)
        assert same is ((cls, name) not in OTHERWISE)


def check_own(face: type[Any], cls: type[Any]) -> None:
    """Hold a face to what instances of the Deferred API have of their own."""
    named = re.findall(r":ivar (\w+):", inspect.getdoc(cls) or "")
    for name in set(named) - KEPT:
        assert inspect.getdoc(getattr(face, name)), name


def check_words(face: type[Any], *words: str) -> None:
    """Make sure that no docstring of a face has some words."""
    for name, member in [("", face), *public(face)]:
        said = re.findall(rf".*(?:{'|'.join(words)}).*", inspect.getdoc(member) or "")
        assert not said, name
