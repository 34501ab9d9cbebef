"""What the pages take for granted: the names, files and servers that are there before their first block."""

from __future__ import annotations

import re
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import deferLater

from ctrader_twisted import DEMO, Application, Environment, OpenApiClient, Wire, factory, market, recording
from ctrader_twisted.recording import MarketRecorder
from ctrader_twisted.sim import Venue
from ctrader_twisted.sim.script import cut
from ctrader_twisted.sim.testing import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_START,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
    VenueKit,
)
from ctrader_twisted.tokens import FileTokenStore, Grant, GrantedAccount
from tests.docs.running import Runner
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from contextlib import AbstractContextManager

    import pytest

PRACTICE: Final = """\
[simulator]
start = 2026-03-03T09:00:00Z

[[account]]
environment = "simulator"
"""


@contextmanager
def in_memory(monkeypatch: pytest.MonkeyPatch, kit: VenueKit | None = None) -> Iterator[Runner]:
    """A client and an account in virtual time; whoever connects to Spotware's servers by that clock meets the venue."""
    there: dict[str, Any] = {}
    with kit or VenueKit() as kit:

        def drive(coroutine: Coroutine[Any, Any, None]) -> object:
            return kit.settle(Deferred.fromCoroutine(coroutine), 1000)

        def opening(reactor: object, environment: Environment, connect_timeout: float) -> Any:
            if reactor is not kit.clock:
                return original(reactor, environment, connect_timeout)
            server = kit.venue.json_factory if environment.wire is Wire.JSON else None
            return partial(kit.network.connect, server=server)

        original = factory.tls_opening
        monkeypatch.setattr(factory, "tls_opening", opening)
        Path("root.pem").write_text(kit.venue.trust_root_pem)
        client = kit.ready_client(EUR_ACCOUNT)
        account = client.account(EUR_ACCOUNT)
        kit.settle(account.ready())
        there = {"kit": kit, "reactor": kit.clock, "client": client, "account": account, "venue": kit.venue}
        there["sleep"] = partial(deferLater, kit.clock)
        runner = Runner(there, drive)
        yield runner
        for each in runner.there.values():
            if isinstance(each, OpenApiClient):
                kit.settle(each.close())


@contextmanager
def of_the_readme(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    with in_memory(monkeypatch) as runner:
        names = {"OpenApiClient": OpenApiClient, "Application": Application, "DEMO": DEMO, "now_ms": DEFAULT_START}
        runner.there |= {**names, "Lots": market.Lots, "Pips": market.Pips}
        yield runner
        assert runner.there["order"].lots == market.Lots("0.1")
        kit = runner.there["kit"]
        position = kit.settle(runner.there["order"].protected())
        assert position.stop_loss == position.price - Decimal("0.0020")
        (quotes,) = runner.scripts
        assert re.fullmatch(r"(Quote\(symbol_id=1, bid=Decimal\('1\..*\n){10}", quotes)


@contextmanager
def of_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    with in_memory(monkeypatch) as runner:
        yield runner
        assert not runner.there["account"].positions
        assert runner.tests == 2


@contextmanager
def of_sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Tokens that end within the day: it begins with a refresh."""
    with in_memory(monkeypatch) as runner:
        kit = runner.there["kit"]
        store = FileTokenStore("tokens.json", kit.clock)
        accounts = (GrantedAccount(EUR_ACCOUNT),)
        grant = Grant("default", ACCESS_TOKEN, REFRESH_TOKEN, kit.clock.seconds() + 3600, None, accounts)
        kit.settle(store.save(grant))
        yield runner
        client = kit.settle(Deferred.fromCoroutine(runner.there["begin"](kit.clock)))
        kit.settle(client.trader(ctidTraderAccountId=EUR_ACCOUNT))
        kit.settle(client.close())
        (kept,) = kit.settle(store.load()).values()
        assert kept.access_token == kit.venue.registry.grants[0].access_token != ACCESS_TOKEN


@contextmanager
def of_wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    with in_memory(monkeypatch) as runner:
        application = Application(CLIENT_ID, CLIENT_SECRET)
        runner.there |= {"OpenApiClient": OpenApiClient, "DEMO": DEMO, "application": application}
        yield runner


@contextmanager
def of_the_simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    from examples.moving_averages import MovingAverages

    with in_memory(monkeypatch) as runner:
        root = Path("examples/ctrader-sim-root.pem")
        root.write_text(runner.there["venue"].trust_root_pem)
        minutes = "".join(f"2025-01-06 09:{n:02d}:00,1.1,1.1002,1.0998,1.1,4\n" for n in range(60))
        Path("eurusd-m1.csv").write_text("timestamp,open,high,low,close,volume\n" + minutes)
        venues: list[Venue] = []

        def venue(*arguments: Any, **settings: Any) -> Venue:
            venues.append(Venue(*arguments, **settings))
            return venues[-1]

        kit = runner.there["kit"]
        runner.there |= {"Venue": venue, "MovingAverages": MovingAverages}
        yield runner
        for each in venues:
            kit.settle(each.close())
        assert runner.tests == 2


@contextmanager
def of_the_flight_recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    with in_memory(monkeypatch) as runner:
        runner.there["kit"].clock.callLater(30, runner.there["venue"].play, cut())
        yield runner
        assert runner.tests == 1


@contextmanager
def of_recording(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Three minutes of market, recorded in both formats by a clock that tells the venue's time."""
    from tests.recording.recordings import FORMATS, kit_at, recorder_of

    monkeypatch.setattr(recording, "MarketRecorder", partial(MarketRecorder, in_thread=execute))
    with in_memory(monkeypatch, kit_at(monkeypatch)) as runner:
        kit = runner.there["kit"]
        for name, form in zip(("market", "lite"), FORMATS, strict=True):
            recorder = recorder_of(kit, Path(name), form)
            recorder.record(runner.there["client"], EUR_ACCOUNT, ["EURUSD", "USDJPY"], ["M1"])
            recorder.startService()
            kit.advance(190)
            kit.settle(recorder.stopService())
        yield runner


#: Those that take more for granted than a client and an account.
SCENES: Final[dict[str, Callable[[pytest.MonkeyPatch], AbstractContextManager[Runner]]]] = {
    "README.md": of_the_readme,
    "docs/account.md": of_account,
    "docs/flight-recorder.md": of_the_flight_recorder,
    "docs/recording.md": of_recording,
    "docs/sessions.md": of_sessions,
    "docs/simulator.md": of_the_simulator,
    "docs/wires.md": of_wires,
}

#: Those that need more than a scene, and the test that runs each.
ELSEWHERE: Final = {
    "docs/asyncio.md": "tests/aio/test_aio_docs.py",
    "docs/moving-over.md": "tests/docs/loopback/test_docs_over_sockets.py",
}


def scene(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AbstractContextManager[Runner]:
    """Set the scene of a page, in a folder that it has to itself.

    The folder has the examples, and ``ctrader.toml`` and ``practice.toml``, which lead to a simulated venue.
    """
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for variable in ("CTRADER_CONFIG", "CTRADER_CLIENT_ID", "CTRADER_CLIENT_SECRET", "CTRADER_ACCESS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    copytree(ROOT / "examples", folder / "examples")
    if page not in SCENES:
        for name in ("ctrader.toml", "practice.toml"):
            (folder / name).write_text(PRACTICE)
            (folder / name).chmod(0o600)
    return SCENES.get(page, in_memory)(monkeypatch)
