"""Requests found by id and expired by deadline, against a model that does it the slow way."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.session.correlation import Pending, Request, Tombstones
from tests.session.conversation import SECRET, TOKEN, TRADER, account_auth, make_request

if TYPE_CHECKING:
    from collections.abc import Iterable


def keys(requests: Iterable[Request]) -> list[str | None]:
    return [request.envelope.client_msg_id for request in requests]


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([0.5, 1.0, 2.0, 5.0, 60.0])),
        st.tuples(st.just("add"), st.floats(min_value=0, max_value=10)),
        st.tuples(st.just("remove"), st.integers(min_value=0)),
        st.tuples(st.just("pass"), st.floats(min_value=0, max_value=3)),
    ),
    max_size=60,
)


@given(operations)
def test_what_waits_is_what_was_added_and_neither_removed_nor_expired(steps: list[tuple[str, float]]) -> None:
    pending = Pending()
    waiting: dict[str, Request] = {}
    ended: list[Request] = []
    now = 0.0
    for number, (step, value) in enumerate(steps):
        if step == "add":
            request = make_request(TRADER, f"{number}", timeout=value, asked=now)
            pending.add(request)
            waiting[f"{number}"] = request
        elif step == "remove" and waiting:
            request = list(waiting.values())[int(value) % len(waiting)]
            assert pending.remove(request)
            ended.append(waiting.pop(str(request.envelope.client_msg_id)))
        elif step == "pass":
            now += value
            due = [request for request in waiting.values() if request.deadline <= now]
            expired = pending.expire(now)
            assert sorted(keys(expired)) == sorted(keys(due))
            for request in due:
                ended.append(waiting.pop(str(request.envelope.client_msg_id)))
        assert len(pending) == len(waiting)
        assert keys(pending) == list(waiting)
        assert pending.next_deadline() == min((request.deadline for request in waiting.values()), default=None)
        assert all(pending.find(key) is request for key, request in waiting.items())
    for request in ended:
        assert pending.find(str(request.envelope.client_msg_id)) is None
        assert not pending.remove(request)
    assert keys(pending.clear()) == list(waiting)
    assert (len(pending), pending.next_deadline(), pending.expire(1e9)) == (0, None, [])


def test_a_deadline_is_the_moment_at_which_it_is_over() -> None:
    pending = Pending()
    pending.add(make_request(TRADER, timeout=5.0, asked=10.0))
    assert pending.next_deadline() == 15.0
    assert pending.expire(14.999) == []
    assert keys(pending.expire(15.0)) == ["id"]


def test_the_table_may_change_while_it_is_walked() -> None:
    pending = Pending()
    for number in range(5):
        pending.add(make_request(TRADER, f"{number}"))
    for request in pending:
        pending.remove(request)
    assert len(pending) == 0


def test_a_time_out_used_once_leaves_nothing_behind() -> None:
    pending = Pending()
    for number in range(1000):
        request = make_request(TRADER, f"{number}", timeout=1.0 + number)
        pending.add(request)
        pending.remove(request)
    assert len(pending._by_timeout) <= 8
    for number in range(1000):
        pending.add(make_request(TRADER, f"{number}", timeout=1.0 + number))
    assert len(pending.expire(1e9)) == 1000
    assert len(pending._by_timeout) <= 8


def test_looking_for_what_is_due_costs_the_same_whatever_is_in_flight() -> None:
    pending = Pending()
    for number in range(20_000):
        pending.add(make_request(TRADER, f"{number}"))
    pending.expire(1.0)
    tracemalloc.start()
    try:
        for _ in range(10):
            assert pending.expire(1.0) == []
            assert pending.next_deadline() == 5.0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000  # a list of all of them would be 160,000 bytes


def test_the_earliest_deadline_is_found_among_several_time_outs() -> None:
    pending = Pending()
    pending.add(make_request(TRADER, "slow", timeout=60.0, asked=0.0))
    pending.add(make_request(TRADER, "quick", timeout=1.0, asked=10.0))
    assert pending.next_deadline() == 11.0
    assert keys(pending.expire(11.0)) == ["quick"]
    assert pending.next_deadline() == 60.0


# Tombstones


def test_a_buried_request_is_found_once() -> None:
    tombstones = Tombstones()
    request = make_request(TRADER, "a")
    tombstones.bury(request)
    assert tombstones.exhume("b") is None
    found = tombstones.exhume("a")
    assert found is not None
    assert (found.kind, found.envelope, found.account_id) == (request.kind, request.envelope, request.account_id)
    assert tombstones.exhume("a") is None


def test_the_oldest_make_room() -> None:
    tombstones = Tombstones(3)
    for number in range(10):
        tombstones.bury(make_request(TRADER, f"{number}"))
        assert len(tombstones) == min(number + 1, 3)
    assert [number for number in range(10) if tombstones.exhume(f"{number}")] == [7, 8, 9]


def test_a_thousand_are_remembered_and_all_are_forgotten_at_once() -> None:
    tombstones = Tombstones()
    for number in range(3000):
        tombstones.bury(make_request(TRADER, f"{number}"))
    assert len(tombstones) == 1000
    tombstones.clear()
    assert len(tombstones) == 0
    assert tombstones.exhume("2999") is None


class Waiter:
    """What the shell hangs on a request: in truth a Deferred, with all that hangs on that."""


def test_who_waited_is_let_go() -> None:
    tombstones = Tombstones()
    request = make_request(TRADER, "a")
    request.waiter = Waiter()
    waiter = weakref.ref(request.waiter)
    tombstones.bury(request)
    assert waiter() is request.waiter  # the shell still has to tell it
    del request
    gc.collect()
    assert waiter() is None


# What a request shows


@pytest.mark.parametrize(("sent", "word"), [(False, "waiting"), (True, "sent")])
def test_a_request_shows_what_it_is_and_no_secret(sent: bool, word: str) -> None:
    request = make_request(account_auth(), "a-1")
    request.sent = sent
    assert repr(request) == str(request) == f"<Request ProtoOAAccountAuthReq, id a-1, {word}>"
    assert TOKEN not in f"{[request]}"
    assert SECRET not in repr(request)
