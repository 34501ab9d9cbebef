"""Authority taken from clients: sessions, tokens, the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.sim.script.action import Action, each_connection, named, one_of
from ctrader_twisted.sim.troubles import ApplicationTurnedAway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.accounts import Grant
    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.venue import Venue


@named
def disconnect_account(account_id: int | None = None) -> Action:
    """End an account's session with a ProtoOAAccountDisconnectEvent, and keep the connection.

    :param account_id: which; None for every one.
    """

    def disconnect(talk: Conversation) -> None:
        for standing in tuple(talk.sessions):
            if account_id in (None, standing):
                talk.disconnect_account(standing)

    return each_connection(disconnect)


@named
def invalidate_token(
    reason: str = "Access token was revoked", still_good: str = "refresh", grant: int | None = None
) -> Action:
    """End the sessions that a grant opened with a ProtoOAAccountsTokenInvalidatedEvent.

    :param reason: what the event says.
    :param still_good: ``"both"``: the tokens are as good as before; ``"refresh"``: the access token opens nothing any
        more, the refresh token buys the next pair; ``"nothing"``: a person must grant access again.
    :param grant: its place among the venue's tokens, from 1; None for every one.
    """
    one_of("still_good", still_good, dict.fromkeys(("both", "refresh", "nothing")))

    def invalidate(venue: Venue) -> None:
        for each in _grants(venue, grant):
            if still_good != "both":
                venue.registry.revoke(each, for_good=still_good == "nothing")
            venue.end_sessions_of(each, reason)

    return invalidate


@named
def expire_tokens(grant: int | None = None, ends_sessions: bool = False) -> Action:
    """Let access tokens expire now; the refresh tokens stay good.

    :param grant: its place among the venue's tokens, from 1; None for every one.
    :param ends_sessions: whether the sessions they opened end, too, as by `invalidate_token`.
    """

    def expire(venue: Venue) -> None:
        for each in _grants(venue, grant):
            each.expires_at = venue.now()
            if ends_sessions:
                venue.end_sessions_of(each, "Access token has expired")

    return expire


@named
def disconnect_client(
    reason: str = "Application was disconnected",
    closes: bool = False,
    refused_for: float = 0.0,
    code: str = "CHANNEL_IS_BLOCKED",
) -> Action:
    """Take every authority from the connection with a ProtoOAClientDisconnectEvent.

    :param reason: what the event says, such as ``"Blocked by administrator"``.
    :param closes: whether the connection is closed after it.
    :param refused_for: seconds for which applications are then refused.
    :param code: the error code of that; none has been observed, the default is the schema's nearest.
    """

    def each(talk: Conversation) -> None:
        talk.disconnect_client(reason)
        if closes:
            talk.peer.close()

    disconnect = each_connection(each)

    def disconnect_all(venue: Venue) -> None:
        disconnect(venue)
        if refused_for:
            venue.troubles.begin(ApplicationTurnedAway(code, closes), refused_for)

    return disconnect_all


def _grants(venue: Venue, number: int | None) -> Iterable[Grant]:
    grants = venue.registry.grants
    if number is None:
        return tuple(grants)
    if not 1 <= number <= len(grants):
        raise ValueError(f"there is no token {number}: the venue has {len(grants)}")
    return (grants[number - 1],)
