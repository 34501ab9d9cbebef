"""What leaves when: the limits are never exceeded, nothing waits without need, and commands go first."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ctrader_twisted import messages
from ctrader_twisted.session.pacing import GUARD, Limits, Pacer, QueueState, RateWindow
from ctrader_twisted.wire import catalogue
from tests.session.conversation import HISTORY, NEW_ORDER, OTHER, TRADER, account_auth, make_request

if TYPE_CHECKING:
    from ctrader_twisted.session.correlation import Request

DEALS = messages.ProtoOADealListReq(ctidTraderAccountId=1000001)
CANCEL = messages.ProtoOACancelOrderReq(ctidTraderAccountId=1000001, orderId=1)
SYMBOLS = messages.ProtoOASymbolsListReq(ctidTraderAccountId=1000001)
REFRESH = messages.ProtoOARefreshTokenReq(refreshToken="x")

MESSAGES = {
    "trader": TRADER,
    "symbols": SYMBOLS,
    "order": NEW_ORDER,
    "cancel": CANCEL,
    "history": HISTORY,
    "deals": DEALS,
    "auth": account_auth(OTHER),
    "refresh": REFRESH,
}

Step = tuple[float, str]
"""Seconds since the step before, and what is asked for: a message, or ``block:trader:3`` from the server."""


HISTORY_KIND = catalogue.REQUESTS_BY_CLASS[type(HISTORY)]
TRADER_KIND = catalogue.REQUESTS_BY_CLASS[type(TRADER)]


class Left(NamedTuple):
    """A request and its times."""

    number: int
    name: str
    asked: float
    left: float
    waited: bool

    @property
    def historical(self) -> bool:
        return self.name in ("history", "deals")

    @property
    def command(self) -> bool:
        return self.name in ("order", "cancel")

    @property
    def authority(self) -> bool:
        return self.name in ("auth", "refresh")


def drive(limits: Limits, steps: list[Step], late: frozenset[int] = frozenset()) -> list[Left]:
    """Ask at these times, let leave as soon as the pacer says, and give what left in its order.

    :param late: steps before which the timer rings too late: what was due then leaves only with the next.
    """
    pacer = Pacer(limits)
    left: list[Left] = []
    asked: dict[int, tuple[int, str, float]] = {}
    now = 0.0

    def take() -> None:
        for request in pacer.take_due(now):
            left.append(Left(*asked[id(request)], now, True))

    def until(end: float) -> None:
        nonlocal now
        while (due := pacer.next_due(now)) is not None and due <= end:
            assert due >= now
            now = due
            before = pacer.waiting
            take()
            assert pacer.waiting < before, "something was due and nothing left"

    kept: list[Request] = []
    at = 0.0
    for number, (gap, what) in enumerate(steps):
        at += gap
        if number not in late:
            until(at)
        now = at
        if what.startswith("block:"):
            _, name, seconds = what.split(":")
            pacer.block(make_request(MESSAGES[name]).kind.payload_type, now + float(seconds))
            continue
        request = make_request(MESSAGES[what])
        kept.append(request)
        asked[id(request)] = (number, what, now)
        if pacer.admit(request, now):
            left.append(Left(number, what, now, now, False))
        else:
            assert pacer.enqueue(request)
            take()
    until(1e9)
    assert pacer.waiting == 0
    assert len(left) == len(kept)
    return left


asking = st.sampled_from(["trader", "trader", "symbols", "order", "cancel", "history", "deals", "auth"])
gaps = st.one_of(
    st.just(0.0),
    st.floats(min_value=0, max_value=0.3),
    st.floats(min_value=0.9, max_value=1.2),
    st.sampled_from([1.0, 1.05, 0.05]),
)
arrivals = st.lists(st.tuples(gaps, asking), max_size=40)
blocks = st.builds(
    "block:{}:{}".format, st.sampled_from(["trader", "order", "history"]), st.sampled_from([0, 0.2, 1.05, 3])
)
with_blocks = st.lists(st.tuples(gaps, st.one_of(asking, asking, asking, blocks)), max_size=40)
small = st.builds(Limits, general=st.integers(1, 4), historical=st.integers(1, 3))


def classes(left: list[Left]) -> list[list[Left]]:
    return [
        [one for one in left if not one.historical],
        [one for one in left if one.historical],
    ]


@given(small, with_blocks, st.frozensets(st.integers(0, 40), max_size=8))
def test_no_second_wherever_it_begins_holds_more_than_the_limit(
    limits: Limits, steps: list[Step], late: frozenset[int]
) -> None:
    for allowed, ones in zip((limits.general, limits.historical), classes(drive(limits, steps, late)), strict=True):
        times = sorted(one.left for one in ones)
        assert allowed is not None
        for first, beyond in zip(times, times[allowed:], strict=False):
            assert beyond - first > 1.0


@given(small, arrivals)
def test_nothing_waits_while_its_limit_has_room(limits: Limits, steps: list[Step]) -> None:
    for allowed, ones in zip((limits.general, limits.historical), classes(drive(limits, steps)), strict=True):
        assert allowed is not None
        for at, one in enumerate(ones):
            if one.left > one.asked:
                assert at >= allowed
                # It left in the very moment in which the oldest of those before it was long enough ago.
                assert one.left == pytest.approx(ones[at - allowed].left + 1 + GUARD, abs=1e-9)


@given(small, with_blocks)
def test_what_waited_left_when_its_limit_opened_or_when_the_server_blocked_it_no_longer(
    limits: Limits, steps: list[Step]
) -> None:
    ends: dict[str, list[float]] = {name: [] for name in MESSAGES}
    at = 0.0
    for gap, what in steps:
        at += gap
        if what.startswith("block:"):
            _, name, seconds = what.split(":")
            ends[name].append(at + float(seconds))
    for allowed, ones in zip((limits.general, limits.historical), classes(drive(limits, steps)), strict=True):
        assert allowed is not None
        for place, one in enumerate(ones):
            if one.left > one.asked:
                opened = [ones[place - allowed].left + 1 + GUARD] if place >= allowed else []
                assert any(one.left == pytest.approx(moment, abs=1e-9) for moment in opened + ends[one.name])


@given(small, arrivals)
def test_commands_overtake_authorisations_and_both_data_and_nothing_else_overtakes(
    limits: Limits, steps: list[Step]
) -> None:
    general, historical = classes(drive(limits, steps))
    commands = [one for one in general if one.command]
    authority = [one for one in general if one.authority]
    data = [one for one in general if not one.command and not one.authority]
    for first, later in ((commands, authority), (commands, data), (authority, data)):
        for one in later:
            assert not [before for before in first if before.asked < one.left < before.left]
    for line in (commands, authority, data, historical):
        assert [one.number for one in line] == sorted(one.number for one in line)


@given(small, with_blocks, st.frozensets(st.integers(0, 40), max_size=8))
@example(Limits(general=2, historical=1), [(0, "block:order:1.05"), (0, "order"), (1.05, "order")], frozenset({2}))
def test_requests_of_one_type_keep_their_order_whatever_the_server_blocks(
    limits: Limits, steps: list[Step], late: frozenset[int]
) -> None:
    left = drive(limits, steps, late)
    for name in MESSAGES:
        numbers = [one.number for one in left if one.name == name]
        assert numbers == sorted(numbers)


@given(small, with_blocks, st.frozensets(st.integers(0, 40), max_size=8))
def test_nothing_of_a_blocked_type_leaves_before_its_time(
    limits: Limits, steps: list[Step], late: frozenset[int]
) -> None:
    left = drive(limits, steps, late)
    at = 0.0
    for number, (gap, what) in enumerate(steps):
        at += gap
        if what.startswith("block:"):
            _, name, seconds = what.split(":")
            for one in left:
                if one.name == name and one.left >= at and one.number > number:
                    assert one.left >= at + float(seconds)


@given(small, arrivals)
def test_the_two_limits_know_nothing_of_each_other(limits: Limits, steps: list[Step]) -> None:
    left = drive(limits, steps)
    for names, at in ((("history", "deals"), 1), (("trader", "symbols", "order", "cancel", "auth"), 0)):
        alone = [step if step[1] in names else (step[0], "block:refresh:0") for step in steps]
        expected = [(one.number, one.left) for one in classes(left)[at]]
        assert [(one.number, one.left) for one in drive(limits, alone)] == expected


@given(arrivals)
def test_without_limits_nothing_ever_waits(steps: list[Step]) -> None:
    assert not any(one.waited for one in drive(Limits(general=None, historical=None), steps))


# The limits as the server has them


def test_fifty_and_five_leave_at_once_and_the_next_a_second_and_a_little_later() -> None:
    pacer = Pacer(Limits())
    assert [pacer.admit(make_request(TRADER), 100.0) for _ in range(51)] == [True] * 50 + [False]
    assert [pacer.admit(make_request(HISTORY), 100.0) for _ in range(6)] == [True] * 5 + [False]
    assert not pacer.admit(make_request(NEW_ORDER), 101.0)
    assert not pacer.admit(make_request(NEW_ORDER), 101.049)
    assert pacer.admit(make_request(NEW_ORDER), 101.051)


def test_an_even_stream_below_the_limit_never_waits() -> None:
    pacer = Pacer(Limits())
    assert all(pacer.admit(make_request(TRADER), at / 47) for at in range(1000))


def test_commands_leave_first_and_authorisations_before_data() -> None:
    pacer = Pacer(Limits(general=1))
    assert pacer.admit(make_request(TRADER), 0.0)
    waiting = [make_request(TRADER, "a"), make_request(account_auth(OTHER), "b"), make_request(NEW_ORDER, "c")]
    waiting += [make_request(CANCEL, "d"), make_request(SYMBOLS, "e"), make_request(REFRESH, "f")]
    for request in waiting:
        assert not pacer.admit(request, 0.0)
        pacer.enqueue(request)
    order = []
    now = 0.0
    while pacer.waiting:
        now = pacer.next_due(now) or now
        order += [request.envelope.client_msg_id for request in pacer.take_due(now)]
    assert order == ["c", "d", "b", "f", "a", "e"]


def test_a_command_stays_behind_the_authorisation_of_its_account() -> None:
    pacer = Pacer(Limits(general=1))
    assert pacer.admit(make_request(TRADER), 0.0)
    waiting = [make_request(account_auth(OTHER), "other"), make_request(account_auth(), "own")]
    waiting += [make_request(NEW_ORDER, "order"), make_request(account_auth(), "own again")]
    for request in waiting:
        pacer.enqueue(request)
    order = []
    for second in range(1, 5):
        (left,) = pacer.take_due(second * 1.06)
        order.append(left.envelope.client_msg_id)
    assert order == ["own", "order", "other", "own again"]
    assert pacer.waiting == 0


def test_a_command_does_not_wait_for_authorisations_that_the_server_blocks() -> None:
    pacer = Pacer(Limits(general=1))
    assert pacer.admit(make_request(TRADER), 0.0)
    auth, order = make_request(account_auth()), make_request(NEW_ORDER)
    pacer.block(auth.kind.payload_type, 10.0)
    for request in (auth, order):
        pacer.enqueue(request)
    assert pacer.take_due(1.06) == [order]
    assert pacer.take_due(9.0) == []
    assert pacer.take_due(10.0) == [auth]


def test_a_queue_of_history_holds_nothing_else_up() -> None:
    pacer = Pacer(Limits(historical=1))
    assert pacer.admit(make_request(HISTORY), 0.0)
    assert not pacer.admit(make_request(HISTORY), 0.0)
    pacer.enqueue(make_request(HISTORY))
    assert pacer.admit(make_request(TRADER), 0.0)
    assert pacer.admit(make_request(NEW_ORDER), 0.0)


def test_a_new_request_does_not_slip_in_before_those_that_wait() -> None:
    pacer = Pacer(Limits(general=1))
    assert pacer.admit(make_request(TRADER), 0.0)
    first = make_request(TRADER)
    assert not pacer.admit(first, 0.0)
    pacer.enqueue(first)
    assert not pacer.admit(make_request(SYMBOLS), 2.0)  # there is room, but the timer has not rung yet
    assert pacer.next_due(2.0) == 2.0
    assert pacer.take_due(2.0) == [first]


# Blocked by the server


def test_what_the_server_blocks_waits_alone() -> None:
    pacer = Pacer(Limits())
    trader = make_request(TRADER).kind.payload_type
    pacer.block(trader, 10.0)
    request = make_request(TRADER)
    assert not pacer.admit(request, 0.0)
    pacer.enqueue(request)
    assert pacer.next_due(0.0) == 10.0
    assert pacer.admit(make_request(SYMBOLS), 1.0)
    assert pacer.take_due(9.999) == []
    assert pacer.take_due(10.0) == [request]
    assert pacer.admit(make_request(TRADER), 10.0)
    assert pacer.next_due(10.0) is None


def test_a_block_is_made_longer_but_not_shorter() -> None:
    pacer = Pacer(Limits())
    kind = make_request(TRADER).kind
    pacer.block(kind.payload_type, 10.0)
    pacer.block(kind.payload_type, 5.0)
    assert not pacer.admit(make_request(TRADER), 7.0)
    pacer.block(kind.payload_type, 12.0)
    assert not pacer.admit(make_request(TRADER), 11.0)
    assert pacer.admit(make_request(TRADER), 12.0)


def test_a_block_that_has_passed_lets_nobody_overtake() -> None:
    pacer = Pacer(Limits())
    first, second = make_request(NEW_ORDER, "first"), make_request(NEW_ORDER, "second")
    pacer.block(first.kind.payload_type, 5.0)
    assert not pacer.admit(first, 0.0)
    pacer.enqueue(first)
    assert not pacer.admit(second, 5.001)  # the block is over and the timer has not rung yet
    pacer.enqueue(second)
    assert pacer.take_due(5.001) == [first, second]


# The queue


def test_the_queue_is_bounded_and_says_what_is_in_it() -> None:
    pacer = Pacer(Limits(general=1, historical=1, queue=4))
    for message in (TRADER, HISTORY):
        assert pacer.admit(make_request(message), 0.0)
    pacer.block(make_request(CANCEL).kind.payload_type, 7.5)
    waiting = [make_request(message) for message in (TRADER, HISTORY, NEW_ORDER, CANCEL)]
    assert [pacer.enqueue(request) for request in waiting] == [True] * 4
    assert not pacer.enqueue(make_request(NEW_ORDER))
    state = pacer.state(2.5)
    assert state == QueueState(orders=2, data=1, historical=1, bound=4, blocked={"ProtoOACancelOrderReq": 5.0})
    assert len(state) == pacer.waiting == pacer.bound == 4
    assert pacer.state(7.5).blocked == {}
    assert pacer.remove(waiting[0])
    assert not pacer.remove(waiting[0])
    assert pacer.enqueue(make_request(TRADER))


def test_a_queue_that_is_full_has_room_for_authorisations() -> None:
    pacer = Pacer(Limits(general=1, queue=1))
    assert pacer.admit(make_request(TRADER), 0.0)
    data, auth, refresh = make_request(TRADER), make_request(account_auth()), make_request(REFRESH)
    assert [pacer.enqueue(request) for request in (data, auth, refresh)] == [True] * 3
    assert not pacer.enqueue(make_request(NEW_ORDER))
    assert pacer.take_due(1.06) == [auth]


def test_what_is_taken_out_of_the_queue_does_not_leave() -> None:
    pacer = Pacer(Limits(general=1))
    assert pacer.admit(make_request(TRADER), 0.0)
    first, second, third = (make_request(TRADER, key) for key in "abc")
    for request in (first, second, third):
        pacer.enqueue(request)
    assert pacer.remove(second)
    assert pacer.remove(first)
    assert pacer.take_due(5.0) == [third]
    assert (pacer.waiting, pacer.next_due(5.0)) == (0, None)
    assert not pacer.remove(third)
    assert not pacer.remove(make_request(SYMBOLS))


def test_clearing_gives_everything_back_in_the_order_in_which_it_was_asked() -> None:
    pacer = Pacer(Limits(general=1))
    requests = [make_request(message) for message in (TRADER, NEW_ORDER, HISTORY, TRADER, SYMBOLS, NEW_ORDER)]
    for request in requests:
        pacer.enqueue(request)
    assert pacer.clear() == requests
    assert (pacer.waiting, pacer.next_due(0.0), pacer.take_due(9.0), pacer.clear()) == (0, None, [], [])


def test_while_held_nothing_leaves() -> None:
    pacer = Pacer(Limits(general=1))
    pacer.held = True
    request = make_request(TRADER)
    assert not pacer.admit(request, 0.0)
    assert not pacer.admit(make_request(account_auth()), 0.0)
    pacer.enqueue(request)
    assert (pacer.take_due(5.0), pacer.next_due(5.0)) == ([], None)
    pacer.held = False
    assert pacer.next_due(5.0) == 5.0
    assert pacer.take_due(5.0) == [request]


@pytest.mark.parametrize("name", ["general", "historical", "queue"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_that_lets_nothing_through_is_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"Limits.{name} is {value}: give at least 1"):
        Limits(**{name: value})


def test_the_limits_are_the_servers_unless_told_otherwise() -> None:
    assert Limits() == Limits(general=50, historical=5, queue=10_000)


# The window alone


@given(st.integers(1, 5), st.lists(st.floats(min_value=0, max_value=2), max_size=50))
def test_a_window_opens_when_the_oldest_of_its_limit_is_long_enough_ago(limit: int, pauses: list[float]) -> None:
    window = RateWindow(limit)
    now = 0.0
    times: list[float] = []
    for pause in pauses:
        now = max(now + pause, window.opens_at(now + pause))
        assert window.opens_at(now) == now
        window.spend(now)
        times.append(now)
    assert all(later >= earlier for earlier, later in pairwise(times))
    for first, beyond in zip(times, times[limit:], strict=False):
        assert beyond - first > 1.0


def test_a_window_without_limit_is_always_open() -> None:
    window = RateWindow(None)
    for _ in range(1000):
        assert window.opens_at(3.0) == 3.0
        window.spend(3.0)


# The rolling quota behind the limit on historical requests


def test_each_refusal_after_a_wait_doubles_the_next_wait() -> None:
    pacer, now, waits = Pacer(Limits()), 0.0, []
    number = HISTORY_KIND.payload_type
    for _ in range(10):
        pacer.refused(number, 1.0, now)
        wait = pacer.state(now).blocked[HISTORY_KIND.name]
        waits.append(wait)
        now += wait
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]
    pacer.served(number)
    pacer.refused(number, 1.0, now)
    assert pacer.state(now).blocked == {HISTORY_KIND.name: 1.0}


def test_the_refusals_of_one_burst_count_once() -> None:
    pacer = Pacer(Limits())
    for _ in range(5):
        pacer.refused(HISTORY_KIND.payload_type, 1.0, 0.0)
    assert pacer.state(0.0).blocked == {HISTORY_KIND.name: 1.0}


def test_the_server_may_ask_for_more_than_that() -> None:
    pacer = Pacer(Limits())
    pacer.refused(HISTORY_KIND.payload_type, 300.0, 0.0)
    assert pacer.state(0.0).blocked == {HISTORY_KIND.name: 300.0}


def test_other_requests_wait_as_long_as_the_server_says() -> None:
    pacer = Pacer(Limits())
    pacer.refused(TRADER_KIND.payload_type, None, 0.0)
    assert pacer.state(0.0).blocked == {}
    for now in (0.0, 1.0, 2.0):
        pacer.refused(TRADER_KIND.payload_type, 1.0, now)
        assert pacer.state(now).blocked == {TRADER_KIND.name: 1.0}
