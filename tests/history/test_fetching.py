"""A page, asked for until it is there, from whoever asks."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock

from ctrader_twisted.errors import (
    AnswerTimeout,
    ClientClosed,
    NotAuthorised,
    OutcomeUnknown,
    RateLimited,
    RequestNotSent,
    SendTimeout,
    ServerError,
    ServerUnavailable,
    UndecodablePayload,
    UnderMaintenance,
)
from ctrader_twisted.history.fetching import Fetching
from ctrader_twisted.messages import ProtoOAGetTrendbarsReq
from ctrader_twisted.wire.envelope import Envelope

MESSAGE = ProtoOAGetTrendbarsReq(ctidTraderAccountId=1, symbolId=1, period=1)
NAME = "ProtoOAGetTrendbarsReq"


class Asked:
    """Answers by hand.

    :ivar times: when it was asked, and with which timeout.
    """

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.times: list[tuple[float, float]] = []
        self.waiting: list[Deferred[Any]] = []
        self.standing: list[Deferred[None]] = []
        self.stands = True
        self.cancelled = 0
        self.fetching = Fetching(self.ask, self.when_standing, self.clock, timeout=10.0, **options)

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        assert message is MESSAGE
        self.times.append((self.clock.seconds(), timeout))
        self.waiting.append(Deferred(self.cancel))
        return self.waiting[-1]

    def cancel(self, waiter: Deferred[Any]) -> None:
        """End as the client ends a request that is cancelled."""
        self.cancelled += 1
        waiter.errback(OutcomeUnknown(NAME, "cancelled"))

    def when_standing(self) -> Deferred[None]:
        if self.stands:
            return succeed(None)
        self.standing.append(Deferred())
        return self.standing[-1]

    def page(self) -> tuple[Deferred[bytes], list[Any]]:
        results: list[Any] = []
        fetching = Deferred.fromCoroutine(self.fetching.page(MESSAGE))
        fetching.addBoth(results.append)
        return fetching, results

    def refuse(self, error: Exception) -> None:
        self.waiting.pop().errback(error)

    def answer(self) -> None:
        self.waiting.pop().callback(Envelope(2138, b"bars"))

    def quiet(self) -> bool:
        return not self.clock.getDelayedCalls()


def limited(seconds: float | None = 1.0) -> RateLimited:
    return RateLimited("BLOCKED_PAYLOAD_TYPE", retry_after=seconds)


def lost() -> RequestNotSent:
    return RequestNotSent(NAME, "lost")


def test_a_page_is_its_payload() -> None:
    asked = Asked()
    _, results = asked.page()
    asked.answer()
    assert results == [b"bars"]
    assert asked.times == [(0.0, 10.0)]
    assert asked.quiet()


def test_a_quota_gives_the_next_request_time_to_wait_in_the_queue() -> None:
    asked = Asked()
    _, results = asked.page()
    asked.refuse(limited(5.0))
    assert asked.times[-1] == (0.0, 130.0)  # the session holds it back up to 120 s
    asked.refuse(limited(300.0))
    assert asked.times[-1] == (0.0, 310.0)
    asked.answer()
    assert results == [b"bars"]


def test_a_quota_that_outlasts_the_patience_is_told_even_if_the_last_never_left() -> None:
    asked = Asked(patience=100.0)
    _, results = asked.page()
    asked.refuse(limited())
    asked.clock.advance(60.0)
    asked.refuse(limited())
    assert asked.times[-1] == (60.0, 50.0)
    asked.clock.advance(50.0)
    asked.refuse(SendTimeout(NAME, "not sent within 50 s"))
    assert results[0].check(RateLimited)
    assert asked.quiet()


@pytest.mark.parametrize(
    "error",
    [lost(), OutcomeUnknown(NAME, "lost"), ServerUnavailable("TIMEOUT_ERROR"), UnderMaintenance("X")],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_is_waited_for_longer_and_longer(error: Exception) -> None:
    asked = Asked(patience=200.0)
    _, results = asked.page()
    while asked.waiting:
        asked.refuse(type(error)(*error.args))
        asked.clock.pump([1.0] * 70)
    begins = [int(at) for at, _ in asked.times]
    assert begins[:3] == [0, 1, 72]
    assert results[0].check(type(error))
    assert asked.clock.seconds() < 300
    assert asked.quiet()


def test_time_outs_are_not_waited_for_again() -> None:
    asked = Asked(patience=25.0)
    _, results = asked.page()
    for _ in range(3):
        asked.clock.advance(10.0)
        asked.refuse(AnswerTimeout(NAME, "no answer"))
    assert [at for at, _ in asked.times] == [0.0, 10.0, 20.0]
    assert results[0].check(AnswerTimeout)


def test_the_patience_begins_anew_with_each_page() -> None:
    asked = Asked(patience=25.0)
    for _ in range(3):
        _, results = asked.page()
        asked.clock.advance(20.0)
        asked.refuse(AnswerTimeout(NAME, "no answer"))
        asked.clock.advance(20.0)
        asked.answer()
        assert results == [b"bars"]


def test_the_account_is_waited_for() -> None:
    asked = Asked()
    asked.stands = False
    _, results = asked.page()
    asked.refuse(NotAuthorised("ACCOUNT_NOT_AUTHORIZED"))
    asked.clock.advance(1.0)
    asked.clock.advance(300.0)
    assert len(asked.times) == 1
    asked.standing.pop().callback(None)
    asked.answer()
    assert results == [b"bars"]
    assert asked.quiet()


def test_an_account_that_does_not_come_back_is_told_by_what_was_lost() -> None:
    asked = Asked(patience=60.0)
    asked.stands = False
    _, results = asked.page()
    asked.refuse(lost())
    asked.clock.advance(1.0)
    asked.clock.advance(58.0)
    assert not results
    asked.clock.advance(1.5)
    assert results[0].check(RequestNotSent)
    assert asked.quiet()


def test_an_account_that_can_not_come_back_ends_it() -> None:
    asked = Asked()
    asked.stands = False
    _, results = asked.page()
    asked.refuse(lost())
    asked.clock.advance(1.0)
    asked.standing.pop().errback(ClientClosed())
    assert results[0].check(ClientClosed)
    assert asked.quiet()


@pytest.mark.parametrize(
    "error", [ServerError("SYMBOL_NOT_FOUND"), ServerError("INCORRECT_BOUNDARIES"), ClientClosed()]
)
def test_what_does_not_pass_is_told_at_once(error: Exception) -> None:
    asked = Asked()
    _, results = asked.page()
    asked.refuse(error)
    assert results[0].value is error
    assert len(asked.times) == 1


def test_what_nobody_can_read_is_told_at_once() -> None:
    asked = Asked()
    _, results = asked.page()
    error = OutcomeUnknown(NAME, "can't be read")
    error.__cause__ = UndecodablePayload(NAME, 5)
    asked.refuse(error)
    assert results[0].value is error


@pytest.mark.parametrize("waits", ["answer", "pause", "account"])
def test_cancelled_it_is_over_wherever_it_waits(waits: str) -> None:
    asked = Asked()
    fetching, results = asked.page()
    asked.stands = waits != "account"
    if waits != "answer":
        asked.refuse(lost())
    if waits == "account":
        asked.clock.advance(1.0)
        assert asked.standing
    fetching.cancel()
    assert results[0].check(CancelledError)
    assert asked.cancelled == (waits == "answer")
    assert asked.quiet()
    asked.clock.advance(100.0)
    assert len(asked.times) == 1


def test_an_answer_that_is_there_at_once() -> None:
    clock = Clock()
    answers = [fail(lost()), succeed(Envelope(2138, b"late"))]
    fetching = Fetching(lambda message, timeout: answers.pop(0), lambda: succeed(None), clock)
    results: list[Any] = []
    Deferred.fromCoroutine(fetching.page(MESSAGE)).addBoth(results.append)
    clock.advance(1.0)
    assert results == [b"late"]
    assert fetching.requests == 2
