"""Tokens over HTTP: the address of the consent page, what a code is worth, and refreshes. Needs the extra ``oauth``.

The client secret, codes and tokens travel in the query of the address, as Spotware has it. So no address with its query
is in an error, a log or a repr, and no frame of an error's traceback holds one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import SplitResult, quote, quote_plus, urlencode, urlsplit

from OpenSSL import SSL
from service_identity import VerificationError
from treq.client import HTTPClient
from twisted.internet import error as network
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from ctrader_twisted.errors import (
    AnswerTimeout,
    ConfigurationError,
    OAuthRefused,
    OpenApiError,
    OutcomeUnknown,
    RequestNotSent,
    TokenRefused,
    server_error_class,
)
from ctrader_twisted.reasons import HANDSHAKE, explain
from ctrader_twisted.tls import ClientTLS
from ctrader_twisted.tokens.grant import TokenPair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IStreamClientEndpoint
    from twisted.web.iweb import IAgent, IResponse

CONSENT_URL: Final = "https://id.ctrader.com/my/settings/openapi/grantingaccess/"
"""Where a person grants an application access to accounts."""
TOKEN_URL: Final = "https://openapi.ctrader.com/apps/token"
"""Where codes and refresh tokens are exchanged."""

_MOST: Final = 65_536
_MOST_SAID: Final = 300
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_REQUEST: Final = "the token request"


class OAuth:
    """The authorisation server, as one application sees it.

    :param application_id: the application's client id.
    :param client_secret: its secret.
    :param consent_url: the consent page.
    :param token_url: the token endpoint.
    :param agent: makes the requests; None for one that verifies TLS with the system's authorities.
    :param timeout: from a request to the last byte of its answer, in seconds.
    :param clock: the reactor; with an agent of one's own a clock will do.
    :raises ConfigurationError: if an address is none, or would send the secret over a network in the clear.
    """

    def __init__(
        self,
        application_id: str,
        client_secret: str,
        *,
        consent_url: str = CONSENT_URL,
        token_url: str = TOKEN_URL,
        agent: IAgent | None = None,
        timeout: float = 30.0,
        clock: Any,
    ) -> None:
        _check("consent_url", consent_url)
        self._where = _check("token_url", token_url).hostname or ""
        self._application_id = application_id
        self._client_secret = client_secret
        self._consent_url = consent_url
        self._token_url = token_url
        self._agent = agent
        self._timeout = timeout
        self._clock = clock

    def __repr__(self) -> str:
        return f"<OAuth of {self._application_id} at {self._where}>"

    def consent(self, redirect_uri: str, scope: str = "trading") -> str:
        """Give the address of the page on which a person grants access. It holds no secret.

        :param redirect_uri: where the page sends the browser with the code: one of the application's redirect URIs,
            to the letter.
        :param scope: ``"trading"``, or ``"accounts"`` to only look.
        """
        query = urlencode(
            {"client_id": self._application_id, "redirect_uri": redirect_uri, "scope": scope, "product": "web"}
        )
        return f"{self._consent_url}{'&' if '?' in self._consent_url else '?'}{query}"

    def exchange(self, code: str, redirect_uri: str) -> Deferred[TokenPair]:
        """Exchange the code of a redirect for tokens. A code is good once, and for one minute.

        :param redirect_uri: as given to `consent`.
        :return: fails with `OAuthRefused`, `RequestNotSent` or `OutcomeUnknown`.
        """
        return self._ask(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri},
            _hiding(self._client_secret, code),
            tells_tokens=False,
        )

    def refresh(self, refresh_token: str) -> Deferred[TokenPair]:
        """Exchange a refresh token for a new pair: what `TokenKeeper.refresh` spends with.

        :return: fails with `TokenRefused` if the server refuses the token (or client id and secret: it says the same of
            both); else with `OAuthRefused`, `RequestNotSent` or `OutcomeUnknown`.
        """
        return self._ask(
            {"grant_type": "refresh_token", "refresh_token": refresh_token},
            _hiding(self._client_secret, refresh_token),
            tells_tokens=True,
        )

    def _ask(
        self, parameters: Mapping[str, str], hide: Callable[[str], str], *, tells_tokens: bool
    ) -> Deferred[TokenPair]:
        # All that holds a secret stays in this frame, which is gone when anything can fail.
        connections = None if self._agent is not None else _OneConnection(self._clock)
        agent = self._agent or Agent(self._clock, _Verified(), connectTimeout=self._timeout / 2, pool=connections)
        asked = maybeDeferred(
            HTTPClient(agent).get,
            self._token_url,
            params={**parameters, "client_id": self._application_id, "client_secret": self._client_secret},
            headers=Headers({"Accept": ["application/json"]}),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        )
        answer = Deferred.fromCoroutine(self._answer(asked, connections, hide, tells_tokens))

        def timed_out(_outcome: object, _timeout: float) -> Failure:
            if connections is not None and not connections.made:
                return Failure(RequestNotSent(_REQUEST, f"{self._where}: no connection in {self._timeout:g} s"))
            return Failure(AnswerTimeout(_REQUEST, f"{self._where}: no answer in {self._timeout:g} s"))

        return answer.addTimeout(self._timeout, self._clock, timed_out)

    async def _answer(
        self,
        asked: Deferred[Any],
        connections: _OneConnection | None,
        hide: Callable[[str], str],
        tells_tokens: bool,
    ) -> TokenPair:
        try:
            status, body = await _fetch(asked)
        except Exception as error:
            problem = self._problem(error, connections)
            if connections is not None:
                connections.abort()
        else:
            outcome = self._outcome(status, body, hide, tells_tokens)
            del body
            if isinstance(outcome, TokenPair):
                return outcome
            problem = outcome
        raise problem  # by itself: what was caught may lead to the address

    def _problem(self, error: Exception, connections: _OneConnection | None) -> Exception:
        """Say what became of a request that has no answer."""
        reasons = [failure.value for failure in getattr(error, "reasons", ())] or [error]
        if any(isinstance(reason, CancelledError) for reason in reasons):
            return CancelledError()
        if isinstance(error, _TooLong):
            return OAuthRefused(self._where, "", f"its answer has more than {_MOST} bytes")
        reason = reasons[0]
        if isinstance(reason, OpenApiError):
            return reason
        # Others may quote what was sent or received.
        said = str(explain(reason)) if isinstance(reason, _QUOTABLE) else f"HTTP failed: {type(reason).__name__}"
        never_sent = (
            isinstance(reason, network.ConnectError | network.DNSLookupError | VerificationError)
            or (isinstance(reason, SSL.Error) and HANDSHAKE in str(reason))
            or (connections is not None and not connections.made)
        )
        return (RequestNotSent if never_sent else OutcomeUnknown)(_REQUEST, f"{self._where}: {said}")

    def _outcome(
        self, status: int, body: bytes, hide: Callable[[str], str], tells_tokens: bool
    ) -> TokenPair | OpenApiError:
        """Make tokens or an error of an answer."""
        answer = _read(status, body, self._clock.seconds())
        if isinstance(answer, TokenPair):
            return answer
        code, description = _cleaned(hide(answer.code)), _cleaned(hide(answer.description))
        if tells_tokens and server_error_class(code, description, order_command=False) is TokenRefused:
            return TokenRefused(code, description, request=_REQUEST)
        return OAuthRefused(self._where, code, description)


def _check(key: str, url: str) -> SplitResult:
    """Take an address apart.

    :raises ConfigurationError: if it is none, or may not be used.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError("oauth", key, "it is not the address of a web page", "Give one like https://host/path")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise ConfigurationError(
            "oauth",
            key,
            f"http:// would send secrets in the clear to {host}",
            f"Use https://; http:// is for this machine only ({', '.join(_LOOPBACK)})",
        )
    return parts


