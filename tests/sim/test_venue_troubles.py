"""What the venue refuses for a while, and connections that die without a word."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from ctrader_twisted import messages
from ctrader_twisted.sim import Limits, Options, script
from ctrader_twisted.sim.limits import Budget
from ctrader_twisted.sim.memory import join
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, NotSettled, VenueKit
from ctrader_twisted.sim.troubles import Span
from tests.sim.venues import EURUSD, account_auth, application_auth, of_account, told, with_account, with_application

BARS = of_account("GetTrendbars", symbolId=EURUSD, period=1, count=2)
NO_ROUTE = "CANT_ROUTE_REQUEST"


# ---------------------------------------------------------------------------------------------------------------- spans


def test_of_overlapping_spans_the_longest_counts():
    clock = Clock()
    span = Span(clock)
    assert not span
    span.begin(10)
    clock.advance(5)
    span.begin(2)
    clock.advance(4.9)
    assert span
    clock.advance(0.1)
    assert not span
    span.begin()
    clock.advance(1e9)
    assert span
    span.end()
    assert not span


def test_spans_of_nothing_and_of_everything_are_refused():
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="seconds is"):
            script.fall_silent(seconds)
    with pytest.raises(ValueError, match="delay is -1"):
        script.delay_answers(-1)


# ---------------------------------------------------------------------------------------------------------- maintenance


@pytest.mark.parametrize(
    ("error", "cls", "per_second"),
    [("ProtoErrorRes", messages.ProtoErrorRes, 1000), ("ProtoOAErrorRes", messages.ProtoOAErrorRes, 1)],
)
def test_maintenance_refuses_everything_and_tells_its_end_in_the_unit_of_its_message(error, cls, per_second):
    with VenueKit() as kit:
        client, stranger = with_account(kit), kit.wire_client()
        kit.advance(7)
        end = 37  # by the clock, which clients wait by; the venue's time is the market's
        kit.play("maintenance", seconds=30, error=error)
        for who, request in [
            (client, of_account("Trader")),
            (client, messages.ProtoOAVersionReq()),
            (stranger, application_auth()),
            (stranger, of_account("Trader")),
        ]:
            answer = who.ask(request)
            assert type(answer) is cls
            assert answer.errorCode == "SERVER_IS_UNDER_MAINTENANCE"
            assert answer.maintenanceEndTimestamp == end * per_second
        assert kit.wire_client().lost is None
        for _ in range(2):
            kit.advance(15)
            client.send(messages.ProtoHeartbeatEvent())
        assert client.ask(of_account("Trader"))  # the session has outlived it
        assert isinstance(stranger.ask(application_auth()), messages.ProtoOAApplicationAuthRes)


@pytest.mark.parametrize(("announced", "told_ms"), [(None, 10_000), (3.0, 3_000), (0.0, None)])
def test_maintenance_may_tell_another_end_or_none(announced, told_ms):
    with VenueKit() as kit:
        kit.play("maintenance", seconds=10, error="ProtoErrorRes", announced=announced)
        answer = kit.wire_client().ask(application_auth())
        assert answer.HasField("maintenanceEndTimestamp") is (told_ms is not None)
        assert answer.maintenanceEndTimestamp == (told_ms or 0)


def test_maintenance_may_keep_the_door_shut():
    with VenueKit() as kit:
        kit.play("maintenance", seconds=10, connections="refused")
        assert kit.wire_client().lost.check(ConnectionDone)
        kit.advance(10)
        assert with_application(kit)
        kit.play("maintenance", seconds=10, connections="stalled")
        client = kit.wire_client()
        with pytest.raises(NotSettled):
            client.ask(application_auth(), within=9)
        assert client.lost is None
        kit.advance(1)
        assert client.lost.check(ConnectionLost)
        assert with_application(kit)


@pytest.mark.parametrize("arguments", [{"error": "ErrorRes"}, {"connections": "open"}])
def test_maintenance_knows_its_words(arguments):
    with pytest.raises(ValueError, match="it is one of"):
        script.maintenance(3, **arguments)


# ------------------------------------------------------------------------------------------------------------- back end


def test_a_back_end_that_is_down_takes_what_is_about_accounts_with_it():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("backend_down", seconds=10)
        assert client.ask(of_account("Trader")).errorCode == NO_ROUTE
        refused = client.ask(account_auth(USD_ACCOUNT))
        assert (refused.errorCode, refused.ctidTraderAccountId) == (NO_ROUTE, USD_ACCOUNT)
        assert client.ask(messages.ProtoOAVersionReq()).version
        listed = client.ask(messages.ProtoOAGetAccountListByAccessTokenReq(accessToken="sim-access-token"))
        assert len(listed.ctidTraderAccount) == 2
        assert with_application(kit)
        kit.advance(10)
        assert isinstance(client.ask(account_auth(USD_ACCOUNT)), messages.ProtoOAAccountAuthRes)
        assert client.ask(of_account("Trader")).trader.balance


def test_the_back_end_of_one_account_may_be_down():
    with VenueKit() as kit:
        client = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT)
        kit.play("backend_down", seconds=10, code="CH_SERVER_NOT_REACHABLE", account_id=USD_ACCOUNT)
        assert client.ask(of_account("Trader")).trader.balance
        assert client.ask(of_account("Trader", USD_ACCOUNT)).errorCode == "CH_SERVER_NOT_REACHABLE"


# ---------------------------------------------------------------------------------------------------------- application


def test_applications_are_refused_for_a_while():
    with VenueKit() as kit:
        before = with_account(kit)
        kit.play("refuse_application", code="CHANNEL_IS_BLOCKED", seconds=10)
        client = kit.wire_client()
        assert client.ask(application_auth()).errorCode == "CHANNEL_IS_BLOCKED"
        assert client.lost is None
        assert before.ask(of_account("Trader")).trader.balance
        kit.advance(10)
        assert isinstance(client.ask(application_auth()), messages.ProtoOAApplicationAuthRes)
        kit.play("refuse_application", code="UNKNOWN_ERROR", seconds=10, closes=True)
        client = kit.wire_client()
        assert client.ask(application_auth()).errorCode == "UNKNOWN_ERROR"
        assert client.lost.check(ConnectionDone)


@pytest.mark.parametrize("closes", [False, True])
def test_a_blocked_application_is_cut_off_and_kept_out(closes):
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("disconnect_client", reason="Blocked by administrator", closes=closes, refused_for=60)
        assert client.take() == [messages.ProtoOAClientDisconnectEvent(reason="Blocked by administrator")]
        assert (client.lost is not None) is closes
        again = kit.wire_client()
        assert again.ask(application_auth()).errorCode == "CHANNEL_IS_BLOCKED"
        assert (again.lost is not None) is closes
        kit.advance(60)
        assert with_application(kit)


def test_an_application_may_have_twenty_five_connections():
    with VenueKit() as kit:
        clients = [with_application(kit) for _ in range(25)]
        late = kit.wire_client()
        assert late.ask(application_auth()).errorCode == "CONNECTIONS_LIMIT_EXCEEDED"
        clients[0].close()
        assert with_application(kit)


# -------------------------------------------------------------------------------------------------------------- history


def test_history_is_blocked_for_longer_than_it_is_said():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("limit_history", seconds=20, retry_after=2)
        for _ in range(5):
            answer = client.ask(BARS)
            assert (answer.errorCode, answer.retryAfter) == ("BLOCKED_PAYLOAD_TYPE", 2)
            kit.advance(2)
        assert client.ask(of_account("Trader")).trader.balance
        kit.cut()
        again = with_account(kit)  # the quota is not the connection's
        assert again.ask(of_account("DealList")).errorCode == "BLOCKED_PAYLOAD_TYPE"
        kit.advance(10)
        assert again.ask(BARS).trendbar


def test_a_rolling_quota_outlasts_what_it_tells_to_wait():
    budget = Budget(Limits(historical=5, quota=10, quota_window=100.0))
    spent = [budget.spend(2137, at) for at in range(12)]
    assert spent == [None] * 10 + [1.0, 1.0]
    assert budget.spend(2121, 12.0) is None  # everything else is as before
    assert budget.spend(2137, 99.9) == 1.0
    assert budget.spend(2137, 100.0) is None
    assert budget.spend(2137, 100.5) == 1.0
    unlimited = Budget(Limits(historical=0, quota=2, quota_window=100.0))
    assert [unlimited.spend(2137, 0.0) for _ in range(3)] == [None, None, 1.0]


# ---------------------------------------------------------------------------------------- silence and half a connection


def test_heartbeats_stop():
    with VenueKit(options=Options(inactivity=0)) as kit:
        client = with_application(kit)
        kit.play("stop_heartbeats", seconds=100)
        kit.advance(99)
        assert not client.received
        assert client.ask(messages.ProtoOAVersionReq()).version
        kit.advance(26)
        assert len(client.take(messages.ProtoHeartbeatEvent)) == 1


def test_a_half_open_connection_neither_hears_nor_speaks_nor_answers_a_close():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        kit.play("half_open")
        client.send(of_account("Trader"), "swallowed")
        kit.advance(600)  # and it is not the venue that ends it, however long its client says nothing
        client.close()
        for name in ("close", "cut", "garbage", "disconnect_account", "disconnect_client"):
            kit.play(name)
        kit.advance(600)
        assert not client.received and client.lost is None
        assert with_account(kit).ask(of_account("Trader"))  # the others are heard
        client.transport.abortConnection()
        kit.pump()
        assert client.lost is not None


def test_a_half_open_connection_is_reset_at_its_end():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("half_open", seconds=30)
        kit.advance(29)
        assert client.lost is None
        kit.advance(1)
        assert client.lost.check(ConnectionLost)
        gone = with_account(kit)
        kit.play("half_open", seconds=30)
        gone.transport.abortConnection()
        kit.advance(30)  # there is nothing left to reset


def test_a_silent_connection_is_not_ended_for_inactivity():
    with VenueKit(options=Options(inactivity=10)) as kit:
        client = with_application(kit)
        kit.play("fall_silent", seconds=95)
        kit.advance(95)
        assert client.lost is None
        assert client.ask(messages.ProtoOAVersionReq()).version
        kit.advance(10)
        assert client.lost is not None


def test_silences_that_overlap_last_until_the_last_of_them_ends():
    with VenueKit() as kit:
        client = with_application(kit)
        kit.play("fall_silent", seconds=30)
        kit.advance(20)
        kit.play("fall_silent", seconds=5)
        kit.play("garbage")
        kit.advance(9)
        client.send(messages.ProtoOAVersionReq(), "lost")
        kit.advance(1)
        assert client.ask(messages.ProtoOAVersionReq()).version
        assert b"lost" not in client.raw and not client._wire.problems()


def test_a_stalled_connection_is_accepted_and_hears_nothing():
    with VenueKit() as kit:
        before = with_application(kit)
        kit.play("stall_connections", seconds=10)
        client = kit.wire_client()
        client.send(application_auth())
        kit.advance(5)
        kit.play("stall_connections", seconds=10)
        kit.advance(5)
        assert not client.received and client.lost is None  # it goes on
        kit.advance(5)
        assert client.lost.check(ConnectionLost)
        assert before.ask(messages.ProtoOAVersionReq())
        kit.play("stall_connections")
        client = kit.wire_client()
        kit.play("accept_connections")
        assert client.lost.check(ConnectionLost)
        kit.play("stall_connections")
        client = kit.wire_client()
        client.close()
        assert client.lost.check(ConnectionDone)
        kit.wire_client()  # dropped when the venue closes


def test_dropping_answers_ends_with_its_time():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("drop_answers", count=2, seconds=5)
        client.send(of_account("Trader"), "dropped")
        kit.advance(5)
        assert [type(one) for one in client.take()] == []
        assert client.ask(of_account("Trader"))


def test_a_close_in_memory_waits_for_whoever_does_not_read():
    class Recorder(Protocol):
        reason = None

        def connectionLost(self, reason):
            self.reason = reason.type

    client, server = Recorder(), Recorder()
    link = join(client, server)
    server.transport.pauseProducing()
    client.transport.loseConnection()
    assert not link.pump()
    server.transport.resumeProducing()
    assert link.pump()
    assert client.reason is server.reason is ConnectionDone


# ----------------------------------------------------------------------------------------------------------- the script


def test_an_action_prints_as_the_call_that_makes_it():
    action = script.maintenance(30, announced=5.0, error="ProtoErrorRes")
    assert repr(action) == "maintenance(seconds=30, error='ProtoErrorRes', announced=5.0)"
    assert eval(repr(action), vars(script)) == action != script.maintenance(31)
    assert repr(script.cut()) == "cut()"
    assert (action.name, dict(action.arguments)["seconds"]) == ("maintenance", 30)


def test_the_troubles_of_a_script_come_at_their_times():
    with VenueKit(script=[(5, script.backend_down(5)), (7, script.limit_history(10, 1))]) as kit:
        client = with_account(kit)
        kit.advance(5.5)
        assert client.ask(BARS).errorCode == NO_ROUTE
        kit.advance(2)
        assert client.ask(BARS).errorCode == "BLOCKED_PAYLOAD_TYPE"
        assert told(client.ask(of_account("Trader")))[0] == NO_ROUTE
        kit.advance(4)
        assert client.ask(BARS).errorCode == "BLOCKED_PAYLOAD_TYPE"
        kit.advance(6)
        assert client.ask(BARS).trendbar
