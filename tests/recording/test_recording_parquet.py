"""What is particular to Parquet: folders that others read, and files that become one."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ctrader_twisted import recording
from ctrader_twisted.recording import parquet, parquet_files
from ctrader_twisted.recording.parquet import MANY, ParquetStore
from ctrader_twisted.recording.store import Batch, Cover
from tests.recording.recorded import MIDNIGHT, ROWS, SPAN, SYMBOLS, batch, numbers_of, plainly, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TODAY, TOMORROW = date(2026, 3, 4), date(2026, 3, 5)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return tmp_path / "market"


@pytest.fixture
def store(market: Path) -> Iterator[ParquetStore]:
    made = ParquetStore(market)
    assert made.open() == []
    yield made
    made.close()


def files(market: Path) -> list[Path]:
    return sorted((market / "quotes").glob("*/*/*/*"))


def test_the_folders_are_hive_partitions(store: ParquetStore, market: Path) -> None:
    store.write(batch(0))
    store.write(batch(1, day=1, environment="live"))
    store.write(Batch.of_covers("quotes", "demo", 7, (Cover("quotes/X", MIDNIGHT, MIDNIGHT + 5),)))
    dataset = ds.dataset(market / "quotes", format="parquet", partitioning="hive")
    assert sorted(set(dataset.schema.names) - set(pq.read_schema(files(market)[0]).names)) == [
        "account",
        "date",
        "environment",
    ]
    made = dataset.to_table(filter=(ds.field("environment") == "live") & (ds.field("date") == "2026-03-05"))
    assert made.num_rows == ROWS
    assert set(made["symbol"].to_pylist()) == set(SYMBOLS)
    assert made["account"].to_pylist() == [7] * ROWS
    assert dataset.count_rows() == 2 * ROWS


def test_polars_reads_the_folders(store: ParquetStore, market: Path) -> None:
    polars = pytest.importorskip("polars")
    for number in range(3):
        store.write(batch(number))
    store.write(Batch.of_covers("quotes", "demo", 7, (Cover("quotes/X", MIDNIGHT, MIDNIGHT + 5),)))
    (market / ".writing" / "0-00000009.parquet").write_bytes(b"cut short")
    found = polars.scan_parquet(market / "quotes", hive_partitioning=True).collect()
    assert found.shape == (3 * ROWS, 9)
    assert found["date"].unique().to_list() == [TODAY]
    assert found.schema["time"] == polars.Datetime("ms", "UTC")


def test_a_batch_is_a_file_with_what_it_covers(store: ParquetStore, market: Path) -> None:
    store.write(batch(3))
    [file] = files(market)
    assert file == market / "quotes/environment=demo/account=7/date=2026-03-04/0-00000001.parquet"
    read = pq.ParquetFile(file)
    assert json.loads(read.schema_arrow.metadata[b"ctrader_twisted.covered"]) == {
        f"quotes/{symbol}": [[MIDNIGHT + 3 * SPAN, MIDNIGHT + 4 * SPAN]] for symbol in SYMBOLS
    }
    types = {name: str(read.schema_arrow.field(name).type) for name in ("time", "symbol", "bid")}
    assert types == {
        "time": "timestamp[ms, tz=UTC]",
        "symbol": "dictionary<values=string, indices=int32, ordered=0>",
        "bid": "double",
    }
    assert read.metadata.row_group(0).column(0).compression == "ZSTD"


def test_only_files_that_may_have_what_is_asked_for_are_read(
    store: ParquetStore, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page of history that is filled in asks what is there in its span: not all of the day is read for that."""
    for number in range(4):
        store.write(batch(number))
    store.write(Batch.of_covers("quotes", "demo", 7, (Cover("quotes/X", MIDNIGHT, MIDNIGHT + 5),)))
    told_nothing = market / "quotes/environment=demo/account=7/date=2026-03-04/0-00000007.parquet"
    pq.write_table(pq.ParquetFile(files(market)[3]).read(), told_nothing, write_statistics=False)
    read, read_table = [], pq.read_table

    def noted(path: Path, **how: Any) -> Any:
        read.append(path.name)
        return read_table(path, **how)

    monkeypatch.setattr(pq, "read_table", noted)
    start, last = MIDNIGHT + SPAN, MIDNIGHT + SPAN + ROWS - 1
    spans = ((start, last + 1, ROWS), (start, start + 1, 1), (last, last + 1, 1), (last + 1, start + SPAN, 0))
    for first, end, count in spans:
        read.clear()
        assert len(store.rows("quotes", "demo", 7, first, end)["time"]) == count
        assert read == ["0-00000002.parquet"] * (count > 0) + ["0-00000007.parquet"]


