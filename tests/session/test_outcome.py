"""What an answer amounts to: every channel through which the server refuses, and what the refusal tells its asker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AccountRefused,
    AlreadyClosed,
    AlreadyStanding,
    ApplicationRefused,
    BadExpiration,
    BadPrices,
    BadStops,
    BadVolume,
    CannotRoute,
    ExposureReached,
    MarketClosed,
    NotAuthorised,
    NotEnoughMoney,
    NothingToAmend,
    OpenApiError,
    OrderNotFound,
    OrderRefused,
    OutcomeUnknown,
    PendingExecution,
    PositionNotFound,
    RateLimited,
    ServerError,
    ServerUnavailable,
    ShortSellingNotAllowed,
    TokenRefused,
    TooManyPositions,
    TradingDisabled,
    TradingNotAllowed,
    UnableToAmend,
    UnableToCancel,
    UndecodablePayload,
    UnderMaintenance,
)
from ctrader_twisted.session.outcome import read_answer, read_error
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Envelope
from tests.session.conversation import (
    ACCOUNT,
    APPLICATION_AUTH,
    NEW_ORDER,
    OTHER,
    SECRET,
    TOKEN,
    TRADER,
    account_auth,
    filled,
    make_request,
    refusal,
    spots,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

kinds = messages.ProtoOAExecutionType


def outcome(request: Message, answer: Message) -> Any:
    return read_answer(make_request(request), codec.pack(answer, "id"))


def execution(kind: int, **fields: Any) -> messages.ProtoOAExecutionEvent:
    return messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType=kind, **fields)


def order_error(code: str, **fields: Any) -> messages.ProtoOAOrderErrorEvent:
    return messages.ProtoOAOrderErrorEvent(ctidTraderAccountId=ACCOUNT, errorCode=code, **fields)


# Answers


@pytest.mark.parametrize("kind", catalogue.REQUESTS.values(), ids=lambda kind: kind.method_name)
def test_a_proper_answer_is_the_message_itself(kind: catalogue.RequestKind) -> None:
    for number in kind.closed_by - catalogue.ERRORS - {catalogue.ORDER_ERROR_EVENT}:
        answer = filled(catalogue.PARSERS[number])
        assert read_answer(make_request(filled(kind.message_class)), codec.pack(answer, "id")) == answer


@pytest.mark.parametrize("kind", catalogue.REQUESTS.values(), ids=lambda kind: kind.method_name)
def test_either_error_response_refuses_any_request(kind: catalogue.RequestKind) -> None:
    request = filled(kind.message_class)
    for answer in (messages.ProtoErrorRes(errorCode="ODD"), messages.ProtoOAErrorRes(errorCode="ODD")):
        error = outcome(request, answer)
        assert type(error) is (OrderRefused if kind.is_command else ServerError)
        assert (error.code, error.description, error.request) == ("ODD", "", kind.name)
        assert error.account_id == (1 if kind.has_account else None)


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds if kind not in (kinds.ORDER_REJECTED, kinds.ORDER_CANCEL_REJECTED)]
)
def test_an_execution_event_of_any_other_type_is_an_answer(kind: int) -> None:
    assert outcome(NEW_ORDER, execution(kind)) == execution(kind)


# The channels of a refusal


def test_the_common_layer_gives_the_end_of_maintenance_in_milliseconds() -> None:
    error = outcome(
        TRADER,
        messages.ProtoErrorRes(
            errorCode="SERVER_IS_UNDER_MAINTENANCE",
            description="back soon",
            maintenanceEndTimestamp=1_700_000_000_500,
        ),
    )
    assert type(error) is UnderMaintenance
    assert error.maintenance_end == 1_700_000_000.5
    assert error.retry_after is None
    assert error.account_id == ACCOUNT
    assert str(error) == f"ProtoOATraderReq: SERVER_IS_UNDER_MAINTENANCE (back soon), account {ACCOUNT}"


def test_the_open_api_gives_the_end_of_maintenance_in_seconds() -> None:
    error = outcome(TRADER, refusal("SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=1_700_000_000))
    assert type(error) is UnderMaintenance
    assert error.maintenance_end == 1_700_000_000.0


@pytest.mark.parametrize("answer", [messages.ProtoErrorRes, messages.ProtoOAErrorRes])
def test_maintenance_without_an_end_has_none(answer: type) -> None:
    error = outcome(TRADER, answer(errorCode="SERVER_IS_UNDER_MAINTENANCE"))
    assert type(error) is UnderMaintenance
    assert error.maintenance_end is None


def test_a_blocked_payload_type_says_for_how_long() -> None:
    error = outcome(TRADER, refusal("BLOCKED_PAYLOAD_TYPE", "You are being rate limited", retryAfter=3))
    assert type(error) is RateLimited
    assert error.retry_after == 3.0
    assert str(error) == (
        f"ProtoOATraderReq: BLOCKED_PAYLOAD_TYPE (You are being rate limited), account {ACCOUNT}, blocked for 3 s"
    )


@pytest.mark.parametrize("code", ["BLOCKED_PAYLOAD_TYPE", "REQUEST_FREQUENCY_EXCEEDED"])
@pytest.mark.parametrize("channel", [refusal, order_error])
def test_too_many_orders_are_a_definite_refusal_through_either_channel(code: str, channel: Any) -> None:
    error = outcome(NEW_ORDER, channel(code))
    assert type(error) is RateLimited
    assert error.retry_after is None


def test_an_order_error_event_refuses_and_its_zero_ids_say_nothing() -> None:
    event = order_error("POSITION_NOT_FOUND", orderId=0, positionId=0, description="Position not found with id 2416447")
    error = outcome(NEW_ORDER, event)
    assert type(error) is PositionNotFound
    assert (error.code, error.request, error.account_id) == ("POSITION_NOT_FOUND", "ProtoOANewOrderReq", ACCOUNT)
    assert error.description == "Position not found with id 2416447"
    assert error.event == event


@pytest.mark.parametrize(
    ("kind", "code", "cls"),
    [
        (kinds.ORDER_REJECTED, "", OrderRefused),
        (kinds.ORDER_REJECTED, "NOT_ENOUGH_MONEY", NotEnoughMoney),
        (kinds.ORDER_REJECTED, "ODD", OrderRefused),
        (kinds.ORDER_CANCEL_REJECTED, "", UnableToCancel),
        (kinds.ORDER_CANCEL_REJECTED, "ORDER_NOT_FOUND", OrderNotFound),
        (kinds.ORDER_CANCEL_REJECTED, "ODD", OrderRefused),
    ],
)
def test_an_execution_event_that_rejects_is_a_refusal(kind: int, code: str, cls: type) -> None:
    event = execution(kind, **({"errorCode": code} if code else {}))
    error = outcome(NEW_ORDER, event)
    assert type(error) is cls
    assert error.code == (code or kinds(kind).name)
    assert error.event == event
    assert error.account_id == ACCOUNT


@pytest.mark.parametrize(
    ("code", "cls"),
    [("TRADING_DISABLED", TradingDisabled), ("ACCOUNT_NOT_AUTHORIZED", NotAuthorised), ("ODD", OrderRefused)],
)
def test_a_success_that_carries_an_error_code_is_a_refusal(code: str, cls: type) -> None:
    error = outcome(NEW_ORDER, execution(kinds.ORDER_ACCEPTED, errorCode=code))
    assert type(error) is cls
    assert error.code == code


def test_a_plain_error_refuses_an_order_too() -> None:
    error = outcome(NEW_ORDER, refusal("NOT_ENOUGH_MONEY", "no"))
    assert type(error) is NotEnoughMoney
    assert error.event is None


# What refuses an order

REFUSALS = [
    ("TRADING_BAD_VOLUME", "", BadVolume),
    ("TRADING_BAD_STAKE", "", BadVolume),
    ("TRADING_BAD_STOPS", "New TP for BUY position should be >= current BID price.", BadStops),
    ("PROTECTION_IS_TOO_CLOSE_TO_MARKET", "", BadStops),
    ("WORSE_GSL_NOT_ALLOWED", "", BadStops),
    ("TRADING_BAD_PRICES", "", BadPrices),
    ("TRADING_BAD_EXPIRATION_DATE", "", BadExpiration),
    ("NOT_ENOUGH_MONEY", "", NotEnoughMoney),
    ("NO_ENOUGH_MONEY_TO_OPEN_POSITION", "", NotEnoughMoney),  # in neither enum
    ("MARKET_CLOSED", "", MarketClosed),  # in neither enum
    ("SYMBOL_HAS_HOLIDAY", "", MarketClosed),
    ("NO_QUOTES", "", MarketClosed),
    ("TRADING_DISABLED", "", TradingDisabled),
    ("TRADING_NOT_ALLOWED", "", TradingNotAllowed),
    ("MAX_EXPOSURE_REACHED", "", ExposureReached),
    ("TOO_MANY_POSITIONS", "", TooManyPositions),
    ("POSITION_NOT_FOUND", "", PositionNotFound),
    ("POSITION_NOT_FOUND_OR_NOT_OPENED", "", PositionNotFound),  # in neither enum
    ("POSITION_NOT_OPEN", "", PositionNotFound),
    ("ORDER_NOT_FOUND", "", OrderNotFound),
    ("ALREADY_CLOSED", "", AlreadyClosed),  # in neither enum
    ("PENDING_EXECUTION", "", PendingExecution),
    ("POSITION_LOCKED", "", PendingExecution),
    ("UNABLE_TO_AMEND_ORDER", "", UnableToAmend),
    ("UNABLE_TO_CANCEL_ORDER", "", UnableToCancel),
    ("SHORT_SELLING_NOT_ALLOWED", "", ShortSellingNotAllowed),
    ("INVALID_REQUEST", "Nothing to amend.", NothingToAmend),
    ("INVALID_REQUEST", "nothing to amend", NothingToAmend),
]

CHANNELS = {
    "ProtoOAErrorRes": refusal,
    "ProtoErrorRes": lambda code, description: messages.ProtoErrorRes(errorCode=code, description=description),
    "ProtoOAOrderErrorEvent": lambda code, description: order_error(code, description=description),
    "ProtoOAExecutionEvent": lambda code, description: execution(kinds.ORDER_REJECTED, errorCode=code),
}


@pytest.mark.parametrize(
    ("channel", "code", "description", "cls"),
    [
        (channel, *refused)
        for channel in CHANNELS
        for refused in REFUSALS
        if (channel, refused[0]) != ("ProtoOAExecutionEvent", "INVALID_REQUEST")  # it has no description to tell it by
    ],
)
def test_a_refused_order_says_what_to_do_through_every_channel(
    channel: str, code: str, description: str, cls: type[OrderRefused]
) -> None:
    error = outcome(NEW_ORDER, CHANNELS[channel](code, description))
    assert type(error) is cls
    assert (error.code, error.request, error.account_id) == (code, "ProtoOANewOrderReq", ACCOUNT)
    assert error.remedy and str(error).endswith(f". {error.remedy}")
    assert str(error).startswith(f"ProtoOANewOrderReq: {code}")
    assert not getattr(error, "__notes__", []), "a traceback would show the remedy twice"
    assert (error.event is None) == channel.endswith("Res")


@pytest.mark.parametrize(("code", "description", "cls"), REFUSALS)
def test_what_refuses_an_order_is_a_plain_error_to_another_request(
    code: str, description: str, cls: type[OrderRefused]
) -> None:
    error = outcome(TRADER, refusal(code, description))
    assert type(error) is ServerError
    assert error.code == code
    assert error.remedy == ("Correct what the description names." if code == "INVALID_REQUEST" else "")


@pytest.mark.parametrize(
    ("code", "description"),
    [("INVALID_REQUEST", "There is nothing to amend it with."), ("ODD", "Nothing to amend."), ("INVALID_REQUEST", "")],
)
def test_of_a_refusal_that_is_not_known_it_is_said_what_holds_of_all(code: str, description: str) -> None:
    error = outcome(NEW_ORDER, refusal(code, description))
    assert type(error) is OrderRefused
    assert error.remedy == "Correct what the server names, then send it again: nothing was executed."
    assert str(error).endswith(f", account {ACCOUNT}. {error.remedy}")


# Codes


@pytest.mark.parametrize(
    ("code", "description", "cls"),
    [
        ("CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect", ApplicationRefused),
        ("CH_OA_CLIENT_NOT_FOUND", "", ApplicationRefused),
        ("CH_ACCESS_TOKEN_INVALID", "", TokenRefused),
        ("CH_ACCESS_TOKEN_EXPIRED", "", TokenRefused),  # in neither enum
        ("OA_AUTH_TOKEN_EXPIRED", "", TokenRefused),
        ("ACCESS_DENIED", "", TokenRefused),  # in neither enum
        ("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", "", AccountRefused),
        ("RET_NO_SUCH_LOGIN", "", AccountRefused),
        ("RET_ACCOUNT_DISABLED", "", AccountRefused),
        ("CANT_ROUTE_REQUEST", "", CannotRoute),
        ("ACCOUNT_NOT_AUTHORIZED", "", NotAuthorised),
        ("CH_CLIENT_NOT_AUTHENTICATED", "", NotAuthorised),
        ("INVALID_REQUEST", "Trading account is not authorized", NotAuthorised),
        ("INVALID_REQUEST", "trading account NOT AUTHORIZED", NotAuthorised),
        ("INVALID_REQUEST", "Nothing to amend.", ServerError),
        ("INVALID_REQUEST", "", ServerError),
        ("ALREADY_LOGGED_IN", "", AlreadyStanding),
        ("ALREADY_SUBSCRIBED", "", AlreadyStanding),
        ("CH_CLIENT_ALREADY_AUTHENTICATED", "", AlreadyStanding),
        ("BLOCKED_PAYLOAD_TYPE", "", RateLimited),
        ("REQUEST_FREQUENCY_EXCEEDED", "", RateLimited),
        ("SERVER_IS_UNDER_MAINTENANCE", "", UnderMaintenance),
        ("CH_SERVER_NOT_REACHABLE", "", ServerUnavailable),
        ("TIMEOUT_ERROR", "", ServerUnavailable),
        ("NOT_ENOUGH_MONEY", "", ServerError),
        ("SOMETHING_OF_TOMORROW", "not authorized", ServerError),
        ("", "", ServerError),
    ],
)
def test_a_code_gives_the_class_that_callers_act_on(code: str, description: str, cls: type[ServerError]) -> None:
    error = outcome(TRADER, refusal(code, description))
    assert type(error) is cls
    assert (error.code, error.description) == (code or "UNKNOWN_ERROR", description)
    assert error.request == "ProtoOATraderReq"
    assert (error.code in str(error), error.description in str(error)) == (True, True)


@pytest.mark.parametrize("code", [*messages.ProtoErrorCode.__members__, *messages.ProtoOAErrorCode.__members__])
def test_every_code_of_the_schema_refuses_a_command(code: str) -> None:
    error = outcome(NEW_ORDER, order_error(code))
    assert isinstance(error, OpenApiError)
    assert not isinstance(error, OutcomeUnknown) or code == "TIMEOUT_ERROR"


@pytest.mark.parametrize("channel", [refusal, order_error, lambda code: execution(2, errorCode=code)])
def test_an_order_that_timed_out_behind_the_server_may_have_been_executed(channel: Any) -> None:
    error = outcome(NEW_ORDER, channel("TIMEOUT_ERROR"))
    assert type(error) is OutcomeUnknown
    assert (error.request, error.account_id) == ("ProtoOANewOrderReq", ACCOUNT)
    assert "TIMEOUT_ERROR" in error.reason
    assert isinstance(error.__cause__, ServerError)
    assert type(outcome(TRADER, refusal("TIMEOUT_ERROR"))) is ServerUnavailable


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_code_is_kept_as_it_is(code: str, description: str) -> None:
    error = outcome(TRADER, refusal(code, description))
    assert isinstance(error, ServerError)
    assert (error.code, error.description) == (code or "UNKNOWN_ERROR", description)


# What stands already


@pytest.mark.parametrize("code", ["ALREADY_LOGGED_IN", "CH_CLIENT_ALREADY_AUTHENTICATED"])
@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (APPLICATION_AUTH, messages.ProtoOAApplicationAuthRes()),
        (account_auth(), messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT)),
    ],
    ids=["application", "account"],
)
def test_to_be_authorised_already_is_what_was_asked_for(code: str, request_: Message, answer: Message) -> None:
    assert outcome(request_, refusal(code)) == answer


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (spots(1), messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT)),
        (
            messages.ProtoOASubscribeLiveTrendbarReq(ctidTraderAccountId=ACCOUNT, symbolId=1, period=1),
            messages.ProtoOASubscribeLiveTrendbarRes(ctidTraderAccountId=ACCOUNT),
        ),
        (
            messages.ProtoOASubscribeDepthQuotesReq(ctidTraderAccountId=ACCOUNT, symbolId=[1]),
            messages.ProtoOASubscribeDepthQuotesRes(ctidTraderAccountId=ACCOUNT),
        ),
    ],
    ids=["spots", "live bars", "depth"],
)
def test_to_be_subscribed_already_is_what_was_asked_for(request_: Message, answer: Message) -> None:
    assert outcome(request_, refusal("ALREADY_SUBSCRIBED")) == answer


def test_which_of_several_subscriptions_stands_already_is_not_said() -> None:
    error = outcome(spots(1, 2), refusal("ALREADY_SUBSCRIBED"))
    assert type(error) is AlreadyStanding
    assert "each by itself" in error.remedy


# What can't be read


@pytest.mark.parametrize("number", [2142, 50, 2122])
def test_an_answer_that_can_not_be_read_leaves_the_outcome_unknown(number: int) -> None:
    error = read_answer(make_request(TRADER), Envelope(number, b"\xff\xff\xff", "id"))
    assert type(error) is OutcomeUnknown
    assert (error.request, error.account_id) == ("ProtoOATraderReq", ACCOUNT)
    assert error.reason == f"a payload of 3 bytes does not parse as {catalogue.name(number)}"
    assert isinstance(error.__cause__, UndecodablePayload)
    assert "reconcile before repeating it" in str(error)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x1a\x02\xff\xfe\x22\x02\xff\xfd",
        b"\x1a\x0fINVALID_REQUEST\x22\x03no\xff",
        b"\x1a\x0fINVALID_REQUEST\x22\x10not authorized\xff\xff",
    ],
)
def test_an_error_whose_text_is_no_text_is_still_an_error(payload: bytes) -> None:
    error = read_answer(make_request(TRADER), Envelope(2142, payload, "id"))
    assert isinstance(error, ServerError | OutcomeUnknown)
    if isinstance(error, ServerError):
        assert isinstance(error.code, str)
        assert isinstance(error.description, str)
    assert isinstance(str(error), str)


def test_an_execution_event_whose_code_is_no_text_is_still_a_refusal() -> None:
    payload = execution(kinds.ORDER_ACCEPTED).SerializeToString() + b"\x4a\x02\xff\xfe"
    error = read_answer(make_request(NEW_ORDER), Envelope(2126, payload, "id"))
    assert isinstance(error, OrderRefused | OutcomeUnknown)
    assert isinstance(str(error), str)


@given(st.sampled_from([50, 2122, 2142]), st.binary(max_size=40))
def test_whatever_answers_a_request_it_amounts_to_something(number: int, payload: bytes) -> None:
    answer = read_answer(make_request(TRADER), Envelope(number, payload, "id"))
    if isinstance(answer, ServerError):
        assert type(answer.code) is type(answer.description) is str
    else:
        assert isinstance(answer, messages.ProtoOATraderRes | OutcomeUnknown)


@given(st.sampled_from([50, 2126, 2132, 2142]), st.binary(max_size=40))
def test_whatever_answers_a_command_it_amounts_to_something(number: int, payload: bytes) -> None:
    answer = read_answer(make_request(NEW_ORDER), Envelope(number, payload, "id"))
    if isinstance(answer, ServerError):
        assert type(answer.code) is type(answer.description) is str
    else:
        assert isinstance(answer, messages.ProtoOAExecutionEvent | OutcomeUnknown)


# Errors that answer nothing


def test_an_error_without_a_request_is_the_servers_own() -> None:
    error = read_error(refusal("CH_SERVER_NOT_REACHABLE", "down", ctidTraderAccountId=OTHER))
    assert type(error) is ServerUnavailable
    assert (error.request, error.account_id) == (None, OTHER)
    assert str(error) == f"the server: CH_SERVER_NOT_REACHABLE (down), account {OTHER}"


def test_the_request_knows_its_account_better_than_the_error() -> None:
    assert outcome(TRADER, refusal("ODD", ctidTraderAccountId=0)).account_id == ACCOUNT
    assert outcome(TRADER, refusal("ODD", ctidTraderAccountId=OTHER)).account_id == ACCOUNT
    assert read_error(refusal("ODD", ctidTraderAccountId=0)).account_id is None


@pytest.mark.parametrize("request_", [APPLICATION_AUTH, account_auth()], ids=["application", "account"])
def test_no_refusal_shows_a_secret(request_: Message) -> None:
    for answer in (refusal("CH_ACCESS_TOKEN_INVALID"), refusal("TIMEOUT_ERROR"), refusal("CH_CLIENT_AUTH_FAILURE")):
        error = outcome(request_, answer)
        shown = repr(error) + str(error) + repr(vars(error)) + repr(error.args)
        assert TOKEN not in shown
        assert SECRET not in shown
