"""The conversation as a whole: how requests end, what losses mean, what stands after them, and that nothing is kept."""

from __future__ import annotations

import gc
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AnswerTimeout,
    ApplicationRefused,
    IncompleteMessage,
    IncompletePayload,
    NotARequest,
    NotEnoughMoney,
    OpenApiError,
    OrderRefused,
    OutcomeUnknown,
    QueueFull,
    RateLimited,
    RequestNotSent,
    SendTimeout,
    UndecodableEnvelope,
    UndecodablePayload,
)
from ctrader_twisted.session.correlation import Request, Settled
from ctrader_twisted.session.events import LateRefresh, LateRefusal, Problem
from ctrader_twisted.session.machine import AccountState, ConnectionState
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.session.session import Session
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from tests.session.conversation import (
    ACCEPTED,
    ACCOUNT,
    APPLICATION_AUTH,
    AUTHORISED,
    CUT,
    FILLED,
    HISTORY,
    LOGOUT,
    NEW_ORDER,
    OTHER,
    PREFIX,
    SECRET,
    SPOT,
    TOKEN,
    TRADER,
    TRADER_RES,
    VERSION,
    Talk,
    account_auth,
    application_cut,
    changes,
    filled,
    refusal,
    reply,
    spots,
    standing,
    token_invalidated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message


# Becoming ready


def test_the_way_to_ready() -> None:
    talk = Talk()
    session = talk.session
    assert session.state is ConnectionState.DISCONNECTED
    talk.connect()
    assert session.state is ConnectionState.CONNECTED
    request = talk.ask(APPLICATION_AUTH)
    assert request.sent
    assert session.state is ConnectionState.AUTHORISING
    assert talk.sent() == [request.envelope]
    settled = talk.answer(request, messages.ProtoOAApplicationAuthRes())
    assert isinstance(settled.result, messages.ProtoOAApplicationAuthRes)
    assert session.state is ConnectionState.READY


@pytest.mark.parametrize("message", [VERSION, TRADER, NEW_ORDER, account_auth()], ids=lambda m: m.DESCRIPTOR.name)
def test_before_ready_nothing_but_the_applications_authorisation_leaves(message: Message) -> None:
    talk = Talk()
    with pytest.raises(RequestNotSent, match="the session is disconnected, not ready"):
        talk.ask(message)
    talk.connect()
    with pytest.raises(RequestNotSent, match="the session is connected, not ready"):
        talk.ask(message)
    talk.ask(APPLICATION_AUTH)
    with pytest.raises(RequestNotSent, match="the session is authorising, not ready") as caught:
        talk.ask(message)
    assert caught.value.request == message.DESCRIPTOR.name
    assert caught.value.account_id == (None if message is VERSION else ACCOUNT)
    assert talk.session.in_flight == 1


def test_the_application_can_not_be_authorised_without_a_connection() -> None:
    with pytest.raises(RequestNotSent, match="disconnected"):
        Talk().ask(APPLICATION_AUTH)


@pytest.mark.parametrize(
    ("code", "cls", "state"),
    [
        ("CH_CLIENT_AUTH_FAILURE", ApplicationRefused, ConnectionState.REFUSED),
        ("CH_OA_CLIENT_NOT_FOUND", ApplicationRefused, ConnectionState.REFUSED),
        ("SERVER_IS_UNDER_MAINTENANCE", OpenApiError, ConnectionState.CONNECTED),
        ("ODD", OpenApiError, ConnectionState.CONNECTED),
    ],
)
def test_a_refused_application_is_not_one_that_could_not_be_asked_about(
    code: str, cls: type, state: ConnectionState
) -> None:
    talk = Talk().connect()
    settled = talk.answer(talk.ask(APPLICATION_AUTH), refusal(code))
    assert isinstance(settled.result, cls)
    assert talk.session.state is state
    talk.session.lost(talk.now, "closed")
    expected = state if state is ConnectionState.REFUSED else ConnectionState.DISCONNECTED
    assert talk.session.state is expected


@pytest.mark.parametrize("code", ["ALREADY_LOGGED_IN", "CH_CLIENT_ALREADY_AUTHENTICATED"])
def test_an_application_that_is_authorised_already_is_ready(code: str) -> None:
    talk = Talk().connect()
    settled = talk.answer(talk.ask(APPLICATION_AUTH), refusal(code))
    assert isinstance(settled.result, messages.ProtoOAApplicationAuthRes)
    assert talk.session.state is ConnectionState.READY


def test_an_application_whose_authorisation_is_not_answered_is_not_ready() -> None:
    talk = Talk().connect()
    request = talk.ask(APPLICATION_AUTH, timeout=5)
    talk.sent()
    (settled,) = talk.tick(5)
    assert isinstance(settled.result, AnswerTimeout)
    assert talk.session.state is ConnectionState.CONNECTED
    talk.hear(reply(request, messages.ProtoOAApplicationAuthRes()))
    assert talk.session.state is ConnectionState.CONNECTED  # whoever waited has given this connection up


# Requests


def test_ids_are_prefixed_and_never_repeated() -> None:
    talk = Talk(Limits(general=None)).ready()
    keys = []
    for _ in range(300):
        keys.append(talk.ask(VERSION).envelope.client_msg_id)
    talk.session.lost(talk.now, "cut")
    talk.ready()
    keys += [talk.ask(VERSION).envelope.client_msg_id for _ in range(300)]
    assert all(key and key.startswith(PREFIX) for key in keys)
    assert len(set(keys)) == len(keys) == 600


@pytest.mark.parametrize("kind", catalogue.REQUESTS.values(), ids=lambda kind: kind.method_name)
def test_every_request_is_ended_by_everything_that_closes_it_and_by_nothing_else(kind: catalogue.RequestKind) -> None:
    for number in catalogue.PARSERS:
        talk = Talk().ready()
        request = talk.ask(filled(kind.message_class))
        talk.sent()
        item, *caught = talk.hear(reply(request, filled(catalogue.PARSERS[number])))
        if catalogue.PARSERS[number] is messages.ProtoOAClientDisconnectEvent and kind.method_name not in LASTING:
            assert [ended.result.__class__ for ended in caught if isinstance(ended, Settled)] == [OutcomeUnknown]
            continue
        assert caught == []
        if number in kind.closed_by:
            assert isinstance(item, Settled)
            assert item.request is request
            assert talk.session.in_flight == 0
        else:
            assert isinstance(item, Envelope)
            assert talk.session.in_flight == 1


LASTING = ("application_auth", "refresh_token")
"""Requests that the end of the application's session does not take along."""


@pytest.mark.parametrize("cls", [SPOT, TRADER_RES, messages.ProtoOATrader(), messages.ProtoMessage()], ids=type)
def test_what_no_answer_would_close_is_not_asked(cls: Message) -> None:
    with pytest.raises(NotARequest) as caught:
        Talk().ready().ask(cls)
    assert caught.value.what == type(cls).__name__


def test_an_incomplete_request_is_not_sent() -> None:
    talk = Talk().ready()
    with pytest.raises(IncompleteMessage) as caught:
        talk.ask(messages.ProtoOATraderReq())
    assert caught.value.missing == ("ctidTraderAccountId",)
    assert (talk.session.in_flight, talk.sent()) == (0, [])


def test_an_answer_comes_back_in_the_place_of_its_envelope() -> None:
    talk = Talk().ready()
    request = talk.ask(TRADER, waiter="whoever asked")
    assert talk.sent() == [request.envelope]
    before, settled, after = talk.hear(SPOT, reply(request, TRADER_RES), SPOT)
    assert before == after == codec.pack(SPOT)
    assert isinstance(settled, Settled)
    assert settled.request is request
    assert settled.request.waiter == "whoever asked"
    assert settled.result == TRADER_RES
    assert settled.envelope == reply(request, TRADER_RES)
    assert talk.session.in_flight == 0


def test_a_refusal_names_its_request_and_account() -> None:
    talk = Talk().standing()
    settled = talk.answer(talk.ask(NEW_ORDER), refusal("NOT_ENOUGH_MONEY", "no"))
    assert isinstance(settled.result, OrderRefused)
    assert (settled.result.request, settled.result.account_id) == ("ProtoOANewOrderReq", ACCOUNT)


def test_an_answer_that_can_not_be_read_ends_its_request_and_no_other() -> None:
    talk = Talk().ready()
    first, second = talk.ask(TRADER), talk.ask(TRADER)
    talk.sent()
    bad = Envelope(2122, b"\xff\xff", first.envelope.client_msg_id)
    one, two = talk.hear(bad, reply(second, TRADER_RES))
    assert isinstance(one, Settled)
    assert isinstance(one.result, OutcomeUnknown)
    assert isinstance(two, Settled)
    assert two.result == TRADER_RES


def test_a_run_of_events_passes_whole_and_a_run_of_answers_does_not() -> None:
    talk = Talk().ready()
    run = Burst(2131, [SPOT.SerializeToString()] * 3)
    assert talk.hear(run) == [run]
    errors = Burst(2142, [refusal("ODD").SerializeToString()] * 2)
    assert talk.hear(errors) == [Envelope(2142, payload) for payload in errors.payloads]
    assert talk.session.counts["unasked"] == 2


# Events and ids


def test_an_execution_event_of_another_client_is_an_event() -> None:
    talk = Talk().standing()
    request = talk.ask(NEW_ORDER)
    talk.sent()
    foreign = [codec.pack(ACCEPTED, key) for key in ("cm_id_2", "0f6a-1", "", f"{request.envelope.client_msg_id}0")]
    assert talk.hear(*foreign) == foreign
    assert talk.session.in_flight == 1
    assert talk.session.counts == {}


def test_what_follows_the_first_answer_to_an_order_is_an_event() -> None:
    talk = Talk().standing()
    request = talk.ask(NEW_ORDER)
    talk.sent()
    first, second = talk.hear(reply(request, ACCEPTED), reply(request, FILLED))
    assert isinstance(first, Settled)
    assert first.result == ACCEPTED
    assert second == reply(request, FILLED)
    assert talk.session.counts == {}


def test_a_second_answer_under_one_id_is_passed_on_and_counted() -> None:
    talk = Talk().ready()
    request = talk.ask(TRADER)
    talk.sent()
    first, second = talk.hear(reply(request, TRADER_RES), reply(request, TRADER_RES))
    assert isinstance(first, Settled)
    assert second == reply(request, TRADER_RES)
    assert talk.session.counts == {"late": 1}
    assert talk.hear(reply(request, refusal("ODD"))) == [reply(request, refusal("ODD"))]
    assert talk.session.counts == {"late": 2}


@pytest.mark.parametrize("key", [None, "", "cm_id_2", "5e55", "5e5-1"])
def test_an_answer_that_nobody_asked_for_is_passed_on_and_counted(key: str | None) -> None:
    talk = Talk().ready()
    unasked = [codec.pack(TRADER_RES, key), codec.pack(refusal("ODD"), key)]
    assert talk.hear(*unasked) == unasked
    assert talk.session.counts == {"unasked": 2}


@pytest.mark.parametrize("general", [1, 2], ids=["waits its turn", "is to leave"])
@pytest.mark.parametrize("message", [FILLED, refusal("ODD")], ids=["accepted", "refused"])
def test_what_comes_under_the_id_of_a_request_that_has_not_left_is_no_answer_to_it(
    message: Message, general: int
) -> None:
    talk = Talk(Limits(general=general)).standing()
    first = talk.ask(NEW_ORDER)
    talk.sent()
    arrived = [reply(first, ACCEPTED)]
    items = talk.session.received(arrived, talk.now)
    assert isinstance(next(items), Settled)
    second = talk.ask(NEW_ORDER)  # as a listener does, who hears of the first
    assert second.sent is (general == 2)
    arrived.append(reply(second, message))
    assert list(items) == [arrived[1]]
    talk.tick(1.06)
    assert talk.sent() == [second.envelope]
    assert talk.answer(second, ACCEPTED).result == ACCEPTED


def test_the_refusal_of_a_connection_ends_an_authorisation_that_has_not_left() -> None:
    talk = Talk().connect()
    request = talk.ask(APPLICATION_AUTH)
    (settled,) = talk.session.received([codec.pack(refusal("CONNECTIONS_LIMIT_EXCEEDED"))], talk.now)
    assert isinstance(settled, Settled) and settled.request is request
    assert talk.sent() == []


def test_what_is_unknown_passes_through() -> None:
    talk = Talk().ready()
    strange = [Envelope(9999, b"\xff", "id"), Envelope(5, b""), Envelope(51)]
    assert talk.hear(*strange) == strange
    assert talk.session.counts == {}


def test_received_is_lazy() -> None:
    talk = Talk().standing()
    request = talk.ask(TRADER)
    talk.sent()
    arriving = iter(talk.session.received([codec.pack(SPOT), codec.pack(CUT), reply(request, TRADER_RES)], talk.now))
    assert next(arriving) == codec.pack(SPOT)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED
    assert next(arriving) == codec.pack(CUT)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED
    arriving.close()  # type: ignore[attr-defined]
    assert talk.session.in_flight == 1
    (ended,) = talk.session.lost(talk.now, "the reader stopped")
    assert isinstance(ended.result, OutcomeUnknown)


def test_received_takes_any_iterable_and_reads_no_further_than_it_is_asked() -> None:
    talk = Talk().ready()
    taken = []

    def arriving() -> Iterator[Envelope]:
        for number in range(3):
            taken.append(number)
            yield Envelope(51)

    items = talk.session.received(arriving(), talk.now)
    next(items)
    assert taken == [0]


# Time


def test_a_request_that_is_not_answered_in_time() -> None:
    talk = Talk().ready()
    request = talk.ask(TRADER, timeout=2.5)
    talk.sent()
    assert talk.session.next_due(talk.now) == talk.now + 2.5
    assert talk.tick(2.499) == []
    (settled,) = talk.tick(0.001)
    assert (settled.request, settled.envelope) == (request, None)
    error = settled.result
    assert isinstance(error, AnswerTimeout)
    assert isinstance(error, TimeoutError)
    assert str(error) == (
        f"ProtoOATraderReq for account {ACCOUNT}: no answer within 2.5 s; "
        "it was sent, its outcome is unknown: reconcile before repeating it"
    )
    assert talk.session.next_due(talk.now) is None
    assert talk.tick(100) == []


def test_a_request_whose_time_runs_out_in_the_queue_is_never_sent() -> None:
    talk = Talk(Limits(general=1)).ready()
    talk.ask(TRADER, timeout=60)
    waiting = talk.ask(TRADER, timeout=0.5)
    assert not waiting.sent
    assert len(talk.session.outbox.queue(talk.now)) == 1
    talk.sent()
    (settled,) = talk.tick(0.5)
    assert settled.request is waiting
    assert isinstance(settled.result, SendTimeout)
    assert str(settled.result).endswith("not sent within 0.5 s; it was never sent and may be repeated")
    assert len(talk.session.outbox.queue(talk.now)) == 0
    talk.tick(5)
    assert talk.sent() == []


def test_a_request_that_nobody_fetched_when_its_turn_came_says_so_when_its_time_is_over() -> None:
    talk = Talk().ready()
    waiting = talk.ask(TRADER, timeout=0.5)
    assert waiting.sent
    (settled,) = talk.tick(0.5)
    assert isinstance(settled.result, SendTimeout)
    assert str(settled.result).endswith("not sent within 0.5 s; it was never sent and may be repeated")
    assert talk.sent() == []


def test_what_is_due_to_expire_does_not_leave_first() -> None:
    talk = Talk(Limits(general=1)).ready()
    talk.ask(TRADER, timeout=60)
    talk.ask(TRADER, timeout=2)
    talk.sent()
    (settled,) = talk.tick(2)  # its turn had come, too
    assert isinstance(settled.result, SendTimeout)
    assert talk.sent() == []


def test_the_turn_of_a_waiting_request() -> None:
    talk = Talk(Limits(general=2)).ready()
    requests = [talk.ask(TRADER, timeout=60) for _ in range(5)]
    assert [request.sent for request in requests] == [True, True, False, False, False]
    assert len(talk.sent()) == 2
    for expected in (2, 1):
        due = talk.session.next_due(talk.now)
        assert due is not None
        assert 1.0 < due - talk.now < 1.1
        talk.now = due
        assert talk.tick() == []
        assert len(talk.sent()) == expected
    assert all(request.sent for request in requests)
    assert talk.session.next_due(talk.now) == requests[0].deadline


def test_next_due_is_the_earlier_of_deadline_and_turn() -> None:
    talk = Talk(Limits(general=1)).ready()
    assert talk.session.next_due(talk.now) is None
    talk.ask(TRADER, timeout=0.5)
    assert talk.session.next_due(talk.now) == talk.now + 0.5
    talk.ask(TRADER, timeout=60)
    assert talk.session.next_due(talk.now) == talk.now + 0.5
    talk.tick(0.5)
    due = talk.session.next_due(talk.now)
    assert due is not None and due < talk.now + 1


def test_commands_overtake_data_and_history_has_a_limit_of_its_own() -> None:
    talk = Talk(Limits(general=1, historical=1)).standing()
    asked = [talk.ask(message, timeout=60) for message in (TRADER, TRADER, HISTORY, HISTORY, NEW_ORDER)]
    assert [request.sent for request in asked] == [True, False, True, False, False]
    queue = talk.session.outbox.queue(talk.now)
    assert (queue.orders, queue.data, queue.historical, len(queue)) == (1, 1, 1, 3)
    assert len(talk.sent()) == 2
    talk.tick(1.06)
    assert [envelope.payload_type for envelope in talk.sent()] == [2106, 2137]
    talk.tick(1.06)
    assert [envelope.payload_type for envelope in talk.sent()] == [2121]


def test_authorisations_wait_their_turn_before_data_and_are_never_one_too_many() -> None:
    talk = Talk(Limits(general=1, queue=1)).ready()
    talk.ask(TRADER)
    last = talk.ask(TRADER, timeout=60)
    with pytest.raises(QueueFull) as caught:
        talk.ask(TRADER)
    assert str(caught.value) == (
        f"ProtoOATraderReq for account {ACCOUNT}: 1 requests wait already; it was never sent and may be repeated"
    )
    assert isinstance(caught.value, RequestNotSent)
    auth, refresh = talk.ask(account_auth()), talk.ask(messages.ProtoOARefreshTokenReq(refreshToken="x"))
    assert not auth.sent and not refresh.sent
    assert talk.session.accounts.state(ACCOUNT) is AccountState.UNAUTHORISED
    talk.sent()
    for expected in (auth, refresh, last):
        talk.tick(1.06)
        assert talk.sent() == [expected.envelope]
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISING


def test_what_is_asked_for_behind_the_authorisation_of_the_application_stays_behind_it_through_a_pause() -> None:
    talk = Talk(gate=False).connect()
    asked = [talk.ask(message) for message in (APPLICATION_AUTH, account_auth(), NEW_ORDER, TRADER)]
    for held in (True, False):
        talk.session.outbox.hold(held)
    talk.tick()
    assert talk.sent() == [request.envelope for request in asked]


def test_a_payload_type_that_the_server_blocked_waits_that_long() -> None:
    talk = Talk().standing()
    settled = talk.answer(talk.ask(TRADER), refusal("BLOCKED_PAYLOAD_TYPE", retryAfter=3))
    assert isinstance(settled.result, RateLimited)
    again = talk.ask(TRADER, timeout=60)
    assert not again.sent
    assert talk.session.outbox.queue(talk.now).blocked == {"ProtoOATraderReq": 3.0}
    assert talk.session.next_due(talk.now) == talk.now + 3
    assert talk.ask(NEW_ORDER).sent
    talk.sent()
    talk.tick(2.9)
    assert talk.sent() == []
    talk.tick(0.1)
    assert talk.sent() == [again.envelope]


def test_limits_and_blocks_begin_anew_with_a_connection() -> None:
    talk = Talk(Limits(general=1)).standing()
    talk.answer(talk.ask(TRADER), refusal("BLOCKED_PAYLOAD_TYPE", retryAfter=300))
    talk.session.lost(talk.now, "cut")
    talk.standing()
    assert talk.ask(TRADER).sent


def test_while_held_requests_wait_and_leave_afterwards() -> None:
    talk = Talk().standing()
    talk.session.outbox.hold(True)
    request = talk.ask(TRADER)
    assert not request.sent
    assert talk.session.next_due(talk.now) == request.deadline
    talk.tick(1)
    assert talk.sent() == []
    talk.session.outbox.hold(False)
    talk.tick()
    assert talk.sent() == [request.envelope]


# Cancelling


def test_a_request_that_was_sent_and_is_cancelled_has_an_unknown_outcome() -> None:
    talk = Talk().ready()
    request = talk.ask(NEW_ORDER)
    talk.sent()
    error = talk.session.cancel(request)
    assert type(error) is OutcomeUnknown
    assert error.reason == "cancelled"
    assert talk.session.cancel(request) is None
    assert talk.session.in_flight == 0
    assert talk.hear(reply(request, ACCEPTED)) == [reply(request, ACCEPTED)]


def test_a_request_that_waits_and_is_cancelled_is_never_sent() -> None:
    talk = Talk(Limits(general=1)).ready()
    talk.ask(TRADER)
    request = talk.ask(NEW_ORDER)
    talk.sent()
    error = talk.session.cancel(request, "on second thoughts")
    assert type(error) is RequestNotSent
    assert error.reason == "on second thoughts"
    talk.tick(3)
    assert talk.sent() == []


@pytest.mark.parametrize("how", ["cancel", "expire"])
def test_a_request_that_ends_before_it_was_written_is_never_sent(how: str) -> None:
    talk = Talk().ready()
    first, request, last = (talk.ask(message, timeout=t) for message, t in ((TRADER, 9), (NEW_ORDER, 1), (TRADER, 9)))
    if how == "cancel":
        error: Any = talk.session.cancel(request)
    else:
        ((_, error, _),) = talk.tick(1)
    assert isinstance(error, RequestNotSent)
    assert talk.sent() == [first.envelope, last.envelope]


def test_an_answered_request_can_not_be_cancelled() -> None:
    talk = Talk().ready()
    request = talk.ask(TRADER)
    talk.answer(request, TRADER_RES)
    assert talk.session.cancel(request) is None


# Late answers


def test_a_late_answer_is_counted_and_passed_on() -> None:
    talk = Talk().ready()
    request = talk.ask(TRADER, timeout=1)
    talk.sent()
    talk.tick(1)
    assert talk.hear(reply(request, TRADER_RES)) == [reply(request, TRADER_RES)]
    assert talk.session.counts == {"late": 1}


def test_a_late_subscription_stands_all_the_same() -> None:
    talk = Talk().standing()
    request = talk.ask(spots(1, 2), timeout=1)
    talk.sent()
    talk.tick(1)
    assert standing(talk) == []
    talk.hear(reply(request, messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT)))
    assert standing(talk) == [("spots", 1), ("spots", 2)]
    talk.hear(reply(request, messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT)))
    assert talk.session.counts == {"late": 2}