def assert_sorted_and_apart(file: Path) -> None:
    """By symbol, then time; of one ms as they came; no row group of two symbols."""
    read = pq.ParquetFile(file)
    groups = [read.read_row_group(place) for place in range(read.num_row_groups)]
    assert [len(set(group["symbol"].to_pylist())) for group in groups] == [1] * len(groups)
    named = json.loads(read.schema_arrow.metadata[b"ctrader_twisted.groups"])
    assert named == [group["symbol"][0].as_py() for group in groups]
    whole = read.read()
    keys = list(zip(whole["symbol"].to_pylist(), whole["time"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_merging_keeps_every_row_and_every_cover(store: ParquetStore, market: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(parquet, "MANY", 4)
    monkeypatch.setattr(parquet_files, "GROUP", 9)
    numbers = [*range(30), *range(40, 55)]
    random.Random(7).shuffle(numbers)
    for place, number in enumerate(numbers):
        store.write(batch(number))
        if place % 5 == 4:
            while store.tidy(TODAY):
                pass
        assert store.covered("demo", 7) == spans_of(numbers[: place + 1])
    levels = [file.name[0] for file in files(market)]
    assert "2" in levels  # files of files
    assert max(map(levels.count, levels)) < 4 + 1
    before = plainly(market)
    assert numbers_of(before[0]) == dict.fromkeys(numbers, ROWS)
    while store.tidy(TOMORROW):
        pass
    [file] = files(market)
    assert_sorted_and_apart(file)
    assert sorted(plainly(market)[0]) == sorted(before[0])
    assert plainly(market)[1] == before[1] == spans_of(numbers)
    assert max(pq.ParquetFile(file).metadata.row_group(place).num_rows for place in range(30)) == 9


@pytest.mark.parametrize("often", [2, 3, 22])
def test_rows_of_one_ms_stay_as_they_came(store: ParquetStore, market: Path, monkeypatch: Any, often: int) -> None:
    monkeypatch.setattr(parquet, "MANY", 2)
    for number in range(22):
        columns = {**batch(0, rows=2).columns, "time": [MIDNIGHT] * 2, "symbol": ["X"] * 2}
        store.write(Batch("quotes", "demo", 7, {**columns, "bid": [float(2 * number), float(2 * number + 1)]}))
        while number % often == often - 1 and store.tidy(TODAY):
            pass
    while store.tidy(TOMORROW):
        pass
    [file] = files(market)
    assert pq.read_table(file, partitioning=None)["bid"].to_pylist() == [float(place) for place in range(44)]


def test_no_more_than_so_many_are_merged_at_once(store: ParquetStore, market: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(parquet, "MANY", 3)
    for number in range(8):
        store.write(batch(number))
    assert store.tidy(TOMORROW)
    assert [file.name for file in files(market)] == [
        *(f"0-0000000{n}.parquet" for n in range(4, 9)),
        "1-00000009.parquet",
    ]


def test_what_fails_in_the_middle_leaves_no_writer_behind(tmp_path: Path) -> None:
    with open(tmp_path / "a", "wb") as file:

        def failing() -> Iterator[Any]:
            yield pa.table({"a": [1]})
            file.close()
            raise OSError(5, "rotten")

        with pytest.raises(OSError, match="rotten"):
            parquet_files.write_file(file, pa.schema([("a", pa.int64())]), failing())
    gc.collect()  # what it would say now fails the test


def test_files_are_merged_when_they_are_many(store: ParquetStore, market: Path) -> None:
    for number in range(MANY - 1):
        store.write(batch(number))
    assert not store.tidy(TODAY)
    store.write(batch(MANY - 1))
    assert store.tidy(TODAY)
    assert [file.name for file in files(market)] == ["1-00000061.parquet"]
    store.write(batch(MANY))
    assert [file.name for file in files(market)] == ["0-00000062.parquet", "1-00000061.parquet"]
    assert not store.tidy(TODAY)


def test_what_is_stood_for_does_not_count_and_goes_when_opened(store: ParquetStore, market: Path) -> None:
    for number in range(3):
        store.write(batch(number))
    shutil.copytree(market / "quotes", market.parent / "before")
    while store.tidy(TOMORROW):
        pass
    store.write(batch(3))
    shutil.copytree(market.parent / "before", market / "quotes", dirs_exist_ok=True)  # as if killed before it removed
    assert len(files(market)) == 5
    read = store.rows("quotes", "demo", 7, MIDNIGHT, MIDNIGHT + 10 * SPAN)
    assert numbers_of(zip(read["time"], read["received"], strict=True)) == dict.fromkeys(range(4), ROWS)
    store.close()
    assert store.open() == []
    assert [file.name for file in files(market)] == ["0-00000005.parquet", "1-00000004.parquet"]
    store.write(batch(4))
    assert numbers_of(plainly(market)[0]) == dict.fromkeys(range(5), ROWS)


def test_what_was_being_written_goes_when_opened(store: ParquetStore, market: Path) -> None:
    (market / ".writing" / "0-00000001.parquet").write_bytes(b"PAR1")
    store.close()
    store.open()
    assert list((market / ".writing").iterdir()) == []


def test_files_of_others_are_named_and_not_touched(store: ParquetStore, market: Path) -> None:
    store.write(batch(0))
    store.write(batch(1))
    folder = files(market)[0].parent
    theirs = {
        "notes.txt": b"mine",
        "0-00000007.parquet": b"PAR1 no PAR1",
        "0-00000008.parquet": None,
        "1-00000009.parquet": None,
        "mine.parquet": None,
    }
    for name, content in theirs.items():
        if content is None:
            pq.write_table(pa.table({"a": [1]}), folder / name)
        else:
            (folder / name).write_bytes(content)
    kept = {name: (folder / name).read_bytes() for name in theirs}
    store.close()
    said = sorted(store.open())
    assert [sentence.partition(" ")[0] for sentence in said] == [str(folder / name) for name in sorted(theirs)]
    assert all(sentence.endswith(": it is left alone") for sentence in said)
    assert "can't be read (" in said[0]
    assert "is not of the recorder" in said[1]
    store.write(batch(2))
    while store.tidy(TOMORROW):
        pass
    assert {name: (folder / name).read_bytes() for name in theirs} == kept
    assert set(files(market)) == {folder / name for name in (*theirs, "1-00000011.parquet")}
    assert store.covered("demo", 7) == spans_of(range(3))


def test_files_of_other_columns_keep_their_covers(store: ParquetStore, market: Path) -> None:
    store.write(batch(0))
    [file] = files(market)
    older = pq.read_table(file, partitioning=None).drop_columns(["received"])
    pq.write_table(older, file)
    kept = file.read_bytes()
    store.close()
    assert store.open() == [
        f"{file} has the columns time, symbol, bid, ask, source, not time, received, symbol, bid, ask, source, "
        "or of other types: it is left alone"
    ]
    store.write(batch(1))
    store.write(batch(2))
    while store.tidy(TOMORROW):
        pass
    assert file.read_bytes() == kept
    assert len(files(market)) == 2
    assert store.covered("demo", 7) == spans_of(range(3))


def test_a_file_that_rotted_is_not_merged_and_holds_up_nothing(store: ParquetStore, market: Path) -> None:
    for number in range(2):
        store.write(batch(number, rows=500))
        store.write(batch(number, day=1))
    first, second = files(market)[:2]
    rotten = bytearray(first.read_bytes())
    rotten[8:200] = bytes(192)
    first.write_bytes(rotten)
    with pytest.raises(OSError, match="date=2026-03-04"):
        store.tidy(date(2026, 3, 7))
    assert store.tidy(date(2026, 3, 7))
    assert not store.tidy(date(2026, 3, 7))
    assert (first.exists(), second.exists()) == (True, True)
    assert [file.name for file in files(market)[2:]] == ["1-00000003.parquet"]
    assert list((market / ".writing").iterdir()) == []


def test_what_can_not_be_removed_does_not_count(store: ParquetStore, market: Path, monkeypatch: Any) -> None:
    for number in range(3):
        store.write(batch(number))
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        assert store.tidy(TOMORROW)
        assert not store.tidy(TOMORROW)
    assert len(files(market)) == 4
    read = store.rows("quotes", "demo", 7, MIDNIGHT, MIDNIGHT + 10 * SPAN)
    assert len(read["time"]) == 3 * ROWS
    store.close()
    store.open()
    assert numbers_of(plainly(market)[0]) == dict.fromkeys(range(3), ROWS)


def refuse(*arguments: Any, **keywords: Any) -> None:
    raise PermissionError(13, "Permission denied")


def test_folders_that_are_not_of_a_date_are_passed_over(store: ParquetStore, market: Path) -> None:
    store.write(batch(0))
    for name in ("environment=demo/account=7/date=tomorrow", "environment=demo/account=mine/date=2026-03-04"):
        (market / "quotes" / name).mkdir(parents=True)
    store.close()
    assert store.open() == []
    assert store.accounts() == [("demo", 7)]
    assert store.covered("demo", 7) == spans_of([0])


def test_files_are_those_that_count_while_others_are_not_removed_yet(tmp_path: Path) -> None:
    """What anybody sees who reads between the moment when the merged file is there and that when its parts are gone."""
    store = ParquetStore(tmp_path)
    store.open()
    for number in range(3):
        store.write(batch(number))
    seen = []
    remove = store._remove

    def look_and_remove(paths: Any) -> None:
        seen.append((len(list(tmp_path.rglob("date=*/*.parquet"))), recording.files(tmp_path, "quotes")))
        remove(paths)

    store._remove = look_and_remove  # type: ignore[method-assign]
    assert store.tidy(date(2026, 3, 5))
    ((there, counted),) = seen
    assert there == 4 and [Path(file).name for file in counted] == ["1-00000004.parquet"]
    assert sum(pq.read_metadata(file).num_rows for file in counted) == 3 * ROWS
    assert recording.files(tmp_path, "bars") == []
    store.close()
