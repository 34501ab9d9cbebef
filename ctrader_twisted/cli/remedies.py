"""Errors as sentences for a person at a terminal: what happened, where, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.cli.hints import copyable
from ctrader_twisted.cli.terminal import clean
from ctrader_twisted.errors import (
    AccountRefused,
    ApplicationRefused,
    CannotRoute,
    ConnectionFailed,
    LocalError,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    RequestNotSent,
    ServerError,
    TokenRefused,
    UnderMaintenance,
    WrongEnvironment,
)

if TYPE_CHECKING:
    from ctrader_twisted.errors import OpenApiError

_REMEDIES: Final[tuple[tuple[type[OpenApiError], str], ...]] = (
    (
        ApplicationRefused,
        "Compare client id and secret with the application's page at openapi.ctrader.com, and see that it is Active.",
    ),
    (TokenRefused, "Log in again: ctrader login"),
    (
        AccountRefused,
        "See which accounts the tokens open: ctrader accounts. The id is the ctidTraderAccountId, not the login.",
    ),
    (WrongEnvironment, "The account is of the other environment: --environment live, or demo."),
    (
        CannotRoute,
        "Either the account is of the other environment (live, demo), or its broker's servers are down just now.",
    ),
    (UnderMaintenance, "Try again when it is over; maintenance is mostly at weekends."),
    (RateLimited, "Wait a little, then try again."),
    (
        OAuthRefused,
        "A code is good for one minute and once; client id, secret and redirect URI must be those of the application. "
        "Try again: ctrader login",
    ),
    (ConnectionFailed, "To see which step fails: ctrader check"),
    (RequestNotSent, "Try again."),
    (OutcomeUnknown, "Try again: nothing was changed."),
)
"""First match wins. Errors whose own sentence has the remedy are not here."""

SPENDING: Final = {
    "ProtoOARefreshTokenReq": "The refresh token may be spent: try again; if it is refused then: ctrader login",
    "the token request": "What it was asked with may be spent: ctrader login",
}
"""Requests that use something up, by what an error calls them, and the remedy where their outcome is unknown."""


def explain(error: OpenApiError) -> str:
    """Give an error's sentence with its remedy."""
    return copyable(_explained(error))


def _explained(error: OpenApiError) -> str:
    if isinstance(error, LocalError):
        return str(error)
    text = clean(error)  # a server's words may be in it
    if isinstance(error, OutcomeUnknown) and error.request in SPENDING:
        return f"{error.request}: {clean(error.reason)}; its outcome is unknown. {SPENDING[error.request]}"
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return f"{text}. {remedy}"
    if isinstance(error, ServerError):
        return f"{text}. To see which step fails: ctrader check"
    return text
