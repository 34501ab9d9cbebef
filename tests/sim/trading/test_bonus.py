"""Bonus: given and taken by scripts, told by events, shown in the trader, kept in the state."""

from __future__ import annotations

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim import TradingAccount
from ctrader_twisted.sim.testing import VenueKit
from tests.sim.trading.staged import Trader, kinds, stage

STILL = (-1, 111_986, 111_990)
GIVEN, TAKEN = messages.ProtoOAChangeBonusType.BONUS_DEPOSIT, messages.ProtoOAChangeBonusType.BONUS_WITHDRAW


def test_a_bonus_is_told_and_leaves_the_balance_as_it_is():
    with stage(STILL) as kit:
        trader = Trader(kit)
        kit.play("give_bonus", amount=50.5, note="welcome")
        kit.play("give_bonus", amount=20, kind="introducing broker")
        kit.play("take_bonus", amount=10.5)
        told = trader.hears()
        assert kinds(told) == ["BONUS_DEPOSIT_WITHDRAW"] * 3
        changes = [event.bonusDepositWithdraw for event in told]
        assert [one.operationType for one in changes] == [GIVEN, GIVEN, TAKEN]
        assert [(one.managerBonus, one.managerDelta) for one in changes] == [(5050, 5050), (5050, 0), (4000, -1050)]
        assert [(one.ibBonus, one.ibDelta) for one in changes] == [(0, 0), (2000, 2000), (2000, 0)]
        assert [one.externalNote for one in changes] == ["welcome", "", ""]
        assert len({one.bonusHistoryId for one in changes}) == 3
        assert {(one.changeBonusTimestamp, one.moneyDigits) for one in changes} == {(kit.venue.now(), 2)}
        shown = trader.ask("Trader").trader
    assert (shown.balance, shown.balanceVersion, shown.managerBonus, shown.ibBonus) == (10_000_00, 1, 40_00, 20_00)


def test_without_a_bonus_the_trader_names_none():
    with stage(STILL) as kit:
        shown = Trader(kit).ask("Trader").trader
    assert not [name for name in ("managerBonus", "ibBonus", "nonWithdrawableBonus") if shown.HasField(name)]


def test_no_more_is_taken_than_there_is():
    with stage(STILL, account={"manager_bonus": 30_00}) as kit:
        trader = Trader(kit)
        kit.play("take_bonus", amount=100)
        (told,) = trader.hears()
        assert (told.bonusDepositWithdraw.managerDelta, told.bonusDepositWithdraw.managerBonus) == (-30_00, 0)
        kit.play("take_bonus", amount=100)
        assert trader.hears() == []


def test_a_bonus_that_cant_be_paid_out_is_part_of_the_balance():
    operations = messages.ProtoOAChangeBalanceType
    with stage(STILL, account={"balance": 100_00}) as kit:
        trader = Trader(kit)
        kit.play("give_bonus", amount=40, kind="non-withdrawable")
        (told,) = trader.hears()
        assert told.depositWithdraw.operationType == operations.BALANCE_DEPOSIT_NONWITHDRAWABLE_BONUS
        assert (told.depositWithdraw.delta, told.depositWithdraw.balance) == (40_00, 140_00)
        assert trader.ask("Trader").trader.nonWithdrawableBonus == 40_00
        kit.play("withdraw", amount=1_000)
        (told,) = trader.hears()
        assert told.depositWithdraw.balance == 40_00
        kit.play("take_bonus", amount=1_000, kind="non-withdrawable")
        (told,) = trader.hears()
        assert told.depositWithdraw.operationType == operations.BALANCE_WITHDRAW_NONWITHDRAWABLE_BONUS
        assert told.depositWithdraw.balance == 0
        assert not trader.ask("Trader").trader.HasField("nonWithdrawableBonus")


def test_a_kind_of_bonus_that_is_none_is_refused():
    with VenueKit() as kit, pytest.raises(ValueError, match=r'kind is "cash": it is one of manager, introducing'):
        kit.play("give_bonus", amount=1, kind="cash")


def test_an_account_whose_bonus_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="ib_bonus of account 5 is -1: it is at least 0"):
        TradingAccount(5, 6, ib_bonus=-1)
    with pytest.raises(ValueError, match="non_withdrawable_bonus of account 5 is 11: it is a part of the balance"):
        TradingAccount(5, 6, balance=10, non_withdrawable_bonus=11)


def test_bonus_is_part_of_the_state():
    with VenueKit() as kit:
        kit.play("give_bonus", amount=50)
        kit.play("give_bonus", amount=60, kind="introducing broker")
        kit.play("give_bonus", amount=70, kind="non-withdrawable")
        state = kit.venue.save_state()
    with VenueKit(state=state) as kit:
        for account in kit.venue.registry.accounts.values():
            found = account.manager_bonus, account.ib_bonus, account.non_withdrawable_bonus
            assert found == (50_00, 60_00, 70_00)
        assert kit.venue.save_state() == state
