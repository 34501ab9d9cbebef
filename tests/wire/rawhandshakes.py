"""Handshakes of WebSocket made by hand, and what is told of one that was refused."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from ctrader_twisted.errors import HandshakeRefused
from tests.wire.rawframes import BINARY, frame

if TYPE_CHECKING:
    from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket


def request_of(**changed: bytes | None) -> bytes:
    headers: dict[str, bytes | None] = {
        "Host": b"h",
        "Upgrade": b"websocket",
        "Connection": b"keep-alive, Upgrade",
        "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": b"13",
    }
    line = changed.pop("line", None) or b"GET / HTTP/1.1"
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [name.encode() + b": " + value for name, value in headers.items() if value is not None]
    return b"\r\n".join([line, *lines, b"", b""])


def accepted(request: bytes, *more: bytes, accept: bytes = b"", upgrade: bytes = b"websocket") -> bytes:
    """What a server says that agrees."""
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    assert key is not None
    token = accept or base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: " + upgrade,
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + token,
        *more,
    ]
    return b"\r\n".join([*lines, b"", b""])


def refusal(wire: ClientWebSocket | ServerWebSocket) -> HandshakeRefused:
    assert isinstance(wire.over, HandshakeRefused)
    assert wire.news
    assert not wire.open
    assert wire.receive(frame(BINARY, b"after")) == []
    assert wire.end() is None
    assert wire.problems() == []
    return wire.over
