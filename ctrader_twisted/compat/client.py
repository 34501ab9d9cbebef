"""Spotware's ``Client``, over this package's connection and session."""

from __future__ import annotations

import itertools
import secrets
from typing import TYPE_CHECKING, Any, Final

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.endpoints import HostnameEndpoint
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from ctrader_twisted.compat.endings import CANCELLED, as_expected
from ctrader_twisted.compat.factory import Factory
from ctrader_twisted.compat.opening import Opening
from ctrader_twisted.compat.protobuf import Protobuf, as_message, checked_id
from ctrader_twisted.errors import (
    ClientClosed,
    ConnectionFailed,
    OpenApiError,
    RequestFailed,
    RequestNotSent,
    SendTimeout,
)
from ctrader_twisted.messages import ProtoHeartbeatEvent, ProtoMessage
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.tls import ClientTLS
from ctrader_twisted.wire import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from ctrader_twisted.compat.tcpProtocol import TcpProtocol
    from ctrader_twisted.wire.envelope import Envelope

GENERAL: Final[int] = 50
"""Requests a second that the server allows on a connection."""
HISTORICAL: Final[int] = 5
"""Historical ones, which it counts apart."""
STEADY_AFTER: Final[float] = 10.0
"""Seconds that a connection has to stand until the one after it is made without more delay than the first."""

_log = Logger()


