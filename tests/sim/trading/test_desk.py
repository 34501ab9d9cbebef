"""What orders do: types, times in force, trigger methods, fills against the book, netted accounts, levels, money."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.testing import DEFAULT_START
from tests.sim.trading.staged import (
    BUY,
    CLOSED,
    FOK,
    GTD,
    IOC,
    LIMIT,
    MARKET_RANGE,
    ON_OPEN,
    OPEN,
    SELL,
    STOP,
    STOP_LIMIT,
    Trader,
    kinds,
    stage,
)
from tests.sim.venues import EURUSD

STILL = (-1, 111_986, 111_990)
RICH = {"balance": 10**12}


def prices(events) -> list[float]:
    return [event.deal.executionPrice for event in events if event.HasField("deal")]


# ---------------------------------------------------------------------------------------------------------- order types


def test_a_market_order_is_filled_at_what_the_market_is_when_it_gets_there():
    with stage(STILL, (0.1, 111_990, 111_995)) as kit:
        assert prices(Trader(kit).order()) == [1.11995]


def test_a_limit_that_could_be_filled_at_once_is_after_the_delay():
    with stage(STILL, (0.1, 111_970, 111_975)) as kit:
        trader = Trader(kit)
        trader.send(
            "NewOrder", "mine", symbolId=EURUSD, orderType=LIMIT, tradeSide=BUY, volume=100_000, limitPrice=1.13
        )
        kit.advance(1)
        heard = trader.hears_envelopes()
    assert kinds([event for _, event in heard]) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
    assert [name for name, _ in heard] == ["mine", "mine"]  # it is still the answer
    assert prices([event for _, event in heard]) == [1.11975]  # better than its price
    assert heard[1][1].deal.createTimestamp == DEFAULT_START + 140


def test_a_limit_that_the_market_left_while_it_was_on_its_way_rests():
    with stage(STILL, (0.1, 112_000, 112_005), (10, 111_985, 111_989)) as kit:
        trader = Trader(kit)
        assert kinds(trader.order(orderType=LIMIT, limitPrice=1.1199)) == ["ORDER_ACCEPTED"]
        (filled,) = trader.hears(15)
    assert (kinds([filled]), prices([filled])) == (["* ORDER_FILLED"], [1.11989])


def test_a_stop_limit_rests_at_its_limit_once_its_stop_is_reached():
    # Stop 1.12100, ten ticks of slippage: a limit of 1.12110. The gap goes beyond; the price comes back.
    with stage(STILL, (5, 112_150, 112_155), (6, 112_106, 112_111), (7, 112_100, 112_108)) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=STOP_LIMIT, stopPrice=1.121, slippageInPoints=10)
        assert placed.order.slippageInPoints == 10 and not placed.order.HasField("limitPrice")
        assert not trader.hears(6)
        (filled,) = trader.hears(2)
    assert (kinds([filled]), prices([filled])) == (["* ORDER_FILLED"], [1.12108])


def test_a_stop_limit_is_filled_at_once_where_its_limit_allows():
    with stage(STILL, (5, 112_100, 112_105)) as kit:
        trader = Trader(kit)
        trader.order(orderType=STOP_LIMIT, stopPrice=1.121, slippageInPoints=10)
        assert prices(trader.hears(6)) == [1.12105]


@pytest.mark.parametrize(
    ("side", "base", "slippage", "move", "expected"),
    [
        (BUY, 1.1199, 5, (0.1, 111_990, 111_995), ["ORDER_ACCEPTED", "ORDER_FILLED"]),
        (BUY, 1.1199, 4, (0.1, 111_990, 111_995), ["ORDER_ACCEPTED", "ORDER_REJECTED"]),
        (SELL, 1.11986, 6, (0.1, 111_980, 111_984), ["ORDER_ACCEPTED", "ORDER_FILLED"]),
        (SELL, 1.11986, 5, (0.1, 111_980, 111_984), ["ORDER_ACCEPTED", "ORDER_REJECTED"]),
        (BUY, 1.1199, 0, (0.1, 111_900, 111_904), ["ORDER_ACCEPTED", "ORDER_FILLED"]),  # better is no slippage
    ],
)
def test_a_market_range_order_is_filled_within_its_range_or_rejected(side, base, slippage, move, expected):
    with stage(STILL, move) as kit:
        trader = Trader(kit)
        wanted = {"orderType": MARKET_RANGE, "tradeSide": side, "baseSlippagePrice": base}
        events = trader.order(**wanted, slippageInPoints=slippage)
        assert not trader.ledger.orders
    assert kinds(events) == expected
    if expected[1] == "ORDER_REJECTED":
        assert (events[1].order.orderStatus, events[1].position.positionStatus) == (3, CLOSED)
        assert events[1].errorCode
    assert (events[0].order.baseSlippagePrice, events[0].order.slippageInPoints) == (base, slippage)


def test_what_lies_beyond_the_range_is_cancelled():
    with stage(STILL, fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        best = kit.venue.ticker.book(EURUSD).side(bids=False)[0]
        ranged = {"orderType": MARKET_RANGE, "baseSlippagePrice": best.price / 100_000, "slippageInPoints": 0}
        events = trader.order(**ranged, volume=best.size + 100_000)
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_PARTIAL_FILL", "ORDER_CANCELLED"]
    assert (events[2].order.executedVolume, events[2].position.tradeData.volume) == (best.size, best.size)


# ------------------------------------------------------------------------------------------------------- times in force


def test_all_or_nothing():
    with stage(STILL, fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        best = kit.venue.ticker.book(EURUSD).side(bids=False)[0]
        wanted = {"orderType": LIMIT, "limitPrice": best.price / 100_000, "timeInForce": FOK}
        whole = trader.order(**wanted, volume=best.size)
        more = trader.order(**wanted, volume=best.size + 100_000)
        away = trader.order(orderType=LIMIT, limitPrice=1.11, timeInForce=FOK)
    assert kinds(whole) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
    assert kinds(more) == kinds(away) == ["ORDER_ACCEPTED", "ORDER_CANCELLED"]
    assert more[1].order.executedVolume == 0


@pytest.mark.parametrize(("rests", "last"), [(False, "ORDER_CANCELLED"), (True, "ORDER_PARTIAL_FILL")])
def test_what_an_immediate_limit_can_not_get_is_cancelled_or_by_option_rests(rests, last):
    with stage(STILL, fill="depth", account=RICH, ioc_limits_rest=rests) as kit:
        trader = Trader(kit)
        best = kit.venue.ticker.book(EURUSD).side(bids=False)[0]
        wanted = {"orderType": LIMIT, "limitPrice": best.price / 100_000, "timeInForce": IOC}
        events = trader.order(**wanted, volume=best.size + 100_000)
        assert len(trader.ledger.orders) == rests
        if rests:
            assert trader.reconciled().order[0].executedVolume == best.size
    assert kinds(events)[-1] == last
    assert events[-1].order.executedVolume == best.size


def test_a_partly_filled_limit_goes_on_working_and_its_position_is_protected_as_it_grows():
    with stage(STILL, (5, 111_985, 111_990), (6, 111_984, 111_990), fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        best = kit.venue.ticker.book(EURUSD).side(bids=False)[0]
        wanted = best.size + 100_000
        first = trader.order(orderType=LIMIT, limitPrice=1.1199, volume=wanted, stopLoss=1.11)
        assert kinds(first) == ["ORDER_ACCEPTED", "ORDER_PARTIAL_FILL", "* ORDER_ACCEPTED"]
        assert first[2].order.tradeData.volume == best.size
        answer = trader.reconciled()
        assert [order.executedVolume for order in answer.order] == [best.size, 0]
        (position,) = answer.position
        later = trader.hears(10)
    assert kinds(later) == ["* ORDER_FILLED", "* ORDER_REPLACED"]
    assert later[0].order.executedVolume == wanted == later[1].order.tradeData.volume
    assert later[0].position.positionId == position.positionId
    assert later[0].deal.filledVolume == 100_000


def test_a_partly_filled_limit_can_be_cancelled():
    with stage(STILL, fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        best = kit.venue.ticker.book(EURUSD).side(bids=False)[0]
        events = trader.order(orderType=LIMIT, limitPrice=1.1199, volume=best.size + 100_000)
        (cancelled,) = trader.does("CancelOrder", orderId=events[0].order.orderId)
        (position,) = trader.reconciled().position
    assert (cancelled.position.positionStatus, cancelled.order.executedVolume) == (OPEN, best.size)
    assert position.tradeData.volume == best.size


def test_an_order_is_dated_anew():
    ends = {"timeInForce": GTD, "expirationTimestamp": DEFAULT_START + 10_000}
    with stage(STILL) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11, **ends)
        trader.does("AmendOrder", orderId=placed.order.orderId, expirationTimestamp=DEFAULT_START + 20_000)
        assert not trader.hears(18)
        assert kinds(trader.hears(2)) == ["* ORDER_EXPIRED"]


SATURDAY = DEFAULT_START + 4 * 86_400_000


def test_market_on_open_waits_for_the_opening():
    opening = 1_773_003_900_000  # Sunday 2026-03-08 17:05 in New York, where clocks have changed that morning
    at = (opening - SATURDAY) / 1000
    with stage(STILL, (at + 2, 112_000, 112_004), start=SATURDAY) as kit:
        trader = Trader(kit)
        assert kinds(trader.order(timeInForce=ON_OPEN)) == ["ORDER_ACCEPTED"]
        assert not trader.hears(at)
        (filled,) = trader.hears(5)
    assert (kinds([filled]), prices([filled])) == (["* ORDER_FILLED"], [1.12004])
    assert filled.order.timeInForce == ON_OPEN


def test_market_on_open_is_carried_out_at_once_while_it_is_open():
    with stage(STILL) as kit:
        assert kinds(Trader(kit).order(timeInForce=ON_OPEN)) == ["ORDER_ACCEPTED", "ORDER_FILLED"]


def test_market_on_open_can_be_cancelled_before():
    with stage(STILL, start=SATURDAY) as kit:
        trader = Trader(kit)
        (accepted,) = trader.order(timeInForce=ON_OPEN)
        assert kinds(trader.does("CancelOrder", orderId=accepted.order.orderId)) == ["ORDER_CANCELLED"]


# ------------------------------------------------------------------------------------------------------ trigger methods


@pytest.mark.parametrize(
    ("method", "at"), [(1, 5), (2, 6), (3, 6), (4, 7)], ids=["trade", "opposite", "double trade", "double opposite"]
)
def test_a_stop_is_triggered_by_its_method(method, at):
    moves = [(5, 112_090, 112_100), (6, 112_100, 112_110), (7, 112_101, 112_111)]
    with stage(STILL, *moves) as kit:
        trader = Trader(kit)
        trader.order(orderType=STOP, stopPrice=1.121, stopTriggerMethod=method)
        (filled,) = trader.hears(10)
    assert filled.deal.executionTimestamp == DEFAULT_START + at * 1000
    assert filled.order.stopTriggerMethod == method


def test_a_stop_loss_is_triggered_by_its_method():
    with stage(STILL, (5, 111_790, 111_810), (6, 111_780, 111_800)) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.118, stopLossTriggerMethod=2)
        (filled,) = trader.hears(10)
    assert filled.deal.executionTimestamp == DEFAULT_START + 6_000
    assert prices([filled]) == [1.1178]


# --------------------------------------------------------------------------------------------------------------- levels


def test_a_guaranteed_stop_is_filled_at_its_level_across_any_gap():
    with stage(STILL, (5, 110_000, 110_004), changes={"guaranteed_stop_loss": True}) as kit:
        trader = Trader(kit)
        trader.opens(relativeStopLoss=200, guaranteedStopLoss=True)
        (filled,) = trader.hears(6)
    assert (kinds([filled]), prices([filled])) == (["* ORDER_FILLED"], [1.1179])


def test_a_stop_loss_closes_everything_whatever_the_book_holds():
    with stage(STILL, (5, 111_700, 111_704), fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        there = sum(level.size for level in kit.venue.ticker.book(EURUSD).side(bids=False))
        position = trader.opens(volume=there, relativeStopLoss=200).positionId
        for _ in range(3):
            trader.order(volume=there, positionId=position)
        events = trader.hears(6)
        assert not trader.reconciled().position and not trader.ledger.orders
    assert set(kinds(events[:-1])) == {"* ORDER_PARTIAL_FILL"}
    assert kinds(events[-1:]) == ["* ORDER_FILLED"]
    assert events[-1].position.positionStatus == CLOSED


def test_a_take_profit_takes_what_its_price_gets_and_goes_on_working():
    moves = [(5, 112_040, 112_044), (6, 112_041, 112_045), (7, 112_042, 112_046), (8, 112_100, 112_104)]
    with stage(STILL, *moves, fill="depth", account=RICH) as kit:
        trader = Trader(kit)
        there = sum(level.size for level in kit.venue.ticker.book(EURUSD).side(bids=False))
        position = trader.opens(volume=there).positionId
        trader.does("AmendPositionSLTP", positionId=position, takeProfit=1.1204)
        events = trader.hears(20)
        left = trader.reconciled()
    fills = [event for event in events if event.HasField("deal")]
    assert all(price >= 1.1204 for price in prices(fills))
    assert kinds(fills)[0] == "* ORDER_PARTIAL_FILL"
    closed = sum(event.deal.filledVolume for event in fills)
    assert closed + sum(one.tradeData.volume for one in left.position) == there
    assert closed == fills[-1].order.executedVolume
    assert kinds(fills)[-1] == "* ORDER_FILLED" and not left.order


def test_levels_pass_to_a_position_that_is_added_to():
    with stage(STILL, (5, 112_000, 112_004)) as kit:
        trader = Trader(kit)
        first = trader.opens(relativeStopLoss=200)
        kit.advance(6)
        plain = trader.order(positionId=first.positionId)
        anew = trader.order(positionId=first.positionId, relativeStopLoss=100, relativeTakeProfit=100)
    assert kinds(plain) == kinds(anew) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_REPLACED"]
    assert plain[0].position.positionStatus == OPEN  # no placeholder: it is there
    assert plain[2].order.tradeData.volume == 200_000
    assert plain[2].position.stopLoss == 1.1179
    assert (anew[2].position.stopLoss, anew[2].position.takeProfit) == (1.11904, 1.12104)
    assert anew[2].order.tradeData.volume == 300_000


def test_a_level_that_is_hit_before_it_followed_a_partial_close_closes_what_is_left():
    with stage(STILL, (1.142, 111_700, 111_704)) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=300_000, relativeStopLoss=200).positionId
        kit.advance(0.5)
        events = trader.does("ClosePosition", positionId=position, volume=100_000)
        assert not trader.ledger.orders and not trader.ledger.positions
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_FILLED"]
    assert events[2].order.executedVolume == 200_000 == events[2].order.tradeData.volume
    assert events[2].position.positionStatus == CLOSED


def test_protection_follows_a_partial_close_whatever_ticks_come_between():
    with stage(STILL, (1.142, 111_987, 111_991), (1.144, 111_986, 111_990)) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=300_000, relativeStopLoss=200).positionId
        kit.advance(0.5)
        events = trader.does("ClosePosition", positionId=position, volume=100_000)
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_REPLACED"]
    assert events[2].order.tradeData.volume == 200_000


def test_no_level_is_hit_between_a_close_and_the_end_of_its_protection():
    with stage(STILL, (1.15, 111_700, 111_704)) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200).positionId
        kit.advance(0.5)
        events = trader.does("ClosePosition", positionId=position, volume=100_000)
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_CANCELLED"]


def test_a_position_is_protected_though_its_close_is_on_the_way():
    with stage(STILL) as kit:
        trader = Trader(kit)
        opened = trader.order(0.141, relativeStopLoss=200)
        assert kinds(opened) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
        position = opened[1].position.positionId
        with_delay = kit.venue.options.execution_delay
        events = trader.does("ClosePosition", positionId=position, volume=100_000)
    assert with_delay > 0.008
    assert kinds(events)[:2] == ["ORDER_ACCEPTED", "* ORDER_ACCEPTED"]  # protected in the meantime
    assert kinds(events)[2:] == ["ORDER_FILLED", "* ORDER_CANCELLED"]


def test_without_delays_the_order_of_events_is_the_same():
    with stage(STILL, execution_delay=0, protection_delay=0, cancellation_delay=0) as kit:
        trader = Trader(kit)
        opened = trader.order(0.0, relativeStopLoss=200)
        closed = trader.does("ClosePosition", 0.0, positionId=opened[0].position.positionId, volume=100_000)
    assert kinds(opened) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_ACCEPTED"]
    assert kinds(closed) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_CANCELLED"]


# -------------------------------------------------------------------------------------------------------------- closing


def test_several_closes_at_once():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=300_000).positionId
        for name in ("one", "two", "three"):
            trader.send("ClosePosition", name, positionId=position, volume=100_000)
        kit.advance(1)
        heard = trader.hears_envelopes()
    assert [name for name, _ in heard] == ["one", "two", "three"] * 2
    fills = [(name, event) for name, event in heard if event.HasField("deal")]
    assert [name for name, _ in fills] == ["one", "two", "three"]
    assert [event.position.tradeData.volume for _, event in fills] == [200_000, 100_000, 0]
    assert len({event.order.clientOrderId for _, event in fills}) == 3
    assert fills[-1][1].position.positionStatus == CLOSED


def test_a_close_that_finds_the_position_gone_is_rejected():
    with stage(STILL, (1.1, 111_700, 111_704)) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200).positionId
        kit.advance(0.5)
        events = trader.does("ClosePosition", positionId=position, volume=100_000)
    assert kinds(events) == ["ORDER_ACCEPTED", "* ORDER_FILLED", "ORDER_REJECTED"]
    assert events[2].errorCode == "POSITION_NOT_OPEN"
    assert (events[2].order.orderStatus, events[2].position.positionStatus) == (3, CLOSED)


def test_closing_is_first_in_first_out_and_books_what_the_lots_were_worth():
    with stage(STILL, (5, 112_000, 112_010), (10, 112_100, 112_104)) as kit:
        trader = Trader(kit)
        first = trader.opens(volume=200_000)
        kit.advance(6)
        second = trader.opens(positionId=first.positionId, volume=100_000)
        kit.advance(6)
        _, closed = trader.does("ClosePosition", positionId=first.positionId, volume=100_000)
    assert (first.price, second.price) == (1.1199, pytest.approx((2 * 1.1199 + 1.1201) / 3, rel=1e-15))
    detail = closed.deal.closePositionDetail
    assert (detail.entryPrice, detail.grossProfit, detail.closedVolume) == (1.1199, 110, 100_000)
    assert closed.position.price == pytest.approx((1.1199 + 1.1201) / 2, rel=1e-15)
    assert detail.balance == 10_000_00 + detail.grossProfit + detail.swap + detail.commission + detail.pnlConversionFee


# --------------------------------------------------------------------------------------------------------------- netted


NETTED = {"account_type": 1}


def test_a_netted_account_keeps_one_position_of_a_symbol():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        first = trader.opens()
        added = trader.order(volume=200_000)
        (position,) = trader.reconciled().position
    assert added[0].position.positionStatus == OPEN
    assert (position.positionId, position.tradeData.volume) == (first.positionId, 300_000)


def test_an_opposite_order_closes_a_part_of_it():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        first = trader.opens(volume=300_000)
        accepted, filled = trader.order(tradeSide=SELL, volume=100_000)
    assert kinds([accepted, filled]) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
    assert filled.deal.HasField("closePositionDetail") and not filled.order.closingOrder
    assert (filled.position.positionId, filled.position.tradeData.volume) == (first.positionId, 200_000)
    assert filled.position.tradeData.tradeSide == BUY


def test_a_larger_opposite_order_turns_it():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        first = trader.opens(volume=100_000, relativeStopLoss=200)
        events = trader.order(tradeSide=SELL, volume=300_000, relativeStopLoss=300)
        (position,) = trader.reconciled().position
    assert kinds(events) == [
        "ORDER_ACCEPTED", "ORDER_PARTIAL_FILL", "ORDER_FILLED", "* ORDER_ACCEPTED", "* ORDER_CANCELLED",
    ]  # fmt: skip
    _, closed, opened, protected, cancelled = events
    assert closed.deal.closePositionDetail.closedVolume == 100_000
    assert closed.position.positionId == first.positionId == cancelled.position.positionId
    assert not opened.deal.HasField("closePositionDetail")
    assert opened.position.positionId not in (0, first.positionId)
    assert (position.positionId, position.tradeData.tradeSide, position.tradeData.volume) == (
        opened.position.positionId, SELL, 200_000,
    )  # fmt: skip
    assert position.stopLoss == protected.position.stopLoss == 1.12286
    assert cancelled.position.positionStatus == CLOSED
    assert closed.deal.dealId != opened.deal.dealId


def test_pending_orders_of_a_netted_account_join_the_position_there_is():
    with stage(STILL, (5, 111_890, 111_894), (6, 112_110, 112_114), account=NETTED) as kit:
        trader = Trader(kit)
        (limit,) = trader.order(orderType=LIMIT, limitPrice=1.119)
        (stop,) = trader.order(orderType=STOP, stopPrice=1.121, tradeSide=BUY)
        assert limit.position.positionId != stop.position.positionId
        first, second = trader.hears(10)
        answer = trader.reconciled()
    assert first.position.positionId == limit.position.positionId
    assert second.position.positionId == first.position.positionId == second.order.positionId
    assert [one.tradeData.volume for one in answer.position] == [200_000]


def test_a_netted_account_that_may_only_close_may_sell_what_it_has():
    with stage(STILL, account=NETTED) as kit:
        trader = Trader(kit)
        trader.opens(volume=200_000)
        trader.ledger.account.access_rights = 1
        assert trader.refused(tradeSide=SELL, volume=300_000)[1] == "TRADING_NOT_ALLOWED"
        assert kinds(trader.order(tradeSide=SELL, volume=200_000)) == ["ORDER_ACCEPTED", "ORDER_FILLED"]


# ---------------------------------------------------------------------------------------------------------------- money


def test_a_pending_order_that_can_not_be_paid_for_is_rejected_as_it_is_triggered():
    with stage(STILL, (5, 111_890, 111_894)) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.119, volume=100_000_000)
        (rejected,) = trader.hears(6)
    assert kinds([placed, rejected]) == ["ORDER_ACCEPTED", "* ORDER_REJECTED"]
    assert rejected.errorCode == "NOT_ENOUGH_MONEY"
    assert (rejected.order.orderStatus, rejected.position.positionStatus) == (3, CLOSED)


def test_two_orders_that_only_one_can_be_paid_for():
    with stage(STILL) as kit:  # 10 000 dollars at 1:100: 893 000 euros at most
        trader = Trader(kit)
        for name in ("one", "two"):
            trader.send("NewOrder", name, symbolId=EURUSD, orderType=1, tradeSide=BUY, volume=50_000_000)
        kit.advance(1)
        heard = trader.hears_envelopes()
    assert [name for name, _ in heard] == ["one", "two", "one", "two"]
    assert kinds([event for _, event in heard]) == [
        "ORDER_ACCEPTED", "ORDER_ACCEPTED", "ORDER_FILLED", "ORDER_REJECTED",
    ]  # fmt: skip
    assert heard[-1][1].errorCode == "NOT_ENOUGH_MONEY"


def test_margin_calls_come_before_the_stop_out_and_closing_goes_on_until_the_level_suffices():
    calls = {61: (100.0, 0), 62: (75.0, 0)}
    moves = [(5, 111_400, 111_404), (10, 110_300, 110_304), (20, 110_000, 110_004), (30, 109_300, 109_304)]
    with stage(STILL, *moves, account={"balance": 1_000_00, "margin_calls": calls}) as kit:
        trader = Trader(kit)
        for _ in range(2):
            trader.opens(volume=2_000_000)  # twice 20 000 euros: 447.96 dollars of margin
        assert not trader.hears(6)
        first = trader.hears(8)
        second = trader.hears(10)
        third = trader.hears(10)
        left = trader.reconciled().position
    assert kinds(first) == ["ProtoOAMarginCallTriggerEvent"] * 2
    assert [one.marginCall.marginCallType for one in first] == [61, 62]
    assert kinds(second) == ["* ORDER_ACCEPTED", "* ORDER_FILLED"]  # one of them is enough
    assert kinds(third) == ["* ORDER_ACCEPTED", "* ORDER_FILLED"]
    assert not left


def test_a_stop_out_may_begin_later():
    with stage(
        STILL, (10, 109_000, 109_001), account={"balance": 1_000_00, "margin_calls": {}}, stop_out_delay=5
    ) as kit:
        trader = Trader(kit)
        trader.opens(volume=4_000_000)
        assert not trader.hears(14)
        assert kinds(trader.hears(1)) == ["* ORDER_ACCEPTED", "* ORDER_FILLED"]


def test_a_margin_that_changes_by_another_trade_is_told():
    with stage(STILL, account={"balance": 10**9}) as kit:
        trader = Trader(kit)
        first = trader.opens(volume=400_000_000)  # 4.5 million dollars; up to five at 1:100
        second = trader.opens(volume=400_000_000)
        events = trader.does("ClosePosition", positionId=first.positionId, volume=400_000_000)
    assert second.usedMargin > first.usedMargin
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "ProtoOAMarginChangedEvent"]
    assert (events[2].positionId, events[2].usedMargin) == (second.positionId, first.usedMargin)


def test_the_balance_changes_with_closing_alone():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        before = trader.ask("Trader").trader
        _, closed = trader.does("ClosePosition", positionId=position, volume=100_000)
        after = trader.ask("Trader").trader
    assert (before.balance, before.balanceVersion) == (10_000_00, 1)
    detail = closed.deal.closePositionDetail
    assert (after.balance, after.balanceVersion) == (detail.balance, 2) == (10_000_00 - 4 - 6, detail.balanceVersion)


# -------------------------------------------------------------------------------------------------------- trading modes


@pytest.mark.parametrize(
    ("mode", "pending", "closes"),
    [
        (TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION, False, "TRADING_DISABLED"),
        (TradingMode.DISABLED_WITH_PENDINGS_EXECUTION, True, "TRADING_DISABLED"),
        (TradingMode.CLOSE_ONLY_MODE, False, ""),
    ],
)
def test_a_symbol_that_is_closed_while_orders_wait(mode, pending, closes):
    names = {1: "disabled", 2: "pending only", 3: "close only"}
    with stage(STILL, (5, 111_890, 111_894)) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        trader.order(orderType=LIMIT, limitPrice=1.119)
        kit.play("change_symbol", symbol="EURUSD", mode=names[int(mode)])
        trader.hears()
        assert kinds(trader.hears(6)) == (["* ORDER_FILLED"] if pending else [])
        assert trader.does("ClosePosition", positionId=position, volume=100_000)[0].errorCode == closes


# --------------------------------------------------------------------------------------------------- ticks, and the end


def test_no_tick_is_followed_without_something_to_follow():
    with stage(STILL, *[(10 * number, 111_986, 111_990 + number) for number in range(1, 9)]) as kit:
        trader = Trader(kit)
        exchange = kit.venue.exchange
        seen = []
        told = exchange.desks[1_000_002].tick
        exchange.desks[1_000_002].tick = lambda symbol_id, tick: (seen.append(tick.timestamp_ms), told(symbol_id, tick))
        kit.advance(25)
        assert not seen
        position = trader.opens().positionId
        kit.advance(20)
        assert len(seen) == 2
        trader.does("ClosePosition", positionId=position, volume=100_000)
        kit.advance(40)
        assert len(seen) == 2


def test_spots_of_a_tick_are_told_before_what_it_sets_off():
    with stage(STILL, (5, 111_700, 111_704)) as kit:
        trader = Trader(kit)
        trader.opens(relativeStopLoss=200)
        trader.does("SubscribeSpots", symbolId=[EURUSD])
        said = trader.hears(6)
    assert [type(one) for one in said] == [messages.ProtoOASpotEvent, messages.ProtoOAExecutionEvent]


def test_what_converts_money_is_followed_too():
    """A loss in yen weighs more on a dollar account as the yen rises, though the position's symbol stands still."""
    yen = [(-1, 15_000_000, 15_000_100), (10, 3_000_000, 3_000_100)]
    cross = [(-1, 17_000_000, 17_000_300), (5, 16_900_000, 16_900_300)]
    account = {"balance": 100_00, "margin_calls": {61: (700.0, 0)}}
    with stage(*cross, symbol_id=3, others={4: yen, EURUSD: [STILL]}, account=account) as kit:
        trader = Trader(kit)
        trader.opens(symbolId=3)
        assert not trader.hears(8)  # 100 dollars less 1003 yen are 823 % of 11.33 dollars
        (call,) = trader.hears(2)  # and now 587 %
        assert kit.venue.now() == DEFAULT_START + 10_500
    assert kinds([call]) == ["ProtoOAMarginCallTriggerEvent"]


