"""A server for measurements: its own process, blocking sockets, every answer encoded beforehand.

It must not be the bottleneck. It knows just enough of the protocol, over each of its wires, to let a client in, uses
the standard library only, and nothing of the package under measurement: what it sends is encoded by hand (`said`).

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
import contextlib
import os
import socket
import ssl
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING

from said import CLOSE, TIMESTAMP_OFFSET, bar_page, spot_events, tick_page, wire_named

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close() sends RST
_PAUSE = 0.05  # between the answer to a subscription and its burst


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
            if requests and requests[-1][0] == -CLOSE:
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
