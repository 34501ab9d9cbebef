"""The redirect that ends a consent: taken from a pasted text, or by a listener on loopback that takes one code.

The authorisation server gives back nothing but the code (observed: it does not echo ``state``), so nothing in the
redirect proves that it belongs to the login that was begun here. What is done instead: the listener is open only while
a login waits, on loopback only; it takes one code, under the exact host and path of the redirect URI, and only from a
page that was navigated to, never from one that is embedded or fetched by another. A path that nobody can guess makes it
tight; the application has to be registered with it (``docs/getting-access.md``).
"""

from __future__ import annotations

import errno
import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.protocols.policies import WrappingFactory
from twisted.web.http import HTTPFactory, Request

from ctrader_twisted.cli.failures import CommandFailed

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort

LOOPBACK: Final[dict[str, tuple[str, ...]]] = {
    "localhost": ("127.0.0.1", "::1"),
    "127.0.0.1": ("127.0.0.1",),
    "::1": ("::1",),
}
"""The hosts a redirect URI may name for a listener, and where it listens for each: a browser tries either for
``localhost``, and nobody else may sit on the other."""

_LONGEST_CODE: Final = 2048
_READ_TIMEOUT: Final = 10
_CLOSE_TIMEOUT: Final = 1.0
_CONNECTIONS_AT_MOST: Final = 50
_DENIED: Final = "access_denied"
_NO_IPV6: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOPROTOOPT)


@dataclass(frozen=True, slots=True)
class RedirectURI:
    """A redirect URI, as registered for the application.

    :ivar uri: to the letter.
    :ivar host: its host.
    :ivar port: its port.
    :ivar path: its path, at least ``/``.
    """

    uri: str
    host: str
    port: int
    path: str

    @property
    def is_loopback(self) -> bool:
        """Whether a listener of ours can receive it: plain HTTP to this computer."""
        return self.host in LOOPBACK and urlsplit(self.uri).scheme == "http"

    @classmethod
    def parse(cls, uri: str) -> RedirectURI:
        """Read a redirect URI.

        :raises CommandFailed: if it is none.
        """
        try:
            parts = urlsplit(uri)
            port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in ("http", "https") or not parts.hostname or not port or parts.fragment:
            raise CommandFailed(f'the redirect URI "{uri}" is none: write it as registered, http://… or https://…')
        return cls(uri, parts.hostname, port, parts.path or "/")


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a redirect brought: a code, or an error.

    :ivar code: the code; good for one minute, and once.
    :ivar error: the error's code, or ``""``.
    :ivar description: what the server says about it, or ``""``.
    """

    code: str = field(default="", repr=False)
    error: str = ""
    description: str = ""

    def code_or_fail(self) -> str:
        """Give the code.

        :raises CommandFailed: if it brought an error.
        """
        if self.code:
            return self.code
        if self.error == _DENIED:
            raise CommandFailed("access was not granted: the consent page was refused. Nothing was changed")
        said = f"{self.error} ({self.description})" if self.description else self.error
        raise CommandFailed(
            f"the consent page gave an error: {said}. See that client id and redirect URI are those of the application"
        )


def read_query(query: str) -> Redirect | None:
    """Read a redirect's query; None if it brings neither a code nor an error."""
    try:
        values = parse_qs(query, max_num_fields=20)
    except ValueError:
        return None
    code, error = values.get("code", []), values.get("error", [])
    if len(code) == 1 and _is_code(code[0]) and not error:
        return Redirect(code[0])
    if error and not code:
        return Redirect("", error[0][:100], values.get("error_description", [""])[0][:300])
    return None


def read_pasted(text: str) -> Redirect:
    """Read what a person pasted: the code, or the whole address that the browser was sent to.

    :raises CommandFailed: if it is neither.
    """
    text = text.strip().strip("\"'<>")
    if "?" in text or "://" in text:
        found = read_query(_query_of(text))
    elif text.startswith("code="):
        found = read_query(text)
    else:
        found = read_query("code=" + text.replace("+", "%2B"))  # a space is in no code
    if found is None:
        raise CommandFailed(
            "what was pasted holds no code: copy the whole address that the browser was sent to after the consent, "
            "or what follows code= in it"
        )
    return found