@pytest.mark.parametrize(
    "answer",
    [
        refusal("SYMBOL_NOT_FOUND"),
        filled(messages.ProtoOASubscribeDepthQuotesRes),
        Envelope(2128, b"\xff\xff\xff"),
    ],
    ids=["a refusal", "another answer", "unreadable"],
)
def test_a_late_subscription_that_was_not_accepted_does_not_stand(answer: Any) -> None:
    talk = Talk().standing()
    request = talk.ask(spots(1), timeout=1)
    talk.sent()
    talk.tick(1)
    if not isinstance(answer, Envelope):
        answer = codec.pack(answer)
    talk.hear(answer._replace(client_msg_id=request.envelope.client_msg_id))
    assert standing(talk) == []


def test_a_late_acceptance_authorises_the_account() -> None:
    talk = Talk().ready()
    request = talk.ask(account_auth(), timeout=1)
    talk.sent()
    (settled,) = talk.tick(1)
    assert isinstance(settled.result, AnswerTimeout)
    assert changes(talk) == [(ACCOUNT, AccountState.AUTHORISING), (ACCOUNT, AccountState.DROPPED)]
    talk.hear(reply(request, AUTHORISED))
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED
    assert standing(talk) == []
    assert changes(talk) == [(ACCOUNT, AccountState.AUTHORISED)]


