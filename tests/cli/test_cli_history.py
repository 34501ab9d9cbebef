"""``ctrader history``, in memory: files that are gone on with."""

from __future__ import annotations

import errno
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail

from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.history import Wanted, fetch_history
from ctrader_twisted.cli.progress import Course
from ctrader_twisted.errors import ServerError
from ctrader_twisted.sim.feed.feed import Side
from tests.cli.desk import DAY, EURUSD, HOUR, NOW, Desk, listed, refused, rows
from tests.cli.rooms import access, settle

if TYPE_CHECKING:
    from pathlib import Path


def test_bars_are_those_of_the_venue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("eurusd.csv") == 0
        expected = desk.bars(NOW - 3 * HOUR, NOW - HOUR)
    assert len(expected) == 120
    assert listed(tmp_path / "eurusd.csv") == expected
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["symbol", "rows", "new", "first", "last", "file"]
    assert out.split()[6:13] == ["EURUSD", "120", "120", "2026-03-03", "06:00", "2026-03-03", "07:59"]
    assert err.strip() == "EURUSD: nothing is missing"
    assert not list(tmp_path.glob("eurusd.csv?*")), "nothing is left beside it"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("ticks", [None, "bid", "ask", "both"])
def test_every_format_gives_the_same_back(tmp_path: Path, suffix: str, ticks: str | None) -> None:
    wanted: dict[str, Any] = {"period": None, "ticks": ticks} if ticks else {}
    span = {"start": NOW - HOUR, "end": NOW - HOUR / 2}
    with Desk(tmp_path) as desk:
        assert desk.fetch(f"a.{suffix}", **wanted, **span) == 0
        assert desk.fetch(f"a.{suffix}", **wanted, **span) == 0, "read back and gone on with"
        assert desk.fetch("plain.csv", **wanted, **span) == 0
    expected = rows(tmp_path / "plain.csv")
    assert len(expected) > 20
    if suffix == "jsonl":
        lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
        found = [{name: str(value) for name, value in json.loads(line, parse_float=str).items()} for line in lines]
    elif suffix == "parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(tmp_path / "a.parquet")
        assert [str(table.schema.field(name).type) for name in expected[0]][-2:] != ["string", "string"]
        found = [{name: in_text(value) for name, value in row.items()} for row in table.to_pylist()]
        if ticks is None:
            for row in expected:
                row["time"] = row["time"].replace("Z", ".000Z")
    else:
        found = rows(tmp_path / "a.csv")
    assert found == expected


def in_text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
    return f"{value:.5f}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_ticks_are_those_of_the_venue(tmp_path: Path, side: str) -> None:
    start, end = NOW - HOUR, NOW - HOUR / 2
    with Desk(tmp_path, page=37) as desk:
        assert desk.fetch("t.csv", period=None, ticks=side, start=start, end=end) == 0
        bounds = round(start.timestamp() * 1000), round(end.timestamp() * 1000) - 1
        ticks, _ = desk.venue.feed.ticks_back(EURUSD, Side[side.upper()], *bounds, 10**6, now_ms=desk.venue.now())
    found = [(ms(row["time"]), round(float(row["price"]) * 100_000)) for row in rows(tmp_path / "t.csv")]
    assert found == [tuple(tick) for tick in ticks[::-1]]
    assert len(found) > 100


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


