"""Which class stands for which of the server's error codes."""

from __future__ import annotations

from ctrader_twisted.errors.refusals import (
    AlreadyClosed,
    BadExpiration,
    BadPrices,
    BadStops,
    BadVolume,
    ExposureReached,
    MarketClosed,
    NotEnoughMoney,
    NothingToAmend,
    OrderNotFound,
    OrderRefused,
    PendingExecution,
    PositionNotFound,
    ShortSellingNotAllowed,
    TooManyPositions,
    TradingDisabled,
    TradingNotAllowed,
    UnableToAmend,
    UnableToCancel,
)
from ctrader_twisted.errors.server import (
    AccountRefused,
    AlreadyStanding,
    ApplicationRefused,
    CannotRoute,
    NotAuthorised,
    RateLimited,
    ServerError,
    ServerUnavailable,
    TokenRefused,
    UnderMaintenance,
)

CLASSES_BY_CODE: dict[str, type[ServerError]] = {
    "CH_CLIENT_AUTH_FAILURE": ApplicationRefused,
    "CH_OA_CLIENT_NOT_FOUND": ApplicationRefused,
    "CH_ACCESS_TOKEN_INVALID": TokenRefused,
    "CH_ACCESS_TOKEN_EXPIRED": TokenRefused,
    "OA_AUTH_TOKEN_EXPIRED": TokenRefused,
    "ACCESS_DENIED": TokenRefused,
    "CH_CTID_TRADER_ACCOUNT_NOT_FOUND": AccountRefused,
    "RET_NO_SUCH_LOGIN": AccountRefused,
    "RET_ACCOUNT_DISABLED": AccountRefused,
    "CANT_ROUTE_REQUEST": CannotRoute,
    "ACCOUNT_NOT_AUTHORIZED": NotAuthorised,
    "CH_CLIENT_NOT_AUTHENTICATED": NotAuthorised,
    "ALREADY_LOGGED_IN": AlreadyStanding,
    "ALREADY_SUBSCRIBED": AlreadyStanding,
    "CH_CLIENT_ALREADY_AUTHENTICATED": AlreadyStanding,
    "BLOCKED_PAYLOAD_TYPE": RateLimited,
    "REQUEST_FREQUENCY_EXCEEDED": RateLimited,
    "SERVER_IS_UNDER_MAINTENANCE": UnderMaintenance,
    "CH_SERVER_NOT_REACHABLE": ServerUnavailable,
    "TIMEOUT_ERROR": ServerUnavailable,
}
"""Codes that mean the same whatever they answer."""

ORDER_CLASSES_BY_CODE: dict[str, type[OrderRefused]] = {
    "TRADING_BAD_VOLUME": BadVolume,
    "TRADING_BAD_STAKE": BadVolume,
    "TRADING_BAD_STOPS": BadStops,
    "PROTECTION_IS_TOO_CLOSE_TO_MARKET": BadStops,
    "WORSE_GSL_NOT_ALLOWED": BadStops,
    "TRADING_BAD_PRICES": BadPrices,
    "TRADING_BAD_EXPIRATION_DATE": BadExpiration,
    "NOT_ENOUGH_MONEY": NotEnoughMoney,
    "NO_ENOUGH_MONEY_TO_OPEN_POSITION": NotEnoughMoney,  # in neither enum
    "MARKET_CLOSED": MarketClosed,  # in neither enum
    "SYMBOL_HAS_HOLIDAY": MarketClosed,
    "NO_QUOTES": MarketClosed,
    "TRADING_DISABLED": TradingDisabled,
    "TRADING_NOT_ALLOWED": TradingNotAllowed,
    "MAX_EXPOSURE_REACHED": ExposureReached,
    "TOO_MANY_POSITIONS": TooManyPositions,
    "POSITION_NOT_FOUND": PositionNotFound,
    "POSITION_NOT_FOUND_OR_NOT_OPENED": PositionNotFound,  # in neither enum
    "POSITION_NOT_OPEN": PositionNotFound,
    "ORDER_NOT_FOUND": OrderNotFound,
    "ALREADY_CLOSED": AlreadyClosed,  # in neither enum
    "PENDING_EXECUTION": PendingExecution,
    "POSITION_LOCKED": PendingExecution,
    "UNABLE_TO_AMEND_ORDER": UnableToAmend,
    "UNABLE_TO_CANCEL_ORDER": UnableToCancel,
    "ORDER_CANCEL_REJECTED": UnableToCancel,  # the type of an execution event that gives no code
    "SHORT_SELLING_NOT_ALLOWED": ShortSellingNotAllowed,
}
"""Codes of orders and position commands; as an answer to anything else they are a plain `ServerError`."""


def server_error_class(code: str, description: str, *, order_command: bool) -> type[ServerError]:
    """Choose the class that callers act on for a server's error code.

    An ``INVALID_REQUEST`` whose description says "not authorized" means lost authority: that is how the live server
    most often reports it (observed by two independent clients); one that answers an order or position command and
    begins with "Nothing to amend" is a `NothingToAmend` (observed). A code that is not known gives `ServerError`, or
    `OrderRefused` if it answers an order or position command.
    """
    if code == "INVALID_REQUEST":
        said = description.strip().lower()
        if "not authorized" in said:
            return NotAuthorised
        if order_command and said.startswith("nothing to amend"):
            return NothingToAmend
    known = CLASSES_BY_CODE.get(code)
    if known is not None:
        return known
    return ORDER_CLASSES_BY_CODE.get(code, OrderRefused) if order_command else ServerError
