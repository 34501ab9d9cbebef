"""The measured process that runs our client: ``spots`` or ``requests``, one run, one line of JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import probe

if TYPE_CHECKING:
    import argparse


def _client(reactor: Any, args: argparse.Namespace) -> Any:
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.session.pacing import Limits
    from ctrader_twisted.settings import Settings

    trust_root = Path(args.trust_root).read_bytes()
    environment = Environment("sender", "localhost", args.port, trust_root=trust_root, wire=args.wire)
    settings = Settings(limits=Limits() if args.paced else Limits(general=None, historical=None))
    return OpenApiClient(reactor, Application("id", "secret"), environment, settings=settings)


async def spots(reactor: Any, args: argparse.Namespace) -> None:
    """Subscribe, and read symbolId, bid and ask of every event."""
    from said import ACCOUNT
    from twisted.internet.defer import Deferred

    from ctrader_twisted.market import LightQuote, SpotColumns
    from ctrader_twisted.messages import ProtoOASpotEvent

    grown = []
    client = _client(reactor, args)
    finished: list[Deferred[None]] = []
    cls, tally_class = {
        "messages": (ProtoOASpotEvent, probe.Tally),
        "quotes": (LightQuote, probe.QuoteTally),
        "columns": (SpotColumns, probe.ColumnTally),
        "latest": (SpotColumns, probe.ColumnTally),
    }[args.form]
    tally = tally_class(args.events, args.stamped, lambda: finished.pop().callback(None))
    if args.form == "latest":
        client.latest_quotes()
    client.on(cls, tally.spot)
    client.start()
    await client.when_ready()
    await client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="token")
    for _ in range(args.bursts):
        done: Deferred[None] = Deferred()
        finished.append(done)
        await client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=range(1, 51))
        tally.begin()
        await done
        grown.append(tally.grown)
    await client.close()
    tally.report(grown_by_burst=grown)


async def requests(reactor: Any, args: argparse.Namespace) -> None:
    """Ask for the trader: one after another, and many at once; then have the connection cut."""
    from said import ACCOUNT
    from twisted.internet.defer import Deferred, DeferredList

    from ctrader_twisted.messages import ProtoOATraderReq

    began = time.monotonic_ns()
    client = _client(reactor, args)
    client.start()
    await client.when_ready()
    ready = time.monotonic_ns() - began
    await client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="token")
    result: dict[str, Any] = {"ready": ready / 1e6}

    def checked(answer: Any) -> None:
        if answer.trader.balance != 1_000_000:
            raise AssertionError("not the answer")

    if args.sequential:
        times = []
        for _ in range(args.sequential):
            asked = time.perf_counter_ns()
            checked(await client.trader(ctidTraderAccountId=ACCOUNT))
            times.append((time.perf_counter_ns() - asked) / 1e3)
        result["p50"], result["p99"] = probe.percentile(times, 0.5), probe.percentile(times, 0.99)
    if args.pipelined:
        left_to_send = left_to_come = args.pipelined
        all_done: Deferred[None] = Deferred()

        def answered(answer: Any) -> None:
            nonlocal left_to_come
            checked(answer)
            left_to_come -= 1
            if left_to_send:
                ask()
            elif not left_to_come:
                all_done.callback(None)

        def ask() -> None:
            nonlocal left_to_send
            left_to_send -= 1
            client.request(ProtoOATraderReq(ctidTraderAccountId=ACCOUNT)).addCallbacks(answered, all_done.errback)

        cpu, asked = time.process_time(), time.perf_counter()
        for _ in range(min(args.in_flight, args.pipelined)):
            ask()
        await all_done
        took = time.perf_counter() - asked
        result["rate"] = args.pipelined / took
        result["cpu_per_request"] = (time.process_time() - cpu) / args.pipelined * 1e6
    if args.pending:
        failed_at = 0

        def failed(failure: Any) -> None:
            nonlocal failed_at
            failed_at = time.monotonic_ns()

        waiting = [client.version().addErrback(failed) for _ in range(args.pending)]
        await DeferredList(waiting)
        result["failed_at"] = failed_at
    await client.close()
    print(json.dumps(result), flush=True)


def main() -> None:
    """Do one run."""
    parser = probe.arguments(__doc__, "spots", "requests")
    parser.add_argument("--form", default="messages", choices=["messages", "quotes", "columns", "latest"])
    parser.add_argument("--paced", action="store_true", help="keep to the limits that are the default")
    parser.add_argument("--profile", metavar="FILE", help="write a cProfile there")
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    for module in probe.MODULES[args.wire]:  # before any clock runs
        importlib.import_module(module)
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.task import react

    def run(reactor: Any) -> Any:
        return ensureDeferred({"spots": spots, "requests": requests}[args.what](reactor, args))

    if args.profile:
        import cProfile

        profile = cProfile.Profile()
        try:
            profile.runcall(react, run)
        except SystemExit as end:
            profile.dump_stats(args.profile)
            sys.exit(end.code)
    react(run)


if __name__ == "__main__":
    main()
