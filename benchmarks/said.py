"""What the sender says: the values of its events and pages, and how each of its wires has them.

With the standard library only, and nothing of the package under measurement: what is sent is encoded here, by hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sender import Connection

ACCOUNT = 28_213_421
SYMBOLS = 50
DISTINCT = 1_000  # events that differ; a burst repeats them
BARS, TICKS = 14_000, 20_000  # in a page of history
FIRST_MINUTE = 29_000_000
LAST_TICK = 1_784_000_000_000

#: Added to the microseconds in a paced event's timestamp, so that it always has six bytes.
TIMESTAMP_OFFSET = 1 << 41

_PREFIX = struct.Struct(">I")
_TEXT, _BINARY, CLOSE, _PING, _PONG = 1, 2, 8, 9, 10  # what a WebSocket frame is
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


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
        if number == -CLOSE:
            return self.frame(key, CLOSE)
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
            requests.append(request(message) if opcode < CLOSE else (-opcode, message))
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
