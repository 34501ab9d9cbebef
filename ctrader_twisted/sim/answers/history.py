"""The past: bars, ticks, deals, orders, cash flow."""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import (
    ProtoOACashFlowHistoryListReq,
    ProtoOACashFlowHistoryListRes,
    ProtoOADeal,
    ProtoOADealListByPositionIdReq,
    ProtoOADealListByPositionIdRes,
    ProtoOADealListReq,
    ProtoOADealListRes,
    ProtoOADealOffset,
    ProtoOADealOffsetListReq,
    ProtoOADealOffsetListRes,
    ProtoOAGetTickDataReq,
    ProtoOAGetTickDataRes,
    ProtoOAGetTrendbarsReq,
    ProtoOAGetTrendbarsRes,
    ProtoOAOrder,
    ProtoOAOrderListByPositionIdReq,
    ProtoOAOrderListByPositionIdRes,
    ProtoOAOrderListReq,
    ProtoOAOrderListRes,
    ProtoOATickData,
    ProtoOATrendbar,
)
from ctrader_twisted.sim.answers.refusal import Refusal, invalid, unknown_symbol
from ctrader_twisted.sim.answers.scope import Answer, Scope
from ctrader_twisted.sim.feed.calendar import DAY, LAST_MS, MINUTE, NOMINAL, Period, next_bar_open
from ctrader_twisted.sim.feed.feed import Side
from ctrader_twisted.sim.trading.entities import MARKET, PROTECTIVE, price_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.conversation import Session
    from ctrader_twisted.sim.feed.feed import Bar, Feed
    from ctrader_twisted.sim.trading.entities import Order
    from ctrader_twisted.sim.trading.records import Deal

WEEK_MS: Final = 604_800_000
"""The widest window of ticks and cash flow."""

_LEAST_PART: Final = 1_000
"""How many bars a part of a window has room for at least, if it is looked at part by part."""


def _bars(session: Session, request: ProtoOAGetTrendbarsReq) -> ProtoOAGetTrendbarsRes:
    """Closed bars, ascending, the newest that fit; by option the oldest of a window.

    ``count`` counts back from ``to`` and beats ``from``. The bar that is still open is counted and not given, so that a
    page of ``count`` N that reaches the present holds N-1.
    """
    venue, now = session.conversation.venue, session.conversation.venue.now()
    if request.symbolId not in venue.instruments:
        raise unknown_symbol(request.symbolId)
    period, settled = Period(request.period), now - round(venue.options.bar_delay * 1000)
    first, last = _bounds(request, now)
    most = venue.options.bars_per_page
    if request.count:
        first, most = None, min(request.count, most)
    if first is not None and venue.options.capped_bars == "oldest":
        bars, has_more = _oldest_bars(venue.feed, request.symbolId, period, first, last, most, settled)
    else:
        bars, has_more = venue.feed.bars_back(request.symbolId, period, first, last, most, now_ms=settled)
    if bars and next_bar_open(period, bars[-1].open_ms) > settled:
        bars.pop()
    return ProtoOAGetTrendbarsRes(
        ctidTraderAccountId=session.account_id,
        period=request.period,
        timestamp=last,  # deprecated, and still sent (observed)
        trendbar=[_historical_trendbar(bar) for bar in bars],
        symbolId=request.symbolId,
        hasMore=has_more,
    )


def _oldest_bars(
    feed: Feed, symbol_id: int, period: Period, first: int, last: int, most: int, now_ms: int
) -> tuple[list[Bar], bool]:
    """Give the oldest bars of a window, ascending, and whether newer ones are left: it is looked at part by part."""
    part = max(most, _LEAST_PART) * NOMINAL.get(period, 31 * DAY)
    bars: list[Bar] = []
    while first <= last and len(bars) <= most:
        end = min(last, first + part - 1)
        bars += feed.bars_back(symbol_id, period, first, end, sys.maxsize, now_ms=now_ms)[0]
        first = end + 1
    return bars[:most], len(bars) > most


