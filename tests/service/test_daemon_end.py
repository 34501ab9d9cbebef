"""When the daemon ends, with which status, and for whom it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ctrader_twisted.sim import script

if TYPE_CHECKING:
    from tests.service.benches import Bench


def test_its_time_is_not_waited_for_when_it_is_stopped(bench: Bench) -> None:
    bench.start(seconds=1000.0)
    bench.stop()
    assert not [call for call in bench.kit.clock.getDelayedCalls() if call.getTime() > 900]


def test_it_ends_when_its_time_is_over(bench: Bench) -> None:
    bench.start(seconds=20.0)
    bench.kit.advance(19.9)
    assert not bench.stopped
    bench.kit.advance(0.2)
    assert (bench.left, bench.stopped, bench.daemon.status) == ([], 1, 0)


def test_a_venue_that_does_not_answer_holds_nobody_back(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(5)
    bench.kit.venue.play(script.fall_silent())
    assert bench.stop() < 5


def test_a_reader_that_does_not_read_is_not_waited_for(bench: Bench) -> None:
    bench.start()
    bench.kit.advance(5)
    bench.output.held = Deferred()
    assert bench.stop() < 5
    assert any("the reader of an output did not end" in line for line in bench.log)


def test_without_an_output_there_is_nothing_to_do(bench: Bench, logged_errors: Any) -> None:
    bench.start()
    bench.kit.advance(1)
    bench.output.ended = True
    bench.daemon.output_failed(bench.output)  # type: ignore[arg-type]
    assert (bench.left, bench.stopped) == ([1], 1)


def test_with_a_user_service_there_is(bench: Bench) -> None:
    bench.start(factories=(lambda client, settings: Service(),))
    bench.output.ended = True
    bench.daemon.output_failed(bench.output)  # type: ignore[arg-type]
    assert (bench.left, bench.stopped, bench.daemon.status) == ([1], 0, 1)


def test_missing_events_show_in_the_exit_status(bench: Bench) -> None:
    bench.start()
    bench.output.lost = 3
    bench.stop()
    assert bench.left == [1]


def test_somebody_else_may_have_stopped_the_reactor(bench: Bench) -> None:
    bench.start()
    bench.stopped = 1
    bench.daemon.end(1, "for a reason")
    bench.daemon.end(1, "for another")
    assert bench.left == [1]
