"""Guaranteed stop losses: what they cost, and the margin of an account of limited risk that follows from them."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from tests.sim.trading.staged import SELL, Trader, kinds, stage

STILL = (-1, 111_986, 111_990)
LEVERAGE, STOP, BOTH = 0, 1, 2
CHARGE = messages.ProtoOAChangeBalanceType.BALANCE_WITHDRAW_GSL_CHARGE
OFFERED = {"guaranteed_stop_loss": True}


def limited(strategy, *moves, **account):
    fields = {"limited_risk": True, "limited_risk_margin": strategy, "margin_calls": {}} | account
    return stage(STILL, *moves, account=fields, changes=OFFERED)


@pytest.mark.parametrize(
    ("strategy", "margin"),
    # 2000 x 1.1199 / 100 by the leverage; 2000 x 0.005 by the stop
    [(LEVERAGE, 22_40), (STOP, 10_00), (BOTH, 22_40)],
)
def test_margin_follows_from_the_guaranteed_stop(strategy, margin):
    with limited(strategy) as kit:
        trader = Trader(kit)
        bought = trader.opens(volume=200_000, relativeStopLoss=500, guaranteedStopLoss=True)
        assert bought.usedMargin == margin
        sold = trader.opens(volume=200_000, tradeSide=SELL, relativeStopLoss=500, guaranteedStopLoss=True)
        assert sold.usedMargin == margin


def test_a_wide_stop_holds_more_than_the_leverage_where_both_count():
    with limited(BOTH) as kit:
        position = Trader(kit).opens(volume=200_000, relativeStopLoss=5_000, guaranteedStopLoss=True)
    assert position.usedMargin == 100_00


def test_a_stop_that_is_moved_nearer_frees_margin_and_one_beyond_the_opening_needs_none():
    with limited(STOP, (5, 112_986, 112_990)) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=200_000, relativeStopLoss=500, guaranteedStopLoss=True)
        (replaced,) = trader.does("AmendPositionSLTP", positionId=position.positionId, stopLoss=1.1169)
        assert replaced.position.usedMargin == 6_00
        trader.hears(5)
        (replaced,) = trader.does("AmendPositionSLTP", positionId=position.positionId, stopLoss=1.1250)
        assert replaced.position.usedMargin == 0


def test_a_part_that_is_closed_takes_its_margin_with_it():
    with limited(STOP) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=200_000, relativeStopLoss=500, guaranteedStopLoss=True)
        closed = trader.does("ClosePosition", positionId=position.positionId, volume=100_000)
    assert closed[1].position.usedMargin == 5_00


def test_the_money_an_order_needs_follows_from_its_stop():
    with limited(STOP, balance=60_00) as kit:
        trader = Trader(kit)
        assert trader.refused(volume=1_300_000, relativeStopLoss=500, guaranteedStopLoss=True)[1] == "NOT_ENOUGH_MONEY"
        assert trader.opens(volume=1_100_000, relativeStopLoss=500, guaranteedStopLoss=True).usedMargin == 55_00


def test_how_the_margin_is_worked_out_is_told():
    with limited(BOTH) as kit:
        trader = Trader(kit).ask("Trader").trader
    assert (trader.isLimitedRisk, trader.limitedRiskMarginCalculationStrategy) == (True, BOTH)
    with stage(STILL) as kit:
        trader = Trader(kit).ask("Trader").trader
    assert not trader.HasField("limitedRiskMarginCalculationStrategy")


def test_a_guarantee_is_charged_once_when_it_is_given():
    with stage(STILL, changes=OFFERED | {"gsl_charge": 12}) as kit:
        trader = Trader(kit)
        events = trader.order(volume=200_000, relativeStopLoss=500, guaranteedStopLoss=True)
        assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_ACCEPTED", "* DEPOSIT_WITHDRAW"]
        flow = events[-1].depositWithdraw  # 12 ticks of 2000 units
        assert (flow.operationType, flow.delta, flow.balance, flow.balanceVersion) == (CHARGE, -24, 9_999_76, 2)
        again = trader.does("AmendPositionSLTP", positionId=events[-2].position.positionId, stopLoss=1.117)
        assert kinds(again) == ["ORDER_REPLACED"]
        now = kit.venue.now()
        listed = trader.ask("CashFlowHistoryList", fromTimestamp=now - 5_000, toTimestamp=now)
        assert [one.operationType for one in listed.depositWithdraw] == [CHARGE]


def test_a_stop_is_charged_when_it_becomes_guaranteed():
    with stage(STILL, changes=OFFERED | {"gsl_charge": 12}) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=200_000, relativeStopLoss=500)
        assert trader.ledger.account.balance == 10_000_00
        told = trader.does("AmendPositionSLTP", positionId=position.positionId, stopLoss=1.117, guaranteedStopLoss=True)
        assert kinds(told) == ["ORDER_REPLACED", "* DEPOSIT_WITHDRAW"]
