from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError

from ctrader_twisted import messages
from ctrader_twisted.errors import FrameTooLong, TruncatedFrame, UndecodableEnvelope
from ctrader_twisted.sim import script
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from tests.sim.venues import EURUSD, account_auth, application_auth, of_account, told, with_account, with_application


def test_a_script_is_played_at_its_times():
    heard = []
    steps = [(at, lambda venue: heard.append(venue.now() - start)) for at in (5, 0, 2.5)]
    with VenueKit(script=steps) as kit:
        start = kit.venue.now()
        kit.advance(10)
    assert heard == [0, 2_500, 5_000]


def test_what_was_not_played_is_forgotten_when_the_venue_closes():
    with VenueKit(script=[(1_000, script.close())]) as kit:
        kit.advance(1)
    assert not kit.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("action", "reason"), [(script.close(), ConnectionDone), (script.abort(), ConnectionLost)], ids=["close", "abort"]
)
def test_connections_are_ended(action, reason):
    with VenueKit(script=[(5, action)]) as kit:
        clients = [with_application(kit), with_application(kit)]
        kit.advance(5)
        assert all(client.lost.check(reason) for client in clients)
        assert with_application(kit).lost is None  # the next one is not


def test_a_connection_is_cut_inside_a_frame():
    with VenueKit() as kit:
        client = with_account(kit)
        client.send(of_account("Trader"))
        kit.venue.play(script.cut())
        kit.pump()
        assert client.lost.check(ConnectionDone)
        assert len(client.take()) == 1
        assert isinstance(client._wire.end(), TruncatedFrame)


def test_a_silent_venue_neither_answers_nor_hears_and_keeps_the_connection():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        kit.venue.play(script.fall_silent(20))
        client.send(of_account("Trader"), "lost for ever")
        kit.advance(19)
        assert not client.received
        other = with_application(kit)  # new connections are heard
        client.send(messages.ProtoHeartbeatEvent())
        kit.advance(5)
        assert client.take(messages.ProtoOASpotEvent)
        assert not client.take(messages.ProtoOATraderRes)
        assert client.ask(of_account("Trader"))
        assert other.lost is None


def test_new_connections_are_refused_for_a_while():
    with VenueKit() as kit:
        kit.venue.play(script.refuse_connections(10))
        assert kit.wire_client().lost.check(ConnectionDone)  # it was accepted by the port, and closed
        kit.advance(10)
        assert with_application(kit).lost is None
        kit.venue.play(script.refuse_connections())
        assert kit.wire_client().lost is not None
        kit.venue.play(script.accept_connections())
        assert kit.wire_client().lost is None
        kit.refuse_connections()
        assert kit.wire_client().lost.check(ConnectionRefusedError)
        kit.accept_connections()
        assert kit.wire_client().lost is None


def test_answers_are_dropped_and_their_requests_carried_out():
    with VenueKit() as kit:
        client = with_application(kit)
        kit.venue.play(script.drop_answers(request="ProtoOAAccountAuthReq"))
        client.send(account_auth(), "a")
        assert not client.received
        assert client.ask(account_auth()).errorCode == "ALREADY_LOGGED_IN"
        kit.venue.play(script.drop_answers(2))
        for number in range(3):
            client.send(of_account("Trader"), str(number))
        assert [one.client_msg_id for one in client.received] == ["2"]


def test_answers_are_delayed_in_their_order():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.venue.play(script.delay_answers(2.0, seconds=1.0))
        client.send(of_account("Trader"), "first")
        kit.advance(0.9)
        client.send(of_account("AssetList"), "second")
        kit.advance(0.2)  # the delay is over, the delayed are not
        client.send(of_account("SymbolsList"), "third")
        assert not client.received
        kit.advance(0.9)
        assert [one.client_msg_id for one in client.received] == ["first"]
        kit.advance(0.9)
        assert [one.client_msg_id for one in client.received] == ["first", "second", "third"]
        client.send(of_account("Trader"), "fourth")
        assert client.received[-1].client_msg_id == "fourth"
        kit.venue.play(script.delay_answers(60))
        client.send(of_account("Trader"), "never")
        kit.cut()
        assert not kit.clock.getDelayedCalls()