_QUOTABLE: Final = (
    network.ConnectError,
    network.ConnectionDone,
    network.ConnectionLost,
    network.DNSLookupError,
    SSL.Error,
    VerificationError,
)


# Connecting


@implementer(IPolicyForHTTPS)
class _Verified:
    """Certificate chain and host name verified, with the same errors as the connection to the server itself."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> ClientTLS:  # noqa: N802
        return ClientTLS(hostname.decode("ascii"))


class _OneConnection(HTTPConnectionPool):
    """Makes the connection of one request, and can abort it.

    :ivar made: whether there is, or was, a connection.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor, persistent=False)  # type: ignore[no-untyped-call]
        self.made = False
        self._connection: Any = None

    def getConnection(self, key: object, endpoint: IStreamClientEndpoint) -> Deferred[Any]:  # noqa: N802
        """Connect."""
        connecting: Deferred[Any] = super().getConnection(key, endpoint)
        return connecting.addCallback(self._note)

    def abort(self) -> None:
        """End the connection without waiting for the peer."""
        # Not its own abort(): in a body without a length, Twisted then logs an error of its own making.
        transport = None if self._connection is None else self._connection.transport
        if transport is not None:
            transport.abortConnection()

    def _note(self, connection: Any) -> Any:
        self.made = True
        self._connection = connection
        return connection


