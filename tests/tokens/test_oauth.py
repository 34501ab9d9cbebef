"""Tokens over HTTP: what is asked, and what is made of each answer. Over sockets: tests/loopback/test_token_http.py."""

import gzip
import json
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.web.resource import Resource

from ctrader_twisted.errors import ConfigurationError, GrantRefused, OAuthRefused, RequestNotSent, TokenRefused
from ctrader_twisted.sim.accounts import REDIRECT_URI
from ctrader_twisted.sim.testing import VenueKit
from ctrader_twisted.tokens import Grant, MemoryTokenStore, TokenKeeper, TokenPair
from ctrader_twisted.tokens.oauth import CONSENT_URL, TOKEN_URL, OAuth
from tests.tokens.outcomes import fired

SECRET, CODE, ACCESS, REFRESH = "cl1ent-s3cret", "c0de-marked", "acc3ss-marked", "r3fresh-marked"
SECRETS = (SECRET, CODE, ACCESS, REFRESH)
NOW = 1_750_000_000.0
GOOD = {
    "accessToken": ACCESS,
    "tokenType": "bearer",
    "expiresIn": 2_628_000,
    "refreshToken": REFRESH,
    "errorCode": None,
    "description": None,
}


class Endpoint(Resource):
    """Gives one answer, and remembers what it was asked."""

    isLeaf = True

    def __init__(self, body, status=200, headers=None):
        super().__init__()
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = headers or {}
        self.asked = []

    def render(self, request):
        self.asked.append((request.method, request.path, dict(parse_qsl(urlsplit(request.uri).query.decode()))))
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        return self.body


def oauth_at(endpoint, **options):
    clock = Clock()
    clock.advance(NOW)
    agent = RequestTraversalAgent(endpoint)
    oauth = OAuth("app-1", SECRET, agent=agent, clock=clock, **options)
    return oauth, agent


def exchanged(endpoint, **options):
    oauth, agent = oauth_at(endpoint, **options)
    exchanging = oauth.exchange(CODE, "http://localhost:8765/")
    agent.flush()
    return fired(exchanging)


def refreshed(endpoint):
    oauth, agent = oauth_at(endpoint)
    refreshing = oauth.refresh(REFRESH)
    agent.flush()
    return fired(refreshing)


def secrets_in(error):
    """What of the secrets can be read off an error, its traceback's variables included."""
    texts = [str(error), repr(error), *map(repr, error.args)]
    trace = error.__traceback__
    while trace is not None:
        if "/tests/" not in trace.tb_frame.f_code.co_filename:
            texts.extend(map(repr, trace.tb_frame.f_locals.values()))
        trace = trace.tb_next
    assert error.__cause__ is None
    assert error.__context__ is None
    return [secret for secret in SECRETS if any(secret in text for text in texts)]


def refusal(kind, act, *args):
    with pytest.raises(kind) as caught:
        act(*args)
    assert type(caught.value) is kind
    assert secrets_in(caught.value) == []
    return caught.value


# The consent page


def test_the_address_of_the_consent_page():
    oauth, _ = oauth_at(Endpoint(GOOD))
    url = oauth.consent("http://localhost:8765/?a=b&c=d")
    assert url.startswith(CONSENT_URL + "?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "client_id": "app-1",
        "redirect_uri": "http://localhost:8765/?a=b&c=d",
        "scope": "trading",
        "product": "web",
    }
    assert SECRET not in url
    assert "scope=accounts" in oauth.consent("https://here/", "accounts")


def test_a_consent_page_with_a_query_of_its_own():
    oauth, _ = oauth_at(Endpoint(GOOD), consent_url="https://there/consent?theme=dark")
    assert oauth.consent("https://here/").startswith("https://there/consent?theme=dark&client_id=app-1&")


# Asking


def test_what_an_exchange_asks():
    endpoint = Endpoint(GOOD)
    assert exchanged(endpoint) == TokenPair(ACCESS, REFRESH, NOW + 2_628_000, NOW)
    assert endpoint.asked == [
        (
            b"GET",
            b"/apps/token",
            {
                "grant_type": "authorization_code",
                "code": CODE,
                "redirect_uri": "http://localhost:8765/",
                "client_id": "app-1",
                "client_secret": SECRET,
            },
        )
    ]


