"""protos/ is the published schema, has something to say about all of it, and the generated files were made from it."""

from __future__ import annotations

import importlib.util
import inspect
import json
import pickle
import re
import subprocess
import sys
import textwrap
from enum import IntEnum
from typing import TYPE_CHECKING, Any, get_args, get_origin

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message
from twisted.internet.defer import Deferred, succeed

from ctrader_twisted import messages
from ctrader_twisted.requests import RequestMethods
from tests.paths import ROOT, shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

METHODS = {
    "ProtoOAApplicationAuthReq": "application_auth",
    "ProtoOAAccountAuthReq": "account_auth",
    "ProtoOAVersionReq": "version",
    "ProtoOANewOrderReq": "new_order",
    "ProtoOACancelOrderReq": "cancel_order",
    "ProtoOAAmendOrderReq": "amend_order",
    "ProtoOAAmendPositionSLTPReq": "amend_position_sltp",
    "ProtoOAClosePositionReq": "close_position",
    "ProtoOAAssetListReq": "asset_list",
    "ProtoOASymbolsListReq": "symbols_list",
    "ProtoOASymbolByIdReq": "symbol_by_id",
    "ProtoOASymbolsForConversionReq": "symbols_for_conversion",
    "ProtoOAAssetClassListReq": "asset_class_list",
    "ProtoOATraderReq": "trader",
    "ProtoOAReconcileReq": "reconcile",
    "ProtoOADealListReq": "deal_list",
    "ProtoOAOrderListReq": "order_list",
    "ProtoOAExpectedMarginReq": "expected_margin",
    "ProtoOACashFlowHistoryListReq": "cash_flow_history_list",
    "ProtoOAGetAccountListByAccessTokenReq": "get_account_list_by_access_token",
    "ProtoOARefreshTokenReq": "refresh_token",
    "ProtoOASubscribeSpotsReq": "subscribe_spots",
    "ProtoOAUnsubscribeSpotsReq": "unsubscribe_spots",
    "ProtoOASubscribeLiveTrendbarReq": "subscribe_live_trendbar",
    "ProtoOAUnsubscribeLiveTrendbarReq": "unsubscribe_live_trendbar",
    "ProtoOAGetTrendbarsReq": "get_trendbars",
    "ProtoOAGetTickDataReq": "get_tick_data",
    "ProtoOAGetCtidProfileByTokenReq": "get_ctid_profile_by_token",
    "ProtoOASubscribeDepthQuotesReq": "subscribe_depth_quotes",
    "ProtoOAUnsubscribeDepthQuotesReq": "unsubscribe_depth_quotes",
    "ProtoOASymbolCategoryListReq": "symbol_category_list",
    "ProtoOAAccountLogoutReq": "account_logout",
    "ProtoOAMarginCallListReq": "margin_call_list",
    "ProtoOAMarginCallUpdateReq": "margin_call_update",
    "ProtoOAGetDynamicLeverageByIDReq": "get_dynamic_leverage_by_id",
    "ProtoOADealListByPositionIdReq": "deal_list_by_position_id",
    "ProtoOAOrderDetailsReq": "order_details",
    "ProtoOAOrderListByPositionIdReq": "order_list_by_position_id",
    "ProtoOADealOffsetListReq": "deal_offset_list",
    "ProtoOAGetPositionUnrealizedPnLReq": "get_position_unrealized_pnl",
}

ORDER_COMMANDS = {"new_order", "cancel_order", "amend_order", "amend_position_sltp", "close_position"}

COMPILED = ROOT / "ctrader_twisted" / "wire" / "schema" / "openapi.binpb"


def descriptors() -> list[FileDescriptorProto]:
    return list(FileDescriptorSet.FromString(COMPILED.read_bytes()).file)


def compiled_messages() -> dict[str, list[FieldDescriptorProto]]:
    return {message.name: list(message.field) for file in descriptors() for message in file.message_type}


def compiled_enums() -> dict[str, dict[str, int]]:
    return {
        enum.name: {value.name: value.number for value in enum.value}
        for file in descriptors()
        for enum in file.enum_type
    }


# --- against the published schema -------------------------------------------------------------------------------------


