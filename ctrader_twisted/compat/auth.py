"""Tokens over HTTP, under Spotware's names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from twisted.python import threadable

from ctrader_twisted.compat.endpoints import EndPoints
from ctrader_twisted.errors import CannotWait, OAuthRefused, TokenRefused
from ctrader_twisted.tokens.oauth import OAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from ctrader_twisted.tokens import TokenPair


class Auth:
    """The authorisation server, as one application sees it.

    `getToken` and `refreshToken` wait, for half a minute at most, and are for scripts whose reactor does not run yet,
    and for threads of their own. In the reactor's thread they raise `CannotWait`; `getTokenDeferred` and
    `refreshTokenDeferred` are for there.

    All four give a dictionary with ``accessToken``, ``refreshToken``, ``expiresIn`` (seconds) and ``tokenType``, each
    also as ``access_token`` and so on, and ``errorCode`` and ``description``, which are None; or, if the server
    refused, only those two. Whatever else goes wrong is raised: `RequestNotSent`; `OutcomeUnknown`, after which code or
    token may be spent; and `OAuthRefused` for an answer that makes no sense.

    :param appClientId: the application's client id.
    :param appClientSecret: its secret.
    :param redirectUri: where the consent page sends the browser with the code: one of the application's, to the letter.
    :param reactor: for the Deferreds; the installed one unless given.
    """

    def __init__(self, appClientId: str, appClientSecret: str, redirectUri: str, *, reactor: Any = None) -> None:
        self.appClientId: str = appClientId
        self.appClientSecret: str = appClientSecret
        self.redirectUri: str = redirectUri
        self._reactor = reactor

    def getAuthUri(self, scope: str = "trading", baseUri: str = EndPoints.AUTH_URI) -> str:
        """Give the address of the page on which a person grants access. It holds no secret.

        :param scope: ``"trading"``, or ``"accounts"`` to only look.
        """
        query = urlencode({"client_id": self.appClientId, "redirect_uri": self.redirectUri, "scope": scope})
        return f"{baseUri}?{query}"

    def getToken(self, authCode: str | bytes, baseUri: str = EndPoints.TOKEN_URI) -> dict[str, Any]:
        """Exchange the code of a redirect for tokens, and wait for them. A code is good once, and for one minute.

        :raises CannotWait: in the thread of the running reactor.
        """
        return _wait_for(
            "Auth.getToken", "getTokenDeferred", lambda reactor: self._exchange(authCode, baseUri, reactor)
        )

    def refreshToken(self, refreshToken: str, baseUri: str = EndPoints.TOKEN_URI) -> dict[str, Any]:
        """Exchange a refresh token for a new pair, and wait for it. The old pair is void with it.

        :raises CannotWait: in the thread of the running reactor.
        """
        return _wait_for(
            "Auth.refreshToken", "refreshTokenDeferred", lambda reactor: self._refresh(refreshToken, baseUri, reactor)
        )

    def getTokenDeferred(self, authCode: str | bytes, baseUri: str = EndPoints.TOKEN_URI) -> Deferred[dict[str, Any]]:
        """Exchange the code of a redirect for tokens: a Deferred that fires with what `getToken` gives."""
        return self._exchange(authCode, baseUri, self._installed())

    def refreshTokenDeferred(self, refreshToken: str, baseUri: str = EndPoints.TOKEN_URI) -> Deferred[dict[str, Any]]:
        """Exchange a refresh token for a new pair: a Deferred that fires with what `refreshToken` gives."""
        return self._refresh(refreshToken, baseUri, self._installed())

    def _exchange(self, code: str | bytes, token_url: str, reactor: Any) -> Deferred[dict[str, Any]]:
        text = code.decode("ascii") if isinstance(code, bytes) else code  # a web framework gives it as bytes
        return _as_dictionary(self._oauth(token_url, reactor).exchange(text, self.redirectUri))

    def _refresh(self, refresh_token: str, token_url: str, reactor: Any) -> Deferred[dict[str, Any]]:
        return _as_dictionary(self._oauth(token_url, reactor).refresh(refresh_token))

    def _oauth(self, token_url: str, reactor: Any) -> OAuth:
        return OAuth(self.appClientId, self.appClientSecret, token_url=token_url, clock=reactor)

    def _installed(self) -> Any:
        if self._reactor is not None:
            return self._reactor
        from twisted.internet import reactor

        return reactor


def _as_dictionary(asked: Deferred[TokenPair]) -> Deferred[dict[str, Any]]:
    return asked.addCallbacks(_tokens, _refusal)


def _tokens(pair: TokenPair) -> dict[str, Any]:
    expires_in: int | None = None
    if pair.expires_at is not None and pair.obtained_at is not None:
        expires_in = round(pair.expires_at - pair.obtained_at)
    return {
        "accessToken": pair.access_token,
        "access_token": pair.access_token,
        "refreshToken": pair.refresh_token,
        "refresh_token": pair.refresh_token,
        "expiresIn": expires_in,
        "expires_in": expires_in,
        "tokenType": "bearer",
        "token_type": "bearer",
        "errorCode": None,
        "description": None,
    }


def _refusal(failure: Failure) -> dict[str, Any]:
    failure.trap(OAuthRefused, TokenRefused)
    error: Any = failure.value
    if not error.code:  # what came is no answer of the server's
        failure.raiseException()
    return {"errorCode": error.code, "description": error.description}


def _wait_for(call: str, instead: str, ask: Callable[[Any], Deferred[dict[str, Any]]]) -> dict[str, Any]:
    """Wait for an answer in a reactor apart: the installed one can be run once only, and that is its user's to do."""
    installed: Any = sys.modules.get("twisted.internet.reactor")
    if installed is not None and installed.running and threadable.isInIOThread():
        raise CannotWait(
            call, "it would stop the reactor, which runs in this thread", f"call {instead}, for a Deferred"
        )
    # Here and not above: only who waits pays for what it imports.
    from ctrader_twisted.blocking.thread import reactor_thread

    apart = reactor_thread()
    answer: dict[str, Any] = apart.wait(call, lambda: ask(apart.reactor), None)  # the request has a limit of its own
    return answer
