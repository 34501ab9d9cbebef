"""A server for measurements: its own process, blocking sockets, every answer encoded beforehand.

It must not be the bottleneck. It knows just enough of the protocol, over each of its wires, to let a client in, uses
the standard library only, and nothing of the package under measurement: what it sends is encoded here, by hand.

    python sender.py --certificate server.pem --shape full --events 200000 --wire json

It prints ``port N`` when it listens, ``began NS`` when the first byte of a burst leaves and ``cut NS`` when it cuts a
connection; times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. It ends with its stdin.

What it does when asked:

* application and account authorisation, spot subscription, trader: the answer, with the id that came.
* a spot subscription is followed, 50 ms later, by ``--events`` spot events in the chosen ``--shape``.
* bars and ticks, with ``--history``: always the same page of `BARS` or `TICKS`.
* version: no answer; after ``--cut-after`` of them the connection is cut as ``--cut`` says.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = 28_213_421
SYMBOLS = 50
DISTINCT = 1_000  # events that differ; a burst repeats them
BARS, TICKS = 14_000, 20_000  # in a page of history
FIRST_MINUTE = 29_000_000
LAST_TICK = 1_784_000_000_000

#: Added to the microseconds in a paced event's timestamp, so that it always has six bytes.
TIMESTAMP_OFFSET = 1 << 41

_PREFIX = struct.Struct(">I")
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10  # what a WebSocket frame is
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close() sends RST
_PAUSE = 0.05  # between the answer to a subscription and its burst


def varint(value: int) -> bytes:
    """Encode one unsigned protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def spot_values(index: int) -> tuple[int, int, int]:
    """Give symbolId, bid and ask of one event."""
    index %= DISTINCT
    bid = 108_000 + index * 7_919 % 5_000
    return index % SYMBOLS + 1, bid, bid + 3 + index % 11


def spot_sums(count: int) -> tuple[int, int, int]:
    """Give what symbolId, bid and ask of so many events add up to."""
    whole, rest = divmod(count, DISTINCT)
    every = [spot_values(index) for index in range(DISTINCT)]
    return tuple(whole * sum(column) + sum(column[:rest]) for column in zip(*every, strict=True))  # type: ignore[return-value]


def bar_values(index: int) -> tuple[int, int, int, int, int, int]:
    """Give volume, low, open, close and high above it, and the minute of one bar of the page."""
    low = 108_000 + index * 104_729 % 5_000
    return 20 + index * 7_919 % 3_000, low, index * 31 % 90, index * 37 % 90, 90 + index * 13 % 60, FIRST_MINUTE + index


def tick_values(index: int) -> tuple[int, int]:
    """Give time and price of one tick, 0 being the newest."""
    return LAST_TICK - index * 250 - index * index % 97, 108_000 + index * 31 % 41


def bar_page() -> bytes:
    """Encode the payload of the answer with a page of bars, ascending as the server's."""
    rows = []
    for index in range(BARS):
        pairs = zip((3, 5, 6, 7, 8, 9), bar_values(index), strict=True)
        row = b"".join(bytes((number << 3,)) + varint(value) for number, value in pairs)
        rows.append(b"\x2a" + bytes((len(row),)) + row)
    return b"\x10" + varint(ACCOUNT) + b"\x18\x01" + b"".join(rows) + b"\x30\x01\x38\x00"


