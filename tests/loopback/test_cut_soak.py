"""Two hundred cuts of every kind in a row, over real sockets and TLS: how long until everything stands again."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tracemalloc
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater

from ctrader_twisted import (
    AccountState,
    Application,
    Environment,
    OpenApiClient,
    Ready,
    Resynchronised,
    Settings,
    messages,
)
from ctrader_twisted.sim import Options, Venue, script
from ctrader_twisted.sim.accounts import CLIENT_ID, CLIENT_SECRET, Grant, TradingAccount
from ctrader_twisted.sim.venue import DEFAULT_START
from ctrader_twisted.tokens import Grant as KeptGrant
from ctrader_twisted.tokens import GrantedAccount, MemoryTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IListeningPort
    from twisted.python.failure import Failure

CUTS = 200
ONE, TWO, THREE = 1_000_001, 1_000_002, 1_000_003
ACCOUNTS = (ONE, TWO, THREE)
SYMBOLS = [1, 2]
DEAD_AFTER = 2.0
MOST = {"prompt": 5.0, "silent": DEAD_AFTER + 5.0}
"""Seconds that everything may take to stand again. A client finds out by itself that a connection is dead, up to a
second late."""


class Relay(Protocol):
    """One end of a connection that is led through this program: what comes in goes out of the other end."""

    other: Relay
    left: int | None = None
    """Bytes that still go through in this direction before all is cut."""

    def __init__(self, relays: Relays) -> None:
        self.relays = relays
        self.waiting: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        if self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
        if self.other.transport is None:
            self.other.waiting.append(data)
        else:
            self.other.transport.write(data)
        if self.left == 0:
            self.relays.later(0.002, self.relays.reset)

    def connectionMade(self) -> None:
        self.relays.open.add(self)
        for data in self.waiting:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.relays.open.discard(self)
        if self.other.transport is not None:
            self.other.transport.loseConnection()


class Relays(Factory):
    """A port in front of the venue's that can be cut in ways in which a server does not cut by itself."""

    noisy = False

    def __init__(self, reactor: Any, target: int) -> None:
        self.reactor = reactor
        self.target = target
        self.open: set[Relay] = set()
        self.number = 0
        self.port: IListeningPort | None = None
        self.stalls = False

    def listen(self) -> None:
        self.port = self.reactor.listenTCP(self.number, self, interface="127.0.0.1")
        self.number = self.port.getHost().port

    def buildProtocol(self, addr: object) -> Relay:
        near, far = Relay(self), Relay(self)
        near.other, far.other = far, near
        if not self.stalls:
            to = Factory.forProtocol(lambda: far)
            to.noisy = False
            to.doStart = to.doStop = lambda: None
            to.startedConnecting = lambda connector: None
            to.clientConnectionLost = lambda connector, reason: None
            to.clientConnectionFailed = lambda connector, reason: near.transport.loseConnection()
            self.reactor.connectTCP("127.0.0.1", self.target, to)
        return near

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        self.reactor.callLater(seconds, do)

    def reset(self) -> None:
        """Cut with a TCP reset."""
        for relay in list(self.open):
            relay.transport.abortConnection()

    def hang_up(self) -> None:
        """Cut with a TCP close, in the middle of TLS."""
        for relay in list(self.open):
            relay.transport.loseConnection()

    def cut_after(self, size: int) -> None:
        """Cut when so many more bytes have gone through in either direction."""
        for relay in list(self.open):
            relay.left = size

    def freeze(self) -> None:
        """Let nothing through any more, and tell nobody."""
        for relay in list(self.open):
            relay.transport.pauseProducing()

    async def close(self) -> None:
        if self.port is not None:
            port, self.port = self.port, None
            await port.stopListening()

    def refuse(self, seconds: float) -> None:
        """Cut, and listen to nobody for a while."""
        Deferred.fromCoroutine(self.close())
        self.reset()
        self.later(seconds, self.listen)

    def stall(self, seconds: float) -> None:
        """Cut, and accept connections for a while without even beginning TLS."""
        self.stalls = True
        self.reset()

        def over() -> None:
            self.stalls = False
            self.reset()

        self.later(seconds, over)


