"""What the amend of a position's levels and its close have to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.trading.entities import BUY, CREATED, OPEN, relative
from ctrader_twisted.sim.trading.rules.case import (
    BAD_STOPS,
    BAD_VOLUME,
    INVALID,
    NOT_OPEN,
    NOTHING_TO_AMEND,
    POSITION_NOT_FOUND,
    TOO_CLOSE,
    TRAILS_WITHOUT_STOP,
    Problem,
)
from ctrader_twisted.sim.trading.rules.circumstances import market_open, may_trade, quoted, symbol_trades
from ctrader_twisted.sim.trading.rules.numbers import price_problem, shown, volume_problem

if TYPE_CHECKING:
    from ctrader_twisted.sim.trading.entities import Position
    from ctrader_twisted.sim.trading.rules.case import Case, Rule


def no_position(position_id: int) -> Problem:
    """Refuse a position that is not there (observed)."""
    return Problem(POSITION_NOT_FOUND, f"Position not found with id {position_id}")


def not_open(position: Position) -> Problem:
    """Refuse a position that is a placeholder, or closed."""
    state = "not opened yet" if position.status == CREATED and not position.closed_at else "closed"
    return Problem(NOT_OPEN, f"Position {position.position_id} is {state}")


def position_open(case: Case) -> Problem | None:
    """Refuse a position that never was, is not yet or no longer open."""
    if case.position is None:
        return no_position(case.request.positionId)
    return None if case.position.status == OPEN and case.position.lots else not_open(case.position)


def closes_what_is_open(case: Case) -> Problem | None:
    """Refuse to close nothing, more than there is, a part off the step, or what others are closing already.

    A part must be of the least volume, and so must what it leaves (unconfirmed).
    """
    position, volume = case.position, case.request.volume
    assert position is not None
    held = position.volume
    if volume > held or volume < 1:
        return Problem(BAD_VOLUME, f"Can't close {volume / 100:.2f} of a position of {held / 100:.2f}")
    if volume != held and volume % case.symbol.step_volume:
        return volume_problem(volume, case.symbol)
    least = case.symbol.min_volume
    if volume != held and min(volume, held - volume) < least:
        return Problem(BAD_VOLUME, f"A part that is closed, and what is left, should be at least {least / 100:.2f}")
    if volume > held - case.closing:
        return Problem("POSITION_LOCKED", f"Position {position.position_id} is being closed")
    return None


def amends_levels(case: Case) -> Problem | None:
    """Refuse an amend without any level of a position without protection (observed)."""
    request, position = case.request, case.position
    assert position is not None
    if not (request.HasField("stopLoss") or request.HasField("takeProfit")):
        if request.HasField("trailingStopLoss"):
            return None  # the next rule has the words for it
        if position.protection.stop_loss is None and position.protection.take_profit is None:
            return Problem(INVALID, NOTHING_TO_AMEND)
    return None


def trails_the_stop(case: Case) -> Problem | None:
    """Refuse to set a trailing stop, or to leave one set, without a stop loss in the request (observed)."""
    request, position = case.request, case.position
    assert position is not None
    if request.HasField("stopLoss"):
        return None
    if request.HasField("trailingStopLoss") or (position.protection.trailing and not request.HasField("takeProfit")):
        return Problem(INVALID, TRAILS_WITHOUT_STOP)
    return None


def position_levels_fit(case: Case) -> Problem | None:
    """Refuse levels that are no prices, too fine or too near, and by option those that the market has passed."""
    request, symbol, position = case.request, case.symbol, case.position
    assert position is not None
    buys = position.side == BUY
    side, name, price = ("BUY", "BID", case.prices.bid) if buys else ("SELL", "ASK", case.prices.ask)
    guaranteed = request.guaranteedStopLoss or position.protection.guaranteed
    for field, short, above, least in (
        ("stopLoss", "SL", not buys, max(symbol.sl_distance, symbol.gsl_distance if guaranteed else 0)),
        ("takeProfit", "TP", buys, symbol.tp_distance),
    ):
        if not request.HasField(field):
            continue
        problem = price_problem(field, getattr(request, field), symbol, BAD_STOPS)
        if problem is not None:
            return problem
        level = relative(getattr(request, field))
        if (level < price if above else level > price) and case.options.stops_through_market == "refuse":
            sign = ">=" if above else "<="
            return Problem(
                BAD_STOPS,
                f"New {short} for {side} position should be {sign} current {name} price. "
                f"current {name}: {shown(price, symbol)}, {short}: {shown(level, symbol)}",
            )
        if abs(level - price) < least * symbol.tick_size:
            return Problem(TOO_CLOSE, f"{short} should be at least {least} points away from {name}")
    return None


def guarantee_stands(case: Case) -> Problem | None:
    """Refuse to move a guaranteed stop loss further away, to drop it, or to have one that is not offered."""
    request, position = case.request, case.position
    assert position is not None
    if request.guaranteedStopLoss and not case.symbol.guaranteed_stop_loss:
        return Problem(BAD_STOPS, f"Symbol {case.symbol.symbol_id} has no guaranteed stop loss")
    if request.guaranteedStopLoss and not request.HasField("stopLoss"):
        return Problem(BAD_STOPS, "A guaranteed stop loss needs a stop loss")
    kept = position.guaranteed_stop
    if kept is not None:
        level = relative(request.stopLoss) if request.HasField("stopLoss") else None
        dropped = request.HasField("guaranteedStopLoss") and not request.guaranteedStopLoss
        further = level is None or (level < kept if position.side == BUY else level > kept)
        if dropped or further:
            return Problem("WORSE_GSL_NOT_ALLOWED", "A guaranteed stop loss can't be moved further away")
    return None


AMEND_POSITION: Final[tuple[Rule, ...]] = (
    position_open,
    may_trade,
    amends_levels,
    trails_the_stop,
    quoted,
    position_levels_fit,
    guarantee_stands,
)
"""What the amend of a position's levels has to pass."""


CLOSE_POSITION: Final[tuple[Rule, ...]] = (
    position_open,
    may_trade,
    symbol_trades,
    market_open,
    quoted,
    closes_what_is_open,
)
"""What the close of a position has to pass."""
