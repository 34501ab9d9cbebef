"""The consent page and the token endpoint, by HTTP in memory."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from treq import content
from twisted.internet.error import ConnectionRefusedError
from twisted.logger import formatEvent, globalLogPublisher
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface.verify import verifyObject

from ctrader_twisted import messages
from ctrader_twisted.sim import Application, Options, TradingAccount, script
from ctrader_twisted.sim.accounts import PLAYGROUND_URI, REDIRECT_URI
from ctrader_twisted.sim.oauth import _Request
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
    USD_ACCOUNT,
    NotSettled,
    VenueKit,
)
from tests.sim.venues import CONSENT, Form, account_auth, of_account, with_account, with_application

NAMES = {"accessToken", "tokenType", "expiresIn", "refreshToken", "errorCode", "description"}


def fetch(kit, url, fields=None, form=None, within=60.0):
    """Give status, headers and body of an answer."""
    if fields is not None:
        url += "?" + urlencode(fields)
    body = None if form is None else Form(form)
    headers = Headers({} if form is None else {"Content-Type": ["application/x-www-form-urlencoded"]})
    asked = kit.agent().request(b"GET" if form is None else b"POST", url.encode(), headers, body)
    response = kit.settle(asked, within)
    return response.code, response.headers, kit.settle(content(response)).decode()


def ask_token(kit, **fields):
    fields = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **fields}
    status, headers, body = fetch(kit, kit.venue.token_url, fields)
    assert (status, headers.getRawHeaders("content-type")) == (200, ["application/json"])
    return json.loads(body)


def refreshed(kit, token=REFRESH_TOKEN, **fields):
    return ask_token(kit, grant_type="refresh_token", refresh_token=token, **fields)


def exchanged(kit, code_, **fields):
    return ask_token(kit, **{"grant_type": "authorization_code", "code": code_, "redirect_uri": REDIRECT_URI, **fields})


def consent(kit, *account_ids, decision="allow", **fields):
    """Fill the form in and send it; give where it leads."""
    form = {**CONSENT, "account": account_ids or (EUR_ACCOUNT, USD_ACCOUNT), "decision": decision, **fields}
    status, headers, _ = fetch(kit, kit.venue.consent_url, form=form)
    assert status == 302
    (location,) = headers.getRawHeaders("location")
    return location


def code_of(location):
    assert location.startswith(REDIRECT_URI)
    said = parse_qs(urlsplit(location).query)
    assert list(said) == ["code"]
    return said["code"][0]


# ------------------------------------------------------------------------------------------------------- the page


def test_the_page_lists_the_accounts():
    accounts = (TradingAccount(EUR_ACCOUNT, 77), TradingAccount(5, 78, "USD", is_live=True, broker_title="A <b> & C"))
    with VenueKit(accounts=accounts) as kit:
        status, headers, page = fetch(kit, kit.venue.consent_url, CONSENT)
    assert status == 200
    assert headers.getRawHeaders("content-type") == ["text/html; charset=utf-8"]
    assert re.findall(r'name="account" value="(\d+)" checked', page) == [str(EUR_ACCOUNT), "5"]
    assert "A &lt;b&gt; &amp; C, live, USD" in page and "77: Simulated venue, demo, EUR" in page
    assert CLIENT_ID in page and "to trade" in page
    hidden = {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="(.*)"', page)}
    assert hidden == {name: CONSENT[name] for name in ("client_id", "redirect_uri", "scope")}


def test_the_page_for_viewing_does_not_speak_of_trading():
    with VenueKit() as kit:
        assert "to trade" not in fetch(kit, kit.venue.consent_url, {**CONSENT, "scope": "accounts"})[2]
        assert "to trade" in fetch(kit, kit.venue.consent_url.rstrip("/"), {**CONSENT, "scope": ""})[2]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"client_id": "nobody"}, "no application with this client_id"),
        ({"client_id": ""}, "no application with this client_id"),
        ({"redirect_uri": PLAYGROUND_URI}, "belongs to the playground"),
        ({"redirect_uri": REDIRECT_URI.rstrip("/")}, "not registered"),
        ({"redirect_uri": "http://evil.example/"}, "not registered"),
        ({"redirect_uri": ""}, "not registered"),
        ({"scope": "everything"}, "scope is not known"),
    ],
)
def test_what_can_not_be_granted_is_said_and_nobody_is_sent_anywhere(fields, told):
    with VenueKit() as kit:
        for form in (None, {**CONSENT, **fields, "decision": "allow", "account": [EUR_ACCOUNT]}):
            fields_ = {**CONSENT, **fields} if form is None else None
            status, headers, page = fetch(kit, kit.venue.consent_url, fields_, form)
            assert (status, headers.getRawHeaders("location")) == (400, None)
            assert told in page


def test_a_user_who_allows_is_sent_back_with_a_code_and_nothing_else():
    with VenueKit() as kit:
        code = code_of(consent(kit, state="kept to itself"))
        answer = exchanged(kit, code)
        assert answer.keys() == NAMES | {"access_token", "refresh_token", "expires_in"}
        assert (answer["tokenType"], answer["expiresIn"], answer["errorCode"]) == ("bearer", 2_628_000, None)
        assert answer["access_token"] == answer["accessToken"] != ACCESS_TOKEN
        assert answer["refresh_token"] == answer["refreshToken"]
        client = with_account(kit)  # by the grant there was
        again = client.ask(account_auth(USD_ACCOUNT, answer["accessToken"]))
        assert isinstance(again, messages.ProtoOAAccountAuthRes)
        assert exchanged(kit, code)["errorCode"] == "ACCESS_DENIED"
        assert not client.take()  # a code used twice hurts nobody


def test_a_redirect_uri_may_have_a_query_of_its_own():
    uri = "http://localhost/back?from=venue"
    with VenueKit(applications=[Application(redirect_uris=(PLAYGROUND_URI, uri))]) as kit:
        location = consent(kit, redirect_uri=uri)
        assert location.startswith(uri + "&code=")


def test_a_user_who_denies_is_sent_back_with_an_error():
    with VenueKit() as kit:
        assert consent(kit, decision="deny") == REDIRECT_URI + "?error=access_denied"


@pytest.mark.parametrize("ticked", [[], [999], [EUR_ACCOUNT, 999], ["x"]])
def test_a_user_who_ticks_nothing_that_exists_is_asked_again(ticked):
    with VenueKit() as kit:
        form = {**CONSENT, "account": ticked, "decision": "allow"}
        status, _, page = fetch(kit, kit.venue.consent_url, form=form)
        assert status == 400 and "Tick at least one account" in page and "<form" in page


@pytest.mark.parametrize(("scope", "number"), [("accounts", 0), ("trading", 1)])
def test_a_grant_is_for_what_was_ticked(scope, number):
    with VenueKit() as kit:
        token = exchanged(kit, code_of(consent(kit, USD_ACCOUNT, scope=scope)))["accessToken"]
        listed = with_application(kit).ask(messages.ProtoOAGetAccountListByAccessTokenReq(accessToken=token))
        assert [one.ctidTraderAccountId for one in listed.ctidTraderAccount] == [USD_ACCOUNT]
        assert listed.permissionScope == number


def test_a_further_consent_leaves_the_former_grants_alone_unless_told_otherwise():
    for alone in (False, True):
        with VenueKit(options=Options(one_grant_per_user=alone)) as kit:
            client = with_account(kit)
            exchanged(kit, code_of(consent(kit)))
            assert bool(client.take(messages.ProtoOAAccountsTokenInvalidatedEvent)) is alone
            assert refreshed(kit)["errorCode"] == ("ACCESS_DENIED" if alone else None)


# -------------------------------------------------------------------------------------------------------- the endpoint


def test_a_code_lives_for_a_minute():
    with VenueKit() as kit:
        young, old = code_of(consent(kit)), code_of(consent(kit))
        kit.advance(59.9)
        assert exchanged(kit, young)["accessToken"]
        kit.advance(0.1)
        assert exchanged(kit, old)["errorCode"] == "ACCESS_DENIED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "wrong"},
        {"client_secret": ""},
        {"client_id": "nobody"},
        {"client_id": "other", "client_secret": "secret"},
        {"redirect_uri": REDIRECT_URI.rstrip("/")},
        {"code": "made up"},
        {"code": ""},
    ],
    ids=str,
)
def test_what_does_not_fit_is_denied_with_http_200(wrong):
    with VenueKit(applications=[Application(), Application("other", "secret")]) as kit:
        answer = exchanged(kit, code_of(consent(kit)), **wrong)
        assert answer["errorCode"] == "ACCESS_DENIED"
        assert answer["description"]
        assert answer["accessToken"] is answer["refreshToken"] is None


def test_the_grant_type_has_to_be_one_of_two():
    with VenueKit() as kit:
        assert ask_token(kit, grant_type="password")["errorCode"] == "INVALID_REQUEST"
        assert ask_token(kit)["errorCode"] == "INVALID_REQUEST"
        assert (
            fetch(kit, kit.venue.token_url, form={"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN})[0]
            == 405
        )
        assert fetch(kit, kit.venue.oauth_url + "/elsewhere")[0] == 404
        assert refreshed(kit)["accessToken"]  # nothing had been carried out


def test_a_refresh_rotates_both_tokens_and_ends_the_sessions():
    with VenueKit() as kit:
        client = with_account(kit)
        answer = refreshed(kit)
        assert answer["errorCode"] is None
        assert [type(event) for event in client.take()] == [
            messages.ProtoOAAccountsTokenInvalidatedEvent,
            messages.ProtoOAAccountDisconnectEvent,
        ]
        assert client.ask(account_auth()).errorCode == "CH_ACCESS_TOKEN_INVALID"
        fresh = client.ask(account_auth(access_token=answer["accessToken"]))
        assert isinstance(fresh, messages.ProtoOAAccountAuthRes)
        assert refreshed(kit)["errorCode"] == "ACCESS_DENIED"  # replayed
        assert client.ask(of_account("Trader")).trader.balance
        assert refreshed(kit, answer["refreshToken"])["accessToken"]


def test_a_revoked_grant_is_denied():
    with VenueKit() as kit:
        kit.play("invalidate_token", still_good="nothing")
        assert refreshed(kit)["errorCode"] == "ACCESS_DENIED"


# -------------------------------------------------------------------------------------------------------- misbehaviour


def test_an_answer_may_be_late():
    with VenueKit() as kit:
        kit.play("delay_token_answers", delay=20, seconds=30)
        begun = kit.clock.seconds()
        answer = refreshed(kit)
        assert kit.clock.seconds() == begun + 20
        with pytest.raises(NotSettled):
            fetch(kit, kit.venue.token_url, {"grant_type": "refresh_token"}, within=10)
        kit.web.cut()
        kit.advance(30)  # and whoever has gone meanwhile is not answered
        assert refreshed(kit, answer["refreshToken"])["accessToken"]
        kit.play("delay_token_answers", delay=0.0)
        assert refreshed(kit)["errorCode"] == "ACCESS_DENIED"


@pytest.mark.parametrize("closes", [True, False])
def test_an_answer_may_never_come_though_the_tokens_have_rotated(closes):
    with VenueKit() as kit:
        kit.play("drop_token_answers", closes=closes)
        fields = {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN, "client_id": CLIENT_ID}
        with pytest.raises(ResponseFailed if closes else NotSettled):
            fetch(kit, kit.venue.token_url, {**fields, "client_secret": CLIENT_SECRET}, within=50)
        assert refreshed(kit)["errorCode"] == "ACCESS_DENIED"
        assert with_application(kit).ask(account_auth()).errorCode == "CH_ACCESS_TOKEN_INVALID"


def test_an_answer_may_be_a_page():
    with VenueKit() as kit:
        for how, code in (("html", 200), ("500", 500)):
            kit.play("break_token_answers", how=how, seconds=10)
            status, headers, body = fetch(kit, kit.venue.token_url, {"grant_type": "refresh_token"})
            assert (status, headers.getRawHeaders("content-type")) == (code, ["text/html; charset=utf-8"])
            assert body.startswith("<!DOCTYPE html>")
        kit.advance(10)
        assert refreshed(kit)["accessToken"]  # nothing was carried out meanwhile


def test_an_answer_may_be_cut():
    with VenueKit() as kit:
        kit.play("break_token_answers", how="cut")
        with pytest.raises(ResponseFailed):
            fetch(kit, kit.venue.token_url, {"grant_type": "refresh_token"})
    with pytest.raises(ValueError, match='how is "json"'):
        script.break_token_answers("json")


def test_the_way_may_be_closed():
    with VenueKit() as kit:
        kit.web.refusing = True
        with pytest.raises(ConnectionRefusedError):
            refreshed(kit)
        kit.web.refusing = False
        assert refreshed(kit)["accessToken"]
        assert verifyObject(IAgent, kit.agent())


# ------------------------------------------------------------------------------------------------------------- secrets


def test_neither_codes_nor_tokens_nor_secrets_are_logged():
    lines: list[str] = []

    def observe(event):
        lines.append(f"{formatEvent(event)} {event!r}")

    globalLogPublisher.addObserver(observe)
    try:
        with VenueKit() as kit:
            code = code_of(consent(kit))
            answer = exchanged(kit, code)
            again = refreshed(kit, answer["refreshToken"])
            refreshed(kit, "made-up-token", client_secret="wrong-secret")
            kit.play("break_token_answers")
            fetch(kit, kit.venue.token_url, {"refresh_token": again["refreshToken"]})
    finally:
        globalLogPublisher.removeObserver(observe)
    log = "\n".join(lines)
    assert "is granted to" in log and "is exchanged" in log and "is refreshed" in log
    secrets = [code, CLIENT_SECRET, "made-up-token", "wrong-secret", REFRESH_TOKEN]
    secrets += [one[name] for one in (answer, again) for name in ("accessToken", "refreshToken")]
    assert not [secret for secret in secrets if secret in log]


def test_a_request_does_not_print_its_address():
    request = _Request.__new__(_Request)
    request.uri = b"/apps/token?client_secret=hush"
    assert "hush" not in f"{request} {request!r}"