def described(field: FieldDescriptorProto) -> dict[str, Any]:
    """Say of a field what the schema file says, in its words."""
    said: dict[str, Any] = {
        "number": field.number,
        "name": field.name,
        "label": FieldDescriptorProto.Label.Name(field.label).removeprefix("LABEL_").lower(),
        "type": field.type_name.lstrip(".") or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower(),
    }
    if field.HasField("default_value"):
        said["default"] = field.default_value
    for option in ("deprecated", "packed"):
        if field.options.HasField(option):
            said[option] = getattr(field.options, option)
    return said


def published(field: dict[str, Any]) -> dict[str, Any]:
    """Write a default as descriptors do, which have a string for every type."""
    default = field.get("default")
    return field | {"default": str(default).lower()} if isinstance(default, bool) else field


@pytest.fixture(scope="module")
def schema_file() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(shared("open-api-schema.json").read_text("utf-8"))
    return read


def test_files_are_the_published_ones(schema_file: dict[str, Any]) -> None:
    ours = {file.name: sorted(file.dependency) for file in descriptors()}
    assert ours == {name: sorted(file["imports"]) for name, file in schema_file["files"].items()}
    assert {(file.syntax or "proto2", file.package) for file in descriptors()} == {
        (schema_file["syntax"], schema_file["package"])
    }


def test_every_thing_is_in_its_published_file(schema_file: dict[str, Any]) -> None:
    for file in descriptors():
        theirs = schema_file["files"][file.name]
        assert {message.name for message in file.message_type} == set(theirs["messages"])
        assert {enum.name for enum in file.enum_type} == set(theirs["enums"])


def test_enums_are_the_published_ones(schema_file: dict[str, Any]) -> None:
    theirs = {name: values for file in schema_file["files"].values() for name, values in file["enums"].items()}
    assert compiled_enums() == theirs
    # The first value is what an absent field without a default reads as.
    assert {name: next(iter(values)) for name, values in compiled_enums().items()} == {
        name: next(iter(values)) for name, values in theirs.items()
    }


def test_fields_are_the_published_ones(schema_file: dict[str, Any]) -> None:
    theirs = {
        f"{name}.{field['name']}": published(field)
        for file in schema_file["files"].values()
        for name, fields in file["messages"].items()
        for field in fields
    }
    ours = {
        f"{name}.{field.name}": described(field) for name, fields in compiled_messages().items() for field in fields
    }
    assert ours == theirs


def test_there_are_119_messages_and_29_enums() -> None:
    assert len(compiled_messages()) == 119
    assert len(compiled_enums()) == 29


