"""The blocking client and account over real sockets: what calls give, how long they wait, and what ends them."""

from __future__ import annotations

import gc
import threading
import time
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from linecache import getline
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.account import OrderState, PositionClosed, PositionOpened, Safety
from ctrader_twisted.blocking import Account, Client, Order, Series, connect, timeout
from ctrader_twisted.blocking import thread as threads
from ctrader_twisted.blocking.callbacks import Callbacks
from ctrader_twisted.errors import (
    AnswerTimeout,
    CallTimeout,
    CannotWait,
    ClientClosed,
    ConfigurationError,
    EventsDropped,
    GrantRefused,
    HistoryRefused,
    NotReadyInTime,
    OrderRefused,
    OutcomeUnknown,
    TradingHalted,
    UnknownSymbol,
)
from ctrader_twisted.market import Lots, Pips, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOASpotEvent, ProtoOAVersionReq
from ctrader_twisted.session.events import Resynchronised
from ctrader_twisted.session.machine import ConnectionState
from ctrader_twisted.sim import script
from ctrader_twisted.sim.venue import DEFAULT_START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import LoggedErrors

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
END = datetime(2026, 3, 2, 15, tzinfo=UTC)
FAR = Price("0.5")  # a limit that is never reached


@pytest.fixture
def client() -> Iterator[Client]:
    with connect(simulator=True) as client:
        yield client


@pytest.fixture
def account(client: Client) -> Account:
    return client.account(1000001)


def happens(client: Client, action: Callable[[Any], object]) -> None:
    """Let something happen at the venue."""
    client._read(lambda: action(client._link.access._venue.venue) and None)  # type: ignore[union-attr]


# What calls give


def test_a_client_says_where_it_stands(client: Client) -> None:
    assert client.account_ids == (1000001, 1000002)
    assert client.state is ConnectionState.READY
    assert client.environment.name == "simulator"
    assert repr(client) == f"<OpenApiClient of {client.environment}: ready>"
    assert client.version().version
    assert client.request(ProtoOAVersionReq()).version
    assert client.in_flight == 0


def test_an_account_is_ready_and_the_same_each_time(client: Client, account: Account) -> None:
    assert account.stands
    assert account.balance == Decimal("10000.00")
    assert client.account(1000001) is account
    assert account.symbol("eurusd").name == "EURUSD"
    assert list(client.accounts) == [1000001]
    assert repr(account) == "<Account 1000001: 0 positions, 0 orders>"


def test_which_account_has_to_be_said_where_there_are_several(client: Client) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client.account()
    expected = "account: which account? There are 1000001, 1000002. Say its id, as in account(1000001)."
    assert str(caught.value) == expected


def test_a_login_in_place_of_an_id_is_told_from_it(client: Client) -> None:
    with pytest.raises(GrantRefused, match="It is the login of account 1000001: say the id, 1000001$"):
        client.account(2000001)


def test_an_order_is_followed_and_ends_as_the_face_it_began_as(account: Account) -> None:
    order = account.buy("EURUSD", Lots("0.1"), stop_loss=Pips(20))
    assert isinstance(order, Order)
    assert order.filled() is order
    assert order.account is account
    position = order.protected()
    assert account.positions == {position.position_id: position}
    assert order.state is OrderState.FILLED
    closing = account.close(position)
    assert closing.done() is closing
    assert closing.profit == closing.fills[0].closed.net  # type: ignore[union-attr]
    assert account.positions == {}
    assert account.check().differences == ()


def test_working_orders_are_amended_and_cancelled_by_face_number_and_value(account: Account) -> None:
    orders = [account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted() for _ in range(3)]
    assert orders[0].amend(price=Price("0.6")) is orders[0]
    assert account.amend(orders[0], volume=Lots("0.2")) is orders[0]
    assert orders[0].lots == Lots("0.2")
    assert account.cancel(orders[0]) is orders[0]
    assert account.cancel(orders[1].order_id) == orders[1].order_id  # type: ignore[arg-type]
    (pending,) = account.pending.values()
    assert account.cancel(pending) == pending
    assert account.orders == ()
    assert [order.state for order in orders] == [OrderState.CANCELLED] * 3


