"""What the cancel and the amend of a working order have to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.trading.entities import MARKET, MARKET_RANGE, PROTECTIVE, STOP_LIMIT
from ctrader_twisted.sim.trading.rules.case import (
    BAD_PRICES,
    BAD_VOLUME,
    INVALID,
    NOTHING_TO_AMEND,
    ORDER_NOT_FOUND,
    Problem,
)
from ctrader_twisted.sim.trading.rules.circumstances import (
    enough_room,
    may_open,
    may_trade,
    quoted,
    symbol_opens,
    symbol_trades,
)
from ctrader_twisted.sim.trading.rules.new_order import (
    dated_if_it_expires,
    expires_later,
    guaranteed_if_must,
    trails_a_stop,
)
from ctrader_twisted.sim.trading.rules.numbers import (
    PRICES_OF,
    order_levels_fit,
    price_problem,
    side_of_market,
    volume_fits,
)

if TYPE_CHECKING:
    from ctrader_twisted.sim.trading.rules.case import Case, Rule


def no_order(order_id: int) -> Problem:
    """Refuse an order that is not there (observed)."""
    return Problem(ORDER_NOT_FOUND, f"Order not found with id {order_id}")


def order_there(case: Case) -> Problem | None:
    """Refuse an order that never was, or is finished."""
    return no_order(case.request.orderId) if case.order is None else None


def can_be_cancelled(case: Case) -> Problem | None:
    """Refuse to cancel what protects a position: that is amended."""
    if case.order is not None and case.order.order_type == PROTECTIVE:
        return Problem("UNABLE_TO_CANCEL_ORDER", f"Order {case.order.order_id} protects a position")
    return None


def can_be_amended(case: Case) -> Problem | None:
    """Refuse to amend what is being executed, protects a position, or only waits for the opening."""
    order = case.order
    if order is None:
        return None
    if order.in_execution:
        return Problem("PENDING_EXECUTION", f"Order {order.order_id} is being executed")
    if order.order_type in (PROTECTIVE, MARKET, MARKET_RANGE):
        return Problem("UNABLE_TO_AMEND_ORDER", f"Order {order.order_id} can't be amended")
    return None


def amends_something(case: Case) -> Problem | None:
    """Refuse an amend without any field of an order without levels (observed for positions)."""
    order, named = case.order, {field.name for field, _ in case.request.ListFields()}
    if order is None or named - {"payloadType", "ctidTraderAccountId", "orderId"}:
        return None
    return None if order.has_levels else Problem(INVALID, NOTHING_TO_AMEND)


def amended_volume_fits(case: Case) -> Problem | None:
    """Refuse a volume that is off, or not more than what is executed already."""
    if not case.request.HasField("volume"):
        return None
    problem = volume_fits(case)
    if problem is None and case.order is not None and case.request.volume <= case.order.executed:
        executed = f"{case.order.executed / 100:.2f}"
        return Problem(BAD_VOLUME, f"Order volume {case.request.volume / 100:.2f} is not more than executed {executed}")
    return problem


def amended_prices_fit(case: Case) -> Problem | None:
    """Refuse a price that is not a price, has too many digits, or does not belong to the order's type."""
    request, order = case.request, case.order
    assert order is not None
    for name in ("limitPrice", "stopPrice"):
        if request.HasField(name):
            if name not in PRICES_OF.get(order.order_type, ()):
                return Problem(BAD_PRICES, f"{name} does not belong to the order's type")
            problem = price_problem(name, getattr(request, name), case.symbol)
            if problem is not None:
                return problem
    if request.HasField("slippageInPoints") and request.slippageInPoints < 0:
        return Problem(BAD_PRICES, "slippageInPoints is negative")
    return None


def amended_exposure_left(case: Case) -> Problem | None:
    """Refuse that an order grows beyond what may be held of a symbol."""
    order = case.order
    if order is None or case.volume <= order.remaining:
        return None
    return enough_room(case.symbol, case.exposure, case.volume, case.against)


def slips_if_it_can(case: Case) -> Problem | None:
    """Refuse a slippage of an order whose type has none, rather than forget it (unconfirmed)."""
    request, order = case.request, case.order
    assert order is not None
    if request.HasField("slippageInPoints") and order.order_type != STOP_LIMIT:
        return Problem(INVALID, "slippageInPoints does not belong to the order's type")
    return None


CANCEL_ORDER: Final[tuple[Rule, ...]] = (order_there, may_trade, can_be_cancelled)
"""What a cancel has to pass; that of an order in execution is rejected by an event."""


AMEND_ORDER: Final[tuple[Rule, ...]] = (
    order_there,
    may_trade,
    may_open,
    can_be_amended,
    symbol_trades,
    symbol_opens,
    amends_something,
    slips_if_it_can,
    dated_if_it_expires,
    trails_a_stop,
    quoted,
    amended_volume_fits,
    amended_exposure_left,
    expires_later,
    amended_prices_fit,
    side_of_market,
    order_levels_fit,
    guaranteed_if_must,
)
"""What the amend of a pending order has to pass."""
