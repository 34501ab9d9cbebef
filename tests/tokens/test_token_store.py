"""Where grants are kept: a file that nobody else may read and no crash may break, and memory."""

import builtins
import errno
import json
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from ctrader_twisted.errors import TokenStoreError
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount, MemoryTokenStore, TokenPair, document
from tests.tokens.outcomes import fired

FIRST = Grant(
    "default",
    "acc3ss-marked",
    "r3fresh-marked",
    1767225600.5,
    "trading",
    (GrantedAccount(11, True, 300, "Broker"), GrantedAccount(12, False), GrantedAccount(13)),
    17.25,
    1764597600.75,
)
SECOND = Grant("second", "0ther-marked")
SECRETS = ("acc3ss-marked", "r3fresh-marked", "0ther-marked")


class Kept:
    """A store in a folder of its own, and its clock."""

    def __init__(self, folder):
        self.clock = Clock()
        self.path = folder / "tokens.json"
        self.store = FileTokenStore(self.path, self.clock)

    def another(self):
        return FileTokenStore(self.path, self.clock)

    def write(self, text, mode=0o600):
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.path.chmod(mode)

    def names(self):
        return sorted(path.name for path in self.path.parent.iterdir())

    @property
    def mode(self):
        return stat.S_IMODE(self.path.stat().st_mode)


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def refusal(deferred):
    with pytest.raises(TokenStoreError) as caught:
        fired(deferred)
    assert not any(secret in str(caught.value) for secret in SECRETS)
    assert caught.value.remedy
    return caught.value


# Keeping


def test_no_file_is_no_grants(kept):
    assert fired(kept.store.load()) == {}
    assert kept.names() == []


def test_what_was_saved_is_loaded(kept):
    for grant in (FIRST, SECOND):
        fired(kept.store.save(grant))
    assert fired(kept.another().load()) == {"default": FIRST, "second": SECOND}
    assert kept.names() == ["tokens.json", "tokens.json.lock"]
    assert kept.mode == 0o600
    assert stat.S_IMODE((kept.path.parent / "tokens.json.lock").stat().st_mode) == 0o600


def test_saving_replaces_the_one_of_the_same_name(kept):
    fired(kept.store.save(FIRST))
    fired(kept.store.save(SECOND))
    fired(kept.store.save(Grant("default", "third")))
    assert fired(kept.store.load()) == {"default": Grant("default", "third"), "second": SECOND}


def test_removing(kept):
    fired(kept.store.save(FIRST))
    fired(kept.store.save(SECOND))
    fired(kept.store.remove("default"))
    fired(kept.store.remove("never there"))
    assert fired(kept.store.load()) == {"second": SECOND}


def test_the_path_does_not_follow_the_working_folder(kept, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    store = FileTokenStore("tokens.json", kept.clock)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # as a daemon does
    fired(store.save(FIRST))
    assert fired(kept.store.load()) == {"default": FIRST}


def test_no_repr_shows_a_token(kept):
    fired(kept.store.save(FIRST))
    assert not any(secret in repr(kept.store) for secret in SECRETS)


_texts = st.text(max_size=20)
_seconds = st.none() | st.floats(-1e15, 1e15)
_accounts = st.builds(
    GrantedAccount, st.integers(), st.none() | st.booleans(), st.none() | st.integers(), broker=_texts
)
_grants = st.builds(
    Grant,
    _texts,
    _texts,
    st.none() | st.text(min_size=1, max_size=20),
    _seconds,
    st.none() | _texts,
    st.lists(_accounts, max_size=3, unique_by=lambda account: account.account_id).map(tuple),
    _seconds,
    _seconds,
)


@given(st.lists(_grants, max_size=4))
def test_every_grant_survives_the_document(grants):
    written = document.empty()
    for grant in grants:
        written = document.with_grant(written, grant)
    assert document.grants_of(document.parse(document.text_of(written))) == {grant.name: grant for grant in grants}


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1e308])
def test_a_time_that_is_none_does_not_spoil_the_file(kept, seconds):
    fired(kept.store.save(Grant("default", "a", "b", seconds, refresh_began_at=seconds, obtained_at=seconds)))
    assert fired(kept.store.load()) == {"default": Grant("default", "a", "b")}


# What a newer release has written


