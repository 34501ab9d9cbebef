"""What is known of error codes beyond the schema: meanings of those that it does not have, remedies of single codes.

The schema's own codes have their meaning in its comments (`protos/`), and what is to be done follows from the class of
the error as a rule (`codes`). Here stands the rest, each code once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ACCESS_DENIED": "The token or code was refused; over HTTP also a refresh token used a second time (observed).",
        "ALREADY_CLOSED": "The position is closed, or is being closed by another command.",
        "CH_ACCESS_TOKEN_EXPIRED": "As OA_AUTH_TOKEN_EXPIRED; in tables of other clients, not observed.",
        "NO_ENOUGH_MONEY_TO_OPEN_POSITION": "As NOT_ENOUGH_MONEY; in tables of other clients, not observed.",
        "ORDER_CANCEL_REJECTED": "The order can't be taken back any more. Not a code of the server's: the type of an "
        "execution event, which stands for one where the event gives none.",
        "ORDER_REJECTED": "The order was rejected while it was being executed. Not a code of the server's: the type of "
        "an execution event, which stands for one where the event gives none.",
        "POSITION_NOT_FOUND_OR_NOT_OPENED": "As POSITION_NOT_FOUND; in tables of other clients, not observed.",
    }
)
"""What codes mean that are in neither enum of the schema, by code."""

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "UNKNOWN_ERROR": "Go by the description; try again later, and tell the broker what was asked if it stays.",
        "UNSUPPORTED_MESSAGE": "Check that the request is of this environment and of the schema's present release.",
        "INVALID_REQUEST": "Correct what the description names.",
        "ENTITY_NOT_FOUND": "Take the id from a list of this account: other brokers number theirs differently.",
        "FRAME_TOO_LONG": "Send less in one message: a part of the symbols at a time.",
        "CONCURRENT_MODIFICATION": "Reconcile, then ask again for what is still wanted.",
        "CHANNEL_IS_BLOCKED": "Connect again after a while; ask Spotware's support why if it stays.",
        "CONNECTIONS_LIMIT_EXCEEDED": "Close other connections of this application: one for each environment serves "
        "any number of accounts.",
        "NOT_SUBSCRIBED_TO_SPOTS": "Subscribe to the symbol's spots first.",
        "SYMBOL_NOT_FOUND": "Take the id from this account's list of symbols: other brokers number theirs differently.",
        "UNKNOWN_SYMBOL": "Take the id from this account's list of symbols: other brokers number theirs differently.",
        "ORDER_REJECTED": "Go by what the order's event says, then send it again corrected: nothing was executed.",
        "INCORRECT_BOUNDARIES": "Put the earlier time first, and ask for a shorter period.",
    }
)
"""What to do about codes whose class leaves that open, by code."""
