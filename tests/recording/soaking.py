"""Run as a program: a recorder through a day with hundreds of symbols, in simulated time; it tells what that took.

The client is left out, and who stands in for it says that everything is subscribed to: the venue would take an hour for
so many ticks, and what is measured is what the recorder adds. Nothing waits for the disk either.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from twisted.internet.defer import execute

from ctrader_twisted.documents import iso_ms
from ctrader_twisted.documents.symbols import Symbols
from ctrader_twisted.market import SpotColumns
from ctrader_twisted.messages import ProtoOALightSymbol, ProtoOASymbol
from ctrader_twisted.recording import MarketRecorder, holes
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.session.machine import AccountState
from ctrader_twisted.sim.clock import VirtualClock

ACCOUNT = 7
SYMBOLS = 200
EVENTS = 100
"""A second, of all symbols: 43,200 a day of each."""
BEGINS = 1_772_582_400_000 + 12 * 3_600_000  # 2026-03-04 at noon: a midnight is on the way
FLUSH_SECONDS = 60


class Client:
    """Says what a client says of an account that stands and whose subscriptions do."""

    environment = SimpleNamespace(name="demo")

    def __init__(self) -> None:
        self.listeners: dict[str, Any] = {}
        self._standing = [
            SimpleNamespace(kind=kind, symbol_id=number, period=period)
            for number in range(1, SYMBOLS + 1)
            for kind, period in (("spots", None), ("trendbars", 1))
        ]

    def on(self, cls: type, listener: Any) -> None:
        self.listeners[cls.__name__] = listener

    def off(self, cls: type, listener: Any) -> None:
        del self.listeners[cls.__name__]

    def account_state(self, account_id: int) -> AccountState:
        return AccountState.AUTHORISED

    def subscriptions(self, account_id: int) -> list[Any]:
        return self._standing


def resident(line: str = "VmRSS") -> int:
    """Give how much memory the process has, or had at most (VmHWM), in bytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(told.split()[1]) * 1024 for told in status.splitlines() if told.startswith(line))


def spots(chance: np.random.Generator, standing: Any, now: int) -> SpotColumns:
    """Make the events of a second: of any symbols, one side each."""
    symbol = chance.integers(1, SYMBOLS + 1, EVENTS)
    standing[symbol] += chance.integers(-3, 4, EVENTS)
    side = chance.integers(0, 2, EVENTS).astype(bool)
    bid, ask = np.where(side, standing[symbol], -1), np.where(side, -1, standing[symbol] + 2)
    return SpotColumns(
        np.full(EVENTS, ACCOUNT),
        symbol,
        bid,
        ask,
        np.full(EVENTS, -1),
        now - 1040 + np.sort(chance.integers(0, 1000, EVENTS)),
    )


def recorder_of(clock: VirtualClock, client: Any, folder: Path, form: str) -> MarketRecorder:
    names = {number: f"SYMBOL{number}" for number in range(1, SYMBOLS + 1)}
    symbols = Symbols()
    symbols.learn_names(ProtoOALightSymbol(symbolId=number, symbolName=name) for number, name in names.items())
    symbols.learn_details(ProtoOASymbol(symbolId=number, digits=5, pipPosition=4) for number in names)
    recorder = MarketRecorder(
        clock,
        store_at(folder, form),
        flush_seconds=FLUSH_SECONDS,
        refill_days=0,
        in_thread=execute,  # type: ignore[arg-type]
    )
    recorder.startService()
    recorder.follow(client, ACCOUNT, symbols, names.values(), dict.fromkeys(names.values(), ["M1"]))
    return recorder


def minute(recorder: MarketRecorder, opened: int) -> None:
    """A minute is over: a bar of each symbol, and a deal."""
    prices = {"open": "1.1", "high": "1.2", "low": "1.0", "close": "1.15", "ticks": 30}
    for number in range(1, SYMBOLS + 1):
        bar = {"symbol": f"SYMBOL{number}", "period": "M1", "opened": iso_ms(opened), **prices}
        recorder.take("bar", "demo", ACCOUNT, bar)
    deal = {"event": "execution", "deal": {"id": opened // 60_000}, "note": "x" * 1000}
    recorder.take("execution", "demo", ACCOUNT, deal)


def soak(form: str, folder: Path, hours: int) -> dict[str, Any]:
    """Record for so many hours; give figures. Memory is looked at before, after an hour, and at its highest."""
    os.fsync = lambda _: None  # type: ignore[assignment]
    clock, client, chance = VirtualClock(), Client(), np.random.default_rng(1)
    clock.rightNow = BEGINS / 1000
    recorder = recorder_of(clock, client, folder, form)
    told = client.listeners["SpotColumns"]
    standing = np.full(SYMBOLS + 1, 110_000)
    every = np.arange(1, SYMBOLS + 1)
    whole = np.full(SYMBOLS, ACCOUNT), every, standing[1:].copy(), standing[1:] + 2, np.full(SYMBOLS, -1)
    told(SpotColumns(*whole, np.full(SYMBOLS, BEGINS - 100)))
    begins = resident()
    most_files, first_hour, began, made = 0, 0, time.process_time(), 0.0
    for second in range(1, hours * 3600 + 1):
        now = BEGINS + second * 1000
        clock.go_to(now / 1000)
        at = time.process_time()
        columns = spots(chance, standing, now)
        made += time.process_time() - at
        told(columns)
        if second % 60 == 0:
            minute(recorder, now - 60_000)
        if second % 600 == 0:
            files = [path.parent for path in folder.rglob("*.parquet")]
            most_files = max([most_files, *map(files.count, set(files))])
        if second == 3600:
            first_hour = resident()
    clock.go_to(clock.seconds())
    recorder.stopService()
    took = time.process_time() - began - made
    rows, streams = recorder.written, store_at(folder, form).covered("demo", ACCOUNT)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        "rows": rows,
        "dropped": recorder.dropped,
        "holes": len(holes(folder)),
        "whole": sum(len(spans) == 1 for spans in streams.values()),
        "begins": begins,
        "after_an_hour": first_hour,
        "peak": resident("VmHWM"),
        "cpu_us_a_row": took / rows * 1e6,
        "bytes_a_row": sum(path.stat().st_size for path in files) / rows,
        "most_files": most_files,
        "files": sorted(str(path.relative_to(folder)) for path in files),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(soak(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