def tick_page() -> bytes:
    """Encode the payload of the answer with a page of ticks: newest first, each the difference to the one before it."""
    rows, before = [], (0, 0)
    for index in range(TICKS):
        now = tick_values(index)
        at, price = (varint(new - old & 0xFFFFFFFFFFFFFFFF) for new, old in zip(now, before, strict=True))
        row = b"\x08" + at + b"\x10" + price
        rows.append(b"\x1a" + bytes((len(row),)) + row)
        before = now
    return b"\x10" + varint(ACCOUNT) + b"".join(rows) + b"\x20\x00"


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint; give it and where it ends."""
    value = shift = 0
    while data[at] > 0x7F:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1


def _until_id(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """Read a ProtoMessage as every client writes it: type, payload, and last the id, of less than 128 bytes.

    Give its payload type and where its id begins.
    """
    number, at = _size(data, at + 1)
    if at < stop and data[at] == 0x12:
        length, at = _size(data, at + 1)
        at += length
    return number, min(at + 2, stop)


class Protobuf:
    """Messages in protobuf."""

    opcode = _BINARY
    _account = b"\x10" + varint(ACCOUNT)
    _trader = (
        b"\x08" + varint(ACCOUNT) + b"\x10" + varint(1_000_000) + b"\x40" + varint(15) + b"\x50" + varint(50_000)
        + b"\xa0\x01\x02"
    )  # fmt: skip
    answers: ClassVar = {
        2100: (2101, b""),
        2102: (2103, _account),
        2127: (2128, _account),
        2121: (2122, _account + b"\x1a" + varint(len(_trader)) + _trader),
    }

    @staticmethod
    def message(payload_type: int, payload: bytes, client_msg_id: bytes = b"") -> bytes:
        """Encode a ProtoMessage."""
        body = b"\x08" + varint(payload_type)
        if payload:
            body += b"\x12" + varint(len(payload)) + payload
        if client_msg_id:
            body += b"\x1a" + varint(len(client_msg_id)) + client_msg_id
        return body

    @classmethod
    def spot(cls, symbol: int, bid: int, ask: int, timestamp: int) -> bytes:
        """Encode a spot event, which ends in `stamp`."""
        head = b"\x18" + varint(symbol) + b"\x20" + varint(bid) + b"\x28" + varint(ask) + b"\x38" + varint(108_777)
        return cls.message(2131, cls._account + head + b"\x40" + cls.stamp(timestamp))

    @staticmethod
    def stamp(timestamp: int) -> bytes:
        """Encode the end of a spot event, six bytes."""
        return varint(timestamp)

    @staticmethod
    def request(message: bytes) -> tuple[int, bytes]:
        """Give a request's payload type and id."""
        number, at = _until_id(message, 0, len(message))
        return number, message[at:]


class Json:
    """Messages in JSON."""

    opcode = _TEXT
    _account = b'{"ctidTraderAccountId":%d}' % ACCOUNT
    _trader = (
        b'{"ctidTraderAccountId":%d,"balance":1000000,"depositAssetId":15,"leverageInCents":50000,"moneyDigits":2}'
        % ACCOUNT
    )
    answers: ClassVar = {
        2100: (2101, b"{}"),
        2102: (2103, _account),
        2127: (2128, _account),
        2121: (2122, b'{"ctidTraderAccountId":%d,"trader":%s}' % (ACCOUNT, _trader)),
    }
    _id = re.compile(rb'"clientMsgId"\s*:\s*"([^"]*)"')

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    @staticmethod
    def message(payload_type: int, payload: bytes, client_msg_id: bytes = b"") -> bytes:
        """Encode a message."""
        named = b',"clientMsgId":"%s"' % client_msg_id if client_msg_id else b""
        return b'{"payloadType":%d,"payload":%s%s}' % (payload_type, payload, named)

    @classmethod
    def spot(cls, symbol: int, bid: int, ask: int, timestamp: int) -> bytes:
        """Encode a spot event, which ends in `stamp`."""
        head = b'{"payloadType":2131,"payload":{"ctidTraderAccountId":%d,"symbolId":%d,"bid":%d,"ask":%d,' % (
            ACCOUNT, symbol, bid, ask,
        )  # fmt: skip
        return head + b'"sessionClose":108777,"timestamp":' + cls.stamp(timestamp)

    @staticmethod
    def stamp(timestamp: int) -> bytes:
        """Encode the end of a spot event: a timestamp of thirteen digits, and what closes the message."""
        return b"%d}}" % timestamp

    def request(self, message: bytes) -> tuple[int, bytes]:
        """Give a request's payload type and id. One that was seen before but for its id is not parsed again."""
        found = self._id.search(message)
        first, last = found.span(1) if found else (0, 0)
        rest = message[:first] + message[last:]
        number = self._numbers.get(rest)
        if number is None:
            number = self._numbers[rest] = json.loads(message)["payloadType"]
        return number, message[first:last]


