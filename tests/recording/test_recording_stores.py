"""What every store promises."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ctrader_twisted.errors import RecordingStoreError
from ctrader_twisted.recording.formats import FORMATS, store_at
from ctrader_twisted.recording.store import Batch, Coded, Cover
from tests.paths import ROOT
from tests.recording.recorded import (
    DAY,
    MIDNIGHT,
    ROWS,
    SPAN,
    SYMBOLS,
    bars,
    batch,
    numbers_of,
    plainly,
    spans_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ctrader_twisted.recording.store import Store

TODAY = date(2026, 3, 4)
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture(params=FORMATS)
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return str(request.param)


@pytest.fixture
def store(name: str, tmp_path: Path) -> Iterator[Store]:
    made = store_at(tmp_path / "market", name)
    assert made.open() == []
    yield made
    made.close()


def tidy(store: Store, today: date = TOMORROW) -> int:
    times = 0
    while store.tidy(today):
        times += 1
    return times


def of_rows(columns: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    return sorted(zip(*columns.values(), strict=True))


def test_what_is_written_is_read(store: Store) -> None:
    written = [batch(number) for number in range(5)]
    for each in written:
        store.write(each)
    expected = sorted(row for each in written for row in of_rows(dict(each.columns)))
    for _ in range(2):
        assert of_rows(store.rows("quotes", "demo", 7, MIDNIGHT, MIDNIGHT + DAY)) == expected
        one = store.rows("quotes", "demo", 7, MIDNIGHT + SPAN, MIDNIGHT + 2 * SPAN, symbol="BRENT/USD")
        assert of_rows(one) == [row for row in of_rows(dict(written[1].columns)) if row[2] == "BRENT/USD"]
        assert store.covered("demo", 7) == spans_of(range(5))
        assert tidy(store) or store
    assert store.accounts() == [("demo", 7)]


def test_edges_of_what_is_read_are_exact(store: Store) -> None:
    store.write(bars([MIDNIGHT, MIDNIGHT + 60_000, MIDNIGHT + 120_000]))
    store.write(bars([MIDNIGHT + 60_000], period="M5"))
    made = store.rows("bars", "demo", 7, MIDNIGHT + 60_000, MIDNIGHT + 120_000, symbol="EURUSD", period="M1")
    assert made == {name: list(column) for name, column in bars([MIDNIGHT + 60_000]).columns.items()}
    assert store.rows("bars", "demo", 7, MIDNIGHT + 1, MIDNIGHT + 1)["time"] == []
    assert store.rows("bars", "demo", 8, 0, 2 * MIDNIGHT)["time"] == []


@pytest.mark.parametrize("arrays", [False, True])
def test_what_is_not_known_is_null(store: Store, arrays: bool) -> None:
    columns: dict[str, Any] = {**batch(1, rows=2).columns, "bid": [None, 1.5]}
    if arrays:
        columns = {name: np.array(column, float if name == "bid" else None) for name, column in columns.items()}
    store.write(Batch("quotes", "demo", 7, columns))
    read = store.rows("quotes", "demo", 7, MIDNIGHT, MIDNIGHT + DAY)
    assert dict(zip(read["time"], read["bid"], strict=True)) == {MIDNIGHT + SPAN: None, MIDNIGHT + SPAN + 1: 1.5}
    events = {"time": [MIDNIGHT] * 2, "event": ["a", "b"], "document": ['{"x":"ü\\n"}', "{}"], "key": [None, "k"]}
    store.write(Batch("account_events", "demo", 7, {**events, "source": ["live"] * 2}))
    tidy(store)
    read = store.rows("account_events", "demo", 7, MIDNIGHT, MIDNIGHT + DAY)
    assert {name: read[name] for name in events} == events


def test_accounts_and_environments_are_apart(store: Store) -> None:
    strange = "my=lab/ä 1"
    store.write(batch(1))
    store.write(batch(2, environment=strange))
    tidy(store)
    assert store.accounts() == [("demo", 7), (strange, 7)]
    assert store.covered(strange, 7) == spans_of([2])
    assert set(store.rows("quotes", strange, 7, 0, 2 * MIDNIGHT)["received"]) == {2}
    assert store.covered("demo", 8) == {}


def test_covers_without_rows_are_kept(store: Store, tmp_path: Path) -> None:
    for start in (0, 10, 5, 30):
        store.write(Batch.of_covers("bars", "demo", 7, (Cover("bars/X/M1", start, start + 5),)))
    for _ in range(2):
        assert store.covered("demo", 7) == {"bars/X/M1": [(0, 15), (30, 35)]}
        tidy(store)
    assert store.accounts() == [("demo", 7)]


def test_what_straddles_midnight_goes_to_both_days(store: Store, tmp_path: Path) -> None:
    whole = bars(
        [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT - DAY], covered=(Cover("bars/EURUSD/M1", MIDNIGHT - 5, MIDNIGHT + 5),)
    )
    with pytest.raises(ValueError, match="a batch of 2 days, not of one"):
        store.write(whole)
    assert store.accounts() == []
    for part in whole.days():
        store.write(part)
    names = [path.name.removeprefix("date=") for path in (tmp_path / "market").rglob("*2026-03-*")]
    assert {name[:10] for name in names} == {"2026-03-03", "2026-03-04"}
    for _ in range(2):
        assert sorted(store.rows("bars", "demo", 7, 0, 2 * MIDNIGHT)["time"]) == sorted(whole.columns["time"])
        assert store.covered("demo", 7) == {"bars/EURUSD/M1": [(MIDNIGHT - 5, MIDNIGHT + 5)]}
        assert store.covered("demo", 7, MIDNIGHT + 100) == {"bars/EURUSD/M1": [(MIDNIGHT, MIDNIGHT + 5)]}
        tidy(store)


def test_a_day_that_is_over_is_one_file_and_more_may_be_written_for_it(store: Store, tmp_path: Path) -> None:
    for number in range(4):
        store.write(batch(number))
        store.write(batch(number, day=1))
    tidy(store)
    files = [*(tmp_path / "market").glob("2026-03-04*"), *(tmp_path / "market").glob("quotes/*/*/date=2026-03-04/*")]
    assert len(files) == 1
    store.write(batch(9))
    assert store.covered("demo", 7, MIDNIGHT)["quotes/#AAPL"][:2] == [
        (MIDNIGHT, MIDNIGHT + 4 * SPAN),
        (MIDNIGHT + 9 * SPAN, MIDNIGHT + 10 * SPAN),
    ]
    assert tidy(store) == 1
    assert numbers_of(plainly(tmp_path / "market")[0]) == {0: 14, 1: 14, 2: 14, 3: 14, 9: 7}


def test_opened_again_it_goes_on(store: Store, name: str, tmp_path: Path) -> None:
    store.write(batch(0))
    store.close()
    store.close()
    with pytest.raises(ValueError, match="is not open"):
        store.write(batch(1))
    assert store.covered("demo", 7) == spans_of([0])
    again = store_at(tmp_path / "market", name)
    assert again.open() == []
    again.write(batch(1))
    again.close()
    assert numbers_of(plainly(tmp_path / "market")[0]) == {0: ROWS, 1: ROWS}


def test_one_store_at_a_time_writes_and_others_may_read(store: Store, name: str, tmp_path: Path) -> None:
    store.write(batch(0))
    other = store_at(tmp_path / "market", name)
    with pytest.raises(RecordingStoreError, match="market is being recorded to by another process: end that one"):
        other.open()
    script = (
        "import sys; from pathlib import Path; from ctrader_twisted.recording.formats import store_at\n"
        "store = store_at(Path(sys.argv[1]), sys.argv[2]); print(store.covered('demo', 7)['quotes/US 30'])\n"
        "print(len(store.rows('quotes', 'demo', 7, 0, 1 << 42)['time']))\n"
        "try: store.open()\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "market"), name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.splitlines() == [f"[({MIDNIGHT}, {MIDNIGHT + SPAN})]", str(ROWS), "RecordingStoreError"]
    store.write(batch(1))
    store.close()
    assert other.open() == []
    other.close()


def test_a_file_in_the_place_of_the_folder_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "market").write_text("mine")
    with pytest.raises(RecordingStoreError, match="market is not a folder: give another one to record to"):
        store_at(tmp_path / "market", name).open()


def test_a_folder_that_is_not_there_has_nothing(name: str, tmp_path: Path) -> None:
    store = store_at(tmp_path / "none", name)
    assert (store.accounts(), store.covered("demo", 7)) == ([], {})
    assert store.rows("quotes", "demo", 7, 0, 2 * MIDNIGHT)["time"] == []
    assert not (tmp_path / "none").exists()


def test_a_folder_that_was_moved_goes_on(store: Store, name: str, tmp_path: Path) -> None:
    store.write(batch(0))
    store.close()
    shutil.move(tmp_path / "market", tmp_path / "elsewhere ?#%")
    moved = store_at(tmp_path / "elsewhere ?#%", name)
    moved.open()
    moved.write(batch(1))
    assert moved.covered("demo", 7) == spans_of([0, 1])
    moved.close()


# A limit on the size of files is what a full disk is to the writer: a write that ends with an error in the middle.
FULL = """
import resource, sys
from datetime import date
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from ctrader_twisted.recording.formats import store_at
from tests.recording.recorded import batch
store = store_at(Path(sys.argv[1]), sys.argv[2])
store.open()
for number in range(60):
    store.write(batch(number, rows=200))
