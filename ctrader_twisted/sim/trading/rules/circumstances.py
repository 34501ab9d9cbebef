"""Whether a command may be carried out at all now: the account's rights, the symbol, its market, the money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.feed.instruments import TradingMode
from ctrader_twisted.sim.trading.rules.case import Problem

if TYPE_CHECKING:
    from ctrader_twisted.sim.feed.instruments import Instrument
    from ctrader_twisted.sim.trading.rules.case import Case

CLOSE_ONLY: Final = 1
"""The access right of an account that may only close; what is above it may not trade at all."""


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


def enough_room(symbol: Instrument, exposure: int, volume: int, against: int = 0) -> Problem | None:
    """Refuse more of a symbol than may be held; asked at the fill, too.

    :param exposure: what is held of it.
    :param volume: what an order would trade.
    :param against: how much of that is held of the other side, and closed first.
    """
    after = exposure + volume - 2 * min(volume, against)
    if after > symbol.max_exposure and after > exposure:
        most = f"{symbol.max_exposure / 100:.2f}"
        return Problem("MAX_EXPOSURE_REACHED", f"Exposure of symbol {symbol.symbol_id} would exceed {most}")
    return None


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
