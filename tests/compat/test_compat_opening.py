"""Attempts to connect, told to a service when they can be used or have failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import INegotiated
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from ctrader_twisted.compat.opening import Opening
from ctrader_twisted.errors import ConnectionFailed
from tests.compat.joined import failure_of


class Attempt:
    """One attempt over a transport that has yet to be verified."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[Any] = []
        self.connecting: Deferred[Any] = Deferred()
        self.built: list[Any] = []
        hears = SimpleNamespace(attempt_ended=self.told.append, handshake_failed=self.told.append)
        endpoint = SimpleNamespace(connect=self._connect)
        opening = Opening(endpoint, None, clock=self.clock, where="there", hears=hears)
        self.opened = opening.connect(Factory.forProtocol(self._build))  # type: ignore[arg-type]

    def _connect(self, factory: Any) -> Deferred[Any]:
        self.factory = factory
        return self.connecting

    def _build(self) -> Any:
        class Built(Protocol):
            def handshakeCompleted(built) -> None:  # noqa: B902
                self.built.append(built)

        return Built()

    def make(self) -> None:
        self.transport = StringTransport()
        directlyProvides(self.transport, INegotiated)
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[method-assign]
        self.protocol = self.factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)


def test_a_connection_is_handed_over_when_it_is_verified() -> None:
    attempt = Attempt()
    attempt.make()
    attempt.clock.advance(29)
    assert not attempt.opened.called and not attempt.built
    attempt.protocol.handshakeCompleted()
    assert attempt.opened.result is attempt.built[0] and attempt.told == [None]
    assert not attempt.clock.getDelayedCalls()


def test_nothing_is_made_of_a_connection_that_is_refused_as_its_handshake_ends() -> None:
    attempt = Attempt()
    attempt.make()
    attempt.transport.disconnecting = True
    attempt.protocol.handshakeCompleted()
    assert not attempt.built and not attempt.opened.called
    attempt.protocol.connectionLost(Failure(ConnectionLost()))
    assert isinstance(failure_of(attempt.opened), ConnectionFailed)


def test_a_handshake_that_does_not_end_is_given_up() -> None:
    attempt = Attempt()
    attempt.make()
    attempt.clock.advance(30)
    assert attempt.transport.disconnecting
    attempt.protocol.connectionLost(Failure(ConnectionLost()))
    assert "the TLS handshake was not completed within 30 s" in str(failure_of(attempt.opened))


def test_a_service_that_stops_ends_the_attempt() -> None:
    attempt = Attempt()
    attempt.opened.cancel()
    assert isinstance(failure_of(attempt.opened), CancelledError) and attempt.connecting.called
    attempt = Attempt()
    attempt.make()
    attempt.opened.cancel()
    assert attempt.transport.disconnecting and not attempt.clock.getDelayedCalls()
    assert isinstance(failure_of(attempt.opened), CancelledError)
    attempt.protocol.connectionLost(Failure(ConnectionLost()))


def test_a_refusal_says_why() -> None:
    attempt = Attempt()
    attempt.connecting.errback(ConnectionRefusedError())
    error = failure_of(attempt.opened)
    assert isinstance(error, ConnectionFailed) and "there: the connection was refused" in str(error)
    assert attempt.told == [error]
