from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrader_twisted.market import Bar, BarBuilder, LightQuote, Quotes, bar_grid, bars_of
from ctrader_twisted.messages import ProtoOATrendbarPeriod
from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.feed.feed import Side
from ctrader_twisted.sim.testing import VenueKit
from tests.sim.venues import BTCUSD, EURUSD, of_account, with_account

MINUTE, HOUR = 60_000, 3_600_000
FOREVER = 1 << 62


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def line(bar: Bar | None) -> str:
    """``opened: open high low close, ticks``, prices in 1/100000."""
    if bar is None:
        return "none"
    prices = " ".join(str(int(price * 100_000)) for price in (bar.open, bar.high, bar.low, bar.close))
    return f"{bar.opened}: {prices}, {bar.ticks}"


def lines(bars: list[Bar]) -> list[str]:
    return [line(bar) for bar in bars]


def quote(bid: int | None = None, ask: int | None = None, at: int | None = None) -> LightQuote:
    return LightQuote(1, 7, bid, ask, at)


# -------------------------------------------------------------------------------------------------------------- ticks


def test_a_tick_of_the_next_period_closes_the_bar() -> None:
    builder = BarBuilder("M1", 7, digits=3)
    assert builder.running is None and builder.closes_at is None
    for at, price in ((60_000, 100_000), (61_000, 103_000), (62_000, 99_000), (119_999, 101_000)):
        assert builder.feed(at, price) == []
    assert builder.closes_at == 120_000
    (closed,) = builder.feed(120_000, 102_000)
    assert closed == Bar(7, 1, 60_000, *map(Decimal, ("1.000", "1.030", "0.990", "1.010")), ticks=4)
    assert str(closed.open) == "1.000"
    assert line(builder.running) == "120000: 102000 102000 102000 102000, 1"


def test_without_ticks_there_is_no_bar() -> None:
    builder = BarBuilder("M1")
    builder.feed(60_000, 5)
    assert lines(builder.feed(600_000, 6)) == ["60000: 5 5 5 5, 1"]
    assert lines(builder.flush(FOREVER)) == ["600000: 6 6 6 6, 1"]


def test_time_alone_closes_a_bar_once() -> None:
    builder = BarBuilder("M1")
    builder.feed(60_000, 5)
    assert builder.flush(119_999) == []
    assert lines(builder.flush(120_000)) == ["60000: 5 5 5 5, 1"]
    assert builder.flush(120_000) == [] and builder.running is None and builder.closes_at is None
    assert builder.feed(119_999, 6) == [] and builder.late == 1, "its bar has been given away"
    assert builder.feed(120_000, 7) == []
    assert lines(builder.flush(180_000)) == ["120000: 7 7 7 7, 1"]


def test_ticks_of_one_bar_in_any_order() -> None:
    builder = BarBuilder("M1")
    for at, price in ((70_000, 5), (65_000, 4), (80_000, 6), (75_000, 9), (65_000, 1), (80_000, 7)):
        builder.feed(at, price)
    assert line(builder.running) == "60000: 4 9 1 7, 6"
    assert builder.late == 0


def test_ticks_of_a_closed_bar_are_left_out_and_counted() -> None:
    builder = BarBuilder("M1")
    builder.feed(60_000, 5)
    builder.feed(120_000, 6)
    assert builder.feed(119_999, 100) == []
    assert builder.late == 1
    assert line(builder.running) == "120000: 6 6 6 6, 1"


def test_a_day_bar_follows_new_york() -> None:
    builder = BarBuilder("D1")
    for text in ("2026-03-06T21:59:00", "2026-03-08T21:00:00", "2026-03-09T20:59:59"):
        builder.feed(ms(text), 5)
    (closed,) = builder.feed(ms("2026-03-09T21:00:00"), 6)
    assert (closed.opened, closed.ticks) == (ms("2026-03-08T21:00:00"), 2)


def test_bars_of_a_length_of_ones_own_have_no_period() -> None:
    builder = BarBuilder("90s")
    builder.feed(0, 5)
    builder.feed(89_999, 6)
    (closed,) = builder.feed(90_000, 7)
    assert (closed.period, closed.opened, closed.ticks) == (0, 0, 2)


def test_a_bar_that_was_begun_in_its_middle_can_be_left_out() -> None:
    builder = BarBuilder("M1", since=90_000)
    assert builder.feed(95_000, 5) == [] and builder.running is None
    builder.feed(120_000, 6)
    assert lines(builder.feed(180_000, 7)) == ["120000: 6 6 6 6, 1"]
    builder.resume(240_000)  # a loss; and ticks again from the very opening on
    assert builder.running is None
    builder.feed(240_000, 8)
    assert lines(builder.feed(300_000, 9)) == ["240000: 8 8 8 8, 1"]