class Int32:
    """Each message behind its length."""

    def __init__(self) -> None:
        self.encoding = Protobuf()

    @staticmethod
    def greet(connection: Connection) -> bytes:
        """Need no greeting."""
        return b""

    @staticmethod
    def frame(message: bytes) -> bytes:
        """Give a message its length."""
        return _PREFIX.pack(len(message)) + message

    def answer(self, number: int, key: bytes) -> bytes | None:
        """Encode the answer to a request, or None if there is none."""
        answer = self.encoding.answers.get(number)
        return answer and self.frame(self.encoding.message(*answer, key))

    @staticmethod
    def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        """Cut frames into payload type and client message id; give the rest that is not whole, too.

        A frame that begins as the one before, up to its id, is not looked at again.
        """
        requests: list[tuple[int, bytes]] = []
        number = size = known = start = 0
        head = b""
        end = len(data)
        while end - start >= 4:
            if known and data[start : start + known] == head:
                stop = start + size
                at = start + known
            else:
                stop = start + 4 + int.from_bytes(data[start : start + 4], "big")
                if stop > end:
                    break
                number, at = _until_id(data, start + 4, stop)
                size, known = stop - start, at - start
                head = data[start:at]
            if stop > end:
                break
            requests.append((number, data[at:stop]))
            start = stop
        return requests, data[start:]


