"""`compat.Client` against the venue, in memory: what it does as 0.9.2 does it, and what it does better."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
from twisted.application.internet import ClientService
from twisted.application.service import IService, MultiService
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from ctrader_twisted.compat import Client, Protobuf, TcpProtocol
from ctrader_twisted.compat.messages.OpenApiCommonMessages_pb2 import ProtoHeartbeatEvent, ProtoMessage
from ctrader_twisted.compat.messages.OpenApiMessages_pb2 import (
    ProtoOAAccountAuthReq,
    ProtoOAApplicationAuthReq,
    ProtoOAApplicationAuthRes,
    ProtoOAAssetListReq,
    ProtoOADealListReq,
    ProtoOAErrorRes,
    ProtoOAExecutionEvent,
    ProtoOANewOrderReq,
    ProtoOASpotEvent,
    ProtoOASubscribeSpotsReq,
    ProtoOASymbolsListReq,
    ProtoOATraderReq,
    ProtoOAVersionReq,
)
from ctrader_twisted.compat.messages.OpenApiModelMessages_pb2 import (
    ORDER_ACCEPTED,
    ORDER_FILLED,
    ProtoOAOrderType,
    ProtoOATradeSide,
)
from ctrader_twisted.errors import (
    AnswerTimeout,
    ConnectionFailed,
    NotARequest,
    NotAuthorised,
    OutcomeUnknown,
    RequestNotSent,
    SendTimeout,
    ServerError,
)
from ctrader_twisted.sim.testing import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from tests.compat.joined import Joined, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twisted.logger import LogEvent

    from tests.conftest import LoggedErrors

TRADER = ProtoOATraderReq(ctidTraderAccountId=EUR_ACCOUNT)
APPLICATION = ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit


@pytest.fixture
def joined(kit: VenueKit) -> Iterator[Joined]:
    joined = Joined(kit).start()
    yield joined
    joined.stop()


def market_order(volume: int = 100_000) -> ProtoOANewOrderReq:
    return ProtoOANewOrderReq(
        ctidTraderAccountId=EUR_ACCOUNT,
        symbolId=1,
        orderType=ProtoOAOrderType.MARKET,
        tradeSide=ProtoOATradeSide.BUY,
        volume=volume,
    )


def silence(kit: VenueKit) -> None:
    """Let the venue answer nothing from now on: what is sent stays under way."""
    for link in kit.network.links:
        link.server.pauseProducing()


# As there


def test_an_answer_is_a_proto_message_that_can_be_extracted(joined: Joined) -> None:
    joined.authorise()
    answer = joined.kit.settle(joined.client.send(TRADER, clientMsgId="mine"))
    assert isinstance(answer, ProtoMessage)
    assert (answer.payloadType, answer.clientMsgId) == (2122, "mine")
    assert Protobuf.extract(answer).trader.ctidTraderAccountId == EUR_ACCOUNT
    assert Protobuf.extract(answer) == joined.received(type(Protobuf.extract(answer)))[0]


def test_a_message_is_sent_by_itself_by_name_by_short_name_and_by_number(joined: Joined) -> None:
    joined.authorise()
    for message in ("ProtoOATraderReq", "TraderReq", 2121):
        assert joined.ask(message, ctidTraderAccountId=EUR_ACCOUNT).trader.ctidTraderAccountId == EUR_ACCOUNT
    envelope = ProtoMessage(payloadType=2121, payload=TRADER.SerializeToString(), clientMsgId="whole")
    assert joined.kit.settle(joined.client.send(envelope)).clientMsgId == "whole"
    assert joined.kit.settle(joined.client.send(envelope.SerializeToString())).clientMsgId == "whole"
    with pytest.raises(IndexError, match="'Trader'"):
        joined.client.send("Trader")
    with pytest.raises(NotARequest):
        joined.client.send(object())


def test_the_callback_sees_everything_before_the_deferred_fires(joined: Joined) -> None:
    joined.authorise()
    joined.kit.advance(60)
    assert joined.received(ProtoHeartbeatEvent)
    seen: list[list[int]] = []
    answered = joined.client.send(ProtoOASubscribeSpotsReq(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[1]))
    answered.addCallback(lambda _: seen.append([one.payloadType for one in joined.messages]))
    joined.kit.advance(60)
    assert 2128 in seen[0]
    assert joined.received(ProtoOASpotEvent)


def test_the_fill_after_the_acceptance_carries_the_id_that_was_given(joined: Joined) -> None:
    joined.authorise()
    accepted = joined.ask(market_order(), clientMsgId="order 1")
    assert accepted.executionType == ORDER_ACCEPTED
    joined.kit.advance(1)
    filled = [
        one.clientMsgId
        for one in joined.messages
        if one.payloadType == ProtoOAExecutionEvent().payloadType
        and Protobuf.extract(one).executionType == ORDER_FILLED
    ]
    assert filled == ["order 1"]


def test_what_is_sent_before_there_is_a_connection_waits_for_it(kit: VenueKit) -> None:
    joined = Joined(kit)
    version = joined.client.send(ProtoOAVersionReq())
    request = ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret=CLIENT_SECRET)
    authorised = joined.client.send(request)
    request.clientId = "changed since"
    joined.start()
    assert Protobuf.extract(kit.settle(version)).version
    assert kit.settle(authorised).payloadType == ProtoOAApplicationAuthRes().payloadType
    joined.stop()


def test_requests_may_follow_the_authorisation_without_waiting_for_it(joined: Joined) -> None:
    client, token = joined.client, joined.kit.venue.registry.token_for(EUR_ACCOUNT)
    asked = [
        client.send(message)
        for message in (
            ProtoOAVersionReq(),
            APPLICATION,
            ProtoOAAccountAuthReq(ctidTraderAccountId=EUR_ACCOUNT, accessToken=token),
            TRADER,
        )
    ]
    assert [joined.kit.settle(one).payloadType for one in asked] == [2105, 2101, 2103, 2122]


def test_it_is_a_client_service(kit: VenueKit) -> None:
    joined = Joined(kit)
    client = joined.client
    parent = MultiService()
    client.setServiceParent(parent)  # type: ignore[arg-type]
    assert isinstance(client, ClientService) and IService.providedBy(client)
    assert not client.running and not client.isConnected
    waiting = client.whenConnected()
    parent.startService()
    client.startService()  # again
    kit.pump()
    assert client.running and client.isConnected and joined.told == ["connected"]
    assert isinstance(kit.settle(waiting), TcpProtocol)
    kit.settle(parent.stopService())
    assert not client.running and not client.isConnected
    assert joined.told == ["connected", "disconnected"]


def test_it_can_be_started_again(joined: Joined) -> None:
    joined.stop()
    joined.start().authorise()
    assert joined.told == ["connected", "disconnected", "connected"]


def test_it_is_connected_again_after_a_loss_at_the_retry_policys_pace(kit: VenueKit) -> None:
    attempts: list[int] = []

    def patience(attempt: int) -> float:
        attempts.append(attempt)
        return 7.0

    joined = Joined(kit, retryPolicy=patience).start()
    kit.refuse_connections()
    kit.cut()
    assert joined.told == ["connected", "disconnected"] and not joined.client.isConnected
    assert isinstance(joined.reasons[0], Failure) and joined.reasons[0].check(ConnectionFailed)
    kit.advance(7.5)
    kit.accept_connections()
    kit.advance(6)
    assert not joined.client.isConnected
    kit.advance(1)
    assert joined.told == ["connected", "disconnected", "connected"] and attempts == [1, 2]
    joined.authorise()
    joined.stop()


@pytest.fixture
def told() -> Iterator[list[tuple[LogLevel, str]]]:
    """What the client has logged of connections that can't be had, with its level."""
    events: list[tuple[LogLevel, str]] = []

    def observe(event: LogEvent) -> None:
        if event["log_namespace"] == "ctrader_twisted.compat.client":
            events.append((event["log_level"], formatEvent(event)))

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def test_a_program_that_never_connects_is_told_why_once(
    kit: VenueKit, told: list[tuple[LogLevel, str]], logged_errors: LoggedErrors
) -> None:
    """No callback is called before there is a connection, and what is not critical goes nowhere without a log."""
    kit.refuse_connections()
    joined = Joined(kit).start()
    refused = "venue:5035: the connection was refused: nothing listens there, or a firewall is in the way; trying again"
    assert told == [(LogLevel.critical, refused)]
    kit.advance(100)
    assert len(told) == 1 and not joined.told
    kit.accept_connections()
    kit.advance(1.5)
    kit.refuse_connections()
    kit.cut()
    kit.advance(100)
    assert told[1:] == [(LogLevel.warn, refused)]  # the next time: the callback has been told, too
    joined.stop()
    assert len(told) == 2
    logged_errors.flush()


