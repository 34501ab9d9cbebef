"""What became of an order is not known: which of the server's orders it is, and who is told when."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, TimeoutError

from ctrader_twisted import messages
from ctrader_twisted.account import Order, OrderState, PositionClosed, PositionOpened, Safety
from ctrader_twisted.account.account import SETTLE_AFTER
from ctrader_twisted.errors import (
    ClientClosed,
    LevelsMissing,
    LevelsRefused,
    NeverArrived,
    NotEnoughMoney,
    OrderNotPlaced,
    OutcomeUnknown,
    RequestNotSent,
    SafetyRefused,
)
from ctrader_twisted.market import Lots, Money, Pips, Price
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import ledger_of
from tests.account.exchanges import SATURDAY
from tests.account.joining import joined

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from ctrader_twisted.account import Account

TENTH = Lots("0.1")
FILLED = messages.ProtoOAExecutionType.ORDER_FILLED


@pytest.fixture
def account(kit: VenueKit) -> Account:
    return joined(kit)


def round_trip(kit: VenueKit, account: Account, **terms: Any) -> None:
    kit.settle(account.buy("EURUSD", TENTH, **terms).filled())
    for closing in account.close_all():
        kit.settle(closing.filled())


def withhold_events(kit: VenueKit, kind: int) -> list[Any]:
    """Let nobody hear of executions of a kind; give them."""
    exchange = kit.venue.exchange
    tell, withheld = exchange.tell, []

    def told(account_id: int, event: Any, *args: Any, **more: Any) -> None:
        if getattr(event, "executionType", None) == kind:
            withheld.append(event)
        else:
            tell(account_id, event, *args, **more)

    exchange.tell = told  # type: ignore[method-assign]
    return withheld


# Which of the server's orders it is


def test_a_close_that_was_carried_out_before_its_answer_was_lost_with_the_line_is_found(
    kit: VenueKit, account: Account
) -> None:
    order = account.buy("EURUSD", Lots("0.3"))
    kit.settle(order.filled())
    assert order.position_id is not None
    kit.settle(account.close(order.position_id, TENTH).filled())  # as large as the next
    kit.play("drop_answers", request="ProtoOAClosePositionReq")
    closing = account.close(order.position_id, TENTH)
    kit.advance(1)
    assert closing.state is OrderState.SENT
    kit.cut()
    kit.settle(closing.filled())
    closings = [each for each in ledger_of(kit, USD_ACCOUNT).past_orders.values() if each.closing]
    assert closing.order_id == closings[-1].order_id and len(closings) == 2 and closing.profit is not None
    assert account.positions[order.position_id].volume == 1_000_000


@pytest.mark.parametrize(("side", "amount"), [("buy", TENTH), ("sell", Lots("0.3"))])
def test_an_older_order_of_the_same_id_is_not_taken_for_this_one(
    kit: VenueKit, account: Account, side: Any, amount: Lots
) -> None:
    round_trip(kit, account, client_order_id="daily")
    kit.settle(account._client.close())  # type: ignore[attr-defined]
    order = joined(kit).market(side, "EURUSD", amount, client_order_id="daily")
    kit.clock.advance(0)  # it leaves
    kit.cut()  # and is lost
    with pytest.raises(NeverArrived):
        kit.settle(order.accepted(), within=120)
    assert order.fills == ()


def test_an_order_of_the_same_id_that_somebody_else_places_is_not_taken_for_this_one(
    kit: VenueKit, account: Account
) -> None:
    other = joined(kit)
    quote = kit.venue.exchange.quote(1)
    assert quote is not None
    far = Price(Decimal(quote.bid - 1_000) / 100_000)
    mine = account.limit("buy", "EURUSD", TENTH, far, client_order_id="same")
    kit.settle(mine.accepted())
    theirs = other.sell("EURUSD", TENTH, client_order_id="same")
    kit.settle(theirs.filled())
    assert mine.state is OrderState.ACCEPTED and mine.order_id != theirs.order_id
    kit.settle(mine.cancel())


def test_an_order_of_the_same_id_and_another_volume_is_not_taken_for_this_one(kit: VenueKit, account: Account) -> None:
    other = joined(kit)
    order = account.buy("EURUSD", TENTH, client_order_id="same")
    kit.clock.advance(0)
    kit.network.links[0].cut()
    kit.settle(other.buy("EURUSD", Lots("0.2"), client_order_id="same").filled())
    with pytest.raises(NeverArrived):
        kit.settle(order.accepted(), within=120)
    assert kit.settle(account.settled()) is account, "nothing is in doubt any more"


def test_an_older_order_of_the_same_id_that_is_far_down_the_list_is_not_taken_for_this_one() -> None:
    with VenueKit(options=Options(rows_per_page=5)) as kit:
        account = joined(kit)
        round_trip(kit, account, client_order_id="daily")
        for _ in range(8):
            round_trip(kit, account)
        kit.settle(account._client.close())  # type: ignore[attr-defined]
        account = joined(kit)
        account._rooms.inquiries.recent_orders = everything(account)  # type: ignore[method-assign]
        order = account.buy("EURUSD", TENTH, client_order_id="daily")
        kit.clock.advance(0)
        kit.cut()
        with pytest.raises(NeverArrived):
            kit.settle(order.accepted(), within=120)


def everything(account: Account) -> Any:
    """Read the lists to their end, whatever is wanted of them."""
    recent = account._rooms.inquiries.recent_orders

    async def all_of_them(since_ms: int, now_ms: int) -> tuple[list[Any], bool]:
        return await recent(0, now_ms)

    return all_of_them


def test_a_close_of_another_part_by_somebody_else_is_not_taken_for_this_one(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", Lots("0.5"))
    kit.settle(order.filled())
    assert order.position_id is not None
    other = joined(kit)
    closing = account.close(order.position_id, TENTH)
    kit.clock.advance(0)
    kit.network.links[0].cut()
    kit.settle(other.close(order.position_id, Lots("0.2")).filled())
    with pytest.raises(NeverArrived):
        kit.settle(closing.accepted(), within=120)
    assert account.positions[order.position_id].volume == 3_000_000


def test_what_is_in_no_list_that_ends_is_not_held_lost(
    kit: VenueKit, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_short(since_ms: int, now_ms: int) -> tuple[list[Any], bool]:
        return [], False

    monkeypatch.setattr(account._rooms.inquiries, "recent_orders", cut_short)
    order = account.buy("EURUSD", TENTH)
    kit.clock.advance(0)
    kit.cut()
    kit.advance(10 * SETTLE_AFTER)
    assert order.state is OrderState.UNKNOWN


def test_what_is_missing_is_looked_for_twice_however_long_the_account_was_away(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.clock.advance(0)
    kit.refuse_connections()
    kit.cut()
    kit.advance(3 * SETTLE_AFTER)
    looks: list[OrderState] = []
    look = account._rooms.inquiries.recent_orders

    async def counted(since_ms: int, now_ms: int) -> tuple[list[Any], bool]:
        looks.append(order.state)
        return await look(since_ms, now_ms)

    account._rooms.inquiries.recent_orders = counted  # type: ignore[method-assign]
    kit.accept_connections()
    kit.settle(order.done(), within=120)
    assert looks == [OrderState.UNKNOWN] * 2 and order.state is OrderState.NEVER_ARRIVED


def test_an_order_is_settled_however_long_the_history_of_a_flat_account_is() -> None:
    with VenueKit(options=Options(rows_per_page=5)) as kit:
        account = joined(kit)
        for _ in range(8):
            round_trip(kit, account)
        order = joined(kit).buy("EURUSD", TENTH)
        kit.clock.advance(0)
        for link in tuple(kit.network.links):
            link.cut()
        kit.settle(order.done(), within=120)
        assert order.state is OrderState.NEVER_ARRIVED


def test_an_order_is_found_however_many_came_after_it() -> None:
    with VenueKit(options=Options(rows_per_page=5)) as kit:
        account = joined(kit)
        round_trip(kit, account, client_order_id="tuesday-1")
        for _ in range(8):
            round_trip(kit, account)
        found = kit.settle(joined(kit).find("tuesday-1"))
        assert found.state is OrderState.FILLED and len(found.fills) == 1


def test_what_the_lists_were_not_read_to_their_end_for_is_not_said_to_be_missing(
    kit: VenueKit, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_short(since_ms: int, now_ms: int) -> tuple[list[Any], bool]:
        return [], False

    monkeypatch.setattr(account._rooms.inquiries, "recent_orders", cut_short)
    with pytest.raises(OutcomeUnknown):
        kit.settle(account.find("tuesday-1"))


def test_an_order_is_not_said_to_be_missing_as_long_as_it_may_be_on_its_way(kit: VenueKit, account: Account) -> None:
    began = kit.clock.seconds()
    with pytest.raises(NeverArrived):
        kit.settle(account.find("never"))
    assert kit.clock.seconds() - began >= SETTLE_AFTER


def test_one_order_is_found_as_one_object_however_often_it_is_looked_for(kit: VenueKit, account: Account) -> None:
    round_trip(kit, account, client_order_id="tuesday-1")
    other = joined(kit)
    first, second = other.find("tuesday-1"), other.find("tuesday-1")
    assert kit.settle(first) is kit.settle(second)


# What became of it


def test_an_order_that_was_filled_while_the_line_was_gone_does_not_stay_accepted(
    kit: VenueKit, account: Account
) -> None:
    withheld = withhold_events(kit, FILLED)
    order = account.buy("EURUSD", TENTH)
    kit.advance(3)
    assert withheld and order.state is OrderState.ACCEPTED
    kit.cut()
    kit.settle(order.filled())
    assert order.position is not None and len(order.fills) == 1


def test_an_order_that_arrives_after_it_was_held_lost_is_told_of_and_logged(
    kit: VenueKit, account: Account, logged_errors: Any
) -> None:
    order = account.buy("EURUSD", TENTH, client_order_id="late")
    told: list[OrderState] = []
    order.on_change(lambda changed: told.append(changed.state))
    kit.clock.advance(0)
    kit.cut()
    with pytest.raises(NeverArrived):
        kit.settle(order.filled(), within=120)
    # As it would come, had something on its way kept it.
    kit.settle(
        kit.ready_client(USD_ACCOUNT).new_order(
            ctidTraderAccountId=USD_ACCOUNT,
            symbolId=1,
            orderType="MARKET",
            tradeSide="BUY",
            volume=1_000_000,
            clientOrderId="late",
        )
    )
    kit.advance(1)
    assert order.state is OrderState.FILLED and told[-1] is OrderState.FILLED
    assert kit.settle(order.filled()) is order and order.position is not None
    assert any("never arrived, and has" in str(event["log_format"]) for event in logged_errors.events)
    logged_errors.flush()


def test_levels_that_never_come_are_an_error_that_names_them(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH, stop_loss=Pips(30), take_profit=Pips(30))
    kit.settle(order.accepted())
    desk = kit.venue.exchange.desk(USD_ACCOUNT)
    for held in (*desk.ledger.orders.values(), *desk.ledger.past_orders.values()):
        held.relative_stop_loss = None  # the server drops it, as it does with levels on the wrong side (observed)
    with pytest.raises(LevelsMissing) as missing:
        kit.settle(order.protected())
    assert missing.value.missing == ("stop loss",) and missing.value.position_id == order.position_id
    assert "set_levels" in str(missing.value)


@pytest.mark.parametrize("level", [Money("1e9"), Pips(20_000)])
def test_a_stop_loss_below_zero_protects_nobody_and_is_refused(kit: VenueKit, account: Account, level: Any) -> None:
    with pytest.raises(LevelsRefused, match="below zero"):
        kit.settle(account.buy("EURUSD", TENTH, stop_loss=level).accepted())
    order = account.buy("EURUSD", TENTH)
    kit.settle(order.filled())
    assert order.position is not None
    with pytest.raises(LevelsRefused, match="below zero"):
        kit.settle(account.set_levels(order.position, stop_loss=level))


def test_a_fault_after_an_order_has_left_does_not_say_that_it_has_not(
    kit: VenueKit, account: Account, monkeypatch: pytest.MonkeyPatch, logged_errors: Any
) -> None:
    taken = account._rooms.books.executed

    def fault(event: Any) -> None:
        monkeypatch.setattr(account._rooms.books, "executed", taken)
        raise RuntimeError("ours")

    monkeypatch.setattr(account._rooms.books, "executed", fault)
    order = account.buy("EURUSD", TENTH)
    kit.settle(order.filled())
    assert order.state is OrderState.FILLED and len(account.positions) == 1
    assert [failure.getErrorMessage() for failure in logged_errors.flush(RuntimeError)] == ["ours"]


def test_an_order_is_not_sent_when_nobody_wants_it_any_more(kit: VenueKit) -> None:
    account = kit.client().account(USD_ACCOUNT)  # nobody has authorised it
    order, patient = account.buy("EURUSD", TENTH, timeout=2), account.buy("EURUSD", TENTH)
    kit.advance(3)
    assert isinstance(order.error, RequestNotSent) and patient.state is OrderState.PREPARING
    kit.advance(30)
    assert isinstance(patient.error, RequestNotSent)


def test_before_an_account_is_ready_nothing_is_said_of_what_is_open(kit: VenueKit) -> None:
    account = kit.client().account(USD_ACCOUNT)
    with pytest.raises(OrderNotPlaced, match="wait for ready"):
        kit.settle(account.set_levels(5, stop_loss=Pips(3)))


# Who is told, and when


def test_listeners_are_told_before_those_who_wait(kit: VenueKit, account: Account) -> None:
    told: list[str] = []
    account.on(PositionOpened, lambda _: told.append("position"))
    order = account.buy("EURUSD", TENTH)
    order.on_change(lambda changed: told.append(changed.state.value))
    order.filled().addCallback(lambda _: told.append("waiter"))
    kit.advance(1)
    assert told[-3:] == ["position", "filled", "waiter"]


def test_what_lists_tell_is_believed_before_those_who_wait_are_told(kit: VenueKit, account: Account) -> None:
    account.safety = Safety(max_positions=1)
    kit.play("drop_answers", request="ProtoOANewOrderReq")
    order = account.buy("EURUSD", TENTH, timeout=2)
    found: list[Any] = []

    def next_one(done: Order) -> Deferred[Order]:
        found.append(done.position)
        return account.buy("EURUSD", TENTH).accepted()

    following = order.done().addCallback(next_one)
    with pytest.raises(SafetyRefused):
        kit.settle(following)
    assert found[0] is not None and len(account.positions) == 1


def test_one_who_waits_may_give_up_another_when_he_is_told(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    first, second = order.filled(), order.filled()
    given_up: list[Any] = []
    second.addErrback(given_up.append)
    first.addCallback(lambda _: second.cancel())
    kit.settle(order.done())
    kit.settle(order.protected())
    assert given_up[0].check(CancelledError)


def test_after_the_client_is_closed_nobody_waits_in_vain(kit: VenueKit, account: Account) -> None:
    quote = kit.venue.exchange.quote(1)
    assert quote is not None
    order = account.limit("buy", "EURUSD", TENTH, Price(Decimal(quote.bid - 1_000) / 100_000))
    kit.settle(order.accepted())
    kit.settle(account._client.close())  # type: ignore[attr-defined]
    assert kit.settle(order.accepted()) is order
    for waiting in (order.filled(), order.done(), order.protected(), account.settled()):
        with pytest.raises(ClientClosed):
            kit.settle(waiting)


def test_after_the_client_is_closed_nothing_is_ordered(kit: VenueKit, account: Account) -> None:
    kit.settle(account.buy("EURUSD", TENTH).filled())
    (position,) = account.positions.values()
    kit.settle(account._client.close())  # type: ignore[attr-defined]
    for order in (
        lambda: account.buy("EURUSD", TENTH),
        lambda: account.limit("sell", "EURUSD", TENTH, Price("2")),
        lambda: account.close(position),
        account.close_all,
        lambda: account.reverse(position),
    ):
        with pytest.raises(ClientClosed):
            order()


def test_who_waits_no_longer_than_a_while_is_told_that_his_time_ran_out(kit: VenueKit, account: Account) -> None:
    kit.play("drop_answers", count=9, request="ProtoOANewOrderReq")
    kit.play("drop_answers", count=9, request="ProtoOAReconcileReq")
    account.buy("EURUSD", TENTH, timeout=1)
    kit.advance(1.5)
    with pytest.raises(TimeoutError):
        kit.settle(account.settled().addTimeout(2, kit.clock))


def test_a_listener_that_is_a_coroutine_runs_and_its_failure_is_logged(
    kit: VenueKit, account: Account, logged_errors: Any
) -> None:
    told: list[str] = []

    async def closed(change: PositionClosed) -> None:
        told.append("closed")
        raise ZeroDivisionError("theirs")

    async def changed(order: Order) -> None:
        told.append(order.state.value)

    account.on(PositionClosed, closed)
    order = account.buy("EURUSD", TENTH)
    order.on_change(changed)
    kit.settle(order.filled())
    kit.settle(account.close_all()[0].filled())
    assert told[-2:] == ["filled", "closed"] and len(logged_errors.flush(ZeroDivisionError)) == 1


# Commands beside each other


def test_two_commands_in_one_turn_do_not_undo_each_other(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.settle(order.filled())
    assert order.position_id is not None
    first = account.set_levels(order.position_id, stop_loss=Pips(20))
    second = account.set_levels(order.position_id, take_profit=Pips(30))
    kit.settle(first)
    position = kit.settle(second)
    assert position.stop_loss is not None and position.take_profit is not None
    limit = account.limit("buy", "EURUSD", TENTH, Price("1.05"))
    kit.settle(limit.accepted())
    amends = [limit.amend(price=Price("1.051")), limit.amend(volume=Lots("0.2"))]
    for amend in amends:
        kit.settle(amend)
    (pending,) = account.pending.values()
    assert (pending.limit_price, pending.volume) == (Decimal("1.051"), 2_000_000)


def test_levels_set_right_after_a_fill_stay(kit: VenueKit, account: Account) -> None:
    quote = kit.venue.exchange.quote(1)
    assert quote is not None
    bid = Decimal(quote.bid) / 100_000
    order = account.buy("EURUSD", TENTH, stop_loss=Price(bid - Decimal("0.01")))
    kit.settle(order.filled())
    assert order.position_id is not None
    kit.settle(account.set_levels(order.position_id, stop_loss=Price(bid - Decimal("0.005"))))
    kit.advance(10)
    assert account.positions[order.position_id].stop_loss == bid - Decimal("0.005")


def test_amending_an_order_by_itself_or_by_its_account_is_the_same(kit: VenueKit, account: Account) -> None:
    order = account.limit("buy", "EURUSD", TENTH, Price("1.05"), take_profit=Pips(30), stop_loss=Pips(20))
    kit.settle(order.accepted())
    kit.settle(order.amend(take_profit=None))
    (pending,) = account.pending.values()
    assert pending.relative_take_profit is None and pending.relative_stop_loss == Decimal("0.002")


def test_a_command_whose_effect_somebody_else_has_changed_is_not_said_to_have_never_arrived(
    kit: VenueKit, account: Account
) -> None:
    order = account.limit("buy", "EURUSD", TENTH, Price("1.05"))
    kit.settle(order.accepted())
    other = joined(kit)
    kit.play("drop_answers", request="ProtoOAAmendOrderReq")
    amending = order.amend(volume=Lots("0.3"), timeout=2)
    kit.advance(1)
    kit.settle(other.amend(order.order_id or 0, price=Price("1.04")))
    with pytest.raises(OutcomeUnknown):
        kit.settle(amending)


# A refusal that comes after the time is over


@pytest.mark.parametrize("refusals", ["order error", "error", "rejected"])
def test_a_refusal_that_comes_late_is_the_order_s_end_and_not_that_it_never_arrived(refusals: str) -> None:
    with VenueKit(options=Options(refusals=refusals)) as kit:
        account = joined(kit)
        kit.play("delay_answers", delay=3, seconds=20)
        order = account.buy("EURUSD", Lots("900"), timeout=1)
        kit.advance(1.5)
        assert order.state is OrderState.UNKNOWN
        kit.advance(4)
        assert order.state is OrderState.REJECTED
        assert isinstance(order.error, NotEnoughMoney)
        assert kit.settle(account.settled()) is account


def test_a_refusal_of_closing_that_comes_late_is_the_closing_order_s(kit: VenueKit, account: Account) -> None:
    position = kit.settle(account.buy("EURUSD", TENTH).protected())
    kit.play("change_access", rights="no trading")
    kit.play("delay_answers", delay=3, seconds=20)
    closing = account.close(position, timeout=1)
    kit.advance(1.5)
    assert closing.state is OrderState.UNKNOWN
    kit.advance(4)
    assert closing.state is OrderState.REJECTED
    assert position.position_id in account.positions


def test_a_late_refusal_of_one_of_two_equal_closings_settles_neither_by_guess(kit: VenueKit, account: Account) -> None:
    kit.settle(account.buy("EURUSD", Lots("0.2")).protected())
    (position,) = account.positions.values()
    kit.play("change_access", rights="no trading")
    kit.play("delay_answers", delay=3, seconds=20)
    closings = [account.close(position, TENTH, timeout=1), account.close(position, TENTH, timeout=1)]
    kit.advance(5)
    assert [closing.state for closing in closings] == [OrderState.UNKNOWN] * 2
    kit.advance(SETTLE_AFTER * 2)
    assert [closing.state for closing in closings] == [OrderState.NEVER_ARRIVED] * 2


# What nobody tells although the line stands


def test_a_fill_that_no_event_tells_is_asked_for(kit: VenueKit, account: Account) -> None:
    withhold_events(kit, FILLED)
    order = account.buy("EURUSD", TENTH)
    kit.settle(order.accepted())
    kit.advance(SETTLE_AFTER - 1)
    assert order.state is OrderState.ACCEPTED
    kit.settle(order.filled(), within=10)
    assert order.position is not None
    assert account.balance is not None and account.stands


def test_a_closing_that_no_event_tells_is_asked_for(kit: VenueKit, account: Account) -> None:
    position = kit.settle(account.buy("EURUSD", TENTH).protected())
    withhold_events(kit, FILLED)
    closing = account.close(position)
    kit.settle(closing.filled(), within=SETTLE_AFTER + 10)
    assert not account.positions


def test_an_order_for_the_opening_is_not_asked_for_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with VenueKit(start=SATURDAY) as kit:
        client = kit.ready_client(USD_ACCOUNT)
        account = kit.settle(client.account(USD_ACCOUNT).ready())
        kit.settle(account.symbol("EURUSD"))
        asked: list[str] = []
        send = client.request

        def noted(message: Any, **more: Any) -> Any:
            asked.append(type(message).__name__)
            return send(message, **more)

        monkeypatch.setattr(client, "request", noted)
        order = account.buy("EURUSD", TENTH, time_in_force=messages.ProtoOATimeInForce.MARKET_ON_OPEN)
        kit.advance(SETTLE_AFTER * 3)
        assert order.state is OrderState.ACCEPTED
        assert asked == ["ProtoOANewOrderReq"]


def test_an_order_that_was_changed_on_its_way_is_still_ours(kit: VenueKit, account: Account) -> None:
    """What the server makes of an order may differ in type; overlooked, it would be held to have never arrived."""
    withhold_events(kit, messages.ProtoOAExecutionType.ORDER_ACCEPTED)
    quote = kit.venue.exchange.quote(1)
    assert quote is not None
    order = account.limit("buy", "EURUSD", TENTH, Price(Decimal(quote.bid - 1_000) / 100_000), timeout=1)
    kit.advance(0.5)
    assert order.state is OrderState.SENT and order.order_id is None
    (theirs,) = ledger_of(kit, USD_ACCOUNT).orders.values()
    theirs.order_type, theirs.stop_price = messages.ProtoOAOrderType.STOP_LIMIT, quote.ask + 5_000
    kit.settle(order.accepted())
    assert order.order_id == theirs.order_id
