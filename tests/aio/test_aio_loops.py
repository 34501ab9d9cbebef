"""Listeners, loops and ends: what runs where, what fails to whom, and that nothing is left on the user's loop."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from asyncio import proactor_events
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.abstract import FileDescriptor

from ctrader_twisted.account import PositionClosed, PositionOpened
from ctrader_twisted.aio import Account, Client, connect
from ctrader_twisted.aio.loop import LoopReactor, reactor_on
from ctrader_twisted.credentials import Environment
from ctrader_twisted.errors import CannotWait, NotReadyInTime
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOASpotEvent
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.settings import Settings
from ctrader_twisted.sim import script

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Running = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

FAR = Price("0.5")  # a limit that is never reached


async def becomes(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def told_to_the_loop() -> list[dict[str, Any]]:
    """Keep what the running loop's exception handler is told."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    return told


# Listeners


def test_listeners_are_functions_and_coroutine_functions_that_may_ask(run: Running) -> None:
    async def main() -> None:
        async with connect(simulator=True) as client:
            account, told = await client.account(1000001), []

            async def opened(event: PositionOpened) -> None:
                await account.close(event.position).filled()
                told.append("closed it")

            account.on(PositionOpened, opened)
            account.on(PositionClosed, told.append)
            await account.buy("EURUSD", Lots("0.1")).filled()
            await becomes(lambda: len(told) == 2)
            account.off(PositionOpened, opened)
            order = await account.buy("EURUSD", Lots("0.1")).filled()
            assert list(account.positions) == [order.position_id]
            states: list[object] = []
            working = account.limit("buy", "EURUSD", Lots("0.1"), FAR)
            end = working.on_change(lambda changed: states.append(changed is working))
            await working.accepted()
            end()
            count = len(states)
            await working.cancel()
            assert states == [True] * count != []

    run(main)


def test_a_listener_may_give_what_is_opened(run: Running) -> None:
    async def main() -> None:
        async with connect(simulator=True) as client:
            account = await client.account(1000001)
            account.on(PositionOpened, lambda event: account.live.quotes("GBPUSD"))
            await account.buy("EURUSD", Lots("0.1")).filled()
            await becomes(lambda: client.subscriptions(1000001))

    run(main)


class Watched(FileDescriptor):
    """One end of a pair of sockets, which says in whose context it is called."""

    def __init__(self, reactor: LoopReactor, end: socket.socket, seen: list[tuple[str, str]]) -> None:
        super().__init__(reactor)  # type: ignore[no-untyped-call]
        self._end, self._seen = end, seen

    def fileno(self) -> int:
        return self._end.fileno()

    def doRead(self) -> None:  # noqa: N802
        self._end.recv(1)
        self._seen.append(("read", USER.get()))

    def doWrite(self) -> None:  # noqa: N802
        self.reactor.removeWriter(self)
        self._seen.append(("written", USER.get()))


USER = ContextVar("USER", default="nobody")


@pytest.mark.parametrize("what", ["read", "written", "timed"])
def test_what_is_called_back_sees_nothing_of_the_context_of_whoever_asked(run: Running, what: str) -> None:
    async def main() -> None:
        seen: list[tuple[str, str]] = []
        reactor = reactor_on(asyncio.get_running_loop())
        one, other = socket.socketpair()
        watched = Watched(reactor, one, seen)

        async def asks() -> None:
            USER.set("ann")
            if what == "read":
                reactor.addReader(watched)
                other.send(b"x")
            elif what == "written":
                reactor.addWriter(watched)
            else:
                reactor.callLater(0.001, lambda: seen.append(("timed", USER.get())))

        with one, other:
            await asyncio.create_task(asks())
            await becomes(lambda: seen)
            reactor.end()
        assert seen == [(what, "nobody")]

    run(main)


def test_a_client_is_listened_to_once_for_ever_and_not_any_more(run: Running) -> None:
    async def main() -> None:
        async with connect(simulator=True) as client:
            account = await client.account(1000001)
            every: list[object] = []
            first: list[object] = []

            @client.on(ProtoOAExecutionEvent)
            async def each(event: ProtoOAExecutionEvent) -> None:
                every.append(event.executionType)

            client.once(ProtoOAExecutionEvent, first.append)
            await (await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()).cancel()
            await becomes(lambda: len(every) == 2)
            assert client.off(ProtoOAExecutionEvent, each)
            assert not client.off(ProtoOAExecutionEvent, each)
            await (await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()).cancel()
            await asyncio.sleep(0.05)
            assert (len(every), len(first)) == (2, 1)
            async with account.live.quotes("EURUSD") as quotes:
                heard: list[object] = []

                async def quoted(quote: object) -> None:
                    heard.append(quote)

                quotes.on(quoted)
                await becomes(lambda: heard)
                quotes.off(quoted)

    run(main)


