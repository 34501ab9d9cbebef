"""One or two real clients and the whole simulated venue on a clock, and everything that either end saw.

A `World` does what is asked of it, remembers it, and holds what became of it against the venue's own book: `check`
while it goes on, `settle` at the end. Nothing here is a model of the client; what it compares are the two ends.
"""

from __future__ import annotations

import gc
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from ctrader_twisted import (
    AccountChanged,
    AccountState,
    ConnectionState,
    Disconnected,
    Envelope,
    Ready,
    Resynchronised,
    messages,
)
from ctrader_twisted.errors import (
    AlreadyStanding,
    AnswerTimeout,
    ClientClosed,
    LocalError,
    NotAuthorised,
    OpenApiError,
    OutcomeUnknown,
    RequestFailed,
    RequestNotSent,
    SendTimeout,
    ServerError,
    TokenStoreError,
)
from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.accounts import Grant as VenueGrant
from ctrader_twisted.sim.accounts import TradingAccount
from ctrader_twisted.sim.answers import ANSWERS, Scope
from ctrader_twisted.sim.feed.feed import Bar, Quote, Tick
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.testing import VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount, MemoryTokenStore, TokenKeeper
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.choice import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from google.protobuf.message import Message
    from twisted.logger import LogEvent

    from ctrader_twisted import OpenApiClient
    from ctrader_twisted.session.session import Session
    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.script import NamedAction
    from ctrader_twisted.sim.venue import Venue
    from ctrader_twisted.wire.envelope import Burst

ONE, TWO, THREE, BARE, LIVE = 1_000_001, 1_000_002, 1_000_003, 1_000_004, 1_000_005
"""Accounts: two of the first grant, one of the second, one that is opened by a bare token, one of the live
environment that is listed by the first grant."""
ACCOUNTS = (ONE, TWO, THREE, BARE, LIVE)
GRANTED = MappingProxyType({"first": (ONE, TWO, LIVE), "second": (THREE,)})
SYMBOLS = (1, 2, 41)
MONTH = 30 * 86_400.0
TICK = 5_000
"""Milliseconds from one tick of a symbol to the next."""

LOSSES = frozenset(
    catalogue.payload_type(cls)
    for cls in (
        messages.ProtoOAAccountDisconnectEvent,
        messages.ProtoOAAccountsTokenInvalidatedEvent,
        messages.ProtoOAClientDisconnectEvent,
    )
)
AUTH = catalogue.payload_type(messages.ProtoOAAccountAuthReq)
REFRESH = catalogue.payload_type(messages.ProtoOARefreshTokenReq)
REFRESHED = catalogue.payload_type(messages.ProtoOARefreshTokenRes)
SPOT_EVENT = catalogue.payload_type(messages.ProtoOASpotEvent)
RETRY_AFTER, RETRY_AT_MOST = 1.0, 20.0
BLOCKED_FOR = 120.0
HEALED_WITHIN = 900.0
"""Seconds that a client has to be well after the last fault: a token refresh whose answer is lost takes 300 of them."""

_EXPECTED_ERRORS = (
    "{where} blocked the application",
    "{where}: new tokens were asked for and did not come",
    'the tokens of grant "{grant}" were not refreshed',
    'grant "{grant}": its new tokens could not be saved',
    'grant "{grant}": its new tokens are still not saved',
)


class SlowFeed:
    """Prices that move every five seconds, one side at a time, for ever: enough to see that they arrive."""

    instruments = MappingProxyType({one.symbol_id: one for one in HOUSE.instruments if one.symbol_id in SYMBOLS})

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        return True

    def quote(self, symbol_id: int, at_ms: int) -> Quote:
        number = (at_ms - symbol_id) // TICK
        return Quote(number * TICK + symbol_id, *self._sides(number))

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick:
        number = (after_ms - symbol_id) // TICK + 1
        return Tick(number * TICK + symbol_id, *self._sides(number), number % 3 != 1, number % 3 != 2)

    def ticks_back(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], False

    def bars_back(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], False

    def live_bar(self, symbol_id: int, period: int, at_ms: int) -> Bar:
        quote = self.quote(symbol_id, at_ms)
        return Bar(at_ms - at_ms % 60_000, quote.bid, quote.bid, quote.bid, quote.bid, 1)

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        return None

    def _sides(self, number: int) -> tuple[int, int]:
        price = 100_000 + number % 50_000
        return price, price + 10


class Store(MemoryTokenStore):
    """A store in memory that can be full."""

    full = False

    def save(self, grant: Grant) -> Deferred[None]:
        return self._refusal() if self.full else super().save(grant)

    def check_writable(self) -> Deferred[None]:
        return self._refusal() if self.full else super().check_writable()

    def _refusal(self) -> Deferred[None]:
        return fail(TokenStoreError("memory", "it is full", "Make room"))


Key = tuple[str, int, int | None]
"""A subscription: its kind, symbol and period."""


@dataclass(eq=False)
class Asked:
    """A request of the test's."""

    name: str
    account_id: int | None
    timeout: float
    at: float
    number: int
    key: str | None = None
    """Its id; None if it was refused at once."""
    connection: int = 0
    waiter: Any = None
    outcomes: list[Any] = field(default_factory=list)
    ended_at: float = 0.0
    cancelled: bool = False
    begins_one: bool = False
    """Whether it asks for one subscription: to find that it stands is what was asked for."""

    def __str__(self) -> str:
        return f"{self.name} for {self.account_id}, asked at {self.at:.3f} with {self.timeout:g} s, id {self.key}"


@dataclass(eq=False)
class Heard:
    """One connection as the venue and the client saw it."""

    number: int
    opened_at: float
    said: list[Envelope] = field(default_factory=list)
    """What the venue has sent."""
    got: list[Envelope] = field(default_factory=list)
    """What the client's listeners were given."""
    asked: dict[str, Envelope] = field(default_factory=dict)
    """What the venue has read, by id."""
    written: set[str] = field(default_factory=set)
    """Ids that the client has written."""
    muted: bool = False
    """Whether the venue has said something in silence."""
    ended_at: float | None = None
    losses: list[tuple[int | None, float]] = field(default_factory=list)
    """When the client heard of the end of an account's session, or of all (None)."""
    caught: list[tuple[int | None, float]] = field(default_factory=list)
    """Those of a session that stood: requests that were on their way end with it."""

    def lost_at(self, account_id: int | None, at: float) -> bool:
        """Whether the client heard at that time that the connection, or the account's session, was over."""
        return at == self.ended_at or (account_id, at) in self.losses or (None, at) in self.losses


