"""The keeper: which grant opens what, and refreshes that lose, leak and double nothing."""

import errno
import os
from dataclasses import replace

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from ctrader_twisted.errors import (
    AnswerTimeout,
    ApplicationRefused,
    GrantRefused,
    NotAuthorised,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    RequestNotSent,
    ServerError,
    ServerUnavailable,
    TokenRefused,
    TokenStoreError,
    UnderMaintenance,
)
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount, MemoryTokenStore, TokenKeeper, TokenPair
from tests.tokens.outcomes import fired

NOW = 1_750_000_000.0  # 2025-06-15 15:06:40 UTC
OLD = Grant("default", "acc3ss-1", "r3fresh-1", NOW + 1000.0, "trading", (GrantedAccount(11), GrantedAccount(12)))
NEW = replace(OLD, access_token="acc3ss-2", refresh_token="r3fresh-2", expires_at=NOW + 2_628_000.0)
PAIR = TokenPair("acc3ss-2", "r3fresh-2", NOW + 2_628_000.0)
SECRETS = ("acc3ss", "r3fresh")


class Server:
    """Answers refreshes when the test says so."""

    def __init__(self):
        self.asked = []
        self.answers = []

    def spend(self, refresh_token):
        self.asked.append(refresh_token)
        self.answers.append(Deferred())
        return self.answers[-1]

    def answer(self, outcome=PAIR):
        waiting = self.answers.pop(0)
        if isinstance(outcome, Exception):
            waiting.errback(outcome)
        else:
            waiting.callback(outcome)


class Desk:
    """A keeper over a real file, its clock and the server it asks."""

    def __init__(self, folder, *grants):
        self.clock = Clock()
        self.clock.advance(NOW)
        self.path = folder / "tokens.json"
        self.store = FileTokenStore(self.path, self.clock)
        for grant in grants:
            fired(self.store.save(grant))
        self.keeper = TokenKeeper(self.store, self.clock)
        fired(self.keeper.load())
        self.server = Server()
        self.told = []
        self.keeper.watch(self.told.append)

    def another(self):
        """A keeper as another process would have it."""
        keeper = TokenKeeper(FileTokenStore(self.path, self.clock), self.clock)
        fired(keeper.load())
        return keeper

    def refresh(self, name="default", **rest):
        return self.keeper.refresh(name, self.server.spend, **rest)

    def stored(self, name="default"):
        return fired(FileTokenStore(self.path, self.clock).load()).get(name)

    def is_locked(self):
        waiting = FileTokenStore(self.path, self.clock).lock(1.0)
        if waiting.called:
            fired(waiting)()
            return False
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        waiting.cancel()
        return True


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path, OLD)
    yield desk
    assert not desk.is_locked()
    assert not desk.clock.getDelayedCalls()
    assert fired(desk.keeper.saved()) is None
    assert desk.keeper.idle


@pytest.fixture
def full_disk(monkeypatch):
    """Switch: whether the disk is full."""

    class Disk:
        full = False

    real = os.write

    def write(descriptor, data):
        if Disk.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    return Disk


def failure_of(deferred, kind):
    with pytest.raises(kind) as caught:
        fired(deferred)
    assert not any(secret in f"{caught.value} {caught.value!r}" for secret in SECRETS)
    return caught.value


# Which grant opens what


def keeper_of(*grants):
    keeper = TokenKeeper(MemoryTokenStore(grants), Clock())
    fired(keeper.load())
    return keeper


def test_before_the_store_is_read_there_are_none():
    keeper = TokenKeeper(MemoryTokenStore([OLD]), Clock())
    assert dict(keeper.grants) == {}
    assert keeper.find("default") is None
    assert keeper.grant_for(11) is None


def test_the_grant_that_lists_an_account_opens_it():
    second = Grant("second", "b", accounts=(GrantedAccount(21),))
    keeper = keeper_of(OLD, second)
    assert keeper.grant_for(11) == OLD
    assert keeper.grant_for(21) == second
    assert keeper.grant_for(99) is None
    assert keeper.find("second") == second
    assert dict(keeper.grants) == {"default": OLD, "second": second}


