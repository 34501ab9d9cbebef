"""What every test is held to: it logs no error it does not own up to, and leaves nothing behind in the reactor.

``logged_errors``
    What has been logged as an error since the test began.  A test that means to provoke one takes it with ``flush``;
    any that is left fails the test.  An unhandled error in a Deferred is logged when the Deferred is collected, so
    garbage is collected first.

In tests/loopback and tests/browser, the only tests that use the global reactor, a delayed call, a listening port or a
connection that is still there four seconds after the test fails it too.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from hypothesis import settings
from twisted.internet import task
from twisted.logger import LogLevel, formatEvent, globalLogBeginner, globalLogPublisher

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from twisted.internet.posixbase import PosixReactorBase
    from twisted.logger import LogEvent
    from twisted.python.failure import Failure

# A shared machine stalls for longer than Hypothesis's 200 ms now and then, and that is no finding.
# The same examples in each run: what fails is what was changed. New ones are looked for in the long runs.
settings.register_profile("patient", deadline=None, max_examples=40, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1_000)  # make test ARGS=--hypothesis-profile=long
settings.load_profile("patient")

REACTOR_GRACE = 4.0  # seconds


class LoggedErrors:
    """Every event logged at error or critical, until flushed."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_namespace") == "twisted.internet.defer" and "log_failure" not in event:
            return  # "Unhandled error in Deferred:", the headline of the event that comes next
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self.events.append(event)

    def flush(self, *types: type[BaseException]) -> list[Failure]:
        """Take what was logged with a failure of these types, or everything if none is named; return the failures."""
        gc.collect()
        taken = [
            event
            for event in self.events
            if not types or ("log_failure" in event and event["log_failure"].check(*types))
        ]
        self.events = [event for event in self.events if event not in taken]
        return [event["log_failure"] for event in taken if "log_failure" in event]

    def complaint(self) -> str | None:
        """Describe what is left, and forget it; ``None`` where nothing is."""
        gc.collect()
        events, self.events = self.events, []
        if not events:
            return None
        texts = []
        for event in events:
            texts.append(f"[{event.get('log_namespace', '-')}] {formatEvent(event).strip()}")
            if "log_failure" in event:
                texts.append(event["log_failure"].getTraceback())
        return "\n".join(["logged as an error:", *texts])


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is not installed
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are CPUs, for the time that tests wait for other processes; four at most."""
    return min((os.cpu_count() or 1) + 1, 4)


_LOGGED = pytest.StashKey[LoggedErrors]()


def pytest_configure(config: pytest.Config) -> None:
    # Until somebody begins, twisted.logger keeps its last thousand events, and with their failures whole frames.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)


@pytest.fixture
def plain_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Twisted's logging as a program finds it that has not begun it, which has been done for the tests."""

    def until_it_begins(event: LogEvent) -> None:
        pass

    monkeypatch.setattr(globalLogBeginner, "_temporaryObserver", until_it_begins)
    globalLogPublisher.addObserver(until_it_begins)
    yield
    globalLogPublisher.removeObserver(until_it_begins)


def pytest_collection_finish(session: pytest.Session) -> None:
    _keep_out_of_collections()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is not None and nextitem.path != item.path:
        _keep_out_of_collections()


def _keep_out_of_collections() -> None:
    """Leave what has been imported or cached by now out of each later collection: it was most of the suite's time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logged_errors(request: pytest.FixtureRequest) -> Iterator[LoggedErrors]:
    logged = request.node.stash[_LOGGED] = LoggedErrors()
    globalLogPublisher.addObserver(logged)
    try:
        yield logged
        # Fixtures that the test asked for have ended by now, and may have logged as they did.
        if complaint := logged.complaint():
            pytest.fail(complaint, pytrace=False)
    finally:
        globalLogPublisher.removeObserver(logged)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    try:
        result = yield
    except BaseException:
        if (logged := item.stash.get(_LOGGED, None)) and (complaint := logged.complaint()):
            item.add_report_section("call", "twisted.logger", complaint)
        raise
    if (logged := item.stash.get(_LOGGED, None)) and (complaint := logged.complaint()):
        pytest.fail(complaint, pytrace=False)
    return result


def _belongings(reactor: PosixReactorBase) -> set[object]:
    calls = {call for call in reactor.getDelayedCalls() if call.active()}
    return calls | {*reactor.getReaders(), *reactor.getWriters()}


@pytest.fixture(autouse=True)
def _clean_reactor(request: pytest.FixtureRequest, logged_errors: LoggedErrors) -> Iterator[None]:
    if not {"loopback", "browser"} & set(request.path.parts):
        yield
        return
    from twisted.internet import reactor

    # The first turn starts the reactor, which has readers of its own.
    pytest_twisted.blockon(task.deferLater(reactor, 0))
    before = _belongings(reactor)
    yield
    deadline = reactor.seconds() + REACTOR_GRACE
    while (left := _belongings(reactor) - before) and reactor.seconds() < deadline:
        pytest_twisted.blockon(task.deferLater(reactor, 0.01))
    if left:
        pytest.fail("\n".join(["left behind in the reactor:", *sorted(map(str, left))]), pytrace=False)