def _ticks(session: Session, request: ProtoOAGetTickDataReq) -> ProtoOAGetTickDataRes:
    """One page of ticks, newest first: the first absolute, each later one the difference to the one before it."""
    venue, now = session.conversation.venue, session.conversation.venue.now()
    if request.symbolId not in venue.instruments:
        raise unknown_symbol(request.symbolId)
    first, last = _bounds(request, now)
    if first is None:
        first = max(0, last - WEEK_MS)
    _at_most_a_week(first, last)
    side, most = Side(request.type), venue.options.ticks_per_page
    ticks, has_more = venue.feed.ticks_back(request.symbolId, side, first, last, most, now_ms=now)
    answer = ProtoOAGetTickDataRes(ctidTraderAccountId=session.account_id, hasMore=has_more)
    at = price = 0
    data = []
    for tick in ticks:
        data.append(ProtoOATickData(timestamp=tick.timestamp_ms - at, tick=tick.price - price))
        at, price = tick
    answer.tickData.extend(data)
    return answer


def _deals(session: Session, request: ProtoOADealListReq) -> ProtoOADealListRes:
    deals, has_more = _newest_deals(session, request, session.ledger.deals, _rows(session, request.maxRows))
    return ProtoOADealListRes(ctidTraderAccountId=session.account_id, deal=deals, hasMore=has_more)


def _deals_of_position(session: Session, request: ProtoOADealListByPositionIdReq) -> ProtoOADealListByPositionIdRes:
    deals = [deal for deal in session.ledger.deals if deal.position_id == request.positionId]
    page, has_more = _newest_deals(session, request, deals, _rows(session))
    return ProtoOADealListByPositionIdRes(ctidTraderAccountId=session.account_id, deal=page, hasMore=has_more)


def _orders(session: Session, request: ProtoOAOrderListReq) -> ProtoOAOrderListRes:
    ledger = session.ledger
    orders, has_more = _newest_orders(session, request, chain(ledger.orders.values(), ledger.past_orders.values()))
    return ProtoOAOrderListRes(ctidTraderAccountId=session.account_id, order=orders, hasMore=has_more)


def _orders_of_position(session: Session, request: ProtoOAOrderListByPositionIdReq) -> ProtoOAOrderListByPositionIdRes:
    """The orders of a position, its protective ones left out (observed)."""
    ledger, wanted = session.ledger, request.positionId
    traded = {
        deal.order_id for deal in ledger.deals if deal.position_id == wanted
    }  # one that flipped it names the next
    orders = [
        order
        for order in chain(ledger.orders.values(), ledger.past_orders.values())
        if (order.position_id == wanted or order.order_id in traded) and order.order_type != PROTECTIVE
    ]
    page, has_more = _newest_orders(session, request, orders)
    return ProtoOAOrderListByPositionIdRes(ctidTraderAccountId=session.account_id, order=page, hasMore=has_more)


def _deal_offsets(session: Session, request: ProtoOADealOffsetListReq) -> ProtoOADealOffsetListRes:
    """The deals on the other side of one: those that closed it, and those that it closed."""
    deals = {deal.deal_id: deal for deal in session.ledger.deals}
    asked = deals.get(request.dealId)
    if asked is None:
        raise invalid(f"Deal not found with id {request.dealId}")
    answer = ProtoOADealOffsetListRes(ctidTraderAccountId=session.account_id)
    for deal in deals.values():
        for deal_id, volume in () if deal.detail is None else deal.detail.offsets:
            if deal_id == asked.deal_id:
                answer.offsetBy.append(_offset(deal, volume))
            if deal is asked:
                answer.offsetting.append(_offset(deals[deal_id], volume))
    return answer


def _offset(deal: Deal, volume: int) -> ProtoOADealOffset:
    return ProtoOADealOffset(
        dealId=deal.deal_id,
        volume=volume,
        executionTimestamp=deal.executed_at,
        executionPrice=price_of(deal.price),
    )


def _cash_flow(session: Session, request: ProtoOACashFlowHistoryListReq) -> ProtoOACashFlowHistoryListRes:
    """What changed the balance without a deal, newest first (unconfirmed), beginning with the opening deposit."""
    account = session.account
    first, last = _bounds(request, session.conversation.venue.now())
    _at_most_a_week(first or 0, last)
    flow = [one.message(account.money_digits) for one in session.ledger.cash_flow if (first or 0) <= one.at <= last]
    return ProtoOACashFlowHistoryListRes(ctidTraderAccountId=account.account_id, depositWithdraw=flow[::-1])