def test_what_a_refresh_asks():
    endpoint = Endpoint(GOOD)
    assert refreshed(endpoint) == TokenPair(ACCESS, REFRESH, NOW + 2_628_000, NOW)
    assert endpoint.asked[0][2] == {
        "grant_type": "refresh_token",
        "refresh_token": REFRESH,
        "client_id": "app-1",
        "client_secret": SECRET,
    }


def test_a_token_endpoint_with_a_query_of_its_own():
    endpoint = Endpoint(GOOD)
    exchanged(endpoint, token_url="https://there/token?tenant=7")
    assert endpoint.asked[0][2]["tenant"] == "7"
    assert endpoint.asked[0][2]["code"] == CODE


def test_odd_characters_arrive():
    endpoint = Endpoint(GOOD)
    oauth, agent = oauth_at(endpoint)
    exchanging = oauth.exchange("a+b c&d=%41ü", "http://localhost:8765/")
    agent.flush()
    fired(exchanging)
    assert endpoint.asked[0][2]["code"] == "a+b c&d=%41ü"


# Answers


@pytest.mark.parametrize(
    ("changes", "pair"),
    [
        ({"access_token": ACCESS, "refresh_token": REFRESH, "expires_in": 2_628_000}, (ACCESS, REFRESH, 2_628_000)),
        ({"expiresIn": None}, (ACCESS, REFRESH, None)),
        ({"expiresIn": "soon"}, (ACCESS, REFRESH, None)),  # no reason to lose the tokens
        ({"expiresIn": True}, (ACCESS, REFRESH, None)),
        ({"expiresIn": -5}, (ACCESS, REFRESH, None)),
        ({"expiresIn": 1e300}, (ACCESS, REFRESH, None)),
        ({"expiresIn": 60.5}, (ACCESS, REFRESH, 60.5)),
        ({"refreshToken": None}, (ACCESS, None, 2_628_000)),
        ({"refreshToken": ""}, (ACCESS, None, 2_628_000)),
        ({"errorCode": ""}, (ACCESS, REFRESH, 2_628_000)),
        ({"errorCode": "X"}, (ACCESS, REFRESH, 2_628_000)),  # what bought them is spent
        ({"expiresIn": "2628000"}, (ACCESS, REFRESH, 2_628_000)),
        ({"something": {"new": 1}}, (ACCESS, REFRESH, 2_628_000)),
    ],
)
def test_good_answers(changes, pair):
    access, refresh, expires_in = pair
    expected = TokenPair(access, refresh, None if expires_in is None else NOW + expires_in, NOW)
    assert exchanged(Endpoint({**GOOD, **changes})) == expected


def test_the_old_spelling():
    old = {"access_token": ACCESS, "token_type": "bearer", "refresh_token": REFRESH, "expires_in": 2_628_000}
    assert exchanged(Endpoint(old)) == TokenPair(ACCESS, REFRESH, NOW + 2_628_000, NOW)


def test_an_answer_with_a_byte_order_mark():
    assert exchanged(Endpoint(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())).access_token == ACCESS


