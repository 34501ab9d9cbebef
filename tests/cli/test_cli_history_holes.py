"""What is missing inside a file: told, and asked for again."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted.cli import history
from ctrader_twisted.cli.files import target
from ctrader_twisted.client import OpenApiClient
from ctrader_twisted.sim.feed.modelled import ModelFeed
from tests.cli.desk import DAY, HOUR, NOW, Desk, listed, refused, rows

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MINUTE = timedelta(minutes=1)
OUTAGE = NOW - 4 * HOUR, NOW - 2.5 * HOUR


def lose(monkeypatch: pytest.MonkeyPatch, *outages: tuple[datetime, datetime]) -> list[Any]:
    """Let the venue have nothing of some times; give the requests for history."""
    spans = [(round(start.timestamp() * 1000), round(end.timestamp() * 1000)) for start, end in outages]
    requests: list[Any] = []

    def there(at: int) -> bool:
        return not any(start <= at < end for start, end in spans)

    bars_back, ticks_back, request_unread = ModelFeed.bars_back, ModelFeed.ticks_back, OpenApiClient.request_unread

    def bars(feed: ModelFeed, symbol: int, period: Any, first: Any, last: int, count: int, **more: Any) -> Any:
        found, _ = bars_back(feed, symbol, period, first, last, count + 5000, **more)
        kept = [bar for bar in found if there(bar.open_ms)]
        return kept[-count:], len(kept) > count

    def ticks(feed: ModelFeed, symbol: int, side: Any, first: int, last: int, count: int, **more: Any) -> Any:
        found, _ = ticks_back(feed, symbol, side, first, last, count + 5000, **more)
        kept = [tick for tick in found if there(tick[0])]
        return kept[:count], len(kept) > count

    def request(self: OpenApiClient, message: Any, **more: Any) -> Any:
        if message.fromTimestamp:
            requests.append(message)
        return request_unread(self, message, **more)

    monkeypatch.setattr(ModelFeed, "bars_back", bars)
    monkeypatch.setattr(ModelFeed, "ticks_back", ticks)
    monkeypatch.setattr(OpenApiClient, "request_unread", request)
    return requests


def test_what_is_missing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = NOW - 2 * HOUR, NOW - 2 * HOUR + 3 * MINUTE
    with Desk(tmp_path) as desk, monkeypatch.context() as patched:
        lose(patched, OUTAGE, quiet)
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR, as_json=True) == 0
        (document,) = json.loads(capsys.readouterr().out)
        assert document["missing"] == [{"start": "2026-03-03T05:00:00.000Z", "end": "2026-03-03T06:30:00.000Z"}]
        assert (document["quiet_spans"], document["quiet_seconds"], document["hours_known"]) == (1, 180, True)
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR) == 0
    err = capsys.readouterr().err
    assert "nothing of these times, in which the market should have been open:\n  2026-03-03 05:00 to 2026-03" in err
    assert "; besides 1 span without a tick, 3 min in all" in err


@pytest.mark.parametrize(
    ("ticks", "seconds"), [(None, 0), ("bid", 0), *(("both", seconds) for seconds in (0, 7, 19, 31))]
)
def test_a_hole_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ticks: str | None, seconds: int
) -> None:
    """The server has it now; nothing else is asked for but the newest row."""
    span: dict[str, Any] = {"start": NOW - 5 * HOUR, "end": NOW - 2 * HOUR}
    if ticks:
        span |= {"period": None, "ticks": ticks}
    with Desk(tmp_path) as desk:
        with monkeypatch.context() as patched:
            lose(patched, (OUTAGE[0] + timedelta(seconds=seconds), OUTAGE[1]))
            assert desk.fetch("a.csv", **span) == 0
        before = len(rows(tmp_path / "a.csv"))
        with monkeypatch.context() as patched:
            requests = lose(patched)
            assert desk.fetch("a.csv", **span) == 0
        inside = [message for message in requests if message.toTimestamp > OUTAGE[0].timestamp() * 1000]
        asked_from = min(message.fromTimestamp for message in inside) / 1000
        assert asked_from >= (OUTAGE[0] - (HOUR if ticks == "both" else MINUTE)).timestamp()
        assert desk.fetch("whole.csv", **span) == 0
    assert before < len(rows(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_hole_that_stays_costs_a_request_in_each_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Desk(tmp_path) as desk:
        requests = lose(monkeypatch, OUTAGE)
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR) == 0
        before = (tmp_path / "a.csv").read_bytes()
        requests.clear()
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR) == 0
        spans = [(message.fromTimestamp, message.toTimestamp) for message in requests]
        start, end = (round(at.timestamp() * 1000) for at in OUTAGE)
        assert spans[0] == (start, end - 1)
        assert len(spans) == 2, "and the newest bar"
        requests.clear()
        assert desk.fetch("a.csv", start=NOW - 3 * HOUR) == 0
        assert len(requests) == 1, "it begins before what is asked for"
        requests.clear()
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR, end=OUTAGE[1] - MINUTE) == 0
        assert not requests, "it ends after that"
    assert (tmp_path / "a.csv").read_bytes() == before
    assert not (tmp_path / "a.csv.parts").exists()


def test_of_many_holes_the_longest_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "AGAIN", 2)
    outages = [
        (NOW - hours * HOUR, NOW - hours * HOUR + length * MINUTE) for hours, length in ((20, 70), (15, 90), (8, 80))
    ]
    with Desk(tmp_path) as desk:
        requests = lose(monkeypatch, *outages)
        assert desk.fetch("a.csv", start=NOW - 21 * HOUR) == 0
        requests.clear()
        assert desk.fetch("a.csv", start=NOW - 21 * HOUR) == 0
    starts = [round(start.timestamp() * 1000) for start, _ in outages]
    assert [message.fromTimestamp for message in requests][:-1] == starts[1:]


@pytest.mark.parametrize("problem", ["zone", "schedule"])
def test_hours_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A weekend can't be told from what is missing: it is not asked for again, and not called missing."""
    real = history._hours

    def hours(symbol: Any) -> Any:
        if problem == "zone":
            symbol.message.scheduleTimeZone = "Middle/Earth"
        else:
            symbol.message.ClearField("schedule")
        return real(symbol)

    monkeypatch.setattr(history, "_hours", hours)
    with Desk(tmp_path, page=5000) as desk:
        requests = lose(monkeypatch)
        assert desk.fetch("a.csv", start=NOW - 5 * DAY) == 0
        err = " ".join(capsys.readouterr().err.split())
        assert "warning: EURUSD: when its market is closed is not known: " in err
        assert ("Middle/Earth" if problem == "zone" else "the broker tells no schedule") in err
        assert "of these times; whether the market was closed is not known: 2026-02-27 21:55 to 2026-03-01 22:05" in err
        requests.clear()
        assert desk.fetch("a.csv", start=NOW - 5 * DAY, as_json=True) == 0
        assert len(requests) == 1
        assert json.loads(capsys.readouterr().out)[0]["hours_known"] is False


