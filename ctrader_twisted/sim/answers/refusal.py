"""Refusing a request: what an answer raises instead of answering."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ctrader_twisted.messages import (
    ProtoErrorRes,
    ProtoOAErrorRes,
    ProtoOAOrderErrorEvent,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from ctrader_twisted.messages import ProtoOAExecutionEvent


class Refusal(Exception):
    """The request is refused with a ProtoOAErrorRes, as nearly all are.

    :param code: the server's error code.
    :param description: its sentence for people.
    :param retry_after: seconds for which the payload type is blocked.
    :param maintenance_end: when maintenance ends, ms UTC.
    :param closes: whether the connection is closed after it.
    """

    def __init__(
        self,
        code: str,
        description: str = "",
        *,
        retry_after: float | None = None,
        maintenance_end: int | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.maintenance_end = maintenance_end
        self.closes = closes

    def message(self, account_id: int | None) -> Message:
        """Give what is sent.

        :param account_id: the account the request was about, if it named one.
        """
        message = ProtoOAErrorRes(errorCode=self.code)
        if account_id is not None:
            message.ctidTraderAccountId = account_id
        if self.description:
            message.description = self.description
        if self.retry_after is not None:
            message.retryAfter = max(1, math.ceil(round(self.retry_after, 3)))
        if self.maintenance_end is not None:
            message.maintenanceEndTimestamp = -(-self.maintenance_end // 1000)  # in seconds here
        return message


class CommonRefusal(Refusal):
    """Refused by the layer below the Open API, with a ProtoErrorRes: what it can't read or does not know."""

    def message(self, account_id: int | None) -> Message:
        """Give what is sent; it has no place for an account."""
        message = ProtoErrorRes(errorCode=self.code)
        if self.description:
            message.description = self.description
        if self.maintenance_end is not None:
            message.maintenanceEndTimestamp = self.maintenance_end  # in milliseconds here
        return message


class OrderRefusal(Refusal):
    """An order or position command is refused, with a ProtoOAOrderErrorEvent.

    Order and position are named 0 whatever the command named (observed), so only the message id ties it to its command.
    """

    def message(self, account_id: int | None) -> Message:
        """Give what is sent."""
        assert account_id is not None
        message = ProtoOAOrderErrorEvent(ctidTraderAccountId=account_id, errorCode=self.code, orderId=0, positionId=0)
        if self.description:
            message.description = self.description
        return message


class EventRefusal(Refusal):
    """An order or position command is refused, with a ProtoOAExecutionEvent: some servers do so.

    :param event: what is sent; it has no place for the description.
    """

    def __init__(self, code: str, description: str, event: ProtoOAExecutionEvent) -> None:
        super().__init__(code, description)
        self.event = event

    def message(self, account_id: int | None) -> Message:
        """Give what is sent."""
        return self.event


def invalid(description: str) -> Refusal:
    """Refuse with ``INVALID_REQUEST``, the commonest code of all."""
    return Refusal("INVALID_REQUEST", description)


def unknown_symbol(symbol_id: int) -> Refusal:
    """Refuse a symbol that the venue does not have."""
    return Refusal("UNKNOWN_SYMBOL", f"Unknown symbol {symbol_id}")
