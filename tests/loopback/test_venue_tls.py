"""The venue on a real port, with TLS: whoever is given its trust root gets in, and nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet import defer, task

from ctrader_twisted import Application, Environment, OpenApiClient, messages
from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.sim import Limits, Options, Venue
from ctrader_twisted.sim.config import Settings
from ctrader_twisted.sim.service import VenueService
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT
from ctrader_twisted.wire import codec
from tests.loopback.callers import call, ended, hung_up
from tests.paths import ROOT
from tests.sim.venues import EURUSD, account_auth, application_auth, of_account

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_twisted.async_yield_fixture
async def venue() -> AsyncIterator[Venue]:
    from twisted.internet import reactor

    made = Venue(reactor, limits=Limits(general=0), options=Options(max_backlog=500_000))
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("interface", "host", "name"),
    [
        ("127.0.0.1", "127.0.0.1", "localhost"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),  # an address: no SNI is sent
        ("127.0.0.1", "127.0.0.1", "venue.example"),
        ("::1", "::1", "::1"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_whoever_trusts_its_root_gets_in(venue, interface, host, name):
    from twisted.internet import reactor

    if ":" in interface and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    port = venue.listen(reactor, interface=interface, names=["venue.example"]).getHost().port
    caller = await call(host, port, venue.trust_root_pem, name)
    assert (await caller.ask(messages.ProtoOAVersionReq())).version == venue.options.version
    assert isinstance(await caller.ask(application_auth()), messages.ProtoOAApplicationAuthRes)
    await hung_up(caller)


@pytest.mark.parametrize("case", ["another root", "the system's roots", "another name"])
@pytest_twisted.ensureDeferred
async def test_nobody_else_does(venue, case):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    root = {"another root": Venue(reactor).trust_root_pem, "the system's roots": None}.get(case, venue.trust_root_pem)
    caller = await call("127.0.0.1", port, root, "elsewhere.example" if case == "another name" else "localhost")
    reason = await ended(caller)
    assert "SSL" in repr(reason) or "Verification" in repr(reason)
    assert not caller.events


@pytest_twisted.ensureDeferred
async def test_the_client_of_the_package_streams_from_it(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    environment = Environment("sim", "localhost", port, trust_root=venue.trust_root_pem.encode())
    client = OpenApiClient(reactor, Application(CLIENT_ID, CLIENT_SECRET), environment).start()
    await client.when_ready()
    await client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN)
    spot = defer.Deferred()
    client.once(messages.ProtoOASpotEvent, spot.callback)
    await client.subscribe_spots(ctidTraderAccountId=EUR_ACCOUNT, symbolId=[EURUSD])
    assert (await spot).bid > 50_000
    bars = await client.get_trendbars(ctidTraderAccountId=EUR_ACCOUNT, symbolId=EURUSD, period=9, count=500)
    assert len(bars.trendbar) in (499, 500)
    await client.close()


@pytest.mark.slow
@pytest_twisted.ensureDeferred
async def test_real_time_passes_at_its_own_pace(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    caller = await call("127.0.0.1", port, venue.trust_root_pem, "localhost")
    for request in (application_auth(), account_auth()):
        await caller.ask(request)
    btc = 301  # trades at all hours
    await caller.ask(of_account("SubscribeSpots", symbolId=[btc], subscribeToSpotTimestamp=True))
    wait_until = reactor.seconds() + 60
    while len(caller.events) < 3 and reactor.seconds() < wait_until:
        await task.deferLater(reactor, 0.05)
    late = [abs(event.timestamp - venue.now()) for event in caller.events[-1:]]
    assert len(caller.events) >= 3
    assert late[0] < 1_000
    await hung_up(caller)


@pytest_twisted.ensureDeferred
async def test_a_client_that_stops_reading_is_cut_off(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    caller = await call("127.0.0.1", port, venue.trust_root_pem, "localhost")
    for request in (application_auth(), account_auth()):
        await caller.ask(request)
    caller.transport.pauseProducing()
    (talk,) = venue.conversations.values()
    event = codec.pack(messages.ProtoOASpotEvent(ctidTraderAccountId=EUR_ACCOUNT, symbolId=1, bid=1))
    big = event._replace(payload=event.payload + bytes(100_000))
    pushed = 0
    while venue.conversations and pushed < 2_000:  # the kernel's buffers take some, the venue half a megabyte
        talk.push(big)
        pushed += 1
        await task.deferLater(reactor, 0)
    assert not venue.conversations
    assert pushed < 1_000
    caller.transport.abortConnection()
    await ended(caller)


@pytest_twisted.ensureDeferred
async def test_the_service_listens_while_it_runs(tmp_path):
    from twisted.internet import reactor

    settings = Settings("venue.toml", trust_root=tmp_path / "root.pem", authority=tmp_path / "authority")
    service = VenueService(reactor, settings)
    service.startService()
    port = service.port
    assert (tmp_path / "root.pem").read_text() == service.trust_root_pem
    caller = await call("127.0.0.1", port, (tmp_path / "root.pem").read_text(), "localhost")
    assert await caller.ask(messages.ProtoOAVersionReq())
    await service.stopService()
    await ended(caller)
    with pytest.raises(Exception, match="refused"):
        await call("127.0.0.1", port, service.trust_root_pem)
    again = VenueService(reactor, settings)
    assert again.trust_root_pem == service.trust_root_pem


# Twisted before 26 leaves the socket that could not be bound to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest_twisted.ensureDeferred
async def test_a_port_that_is_taken_is_refused(venue):
    from twisted.internet import reactor

    port = venue.listen(reactor).getHost().port
    service = VenueService(reactor, Settings("venue.toml", port=port))
    with pytest.raises(ConfigurationError, match=rf"venue\.toml: simulator\.port: .*{port}.* a port that is free"):
        service.startService()
    assert service.venue is None


@pytest_twisted.ensureDeferred
async def test_twistd_runs_it(tmp_path):
    """The command itself, in a process of its own."""
    from twisted.internet import reactor

    (tmp_path / "venue.toml").write_text('[simulator]\ntrust_root = "root.pem"\nseed = 5\n')
    log = tmp_path / "log"
    log.touch()
    run = "from twisted.scripts.twistd import run; run()"
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            run,
            "--nodaemon",
            "--pidfile=",
            f"--logfile={log}",
            "ctrader-sim",
            "--config=venue.toml",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = reactor.seconds() + 30
        while "listens on 127.0.0.1:" not in log.read_text():
            assert process.poll() is None and reactor.seconds() < give_up, log.read_text()
            await task.deferLater(reactor, 0.05)
        port = int(log.read_text().split("listens on 127.0.0.1:")[1].split(";")[0])
        caller = await call("127.0.0.1", port, (tmp_path / "root.pem").read_text(), "localhost")
        assert await caller.ask(messages.ProtoOAVersionReq())
        process.terminate()
        await ended(caller)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert "Unhandled" not in log.read_text()
