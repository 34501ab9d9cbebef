"""A client that trades over the wire, and an account with a past: what answers and state are tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted import messages
from tests.sim.venues import EURUSD, GBPUSD, WEEK, XAUUSD, of_account

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.sim.testing import VenueKit, WireClient

MARKET, LIMIT, STOP, PROTECTIVE = 1, 2, 3, 4
BUY, SELL = 1, 2
ACCEPTED, FILLED, CANCELLED = 2, 3, 5
"""Numbers of ProtoOAExecutionType."""


def new_order(**fields: Any) -> Message:
    """A market order to buy 1000 EURUSD, unless told otherwise."""
    return of_account(
        "NewOrder", **{"symbolId": EURUSD, "orderType": MARKET, "tradeSide": BUY, "volume": 100_000} | fields
    )


def carried_out(kit: VenueKit, client: WireClient, command: Message, seconds: float = 1.0) -> list[Any]:
    """Send a command and give the execution events of the next second, by their types; no refusal is among them."""
    client.take()
    client.send(command, "command")
    kit.advance(seconds)
    said = client.take()
    assert not [one for one in said if hasattr(one, "errorCode") and one.errorCode], said
    return [one for one in said if isinstance(one, messages.ProtoOAExecutionEvent)]


def filled(kit: VenueKit, client: WireClient, **fields: Any) -> Any:
    """Carry out a market order and give the event of its last fill."""
    events = carried_out(kit, client, new_order(**fields))
    return [event for event in events if event.executionType == FILLED][-1]


def a_past(kit: VenueKit, client: WireClient) -> dict[str, int]:
    """Give an account one of everything, and tell the ids of what it has.

    Two opening deals of one position with levels, part of it closed; another position opened and closed; a pending
    order, one cancelled; money paid in.
    """
    quote = kit.venue.exchange.quote(EURUSD)
    assert quote is not None
    low, high = quote.bid / 100_000 - 0.01, quote.ask / 100_000 + 0.01
    first = filled(kit, client, volume=200_000, relativeStopLoss=2_000, relativeTakeProfit=3_000, label="first")
    kit.advance(5)
    position = first.position.positionId
    second = filled(kit, client, positionId=position)
    (accepted,) = carried_out(
        kit, client, new_order(orderType=LIMIT, limitPrice=round(low, 4), label="pending", clientOrderId="mine")
    )
    (other,) = carried_out(kit, client, new_order(orderType=STOP, stopPrice=round(high, 4)))
    carried_out(kit, client, of_account("CancelOrder", orderId=other.order.orderId))
    kit.play("deposit", amount=250.5, note="more")
    closing = carried_out(kit, client, of_account("ClosePosition", positionId=position, volume=200_000))
    gold = filled(kit, client, symbolId=XAUUSD, volume=100, tradeSide=SELL)
    kit.advance(60)
    gone = carried_out(kit, client, of_account("ClosePosition", positionId=gold.position.positionId, volume=100))
    kept = filled(kit, client, symbolId=GBPUSD, tradeSide=SELL, volume=300_000)
    kit.advance(30)
    client.take()
    return {
        "position": position,
        "first order": first.order.orderId,
        "first deal": first.deal.dealId,
        "second deal": second.deal.dealId,
        "pending": accepted.order.orderId,
        "cancelled": other.order.orderId,
        "closing order": closing[0].order.orderId,
        "closing deal": next(event.deal.dealId for event in closing if event.executionType == FILLED),
        "gold": gold.position.positionId,
        "gold closed": next(event.deal.dealId for event in gone if event.executionType == FILLED),
        "pound": kept.position.positionId,
    }


def questions(now: int, ids: dict[str, int]) -> list[Any]:
    """Everything that asks for what an account has and had."""
    window = {"fromTimestamp": now - WEEK, "toTimestamp": now}
    long_ago = {"fromTimestamp": now - 5 * WEEK, "toTimestamp": now - 4 * WEEK}
    return [
        of_account("Trader"),
        of_account("MarginCallList"),
        of_account("Reconcile"),
        of_account("Reconcile", returnProtectionOrders=True),
        of_account("GetPositionUnrealizedPnL"),
        of_account("ExpectedMargin", symbolId=EURUSD, volume=[100_000, 50_000_000]),
        of_account("DealList"),
        of_account("OrderList"),
        of_account("CashFlowHistoryList", **window),
        of_account("CashFlowHistoryList", **long_ago),
        *[of_account("DealListByPositionId", positionId=ids[name]) for name in ("position", "gold", "pound")],
        *[of_account("OrderListByPositionId", positionId=ids[name]) for name in ("position", "gold", "pound")],
        *[of_account("OrderDetails", orderId=ids[name]) for name in ("first order", "pending", "cancelled")],
        of_account("OrderDetails", orderId=ids["closing order"]),
        *[of_account("DealOffsetList", dealId=ids[name]) for name in ("first deal", "second deal", "closing deal")],
    ]
