"""How requests of `compat.Client` end: by each kind of answer, cancelled, stopped and begun again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.compat import Protobuf
from ctrader_twisted.compat.endings import CancelledUnsent
from ctrader_twisted.compat.messages.OpenApiCommonMessages_pb2 import (
    ProtoErrorRes,
    ProtoHeartbeatEvent,
    ProtoMessage,
)
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import (
    ProtoOAApplicationAuthReq,
    ProtoOAApplicationAuthRes,
    ProtoOAErrorRes,
    ProtoOAExecutionEvent,
    ProtoOANewOrderReq,
    ProtoOAOrderErrorEvent,
    ProtoOATraderReq,
    ProtoOAVersionReq,
)
from ctrader_twisted.compat.messages.OpenApiModelMessages_pb2 import (
    BUY,
    MARKET,
    ORDER_ACCEPTED,
    ORDER_REJECTED,
    ORDER_STATUS_REJECTED,
)
from ctrader_twisted.errors import OrderRefused, RequestNotSent, ServerError
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from tests.compat.joined import Joined, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import LoggedErrors

TRADER = ProtoOATraderReq(ctidTraderAccountId=EUR_ACCOUNT)
APPLICATION = ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)
ORDER = ProtoOANewOrderReq(ctidTraderAccountId=EUR_ACCOUNT, symbolId=1, orderType=MARKET, tradeSide=BUY, volume=100_000)


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit


@pytest.fixture
def joined(kit: VenueKit) -> Iterator[Joined]:
    joined = Joined(kit).start()
    yield joined
    joined.stop()


def execution(kind: int, **more: Any) -> ProtoOAExecutionEvent:
    event = ProtoOAExecutionEvent(ctidTraderAccountId=EUR_ACCOUNT, executionType=kind, **more)
    event.order.orderId = 7
    event.order.tradeData.symbolId, event.order.tradeData.volume, event.order.tradeData.tradeSide = 1, 100_000, BUY
    event.order.orderType = MARKET
    event.order.orderStatus = ORDER_STATUS_REJECTED if kind == ORDER_REJECTED else 1
    return event


def answered(joined: Joined, answer: Any, request: Any = ORDER) -> Any:
    """Send a request, and let this be the answer; give the Deferred."""
    joined.authorise()
    for link in joined.kit.network.links:
        link.server.pauseProducing()
    asked = joined.client.send(request, clientMsgId="mine")
    joined.kit.pump()  # it leaves, and nobody reads it
    envelope = ProtoMessage(
        payloadType=answer.payloadType, payload=answer.SerializeToString(), clientMsgId="mine"
    ).SerializeToString()
    protocol = joined.client._protocol
    assert protocol is not None
    protocol.dataReceived(len(envelope).to_bytes(4, "big") + envelope)
    assert joined.messages[-1].payloadType == answer.payloadType  # it is shown in any case
    return asked


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (ProtoErrorRes(errorCode="UNSUPPORTED_MESSAGE", description="no"), ServerError, "UNSUPPORTED_MESSAGE"),
        (ProtoOAErrorRes(errorCode="TRADING_BAD_VOLUME", description="no"), OrderRefused, "TRADING_BAD_VOLUME"),
        (
            ProtoOAOrderErrorEvent(ctidTraderAccountId=EUR_ACCOUNT, errorCode="NOT_ENOUGH_MONEY"),
            OrderRefused,
            "NOT_ENOUGH_MONEY",
        ),
        (execution(ORDER_REJECTED, errorCode="MARKET_CLOSED"), OrderRefused, "MARKET_CLOSED"),
    ],
    ids=["common error", "error", "order error event", "execution event"],
)
def test_every_kind_of_refusal_of_an_order_fails(joined: Joined, answer: Any, kind: Any, code: str) -> None:
    error = failure_of(answered(joined, answer))
    assert isinstance(error, kind)
    assert error.code == code
    assert error.request == "ProtoOANewOrderReq"


def test_an_acceptance_succeeds(joined: Joined) -> None:
    asked = answered(joined, execution(ORDER_ACCEPTED))
    got: list[Any] = []
    asked.addCallback(got.append)
    assert got[0].clientMsgId == "mine"
    assert Protobuf.extract(got[0]).executionType == ORDER_ACCEPTED


def test_what_waits_for_a_connection_may_be_cancelled_by_what_waits_beside_it(
    kit: VenueKit, logged_errors: LoggedErrors
) -> None:
    kit.refuse_connections()
    joined = Joined(kit).start()
    first, second = joined.client.send(APPLICATION), joined.client.send(TRADER)
    first.addErrback(lambda _: second.cancel())
    joined.stop()
    assert first.result is None
    assert isinstance(failure_of(second), CancelledUnsent)
    logged_errors.flush()


def test_what_is_sent_after_a_new_start_waits_for_the_new_connection(joined: Joined) -> None:
    stopped = joined.client.stopService()
    assert not joined.client.isConnected
    joined.client.startService()
    asked = joined.client.send(APPLICATION)
    answer = joined.kit.settle(asked)
    assert answer.payloadType == ProtoOAApplicationAuthRes().payloadType
    joined.kit.settle(stopped)
    assert joined.told == ["connected", "disconnected", "connected"]


def test_it_may_be_stopped_by_who_is_told_of_the_connection(kit: VenueKit) -> None:
    joined = Joined(kit)
    stopped: list[Any] = []
    joined.client.setConnectedCallback(lambda client: stopped.append(client.stopService()))
    joined.start()
    assert stopped[0].called
    assert joined.told == ["disconnected"]
    kit.advance(60)
    assert len(stopped) == 1
    assert isinstance(failure_of(joined.client.send(TRADER)), RequestNotSent)


def test_applications_authorise_themselves_after_each_loss_and_nobody_else_does(kit: VenueKit) -> None:
    joined = Joined(kit)
    joined.client.setConnectedCallback(lambda client: client.send(APPLICATION))
    joined.start()
    for _ in range(2):
        kit.cut()
        kit.advance(5)
    assert len(joined.received(ProtoOAApplicationAuthRes)) == 3
    assert not joined.received(ProtoOAErrorRes)
    joined.stop()


def test_heartbeats_of_the_server_are_shown_to_the_callback(joined: Joined) -> None:
    joined.kit.advance(65)
    assert joined.received(ProtoHeartbeatEvent)


def test_an_id_serves_again_when_its_answer_has_come(joined: Joined) -> None:
    for _ in range(3):
        assert joined.kit.settle(joined.client.send(ProtoOAVersionReq(), clientMsgId="v")).clientMsgId == "v"


def test_an_id_that_is_no_text_is_refused_at_once_and_costs_nobody_else_anything(joined: Joined) -> None:
    with pytest.raises(TypeError, match="clientMsgId is 5: give text"):
        joined.client.send(ProtoOAVersionReq(), clientMsgId=5)  # type: ignore[arg-type]
    protocol = joined.client._protocol
    assert protocol is not None
    with pytest.raises(TypeError, match="clientMsgId is 5: give text"):
        protocol.send(ProtoOAVersionReq(), clientMsgId=5)  # type: ignore[arg-type]
    assert joined.ask(ProtoOAVersionReq()).version


def test_the_envelope_has_a_name_too() -> None:
    assert Protobuf.get("ProtoMessage", payloadType=51).payloadType == 51
    assert type(Protobuf.get("Message")) is ProtoMessage
