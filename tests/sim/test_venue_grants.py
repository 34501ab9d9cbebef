"""Tokens: how they die, how they are renewed, and what several grants of one user mean to each other."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim import Application, Grant, Options, TradingAccount, script
from ctrader_twisted.sim.accounts import SCOPE_VIEW, Registry
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, REFRESH_TOKEN, USD_ACCOUNT, VenueKit
from tests.sim.venues import account_auth, application_auth, of_account, told, with_account, with_application

AUTHORISED = messages.ProtoOAAccountAuthRes
INVALID = "CH_ACCESS_TOKEN_INVALID"


def refresh(token: str = REFRESH_TOKEN):
    return messages.ProtoOARefreshTokenReq(refreshToken=token)


def invalidated(client) -> list[int]:
    """Take the one event that says so; give its accounts."""
    (event,) = client.take(messages.ProtoOAAccountsTokenInvalidatedEvent)
    return list(event.ctidTraderAccountIds)


# --------------------------------------------------------------------------------------------------------- invalidation


def test_tokens_may_be_as_good_after_an_invalidation_as_before():
    with VenueKit() as kit:
        client = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT)
        kit.play("invalidate_token", still_good="both", reason="whatever")
        assert invalidated(client) == [EUR_ACCOUNT, USD_ACCOUNT]
        assert isinstance(client.ask(account_auth()), AUTHORISED)


def test_the_refresh_token_may_survive_the_access_token():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("invalidate_token")
        assert invalidated(client) == [EUR_ACCOUNT]
        assert client.ask(account_auth()).errorCode == INVALID
        fresh = client.ask(refresh())
        assert isinstance(client.ask(account_auth(access_token=fresh.accessToken)), AUTHORISED)


def test_a_revoked_grant_is_dead_for_good():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("invalidate_token", still_good="nothing", reason="Access was revoked by the user")
        assert invalidated(client) == [EUR_ACCOUNT]
        assert client.ask(account_auth()).errorCode == INVALID
        assert told(client.ask(refresh()))[0] == INVALID
        kit.play("invalidate_token")  # nothing brings it back
        assert client.ask(refresh()).errorCode == INVALID
        with pytest.raises(KeyError):
            kit.venue.registry.token_for(EUR_ACCOUNT)
        fresh = kit.venue.authorise([EUR_ACCOUNT])
        assert isinstance(client.ask(account_auth(access_token=fresh.access_token)), AUTHORISED)
        assert kit.venue.registry.token_for(EUR_ACCOUNT) == fresh.access_token


def test_one_grant_of_several_may_die():
    grants = (Grant((EUR_ACCOUNT,), "a", "r"), Grant((USD_ACCOUNT,), "b", "s"))
    with VenueKit(grants=grants) as kit:
        client = with_application(kit)
        client.ask(account_auth(EUR_ACCOUNT, "a"))
        client.ask(account_auth(USD_ACCOUNT, "b"))
        kit.play("invalidate_token", grant=2, still_good="nothing")
        assert invalidated(client) == [USD_ACCOUNT]
        assert client.ask(of_account("Trader"))
        assert client.ask(refresh("s")).errorCode == INVALID
        assert client.ask(refresh("r")).accessToken
        with pytest.raises(ValueError, match="there is no token 3: the venue has 2"):
            kit.play("invalidate_token", grant=3)


def test_an_invalidation_knows_its_words():
    with pytest.raises(ValueError, match='still_good is "all"'):
        script.invalidate_token(still_good="all")


def test_whether_an_invalidation_is_followed_by_disconnections_is_an_option():
    for announced in (True, False):
        with VenueKit(options=Options(invalidation_disconnects=announced)) as kit:
            client = with_account(kit)
            kit.play("invalidate_token", still_good="both")
            kinds = [type(event).__name__ for event in client.take()]
            wanted = ["ProtoOAAccountsTokenInvalidatedEvent", "ProtoOAAccountDisconnectEvent"]
            assert kinds == wanted[: 1 + announced]
            assert told(client.ask(of_account("Trader")))[0] == "INVALID_REQUEST"  # the session is gone either way


# --------------------------------------------------------------------------------------------------------------- expiry


def test_tokens_expire_when_told_to_and_sessions_need_not():
    with VenueKit(options=Options(expired_code="CH_ACCESS_TOKEN_EXPIRED")) as kit:
        client = with_account(kit)
        kit.play("expire_tokens")
        assert not client.received
        assert client.ask(of_account("Trader"))
        assert client.ask(account_auth(USD_ACCOUNT)).errorCode == "CH_ACCESS_TOKEN_EXPIRED"
        kit.play("expire_tokens", ends_sessions=True)
        assert invalidated(client) == [EUR_ACCOUNT]
        client.take()
        fresh = client.ask(refresh())
        assert isinstance(client.ask(account_auth(access_token=fresh.accessToken)), AUTHORISED)
        kit.play("expire_tokens", grant=1)
        assert client.ask(account_auth(USD_ACCOUNT, fresh.accessToken)).errorCode == "CH_ACCESS_TOKEN_EXPIRED"


# ----------------------------------------------------------------------------------------------------------- refreshing


@pytest.mark.parametrize("first", [False, True])
def test_every_session_of_the_grant_hears_of_a_refresh(first):
    with VenueKit(options=Options(events_before_refresh=first)) as kit:
        client, elsewhere = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT), with_account(kit, USD_ACCOUNT)
        client.send(refresh(), "fresh")
        answer = [envelope.client_msg_id for envelope in client.received].index("fresh")
        assert answer == (3 if first else 0)
        events = [one for one in client.take() if not isinstance(one, messages.ProtoOARefreshTokenRes)]
        assert [type(one).__name__.removeprefix("ProtoOA") for one in events] == [
            "AccountsTokenInvalidatedEvent",
            "AccountDisconnectEvent",
            "AccountDisconnectEvent",
        ]
        assert [one.ctidTraderAccountId for one in events[1:]] == [EUR_ACCOUNT, USD_ACCOUNT]
        assert invalidated(elsewhere) == [USD_ACCOUNT]


def test_a_request_in_flight_while_the_token_is_refreshed_fails():
    with VenueKit() as kit:
        client = with_account(kit)
        kit.play("delay_answers", delay=1)
        client.send(refresh(), "fresh")
        client.send(of_account("Trader"), "caught")
        kit.advance(1)
        (caught,) = client.take(messages.ProtoOAErrorRes)
        assert told(caught) == ("INVALID_REQUEST", "Trading account is not authorized")


def test_the_replay_of_a_refresh_token_hurts_no_session_of_the_newer_pair():
    with VenueKit() as kit:
        client = with_application(kit)
        fresh = client.ask(refresh())
        client.ask(account_auth(access_token=fresh.accessToken))
        for _ in range(3):
            assert client.ask(refresh()).errorCode == INVALID
        assert not client.take()
        assert client.ask(of_account("Trader"))
        assert client.ask(refresh(fresh.refreshToken)).accessToken


def test_a_refresh_whose_answer_is_dropped_has_rotated_all_the_same():
    with VenueKit() as kit:
        client = with_application(kit)
        kit.play("drop_answers", request="ProtoOARefreshTokenReq")
        client.send(refresh(), "lost between reply and disk")
        assert not client.received
        assert client.ask(refresh()).errorCode == INVALID
        assert client.ask(account_auth()).errorCode == INVALID


# ------------------------------------------------------------------------------------------------------- several grants


def test_two_grants_of_a_user_live_side_by_side():
    with VenueKit() as kit:
        client = with_account(kit)
        second = kit.venue.authorise([EUR_ACCOUNT, USD_ACCOUNT])
        assert second.access_token != ACCESS_TOKEN and second.refresh_token != REFRESH_TOKEN
        assert isinstance(client.ask(account_auth(USD_ACCOUNT, second.access_token)), AUTHORISED)
        assert not client.take()
        client.ask(refresh(second.refresh_token))
        assert invalidated(client) == [USD_ACCOUNT]
        assert client.ask(of_account("Trader"))
        assert client.ask(refresh()).accessToken


def test_that_a_user_has_one_grant_is_an_option():
    grants = (Grant((EUR_ACCOUNT,), user_id=1), Grant((USD_ACCOUNT,), "other", "other-refresh", user_id=2))
    with VenueKit(grants=grants, options=Options(one_grant_per_user=True)) as kit:
        client = with_account(kit)
        client.ask(account_auth(USD_ACCOUNT, "other"))
        kit.venue.authorise([USD_ACCOUNT], user_id=1)
        kit.pump()
        assert invalidated(client) == [EUR_ACCOUNT]
        assert client.ask(refresh()).errorCode == INVALID
        assert client.ask(account_auth()).errorCode == INVALID
        assert client.ask(of_account("Trader", USD_ACCOUNT))  # another user's


def test_a_grant_may_be_one_applications_own():
    applications = (Application("one", "1"), Application("two", "2"))
    with VenueKit(applications=applications) as kit:
        mine = kit.venue.authorise([EUR_ACCOUNT], client_id="one")
        codes = {}
        for client_id, secret in (("one", "1"), ("two", "2")):
            client = kit.wire_client()
            client.ask(messages.ProtoOAApplicationAuthReq(clientId=client_id, clientSecret=secret))
            codes[client_id] = getattr(client.ask(account_auth(access_token=mine.access_token)), "errorCode", "")
            codes[client_id] += getattr(client.ask(refresh(mine.refresh_token)), "errorCode", "")
        assert codes == {"one": "", "two": INVALID * 2}


def test_the_second_grant_follows_from_the_seed():
    def made(seed: int) -> str:
        with VenueKit(seed=seed) as kit:
            return kit.venue.authorise([EUR_ACCOUNT]).access_token

    assert made(1) == made(1) != made(2)


def test_no_token_shows_in_a_repr():
    with VenueKit() as kit:
        grant = kit.venue.authorise([EUR_ACCOUNT])
        assert grant.access_token not in repr(grant) and grant.refresh_token not in repr(grant)


# ---------------------------------------------------------------------------------------------------------------- codes


def registry() -> Registry:
    return Registry([Application()], [TradingAccount(EUR_ACCOUNT, 1)], [], 1, 0)


def test_a_code_is_good_once_and_for_a_minute():
    one = registry()
    application = Application()
    code = one.make_code(application, "http://here/", [EUR_ACCOUNT], 0)
    assert one.take_code("another", application.client_id, "http://here/", 0) is None
    bought = one.take_code(code, application.client_id, "http://here/", 59_999)
    assert bought is not None and bought.account_ids == (EUR_ACCOUNT,)
    assert one.take_code(code, application.client_id, "http://here/", 59_999) is None
    late = one.make_code(application, "http://here/", [EUR_ACCOUNT], 0)
    assert late != code
    assert one.take_code(late, application.client_id, "http://here/", 60_000) is None
    for number in range(100):
        one.make_code(application, "http://here/", [EUR_ACCOUNT], number * 60_000)
    assert len(one._codes) == 1


@pytest.mark.parametrize("wrong", [("other", "http://here/"), ("sim-client-id", "http://here")])
def test_a_code_is_for_one_application_and_address(wrong):
    one = registry()
    code = one.make_code(Application(), "http://here/", [EUR_ACCOUNT], 0)
    assert one.take_code(code, *wrong, 0) is None
    assert one.take_code(code, "sim-client-id", "http://here/", 0) is None  # used up


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://localhost:8765/", True),
        ("http://localhost:8765", False),
        ("http://localhost:8766/", False),
        ("https://openapi.ctrader.com/apps/playground", False),
    ],
)
def test_redirects_go_where_they_are_registered_and_never_to_the_playgrounds(uri, allowed):
    assert Application().may_redirect_to(uri) is allowed


# ----------------------------------------------------------------------------------------------------------- view scope

COMMANDS = [
    of_account("NewOrder", symbolId=1, orderType=1, tradeSide=1, volume=100_000),
    of_account("CancelOrder", orderId=1),
    of_account("AmendOrder", orderId=1),
    of_account("AmendPositionSLTP", positionId=1),
    of_account("ClosePosition", positionId=1, volume=100_000),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_token_for_viewing_gives_no_commands(command):
    for as_event in (False, True):
        options = Options(view_as_event=as_event, view_code="ACCESS_DENIED" if as_event else "TRADING_NOT_ALLOWED")
        with VenueKit(grants=[Grant((EUR_ACCOUNT,), scope=SCOPE_VIEW)], options=options) as kit:
            client = with_account(kit)
            answer = client.ask(command)
            assert type(answer) is (messages.ProtoOAOrderErrorEvent if as_event else messages.ProtoOAErrorRes)
            assert answer.errorCode == options.view_code
            assert client.ask(of_account("Trader")).trader.balance
            assert isinstance(client.ask(of_account("Reconcile")), messages.ProtoOAReconcileRes)


def test_the_application_itself_is_asked_for_its_secret_only():
    with VenueKit(applications=[Application("me", "s3cret", ("https://playground/", "http://mine/"))]) as kit:
        assert "s3cret" not in repr(kit.venue.registry.applications)
        refused = kit.wire_client().ask(application_auth())
        assert refused.errorCode == "CH_CLIENT_AUTH_FAILURE"
