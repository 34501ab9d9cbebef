"""What the measured processes share: what a process costs, and the callback that every client runs.

Kept apart from `rig`, and free of anything but the standard library: the peer's interpreter imports it too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import time

from said import TIMESTAMP_OFFSET, spot_sums

#: What a client of ours imports, over each wire.
MODULES = {
    "protobuf": ["ctrader_twisted.client"],
    "json": ["ctrader_twisted.client", "ctrader_twisted.wire.websocket", "ctrader_twisted.wire.jsontext"],
    "protobuf-websocket": ["ctrader_twisted.client", "ctrader_twisted.wire.websocket"],
}


def resident() -> int:
    """Give this process's resident memory in bytes."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def peak() -> int:
    """Give the most memory that was resident, in bytes. (getrusage may give what the forking process had.)"""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def percentile(values: list[float], share: float) -> float:
    """Give one percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def arguments(description: str | None, *what: str) -> argparse.ArgumentParser:
    """Make a parser for what clients of the sender are told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("what", choices=what)
    parser.add_argument("--port", type=int)
    parser.add_argument("--trust-root")
    parser.add_argument("--wire", default="protobuf")
    parser.add_argument("--core", type=int)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--bursts", type=int, default=1)
    parser.add_argument("--stamped", action="store_true", help="take each event's latency from its timestamp")
    parser.add_argument("--sequential", type=int, default=0, metavar="REQUESTS")
    parser.add_argument("--pipelined", type=int, default=0, metavar="REQUESTS")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--pending", type=int, default=0, help="requests that wait while the connection is cut")
    return parser


class Tally:
    """Adds up what each spot event says, and notices the last; what it saw must be what was sent.

    :param stamped: whether to take the time since each event left, from its timestamp.
    """

    def __init__(self, events: int, stamped: bool, done) -> None:  # type: ignore[no-untyped-def]
        self._events = events
        self._done = done
        self.latencies: list[int] = []
        self.count = self.symbols = self.bids = self.asks = 0
        self.spot = self._stamped if stamped else self._plain
        self._cpu = time.process_time()
        self._resident = resident()

    def begin(self) -> None:
        """The subscription stands: what comes from now on counts."""
        self.count = self.symbols = self.bids = self.asks = 0
        self._cpu = time.process_time()
        self._resident = resident()

    def _plain(self, event) -> None:  # type: ignore[no-untyped-def]
        self.symbols += event.symbolId
        self.bids += event.bid
        self.asks += event.ask
        self.count += 1
        if self.count == self._events:
            self._finish()

    def _stamped(self, event) -> None:  # type: ignore[no-untyped-def]
        self.latencies.append(time.monotonic_ns() // 1000 - event.timestamp + TIMESTAMP_OFFSET)
        self._plain(event)

    def _finish(self) -> None:
        self.finished = time.monotonic_ns()
        self.cpu = time.process_time() - self._cpu
        self.grown = resident() - self._resident
        self._done()

    def report(self, **more: object) -> None:
        """Print the figures as one line of JSON."""
        assert (self.symbols, self.bids, self.asks) == spot_sums(self._events), "what arrived is not what was sent"
        result = {"finished": self.finished, "cpu": self.cpu, "grown": self.grown, **more}
        result["peak"] = peak()
        if self.latencies:
            result["p50"] = percentile(self.latencies, 0.5)  # type: ignore[arg-type]
            result["p99"] = percentile(self.latencies, 0.99)  # type: ignore[arg-type]
        print(json.dumps(result), flush=True)


class QuoteTally(Tally):
    """The same for a `LightQuote` of each event."""

    def _plain(self, event) -> None:  # type: ignore[no-untyped-def]
        self.symbols += event.symbol_id
        self.bids += event.bid
        self.asks += event.ask
        self.count += 1
        if self.count == self._events:
            self._finish()


class ColumnTally(Tally):
    """The same for `SpotColumns` of each read."""

    def _plain(self, event) -> None:  # type: ignore[no-untyped-def]
        self.symbols += int(event.symbol_id.sum())
        self.bids += int(event.bid.sum())
        self.asks += int(event.ask.sum())
        self.count += len(event)
        if self.count == self._events:
            self._finish()


class MappingTally(Tally):
    """The same for events that are dictionaries."""

    def _plain(self, event) -> None:  # type: ignore[no-untyped-def]
        self.symbols += event["symbolId"]
        self.bids += event["bid"]
        self.asks += event["ask"]
        self.count += 1
        if self.count == self._events:
            self._finish()

    def _stamped(self, event) -> None:  # type: ignore[no-untyped-def]
        self.latencies.append(time.monotonic_ns() // 1000 - event["timestamp"] + TIMESTAMP_OFFSET)
        self._plain(event)
