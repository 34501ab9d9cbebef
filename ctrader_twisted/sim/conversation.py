"""One connection to the venue: what its client may do, what it has subscribed to, and how it is answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger

from ctrader_twisted.errors import FrameTooLong, IncompletePayload, UndecodablePayload
from ctrader_twisted.messages import (
    ProtoHeartbeatEvent,
    ProtoOAAccountDisconnectEvent,
    ProtoOAAccountsTokenInvalidatedEvent,
    ProtoOAClientDisconnectEvent,
)
from ctrader_twisted.sim.answers import ANSWERS, Scope
from ctrader_twisted.sim.answers.refusal import CommonRefusal, Refusal, invalid
from ctrader_twisted.sim.limits import BLOCKED, Budget
from ctrader_twisted.sim.trading.exchange import Cause
from ctrader_twisted.sim.troubles import Span
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.errors import ProtocolError
    from ctrader_twisted.server import Peer
    from ctrader_twisted.sim.accounts import Application, Grant, TradingAccount
    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.venue import Venue
    from ctrader_twisted.wire.verbs import Verbs

NOT_AUTHORISED: Final = "Trading account is not authorized"
_HEARTBEAT: Final = codec.pack(ProtoHeartbeatEvent())


@dataclass(slots=True)
class SpotWatch:
    """One subscription to a symbol's spots.

    :ivar timestamp: whether its events carry the time.
    :ivar periods: the live bars that ride in them.
    """

    timestamp: bool
    periods: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Session:
    """One account authorised on one connection.

    :ivar spots: the spots it has subscribed to, by symbol id.
    :ivar depth: the symbols whose depth it has subscribed to.
    :ivar standing: whether it is authorised; one that waits to be authorised again is told nothing.
    """

    conversation: Conversation
    account: TradingAccount
    grant: Grant
    access_token: str = field(repr=False)
    spots: dict[int, SpotWatch] = field(default_factory=dict)
    depth: dict[int, None] = field(default_factory=dict)
    standing: bool = True

    @property
    def account_id(self) -> int:
        """The account's ctidTraderAccountId."""
        return self.account.account_id

    @property
    def ledger(self) -> Ledger:
        """What the account holds and has done."""
        return self.conversation.venue.exchange.desk(self.account_id).ledger

    def push(self, envelope: Envelope) -> None:
        """Send an event."""
        self.conversation.push(envelope)