class Mirror:
    """What a user knows of positions, or orders, who believes events and `Resynchronised` and asks nothing himself."""

    def __init__(self, what: str, known: dict[int, Any]) -> None:
        self._what = what
        self.known = {key: _copied(item) for key, item in known.items()}

    def learn(self, difference: Any) -> None:
        for item in difference.added:
            key = _number_of(item)
            assert key not in self.known, f"{self._what} {key} is told as new and was known"
            self.known[key] = _copied(item)
        for item in difference.removed:
            key = _number_of(item)
            assert key in self.known, f"{self._what} {key} is told as gone and was not known"
            assert self.known.pop(key) == item, f"{self._what} {key} is told as gone and was not so"
        for before, after in difference.changed:
            key = _number_of(after)
            assert self.known.get(key) == before, f"{self._what} {key} is told as changed and was not so"
            self.known[key] = _copied(after)


class Side:
    """One client, what is wanted of it, and what it told."""

    def __init__(self, world: World, number: int, keeper: TokenKeeper) -> None:
        self.world = world
        self.number = number
        self.keeper = keeper
        self.wanted: dict[int, bool | None] = {}
        """Accounts that are wanted; None if it is not known whether the venue still has them logged in."""
        self.forgotten: set[int] = set()
        self.kept: set[int] = set()
        """Accounts that have stood since they were asked for: their losses are told."""
        self.refused: dict[int, OpenApiError] = {}
        """Why `authorise` failed."""
        self.authorising: list[list[Any]] = []
        self.subscribed: defaultdict[int, dict[Key, bool | None]] = defaultdict(dict)
        """What stands; None if the outcome of a request that began or ended it is not known."""
        self.asked: list[Asked] = []
        self.late: dict[str, tuple[Asked, Message]] = {}
        """Requests that have ended without an answer, by id: one that comes all the same is believed."""
        self.heard: dict[int, Heard] = {}
        self.current: Heard | None = None
        self.states: dict[int, AccountState] = {}
        self.lost: dict[int, float | None] = {}
        self.resynchronised: Counter[int] = Counter()
        self.losses: Counter[int] = Counter()
        self.last_restored: dict[int, float] = {}
        self.caught: defaultdict[int, list[tuple[str, bool]]] = defaultdict(list)
        self.mirrors: dict[int, tuple[Mirror, Mirror]] = {}
        self.spots: list[bytes] = []
        self.spots_of: Counter[tuple[int, int]] = Counter()
        self.whole: set[tuple[int, int]] = set()
        """Accounts and symbols of which both sides were told since the account came to stand."""
        self.ready = 0
        self.closing = False
        self.over_at = -RETRY_AFTER
        self.not_before = 0.0
        self.client = self._make()

    def _make(self) -> OpenApiClient:
        wires = self.world.wires
        client = self.world.kit.client(
            start=False,
            wire=wires[self.number % len(wires)],
            tokens=self.keeper,
            tap=self,
            retry_after=RETRY_AFTER,
            retry_at_most=RETRY_AT_MOST,
            blocked_for=BLOCKED_FOR,
            maintenance_at_most=200.0,
        )
        client.on(Envelope, self._arrived)
        client.on(messages.ProtoOASpotEvent, self._spot)
        client.on(messages.ProtoOAExecutionEvent, self._executed)
        client.on(AccountChanged, self._changed)
        client.on(Resynchronised, self._resynchronised)
        client.on(Ready, self._ready)
        client.on(Disconnected, self._disconnected)
        return client.start()

    @property
    def session(self) -> Session:
        return self.client._factory.session

    # The tap

    def failed(self, where: str, reason: str, at: float) -> None:
        assert reason
        self.over_at = at

    def opened(self, connection: int, where: str, at: float) -> None:
        assert at >= self.over_at + RETRY_AFTER / 2, f"connected at {at}, at once after {self.over_at}"
        heard = self.current = self.heard[connection] = Heard(connection, at)
        self.late.clear()
        assert at >= self.not_before - 1e-6, f"connected at {at}, and was told to stay away until {self.not_before}"
        self.world.overhear(heard)

    def sent(self, connection: int, envelopes: Sequence[Envelope], at: float) -> None:
        self.heard[connection].written.update(one.client_msg_id for one in envelopes if one.client_msg_id is not None)

    def received(self, connection: int, arrived: Sequence[Envelope | Burst], at: float) -> None:
        assert self.current is self.heard[connection]
        if self.client.state is not ConnectionState.CLOSED:
            for one in arrived:
                if one.payload_type == REFRESHED and isinstance(one, Envelope):
                    answer = codec.unpack(one)
                    assert isinstance(answer, messages.ProtoOARefreshTokenRes)
                    self.world.reached.add(answer.refreshToken)

    def unreadable(self, connection: int, error: Exception, at: float) -> None:
        pass

    def ended(self, connection: int, reason: str, at: float) -> None:
        self.heard[connection].ended_at = self.over_at = at

    # The listeners: what they raise is logged, and a logged failure fails the test

    def _arrived(self, envelope: Envelope) -> None:
        assert self.current is not None
        self.current.got.append(envelope)
        late = None if envelope.client_msg_id is None else self.late.pop(envelope.client_msg_id, None)
        if late is not None:
            asked, message = late
            self._learn(message, asked, codec.unpack(envelope))
        if envelope.payload_type in LOSSES:
            self._told_of_loss(codec.unpack(envelope))

    def _told_of_loss(self, event: Message) -> None:
        assert self.current is not None
        now, lost = self.world.now, []
        match event:
            case messages.ProtoOAClientDisconnectEvent():
                self.current.losses.append((None, now))
                self.current.caught.append((None, now))
                if "locked" in event.reason:
                    self.not_before = now + BLOCKED_FOR
            case messages.ProtoOAAccountDisconnectEvent():
                lost = [event.ctidTraderAccountId]
            case messages.ProtoOAAccountsTokenInvalidatedEvent():
                lost = list(event.ctidTraderAccountIds)
        for account_id in lost:
            self.current.losses.append((account_id, now))
            if self.states.get(account_id) is AccountState.AUTHORISED and account_id not in self.logging_out():
                self.current.caught.append((account_id, now))

    def _spot(self, event: messages.ProtoOASpotEvent) -> None:
        self.spots.append(event.SerializeToString())
        key = event.ctidTraderAccountId, event.symbolId
        self.spots_of[key] += 1
        if key not in self.whole:
            self.whole.add(key)
            snapshot = event.HasField("bid") and event.HasField("ask")
            survive = self.world.venue.options.subscriptions_survive
            assert self.current is not None
            assert snapshot or survive or self.current.muted, f"half a quote at first: {event}"

    def _executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        mirrors = self._mirrors(event.ctidTraderAccountId)
        if mirrors is None:
            return
        positions, orders = mirrors
        if event.HasField("position"):
            if event.position.tradeData.volume:
                positions.known[event.position.positionId] = _copied(event.position)
            else:
                positions.known.pop(event.position.positionId, None)
        if event.HasField("order"):
            if event.order.orderStatus == messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED:
                orders.known[event.order.orderId] = _copied(event.order)
            else:
                orders.known.pop(event.order.orderId, None)

    def _mirrors(self, account_id: int) -> tuple[Mirror, Mirror] | None:
        """Give what the user knows: from the first report on, nothing but what he was told."""
        account = self.session.standing.find(account_id)
        if account is None or not account.book.known:
            self.mirrors.pop(account_id, None)
        elif account_id not in self.mirrors:
            book = account.book
            self.mirrors[account_id] = Mirror("position", book.positions), Mirror("order", book.orders)
        return self.mirrors.get(account_id)

    def look(self) -> None:
        """Take note of what is known of positions and orders for the first time."""
        for account_id in ACCOUNTS:
            self._mirrors(account_id)

    def _changed(self, event: AccountChanged) -> None:
        account_id = event.account_id
        assert event.previous is self.states.get(account_id, AccountState.UNAUTHORISED), f"not from there: {event}"
        self.states[account_id] = event.state
        if event.previous is AccountState.AUTHORISED and event.state is not AccountState.AUTHORISED:
            if event.state is AccountState.UNAUTHORISED:
                self.lost[account_id] = None
            elif self.lost.get(account_id) is None and account_id in self.kept:
                self.lost[account_id] = self.world.now
                self.losses[account_id] += 1
            self.whole = {key for key in self.whole if key[0] != account_id}
        if event.state is AccountState.AUTHORISED and account_id not in self.forgotten:
            self.kept.add(account_id)
        if event.state is AccountState.UNAUTHORISED:
            self.kept.discard(account_id)
            self.lost[account_id] = None
            self.caught.pop(account_id, None)
        if event.state not in (AccountState.AUTHORISED, AccountState.AUTHORISING):
            assert event.reason, f"no reason: {event}"
        if event.state in (AccountState.NEEDS_LOGIN, AccountState.REFUSED):
            assert event.remedy or not self.wanted.get(account_id), f"no remedy: {event}"

    def _resynchronised(self, event: Resynchronised) -> None:
        account_id = event.account_id
        assert self.states[account_id] is AccountState.AUTHORISED, f"told of an account that does not stand: {event}"
        lost = self.lost.get(account_id)
        assert lost is not None, f"told of no loss: {event}"
        assert event.lost_at <= lost + 1e-6, f"lost at {lost}: {event}"
        assert event.lost_at >= self.last_restored.get(account_id, 0.0) - 1e-6, f"lost before it was restored: {event}"
        assert event.restored_at == self.world.now
        self.lost[account_id] = None
        self.last_restored[account_id] = event.restored_at
        self.resynchronised[account_id] += 1
        for name, sent in self.caught.pop(account_id, []):
            told = event.requests_unknown if sent else event.requests_not_sent
            assert name in told, f"{name} was caught by the loss: {event}"
        for subscription, _ in event.failed:
            self.subscribed[account_id].pop((subscription.kind, subscription.symbol_id, subscription.period), None)
            assert subscription.kind == "trendbars" or self.world.tolerant, f"not renewed: {event}"
        had = account_id in self.mirrors
        mirrors = self._mirrors(account_id)
        if had:
            assert mirrors is not None and event.unreconciled is None, f"not reconciled: {event}"
            assert event.positions is not None and event.orders is not None, f"no difference: {event}"
            mirrors[0].learn(event.positions)
            mirrors[1].learn(event.orders)

    def _ready(self, event: Ready) -> None:
        self.ready += 1
        assert event.connections == self.ready

    def _disconnected(self, event: Disconnected) -> None:
        assert str(event.reason)
        assert (event.retry_in is None) == self.closing

    # What is asked

    def authorise(self, account_id: int, token: str | None = None) -> list[Any]:
        outcome: list[Any] = []
        self.wanted[account_id] = True
        self.forgotten.discard(account_id)
        self.refused.pop(account_id, None)
        self.authorising.append(outcome)

        def done(result: Any) -> None:
            error = getattr(result, "value", None)
            outcome.append(error)
            self.refused.pop(account_id, None)
            if isinstance(error, OpenApiError):
                self.refused[account_id] = error
            else:
                self.kept.add(account_id)

        self.client.authorise(account_id, token).addBoth(done)
        return outcome

    def ask(self, message: Message, timeout: float = 30.0) -> Asked:
        kind = catalogue.REQUESTS_BY_CLASS[type(message)]
        account_id: int | None = getattr(message, "ctidTraderAccountId", None) if kind.has_account else None
        asked = Asked(kind.name, account_id, timeout, self.world.now, self.world.asked_in_all)
        waiter = self.client.request(message, timeout=timeout)
        asked.waiter = waiter
        for request in self.session.requests():
            if request.waiter is waiter:
                asked.key = request.envelope.client_msg_id
                assert self.current is not None
                asked.connection = self.current.number
        self.asked.append(asked)
        self.world.asked_in_all += 1

        def done(result: Any) -> None:
            outcome = getattr(result, "value", result)
            asked.outcomes.append(outcome)
            asked.ended_at = self.world.now
            asked.waiter = None
            begins, keys = _subscriptions(message)
            asked.begins_one = begins and len(keys) == 1
            self._learn(message, asked, outcome)
            if isinstance(outcome, OutcomeUnknown) and asked.key is not None:
                self.late[asked.key] = asked, message

        waiter.addBoth(done)
        return asked

    def _learn(self, message: Message, asked: Asked, outcome: Any) -> None:
        """Draw from the end of a request what stands."""
        account_id = asked.account_id
        if account_id is None:
            return
        by_loss = type(outcome) in (RequestNotSent, OutcomeUnknown) and asked.key is not None and not asked.cancelled
        account = self.session.standing.find(account_id)
        if by_loss and account is not None and account.lost_at is not None and "cancelled" not in str(outcome):
            if "the server answered" not in str(outcome) and self.client.state is not ConnectionState.CLOSED:
                self.caught[account_id].append((asked.name, isinstance(outcome, OutcomeUnknown)))
        if isinstance(message, messages.ProtoOAAccountLogoutReq):
            self._learn_of_logout(account_id, outcome)
            return
        begins, keys = _subscriptions(message)
        subscribed = self.subscribed[account_id]
        for key in keys:
            if not isinstance(outcome, Exception) and not hasattr(outcome, "errorCode"):
                if begins:
                    # Bars without spots were accepted while what was ended during its renewal is being ended again.
                    based = key[0] != "trendbars" or bool(subscribed.get(("spots", key[1], None)))
                    sure = account_id in self.kept and based and not self._doubted(asked, key)
                    subscribed[key] = True if sure else None
                else:
                    for each in _with_its_bars(key, subscribed):
                        if self._doubted(asked, each):
                            subscribed[each] = None
                        else:
                            subscribed.pop(each, None)
            elif isinstance(outcome, OutcomeUnknown):
                if begins:
                    subscribed.setdefault(key, None)
                else:
                    subscribed.update((each, None) for each in _with_its_bars(key, subscribed) if each in subscribed)
            elif isinstance(outcome, AlreadyStanding) and begins:
                subscribed.setdefault(key, None)

    def _doubted(self, asked: Asked, key: Key) -> bool:
        """Whether what was asked about a subscription after this request has ended without an answer."""
        for later, message in self.late.values():
            if later.number > asked.number and later.account_id == asked.account_id:
                begins, keys = _subscriptions(message)
                if key in keys or (not begins and any(key in _with_its_bars(one, [key]) for one in keys)):
                    return True
        return False

    def _learn_of_logout(self, account_id: int, outcome: Any) -> None:
        if hasattr(outcome, "errorCode"):
            return  # it came late
        if not isinstance(outcome, Exception):
            self.subscribed.pop(account_id, None)
            if any(one.account_id == account_id and one.kind.payload_type == AUTH for one in self.session.requests()):
                self._forgotten(account_id)  # its token was being replaced: it may stand once more until the next loss
            else:
                self.wanted[account_id] = False
                self._give_up(account_id)
        elif isinstance(outcome, NotAuthorised):  # it did not stand; an attempt to authorise it may be under way
            self._forgotten(account_id)
        elif isinstance(outcome, OutcomeUnknown):
            self._unknown(account_id)

    def _unknown(self, account_id: int) -> None:
        self.wanted[account_id] = None
        self.subscribed[account_id] = dict.fromkeys(self.subscribed[account_id])

    def forget(self, account_id: int) -> None:
        """Give an account up; it may stand until the next loss."""
        self.client.forget(account_id)
        self._forgotten(account_id)

    def _forgotten(self, account_id: int) -> None:
        if account_id in self.wanted:
            self.forgotten.add(account_id)
            self._unknown(account_id)
        self._give_up(account_id)

    def _give_up(self, account_id: int) -> None:
        self.kept.discard(account_id)
        self.lost[account_id] = None
        self.caught.pop(account_id, None)

    # What must hold

    def logging_out(self) -> set[int | None]:
        """Give the accounts whose logout was asked for, whatever became of it."""
        return {asked.account_id for asked in self.asked if asked.name == "ProtoOAAccountLogoutReq"}

    def check_caught(self) -> None:
        """A request that a loss has caught has ended with it."""
        for asked in self.asked:
            if asked.outcomes:
                continue
            assert self.world.now <= asked.at + asked.timeout + 1e-6, f"not ended in time: {asked}"
            heard = self.heard[asked.connection]
            assert heard.ended_at is None, f"its connection has ended, and it has not: {asked}"
            for account_id, at in heard.caught:
                if account_id in (None, asked.account_id) and asked.at < at:
                    assert asked.name == "ProtoOAAccountLogoutReq", f"a loss at {at} has not ended it: {asked}"

    def is_well(self) -> bool:
        """Whether nothing is under way any more."""
        if self.client.state is not ConnectionState.READY or self.client.in_flight:
            return False
        if not self.keeper.saved().called:
            return False
        for account_id, wanted in self.wanted.items():
            if wanted is None:
                continue
            state = self.client.account_state(account_id)
            if wanted and not self._is_final(account_id, state):
                return False
            if state is AccountState.AUTHORISED and self.lost.get(account_id) is not None:
                return False
        return True

    def _is_final(self, account_id: int, state: AccountState) -> bool:
        if state in (AccountState.AUTHORISED, AccountState.NEEDS_LOGIN):
            return True
        if account_id == BARE and state in (AccountState.TOKEN_INVALID, AccountState.REFUSED):
            return True
        return account_id == LIVE and state is AccountState.REFUSED

    def story(self) -> str:
        """Say where everything is, for a failure."""
        lines = [
            f"client {self.number} at {self.world.now:.3f}: {self.client.state}, {self.client.in_flight} in flight"
        ]
        lines += [str(status) for status in self.client.accounts.values()]
        lines.append(f"wanted {self.wanted}, lost {self.lost}, refused {self.refused}")
        lines.append(f"last failure {self.client._factory.last_failure}")
        lines += [f"waits: {request}" for request in self.session.requests()]
        return "\n".join(lines)

    def check_accounts(self) -> None:
        """Hold every account that is wanted against the venue's book."""
        talk = self.world.conversation_of(self)
        for account_id, wanted in self.wanted.items():
            status = self.client.account_status(account_id)
            if wanted is None:
                continue
            stands = talk is not None and account_id in talk.sessions
            assert (status.state is AccountState.AUTHORISED) == stands, f"the venue says {stands}: {status}"
            if not wanted:
                assert status.state is not AccountState.AUTHORISED, f"it was logged out: {status}"
            elif status.state is AccountState.AUTHORISED:
                assert account_id not in self.refused, f"{self.refused[account_id]!r}, and yet {status}"
                assert self.lost.get(account_id) is None, f"no Resynchronised: {status}"
            else:
                assert status.reason and status.remedy, f"neither reason nor remedy: {status}"
                self._check_trouble(account_id, status.state)
        for outcome in self.authorising:
            assert len(outcome) == 1, f"authorise ended {len(outcome)} times\n{self.story()}"

    def _check_trouble(self, account_id: int, state: AccountState) -> None:
        registry, now = self.world.venue.registry, self.world.venue.now()
        if state is AccountState.NEEDS_LOGIN:
            grant = self.keeper.grant_for(account_id)
            assert grant is not None
            opens = registry.grant(grant.access_token)
            assert opens is None or now >= opens.expires_at, f"its access token is good\n{self.story()}"
            assert account_id in GRANTED["first"] + GRANTED["second"]
            theirs = self.world.current[grant.name]  # whether its last tokens were kept or not: did they come here?
            assert theirs.revoked or theirs.refresh_token not in self.world.reached, f"it is good\n{self.story()}"
        elif account_id == BARE:
            assert state in (AccountState.TOKEN_INVALID, AccountState.REFUSED), f"why?\n{self.story()}"
            account = self.session.standing.find(account_id)
            given = self.world.bare_given[self.number]
            token = given if account is None or account.access_token is None else account.access_token
            for each in {token, given}:
                grant_ = registry.grant(each)
                assert grant_ is None or now >= grant_.expires_at, f"its token is good\n{self.story()}"
        else:
            assert state is AccountState.REFUSED and account_id == LIVE, f"why?\n{self.story()}"
            assert "live" in self.client.account_status(account_id).remedy

    def standing_here(self, account_id: int) -> set[Key]:
        account = self.session.standing.find(account_id)
        return set() if account is None else set(account.subscriptions)

    def standing_there(self, account_id: int) -> set[Key]:
        talk = self.world.conversation_of(self)
        session = None if talk is None else talk.sessions.get(account_id)
        if session is None:
            return set()
        keys: set[Key] = {("depth", symbol, None) for symbol in session.depth}
        for symbol, watch in session.spots.items():
            keys.add(("spots", symbol, None))
            keys.update(("trendbars", symbol, period) for period in watch.periods)
        return keys

    def check_subscriptions(self, *, exactly: bool) -> None:
        """Hold what stands against what was accepted and not ended.

        :param exactly: whether a fresh connection has settled all whose outcome was unknown.
        """
        for account_id, wanted in self.wanted.items():
            if not wanted or self.client.account_state(account_id) is not AccountState.AUTHORISED:
                continue
            here, there = self.standing_here(account_id), self.standing_there(account_id)
            known = self.subscribed[account_id]
            surely = {key for key, stands in known.items() if stands}
            what = f"account {account_id}, client {self.number}: here {here}, there {there}, asked for {known}"
            assert surely <= here, f"the client has forgotten {surely - here}\n{what}"
            assert surely <= there, f"the venue does not have {surely - there}\n{what}"
            assert here <= set(known), f"nobody asked for, or somebody ended, {here - set(known)}\n{what}"
            assert there <= set(known), f"nobody asked for, or somebody ended, {there - set(known)}\n{what}"
            if exactly:
                assert here == there, f"they differ\n{what}"
            self.subscribed[account_id] = {key: True if exactly else stands for key, stands in known.items()}
            if exactly:
                self.subscribed[account_id] = dict.fromkeys(here, True)

    def check_requests(self) -> None:
        """Hold the end of every request against what the venue saw of it."""
        for asked in self.asked:
            self._check_request(asked)
        self.asked = [asked for asked in self.asked if not asked.outcomes]

    def _check_request(self, asked: Asked) -> None:
        if not asked.outcomes:
            assert self.world.now <= asked.at + asked.timeout + 1e-6, f"not ended in time: {asked}"
            return
        assert len(asked.outcomes) == 1, f"ended twice: {asked}"
        outcome = asked.outcomes[0]
        what = f"{asked}: {outcome!r}"
        assert asked.ended_at <= asked.at + asked.timeout + 1e-6, f"ended at {asked.ended_at}, too late: {what}"
        assert isinstance(outcome, OpenApiError) or not isinstance(outcome, Exception), what
        if asked.key is None:
            assert isinstance(outcome, RequestNotSent | ClientClosed), what
            assert asked.ended_at == asked.at, what
            return
        heard = self.heard.get(asked.connection)
        assert heard is not None, what
        answers = [one for one in heard.said if one.client_msg_id == asked.key]
        if isinstance(outcome, RequestNotSent):
            assert asked.key not in heard.written and asked.key not in heard.asked, f"it left: {what}"
            assert isinstance(outcome, SendTimeout) == (asked.ended_at >= asked.at + asked.timeout) or asked.cancelled
        elif isinstance(outcome, OutcomeUnknown):
            assert asked.key in heard.written, f"it never left: {what}"
            if isinstance(outcome, AnswerTimeout):
                assert asked.ended_at >= asked.at + asked.timeout - 1e-6, f"too early: {what}"
            elif not (asked.cancelled or self.closing or "the server answered" in str(outcome)):
                assert heard.lost_at(asked.account_id, asked.ended_at), f"nothing was lost: {what}"
        elif isinstance(outcome, ServerError):
            assert asked.key in heard.asked and outcome.code in {_code(one) for one in answers}, f"nobody said: {what}"
        else:
            assert not isinstance(outcome, LocalError | RequestFailed), what
            stood = asked.begins_one and any(_code(one) == "ALREADY_SUBSCRIBED" for one in answers)
            assert stood or codec.pack(outcome, asked.key) in answers, f"nobody said: {what}"

    def check_delivery(self, *, forget: bool = False) -> None:
        """What the listeners were given is how what the venue said began, on each connection."""
        spots: list[bytes] = []
        for heard in self.heard.values():
            got, said = heard.got, heard.said
            if got != said[: len(got)]:
                place = next(
                    at for at, (one, other) in enumerate(zip([*got, None], [*said, None], strict=False)) if one != other
                )
                raise AssertionError(
                    f"connection {heard.number}: {len(said)} sent, {len(got)} delivered, different from {place} on: "
                    f"{got[place : place + 3]} instead of {said[place : place + 3]}"
                )
            if heard.ended_at is None and self.world.is_whole(heard):
                assert len(got) == len(said), f"connection {heard.number}: {len(said) - len(got)} are missing"
            spots += [one.payload for one in got if one.payload_type == SPOT_EVENT]
        if not self.world.forgotten:
            assert self.spots == spots, "parsed events are not those that arrived"
        if forget:
            self.spots.clear()
            self.heard = {number: heard for number, heard in self.heard.items() if heard.ended_at is None}

    def check_positions(self) -> None:
        """What the user was told of positions and orders is what the venue has."""
        self.look()
        for account_id, (positions, orders) in self.mirrors.items():
            if self.client.account_state(account_id) is AccountState.AUTHORISED:
                book = self.world.books[account_id]
                assert positions.known == book.positions, f"positions of {account_id}, client {self.number}"
                assert orders.known == book.orders, f"orders of {account_id}, client {self.number}"

    def check_closed(self) -> None:
        """Everything has ended."""
        assert self.client.state is ConnectionState.CLOSED
        self.check_requests()
        assert not self.asked, f"not ended: {self.asked[0]}"
        assert all(len(outcome) == 1 for outcome in self.authorising), "an authorise has not ended"

    def check_rest(self) -> None:
        """Nothing is kept of what is over."""
        healing, session = self.client._factory._healing, self.session
        accounts = healing._accounts.values()
        kept = {
            "waiting": [one.account_id for one in accounts if one.waiting],
            "attempting": [one.account_id for one in accounts if one.attempting],
            "trying": [one.account_id for one in accounts if one.call is not None],
            "pauses": healing._restoring._pauses,
            "refreshing": self.keeper._refreshing,
            "outgoing": session.outbox.leaving,
            "lines": session.outbox.pacer._lines,
            "pending": list(session.requests()),
        }
        left = {name: what for name, what in kept.items() if what}
        assert not left, f"kept: {left}\n{self.story()}"
        assert set(healing._accounts) <= set(self.wanted)


