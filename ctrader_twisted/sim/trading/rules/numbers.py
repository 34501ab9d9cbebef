"""Whether the numbers of a command fit the symbol and the market: its volume, its prices, its levels."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.feed.instruments import PRICE_SCALE
from ctrader_twisted.sim.trading import triggers
from ctrader_twisted.sim.trading.entities import BUY, LIMIT, MARKET_RANGE, SELL, STOP, STOP_LIMIT, relative
from ctrader_twisted.sim.trading.rules.case import BAD_PRICES, BAD_STOPS, BAD_VOLUME, INVALID, SIDES, TOO_CLOSE, Problem

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.trading.rules.case import Case

PRICES_OF: Final = {
    LIMIT: ("limitPrice",),
    STOP: ("stopPrice",),
    STOP_LIMIT: ("stopPrice",),
    MARKET_RANGE: ("baseSlippagePrice",),
}

_HIGHEST: Final = 10**12


def _has_digits(price: float, instrument: Instrument) -> bool:
    """Say whether a price, as the shortest number that reads the same, has no more digits than the symbol."""
    return Decimal(repr(price)) * PRICE_SCALE % instrument.tick_size == 0


def shown(price: int, instrument: Instrument) -> str:
    """Give a price in 1/100000 as sentences have it."""
    return f"{price / PRICE_SCALE:.{instrument.digits}f}"


def volume_fits(case: Case) -> Problem | None:
    """Refuse a volume that is too small, too large or off the step."""
    return volume_problem(case.request.volume, case.symbol)


def volume_problem(volume: int, symbol: Instrument) -> Problem | None:
    units = f"Order volume {volume / 100:.2f}"
    if volume < symbol.min_volume:  # the sentence was observed
        return Problem(BAD_VOLUME, f"{units} is smaller than group minVolume={symbol.min_volume / 100:.2f}.")
    if volume > symbol.max_volume:
        return Problem(BAD_VOLUME, f"{units} is bigger than group maxVolume={symbol.max_volume / 100:.2f}.")
    if volume % symbol.step_volume:
        return Problem(BAD_VOLUME, f"{units} is not a multiple of group stepVolume={symbol.step_volume / 100:.2f}.")
    return None


def price_problem(name: str, price: float, symbol: Instrument, code: str = BAD_PRICES) -> Problem | None:
    if not math.isfinite(price) or not 0 < price < _HIGHEST:
        return Problem(code, f"{name} = {price} is not a price")
    if not _has_digits(price, symbol):
        # Spotware's own clients say that it is INVALID_REQUEST (protocol notes, 6.5).
        return Problem(INVALID, f"{name} = {price} has more digits than symbol allows. Allowed {symbol.digits} digits")
    return None


def side_of_market(case: Case) -> Problem | None:
    """Refuse a stop that the market has reached and, by option, a limit that could be filled at once."""
    request = case.request
    kind = case.order.order_type if case.order is not None else request.orderType
    side = case.order.side if case.order is not None else request.tradeSide
    if kind in (STOP, STOP_LIMIT) and request.HasField("stopPrice"):
        method = request.stopTriggerMethod
        if case.order is not None and not request.HasField("stopTriggerMethod"):
            method = case.order.trigger_method or triggers.TRADE
        stop = relative(request.stopPrice)
        if case.options.stops_through_market == "refuse" and triggers.stop_reached(side, stop, method, case.prices):
            name, price = ("ASK", case.prices.ask) if triggers.watches_ask(side, method) else ("BID", case.prices.bid)
            return _sided("Stop price", side, ">" if side == BUY else "<", name, price, stop, case.symbol)
    if kind == LIMIT and request.HasField("limitPrice") and case.options.marketable_limits == "refuse":
        limit = relative(request.limitPrice)
        if triggers.limit_reached(side, limit, case.prices):
            name, price = ("ASK", case.prices.ask) if side == BUY else ("BID", case.prices.bid)
            return _sided("Limit price", side, "<" if side == BUY else ">", name, price, limit, case.symbol)
    return None


def _sided(what: str, side: int, sign: str, name: str, price: int, given: int, symbol: Instrument) -> Problem:
    return Problem(
        BAD_PRICES,
        f"{what} for {SIDES[side]} order should be {sign} current {name} price. "
        f"current {name}: {shown(price, symbol)}, {what}: {shown(given, symbol)}",
    )


def wrong_levels(case: Case) -> list[str]:
    """Name the levels of an order that are on the wrong side of where it would be filled."""
    request = case.request
    side = case.order.side if case.order is not None else request.tradeSide
    wrong = [
        name
        for name in ("relativeStopLoss", "relativeTakeProfit")
        if request.HasField(name) and getattr(request, name) <= 0
    ]
    entry = _entry(case)
    if entry is not None:
        for name, below in (("stopLoss", side == BUY), ("takeProfit", side == SELL)):
            if request.HasField(name):
                level = relative(getattr(request, name))
                if level >= entry if below else level <= entry:
                    wrong.append(name)
    return wrong


def _entry(case: Case) -> int | None:
    """Give the price that an order is meant to be filled at; None at the market's."""
    request, order = case.request, case.order
    for name, kept in (
        ("limitPrice", None if order is None else order.limit_price),
        ("stopPrice", None if order is None else order.stop_price),
    ):
        kind = request.orderType if order is None else order.order_type
        if name in PRICES_OF.get(kind, ()):
            return relative(getattr(request, name)) if request.HasField(name) else kept
    return None


def order_levels_fit(case: Case) -> Problem | None:
    """Refuse levels of an order that are no prices, too fine, on the wrong side or too near."""
    request, symbol = case.request, case.symbol
    for name in ("stopLoss", "takeProfit"):
        if request.HasField(name):
            problem = price_problem(name, getattr(request, name), symbol, BAD_STOPS)
            if problem is not None:
                return problem
    for name, words in (("relativeStopLoss", "stop loss"), ("relativeTakeProfit", "take profit")):
        if request.HasField(name) and getattr(request, name) % symbol.tick_size:
            return Problem(INVALID, f"Relative {words} has invalid precision")
    dropped = wrong_levels(case)
    side = case.order.side if case.order is not None else request.tradeSide
    if dropped and not case.options.bad_side_stops_dropped:
        return Problem(BAD_STOPS, f"{dropped[0]} is on the wrong side for {SIDES[side]} order")
    entry = _entry(case)
    for name, below in (("relativeStopLoss", side == BUY), ("relativeTakeProfit", side == SELL)):
        if request.HasField(name) and name not in dropped:
            start = entry if entry is not None else (case.prices.ask if side == BUY else case.prices.bid)
            level = start - getattr(request, name) if below else start + getattr(request, name)
            if not 0 < level < _HIGHEST * PRICE_SCALE:
                return Problem(BAD_STOPS, f"{name} leads to {shown(level, symbol)}, which is not a price")
    for names, least in (
        (("stopLoss", "relativeStopLoss"), symbol.sl_distance),
        (("takeProfit", "relativeTakeProfit"), symbol.tp_distance),
        (("stopLoss", "relativeStopLoss"), symbol.gsl_distance if request.guaranteedStopLoss else 0),
    ):
        absolute, apart = names
        if request.HasField(absolute) and entry is not None:
            kept = abs(relative(getattr(request, absolute)) - entry)
        elif request.HasField(apart):
            kept = getattr(request, apart)
        else:
            continue
        if kept < least * symbol.tick_size and not set(names) & set(dropped):
            return Problem(TOO_CLOSE, f"{names[0]} should be at least {least} points away")
    return None
