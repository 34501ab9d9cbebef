"""Requests that can't be sent, or end without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.errors.roots import LocalError, OpenApiError

if TYPE_CHECKING:
    from collections.abc import Sequence


class IncompleteMessage(LocalError):
    """A message lacks required fields and was not sent.

    :ivar message_name: the schema's name of the message.
    :ivar missing: dotted paths of the missing fields.
    """

    def __init__(self, message_name: str, missing: Sequence[str]) -> None:
        super().__init__(message_name, tuple(missing))
        self.message_name = message_name
        self.missing: tuple[str, ...] = tuple(missing)

    def __str__(self) -> str:
        return f"{self.message_name} lacks {', '.join(self.missing)}: set every required field before sending it"


class NotARequest(LocalError):
    """Something was passed to ``request`` that no answer would ever close.

    :ivar what: the name of the class that was passed.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} is not a request: pass one of the schema's messages whose name ends in Req"


class RequestFailed(OpenApiError):
    """A request ended without an answer.

    :ivar request: the schema's name of the request.
    :ivar reason: why.
    :ivar account_id: ctidTraderAccountId of the request, or None if it has none.
    :ivar remedy: what to do about it.
    """

    consequence: str = ""
    remedy: str = "Look at what the server has before asking for it again."

    def __init__(self, request: str, reason: str, account_id: int | None = None) -> None:
        # Not super(): those that are a TimeoutError, too, would read an errno and a file name out of these.
        Exception.__init__(self, request, reason, account_id)
        self.request = request
        self.reason = reason
        self.account_id = account_id

    def __str__(self) -> str:
        account = "" if self.account_id is None else f" for account {self.account_id}"
        return f"{self.request}{account}: {self.reason}; {self.consequence}"


class NeverArrived(RequestFailed):
    """A command left and was not answered, and the server's books show that it was not carried out: it may be repeated.

    Or an order was asked for by an id that no order of this `Account` has, and the server's lists lack it.

    :ivar waited: seconds between the doubt, or the question, and the last look into the books.
    :ivar sent: whether the command left from here; False for an id that was only asked for.
    """

    consequence: str = "the server's books show that it was not carried out: it may be repeated"
    remedy: str = "Ask for it again, if it is still wanted."

    def __init__(self, what: str, waited: float, account_id: int | None = None, sent: bool = True) -> None:
        reason = f"no answer came, and {waited:.0f} s later the server knows nothing of it"
        if not sent:
            reason = f"no order of this id is in the server's lists, nor was in the last {waited:.0f} s"
            self.consequence = "none was sent from here: check the id"
            self.remedy = "Check the id: no order of it is there."
        super().__init__(what, reason, account_id)
        self.args: tuple[Any, ...] = (what, waited, account_id, sent)
        self.waited = waited
        self.sent = sent


class RequestNotSent(RequestFailed):
    """The request never left this program: it is safe to repeat."""

    consequence = "it was never sent and may be repeated"
    remedy: str = "Ask for it again when the account stands, if it is still wanted: nothing was sent."


class QueueFull(RequestNotSent):
    """Too many requests are waiting for their turn under the rate limits."""

    remedy: str = "Wait for the answers to some of them first: nothing was sent."


class SendTimeout(RequestNotSent, TimeoutError):
    """The request's time ran out while it waited for its turn."""

    remedy: str = "Give it a longer timeout, or ask for less at once: nothing was sent."


class OutcomeUnknown(RequestFailed):
    """The request was sent and no answer came, or none that tells its outcome: it may or may not have been carried out.
    Reconcile before repeating it.
    """

    consequence = "it was sent, its outcome is unknown: reconcile before repeating it"
    remedy: str = "Wait for account.settled(), and see what positions and orders there are, before asking for it again."


class AnswerTimeout(OutcomeUnknown, TimeoutError):
    """The request was sent and its time ran out before an answer came."""
