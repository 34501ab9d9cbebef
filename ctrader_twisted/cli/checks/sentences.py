"""An error as a problem and a remedy."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from ctrader_twisted.errors import (
    AccountRefused,
    ApplicationRefused,
    CannotRoute,
    ConfigurationError,
    ConnectionFailed,
    HandshakeRefused,
    NotAuthorised,
    RateLimited,
    RequestFailed,
    ServerError,
    ServerUnavailable,
    TokenRefused,
    TokenStoreError,
    UnderMaintenance,
)
from ctrader_twisted.wire.choice import Wire

if TYPE_CHECKING:
    from ctrader_twisted.credentials import Environment
    from ctrader_twisted.errors import OpenApiError


class Said(NamedTuple):
    """What to say of an error."""

    problem: str
    remedy: str = ""


_APPLICATION: Final = (
    "Compare client id and secret with the application's page at openapi.ctrader.com, and see that its status there is "
    "Active"
)
_REMEDIES: Final[tuple[tuple[type[ServerError], str], ...]] = (
    (ApplicationRefused, _APPLICATION),
    (TokenRefused, "Log in again: ctrader login"),
    (AccountRefused, AccountRefused.remedy),
    (CannotRoute, "Either it is of the other environment (live, demo), or its broker's servers are down: try later"),
    (RateLimited, "Something else uses this application, or this account: wait a little, then try again"),
    (NotAuthorised, "The server ended the session meanwhile: try again"),
    (ServerUnavailable, "Its servers are down or busy: try again later"),
)


def problem_and_remedy(error: OpenApiError) -> Said:
    """Say what is wrong, and what to do about it."""
    if isinstance(error, ConfigurationError):
        return Said(f"{error.key}: {error.problem}" if error.key else error.problem, error.remedy.rstrip("."))
    if isinstance(error, TokenStoreError):
        return Said(error.problem, error.remedy)
    if isinstance(error, HandshakeRefused):
        problem = f"{error.problem}: {error.body}" if error.body else error.problem
        return Said(problem, error.remedy[:1].upper() + error.remedy[1:])
    if isinstance(error, ConnectionFailed):
        return Said(error.reason)
    if isinstance(error, RequestFailed):
        return Said(
            f"{error.request} was not answered: {error.reason}", "The server is slow or not serving: try again later"
        )
    if isinstance(error, UnderMaintenance):
        end = None if error.maintenance_end is None else moment(error.maintenance_end)
        if end is None:
            return Said("the server is under maintenance", "Try again later; it is mostly at weekends")
        return Said(f"the server is under maintenance until {end}", "Try again then")
    if isinstance(error, ServerError):
        remedy = next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), "")
        if error.code == "CONNECTIONS_LIMIT_EXCEEDED":
            remedy = "Too many programs use this application at the same time: end some of them"
        return Said(code_and_description(error), remedy)
    return Said(str(error))


def of_another_wire(environment: Environment) -> str:
    """Say what to do where a server does not understand, or is not understood: its port may be for another wire.

    ``""`` if it is the port on which the wire is expected.
    """
    port, wire = environment.port, environment.wire
    if port == wire.default_port:
        return ""
    change = f"set port or wire in [environment.{environment.name}]"
    for other in Wire:
        if port == other.default_port:
            return f"Port {port} is Spotware's for {other.value}, and {wire.default_port} for {wire.value}: {change}"
    return f"If port {port} is not one for {wire.value}, {change}"


def code_and_description(error: ServerError) -> str:
    """Give what the server said."""
    return f"{error.code} ({error.description})" if error.description else error.code


def moment(seconds: float) -> str | None:
    """Write a time, in seconds since the epoch; None if it is none."""
    try:
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return None