def test_another_reason_is_told_as_well(
    kit: VenueKit, told: list[tuple[LogLevel, str]], logged_errors: LoggedErrors
) -> None:
    reasons = [DNSLookupError(), DNSLookupError(), ConnectionRefusedError(), DNSLookupError()]
    endpoint = SimpleNamespace(connect=lambda factory: fail(reasons.pop(0)))
    client = Client("venue", 5035, TcpProtocol, lambda _: 1.0, kit.clock, reactor=kit.clock, endpoint=endpoint)
    client.startService()
    kit.advance(3.5)
    unresolved = "venue:5035: the host name can't be resolved: check it, and this machine's DNS; trying again"
    assert [said for _, said in told] == [unresolved, ANY, unresolved] and "refused" in told[1][1]
    kit.settle(client.stopService())
    logged_errors.flush()


def test_a_preparation_that_fails_is_told(
    kit: VenueKit, told: list[tuple[LogLevel, str]], logged_errors: LoggedErrors
) -> None:
    wrong = ProtoOAApplicationAuthReq(clientId=CLIENT_ID, clientSecret="not the secret")
    joined = Joined(kit, prepareConnection=lambda protocol: joined.client.send(wrong))
    joined.start()
    kit.advance(10)
    assert len(told) == 1 and joined.told.count("connected") > 3
    assert "venue:5035: preparing the connection failed: " in told[0][1] and "CH_CLIENT_AUTH_FAILURE" in told[0][1]
    assert "not the secret" not in told[0][1]
    joined.stop()
    logged_errors.flush()


