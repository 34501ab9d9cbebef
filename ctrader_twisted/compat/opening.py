"""An endpoint whose connections are handed over once they can be used: verified, and prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from typing import Protocol as Typed

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IHandshakeListener, INegotiated, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ctrader_twisted.errors import DeadPeer
from ctrader_twisted.reasons import connection_error
from ctrader_twisted.tls import PromptTLSFactory

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory

    from ctrader_twisted.errors import ConnectionFailed
    from ctrader_twisted.tls import ClientTLS


class Hears(Typed):
    """Who is told of attempts to connect, each time when `ClientService` has been."""

    def attempt_ended(self, error: BaseException | None) -> None:
        """There is a connection that can be used, or there is none for this reason."""

    def handshake_failed(self, error: ConnectionFailed) -> None:
        """A connection was made and ended in its TLS handshake; the end of the attempt is told of, too."""


@implementer(IStreamClientEndpoint)
class Opening:
    """Connects for a `twisted.application.internet.ClientService`.

    The service takes a connection that ends for one that was had; one that ends in its TLS handshake, or while it is
    prepared, is an attempt that failed, and whoever waits for a connection is told why.

    :param endpoint: connects.
    :param tls: encrypts and verifies; None where the endpoint does, or nobody has to.
    :param clock: an ``IReactorTime``.
    :param where: host and port, for messages.
    :param prepare: called with the protocol of each connection; the connection is handed over when the Deferred fires
        that it gives, and dropped if that fails.
    :param hears: told of what becomes of each attempt.
    :param timeout: seconds from the connection to the end of its TLS handshake.
    """

    def __init__(
        self,
        endpoint: Any,
        tls: ClientTLS | None,
        *,
        clock: Any,
        where: str,
        prepare: Callable[[Any], object] | None = None,
        hears: Hears,
        timeout: float = 30.0,
    ) -> None:
        self._endpoint = endpoint
        self._tls = tls
        self._clock = clock
        self._where = where
        self._prepare = prepare
        self._hears = hears
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<Opening of {self._where}>"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; the Deferred fires with the protocol, or fails with `ConnectionFailed`."""
        attempt = _Attempt(protocolFactory, self._clock, self._where, self._prepare, self._hears, self._timeout)
        factory: Any = _Once(attempt)
        if self._tls is not None:
            factory = PromptTLSFactory(self._tls, True, factory, self._clock)
        attempt.begin(self._endpoint.connect(factory))
        return attempt.opened


class _Once(Factory):
    """Gives the one protocol of an attempt."""

    noisy = False

    def __init__(self, attempt: _Attempt) -> None:
        self._attempt = attempt

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self._attempt.address = addr
        return self._attempt


@implementer(IHandshakeListener)
class _Attempt(Protocol):
    """Stands between a transport and the protocol, which is made when the transport is verified.

    :ivar opened: fires with the protocol once it can be used.
    :ivar address: where it is connected to.
    """

    def __init__(
        self,
        factory: IProtocolFactory,
        clock: Any,
        where: str,
        prepare: Callable[[Any], object] | None,
        hears: Hears,
        timeout: float,
    ) -> None:
        self.opened: Deferred[Any] = Deferred(self._cancel)
        self.address: IAddress | None = None
        self._factory = factory
        self._clock = clock
        self._where = where
        self._prepare = prepare
        self._hears = hears
        self._timeout = timeout
        self._connecting: Deferred[Any] | None = None
        self._preparing: Deferred[object] | None = None
        self._limit: IDelayedCall | None = None
        self._timed_out = False
        self._built: Any = None
        self._handed_over = False

    def begin(self, connecting: Deferred[Any]) -> None:
        """Follow the endpoint's attempt."""
        self._connecting = connecting
        connecting.addCallbacks(lambda _: None, self._fail)

    # What the transport tells

    def connectionMade(self) -> None:
        """Wait for TLS where there is any."""
        if INegotiated.providedBy(self.transport):
            self._limit = self._clock.callLater(self._timeout, self._give_up)
        else:
            self._build()

    def handshakeCompleted(self) -> None:
        """TLS stands, and the certificate is good."""
        self._unlimit()
        if not getattr(self.transport, "disconnecting", False):
            self._build()
            self._built.handshakeCompleted()
            self._made()

    def dataReceived(self, data: bytes) -> None:
        """Hand on."""
        self._built.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Hand on; to the service only what it has heard of."""
        self._unlimit()
        if self._handed_over:
            self._built.connectionLost(reason)
            return
        if self._timed_out:
            reason = Failure(DeadPeer(self._where, f"the TLS handshake was not completed within {self._timeout:g} s"))
        if self._built is None:
            self._hears.handshake_failed(connection_error(reason.value, self._where))
        else:
            self._built.lost_unready(reason)
        preparing, self._preparing = self._preparing, None
        if preparing is not None:
            preparing.cancel()
        self._fail(reason)

    # Inside

    def _build(self) -> None:
        self._built = self._factory.buildProtocol(self.address)  # type: ignore[arg-type]  # None is what Twisted's own tests give
        self._built.makeConnection(self.transport)
        if not INegotiated.providedBy(self.transport):
            self._made()

    def _made(self) -> None:
        """The protocol has begun, and its owner has been told: prepare it, and hand it over."""
        if self.opened.called:  # it was cancelled or lost by whoever was told
            return
        if self._prepare is None:
            self._prepared(None)
            return
        self._preparing = maybeDeferred(self._prepare, self._built)
        self._preparing.addCallbacks(self._prepared, self._unprepared)

    def _prepared(self, _: object) -> None:
        if not self.opened.called:
            self._handed_over = True
            self.opened.callback(self._built)
            self._hears.attempt_ended(None)

    def _unprepared(self, failure: Failure) -> None:
        if self._preparing is None or self.opened.called:
            return  # because the connection ended
        self._preparing = None
        self.opened.errback(failure)
        self._abort()
        self._hears.attempt_ended(failure.value)

    def _fail(self, failure: Failure) -> None:
        if self.opened.called:
            return
        if failure.check(CancelledError):
            self.opened.errback(failure)
        else:
            error = connection_error(failure.value, self._where)
            self.opened.errback(error)
            self._hears.attempt_ended(error)

    def _cancel(self, _: Deferred[Any]) -> None:
        """The service stops; Twisted fails `opened` after this."""
        self._unlimit()
        if self.transport is not None:
            self._abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def _give_up(self) -> None:
        self._limit = None
        self._timed_out = True
        self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]  # every ITCPTransport and TLS have it

    def _unlimit(self) -> None:
        limit, self._limit = self._limit, None
        if limit is not None and limit.active():
            limit.cancel()
