"""What an account is told: each event it hears of, made from the book and sent to its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.messages import (
    ProtoOACancelOrderReq,
    ProtoOAExecutionEvent,
    ProtoOAExecutionType,
    ProtoOAMarginCall,
    ProtoOAMarginCallTriggerEvent,
    ProtoOAMarginChangedEvent,
    ProtoOATrailingSLChangedEvent,
)
from ctrader_twisted.sim.trading.entities import price_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.trading.entities import (
        Order,
        Position,
    )
    from ctrader_twisted.sim.trading.exchange import Cause, Exchange
    from ctrader_twisted.sim.trading.records import BonusFlow, CashFlow, Deal


class Telling:
    """The voice of one account's desk."""

    def __init__(self, exchange: Exchange, account: TradingAccount) -> None:
        self._exchange = exchange
        self._account = account

    def tell(self, kind: int, cause: Cause | None, **parts: Any) -> None:
        """Tell an execution event.

        :param kind: its ProtoOAExecutionType.
        :param cause: who asked for it, if anybody did.
        :param parts: as `event` takes them.
        """
        self._exchange.tell(self._account.account_id, self.event(kind, **parts), cause)

    def fill(self, event: ProtoOAExecutionEvent, cause: Cause | None) -> None:
        """Tell a fill: with the id of who asked, or a second time without it, as the options have it."""
        options, account_id = self._exchange.venue.options, self._account.account_id
        self._exchange.tell(account_id, event, cause, with_id=options.fills_carry_id)
        if cause is not None and options.uncorrelated_copies and options.fills_carry_id:
            self._exchange.tell_asker(account_id, event, cause)

    def event(
        self,
        kind: int,
        *,
        order: Order | None = None,
        position: Position | None = None,
        deal: Deal | None = None,
        flow: CashFlow | None = None,
        bonus: BonusFlow | None = None,
        server: bool = False,
        code: str = "",
    ) -> ProtoOAExecutionEvent:
        """Make an execution event of what it is about, as that stands now.

        :param server: nobody asked for it.
        :param code: why it is a rejection.
        """
        digits = self._account.money_digits
        event = ProtoOAExecutionEvent(
            ctidTraderAccountId=self._account.account_id, executionType=kind, isServerEvent=server
        )
        if position is not None:
            units = self._exchange.instrument(position.symbol_id).measurement_units
            event.position.CopyFrom(position.message(digits, units))
        if order is not None:
            units = self._exchange.instrument(order.symbol_id).measurement_units
            event.order.CopyFrom(order.message(units))
        if deal is not None:
            event.deal.CopyFrom(deal.message(digits))
        if flow is not None:
            event.depositWithdraw.CopyFrom(flow.message(digits))
        if bonus is not None:
            event.bonusDepositWithdraw.CopyFrom(bonus.message(digits))
        if code:
            event.errorCode = code
        return event

    def rejection(
        self, request: Any, code: str, order: Order | None = None, position: Position | None = None
    ) -> ProtoOAExecutionEvent:
        """Make the event that refuses a command: ``ORDER_CANCEL_REJECTED`` for a cancel, else ``ORDER_REJECTED``.

        It shows what the command is about, if that is there. A new order that is refused has become none (unconfirmed).

        :param order: the working order it is about, if there is one; so is ``position``.
        """
        kind = ProtoOAExecutionType.ORDER_REJECTED
        if isinstance(request, ProtoOACancelOrderReq):
            kind = ProtoOAExecutionType.ORDER_CANCEL_REJECTED
        return self.event(kind, order=order, position=position, code=code)

    def margins(self, positions: Iterable[Position]) -> None:
        """Tell the margin that positions use now."""
        account = self._account
        for position in positions:
            event = ProtoOAMarginChangedEvent(
                ctidTraderAccountId=account.account_id,
                positionId=position.position_id,
                usedMargin=position.used_margin,
                moneyDigits=account.money_digits,
            )
            self._exchange.tell(account.account_id, event)

    def trailed(self, position: Position, order: Order, level: int) -> None:
        """Tell a step of a trailing stop: nothing else of position and order changes (observed).

        :param order: the position's protective order.
        :param level: the stop loss now, in 1/100000.
        """
        event = ProtoOATrailingSLChangedEvent(
            ctidTraderAccountId=self._account.account_id,
            positionId=position.position_id,
            orderId=order.order_id,
            stopPrice=price_of(level),
            utcLastUpdateTimestamp=self._exchange.venue.now(),
        )
        self._exchange.tell(self._account.account_id, event)

    def margin_call(self, kind: int) -> None:
        """Tell that the margin level is below a threshold.

        :param kind: the threshold's ProtoOANotificationType.
        """
        account = self._account
        threshold, changed_at = account.margin_calls[kind]
        call = ProtoOAMarginCall(
            marginCallType=kind,
            marginLevelThreshold=threshold,
            utcLastUpdateTimestamp=changed_at or self._exchange.venue.opened_at,
        )
        event = ProtoOAMarginCallTriggerEvent(ctidTraderAccountId=account.account_id, marginCall=call)
        self._exchange.tell(account.account_id, event)