class _TooLong(Exception):
    """A body is longer than any answer is."""


class _Body(Protocol):
    """Collects a body, within bounds."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self._give_up(CancelledError()))
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False

    def dataReceived(self, data: bytes) -> None:
        """Take a part."""
        if self._ended:
            return
        self._size += len(data)
        self._parts.append(data)
        if self._size > _MOST:
            self._give_up(_TooLong())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body ended, whole or not."""
        if self._ended:
            return
        self._ended = True
        if reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(b"".join(self._parts))
        else:
            self.whole.errback(reason)

    def _give_up(self, error: Exception) -> None:
        self._ended = True
        self._parts.clear()
        if self.transport is not None:
            self.transport.loseConnection()
        self.whole.errback(error)


async def _fetch(asked: Deferred[IResponse]) -> tuple[int, bytes]:
    """Wait for an answer; give its status and body."""
    response = await asked
    body = _Body()
    response.deliverBody(body)
    return response.code, await body.whole


# Reading the answer


class _Refusal(NamedTuple):
    """An answer without tokens: the server's code, or ``""``, and what it or we say about it."""

    code: str
    description: str


def _read(status: int, body: bytes, now: float) -> TokenPair | _Refusal:
    """Read an answer. Errors come with status 200 and ``errorCode``; old servers spell the fields in another way."""
    try:
        fields = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return _Refusal("", _other_than_json(status))
    code, description = fields.get("errorCode"), fields.get("description")
    access_token = fields.get("accessToken") or fields.get("access_token")
    if code and not access_token:  # tokens that came are good, and what bought them is spent
        return _Refusal(str(code), description if isinstance(description, str) else "")
    if not 200 <= status < 300:
        return _Refusal("", f"it answered with HTTP {status} instead of tokens")
    refresh_token = fields.get("refreshToken") or fields.get("refresh_token") or None
    expires_in = fields.get("expiresIn") or fields.get("expires_in")
    if not access_token:
        return _Refusal("", "its answer has no accessToken")
    for name, token in (("accessToken", access_token), ("refreshToken", refresh_token)):
        if not isinstance(token, str | None):
            return _Refusal("", f"{name} in its answer is not a text")
    if isinstance(expires_in, str) and expires_in.isascii() and expires_in.isdecimal():
        expires_in = int(expires_in[:11])
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not 0 < expires_in < 1e10:
        expires_in = None  # no reason to lose the tokens
    return TokenPair(access_token, refresh_token, None if expires_in is None else now + expires_in, now)


def _other_than_json(status: int) -> str:
    if 300 <= status < 400:
        return f"it sends elsewhere (HTTP {status}), where secrets do not follow"
    return "its answer is not a JSON object" if 200 <= status < 300 else f"it answered with HTTP {status}"


def _cleaned(text: str) -> str:
    """Make what a server says fit for a log and a terminal."""
    return "".join(character if character.isprintable() else " " for character in text[:_MOST_SAID]).strip()


def _hiding(*secrets: str) -> Callable[[str], str]:
    """Make what takes secrets out of a text, as they are and as an address or JSON has them."""
    forms: dict[str, None] = {}
    for secret in filter(None, secrets):
        inside = json.dumps(secret)[1:-1]
        for form in (secret, quote(secret, safe=""), quote_plus(secret), inside, inside.replace("/", "\\/")):
            forms.setdefault(form)

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, "…")
        return text

    return hide