@pytest.mark.parametrize(("period", "side"), [("M7", "bid"), ("M1", "last")])
def test_what_can_not_be_is_refused(period: str, side: str) -> None:
    with pytest.raises(ValueError, match="M7|last"):
        BarBuilder(period, side=side)


# ------------------------------------------------------------------------------------------------------------- quotes


@pytest.mark.parametrize(
    ("side", "expected"),
    [("bid", "60000: 100 103 100 103, 2"), ("ask", "60000: 104 105 104 105, 2"), ("mid", "60000: 102 104 102 104, 3")],
)
def test_one_sided_quotes(side: str, expected: str) -> None:
    builder = BarBuilder("M1", side=side)
    for one in (quote(100, 104, 60_000), quote(bid=103, at=61_000), quote(ask=105, at=62_000), quote(at=63_000)):
        assert builder.feed_quote(one) == []
    assert lines(builder.flush(120_000)) == [expected]


def test_a_side_told_again_is_a_tick() -> None:
    builder = BarBuilder("M1")
    for at in (60_000, 61_000, 62_000):
        builder.feed_quote(quote(100, at=at))
    assert line(builder.running) == "60000: 100 100 100 100, 3"


def test_the_other_side_tells_the_time() -> None:
    builder = BarBuilder("M1")
    builder.feed_quote(quote(100, 104, 60_000))
    assert lines(builder.feed_quote(quote(ask=105, at=120_000))) == ["60000: 100 100 100 100, 1"]
    assert builder.running is None, "an ask is no tick of a bid bar"


def test_merged_quotes_are_ticks_when_the_price_is_another() -> None:
    builder, quotes = BarBuilder("M1"), Quotes()
    for one in (quote(100, 104, 60_000), quote(bid=103, at=61_000), quote(ask=105, at=62_000)):
        builder.feed_quote(quotes.feed(one))
    assert line(builder.running) == "60000: 100 103 100 103, 2"
    assert len(builder.feed_quote(quotes.feed(quote(ask=106, at=120_000)))) == 1
    assert builder.running is None


def test_both_sides_are_forgotten_after_a_hole() -> None:
    builder = BarBuilder("M1", side="mid")
    builder.feed_quote(quote(100, 104, 60_000))
    builder.resume()
    builder.feed_quote(quote(ask=105, at=61_000))
    assert builder.running is None
    builder.feed_quote(quote(bid=101, at=62_000))
    assert line(builder.running) == "60000: 103 103 103 103, 1"


def test_the_time_beside_a_quote_that_has_none() -> None:
    builder = BarBuilder("M1")
    with pytest.raises(ValueError, match="the quote has no time"):
        builder.feed_quote(quote(100))
    builder.feed_quote(quote(100), 61_000)
    assert line(builder.running) == "60000: 100 100 100 100, 1"


# ------------------------------------------------------------------------------------------------------------ columns

PERIODS = ("M1", "M5", "H1", "H4", "H12", "D1", "W1", "MN1", "1s", "90s", "7m", "5h")
SPANS = (  # either change of New York's clocks, and the very beginning
    (ms("2026-03-06T00:00"), ms("2026-03-11T00:00")),
    (ms("2025-11-01T12:00"), ms("2025-11-03T12:00")),
    (0, 10 * MINUTE),
)
STEPS = (1, 30 * MINUTE)  # every other tick is on an edge
ticks = st.sampled_from(SPANS).flatmap(
    lambda span: st.lists(
        st.tuples(
            st.builds(lambda at, step: at - at % step, st.integers(*span), st.sampled_from(STEPS)),
            st.integers(1, 1000),
        ),
        max_size=60,
    )
)


def built(told: list[tuple[int, int]], period: str) -> list[str]:
    builder = BarBuilder(period)
    bars = [bar for at, price in told for bar in builder.feed(at, price)]
    assert builder.late == 0
    return lines(bars + builder.flush(FOREVER))


def in_columns(told: list[tuple[int, int]], period: str) -> list[str]:
    table = np.array(told, np.int64).reshape(-1, 2)
    page = bars_of(table[:, 0], table[:, 1], period)
    assert all(column.dtype == np.int64 for column in (page.opened, page.open, page.high, page.close, page.ticks))
    columns = (page.opened, page.open, page.high, page.low, page.close, page.ticks)
    rows = zip(*[column.tolist() for column in columns], strict=True)
    return [f"{opened}: {open_} {high} {low} {close}, {count}" for opened, open_, high, low, close, count in rows]


