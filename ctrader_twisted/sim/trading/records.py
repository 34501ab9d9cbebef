"""What happened to an account and stays as it was written down: deals, changes of the balance and of the bonus.

Prices are integers in 1/100000, volumes hundredths of a unit, money integers of the account's digits, times ms UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction  # noqa: TC003 - the state reads the types of the fields
from typing import Final

from ctrader_twisted.messages import (
    ProtoOABonusDepositWithdraw,
    ProtoOAClosePositionDetail,
    ProtoOADeal,
    ProtoOADepositWithdraw,
)
from ctrader_twisted.sim.feed.instruments import PRICE_SCALE
from ctrader_twisted.sim.trading.entities import price_of, set_given

BALANCE_DEPOSIT: Final = 0
BALANCE_WITHDRAW: Final = 1
GSL_CHARGE: Final = 17
NON_WITHDRAWABLE_DEPOSIT: Final = 19
NON_WITHDRAWABLE_WITHDRAW: Final = 20
"""ProtoOAChangeBalanceType."""

BONUS_DEPOSIT: Final = 0
BONUS_WITHDRAW: Final = 1
"""ProtoOAChangeBonusType."""


@dataclass(frozen=True, slots=True)
class CloseDetail:
    """What closing did, all of it in money of the account but the prices and the rate.

    :ivar entry_price: the mean price of what was closed, in 1/100000, exactly.
    :ivar commission: of both sides: the opening share of what was closed and the closing deal's own.
    :ivar rate: worth of the quote asset in the deposit asset.
    :ivar fee: the conversion fee; 0 or less.
    :ivar offsets: the opening deals that were closed, and how much of each.
    """

    entry_price: Fraction
    gross: int
    swap: int
    commission: int
    balance: int
    balance_version: int
    closed_volume: int
    rate: float
    fee: int
    offsets: tuple[tuple[int, int], ...]


@dataclass(slots=True, eq=False)
class Deal:
    """One execution.

    :ivar status: ProtoOADealStatus: 2 filled, 3 partially filled.
    :ivar detail: what it closed, or None if it opened.
    """

    deal_id: int
    order_id: int
    position_id: int
    symbol_id: int
    side: int
    volume: int
    filled: int
    price: int
    created_at: int
    executed_at: int
    margin_rate: float
    commission: int
    usd_rate: float
    status: int = 2
    detail: CloseDetail | None = None

    def message(self, money_digits: int, *, listed: bool = False) -> ProtoOADeal:
        """Make the message.

        :param listed: it stands in a list, where ``utcLastUpdateTimestamp`` is the time of its creation (observed).
        """
        message = ProtoOADeal(
            dealId=self.deal_id,
            orderId=self.order_id,
            positionId=self.position_id,
            volume=self.volume,
            filledVolume=self.filled,
            symbolId=self.symbol_id,
            createTimestamp=self.created_at,
            executionTimestamp=self.executed_at,
            utcLastUpdateTimestamp=self.created_at if listed else self.executed_at,
            executionPrice=price_of(self.price),
            tradeSide=self.side,
            dealStatus=self.status,
            marginRate=self.margin_rate,
            commission=self.commission,
            baseToUsdConversionRate=self.usd_rate,
            moneyDigits=money_digits,
        )
        if self.detail is not None:
            detail = self.detail
            message.closePositionDetail.CopyFrom(
                ProtoOAClosePositionDetail(
                    entryPrice=float(detail.entry_price / PRICE_SCALE),
                    grossProfit=detail.gross,
                    swap=detail.swap,
                    commission=detail.commission,
                    balance=detail.balance,
                    quoteToDepositConversionRate=detail.rate,
                    closedVolume=detail.closed_volume,
                    balanceVersion=detail.balance_version,
                    moneyDigits=money_digits,
                    pnlConversionFee=detail.fee,
                )
            )
        return message


@dataclass(frozen=True, slots=True)
class CashFlow:
    """One change of the balance that no deal made.

    :ivar operation: ProtoOAChangeBalanceType.
    :ivar delta: what was added; negative for what was taken.
    :ivar balance: the balance after it.
    :ivar equity: the equity after it.
    """

    flow_id: int
    operation: int
    delta: int
    balance: int
    balance_version: int
    equity: int
    at: int
    note: str = ""

    def message(self, money_digits: int) -> ProtoOADepositWithdraw:
        """Make the message."""
        message = ProtoOADepositWithdraw(
            operationType=self.operation,
            balanceHistoryId=self.flow_id,
            balance=self.balance,
            delta=self.delta,
            changeBalanceTimestamp=self.at,
            balanceVersion=self.balance_version,
            equity=self.equity,
            moneyDigits=money_digits,
        )
        set_given(message, externalNote=self.note or None)
        return message


@dataclass(frozen=True, slots=True)
class BonusFlow:
    """One change of an account's bonus. There is no request that lists them.

    :ivar manager_bonus: the broker's bonus after it; ``manager_delta`` what was added, negative for what was taken.
    :ivar ib_bonus: the same of the introducing broker's.
    """

    flow_id: int
    manager_bonus: int
    manager_delta: int
    ib_bonus: int
    ib_delta: int
    at: int
    note: str = ""

    def message(self, money_digits: int) -> ProtoOABonusDepositWithdraw:
        """Make the message."""
        message = ProtoOABonusDepositWithdraw(
            operationType=BONUS_WITHDRAW if self.manager_delta + self.ib_delta < 0 else BONUS_DEPOSIT,
            bonusHistoryId=self.flow_id,
            managerBonus=self.manager_bonus,
            managerDelta=self.manager_delta,
            ibBonus=self.ib_bonus,
            ibDelta=self.ib_delta,
            changeBonusTimestamp=self.at,
            moneyDigits=money_digits,
        )
        set_given(message, externalNote=self.note or None)
        return message
