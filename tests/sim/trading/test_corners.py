"""Where two things meet at a desk: a tick that sets off several, fills in parts, a command right after a fill."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim.testing import DEFAULT_START
from tests.sim.trading.staged import CREATED, GTD, LIMIT, SELL, STOP, STOP_LIMIT, Trader, kinds, stage
from tests.sim.venues import EURUSD

STILL = (-1, 111_986, 111_990)
RICH = {"balance": 10**12}
NETTED = {"account_type": 1}
OFFERED = {"guaranteed_stop_loss": True}
OPPOSITE = 2
TWO_DIGITS = {"digits": 2, "pip_position": 0, "start_price": 114_000}


def best(kit, *, bids):
    return kit.venue.ticker.book(EURUSD).side(bids=bids)[0].size


# ------------------------------------------------------------------------------------------- one tick, several things


def test_levels_are_hit_before_a_stop_out_looks_at_the_money():
    account = {"balance": 2_000_00, "margin_calls": {}}
    with stage(STILL, (5, 100_000, 100_004), account=account, changes=OFFERED) as kit:
        trader = Trader(kit)
        trader.opens(volume=4_000_000, relativeStopLoss=100)
        kept = trader.opens(volume=8_000_000, relativeStopLoss=200, guaranteedStopLoss=True)
        events = trader.hears(6)
        (closed,) = [event for event in events if event.deal.positionId == kept.positionId]
        assert closed.deal.executionPrice == 1.1179
        assert not [event for event in events if event.order.isStopOut]
        assert not trader.ledger.positions
        assert not trader.ledger.orders


def test_swap_that_takes_the_money_is_noticed_at_once():
    due = 12 * 3600
    account = {"balance": 460_00, "margin_calls": {61: (100.0, 0)}}
    moves = [STILL, (13 * 3600, 111_986, 111_990)]
    with stage(*moves, account=account, changes={"swap_long": -5_000.0, "swap_time": 21 * 60}) as kit:
        trader = Trader(kit)
        trader.opens(volume=4_000_000)
        told = kinds(trader.hears(due + 10))
    assert told[:3] == ["* SWAP", "ProtoOAMarginCallTriggerEvent", "* ORDER_ACCEPTED"]


# ----------------------------------------------------------------------------------------------------- fills in parts


def test_what_fills_after_its_position_was_closed_is_protected_too():
    moves = (5, 111_985, 111_990), (6, 111_984, 111_990)
    with stage(STILL, *moves, fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        size = best(kit, bids=False)
        events = trader.order(orderType=LIMIT, limitPrice=1.1199, volume=size + 100_000, stopLoss=1.11)
        trader.does("ClosePosition", positionId=events[1].position.positionId, volume=size)
        trader.hears(10)
        (position,) = trader.reconciled().position
    assert (position.tradeData.volume, position.stopLoss) == (100_000, 1.11)


def test_what_turns_a_netted_position_round_later_is_protected_too():
    moves = (5, 111_986, 111_991), (6, 111_986, 111_990)
    with stage(STILL, *moves, fill="depth", account=RICH | NETTED) as kit:
        trader = Trader(kit)
        size = best(kit, bids=True)
        trader.opens(volume=size)
        trader.order(tradeSide=SELL, orderType=LIMIT, limitPrice=1.11986, volume=size + 300_000, stopLoss=1.13)
        trader.hears(10)
        (position,) = trader.reconciled().position
    assert (position.tradeData.tradeSide, position.tradeData.volume, position.stopLoss) == (SELL, 300_000, 1.13)


def test_levels_that_an_order_gets_after_a_part_of_it_are_its_positions_with_the_rest():
    with stage(STILL, (5, 111_884, 111_888), fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        volume = best(kit, bids=False) + 100_000
        placed = trader.order(orderType=LIMIT, limitPrice=1.1199, volume=volume)[0]
        trader.does("AmendOrder", orderId=placed.order.orderId, stopLoss=1.11)
        trader.hears(6)
        (position,) = trader.reconciled().position
    assert (position.tradeData.volume, position.stopLoss) == (volume, 1.11)


def test_levels_that_a_position_got_meanwhile_are_not_those_of_its_order_again():
    with stage(STILL, (5, 111_884, 111_888), fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        volume = best(kit, bids=False) + 100_000
        events = trader.order(orderType=LIMIT, limitPrice=1.1199, volume=volume, stopLoss=1.11)
        trader.does("AmendPositionSLTP", positionId=events[1].position.positionId, stopLoss=1.1)
        trader.hears(6)
        (position,) = trader.reconciled().position
    assert (position.tradeData.volume, position.stopLoss) == (volume, 1.1)


# ------------------------------------------------------------------------------------------------- the end of an order


def test_an_order_whose_time_passes_while_it_meets_a_closed_market_expires():
    start = 1_772_834_100_000 - 1_000  # a second before the end of a Friday's trading
    with stage(STILL, start=start) as kit:
        trader = Trader(kit)
        kit.advance(0.9)
        expiry = kit.venue.now() + 105
        events = trader.order(orderType=LIMIT, limitPrice=1.13, timeInForce=GTD, expirationTimestamp=expiry)
        assert kinds(events) == ["ORDER_ACCEPTED", "* ORDER_EXPIRED"]
        assert not trader.reconciled().order


def test_an_order_that_adds_to_a_position_opens_no_other():
    with stage(STILL, (20, 110_990, 110_994)) as kit:
        trader = Trader(kit)
        position = trader.opens()
        trader.order(orderType=LIMIT, limitPrice=1.11, positionId=position.positionId)
        trader.send("ClosePosition", "close", positionId=position.positionId, volume=100_000)
        trader.send("NewOrder", "add", symbolId=EURUSD, orderType=1, tradeSide=1, volume=100_000,
                    positionId=position.positionId)  # fmt: skip
        late = trader.hears(1)[-1]
        assert (kinds([late]), late.errorCode) == (["ORDER_REJECTED"], "POSITION_NOT_OPEN")
        (pending,) = trader.hears(20)
        assert (kinds([pending]), pending.errorCode) == (["* ORDER_REJECTED"], "POSITION_NOT_OPEN")
        assert not trader.reconciled().position


def test_on_a_netted_account_too_a_position_is_named_by_its_id():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        position = trader.opens()
        assert trader.refused(positionId=12_345)[1] == "POSITION_NOT_FOUND"
        assert trader.opens(positionId=position.positionId).tradeData.volume == 200_000


def test_the_orders_of_a_position_are_those_that_traded_it():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        position = trader.opens()
        turned = trader.order(tradeSide=SELL, volume=300_000)[-1]
        ids = [one.orderId for one in trader.ask("OrderListByPositionId", positionId=position.positionId).order]
        deals = [one.orderId for one in trader.ask("DealListByPositionId", positionId=position.positionId).deal]
    assert turned.order.orderId in ids
    assert set(deals) == set(ids)


# ------------------------------------------------------------------------------------------------------ what is allowed


@pytest.mark.parametrize("mode", ["disabled", "close only", "pending only"])
def test_an_order_is_not_amended_where_the_symbol_is_not_traded(mode):
    with stage(STILL) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        kit.play("change_symbol", symbol="EURUSD", mode=mode)
        refused = trader.refused("AmendOrder", orderId=placed.order.orderId, limitPrice=1.13)
        assert refused[1] == "TRADING_DISABLED"
        assert not trader.hears(1)


@pytest.mark.parametrize(
    ("mode", "close"),
    [("disabled", ("ORDER_REJECTED", "TRADING_DISABLED")), ("close only", ("ORDER_FILLED", ""))],
)
def test_an_order_on_its_way_is_rejected_where_the_symbol_is_not_traded_any_more(mode, close):
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens()
        trader.order(0.05)
        trader.does("ClosePosition", 0.0, positionId=position.positionId, volume=100_000)
        kit.play("change_symbol", symbol="EURUSD", mode=mode)
        told = [event for event in trader.hears(1) if isinstance(event, messages.ProtoOAExecutionEvent)]
        assert [(kind, event.errorCode) for kind, event in zip(kinds(told), told, strict=True)] == [
            ("ORDER_REJECTED", "TRADING_DISABLED"), close,
        ]  # fmt: skip


def test_an_amend_and_a_fill_keep_to_the_exposure_that_is_allowed():
    most = {"max_exposure": 10_000_000}
    with stage(STILL, (5, 110_990, 110_994), account=RICH, changes=most) as kit:
        trader = Trader(kit)
        (first,) = trader.order(orderType=LIMIT, limitPrice=1.11, volume=6_000_000)
        trader.order(orderType=LIMIT, limitPrice=1.11, volume=6_000_000)
        amend = trader.refused("AmendOrder", orderId=first.order.orderId, volume=10_100_000)
        assert amend[1] == "MAX_EXPOSURE_REACHED"
        told = trader.hears(6)
        assert kinds(told) == ["* ORDER_FILLED", "* ORDER_REJECTED"]
        assert told[1].errorCode == "MAX_EXPOSURE_REACHED"


def test_a_netted_position_that_turns_round_counts_what_is_left_of_it():
    most = {"max_exposure": 10_000_000}
    with stage(STILL, account=RICH | NETTED, changes=most) as kit:
        trader = Trader(kit)
        trader.opens(volume=6_000_000)
        assert trader.refused(tradeSide=SELL, volume=16_100_000)[1] == "MAX_EXPOSURE_REACHED"
        assert trader.opens(tradeSide=SELL, volume=16_000_000).tradeData.volume == 10_000_000


@pytest.mark.parametrize(
    "order",
    [
        {"relativeStopLoss": 500_000},
        {"tradeSide": SELL, "relativeTakeProfit": 2**50},
        {"relativeTakeProfit": 2**62},
        {"orderType": LIMIT, "limitPrice": 1.11, "relativeStopLoss": 111_000},
    ],
)
def test_a_distance_that_leads_to_no_price_is_refused(order):
    with stage(STILL) as kit:
        assert Trader(kit).refused(**order)[1] == "TRADING_BAD_STOPS"


def test_the_amend_of_a_stop_goes_by_the_price_that_it_watches():
    with stage(STILL) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=STOP, stopPrice=1.121, stopTriggerMethod=OPPOSITE)
        told = trader.does("AmendOrder", orderId=placed.order.orderId, stopPrice=1.11988)
        assert kinds(told) == ["ORDER_REPLACED"]
        assert trader.refused("AmendOrder", orderId=placed.order.orderId, stopPrice=1.11986)[1] == "TRADING_BAD_PRICES"


def test_expected_margin_is_that_of_a_volume():
    with stage(STILL) as kit:
        refused = Trader(kit).ask("ExpectedMargin", symbolId=EURUSD, volume=[100_000, -100_000])
    assert refused.errorCode == "INVALID_REQUEST"


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("inf"), float("nan")])
def test_a_margin_call_has_a_threshold_that_is_a_number(threshold):
    with stage(STILL) as kit:
        trader = Trader(kit)
        call = messages.ProtoOAMarginCall(marginCallType=61, marginLevelThreshold=threshold)
        assert trader.ask("MarginCallUpdate", marginCall=call).errorCode == "INVALID_REQUEST"
        assert trader.ledger.account.margin_calls[61][0] == 100.0


# ------------------------------------------------------------------------------- between a fill and its protection


def test_an_amend_in_the_moment_after_the_fill_keeps_the_trailing():
    with stage(STILL, (5, 112_186, 112_190)) as kit:
        trader = Trader(kit)
        filled = trader.order(0.141, relativeStopLoss=200, trailingStopLoss=True)[-1]
        assert not filled.position.HasField("stopLoss")
        told = trader.does("AmendPositionSLTP", positionId=filled.position.positionId, stopLoss=1.117)
        assert kinds(told) == ["ORDER_ACCEPTED"]
        assert told[0].position.trailingStopLoss
        assert kinds(trader.hears(6)) == ["ProtoOATrailingSLChangedEvent"]


def test_an_amend_in_the_moment_after_the_fill_keeps_the_guarantee():
    with stage(STILL, account={"limited_risk": True}, changes=OFFERED) as kit:
        trader = Trader(kit)
        filled = trader.order(0.141, relativeStopLoss=200, guaranteedStopLoss=True)[-1]
        position = filled.position.positionId
        assert trader.refused("AmendPositionSLTP", positionId=position, stopLoss=1.1)[1] == "WORSE_GSL_NOT_ALLOWED"
        trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.119)
        (kept,) = trader.reconciled().position
    assert (kept.stopLoss, kept.guaranteedStopLoss) == (1.119, True)


def test_an_amend_in_the_moment_after_the_fill_can_take_the_levels_back():
    with stage(STILL) as kit:
        trader = Trader(kit)
        filled = trader.order(0.141, relativeStopLoss=200)[-1]
        told = trader.does("AmendPositionSLTP", positionId=filled.position.positionId)
        assert kinds(told) == ["* ORDER_ACCEPTED", "ORDER_CANCELLED"]
        (bare,) = trader.reconciled().position
        assert not bare.HasField("stopLoss")
        assert not trader.reconciled().order


def test_a_position_closed_before_its_protection_is_due_never_has_any():
    with stage(STILL, execution_delay=0, protection_delay=1) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200)
        told = trader.does("ClosePosition", 5, positionId=position.positionId, volume=100_000)
        assert kinds(told) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
        assert not trader.ledger.orders


# --------------------------------------------------------------------------------------------------- amended orders


def test_an_amend_that_reaches_the_market_is_filled():
    with stage(STILL) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        told = trader.does("AmendOrder", orderId=placed.order.orderId, limitPrice=1.13)
        assert kinds(told) == ["ORDER_REPLACED", "ORDER_FILLED"]


def test_an_amend_keeps_guarantee_and_trailing_that_it_leaves_out():
    with stage(STILL, changes=OFFERED) as kit:
        trader = Trader(kit)
        for field in ("trailingStopLoss", "guaranteedStopLoss"):
            (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11, stopLoss=1.1, **{field: True})
            (told,) = trader.does("AmendOrder", orderId=placed.order.orderId, stopLoss=1.101)
            kept = told.order.tradeData.guaranteedStopLoss if "guar" in field else told.order.trailingStopLoss
            assert kept, field


def test_a_new_stop_price_arms_a_stop_limit_order_again():
    moves = (5, 112_186, 112_190), (10, 111_986, 111_990), (20, 112_090, 112_094)
    with stage(STILL, *moves) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=STOP_LIMIT, stopPrice=1.121, slippageInPoints=5)
        trader.hears(8)  # its stop was reached, and its limit was left behind
        (told,) = trader.does("AmendOrder", orderId=placed.order.orderId, stopPrice=1.123)
        assert kinds([told]) == ["ORDER_REPLACED"]
        assert trader.hears(15) == []
        (still,) = trader.reconciled().order
        assert still.orderId == placed.order.orderId


def test_an_amend_forgets_the_first_of_two_ticks():
    moves = (5, 112_186, 112_190), (10, 112_192, 112_196), (15, 112_193, 112_197)
    with stage(STILL, *moves) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=STOP, stopPrice=1.121, stopTriggerMethod=3)
        trader.hears(6)
        trader.does("AmendOrder", orderId=placed.order.orderId, stopPrice=1.12195)
        assert kinds(trader.hears(5)) == []
        assert kinds(trader.hears(5)) == ["* ORDER_FILLED"]


def test_no_placeholder_stays_behind_where_a_netted_order_joins_a_position():
    with stage(STILL, (5, 110_990, 110_994), account=NETTED) as kit:
        trader = Trader(kit)
        trader.order(orderType=LIMIT, limitPrice=1.11)
        trader.opens()
        trader.hears(6)
        (position,) = trader.ledger.positions.values()
    assert position.volume == 200_000
    assert position.status != CREATED


def test_distances_count_from_the_mean_price_rounded_to_the_tick():
    with stage(STILL, fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        volume = best(kit, bids=False) + 100_000
        events = trader.order(volume=volume, relativeStopLoss=500)
        fills = [event.deal for event in events if event.HasField("deal")]
        worth = sum(round(deal.executionPrice * 100_000) * deal.filledVolume for deal in fills)
        mean = (2 * worth + volume) // (2 * volume)
        assert worth % volume
    assert round(events[-1].position.stopLoss * 100_000) == mean - 500


def test_levels_of_a_symbol_with_two_digits():
    with stage((-1, 8_528_700_000, 8_528_721_000), account=RICH, changes=TWO_DIGITS) as kit:
        position = Trader(kit).opens(relativeStopLoss=9_001_000, relativeTakeProfit=10_001_000)
    assert (position.price, position.stopLoss, position.takeProfit) == (85287.21, 85197.20, 85387.22)  # observed


def test_a_take_profit_that_was_moved_through_the_market_is_filled_at_the_next_price():
    """The recorded one: 85179.30 below the bid, accepted, and filled 0.6 s later at 85187.89."""
    moves = (-1, 8_528_700_000, 8_528_721_000), (5, 8_518_600_000, 8_518_621_000), (5.6, 8_518_789_000, 8_518_810_000)
    with stage(*moves, account=RICH, changes=TWO_DIGITS, stops_through_market="accept") as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=50_001_000, relativeTakeProfit=10_001_000)
        trader.hears(4.5)
        levels = {"stopLoss": position.stopLoss, "takeProfit": 85179.30}
        (replaced,) = trader.does("AmendPositionSLTP", positionId=position.positionId, **levels)
        assert (kinds([replaced]), replaced.order.limitPrice) == (["ORDER_REPLACED"], 85179.30)
        (filled,) = trader.hears(0.5)
    assert kinds([filled]) == ["* ORDER_FILLED"]
    assert filled.deal.executionPrice == 85187.89


def test_a_mean_price_between_ticks_is_rounded_to_one():
    with stage((-1, 2_000_00_000, 2_000_10_000), fill="depth", account=RICH, changes=TWO_DIGITS) as kit:
        trader = Trader(kit)
        events = trader.order(volume=best(kit, bids=False) + 100_000, relativeStopLoss=1_000_000)
    level = events[-1].position.stopLoss
    assert len([event for event in events if event.HasField("deal")]) > 1
    assert round(events[-1].position.price, 2) != events[-1].position.price
    assert round(level, 2) == level


def test_a_stop_out_that_was_told_by_no_margin_call_goes_on_after_loading():
    account = {"balance": 1_000_00, "margin_calls": {}}
    moves = STILL, (5, 109_000, 109_001)
    with stage(*moves, account=account, stop_out_delay=3) as kit:
        trader = Trader(kit)
        trader.opens(volume=4_000_000)
        kit.advance(6)
        state = kit.venue.save_state()
        assert trader.ledger.open_positions()
    with stage(*moves, account=account, stop_out_delay=3, kit={"state": state}) as kit:
        trader = Trader(kit)
        kit.advance(5)
        assert not trader.ledger.open_positions()
    assert state["now"] > DEFAULT_START
