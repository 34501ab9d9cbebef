"""``twistd ctrader`` with ``[[recording]]`` as a process that is killed, again and again, while a venue goes on.

The venue is a process of its own whose prices follow from its seed, so what should have been recorded is known here.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.recording import holes
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.modelled import ModelFeed
from tests.recording.recordings import IDS, bars, quotes, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--nodaemon", "--pidfile="]
SYMBOLS = ("BTCUSD", "ETHUSD")  # which trade at weekends, too
SEED = 5
MINUTE = 60_000

VENUE = """
[simulator]
seed = 5
trust_root = "ca.pem"
[simulator.options]
catch_up = 60
"""
DEPOSITS = [2.0 + 2.0 * number for number in range(20)]

DAEMON = """
[application]
client_id = "sim-client-id"
client_secret = "sim-client-secret"
[environment.lab]
host = "127.0.0.1"
port = {port}
trust_root = "ca.pem"
live = false
[[account]]
id = 1000001
environment = "lab"
access_token = "sim-access-token"
symbols = ["BTCUSD", "ETHUSD"]
bars = ["M1"]
[[recording]]
path = "market"
format = "{form}"
flush_seconds = 1
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    spawned: list[subprocess.Popen[bytes]] = []

    def spawn(*arguments: str) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CTRADER_")}
        environ = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen([*TWISTD, *arguments], cwd=tmp_path, env=environ, stdout=log, stderr=log)
        spawned.append(process)
        return process

    yield spawn
    for process in spawned:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(condition: Callable[[], object], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.02)


def expected_quotes(symbol: str, first: int, last: int) -> list[tuple[int, float, float]]:
    feed, found, at = ModelFeed(SEED), [], first - 1
    while (tick := feed.next_tick(IDS[symbol], at)) is not None and tick.timestamp_ms <= last:
        at = tick.timestamp_ms
        found.append((at, tick.bid / 100_000, tick.ask / 100_000))
    return found


def expected_bars(symbol: str, first: int, last: int) -> list[tuple[Any, ...]]:
    found, _ = ModelFeed(SEED).bars_back(IDS[symbol], Period.M1, first, last, 1000, now_ms=last + MINUTE)
    return [(one.open_ms, *(price / 100_000 for price in one[1:5]), one.volume) for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", pytest.param("sqlite", marks=pytest.mark.soak)])
def test_killed_again_and_again_nothing_is_missing_and_nothing_doubled(
    tmp_path: Path, form: str, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    deposits = "".join(
        f'[[simulator.script]]\nat = {at}\naction = "deposit"\namount = 1\naccount_id = 1000001\n' for at in DEPOSITS
    )
    (tmp_path / "venue.toml").write_text(VENUE + deposits, "utf-8")
    log, market = tmp_path / "venue.log", tmp_path / "market"
    spawn("--logfile=venue.log", "ctrader-sim", "--config", "venue.toml")
    wait_for(lambda: log.exists() and "The venue listens on" in log.read_text("utf-8"), "venue")
    found = re.search(r"The venue listens on 127\.0\.0\.1:(\d+)", log.read_text("utf-8"))
    assert found is not None
    daemon = tmp_path / "daemon.toml"
    daemon.write_text(DAEMON.format(port=found[1], form=form), "utf-8")
    daemon.chmod(0o600)
    chance = random.Random(form)
    for _ in range(2):
        before = files(market)
        process = spawn("ctrader", "--config", "daemon.toml")
        wait_for(lambda: process.poll() is not None or files(market) != before, "rows")  # noqa: B023
        time.sleep(chance.uniform(1.5, 4.0))
        assert process.poll() is None, said(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        check(market)
        time.sleep(chance.uniform(0, 1.0))
    until = max((end for _, end in covered(market, form)), default=0)
    process = spawn("ctrader", "--config", "daemon.toml")

    def whole() -> bool:
        """Whether this one has found everything from the first event on."""
        spans = covered(market, form)
        # What changed the balance before there was a recorder comes with the hole after it, and is not covered.
        told = (at for at, source in rows(market, "account_events", "time, source") if source == "live")
        begun = min(told, default=0)
        return len(spans) == 1 and spans[0][0] <= begun and spans[0][1] > until and not holes(market)

    wait_for(lambda: process.poll() is not None or whole(), "whole recording")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == -signal.SIGTERM, said(tmp_path)  # which is how twistd ends then
    assert holes(market) == [], said(tmp_path)
    check(market)
    sources = {source for symbol in SYMBOLS for (source,) in quotes(market, symbol, "source")}
    assert sources == {"live", "history"}
    for symbol in SYMBOLS:
        found_quotes = quotes(market, symbol)
        assert found_quotes == expected_quotes(symbol, found_quotes[0][0], found_quotes[-1][0])
        found_bars = bars(market, symbol)
        assert not found_bars or found_bars == expected_bars(symbol, found_bars[0][0], found_bars[-1][0])
    told = [(key, json.loads(document)) for document, key in rows(market, "account_events", "document, key") if key]
    balances = sorted(float(one["balance_change"]["balance"]) for _, one in told)
    assert len(balances) == len({key for key, _ in told}), "none is doubled"
    assert balances == [balances[0] + number for number in range(len(balances))], "and none between them is missing"
    assert len(balances) > 3


def covered(market: Path, form: str) -> list[tuple[int, int]]:
    """Give what is covered of account events."""
    return store_at(market, form).covered("lab", 1_000_001).get("account", [])


def said(folder: Path) -> str:
    return (folder / "log").read_text("utf-8")


def files(market: Path) -> dict[str, int]:
    """Give what there is, and how large it is, while it may be changing."""
    found = {}
    for path in market.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and not path.name.startswith("."):
                found[str(path)] = path.stat().st_size
    return found


def check(market: Path) -> None:
    """Whatever is there can be read and is true; only that something is missing may be."""
    for symbol in SYMBOLS:
        found = quotes(market, symbol)
        if found:
            there = set(expected_quotes(symbol, found[0][0], found[-1][0]))
            assert len(set(found)) == len(found) and there.issuperset(found), symbol
