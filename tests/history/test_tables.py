from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.errors import ExtraMissing, HistoryRefused
from ctrader_twisted.history.moments import moment
from ctrader_twisted.history.tables import Bars, QuoteTicks, Ticks, concat
from ctrader_twisted.market import Bar, price_from_relative
from ctrader_twisted.market.ticks import QuoteTick, Tick
from tests.paths import ROOT

START = 1_772_528_400_000  # 2026-03-03T09:00Z
MINUTE = 60_000


def column(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def bars(count: int = 3, digits: int = 5, first: int = 0) -> Bars:
    index = np.arange(first, first + count, dtype=np.int64)
    columns = {
        "time": START + index * MINUTE,
        "open": 108_123 + index,
        "high": 108_200 + index,
        "low": 108_001 + index,
        "close": 108_105 + index,
        "ticks": 10 + index,
    }
    return Bars("EURUSD", 1, digits, columns, "M1")


TICKS = Ticks("EURUSD", 1, 5, {"time": column(START, START, START + 1), "price": column(5, 7, 9)}, 2)
QUOTES = QuoteTicks("EURUSD", 1, 3, {"time": column(START), "bid": column(15_600_100), "ask": column(15_600_300)})


def test_rows_are_decimals() -> None:
    assert bars()[1] == Bar(
        1, 1, START + MINUTE, Decimal("1.08124"), Decimal("1.08201"), Decimal("1.08002"), Decimal("1.08106"), 11
    )
    assert list(TICKS) == [
        Tick(1, 2, START, Decimal("0.00005")),
        Tick(1, 2, START, Decimal("0.00007")),
        Tick(1, 2, START + 1, Decimal("0.00009")),
    ]
    assert str(QUOTES[0].bid) == "156.001"
    assert QUOTES[0] == QuoteTick(1, START, Decimal("156.001"), Decimal("156.003"))
    assert QUOTES[0].spread == Decimal("0.002")


def test_rows_have_aware_datetimes() -> None:
    expected = datetime(2026, 3, 3, 9, 0, 0, 1_000, UTC)
    assert (TICKS[2].time, TICKS[2].time.utcoffset()) == (expected, timedelta())
    assert [row.time for row in QUOTES][:1] == [datetime(2026, 3, 3, 9, tzinfo=UTC)]
    assert bars()[1].time == datetime(2026, 3, 3, 9, 1, tzinfo=UTC)
    assert Tick(1, 2, -1, Decimal(1)).time == datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)


def test_rows_of_a_long_table_are_all_there() -> None:
    long = bars(10_000)
    assert [row.opened for row in long] == long.opened.tolist()
    assert long[-1].opened == long.opened[-1]


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_a_float_is_the_one_nearest_to_the_decimal(relative: int, digits: int) -> None:
    table = Ticks("X", 1, digits, {"time": column(0), "price": column(relative)}, 1)
    assert table.price("price")[0] == float(price_from_relative(relative, min(digits, 5)))


def test_columns_and_parts() -> None:
    table = bars(10)
    assert len(table) == 10
    part = table[2:4]
    assert isinstance(part, Bars)
    assert part.opened.tolist() == [START + 2 * MINUTE, START + 3 * MINUTE]
    assert part.period == "M1"
    assert part.open.tolist() == [1.08125, 1.08126]
    assert part.close.tolist() == [1.08107, 1.08108]
    assert part.scaled.low.tolist() == [108_003, 108_004]
    assert part.scaled == tuple(part.columns[name] for name in ("open", "high", "low", "close"))
    assert part.ticks.tolist() == [12, 13]
    assert str(part.times[0]) == "2026-03-03T09:02:00.000"
    assert table[-1] == table[9] == next(iter(table[9:]))
    assert len(table[::2]) == 5
    with pytest.raises(IndexError, match="no row 10 in <Bars of EURUSD M1: 10"):
        table[10]
    inside = table.between(datetime(2026, 3, 3, 9, 1, tzinfo=UTC), datetime(2026, 3, 3, 9, 3, tzinfo=UTC))
    assert inside.opened.tolist() == [START + MINUTE, START + 2 * MINUTE]


