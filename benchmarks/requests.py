"""How quickly requests are answered, connections become ready, and a cut is told to whoever waits.

A server in another process answers ProtoOATraderReq over TLS on loopback with bytes encoded beforehand.

* one request after another, beside a blocking Python socket with the same messages, in the same rounds;
* many in flight, with pacing off; the sockets' buffers and the server are shared by all;
* from `start` to READY; from a cut connection to the last failed request; the import.

    python benchmarks/requests.py --rounds 7
    python benchmarks/requests.py --rounds 7 --wire json

Over WebSocket the `websockets` library does the same in the same rounds. Spotware's client has no place here: it sends
once a second, so each request of a sequence takes that long.
`docs/performance.md` says how the figures are made and what they were.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

import probe
import rig
from rig import BLOCKING, OURS


def sequential(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure requests that wait for the one before, and the way to READY."""
    trust, certificate = certificates
    clients = rig.clients(args, trust, "requests")
    with rig.Sender(certificate, "--wire", args.wire) as sender:
        port = ("--port", sender.port)
        series = {
            name: rig.Series(name, partial(run, *port, "--sequential", args.requests)) for name, run in clients.items()
        }
        # As many as the limit lets go at once.
        few = rig.Series(
            f"{OURS}, 40 requests under the usual limits", partial(clients[OURS], *port, "--sequential", 40, "--paced")
        )
        rounds = rig.Rounds([*series.values(), few]).go(args.rounds, rig.note)
    ours, floor = series[OURS], series[BLOCKING]
    rows, result = [], {}
    for each in rounds.series:
        p50, p99, ready = (rounds.median(each, key) for key in ("p50", "p99", "ready"))
        ratio, faster = rounds.ratio(each, floor, "p50"), rounds.ratio(ours, each, "p50")
        result[each.label] = {
            "p50_us": p50, "p99_us": p99, "ready_ms": ready, "p50_is_times_blocking": ratio, "our_p50_is_times": faster,
        }  # fmt: skip
        beside = rig.times(ratio, each is floor), rig.times(faster, each in (ours, few))
        rows.append([each.label, f"{p50:.0f}", f"{p99:.0f}", *beside, f"{ready:.1f}", rounds.count(each)])
    rig.table(
        f"{rig.WIRES[args.wire]}: one request after another, {args.requests:,} of them",
        ["", "p50 µs", "p99 µs", "× blocking", "our p50 is", "to READY ms", "quiet runs"],
        rows,
    )
    return result


def pipelined(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure many requests at once."""
    trust, certificate = certificates
    count = args.requests * 10
    clients = rig.clients(args, trust, "requests")
    del clients[BLOCKING]
    with rig.Sender(certificate, "--wire", args.wire) as sender:
        common = ("--port", sender.port, "--pipelined", count)
        series = {
            (name, in_flight): rig.Series(
                f"{name}, {in_flight:,} in flight", partial(run, *common, "--in-flight", in_flight)
            )
            for in_flight in args.in_flight
            for name, run in clients.items()
        }
        rounds = rig.Rounds(list(series.values())).go(args.rounds, rig.note)
    rows, result = [], {}
    for (name, in_flight), each in series.items():
        rate, cpu = rounds.median(each, "rate"), rounds.median(each, "cpu_per_request")
        best = max(run["rate"] for run in each.runs)
        ratio = rounds.ratio(series[OURS, in_flight], each, "rate")
        result[each.label] = {
            "requests_per_second": rate, "best": best, "cpu_us_per_request": cpu, "ours_is_times": ratio,
        }  # fmt: skip
        beside = rig.times(ratio, name == OURS)
        rows.append([each.label, f"{rate:,.0f}", f"{best:,.0f}", f"{cpu:.1f}", beside, rounds.count(each)])
    rig.table(
        f"{rig.WIRES[args.wire]}: many at once, pacing off, {count:,} requests",
        ["", "requests/s", "best", "CPU µs/request", "ours is", "quiet runs"],
        rows,
    )
    return result


def cuts(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure from the server's close to the last of the requests that had waited."""
    trust, certificate = certificates
    clients = rig.clients(args, trust, "requests")
    del clients[BLOCKING]

    def run(name: str, cut: str) -> dict[str, Any]:
        with rig.Sender(certificate, "--wire", args.wire, "--cut", cut, "--cut-after", args.pending) as sender:
            done = clients[name]("--port", sender.port, "--pending", args.pending)
            return {"ms": (done["failed_at"] - sender.told("cut")) / 1e6}

    series = [
        rig.Series(f"{name}, {cut.upper()}", partial(run, name, cut)) for name in clients for cut in ("fin", "rst")
    ]
    rounds = rig.Rounds(series).go(args.rounds, rig.note)
    result = {each.label: rounds.median(each, "ms") for each in series}
    rig.table(
        f"{rig.WIRES[args.wire]}: a cut with {args.pending} requests pending, until the last has failed",
        ["", "ms", "quiet runs"],
        [[each.label, f"{result[each.label]:.1f}", rounds.count(each)] for each in series],
    )
    return result


def imports(args: argparse.Namespace) -> dict[str, Any]:
    """Measure the import in a fresh interpreter."""
    peers = [("websockets.asyncio.client", "json")] if rig.DECODERS[args.wire] else []
    series = [
        rig.Series(f"import {', '.join(modules)}", partial(rig.imported, *modules))
        for modules in (probe.MODULES[args.wire], ("twisted.internet.reactor", "twisted.internet.ssl"), *peers)
    ]
    rounds = rig.Rounds(series).go(args.rounds, rig.note)
    result = {each.label: rounds.median(each, "ms") for each in rounds.series}
    rig.table("Import, from compiled files", ["", "ms"], [[label, f"{took:.0f}"] for label, took in result.items()])
    return result


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=4_000, help="one after another; ten times that at once (4000)")
    parser.add_argument("--in-flight", type=int, nargs="*", default=[100, 1_000])
    parser.add_argument("--pending", type=int, default=100, help="requests that wait when the connection is cut (100)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn (5)")
    rig.add_arguments(parser, "sequential", "pipelined", "cut", "import")
    args = parser.parse_args()
    with rig.settled(args), rig.authority() as certificates:
        result: dict[str, Any] = {"machine": rig.machine(args.wire), "requests": args.requests, "rounds": args.rounds}
        rig.say(result["machine"])
        parts = {
            "sequential": partial(sequential, args, certificates),
            "pipelined": partial(pipelined, args, certificates),
            "cut": partial(cuts, args, certificates),
            "import": partial(imports, args),
        }
        result.update((name, part()) for name, part in parts.items() if name in args.only)
        if args.json:
            print(json.dumps(result, indent=1), file=args.stdout)


if __name__ == "__main__":
    main()
