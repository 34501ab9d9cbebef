"""Every refusal there is, over the wire: its channel, its code, its words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim.feed.house import CHRISTMAS, HOUSE
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.testing import DEFAULT_START
from ctrader_twisted.sim.trading import matching, rules
from ctrader_twisted.sim.trading.rules import circumstances, new_order, numbers, position, working_order
from tests.sim.trading.staged import (
    BUY,
    FOK,
    GTD,
    LIMIT,
    MARKET,
    MARKET_RANGE,
    ON_OPEN,
    PROTECTIVE,
    SELL,
    STOP,
    STOP_LIMIT,
    Trader,
    kinds,
    stage,
)
from tests.sim.venues import EURUSD, XAUUSD

STILL = (-1, 111_986, 111_990)
EVENT, ERROR = "ProtoOAOrderErrorEvent", "ProtoOAErrorRes"
INVALID = "INVALID_REQUEST"
STOPS, PRICES, VOLUME = "TRADING_BAD_STOPS", "TRADING_BAD_PRICES", "TRADING_BAD_VOLUME"
ABSOLUTE = "SL/TP in absolute values are allowed only for order types: [LIMIT, STOP, STOP_LIMIT]"
TRAILS = "Can't set Trailing Stop Loss parameter without specified Stop Loss"

REFUSED = {
    "an unknown symbol": ({"symbolId": 4711}, "UNKNOWN_SYMBOL", "Unknown symbol 4711"),
    "a volume below the least": (
        {"volume": 100},
        VOLUME,
        "Order volume 1.00 is smaller than group minVolume=1000.00.",
    ),
    "a volume above the most": (
        {"volume": 10_000_100_000},
        VOLUME,
        "Order volume 100001000.00 is bigger than group maxVolume=100000000.00.",
    ),
    "a volume off the step": (
        {"volume": 150_000},
        VOLUME,
        "Order volume 1500.00 is not a multiple of group stepVolume=1000.00.",
    ),
    "a negative volume": ({"volume": -100_000}, VOLUME, None),
    "a long label": ({"label": "x" * 101}, INVALID, "Label is too long: 101 characters, at most 100 are allowed"),
    "a long comment": ({"comment": "x" * 513}, INVALID, None),
    "a long client order id": ({"clientOrderId": "x" * 51}, INVALID, None),
    "an absolute stop loss at the market": ({"stopLoss": 1.1}, INVALID, ABSOLUTE),
    "an absolute take profit in a range": (
        {"orderType": MARKET_RANGE, "baseSlippagePrice": 1.12, "slippageInPoints": 5, "takeProfit": 1.2},
        INVALID,
        ABSOLUTE,
    ),
    "the server's own order type": ({"orderType": PROTECTIVE}, INVALID, None),
    "trailing without a stop": ({"trailingStopLoss": True, "relativeTakeProfit": 100}, INVALID, TRAILS),
    "a position that is not there": ({"positionId": 9}, "POSITION_NOT_FOUND", "Position not found with id 9"),
    "a limit without price": ({"orderType": LIMIT}, PRICES, "limitPrice is missing"),
    "a stop without price": ({"orderType": STOP, "limitPrice": 1.2}, PRICES, "stopPrice is missing"),
    "a stop limit without slippage": ({"orderType": STOP_LIMIT, "stopPrice": 1.2}, PRICES, None),
    "a range without base": (
        {"orderType": MARKET_RANGE, "slippageInPoints": 5},
        PRICES,
        "baseSlippagePrice is missing",
    ),
    "a range without slippage": ({"orderType": MARKET_RANGE, "baseSlippagePrice": 1.1}, PRICES, None),
    "a price with too many digits": ({"orderType": LIMIT, "limitPrice": 1.100001}, INVALID, None),
    "a price of nothing": ({"orderType": LIMIT, "limitPrice": 0.0}, PRICES, None),
    "a negative price": ({"orderType": LIMIT, "limitPrice": -1.1}, PRICES, None),
    "no number": ({"orderType": LIMIT, "limitPrice": math.nan}, PRICES, None),
    "an endless price": ({"orderType": STOP, "stopPrice": math.inf}, PRICES, None),
    "a buy stop below the market": (
        {"orderType": STOP, "stopPrice": 1.1199},
        PRICES,
        "Stop price for BUY order should be > current ASK price. current ASK: 1.11990, Stop price: 1.11990",
    ),
    "a sell stop above the market": ({"orderType": STOP, "tradeSide": SELL, "stopPrice": 1.11986}, PRICES, None),
    "a stop limit through the market": (
        {"orderType": STOP_LIMIT, "stopPrice": 1.11, "slippageInPoints": 5},
        PRICES,
        None,
    ),
    "a stop loss above a buy limit": ({"orderType": LIMIT, "limitPrice": 1.11, "stopLoss": 1.12}, STOPS, None),
    "a take profit below a buy limit": ({"orderType": LIMIT, "limitPrice": 1.11, "takeProfit": 1.1}, STOPS, None),
    "a stop loss below a sell stop": (
        {"orderType": STOP, "tradeSide": SELL, "stopPrice": 1.11, "stopLoss": 1.1},
        STOPS,
        None,
    ),
    "a take profit above a sell stop": (
        {"orderType": STOP, "tradeSide": SELL, "stopPrice": 1.11, "takeProfit": 1.2},
        STOPS,
        None,
    ),
    "a level with too many digits": (
        {"orderType": LIMIT, "limitPrice": 1.11, "stopLoss": 1.1000001},
        INVALID,
        "stopLoss = 1.1000001 has more digits than symbol allows. Allowed 5 digits",
    ),
    "a level that is no price": ({"orderType": LIMIT, "limitPrice": 1.11, "stopLoss": -1.0}, STOPS, None),
    "a negative distance": ({"relativeStopLoss": -100}, STOPS, None),
    "a distance of nothing": ({"relativeTakeProfit": 0}, STOPS, None),
    "an expiry without a time": (
        {"orderType": LIMIT, "limitPrice": 1.11, "timeInForce": GTD},
        "TRADING_BAD_EXPIRATION_DATE",
        None,
    ),
    "an expiry now": (
        {"orderType": LIMIT, "limitPrice": 1.11, "timeInForce": GTD, "expirationTimestamp": DEFAULT_START},
        "TRADING_BAD_EXPIRATION_DATE",
        None,
    ),
    "a limit on open": ({"orderType": LIMIT, "limitPrice": 1.11, "timeInForce": ON_OPEN}, INVALID, None),
    "a guarantee that is not offered": ({"relativeStopLoss": 100, "guaranteedStopLoss": True}, STOPS, None),
    "too little money": ({"volume": 100_000_000}, "NOT_ENOUGH_MONEY", "Not enough funds"),
    "too little money for a limit that fills": (
        {"orderType": LIMIT, "limitPrice": 1.2, "volume": 100_000_000},
        "NOT_ENOUGH_MONEY",
        "Not enough funds",
    ),
    "too little money, all or nothing": ({"volume": 100_000_000, "timeInForce": FOK}, "NOT_ENOUGH_MONEY", None),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_new_order_is_refused(what):
    wanted, code, words = REFUSED[what]
    with stage(STILL) as kit:
        trader = Trader(kit)
        channel, said, description = trader.refused(**wanted)
        assert (channel, said) == (ERROR if code == INVALID else EVENT, code)
        assert words is None or description == words
        assert description
        ledger = trader.ledger
        assert not (ledger.orders or ledger.past_orders or ledger.positions or ledger.closed_positions)
        assert not trader.hears(5)


@pytest.mark.parametrize(
    ("changes", "wanted", "code"),
    [
        ({"sl_distance": 50}, {"relativeStopLoss": 49}, "PROTECTION_IS_TOO_CLOSE_TO_MARKET"),
        ({"tp_distance": 50}, {"relativeTakeProfit": 49}, "PROTECTION_IS_TOO_CLOSE_TO_MARKET"),
        (
            {"sl_distance": 50},
            {"orderType": LIMIT, "limitPrice": 1.11, "stopLoss": 1.10951},
            "PROTECTION_IS_TOO_CLOSE_TO_MARKET",
        ),
        (
            {"guaranteed_stop_loss": True, "gsl_distance": 50},
            {"relativeStopLoss": 49, "guaranteedStopLoss": True},
            "PROTECTION_IS_TOO_CLOSE_TO_MARKET",
        ),
        ({"guaranteed_stop_loss": True}, {"guaranteedStopLoss": True}, STOPS),
        ({"enable_short_selling": False}, {"tradeSide": SELL}, "SHORT_SELLING_NOT_ALLOWED"),
        ({"trading_mode": TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION}, {}, "TRADING_DISABLED"),
        ({"trading_mode": TradingMode.DISABLED_WITH_PENDINGS_EXECUTION}, {}, "TRADING_DISABLED"),
        ({"trading_mode": TradingMode.CLOSE_ONLY_MODE}, {}, "TRADING_DISABLED"),
        ({"enabled": False}, {}, "TRADING_DISABLED"),
        ({"max_exposure": 100_000}, {"volume": 200_000}, "MAX_EXPOSURE_REACHED"),
    ],
)
def test_a_symbol_may_forbid_it(changes, wanted, code):
    with stage(STILL, changes=changes) as kit:
        channel, said, _ = Trader(kit).refused(**wanted)
    assert (channel, said) == (EVENT, code)


def test_just_what_a_symbol_allows_is_accepted():
    with stage(STILL, changes={"sl_distance": 50, "tp_distance": 50, "max_exposure": 100_000}) as kit:
        assert kinds(Trader(kit).order(relativeStopLoss=50, relativeTakeProfit=50))[0] == "ORDER_ACCEPTED"


def test_distances_are_multiples_of_the_tick():
    gold = (-1, 421_550_000, 421_570_000)
    with stage(gold, symbol_id=XAUUSD) as kit:
        trader = Trader(kit)
        wanted = {"symbolId": XAUUSD, "volume": 100}
        assert trader.refused(**wanted, relativeStopLoss=1_500) == (
            ERROR, INVALID, "Relative stop loss has invalid precision",
        )  # fmt: skip
        assert trader.refused(**wanted, relativeTakeProfit=1_001)[1] == INVALID
        assert kinds(trader.order(**wanted, relativeStopLoss=2_000))[:2] == ["ORDER_ACCEPTED", "ORDER_FILLED"]


@pytest.mark.parametrize(
    ("rights", "opens", "closes"),
    [(0, None, None), (1, "TRADING_NOT_ALLOWED", None), (2, "TRADING_NOT_ALLOWED", "TRADING_NOT_ALLOWED")],
    ids=["full access", "close only", "no trading"],
)
def test_an_account_may_be_restricted(rights, opens, closes):
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        trader.ledger.account.access_rights = rights
        answers = (
            trader.order()[0],
            trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.11)[0],
            trader.does("ClosePosition", positionId=position, volume=100_000)[0],
        )
    assert [answer.errorCode or None for answer in answers] == [opens, closes, closes]


SATURDAY = DEFAULT_START + 4 * 86_400_000
CHRISTMAS_MORNING = 1_798_189_200_000  # 2026-12-25 09:00 UTC, a Friday


@pytest.mark.parametrize(
    ("start", "code"), [(SATURDAY, "MARKET_CLOSED"), (CHRISTMAS_MORNING, "SYMBOL_HAS_HOLIDAY")], ids=["shut", "holiday"]
)
def test_what_would_be_carried_out_now_is_refused_while_the_market_is_closed(start, code):
    assert CHRISTMAS in HOUSE.instrument("EURUSD").holidays
    with stage(STILL, start=start) as kit:
        trader = Trader(kit)
        assert trader.refused()[1] == code
        assert trader.refused(orderType=MARKET_RANGE, baseSlippagePrice=1.12, slippageInPoints=5)[1] == code
        assert kinds(trader.order(orderType=LIMIT, limitPrice=1.11)) == ["ORDER_ACCEPTED"]
        assert kinds(trader.order(orderType=STOP, stopPrice=1.13)) == ["ORDER_ACCEPTED"]


def test_nothing_is_traded_before_the_first_quote():
    with stage((5, 111_986, 111_990)) as kit:
        assert Trader(kit).refused()[1] == "NO_QUOTES"


def test_too_many_positions_and_orders():
    with stage(STILL, account={"max_positions": 2}) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        trader.order(orderType=LIMIT, limitPrice=1.11)
        assert trader.refused()[1] == "TOO_MANY_POSITIONS"
        assert trader.refused(orderType=LIMIT, limitPrice=1.1)[1] == "TOO_MANY_POSITIONS"
        assert kinds(trader.order(positionId=position)) == ["ORDER_ACCEPTED", "ORDER_FILLED"]  # none more


def test_adding_to_a_position_wants_one_like_it():
    with stage(STILL, others={2: [(-1, 133_000, 133_005)]}) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        assert trader.refused(positionId=position, tradeSide=SELL)[:2] == (ERROR, INVALID)
        assert trader.refused(positionId=position, symbolId=2)[:2] == (ERROR, INVALID)
        (pending,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        assert trader.refused(positionId=pending.position.positionId)[1] == "POSITION_NOT_OPEN"


def test_limited_risk_wants_a_guarantee():
    with stage(STILL, account={"limited_risk": True}, changes={"guaranteed_stop_loss": True}) as kit:
        trader = Trader(kit)
        assert trader.refused(relativeStopLoss=100)[:2] == (EVENT, STOPS)
        events = trader.order(relativeStopLoss=100, guaranteedStopLoss=True)
        assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_ACCEPTED"]
        assert events[-1].position.guaranteedStopLoss


# ------------------------------------------------------------------------------------------------------------ positions


def test_commands_about_what_is_not_there():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        trader.does("ClosePosition", positionId=position, volume=100_000)
        for name, fields in (("ClosePosition", {"volume": 100_000}), ("AmendPositionSLTP", {"stopLoss": 1.1})):
            assert trader.refused(name, positionId=2416447, **fields) == (
                EVENT, "POSITION_NOT_FOUND", "Position not found with id 2416447",
            )  # fmt: skip
            assert trader.refused(name, positionId=position, **fields)[:2] == (EVENT, "POSITION_NOT_OPEN")
        for name in ("CancelOrder", "AmendOrder"):
            assert trader.refused(name, orderId=5) == (EVENT, "ORDER_NOT_FOUND", "Order not found with id 5")
        trader.send("ClosePosition", positionId=77, volume=1)
        (event,) = trader.hears()
        assert event.HasField("orderId") and event.HasField("positionId")
        assert (event.orderId, event.positionId) == (0, 0)


def test_no_more_is_closed_than_is_open():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=300_000).positionId
        for volume in (300_100, 400_000, 0, -100_000, 150_000):
            assert trader.refused("ClosePosition", positionId=position, volume=volume)[:2] == (EVENT, VOLUME)
        trader.does("ClosePosition", 0.05, positionId=position, volume=200_000)
        assert trader.refused("ClosePosition", positionId=position, volume=200_000)[1] == "POSITION_LOCKED"


@pytest.mark.parametrize(
    ("side", "levels", "words"),
    [
        (BUY, {"takeProfit": 1.11985},
         "New TP for BUY position should be >= current BID price. current BID: 1.11986, TP: 1.11985"),
        (BUY, {"stopLoss": 1.11987},
         "New SL for BUY position should be <= current BID price. current BID: 1.11986, SL: 1.11987"),
        (SELL, {"takeProfit": 1.11991},
         "New TP for SELL position should be <= current ASK price. current ASK: 1.11990, TP: 1.11991"),
        (SELL, {"stopLoss": 1.11989},
         "New SL for SELL position should be >= current ASK price. current ASK: 1.11990, SL: 1.11989"),
    ],
)  # fmt: skip
def test_levels_through_the_market_are_refused_in_the_servers_words(side, levels, words):
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(tradeSide=side).positionId
        assert trader.refused("AmendPositionSLTP", positionId=position, **levels) == (EVENT, STOPS, words)


def test_levels_through_the_market_may_be_accepted_and_are_filled_with_the_next_tick():
    with stage(STILL, (5.6, 111_985, 111_989), stops_through_market="accept") as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        kit.advance(4)
        (replaced,) = trader.does("AmendPositionSLTP", positionId=position, takeProfit=1.1198)
        assert kinds([replaced]) == ["ORDER_ACCEPTED"]
        (filled,) = trader.hears(2)
    assert kinds([filled]) == ["* ORDER_FILLED"]
    assert filled.deal.executionPrice == 1.11985


def test_amends_of_levels_that_are_refused():
    with stage(STILL, changes={"sl_distance": 20, "tp_distance": 20}) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        amend = "AmendPositionSLTP"
        assert trader.refused(amend, positionId=position) == (ERROR, INVALID, "Nothing to amend.")
        for fields in ({"trailingStopLoss": False}, {"trailingStopLoss": True}):
            assert trader.refused(amend, positionId=position, **fields) == (ERROR, INVALID, TRAILS)
        assert trader.refused(amend, positionId=position, stopLoss=1.1000001)[:2] == (ERROR, INVALID)
        assert trader.refused(amend, positionId=position, stopLoss=math.nan)[:2] == (EVENT, STOPS)
        close = "PROTECTION_IS_TOO_CLOSE_TO_MARKET"
        assert trader.refused(amend, positionId=position, stopLoss=1.11967)[:2] == (EVENT, close)
        assert trader.refused(amend, positionId=position, takeProfit=1.12005)[:2] == (EVENT, close)
        guaranteed = {"stopLoss": 1.1, "guaranteedStopLoss": True}
        assert trader.refused(amend, positionId=position, **guaranteed)[:2] == (EVENT, STOPS)
        assert kinds(trader.does(amend, positionId=position, stopLoss=1.11966, takeProfit=1.12006)) == [
            "ORDER_ACCEPTED"
        ]


def test_a_trailing_stop_is_cleared_in_two_amends():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200, trailingStopLoss=True).positionId
        amend = "AmendPositionSLTP"
        assert trader.refused(amend, positionId=position) == (ERROR, INVALID, TRAILS)
        assert trader.refused(amend, positionId=position, trailingStopLoss=False) == (ERROR, INVALID, TRAILS)
        (kept,) = trader.does(amend, positionId=position, stopLoss=1.117)
        (stopped,) = trader.does(amend, positionId=position, stopLoss=1.117, trailingStopLoss=False)
        (cleared,) = trader.does(amend, positionId=position)
    assert kept.position.trailingStopLoss and kept.order.trailingStopLoss
    assert not stopped.position.trailingStopLoss and not stopped.order.trailingStopLoss
    assert kinds([cleared]) == ["ORDER_CANCELLED"]


def test_a_guaranteed_stop_is_not_made_worse():
    with stage(STILL, changes={"guaranteed_stop_loss": True}) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200, guaranteedStopLoss=True).positionId  # 1.1179
        amend, worse = "AmendPositionSLTP", "WORSE_GSL_NOT_ALLOWED"
        assert trader.refused(amend, positionId=position, stopLoss=1.11789)[1] == worse
        assert trader.refused(amend, positionId=position, takeProfit=1.13)[1] == worse
        assert trader.refused(amend, positionId=position, stopLoss=1.118, guaranteedStopLoss=False)[1] == worse
        (moved,) = trader.does(amend, positionId=position, stopLoss=1.118)
    assert moved.position.guaranteedStopLoss and moved.position.stopLoss == 1.118


# --------------------------------------------------------------------------------------------------------------- orders


def test_amends_of_orders_that_are_refused():
    with stage(STILL) as kit:
        trader = Trader(kit)
        trader.opens(relativeStopLoss=200)
        protective = trader.reconciled().order[0].orderId
        (limit,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        (stop,) = trader.order(orderType=STOP, stopPrice=1.13, stopLoss=1.12)
        ends = DEFAULT_START + 10**6
        (dated,) = trader.order(orderType=LIMIT, limitPrice=1.1, timeInForce=GTD, expirationTimestamp=ends)
        (market,) = trader.order(0.05)

        def refused(event, **fields):
            return trader.refused("AmendOrder", orderId=event.order.orderId, **fields)[:2]

        assert trader.refused("AmendOrder", orderId=market.order.orderId, volume=200_000)[1] == "PENDING_EXECUTION"
        kit.advance(1)
        assert refused(limit) == (ERROR, INVALID)
        assert refused(limit, volume=1) == (EVENT, VOLUME)
        assert refused(limit, limitPrice=1.1000001) == (ERROR, INVALID)
        assert refused(limit, limitPrice=-1.0) == (EVENT, PRICES)
        assert refused(limit, stopPrice=1.13) == (EVENT, PRICES)
        assert refused(limit, stopLoss=1.12) == (EVENT, STOPS)
        assert refused(limit, slippageInPoints=7) == (ERROR, INVALID)
        assert refused(limit, expirationTimestamp=ends) == (ERROR, INVALID)  # it is GOOD_TILL_CANCEL
        assert refused(limit, limitPrice=1.11, trailingStopLoss=True) == (ERROR, INVALID)
        assert refused(stop, stopPrice=1.11) == (EVENT, PRICES)
        assert refused(dated, expirationTimestamp=DEFAULT_START) == (EVENT, "TRADING_BAD_EXPIRATION_DATE")
        assert trader.refused("AmendOrder", orderId=protective, stopPrice=1.1)[1] == "UNABLE_TO_AMEND_ORDER"
        assert trader.refused("CancelOrder", orderId=protective)[1] == "UNABLE_TO_CANCEL_ORDER"
        (removed,) = trader.does("AmendOrder", orderId=stop.order.orderId)  # it had a level, so there is something
        assert not removed.order.HasField("stopLoss") and removed.order.stopPrice == 1.13


# ------------------------------------------------------------------------------------------------------------- channels


@pytest.mark.parametrize(
    ("refusals", "channel"), [("order error", EVENT), ("error", ERROR), ("rejected", "ProtoOAExecutionEvent")]
)
def test_the_channel_is_an_option(refusals, channel):
    with stage(STILL, refusals=refusals) as kit:
        trader = Trader(kit)
        assert trader.refused(volume=1)[:2] == (channel, VOLUME)
        assert trader.refused("CancelOrder", orderId=1)[:2] == (channel, "ORDER_NOT_FOUND")
        assert trader.refused(stopLoss=1.1)[:2] == (ERROR, INVALID)  # whatever the option
        trader.send("NewOrder", "mine", symbolId=EURUSD, orderType=MARKET, tradeSide=BUY, volume=1)
        ((name, answer),) = trader.hears_envelopes()
    assert name == "mine"
    if refusals == "rejected":
        assert answer.executionType == messages.ProtoOAExecutionType.ORDER_REJECTED
        assert not answer.isServerEvent


def test_a_rejection_shows_what_the_command_was_about():
    with stage(STILL, refusals="rejected") as kit:
        trader = Trader(kit)
        (rejected,) = trader.order(volume=1)
        assert (kinds([rejected]), rejected.errorCode) == (["ORDER_REJECTED"], VOLUME)
        assert not rejected.HasField("order")  # it has become none
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11)
        (amend,) = trader.does("AmendOrder", orderId=placed.order.orderId, volume=1)
        assert (kinds([amend]), amend.order) == (["ORDER_REJECTED"], placed.order)
        (cancel,) = trader.does("CancelOrder", orderId=1)
        assert (kinds([cancel]), cancel.errorCode) == (["ORDER_CANCEL_REJECTED"], "ORDER_NOT_FOUND")
        assert not cancel.HasField("order")
        position = trader.opens()
        (close,) = trader.does("ClosePosition", positionId=position.positionId, volume=10**9)
        assert (close.errorCode, close.position.positionId) == (VOLUME, position.positionId)


def test_marketable_limits_may_be_refused():
    with stage(STILL, marketable_limits="refuse") as kit:
        trader = Trader(kit)
        assert trader.refused(orderType=LIMIT, limitPrice=1.1199) == (
            EVENT, PRICES,
            "Limit price for BUY order should be < current ASK price. current ASK: 1.11990, Limit price: 1.11990",
        )  # fmt: skip
        assert kinds(trader.order(orderType=LIMIT, limitPrice=1.11989)) == ["ORDER_ACCEPTED"]


def test_levels_on_the_wrong_side_may_be_dropped_without_a_word():
    with stage(STILL, bad_side_stops_dropped=True) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=LIMIT, limitPrice=1.11, stopLoss=1.12, takeProfit=1.13)
        events = trader.order(relativeStopLoss=-100)
    assert not placed.order.HasField("stopLoss") and placed.order.takeProfit == 1.13
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED"]


def test_every_rule_is_in_a_table():
    told = {*rules.NEW_ORDER, *rules.CANCEL_ORDER, *rules.AMEND_ORDER, *rules.AMEND_POSITION, *rules.CLOSE_POSITION}
    rule_like = {
        value
        for room in (circumstances, new_order, numbers, position, working_order)
        for name, value in vars(room).items()
        if getattr(value, "__module__", "") == room.__name__ and not name.startswith("_")
        and list(getattr(value, "__annotations__", {})) == ["case", "return"]
        and value.__annotations__["return"] == "Problem | None"
    }  # fmt: skip
    assert rule_like == told


def test_the_limit_of_an_order_lies_beyond_its_price_on_the_worse_side():
    from ctrader_twisted.sim.trading.entities import Order

    euro = HOUSE.instrument("EURUSD")
    order = Order(1, 2, EURUSD, BUY, 100_000, STOP_LIMIT, 0, stop_price=112_000, slippage=15)
    assert matching.limit_of(order, euro) == 112_015
    assert matching.limit_of(replace(order, side=SELL), euro) == 111_985
    ranged = replace(order, order_type=MARKET_RANGE, stop_price=None, base_slippage_price=112_000)
    assert matching.limit_of(ranged, replace(euro, digits=3, start_price=1_000_000)) == 113_500
    assert matching.limit_of(replace(order, order_type=MARKET), euro) is None
