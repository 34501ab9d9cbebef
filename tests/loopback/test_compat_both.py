"""Spotware's own package and `ctrader_twisted.compat` in one process: each fault of the one, mended in the other.

The folder that holds ``ctrader_open_api`` 0.9.2 is named by the variable CTRADER_OPEN_API; ``ci/both.sh`` gets it. What
pip would install with it can't be installed beside this package, so it is unpacked without.
"""

from __future__ import annotations

import importlib
import os
import sys
from struct import pack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet import task
from twisted.internet.defer import Deferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python import threadable
from twisted.python.failure import Failure

import ctrader_twisted.compat as ours
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import ProtoOAErrorRes, ProtoOATraderReq, ProtoOAVersionReq
from ctrader_twisted.errors import CannotWait, NotAuthorised, OutcomeUnknown, RequestNotSent
from ctrader_twisted.messages import ProtoMessage
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from tests.compat.joined import Joined, failure_of
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.conftest import LoggedErrors

FOLDER = os.environ.get("CTRADER_OPEN_API", "")
MODULES = ("OpenApiCommonMessages", "OpenApiCommonModelMessages", "OpenApiMessages", "OpenApiModelMessages")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="CTRADER_OPEN_API names no folder with Spotware's package; ci/both.sh gets it"
)
if FOLDER:
    sys.path.append(FOLDER)


@pytest.fixture
def theirs() -> Any:
    package = importlib.import_module("ctrader_open_api")
    importlib.import_module("ctrader_open_api.auth")
    return package


@pytest_twisted.async_yield_fixture
async def venue() -> AsyncIterator[Venue]:
    from twisted.internet import reactor

    made = Venue(reactor)
    yield made
    await made.close()


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit


