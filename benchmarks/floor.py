"""The measured process without a library: what the same work costs in one plain loop, or over one blocking socket.

``loop``: cut, parse envelope, parse payload, read three fields; no network. ``spots`` and ``requests``: a blocking
socket with the standard library's TLS and the same messages. JSON is decoded by json, or with ``--decoder`` by msgspec.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING, Any

from probe import MappingTally, Tally, arguments, percentile
from said import ACCOUNT, spot_events

from ctrader_twisted.messages import (
    ProtoMessage,
    ProtoOAAccountAuthReq,
    ProtoOAApplicationAuthReq,
    ProtoOAGetTickDataReq,
    ProtoOAGetTrendbarsReq,
    ProtoOASpotEvent,
    ProtoOASubscribeSpotsReq,
    ProtoOATraderReq,
    ProtoOATraderRes,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

REQUESTS = {
    2100: ProtoOAApplicationAuthReq,
    2102: ProtoOAAccountAuthReq,
    2121: ProtoOATraderReq,
    2127: ProtoOASubscribeSpotsReq,
    2137: ProtoOAGetTrendbarsReq,
    2145: ProtoOAGetTickDataReq,
}


def json_decoder(args: argparse.Namespace) -> Callable[[str], Any]:
    """Give what decodes JSON."""
    if args.decoder == "json":
        return json.loads
    from msgspec.json import Decoder

    return Decoder().decode


def loop(args: argparse.Namespace) -> None:
    """Decode every event of a buffer."""
    data = b"".join(spot_events(args.events, args.wire))
    in_json = args.wire == "json"
    tally = (MappingTally if in_json else Tally)(args.events, False, lambda: None)
    spot, decode = tally.spot, json_decoder(args)
    # What is in front of these events: a length, or a WebSocket frame's header for messages of that length.
    prefix = struct.Struct({"protobuf": ">I", "json": ">2xH", "protobuf-websocket": ">xB"}[args.wire])
    unpack, ahead = prefix.unpack_from, prefix.size
    parse_envelope, parse_spot = ProtoMessage.FromString, ProtoOASpotEvent.FromString
    start, end = 0, len(data)
    tally.begin()
    began = time.monotonic_ns()
    while start < end:
        (size,) = unpack(data, start)
        body = start + ahead
        start = body + size
        if in_json:
            event = decode(data[body:start].decode())
            if event["payloadType"] == 2131:
                spot(event["payload"])
        else:
            message = parse_envelope(data[body:start])
            if message.payloadType == 2131:
                spot(parse_spot(message.payload))
    tally.report(began=began)


class Blocking:
    """A blocking socket that sends a message and waits for the next."""

    def __init__(self, args: argparse.Namespace) -> None:
        context = ssl.create_default_context(cafile=args.trust_root)
        plain = socket.create_connection(("127.0.0.1", args.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        self._rest = b""
        self._asked = 0

    def ask(self, number: int, **fields: object) -> Any:
        """Send a request and give its answer's payload."""
        self._asked += 1
        key = f"{self._asked:x}"
        self._socket.sendall(self.framed(self.encoded(number, fields, key)))
        answered, payload = self.decoded(self.message())
        if answered != key:
            raise AssertionError("not the answer")
        return payload

    def encoded(self, number: int, fields: dict[str, Any], key: str) -> bytes:
        """Encode a request."""
        payload = REQUESTS[number](**fields).SerializeToString()
        return ProtoMessage(payloadType=number, payload=payload, clientMsgId=key).SerializeToString()

    def decoded(self, data: bytes) -> tuple[str, bytes]:
        """Give a message's id and payload."""
        message = ProtoMessage.FromString(data)
        return message.clientMsgId, message.payload

    def framed(self, data: bytes) -> bytes:
        """Put a message into a frame."""
        return struct.pack(">I", len(data)) + data

    def bounds(self, data: bytes) -> tuple[int, int]:
        """Say where the first message begins and where it ends; 0 if that is not known yet."""
        return 4, 4 + int.from_bytes(data[:4], "big") if len(data) >= 4 else 0

    def message(self) -> bytes:
        """Wait for one whole message."""
        data = self._rest
        while True:
            start, stop = self.bounds(data)
            if 0 < stop <= len(data):
                self._rest = data[stop:]
                return data[start:stop]
            data += self._socket.recv(65_536)

    def spot(self) -> Any:
        """Wait for a spot event."""
        return ProtoOASpotEvent.FromString(self.decoded(self.message())[1])

    def balance(self) -> int:
        """Ask for the trader, and give his balance."""
        payload = self.ask(2121, ctidTraderAccountId=ACCOUNT)
        return ProtoOATraderRes.FromString(payload).trader.balance


