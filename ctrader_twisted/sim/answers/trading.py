"""Positions, orders and money. The venue does not trade yet: there is nothing open, and commands are refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.messages import (
    ProtoOAAmendOrderReq,
    ProtoOAAmendPositionSLTPReq,
    ProtoOACancelOrderReq,
    ProtoOAClosePositionReq,
    ProtoOAExpectedMargin,
    ProtoOAExpectedMarginReq,
    ProtoOAExpectedMarginRes,
    ProtoOAGetPositionUnrealizedPnLReq,
    ProtoOAGetPositionUnrealizedPnLRes,
    ProtoOANewOrderReq,
    ProtoOAOrderDetailsReq,
    ProtoOAOrderDetailsRes,
    ProtoOAReconcileReq,
    ProtoOAReconcileRes,
)
from ctrader_twisted.sim.accounts import SCOPE_VIEW
from ctrader_twisted.sim.answers.refusal import OrderRefusal, Refusal, unknown_symbol
from ctrader_twisted.sim.answers.scope import Answer, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.conversation import Session
    from ctrader_twisted.sim.feed.instruments import Instrument

NO_TRADING: Final = "This venue does not trade yet"


def _reconcile(session: Session, request: ProtoOAReconcileReq) -> ProtoOAReconcileRes:
    return ProtoOAReconcileRes(ctidTraderAccountId=session.account_id)


def _unrealised(session: Session, request: ProtoOAGetPositionUnrealizedPnLReq) -> ProtoOAGetPositionUnrealizedPnLRes:
    return ProtoOAGetPositionUnrealizedPnLRes(
        ctidTraderAccountId=session.account_id, moneyDigits=session.account.money_digits
    )


def _order_details(session: Session, request: ProtoOAOrderDetailsReq) -> ProtoOAOrderDetailsRes:
    raise Refusal("ORDER_NOT_FOUND", f"Order not found with id {request.orderId}")


def _expected_margin(session: Session, request: ProtoOAExpectedMarginReq) -> ProtoOAExpectedMarginRes:
    """Units times the worth of the base asset in the deposit asset, over the leverage, rounded half up (observed)."""
    venue, account, now = session.conversation.venue, session.account, session.conversation.venue.now()
    instrument = venue.feed.instruments.get(request.symbolId)
    if instrument is None:
        raise unknown_symbol(request.symbolId)
    base, deposit = instrument.base_asset_id, venue.reference.asset(account.deposit_asset).asset_id
    rates = [venue.rates.rate(base, deposit, now, "ask"), venue.rates.rate(base, deposit, now, "bid")]
    dollars = venue.rates.rate(base, venue.reference.asset("USD").asset_id, now)
    if dollars is None or None in rates:
        raise Refusal("NO_QUOTES", f"No quotes for symbol {request.symbolId}")
    answer = ProtoOAExpectedMarginRes(ctidTraderAccountId=account.account_id, moneyDigits=account.money_digits)
    for volume in request.volume:
        units = volume / 100
        share = _margin_share(session, instrument, units * dollars * 100)
        buy, sell = (math.floor(units * (rate or 0.0) * share * 10**account.money_digits + 0.5) for rate in rates)
        answer.margin.append(ProtoOAExpectedMargin(volume=volume, buyMargin=buy, sellMargin=sell))
    return answer


def _margin_share(session: Session, instrument: Instrument, exposure: float) -> float:
    """Give the share of an exposure that is held as margin: tier by tier, what exceeds the last one at its leverage.

    :param exposure: in cents of a US dollar.
    """
    most = session.account.leverage_in_cents
    reference = session.conversation.venue.reference
    tiers = next((one.tiers for one in reference.leverages if one.leverage_id == instrument.leverage_id), ())
    if not tiers or not exposure:
        return 100 / most
    held, below = 0.0, 0.0
    for number, tier in enumerate(tiers):
        ends = max(exposure, tier.volume) if number == len(tiers) - 1 else tier.volume
        held += max(0.0, min(exposure, ends) - below) * 100 / min(most, tier.leverage)
        below = ends
    return held / exposure


def _command(answer: Answer) -> Answer:
    """Refuse a command if the session's access token is for viewing only."""

    def answered(session: Session, request: Any) -> Message:
        if session.grant.scope == SCOPE_VIEW:
            options = session.conversation.venue.options
            kind = OrderRefusal if options.view_as_event else Refusal
            raise kind(options.view_code, "The access token does not allow trading")
        message: Message = answer(session, request)
        return message

    return answered


def _new_order(session: Session, request: ProtoOANewOrderReq) -> Message:
    if request.symbolId not in session.conversation.venue.feed.instruments:
        raise OrderRefusal("UNKNOWN_SYMBOL", f"Unknown symbol {request.symbolId}")
    if request.HasField("positionId"):
        raise _no_position(request.positionId)
    raise OrderRefusal("TRADING_DISABLED", NO_TRADING)


def _on_order(session: Session, request: ProtoOACancelOrderReq | ProtoOAAmendOrderReq) -> Message:
    raise OrderRefusal("ORDER_NOT_FOUND", f"Order not found with id {request.orderId}")


def _on_position(session: Session, request: ProtoOAAmendPositionSLTPReq | ProtoOAClosePositionReq) -> Message:
    raise _no_position(request.positionId)


def _no_position(position_id: int) -> OrderRefusal:
    return OrderRefusal("POSITION_NOT_FOUND", f"Position not found with id {position_id}")


ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    ProtoOAReconcileReq: (Scope.ACCOUNT, _reconcile),
    ProtoOAGetPositionUnrealizedPnLReq: (Scope.ACCOUNT, _unrealised),
    ProtoOAOrderDetailsReq: (Scope.ACCOUNT, _order_details),
    ProtoOAExpectedMarginReq: (Scope.ACCOUNT, _expected_margin),
    ProtoOANewOrderReq: (Scope.ACCOUNT, _command(_new_order)),
    ProtoOACancelOrderReq: (Scope.ACCOUNT, _command(_on_order)),
    ProtoOAAmendOrderReq: (Scope.ACCOUNT, _command(_on_order)),
    ProtoOAAmendPositionSLTPReq: (Scope.ACCOUNT, _command(_on_position)),
    ProtoOAClosePositionReq: (Scope.ACCOUNT, _command(_on_position)),
}
