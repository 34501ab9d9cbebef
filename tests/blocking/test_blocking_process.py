"""What only a process of its own can show: its end, Ctrl-C, forks, threads, and what is imported and installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs_posix = pytest.mark.skipif(os.name != "posix", reason="it is about signals and forks of POSIX")
AT_MOST = 60.0  # seconds: a shared machine is slow at times; what hangs, hangs for good
_WARNINGS = "error,ignore:Passing pyOpenSSL:DeprecationWarning"  # Twisted's own server side does this


def program(text: str, *more: str, cwd: object = ROOT) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": _WARNINGS}
    return subprocess.Popen(
        [sys.executable, *more, *(("-c", text) if text else ())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        cwd=str(cwd),
    )


@pytest.fixture
def running() -> Iterator[list[subprocess.Popen[str]]]:
    """Programs that are killed at the end, if they live."""
    programs: list[subprocess.Popen[str]] = []
    yield programs
    for one in programs:
        if one.poll() is None:
            one.kill()
        one.communicate()


def outcome(text: str) -> tuple[int, str, str]:
    """Run a program to its end; give its status and what it wrote."""
    one = program(text)
    try:
        out, err = one.communicate(timeout=AT_MOST)
    except subprocess.TimeoutExpired:
        one.kill()
        out, err = one.communicate()
        pytest.fail(f"it did not end by itself; it wrote:\n{out}\n{err}")
    return one.returncode, out, err


def read_until(one: subprocess.Popen[str], word: str) -> None:
    assert one.stdout is not None
    for line in one.stdout:
        if line.strip() == word:
            return
    pytest.fail(f"it never said {word}: {one.communicate()[1]}")


def test_importing_it_and_trading_with_it_leave_the_global_reactor_alone() -> None:
    status, out, err = outcome(
        """
import sys
import ctrader_twisted.blocking
print("twisted.internet.reactor" in sys.modules, "ctrader_twisted.sim" in sys.modules)
from ctrader_twisted.market import Lots
with ctrader_twisted.blocking.connect(simulator=True) as client:
    account = client.account(1000001)
    account.buy("EURUSD", Lots("0.1")).filled()
    with account.live.quotes("EURUSD") as quotes:
        next(quotes)
print("twisted.internet.reactor" in sys.modules)
from twisted.python import threadable
print(threadable.ioThread)
from twisted.internet import asyncioreactor
asyncioreactor.install()
print("installed")
"""
    )
    assert (status, out, err) == (0, "False False\nFalse\nNone\ninstalled\n", "")


@pytest.mark.parametrize(
    "ending",
    ["", "sys.exit(0)", "client.close()", "del client, account", "client.close(); client.close()"],
    ids=["falling off", "exit", "closed", "forgotten", "closed twice"],
)
def test_a_program_ends_whether_it_closes_or_not(ending: str) -> None:
    status, out, err = outcome(
        f"""
import sys
from ctrader_twisted.blocking import connect
client = connect(simulator=True)
account = client.account(1000001)
print(account.balance)
{ending}
"""
    )
    assert (status, out, err) == (0, "10000.00\n", "")


@pytest.mark.slow
def test_what_is_left_open_is_closed_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "venue.toml"
    file.write_text('[simulator]\nstart = 2026-03-03T09:00:00Z\nstate = "venue.json"\n')
    begin = f"""
from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots
client = connect({str(file)!r})
account = client.account(1000001)
"""
    assert outcome(f'{begin}account.buy("EURUSD", Lots("0.1")).filled()') == (0, "", "")
    # A venue saves what happened when it is closed.
    assert outcome(f"{begin}print(len(account.positions))") == (0, "1\n", "")


def test_an_exception_ends_a_program_as_it_does_without_us() -> None:
    status, out, err = outcome(
        """
from ctrader_twisted.blocking import connect
client = connect(simulator=True)
client.account(7)
"""
    )
    assert status == 1
    assert out == ""
    assert 'File "<string>", line 4, in <module>' in err  # the user's own line
    assert err.splitlines()[-1].startswith("ctrader_twisted.errors.GrantRefused: ")
    assert err.count("Traceback") == 1
    assert "reactor" not in err  # nothing of the inside


def test_a_program_with_a_listener_that_never_returns_ends() -> None:
    status, out, err = outcome(
        """
