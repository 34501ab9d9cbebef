"""The listener that waits for the redirect of a login, over sockets."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.logger import globalLogPublisher

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.redirect import RedirectListener, RedirectURI
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.python.failure import Failure

CODE = "hush-code"


def free_port() -> int:
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        port: int = probing.getsockname()[1]
    return port


class Browser(Protocol):
    """Sends a request, and keeps the answer until the server closes."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.received = b""
        self.done: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.request)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.done.callback(self.received.decode())


async def get(
    uri: RedirectURI, target: str, *headers: str, method: str = "GET", host: str | None = None, body: str = ""
) -> str:
    """Ask as a browser does, and give the whole answer."""
    from twisted.internet import reactor

    named = host if host is not None else f"{uri.host}:{uri.port}"
    lines = [f"{method} {target} HTTP/1.1", f"Host: {named}", *headers, "", body]
    browser = Browser("\r\n".join(lines).encode())
    await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", uri.port), browser)
    return await browser.done


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def listener(path: str = "/") -> RedirectListener:
    from twisted.internet import reactor

    made = RedirectListener(reactor, RedirectURI.parse(f"http://localhost:{free_port()}{path}"))
    made.open()
    return made


@pytest.fixture(autouse=True)
def _no_code_is_logged() -> Iterator[None]:
    seen: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        seen.append(repr(event))

    globalLogPublisher.addObserver(observe)
    yield
    globalLogPublisher.removeObserver(observe)
    assert "hush" not in "".join(seen)


@over_sockets
async def test_one_code_is_taken() -> None:
    waiting = listener()
    redirect = waiting.wait(10)
    answer = await get(waiting.redirect_uri, f"/?code={CODE}")
    assert (await redirect).code == CODE
    assert status(answer) == 200
    assert "You can close this page and go back to the terminal." in answer
    assert CODE not in answer
    again = await get(waiting.redirect_uri, "/?code=another")
    assert status(again) == 409 and "Already received" in again
    await waiting.close()


@over_sockets
async def test_the_page_is_self_contained_and_kept_nowhere() -> None:
    waiting = listener()
    answer = await get(waiting.redirect_uri, f"/?code={CODE}")
    head, _, body = answer.partition("\r\n\r\n")
    head = head.lower()
    assert "content-security-policy: default-src 'none'" in head
    assert "cache-control: no-store" in head and "referrer-policy: no-referrer" in head
    assert "connection: close" in head and "text/html; charset=utf-8" in head
    assert "http" not in body and "<script" not in body
    await waiting.close()


@over_sockets
async def test_what_a_browser_asks_for_besides_is_no_code() -> None:
    waiting = listener()
    redirect = waiting.wait(10)
    uri = waiting.redirect_uri
    assert status(await get(uri, "/favicon.ico")) == 404
    assert status(await get(uri, "/")) == 400
    assert status(await get(uri, f"/other?code={CODE}")) == 404
    assert status(await get(uri, f"/?code={CODE}", method="POST")) == 405
    assert status(await get(uri, f"/?code={CODE}", method="HEAD")) == 405
    assert not redirect.called, "it still waits"
    assert status(await get(uri, f"/?code={CODE}")) == 200
    assert (await redirect).code == CODE
    await waiting.close()


@over_sockets
async def test_another_page_can_not_slip_a_code_in_unseen() -> None:
    """An image, a frame, a fetch, or a name that was made to point here; a person's own navigation is taken."""
    waiting = listener()
    redirect = waiting.wait(10)
    uri = waiting.redirect_uri
    for headers in (
        ("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"),
        ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
        ("Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"),
    ):
        assert status(await get(uri, f"/?code={CODE}", *headers)) == 403
    for host in (
        "evil.example",
        f"evil.example:{uri.port}",
        f"localhost:{uri.port + 1}",
        "",
        "[",
        f"127.0.0.1:{uri.port}",
    ):
        assert status(await get(uri, f"/?code={CODE}", host=host)) in (400, 421)
    assert not redirect.called
    own = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert status(await get(uri, f"/?code={CODE}", *own)) == 200
    assert (await redirect).code == CODE
    await waiting.close()


