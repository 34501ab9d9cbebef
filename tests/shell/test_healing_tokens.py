"""Which token an account is authorised with when several come into question, and what becomes of who waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import fail
from twisted.internet.task import Clock

from ctrader_twisted import AccountState, Wire, messages
from ctrader_twisted.errors import GrantRefused, TokenRefused
from ctrader_twisted.refreshing import REFRESH_TIMEOUT
from ctrader_twisted.session.events import AccountChanged, Problem, Resynchronised
from ctrader_twisted.tokens import Grant, MemoryTokenStore, TokenKeeper
from tests.shell.memory import ACCOUNT, Memory, outcome
from tests.shell.test_factory import reconnect
from tests.shell.test_healing import (
    ACCESS,
    DAY,
    MONTH,
    OTHER,
    REFRESH,
    AccountAuthReq,
    ReconcileReq,
    RefreshReq,
    Store,
    accepted,
    authorise,
    cut_account,
    grant,
    new_pair,
    reconcile,
    refuse,
    state,
    with_grants,
)

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from ctrader_twisted.wire.envelope import Envelope

INVALID = "CH_ACCESS_TOKEN_INVALID"


def tried(m: Memory) -> tuple[Envelope, str]:
    """Take the authorisation that the client has sent, and nothing else, and give it with its token."""
    ((auth, request),) = m.expect(AccountAuthReq)
    return auth, request.accessToken


def accept(m: Memory, token: str) -> None:
    """Accept the authorisation that the client has sent, which must be with this token."""
    auth, given = tried(m)
    assert given == token
    m.say(accepted(), to=auth)


def reject(m: Memory, token: str, code: str = INVALID) -> None:
    """Refuse the authorisation that the client has sent, which must be with this token."""
    auth, given = tried(m)
    assert given == token
    refuse(m, auth, code)


def spending(m: Memory, token: str = REFRESH) -> Envelope:
    """Take the refresh that the client has sent, and nothing else, which must spend this token."""
    ((spent, request),) = m.expect(RefreshReq)
    assert request.refreshToken == token
    return spent


def invalidate(m: Memory) -> None:
    """End the account's session for the sake of its token, and let it be tried again."""
    m.say(messages.ProtoOAAccountsTokenInvalidatedEvent(ctidTraderAccountIds=[ACCOUNT], reason="revoked"))
    m.clock.advance(1)


def ignore(_: object) -> None:
    """Take an error that is no matter of the test's."""


# Bare tokens


def test_a_refused_bare_token_is_not_replaced_by_a_grants() -> None:
    m, keeper, _ = with_grants(grant(), dead_after=DAY)
    outcome(keeper.load())
    result = outcome(m.client.authorise(ACCOUNT, "bad-token"))
    reject(m, "bad-token")
    assert [type(error) for error in result] == [TokenRefused]
    m.clock.advance(300)
    m.expect()


def test_who_is_told_of_a_refusal_may_ask_again_at_once() -> None:
    m = Memory().ready()
    asked = m.client.authorise(ACCOUNT, "bad-token")
    result = outcome(asked.addErrback(lambda _: m.client.authorise(ACCOUNT, "good-token")))
    reject(m, "bad-token")
    accept(m, "good-token")
    assert result == [None]


def test_a_listener_to_a_refusal_may_ask_again_at_once() -> None:
    m = Memory().ready()
    again: list[list[Any]] = []

    def ask(change: AccountChanged) -> None:
        if change.state is AccountState.TOKEN_INVALID:
            again.append(outcome(m.client.authorise(ACCOUNT, "good-token")))

    m.client.on(AccountChanged, ask)
    first = outcome(m.client.authorise(ACCOUNT, "bad-token"))
    reject(m, "bad-token")
    assert ([type(error) for error in first], again) == ([TokenRefused], [[]])
    accept(m, "good-token")
    assert again == [[None]]


