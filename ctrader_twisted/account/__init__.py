"""One trading account in human units: ``client.account(account_id)``.

* `account` the `Account`: its face; `rooms` what is behind it, joined.
* `order` an `Order`: awaitable to accepted, to filled, to done; `course` its inner side, `register` all of them.
* `keywords`, `terms`, `drafting` what orders take, what is asked for, and the request that says it.
* `permitting`, `sending` what may leave, and how it does.
* `placing`, `closing`, `flattening`, `commands`, `protecting` orders, positions closed, everything closed, what is
  there changed, levels after a fill; `finishing` orders waited for before the end.
* `books`, `telling` what the server says, taken in, and who is told.
* `readiness`, `inquiries`, `lookup` getting ready, asking, symbols by name.
* `settling` what became of orders whose answer was lost.
* `tracking` what the server's events mean for an order. Pure.
* `holdings` a position, a working order. Pure.
* `changes` what `Account.on` tells. Pure.
* `portfolio` positions, working orders and the balance, kept by events. Pure.
* `prices` the quotes that figures need, kept subscribed.
* `valuation` equity, margin and profit by the present quotes.
* `live` the live market: `feeds`, `bar_feeds`, `live_books`; `subscribing` what that takes, begun and ended.
* `checking` what is believed against what the server says.
* `safety` limits of the user's own. Pure.
"""

from ctrader_twisted.account.account import Account, Flattened
from ctrader_twisted.account.bar_feeds import BarUpdate
from ctrader_twisted.account.changes import (
    BalanceChanged,
    OrderChanged,
    OrderGone,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Realised,
)
from ctrader_twisted.account.checking import Check, Difference
from ctrader_twisted.account.feeds import Feed
from ctrader_twisted.account.holdings import PendingOrder, Position
from ctrader_twisted.account.live import Latest, Live
from ctrader_twisted.account.live_books import LiveBook
from ctrader_twisted.account.order import Order
from ctrader_twisted.account.safety import Safety
from ctrader_twisted.account.terms import KEEP
from ctrader_twisted.account.tracking import Closed, Fill, OrderState
from ctrader_twisted.account.valuation import Unrealised

__all__ = [
    "KEEP",
    "Account",
    "BalanceChanged",
    "BarUpdate",
    "Check",
    "Closed",
    "Difference",
    "Feed",
    "Fill",
    "Flattened",
    "Latest",
    "Live",
    "LiveBook",
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
