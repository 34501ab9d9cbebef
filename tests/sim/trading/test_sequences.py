"""The events of everything that can happen, in their order, with their fields: protocol notes, 1.12, row by row."""

from __future__ import annotations

import math

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim.testing import DEFAULT_START
from tests.sim.trading.staged import (
    BUY,
    CLOSED,
    CREATED,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    PROTECTIVE,
    SELL,
    STOP,
    Trader,
    kinds,
    stage,
)
from tests.sim.venues import EURUSD
from tests.wire.test_recordings import read

STILL = (-1, 111_986, 111_987)

POSITION = {
    "positionId", "tradeData", "positionStatus", "swap", "price", "utcLastUpdateTimestamp", "commission", "marginRate",
    "mirroringCommission", "guaranteedStopLoss", "usedMargin", "stopLossTriggerMethod", "moneyDigits",
    "trailingStopLoss",
}  # fmt: skip
ORDER = {
    "orderId", "tradeData", "orderType", "orderStatus", "executedVolume", "utcLastUpdateTimestamp", "closingOrder",
    "timeInForce", "positionId",
}  # fmt: skip
TRADE_DATA = {"symbolId", "volume", "tradeSide", "guaranteedStopLoss", "measurementUnits"}
DEAL = {
    "dealId", "orderId", "positionId", "volume", "filledVolume", "symbolId", "createTimestamp", "executionTimestamp",
    "utcLastUpdateTimestamp", "executionPrice", "tradeSide", "dealStatus", "marginRate", "commission",
    "baseToUsdConversionRate", "moneyDigits",
}  # fmt: skip
EVENT = {"ctidTraderAccountId", "executionType", "isServerEvent"}


def fields(message) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


def times(message) -> set[str]:
    return {name for name in fields(message.tradeData) if name.endswith("Timestamp")}


def test_a_market_order_without_levels():
    with stage(STILL) as kit:
        accepted, filled = Trader(kit).order()
    assert kinds([accepted, filled]) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
    assert fields(accepted) == EVENT | {"order", "position"}
    assert fields(accepted.order) == ORDER
    assert fields(accepted.order.tradeData) == TRADE_DATA | {"openTimestamp"}
    assert fields(accepted.position) == POSITION
    assert fields(accepted.position.tradeData) == TRADE_DATA
    assert (accepted.position.positionStatus, accepted.position.tradeData.volume) == (CREATED, 0)
    assert accepted.position.positionId == accepted.order.positionId > 0
    assert (accepted.order.orderStatus, accepted.order.timeInForce, accepted.order.executedVolume) == (1, IOC, 0)
    assert accepted.order.tradeData.openTimestamp == accepted.order.utcLastUpdateTimestamp == DEFAULT_START
    assert fields(filled) == EVENT | {"order", "position", "deal"}
    assert fields(filled.order) == ORDER | {"executionPrice"}
    assert times(filled.order) == {"openTimestamp", "closeTimestamp"}
    assert fields(filled.position) == POSITION
    assert times(filled.position) == {"openTimestamp"}
    assert fields(filled.deal) == DEAL
    at = DEFAULT_START + 140
    assert filled.position.tradeData.openTimestamp == filled.position.utcLastUpdateTimestamp == at
    assert filled.order.tradeData.closeTimestamp == filled.order.utcLastUpdateTimestamp == at
    assert filled.deal.executionTimestamp == filled.deal.utcLastUpdateTimestamp == at
    assert filled.deal.createTimestamp == DEFAULT_START
    assert (filled.order.orderStatus, filled.order.executedVolume, filled.deal.dealStatus) == (2, 100_000, 2)
    assert filled.order.executionPrice == filled.deal.executionPrice == filled.position.price == 1.11987
    assert (filled.position.positionStatus, filled.position.tradeData.volume) == (OPEN, 100_000)


