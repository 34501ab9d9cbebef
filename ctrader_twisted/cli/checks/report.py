"""What was found: steps, in order, without secrets."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ctrader_twisted.cli.checks.sentences import problem_and_remedy
from ctrader_twisted.cli.hints import copyable
from ctrader_twisted.errors import OpenApiError
from ctrader_twisted.wire.secrecy import without

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime

_TELLING = 6  # characters: anything shorter occurs in ordinary words


class Status(enum.Enum):
    """How a step ended."""

    OK = "ok"
    WARNING = "warning"
    """It works, and something about it should not stay so."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be looked at, or there was no need to."""


class Finding(NamedTuple):
    """What looking at something gave.

    :ivar status: how it ended.
    :ivar detail: what was found.
    :ivar remedy: what to do about it; ``""`` if nothing.
    """

    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way.

    :ivar step: what was looked at.
    :ivar where: of which file, environment, grant or account.
    :ivar status: how it ended.
    :ivar detail: what was found, or why it was skipped.
    :ivar remedy: what to do about it; ``""`` if nothing.
    :ivar seconds: how long it took.
    """

    step: str
    where: str
    status: Status
    detail: str
    remedy: str
    seconds: float

    def as_document(self) -> dict[str, object]:
        """Give it as JSON has it."""
        return {
            "step": self.step,
            "where": self.where,
            "status": self.status.value,
            "detail": self.detail,
            "remedy": self.remedy,
            "seconds": round(self.seconds, 3),
        }


def ok(detail: str) -> Finding:
    """It is as it should be."""
    return Finding(Status.OK, detail)


def warning(detail: str, remedy: str = "") -> Finding:
    """It works, and should not stay so."""
    return Finding(Status.WARNING, detail, remedy)


def failed(detail: str, remedy: str = "") -> Finding:
    """It does not work."""
    return Finding(Status.FAILED, detail, remedy)


def skipped(reason: str) -> Finding:
    """It was not looked at."""
    return Finding(Status.SKIPPED, reason)


class Report:
    """Every step. What goes on at the same time is told one part after the other.

    :param clock: tells how long a step takes.
    :param told: called with each step as soon as all before it are known.
    """

    def __init__(self, clock: IReactorTime, told: Callable[[Step], None] | None = None) -> None:
        self.clock = clock
        self.began_at: float = clock.seconds()
        self._told = told
        self._telling = 0
        self._secrets: set[str] = set()
        self._top = Section(self)

    def section(self) -> Section:
        """Begin the next part."""
        return self._top.section()

    def keep_secret(self, secrets: Iterable[str | None]) -> None:
        """Name what no step may show."""
        self._secrets.update(secret for secret in secrets if secret is not None and len(secret) >= _TELLING)

    def scrub(self, text: str) -> str:
        """Take secrets out of a text."""
        return without(text, self._secrets)

    @property
    def steps(self) -> list[Step]:
        """Every step so far, in order."""
        return [item for item in self._top.flattened() if item is not None]

    @property
    def status(self) -> Status:
        """The worst of all steps."""
        found = {step.status for step in self.steps}
        return next((status for status in (Status.FAILED, Status.WARNING) if status in found), Status.OK)

    def tell(self) -> None:
        """Tell the steps whose turn has come."""
        for number, step in enumerate(self._top.flattened()):
            if step is None:  # a part that goes on: what comes after it has to wait
                return
            if number >= self._telling:
                self._telling += 1
                if self._told is not None:
                    self._told(step)


class Section:
    """A part of a report: steps and further parts, in order. Use it with ``with``: at its end nothing more comes."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._items: list[Step | Section] = []
        self._ended = False

    def __enter__(self) -> Section:
        return self

    def __exit__(self, *reason: object) -> None:
        self._ended = True
        self.report.tell()

    def section(self) -> Section:
        """Begin a part of this part."""
        part = Section(self.report)
        self._items.append(part)
        return part

    def add(self, step: str, where: str, finding: Finding, seconds: float = 0.0) -> None:
        """Add a step."""
        scrub, remedy = self.report.scrub, copyable(finding.remedy)
        self._items.append(Step(step, scrub(where), finding.status, scrub(finding.detail), scrub(remedy), seconds))
        self.report.tell()

    async def look(
        self, step: str, where: str, looking: Coroutine[Deferred[Any], Any, Finding], *, failure: str = ""
    ) -> Finding:
        """Look at something, and add what was found. Any `OpenApiError` is a failure.

        :param failure: what could not be done, for the beginning of the sentence about an error.
        """
        clock = self.report.clock
        began = clock.seconds()
        try:
            finding = await looking
        except OpenApiError as error:
            problem, remedy = problem_and_remedy(error)
            finding = failed(f"{failure}: {problem}" if failure else problem, remedy)
        self.add(step, where, finding, clock.seconds() - began)
        return finding

    def flattened(self) -> Iterator[Step | None]:
        """Give the steps in order, and None where more may come."""
        for item in self._items:
            if isinstance(item, Step):
                yield item
            else:
                yield from item.flattened()
        if not self._ended:
            yield None
