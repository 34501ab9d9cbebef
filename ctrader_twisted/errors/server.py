"""What the server answers with an error code, orders apart."""

from __future__ import annotations

from ctrader_twisted.errors.meanings import REMEDIES
from ctrader_twisted.errors.roots import RemoteError


class ServerError(RemoteError):
    """The server answered a request with an error, or reported one by itself.

    :ivar request: the schema's name of the request, or None if the server named none.
    :ivar code: the server's code, always a string; codes outside the schema's enums occur.
    :ivar description: the server's own sentence, or ``""``.
    :ivar retry_after: seconds for which this payload type is blocked, or None.
    :ivar maintenance_end: seconds since the epoch, UTC, at which maintenance ends, or None
        (the two error messages give it in different units; here it is always seconds).
    :ivar account_id: ctidTraderAccountId, where the error or the request names one.
    :ivar remedy: what to do about it, or ``""`` where that is not known; a traceback shows it below the error.
    """

    remedy: str = ""
    _tells_remedy = False  # whether the sentence itself ends in the remedy

    def __init__(
        self,
        code: str,
        description: str = "",
        *,
        request: str | None = None,
        retry_after: float | None = None,
        maintenance_end: float | None = None,
        account_id: int | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.request = request
        self.retry_after = retry_after
        self.maintenance_end = maintenance_end
        self.account_id = account_id
        if remedy is None and not self.remedy:  # the class leaves it open
            remedy = REMEDIES.get(code)
        if remedy is not None:
            self.remedy = remedy
        if self.remedy and not self._tells_remedy:
            self.add_note(self.remedy)

    def __str__(self) -> str:
        parts = [f"{self.request or 'the server'}: {self.code}"]
        if self.description:
            parts.append(f" ({self.description})")
        if self.account_id is not None:
            parts.append(f", account {self.account_id}")
        if self.retry_after is not None:
            parts.append(f", blocked for {self.retry_after:g} s")
        return "".join(parts)


class ApplicationRefused(ServerError):
    """The application's client id or secret is wrong, or the application is not active."""

    remedy = "Check client id and secret, and that the application is Active."


class TokenRefused(ServerError):
    """The access or refresh token is invalid, expired or revoked."""

    remedy = "Get another token: ctrader login."


class AccountRefused(ServerError):
    """The account is unknown, disabled, or not granted to this token."""

    remedy = "Check the id (the ctidTraderAccountId, not the login), and that the token was granted for it."


class CannotRoute(ServerError):
    """The request can't be routed: the account is of the other environment (live, demo), or the broker's back end
    is down.
    """

    remedy = "Connect to the environment the account is of; if it is this one, its broker's back end is down: wait."


class WrongEnvironment(CannotRoute):
    """The account is of the other environment (live, demo) than the one it was asked for on."""

    remedy = "Connect to the other environment for it."


class NotAuthorised(ServerError):
    """The connection has no authority for this: application or account is not, or no longer, authorised."""

    remedy = "Authorise the account first: client.authorise(account_id)."


class AlreadyStanding(ServerError):
    """Of several subscriptions that were asked for together, one stands already; the server does not say which.

    A single one that stands is no error, nor is what is authorised already: that is what was asked for.
    """

    remedy = "Ask for each by itself: what stands already counts as done then."


class RateLimited(ServerError):
    """Too many requests of this payload type; nothing was executed. `retry_after` says for how long to wait."""

    remedy = "Ask less often, and not before that time is over."


class UnderMaintenance(ServerError):
    """The server is under maintenance; `maintenance_end` says until when, if it said so."""

    remedy = "Wait until it is over."


class ServerUnavailable(ServerError):
    """A transient failure behind the server; the same request may succeed later."""

    remedy = "Try again later."