class BlockingWebSocket(Blocking):
    """The same over WebSocket, protobuf in it."""

    opcode = 0x82

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET / HTTP/1.1\r\nHost: localhost:{args.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while not self._rest.endswith(b"\r\n\r\n"):
            self._rest += self._socket.recv(65_536)
        self._rest = b""

    def framed(self, data: bytes) -> bytes:
        """Put a message into a masked frame."""
        size, mask = len(data), os.urandom(4)
        head = bytes((self.opcode, 0x80 | min(size, 126))) + (size.to_bytes(2, "big") if size > 125 else b"")
        whole = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
        return head + mask + masked

    def bounds(self, data: bytes) -> tuple[int, int]:
        """Say where the first message begins and where it ends; 0 if that is not known yet."""
        if len(data) < 4:
            return 0, 0
        if data[1] < 126:
            return 2, 2 + data[1]
        return 4, 4 + int.from_bytes(data[2:4], "big")


class BlockingJson(BlockingWebSocket):
    """The same with JSON."""

    opcode = 0x81

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        self._decode = json_decoder(args)

    def encoded(self, number: int, fields: dict[str, Any], key: str) -> bytes:
        """Encode a request."""
        return json.dumps({"payloadType": number, "payload": fields, "clientMsgId": key}).encode()

    def decoded(self, data: bytes) -> tuple[str, Any]:
        """Give a message's id and payload."""
        message = self._decode(data.decode())
        return message.get("clientMsgId"), message["payload"]

    def spot(self) -> Any:
        """Wait for a spot event."""
        return self.decoded(self.message())[1]

    def balance(self) -> int:
        """Ask for the trader, and give his balance."""
        balance: int = self.ask(2121, ctidTraderAccountId=ACCOUNT)["trader"]["balance"]
        return balance


BLOCKING = {"protobuf": Blocking, "json": BlockingJson, "protobuf-websocket": BlockingWebSocket}


def spots(args: argparse.Namespace) -> None:
    """Read events from a blocking socket."""
    over = False

    def done() -> None:
        nonlocal over
        over = True

    tally = (MappingTally if args.wire == "json" else Tally)(args.events, args.stamped, done)
    blocking = BLOCKING[args.wire](args)
    blocking.ask(2100, clientId="id", clientSecret="secret")
    blocking.ask(2102, ctidTraderAccountId=ACCOUNT, accessToken="token")
    blocking.ask(2127, ctidTraderAccountId=ACCOUNT, symbolId=list(range(1, 51)))
    tally.begin()
    while not over:
        tally.spot(blocking.spot())
    tally.report()


def requests(args: argparse.Namespace) -> None:
    """Ask and wait, one request after another."""
    began = time.monotonic_ns()
    blocking = BLOCKING[args.wire](args)
    blocking.ask(2100, clientId="id", clientSecret="secret")
    ready = time.monotonic_ns() - began
    blocking.ask(2102, ctidTraderAccountId=ACCOUNT, accessToken="token")
    times = []
    for _ in range(args.sequential):
        asked = time.perf_counter_ns()
        if blocking.balance() != 1_000_000:
            raise AssertionError("not the answer")
        times.append((time.perf_counter_ns() - asked) / 1e3)
    print(json.dumps({"ready": ready / 1e6, "p50": percentile(times, 0.5), "p99": percentile(times, 0.99)}))


def main() -> None:
    """Do one run."""
    parser = arguments(__doc__, "loop", "spots", "requests")
    parser.add_argument("--decoder", choices=("json", "msgspec"), default="json")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    {"loop": loop, "spots": spots, "requests": requests}[args.what](args)


if __name__ == "__main__":
    main()
