"""The end of a client of asyncio while orders are on their way, and what `logging` is told."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from twisted.logger import globalLogPublisher

from ctrader_twisted import Settings
from ctrader_twisted.account import OrderState
from ctrader_twisted.aio import Client, connect
from ctrader_twisted.errors import RequestNotSent
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.sim import script
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.conftest import LoggedErrors

    Running = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

TENTH = Lots("0.1")
AT_MOST = 60.0  # seconds: a shared machine is slow at times; what hangs, hangs for good
pytestmark = pytest.mark.usefixtures("plain_script")


def observers() -> list[Any]:
    return list(globalLogPublisher._observers)


def venue_of(client: Client) -> Any:
    return client._link.access._venue.venue  # type: ignore[union-attr]


def held_at(client: Client) -> dict[int, Any]:
    """Give the positions that the venue has for the account, as they are whenever one looks."""
    return venue_of(client).exchange.desk(1000001).ledger.positions  # type: ignore[no-any-return]


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Give the loggers and levels of what `logging` was told of this package."""
    return [(record.name, record.levelname) for record in caplog.records if record.name != "asyncio"]


def test_an_order_that_is_the_last_line_of_an_async_with_is_filled(
    run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with connect(simulator=True) as client:
            held = held_at(client)
            account = await client.account(1000001)
            order = account.buy("EURUSD", TENTH, stop_loss=Price("1.05123"))
        assert order.state is OrderState.FILLED
        assert [position.stop_loss for position in held.values()] == [105_123]

    run(main)
    assert said(caplog) == []


def test_what_ends_the_block_takes_no_order_back(run: Running) -> None:
    async def trade(held: list[Any]) -> None:
        async with connect(simulator=True) as client:
            account = await client.account(1000001)
            account.buy("EURUSD", TENTH)
            held.append(held_at(client))
            if len(held) == 1:
                raise ZeroDivisionError
            await asyncio.Event().wait()

    async def main() -> None:
        raised: list[Any] = []
        with pytest.raises(ZeroDivisionError):
            await trade(raised)
        assert len(raised[0]) == 1
        cancelled: list[Any] = [None]
        task = asyncio.create_task(trade(cancelled))
        while not cancelled[1:]:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(cancelled[1]) == 1

    run(main)


def test_where_the_server_does_not_answer_the_end_is_bounded_and_names_the_order(
    run: Running, caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    async def main() -> None:
        async with connect(simulator=True, settings=Settings(finish_within=0.5)) as client:
            held = held_at(client)
            account = await client.account(1000001)
            script.drop_answers(request="ProtoOASymbolByIdReq")(venue_of(client))
            order = account.buy("EURUSD", TENTH, client_order_id="mine")
            began = time.monotonic()
        assert 0.4 < time.monotonic() - began < 20
        assert order.state is OrderState.NOT_SENT
        assert isinstance(order.error, RequestNotSent)
        assert held == {}

    run(main)
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    assert "order 'mine' to buy 0.1 lots of EURUSD was preparing after 0.5 s: it is taken back" in caplog.text
    logged_errors.flush()


def test_finishing_gives_the_orders_that_are_left_as_they_are_known(
    run: Running, caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    async def main() -> None:
        async with connect(simulator=True, settings=Settings(finish_within=0.2)) as client:
            account = await client.account(1000001)
            await account.symbol("EURUSD")
            assert await client.finish() == ()
            script.drop_answers(request="ProtoOANewOrderReq")(venue_of(client))
            order = account.buy("EURUSD", TENTH)
            assert await client.finish(0.1) == (order,)

    run(main)
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    logged_errors.flush()


def test_who_is_cancelled_amid_the_wait_leaves_it_to_end_by_itself(
    run: Running, caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    async def main() -> None:
        client = await connect(simulator=True, settings=Settings(finish_within=0.5))
        held = held_at(client)
        account = await client.account(1000001)
        await account.symbol("EURUSD")
        script.delay_answers(0.2)(venue_of(client))
        order = account.buy("EURUSD", TENTH)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.close()
        await client.close()
        assert order.state is OrderState.FILLED
        assert len(held) == 1

    run(main)
    assert said(caplog) == []


def test_a_refusal_that_nobody_waits_for_is_told_once_of_two_clients(
    run: Running, caplog: pytest.LogCaptureFixture
) -> None:
    before = observers()

    async def main() -> None:
        async with connect(simulator=True) as client, connect(simulator=True):
            account = await client.account(1000001)
            account.buy("EURUSD", Lots(1000), client_order_id="mine")
        assert observers() == before

    run(main)
    assert said(caplog) == [("ctrader_twisted.account.course", "WARNING")]
    assert "order 'mine' to buy 1000 lots of EURUSD is rejected: ProtoOANewOrderReq: NOT_ENOUGH_MONEY" in caplog.text


def test_a_client_that_nobody_has_closed_sends_what_it_was_given_and_leaves_no_observer(run: Running) -> None:
    before = observers()

    async def main() -> None:
        client = await connect(simulator=True)
        held, account = held_at(client), await client.account(1000001)
        account.buy("EURUSD", TENTH)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del client, account
            gc.collect()
        while observers() != before:
            await asyncio.sleep(0.01)
        assert len(held) == 1
        await asyncio.sleep(0.05)  # the reactor ends a turn later

    run(main)


def test_a_client_of_a_loop_that_is_closed_leaves_no_observer() -> None:
    before = observers()
    kept: list[Any] = []

    async def main() -> None:
        kept.append(await connect(simulator=True))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(main())
        assert observers() != before
        kept.clear()
        gc.collect()
    assert observers() == before


def test_ctrl_c_in_the_wait_ends_it_at_once_and_tells_of_the_order() -> None:
    text = """
import asyncio, os, signal
from ctrader_twisted import Settings
from ctrader_twisted.aio import connect
from ctrader_twisted.market import Lots
from ctrader_twisted.sim import script

async def main():
    async with connect(simulator=True, settings=Settings(finish_within=1000)) as client:
        account = await client.account(1000001)
        script.drop_answers(request="ProtoOASymbolByIdReq")(client._link.access._venue.venue)
        account.buy("EURUSD", Lots("0.1"), client_order_id="mine")
        kept.append(client)
        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGINT)
        print("leaves")

kept = []
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", kept[0].state.name)
"""
    ran = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=AT_MOST,
        check=True,
    )
    assert ran.stdout == "leaves\ninterrupted CLOSED\n"
    assert ran.stderr.startswith("order 'mine' to buy 0.1 lots of EURUSD was preparing after 0.")
    assert ran.stderr.count("\n") == 1
