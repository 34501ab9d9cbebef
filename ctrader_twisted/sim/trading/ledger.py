"""One account's book: its positions and their lots, its orders, deals and cash flow, its balance and its version."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from ctrader_twisted.sim.trading import arithmetic
from ctrader_twisted.sim.trading.entities import (
    CLOSED,
    CREATED,
    OPEN,
    Lot,
    opposite,
)
from ctrader_twisted.sim.trading.records import (
    BALANCE_DEPOSIT,
    BALANCE_WITHDRAW,
    NON_WITHDRAWABLE_DEPOSIT,
    NON_WITHDRAWABLE_WITHDRAW,
    BonusFlow,
    CashFlow,
    CloseDetail,
)

if TYPE_CHECKING:
    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.trading.entities import (
        Ids,
        Order,
        Position,
    )
    from ctrader_twisted.sim.trading.records import Deal


class Ledger:
    """What an account has: balance and balance version are kept in the account itself.

    A balance that the account begins with is booked as its first deposit.

    :param opened_at: when the account was opened, ms UTC.

    :ivar positions: open ones, and the placeholders of working orders, by id.
    :ivar orders: pending, in execution and protective ones, by id.
    :ivar past_orders: finished ones, by id.
    :ivar closed_positions: by id; those that were never open, too.
    :ivar deals: the oldest first.
    :ivar cash_flow: the oldest first.
    """

    def __init__(self, account: TradingAccount, ids: Ids, opened_at: int) -> None:
        self.account = account
        self.ids = ids
        self.positions: dict[int, Position] = {}
        self.orders: dict[int, Order] = {}
        self.past_orders: dict[int, Order] = {}
        self.closed_positions: dict[int, Position] = {}
        self.deals: list[Deal] = []
        self.cash_flow: list[CashFlow] = []
        if account.balance:
            self._book(account.balance, opened_at, "", None, 0)

    def open_positions(self, symbol_id: int | None = None) -> list[Position]:
        """Give the open positions, the oldest first.

        :param symbol_id: of this symbol only.
        """
        there = [
            position
            for position in self.positions.values()
            if position.status == OPEN and symbol_id in (None, position.symbol_id)
        ]
        return sorted(there, key=lambda position: (position.opened_at, position.position_id))

    def open(
        self, position: Position, deal: Deal, *, margin_rate: float, commission: int, volume: int | None = None
    ) -> None:
        """Book a deal that opens a position or adds to it. The balance stays as it is (observed).

        :param margin_rate: worth of one unit of the base asset in the deposit asset.
        :param commission: of what is opened; it is booked as that is closed.
        :param volume: how much of the deal opens, where another part of it closed; by default all that was filled.
        :raises ValueError: if nothing is opened, or the deal is of another side or symbol than the position.
        """
        volume = deal.filled if volume is None else volume
        if volume < 1 or deal.side != position.side or deal.symbol_id != position.symbol_id:
            raise ValueError(f"deal {deal.deal_id} does not open position {position.position_id}")
        position.lots.append(Lot(deal.deal_id, volume, deal.price, commission, margin_rate, deal.usd_rate))
        if position.status != OPEN:
            position.status, position.opened_at = OPEN, deal.executed_at
        position.updated_at = deal.executed_at
        self.positions[position.position_id] = position
        self._enter(deal)

    def close(
        self,
        position: Position,
        deal: Deal,
        *,
        volume: int,
        rate: Fraction | float,
        commission: int,
        fee_rate: int,
    ) -> CloseDetail:
        """Book a deal that closes a position or part of it: the oldest lots first, to the balance and to the deal.

        What was closed takes its share of the opening commission with it, rounded away from zero in each lot, and its
        share of the swap; the remainder stays with what is open (observed for commission). A position that is emptied
        is moved to the closed ones. As long as another order that protects it works, it says CREATED (observed):
        `retire` it with that order.

        :param volume: how much of the deal closes.
        :param rate: worth of the quote asset in the deposit asset.
        :param commission: of the closing part of this deal.
        :param fee_rate: ``pnlConversionFeeRate``; 0 where nothing has to be converted.
        :raises ValueError: if more is closed than is open, or nothing, or the deal is of another symbol or not of the
            other side.
        """
        held, account = position.volume, self.account
        if not 1 <= volume <= held or deal.side != opposite(position.side) or deal.symbol_id != position.symbol_id:
            raise ValueError(f"deal {deal.deal_id} does not close {volume} of position {position.position_id}")
        worth, opening, offsets = self._take(position, volume)
        entry = Fraction(worth, volume)
        gross = arithmetic.gross(position.side, entry, deal.price, volume, rate, account.money_digits)
        swap = arithmetic.half_away(Fraction(position.swap * volume, held))
        fee = arithmetic.conversion_fee(gross, fee_rate)
        position.swap -= swap
        position.updated_at = deal.executed_at
        account.balance += gross + swap + opening + commission + fee
        account.balance_version += 1
        deal.detail = CloseDetail(
            entry_price=entry,
            gross=gross,
            swap=swap,
            commission=opening + commission,
            balance=account.balance,
            balance_version=account.balance_version,
            closed_volume=volume,
            rate=float(rate),
            fee=fee,
            offsets=tuple(offsets),
        )
        if volume == held:
            position.status = CREATED
            if position.protective_id in (None, deal.order_id):
                self.retire(position, deal.executed_at)
            else:
                self._move(position)
        self._enter(deal)
        return deal.detail

    def entry_price(self, position: Position, volume: int) -> Fraction:
        """Give the mean price, in 1/100000, of what `close` would close of a position."""
        worth, left = 0, volume
        for lot in position.lots:
            taken = min(left, lot.volume)
            worth += taken * lot.price
            left -= taken
        return Fraction(worth, volume)

    def retire(self, position: Position, at: int) -> None:
        """Finish with a position that holds nothing: one that was emptied, or a placeholder that is not needed."""
        if position.lots:
            raise ValueError(f"position {position.position_id} holds {position.volume}")
        position.status, position.closed_at, position.updated_at = CLOSED, at, at
        self._move(position)

    def deposit(
        self, delta: int, at: int, note: str = "", operation: int | None = None, *, unrealised: int = 0
    ) -> CashFlow:
        """Book money that no deal made.

        :param delta: negative takes it out.
        :param operation: ProtoOAChangeBalanceType; by default a deposit or a withdrawal, by ``delta``.
        :param unrealised: net result of the open positions, for the equity that is told.
        """
        account = self.account
        account.balance += delta
        account.balance_version += 1
        if operation in (NON_WITHDRAWABLE_DEPOSIT, NON_WITHDRAWABLE_WITHDRAW):
            account.non_withdrawable_bonus = max(0, account.non_withdrawable_bonus + delta)
        return self._book(delta, at, note, operation, unrealised)

    def give_bonus(self, manager: int, introducing_broker: int, at: int, note: str = "") -> BonusFlow:
        """Change the bonus, by negative amounts too; it is no part of the balance, whose version stays."""
        account = self.account
        account.manager_bonus += manager
        account.ib_bonus += introducing_broker
        return BonusFlow(
            flow_id=self.ids.bonus(),
            manager_bonus=account.manager_bonus,
            manager_delta=manager,
            ib_bonus=account.ib_bonus,
            ib_delta=introducing_broker,
            at=at,
            note=note,
        )

    def finish(self, order: Order, status: int, at: int) -> None:
        """Move an order from the working ones to the past ones."""
        order.status, order.closed_at, order.updated_at = status, at, at
        self.orders.pop(order.order_id, None)
        self.past_orders[order.order_id] = order

    def _take(self, position: Position, volume: int) -> tuple[int, int, list[tuple[int, int]]]:
        """Take a volume out of the oldest lots: volume times price, opening commission, and what of which deal."""
        worth, opening, offsets = 0, 0, []
        while volume:
            lot = position.lots[0]
            taken = min(volume, lot.volume)
            charged = arithmetic.share(lot.commission, taken, lot.volume)
            worth += taken * lot.price
            opening += charged
            offsets.append((lot.deal_id, taken))
            lot.volume -= taken
            lot.commission -= charged
            volume -= taken
            if not lot.volume:
                del position.lots[0]
        return worth, opening, offsets

    def _move(self, position: Position) -> None:
        position.used_margin = 0
        self.positions.pop(position.position_id, None)
        self.closed_positions[position.position_id] = position

    def _enter(self, deal: Deal) -> None:
        if not self.deals or self.deals[-1] is not deal:  # one deal may close a position and open another
            self.deals.append(deal)

    def _book(self, delta: int, at: int, note: str, operation: int | None, unrealised: int) -> CashFlow:
        if operation is None:
            operation = BALANCE_WITHDRAW if delta < 0 else BALANCE_DEPOSIT
        account = self.account
        flow = CashFlow(
            flow_id=self.ids.flow(),
            operation=operation,
            delta=delta,
            balance=account.balance,
            balance_version=account.balance_version,
            equity=account.balance + unrealised,
            at=at,
            note=note,
        )
        self.cash_flow.append(flow)
        return flow