def test_each_token_fails_only_who_gave_it() -> None:
    m = Memory().ready()
    first = outcome(m.client.authorise(ACCOUNT, "bad-token"))
    auth, _ = tried(m)
    second = outcome(m.client.authorise(ACCOUNT, "good-token"))
    refuse(m, auth, INVALID)
    assert ([type(error) for error in first], second) == ([TokenRefused], [])
    accept(m, "good-token")
    assert second == [None]


def test_one_who_waits_may_be_cancelled_by_the_one_before() -> None:
    m = Memory().ready()
    first, second = m.client.authorise(ACCOUNT, "a-token"), m.client.authorise(ACCOUNT, "a-token")
    cancelled = outcome(second)
    result = outcome(first.addCallback(lambda _: second.cancel()))
    accept(m, "a-token")
    assert result == [None]
    assert [type(error).__name__ for error in cancelled] == ["CancelledError"]


def test_who_asks_for_an_account_that_is_down_waits_until_it_stands() -> None:
    m = Memory().ready()
    authorise(m, token="a-token")
    m.end()
    result = outcome(m.client.authorise(ACCOUNT, "a-token"))
    reconnect(m)
    assert result == []
    accept(m, "a-token")
    assert result == [None]


def test_an_account_that_is_authorised_by_hand_meanwhile_is_not_asked_for_again() -> None:
    m = Memory().ready()
    result = outcome(m.client.authorise(ACCOUNT, "a-token"))
    m.client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="a-token")
    for auth, _ in m.expect(AccountAuthReq, AccountAuthReq):
        m.say(accepted(), to=auth)
    assert result == [None]
    m.expect()


def test_an_account_that_is_cut_while_a_new_token_is_refused_comes_back_with_the_old_one() -> None:
    m = Memory().ready()
    authorise(m, token="good-token")
    m.client.authorise(ACCOUNT, "bad-token").addErrback(ignore)
    auth, _ = tried(m)
    m.say(messages.ProtoOAAccountDisconnectEvent(ctidTraderAccountId=ACCOUNT))
    refuse(m, auth, INVALID)
    m.clock.advance(1)
    accept(m, "good-token")
    assert state(m) is AccountState.AUTHORISED


def test_a_token_that_was_swapped_in_is_forgotten_when_another_is_by_hand() -> None:
    m = Memory().ready()
    authorise(m, token="first-token")
    m.client.authorise(ACCOUNT, "second-token")
    accept(m, "second-token")
    m.client.account_auth(ctidTraderAccountId=ACCOUNT, accessToken="third-token")
    accept(m, "third-token")
    m.end()
    reconnect(m)
    accept(m, "third-token")


def test_a_new_token_that_could_not_be_tried_is_tried_again_though_the_account_was_restored_meanwhile() -> None:
    m = Memory(reconcile=True).ready()
    authorise(m, token="first-token")
    reconcile(m)
    cut_account(m)
    ((asked, _),) = m.expect(ReconcileReq)
    result = outcome(m.client.authorise(ACCOUNT, "second-token"))
    reject(m, "second-token", "CH_SERVER_NOT_REACHABLE")
    m.say(messages.ProtoOAReconcileRes(ctidTraderAccountId=ACCOUNT), to=asked)
    assert len(m.of(Resynchronised)) == 1
    m.clock.advance(5)
    accept(m, "second-token")
    assert result == [None]


# Bare tokens and grants


def test_a_refused_bare_token_does_not_part_an_account_from_its_grant() -> None:
    m, keeper, _ = with_grants(grant())
    authorise(m, token=None)
    m.client.authorise(ACCOUNT, "bad-token").addErrback(ignore)
    reject(m, "bad-token")
    assert state(m) is AccountState.AUTHORISED
    keeper.update(grant(access="refreshed-elsewhere"))
    accept(m, "refreshed-elsewhere")


def test_a_grants_token_that_was_swapped_in_moves_with_it() -> None:
    m, keeper, _ = with_grants(grant())
    outcome(keeper.load())
    authorise(m, token="bare-token")
    m.client.authorise(ACCOUNT, ACCESS)
    accept(m, ACCESS)
    keeper.update(grant(access="refreshed-elsewhere"))
    accept(m, "refreshed-elsewhere")


