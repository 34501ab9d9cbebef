"""A server that says what was said in a recording: how a session that failed becomes a test.

Each connection that is made to it gets the next recorded one. A request is answered as the corresponding recorded one
was: the first of its type that has not come yet, the very same if there is one, and of the same account. Everything
else is said as long after the request before it as it was then. Which credentials are given does not matter.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctrader_twisted.errors import FrameTooLong, TruncatedFrame, UndecodableEnvelope
from ctrader_twisted.flight.format import Ended, Said, Unreadable
from ctrader_twisted.flight.script import Script, account_of, scripts_of
from ctrader_twisted.messages import ProtoOAErrorRes
from ctrader_twisted.reasons import explain
from ctrader_twisted.server import MAX_BACKLOG, ServerProtocol
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.int32 import Int32Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort, IReactorTime
    from twisted.python.failure import Failure

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.flight.format import Entry
    from ctrader_twisted.flight.script import Asked, Step
    from ctrader_twisted.server import Peer
    from ctrader_twisted.wire.envelope import Envelope

CODE: Final = "NOT_RECORDED"
"""The error code of the answer to a request that the recording does not hold."""

PATIENCE: Final = 10.0
"""Seconds that a recorded request is waited for, unless told otherwise, before what came after it is said."""

_DRAIN: Final = 0.001  # seconds that what was said is given to leave, and again as long as it has not
_PREFIX: Final = struct.Struct(">I")
_LISTED: Final = 1000  # divergences that are kept
_INSTANT: Final = 1e-6  # seconds: sums of floats fall short of one another

# What a client says of a connection that it did not end itself.
_CLOSED: Final = str(explain(ConnectionDone()))
_LOST: Final = str(explain(ConnectionLost()))

# What a client does to begin. A recording whose beginning is gone does not hold it.
_BEGINNING: Final = frozenset(
    number
    for number, kind in catalogue.REQUESTS.items()
    if kind.method_name in ("application_auth", "account_auth") or kind.method_name.startswith("subscribe_")
)


@dataclass(frozen=True, slots=True)
class Divergence:
    """Something that went otherwise than it was recorded.

    :ivar at: when, in the clock's seconds.
    :ivar connection: counts the connections to the venue, from 1.
    :ivar request: the schema's name of the request, or ``""``.
    :ivar problem: what is different.
    """

    at: float
    connection: int
    request: str
    problem: str

    def __str__(self) -> str:
        return f"connection {self.connection}: {self.request + ' ' if self.request else ''}{self.problem}"


class ReplayVenue:
    """A venue that plays a recording to the clients that connect to it.

    :param entries: the recording, or what `select` gives of it. A connection whose beginning it does not hold is played
        too; what a client does to begin (authorise, subscribe) is then answered without it.
    :param clock: for what is said by itself.
    :param speed: how many times as fast as it was recorded; ``math.inf`` for as fast as possible.
    :param longest_gap: seconds that a recorded silence lasts at most; None for as long as it was.
    :param patience: seconds that a recorded request is waited for before what came after it is said without it.
    :raises ValueError: if there is no connection in it.

    :ivar factory: makes the accepting protocols, for an endpoint, `listen`, or a `ctrader_twisted.sim.memory.Network`.
    :ivar divergences: requests that came and are not in the recording, recorded ones that did not come, connections
        beyond the recorded ones; the first thousand.
    :ivar differences: requests that were answered as recorded though some of their fields were others then.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        clock: IReactorTime,
        *,
        speed: float = 1.0,
        longest_gap: float | None = None,
        patience: float = PATIENCE,
    ) -> None:
        if not speed > 0:
            raise ValueError("speed must be more than 0")
        self._clock = clock
        self._speed = speed
        self._patience = patience
        self._scripts = scripts_of(entries, longest_gap)
        if not self._scripts:
            raise ValueError("the recording holds no connection")
        # All of it is in memory anyway: a client that reads slowly can't make it more.
        size = sum(step.size for script in self._scripts for step in script.steps)
        self._players: set[_Player] = set()
        self._connections = 0
        self._waiting: list[Deferred[None]] = []
        self.divergences: list[Divergence] = []
        self.differences: list[Divergence] = []
        self.factory: _Factory = _Factory(self._accept, clock, max(MAX_BACKLOG, size))

    @property
    def finished(self) -> bool:
        """Whether everything that was recorded has been said."""
        return not self._scripts and all(player.finished for player in self._players)

    def when_finished(self) -> Deferred[None]:
        """Give a new Deferred that fires with None when everything that was recorded has been said."""
        if self.finished:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        return waiter

    def listen(self, reactor: Any, certificate: Any, port: int = 0, interface: str = "127.0.0.1") -> IListeningPort:
        """Listen with TLS.

        :param reactor: an ``IReactorTCP``.
        :param certificate: what makes TLS contexts, such as ``PrivateCertificate.options()`` gives.
        :param port: 0 for a free one.
        :return: the port; stopping it is the caller's business.
        """
        wrapped = TLSMemoryBIOFactory(certificate, False, self.factory)
        listening: IListeningPort = reactor.listenTCP(port, wrapped, interface=interface)
        return listening

    def _accept(self, protocol: _Protocol, peer: Peer) -> _Player:
        self._connections += 1
        script = self._scripts.popleft() if self._scripts else None
        player = _Player(self, protocol, peer, script or Script(0.0, True), self._connections)
        if script is None:
            self._diverges(player, "", "the recording holds no further connection: closed")
            peer.close()
        else:
            self._players.add(player)
            player.begin()
        return player

    def _diverges(self, player: _Player, request: str, problem: str) -> None:
        if len(self.divergences) < _LISTED:
            self.divergences.append(Divergence(self._clock.seconds(), player.number, request, problem))

    def _differs(self, player: _Player, request: str) -> None:
        if len(self.differences) < _LISTED:
            problem = "has other fields than the recorded one"
            self.differences.append(Divergence(self._clock.seconds(), player.number, request, problem))

    def _look(self) -> None:
        """Tell those who wait for the end, if it is reached."""
        if self.finished:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                waiter.callback(None)