def test_a_packed_answer():
    endpoint = Endpoint(gzip.compress(json.dumps(GOOD).encode()), headers={b"content-encoding": b"gzip"})
    assert exchanged(endpoint).access_token == ACCESS


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (f"<html>{ACCESS}".encode(), 200, "its answer is not a JSON object"),
        (b"", 200, "its answer is not a JSON object"),
        (b'"%s"' % ACCESS.encode(), 200, "its answer is not a JSON object"),
        ([ACCESS], 200, "its answer is not a JSON object"),
        (b"\xff" + ACCESS.encode(), 200, "its answer is not a JSON object"),
        (b"[" * 50_000, 200, "its answer is not a JSON object"),
        (f"<html>{ACCESS}".encode(), 503, "it answered with HTTP 503"),
        ({"message": ACCESS}, 500, "it answered with HTTP 500 instead of tokens"),
        (GOOD, 404, "it answered with HTTP 404 instead of tokens"),
        (b"", 302, "it sends elsewhere (HTTP 302), where secrets do not follow"),
        ({**GOOD, "accessToken": None}, 200, "its answer has no accessToken"),
        ({**GOOD, "accessToken": ""}, 200, "its answer has no accessToken"),
        ({"refreshToken": REFRESH}, 200, "its answer has no accessToken"),
        ({**GOOD, "accessToken": [ACCESS]}, 200, "accessToken in its answer is not a text"),
        ({**GOOD, "refreshToken": {"a": REFRESH}}, 200, "refreshToken in its answer is not a text"),
        (json.dumps(GOOD).encode() + b" " * 65_536, 200, "its answer has more than 65536 bytes"),
    ],
)
def test_answers_that_are_none(body, status, said):
    for act in (exchanged, refreshed):
        error = refusal(OAuthRefused, act, Endpoint(body, status, {b"location": b"https://elsewhere/"}))
        assert (error.where, error.code, error.description) == ("openapi.ctrader.com", "", said)
        assert str(error) == f"openapi.ctrader.com: {said}"


def test_a_bomb_is_not_unpacked():
    body = gzip.compress(b" " * 2**26)
    error = refusal(OAuthRefused, exchanged, Endpoint(body, headers={b"content-encoding": b"gzip"}))
    assert error.description == "its answer has more than 65536 bytes"


def refused_with(code, description=None, status=200):
    return Endpoint({**GOOD, "accessToken": None, "errorCode": code, "description": description}, status)


def test_a_refused_code():
    error = refusal(OAuthRefused, exchanged, refused_with("ACCESS_DENIED", "Access denied."))
    assert (error.where, error.code, error.description) == ("openapi.ctrader.com", "ACCESS_DENIED", "Access denied.")


@pytest.mark.parametrize("code", ["ACCESS_DENIED", "CH_ACCESS_TOKEN_INVALID", "OA_AUTH_TOKEN_EXPIRED"])
def test_a_refused_refresh_token(code):
    error = refusal(TokenRefused, refreshed, refused_with(code, "Access denied."))
    assert (error.code, error.description) == (code, "Access denied.")
    assert str(error).startswith("the token request: ")


def test_other_errors_of_a_refresh():
    error = refusal(OAuthRefused, refreshed, refused_with("CH_CLIENT_AUTH_FAILURE"))
    assert (error.code, error.description) == ("CH_CLIENT_AUTH_FAILURE", "")


def test_an_error_counts_whatever_its_status():
    assert refusal(OAuthRefused, exchanged, refused_with("ACCESS_DENIED", status=401)).code == "ACCESS_DENIED"


def test_an_error_with_half_a_pair_is_an_error():
    assert refusal(OAuthRefused, exchanged, Endpoint({**GOOD, "accessToken": None, "errorCode": "X"})).code == "X"


@pytest.mark.parametrize("act", [exchanged, refreshed])
def test_what_the_server_quotes_is_taken_out(act):
    said = f"no such thing as {REFRESH if act is refreshed else CODE} or secret {SECRET}"
    error = refusal((OAuthRefused, TokenRefused)[act is refreshed], act, refused_with("ACCESS_DENIED", said))
    assert "…" in error.description
    error = refusal(OAuthRefused, act, refused_with(f"{SECRET}", "x" * 290 + SECRET))
    assert SECRET[:4] not in error.description  # not cut in the middle of one either


def test_what_the_server_quotes_of_the_address_is_taken_out():
    code = "hush/code+with=signs"
    forms = (quote(code, safe=""), quote_plus(code), code.replace("/", "\\/"))
    endpoint = refused_with("ACCESS_DENIED", " and ".join(forms))
    oauth, agent = oauth_at(endpoint)
    exchanging = oauth.exchange(code, "http://localhost:8765/")
    agent.flush()
    with pytest.raises(OAuthRefused) as caught:
        fired(exchanging)
    assert caught.value.description == "… and … and …"


def test_what_the_server_says_is_fit_for_a_terminal():
    error = refusal(OAuthRefused, exchanged, refused_with("A\x1b[31m", "b\nc\x00" + "d" * 1000))
    assert error.code == "A [31m"
    assert error.description.startswith("b c dd")
    assert len(error.description) == 300