class WebSocket:
    """Each message in a frame of its own, after a handshake; no extensions. Enough of RFC 6455 for its clients."""

    def __init__(self, encoding: Protobuf | Json) -> None:
        self.encoding = encoding

    @staticmethod
    def greet(connection: Connection) -> bytes:
        """Answer the handshake, and give what came behind it."""
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.receive() or connection.gone()
        head, _, rest = request.partition(b"\r\n\r\n")
        found = re.search(rb"\r\nsec-websocket-key:[ \t]*(\S+)", head, re.IGNORECASE)
        if found is None:
            raise ConnectionError("not a WebSocket")
        accept = base64.b64encode(hashlib.sha1(found[1] + _GUID, usedforsecurity=False).digest())
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        connection.sock.sendall(connection.records([answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"]))
        return rest

    def frame(self, message: bytes, opcode: int = 0) -> bytes:
        """Put a message into a frame."""
        size = len(message)
        head = bytes((0x80 | (opcode or self.encoding.opcode), size if size < 126 else 126))
        return head + (b"" if size < 126 else size.to_bytes(2, "big")) + message

    def answer(self, number: int, key: bytes) -> bytes | None:
        """Encode the answer to a request, a ping or a close, or give None if there is none."""
        if number == -_PING:
            return self.frame(key, _PONG)
        if number == -_CLOSE:
            return self.frame(key, _CLOSE)
        answer = self.encoding.answers.get(number)
        return answer and self.frame(self.encoding.message(*answer, key))

    def split(self, data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        """Cut masked frames into payload type and client message id, and control frames into minus their opcode and
        what they carry; give the rest that is not whole, too.
        """
        requests: list[tuple[int, bytes]] = []
        request = self.encoding.request
        start, end = 0, len(data)
        while end - start >= 6:
            size, at = data[start + 1] & 0x7F, start + 2
            if size == 126:
                size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
            stop = at + 4 + size
            if stop > end:
                break
            mask = (data[at : at + 4] * (size // 4 + 1))[:size]
            message = (int.from_bytes(data[at + 4 : stop], "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
            opcode = data[start] & 0x0F
            requests.append(request(message) if opcode < _CLOSE else (-opcode, message))
            start = stop
        return requests, data[start:]


def wire_named(name: str) -> Int32 | WebSocket:
    """Make a wire."""
    return Int32() if name == "protobuf" else WebSocket(Json() if name == "json" else Protobuf())


def spot_events(count: int, wire: str = "protobuf") -> list[bytes]:
    """Encode so many spot events' frames."""
    made = wire_named(wire)
    frame, spot = made.frame, made.encoding.spot
    distinct = [frame(spot(*spot_values(index), TIMESTAMP_OFFSET + index)) for index in range(min(count, DISTINCT))]
    whole, rest = divmod(count, DISTINCT)
    return distinct * whole + distinct[:rest]


class Connection:
    """TLS by hand over a blocking socket, so that records can be made beforehand and sent as they are."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._in.write(self.sock.recv(65_536) or self.gone())
        self._flush()

    def gone(self) -> bytes:
        """Complain that the peer has closed."""
        raise ConnectionError("the peer closed")

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self.sock.sendall(data)

    def records(self, pieces: list[bytes]) -> bytes:
        """Encrypt each piece as a record of its own (of several if it has more than 16 KiB)."""
        write = self._tls.write
        for piece in pieces:
            write(piece)
        return self._out.read()

    def receive(self) -> bytes:
        """Wait for bytes and give all that are there; b"" at the end."""
        pieces: list[bytes] = []
        read = self._tls.read
        while True:
            try:
                while piece := read(16_384):
                    pieces.append(piece)
                return b""
            except ssl.SSLWantReadError:
                if pieces:
                    break
            except ssl.SSLZeroReturnError:
                return b""
            data = self.sock.recv(262_144)
            if not data:
                return b""
            self._in.write(data)
        return b"".join(pieces)


class Sender:
    """Serves one connection after another."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._wire = wire_named(args.wire)
        if args.history:
            encoding = self._wire.encoding
            encoding.answers = {**encoding.answers, 2137: (2138, bar_page()), 2145: (2146, tick_page())}
        self._around: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._events = spot_events(args.events, args.wire) if args.shape != "none" else []

    def serve(self, connection: Connection) -> None:
        """Answer until the peer closes or the connection is cut."""
        rest = self._wire.greet(connection)
        unanswered = 0
        while data := connection.receive():
            requests, rest = self._wire.split(rest + data)
            out, bursts, ignored = self.answer(requests)
            unanswered += ignored
            if out:
                connection.sock.sendall(connection.records([out]))
            if requests and requests[-1][0] == -_CLOSE:
                return
            for _ in range(bursts):
                self._burst(connection)
            if self._args.cut and unanswered >= self._args.cut_after:
                if self._args.cut == "rst":
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
                time.sleep(_PAUSE)
                began = time.monotonic_ns()
                connection.sock.close()
                print("cut", began, flush=True)
                return

    def answer(self, requests: list[tuple[int, bytes]]) -> tuple[bytes, int, int]:
        """Give the answers' bytes, and how many spot subscriptions and requests for the version there were."""
        out: list[bytes] = []
        bursts = ignored = 0
        known = self._around
        for number, key in requests:
            around = known.get((number, len(key)))
            if around is None and (whole := self._wire.answer(number, key)) is not None:
                at = whole.rindex(key)
                around = known[number, len(key)] = whole[:at], whole[at + len(key) :]
            if around is not None:
                out += around[0], key, around[1]
            bursts += number == 2127
            ignored += number == 2104
        return b"".join(out), bursts, ignored

    def _burst(self, connection: Connection) -> None:
        shape = self._args.shape
        if shape == "none":
            return
        if shape == "paced":
            time.sleep(_PAUSE)
            self._paced(connection)
            return
        data = connection.records([b"".join(self._events)] if shape == "full" else self._events)
        time.sleep(_PAUSE)
        began = time.monotonic_ns()
        connection.sock.sendall(data)
        print("began", began, flush=True)

    def _paced(self, connection: Connection) -> None:
        """Send event by event, each stamped with the microsecond in which it leaves."""
        stamp = self._wire.encoding.stamp
        size = len(stamp(TIMESTAMP_OFFSET))
        heads = [event[:-size] for event in self._events]
        interval = int(1e9 / self._args.rate)
        clock, records, send = time.monotonic_ns, connection.records, connection.sock.sendall
        print("began", clock(), flush=True)
        due = clock()
        for head in heads:
            due += interval
            while (left := due - clock()) > 0:
                if left > 300_000:
                    time.sleep((left - 200_000) / 1e9)
            send(records([head + stamp(TIMESTAMP_OFFSET + clock() // 1000)]))


def connections(listener: socket.socket, context: ssl.SSLContext) -> Iterator[Connection]:
    """Give each connection that was made and passed its handshake."""
    while True:
        sock, _ = listener.accept()
        try:
            yield Connection(sock, context)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            sock.close()


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificate", required=True, help="PEM file with the certificate and its key")
    parser.add_argument("--wire", choices=("protobuf", "json", "protobuf-websocket"), default="protobuf")
    parser.add_argument("--shape", choices=("none", "full", "single", "paced"), default="none")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="events per second when paced")
    parser.add_argument("--history", action="store_true", help="have pages of bars and ticks; protobuf over TCP only")
    parser.add_argument("--cut", choices=("fin", "rst"))
    parser.add_argument("--cut-after", type=int, default=100)
    parser.add_argument("--core", type=int, help="run on this core only")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.certificate)
    sender = Sender(args)
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print("port", listener.getsockname()[1], flush=True)
    for connection in connections(listener, context):
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # whoever measures notices
            sender.serve(connection)


if __name__ == "__main__":
    main()
