"""Calls that wait (`ctrader_twisted.blocking`), and can't, or do so no longer."""

from __future__ import annotations

from ctrader_twisted.errors.roots import LocalError, OpenApiError


class CallTimeout(OpenApiError, TimeoutError):
    """A call waited as long as it was allowed to.

    :ivar call: what was called.
    :ivar seconds: how long it waited.
    :ivar became: what became of what it waited for: it may go on, and it may have been carried out.
    :ivar remedy: what to do about it.
    """

    remedy: str = "See what became of it before asking for it again, or wait longer."

    def __init__(self, call: str, seconds: float, became: str) -> None:
        # Not super(): TimeoutError would read an errno and a file name out of these.
        Exception.__init__(self, call, seconds, became)
        self.call = call
        self.seconds = seconds
        self.became = became

    def __str__(self) -> str:
        return f"{self.call} did not end within {self.seconds:g} s: {self.became}"


class CannotWait(LocalError, RuntimeError):
    """A call that waits was made where it would wait for ever.

    :ivar call: what was called.
    :ivar problem: why it can't wait.
    :ivar remedy: what to do instead.
    """

    def __init__(self, call: str, problem: str, remedy: str) -> None:
        super().__init__(call, problem, remedy)
        self.call = call
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.call}: {self.problem}: {self.remedy}"