import threading
from ctrader_twisted.blocking import connect, timeout
from ctrader_twisted.account import BalanceChanged, PositionOpened
from ctrader_twisted.market import Lots
called = threading.Event()
def stuck(event):
    called.set()
    threading.Event().wait()
client = connect(simulator=True)
account = client.account(1000001)
account.on(PositionOpened, stuck)
account.buy("EURUSD", Lots("0.1")).filled()
called.wait(60)
print(account.positions[next(iter(account.positions))].volume)
"""
    )
    assert (status, out, err) == (0, "1000000\n", "")


@needs_posix
def test_ctrl_c_amid_a_wait_is_a_keyboard_interrupt_at_once(running: list[subprocess.Popen[str]]) -> None:
    one = program(
        """
import time
from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots, Price
client = connect(simulator=True)
account = client.account(1000001)
order = account.limit("buy", "EURUSD", Lots("0.1"), Price("0.5"))
order.accepted()
try:
    print("waits", flush=True)
    order.filled()
except KeyboardInterrupt:
    print("interrupted", order.state.value, len(account.pending))
order.cancel()
print(len(account.pending))
client.close()
"""
    )
    running.append(one)
    read_until(one, "waits")
    time.sleep(0.2)  # the wait begins
    began = time.monotonic()
    one.send_signal(signal.SIGINT)
    out, err = one.communicate(timeout=AT_MOST)
    assert (one.returncode, out, err) == (0, "interrupted accepted 1\n0\n", "")
    assert time.monotonic() - began < 10  # of what would have been 60 s


@needs_posix
def test_ctrl_c_that_nobody_catches_ends_a_script_as_ever(running: list[subprocess.Popen[str]]) -> None:
    one = program(
        """
from ctrader_twisted.blocking import connect
client = connect(simulator=True)
from ctrader_twisted import Resynchronised
with client.events(Resynchronised) as nothing:
    print("waits", flush=True)
    for event in nothing:
        pass
"""
    )
    running.append(one)
    read_until(one, "waits")
    time.sleep(0.2)
    one.send_signal(signal.SIGINT)
    out, err = one.communicate(timeout=AT_MOST)
    assert one.returncode == -signal.SIGINT
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert err.count("Traceback") == 1


@pytest.mark.slow
@needs_posix
def test_ctrl_c_in_a_repl_leaves_the_session_usable(running: list[subprocess.Popen[str]]) -> None:
    one = program("", "-i", "-q")
    running.append(one)
    assert one.stdin is not None

    def typed(line: str) -> None:
        assert one.stdin is not None
        one.stdin.write(line + "\n")
        one.stdin.flush()

    typed("from ctrader_twisted.blocking import connect")
    typed("from ctrader_twisted import Resynchronised")
    typed("client = connect(simulator=True); account = client.account(1000001); print('ready')")
    read_until(one, "ready")
    typed("print('waits'); next(client.events(Resynchronised))")
    read_until(one, "waits")
    time.sleep(0.3)
    one.send_signal(signal.SIGINT)
    typed("print(account.balance)")
    typed("print(client.version().version[:1])")
    typed("exit()")
    out, err = one.communicate(timeout=AT_MOST)
    assert out.split()[0] == "10000.00"
    assert len(out.split()) == 2
    assert "KeyboardInterrupt" in err
    assert err.count("Traceback") == 1
    assert one.returncode == 0


@needs_posix
def test_a_child_process_is_told_to_connect_anew_and_can() -> None:
    status, out, err = outcome(
        """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, forking beside threads
from ctrader_twisted.blocking import connect, thread
from ctrader_twisted.errors import CannotWait
client = connect(simulator=True)
account = client.account(1000001)
quotes = account.live.quotes("EURUSD")
held, go = threading.Event(), threading.Event()
def connecting():  # as another thread may at this moment
    with thread._process.lock, client._link._callbacks._news:
        held.set()
        go.wait()
threading.Thread(target=connecting).start()
held.wait()
child = os.fork()
go.set()
if child == 0:
    try:
        account.balance
    except CannotWait as error:
        print("child:", error, flush=True)
    repr(account)
    with client, quotes:  # leaving it is no error, which would hide what is raised inside
        pass
    with connect(simulator=True) as another:
        print("child:", another.account(1000001).balance, flush=True)
    sys.exit(3)
