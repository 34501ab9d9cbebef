"""What a second reader found: user code that cancels, closes or comes back in the middle of something."""

from __future__ import annotations

import pytest

from ctrader_twisted import (
    AccountState,
    Application,
    ConnectionState,
    Environment,
    OpenApiClient,
    Ready,
    Subscription,
    messages,
)
from ctrader_twisted.errors import ClientClosed, ConnectionFailed, OutcomeUnknown, RequestNotSent
from ctrader_twisted.session.events import AccountChanged, Disconnected, Resynchronised
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.envelope import Envelope
from tests.shell.memory import ACCOUNT, TOKEN, Connector, Memory, names, outcome
from tests.shell.test_factory import error, reconnect

NOT_AUTHORISED = error("INVALID_REQUEST", description="Trading account is not authorized")


def order(m: Memory) -> object:
    return m.client.new_order(
        ctidTraderAccountId=ACCOUNT, symbolId=1, orderType="MARKET", tradeSide="BUY", volume=100_000
    )


def standing(m: Memory, *symbols: int, bars: bool = False) -> None:
    """Subscribe to spots, and to bars of the first symbol."""
    m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=symbols)
    (request,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=request)
    if bars:
        m.client.subscribe_live_trendbar(ctidTraderAccountId=ACCOUNT, symbolId=symbols[0], period=1)
        (request,) = m.sent()
        m.say(messages.ProtoOASubscribeLiveTrendbarRes(ctidTraderAccountId=ACCOUNT), to=request)


def reauthorised(m: Memory) -> None:
    """Accept the account's authorisation that the client sends by itself."""
    (auth,) = m.sent()
    assert names([auth]) == ["ProtoOAAccountAuthReq"]
    m.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=ACCOUNT), to=auth)


# Cancelling what has just ended


def test_whoever_is_told_of_a_loss_may_cancel_the_other_requests() -> None:
    m = Memory().ready()
    first, second, third = (m.client.trader(ctidTraderAccountId=ACCOUNT) for _ in range(3))
    m.sent()
    results = [outcome(second), outcome(third)]
    first.addErrback(lambda failure: second.cancel())
    m.end()
    for result in results:
        assert len(result) == 1 and isinstance(result[0], OutcomeUnknown)
    assert len(m.of(Disconnected)) == 1
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_whoever_is_told_of_a_time_out_may_cancel_what_runs_out_with_it() -> None:
    m = Memory(timeout=5).ready()
    first, second = (m.client.trader(ctidTraderAccountId=ACCOUNT) for _ in range(2))
    m.sent()
    result = outcome(second)
    first.addErrback(lambda failure: second.cancel())
    m.clock.advance(5)
    assert len(result) == 1 and isinstance(result[0], OutcomeUnknown)
    assert m.client.in_flight == 0


def test_an_order_that_is_cancelled_while_its_answer_is_delivered_ends_with_the_answer() -> None:
    m = Memory().ready()
    deferred = order(m)
    result = outcome(deferred)
    other = outcome(m.client.version())
    requests = m.sent()
    m.client.on(messages.ProtoOAExecutionEvent, lambda event: deferred.cancel())
    accepted = messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType="ORDER_ACCEPTED")
    version = messages.ProtoOAVersionRes(version="91")
    m.give(codec.pack(accepted, requests[0].client_msg_id), codec.pack(version, requests[1].client_msg_id))
    assert result == [accepted]
    assert other == [version]


def test_a_cancelled_authorisation_is_told_at_once() -> None:
    m = Memory().ready()
    deferred = m.client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken=TOKEN)
    outcome(deferred)
    m.sent()
    deferred.cancel()
    assert m.of(AccountChanged)[-1].state is AccountState.DROPPED


def test_a_reader_that_is_cancelled_while_its_stream_ends_is_no_trouble() -> None:
    m = Memory()
    stream = m.client.events(messages.ProtoOASpotEvent)
    first, second, third = stream.__anext__(), stream.__anext__(), stream.__anext__()
    results = [outcome(second), outcome(third)]
    first.addErrback(lambda failure: second.cancel())
    assert outcome(m.client.close()) == [None]
    assert [len(result) for result in results] == [1, 1]
    assert isinstance(results[1][0], StopAsyncIteration)


# Closing in the middle


def test_a_listener_of_the_authorisations_answer_may_close_the_client_for_good() -> None:
    m = Memory()
    m.client.on(Envelope, lambda envelope: m.client.close())
    m.accept()
    (auth,) = m.sent()
    m.say(messages.ProtoOAApplicationAuthRes(), to=auth)
    m.end()
    assert m.clock.getDelayedCalls() == []
    assert m.connector.attempts == 1


def test_a_listener_of_ready_may_close_the_client_and_nobody_is_told_it_is_ready() -> None:
    m = Memory()
    ready = outcome(m.client.when_ready())
    m.client.on(Ready, lambda event: m.client.close())
    m.ready()
    assert isinstance(ready[0], ClientClosed)
    m.end()
    assert m.clock.getDelayedCalls() == []


def test_a_closed_client_does_not_start() -> None:
    opened = []
    m = Memory()
    client = OpenApiClient(
        m.clock,
        Application("id", "secret"),
        Environment("test", "test.invalid"),
        opening=lambda factory: opened.append(factory) or Connector(factory),
    )
    assert outcome(client.close()) == [None]
    client.start()
    assert opened == []


def test_an_account_restored_by_hand_leaves_no_timer_behind() -> None:
    m = Memory().ready().authorised()
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    m.authorised()
    assert len(m.of(Resynchronised)) == 1
    m.client.close()
    m.end()
    assert m.clock.getDelayedCalls() == []


