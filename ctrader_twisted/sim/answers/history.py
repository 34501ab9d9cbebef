"""The past: bars, ticks, deals, orders, cash flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import (
    ProtoOACashFlowHistoryListReq,
    ProtoOACashFlowHistoryListRes,
    ProtoOAChangeBalanceType,
    ProtoOADealListByPositionIdReq,
    ProtoOADealListByPositionIdRes,
    ProtoOADealListReq,
    ProtoOADealListRes,
    ProtoOADealOffsetListReq,
    ProtoOADealOffsetListRes,
    ProtoOADepositWithdraw,
    ProtoOAGetTickDataReq,
    ProtoOAGetTickDataRes,
    ProtoOAGetTrendbarsReq,
    ProtoOAGetTrendbarsRes,
    ProtoOAOrderListByPositionIdReq,
    ProtoOAOrderListByPositionIdRes,
    ProtoOAOrderListReq,
    ProtoOAOrderListRes,
    ProtoOATickData,
    ProtoOATrendbar,
)
from ctrader_twisted.sim.answers.refusal import Refusal, invalid, unknown_symbol
from ctrader_twisted.sim.answers.scope import Answer, Scope
from ctrader_twisted.sim.feed.calendar import LAST_MS, MINUTE, Period, next_bar_open
from ctrader_twisted.sim.feed.feed import Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.conversation import Session
    from ctrader_twisted.sim.feed.feed import Bar

WEEK_MS: Final = 604_800_000
"""The widest window of ticks, deals, orders and cash flow."""


def _bars(session: Session, request: ProtoOAGetTrendbarsReq) -> ProtoOAGetTrendbarsRes:
    """Closed bars, ascending, the newest that fit.

    ``count`` counts back from ``to`` and beats ``from``. The bar that is still open is counted and not given, so that a
    page of ``count`` N that reaches the present holds N-1.
    """
    venue, now = session.conversation.venue, session.conversation.venue.now()
    if request.symbolId not in venue.feed.instruments:
        raise unknown_symbol(request.symbolId)
    period, settled = Period(request.period), now - round(venue.options.bar_delay * 1000)
    first, last = _bounds(request, now)
    most = venue.options.bars_per_page
    if request.count:
        first, most = None, min(request.count, most)
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


def _ticks(session: Session, request: ProtoOAGetTickDataReq) -> ProtoOAGetTickDataRes:
    """One page of ticks, newest first: the first absolute, each later one the difference to the one before it."""
    venue, now = session.conversation.venue, session.conversation.venue.now()
    if request.symbolId not in venue.feed.instruments:
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
    _window(session, request)
    return ProtoOADealListRes(ctidTraderAccountId=session.account_id, hasMore=False)


def _deals_of_position(session: Session, request: ProtoOADealListByPositionIdReq) -> ProtoOADealListByPositionIdRes:
    _window(session, request)
    return ProtoOADealListByPositionIdRes(ctidTraderAccountId=session.account_id, hasMore=False)


def _orders(session: Session, request: ProtoOAOrderListReq) -> ProtoOAOrderListRes:
    _window(session, request)
    return ProtoOAOrderListRes(ctidTraderAccountId=session.account_id, hasMore=False)


def _orders_of_position(session: Session, request: ProtoOAOrderListByPositionIdReq) -> ProtoOAOrderListByPositionIdRes:
    _window(session, request)
    return ProtoOAOrderListByPositionIdRes(ctidTraderAccountId=session.account_id, hasMore=False)


def _deal_offsets(session: Session, request: ProtoOADealOffsetListReq) -> ProtoOADealOffsetListRes:
    raise invalid(f"Deal not found with id {request.dealId}")


def _cash_flow(session: Session, request: ProtoOACashFlowHistoryListReq) -> ProtoOACashFlowHistoryListRes:
    """The one deposit with which the account was opened."""
    venue, account = session.conversation.venue, session.account
    first, last = _bounds(request, venue.now())
    _at_most_a_week(first or 0, last)
    answer = ProtoOACashFlowHistoryListRes(ctidTraderAccountId=account.account_id)
    if account.balance and (first or 0) <= venue.opened_at <= last:
        answer.depositWithdraw.append(
            ProtoOADepositWithdraw(
                operationType=ProtoOAChangeBalanceType.BALANCE_DEPOSIT,
                balanceHistoryId=account.account_id,
                balance=account.balance,
                delta=account.balance,
                changeBalanceTimestamp=venue.opened_at,
                balanceVersion=account.balance_version,
                equity=account.balance,
                moneyDigits=account.money_digits,
            )
        )
    return answer


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


def _window(session: Session, request: Message) -> None:
    _bounds(request, session.conversation.venue.now())


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
