"""Halts, dry runs and reversals: what has not left does not leave, and what is forbidden closes nothing either.

`test_flattening` has what the kill switch waits for, `test_safety` the limits themselves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import TimeoutError as GivenUp

from ctrader_twisted import messages
from ctrader_twisted.account import Flattened, OrderState, PositionClosed, Safety
from ctrader_twisted.errors import (
    CannotRoute,
    DryRun,
    LevelsRefused,
    NotWorking,
    OrderNotPlaced,
    RequestNotSent,
    SafetyRefused,
    TradingHalted,
)
from ctrader_twisted.market import Lots, Money, Pips, Price
from ctrader_twisted.sim.options import Options
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import ledger_of
from tests.account.joining import joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

    from ctrader_twisted.account import Account, Order

TENTH = Lots("0.1")
MANY = 80
NETTED = 1


@pytest.fixture
def account(kit: VenueKit) -> Account:
    return joined(kit)


def below(kit: VenueKit, distance: str) -> Price:
    quote = kit.venue.exchange.quote(1)
    assert quote is not None
    return Price(Decimal(quote.bid) / 100_000 - Decimal(distance))


def opened(kit: VenueKit, account: Account, **terms: Any) -> int:
    order = kit.settle(account.buy("EURUSD", TENTH, **terms).filled())
    kit.settle(order.protected())
    assert order.position_id is not None
    return order.position_id


def waiting(kit: VenueKit, account: Account, lots: str = "0.1") -> Order:
    order = account.limit("buy", "EURUSD", Lots(lots), below(kit, "0.005"))
    return kit.settle(order.accepted())


def book(kit: VenueKit) -> dict[str, Any]:
    ledger = ledger_of(kit, USD_ACCOUNT)
    return {
        "positions": {one.position_id: (one.volume, one.stop_loss, one.trailing) for one in ledger.open_positions()},
        "orders": {one.order_id: (one.volume, one.limit_price, one.stop_price) for one in ledger.orders.values()},
        "past": len(ledger.past_orders),
    }


# What has not left


def test_an_order_is_queued_until_it_has_left(kit: VenueKit, account: Account) -> None:
    states: list[OrderState] = []
    order = account.buy("EURUSD", TENTH)
    assert order.state is OrderState.QUEUED and not order.state.ended
    order.on_change(lambda changed: states.append(changed.state))
    kit.clock.advance(0)
    assert states == [OrderState.SENT]
    kit.settle(order.filled())


def test_an_order_behind_the_limits_is_queued_until_its_turn(kit: VenueKit, account: Account) -> None:
    account.safety = Safety(max_open_volume=Lots("0.8"))
    orders = [account.buy("EURUSD", Lots("0.01")) for _ in range(MANY)]
    last = orders[-1]
    with pytest.raises(SafetyRefused):
        kit.settle(account.buy("EURUSD", Lots("0.01")).accepted())  # what is queued counts
    kit.advance(0.5)
    assert orders[0].state is OrderState.FILLED and last.state is OrderState.QUEUED
    assert not any(one.client_order_id == last.client_order_id for one in ledger_of(kit, USD_ACCOUNT).orders.values())
    kit.settle(last.filled(), within=60)


def test_a_halt_takes_back_what_has_not_left(kit: VenueKit, account: Account) -> None:
    orders = [account.buy("EURUSD", Lots("0.01")) for _ in range(MANY)]
    left = [order for order in orders if order.state is OrderState.SENT]
    assert 0 < len(left) < MANY
    account.halt("stop now")
    for order in orders:
        if order not in left:
            assert order.state is OrderState.NOT_SENT and isinstance(order.error, TradingHalted)
            assert "stop now" in str(order.error)
    kit.advance(10)
    made = {one.client_order_id for one in ledger_of(kit, USD_ACCOUNT).past_orders.values()}
    assert made <= {order.client_order_id for order in left}


@pytest.mark.parametrize(
    "halt",
    [
        lambda account: account.halt("stop"),
        lambda account: setattr(account, "safety", Safety(halted=True)),
        lambda account: account._client.limit(USD_ACCOUNT, Safety(halted=True)),
        lambda account: setattr(account, "safety", Safety(dry_run=True)),
    ],
    ids=["halt", "safety", "limit", "dry run"],
)
def test_what_is_made_in_the_same_turn_does_not_leave(
    kit: VenueKit, account: Account, halt: Callable[[Account], None]
) -> None:
    order, symbol_unknown = account.buy("EURUSD", TENTH), account.buy("GBPUSD", TENTH)
    halt(account)
    for refused in (order, symbol_unknown):
        with pytest.raises((TradingHalted, DryRun)):
            kit.settle(refused.accepted())
        with pytest.raises((TradingHalted, DryRun)):
            kit.settle(refused.protected())
    kit.advance(1)
    assert book(kit) == {"positions": {}, "orders": {}, "past": 0}


def test_a_halt_takes_back_what_makes_an_order_larger_and_lets_what_makes_it_smaller_leave(
    kit: VenueKit, account: Account
) -> None:
    grown, shrunk = waiting(kit, account), waiting(kit, account)
    growing, shrinking = grown.amend(volume=Lots("0.5")), shrunk.amend(volume=Lots("0.05"))
    account.halt("stop")
    with pytest.raises(TradingHalted):
        kit.settle(growing)
    kit.settle(shrinking)
    assert [one.volume for one in ledger_of(kit, USD_ACCOUNT).orders.values()] == [1_000_000, 500_000]


def test_what_closes_leaves_under_a_halt_and_not_in_a_dry_run(kit: VenueKit, account: Account) -> None:
    first, second = opened(kit, account), opened(kit, account)
    closing = account.close(first)
    account.halt("stop")
    kit.settle(closing.filled())
    closing = account.close(second)
    account.safety = Safety(dry_run=True)
    with pytest.raises(DryRun, match=r"closing 0.1 lots"):
        kit.settle(closing.filled())
    kit.advance(1)
    assert list(book(kit)["positions"]) == [second]


def test_what_a_halt_took_back_does_not_come_again_when_it_is_over(kit: VenueKit, account: Account) -> None:
    preparing, queued = account.buy("GBPUSD", TENTH), account.buy("EURUSD", TENTH)
    assert (preparing.state, queued.state) == (OrderState.PREPARING, OrderState.QUEUED)
    account.halt("a moment")
    account.resume()
    kit.advance(2)
    assert preparing.state is queued.state is OrderState.NOT_SENT and book(kit)["past"] == 0


# Cancelled before it left


def test_a_queued_order_that_is_cancelled_ends_as_not_sent(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    assert kit.settle(order.cancel()) is order
    assert order.state is OrderState.NOT_SENT and isinstance(order.error, RequestNotSent)
    kit.advance(1)
    assert book(kit)["past"] == 0


def test_an_order_that_waits_for_its_symbol_can_be_cancelled(kit: VenueKit, account: Account) -> None:
    order = account.buy("GBPUSD", TENTH)
    assert order.state is OrderState.PREPARING
    assert kit.settle(order.cancel()) is order
    with pytest.raises(RequestNotSent, match="cancelled before it left"):
        kit.settle(order.protected())
    kit.advance(1)
    assert order.state is OrderState.NOT_SENT and book(kit)["past"] == 0


def test_a_reversal_that_is_cancelled_while_it_closes_opens_nothing(kit: VenueKit, account: Account) -> None:
    opened(kit, account)
    kit.play("delay_answers", delay=1, seconds=2)
    order = account.reverse(*account.positions)
    kit.advance(0.1)
    assert kit.settle(order.cancel()) is order and order.state is OrderState.NOT_SENT
    kit.advance(5)
    assert book(kit)["positions"] == {} and order.after is not None and order.after.state is OrderState.FILLED


def test_cancelling_what_was_never_placed_says_so_and_not_what_kept_it(kit: VenueKit, account: Account) -> None:
    refused = account.buy("EURUSD", Lots("0.015"))
    with pytest.raises(NotWorking, match="not sent"):
        kit.settle(refused.cancel())


# The kill switch


def test_a_cancel_that_is_not_answered_keeps_nothing_from_being_closed(kit: VenueKit, account: Account) -> None:
    there = opened(kit, account)
    orders = [waiting(kit, account) for _ in range(3)]
    kit.play("drop_answers", count=3, request="ProtoOACancelOrderReq")
    on_its_way = account.buy("EURUSD", TENTH)
    kit.clock.advance(0)
    began, closed = kit.clock.seconds(), {}
    account.on(PositionClosed, lambda change: closed.update({change.position.position_id: kit.clock.seconds() - began}))
    flattening = account.flatten()
    kit.advance(2)
    assert set(closed) == {there, on_its_way.position_id} and max(closed.values()) < 0.5
    done = kit.settle(flattening, within=100)
    assert done and done.failures == () and set(done.cancelled) == {order.order_id for order in orders}


def test_what_opens_meanwhile_is_closed_at_once(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.clock.advance(0)
    flattening = account.flatten()
    kit.advance(0.45)
    assert order.state is OrderState.FILLED and book(kit)["positions"] == {}
    assert kit.settle(flattening)


def test_a_position_that_is_being_closed_is_waited_for(kit: VenueKit, account: Account) -> None:
    whole, part = opened(kit, account), opened(kit, account)
    account.close(whole)
    account.close(part, Lots("0.04"))
    kit.clock.advance(0)
    flattening = account.flatten()
    assert sorted(order.closes for order in account.orders if order.closes) == [whole, part]
    done = kit.settle(flattening)
    assert done and done.failures == () and done.closed == (part,)
    assert book(kit)["positions"] == {}


def test_a_reversal_that_is_under_way_ends_flat(kit: VenueKit, account: Account) -> None:
    opened(kit, account)
    reversal = account.reverse(*account.positions)
    kit.clock.advance(0)
    done = kit.settle(account.flatten())
    assert done and done.failures == () and isinstance(reversal.error, TradingHalted)
    kit.advance(5)
    assert book(kit)["positions"] == {}


def test_what_somebody_else_is_closing_is_no_failure(kit: VenueKit, account: Account) -> None:
    other = joined(kit)
    other.close(opened(kit, account))
    kit.clock.advance(0)
    done = kit.settle(account.flatten())
    assert done and done.failures == ()


def test_a_back_end_that_is_down_for_a_while_is_waited_for(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account)
    kit.play("backend_down", seconds=100)
    done = kit.settle(account.flatten(), within=110)
    assert done and done.closed == (position_id,) and done.failures == ()


def when_the_books_are_read(account: Account, act: Callable[[], object]) -> None:
    """Act with each answer that says what there is, before what follows from it."""
    account._client.on(messages.ProtoOATraderRes, lambda _: act())


def test_a_command_that_is_lost_before_it_left_is_no_try(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account)
    held: list[Any] = []

    def hold() -> None:
        if len(held) < 5:
            held.append(account._client._factory._connection)  # type: ignore[attr-defined]
            held[-1].pauseProducing()

    when_the_books_are_read(account, hold)
    hold()
    flattening = account.flatten()
    for _ in range(200):
        kit.advance(0.1)
        if any(order.closes and order.state is OrderState.QUEUED for order in account.orders):
            kit.network.cut()
    assert len(held) == 5
    done = kit.settle(flattening)
    assert done and done.closed == (position_id,)


def test_an_order_in_doubt_is_waited_for_until_it_is_known(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.clock.advance(0)
    kit.network.cut()
    kit.clock.advance(0)
    kit.settle(account.ready())
    assert order.state is OrderState.UNKNOWN
    assert kit.settle(account.flatten())
    assert order.state is OrderState.NEVER_ARRIVED


def test_what_is_being_executed_for_somebody_else_is_waited_for() -> None:
    with VenueKit(options=Options(execution_delay=3)) as kit:
        account, other = joined(kit), joined(kit)
        order = other.buy("EURUSD", TENTH)
        kit.settle(order.accepted())
        done = kit.settle(account.flatten())
        assert done and done.closed == (order.position_id,)
        kit.advance(5)
        assert book(kit)["positions"] == {}


def test_what_is_in_no_list_while_it_is_being_executed_is_found_at_the_second_look() -> None:
    with VenueKit(options=Options(execution_delay=3)) as kit:
        order = joined(kit).buy("EURUSD", TENTH)
        kit.settle(order.accepted())
        due = kit.clock.seconds() + 3
        account = joined(kit)  # nobody told it that there is an order
        kit.advance(due - 0.2 - kit.clock.seconds())
        assert not order.fills
        done = kit.settle(account.flatten())
        assert done and done.closed == (order.position_id,)


def test_the_answer_is_true_only_if_nothing_is_left_and_that_is_known() -> None:
    assert Flattened((1,), (2,), ())
    assert not Flattened((1,), (2,), (), (3,))
    assert not Flattened((), (), (CannotRoute("CANT_ROUTE_REQUEST"),))


def test_what_is_refused_for_good_is_tried_three_times(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account)
    kit.play("change_access", rights="no trading", account_id=USD_ACCOUNT)
    closings: list[Order] = []
    began = kit.clock.seconds()
    made = account._rooms.closing.close
    account._rooms.closing.close = lambda *given: closings.append(made(*given)) or closings[-1]  # type: ignore[method-assign,func-returns-value,assignment,arg-type,return-value]
    done = kit.settle(account.flatten())
    assert not done and done.left == (position_id,) and len(closings) == 3 and len(done.failures) == 1
    assert 1 <= kit.clock.seconds() - began < 3


def test_flattening_twice_at_once_gives_the_same_to_both(kit: VenueKit, account: Account) -> None:
    opened(kit, account)
    waiting(kit, account)
    first, second = account.flatten(), account.flatten()
    assert kit.settle(first) and kit.settle(second)
    assert book(kit)["positions"] == {} and book(kit)["orders"] == {}


def test_flattening_that_is_given_up_asks_nothing_more(kit: VenueKit, account: Account) -> None:
    opened(kit, account)
    kit.play("backend_down", seconds=30)
    flattening = account.flatten().addTimeout(2, kit.clock)
    with pytest.raises(GivenUp):
        kit.settle(flattening)
    kit.advance(60)
    assert len(book(kit)["positions"]) == 1


# Dry runs


def test_in_a_dry_run_nothing_of_any_kind_leaves(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account, stop_loss=Pips(50))
    order = waiting(kit, account)
    before = book(kit)
    account.safety = Safety(dry_run=True)
    commands: dict[str, Callable[[], Deferred[Any]]] = {
        "buying 0.1 lots of EURUSD": lambda: account.buy("EURUSD", TENTH).accepted(),
        "selling 0.1 lots of EURUSD": lambda: account.sell("EURUSD", TENTH).accepted(),
        f"closing 0.1 lots of position {position_id}": lambda: account.close(position_id).accepted(),
        f"reversing position {position_id}": lambda: account.reverse(position_id).accepted(),
        f"amending order {order.order_id}": lambda: order.amend(volume=Lots("0.2")),
        f"cancelling order {order.order_id}": order.cancel,
        f"setting the levels of position {position_id}": lambda: account.trail(position_id, Pips(20)),
    }
    for what, command in commands.items():
        with pytest.raises(DryRun) as rehearsed:
            kit.settle(command())
        assert rehearsed.value.what == what
    with pytest.raises(DryRun):
        kit.settle(account.set_levels(position_id, stop_loss=None))
    done = kit.settle(account.flatten())
    assert not done and [type(error) for error in done.failures] == [DryRun]
    assert set(done.left) == {position_id, order.order_id}
    kit.advance(2)
    assert book(kit) == before


# Limits on what works already


def test_an_order_is_made_larger_within_the_limits_only(kit: VenueKit, account: Account) -> None:
    order = waiting(kit, account)
    account.safety = Safety(max_volume=Lots("0.3"), max_open_volume=Lots("0.25"), max_positions=1)
    kit.settle(order.amend(volume=Lots("0.2")))
    for volume, limit in (("0.31", "max_volume"), ("0.26", "max_open_volume")):
        with pytest.raises(SafetyRefused) as refused:
            kit.settle(order.amend(volume=Lots(volume)))
        assert refused.value.limit == limit
    kit.settle(order.amend(volume=Lots("0.15")))
    assert [one.volume for one in ledger_of(kit, USD_ACCOUNT).orders.values()] == [1_500_000]


def test_what_an_order_is_being_made_larger_by_counts_for_the_next(kit: VenueKit, account: Account) -> None:
    order = waiting(kit, account)
    account.safety = Safety(max_open_volume=Lots("0.3"))
    growing = order.amend(volume=Lots("0.25"))
    with pytest.raises(SafetyRefused):
        kit.settle(account.buy("EURUSD", TENTH).accepted())
    kit.settle(growing)
    kit.settle(account.buy("EURUSD", Lots("0.05")).filled())


def test_limits_from_outside_hold_whatever_the_program_sets(kit: VenueKit) -> None:
    client = kit.ready_client(USD_ACCOUNT)
    client.limit(USD_ACCOUNT, Safety(max_volume=TENTH))
    account = kit.settle(client.account(USD_ACCOUNT, safety=Safety(max_volume=Lots("0.05"))).ready())
    for own, limit in (
        (Safety(), "0.1"),
        (Safety(max_volume=Lots("0.05")), "0.05"),
        (Safety(max_volume=Lots(5)), "0.1"),
    ):
        account.safety = own
        assert account.safety.max_volume == Lots(limit)
        with pytest.raises(SafetyRefused, match=f"{limit} lots are allowed"):
            kit.settle(account.buy("EURUSD", Lots("0.11")).accepted())
    client.limit(USD_ACCOUNT, Safety(max_volume=Lots("0.01")))
    assert account.safety.max_volume == Lots("0.01")


# Netted accounts


@pytest.fixture
def netted(kit: VenueKit) -> Account:
    ledger_of(kit, USD_ACCOUNT).account.account_type = NETTED
    return joined(kit)


@pytest.mark.parametrize("how", ["halt", "safety"])
def test_on_a_netted_account_what_only_closes_passes_a_halt(kit: VenueKit, netted: Account, how: str) -> None:
    opened(kit, netted)
    if how == "halt":
        netted.halt("stop")
    else:
        netted.safety = Safety(halted=True)
    with pytest.raises(TradingHalted):
        kit.settle(netted.sell("EURUSD", Lots("0.11")).accepted())
    half, other_half = netted.sell("EURUSD", Lots("0.05")), netted.sell("EURUSD", Lots("0.05"))
    with pytest.raises(TradingHalted):
        kit.settle(netted.sell("EURUSD", Lots("0.01")).accepted())
    kit.settle(half.filled())
    kit.settle(other_half.filled())
    kit.advance(1)
    assert book(kit)["positions"] == {}


def test_on_a_netted_account_a_halt_leaves_alone_what_waits_to_close(kit: VenueKit, netted: Account) -> None:
    opened(kit, netted)
    closing, opening = netted.sell("EURUSD", TENTH), netted.buy("GBPUSD", TENTH)
    netted.halt("stop")
    kit.settle(closing.filled())
    with pytest.raises(TradingHalted):
        kit.settle(opening.accepted())
    kit.advance(1)
    assert book(kit)["positions"] == {}


def test_on_a_netted_account_what_is_being_closed_is_not_sold_as_well(kit: VenueKit, netted: Account) -> None:
    netted.close(opened(kit, netted))
    netted.halt("stop")
    with pytest.raises(TradingHalted):
        kit.settle(netted.sell("EURUSD", TENTH).accepted())
    kit.advance(1)
    assert book(kit)["positions"] == {}


def test_a_netted_account_is_flat_afterwards(kit: VenueKit, netted: Account) -> None:
    opened(kit, netted)
    netted.sell("EURUSD", TENTH)
    assert kit.settle(netted.flatten())
    kit.advance(1)
    assert book(kit)["positions"] == {}


# Reversals


@pytest.mark.parametrize(
    ("safety", "terms", "refused"),
    [
        (Safety(), {"stop_loss": Price("0.5")}, LevelsRefused),
        (Safety(), {"trailing": True}, LevelsRefused),
        (Safety(max_volume=Lots("0.05")), {}, SafetyRefused),
        (Safety(symbols=frozenset({"GBPUSD"})), {}, SafetyRefused),
        (Safety(max_exposure=Money(1)), {}, SafetyRefused),
        (Safety(halted=True), {}, TradingHalted),
    ],
    ids=lambda value: "",
)
def test_what_may_not_be_opened_the_other_way_is_not_closed(
    kit: VenueKit, account: Account, safety: Safety, terms: dict[str, Any], refused: type[Exception]
) -> None:
    position_id = opened(kit, account)
    account.safety = safety
    reversal = account.reverse(position_id, **terms)
    with pytest.raises(refused):
        kit.settle(reversal.accepted())
    assert reversal.after is not None and reversal.after.state is OrderState.NOT_SENT
    assert "without being reversed" in str(reversal.after.error)
    kit.advance(1)
    assert list(book(kit)["positions"]) == [position_id]


def test_limits_that_leave_room_for_one_let_it_be_reversed(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account)
    account.safety = Safety(max_positions=1, max_open_volume=TENTH)
    reversal = kit.settle(account.reverse(position_id).filled())
    assert list(book(kit)["positions"]) == [reversal.position_id]


def test_a_reversal_takes_what_orders_that_open_take(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account, label="mine", comment="a word")
    reversal = account.reverse(
        position_id, stop_loss=Pips(30), trailing=True, client_order_id="turn-1", timeout=20, take_profit=Pips(60)
    )
    position = kit.settle(reversal.protected())
    assert (position.label, position.comment, position.trailing) == ("mine", "a word", True)
    assert kit.settle(account.find("turn-1")) is reversal
    reversal = account.reverse(position, label="other", comment="")
    position = kit.settle(reversal.protected())
    assert (position.label, position.comment) == ("other", "")
    with pytest.raises(ValueError, match="a label of 101 characters"):
        account.reverse(position, label="x" * 101)
    with pytest.raises(TypeError, match="did you mean trailing"):
        account.reverse(position, trail=True)  # type: ignore[call-arg]


def test_a_label_that_was_only_the_orders_id_is_not_handed_on(kit: VenueKit, account: Account) -> None:
    position_id = opened(kit, account)
    reversal = account.reverse(position_id)
    assert kit.settle(reversal.protected()).label == reversal.client_order_id


def test_a_reversal_of_what_is_not_open_makes_nothing(kit: VenueKit, account: Account) -> None:
    with pytest.raises(OrderNotPlaced, match="position 7 is not open"):
        kit.settle(account.reverse(7).accepted())
    with pytest.raises(OrderNotPlaced, match="position 7 is not open"):
        kit.settle(account.reverse(7).protected())
