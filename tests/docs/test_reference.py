"""The reference says everything that there is: messages, fields, values, error codes, names, cells of the machines."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

import ctrader_twisted
from ctrader_twisted import errors
from ctrader_twisted.errors import codes as known_codes
from ctrader_twisted.session import machine
from ctrader_twisted.wire import catalogue, schema
from generators import api, codes, drawing, messages
from generators.schema import WITHOUT_UNIT, Reference, read

if TYPE_CHECKING:
    from enum import Enum

#: What the server, or its token service, was seen or said to send beside the schema's codes.
BESIDE_THE_SCHEMA = {
    "ACCESS_DENIED",
    "ALREADY_CLOSED",
    "CH_ACCESS_TOKEN_EXPIRED",
    "NO_ENOUGH_MONEY_TO_OPEN_POSITION",
    "ORDER_CANCEL_REJECTED",
    "ORDER_REJECTED",
    "POSITION_NOT_FOUND_OR_NOT_OPENED",
}


@pytest.fixture(scope="module")
def reference() -> Reference:
    pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools, which compiles protos/, is not installed")
    return read()


@pytest.fixture(scope="module")
def pages(reference: Reference) -> dict[str, str]:
    return messages.pages(reference)


@pytest.fixture(scope="module")
def table(reference: Reference) -> dict[str, tuple[str, str, str, str]]:
    """Meaning, remedy, exception and what is tried again, by code, as the page's table has them."""
    text = codes.pages(reference)["error-codes.rst"]
    row = re.compile(
        r"\* - :error-code:`(\w+)`\n\n +(.+)\n"  # the code, its exception
        r" +- (.+)\n\n +\*Remedy:\* ?(.*)\n"
        r" +- (.*)\n"
    )
    return {code: (said, remedy, exception, again) for code, exception, said, remedy, again in row.findall(text)}


def everything() -> tuple[set[str], set[str]]:
    """The compiled schema's messages and enums, and their fields and values: what the wire speaks."""
    whole, parts = set(), set()
    for name in schema.__all__:
        thing: Any = getattr(schema, name)
        whole.add(name)
        members = thing.__members__ if hasattr(thing, "__members__") else thing.DESCRIPTOR.fields_by_name
        parts |= {f"{name}.{member}" for member in members}
    return whole, parts


# --- messages ---------------------------------------------------------------------------------------------------------


def test_every_message_enum_field_and_value_is_described_once(pages: dict[str, str]) -> None:
    text = "\n".join(pages.values())
    whole, parts = everything()
    assert Counter(re.findall(r"^\.\. py:class:: (\w+)$", text, re.MULTILINE)) == Counter(whole)
    assert Counter(re.findall(r":message-field:`([\w.]+)`", text)) == Counter(parts)


def test_every_number_has_a_unit_or_is_of_those_that_have_none(reference: Reference) -> None:
    without = [
        f"{message.name}.{item.name}"
        for message in reference.messages.values()
        for item in message.field
        if reference.is_number(item) and not reference.unit(message.name, item) and not WITHOUT_UNIT.search(item.name)
    ]
    assert without == [], "say their unit in the comments of protos/, in words that docs/generators/schema.py knows"


@pytest.mark.parametrize(
    ("message", "field", "unit"),
    [
        ("ProtoOANewOrderReq", "volume", "1/100 of a unit"),
        ("ProtoOANewOrderReq", "limitPrice", "price"),
        ("ProtoOANewOrderReq", "relativeStopLoss", "price × 100 000"),
        ("ProtoOANewOrderReq", "expirationTimestamp", "ms since the epoch, UTC"),
        ("ProtoOATrader", "balance", "money, × 10^moneyDigits"),
        ("ProtoOASpotEvent", "bid", "price × 100 000"),
        ("ProtoOATrendbar", "utcTimestampInMinutes", "min since the epoch, UTC"),
        ("ProtoOAErrorRes", "maintenanceEndTimestamp", "s since the epoch, UTC"),
        ("ProtoErrorRes", "maintenanceEndTimestamp", "ms since the epoch, UTC"),
        ("ProtoOADynamicLeverageTier", "volume", "1/100 USD"),
        ("ProtoOATrader", "ctidTraderAccountId", ""),
    ],
)
def test_units(reference: Reference, message: str, field: str, unit: str) -> None:
    item = next(item for item in reference.messages[message].field if item.name == field)
    assert reference.unit(message, item) == unit


