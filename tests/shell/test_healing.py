"""Accounts brought to stand and kept so: tokens, refusals, reconciling. The test is the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import Clock

from ctrader_twisted import AccountState, ConnectionState, messages
from ctrader_twisted.errors import (
    AccountRefused,
    ApplicationRefused,
    ClientClosed,
    GrantRefused,
    NotReadyInTime,
    TokenRefused,
    WrongEnvironment,
)
from ctrader_twisted.session.events import AccountChanged, Disconnected, Resynchronised
from ctrader_twisted.tokens import Grant, GrantedAccount, MemoryTokenStore, TokenKeeper
from tests.session.test_book import event, order, position
from tests.shell.memory import ACCOUNT, Memory, outcome

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from ctrader_twisted.wire.envelope import Envelope

OTHER, THIRD = 1000002, 1000003
ACCESS, REFRESH = "the-access-token-1", "the-refresh-token-1"
DAY = 86_400.0
MONTH = 30 * DAY

AccountAuthReq, AccountAuthRes = messages.ProtoOAAccountAuthReq, messages.ProtoOAAccountAuthRes
RefreshReq, ReconcileReq = messages.ProtoOARefreshTokenReq, messages.ProtoOAReconcileReq
AccountListReq = messages.ProtoOAGetAccountListByAccessTokenReq
AccountListRes = messages.ProtoOAGetAccountListByAccessTokenRes


def error(code: str, **fields: Any) -> messages.ProtoOAErrorRes:
    return messages.ProtoOAErrorRes(errorCode=code, **fields)


def accepted(account: int = ACCOUNT) -> messages.ProtoOAAccountAuthRes:
    return AccountAuthRes(ctidTraderAccountId=account)


def grant(*accounts: int, name: str = "default", access: str = ACCESS, **fields: Any) -> Grant:
    fields.setdefault("refresh_token", REFRESH)
    fields.setdefault("expires_at", MONTH)
    return Grant(name, access, accounts=tuple(map(GrantedAccount, accounts or (ACCOUNT,))), **fields)


class Store(MemoryTokenStore):
    """A store that remembers what was saved, in order."""

    def __init__(self, *grants: Grant) -> None:
        super().__init__(grants)
        self.saved: list[Grant] = []

    def save(self, grant: Grant) -> Deferred[None]:
        self.saved.append(grant)
        return super().save(grant)


def with_grants(*grants: Grant, **given: Any) -> tuple[Memory, TokenKeeper, Store]:
    clock, store = Clock(), Store(*grants)
    keeper = TokenKeeper(store, clock)
    return Memory(clock=clock, tokens=keeper, **given).ready(), keeper, store


def new_pair(number: int = 2, seconds: int = int(MONTH)) -> messages.ProtoOARefreshTokenRes:
    return messages.ProtoOARefreshTokenRes(
        accessToken=f"the-access-token-{number}",
        tokenType="bearer",
        expiresIn=seconds,
        refreshToken=f"the-refresh-token-{number}",
    )


def authorise(m: Memory, account: int = ACCOUNT, token: str | None = "bare-token") -> list[Any]:
    """Bring an account to stand by `authorise`."""
    result = outcome(m.client.authorise(account, token))
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(account), to=auth)
    assert result == [None]
    return result


def refuse(m: Memory, to: Envelope, code: str, **fields: Any) -> None:
    m.say(error(code, **fields), to=to)


def state(m: Memory, account: int = ACCOUNT) -> AccountState:
    return m.client.account_state(account)


def changes(m: Memory, account: int = ACCOUNT) -> list[AccountState]:
    return [change.state for change in m.of(AccountChanged) if change.account_id == account]


# Asking for an account


def test_an_account_is_authorised_as_soon_as_the_application_is() -> None:
    m = Memory()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    m.ready()
    ((auth, request),) = m.expect(AccountAuthReq)
    assert (request.ctidTraderAccountId, request.accessToken) == (ACCOUNT, "bare-token")
    assert result == []
    m.say(accepted(), to=auth)
    assert result == [None]
    assert outcome(m.client.authorise(ACCOUNT)) == [None]
    assert outcome(m.client.authorise(ACCOUNT, "bare-token")) == [None]
    m.expect()


def test_authorising_begins_to_connect() -> None:
    m = Memory()
    m.client.authorise(ACCOUNT, "bare-token").addErrback(lambda _: None)
    assert m.connector.connecting


def test_each_asker_has_a_deferred_of_his_own() -> None:
    m = Memory().ready()
    first, second = m.client.authorise(ACCOUNT, "bare-token"), m.client.authorise(ACCOUNT, "bare-token")
    cancelled, kept = outcome(first), outcome(second)
    first.cancel()
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)
    assert kept == [None]
    assert [type(error).__name__ for error in cancelled] == ["CancelledError"]


def test_a_bare_token_that_is_refused_fails_and_is_not_tried_again() -> None:
    m = Memory(dead_after=DAY).ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    assert [type(error) for error in result] == [TokenRefused]
    status = m.client.account_status(ACCOUNT)
    assert (status.state, "another access token" in status.remedy) == (AccountState.TOKEN_INVALID, True)
    m.clock.advance(300)
    m.expect()
    authorise(m, token="a-better-token")


@pytest.mark.parametrize("code", ["CH_CTID_TRADER_ACCOUNT_NOT_FOUND", "RET_ACCOUNT_DISABLED"])
def test_an_account_that_is_refused_fails_and_says_what_to_do(code: str) -> None:
    m = Memory().ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, code)
    (refusal,) = result
    assert isinstance(refusal, AccountRefused)
    status = m.client.account_status(ACCOUNT)
    assert (status.state, status.remedy) == (AccountState.REFUSED, refusal.remedy)
    assert code in status.reason
    m.end()
    m.clock.advance(5)
    m.ready()
    m.expect()  # it never stood, and nobody waits for it


def test_an_account_of_the_other_environment_is_told_from_a_busy_broker() -> None:
    m = Memory(live=False).ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CANT_ROUTE_REQUEST")
    ((asked, _),) = m.expect(AccountListReq)
    accounts = [messages.ProtoOACtidTraderAccount(ctidTraderAccountId=ACCOUNT, isLive=True)]
    m.say(
        messages.ProtoOAGetAccountListByAccessTokenRes(accessToken="bare-token", ctidTraderAccount=accounts), to=asked
    )
    (refusal,) = result
    assert isinstance(refusal, WrongEnvironment)
    assert "live account: connect to the live environment" in refusal.remedy
    assert refusal.__notes__ == [refusal.remedy]
    status = m.client.account_status(ACCOUNT)
    assert (status.state, status.remedy) == (AccountState.REFUSED, refusal.remedy)
    m.clock.advance(300)
    m.expect()


def test_an_account_the_token_was_not_granted_for_is_not_a_busy_broker_either() -> None:
    m = Memory(live=False).ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CANT_ROUTE_REQUEST")
    ((asked, _),) = m.expect(AccountListReq)
    m.say(AccountListRes(accessToken="bare-token"), to=asked)
    assert [type(error) for error in result] == [AccountRefused]


def test_a_busy_broker_is_asked_again() -> None:
    m = Memory(live=False).ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    account = messages.ProtoOACtidTraderAccount(ctidTraderAccountId=ACCOUNT, isLive=False)
    listed = AccountListRes(accessToken="bare-token", ctidTraderAccount=[account])
    for _ in range(3):
        ((auth, _),) = m.expect(AccountAuthReq)
        refuse(m, auth, "CANT_ROUTE_REQUEST")
        ((asked, _),) = m.expect(AccountListReq)
        m.say(listed, to=asked)
        assert state(m) is AccountState.DROPPED
        m.clock.advance(5)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)
    assert result == [None]


def test_waiting_can_be_limited_and_says_why_it_was_in_vain() -> None:
    m = Memory().ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token", timeout=3))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_SERVER_NOT_REACHABLE")
    m.clock.advance(3)
    (late,) = result
    assert isinstance(late, NotReadyInTime)
    assert "CH_SERVER_NOT_REACHABLE" in str(late)
    ((auth, _),) = m.expect(AccountAuthReq)  # it goes on trying
    m.say(accepted(), to=auth)
    assert state(m) is AccountState.AUTHORISED


def test_who_waits_for_an_account_is_told_of_a_refused_application_and_of_the_end(logged_errors: Any) -> None:
    m = Memory()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    m.accept()
    ((auth, _),) = m.expect(messages.ProtoOAApplicationAuthReq)
    refuse(m, auth, "CH_CLIENT_AUTH_FAILURE")
    assert [type(error) for error in result] == [ApplicationRefused]
    assert [type(error) for error in outcome(m.client.authorise(ACCOUNT, "bare-token"))] == [ApplicationRefused]

    assert logged_errors.complaint()
    n = Memory()
    result = outcome(n.client.authorise(ACCOUNT, "bare-token"))
    n.client.close()
    assert [type(error) for error in result] == [ClientClosed]
    assert [type(error) for error in outcome(n.client.authorise(ACCOUNT))] == [ClientClosed]
    assert n.clock.getDelayedCalls() == []


def test_a_logout_in_between_ends_the_waiting() -> None:
    m, _, _ = with_grants(grant())
    authorise(m, token=None)
    m.client.account_logout(ctidTraderAccountId=ACCOUNT)
    ((logout, _),) = m.expect(messages.ProtoOAAccountLogoutReq)
    m.say(messages.ProtoOAAccountLogoutRes(ctidTraderAccountId=ACCOUNT), to=logout)
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    assert state(m) is AccountState.UNAUTHORISED
    m.end()
    m.clock.advance(5)
    m.ready()
    m.expect()


def test_another_token_is_swapped_in_place() -> None:
    m = Memory().ready()
    authorise(m, token="bare-token")
    result = outcome(m.client.authorise(ACCOUNT, "another-token"))
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "another-token"
    m.say(accepted(), to=auth)
    assert result == [None]
    assert changes(m) == [AccountState.AUTHORISING, AccountState.AUTHORISED]
    m.end()
    m.clock.advance(5)
    m.ready()
    ((_, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "another-token"


def test_a_token_given_while_the_one_before_is_being_tried_is_tried_next() -> None:
    m = Memory().ready()
    m.client.authorise(ACCOUNT, "first-token").addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.client.authorise(ACCOUNT, "second-token").addErrback(lambda _: None)
    m.expect()
    m.say(accepted(), to=auth)
    ((_, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "second-token"


def test_ones_trouble_never_delays_another() -> None:
    m = Memory().ready()
    trouble = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    m.expect(AccountAuthReq)  # and never answered
    authorise(m, OTHER)
    assert trouble == []
    m.end()
    m.clock.advance(5)
    m.ready()
    first, second = m.expect(AccountAuthReq, AccountAuthReq)
    m.say(accepted(OTHER), to=first[0] if first[1].ctidTraderAccountId == OTHER else second[0])
    assert [event.account_id for event in m.of(Resynchronised)] == [OTHER]


# Tokens that are refused, refreshed, dead


def test_the_grant_that_opens_the_account_is_taken() -> None:
    m, _, _ = with_grants(
        grant(ACCOUNT, OTHER), grant(THIRD, name="second", access="the-other-token", refresh_token=None)
    )
    for account, token in ((ACCOUNT, ACCESS), (OTHER, ACCESS), (THIRD, "the-other-token")):
        m.client.authorise(account)
        ((auth, request),) = m.expect(AccountAuthReq)
        assert (request.ctidTraderAccountId, request.accessToken) == (account, token)
        m.say(accepted(account), to=auth)


def test_without_a_grant_somebody_has_to_log_in() -> None:
    m, keeper, _ = with_grants(grant(OTHER))
    result = outcome(m.client.authorise(ACCOUNT))
    (refusal,) = result
    assert isinstance(refusal, GrantRefused)
    assert refusal.remedy == (
        f"Say one of the ids that are open ({OTHER}), or log in with a cTrader ID that owns it: ctrader login"
    )
    assert "ctrader login" in m.client.account_status(ACCOUNT).remedy
    assert state(m) is AccountState.NEEDS_LOGIN
    keeper.update(grant(ACCOUNT, name="second", access="new-access"))
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "new-access"
    m.say(accepted(), to=auth)
    assert state(m) is AccountState.AUTHORISED


def test_an_invalidated_token_is_tried_before_it_is_refreshed() -> None:
    m, _, store = with_grants(grant())
    authorise(m, token=None)
    m.say(messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT], reason="whatever"))
    assert state(m) is AccountState.DROPPED
    assert m.client.account_status(ACCOUNT).reason == "whatever"
    m.clock.advance(1)
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == ACCESS
    m.say(accepted(), to=auth)
    assert state(m) is AccountState.AUTHORISED
    m.clock.advance(600)
    m.expect()
    assert store.saved == []
    assert len(m.of(Resynchronised)) == 1


def test_a_token_the_server_calls_bad_is_refreshed_once_and_all_its_accounts_move() -> None:
    m, _, store = with_grants(grant(ACCOUNT, OTHER))
    authorise(m, ACCOUNT, None)
    authorise(m, OTHER, None)
    m.say(messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT, OTHER], reason="revoked"))
    m.clock.advance(1)
    first, second = m.expect(AccountAuthReq, AccountAuthReq)
    refuse(m, first[0], "CH_ACCESS_TOKEN_INVALID")
    ((spent, request),) = m.expect(RefreshReq)
    assert request.refreshToken == REFRESH
    refuse(m, second[0], "CH_ACCESS_TOKEN_INVALID")
    m.expect()
    assert [saved.refresh_began_at for saved in store.saved] == [m.clock.seconds()]  # marked before it was spent
    assert (state(m, ACCOUNT), state(m, OTHER)) == (AccountState.TOKEN_INVALID, AccountState.TOKEN_INVALID)
    m.say(new_pair(), to=spent)
    kept = store.saved[-1]
    assert (kept.access_token, kept.refresh_token, kept.refresh_began_at) == (
        "the-access-token-2",
        "the-refresh-token-2",
        None,
    )
    for auth, request in m.expect(AccountAuthReq, AccountAuthReq):
        assert request.accessToken == "the-access-token-2"
        m.say(accepted(request.ctidTraderAccountId), to=auth)
    assert sorted(event.account_id for event in m.of(Resynchronised)) == [ACCOUNT, OTHER]
    # What the refresh does to the sessions of the old token is told late, and leads to no other refresh.
    m.say(messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT, OTHER], reason="refreshed"))
    m.clock.advance(2)
    for auth, request in m.expect(AccountAuthReq, AccountAuthReq):
        assert request.accessToken == "the-access-token-2"
        m.say(error("ALREADY_LOGGED_IN"), to=auth)
    m.clock.advance(600)
    m.expect()
    assert len(store.saved) == 2


def test_a_dead_grant_needs_a_login_and_a_login_heals_it() -> None:
    m, keeper, _ = with_grants(grant(ACCOUNT, OTHER))
    authorise(m, ACCOUNT, None)
    authorise(m, OTHER, None)
    m.say(messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT, OTHER], reason="revoked"))
    m.clock.advance(1)
    for auth, _ in m.expect(AccountAuthReq, AccountAuthReq):
        refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    ((spent, _),) = m.expect(RefreshReq)
    refuse(m, spent, "CH_ACCESS_TOKEN_INVALID", description="Refresh token is not valid")
    for account in (ACCOUNT, OTHER):
        status = m.client.account_status(account)
        assert status.state is AccountState.NEEDS_LOGIN
        assert "ctrader login" in status.remedy
        assert "Refresh token is not valid" in status.reason
    m.clock.advance(600)
    m.expect()
    m.end()
    m.clock.advance(5)
    m.ready()
    m.expect()  # nothing new is known: nothing is asked
    keeper.update(grant(ACCOUNT, OTHER, access="after-login", refresh_token="r"))
    for auth, request in m.expect(AccountAuthReq, AccountAuthReq):
        assert request.accessToken == "after-login"
        m.say(accepted(request.ctidTraderAccountId), to=auth)
    assert (state(m, ACCOUNT), state(m, OTHER)) == (AccountState.AUTHORISED, AccountState.AUTHORISED)
    assert sorted(event.account_id for event in m.of(Resynchronised)) == [ACCOUNT, OTHER]


def test_a_fresh_token_that_is_refused_too_is_not_refreshed_again() -> None:
    m, _, _ = with_grants(grant())
    result = outcome(m.client.authorise(ACCOUNT))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    ((spent, _),) = m.expect(RefreshReq)
    m.say(new_pair(), to=spent)
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    assert [type(error) for error in result] == [GrantRefused]
    assert state(m) is AccountState.NEEDS_LOGIN
    m.clock.advance(600)
    m.expect()


def test_a_grant_without_a_refresh_token_needs_a_login() -> None:
    m, _, _ = with_grants(grant(refresh_token=None))
    result = outcome(m.client.authorise(ACCOUNT))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "OA_AUTH_TOKEN_EXPIRED")
    assert [type(error) for error in result] == [GrantRefused]
    assert state(m) is AccountState.NEEDS_LOGIN


def test_tokens_that_end_within_a_day_are_refreshed_before_the_account_is_authorised() -> None:
    m, _, _ = with_grants(grant(ACCOUNT, OTHER, expires_at=DAY - 1))
    first, second = outcome(m.client.authorise(ACCOUNT)), outcome(m.client.authorise(OTHER))
    ((spent, _),) = m.expect(RefreshReq)
    m.say(new_pair(), to=spent)
    for auth, request in m.expect(AccountAuthReq, AccountAuthReq):
        assert request.accessToken == "the-access-token-2"
        m.say(accepted(request.ctidTraderAccountId), to=auth)
    assert first == second == [None]


def test_a_refresh_that_fails_before_its_time_leaves_the_token_that_still_works(logged_errors: Any) -> None:
    m, _, _ = with_grants(grant(expires_at=DAY - 1))
    m.client.authorise(ACCOUNT)
    ((spent, _),) = m.expect(RefreshReq)
    refuse(m, spent, "CH_SERVER_NOT_REACHABLE")
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == ACCESS
    m.say(accepted(), to=auth)
    assert state(m) is AccountState.AUTHORISED
    assert logged_errors.complaint()


def test_tokens_are_refreshed_in_place_a_day_before_they_end() -> None:
    m, _, store = with_grants(grant(ACCOUNT, expires_at=3 * DAY), dead_after=10 * DAY)
    authorise(m, token=None)
    m.clock.advance(2 * DAY - 1)
    m.expect()
    m.clock.advance(1)
    ((spent, _),) = m.expect(RefreshReq)
    m.say(new_pair(), to=spent)
    assert store.saved[-1].access_token == "the-access-token-2"
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "the-access-token-2"
    m.say(accepted(), to=auth)
    assert changes(m) == [AccountState.AUTHORISING, AccountState.AUTHORISED]


def test_tokens_that_live_for_less_than_a_day_are_refreshed_at_half_their_life() -> None:
    m, _, store = with_grants(grant(ACCOUNT, expires_at=1000, obtained_at=0), dead_after=10 * DAY)
    authorise(m, token=None)
    for number in range(2, 6):
        m.clock.advance(499)
        m.expect()
        m.clock.advance(1)
        ((spent, _),) = m.expect(RefreshReq)
        m.say(new_pair(number, 1000), to=spent)
        ((auth, _),) = m.expect(AccountAuthReq)
        m.say(accepted(), to=auth)
    assert len(store.saved) == 8


def test_a_refresh_in_place_that_is_refused_is_told_of_though_the_account_stands(logged_errors: Any) -> None:
    m, _, _ = with_grants(grant(ACCOUNT, expires_at=3 * DAY), dead_after=10 * DAY)
    authorise(m, token=None)
    m.clock.advance(2 * DAY)
    ((spent, _),) = m.expect(RefreshReq)
    refuse(m, spent, "CH_ACCESS_TOKEN_INVALID")
    last = m.of(AccountChanged)[-1]
    assert (last.state, last.previous) == (AccountState.AUTHORISED, AccountState.AUTHORISED)
    assert "ctrader login" in last.remedy
    m.clock.advance(DAY / 2)
    m.expect()
    assert logged_errors.complaint()


def test_a_line_cut_during_a_refresh_leaves_a_mark_and_the_refresh_token_is_tried_again() -> None:
    m, _, store = with_grants(grant())
    result = outcome(m.client.authorise(ACCOUNT))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    m.expect(RefreshReq)
    m.end(clean=False)
    assert store.saved[-1].refresh_began_at is not None
    m.clock.advance(5)
    m.ready()
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == ACCESS
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    ((spent, request),) = m.expect(RefreshReq)
    assert request.refreshToken == REFRESH
    refuse(m, spent, "CH_ACCESS_TOKEN_INVALID")
    (refusal,) = result
    assert isinstance(refusal, GrantRefused)
    assert "1970-01-01" in refusal.reason  # when the refresh began that was interrupted


def test_closing_waits_for_a_refresh_and_keeps_what_it_gives() -> None:
    m, keeper, store = with_grants(grant())
    m.client.authorise(ACCOUNT).addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    ((spent, _),) = m.expect(RefreshReq)
    closed = outcome(m.client.close())
    assert not m.leaving
    assert [type(error) for error in outcome(m.client.trader(ctidTraderAccountId=ACCOUNT))] == [ClientClosed]
    m.say(new_pair(), to=spent)
    assert store.saved[-1].access_token == "the-access-token-2"
    assert m.parted()
    m.end()
    assert closed == [None]
    assert m.clock.getDelayedCalls() == []
    assert outcome(keeper.saved()) == [None]


def test_closing_does_not_wait_for_ever_for_a_refresh(logged_errors: Any) -> None:
    m, _, _ = with_grants(grant())
    m.client.authorise(ACCOUNT).addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    m.expect(RefreshReq)
    closed = outcome(m.client.close())
    m.clock.advance(14)
    assert not m.leaving
    m.clock.advance(1)
    assert m.parted()
    assert "somebody has to log in again" in logged_errors.complaint()
    m.end()
    assert closed == [None]
    assert m.clock.getDelayedCalls() == []


def test_a_line_cut_while_closing_waits_for_a_refresh() -> None:
    m, _, _ = with_grants(grant())
    m.client.authorise(ACCOUNT).addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    m.expect(RefreshReq)
    closed = outcome(m.client.close())
    m.end(clean=False)
    assert closed == [None]
    assert m.client.state is ConnectionState.CLOSED
    assert m.clock.getDelayedCalls() == []


def test_two_clients_share_the_tokens_and_one_refreshes_for_both() -> None:
    clock = Clock()
    keeper = TokenKeeper(Store(grant(ACCOUNT, OTHER)), clock)
    demo = Memory(clock=clock, tokens=keeper).ready()
    live = Memory(clock=clock, tokens=keeper).ready()
    authorise(demo, ACCOUNT, None)
    authorise(live, OTHER, None)
    demo.say(messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT], reason="revoked"))
    clock.advance(1)
    ((auth, _),) = demo.expect(AccountAuthReq)
    refuse(demo, auth, "CH_ACCESS_TOKEN_INVALID")
    ((spent, _),) = demo.expect(RefreshReq)
    demo.say(new_pair(), to=spent)
    for m in (demo, live):
        ((auth, request),) = m.expect(AccountAuthReq)
        assert request.accessToken == "the-access-token-2"
        m.say(accepted(request.ctidTraderAccountId), to=auth)
    assert (state(demo), state(live, OTHER)) == (AccountState.AUTHORISED, AccountState.AUTHORISED)


def test_a_bare_token_that_is_one_of_a_grants_moves_with_it() -> None:
    m, keeper, _ = with_grants(grant(ACCOUNT, OTHER))
    outcome(keeper.load())
    authorise(m, ACCOUNT, ACCESS)
    keeper.update(grant(ACCOUNT, OTHER, access="refreshed-elsewhere"))
    ((_, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "refreshed-elsewhere"


def test_a_command_by_a_token_that_may_only_look_does_not_end_the_session() -> None:
    m, _, _ = with_grants(grant(scope="accounts"))
    authorise(m, token=None)
    result = outcome(m.client.cancel_order(ctidTraderAccountId=ACCOUNT, orderId=1))
    ((cancel, _),) = m.expect(messages.ProtoOACancelOrderReq)
    refuse(m, cancel, "ACCOUNT_NOT_AUTHORIZED")
    assert len(result) == 1
    assert state(m) is AccountState.AUTHORISED


def test_a_description_that_repeats_the_token_is_told_without_it() -> None:
    m = Memory().ready()
    result = outcome(m.client.authorise(ACCOUNT, "bare-token"))
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID", description="token bare-token is unknown")
    assert str(result[0]).endswith("(token *** is unknown), account 1000001")
    m.say(messages.ProtoOAClientDisconnectEvent(reason="bare-token was misused"))
    assert m.of(Disconnected) == []
    m.end()
    assert "bare-token" not in str(m.of(Disconnected)[0].reason)


# Waiting as long as the server asks


def test_an_account_waits_for_the_end_of_a_maintenance() -> None:
    m = Memory(dead_after=DAY).ready()
    m.client.authorise(ACCOUNT, "bare-token").addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=600)  # seconds, in this message
    m.clock.advance(599)
    m.expect()
    m.clock.advance(1)
    m.expect(AccountAuthReq)


@pytest.mark.parametrize(
    "told",
    [
        messages.ProtoErrorRes(errorCode="SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=600_000),
        error("SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=600),
    ],
    ids=["milliseconds", "seconds"],
)
def test_a_connection_waits_for_the_end_of_a_maintenance(told: Any) -> None:
    m = Memory()
    m.accept()
    ((auth, _),) = m.expect(messages.ProtoOAApplicationAuthReq)
    m.say(told, to=auth)
    m.end()
    assert m.of(Disconnected)[-1].retry_in == pytest.approx(600)
    m.clock.advance(599)
    assert not m.connector.connecting
    m.clock.advance(1)
    m.ready()
    m.end()
    assert m.of(Disconnected)[-1].retry_in < 10  # it is over


def test_a_maintenance_that_is_only_announced_is_waited_for_after_the_loss() -> None:
    m = Memory().ready()
    m.say(messages.ProtoErrorRes(errorCode="SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=600_000))
    m.end()
    assert m.of(Disconnected)[-1].retry_in == pytest.approx(600)


def test_an_absurd_end_of_a_maintenance_is_not_believed() -> None:
    m = Memory(maintenance_at_most=3600)
    m.accept()
    ((auth, _),) = m.expect(messages.ProtoOAApplicationAuthReq)
    refuse(m, auth, "SERVER_IS_UNDER_MAINTENANCE", maintenanceEndTimestamp=10**12)
    m.end()
    assert m.of(Disconnected)[-1].retry_in == pytest.approx(3600)


@pytest.mark.parametrize("reason", ["Blocked by administrator", "banned", "Your application was suspended"])
def test_a_server_that_blocked_the_application_is_not_hammered(reason: str, logged_errors: Any) -> None:
    m = Memory().ready()
    m.say(messages.ProtoOAClientDisconnectEvent(reason=reason))
    m.end()
    assert m.of(Disconnected)[-1].retry_in == pytest.approx(900)
    assert reason in str(m.of(Disconnected)[-1].reason)
    m.clock.advance(899)
    assert not m.connector.connecting
    m.clock.advance(1)
    assert m.connector.connecting
    assert logged_errors.complaint()


def test_an_application_that_is_cut_again_and_again_comes_back_ever_more_slowly() -> None:
    m = Memory().ready()
    m.factory.jitter = 0
    waits = []
    for _ in range(12):
        m.say(messages.ProtoOAClientDisconnectEvent(reason="restart"))
        m.end()
        waits.append(m.of(Disconnected)[-1].retry_in)
        m.clock.advance(waits[-1])
        m.ready()
    assert waits[0] < 4
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(60)
    m.clock.advance(70)
    m.say(messages.ProtoHeartbeatEvent())
    m.say(messages.ProtoOAClientDisconnectEvent(reason="restart"))
    m.end()
    assert m.of(Disconnected)[-1].retry_in < 4


# Reconciling


def reconcile(m: Memory, *positions: Any, orders: Any = ()) -> None:
    ((asked, request),) = m.expect(ReconcileReq)
    assert request.returnProtectionOrders
    m.say(
        messages.ProtoOAReconcileRes(ctidTraderAccountId=ACCOUNT, position=positions, order=orders),
        to=asked,
    )


def cut_account(m: Memory) -> None:
    """Cut the account and let it be authorised again."""
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    m.clock.advance(1)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)


def test_a_loss_tells_what_became_of_positions_and_orders() -> None:
    m = Memory(reconcile=True).ready()
    authorise(m)
    reconcile(m, position(1), position(2), orders=[order(7)])
    m.say(event(messages.ProtoOAExecutionType.ORDER_FILLED, position=position(3)))
    cut_account(m)
    reconcile(m, position(2, stopLoss=1.1), position(4), orders=[])
    (told,) = m.of(Resynchronised)
    assert told.unreconciled is None
    assert [p.positionId for p in told.positions.added] == [4]
    assert [p.positionId for p in told.positions.removed] == [1, 3]
    assert [after.stopLoss for _, after in told.positions.changed] == [1.1]
    assert [o.orderId for o in told.orders.removed] == [7]


def test_a_loss_before_anything_was_known_says_so() -> None:
    m = Memory(reconcile=True).ready()
    authorise(m)
    m.expect(ReconcileReq)  # not answered
    cut_account(m)
    reconcile(m, position(1))
    (told,) = m.of(Resynchronised)
    assert (told.positions, told.orders, told.unreconciled) == (None, None, None)


def test_a_server_that_does_not_say_what_there_is_does_not_keep_the_account_from_standing() -> None:
    m = Memory(reconcile=True).ready()
    authorise(m)
    reconcile(m)
    cut_account(m)
    ((asked, _),) = m.expect(ReconcileReq)
    refuse(m, asked, "INTERNAL_ERROR")
    (told,) = m.of(Resynchronised)
    assert (told.positions, told.unreconciled.code) == (None, "INTERNAL_ERROR")


def test_subscriptions_are_renewed_while_the_answer_is_on_its_way() -> None:
    m = Memory(reconcile=True).ready()
    authorise(m)
    reconcile(m)
    m.client.subscribe_spots(ctidTraderAccountId=ACCOUNT, symbolId=[1])
    ((asked, _),) = m.expect(messages.ProtoOASubscribeSpotsReq)
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=asked)
    cut_account(m)
    (reconciling, _), (subscribing, _) = m.expect(ReconcileReq, messages.ProtoOASubscribeSpotsReq)
    m.say(messages.ProtoOASubscribeSpotsRes(ctidTraderAccountId=ACCOUNT), to=subscribing)
    assert m.of(Resynchronised) == []
    m.say(messages.ProtoOAReconcileRes(ctidTraderAccountId=ACCOUNT), to=reconciling)
    (told,) = m.of(Resynchronised)
    assert [subscription.kind for subscription in told.renewed] == ["spots"]


def test_an_account_cut_again_while_it_is_reconciled_is_told_of_once() -> None:
    m = Memory(reconcile=True).ready()
    authorise(m)
    reconcile(m, position(1))
    cut_account(m)
    m.expect(ReconcileReq)
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    m.clock.advance(3)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.say(accepted(), to=auth)
    reconcile(m, position(2))
    (told,) = m.of(Resynchronised)
    assert [p.positionId for p in told.positions.added] == [2]
    assert [p.positionId for p in told.positions.removed] == [1]


def test_nothing_is_spent_once_the_client_is_being_closed() -> None:
    m, _, store = with_grants(grant(ACCOUNT), grant(OTHER, name="second", access="second-access"))
    m.client.authorise(ACCOUNT).addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    m.client.authorise(OTHER).addErrback(lambda _: None)
    ((other, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "CH_ACCESS_TOKEN_INVALID")
    ((spent, _),) = m.expect(RefreshReq)
    m.client.close()
    refuse(m, other, "CH_ACCESS_TOKEN_INVALID")
    m.expect()
    m.say(new_pair(), to=spent)
    assert m.parted()
    m.end()
    assert {saved.name for saved in store.saved if saved.refresh_began_at is None} == {"default", "second"}
    assert m.clock.getDelayedCalls() == []


def test_a_login_in_another_program_is_found_without_being_told_of() -> None:
    m, _, store = with_grants(grant(refresh_token=None))
    m.client.authorise(ACCOUNT).addErrback(lambda _: None)
    ((auth, _),) = m.expect(AccountAuthReq)
    refuse(m, auth, "OA_AUTH_TOKEN_EXPIRED")
    assert state(m) is AccountState.NEEDS_LOGIN
    m.clock.advance(3)
    m.expect()
    store.save(grant(access="after-login"))
    m.clock.advance(3)
    ((auth, request),) = m.expect(AccountAuthReq)
    assert request.accessToken == "after-login"
    m.say(accepted(), to=auth)
    m.client.close()
    m.end()
    assert m.clock.getDelayedCalls() == []
