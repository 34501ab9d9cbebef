"""``[[recording]]`` in the daemon: what it takes, and what becomes of the daemon when it can't be written."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import execute
from twisted.internet.task import deferLater

from ctrader_twisted import config
from ctrader_twisted.market import Lots
from ctrader_twisted.recording import holes
from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.service.daemon import Daemon
from ctrader_twisted.service.recorder import Recorder
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, VenueKit
from tests.recording.recordings import FORMATS, bars, history_of_bars, kit_at, quotes, rows, ticks

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {"CTRADER_CLIENT_ID": CLIENT_ID, "CTRADER_CLIENT_SECRET": CLIENT_SECRET, "CTRADER_ACCESS_TOKEN": ACCESS_TOKEN}
CONFIGURATION = """
[environment.kit]
host = "127.0.0.1"
live = false
[[account]]
id = 1000001
environment = "kit"
symbols = ["EURUSD", "USDJPY"]
bars = ["M1"]
"""
MINUTE = 60_000


def start(kit: VenueKit, folder: Path, recordings: str, in_thread: Any = execute) -> tuple[Daemon, list[int]]:
    """Start a daemon that has recordings and nothing else."""
    kit.clock.callWhenRunning = lambda call: call()  # type: ignore[attr-defined]
    kit.clock.stop = lambda: None  # type: ignore[attr-defined]
    file = folder / "daemon.toml"
    file.write_text(CONFIGURATION + recordings, "utf-8")
    left: list[int] = []
    daemon = Daemon(
        kit.clock,
        config.load(file, ENVIRON),
        Recorder(kit.clock),
        leave=left.append,
        opening=partial(kit.network.connect, server=kit.venue.factory),
        in_thread=in_thread,
    )
    daemon.startService()
    kit.pump()
    return daemon, left


def recording(path: str, form: str, more: str = "") -> str:
    return f'[[recording]]\npath = "{path}"\nformat = "{form}"\nflush_seconds = 5\n{more}\n'


@pytest.mark.parametrize("form", FORMATS)
def test_a_day_with_losses(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, bars and deals, through a cut connection and the end of the account's session alone."""
    with kit_at(monkeypatch) as kit:
        daemon, left = start(kit, tmp_path, recording("market", form))
        trader = kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT)
        kit.settle(trader.ready())
        began = kit.venue.now()
        kit.advance(70)
        kit.refuse_connections()
        kit.network.links[0].cut()  # the daemon's; the trader trades on
        kit.advance(45)
        kit.settle(trader.buy("EURUSD", Lots(1)).filled())
        kit.advance(45)
        kit.accept_connections()
        kit.settle(daemon.environments[0].client.when_ready(), 200)
        kit.advance(70)
        kit.play("disconnect_account", account_id=EUR_ACCOUNT)
        kit.advance(70)
        end = kit.venue.now()
        kit.settle(daemon.stopService(), 10)
        assert (left, daemon.status) == ([], 0)
        market = tmp_path / "market"
        for symbol in ("EURUSD", "USDJPY"):
            found = quotes(market, symbol)
            assert found[0][0] - began < 3000 and found == ticks(kit, found[0][0] - 1, end, symbol)
        closed = [history_of_bars(kit, began - MINUTE, at // MINUTE * MINUTE) for at in (end - 5000, end)]
        assert bars(market) in closed
        assert holes(market) == []
        told = [json.loads(document) for (document,) in rows(market, "account_events", "document")]
        deals = [one for one in told if one["event"] == "execution" and one["deal"]]
        assert [one["deal"]["symbol"] for one in deals] == ["EURUSD"]
        assert deals[0]["order"] is None and deals[0]["deal"]["lots"] == "1", "it comes from history"
        assert {"account", "resynchronised"} <= {one["event"] for one in told}


@pytest.mark.parametrize("form", FORMATS)
def test_names_that_are_not_spelled_as_the_broker_does_are_recorded_by_the_brokers(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is missing of them is filled."""
    spelled = CONFIGURATION.replace('["EURUSD", "USDJPY"]', '["eurusd", "yen", "USDjpy"]')
    monkeypatch.setitem(globals(), "CONFIGURATION", spelled + '[account.aliases]\nYen = "USDJPY"\n')
    with kit_at(monkeypatch) as kit:
        daemon, left = start(kit, tmp_path, recording("market", form))
        began = kit.venue.now()
        kit.advance(100)
        kit.refuse_connections()
        kit.network.links[0].cut()
        kit.advance(90)
        kit.accept_connections()
        kit.settle(daemon.environments[0].client.when_ready(), 200)
        kit.advance(130)
        end = kit.venue.now()
        kit.settle(daemon.stopService(), 10)
        assert (left, daemon.status) == ([], 0)
        market = tmp_path / "market"
        assert {symbol for (symbol,) in rows(market, "quotes", "symbol")} == {"EURUSD", "USDJPY"}
        assert {symbol for (symbol,) in rows(market, "bars", "symbol")} == {"EURUSD", "USDJPY"}
        for symbol in ("EURUSD", "USDJPY"):
            found = quotes(market, symbol)
            assert found[0][0] - began < 3000 and found == ticks(kit, found[0][0] - 1, end, symbol)
        assert holes(market) == []
        covered = store_at(market, form).covered("kit", EUR_ACCOUNT)
        assert set(covered) == {"quotes/EURUSD", "quotes/USDJPY", "bars/EURUSD/M1", "bars/USDJPY/M1", "account"}


def test_two_recordings_of_different_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        tables = recording("a", "parquet", 'events = ["bar"]') + recording("b", "sqlite", 'events = ["quote"]')
        daemon, _ = start(kit, tmp_path, tables)
        kit.advance(130)
        kit.settle(daemon.stopService(), 10)
        assert bars(tmp_path / "a") and not rows(tmp_path / "a", "quotes", "time")
        assert quotes(tmp_path / "b") and not rows(tmp_path / "b", "bars", "time")
        assert not rows(tmp_path / "b", "account_events", "time")


def test_a_folder_that_another_one_records_to_ends_the_daemon_before_anything_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged_errors: Any
) -> None:
    other = store_at(tmp_path / "market", "sqlite")
    other.open()
    with kit_at(monkeypatch) as kit:
        daemon, left = start(kit, tmp_path, recording("market", "sqlite"))
        kit.advance(5)
        (event,) = logged_errors.events
        assert "recording[1].path" in str(event["error"]) and "another process" in str(event["error"])
        logged_errors.flush()
        assert left == [1] and kit.venue._accepted == 0
        kit.settle(daemon.stopService(), 10)
    other.close()


@pytest.mark.parametrize("form", FORMATS)
def test_a_recording_that_fails_shows_in_the_exit_status_and_ends_nothing(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, logged_errors: Any
) -> None:
    with kit_at(monkeypatch) as kit:
        daemon, left = start(kit, tmp_path, recording("market", form))
        kit.advance(10)
        (recorder,) = daemon._recorder.recordings
        store = recorder._keeping.store

        write, full = store.write, [True]

        def write_if_there_is_room(batch: Any) -> None:
            if full:
                raise OSError(28, "No space left on device")
            write(batch)

        monkeypatch.setattr(store, "write", write_if_there_is_room)
        kit.advance(60)
        assert len(logged_errors.events) == 1 and left == [1]
        logged_errors.flush()
        full.clear()
        kit.advance(7)
        began = quotes(tmp_path / "market")[0][0]
        kit.advance(20)
        end = kit.venue.now()
        kit.settle(daemon.stopService(), 10)
        assert daemon.status == 1 and recorder.dropped == 0
        assert quotes(tmp_path / "market") == ticks(kit, began - 1, end), "nothing is lost: it had room in memory"


def test_a_slow_disk_has_what_is_left_of_the_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kit_at(monkeypatch) as kit:
        seconds = [0.0]
        daemon, _ = start(
            kit,
            tmp_path,
            recording("market", "sqlite"),
            lambda call: deferLater(kit.clock, seconds[0], call) if seconds[0] else execute(call),
        )
        kit.advance(31)
        seconds[0] = 0.8
        end = kit.venue.now()
        kit.settle(daemon.stopService(), 5)
        found = quotes(tmp_path / "market")
        assert found == ticks(kit, found[0][0] - 1, end) and kit.venue.now() - end > 2_000
