"""The WebSocket wires: held against each other, against wsproto alone and against the websockets package."""

from __future__ import annotations

import base64
import hashlib
import re
import tracemalloc
import zlib
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request as TheirRequest
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Request

from ctrader_twisted.errors import (
    FrameTooLong,
    HandshakeRefused,
    ProtocolError,
    TruncatedFrame,
    UndecodableEnvelope,
    WebSocketClosed,
    WebSocketViolation,
)
from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.websocket import MAX_HEAD, ClientWebSocket, ServerWebSocket
from tests.wire.rawframes import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    client,
    flat,
    fragments,
    frame,
    frames_in,
    joined,
    pieces,
    said,
)

cuts = st.lists(st.integers(min_value=0), max_size=12)


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


def closing(wire: ClientWebSocket | ServerWebSocket) -> tuple[int, str]:
    """Code and reason of the close frame that is the last thing sent."""
    first, payload = frames_in(wire.data_to_send())[-1]
    assert first == 0x80 | CLOSE
    return int.from_bytes(payload[:2], "big"), payload[2:].decode()


def refusal(wire: ClientWebSocket | ServerWebSocket) -> HandshakeRefused:
    assert isinstance(wire.over, HandshakeRefused)
    assert wire.news
    assert not wire.open
    assert wire.receive(frame(BINARY, b"after")) == []
    assert wire.end() is None
    assert wire.problems() == []
    return wire.over


# The request


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("demo.ctraderapi.com", 5036, "demo.ctraderapi.com:5036"),
        ("demo.ctraderapi.com", 443, "demo.ctraderapi.com"),
        ("localhost", 80, "localhost:80"),
        ("127.0.0.1", 5035, "127.0.0.1:5035"),
        ("::1", 5036, "[::1]:5036"),
        ("2001:db8::1", 443, "[2001:db8::1]"),
        ("fe80::1%eth0", 5036, "[fe80::1]:5036"),
    ],
)
@pytest.mark.parametrize("compression", [False, True])
def test_the_request_names_host_and_port_and_offers_nothing_that_was_not_asked_for(
    host: str, port: int, expected: str, compression: bool
) -> None:
    wire = ClientWebSocket(Protobuf(), host=host, port=port, where="demo", compression=compression)
    assert wire.data_to_send() == b""
    wire.begin()
    server = ServerProtocol()
    server.receive_data(wire.data_to_send())
    [request] = server.events_received()
    assert isinstance(request, TheirRequest)
    assert request.path == "/"
    assert request.headers["Host"] == expected
    assert "Sec-WebSocket-Protocol" not in request.headers
    assert request.headers.get("Sec-WebSocket-Extensions") == ("permessage-deflate" if compression else None)
    assert not wire.open
    assert wire.over is None


# The handshake, agreed


def test_envelopes_sent_before_the_handshake_are_kept_until_it_is_done() -> None:
    ours = client()
    theirs = ServerWebSocket(Protobuf())
    request = ours.data_to_send()
    for wire in (ours, theirs):
        wire.send(said(b"first"))
        wire.send(said(b"second"))
        assert wire.data_to_send() == b""
    theirs.receive(request)
    assert theirs.open and theirs.news
    answer = theirs.data_to_send()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert flat(ours.receive(answer)) == [said(theirs._encoding.encode(said(data))) for data in (b"first", b"second")]
    assert ours.open and ours.news
    assert [payload for _, payload in frames_in(ours.data_to_send())] == [b"first", b"second"]
    ours.send(said(b"third"))
    assert [payload for _, payload in frames_in(ours.data_to_send())] == [b"third"]


def test_the_handshake_and_what_follows_may_come_in_any_pieces() -> None:
    follows = frame(BINARY, b"one") + frame(PING, b"?") + frame(BINARY, b"two")
    for at in range(len(accepted(client().data_to_send())) + len(follows)):
        ours = client()
        stream = accepted(ours.data_to_send()) + follows
        arrived = ours.receive(stream[:at])
        assert ours.open == (at >= len(stream) - len(follows))
        arrived += ours.receive(stream[at:])
        assert arrived == [said(b"one"), said(b"two")]
        assert frames_in(ours.data_to_send()) == [(0x80 | PONG, b"?")]
        assert ours.problems() == []


def test_the_handshake_may_come_byte_by_byte_in_both_directions() -> None:
    ours, theirs = client(), ServerWebSocket(Protobuf())
    for byte in ours.data_to_send():
        assert not theirs.open
        theirs.receive(bytes((byte,)))
    assert theirs.open
    for byte in theirs.data_to_send():
        assert not ours.open
        ours.receive(bytes((byte,)))
    assert ours.open


def test_interim_answers_are_waited_out() -> None:
    wire = client()
    answer = accepted(wire.data_to_send())
    wire.receive(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer)
    assert wire.open
    assert wire.over is None


# The handshake, refused