def test_what_is_read_is_as_of_one_moment(account: Account) -> None:
    before = account.positions
    trader = account.trader
    assert trader is not None
    trader.balance = 1  # one's own copy
    account.buy("EURUSD", Lots("0.1")).filled()
    assert before == {}
    assert len(account.positions) == 1
    assert account.trader is not None
    assert account.trader.balance == 1_000_000


def test_only_what_can_be_assigned_to_can(account: Account) -> None:
    account.safety = Safety(max_volume=Lots(1))
    assert account.safety.max_volume == Lots(1)
    with pytest.raises(AttributeError, match="Account.balance can't be assigned to"):
        account.balance = Decimal(1)  # type: ignore[arg-type]


def test_figures_are_there_when_priced_has_returned(account: Account) -> None:
    account.buy("EURUSD", Lots("0.1")).filled()
    assert account.priced() is account
    assert account.equity == account.balance + account.unrealised  # type: ignore[operator]
    quote = account.valuation.quote(1)
    assert quote is not None
    assert quote.bid is not None


def test_one_quote_is_there_when_it_is_returned(account: Account) -> None:
    assert "EURUSD" in account.symbols
    quote = account.quote("eurusd")
    assert quote.bid is not None and quote.ask is not None
    with pytest.raises(UnknownSymbol):
        account.quote("EURUSX")


# Errors


def test_an_error_is_of_the_same_class_and_shows_the_users_line(account: Account) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        account.symbol("EURUSDX")
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[0] == "test_an_error_is_of_the_same_class_and_shows_the_users_line"
    assert "_inlineCallbacks" not in frames
    order = account.buy("EURUSD", Lots(1000))
    with pytest.raises(OrderRefused) as refused:
        order.filled()
    assert type(order.error) is type(refused.value)
    assert str(order.error) == str(refused.value)


def test_what_is_wrong_in_the_call_itself_is_raised_there(account: Account) -> None:
    with pytest.raises(TypeError, match="did you mean stop_loss"):
        account.buy("EURUSD", Lots(1), stop_los=Pips(3))  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        account.buy("EURUSD", 1)  # type: ignore[arg-type]


def test_a_closed_client_says_that_it_is(client: Client, account: Account) -> None:
    stream = client.events(ProtoOASpotEvent)
    client.close()
    with pytest.raises(ClientClosed):
        account.check()
    assert list(stream) == []
    client.close()


def test_two_clients_one_after_the_other_and_at_once() -> None:
    with connect(simulator=True) as one, connect(simulator=True) as two:
        assert one.account(1000001) is not two.account(1000001)
        one.close()
        assert two.account(1000001).balance == Decimal(10_000)
    with connect(simulator=True) as three:
        assert three.account(1000002).balance is not None
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("ctrader_twisted reactor") == 1


# How long


def test_a_wait_for_an_order_has_an_end_and_the_order_has_not(account: Account) -> None:
    order = account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()
    with timeout(0.2), pytest.raises(CallTimeout) as caught:
        order.filled()
    assert isinstance(caught.value, TimeoutError)
    assert str(caught.value) == (
        f"Order.filled() did not end within 0.2 s: order {order.order_id} to buy 0.1 lots of EURUSD goes on, and is "
        "accepted"
    )
    assert order.state is OrderState.ACCEPTED
    order.cancel()


def test_the_connections_own_bound_holds_where_nothing_is_said() -> None:
    with connect(simulator=True, timeout=0.7) as client:
        order = client.account(1000001).limit("buy", "EURUSD", Lots("0.1"), FAR).accepted()
        began = time.monotonic()
        with pytest.raises(CallTimeout, match=r"within 0\.7 s"):
            order.done()
        assert 0.6 < time.monotonic() - began < 20
        with timeout(0.1), pytest.raises(CallTimeout, match=r"within 0\.1 s"), timeout(0.1):
            order.done()


def test_a_request_that_takes_too_long_says_that_its_outcome_is_unknown(client: Client) -> None:
    happens(client, script.drop_answers(2))
    with timeout(0.2), pytest.raises(AnswerTimeout):
        client.version()
    with pytest.raises(OutcomeUnknown, match=r"0\.3 s"):
        client.version(timeout=0.3)


