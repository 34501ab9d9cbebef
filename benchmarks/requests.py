"""How quickly requests are answered, connections become ready, and a cut is told to whoever waits.

A server in another process answers ProtoOATraderReq over TLS on loopback with bytes encoded beforehand.

* one request after another, beside a blocking Python socket with the same messages, in the same rounds;
* many in flight, with pacing off; the sockets' buffers and the server are shared by all;
* from `start` to READY; from a cut connection to the last failed request; the import.

    python benchmarks/requests.py --rounds 7

Spotware's client has no place here: it sends once a second, so each request of a sequence takes that long.
`docs/performance.md` says how the figures are made and what they were.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import rig

OURS = "ctrader_twisted"


def sequential(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure requests that wait for the one before, and the way to READY."""
    trust, certificate = certificates
    with rig.Sender(certificate) as sender:
        common = ("--port", sender.port, "--trust-root", trust)
        asked = (*common, "--sequential", args.requests)

        def ours(*options: object) -> dict[str, Any]:
            return rig.child(sys.executable, "client_ours.py", "requests", *asked, *options)

        series = rig.Series(OURS, ours)
        floor = rig.Series("blocking socket", lambda: rig.child(sys.executable, "floor.py", "requests", *asked))
        # As many as the limit lets go at once.
        few = (*common, "--sequential", 40, "--paced")
        limited = rig.Series(
            f"{OURS}, 40 requests under the usual limits",
            lambda: rig.child(sys.executable, "client_ours.py", "requests", *few),
        )
        rounds = rig.Rounds([series, floor, limited]).go(args.rounds, rig.note)
    rows, result = [], {}
    for each in rounds.series:
        p50, p99, ready = (rounds.median(each, key) for key in ("p50", "p99", "ready"))
        ratio = rounds.ratio(each, floor, "p50")
        result[each.label] = {"p50_us": p50, "p99_us": p99, "ready_ms": ready, "p50_is_times_blocking": ratio}
        beside = rig.times(ratio, each is floor)
        rows.append([each.label, f"{p50:.0f}", f"{p99:.0f}", beside, f"{ready:.1f}", rounds.count(each)])
    rig.table(
        f"One request after another, {args.requests:,} of them",
        ["", "p50 µs", "p99 µs", "× blocking", "to READY ms", "quiet runs"],
        rows,
    )
    return result


def pipelined(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure many requests at once."""
    trust, certificate = certificates
    count = args.requests * 10
    with rig.Sender(certificate) as sender:
        common = ("--port", sender.port, "--trust-root", trust, "--pipelined", count)
        series = [
            rig.Series(
                f"{in_flight:,} in flight",
                lambda in_flight=in_flight: rig.child(  # type: ignore[misc]
                    sys.executable, "client_ours.py", "requests", *common, "--in-flight", in_flight
                ),
            )
            for in_flight in args.in_flight
        ]
        rounds = rig.Rounds(series).go(args.rounds, rig.note)
    rows, result = [], {}
    for each in rounds.series:
        rate, cpu = rounds.median(each, "rate"), rounds.median(each, "cpu_per_request")
        best = max(run["rate"] for run in each.runs)
        result[each.label] = {"requests_per_second": rate, "best": best, "cpu_us_per_request": cpu}
        rows.append([each.label, f"{rate:,.0f}", f"{best:,.0f}", f"{cpu:.1f}", rounds.count(each)])
    rig.table(
        f"Many at once, pacing off, {count:,} requests",
        ["", "requests/s", "best", "CPU µs/request", "quiet runs"],
        rows,
    )
    return result


def cuts(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure from the server's close to the last of the requests that had waited."""
    trust, certificate = certificates

    def run(cut: str) -> dict[str, Any]:
        with rig.Sender(certificate, "--cut", cut, "--cut-after", args.pending) as sender:
            common = ("--port", sender.port, "--trust-root", trust)
            done = rig.child(sys.executable, "client_ours.py", "requests", *common, "--pending", args.pending)
            return {"ms": (done["failed_at"] - sender.told("cut")) / 1e6}

    series = [rig.Series(cut.upper(), lambda cut=cut: run(cut)) for cut in ("fin", "rst")]  # type: ignore[misc]
    rounds = rig.Rounds(series).go(args.rounds, rig.note)
    result = {each.label: rounds.median(each, "ms") for each in series}
    rig.table(
        f"A cut with {args.pending} requests pending: until the last has failed",
        ["", "ms", "quiet runs"],
        [[each.label, f"{result[each.label]:.1f}", rounds.count(each)] for each in series],
    )
    return result


def imports(args: argparse.Namespace) -> dict[str, Any]:
    """Measure the import in a fresh interpreter."""
    everything = rig.Series("import ctrader_twisted.client", lambda: rig.imported("ctrader_twisted.client"))
    reactor = rig.Series(
        "import twisted.internet.reactor, …ssl",
        lambda: rig.imported("twisted.internet.reactor", "twisted.internet.ssl"),
    )
    rounds = rig.Rounds([everything, reactor]).go(args.rounds, rig.note)
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
    rig.add_arguments(parser)
    args = parser.parse_args()
    with rig.settled(args), rig.authority() as certificates:
        result: dict[str, Any] = {"machine": rig.machine(), "requests": args.requests, "rounds": args.rounds}
        rig.say(result["machine"])
        result["sequential"] = sequential(args, certificates)
        result["pipelined"] = pipelined(args, certificates)
        result["cut"] = cuts(args, certificates)
        result["import"] = imports(args)
        if args.json:
            print(json.dumps(result, indent=1), file=args.stdout)


if __name__ == "__main__":
    main()
