"""Misbehaviour of connections: closed, cut, silent, refused, stalled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.messages import ProtoOATraderRes
from ctrader_twisted.sim.script.action import Action, each_connection, named, reachable
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.venue import Venue


@named
def close() -> Action:
    """Close the connection once everything sent has left."""
    return each_connection(lambda talk: talk.peer.close())


@named
def abort() -> Action:
    """Drop the connection at once (TCP: a reset)."""
    return each_connection(lambda talk: talk.peer.abort("the venue's script aborts it"))


@named
def cut() -> Action:
    """Close the connection in the middle of a frame."""
    frame = Envelope(catalogue.payload_type(ProtoOATraderRes), bytes(200))
    return each_connection(lambda talk: talk.peer.cut(frame))


@named
def fall_silent(seconds: float | None = None) -> Action:
    """Neither hear nor say anything any more, and keep the connection open.

    What a client sends is read and lost, and its close is answered: the program hangs, the machine does not.

    :param seconds: how long; None for ever.
    """
    return each_connection(lambda talk: talk.silence.begin(seconds))


@named
def half_open(seconds: float | None = None) -> Action:
    """Let the connection die unheard: nothing is read, nothing is said, a close is not answered.

    :param seconds: after which it is dropped with a reset; None for never.
    """

    def die(venue: Venue) -> None:
        talks = tuple(reachable(venue))
        for talk in talks:
            talk.die_unheard()
        if seconds is not None:
            venue.later(seconds, lambda _: _drop(talks))

    return die


@named
def refuse_connections(seconds: float | None = None) -> Action:
    """Close new connections at once.

    :param seconds: how long; None for ever.
    """
    return lambda venue: venue.refusing.begin(seconds)


@named
def stall_connections(seconds: float | None = None) -> Action:
    """Accept new connections and leave it at that: not even TLS begins.

    :param seconds: how long; then they are dropped. None for ever.
    """

    def stall(venue: Venue) -> None:
        venue.stalling.begin(seconds)
        if seconds is not None:
            venue.later(seconds, _drop_stalled)

    return stall


@named
def accept_connections() -> Action:
    """Accept new connections again, and drop those that were stalled."""

    def accept(venue: Venue) -> None:
        venue.refusing.end()
        venue.stalling.end()
        venue.drop_stalled()

    return accept


def _drop(talks: Iterable[Conversation]) -> None:
    for talk in talks:
        if talk.peer.open:
            talk.peer.abort("it was half open")


def _drop_stalled(venue: Venue) -> None:
    if not venue.stalling:  # another one may have begun meanwhile
        venue.drop_stalled()