@dataclass(eq=False)
class Book:
    """An account's positions and orders as a test has them, in place of the venue's own."""

    positions: dict[int, messages.ProtoOAPosition] = field(default_factory=dict)
    orders: dict[int, messages.ProtoOAOrder] = field(default_factory=dict)


_books: WeakKeyDictionary[Venue, dict[int, Book]] = WeakKeyDictionary()


def reconcile(session: Any, request: messages.ProtoOAReconcileReq) -> messages.ProtoOAReconcileRes:
    """Answer as the venue would if these were what it holds."""
    book = _books[session.conversation.venue][session.account_id]
    return messages.ProtoOAReconcileRes(
        ctidTraderAccountId=session.account_id, position=book.positions.values(), order=book.orders.values()
    )


TRADING = (ANSWERS, messages.ProtoOAReconcileReq, (Scope.ACCOUNT, reconcile))
"""What a test gives to ``monkeypatch.setitem`` for the venue to report positions."""


class World:
    """A venue, its clients, and what has happened.

    :param clients: how many clients there are.
    :param shared: whether they share one keeper; if false each has its own over the same store, as two programs have.
    :param lifetime: seconds that the access tokens of the first grant live.
    :param tolerant: whether the venue may refuse to renew.
    :param wires: of the clients, in turn.
    """

    def __init__(
        self,
        *,
        clients: int = 1,
        shared: bool = True,
        lifetime: float = MONTH,
        options: Options | None = None,
        limits: Limits | None = None,
        seed: int = 1,
        wires: Sequence[Wire] = (Wire.PROTOBUF,),
    ) -> None:
        self.wires = wires
        random.seed(seed)  # Twisted's reconnecting factory draws its delays there
        self.tolerant = False
        self.forgotten = False
        self.asked_in_all = 0
        self.logins: list[list[Any]] = []
        self.reached: set[str] = set()
        """Refresh tokens that have come to one of the clients, to its store, or to the other program's."""
        self.faults: Counter[str] = Counter()
        self.errors: list[LogEvent] = []
        globalLogPublisher.addObserver(self._logged)
        self.kit = VenueKit(
            feed=SlowFeed(),
            accounts=[TradingAccount(one, one + 1_000_000, is_live=one == LIVE) for one in ACCOUNTS],
            grants=[
                VenueGrant(GRANTED["first"], "first-access", "first-refresh", user_id=1, lifetime=lifetime),
                VenueGrant(GRANTED["second"], "second-access", "second-refresh", user_id=2, lifetime=MONTH),
                VenueGrant((BARE,), "bare-access", "bare-refresh", user_id=3, lifetime=MONTH),
            ],
            options=options or Options(),
            limits=limits or Limits(),
        )
        self.venue = self.kit.venue
        self.books = _books[self.venue] = {one: Book() for one in ACCOUNTS}
        self._numbers = count(1)
        self._conversations: dict[Heard, Conversation] = {}
        self._ends: list[Any] = []
        self.store = Store(map(self.kept, GRANTED, self.venue.registry.grants))
        self.current = dict(zip(GRANTED, self.venue.registry.grants, strict=False))
        """The venue's side of each grant that is kept here."""
        self.reached.update(grant.refresh_token for grant in self.current.values())
        keepers = [TokenKeeper(self.store, self.kit.clock) for _ in range(1 if shared else clients)]
        self.bare_given: dict[int, str] = dict.fromkeys(range(clients), "")
        self.sides = [Side(self, number, keepers[number % len(keepers)]) for number in range(clients)]
        self.mortal = [ref(each) for side in self.sides for each in self._parts(side.client)]

    @staticmethod
    def _parts(client: OpenApiClient) -> tuple[Any, ...]:
        return client, client._factory, client._factory.session, client._factory._healing

    @property
    def now(self) -> float:
        return self.kit.clock.seconds()

    # The venue's ears

    def overhear(self, heard: Heard) -> None:
        """Hear what the venue says and reads on the connection that has just been made."""
        talk = max(self.venue.conversations.values(), key=lambda talk: talk.number, default=None)
        if talk is None or talk.peer.address != self.kit.network.links[-1].client.getHost():
            return  # it was turned away
        send, received = talk.peer.send, talk.received

        def say(envelope: Envelope) -> None:
            if talk.peer.open:
                heard.said.append(envelope)
            send(envelope)

        def read(envelope: Envelope) -> None:
            if envelope.client_msg_id is not None:
                assert envelope.client_msg_id not in heard.asked, f"sent twice: {envelope}"
                heard.asked[envelope.client_msg_id] = envelope
            if envelope.payload_type == REFRESH:
                self._check_need(codec.unpack(envelope))
            received(envelope)

        def push(envelope: Envelope) -> None:
            heard.muted = heard.muted or bool(talk.silence)
            if talk.silence and not talk.half_open and envelope.payload_type in LOSSES | {catalogue.EXECUTION_EVENT}:
                # Nothing on a stream is lost and what comes after it heard: this one is over.
                self._later(0.0, lambda: talk.peer.abort("it told something in silence"))
            say_it(envelope)

        say_it = talk.push
        talk.push = push  # type: ignore[method-assign]
        talk.peer.send = say  # type: ignore[method-assign]
        talk.received = read  # type: ignore[method-assign]
        self._conversations[heard] = talk

    def _check_need(self, request: Message) -> None:
        """A refresh is asked for only if the access token is dead, or about to end."""
        assert isinstance(request, messages.ProtoOARefreshTokenReq)
        for theirs in self.venue.registry.grants:
            if theirs.refresh_token != request.refreshToken or theirs.revoked:
                continue
            for kept in self.store._grants.values():
                if kept.refresh_token == request.refreshToken and kept.access_token == theirs.access_token:
                    due = kept.due(self.now, 86_400.0) or self.venue.now() >= theirs.expires_at
                    assert due, f'grant "{kept.name}" is refreshed without need'

    def conversation_of(self, side: Side) -> Conversation | None:
        """Give the venue's end of a client's connection."""
        talk = None if side.current is None else self._conversations.get(side.current)
        return talk if talk is not None and talk.number in self.venue.conversations else None

    def is_whole(self, heard: Heard) -> bool:
        """Whether nothing that the venue said on a connection can have been lost yet."""
        talk = self._conversations.get(heard)
        return talk is not None and talk.peer.open and not talk.half_open

    def _logged(self, event: LogEvent) -> None:
        if event.get("log_level") not in (LogLevel.error, LogLevel.critical):
            return
        text = event.get("log_format") or ""
        if "log_failure" in event or not text.startswith(_EXPECTED_ERRORS):
            if not (event.get("log_namespace") == "twisted.internet.defer" and "log_failure" not in event):
                self.errors.append(event)

    def check_log(self) -> None:
        """No error was logged that is not expected."""
        if self.errors:
            errors, self.errors = self.errors, []
            texts = [formatEvent(event) + _traceback(event) for event in errors]
            raise AssertionError("logged as an error:\n" + "\n".join(texts))

    # Time and faults

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.kit.advance(seconds)
        self.check()

    def check(self) -> None:
        """What must hold at every moment."""
        self.check_log()
        for side in self.sides:
            side.look()
            side.check_caught()

    def play(self, action: NamedAction) -> None:
        """Let the venue misbehave."""
        self.faults[action.name] += 1
        self.kit.play(action)
        self.check()

    def cut(self) -> None:
        """Break every connection."""
        self.faults["network cut"] += 1
        self.kit.cut()
        self.check()

    def cut_at_byte(self, towards_client: float, towards_venue: float, turns: int) -> None:
        """Break every connection while bytes are on their way, of which only so large a share still arrives.

        :param turns: of the reactor, until it breaks; none: before anything could be written.
        """
        self.faults["cut at a byte"] += 1
        clock, network = self.kit.clock, self.kit.network
        for turn in range(turns):
            if turn:
                network.pump()
            clock.advance(0)
            clock.advance(0)
        for link in network.links:
            for end, share in ((link.server, towards_client), (link.client, towards_venue)):
                data = end.take(None)
                if end.connected and not end.disconnecting:
                    end.write(data[: round(len(data) * share)])
        network.pump()
        network.cut(ConnectionLost())
        self.kit.pump()
        self.check()

    def refuse(self, seconds: float, *, unreachable: bool) -> None:
        """Let attempts to connect fail, or come to nothing, for a while."""
        self.faults["unreachable" if unreachable else "refused"] += 1
        setattr(self.kit.network, "unreachable" if unreachable else "refusing", True)
        self._later(seconds, self._open_network)

    def fill_store(self, seconds: float) -> None:
        """Let the token store refuse to save for a while."""
        self.faults["store full"] += 1
        self.store.full = True
        self._later(seconds, self._empty_store)

    def _later(self, seconds: float, end: Any) -> None:
        self._ends.append(self.kit.clock.callLater(seconds, end))

    def _open_network(self) -> None:
        self.kit.network.refusing = self.kit.network.unreachable = False

    def _empty_store(self) -> None:
        self.store.full = False

    def someone_refreshes(self, name: str, *, tells: bool) -> None:
        """Let another program refresh a grant, by the same store or by one of its own."""
        self.faults["refreshed elsewhere"] += 1

        def locked(release: Any) -> None:
            kept = self.store._grants[name]
            theirs = self.venue.registry.refresh(kept.refresh_token or "", self.venue.now())
            if theirs is not None:
                if tells:
                    self.store._grants[name] = self.kept(name, theirs)
                    self.reached.add(theirs.refresh_token)
                self.venue.end_sessions_of(theirs, "Access token was refreshed")
            release()

        if tells:
            self.store.lock(60.0).addCallback(locked)
        else:
            locked(lambda: None)
        self.kit.pump()
        self.check()

    def kept(self, name: str, theirs: VenueGrant) -> Grant:
        return Grant(
            name,
            theirs.access_token,
            theirs.refresh_token,
            expires_at=self.now + theirs.lifetime,
            obtained_at=self.now,
            accounts=tuple(map(GrantedAccount, theirs.account_ids)),
        )

    def log_in(self, name: str, side: Side) -> None:
        """Let a person grant access again, and the program of one client keep the tokens."""
        self.faults["login"] += 1
        user = 1 if name == "first" else 2
        theirs = self.venue.authorise(GRANTED[name], user_id=user)
        outcome: list[Any] = []
        self.logins.append(outcome)  # it waits for a refresh that is under way

        def done(result: Any) -> None:
            outcome.append(result and result.type)  # an exception keeps its frames, and they keep clients
            if outcome == [None]:
                self.current[name] = theirs
                self.reached.add(theirs.refresh_token)

        side.keeper.update(self.kept(name, theirs)).addBoth(done)
        self.kit.pump()
        for each in self.sides:
            for account_id in GRANTED[name]:
                each.refused.pop(account_id, None)
        self.check()

    def bare_token(self) -> str:
        """Give a token that opens the account without a grant here; a new one if the last is dead."""
        try:
            grant = self.venue.registry.grant_for(BARE)
        except KeyError:
            grant = self.venue.authorise((BARE,), user_id=3)
        if self.venue.now() >= grant.expires_at:
            grant = self.venue.authorise((BARE,), user_id=3)
            for each in self.venue.registry.grants:
                if BARE in each.account_ids and each is not grant:
                    each.revoked = True
        return grant.access_token

    def restart(self, number: int) -> None:
        """Close a client and start another in its place, which wants the same accounts."""
        self.faults["restart"] += 1
        old = self.sides[number]
        self._close(old)
        new = self.sides[number] = Side(self, number, old.keeper)
        self.kit._clients.remove(old.client)
        mortal, wanted = [ref(each) for each in self._parts(old.client)], old.wanted
        del old
        self._conversations = {heard: talk for heard, talk in self._conversations.items() if talk.peer.open}
        gc.collect()
        # A refresh that waits for another program to unlock the store keeps who asked for it until then.
        waits = new.keeper._refreshing and new.keeper._lock._release is None
        assert waits or not any(each() for each in mortal), "a closed client is kept"
        self.mortal += [ref(each) for each in self._parts(new.client)]
        for account_id, still in wanted.items():
            if still:
                self.want(new, account_id)
        self.kit.pump()

    def want(self, side: Side, account_id: int) -> None:
        """Have a client ask for an account, with a good token where it needs a bare one."""
        token = None
        if account_id == BARE:
            token = self.bare_given[side.number] = self.bare_token()
        side.authorise(account_id, token)

    def _close(self, side: Side) -> None:
        side.closing = True
        # A refresh that is under way is waited for, and so is a peer that does not let go.
        self.kit.settle(side.client.close(), side.client._settings.refresh_wait + 20.0)
        side.check_closed()

    # Positions

    def trade(self, account_id: int, choice: int) -> None:
        """Open, change or close a position, or place or cancel an order; the venue tells whoever it can tell."""
        book = self.books[account_id]
        event = messages.ProtoOAExecutionEvent(
            ctidTraderAccountId=account_id, executionType=messages.ProtoOAExecutionType.ORDER_FILLED
        )
        if choice % 5 == 0 or not (book.positions or book.orders):
            number = next(self._numbers)
            event.position.CopyFrom(_position(number))
            book.positions[number] = _copied(event.position)
        elif choice % 5 == 1:
            number = next(self._numbers)
            event.order.CopyFrom(_order(number))
            book.orders[number] = _copied(event.order)
        elif book.positions and choice % 5 == 2:
            number = min(book.positions)
            book.positions[number].stopLoss = float(next(self._numbers))
            event.position.CopyFrom(book.positions[number])
        elif book.positions and choice % 5 == 3:
            event.position.CopyFrom(book.positions.pop(min(book.positions)))
            event.position.tradeData.volume = 0
        elif book.orders:
            event.order.CopyFrom(book.orders.pop(min(book.orders)))
            event.order.orderStatus = messages.ProtoOAOrderStatus.ORDER_STATUS_CANCELLED
        else:
            return
        self.venue.tell(account_id, event)
        self.kit.pump()
        self.check()

    # The end

    def end_faults(self) -> None:
        """Let every fault end that does not end by itself, and let tokens live long."""
        for call in self._ends:
            if call.active():
                call.cancel()
        self._ends.clear()
        self._open_network()
        self._empty_store()
        for grant in self.venue.registry.grants:
            grant.lifetime = MONTH
        self.kit.play("accept_connections")

    def heal(self) -> float:
        """Let time pass until everybody is well; give the seconds it took."""
        began = self.now
        while not all(side.is_well() for side in self.sides):
            assert self.now - began < HEALED_WITHIN, "not well\n" + "\n".join(side.story() for side in self.sides)
            self.advance(5.0)
        self.kit.pump()
        return self.now - began

    def check_all(self, *, exactly: bool = False) -> None:
        """Everything that must hold when everybody is well."""
        for side in self.sides:
            side.check_accounts()
            side.check_subscriptions(exactly=exactly)
            side.check_requests()
            side.check_delivery()
            side.check_positions()
            side.check_rest()

    def settle(self) -> float:
        """Let every fault end, and hold everything against the venue's book; give the seconds until all were well."""
        self.end_faults()
        self.advance(200.0)  # every fault of a script is over by then
        for side in self.sides:
            self.kit.settle(side.keeper.load())
        took = self.heal()
        for kept in self.logins:
            assert len(kept) == 1, "a login was not kept"
            assert kept[0] in (None, TokenStoreError), f"a login was not kept: {kept}"
        self.check_all()
        before = [side.spots_of.copy() for side in self.sides]
        asked = self._asked_for_authority()
        self.advance(50.0)
        for side, spots in zip(self.sides, before, strict=True):
            for account_id, wanted in side.wanted.items():
                for kind, symbol, _ in side.standing_there(account_id):
                    if wanted and kind == "spots":
                        assert side.spots_of[account_id, symbol] > spots[account_id, symbol], "no events arrive"
        assert self._asked_for_authority() == asked, "all is well, and yet authority is asked for"
        return took

    def settle_anew(self) -> None:
        """Break every connection once more: now what the client knows is what the venue knows."""
        losses = [side.resynchronised.copy() for side in self.sides]
        stood = [
            {one for one in ACCOUNTS if side.client.account_state(one) is AccountState.AUTHORISED}
            for side in self.sides
        ]
        self.kit.cut()
        self.heal()
        for side in self.sides:
            for account_id in side.forgotten:
                side.wanted[account_id] = False
        self.check_all(exactly=True)
        for side, before, accounts in zip(self.sides, losses, stood, strict=True):
            for account_id in accounts:
                if side.client.account_state(account_id) is AccountState.AUTHORISED:
                    told = side.resynchronised[account_id] - before[account_id]
                    assert told == 1, f"{told} Resynchronised for one loss of {account_id}"

    def _asked_for_authority(self) -> int:
        return sum(
            catalogue.name(envelope.payload_type)
            in ("ProtoOAApplicationAuthReq", "ProtoOAAccountAuthReq", "ProtoOARefreshTokenReq")
            for side in self.sides
            for heard in side.heard.values()
            for envelope in heard.asked.values()
        )

    def close(self) -> None:
        """Close everything, whatever is under way: every request ends, and nothing is left on the clock."""
        for call in self._ends:
            if call.active():
                call.cancel()
        self._empty_store()
        for side in self.sides:
            self._close(side)
            self.kit.settle(side.keeper.saved(), 400)
        self.kit.close()
        self.check_log()

    def leave(self) -> None:
        """Let go of everything, whatever happened; what was logged meanwhile is in `errors`."""
        self.sides.clear()
        self.logins.clear()
        self._conversations.clear()
        self._ends.clear()
        self.__dict__.pop("kit", None)
        self.__dict__.pop("venue", None)
        self.__dict__.pop("books", None)
        gc.collect()  # an error that nobody handled is logged when its Deferred is collected
        globalLogPublisher.removeObserver(self._logged)

    def check_left(self) -> None:
        """After `leave`: nothing of the clients is alive, and nobody has left an error unhandled."""
        self.check_log()
        alive = [each() for each in self.mortal if each() is not None]
        assert not alive, f"still alive: {alive}"


