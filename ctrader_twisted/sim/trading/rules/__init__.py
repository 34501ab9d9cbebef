"""What a venue refuses, and with which code: one small function for each rule, one table for each command.

A rule looks at a `Case` and gives a `Problem` or None; the first problem of a command's table is the one that is told.
Codes and sentences marked "(observed)" were seen; the codes of the others follow the meaning that the schema gives them
(unconfirmed), and their sentences are this venue's own.

* `case`           what a rule looks at, and what it finds
* `circumstances`  whether anything may be done now: rights, symbol, market, money
* `numbers`        whether volume, prices and levels fit the symbol and the market
* `new_order`, `working_order`, `position`  the rules and the tables of the commands
"""

from ctrader_twisted.sim.trading.rules.case import (
    BAD_PRICES,
    INVALID,
    NOT_FOUND,
    NOT_OPEN,
    Case,
    Problem,
    Rule,
    first_problem,
)
from ctrader_twisted.sim.trading.rules.circumstances import enough_money, enough_room
from ctrader_twisted.sim.trading.rules.new_order import NEW_ORDER
from ctrader_twisted.sim.trading.rules.numbers import wrong_levels
from ctrader_twisted.sim.trading.rules.position import AMEND_POSITION, CLOSE_POSITION
from ctrader_twisted.sim.trading.rules.working_order import AMEND_ORDER, CANCEL_ORDER

__all__ = [
    "AMEND_ORDER",
    "AMEND_POSITION",
    "BAD_PRICES",
    "CANCEL_ORDER",
    "CLOSE_POSITION",
    "INVALID",
    "NOT_FOUND",
    "NOT_OPEN",
    "NEW_ORDER",
    "Case",
    "Problem",
    "Rule",
    "enough_money",
    "enough_room",
    "first_problem",
    "wrong_levels",
]
