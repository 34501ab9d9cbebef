"""Orders that are filled in parts, or at a moment when symbol, rights or position are not what they were."""

from __future__ import annotations

import pytest

from ctrader_twisted.sim.accounts import USD_ACCOUNT
from ctrader_twisted.sim.testing import DEFAULT_START
from tests.sim.trading.staged import BUY, GTD, LIMIT, MARKET, SELL, STOP, STOP_LIMIT, Trader, kinds, stage
from tests.sim.venues import EURUSD, XAUUSD

STILL = (-1, 111_986, 111_990)
RICH = {"balance": 10**12}
NETTED = {"account_type": 1}


def asks(kit):
    return kit.venue.ticker.book(EURUSD).side(bids=False)


def ticks(price: float) -> int:
    return round(price * 100_000)


# ----------------------------------------------------------------------------------------------------- fills in parts


def test_distances_of_what_fills_after_its_position_was_closed_count_from_its_own_price():
    with stage(STILL, (5, 110_896, 110_900), fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        size = asks(kit)[0].size
        events = trader.order(orderType=LIMIT, limitPrice=1.1199, volume=size + 100_000, relativeStopLoss=200)
        assert events[-1].position.stopLoss == 1.1179
        trader.does("ClosePosition", positionId=events[1].position.positionId, volume=size)
        trader.hears(10)
        (position,) = trader.reconciled().position
    assert (position.price, position.stopLoss) == (1.109, 1.107)


def test_distances_after_a_netted_position_turned_round_count_from_what_opened_the_new_one():
    with stage(STILL, fill="depth", account=RICH | NETTED) as kit:
        trader = Trader(kit)
        levels = asks(kit)
        trader.opens(tradeSide=SELL, volume=levels[0].size)
        volume = levels[0].size + levels[1].size + 100_000
        events = trader.order(volume=volume, relativeStopLoss=500, relativeTakeProfit=700)
        deals = [event.deal for event in events if event.HasField("deal")]
        (position,) = trader.reconciled().position
    opened = [deal for deal in deals if not deal.HasField("closePositionDetail")]
    assert len(deals) > len(opened) > 1
    held = sum(deal.filledVolume for deal in opened)
    mean = (2 * sum(deal.filledVolume * ticks(deal.executionPrice) for deal in opened) + held) // (2 * held)
    assert mean != (2 * sum(deal.filledVolume * ticks(deal.executionPrice) for deal in deals) + volume) // (2 * volume)
    assert (ticks(position.stopLoss), ticks(position.takeProfit)) == (mean - 500, mean + 700)


@pytest.mark.parametrize(
    ("order", "level"),
    [
        ({"orderType": LIMIT, "limitPrice": 1.11, "relativeStopLoss": 110_999}, "stopLoss"),
        ({"orderType": STOP, "tradeSide": SELL, "stopPrice": 1.11, "relativeTakeProfit": 110_999}, "takeProfit"),
    ],
    ids=["a better fill", "a worse fill"],
)
def test_a_distance_that_the_fill_leads_below_zero_ends_at_the_least_price(order, level):
    with stage(STILL, (5, 110_496, 110_500)) as kit:
        trader = Trader(kit)
        assert kinds(trader.order(**order)) == ["ORDER_ACCEPTED"]
        trader.hears(6)
        (position,) = trader.reconciled().position
    assert position.price < 1.106
    assert getattr(position, level) == 0.00001


# --------------------------------------------------------------------------------- between a fill and its protection


def test_protection_does_not_follow_to_nothing_a_position_that_is_closed_in_two_parts_at_once():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=300_000, relativeStopLoss=200).positionId
        trader.hears()
        for volume in (100_000, 200_000):
            trader.send("ClosePosition", positionId=position, volume=volume)
        told = trader.hears(1)
    assert kinds(told) == ["ORDER_ACCEPTED", "ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_FILLED", "* ORDER_CANCELLED"]
    assert told[-1].order.tradeData.volume == 300_000


