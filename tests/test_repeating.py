"""What is called again and again, by a clock that is given."""

from __future__ import annotations

import subprocess
import sys

from twisted.internet.task import Clock

from ctrader_twisted.repeating import Repeating
from tests.paths import ROOT


def test_it_is_called_by_its_clock_until_it_is_stopped() -> None:
    clock, calls = Clock(), []  # type: ignore[var-annotated]
    repeating = Repeating(clock, lambda: calls.append(clock.seconds()))
    done = repeating.start(2.0, now=False)
    for _ in range(3):
        clock.advance(2.0)
    repeating.stop()
    clock.advance(10.0)
    assert calls == [2.0, 4.0, 6.0]
    assert done.called
    assert not clock.getDelayedCalls()


def test_it_has_all_that_twisteds_own_is_made_with_and_makes_no_reactor() -> None:
    # In a process of its own: Twisted's own makes the global reactor.
    program = """
import sys
from twisted.internet.task import Clock, LoopingCall
from ctrader_twisted.repeating import Repeating
ours = vars(Repeating(Clock(), print))
print("twisted.internet.reactor" in sys.modules)
theirs = vars(LoopingCall(print))
print(ours.keys() == theirs.keys(), all(ours[name] == theirs[name] for name in theirs if name != "clock"))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stdout == "False\nTrue True\n"
