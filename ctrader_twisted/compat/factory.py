"""Makes the protocol of each connection, and hears what happens on it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.protocol import ClientFactory
from twisted.logger import Logger

from ctrader_twisted.compat.tcpProtocol import TcpProtocol
from ctrader_twisted.errors import ConnectionFailed
from ctrader_twisted.session.events import ApplicationCut, Problem
from ctrader_twisted.session.session import Session
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.int32 import Int32Wire

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.protocol import OpenApiProtocol
    from ctrader_twisted.session.pacing import Limits
    from ctrader_twisted.wire.envelope import Burst
    from ctrader_twisted.wire.runs import SpotRun

_log = Logger()


class Hears(Protocol):
    """What a factory tells its client."""

    def connection_opened(self, protocol: TcpProtocol) -> None:
        """A connection is made and verified."""

    def connection_ended(self, protocol: TcpProtocol, reason: OpenApiError) -> None:
        """It is gone; every request has been told."""

    def arrived(self, envelope: Envelope) -> None:
        """A message arrived."""


class Factory(ClientFactory):
    """Makes the protocol of each connection, with a session and a queue of its own.

    :ivar client: whose connections they are.
    :ivar timeout: seconds that a request takes at most which nobody gave a time.

    :param protocol: `TcpProtocol`, or a class derived from it.
    :param clock: an ``IReactorTime``.
    :param limits: how much may be sent on a connection.
    :param where: host and port, for messages.
    """

    noisy: bool = False

    def __init__(
        self,
        client: Hears,
        *,
        protocol: type[TcpProtocol],
        clock: Any,
        limits: Limits,
        where: str,
        timeout: float = 5.0,
    ) -> None:
        given: Any = protocol
        if not isinstance(given, type) or not issubclass(given, TcpProtocol):
            raise TypeError(f"{protocol!r} can't make connections: give TcpProtocol of ctrader_twisted.compat")
        self.client: Hears = client
        self.timeout: float = timeout
        self._make = protocol
        self._clock = clock
        self._limits = limits
        self._where = where
        self._current: TcpProtocol | None = None

    def buildProtocol(self, addr: IAddress | None) -> TcpProtocol:  # type: ignore[override]  # its factory is set
        """Make the protocol of a new connection."""
        protocol = self._make(
            session=Session(limits=self._limits, id_prefix=f"{secrets.token_hex(8)}-", keep_books=False, gate=False),
            wire=Int32Wire(self._make.MAX_LENGTH),
            clock=self._clock,
            owner=self,
            where=self._where,
        )
        protocol.factory = self
        self._current = protocol
        return protocol

    # What the connection tells

    def connection_opened(self, connection: OpenApiProtocol) -> None:
        """The connection is made and verified."""
        assert isinstance(connection, TcpProtocol)
        self.client.connection_opened(connection)

    def connection_ended(self, connection: OpenApiProtocol, reason: OpenApiError) -> None:
        """The connection is gone."""
        assert isinstance(connection, TcpProtocol)
        self._current = None
        self.client.connection_ended(connection, reason)

    def deliver(self, arrived: Envelope | Burst | SpotRun) -> None:
        """A message arrived, or a run of them."""
        for envelope in (arrived,) if isinstance(arrived, Envelope) else arrived.envelopes():
            self.client.arrived(envelope)

    def announce(self, event: object) -> None:
        """Something happened to the session: where the server has ended it, only a new connection gives another."""
        if isinstance(event, Problem):
            _log.warn("{where}: {error}", where=self._where, error=event.error)
        if isinstance(event, ApplicationCut) and self._current is not None:
            self._current.drop(ConnectionFailed(self._where, event.reason))