def test_the_newest_that_lists_an_account_opens_it():
    accounts = (GrantedAccount(11),)
    unknown = Grant("unknown", "a", accounts=accounts)
    newest = Grant("newest", "b", expires_at=NOW + 5000.0, accounts=accounts)
    assert keeper_of(newest, OLD, unknown).grant_for(11) == newest
    assert keeper_of(unknown, OLD).grant_for(11) == OLD
    assert keeper_of(unknown).grant_for(11) == unknown


def test_a_grant_without_a_list_opens_any_account_when_it_is_the_only_one():
    bare = Grant("bare", "a")
    assert keeper_of(bare).grant_for(99) == bare
    assert keeper_of(bare, OLD).grant_for(99) is None
    assert keeper_of(bare, OLD).grant_for(11) == OLD


def test_the_grants_can_be_looked_at_only(desk):
    with pytest.raises(TypeError):
        desk.keeper.grants["other"] = OLD


# A refresh


def test_a_refresh_is_marked_spent_saved_and_used_in_this_order(desk):
    refreshing = desk.refresh()
    assert desk.server.asked == ["r3fresh-1"]
    assert desk.stored() == replace(OLD, refresh_began_at=NOW)  # before the server can have seen it
    assert desk.is_locked()
    assert desk.keeper.find("default").access_token == "acc3ss-1"

    seen = []
    desk.keeper.watch(lambda grant: seen.append((grant, desk.stored(), desk.is_locked(), refreshing.called)))
    desk.server.answer()
    assert seen == [(NEW, NEW, True, False)]  # it is on the disk before anybody hears of it
    assert fired(refreshing) == NEW
    assert desk.told == [NEW]
    assert desk.keeper.find("default") == desk.stored() == NEW


def test_a_refresh_without_a_new_refresh_token_keeps_the_old(desk):
    refreshing = desk.refresh()
    desk.server.answer(TokenPair("acc3ss-2"))
    assert fired(refreshing).refresh_token == "r3fresh-1"
    assert desk.stored() == replace(OLD, access_token="acc3ss-2", expires_at=None)


def test_all_who_ask_meanwhile_share_one_refresh(desk):
    asked = [desk.refresh(), desk.refresh(refused="acc3ss-1"), desk.refresh()]
    assert len(set(map(id, asked))) == 3
    desk.server.answer()
    assert [fired(refreshing) for refreshing in asked] == [NEW] * 3
    assert desk.server.asked == ["r3fresh-1"]
    assert desk.told == [NEW]


def test_all_who_ask_meanwhile_share_its_failure(desk):
    asked = [desk.refresh(), desk.refresh()]
    desk.server.answer(RequestNotSent("ProtoOARefreshTokenReq", "no connection"))
    for refreshing in asked:
        failure_of(refreshing, RequestNotSent)
    assert desk.server.asked == ["r3fresh-1"]


def test_one_after_the_other(desk):
    for number in (2, 3, 4):
        refreshing = desk.refresh()
        desk.server.answer(TokenPair(f"acc3ss-{number}", f"r3fresh-{number}", NOW))
        assert fired(refreshing).access_token == f"acc3ss-{number}"
    assert desk.server.asked == ["r3fresh-1", "r3fresh-2", "r3fresh-3"]


def test_a_token_that_is_not_the_present_one_any_more_spends_nothing(desk):
    refreshing = desk.refresh(refused="acc3ss-1")
    desk.server.answer()
    fired(refreshing)
    assert fired(desk.refresh(refused="acc3ss-1")) == NEW  # somebody who comes late
    assert desk.server.asked == ["r3fresh-1"]


def test_a_watcher_that_asks_again_and_one_that_fails(desk, logged_errors):
    again = []

    def asks(grant):
        again.append(desk.keeper.refresh("default", desk.server.spend, refused="acc3ss-1"))

    def fails(grant):
        raise ZeroDivisionError

    desk.keeper.watch(asks)
    desk.keeper.watch(fails)
    after = []
    desk.keeper.watch(after.append)
    refreshing = desk.refresh()
    desk.server.answer()
    assert fired(refreshing) == fired(again[0]) == NEW
    assert after == [NEW]
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_a_watcher_can_stop(desk):
    first, second = [], []
    stop_second = None

    def told(grant):
        first.append(grant)
        stop_second()

    stop_first = desk.keeper.watch(told)
    stop_second = desk.keeper.watch(second.append)
    fired(desk.keeper.update(NEW))
    stop_first()
    stop_first()
    fired(desk.keeper.update(OLD))
    assert (first, second) == ([NEW], [])


