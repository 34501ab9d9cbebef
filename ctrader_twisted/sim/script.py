"""Misbehaviour, by script: what a venue does to its clients, and when.

A script is a list of (seconds after the venue's start, action). An action is a callable that is given the `Venue`;
those here are the usual ones, and anything else that can be called with a venue will do::

    Venue(clock, script=[(30, cut()), (60, fall_silent(20)), (90, lambda venue: print(venue.now()))])

Each of them is done to every connection that is open at that moment. `ACTIONS` names them for configuration files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.messages import ProtoOATraderRes
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.venue import Venue

Action = Callable[["Venue"], None]


def close() -> Action:
    """Close the connection once everything sent has left."""
    return _each(lambda talk: talk.peer.close())


def abort() -> Action:
    """Drop the connection at once (TCP: a reset)."""
    return _each(lambda talk: talk.peer.abort("the venue's script aborts it"))


def cut() -> Action:
    """Close the connection in the middle of a frame."""
    frame = Envelope(catalogue.payload_type(ProtoOATraderRes), bytes(200))
    return _each(lambda talk: talk.peer.cut(frame))


def fall_silent(seconds: float | None = None) -> Action:
    """Neither hear nor say anything any more, and keep the connection open.

    :param seconds: how long; None for ever.
    """

    def silence(venue: Venue) -> None:
        talks = tuple(venue.conversations.values())
        for talk in talks:
            talk.silent = True
        if seconds is not None:
            venue.later(seconds, lambda _: _speak(talks))

    return silence


def refuse_connections(seconds: float | None = None) -> Action:
    """Accept no new connection.

    :param seconds: how long; None for ever.
    """

    def refuse(venue: Venue) -> None:
        venue.refusing = True
        if seconds is not None:
            venue.later(seconds, accept_connections())

    return refuse


def accept_connections() -> Action:
    """Accept new connections again."""

    def accept(venue: Venue) -> None:
        venue.refusing = False

    return accept


def drop_answers(count: int = 1, request: str | None = None) -> Action:
    """Carry the next requests out, and withhold their answers.

    :param count: how many.
    :param request: only requests of this name, such as ``"ProtoOATraderReq"``; None for any.
    """
    number = None if request is None else _number(request)
    return _each(lambda talk: talk.drop_answers(count, number))


def delay_answers(delay: float, seconds: float | None = None) -> Action:
    """Take up requests only so much later, in their order.

    :param delay: how much later, seconds.
    :param seconds: for how long this goes on; None for ever.
    """

    def slow_down(venue: Venue) -> None:
        _each(lambda talk: talk.delay_answers(delay))(venue)
        if seconds is not None:
            venue.later(seconds, _each(lambda talk: talk.delay_answers(0.0)))

    return slow_down


def garbage(data: bytes = b"\x00\x00\x00\x05\xff\xff\xff\xff\xff") -> Action:
    """Send bytes as they are; by default a well-formed frame that holds no ProtoMessage."""
    return _each(lambda talk: talk.peer.write_raw(data))


def overlong_frame(length: int = 0x7FFF_FFFF) -> Action:
    """Announce a frame that is longer than any client allows.

    :param length: the bytes announced; a few of them follow.
    """
    return garbage(length.to_bytes(4, "big") + bytes(16))


def unknown_payload_type(number: int = 9_999) -> Action:
    """Send an envelope of a payload type that the schema does not have."""
    return _each(lambda talk: talk.push(Envelope(number, b"\x10\x01")))


def disconnect_account(account_id: int | None = None) -> Action:
    """End an account's session with a ProtoOAAccountDisconnectEvent, and keep the connection.

    :param account_id: which; None for every one.
    """

    def disconnect(talk: Conversation) -> None:
        for standing in tuple(talk.sessions):
            if account_id in (None, standing):
                talk.disconnect_account(standing)

    return _each(disconnect)


def invalidate_token(reason: str = "Access token was revoked") -> Action:
    """End every account's session with a ProtoOAAccountsTokenInvalidatedEvent; access tokens open nothing any more."""

    def invalidate(venue: Venue) -> None:
        for grant in venue.registry.grants:
            venue.registry.revoke(grant)
            venue.end_sessions_of(grant, reason)

    return invalidate


def disconnect_client(reason: str = "Application was disconnected") -> Action:
    """Take every authority from the connection with a ProtoOAClientDisconnectEvent, and keep it open."""
    return _each(lambda talk: talk.disconnect_client(reason))


ACTIONS: Final[Mapping[str, Callable[..., Action]]] = {
    action.__name__: action
    for action in (
        close,
        abort,
        cut,
        fall_silent,
        refuse_connections,
        accept_connections,
        drop_answers,
        delay_answers,
        garbage,
        overlong_frame,
        unknown_payload_type,
        disconnect_account,
        invalidate_token,
        disconnect_client,
    )
}
"""The actions a configuration file may name; their arguments are the functions' own."""


def _each(do: Callable[[Conversation], Any]) -> Action:
    def action(venue: Venue) -> None:
        for talk in tuple(venue.conversations.values()):
            do(talk)

    return action


def _speak(talks: tuple[Conversation, ...]) -> None:
    for talk in talks:
        talk.silent = False


def _number(request: str) -> int:
    for kind in catalogue.REQUESTS.values():
        if kind.name == request:
            return kind.payload_type
    raise ValueError(f"{request} is not a request of the schema")
