"""The kill switch says that nothing is left only if nothing is, whatever was on its way when it was thrown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.market import Lots
from ctrader_twisted.messages import ProtoOATimeInForce
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import ledger_of
from tests.account.exchanges import SATURDAY
from tests.account.joining import joined

if TYPE_CHECKING:
    from ctrader_twisted.account import Account
    from ctrader_twisted.account.account import Flattened

TENTH = Lots("0.1")


@pytest.fixture
def account(kit: VenueKit) -> Account:
    return joined(kit)


def assert_flat(kit: VenueKit, done: Flattened) -> None:
    assert done and done.failures == ()
    ledger = ledger_of(kit, USD_ACCOUNT)
    assert not ledger.open_positions()
    kit.advance(1)  # nor is anything executed afterwards
    assert not ledger.open_positions() and not ledger.orders


def test_an_order_that_has_just_left_is_closed_too(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.clock.advance(0)
    done = kit.settle(account.flatten())
    assert_flat(kit, done)
    assert done.closed == (order.position_id,)


def test_an_order_that_is_being_executed_is_closed_too(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.settle(order.accepted())
    assert not order.fills
    done = kit.settle(account.flatten())
    assert_flat(kit, done)
    assert done.closed == (order.position_id,)


def test_an_order_of_another_client_that_is_being_executed_is_closed_too(kit: VenueKit, account: Account) -> None:
    other = joined(kit)
    order = other.buy("EURUSD", TENTH)
    kit.settle(order.accepted())
    assert not order.fills
    done = kit.settle(account.flatten())
    assert_flat(kit, done)
    assert done.closed == (order.position_id,)


def test_an_order_whose_outcome_is_unknown_is_closed_too_and_what_is_open_does_not_wait_for_it(
    kit: VenueKit, account: Account
) -> None:
    there = account.sell("EURUSD", TENTH)
    kit.settle(there.filled())
    kit.play("drop_answers", request="ProtoOANewOrderReq")
    order = account.buy("EURUSD", TENTH, timeout=3)
    kit.advance(0)
    flattening = account.flatten()
    kit.advance(1)
    assert there.position_id not in ledger_of(kit, USD_ACCOUNT).positions
    done = kit.settle(flattening)
    assert_flat(kit, done)
    assert done.closed == (there.position_id, order.position_id)


def test_a_connection_that_is_lost_again_and_again_uses_up_no_try(kit: VenueKit, account: Account) -> None:
    kit.settle(account.buy("EURUSD", TENTH).filled())
    flattening = account.flatten()
    for _ in range(5):
        assert account.stands
        kit.network.cut()  # its question is lost
        while not account.stands:
            kit.clock.advance(0.01)
            kit.network.pump()
    assert_flat(kit, kit.settle(flattening))


def test_an_order_that_waits_for_the_market_to_open_is_pending_and_is_cancelled() -> None:
    with VenueKit(start=SATURDAY) as kit:
        account = joined(kit)
        order = account.buy("EURUSD", TENTH, time_in_force=ProtoOATimeInForce.MARKET_ON_OPEN)
        kit.settle(order.accepted())
        assert list(account.pending) == [order.order_id]
        done = kit.settle(account.flatten())
        assert_flat(kit, done)
        assert done.cancelled == (order.order_id,)


def test_nor_is_one_whose_answer_is_lost_waited_for_until_the_market_opens() -> None:
    with VenueKit(start=SATURDAY) as kit:
        account = joined(kit)
        kit.play("drop_answers", request="ProtoOANewOrderReq")
        account.buy("EURUSD", TENTH, time_in_force=ProtoOATimeInForce.MARKET_ON_OPEN, timeout=1)
        kit.advance(0)
        assert not account.pending
        assert_flat(kit, kit.settle(account.flatten()))


def test_what_can_t_be_closed_is_said(kit: VenueKit, account: Account) -> None:
    order = account.buy("EURUSD", TENTH)
    kit.settle(order.filled())
    kit.play("change_access", rights="no trading", account_id=USD_ACCOUNT)
    done = kit.settle(account.flatten())
    assert not done and done.closed == ()
    assert [type(error).__name__ for error in done.failures] == ["TradingNotAllowed"]