def test_keys_that_are_not_known_are_kept(kept):
    raw = {
        "version": 1,
        "comment": "mine",
        "grants": {
            "default": {
                "access_token": "a",
                "issuer": {"new": [1, 2]},
                "accounts": [{"id": 11, "colour": "red"}, {"id": 99, "colour": "gone with its account"}],
            },
            "other": {"access_token": "b", "issuer": 7},
        },
    }
    kept.write(json.dumps(raw))
    fired(kept.store.save(FIRST))
    read = json.loads(kept.path.read_bytes())
    assert read["comment"] == "mine"
    assert read["grants"]["default"]["issuer"] == {"new": [1, 2]}
    assert read["grants"]["default"]["accounts"][0]["colour"] == "red"
    assert [account["id"] for account in read["grants"]["default"]["accounts"]] == [11, 12, 13]
    assert read["grants"]["other"] == raw["grants"]["other"]
    assert fired(kept.store.load())["default"] == FIRST


# What is refused


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610])
def test_a_file_that_others_may_use_is_refused(kept, mode):
    fired(kept.store.save(FIRST))
    kept.path.chmod(mode)
    for attempt in (kept.store.load, lambda: kept.store.save(SECOND), kept.store.check_writable):
        error = refusal(attempt())
        assert error.where == str(kept.path)
        assert f"{mode:04o}" in error.problem
        assert error.remedy == f"chmod 600 {kept.path}"
    kept.path.chmod(0o600)
    assert fired(kept.store.load()) == {"default": FIRST}


def _with(**changes):
    return {"version": 1, "grants": {"default": {"access_token": "acc3ss-marked", **changes}}}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "line 1"),
        (b"{", "line 1"),
        (b'{"version": 1,\n "grants": r3fresh-marked}', "line 2, column 12"),
        (b"\xff\xfe", "byte 0"),
        (b"[" * 100_000, ""),
        ([], ""),
        ("acc3ss-marked", ""),
        ({}, "version"),
        ({"version": "1", "grants": {}}, "version"),
        ({"version": True, "grants": {}}, "version"),
        ({"version": 1}, "grants"),
        ({"version": 1, "grants": ["acc3ss-marked"]}, "grants"),
        ({"version": 1, "grants": {"default": "acc3ss-marked"}}, "grants.default"),
        ({"version": 1, "grants": {"default": {}}}, "grants.default.access_token"),
        (_with(access_token=None), "grants.default.access_token"),
        (_with(access_token=["acc3ss-marked"]), "grants.default.access_token"),
        (_with(refresh_token=5), "grants.default.refresh_token"),
        (_with(expires_at="r3fresh-marked"), "grants.default.expires_at"),
        (_with(expires_at=True), "grants.default.expires_at"),
        (_with(expires_at=10**400), "grants.default.expires_at"),
        (_with(refresh_began_at=[]), "grants.default.refresh_began_at"),
        (_with(obtained_at="now"), "grants.default.obtained_at"),
        (_with(scope=1), "grants.default.scope"),
        (_with(accounts={}), "grants.default.accounts"),
        (_with(accounts=[11]), "grants.default.accounts[0]"),
        (_with(accounts=[{"id": 1}, {}]), "grants.default.accounts[1].id"),
        (_with(accounts=[{"id": "11"}]), "grants.default.accounts[0].id"),
        (_with(accounts=[{"id": True}]), "grants.default.accounts[0].id"),
        (_with(accounts=[{"id": 1.5}]), "grants.default.accounts[0].id"),
        (_with(accounts=[{"id": 1, "live": 1}]), "grants.default.accounts[0].live"),
        (_with(accounts=[{"id": 1, "login": "1"}]), "grants.default.accounts[0].login"),
        (_with(accounts=[{"id": 1, "broker": 1}]), "grants.default.accounts[0].broker"),
        (b'{"version": 1, "grants": {"default": {"access_token": "a", "expires_at": NaN}}}', ""),
        (
            b'{"version": 1, "grants": {"default": {"access_token": "a", "expires_at": 1e999}}}',
            "grants.default.expires_at",
        ),
    ],
)
def test_a_malformed_file_is_refused_by_its_place_and_left_alone(kept, content, place):
    kept.write(content if isinstance(content, bytes) else json.dumps(content))
    before = kept.path.read_bytes()
    for attempt in (kept.store.load, lambda: kept.store.save(SECOND), kept.store.check_writable):
        error = refusal(attempt())
        assert error.where == str(kept.path)
        assert error.problem.startswith(place)
        assert error.__cause__ is None
        assert error.__suppress_context__
    assert kept.path.read_bytes() == before
    assert kept.names() == ["tokens.json", "tokens.json.lock"]