def test_a_connection_is_prepared_before_it_is_given_out(kit: VenueKit) -> None:
    gate: Deferred[None] = Deferred()
    prepared: list[object] = []

    def prepare(protocol: TcpProtocol) -> Deferred[None]:
        prepared.append(protocol)
        return joined.client.send(APPLICATION).addCallback(lambda _: gate)

    joined = Joined(kit, prepareConnection=prepare)
    waiting = joined.client.whenConnected()
    joined.start()
    kit.advance(1)
    assert len(prepared) == 1 and not waiting.called
    gate.callback(None)
    assert waiting.called
    joined.stop()


def test_a_connection_lost_while_it_is_prepared_is_made_anew(kit: VenueKit, logged_errors: LoggedErrors) -> None:
    asked: list[Deferred[object]] = []

    def prepare(protocol: TcpProtocol) -> Deferred[object]:
        asked.append(Deferred() if not asked else joined.client.send(APPLICATION))
        return asked[-1]

    joined = Joined(kit, prepareConnection=prepare)
    waiting = joined.client.whenConnected(failAfterFailures=1)
    joined.start()
    kit.cut()
    assert isinstance(failure_of(waiting), ConnectionFailed)
    assert asked[0].called, "nobody waits for it any more"
    kit.advance(2)
    assert isinstance(kit.settle(joined.client.whenConnected()), TcpProtocol)
    joined.stop()
    logged_errors.flush()


def test_a_connection_whose_preparation_fails_is_dropped_and_made_anew(
    kit: VenueKit, told: list[tuple[LogLevel, str]], logged_errors: LoggedErrors
) -> None:
    attempts: list[object] = []

    def prepare(protocol: TcpProtocol) -> None:
        attempts.append(protocol)
        if len(attempts) == 1:
            raise ZeroDivisionError

    joined = Joined(kit, prepareConnection=prepare)
    waiting = joined.client.whenConnected(failAfterFailures=1)
    asked = joined.client.send(APPLICATION)
    joined.start()
    assert isinstance(failure_of(waiting), ZeroDivisionError)
    error = failure_of(asked)
    assert type(error) is RequestNotSent and isinstance(error.__cause__, ZeroDivisionError)
    kit.advance(2)
    assert joined.told == ["connected", "disconnected", "connected"] and joined.client.isConnected
    assert [said for _, said in told] == [
        "venue:5035: preparing the connection failed: ZeroDivisionError(); trying again"
    ]
    joined.stop()
    logged_errors.flush()


