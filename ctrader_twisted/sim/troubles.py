"""What a venue refuses for a while, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ctrader_twisted.messages import ProtoOAApplicationAuthReq
from ctrader_twisted.sim.answers.refusal import CommonRefusal, Refusal
from ctrader_twisted.sim.limits import BLOCKED, HISTORICAL
from ctrader_twisted.wire import catalogue

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

UNDER_MAINTENANCE: Final = "SERVER_IS_UNDER_MAINTENANCE"

_APPLICATION_AUTH: Final = catalogue.payload_type(ProtoOAApplicationAuthReq)
_ULPS: Final = 1e-6  # seconds: sums of floats miss one another by less


class Span:
    """Something that goes on for a while. Of several whiles that overlap, the longest counts. True while it goes on.

    :param clock: tells the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until = -math.inf

    def __bool__(self) -> bool:
        return self._clock.seconds() < self._until - _ULPS

    def begin(self, seconds: float | None = None) -> None:
        """Let it go on for so many seconds from now; None for ever."""
        until = math.inf if seconds is None else self._clock.seconds() + seconds
        self._until = max(self._until, until)

    def end(self) -> None:
        """End it now."""
        self._until = -math.inf


class Trouble(Protocol):
    """One reason to refuse requests."""

    def refusal(self, payload_type: int, account_id: int | None) -> Refusal | None:
        """Give what a request is refused with, or None if it is none of this trouble's.

        :param account_id: the account it is about, where that is known and it is about one.
        """


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Everything is refused.

    :ivar end: when it ends as the answers have it, in ms of the clock that clients wait by; None if they don't say.
    :ivar common: whether it is said by ProtoErrorRes, in milliseconds; if false, by ProtoOAErrorRes, in seconds.
    """

    end: int | None
    common: bool

    def refusal(self, payload_type: int, account_id: int | None) -> Refusal | None:
        """Refuse it."""
        kind = CommonRefusal if self.common else Refusal
        return kind(UNDER_MAINTENANCE, "Server is under maintenance", maintenance_end=self.end)


@dataclass(frozen=True, slots=True)
class ApplicationTurnedAway:
    """Applications are refused.

    :ivar code: the error code.
    :ivar closes: whether the connection is closed after it.
    """

    code: str
    closes: bool

    def refusal(self, payload_type: int, account_id: int | None) -> Refusal | None:
        """Refuse an application's authorisation."""
        if payload_type != _APPLICATION_AUTH:
            return None
        return Refusal(self.code, "Application is refused", closes=self.closes)


@dataclass(frozen=True, slots=True)
class HistoryExhausted:
    """No history is served: the rolling quota is used up.

    :ivar retry_after: the seconds that the answers tell to wait; they need not be enough.
    """

    retry_after: float

    def refusal(self, payload_type: int, account_id: int | None) -> Refusal | None:
        """Refuse a historical request."""
        if payload_type not in HISTORICAL:
            return None
        return Refusal(BLOCKED, "Historical requests are blocked", retry_after=self.retry_after)


@dataclass(frozen=True, slots=True)
class BackEndDown:
    """The server behind the accounts is away.

    :ivar code: the error code.
    :ivar account_id: the only account that is behind it; None for all.
    """

    code: str
    account_id: int | None

    def refusal(self, payload_type: int, account_id: int | None) -> Refusal | None:
        """Refuse what is about an account."""
        if account_id is None or self.account_id not in (None, account_id):
            return None
        return Refusal(self.code, "Connection to the trading server is lost")


class Troubles:
    """The troubles of a venue at this moment, each with its end.

    :param clock: tells the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._standing: list[tuple[Span, Trouble]] = []

    def begin(self, trouble: Trouble, seconds: float | None) -> None:
        """Let one begin; it lasts so many seconds, or for ever."""
        span = Span(self._clock)
        span.begin(seconds)
        self._standing.append((span, trouble))

    def refusal(self, payload_type: int, account_id: int | None = None) -> Refusal | None:
        """Give what a request is refused with by the trouble that came last, or None."""
        self._standing = [(span, trouble) for span, trouble in self._standing if span]
        for _, trouble in reversed(self._standing):
            refusal = trouble.refusal(payload_type, account_id)
            if refusal is not None:
                return refusal
        return None