def test_a_listener_that_fails_is_told_to_the_loop_and_costs_the_others_nothing(run: Running) -> None:
    async def main() -> None:
        failed = told_to_the_loop()

        async def later(event: PositionOpened) -> None:
            await asyncio.sleep(0)
            raise LookupError

        def at_once(event: PositionOpened) -> None:
            raise ZeroDivisionError

        async with connect(simulator=True) as client:
            account, told = await client.account(1000001), []
            for listener in (later, at_once, told.append):
                account.on(PositionOpened, listener)
            await account.buy("EURUSD", Lots("0.1")).filled()
            await becomes(lambda: len(failed) == 2)
        assert len(told) == 1
        assert {type(each["exception"]) for each in failed} == {LookupError, ZeroDivisionError}
        assert sorted("later" in each["message"] for each in failed) == [False, True]

    run(main)


def test_listeners_that_run_are_kept_until_the_client_is_closed_then_given_a_moment(run: Running) -> None:
    async def main() -> None:
        ends: list[str] = []

        async def quick(event: ProtoOAExecutionEvent) -> None:
            await asyncio.sleep(0.1)
            ends.append("done")

        async def endless(event: ProtoOAExecutionEvent) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ends.append("cancelled")

        async with connect(simulator=True, settings=Settings(close_timeout=0.4)) as client:
            account = await client.account(1000001)
            client.once(ProtoOAExecutionEvent, quick)
            client.once(ProtoOAExecutionEvent, endless)
            await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()
            gc.collect()
            assert ends == []
        assert ends == ["done", "cancelled"]

    run(main)


def test_a_listener_may_close_its_client(run: Running) -> None:
    async def main() -> None:
        client = await connect(simulator=True, settings=Settings(close_timeout=30.0))
        ended = asyncio.Event()

        async def closes(event: ProtoOASpotEvent) -> None:
            await client.close()
            ended.set()

        client.once(ProtoOASpotEvent, closes)
        account = await client.account(1000001)
        quotes = await account.live.quotes("EURUSD")
        await asyncio.wait_for(ended.wait(), 15)
        assert quotes.closed
        assert client.state is ConnectionState.CLOSED

    run(main)


# Opening and closing


def test_an_opening_that_is_given_up_leaves_nothing_on_the_loop(run: Running) -> None:
    async def main() -> None:
        for seconds in (0.0, 0.005, 0.03, 0.1):
            task = asyncio.create_task(connect(simulator=True))
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():
                await task.result().close()

    run(main)


def test_an_opening_that_is_cancelled_in_the_moment_it_succeeds_is_closed(run: Running) -> None:
    async def main() -> None:
        task = asyncio.create_task(connect(simulator=True))
        waiter: Any = None
        while waiter is None or not waiter.done():
            await asyncio.sleep(0)
            waiter = waiter or getattr(task, "_fut_waiter", None)
        assert not task.done()
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    run(main)


def test_an_opening_that_gets_nowhere_is_given_up_at_once(run: Running) -> None:
    async def main() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            there = Environment("nobody", "127.0.0.1", nobody.getsockname()[1])
            opening = asyncio.create_task(
                connect(environment=there, client_id="a", client_secret="b", access_token="c", timeout=None)
            )
            await asyncio.sleep(0.1)
            opening.cancel()
            done, _ = await asyncio.wait((opening,), timeout=60)
            assert done
            assert opening.cancelled()

    run(main)


def test_an_opening_that_fails_says_why_and_leaves_nothing(run: Running) -> None:
    async def main() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            there = Environment("nobody", "127.0.0.1", nobody.getsockname()[1])
            with pytest.raises(NotReadyInTime, match="not ready within"):
                await connect(environment=there, client_id="a", client_secret="b", access_token="c", timeout=0.3)
        with pytest.raises(NotReadyInTime, match="not ready within"):  # a name is looked up in a thread
            elsewhere = Environment("nowhere", "does-not-exist.invalid", 5035)
            await connect(environment=elsewhere, client_id="a", client_secret="b", access_token="c", timeout=0.3)

    run(main)