def test_a_market_order_with_relative_levels():
    with stage(STILL) as kit:
        accepted, filled, protected = Trader(kit).order(
            relativeStopLoss=200, relativeTakeProfit=1001, label="l", comment="c", clientOrderId="mine"
        )
    assert kinds([accepted, filled, protected]) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_ACCEPTED"]
    given = {"relativeStopLoss", "relativeTakeProfit", "trailingStopLoss", "clientOrderId"}
    assert fields(accepted.order) == ORDER | given
    assert fields(accepted.order.tradeData) == TRADE_DATA | {"openTimestamp", "label", "comment"}
    assert fields(filled.position) == POSITION  # no levels yet
    assert (filled.position.tradeData.label, filled.position.tradeData.comment) == ("l", "c")
    order, position = protected.order, protected.position
    assert fields(protected) == EVENT | {"order", "position"}
    named = {"stopPrice", "limitPrice", "trailingStopLoss", "stopTriggerMethod", "clientOrderId"}
    assert fields(order) == ORDER | named
    assert order.orderId != filled.order.orderId
    assert (order.orderType, order.closingOrder, order.timeInForce) == (PROTECTIVE, True, GTC)
    assert (order.stopPrice, order.limitPrice, order.clientOrderId) == (1.11787, 1.12988, "mine")
    assert (order.tradeData.tradeSide, order.tradeData.volume, order.positionId) == (SELL, 100_000, position.positionId)
    assert fields(position) == POSITION | {"stopLoss", "takeProfit"}
    assert (position.stopLoss, position.takeProfit) == (1.11787, 1.12988)
    assert order.tradeData.openTimestamp == position.utcLastUpdateTimestamp == DEFAULT_START + 148


@pytest.mark.parametrize(
    ("kind", "name", "price", "amended"),
    [(LIMIT, "limitPrice", 1.11900, 1.11950), (STOP, "stopPrice", 1.12100, 1.12050)],
    ids=["limit", "stop"],
)
def test_a_pending_order_is_placed_amended_and_cancelled(kind, name, price, amended):
    with stage(STILL) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(orderType=kind, stopLoss=1.11, takeProfit=1.13, label="l", **{name: price})
        (replaced,) = trader.does("AmendOrder", orderId=placed.order.orderId, volume=200_000, **{name: amended})
        (cancelled,) = trader.does("CancelOrder", orderId=placed.order.orderId)
        assert not trader.reconciled().order
    assert kinds([placed, replaced, cancelled]) == ["ORDER_ACCEPTED", "ORDER_REPLACED", "ORDER_CANCELLED"]
    given = {name, "stopLoss", "takeProfit", "trailingStopLoss"} | ({"stopTriggerMethod"} if kind == STOP else set())
    assert fields(placed) == EVENT | {"order", "position"}
    assert fields(placed.order) == ORDER | given
    assert (placed.position.positionStatus, placed.position.tradeData.volume) == (CREATED, 0)
    assert placed.position.positionId == placed.order.positionId
    assert replaced.order.orderId == cancelled.order.orderId == placed.order.orderId
    assert (getattr(placed.order, name), getattr(replaced.order, name)) == (price, amended)
    assert replaced.order.tradeData.volume == 200_000
    assert not {"stopLoss", "takeProfit"} & fields(replaced.order)  # left out: removed
    assert cancelled.order.orderStatus == 5
    assert times(cancelled.order) == {"openTimestamp", "closeTimestamp"}
    assert cancelled.position.positionStatus == CLOSED  # though never open
    assert not cancelled.HasField("deal")


def test_a_pending_order_expires_by_itself():
    with stage(STILL) as kit:
        trader = Trader(kit)
        trader.order(orderType=LIMIT, limitPrice=1.119, timeInForce=GTD, expirationTimestamp=DEFAULT_START + 60_000)
        assert not trader.hears(59.4)
        (expired,) = trader.hears(1)
    assert kinds([expired]) == ["* ORDER_EXPIRED"]
    assert (expired.order.orderStatus, expired.position.positionStatus) == (4, CLOSED)
    assert expired.order.expirationTimestamp == DEFAULT_START + 60_000 == expired.order.tradeData.closeTimestamp


