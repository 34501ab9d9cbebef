"""Two hundred cuts of every kind in a row, over TLS and real sockets: `make soak`. It prints its figures."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from ctrader_twisted import AccountState, Application, ConnectionState, Environment, OpenApiClient, Ready, Settings
from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.session.events import Resynchronised
from ctrader_twisted.sim import Venue, script
from ctrader_twisted.sim.accounts import CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, USD_ACCOUNT
from ctrader_twisted.sim.limits import Limits
from ctrader_twisted.sim.venue import DEFAULT_START
from ctrader_twisted.tokens import Grant, GrantedAccount, MemoryTokenStore, TokenKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.defer import Deferred

ACCOUNTS = (EUR_ACCOUNT, USD_ACCOUNT)
SYMBOLS = [1, 2, 3]
ROUNDS = 20
"""Each has a cut of every kind."""
LOSES_THE_LINE: dict[str, Callable[[], script.Action]] = {
    "close": script.close,
    "abort": script.abort,
    "cut in a frame": script.cut,
    "overlong frame": script.overlong_frame,
    "client disconnect": lambda: script.disconnect_client("the server restarts"),
    "silence": lambda: script.fall_silent(30.0),
}
LOSES_ACCOUNTS: dict[str, Callable[[], script.Action]] = {
    "account disconnect": script.disconnect_account,
    "token invalidated, still good": lambda: script.invalidate_token("for a test", still_good="both"),
    "token dead": lambda: script.invalidate_token("for a test", still_good="refresh"),
    "token expired": lambda: script.expire_tokens(ends_sessions=True),
}
QUICK = Settings(
    retry_after=0.01, retry_at_most=0.05, steady_after=0.0, heartbeat_after=0.2, dead_after=1.0, close_timeout=0.2
)
LONGEST = 10.0
"""Seconds that healing may take."""


class Watch:
    """What a client tells, and when."""

    def __init__(self, client: OpenApiClient) -> None:
        self.client = client
        self.ready_at = 0.0
        self.spots = 0
        self.resynchronised: Counter[int] = Counter()
        client.on(Ready, self._ready)
        client.on(Resynchronised, self._resynchronised)
        client.on(ProtoOASpotEvent, self._spot)

    def _ready(self, _: Ready) -> None:
        self.ready_at = time.perf_counter()

    def _resynchronised(self, event: Resynchronised) -> None:
        self.resynchronised[event.account_id] += 1
        assert event.failed == ()
        assert [subscription.symbol_id for subscription in event.renewed] == SYMBOLS
        assert event.unreconciled is None

    def _spot(self, _: ProtoOASpotEvent) -> None:
        self.spots += 1


@pytest.mark.soak
@pytest_twisted.ensureDeferred
async def test_two_hundred_cuts_heal_each_in_a_moment(capsys: pytest.CaptureFixture[str], logged_errors: Any) -> None:
    from twisted.internet import reactor

    def pause(seconds: float) -> Deferred[None]:
        return deferLater(reactor, seconds)  # type: ignore[arg-type]  # the installed reactor has the time

    venue = Venue(reactor, start=DEFAULT_START, limits=Limits(general=0, historical=0))  # type: ignore[arg-type]
    port: Any = venue.listen(reactor).getHost()
    granted = venue.registry.grants[0]
    accounts = tuple(map(GrantedAccount, ACCOUNTS))
    store = MemoryTokenStore([Grant("default", granted.access_token, granted.refresh_token, accounts=accounts)])
    client = OpenApiClient(
        reactor,
        Application(CLIENT_ID, CLIENT_SECRET),
        Environment("simulator", "localhost", port.port, trust_root=venue.trust_root_pem, live=False),
        settings=QUICK,
        tokens=TokenKeeper(store, reactor),  # type: ignore[arg-type]
    )
    watch = Watch(client)
    for account in ACCOUNTS:
        await client.authorise(account, timeout=LONGEST)
        await client.subscribe_spots(ctidTraderAccountId=account, symbolId=SYMBOLS)

    async def heals(action: script.Action, line: bool) -> tuple[float, float]:
        """Cut, and give the seconds until READY and until every account stands again."""
        before, spots = dict(watch.resynchronised), watch.spots
        watch.ready_at = 0.0
        began = time.perf_counter()
        venue.play(action)
        while any(watch.resynchronised[account] <= before.get(account, 0) for account in ACCOUNTS):
            assert time.perf_counter() - began < LONGEST, [action, client.state, client.accounts]
            await pause(0.001)
        healed = time.perf_counter()
        while watch.spots == spots:
            assert time.perf_counter() - healed < LONGEST
            await pause(0.001)
        assert client.state is ConnectionState.READY
        assert all(client.account_state(account) is AccountState.AUTHORISED for account in ACCOUNTS)
        assert watch.resynchronised == Counter({account: before.get(account, 0) + 1 for account in ACCOUNTS})
        return (watch.ready_at - began if line else 0.0), healed - began

    figures: dict[str, list[tuple[float, float]]] = {}
    held: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        for _ in range(ROUNDS):
            for kinds, line in ((LOSES_THE_LINE, True), (LOSES_ACCOUNTS, False)):
                for name, action in kinds.items():
                    figures.setdefault(name, []).append(await heals(action(), line))
            logged_errors.flush()
            gc.collect()
            held.append((tracemalloc.get_traced_memory()[0], len(os.listdir("/dev/fd"))))
    finally:
        tracemalloc.stop()
    await client.close()
    await venue.close()

    count = sum(map(len, figures.values()))
    lines = [
        f"{count} cuts; seconds until READY, and until both accounts stand again with all their spots: median, worst"
    ]
    for name, times in figures.items():
        ready = [seconds for seconds, _ in times]
        whole = [seconds for _, seconds in times]
        first = f"{statistics.median(ready):7.3f} {max(ready):7.3f}" if name in LOSES_THE_LINE else " " * 15
        lines.append(f"{name:32} {first}   {statistics.median(whole):7.3f} {max(whole):7.3f}")
    everything = [seconds for times in figures.values() for _, seconds in times]
    lines.append(
        f"all: {statistics.median(everything):.3f} {max(everything):.3f}; bytes and files held {held[2]}, {held[-1]}"
    )
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))
    assert len(everything) == ROUNDS * (len(LOSES_THE_LINE) + len(LOSES_ACCOUNTS)) == 200
    quick = [seconds for name, times in figures.items() if name != "silence" for _, seconds in times]
    assert statistics.median(quick) < 0.5
    assert max(everything) < LONGEST
    assert held[-1][1] <= held[2][1] + 2, "files stay open"
    assert held[-1][0] - held[2][0] < 1_000_000, "memory stays held"
