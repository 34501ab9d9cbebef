"""A session whose other end is the test itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from ctrader_twisted import messages
from ctrader_twisted.session.correlation import Request, Settled
from ctrader_twisted.session.events import AccountChanged
from ctrader_twisted.session.machine import AccountState, ConnectionState
from ctrader_twisted.session.session import Session
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Burst, Envelope

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.session.pacing import Limits

PREFIX = "5e55-"
ACCOUNT = 1000001
OTHER = 1000002
A_WHILE = 2.0
TOKEN = "tok3n-that-nobody-may-see"
SECRET = "s3cret-that-nobody-may-see"

APPLICATION_AUTH = messages.ProtoOAApplicationAuthReq(clientId="the-id", clientSecret=SECRET)
TRADER = messages.ProtoOATraderReq(ctidTraderAccountId=ACCOUNT)
NEW_ORDER = messages.ProtoOANewOrderReq(
    ctidTraderAccountId=ACCOUNT,
    symbolId=1,
    orderType=messages.ProtoOAOrderType.MARKET,
    tradeSide=messages.ProtoOATradeSide.BUY,
    volume=100_000,
)
HISTORY = messages.ProtoOAGetTrendbarsReq(
    ctidTraderAccountId=ACCOUNT, symbolId=1, period=messages.ProtoOATrendbarPeriod.M1, toTimestamp=1
)
VERSION = messages.ProtoOAVersionReq()
LOGOUT = messages.ProtoOAAccountLogoutReq(ctidTraderAccountId=ACCOUNT)
LOGGED_OUT = messages.ProtoOAAccountLogoutRes(ctidTraderAccountId=ACCOUNT)
ACCEPTED = messages.ProtoOAExecutionEvent(
    ctidTraderAccountId=ACCOUNT, executionType=messages.ProtoOAExecutionType.ORDER_ACCEPTED
)
FILLED = messages.ProtoOAExecutionEvent(
    ctidTraderAccountId=ACCOUNT, executionType=messages.ProtoOAExecutionType.ORDER_FILLED
)
SPOT = messages.ProtoOASpotEvent(ctidTraderAccountId=ACCOUNT, symbolId=1, bid=112_345)
CUT = messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT)
AUTHORISED = messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT)


def account_auth(account_id: int = ACCOUNT, token: str = TOKEN) -> messages.ProtoOAAccountAuthReq:
    return messages.ProtoOAAccountAuthReq(ctidTraderAccountId=account_id, accessToken=token)


def spots(*symbols: int, account_id: int = ACCOUNT) -> messages.ProtoOASubscribeSpotsReq:
    return messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=account_id, symbolId=symbols)


def filled(cls: type[Message], **given: Any) -> Any:
    """A message with every required field set to something, and those given as they are given."""
    message = cls(**given)
    for field in cls.DESCRIPTOR.fields:
        if field.is_required if hasattr(field, "is_required") else field.label == FieldDescriptor.LABEL_REQUIRED:
            if field.name in given:
                continue
            if field.message_type is not None:
                part = getattr(messages, field.message_type.name)
                getattr(message, field.name).CopyFrom(filled(part))
            elif field.enum_type is not None:
                setattr(message, field.name, field.enum_type.values[0].number)
            else:
                setattr(message, field.name, "x" if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else 1)
    return message


TRADER_RES = filled(messages.ProtoOATraderRes, ctidTraderAccountId=ACCOUNT)


def make_request(message: Message, key: str = "id", *, timeout: float = 5.0, asked: float = 0.0) -> Request:
    """A request as the session makes it, for what is tested without a session."""
    kind = catalogue.REQUESTS_BY_CLASS[type(message)]
    account_id = message.ctidTraderAccountId if kind.has_account else None  # type: ignore[attr-defined]
    return Request(kind, codec.pack(message, key), account_id, timeout, asked + timeout)


class Talk:
    """A session, the time, and what the test says as the server."""

    def __init__(self, limits: Limits | None = None, **settings: Any) -> None:
        self.session = Session(limits=limits, id_prefix=PREFIX, **settings)
        self.now = 1000.0
        self._paced = limits is not None
        self._written: list[Envelope] = []

    def connect(self) -> Talk:
        self.session.connected(self.now)
        return self

    def ready(self) -> Talk:
        self.connect()
        request = self.ask(APPLICATION_AUTH)
        self.sent()
        self.answer(request, messages.ProtoOAApplicationAuthRes())
        assert self.session.state is ConnectionState.READY
        self._rest()
        return self

    def standing(self, *accounts: int) -> Talk:
        """Ready, with these accounts authorised."""
        if self.session.state is not ConnectionState.READY:
            self.ready()
        for account_id in accounts or (ACCOUNT,):
            request = self.ask(account_auth(account_id))
            self.answer(request, messages.ProtoOAAccountAuthRes(ctidTraderAccountId=account_id))
            self._rest()
        self.sent()
        self.session.notices()
        return self

    def ask(self, message: Message, timeout: float = 5.0, waiter: Any = None) -> Request:
        return self.session.request(message, timeout=timeout, now=self.now, waiter=waiter)

    def sent(self) -> list[Envelope]:
        sent = self._written + self.session.outbox.outgoing(self.now)
        self._written.clear()
        return sent

    def sent_ids(self) -> list[str | None]:
        return [envelope.client_msg_id for envelope in self.sent()]

    def hear(self, *arrived: Envelope | Burst | Message) -> list[Envelope | Burst | Settled]:
        """Let these arrive in one read, and give what the session makes of them. What was to leave has left by then."""
        self._written += self.session.outbox.outgoing(self.now)
        self.session.seen(self.now)
        envelopes = [item if isinstance(item, Envelope | Burst) else codec.pack(item) for item in arrived]
        return list(self.session.received(envelopes, self.now))

    def answer(self, request: Request, message: Message) -> Settled:
        (settled,) = self.hear(reply(request, message))
        assert isinstance(settled, Settled)
        return settled

    def _rest(self) -> None:
        """Wait until the limits, where the test has any, know nothing any more of what was sent."""
        if self._paced:
            self.now += A_WHILE

    def tick(self, seconds: float = 0.0) -> list[Settled]:
        self.now += seconds
        return self.session.tick(self.now)


def reply(request: Request, message: Message) -> Envelope:
    """The message under the request's id."""
    return codec.pack(message, request.envelope.client_msg_id)


def refusal(code: str, description: str = "", **fields: Any) -> messages.ProtoOAErrorRes:
    return messages.ProtoOAErrorRes(errorCode=code, description=description or None, **fields)


def token_invalidated(*accounts: int, reason: str | None = None) -> Message:
    return messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=accounts, reason=reason)


def application_cut(reason: str | None = None) -> Message:
    return messages.ProtoOAClientDisconnectEvent(reason=reason)


def standing(talk: Talk, account_id: int = ACCOUNT) -> list[tuple[str, int]] | None:
    account = talk.session.standing.find(account_id)
    return None if account is None else [(s.kind, s.symbol_id) for s in account.subscriptions.values()]


def states(talk: Talk) -> dict[int, AccountState]:
    """Where each account stands."""
    return {account_id: status.state for account_id, status in talk.session.accounts.statuses().items()}


def changes(talk: Talk) -> list[tuple[int, AccountState]]:
    return [
        (notice.account_id, notice.state) for notice in talk.session.notices() if isinstance(notice, AccountChanged)
    ]
