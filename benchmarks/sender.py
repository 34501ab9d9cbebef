"""A server for measurements: its own process, blocking sockets, every answer encoded beforehand.

It must not be the bottleneck. It knows just enough of the protocol to let a client in, uses the standard library only,
and nothing of the package under measurement: what it sends is encoded here, by hand.

    python sender.py --certificate server.pem --shape full --events 200000

It prints ``port N`` when it listens, ``began NS`` when the first byte of a burst leaves and ``cut NS`` when it cuts a
connection; times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. It ends with its stdin.

What it does when asked:

* application and account authorisation, spot subscription, trader: the answer, with the id that came.
* a spot subscription is followed, 50 ms later, by ``--events`` spot events in the chosen ``--shape``.
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

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = 28_213_421
SYMBOLS = 50
DISTINCT = 1_000  # events that differ; a burst repeats them

#: Added to the microseconds in a paced event's timestamp, so that it always has six bytes.
TIMESTAMP_OFFSET = 1 << 41

_PREFIX = struct.Struct(">I")
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


def envelope(payload_type: int, payload: bytes, client_msg_id: bytes = b"") -> bytes:
    """Encode one frame: length prefix and ProtoMessage."""
    body = b"\x08" + varint(payload_type)
    if payload:
        body += b"\x12" + varint(len(payload)) + payload
    if client_msg_id:
        body += b"\x1a" + varint(len(client_msg_id)) + client_msg_id
    return _PREFIX.pack(len(body)) + body


def spot_values(index: int) -> tuple[int, int, int]:
    """Give symbolId, bid and ask of one event."""
    index %= DISTINCT
    bid = 108_000 + index * 7_919 % 5_000
    return index % SYMBOLS + 1, bid, bid + 3 + index % 11


def spot_event(index: int, timestamp: int) -> bytes:
    """Encode one spot event's frame; its last six bytes are the timestamp."""
    symbol, bid, ask = spot_values(index)
    return envelope(
        2131,
        b"\x10" + varint(ACCOUNT) + b"\x18" + varint(symbol) + b"\x20" + varint(bid) + b"\x28" + varint(ask)
        + b"\x38" + varint(108_777) + b"\x40" + varint(timestamp),
    )  # fmt: skip


def spot_events(count: int) -> list[bytes]:
    """Encode so many spot events."""
    distinct = [spot_event(index, TIMESTAMP_OFFSET + index) for index in range(min(count, DISTINCT))]
    whole, rest = divmod(count, DISTINCT)
    return distinct * whole + distinct[:rest]


def spot_sums(count: int) -> tuple[int, int, int]:
    """Give what symbolId, bid and ask of so many events add up to."""
    whole, rest = divmod(count, DISTINCT)
    every = [spot_values(index) for index in range(DISTINCT)]
    return tuple(whole * sum(column) + sum(column[:rest]) for column in zip(*every, strict=True))  # type: ignore[return-value]


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint; give it and where it ends."""
    value = shift = 0
    while data[at] > 0x7F:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1


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
            # As every client writes it: type, payload, and last the id, of less than 128 bytes.
            number, at = _size(data, start + 5)
            if at < stop and data[at] == 0x12:
                length, at = _size(data, at + 1)
                at += length
            at = min(at + 2, stop)
            size, known = stop - start, at - start
            head = data[start:at]
        if stop > end:
            break
        requests.append((number, data[at:stop]))
        start = stop
    return requests, data[start:]


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
                self._in.write(self.sock.recv(65_536) or self._gone())
        self._flush()

    def _gone(self) -> bytes:
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
        account = b"\x10" + varint(ACCOUNT)
        trader = b"\x08" + varint(ACCOUNT) + b"\x10" + varint(1_000_000) + b"\x40" + varint(15)
        trader += b"\x50" + varint(50_000) + b"\xa0\x01\x02"
        self._answers = {
            2100: (2101, b""),
            2102: (2103, account),
            2127: (2128, account),
            2121: (2122, account + b"\x1a" + varint(len(trader)) + trader),
        }
        self._heads: dict[tuple[int, int], bytes] = {}
        self._events = spot_events(args.events) if args.shape != "none" else []

    def serve(self, connection: Connection) -> None:
        """Answer until the peer closes or the connection is cut."""
        rest = b""
        unanswered = 0
        while data := connection.receive():
            requests, rest = split(rest + data)
            out, bursts, ignored = self.answer(requests)
            unanswered += ignored
            if out:
                connection.sock.sendall(connection.records([out]))
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
        out = []
        bursts = ignored = 0
        heads = self._heads
        for number, key in requests:
            head = heads.get((number, len(key)))
            if head is None and number in self._answers:
                response, payload = self._answers[number]
                whole = envelope(response, payload, key)
                head = heads[number, len(key)] = whole[: len(whole) - len(key)]
            if head is not None:
                out.append(head + key)
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
        heads = [event[:-6] for event in self._events]
        interval = int(1e9 / self._args.rate)
        clock, records, send = time.monotonic_ns, connection.records, connection.sock.sendall
        print("began", clock(), flush=True)
        due = clock()
        for head in heads:
            due += interval
            while (left := due - clock()) > 0:
                if left > 300_000:
                    time.sleep((left - 200_000) / 1e9)
            send(records([head + varint(TIMESTAMP_OFFSET + clock() // 1000)]))


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
    parser.add_argument("--shape", choices=("none", "full", "single", "paced"), default="none")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rate", type=float, default=1_000.0, help="events per second when paced")
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