# Going on


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request for history."""
    from ctrader_twisted.client import OpenApiClient

    messages: list[Any] = []
    real = OpenApiClient.request_unread

    def request_unread(self: OpenApiClient, message: Any, **more: Any) -> Any:
        messages.append(message)
        return real(self, message, **more)

    monkeypatch.setattr(OpenApiClient, "request_unread", request_unread)
    return messages


def earliest(asked: list[Any]) -> datetime:
    return datetime.fromtimestamp(min(message.fromTimestamp for message in asked if message.fromTimestamp) / 1000, UTC)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_second_run_fetches_what_is_new(
    tmp_path: Path, suffix: str, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch(f"a.{suffix}", end=NOW - 2 * HOUR) == 0
        asked.clear()
        assert desk.fetch(f"a.{suffix}", as_json=True) == 0
        assert earliest(asked[1:]) == NOW - 2 * HOUR - timedelta(minutes=1), "the newest bar is asked for again"
        (document,) = json.loads(capsys.readouterr().out.partition("[")[2].join("[ "))
        assert (document["rows"], document["new"]) == (120, 60)
        assert desk.fetch("whole.csv") == 0
        assert desk.fetch(f"a.{suffix}", start=NOW - 4 * HOUR, end=NOW - HOUR) == 0
        assert desk.fetch("longer.csv", start=NOW - 4 * HOUR, end=NOW - HOUR) == 0
        if suffix == "csv":
            assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "longer.csv").read_bytes()
            assert listed(tmp_path / "a.csv")[60:] == listed(tmp_path / "whole.csv")


def test_what_lies_between_is_fetched_too(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv", start=NOW - 5 * HOUR, end=NOW - 4 * HOUR) == 0
        assert desk.fetch("a.csv", start=NOW - 2 * HOUR, end=NOW - HOUR) == 0
        assert listed(tmp_path / "a.csv") == desk.bars(NOW - 5 * HOUR, NOW - HOUR)


def test_the_newest_row_of_a_file_is_replaced_and_no_other(tmp_path: Path) -> None:
    """The bar may not have been over by the server's clock."""
    file = tmp_path / "a.csv"
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv", end=NOW - 2 * HOUR) == 0
        lines = file.read_text().splitlines()
        for number in (5, -1):
            lines[number] = lines[number].rpartition(",")[0] + ",987654"
        file.write_text("\n".join(lines) + "\n")
        assert desk.fetch("a.csv") == 0
        expected = desk.bars(NOW - 3 * HOUR, NOW - HOUR)
    found = listed(file)
    assert found[4][-1] == 987654
    assert found[:4] + found[5:] == expected[:4] + expected[5:]


@pytest.mark.slow
@pytest.mark.parametrize("ticks", ["bid", "both"])
def test_ticks_are_gone_on_with_as_if_they_had_been_fetched_at_once(tmp_path: Path, ticks: str) -> None:
    """Quotes too: what the other side stood at is known, however long ago it changed."""
    start = NOW - HOUR
    with Desk(tmp_path, page=50) as desk:
        for seconds in (*range(1, 20), 420, 480, 1200, 1260, 1320, 1800):
            end = start + timedelta(seconds=seconds)
            desk.fetch("a.csv", period=None, ticks=ticks, start=start, end=end)  # in the first second there may be none
        assert desk.fetch("whole.csv", period=None, ticks=ticks, start=start, end=end) == 0
    assert (tmp_path / "a.csv").read_text().splitlines() == (tmp_path / "whole.csv").read_text().splitlines()


