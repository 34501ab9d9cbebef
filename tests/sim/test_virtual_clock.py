"""The kit's clock does what Twisted's does, in the same order, and says what is due next."""

from __future__ import annotations

import gc
import weakref
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from ctrader_twisted.sim.clock import VirtualClock

_SPANS = st.sampled_from([0.0, 0.25, 1.0, 1.0, 2.0, 5.0])
_STEPS = st.one_of(
    st.tuples(st.just("call"), _SPANS, st.lists(_SPANS, max_size=2)),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("reset"), st.integers(0, 30), _SPANS),
    st.tuples(st.just("delay"), st.integers(0, 30), st.sampled_from([-1.0, 0.0, 0.5, 3.0])),
    st.tuples(st.just("advance"), _SPANS),
)


def done(clock: Any, steps: list[Any]) -> list[Any]:
    """Do the steps, and give what was called and what was left, each with its time."""
    calls: list[Any] = []
    seen: list[Any] = []

    def due(name: str, following: list[float]) -> None:
        seen.append((name, clock.seconds()))
        for number, span in enumerate(following):
            clock.callLater(span, due, f"{name}/{number}", [])

    for at, (what, *given_) in enumerate(steps):
        if what == "call":
            calls.append(clock.callLater(given_[0], due, f"{at}", given_[1]))
        elif what == "advance":
            clock.advance(given_[0])
        elif calls:
            call = calls[given_[0] % len(calls)]
            try:
                getattr(call, what)(*given_[1:])
            except (AlreadyCalled, AlreadyCancelled) as error:
                seen.append(type(error))
        seen.append(sorted(call.getTime() for call in clock.getDelayedCalls()))
    for _ in range(2):  # once more for what the calls have asked for
        clock.advance(1_000)
    assert not clock.getDelayedCalls()
    return seen


def by_moment(seen: list[Any]) -> list[Any]:
    """Put what was called at one moment into one order."""
    ordered: list[Any] = []
    for called, group in groupby(seen, lambda each: isinstance(each, tuple)):
        run = list(group)
        ordered += sorted(run, key=lambda each: (each[1], each[0])) if called else run
    return ordered


@given(st.lists(_STEPS, max_size=40))
def test_it_does_what_twisteds_clock_does(steps: list[Any]) -> None:
    ours, theirs = done(VirtualClock(), steps), done(Clock(), steps)
    if any(what in ("reset", "delay") for what, *_ in steps):
        # Of calls that were moved to the same moment, Twisted's makes first which it happened to have first.
        ours, theirs = by_moment(ours), by_moment(theirs)
    assert ours == theirs


@given(st.lists(_STEPS, max_size=40))
def test_what_is_due_next_is_the_earliest_of_what_waits(steps: list[Any]) -> None:
    clock = VirtualClock()

    class Checked:
        def __getattr__(self, name: str) -> Any:
            waiting = [call.getTime() for call in clock.getDelayedCalls()]
            assert clock.next_due() == min(waiting, default=None)
            return getattr(clock, name)

    done(Checked(), steps)


def test_it_is_a_reactors_time() -> None:
    verifyObject(IReactorTime, VirtualClock())


def test_it_never_goes_back() -> None:
    clock = VirtualClock()
    clock.go_to(5)
    clock.go_to(3)
    assert clock.seconds() == 5


def test_moments_that_only_the_noise_of_floats_keeps_apart_are_one() -> None:
    clock = VirtualClock()
    calls: list[str] = []
    clock.advance(0.1)
    clock.callLater(0.2, calls.append, "first")  # 0.30000000000000004
    clock.advance(0.15)
    clock.callLater(0.05, calls.append, "second")  # 0.3
    clock.advance(0.05)
    assert calls == ["first", "second"]


def test_the_shortest_delay_lets_time_pass() -> None:
    clock = VirtualClock()
    deadline = 0.5 + 1e-9
    looks: list[float] = []

    def look() -> None:
        looks.append(clock.seconds())
        if clock.seconds() < deadline:
            clock.callLater(deadline - clock.seconds(), look)

    clock.callLater(deadline, look)
    clock.advance(1)
    assert len(looks) <= 2


def test_the_moment_that_is_gone_to_is_reached() -> None:
    clock = VirtualClock()
    clock.go_to(0.3 + 1e-9)
    assert clock.seconds() >= 0.3 + 1e-9


def test_time_may_have_passed_before_anything_was_done() -> None:
    clock = VirtualClock()
    seen: list[float] = []
    clock.callLater(1, lambda: seen.append(clock.seconds()))
    clock.rightNow += 3_600
    assert seen == []
    clock.advance(0)
    assert seen == [3_600]


class Listener:
    def told(self) -> None:
        """Hear of it."""


@pytest.mark.parametrize("end", ["it was cancelled", "it was made", "it was moved forward and made"])
def test_a_call_that_is_over_keeps_nothing_alive(end: str) -> None:
    clock = VirtualClock()
    listener = Listener()
    gone = weakref.ref(listener)
    clock.callLater(500, list)
    call = clock.callLater(1_000 if end == "it was moved forward and made" else 1, listener.told)
    if end == "it was cancelled":
        call.cancel()
    elif end == "it was moved forward and made":
        call.reset(1)
    clock.advance(1)
    assert not call.active()
    del call, listener
    gc.collect()
    assert gone() is None
    assert len(clock.getDelayedCalls()) == 1