def test_what_is_to_come_is_what_an_amend_has_to_fit():
    changes = {"guaranteed_stop_loss": True, "gsl_distance": 100}
    with stage(STILL, changes=changes) as kit:
        trader = Trader(kit)
        trails = trader.order(0.141, relativeStopLoss=200, trailingStopLoss=True)[-1].position.positionId
        assert trader.refused("AmendPositionSLTP", positionId=trails)[1:] == (
            "INVALID_REQUEST", "Can't set Trailing Stop Loss parameter without specified Stop Loss",
        )  # fmt: skip
        kit.advance(1)
        kept = trader.order(0.141, relativeStopLoss=200, guaranteedStopLoss=True)[-1].position.positionId
        near = {"name": "AmendPositionSLTP", "positionId": kept, "stopLoss": 1.11887}
        assert trader.refused(**near)[1] == "PROTECTION_IS_TOO_CLOSE_TO_MARKET"  # 99 ticks from the bid
        assert kinds(trader.does(**near | {"stopLoss": 1.11886})) == ["ORDER_ACCEPTED"]


# --------------------------------------------------------------------------------------------------- a symbol's modes


def test_in_close_only_mode_a_pending_order_of_a_netted_account_may_close():
    with stage(STILL, (5, 112_086, 112_090), account=NETTED) as kit:
        trader = Trader(kit)
        trader.opens(volume=200_000)
        (less,) = trader.order(orderType=LIMIT, tradeSide=SELL, limitPrice=1.12, volume=100_000)
        (more,) = trader.order(orderType=LIMIT, tradeSide=SELL, limitPrice=1.12, volume=300_000)
        kit.play("change_symbol", symbol="EURUSD", mode="close only")
        trader.hears()
        amend = {"name": "AmendOrder", "limitPrice": 1.1201}
        assert kinds(trader.does(orderId=less.order.orderId, **amend)) == ["ORDER_REPLACED"]
        assert trader.refused(orderId=more.order.orderId, **amend)[1] == "TRADING_DISABLED"
        assert trader.refused("AmendOrder", orderId=less.order.orderId, volume=300_000)[1] == "TRADING_DISABLED"
        told = trader.hears(6)
        assert [(kind, event.order.orderId) for kind, event in zip(kinds(told), told, strict=True)] == [
            ("* ORDER_FILLED", less.order.orderId)
        ]
        assert list(trader.ledger.orders) == [more.order.orderId]


def test_an_account_that_may_only_close_may_amend_what_closes():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        trader.opens(volume=200_000)
        (less,) = trader.order(orderType=LIMIT, tradeSide=SELL, limitPrice=1.12, volume=100_000)
        (other,) = trader.order(orderType=LIMIT, tradeSide=BUY, limitPrice=1.11, volume=100_000)
        kit.play("change_access", rights="close only")
        trader.hears()
        told = trader.does("AmendOrder", orderId=less.order.orderId, limitPrice=1.121)
        assert kinds(told) == ["ORDER_REPLACED"]
        assert trader.refused("AmendOrder", orderId=other.order.orderId, limitPrice=1.111)[1] == "TRADING_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("mode", "told"), [("disabled", []), ("pending only", ["* ORDER_FILLED"]), ("close only", ["* ORDER_FILLED"])]
)
def test_a_stop_loss_waits_only_while_its_symbol_is_disabled(mode, told):
    with stage(STILL, (5, 111_700, 111_704), (10, 111_701, 111_705)) as kit:
        trader = Trader(kit)
        trader.opens(relativeStopLoss=200)
        kit.play("change_symbol", symbol="EURUSD", mode=mode)
        trader.hears()
        assert kinds(trader.hears(6)) == told
        kit.play("change_symbol", symbol="EURUSD", mode="enabled")
        trader.hears()
        assert kinds(trader.hears(6)) == [] if told else ["* ORDER_FILLED"]


@pytest.mark.parametrize("stop", [{"guaranteedStopLoss": True}, {"trailingStopLoss": True}])
def test_in_a_disabled_symbol_no_stop_loss_is_carried_out_or_trails(stop):
    moves = (5, 112_186, 112_190), (6, 111_700, 111_704), (11, 111_701, 111_705)
    with stage(STILL, *moves, changes={"guaranteed_stop_loss": True}) as kit:
        trader = Trader(kit)
        trader.opens(relativeStopLoss=200, **stop)
        kit.play("change_symbol", symbol="EURUSD", mode="disabled")
        trader.hears()
        assert kinds(trader.hears(9)) == []
        kit.play("change_symbol", symbol="EURUSD", mode="enabled")
        trader.hears()
        (filled,) = trader.hears(5)
    assert kinds([filled]) == ["* ORDER_FILLED"]
    assert filled.deal.executionPrice == (1.1179 if "guaranteedStopLoss" in stop else 1.11701)


