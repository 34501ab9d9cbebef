"""Losses in the middle of something, what is told of them, and how long is waited after each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import AccountState, ConnectionState, Limits, Ready, messages
from ctrader_twisted.errors import ApplicationRefused, ConnectionFailed, OutcomeUnknown, RequestNotSent
from ctrader_twisted.session.events import AccountChanged, Disconnected, Resynchronised
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope
from tests.session.conversation import HISTORY, NEW_ORDER
from tests.session.test_book import moved, order, position
from tests.shell.memory import ACCOUNT, Memory, outcome
from tests.shell.test_factory import reconnect
from tests.shell.test_healing import (
    DAY,
    OTHER,
    AccountAuthReq,
    ReconcileReq,
    accepted,
    authorise,
    cut_account,
    reconcile,
    refuse,
    state,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

ApplicationAuthReq = messages.ProtoOAApplicationAuthReq
ReconcileRes = messages.ProtoOAReconcileRes
SubscribeReq, SubscribeRes = messages.ProtoOASubscribeSpotsReq, messages.ProtoOASubscribeSpotsRes

CUT = messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT)
INVALIDATED = messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT], reason="revoked")
APPLICATION_CUT = messages.ProtoOAClientDisconnectEvent(reason="restart")
SUBSCRIBED = SubscribeRes(ctidTraderAccountId=ACCOUNT)
NOTHING = ReconcileRes(ctidTraderAccountId=ACCOUNT)


def reconciling(*, account: int = ACCOUNT) -> Memory:
    """Bring an account to stand whose positions and orders are not told yet."""
    m = Memory(reconcile=True, dead_after=DAY).ready()
    authorise(m, account)
    return m


def subscribe(m: Memory) -> None:
    m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[1])
    ((asked, _),) = m.expect(SubscribeReq)
    m.say(SUBSCRIBED, to=asked)


def accept(m: Memory) -> None:
    """Accept the authorisation of the account that the client has sent."""
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)


def lose(m: Memory, how: Message | None) -> None:
    """Lose the account, by what the server says or with the connection, and let it be authorised again."""
    if how is not None:
        m.say(how)
    if how is None or isinstance(how, messages.ProtoOAClientDisconnectEvent):
        m.end()
        reconnect(m)
    else:
        m.clock.advance(10)
    accept(m)


every_loss = pytest.mark.parametrize(
    "how", [None, CUT, INVALIDATED, APPLICATION_CUT], ids=["connection", "account", "token", "application"]
)


# What the back end of one account does not tell


def test_an_account_whose_positions_are_never_told_costs_no_other_its_session() -> None:
    m = reconciling(account=OTHER)
    ((asked, _),) = m.expect(ReconcileReq)
    m.say(ReconcileRes(ctidTraderAccountId=OTHER), to=asked)
    authorise(m, ACCOUNT)
    for _ in range(3):
        m.expect(ReconcileReq)  # not answered
        m.clock.advance(30)
        m.expect()
        m.clock.advance(3)  # and asked again, ever more slowly
    assert not m.leaving
    assert (state(m, OTHER), state(m)) == (AccountState.AUTHORISED, AccountState.AUTHORISED)


def test_positions_that_can_not_be_read_cost_nobody_the_session() -> None:
    m = reconciling()
    reconcile(m, position(1))
    lose(m, CUT)
    ((asked, _),) = m.expect(ReconcileReq)
    m.give(Envelope(catalogue.payload_type(ReconcileRes), b"\xff\xff\xff", asked.client_msg_id))
    assert not m.leaving
    assert state(m) is AccountState.AUTHORISED
    (told,) = m.of(Resynchronised)
    assert (told.positions, type(told.unreconciled)) == (None, OutcomeUnknown)


# Requests that a loss caught


@every_loss
def test_a_request_that_a_loss_caught_fails_at_once_and_is_told(how: Message | None) -> None:
    m = Memory().ready()
    authorise(m)
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    if how is None:
        m.end()
    else:
        m.say(how)
    assert [type(error) for error in result] == [OutcomeUnknown]
    if m.client.state is ConnectionState.CONNECTED:
        m.end()
    if m.client.state is ConnectionState.DISCONNECTED:
        reconnect(m)
    m.clock.advance(1)
    accept(m)
    (told,) = m.of(Resynchronised)
    assert (told.requests_unknown, told.requests_not_sent) == (("ProtoOATraderReq",), ())


@every_loss
def test_what_the_client_asks_by_itself_is_told_to_nobody(how: Message | None) -> None:
    m = reconciling()
    reconcile(m)
    subscribe(m)
    lose(m, how)
    m.expect(ReconcileReq, SubscribeReq)  # not answered
    lose(m, how)
    (asked, _), (subscribing, _) = m.expect(ReconcileReq, SubscribeReq)
    m.say(NOTHING, to=asked)
    m.say(SUBSCRIBED, to=subscribing)
    (told,) = m.of(Resynchronised)
    assert (told.requests_unknown, told.requests_not_sent) == ((), ())


def test_requests_of_a_time_before_an_account_stood_are_not_told_at_a_later_loss() -> None:
    m = Memory().ready()
    m.client.authorise(ACCOUNT, "bare-token")
    m.client.trader(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    m.sent()
    lose(m, None)
    assert m.of(Resynchronised) == []
    lose(m, None)
    (told,) = m.of(Resynchronised)
    assert (told.requests_unknown, told.requests_not_sent) == ((), ())


# Losses in the middle of a restoration


@every_loss
def test_a_loss_while_subscriptions_are_renewed_keeps_them(how: Message | None) -> None:
    m = reconciling()
    reconcile(m)
    subscribe(m)
    for _ in range(2):
        lose(m, how)
        m.expect(ReconcileReq, SubscribeReq)  # not answered
    lose(m, how)
    (asked, _), (subscribing, _) = m.expect(ReconcileReq, SubscribeReq)
    m.say(NOTHING, to=asked)
    m.say(SUBSCRIBED, to=subscribing)
    (told,) = m.of(Resynchronised)
    assert [subscription.symbol_id for subscription in told.renewed] == [1]
    assert told.failed == ()


@every_loss
def test_what_a_loss_has_changed_is_told_once_though_the_account_was_lost_again_before(how: Message | None) -> None:
    m = reconciling()
    reconcile(m, position(1))
    subscribe(m)
    lose(m, how)
    (asked, _), _ = m.expect(ReconcileReq, SubscribeReq)
    m.say(NOTHING, to=asked)  # and the subscription is not renewed
    lose(m, how)
    (asked, _), (subscribing, _) = m.expect(ReconcileReq, SubscribeReq)
    m.say(NOTHING, to=asked)
    m.say(SUBSCRIBED, to=subscribing)
    (told,) = m.of(Resynchronised)
    assert [gone.positionId for gone in told.positions.removed] == [1]


def test_what_is_told_of_a_loss_is_no_older_than_the_events_before_it() -> None:
    m = reconciling()
    reconcile(m, position(1, stopLoss=1.0))
    subscribe(m)
    cut_account(m)
    (asked, _), (subscribing, _) = m.expect(ReconcileReq, SubscribeReq)
    m.say(ReconcileRes(ctidTraderAccountId=ACCOUNT, position=[position(1, 50, stopLoss=1.1)]), to=asked)
    m.say(moved(1, 7, 1.5))
    m.say(SUBSCRIBED, to=subscribing)
    (told,) = m.of(Resynchronised)
    ((_, now),) = told.positions.changed
    assert (now.tradeData.volume, now.stopLoss) == (50, 1.5)


def test_a_trailing_stop_does_not_hide_what_else_became_of_its_position() -> None:
    m = reconciling()
    reconcile(m, position(1, 100, stopLoss=1.0), orders=[order(7, stopPrice=1.0)])
    cut_account(m)  # and half of the position is closed
    m.say(moved(1, 7, 1.1))
    reconcile(m, position(1, 50, stopLoss=1.1), orders=[order(7, stopPrice=1.1)])
    (told,) = m.of(Resynchronised)
    assert [(a.tradeData.volume, b.tradeData.volume) for a, b in told.positions.changed] == [(100, 50)]


@pytest.mark.parametrize("asks", [False, True], ids=["plain", "reconciling"])
def test_an_account_that_is_gone_again_as_soon_as_it_is_accepted_is_restored_and_told_of_once(asks: bool) -> None:
    m = Memory(reconcile=asks).ready()
    authorise(m)
    if asks:
        reconcile(m)
    subscribe(m)
    m.say(CUT)
    m.clock.advance(1)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.give(codec.pack(accepted(), auth.client_msg_id), codec.pack(CUT))
    m.expect()  # nothing is asked for an account that is gone
    assert m.of(Resynchronised) == []
    m.clock.advance(10)
    accept(m)
    if asks:
        (asked, _), (subscribing, _) = m.expect(ReconcileReq, SubscribeReq)
        m.say(NOTHING, to=asked)
    else:
        ((subscribing, _),) = m.expect(SubscribeReq)
    m.say(SUBSCRIBED, to=subscribing)
    (told,) = m.of(Resynchronised)
    assert [subscription.symbol_id for subscription in told.renewed] == [1]


def test_an_acceptance_that_comes_after_the_application_was_cut_is_none() -> None:
    m = Memory().ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(APPLICATION_CUT)
    m.say(accepted(), to=auth)
    assert state(m) is AccountState.DROPPED
    assert result == []
    m.end()
    reconnect(m)
    accept(m)
    assert result == [None]


def test_the_snapshot_of_a_renewed_subscription_comes_after_the_loss_is_told_and_before_resynchronised() -> None:
    m = reconciling()
    reconcile(m)
    subscribe(m)
    seen: list[Any] = []
    m.client.on(AccountChanged, lambda change: seen.append(change.state))
    for cls in (messages.ProtoOASpotEvent, Resynchronised):
        m.client.on(cls, lambda event: seen.append(type(event)))
    cut_account(m)
    (asked, _), (subscribing, _) = m.expect(ReconcileReq, SubscribeReq)
    m.say(SUBSCRIBED, to=subscribing)
    m.say(messages.ProtoOASpotEvent(ctidTraderAccountId=ACCOUNT, symbolId=1, bid=1, ask=2))
    m.say(NOTHING, to=asked)
    assert seen == [
        AccountState.DROPPED,
        AccountState.AUTHORISING,
        AccountState.AUTHORISED,
        messages.ProtoOASpotEvent,
        Resynchronised,
    ]


# Accounts that are not to come back


def test_an_account_that_is_logged_out_while_it_is_down_stays_away() -> None:
    m = Memory().ready()
    authorise(m)
    m.say(CUT)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    ((logout, _),) = m.expect(messages.ProtoOAAccountLogoutReq)
    refuse(m, logout, "INVALID_REQUEST", description="Trading account is not authorized")
    assert state(m) is AccountState.UNAUTHORISED
    m.clock.advance(60)
    m.expect()


@every_loss
def test_an_account_that_is_given_up_while_it_is_down_stays_away(how: Message | None) -> None:
    m = Memory().ready()
    authorise(m)
    if how is not None:
        m.say(how)
    if m.client.state is not ConnectionState.READY or how is None:
        m.end()
    m.client.forget(ACCOUNT)
    if m.client.state is ConnectionState.DISCONNECTED:
        reconnect(m)
    m.clock.advance(60)
    m.expect()


def test_an_account_that_nobody_asked_for_is_not_listed_when_the_server_names_it() -> None:
    m = Memory().ready()
    m.say(CUT, INVALIDATED)
    assert m.client.accounts == {}
    assert m.of(AccountChanged) == []


def test_accounts_of_an_application_that_is_refused_say_so(logged_errors: Any) -> None:
    m = Memory().ready()
    authorise(m)
    m.end()
    m.clock.advance(5)
    m.accept()
    ((auth, _),) = m.expect(ApplicationAuthReq)
    refuse(m, auth, "CH_CLIENT_AUTH_FAILURE")
    m.end()
    status = m.client.account_status(ACCOUNT)
    assert status.reason == "the application was refused: ProtoOAApplicationAuthReq: CH_CLIENT_AUTH_FAILURE"
    assert status.remedy == ApplicationRefused.remedy
    assert "refused the application" in logged_errors.complaint()


# How long is waited


def test_a_maintenance_of_one_account_keeps_no_other_away() -> None:
    m = Memory().ready()
    authorise(m, OTHER)
    m.client.authorise(ACCOUNT, "bare-token")
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=7200)
    m.end()
    assert m.of(Disconnected)[-1].retry_in < 3


def test_the_end_of_a_maintenance_is_understood_in_milliseconds_where_seconds_are_due() -> None:
    m = Memory()
    m.clock.advance(1_790_000_000)
    m.accept()
    ((auth, _),) = m.expect(ApplicationAuthReq)
    refuse(m, auth, "SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=1_790_000_600_000)
    m.end()
    assert m.of(Disconnected)[-1].retry_in == pytest.approx(600)


@pytest.mark.parametrize(("asked_for", "waited"), [(120, 120), (120_000, 3600)], ids=["two minutes", "absurd"])
def test_a_connection_waits_as_long_as_the_server_asks_for_within_reason(asked_for: int, waited: float) -> None:
    m = Memory()
    m.accept()
    ((auth, _),) = m.expect(ApplicationAuthReq)
    refuse(m, auth, "BLOCKED_PAYLOAD_TYPE", retryAfter=asked_for)
    m.end()
    assert m.of(Disconnected)[-1].retry_in == pytest.approx(waited)


@pytest.mark.parametrize(("asked_for", "waited"), [(120, 120), (120_000, 3600)], ids=["two minutes", "absurd"])
def test_an_account_waits_as_long_as_the_server_asks_for_within_reason(asked_for: int, waited: float) -> None:
    m = Memory(dead_after=DAY).ready()
    m.client.authorise(ACCOUNT, "bare-token")
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "BLOCKED_PAYLOAD_TYPE", retryAfter=asked_for)
    m.clock.advance(waited - 1)
    m.expect()
    m.clock.advance(1)
    m.expect(AccountAuthReq)


@pytest.mark.parametrize("asked_for", [120, 120_000])
def test_positions_are_asked_for_again_when_the_server_asks_for_it_within_reason(asked_for: int) -> None:
    m = reconciling()
    ((asked, _),) = m.expect(ReconcileReq)
    refuse(m, asked, "BLOCKED_PAYLOAD_TYPE", retryAfter=asked_for)
    m.clock.advance(min(asked_for, 3600) - 1)
    m.expect()
    m.clock.advance(1)
    m.expect(ReconcileReq)


@pytest.mark.parametrize(
    "reason",
    [
        "Server restarted by administrator",
        "unblocked",
        "Non-blocking write failed",
        "Trading is suspended during rollover",
    ],
)
def test_a_reason_that_only_sounds_like_a_block_is_none(reason: str) -> None:
    m = Memory().ready()
    m.say(messages.ProtoOAClientDisconnectEvent(reason=reason))
    m.end()
    assert m.of(Disconnected)[-1].retry_in < 3


def test_a_server_that_closes_as_soon_as_it_is_ready_is_not_hammered() -> None:
    m = Memory().ready()
    m.factory.jitter = 0
    waits = []
    for _ in range(12):
        m.end()
        waits.append(m.of(Disconnected)[-1].retry_in)
        m.clock.advance(waits[-1])
        m.ready()
    assert waits[0] < 3
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(60)


def test_an_account_that_is_cut_as_soon_as_it_stands_is_not_hammered() -> None:
    m = Memory(dead_after=DAY).ready()
    authorise(m)
    waits = []
    for _ in range(13):
        m.say(CUT)
        lost_at = m.clock.seconds()
        while not (sent := m.sent()):
            m.clock.advance(0.25)
        waits.append(m.clock.seconds() - lost_at)
        m.say(accepted(), to=sent[0])
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert waits[-1] == 60
    m.clock.advance(10)  # now it has stood for a while
    m.say(CUT)
    m.clock.advance(1)
    m.expect(AccountAuthReq)


@pytest.mark.slow
def test_a_server_that_cuts_the_application_for_days_on_end_is_borne() -> None:
    m = Memory(retry_after=0.001, retry_at_most=0.01)
    for _ in range(2000):
        m.ready()
        m.say(APPLICATION_CUT)
        m.end()
        m.clock.advance(1)
    m.ready()
    assert m.client.state is ConnectionState.READY


# Closing


def answer(m: Memory) -> None:
    """Answer what the client has sent."""
    for envelope in m.sent():
        asked = codec.unpack(envelope)
        m.say(accepted() if isinstance(asked, AccountAuthReq) else NOTHING, to=envelope)


@pytest.mark.parametrize("asks", [False, True], ids=["plain", "reconciling"])
@pytest.mark.parametrize(
    "told",
    [Ready, AccountChanged, Resynchronised, Disconnected, None],
    ids=lambda told: getattr(told, "__name__", "authorise"),
)
def test_whoever_is_told_of_something_may_close_the_client_and_nothing_is_left(told: Any, asks: bool) -> None:
    m = Memory(reconcile=asks)
    closed: list[list[Any]] = []

    def close(_: object) -> None:  # again and again
        closed.append(outcome(m.client.close()))

    asked = m.client.authorise(ACCOUNT, "bare-token")
    if told is None:
        asked.addCallback(close)
    else:
        m.client.on(told, close)
    outcome(asked)
    steps = iter(
        [
            m.ready,
            lambda: answer(m),
            lambda: answer(m),
            lambda: m.say(CUT),
            lambda: m.clock.advance(1),
            lambda: answer(m),
            lambda: answer(m),
            m.end,
        ]
    )
    while not closed:
        next(steps)()
    if told is not Disconnected:
        m.end()
    assert all(result == [None] for result in closed)
    assert m.clock.getDelayedCalls() == []


@pytest.mark.parametrize("how", ["close", "end"])
@pytest.mark.parametrize("gone", ["account", "application"])
def test_who_ends_the_connection_when_a_loss_is_told_ends_the_requests_that_are_yet_to_be_told(
    gone: str, how: str
) -> None:
    m = Memory().ready().authorised()
    first, second = (m.client.trader(ctidTraderAccountId=ACCOUNT) for _ in range(2))
    first.addErrback(lambda _: m.client.close() and None if how == "close" else m.end())
    told = outcome(second)
    m.sent()
    if gone == "account":
        m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    else:
        m.say(messages.ProtoOAClientDisconnectEvent())
    assert [type(error) for error in told] == [OutcomeUnknown]
    assert m.client.in_flight == 0


@pytest.mark.parametrize("how", ["ask", "close", "drop"])
def test_an_order_that_has_not_left_when_a_loss_comes_never_leaves_whatever_who_is_told_does(how: str) -> None:
    m = Memory(limits=Limits(historical=1)).ready().authorised()

    def act(_: object) -> None:
        if how == "ask":
            outcome(m.client.request(HISTORY))  # it has to wait its turn, and whatever else may leave is let go
        elif how == "close":
            m.client.close()
        else:
            m.protocol.drop(ConnectionFailed("test", "dropped"))

    m.client.trader(ctidTraderAccountId=ACCOUNT).addErrback(act)
    outcome(m.client.request(HISTORY))
    m.sent()
    told = outcome(m.client.request(NEW_ORDER))  # it would leave at the end of this turn
    m.say(CUT)
    assert m.sent() == []
    assert [type(error) for error in told] == [RequestNotSent]