@pytest.mark.parametrize(
    ("fields_", "move", "price"),
    [
        ({"orderType": LIMIT, "limitPrice": 1.119, "stopLoss": 1.118}, (5, 111_890, 111_891), 1.11891),
        ({"orderType": STOP, "stopPrice": 1.121, "stopLoss": 1.118}, (5, 112_110, 112_112), 1.12112),
        ({"orderType": STOP, "stopPrice": 1.117, "tradeSide": SELL, "stopLoss": 1.120}, (5, 111_650, 111_651), 1.1165),
    ],
    ids=["a limit at its price or better", "a stop at the market", "a sell stop across a gap"],
)
def test_a_pending_order_is_triggered(fields_, move, price):
    with stage(STILL, move) as kit:
        trader = Trader(kit)
        (placed,) = trader.order(**fields_)
        trader.client.take()
        trader.kit.advance(5)
        heard = trader.hears_envelopes()
    assert kinds([message for _, message in heard]) == ["* ORDER_FILLED", "* ORDER_ACCEPTED"]
    assert [name for name, _ in heard] == [None, None]  # nobody is answered
    filled, protected = (message for _, message in heard)
    assert filled.order.orderId == placed.order.orderId
    assert filled.order.positionId == filled.position.positionId == placed.position.positionId
    assert (filled.position.positionStatus, filled.deal.executionPrice) == (OPEN, price)
    assert protected.position.stopLoss == fields_["stopLoss"] == protected.order.stopPrice
    assert not protected.order.HasField("limitPrice")


def test_levels_are_moved_removed_and_added():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200, relativeTakeProfit=300).positionId
        protective = trader.reconciled().order[0].orderId
        (moved,) = trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.118, takeProfit=1.13)
        (stop_only,) = trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.118)
        (take_only,) = trader.does("AmendPositionSLTP", positionId=position, takeProfit=1.13)
        (none,) = trader.does("AmendPositionSLTP", positionId=position)
        (anew,) = trader.does("AmendPositionSLTP", positionId=position, stopLoss=1.118)
    assert kinds([moved, stop_only, take_only, none, anew]) == [
        "ORDER_REPLACED", "ORDER_REPLACED", "ORDER_REPLACED", "ORDER_CANCELLED", "ORDER_ACCEPTED",
    ]  # fmt: skip
    assert {one.order.orderId for one in (moved, stop_only, take_only, none)} == {protective}
    assert anew.order.orderId != protective
    assert (moved.position.stopLoss, moved.position.takeProfit) == (1.118, 1.13)
    assert (moved.order.stopPrice, moved.order.limitPrice) == (1.118, 1.13)
    levels = {"stopLoss", "takeProfit"}
    assert fields(stop_only.position) & levels == {"stopLoss"} == fields(anew.position) & levels
    assert fields(stop_only.order) & {"stopPrice", "limitPrice"} == {"stopPrice"}
    assert fields(take_only.position) & levels == {"takeProfit"}
    assert fields(take_only.order) & {"stopPrice", "limitPrice"} == {"limitPrice"}
    assert not fields(none.position) & levels
    assert none.position.positionStatus == OPEN


def test_a_trailing_step_is_told_by_its_own_event_alone():
    with stage(STILL, (10, 111_990, 111_991), (11, 111_980, 111_981), (12, 111_995, 111_996)) as kit:
        trader = Trader(kit)
        before = trader.opens(relativeStopLoss=200, trailingStopLoss=True)
        steps = trader.hears(20)
        answer = trader.reconciled()
    assert kinds(steps) == ["ProtoOATrailingSLChangedEvent"] * 2
    assert [(step.stopPrice, step.utcLastUpdateTimestamp - DEFAULT_START) for step in steps] == [
        (1.11791, 10_000), (1.11796, 12_000),
    ]  # fmt: skip
    (position,), (order,) = answer.position, answer.order
    assert {step.orderId for step in steps} == {order.orderId}
    assert (position.stopLoss, order.stopPrice) == (1.11796, 1.11796)
    assert position.utcLastUpdateTimestamp == before.utcLastUpdateTimestamp == order.utcLastUpdateTimestamp
    assert position.trailingStopLoss and order.trailingStopLoss


def test_a_partial_close():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(volume=300_000, relativeStopLoss=200).positionId
        events = trader.does("ClosePosition", positionId=position, volume=100_000)
    accepted, filled, replaced = events
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_REPLACED"]
    assert accepted.order.closingOrder and accepted.order.orderType == MARKET
    assert accepted.order.clientOrderId.isdecimal() and len(accepted.order.clientOrderId) < 4
    assert accepted.position.tradeData.volume == 300_000  # still
    assert filled.position.tradeData.volume == 200_000
    assert fields(filled.deal) == DEAL | {"closePositionDetail"}
    assert filled.deal.createTimestamp == accepted.order.tradeData.openTimestamp + 1
    assert replaced.order.tradeData.volume == 200_000
    assert replaced.order.utcLastUpdateTimestamp - filled.deal.executionTimestamp == 8


