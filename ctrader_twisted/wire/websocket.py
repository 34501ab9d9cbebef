"""The WebSocket wires, client's end and server's: an envelope to a message, behind the verbs every wire has.

What is here is their handshakes, which wsproto does, and what is told of one that fails; `websocket_frames` has what
comes after.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from os import urandom
from typing import TYPE_CHECKING

from wsproto import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.utilities import RemoteProtocolError

from ctrader_twisted.errors import HandshakeRefused
from ctrader_twisted.wire.frames import MAX_FRAME
from ctrader_twisted.wire.websocket_frames import MAX_HEAD, WebSocket, printable

if TYPE_CHECKING:
    from ctrader_twisted.wire.verbs import Encoding

_MAX_BODY = 4_000  # bytes of a refusal's body that are waited for
_MAX_WORDS = 500  # characters that are told of what is wrong with a handshake; they may quote it
_NOT_HTTP = (RemoteProtocolError, ValueError, IndexError)  # the last two from wsproto, for headers it does not expect


class ClientWebSocket(WebSocket):
    """A client's end of a WebSocket.

    :param host: the server's name or address, for the handshake.
    :param port: its port.
    :param where: the server's name, for errors.
    :param max_message: bytes that a message may have, decompressed.
    :param compression: whether permessage-deflate is offered; then the server decides.
    """

    _peer = "server"

    def __init__(
        self,
        encoding: Encoding,
        *,
        host: str,
        port: int,
        where: str,
        max_message: int = MAX_FRAME,
        compression: bool = False,
    ) -> None:
        super().__init__(ConnectionType.CLIENT, encoding, where, max_message, compression)
        self._host = _host(host, port)
        self._refusal: RejectConnection | None = None
        self._body = b""

    def begin(self) -> None:
        """Queue the request for a WebSocket."""
        request = Request(
            host=self._host,
            target="/",
            extensions=[self._deflate] if self._deflate else [],
            extra_headers=[(b"User-Agent", b"ctrader_twisted")],
        )
        self._outgoing.append(self._ws.send(request))

    def _shake(self, data: bytes, start: int) -> int:
        try:
            if self._refusal is not None:
                self._ws.receive_data(data[start:])
                stop = len(data)
            elif not data.startswith(b"HTTP/"[: len(data) - start], start):
                raise RemoteProtocolError("it is not HTTP")
            elif (head := self._head(data, start)) is None:
                return len(data)
            else:
                self._ws.receive_data(head)
                stop = start + len(head)
            for event in self._ws.events():
                if isinstance(event, AcceptConnection):
                    self._opened()
                elif isinstance(event, RejectConnection) and event.status_code >= 200:  # before it, "wait a little"
                    self._refusal = event
                elif isinstance(event, RejectData):
                    self._body += event.data
                    if event.body_finished or len(self._body) >= _MAX_BODY:
                        self._refused()
                        break
        except _NOT_HTTP as error:
            if self._refusal is not None:
                self._refused()  # it was said; only what came with it can't be read
            else:
                self._fruitless(
                    f"the answer to the WebSocket handshake can't be read: {printable(str(error))[:_MAX_WORDS]}"
                )
            return len(data)
        return stop

    def _pack(self, payload: bytes) -> bytes:
        if self._deflate is not None and self._deflate.enabled():
            return super()._pack(payload)
        size, key = len(payload), urandom(4)
        mask = key * (size // 4 + 1)
        masked = int.from_bytes(payload) ^ int.from_bytes(mask[:size])
        return self._header(size, 0x80) + key + masked.to_bytes(size)

    def _cut_short(self) -> None:
        if self._refusal is not None:
            self._refused()
        else:
            self._fruitless("the connection ended before the WebSocket handshake was answered")

    def _fruitless(self, reason: str) -> None:
        self._finish(HandshakeRefused(self._where, reason, _CHECK))

    def _refused(self) -> None:
        assert self._refusal is not None
        status, headers = self._refusal.status_code, dict(self._refusal.headers)
        wait = headers.get(b"retry-after", b"").strip()
        retry_after = float(wait) if wait.isdigit() and len(wait) < 10 else None  # the other form needs a clock
        elsewhere = _HOST_NAMED.match(headers.get(b"location", b""))
        if 300 <= status < 400 and elsewhere:
            remedy = f"it points to {elsewhere[1].decode()}, and redirects are not followed"
        elif retry_after is not None:
            remedy = f"try again in {retry_after:.0f} s"
        else:
            remedy = _REMEDIES.get(status, _CHECK)
        problem = f"the WebSocket handshake was refused: {_status(status)}"
        body = printable(self._body[:_MAX_BODY].decode(errors="replace"))
        self._finish(HandshakeRefused(self._where, problem, remedy, status, body, retry_after))


class ServerWebSocket(WebSocket):
    """A server's end of a WebSocket. It asks for no origin and no path; whatever is not the request for a WebSocket is
    answered with an error of HTTP, and ``over`` is set.

    :param where: the client's name, for errors.
    :param max_message: bytes that a message may have, decompressed.
    :param compression: whether permessage-deflate is used with clients that offer it.
    """

    _peer = "client"

    def __init__(
        self, encoding: Encoding, *, where: str = "client", max_message: int = MAX_FRAME, compression: bool = False
    ) -> None:
        super().__init__(ConnectionType.SERVER, encoding, where, max_message, compression)

    def _shake(self, data: bytes, start: int) -> int:
        try:
            if not data[start : start + 1].isalpha():  # as a method's name begins: no blank line would ever come
                raise RemoteProtocolError("it is not HTTP")
            head = self._head(data, start)
            if head is None:
                return len(data)
            self._ws.receive_data(head)
            for _request in self._ws.events():
                accept = AcceptConnection(extensions=[self._deflate] if self._deflate else [])
                self._outgoing.append(self._ws.send(accept))
                self._opened()
        except _NOT_HTTP as error:
            self._turn_away(data[start : start + MAX_HEAD], error)
            return len(data)
        return start + len(head)

    def _cut_short(self) -> None:
        self._finish(HandshakeRefused(self._where, "the connection ended before a WebSocket was asked for"))

    def _turn_away(self, head: bytes, error: Exception) -> None:
        """Answer what is not the request for a WebSocket."""
        hint = error.event_hint if isinstance(error, RemoteProtocolError) else None
        answer = hint if isinstance(hint, RejectConnection) else RejectConnection()
        status, headers = answer.status_code, list(answer.headers)
        if not head.startswith(b"GET "):
            status, headers = 405, [(b"Allow", b"GET")]
        elif status == 400 and b"\nupgrade:" not in head.lower():
            status, headers = 426, [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
        problem = printable(str(error))[:_MAX_WORDS]
        body = f"This port speaks WebSocket, version 13: {problem}\n".encode()
        headers += [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(body))]
        lines = [b"HTTP/1.1 " + _status(status).encode(), *(b"%s: %s" % header for header in headers), b"", body]
        self._outgoing.append(b"\r\n".join(lines))
        what = f"the {self._peer} asked for no WebSocket and was answered {_status(status)}: {problem}"
        self._finish(HandshakeRefused(self._where, what, status=status))

    def _pack(self, payload: bytes) -> bytes:
        if self._deflate is not None and self._deflate.enabled():
            return super()._pack(payload)
        return self._header(len(payload), 0) + payload


_CHECK = "check host, port and wire"
_LATER = "try again later"
_ACCESS = "the server, or a proxy before it, does not let you in: ask whoever runs it"
_REMEDIES = {401: _ACCESS, 403: _ACCESS, 407: "the proxy wants to know who asks"} | dict.fromkeys(
    (408, 429, 500, 502, 503, 504), _LATER
)
_HOST_NAMED = re.compile(rb"[a-zA-Z]*:?//(?:[^/?#]*@)?([a-zA-Z0-9.:\[\]-]{1,260})")  # no user, password, path or query


def _host(host: str, port: int) -> str:
    """Give what the Host header says: an address of IPv6 in brackets and without its zone; the port unless it is that
    of HTTPS.
    """
    if ":" in host:
        host = f"[{host.partition('%')[0]}]"
    return host if port == 443 else f"{host}:{port}"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