@pytest.mark.parametrize(
    ("head", "body", "reason", "status", "said_with_it", "retry_after"),
    [
        (b"404 Not Found", b"no such thing", "404 Not Found (check host, port and wire)", 404, "no such thing", None),
        (b"400 Nope", b"", "400 Bad Request (check host, port and wire)", 400, "", None),
        (b"200 OK", b"<p>hello</p>", "200 OK (check host, port and wire)", 200, "<p>hello</p>", None),
        (b"426 Upgrade Required", b"", "426 Upgrade Required (check host, port and wire)", 426, "", None),
        (
            b"403 Forbidden",
            b"Your\tIP\r\n is \x1b[31mbanned\x00\xff",
            "403 Forbidden (the server, or a proxy before it, does not let you in: ask whoever runs it)",
            403,
            "Your IP is [31mbanned \N{REPLACEMENT CHARACTER}",
            None,
        ),
        (b"407 Proxy Authentication Required", b"", None, 407, "", None),
        (b"503 Service Unavailable", b"", "503 Service Unavailable (try again later)", 503, "", None),
        (b"429 Slow\r\nRetry-After: 30", b"busy", "429 Too Many Requests (try again in 30 s)", 429, "busy", 30.0),
        (b"503 No\r\nRetry-After:  5 ", b"", "503 Service Unavailable (try again in 5 s)", 503, "", 5.0),
        (b"503 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT", b"", None, 503, "", None),
        (b"503 No\r\nRetry-After: " + b"9" * 400, b"", None, 503, "", None),
        (b"503 No\r\nRetry-After: -1", b"", None, 503, "", None),
        (b"520 Whatever", b"", "520 (check host, port and wire)", 520, "", None),
        (
            b"302 Found\r\nLocation: https://me:pass@other.example/login?token=abc#x",
            b"moved",
            "302 Found (it points to other.example, and redirects are not followed)",
            302,
            "moved",
            None,
        ),
        (b"301 Moved\r\nLocation: //a.example", b"", None, 301, "", None),
        (b"301 Moved\r\nLocation: /a@b?c", b"", "301 Moved Permanently (check host, port and wire)", 301, "", None),
        (b"301 Moved\r\nLocation: ?c", b"", "301 Moved Permanently (check host, port and wire)", 301, "", None),
        (b"301 Moved", b"", "301 Moved Permanently (check host, port and wire)", 301, "", None),
    ],
)
def test_a_refusal_tells_status_remedy_and_body(
    head: bytes, body: bytes, reason: str | None, status: int, said_with_it: str, retry_after: float | None
) -> None:
    stream = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
    for at in range(len(stream)):
        wire = client()
        wire.receive(stream[:at])
        assert wire.over is None
        wire.receive(stream[at:])
        error = refusal(wire)
        assert (error.status, error.body, error.retry_after) == (status, said_with_it, retry_after)
        assert error.where == "demo"
        if reason is not None:
            assert error.reason == f"the WebSocket handshake was refused: {reason}"
            assert str(error) == f"demo: {error.reason}{': ' if said_with_it else ''}{said_with_it}"
        assert "token" not in str(error) and "pass" not in str(error)


def test_a_refusal_without_a_length_ends_with_the_stream() -> None:
    wire = client()
    wire.receive(b"HTTP/1.1 403 Forbidden\r\n\r\nnot from")
    wire.receive(b" here")
    assert wire.over is None
    assert wire.end() is None
    assert refusal(wire).body == "not from here"


