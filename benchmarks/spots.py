"""How quickly spot events reach a user's callback that reads symbolId, bid and ask of each.

A sender in another process pushes them over TLS on loopback, encoded beforehand, in three shapes: many events to a TLS
record, one event to a record, and paced at a fixed rate. Beside the client there run, in turn and in the same rounds:

* the floor: a loop in one process without network (cut, parse envelope, parse payload, read three fields), and, for the
  paced shape, a blocking socket;
* Spotware's own client, for each ``--peer-python`` that has ``ctrader-open-api`` installed.

    python benchmarks/spots.py --rounds 7 --peer-python /path/to/venv/bin/python

`docs/performance.md` says how the figures are made and what they were.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import rig

OURS = "ctrader_twisted"


def measured(sender: rig.Sender, trust: str, who: str, events: int, *options: object) -> dict[str, Any]:
    """Run one client against the sender once."""
    common = ("--port", sender.port, "--events", events, *options)
    if who == OURS:
        result = rig.child(sys.executable, "client_ours.py", "spots", "--trust-root", trust, *common)
    elif who == "blocking socket":
        result = rig.child(sys.executable, "floor.py", "spots", "--trust-root", trust, *common)
    else:
        result = rig.child(who, "client_spotware.py", *common, isolated=True)
    seconds = (result["finished"] - sender.told("began")) / 1e9
    return {**result, "rate": events / seconds, "cpu_per_event": result["cpu"] / events * 1e6}


def looped(events: int) -> dict[str, Any]:
    """Run the floor once."""
    result = rig.child(sys.executable, "floor.py", "loop", "--events", events)
    seconds = (result["finished"] - result["began"]) / 1e9
    return {**result, "rate": events / seconds, "cpu_per_event": result["cpu"] / events * 1e6}


def labels(peers: list[str]) -> dict[str, str]:
    """Name each peer by what it runs on."""
    return {peer: f"Spotware's client ({rig.versions(peer)})" for peer in peers}


def bursts(args: argparse.Namespace, shape: str, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure one of the two shapes that come as quickly as they are read."""
    trust, certificate = certificates
    named = labels(args.peer_python)
    with rig.Sender(certificate, "--shape", shape, "--events", args.events) as sender:
        ours = rig.Series(OURS, lambda: measured(sender, trust, OURS, args.events))
        floor = rig.Series("floor: one loop, no network", lambda: looped(args.events))
        peers = [
            rig.Series(named[peer], lambda peer=peer: measured(sender, trust, peer, args.events))  # type: ignore[misc]
            for peer in args.peer_python
        ]
        rounds = rig.Rounds([ours, *peers, floor]).go(args.rounds, rig.note)
    rows, result = [], {}
    for series in rounds.series:
        rate, cpu = rounds.median(series, "rate"), rounds.median(series, "cpu_per_event")
        ratio = rounds.ratio(ours, series, "rate")
        result[series.label] = {"events_per_second": rate, "cpu_us_per_event": cpu, "ours_is_times": ratio}
        peak, beside = rounds.median(series, "peak") / 1e6, rig.times(ratio, series is ours)
        rows.append([series.label, f"{rate:,.0f}", f"{cpu:.2f}", beside, f"{peak:.0f}", rounds.count(series)])
    title = {"full": "Many events to a TLS record", "single": "One event to a TLS record"}[shape]
    rig.table(
        f"{title}, {args.events:,} events", ["", "events/s", "CPU µs/event", "ours is", "peak MB", "quiet runs"], rows
    )
    return result


def paced(args: argparse.Namespace, rate: int, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure events that come at a fixed rate, each in a record and a segment of its own."""
    trust, certificate = certificates
    named = labels(args.peer_python)
    events = max(50, min(args.events, int(rate * args.seconds)))
    with rig.Sender(certificate, "--shape", "paced", "--rate", rate, "--events", events) as sender:
        ours = rig.Series(OURS, lambda: measured(sender, trust, OURS, events, "--stamped"))
        others = [
            rig.Series(named.get(who, who), lambda who=who: measured(sender, trust, who, events, "--stamped"))  # type: ignore[misc]
            for who in [*args.peer_python, "blocking socket"]
        ]
        rounds = rig.Rounds([ours, *others]).go(args.rounds, rig.note)
    rows, result = [], {}
    for series in rounds.series:
        p50, p99 = rounds.median(series, "p50"), rounds.median(series, "p99")
        cpu, ratio = rounds.median(series, "cpu_per_event"), rounds.ratio(ours, series, "p50")
        result[series.label] = {"p50_us": p50, "p99_us": p99, "cpu_us_per_event": cpu, "our_p50_is_times": ratio}
        beside = rig.times(ratio, series is ours)
        rows.append([series.label, f"{p50:.0f}", f"{p99:.0f}", f"{cpu:.0f}", beside, rounds.count(series)])
    rig.table(
        f"Paced, {rate:,} events a second: from the sender's write to the user's callback",
        ["", "p50 µs", "p99 µs", "CPU µs/event", "our p50 is", "quiet runs"],
        rows,
    )
    return result


def memory(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure what a second burst adds to the memory that the first one left."""
    trust, certificate = certificates
    with rig.Sender(certificate, "--shape", "full", "--events", args.events) as sender:
        common = ("--port", sender.port, "--trust-root", trust, "--events", args.events)
        run = rig.child(sys.executable, "client_ours.py", "spots", "--bursts", 3, *common)
    first, *later = (grown / 1e6 for grown in run["grown_by_burst"])
    result = {"first_burst_mb": first, "second_burst_mb": later[0], "third_burst_mb": later[1]}
    row = [f"{value:+.1f}" for value in result.values()]
    rig.table(
        f"Memory: growth in MB over bursts of {args.events:,} events", ["first", "second", "third", "peak"],
        [[*row, f"{run['peak'] / 1e6:.0f}"]],
    )  # fmt: skip
    return result


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="events in a burst (200000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn (5)")
    parser.add_argument("--rates", type=int, nargs="*", default=[1_000, 5_000], help="events a second when paced")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a paced run takes (3)")
    parser.add_argument(
        "--peer-python", action="append", default=[], metavar="PYTHON",
        help="an interpreter that has ctrader-open-api; may be given more than once",
    )  # fmt: skip
    rig.add_arguments(parser)
    args = parser.parse_args()
    with rig.settled(args), rig.authority() as certificates:
        result: dict[str, Any] = {"machine": rig.machine(), "events": args.events, "rounds": args.rounds}
        rig.say(result["machine"])
        result["full"] = bursts(args, "full", certificates)
        result["single"] = bursts(args, "single", certificates)
        result["paced"] = {rate: paced(args, rate, certificates) for rate in args.rates}
        result["memory"] = memory(args, certificates)
        if args.json:
            print(json.dumps(result, indent=1), file=args.stdout)


if __name__ == "__main__":
    main()