def test_a_venue_that_closes_forgets_what_is_under_way():
    with stage(STILL) as kit:
        trader = Trader(kit)
        trader.opens(relativeStopLoss=200)
        trader.order(0.05, orderType=LIMIT, limitPrice=1.11, timeInForce=GTD,
                     expirationTimestamp=DEFAULT_START + 10**7)  # fmt: skip
        trader.order(0.01)
    # Leaving the kit fails if anything is left on the clock.
    assert not kit.clock.getDelayedCalls()


def test_what_was_under_way_goes_on_in_a_venue_that_was_loaded():
    with stage(STILL) as kit:
        trader = Trader(kit)
        opened = trader.order(0.145, volume=200_000, relativeStopLoss=200)
        assert kinds(opened) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
        trader.order(0.0)
        ends = DEFAULT_START + 60_000
        trader.order(0.0, orderType=LIMIT, limitPrice=1.11, timeInForce=GTD, expirationTimestamp=ends)
        state = kit.venue.save_state()
    with stage(STILL, kit={"state": state}) as kit:
        trader = Trader(kit)
        trader.hears(1)
        answer = trader.reconciled()
        assert sorted(one.tradeData.volume for one in answer.position) == [100_000, 200_000]
        assert {one.stopLoss for one in answer.position} == {1.1179, 0.0}
        assert [one.orderType for one in answer.order] == [LIMIT, 4]
        assert kinds(trader.hears(60)) == ["* ORDER_EXPIRED"]