@pytest.mark.parametrize("kind", catalogue.REQUESTS.values(), ids=lambda kind: kind.name)
def test_a_request_says_how_it_is_asked_what_ends_it_and_how_often_it_may_be(
    pages: dict[str, str], kind: catalogue.RequestKind
) -> None:
    said = entry(pages, kind.name)
    assert f":Payload type: {kind.payload_type}" in said
    assert f"<ctrader_twisted.OpenApiClient.{kind.method_name}>" in said
    closed_by = re.search(r":Closed by: (.*)", said)
    assert closed_by is not None
    assert {*re.findall(r"messages\.(Proto\w+)`", closed_by[1])} >= {catalogue.name(n) for n in kind.closed_by}
    limit = "5 requests" if kind.historical else "50 requests"
    assert f":Limit: {limit}" in said


def test_codes_that_requests_can_be_refused_with_are_in_the_table(
    reference: Reference, table: dict[str, tuple[str, str, str, str]]
) -> None:
    named = {refusal.code for kind in catalogue.REQUESTS.values() for refusal in reference.refusals(kind.name)}
    assert len(named) > 40
    assert named <= table.keys()


def test_what_a_request_leads_to_is_an_event_which_says_so_too(reference: Reference, pages: dict[str, str]) -> None:
    leading = [(kind.name, event) for kind in catalogue.REQUESTS.values() for event in reference.leads_to(kind.name)]
    assert ("ProtoOASubscribeSpotsReq", "ProtoOASpotEvent") in leading
    for request, event in leading:
        assert catalogue.payload_type(getattr(schema, event)) in catalogue.EVENTS
        follows = re.search(r":Follows on: (.*)", entry(pages, event))
        assert follows is not None and f"{request}`" in follows[1]


def entry(pages: dict[str, str], name: str) -> str:
    text = "\n".join(pages.values())
    begin = text.index(f"\n.. py:class:: {name}\n")
    end = text.find("\n.. py:class:: ", begin + 1)
    return text[begin:end]


# --- error codes ------------------------------------------------------------------------------------------------------


def test_every_code_is_in_the_table_with_its_meaning_remedy_and_exception(
    table: dict[str, tuple[str, str, str, str]],
) -> None:
    of_the_schema = {*schema.ProtoErrorCode.__members__, *schema.ProtoOAErrorCode.__members__}
    mapped = {*known_codes.CLASSES_BY_CODE, *known_codes.ORDER_CLASSES_BY_CODE}
    assert table.keys() == of_the_schema | mapped | BESIDE_THE_SCHEMA
    for code, (meaning, remedy, exception, again) in table.items():
        assert all((meaning, remedy, exception, again)), code
        command = code in known_codes.ORDER_CLASSES_BY_CODE
        assert f".{errors.server_error_class(code, '', order_command=command).__name__}`" in exception


@pytest.mark.parametrize(
    "code", ["UNKNOWN_SYMBOL", "CONNECTIONS_LIMIT_EXCEEDED", "TRADING_BAD_VOLUME", "CANT_ROUTE_REQUEST"]
)
def test_the_remedy_in_the_table_is_the_one_of_the_error(code: str) -> None:
    command = code in known_codes.ORDER_CLASSES_BY_CODE
    error = errors.server_error_class(code, "", order_command=command)(code)
    assert error.remedy
    assert codes.remedy(code) == error.remedy


@pytest.mark.parametrize(
    ("code", "again"),
    [
        ("BLOCKED_PAYLOAD_TYPE", {"history", "account", "restoring", "flatten", "login"}),
        ("CH_ACCESS_TOKEN_INVALID", {"no"}),
        ("NOT_ENOUGH_MONEY", {"no"}),
        ("PENDING_EXECUTION", {"flatten"}),
        ("ALREADY_LOGGED_IN", {"no"}),
    ],
)
def test_what_is_tried_again(code: str, again: set[str]) -> None:
    assert {*re.findall(r"\w+", codes.again(code))} - {"and"} == again


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def _extras() -> None:
    for package in ("numpy", "matplotlib"):
        pytest.importorskip(package, reason=f"what needs {package} is a part of the API")