def _subscriptions(message: Message) -> tuple[bool, list[Key]]:
    """Give whether a request begins or ends, and what."""
    match message:
        case messages.ProtoOASubscribeSpotsReq() | messages.ProtoOAUnsubscribeSpotsReq():
            keys: list[Key] = [("spots", symbol, None) for symbol in message.symbolId]
        case messages.ProtoOASubscribeDepthQuotesReq() | messages.ProtoOAUnsubscribeDepthQuotesReq():
            keys = [("depth", symbol, None) for symbol in message.symbolId]
        case messages.ProtoOASubscribeLiveTrendbarReq() | messages.ProtoOAUnsubscribeLiveTrendbarReq():
            keys = [("trendbars", message.symbolId, message.period)]
        case _:
            keys = []
    return "Unsubscribe" not in type(message).__name__, keys


def _with_its_bars(key: Key, keys: Iterable[Key]) -> Iterator[Key]:
    yield key
    if key[0] == "spots":
        yield from [each for each in keys if each[:2] == ("trendbars", key[1])]


def _code(answer: Envelope) -> str | None:
    message: Any = codec.unpack(answer)
    return str(message.errorCode) if hasattr(message, "errorCode") else None


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return "" if failure is None else "\n" + failure.getTraceback()


def _number_of(item: Any) -> int:
    number: int = item.positionId if isinstance(item, messages.ProtoOAPosition) else item.orderId
    return number


def _copied(item: Any) -> Any:
    copied = type(item)()
    copied.CopyFrom(item)
    return copied


def _trade_data() -> messages.ProtoOATradeData:
    return messages.ProtoOATradeData(symbolId=1, volume=1000, tradeSide=messages.ProtoOATradeSide.BUY)


def _position(number: int) -> messages.ProtoOAPosition:
    return messages.ProtoOAPosition(
        positionId=number,
        tradeData=_trade_data(),
        positionStatus=messages.ProtoOAPositionStatus.POSITION_STATUS_OPEN,
        swap=0,
    )


def _order(number: int) -> messages.ProtoOAOrder:
    return messages.ProtoOAOrder(
        orderId=number,
        tradeData=_trade_data(),
        orderType=messages.ProtoOAOrderType.LIMIT,
        orderStatus=messages.ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED,
    )
