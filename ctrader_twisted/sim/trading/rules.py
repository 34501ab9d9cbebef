"""What a venue refuses, and with which code: one small function for each rule, one table for each command.

A rule looks at a `Case` and gives a `Problem` or None; the first problem of a command's table is the one that is told.
Codes and sentences marked "(observed)" were seen; the codes of the others follow the meaning that the schema gives them
(unconfirmed), and their sentences are this venue's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ctrader_twisted.sim.feed.instruments import PRICE_SCALE, TradingMode
from ctrader_twisted.sim.trading import triggers
from ctrader_twisted.sim.trading.entities import (
    BUY,
    CREATED,
    GOOD_TILL_DATE,
    LIMIT,
    MARKET,
    MARKET_ON_OPEN,
    MARKET_RANGE,
    OPEN,
    PROTECTIVE,
    SELL,
    STOP,
    STOP_LIMIT,
)

if TYPE_CHECKING:
    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.feed.feed import Quote
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.options import Options
    from ctrader_twisted.sim.trading.entities import Order, Position

MOST_LABEL: Final = 100
MOST_COMMENT: Final = 512
MOST_CLIENT_ORDER_ID: Final = 50

CLOSE_ONLY: Final = 1
"""The access right of an account that may only close; what is above it may not trade at all."""

NETTED: Final = 1

INVALID: Final = "INVALID_REQUEST"
BAD_STOPS: Final = "TRADING_BAD_STOPS"
BAD_PRICES: Final = "TRADING_BAD_PRICES"
BAD_VOLUME: Final = "TRADING_BAD_VOLUME"
TOO_CLOSE: Final = "PROTECTION_IS_TOO_CLOSE_TO_MARKET"

NOTHING_TO_AMEND: Final = "Nothing to amend."
TRAILS_WITHOUT_STOP: Final = "Can't set Trailing Stop Loss parameter without specified Stop Loss"
ABSOLUTE_LEVELS: Final = "SL/TP in absolute values are allowed only for order types: [LIMIT, STOP, STOP_LIMIT]"

_AT_THE_MARKET: Final = frozenset({MARKET, MARKET_RANGE})
_SIDES: Final = {BUY: "BUY", SELL: "SELL"}


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
    def reduces(self) -> bool:
        """Whether a new order can only make a position of a netted account smaller."""
        position = self.position
        return (
            self.account.account_type == NETTED
            and position is not None
            and position.side != self.request.tradeSide
            and self.request.volume <= position.volume
        )


Rule = Callable[[Case], Problem | None]


def first_problem(rules: tuple[Rule, ...], case: Case) -> Problem | None:
    """Give the first problem that a table of rules finds; None if there is none."""
    for rule in rules:
        problem = rule(case)
        if problem is not None:
            return problem
    return None


# --------------------------------------------------------------------------------------------------------- numbers


def relative(price: float) -> int:
    """Give a price of a message in 1/100000."""
    return round(price * PRICE_SCALE)


def _has_digits(price: float, instrument: Instrument) -> bool:
    """Say whether a price, as the shortest number that reads the same, has no more digits than the symbol."""
    return Decimal(repr(price)) * PRICE_SCALE % instrument.tick_size == 0


def shown(price: int, instrument: Instrument) -> str:
    """Give a price in 1/100000 as sentences have it."""
    return f"{price / PRICE_SCALE:.{instrument.digits}f}"


def limit_of(order: Order, instrument: Instrument) -> int | None:
    """Give the worst price that an order may be filled at, in 1/100000; None for any.

    A stop-limit order's limit lies ``slippageInPoints`` ticks beyond its stop, a market range order's as far from its
    base price, on the side that is worse for it.
    """
    sign = 1 if order.side == BUY else -1
    away = sign * (order.slippage or 0) * instrument.tick_size
    if order.order_type == LIMIT:
        return order.limit_price
    if order.order_type == STOP_LIMIT and order.stop_price is not None:
        return order.stop_price + away
    if order.order_type == MARKET_RANGE and order.base_slippage_price is not None:
        return order.base_slippage_price + away
    return None


# --------------------------------------------------------------------------------------------------------- any command


def symbol_known(case: Case) -> Problem | None:
    """Refuse a symbol that there is none of."""
    return Problem("UNKNOWN_SYMBOL", f"Unknown symbol {case.request.symbolId}") if case.instrument is None else None


def may_trade(case: Case) -> Problem | None:
    """Refuse everything to an account that may not trade."""
    if case.account.access_rights > CLOSE_ONLY:
        return Problem("TRADING_NOT_ALLOWED", "Trading is not allowed for the account")
    return None


def may_open(case: Case) -> Problem | None:
    """Refuse new positions, and more of one, to an account that may only close."""
    if case.account.access_rights == CLOSE_ONLY and not case.reduces:
        return Problem("TRADING_NOT_ALLOWED", "The account may only close positions")
    return None


def symbol_trades(case: Case) -> Problem | None:
    """Refuse what is traded neither to open nor to close."""
    disabled = (TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION, TradingMode.DISABLED_WITH_PENDINGS_EXECUTION)
    if not case.symbol.enabled or case.symbol.trading_mode in disabled:
        return Problem("TRADING_DISABLED", f"Trading is disabled for symbol {case.symbol.symbol_id}")
    return None


def symbol_opens(case: Case) -> Problem | None:
    """Refuse new positions in a symbol that is in close-only mode."""
    if case.symbol.trading_mode == TradingMode.CLOSE_ONLY_MODE and not case.reduces:
        return Problem("TRADING_DISABLED", f"Symbol {case.symbol.symbol_id} is in close-only mode")
    return None


def market_open(case: Case) -> Problem | None:
    """Refuse what would have to be carried out now while the market is closed."""
    if case.is_open:
        return None
    if case.holiday:
        return Problem("SYMBOL_HAS_HOLIDAY", f"Symbol {case.symbol.symbol_id} is not traded on this holiday")
    return Problem("MARKET_CLOSED", f"Market is closed for symbol {case.symbol.symbol_id}")


def quoted(case: Case) -> Problem | None:
    """Refuse a symbol that there is no price for."""
    return Problem("NO_QUOTES", f"No quotes for symbol {case.symbol.symbol_id}") if case.quote is None else None


def enough_money(needed: int | None, free: int | None) -> Problem | None:
    """Refuse what the free margin does not cover: a function of two amounts, for it is asked at the fill, too.

    :param needed: what an order would use more of; None without a price.
    :param free: the free margin; None without a price for a position.
    """
    if needed is None or free is None:
        return Problem("NO_QUOTES", "No quotes to work out the margin")
    if needed > max(0, free):
        return Problem("NOT_ENOUGH_MONEY", "Not enough funds")
    return None


# ------------------------------------------------------------------------------------------------------------ new order


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
    if request.orderType in _AT_THE_MARKET and (request.HasField("stopLoss") or request.HasField("takeProfit")):
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
    if position is None:
        return no_position(request.positionId)
    if position.status != OPEN:
        return not_open(position)
    if position.symbol_id != request.symbolId:
        return Problem(INVALID, f"Position {position.position_id} is of symbol {position.symbol_id}")
    if position.side != request.tradeSide and case.account.account_type != NETTED:
        return Problem(INVALID, f"Position {position.position_id} is a {_SIDES[position.side]} position")
    return None


def expires_later(case: Case) -> Problem | None:
    """Refuse an expiry that is past or missing."""
    request = case.request
    tif = case.order.time_in_force if case.order is not None else request.timeInForce
    wanted = request.HasField("expirationTimestamp") if case.order is not None else True
    if tif == GOOD_TILL_DATE and wanted and request.expirationTimestamp <= case.now:
        return Problem("TRADING_BAD_EXPIRATION_DATE", "Expiration should be later than the current time")
    return None


def waits_for_opening(case: Case) -> Problem | None:
    """Refuse MARKET_ON_OPEN for what is no market order."""
    if case.request.timeInForce == MARKET_ON_OPEN and case.request.orderType != MARKET:
        return Problem(INVALID, "MARKET_ON_OPEN is allowed only for order types: [MARKET]")
    return None


def open_if_at_market(case: Case) -> Problem | None:
    """Refuse a market order while the market is closed, unless it waits for the opening."""
    request = case.request
    if request.orderType not in _AT_THE_MARKET or request.timeInForce == MARKET_ON_OPEN:
        return None
    return market_open(case)


def volume_fits(case: Case) -> Problem | None:
    """Refuse a volume that is too small, too large or off the step."""
    return _volume_problem(case.request.volume, case.symbol)


def _volume_problem(volume: int, symbol: Instrument) -> Problem | None:
    units = f"Order volume {volume / 100:.2f}"
    if volume < symbol.min_volume:  # the sentence was observed
        return Problem(BAD_VOLUME, f"{units} is smaller than group minVolume={symbol.min_volume / 100:.2f}.")
    if volume > symbol.max_volume:
        return Problem(BAD_VOLUME, f"{units} is bigger than group maxVolume={symbol.max_volume / 100:.2f}.")
    if volume % symbol.step_volume:
        return Problem(BAD_VOLUME, f"{units} is not a multiple of group stepVolume={symbol.step_volume / 100:.2f}.")
    return None


_PRICES_OF: Final = {
    LIMIT: ("limitPrice",),
    STOP: ("stopPrice",),
    STOP_LIMIT: ("stopPrice",),
    MARKET_RANGE: ("baseSlippagePrice",),
}
_SLIPS: Final = frozenset({STOP_LIMIT, MARKET_RANGE})


def prices_fit(case: Case) -> Problem | None:
    """Refuse a price that is missing, not a price, or has too many digits."""
    request = case.request
    for name in _PRICES_OF.get(request.orderType, ()):
        if not request.HasField(name):
            return Problem(BAD_PRICES, f"{name} is missing")
        problem = _price_problem(name, getattr(request, name), case.symbol)
        if problem is not None:
            return problem
    if request.orderType in _SLIPS and (not request.HasField("slippageInPoints") or request.slippageInPoints < 0):
        return Problem(BAD_PRICES, "slippageInPoints is missing or negative")
    return None


def _price_problem(name: str, price: float, symbol: Instrument, code: str = BAD_PRICES) -> Problem | None:
    if not math.isfinite(price) or not 0 < price < 10**12:
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
        f"{what} for {_SIDES[side]} order should be {sign} current {name} price. "
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
        if name in _PRICES_OF.get(kind, ()):
            return relative(getattr(request, name)) if request.HasField(name) else kept
    return None


def order_levels_fit(case: Case) -> Problem | None:
    """Refuse levels of an order that are no prices, too fine, on the wrong side or too near."""
    request, symbol = case.request, case.symbol
    for name in ("stopLoss", "takeProfit"):
        if request.HasField(name):
            problem = _price_problem(name, getattr(request, name), symbol, BAD_STOPS)
            if problem is not None:
                return problem
    for name, words in (("relativeStopLoss", "stop loss"), ("relativeTakeProfit", "take profit")):
        if request.HasField(name) and getattr(request, name) % symbol.tick_size:
            return Problem(INVALID, f"Relative {words} has invalid precision")
    dropped = wrong_levels(case)
    if dropped and not case.options.bad_side_stops_dropped:
        side = _SIDES[case.order.side if case.order is not None else request.tradeSide]
        return Problem(BAD_STOPS, f"{dropped[0]} is on the wrong side for {side} order")
    entry = _entry(case)
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
    symbol, volume = case.symbol, case.request.volume
    if not case.reduces and case.exposure + volume > symbol.max_exposure:
        most = f"{symbol.max_exposure / 100:.2f}"
        return Problem("MAX_EXPOSURE_REACHED", f"Exposure of symbol {symbol.symbol_id} would exceed {most}")
    return None


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


# -------------------------------------------------------------------------------------------------------- working order


def no_order(order_id: int) -> Problem:
    """Refuse an order that is not there (observed)."""
    return Problem("ORDER_NOT_FOUND", f"Order not found with id {order_id}")


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
    levels = (order.stop_loss, order.take_profit, order.relative_stop_loss, order.relative_take_profit)
    return Problem(INVALID, NOTHING_TO_AMEND) if levels == (None,) * 4 else None


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
            if name not in _PRICES_OF.get(order.order_type, ()):
                return Problem(BAD_PRICES, f"{name} does not belong to the order's type")
            problem = _price_problem(name, getattr(request, name), case.symbol)
            if problem is not None:
                return problem
    if request.HasField("slippageInPoints") and request.slippageInPoints < 0:
        return Problem(BAD_PRICES, "slippageInPoints is negative")
    return None


CANCEL_ORDER: Final[tuple[Rule, ...]] = (order_there, may_trade, can_be_cancelled)
"""What a cancel has to pass; that of an order in execution is rejected by an event."""

AMEND_ORDER: Final[tuple[Rule, ...]] = (
    order_there,
    may_trade,
    may_open,
    can_be_amended,
    amends_something,
    trails_a_stop,
    quoted,
    amended_volume_fits,
    expires_later,
    amended_prices_fit,
    side_of_market,
    order_levels_fit,
    guaranteed_if_must,
)
"""What the amend of a pending order has to pass."""


# ------------------------------------------------------------------------------------------------------------- position


def no_position(position_id: int) -> Problem:
    """Refuse a position that is not there (observed)."""
    return Problem("POSITION_NOT_FOUND", f"Position not found with id {position_id}")


def not_open(position: Position) -> Problem:
    """Refuse a position that is a placeholder, or closed."""
    state = "not opened yet" if position.status == CREATED and not position.closed_at else "closed"
    return Problem("POSITION_NOT_OPEN", f"Position {position.position_id} is {state}")


def position_open(case: Case) -> Problem | None:
    """Refuse a position that never was, is not yet or no longer open."""
    if case.position is None:
        return no_position(case.request.positionId)
    return None if case.position.status == OPEN and case.position.lots else not_open(case.position)


def closes_what_is_open(case: Case) -> Problem | None:
    """Refuse to close nothing, more than there is, a part off the step, or what others are closing already."""
    position, volume = case.position, case.request.volume
    assert position is not None
    held = position.volume
    if volume > held or volume < 1:
        return Problem(BAD_VOLUME, f"Can't close {volume / 100:.2f} of a position of {held / 100:.2f}")
    if volume != held and volume % case.symbol.step_volume:
        return _volume_problem(volume, case.symbol)
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
        if position.stop_loss is None and position.take_profit is None:
            return Problem(INVALID, NOTHING_TO_AMEND)
    return None


def trails_the_stop(case: Case) -> Problem | None:
    """Refuse to set a trailing stop, or to leave one set, without a stop loss in the request (observed)."""
    request, position = case.request, case.position
    assert position is not None
    if request.HasField("stopLoss"):
        return None
    if request.HasField("trailingStopLoss") or (position.trailing and not request.HasField("takeProfit")):
        return Problem(INVALID, TRAILS_WITHOUT_STOP)
    return None


def position_levels_fit(case: Case) -> Problem | None:
    """Refuse levels that are no prices, too fine or too near, and by option those that the market has passed."""
    request, symbol, position = case.request, case.symbol, case.position
    assert position is not None
    buys = position.side == BUY
    side, name, price = ("BUY", "BID", case.prices.bid) if buys else ("SELL", "ASK", case.prices.ask)
    guaranteed = request.guaranteedStopLoss or position.guaranteed
    for field, short, above, least in (
        ("stopLoss", "SL", not buys, max(symbol.sl_distance, symbol.gsl_distance if guaranteed else 0)),
        ("takeProfit", "TP", buys, symbol.tp_distance),
    ):
        if not request.HasField(field):
            continue
        problem = _price_problem(field, getattr(request, field), symbol, BAD_STOPS)
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
    if position.guaranteed and position.stop_loss is not None:
        level = relative(request.stopLoss) if request.HasField("stopLoss") else None
        dropped = request.HasField("guaranteedStopLoss") and not request.guaranteedStopLoss
        further = level is None or (level < position.stop_loss if position.side == BUY else level > position.stop_loss)
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
