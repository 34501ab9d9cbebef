"""The measured process without a library: what the same work costs in one plain loop, or over one blocking socket.

``loop``: cut, parse envelope, parse payload, read three fields; no network. ``spots`` and ``requests``: a blocking
socket with the standard library's TLS and the same messages.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING

from probe import Tally, percentile
from sender import ACCOUNT, spot_events

from ctrader_twisted.messages import (
    ProtoMessage,
    ProtoOAAccountAuthReq,
    ProtoOAApplicationAuthReq,
    ProtoOASpotEvent,
    ProtoOASubscribeSpotsReq,
    ProtoOATraderReq,
    ProtoOATraderRes,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message


def loop(args: argparse.Namespace) -> None:
    """Decode every event of a buffer."""
    data = b"".join(spot_events(args.events))
    tally = Tally(args.events, False, lambda: None)
    spot = tally.spot
    unpack = struct.Struct(">I").unpack_from
    parse_envelope, parse_spot = ProtoMessage.FromString, ProtoOASpotEvent.FromString
    start, end = 0, len(data)
    tally.begin()
    began = time.monotonic_ns()
    while start < end:
        (size,) = unpack(data, start)
        body = start + 4
        start = body + size
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

    def ask(self, number: int, message: Message) -> bytes:
        """Send a request and give its answer's payload."""
        self._asked += 1
        key = f"{self._asked:x}"
        data = ProtoMessage(
            payloadType=number, payload=message.SerializeToString(), clientMsgId=key
        ).SerializeToString()
        self._socket.sendall(struct.pack(">I", len(data)) + data)
        answer = ProtoMessage.FromString(self.frame())
        if answer.clientMsgId != key:
            raise AssertionError("not the answer")
        payload: bytes = answer.payload
        return payload

    def frame(self) -> bytes:
        """Wait for one whole frame."""
        data = self._rest
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            data += self._socket.recv(65_536)
        stop = 4 + int.from_bytes(data[:4], "big")
        self._rest = data[stop:]
        return data[4:stop]

    def let_in(self) -> None:
        """Authorise application and account."""
        self.ask(2100, ProtoOAApplicationAuthReq(clientId="id", clientSecret="secret"))
        self.ask(2102, ProtoOAAccountAuthReq(ctidTraderAccountId=ACCOUNT, accessToken="token"))


def spots(args: argparse.Namespace) -> None:
    """Read events from a blocking socket."""
    over = False

    def done() -> None:
        nonlocal over
        over = True

    tally = Tally(args.events, args.stamped, done)
    blocking = Blocking(args)
    blocking.let_in()
    blocking.ask(2127, ProtoOASubscribeSpotsReq(ctidTraderAccountId=ACCOUNT, symbolId=range(1, 51)))
    tally.begin()
    while not over:
        tally.spot(ProtoOASpotEvent.FromString(ProtoMessage.FromString(blocking.frame()).payload))
    tally.report()


def requests(args: argparse.Namespace) -> None:
    """Ask and wait, one request after another."""
    began = time.monotonic_ns()
    blocking = Blocking(args)
    blocking.ask(2100, ProtoOAApplicationAuthReq(clientId="id", clientSecret="secret"))
    ready = time.monotonic_ns() - began
    blocking.ask(2102, ProtoOAAccountAuthReq(ctidTraderAccountId=ACCOUNT, accessToken="token"))
    times = []
    for _ in range(args.sequential):
        asked = time.perf_counter_ns()
        payload = blocking.ask(2121, ProtoOATraderReq(ctidTraderAccountId=ACCOUNT))
        if ProtoOATraderRes.FromString(payload).trader.balance != 1_000_000:
            raise AssertionError("not the answer")
        times.append((time.perf_counter_ns() - asked) / 1e3)
    print(json.dumps({"ready": ready / 1e6, "p50": percentile(times, 0.5), "p99": percentile(times, 0.99)}))


def main() -> None:
    """Do one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("loop", "spots", "requests"))
    parser.add_argument("--port", type=int)
    parser.add_argument("--trust-root")
    parser.add_argument("--core", type=int)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--stamped", action="store_true")
    parser.add_argument("--sequential", type=int, default=0)
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    {"loop": loop, "spots": spots, "requests": requests}[args.what](args)


if __name__ == "__main__":
    main()
