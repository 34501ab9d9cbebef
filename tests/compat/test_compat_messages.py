"""Messages, enums and addresses under Spotware's names."""

from __future__ import annotations

import importlib
from enum import IntEnum

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

import ctrader_twisted.compat
from ctrader_twisted import messages
from ctrader_twisted.compat import Auth, EndPoints, Protobuf
from ctrader_twisted.compat.protobuf import as_message
from ctrader_twisted.errors import NotARequest
from ctrader_twisted.wire import catalogue

MODULES = ("OpenApiCommonMessages", "OpenApiCommonModelMessages", "OpenApiMessages", "OpenApiModelMessages")


def everything() -> dict[str, object]:
    """Give what the four star imports of the samples give."""
    names: dict[str, object] = {}
    for module in MODULES:
        exec(f"from ctrader_twisted.compat.messages.{module}_pb2 import *", names)
    return names


def test_every_message_and_enum_stands_in_the_module_of_its_file() -> None:
    pool = messages.ProtoMessage.DESCRIPTOR.file.pool
    for name in messages.__all__:
        ours = getattr(messages, name)
        is_enum = issubclass(ours, IntEnum)
        descriptor = pool.FindEnumTypeByName(name) if is_enum else ours.DESCRIPTOR
        module = importlib.import_module(
            f"ctrader_twisted.compat.messages.{descriptor.file.name.removesuffix('.proto')}_pb2"
        )
        assert module.DESCRIPTOR is descriptor.file or module.DESCRIPTOR.name == descriptor.file.name
        there = getattr(module, name)
        if not is_enum:
            assert there is ours
            continue
        assert dict(there.items()) == {one.name: one.value for one in ours}
        for one in ours:
            assert (there.Value(one.name), there.Name(one.value), getattr(there, one.name)) == (one, one.name, one)
            assert getattr(module, one.name) == one


def test_star_imports_bring_nothing_but_the_schemas_names() -> None:
    pool = messages.ProtoMessage.DESCRIPTOR.file.pool
    known = {*messages.__all__, "DESCRIPTOR", "__builtins__"}
    for name in messages.__all__:
        if issubclass(getattr(messages, name), IntEnum):
            known |= {value.name for value in pool.FindEnumTypeByName(name).values}
    assert set(everything()) == known


def test_an_enum_refuses_what_it_does_not_have() -> None:
    kinds: object = everything()["ProtoOAOrderType"]
    with pytest.raises(ValueError, match="NO_SUCH"):
        kinds.Value("NO_SUCH")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        kinds.NO_SUCH  # type: ignore[attr-defined]  # noqa: B018
    module = importlib.import_module("ctrader_twisted.compat.messages.OpenApiModelMessages_pb2")
    with pytest.raises(AttributeError):
        module.NO_SUCH  # noqa: B018


def test_every_message_is_found_by_number_name_and_short_name() -> None:
    for number, cls in catalogue.PARSERS.items():
        name = cls.DESCRIPTOR.name
        short = name.removeprefix("Proto").removeprefix("OA")
        assert type(Protobuf.get(number)) is type(Protobuf.get(name)) is cls
        assert Protobuf.get_type(name) == Protobuf.populate()[number]().payloadType == number
        if name != "ProtoErrorRes":
            assert type(Protobuf.get(short)) is cls
    assert Protobuf.get("TraderReq", ctidTraderAccountId=5).ctidTraderAccountId == 5


def test_what_there_is_none_of_is_said() -> None:
    with pytest.raises(IndexError, match="'Nothing'"):
        Protobuf.get("Nothing")
    assert Protobuf.get("Nothing", fail=False) is None
    with pytest.raises(ValueError, match="ProtoOATraderReq has no field 'account'"):
        Protobuf.get("TraderReq", account=5)
    with pytest.raises(TypeError, match=r"ProtoOATraderReq\.ctidTraderAccountId can't be 'x': it takes a whole number"):
        Protobuf.get("TraderReq", ctidTraderAccountId="x")
    with pytest.raises(IndexError, match="9999"):
        Protobuf.extract(messages.ProtoMessage(payloadType=9999))


def test_classes_of_another_pool_are_taken_for_what_they_are() -> None:
    file = FileDescriptorProto()
    messages.ProtoOATraderReq.DESCRIPTOR.file.CopyToProto(file)
    model = FileDescriptorProto()
    messages.ProtoOATrader.DESCRIPTOR.file.CopyToProto(model)
    pool = DescriptorPool()
    pool.AddSerializedFile(model.SerializeToString())
    pool.AddSerializedFile(file.SerializeToString())
    foreign = GetMessageClass(pool.FindMessageTypeByName("ProtoOATraderReq"))(ctidTraderAccountId=7)  # type: ignore[call-arg]
    assert not isinstance(foreign, messages.ProtoOATraderReq)
    assert as_message(foreign) == (messages.ProtoOATraderReq(ctidTraderAccountId=7), None)
    with pytest.raises(NotARequest):
        as_message(GetMessageClass(pool.FindMessageTypeByName("ProtoOATrader"))())


def test_addresses() -> None:
    assert EndPoints.PROTOBUF_LIVE_HOST == "live.ctraderapi.com"
    assert EndPoints.PROTOBUF_DEMO_HOST == "demo.ctraderapi.com"
    assert EndPoints.PROTOBUF_PORT == 5035
    assert EndPoints.TOKEN_URI == "https://openapi.ctrader.com/apps/token"
    auth = Auth("id", "secret", "http://localhost:8080/redirect?a=b&c=d")
    assert auth.getAuthUri() == (
        "https://openapi.ctrader.com/apps/auth?client_id=id"
        "&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fredirect%3Fa%3Db%26c%3Dd&scope=trading"
    )
    assert auth.getAuthUri("accounts", "https://x/").startswith("https://x/?client_id=id&")
    assert auth.getAuthUri("accounts").endswith("&scope=accounts")


def test_the_names_and_rooms_of_the_package() -> None:
    for room, name in (
        ("client", "Client"),
        ("protobuf", "Protobuf"),
        ("tcpProtocol", "TcpProtocol"),
        ("auth", "Auth"),
        ("endpoints", "EndPoints"),
        ("factory", "Factory"),
    ):
        there = getattr(importlib.import_module(f"ctrader_twisted.compat.{room}"), name)
        assert getattr(ctrader_twisted.compat, name, there) is there
