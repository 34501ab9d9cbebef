from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionDone

from ctrader_twisted import messages
from ctrader_twisted.sim import Application, Grant, Options, TradingAccount
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
    USD_ACCOUNT,
    VenueKit,
)
from tests.sim.venues import EURUSD, account_auth, application_auth, of_account, told, with_account, with_application

LIVE_ACCOUNT = 42
ACCOUNTS = (
    TradingAccount(EUR_ACCOUNT, 1, "EUR"),
    TradingAccount(USD_ACCOUNT, 2, "USD"),
    TradingAccount(LIVE_ACCOUNT, 3, "EUR", is_live=True),
)
GRANTS = (
    Grant((EUR_ACCOUNT, LIVE_ACCOUNT), "first-access", "first-refresh", user_id=11),
    Grant((EUR_ACCOUNT, USD_ACCOUNT), "second-access", "second-refresh", user_id=12, scope=0, lifetime=600),
)


def richer_kit(**options) -> VenueKit:
    return VenueKit(accounts=ACCOUNTS, grants=GRANTS, options=Options(**options))


@pytest.mark.parametrize(
    ("client_id", "client_secret"),
    [("nobody", CLIENT_SECRET), (CLIENT_ID, "wrong"), ("", ""), (CLIENT_SECRET, CLIENT_ID)],
)
def test_a_wrong_application_is_refused_and_the_connection_closed_cleanly(client_id, client_secret):
    with VenueKit() as kit:
        client = kit.wire_client()
        error = client.ask(messages.ProtoOAApplicationAuthReq(clientId=client_id, clientSecret=client_secret))
        assert told(error) == ("CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect")
        assert client.lost.check(ConnectionDone)


def test_an_application_authorises_once():
    with VenueKit() as kit:
        client = with_application(kit)
        assert told(client.ask(application_auth()))[0] == "CH_CLIENT_ALREADY_AUTHENTICATED"
        assert client.lost is None


def test_what_a_second_authorisation_of_the_application_is_told_is_an_option():
    with VenueKit(options=Options(twice_code="ALREADY_LOGGED_IN")) as kit:
        client = with_application(kit)
        assert told(client.ask(application_auth()))[0] == "ALREADY_LOGGED_IN"
        assert isinstance(client.ask(account_auth()), messages.ProtoOAAccountAuthRes)


def test_several_applications_may_connect_each_so_often():
    applications = (Application("one", "1"), Application("two", "2"))
    with VenueKit(applications=applications, options=Options(max_connections=2)) as kit:
        ask = messages.ProtoOAApplicationAuthReq(clientId="one", clientSecret="1")
        first = kit.wire_client()
        assert isinstance(first.ask(ask), messages.ProtoOAApplicationAuthRes)
        assert isinstance(kit.wire_client().ask(ask), messages.ProtoOAApplicationAuthRes)
        assert kit.wire_client().ask(ask).errorCode == "CONNECTIONS_LIMIT_EXCEEDED"
        other = messages.ProtoOAApplicationAuthReq(clientId="two", clientSecret="2")
        assert isinstance(kit.wire_client().ask(other), messages.ProtoOAApplicationAuthRes)
        first.close()
        assert isinstance(kit.wire_client().ask(ask), messages.ProtoOAApplicationAuthRes)


@pytest.mark.parametrize("environment", ["demo", "live"])
def test_the_account_list_is_served_in_both_environments(environment):
    with richer_kit(environment=environment) as kit:
        client = with_application(kit)
        answer = client.ask(messages.ProtoOAGetAccountListByAccessTokenReq(accessToken="first-access"))
        assert answer.accessToken == "first-access"
        assert answer.permissionScope == messages.ProtoOAClientPermissionScope.SCOPE_TRADE
        assert [(one.ctidTraderAccountId, one.isLive, one.traderLogin) for one in answer.ctidTraderAccount] == [
            (EUR_ACCOUNT, False, 1),
            (LIVE_ACCOUNT, True, 3),
        ]
        other = client.ask(messages.ProtoOAGetAccountListByAccessTokenReq(accessToken="second-access"))
        assert other.permissionScope == messages.ProtoOAClientPermissionScope.SCOPE_VIEW
        profile = client.ask(messages.ProtoOAGetCtidProfileByTokenReq(accessToken="second-access"))
        assert profile.profile.userId == 12


