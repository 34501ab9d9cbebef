"""What waits for a store, with a thread that takes as long as it is told to: order, bounds, failures, ends."""

from __future__ import annotations

import errno
import threading
from datetime import date
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ctrader_twisted.errors import RecordingStoreError
from ctrader_twisted.recording.keeping import RETRY, Keeping, Worker
from ctrader_twisted.recording.store import Batch, Cover

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

DAY = date(2026, 3, 4)


class Thread:
    """What is called waits until it is let go on."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, call: Callable[[], Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((call, done))
        return done

    def go(self, times: int = 1) -> None:
        for _ in range(times):
            call, done = self.waiting.pop(0)
            try:
                result = call()
            except BaseException:
                done.errback(Failure())
            else:
                done.callback(result)

    def go_on(self) -> None:
        while self.waiting:
            self.go()


class Noted:
    """A store that notes what it is asked to do."""

    def __init__(self) -> None:
        self.did: list[Any] = []
        self.error: BaseException | None = None
        self.due = 0

    def open(self) -> list[str]:
        self.did.append("open")
        return []

    def write(self, batch: Batch) -> None:
        if self.error is not None:
            raise self.error
        self.did.append(number(batch))

    def tidy(self, today: date) -> bool:
        self.did.append("tidy")
        self.due -= 1
        return self.due >= 0

    def close(self) -> None:
        self.did.append("close")


def batch(which: int, rows: int = 1, kind: str = "quotes") -> Batch:
    columns: dict[str, Any]
    if kind == "quotes":
        prices = {"bid": [1.0] * rows, "ask": [1.0] * rows}
        columns = {"time": [which] * rows, "received": [which] * rows, "symbol": ["X"] * rows, **prices}
    else:
        columns = {"time": [which] * rows, "event": ["x"] * rows, "document": ["{}"] * rows, "key": [None] * rows}
    return Batch(kind, "demo", 7, {**columns, "source": ["live"] * rows})


def number(written: Batch) -> int:
    return int(written.columns[written.table.time][0]) if len(written) else -1


class Kept:
    """A keeping with what it is made of."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.thread = Thread()
        self.store = Noted()
        self.failed = 0
        self.keeping = Keeping(self.store, self.clock, "market", self.thread, self._failed, **settings)  # type: ignore[arg-type]

    def _failed(self) -> None:
        self.failed += 1

    def opened(self) -> Kept:
        self.keeping.open()
        self.thread.go()
        self.store.did.clear()
        return self


def fired(deferred: Deferred[Any]) -> list[Any]:
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results


def test_one_thing_after_the_other_in_the_order_given() -> None:
    kept = Kept()
    results = [fired(kept.keeping.write(batch(1))), fired(kept.keeping.ask(lambda: kept.store.did[:]))]
    kept.keeping.open()
    results.append(fired(kept.keeping.write(batch(2))))
    assert len(kept.thread.waiting) == 1, "nothing is written before it is open"
    kept.thread.go_on()
    assert kept.store.did == ["open", 1, 2]
    assert results == [[True], [["open", 1]], [True]]
    assert kept.keeping.written == 2


def test_it_is_tidied_while_rows_come_all_the_time() -> None:
    """Something always waits in a market that moves."""
    kept = Kept().opened()
    kept.store.due = 2
    kept.keeping.write(batch(1))
    kept.keeping.tidy(DAY)
    kept.keeping.tidy(DAY)
    kept.keeping.write(batch(2))
    kept.thread.go(2)
    kept.keeping.write(batch(3))
    kept.thread.go_on()
    assert kept.store.did == [1, "tidy", 2, "tidy", 3, "tidy"], "between what is written, until nothing is due"
    kept.keeping.tidy(DAY)
    kept.thread.go_on()
    assert kept.store.did[-1] == "tidy"


def test_what_fails_is_tried_again_and_said_once(logged_errors: Any) -> None:
    kept = Kept().opened()
    kept.store.error = OSError(errno.ENOSPC, "No space left on device")
    first, second = fired(kept.keeping.write(batch(1))), fired(kept.keeping.write(batch(2)))
    kept.thread.go()
    assert kept.keeping.failure == "the disk is full" and kept.failed == 1
    for _ in range(3):
        kept.clock.advance(RETRY)
        kept.thread.go()
    assert len(logged_errors.events) == 1 and kept.failed == 1
    kept.store.error = None
    kept.clock.advance(RETRY)
    kept.thread.go_on()
    assert kept.store.did == [1, 2] and (first, second) == ([True], [True])
    assert (kept.keeping.failure, kept.keeping.dropped) == (None, 0)
    kept.store.error = RecordingStoreError("market", "is not of the recorder", "move it")  # type: ignore[arg-type]
    kept.keeping.write(batch(3))
    kept.thread.go()
    assert kept.failed == 2 and len(logged_errors.events) == 2, "said again, after it was well"
    logged_errors.flush()


