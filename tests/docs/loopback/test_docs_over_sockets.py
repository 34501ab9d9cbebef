"""docs/moving-over.md: its blocks connect to a venue over sockets, in the reactor's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from twisted.internet.defer import Deferred

import ctrader_twisted
from ctrader_twisted import Environment
from ctrader_twisted.compat import EndPoints
from ctrader_twisted.compat.auth import Auth
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.venue import DEFAULT_START
from tests.docs.pages import blocks
from tests.docs.running import Runner
from tests.loopback.servers import over_sockets

if TYPE_CHECKING:
    from pathlib import Path


@over_sockets
async def test_every_block_of_moving_over_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="pandas makes the table of one block")
    from twisted.internet import reactor

    venue = Venue(reactor, start=DEFAULT_START)
    port: int = venue.listen(reactor).getHost().port  # type: ignore[attr-defined]
    venue.listen_oauth(reactor)
    trust = tmp_path / "trust.pem"
    trust.write_text(venue.trust_root_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(trust))
    monkeypatch.setattr(EndPoints, "PROTOBUF_DEMO_HOST", "localhost")
    monkeypatch.setattr(EndPoints, "PROTOBUF_PORT", port)
    monkeypatch.setattr(Auth.refreshTokenDeferred, "__defaults__", (venue.token_url,))
    monkeypatch.setattr(ctrader_twisted, "DEMO", Environment("demo", "localhost", port, live=False))
    monkeypatch.chdir(tmp_path)
    runner = Runner({}, Deferred.fromCoroutine)
    for block in blocks("docs/moving-over.md"):
        await runner.drive(runner.run(block))
    assert runner.there["quoted"] and runner.there["position"].tradeData.volume == 100_000
    await venue.close()
