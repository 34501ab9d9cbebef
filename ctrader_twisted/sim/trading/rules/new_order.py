"""What a new order has to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.accounts import NETTED
from ctrader_twisted.sim.trading.entities import (
    AT_THE_MARKET,
    GOOD_TILL_DATE,
    MARKET,
    MARKET_ON_OPEN,
    MARKET_RANGE,
    OPEN,
    PROTECTIVE,
    SELL,
    STOP_LIMIT,
)
from ctrader_twisted.sim.trading.rules.case import (
    BAD_PRICES,
    BAD_STOPS,
    INVALID,
    SIDES,
    TRAILS_WITHOUT_STOP,
    Problem,
)
from ctrader_twisted.sim.trading.rules.circumstances import (
    enough_room,
    market_open,
    may_open,
    may_trade,
    quoted,
    symbol_known,
    symbol_opens,
    symbol_trades,
)
from ctrader_twisted.sim.trading.rules.numbers import (
    PRICES_OF,
    order_levels_fit,
    price_problem,
    side_of_market,
    volume_fits,
)
from ctrader_twisted.sim.trading.rules.position import no_position, not_open

if TYPE_CHECKING:
    from ctrader_twisted.sim.trading.rules.case import Case, Rule

MOST_LABEL: Final = 100

MOST_COMMENT: Final = 512

MOST_CLIENT_ORDER_ID: Final = 50


ABSOLUTE_LEVELS: Final = "SL/TP in absolute values are allowed only for order types: [LIMIT, STOP, STOP_LIMIT]"

_SLIPS: Final = frozenset({STOP_LIMIT, MARKET_RANGE})


def texts_short(case: Case) -> Problem | None:
    """Refuse a text that is too long."""
    request = case.request
    for name, text, most in (
        ("Label", request.label, MOST_LABEL),
        ("Comment", request.comment, MOST_COMMENT),
        ("Client order id", request.clientOrderId, MOST_CLIENT_ORDER_ID),
    ):
        if len(text) > most:
            return Problem(INVALID, f"{name} is too long: {len(text)} characters, at most {most} are allowed")
    return None


def type_allowed(case: Case) -> Problem | None:
    """Refuse an order that only the server makes."""
    if case.request.orderType == PROTECTIVE:
        return Problem(INVALID, "Order type STOP_LOSS_TAKE_PROFIT can't be placed")
    return None


def levels_allowed(case: Case) -> Problem | None:
    """Refuse absolute levels where the fill price is not known (observed)."""
    request = case.request
    if request.orderType in AT_THE_MARKET and (request.HasField("stopLoss") or request.HasField("takeProfit")):
        return Problem(INVALID, ABSOLUTE_LEVELS)
    return None


def trails_a_stop(case: Case) -> Problem | None:
    """Refuse a trailing stop loss that is none (observed for positions)."""
    request = case.request
    if request.trailingStopLoss and not (request.HasField("stopLoss") or request.HasField("relativeStopLoss")):
        return Problem(INVALID, TRAILS_WITHOUT_STOP)
    return None


def position_fits(case: Case) -> Problem | None:
    """Refuse to add to a position that is not there, or is not of the order's symbol and side."""
    request, position = case.request, case.position
    if not request.positionId:
        return None
    if position is None or position.position_id != request.positionId:  # a netted account has one of its own
        return no_position(request.positionId)
    if position.status != OPEN:
        return not_open(position)
    if position.symbol_id != request.symbolId:
        return Problem(INVALID, f"Position {position.position_id} is of symbol {position.symbol_id}")
    if position.side != request.tradeSide and case.account.account_type != NETTED:
        return Problem(INVALID, f"Position {position.position_id} is a {SIDES[position.side]} position")
    return None


def expires_later(case: Case) -> Problem | None:
    """Refuse an expiry that is past or missing."""
    request = case.request
    tif = case.order.time_in_force if case.order is not None else request.timeInForce
    wanted = request.HasField("expirationTimestamp") if case.order is not None else True
    if tif == GOOD_TILL_DATE and wanted and request.expirationTimestamp <= case.now:
        return Problem("TRADING_BAD_EXPIRATION_DATE", "Expiration should be later than the current time")
    return None


