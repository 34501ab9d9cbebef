"""The venue's consent page and token endpoint: OAuth 2 by plain HTTP, for the loopback interface.

The paths are those of the real ones, on ``id.ctrader.com`` and ``openapi.ctrader.com``. Users and sign-in are not
modelled: whoever looks at the page is the venue's user 1, and all accounts are his. As the real ones do, the page does
not echo ``state``, and the endpoint tells its errors with HTTP 200. Codes and secrets travel in query strings, so there
is no access log and no request shows its address in a log.
"""

from __future__ import annotations

import json
import math
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from ctrader_twisted.sim.accounts import SCOPE_TRADE, SCOPE_VIEW
from ctrader_twisted.sim.answers.authorisation import TOKEN_REFRESHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IReactorTime

    from ctrader_twisted.sim.accounts import Application, Grant
    from ctrader_twisted.sim.venue import Venue

CONSENT_PATH: Final = "/my/settings/openapi/grantingaccess/"
TOKEN_PATH: Final = "/apps/token"

SCOPES: Final[Mapping[str, int]] = {"accounts": SCOPE_VIEW, "trading": SCOPE_TRADE}

DENIED: Final = "ACCESS_DENIED"
DENIED_BECAUSE: Final = "Access denied. Make sure the credentials are valid."

_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 36em; margin: 3em auto; padding: 0 1em; }}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""
_FORM: Final = """<p>The application <strong>{client_id}</strong> asks for access to your trading accounts, {what}.</p>
<form method="post" action="{action}">
{hidden}
{accounts}
<p><button name="decision" value="allow">Allow access</button> <button name="decision" value="deny">Deny</button></p>
</form>
<p>This is a simulated venue: nothing here is real.</p>"""


class Faults:
    """How the token endpoint misbehaves at this moment.

    :param clock: tells the time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._delay, self._delay_until = 0.0, -math.inf
        self._broken, self._broken_until = "", -math.inf
        self._drops: list[bool] = []

    def delay_answers(self, delay: float, seconds: float | None) -> None:
        """Answer so much later, for so many seconds or for ever."""
        self._delay, self._delay_until = delay, self._until(seconds)

    def break_answers(self, how: str, seconds: float | None) -> None:
        """Carry nothing out and answer with nonsense, for so many seconds or for ever."""
        self._broken, self._broken_until = how, self._until(seconds)

    def drop_answers(self, count: int, closes: bool) -> None:
        """Carry the next requests out and don't answer them.

        :param closes: whether the connection is closed instead of left waiting.
        """
        self._drops.extend([closes] * count)

    def delay(self) -> float:
        """Give the seconds by which an answer is late."""
        return self._delay if self._clock.seconds() < self._delay_until else 0.0

    def broken(self) -> str:
        """Give the kind of nonsense that is answered; ``""`` for none."""
        return self._broken if self._clock.seconds() < self._broken_until else ""

    def dropped(self) -> bool | None:
        """Take one dropped answer: whether its connection is closed; None if this one is not dropped."""
        return self._drops.pop(0) if self._drops else None

    def _until(self, seconds: float | None) -> float:
        return math.inf if seconds is None else self._clock.seconds() + seconds


class OAuthFactory(WrappingFactory):
    """Serves both to HTTP connections, which it can drop.

    :param venue: whose they are.
    """

    noisy = False

    def __init__(self, venue: Venue) -> None:
        site = _Site(_Root(venue), requestFactory=_Request, reactor=venue.clock)  # type: ignore[no-untyped-call]
        super().__init__(site)  # type: ignore[no-untyped-call]

    def drop_connections(self) -> None:
        """Drop every connection."""
        for connection in tuple(self.protocols):
            connection.abortConnection()


class _Site(Site):
    """A site without an access log: addresses hold secrets here."""

    noisy = False

    def startFactory(self) -> None:
        """Open no log."""

    def stopFactory(self) -> None:
        """Close none."""


class _Request(Request):
    """A request that keeps its address to itself, wherever it is printed."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}>"

    __str__ = __repr__