def test_a_bound_is_one_threads_and_ends_with_its_block(account: Account) -> None:
    order = account.limit("buy", "EURUSD", Lots("0.1"), FAR)
    with timeout(0.001):
        thread = threading.Thread(target=order.accepted)
        thread.start()
        thread.join()
        with timeout(None):
            order.accepted()
    assert account.check().differences == ()
    with pytest.raises(ValueError, match="more than 0"):
        timeout(0)


def test_what_is_opened_too_late_is_closed_again(client: Client, account: Account) -> None:
    account.symbol("EURUSD")
    happens(client, script.delay_answers(0.5, 2.0))
    with timeout(0.2), pytest.raises(CallTimeout):
        account.live.quotes("EURUSD")
    deadline = time.monotonic() + 20
    while client.subscriptions(1000001) or client.in_flight:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_was_opened_for_somebody_who_was_interrupted_is_closed_again(
    client: Client, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(call: threads._Call, seconds: float | None) -> bool:
        assert call.done.wait(60)
        raise KeyboardInterrupt

    live = account.live
    with monkeypatch.context() as patched:
        patched.setattr(client._link.thread, "_done", interrupted)
        with pytest.raises(KeyboardInterrupt):
            live.quotes("EURUSD")
    deadline = time.monotonic() + 20
    while client.subscriptions(1000001):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nothing_can_be_waited_for_in_the_reactors_thread(client: Client, account: Account) -> None:
    def asks() -> str:
        with pytest.raises(CannotWait) as caught:
            account.check()
        return str(caught.value)

    said = client._link.thread.wait("a test", asks, 10)
    assert "in the reactor's own thread" in said


def test_what_was_given_up_before_it_began_is_never_done(client: Client, account: Account) -> None:
    thread = client._link.thread
    busy, free = threading.Event(), threading.Event()
    thread.later(lambda: (busy.set(), free.wait(60)))
    assert busy.wait(60)
    with timeout(0.1), pytest.raises(CallTimeout, match="never will"):
        account.buy("EURUSD", Lots("0.1"))
    free.set()
    assert account.check().differences == ()
    assert account.positions == {}
    assert account.orders == ()


# Events


def test_listeners_are_called_in_order_in_a_thread_of_their_own_and_may_ask(client: Client, account: Account) -> None:
    told: list[object] = []
    done = threading.Event()

    def opened(event: PositionOpened) -> None:
        told.append((threading.current_thread().name, event.position.position_id))
        account.close(event.position).filled()  # asks, and waits

    def closed(event: PositionClosed) -> None:
        told.append(event.position.position_id)
        done.set()

    account.on(PositionOpened, opened)
    account.on(PositionClosed, closed)
    order = account.buy("EURUSD", Lots("0.1")).filled()
    assert done.wait(60)
    assert told == [("ctrader_twisted listeners", order.position_id), order.position_id]
    account.off(PositionClosed, closed)
    done.clear()
    account.buy("EURUSD", Lots("0.1")).filled()
    deadline = time.monotonic() + 20
    while account.positions and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(told) == 3
    assert not done.is_set()


def test_events_of_one_symbol_or_account_are_chosen(client: Client, account: Account) -> None:
    told: list[ProtoOASpotEvent] = []
    once: list[ProtoOASpotEvent] = []
    every: list[int] = []
    client.on(ProtoOASpotEvent, told.append, symbol_id=2)
    client.once(ProtoOASpotEvent, once.append, account_id=account.account_id, symbol_id=2)
    client.on(ProtoOASpotEvent, told.append, account_id=account.account_id + 1)
    client.on(ProtoOASpotEvent, lambda event: every.append(event.symbolId))
    with client.events(ProtoOASpotEvent, account_id=account.account_id, symbol_id=2) as stream:
        client.subscribe_spots(ctidTraderAccountId=account.account_id, symbolId=[1, 2])
        assert {next(stream).symbolId for _ in range(3)} == {2}
    client.close()  # listeners were told what had come
    assert {1, 2} <= set(every)
    assert {event.symbolId for event in told} == {2}
    assert once == told[:1]


def test_a_client_is_listened_to_once_for_ever_and_not_any_more(client: Client, account: Account) -> None:
    every: list[object] = []
    first: list[object] = []

    @client.on(ProtoOAExecutionEvent)
    def each(event: ProtoOAExecutionEvent) -> None:
        threading.Event().wait(0.2)  # slower than the venue
        every.append(event.executionType)

    client.once(ProtoOAExecutionEvent, first.append)
    account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted().cancel()
    assert client.off(ProtoOAExecutionEvent, each)
    assert not client.off(ProtoOAExecutionEvent, each)
    account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted().cancel()
    assert len(every) < 2
    client.close()  # listeners were told what had come
    assert len(every) == 2
    assert len(first) == 1


def test_a_listener_that_fails_is_logged_and_costs_the_others_nothing(
    account: Account, client: Client, logged_errors: LoggedErrors
) -> None:
    told: list[object] = []
    account.on(PositionOpened, lambda event: 1 / 0)
    account.on(PositionOpened, told.append)
    account.buy("EURUSD", Lots("0.1")).filled()
    client.close()
    assert len(told) == 1
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_a_coroutine_function_is_no_listener_here(client: Client) -> None:
    async def listener(event: ProtoOASpotEvent) -> None: ...

    with pytest.raises(TypeError, match=r"ctrader_twisted\.aio"):
        client.on(ProtoOASpotEvent, listener)


def test_an_order_tells_its_changes(account: Account, client: Client) -> None:
    states: list[tuple[bool, OrderState]] = []
    order = account.limit("buy", "EURUSD", Lots("0.1"), FAR)
    end = order.on_change(lambda changed: states.append((changed is order, changed.state)))
    order.accepted().amend(price=Price("0.6"))
    end()
    order.cancel()
    client.close()
    assert states
    assert all(same for same, _ in states)


def test_slow_listeners_lose_the_oldest_and_the_log_says_so() -> None:
    callbacks, told, go = Callbacks(bound=2), [], threading.Event()
    callbacks.put(lambda _: go.wait(60), None)
    while callbacks._waiting:
        time.sleep(0.01)
    for number in range(5):
        callbacks.put(told.append, number)
    go.set()
    assert callbacks.end(20)
    assert told == [3, 4]


# Streams


def test_quotes_are_iterated_and_closed(client: Client, account: Account) -> None:
    with account.live.quotes("EURUSD") as quotes:
        given = [quote for quote, _ in zip(quotes, range(5), strict=False)]
        assert quotes.latest["EURUSD"].bid is not None
        assert [symbol.name for symbol in quotes.symbols] == ["EURUSD"]
    assert len(given) == 5
    assert quotes.closed
    assert client.subscriptions(1000001) == ()
    assert account.live.latest("EURUSD").symbols[0].name == "EURUSD"


def test_a_step_of_an_iteration_has_the_bound_that_is_around_it_and_goes_on(client: Client, account: Account) -> None:
    with client.events(Resynchronised) as stream:
        for _ in range(2):
            with timeout(0.1), pytest.raises(CallTimeout, match="can be continued"):
                next(stream)
        happens(client, script.abort())
        assert next(stream).account_id == 1000001


def test_what_a_slow_reader_has_missed_is_told_at_its_place(client: Client, account: Account) -> None:
    stream = client.events(ProtoOAExecutionEvent, buffer=2)
    for _ in range(2):
        account.limit("buy", "EURUSD", Lots("0.1"), FAR).accepted().cancel()
    with pytest.raises(EventsDropped) as caught:
        next(stream)
    assert caught.value.count == 2
    assert len(stream) == 2
    assert len([next(stream), next(stream)]) == 2
    assert stream.dropped == 2


def test_a_book_and_the_latest_quotes(account: Account) -> None:
    changed = threading.Event()
    with account.live.book("EURUSD") as book, account.live.latest("EURUSD", "GBPUSD") as latest:
        book.on_change(lambda one: changed.set() if one is book else None)
        assert changed.wait(60)
        assert len(book) > 0
        assert book.best_bid is not None
        assert len(book.snapshot(2).bids) == 2
        deadline = time.monotonic() + 20
        while len(latest) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sorted(latest) == ["EURUSD", "GBPUSD"]
        assert {name: quote.bid for name, quote in latest.items()}["EURUSD"] is not None


# History


def test_history_is_a_table_or_page_after_page(account: Account) -> None:
    bars = account.bars("EURUSD", "H1", START, END)
    assert len(bars) == 6
    with account.bars_by_page("EURUSD", "H1", START, END) as series:
        assert isinstance(series, Series)
        assert sum(len(page) for page in series) == 6
        assert (series.rows, series.share) == (6, 1.0)
    assert list(account.bars_by_page("EURUSD", "H1", START, END).whole().rows()) == list(bars.rows())
    ticks = account.ticks("EURUSD", "bid", START, datetime(2026, 3, 2, 9, 5, tzinfo=UTC))
    assert len(ticks) > 0
    with pytest.raises(HistoryRefused):
        account.bars("EURUSD", "H1", datetime(2026, 3, 2))  # noqa: DTZ001  # that is the point
    later = datetime(2026, 6, 1, tzinfo=UTC)
    with pytest.warns(UserWarning, match="nothing as late as was asked for, its newest bar is of 2026-03-03") as told:
        assert len(account.bars("EURUSD", "H1", later)) == 0
        assert list(account.bars_by_page("EURUSD", "H1", later)) == []
        assert len(account.bars_by_page("EURUSD", "H1", later).whole()) == 0
    lines = [getline(each.filename, each.lineno) for each in told if "as late" in str(each.message)]
    assert [line.count("account.bars") for line in lines] == [1, 1, 1], "each points to the line that asked"
    assert len(set(lines)) == 3


def test_history_takes_its_time_unless_a_bound_is_around_it(client: Client, account: Account) -> None:
    account.symbol("EURUSD")
    client._link._bound = 0.2
    happens(client, script.delay_answers(0.5, 1.5))
    assert len(account.bars("EURUSD", "H1", START, END)) == 6
    happens(client, script.delay_answers(0.5, 1.5))
    with timeout(0.2), pytest.raises(CallTimeout):
        account.bars("EURUSD", "H1", START, END)


# Configuration


def test_limits_of_a_configuration_hold(tmp_path: Any) -> None:
    file = tmp_path / "venue.toml"
    file.write_text(
        '[simulator]\nstart = 2026-03-03T09:00:00Z\n[[account]]\nid = 1000002\nenvironment = "simulator"\n'
        '[account.safety]\nhalted = true\n[account.aliases]\ngold = "XAUUSD"\n'
    )
    with connect(file) as client:
        assert client.account_ids == (1000002,)
        account = client.account()
        assert account.account_id == 1000002
        with pytest.raises(TradingHalted):
            account.buy("EURUSD", Lots("0.1")).filled()
        assert account.symbol("gold").name == "XAUUSD"


def test_a_client_that_nobody_has_any_more_is_closed() -> None:
    client = connect(simulator=True)
    access = client._link.access
    account = client.account(1000001)
    del client
    gc.collect()
    assert account.check().differences == ()  # it is not forgotten as long as there is anything of it
    thread = account._link.thread
    del account
    gc.collect()
    deadline = time.monotonic() + 20
    while access.client.state is not ConnectionState.CLOSED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while thread.open:  # until it is closed: the program may end meanwhile
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert thread.usable


def test_a_server_that_is_not_there_is_said_in_time() -> None:
    from ctrader_twisted import Environment

    nobody = Environment("nobody", "127.0.0.1", 9)
    began = time.monotonic()
    with pytest.raises(NotReadyInTime, match="refused"):
        connect(environment=nobody, client_id="a", client_secret="b", access_token="c", timeout=0.5)
    assert time.monotonic() - began < 20


def test_the_simulators_time_is_a_tuesday_morning(account: Account) -> None:
    with account.live.quotes("EURUSD") as quotes:
        quote = next(iter(quotes))
    assert quote.timestamp is not None
    assert abs(quote.timestamp - DEFAULT_START) < 60_000