def test_a_full_close_of_a_protected_position():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200, relativeTakeProfit=300)
        events = trader.does("ClosePosition", positionId=position.positionId, volume=100_000)
        assert not trader.reconciled().position
    accepted, filled, cancelled = events
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_CANCELLED"]
    assert accepted.position == position  # old volume, levels and time
    held = filled.position
    assert (held.tradeData.volume, held.price, held.usedMargin, held.positionStatus) == (0, 0, 0, CREATED)
    assert (held.stopLoss, held.takeProfit) == (position.stopLoss, position.takeProfit)
    assert "closeTimestamp" not in times(held)
    assert filled.deal.closePositionDetail.closedVolume == 100_000
    assert cancelled.position.positionStatus == CLOSED
    at = filled.deal.executionTimestamp + 18
    assert cancelled.position.tradeData.closeTimestamp == cancelled.order.tradeData.closeTimestamp == at
    assert (cancelled.order.orderType, cancelled.order.orderStatus) == (PROTECTIVE, 5)


def test_a_full_close_of_an_unprotected_position():
    with stage(STILL) as kit:
        trader = Trader(kit)
        position = trader.opens()
        events = trader.does("ClosePosition", positionId=position.positionId, volume=100_000)
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_FILLED"]
    held = events[1].position
    assert (held.tradeData.volume, held.price, held.positionStatus) == (0, 0, CLOSED)
    assert held.tradeData.closeTimestamp == events[1].deal.executionTimestamp


@pytest.mark.parametrize(
    ("move", "price"), [((10, 111_780, 111_781), 1.1178), ((10, 112_300, 112_301), 1.123)], ids=["stop loss", "profit"]
)
def test_a_level_is_hit(move, price):
    with stage(STILL, move) as kit:
        trader = Trader(kit)
        position = trader.opens(relativeStopLoss=200, relativeTakeProfit=300)
        protective = trader.reconciled().order[0]
        (filled,) = trader.hears(15)
        answer = trader.reconciled()
        assert not answer.position and not answer.order
    assert kinds([filled]) == ["* ORDER_FILLED"]
    assert filled.order.orderId == protective.orderId
    assert (filled.order.stopPrice, filled.order.limitPrice) == (protective.stopPrice, protective.limitPrice)
    assert filled.deal.executionPrice == price == filled.order.executionPrice
    assert filled.deal.closePositionDetail.entryPrice == position.price
    held = filled.position
    assert (held.tradeData.volume, held.price, held.positionStatus) == (0, 0, CLOSED)
    assert held.tradeData.closeTimestamp == DEFAULT_START + 10_000


def test_a_cancel_that_comes_too_late_is_rejected_by_an_event():
    with stage(STILL) as kit:
        trader = Trader(kit)
        (accepted,) = trader.order(seconds=0.05)
        trader.send("CancelOrder", "late", orderId=accepted.order.orderId)
        (told, rejected), (_, filled) = trader.hears_envelopes()[0], (None, trader.hears(1)[0])
        answer = trader.does("CancelOrder", orderId=accepted.order.orderId)[0]
    assert (told, kinds([rejected, filled])) == ("late", ["ORDER_CANCEL_REJECTED", "ORDER_FILLED"])
    assert rejected.order.orderId == accepted.order.orderId
    assert not rejected.errorCode  # not an error message
    assert (type(answer).__name__, answer.errorCode) == ("ProtoOAOrderErrorEvent", "ORDER_NOT_FOUND")


def test_fills_in_pieces_are_told_one_by_one():
    # The best level of the seeded book holds less than the order, all of them together more.
    with stage(STILL, fill="depth") as kit:
        trader = Trader(kit)
        ask = kit.venue.ticker.book(EURUSD).side(bids=False)
        best, second = ask[0], ask[1]
        wanted = best.size + second.size // 2
        wanted -= wanted % 100_000
        events = trader.order(volume=wanted, relativeStopLoss=500)
    assert kinds(events) == ["ORDER_ACCEPTED", "ORDER_PARTIAL_FILL", "ORDER_FILLED", "* ORDER_ACCEPTED"]
    _, part, filled, protected = events
    assert [one.order.executedVolume for one in (part, filled)] == [best.size, wanted]
    assert [one.deal.filledVolume for one in (part, filled)] == [best.size, wanted - best.size]
    assert [one.deal.executionPrice for one in (part, filled)] == [best.price / 100_000, second.price / 100_000]
    assert [one.deal.dealStatus for one in (part, filled)] == [3, 2]
    assert [one.order.orderStatus for one in (part, filled)] == [1, 2]
    assert part.position.tradeData.volume == best.size
    assert protected.order.tradeData.volume == filled.position.tradeData.volume == wanted
    mean = (best.size * best.price + (wanted - best.size) * second.price) / wanted / 100_000
    assert filled.order.executionPrice == filled.position.price == pytest.approx(mean, abs=1e-12)
    assert protected.position.stopLoss == pytest.approx(round(mean, 5) - 0.005, abs=1e-9)