def test_what_can_be_had_from_history_is_dropped_first_and_the_oldest_of_it(logged_errors: Any) -> None:
    kept = Kept(capacity=9_500).opened()
    results = [fired(kept.keeping.write(batch(which, 4))) for which in range(3)]
    results += [fired(kept.keeping.write(batch(3, 4, "account_events")))]
    results += [fired(kept.keeping.write(batch(which, 4))) for which in range(4, 10)]
    results += [fired(kept.keeping.write(batch(10, 4, "account_events")))]
    kept.thread.go_on()
    lost = [which for which, result in enumerate(results) if result == [False]]
    assert lost == [1, 2, 4], "0 was being written, and of the account all is there"
    assert kept.store.did == [0, 3, 5, 6, 7, 8, 9, 10]
    assert kept.keeping.dropped == 12 and kept.failed == 1
    assert len(logged_errors.events) == 1
    logged_errors.flush()


def test_account_events_are_dropped_too_when_there_is_nothing_else(logged_errors: Any) -> None:
    kept = Kept(capacity=3_000).opened()
    results = [fired(kept.keeping.write(batch(which, 1, "account_events"))) for which in range(6)]
    kept.thread.go_on()
    assert results == [[True], [False], [False], [False], [False], [True]]
    logged_errors.flush()


def test_what_no_disk_is_to_blame_for_is_lost_alone(logged_errors: Any) -> None:
    kept = Kept().opened()
    kept.store.error = TypeError("a mistake")
    first, second = fired(kept.keeping.write(batch(1))), fired(kept.keeping.write(batch(2)))
    kept.thread.go()
    kept.store.error = None
    kept.thread.go_on()
    assert (first, second) == ([False], [True]) and (kept.keeping.dropped, kept.keeping.written) == (1, 1)
    assert len(logged_errors.flush()) == 1


def test_a_question_that_fails_is_the_askers_matter() -> None:
    kept = Kept().opened()
    answer = fired(kept.keeping.ask(lambda: 1 / 0))
    written = fired(kept.keeping.write(batch(1)))
    kept.thread.go_on()
    assert answer[0].check(ZeroDivisionError) and written == [True]


def test_closed_it_writes_what_waits_and_tries_once_more(logged_errors: Any) -> None:
    kept = Kept().opened()
    kept.store.error = OSError(errno.EACCES, "Permission denied")
    results = [fired(kept.keeping.write(batch(which))) for which in (1, 2)]
    question = fired(kept.keeping.ask(lambda: 1))
    kept.thread.go()
    closed = fired(kept.keeping.close())
    assert not closed and not kept.clock.getDelayedCalls()
    kept.store.error = None
    kept.thread.go_on()
    assert kept.store.did == [1, 2, "close"] and closed == [None] and results == [[True], [True]]
    assert question == [1]
    logged_errors.flush()


def test_closed_with_a_disk_that_stays_full_it_ends(logged_errors: Any) -> None:
    kept = Kept().opened()
    kept.store.error = OSError(errno.ENOSPC, "No space left on device")
    results = [fired(kept.keeping.write(batch(which))) for which in (1, 2)]
    question = fired(kept.keeping.ask(lambda: 1))
    closed = fired(kept.keeping.close())
    kept.thread.go_on()
    assert kept.store.did == ["close"] and closed == [None] and results == [[False], [False]]
    assert question[0].check(CancelledError) and kept.keeping.dropped == 2 and kept.failed
    assert len(logged_errors.events) == 1
    logged_errors.flush()


def test_closed_while_it_opens_it_lets_go_of_the_folder() -> None:
    kept = Kept()
    kept.keeping.open()
    written = fired(kept.keeping.write(batch(1)))
    closed = fired(kept.keeping.close())
    kept.thread.go_on()
    assert kept.store.did == ["open", 1, "close"] and (written, closed) == ([True], [None])


def test_closed_before_it_is_open_nothing_waits() -> None:
    kept = Kept()
    written, closed = fired(kept.keeping.write(batch(1))), fired(kept.keeping.close())
    assert (written, closed, kept.store.did) == ([False], [None], [])
    assert kept.keeping.dropped == 1


def test_the_parts_of_a_batch_are_written_day_by_day() -> None:
    kept = Kept().opened()
    whole = Batch.of_covers("bars", "demo", 7, (Cover("bars/X/M1", 86_400_000 - 5, 2 * 86_400_000 + 5),))
    days: list[int] = []
    kept.store.write = lambda part: days.append(part.day)  # type: ignore[method-assign]
    done = fired(kept.keeping.write(whole))
    kept.thread.go_on()
    assert days == [0, 1, 2] and done == [True]


def test_a_batch_of_which_one_day_is_dropped_is_not_written(logged_errors: Any) -> None:
    kept = Kept().opened()
    whole = Batch.of_covers("bars", "demo", 7, (Cover("bars/X/M1", 86_400_000 - 5, 86_400_000 + 5),))
    kept.store.error = TypeError("a mistake")
    done = fired(kept.keeping.write(whole))
    kept.thread.go()
    kept.store.error = None
    kept.thread.go_on()
    assert done == [False] and kept.store.did == [-1]
    logged_errors.flush()


# The thread


class NoThread:
    """A process that may begin no more threads."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_begun_it_is_tried_again(monkeypatch: pytest.MonkeyPatch, logged_errors: Any) -> None:
    from twisted.internet import reactor

    worker = Worker(reactor)
    with monkeypatch.context() as without:
        without.setattr("ctrader_twisted.recording.keeping.Thread", NoThread)
        for _ in range(2):
            result = fired(worker(threading.get_ident))
            assert result[0].check(OSError), result
    worker.stop()
    logged_errors.flush()
