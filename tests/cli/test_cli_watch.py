"""``ctrader watch``, in memory."""

from __future__ import annotations

import datetime
import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, succeed

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.views import JsonView, TableView
from ctrader_twisted.cli.watch import Watched, watch_quotes
from ctrader_twisted.sim.script import cut, disconnect_account, invalidate_token
from ctrader_twisted.sim.testing import ACCESS_TOKEN, EUR_ACCOUNT, VenueKit
from ctrader_twisted.tokens import Grant, GrantedAccount
from tests.cli.rooms import access, found, keep, settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ctrader_twisted.cli.board import Board, Row

GRANT = Grant("default", ACCESS_TOKEN, accounts=(GrantedAccount(EUR_ACCOUNT, False),))


class Seen:
    """A view that remembers."""

    def __init__(self) -> None:
        self.on_failure: Callable[[CommandFailed | None], object] = lambda failure: None
        self.documents: list[dict[str, Any]] = []
        self.statuses: list[str] = []
        self.board: Board | None = None
        self.ended = False

    def begin(self, board: Board) -> None:
        self.board = board

    def quote(self, row: Row, document: dict[str, Any]) -> None:
        self.documents.append(document)

    def event(self, document: dict[str, Any]) -> None:
        assert self.board is not None
        self.documents.append(document)
        self.statuses.append(self.board.status)

    def status(self) -> None:
        assert self.board is not None
        self.statuses.append(self.board.status)

    def end(self) -> Deferred[None]:
        self.ended = True
        return succeed(None)

    def kinds(self) -> list[str]:
        return [document["event"] for document in self.documents]


def watch(kit: VenueKit, folder: Path, view: Any, *names: str, **watched: Any) -> Any:
    there = found(folder)
    keep(kit, there, GRANT)
    return watch_quotes(kit.clock, there, Watched(names, **watched), view, access=access(kit, there))


def test_a_market_that_is_closed(tmp_path: Path) -> None:
    view = Seen()
    saturday = int(datetime.datetime(2026, 3, 7, 12, tzinfo=datetime.UTC).timestamp() * 1000)
    with VenueKit(start=saturday) as kit:
        settle(kit, watch(kit, tmp_path, view, "EURUSD", seconds=70))
    assert view.kinds() == ["quote"], "the last one"
    assert view.statuses == ["no quote for 30 s: the market is closed, perhaps"], "said once"


def test_a_number_of_quotes(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit() as kit:
        settle(kit, watch(kit, tmp_path, view, "EURUSD", "xauusd", count=5))
    assert view.kinds() == ["quote"] * 5
    assert {document["symbol"] for document in view.documents} == {"EURUSD", "XAUUSD"}
    first = view.documents[0]
    assert (first["environment"], first["account"]) == ("demo", EUR_ACCOUNT)
    assert first["ask"] > first["bid"] and first["spread_pips"] > 0
    assert view.ended


def test_a_time(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit() as kit:
        settle(kit, watch(kit, tmp_path, view, "EURUSD", seconds=10))
        assert 10 <= kit.clock.seconds() < 11
    assert len(view.documents) > 5
    assert view.board is not None
    (row,) = view.board.rows.values()
    assert (row.name, row.stale) == ("EURUSD", False)
    assert row.change is not None


def test_a_symbol_that_does_not_exist(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit() as kit:
        with pytest.raises(CommandFailed, match='no symbol "EURUSX". Did you mean "EURUSD"?'):
            settle(kit, watch(kit, tmp_path, view, "EURUSX"))
        with pytest.raises(CommandFailed, match='"EURUSX". Did you mean "EURUSD"?.*"nope". To see them all'):
            settle(kit, watch(kit, tmp_path, view, "EURUSX", "USDJPY", "nope"))
    assert view.board is None, "nothing was drawn"


def test_a_loss_is_told_and_healed(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit(script=[(5, cut())]) as kit:
        settle(kit, watch(kit, tmp_path, view, "EURUSD", seconds=15))
    kinds = [kind for kind in view.kinds() if kind != "account"]
    lost, back = kinds.index("disconnected"), kinds.index("resynchronised")
    assert set(kinds[:lost]) == {"quote"} and set(kinds[back + 1 :]) == {"quote"}
    assert any("Trying again in" in status for status in view.statuses)
    assert view.board is not None and view.board.status == "", "all is well again"


def test_an_account_that_is_dropped_comes_back(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit(script=[(5, disconnect_account())]) as kit:
        settle(kit, watch(kit, tmp_path, view, "EURUSD", seconds=15))
    assert "resynchronised" in view.kinds()
    assert view.kinds()[-1] == "quote"


def test_a_token_that_ends_for_good(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit(script=[(5, invalidate_token("revoked", still_good="nothing"))]) as kit:
        with pytest.raises(CommandFailed, match="account 1000001: ") as caught:
            settle(kit, watch(kit, tmp_path, view, "EURUSD", seconds=60))
    assert "ctrader login" in str(caught.value)
    assert view.ended


def test_nothing_is_left_when_it_is_cancelled(tmp_path: Path) -> None:
    view = Seen()
    with VenueKit() as kit:
        running = Deferred.fromCoroutine(watch(kit, tmp_path, view, "EURUSD"))
        kit.advance(5)
        failures: list[Any] = []
        running.addErrback(failures.append)
        running.cancel()
        kit.advance(5)
        assert len(failures) == 1
    assert view.ended


# Views


class Descriptors:
    """The part of a reactor that a pipe needs."""

    def __init__(self, kit: VenueKit) -> None:
        self.callLater = kit.clock.callLater
        self.seconds = kit.clock.seconds

    def addWriter(self, writer: object) -> None: ...  # noqa: N802

    def removeWriter(self, writer: object) -> None: ...  # noqa: N802


def test_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    with VenueKit(script=[(5, cut())]) as kit:
        view = JsonView(Descriptors(kit), os.open(out, os.O_WRONLY | os.O_CREAT))
        settle(kit, watch(kit, tmp_path, view, "EURUSD", seconds=15))
    documents = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert {"quote", "disconnected", "resynchronised"} <= {document["event"] for document in documents}
    assert set(documents[0]) >= {"event", "time", "environment", "account", "symbol", "bid", "ask", "spread_pips"}
    assert "Trying again in" in capsys.readouterr().err, "a person is told, too"


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path, logged_errors: Any) -> None:
    reading, writing = os.pipe()
    with VenueKit() as kit:
        view = JsonView(Descriptors(kit), writing)
        kit.clock.callLater(5, os.close, reading)
        settle(kit, watch(kit, tmp_path, view, "EURUSD"))
    logged_errors.flush()


def test_a_disk_that_is_full(tmp_path: Path, logged_errors: Any) -> None:
    with VenueKit() as kit:
        view = JsonView(Descriptors(kit), os.open("/dev/full", os.O_WRONLY))
        with pytest.raises(CommandFailed, match="stdout can't be written: the disk is full"):
            settle(kit, watch(kit, tmp_path, view, "EURUSD"))
    logged_errors.flush()


def test_a_table_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with VenueKit() as kit:
        settle(kit, watch(kit, tmp_path, TableView(kit.clock), "EURUSD", seconds=3))
    out = capsys.readouterr().out
    assert out.count("symbol") > 3, "drawn again and again"
    assert "\x1b[1A" in out, "in place"
    assert "chart" in out and re.search("[▁▂▃▄▅▆▇█]{2}", out)