@pytest.mark.usefixtures("_extras")
def test_every_public_name_has_an_entry() -> None:
    shown = {(entry.module, entry.name) for page in api.entries().values() for entry in page}
    things = {id(entry.thing) for page in api.entries().values() for entry in page}
    # The rooms that the package's docstring sends its readers to; messages have a reference of their own, and the
    # daemon has no API.
    named = re.findall(r"`(ctrader_twisted\.[a-z_.]+)`", ctrader_twisted.__doc__ or "")
    rooms = {"ctrader_twisted", "ctrader_twisted.account", *named}
    rooms -= {"ctrader_twisted.messages", "ctrader_twisted.service"}
    assert len(rooms) > 8
    for room in rooms:
        module = importlib.import_module(room)
        missing = [
            name for name in module.__all__ if (room, name) not in shown and id(getattr(module, name)) not in things
        ]
        assert missing == [], room


@pytest.mark.usefixtures("_extras")
def test_what_is_inherited_from_something_without_an_entry_is_shown() -> None:
    text = api.pages()["api/client.rst"]
    members = re.search(r"autoclass:: ctrader_twisted\.OpenApiClient\n   :members: (.*)", text)
    assert members is not None
    assert {"request", "when_ready", "new_order"} <= {*members[1].split(", ")}


# --- the machines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [machine.CONNECTION_TABLE, machine.ACCOUNT_TABLE], ids=["connection", "account"])
def test_every_cell_of_a_machine_is_drawn_where_it_belongs(table: dict[Enum, dict[Enum, Enum]]) -> None:
    picture = ElementTree.fromstring(drawing.draw(table, "a machine"))
    svg = "{http://www.w3.org/2000/svg}"
    columns = [float(line.attrib["x1"]) for line in picture.iter(f"{svg}line") if line.attrib["class"] == "life"]
    heads = {float(text.attrib["x"]): [] for text in picture.iter(f"{svg}text") if text.attrib["class"] == "state"}
    for text in picture.iter(f"{svg}text"):
        if text.attrib["class"] == "state":
            heads[float(text.attrib["x"])].append(text.text or "")
    named = {" ".join(lines): x for x, lines in heads.items()}
    assert sorted(named.values()) == columns

    seen: dict[tuple[str, str], str] = {}
    for cell in (group for group in picture.iter(f"{svg}g") if group.attrib["class"] == "cell"):
        state, given, following = (cell.attrib[f"data-{part}"] for part in ("state", "input", "next"))
        assert (state, given) not in seen
        seen[state, given] = following
        way = cell.find(f"{svg}line")
        circle = cell.find(f"{svg}circle")
        assert circle is not None and float(circle.attrib["cx"]) == named[state]
        if way is None:
            assert following == state
        else:
            assert float(way.attrib["x1"]) == named[state]
            assert abs(float(way.attrib["x2"]) - named[following]) < 10
    assert seen == {
        (state.value, given.value): following.value for state, row in table.items() for given, following in row.items()
    }


def test_an_input_that_leads_to_two_states_has_two_rows() -> None:
    state, given = machine.ConnectionState, machine.ConnectionInput
    table = {
        state.CONNECTED: {given.LOST: state.DISCONNECTED},
        state.READY: {given.LOST: state.CLOSED},
        state.DISCONNECTED: {given.LOST: state.DISCONNECTED},
        state.CLOSED: {given.LOST: state.CLOSED},
    }
    assert [[cell.state for cell in row] for row in drawing.rows(table)] == [
        [state.CONNECTED, state.DISCONNECTED, state.CLOSED],
        [state.READY],
    ]


@pytest.mark.usefixtures("_extras")
def test_everything_that_is_made_says_where_it_comes_from(reference: Reference) -> None:
    made = {**messages.pages(reference), **codes.pages(reference), **api.pages()}
    assert len(made) > 20
    assert [path for path, text in made.items() if not text.startswith(".. Made at build time")] == []