def test_a_derived_protocol_is_used_and_may_send_by_itself(kit: VenueKit) -> None:
    lost: list[object] = []

    class Derived(TcpProtocol):
        def connectionLost(self, reason):  # type: ignore[no-untyped-def]
            super().connectionLost(reason)
            lost.append(reason)

    joined = Joined(kit, protocol=Derived).start()
    protocol = kit.settle(joined.client.whenConnected())
    assert type(protocol) is Derived and protocol.factory.client is joined.client
    protocol.send(APPLICATION, clientMsgId="by itself")
    protocol.send(ProtoOAVersionReq(), isCanceled=lambda: True)
    protocol.send(TRADER.SerializeToString() and ProtoMessage(payloadType=2121, payload=TRADER.SerializeToString()))
    kit.pump()
    assert [one.clientMsgId for one in joined.messages][0] == "by itself"
    assert [one.payloadType for one in joined.messages] == [2101, 2142]
    joined.stop()
    assert len(lost) == 1


def test_only_our_protocol_is_taken() -> None:
    with pytest.raises(TypeError, match="give TcpProtocol of ctrader_twisted.compat"):
        Client("localhost", 5035, object)  # type: ignore[arg-type]


# Mended


def test_an_answer_that_is_an_error_fails_the_deferred_and_is_shown_to_the_callback(joined: Joined) -> None:
    with pytest.raises(NotAuthorised) as caught:
        joined.ask(TRADER)
    assert isinstance(caught.value, ServerError) and caught.value.request == "ProtoOATraderReq"
    (shown,) = joined.received(ProtoOAErrorRes)
    assert shown.errorCode == caught.value.code


def test_a_refused_order_fails(joined: Joined) -> None:
    joined.authorise()
    with pytest.raises(ServerError):
        joined.ask(market_order(volume=1))


