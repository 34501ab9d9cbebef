"""The end of a client while orders are on their way: they arrive, or it is said. What `logging` is told."""

from __future__ import annotations

import gc
import io
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import deferLater
from twisted.logger import Logger, globalLogPublisher

from ctrader_twisted import Environment, Settings
from ctrader_twisted.account import OrderState, PositionOpened
from ctrader_twisted.blocking import Client, connect, link, timeout
from ctrader_twisted.errors import ConfigurationError, RequestNotSent
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent
from ctrader_twisted.sim import script
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import LoggedErrors

TENTH = Lots("0.1")
AT_MOST = 60.0  # seconds: a shared machine is slow at times; what hangs, hangs for good
pytestmark = pytest.mark.usefixtures("plain_script")


def observers() -> list[Any]:
    return list(globalLogPublisher._observers)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def happens(client: Client, action: Callable[[Any], object]) -> None:
    """Let something happen at the venue."""
    client._read(lambda: action(client._link.access._venue.venue) and None)  # type: ignore[union-attr]


def held_at(client: Client) -> dict[int, Any]:
    """Give the positions that the venue has for the account, as they are whenever one looks."""
    held: dict[int, Any] = {}

    def look(venue: Any) -> None:
        held["of"] = venue.exchange.desk(1000001).ledger.positions

    happens(client, look)
    return held["of"]  # type: ignore[no-any-return]


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Give the loggers and levels of what `logging` was told."""
    return [(record.name, record.levelname) for record in caplog.records]


# Orders


def test_an_order_that_is_the_last_line_of_a_with_is_filled(caplog: pytest.LogCaptureFixture) -> None:
    with connect(simulator=True) as client:
        held = held_at(client)
        order = client.account(1000001).buy("EURUSD", TENTH)
    assert order.state is OrderState.FILLED
    assert list(held) == [order.position_id]
    assert caplog.records == []


def test_levels_that_are_set_after_the_fill_are_set() -> None:
    with connect(simulator=True) as client:
        held = held_at(client)
        client.account(1000001).buy("EURUSD", TENTH, stop_loss=Price("1.05123"))
    (position,) = held.values()
    assert position.stop_loss == 105_123


def test_an_exception_that_ends_the_block_takes_no_order_back() -> None:
    with pytest.raises(ZeroDivisionError), connect(simulator=True) as client:
        held = held_at(client)
        client.account(1000001).buy("EURUSD", TENTH)
        1 / 0  # noqa: B018
    assert len(held) == 1


def test_a_client_that_nobody_has_any_more_sends_what_it_was_given() -> None:
    client = connect(simulator=True)
    thread, name, held = client._link.thread, id(client._link.access), held_at(client)
    client.account(1000001).buy("EURUSD", TENTH)
    del client
    gc.collect()
    until(lambda: name not in thread.open)
    assert len(held) == 1


def test_the_last_fill_is_told_to_every_listener() -> None:
    told: list[int] = []
    with connect(simulator=True) as client:
        account = client.account(1000001)
        client.on(ProtoOAExecutionEvent, lambda event: told.append(event.executionType))
        account.buy("EURUSD", TENTH)
    assert told == [2, 3]


def test_where_the_server_does_not_answer_the_end_is_bounded_and_names_the_order(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    with connect(simulator=True, settings=Settings(finish_within=0.5)) as client:
        held = held_at(client)
        account = client.account(1000001)
        happens(client, script.drop_answers(request="ProtoOASymbolByIdReq"))
        order = account.buy("EURUSD", TENTH, client_order_id="mine")
        began = time.monotonic()
    assert 0.4 < time.monotonic() - began < 20
    assert order.state is OrderState.NOT_SENT
    assert isinstance(order.error, RequestNotSent)
    assert held == {}
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    assert "order 'mine' to buy 0.1 lots of EURUSD was preparing after 0.5 s: it is taken back" in caplog.text
    logged_errors.flush()


def test_of_one_that_has_left_unanswered_it_is_said_that_it_may_be_carried_out(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    with connect(simulator=True, settings=Settings(finish_within=0.5)) as client:
        held = held_at(client)
        account = client.account(1000001)
        account.symbol("EURUSD")
        happens(client, script.drop_answers(request="ProtoOANewOrderReq"))
        order = account.buy("EURUSD", TENTH, client_order_id="mine")
        assert client.finish(0.2) == (order,)
    assert len(held) == 1
    assert order.state is OrderState.UNKNOWN
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    assert "order 'mine' to buy 0.1 lots of EURUSD was sent after 0.2 s: it has left, and may be" in caplog.text
    logged_errors.flush()


def test_a_bound_of_ones_own_ends_the_wait_for_orders_too(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    before = observers()
    client = connect(simulator=True, settings=Settings(finish_within=AT_MOST))
    account = client.account(1000001)
    happens(client, script.drop_answers(request="ProtoOASymbolByIdReq"))
    order = account.buy("EURUSD", TENTH)
    began = time.monotonic()
    with timeout(4):  # of which closing has half
        client.close()
    assert 2 <= time.monotonic() - began < 20
    until(lambda: observers() == before)
    assert order.state is OrderState.NOT_SENT
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    logged_errors.flush()


def test_an_error_of_the_block_is_not_replaced_by_that_of_its_end(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = observers()
    with ExitStack() as stack, pytest.raises(ZeroDivisionError) as caught, connect(simulator=True) as client:
        account = client.account(1000001)
        account.symbol("EURUSD")
        happens(client, script.drop_answers(request="ProtoOANewOrderReq"))
        account.buy("EURUSD", TENTH)
        access = client._link.access
        monkeypatch.setattr(access, "close", partial(deferLater, access.client.clock, 3, access.close))
        stack.enter_context(timeout(1))
        1 / 0  # noqa: B018
    assert caught.value.__notes__ == ["client.close() did not end within 1 s: it is closed all the same"]
    until(lambda: observers() == before)
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    logged_errors.flush()


def test_threads_that_close_at_once_tell_of_an_order_once(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    client = connect(simulator=True, settings=Settings(finish_within=0.5))
    account = client.account(1000001)
    account.symbol("EURUSD")
    happens(client, script.drop_answers(request="ProtoOANewOrderReq"))
    account.buy("EURUSD", TENTH)
    threads = [threading.Thread(target=client.close) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert said(caplog) == [("ctrader_twisted.account.finishing", "ERROR")]
    logged_errors.flush()


# What logging is told


def test_a_refusal_that_nobody_waits_for_is_told_once_of_two_clients(caplog: pytest.LogCaptureFixture) -> None:
    before = observers()
    with connect(simulator=True) as client, connect(simulator=True):
        client.account(1000001).buy("EURUSD", Lots(1000), client_order_id="mine")
    assert said(caplog) == [("ctrader_twisted.account.course", "WARNING")]
    assert "order 'mine' to buy 1000 lots of EURUSD is rejected: ProtoOANewOrderReq: NOT_ENOUGH_MONEY" in caplog.text
    assert observers() == before


def test_a_listener_that_fails_is_told_with_its_traceback(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    before = observers()
    with connect(simulator=True) as client:
        account = client.account(1000001)
        account.on(PositionOpened, lambda event: 1 / 0)
        account.buy("EURUSD", TENTH)
    assert said(caplog) == [("ctrader_twisted.blocking.callbacks", "ERROR")]
    assert "ZeroDivisionError" in caplog.text
    assert observers() == before
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_a_listener_that_fails_after_its_client_was_closed_is_told_too(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    before, go = observers(), threading.Event()

    def late(event: PositionOpened) -> None:
        go.wait(AT_MOST)
        raise ZeroDivisionError

    client = connect(simulator=True)
    account = client.account(1000001)
    account.on(PositionOpened, late)
    account.buy("EURUSD", TENTH).filled()
    with timeout(1):
        client.close()
    go.set()
    until(lambda: observers() == before)
    assert said(caplog) == [("ctrader_twisted.blocking.callbacks", "ERROR")]
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_a_client_that_could_not_be_connected_leaves_no_observer(tmp_path: Any) -> None:
    before = observers()
    with pytest.raises(ConfigurationError):
        connect(tmp_path / "nothing.toml")
    with socket.create_server(("127.0.0.1", 0)) as hung, pytest.raises(TimeoutError):
        where = Environment("hung", "127.0.0.1", hung.getsockname()[1])
        connect(environment=where, client_id="a", client_secret="b", access_token="c", timeout=0.2)
    assert observers() == before


def test_a_record_that_shows_an_order_and_one_of_the_reactors_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handler asks for the text of an order with its lock held, and the reactor's thread waits for the lock."""
    monkeypatch.setattr(link, "SHOWING", 0.5)
    handler = logging.StreamHandler(lines := io.StringIO())
    for name in ("mine", "ctrader_twisted"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [handler])
        monkeypatch.setattr(logging.getLogger(name), "propagate", False)
    with connect(simulator=True) as client:
        order = client.account(1000001).buy("EURUSD", TENTH)
        order.filled()

        class Meanwhile:
            def __str__(self) -> str:
                client._link.thread.later(lambda: Logger(namespace="ctrader_twisted.room").warn("of the reactor"))
                return str(order)

        began = time.monotonic()
        logging.getLogger("mine").warning("%s", Meanwhile())
        assert time.monotonic() - began < 20
        until(lambda: lines.getvalue().splitlines() == ["<Order, out of reach>", "of the reactor"])
        assert str(order) == f"order {order.order_id} to buy 0.1 lots of EURUSD"


