"""Accounts: how they come to stand, the ways in which they are lost, and what a loss leaves of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    AccountRefused,
    ApplicationRefused,
    CannotRoute,
    NotAuthorised,
    OpenApiError,
    OutcomeUnknown,
    RequestNotSent,
    TokenRefused,
)
from ctrader_twisted.session.correlation import Settled
from ctrader_twisted.session.events import AccountChanged, ApplicationCut
from ctrader_twisted.session.machine import AccountState, ConnectionState
from ctrader_twisted.session.pacing import Limits
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from tests.session.conversation import (
    ACCOUNT,
    APPLICATION_AUTH,
    AUTHORISED,
    CUT,
    LOGGED_OUT,
    LOGOUT,
    NEW_ORDER,
    OTHER,
    SPOT,
    TOKEN,
    TRADER,
    TRADER_RES,
    VERSION,
    Talk,
    account_auth,
    application_cut,
    changes,
    refusal,
    reply,
    spots,
    standing,
    states,
    token_invalidated,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Accounts


def test_an_account_is_authorised_and_stands() -> None:
    talk = Talk().ready()
    assert talk.session.accounts.state(ACCOUNT) is AccountState.UNAUTHORISED
    assert talk.session.accounts.statuses() == {}
    request = talk.ask(account_auth())
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISING
    settled = talk.answer(request, AUTHORISED)
    assert settled.result == AUTHORISED
    assert states(talk) == {ACCOUNT: AccountState.AUTHORISED}
    assert talk.session.notices() == [
        AccountChanged(ACCOUNT, AccountState.AUTHORISING, AccountState.UNAUTHORISED, ""),
        AccountChanged(ACCOUNT, AccountState.AUTHORISED, AccountState.AUTHORISING, ""),
    ]
    assert talk.session.notices() == []
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None
    assert account.access_token == TOKEN


@pytest.mark.parametrize(
    ("code", "cls", "state"),
    [
        ("CH_ACCESS_TOKEN_INVALID", TokenRefused, AccountState.TOKEN_INVALID),
        ("OA_AUTH_TOKEN_EXPIRED", TokenRefused, AccountState.TOKEN_INVALID),
        ("CH_CTID_TRADER_ACCOUNT_NOT_FOUND", AccountRefused, AccountState.REFUSED),
        ("CANT_ROUTE_REQUEST", CannotRoute, AccountState.REFUSED),
        ("TIMEOUT_ERROR", OpenApiError, AccountState.DROPPED),
        ("ODD", OpenApiError, AccountState.DROPPED),
    ],
)
def test_a_refused_account_says_whether_another_try_may_help(code: str, cls: type, state: AccountState) -> None:
    talk = Talk().ready()
    settled = talk.answer(talk.ask(account_auth()), refusal(code, "so it is"))
    assert isinstance(settled.result, cls)
    assert talk.session.accounts.state(ACCOUNT) is state
    assert standing(talk) is None
    last = talk.session.notices()[-1]
    assert isinstance(last, AccountChanged)
    assert last.state is state
    assert code in last.reason
    assert TOKEN not in repr(last)


@pytest.mark.parametrize("code", ["CANT_ROUTE_REQUEST", "SERVER_IS_UNDER_MAINTENANCE", "CH_SERVER_NOT_REACHABLE"])
def test_an_account_that_stood_here_before_can_not_be_of_another_environment(code: str) -> None:
    # The same code says "wrong host" and "the broker's back end is in maintenance" (protocol notes, 1.7).
    talk = Talk().standing()
    talk.session.lost(talk.now, "cut")
    talk.ready()
    talk.answer(talk.ask(account_auth()), refusal(code))
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED
    assert standing(talk) == []


def test_an_account_that_is_logged_in_already_is_authorised() -> None:
    talk = Talk().ready()
    settled = talk.answer(talk.ask(account_auth()), refusal("ALREADY_LOGGED_IN"))
    assert settled.result == AUTHORISED
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED
    assert standing(talk) == []


def test_an_account_keeps_standing_while_a_new_token_is_tried() -> None:
    talk = Talk().standing()
    request = talk.ask(account_auth(token="new"))
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED
    talk.answer(request, refusal("CH_ACCESS_TOKEN_INVALID"))
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None
    assert account.access_token == TOKEN
    talk.answer(talk.ask(account_auth(token="new")), AUTHORISED)
    assert account.access_token == "new"
    assert changes(talk) == []


def test_a_new_token_is_accepted_while_the_end_of_the_old_one_is_told() -> None:
    # A refresh ends the sessions of the old token, and the server says so twice (protocol notes, 1.13).
    talk = Talk().standing()
    talk.answer(talk.ask(spots(1)), messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT))
    request = talk.ask(account_auth(token="new"))
    talk.sent()
    talk.hear(token_invalidated(ACCOUNT, reason="refreshed"), CUT, reply(request, AUTHORISED))
    assert changes(talk) == [(ACCOUNT, AccountState.DROPPED), (ACCOUNT, AccountState.AUTHORISED)]
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None
    assert (account.access_token, standing(talk)) == ("new", [("spots", 1)])
    assert account.lost_at is not None  # whoever renews is told that something was lost


def test_what_a_request_said_when_it_was_asked_is_what_stands() -> None:
    talk = Talk().standing()
    message = spots(1)
    request = talk.ask(message)
    message.symbolId[:] = [2]  # its author builds the next one
    talk.answer(request, messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT))
    assert standing(talk) == [("spots", 1)]


# The three ways to lose a session on a live connection


def test_an_account_that_the_server_disconnects_is_dropped_and_still_stands() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    talk.answer(talk.ask(spots(1)), messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT))
    talk.now += 7
    assert talk.hear(CUT) == [codec.pack(CUT)]
    assert states(talk) == {ACCOUNT: AccountState.DROPPED, OTHER: AccountState.AUTHORISED}
    assert changes(talk) == [(ACCOUNT, AccountState.DROPPED)]
    assert standing(talk) == [("spots", 1)]
    account, other = talk.session.standing.find(ACCOUNT), talk.session.standing.find(OTHER)
    assert account is not None and other is not None
    assert (account.lost_at, other.lost_at) == (talk.now, None)
    assert talk.session.state is ConnectionState.READY


def test_a_token_that_is_invalidated_takes_all_its_accounts() -> None:
    talk = Talk().standing(ACCOUNT, OTHER, 1000003)
    talk.hear(token_invalidated(ACCOUNT, OTHER, reason="token revoked"))
    assert states(talk) == {
        ACCOUNT: AccountState.DROPPED,
        OTHER: AccountState.DROPPED,
        1000003: AccountState.AUTHORISED,
    }
    first, second = talk.session.notices()
    assert isinstance(first, AccountChanged)
    assert isinstance(second, AccountChanged)
    assert (first.account_id, first.reason, second.reason) == (ACCOUNT, "token revoked", "token revoked")
    talk.hear(CUT)
    assert changes(talk) == []
    talk.answer(talk.ask(account_auth(token="new")), AUTHORISED)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED


def test_an_application_that_is_cut_loses_every_account_and_is_not_ready() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    talk.hear(application_cut("maintenance"))
    assert talk.session.state is ConnectionState.CONNECTED
    assert set(states(talk).values()) == {AccountState.DROPPED}
    *accounts, last = talk.session.notices()
    assert [notice.reason for notice in accounts if isinstance(notice, AccountChanged)] == ["maintenance"] * 2
    assert last == ApplicationCut("maintenance")
    with pytest.raises(RequestNotSent, match="not ready"):
        talk.ask(TRADER)
    talk.answer(talk.ask(APPLICATION_AUTH), messages.ProtoOAApplicationAuthRes())
    assert talk.session.state is ConnectionState.READY


def test_an_application_that_is_cut_without_accounts_says_so_too() -> None:
    talk = Talk().ready()
    talk.hear(application_cut())
    assert talk.session.notices() == [ApplicationCut("the server disconnected the application")]


@pytest.mark.parametrize("number", [2147, 2148, 2164])
def test_a_loss_that_can_not_be_read_is_passed_on(number: int) -> None:
    talk = Talk().standing()
    assert talk.hear(Envelope(number, b"\xff\xff\xff")) == [Envelope(number, b"\xff\xff\xff")]
    assert states(talk) == {ACCOUNT: AccountState.AUTHORISED}


@pytest.mark.parametrize(
    "event", [Envelope(2148, b"\x12\x02\xff\xfe"), Envelope(2147, b"\x10\xc1\x84\x3d\x1a\x02\xff\xfe")]
)
def test_a_loss_whose_reason_is_no_text_is_still_a_loss(event: Envelope) -> None:
    talk = Talk().standing()
    talk.hear(event)
    assert talk.session.accounts.state(ACCOUNT) is not AccountState.AUTHORISED
    for notice in talk.session.notices():
        assert isinstance(notice, AccountChanged | ApplicationCut)
        assert isinstance(notice.reason, str)


def test_losses_in_a_run_count_one_by_one() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    payloads = [
        messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=account).SerializeToString()
        for account in (ACCOUNT, OTHER)
    ]
    assert len(talk.hear(Burst(2164, payloads))) == 2
    assert set(states(talk).values()) == {AccountState.DROPPED}


# Authority denied by an answer


@pytest.mark.parametrize(
    "answer",
    [
        refusal("INVALID_REQUEST", "Trading account is not authorized"),
        refusal("ACCOUNT_NOT_AUTHORIZED"),
        messages.ProtoErrorRes(errorCode="ACCOUNT_NOT_AUTHORIZED"),
    ],
    ids=lambda answer: f"{answer.DESCRIPTOR.name}-{answer.errorCode}",
)
def test_a_refusal_for_want_of_authority_is_a_loss_of_the_account(answer: Message) -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    talk.answer(talk.ask(spots(1)), messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT))
    settled = talk.answer(talk.ask(TRADER), answer)
    assert isinstance(settled.result, NotAuthorised)
    assert states(talk) == {ACCOUNT: AccountState.DROPPED, OTHER: AccountState.AUTHORISED}
    assert standing(talk) == [("spots", 1)]
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None
    assert account.lost_at == talk.now
    assert talk.session.state is ConnectionState.READY
    talk.answer(talk.ask(TRADER), answer)  # the same news again is none
    assert changes(talk) == [(ACCOUNT, AccountState.DROPPED)]


@pytest.mark.parametrize("kind", ["ORDER_REJECTED", "ORDER_ACCEPTED"])
def test_a_loss_may_come_as_the_answer_to_an_order(kind: str) -> None:
    talk = Talk().standing()
    event = messages.ProtoOAExecutionEvent(
        ctidTraderAccountId=ACCOUNT,
        executionType=messages.ProtoOAExecutionType[kind],
        errorCode="ACCOUNT_NOT_AUTHORIZED",
    )
    assert isinstance(talk.answer(talk.ask(NEW_ORDER), event).result, NotAuthorised)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED


def test_a_refusal_for_an_account_that_never_stood_is_no_loss() -> None:
    talk = Talk().ready()
    talk.answer(talk.ask(TRADER), refusal("ACCOUNT_NOT_AUTHORIZED"))
    assert talk.session.accounts.statuses() == {}
    assert talk.session.notices() == []


def test_a_refusal_of_a_new_token_is_no_loss_of_what_stands() -> None:
    talk = Talk().standing()
    talk.answer(talk.ask(account_auth(token="new")), refusal("INVALID_REQUEST", "not authorized"))
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED


def test_a_logout_of_what_has_no_authority_is_complete() -> None:
    talk = Talk().standing()
    talk.answer(talk.ask(LOGOUT), refusal("INVALID_REQUEST", "Trading account is not authorized"))
    assert talk.session.accounts.state(ACCOUNT) is AccountState.UNAUTHORISED
    assert standing(talk) is None


def test_an_application_that_has_no_authority_any_more_was_cut() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    settled = talk.answer(talk.ask(messages.ProtoOAVersionReq()), refusal("CH_CLIENT_NOT_AUTHENTICATED"))
    assert isinstance(settled.result, NotAuthorised)
    assert talk.session.state is ConnectionState.CONNECTED
    assert set(states(talk).values()) == {AccountState.DROPPED}
    assert [type(notice) for notice in talk.session.notices()] == [AccountChanged, AccountChanged, ApplicationCut]


def test_the_news_that_the_application_was_cut_is_told_once() -> None:
    talk = Talk().ready()
    requests = [talk.ask(TRADER), talk.ask(TRADER), talk.ask(TRADER)]
    talk.sent()
    denied = refusal("CH_CLIENT_NOT_AUTHENTICATED")
    ended = talk.hear(reply(requests[0], denied), reply(requests[1], denied))
    assert [type(item.result) for item in ended if isinstance(item, Settled)] == [
        NotAuthorised,
        NotAuthorised,
        OutcomeUnknown,  # it went with the session
    ]
    assert [type(notice) for notice in talk.session.notices()] == [ApplicationCut]


# Requests that go with a session


def test_an_accounts_requests_go_with_its_session_and_no_other_does() -> None:
    talk = Talk(limits=Limits(general=3)).standing(ACCOUNT, OTHER)
    talk.now += 10
    sent, others = talk.ask(TRADER), talk.ask(messages.ProtoOATraderReq(ctidTraderAccountId=OTHER))
    version, waiting = talk.ask(messages.ProtoOAVersionReq()), talk.ask(TRADER)
    talk.sent()
    event, *ended = talk.hear(CUT)
    assert event == codec.pack(CUT)
    results = {item.request: item.result for item in ended if isinstance(item, Settled)}
    assert {request: type(result) for request, result in results.items()} == {
        sent: OutcomeUnknown,
        waiting: RequestNotSent,
    }
    assert set(talk.session.requests()) == {others, version}
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None
    assert (account.requests_unknown, account.requests_not_sent) == (["ProtoOATraderReq"], ["ProtoOATraderReq"])


def test_an_answer_that_came_with_the_news_counts() -> None:
    talk = Talk().standing(ACCOUNT)
    request = talk.ask(TRADER)
    talk.sent()
    _, settled = talk.hear(CUT, reply(request, TRADER_RES))
    assert isinstance(settled, Settled)
    assert settled.result == TRADER_RES


# Logging out


def test_a_logout_is_complete_when_the_account_is_disconnected() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    settled = talk.answer(talk.ask(LOGOUT), LOGGED_OUT)
    assert settled.result == LOGGED_OUT
    assert talk.session.accounts.state(ACCOUNT) is AccountState.AUTHORISED
    talk.hear(CUT)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.UNAUTHORISED
    assert standing(talk) is None
    assert changes(talk) == [(ACCOUNT, AccountState.UNAUTHORISED)]
    talk.hear(CUT)
    assert changes(talk) == []
    assert talk.session.accounts.state(OTHER) is AccountState.AUTHORISED


def test_a_disconnection_told_before_the_answer_to_the_logout_completes_it_too() -> None:
    talk = Talk().standing()
    request = talk.ask(LOGOUT)
    talk.sent()
    assert talk.session.logouts(ACCOUNT) == 1
    talk.hear(CUT)
    assert talk.session.logouts(ACCOUNT) == 0
    talk.hear(reply(request, LOGGED_OUT))
    assert talk.session.logouts(ACCOUNT) == 0
    assert talk.session.accounts.state(ACCOUNT) is AccountState.UNAUTHORISED
    assert standing(talk) is None
    talk.answer(talk.ask(account_auth()), AUTHORISED)
    talk.hear(CUT)  # a loss, and no longer that logout
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED


def test_a_refused_logout_leaves_the_account_standing() -> None:
    talk = Talk().standing()
    talk.answer(talk.ask(LOGOUT), refusal("ODD"))
    talk.hear(CUT)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED
    assert standing(talk) == []


def test_an_account_that_was_logged_out_does_not_stand_again_after_a_loss() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    talk.answer(talk.ask(LOGOUT), LOGGED_OUT)
    talk.session.lost(talk.now, "cut")  # before the event that completes it
    assert states(talk) == {ACCOUNT: AccountState.UNAUTHORISED, OTHER: AccountState.DROPPED}
    assert [account.account_id for account in talk.session.standing] == [OTHER]


def test_an_account_authorised_again_after_its_logout_is_lost_like_any_other() -> None:
    talk = Talk().standing()
    talk.answer(talk.ask(LOGOUT), LOGGED_OUT)  # and no event follows
    talk.answer(talk.ask(account_auth()), AUTHORISED)
    talk.hear(CUT)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED
    assert standing(talk) == []


# Losing the connection


def test_a_loss_tells_each_request_whether_it_had_been_sent() -> None:
    talk = Talk(Limits(general=2)).standing()
    sent = talk.ask(NEW_ORDER)
    assert talk.sent() == [sent.envelope]
    unsent, queued, last = talk.ask(TRADER), talk.ask(NEW_ORDER), talk.ask(TRADER)
    assert (unsent.sent, queued.sent) == (True, False)
    ended = talk.session.lost(talk.now, "the network is down")
    assert [(item.request, type(item.result)) for item in ended] == [
        (sent, OutcomeUnknown),
        (unsent, RequestNotSent),  # it was to leave, and nobody took it
        (queued, RequestNotSent),
        (last, RequestNotSent),
    ]
    assert all("the network is down" in str(item.result) and item.envelope is None for item in ended)
    session = talk.session
    assert (session.state, session.in_flight) == (ConnectionState.DISCONNECTED, 0)
    assert session.accounts.state(ACCOUNT) is AccountState.DROPPED
    assert (talk.sent(), len(session.outbox.queue(talk.now)), session.next_due(talk.now)) == ([], 0, None)
    account = session.standing.find(ACCOUNT)
    assert account is not None
    assert account.requests_unknown == ["ProtoOANewOrderReq"]
    assert sorted(account.requests_not_sent) == ["ProtoOANewOrderReq", "ProtoOATraderReq", "ProtoOATraderReq"]
    assert session.lost(talk.now, "again") == []


def test_a_loss_notes_when_the_last_message_had_arrived() -> None:
    talk = Talk().standing()
    talk.now += 10
    talk.hear(SPOT)
    at = talk.now
    assert talk.session.last_received == at
    talk.now += 5
    talk.session.lost(talk.now, "cut")
    account = talk.session.standing.find(ACCOUNT)
    assert account is not None
    assert account.lost_at == at
    talk.now += 60
    talk.ready()
    talk.session.lost(talk.now, "cut again before it stood")
    assert account.lost_at == at  # the first loss counts


def test_an_account_whose_authorisation_is_lost_with_the_connection_is_dropped() -> None:
    talk = Talk().ready()
    talk.ask(account_auth())
    talk.sent()
    talk.session.lost(talk.now, "cut")
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED
    assert standing(talk) is None


@pytest.mark.parametrize("when", ["never connected", "connected", "ready"])
def test_closing_is_for_good(when: str) -> None:
    talk = Talk()
    if when != "never connected":
        talk.connect()
    if when == "ready":
        talk.ready()
        talk.ask(TRADER)
        talk.sent()
    ended = talk.session.lost(talk.now, "the client was closed", closed=True)
    assert [type(item.result) for item in ended] == ([OutcomeUnknown] if when == "ready" else [])
    assert talk.session.state is ConnectionState.CLOSED
    talk.connect()
    assert talk.session.state is ConnectionState.CLOSED
    with pytest.raises(RequestNotSent, match="closed"):
        talk.ask(APPLICATION_AUTH)


def test_a_new_connection_begins_with_nothing_to_send() -> None:
    talk = Talk().ready()
    talk.ask(TRADER)
    assert talk.session.outbox.leaving
    talk.session.lost(talk.now, "cut")
    talk.connect()
    assert not talk.session.outbox.leaving
    assert talk.sent() == []


# Errors that carry nobody's id


def test_an_error_without_an_id_answers_the_authorisation_if_that_is_all_there_is() -> None:
    talk = Talk().connect()
    request = talk.ask(APPLICATION_AUTH)
    talk.sent()
    (settled,) = talk.hear(refusal("CH_CLIENT_AUTH_FAILURE"))
    assert isinstance(settled, Settled)
    assert settled.request is request
    assert isinstance(settled.result, ApplicationRefused)
    assert talk.session.state is ConnectionState.REFUSED


def test_an_error_without_an_id_answers_nothing_that_it_might_not_be_about() -> None:
    talk = Talk(gate=False).connect()
    requests = [talk.ask(APPLICATION_AUTH), talk.ask(VERSION)]
    talk.sent()
    assert not any(isinstance(item, Settled) for item in talk.hear(refusal("UNSUPPORTED_MESSAGE")))
    assert list(talk.session.requests()) == requests
    talk = Talk().connect()
    talk.ask(APPLICATION_AUTH)
    talk.sent()
    assert not any(isinstance(item, Settled) for item in talk.hear(codec.pack(refusal("X"), "of-another-client")))
    for message in (VERSION, APPLICATION_AUTH):
        talk = Talk().ready()
        talk.ask(message)
        talk.sent()
        assert not any(isinstance(item, Settled) for item in talk.hear(refusal("X")))


def test_an_error_without_an_id_that_denies_the_application_cuts_it() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    request = talk.ask(TRADER)
    talk.sent()
    *_, settled = talk.hear(refusal("CH_CLIENT_NOT_AUTHENTICATED"))
    assert isinstance(settled, Settled)
    assert settled.request is request
    assert isinstance(settled.result, OutcomeUnknown)
    assert talk.session.state is ConnectionState.CONNECTED
    assert set(states(talk).values()) == {AccountState.DROPPED}
    assert isinstance(talk.session.notices()[-1], ApplicationCut)


def test_an_error_without_an_id_that_denies_an_account_drops_it() -> None:
    talk = Talk().standing(ACCOUNT, OTHER)
    talk.hear(refusal("ACCOUNT_NOT_AUTHORIZED", ctidTraderAccountId=ACCOUNT))
    assert states(talk) == {ACCOUNT: AccountState.DROPPED, OTHER: AccountState.AUTHORISED}


@pytest.mark.parametrize("code", ["CH_CLIENT_NOT_AUTHENTICATED", "ACCOUNT_NOT_AUTHORIZED"])
def test_what_another_client_is_denied_is_not_denied_here(code: str) -> None:
    talk = Talk().standing()
    talk.hear(codec.pack(refusal(code, ctidTraderAccountId=ACCOUNT), "of-another-client"))
    assert states(talk) == {ACCOUNT: AccountState.AUTHORISED}


def test_the_maintenance_of_one_accounts_broker_is_not_the_servers() -> None:
    talk = Talk().standing()
    talk.hear(refusal("SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=9_000, ctidTraderAccountId=ACCOUNT))
    assert talk.session.maintenance_end is None
    talk.hear(refusal("SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=9_000))
    assert talk.session.maintenance_end == 9_000


def test_a_session_that_ends_before_its_logout_has_left_was_not_ended_by_that() -> None:
    talk = Talk().standing()
    arrived = [codec.pack(SPOT), codec.pack(CUT)]
    items = talk.session.received(arrived, talk.now)
    next(items)
    talk.ask(LOGOUT)  # as a listener does, in the same turn
    list(items)
    assert talk.session.accounts.state(ACCOUNT) is AccountState.DROPPED
    assert standing(talk) == []


def test_a_request_under_the_id_of_one_that_a_loss_has_caught_is_not_taken_for_it() -> None:
    talk = Talk(Limits(general=1)).standing()
    talk.ask(TRADER)
    talk.sent()
    waiting = talk.session.request(TRADER, timeout=5, now=talk.now, client_msg_id="the program's own")
    items = talk.session.received([codec.pack(CUT)], talk.now)
    assert next(items) == codec.pack(CUT)
    next(items)
    talk.session.cancel(waiting)  # as whoever is told of the first does, and asks for something else
    again = talk.session.request(VERSION, timeout=7, now=talk.now, client_msg_id="the program's own")
    assert list(items) == []
    assert list(talk.session.requests()) == [again]