class _Protocol(ServerProtocol):
    """Knows whether something that was said has still to leave."""

    paused: bool = False

    def pauseProducing(self) -> None:
        """The peer reads too slowly."""
        self.paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """The peer has caught up."""
        self.paused = False
        super().resumeProducing()


class _Factory(Factory):
    """Makes a protocol for each connection."""

    noisy = False

    def __init__(self, accept: Callable[[_Protocol, Peer], _Player], clock: IReactorTime, max_backlog: int) -> None:
        self._accept = accept
        self._clock = clock
        self._max_backlog = max_backlog

    def buildProtocol(self, addr: IAddress | None) -> _Protocol:
        """Make the protocol of one connection."""

        def converse(peer: Peer) -> _Player:
            return self._accept(protocol, peer)

        protocol = _Protocol(converse, Int32Wire, self._clock, self._max_backlog)
        protocol.factory = self
        return protocol


class _Player:
    """One connection: a recorded one, said again."""

    def __init__(self, venue: ReplayVenue, protocol: _Protocol, peer: Peer, script: Script, number: int) -> None:
        self.number = number
        self._venue = venue
        self._clock = venue._clock
        self._protocol = protocol
        self._peer = peer
        self._script = script
        self._made: float | None = None
        self._said_at = -math.inf
        self._call: IDelayedCall | None = None
        self._late: set[IDelayedCall] = set()
        self._over = False

    @property
    def finished(self) -> bool:
        return self._over or not (self._script.steps or self._late)

    # What the shell calls

    def received(self, envelope: Envelope) -> None:
        """Take note that a recorded request came, and say what was waiting for it."""
        if self._made is None:
            self._made = self._clock.seconds()
        if envelope.payload_type == catalogue.HEARTBEAT:
            return
        asked = self._find(envelope)
        if asked is None:
            self._refuse(envelope)
            self.play()
            return
        asked.came, asked.key = self._clock.seconds(), envelope.client_msg_id
        for step in asked.late:
            self._say_late(step, self._passed(asked, step))
        asked.late.clear()
        self.play()

    def problem(self, error: ProtocolError) -> None:
        """No recording holds what can't be read."""
        self._venue._diverges(self, "", str(error))

    def lost(self, reason: Failure) -> None:
        """Say nothing more."""
        self._over = True
        for call in (self._call, *self._late):
            if call is not None and call.active():
                call.cancel()
        unsaid = len(self._late) + sum(
            isinstance(step.entry, Said) and step.entry.payload_type != catalogue.HEARTBEAT
            for step in self._script.steps
        )
        if unsaid:
            self._venue._diverges(self, "", f"the client left before {unsaid} recorded lines were said to it")
        self._call = None
        self._late.clear()
        for asked in self._script.requests:
            if asked.came is None and not asked.missed:
                self._venue._diverges(self, asked.name, "was recorded and did not come")
        self._venue._look()

    # Playing

    def begin(self) -> None:
        """Begin at once, or where the beginning is not recorded with the first thing that the client says."""
        if self._script.whole:
            self._made = self._clock.seconds()
            self.play()

    def play(self) -> None:
        """Say what is due, and come back for the rest."""
        if self._call is not None:
            if self._call.active():
                self._call.cancel()
            self._call = None
        steps, now = self._script.steps, self._clock.seconds()
        while steps and not self._over:
            step = steps[0]
            due = self._due(step)
            missing = next(
                (one for one in (step.after, step.answers) if one and one.came is None and not one.missed), None
            )
            if missing is not None:
                due = max(due, self._due_after(missing)) + self._venue._patience
            if due > now + _INSTANT:
                self._call = self._clock.callLater(due - now, self.play)
                return
            if missing is not None:
                missing.missed = True
                self._venue._diverges(self, missing.name, "was recorded and did not come in time")
                continue
            steps.popleft()
            if step.answers is not None and step.answers.came is None:
                step.answers.late.append(step)
            else:
                self._say(step)
        self._venue._look()

    def _due(self, step: Step) -> float:
        """Give when a step is due, by the last request before it that came."""
        return self._then(step.at, step.after)

    def _due_after(self, asked: Asked) -> float:
        return self._then(asked.at, asked.before)

    def _then(self, at: float, after: Asked | None) -> float:
        while after is not None and after.came is None:
            after = after.before
        if after is None or after.came is None:
            assert self._made is not None
            return self._made + (at - self._script.at) / self._venue._speed
        return after.came + (at - after.at) / self._venue._speed

    def _passed(self, asked: Asked, step: Step) -> float:
        return (step.at - asked.at) / self._venue._speed

    def _say_late(self, step: Step, delay: float) -> None:
        self._later(delay, lambda: self._say(step))

    def _abort(self) -> None:
        """Drop the connection, and with it what has not left; so let leave first what was said just now."""
        self._peer.flush()
        if self._protocol.paused or self._clock.seconds() - self._said_at < _DRAIN:
            self._later(_DRAIN, self._abort)
        else:
            self._peer.abort()

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        def act() -> None:
            self._late.discard(call)
            action()
            self._venue._look()

        call = self._clock.callLater(delay, act)
        self._late.add(call)

    def _say(self, step: Step) -> None:
        entry = step.entry
        if not isinstance(entry, Ended):
            self._said_at = self._clock.seconds()
        if isinstance(entry, Said):
            if entry.withheld is not None:
                self._venue._diverges(
                    self, entry.name, "was withheld from the recording, and is said without its content"
                )
            for envelope in entry.envelopes():
                self._peer.send(envelope if step.answers is None else envelope._replace(client_msg_id=step.answers.key))
        elif isinstance(entry, Unreadable):
            self._peer.write_raw(_nonsense(entry))
        elif _CLOSED in entry.reason:
            self._peer.close()
        elif _LOST in entry.reason:
            self._abort()
        # Whatever else it was: the client ended it, and will do so again.

    # Requests

    def _find(self, envelope: Envelope) -> Asked | None:
        """Give the recorded request that this one corresponds to: the very same, or the first of its type."""
        number, payload, _ = envelope
        asked = self._script.same(number, payload)
        if asked is None:
            account_id = account_of(number, payload)
            asked = self._script.first(number, account_id) or self._script.first(number, None)
            if asked is not None:
                self._venue._differs(self, catalogue.name(number))
        return asked

    def _refuse(self, envelope: Envelope) -> None:
        number, payload, key = envelope
        name, account_id = catalogue.name(number), account_of(number, payload)
        if not self._script.whole and number in _BEGINNING:
            (answer,) = catalogue.REQUESTS[number].closed_by - catalogue.ERRORS
            message: Any = catalogue.PARSERS[answer]()
            if account_id is not None:
                message.ctidTraderAccountId = account_id
            self._peer.send(codec.pack(message, key))
            return
        self._venue._diverges(self, name, "came and is not recorded here (any more)")
        description = f"the recording holds no (further) {name} on this connection"
        error = ProtoOAErrorRes(errorCode=CODE, description=description, ctidTraderAccountId=account_id)
        self._peer.send(codec.pack(error, key))


def _nonsense(entry: Unreadable) -> bytes:
    """Give bytes that can't be read for the same reason, not too many; nothing for a reason that is not known here."""
    if entry.kind == FrameTooLong.__name__:
        return _PREFIX.pack(_within(entry.size, _LENGTH_AT_MOST))
    size = _within(entry.size, _NONSENSE_AT_MOST)
    if entry.kind == UndecodableEnvelope.__name__:
        return _PREFIX.pack(size) + b"\xff" * size
    if entry.kind == TruncatedFrame.__name__:
        expected = _within(4 if entry.expected is None else entry.expected - 4, _LENGTH_AT_MOST)
        announced = bytes(4) if entry.expected is None else _PREFIX.pack(expected)
        return (announced + bytes(max(0, size - 4)))[:size]
    return b""


def _within(number: int, most: int) -> int:
    return max(0, min(number, most))


_LENGTH_AT_MOST: Final = 0xFFFF_FFFF
_NONSENSE_AT_MOST: Final = 1_000_000