class _Root(Resource):
    """Finds what a request is for."""

    isLeaf = True

    def __init__(self, venue: Venue) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        consent = _Consent(venue)
        self._answers: dict[tuple[str, bytes], Callable[[Request], bytes | int]] = {
            (CONSENT_PATH, b"GET"): consent.show,
            (CONSENT_PATH, b"POST"): consent.decide,
            (TOKEN_PATH + "/", b"GET"): _Tokens(venue).answer,
        }

    def render(self, request: Request) -> bytes | int:
        """Answer a request."""
        path = request.path.decode("ascii", "replace").rstrip("/") + "/"
        answer = self._answers.get((path, request.method))
        if answer is not None:
            return answer(request)
        if any(path == known for known, _ in self._answers):
            return _page(request, "Method not allowed", "This is not answered here.", http.NOT_ALLOWED)
        return _page(request, "Not found", "There is nothing here.", http.NOT_FOUND)


class _Consent:
    """The page on which a user grants an application access to some of his accounts."""

    log = Logger()

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def show(self, request: Request) -> bytes:
        """Show the page."""
        application, refusal = self._application(request)
        if application is None:
            return _page(request, "This can't be granted", refusal, http.BAD_REQUEST)
        return self._form(request, application)

    def decide(self, request: Request) -> bytes:
        """Send the user back, with a code or with his refusal."""
        application, refusal = self._application(request)
        if application is None:
            return _page(request, "This can't be granted", refusal, http.BAD_REQUEST)
        redirect_uri, decision = _argument(request, "redirect_uri"), _argument(request, "decision")
        if decision == "deny":
            return self._send_back(request, redirect_uri, error="access_denied")
        ticked = {one.decode("utf-8", "replace") for one in (request.args or {}).get(b"account", [])}
        accounts = [one for one in self._venue.registry.accounts if str(one) in ticked]
        if decision != "allow" or not accounts or len(accounts) < len(ticked):
            return self._form(request, application, "Tick at least one account.")
        code = self._venue.registry.make_code(
            application, redirect_uri, accounts, self._venue.now(), scope=SCOPES[_scope(request)]
        )
        self.log.info(
            "Access to {accounts} is granted to {client_id}", accounts=accounts, client_id=application.client_id
        )
        return self._send_back(request, redirect_uri, code=code)

    def _application(self, request: Request) -> tuple[Application | None, str]:
        """Give the application that asks, or None and why it may not."""
        application = self._venue.registry.applications.get(_argument(request, "client_id"))
        redirect_uri = _argument(request, "redirect_uri")
        if application is None:
            return None, "There is no application with this client_id."
        if redirect_uri in application.redirect_uris[:1]:
            return None, "The first redirect URI belongs to the playground: register one more and use that."
        if not application.may_redirect_to(redirect_uri):
            return None, "This redirect_uri is not registered: it must be one of the application's to the letter."
        if _scope(request) not in SCOPES:
            return None, "This scope is not known: it is accounts or trading."
        return application, ""

    def _form(self, request: Request, application: Application, complaint: str = "") -> bytes:
        names = ("client_id", "redirect_uri", "scope")
        values = {name: _argument(request, name) for name in names} | {"scope": _scope(request)}
        hidden = "\n".join(f'<input type="hidden" name="{name}" value="{escape(values[name])}">' for name in names)
        boxes = "\n".join(
            f'<p><label><input type="checkbox" name="account" value="{one.account_id}" checked> {one.login}: '
            f"{escape(one.broker_title)}, {'live' if one.is_live else 'demo'}, {escape(one.deposit_asset)}</label></p>"
            for one in self._venue.registry.accounts.values()
        )
        form = _FORM.format(
            client_id=escape(application.client_id),
            what="to see them and to trade" if SCOPES[values["scope"]] == SCOPE_TRADE else "to see them",
            action=CONSENT_PATH,
            hidden=hidden,
            accounts=boxes,
        )
        warning = f"<p><strong>{complaint}</strong></p>\n" if complaint else ""
        return _page(request, "Grant access", warning + form, http.BAD_REQUEST if complaint else http.OK, escaped=True)

    def _send_back(self, request: Request, redirect_uri: str, **said: str) -> bytes:
        joint = "&" if "?" in redirect_uri else "?"
        request.redirect((redirect_uri + joint + urlencode(said)).encode())
        return b""


