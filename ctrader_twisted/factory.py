"""Connections made, lost and made again: open, authorise, restore, retry."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as RefreshNotInTime
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    ApplicationRefused,
    ClientClosed,
    ConnectionFailed,
    HandshakeRefused,
    OpenApiError,
    RequestFailed,
    RequestNotSent,
    ServerError,
)
from ctrader_twisted.healing import Healing
from ctrader_twisted.protocol import OpenApiProtocol
from ctrader_twisted.reasons import connection_error
from ctrader_twisted.session.events import (
    AccountChanged,
    ApplicationCut,
    Disconnected,
    LateRefresh,
    Problem,
    Ready,
)
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.session.pacing import RETRY_AFTER_AT_MOST
from ctrader_twisted.session.session import Session
from ctrader_twisted.tls import ClientTLS, PromptTLSFactory
from ctrader_twisted.wire.choice import client_wire

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.protocol import Tap
    from ctrader_twisted.settings import Settings
    from ctrader_twisted.tokens import TokenKeeper
    from ctrader_twisted.wire.envelope import Burst, Envelope
    from ctrader_twisted.wire.runs import SpotRun

Opening = Callable[["OpenApiFactory"], "IConnector"]
"""Begins to connect a factory, to the server that is its ``environment``, and gives the connector, as
``reactor.connectTCP`` does."""

_BLOCKED = re.compile(r"\b(blocked|banned)\b|\b(application|client)\b.*\bsuspended\b", re.IGNORECASE)
"""A reason for which the application was cut that will not pass by itself."""

_log = Logger()


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


class OpenApiFactory(ReconnectingClientFactory):
    """Makes connections and, when they end, the next ones; brings each to READY and restores what stood.

    :ivar environment: where it connects to; an opening reads host, port and trust root from it.
    :ivar session: the session, which outlives each connection.
    :ivar refusal: why the server refused the application for good, or None.
    :ivar unknown_fields: how often each field arrived that the schema does not have, where the wire is JSON.
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
        deliver: Callable[[Envelope | Burst | SpotRun], None],
        announce: Callable[[object], None],
        opening: Opening | None = None,
        tokens: TokenKeeper | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.clock: Any = reactor
        self.initialDelay: float = settings.retry_after
        self.delay: float = settings.retry_after
        self.maxDelay: float = settings.retry_at_most  # type: ignore[assignment]  # Twisted's own default is an int
        self.factor: float = 1.5
        self.session: Session = Session(
            limits=settings.limits,
            id_prefix=f"{secrets.token_hex(8)}-",
            heartbeat_after=settings.heartbeat_after,
            dead_after=settings.dead_after,
            keep_books=settings.reconcile,
        )
        self.unknown_fields: Counter[str] = Counter()
        self.refusal: ApplicationRefused | None = None
        self.last_failure: OpenApiError | None = None
        self._misread: ProtocolError | None = (
            None  # what came before the application was authorised, and no sense made of
        )
        self.deliver = deliver
        self._announce_further = announce
        self._application = application
        self.environment = environment
        self._settings = settings
        self._opening = opening or tls_opening(reactor, environment, settings.connect_timeout)
        self._connector: IConnector | None = None
        self._under_way = False  # an attempt, or what it led to: something of it may be there while no protocol is
        self._end_limit: IDelayedCall | None = None
        self._connection: OpenApiProtocol | None = None
        self._uncut = False
        self._ended_with: OpenApiError | None = None
        self._tap = tap
        self._made = 0
        self._connections = 0
        self._ready_at = -settings.steady_after
        self._delay_before = self.delay
        self._not_before = 0.0
        self._closing = False
        self._waiting_ready: list[Deferred[None]] = []
        self._waiting_closed: list[Deferred[None]] = []
        self._healing = Healing(
            session=self.session,
            clock=reactor,
            settings=settings,
            environment=environment,
            tokens=tokens,
            announce=announce,
        )

    # What the client asks

    def open(self) -> None:
        """Begin to connect."""
        if self._connector is None and not self._closing:
            self._connector = self._opening(self)

    def when_ready(self) -> Deferred[None]:
        """Give a new Deferred that fires when the application is authorised, at once if it is."""
        if self._closing:
            return fail(ClientClosed())
        if self.refusal is not None:
            return fail(self.refusal)
        if self.session.state is ConnectionState.READY:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiting_ready.remove)
        self._waiting_ready.append(waiter)
        return waiter

    def authorise(self, account_id: int, access_token: str | None) -> Deferred[None]:
        """Bring an account to stand, and keep it so."""
        if self.refusal is not None:
            return fail(self.refusal)
        return self._healing.authorise(account_id, access_token)

    def forget(self, account_id: int) -> None:
        """Keep an account no longer."""
        self._healing.give_up(account_id)

    def request(
        self, message: Message, timeout: float, *, unread: bool = False, left: Callable[[], object] | None = None
    ) -> Deferred[Any]:
        """Send a request over the current connection."""
        if self._closing:
            return fail(ClientClosed())
        connection = self._connection
        if connection is not None:
            return connection.request(message, timeout, unread=unread, left=left)
        reason = (
            str(self.refusal)
            if self.refusal is not None
            else f"the client of {self.environment} was not started: call start() and wait for when_ready()"
            if self._connector is None
            else f"there is no connection to {self.environment}"
        )
        return fail(RequestNotSent(type(message).__name__, reason, getattr(message, "ctidTraderAccountId", None)))

    def close(self) -> Deferred[None]:
        """Close for good: fail what waits, stop retrying, end the connection.

        A token refresh that is under way is waited for first: what it gives would be lost with the connection.
        """
        done: Deferred[None] = Deferred()
        self._waiting_closed.append(done)
        if not self._closing:
            self._closing = True
            self.stopTrying()
            refreshing = self._healing.closing()
            if refreshing is None:
                self._close_now()
            else:
                refreshing.addTimeout(self._settings.refresh_wait, self.clock)
                refreshing.addErrback(self._refresh_given_up)
                refreshing.addCallback(lambda _: self._close_now()).addErrback(_unexpected)
        elif self._over:
            self._closed()
        return done

    def _refresh_given_up(self, failure: Failure) -> None:
        failure.trap(RefreshNotInTime)
        _log.error(
            "{where}: new tokens were asked for and did not come within {seconds:g} s of the end. They may be "
            "lost, and then somebody has to log in again: ctrader login",
            where=str(self.environment),
            seconds=self._settings.refresh_wait,
        )

    def _close_now(self) -> None:
        self.stopTrying()
        self._healing.close()
        connection = self._connection
        if connection is not None:
            connection.end("the client was closed")
        else:
            self.session.lost(self.clock.seconds(), "the client was closed", closed=True)
        self._fail_ready(ClientClosed())
        if connection is None:
            self._stop_connecting()
        if self._over:
            self._closed()

    def leave_spots_uncut(self, uncut: bool) -> None:
        """Deliver runs of spot events not cut apart from now on, or cut them: on this connection and those to come."""
        self._uncut = uncut
        if self._connection is not None:
            self._connection.leave_spots_uncut(uncut)

    # What Twisted tells

    def startedConnecting(self, connector: IConnector) -> None:
        """An attempt begins."""
        self._under_way = True

    def buildProtocol(self, addr: IAddress | None) -> OpenApiProtocol:
        """Make the protocol of a new connection."""
        self._made += 1
        self._misread = None
        self._connection = OpenApiProtocol(
            session=self.session,
            wire=client_wire(
                self.environment.wire,
                host=self.environment.host,
                port=self.environment.port,
                where=str(self.environment),
                max_frame=self._settings.max_frame,
                compression=self._settings.compression,
                unknown=self.unknown_fields,
            ),
            clock=self.clock,
            owner=self,
            where=str(self.environment),
            number=self._made,
            tap=self._tap,
            opening_timeout=self._settings.connect_timeout,
            closing_timeout=self._settings.close_timeout,
        )
        self._connection.leave_spots_uncut(self._uncut)
        return self._connection

    def retry(self, connector: IConnector | None = None) -> None:
        """Connect again after the usual delay, or after the longer one that the server asked for."""
        super().retry(connector)
        call, now = self._callID, self.clock.seconds()
        if call is not None and call.active() and self._not_before > call.getTime():
            call.reset(self._not_before - now)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """No connection could be made: try again later."""
        self._under_way = False
        super().clientConnectionFailed(connector, reason)
        if self.session.state is ConnectionState.CLOSED:
            self._closed()
            return
        error = connection_error(reason.value, str(self.environment))
        if self._tap is not None:
            try:
                self._tap.failed(str(self.environment), error.reason, self.clock.seconds())
            except Exception:  # as with what is said on a connection: it costs nobody else anything
                _log.failure("{tell!r} failed", tell=self._tap.failed)
        self._announce_loss(error)

    def clientConnectionLost(self, connector: IConnector, unused_reason: Failure) -> None:
        """A connection ended: make the next one, later; one that was READY for a moment only changes nothing."""
        self._under_way = False
        if self.clock.seconds() - self._ready_at < self._settings.steady_after:
            self.delay = max(self.delay, self._delay_before)
        super().clientConnectionLost(connector, unused_reason)
        reason, self._ended_with = self._ended_with, None
        if self.session.state is not ConnectionState.CLOSED:
            self._announce_loss(reason or connection_error(unused_reason.value, str(self.environment)))
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
        self._healing.ended()
        if isinstance(reason, HandshakeRefused) and reason.retry_after is not None:
            wait = min(reason.retry_after, RETRY_AFTER_AT_MOST)
            self._not_before = max(self._not_before, self.clock.seconds() + wait)
        self._wait_for_maintenance()

    def announce(self, event: object) -> None:
        """Something happened to the session: tell the listeners, then act on it."""
        if isinstance(event, LateRefresh):
            self._healing.late_refresh(event.refresh_token, event.answer)
            return
        self._announce_further(event)
        if isinstance(event, Problem) and self.session.state is not ConnectionState.READY:
            self.last_failure = self._misread = event.error
        if isinstance(event, ApplicationCut):
            self._application_cut(event.reason)
        elif isinstance(event, AccountChanged):
            self._healing.changed(event)

    def _application_cut(self, reason: str) -> None:
        """The server cut the application: connect anew, and much later where it says that it blocked it."""
        now = self.clock.seconds()
        delay = 0.0
        if _BLOCKED.search(reason):
            delay = self._settings.blocked_for
            _log.error(
                "{where} blocked the application: {reason}. Trying again in {delay:g} s; ask Spotware why",
                where=str(self.environment),
                reason=reason,
                delay=delay,
            )
        self._not_before = max(self._not_before, now + delay)
        if self._connection is not None:
            self._connection.drop(ConnectionFailed(str(self.environment), reason))

    def _wait_for_maintenance(self) -> None:
        """Do not connect before the end of a maintenance that the server told of."""
        end, now = self.session.maintenance_end, self.clock.seconds()
        if end is not None and end > now:
            self._not_before = max(self._not_before, min(end, now + self._settings.maintenance_at_most))

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
                where=str(self.environment),
                refusal=str(refusal),
            )
            self._fail_ready(refusal)
            self._healing.refused(refusal)
            connection.drop(refusal)
        except RequestFailed as error:
            late = isinstance(error, TimeoutError)
            why = "the application was not authorised in time" if late else error.reason
            if late and self._misread is not None:
                why += f"; what came can't be read: {self._misread} (check port and wire)"
            connection.drop(ConnectionFailed(str(self.environment), why))
        except OpenApiError as error:
            if isinstance(error, ServerError) and error.retry_after is not None:
                wait = min(error.retry_after, RETRY_AFTER_AT_MOST)
                self._not_before = max(self._not_before, self.clock.seconds() + wait)
            connection.drop(error)
        else:
            if self._closing or self.session.state is not ConnectionState.READY:  # closed by a listener of the answer
                return
            self._delay_before = self.delay
            self.resetDelay()
            self._connections += 1
            self._ready_at = self.clock.seconds()
            self.session.maintenance_end = None
            self._healing.ready(connection)
            self._announce_further(Ready(self.clock.seconds(), self._connections))
            while self._waiting_ready and self.session.state is ConnectionState.READY:
                self._waiting_ready.pop(0).callback(None)

    # Ending

    def _stop_connecting(self) -> None:
        if self._connector is not None:
            self._connector.disconnect()
        if self._under_way:  # as an opening's own connection is until the reactor's next turn
            self._end_limit = self.clock.callLater(self._settings.close_timeout, self._closed)

    def _announce_loss(self, reason: OpenApiError) -> None:
        self.last_failure = reason
        call = self._callID
        retry_in = None if call is None or not call.active() else call.getTime() - self.clock.seconds()
        self._announce_further(Disconnected(self.clock.seconds(), reason, retry_in))

    def _fail_ready(self, error: OpenApiError) -> None:
        waiting, self._waiting_ready = self._waiting_ready, []
        for waiter in waiting:
            waiter.errback(error)

    @property
    def _over(self) -> bool:
        return self.session.state is ConnectionState.CLOSED and self._connection is None and not self._under_way

    def _closed(self) -> None:
        self._under_way = False
        limit, self._end_limit = self._end_limit, None
        if limit is not None and limit.active():
            limit.cancel()
        waiting, self._waiting_closed = self._waiting_closed, []
        for waiter in waiting:
            waiter.callback(None)


def _unexpected(failure: Failure) -> None:
    """Only a fault of this package ends up here, besides what was cancelled because its connection ended."""
    if failure.check(CancelledError):
        return
    _log.failure("unexpected failure while authorising", failure)