# What can't be refreshed


def test_a_grant_that_is_not_there(desk):
    error = failure_of(desk.refresh("other"), GrantRefused)
    assert error.grant == "other"
    assert "ctrader login" in error.remedy


def test_a_grant_without_a_refresh_token(desk):
    fired(desk.keeper.update(replace(OLD, refresh_token=None)))
    assert "no refresh token" in failure_of(desk.refresh(), GrantRefused).reason
    assert desk.server.asked == []


def test_a_store_that_can_not_be_read_spends_nothing(desk):
    desk.path.chmod(0o644)
    failure_of(desk.refresh(), TokenStoreError)
    assert desk.server.asked == []
    desk.path.chmod(0o600)


def test_a_full_disk_is_found_before_the_token_is_spent(desk, full_disk):
    full_disk.full = True
    assert "disk is full" in failure_of(desk.refresh(), TokenStoreError).problem
    full_disk.full = False
    assert desk.server.asked == []
    assert desk.stored() == OLD


def test_a_store_of_another_kind_that_would_lose_the_pair():
    store = MemoryTokenStore([OLD], unwritable=TokenStoreError("account[1]", "it is in memory only", "Log in"))
    keeper, server = TokenKeeper(store, Clock()), Server()
    failure_of(keeper.refresh("default", server.spend), TokenStoreError)
    assert server.asked == []
    assert fired(store.load()) == {"default": OLD}


# What the server does


def test_a_refused_refresh_token_needs_a_person(desk):
    refreshing = desk.refresh()
    desk.server.answer(TokenRefused("CH_ACCESS_TOKEN_INVALID", "r3fresh-1 of acc3ss-1 is not known"))
    error = failure_of(refreshing, GrantRefused)
    assert error.grant == "default"
    assert error.reason == "the server refused to refresh it: CH_ACCESS_TOKEN_INVALID (… of … is not known)"
    assert "ctrader login" in error.remedy
    assert error.__cause__ is None and error.__context__ is None
    assert desk.stored() == desk.keeper.find("default") == OLD
    assert desk.told == []


@pytest.mark.parametrize(
    "error",
    [
        RequestNotSent("ProtoOARefreshTokenReq", "there is no connection"),
        ApplicationRefused("CH_CLIENT_AUTH_FAILURE"),
        NotAuthorised("CH_CLIENT_NOT_AUTHENTICATED"),
        RateLimited("BLOCKED_PAYLOAD_TYPE"),
        UnderMaintenance("SERVER_IS_UNDER_MAINTENANCE"),
        OAuthRefused("localhost", "CH_CLIENT_AUTH_FAILURE"),
    ],
)
def test_what_can_not_have_spent_the_token_leaves_no_mark(desk, error):
    refreshing = desk.refresh()
    desk.server.answer(error)
    assert failure_of(refreshing, type(error)).args == error.args
    assert desk.stored() == desk.keeper.find("default") == OLD


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknown("ProtoOARefreshTokenReq", "the connection was lost"),
        AnswerTimeout("ProtoOARefreshTokenReq", "no answer in 30 s"),
        OAuthRefused("localhost", "", "its answer is not JSON"),
        ServerUnavailable("TIMEOUT_ERROR"),
        ServerError("SOMETHING_NEW"),
        CancelledError(),
        ZeroDivisionError(),
    ],
)
def test_what_may_have_spent_the_token_leaves_its_mark_and_the_token_is_tried_again(desk, error):
    refreshing = desk.refresh()
    desk.server.answer(error)
    with pytest.raises(type(error)) as caught:
        fired(refreshing)
    assert type(caught.value) is type(error) and caught.value.args == error.args
    assert desk.stored() == desk.keeper.find("default") == replace(OLD, refresh_began_at=NOW)

    desk.clock.advance(3600.0)
    refreshing = desk.refresh()
    assert desk.stored().refresh_began_at == NOW  # still the first whose outcome is not known
    desk.server.answer()  # the server had not seen it
    assert fired(refreshing) == desk.stored() == NEW
    assert desk.server.asked == ["r3fresh-1"] * 2