def test_an_error_code_that_is_no_text():
    assert refusal(OAuthRefused, exchanged, refused_with(17)).code == "17"


# A way that leads nowhere


def test_a_host_that_does_not_answer():
    reactor = MemoryReactorClock()
    oauth = OAuth("app-1", SECRET, token_url="http://127.0.0.1:9/", timeout=30.0, clock=reactor)
    refreshing = oauth.refresh(REFRESH)
    reactor.advance(1.0)  # the attempt begins in a later turn
    assert len(reactor.tcpClients) == 1
    reactor.pump([1.0] * 30)
    with pytest.raises(RequestNotSent) as caught:  # so the refresh token is as good as before
        fired(refreshing)
    assert secrets_in(caught.value) == []
    assert not reactor.getDelayedCalls()


# Addresses


@pytest.mark.parametrize("key", ["consent_url", "token_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://openapi.ctrader.com/apps/token",
        "http://192.168.0.1/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://localhost@evil.example/",
        "ftp://localhost/",
        "localhost/apps/token",
        "https://",
        "https://host:port/",
        "https://[::1/",
        "",
    ],
)
def test_addresses_that_are_refused(key, url):
    with pytest.raises(ConfigurationError) as caught:
        OAuth("app-1", SECRET, **{key: url + "?client_secret=cl1ent-s3cret"}, clock=Clock())
    assert caught.value.key == key
    assert caught.value.remedy
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:80/a",
        "http://127.0.0.1:8080/",
        "http://[::1]:8080/",
        "https://any.example/",
        "HTTP://LOCALHOST/",
    ],
)
def test_addresses_that_are_taken(url):
    OAuth("app-1", SECRET, consent_url=url, token_url=url, clock=Clock())


# Secrets


def test_no_repr_shows_the_secret():
    oauth, _ = oauth_at(Endpoint(GOOD))
    assert SECRET not in repr(oauth)
    assert "app-1" in repr(oauth)


def test_no_log_shows_a_secret():
    with capturedLogs() as events:
        for body in (GOOD, b"nonsense", {"errorCode": "ACCESS_DENIED"}):
            for act in (exchanged, refreshed):
                try:
                    act(Endpoint(body))
                except (OAuthRefused, TokenRefused):
                    pass
    for event in events:
        assert not any(secret in formatEvent(event) + repr(event) for secret in SECRETS)


# With the simulated venue


@pytest.fixture
def kit():
    with VenueKit() as kit:
        yield kit


def test_a_code_and_refreshes_at_the_venue(kit):
    registered = next(iter(kit.venue.registry.applications.values()))
    oauth = OAuth(registered.client_id, registered.client_secret, agent=kit.agent(), clock=kit.clock)
    code = kit.venue.registry.make_code(registered, REDIRECT_URI, [*kit.venue.registry.accounts], kit.venue.now())
    pair = kit.settle(oauth.exchange(code, REDIRECT_URI))
    with pytest.raises(OAuthRefused) as refused:  # a code is good once
        kit.settle(oauth.exchange(code, REDIRECT_URI))
    assert refused.value.code == "ACCESS_DENIED"

    store = MemoryTokenStore([Grant("default", "").renewed(pair)])
    keeper = TokenKeeper(store, kit.clock)
    fired(keeper.load())
    renewed = kit.settle(keeper.refresh("default", oauth.refresh))
    assert renewed.access_token != pair.access_token
    assert renewed.expires_at > kit.clock.seconds()
    again = kit.settle(keeper.refresh("default", oauth.refresh))
    assert again.refresh_token != renewed.refresh_token
    fired(keeper.update(renewed))  # whose refresh token is spent
    with pytest.raises(GrantRefused):
        kit.settle(keeper.refresh("default", oauth.refresh))


def test_the_default_addresses_are_spotwares():
    assert urlsplit(CONSENT_URL).hostname == "id.ctrader.com"
    assert urlsplit(TOKEN_URL).hostname == "openapi.ctrader.com"