def _query_of(address: str) -> str:
    try:
        return urlsplit(address).query
    except ValueError:
        return ""


def _is_code(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_CODE and text.isascii() and text.isprintable() and " " not in text


class RedirectListener:
    """Waits for the redirect on this computer, and takes one.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param redirect_uri: a loopback one.
    """

    def __init__(self, reactor: Any, redirect_uri: RedirectURI) -> None:
        self.redirect_uri = redirect_uri
        self._reactor = reactor
        self._factory = _Connections(_Pages(reactor, self))
        self._ports: list[IListeningPort] = []
        self._waiting: Deferred[Redirect] | None = None
        self._taken: Redirect | None = None

    def open(self) -> None:
        """Listen.

        :raises CommandFailed: if the port can't be had.
        """
        first, *others = LOOPBACK[self.redirect_uri.host]
        self._listen(first)
        for interface in others:
            try:
                self._listen(interface)
            except _NoSuchInterface:
                pass  # a computer without IPv6: its browser can't try it either

    def _listen(self, interface: str) -> None:
        port = self.redirect_uri.port
        try:
            self._ports.append(self._reactor.listenTCP(port, self._factory, interface=interface))
        except CannotListenError as error:
            number = getattr(error.socketError, "errno", None)
            if number in _NO_IPV6 and ":" in interface:
                raise _NoSuchInterface from None
            self.close()
            if number == errno.EACCES:
                problem, remedy = "this user may not listen there", "register a redirect URI with a port above 1023"
            else:
                problem = "another program listens there, perhaps another login that waits"
                remedy = "end it, or use --paste"
            raise CommandFailed(
                f"port {port} of {interface} can't be had for the redirect: {problem}; {remedy}"
            ) from None

    def wait(self, timeout: float) -> Deferred[Redirect]:
        """Wait for the redirect.

        :param timeout: seconds.
        :return: a Deferred that fires with it, and fails with `CommandFailed` if none comes in time.
        """
        waiting: Deferred[Redirect] = Deferred()
        if self._taken is not None:
            waiting.callback(self._taken)
            return waiting
        self._waiting = waiting

        def too_late(result: object, seconds: float) -> NoReturn:
            raise CommandFailed(
                f"no consent within {seconds:g} s. Try again with a longer --timeout, or, if the browser is on another "
                "computer, with --paste"
            )

        return waiting.addTimeout(timeout, self._reactor, too_late)

    def take(self, redirect: Redirect) -> bool:
        """Take the redirect; False if one was taken before."""
        if self._taken is not None:
            return False
        self._taken = redirect
        return True

    def answered(self) -> None:
        """Tell whoever waits, once the page of what was taken is on its way."""
        waiting = self._waiting
        if self._taken is not None and waiting is not None:
            self._waiting = None
            waiting.callback(self._taken)

    def close(self) -> Deferred[None]:
        """Stop listening and drop what is still connected; fires when the port is free."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)
        for connection in list(self._factory.protocols):
            connection.loseConnection()
        await self._factory.when_idle().addTimeout(_CLOSE_TIMEOUT, self._reactor, lambda *_: None)
        for connection in list(self._factory.protocols):
            connection.abortConnection()


class _NoSuchInterface(Exception):
    pass


class _Connections(WrappingFactory):
    """Knows which connections there are."""

    noisy = False

    def __init__(self, wrapped: HTTPFactory) -> None:
        super().__init__(wrapped)  # type: ignore[no-untyped-call]
        self._idle: list[Deferred[None]] = []

    def when_idle(self) -> Deferred[None]:
        """Wait until there is none."""
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._look()
        return idle

    def buildProtocol(self, addr: Any) -> Any:
        """Make the protocol of one connection, if there are not too many."""
        return super().buildProtocol(addr) if len(self.protocols) < _CONNECTIONS_AT_MOST else None

    def unregisterProtocol(self, p: Any) -> None:  # noqa: N802
        """Take note that a connection is gone."""
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]
        self._look()

    def _look(self) -> None:
        if not self.protocols:
            waiting, self._idle = self._idle, []
            for idle in waiting:
                if not idle.called:
                    idle.callback(None)


class _Pages(HTTPFactory):
    """Answers requests; logs none, for their addresses hold codes."""

    noisy = False

    def __init__(self, reactor: Any, listener: RedirectListener) -> None:
        super().__init__(timeout=_READ_TIMEOUT, reactor=reactor)
        self._listener = listener

    def _request(self, channel: Any, queued: object = None) -> Request:
        return _PageRequest(channel, self._listener)

    def buildProtocol(self, addr: Any) -> Any:
        """Make the protocol of one connection."""
        protocol: Any = super().buildProtocol(addr)
        protocol.requestFactory = self._request
        return protocol

    def log(self, request: Request) -> None:
        """Log nothing."""


class _PageRequest(Request):
    """One request of a browser."""

    def __init__(self, channel: Any, listener: RedirectListener) -> None:
        super().__init__(channel)
        self._listener = listener
        self._has_body = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Hang up on whoever sends a body, as no redirect does: it would be kept until its end."""
        got_length: Any = super().gotLength
        got_length(0)
        if length != 0:
            self._has_body = True
            self.channel.forceAbortClient()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keep nothing of a body."""

    def process(self) -> None:
        """Answer it."""
        if self._has_body:
            return
        self.channel.persistent = False  # one request a connection
        status, heading, text = self._answer()
        body = _page(heading, text)
        answer: Any = super()
        answer.setResponseCode(status)
        for name, value in _HEADERS.items():
            answer.setHeader(name, value)
        answer.setHeader(b"content-length", str(len(body)).encode())
        if self.method != b"HEAD":
            answer.write(body)
        answer.finish()
        self._listener.answered()

    def _answer(self) -> tuple[int, str, str]:
        uri = self._listener.redirect_uri
        try:
            target = urlsplit(self.uri.decode("ascii", "replace"))
        except ValueError:
            return 400, "Not here", "This is no address."
        if self._host() != (uri.host, uri.port):
            return 421, "Not here", "This address is not the one that the login waits for."
        if target.path != uri.path:
            return 404, "Nothing here", "ctrader login waits for its redirect at another address."
        if self.method != b"GET":
            return 405, "Not so", "The redirect of a login is an ordinary GET."
        if self._is_embedded():
            return 403, "Not so", "The redirect of a login has to be a page of its own."
        redirect = read_query(target.query)
        if redirect is None:
            return 400, "No code", "There is no code in this address. The login still waits for one."
        if not self._listener.take(redirect):
            return 409, "Already received", "The login has its answer. You can close this page."
        if redirect.code:
            return 200, "Received", "You can close this page and go back to the terminal."
        return 200, "Not granted", "The login has ended. You can close this page; the terminal says more."

    def _host(self) -> tuple[str | None, int]:
        """Give host and port under which the browser asked: whoever made a name of his own point here, asks by that."""
        try:
            named = urlsplit("//" + (self.getHeader(b"host") or b"").decode("ascii", "replace"))
            return named.hostname, named.port or 80
        except ValueError:
            return None, 0

    def _is_embedded(self) -> bool:
        """Whether a browser says that something else than a person's navigation asked for this."""
        mode, destination = self.getHeader(b"sec-fetch-mode"), self.getHeader(b"sec-fetch-dest")
        return mode not in (None, b"navigate") or destination not in (None, b"document")


_HEADERS: Final = {
    b"content-type": b"text/html; charset=utf-8",
    b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"connection": b"close",
}


def _page(heading: str, text: str) -> bytes:
    heading, text = html.escape(heading), html.escape(text)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>ctrader login: {heading}</title>'
        '<meta name="viewport" content="width=device-width"><style>'
        "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}"
        f"</style><h1>{heading}</h1><p>{text}</p></html>\n"
    ).encode()