@pytest.mark.parametrize(("period", "day"), [("D1", DAY), ("H12", DAY / 2)])
def test_a_day_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], period: str, day: timedelta
) -> None:
    """The market is closed for a while in each, so that it is never open for as long as the bar is."""
    opened = NOW.replace(hour=22) - 6 * DAY
    with Desk(tmp_path) as desk:
        lose(monkeypatch, (opened, opened + day))
        assert desk.fetch("a.csv", period=period, start=NOW - 30.5 * DAY, end=NOW - DAY, as_json=True) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert [gap["start"][:10] for gap in document["missing"]] == [f"{opened:%Y-%m-%d}"]
    assert document["nothing_before"] is False


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (200, "symbol rows new first last file"),
        (60, "symbol rows new first last"),
        (40, "symbol rows new last"),
        (30, "symbol rows last"),
    ],
)
def test_a_narrow_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, columns: str
) -> None:
    """No number and no time is cut."""
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", str(width))):
        monkeypatch.setenv(name, value)
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv") == 0
    out = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    head, line = out.splitlines()
    assert head.split() == columns.split()
    assert "2026-03-03 07:59" in line and "…" not in line


# Files that are none


def test_what_is_no_ordinary_file_is_left_alone(tmp_path: Path) -> None:
    """A pipe would be waited for, for ever; a device would become a file."""
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").symlink_to(os.devnull)
    with Desk(tmp_path) as desk:
        for name in ("a.csv", "b.csv"):
            assert f"{name} can't be written: it is no ordinary file" in refused(desk, name)
    assert sorted(each.name for each in tmp_path.glob("?.csv*")) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_empty_file_is_as_good_as_none(tmp_path: Path, suffix: str) -> None:
    """`mktemp` makes such."""
    (tmp_path / f"a.{suffix}").touch()
    with Desk(tmp_path) as desk:
        assert desk.fetch(f"a.{suffix}") == 0
        assert desk.fetch("b.csv") == 0
        assert desk.fetch(f"a.{suffix}") == 0, "and it can be gone on with"
    assert len(listed(tmp_path / "b.csv")) == 120