@pytest.mark.parametrize(
    ("account_id", "token", "code"),
    [
        (EUR_ACCOUNT, "first-access", None),
        (EUR_ACCOUNT, "second-access", None),
        (EUR_ACCOUNT, "made-up", "CH_ACCESS_TOKEN_INVALID"),
        (EUR_ACCOUNT, "first-refresh", "CH_ACCESS_TOKEN_INVALID"),
        (USD_ACCOUNT, "first-access", "CH_CTID_TRADER_ACCOUNT_NOT_FOUND"),
        (999, "first-access", "CH_CTID_TRADER_ACCOUNT_NOT_FOUND"),
        (LIVE_ACCOUNT, "first-access", "CANT_ROUTE_REQUEST"),
    ],
)
def test_an_account_needs_its_token_and_its_environment(account_id, token, code):
    with richer_kit() as kit:
        client = with_application(kit)
        answer = client.ask(account_auth(account_id, token))
        if code is None:
            assert answer == messages.ProtoOAAccountAuthRes(ctidTraderAccountId=account_id)
        else:
            assert (answer.errorCode, answer.ctidTraderAccountId) == (code, account_id)


def test_a_live_venue_takes_live_accounts_only():
    with richer_kit(environment="live") as kit:
        client = with_application(kit)
        assert client.ask(account_auth(EUR_ACCOUNT, "first-access")).errorCode == "CANT_ROUTE_REQUEST"
        assert isinstance(client.ask(account_auth(LIVE_ACCOUNT, "first-access")), messages.ProtoOAAccountAuthRes)


def test_tokens_expire():
    with richer_kit() as kit:
        client = with_application(kit)
        kit.advance(20)  # heartbeats are not sent by this client: stay below the inactivity
        assert isinstance(client.ask(account_auth(USD_ACCOUNT, "second-access")), messages.ProtoOAAccountAuthRes)
        kit.clock.rightNow += 600
        late = with_application(kit)
        for request in (
            account_auth(USD_ACCOUNT, "second-access"),
            messages.ProtoOAGetAccountListByAccessTokenReq(accessToken="second-access"),
            messages.ProtoOAGetCtidProfileByTokenReq(accessToken="second-access"),
        ):
            assert late.ask(request).errorCode == "OA_AUTH_TOKEN_EXPIRED"
        fresh = late.ask(messages.ProtoOARefreshTokenReq(refreshToken="second-refresh"))
        assert fresh.expiresIn == 600
        assert isinstance(late.ask(account_auth(USD_ACCOUNT, fresh.accessToken)), messages.ProtoOAAccountAuthRes)


def test_an_account_logs_in_once_but_its_token_can_be_swapped():
    with richer_kit() as kit:
        client = with_application(kit)
        assert isinstance(client.ask(account_auth(EUR_ACCOUNT, "first-access")), messages.ProtoOAAccountAuthRes)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        assert client.ask(account_auth(EUR_ACCOUNT, "first-access")).errorCode == "ALREADY_LOGGED_IN"
        assert isinstance(client.ask(account_auth(EUR_ACCOUNT, "second-access")), messages.ProtoOAAccountAuthRes)
        assert client.ask(account_auth(EUR_ACCOUNT, "second-access")).errorCode == "ALREADY_LOGGED_IN"
        assert client.ask(of_account("SubscribeSpots", symbolId=[EURUSD])).errorCode == "ALREADY_SUBSCRIBED"


def test_an_account_may_be_authorised_on_two_connections():
    with VenueKit() as kit:
        first, second = with_account(kit), with_account(kit)
        first.close()
        assert isinstance(second.ask(of_account("Trader")), messages.ProtoOATraderRes)


