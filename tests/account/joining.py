"""An account that stands, and knows EURUSD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.sim.testing import USD_ACCOUNT

if TYPE_CHECKING:
    from ctrader_twisted.account import Account
    from ctrader_twisted.sim.testing import VenueKit


def joined(kit: VenueKit) -> Account:
    account = kit.settle(kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT).ready())
    kit.settle(account.symbol("EURUSD"))
    return account
