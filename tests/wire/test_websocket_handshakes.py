"""The handshakes of the WebSocket wires: agreed to, refused, cut short; the client's side and the server's."""

from __future__ import annotations

import pytest
from websockets.http11 import Request as TheirRequest
from websockets.server import ServerProtocol

from ctrader_twisted.wire.codec import Protobuf
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.websocket import ClientWebSocket, ServerWebSocket
from ctrader_twisted.wire.websocket_frames import MAX_HEAD
from tests.wire.rawframes import BINARY, PING, PONG, client, flat, frame, frames_in, said
from tests.wire.rawhandshakes import accepted, refusal, request_of

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
