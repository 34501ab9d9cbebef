"""The connection, and what ends with the client."""

from __future__ import annotations

from typing import Any

from ctrader_twisted.errors.roots import LocalError, RemoteError


class ClientClosed(LocalError):
    """The client was closed before this could happen.

    :ivar remedy: what to do about it.
    """

    remedy: str = "start a new one"

    def __str__(self) -> str:
        return f"the client was closed: {self.remedy}"


class EventsDropped(LocalError):
    """A stream's buffer overflowed; the oldest events were dropped. The stream can be iterated further.

    :ivar count: how many events are missing at this point of the stream.
    :ivar buffer: the size of the buffer.
    """

    def __init__(self, count: int, buffer: int) -> None:
        super().__init__(count, buffer)
        self.count = count
        self.buffer = buffer

    def __str__(self) -> str:
        return (
            f"{self.count} events were dropped because the reader fell more than {self.buffer} events behind: "
            "read faster, or ask for a larger buffer"
        )


class ConnectionFailed(RemoteError):
    """There is no connection, or it was lost.

    :ivar where: host and port, or the name of the environment.
    :ivar reason: what the transport said.
    """

    def __init__(self, where: str, reason: str) -> None:
        # Not super(): one that is a TimeoutError, too, would read an errno and a file name out of these.
        Exception.__init__(self, where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class DeadPeer(ConnectionFailed):
    """Nothing arrived for longer than the watchdog allows; the connection was aborted."""


class HandshakeRefused(ConnectionFailed):
    """The server did not let a WebSocket begin.

    :ivar problem: what it said, or what was wrong with it.
    :ivar remedy: what to do about it, or ``""``.
    :ivar status: the HTTP status it answered with, or None if it gave no HTTP answer.
    :ivar body: what came with it, bounded, without control characters; or ``""``.
    :ivar retry_after: seconds after which it wants to be asked again, or None.
    """

    def __init__(
        self,
        where: str,
        problem: str,
        remedy: str = "",
        status: int | None = None,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(where, f"{problem} ({remedy})" if remedy else problem)
        self.args: tuple[Any, ...] = (where, problem, remedy)
        self.problem = problem
        self.remedy = remedy
        self.status = status
        self.body = body
        self.retry_after = retry_after

    def __str__(self) -> str:
        said = f": {self.body}" if self.body else ""
        return f"{super().__str__()}{said}"


class WebSocketClosed(ConnectionFailed):
    """The other side closed the WebSocket.

    :ivar code: its close code (RFC 6455, 7.4), or None if it gave none.
    :ivar close_reason: its own words, or ``""``.
    """

    def __init__(self, where: str, reason: str, code: int | None = None, close_reason: str = "") -> None:
        super().__init__(where, reason)
        self.code = code
        self.close_reason = close_reason


class NotReadyInTime(ConnectionFailed, TimeoutError):
    """The client was not ready in the time it was given, and goes on trying. The reason says why an attempt failed."""
