"""The daemon's log: a line for each event, on stderr."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from twisted.application.service import Application
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger
from twisted.python.failure import Failure

from ctrader_twisted.errors import ConnectionFailed
from ctrader_twisted.service import prepare, stderr_observer
from ctrader_twisted.service.log import LineObserver
from tests.service.benches import Line, close

if TYPE_CHECKING:
    from collections.abc import Callable


def observed(observer_stream: io.StringIO, emit: Callable[[Logger], None]) -> str:
    emit(Logger("a.place", observer=LineObserver(observer_stream)))
    return observer_stream.getvalue()


def test_the_log_is_a_line_for_each_event() -> None:
    line = observed(io.StringIO(), lambda log: log.warn("{what} happened", what="it"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d warn  a\.place: it happened\n", line)
    assert observed(io.StringIO(), lambda log: log.debug("details")) == ""


def test_a_traceback_is_for_faults_of_a_program() -> None:
    theirs = Failure(ConnectionFailed("demo", "down"))
    line = observed(io.StringIO(), lambda log: log.failure("no luck", theirs))
    assert line.endswith("no luck: demo: down\n") and "Traceback" not in line
    ours = observed(io.StringIO(), lambda log: log.failure("a fault", Failure(ZeroDivisionError("ours"))))
    assert "a fault: ours\n    Traceback" in ours
    again = observed(io.StringIO(), lambda log: log.failure("", Failure(ReactorNotRunning())))
    assert again == "", "a second Ctrl-C"


def test_a_servers_words_fake_no_line_of_the_log() -> None:
    said = "down\r\x1b[2J\n2026-03-04 10:59:47+00:00 info  a.place: all is well\u2028"
    for emit in (
        lambda log: log.warn("{reason}", reason=said),
        lambda log: log.failure("no luck", Failure(ConnectionFailed("demo", said))),
        lambda log: log.failure("no luck", Failure(ZeroDivisionError(said))),
    ):
        first, *more = observed(io.StringIO(), emit).removesuffix("\n").split("\n")
        assert first.endswith("down??[2J")
        assert more and all(line.startswith("    ") and line.isprintable() for line in more)


def test_a_log_that_cannot_be_written_ends_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Logger("x", observer=LineObserver(stream)).info("into the void")


def test_the_log_goes_to_stderr_unless_twistd_was_told_otherwise(demo: Callable[..., Line]) -> None:
    for parent, expected in (
        ({"nodaemon": 1}, True),
        ({"nodaemon": 1, "logfile": "x"}, False),
        ({"nodaemon": 1, "logfile": "-"}, True),  # stdout belongs to the outputs
        ({"nodaemon": 1, "logger": "x"}, False),
        ({"nodaemon": 1, "syslog": True}, False),
        ({"nodaemon": 0}, False),
    ):
        daemon = prepare(None, demo(**parent), {})
        application = Application("ctrader")
        daemon.setServiceParent(application)
        assert (application.getComponent(ILogObserver) is not None) is expected, parent
        close(daemon)
    assert ILogObserver.providedBy(stderr_observer())