def test_a_run_that_is_interrupted_is_gone_on_with(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    span = {"start": NOW - 45 * DAY, "end": NOW - DAY}
    with Desk(tmp_path, page=5000) as desk:
        asked_for = Wanted(("EURUSD",), str(tmp_path / "a.csv"), **span)
        running = Deferred.fromCoroutine(
            fetch_history(desk.reactor, desk.there, asked_for, access=access(desk, desk.there))
        )
        failures: list[Any] = []
        running.addErrback(failures.append)
        for _ in range(600):
            if len(list((tmp_path / "a.csv.parts").glob("*.npz"))) > 1:
                break
            desk.advance(0.1)
        running.cancel()
        desk.advance(5)
        assert [failure.type for failure in failures] == [CancelledError]
        assert "the same command goes on from there" in capsys.readouterr().err.replace("\n", " ")
        assert not (tmp_path / "a.csv").exists()
        before = earliest(asked[-1:])
        asked.clear()
        assert desk.fetch("a.csv", **span) == 0
        assert NOW - 30 * DAY < earliest(asked[1:]) <= before
        assert listed(tmp_path / "a.csv") == desk.bars(**span)


def test_losses_on_the_way_lose_nothing(tmp_path: Path) -> None:
    from ctrader_twisted.sim.script import cut

    with Desk(tmp_path, script=[(1.0, cut()), (3.0, cut())]) as desk:
        assert desk.fetch("a.csv", start=NOW - 2 * DAY) == 0
        assert listed(tmp_path / "a.csv") == desk.bars(NOW - 2 * DAY, NOW - HOUR)


# Several symbols


def test_several_symbols_in_one_file(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv", "EURUSD", "xauusd", end=NOW - 2 * HOUR) == 0
        assert desk.fetch("a.csv", "XAUUSD", "EURUSD", "USDJPY") == 0, "and one more"
        assert desk.fetch("gold.csv", "XAUUSD") == 0
        found = rows(tmp_path / "a.csv")
    count = {name: [row["symbol"] for row in found].count(name) for name in ("EURUSD", "XAUUSD", "USDJPY")}
    assert count == {"EURUSD": 120, "XAUUSD": 120, "USDJPY": 120}
    assert [row for row in found if row["symbol"] == "XAUUSD"] == rows(tmp_path / "gold.csv")
    assert {row["close"][-3] for row in found if row["symbol"] == "XAUUSD"} == {"."}, "two decimals"


def test_a_file_for_each_symbol(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("{symbol}-m5.csv", "EURUSD", "USDJPY", period="M5") == 0
    assert {row["symbol"] for row in rows(tmp_path / "EURUSD-m5.csv")} == {"EURUSD"}
    assert {row["symbol"] for row in rows(tmp_path / "USDJPY-m5.csv")} == {"USDJPY"}


# What is missing


def test_a_weekend_is_not_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Desk(tmp_path, page=5000) as desk:
        assert desk.fetch("a.csv", start=NOW - 6 * DAY) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert re.search(
        r"EURUSD: nothing is missing; \d+ spans without a tick, \d+ min in all; 4 in which the market was", err
    )


# What can't be


def test_a_symbol_that_does_not_exist(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert "did you mean EURUSD" in refused(desk, "a.csv", "EURUSX")
    assert not list(tmp_path.glob("a.csv*"))


@pytest.mark.parametrize("name", ["a.xlsx", "a"])
def test_a_suffix_that_says_no_format(tmp_path: Path, name: str, asked: list[Any]) -> None:
    with Desk(tmp_path) as desk:
        assert "give the file one of .csv, .jsonl, .ndjson, .parquet" in refused(desk, name)
    assert not asked


def test_stdout_is_no_file(tmp_path: Path, asked: list[Any]) -> None:
    with Desk(tmp_path) as desk:
        wanted = Wanted(("EURUSD",), "-", NOW - HOUR)
        with pytest.raises(CommandFailed, match="name a file, for the next run to go on with: stdout is none"):
            settle(desk, fetch_history(desk.reactor, desk.there, wanted, access=access(desk, desk.there)))
    assert not asked


def test_parquet_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ctrader_twisted.cli.files import formats

    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with Desk(tmp_path) as desk:
        assert 'a Parquet file needs pyarrow: pip install "ctrader_twisted[data]"' in refused(desk, "a.parquet")
        assert desk.fetch("a.csv") == 0


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, suffix: str) -> None:
    out = f"a.{suffix}"
    with Desk(tmp_path) as desk:
        assert desk.fetch(out) == 0
        before = (tmp_path / out).read_bytes()
        assert 'has rows of "M1", not of M5 bars' in refused(desk, out, period="M5")
        assert "has EURUSD, which is not asked for" in refused(desk, out, "USDJPY")
        assert "is not as this command writes" in refused(desk, out, period=None, ticks="bid")
        assert "is not as this command writes" in refused(desk, out, period=None, ticks="both")
    assert (tmp_path / out).read_bytes() == before
    assert not (tmp_path / f"{out}.parts").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("EURUSD,M1,nonsense,1,1,1,1,5", "row 121: "),
        ("EURUSD,M1", "row 121: it has 2 values, not 8"),
        ("EURUSD,M1,2020-01-01T00:00:00Z,1,1,1,1,5", "2020-01-01"),
        ('"EURUSD', "row 121: "),
    ],
)
def test_a_file_that_was_spoilt(tmp_path: Path, line: str, said: str) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv") == 0
        with (tmp_path / "a.csv").open("a") as file:
            file.write(line + "\n")
        before = (tmp_path / "a.csv").read_bytes()
        told = refused(desk, "a.csv")
        assert "a.csv is not as this command writes M1 bars: " in told and said in told
    assert (tmp_path / "a.csv").read_bytes() == before


def test_a_parquet_file_that_another_program_wrote_back(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with Desk(tmp_path) as desk:
        assert desk.fetch("a.parquet") == 0
        table = pq.read_table(tmp_path / "a.parquet")
        for column in ("symbol", "ticks"):
            place = table.schema.get_field_index(column)
            kind = pa.string() if column == "symbol" else pa.int32()
            table = table.set_column(place, column, table.column(column).cast(kind))
        pq.write_table(table, tmp_path / "a.parquet")
        told = refused(desk, "a.parquet")
        assert 'its columns "symbol" is string, not dictionary' in told and '"ticks" is int32, not int64' in told
        pq.write_table(table.drop_columns(["ticks"]), tmp_path / "a.parquet")
        assert "low, close, not symbol, " in refused(desk, "a.parquet")


def test_braces_that_stand_for_nothing(tmp_path: Path, asked: list[Any]) -> None:
    with Desk(tmp_path) as desk:
        assert "{sym} stands for nothing: {symbol} stands for each symbol's name" in refused(desk, "{sym}.csv")
    assert not asked


def test_all_symbols_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        told = refused(desk, "a.csv", "EURUSX", "EURUSD", "USDJPX")
        assert "EURUSX" in told and "USDJPX" in told


def test_rows_that_were_put_together_by_somebody_else(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("a.csv", "EURUSD", "USDJPY") == 0
        lines = (tmp_path / "a.csv").read_text().splitlines(keepends=True)
        (tmp_path / "a.csv").write_text("".join([*lines[:50], *lines[121:], *lines[50:121]]))
        assert "the rows of EURUSD are not together" in refused(desk, "a.csv", "EURUSD", "USDJPY")


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_file_that_is_no_such_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_text("PAR1 or so\n")
    with Desk(tmp_path) as desk:
        assert "is not as this command writes" in refused(desk, f"a.{suffix}")


def test_folders_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "plain").write_text("")
    with Desk(tmp_path) as desk:
        assert "its folder does not exist: make it" in refused(desk, "nowhere/a.csv")
        assert "it is a folder: name a file in it" in refused(desk, "folder.csv")
        assert "its folder is not a folder" in refused(desk, "plain/a.csv")


def test_two_at_a_time(tmp_path: Path) -> None:
    import filelock

    (tmp_path / "a.csv.parts").mkdir()
    with Desk(tmp_path) as desk, filelock.FileLock(tmp_path / "a.csv.parts" / "lock"):
        assert "is being written by another process" in refused(desk, "a.csv")


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Let the disk be full after so many files."""
    from ctrader_twisted import replacing

    left = [after]
    real = replacing.os.fsync

    def fsync(descriptor: int) -> None:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        real(descriptor)

    monkeypatch.setattr(replacing, "flush_folder", lambda folder: None)
    monkeypatch.setattr(replacing.os, "fsync", fsync)
    return left


def test_a_disk_that_fills_up_while_fetching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    span = {"start": NOW - 5 * HOUR, "end": NOW - 4 * HOUR}
    with Desk(tmp_path, page=20) as desk:
        assert desk.fetch("a.csv", **span) == 0
        before = (tmp_path / "a.csv").read_bytes()
        wider = {"start": NOW - 10 * DAY}
        left = full(monkeypatch, 1)
        assert desk.fetch("a.csv", **wider) == 1
        err = " ".join(capsys.readouterr().err.split())
        assert "the disk is full: make room on it" in err and "rows are kept in" in err
        assert (tmp_path / "a.csv").read_bytes() == before
        assert not list(tmp_path.rglob("*.tmp")), "nothing half written is left"
        left[0] = 10**6
        assert desk.fetch("a.csv", **wider) == 0
        assert listed(tmp_path / "a.csv") == desk.bars(NOW - 10 * DAY, NOW - HOUR)


def test_a_disk_that_fills_up_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with Desk(tmp_path, page=5000) as desk:
        left = full(monkeypatch, 2)
        assert desk.fetch("a.csv") == 1
        err = " ".join(capsys.readouterr().err.split())
        assert "a.csv can't be written: the disk is full: make room on it; all 120 rows fetched are kept in" in err
        assert not (tmp_path / "a.csv").exists() and not list(tmp_path.glob("*.tmp"))
        left[0] = 10**6
        asked.clear()
        assert desk.fetch("a.csv") == 0
        assert not asked, "everything was there"
        assert listed(tmp_path / "a.csv") == desk.bars(NOW - 3 * HOUR, NOW - HOUR)


def test_parts_of_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Desk(tmp_path, page=5000) as desk:
        full(monkeypatch, 2)
        assert desk.fetch("a.csv") == 1
        assert "holds M1 bars of EURUSD, which were being fetched" in refused(desk, "a.csv", period="M5")
        for part in (tmp_path / "a.csv.parts").glob("*.npz"):
            part.write_bytes(b"nothing")
        assert "can't be read" in refused(desk, "a.csv")


def test_a_process_that_ends_before_it_has_tidied_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is in place, and its parts are still there."""
    from ctrader_twisted.cli.files.parts import Parts

    with Desk(tmp_path, page=5000) as desk:
        with monkeypatch.context() as patched:
            patched.setattr(Parts, "forget", lambda *parts: None)
            assert desk.fetch("a.csv", end=NOW - 2 * HOUR) == 0
        assert list((tmp_path / "a.csv.parts").glob("*.npz"))
        assert desk.fetch("a.csv") == 0
        assert listed(tmp_path / "a.csv") == desk.bars(NOW - 3 * HOUR, NOW - HOUR)
    assert not (tmp_path / "a.csv.parts").exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_history_that_begins_later_than_asked_for(
    tmp_path: Path, suffix: str, asked: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet notes what was asked for: it is not asked for again."""
    from ctrader_twisted.sim.feed.modelled import ModelFeed

    real = ModelFeed.bars_back
    listed_at = round((NOW - 3 * HOUR).timestamp() * 1000)

    def young(feed: ModelFeed, symbol: int, period: Any, first: int | None, last: int, *rest: Any, **more: Any) -> Any:
        if last < listed_at:
            return [], False
        return real(feed, symbol, period, max(first or 0, listed_at), last, *rest, **more)

    monkeypatch.setattr(ModelFeed, "bars_back", young)
    with Desk(tmp_path) as desk:
        assert desk.fetch(f"a.{suffix}", start=NOW - 40 * DAY) == 0
        assert "nothing before 2026-03-03 06:00" in " ".join(capsys.readouterr().err.split())
        asked.clear()
        assert desk.fetch(f"a.{suffix}", start=NOW - 40 * DAY) == 0
        assert (earliest(asked) < NOW - 39 * DAY) is (suffix == "csv")


@pytest.mark.parametrize("ticks", [None, "bid", "both"])
def test_how_far_it_is_goes_by_the_servers_time(
    tmp_path: Path, ticks: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock here is months ahead of a simulated venue's: what it has not got yet takes no time."""
    shares: list[float] = []

    class Noted(Course):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "share":
                shares.append(value)

    monkeypatch.setattr("ctrader_twisted.cli.history.Course", Noted)
    with Desk(tmp_path) as desk:
        now = desk.reactor.seconds
        monkeypatch.setattr(desk.reactor, "seconds", lambda: now() + 250 * DAY.total_seconds())
        there = Access(desk.reactor, desk.there, opening=lambda environment: desk.network.connect)
        period = None if ticks else "M1"
        wanted = Wanted(("EURUSD",), str(tmp_path / "a.csv"), NOW - 12 * HOUR, period=period, ticks=ticks)
        assert settle(desk, fetch_history(desk.reactor, desk.there, wanted, access=there), 600) == 0
    begun, *course, ended = shares
    assert (begun, ended) == (0.0, 1.0) and course == sorted(course)
    assert course[-1] > 0.9
    assert ticks is None or 0 < course[0] < 0.9, "bars come in one table"


def test_symbols_are_fetched_at_the_same_time(tmp_path: Path, asked: list[Any]) -> None:
    with Desk(tmp_path) as desk:
        assert desk.fetch("{symbol}.csv", "EURUSD", "USDJPY", "XAUUSD", start=NOW - 10 * HOUR) == 0
    ids = [message.symbolId for message in asked]
    assert len(set(ids[:3])) == 3, "none waits for another"


@pytest.mark.slow
def test_one_of_several_that_ends_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ctrader_twisted.client import OpenApiClient

    real = OpenApiClient.request_unread
    asked_before: list[Any] = []

    def request_unread(self: OpenApiClient, message: Any, **more: Any) -> Any:
        if message.symbolId == EURUSD:
            asked_before.append(message)
            if len(asked_before) > 6:
                return fail(ServerError("UNKNOWN_ERROR", "no more today"))
        return real(self, message, **more)

    with Desk(tmp_path, page=5000) as desk:
        with monkeypatch.context() as patched:
            patched.setattr(OpenApiClient, "request_unread", request_unread)
            assert desk.fetch("{symbol}.csv", "EURUSD", "USDJPY", start=NOW - 45 * DAY, as_json=True) == 1
        out, err = capsys.readouterr()
        document, other = json.loads(out)
        assert (document["rows"], document["problem"] is None, other["problem"]) == (0, False, None)
        assert "EURUSD.csv.parts: the same command goes on from there" in " ".join(err.split())
        assert not (tmp_path / "EURUSD.csv").exists() and len(rows(tmp_path / "USDJPY.csv")) == other["rows"] > 30_000
        assert desk.fetch("EURUSD.csv", start=NOW - 45 * DAY) == 0
        assert listed(tmp_path / "EURUSD.csv") == desk.bars(NOW - 45 * DAY, NOW - HOUR)
