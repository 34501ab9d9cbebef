"""Orders and position commands that the server refused."""

from __future__ import annotations

from ctrader_twisted.errors.server import ServerError


class OrderRefused(ServerError):
    """An order or position command was refused; nothing was executed.

    A code that has no class of its own gives this one. Its sentence ends in the remedy, where that is known.

    :ivar event: the ProtoOAExecutionEvent or ProtoOAOrderErrorEvent that refused it, or None if it was a plain error.
    """

    event: object | None = None
    remedy = "Correct what the server names, then send it again: nothing was executed."
    _tells_remedy = True

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said}. {self.remedy}" if self.remedy else said


class BadVolume(OrderRefused):
    """The volume (or the stake of a spread bet) is off step, below the minimum or above the maximum."""

    remedy = "Ask for a multiple of the symbol's stepVolume from its minVolume to its maxVolume."


class BadStops(OrderRefused):
    """A stop loss or take profit is on the wrong side of the market, too close to it, or (guaranteed) moved away."""

    remedy = (
        "Put the stop loss of a BUY below the bid and its take profit above it, those of a SELL the other way round of "
        "the ask, and no nearer than the symbol's slDistance and tpDistance."
    )


class BadPrices(OrderRefused):
    """A price of the order makes no sense for its type or the market."""

    remedy = (
        "Put a buy limit or sell stop below the market and a sell limit or buy stop above it, or send a market order."
    )


class BadExpiration(OrderRefused):
    """The time at which the order expires is past, or missing."""

    remedy = "Give a GOOD_TILL_DATE order an expirationTimestamp to come, in milliseconds UTC."


class NotEnoughMoney(OrderRefused):
    """The free margin does not cover it."""

    remedy = "Ask for less, close something, or deposit: the free margin must cover the order's margin."


class MarketClosed(OrderRefused):
    """The symbol is not traded now: its hours, a holiday, or no price."""

    remedy = "Wait until the symbol is traded; its schedule and holidays say when."


class TradingDisabled(OrderRefused):
    """Trading is switched off for the symbol, or it can only be closed."""

    remedy = "Choose another symbol; the tradingMode of this one says what may be done with it."


class TradingNotAllowed(OrderRefused):
    """The account or the token may not trade."""

    remedy = 'Log in again and allow trading (the scope "trading"), or ask the broker what the account may do.'


class ExposureReached(OrderRefused):
    """The symbol's maxExposure would be exceeded."""

    remedy = "Ask for less, or close some of what is held in this symbol."


class TooManyPositions(OrderRefused):
    """The account may not hold more positions and pending orders."""

    remedy = "Close a position or cancel an order first."


class PositionNotFound(OrderRefused):
    """No position with that id, or it is not open (any more)."""

    remedy = "Reconcile: it may have been closed meanwhile."


class OrderNotFound(OrderRefused):
    """No working order with that id (any more)."""

    remedy = "Reconcile: it may just have been filled, cancelled or expired."


class AlreadyClosed(OrderRefused):
    """The position is closed already, or being closed."""

    remedy = "Nothing is left to do; reconcile to see what it was closed by."


class PendingExecution(OrderRefused):
    """The order or position is being executed and can't be touched meanwhile."""

    remedy = "Wait for its execution event, then try again if there is still need."


class UnableToAmend(OrderRefused):
    """The order can't be changed in its present state."""

    remedy = "Reconcile: it may be filled or on its way; cancel it and place another if it still works."


class UnableToCancel(OrderRefused):
    """The order can't be taken back in its present state: as a rule it came too late."""

    remedy = "Reconcile: it may just have been filled; close its position if you do not want it."


class ShortSellingNotAllowed(OrderRefused):
    """The symbol can't be sold without being held."""

    remedy = "Sell no more of it than is held; its enableShortSelling says so."


class NothingToAmend(OrderRefused):
    """Everything is as was asked for, or nothing was asked for."""

    remedy = "Nothing is left to do, if levels were to be removed; else give at least one that changes."
