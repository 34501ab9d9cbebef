"""What the catalogue says of the schema, against a table written down from the protocol notes and the schema file."""

from __future__ import annotations

import json

import pytest

from ctrader_twisted import messages
from ctrader_twisted.wire import catalogue
from ctrader_twisted.wire.catalogue import Lane
from tests.paths import shared

ORDER, AUTHORITY, DATA = Lane.ORDER, Lane.AUTHORITY, Lane.DATA

COMMAND = {2126, 2132}  # an execution event or an order error event; none of them has a Res

# number, name without ProtoOA and Req, what closes it besides either error response, lane, historical, names an account
REQUESTS = [
    (2100, "ApplicationAuth", {2101}, AUTHORITY, False, False),
    (2102, "AccountAuth", {2103}, AUTHORITY, False, True),
    (2104, "Version", {2105}, DATA, False, False),
    (2106, "NewOrder", COMMAND, ORDER, False, True),
    (2108, "CancelOrder", COMMAND, ORDER, False, True),
    (2109, "AmendOrder", COMMAND, ORDER, False, True),
    (2110, "AmendPositionSLTP", COMMAND, ORDER, False, True),
    (2111, "ClosePosition", COMMAND, ORDER, False, True),
    (2112, "AssetList", {2113}, DATA, False, True),
    (2114, "SymbolsList", {2115}, DATA, False, True),
    (2116, "SymbolById", {2117}, DATA, False, True),
    (2118, "SymbolsForConversion", {2119}, DATA, False, True),
    (2121, "Trader", {2122}, DATA, False, True),
    (2124, "Reconcile", {2125}, DATA, False, True),
    (2127, "SubscribeSpots", {2128}, DATA, False, True),
    (2129, "UnsubscribeSpots", {2130}, DATA, False, True),
    (2133, "DealList", {2134}, DATA, True, True),
    (2135, "SubscribeLiveTrendbar", {2165}, DATA, False, True),
    (2136, "UnsubscribeLiveTrendbar", {2166}, DATA, False, True),
    (2137, "GetTrendbars", {2138}, DATA, True, True),
    (2139, "ExpectedMargin", {2140}, DATA, False, True),
    (2143, "CashFlowHistoryList", {2144}, DATA, True, True),
    (2145, "GetTickData", {2146}, DATA, True, True),
    (2149, "GetAccountListByAccessToken", {2150}, DATA, False, False),
    (2151, "GetCtidProfileByToken", {2152}, DATA, False, False),
    (2153, "AssetClassList", {2154}, DATA, False, True),
    (2156, "SubscribeDepthQuotes", {2157}, DATA, False, True),
    (2158, "UnsubscribeDepthQuotes", {2159}, DATA, False, True),
    (2160, "SymbolCategoryList", {2161}, DATA, False, True),
    (2162, "AccountLogout", {2163}, DATA, False, True),
    (2167, "MarginCallList", {2168}, DATA, False, True),
    (2169, "MarginCallUpdate", {2170}, DATA, False, True),
    (2173, "RefreshToken", {2174}, AUTHORITY, False, False),
    (2175, "OrderList", {2176}, DATA, True, True),
    (2177, "GetDynamicLeverageByID", {2178}, DATA, False, True),
    (2179, "DealListByPositionId", {2180}, DATA, True, True),
    (2181, "OrderDetails", {2182}, DATA, False, True),
    (2183, "OrderListByPositionId", {2184}, DATA, True, True),
    (2185, "DealOffsetList", {2186}, DATA, True, True),
    (2187, "GetPositionUnrealizedPnL", {2188}, DATA, False, True),
]

EVENTS = {
    51: "ProtoHeartbeatEvent",
    2107: "ProtoOATrailingSLChangedEvent",
    2120: "ProtoOASymbolChangedEvent",
    2123: "ProtoOATraderUpdatedEvent",
    2126: "ProtoOAExecutionEvent",
    2131: "ProtoOASpotEvent",
    2132: "ProtoOAOrderErrorEvent",
    2141: "ProtoOAMarginChangedEvent",
    2147: "ProtoOAAccountsTokenInvalidatedEvent",
    2148: "ProtoOAClientDisconnectEvent",
    2155: "ProtoOADepthEvent",
    2164: "ProtoOAAccountDisconnectEvent",
    2171: "ProtoOAMarginCallUpdateEvent",
    2172: "ProtoOAMarginCallTriggerEvent",
}

# Payload types of the schema that no message has: the envelope's own.
WITHOUT_CLASS = {5}

# Both limits of Spotware's, and what others count towards the smaller one (protocol notes, 1.6).
HISTORICAL = {
    "GetTrendbars",
    "GetTickData",
    "DealList",
    "DealListByPositionId",
    "DealOffsetList",
    "OrderList",
    "OrderListByPositionId",
    "CashFlowHistoryList",
}