# --- the comments -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generate() -> Iterator[ModuleType]:
    pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools, which compiles protos/, is not installed")
    spec = importlib.util.spec_from_file_location("protos_generate", ROOT / "protos" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


@pytest.fixture(scope="module")
def comments(generate: ModuleType) -> dict[str, str]:
    said: dict[str, str] = generate.read().comments
    return {name: " ".join(comment.split()) for name, comment in said.items()}


def words(text: str) -> set[str]:
    """Return the words of a sentence or of a name in camelCase or CAPITALS, without endings that change nothing."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ").lower()
    return {word.removesuffix("s") for word in re.findall(r"[a-z]+", split)}


EMPTY = words("The a an of or and to for in on at is was are be it its this that id ids message field value enum")


def says_nothing(name: str, comment: str) -> bool:
    """Whether a comment has no word that is not in the dotted name of what it is about."""
    return words(comment) - EMPTY <= words(name.replace("Proto", " ").replace("OA", " ").replace(".", " "))


@pytest.mark.parametrize(
    ("name", "comment", "nothing"),
    [
        ("ProtoOADeal.volume", "The volume.", True),
        ("ProtoOADeal.dealId", "The id of the deal.", True),
        ("ProtoOAOrderStatus.ORDER_STATUS_FILLED", "The order is filled.", True),
        ("ProtoOADeal.volume", "In hundredths of a unit.", False),
        ("ProtoOATradeSide.BUY", "Long.", False),
    ],
)
def test_a_comment_that_repeats_the_name_says_nothing(name: str, comment: str, nothing: bool) -> None:
    assert says_nothing(name, comment) is nothing


def test_everything_has_a_comment_that_says_something(comments: dict[str, str]) -> None:
    names = {name for name in (*compiled_messages(), *compiled_enums())}
    names |= {f"{name}.{field.name}" for name, fields in compiled_messages().items() for field in fields}
    names |= {f"{name}.{value}" for name, values in compiled_enums().items() for value in values}
    assert sorted(names - comments.keys()) == [], "without a comment"
    assert sorted(name for name in names if says_nothing(name, comments[name])) == [], "only repeating the name"


def test_the_comment_of_a_request_names_what_closes_it(generate: ModuleType) -> None:
    schema = generate.read()
    for request in schema.requests:
        *_, closing = generate.paragraphs(schema.comments[request.name])
        assert re.match(r"Closed by (\w+)", closing), request.name
        assert closing.split()[2].strip(".,:;") == schema.answer(request)


def test_the_comment_of_an_event_says_when_it_is_pushed(comments: dict[str, str]) -> None:
    # A heartbeat goes both ways.
    events = {name for name in compiled_messages() if name.endswith("Event")} - {"ProtoHeartbeatEvent"}
    assert [name for name in sorted(events) if not comments[name].startswith("Pushed ")] == []


# --- the generated files ----------------------------------------------------------------------------------------------


def test_generated_files_are_up_to_date(generate: ModuleType) -> None:
    assert generate.check() == [], generate.REMEDY


def test_a_stale_file_is_named_with_the_remedy(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    generate.write()
    generate.main(["--check"])
    (tmp_path / "ctrader_twisted" / "requests.py").write_text("edited by hand")
    (tmp_path / "ctrader_twisted" / "wire" / "schema" / "openapi.binpb").unlink()
    with pytest.raises(SystemExit) as exit:
        generate.main(["--check"])
    assert exit.value.code == (
        "stale: ctrader_twisted/wire/schema/openapi.binpb, ctrader_twisted/requests.py; run `make schema`"
    )


def test_messages_has_every_class_under_its_own_name() -> None:
    assert sorted(messages.__all__) == sorted([*compiled_messages(), *compiled_enums()])
    for name in compiled_messages():
        cls = getattr(messages, name)
        assert issubclass(cls, Message)
        assert (cls.__module__, cls.__name__, cls.DESCRIPTOR.full_name) == ("ctrader_twisted.messages", name, name)
        assert cls.__doc__


def test_enums_have_the_values_of_their_descriptors() -> None:
    for name, values in compiled_enums().items():
        enum = getattr(messages, name)
        assert issubclass(enum, IntEnum)
        assert {member: value.value for member, value in enum.__members__.items()} == values
        assert enum.__module__ == "ctrader_twisted.messages"


def test_messages_take_enums_as_member_number_or_name() -> None:
    for period in (messages.ProtoOATrendbarPeriod.H1, 9, "H1"):
        assert messages.ProtoOATrendbar(period=period).period == messages.ProtoOATrendbarPeriod.H1


def test_messages_and_enums_can_be_pickled() -> None:
    spot = messages.ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=2, trendbar=[messages.ProtoOATrendbar(volume=3)])
    assert pickle.loads(pickle.dumps(spot)) == spot
    assert pickle.loads(pickle.dumps(messages.ProtoOATradeSide.SELL)) is messages.ProtoOATradeSide.SELL


#: Another library's classes of the same names, from the same file names, one field unlike ours, in protobuf's own pool.
THEIRS = """
    from google.protobuf import descriptor_pool, message_factory
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    pool = descriptor_pool.Default()
    for file in FileDescriptorSet.FromString(open({compiled!r}, "rb").read()).file:
        for message in file.message_type:
            if message.name == "ProtoOAVersionRes":
                message.field[1].name = "theirVersion"
        pool.AddSerializedFile(file.SerializeToString())
    theirs = message_factory.GetMessageClass(pool.FindMessageTypeByName("ProtoOAVersionRes"))
"""
OURS = """
    from ctrader_twisted.messages import ProtoOAVersionRes as ours
"""
BOTH = """
    assert ours is not theirs
    sent = theirs(theirVersion="91").SerializeToString()
    assert ours.FromString(sent) == ours(version="91")
    assert [field.name for field in ours.DESCRIPTOR.fields] == ["payloadType", "version"]
    assert [field.name for field in theirs.DESCRIPTOR.fields] == ["payloadType", "theirVersion"]
"""


@pytest.mark.parametrize("order", [(THEIRS, OURS), (OURS, THEIRS)], ids=["theirs first", "ours first"])
def test_another_library_may_have_registered_the_same_names(order: tuple[str, str]) -> None:
    # In a process of its own: what the default pool has been given, it keeps.
    script = textwrap.dedent("".join(order).format(compiled=str(COMPILED)) + BOTH)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# --- the methods ------------------------------------------------------------------------------------------------------


class Recorder(RequestMethods):
    """Keeps what is sent, and answers at once with nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[Message, float | None]] = []

    def request(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:
        self.sent.append((message, timeout))
        return succeed(None)


def arguments(request: str) -> dict[str, FieldDescriptorProto]:
    return {field.name: field for field in compiled_messages()[request] if field.name != "payloadType"}


def test_there_is_a_method_for_each_of_the_forty_requests_and_no_other() -> None:
    assert METHODS.keys() == {name for name in compiled_messages() if name.endswith("Req")}
    assert len(METHODS) == 40
    public = {name for name in vars(RequestMethods) if not name.startswith("_")}
    assert public == {*METHODS.values(), "request"}


@pytest.mark.parametrize("request_name", METHODS)
def test_the_keywords_of_a_method_are_the_fields_of_its_request(request_name: str) -> None:
    parameters = inspect.signature(getattr(RequestMethods, METHODS[request_name])).parameters
    fields = arguments(request_name)
    assert set(parameters) == {"self", "timeout", *fields}
    assert all(each.kind is each.KEYWORD_ONLY for name, each in parameters.items() if name != "self")
    for name, field in fields.items():
        default = {
            field.LABEL_REQUIRED: inspect.Parameter.empty,
            field.LABEL_OPTIONAL: None,
            field.LABEL_REPEATED: (),
        }[field.label]
        assert parameters[name].default == default


@pytest.mark.parametrize("request_name", METHODS)
def test_a_method_promises_the_answer_that_its_request_is_closed_by(request_name: str) -> None:
    method = getattr(RequestMethods, METHODS[request_name])
    answer = (
        messages.ProtoOAExecutionEvent
        if METHODS[request_name] in ORDER_COMMANDS
        else getattr(messages, request_name.removesuffix("Req") + "Res")
    )
    promised = inspect.signature(method).return_annotation
    assert (get_origin(promised), get_args(promised)) == (Deferred, (answer,))
    assert f"Sends `{request_name}`; fires with `{answer.__name__}`." in " ".join(method.__doc__.split())


def sample(field: FieldDescriptorProto, number: int) -> Any:
    """Return a value that the field can have and that no other one of its message gets, where its type has so many."""
    if field.type == field.TYPE_MESSAGE:
        value: Any = messages.ProtoOAMarginCall(marginCallType=61, marginLevelThreshold=50.0)
    elif field.type == field.TYPE_ENUM:
        value = next(iter(getattr(messages, field.type_name.lstrip("."))))
    else:
        value = {field.TYPE_STRING: str(number), field.TYPE_BOOL: True, field.TYPE_DOUBLE: number / 2}.get(
            field.type, number
        )
    return [value] if field.label == field.LABEL_REPEATED else value


@pytest.mark.parametrize("request_name", METHODS)
def test_a_method_sends_what_it_was_given_and_nothing_else(request_name: str) -> None:
    client = Recorder()
    method = getattr(client, METHODS[request_name])
    given = {name: sample(field, number) for number, (name, field) in enumerate(arguments(request_name).items(), 1)}
    method(**given, timeout=2.5)
    needed = {
        name: given[name] for name, field in arguments(request_name).items() if field.label == field.LABEL_REQUIRED
    }
    method(**needed)
    (whole, timeout), (least, default) = client.sent
    assert (timeout, default) == (2.5, None)
    cls = getattr(messages, request_name)
    assert whole == cls(**given)
    assert {field.name for field, _ in whole.ListFields()} == set(given)
    assert least.IsInitialized()
    assert {field.name for field, _ in least.ListFields()} == set(needed)
