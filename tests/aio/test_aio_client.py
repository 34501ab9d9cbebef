"""The client and the account of asyncio over real sockets, in asyncio's loop and in uvloop's."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from linecache import getline
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.account import OrderState, Safety
from ctrader_twisted.aio import Account, Client, Order, connect
from ctrader_twisted.errors import (
    AnswerTimeout,
    CallTimeout,
    ClientClosed,
    ConfigurationError,
    EventsDropped,
    HistoryRefused,
    OrderRefused,
    UnknownSymbol,
)
from ctrader_twisted.market import Lots, Pips, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOASpotEvent, ProtoOAVersionReq
from ctrader_twisted.session.events import Resynchronised
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.sim import script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    Running = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
END = datetime(2026, 3, 2, 15, tzinfo=UTC)
FAR = Price("0.5")  # a limit that is never reached


@asynccontextmanager
async def trading() -> AsyncIterator[tuple[Client, Account]]:
    async with connect(simulator=True) as client:
        yield client, await client.account(1000001)


def happens(client: Client, action: Callable[[Any], object]) -> None:
    """Let something happen at the venue."""
    action(client._link.access._venue.venue)  # type: ignore[union-attr]


async def becomes(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.01)


# What there is


def test_a_client_says_where_it_stands(run: Running) -> None:
    async def main() -> None:
        async with connect(simulator=True) as client:
            assert client.account_ids == (1000001, 1000002)
            assert client.state is ConnectionState.READY
            assert client.environment.name == "simulator"
            assert repr(client) == f"<OpenApiClient of {client.environment}: ready>"
            assert (await client.version()).version
            assert (await client.request(ProtoOAVersionReq())).version
            assert client.in_flight == 0
            with pytest.raises(ConfigurationError, match="which account\\? There are 1000001, 1000002"):
                await client.account()
        client_awaited = await connect(simulator=True)
        await client_awaited.close()
        assert repr(client_awaited).endswith(": closed>")
        assert client_awaited.state is ConnectionState.CLOSED

    run(main)


def test_an_order_is_followed_and_ends_as_the_face_it_began_as(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            assert await client.account(1000001) is account
            before = account.positions
            order = account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20))
            assert isinstance(order, Order)
            assert await order.filled() is order
            assert order.account is account
            position = await order.protected()
            assert before == {}
            assert account.positions == {position.position_id: position}
            assert await account.priced() is account
            assert "EURUSD" in account.symbols
            assert (await account.quote("USDJPY")).ask is not None
            assert account.equity == account.balance + account.unrealised  # type: ignore[operator]
            closing = account.close(position)
            assert await closing.done() is closing
            assert closing.profit == closing.fills[0].closed.net  # type: ignore[union-attr]
            assert closing.executed_lots == closing.fills[0].lots == Lots("0.1")
            assert (await account.check()).differences == ()

    run(main)


def test_working_orders_are_amended_cancelled_and_found(run: Running) -> None:
    async def main() -> None:
        async with trading() as (_, account):
            order = await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()
            assert await order.amend(price=Price("0.6")) is order
            assert await account.amend(order, volume=Lots("0.2")) is order
            assert order.lots == Lots("0.2")
            assert await account.find(order.client_order_id) is order
            (pending,) = account.pending.values()
            assert await account.cancel(pending) == pending
            assert order.state is OrderState.CANCELLED
            other = account.limit("buy", "EURUSD", Lots("0.1"), FAR)
            assert await account.cancel(await other.accepted()) is other
            account.safety = Safety(max_volume=Lots(1))
            assert account.safety.max_volume == Lots(1)
            with pytest.raises(AttributeError, match=r"Account\.balance can't be assigned to"):
                account.balance = Decimal(1)  # type: ignore[arg-type]

    run(main)


def test_history_is_whole_or_page_by_page(run: Running) -> None:
    async def main() -> None:
        async with trading() as (_, account):
            bars = await account.bars("EURUSD", "H1", START, END)
            assert len(bars) == 6
            async with account.bars_by_page("EURUSD", "H1", START, END) as pages:
                assert [len(page) async for page in pages] == [6]
                assert pages.rows == 6
            assert len(await account.bars_by_page("EURUSD", "H1", START, END).whole()) == 6
            series = account.ticks_by_page("EURUSD", "bid", START, END)
            await series.close()
            assert [page async for page in series] == []
            with pytest.raises(HistoryRefused):
                await account.bars("EURUSD", "H1", END, START)
            later = datetime(2026, 6, 1, tzinfo=UTC)
            with pytest.warns(
                UserWarning, match="nothing as late as was asked for, its newest bar is of 2026-03-03"
            ) as told:
                assert len(await account.bars("EURUSD", "H1", later)) == 0
                assert [page async for page in account.bars_by_page("EURUSD", "H1", later)] == []
                assert len(await account.bars_by_page("EURUSD", "H1", later).whole()) == 0
            lines = [getline(each.filename, each.lineno) for each in told if "as late" in str(each.message)]
            assert [line.count("account.bars") for line in lines] == [1, 1, 1], "each points to the line that asked"
            assert len(set(lines)) == 3

    run(main)


def test_an_error_shows_the_line_that_waited_and_nothing_of_what_carried_it(run: Running) -> None:
    async def main() -> None:
        async with trading() as (_, account):
            with pytest.raises(UnknownSymbol) as caught:
                await account.symbol("EURUSDX")
            frames = traceback.extract_tb(caught.value.__traceback__)
            assert frames[0].name == "main"
            assert frames[0].line == 'await account.symbol("EURUSDX")'
            assert [frame for frame in frames if "twisted/internet" in frame.filename] == []
            order = account.buy("EURUSD", Lots(1000))
            for _ in range(2):
                with pytest.raises(OrderRefused) as refused:
                    await order.filled()
                assert len(traceback.extract_tb(refused.value.__traceback__)) < 5
            assert order.error is refused.value
            with pytest.raises(TypeError, match="did you mean stop_loss"):
                account.buy("EURUSD", Lots(1), stop_los=Pips(3))  # type: ignore[call-arg]

    run(main)


# Waiting in asyncio's ways


def test_what_waits_goes_into_tasks_groups_and_gather(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            async with asyncio.TaskGroup() as group:
                version = group.create_task(client.version())
                filled = group.create_task(account.buy("EURUSD", Lots("0.1")).filled())
                opening = group.create_task(account.live.quotes("EURUSD"))
            assert version.result().version
            assert filled.result().state is OrderState.FILLED
            assert (await anext(opening.result())).bid
            await opening.result().close()
            names = await asyncio.gather(*(account.symbol(name) for name in ("EURUSD", "GBPUSD")))
            assert [symbol.name for symbol in names] == ["EURUSD", "GBPUSD"]
            assert await asyncio.wait_for(client.version(), 20) == version.result()

    run(main)


def test_an_order_goes_on_when_who_waits_for_it_is_cancelled(run: Running) -> None:
    async def main() -> None:
        async with trading() as (_, account):
            order = await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await order.filled()
            waiting = asyncio.create_task(order.done())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait((waiting,))
            assert waiting.cancelled()
            assert order.state is OrderState.ACCEPTED
            assert (await account.check()).differences == ()
            await order.cancel()

    run(main)


def test_cancelling_a_task_cancels_what_it_asked_for_at_once(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, _):
            happens(client, script.drop_answers(1))
            task = asyncio.create_task(client.version())
            await becomes(lambda: client.in_flight)
            task.cancel()
            assert client.in_flight == 0
            await asyncio.wait((task,))
            assert task.cancelled()
            happens(client, script.drop_answers(1))
            with pytest.raises(AnswerTimeout):
                await client.version(timeout=0.2)

    run(main)


def test_what_is_cancelled_while_it_opens_is_closed_again(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            await account.symbol("EURUSD")
            happens(client, script.delay_answers(0.3, 1.0))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await account.live.quotes("EURUSD")
            await becomes(lambda: not client.in_flight)
            await becomes(lambda: not client.subscriptions(1000001))

    run(main)


def test_what_is_opened_in_the_moment_of_the_cancellation_is_closed_again(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            await account.symbol("EURUSD")
            task = asyncio.create_task(account.live.quotes("EURUSD"))
            waiter: Any = None
            while waiter is None or not waiter.done():  # it is here, and its task has not come to it
                await asyncio.sleep(0)
                waiter = waiter or getattr(task, "_fut_waiter", None)
            assert not task.done()
            task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled()
            await becomes(lambda: not client.subscriptions(1000001))

    run(main)


def test_an_account_that_is_not_ready_in_time_says_so_and_is_tried_further(run: Running) -> None:
    async def main() -> None:
        async with connect(simulator=True, timeout=0.5) as client:
            happens(client, script.delay_answers(1.0, 1.0))
            with pytest.raises(CallTimeout, match=r"within 0\.5 s: account 1000001 is tried further") as caught:
                await client.account(1000001)
            assert isinstance(caught.value, TimeoutError)
            await becomes(lambda: client.accounts[1000001].state.name == "AUTHORISED")
            happens(client, script.delay_answers(0, 0))
            account: Account | None = None
            while account is None:
                try:
                    account = await client.account(1000001)
                except CallTimeout:
                    continue
            assert account.stands

    run(main)


# Events


def test_quotes_are_iterated_until_they_are_closed(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            async with account.live.quotes("EURUSD") as quotes:
                given = [await anext(quotes) for _ in range(5)]
                assert quotes.latest["EURUSD"].bid is not None
                assert [symbol.name for symbol in quotes.symbols] == ["EURUSD"]
            assert [quote.symbol_id for quote in given] == [1] * 5
            assert quotes.closed
            await quotes.close()
            await becomes(lambda: client.subscriptions(1000001) == ())
            opened = await account.live.quotes("EURUSD", "GBPUSD")
            await opened.close()
            assert client.subscriptions(1000001) == ()

    run(main)


def test_events_of_one_symbol_or_account_are_chosen(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            told: list[ProtoOASpotEvent] = []
            once: list[ProtoOASpotEvent] = []
            client.on(ProtoOASpotEvent, told.append, symbol_id=2)
            client.once(ProtoOASpotEvent, once.append, account_id=account.account_id, symbol_id=2)
            client.on(ProtoOASpotEvent, told.append, account_id=account.account_id + 1)
            stream = client.events(ProtoOASpotEvent, account_id=account.account_id, symbol_id=2)
            every: list[int] = []
            client.on(ProtoOASpotEvent, lambda event: every.append(event.symbolId))
            await client.subscribe_spots(ctidTraderAccountId=account.account_id, symbolId=[1, 2])
            await becomes(lambda: len(told) > 2 and 1 in every)
            assert {event.symbolId for event in told} == {2} == {(await anext(stream)).symbolId for _ in range(3)}
            assert once == told[:1]

    run(main)


def test_a_step_that_is_cancelled_loses_nothing(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account), client.events(Resynchronised) as stream:
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await anext(stream)
            happens(client, script.abort())
            assert (await anext(stream)).account_id == account.account_id

    run(main)


def test_what_a_slow_reader_has_missed_is_told_at_its_place(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            stream = client.events(ProtoOAExecutionEvent, buffer=2)
            for _ in range(2):
                await (await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()).cancel()
            with pytest.raises(EventsDropped) as caught:
                await anext(stream)
            assert caught.value.count == 2
            assert len(stream) == stream.dropped == 2
            await stream.close()
            assert len([event async for event in stream]) == 2

    run(main)


def test_a_book_and_the_latest_quotes(run: Running) -> None:
    async def main() -> None:
        async with trading() as (_, account):
            changed = asyncio.Event()
            async with account.live.book("EURUSD") as book, account.live.latest("EURUSD", "GBPUSD") as latest:
                book.on_change(lambda told: changed.set() if told is book else None)
                await changed.wait()
                assert book.spread is not None
                assert book.snapshot(1).bids[0] == book.best_bid
                await becomes(lambda: len(latest) == 2)
                assert latest["GBPUSD"].bid
                assert sorted(latest) == ["EURUSD", "GBPUSD"]
            assert len(book) == 0

    run(main)


def test_a_client_that_is_closed_ends_what_is_iterated_and_fails_what_waits(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, account):
            stream = client.events(ProtoOASpotEvent)
            order = await account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()
            waiting = asyncio.create_task(order.filled())
            reading = asyncio.create_task(anext(stream, "the end"))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await client.close()
            with pytest.raises(ClientClosed):
                await waiting
            assert await reading == "the end"
            with pytest.raises(ClientClosed):
                await account.check()
            await client.close()

    run(main)


def test_nothing_of_a_call_is_done_before_it_is_awaited(run: Running) -> None:
    async def main() -> None:
        async with trading() as (client, _):
            coroutine, opening = client.version(), connect(simulator=True)
            assert inspect.iscoroutine(coroutine)
            await asyncio.sleep(0.02)
            assert client.in_flight == 0
            coroutine.close()
            opening.close()

    run(main)
