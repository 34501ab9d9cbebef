"""Positions, orders and money as they stand; the five commands go to the account's desk."""

from __future__ import annotations

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
    ProtoOAPositionUnrealizedPnL,
    ProtoOAReconcileReq,
    ProtoOAReconcileRes,
)
from ctrader_twisted.sim.accounts import SCOPE_VIEW
from ctrader_twisted.sim.answers.history import listed_order
from ctrader_twisted.sim.answers.refusal import OrderRefusal, Refusal, invalid, unknown_symbol
from ctrader_twisted.sim.answers.scope import Answer, Scope
from ctrader_twisted.sim.trading import margins
from ctrader_twisted.sim.trading.entities import MARKET, MARKET_RANGE, PROTECTIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.sim.conversation import Session
    from ctrader_twisted.sim.trading.desk import Desk
    from ctrader_twisted.sim.trading.exchange import Cause


def _reconcile(session: Session, request: ProtoOAReconcileReq) -> ProtoOAReconcileRes:
    """Open positions and pending orders; protective orders only if asked for (observed).

    A market order that is on its way to being filled is neither, and left out (unconfirmed).
    """
    ledger, instruments = session.ledger, session.conversation.venue.instruments
    answer = ProtoOAReconcileRes(ctidTraderAccountId=session.account_id)
    for position in ledger.open_positions():
        units = instruments[position.symbol_id].measurement_units
        answer.position.append(position.message(session.account.money_digits, units))
    for order in ledger.orders.values():
        if order.in_execution and order.order_type in (MARKET, MARKET_RANGE):
            continue
        if order.order_type != PROTECTIVE or request.returnProtectionOrders:
            answer.order.append(order.message(instruments[order.symbol_id].measurement_units))
    return answer


def _unrealised(session: Session, request: ProtoOAGetPositionUnrealizedPnLReq) -> ProtoOAGetPositionUnrealizedPnLRes:
    """What each open position would win now; one without a price is left out (unconfirmed)."""
    ledger, exchange = session.ledger, session.conversation.venue.exchange
    answer = ProtoOAGetPositionUnrealizedPnLRes(
        ctidTraderAccountId=session.account_id, moneyDigits=session.account.money_digits
    )
    for position in ledger.open_positions():
        results = margins.unrealised(ledger, exchange, position)
        if results is not None:
            gross, net = results
            answer.positionUnrealizedPnL.append(
                ProtoOAPositionUnrealizedPnL(
                    positionId=position.position_id, grossUnrealizedPnL=gross, netUnrealizedPnL=net
                )
            )
    return answer


def _order_details(session: Session, request: ProtoOAOrderDetailsReq) -> ProtoOAOrderDetailsRes:
    """An order, working or finished, as lists have it, and its deals, the oldest first (unconfirmed)."""
    ledger = session.ledger
    order = ledger.orders.get(request.orderId) or ledger.past_orders.get(request.orderId)
    if order is None:
        raise Refusal("ORDER_NOT_FOUND", f"Order not found with id {request.orderId}")
    digits = session.account.money_digits
    deals = [deal.message(digits, listed=True) for deal in ledger.deals if deal.order_id == order.order_id]
    return ProtoOAOrderDetailsRes(
        ctidTraderAccountId=session.account_id, order=listed_order(session, order), deal=deals
    )


def _expected_margin(session: Session, request: ProtoOAExpectedMarginReq) -> ProtoOAExpectedMarginRes:
    venue, account = session.conversation.venue, session.account
    instrument = venue.instruments.get(request.symbolId)
    if instrument is None:
        raise unknown_symbol(request.symbolId)
    if any(volume < 1 for volume in request.volume):
        raise invalid("Volume must be positive")
    expected = margins.expected(account, venue.exchange, instrument, request.volume)
    if expected is None:
        raise Refusal("NO_QUOTES", f"No quotes for symbol {request.symbolId}")
    return ProtoOAExpectedMarginRes(
        ctidTraderAccountId=account.account_id,
        margin=[
            ProtoOAExpectedMargin(volume=volume, buyMargin=buy, sellMargin=sell)
            for volume, (buy, sell) in zip(request.volume, expected, strict=True)
        ],
        moneyDigits=account.money_digits,
    )


def _command(carry_out: Callable[[Desk, Any, Cause | None], None]) -> Answer:
    """Carry a command out at the account's desk, unless the session's access token is for viewing only.

    There is no answer but the events that the desk tells.
    """

    def answered(session: Session, request: Any) -> None:
        venue = session.conversation.venue
        if session.grant.scope == SCOPE_VIEW:
            kind = OrderRefusal if venue.options.view_as_event else Refusal
            raise kind(venue.options.view_code, "The access token does not allow trading")
        carry_out(venue.exchange.desk(session.account_id), request, session.conversation.cause)

    return answered


ANSWERS: Final[Mapping[type[Message], tuple[Scope, Answer]]] = {
    ProtoOAReconcileReq: (Scope.ACCOUNT, _reconcile),
    ProtoOAGetPositionUnrealizedPnLReq: (Scope.ACCOUNT, _unrealised),
    ProtoOAOrderDetailsReq: (Scope.ACCOUNT, _order_details),
    ProtoOAExpectedMarginReq: (Scope.ACCOUNT, _expected_margin),
    ProtoOANewOrderReq: (Scope.ACCOUNT, _command(lambda desk, *asked: desk.new_order(*asked))),
    ProtoOACancelOrderReq: (Scope.ACCOUNT, _command(lambda desk, *asked: desk.cancel_order(*asked))),
    ProtoOAAmendOrderReq: (Scope.ACCOUNT, _command(lambda desk, *asked: desk.amend_order(*asked))),
    ProtoOAAmendPositionSLTPReq: (Scope.ACCOUNT, _command(lambda desk, *asked: desk.amend_position(*asked))),
    ProtoOAClosePositionReq: (Scope.ACCOUNT, _command(lambda desk, *asked: desk.close_position(*asked))),
}
