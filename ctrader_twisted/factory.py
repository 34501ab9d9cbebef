"""Connections made, lost and made again: open, authorise, restore, retry."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import NotConnectingError
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AlreadyStanding,
    ApplicationRefused,
    ClientClosed,
    ConnectionFailed,
    NotAuthorised,
    OpenApiError,
    QueueFull,
    RateLimited,
    RequestFailed,
    RequestNotSent,
    SendTimeout,
    ServerError,
    ServerUnavailable,
    UnderMaintenance,
)
from ctrader_twisted.protocol import OpenApiProtocol
from ctrader_twisted.reasons import connection_error
from ctrader_twisted.session.events import (
    AccountChanged,
    ApplicationCut,
    Disconnected,
    Ready,
    Resynchronised,
    Subscription,
)
from ctrader_twisted.session.machine import AccountState, ConnectionState
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.session.session import Session
from ctrader_twisted.session.standing import one_by_one
from ctrader_twisted.tls import ClientTLS, PromptTLSFactory
from ctrader_twisted.wire.frames import MAX_FRAME
from ctrader_twisted.wire.int32 import Int32Wire

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.session.standing import AccountStanding
    from ctrader_twisted.wire.envelope import Burst, Envelope

Opening = Callable[["OpenApiFactory"], "IConnector"]
"""Begins to connect a factory and gives the connector, as ``reactor.connectTCP`` does."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class Settings:
    """How a client behaves. Every time is in seconds.

    :ivar limits: requests per second and the size of the queue.
    :ivar timeout: from a request to its answer, unless the request says otherwise.
    :ivar heartbeat_after: outbound silence after which a heartbeat is sent (the server wants one each 10 s).
    :ivar dead_after: inbound silence after which the connection is taken for dead; any message counts. The live server
        has been seen silent for longer than 30 s, never for longer than 90 s.
    :ivar connect_timeout: for TCP to connect, and again for the TLS handshake.
    :ivar close_timeout: how long `close` waits for the peer before it aborts.
    :ivar retry_after: delay before the first attempt to reconnect; it grows by half with each that fails.
    :ivar retry_at_most: the longest delay between two attempts.
    :ivar max_frame: bytes that one message may have.
    """

    limits: Limits = field(default_factory=Limits)
    timeout: float = 30.0
    heartbeat_after: float = 10.0
    dead_after: float = 75.0
    connect_timeout: float = 30.0
    close_timeout: float = 5.0
    retry_after: float = 1.0
    retry_at_most: float = 60.0
    max_frame: int = MAX_FRAME


def tls_opening(reactor: Any, environment: Environment, connect_timeout: float) -> Opening:
    """Make the opening that is used unless another is given: TCP, then TLS with certificate and host name verified.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    """
    options = ClientTLS(environment.host, environment.trust_root)

    def opening(factory: OpenApiFactory) -> IConnector:
        wrapped = PromptTLSFactory(options, True, factory, reactor)
        connector: IConnector = reactor.connectTCP(environment.host, environment.port, wrapped, connect_timeout)
        return connector

    return opening


@dataclass(slots=True)
class _Retry:
    """When an account is to be restored again."""

    delay: float
    call: IDelayedCall | None = None


