"""A venue, a daemon on a bench, and one from a configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from ctrader_twisted.sim.testing import VenueKit
from tests.service.benches import SECRETS, Bench, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit(seed=3) as kit:
        yield kit


@pytest.fixture
def bench(kit: VenueKit, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(kit, tmp_path)

    def observe(event: Any) -> None:
        if event["log_level"] >= LogLevel.info:
            bench.log.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield bench
    if bench.daemon.running:
        assert bench.stop() < 5
    globalLogPublisher.removeObserver(observe)
    told = json.dumps(bench.output.documents) + "".join(bench.log)
    refreshed = [token for one in kit.venue.registry.grants for token in (one.access_token, one.refresh_token)]
    assert not [secret for secret in (*SECRETS, *refreshed) if secret in told], "a secret in an output or in the log"


@pytest.fixture
def demo(tmp_path: Path) -> Callable[..., Line]:
    def demo(text: str = '[[output]]\npath = "x.jsonl"\n', **parent: Any) -> Line:
        path = tmp_path / "demo.toml"
        path.write_text('[simulator]\n[[account]]\nenvironment = "simulator"\n' + text, "utf-8")
        line = Line(config=str(path), seconds=None)
        line.parent = parent or None
        return line

    return demo