def test_a_newer_version_is_refused_by_name(kept):
    kept.write(json.dumps({"version": 2, "grants": "whatever it may mean there"}))
    error = refusal(kept.store.load())
    assert error.problem == "version: it is 2, and this program knows 1 only"
    assert "release" in error.remedy


def test_a_folder_or_a_pipe_is_no_store(kept):
    os.mkfifo(kept.path, 0o600)
    assert "plain file" in refusal(kept.store.load()).problem
    kept.path.unlink()
    kept.path.mkdir()
    assert "folder" in refusal(kept.store.load()).problem


def test_a_file_too_long_to_be_one_is_refused(kept):
    kept.write("")
    os.truncate(kept.path, 2**30)
    assert "too long" in refusal(kept.store.load()).problem


def test_a_folder_that_is_not_there(kept):
    store = FileTokenStore(kept.path.parent / "none" / "tokens.json", kept.clock)
    assert fired(store.load()) == {}
    for attempt in (lambda: store.save(FIRST), store.check_writable, lambda: store.lock(1.0)):
        assert "does not exist" in refusal(attempt()).problem
    assert kept.names() == []


# Symbolic links


def test_a_symbolic_link_survives(kept, tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "kept.json"
    link = tmp_path / "link.json"
    link.symlink_to(target)
    linked = FileTokenStore(link, kept.clock)
    fired(linked.save(FIRST))  # the target did not even exist
    fired(linked.check_writable())
    fired(linked.save(SECOND))
    assert link.is_symlink()
    assert fired(FileTokenStore(target, kept.clock).load()) == {"default": FIRST, "second": SECOND}
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["kept.json", "kept.json.lock"]


def test_a_link_and_its_target_have_one_lock(kept, tmp_path):
    link = tmp_path / "link.json"
    link.symlink_to(kept.path)
    release = fired(kept.store.lock(1.0))
    waiting = FileTokenStore(link, kept.clock).lock(1.0)
    assert not waiting.called
    release()
    kept.clock.advance(0.1)
    fired(waiting)()


def test_links_in_a_circle(kept, tmp_path):
    kept.path.symlink_to(tmp_path / "other.json")
    (tmp_path / "other.json").symlink_to(kept.path)
    assert "circle" in refusal(kept.store.load()).problem


# Crashes and full disks


def test_a_temporary_file_of_a_killed_process_is_harmless_and_cleared(kept):
    fired(kept.store.save(FIRST))
    left = kept.path.parent / "tokens.json.tmp"
    left.write_text("half of it")
    left.chmod(0o644)
    assert fired(kept.store.load()) == {"default": FIRST}
    fired(kept.store.save(SECOND))
    assert not left.exists()
    assert fired(kept.store.load()) == {"default": FIRST, "second": SECOND}
    assert kept.mode == 0o600


def left_by_a_killed_process(kept, grant, mode=0o600):
    """A store whose process was killed when the new file was written and not yet in place."""
    fired(kept.store.save(FIRST))
    before = document.parse(kept.path.read_bytes())
    left = kept.path.parent / "tokens.json.tmp"
    left.write_bytes(document.text_of(document.with_grant(before, grant)))
    left.chmod(mode)
    return left


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_system_without_modes_is_refused_before_anything_is_spent(kept, monkeypatch):
    real = os.fstat

    def open_to_all(descriptor):
        fields = list(real(descriptor))
        fields[stat.ST_MODE] |= 0o777
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", open_to_all)
    for ask in (kept.store.check_writable, lambda: kept.store.save(SECOND)):
        with pytest.raises(TokenStoreError, match="can be read by all"):
            fired(ask())
    monkeypatch.undo()
    assert fired(kept.store.load()) == {}
    assert "tokens.json.tmp" not in kept.names()


def test_a_clock_that_was_set_back_does_not_make_what_is_new_look_old(kept, monkeypatch):
    fired(kept.store.save(FIRST))
    tomorrow = kept.path.stat().st_mtime_ns + 86_400 * 10**9
    os.utime(kept.path, ns=(tomorrow, tomorrow))
    renewed = FIRST.renewed(TokenPair("new-acc3ss", "new-r3fresh", 1.0))
    release = fired(kept.store.lock(1.0))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:  # killed when the new file is whole and not yet in place
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            fired(kept.store.save(renewed))
    release()
    assert "tokens.json.tmp" in kept.names()
    release = fired(kept.store.lock(1.0))
    assert fired(kept.store.load()) == {"default": renewed}
    release()


def test_what_a_killed_process_had_written_whole_is_put_in_place(kept):
    renewed = FIRST.renewed(TokenPair("new-acc3ss", "new-r3fresh", 1.0))
    left_by_a_killed_process(kept, renewed)
    assert fired(kept.store.load()) == {"default": FIRST}  # a reader without the lock leaves it to who has it
    release = fired(kept.store.lock(1.0))
    assert fired(kept.store.load()) == {"default": renewed}
    assert kept.names() == ["tokens.json", "tokens.json.lock"]
    assert kept.mode == 0o600
    release()


@pytest.mark.parametrize("why", ["half", "open to others", "older", "file removed", "other version", "a folder"])
def test_what_a_killed_process_left_is_else_cleared(kept, why):
    left = left_by_a_killed_process(kept, SECOND, 0o644 if why == "open to others" else 0o600)
    expected = {"default": FIRST}
    if why == "half":
        left.write_bytes(left.read_bytes()[:-20])
    elif why == "older":
        os.utime(left, (1, 1))
    elif why == "file removed":
        kept.path.unlink()
        expected = {}
    elif why == "other version":
        left.write_text('{"version": 2}')
    elif why == "a folder":
        left.unlink()
        left.mkdir()
        assert "folder" in refusal(kept.store.lock(1.0)).problem
        left.rmdir()
    fired(kept.store.lock(1.0))()
    assert fired(kept.store.load()) == expected
    assert not left.exists()


def test_a_temporary_name_that_is_a_link_is_not_followed(kept, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "tokens.json.tmp").symlink_to(victim)
    fired(kept.store.save(FIRST))
    assert victim.read_text() == "untouched"


def test_nothing_is_ever_open_to_others(kept, monkeypatch):
    """Whatever the umask, each file is made with its mode, never given it later."""
    made = []
    real = os.open

    def watched(path, flags, mode=0o777, **rest):
        if flags & os.O_CREAT:
            made.append((os.path.basename(path), mode, bool(flags & os.O_EXCL)))
        return real(path, flags, mode, **rest)

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        fired(kept.store.save(FIRST))
        fired(kept.store.check_writable())
    finally:
        os.umask(before)
    assert {mode for _, mode, _ in made} == {0o600}
    assert ("tokens.json.tmp", 0o600, True) in made
    assert kept.mode == 0o600


def test_the_order_of_what_makes_it_durable(kept, monkeypatch):
    steps = []
    for name in ("write", "fsync", "replace"):
        real = getattr(os, name)

        def watched(*args, name=name, real=real):
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            steps.append("flush the folder" if is_folder else name)
            return real(*args)

        monkeypatch.setattr(os, name, watched)
    fired(kept.store.save(FIRST))
    assert steps == ["write", "fsync", "replace", "flush the folder"]


@pytest.mark.parametrize(
    ("call", "number", "saying"),
    [
        ("write", errno.ENOSPC, "the disk is full"),
        ("write", errno.EDQUOT, "quota"),
        ("fsync", errno.EIO, "the disk failed"),
        ("replace", errno.EBUSY, "mounted by itself"),
        ("replace", errno.EPERM, "not permitted"),
        ("fsync", errno.ENXIO, os.strerror(errno.ENXIO)),
    ],
)
def test_what_the_disk_refuses_is_said_and_leaves_the_old_file(kept, monkeypatch, call, number, saying):
    fired(kept.store.save(FIRST))
    before = kept.path.read_bytes()

    def fails(*_):
        raise OSError(number, os.strerror(number), "r3fresh-marked")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        for attempt in (lambda: kept.store.save(SECOND), lambda: kept.store.remove("default")):
            assert saying in refusal(attempt()).problem
        assert saying in refusal(kept.store.check_writable()).problem
    assert kept.path.read_bytes() == before
    assert kept.names() == ["tokens.json", "tokens.json.lock"]
    fired(kept.store.check_writable())


def test_a_write_that_takes_little_is_gone_on_with(kept, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    fired(kept.store.save(FIRST))
    assert fired(kept.store.load()) == {"default": FIRST}


def test_a_file_system_without_flushing_of_folders(kept, monkeypatch):
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    fired(kept.store.save(FIRST))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_is_found_before(kept):
    fired(kept.store.save(FIRST))
    kept.path.parent.chmod(0o500)
    try:
        assert "permission denied" in refusal(kept.store.check_writable()).problem
    finally:
        kept.path.parent.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
def test_the_superuser_leaves_a_file_to_its_owner(kept):
    fired(kept.store.save(FIRST))
    os.chown(kept.path, 12345, 23456)
    fired(kept.store.save(SECOND))
    fired(kept.store.check_writable())
    status = kept.path.stat()
    assert (status.st_uid, status.st_gid, kept.mode) == (12345, 23456, 0o600)


def test_checking_writes_more_than_the_file_has_and_changes_nothing(kept, monkeypatch):
    fired(kept.store.save(FIRST))
    before = kept.path.read_bytes()
    written = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: written.append(len(data)) or real(descriptor, data))
    fired(kept.store.check_writable())
    assert max(written) > len(before)
    assert kept.path.read_bytes() == before
    assert kept.names() == ["tokens.json", "tokens.json.lock"]


def test_checking_where_there_is_no_file_makes_none(kept):
    fired(kept.store.check_writable())
    assert not kept.path.exists()
    assert "tokens.json.tmp" not in kept.names()


# The lock


def test_two_stores_of_one_process_exclude_each_other(kept):
    release = fired(kept.store.lock(5.0))
    second = kept.another().lock(5.0)
    kept.clock.pump([0.1] * 10)
    assert not second.called
    release()
    release()  # does nothing
    kept.clock.advance(0.1)
    released_second = fired(second)
    third = kept.store.lock(5.0)
    release()  # nor does it release the next one's
    kept.clock.advance(0.1)
    assert not third.called
    released_second()
    kept.clock.advance(0.1)
    fired(third)()


def test_one_store_excludes_itself(kept):
    release = fired(kept.store.lock(5.0))
    second = kept.store.lock(5.0)
    assert not second.called
    release()
    kept.clock.advance(0.1)
    fired(second)()
    assert not kept.clock.getDelayedCalls()


def test_a_lock_that_is_not_given_up(kept):
    release = fired(kept.store.lock(5.0))
    second = kept.another().lock(5.0)
    kept.clock.pump([0.1] * 60)
    error = refusal(second)
    assert "tokens.json.lock" in error.problem and "5 s" in error.problem
    assert not kept.clock.getDelayedCalls()
    release()


def test_a_wait_for_the_lock_can_be_cancelled(kept):
    release = fired(kept.store.lock(5.0))
    second = kept.another().lock(5.0)
    second.cancel()
    with pytest.raises(CancelledError):
        fired(second)
    assert not kept.clock.getDelayedCalls()
    release()
    fired(kept.another().lock(5.0))()


def test_a_change_by_another_waits_for_the_lock_and_one_by_its_holder_does_not(kept):
    release = fired(kept.store.lock(5.0))
    fired(kept.store.save(FIRST))
    other = kept.another().save(SECOND)
    kept.clock.advance(0.1)
    assert not other.called
    release()
    kept.clock.advance(0.1)
    fired(other)
    assert fired(kept.store.load()) == {"default": FIRST, "second": SECOND}


def test_a_lock_that_may_not_be_opened(kept, monkeypatch):
    import filelock

    def fails(*_, **__):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(filelock.FileLock, "_acquire", fails)
    error = refusal(kept.store.lock(5.0))
    assert "permission denied" in error.problem
    assert error.where == f"{kept.path}.lock"


def test_a_file_system_without_locks(kept, monkeypatch):
    import filelock

    def fails(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "_acquire", fails)
    assert "no locks" in refusal(kept.store.lock(5.0)).problem


def test_nothing_is_opened_but_by_descriptor(kept, monkeypatch):
    """Python's own open() makes files as wide as the umask lets it."""

    def refused(*args, **_):
        raise AssertionError(f"open{args}")

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", refused)
        fired(kept.store.save(FIRST))
        fired(kept.store.check_writable())
        assert fired(kept.store.load()) == {"default": FIRST}


# Memory


def test_memory_keeps_replaces_and_forgets():
    store = MemoryTokenStore([FIRST])
    fired(store.save(SECOND))
    assert fired(store.load()) == {"default": FIRST, "second": SECOND}
    fired(store.remove("default"))
    fired(store.remove("default"))
    assert fired(store.load()) == {"second": SECOND}
    fired(store.check_writable())


def test_memory_gives_its_lock_to_one_at_a_time():
    store = MemoryTokenStore()
    release = fired(store.lock(1.0))
    second = store.lock(1.0)
    assert not second.called
    release()
    release()
    fired(second)()
    fired(store.lock(1.0))()


def test_memory_may_refuse_to_keep_what_would_be_lost():
    store = MemoryTokenStore([FIRST], unwritable=TokenStoreError("account[1]", "it is in memory only", "Log in"))
    assert refusal(store.check_writable()).where == "account[1]"
    assert fired(store.load()) == {"default": FIRST}