def _newest_deals(
    session: Session, request: Message, deals: Iterable[Deal], most: int
) -> tuple[list[ProtoOADeal], bool]:
    """Give a page of deals by the time of their execution, newest first; and whether older ones are left."""
    first, last = _bounds(request, session.conversation.venue.now())
    found = [deal for deal in deals if (first or 0) <= deal.executed_at <= last]
    found.sort(key=lambda deal: (deal.executed_at, deal.deal_id), reverse=True)
    digits = session.account.money_digits
    return [deal.message(digits, listed=True) for deal in found[:most]], len(found) > most


def _newest_orders(session: Session, request: Message, orders: Iterable[Order]) -> tuple[list[ProtoOAOrder], bool]:
    """Give a page of orders by the time they were made (unconfirmed), newest first; and whether older ones are left."""
    first, last = _bounds(request, session.conversation.venue.now())
    found = [order for order in orders if (first or 0) <= order.created_at <= last]
    found.sort(key=lambda order: (order.created_at, order.order_id), reverse=True)
    most = _rows(session)
    return [listed_order(session, order) for order in found[:most]], len(found) > most


def listed_order(session: Session, order: Order) -> ProtoOAOrder:
    """Give an order as lists have it: one that closes shows the levels of its position (observed)."""
    ledger = session.ledger
    message = order.message(session.conversation.venue.instruments[order.symbol_id].measurement_units)
    if order.closing and order.order_type == MARKET:
        position = ledger.positions.get(order.position_id) or ledger.closed_positions.get(order.position_id)
        if position is not None and position.stop_loss is not None:
            message.stopLoss = price_of(position.stop_loss)
        if position is not None and position.take_profit is not None:
            message.takeProfit = price_of(position.take_profit)
    return message


def _rows(session: Session, asked: int = 0) -> int:
    """Give how many rows an answer may have.

    :param asked: how many the client wants; 0 for as many as there may be.
    """
    if asked < 0:
        raise invalid(f"Incorrect number of rows: {asked}")
    most = session.conversation.venue.options.rows_per_page
    return min(asked or most, most)


def _bounds(request: Message, now: int) -> tuple[int | None, int]:
    """Give the bounds asked for; an upper one that was left out is now."""
    first = request.fromTimestamp if request.HasField("fromTimestamp") else None  # type: ignore[attr-defined]
    last = request.toTimestamp if request.HasField("toTimestamp") else now  # type: ignore[attr-defined]
    if not 0 <= last <= LAST_MS or (first is not None and not 0 <= first <= last):
        raise Refusal("INCORRECT_BOUNDARIES", f"Incorrect boundaries: from {first or 0} to {last}")
    return first, last


def _at_most_a_week(first: int, last: int) -> None:
    if last - first > WEEK_MS:
        raise Refusal("INCORRECT_BOUNDARIES", f"Period between from and to is longer than {WEEK_MS} ms")


def _historical_trendbar(bar: Bar) -> ProtoOATrendbar:
    """Make a bar of the past: it has its close, and leaves ``period`` to the response (observed)."""
    return ProtoOATrendbar(
        volume=bar.volume,
        low=bar.low,
        deltaOpen=bar.open - bar.low,
        deltaClose=bar.close - bar.low,
        deltaHigh=bar.high - bar.low,
        utcTimestampInMinutes=bar.open_ms // MINUTE,
    )


ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    ProtoOAGetTrendbarsReq: (Scope.ACCOUNT, _bars),
    ProtoOAGetTickDataReq: (Scope.ACCOUNT, _ticks),
    ProtoOADealListReq: (Scope.ACCOUNT, _deals),
    ProtoOADealListByPositionIdReq: (Scope.ACCOUNT, _deals_of_position),
    ProtoOAOrderListReq: (Scope.ACCOUNT, _orders),
    ProtoOAOrderListByPositionIdReq: (Scope.ACCOUNT, _orders_of_position),
    ProtoOADealOffsetListReq: (Scope.ACCOUNT, _deal_offsets),
    ProtoOACashFlowHistoryListReq: (Scope.ACCOUNT, _cash_flow),
}