def test_a_refusal_after_an_interrupted_refresh_says_so(desk):
    refreshing = desk.refresh()
    desk.server.answer(OutcomeUnknown("ProtoOARefreshTokenReq", "the connection was lost"))
    failure_of(refreshing, OutcomeUnknown)
    desk.clock.advance(3600.0)
    other = desk.another()  # even in the next process
    refreshing = other.refresh("default", desk.server.spend)
    desk.server.answer(TokenRefused("CH_ACCESS_TOKEN_INVALID"))
    reason = failure_of(refreshing, GrantRefused).reason
    assert "CH_ACCESS_TOKEN_INVALID; an earlier refresh, begun at 2025-06-15 15:06:40 UTC, was interrupted" in reason
    assert desk.stored().refresh_began_at == NOW


def test_a_mark_of_no_calendar(desk):
    fired(desk.keeper.update(replace(OLD, refresh_began_at=1e200)))
    refreshing = desk.refresh()
    desk.server.answer(TokenRefused("CH_ACCESS_TOKEN_INVALID"))
    assert "begun at 1e+200 s after" in failure_of(refreshing, GrantRefused).reason


def test_an_earlier_mark_is_left_when_the_next_is_not_sent(desk):
    marked = replace(OLD, refresh_began_at=NOW - 500.0)
    fired(desk.keeper.update(marked))
    refreshing = desk.refresh()
    desk.server.answer(RequestNotSent("ProtoOARefreshTokenReq", "there is no connection"))
    failure_of(refreshing, RequestNotSent)
    assert desk.stored() == marked


def test_a_mark_that_can_not_be_taken_back_stays(desk, full_disk):
    refreshing = desk.refresh()
    full_disk.full = True
    desk.server.answer(RequestNotSent("ProtoOARefreshTokenReq", "there is no connection"))
    failure_of(refreshing, RequestNotSent)
    full_disk.full = False
    assert desk.stored() == replace(OLD, refresh_began_at=NOW)


def test_asking_the_server_may_fail_on_the_spot(desk):
    def spend(refresh_token):
        raise RequestNotSent("ProtoOARefreshTokenReq", "the client was closed")

    failure_of(desk.keeper.refresh("default", spend), RequestNotSent)
    assert desk.stored() == OLD


def test_an_answer_on_the_spot(desk):
    assert fired(desk.keeper.refresh("default", lambda _: succeed(PAIR))) == desk.stored() == NEW


# Callers that go away


def test_a_refresh_that_was_sent_goes_on_without_its_callers(desk):
    asked = [desk.refresh(), desk.refresh()]
    for refreshing in asked:
        refreshing.cancel()
        failure_of(refreshing, CancelledError)
    assert not desk.server.answers[0].called
    late = desk.refresh()  # joins it
    desk.server.answer()
    assert fired(late) == desk.stored() == NEW
    assert desk.server.asked == ["r3fresh-1"]


def test_one_caller_that_cancels_leaves_the_other_alone(desk):
    first, second = desk.refresh(), desk.refresh()
    first.cancel()
    failure_of(first, CancelledError)
    desk.server.answer()
    assert fired(second) == NEW


def test_a_caller_that_cancels_another_in_its_answer(desk):
    first, second = desk.refresh(), desk.refresh()
    first.addCallback(lambda _: second.cancel())
    desk.server.answer()
    fired(first)
    failure_of(second, CancelledError)


def test_a_refresh_that_nobody_waits_for_any_more_is_not_begun(desk):
    other = desk.another()
    sent = other.refresh("default", desk.server.spend)
    refreshing = desk.refresh()  # waits for the lock
    refreshing.cancel()
    failure_of(refreshing, CancelledError)
    desk.server.answer(OutcomeUnknown("ProtoOARefreshTokenReq", "the connection was lost"))
    failure_of(sent, OutcomeUnknown)
    desk.clock.advance(0.1)
    assert desk.server.asked == ["r3fresh-1"]


def test_a_failure_that_nobody_waits_for_is_only_logged(desk):
    refreshing = desk.refresh()
    refreshing.cancel()
    failure_of(refreshing, CancelledError)
    desk.server.answer(OutcomeUnknown("ProtoOARefreshTokenReq", "the connection was lost"))
    assert desk.stored().refresh_began_at == NOW


