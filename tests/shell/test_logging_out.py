"""An account that is asked for while it is being logged out. The test is the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from ctrader_twisted import AccountState, messages
from ctrader_twisted.errors import AnswerTimeout, RequestNotSent, TokenRefused
from ctrader_twisted.wire import codec
from tests.session.conversation import NEW_ORDER
from tests.shell.memory import ACCOUNT, Memory, outcome
from tests.shell.test_healing import (
    ACCESS,
    MONTH,
    AccountAuthReq,
    RefreshReq,
    accepted,
    authorise,
    error,
    grant,
    new_pair,
    refuse,
    state,
    with_grants,
)

if TYPE_CHECKING:
    from ctrader_twisted.wire.envelope import Envelope

LogoutReq = messages.ProtoOAAccountLogoutReq
LOGGED_OUT = messages.ProtoOAAccountLogoutRes(ctidTraderAccountId=ACCOUNT)
GONE = messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT)
SPOTS = messages.ProtoOASubscribeSpotsReq(ctidTraderAccountId=ACCOUNT, symbolId=[1])
TOKENS = pytest.mark.parametrize("token", ["bare-token", None])


def standing(token: str | None) -> Memory:
    """An account that stands, with a subscription."""
    m, _, _ = with_grants(grant())
    authorise(m, token=token)
    m.client.request(SPOTS)
    ((asked, _),) = m.expect(messages.ProtoOASubscribeSpotsReq)
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=asked)
    assert m.client.subscriptions(ACCOUNT) != ()
    return m


def asked_for_after_a_loss(m: Memory) -> bool:
    m.end()
    m.clock.advance(5)
    m.ready()
    return bool(m.sent())


def let_it_stand(m: Memory) -> None:
    """Answer what is asked for, for a while."""
    for _ in range(5):
        m.clock.advance(2)
        for asked in m.sent():
            renewing = isinstance(codec.unpack(asked), messages.ProtoOASubscribeSpotsReq)
            renewed = messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT)
            m.say(renewed if renewing else accepted(), to=asked)


@TOKENS
def test_who_asks_for_it_when_its_logout_is_acknowledged_is_told_when_it_stands_anew(token: str | None) -> None:
    m = standing(token)
    again: list[Any] = []
    done = m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    done.addCallback(lambda _: m.client.authorise(ACCOUNT, token).addBoth(again.append))
    ((logout, _),) = m.expect(LogoutReq)
    m.give(codec.pack(LOGGED_OUT, logout.client_msg_id), codec.pack(GONE, None))
    assert again == []
    assert state(m) is AccountState.UNAUTHORISED
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)
    assert again == [None]
    assert state(m) is AccountState.AUTHORISED
    assert m.client.subscriptions(ACCOUNT) == ()
    assert asked_for_after_a_loss(m)


@TOKENS
@pytest.mark.parametrize("together", [True, False], ids=["in one piece", "one by one"])
@pytest.mark.parametrize("order", ["LGA", "GLA", "LAG"])
def test_asked_for_in_the_same_breath_it_stands_whatever_comes_first(
    order: str, together: bool, token: str | None
) -> None:
    m = standing(token)
    logged_out = outcome(m.client.account_logout(ctidTraderAccountId=ACCOUNT))
    again = outcome(m.client.authorise(ACCOUNT, token))
    ((logout, _), (auth, _)) = m.expect(LogoutReq, AccountAuthReq)
    said: dict[str, Envelope] = {
        "L": codec.pack(LOGGED_OUT, logout.client_msg_id),
        "G": codec.pack(GONE, None),
        "A": codec.pack(accepted(), auth.client_msg_id),
    }
    for piece in [order] if together else order:
        m.give(*(said[each] for each in piece))
    assert logged_out == [LOGGED_OUT]
    assert again == [None]
    let_it_stand(m)
    assert state(m) is AccountState.AUTHORISED
    assert asked_for_after_a_loss(m)


@TOKENS
def test_the_answer_to_what_was_asked_before_its_logout_is_not_what_it_is_asked_for_again(token: str | None) -> None:
    m, keeper, _ = with_grants(grant())
    authorise(m, token=token)
    if token is None:
        keeper.update(grant(access="the-access-token-2"))
    else:
        token = "another-token"
        m.client.authorise(ACCOUNT, token)
    ((before, _),) = m.expect(AccountAuthReq)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    again = outcome(m.client.authorise(ACCOUNT, token))
    ((logout, _),) = m.expect(LogoutReq)
    m.say(accepted(), to=before)
    assert again == []
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    assert again == []
    ((auth, asked),) = m.expect(AccountAuthReq)
    assert asked.accessToken == (token or "the-access-token-2")
    m.say(accepted(), to=auth)
    assert again == [None]
    assert state(m) is AccountState.AUTHORISED


@pytest.mark.parametrize("token", [ACCESS, None])
def test_what_its_token_allows_is_known_of_it_anew(token: str | None) -> None:
    m, keeper, _ = with_grants(grant(scope="accounts"))
    keeper.load()
    authorise(m, token=token)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    m.client.authorise(ACCOUNT, token)
    ((logout, _), (auth, _)) = m.expect(LogoutReq, AccountAuthReq)
    m.say(GONE)
    m.say(LOGGED_OUT, to=logout)
    m.say(accepted(), to=auth)
    m.client.request(NEW_ORDER).addErrback(lambda _: None)
    ((order, _),) = m.expect(messages.ProtoOANewOrderReq)
    refuse(m, order, "ACCOUNT_NOT_AUTHORIZED")
    assert state(m) is AccountState.AUTHORISED  # the token allows no trading: nothing was lost


def test_a_token_that_is_refused_before_its_logout_is_complete_leaves_it_logged_out() -> None:
    m = standing("bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    again = outcome(m.client.authorise(ACCOUNT, "another-token"))
    ((logout, _), (auth, _)) = m.expect(LogoutReq, AccountAuthReq)
    m.say(LOGGED_OUT, to=logout)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    m.say(GONE)
    assert [type(each) for each in again] == [TokenRefused]
    assert state(m) is AccountState.UNAUTHORISED
    assert not asked_for_after_a_loss(m)


def test_it_is_asked_for_when_its_logout_is_complete_if_its_token_comes_after_that() -> None:
    m, _, store = with_grants(grant())
    authorise(m)  # by a token of its own: nobody has needed the store
    loading: Deferred[None] = Deferred()
    load = store.load
    store.load = lambda: loading.addCallback(lambda _: load())  # type: ignore[method-assign]
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    ((logout, _),) = m.expect(LogoutReq)
    again = outcome(m.client.authorise(ACCOUNT))
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    m.expect()
    loading.callback(None)
    ((auth, asked),) = m.expect(AccountAuthReq)
    assert asked.accessToken == ACCESS
    assert again == []
    m.say(accepted(), to=auth)
    assert again == [None]


def test_a_logout_that_is_refused_lets_it_stand() -> None:
    m = standing(None)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    again = outcome(m.client.authorise(ACCOUNT))
    ((logout, _), (auth, _)) = m.expect(LogoutReq, AccountAuthReq)
    refuse(m, logout, "SOMETHING")
    refuse(m, auth, "ALREADY_LOGGED_IN")
    assert again == [None]
    assert state(m) is AccountState.AUTHORISED
    assert m.client.subscriptions(ACCOUNT) != ()


def test_a_loss_before_the_logout_is_complete_lets_it_stand_anew() -> None:
    m = standing("bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    ((logout, _),) = m.expect(LogoutReq)
    m.say(LOGGED_OUT, to=logout)
    again = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    m.expect(AccountAuthReq)
    m.end()
    m.clock.advance(5)
    m.ready()
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)
    assert again == [None]
    assert m.client.subscriptions(ACCOUNT) == ()


def test_what_was_asked_for_once_does_not_outlast_the_next_logout() -> None:
    m = standing("bare-token")
    for _ in range(2):
        m.client.account_logout(ctidTraderAccountId=ACCOUNT)
        ((logout, _),) = m.expect(LogoutReq)
        again = outcome(m.client.authorise(ACCOUNT, "bare-token"))
        ((auth, _),) = m.expect(AccountAuthReq)
        m.say(LOGGED_OUT, to=logout)
        m.say(GONE)
        m.say(accepted(), to=auth)
        assert again == [None]
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    ((logout, _),) = m.expect(LogoutReq)
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    assert state(m) is AccountState.UNAUTHORISED
    assert not asked_for_after_a_loss(m)


def test_who_waited_before_it_was_logged_out_waits_no_longer() -> None:
    m = Memory().ready()
    waiting = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(error("CANT_ROUTE_REQUEST"), to=auth)  # it is tried again
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    ((logout, _),) = m.expect(LogoutReq)
    m.say(error("INVALID_REQUEST", description="Trading account is not authorized"), to=logout)
    assert [type(each) for each in waiting] == [RequestNotSent]
    m.clock.advance(60)
    m.expect()


def test_a_cut_that_meets_a_logout_completes_it_once() -> None:
    m = standing("bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    again = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((logout, _), (auth, _)) = m.expect(LogoutReq, AccountAuthReq)
    m.say(GONE)  # the server had ended the session before it read the logout
    refuse(m, logout, "INVALID_REQUEST", description="Trading account is not authorized")
    m.say(accepted(), to=auth)
    assert again == [None]
    assert asked_for_after_a_loss(m)


def test_who_asks_between_two_logouts_is_told_that_the_second_was_asked_for() -> None:
    m = standing("bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    again = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    (first, _, second) = m.sent()
    m.say(LOGGED_OUT, to=first)
    m.say(GONE)
    refuse(m, second, "INVALID_REQUEST", description="Trading account is not authorized")
    assert state(m) is AccountState.UNAUTHORISED
    m.end()
    assert [type(each) for each in again] == [RequestNotSent]


def test_who_asks_after_two_logouts_gets_it_when_both_are_over() -> None:
    m = standing("bare-token")
    for _ in range(2):
        m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    again = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    (first, second, auth) = m.sent()
    m.say(LOGGED_OUT, to=first)
    m.say(GONE)
    refuse(m, second, "INVALID_REQUEST", description="Trading account is not authorized")
    m.say(accepted(), to=auth)
    assert again == [None]
    assert asked_for_after_a_loss(m)


def test_who_waits_for_the_next_attempt_is_told_of_a_logout_when_the_connection_ends_first() -> None:
    m = standing("bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    again = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    (logout, auth) = m.sent()
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    refuse(m, auth, "CH_SERVER_NOT_REACHABLE")  # it is tried again
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    (logout,) = m.sent()
    refuse(m, logout, "INVALID_REQUEST", description="Trading account is not authorized")
    m.end()
    assert [type(each) for each in again] == [RequestNotSent]


@TOKENS
@pytest.mark.parametrize("asked", ["before its time is over", "after that"])
@pytest.mark.parametrize("order", ["LG", "GL"])
def test_a_logout_that_is_done_when_nobody_waits_for_it_is_mended_if_it_was_asked_for_since(
    order: str, asked: str, token: str | None
) -> None:
    m = standing(token)
    logged_out = outcome(m.client.account_logout(ctidTraderAccountId=ACCOUNT))
    (logout,) = m.sent()
    again: list[Any] = []
    if asked == "before its time is over":
        again = outcome(m.client.authorise(ACCOUNT, token))
    for _ in range(6):
        let_it_stand(m)
    assert [type(each) for each in logged_out] == [AnswerTimeout]
    if asked == "after that":
        again = outcome(m.client.authorise(ACCOUNT, token))
    assert again == [None]
    said = {"L": codec.pack(LOGGED_OUT, logout.client_msg_id), "G": codec.pack(GONE, None)}
    m.sent()
    for each in order:
        m.give(said[each])
    assert state(m) is not AccountState.AUTHORISED
    let_it_stand(m)
    assert state(m) is AccountState.AUTHORISED
    assert m.client.subscriptions(ACCOUNT) != ()
    assert asked_for_after_a_loss(m)


def test_a_logout_that_is_done_when_nobody_waits_for_it_is_one_all_the_same_if_nobody_asked_since() -> None:
    m = standing("bare-token")
    m.client.authorise(ACCOUNT, "bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    (logout,) = m.sent()
    m.clock.advance(31)
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    assert state(m) is AccountState.UNAUTHORISED
    assert not asked_for_after_a_loss(m)


def test_it_is_one_all_the_same_if_another_account_was_asked_for_since() -> None:
    m = standing("bare-token")
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    (logout,) = m.sent()
    m.clock.advance(31)
    m.client.authorise(ACCOUNT + 1, "bare-token")
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    assert state(m) is AccountState.UNAUTHORISED


def test_what_was_put_off_does_not_bring_back_what_is_being_logged_out() -> None:
    m = standing("bare-token")
    m.client.authorise(ACCOUNT, "another-token").addErrback(lambda _: None)
    ((first, _),) = m.expect(AccountAuthReq)
    m.client.authorise(ACCOUNT, "a-third-token").addErrback(lambda _: None)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    ((logout, _),) = m.expect(LogoutReq)
    m.say(accepted(), to=first)  # the third token's turn
    m.expect()
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    m.clock.advance(10)
    m.expect()
    assert state(m) is AccountState.UNAUTHORISED


def test_what_was_put_off_is_made_up_for_when_the_logout_is_refused() -> None:
    m = standing("bare-token")
    m.client.authorise(ACCOUNT, "another-token")
    ((first, _),) = m.expect(AccountAuthReq)
    again = outcome(m.client.authorise(ACCOUNT, "a-third-token"))
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    ((logout, _),) = m.expect(LogoutReq)
    m.say(accepted(), to=first)
    refuse(m, logout, "SOMETHING")
    m.clock.advance(10)
    ((auth, asked),) = m.expect(AccountAuthReq)
    assert asked.accessToken == "a-third-token"
    m.say(accepted(), to=auth)
    assert again == [None]


@pytest.mark.parametrize("stands", [False, True], ids=["not standing", "standing"])
@pytest.mark.parametrize("why", ["due", "refused"])
def test_an_account_that_waits_for_tokens_is_not_authorised_behind_its_logout(why: str, stands: bool) -> None:
    m, keeper, _ = with_grants(grant(expires_at=60.0 if why == "due" else MONTH))
    if stands:
        authorise(m)
    waiting = outcome(m.client.authorise(ACCOUNT))
    if why == "refused":
        ((auth, _),) = m.expect(AccountAuthReq)
        refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    ((refresh, _),) = m.expect(RefreshReq)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT).addErrback(lambda _: None)
    ((logout, _),) = m.expect(LogoutReq)
    m.say(new_pair(), to=refresh)
    keeper.saved()
    m.expect()
    if stands:
        m.say(LOGGED_OUT, to=logout)
        m.say(GONE)
    else:
        refuse(m, logout, "INVALID_REQUEST", description="Trading account is not authorized")
    m.clock.advance(5)
    m.expect()
    assert state(m) is AccountState.UNAUTHORISED
    assert [type(each) for each in waiting] == [RequestNotSent]


def test_a_late_logout_takes_effect_before_what_was_asked_behind_it() -> None:
    m = Memory(timeout=5.0).ready()
    waiting = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((first, _),) = m.expect(AccountAuthReq)
    m.clock.advance(5)  # it is not answered
    m.client.account_logout(ctidTraderAccountId=ACCOUNT, timeout=0.5).addErrback(lambda _: None)
    ((logout, _),) = m.expect(LogoutReq)
    m.clock.advance(1)  # nor is that: the account is asked for again
    ((second, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=first)
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    m.say(accepted(), to=second)
    m.client.request(SPOTS)
    ((subscribe, _),) = m.expect(messages.ProtoOASubscribeSpotsReq)
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=subscribe)
    assert waiting == [None]
    assert state(m) is AccountState.AUTHORISED
    assert [each.symbol_id for each in m.client.subscriptions(ACCOUNT)] == [1]  # as the server has it
    assert asked_for_after_a_loss(m)


def test_what_is_renewed_in_the_session_after_its_own_is_ended() -> None:
    m = standing("bare-token")
    m.say(GONE)
    m.clock.advance(1)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    m.client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="bare-token")
    ((logout, _), (anew, _)) = m.expect(LogoutReq, AccountAuthReq)
    m.say(accepted(), to=auth)
    ((renewal, _),) = m.expect(messages.ProtoOASubscribeSpotsReq)  # the server reads it last
    m.say(LOGGED_OUT, to=logout)
    m.say(GONE)
    m.say(accepted(), to=anew)
    assert m.client.subscriptions(ACCOUNT) == ()
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=renewal)
    ((_, ended),) = m.expect(messages.ProtoOAUnsubscribeSpotsReq)
    assert list(ended.symbolId) == [1]


@pytest.mark.parametrize("renewal", ["answered", "put off"])
def test_what_an_account_that_is_kept_no_longer_is_subscribed_to_is_left_to_it(renewal: str) -> None:
    m = standing("bare-token")
    m.say(GONE)
    m.clock.advance(1)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)
    ((renewed, _),) = m.expect(messages.ProtoOASubscribeSpotsReq)
    if renewal == "put off":
        refuse(m, renewed, "CH_SERVER_NOT_REACHABLE")
    m.client.forget(ACCOUNT)
    if renewal == "answered":
        m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=renewed)
    else:  # whoever still needs it asks by hand, before the renewal would have been asked for again
        m.client.request(SPOTS)
        ((subscribe, _),) = m.expect(messages.ProtoOASubscribeSpotsReq)
        m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=subscribe)
    m.clock.advance(5)
    m.expect()
    assert state(m) is AccountState.AUTHORISED