def test_garbage_is_sent_as_it_is():
    with VenueKit() as kit:
        client = with_account(kit)
        client.send(of_account("Trader"))
        kit.venue.play(script.garbage())
        kit.pump()
        (problem,) = client._wire.problems()
        assert isinstance(problem, UndecodableEnvelope)
        assert client.ask(of_account("Trader"))
        kit.venue.play(script.garbage(b"HTTP/1.1 400 Bad Request\r\n"))
        kit.pump()
        assert client.raw.endswith(b"HTTP/1.1 400 Bad Request\r\n")
        (problem,) = client._wire.problems()
        assert isinstance(problem, FrameTooLong)


def test_an_overlong_frame_is_announced():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.venue.play(script.overlong_frame())
        kit.pump()
        (problem,) = client._wire.problems()
        assert problem.announced == 0x7FFF_FFFF


def test_an_unknown_payload_type_is_sent():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.venue.play(script.unknown_payload_type())
        kit.pump()
        assert [(one.payload_type, one.client_msg_id) for one in client.received] == [(9_999, None)]


def test_an_account_is_disconnected():
    with VenueKit() as kit:
        client = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT)
        kit.venue.play(script.disconnect_account(USD_ACCOUNT))
        kit.pump()
        assert client.take() == [messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=USD_ACCOUNT)]
        assert client.ask(of_account("Trader"))
        assert told(client.ask(of_account("Trader", USD_ACCOUNT)))[1] == "Trading account is not authorized"
        kit.venue.play(script.disconnect_account())
        kit.pump()
        assert client.take() == [messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=EUR_ACCOUNT)]
        assert isinstance(client.ask(account_auth()), messages.ProtoOAAccountAuthRes)


def test_a_token_is_invalidated():
    with VenueKit() as kit:
        client = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT)
        kit.venue.play(script.invalidate_token("revoked by the user"))
        kit.pump()
        event, *others = client.take()
        assert list(event.ctidTraderAccountIds) == [EUR_ACCOUNT, USD_ACCOUNT]
        assert event.reason == "revoked by the user"
        assert [type(other) for other in others] == [messages.ProtoOAAccountDisconnectEvent] * 2
        assert client.ask(account_auth()).errorCode == "CH_ACCESS_TOKEN_INVALID"
        fresh = client.ask(messages.ProtoOARefreshTokenReq(refreshToken="sim-refresh-token"))
        assert isinstance(client.ask(account_auth(access_token=fresh.accessToken)), messages.ProtoOAAccountAuthRes)


def test_the_application_is_disconnected():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        kit.venue.play(script.disconnect_client("too many of you"))
        kit.advance(10)
        assert client.take() == [messages.ProtoOAClientDisconnectEvent(reason="too many of you")]
        assert client.ask(of_account("Trader")).errorCode == "CH_CLIENT_NOT_AUTHENTICATED"
        assert isinstance(client.ask(application_auth()), messages.ProtoOAApplicationAuthRes)


NEEDED = {
    "delay_answers": {"delay": 1.0},
    "delay_token_answers": {"delay": 1.0},
    "maintenance": {"seconds": 1.0},
    "backend_down": {"seconds": 1.0},
    "limit_history": {"seconds": 1.0},
    "refuse_application": {"code": "CHANNEL_IS_BLOCKED", "seconds": 1.0},
    "deposit": {"amount": 100},
    "withdraw": {"amount": 100},
    "give_bonus": {"amount": 100},
    "take_bonus": {"amount": 100},
    "change_leverage": {"leverage": 30},
    "change_access": {"rights": "close only"},
    "change_symbol": {"symbol": "EURUSD", "mode": "close only"},
}


@pytest.mark.parametrize("name", sorted(script.ACTIONS))
def test_every_action_does_no_harm_where_nobody_is_connected(name):
    with VenueKit() as kit:
        arguments = NEEDED.get(name, {})
        kit.venue.play(script.ACTIONS[name](**arguments))
        kit.advance(1)


def test_a_request_to_drop_has_to_be_one():
    with pytest.raises(ValueError, match="ProtoOASpotEvent is not a request"):
        script.drop_answers(request="ProtoOASpotEvent")
