"""A seeded session is the same to the byte in every process, whatever Python's hashes begin with there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

SESSION = """
import hashlib, json
from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.testing import VenueKit
from tests.sim.traded import a_past, questions
from tests.sim.venues import with_account

with VenueKit(limits=Limits(general=0, historical=0), options=Options(inactivity=0)) as kit:
    client = with_account(kit)
    for question in questions(kit.venue.now(), a_past(kit, client)):
        client.ask(question)
    state = json.dumps(kit.venue.save_state()).encode()
    print(len(client.raw), hashlib.sha256(client.raw).hexdigest(), hashlib.sha256(state).hexdigest())
"""


def said(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SESSION],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_session_does_not_hang_on_the_hash_seed():
    first = said("1")
    assert int(first.split()[0]) > 5_000
    assert said("2") == first
