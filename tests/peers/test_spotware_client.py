"""Spotware's own Python client against the simulated venue, over TLS: an opinion from outside about what it says.

It needs an environment of its own, because its pins are not ours; so this test runs only when asked::

    CTRADER_PEER_PYTHON=/path/to/python make test ARGS=tests/peers    # an interpreter that has ctrader-open-api
    CTRADER_PEER_PYTHON=build make test ARGS=tests/peers              # makes two: as pinned, and with the newest of all

README.md beside it says how it went.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet.utils import getProcessOutputAndValue

from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.venue import DEFAULT_START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ASKED = os.environ.get("CTRADER_PEER_PYTHON", "")
SCRIPT = Path(__file__).with_name("spotware_client.py")

#: What its pins allow: protobuf 3.20.1 has no compiled form for anything newer.
OLD_PYTHON = "python3.10"
PEER = "ctrader-open-api==0.9.2"
NEEDS = ("twisted", "protobuf", "pyopenssl", "service-identity", "requests", "inputimeout")

pytestmark = pytest.mark.skipif(
    not ASKED, reason="it needs an environment of its own: CTRADER_PEER_PYTHON names its Python, or is `build`"
)


def build(directory: Path, python: str, *installs: tuple[str, ...]) -> str:
    """Make a virtual environment and give its Python."""
    subprocess.run([python, "-m", "venv", str(directory)], check=True)
    made = str(directory / "bin" / "python")
    for packages in installs:
        subprocess.run([made, "-m", "pip", "install", "--quiet", *packages], check=True)
    return made


@pytest.fixture(scope="module", params=["as pinned", "with the newest of all"] if ASKED == "build" else ["as given"])
def peer_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give an interpreter that has their client."""
    if request.param == "as given":
        return ASKED
    directory = tmp_path_factory.mktemp("peer") / "venv"
    if request.param == "as pinned":
        python = shutil.which(OLD_PYTHON)
        if python is None:
            pytest.skip(f"there is no {OLD_PYTHON}, the newest that its pins suit")
        return build(directory, python, (PEER,))
    return build(directory, sys.executable, ("--no-deps", PEER), NEEDS)


@pytest_twisted.async_yield_fixture
async def venue() -> AsyncIterator[tuple[Venue, int]]:
    """Give a venue that listens, and its port; it is a Tuesday morning there, whatever the day."""
    from twisted.internet import reactor

    made = Venue(reactor, start=DEFAULT_START)  # type: ignore[arg-type]
    port = made.listen(reactor).getHost().port
    yield made, port
    await made.close()


@pytest_twisted.ensureDeferred
async def test_it_is_let_in_and_receives_spots(
    peer_python: str, venue: tuple[Venue, int], record_property: Callable[[str, object], None]
) -> None:
    simulated, port = venue
    command = ["-I", str(SCRIPT), "--port", str(port), "--now", str(simulated.now())]
    command += ["--client-id", "sim-client-id", "--client-secret", "sim-client-secret"]
    command += ["--access-token", "sim-access-token"]
    output, errors, status = await getProcessOutputAndValue(peer_python, command, env=dict(os.environ))
    assert status == 0, (output + errors).decode()
    result: dict[str, Any] = json.loads(output)
    record_property("versions", result["versions"])
    assert result["application"] == "ProtoOAApplicationAuthRes"
    assert result["accounts"] == [1_000_001, 1_000_002]
    assert result["wrong_token"] == {"answer": "ProtoOAErrorRes", "code": "CH_ACCESS_TOKEN_INVALID"}
    assert result["account"] == {"answer": "ProtoOAAccountAuthRes", "id": 1_000_001}
    assert result["symbols"]["EURUSD"] == 1
    assert 9 <= len(result["bars"]) <= 11
    assert result["subscribed"] == "ProtoOASubscribeSpotsRes"
    assert len(result["spots"]) == 20
    assert {spot["symbol"] for spot in result["spots"]} <= set(result["symbols"].values())
    # An event says what changed; the first of each symbol says both.
    first = next(spot for spot in result["spots"] if spot["symbol"] == 1)
    assert 0 < first["bid"] < first["ask"]
