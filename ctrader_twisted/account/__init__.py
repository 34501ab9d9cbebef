"""One trading account in human units: ``client.account(account_id)``.

* `account` the `Account`: symbols by name, orders, positions, live figures.
* `order` an `Order`: awaitable to accepted, to filled, to done.
* `terms`, `drafting` what is asked for, and the request that says it.
* `tracking` what the server's events mean for an order. Pure.
* `settling` what became of orders whose answer was lost.
* `commands` cancel, amend, levels.
* `portfolio` positions, working orders and the balance, kept by events. Pure.
* `valuation` equity, margin and profit by the present quotes.
* `safety` limits of the user's own. Pure.
"""

from ctrader_twisted.account.account import Account, Flattened
from ctrader_twisted.account.order import Order
from ctrader_twisted.account.portfolio import (
    BalanceChanged,
    OrderChanged,
    OrderGone,
    PendingOrder,
    Position,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Realised,
)
from ctrader_twisted.account.safety import Safety
from ctrader_twisted.account.terms import KEEP
from ctrader_twisted.account.tracking import Closed, Fill, OrderState
from ctrader_twisted.account.valuation import Check, Difference, Unrealised

__all__ = [
    "KEEP",
    "Account",
    "BalanceChanged",
    "Check",
    "Closed",
    "Difference",
    "Fill",
    "Flattened",
    "Order",
    "OrderChanged",
    "OrderGone",
    "OrderState",
    "PendingOrder",
    "Position",
    "PositionChanged",
    "PositionClosed",
    "PositionOpened",
    "Realised",
    "Safety",
    "Unrealised",
]
