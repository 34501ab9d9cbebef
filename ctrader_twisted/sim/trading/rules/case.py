"""What a rule looks at and what it finds: a command with all that it meets, and the reason it is refused for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ctrader_twisted.sim.accounts import NETTED
from ctrader_twisted.sim.trading.entities import BUY, SELL

if TYPE_CHECKING:
    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.feed.feed import Quote
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.options import Options
    from ctrader_twisted.sim.trading.entities import Order, Position

INVALID: Final = "INVALID_REQUEST"
NOT_OPEN: Final = "POSITION_NOT_OPEN"
BAD_STOPS: Final = "TRADING_BAD_STOPS"
BAD_PRICES: Final = "TRADING_BAD_PRICES"
BAD_VOLUME: Final = "TRADING_BAD_VOLUME"
ORDER_NOT_FOUND: Final = "ORDER_NOT_FOUND"
POSITION_NOT_FOUND: Final = "POSITION_NOT_FOUND"
TOO_CLOSE: Final = "PROTECTION_IS_TOO_CLOSE_TO_MARKET"

NOT_FOUND: Final = frozenset({ORDER_NOT_FOUND, POSITION_NOT_FOUND})
"""The codes that the option ``not_found`` is about."""

NOTHING_TO_AMEND: Final = "Nothing to amend."
TRAILS_WITHOUT_STOP: Final = "Can't set Trailing Stop Loss parameter without specified Stop Loss"

SIDES: Final = {BUY: "BUY", SELL: "SELL"}


class Problem(NamedTuple):
    """Why a command is refused.

    :ivar code: the server's error code. ``INVALID_REQUEST`` is told by a ProtoOAErrorRes (observed), the others as the
        venue's option ``refusals`` has it.
    :ivar description: a sentence for people.
    """

    code: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A command and what it meets.

    :ivar request: the command.
    :ivar instrument: the symbol it is about; None if there is no such symbol.
    :ivar quote: the symbol's present quote; None before the first.
    :ivar is_open: whether the symbol's market is open.
    :ivar holiday: whether it is closed for a holiday.
    :ivar now: ms UTC.
    :ivar position: the position that is named, or that a netted account has in the symbol; None where there is none.
    :ivar order: the order that is named; None where there is none.
    :ivar count: positions and working orders of the account, each once.
    :ivar exposure: the volume that is open in the symbol.
    :ivar closing: the volume of the position that other orders are closing at this moment.
    """

    request: Any
    account: TradingAccount
    options: Options
    instrument: Instrument | None = None
    quote: Quote | None = None
    is_open: bool = True
    holiday: bool = False
    now: int = 0
    position: Position | None = None
    order: Order | None = None
    count: int = 0
    exposure: int = 0
    closing: int = 0

    @property
    def symbol(self) -> Instrument:
        """The symbol, after the rule that there is one."""
        assert self.instrument is not None
        return self.instrument

    @property
    def prices(self) -> Quote:
        """The quote, after the rule that there is one."""
        assert self.quote is not None
        return self.quote

    @property
    def side(self) -> int:
        """The side of the order that is to be placed or amended."""
        side: int = self.request.tradeSide if self.order is None else self.order.side
        return side

    @property
    def volume(self) -> int:
        """What is to be traded: the order's volume, as amended, without what is executed of it."""
        order, volume = self.order, int(self.request.volume)
        if order is None:
            return volume
        return (volume if self.request.HasField("volume") else order.volume) - order.executed

    @property
    def against(self) -> int:
        """The volume of the other side that an order closes first, on a netted account."""
        position = self.position
        if self.account.account_type != NETTED or position is None or position.side == self.side:
            return 0
        return position.volume

    @property
    def reduces(self) -> bool:
        """Whether an order can only make a position of a netted account smaller."""
        return bool(self.against) and self.volume <= self.against


Rule = Callable[[Case], Problem | None]


def first_problem(rules: tuple[Rule, ...], case: Case) -> Problem | None:
    """Give the first problem that a table of rules finds; None if there is none."""
    for rule in rules:
        problem = rule(case)
        if problem is not None:
            return problem
    return None