class Soak:
    """A client, a venue, the relay between them, and the times."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.chance = Random(1)
        self.venue = Venue(
            reactor,
            start=DEFAULT_START,  # a day on which markets are open
            accounts=[TradingAccount(one, one + 1_000_000) for one in ACCOUNTS],
            grants=[Grant((ONE, TWO)), Grant((THREE,), "second-access", "second-refresh", user_id=2)],
            options=Options(heartbeat=0.5),
        )
        self.relays = Relays(reactor, self.venue.listen(reactor).getHost().port)
        self.relays.listen()
        self.store = MemoryTokenStore(
            KeptGrant(
                name,
                theirs.access_token,
                theirs.refresh_token,
                accounts=tuple(map(GrantedAccount, theirs.account_ids)),
            )
            for name, theirs in zip(("first", "second"), self.venue.registry.grants, strict=True)
        )
        self.client = OpenApiClient(
            reactor,
            Application(CLIENT_ID, CLIENT_SECRET),
            Environment("soak", "localhost", self.relays.number, trust_root=self.venue.trust_root_pem),
            settings=Settings(
                retry_after=0.02, retry_at_most=0.1, dead_after=DEAD_AFTER, connect_timeout=2.0, close_timeout=1.0
            ),
            tokens=TokenKeeper(self.store, reactor),
        )
        self.spots: Counter[int] = Counter()
        self.resynchronised: Counter[int] = Counter()
        self.ready_at = 0.0
        self.restored_at = 0.0
        self.restored: Deferred[None] | None = None
        self.told: set[int] = set()
        self.client.on(messages.ProtoOASpotEvent, self._spot)
        self.client.on(Ready, self._ready)
        self.client.on(Resynchronised, self._resynchronised)
        self.times: defaultdict[str, list[tuple[float | None, float]]] = defaultdict(list)

    def _spot(self, event: messages.ProtoOASpotEvent) -> None:
        self.spots[event.ctidTraderAccountId] += 1

    def _ready(self, event: Ready) -> None:
        self.ready_at = self.reactor.seconds()

    def _resynchronised(self, event: Resynchronised) -> None:
        assert not event.failed and event.unreconciled is None, event
        self.resynchronised[event.account_id] += 1
        self.told.add(event.account_id)
        if self.told == set(ACCOUNTS) and self.restored is not None:
            restored, self.restored = self.restored, None
            self.restored_at = self.reactor.seconds()
            restored.callback(None)

    async def begin(self) -> None:
        for account_id in ACCOUNTS:
            await self.client.authorise(account_id, timeout=10.0)
            await self.client.subscribe_spots(ctidTraderAccountId=account_id, symbolId=SYMBOLS)
            await self.client.subscribe_live_trendbar(ctidTraderAccountId=account_id, symbolId=1, period="M1")
            await self.client.subscribe_depth_quotes(ctidTraderAccountId=account_id, symbolId=[1])

    def kinds(self) -> dict[str, Callable[[], object]]:
        """Every way to lose a session; those whose names begin with "silent" have to be found out."""
        play, relays = self.venue.play, self.relays
        return {
            "close": partial(play, script.close()),
            "abort": partial(play, script.abort()),
            "mid-frame": partial(play, script.cut()),
            "overlong frame": partial(play, script.overlong_frame()),
            "client disconnected": partial(play, script.disconnect_client()),
            "client disconnected and closed": partial(play, script.disconnect_client(closes=True)),
            "accounts disconnected": partial(play, script.disconnect_account()),
            "tokens invalidated, good": partial(play, script.invalidate_token(still_good="both")),
            "tokens invalidated, refreshed": partial(play, script.invalidate_token(still_good="refresh")),
            "tokens expired": partial(play, script.expire_tokens(ends_sessions=True)),
            "TCP reset": relays.reset,
            "TCP close": relays.hang_up,
            "cut at a byte": lambda: relays.cut_after(self.chance.randrange(1, 300)),
            "port refused for 0.2 s": partial(relays.refuse, 0.2),
            "TLS stalled for 0.2 s": partial(relays.stall, 0.2),
            "silent: server hangs": partial(play, script.fall_silent(60.0)),
            "silent: half open": partial(play, script.half_open()),
            "silent: nothing comes through": relays.freeze,
        }

    async def cut(self, kind: str, how: Callable[[], object]) -> None:
        """Cut, wait until every account has told that it stands again, and take the times."""
        self.told.clear()
        restored = self.restored = Deferred()
        before, cut_at = self.resynchronised.copy(), self.reactor.seconds()
        how()
        most = MOST["silent" if kind.startswith("silent") else "prompt"]
        await restored.addTimeout(most, self.reactor)
        ready = self.ready_at - cut_at if self.ready_at > cut_at else None
        self.times[kind].append((ready, self.restored_at - cut_at))
        spots = self.spots.copy()
        for _ in range(100):  # the market moves every half second or so
            await deferLater(self.reactor, 0.05)
            if all(self.spots[account_id] > spots[account_id] for account_id in ACCOUNTS):
                break
        for account_id in ACCOUNTS:
            assert self.client.account_state(account_id) is AccountState.AUTHORISED, kind
            assert self.resynchronised[account_id] == before[account_id] + 1, kind
            assert self.spots[account_id] > spots[account_id], f"{kind}: no events"
        assert self.client.in_flight == 0, kind

    async def end(self) -> None:
        await self.client.close()
        await self.relays.close()
        self.relays.reset()
        await self.venue.close()

    def table(self) -> str:
        """Give the figures: milliseconds from the cut, median and worst."""
        lines = [f"{'':32}{'cuts':>5}{'READY':>8}{'worst':>8}{'all':>8}{'worst':>8}  ms"]
        groups = {**self.times}
        prompt = [times for kind, each in self.times.items() if not kind.startswith("silent") for times in each]
        groups["all that are told"] = prompt
        groups["all that are found out"] = [
            times for kind, each in self.times.items() if kind.startswith("silent") for times in each
        ]
        for kind, times in groups.items():
            ready = [1000 * at for at, _ in times if at is not None]
            restored = [1000 * at for _, at in times]
            first = f"{statistics.median(ready):8.0f}{max(ready):8.0f}" if ready else f"{'-':>8}{'-':>8}"
            lines.append(f"{kind:32}{len(times):5}{first}{statistics.median(restored):8.0f}{max(restored):8.0f}")
        return "\n".join(lines)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def _two_hundred_cuts(reactor: Any, write: Callable[[str], object]) -> None:
    gc.collect()
    files_before = open_files()
    soak = Soak(reactor)
    await soak.begin()
    files, held = [], []
    kinds = soak.kinds()
    tracemalloc.start()
    try:
        for number in range(CUTS):
            if number % len(kinds) == 0:
                order = list(kinds)
                soak.chance.shuffle(order)
            kind = order[number % len(kinds)]
            await soak.cut(kind, kinds[kind])
            if number % 10 == 9:
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
                files.append(open_files())
    finally:
        tracemalloc.stop()
    await soak.end()
    await deferLater(reactor, 0.1)
    write(soak.table())
    write(f"memory held after 50, 100, 150, 200 cuts: {[round(held[at] / 1024) for at in (4, 9, 14, 19)]} KiB")
    write(f"files open: {files_before} before, {min(files)} to {max(files)} meanwhile, {open_files()} after")
    prompt = [times for kind, each in soak.times.items() if not kind.startswith("silent") for times in each]
    assert statistics.median(restored for _, restored in prompt) < 0.5
    assert sum(map(len, soak.times.values())) == CUTS
    # Prices are remembered up to a bound, which two minutes of market do not reach.
    assert held[19] < held[9] + 2_000_000
    assert max(files) <= files_before + 20
    assert open_files() <= files_before + 2


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
@pytest_twisted.ensureDeferred
async def test_two_hundred_cuts_in_a_row(capsys: pytest.CaptureFixture[str], logged_errors: Any) -> None:
    from twisted.internet import reactor

    def write(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}\n")

    running = Deferred.fromCoroutine(_two_hundred_cuts(reactor, write))
    running.addTimeout(900, reactor)
    await running