def test_a_refusal_in_chunks_is_put_together() -> None:
    wire = client()
    wire.receive(b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5\r\n well\r\n0\r\n\r\n")
    assert refusal(wire).body == "not well"


def test_a_refusal_whose_body_can_not_be_read_is_one_all_the_same() -> None:
    wire = client()
    wire.receive(b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n")
    wire.receive(b"nonsense\r\n")
    error = refusal(wire)
    assert (error.status, error.body) == (500, "not")


def test_a_refusal_that_is_cut_short_tells_what_there_is() -> None:
    stream = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot here"
    for at in range(len(stream) + 1):
        wire = client()
        wire.receive(stream[:at])
        assert wire.over is None
        assert wire.end() is None
        error = refusal(wire)
        whole_head = at >= stream.index(b"\r\n\r\n") + 4
        assert error.status == (403 if whole_head else None)
        assert error.body == stream.partition(b"\r\n\r\n")[2][: max(0, at - len(stream) + 8)].decode().strip()


@pytest.mark.parametrize("piece", [1, 100, 5_000, 1_000_000])
def test_a_refusal_without_end_is_not_waited_for(piece: int) -> None:
    wire = client()
    wire.receive(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    fed = 0
    while wire.over is None:
        wire.receive(b"x" * piece)
        fed += piece
    assert fed <= 4_000 + piece
    assert refusal(wire).body == "x" * min(fed, 4_000)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"\0\0\0\x05\x08\x33\x12\x01x", "it is not HTTP"),  # a protobuf port
        (b"\x15\x03\x01\0\x02\x02\x46", "it is not HTTP"),  # a TLS port, spoken to without TLS
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it is not HTTP"),
        (b"S", "it is not HTTP"),
        (b"HTTQ", "it is not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "Bad HTTP message"),
        (b"HTTP/1.1 403 No\r\nno colon\r\n\r\n", "Bad HTTP message"),
        (b"HTTP/1.1 101 Ok\r\n\r\n", "Missing header, 'Connection: Upgrade'"),
        (b"HTTP/1.1 101 Ok\r\nConnection: Upgrade\r\n\r\n", "Missing header, 'Upgrade: websocket'"),
        (b"HTTP/1.1 101 Ok\r\n" + b"X: y\r\n" * MAX_HEAD + b"\r\n", f"its head has more than {MAX_HEAD} bytes"),
        (b"HTTP/1.1 101 Ok\r\nX: " + b"y" * MAX_HEAD, f"its head has more than {MAX_HEAD} bytes"),
    ],
)
def test_an_answer_that_is_none_is_refused_with_what_is_wrong_and_what_to_do(answer: bytes, problem: str) -> None:
    wire = client()
    wire.data_to_send()
    wire.receive(answer)
    error = refusal(wire)
    assert (error.status, error.body, error.retry_after) == (None, "", None)
    expected = f"the answer to the WebSocket handshake can't be read: {problem} (check host, port and wire)"
    assert error.reason.lower() == expected.lower()  # releases of wsproto write WebSocket differently
    assert wire.data_to_send() == b""


@pytest.mark.parametrize(
    ("more", "compression", "problem"),
    [
        ([b"Sec-WebSocket-Protocol: chat"], False, "unrecognized subprotocol chat"),
        ([b"Sec-WebSocket-Protocol: ch\xe4t"], False, "ordinal not in range"),
        ([b"Sec-WebSocket-Extensions: permessage-deflate"], False, "unrecognized extension permessage-deflate"),
        ([b"Sec-WebSocket-Extensions: x-other"], True, "unrecognized extension x-other"),
        ([b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8"], True, "Window size must be"),
        ([b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits"], True, "list index out of range"),
        ([b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=x"], True, "invalid literal"),
    ],
)
def test_what_was_not_offered_may_not_be_agreed_to(more: list[bytes], compression: bool, problem: str) -> None:
    wire = client(compression=compression)
    wire.receive(accepted(wire.data_to_send(), *more))
    error = refusal(wire)
    assert error.status is None
    assert problem in str(error)


def test_a_wrong_proof_of_having_read_the_request_is_refused() -> None:
    wire = client()
    wire.receive(accepted(wire.data_to_send(), accept=b"dGhlIHNhbXBsZSBub25jZQ=="))
    assert "Bad accept token" in refusal(wire).reason


def test_a_handshake_that_is_cut_short_is_refused_with_what_to_check() -> None:
    answer = accepted(client().data_to_send())
    for at in range(len(answer)):
        wire = client()
        wire.receive(accepted(wire.data_to_send())[:at])
        assert wire.over is None
        assert wire.end() is None
        error = refusal(wire)
        assert error.status is None
        assert str(error) == (
            "demo: the connection ended before the WebSocket handshake was answered (check host, port and wire)"
        )


# The server's side of it


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


@pytest.mark.parametrize(
    ("request_", "status", "problem"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 426, "Missing header, 'Connection: Upgrade'"),
        (request_of(Upgrade=None), 426, "Missing header, 'Upgrade: websocket'"),
        (request_of(Upgrade=b"h2c"), 400, "Missing header, 'Upgrade: websocket'"),
        (request_of(line=b"POST / HTTP/1.1"), 405, "Request method must be GET"),
        (request_of(Host=None), 400, "Bad HTTP message"),
        (request_of(Sec_WebSocket_Key=None), 400, "Missing header, 'Sec-WebSocket-Key'"),
        (request_of(Sec_WebSocket_Version=None), 400, "Missing header, 'Sec-WebSocket-Version'"),
        (request_of(Sec_WebSocket_Version=b"8"), 426, "Missing header, 'Sec-WebSocket-Version'"),
        (request_of(Connection=b"caf\xe9"), 400, "ordinal not in range"),
        (b"GET /" + b"x" * MAX_HEAD, 431, f"its head has more than {MAX_HEAD} bytes"),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nno colon\r\n\r\n", 400, "Bad HTTP message"),
        (b"\x16\x03\x01\0\xa5", 405, "it is not HTTP"),
        (b"\0\0\0\x14\x08\xb4\x10", 405, "it is not HTTP"),
    ],
)
def test_what_is_not_the_request_for_a_websocket_gets_an_error_of_http(
    request_: bytes, status: int, problem: str
) -> None:
    wire = ServerWebSocket(Protobuf(), where="1.2.3.4")
    wire.send(Envelope(51))
    wire.receive(request_)
    error = refusal(wire)
    assert error.status == status
    assert problem.lower() in error.reason.lower()
    head, _, body = wire.data_to_send().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert body.startswith(b"This port speaks WebSocket, version 13: ")
    assert body.count(b"\n") == 1 and body.endswith(b"\n")
    assert b"Content-Length: %d" % len(body) in head
    if status == 405:
        assert b"Allow: GET" in head
    ours = client()
    ours.receive(head + b"\r\n\r\n" + body)
    assert refusal(ours).status == status
    assert "This port speaks WebSocket" in refusal(ours).body


@pytest.mark.parametrize("request_", [b"", b"GET / HT", request_of()[:-1]])
def test_a_client_that_leaves_before_it_has_asked(request_: bytes) -> None:
    wire = ServerWebSocket(Protobuf(), where="1.2.3.4")
    wire.receive(request_)
    assert wire.end() is None
    assert str(refusal(wire)) == "1.2.3.4: the connection ended before a WebSocket was asked for"


def test_a_client_need_not_wait_for_the_answer_before_it_talks() -> None:
    wire = ServerWebSocket(Protobuf())
    stream = request_of(Origin=b"https://anywhere.example", line=b"GET /any?path HTTP/1.1")
    arrived = wire.receive(stream + frame(BINARY, b"\x08\x33", mask=True))
    assert arrived == [Envelope(51)]
    assert wire.over is None


# Messages

SIZES = [0, 1, 2, 125, 126, 127, 65535, 65536, 65537, 200_000]


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("compression", [False, True])
def test_messages_of_every_length_arrive_in_both_directions(text: bool, compression: bool) -> None:
    ours, theirs = joined(text, compression=compression)
    messages = [said(b"\xc3\xa4"[: size % 2 * 2] + b"a" * (size - size % 2 * 2)) for size in SIZES if size != 1]
    for source, target in ((ours, theirs), (theirs, ours)):
        for message in messages:
            source.send(message)
        stream = source.data_to_send()
        assert flat(target.receive(stream)) == messages
        assert target.problems() == []
        assert target.end() is None
        assert source.data_to_send() == b""
        assert not target.news


def test_a_server_writes_what_wsproto_would_and_a_client_masks() -> None:
    for text in (False, True):
        ours, theirs = joined(text)
        for size in SIZES:
            theirs.send(said(b"x" * size))
            assert theirs.data_to_send() == frame(TEXT if text else BINARY, b"x" * size)
        ours.send(said(b"x" * 40))
        sent = ours.data_to_send()
        assert sent[1] == 0x80 | 40
        assert frames_in(sent) == [(0x80 | (TEXT if text else BINARY), b"x" * 40)]


conversation = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0, 1, 3, 125, 126, 300, 65536]), st.integers(0, 255)), max_size=8
)


@given(conversation, cuts, st.booleans(), st.booleans())
def test_any_conversation_in_any_pieces_arrives(
    messages: list[tuple[bool, int, int]], at: list[int], text: bool, compression: bool
) -> None:
    ours, theirs = joined(text, compression=compression)
    sent: dict[bool, list[Envelope]] = {False: [], True: []}
    for to_server, size, letter in messages:
        message = said((chr(letter & 0x7F).encode() if text else bytes((letter,))) * size)
        (ours if to_server else theirs).send(message)
        sent[to_server].append(message)
    for to_server, source, target in ((True, ours, theirs), (False, theirs, ours)):
        got = [item for chunk in pieces(source.data_to_send(), at) for item in flat(target.receive(chunk))]
        assert got == sent[to_server]
        assert target.problems() == []
        assert target.end() is None


def test_events_that_come_one_behind_the_other_become_one_burst() -> None:
    ours, theirs = client(), ServerWebSocket(Protobuf())
    ours = ClientWebSocket(Protobuf(), host="h", port=1, where="w")
    ours.begin()
    theirs.receive(ours.data_to_send())
    for payload in (b"\x10\x01", b"\x10\x02", b"\x10\x03"):
        theirs.send(Envelope(2131, payload))
    theirs.send(Envelope(2113, b"", "7"))
    assert ours.receive(theirs.data_to_send()) == [
        Burst(2131, [b"\x10\x01", b"\x10\x02", b"\x10\x03"]),
        Envelope(2113, b"", "7"),
    ]


# Our cutting, held against wsproto alone


def by_wsproto(stream: bytes) -> tuple[list[bytes], list[bytes], tuple[int, str] | None, bool]:
    """What wsproto alone makes of a server's frames: messages, pings, code and reason of the end, violation."""
    peer, server = WSConnection(ConnectionType.CLIENT), WSConnection(ConnectionType.SERVER)
    server.receive_data(peer.send(Request(host="h", target="/")))
    list(server.events())
    peer.receive_data(server.send(AcceptConnection()))
    list(peer.events())
    peer.receive_data(stream)
    messages, pings, message = [], [], b""
    for event in peer.events():
        if isinstance(event, Message):
            message += event.data.encode() if isinstance(event.data, str) else bytes(event.data)
            if event.message_finished:
                messages.append(message)
                message = b""
        elif isinstance(event, Ping):
            pings.append(bytes(event.payload))
        elif isinstance(event, CloseConnection):
            return messages, pings, (event.code, event.reason or ""), peer.state.name != "REMOTE_CLOSING"
    return messages, pings, None, False


@st.composite
def server_frames(draw: st.DrawFn, text: bool) -> bytes:
    """Messages whole and in fragments, control frames between them and inside, and now and then what is forbidden."""
    opcode = TEXT if text else BINARY
    control = st.one_of(
        st.binary(max_size=20).map(lambda payload: frame(PING, payload)),
        st.binary(max_size=125).map(lambda payload: frame(PONG, payload)),
    )
    body = st.sampled_from([0, 1, 124, 125, 126, 127, 400, 65535, 65536]).map(lambda size: b"m" * size)
    whole = body.map(lambda payload: [frame(opcode, payload)])
    split = st.lists(st.binary(max_size=130).map(lambda data: data.hex().encode()), min_size=1, max_size=4).map(
        lambda parts: fragments(opcode, parts)
    )
    odd = st.sampled_from(
        [
            frame(CLOSE, b"\x03\xe9going"),
            frame(CLOSE),
            frame(CLOSE, b"\x03\xed"),
            frame(CONTINUATION, b"x"),
            frame(opcode, b"x", rsv=4),
            frame(opcode, b"x", rsv=1),
            frame(3, b"x"),
            frame(11, b"x"),
            frame(PING, b"x", fin=False),
            frame(PING, b"x" * 126),
            frame(opcode, b"x", mask=True),
            frame(opcode, b"x" * 125, form=16),
            frame(opcode, b"x" * 300, form=64),
            frame(opcode, b"x", fin=False),
        ]
    ).map(lambda data: [data])
    stream = []
    for part in draw(st.lists(st.one_of(whole, whole, split, odd), max_size=8)):
        for piece in part:
            stream += draw(st.lists(control, max_size=2))
            stream.append(piece)
    return b"".join(stream)


@given(st.booleans().flatmap(lambda text: st.tuples(st.just(text), server_frames(text))), cuts)
def test_what_is_cut_here_is_what_wsproto_alone_would_find(told: tuple[bool, bytes], at: list[int]) -> None:
    text, stream = told
    messages, pings, ended, violated = by_wsproto(stream)
    wire, _ = joined(text)
    arrived = [item for chunk in pieces(stream, at) for item in flat(wire.receive(chunk))]
    assert [envelope.payload for envelope in arrived] == messages
    sent = frames_in(wire.data_to_send())
    assert [payload for first, payload in sent if first == 0x80 | PONG] == pings
    problems = wire.problems()
    if ended is None:
        assert wire.over is None
        assert problems == []
        assert not any(first == 0x80 | CLOSE for first, _ in sent)
        return
    code, reason = ended
    assert sent[-1][0] == 0x80 | CLOSE
    if violated:
        [error] = problems
        assert isinstance(error, WebSocketViolation)
        assert error.problem == reason
        assert wire.over is None
        assert sent[-1][1][:2] == code.to_bytes(2, "big")
    else:
        assert problems == []
        assert isinstance(wire.over, WebSocketClosed)
        assert (wire.over.code, wire.over.close_reason) == (None if code == 1005 else code, reason)


# Control frames


def test_a_ping_is_answered_with_what_it_brought_between_messages_and_inside_one() -> None:
    for at_server in (False, True):
        ours, theirs = joined()
        wire = theirs if at_server else ours
        parts = fragments(BINARY, [b"in ", b"three ", b"parts"], mask=at_server)
        pings = [frame(PING, payload, mask=at_server) for payload in (b"", b"mid", b"x" * 125)]
        stream = pings[0] + parts[0] + pings[1] + parts[1] + frame(PONG, b"!", mask=at_server) + pings[2] + parts[2]
        assert wire.receive(stream) == [said(b"in three parts")]
        assert wire.news
        sent = wire.data_to_send()
        assert frames_in(sent) == [(0x80 | PONG, payload) for payload in (b"", b"mid", b"x" * 125)]
        assert bool(sent[1] & 0x80) is not at_server
        assert wire.problems() == []


def test_each_message_of_a_client_is_masked_anew() -> None:
    ours, _ = joined()
    keys = set()
    for _ in range(20):
        ours.send(said(b"the same"))
        sent = ours.data_to_send()
        keys.add(sent[2:6])
    assert len(keys) > 15


def test_a_pong_is_a_sign_of_life_and_no_more() -> None:
    ours, _ = joined()
    assert ours.receive(frame(PONG, b"unasked")) == []
    assert ours.news
    assert ours.data_to_send() == b""


@pytest.mark.parametrize(
    ("payload", "code", "reason", "sentence"),
    [
        (b"", None, "", "demo: the server closed the WebSocket without a code"),
        (b"\x03\xe8", 1000, "", "demo: the server closed the WebSocket: 1000 (normal closure)"),
        (
            b"\x03\xe9maintenance",
            1001,
            "maintenance",
            "demo: the server closed the WebSocket: 1001 (going away): maintenance",
        ),
        (b"\x03\xf3", 1011, "", "demo: the server closed the WebSocket: 1011 (internal error)"),
        (b"\x03\xf4", 1012, "", "demo: the server closed the WebSocket: 1012 (service restart)"),
        (b"\x03\xf5", 1013, "", "demo: the server closed the WebSocket: 1013 (try again later)"),
        (b"\x0b\xb8", 3000, "", "demo: the server closed the WebSocket: 3000"),
        (
            b"\x0f\xa0a\x1b[0m\r\nb \xe2\x80\xae",
            4000,
            "a [0m b",
            "demo: the server closed the WebSocket: 4000: a [0m b",
        ),
    ],
)
def test_a_goodbye_is_answered_and_told(payload: bytes, code: int | None, reason: str, sentence: str) -> None:
    ours, _ = joined()
    ours.send(said(b"before"))
    assert ours.receive(frame(BINARY, b"last") + frame(CLOSE, payload) + frame(BINARY, b"after")) == [said(b"last")]
    assert isinstance(ours.over, WebSocketClosed)
    assert (ours.over.code, ours.over.close_reason, str(ours.over)) == (code, reason, sentence)
    assert ours.news and not ours.open
    ours.send(said(b"too late"))
    assert frames_in(ours.data_to_send()) == [(0x80 | BINARY, b"before"), (0x80 | CLOSE, payload)]
    assert ours.close() is False
    assert ours.data_to_send() == b""
    assert ours.problems() == []
    assert ours.end() is None
    assert ours.receive(frame(BINARY, b"after")) == []


def test_a_server_names_its_peer_a_client() -> None:
    ours, theirs = joined()
    ours.close(1001, "bye")
    theirs.receive(ours.data_to_send())
    assert str(theirs.over) == "client: the client closed the WebSocket: 1001 (going away): bye"


def test_a_goodbye_of_ours_is_the_last_thing_said_and_waits_for_theirs() -> None:
    ours, theirs = joined()
    ours.send(said(b"before"))
    assert ours.close(1000, "done") is True
    ours.send(said(b"after"))
    assert ours.close() is False
    assert ours.receive(frame(PING, b"?") + frame(BINARY, b"still coming")) == [said(b"still coming")]
    assert ours.over is None
    goodbye = ours.data_to_send()
    assert frames_in(goodbye) == [(0x80 | BINARY, b"before"), (0x80 | CLOSE, b"\x03\xe8done")]
    assert theirs.receive(goodbye) == [said(b"before")]
    assert isinstance(theirs.over, WebSocketClosed)
    assert ours.receive(theirs.data_to_send()) == []
    assert isinstance(ours.over, WebSocketClosed)
    assert (ours.over.code, ours.over.close_reason) == (1000, "done")
    assert ours.news
    assert ours.data_to_send() == b""


def test_goodbyes_that_cross_end_both() -> None:
    ours, theirs = joined()
    assert ours.close(1000) and theirs.close(1001)
    to_server, to_client = ours.data_to_send(), theirs.data_to_send()
    ours.receive(to_client)
    theirs.receive(to_server)
    assert isinstance(ours.over, WebSocketClosed) and ours.over.code == 1001
    assert isinstance(theirs.over, WebSocketClosed) and theirs.over.code == 1000
    assert ours.data_to_send() == theirs.data_to_send() == b""


@pytest.mark.parametrize(
    ("reason", "sent"),
    [("", ""), ("x" * 200, "x" * 123), ("\N{EURO SIGN}" * 60, "\N{EURO SIGN}" * 41), ("a\ud800b", "a?b")],
)
def test_the_reason_of_a_goodbye_is_cut_to_what_a_frame_holds(reason: str, sent: str) -> None:
    for wire in joined():
        wire.close(4001, reason)
        assert closing(wire) == (4001, sent)


def test_there_is_no_goodbye_before_the_handshake_and_nothing_after_it() -> None:
    ours, theirs = client(), ServerWebSocket(Protobuf())
    request = ours.data_to_send()
    ours.send(said(b"kept"))
    assert ours.close() is False
    assert theirs.close() is False
    assert theirs.data_to_send() == b""
    ours.receive(accepted(request) + frame(PING))
    assert ours.data_to_send() == b""
    ours.receive(frame(CLOSE))
    assert isinstance(ours.over, WebSocketClosed)


def test_a_goodbye_is_told_when_it_comes_with_the_handshake() -> None:
    wire = client()
    wire.receive(accepted(wire.data_to_send()) + frame(CLOSE, b"\x03\xf5full"))
    assert isinstance(wire.over, WebSocketClosed)
    assert (wire.over.code, wire.over.close_reason, wire.open) == (1013, "full", False)


# Rules broken

VIOLATIONS = [
    (frame(3, b"x"), 1002, "Invalid opcode 0x3"),
    (frame(11), 1002, "Invalid opcode 0xb"),
    (frame(BINARY, b"x", rsv=4), 1002, "Reserved bit set unexpectedly"),
    (frame(BINARY, b"x", rsv=2), 1002, "Reserved bit set unexpectedly"),
    (frame(PING, b"x", rsv=1), 1002, "Reserved bit set unexpectedly"),
    (frame(BINARY, b"x" * 125, form=16), 1002, "Payload length used 2 bytes when 1 would have sufficed"),
    (frame(BINARY, b"x" * 126, form=64), 1002, "Payload length used 8 bytes when 2 would have sufficed"),
    (frame(CONTINUATION, b"x"), 1002, "unexpected CONTINUATION"),
    (frame(BINARY, b"x", fin=False) + frame(BINARY, b"y"), 1002, "expected CONTINUATION"),
    (frame(BINARY, b"x", fin=False) + frame(TEXT, b"y", fin=False), 1002, "expected CONTINUATION"),
    (frame(PING, fin=False), 1002, "Invalid attempt to fragment control frame"),
    (frame(CLOSE, b"x" * 126), 1002, "Control frame with payload len > 125"),
    (frame(CLOSE, b"x"), 1002, "CLOSE with 1 byte payload"),
    (frame(CLOSE, b"\x03\xed"), 1002, "remote CLOSE with local-only reason"),
    (frame(CLOSE, b"\x00\x00"), 1002, "CLOSE with invalid code"),
    (frame(CLOSE, b"\x03\xe8\xff"), 1007, "Error decoding CLOSE reason"),
    (frame(TEXT, b"\xff", fin=False), 1007, "can't decode byte 0xff"),
    (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b""), 1007, "unexpected end of data"),
    (frame(BINARY, b"x", mask=True), 1002, "client received unexpected masked frame"),
]


@pytest.mark.parametrize(("stream", "code", "problem"), VIOLATIONS, ids=[problem for _, _, problem in VIOLATIONS])
@pytest.mark.parametrize("dripped", [False, True])
def test_a_broken_rule_is_told_to_both_sides_and_nothing_is_read_after_it(
    stream: bytes, code: int, problem: str, dripped: bool
) -> None:
    ours, _ = joined()
    stream = frame(BINARY, b"before") + stream + frame(BINARY, b"after") * 200
    arrived = []
    for chunk in [bytes((byte,)) for byte in stream] if dripped else [stream]:
        arrived += ours.receive(chunk)
    assert arrived == [said(b"before")]
    [error] = ours.problems()
    assert isinstance(error, WebSocketViolation) and error.fatal
    assert problem in error.problem
    assert problem in str(error)
    assert ours.news and not ours.open
    assert ours.over is None
    told, reason = closing(ours)
    assert told == code
    assert reason.startswith("the peer broke the rules of WebSocket: ")
    assert ours.close() is False
    assert ours.problems() == []
    assert ours.end() is None


def test_a_server_does_not_take_frames_that_are_not_masked() -> None:
    _, theirs = joined()
    assert theirs.receive(frame(BINARY, b"x")) == []
    [error] = theirs.problems()
    assert "server received unexpected unmasked frame" in str(error)
    assert closing(theirs)[0] == 1002


def test_a_broken_rule_after_our_goodbye_is_not_answered_with_another() -> None:
    ours, _ = joined()
    ours.close()
    ours.data_to_send()
    ours.receive(frame(3))
    assert [type(error) for error in ours.problems()] == [WebSocketViolation]
    assert ours.data_to_send() == b""


@pytest.mark.parametrize("text", [False, True])
def test_a_message_of_the_wrong_kind_costs_its_neighbours_nothing(text: bool) -> None:
    right, wrong = (TEXT, BINARY) if text else (BINARY, TEXT)
    ours, _ = joined(text)
    stream = frame(right, b"one") + frame(wrong, b"other") + b"".join(fragments(wrong, [b"oth", b"er two"]))
    assert ours.receive(stream + frame(right, b"two")) == [said(b"one"), said(b"two")]
    problems = ours.problems()
    assert [(type(error), error.fatal) for error in problems] == [(UndecodableEnvelope, False)] * 2
    assert [error.size for error in problems if isinstance(error, UndecodableEnvelope)] == [5, 9]
    kinds = ("text", "binary") if text else ("binary", "text")
    assert f"messages are {kinds[0]} here, and this one is {kinds[1]}" in str(problems[0])
    assert ours.open


# Bounds


@pytest.mark.parametrize("compression", [False, True])
@pytest.mark.parametrize("at_server", [False, True])
def test_a_message_may_have_so_many_bytes_and_not_one_more(at_server: bool, compression: bool) -> None:
    for size, refused in ((1_000, False), (1_001, True)):
        for parts in ([b"x" * size], [b"x" * 600, b"x" * (size - 600)], [b"x"] * size):
            ours, theirs = joined(max_message=1_000, compression=compression)
            wire = theirs if at_server else ours
            stream = b"".join(fragments(BINARY, parts, mask=at_server))
            arrived = wire.receive(stream + frame(BINARY, b"after", mask=at_server))
            if refused:
                assert arrived == []
                [error] = wire.problems()
                assert isinstance(error, FrameTooLong)
                assert (error.announced, error.allowed) == (1_001, 1_000)
                assert closing(wire)[0] == 1009
                assert wire.news and not wire.open
            else:
                assert arrived == [said(b"x" * 1_000), said(b"after")]


@pytest.mark.parametrize("announced", [b"\x82\x7e\x03\xe9", b"\x82\x7f\0\0\0\0\0\1\0\0", b"\x82\x7f" + b"\xff" * 8])
def test_a_frame_that_announces_too_much_is_refused_before_it_comes(announced: bytes) -> None:
    ours, _ = joined(max_message=1_000)
    assert ours.receive(frame(BINARY, b"before") + announced) == [said(b"before")]
    [error] = ours.problems()
    assert isinstance(error, FrameTooLong)
    assert error.announced == int.from_bytes(announced[2:], "big")
    assert closing(ours)[0] == 1009


def test_control_frames_are_not_bound_by_a_small_bound() -> None:
    ours, _ = joined(max_message=1)
    ours.receive(frame(PING, b"longer than one"))
    assert frames_in(ours.data_to_send()) == [(0x80 | PONG, b"longer than one")]


def test_a_message_that_decompresses_to_more_than_is_allowed_is_stopped_on_the_way() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = compressor.compress(bytes(200_000_000)) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 1_000_000
    for stream in (frame(BINARY, bomb, rsv=4), frame(BINARY, b"", rsv=4, fin=False) + frame(CONTINUATION, bomb)):
        ours, _ = joined(max_message=1_000_000, compression=True)
        tracemalloc.start()
        try:
            assert ours.receive(stream) == []
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        [error] = ours.problems()
        assert isinstance(error, FrameTooLong)
        assert closing(ours)[0] == 1009
        assert peak < 60_000_000


def growth(wire: ClientWebSocket, chunks: list[bytes], last: int) -> int:
    """How much more memory the last of these chunks take at times than is held before them."""
    tracemalloc.start()
    try:
        for chunk in chunks[:-last]:
            assert wire.receive(chunk) == []
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for chunk in chunks[-last:]:
            assert wire.receive(chunk) == []
        return tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", [False, True])
def test_a_large_message_in_small_pieces_is_joined_once(text: bool) -> None:
    body = b"abcdefgh" * 1_310_720
    assert len(body) == 10_485_760
    ours, _ = joined(text, max_message=len(body))
    stream = frame(TEXT if text else BINARY, body)
    parts = [stream[at : at + 1024] for at in range(0, len(stream), 1024)]
    assert growth(ours, parts[:-1], 1000) < len(body) / 2  # to join each piece to what is held would copy all of it
    assert ours.receive(parts[-1]) == [said(body)]


def test_a_large_message_in_fragments_is_joined_once() -> None:
    part = b"x" * 1024
    count = 3_000
    ours, _ = joined(max_message=len(part) * count)
    chunks = [frame(BINARY, part, fin=False), *[frame(CONTINUATION, part, fin=False)] * (count - 2)]
    assert growth(ours, chunks, 500) < len(part) * count / 2
    assert ours.receive(frame(CONTINUATION, part)) == [said(part * count)]


def test_empty_fragments_without_end_cost_nothing() -> None:
    ours, _ = joined()
    chunks = [frame(BINARY, fin=False), *[frame(CONTINUATION, fin=False) * 100] * 30]
    assert growth(ours, chunks, 10) < 100_000
    assert ours.receive(frame(CONTINUATION, b"end")) == [said(b"end")]


# The end of the stream


@pytest.mark.parametrize(
    ("stream", "received", "expected"),
    [
        (b"\x82", 1, None),
        (b"\x82\x7e\x01", 3, None),
        (b"\x82\x7e\x01\x00", 4, 260),
        (b"\x82\x05ab", 4, 7),
        (b"\x82\x7f\0\0\0\0\0\1\0", 9, None),
        (b"\x82\x7f\0\0\0\0\0\1\0\0", 10, 65546),
        (b"\x02\x05ab", 4, 7),
        (b"\x89\x02a", 3, 4),
        (b"\x02\x02ab", 2, None),
        (b"\x02\x02ab\x89\x00", 2, None),
        (b"\x02\x02ab\x80", 1, None),
        (b"\x02\x02ab\x80\x02c", 3, 4),
    ],
)
@pytest.mark.parametrize("before", [b"", frame(BINARY, b"whole")])
@pytest.mark.parametrize("dripped", [False, True])
def test_a_stream_that_ends_inside_a_message_says_how_far_it_got(
    stream: bytes, received: int, expected: int | None, before: bytes, dripped: bool
) -> None:
    ours, _ = joined()
    for chunk in [bytes((byte,)) for byte in before + stream] if dripped else [before + stream]:
        ours.receive(chunk)
    error = ours.end()
    assert isinstance(error, TruncatedFrame)
    assert (error.received, error.expected) == (received, expected)
    assert ours.over is None


def test_a_stream_may_end_between_messages() -> None:
    for wire, mask in zip(joined(), (False, True), strict=True):
        assert wire.end() is None
        wire.receive(frame(BINARY, b"x", mask=mask) + b"".join(fragments(BINARY, [b"a", b"b"], mask=mask)))
        assert wire.end() is None
        assert wire.over is None
        wire.receive(frame(BINARY, b"x", mask=mask)[:-1])
        assert wire.end() is not None


# Anything at all


def lives_through(wire: ClientWebSocket | ServerWebSocket, stream: bytes, at: list[int]) -> None:
    """Whatever comes, it raises nothing, and after the end of it all nothing comes any more."""
    for chunk in pieces(stream, at):
        was_over = wire.over is not None
        arrived = wire.receive(chunk)
        assert not (was_over and arrived)
        problems = wire.problems()
        assert all(isinstance(problem, ProtocolError) for problem in problems)
        if any(problem.fatal for problem in problems) or wire.over is not None:
            assert problems == [] or not any(problem.fatal for problem in problems[:-1])
            assert not wire.open
            assert wire.receive(frame(BINARY, b"after") * 3) == []
            assert wire.problems() == []
            assert wire.end() is None
            return
        wire.data_to_send()
    wire.end()


@given(st.binary(max_size=200), cuts, st.booleans())
@example(b"HTTP/1.1 101 \r\nconnection:upgrade\r\nupgrade:\xff\r\n\r\n", [], True)
def test_any_bytes_before_the_handshake_are_lived_through(data: bytes, at: list[int], compression: bool) -> None:
    lives_through(client(compression=compression), data, at)
    lives_through(client(compression=compression), b"HTTP/1.1 " + data + b"\r\n\r\n", at)
    lives_through(ServerWebSocket(Protobuf(), compression=compression), data, at)
    lives_through(ServerWebSocket(Protobuf(), compression=compression), b"GET " + data + b"\r\n\r\n", at)


header = st.sampled_from(
    [b"Upgrade", b"Connection", b"Sec-WebSocket-Extensions", b"Sec-WebSocket-Key", b"Host", b"X"]
    + [b"Content-Length", b"Transfer-Encoding", b"Expect", b"Sec-WebSocket-Protocol"]
)
value = st.one_of(
    st.binary(max_size=12).map(lambda data: re.sub(rb"[\0-\x1f\x7f]", b"", data)),
    st.sampled_from(
        [b"websocket", b"Upgrade", b"5", b"permessage-deflate; client_max_window_bits", b"chunked", b"\xe4"]
    ),
    st.sampled_from([b"permessage-deflate; server_max_window_bits=" + number for number in (b"", b"7", b"9", b"x")]),
)


@given(st.lists(st.tuples(header, value), max_size=6), st.sampled_from([b"1.0", b"1.1", b"2"]), st.booleans())
def test_any_headers_are_lived_through(headers: list[tuple[bytes, bytes]], version: bytes, compression: bool) -> None:
    more = [b"%s: %s" % pair for pair in headers]
    wire = client(compression=compression)
    answer = accepted(wire.data_to_send(), *more)
    lives_through(wire, answer.replace(b"HTTP/1.1", b"HTTP/" + version), [])
    request = request_of(line=b"GET / HTTP/" + version)[:-2] + b"\r\n".join([*more, b"", b""])
    lives_through(ServerWebSocket(Protobuf(), compression=compression), request, [])


@given(st.binary(max_size=300), cuts, st.booleans())
def test_any_bytes_after_the_handshake_are_lived_through(data: bytes, at: list[int], compression: bool) -> None:
    for text in (False, True):
        for wire in joined(text, max_message=1_000, compression=compression):
            lives_through(wire, data, at)


@given(server_frames(False), st.integers(min_value=0), st.integers(1, 255), cuts)
def test_any_frames_with_a_byte_gone_wrong_are_lived_through(
    stream: bytes, place: int, change: int, at: list[int]
) -> None:
    if stream:
        broken = bytearray(stream)
        broken[place % len(broken)] ^= change
        ours, _ = joined(max_message=100_000, compression=True)
        lives_through(ours, bytes(broken), at)


# Compression


@pytest.mark.parametrize(("client_wants", "server_wants"), [(False, False), (False, True), (True, False), (True, True)])
def test_messages_are_compressed_only_if_both_want_it(client_wants: bool, server_wants: bool) -> None:
    ours = client(compression=client_wants)
    theirs = ServerWebSocket(ours._encoding, compression=server_wants)
    theirs.receive(ours.data_to_send())
    answer = theirs.data_to_send()
    both = client_wants and server_wants
    assert (b"permessage-deflate" in answer) is both
    ours.receive(answer)
    for source, target in ((ours, theirs), (theirs, ours)):
        source.send(said(b"again and " * 1_000))
        sent = source.data_to_send()
        assert (len(sent) < 1_000) is both
        assert target.receive(sent) == [said(b"again and " * 1_000)]


@pytest.mark.parametrize(
    "offer",
    [
        b"permessage-deflate; server_max_window_bits=x",
        b"permessage-deflate; server_max_window_bits=8",
        b"permessage-deflate; client_max_window_bits=",
        b"x-other",
    ],
)
def test_an_offer_that_can_not_be_met_is_declined(offer: bytes) -> None:
    wire = ServerWebSocket(Protobuf(), compression=True)
    wire.receive(request_of(Sec_WebSocket_Extensions=offer))
    assert wire.open
    assert b"Sec-WebSocket-Extensions" not in wire.data_to_send()
    assert wire.receive(frame(BINARY, b"\x08\x33", mask=True)) == [Envelope(51)]


@pytest.mark.parametrize("text", [False, True])
def test_compressed_fragments_with_pings_between_and_plain_messages_around(text: bool) -> None:
    opcode = TEXT if text else BINARY
    ours, _ = joined(text, compression=True)
    compressor = zlib.compressobj(wbits=-15)

    def deflated(data: bytes) -> bytes:
        return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]

    for turn in range(3):  # the compressor remembers
        body = b"%d: a message that repeats a message that repeats" % turn
        packed = deflated(body)
        stream = (
            frame(PING, b"1")
            + frame(opcode, b"plain")
            + frame(opcode, packed[:5], fin=False, rsv=4)
            + frame(PING, b"2")
            + frame(PONG)
            + frame(CONTINUATION, packed[5:9], fin=False)
            + frame(PING, b"3")
            + frame(CONTINUATION, packed[9:])
            + frame(opcode, b"plain", fin=False)
            + frame(PING, b"4")
            + frame(CONTINUATION)
        )
        assert ours.receive(stream) == [said(b"plain"), said(body), said(b"plain")]
        assert [payload for _, payload in frames_in(ours.data_to_send())] == [b"1", b"2", b"3", b"4"]
    assert ours.problems() == []


@pytest.mark.parametrize(
    "stream",
    [
        frame(BINARY, b"\xff\xff\xff", rsv=4),
        frame(CONTINUATION, b"", rsv=4),
        frame(BINARY, b"", fin=False) + frame(CONTINUATION, b"", rsv=4),
        frame(PING, b"", rsv=4),
        frame(BINARY, b"", rsv=6),
    ],
)
def test_what_is_not_compressed_as_agreed_is_a_violation(stream: bytes) -> None:
    ours, _ = joined(compression=True)
    assert ours.receive(stream) == []
    assert [type(error) for error in ours.problems()] == [WebSocketViolation]
    assert closing(ours)[0] in (1002, 1007)


# Held against the websockets package, both ways


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