@pytest.mark.parametrize("target", [f"//[?code={CODE}", f"http://[evil/?code={CODE}"])
@over_sockets
async def test_an_address_that_is_none(target: str) -> None:
    waiting = listener()
    redirect = waiting.wait(10)
    assert status(await get(waiting.redirect_uri, target)) == 400
    assert not redirect.called
    await get(waiting.redirect_uri, f"/?code={CODE}")
    await redirect
    await waiting.close()


@pytest.mark.parametrize(
    ("length", "body"),
    [
        ("Content-Length: 50000000000", ""),
        ("Content-Length: 50000000000", "x" * 1000),
        ("Content-Length: 1", "x"),
        ("Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"),
    ],
)
@over_sockets
async def test_no_body_is_taken(length: str, body: str) -> None:
    """Any page can send one, and it would be kept on disk until its end."""
    waiting = listener()
    redirect = waiting.wait(10)
    assert (
        await get(waiting.redirect_uri, f"/?code={CODE}", length, method="POST", host="evil.example", body=body) == ""
    )
    assert await get(waiting.redirect_uri, f"/?code={CODE}", length, body=body) == ""
    assert not redirect.called
    await get(waiting.redirect_uri, f"/?code={CODE}")
    await redirect
    await waiting.close()


@over_sockets
async def test_there_are_not_too_many_connections() -> None:
    from twisted.internet import reactor

    waiting = listener()
    idle = [Browser(b"") for _ in range(60)]
    for browser in idle:
        await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", waiting.redirect_uri.port), browser)
    for refused in idle[50:]:
        assert await refused.done == ""
    assert not any(browser.done.called for browser in idle[:50])
    await waiting.close()
    for browser in idle[:50]:
        await browser.done


@over_sockets
async def test_a_path_that_nobody_can_guess() -> None:
    waiting = listener("/b7Jq9x")
    redirect = waiting.wait(10)
    assert status(await get(waiting.redirect_uri, "/?code=guessed")) == 404
    await get(waiting.redirect_uri, f"/b7Jq9x?code={CODE}")
    assert (await redirect).code == CODE
    await waiting.close()


@over_sockets
async def test_access_is_denied() -> None:
    waiting = listener()
    redirect = waiting.wait(10)
    answer = await get(waiting.redirect_uri, "/?error=access_denied")
    assert status(answer) == 200 and "Not granted" in answer
    assert (await redirect).error == "access_denied"
    await waiting.close()


@over_sockets
async def test_nobody_comes() -> None:
    waiting = listener()
    with pytest.raises(CommandFailed, match=r"no consent within 0\.05 s.*--paste"):
        await waiting.wait(0.05)
    assert status(await get(waiting.redirect_uri, f"/?code={CODE}")) == 200, "too late, and no harm done"
    await waiting.close()


# Twisted 25.5 leaves the socket that could not be bound to the collector.
@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@over_sockets
async def test_the_port_is_free_afterwards_and_taken_meanwhile() -> None:
    waiting = listener()
    with pytest.raises(CommandFailed, match=rf"port {waiting.redirect_uri.port} of 127\.0\.0\.1 .*--paste"):
        RedirectListener(waiting._reactor, waiting.redirect_uri).open()
    await waiting.close()
    again = RedirectListener(waiting._reactor, waiting.redirect_uri)
    again.open()
    await again.close()


@over_sockets
async def test_an_idle_connection_does_not_hold_it_up() -> None:
    """Browsers connect ahead, and ask nothing."""
    from twisted.internet import reactor

    waiting = listener()
    idle = Browser(b"")
    await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", waiting.redirect_uri.port), idle)
    await get(waiting.redirect_uri, f"/?code={CODE}")
    await waiting.close()
    await idle.done


@over_sockets
async def test_what_is_no_http() -> None:
    from twisted.internet import reactor

    waiting = listener()
    for sent in (b"\x16\x03\x01\x02\x00" * 50 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x" * 20_000 + b"\r\n\r\n"):
        browser = Browser(sent)
        await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", waiting.redirect_uri.port), browser)
        assert " 200 " not in await browser.done
    await waiting.close()
