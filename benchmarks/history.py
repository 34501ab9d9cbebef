"""How quickly a page of history becomes columns: 14,000 bars and 20,000 ticks, over TLS on loopback.

A server in another process answers with bytes encoded beforehand; times run from the call to what the user holds.

* our client, from the call to a table of columns;
* our client, the message read attribute by attribute into a list of tuples;
* a blocking Python socket with the same messages: likewise, and the bare parse, of which nothing is read;
* without a network: the same payload into columns, by attribute, and parsed only.

    python benchmarks/history.py --rounds 7

`docs/performance.md` says how the figures are made and what they were.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import rig
import said
from client_history import by_attribute

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTS = {"bars": said.BARS, "ticks": said.TICKS}
WAYS = {
    "columns": f"{rig.OURS}: a table of columns",
    "messages": f"{rig.OURS}: messages, by attribute",
    "attributes": f"{rig.BLOCKING}: by attribute",
    "parse": f"{rig.BLOCKING}: bare parse",
}


def fetched(args: argparse.Namespace, certificates: tuple[str, str], what: str) -> dict[str, Any]:
    """Measure from the request on."""
    trust, certificate = certificates
    with rig.Sender(certificate, "--history") as server:
        common = (what, "--port", server.port, "--trust-root", trust, "--pages", args.pages)
        series = {
            how: rig.Series(label, partial(rig.child, rig.sys.executable, "client_history.py", *common, "--how", how))
            for how, label in WAYS.items()
        }
        rounds = rig.Rounds(list(series.values())).go(args.rounds, rig.note)
    ours = series["columns"]
    rows, result = [], {}
    for each in rounds.series:
        took, best, peak = (rounds.median(each, key) for key in ("ms", "best", "peak"))
        ratio = rounds.ratio(each, ours, "ms")
        result[each.label] = {"ms": took, "best_ms": best, "peak_mb": peak, "times_ours": ratio}
        beside = rig.times(ratio, each is ours)
        rows.append([each.label, f"{took:.1f}", f"{best:.1f}", beside, f"{peak:.0f}", rounds.count(each)])
    rig.table(
        f"{COUNTS[what]:,} {what} over TLS, from the request on: median of {args.pages} pages",
        ["", "ms", "best", "× ours", "peak MB", "quiet runs"],
        rows,
    )
    return result


def decoded(args: argparse.Namespace, what: str) -> dict[str, Any]:
    """Measure the reading alone."""
    from ctrader_twisted.market.columns import read_bars, read_ticks
    from ctrader_twisted.messages import ProtoOAGetTickDataRes, ProtoOAGetTrendbarsRes

    payload = said.bar_page() if what == "bars" else said.tick_page()
    cls = ProtoOAGetTrendbarsRes if what == "bars" else ProtoOAGetTickDataRes
    read: Callable[[bytes], Any] = read_bars if what == "bars" else read_ticks
    ways: dict[str, Callable[[], Any]] = {
        "columns straight from the bytes": lambda: read(payload),
        "upb, by attribute": lambda: by_attribute(what, cls.FromString(payload)),
        "upb, bare parse": lambda: cls.FromString(payload),
    }

    def run(way: Callable[[], Any]) -> dict[str, Any]:
        times = []
        for _ in range(args.pages):
            began = time.perf_counter()
            way()
            times.append(time.perf_counter() - began)
        return {"ns": sorted(times)[len(times) // 2] / COUNTS[what] * 1e9}

    rounds = rig.Rounds([rig.Series(label, partial(run, way)) for label, way in ways.items()]).go(args.rounds, rig.note)
    ours = rounds.series[0]
    rows, result = [], {}
    for each in rounds.series:
        took, ratio = rounds.median(each, "ns"), rounds.ratio(each, ours, "ns")
        result[each.label] = {"ns": took, "times_ours": ratio}
        rows.append([each.label, f"{took:.0f}", rig.times(ratio, each is ours), rounds.count(each)])
    rig.table(f"{COUNTS[what]:,} {what}, reading alone", ["", "ns each", "× ours", "quiet runs"], rows)
    return result


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=30, help="pages in a run (30)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn (5)")
    rig.add_arguments(parser, *COUNTS)
    args = parser.parse_args()
    if args.wire != "protobuf":
        parser.error("history is measured over protobuf and TCP: what it is read from is the same over every wire")
    with rig.settled(args), rig.authority() as certificates:
        result: dict[str, Any] = {"machine": rig.machine(args.wire), "pages": args.pages, "rounds": args.rounds}
        rig.say(result["machine"])
        for what in args.only:
            result[what] = {"fetched": fetched(args, certificates, what)}
            rig.pin(rig.CLIENT_CORE)
            result[what]["decoded"] = decoded(args, what)
        if args.json:
            print(json.dumps(result, indent=1), file=args.stdout)


if __name__ == "__main__":
    main()