# Other processes


def test_two_keepers_spend_a_refresh_token_once(desk):
    other = desk.another()
    first = desk.refresh()
    second = other.refresh("default", desk.server.spend)
    desk.clock.pump([0.1] * 20)
    assert desk.server.asked == ["r3fresh-1"]
    desk.server.answer()
    desk.clock.advance(0.1)
    assert fired(first) == fired(second) == NEW
    assert other.find("default") == NEW
    assert desk.server.asked == ["r3fresh-1"]


def test_what_another_process_refreshed_is_taken_and_told(desk):
    other = desk.another()
    refreshing = other.refresh("default", desk.server.spend)
    desk.server.answer()
    fired(refreshing)
    assert desk.keeper.find("default") == OLD
    assert fired(desk.refresh()) == NEW  # due, as far as it knew
    assert desk.told == [NEW]
    assert desk.server.asked == ["r3fresh-1"]


def test_loading_tells_of_what_others_changed_and_of_nothing_else(desk):
    other = desk.another()
    fired(desk.keeper.load())
    assert desk.told == []
    second = Grant("second", "acc3ss-s")
    fired(other.update(second))
    fired(desk.keeper.load())
    assert desk.told == [second]
    interrupted = other.refresh("default", desk.server.spend)
    fired(desk.keeper.load())
    assert desk.keeper.find("default").refresh_began_at == NOW
    assert desk.told == [second]  # a mark is no news
    desk.server.answer()
    fired(interrupted)
    fired(desk.store.remove("second"))
    fired(desk.keeper.load())
    assert desk.told == [second, NEW]
    assert desk.keeper.find("second") is None


def test_a_process_that_hangs_with_the_lock(desk):
    release = fired(FileTokenStore(desk.path, desk.clock).lock(1.0))
    refreshing = desk.refresh()
    desk.clock.pump([0.1] * 620)
    assert "another program" in failure_of(refreshing, TokenStoreError).problem
    release()
    assert desk.server.asked == []


def test_a_slow_refresh_does_not_delay_another_grants(desk):
    second = Grant("second", "acc3ss-s", "r3fresh-s")
    fired(desk.keeper.update(second))
    slow = desk.refresh()
    quick = desk.refresh("second")
    assert desk.server.asked == ["r3fresh-1", "r3fresh-s"]
    desk.server.answers.reverse()
    desk.server.answer(TokenPair("acc3ss-t", "r3fresh-t"))
    assert fired(quick).access_token == "acc3ss-t"
    assert desk.is_locked()  # by the slow one
    desk.server.answer()
    assert fired(slow) == NEW
    assert desk.stored("second").refresh_token == "r3fresh-t"


# Logins


def test_a_login_is_saved_and_told(desk):
    fired(desk.keeper.update(NEW))
    assert desk.stored() == NEW
    assert desk.told == [NEW]


def test_a_login_waits_for_a_refresh_of_the_same_grant(desk):
    refreshing = desk.refresh()
    login = replace(OLD, access_token="acc3ss-l", refresh_token="r3fresh-l")
    updating = desk.keeper.update(login)
    assert not updating.called
    desk.server.answer()
    fired(refreshing)
    fired(updating)
    assert desk.stored() == desk.keeper.find("default") == login


def test_a_login_that_can_not_be_saved_is_not_used(desk, full_disk):
    full_disk.full = True
    failure_of(desk.keeper.update(NEW), TokenStoreError)
    assert desk.keeper.find("default") == OLD
    full_disk.full = False


# A store that fails once the token is spent


def test_a_pair_that_can_not_be_saved_is_used_and_saved_later(desk, full_disk, logged_errors):
    refreshing = desk.refresh()
    full_disk.full = True
    desk.server.answer()
    assert fired(refreshing) == desk.keeper.find("default") == NEW
    assert desk.told == [NEW]
    assert desk.stored() == replace(OLD, refresh_began_at=NOW)
    assert desk.is_locked()  # nobody else shall find the spent pair
    assert not desk.keeper.idle
    waiting = desk.keeper.saved()
    fired(desk.keeper.load())
    assert desk.keeper.find("default") == NEW  # nor does this process go back to it

    for delay in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        (call,) = desk.clock.getDelayedCalls()
        assert call.getTime() - desk.clock.seconds() == delay
        desk.clock.advance(delay)
    assert not waiting.called
    said = [formatEvent(event) for event in logged_errors.events]
    assert len(said) == 10  # the first, one for the wait for the end, and one for each delay
    assert all("default" in text and "disk is full" in text for text in said)
    assert not any(secret in text for secret in SECRETS for text in said)
    logged_errors.flush()

    full_disk.full = False
    desk.clock.advance(60.0)
    assert desk.stored() == NEW
    fired(waiting)
    assert not desk.is_locked()


