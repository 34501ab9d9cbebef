"""History that could not be fetched to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.errors.roots import LocalError, OpenApiError, RemoteError

if TYPE_CHECKING:
    from datetime import datetime


class NoProgress(RemoteError):
    """The server says that there is more, and gives nothing that is not known: asking on would never end.

    :ivar before: ms since the epoch, UTC; what is older was asked for.
    """

    def __init__(self, before: int) -> None:
        super().__init__(before)
        self.before = before

    def __str__(self) -> str:
        return (
            f"the server says that there is more before {self.before} ms, and gives nothing new, asked again and again"
        )


class HistoryIncomplete(OpenApiError):
    """History ended before its end. What was got is right, and it can be gone on from there; `__cause__` is why.

    :ivar what: what was fetched: ``"EURUSD M1"``.
    :ivar until: how far it was got. Iterated, everything before it was given: go on with it as the start, or simply
        iterate on. As a whole, everything from it on was got: go on with it as the end.
    :ivar got: for `whole`, the table of what was got; None otherwise.
    """

    def __init__(self, what: str, until: datetime, reason: str, got: Any = None) -> None:
        super().__init__(what, until, reason, got)
        self.what = what
        self.until = until
        self.reason = reason
        self.got = got

    def __str__(self) -> str:
        return f"{self.what} ended at {self.until.isoformat()}: {self.reason}"


class HistoryRefused(LocalError):
    """What was asked for can't be: nothing was sent.

    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"


class ExtraMissing(LocalError):
    """A package that is not installed is needed for this.

    :ivar package: which.
    :ivar what: what for.
    :ivar install: what to install.
    """

    def __init__(self, package: str, what: str, install: str) -> None:
        super().__init__(package, what, install)
        self.package = package
        self.what = what
        self.install = install

    def __str__(self) -> str:
        told = f'{self.what} needs {self.package}: pip install "{self.install}"'
        extra = self.install.removeprefix("ctrader_twisted")
        return told if extra == self.install else f'{told}, or in a copy of the source pip install ".{extra}"'
