"""One client's conversation with the server, across connections.

The shell gives it what happens and when (`connected`, `request`, `received`, `tick`, `lost`), and takes what to send
(`outgoing`) and what to tell (`received` and `notices`). It knows no socket, no clock and no Deferred.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AccountRefused,
    AnswerTimeout,
    ApplicationRefused,
    CannotRoute,
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
    TokenRefused,
    UndecodablePayload,
    UnderMaintenance,
)
from ctrader_twisted.session.correlation import Pending, Request, Tombstones
from ctrader_twisted.session.events import (
    AccountChanged,
    AccountStatus,
    ApplicationCut,
    LateRefresh,
    LateRefusal,
    Notice,
    Problem,
)
from ctrader_twisted.session.machine import (
    ACCOUNT_TABLE,
    CONNECTION_TABLE,
    AccountInput,
    AccountState,
    ConnectionInput,
    ConnectionState,
)
from ctrader_twisted.session.outcome import as_text, read_answer, read_error, unreadable_answer
from ctrader_twisted.session.pacing import Limits, Pacer, QueueState
from ctrader_twisted.session.standing import ENDING, SUBSCRIBING, Course, Standing, concerns
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.catalogue import Lane
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.secrecy import SECRET_FIELDS, secrets_of, without

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.session.events import Subscription
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
_OUTLASTING_ACCOUNT = frozenset({ACCOUNT_AUTH, ACCOUNT_LOGOUT})
_OUTLASTING_APPLICATION = frozenset({APPLICATION_AUTH, REFRESH})
_WARNINGS = frozenset({AccountInput.FOUND_UNUSABLE, AccountInput.GRANT_DEAD, AccountInput.AUTH_ACCEPTED})
_SECRET = frozenset(
    number
    for number, kind in catalogue.REQUESTS.items()
    if SECRET_FIELDS & set(kind.message_class.DESCRIPTOR.fields_by_name)
)

_HEARTBEAT = Envelope(catalogue.HEARTBEAT)


class Settled(NamedTuple):
    """A request ended.

    :ivar request: which.
    :ivar result: the message that answers it, or its envelope if it was wanted unread, or the error it ended with.
    :ivar envelope: what arrived, or None if nothing did.
    """

    request: Request
    result: Message | Envelope | OpenApiError
    envelope: Envelope | None = None


_new_settled = tuple.__new__  # what Settled(...) does, at half the time


class Session:
    """What is known and outstanding between one client and the server.

    :ivar state: where the connection stands.
    :ivar standing: what must stand again after a loss.
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
        self._limits = limits or Limits()
        self._prefix = id_prefix
        self._asked = 0
        self._heartbeat_after = heartbeat_after
        self._dead_after = dead_after
        self._keep_books = keep_books
        self._gate = gate
        self._accounts: dict[int, AccountStatus] = {}
        self._secrets: set[str] = set()
        self._logging_out: set[int] = set()
        self._pending = Pending()
        self._tombstones = Tombstones()
        self._pacer = Pacer(self._limits)
        self._outgoing: list[Envelope] = []
        self._watched: list[Request] = []
        self._losses: list[tuple[str, list[Request]]] = []
        self._notices: list[Notice] = []
        self._last_sent = 0.0
        self._last_received = 0.0

    # What is known

    def account_state(self, account_id: int) -> AccountState:
        """Say where an account stands."""
        return self.account_status(account_id).state

    def account_status(self, account_id: int) -> AccountStatus:
        """Say where an account stands, and why."""
        return self._accounts.get(account_id) or AccountStatus(account_id, AccountState.UNAUTHORISED)

    def accounts(self) -> dict[int, AccountStatus]:
        """Give the status of every account that was ever asked for."""
        return dict(self._accounts)

    def keep_secret(self, *values: str | None) -> None:
        """Let no error's description repeat these."""
        self._secrets.update(value for value in values if value)

    def scrub(self, text: str) -> str:
        """Take every secret that this session has sent or been given out of a text."""
        return without(text, self._secrets) if self._secrets else text

    def queue(self, now: float) -> QueueState:
        """Say what waits for its turn under the limits."""
        return self._pacer.state(now)

    def requests(self) -> Iterator[Request]:
        """Give every request that has not ended."""
        return iter(self._pending)

    def subscription_course(self, account_id: int, subscription: Subscription) -> Course:
        """Say what becomes of an account's subscription at the moment."""
        beginning = ending = 0
        for request in self._pending:
            number = request.kind.payload_type
            if request.account_id != account_id or number not in SUBSCRIBING:
                continue
            if concerns(codec.unpack(request.envelope), subscription):
                ending += number in ENDING
                beginning += number not in ENDING
        account = self.standing.find(account_id)
        return Course(beginning, ending, 0 if account is None else account.times_ended(subscription))

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
        self._pacer = Pacer(self._limits)
        self._tombstones.clear()
        self._outgoing.clear()
        self._watched.clear()
        self._losses.clear()
        self._last_sent = self._last_received = now
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
        request = Request(kind, envelope, account_id, timeout, now + timeout, False, waiter, own, unread, leaving)
        if self._pacer.admit(request, now):
            self._pending.add(request)
            self._leave(request, now)
        elif self._pacer.enqueue(request):
            self._pending.add(request)
        else:
            raise QueueFull(kind.name, f"{self._pacer.bound} requests wait already", account_id)
        return request

    def cancel(self, request: Request, reason: str = "cancelled") -> RequestFailed | None:
        """End a request that its author no longer wants; give the error it ends with, or None if it has ended
        already.
        """
        if not self._pending.remove(request):
            return None
        return self._abandon(request, reason, RequestNotSent, OutcomeUnknown)

    def hold(self, held: bool) -> None:
        """Let nothing leave while the transport can take no more; requests wait in the queue.

        What was to leave in this turn waits, too: let go later, it would leave in the same second as what comes then.
        """
        self._pacer.held = held
        if not held or not self._outgoing:
            return
        requests = [self._pending.find(envelope.client_msg_id or "") for envelope in self._outgoing]
        back = [request for request in requests if request is not None and request.kind.lane is not Lane.EXEMPT]
        kept = {request.envelope.client_msg_id for request in back}
        self._outgoing = [envelope for envelope in self._outgoing if envelope.client_msg_id not in kept]
        for request in back:
            request.sent = False
        self._pacer.put_back(back)

    def received(
        self, arrived: Iterable[Envelope | Burst | SpotRun], now: float
    ) -> Iterator[Envelope | Burst | SpotRun | Settled]:
        """Take what arrived and give it back in order, with the requests that it ended in place of their answers.

        Lazily: an envelope takes effect when it is asked for, so that a reader who stops leaves the rest as if unread.
        """
        find = self._pending.find
        for item in arrived:
            if isinstance(item, Envelope):
                number, _, key = item
                request = None if key is None else find(key)
                if request is not None and number in request.kind.closed_by:
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
        if request is None or error.payload_type not in request.kind.closed_by:
            return None
        self._pending.remove(request)
        if not request.sent:
            self._pacer.remove(request)
        result = unreadable_answer(request, error)
        if request.kind.payload_type in _TELLING:
            self._learn(request, result)
        return Settled(request, result)

    def tick(self, now: float) -> list[Settled]:
        """Let time pass: give the requests whose time ran out, and let those leave whose turn has come."""
        settled = []
        for request in self._pending.expire(now):
            reason = (
                f"no answer within {request.timeout:g} s" if request.sent else f"not sent within {request.timeout:g} s"
            )
            settled.append(Settled(request, self._abandon(request, reason, SendTimeout, AnswerTimeout)))
        for request in self._pacer.take_due(now):
            self._leave(request, now)
        return settled

    def next_due(self, now: float) -> float | None:
        """Give the time at which `tick` has something to do, or None."""
        deadline = self._pending.next_deadline()
        turn = self._pacer.next_due(now) if self._pacer.waiting else None
        if deadline is None or turn is None:
            return turn if deadline is None else deadline
        return min(deadline, turn)

    def beat(self, now: float, within: float = 0.0) -> bool:
        """Queue a heartbeat if one is due within so many seconds; say whether the peer still counts as alive.

        Nothing is due while something is about to leave: that breaks the silence, too.
        """
        if not self._outgoing and now - self._last_sent + within >= self._heartbeat_after:
            self._outgoing.append(_HEARTBEAT)
        return now - self._last_received < self._dead_after

    def next_beat(self, within: float = 0.0) -> float:
        """Give the earliest time at which `beat` has something to do or to say, if nothing is sent or arrives before.

        :param within: as for `beat`.
        """
        return min(self._last_sent + self._heartbeat_after - within, self._last_received + self._dead_after)

    def found_unusable(self, account_id: int, reason: str, remedy: str) -> None:
        """It was found out that an account can't be used here, whatever its token."""
        self._account(account_id, AccountInput.FOUND_UNUSABLE, self.scrub(reason), remedy)

    def grant_dead(self, account_id: int, reason: str, remedy: str) -> None:
        """An account's grant gives no access token any more."""
        self._account(account_id, AccountInput.GRANT_DEAD, self.scrub(reason), remedy)

    def given_up(self, account_id: int) -> None:
        """An account is to be kept no longer. One that stands goes on standing until its session ends."""
        if self.account_state(account_id) not in (AccountState.AUTHORISED, AccountState.AUTHORISING):
            self._account(account_id, AccountInput.LOGGED_OUT, "given up")

    def put_right(self, account_id: int) -> None:
        """What was wrong with what an account stands on is so no longer."""
        if self.account_state(account_id) is AccountState.AUTHORISED:
            self._account(account_id, AccountInput.AUTH_ACCEPTED, "")

    def lost(self, now: float, reason: str, *, closed: bool = False) -> list[Settled]:
        """The connection is gone, or (``closed``) the client was closed: end every request."""
        self._connection(ConnectionInput.CLOSE if closed else ConnectionInput.LOST)
        for envelope in self._outgoing:  # what was to leave and did not
            request = None if envelope.client_msg_id is None else self._pending.find(envelope.client_msg_id)
            if request is not None:
                request.sent = False
        self._outgoing.clear()
        self._watched.clear()
        self._pacer.clear()
        settled = [
            Settled(request, self._abandon(request, reason, RequestNotSent, OutcomeUnknown))
            for request in self._pending.clear()
        ]
        self._lose_accounts(reason)
        self._note_caught(settled)
        return settled

    # What to send and tell

    def outgoing(self, now: float) -> list[Envelope]:
        """Give what is to be sent now, and count it as sent."""
        outgoing = self._outgoing
        if outgoing:
            self._outgoing = []
            self._last_sent = now
        return outgoing

    def left(self) -> list[Any]:
        """Give whoever is to be told that a request has left which `outgoing` gave, each once."""
        if not self._watched:
            return []
        told = []
        for request in self._watched:
            if request.sent and request.leaving is not None:  # else it was taken back, or is here twice
                told.append(request.leaving)
                request.leaving = None
        self._watched.clear()
        return told

    @property
    def has_outgoing(self) -> bool:
        """Whether `outgoing` would give anything."""
        return bool(self._outgoing)

    def notices(self) -> list[Notice]:
        """Give what happened to the session since last asked."""
        notices = self._notices
        if notices:
            self._notices = []
        return notices

    # Inside

    def _takes_along(self, reason: str, account_id: int | None = None) -> None:
        """The server tells the end of an account's session, or of everybody's: note the requests that go with it."""
        outlasting = _OUTLASTING_APPLICATION if account_id is None else _OUTLASTING_ACCOUNT
        caught = [
            request
            for request in self._pending
            if account_id in (None, request.account_id) and request.kind.payload_type not in outlasting
        ]
        self._losses.append((reason, caught))

    def _catch(self) -> list[Settled]:
        """End the requests that a session took along, unless their answers came with the news."""
        losses, self._losses = self._losses, []
        settled = [
            Settled(request, self._abandon(request, reason, RequestNotSent, OutcomeUnknown))
            for reason, caught in losses
            for request in caught
            if self._pending.remove(request)
        ]
        self._note_caught(settled)
        return settled

    def _note_caught(self, settled: Iterable[Settled]) -> None:
        """Note for `Resynchronised` which of an account's requests a loss caught, the client's own left out."""
        for request, _, _ in settled:
            account = None if request.account_id is None or request.own else self.standing.find(request.account_id)
            if account is not None and account.lost_at is not None:
                (account.requests_unknown if request.sent else account.requests_not_sent).append(request.kind.name)

    def _received_one(self, envelope: Envelope, now: float) -> Envelope | Settled:
        number, _, key = envelope
        request = None if key is None else self._pending.find(key)
        if request is not None and number in request.kind.closed_by:
            return self._settle(request, envelope, now)
        if number in _OF_COMMANDS and key is not None and (late := self._tombstones.exhume(key)) is not None:
            self._answered_late(late, envelope)
        if number in _BOOKED:
            self._book(envelope)
        elif number in _SESSION_EVENTS:
            self._session_event(envelope)
        elif number in _ANSWERS:
            self._unasked(envelope)
        return envelope

    def _allowed_before_ready(self, payload_type: int) -> bool:
        return (payload_type == APPLICATION_AUTH or not self._gate) and self.state in (
            ConnectionState.CONNECTED,
            ConnectionState.AUTHORISING,
        )

    def _leave(self, request: Request, now: float) -> None:
        request.sent = True
        self._outgoing.append(request.envelope)
        if request.leaving is not None:
            self._watched.append(request)
        number = request.kind.payload_type
        if number == ACCOUNT_AUTH:
            assert request.account_id is not None
            self._account(request.account_id, AccountInput.AUTH_SENT, "")
        elif number == APPLICATION_AUTH:
            self._connection(ConnectionInput.AUTH_SENT)

    def _settle(self, request: Request, envelope: Envelope, now: float) -> Settled:
        self._pending.remove(request)
        if not request.sent:  # an answer under the id of a request that never left: nothing of ours
            self._pacer.remove(request)
        result = read_answer(request, envelope, self._secrets)
        if isinstance(result, OpenApiError):
            if isinstance(result, RateLimited):
                self._pacer.refused(request.kind.payload_type, result.retry_after, now)
            elif isinstance(result, NotAuthorised):
                self._authority_denied(request, result)
            elif isinstance(result, UnderMaintenance) and request.account_id is None:
                self._under_maintenance(result)
        else:
            self._pacer.served(request.kind.payload_type)
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
        accepted = not isinstance(result, OpenApiError)
        if number == ACCOUNT_AUTH and accepted and self.state is not ConnectionState.READY:
            return  # late: the application's session that it was accepted in is over
        if number == ACCOUNT_AUTH and accepted:
            if not request.own or self.standing.find(request.account_id or 0) is not None:  # else it was given up
                self.standing.accepted(codec.unpack(request.envelope))  # as it was sent, whatever became of the message
        elif number in SUBSCRIBING and accepted and (not request.own or number in ENDING):
            # What is renewed is in the book, unless it was ended while it was being renewed: it is ended again then.
            self.standing.accepted(codec.unpack(request.envelope))
        if number == ACCOUNT_AUTH:
            assert request.account_id is not None
            if accepted:
                self._logging_out.discard(request.account_id)
            standing = self.standing.find(request.account_id)
            if isinstance(result, OpenApiError):
                happened = _account_input(result, stood=standing is not None)
                by_grant = standing is not None and standing.by_grant
                self._account(request.account_id, happened, str(result), _remedy(result, by_grant=by_grant))
            else:
                self._account(request.account_id, AccountInput.AUTH_ACCEPTED, "")
        elif number == APPLICATION_AUTH:
            self._connection(
                ConnectionInput.AUTH_ACCEPTED
                if accepted
                else ConnectionInput.AUTH_REFUSED
                if isinstance(result, ApplicationRefused)
                else ConnectionInput.AUTH_FAILED
            )
        elif number == ACCOUNT_LOGOUT and accepted:
            assert request.account_id is not None
            # An acknowledgement only: the account disconnect event completes the logout (protocol notes, 1.3).
            self._logging_out.add(request.account_id)

    def _authority_denied(self, request: Request, error: NotAuthorised) -> None:
        """A session that stood here is gone, and an answer is all that says so (protocol notes, 1.7)."""
        if error.code == "CH_CLIENT_NOT_AUTHENTICATED":
            if self.state is ConnectionState.READY:
                self._cut(str(error))
        elif request.account_id is not None and request.kind.payload_type == ACCOUNT_LOGOUT:
            self._logged_out(request.account_id)
        elif request.account_id is not None and self.account_state(request.account_id) is AccountState.AUTHORISED:
            if request.kind.payload_type != ACCOUNT_AUTH and not self._is_view_only(request):
                self._mark_loss(request.account_id)
                self._account(request.account_id, AccountInput.CUT, str(error))

    def _is_view_only(self, request: Request) -> bool:
        """Whether it is a command by a token that allows none: refused for that, and not because a session is gone."""
        account = self.standing.find(request.account_id or 0)
        return request.kind.is_command and account is not None and account.view_only

    def _under_maintenance(self, error: UnderMaintenance) -> None:
        if error.maintenance_end is not None:
            self.maintenance_end = error.maintenance_end

    def _book(self, envelope: Envelope) -> None:
        """Note what an event says of an account's positions and orders."""
        if not self._keep_books:
            return
        try:
            message = codec.unpack(envelope)
        except OpenApiError:
            return  # whoever listens for it is told that it can't be read
        if isinstance(message, messages.ProtoOAExecutionEvent | messages.ProtoOATrailingSLChangedEvent):
            account = self.standing.find(message.ctidTraderAccountId)
            if account is None:
                return
            if isinstance(message, messages.ProtoOAExecutionEvent):
                account.book.executed(message)
            else:
                account.book.trailed(message)

    def _cut(self, reason: str) -> None:
        self._connection(ConnectionInput.APPLICATION_CUT)
        self._lose_accounts(reason)
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
            self._learn(request, result)
            if isinstance(result, messages.ProtoOARefreshTokenRes):
                self._secrets.update(secrets_of(result))
                asked: Any = codec.unpack(request.envelope)
                self._notices.append(LateRefresh(asked.refreshToken, result))
            elif request.kind.is_command and isinstance(result, ServerError):
                self._notices.append(LateRefusal(codec.unpack(request.envelope), result))

    def _told_of_error(self, envelope: Envelope) -> None:
        """An error that answers nothing: the server says by itself that it goes into maintenance."""
        try:
            error = read_error(codec.unpack(envelope))
        except OpenApiError:
            return  # whoever listens for it is told that it can't be read
        if isinstance(error, UnderMaintenance):
            self._under_maintenance(error)

    def _abandon(
        self, request: Request, reason: str, unsent: type[RequestFailed], unknown: type[RequestFailed]
    ) -> RequestFailed:
        self._take_back(request)
        if request.sent:
            self._tombstones.bury(request)
            error = unknown(request.kind.name, reason, request.account_id)
        else:
            self._pacer.remove(request)
            error = unsent(request.kind.name, reason, request.account_id)
        number = request.kind.payload_type
        if number == ACCOUNT_AUTH and request.account_id is not None:
            self._account(request.account_id, AccountInput.AUTH_FAILED, reason)
        elif number == APPLICATION_AUTH:
            self._connection(ConnectionInput.AUTH_FAILED)
        return error

    def _take_back(self, request: Request) -> None:
        """Let a request that was to leave, and that nobody has fetched yet, stay."""
        for place, envelope in enumerate(self._outgoing):
            if envelope is request.envelope:
                del self._outgoing[place]
                request.sent = False
                return

    def _session_event(self, envelope: Envelope) -> None:
        """One of the three ways of losing a session on a live connection (protocol notes, 1.13)."""
        try:
            message = codec.unpack(envelope)
        except OpenApiError:
            return  # whoever listens for it is told that it can't be read
        if isinstance(message, messages.ProtoOAAccountDisconnectEvent):
            account_id = message.ctidTraderAccountId
            if account_id in self._logging_out or self._logout_is_asked(account_id):
                self._logged_out(account_id)
            else:
                self._lose(account_id, AccountInput.CUT, "the server ended this account's session")
        elif isinstance(message, messages.ProtoOAAccountsTokenInvalidatedEvent):
            for account_id in message.ctidTraderAccountIds:
                reason = self.scrub(as_text(message.reason)) or "the server invalidated its token"
                self._lose(account_id, AccountInput.TOKEN_INVALIDATED, reason)
        elif isinstance(message, messages.ProtoOAClientDisconnectEvent):
            self._cut(self.scrub(as_text(message.reason)) or "the server disconnected the application")

    def _lose(self, account_id: int, happened: AccountInput, reason: str) -> None:
        stood = self.account_state(account_id) is AccountState.AUTHORISED
        self._mark_loss(account_id)
        self._account(account_id, happened, reason)
        if stood:
            self._takes_along(reason, account_id)

    def _logout_is_asked(self, account_id: int) -> bool:
        """Whether a logout was sent and not answered yet: an event may be told before the answer it belongs to."""
        return any(
            request.kind.payload_type == ACCOUNT_LOGOUT and request.account_id == account_id and request.sent
            for request in self._pending
        )

    def _logged_out(self, account_id: int) -> None:
        self._logging_out.discard(account_id)
        self.standing.forget(account_id)
        self._account(account_id, AccountInput.LOGGED_OUT, "logged out")

    def _lose_accounts(self, reason: str) -> None:
        for account_id in list(self._logging_out):
            self._logged_out(account_id)  # acknowledged; what would have completed it is lost with the rest
        for account_id in list(self._accounts):
            self._mark_loss(account_id)
            self._account(account_id, AccountInput.LOST, reason)

    def _mark_loss(self, account_id: int) -> None:
        account = self.standing.find(account_id)
        if account is not None and account.stood and account.lost_at is None:
            account.lost_at = self._last_received

    def _connection(self, happened: ConnectionInput) -> None:
        self.state = CONNECTION_TABLE[self.state][happened]

    def _account(self, account_id: int, happened: AccountInput, reason: str, remedy: str = "") -> None:
        previous = self.account_state(account_id)
        state = ACCOUNT_TABLE[previous][happened]
        told = self._accounts.get(account_id)
        if told is None and state is previous:
            return  # the server named an account that nobody has asked for
        # Of an account that stands, though what it stands on will not last: there is something to do all the same.
        news = told is not None and (told.reason, told.remedy) != (reason, remedy)
        warned = state is AccountState.AUTHORISED and news and happened in _WARNINGS
        if state is not previous or warned:
            self._notices.append(AccountChanged(account_id, state, previous, reason, remedy))
        else:
            return
        if state is AccountState.AUTHORISING and told is not None:
            reason = told.reason  # it is why it is being authorised again
        self._accounts[account_id] = AccountStatus(account_id, state, reason, remedy)


def _account_input(result: OpenApiError, *, stood: bool) -> AccountInput:
    """Say what the refusal of an account's authorisation means to one that ``stood`` here before, or did not."""
    if isinstance(result, TokenRefused):
        return AccountInput.TOKEN_REFUSED
    # An account that stood here is not of the other environment: its broker's back end is down (protocol notes, 1.7).
    if isinstance(result, AccountRefused) or (isinstance(result, CannotRoute) and not stood):
        return AccountInput.AUTH_REFUSED
    return AccountInput.AUTH_FAILED


def _remedy(error: OpenApiError, *, by_grant: bool) -> str:
    """Say what a person does about an account that was refused; nothing where it is brought back without."""
    if isinstance(error, TokenRefused):
        return "" if by_grant else "Authorise it with another access token."
    return error.remedy if isinstance(error, AccountRefused) else ""