def test_what_the_book_does_not_hold_of_a_market_order_is_cancelled():
    with stage(STILL, fill="depth", account={"balance": 10**12}) as kit:
        trader = Trader(kit)
        ask = kit.venue.ticker.book(EURUSD).side(bids=False)
        there = sum(level.size for level in ask)
        events = trader.order(volume=there + 100_000)
        fok = trader.order(volume=there + 100_000, timeInForce=FOK)
    assert kinds(events) == ["ORDER_ACCEPTED", *["ORDER_PARTIAL_FILL"] * len(ask), "ORDER_CANCELLED"]
    last = events[-1]
    assert (last.order.executedVolume, last.order.orderStatus) == (there, 5)
    assert (last.position.positionStatus, last.position.tradeData.volume) == (OPEN, there)
    assert not last.HasField("deal")
    assert kinds(fok) == ["ORDER_ACCEPTED", "ORDER_CANCELLED"]
    assert (fok[1].order.executedVolume, fok[1].position.positionStatus) == (0, CLOSED)


def test_a_stop_out_is_the_servers_own_order():
    with stage(STILL, (10, 109_000, 109_001), account={"balance": 1_000_00, "margin_calls": {}}) as kit:
        trader = Trader(kit)
        held = trader.opens(volume=4_000_000)  # 40 000 units at 1:100: 447.95 dollars of margin
        events = trader.hears(15)
    assert kinds(events) == ["* ORDER_ACCEPTED", "* ORDER_FILLED"]
    accepted, filled = events
    assert accepted.order.isStopOut and accepted.order.closingOrder and accepted.order.orderType == MARKET
    assert accepted.order.positionId == held.positionId
    assert (filled.position.positionStatus, filled.deal.executionPrice) == (CLOSED, 1.09)


def test_swap_and_deposits_have_no_order():
    rate = {"swap_long": -1.0, "swap_time": 9 * 60 + 30}  # half an hour after the start
    with stage(STILL, changes=rate) as kit:
        trader = Trader(kit)
        position = trader.opens().positionId
        (swap,) = trader.hears(3600)
        kit.play("deposit", amount=50, note="thanks")
        kit.play("withdraw", amount=20)
        deposited, withdrawn = trader.hears()
    assert kinds([swap, deposited, withdrawn]) == ["* SWAP", "DEPOSIT_WITHDRAW", "DEPOSIT_WITHDRAW"]
    assert fields(swap) == EVENT | {"position"}
    assert (swap.position.positionId, swap.position.swap) == (position, -10)  # a pip of 1000 units
    assert fields(deposited) == EVENT | {"depositWithdraw"}
    flow = deposited.depositWithdraw
    assert (flow.delta, flow.balance, flow.externalNote, flow.operationType) == (50_00, 10_050_00, "thanks", 0)
    assert flow.equity == 10_050_00 - 10 - 3 - 1  # swap, commission, a point of 1000 units
    assert (withdrawn.depositWithdraw.delta, withdrawn.depositWithdraw.operationType) == (-20_00, 1)
    assert withdrawn.depositWithdraw.balanceVersion == flow.balanceVersion + 1


# ------------------------------------------------------------------------------------------------------- who hears what


def test_every_session_of_the_account_hears_and_as_a_rule_with_the_id():
    with stage(STILL) as kit:
        trader, other = Trader(kit), Trader(kit)
        trader.send("NewOrder", "his", symbolId=EURUSD, orderType=MARKET, tradeSide=BUY, volume=100_000)
        kit.advance(1)
        heard, overheard = trader.hears_envelopes(), other.hears_envelopes()
    assert [name for name, _ in heard] == ["his", "his"]
    assert overheard == heard


