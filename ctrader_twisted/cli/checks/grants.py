"""A token: whether the server takes it, what it opens, how long it lives. No refresh token is spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted import messages
from ctrader_twisted.cli.checks.report import Finding, failed, ok, warning
from ctrader_twisted.cli.checks.sentences import code_and_description
from ctrader_twisted.errors import TokenRefused

if TYPE_CHECKING:
    from ctrader_twisted.cli.checks.wanted import Opener
    from ctrader_twisted.client import OpenApiClient

FEW_DAYS: Final = 3.0
"""Days before a token expires from which on that is a warning."""

_EXPIRED: Final = ("OA_AUTH_TOKEN_EXPIRED", "CH_ACCESS_TOKEN_EXPIRED")
_LOGIN: Final = "Log in again: ctrader login"
_LOGIN_AND_TICK: Final = "Log in again and tick the accounts on the consent page: ctrader login"


@dataclass(frozen=True, slots=True)
class Known:
    """What the server said of a token.

    :ivar accounts: what it opens: a ProtoOACtidTraderAccount by its id.
    :ivar problem: why it opens nothing, or ``""``.
    """

    accounts: dict[int, Any]
    problem: str = ""


async def look_at_token(client: OpenApiClient, opener: Opener, now: float) -> tuple[Finding, Known]:
    """Ask what a token opens.

    :param now: seconds since the epoch.
    """
    left = opener.grant.days_left(now)
    try:
        answer = await client.get_account_list_by_access_token(accessToken=opener.grant.access_token)
    except TokenRefused as error:
        return _refused(opener, left, error), Known({}, "its token was refused")
    known = Known({each.ctidTraderAccountId: each for each in answer.ctidTraderAccount})
    view_only = answer.HasField("permissionScope") and answer.permissionScope == _VIEW
    return _accepted(opener, left, len(known.accounts), view_only=view_only), known


_VIEW: Final = messages.ProtoOAClientPermissionScope.SCOPE_VIEW


def _accepted(opener: Opener, left: float | None, count: int, *, view_only: bool) -> Finding:
    detail = f"accepted; opens {count} account{'' if count == 1 else 's'}; {_days(left)}; {_refresh(opener)}"
    remedies = []
    if left is not None and left < FEW_DAYS:
        remedies.append("Nothing if a program that refreshes it runs meanwhile" if opener.refreshable else _LOGIN)
    if not count:
        remedies.append(_LOGIN_AND_TICK)
    if view_only:
        detail += "; for viewing only, so orders are refused"
        remedies.append("For trading, log in again: ctrader login --scope trading")
    return warning(detail, ". ".join(remedies)) if remedies else ok(detail)


def _refused(opener: Opener, left: float | None, error: TokenRefused) -> Finding:
    said = code_and_description(error)
    if not opener.refreshable:
        return failed(f"refused: {said}; {_refresh(opener)}", _LOGIN)
    if opener.grant.refresh_began_at is not None:
        return failed(
            f"refused: {said}; a refresh of it was interrupted, so its refresh token is most likely spent",
            f"To have it tried: ctrader accounts. If that is refused: {_LOGIN[0].lower()}{_LOGIN[1:]}",
        )
    if left is None or left <= 0 or error.code in _EXPIRED:
        expired = "expired" if left is not None or error.code in _EXPIRED else "refused, perhaps as it has expired"
        return warning(
            f"{expired}: {said}; it can be refreshed, which the next program that uses it does",
            "To have it done now: ctrader accounts",
        )
    return failed(
        f"refused, and not for its age ({_days(left)}): {said}; it may have been revoked",
        "A refresh may help (ctrader accounts tries it); else log in again: ctrader login",
    )


def _days(left: float | None) -> str:
    if left is None:
        return "when it expires is not known"
    if left <= 0:
        return "it should have expired by now"
    return f"{left:.1f} days left" if left < 10 else f"{left:.0f} days left"


def _refresh(opener: Opener) -> str:
    if opener.refreshable:
        return "can be refreshed"
    return "can't be refreshed: it has no refresh token" if opener.kept else "can't be refreshed: it is not kept"