@pytest.mark.parametrize("table", [bars(10), bars(10)[2:5], concat([bars(2), bars(3, first=2)]), TICKS, QUOTES])
def test_no_column_is_written_to_by_accident(table: Any) -> None:
    own = [] if table is TICKS else [getattr(table, name) for name in table.prices]
    scaled = [] if table is QUOTES else [table.scaled] if table is TICKS else list(table.scaled)
    for shown in (*table.columns.values(), *own, *scaled, table.times, table.price(table.prices[0])):
        before = shown.copy()
        with pytest.raises(ValueError, match="read-only"):
            shown[0] = shown[-1]
        before[0] = before[-1]  # a copy may be changed


def test_what_a_table_is_made_of_stays_its_makers() -> None:
    times = column(START, START + 1)
    table = Ticks("EURUSD", 1, 5, {"time": times, "price": column(5, 7)}, 1)
    times[1] += 1
    assert not table.at.flags.writeable


def test_what_is_no_row_says_how_to_get_at_it() -> None:
    with pytest.raises(TypeError, match=r"Bars has no row 'close': its columns are attributes, such as \.close"):
        bars()["close"]
    with pytest.raises(TypeError, match=r"Ticks has no row 'price': .* \.price\('price'\)"):
        TICKS["price"]
    with pytest.raises(TypeError, match="Bars has no row 'x': give a number or a slice"):
        bars()["x"]
    for wrong, kind in ((1.5, "float"), (None, "NoneType"), (bars().close > 1, "ndarray")):
        with pytest.raises(TypeError, match=f"Bars is not indexed by {kind}: give a number or a slice"):
            bars()[wrong]
    assert bars()[np.int64(1)] == bars()[1]


def test_a_part_between_what_are_no_moments_is_refused() -> None:
    start, end = datetime(2026, 3, 3, 9, 1, tzinfo=UTC), datetime(2026, 3, 3, 9, 3, tzinfo=UTC)
    for arguments, said in (
        ((start.replace(tzinfo=None), end), "the start, .* has no time zone"),
        ((start, end.replace(tzinfo=None)), "the end, .* has no time zone"),
        ((start, None), "the end, None, is no datetime"),
        (("2026-03-03T09:01Z", end), "the start, '2026-03-03T09:01Z', is no datetime"),
    ):
        with pytest.raises(HistoryRefused, match=said):
            bars(10).between(*arguments)
    half = timedelta(microseconds=500)
    assert bars(10).between(start - half, end + half).opened.tolist() == [START + each * MINUTE for each in (1, 2, 3)]
    assert bars(10).between(start + half, end).opened.tolist() == [START + 2 * MINUTE]


def test_what_it_is() -> None:
    assert repr(bars(2)) == "<Bars of EURUSD M1: 2, 2026-03-03T09:00:00+00:00 to 2026-03-03T09:01:00+00:00>"
    assert repr(TICKS[:0]) == "<Ticks of EURUSD ask: 0>"
    assert QUOTES.name == "EURUSD"


def test_put_together() -> None:
    whole = concat([bars(2), bars(0), bars(3, first=2)])
    assert whole.opened.tolist() == bars(5).opened.tolist()
    assert whole.scaled.close.tolist() == bars(5).scaled.close.tolist()
    assert concat([TICKS, TICKS[2:]]).scaled.tolist() == [5, 7, 9, 9]  # several ticks of one ms there may be
    for wrong, said in (
        ([], "nothing to put together"),
        ([bars(2), bars(2, first=1)], "before .* where one ends"),
        ([bars(2, first=5), bars(2)], "before .* where one ends"),
        ([bars(2), TICKS], "is not of what"),
        ([TICKS, Ticks("EURUSD", 1, 5, TICKS.columns, 1)], "is not of what"),
    ):
        with pytest.raises(ValueError, match=said):
            concat(wrong)


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = bars(2).pandas()
    assert list(frame.columns) == ["open", "high", "low", "close", "ticks"]
    assert frame.index.name == "time"
    assert frame.index[1] == pandas.Timestamp("2026-03-03T09:01Z")
    assert frame["open"].tolist() == [1.08123, 1.08124]
    assert frame["ticks"].tolist() == [10, 11]
    assert TICKS.pandas()["price"].tolist() == [0.00005, 0.00007, 0.00009]
    assert len(bars(0).pandas()) == 0
    assert TICKS.pandas().index.name == QUOTES.pandas().index.name == "time"