def limited(size, act):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        act()
    except OSError as error:
        print("refused", error.errno is not None)
    else:
        print("taken")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
big = batch(99, rows=30_000)
limited(4096, lambda: store.write(big))
if sys.argv[2] == "parquet":
    limited(4096, lambda: store.tidy(date(2026, 3, 4)))
limited(4096, lambda: store.write(big))
print(sum(store.rows("quotes", "demo", 7, 0, 1 << 42)["received"]) == sum(range(60)) * 200)
limited(1 << 30, lambda: store.write(big))
while store.tidy(date(2026, 3, 5)):
    pass
store.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no RLIMIT_FSIZE")
def test_a_disk_that_fills_up_takes_nothing_and_goes_on_when_there_is_room(name: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "market"), name, str(ROOT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.stderr == ""
    refusals = 3 if name == "parquet" else 2
    assert ran.stdout.splitlines() == [*["refused True"] * refusals, "True", "taken"]
    rows, covers = plainly(tmp_path / "market")
    assert numbers_of(rows) == {**dict.fromkeys(range(60), 200), 99: 30_000}
    assert covers == spans_of([*range(60), 99])
    assert not list((tmp_path / "market" / ".writing").glob("*"))


def test_symbols_keep_their_names(store: Store, tmp_path: Path) -> None:
    store.write(batch(0))
    tidy(store)
    assert {row[2] for row in plainly(tmp_path / "market")[0]} == set(SYMBOLS)
    assert set(store.covered("demo", 7)) == {f"quotes/{symbol}" for symbol in SYMBOLS}


BARE = """
import sys
sys.modules.update(dict.fromkeys(("numpy", "pyarrow")))  # as if they were not installed
from pathlib import Path
from ctrader_twisted.recording.formats import store_at
from tests.recording.recorded import bars
store = store_at(Path(sys.argv[1]), "sqlite")
store.open()
for part in bars([86_399_999, 86_400_000]).days():
    store.write(part)
print(len(store.rows("bars", "demo", 7, 0, 1 << 40)["time"]))
store.close()
try:
    store_at(Path(sys.argv[1]), "parquet")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_what_is_not_installed_is_named_and_sqlite_needs_nothing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path / "market")], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.stderr == ""
    count, error = ran.stdout.splitlines()
    assert count == "2"
    assert error.startswith('ExtraMissing recording to Parquet needs pyarrow: pip install "ctrader_twisted[data]"')


def test_a_folder_that_is_removed_under_it_is_made_anew_and_held(store: Store, name: str, tmp_path: Path) -> None:
    store.write(batch(1))
    shutil.rmtree(tmp_path / "market")
    store.write(batch(2))
    store.write(batch(3))
    assert numbers_of(plainly(tmp_path / "market")[0]) == {2: ROWS, 3: ROWS}
    assert store.covered("demo", 7) == spans_of([2, 3])
    with pytest.raises(RecordingStoreError, match="another process"):
        store_at(tmp_path / "market", name).open()


def test_a_folder_that_somebody_else_made_anew_is_theirs(store: Store, name: str, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "market")
    other = store_at(tmp_path / "market", name)
    other.open()
    for _ in range(2):
        with pytest.raises(RecordingStoreError, match="another process"):
            store.write(batch(1))
    other.close()
    store.write(batch(1))
    assert numbers_of(plainly(tmp_path / "market")[0]) == {1: ROWS}


def test_files_that_somebody_has_taken_away_are_made_anew(store: Store, tmp_path: Path) -> None:
    """Renamed with what is beside them, as who rotates files does."""
    store.write(batch(1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (tmp_path / "market").glob("[!.]*"):
        path.rename(elsewhere / path.name)
    store.write(batch(2))
    assert numbers_of(plainly(tmp_path / "market")[0]) == {2: ROWS}
    assert numbers_of(plainly(elsewhere)[0]) == {1: ROWS}
    assert store.covered("demo", 7) == spans_of([2])


@pytest.mark.parametrize("environment", ["it's", "a'); DROP TABLE quotes; --"])
def test_coded_columns_are_what_lists_are(store: Store, environment: str) -> None:
    plain = batch(1, environment=environment)
    columns = dict(plain.columns)
    codes = np.array([SYMBOLS.index(symbol) + 1 for symbol in columns["symbol"]], np.int32)
    coded = {
        **columns,
        "symbol": Coded(codes, ("unused", *SYMBOLS)),
        "source": Coded(np.zeros(ROWS, np.int32), ("it's",)),
    }
    store.write(Batch("quotes", environment, 7, coded, plain.covered))
    store.write(Batch("quotes", environment, 7, {name: column[:2] for name, column in coded.items()}))
    rows = list(zip(*{**columns, "source": ["it's"] * ROWS}.values(), strict=True))
    for _ in range(2):
        read = of_rows(store.rows("quotes", environment, 7, MIDNIGHT, MIDNIGHT + DAY))
        assert read == sorted(rows + rows[:2])
        tidy(store)