def test_closing_goes_on_when_who_waits_for_it_is_cancelled(run: Running) -> None:
    async def main() -> None:
        client = await connect(simulator=True)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait((closing,))
        await client.close()

    run(main)


def test_leaving_a_feed_waits_for_no_server_that_is_silent(run: Running) -> None:
    async def main() -> None:
        async with connect(simulator=True) as client:
            account = await client.account(1000001)
            async with asyncio.timeout(5), account.live.quotes("EURUSD") as quotes:
                await anext(quotes)
                script.drop_answers(100)(client._link.access._venue.venue)  # type: ignore[union-attr]
            assert quotes.closed
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await (await account.live.latest("EURUSD")).close()

    run(main)


def test_a_client_that_nobody_closed_warns_and_is_closed(run: Running) -> None:
    async def main() -> None:
        client: Client | None = await connect(simulator=True)
        assert client is not None
        inner = client._inner
        with pytest.warns(ResourceWarning, match="was not closed"):
            client = None
            gc.collect()
        await becomes(lambda: inner.state is ConnectionState.CLOSED)
        await asyncio.sleep(0.1)

    run(main)


def test_a_loop_that_is_closed_before_its_client_costs_no_thread() -> None:
    """What is left of it is let go of when nobody has it any more."""
    before = threading.active_count()
    ran = threading.Event()

    async def main() -> Client:
        client = await connect(simulator=True)
        client._link._reactor.callInThread(ran.set)
        await becomes(ran.is_set)
        return client

    with asyncio.Runner() as runner:
        client = runner.run(main())
    with pytest.warns(ResourceWarning) as warned:  # of its sockets, too
        del client
        gc.collect()
    assert any("was not closed" in str(each.message) for each in warned)
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


# Loops


def test_clients_live_in_several_loops_one_after_the_other_and_at_once_in_threads(run: Running) -> None:
    balances: list[object] = []

    async def main() -> None:
        async with connect(simulator=True) as one, connect(simulator=True) as two:
            for client in (one, two):
                account = await client.account(1000001)
                await account.buy("EURUSD", Lots("0.1")).filled()
                balances.append(len(account.positions))

    run(main)
    threads = [threading.Thread(target=run, args=(main,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert balances == [1] * 6


def test_a_client_is_used_in_its_own_loop_only(run: Running) -> None:
    async def elsewhere(client: Client, account: Account) -> None:
        for call in (client.version, client.account, client.close):
            with pytest.raises(CannotWait, match="lives in another event loop"):
                await call()
        with pytest.raises(CannotWait, match=r"Account\.buy\(\): the client lives in another event loop"):
            account.buy("EURUSD", Lots("0.1"))

    async def main() -> None:
        async with connect(simulator=True) as client:
            account = await client.account(1000001)
            await asyncio.to_thread(lambda: asyncio.run(elsewhere(client, account)))
            with pytest.raises(CannotWait):
                await asyncio.to_thread(account.buy, "EURUSD", Lots("0.1"))
            assert account.orders == ()

    run(main)


def test_a_loop_that_cannot_watch_sockets_is_refused_with_its_remedy() -> None:
    class LikeWindows(proactor_events.BaseProactorEventLoop):
        def __init__(self) -> None: ...

        def __del__(self) -> None: ...

    with pytest.raises(CannotWait, match=r"LikeWindows can't watch sockets: .*SelectorEventLoop") as caught:
        reactor_on(LikeWindows())
    assert caught.value.call == "connect()"


def test_crashing_or_ending_the_reactor_leaves_the_loop_to_who_runs_it(run: Running) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        before = threading.active_count()
        reactor = reactor_on(loop)
        looked_up: list[object] = []
        reactor.callInThread(lambda: reactor.callFromThread(looked_up.append, 1))
        await becomes(lambda: looked_up)
        later = reactor.callLater(30, looked_up.append, 2)
        reactor.crash()
        await asyncio.sleep(0.02)
        reactor.end()
        reactor.end()
        assert not later.active()
        await reactor.threads_ended()
        reactor.callFromThread(looked_up.append, 3)
        await asyncio.sleep(0.02)
        assert looked_up == [1]
        assert threading.active_count() == before

    run(main)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what is open is read from /proc")
def test_no_file_stays_open(run: Running) -> None:
    async def main() -> int:
        async with connect(simulator=True) as client:
            await client.account(1000001)
        return len(os.listdir("/proc/self/fd"))

    run(main)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    run(main)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
