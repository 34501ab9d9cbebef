"""What the whole service refuses for a while: maintenance, a back end that is down, history, applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.sim.script.action import Action, named, one_of
from ctrader_twisted.sim.script.connections import refuse_connections, stall_connections
from ctrader_twisted.sim.troubles import ApplicationTurnedAway, BackEndDown, HistoryExhausted, Maintenance

if TYPE_CHECKING:
    from ctrader_twisted.sim.venue import Venue


@named
def maintenance(
    seconds: float, error: str = "ProtoOAErrorRes", connections: str = "accepted", announced: float | None = None
) -> Action:
    """Refuse every request with ``SERVER_IS_UNDER_MAINTENANCE``; connections and sessions stay.

    :param seconds: how long.
    :param error: ``"ProtoOAErrorRes"``, which tells the end in seconds, or ``"ProtoErrorRes"``, in milliseconds.
    :param connections: what becomes of new ones: ``"accepted"``, ``"refused"`` or ``"stalled"``.
    :param announced: the seconds from now that the answers tell, if they are not ``seconds``; 0 to tell none.
    """
    common = one_of("error", error, {"ProtoOAErrorRes": False, "ProtoErrorRes": True})
    door = one_of(
        "connections",
        connections,
        {"accepted": None, "refused": refuse_connections(seconds), "stalled": stall_connections(seconds)},
    )

    def maintain(venue: Venue) -> None:
        told = seconds if announced is None else announced
        # By the clock that clients wait by, not by the venue's time: that is of the market, and may be years off.
        end = round((venue.clock.seconds() + told) * 1000) if told else None
        venue.troubles.begin(Maintenance(end, common), seconds)
        if door is not None:
            door(venue)

    return maintain


@named
def backend_down(seconds: float, code: str = "CANT_ROUTE_REQUEST", account_id: int | None = None) -> Action:
    """Refuse what is about an account, its authorisation included; everything else is answered.

    :param seconds: how long.
    :param code: the error code.
    :param account_id: only this account's; None for all.
    """
    return lambda venue: venue.troubles.begin(BackEndDown(code, account_id), seconds)


@named
def limit_history(seconds: float, retry_after: float = 1.0) -> Action:
    """Refuse historical requests with ``BLOCKED_PAYLOAD_TYPE``: the rolling quota is used up.

    :param seconds: how long.
    :param retry_after: the seconds that the answers tell to wait; waiting so long is not enough.
    """
    return lambda venue: venue.troubles.begin(HistoryExhausted(retry_after), seconds)


@named
def refuse_application(code: str, seconds: float, closes: bool = False) -> Action:
    """Refuse to authorise applications.

    :param code: the error code.
    :param seconds: how long.
    :param closes: whether the connection is closed after it.
    """
    return lambda venue: venue.troubles.begin(ApplicationTurnedAway(code, closes), seconds)
