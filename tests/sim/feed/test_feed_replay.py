"""Files replayed: ticks and bars come back as they were, shifted or in a loop; bad files say what is wrong."""

from __future__ import annotations

import pickle
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctrader_twisted.errors import ConfigurationError, ReplayError
from ctrader_twisted.sim.feed.calendar import DAY, LAST_MS, MINUTE, Period, bar_open, next_bar_open
from ctrader_twisted.sim.feed.feed import Bar, Quote, Side, SideTick, Tick
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.feed.replay import ReplayFeed


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


MODEL = ModelFeed(3)
START, END = ms("2026-10-07T09:00"), ms("2026-10-07T10:30")
LATER = ms("2027-01-01")
SMALL = (
    "timestamp,bid,ask\n1790000000000,1.10000,1.10002\n1790000000500,1.10001,1.10002\n1790000120000,1.09999,1.10003\n"
)


def price(value: int) -> str:
    return f"{value / 100_000:.5f}"


def model_ticks(symbol_id: int, start: int = START, end: int = END) -> list[Tick]:
    ticks, at = [], start
    while (tick := MODEL.next_tick(symbol_id, at)) is not None and tick.timestamp_ms < end:
        ticks.append(tick)
        at = tick.timestamp_ms
    return ticks


@pytest.fixture
def write(tmp_path):
    def written(text: str, name: str = "file.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_recorded_ticks_come_back(write) -> None:
    rows = [(tick, name) for symbol_id, name in ((1, "EURUSD"), (279, "GER40")) for tick in model_ticks(symbol_id)]
    rows.sort(key=lambda row: row[0].timestamp_ms)
    lines = [f"{tick.timestamp_ms},{name},{price(tick.bid)},{price(tick.ask)}" for tick, name in rows]
    feed = ReplayFeed.open(write("timestamp,symbol,bid,ask\n" + "\n".join(lines)))
    assert set(feed.instruments) == {1, 279}
    for symbol_id in (1, 279):
        at = 0
        for tick in model_ticks(symbol_id):
            assert feed.next_tick(symbol_id, at) == tick
            at = tick.timestamp_ms
            assert feed.quote(symbol_id, at) == tick[:3]
            assert feed.live_bar(symbol_id, Period.M5, at) == MODEL.live_bar(symbol_id, Period.M5, at)
        assert feed.next_tick(symbol_id, at) is None
        for side in Side:
            assert feed.ticks_back(symbol_id, side, None, END, 10**6, now_ms=END) == MODEL.ticks_back(
                symbol_id, side, START, END - 1, 10**6, now_ms=END
            )
        for period in (Period.M1, Period.M2, Period.M15, Period.M30):
            for now in (END - 1, END - 12_345):
                assert feed.bars_back(symbol_id, period, START, now, 10**6, now_ms=now) == MODEL.bars_back(
                    symbol_id, period, START, now, 10**6, now_ms=now
                )


@pytest.mark.parametrize("period", Period)
def test_recorded_bars_come_back(write, period) -> None:
    now = START
    bars, _ = MODEL.bars_back(41, period, None, bar_open(period, now) - 1, 30, now_ms=now)
    lines = [",".join([str(bar.open_ms), *map(price, bar[1:5]), str(bar.volume)]) for bar in bars]
    path = write("timestamp,open,high,low,close,volume\n" + "\n".join(lines))
    feed = ReplayFeed.open(path, symbol="XAUUSD", period=period)
    assert feed.bars_back(41, period, None, LATER, 1000, now_ms=LATER) == (bars, False)
    for bar in bars[:4]:
        end = next_bar_open(period, bar.open_ms)
        assert feed.live_bar(41, period, end - 1) == bar
        assert (feed.live_bar(41, period, bar.open_ms) or bar).open == bar.open
        middle = feed.live_bar(41, period, (bar.open_ms + end) // 2)
        assert middle is not None
        assert middle.volume < bar.volume
        tick = feed.next_tick(41, bar.open_ms - 1)
        assert tick is not None
        assert tick.timestamp_ms == bar.open_ms
        assert tick.ask - tick.bid == HOUSE.instrument("XAUUSD").typical_spread


def test_longer_bars_are_those_of_shorter_ones_across_the_change_of_the_clocks(write) -> None:
    start, now = ms("2026-10-30T12:00"), ms("2026-11-03T12:00")
    minutes, _ = MODEL.bars_back(301, Period.M1, start, now - 1, 10**6, now_ms=now)
    lines = [",".join([str(bar.open_ms), *map(price, bar[1:5]), str(bar.volume)]) for bar in minutes]
    path = write("timestamp,open,high,low,close,volume\n" + "\n".join(lines))
    feed = ReplayFeed.open(path, symbol="BTCUSD", period=Period.M1)
    for period in (Period.M5, Period.H1, Period.H4, Period.H12, Period.D1):
        first = next_bar_open(period, bar_open(period, start))
        last = bar_open(period, now) - 1
        assert feed.bars_back(301, period, first, last, 10**6, now_ms=now) == MODEL.bars_back(
            301, period, first, last, 10**6, now_ms=now
        )


prices = st.integers(100_000, 100_050)


@settings(max_examples=60)
@given(bars=st.lists(st.tuples(st.lists(prices, min_size=4, max_size=4), st.integers(0, 9)), min_size=1, max_size=12))
def test_any_bars_come_back(tmp_path_factory, bars) -> None:
    wanted, lines = [], ["timestamp,open,high,low,close,volume"]
    for i, (values, volume) in enumerate(bars):
        opened, close = values[:2]
        bar = Bar(START + 2 * i * MINUTE, opened, max(values), min(values), close, volume)
        lines.append(",".join([str(bar.open_ms), *map(price, bar[1:5]), str(volume)]))
        wanted.append(bar)
    path = tmp_path_factory.mktemp("bars") / "bars.csv"
    path.write_text("\n".join(lines))
    found, _ = ReplayFeed.open(path, symbol="EURUSD", period=Period.M1).bars_back(
        1, Period.M1, None, LATER, 100, now_ms=LATER
    )
    assert [bar[:5] for bar in found] == [bar[:5] for bar in wanted]
    for bar, made in zip(wanted, found, strict=True):
        assert made.volume == bar.volume or (bar.volume == 0 and 1 <= made.volume <= 4)


def test_a_rising_bar_goes_down_first_and_a_falling_one_up(write) -> None:
    path = write("timestamp,open,high,low,close\n1790000040000,1.1,1.3,1,1.2\n1790000100000,1.2,1.3,1,1.1\n")
    feed = ReplayFeed.open(path, symbol="EURUSD", period=Period.M1)
    ticks, _ = feed.ticks_back(1, Side.BID, None, LATER, 100, now_ms=LATER)
    assert [tick.price for tick in reversed(ticks)] == [110_000, 100_000, 130_000, 120_000] + [
        120_000, 130_000, 100_000, 110_000
    ]  # fmt: skip
    assert [tick.timestamp_ms - 1_790_000_040_000 for tick in reversed(ticks)][:5] == [
        0,
        15_000,
        30_000,
        59_999,
        60_000,
    ]


def test_the_future_is_not_shown(write) -> None:
    feed = ReplayFeed.open(write(SMALL), symbol="EURUSD")
    at = 1_790_000_000_000
    assert feed.quote(1, at - 1) is None
    assert feed.quote(1, at + 499) == Quote(at, 110_000, 110_002)
    assert feed.live_bar(1, Period.H1, at - 1) is None
    assert feed.bars_back(1, Period.M1, None, LATER, 9, now_ms=at + 499)[0][0][1:] == (110_000,) * 4 + (1,)
    assert feed.bars_back(1, Period.M1, None, LATER, 9, now_ms=at - 1) == ([], False)
    assert feed.ticks_back(1, Side.BID, None, LATER, 9, now_ms=at + 499) == ([SideTick(at, 110_000)], False)
    assert feed.ticks_back(1, Side.ASK, None, LATER, 1, now_ms=LATER) == ([SideTick(at + 120_000, 110_003)], True)
    assert feed.ticks_back(1, Side.ASK, at + 1, LATER, 1, now_ms=LATER) == ([SideTick(at + 120_000, 110_003)], False)
    assert feed.next_tick(1, at + 1) == Tick(at + 500, 110_001, 110_002, True, False)


def test_session_close_and_hours(write) -> None:
    feed = ReplayFeed.open(write(SMALL), symbol="EURUSD")
    at = 1_790_000_000_000
    assert feed.session_close(1, at) is None
    assert feed.session_close(1, at + DAY) == 109_999
    assert feed.is_open(1, at) == MODEL.is_open(1, at)


def test_shifted_to_the_start_of_the_venue(write) -> None:
    start = ms("2026-10-10T12:34:56.789")  # a Saturday
    feed = ReplayFeed.open(write(SMALL), symbol="EURUSD", start_ms=start)
    first = feed.next_tick(1, 0)
    assert first is not None
    assert start - MINUTE < first.timestamp_ms <= start
    assert (first.timestamp_ms - 1_790_000_000_000) % MINUTE == 0
    assert feed.quote(1, start - MINUTE) is None
    assert feed.quote(1, start) is not None
    assert [bar[1:] for bar in feed.bars_back(1, Period.M1, None, LATER, 9, now_ms=LATER)[0]] == [
        (110_000, 110_001, 110_000, 110_001, 2),
        (109_999, 109_999, 109_999, 109_999, 1),
    ]
    assert feed.is_open(1, start) == MODEL.is_open(1, 1_790_000_000_000 + start - first.timestamp_ms)


def test_shifted_bars_stay_bars(write) -> None:
    bars, _ = MODEL.bars_back(1, Period.H1, None, START - 1, 20, now_ms=START)
    lines = [",".join([str(bar.open_ms), *map(price, bar[1:5]), str(bar.volume)]) for bar in bars]
    path = write("timestamp,open,high,low,close,volume\n" + "\n".join(lines))
    start = ms("2027-02-03T04:56:07")
    feed = ReplayFeed.open(path, symbol="EURUSD", period=Period.H1, start_ms=start)
    found, _ = feed.bars_back(1, Period.H1, None, LATER * 2, 100, now_ms=start + 30 * DAY)
    assert found[0].open_ms == ms("2027-02-03T04:00")
    assert [bar[1:] for bar in found] == [bar[1:] for bar in bars]


def test_a_loop_begins_anew(write) -> None:
    feed = ReplayFeed.open(write(SMALL), symbol="EURUSD", loop=True)
    at, seen = 0, []
    for _ in range(10):
        tick = feed.next_tick(1, at)
        assert tick is not None
        at = tick.timestamp_ms
        seen.append(tick)
        assert feed.quote(1, at) == tick[:3]
    cycle = seen[3].timestamp_ms - seen[0].timestamp_ms
    assert cycle == 3 * MINUTE
    assert [tick[1:] for tick in seen[3:6]] == [tick[1:] for tick in seen[:3]]
    back, more = feed.ticks_back(1, Side.BID, None, at, 100, now_ms=at)
    assert (back, more) == ([SideTick(tick.timestamp_ms, tick.bid) for tick in reversed(seen)], False)
    bars, more = feed.bars_back(1, Period.M1, None, at, 4, now_ms=at)
    assert more
    assert [bar.volume for bar in bars] == [1, 2, 1, 1]
    far = 1_790_000_000_000 + 10_000 * cycle
    hours, _ = feed.bars_back(1, Period.H1, None, far, 3, now_ms=far)
    assert [bar[2:] for bar in hours[:2]] == [(110_001, 109_999, hours[0].close, 60)] * 2
    assert feed.live_bar(1, Period.H1, far) == hours[-1]
    assert feed.next_tick(1, LAST_MS) is None
    assert feed.is_open(1, far) == feed.is_open(1, 1_790_000_000_000)


def test_memory_for_live_bars_is_bounded(write) -> None:
    feed = ReplayFeed.open(write(SMALL), symbol="EURUSD", loop=True)
    for minute in range(600):
        feed.live_bar(1, Period.D1, 1_790_000_000_000 + minute * MINUTE)
    assert feed.remembered == {"before": (256, 256)}


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_ways_to_write_the_same(write, delimiter) -> None:
    text = (
        "\ufeffTimestamp, Bid ,ASK\n\n2026-09-21T14:13:20Z,1.1,1.10002\n2026-09-21 14:13:20.500,1.10001,\n"
        "2026-09-21T16:15:20+02:00,1.09999,1.10003\n"
    )
    plain, other = write(SMALL), write(text.replace(",", delimiter), "other.csv")
    feeds = [ReplayFeed.open(path, symbol="EURUSD") for path in (plain, other)]
    series = [feed.ticks_back(1, side, None, LATER, 9, now_ms=LATER) for feed in feeds for side in Side]
    assert series[:2] == series[2:]


def test_one_instrument_needs_no_name_and_one_symbol_can_be_taken_of_many(write) -> None:
    euro = HOUSE.instrument("EURUSD")
    assert list(ReplayFeed.open(write(SMALL), [euro]).instruments) == [1]
    both = write("symbol,timestamp,bid,ask\nOTHER,1790000000000,1,2\nEURUSD,1790000000000,1.1,1.2\n")
    assert list(ReplayFeed.open(both, symbol="EURUSD").instruments) == [1]


def test_ticks_of_one_millisecond_follow_one_another(write) -> None:
    rows = "".join(f"1790000000000,{bid},1.2\n" for bid in ("1.10000", "1.10005", "1.10005", "1.09999"))
    feed = ReplayFeed.open(write("timestamp,bid,ask\n" + rows), symbol="EURUSD")
    at, seen = 0, []
    while (tick := feed.next_tick(1, at)) is not None:
        at = tick.timestamp_ms
        seen.append((at - 1_790_000_000_000, tick.bid))
    assert seen == [(0, 110_000), (1, 110_005), (2, 109_999)]
    assert feed.bars_back(1, Period.M1, None, LATER, 9, now_ms=LATER)[0][0][1:] == (
        110_000, 110_005, 109_999, 109_999, 3
    )  # fmt: skip


def test_prices_are_rounded_to_the_digits_of_the_symbol(write) -> None:
    feed = ReplayFeed.open(write("timestamp,bid,ask\n1790000000000,4215.504999,4215.71\n"), symbol="XAUUSD")
    assert feed.quote(41, LATER) == Quote(1_790_000_000_000, 421_550_000, 421_571_000)


TICKS, BARS = "timestamp,bid,ask\n", "timestamp,open,high,low,close,volume\n"
GOOD = "1790000040000"


@pytest.mark.parametrize(
    ("text", "options", "place", "problem", "remedy"),
    [
        ("", {}, "", "is empty", "Name the columns"),
        (TICKS, {}, "", "no rows of EURUSD", "at least one"),
        ("time,bid,ask\n", {}, "column timestamp", "missing; there are time, bid, ask", "bid, ask for ticks"),
        ("timestamp,bid\n", {}, "column ask", "missing", "Name the columns"),
        ("timestamp,open,high,low\n", {}, "column close", "missing", "Name the columns"),
        (TICKS, {"symbol": None}, "", "which symbol", "Add a column symbol"),
        (TICKS, {"symbol": "EURXXX"}, "", "no instrument 'EURXXX'", "Name one of AUDUSD"),
        (BARS, {}, "", "a period that was not stated", "State the period"),
        ("symbol," + TICKS + "X,1790000000000,1,1\n", {"symbol": None}, "line 2, column symbol", "'X'", "Name one of"),
        (TICKS + "\n\nnow,1,1\n", {}, "line 4, column timestamp", "'now' is no timestamp", "2026-11-02T09:30"),
        (TICKS + "1790000000,1,1\n", {}, "line 2, column timestamp", "looks like seconds", "multiply by 1000"),
        (TICKS + "1790000000000000,1,1\n", {}, "line 2, column timestamp", "not in 0..2147483646000", "micro"),
        (TICKS + "1790000000000,1\n", {}, "line 2, column ask", "ends before it", "Complete"),
        (TICKS + "1790000000000,one,1\n", {}, "line 2, column bid", "'one' is no number", "decimal point"),
        (TICKS + "1790000000000,nan,1\n", {}, "line 2, column bid", "out of bounds", "Correct"),
        (TICKS + "1790000000000,inf,1\n", {}, "line 2, column bid", "out of bounds", "Correct"),
        (TICKS + "1790000000000,0,1\n", {}, "line 2, column bid", "not a price of EURUSD", "greater than zero"),
        (TICKS + "1790000000000,-1,1\n", {}, "line 2, column bid", "not a price", "greater than zero"),
        (TICKS + "1790000000000,,1\n", {}, "line 2, column bid", "has none", "both sides"),
        (TICKS + "1790000000000,1.2,1.1\n", {}, "line 2, column ask", "below the bid", "Exchange"),
        (TICKS + "1790000000000,1,1\n1789999999999,1,1\n", {}, "line 3, column timestamp", "not after", "Sort"),
        (BARS + "1790000000000,1,1,1,1,1\n", {"period": Period.M1}, "line 2, column timestamp", "no M1 bar", "State"),
        (BARS + GOOD + ",2,1,1,1,1\n", {"period": Period.M1}, "line 2, column open", "outside", "Correct"),
        (BARS + GOOD + ",2,3,1,4,1\n", {"period": Period.M1}, "line 2, column close", "outside", "Correct"),
        (BARS + GOOD + ",2,3,1,2,-1\n", {"period": Period.M1}, "line 2, column volume", "negative", "Correct"),
        (BARS + (GOOD + ",1,1,1,1,1\n") * 2, {"period": Period.M1}, "line 3, column timestamp", "not after", "Sort"),
    ],
)  # fmt: skip
def test_bad_files_say_what_is_wrong_where_and_what_to_do(write, text, options, place, problem, remedy) -> None:
    path = write(text)
    with pytest.raises(ReplayError) as caught:
        ReplayFeed.open(path, **{"symbol": "EURUSD", **options})
    error = caught.value
    assert isinstance(error, ConfigurationError)
    assert error.file == str(path)
    assert error.key == place
    assert problem in error.problem
    assert remedy in error.remedy
    assert str(error).startswith(f"{path}: {place}")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_files_that_cannot_be_read(tmp_path, write) -> None:
    with pytest.raises(ReplayError, match="No such file"):
        ReplayFeed.open(tmp_path / "missing.csv")
    with pytest.raises(ReplayError, match="No such file"):
        ReplayFeed.open(tmp_path / "missing.parquet")
    with pytest.raises(ReplayError, match="can't be read"):
        ReplayFeed.open(tmp_path)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"timestamp,bid,ask\n\xff\xfe\x00")
    with pytest.raises(ReplayError, match="is not UTF-8"):
        ReplayFeed.open(binary, symbol="EURUSD")
    with pytest.raises(ReplayError, match="is not CSV"):
        ReplayFeed.open(write(SMALL + "9" * 200_000), symbol="EURUSD")


class TestParquet:
    @pytest.fixture
    def table(self, tmp_path):
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")

        def written(name="file.parquet", **columns):
            path = tmp_path / name
            parquet.write_table(arrow.table(columns), path, row_group_size=2)
            return path

        return written

    def test_ticks_come_back(self, table) -> None:
        arrow = pytest.importorskip("pyarrow")
        at = [1_790_000_000_000, 1_790_000_000_500, 1_790_000_120_000]
        bid, ask = [1.1, 1.10001, 1.09999], [1.10002, None, 1.10003]
        times = [
            arrow.array(at, arrow.int64()),
            arrow.array(at, arrow.timestamp("ms")),
            arrow.array([ms_ * 1_000_000 for ms_ in at], arrow.timestamp("ns", "Europe/Berlin")),
            arrow.array([datetime.fromtimestamp(ms_ / 1000, UTC).isoformat() for ms_ in at]),
        ]
        wanted = None
        for time in times:
            feed = ReplayFeed.open(table(timestamp=time, bid=bid, ask=ask), symbol="EURUSD")
            found = [feed.ticks_back(1, side, None, LATER, 9, now_ms=LATER) for side in Side]
            wanted = wanted or found
            assert found == wanted
        assert wanted is not None
        assert [tick.price for tick in wanted[0][0]] == [109_999, 110_001, 110_000]

    def test_bars_come_back(self, table) -> None:
        at = [1_790_000_040_000, 1_790_000_100_000]
        path = table(
            "bars.PARQUET", timestamp=at, open=[1.1, 1.2], high=[1.3, 1.2], low=[1.0, 1.2], close=[1.2, 1.2],
            volume=[7, 0], symbol=["EURUSD", "EURUSD"],
        )  # fmt: skip
        feed = ReplayFeed.open(path, period=Period.M1)
        assert feed.bars_back(1, Period.M1, None, LATER, 9, now_ms=LATER)[0] == [
            Bar(at[0], 110_000, 130_000, 100_000, 120_000, 7),
            Bar(at[1], 120_000, 120_000, 120_000, 120_000, 1),
        ]

    def test_bad_rows_are_named(self, table) -> None:
        at = [1_790_000_000_000] * 3
        with pytest.raises(ReplayError, match="row 3, column bid: 'x' is no number"):
            ReplayFeed.open(table(timestamp=at, bid=["1", "1", "x"], ask=[1, 1, 1]), symbol="EURUSD")
        with pytest.raises(ReplayError, match=r"row 1, column timestamp: 1\.5 is no timestamp"):
            ReplayFeed.open(table(timestamp=[1.5], bid=[1], ask=[1]), symbol="EURUSD")
        with pytest.raises(ReplayError, match="column bid: missing"):
            ReplayFeed.open(table(timestamp=at), symbol="EURUSD")

    def test_what_is_not_parquet(self, write) -> None:
        pytest.importorskip("pyarrow")
        with pytest.raises(ReplayError, match="is not Parquet"):
            ReplayFeed.open(write(SMALL, "file.parquet"), symbol="EURUSD")

    def test_without_pyarrow_the_extra_is_named(self, write, monkeypatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ReplayError, match=r"needs pyarrow.*ctrader_twisted\[parquet\]"):
            ReplayFeed.open(write(SMALL, "file.parquet"), symbol="EURUSD")


def test_hours_stay_fast_over_a_long_file(write) -> None:
    """Bars of long periods are made of columns, not of ticks: a month of minutes in a loop of years."""
    lines = [f"{START + i * MINUTE},1.1,1.2,1.0,1.1,{i % 5 + 1}" for i in range(40_000)]
    path = write("timestamp,open,high,low,close,volume\n" + "\n".join(lines))
    feed = ReplayFeed.open(path, symbol="BTCUSD", period=Period.M1, loop=True)
    now = START + 700 * DAY
    days, more = feed.bars_back(301, Period.D1, None, now, 500, now_ms=now)
    assert (len(days), more) == (500, True)
    assert {bar.volume for bar in days[:-1]} <= set(range(23 * 60 * 3 - 30, 25 * 60 * 3 + 30))
    assert {bar[1:5] for bar in days[:-1]} == {(110_000, 120_000, 100_000, 110_000)}
