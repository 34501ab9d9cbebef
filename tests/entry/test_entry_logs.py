"""What reaches Python's `logging` of what this package has to say, and where from."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from ctrader_twisted.entry.logs import Telling
from tests.paths import ROOT

if TYPE_CHECKING:
    from tests.conftest import LoggedErrors

OURS = Logger(namespace="ctrader_twisted.some.room")
pytestmark = pytest.mark.usefixtures("plain_script")


def observers() -> list[Any]:
    return list(globalLogPublisher._observers)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return caplog.record_tuples


def test_warnings_and_errors_of_this_package_become_records_of_their_module(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    caplog.set_level(logging.DEBUG)
    with Telling():
        for level in (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical):
            OURS.emit(level, "{what}: 100 %s", what=level.name)
    assert said(caplog) == [
        ("ctrader_twisted.some.room", logging.WARNING, "warn: 100 %s"),
        ("ctrader_twisted.some.room", logging.ERROR, "error: 100 %s"),
        ("ctrader_twisted.some.room", logging.CRITICAL, "critical: 100 %s"),
    ]
    logged_errors.flush()


def test_what_others_say_is_theirs(caplog: pytest.LogCaptureFixture) -> None:
    with Telling():
        for namespace in ("twisted.internet.defer", "ctrader_twisted_of_yours", None):
            Logger(namespace=namespace or "x").warn("no")
        globalLogPublisher({"log_level": LogLevel.warn, "log_namespace": None, "log_format": "none"})
        globalLogPublisher({"message": ("of old",)})
    assert said(caplog) == []


def test_a_record_is_of_the_line_that_says_it_and_has_the_traceback(
    caplog: pytest.LogCaptureFixture, logged_errors: LoggedErrors
) -> None:
    with Telling():
        OURS.warn("here")
        try:
            raise ValueError("why")
        except ValueError:
            failure = Failure()
        OURS.failure("it failed", failure)
    plain, failed = caplog.records
    assert (plain.filename, plain.funcName) == (
        "test_entry_logs.py",
        "test_a_record_is_of_the_line_that_says_it_and_has_the_traceback",
    )
    assert plain.exc_info is None
    assert failed.exc_info is not None
    assert failed.exc_info[:2] == (ValueError, failure.value)
    assert "ValueError: why" in caplog.text
    logged_errors.flush()


def test_a_record_keeps_nothing_of_what_it_speaks_of(caplog: pytest.LogCaptureFixture) -> None:
    class Thing:
        pass

    with Telling():
        OURS.warn("{thing!r}", thing=Thing())
    gc.collect()
    assert len(caplog.records) == 1
    assert not [each for each in gc.get_objects() if type(each) is Thing]


def test_it_is_told_once_however_many_ask_for_it_and_until_the_last_has_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = observers()
    one, two = Telling(), Telling()
    OURS.warn("both")
    one.end()
    one.end()
    OURS.warn("one of them")
    assert len(observers()) == len(before) + 1
    two.end()
    OURS.warn("nobody")
    assert [record.message for record in caplog.records] == ["both", "one of them"]
    assert observers() == before


def test_who_forgets_to_end_it_leaves_nothing_behind() -> None:
    before = observers()
    telling = Telling()
    assert observers() != before
    del telling
    gc.collect()
    assert observers() == before


def outcome(text: str) -> str:
    """Run a program; give what it writes to stderr."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    begin = """
import logging, sys
from twisted.logger import Logger
from ctrader_twisted.entry.logs import Telling
log = Logger(namespace="ctrader_twisted.some.room")
def say():
    with Telling():
        log.warn("a warning")
        try:
            1 / 0
        except ZeroDivisionError:
            log.failure("a fault")
"""
    ran = subprocess.run(
        [sys.executable, "-c", begin + text], capture_output=True, text=True, env=environ, timeout=60, check=True
    )
    return ran.stderr


def test_a_program_that_says_nothing_of_logging_has_each_on_stderr_once() -> None:
    err = outcome("say()")
    assert err.count("a warning") == 1
    assert err.count("a fault") == 1
    assert err.count("ZeroDivisionError: ") == 1


def test_a_program_that_has_begun_twisteds_logging_has_each_there_and_nowhere_else() -> None:
    err = outcome(
        """
from twisted.python.log import startLogging
logging.basicConfig(format="logging's: %(message)s")
startLogging(sys.stderr)
say()
"""
    )
    assert err.count("a warning") == 1
    assert err.count("a fault") == 1
    assert "logging's" not in err


def test_what_was_said_before_twisteds_logging_began_is_not_told_again() -> None:
    err = outcome(
        """
from twisted.logger import globalLogBeginner
with Telling():
    say()
    globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False)
"""
    )
    assert err.count("a warning") == 1


def test_a_handler_that_says_it_to_twisted_again_is_told_once() -> None:
    err = outcome(
        """
class Again(logging.Handler):
    def emit(self, record):
        print("told", record.getMessage(), file=sys.stderr)
        Logger(namespace=record.name).warn("{text}", text=record.getMessage())
logging.getLogger("ctrader_twisted").addHandler(Again())
say()
say()
"""
    )
    assert err.count("told a warning\n") == 2
    assert "RecursionError" not in err


def test_a_program_that_configures_logging_has_them_where_it_says() -> None:
    err = outcome(
        """
logging.basicConfig(stream=sys.stdout)
logging.getLogger("ctrader_twisted").addHandler(handler := logging.StreamHandler(sys.stderr))
logging.getLogger("ctrader_twisted").propagate = False
handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
say()
"""
    )
    assert "WARNING ctrader_twisted.some.room a warning\n" in err
    assert "CRITICAL ctrader_twisted.some.room a fault\nTraceback" in err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is about forks")
def test_a_child_process_may_tell_whoever_held_the_lock() -> None:
    err = outcome(
        """
import os, threading, warnings
from ctrader_twisted.entry import logs
warnings.simplefilter("ignore")
held, go = threading.Event(), threading.Event()
def hold():
    with logs._to_logging._lock:
        held.set()
        go.wait()
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
go.set()
if child == 0:
    with Telling():
        log.warn("said by the child")
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert err == "said by the child\n"
