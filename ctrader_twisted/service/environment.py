"""One environment of the daemon: a client, and a watch on each of its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.logger import Logger

from ctrader_twisted import documents, messages
from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.errors import ApplicationRefused, ClientClosed
from ctrader_twisted.service.account import AccountWatch
from ctrader_twisted.session.events import AccountChanged, Disconnected, Problem, Ready, Resynchronised
from ctrader_twisted.settings import Settings
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from ctrader_twisted.config import AccountSettings
    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.factory import Opening
    from ctrader_twisted.protocol import Tap
    from ctrader_twisted.service.recorder import Recorder
    from ctrader_twisted.session.pacing import Limits
    from ctrader_twisted.tokens import TokenKeeper

CLOSE_TIMEOUT = 1.0
"""Seconds a peer is given to let go of a connection when the daemon ends."""
REFRESH_WAIT = 6.0
"""Seconds that a token refresh under way is waited for when the daemon ends."""

_OWN_SHAPE = (
    messages.ProtoOASpotEvent,
    messages.ProtoOADepthEvent,
    messages.ProtoOAExecutionEvent,
    messages.ProtoOAOrderErrorEvent,
    messages.ProtoOATrailingSLChangedEvent,
    messages.ProtoHeartbeatEvent,
)
OTHER_EVENTS: tuple[type[Message], ...] = tuple(
    cls for number, cls in sorted(catalogue.PARSERS.items()) if number in catalogue.EVENTS and cls not in _OWN_SHAPE
)
"""What is pushed and has no shape of its own in the outputs. No answer is among them, so no token can be."""

_log = Logger()


class EnvironmentWatch(Service):
    """Connects to an environment and records what happens there.

    :param accounts: settings, ctidTraderAccountId and access token (None: the token store's) of each account.
    :param limits: requests per second.
    :param compression: whether a WebSocket offers to be compressed.
    :param on_out: called when an account, or the application, can't be used until somebody corrects something.
    :param login: the command with which somebody logs in.
    :param tokens: the token store's grants, shared with the other environments.
    :param tap: the flight recorder.
    :param opening: how to connect, if not over TLS.

    :ivar client: the client; user services share it.
    """

    def __init__(
        self,
        reactor: Any,
        environment: Environment,
        application: Application,
        accounts: Iterable[tuple[AccountSettings, int, str | None]],
        *,
        limits: Limits,
        compression: bool = False,
        recorder: Recorder,
        on_out: Callable[[], object],
        login: str = "ctrader login",
        tokens: TokenKeeper | None = None,
        tap: Tap | None = None,
        opening: Opening | None = None,
    ) -> None:
        self.name: str = environment.name
        self.client: OpenApiClient = OpenApiClient(
            reactor,
            application,
            environment,
            settings=Settings(
                limits=limits, close_timeout=CLOSE_TIMEOUT, refresh_wait=REFRESH_WAIT, compression=compression
            ),
            opening=opening,
            tokens=tokens,
            tap=tap,
        )
        self._recorder = recorder
        self._on_out = on_out
        self._refused = False
        self.accounts: dict[int, AccountWatch] = {
            account_id: AccountWatch(
                self.client,
                reactor,
                settings,
                account_id=account_id,
                access_token=access_token,
                login=login,
                environment=environment.name,
                recorder=recorder,
                on_out=on_out,
            )
            for settings, account_id, access_token in accounts
        }
        self._listen()

    @property
    def out(self) -> bool:
        """Whether nothing can run here until somebody corrects something."""
        return self._refused or all(watch.out for watch in self.accounts.values())

    def startService(self) -> None:
        """Begin to connect, and to bring the accounts up."""
        Service.startService(self)
        self.client.start()
        self.client.when_ready().addCallbacks(lambda _: None, self._not_ready)
        for watch in self.accounts.values():
            watch.start()

    def stopService(self) -> Deferred[None]:
        """Close the connection; the Deferred fires when it is gone."""
        Service.stopService(self)
        for watch in self.accounts.values():
            watch.stop()
        return self.client.close()

    def _not_ready(self, failure: Failure) -> None:
        failure.trap(ApplicationRefused, ClientClosed)
        if failure.check(ApplicationRefused):
            # The client has logged it already.
            remedy = "Check client id and secret, and that the application is active."
            problem = f"the application was refused: {failure.getErrorMessage()}"
            self._record("error", None, documents.error(problem, remedy))
            self._refused = True
            self._on_out()

    # Events

    def _listen(self) -> None:
        client, wants = self.client, self._recorder.wants
        client.on(Ready, self._ready)
        client.on(Disconnected, self._disconnected)
        client.on(AccountChanged, lambda event: self._to_account(event.account_id, AccountWatch.changed, event))
        client.on(Resynchronised, lambda event: self._to_account(event.account_id, AccountWatch.resynchronised, event))
        client.on(Problem, self._problem)
        if wants("quote") or wants("bar"):
            self._forward(messages.ProtoOASpotEvent, AccountWatch.spot)
        if wants("depth"):
            self._forward(messages.ProtoOADepthEvent, AccountWatch.depth)
        self._forward(messages.ProtoOAExecutionEvent, AccountWatch.execution)
        self._forward(messages.ProtoOAOrderErrorEvent, AccountWatch.order_error)
        self._forward(messages.ProtoOATrailingSLChangedEvent, AccountWatch.trailing_stop)
        if wants("message"):
            for cls in OTHER_EVENTS:
                client.on(cls, self._other)
            client.on(Envelope, self._envelope)

    def _forward(self, cls: type[Message], take: Callable[[AccountWatch, Any], None]) -> None:
        watches = self.accounts

        def forward(event: Any) -> None:
            watch = watches.get(event.ctidTraderAccountId)
            if watch is not None:  # else an account that only a user service knows
                take(watch, event)

        self.client.on(cls, forward)

    def _to_account(self, account_id: int, take: Callable[[AccountWatch, Any], None], event: object) -> None:
        watch = self.accounts.get(account_id)
        if watch is not None:
            take(watch, event)

    def _ready(self, event: Ready) -> None:
        _log.info("{environment}: the application is authorised", environment=str(self.client.environment))
        self._record("ready", None, documents.ready(event))

    def _disconnected(self, event: Disconnected) -> None:
        self._record("disconnected", None, documents.disconnected(event))
        if event.retry_in is not None:
            _log.warn("{reason}. Trying again in {wait:.1f} s", reason=event.reason, wait=event.retry_in)

    def _problem(self, event: Problem) -> None:
        _log.warn("{environment}: {problem}", environment=str(self.client.environment), problem=event.error)
        consequence = "The connection is made anew." if event.error.fatal else "It was skipped, and nothing else."
        self._record("error", None, documents.error(str(event.error), consequence))

    def _other(self, event: Any) -> None:
        if "ctidTraderAccountId" not in event.DESCRIPTOR.fields_by_name:
            self._record("message", None, documents.message(event))
        else:
            self._to_account(event.ctidTraderAccountId, AccountWatch.message, event)

    def _envelope(self, envelope: Envelope) -> None:
        if envelope.payload_type not in catalogue.PARSERS:
            self._record("message", None, documents.unknown_message(envelope))

    def _record(self, event: str, account: int | None, body: documents.Document) -> None:
        self._recorder.record(event, self.client.environment.name, account, body)
