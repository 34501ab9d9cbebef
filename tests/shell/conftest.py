"""Every test of the shell is done over every wire."""

from __future__ import annotations

import pytest

from ctrader_twisted import Wire
from tests.shell.memory import Memory


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its wires: all of them, or those that its marker ``wires`` names."""
    marker = metafunc.definition.get_closest_marker("wires")
    wires = list(Wire) if marker is None else list(marker.args)
    metafunc.parametrize("wire", wires, indirect=True, ids=lambda wire: wire.value)


@pytest.fixture(autouse=True)
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The wire of every `Memory` that the test makes."""
    chosen: Wire = request.param
    monkeypatch.setattr(Memory, "over", chosen)
    return chosen
