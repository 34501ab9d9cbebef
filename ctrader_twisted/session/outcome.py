"""What an answer means to the one who asked: a message, or one of the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AlreadyStanding,
    OpenApiError,
    OrderRefused,
    OutcomeUnknown,
    UndecodablePayload,
    server_error_class,
)
from ctrader_twisted.session.standing import SUBSCRIBING, is_of_one
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.secrecy import without

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from google.protobuf.message import Message

    from ctrader_twisted.errors import ServerError
    from ctrader_twisted.session.correlation import Request
    from ctrader_twisted.wire.envelope import Envelope

_REJECTIONS = frozenset(
    {
        messages.ProtoOAExecutionType.ORDER_REJECTED,
        messages.ProtoOAExecutionType.ORDER_CANCEL_REJECTED,
    }
)


_SECONDS_AT_MOST = 1e11  # the year 5138: what is more is in milliseconds, whatever the message says it is

_JUDGED = catalogue.ERRORS | {catalogue.ORDER_ERROR_EVENT, catalogue.EXECUTION_EVENT}


def read_answer(
    request: Request, envelope: Envelope, secrets: Collection[str] = ()
) -> Message | Envelope | OpenApiError:
    """Give the message that answers a request, or its envelope if it is wanted unread, or the error that it amounts to.

    :param secrets: what an error's description must not repeat.
    """
    if request.unread and envelope.payload_type not in _JUDGED:
        return envelope
    try:
        message = codec.unpack(envelope)
    except UndecodablePayload as unreadable:
        return unreadable_answer(request, unreadable)
    number = envelope.payload_type
    if number not in _JUDGED:
        return message
    if number in catalogue.ERRORS or number == catalogue.ORDER_ERROR_EVENT:
        error = read_error(message, request, secrets)
    elif isinstance(message, messages.ProtoOAExecutionEvent) and (
        message.errorCode or message.executionType in _REJECTIONS
    ):
        code = as_text(message.errorCode) or messages.ProtoOAExecutionType(message.executionType).name
        cls = server_error_class(code, "", order_command=True)
        error = cls(code, request=request.kind.name, account_id=request.account_id)
    else:
        return message
    if isinstance(error, AlreadyStanding):
        answer = _as_asked_for(request)
        return error if answer is None else answer
    if request.kind.is_command and error.code == "TIMEOUT_ERROR":  # the back end may have it all the same
        return _unknown(request, f"the server answered {error.code}", error)
    if isinstance(error, OrderRefused) and number in catalogue.EVENTS:
        error.event = message
    return error


def unreadable_answer(request: Request, error: UndecodablePayload) -> OutcomeUnknown:
    """Give the error of a request whose answer came and can't be read."""
    return _unknown(request, str(error), error)


def read_error(message: Message, request: Request | None = None, secrets: Collection[str] = ()) -> ServerError:
    """Give the exception for an error message; ``request`` is the one it answers, if it answers one.

    ProtoErrorRes gives the end of maintenance in milliseconds, ProtoOAErrorRes in seconds (protocol notes, 1.7).
    """
    assert isinstance(message, messages.ProtoErrorRes | messages.ProtoOAErrorRes | messages.ProtoOAOrderErrorEvent)
    code = as_text(message.errorCode) or "UNKNOWN_ERROR"
    description = as_text(message.description)
    if secrets:
        description = without(description, secrets)
    cls = server_error_class(code, description, order_command=request is not None and request.kind.is_command)
    retry_after: float | None = None
    maintenance_end: float | None = None
    account_id = None if request is None else request.account_id
    if isinstance(message, messages.ProtoErrorRes):
        if message.HasField("maintenanceEndTimestamp"):
            maintenance_end = message.maintenanceEndTimestamp / 1000
    elif isinstance(message, messages.ProtoOAErrorRes):
        if message.HasField("maintenanceEndTimestamp"):
            maintenance_end = float(message.maintenanceEndTimestamp)
            if maintenance_end > _SECONDS_AT_MOST:
                maintenance_end /= 1000
        if message.HasField("retryAfter"):
            retry_after = float(message.retryAfter)
    if account_id is None and not isinstance(message, messages.ProtoErrorRes) and message.ctidTraderAccountId:
        account_id = message.ctidTraderAccountId
    return cls(
        code,
        description,
        request=None if request is None else request.kind.name,
        retry_after=retry_after,
        maintenance_end=maintenance_end,
        account_id=account_id,
    )


def as_text(value: str | bytes) -> str:
    """Make text of a string field, which protobuf gives as bytes where the server sent no UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _unknown(request: Request, reason: str, cause: OpenApiError) -> OutcomeUnknown:
    unknown = OutcomeUnknown(request.kind.name, reason, request.account_id)
    unknown.__cause__ = cause
    return unknown


_ANSWERS_WHEN_STANDING: Final[Mapping[int, type[Message]]] = {
    catalogue.payload_type(asked): answer
    for asked, answer in (
        (messages.ProtoOAApplicationAuthReq, messages.ProtoOAApplicationAuthRes),
        (messages.ProtoOAAccountAuthReq, messages.ProtoOAAccountAuthRes),
        (messages.ProtoOASubscribeSpotsReq, messages.ProtoOASubscribeSpotsRes),
        (messages.ProtoOASubscribeLiveTrendbarReq, messages.ProtoOASubscribeLiveTrendbarRes),
        (messages.ProtoOASubscribeDepthQuotesReq, messages.ProtoOASubscribeDepthQuotesRes),
    )
}


def _as_asked_for(request: Request) -> Message | None:
    """Give the answer to a request for what is so already: logged in, subscribed (protocol notes, 1.4 and 1.7).

    :return: None where several subscriptions were asked for: the server does not say which of them stand.
    """
    number = request.kind.payload_type
    answer = _ANSWERS_WHEN_STANDING.get(number)
    if answer is None or (number in SUBSCRIBING and not is_of_one(codec.unpack(request.envelope))):
        return None
    if answer is messages.ProtoOAApplicationAuthRes:
        return answer()
    return answer(ctidTraderAccountId=request.account_id)
