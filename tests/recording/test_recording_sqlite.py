"""What is particular to SQLite: a file for each day, that others read while it is written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.errors import RecordingStoreError
from ctrader_twisted.recording.sqlite import SqliteStore
from ctrader_twisted.recording.store import Batch
from tests.recording.recorded import MIDNIGHT, ROWS, SPAN, batch, numbers_of, plainly, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TODAY, TOMORROW = date(2026, 3, 4), date(2026, 3, 5)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return tmp_path / "market"


@pytest.fixture
def store(market: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(market)
    assert made.open() == []
    yield made
    made.close()


def test_another_program_reads_while_it_is_written(store: SqliteStore, market: Path) -> None:
    store.write(batch(0))
    with closing(sqlite3.connect(market / "2026-03-04.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM quotes").fetchone() == (ROWS,)
        store.write(batch(1))
        assert not store.tidy(TOMORROW)  # somebody reads: another time
        assert reader.execute("SELECT count(*) FROM quotes").fetchone() == (ROWS,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM quotes").fetchone() == (2 * ROWS,)
    assert store.tidy(TOMORROW)
    assert not store.tidy(TOMORROW)


def test_each_commit_is_flushed_to_the_disk(store: SqliteStore, market: Path) -> None:
    store.write(batch(0))
    kept = store._kept
    assert kept is not None
    assert kept.execute("PRAGMA synchronous").fetchone() == (2,)
    assert kept.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_day_that_is_over_is_a_file_by_itself(store: SqliteStore, market: Path) -> None:
    store.write(batch(0))
    store.write(batch(0, day=1))
    assert store.tidy(TOMORROW)
    assert sorted(path.name for path in market.glob("*04.sqlite*")) == ["2026-03-04.sqlite"]
    store.write(batch(1))
    store.close()
    assert numbers_of(plainly(market)[0]) == {0: 2 * ROWS, 1: ROWS}


def test_covers_that_touch_become_one_row(store: SqliteStore, market: Path) -> None:
    for number in (0, 1, 3, 2, 7):
        store.write(batch(number))
    store.close()
    with closing(sqlite3.connect(market / "2026-03-04.sqlite")) as reader:
        found = reader.execute("SELECT start, until FROM covered WHERE stream = 'quotes/#AAPL'").fetchall()
    assert found == [(MIDNIGHT, MIDNIGHT + 4 * SPAN), (MIDNIGHT + 7 * SPAN, MIDNIGHT + 8 * SPAN)]


def other_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE quotes (mine)")
        connection.commit()


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA application_id = 1666478708")
        connection.execute("PRAGMA user_version = 9")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda file: file.write_bytes(b"no database, but long enough for one" * 100), "is no file of SQLite"),
        (other_tables, "is not of the recorder"),
        (newer, "has tables of version 9, not 1"),
    ],
)
def test_files_of_others_are_named_and_not_touched(store: SqliteStore, market: Path, make: object, why: str) -> None:
    file = market / "2026-03-04.sqlite"
    make(file)  # type: ignore[operator]
    kept = file.read_bytes()
    store.close()
    assert store.open() == [f"{file} {why}: it is left alone"]
    with pytest.raises(RecordingStoreError, match=f"{why}: move it to another place"):
        store.write(batch(0))
    store.write(batch(0, day=1))
    assert store.accounts() == [("demo", 7)]
    while store.tidy(date(2026, 3, 9)):
        pass
    assert file.read_bytes() == kept
    file.rename(market / "theirs")
    store.write(batch(0))
    assert store.covered("demo", 7)["quotes/US 30"][:1] == spans_of([0])["quotes/US 30"]


def test_an_empty_file_is_taken(store: SqliteStore, market: Path) -> None:
    (market / "2026-03-04.sqlite").touch()  # killed while it was being made
    (market / "mine.sqlite").touch()
    assert store.accounts() == []
    store.close()
    assert store.open() == []
    store.write(batch(0))
    assert store.covered("demo", 7) == spans_of([0])
    assert (market / "mine.sqlite").read_bytes() == b""


def test_a_writer_of_another_program_is_a_passing_trouble(
    store: SqliteStore, market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctrader_twisted.recording.sqlite._PATIENCE", 0.0)
    store.write(batch(0))
    store.close()
    store.open()
    with closing(sqlite3.connect(market / "2026-03-04.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match="locked"):
            store.write(batch(1))
    store.write(batch(1))
    assert store.covered("demo", 7) == spans_of(range(2))


def test_what_is_refused_in_the_middle_is_taken_back(store: SqliteStore, market: Path) -> None:
    good = batch(0)
    with pytest.raises(sqlite3.Error):
        store.write(Batch("quotes", "demo", 7, {**good.columns, "source": ["live"] * 6 + [object()]}, good.covered))
    assert (store.accounts(), store.covered("demo", 7)) == ([], {})
    store.write(good)
    assert numbers_of(plainly(market)[0]) == {0: ROWS}
