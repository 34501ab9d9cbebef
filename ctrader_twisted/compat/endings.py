"""How a request of `Client.send` ends without an answer: this package's errors, and Twisted's where 0.9.2 gives those.

Code that looks for `twisted.internet.defer.TimeoutError` or ``CancelledError`` goes on to find it, and code that wants
to know whether the request may be repeated finds `RequestNotSent` or `OutcomeUnknown`.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeout

from ctrader_twisted.errors import AnswerTimeout, OutcomeUnknown, RequestFailed, RequestNotSent, SendTimeout

CANCELLED: Final[str] = "cancelled"
"""The reason of a request whose Deferred was cancelled, as the session gives it."""


class NotSentInTime(SendTimeout, DeferredTimeout):
    """The request's time ran out before it could be sent."""


class NotAnsweredInTime(AnswerTimeout, DeferredTimeout):
    """The request was sent and its time ran out before an answer came."""


class CancelledUnsent(RequestNotSent, CancelledError):
    """The request's Deferred was cancelled before it was sent; it stays here."""


class CancelledUnanswered(OutcomeUnknown, CancelledError):
    """The request's Deferred was cancelled after it was sent: it may be carried out all the same."""


def as_expected(error: RequestFailed) -> RequestFailed:
    """Give an error that is also the one of Twisted's which 0.9.2 gives here; the error itself if there is none."""
    kind: type[RequestFailed] | None = None
    if isinstance(error, SendTimeout):
        kind = NotSentInTime
    elif isinstance(error, AnswerTimeout):
        kind = NotAnsweredInTime
    elif error.reason == CANCELLED:
        kind = CancelledUnsent if isinstance(error, RequestNotSent) else CancelledUnanswered
    if kind is None:
        return error
    expected = kind(error.request, error.reason, error.account_id)
    expected.__cause__ = error.__cause__
    return expected
