"""How quickly spot events reach a user's callback that reads symbolId, bid and ask of each.

A sender in another process pushes them over TLS on loopback, encoded beforehand, in three shapes: many events to a TLS
record, one event to a record, and paced at a fixed rate. Beside the client there run, in turn and in the same rounds:

* the floor: a loop in one process without network (cut, parse envelope, parse payload, read three fields), and, for the
  paced shape, a blocking socket;
* over WebSocket (``--wire json``, ``--wire protobuf-websocket``), the `websockets` library with json and others;
* Spotware's own client, over protobuf's own wire, for each ``--peer-python`` that has ``ctrader-open-api`` installed.

    python benchmarks/spots.py --rounds 7 --peer-python /path/to/venv/bin/python
    python benchmarks/spots.py --rounds 7 --wire json

`docs/performance.md` says how the figures are made and what they were.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import rig
from rig import BLOCKING

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS = ("quotes", "columns", "latest")
"""The lighter forms of spot events, beside messages."""


def clients(args: argparse.Namespace, trust: str) -> dict[str, Callable[..., dict[str, Any]]]:
    """Give what is measured, by name."""
    peers = {
        f"Spotware's client ({rig.versions(peer)})": partial(rig.child, peer, "client_spotware.py", isolated=True)
        for peer in args.peer_python
    }
    ours, *others = rig.clients(args, trust, "spots").items()
    return dict([ours, *peers.items(), *others])


def measured(run: Callable[..., dict[str, Any]], sender: rig.Sender, events: int, *options: object) -> dict[str, Any]:
    """Run one client against the sender once."""
    result = run("--port", sender.port, "--events", events, *options)
    seconds = (result["finished"] - sender.told("began")) / 1e9
    return {**result, "rate": events / seconds, "cpu_per_event": result["cpu"] / events * 1e6}


def looped(args: argparse.Namespace, *options: object) -> dict[str, Any]:
    """Run the floor once."""
    result = rig.child(sys.executable, "floor.py", "loop", "--events", args.events, "--wire", args.wire, *options)
    seconds = (result["finished"] - result["began"]) / 1e9
    return {**result, "rate": args.events / seconds, "cpu_per_event": result["cpu"] / args.events * 1e6}


def bursts(args: argparse.Namespace, shape: str, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure one of the two shapes that come as quickly as they are read."""
    trust, certificate = certificates
    floor = "floor: one loop, no network"
    with rig.Sender(certificate, "--wire", args.wire, "--shape", shape, "--events", args.events) as sender:
        ours_alone = clients(args, trust)[rig.OURS]
        series = [
            rig.Series(name, partial(measured, run, sender, args.events))
            for name, run in clients(args, trust).items()
            if name != BLOCKING
        ]
        series += [
            rig.Series(f"{rig.OURS}, {form}", partial(measured, ours_alone, sender, args.events, "--form", form))
            for form in FORMS
        ]
        series.append(rig.Series(floor, partial(looped, args)))
        if args.wire == "json":
            series.append(rig.Series(f"{floor}, msgspec", partial(looped, args, "--decoder", "msgspec")))
        rounds = rig.Rounds(series).go(args.rounds, rig.note)
    ours = series[0]
    rows, result = [], {}
    for each in series:
        rate, cpu = rounds.median(each, "rate"), rounds.median(each, "cpu_per_event")
        ratio = rounds.ratio(ours, each, "rate")
        result[each.label] = {"events_per_second": rate, "cpu_us_per_event": cpu, "ours_is_times": ratio}
        peak, beside = rounds.median(each, "peak") / 1e6, rig.times(ratio, each is ours)
        rows.append([each.label, f"{rate:,.0f}", f"{cpu:.2f}", beside, f"{peak:.0f}", rounds.count(each)])
    title = {"full": "many events to a TLS record", "single": "one event to a TLS record"}[shape]
    rig.table(
        f"{rig.WIRES[args.wire]}: {title}, {args.events:,} events",
        ["", "events/s", "CPU µs/event", "ours is", "peak MB", "quiet runs"],
        rows,
    )
    return result


def paced(args: argparse.Namespace, rate: int, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure events that come at a fixed rate, each in a record and a segment of its own."""
    trust, certificate = certificates
    events = max(50, min(args.events, int(rate * args.seconds)))
    with rig.Sender(certificate, "--wire", args.wire, "--shape", "paced", "--rate", rate, "--events", events) as sender:
        series = [
            rig.Series(name, partial(measured, run, sender, events, "--stamped"))
            for name, run in clients(args, trust).items()
        ]
        rounds = rig.Rounds(series).go(args.rounds, rig.note)
    ours = series[0]
    rows, result = [], {}
    for each in series:
        p50, p99 = rounds.median(each, "p50"), rounds.median(each, "p99")
        cpu, ratio = rounds.median(each, "cpu_per_event"), rounds.ratio(ours, each, "p50")
        result[each.label] = {"p50_us": p50, "p99_us": p99, "cpu_us_per_event": cpu, "our_p50_is_times": ratio}
        beside = rig.times(ratio, each is ours)
        rows.append([each.label, f"{p50:.0f}", f"{p99:.0f}", f"{cpu:.0f}", beside, rounds.count(each)])
    rig.table(
        f"{rig.WIRES[args.wire]}: paced, {rate:,} events a second, from the sender's write to the user's callback",
        ["", "p50 µs", "p99 µs", "CPU µs/event", "our p50 is", "quiet runs"],
        rows,
    )
    return result


def memory(args: argparse.Namespace, certificates: tuple[str, str]) -> dict[str, Any]:
    """Measure what a second burst adds to the memory that the first one left."""
    trust, certificate = certificates
    rows, result = [], {}
    with rig.Sender(certificate, "--wire", args.wire, "--shape", "full", "--events", args.events) as sender:
        for name, run in rig.clients(args, trust, "spots").items():
            if name == BLOCKING:
                continue
            done = run("--port", sender.port, "--events", args.events, "--bursts", 3)
            first, second, third = (grown / 1e6 for grown in done["grown_by_burst"])
            result[name] = {"first_burst_mb": first, "second_burst_mb": second, "third_burst_mb": third}
            rows.append([name, *(f"{value:+.1f}" for value in result[name].values()), f"{done['peak'] / 1e6:.0f}"])
    rig.table(
        f"{rig.WIRES[args.wire]}: memory, growth in MB over bursts of {args.events:,} events",
        ["", "first", "second", "third", "peak"],
        rows,
    )
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
    rig.add_arguments(parser, "full", "single", "paced", "memory")
    args = parser.parse_args()
    if args.peer_python and args.wire != "protobuf":
        parser.error("Spotware's client knows the protobuf wire only")
    with rig.settled(args), rig.authority() as certificates:
        result: dict[str, Any] = {"machine": rig.machine(args.wire), "events": args.events, "rounds": args.rounds}
        rig.say(result["machine"])
        parts: dict[str, Callable[[], Any]] = {
            "full": partial(bursts, args, "full", certificates),
            "single": partial(bursts, args, "single", certificates),
            "paced": lambda: {rate: paced(args, rate, certificates) for rate in args.rates},
            "memory": partial(memory, args, certificates),
        }
        result.update((name, part()) for name, part in parts.items() if name in args.only)
        if args.json:
            print(json.dumps(result, indent=1), file=args.stdout)


if __name__ == "__main__":
    main()