class Conversation:
    """One connection, from accept to loss.

    :ivar number: counts the venue's connections, from 1.
    :ivar application: who authorised it, or None.
    :ivar sessions: the accounts authorised on it, by id.
    :ivar cause: the request that is being answered; a command that events answer gives it to those.
    :ivar silence: while it goes on, nothing is heard and nothing is said (for scripts).
    :ivar half_open: whether the connection has died without a word: nothing reaches its client, not even a close.
    """

    log: Logger = Logger()

    def __init__(self, venue: Venue, peer: Peer, wire: Verbs, number: int) -> None:
        self.venue = venue
        self.peer = peer
        self._wire = wire
        self.number = number
        self.application: Application | None = None
        self.sessions: dict[int, Session] = {}
        self.suspended: dict[int, Session] = {}
        self.cause: Cause | None = None
        self.silence: Span = Span(venue.clock)
        self.half_open: bool = False
        self._budget = Budget(venue.limits)
        self._drops: list[tuple[int | None, float]] = []
        self._delay = 0.0
        self._delay_until = math.inf
        self._late: dict[int, IDelayedCall] = {}
        self._late_until = 0.0
        self._afterwards: list[Callable[[], None]] = []
        self._heard = self._spoke = venue.clock.seconds()
        self._watch: IDelayedCall | None = None
        self._set_watch()
        self.log.info("Connection {number} from {address}", number=number, address=peer.address)

    # ------------------------------------------------------------------------------- what the shell calls

    def received(self, envelope: Envelope) -> None:
        """Answer a request; take note of a heartbeat."""
        self._take_up(envelope)

    def problem(self, error: ProtocolError) -> None:
        """Say that something could not be read; a request whose payload it was is refused as a request."""
        if isinstance(error, UndecodablePayload) and error.payload_type is not None:
            self._take_up(Envelope(error.payload_type, b"", error.client_msg_id), error)
            return
        self._heard = self.venue.clock.seconds()
        if self.silence:
            return
        if isinstance(error, FrameTooLong):
            refusal = CommonRefusal("FRAME_TOO_LONG", f"Frame of {error.announced} bytes is too long", closes=True)
        else:
            refusal = CommonRefusal("INVALID_REQUEST", str(error), closes=error.fatal)
        self._refuse(refusal, None, None)

    def lost(self, reason: Failure) -> None:
        """Forget everything that stood."""
        self.log.info("Connection {number} is gone: {reason}", number=self.number, reason=reason.getErrorMessage())
        for call in (self._watch, *self._late.values()):
            if call is not None and call.active():
                call.cancel()
        self._watch = None
        self._late.clear()
        self._end_all_sessions()
        self.venue.forget(self)

    # ------------------------------------------------------------------------------- what answers call

    def push(self, envelope: Envelope) -> None:
        """Send an envelope as it is."""
        if not self.silence:
            if not self.venue.options.busy_heartbeats:  # then only a heartbeat puts the next one off
                self._spoke = self.venue.clock.seconds()
            self.peer.send(envelope)

    def push_message(self, message: Message) -> None:
        """Send an event."""
        self.push(codec.pack(message))

    def afterwards(self, action: Callable[[], None]) -> None:
        """Do something as soon as the answer being made has been sent."""
        self._afterwards.append(action)

    def open_session(self, account: TradingAccount, grant: Grant) -> Session:
        """Authorise an account, or swap the token of one that is authorised."""
        session = self.sessions.get(account.account_id) or self.suspended.pop(account.account_id, None)
        if session is None:
            session = Session(self, account, grant, grant.access_token)
        session.grant, session.access_token, session.standing = grant, grant.access_token, True
        self.sessions[account.account_id] = session
        return session

    def disconnect_account(self, account_id: int, *, for_good: bool = False, announced: bool = True) -> None:
        """End an account's session and say so.

        :param for_good: its subscriptions end too, whatever the venue's ``subscriptions_survive`` says.
        :param announced: whether it is said.
        """
        session = self.sessions.pop(account_id, None)
        if session is None:
            return
        if self.venue.options.subscriptions_survive and not for_good:
            self.suspended[account_id] = session
            session.standing = False
        else:
            self.venue.ticker.drop(session)
        if announced:
            self.push_message(ProtoOAAccountDisconnectEvent(ctidTraderAccountId=account_id))

    def invalidate_token(self, account_ids: list[int], reason: str) -> None:
        """End the sessions of accounts whose token has died, and say so."""
        account_ids = [account_id for account_id in account_ids if account_id in self.sessions]
        if account_ids:
            self.push_message(ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=account_ids, reason=reason))
            for account_id in account_ids:
                self.disconnect_account(account_id, announced=self.venue.options.invalidation_disconnects)

    def disconnect_client(self, reason: str) -> None:
        """Take every authority from the connection and say so; the connection stays up."""
        self.application = None
        self._end_all_sessions()
        self.push_message(ProtoOAClientDisconnectEvent(reason=reason))

    def drop_answers(self, count: int, payload_type: int | None, seconds: float | None = None) -> None:
        """Withhold the answers to the next requests, of one payload type or of any; they are still carried out.

        :param seconds: for how long at most.
        """
        until = math.inf if seconds is None else self.venue.clock.seconds() + seconds
        self._drops.extend([(payload_type, until)] * count)

    def delay_answers(self, delay: float, seconds: float | None = None) -> None:
        """Take up requests only so much later.

        :param seconds: for how long; None for ever.
        """
        self._delay = delay
        self._delay_until = math.inf if seconds is None else self.venue.clock.seconds() + seconds

    def imitate(self, make: Callable[[bytes], bytes]) -> None:
        """Send a heartbeat, and after it what is made in the likeness of its frame; nothing before a WebSocket is open.

        The heartbeat itself stays as it is: where frames are compressed, each is needed to read those after it.
        """
        if self.silence or not self._wire.open:
            return
        before = self._wire.data_to_send()
        self.peer.send(_HEARTBEAT)
        frame = self._wire.data_to_send()
        self.peer.write_raw(before + frame + make(frame))

    def die_unheard(self) -> None:
        """Leave the connection half open: nothing that comes is read, so no close is answered, and nothing is said."""
        self.half_open = True
        self.silence.begin()
        self.peer.stop_reading()

    # ------------------------------------------------------------------------------- inside

    def _take_up(self, envelope: Envelope, unreadable: UndecodablePayload | None = None) -> None:
        self._heard = now = self.venue.clock.seconds()
        if self.silence or envelope.payload_type == catalogue.HEARTBEAT:
            return
        if now >= self._delay_until:
            self._delay = 0.0
        due = max(now + self._delay, self._late_until)
        if due <= now:
            self._answer(envelope, unreadable)
            return
        # What is late keeps its place: nothing that comes after it is answered first.
        self._late_until = due
        key = id(envelope)

        def answer_late() -> None:
            del self._late[key]
            self._answer(envelope, unreadable)

        self._late[key] = self.venue.clock.callLater(due - now, answer_late)

    def _answer(self, envelope: Envelope, unreadable: UndecodablePayload | None = None) -> None:
        number = envelope.payload_type
        account_id: int | None = None
        try:
            if number not in catalogue.REQUESTS:
                raise CommonRefusal("UNSUPPORTED_MESSAGE", f"{catalogue.name(number)} is not a request")
            wait = self._budget.spend(number, self.venue.clock.seconds())
            if wait is not None:
                code = self.venue.limits.code
                raise Refusal(code, "Too many requests", retry_after=wait if code == BLOCKED else None)
            self._trouble(number)
            scope, answer = ANSWERS[catalogue.REQUESTS[number].message_class]
            if scope is not Scope.ANYONE and self.application is None:
                raise Refusal("CH_CLIENT_NOT_AUTHENTICATED", "Client is not authenticated")
            if unreadable is not None:
                raise unreadable
            request: Any = _parse(envelope)
            if scope is Scope.ACCOUNT:
                account_id = request.ctidTraderAccountId
                session = self.sessions.get(request.ctidTraderAccountId)
                if session is None:
                    raise invalid(NOT_AUTHORISED)
                self._trouble(number, account_id)
                drop = self._drop_for(envelope)
                self.cause = Cause(self, envelope.client_msg_id, withheld=drop is not None)
                message = answer(session, request)
                if message is not None:
                    self._reply(message, envelope)
                elif drop is not None:  # the events that answer it are withheld in its place
                    self._drops.remove(drop)
            else:
                account_id = getattr(request, "ctidTraderAccountId", None)
                self._trouble(number, account_id)
                self._reply(answer(self, request), envelope)
        except Refusal as refusal:
            self._refuse(refusal, envelope, account_id)
        except IncompletePayload as error:
            problem = f"Message missing required fields: {', '.join(error.missing)}"
            self._refuse(CommonRefusal("INVALID_REQUEST", problem), envelope, None)
        except UndecodablePayload as error:
            self._refuse(CommonRefusal("INVALID_REQUEST", str(error)), envelope, None)
        except Exception:
            self.log.failure("Answering {envelope} failed", envelope=envelope)
            self._refuse(CommonRefusal("UNKNOWN_ERROR", "The venue failed; its log says how"), envelope, None)
        while self._afterwards:
            self._afterwards.pop(0)()

    def _trouble(self, payload_type: int, account_id: int | None = None) -> None:
        refusal = self.venue.troubles.refusal(payload_type, account_id)
        if refusal is not None:
            raise refusal

    def _reply(self, message: Message, request: Envelope | None) -> None:
        if request is not None:
            drop = self._drop_for(request)
            if drop is not None:
                self._drops.remove(drop)
                return
        self.push(codec.pack(message, None if request is None else request.client_msg_id))

    def _drop_for(self, request: Envelope) -> tuple[int | None, float] | None:
        """Give the order to withhold the answer to a request, if there is one."""
        now = self.venue.clock.seconds()
        self._drops = [drop for drop in self._drops if now < drop[1]]
        for wanted in (request.payload_type, None):
            for drop in self._drops:
                if drop[0] == wanted:
                    return drop
        return None

    def _refuse(self, refusal: Refusal, request: Envelope | None, account_id: int | None) -> None:
        self._reply(refusal.message(account_id), request)
        if refusal.closes and not self.silence:
            self.peer.close()

    def _end_all_sessions(self) -> None:
        for session in (*self.sessions.values(), *self.suspended.values()):
            self.venue.ticker.drop(session)
        self.sessions.clear()
        self.suspended.clear()

    def _set_watch(self) -> None:
        options, now = self.venue.options, self.venue.clock.seconds()
        due = [
            since + span
            for since, span in ((self._heard, options.inactivity), (self._spoke, options.heartbeat))
            if span
        ]
        self._watch = self.venue.clock.callLater(max(0.0, min(due) - now), self._look) if due else None

    def _look(self) -> None:
        self._watch = None
        options, now = self.venue.options, self.venue.clock.seconds()
        if self.silence:  # a server that hangs does not look either
            self._heard = self._spoke = now
        # Half a millisecond: sums of floats need not meet the moment they were made for.
        if options.inactivity and now - self._heard >= options.inactivity - 0.0005:
            self.log.info("Connection {number} said nothing for {span} s", number=self.number, span=options.inactivity)
            self.peer.close()
            return
        if options.heartbeat and now - self._spoke >= options.heartbeat - 0.0005:
            if not self.venue.without_heartbeats:
                self.push(_HEARTBEAT)
            self._spoke = now
        self._set_watch()


def _parse(envelope: Envelope) -> Message:
    """Parse a request.

    :raises UndecodablePayload: if it does not parse; an `IncompletePayload` if it lacks required fields.
    """
    request = codec.unpack(envelope)
    if not request.IsInitialized():
        missing = request.FindInitializationErrors()  # type: ignore[attr-defined]  # the stubs lack it
        raise IncompletePayload(catalogue.name(envelope.payload_type), len(envelope.payload), missing)
    return request