def test_nobody_is_left_waiting_when_the_line_drops(joined: Joined) -> None:
    joined.authorise()
    kit, client = joined.kit, joined.client
    silence(kit)
    sent = client.send(market_order())
    waiting = [client.send(ProtoOADealListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(6)]
    kit.pump()
    at = kit.clock.seconds()
    kit.cut()
    assert isinstance(failure_of(sent), OutcomeUnknown)
    errors = [failure_of(one) for one in waiting]
    assert [type(error) for error in errors[:5]] == [OutcomeUnknown] * 5
    assert type(errors[5]) is RequestNotSent
    assert kit.clock.seconds() == at


def test_nobody_is_left_waiting_when_the_client_is_stopped(joined: Joined) -> None:
    joined.authorise()
    silence(joined.kit)
    sent = joined.client.send(TRADER)
    joined.kit.pump()
    stopped = joined.client.stopService()
    assert isinstance(failure_of(sent), OutcomeUnknown)
    late = joined.client.send(TRADER)
    joined.kit.settle(stopped)
    assert isinstance(failure_of(late), RequestNotSent)
    assert isinstance(failure_of(joined.client.send(TRADER)), RequestNotSent)


def test_it_can_be_stopped_while_it_is_not_connected(kit: VenueKit, logged_errors: LoggedErrors) -> None:
    kit.refuse_connections()
    joined = Joined(kit).start()
    waiting = joined.client.send(APPLICATION)
    joined.stop()
    assert isinstance(failure_of(waiting), RequestNotSent)
    kit.accept_connections()
    kit.advance(60)
    assert joined.told == []
    logged_errors.flush()


def test_each_connection_has_a_queue_of_its_own(kit: VenueKit) -> None:
    first, second = Joined(kit).start().authorise(), Joined(kit).start().authorise()
    queued = [first.client.send(ProtoOADealListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(20)]
    at = kit.clock.seconds()
    second.ask(ProtoOADealListReq(ctidTraderAccountId=EUR_ACCOUNT))
    assert kit.clock.seconds() == at
    kit.cut()  # what waits does not go over the next connection
    assert {type(failure_of(one)) for one in queued[5:]} == {RequestNotSent}
    kit.advance(3)
    assert first.client.isConnected and not first.received(ProtoOAErrorRes)
    first.stop()
    second.stop()


def test_nothing_waits_for_a_tick_and_the_servers_limits_are_kept(joined: Joined) -> None:
    joined.authorise()
    kit, client = joined.kit, joined.client
    kit.advance(2)
    at = kit.clock.seconds()
    quick = [client.send(ProtoOAAssetListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(48)]
    kit.pump()
    assert all(one.called for one in quick) and kit.clock.seconds() == at
    asked = [client.send(ProtoOAAssetListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(100)]
    asked += [client.send(ProtoOADealListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(11)]
    kit.pump()
    assert sum(one.called for one in asked) == 2 + 5
    kit.advance(1.1)
    assert sum(one.called for one in asked) == 2 + 50 + 10
    kit.advance(2)
    assert all(one.called for one in asked) and not joined.received(ProtoOAErrorRes)


def test_fewer_a_second_if_that_is_wanted_and_never_more_than_the_server_allows(kit: VenueKit) -> None:
    joined = Joined(kit, numberOfMessagesToSendPerSecond=3).start().authorise()
    kit.advance(2)
    asked = [joined.client.send(ProtoOAAssetListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(6)]
    asked += [joined.client.send(ProtoOADealListReq(ctidTraderAccountId=EUR_ACCOUNT)) for _ in range(6)]
    kit.pump()
    assert sum(one.called for one in asked) == 6
    kit.advance(1.1)
    assert all(one.called for one in asked)
    joined.stop()
    assert Joined(kit, numberOfMessagesToSendPerSecond=1000).client.numberOfMessagesToSendPerSecond == 50
    with pytest.raises(ValueError, match="at least 1"):
        Joined(kit, numberOfMessagesToSendPerSecond=0)


def test_a_request_that_is_not_answered_in_time_says_so_in_twisteds_way_and_in_ours(joined: Joined) -> None:
    joined.authorise()
    silence(joined.kit)
    asked = joined.client.send(TRADER, responseTimeoutInSeconds=2)
    joined.kit.advance(1.9)
    assert not asked.called
    joined.kit.advance(0.2)
    error = failure_of(asked)
    assert isinstance(error, DeferredTimeout) and isinstance(error, AnswerTimeout) and isinstance(error, TimeoutError)
    assert "ProtoOATraderReq for account 1000001: no answer within 2 s" in str(error)


def test_a_request_that_waits_for_a_connection_runs_out_of_time_unsent(kit: VenueKit) -> None:
    joined = Joined(kit)
    asked = joined.client.send(APPLICATION, responseTimeoutInSeconds=3)
    kit.advance(3.1)
    error = failure_of(asked)
    assert isinstance(error, DeferredTimeout) and isinstance(error, SendTimeout)
    assert "startService was not called" in str(error)


def test_the_time_spent_waiting_for_a_connection_counts(kit: VenueKit) -> None:
    joined = Joined(kit)
    asked = joined.client.send(APPLICATION, responseTimeoutInSeconds=5)
    kit.advance(3)
    joined.client.setConnectedCallback(lambda client: silence(kit))
    joined.start()
    kit.advance(1.9)
    assert not asked.called
    kit.advance(0.2)
    assert isinstance(failure_of(asked), AnswerTimeout)
    joined.stop()


def test_a_request_that_finds_no_connection_says_why(kit: VenueKit, logged_errors: LoggedErrors) -> None:
    kit.refuse_connections()
    joined = Joined(kit)
    asked = joined.client.send(APPLICATION)
    joined.start()
    error = failure_of(asked)
    assert isinstance(error, RequestNotSent) and "refused" in str(error)
    joined.stop()
    logged_errors.flush()


def test_cancelling_says_what_became_of_the_request(joined: Joined) -> None:
    joined.authorise()
    silence(joined.kit)
    sent = joined.client.send(TRADER)
    joined.kit.pump()
    sent.cancel()
    error = failure_of(sent)
    assert isinstance(error, CancelledError) and isinstance(error, OutcomeUnknown)
    unsent = joined.client.send(TRADER)
    unsent.cancel()
    error = failure_of(unsent)
    assert isinstance(error, CancelledError) and isinstance(error, RequestNotSent)


def test_cancelling_before_there_is_a_connection_keeps_the_request_here(kit: VenueKit) -> None:
    joined = Joined(kit)
    asked = joined.client.send(APPLICATION)
    asked.cancel()
    error = failure_of(asked)
    assert isinstance(error, CancelledError) and isinstance(error, RequestNotSent)
    joined.start()
    kit.advance(1)
    assert joined.messages == []
    joined.stop()


def test_an_id_that_is_under_way_is_not_taken_twice(joined: Joined) -> None:
    joined.authorise()
    first = joined.client.send(TRADER, clientMsgId="again")
    second = joined.client.send(market_order(), clientMsgId="again")
    error = failure_of(second)
    assert isinstance(error, RequestNotSent) and "'again' may still come" in str(error)
    assert joined.kit.settle(first).payloadType == 2122
    assert joined.ask(TRADER, clientMsgId="again").trader.ctidTraderAccountId == EUR_ACCOUNT


def test_an_id_whose_answer_may_come_late_is_not_taken_either(joined: Joined) -> None:
    joined.authorise()
    silence(joined.kit)
    late = joined.client.send(TRADER, clientMsgId="slow", responseTimeoutInSeconds=1)
    joined.kit.advance(1.1)
    assert isinstance(failure_of(late), AnswerTimeout)
    assert isinstance(failure_of(joined.client.send(TRADER, clientMsgId="slow")), RequestNotSent)
    for link in joined.kit.network.links:
        link.server.resumeProducing()
    joined.kit.pump()
    assert joined.ask(TRADER, clientMsgId="slow").trader.ctidTraderAccountId == EUR_ACCOUNT


def test_a_callback_that_raises_costs_nothing_but_a_line_in_the_log(joined: Joined, logged_errors) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    joined.client.setMessageReceivedCallback(broken)
    joined.authorise()
    assert len(logged_errors.flush(ZeroDivisionError)) == 2
    joined.client.setConnectedCallback(broken)
    joined.client.setDisconnectedCallback(broken)
    joined.kit.cut()
    joined.kit.advance(2)
    assert joined.client.isConnected
    joined.client.setDisconnectedCallback(lambda *_: None)
    assert len(logged_errors.flush(ZeroDivisionError)) == 2


def test_a_heartbeat_is_sent_and_has_no_answer(joined: Joined) -> None:
    before = sum(link.client.writes for link in joined.kit.network.links)
    assert joined.kit.settle(joined.client.send(ProtoHeartbeatEvent())) is None
    assert sum(link.client.writes for link in joined.kit.network.links) == before + 1
    protocol = joined.kit.settle(joined.client.whenConnected())
    protocol.send(ProtoHeartbeatEvent(), instant=True)
    assert sum(link.client.writes for link in joined.kit.network.links) == before + 2


def test_the_connection_is_kept_alive_by_itself(joined: Joined) -> None:
    joined.authorise()
    joined.kit.advance(600)
    assert joined.told == ["connected"]


def test_an_application_that_was_cut_off_gets_a_new_connection(joined: Joined) -> None:
    joined.authorise()
    joined.kit.play("disconnect_client")
    joined.kit.advance(2)
    assert joined.told == ["connected", "disconnected", "connected"]
    joined.authorise()


def test_what_cannot_be_read_is_logged_and_costs_its_neighbours_nothing(joined: Joined) -> None:
    joined.authorise()
    said: list[str] = []

    def observe(event: Any) -> None:
        if event["log_level"] is LogLevel.warn:
            said.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    joined.kit.play("garbage")
    globalLogPublisher.removeObserver(observe)
    assert said and all(one.startswith("venue:5035: ") for one in said)
    assert joined.told == ["connected"]
    assert joined.ask(TRADER).trader.ctidTraderAccountId == EUR_ACCOUNT


def test_connections_that_end_at_once_are_made_ever_more_slowly(kit: VenueKit) -> None:
    joined = Joined(kit, retryPolicy=None).start()
    for _ in range(12):
        kit.cut()
        kit.advance(65)
        kit.pump()
    joined.told.clear()
    kit.cut()  # each of them stood for a while: the next comes soon
    kit.advance(3)
    assert joined.told == ["disconnected", "connected"]
    for _ in range(12):
        kit.cut()
        while not joined.client.isConnected:
            kit.advance(1)
    at = kit.clock.seconds()
    kit.cut()
    while not joined.client.isConnected:
        kit.advance(1)
    assert kit.clock.seconds() - at > 50
    joined.stop()


def test_symbols_can_be_listed_and_found(joined: Joined) -> None:
    joined.authorise()
    symbols = joined.ask(ProtoOASymbolsListReq(ctidTraderAccountId=EUR_ACCOUNT, includeArchivedSymbols=False))
    assert [one.symbolName for one in symbols.symbol if one.symbolName == "EURUSD"] == ["EURUSD"]
