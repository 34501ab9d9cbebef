"""One client's conversation with the server, across connections.

The shell gives it what happens and when (`connected`, `request`, `received`, `tick`, `lost`), and takes what to send
(`outbox`) and what to tell (`received` and `notices`). It knows no socket, no clock and no Deferred.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AnswerTimeout,
    ApplicationRefused,
    NotARequest,
    NotAuthorised,
    OpenApiError,
    OutcomeUnknown,
    QueueFull,
    RateLimited,
    RequestFailed,
    RequestNotSent,
    SendTimeout,
    ServerError,
    UndecodablePayload,
    UnderMaintenance,
)
from ctrader_twisted.session.accounts import Accounts
from ctrader_twisted.session.correlation import Pending, Request, Settled, Tombstones
from ctrader_twisted.session.events import ApplicationCut, LateRefresh, LateRefusal, Notice, Problem
from ctrader_twisted.session.machine import CONNECTION_TABLE, AccountState, ConnectionInput, ConnectionState
from ctrader_twisted.session.outbox import Outbox
from ctrader_twisted.session.outcome import as_text, read_answer, read_error, unreadable_answer
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.session.standing import ENDING, SUBSCRIBING, Standing
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.secrecy import SECRET_FIELDS, secrets_of, without

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.session.events import Subscription
    from ctrader_twisted.session.standing import Course
    from ctrader_twisted.wire.runs import SpotRun

APPLICATION_AUTH = catalogue.payload_type(messages.ProtoOAApplicationAuthReq)
ACCOUNT_AUTH = catalogue.payload_type(messages.ProtoOAAccountAuthReq)
ACCOUNT_LOGOUT = catalogue.payload_type(messages.ProtoOAAccountLogoutReq)
ACCOUNT_CUT = catalogue.payload_type(messages.ProtoOAAccountDisconnectEvent)
TOKEN_INVALIDATED = catalogue.payload_type(messages.ProtoOAAccountsTokenInvalidatedEvent)
APPLICATION_CUT = catalogue.payload_type(messages.ProtoOAClientDisconnectEvent)
REFRESH = catalogue.payload_type(messages.ProtoOARefreshTokenReq)
TRAILING_STOP = catalogue.payload_type(messages.ProtoOATrailingSLChangedEvent)
_SESSION_EVENTS = frozenset({ACCOUNT_CUT, TOKEN_INVALIDATED, APPLICATION_CUT})
_BOOKED = frozenset({catalogue.EXECUTION_EVENT, TRAILING_STOP})
_OF_COMMANDS = frozenset({catalogue.EXECUTION_EVENT, catalogue.ORDER_ERROR_EVENT})
_ANSWERS = frozenset(number for kind in catalogue.REQUESTS.values() for number in kind.closed_by) - catalogue.EVENTS
_TELLING = frozenset({APPLICATION_AUTH, ACCOUNT_AUTH, ACCOUNT_LOGOUT}) | SUBSCRIBING
_OF_CONCERN = _SESSION_EVENTS | _BOOKED | _ANSWERS | _OF_COMMANDS
_NO_APPLICATION = "CH_CLIENT_NOT_AUTHENTICATED"
_OUTLASTING_ACCOUNT = frozenset({ACCOUNT_AUTH, ACCOUNT_LOGOUT})
_OUTLASTING_APPLICATION = frozenset({APPLICATION_AUTH, REFRESH})
_SECRET = frozenset(
    number
    for number, kind in catalogue.REQUESTS.items()
    if SECRET_FIELDS & set(kind.message_class.DESCRIPTOR.fields_by_name)
)


_new_settled = tuple.__new__  # what Settled(...) does, at half the time


class Session:
    """What is known and outstanding between one client and the server.

    :ivar state: where the connection stands.
    :ivar standing: what must stand again after a loss.
    :ivar accounts: where each account stands, and why; it is told what was found out of one without the server.
    :ivar outbox: what leaves, and when; the shell holds it and takes from it.
    :ivar maintenance_end: when the server's maintenance ends, seconds since the epoch, as it said last; None if it said
        nothing of the kind.
    :ivar counts: how many messages of each kind have arrived that nobody waited for: ``"late"`` (its request had
        ended), ``"unasked"`` (an answer to nothing this session sent), ``"unreadable"``.

    :param limits: how much may be sent.
    :param id_prefix: what the ids of this session's requests begin with; unguessable, so that no other client's id
        that the server shows us can be taken for ours (protocol notes, 1.3).
    :param heartbeat_after: seconds of outbound silence after which a heartbeat is due (the server wants one each 10 s).
    :param keep_books: whether events are noted in the accounts' books.
    :param gate: whether nothing but the application's authorisation may be asked for before it is granted; if not, the
        server judges.
    :param dead_after: seconds of inbound silence after which the peer is taken for dead; any message counts.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        id_prefix: str,
        heartbeat_after: float = 10.0,
        dead_after: float = 75.0,
        keep_books: bool = True,
        gate: bool = True,
    ) -> None:
        self.state: ConnectionState = ConnectionState.DISCONNECTED
        self.standing: Standing = Standing()
        self.maintenance_end: float | None = None
        self.counts: Counter[str] = Counter()
        self._prefix = id_prefix
        self._asked = 0
        self._dead_after = dead_after
        self._keep_books = keep_books
        self._gate = gate
        self._secrets: set[str] = set()
        self._pending = Pending()
        self._tombstones = Tombstones()
        self._losses: list[tuple[str, list[Request]]] = []
        self._notices: list[Notice] = []
        self._last_received = 0.0
        self.outbox: Outbox = Outbox(limits or Limits(), heartbeat_after)
        self.accounts: Accounts = Accounts(standing=self.standing, tell=self._notices.append, secrets=self._secrets)

    # What is known

    def keep_secret(self, *values: str | None) -> None:
        """Let no error's description repeat these."""
        self._secrets.update(value for value in values if value)

    def scrub(self, text: str) -> str:
        """Take every secret that this session has sent or been given out of a text."""
        return without(text, self._secrets) if self._secrets else text

    def requests(self) -> Iterator[Request]:
        """Give every request that has not ended."""
        return iter(self._pending)

    def subscription_course(self, account_id: int, subscription: Subscription) -> Course:
        """Say what becomes of an account's subscription at the moment."""
        return self.standing.course(account_id, subscription, self._pending)

    def logouts(self, account_id: int) -> int:
        """How many logouts of an account were asked for that are not complete."""
        return self.accounts.is_leaving(account_id) + len(self._logouts(account_id))

    def overrule_logouts(self, account_id: int) -> int:
        """An account is asked for: if a logout from before takes effect when nobody waits for it any more, the account
        is lost by that, and not logged out. Give how many are not complete.
        """
        for request in (*self._pending, *self._tombstones):
            if request.kind.payload_type == ACCOUNT_LOGOUT and request.account_id == account_id:
                request.overruled = True
        return self.logouts(account_id)

    def is_to_leave(self, account_id: int) -> bool:
        """Whether an account is being logged out and was not asked for since."""
        return any(not logout.overruled for logout in self._logouts(account_id))

    @property
    def in_flight(self) -> int:
        """How many requests have not ended."""
        return len(self._pending)

    @property
    def last_received(self) -> float:
        """When the last whole message arrived."""
        return self._last_received

    # What happens

    def connected(self, now: float) -> None:
        """A connection was made. Limits begin anew with it."""
        self.outbox.begin(now)
        self._tombstones.clear()
        self._losses.clear()
        self._last_received = now
        self._connection(ConnectionInput.MADE)

    def request(
        self,
        message: Message,
        *,
        timeout: float,
        now: float,
        waiter: Any = None,
        own: bool = False,
        unread: bool = False,
        leaving: Any = None,
        client_msg_id: str | None = None,
    ) -> Request:
        """Ask for something; it is sent as soon as the limits allow.

        :param own: whether the client asks for it by itself, to restore the session: no loss is told of it.
        :param unread: whether to give its answer as it comes, not parsed; refusals are read as ever.
        :param leaving: for the shell: whoever is to be told that it has left.
        :param client_msg_id: the id it travels under, where its author has one; by default one of the session's own.
        :raises NotARequest: if no answer would ever close it.
        :raises ValueError: if its answer is wanted unread, and the session has to read it.
        :raises IncompleteMessage: if required fields are missing.
        :raises RequestNotSent: if there is no authorised connection, or if the answer to another request with the same
            id may still come.
        :raises QueueFull: if too many requests wait already.
        """
        kind = catalogue.REQUESTS_BY_CLASS.get(type(message))
        if kind is None:
            raise NotARequest(type(message).__name__)
        if unread and kind.payload_type in _TELLING | _SECRET:
            raise ValueError(f"the answer to {kind.name} can't be had unread: the session itself goes by what it says")
        account_id: int | None = message.ctidTraderAccountId if kind.has_account else None  # type: ignore[attr-defined]
        self._asked += 1
        if client_msg_id is not None and (self._pending.find(client_msg_id) or client_msg_id in self._tombstones):
            reason = f"the answer to another request with the clientMsgId {client_msg_id!r} may still come"
            raise RequestNotSent(kind.name, reason, account_id)
        envelope = codec.pack(message, client_msg_id or f"{self._prefix}{self._asked}")
        if self.state is not ConnectionState.READY and not self._allowed_before_ready(kind.payload_type):
            raise RequestNotSent(kind.name, f"the session is {self.state.value}, not ready", account_id)
        if kind.payload_type in _SECRET:
            self._secrets.update(secrets_of(message))
        request = Request(
            kind, envelope, account_id, timeout, now + timeout, False, False, waiter, own, unread, leaving
        )
        if not self.outbox.offer(request, now):
            raise QueueFull(kind.name, f"{self.outbox.pacer.bound} requests wait already", account_id)
        self._pending.add(request)
        if request.sent:
            self._leaves(request)
        return request

    def cancel(self, request: Request, reason: str = "cancelled") -> RequestFailed | None:
        """End a request that its author no longer wants; give the error it ends with, or None if it has ended
        already.
        """
        if not self._pending.remove(request):
            return None
        return self._abandon(request, reason, RequestNotSent, OutcomeUnknown)

    def received(
        self, arrived: Iterable[Envelope | Burst | SpotRun], now: float
    ) -> Iterator[Envelope | Burst | SpotRun | Settled]:
        """Take what arrived and give it back in order, with the requests that it ended in place of their answers.

        What comes under the id of a request that has not left yet is no answer to it: the server can't know it.

        Lazily: an envelope takes effect when it is asked for, so that a reader who stops leaves the rest as if unread.
        """
        find = self._pending.find
        for item in arrived:
            if isinstance(item, Envelope):
                number, _, key = item
                request = None if key is None else find(key)
                if request is not None and request.left and number in request.kind.closed_by:
                    yield self._settle(request, item, now)
                else:
                    yield self._received_one(item, now)
            elif item.payload_type in _OF_CONCERN:
                for envelope in item.envelopes():
                    yield self._received_one(envelope, now)
            else:
                yield item
        if self._losses:
            yield from self._catch()

    def seen(self, now: float) -> None:
        """At least one whole message arrived now, of whatever kind."""
        self._last_received = now

    def unreadable(self, error: ProtocolError) -> Settled | None:
        """Something arrived that can't be read. If it was to answer a request, give the end of that."""
        self.counts["unreadable"] += 1
        self._notices.append(Problem(error))
        if not isinstance(error, UndecodablePayload) or error.client_msg_id is None:
            return None
        request = self._pending.find(error.client_msg_id)
        if request is None or not request.left or error.payload_type not in request.kind.closed_by:
            return None
        self._pending.remove(request)
        result = unreadable_answer(request, error)
        if request.kind.payload_type in _TELLING:
            self._learn(request, result)
        return Settled(request, result)

    def tick(self, now: float) -> list[Settled]:
        """Let time pass: give the requests whose time ran out, and let those leave whose turn has come."""
        settled = []
        for request in self._pending.expire(now):
            reason = (
                f"no answer within {request.timeout:g} s" if request.left else f"not sent within {request.timeout:g} s"
            )
            settled.append(Settled(request, self._abandon(request, reason, SendTimeout, AnswerTimeout)))
        for request in self.outbox.due(now):
            self._leaves(request)
        return settled

    def next_due(self, now: float) -> float | None:
        """Give the time at which `tick` has something to do, or None."""
        deadline = self._pending.next_deadline()
        pacer = self.outbox.pacer
        turn = pacer.next_due(now) if pacer.waiting else None
        if deadline is None or turn is None:
            return turn if deadline is None else deadline
        return min(deadline, turn)

    def beat(self, now: float, within: float = 0.0) -> bool:
        """Queue a heartbeat if one is due within so many seconds; say whether the peer still counts as alive."""
        self.outbox.beat(now, within)
        return now - self._last_received < self._dead_after

    def next_beat(self, within: float = 0.0) -> float:
        """Give the earliest time at which `beat` has something to do or to say, if nothing is sent or arrives before.

        :param within: as for `beat`.
        """
        return min(self.outbox.next_beat(within), self._last_received + self._dead_after)

    def lost(self, now: float, reason: str, *, closed: bool = False) -> list[Settled]:
        """The connection is gone, or (``closed``) the client was closed: end every request."""
        self._connection(ConnectionInput.CLOSE if closed else ConnectionInput.LOST)
        self.outbox.clear()
        settled = [
            Settled(request, self._abandon(request, reason, RequestNotSent, OutcomeUnknown))
            for request in self._pending.clear()
        ]
        self.accounts.all_lost(reason, self._last_received)
        self.standing.caught(request for request, _, _ in settled)
        return settled

    def notices(self) -> list[Notice]:
        """Give what happened to the session since last asked."""
        notices = self._notices
        if notices:
            notices = notices.copy()
            self._notices.clear()
        return notices

    # Inside

    def _takes_along(self, reason: str, account_id: int | None = None) -> None:
        """The server tells the end of an account's session, or of everybody's: note the requests that go with it.

        Those that have not left stay here from now on, whatever is done before they are told.
        """
        outlasting = _OUTLASTING_APPLICATION if account_id is None else _OUTLASTING_ACCOUNT
        caught = [
            request
            for request in self._pending
            if account_id in (None, request.account_id) and request.kind.payload_type not in outlasting
        ]
        for request in caught:
            self.outbox.withdraw(request)
        self._losses.append((reason, caught))

    def _catch(self) -> Iterator[Settled]:
        """End the requests that a session took along, unless their answers came with the news.

        One by one: those after which the reader stops have not ended, and end with the connection.
        """
        losses, self._losses = self._losses, []
        for reason, caught in losses:
            for request in caught:
                if self._pending.remove(request):
                    error = self._given_up(request, reason, RequestNotSent, OutcomeUnknown)
                    self.standing.caught((request,))
                    yield Settled(request, error)

    def _received_one(self, envelope: Envelope, now: float) -> Envelope | Settled:
        number, _, key = envelope
        request = None if key is None else self._pending.find(key)
        if request is not None and request.left and number in request.kind.closed_by:
            return self._settle(request, envelope, now)
        if number in _OF_COMMANDS and key is not None and (late := self._tombstones.exhume(key)) is not None:
            self._answered_late(late, envelope)
        if number in _BOOKED:
            self._book(envelope)
        elif number in _SESSION_EVENTS:
            self._session_event(envelope)
        elif number in _ANSWERS:
            alone = self._authorisation_alone() if key is None and number in catalogue.ERRORS else None
            if alone is not None:
                return self._settle(alone, envelope, now)
            self._unasked(envelope)
        return envelope

    def _authorisation_alone(self) -> Request | None:
        """Give the application's authorisation if nothing else was asked for: an error of no request is about that.

        The server repeats the id of what it refuses (protocol notes, 1.3); of what its common layer refuses, that is
        unconfirmed.
        """
        if self.state is ConnectionState.AUTHORISING and len(self._pending) == 1:
            return next(iter(self._pending))
        return None

    def _allowed_before_ready(self, payload_type: int) -> bool:
        return (payload_type == APPLICATION_AUTH or not self._gate) and self.state in (
            ConnectionState.CONNECTED,
            ConnectionState.AUTHORISING,
        )

    def _leaves(self, request: Request) -> None:
        """A request leaves: the authorisations are under way from now on."""
        number = request.kind.payload_type
        if number == ACCOUNT_AUTH:
            assert request.account_id is not None
            self.accounts.asked(request.account_id)
        elif number == APPLICATION_AUTH:
            self._connection(ConnectionInput.AUTH_SENT)

    def _settle(self, request: Request, envelope: Envelope, now: float) -> Settled:
        self._pending.remove(request)
        if not request.left:
            self.outbox.withdraw(request)
        result = read_answer(request, envelope, self._secrets)
        if isinstance(result, OpenApiError):
            if isinstance(result, RateLimited):
                self.outbox.pacer.refused(request.kind.payload_type, result.retry_after, now)
            elif isinstance(result, NotAuthorised):
                self._authority_denied(request, result)
            elif isinstance(result, UnderMaintenance) and request.account_id is None:
                self._under_maintenance(result)
        else:
            self.outbox.pacer.served(request.kind.payload_type)
            if request.kind.payload_type in _SECRET and not isinstance(result, Envelope):
                self._secrets.update(secrets_of(result))
        if envelope.payload_type in _BOOKED:
            self._book(envelope)
        if request.kind.payload_type in _TELLING:
            self._learn(request, result)
        return _new_settled(Settled, (request, result, envelope))

    def _learn(self, request: Request, result: Message | Envelope | OpenApiError) -> None:
        """Draw from the end of a request what it says about connection, account and subscriptions."""
        number = request.kind.payload_type
        error = result if isinstance(result, OpenApiError) else None
        if number == APPLICATION_AUTH:
            self._connection(_application_input(error))
        elif number == ACCOUNT_AUTH:
            assert request.account_id is not None
            if error is not None:
                self.accounts.refused(request.account_id, error)
            elif self.state is ConnectionState.READY:  # else it is late: the session that it was accepted in is over
                sent: Any = codec.unpack(request.envelope)  # as it was sent, whatever became of the message
                self.accounts.accepted(sent, own=request.own)
        elif number == ACCOUNT_LOGOUT:
            if error is None and not request.done:
                assert request.account_id is not None
                self.accounts.leaving(request.account_id)
        elif number in SUBSCRIBING and error is None and (not request.own or number in ENDING):
            # What is renewed is in the book, unless it was ended while it was being renewed: it is ended again then.
            self.standing.accepted(codec.unpack(request.envelope))

    def _authority_denied(self, request: Request, error: NotAuthorised) -> None:
        """A session that stood here is gone, and an answer is all that says so (protocol notes, 1.7)."""
        if error.code != _NO_APPLICATION and request.account_id is not None:
            if request.kind.payload_type == ACCOUNT_LOGOUT:
                if not request.done:
                    self.accounts.logged_out(request.account_id)
                return
            if request.kind.payload_type == ACCOUNT_AUTH or self._is_view_only(request):
                return
        self._session_denied(error, request.account_id)

    def _session_denied(self, error: NotAuthorised, account_id: int | None) -> None:
        if error.code == _NO_APPLICATION:
            if self.state is ConnectionState.READY:
                self._cut(str(error))
        elif account_id is not None and self.accounts.state(account_id) is AccountState.AUTHORISED:
            self.accounts.cut(account_id, str(error), self._last_received)

    def _is_view_only(self, request: Request) -> bool:
        """Whether it is a command by a token that allows none: refused for that, and not because a session is gone."""
        account = self.standing.find(request.account_id or 0)
        return request.kind.is_command and account is not None and account.view_only

    def _under_maintenance(self, error: UnderMaintenance) -> None:
        if error.maintenance_end is not None:
            self.maintenance_end = error.maintenance_end

    def _book(self, envelope: Envelope) -> None:
        """Note what an event says of an account's positions and orders."""
        if self._keep_books and (message := _read(envelope)) is not None:
            self.standing.told(message)

    def _cut(self, reason: str) -> None:
        self._connection(ConnectionInput.APPLICATION_CUT)
        self.accounts.all_lost(reason, self._last_received)
        self._takes_along(reason)
        self._notices.append(ApplicationCut(reason))

    def _unasked(self, envelope: Envelope) -> None:
        """An answer came to a request that has ended, or that was never ours."""
        number, _, key = envelope
        request = None if key is None else self._tombstones.exhume(key)
        late = request is not None or (key is not None and key.startswith(self._prefix))
        self.counts["late" if late else "unasked"] += 1
        if request is None and number in catalogue.ERRORS:
            self._told_of_error(envelope)
        if request is not None:
            self._answered_late(request, envelope)

    def _answered_late(self, request: Request, envelope: Envelope) -> None:
        if envelope.payload_type in request.kind.closed_by:
            result = read_answer(request, envelope, self._secrets)
            if not request.overruled:
                self._learn(request, result)
            if isinstance(result, messages.ProtoOARefreshTokenRes):
                self._secrets.update(secrets_of(result))
                asked: Any = codec.unpack(request.envelope)
                self._notices.append(LateRefresh(asked.refreshToken, result))
            elif request.kind.is_command and isinstance(result, ServerError):
                self._notices.append(LateRefusal(codec.unpack(request.envelope), result))

    def _told_of_error(self, envelope: Envelope) -> None:
        """An error that answers nothing: the server says by itself that it goes into maintenance, or whom it knows not.

        With an id, what is denied is denied to another client.
        """
        message = _read(envelope)
        error = None if message is None else read_error(message, secrets=self._secrets)
        if isinstance(error, UnderMaintenance) and error.account_id is None:
            self._under_maintenance(error)
        elif isinstance(error, NotAuthorised) and envelope.client_msg_id is None:
            self._session_denied(error, error.account_id)

    def _abandon(
        self, request: Request, reason: str, unsent: type[RequestFailed], unknown: type[RequestFailed]
    ) -> RequestFailed:
        self.outbox.withdraw(request)
        return self._given_up(request, reason, unsent, unknown)

    def _given_up(
        self, request: Request, reason: str, unsent: type[RequestFailed], unknown: type[RequestFailed]
    ) -> RequestFailed:
        """Give the error that a request ends with which has left, or is held back for good."""
        if request.sent:
            self._tombstones.bury(request)
            error = unknown(request.kind.name, reason, request.account_id)
        else:
            error = unsent(request.kind.name, reason, request.account_id)
        number = request.kind.payload_type
        if number == ACCOUNT_AUTH and request.account_id is not None:
            self.accounts.unanswered(request.account_id, reason)
        elif number == APPLICATION_AUTH:
            self._connection(ConnectionInput.AUTH_FAILED)
        return error

    def _session_event(self, envelope: Envelope) -> None:
        """One of the three ways of losing a session on a live connection (protocol notes, 1.13)."""
        message = _read(envelope)
        if isinstance(message, messages.ProtoOAAccountDisconnectEvent):
            account_id = message.ctidTraderAccountId
            early = [logout for logout in self._logouts(account_id) if logout.left]
            if self.accounts.is_leaving(account_id):
                self.accounts.logged_out(account_id)
            elif early:  # it may be told before the answer to the logout that it belongs to
                early[0].done = True
                self.accounts.logged_out(account_id)
            else:
                reason = "the server ended this account's session"
                if self.accounts.cut(account_id, reason, self._last_received):
                    self._takes_along(reason, account_id)
        elif isinstance(message, messages.ProtoOAAccountsTokenInvalidatedEvent):
            for account_id in message.ctidTraderAccountIds:
                reason = self.scrub(as_text(message.reason)) or "the server invalidated its token"
                if self.accounts.token_invalidated(account_id, reason, self._last_received):
                    self._takes_along(reason, account_id)
        elif isinstance(message, messages.ProtoOAClientDisconnectEvent):
            self._cut(self.scrub(as_text(message.reason)) or "the server disconnected the application")

    def _logouts(self, account_id: int) -> list[Request]:
        """Give an account's logouts that have neither ended nor been told to be done."""
        return [
            request
            for request in self._pending
            if request.kind.payload_type == ACCOUNT_LOGOUT and request.account_id == account_id and not request.done
        ]

    def _connection(self, happened: ConnectionInput) -> None:
        self.state = CONNECTION_TABLE[self.state][happened]


def _read(envelope: Envelope) -> Message | None:
    """Read what nobody asked for; None if it can't be: whoever listens for it is told."""
    try:
        return codec.unpack(envelope)
    except OpenApiError:
        return None


def _application_input(error: OpenApiError | None) -> ConnectionInput:
    """Say what the end of the application's authorisation means."""
    if error is None:
        return ConnectionInput.AUTH_ACCEPTED
    return ConnectionInput.AUTH_REFUSED if isinstance(error, ApplicationRefused) else ConnectionInput.AUTH_FAILED
