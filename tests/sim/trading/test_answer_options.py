"""What sources disagree about is an option: how what is not there is refused, and how levels are answered."""

from __future__ import annotations

import pytest

from tests.sim.trading.staged import LIMIT, Trader, kinds, stage

STILL = (-1, 111_986, 111_990)
ORDER_ERROR, ERROR, EVENT = "ProtoOAOrderErrorEvent", "ProtoOAErrorRes", "ProtoOAExecutionEvent"


@pytest.mark.parametrize(
    ("options", "not_there", "other"),
    [
        ({}, ORDER_ERROR, ORDER_ERROR),
        ({"refusals": "error"}, ERROR, ERROR),
        ({"refusals": "rejected"}, EVENT, EVENT),
        ({"not_found": "error"}, ERROR, ORDER_ERROR),
        ({"not_found": "order error", "refusals": "error"}, ORDER_ERROR, ERROR),
    ],
)
def test_what_is_not_there_may_be_refused_in_a_way_of_its_own(options, not_there, other):
    with stage(STILL, **options) as kit:
        trader = Trader(kit)
        for name in ("CancelOrder", "AmendOrder"):
            assert trader.refused(name, orderId=7)[:2] == (not_there, "ORDER_NOT_FOUND")
        assert trader.refused("ClosePosition", positionId=7, volume=100_000)[:2] == (not_there, "POSITION_NOT_FOUND")
        assert trader.refused("AmendPositionSLTP", positionId=7, stopLoss=1.1)[:2] == (not_there, "POSITION_NOT_FOUND")
        assert trader.refused(positionId=7)[:2] == (not_there, "POSITION_NOT_FOUND")
        assert trader.refused(volume=150_000)[:2] == (other, "TRADING_BAD_VOLUME")


@pytest.mark.parametrize(
    ("answer", "new", "changed"),
    [
        ("as made", "ORDER_ACCEPTED", "ORDER_REPLACED"),
        ("replaced", "ORDER_REPLACED", "ORDER_REPLACED"),
        ("accepted", "ORDER_ACCEPTED", "ORDER_ACCEPTED"),
    ],
)
def test_levels_may_be_answered_alike_whether_there_were_any_before(answer, new, changed):
    with stage(STILL, levels_answer=answer) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        assert kinds(trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.11)) == [new]
        assert kinds(trader.does("AmendPositionSLTP", positionId=position, takeProfit=1.13)) == [changed]
        assert kinds(trader.does("AmendPositionSLTP", positionId=position)) == ["ORDER_CANCELLED"]


@pytest.mark.parametrize("answer", ["replaced", "accepted"])
def test_what_the_venue_does_with_levels_by_itself_is_told_as_ever(answer):
    with stage(STILL, levels_answer=answer) as kit:
        trader = Trader(kit)
        told = trader.order(volume=200_000, relativeStopLoss=500)
        assert kinds(told) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_ACCEPTED"]
        told = trader.does("ClosePosition", positionId=told[1].position.positionId, volume=100_000)
        assert kinds(told) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_REPLACED"]
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        assert kinds(trader.does("AmendOrder", orderId=placed.order.orderId, stopLoss=1.1)) == ["ORDER_REPLACED"]