def test_the_end_of_the_program_saves_what_there_is_room_for_by_now(desk, full_disk, logged_errors):
    refreshing = desk.refresh()
    full_disk.full = True
    desk.server.answer()
    fired(refreshing)
    assert desk.keeper.unsaved == ("default",)
    logged_errors.flush()
    full_disk.full = False
    fired(desk.keeper.saved())
    assert desk.stored() == NEW
    assert desk.keeper.unsaved == ()
    assert desk.clock.getDelayedCalls() == []


def test_a_refresh_while_the_last_pair_is_not_saved(desk, full_disk, logged_errors):
    refreshing = desk.refresh()
    full_disk.full = True
    desk.server.answer()
    fired(refreshing)
    failure_of(desk.refresh(refused="acc3ss-2"), TokenStoreError)  # nothing is spent that could not be kept
    assert desk.server.asked == ["r3fresh-1"]
    assert fired(desk.refresh(refused="acc3ss-1")) == NEW
    full_disk.full = False
    refreshing = desk.refresh(refused="acc3ss-2")
    assert desk.server.asked == ["r3fresh-1", "r3fresh-2"]
    assert desk.stored() == replace(NEW, refresh_began_at=NOW)
    assert not desk.clock.getDelayedCalls()  # with the mark the pair was saved
    desk.server.answer(TokenPair("acc3ss-3", "r3fresh-3"))
    assert fired(refreshing).access_token == desk.stored().access_token == "acc3ss-3"
    logged_errors.flush()


def test_two_pairs_that_can_not_be_saved(desk, full_disk, logged_errors):
    fired(desk.keeper.update(Grant("second", "acc3ss-s", "r3fresh-s")))
    both = [desk.refresh(), desk.refresh("second")]
    full_disk.full = True
    desk.server.answer()
    desk.server.answer(TokenPair("acc3ss-t", "r3fresh-t"))
    assert [fired(refreshing).access_token for refreshing in both] == ["acc3ss-2", "acc3ss-t"]
    desk.clock.advance(1.0)
    full_disk.full = False
    assert desk.is_locked()
    desk.clock.advance(2.0)
    assert desk.stored() == NEW
    assert desk.stored("second").access_token == "acc3ss-t"
    logged_errors.flush()


def test_a_login_ends_the_attempts_to_save_an_older_pair(desk, full_disk, logged_errors):
    refreshing = desk.refresh()
    full_disk.full = True
    desk.server.answer()
    fired(refreshing)
    full_disk.full = False
    login = replace(OLD, access_token="acc3ss-l", refresh_token="r3fresh-l")
    fired(desk.keeper.update(login))
    desk.clock.advance(100.0)
    assert desk.stored() == desk.keeper.find("default") == login
    logged_errors.flush()


# Stores that take their time


class SlowStore(MemoryTokenStore):
    """Does each thing when the test lets it."""

    def __init__(self, grants=()):
        super().__init__(grants)
        self.steps = []
        self.released = 0

    def _later(self, name, act):
        step = Deferred()
        self.steps.append((name, step))
        return step.addCallback(lambda _: act())

    def load(self):
        return self._later("load", super().load)

    def save(self, grant):
        return self._later("save", lambda: MemoryTokenStore.save(self, grant))

    def check_writable(self):
        return self._later("check", super().check_writable)

    def lock(self, timeout):
        return self._later("lock", lambda: MemoryTokenStore.lock(self, timeout).addCallback(self._counted))

    def _counted(self, release):
        def counted():
            self.released += 1
            release()

        return counted

    def step(self, name):
        expected, step = self.steps.pop(0)
        assert expected == name
        step.callback(None)