@pytest.mark.parametrize("mode", ["disabled", "close only"])
def test_a_stop_order_waits_until_its_symbol_is_traded_again(mode):
    with stage(STILL, (5, 112_186, 112_190), (10, 112_187, 112_191)) as kit:
        trader = Trader(kit)
        trader.order(orderType=STOP, stopPrice=1.121)
        kit.play("change_symbol", symbol="EURUSD", mode=mode)
        trader.hears()
        assert kinds(trader.hears(6)) == []
        kit.play("change_symbol", symbol="EURUSD", mode="enabled")
        trader.hears()
        assert kinds(trader.hears(5)) == ["* ORDER_FILLED"]


def test_a_stop_out_is_carried_out_in_a_disabled_symbol():
    account = {"balance": 1_000_00, "margin_calls": {}}
    with stage(STILL, (5, 109_000, 109_001), account=account) as kit:
        trader = Trader(kit)
        trader.opens(volume=4_000_000)
        kit.play("change_symbol", symbol="EURUSD", mode="disabled")
        trader.hears()
        told = trader.hears(6)
        assert kinds(told) == ["* ORDER_ACCEPTED", "* ORDER_FILLED"]
        assert told[1].order.isStopOut


# ------------------------------------------------------------------------------------------------- rights and positions


@pytest.mark.parametrize("rights", ["close only", "no trading"])
def test_what_waits_is_carried_out_whatever_rights_are_taken_meanwhile(rights):
    with stage(STILL, (5, 110_996, 111_000), (10, 110_886, 110_890)) as kit:
        trader = Trader(kit)
        trader.order(orderType=LIMIT, limitPrice=1.11, stopLoss=1.109)
        kit.play("change_access", rights=rights)
        trader.hears()
        assert kinds(trader.hears(6)) == ["* ORDER_FILLED", "* ORDER_ACCEPTED"]
        assert kinds(trader.hears(6)) == ["* ORDER_FILLED"]
        assert not trader.ledger.positions


def test_an_order_that_names_the_position_of_a_netted_account_opens_no_other():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        trader.send("ClosePosition", "close", positionId=position, volume=100_000)
        wanted = {"symbolId": EURUSD, "orderType": MARKET, "tradeSide": BUY, "volume": 100_000}
        trader.send("NewOrder", "add", positionId=position, **wanted)
        late = trader.hears(1)[-1]
        assert (kinds([late]), late.errorCode) == (["ORDER_REJECTED"], "POSITION_NOT_OPEN")
        assert not trader.reconciled().position
        assert not trader.ledger.positions


def test_neither_a_part_that_is_closed_nor_what_is_left_is_less_than_the_least_volume():
    with stage(STILL, changes={"min_volume": 300_000}) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=800_000).positionId
        words = "A part that is closed, and what is left, should be at least 3000.00"
        for volume in (200_000, 600_000):
            refused = trader.refused("ClosePosition", positionId=position, volume=volume)
            assert refused == ("ProtoOAOrderErrorEvent", "TRADING_BAD_VOLUME", words)
        for volume in (500_000, 300_000):
            told = trader.does("ClosePosition", positionId=position, volume=volume)
            assert kinds(told) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
        assert not trader.ledger.positions


# ---------------------------------------------------------------------------------------------------------- exposure


def test_the_exposure_of_an_amended_order_counts_what_a_netted_account_closes_with_it():
    with stage(STILL, account=RICH | NETTED, changes={"max_exposure": 10_000_000}) as kit:
        trader = Trader(kit)
        trader.opens(volume=6_000_000)
        (placed,) = trader.order(orderType=LIMIT, tradeSide=SELL, limitPrice=1.12, volume=5_000_000)
        order = placed.order.orderId
        assert trader.refused("AmendOrder", orderId=order, volume=16_100_000)[1] == "MAX_EXPOSURE_REACHED"
        assert kinds(trader.does("AmendOrder", orderId=order, volume=16_000_000)) == ["ORDER_REPLACED"]


