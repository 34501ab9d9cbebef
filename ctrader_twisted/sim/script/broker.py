"""What a broker does to accounts and symbols: money, leverage, rights, trading modes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ctrader_twisted.messages import ProtoOASymbolChangedEvent, ProtoOATraderUpdatedEvent
from ctrader_twisted.sim.accounts import ACCESS_RIGHTS
from ctrader_twisted.sim.answers.reference import trader_message
from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.script.action import Action, each_account, named, one_of, positive
from ctrader_twisted.sim.trading.records import NON_WITHDRAWABLE_DEPOSIT, NON_WITHDRAWABLE_WITHDRAW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.venue import Venue


TRADING_MODES: Final[Mapping[str, TradingMode]] = {
    "enabled": TradingMode.ENABLED,
    "close only": TradingMode.CLOSE_ONLY_MODE,
    "disabled": TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION,
    "pending only": TradingMode.DISABLED_WITH_PENDINGS_EXECUTION,
}
"""How a symbol may be traded, by the words of `change_symbol`."""

_BONUSES: Final[Mapping[str, str]] = {
    "manager": "manager_bonus",
    "introducing broker": "ib_bonus",
    "non-withdrawable": "non_withdrawable_bonus",
}


@named
def deposit(amount: float, account_id: int | None = None, note: str = "") -> Action:
    """Pay money into an account: ``DEPOSIT_WITHDRAW``.

    :param amount: in units of its deposit asset; rounded to the account's digits.
    :param account_id: which; None for every one.
    :param note: a remark that its holder sees.
    """
    positive("amount", amount)
    return each_account(account_id, lambda venue, account: _move(venue, account, amount, note))


@named
def withdraw(amount: float, account_id: int | None = None, note: str = "") -> Action:
    """Pay money out of an account, no more of its balance than can be paid out: ``DEPOSIT_WITHDRAW``.

    Whether open positions need the money is not asked.

    :param amount: in units of its deposit asset; rounded to the account's digits.
    :param account_id: which; None for every one.
    :param note: a remark that its holder sees.
    """
    positive("amount", amount)
    return each_account(account_id, lambda venue, account: _move(venue, account, -amount, note))


@named
def give_bonus(amount: float, kind: str = "manager", account_id: int | None = None, note: str = "") -> Action:
    """Give an account a bonus.

    :param amount: in units of its deposit asset; rounded to the account's digits.
    :param kind: ``"manager"``, the broker's, or ``"introducing broker"``: ``BONUS_DEPOSIT_WITHDRAW``, and the balance
        stays as it is; ``"non-withdrawable"``: a part of the balance that can't be paid out, ``DEPOSIT_WITHDRAW``.
    :param account_id: which; None for every one.
    :param note: a remark that its holder sees.
    """
    _positive_bonus(amount, kind)
    return each_account(account_id, lambda venue, account: _change_bonus(venue, account, kind, amount, note))


@named
def take_bonus(amount: float, kind: str = "manager", account_id: int | None = None, note: str = "") -> Action:
    """Take a bonus back, no more than there is of its kind.

    :param amount: in units of the deposit asset; rounded to the account's digits.
    :param kind: as of `give_bonus`.
    :param account_id: which; None for every one.
    :param note: a remark that its holder sees.
    """
    _positive_bonus(amount, kind)
    return each_account(account_id, lambda venue, account: _change_bonus(venue, account, kind, -amount, note))


@named
def change_leverage(leverage: float, account_id: int | None = None) -> Action:
    """Change an account's leverage: ProtoOATraderUpdatedEvent, and the margin of open positions follows.

    :param leverage: 100 is 1:100.
    :param account_id: which; None for every one.
    """
    positive("leverage", leverage)

    def change(venue: Venue, account: TradingAccount) -> None:
        account.leverage_in_cents = max(1, round(leverage * 100))
        _tell_of(venue, account)
        venue.exchange.desk(account.account_id).money.reckon()

    return each_account(account_id, change)


@named
def change_access(rights: str, account_id: int | None = None) -> Action:
    """Change what an account's holder may do: ProtoOATraderUpdatedEvent. Sessions stay.

    :param rights: ``"full"``, ``"close only"``, ``"no trading"`` or ``"no login"``.
    :param account_id: which; None for every one.
    """
    number = one_of("rights", rights, ACCESS_RIGHTS)

    def change(venue: Venue, account: TradingAccount) -> None:
        account.access_rights = number
        _tell_of(venue, account)

    return each_account(account_id, change)


@named
def change_symbol(symbol: str, mode: str) -> Action:
    """Change how a symbol may be traded: ProtoOASymbolChangedEvent to every account.

    :param symbol: its name.
    :param mode: ``"enabled"``; ``"close only"``; ``"disabled"``, so that pending orders are not executed either; or
        ``"pending only"``: nothing can be ordered, and pending orders are executed.
    """
    wanted = one_of("mode", mode, TRADING_MODES)

    def change(venue: Venue) -> None:
        for instrument in venue.instruments.values():
            if instrument.name == symbol:
                break
        else:
            raise ValueError(f"there is no symbol {symbol}")
        venue.instruments[instrument.symbol_id] = replace(instrument, trading_mode=wanted)
        for account_id in venue.registry.accounts:
            event = ProtoOASymbolChangedEvent(ctidTraderAccountId=account_id, symbolId=[instrument.symbol_id])
            venue.tell(account_id, event)

    return change


def _move(venue: Venue, account: TradingAccount, amount: float, note: str) -> None:
    payable = max(0, account.balance - account.non_withdrawable_bonus)
    delta = max(-payable, round(amount * 10**account.money_digits))
    if delta:
        venue.exchange.desk(account.account_id).money.deposit(delta, note)


def _positive_bonus(amount: float, kind: str) -> None:
    positive("amount", amount)
    one_of("kind", kind, _BONUSES)


def _change_bonus(venue: Venue, account: TradingAccount, kind: str, amount: float, note: str) -> None:
    money = venue.exchange.desk(account.account_id).money
    delta = max(-getattr(account, _BONUSES[kind]), round(amount * 10**account.money_digits))
    if not delta:
        return
    if kind == "manager":
        money.give_bonus(manager=delta, note=note)
    elif kind == "introducing broker":
        money.give_bonus(introducing_broker=delta, note=note)
    else:
        money.deposit(delta, note, NON_WITHDRAWABLE_DEPOSIT if delta > 0 else NON_WITHDRAWABLE_WITHDRAW)


def _tell_of(venue: Venue, account: TradingAccount) -> None:
    trader = trader_message(venue, account)
    venue.tell(account.account_id, ProtoOATraderUpdatedEvent(ctidTraderAccountId=account.account_id, trader=trader))