def test_an_account_that_was_authorised_by_hand_moves_to_the_grant_it_is_asked_for_by() -> None:
    m, keeper, _ = with_grants(grant())
    m.authorised()
    result = outcome(m.client.authorise(ACCOUNT))
    accept(m, ACCESS)
    assert result == [None]
    keeper.update(grant(access="refreshed-elsewhere"))
    accept(m, "refreshed-elsewhere")


def test_what_a_grant_does_not_allow_is_forgotten_with_it() -> None:
    m, _, _ = with_grants(grant(scope="accounts"))
    authorise(m, token=None)
    m.client.authorise(ACCOUNT, "trading-token")
    accept(m, "trading-token")
    m.client.cancel_order(ctidTraderAccountId=ACCOUNT, orderId=1).addErrback(ignore)
    ((cancel, _),) = m.expect(messages.ProtoOACancelOrderReq)
    refuse(m, cancel, "ACCOUNT_NOT_AUTHORIZED")
    assert state(m) is AccountState.DROPPED


# Logins


def needing_login() -> tuple[Memory, TokenKeeper]:
    m, keeper, _ = with_grants(grant(refresh_token=None))
    m.client.authorise(ACCOUNT).addErrback(ignore)
    reject(m, ACCESS)
    assert state(m) is AccountState.NEEDS_LOGIN
    return m, keeper


def test_a_login_while_there_is_no_connection_counts_when_there_is_one() -> None:
    m, keeper = needing_login()
    m.end()
    keeper.update(grant(access="after-login"))
    reconnect(m)
    accept(m, "after-login")
    assert state(m) is AccountState.AUTHORISED


@pytest.mark.parametrize("cut", [False, True], ids=["no connection", "application cut"])
def test_a_token_that_is_given_while_nothing_can_be_asked_is_tried_when_it_can(cut: bool) -> None:
    m, _ = needing_login()
    if cut:
        m.say(messages.ProtoOAClientDisconnectEvent(reason="restart"))
    else:
        m.end()
    result = outcome(m.client.authorise(ACCOUNT, "new-token"))
    if cut:
        m.end()
    reconnect(m)
    accept(m, "new-token")
    assert result == [None]


def test_a_login_in_another_program_is_found_by_who_asks_again() -> None:
    m, _, store = with_grants(grant(OTHER))
    assert [type(error) for error in outcome(m.client.authorise(ACCOUNT))] == [GrantRefused]
    MemoryTokenStore.save(store, grant(name="second", access="second-access"))
    result = outcome(m.client.authorise(ACCOUNT))
    accept(m, "second-access")
    assert result == [None]


def test_a_login_counts_though_it_came_while_the_old_refresh_token_was_being_refused() -> None:
    m, keeper, _ = with_grants(grant())
    result = outcome(m.client.authorise(ACCOUNT))
    reject(m, ACCESS)
    spent = spending(m)
    keeper.update(grant(access="after-login", refresh_token="the-refresh-token-2"))  # waits for the refresh to end
    refuse(m, spent, INVALID)
    accept(m, "after-login")
    assert result == [None]


def test_a_login_in_place_takes_the_remedy_back(logged_errors: Any) -> None:
    m, keeper, _ = with_grants(grant(expires_at=3 * DAY), dead_after=10 * DAY)
    authorise(m, token=None)
    m.clock.advance(2 * DAY)
    refuse(m, spending(m), INVALID)
    assert "ctrader login" in m.client.account_status(ACCOUNT).remedy
    assert logged_errors.complaint()
    keeper.update(grant(access="after-login", expires_at=40 * DAY))
    accept(m, "after-login")
    status = m.client.account_status(ACCOUNT)
    assert (status.reason, status.remedy) == ("", "")
    last = m.of(AccountChanged)[-1]
    assert (last.state, last.previous, last.remedy) == (AccountState.AUTHORISED, AccountState.AUTHORISED, "")


# Several grants