print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print("parent:", account.balance, account.check())
next(quotes)
client.close()
"""
    )
    assert err == ""
    assert status == 0
    said = out.splitlines()
    assert said[0].startswith("child: reading Account: it was connected before this process was forked off")
    assert said[1:3] == ["child: 10000.00", "status 3"]
    assert said[3].startswith("parent: 10000.00")


@pytest.mark.slow
def test_eight_threads_ask_at_once() -> None:
    status, out, err = outcome(
        """
from concurrent.futures import ThreadPoolExecutor
from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots
with connect(simulator=True) as client:
    account = client.account(1000001)
    def ask(number):
        orders = [account.buy("EURUSD", Lots("0.01"), label=f"{number}.{n}").filled() for n in range(3)]
        return [account.positions[order.position_id].label for order in orders], account.symbol("EURUSD").name
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert answers == [([f"{number}.{n}" for n in range(3)], "EURUSD") for number in range(8)], answers
    print(len(account.positions))
    account.flatten()
    print(len(account.positions))
"""
    )
    assert err == "account 1000001 is halted: flatten was called\n"
    assert status == 0
    assert out == "24\n0\n"


def test_it_works_inside_of_a_running_asyncio_loop_as_in_a_notebook() -> None:
    status, out, err = outcome(
        """
import asyncio
from ctrader_twisted.blocking import connect
async def cell():
    for _ in range(2):
        with connect(simulator=True) as client:
            print(client.account(1000001).balance)
        await asyncio.sleep(0)
asyncio.run(cell())
"""
    )
    assert (status, out, err) == (0, "10000.00\n10000.00\n", "")


@pytest.mark.slow
def test_a_server_that_says_nothing_costs_what_was_allowed_and_no_more() -> None:
    status, out, err = outcome(
        """
import socket, time
from ctrader_twisted import Environment
from ctrader_twisted.blocking import connect
from ctrader_twisted.errors import NotReadyInTime
listening = socket.create_server(("127.0.0.1", 0))
hung = Environment("hung", "127.0.0.1", listening.getsockname()[1])
began = time.monotonic()
try:
    connect(environment=hung, client_id="a", client_secret="b", access_token="c", timeout=1)
except TimeoutError as error:
    print(isinstance(error, NotReadyInTime), time.monotonic() - began < 8, error)
listening.close()
"""
    )
    assert err == ""
    assert status == 0
    assert out.startswith("True True hung (127.0.0.1:")
    assert "not ready within 1 s" in out


@pytest.mark.slow
@needs_posix
def test_a_server_that_hangs_amid_a_session_holds_up_neither_a_call_nor_the_end(
    running: list[subprocess.Popen[str]],
) -> None:
    venue = program(
        """
from ctrader_twisted.blocking import connect
client = connect(simulator=True)
where = client.environment
print(where.port, repr(where.trust_root), flush=True)
input()
"""
    )
    running.append(venue)
    assert venue.stdout is not None
    port, trust_root = venue.stdout.readline().split(" ", 1)
    one = program(
        f"""
import time
from ctrader_twisted import Environment
from ctrader_twisted.blocking import connect, timeout
from ctrader_twisted.errors import AnswerTimeout, CallTimeout
from ctrader_twisted.sim.accounts import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET
where = Environment("simulator", "127.0.0.1", {port}, {trust_root.strip()})
client = connect(environment=where, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, access_token=ACCESS_TOKEN)
account = client.account(1000001)
print("ready", flush=True)
input()
for call in (client.version, account.check):
    began = time.monotonic()
    try:
        with timeout(0.5):
            call()
    except TimeoutError as error:
        print(type(error).__name__, time.monotonic() - began < 10)
"""
    )
    running.append(one)
    read_until(one, "ready")
    venue.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, venue.pid, os.WSTOPPED | os.WNOWAIT)  # until it has stopped
    began = time.monotonic()
    out, err = one.communicate("\n", timeout=AT_MOST)
    assert (one.returncode, out, err) == (0, "AnswerTimeout True\nCallTimeout True\n", "")
    assert time.monotonic() - began < 30
    venue.send_signal(signal.SIGCONT)
    venue.communicate("\n", timeout=AT_MOST)
    assert venue.returncode == 0