@pytest.mark.parametrize(
    "others", [{"tokenType": "bearer", "expiresIn": 100, "refreshToken": "new-refresh"}, {"expiresIn": 100}, {}]
)
def test_new_tokens_that_come_late_are_told_whatever_else_their_answer_lacks(others: dict[str, Any]) -> None:
    talk = Talk().ready()
    request = talk.ask(messages.ProtoOARefreshTokenReq(refreshToken="old-refresh"), timeout=1)
    talk.sent()
    talk.tick(1)
    talk.session.notices()
    answer = messages.ProtoOARefreshTokenRes(accessToken="new-access", **others)
    talk.hear(Envelope(2174, answer.SerializePartialToString(), request.envelope.client_msg_id))
    assert talk.session.notices() == [LateRefresh("old-refresh", answer)]
    assert talk.session.scrub("it was new-access") == "it was ***"


@pytest.mark.parametrize(
    "refused",
    [
        messages.ProtoOAErrorRes(errorCode="NOT_ENOUGH_MONEY"),
        messages.ProtoOAOrderErrorEvent(ctidTraderAccountId=ACCOUNT, errorCode="NOT_ENOUGH_MONEY"),
        messages.ProtoOAExecutionEvent(
            ctidTraderAccountId=ACCOUNT, executionType="ORDER_REJECTED", errorCode="NOT_ENOUGH_MONEY"
        ),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_a_command_that_is_refused_late_is_told_of_once(refused: Message) -> None:
    talk = Talk().ready()
    command = messages.ProtoOAClosePositionReq(ctidTraderAccountId=ACCOUNT, positionId=1, volume=100)
    request = talk.ask(command, timeout=1)
    talk.sent()
    talk.tick(1)
    talk.session.notices()
    talk.hear(reply(request, refused))
    (late,) = talk.session.notices()
    assert isinstance(late, LateRefusal)
    assert late.request == command
    assert isinstance(late.error, NotEnoughMoney) and late.error.account_id == ACCOUNT
    talk.hear(reply(request, refused))
    assert talk.session.notices() == []


def test_what_a_command_did_after_all_is_no_late_refusal() -> None:
    talk = Talk().ready()
    command = messages.ProtoOAClosePositionReq(ctidTraderAccountId=ACCOUNT, positionId=1, volume=100)
    request = talk.ask(command, timeout=1)
    talk.sent()
    talk.tick(1)
    talk.session.notices()
    talk.hear(
        reply(request, messages.ProtoOAExecutionEvent(ctidTraderAccountId=ACCOUNT, executionType="ORDER_ACCEPTED"))
    )
    assert talk.session.notices() == []


def test_answers_do_not_cross_connections() -> None:
    talk = Talk().standing()
    request = talk.ask(spots(1), timeout=1)
    talk.sent()
    talk.tick(1)
    talk.session.lost(talk.now, "cut")
    talk.standing()
    talk.hear(reply(request, messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT)))
    assert standing(talk) == []


# Silence


def test_a_heartbeat_is_due_after_ten_seconds_of_outbound_silence() -> None:
    talk = Talk().ready()
    assert talk.session.beat(talk.now + 9.9)
    assert not talk.session.outbox.leaving
    talk.now += 10
    assert talk.session.beat(talk.now)
    assert talk.sent() == [Envelope(51)]
    talk.now += 9
    talk.session.beat(talk.now)
    assert talk.sent() == []
    talk.session.beat(talk.now, within=1.0)  # the next look would be too late
    assert talk.sent() == [Envelope(51)]


def test_whatever_is_sent_puts_the_heartbeat_off() -> None:
    talk = Talk(Limits(general=1)).ready()
    talk.now += 9
    talk.ask(TRADER)
    talk.sent()
    talk.now += 9
    talk.session.beat(talk.now)
    assert talk.sent() == []
    talk.now += 1
    talk.session.beat(talk.now)
    assert talk.sent() == [Envelope(51)]


def test_a_heartbeat_does_not_wait_for_the_limits_and_is_not_sent_twice() -> None:
    talk = Talk(Limits(general=1)).ready()
    talk.ask(TRADER, timeout=99)
    talk.ask(TRADER, timeout=99)
    talk.sent()
    talk.session.outbox.hold(True)
    for _ in range(30):  # nobody takes it, for the transport can take no more
        talk.now += 1
        talk.session.beat(talk.now)
    assert talk.sent() == [Envelope(51)]


def test_a_request_that_is_to_leave_breaks_the_silence_without_a_heartbeat() -> None:
    talk = Talk().ready()
    talk.now += 10
    request = talk.ask(TRADER)
    talk.session.beat(talk.now)
    assert talk.sent() == [request.envelope]


@pytest.mark.parametrize("dead_after", [75.0, 30.0])
def test_a_peer_that_is_silent_for_too_long_is_dead(dead_after: float) -> None:
    talk = Talk(dead_after=dead_after).ready()
    assert talk.session.beat(talk.now + dead_after - 0.001)
    assert not talk.session.beat(talk.now + dead_after)
    talk.now += dead_after - 1
    talk.hear(Envelope(51))  # any message counts
    assert talk.session.beat(talk.now + dead_after - 0.001)
    talk.now += dead_after - 1
    talk.hear(Envelope(9999, b"?"))
    assert talk.session.beat(talk.now + 2)
    assert not talk.session.beat(talk.now + dead_after)


def test_the_defaults_are_ten_and_seventy_five_seconds() -> None:
    talk = Talk().ready()
    assert talk.session.beat(talk.now + 74.9)
    assert not talk.session.beat(talk.now + 75)
    assert talk.sent() == [Envelope(51)]


def test_silence_is_counted_from_the_connection_on() -> None:
    talk = Talk().ready()
    talk.session.lost(talk.now, "cut")
    talk.now += 1000
    talk.connect()
    assert talk.session.beat(talk.now)
    assert talk.sent() == []


def test_what_can_not_be_read_is_counted_and_told() -> None:
    talk = Talk().ready()
    error = UndecodableEnvelope(3)
    talk.session.unreadable(error)
    assert talk.session.counts == {"unreadable": 1}
    assert talk.session.notices() == [Problem(error)]


@pytest.mark.parametrize("message", [TRADER, NEW_ORDER, account_auth()], ids=lambda message: type(message).__name__)
def test_an_answer_that_can_not_be_read_ends_its_request_at_once(message: Message) -> None:
    """Over protobuf the envelope at least arrives; over JSON nothing does, and the error says whose answer it was."""
    talk = Talk().standing(OTHER)
    request = talk.ask(message)
    talk.sent()
    number = min(request.kind.closed_by)
    key = request.envelope.client_msg_id
    error = IncompletePayload("ProtoOASome", 30, ["one.two"], payload_type=number, client_msg_id=key)
    settled = talk.session.unreadable(error)
    assert settled is not None
    assert settled.request is request
    assert isinstance(settled.result, OutcomeUnknown)
    assert settled.result.__cause__ is error
    assert "it lacks one.two" in str(settled.result)
    assert talk.session.in_flight == 0
    assert talk.session.unreadable(error) is None


def test_an_authorisation_whose_answer_can_not_be_read_is_over() -> None:
    talk = Talk().ready()
    request = talk.ask(account_auth())
    talk.sent()
    assert changes(talk) == [(ACCOUNT, AccountState.AUTHORISING)]
    talk.session.unreadable(unreadable_reply(request, 2103))
    assert changes(talk) == [(ACCOUNT, AccountState.DROPPED)]
    assert "ProtoOAAccountAuthRes" in talk.session.accounts.status(ACCOUNT).reason


def test_an_application_whose_authorisation_can_not_be_read_is_not_ready() -> None:
    talk = Talk().connect()
    request = talk.ask(APPLICATION_AUTH)
    talk.sent()
    talk.session.unreadable(unreadable_reply(request, 2101))
    assert talk.session.state is ConnectionState.CONNECTED


def test_what_can_not_be_read_is_no_answer_to_a_request_that_waits() -> None:
    talk = Talk(Limits(general=1)).standing()
    first, waiting = talk.ask(TRADER, timeout=60), talk.ask(TRADER, timeout=60)
    assert talk.session.unreadable(unreadable_reply(waiting, 2122)) is None
    assert talk.sent() == [first.envelope]
    talk.tick(1.06)
    assert talk.sent() == [waiting.envelope]


def unreadable_reply(request: Request, number: int) -> UndecodablePayload:
    """What is told of a message under the request's id that can't be read."""
    key = request.envelope.client_msg_id
    return UndecodablePayload(catalogue.name(number), 3, payload_type=number, client_msg_id=key)


def test_what_can_not_be_read_and_answers_nothing_ends_nothing() -> None:
    talk = Talk().standing()
    request = talk.ask(TRADER)
    key = request.envelope.client_msg_id
    for error in (
        UndecodablePayload("ProtoOASpotEvent", 3, payload_type=2131),
        UndecodablePayload("ProtoOASpotEvent", 3, payload_type=2131, client_msg_id=key),
        UndecodablePayload("ProtoOATraderRes", 3, payload_type=2122, client_msg_id="another's"),
    ):
        assert talk.session.unreadable(error) is None
    assert talk.session.in_flight == 1


# Nothing is kept, and nothing shown


class Waiter:
    """Whoever asked."""


def mixed_endings(talk: Talk, count: int) -> list[object]:
    """Ask so many times, let every request end in one way or another, and give what each ended with."""
    dice = random.Random(20)
    session = talk.session
    asked = 0
    results: list[object] = []

    def hear(*arrived: Envelope) -> None:
        results.extend(item.result for item in talk.hear(*arrived) if isinstance(item, Settled))

    while asked < count:
        for _ in range(dice.randrange(400)):
            message = dice.choice([TRADER, NEW_ORDER, HISTORY, spots(asked % 50), VERSION, account_auth()])
            try:
                talk.ask(message, timeout=dice.choice([0.5, 2.0, 3.0 + asked]), waiter=Waiter())
            except RequestNotSent as error:
                results.append(type(error)(error.request, error.reason))
            asked += 1
        if dice.random() < 0.9:
            talk.sent()
        waiting = [request for request in session.requests() if request.sent]
        for request in dice.sample(waiting, len(waiting) // 2):
            way = dice.randrange(6)
            if way == 0:
                results.append(session.cancel(request))
            elif way == 1:
                hear(reply(request, refusal("ODD")))
            elif way == 2:
                hear(Envelope(2142, b"\xff\xff\xff", request.envelope.client_msg_id))
            elif way < 5:
                number = min(request.kind.closed_by - {50, 2142, 2132})
                answer = reply(request, filled(catalogue.PARSERS[number]))
                hear(answer, answer)  # the second one is nobody's
        results.extend(settled.result for settled in talk.tick(dice.random()))
        if dice.random() < 0.1:
            results.extend(settled.result for settled in session.lost(talk.now, "cut"))
            talk.standing()
    results.extend(settled.result for settled in session.lost(talk.now, "over"))
    assert len(results) == asked
    return results


def alive(cls: type) -> int:
    gc.collect()
    return sum(isinstance(found, cls) for found in gc.get_objects())


def test_nothing_of_ten_thousand_requests_is_left() -> None:
    talk = Talk(Limits(general=500, historical=50)).standing()
    before = alive(Request)
    assert {type(result).__name__ for result in mixed_endings(talk, 10_000)} >= {
        "ProtoOATraderRes",
        "ProtoOAExecutionEvent",
        "ServerError",
        "OrderRefused",
        "OutcomeUnknown",
        "AnswerTimeout",
        "SendTimeout",
        "RequestNotSent",
    }
    session = talk.session
    assert session.in_flight == 0
    assert list(session.requests()) == []
    assert len(session.outbox.queue(talk.now)) == 0
    assert not session.outbox.leaving
    assert session.next_due(talk.now) is None
    assert session._pending._by_id == {}
    assert len(session._pending._by_timeout) <= 8
    assert session.outbox.pacer._lines == {}
    assert session.accounts._leaving == set()
    assert alive(Waiter) == 0
    assert alive(Request) - before == len(session._tombstones) <= 1000
    talk.connect()
    assert alive(Request) <= before


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["trader", "order", "history", "spots", "auth", "logout", "app"])),
        st.tuples(st.just("answer"), st.integers(0, 7)),
        st.tuples(st.just("refuse"), st.sampled_from(["ODD", "BLOCKED_PAYLOAD_TYPE", "CH_ACCESS_TOKEN_INVALID"])),
        st.tuples(st.just("event"), st.sampled_from(["cut", "token", "application", "spot", "unasked", "bad"])),
        st.tuples(st.just("cancel"), st.integers(0, 7)),
        st.tuples(st.just("pass"), st.sampled_from([0.0, 0.3, 1.1, 20.0])),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("hold"), st.booleans()),
        st.tuples(st.just("lose"), st.just(0)),
        st.tuples(st.just("connect"), st.just(0)),
    ),
    max_size=50,
)


