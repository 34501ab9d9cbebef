"""How far several things are: bars on a terminal, a line now and then elsewhere. On stderr."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from rich.console import Group
from rich.live import Live
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from twisted.internet.task import LoopingCall

from ctrader_twisted.cli.terminal import cell, say, stderr_console

if TYPE_CHECKING:
    from collections.abc import Iterable

REDRAW: Final = 0.2
"""Seconds between two looks at the bars."""
_SIZES: Final = ((24, True, True), (12, True, True), (12, True, False), (0, True, False), (0, False, False))
"""What stands in a line, the most that there is room for: blocks of the bar, whether rows, whether their rate."""
_ANY_WIDTH: Final = 10_000
LINES: Final = 10.0
"""Seconds between two lines where there is no terminal."""


@dataclass(slots=True)
class Course:
    """How far one thing is.

    :ivar name: what it is called.
    :ivar share: how much of it is done, from 0 to 1.
    :ivar rows: how many rows came so far.
    :ivar began: when, in seconds; None before it has begun.
    :ivar ended: when; None before.
    """

    name: str
    share: float = 0.0
    rows: int = 0
    began: float | None = None
    ended: float | None = None

    def rate(self, now: float) -> float:
        """Give rows per second."""
        seconds = 0.0 if self.began is None else (now if self.ended is None else self.ended) - self.began
        return self.rows / seconds if seconds > 0 else 0.0

    def left(self, now: float) -> float | None:
        """Give how many seconds it will take, if it goes on as it has; None if nobody can say."""
        if self.ended is not None:
            return 0.0
        if self.began is None or self.share <= 0 or now <= self.began:
            return None
        return (now - self.began) * (1 - self.share) / self.share

    def line(self, now: float) -> str:
        """Write it in a line."""
        left = self.left(now)
        text = f"{self.name}: {self.share:.0%}, {self.rows:,} rows, {self.rate(now):,.0f} rows/s"
        return text if left is None else f"{text}, {clock(left)} left"


class Progress(Protocol):
    """Shows how far things are."""

    def begin(self, courses: Iterable[Course]) -> None:
        """Begin to show these; whoever has them changes them."""

    def end(self) -> None:
        """Show them for the last time."""


class ProgressBars:
    """A bar for each thing, drawn again in place.

    :param reactor: an ``IReactorTime``.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._live = Live(console=stderr_console(), auto_refresh=False)
        self._drawing = LoopingCall(self._draw)
        self._drawing.clock = reactor
        self._courses: tuple[Course, ...] = ()

    def begin(self, courses: Iterable[Course]) -> None:
        """Draw them."""
        self._courses = tuple(courses)
        self._live.start()
        self._drawing.start(REDRAW).addErrback(
            lambda failure: failure.trap(OSError) and None
        )  # a terminal that is gone

    def end(self) -> None:
        """Draw them for the last time."""
        if self._drawing.running:
            self._drawing.stop()
            with suppress(OSError):
                self._draw()
                self._live.stop()

    def _draw(self) -> None:
        self._live.update(self.shown(), refresh=True)

    def shown(self) -> Group:
        """Give what a terminal shows: what has begun, and how many wait; where there is no room, less of it."""
        console = self._live.console
        drawn = Table()
        for width, rows, rate in _SIZES:
            drawn = self._table(width, rows, rate)
            if Measurement.get(console, console.options.update(width=_ANY_WIDTH), drawn).maximum <= console.width:
                break
        waiting = sum(course.began is None for course in self._courses)
        return Group(drawn, Text(f"{waiting} more to come", "dim")) if waiting else Group(drawn)

    def _table(self, width: int, rows: bool, rate: bool) -> Table:
        now = self._reactor.seconds()
        drawn = Table(box=None, pad_edge=False, show_header=False)
        for course in self._courses:
            if course.began is None:
                continue
            left = course.left(now)
            drawn.add_row(
                cell(course.name, "bold"),
                *([ProgressBar(total=1.0, completed=course.share, width=width)] if width else []),
                cell(f"{course.share:4.0%}"),
                *([cell(f"{course.rows:,} rows")] if rows else []),
                *([cell(f"{course.rate(now):,.0f} rows/s", "dim")] if rate else []),
                cell("done" if course.ended is not None else "" if left is None else f"{clock(left)} left"),
            )
        return drawn


class ProgressLines:
    """A line for each thing under way, now and then.

    :param reactor: an ``IReactorTime``.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._telling = LoopingCall(self._tell)
        self._telling.clock = reactor
        self._courses: tuple[Course, ...] = ()

    def begin(self, courses: Iterable[Course]) -> None:
        """Begin."""
        self._courses = tuple(courses)
        self._telling.start(LINES, now=False)

    def end(self) -> None:
        """Say no more."""
        if self._telling.running:
            self._telling.stop()

    def _tell(self) -> None:
        for course in self._courses:
            if course.began is not None and course.ended is None:
                say(course.line(self._reactor.seconds()))


def progress(reactor: Any) -> Progress:
    """Give what fits stderr."""
    console = stderr_console()
    return ProgressBars(reactor) if console.is_terminal and not console.is_dumb_terminal else ProgressLines(reactor)


def clock(seconds: float) -> str:
    """Write a time that something takes: ``7 s``, ``4:05``, ``1:02:03``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