class Memory:
    """A client of their package whose connections are memory and whose time is a clock's."""

    def __init__(self, theirs: Any, clock: task.Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        def looping(function: Any) -> task.LoopingCall:
            call = task.LoopingCall(function)
            call.clock = clock
            return call

        module = sys.modules["ctrader_open_api.tcpProtocol"]
        monkeypatch.setattr(module, "task", SimpleNamespace(LoopingCall=looping))
        self.client = theirs.Client("localhost", 1, theirs.TcpProtocol)
        self.client._runningReactor = clock
        self.connect()

    def connect(self) -> None:
        factory = importlib.import_module("ctrader_open_api.factory").Factory.forProtocol(
            sys.modules["ctrader_open_api.tcpProtocol"].TcpProtocol, client=self.client
        )
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self.transport.clear()
        self.client.whenConnected = lambda failAfterFailures=None: succeed(self.protocol)  # noqa: N803

    def receive(self, message: ProtoMessage) -> None:
        data = message.SerializeToString()
        self.protocol.dataReceived(pack(">I", len(data)) + data)

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def clock() -> task.Clock:
    return task.Clock()


@pytest.fixture
def memory(theirs: Any, clock: task.Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    made = Memory(theirs, clock, monkeypatch)
    yield made
    if made.protocol._send_task.running:
        made.lose()
    made.protocol._send_queue.clear()


def test_both_are_there_and_know_nothing_of_each_other(theirs: Any) -> None:
    for name in ours.__all__:
        assert getattr(theirs, name) is not getattr(ours, name)
    there = importlib.import_module("ctrader_open_api.messages.OpenApiMessages_pb2").ProtoOATraderReq
    assert there is not ProtoOATraderReq
    assert there.FromString(ProtoOATraderReq(ctidTraderAccountId=5).SerializeToString()).ctidTraderAccountId == 5


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_theirs_is_there_and_means_the_same(theirs: Any, module: str) -> None:
    their_module = importlib.import_module(f"ctrader_open_api.messages.{module}_pb2")
    our_module = importlib.import_module(f"ctrader_twisted.compat.messages.{module}_pb2")
    names = [name for name in dir(their_module) if not name.startswith("_") and not name.endswith("__pb2")]
    assert len(names) >= 4
    for name in names:
        theirs_, ours_ = getattr(their_module, name), getattr(our_module, name)
        if isinstance(theirs_, int):
            assert ours_ == theirs_, name
        elif hasattr(theirs_, "items"):
            assert dict(theirs_.items()).items() <= dict(ours_.items()).items(), name
        elif name != "DESCRIPTOR":
            assert {f.name: f.number for f in theirs_.DESCRIPTOR.fields}.items() <= {
                f.name: f.number for f in ours_.DESCRIPTOR.fields
            }.items(), name


def test_messages_are_found_by_the_same_names(theirs: Any) -> None:
    theirs.Protobuf.populate()
    for name, number in theirs.Protobuf._names.items():
        if "Message" not in name:  # they take the envelope for a message of type 0
            assert ours.Protobuf.get_type(name) == number


def test_signatures_take_what_theirs_take(theirs: Any) -> None:
    inspect = importlib.import_module("inspect")
    for name in ours.__all__:
        for method, there in vars(getattr(theirs, name)).items():
            if not callable(there) or (method.startswith("_") and method != "__init__"):
                continue
            if name == "TcpProtocol" and method in ("stringReceived",):
                continue  # of Int32StringReceiver, which nothing of ours stands on
            if name == "TcpProtocol" and method == "__init__":
                continue
            our_names = list(inspect.signature(getattr(getattr(ours, name), method)).parameters)
            their_names = list(inspect.signature(there).parameters)
            assert our_names[: len(their_names)] == their_names, (name, method)


def test_a_message_of_theirs_may_be_sent_by_ours(theirs: Any, kit: VenueKit) -> None:
    module = importlib.import_module("ctrader_open_api.messages.OpenApiMessages_pb2")
    joined = Joined(kit).start()
    joined.ask(module.ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET))
    answer = kit.settle(joined.client.send(module.ProtoOAVersionReq()))
    assert theirs.Protobuf.extract(answer).version == ours.Protobuf.extract(answer).version
    joined.stop()


# Their faults, mended


def test_requests_wait_for_no_tick(memory: Memory, clock: task.Clock, kit: VenueKit) -> None:
    memory.client.send(memory_request("ProtoOAVersionReq")).addErrback(lambda _: None)
    clock.advance(0.9)
    assert memory.transport.value() == b""
    clock.advance(0.1)
    assert memory.transport.value() != b""
    clock.advance(5)

    joined = Joined(kit).start()
    asked = joined.client.send(ProtoOAVersionReq())
    kit.pump()
    assert asked.called and kit.clock.seconds() == 0
    joined.stop()


def test_queues_belong_to_one_connection(
    memory: Memory, theirs: Any, clock: task.Clock, kit: VenueKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(0.5)
    other = Memory(theirs, clock, monkeypatch)
    clock.advance(0.6)
    memory.client.send(memory_request("ProtoOAVersionReq")).addErrback(lambda _: None)
    clock.advance(0.5)
    assert memory.transport.value() == b""
    assert other.transport.value() != b""  # what was asked of one goes to the server of the other
    clock.advance(5)
    other.lose()

    first, second = Joined(kit).start(), Joined(kit).start()
    protocol: Any = kit.settle(second.client.whenConnected())
    written = protocol.transport.writes
    first.client.send(ProtoOAVersionReq())
    kit.pump()
    assert protocol.transport.writes == written
    first.stop()
    second.stop()


def test_errors_fail(memory: Memory, clock: task.Clock, kit: VenueKit) -> None:
    asked = memory.client.send(memory_request("ProtoOATraderReq", ctidTraderAccountId=EUR_ACCOUNT), clientMsgId="1")
    error = ProtoOAErrorRes(errorCode="CH_CLIENT_NOT_AUTHENTICATED").SerializeToString()
    memory.receive(ProtoMessage(payloadType=2142, payload=error, clientMsgId="1"))
    assert asked.result.payloadType == 2142  # a success, for whoever does not look closely

    joined = Joined(kit).start()
    asked = joined.client.send(ProtoOATraderReq(ctidTraderAccountId=EUR_ACCOUNT))
    kit.pump()
    assert isinstance(failure_of(asked), NotAuthorised)
    joined.stop()


def test_callers_are_told_when_the_line_drops(memory: Memory, clock: task.Clock, kit: VenueKit) -> None:
    asked = memory.client.send(memory_request("ProtoOAVersionReq"))
    clock.advance(1)
    memory.lose()
    clock.advance(3.9)
    assert not asked.called  # though no answer can come any more
    clock.advance(0.2)
    assert isinstance(failure_of(asked), DeferredTimeout)

    joined = Joined(kit).start()
    for link in kit.network.links:
        link.server.pauseProducing()
    asked = joined.client.send(ProtoOAVersionReq())
    kit.pump()
    kit.cut()
    assert isinstance(failure_of(asked), OutcomeUnknown)
    joined.stop()


def test_it_can_be_stopped_while_there_is_no_connection(
    theirs: Any, kit: VenueKit, logged_errors: LoggedErrors
) -> None:
    from twisted.internet import reactor

    there = theirs.Client("localhost", 1, theirs.TcpProtocol)
    there.running = True  # as it is while it tries to connect
    there.stopService()
    assert there.running
    assert not [call for call in reactor.getDelayedCalls() if "reconnect" in str(call)]

    kit.refuse_connections()
    joined = Joined(kit).start()
    joined.stop()
    assert not joined.client.running
    logged_errors.flush()


@over_sockets
async def test_certificates_are_verified(theirs: Any, venue: Venue, logged_errors: LoggedErrors) -> None:
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    connected: Deferred[None] = Deferred()
    disconnected: Deferred[None] = Deferred()
    there = theirs.Client("localhost", port, theirs.TcpProtocol)
    there.setConnectedCallback(lambda client: None)
    there.setMessageReceivedCallback(lambda client, message: connected.called or connected.callback(None))
    there.setDisconnectedCallback(lambda client, reason: disconnected.callback(None))
    version = importlib.import_module("ctrader_open_api.messages.OpenApiMessages_pb2").ProtoOAVersionReq()
    there.startService()
    await there.send(version)
    await connected  # to a server that nobody vouches for, which has been told everything by now
    there.stopService()
    await disconnected

    here = ours.Client("localhost", port, ours.TcpProtocol)
    asked = here.send(ProtoOAVersionReq())
    here.startService()
    with pytest.raises(RequestNotSent, match="its certificate is"):
        await asked
    await here.stopService()
    logged_errors.flush()


@over_sockets
async def test_no_http_is_waited_for_in_the_reactor(theirs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[bool] = []

    def get(url: str, params: dict[str, str]) -> Any:
        waited.append(threadable.isInIOThread())
        return SimpleNamespace(json=lambda: {})

    requests = sys.modules["ctrader_open_api.auth"].requests
    monkeypatch.setattr(requests, "get", get)
    theirs.Auth("id", "secret", "http://localhost/").getToken("code")
    assert waited == [True]

    with pytest.raises(CannotWait, match="getTokenDeferred"):
        ours.Auth("id", "secret", "http://localhost/").getToken("code")


def memory_request(name: str, **fields: Any) -> Any:
    return getattr(importlib.import_module("ctrader_open_api.messages.OpenApiMessages_pb2"), name)(**fields)