@given(_steps)
def test_whatever_happens_every_request_ends_exactly_once(steps: list[tuple[str, Any]]) -> None:
    talk = Talk(Limits(general=2, historical=1, queue=3), heartbeat_after=5).ready()
    session = talk.session
    asks: dict[str, Message] = {
        "trader": TRADER,
        "order": NEW_ORDER,
        "history": HISTORY,
        "spots": spots(1),
        "auth": account_auth(),
        "logout": LOGOUT,
        "app": APPLICATION_AUTH,
    }
    events: dict[str, Any] = {
        "cut": CUT,
        "token": token_invalidated(ACCOUNT),
        "application": application_cut(),
        "spot": SPOT,
        "unasked": TRADER_RES,
        "bad": Envelope(2142, b"\xff\xff"),
    }
    asked: list[Request] = []
    ended: list[Request] = []
    left: list[str | None] = []

    def heard(*arrived: Any) -> None:
        items = talk.hear(*arrived)
        assert len(items) >= len(arrived)
        # What else ended was taken along by the end of a session.
        assert all(isinstance(item, Settled) and item.envelope is None for item in items[len(arrived) :])
        ended.extend(item.request for item in items if isinstance(item, Settled))

    for step, value in steps:
        waiting = list(session.requests())
        if step == "ask":
            try:
                asked.append(talk.ask(asks[value]))
            except RequestNotSent:
                assert isinstance(value, str)
        elif step == "answer" and waiting:
            request = waiting[value % len(waiting)]
            number = min(request.kind.closed_by - {50, 2142, 2132})
            heard(reply(request, filled(catalogue.PARSERS[number])))
        elif step == "refuse" and waiting:
            heard(reply(waiting[0], refusal(value, retryAfter=2)))
        elif step == "event":
            heard(events[value])
        elif step == "cancel" and waiting:
            request = waiting[value % len(waiting)]
            error = session.cancel(request)
            assert isinstance(error, RequestNotSent if not request.sent else OutcomeUnknown)
            ended.append(request)
        elif step == "pass":
            ended += [settled.request for settled in talk.tick(value)]
            session.beat(talk.now)
        elif step == "take":
            left += [key for key in talk.sent_ids() if key is not None]
        elif step == "hold":
            session.outbox.hold(value)
        elif step == "lose":
            ended += [settled.request for settled in session.lost(talk.now, "cut")]
        elif step == "connect" and session.state is ConnectionState.DISCONNECTED:
            talk.connect()
            heard(reply(talk.ask(APPLICATION_AUTH), messages.ProtoOAApplicationAuthRes()))
            ended.pop()
        assert session.in_flight == len(asked) - len(ended)
        assert len(session.outbox.queue(talk.now)) <= 3
        due = session.next_due(talk.now)
        assert (due is None) == (session.in_flight == 0)
    ended += [settled.request for settled in session.lost(talk.now, "over")]
    assert sorted(map(id, ended)) == sorted(map(id, asked))
    assert len(left) == len(set(left)), "nothing leaves twice"
    assert session.in_flight == len(session.outbox.queue(talk.now)) == 0