def test_an_order_that_does_not_grow_is_amended_though_there_is_no_room_left():
    with stage(STILL, account=RICH, changes={"max_exposure": 10_000_000}) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11, volume=6_000_000)
        trader.opens(volume=10_000_000)
        order = placed.order.orderId
        again = trader.does("AmendOrder", orderId=order, limitPrice=1.1, volume=6_000_000)
        assert kinds(again) == ["ORDER_REPLACED"]
        assert trader.refused("AmendOrder", orderId=order, volume=6_100_000)[1] == "MAX_EXPOSURE_REACHED"


# ------------------------------------------------------------------------------------- what an order does not have


def test_an_expiry_belongs_to_orders_that_expire():
    later = {"expirationTimestamp": DEFAULT_START + 5_000}
    with stage(STILL) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        for refused in (
            trader.refused("AmendOrder", orderId=placed.order.orderId, **later),
            trader.refused(orderType=LIMIT, limitPrice=1.11, **later),
        ):
            assert refused == (
                "ProtoOAErrorRes", "INVALID_REQUEST", "expirationTimestamp belongs to GOOD_TILL_DATE orders only",
            )  # fmt: skip
        assert kinds(trader.order(orderType=LIMIT, limitPrice=1.11, timeInForce=GTD, **later)) == ["ORDER_ACCEPTED"]


def test_slippage_belongs_to_orders_that_have_it():
    with stage(STILL) as kit:
        trader = Trader(kit)
        (limit,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        (stop,) = trader.order(orderType=STOP_LIMIT, stopPrice=1.13, slippageInPoints=5)
        amend = {"name": "AmendOrder", "slippageInPoints": 7}
        refused = trader.refused(orderId=limit.order.orderId, **amend)
        assert refused == ("ProtoOAErrorRes", "INVALID_REQUEST", "slippageInPoints does not belong to the order's type")
        (told,) = trader.does(orderId=stop.order.orderId, **amend)
        assert told.order.slippageInPoints == 7


# ------------------------------------------------------------------------------------------------------------ stop-outs


def test_a_stop_out_passes_over_what_can_not_be_closed_now():
    """Gold's day has ended, the euro's has not: the gold position uses more margin, and stays."""
    friday = 1_772_833_800_000 - 60_000  # 2026-03-06 16:49 in New York; gold ends at 16:50, EURUSD at 16:55
    gold = {XAUUSD: [(-100, 421_550_000, 421_570_000)]}
    moves = (-100, 111_986, 111_990), (90, 109_000, 109_001)
    account = {"balance": 2_250_00, "margin_calls": {}}
    with stage(*moves, start=friday, others=gold, account=account) as kit:
        trader = Trader(kit)
        kept = trader.opens(symbolId=XAUUSD, volume=2_000)
        euro = trader.opens(volume=4_000_000)
        assert kept.usedMargin > euro.usedMargin
        feed, now = kit.venue.feed, friday + 90_000
        assert (feed.is_open(XAUUSD, now), feed.is_open(EURUSD, now)) == (False, True)
        told = trader.hears(95)
        assert kinds(told) == ["* ORDER_ACCEPTED", "* ORDER_FILLED"]
        assert told[1].position.positionId == euro.positionId
        assert [one.position_id for one in trader.ledger.open_positions()] == [kept.positionId]


def test_without_a_stop_out_level_nothing_is_closed_though_everything_is_lost():
    account = {"balance": 1_000_00, "stop_out_level": 0.0, "margin_calls": {}}
    with stage(STILL, (5, 100_000, 100_004), account=account) as kit:
        trader = Trader(kit)
        trader.opens(volume=4_000_000)
        assert kinds(trader.hears(6)) == []
        assert trader.ledger.open_positions()


def test_a_stop_out_that_was_put_off_is_done_at_once_after_loading():
    account = {"balance": 1_000_00, "margin_calls": {}}
    moves = STILL, (5, 109_000, 109_001)
    with stage(*moves, account=account, stop_out_delay=30) as kit:
        Trader(kit).opens(volume=4_000_000)
        kit.advance(6)
        state = kit.venue.save_state()
    with stage(*moves, account=account, stop_out_delay=30, kit={"state": state}) as kit:
        kit.advance(0.01)
        assert not kit.venue.exchange.desk(USD_ACCOUNT).ledger.open_positions()