def test_there_are_forty_requests() -> None:
    assert len(REQUESTS) == 40
    assert sorted(catalogue.REQUESTS) == [row[0] for row in REQUESTS]
    assert len(catalogue.REQUESTS_BY_CLASS) == 40


@pytest.mark.parametrize(
    ("number", "name", "closed_by", "lane", "historical", "has_account"), REQUESTS, ids=[row[1] for row in REQUESTS]
)
def test_a_request_is_closed_by_its_answers_and_by_either_error(
    number: int, name: str, closed_by: set[int], lane: Lane, historical: bool, has_account: bool
) -> None:
    kind = catalogue.REQUESTS[number]
    assert kind.name == f"ProtoOA{name}Req"
    assert kind.payload_type == number
    assert kind.message_class is getattr(messages, kind.name)
    assert catalogue.REQUESTS_BY_CLASS[kind.message_class] is kind
    assert kind.closed_by == closed_by | {50, 2142}
    assert kind.lane is lane
    assert kind.is_command is (lane is ORDER)
    assert kind.historical is historical is (name in HISTORICAL)
    assert kind.has_account is has_account
    for answer in closed_by - COMMAND:
        assert catalogue.name(answer) == f"ProtoOA{name}Res"


def test_orders_go_before_data_and_nothing_before_authorisation() -> None:
    assert sorted(Lane) == [ORDER, AUTHORITY, DATA]


def test_no_answer_closes_two_requests_that_have_one_of_their_own() -> None:
    answers = [answer for row in REQUESTS for answer in row[2] - COMMAND]
    assert len(answers) == len(set(answers)) == 35


def test_the_events_are_those_of_the_schema() -> None:
    assert {number: catalogue.name(number) for number in catalogue.EVENTS} == EVENTS


def test_the_numbers_with_names_of_their_own() -> None:
    assert catalogue.name(catalogue.ERROR_RES) == "ProtoErrorRes"
    assert catalogue.name(catalogue.HEARTBEAT) == "ProtoHeartbeatEvent"
    assert catalogue.name(catalogue.OA_ERROR_RES) == "ProtoOAErrorRes"
    assert catalogue.name(catalogue.EXECUTION_EVENT) == "ProtoOAExecutionEvent"
    assert catalogue.name(catalogue.ORDER_ERROR_EVENT) == "ProtoOAOrderErrorEvent"
    assert catalogue.name(catalogue.SPOT_EVENT) == "ProtoOASpotEvent"
    assert catalogue.ERRORS == {50, 2142}


def test_every_payload_type_has_a_class_and_every_class_its_payload_type() -> None:
    numbers = {int(member) for member in messages.ProtoPayloadType} | {int(m) for m in messages.ProtoOAPayloadType}
    assert set(catalogue.PARSERS) == numbers - WITHOUT_CLASS
    for number in WITHOUT_CLASS:
        assert catalogue.message_class(number) is None
    for number, cls in catalogue.PARSERS.items():
        assert catalogue.message_class(number) is cls
        assert catalogue.payload_type(cls) == catalogue.payload_type(cls()) == catalogue.TYPES[cls] == number
        assert catalogue.name(number) == cls.DESCRIPTOR.name
    assert len(set(catalogue.PARSERS.values())) == len(catalogue.PARSERS)


def test_the_published_schema_says_the_same() -> None:
    schema = json.loads(shared("open-api-schema.json").read_text("utf-8"))
    values: dict[str, int] = {}
    defaults: dict[str, str] = {}
    for file in schema["files"].values():
        for name, members in file["enums"].items():
            if name in ("ProtoPayloadType", "ProtoOAPayloadType"):
                values |= members
        for name, fields in file["messages"].items():
            for field in fields:
                if field["name"] == "payloadType" and "default" in field:
                    defaults[name] = field["default"]
    assert {cls.DESCRIPTOR.name: number for number, cls in catalogue.PARSERS.items()} == {
        name: values[default] for name, default in defaults.items()
    }


def test_the_requests_of_the_schema_are_all_there() -> None:
    assert {cls.DESCRIPTOR.name for cls in catalogue.PARSERS.values() if cls.DESCRIPTOR.name.endswith("Req")} == {
        f"ProtoOA{row[1]}Req" for row in REQUESTS
    }


@pytest.mark.parametrize("number", [0, 1, 5, 52, 2099, 2189, 9999, 2**32 - 1])
def test_a_payload_type_of_tomorrow_has_a_name_and_no_class(number: int) -> None:
    assert catalogue.message_class(number) is None
    assert catalogue.name(number) == f"payload type {number}"


def test_a_part_has_no_payload_type() -> None:
    with pytest.raises(KeyError):
        catalogue.payload_type(messages.ProtoOATrader)
    with pytest.raises(KeyError):
        catalogue.payload_type(messages.ProtoMessage())