class _Tokens:
    """The endpoint that exchanges codes and refreshes tokens."""

    log = Logger()

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def answer(self, request: Request) -> bytes | int:
        """Answer, unless it is to misbehave."""
        faults = self._venue.oauth_faults
        broken = faults.broken()
        if broken:
            return _break(request, broken)
        body = json.dumps(self._carry_out(request)).encode()
        closes = faults.dropped()
        if closes is not None:
            if closes:
                request.loseConnection()
            return NOT_DONE_YET
        request.setHeader("content-type", "application/json")
        request.setHeader("cache-control", "no-store")
        delay = faults.delay()
        if not delay:
            return body
        gone: list[object] = []
        request.notifyFinish().addBoth(gone.append)

        def answer_late(venue: Venue) -> None:
            if not gone:
                request.write(body)
                request.finish()

        self._venue.later(delay, answer_late)
        return NOT_DONE_YET

    def _carry_out(self, request: Request) -> dict[str, object]:
        registry, now = self._venue.registry, self._venue.now()
        grant_type = _argument(request, "grant_type")
        if grant_type not in ("authorization_code", "refresh_token"):
            return _refusal("INVALID_REQUEST", "grant_type is authorization_code or refresh_token")
        client_id = _argument(request, "client_id")
        if registry.application(client_id, _argument(request, "client_secret")) is None:
            return _refusal(DENIED, DENIED_BECAUSE)
        if grant_type == "refresh_token":
            grant = registry.refresh(_argument(request, "refresh_token"), now, client_id)
            if grant is None:
                return _refusal(DENIED, DENIED_BECAUSE)
            self.log.info("Token {number} is refreshed", number=grant.number + 1)
            self._venue.end_sessions_of(grant, TOKEN_REFRESHED)
            return _tokens(grant, now)
        code = registry.take_code(_argument(request, "code"), client_id, _argument(request, "redirect_uri"), now)
        if code is None:
            return _refusal(DENIED, DENIED_BECAUSE)
        grant = self._venue.authorise(code.account_ids, scope=code.scope, user_id=code.user_id, client_id=client_id)
        self.log.info("A code is exchanged for token {number}", number=grant.number + 1)
        return _tokens(grant, now)


def _tokens(grant: Grant, now: int) -> dict[str, object]:
    """Give the answer with a pair of tokens: today's names, and the ones before them."""
    expires_in = grant.expires_in(now)
    return {
        "accessToken": grant.access_token,
        "tokenType": "bearer",
        "expiresIn": expires_in,
        "refreshToken": grant.refresh_token,
        "errorCode": None,
        "description": None,
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "expires_in": expires_in,
    }


def _refusal(code: str, description: str) -> dict[str, object]:
    return {
        "accessToken": None,
        "tokenType": None,
        "expiresIn": None,
        "refreshToken": None,
        "errorCode": code,
        "description": description,
    }


def _break(request: Request, how: str) -> bytes | int:
    if how == "html":
        return _page(request, "Just a moment…", "Checking your browser.")
    if how == "500":
        return _page(request, "Internal server error", "Something went wrong.", http.INTERNAL_SERVER_ERROR)
    request.setHeader("content-type", "application/json")
    request.setHeader("content-length", "400")
    request.write(b'{"accessToken": "')
    request.loseConnection()
    return NOT_DONE_YET


def _page(request: Request, title: str, body: str, status: int = http.OK, *, escaped: bool = False) -> bytes:
    request.setResponseCode(status)
    request.setHeader("content-type", "text/html; charset=utf-8")
    request.setHeader("cache-control", "no-store")
    request.setHeader("referrer-policy", "no-referrer")
    return _PAGE.format(title=title, body=body if escaped else f"<p>{escape(body)}</p>").encode()


def _argument(request: Request, name: str) -> str:
    """Give the first of an argument's values, or ``""``."""
    values: list[bytes] = (request.args or {}).get(name.encode(), [b""])
    return values[0].decode("utf-8", "replace")


def _scope(request: Request) -> str:
    return _argument(request, "scope") or "trading"