@pytest.mark.parametrize(
    ("options", "his", "others"),
    [
        ({"others_see_ids": False}, ["his", "his"], [None, None]),
        ({"fills_carry_id": False}, ["his", None], ["his", None]),
        ({"uncorrelated_copies": True}, ["his", "his", None], ["his", "his"]),
    ],
    ids=["without the ids of others", "fills without it", "a copy of each fill"],
)
def test_ids_by_option(options, his, others):
    with stage(STILL, **options) as kit:
        trader, other = Trader(kit), Trader(kit)
        trader.send("NewOrder", "his", symbolId=EURUSD, orderType=MARKET, tradeSide=BUY, volume=100_000)
        kit.advance(1)
        heard, overheard = trader.hears_envelopes(), other.hears_envelopes()
    assert [name for name, _ in heard] == his
    assert [name for name, _ in overheard] == others
    assert heard[-1][1] == heard[1][1]


def test_a_command_without_an_id_is_answered_without_one():
    with stage(STILL) as kit:
        trader = Trader(kit)
        trader.send("NewOrder", symbolId=EURUSD, orderType=MARKET, tradeSide=BUY, volume=100_000)
        kit.advance(1)
        assert [name for name, _ in trader.hears_envelopes()] == [None, None]


def test_a_withheld_answer_withholds_the_events_with_its_id_from_who_asked():
    with stage(STILL, (10, 111_700, 111_701)) as kit:
        trader, other = Trader(kit), Trader(kit)
        kit.play("drop_answers", count=1, request="ProtoOANewOrderReq")
        trader.send("NewOrder", "his", symbolId=EURUSD, orderType=MARKET, tradeSide=BUY, volume=100_000,
                    relativeStopLoss=200)  # fmt: skip
        kit.advance(1)
        heard, overheard = trader.hears(), other.hears()
        assert kinds(overheard) == ["ORDER_ACCEPTED", "ORDER_FILLED", "* ORDER_ACCEPTED"]
        assert kinds(heard) == ["* ORDER_ACCEPTED"]  # nobody asked for that one
        assert kinds(trader.hears(15)) == ["* ORDER_FILLED"]
        assert kinds(trader.order()) == ["ORDER_ACCEPTED", "ORDER_FILLED"]  # the next answer comes


def test_a_refusal_can_be_withheld_too():
    with stage(STILL) as kit:
        trader = Trader(kit)
        kit.play("drop_answers", count=1, request="ProtoOANewOrderReq")
        assert trader.order(volume=1) == []
        assert kinds(trader.order(volume=1)) == ["ProtoOAOrderErrorEvent"]


def test_without_placeholders_an_acceptance_has_no_position():
    with stage(STILL, placeholder=False) as kit:
        trader = Trader(kit)
        accepted, filled = trader.order()
        assert not accepted.HasField("position") and accepted.order.positionId == filled.position.positionId


# ------------------------------------------------------------------------------------------- the recorded conversations


class Likeness:
    """Compares messages with recorded ones field by field; ids and times only by which are the same as which."""

    def __init__(self) -> None:
        self.ours: dict[tuple[str, int], int] = {}
        self.theirs: dict[tuple[str, int], int] = {}

    def compare(self, ours, recorded, *, without: tuple[str, ...] = (), path: str = "") -> None:
        assert type(ours) is type(recorded)
        there = fields(recorded)
        assert fields(ours) == there, path
        for name in sorted(there - set(without)):
            left, right, where = getattr(ours, name), getattr(recorded, name), f"{path}.{name}"
            descriptor = ours.DESCRIPTOR.fields_by_name[name]
            if descriptor.message_type is not None:
                pairs = [(left, right)] if hasattr(left, "ListFields") else list(zip(left, right, strict=True))
                for one, other in pairs:
                    self.compare(one, other, without=without, path=where)
            elif name.endswith("Timestamp") or name == "timestamp" or name in ("orderId", "positionId", "dealId"):
                kind = "time" if "imestamp" in name else name
                assert self.ours.setdefault((kind, left), right) == right, where
                assert self.theirs.setdefault((kind, right), left) == left, where
            elif right == "scrubbed":
                assert left, where
            elif isinstance(right, float):
                assert math.isclose(left, right, rel_tol=1e-15), (where, left, right)
            elif name != "ctidTraderAccountId":
                assert left == right, where


