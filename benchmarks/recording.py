"""What recording quotes costs, beside taking the same events and recording nothing.

A sender in another process pushes spot events of 50 symbols over TLS on loopback, as for `spots.py`: many at once, and
paced. A client in a process of its own takes their columns; beside it, in turn and in the same rounds, the same client
with a `MarketRecorder`. CPU is that of the whole process, its writing thread included, until everything is on the disk.

    python benchmarks/recording.py --rounds 5

`docs/recording.md` says what the figures were.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import rig

FORMS = ("nothing", "parquet", "sqlite")


async def measured(reactor: Any, args: argparse.Namespace) -> None:
    """Be the client, once."""
    from client_ours import _client
    from probe import ColumnTally, peak
    from said import ACCOUNT, SYMBOLS
    from twisted.internet.defer import Deferred

    from ctrader_twisted.documents.symbols import Symbols
    from ctrader_twisted.market import SpotColumns
    from ctrader_twisted.messages import ProtoOALightSymbol
    from ctrader_twisted.recording import MarketRecorder
    from ctrader_twisted.recording.formats import store_at

    client = _client(reactor, args)
    done: Deferred[None] = Deferred()
    tally = ColumnTally(args.events, False, lambda: done.callback(None))
    folder = tempfile.mkdtemp()
    recorder = None
    if args.measure != "nothing":
        symbols = Symbols()
        names = {number: f"SYMBOL{number}" for number in range(1, SYMBOLS + 1)}
        symbols.learn_names(ProtoOALightSymbol(symbolId=number, symbolName=name) for number, name in names.items())
        recorder = MarketRecorder(reactor, store_at(Path(folder), args.measure), flush_seconds=2, refill_days=0)
        recorder.follow(client, ACCOUNT, symbols, names.values(), {})
        await recorder.open()
        recorder.startService()
    client.on(
        SpotColumns, tally.spot
    )  # after the recorder, so that it has taken the last event when this one counts it
    client.start()
    await client.when_ready()
    await client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="token")
    await client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=range(1, SYMBOLS + 1))
    tally.begin()
    began = time.process_time()
    await done
    if recorder is not None:
        await recorder.stopService()
        assert recorder.written >= args.events - SYMBOLS - 5, recorder.written
    cpu = time.process_time() - began
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    await client.close()
    shutil.rmtree(folder)
    print(
        json.dumps({"cpu_per_event": cpu / args.events * 1e6, "peak": peak(), "size": size / args.events}), flush=True
    )


def rounds(args: argparse.Namespace, shape: tuple[object, ...], events: int, certificates: tuple[str, str]) -> Any:
    """Measure one shape."""
    trust, certificate = certificates
    with rig.Sender(certificate, "--events", events, *shape) as sender:

        def once(form: str) -> dict[str, Any]:
            options = "--measure", form, "--port", sender.port, "--trust-root", trust, "--events", events
            result = rig.child(sys.executable, "recording.py", *options)
            sender.told("began")
            return result

        series = [rig.Series(form, partial(once, form)) for form in FORMS]
        done = rig.Rounds(series).go(args.rounds, rig.note)
    rows, result = [], {}
    for each in series:
        cpu, size, peak = (done.median(each, key) for key in ("cpu_per_event", "size", "peak"))
        ratio = done.ratio(each, series[0], "cpu_per_event")
        result[each.label] = {"cpu_us_per_event": cpu, "times": ratio, "bytes_per_event": size, "peak_mb": peak / 1e6}
        rows.append([each.label, f"{cpu:.2f}", f"{ratio:.2f}", f"{size:.0f}", f"{peak / 1e6:.0f}", done.count(each)])
    head = ["recorded", "CPU µs/event", "times", "bytes/event", "peak MB", "quiet runs"]
    rig.table(f"{events:,} events, {' '.join(map(str, shape))}", head, rows)
    return result


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="events in a burst (200000)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn (5)")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second when paced")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long a paced run takes (8)")
    parser.add_argument("--measure", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--trust-root", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    rig.add_arguments(parser, "full", "paced")
    args = parser.parse_args()
    if args.measure:
        args.paced = False
        if args.core is not None:
            os.sched_setaffinity(0, {args.core})
        from twisted.internet.defer import ensureDeferred
        from twisted.internet.task import react

        react(lambda reactor: ensureDeferred(measured(reactor, args)))
    with rig.settled(args), rig.authority() as certificates:
        result: dict[str, Any] = {"machine": rig.machine(args.wire), "events": args.events, "rounds": args.rounds}
        rig.say(result["machine"])
        shapes = {
            "full": (("--shape", "full"), args.events),
            "paced": (("--shape", "paced", "--rate", args.rate), int(args.rate * args.seconds)),
        }
        result.update((name, rounds(args, *shapes[name], certificates)) for name in shapes if name in args.only)
        if args.json:
            print(json.dumps(result, indent=1), file=args.stdout)


if __name__ == "__main__":
    main()
