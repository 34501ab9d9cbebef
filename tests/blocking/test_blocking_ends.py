"""How clients, calls and iterations end: amid a wait of another thread, given up, forgotten, and with the reactor."""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher

from ctrader_twisted.account import OrderState, PositionOpened
from ctrader_twisted.blocking import Account, Client, connect, timeout
from ctrader_twisted.blocking import thread as threads
from ctrader_twisted.blocking.callbacks import Callbacks
from ctrader_twisted.errors import CallTimeout, CannotWait, ClientClosed, OrderRefused, SendTimeout
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent
from ctrader_twisted.session.events import Resynchronised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import LoggedErrors


@pytest.fixture
def client() -> Iterator[Client]:
    with connect(simulator=True) as client:
        yield client


@pytest.fixture
def account(client: Client) -> Account:
    return client.account(1000001)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def in_a_thread(function: Callable[[], object]) -> Callable[[], Any]:
    """Call it in a thread of its own; give what waits for what came of it."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(function())
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> Any:
        thread.join(20)
        assert came, "it does not end"
        return came[0]

    return wait


def listening_threads() -> int:
    return [thread.name for thread in threading.enumerate()].count("ctrader_twisted listeners")


# Closing


def test_who_gives_up_waiting_for_the_end_does_not_stop_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    access, thread = client._link.access, client._link.thread
    close = access.close
    monkeypatch.setattr(access, "close", lambda: deferLater(thread.reactor, 1.5, close))
    with timeout(0.5), pytest.raises(CallTimeout, match="closed all the same"):
        client.close()
    assert id(access) in thread.open  # the interpreter's end would wait for it
    until(lambda: id(access) not in thread.open)
    assert access._venue is not None
    assert access._venue.venue is None


def test_an_error_amid_a_stream_is_not_replaced_by_that_of_its_end(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_: object) -> None:
        raise CallTimeout("EventStream.close()", 1, "it goes on")

    stream = client.events(Resynchronised)
    monkeypatch.setattr(type(stream), "close", late)
    with pytest.raises(ZeroDivisionError) as caught, stream:
        1 / 0  # noqa: B018
    assert caught.value.__notes__ == ["EventStream.close() did not end within 1 s: it goes on"]
    with pytest.raises(CallTimeout), stream:
        pass


def test_a_client_that_is_closed_amid_waits_of_other_threads_ends_them(client: Client, account: Account) -> None:
    order = account.limit("buy", "EURUSD", Lots("0.1"), Price("0.5")).accepted()
    stream = client.events(Resynchronised)
    quotes = account.live.quotes("EURUSD")
    waits = [in_a_thread(order.filled), in_a_thread(lambda: list(stream)), in_a_thread(lambda: sum(1 for _ in quotes))]
    time.sleep(0.3)  # they wait
    closings = [in_a_thread(client.close) for _ in range(3)]
    client.close()
    assert [closed() for closed in closings] == [None] * 3
    assert isinstance(waits[0](), ClientClosed)
    assert waits[1]() == []
    assert isinstance(waits[2](), int)


def test_the_reactors_end_is_told_to_who_waits_and_leaves_nothing_behind() -> None:
    before = list(globalLogPublisher._observers)
    client = connect(simulator=True)
    account = client.account(1000001)
    order = account.limit("buy", "EURUSD", Lots("0.1"), Price("0.5")).accepted()
    stream = client.events(Resynchronised)
    venue, thread = client._link.access._venue, client._link.thread
    waits = in_a_thread(order.filled)
    time.sleep(0.2)
    client._read(lambda: venue.stopService() and None)  # type: ignore[union-attr]  # or its sockets are left open
    thread.later(thread.reactor.stop)
    assert isinstance(waits(), CannotWait)
    until(lambda: not thread.usable)
    with pytest.raises(CannotWait, match="connect anew"):
        account.balance  # noqa: B018
    assert repr(account) == "<Account, out of reach>"
    stream.close()  # as a `with` does, which must not hide what is raised inside of it
    client.close()
    assert globalLogPublisher._observers == before
    with connect(simulator=True) as another:
        assert another._link.thread is not thread
        assert list(another._link.thread.open) == [id(another._link.access)]


def test_a_client_that_met_an_error_is_closed_when_nobody_has_it(account: Account) -> None:
    thread = account._link.thread

    def meets_an_error() -> int:
        client = connect(simulator=True)
        order = client.account(1000001).buy("EURUSD", Lots(1000))
        with pytest.raises(OrderRefused):
            order.filled()
        return id(client._link.access)

    forgotten = meets_an_error()
    gc.collect()
    until(lambda: forgotten not in thread.open)


def test_the_thread_of_listeners_ends_with_a_client_that_nobody_has() -> None:
    before = listening_threads()
    client = connect(simulator=True)
    told = threading.Event()
    client.once(ProtoOAExecutionEvent, lambda _: told.set())
    client.account(1000001).buy("EURUSD", Lots("0.1")).filled()
    assert told.wait(60)
    assert listening_threads() == before + 1
    del client
    gc.collect()
    until(lambda: listening_threads() == before)


# Errors


def test_an_error_that_is_raised_again_begins_anew_in_every_thread(account: Account) -> None:
    order = account.buy("EURUSD", Lots(1000))
    caught = []
    for _ in range(3):
        with pytest.raises(OrderRefused) as refused:
            order.filled()
        caught.append(refused.value)
    assert len({id(error) for error in caught}) == 3
    assert len({len(traceback.extract_tb(error.__traceback__)) for error in caught}) == 1
    kept = order.error
    assert kept is not None
    assert {(str(error), error.args) for error in caught} == {(str(kept), kept.args)}
    assert {str(vars(error)) for error in caught} == {str(vars(kept))}
    assert all(frame.name != order.filled.__name__ for frame in traceback.extract_tb(kept.__traceback__))


def test_an_error_is_given_anew_with_its_cause_whatever_its_class() -> None:
    error = SendTimeout("ProtoOAVersionReq", "too late", 5)
    error.__cause__ = OSError("why")
    error.add_note("a note")
    anew = threads._again(error)
    assert anew is not error
    assert type(anew) is SendTimeout
    assert (anew.args, str(anew), vars(anew)) == (error.args, str(error), vars(error))
    assert anew.__cause__ is error.__cause__
    assert anew.__suppress_context__


# Calls


def test_what_ends_after_it_was_given_up_is_undone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "GIVING_UP", 0.05)
    undone: list[object] = []
    free = threading.Event()

    def busy() -> str:
        free.wait(60)
        return "made"

    with pytest.raises(CallTimeout, match="the reactor's thread is busy"):
        client._link.thread.wait("a test", busy, 0.1, undo=undone.append)
    free.set()
    until(lambda: undone)
    assert undone == ["made"]


def test_a_time_out_within_a_signal_handler_gives_up_what_it_came_upon(
    client: Client, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = client._link.thread
    free = threading.Event()
    thread.later(lambda: free.wait(60))

    def handler(call: threads._Call, seconds: float | None) -> bool:
        raise CallTimeout("the handler's own call", 1, "it was busy")

    with monkeypatch.context() as patched:
        patched.setattr(thread, "_done", handler)
        with pytest.raises(CallTimeout, match="the handler's own call"):
            account.buy("EURUSD", Lots("0.1"))
    free.set()
    assert account.orders == ()
    assert account.positions == {}


def test_a_signal_handler_may_connect_while_the_thread_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._process, "thread", None)
    start = threads.ReactorThread.start
    given: list[threads.ReactorThread] = []

    def interrupted(thread: threads.ReactorThread) -> None:
        if not given:
            monkeypatch.setattr(threads.ReactorThread, "start", start)
            given.append(threads.reactor_thread())
        start(thread)

    monkeypatch.setattr(threads.ReactorThread, "start", interrupted)
    outer = in_a_thread(threads.reactor_thread)()
    assert outer is given[0]
    assert threads._process.thread is outer
    outer.stop()


def test_one_bound_may_be_around_calls_of_two_threads(account: Account) -> None:
    quick = timeout(0.3)
    order = account.limit("buy", "EURUSD", Lots("0.1"), Price("0.5"))
    inside, outside = threading.Event(), threading.Event()

    def other() -> float | None:
        with quick:
            inside.set()
            outside.wait(60)
            return account._link.bound()

    with quick:
        waits = in_a_thread(other)
        assert inside.wait(60)
    outside.set()
    assert waits() == 0.3
    assert account._link.bound() == 60.0
    with quick, quick, timeout(None):
        assert account._link.bound() is None
    assert order.accepted().state is OrderState.ACCEPTED


# Iterations


def test_a_bound_holds_where_another_thread_waits_for_the_same_stream(client: Client) -> None:
    with client.events(Resynchronised) as stream:
        other = in_a_thread(lambda: list(stream))
        time.sleep(0.2)  # it waits
        began = time.monotonic()
        with timeout(0.2), pytest.raises(CallTimeout, match=r"within 0\.2 s"):
            next(stream)
        assert time.monotonic() - began < 10
    assert other() == []


def test_a_bound_holds_where_another_thread_is_always_faster(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []

    def nothing_for_us(what: str, function: object, seconds: float, **more: object) -> None:
        left.append(seconds)
        time.sleep(0.15)
        if len(left) == 4:
            raise CallTimeout(what, seconds, "this is enough")

    with client.events(Resynchronised) as stream, monkeypatch.context() as patched:
        patched.setattr(stream._link, "wait", nothing_for_us)
        with timeout(0.4), pytest.raises(CallTimeout, match="enough"):
            next(stream)
    assert left[0] == 0.4
    assert 0.0 < left[1] <= 0.25
    assert left[3] == 0.0


def test_two_threads_that_iterate_share_what_comes(client: Client, account: Account) -> None:
    stream = client.events(ProtoOAExecutionEvent)
    both = [in_a_thread(lambda: [event.order.orderId for event in stream]) for _ in range(2)]
    for _ in range(30):
        account.limit("buy", "EURUSD", Lots("0.1"), Price("0.5")).accepted()
    until(lambda: not len(stream))
    stream.close()
    shared = [order_id for one in both for order_id in one()]
    assert len(shared) == len(set(shared)) == 30


# Listeners


def test_a_listener_that_exits_costs_the_others_nothing(
    client: Client, account: Account, logged_errors: LoggedErrors
) -> None:
    told: list[object] = []
    account.on(PositionOpened, lambda _: sys.exit(3))
    account.on(PositionOpened, told.append)
    account.buy("EURUSD", Lots("0.1")).filled()
    client.close()
    assert len(told) == 1
    assert len(logged_errors.flush(SystemExit)) == 1


def test_where_no_thread_can_be_begun_any_more_listeners_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    callbacks = Callbacks()
    with monkeypatch.context() as patched:

        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't create new thread at interpreter shutdown")

        patched.setattr(threading.Thread, "start", start)
        callbacks.put(told.append, 1)  # as from Python 3.12 on
    callbacks.put(told.append, 2)
    assert callbacks.end(20)
    assert told == [2]