EPOCH = 1_600_000_000_000
"""Where the recordings begin, about."""


def test_the_recorded_partial_close():
    recorded = {line: read("partial_close.jsonl", line) for line in range(4, 18)}
    start = DEFAULT_START
    moves = [
        (-71, 111_986, 111_987), (-15, 111_987, 111_988), (-4.83, 111_986, 111_987), (29, 111_988, 111_989),
        (29.52, 111_987, 111_989), (32.224, 111_987, 111_987), (33.569, 111_988, 111_989), (49.772, 111_987, 111_989),
        (80.817, 111_981, 111_981),
    ]  # fmt: skip
    begins = 100.0
    moves = [(at + begins, bid, ask) for at, bid, ask in moves]
    account = {"balance": 851_120_773, "balance_version": 13}
    with stage(*moves, account=account, protection_delay=0.01) as kit:
        kit.venue.feed.close = 112_127
        trader, alike = Trader(kit), Likeness()

        def at(recorded_ms: int) -> float:
            return (recorded_ms - EPOCH) / 1000 + begins - kit.clock.seconds()

        kit.advance(at(1_599_999_929_934))
        position = trader.opens(volume=200_000, relativeStopLoss=200, relativeTakeProfit=1001, clientOrderId="a")
        kit.advance(at(1_599_999_985_561))
        trader.order(positionId=position.positionId, clientOrderId="b")
        alike.compare(trader.reconciled(), recorded[4])
        orders = trader.ask("OrderListByPositionId", positionId=position.positionId)
        alike.compare(orders, recorded[5])
        kit.advance(at(EPOCH + 1_027))
        trader.does("SubscribeSpots", 0.0, symbolId=[EURUSD], subscribeToSpotTimestamp=True)
        deals = trader.ask("DealListByPositionId", positionId=position.positionId).deal
        for ours, theirs in zip(deals, recorded[8].deal[:2], strict=True):
            alike.compare(ours, theirs)
        kit.advance(at(1_600_000_029_243))
        trader.client.take()
        trader.send("ClosePosition", "other", positionId=position.positionId, volume=100_000)
        kit.advance(60)
        said = trader.hears()
        assert len(said) == 8
        for ours, line in zip(said, range(9, 17), strict=True):
            alike.compare(ours, recorded[line])
        alike.compare(trader.reconciled(), recorded[17])
        for (kind, ours), theirs in alike.ours.items():
            if kind == "time":  # each as far from the start as in the recording, but for what execution took
                assert abs((ours - start - begins * 1000) - (theirs - EPOCH)) <= 15


def test_the_recorded_trailing_stop():
    recorded = {line: read("trailing_stop.jsonl", line) for line in range(1, 8)}
    moves = [
        (-82, 111_983, 111_984), (13, 111_967, 111_971), (14.355, 111_968, 111_971), (14.812, 111_969, 111_971),
        (18.41, 111_971, 111_971), (40, 111_960, 111_962),
    ]  # fmt: skip
    begins = 100.0
    with stage(*[(at + begins, bid, ask) for at, bid, ask in moves]) as kit:
        trader, alike = Trader(kit), Likeness()
        kit.advance(begins - 81.66)
        position = trader.opens(relativeStopLoss=210, relativeTakeProfit=1000, trailingStopLoss=True, clientOrderId="a")
        kit.advance(begins + 13.494 - kit.clock.seconds())
        (replaced,) = trader.does("AmendPositionSLTP", 0.0, positionId=position.positionId, stopLoss=1.11778)
        alike.compare(replaced, recorded[1])
        kit.advance(0.8)
        trader.does("SubscribeSpots", 0.0, symbolId=[EURUSD])
        kit.advance(1)
        steps = [one for one in trader.hears() if isinstance(one, messages.ProtoOATrailingSLChangedEvent)]
        for step, line in zip(steps, (3, 4), strict=True):
            alike.compare(step, recorded[line], without=("utcLastUpdateTimestamp",))
            ours = step.utcLastUpdateTimestamp - DEFAULT_START - begins * 1000
            assert 0 <= recorded[line].utcLastUpdateTimestamp - EPOCH - ours <= 50
        alike.compare(trader.reconciled(), recorded[5])
        kit.advance(60)
        alike.compare(trader.reconciled(), recorded[7])
