"""A daemon on a bench: joined to a simulated venue in memory. No socket, no TLS, no waiting."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import formatEvent

from ctrader_twisted import config
from ctrader_twisted.outputs import encode
from ctrader_twisted.service.daemon import Daemon
from ctrader_twisted.service.recorder import Output, Recorder
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, REFRESH_TOKEN, VenueKit
from ctrader_twisted.wire.choice import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECRETS = (CLIENT_SECRET, ACCESS_TOKEN, REFRESH_TOKEN, "hush")
ENVIRON = {"CTRADER_CLIENT_ID": CLIENT_ID, "CTRADER_CLIENT_SECRET": CLIENT_SECRET, "CTRADER_ACCESS_TOKEN": ACCESS_TOKEN}


class Kept:
    """An output that keeps what it is given, as a reader would get it."""

    def __init__(self) -> None:
        self.name = "kept"
        self.written = self.lost = 0
        self.documents: list[dict[str, Any]] = []
        self.ended = False
        self.held: Deferred[None] | None = None

    def write(self, document: Mapping[str, object]) -> None:
        self.written += 1
        self.documents.append(json.loads(encode(document)))

    def close(self) -> Deferred[None]:
        self.ended = True
        done: Deferred[None] = self.held or Deferred()
        if self.held is None:
            done.callback(None)
        return done

    def abandon(self) -> None:
        self.ended = True


class Bench:
    """A daemon on the clock of a kit, with what it wrote, logged and left with."""

    def __init__(self, kit: VenueKit, folder: Path) -> None:
        self.kit = kit
        self.output = Kept()
        self.left: list[int] = []
        self.stopped = 0
        self.log: list[str] = []
        self.daemon: Daemon
        self._folder = folder
        kit.clock.callWhenRunning = lambda call: call()  # type: ignore[attr-defined]
        kit.clock.stop = self._stop  # type: ignore[attr-defined]

    def _stop(self) -> None:
        self.stopped += 1
        if self.stopped > 1:
            raise ReactorNotRunning

    def start(
        self,
        accounts: str = "",
        *,
        live: str = "false",
        environ: Mapping[str, str] = ENVIRON,
        events: frozenset[str] = frozenset(config.EVENTS),
        factories: tuple[Any, ...] = (),
        tables: str = "",
        **settings: Any,
    ) -> Bench:
        path = self._folder / "daemon.toml"
        services = "".join('[[service]]\nfactory = "a:b"\nsettings = { step = 5 }\n' for _ in factories)
        wire = self.kit.wire
        server = self.kit.venue.json_factory if wire is Wire.JSON else self.kit.venue.factory
        there = f'host = "127.0.0.1"\nport = 5035\nwire = "{wire.value}"'
        environment = f"[environment.kit]\n{there}\nlive = {live}\n{tables}\n"
        path.write_text(environment + (accounts or account()) + services + '[[output]]\npath = "-"\n', "utf-8")
        configuration = config.load(path, environ)
        clock = self.kit.clock
        output = Output(self.output, events)  # type: ignore[arg-type]
        self.daemon = Daemon(
            clock,
            configuration,
            Recorder(clock, [output]),
            factories=factories,
            leave=self.left.append,
            opening=partial(self.kit.network.connect, server=server),
            **settings,
        )
        self.daemon.startService()
        self.kit.pump()
        return self

    def stop(self) -> float:
        """Stop the daemon and say how long that took."""
        began = self.kit.clock.seconds()
        self.kit.settle(self.daemon.stopService(), 10)
        return self.kit.clock.seconds() - began

    def of(self, *events: str) -> list[dict[str, Any]]:
        return [document for document in self.output.documents if document["event"] in events]

    @property
    def client(self) -> Any:
        return self.daemon.environments[0].client


def account(
    account_id: int = EUR_ACCOUNT, symbols: str = '["EURUSD", "USDJPY"]', more: str = "", token: str | None = None
) -> str:
    own = "" if token is None else f'access_token = "{token}"\n'
    return f'[[account]]\nid = {account_id}\nenvironment = "kit"\nsymbols = {symbols}\n{own}{more}\n'


def refusals(bench: Bench, logged_errors: Any) -> list[str]:
    """The errors that were logged, taken off what would fail the test."""
    texts = [formatEvent(event) for event in logged_errors.events]
    logged_errors.flush()
    return texts


class Line(dict[str, Any]):
    """A parsed command line."""

    parent: Mapping[str, Any] | None = None


def close(daemon: Daemon) -> None:
    for output in daemon._recorder.outputs:
        output.writer.close()
