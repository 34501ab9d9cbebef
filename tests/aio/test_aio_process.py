"""Programs of their own: what importing and trading leaves alone, and the Deferred API under asyncioreactor."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

AT_MOST = 60.0  # seconds: a shared machine is slow at times; what hangs, hangs for good
_WARNINGS = "error,ignore:Passing pyOpenSSL:DeprecationWarning"  # Twisted's own server side does this


def outcome(text: str, *arguments: str) -> str:
    """Run a program to its end, which has to be a good one without warnings; give what it wrote."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": _WARNINGS}
    ran = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        capture_output=True,
        text=True,
        env=environ,
        timeout=AT_MOST,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.fixture(params=["asyncio", "uvloop"])
def loops(request: pytest.FixtureRequest) -> str:
    if request.param == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
    return str(request.param)


def test_importing_it_and_trading_with_it_leave_the_global_reactor_and_signals_alone(loops: str) -> None:
    said = outcome(
        """
import asyncio, signal, sys
before = {each: signal.getsignal(each) for each in signal.valid_signals()}
from ctrader_twisted.aio import connect
print("twisted.internet.reactor" in sys.modules, "ctrader_twisted.sim" in sys.modules)
from ctrader_twisted.market import Lots

async def main():
    async with connect(simulator=True) as client:
        account = await client.account(1000001)
        await account.buy("EURUSD", Lots("0.1")).filled()
        async with account.live.quotes("EURUSD") as quotes:
            await anext(quotes)
        now = {each: signal.getsignal(each) for each in signal.valid_signals()}
        print([each for each in now if now[each] != before[each] and each != signal.SIGINT])

new_loop = __import__(sys.argv[1]).new_event_loop
for _ in range(2):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
print("twisted.internet.reactor" in sys.modules)
""",
        loops,
    )
    assert said.split("\n") == ["False False", "[]", "[]", "False", ""]


def test_ctrl_c_ends_the_program_as_asyncio_does_and_closes_the_client(loops: str) -> None:
    said = outcome(
        """
import asyncio, os, signal, sys
from ctrader_twisted.aio import connect

async def main():
    async with connect(simulator=True) as client:
        account = await client.account(1000001)
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
        try:
            async with account.live.quotes("EURUSD") as quotes:
                async for quote in quotes:
                    pass
        except asyncio.CancelledError:
            print("cancelled")
            raise
        finally:
            kept.append(client)

kept = []
try:
    with asyncio.Runner(loop_factory=__import__(sys.argv[1]).new_event_loop) as runner:
        runner.run(main())
except KeyboardInterrupt:
    print("interrupted", kept[0].state.name)
""",
        loops,
    )
    assert said.split("\n") == ["cancelled", "interrupted CLOSED", ""]


def test_a_program_that_forgets_its_client_ends_whatever_its_threads_wait_for(loops: str) -> None:
    said = outcome(
        """
import asyncio, sys, threading, time
from ctrader_twisted.aio import connect

async def main():
    client = await connect(simulator=True)
    kept.append(client)
    reactor = client._link._reactor  # looks up names in threads
    reactor.callInThread(ran.set)
    reactor.callInThread(time.sleep, 3600)  # a name server that does not answer
    while not ran.is_set():
        await asyncio.sleep(0.01)

ran = threading.Event()
kept = []
with asyncio.Runner(loop_factory=__import__(sys.argv[1]).new_event_loop) as runner:
    runner.run(main())
print(kept[0].state.name)
""",
        loops,
    )
    assert said.split("\n") == ["READY", ""]


def test_the_deferred_api_under_an_installed_reactor_is_awaited_and_iterated_in_asyncio(loops: str) -> None:
    said = outcome(
        """
import asyncio, sys
from twisted.internet import asyncioreactor

loop = __import__(sys.argv[1]).new_event_loop()
asyncioreactor.install(loop)

from twisted.internet import reactor
from ctrader_twisted import OpenApiClient
from ctrader_twisted.aio import future, iterate
from ctrader_twisted.credentials import Application, Environment
from ctrader_twisted.errors import UnknownSymbol
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent
from ctrader_twisted.sim.config import Settings
from ctrader_twisted.sim.service import VenueService
from ctrader_twisted.sim.venue import DEFAULT_START

async def main():
    venue = VenueService(reactor, Settings("here", start=DEFAULT_START))
    venue.startService()
    known = next(iter(venue.venue.registry.applications.values()))
    token = venue.venue.registry.grants[0].access_token
    there = Environment("here", "127.0.0.1", venue.port, venue.trust_root_pem.encode("ascii"))
    client = OpenApiClient(reactor, Application(known.client_id, known.client_secret), there)
    await future(client.when_ready(20))
    account = await future(client.account(1000001).ready(token))
    events = client.events(ProtoOAExecutionEvent)
    order = await future(account.buy("EURUSD", Lots("0.1")).filled())
    print(order.state.value, len(account.positions))
    feed = await future(account.live.quotes("EURUSD"))
    count = 0
    async for quote in iterate(feed):
        count += quote.bid is not None
        if count == 3:
            break
    feed.close()
    print(count, len([event async for event in iterate(feed)]) == len(feed))
    events.close()
    print([event.executionType async for event in iterate(events)])
    try:
        await future(account.symbol("NOTHING"))
    except UnknownSymbol:
        print("unknown")
    working = account.limit("buy", "EURUSD", Lots("0.1"), Price("0.5"))
    try:
        async with asyncio.timeout(0.2):
            await future(working.filled())
    except TimeoutError:
        print(working.state.value)
    await future(client.close())
    await future(venue.stopService())

def ended(task):
    reactor.stop()

reactor.callWhenRunning(lambda: tasks.append(loop.create_task(main())))
tasks = []
reactor.callWhenRunning(lambda: tasks[0].add_done_callback(ended))
reactor.run()
loop.close()
tasks[0].result()
""",
        loops,
    )
    assert said.split("\n") == ["filled 1", "3 True", "[2, 3]", "unknown", "accepted", ""]