@given(ticks, st.sampled_from(PERIODS))
def test_columns_have_the_same_bars(told: list[tuple[int, int]], period: str) -> None:
    told.sort(key=lambda tick: tick[0])
    assert in_columns(told, period) == built(told, period)


@given(ticks, st.sampled_from(PERIODS))
def test_columns_in_the_wrong_order_have_the_same_bars(told: list[tuple[int, int]], period: str) -> None:
    grid = bar_grid(period)
    told.sort(key=lambda tick: grid.opening(tick[0]))  # bar after bar, and inside of each in any order
    expected = built(told, period)
    assert in_columns(told, period) == expected


@pytest.mark.parametrize("period", PERIODS)
def test_a_tick_on_an_edge_is_of_the_bar_that_opens(period: str) -> None:
    edges = bar_grid(period).openings(ms("2026-03-08T00:00"), ms("2026-04-01T00:00"))[:50]
    told = [(edge + late, 5) for edge in edges for late in (-1, 0)]
    assert in_columns(told, period)[1:] == built(told, period)[1:]
    assert [row.split(":")[0] for row in in_columns(told, period)][1:] == [str(edge) for edge in edges]


def test_among_many_ticks_of_one_ms_the_last_closes() -> None:
    told = [(at, 10_000 + number) for number in range(5000) for at in (5, 0)]
    assert in_columns(told, "M1") == built(told, "M1") == ["0: 10000 14999 10000 14999, 10000"]


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 times and 1 prices"):
        bars_of(np.array([1, 2]), np.array([1]), "M1")


# --------------------------------------------------------------------------------------------------------- the server


def told_ticks(client, symbol_id: int, first: int, last: int) -> list[tuple[int, int]]:
    """Give the bid ticks of a span, the oldest first."""
    found: list[tuple[int, int]] = []
    while True:
        answer = client.ask(
            of_account("GetTickData", symbolId=symbol_id, type=Side.BID, fromTimestamp=first, toTimestamp=last)
        )
        at = price = 0
        for one in answer.tickData:
            at, price = at + one.timestamp, price + one.tick
            found.append((at, price))
        if not answer.hasMore:
            return found[::-1]
        last = at - 1


@pytest.mark.parametrize(
    ("symbol_id", "start", "end", "periods"),
    [
        (EURUSD, "2026-03-08T20:00", "2026-03-09T05:00", ("M1", "M5", "H4")),  # the first hours after the change
        (EURUSD, "2026-01-14T17:00", "2026-01-15T02:00", ("M15", "H4")),
        (BTCUSD, "2026-11-01T09:00", "2026-11-02T02:00", ("M5", "H4", "H12")),  # the end of a day of 25 hours
    ],
)
def test_the_bars_are_those_of_the_server(symbol_id: int, start: str, end: str, periods: tuple[str, ...]) -> None:
    first, last = ms(start), ms(end)
    unlimited = Limits(general=0, historical=0)
    with VenueKit(start=last + HOUR, limits=unlimited, options=Options(inactivity=0)) as kit:
        client = with_account(kit)
        ticks = told_ticks(client, symbol_id, first, last - 1)
        assert len(ticks) > 1000
        for name in periods:
            period = ProtoOATrendbarPeriod[name]
            page = client.ask(
                of_account("GetTrendbars", symbolId=symbol_id, period=period, fromTimestamp=first, toTimestamp=last - 1)
            )
            grid = bar_grid(period)
            expected = [
                f"{bar.utcTimestampInMinutes * MINUTE}: {bar.low + bar.deltaOpen} {bar.low + bar.deltaHigh} {bar.low} "
                f"{bar.low + bar.deltaClose}, {bar.volume}"
                for bar in page.trendbar
                if grid.next_opening(bar.utcTimestampInMinutes * MINUTE) <= last
            ]
            builder = BarBuilder(period, since=first)
            mine = [bar for at, price in ticks for bar in builder.feed(at, price)]
            assert lines(mine + builder.flush(last)) == expected
            assert len(expected) > 1


def test_sides_are_taken_in_any_case() -> None:
    assert BarBuilder("m1", side="MID").side == "mid"  # type: ignore[arg-type]
    for side in ("middle", "", None):
        with pytest.raises(ValueError, match="not of"):
            BarBuilder("M1", side=side)  # type: ignore[arg-type]
