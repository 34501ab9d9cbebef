"""Which line of somebody's program asks for history: warnings about what it asks for point to it.

They are found out long after it has asked, when that line is on no stack any more.
"""

from __future__ import annotations

import sys
import warnings
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_R = TypeVar("_R")

_BETWEEN: Final = frozenset(("ctrader_twisted", "twisted", "asyncio"))
"""Packages whose lines are not somebody's program."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a program.

    :ivar file: its file.
    :ivar number: which line of that.
    :ivar module: the name of its module.
    :ivar told: what was warned of in that module, as `warnings` keeps it.
    """

    file: str
    number: int
    module: str
    told: dict[Any, Any] = field(repr=False)

    def warn(self, text: str) -> None:
        """Warn of something there: once, unless a filter says otherwise."""
        warnings.warn_explicit(text, UserWarning, self.file, self.number, self.module, self.told)

    def asks(self, function: Callable[[], _R]) -> _R:
        """Call a function in the name of this line: one of another thread."""
        before = _asking.set(self)
        try:
            return function()
        finally:
            _asking.reset(before)


_asking: ContextVar[Line | None] = ContextVar("asking", default=None)


def asking_line() -> Line:
    """Find the line that asks: in whose name this is called, else the nearest one of somebody's program."""
    line = _asking.get()
    if line is not None:
        return line
    frame = sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in _BETWEEN:
        frame = frame.f_back
    module = frame.f_globals.get("__name__") or "sys"
    told = frame.f_globals.setdefault("__warningregistry__", {})
    return Line(frame.f_code.co_filename, frame.f_lineno, module, told)


def _package(names: dict[str, Any]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