def test_a_slow_store_is_waited_for_at_each_step():
    store, server, clock = SlowStore([OLD]), Server(), Clock()
    keeper = TokenKeeper(store, clock)
    refreshing = keeper.refresh("default", server.spend)
    for name in ("lock", "load", "check", "save"):
        assert server.asked == []
        store.step(name)
    assert server.asked == ["r3fresh-1"]
    ended = keeper.saved()
    server.answer()
    assert keeper.find("default").access_token == "acc3ss-1"
    assert not refreshing.called and not ended.called and not store.released
    store.step("save")
    assert fired(refreshing) == keeper.find("default") == NEW
    assert store.released == 1
    fired(ended)


def test_a_slow_read_does_not_bring_back_what_a_refresh_replaced():
    store, server = SlowStore([OLD]), Server()
    keeper = TokenKeeper(store, Clock())
    loading = keeper.load()
    step = store.steps.pop(0)[1]
    old = fired(MemoryTokenStore.load(store))
    refreshing = keeper.refresh("default", server.spend)
    for name in ("lock", "load", "check", "save"):
        store.step(name)
    server.answer()
    store.step("save")
    assert fired(refreshing) == NEW
    store._grants, kept = dict(old), store._grants  # the read saw what was there when it began
    step.callback(None)
    store._grants = kept
    assert not loading.called
    store.step("load")  # so it reads again
    fired(loading)
    assert keeper.find("default") == NEW


def test_a_wait_for_the_end_can_be_cancelled(desk):
    refreshing = desk.refresh()
    waiting = desk.keeper.saved()
    waiting.cancel()
    failure_of(waiting, CancelledError)
    desk.server.answer()
    fired(refreshing)


def test_a_lock_that_can_not_be_released_is_logged(logged_errors):
    class Stuck(MemoryTokenStore):
        def lock(self, timeout):
            def release():
                raise OSError(errno.EIO, "no")

            return succeed(release)

    keeper = TokenKeeper(Stuck([OLD]), Clock())
    assert fired(keeper.refresh("default", lambda _: succeed(PAIR))) == NEW
    assert len(logged_errors.flush(OSError)) == 1


def test_a_lock_that_is_refused_fails_those_who_wait_and_nobody_after():
    class Once(MemoryTokenStore):
        refused = False

        def lock(self, timeout):
            if self.refused:
                return super().lock(timeout)
            self.refused = True
            return fail(TokenStoreError("here", "locked", "Wait"))

    keeper = TokenKeeper(Once([OLD]), Clock())
    failure_of(keeper.refresh("default", lambda _: succeed(PAIR)), TokenStoreError)
    assert fired(keeper.refresh("default", lambda _: succeed(PAIR))) == NEW


# What is said


@pytest.mark.parametrize(
    "outcome",
    [
        PAIR,
        TokenRefused("CH_ACCESS_TOKEN_INVALID", "r3fresh-1"),
        RequestNotSent("ProtoOARefreshTokenReq", "r3fresh-1"),
        OutcomeUnknown("ProtoOARefreshTokenReq", "lost acc3ss-1"),
        ValueError("r3fresh-1"),
    ],
)
def test_no_log_shows_a_token(desk, outcome):
    with capturedLogs() as events:
        refreshing = desk.refresh()
        desk.server.answer(outcome)
        refreshing.addErrback(lambda _: None)
        fired(desk.keeper.load())
    said = [formatEvent(event) for event in events]
    assert len(said) >= 2
    assert all('"default"' in text for text in said)
    assert not any(secret in text for secret in SECRETS for text in said)
    assert not any(secret in repr(value) for secret in SECRETS for event in events for value in event.values())


def test_a_grant_that_may_trade_goes_before_one_that_may_only_look_and_a_living_one_before_a_dead_one(desk):
    def opens(name, **given):
        return Grant(name, f"acc3ss-{name}", "r", accounts=(GrantedAccount(77),), **given)

    look = opens("look", scope="accounts", expires_at=NOW + 9e6)
    dead = opens("dead", scope="trading", expires_at=NOW - 1)
    unknown = opens("unknown")
    for grant, best in ((look, "look"), (dead, "dead"), (unknown, "unknown")):
        fired(desk.keeper.update(grant))
        assert desk.keeper.grant_for(77).name == best
