"""What the faces of the Deferred API for other styles have in common: objects, members and docstrings made theirs."""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Final, Generic, Never, ParamSpec, TypeVar, overload
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S")

if TYPE_CHECKING:
    Written = Callable[[Callable[Concatenate[_S, _P], _R]], Callable[Concatenate[_S, _P], _R]]
    """A decorator of a method of which the signature is written."""

_A_DEFERRED: Final = r"\ba\s+(?:new\s+)?Deferred"
_FOLLOWED: Final = r"[Ii]f it gives a\s+Deferred or a\s+coroutine, that is\s+followed(?: and its failure logged)?"


@dataclass(frozen=True, slots=True)
class Style:
    """How another style says what the Deferred API says of its methods.

    :ivar gives: for "a Deferred that fires with", and for "a Deferred of".
    :ivar ends: for "a Deferred that fires", before "when".
    :ivar fired: for "it fires".
    :ivar cancelling: for "cancelling the Deferred".
    :ivar followed: for "if it gives a Deferred or a coroutine, that is followed".
    """

    gives: str
    ends: str
    fired: str
    cancelling: str
    followed: str

    def said(self, doc: str | None) -> str | None:
        """Say a docstring of the Deferred API in this style."""
        if doc is None:
            return None
        words = (
            (rf"{_A_DEFERRED}\s+(?:that\s+fires\s+with|of)\s+", self.gives),
            (rf"{_A_DEFERRED}\s+that\s+fires\b", self.ends),
            (rf"{_A_DEFERRED},?\s+(?:which|that)\s+fails\s+with\b", "it raises"),
            (r"\bfires\s+with\b", "gives"),
            (r"\bFires\s+with\b", "Gives"),
            (r"\bit\s+fires\b", self.fired),
            (r"\bfails\s+with\b", "raises"),
            (r"\bFails\s+with:", "Raises:"),
            (r"\bCancelling\s+the\s+Deferred\b", self.cancelling.capitalize()),
            (r"\bcancelling\s+the\s+Deferred\b", self.cancelling),
            (_FOLLOWED, self.followed),
        )
        text = inspect.cleandoc(doc)
        for pattern, instead in words:
            text = re.sub(pattern, instead, text)
        return text


class Face:
    """What a user holds of an object of the Deferred API.

    Each style has a class of its own for them, which says ``style``; a class of faces says ``of`` which class it is,
    those that inherit from that included.
    """

    _of: ClassVar[type[Any]] = object
    _kinds: ClassVar[dict[type[Any], type[Face]]] = {}

    def __init_subclass__(cls, *, of: type[Any] | None = None, style: bool = False, **more: Any) -> None:
        super().__init_subclass__(**more)
        if style:
            cls._kinds = {}
        if of is not None:
            cls._of = of
            cls._kinds[of] = cls

    def __init__(self, link: Any, inner: Any) -> None:
        self._link = link
        self._inner = inner

    def _read(self, function: Callable[[], Any]) -> Any:
        """Read something of the Deferred API, and give it as a user has it."""
        raise NotImplementedError

    @classmethod
    def _kind_of(cls, kind: type[Any]) -> type[Face] | None:
        """Give the class of faces for a class of the Deferred API; None if its objects have none."""
        return next((cls._kinds[base] for base in kind.__mro__ if base in cls._kinds), None)


class Faces:
    """Gives the faces of one client's objects: of each the same one, as long as somebody has it.

    A style's link is one of these, so that whoever has a face has the link, and nothing else keeps it.

    :param root: the style's class of faces.
    """

    def __init__(self, root: type[Face]) -> None:
        self._root = root
        self._known: WeakValueDictionary[int, Face] = WeakValueDictionary()

    def given(self, value: Any) -> Any:
        """Give what the Deferred API has as a user has it: faces, and containers of his own."""
        kind = type(value)
        face = self._root._kind_of(kind)
        if face is not None:
            known = self._known.get(id(value))
            if known is None:
                known = self._known[id(value)] = face(self, value)
            return known
        if kind is tuple or kind is list:
            return kind(self.given(each) for each in value)
        if kind in _MAPPINGS:
            return {key: self.given(each) for key, each in value.items()}
        return self._own(value)

    def _own(self, value: Any) -> Any:
        """Give what has no face as a user has it."""
        return value


_MAPPINGS: Final = (dict, type(type.__dict__))


def inner_of(value: Any) -> Any:
    """Give an argument as the Deferred API takes it."""
    return value._inner if isinstance(value, Face) else value


def with_body(call: Callable[..., Any], doc: str | None) -> Written[_S, _P, _R]:
    """Give what is written of a method, its signature, a body.

    :param call: the body; a coroutine function for one of these.
    :param doc: what it says of itself.
    """

    def decorate(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
        functools.update_wrapper(call, method).__doc__ = doc
        return call

    return decorate


class Reads(Generic[_R]):
    """A property of a face, that of the same name in the Deferred API: read as of one moment."""

    def __init__(self) -> None:
        self._name = ""

    def __set_name__(self, owner: type[Face], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, face: None, owner: type[Any]) -> Self: ...

    @overload
    def __get__(self, face: Face, owner: type[Any]) -> _R: ...

    def __get__(self, face: Face | None, owner: type[Any]) -> Any:
        """Read it."""
        if face is None:
            self.__doc__ = _said_of(owner._of, self._name)
            return self
        return face._read(lambda: getattr(face._inner, self._name))

    def __set__(self, face: Face, value: Never) -> None:
        """Refuse to be assigned to."""
        raise AttributeError(f"{type(face).__name__}.{self._name} can't be assigned to")


class Settable(Reads[_R]):
    """A property that can be assigned to."""

    def __set__(self, face: Face, value: _R) -> None:
        """Assign to it."""
        face._read(lambda: setattr(face._inner, self._name, value))


def _said_of(cls: type[Any], name: str) -> str | None:
    """Give what a class says of a property, or of what its instances have."""
    member = getattr(cls, name, None)
    if member is not None:
        return inspect.getdoc(member)
    described = re.search(rf"^:ivar {name}: ((?:.|\n(?! *(?::|$)))*)", inspect.getdoc(cls) or "", re.MULTILINE)
    return None if described is None else re.sub(r"\s+", " ", described[1])