def dated_if_it_expires(case: Case) -> Problem | None:
    """Refuse an expiry of an order that does not expire, rather than forget it (unconfirmed)."""
    request, order = case.request, case.order
    tif = request.timeInForce if order is None else order.time_in_force
    if request.HasField("expirationTimestamp") and tif != GOOD_TILL_DATE:
        return Problem(INVALID, "expirationTimestamp belongs to GOOD_TILL_DATE orders only")
    return None


def waits_for_opening(case: Case) -> Problem | None:
    """Refuse MARKET_ON_OPEN for what is no market order."""
    if case.request.timeInForce == MARKET_ON_OPEN and case.request.orderType != MARKET:
        return Problem(INVALID, "MARKET_ON_OPEN is allowed only for order types: [MARKET]")
    return None


def open_if_at_market(case: Case) -> Problem | None:
    """Refuse a market order while the market is closed, unless it waits for the opening."""
    request = case.request
    if request.orderType not in AT_THE_MARKET or request.timeInForce == MARKET_ON_OPEN:
        return None
    return market_open(case)


def prices_fit(case: Case) -> Problem | None:
    """Refuse a price that is missing, not a price, or has too many digits."""
    request = case.request
    for name in PRICES_OF.get(request.orderType, ()):
        if not request.HasField(name):
            return Problem(BAD_PRICES, f"{name} is missing")
        problem = price_problem(name, getattr(request, name), case.symbol)
        if problem is not None:
            return problem
    if request.orderType in _SLIPS and (not request.HasField("slippageInPoints") or request.slippageInPoints < 0):
        return Problem(BAD_PRICES, "slippageInPoints is missing or negative")
    return None


def guaranteed_if_must(case: Case) -> Problem | None:
    """Refuse a guaranteed stop loss that is not offered, and on limited-risk accounts a position without one."""
    request = case.request
    has_stop = request.HasField("stopLoss") or request.HasField("relativeStopLoss")
    if request.guaranteedStopLoss:
        if not case.symbol.guaranteed_stop_loss:
            return Problem(BAD_STOPS, f"Symbol {case.symbol.symbol_id} has no guaranteed stop loss")
        if not has_stop:
            return Problem(BAD_STOPS, "A guaranteed stop loss needs a stop loss")
    elif case.account.limited_risk and not case.reduces:
        kept = case.order is not None and case.order.guaranteed and has_stop
        if not kept:
            return Problem(BAD_STOPS, "Guaranteed stop loss is required for limited risk accounts")
    return None


def may_be_sold(case: Case) -> Problem | None:
    """Refuse to sell short what can't be."""
    if case.request.tradeSide == SELL and not case.symbol.enable_short_selling and not case.reduces:
        return Problem("SHORT_SELLING_NOT_ALLOWED", f"Symbol {case.symbol.symbol_id} can't be sold short")
    return None


def not_too_many(case: Case) -> Problem | None:
    """Refuse one more position than the account may hold, working orders counted."""
    if case.position is None and case.count >= case.account.max_positions:
        return Problem("TOO_MANY_POSITIONS", f"At most {case.account.max_positions} positions and orders are allowed")
    return None


def exposure_left(case: Case) -> Problem | None:
    """Refuse more of a symbol than may be held."""
    return enough_room(case.symbol, case.exposure, case.volume, case.against)


NEW_ORDER: Final[tuple[Rule, ...]] = (
    symbol_known,
    may_trade,
    may_open,
    texts_short,
    type_allowed,
    levels_allowed,
    trails_a_stop,
    position_fits,
    symbol_trades,
    symbol_opens,
    waits_for_opening,
    open_if_at_market,
    quoted,
    volume_fits,
    dated_if_it_expires,
    expires_later,
    prices_fit,
    side_of_market,
    order_levels_fit,
    guaranteed_if_must,
    may_be_sold,
    not_too_many,
    exposure_left,
)
"""What a new order has to pass, besides having enough money if it is filled at once."""