def test_an_account_whose_grant_is_dead_moves_to_another_that_opens_it() -> None:
    m, keeper, _ = with_grants(grant())
    authorise(m, token=None)
    keeper.update(grant(name="second", access="second-access", expires_at=2 * MONTH))
    invalidate(m)
    reject(m, ACCESS)
    refuse(m, spending(m), INVALID)
    accept(m, "second-access")
    keeper.update(grant(name="second", access="refreshed-elsewhere", expires_at=2 * MONTH))
    accept(m, "refreshed-elsewhere")


def test_an_account_whose_grant_was_removed_moves_to_another_that_opens_it() -> None:
    m, keeper, store = with_grants(grant())
    authorise(m, token=None)
    store.remove("default")
    MemoryTokenStore.save(store, grant(name="second", access="second-access"))
    keeper.load()
    accept(m, "second-access")
    invalidate(m)
    accept(m, "second-access")
    assert state(m) is AccountState.AUTHORISED


def test_a_newer_token_of_the_grant_that_has_ended_too_is_refreshed() -> None:
    m, keeper, _ = with_grants(grant())
    result = outcome(m.client.authorise(ACCOUNT))
    auth, _ = tried(m)
    keeper.update(grant(access="newer", refresh_token="newer-refresh"))
    refuse(m, auth, INVALID)
    reject(m, "newer", "OA_AUTH_TOKEN_EXPIRED")
    m.say(new_pair(), to=spending(m, "newer-refresh"))
    accept(m, "the-access-token-2")
    assert result == [None]


# Refreshes


@pytest.mark.parametrize("seconds", [0, -1])
def test_tokens_that_are_said_to_live_for_no_time_are_used_until_they_are_refused(seconds: int) -> None:
    m, _, store = with_grants(grant(), dead_after=10 * DAY)
    result = outcome(m.client.authorise(ACCOUNT))
    reject(m, ACCESS)
    m.say(new_pair(2, seconds), to=spending(m))
    accept(m, "the-access-token-2")
    assert result == [None]
    assert store.saved[-1].expires_at is None
    m.clock.advance(2 * DAY)
    m.expect()


def test_an_answer_to_a_refresh_that_holds_no_token_is_not_saved_over_one_that_may_be_good() -> None:
    m, _, store = with_grants(grant())
    m.client.authorise(ACCOUNT)
    reject(m, ACCESS)
    empty = messages.ProtoOARefreshTokenRes(accessToken="", tokenType="bearer", expiresIn=1, refreshToken="")
    m.say(empty, to=spending(m))
    assert {(saved.access_token, saved.refresh_token) for saved in store.saved} == {(ACCESS, REFRESH)}
    m.clock.advance(1)
    accept(m, ACCESS)
    assert state(m) is AccountState.AUTHORISED


def test_an_answer_to_a_refresh_that_comes_late_is_kept() -> None:
    m, _, store = with_grants(grant(), dead_after=DAY)
    result = outcome(m.client.authorise(ACCOUNT))
    reject(m, ACCESS)
    spent = spending(m)
    m.clock.advance(300)
    m.say(new_pair(), to=spent)
    kept = store.saved[-1]
    assert (kept.access_token, kept.refresh_token, kept.refresh_began_at) == (
        "the-access-token-2",
        "the-refresh-token-2",
        None,
    )
    accept(m, "the-access-token-2")
    assert result == [None]


def test_a_refresh_that_is_never_answered_is_asked_for_again() -> None:
    m, _, _ = with_grants(grant(), dead_after=DAY)
    result = outcome(m.client.authorise(ACCOUNT))
    reject(m, ACCESS)
    spending(m)
    m.clock.advance(300)
    m.clock.advance(1)
    reject(m, ACCESS)
    m.say(new_pair(), to=spending(m))
    accept(m, "the-access-token-2")
    assert result == [None]


def test_a_client_that_is_closed_while_another_refreshes_and_it_is_being_authorised_stays_closed() -> None:
    clock = Clock()
    keeper = TokenKeeper(Store(grant()), clock)
    one = Memory(clock=clock, tokens=keeper).ready()
    one.client.authorise(ACCOUNT)
    reject(one, ACCESS)
    spending(one)
    two = Memory(clock=clock, tokens=keeper)
    two.accept()
    ((auth, _),) = two.expect(messages.ProtoOAApplicationAuthReq)
    closed = outcome(two.client.close())
    two.say(messages.ProtoOAApplicationAuthRes(), to=auth)
    two.end()
    clock.advance(60)
    assert closed == [None]
    assert two.connector.attempts == 1


