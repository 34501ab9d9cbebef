"""The measured process that fetches pages of history, ``bars`` or ``ticks``, one way: one run, one line of JSON.

* ``columns``: our client, from the call to a table, as `ctrader_twisted.account.Account.bars` does it.
* ``messages``: our client, the answer parsed and read by attribute into a list of tuples.
* ``attributes``: a blocking socket, likewise.
* ``parse``: a blocking socket, the answer parsed and nothing read.

What came is added up and held to what was sent, outside of the time.
"""

from __future__ import annotations

import json
import os
import time
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import probe
import said
from said import ACCOUNT, BARS, FIRST_MINUTE, LAST_TICK, TICKS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Columns = dict[str, list[int]]

MINUTE = 60_000
FIRST, LAST = {"bars": FIRST_MINUTE * MINUTE, "ticks": LAST_TICK - 6 * 86_400_000}, LAST_TICK + 1
NUMBERS = {"bars": 2137, "ticks": 2145}


def expected(what: str) -> dict[str, int]:
    """Give what the columns add up to."""
    if what == "ticks":
        rows = [said.tick_values(index) for index in range(TICKS)]
        return {"time": sum(at for at, _ in rows), "price": sum(price for _, price in rows)}
    bars = [said.bar_values(index) for index in range(BARS)]
    return {
        "time": sum(minute for *_, minute in bars) * MINUTE,
        "open": sum(low + above for _, low, above, _, _, _ in bars),
        "high": sum(low + above for _, low, _, _, above, _ in bars),
        "low": sum(low for _, low, *_ in bars),
        "close": sum(low + above for _, low, _, above, _, _ in bars),
        "ticks": sum(volume for volume, *_ in bars),
    }


def by_attribute(what: str, answer: Any) -> list[tuple[int, ...]]:
    """Read an answer as everybody does."""
    if what == "bars":
        return [
            (
                bar.utcTimestampInMinutes * MINUTE,
                bar.low + bar.deltaOpen,
                bar.low + bar.deltaHigh,
                bar.low,
                bar.low + bar.deltaClose,
                bar.volume,
            )
            for bar in answer.trendbar
        ]
    times = accumulate(tick.timestamp for tick in answer.tickData)
    return list(zip(times, accumulate(tick.tick for tick in answer.tickData), strict=True))


def check(what: str, result: Any) -> None:
    """Hold what came to what was sent."""
    sums = expected(what)
    if isinstance(result, list):
        got = dict(zip(sums, map(sum, zip(*result, strict=True)), strict=True))
    else:
        got = {name: int(column.sum()) for name, column in result.columns.items()}
    if got != sums:
        raise AssertionError(f"{got} is not {sums}")


def fields(what: str) -> dict[str, Any]:
    """Give the fields of the request."""
    common = {"ctidTraderAccountId": ACCOUNT, "symbolId": 1, "fromTimestamp": FIRST[what], "toTimestamp": LAST - 1}
    return {**common, **({"period": 1} if what == "bars" else {"type": 1})}


def blocking(args: argparse.Namespace, what: str, how: str) -> list[float]:
    """Ask over a blocking socket."""
    from floor import Blocking

    from ctrader_twisted.messages import ProtoOAGetTickDataRes, ProtoOAGetTrendbarsRes

    socket = Blocking(args)
    socket.ask(2100, clientId="id", clientSecret="secret")
    socket.ask(2102, ctidTraderAccountId=ACCOUNT, accessToken="token")
    parse: Callable[[bytes], Any] = (ProtoOAGetTrendbarsRes if what == "bars" else ProtoOAGetTickDataRes).FromString
    times = []
    for _ in range(args.pages):
        began = time.perf_counter()
        answer = parse(socket.ask(NUMBERS[what], **fields(what)))
        if how == "attributes":
            rows = by_attribute(what, answer)
        times.append((time.perf_counter() - began) * 1e3)
        check(what, rows if how == "attributes" else by_attribute(what, answer))
    return times


async def client(reactor: Any, args: argparse.Namespace, what: str, how: str, times: list[float]) -> None:
    """Ask through our client, without limits."""
    from twisted.internet.defer import succeed

    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.history.fetching import Fetching
    from ctrader_twisted.history.paging import Subject
    from ctrader_twisted.history.series import Series
    from ctrader_twisted.history.sources import BarPages, TickPages
    from ctrader_twisted.session.pacing import Limits
    from ctrader_twisted.settings import Settings

    environment = Environment("sender", "localhost", args.port, trust_root=Path(args.trust_root).read_bytes())
    settings = Settings(limits=Limits(general=None, historical=None))
    ours = OpenApiClient(reactor, Application("id", "secret"), environment, settings=settings).start()
    await ours.when_ready()
    await ours.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="token")
    subject = Subject(ACCOUNT, 1, "EURUSD", 5)
    fetching = Fetching(
        lambda message, timeout: ours.request_unread(message, timeout=timeout), lambda: succeed(None), reactor
    )

    def series() -> Any:
        arguments: tuple[Any, ...] = (lambda: succeed(subject), fetching, FIRST[what], LAST, lambda: LAST + 10**9)
        return Series(BarPages(*arguments, period="M1") if what == "bars" else TickPages(*arguments, side=1))

    ask = ours.get_trendbars if what == "bars" else ours.get_tick_data
    for _ in range(args.pages):
        began = time.perf_counter()
        if how == "columns":
            result = await series().whole()
        else:
            result = by_attribute(what, await ask(**fields(what)))
        times.append((time.perf_counter() - began) * 1e3)
        check(what, result)
    await ours.close()


def main() -> None:
    """Do one run."""
    parser = probe.arguments(__doc__, "bars", "ticks")
    parser.add_argument("--how", choices=("columns", "messages", "attributes", "parse"), required=True)
    parser.add_argument("--pages", type=int, default=30)
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    times: list[float] = []
    if args.how in ("attributes", "parse"):
        times = blocking(args, args.what, args.how)
    else:
        from twisted.internet import reactor
        from twisted.internet.defer import ensureDeferred

        failures: list[Any] = []
        done = ensureDeferred(client(reactor, args, args.what, args.how, times))
        done.addErrback(failures.append)
        done.addBoth(lambda _: reactor.stop())  # type: ignore[attr-defined]
        reactor.run()  # type: ignore[attr-defined]
        if failures:
            failures[0].raiseException()
    print(json.dumps({"ms": probe.percentile(times, 0.5), "best": min(times), "peak": probe.peak() / 1e6}), flush=True)


if __name__ == "__main__":
    main()