def test_a_peer_that_goes_on_talking_does_not_keep_a_connection_that_is_to_end() -> None:
    m = Memory(close_timeout=5).ready()
    m.say(messages.ProtoOAClientDisconnectEvent(reason="maintenance"))
    assert m.leaving and not m.transport.aborted
    for _ in range(5):
        m.say(messages.ProtoHeartbeatEvent())
        m.clock.advance(1)
    assert m.transport.aborted
    m.end(clean=False)
    assert "maintenance" in str(m.of(Disconnected)[0].reason)
    reconnect(m)
    assert m.client.state is ConnectionState.READY


def test_an_order_of_the_turn_in_which_the_connection_is_aborted_never_leaves() -> None:
    m = Memory(max_frame=1000).ready()
    result = outcome(order(m))
    m.protocol.dataReceived(m.raw(bytes(1001))[:8])
    assert m.sent() == []
    m.end()
    assert isinstance(result[0], RequestNotSent)


def test_what_is_asked_of_a_connection_that_is_to_end_never_leaves() -> None:
    m = Memory().ready()
    m.protocol.drop(ConnectionFailed("test", "leaving"))
    result = outcome(order(m))
    assert m.sent() == []
    m.end()
    assert isinstance(result[0], RequestNotSent)


def test_nothing_is_said_before_the_handshake_not_even_a_heartbeat() -> None:
    m = Memory(heartbeat_after=2)
    m.connect(tls=True)
    m.clock.pump([1] * 10)
    m.client.close()
    assert m.transport.value() == b""
    assert m.transport.disconnecting
    m.end()
    assert m.clock.getDelayedCalls() == []


# Restoring


def test_an_answer_that_denies_authority_brings_the_account_back() -> None:
    m = Memory(retry_after=1).ready().authorised()
    standing(m, 1)
    m.client.trader(ctidTraderAccountId=ACCOUNT).addErrback(lambda failure: None)
    (request,) = m.sent()
    m.say(NOT_AUTHORISED, to=request)
    assert m.client.account_state(ACCOUNT) is AccountState.DROPPED
    m.clock.advance(1)
    reauthorised(m)
    assert names(m.sent()) == ["ProtoOASubscribeSpotsReq"]


def test_an_answer_that_denies_the_application_brings_everything_back() -> None:
    m = Memory().ready().authorised()
    m.client.trader(ctidTraderAccountId=ACCOUNT).addErrback(lambda failure: None)
    (request,) = m.sent()
    m.say(error("CH_CLIENT_NOT_AUTHENTICATED"), to=request)
    assert m.client.state is ConnectionState.CONNECTED
    assert m.parted()
    m.end()
    reconnect(m)
    assert names(m.sent()) == ["ProtoOAAccountAuthReq"]


def test_a_logout_of_what_has_no_authority_is_not_undone() -> None:
    m = Memory().ready().authorised()
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda failure: None)
    (request,) = m.sent()
    m.say(NOT_AUTHORISED, to=request)
    m.clock.pump([1] * 20)
    assert m.sent() == []
    assert m.client.account_state(ACCOUNT) is AccountState.UNAUTHORISED


def test_nothing_is_called_resynchronised_whose_renewal_was_denied() -> None:
    m = Memory(retry_after=1).ready().authorised()
    standing(m, 1)
    m.end()
    reconnect(m)
    reauthorised(m)
    (spots,) = m.sent()
    m.say(NOT_AUTHORISED, to=spots)
    assert m.of(Resynchronised) == []
    m.clock.advance(1)
    reauthorised(m)
    (spots,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=spots)
    (event,) = m.of(Resynchronised)
    assert event.renewed == (Subscription("spots", 1),)


@pytest.mark.parametrize("code", ["ALREADY_SUBSCRIBED", "SYMBOL_NOT_FOUND"])
def test_one_symbol_that_is_refused_does_not_take_the_others_with_it(code: str) -> None:
    m = Memory().ready().authorised()
    standing(m, 1, 2, 3)
    m.end()
    reconnect(m)
    reauthorised(m)
    (together,) = m.sent()
    m.say(error(code), to=together)
    asked = []
    for _ in range(3):
        (request,) = m.sent()
        (symbol,) = codec.unpack(request).symbolId
        asked.append(symbol)
        m.say(
            error(code) if symbol == 2 else messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=request
        )
    assert asked == [1, 2, 3]
    (event,) = m.of(Resynchronised)
    stands = [1, 2, 3] if code == "ALREADY_SUBSCRIBED" else [1, 3]
    assert [subscription.symbol_id for subscription in event.renewed] == stands
    assert [subscription.symbol_id for subscription, _ in event.failed] == [s for s in (1, 2, 3) if s not in stands]


def test_an_account_lost_while_its_renewal_waits_is_renewed_from_the_beginning() -> None:
    m = Memory(retry_after=1).ready().authorised()
    standing(m, 1, bars=True)
    m.end()
    reconnect(m)
    reauthorised(m)
    (spots,) = m.sent()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=spots)
    (bars,) = m.sent()
    m.say(error("CH_SERVER_NOT_REACHABLE", retryAfter=7), to=bars)
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    m.clock.advance(1)
    reauthorised(m)
    (spots,) = m.sent()
    assert names([spots]) == ["ProtoOASubscribeSpotsReq"]
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=spots)
    (bars,) = m.sent()
    m.say(messages.ProtoOASubscribeLiveTrendbarRes(ctidTraderAccountId=ACCOUNT), to=bars)
    m.clock.pump([1] * 10)
    assert m.sent() == []  # the renewal that waited was given up
    (event,) = m.of(Resynchronised)
    assert event.renewed == (Subscription("spots", 1), Subscription("trendbars", 1, period=1))
    assert event.failed == ()


def test_a_stream_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no class"):
        Memory().client.events()