class Client(ClientService):
    """One connection to a server, made again whenever it is lost: a Twisted service.

    Whoever is told that it is connected has to authorise application and accounts and to subscribe, each time;
    `ctrader_twisted.OpenApiClient` does so by itself.

    :param host: the server's name, which its certificate must carry.
    :param port: its port for protobuf over TCP.
    :param protocol: `TcpProtocol`, or a class derived from it.
    :param retryPolicy: gives the seconds until the next attempt to connect, by the number of those that failed in a
        row. Unless given, the delay grows from one second to a minute, also while connections end as soon as they are
        made.
    :param clock: an ``IReactorTime`` for every delay and time-out; the reactor unless given.
    :param prepareConnection: called with the protocol of each connection; `whenConnected` fires when the Deferred has
        fired that it gives.
    :param numberOfMessagesToSendPerSecond: requests a second at most, besides historical ones; the server's 50 unless
        it is less. Historical ones are held to the server's 5, or to this if it is less. Authorisation and heartbeats
        wait for nothing.
    :param trustRoot: certificates (PEM) to trust instead of the system's, for a private authority such as that of the
        simulated venue.
    :param reactor: connects; the installed one unless given.
    :param endpoint: an ``IStreamClientEndpoint`` that leads to the server, in place of ``host`` and ``port``, such as
        that of a tunnel; what it gives is taken as it is, without TLS.

    :ivar numberOfMessagesToSendPerSecond: as it is kept.
    """

    def __init__(
        self,
        host: str,
        port: int,
        protocol: type[TcpProtocol],
        retryPolicy: Callable[[int], float] | None = None,
        clock: Any = None,
        prepareConnection: Callable[[Any], object] | None = None,
        numberOfMessagesToSendPerSecond: int = GENERAL,
        *,
        trustRoot: bytes | str | None = None,
        reactor: Any = None,
        endpoint: Any = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor as installed

            reactor = installed
        clock = reactor if clock is None else clock
        where = f"{host}:{port}"
        self.numberOfMessagesToSendPerSecond: int = min(numberOfMessagesToSendPerSecond, GENERAL)
        limits = Limits(
            general=self.numberOfMessagesToSendPerSecond,
            historical=min(self.numberOfMessagesToSendPerSecond, HISTORICAL),
        )
        tls = ClientTLS(host, trustRoot) if endpoint is None else None
        opening = Opening(
            HostnameEndpoint(reactor, host, port) if endpoint is None else endpoint,
            tls,
            clock=clock,
            where=where,
            prepare=prepareConnection,
            hears=self,
        )
        factory = Factory(self, protocol=protocol, clock=clock, limits=limits, where=where)
        super().__init__(opening, factory, retryPolicy=retryPolicy or self._delay, clock=clock)
        self._where = where
        self._clock = clock
        self._prefix = f"{secrets.token_hex(8)}-"  # no other client's id, of those the server shows, is taken for ours
        self._numbers = itertools.count(1)
        self._backoff = backoffPolicy()
        self._short_lived = 0
        self._opened_at = 0.0
        self._protocol: TcpProtocol | None = None
        self._waiting: list[Deferred[TcpProtocol]] = []
        self._stopped = False
        self._had_connection = False
        self._said = ""
        self._connected_callback: Callable[[Any], object] | None = None
        self._disconnected_callback: Callable[[Any, Any], object] | None = None
        self._message_callback: Callable[[Any, Any], object] | None = None

    @property
    def isConnected(self) -> bool:
        """Whether there is a connection, made and verified."""
        return self._protocol is not None

    # The service

    def startService(self) -> None:
        """Begin to connect, and to connect again after each loss. Nothing if it does so already."""
        if not self.running:
            self._stopped = False
            super().startService()

    def stopService(self) -> Deferred[None]:
        """Connect no more and end the connection; every request that waits ends at once.

        :return: a Deferred that fires when the connection is gone.
        """
        self._stopped = True
        protocol, self._protocol = self._protocol, None  # what is sent after a new start waits for a new connection
        if protocol is not None:
            protocol.end("the client was stopped")
        stopped: Deferred[None] = super().stopService()
        self.attempt_ended(ClientClosed())
        return stopped

    # Callbacks

    def setConnectedCallback(self, callback: Callable[[Any], object]) -> None:
        """Let ``callback(client)`` be called whenever a connection has been made and its certificate found good."""
        self._connected_callback = callback

    def setDisconnectedCallback(self, callback: Callable[[Any, Any], object]) -> None:
        """Let ``callback(client, reason)`` be called whenever a connection has ended, with a Failure that says why.

        Also one that ended in its TLS handshake, of which the other callback was not told.
        """
        self._disconnected_callback = callback

    def setMessageReceivedCallback(self, callback: Callable[[Any, Any], object]) -> None:
        """Let ``callback(client, message)`` be called with the ``ProtoMessage`` of everything that arrives.

        Answers, errors, events and heartbeats alike, before the Deferred fires of a request that it answers.
        """
        self._message_callback = callback

    # Requests

    def send(
        self,
        message: Any,
        clientMsgId: str | None = None,
        responseTimeoutInSeconds: float = 5,
        **params: Any,
    ) -> Deferred[Any]:
        """Send a request: at once if the limits allow it, else in its turn.

        Where there is no connection yet, the request waits for it as long as its time lasts.

        :param message: a message; or its name, short name or payload type, as `Protobuf.get` takes them.
        :param clientMsgId: the id it travels under, and its answer with it; one that nobody else has unless given. No
            other request may be under way with it.
        :param responseTimeoutInSeconds: seconds from now to the answer.
        :param params: the fields, if ``message`` is not the message itself.
        :return: a Deferred that fires with the ``ProtoMessage`` that answers, or with None when a heartbeat has been
            sent. It fails with `ServerError` or one of its kind if the answer is an error; with `RequestNotSent` if the
            request never left, and may be repeated; with `OutcomeUnknown` if it left and was not answered. If its time
            ran out, or the Deferred was cancelled, that error is a `twisted.internet.defer.TimeoutError`, or a
            ``CancelledError``, as well.
        :raises IndexError: if there is no message of that name.
        :raises TypeError: if ``clientMsgId`` is not text.
        """
        if isinstance(message, str | int):
            message = Protobuf.get(message, **params)
        meant, brought = as_message(message)
        key = checked_id(clientMsgId) or brought or f"{self._prefix}{next(self._numbers)}"
        asked = self._ask(meant, key, responseTimeoutInSeconds)
        return Deferred.fromCoroutine(asked)

    async def _ask(self, message: Message, client_msg_id: str, timeout: float) -> Any:
        protocol = self._protocol
        if protocol is None:
            deadline = self._clock.seconds() + timeout
            kept = type(message)()
            kept.CopyFrom(message)
            message = kept
            protocol = await self._connection_for(message, timeout)
            timeout = max(deadline - self._clock.seconds(), 0.0)
        if isinstance(message, ProtoHeartbeatEvent):
            protocol.heartbeat()
            return None
        asked = protocol.request(message, timeout, client_msg_id=client_msg_id)
        try:
            answer = await asked
        except RequestFailed as error:
            raise as_expected(error) from error.__cause__
        return _proto_message(catalogue.payload_type(answer), answer.SerializePartialToString(), client_msg_id)

    async def _connection_for(self, message: Message, timeout: float) -> TcpProtocol:
        """Wait for a connection; say of the request that it never left if there is none in time."""
        name = message.DESCRIPTOR.name
        account_id = getattr(message, "ctidTraderAccountId", None)
        unsent: RequestFailed
        try:
            if self._stopped:
                raise ClientClosed
            # Not whenConnected, which gives its answers when the service can't be stopped, nor can forget who waits.
            waiting: Deferred[TcpProtocol] = Deferred(self._forget)
            self._waiting.append(waiting)
            protocol = await waiting.addTimeout(timeout, self._clock)
        except DeferredTimeout:
            state = "no connection" if self.running else "startService was not called: no connection"
            unsent = as_expected(SendTimeout(name, f"{state} to {self._where} within {timeout:g} s", account_id))
        except CancelledError:
            unsent = as_expected(RequestNotSent(name, CANCELLED, account_id))
        except ClientClosed:
            unsent = RequestNotSent(name, "the client was stopped", account_id)
        except Exception as error:
            said = str(error) if isinstance(error, ConnectionFailed) else f"{self._where}: {error}"
            unsent = RequestNotSent(name, said, account_id)
            unsent.__cause__ = error
        else:
            return protocol
        raise unsent

    def _forget(self, waiting: Deferred[TcpProtocol]) -> None:
        if waiting in self._waiting:  # and not being told just now, where one caller may cancel what another waits for
            self._waiting.remove(waiting)

    # What the opening tells

    def attempt_ended(self, error: BaseException | None) -> None:
        """There is a connection that can be used, or there is none for this reason."""
        self._say(error)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if one.called:
                continue
            if error is None and self._protocol is not None:
                one.callback(self._protocol)
            else:
                one.errback(error or ConnectionFailed(self._where, "the connection was lost"))

    def _say(self, error: BaseException | None) -> None:
        """Log why there is no connection: once, until there is one or the reason is another.

        Before the first one no callback is called, and a program that begins no log is shown only what is critical.
        """
        if error is None:
            self._had_connection, self._said = True, ""
        elif not isinstance(error, ClientClosed):
            said = str(error)
            if not isinstance(error, ConnectionFailed):
                what = error if isinstance(error, OpenApiError) else repr(error)
                said = f"{self._where}: preparing the connection failed: {what}"
            if said != self._said:
                level = LogLevel.warn if self._had_connection else LogLevel.critical
                _log.emit(level, "{said}; trying again", said=said)
            self._said = said

    def handshake_failed(self, error: ConnectionFailed) -> None:
        """A connection was made and ended in its TLS handshake."""
        self._tell(self._disconnected_callback, Failure(error))

    # What the factory tells

    def connection_opened(self, protocol: TcpProtocol) -> None:
        """A connection is made and verified."""
        self._protocol = protocol
        self._opened_at = self._clock.seconds()
        self._tell(self._connected_callback)

    def connection_ended(self, protocol: TcpProtocol, reason: OpenApiError) -> None:
        """It is gone, and every request has been told."""
        if self._protocol is protocol:
            self._protocol = None
            steady = self._clock.seconds() - self._opened_at >= STEADY_AFTER
            self._short_lived = 0 if steady else self._short_lived + 1
        self._tell(self._disconnected_callback, Failure(reason))

    def arrived(self, envelope: Envelope) -> None:
        """A message arrived."""
        if self._message_callback is not None:
            self._tell(self._message_callback, _proto_message(*envelope))

    def _tell(self, callback: Callable[..., object] | None, *arguments: object) -> None:
        if callback is None:
            return
        try:
            callback(self, *arguments)
        except Exception:
            _log.failure("callback {callback!r} failed", callback=callback)

    def _delay(self, attempt: int) -> float:
        """Give the seconds until the next attempt: those that led to nothing that lasted count as well."""
        return self._backoff(attempt + max(self._short_lived - 1, 0))


def _proto_message(number: int, payload: bytes, client_msg_id: str | None) -> ProtoMessage:
    return ProtoMessage(payloadType=number, payload=payload, clientMsgId=client_msg_id)
