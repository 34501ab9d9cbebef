"""Misbehaviour in what is said: answers dropped or late, no heartbeats, nonsense."""

from __future__ import annotations

import functools

from ctrader_twisted.sim.script.action import Action, each_connection, named
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope


@named
def drop_answers(count: int = 1, request: str | None = None, seconds: float | None = None) -> Action:
    """Carry the next requests out, and withhold their answers.

    :param count: how many.
    :param request: only requests of this name, such as ``"ProtoOATraderReq"``; None for any.
    :param seconds: for how long at most; None for ever.
    """
    number = None if request is None else _number(request)
    return each_connection(lambda talk: talk.drop_answers(count, number, seconds))


@named
def delay_answers(delay: float, seconds: float | None = None) -> Action:
    """Take up requests only so much later, in their order.

    :param delay: how much later, seconds.
    :param seconds: for how long this goes on; None for ever.
    """
    return each_connection(lambda talk: talk.delay_answers(delay, seconds))


@named
def stop_heartbeats(seconds: float | None = None) -> Action:
    """Send no heartbeats, on any connection.

    :param seconds: how long; None for ever.
    """
    return lambda venue: venue.without_heartbeats.begin(seconds)


@named
def garbage(data: bytes | None = None) -> Action:
    """Send bytes as they are; by default a well-formed frame that holds no message."""
    if data is None:
        return each_connection(lambda talk: talk.imitate(_meaningless))
    return each_connection(lambda talk: None if talk.silence else talk.peer.write_raw(data))


@named
def overlong_frame(length: int = 0x7FFF_FFFF) -> Action:
    """Announce a frame that is longer than any client allows.

    :param length: the bytes announced; a few of them follow.
    """
    return each_connection(lambda talk: talk.imitate(functools.partial(_announcing, length)))


@named
def unknown_payload_type(number: int = 9_999) -> Action:
    """Send an envelope of a payload type that the schema does not have; its payload is one over every wire."""
    return each_connection(lambda talk: talk.push(Envelope(number, b"{}")))


def _meaningless(frame: bytes) -> bytes:
    junk = b"?????"
    return _kind(frame) + bytes((len(junk),)) + junk if _is_websocket(frame) else len(junk).to_bytes(4) + junk


def _announcing(length: int, frame: bytes) -> bytes:
    header = _kind(frame) + b"\x7f" + length.to_bytes(8) if _is_websocket(frame) else length.to_bytes(4)
    return header + bytes(16)


def _is_websocket(frame: bytes) -> bool:
    return frame[0] >= 0x80  # as a length it would be 2 GB


def _kind(frame: bytes) -> bytes:
    return bytes((frame[0] & 0x8F,))  # text or binary, and not compressed


def _number(request: str) -> int:
    for kind in catalogue.REQUESTS.values():
        if kind.name == request:
            return kind.payload_type
    raise ValueError(f"{request} is not a request of the schema")
