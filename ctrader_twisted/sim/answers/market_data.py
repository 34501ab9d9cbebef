"""Subscribing to spots, live bars and depth, and ending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import (
    ProtoOASubscribeDepthQuotesReq,
    ProtoOASubscribeDepthQuotesRes,
    ProtoOASubscribeLiveTrendbarReq,
    ProtoOASubscribeLiveTrendbarRes,
    ProtoOASubscribeSpotsReq,
    ProtoOASubscribeSpotsRes,
    ProtoOAUnsubscribeDepthQuotesReq,
    ProtoOAUnsubscribeDepthQuotesRes,
    ProtoOAUnsubscribeLiveTrendbarReq,
    ProtoOAUnsubscribeLiveTrendbarRes,
    ProtoOAUnsubscribeSpotsReq,
    ProtoOAUnsubscribeSpotsRes,
)
from ctrader_twisted.sim.answers.refusal import Refusal, invalid, unknown_symbol
from ctrader_twisted.sim.answers.scope import Answer, Scope

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.conversation import Session


def _subscribe_spots(session: Session, request: ProtoOASubscribeSpotsReq) -> ProtoOASubscribeSpotsRes:
    talk, ticker = session.conversation, session.conversation.venue.ticker
    wanted = _known(session, request.symbolId, session.spots)
    for symbol_id in wanted:
        ticker.watch_spots(session, symbol_id, timestamp=request.subscribeToSpotTimestamp)

    def first_events() -> None:
        for symbol_id in wanted:
            ticker.spot_snapshot(session, symbol_id)

    if talk.venue.options.first_spot_before_response:
        first_events()
    else:
        talk.afterwards(first_events)
    return ProtoOASubscribeSpotsRes(ctidTraderAccountId=session.account_id)


def _unsubscribe_spots(session: Session, request: ProtoOAUnsubscribeSpotsReq) -> ProtoOAUnsubscribeSpotsRes:
    for symbol_id in request.symbolId:
        session.conversation.venue.ticker.unwatch_spots(session, symbol_id)
    return ProtoOAUnsubscribeSpotsRes(ctidTraderAccountId=session.account_id)


def _subscribe_live_bars(session: Session, request: ProtoOASubscribeLiveTrendbarReq) -> ProtoOASubscribeLiveTrendbarRes:
    talk, symbol_id, period = session.conversation, request.symbolId, request.period
    watch = session.spots.get(symbol_id)
    if watch is None:
        # Observed; the schema's NOT_SUBSCRIBED_TO_SPOTS is not what comes.
        raise invalid("Impossible to get trendbars before the spot subscribing")
    if period in watch.periods:
        raise _already_subscribed("live trendbars", symbol_id)
    watch.periods = (*watch.periods, period)
    talk.afterwards(lambda: talk.venue.ticker.bar_snapshot(session, symbol_id, period))
    return ProtoOASubscribeLiveTrendbarRes(ctidTraderAccountId=session.account_id)


def _unsubscribe_live_bars(
    session: Session, request: ProtoOAUnsubscribeLiveTrendbarReq
) -> ProtoOAUnsubscribeLiveTrendbarRes:
    watch = session.spots.get(request.symbolId)
    if watch is not None:
        watch.periods = tuple(period for period in watch.periods if period != request.period)
    return ProtoOAUnsubscribeLiveTrendbarRes(ctidTraderAccountId=session.account_id)


def _subscribe_depth(session: Session, request: ProtoOASubscribeDepthQuotesReq) -> ProtoOASubscribeDepthQuotesRes:
    talk, ticker = session.conversation, session.conversation.venue.ticker
    wanted = _known(session, request.symbolId, session.depth)
    for symbol_id in wanted:
        ticker.watch_depth(session, symbol_id)

    def first_events() -> None:
        for symbol_id in wanted:
            ticker.depth_snapshot(session, symbol_id)

    talk.afterwards(first_events)
    return ProtoOASubscribeDepthQuotesRes(ctidTraderAccountId=session.account_id)


def _unsubscribe_depth(session: Session, request: ProtoOAUnsubscribeDepthQuotesReq) -> ProtoOAUnsubscribeDepthQuotesRes:
    for symbol_id in request.symbolId:
        session.conversation.venue.ticker.unwatch_depth(session, symbol_id)
    return ProtoOAUnsubscribeDepthQuotesRes(ctidTraderAccountId=session.account_id)


def _known(session: Session, symbol_ids: Iterable[int], standing: Container[int]) -> list[int]:
    """Give the symbols of a subscription that exist; a symbol that stands already refuses it whole."""
    venue = session.conversation.venue
    known = []
    for symbol_id in dict.fromkeys(symbol_ids):
        if symbol_id in standing:
            raise _already_subscribed("quotes", symbol_id)
        if symbol_id in venue.instruments:
            known.append(symbol_id)
        elif not venue.options.unknown_symbols_silent:
            raise unknown_symbol(symbol_id)
    return known


def _already_subscribed(what: str, symbol_id: int) -> Refusal:
    return Refusal("ALREADY_SUBSCRIBED", f"Already subscribed to {what} of symbol {symbol_id}")


ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    ProtoOASubscribeSpotsReq: (Scope.ACCOUNT, _subscribe_spots),
    ProtoOAUnsubscribeSpotsReq: (Scope.ACCOUNT, _unsubscribe_spots),
    ProtoOASubscribeLiveTrendbarReq: (Scope.ACCOUNT, _subscribe_live_bars),
    ProtoOAUnsubscribeLiveTrendbarReq: (Scope.ACCOUNT, _unsubscribe_live_bars),
    ProtoOASubscribeDepthQuotesReq: (Scope.ACCOUNT, _subscribe_depth),
    ProtoOAUnsubscribeDepthQuotesReq: (Scope.ACCOUNT, _unsubscribe_depth),
}