def test_what_is_not_asked_for_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("ctrader_twisted").setLevel(logging.ERROR)
    try:
        with connect(simulator=True) as client:
            client.account(1000001).buy("EURUSD", Lots(1000))
    finally:
        logging.getLogger("ctrader_twisted").setLevel(logging.NOTSET)
    assert caplog.records == []


# Programs of their own


def program(text: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    )


def test_a_plain_script_has_on_stderr_why_an_order_was_refused() -> None:
    one = program(
        """
from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots
with connect(simulator=True) as client:
    client.account(1000001).buy("EURUSD", Lots(1000), client_order_id="mine")
"""
    )
    _, err = one.communicate(timeout=AT_MOST)
    assert err.startswith("order 'mine' to buy 1000 lots of EURUSD is rejected: ProtoOANewOrderReq: NOT_ENOUGH_MONEY")
    assert err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="it is about signals of POSIX")
def test_ctrl_c_in_the_wait_ends_it_at_once_and_tells_of_the_order() -> None:
    one = program(
        """
from ctrader_twisted import Settings
from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots
from ctrader_twisted.sim import script
with connect(simulator=True, settings=Settings(finish_within=1000), timeout=None) as client:
    account = client.account(1000001)
    venue = client._link.access._venue.venue
    client._read(lambda: script.drop_answers(request="ProtoOASymbolByIdReq")(venue))
    account.buy("EURUSD", Lots("0.1"), client_order_id="mine")
    print("leaves")
"""
    )
    try:
        assert one.stdout is not None
        assert one.stdout.readline() == "leaves\n"
        time.sleep(0.5)  # the wait begins
        began = time.monotonic()
        one.send_signal(signal.SIGINT)
        _, err = one.communicate(timeout=AT_MOST)
    finally:
        one.kill()
    assert time.monotonic() - began < 20
    assert "order 'mine' to buy 0.1 lots of EURUSD was preparing after" in err
    assert err.count("it is taken back") == 1
    assert err.splitlines()[-1] == "KeyboardInterrupt" or "KeyboardInterrupt\n" in err
    assert one.returncode == -signal.SIGINT


@pytest.mark.slow
def test_the_end_of_a_program_that_closes_nothing_waits_for_orders(tmp_path: Any) -> None:
    file = tmp_path / "venue.toml"
    file.write_text('[simulator]\nstart = 2026-03-03T09:00:00Z\nstate = "venue.json"\n')
    begin = f"""
from ctrader_twisted.blocking import connect
from ctrader_twisted.market import Lots
client = connect({str(file)!r})
account = client.account(1000001)
"""
    assert program(f'{begin}account.buy("EURUSD", Lots("0.1"))').communicate(timeout=AT_MOST) == ("", "")
    # A venue saves what happened when it is closed.
    assert program(f"{begin}print(len(account.positions))").communicate(timeout=AT_MOST) == ("1\n", "")
