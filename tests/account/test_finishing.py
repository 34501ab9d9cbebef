"""Orders on their way when the client is about to be closed: waited for, taken back, told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from ctrader_twisted.account import OrderState
from ctrader_twisted.errors import RequestNotSent
from ctrader_twisted.market import Lots, Price
from ctrader_twisted.messages import ProtoOAExecutionEvent, ProtoOAExecutionType, ProtoOATimeInForce
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.logger import LogEvent

    from ctrader_twisted import OpenApiClient
    from ctrader_twisted.account import Account
    from tests.conftest import LoggedErrors

TENTH = Lots("0.1")
SATURDAY = 1_772_884_800_000  # 2026-03-07, 12:00 UTC


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit


@pytest.fixture
def client(kit: VenueKit) -> OpenApiClient:
    return kit.ready_client(USD_ACCOUNT)


@pytest.fixture
def account(kit: VenueKit, client: OpenApiClient) -> Account:
    return kit.settle(client.account(USD_ACCOUNT).ready())


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """What is logged as a warning."""
    said: list[str] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] is LogLevel.warn:
            said.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield said
    globalLogPublisher.removeObserver(observe)


def errors(logged_errors: LoggedErrors) -> list[str]:
    """Take what was logged as errors."""
    said = [formatEvent(event) for event in logged_errors.events]
    logged_errors.flush()
    return said


def positions(kit: VenueKit) -> int:
    return len(kit.venue.exchange.desk(USD_ACCOUNT).ledger.positions)


def test_an_order_given_the_moment_before_is_filled(kit: VenueKit, client: OpenApiClient, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    assert order.state.value == "preparing"
    assert kit.settle(client.finish()) == ()
    assert order.state.value == "filled"
    kit.settle(client.close())
    assert positions(kit) == 1


def test_it_is_over_at_once_where_no_order_is_on_its_way(
    kit: VenueKit, client: OpenApiClient, account: Account
) -> None:
    kit.settle(account.limit("buy", "EURUSD", TENTH, Price("0.5")).accepted())
    before = kit.clock.getDelayedCalls()
    came: list[object] = []
    client.finish().addCallback(came.append)
    assert came == [()]
    assert kit.clock.getDelayedCalls() == before


def test_what_waits_for_a_price_or_for_the_open_is_not_waited_for() -> None:
    with VenueKit(start=SATURDAY) as kit:
        client = kit.ready_client(USD_ACCOUNT)
        account = kit.settle(client.account(USD_ACCOUNT).ready())
        on_open = ProtoOATimeInForce.MARKET_ON_OPEN
        order = account.buy("EURUSD", TENTH, time_in_force=on_open, stop_loss=Price("1.05123"))
        resting = account.limit("buy", "EURUSD", TENTH, Price("0.5"))
        assert kit.settle(client.finish(), within=2) == ()
        assert (order.state, resting.state) == (OrderState.ACCEPTED, OrderState.ACCEPTED)


def test_levels_that_are_set_after_the_fill_are_set(kit: VenueKit, client: OpenApiClient, account: Account) -> None:
    order = account.buy("EURUSD", TENTH, stop_loss=Price("1.05123"))
    assert kit.settle(client.finish()) == ()
    kit.settle(client.close())
    assert order.position_id is not None
    held = kit.venue.exchange.desk(USD_ACCOUNT).ledger.positions[order.position_id]
    assert held.stop_loss == 105_123


def test_a_reversal_is_done_to_its_end(kit: VenueKit, client: OpenApiClient, account: Account) -> None:
    bought = kit.settle(account.buy("EURUSD", TENTH).filled())
    assert bought.position_id is not None
    sold = account.reverse(bought.position_id)
    assert kit.settle(client.finish()) == ()
    assert sold.state.value == "filled"
    assert [each.side.name for each in account.positions.values()] == ["SELL"]


def test_all_accounts_are_waited_for(kit: VenueKit) -> None:
    client = kit.ready_client(USD_ACCOUNT, EUR_ACCOUNT)
    accounts = [kit.settle(client.account(each).ready()) for each in (USD_ACCOUNT, EUR_ACCOUNT)]
    for account in accounts:
        order = account.buy("EURUSD", TENTH)
        assert kit.settle(client.finish()) == ()
        assert order.state is OrderState.FILLED


def test_one_that_cannot_leave_is_taken_back_and_told(
    kit: VenueKit, client: OpenApiClient, account: Account, logged_errors: LoggedErrors, warned: list[str]
) -> None:
    kit.play("drop_answers", request="ProtoOASymbolByIdReq")
    order = account.buy("EURUSD", TENTH, client_order_id="mine")
    assert kit.settle(client.finish(3), within=3.1) == (order,)
    assert order.state.value == "not sent"
    assert isinstance(order.error, RequestNotSent)
    assert errors(logged_errors) == [
        "order 'mine' to buy 0.1 lots of EURUSD was preparing after 3.0 s: it is taken back, and not sent any more"
    ]
    assert warned == []
    kit.advance(60)
    kit.settle(client.close())
    assert positions(kit) == 0


def test_one_that_waits_for_its_turn_is_taken_back_and_those_before_it_are_not(
    kit: VenueKit, client: OpenApiClient, account: Account, logged_errors: LoggedErrors
) -> None:
    kit.settle(account.symbol("EURUSD"))
    orders = [account.buy("EURUSD", Lots("0.01")) for _ in range(100)]
    left = kit.settle(client.finish(1.0))
    assert 0 < len(left) < 100
    assert left == tuple(orders[-len(left) :])
    assert {order.state for order in left} == {OrderState.NOT_SENT}
    assert len(errors(logged_errors)) == len(left)
    kit.advance(10)
    assert positions(kit) == 100 - len(left)


def test_one_that_has_left_and_is_not_answered_is_told_of_and_goes_on(
    kit: VenueKit, client: OpenApiClient, account: Account, logged_errors: LoggedErrors
) -> None:
    kit.settle(account.symbol("EURUSD"))
    kit.play("drop_answers", count=2, request="ProtoOANewOrderReq")
    order = account.buy("EURUSD", TENTH, client_order_id="mine")
    assert kit.settle(client.finish()) == (order,)
    assert order.state.value == "sent"
    said = "order 'mine' to buy 0.1 lots of EURUSD was sent after 5.0 s: it has left, and may be carried out"
    assert errors(logged_errors) == [said]
    assert kit.settle(client.finish()) == (order,)
    assert errors(logged_errors) == []  # that was said
    kit.settle(client.close())
    assert order.state.value == "unknown"
    assert kit.settle(client.finish(), within=0.1) == (order,)  # nothing more will be known
    assert positions(kit) == 1


def test_one_that_was_accepted_and_of_which_no_end_is_told_is_named(
    kit: VenueKit,
    client: OpenApiClient,
    account: Account,
    logged_errors: LoggedErrors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell = kit.venue.exchange.tell

    def told(account_id: int, event: Any, *args: Any, **more: Any) -> None:
        if getattr(event, "executionType", None) != ProtoOAExecutionType.ORDER_FILLED:
            tell(account_id, event, *args, **more)

    monkeypatch.setattr(kit.venue.exchange, "tell", told)
    order = account.buy("EURUSD", TENTH)
    assert kit.settle(client.finish()) == (order,)
    (said,) = errors(logged_errors)
    assert said.endswith("was accepted after 5.0 s: what comes of it is not waited for")


def test_levels_that_are_not_known_to_stand_are_told(
    kit: VenueKit, client: OpenApiClient, account: Account, logged_errors: LoggedErrors
) -> None:
    kit.play("drop_answers", request="ProtoOAAmendPositionSLTPReq")
    order = account.buy("EURUSD", TENTH, stop_loss=Price("1.05123"))
    assert kit.settle(client.finish()) == (order,)
    (said,) = errors(logged_errors)
    assert said.endswith("was filled after 5.0 s, and its levels may not be as asked for")


def test_levels_of_one_that_was_refused_are_not_waited_for(
    kit: VenueKit, client: OpenApiClient, account: Account
) -> None:
    account.buy("EURUSD", Lots(1000), stop_loss=Price("1.05123"))
    assert kit.settle(client.finish(), within=3) == ()


def test_a_loss_that_heals_in_time_costs_nothing(kit: VenueKit, client: OpenApiClient, account: Account) -> None:
    kit.settle(account.symbol("EURUSD"))
    kit.play("drop_answers", request="ProtoOANewOrderReq")
    order = account.buy("EURUSD", TENTH)
    kit.advance(0.2)
    assert order.state.value == "sent"
    kit.cut()
    assert kit.settle(client.finish()) == ()
    assert order.state.value == "filled"


def test_a_loss_that_does_not_heal_holds_up_no_longer(
    kit: VenueKit, client: OpenApiClient, account: Account, logged_errors: LoggedErrors
) -> None:
    kit.settle(account.symbol("EURUSD"))
    kit.play("drop_answers", request="ProtoOANewOrderReq")
    order = account.buy("EURUSD", TENTH)
    kit.advance(0.2)
    kit.refuse_connections()
    kit.cut()
    assert kit.settle(client.finish(), within=5.1) == (order,)
    assert order.state.value == "unknown"
    assert "was unknown after 5.0 s: it has left, and may be carried out" in errors(logged_errors)[0]


def test_who_gives_it_up_has_what_is_left_at_once(
    kit: VenueKit, client: OpenApiClient, account: Account, logged_errors: LoggedErrors
) -> None:
    kit.play("drop_answers", request="ProtoOASymbolByIdReq")
    order = account.buy("EURUSD", TENTH)
    came: list[object] = []
    finishing = client.finish().addBoth(came.append)
    kit.advance(1)
    assert came == []
    finishing.cancel()
    assert came == [(order,)]
    assert "was preparing after 1.0 s: it is taken back" in errors(logged_errors)[0]


def test_it_ends_with_the_client(kit: VenueKit, client: OpenApiClient, account: Account, warned: list[str]) -> None:
    kit.play("drop_answers", request="ProtoOASymbolByIdReq")
    order = account.buy("EURUSD", TENTH)
    came: list[object] = []
    client.finish().addBoth(came.append)
    kit.settle(client.close())
    kit.advance(0)
    assert came == [()]
    assert order.state.value == "not sent"
    assert len(warned) == 1


def test_a_refusal_that_nobody_else_waits_for_is_logged_as_ever(
    kit: VenueKit, client: OpenApiClient, account: Account, warned: list[str]
) -> None:
    account.buy("EURUSD", Lots(1000), client_order_id="mine")
    assert kit.settle(client.finish()) == ()
    assert len(warned) == 1
    assert "NOT_ENOUGH_MONEY" in warned[0]


def test_listeners_of_the_fill_are_told_before_it_is_over(
    kit: VenueKit, client: OpenApiClient, account: Account
) -> None:
    told: list[int] = []
    account.buy("EURUSD", TENTH)
    client.on(ProtoOAExecutionEvent, lambda event: told.append(event.executionType))
    closing = client.finish().addCallback(lambda _: client.close())
    kit.settle(closing)
    assert told == [2, 3]