class OpenApiFactory(ReconnectingClientFactory):
    """Makes connections and, when they end, the next ones; brings each to READY and restores what stood.

    :ivar session: the session, which outlives each connection.
    :ivar refusal: why the server refused the application for good, or None.
    :ivar last_failure: why the last connection ended or could not be made, or None.
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        application: Application,
        environment: Environment,
        *,
        settings: Settings,
        deliver: Callable[[Envelope | Burst], None],
        announce: Callable[[object], None],
        opening: Opening | None = None,
    ) -> None:
        self.clock: Any = reactor
        self.initialDelay = self.delay = settings.retry_after
        self.maxDelay = settings.retry_at_most  # type: ignore[assignment]  # Twisted's own default is an int
        self.factor = 1.5
        self.session = Session(
            limits=settings.limits,
            id_prefix=f"{secrets.token_hex(8)}-",
            heartbeat_after=settings.heartbeat_after,
            dead_after=settings.dead_after,
        )
        self.refusal: ApplicationRefused | None = None
        self.last_failure: OpenApiError | None = None
        self.deliver = deliver
        self._announce_further = announce
        self._application = application
        self._environment = environment
        self._settings = settings
        self._opening = opening or tls_opening(reactor, environment, settings.connect_timeout)
        self._connector: IConnector | None = None
        self._connection: OpenApiProtocol | None = None
        self._ended_with: OpenApiError | None = None
        self._connections = 0
        self._pauses: set[Deferred[None]] = set()
        self._waiting_ready: list[Deferred[None]] = []
        self._waiting_closed: list[Deferred[None]] = []
        self._retries: dict[int, _Retry] = {}
        self._renewing: dict[int, object] = {}

    # What the client asks

    def open(self) -> None:
        """Begin to connect."""
        if self._connector is None and self.session.state is not ConnectionState.CLOSED:
            self._connector = self._opening(self)

    def when_ready(self) -> Deferred[None]:
        """Give a new Deferred that fires when the application is authorised, at once if it is."""
        if self.session.state is ConnectionState.CLOSED:
            return fail(ClientClosed())
        if self.refusal is not None:
            return fail(self.refusal)
        if self.session.state is ConnectionState.READY:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiting_ready.remove)
        self._waiting_ready.append(waiter)
        return waiter

    def request(self, message: Message, timeout: float) -> Deferred[Any]:
        """Send a request over the current connection."""
        connection = self._connection
        if connection is not None:
            return connection.request(message, timeout)
        if self.session.state is ConnectionState.CLOSED:
            return fail(ClientClosed())
        reason = (
            str(self.refusal)
            if self.refusal is not None
            else f"the client of {self._environment} was not started: call start() and wait for when_ready()"
            if self._connector is None
            else f"there is no connection to {self._environment}"
        )
        return fail(RequestNotSent(type(message).__name__, reason, getattr(message, "ctidTraderAccountId", None)))

    def close(self) -> Deferred[None]:
        """Close for good: fail what waits, stop retrying, end the connection."""
        done: Deferred[None] = Deferred()
        self._waiting_closed.append(done)
        if self.session.state is not ConnectionState.CLOSED:
            self.stopTrying()
            for retry in self._retries.values():
                if retry.call is not None:
                    retry.call.cancel()
            self._retries.clear()
            self._end_pauses()
            connection = self._connection
            if connection is not None:
                connection.end("the client was closed")
            else:
                self.session.lost(self.clock.seconds(), "the client was closed", closed=True)
                self._stop_connecting()
            self._fail_ready(ClientClosed())
        if self._connection is None:
            self._closed()
        return done

    # What Twisted tells

    def buildProtocol(self, addr: IAddress | None) -> OpenApiProtocol:
        """Make the protocol of a new connection."""
        self._connection = OpenApiProtocol(
            session=self.session,
            wire=Int32Wire(self._settings.max_frame),
            clock=self.clock,
            owner=self,
            where=str(self._environment),
            opening_timeout=self._settings.connect_timeout,
            closing_timeout=self._settings.close_timeout,
        )
        return self._connection

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """No connection could be made: try again later."""
        super().clientConnectionFailed(connector, reason)
        if self.session.state is not ConnectionState.CLOSED:
            self._announce_loss(connection_error(reason.value, str(self._environment)))

    def clientConnectionLost(self, connector: IConnector, unused_reason: Failure) -> None:
        """A connection ended: make the next one, later."""
        super().clientConnectionLost(connector, unused_reason)
        reason, self._ended_with = self._ended_with, None
        if self.session.state is not ConnectionState.CLOSED:
            self._announce_loss(reason or connection_error(unused_reason.value, str(self._environment)))
        else:
            self._closed()

    # What the connection tells

    def connection_opened(self, connection: OpenApiProtocol) -> None:
        """The connection is made and verified: authorise the application."""
        Deferred.fromCoroutine(self._authorise(connection)).addErrback(_unexpected)

    def connection_ended(self, connection: OpenApiProtocol, reason: OpenApiError) -> None:
        """The connection is gone."""
        self._ended_with = reason
        self._connection = None
        self._renewing.clear()
        self._end_pauses()

    def announce(self, event: object) -> None:
        """Something happened to the session: act on it, then tell the listeners."""
        self._announce_further(event)
        if isinstance(event, ApplicationCut) and self._connection is not None:
            self._connection.drop(ConnectionFailed(str(self._environment), event.reason))
        if not isinstance(event, AccountChanged):
            return
        self._renewing.pop(event.account_id, None)  # what was being renewed was lost, or is to be renewed again
        if event.state is AccountState.AUTHORISED:
            account = self.session.standing.find(event.account_id)
            if account is not None and account.lost_at is not None:
                self._renew(account)
        elif event.state is AccountState.DROPPED and self.session.state is ConnectionState.READY:
            self._restore_later(event.account_id)

    # Authorising

    async def _authorise(self, connection: OpenApiProtocol) -> None:
        application = self._application
        try:
            await connection.request(
                messages.ProtoOAApplicationAuthReq(
                    clientId=application.client_id, clientSecret=application.client_secret
                ),
                self._settings.timeout,
            )
        except ApplicationRefused as refusal:
            self.refusal = refusal
            self.stopTrying()
            _log.error(
                "{where} refused the application: {refusal}. Not trying again: check client id and secret",
                where=str(self._environment),
                refusal=str(refusal),
            )
            self._fail_ready(refusal)
            connection.drop(refusal)
        except RequestFailed:
            connection.drop(ConnectionFailed(str(self._environment), "the application was not authorised in time"))
        except OpenApiError as error:
            connection.drop(error)
        else:
            if self.session.state is not ConnectionState.READY:  # a listener of the answer closed the client
                return
            self.resetDelay()
            self._connections += 1
            for account in self.session.standing:
                self._restore_now(account.account_id)
            self._announce_further(Ready(self.clock.seconds(), self._connections))
            while self._waiting_ready and self.session.state is ConnectionState.READY:
                self._waiting_ready.pop(0).callback(None)

    # Restoring

    def _restore_now(self, account_id: int) -> None:
        Deferred.fromCoroutine(self._restore(account_id)).addErrback(_unexpected)

    def _restore_later(self, account_id: int) -> None:
        """Restore an account after a delay that grows until it stands: a session that is cut again is not hammered."""
        retry = self._retries.get(account_id)
        if retry is None:
            retry = self._retries[account_id] = _Retry(self._settings.retry_after)
        if retry.call is not None:
            return

        def now() -> None:
            retry.call = None
            self._restore_now(account_id)

        retry.call = self.clock.callLater(retry.delay, now)
        retry.delay = min(retry.delay * 1.5, self._settings.retry_at_most)

    async def _restore(self, account_id: int) -> None:
        """Authorise an account again; what it was subscribed to follows when the server has accepted."""
        connection = self._connection
        account = self.session.standing.find(account_id)
        if (
            connection is None
            or account is None
            or self.session.state is not ConnectionState.READY
            or self.session.account_state(account_id) in (AccountState.AUTHORISED, AccountState.AUTHORISING)
        ):
            return
        try:
            await connection.request(
                messages.ProtoOAAccountAuthReq(ctidTraderAccountId=account_id, accessToken=account.access_token),
                self._settings.timeout,
            )
        except OpenApiError as error:
            if connection is self._connection and self.session.state is ConnectionState.READY:
                _log.warn(
                    "account {account} on {where} was not authorised again: {error}",
                    account=account_id,
                    where=str(self._environment),
                    error=str(error),
                )
                if self.session.account_state(account_id) is AccountState.DROPPED:
                    self._restore_later(account_id)

    def _renew(self, account: AccountStanding) -> None:
        if self._connection is not None:
            current = self._renewing[account.account_id] = object()
            renewing = self._renew_subscriptions(
                account, self._connection, lambda: self._renewing.get(account.account_id) is current
            )
            Deferred.fromCoroutine(renewing).addErrback(_unexpected)

    async def _renew_subscriptions(
        self, account: AccountStanding, connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> None:
        renewed: list[Subscription] = []
        failed: list[tuple[Subscription, OpenApiError]] = []
        steps = deque(account.steps())
        while steps:
            message, subscriptions = steps.popleft()
            refusal: ServerError | None = None
            try:
                await self._ask_until_answered(message, connection, current)
            except NotAuthorised:
                return  # the account was lost again; what stood still stands in the book
            except ServerError as error:
                refusal = error
            except RequestFailed as error:
                connection.drop(ConnectionFailed(str(self._environment), str(error)))
                return
            if not current():
                return
            if refusal is not None and len(subscriptions) > 1:  # one of them is to blame; the others may stand
                steps.extendleft(reversed(one_by_one(message, subscriptions)))
            elif refusal is None or isinstance(refusal, AlreadyStanding):
                renewed.extend(subscriptions)
            else:
                for subscription in subscriptions:
                    failed.append((subscription, refusal))
                    account.forget(subscription)
        self._renewing.pop(account.account_id, None)
        if self.session.account_state(account.account_id) is not AccountState.AUTHORISED or account.lost_at is None:
            return
        event = Resynchronised(
            account_id=account.account_id,
            lost_at=account.lost_at,
            restored_at=self.clock.seconds(),
            renewed=tuple(renewed),
            failed=tuple(failed),
            requests_not_sent=tuple(account.requests_not_sent),
            requests_unknown=tuple(account.requests_unknown),
        )
        account.lost_at = None
        account.requests_not_sent.clear()
        account.requests_unknown.clear()
        retry = self._retries.pop(account.account_id, None)
        if retry is not None and retry.call is not None:
            retry.call.cancel()
        self._announce_further(event)

    async def _ask_until_answered(
        self, message: Message, connection: OpenApiProtocol, current: Callable[[], bool]
    ) -> None:
        """Repeat a request that may be repeated, ever more slowly, while its refusals are such as pass."""
        delay = self._settings.retry_after
        while current():
            try:
                await connection.request(message, self._settings.timeout)
                return
            except (RateLimited, ServerUnavailable, UnderMaintenance) as error:
                wait = max(delay, error.retry_after or 0.0)
            except (QueueFull, SendTimeout):
                wait = delay
            pause: Deferred[None] = Deferred()
            call = self.clock.callLater(wait, pause.callback, None)
            self._pauses.add(pause)
            try:
                await pause
            finally:
                self._pauses.discard(pause)
                if call.active():
                    call.cancel()
            delay = min(delay * 1.5, self._settings.retry_at_most)

    # Ending

    def _end_pauses(self) -> None:
        for pause in list(self._pauses):
            pause.cancel()

    def _stop_connecting(self) -> None:
        if self._connector is not None:
            with contextlib.suppress(NotConnectingError):
                self._connector.stopConnecting()

    def _announce_loss(self, reason: OpenApiError) -> None:
        self.last_failure = reason
        call = self._callID
        retry_in = None if call is None or not call.active() else call.getTime() - self.clock.seconds()
        self._announce_further(Disconnected(self.clock.seconds(), reason, retry_in))

    def _fail_ready(self, error: OpenApiError) -> None:
        waiting, self._waiting_ready = self._waiting_ready, []
        for waiter in waiting:
            waiter.errback(error)

    def _closed(self) -> None:
        waiting, self._waiting_closed = self._waiting_closed, []
        for waiter in waiting:
            waiter.callback(None)


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, besides what was cancelled because its connection ended."""
    if failure.check(CancelledError):
        return
    _log.failure("unexpected failure while authorising or restoring", failure)