def test_no_part_of_the_session_shows_a_secret() -> None:
    talk = Talk().connect()
    request = talk.ask(APPLICATION_AUTH)
    shown = [repr(request), repr(talk.session), repr(talk.sent())]
    talk.answer(request, messages.ProtoOAApplicationAuthRes())
    request = talk.ask(account_auth())
    settled = talk.answer(request, AUTHORISED)
    shown += [repr(settled), repr(request), repr(list(talk.session.standing)), repr(talk.session.notices())]
    refresh = talk.answer(
        talk.ask(messages.ProtoOARefreshTokenReq(refreshToken=TOKEN)),
        messages.ProtoOARefreshTokenRes(accessToken=TOKEN, refreshToken=SECRET, tokenType="bearer", expiresIn=1),
    )
    shown += [repr(refresh), str(refresh.result), repr(talk.session.outbox.queue(talk.now))]
    lost = talk.ask(account_auth(OTHER))
    shown += [repr(item) for item in talk.session.lost(talk.now, "cut")] + [repr(lost), str(talk.session.counts)]
    assert "ProtoOARefreshTokenRes" in shown[7]
    for text in shown:
        assert TOKEN not in text
        assert SECRET not in text


def test_a_session_begins_with_nothing() -> None:
    session = Session(id_prefix="x-")
    assert (session.in_flight, session.accounts.statuses(), session.notices()) == (0, {}, [])
    assert session.outbox.outgoing(0.0) == []
    assert session.next_due(0.0) is None
    assert list(session.received([], 0.0)) == []
