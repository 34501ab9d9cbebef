"""A headless Chromium, driven from the reactor by the DevTools protocol.

It is spoken over two pipes, the browser's file descriptors 3 and 4, a JSON text ended by a NUL to each message. A
browser whose pipes close ends by itself, so that none outlives the tests.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from itertools import count
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.python.failure import Failure

_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
)

WITHIN = 20.0
"""Seconds that anything may take."""


def find() -> str | None:
    """Give the path of a Chromium: what CTRADER_BROWSER names, else one that is installed.

    None if none is, and on Windows, where a process can't be given pipes of any number.
    """
    if os.name == "nt":
        return None
    names = [os.environ.get("CTRADER_BROWSER"), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


class DevToolsError(Exception):
    """The browser refused a command, or a script that it ran failed."""


class Page:
    """One tab.

    :ivar complaints: what the console was told as a warning or an error, by the page or by the browser, and uncaught
        exceptions.
    :ivar heard: the texts that its WebSockets have received.
    :ivar said: those that they have sent.
    :ivar sockets: how many WebSockets it has made.
    """

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        self.complaints: list[str] = []
        self.heard: list[str] = []
        self.said: list[str] = []
        self.sockets = 0

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send this tab a command, and give its result."""
        return await self._browser.ask(method, self._session, **parameters)

    async def open(self, url: str) -> None:
        """Go to a page, and wait until it has loaded."""
        result = await self.ask("Page.navigate", url=url)
        assert "errorText" not in result, result
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def before(self, script: str) -> None:
        """Run a script in every page before its own."""
        await self.ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def close(self) -> None:
        """Close the tab."""
        await self._browser.ask("Target.closeTarget", targetId=self._target)

    async def run(self, script: str) -> Any:
        """Give what an expression of JavaScript comes to; a promise is waited for."""
        result = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise DevToolsError(_exception(result["exceptionDetails"]))
        return result["result"].get("value")

    async def until(self, script: str, within: float = WITHIN) -> Any:
        """Wait until an expression comes to something true, and give it."""
        from twisted.internet import reactor

        deadline = reactor.seconds() + within
        while not (value := await self.run(script)):
            assert reactor.seconds() < deadline, f"{script} came to {value!r} for {within} s; {self.complaints}"
            await deferLater(reactor, 0.02)
        return value

    async def picture(self) -> bytes:
        """Give what it looks like, as a PNG."""
        return base64.b64decode((await self.ask("Page.captureScreenshot"))["data"])

    def event(self, method: str, parameters: dict[str, Any]) -> None:
        """Take note of an event."""
        if method == "Network.webSocketFrameReceived":
            self.heard.append(parameters["response"]["payloadData"])
        elif method == "Network.webSocketFrameSent":
            self.said.append(parameters["response"]["payloadData"])
        elif method == "Network.webSocketCreated":
            self.sockets += 1
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(_exception(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("warning", "error", "assert"):
            said = [str(each.get("value", each.get("description"))) for each in parameters["args"]]
            self.complaints.append(" ".join(said))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("warning", "error"):
            self.complaints.append(parameters["entry"]["text"])


class Chromium(ProcessProtocol):
    """A running browser.

    :ivar ended: fires when its process has ended.
    """

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self._ids = count(1)
        self._asked: dict[int, Deferred[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._unread = b""
        self._grumbling = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: N802, N803
        if childFD != 4:
            self._grumbling = (self._grumbling + data)[-4000:]
            return
        *messages, self._unread = (self._unread + data).split(b"\0")
        for message in messages:
            self._take(json.loads(message))

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.errback(DevToolsError(f"the browser has ended: {reason.value}\n{self._grumbling.decode()}"))
        self.ended.callback(None)

    async def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command, and give its result.

        :raises DevToolsError: if it is refused, or the browser ends.
        """
        from twisted.internet import reactor

        if self.ended.called:
            raise DevToolsError(f"the browser has ended\n{self._grumbling.decode()}")
        number = next(self._ids)
        command = {"id": number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        answer: Deferred[dict[str, Any]] = Deferred(lambda _: self._asked.pop(number, None))
        self._asked[number] = answer
        assert self.transport is not None
        self.transport.writeToChild(3, json.dumps(command).encode() + b"\0")
        return await answer.addTimeout(
            WITHIN, reactor, lambda *_: _fail(f"{method} had no answer\n{self._grumbling.decode()}")
        )

    async def page(self) -> Page:
        """Open an empty tab."""
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, target["targetId"], attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.ask(f"{domain}.enable")
        return page

    async def close(self) -> None:
        """End the browser, and wait for it."""
        from twisted.internet import reactor

        assert self.transport is not None
        if not self.ended.called:
            self.transport.writeToChild(3, b'{"id":0,"method":"Browser.close"}\0')
        too_slow = reactor.callLater(WITHIN, self._kill)
        await self.ended
        if too_slow.active():
            too_slow.cancel()

    def _kill(self) -> None:
        assert self.transport is not None
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            answer = self._asked.pop(message["id"], None)
            if answer is None:
                pass
            elif "error" in message:
                answer.errback(DevToolsError(message["error"]["message"]))
            else:
                answer.callback(message["result"])
        elif (page := self._pages.get(message.get("sessionId", ""))) is not None:
            page.event(message["method"], message["params"])


def start(home: Path) -> Chromium:
    """Start a browser.

    :param home: an empty folder for all that it keeps.
    """
    from twisted.internet import reactor

    path = find()
    assert path is not None
    flags = [*_FLAGS, f"--user-data-dir={home / 'profile'}"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")
    browser = Chromium()
    reactor.spawnProcess(
        browser,
        path,
        [path, *flags],
        env={**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8"},
        childFDs={0: "w", 1: "r", 2: "r", 3: "w", 4: "r"},
    )
    return browser


def _exception(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description") or details["text"])


def _fail(problem: str) -> None:
    raise DevToolsError(problem)
