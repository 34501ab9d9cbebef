"""What an interrupted run has kept, when the next one asks for something else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted.cli.history import Wanted, fetch_history
from ctrader_twisted.client import OpenApiClient
from tests.cli.desk import DAY, EURUSD, HOUR, NOW, Desk, listed, rows
from tests.cli.rooms import access

if TYPE_CHECKING:
    from pathlib import Path

LONG: dict[str, Any] = {"start": NOW - 45 * DAY, "end": NOW - DAY}
LATE: dict[str, Any] = {"start": NOW - 3 * DAY, "end": NOW - DAY}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request for a span of history."""
    messages: list[Any] = []
    real = OpenApiClient.request_unread

    def request_unread(self: OpenApiClient, message: Any, **more: Any) -> Any:
        if message.fromTimestamp:
            messages.append(message)
        return real(self, message, **more)

    monkeypatch.setattr(OpenApiClient, "request_unread", request_unread)
    return messages


def interrupt(desk: Desk, *names: str, **wanted: Any) -> int:
    """Fetch into a.csv, and end it when something is kept of each symbol; give how many rows are."""
    asked_for = Wanted(names, str(desk.folder / "a.csv"), **wanted)
    running = Deferred.fromCoroutine(
        fetch_history(desk.reactor, desk.there, asked_for, access=access(desk, desk.there))
    )
    failures: list[Any] = []
    running.addErrback(failures.append)
    for _ in range(900):
        if len(list((desk.folder / "a.csv.parts").glob("*.npz"))) > len(names):
            break
        desk.advance(0.1)
    running.cancel()
    desk.advance(5)
    assert [failure.type for failure in failures] == [CancelledError]
    assert not (desk.folder / "a.csv").exists()
    return kept(desk)


def kept(desk: Desk) -> int:
    import numpy as np

    count = 0
    for part in (desk.folder / "a.csv.parts").glob("*.npz"):
        with np.load(part) as columns:
            count += len(columns["time"])
    return count


def oldest(asked: list[Any]) -> datetime:
    return NOW + timedelta(milliseconds=min(each.fromTimestamp for each in asked) - round(NOW.timestamp() * 1000))


def test_a_span_that_was_narrowed_is_all_that_is_fetched(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with Desk(tmp_path, page=5000) as desk:
        before = interrupt(desk, "EURUSD", **LONG)
        assert before > 1000
        asked.clear()
        capsys.readouterr()
        assert desk.fetch("a.csv", **LATE) == 0
        assert oldest(asked) == LATE["start"]
        assert listed(tmp_path / "a.csv") == desk.bars(**LATE)
        assert kept(desk) == before, "what was fetched is not thrown away"
        said = " ".join(capsys.readouterr().err.split())
        assert f"EURUSD: {before:,} rows of 2026-01-1" in said
        assert "are kept in" in said and "a.csv.parts" in said
        asked.clear()
        assert desk.fetch("a.csv", **LONG) == 0
        assert oldest(asked) > LONG["start"] + DAY, "and it is of use later"
        assert listed(tmp_path / "a.csv") == desk.bars(**LONG)
        assert not (tmp_path / "a.csv.parts").exists()


def test_what_touches_the_span_goes_into_the_file(tmp_path: Path, asked: list[Any]) -> None:
    with Desk(tmp_path, page=5000) as desk:
        interrupt(desk, "EURUSD", **LONG)
        asked.clear()
        inside = {"start": LONG["start"] + HOUR, "end": NOW - 2 * DAY}
        assert desk.fetch("a.csv", **inside) == 0
        assert oldest(asked) > inside["start"] + DAY, "what is kept is not fetched again"
        assert listed(tmp_path / "a.csv") == desk.bars(LONG["start"], inside["end"])
        assert not (tmp_path / "a.csv.parts").exists()


@pytest.mark.slow
def test_rows_of_a_symbol_that_is_not_asked_for_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Desk(tmp_path, page=5000) as desk:
        interrupt(desk, "EURUSD", "XAUUSD", **LONG)
        parts = sorted((tmp_path / "a.csv.parts").glob("*.npz"))
        capsys.readouterr()
        assert desk.fetch("a.csv", "EURUSD", **LONG) == 0
        assert listed(tmp_path / "a.csv") == desk.bars(**LONG)
        left = sorted((tmp_path / "a.csv.parts").glob("*.npz"))
        assert 0 < len(left) < len(parts) and set(left) < set(parts)
        assert "XAUUSD: " in capsys.readouterr().err
        assert desk.fetch("a.csv", "EURUSD", "XAUUSD", **LONG) == 0
        assert not (tmp_path / "a.csv.parts").exists()
        assert desk.fetch("gold.csv", "XAUUSD", **LONG) == 0
    gold = [row for row in rows(tmp_path / "a.csv") if row["symbol"] == "XAUUSD"]
    assert gold == rows(tmp_path / "gold.csv")


def test_quotes_are_right_beside_rows_that_are_kept_apart(tmp_path: Path, asked: list[Any]) -> None:
    """What a side stood at is not taken from rows that are long before."""
    from ctrader_twisted.cli.files.contents import Contents
    from ctrader_twisted.cli.files.parts import Parts

    late: dict[str, Any] = {"start": NOW - HOUR, "end": NOW - HOUR / 2, "period": None, "ticks": "both"}
    with Desk(tmp_path) as desk:
        assert desk.fetch("old.csv", **{**late, "start": NOW - 9 * HOUR, "end": NOW - 8.5 * HOUR}) == 0
        contents = Contents("", "")
        symbol: Any = type("Symbol", (), {"name": "EURUSD", "symbol_id": EURUSD, "digits": 5})
        from ctrader_twisted.cli.files.text import Csv

        (piece,) = Csv().read(tmp_path / "old.csv", contents)
        parts = Parts(tmp_path / "a.csv", contents)
        parts.open()
        ms = round((NOW - 9 * HOUR).timestamp() * 1000)
        parts.save(contents.table(symbol, piece.columns), ms, ms + 1_800_000)
        parts.close()
        asked.clear()
        assert desk.fetch("a.csv", **late) == 0
        assert oldest(asked) >= NOW - 2 * HOUR
        assert desk.fetch("whole.csv", **late) == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