def test_a_frame_may_be_changed_and_the_table_stays() -> None:
    pandas = pytest.importorskip("pandas")
    table = bars(100)
    frame = table.pandas()
    frame.loc[frame.index[0], "close"] = 2.0
    frame.iloc[1, frame.columns.get_loc("ticks")] = 99
    assert frame["close"].iloc[0] == 2.0
    assert frame["ticks"].iloc[1] == 99
    assert table.close[0] == 1.08105
    assert table.ticks.tolist() == list(range(10, 110))
    assert frame.resample("1h").agg({"open": "first", "ticks": "sum"}).index[0] == pandas.Timestamp("2026-03-03T09:00Z")
    assert frame.loc["2026-03-03T09:01":"2026-03-03T09:02"].shape == (2, 5)
    assert frame.join(frame.add_suffix("_")).shape == (100, 10)


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = bars(2).polars()
    assert frame.columns == ["time", "open", "high", "low", "close", "ticks"]
    assert frame.schema["time"] == polars.Datetime("ms", "UTC")
    assert frame["time"][1] == datetime(2026, 3, 3, 9, 1, tzinfo=UTC)
    assert frame["close"].to_list() == [1.08105, 1.08106]
    assert TICKS.polars().columns == ["time", "price"]
    assert QUOTES.polars().columns == ["time", "bid", "ask"]
    assert QUOTES.polars().row(0) == (datetime(2026, 3, 3, 9, tzinfo=UTC), 156.001, 156.003)


def test_arrow() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = bars(2).arrow()
    assert table.schema.field("time").type == pyarrow.timestamp("ms", "UTC")
    assert TICKS.arrow().column_names == ["time", "price"]
    assert table.schema.field("high").type == pyarrow.float64()
    assert table.schema.field("ticks").type == pyarrow.int64()
    assert table["high"].to_pylist() == [1.082, 1.08201]
    assert table["time"].to_pylist()[0] == datetime(2026, 3, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("package", "install"), [("pandas", "pandas"), ("polars", "polars"), ("pyarrow", r"ctrader_twisted\[data\]")]
)
def test_what_is_not_installed_is_named(package: str, install: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    made = {"pandas": bars().pandas, "polars": bars().polars, "pyarrow": bars().arrow}[package]
    with pytest.raises(ExtraMissing, match=f'needs {package}: pip install "{install}"'):
        made()


def test_numpy_is_imported_by_history_only() -> None:
    code = """
import sys
import ctrader_twisted, ctrader_twisted.account, ctrader_twisted.client, ctrader_twisted.market
import ctrader_twisted.account.market_data, ctrader_twisted.history
heavy = {"numpy", "pandas", "polars", "pyarrow"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import ctrader_twisted.history.series, ctrader_twisted.history.sources
assert heavy & set(sys.modules) == {"numpy"}
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_without_numpy_the_extra_is_named() -> None:
    code = """
import sys
sys.modules["numpy"] = None
from datetime import UTC, datetime, timedelta
from ctrader_twisted.account.market_data import MarketData
from ctrader_twisted.errors import ExtraMissing, HistoryRefused
try:
    MarketData(1, None, None, None).bars("X", "M1", datetime.now(UTC), None, running=False, patience=None)
except ExtraMissing as error:
    assert 'pip install "ctrader_twisted[data]"' in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_every_kind_of_table_is_of_columns_of_one_length() -> None:
    for table in (bars(), TICKS, QUOTES):
        assert {len(made) for made in table.columns.values()} == {len(table)}
        assert next(iter(table.columns)) == "time"
        assert set(table.prices) < set(table.columns)
    assert moment(START) == datetime(2026, 3, 3, 9, tzinfo=UTC)
