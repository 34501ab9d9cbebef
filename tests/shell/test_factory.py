"""Connecting, authorising, losing and healing."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from ctrader_twisted import AccountState, Application, ConnectionState, OpenApiClient, Subscription, Wire, messages
from ctrader_twisted.errors import (
    AnswerTimeout,
    ApplicationRefused,
    ClientClosed,
    ConnectionFailed,
    DeadPeer,
    NotReadyInTime,
    OutcomeUnknown,
    RequestNotSent,
    ServerError,
    TokenRefused,
    UnderMaintenance,
)
from ctrader_twisted.session.events import AccountChanged, Disconnected, Ready, Resynchronised
from ctrader_twisted.wire import codec
from tests.shell.memory import ACCOUNT, SECRET, TOKEN, Memory, collector, names, outcome

OTHER = 1000002


def error(code: str, **fields: object) -> messages.ProtoOAErrorRes:
    return messages.ProtoOAErrorRes(errorCode=code, **fields)  # type: ignore[arg-type]


def reconnect(m: Memory) -> None:
    """Let the delay before the next attempt pass and the attempt succeed."""
    for _ in range(200):
        if m.connector.connecting:
            break
        m.clock.advance(1)
    m.ready()


# Becoming ready


def test_ready_means_the_application_is_authorised() -> None:
    m = Memory()
    first = outcome(m.client.when_ready())
    m.accept()
    (auth,) = m.sent()
    request = codec.unpack(auth)
    assert isinstance(request, messages.ProtoOAApplicationAuthReq)
    assert (request.clientId, request.clientSecret) == ("the-client-id", SECRET)
    assert first == []
    m.say(messages.ProtoOAApplicationAuthRes(), to=auth)
    assert first == [m.client]
    assert outcome(m.client.when_ready()) == [m.client]
    assert m.of(Ready) == [Ready(at=0.0, connections=1)]


def test_already_authenticated_is_ready_too() -> None:
    m = Memory()
    m.accept()
    (auth,) = m.sent()
    m.say(error("CH_CLIENT_ALREADY_AUTHENTICATED"), to=auth)
    assert m.client.state is ConnectionState.READY


@pytest.mark.parametrize("with_id", [True, False])
def test_a_refused_application_is_told_and_not_tried_again(logged_errors, with_id: bool) -> None:  # type: ignore[no-untyped-def]
    m = Memory()
    ready = outcome(m.client.when_ready())
    m.accept()
    (auth,) = m.sent()
    refusal = error("CH_CLIENT_AUTH_FAILURE", description="clientId or clientSecret is incorrect")
    m.say(refusal, to=auth if with_id else None)
    assert isinstance(ready[0], ApplicationRefused)
    assert "clientId or clientSecret is incorrect" in str(ready[0])
    assert m.parted()
    m.end()
    assert m.clock.getDelayedCalls() == []
    assert m.connector.attempts == 1
    (lost,) = m.of(Disconnected)
    assert lost.retry_in is None
    assert isinstance(outcome(m.client.when_ready())[0], ApplicationRefused)
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    assert isinstance(result[0], RequestNotSent) and "CH_CLIENT_AUTH_FAILURE" in str(result[0])
    (event,) = logged_errors.events
    assert SECRET not in str(event)
    logged_errors.flush()


@pytest.mark.parametrize("code", ["SERVER_IS_UNDER_MAINTENANCE", "CH_SERVER_NOT_REACHABLE", "SOMETHING_NEW"])
def test_a_refusal_that_may_pass_is_tried_again_ever_later(code: str) -> None:
    m = Memory(retry_after=1, retry_at_most=20)
    m.factory.jitter = 0
    gaps = []
    for _ in range(10):
        m.accept()
        (auth,) = m.sent()
        m.say(error(code), to=auth)
        m.end()
        gaps.append(m.of(Disconnected)[-1].retry_in)
        m.clock.advance(gaps[-1])
    assert all(later == min(20, 1.5 * earlier) for earlier, later in zip(gaps, gaps[1:], strict=False))
    assert gaps[-1] == 20
    assert isinstance(m.of(Disconnected)[0].reason, ServerError)


def test_an_authorisation_that_is_never_answered_ends_the_connection() -> None:
    m = Memory(timeout=5, dead_after=60)
    m.accept()
    m.sent()
    m.clock.advance(5)
    assert m.parted()
    m.end()
    assert "not authorised in time" in str(m.of(Disconnected)[0].reason)


def test_no_connection_is_told_with_its_reason_and_tried_again(wire: Wire) -> None:
    m = Memory()
    m.refuse()
    (lost,) = m.of(Disconnected)
    assert isinstance(lost.reason, ConnectionFailed)
    assert "refused" in str(lost.reason) and f"test.invalid:{wire.default_port}" in str(lost.reason)
    assert lost.retry_in is not None and 0 < lost.retry_in < 3
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_the_delay_starts_anew_only_once_ready() -> None:
    m = Memory(retry_after=1)
    m.factory.jitter = 0
    m.refuse()
    m.clock.advance(m.of(Disconnected)[0].retry_in)
    m.accept()  # TCP stands, and that alone must not reset the delay
    m.end()
    first, second = (event.retry_in for event in m.of(Disconnected))
    assert second == 1.5 * first
    m.clock.advance(second)
    m.ready()
    m.end()  # READY for a moment only
    third = m.of(Disconnected)[-1].retry_in
    assert third == 1.5 * second
    m.clock.advance(third)
    m.ready()
    m.clock.advance(10)
    m.end()
    assert m.of(Disconnected)[-1].retry_in == first


def test_waiting_to_be_ready_may_end_in_time_and_says_why() -> None:
    m = Memory(retry_after=1)
    waiting = outcome(m.client.when_ready(timeout=3))
    m.refuse()
    m.clock.advance(3)
    assert isinstance(waiting[0], NotReadyInTime) and isinstance(waiting[0], TimeoutError)
    assert "not ready within 3 s" in str(waiting[0]) and "the connection was refused" in str(waiting[0])
    reconnect(m)
    assert outcome(m.client.when_ready(timeout=3)) == [m.client]
    m.client.close()
    m.end()
    assert m.clock.getDelayedCalls() == []


def test_waiting_to_be_ready_begins_to_connect() -> None:
    attempts: list[object] = []
    client = OpenApiClient(Clock(), Application("id", SECRET), opening=attempts.append)
    result = outcome(client.trader(ctidTraderAccountId=ACCOUNT))
    assert "was not started" in str(result[0])
    client.when_ready()
    assert len(attempts) == 1


# Losing


def test_a_loss_fails_what_is_pending_at_once_and_says_whether_it_left() -> None:
    m = Memory().ready()
    left = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    for _ in range(60):
        m.client.reconcile(ctidTraderAccountId=ACCOUNT).addErrback(lambda failure: None)
    waiting = outcome(m.client.version())
    m.end(clean=False)
    assert isinstance(left[0], OutcomeUnknown)
    assert isinstance(waiting[0], RequestNotSent)
    assert "the connection was lost" in str(left[0]) and "ProtoOATraderReq" in str(left[0])
    assert m.client.in_flight == 0


def test_what_was_to_leave_in_this_turn_of_the_reactor_never_left() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.end()
    assert isinstance(result[0], RequestNotSent)


# Healing


def test_accounts_and_subscriptions_stand_again_in_order_after_a_loss() -> None:
    m = Memory().ready().authorised().authorised(OTHER)
    steps = [
        (m.client.subscribe_depth_quotes, {"symbolId": [1]}, messages.ProtoOASubscribeDepthQuotesRes),
        (
            m.client.subscribe_spots,
            {"symbolId": [1, 2], "subscribeToSpotTimestamp": True},
            messages.ProtoOASubscribeSpotsRes,
        ),
        (m.client.subscribe_live_trendbar, {"symbolId": 1, "period": 1}, messages.ProtoOASubscribeLiveTrendbarRes),
        (m.client.subscribe_spots, {"symbolId": [3]}, messages.ProtoOASubscribeSpotsRes),
        (m.client.unsubscribe_spots, {"symbolId": [2]}, messages.ProtoOAUnsubscribeSpotsRes),
    ]
    for method, fields, answer in steps:
        method(ctidTraderAccountId=ACCOUNT, **fields)
        (request,) = m.sent()
        m.say(answer(ctidTraderAccountId=ACCOUNT), to=request)
    m.clock.advance(3)
    m.say(messages.ProtoHeartbeatEvent())
    m.clock.advance(2)
    m.end()
    assert m.client.account_state(ACCOUNT) is AccountState.DROPPED
    reconnect(m)

    auths = m.sent()
    assert [codec.unpack(auth).ctidTraderAccountId for auth in auths] == [ACCOUNT, OTHER]
    assert {codec.unpack(auth).accessToken for auth in auths} == {TOKEN}
    for auth, account in zip(auths, (ACCOUNT, OTHER), strict=True):
        m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=account), to=auth)
    asked = []
    for _ in range(4):
        (request,) = m.sent()
        asked.append(codec.unpack(request))
        answer = {
            "ProtoOASubscribeSpotsReq": messages.ProtoOASubscribeSpotsRes,
            "ProtoOASubscribeLiveTrendbarReq": messages.ProtoOASubscribeLiveTrendbarRes,
            "ProtoOASubscribeDepthQuotesReq": messages.ProtoOASubscribeDepthQuotesRes,
        }[names([request])[0]]
        m.say(answer(ctidTraderAccountId=ACCOUNT), to=request)
    assert asked == [
        messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ACCOUNT, symbolId=[3]),
        messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ACCOUNT, symbolId=[1], subscribeToSpotTimestamp=True),
        messages.ProtoOASubscribeLiveTrendbarReq(ctidTraderAccountId=ACCOUNT, symbolId=1, period="M1"),
        messages.ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=ACCOUNT, symbolId=[1]),
    ]
    assert m.sent() == []
    events = {event.account_id: event for event in m.of(Resynchronised)}
    assert set(events) == {ACCOUNT, OTHER}
    assert events[ACCOUNT].lost_at == 3 and events[ACCOUNT].restored_at == m.clock.seconds()
    assert events[ACCOUNT].renewed == (
        Subscription("spots", 3),
        Subscription("spots", 1, with_timestamp=True),
        Subscription("trendbars", 1, period=1),
        Subscription("depth", 1),
    )
    assert events[ACCOUNT].failed == () and events[OTHER].renewed == ()


def standing_spots(m: Memory, symbol: int = 1) -> None:
    m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[symbol])
    (request,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=request)


def come_back(m: Memory) -> None:
    """Lose the connection, open another one and authorise the account there: what stood is asked for next."""
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)


def test_resynchronised_names_the_requests_that_the_loss_caught() -> None:
    m = Memory().ready().authorised()
    outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.sent()
    outcome(m.client.reconcile(ctidTraderAccountId=ACCOUNT))
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    (event,) = m.of(Resynchronised)
    assert event.requests_unknown == ("ProtoOATraderReq",)
    assert event.requests_not_sent == ("ProtoOAReconcileReq",)


def test_a_subscription_that_stands_already_is_renewed() -> None:
    m = Memory().ready().authorised()
    standing_spots(m)
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(error("ALREADY_LOGGED_IN"), to=auth)
    (spots,) = m.sent()
    m.say(error("ALREADY_SUBSCRIBED"), to=spots)
    (event,) = m.of(Resynchronised)
    assert event.renewed == (Subscription("spots", 1),)


def test_a_subscription_that_is_refused_is_told_and_no_longer_stands() -> None:
    m = Memory().ready().authorised()
    standing_spots(m)
    for expected in ((Subscription("spots", 1),), ()):
        come_back(m)
        for request in m.sent():
            m.say(error("SYMBOL_NOT_FOUND"), to=request)
        assert tuple(what for what, _ in m.of(Resynchronised)[-1].failed) == expected


def test_a_limit_during_renewal_is_waited_out() -> None:
    m = Memory().ready().authorised()
    standing_spots(m)
    come_back(m)
    (first,) = m.sent()
    m.say(error("BLOCKED_PAYLOAD_TYPE", retryAfter=7), to=first)
    assert m.sent() == []
    m.clock.pump([1] * 7)
    (second,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=second)
    assert m.of(Resynchronised)[0].renewed == (Subscription("spots", 1),)


@pytest.mark.parametrize("again", [True, False])
def test_what_is_unsubscribed_during_renewal_is_ended_unless_it_was_subscribed_to_since(again: bool) -> None:
    m = Memory().ready().authorised()
    standing_spots(m)
    come_back(m)
    (first,) = m.sent()
    m.say(error("CH_SERVER_NOT_REACHABLE"), to=first)
    m.client.unsubscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[1])
    (ended,) = m.sent()
    m.clock.advance(1)
    (renewed,) = m.sent()
    if again:
        m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[1])
        (begun,) = m.sent()
    m.say(messages.ProtoOAUnsubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=ended)
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=renewed)
    assert names(m.sent()) == ([] if again else ["ProtoOAUnsubscribeSpotsReq"])
    if again:
        m.say(error("ALREADY_SUBSCRIBED"), to=begun)
    assert m.client.subscriptions(ACCOUNT) == ((Subscription("spots", 1),) if again else ())


def test_what_is_left_of_several_that_were_refused_together_is_asked_for_by_itself() -> None:
    m = Memory().ready().authorised()
    m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[1, 2])
    (asked,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=asked)
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    (both,) = m.sent()
    m.client.unsubscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[2])
    (ended,) = m.sent()
    m.say(messages.ProtoOAUnsubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=ended)
    m.say(error("ALREADY_SUBSCRIBED"), to=both)  # 1 stands: it was subscribed to before it was renewed
    ((end, over), (begin, alone)) = m.expect(messages.ProtoOAUnsubscribeSpotsReq, messages.ProtoOASubscribeSpotsReq)
    assert (list(over.symbolId), list(alone.symbolId)) == ([2], [1])
    m.say(error("NOT_SUBSCRIBED_TO_SPOTS"), to=end)
    m.say(error("ALREADY_SUBSCRIBED"), to=begin)
    (event,) = m.of(Resynchronised)
    assert (event.renewed, event.failed) == ((Subscription("spots", 1),), ())
    assert m.client.subscriptions(ACCOUNT) == (Subscription("spots", 1),)


def test_a_loss_during_restoration_begins_it_anew_and_tells_once() -> None:
    m = Memory().ready().authorised()
    standing_spots(m)
    m.clock.advance(4)
    m.say(messages.ProtoHeartbeatEvent())
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    assert names(m.sent()) == ["ProtoOASubscribeSpotsReq"]
    m.end()
    assert m.of(Resynchronised) == []
    reconnect(m)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    (spots,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=spots)
    (event,) = m.of(Resynchronised)
    assert event.lost_at == 4


def test_one_accounts_refusal_does_not_delay_another() -> None:
    m = Memory().ready().authorised().authorised(OTHER)
    m.end()
    reconnect(m)
    one, other = m.sent()
    m.say(error("CH_ACCESS_TOKEN_INVALID"), to=one)
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=OTHER), to=other)
    assert m.client.account_state(ACCOUNT) is AccountState.TOKEN_INVALID
    assert [event.account_id for event in m.of(Resynchronised)] == [OTHER]
    m.clock.pump([1] * 60)
    assert [name for name in names(m.sent()) if name == "ProtoOAAccountAuthReq"] == []  # not hammered


def test_a_refused_account_that_is_given_a_new_token_stands_again_with_its_subscriptions() -> None:
    m = Memory().ready().authorised()
    standing_spots(m)
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(error("CH_ACCESS_TOKEN_INVALID"), to=auth)
    result = outcome(m.client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="a better one"))
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    assert result[0].ctidTraderAccountId == ACCOUNT
    assert names(m.sent()) == ["ProtoOASubscribeSpotsReq"]


def test_an_account_session_that_the_server_ends_is_restored_ever_later() -> None:
    m = Memory(retry_after=1).ready().authorised()
    for expected in (1, 1.5, 2.25):
        m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
        assert m.client.account_state(ACCOUNT) is AccountState.DROPPED
        m.clock.advance(expected - 0.01)
        assert m.sent() == []
        m.clock.advance(0.01)
        (auth,) = m.sent()
        m.say(error("CH_SERVER_NOT_REACHABLE"), to=auth)
    m.clock.advance(4)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    assert len(m.of(Resynchronised)) == 1


def test_a_logout_is_complete_with_the_disconnect_event_and_not_undone() -> None:
    m = Memory().ready().authorised()
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    (request,) = m.sent()
    m.say(messages.ProtoOAAccountLogoutRes(ctidTraderAccountId=ACCOUNT), to=request)
    assert m.client.account_state(ACCOUNT) is AccountState.AUTHORISED
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    assert m.client.account_state(ACCOUNT) is AccountState.UNAUTHORISED
    m.end()
    reconnect(m)
    assert m.sent() == []


def test_an_application_that_the_server_cuts_is_authorised_anew() -> None:
    m = Memory().ready().authorised()
    m.say(messages.ProtoOAClientDisconnectEvent(reason="maintenance of the proxy"))
    assert m.client.state is ConnectionState.CONNECTED
    assert m.parted()
    m.end()
    assert "maintenance of the proxy" in str(m.of(Disconnected)[0].reason)
    reconnect(m)
    assert names(m.sent()) == ["ProtoOAAccountAuthReq"]


def test_an_application_without_accounts_that_the_server_cuts_is_authorised_anew() -> None:
    m = Memory().ready()
    m.say(messages.ProtoOAClientDisconnectEvent(reason="server restart"))
    assert m.parted()
    m.end()
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_an_application_that_the_server_knows_no_more_is_authorised_anew() -> None:
    m = Memory().ready()
    m.say(error("CH_CLIENT_NOT_AUTHENTICATED"))  # to nothing that was asked
    assert m.parted()
    m.end()
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_why_the_server_closes_at_once_is_told_though_it_answers_nothing() -> None:
    m = Memory()
    m.accept()
    m.sent()
    m.say(messages.ProtoErrorRes(errorCode="CONNECTIONS_LIMIT_EXCEEDED"))
    m.end()
    (lost,) = m.of(Disconnected)
    assert "CONNECTIONS_LIMIT_EXCEEDED" in str(lost.reason)


def test_account_changes_are_told_with_their_reason() -> None:
    m = Memory().ready()
    refused = outcome(m.client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken=TOKEN))
    (auth,) = m.sent()
    m.say(error("CH_ACCESS_TOKEN_INVALID", description="no such token"), to=auth)
    assert isinstance(refused[0], TokenRefused)
    assert [(event.previous, event.state) for event in m.of(AccountChanged)] == [
        (AccountState.UNAUTHORISED, AccountState.AUTHORISING),
        (AccountState.AUTHORISING, AccountState.TOKEN_INVALID),
    ]
    assert "no such token" in m.of(AccountChanged)[1].reason


def test_maintenance_is_told_in_seconds_whichever_error_says_it() -> None:
    m = Memory().ready()
    results = []
    for answer in (
        messages.ProtoErrorRes(errorCode="SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=1_790_000_000_000),
        error("SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=1_790_000_000),
    ):
        results.append(outcome(m.client.version()))
        (request,) = m.sent()
        m.say(answer, to=request)
    for (result,) in results:
        assert isinstance(result, UnderMaintenance)
        assert result.maintenance_end == 1_790_000_000


# Closing


@pytest.mark.parametrize("stage", ["connecting", "connected", "ready", "restoring", "between", "never"])
def test_close_leaves_nothing_scheduled_whenever_it_comes(stage: str) -> None:
    m = Memory()
    ready = outcome(m.client.when_ready())
    if stage == "connected":
        m.accept()
    elif stage in ("ready", "restoring", "between"):
        m.ready().authorised()
        if stage != "ready":
            m.end()
        if stage == "restoring":
            reconnect(m)
    results = [outcome(m.client.trader(ctidTraderAccountId=ACCOUNT)), outcome(m.client.version())]
    stream = m.client.events(messages.ProtoOASpotEvent)
    following = outcome(stream.__anext__())
    done = outcome(m.client.close())
    for result in results:
        assert isinstance(result[0], (RequestNotSent, OutcomeUnknown))
    assert isinstance(following[0], StopAsyncIteration)
    if stage in ("connected", "ready", "restoring"):
        assert done == []
        assert m.parted()
        m.end()
    assert done == [None]
    assert m.clock.getDelayedCalls() == []
    assert not m.connector.connecting
    if stage in ("connecting", "connected", "never"):
        assert isinstance(ready[0], ClientClosed)
    assert outcome(m.client.close()) == [None]
    assert isinstance(outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))[0], ClientClosed)
    assert isinstance(outcome(m.client.when_ready())[0], ClientClosed)


def test_a_peer_that_does_not_let_go_is_aborted() -> None:
    m = Memory(close_timeout=5).ready()
    done = outcome(m.client.close())
    m.clock.advance(4.9)
    assert not m.transport.aborted
    m.clock.advance(0.2)
    assert m.transport.aborted
    m.end(clean=False)
    assert done == [None]


def test_close_sends_what_was_asked_in_the_same_turn() -> None:
    m = Memory().ready()
    result = outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))
    m.client.close()
    assert names(m.sent()) == ["ProtoOATraderReq"]
    assert isinstance(result[0], OutcomeUnknown)


def test_the_answer_of_a_request_that_timed_out_still_makes_a_subscription_stand() -> None:
    m = Memory().ready().authorised()
    result = outcome(m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[1], timeout=1))
    (request,) = m.sent()
    m.clock.advance(1)
    assert isinstance(result[0], AnswerTimeout)
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=request)
    m.end()
    reconnect(m)
    (auth,) = m.sent()
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)
    assert names(m.sent()) == ["ProtoOASubscribeSpotsReq"]


def test_a_dead_peer_is_left_for_a_new_connection() -> None:
    m = Memory().ready()
    m.clock.pump([1] * 75)
    assert m.transport.aborted
    m.end(clean=False)
    assert isinstance(m.of(Disconnected)[0].reason, DeadPeer)
    assert "nothing arrived for 75 s" in str(m.of(Disconnected)[0].reason)
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_no_secret_shows_in_what_is_told_or_printed() -> None:
    m = Memory().ready().authorised()
    seen = collector(m.client, messages.ProtoOAAccountAuthRes)
    m.end()
    reconnect(m)
    account = next(iter(m.factory.session.standing))
    shown = repr([m.told, m.client, m.factory, m.factory.session, account, seen, m.client.environment])
    assert SECRET not in shown and TOKEN not in shown
