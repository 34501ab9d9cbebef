"""The WebSocket wires, held against the websockets package, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request as TheirRequest
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from ctrader_twisted.errors import WebSocketClosed
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket
from tests.wire.rawframes import SIZES, client, said
from tests.wire.rawhandshakes import refusal


def with_their_server(text: bool, compression: bool) -> tuple[ClientWebSocket, ServerProtocol]:
    ours = client(text, compression=compression)
    theirs = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()] if compression else None)
    theirs.receive_data(ours.data_to_send())
    [request] = theirs.events_received()
    assert isinstance(request, TheirRequest)
    theirs.send_response(theirs.accept(request))
    ours.receive(b"".join(theirs.data_to_send()))
    assert ours.open
    return ours, theirs


def with_their_client(text: bool, compression: bool) -> tuple[ServerWebSocket, ClientProtocol]:
    theirs = ClientProtocol(
        parse_uri("ws://h:5036/"), extensions=[ClientPerMessageDeflateFactory()] if compression else None
    )
    theirs.send_request(theirs.connect())
    ours = ServerWebSocket(client(text)._encoding, compression=compression)
    ours.receive(b"".join(theirs.data_to_send()))
    assert ours.open
    theirs.receive_data(ours.data_to_send())
    theirs.events_received()
    assert theirs.handshake_exc is None
    assert theirs.state.name == "OPEN"
    return ours, theirs


both_ways = pytest.mark.parametrize("join", [with_their_server, with_their_client])
Join: TypeAlias = Callable[[bool, bool], tuple[ClientWebSocket | ServerWebSocket, ServerProtocol | ClientProtocol]]


def heard(theirs: ServerProtocol | ClientProtocol) -> list[tuple[int, bytes]]:
    return [(event.opcode, bytes(event.data)) for event in theirs.events_received() if isinstance(event, Frame)]


@both_ways
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("compression", [False, True])
def test_messages_go_to_and_from_an_implementation_that_is_not_ours(join: Join, text: bool, compression: bool) -> None:
    ours, theirs = join(text, compression)
    bodies = [bytes(b"\x20" * size) for size in SIZES] + [b"and some more"] * 3
    for body in bodies:
        ours.send(said(body))
    theirs.receive_data(ours.data_to_send())
    opcode = Opcode.TEXT if text else Opcode.BINARY
    assert heard(theirs) == [(opcode, body) for body in bodies]
    send = theirs.send_text if text else theirs.send_binary
    for body in bodies:
        send(body)
    theirs.send_ping(b"alive?")
    for body in bodies:  # each in three fragments, with a ping between
        third = len(body) // 3
        send(body[:third], fin=False)
        theirs.send_ping(b"between")
        theirs.send_continuation(body[third : 2 * third], fin=False)
        theirs.send_continuation(body[2 * third :], fin=True)
    stream = b"".join(theirs.data_to_send())
    arrived = [item for at in range(0, len(stream), 10_000) for item in ours.receive(stream[at : at + 10_000])]
    assert arrived == [said(body) for body in bodies * 2]
    assert ours.problems() == []
    theirs.receive_data(ours.data_to_send())
    assert heard(theirs) == [(Opcode.PONG, b"alive?")] + [(Opcode.PONG, b"between")] * len(bodies)


@both_ways
@pytest.mark.parametrize("compression", [False, True])
def test_goodbyes_go_to_and_from_an_implementation_that_is_not_ours(join: Join, compression: bool) -> None:
    ours, theirs = join(False, compression)
    assert ours.close(4321, "enough")
    theirs.receive_data(ours.data_to_send())
    assert theirs.close_rcvd == Close(4321, "enough")
    ours.receive(b"".join(theirs.data_to_send()))
    assert isinstance(ours.over, WebSocketClosed) and ours.over.code == 4321
    ours, theirs = join(False, compression)
    theirs.send_close(1012, "restart")
    ours.receive(b"".join(theirs.data_to_send()))
    assert isinstance(ours.over, WebSocketClosed)
    assert (ours.over.code, ours.over.close_reason) == (1012, "restart")
    theirs.receive_data(ours.data_to_send())
    assert theirs.close_rcvd == Close(1012, "restart")


@both_ways
def test_an_implementation_that_is_not_ours_understands_why_we_end_it(join: Join) -> None:
    ours, theirs = join(False, False)
    theirs.send_frame(Frame(Opcode.CONT, b"x", fin=True))
    ours.receive(b"".join(theirs.data_to_send()))
    theirs.receive_data(ours.data_to_send())
    assert theirs.close_rcvd is not None and theirs.close_rcvd.code == 1002
    ours, theirs = join(False, False)
    theirs.send_binary(bytes(16_000_000))
    ours.receive(b"".join(theirs.data_to_send()))
    theirs.receive_data(ours.data_to_send())
    assert theirs.close_rcvd is not None and theirs.close_rcvd.code == 1009


def test_a_refusal_of_an_implementation_that_is_not_ours_is_told() -> None:
    ours = client()
    theirs = ServerProtocol()
    theirs.receive_data(ours.data_to_send())
    theirs.events_received()
    theirs.send_response(theirs.reject(503, "come back tomorrow\n"))
    ours.receive(b"".join(theirs.data_to_send()))
    error = refusal(ours)
    assert (error.status, error.body) == (503, "come back tomorrow")
