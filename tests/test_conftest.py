"""conftest.py judges every other test, so it is tried on suites of its own, whose tests are named for how they end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

LOGGING = """
import pytest
import pytest_twisted
from twisted.internet import defer, task
from twisted.logger import Logger
from twisted.python import log

def test_a_warning_PASSED():
    Logger().warn("not an error")

def test_an_error_FAILED():
    Logger().error("it went {how}", how="wrong")

def test_after_another_one_failed_PASSED():
    pass

def test_a_failure_FAILED():
    try:
        1 / 0
    except ZeroDivisionError:
        Logger().failure("dividing")

def test_the_old_log_FAILED():
    log.err(ValueError("old ways"))

def test_a_dropped_deferred_FAILED():
    defer.fail(ValueError("nobody looks"))

def test_a_dropped_deferred_in_a_cycle_FAILED():
    deferred = defer.fail(ValueError("nobody looks here either"))
    deferred.itself = deferred

@pytest_twisted.ensureDeferred
async def test_a_coroutine_FAILED():
    from twisted.internet import reactor
    await task.deferLater(reactor, 0, Logger().error, "later")

@pytest.fixture
def clumsy():
    yield
    Logger().error("dropped it")

def test_a_fixture_that_logs_as_it_ends_PASSED_ERROR(clumsy):
    pass

def test_with_a_reason_of_its_own_FAILED():
    Logger().error("a hint")
    assert 2 + 2 == 5

def test_flushing_by_type_PASSED(logged_errors):
    defer.fail(ZeroDivisionError("on purpose"))
    [failure] = logged_errors.flush(ZeroDivisionError)
    assert failure.getErrorMessage() == "on purpose"

def test_flushing_another_type_FAILED(logged_errors):
    defer.fail(ValueError("not this one"))
    assert logged_errors.flush(ZeroDivisionError) == []

def test_flushing_all_PASSED(logged_errors):
    Logger().error("without a failure")
    defer.fail(ValueError("with one"))
    assert len(logged_errors.flush()) == 1
    assert logged_errors.events == []
"""

REACTOR = """
import pytest
import pytest_twisted
from twisted.internet import protocol, reactor, task

def test_a_call_cancelled_PASSED(request):
    request.addfinalizer(reactor.callLater(3600, print).cancel)

def test_a_port_PASSED_ERROR():
    reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")

@pytest_twisted.ensureDeferred
async def test_tidy_PASSED():
    port = reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")
    await task.deferLater(reactor, 0)
    await port.stopListening()

@pytest_twisted.ensureDeferred
async def test_a_call_about_to_happen_PASSED():
    reactor.callLater(0.05, int)

def test_a_call_for_good_PASSED_ERROR():
    reactor.callLater(3600, print)
"""

HYPOTHESIS = """
from hypothesis import given, strategies

@given(strategies.integers())
def test_numbers_PASSED(number):
    assert number == number
"""


def run(pytester: pytest.Pytester, path: str, source: str) -> str:
    """Run a suite in a process of its own, see each test end as its name says, and return what was printed."""
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    file = pytester.path / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(source, encoding="utf-8")
    output = pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider").stdout.str()
    outcomes: dict[str, list[str]] = {}
    for name, outcome in re.findall(r"::(test_\w+) (PASSED|FAILED|ERROR)\s+\[", output):
        outcomes.setdefault(name, []).append(outcome)
    assert outcomes == {name: re.findall("[A-Z]{2,}", name) for name in re.findall(r"def (test_\w+)", source)}
    return output


def test_an_error_logged_and_not_flushed_fails_the_test(pytester: pytest.Pytester) -> None:
    output = run(pytester, "test_logging.py", LOGGING)
    for shown in (
        "it went wrong",
        "dividing",
        "ZeroDivisionError: division by zero",
        "old ways",
        "nobody looks here either",
        "dropped it",
        "assert (2 + 2) == 5",
        "a hint",
        "not this one",
    ):
        assert shown in output
    assert "on purpose" not in output


@pytest.mark.slow
def test_what_is_left_in_the_reactor_fails_a_loopback_test(pytester: pytest.Pytester) -> None:
    output = run(pytester, "loopback/test_reactor.py", REACTOR)
    assert re.search(r"left behind in the reactor:\n<<class 'twisted.internet.tcp.Port'>", output)
    assert re.search(r"left behind in the reactor:\n<DelayedCall .* print\(\)>", output)


def test_elsewhere_the_reactor_is_not_looked_at(pytester: pytest.Pytester) -> None:
    run(pytester, "test_reactor.py", REACTOR.replace("PASSED_ERROR", "PASSED"))


def test_hypothesis_does_not_mind_the_fixtures_that_every_test_has(pytester: pytest.Pytester) -> None:
    run(pytester, "test_hypothesis.py", HYPOTHESIS)