@pytest.mark.wires(Wire.JSON)  # over protobuf nothing asks what an answer lacks
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
@pytest.mark.parametrize("others", ['"expiresIn":100', '"expiresIn":100,"tokenType":null', '"expiresIn":"soon"'])
def test_an_answer_with_new_tokens_is_kept_whatever_else_is_wrong_with_it(
    others: str, late: bool, logged_errors: Any
) -> None:
    m, keeper, store = with_grants(grant(expires_at=DAY - 1), dead_after=DAY)
    m.client.authorise(ACCOUNT)
    spent = spending(m)
    if late:
        m.clock.advance(REFRESH_TIMEOUT)
        m.heard()
        assert logged_errors.complaint()
    answer = f'{{"accessToken":"the-access-token-2","refreshToken":"the-refresh-token-2",{others}}}'
    m.protocol.dataReceived(
        m.raw(f'{{"clientMsgId":"{spent.client_msg_id}","payloadType":2174,"payload":{answer}}}'.encode())
    )
    kept = store.saved[-1]
    assert (kept.access_token, kept.refresh_token) == ("the-access-token-2", "the-refresh-token-2")
    assert kept.expires_at == (None if "soon" in others else m.clock.seconds() + 100)
    assert keeper.grants["default"] == kept
    assert m.of(Problem) == []


# Stores that an application brings


class Failing(Store):
    """A store that fails in a way of its own: to load, or to save."""

    def __init__(self, *grants: Grant, failing: str) -> None:
        super().__init__(*grants)
        self.failing = failing

    def load(self) -> Deferred[dict[str, Grant]]:
        return fail(RuntimeError("the database is away")) if self.failing == "load" else super().load()

    def save(self, grant: Grant) -> Deferred[None]:
        return fail(RuntimeError("the database is away")) if self.failing == "save" else super().save(grant)


def with_failing_store(failing: str) -> tuple[Memory, Failing]:
    clock, store = Clock(), Failing(grant(), failing=failing)
    return Memory(clock=clock, tokens=TokenKeeper(store, clock)).ready(), store


def test_an_account_is_tried_again_while_its_store_can_not_be_read(logged_errors: Any) -> None:
    m, store = with_failing_store("load")
    result = outcome(m.client.authorise(ACCOUNT))
    m.expect()
    assert "log" in m.client.account_status(ACCOUNT).remedy
    assert "the database is away" in logged_errors.complaint()
    store.failing = ""
    m.clock.advance(1)
    accept(m, ACCESS)
    assert result == [None]


def test_nothing_is_spent_while_the_store_can_not_be_written(logged_errors: Any) -> None:
    m, store = with_failing_store("save")
    result = outcome(m.client.authorise(ACCOUNT))
    reject(m, ACCESS)
    m.expect()
    assert "log" in m.client.account_status(ACCOUNT).remedy
    assert "the database is away" in logged_errors.complaint()
    store.failing = ""
    m.clock.advance(1)
    reject(m, ACCESS)
    m.say(new_pair(), to=spending(m))
    accept(m, "the-access-token-2")
    assert result == [None]


def test_a_store_that_works_again_leaves_no_remedy_on_an_account_that_stood_all_along(logged_errors: Any) -> None:
    m, store = with_failing_store("load")
    authorise(m, token="bare-token")
    result = outcome(m.client.authorise(ACCOUNT))
    m.expect()
    assert logged_errors.complaint()
    assert "log" in m.client.account_status(ACCOUNT).remedy
    store.failing = ""
    m.clock.advance(5)
    accept(m, ACCESS)
    status = m.client.account_status(ACCOUNT)
    assert (status.state, status.reason, status.remedy) == (AccountState.AUTHORISED, "", "")
    assert result == [None]