def test_logging_out_is_acknowledged_and_then_confirmed():
    with VenueKit() as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        client.take()
        client.send(of_account("AccountLogout"), "out")
        answer, event = client.received
        assert (answer.payload_type, answer.client_msg_id) == (2163, "out")
        assert (event.payload_type, event.client_msg_id) == (2164, None)
        client.take()
        assert told(client.ask(of_account("Trader"))) == ("INVALID_REQUEST", "Trading account is not authorized")
        kit.advance(30)
        assert not client.take(messages.ProtoOASpotEvent)


def test_refreshing_replaces_both_tokens_and_ends_the_sessions():
    with richer_kit() as kit:
        client, elsewhere = with_application(kit), with_application(kit)
        client.ask(account_auth(EUR_ACCOUNT, "first-access"))
        elsewhere.ask(account_auth(EUR_ACCOUNT, "second-access"))
        answer = client.ask(messages.ProtoOARefreshTokenReq(refreshToken="first-refresh"))
        assert (answer.tokenType, answer.expiresIn) == ("bearer", 2_628_000)
        assert len({answer.accessToken, answer.refreshToken, "first-access", "first-refresh"}) == 4
        invalidated, disconnected = client.take()
        assert isinstance(invalidated, messages.ProtoOAAccountsTokenInvalidatedEvent)
        assert list(invalidated.ctidTraderAccountIds) == [EUR_ACCOUNT]
        assert invalidated.reason
        assert disconnected == messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=EUR_ACCOUNT)
        # The other grant lives on, and so does what it opened.
        assert not elsewhere.take()
        assert isinstance(elsewhere.ask(of_account("Trader")), messages.ProtoOATraderRes)

        assert told(client.ask(of_account("Trader"))) == ("INVALID_REQUEST", "Trading account is not authorized")
        assert client.ask(account_auth(EUR_ACCOUNT, "first-access")).errorCode == "CH_ACCESS_TOKEN_INVALID"
        assert isinstance(client.ask(account_auth(EUR_ACCOUNT, answer.accessToken)), messages.ProtoOAAccountAuthRes)


def test_a_refresh_token_works_once_and_its_replay_hurts_nobody():
    with VenueKit() as kit:
        client = with_application(kit)
        first = client.ask(messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN))
        assert client.ask(messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN)).errorCode == (
            "CH_ACCESS_TOKEN_INVALID"
        )
        second = client.ask(messages.ProtoOARefreshTokenReq(refreshToken=first.refreshToken))
        assert isinstance(client.ask(account_auth(EUR_ACCOUNT, second.accessToken)), messages.ProtoOAAccountAuthRes)
        assert client.ask(account_auth(EUR_ACCOUNT, ACCESS_TOKEN)).errorCode == "CH_ACCESS_TOKEN_INVALID"


@pytest.mark.parametrize("survive", [False, True])
def test_whether_subscriptions_outlive_a_refresh_is_an_option(survive):
    with VenueKit(options=Options(subscriptions_survive=survive)) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        tokens = client.ask(messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN))
        client.take()
        kit.advance(20)
        assert not client.take(messages.ProtoOASpotEvent)  # nothing while it is not authorised
        client.ask(account_auth(EUR_ACCOUNT, tokens.accessToken))
        kit.advance(20)
        assert bool(client.take(messages.ProtoOASpotEvent)) is survive
        again = client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        assert (getattr(again, "errorCode", "") == "ALREADY_SUBSCRIBED") is survive


def test_a_lost_connection_takes_everything_with_it():
    with VenueKit(options=Options(subscriptions_survive=True)) as kit:
        client = with_account(kit)
        client.ask(of_account("SubscribeSpots", symbolId=[EURUSD]))
        kit.cut()
        assert not kit.venue.conversations
        assert not kit.clock.getDelayedCalls()  # no tick is planned for nobody
        again = with_application(kit)
        assert told(again.ask(of_account("Trader"))) == ("INVALID_REQUEST", "Trading account is not authorized")


def test_made_up_tokens_follow_from_the_seed():
    def refreshed(seed: int) -> str:
        with VenueKit(seed=seed) as kit:
            return with_application(kit).ask(messages.ProtoOARefreshTokenReq(refreshToken=REFRESH_TOKEN)).accessToken

    assert refreshed(1) == refreshed(1) != refreshed(2)
