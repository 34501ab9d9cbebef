"""What ``import ctrader_twisted`` costs whoever has Twisted anyway: processor time, and modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MOST: Final = 0.25
"""Seconds of a processor, where Twisted's own take half a second at most."""
RUNS: Final = 7

PROGRAM: Final = """
import sys
from time import process_time

begun = process_time()
from twisted.internet import defer, protocol, reactor, ssl, task
theirs, before = process_time() - begun, set(sys.modules)
begun = process_time()
import ctrader_twisted
ours = process_time() - begun

import json
print(json.dumps([theirs, ours, sorted(set(sys.modules) - before)]))
"""


def imported(byte_code: Path) -> tuple[float, float, set[str]]:
    """Give seconds for Twisted and for us in a process of their own, and the modules that we add."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(byte_code)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, check=True)
    theirs, ours, modules = json.loads(ran.stdout)
    return theirs, ours, set(modules)


@pytest.mark.slow
def test_import_takes_a_quarter_of_a_second_at_most(tmp_path: Path) -> None:
    # The first run writes the byte code. The least of the others is what neither other processes nor caches added to.
    _, *runs = [imported(tmp_path) for _ in range(1 + RUNS)]
    theirs = min(run[0] for run in runs)
    ours = min(run[1] for run in runs)
    assert ours < MOST * max(1.0, theirs / 0.5), f"{ours:.3f} s, beside {theirs:.3f} s for Twisted"


@pytest.mark.slow
def test_import_brings_only_what_a_client_needs(tmp_path: Path) -> None:
    modules = imported(tmp_path)[2]
    rooms = {name.split(".")[1] for name in modules if name.startswith("ctrader_twisted.")}
    assert {"client", "messages"} <= rooms
    assert not rooms & {"account", "blocking", "aio", "compat", "entry", "history", "recording", "service", "sim"}
    assert not modules & {"numpy", "pyarrow", "sqlite3", "tomllib", "twisted.web"}
