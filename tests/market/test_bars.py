from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ctrader_twisted.market import Bar, LiveBars, historical_bar
from ctrader_twisted.messages import ProtoOAGetTrendbarsRes, ProtoOASpotEvent, ProtoOATrendbar, ProtoOATrendbarPeriod
from tests.market.recorded import needs_recordings, recording

M1, M5, H4 = ProtoOATrendbarPeriod.M1, ProtoOATrendbarPeriod.M5, ProtoOATrendbarPeriod.H4
D1, W1 = ProtoOATrendbarPeriod.D1, ProtoOATrendbarPeriod.W1
FOREVER = 1 << 62


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def trendbar(
    minute: int, low: int = 100, *, period: int = M1, opened: int = 0, high: int = 0, ticks: int = 1
) -> ProtoOATrendbar:
    return ProtoOATrendbar(
        volume=ticks, period=period, low=low, deltaOpen=opened, deltaHigh=high, utcTimestampInMinutes=minute
    )


def spot(
    *bars: ProtoOATrendbar, symbol_id: int = 1, bid: int | None = None, ask: int | None = None, at: int | None = None
) -> ProtoOASpotEvent:
    return ProtoOASpotEvent(ctidTraderAccountId=1, symbolId=symbol_id, bid=bid, ask=ask, trendbar=bars, timestamp=at)


def ohlc(bar: Bar | None) -> str:
    assert bar is not None
    return " ".join(str(int(price * 100000)) for price in (bar.open, bar.high, bar.low, bar.close))


def test_a_newer_opening_closes_the_bar() -> None:
    bars = LiveBars()
    assert bars.feed(spot(trendbar(10, 100, opened=5, high=20, ticks=3), bid=110)) == []
    assert bars.feed(spot(trendbar(10, 99, opened=6, high=21, ticks=4), bid=99)) == []
    (closed,) = bars.feed(spot(trendbar(11, 101, ticks=1), bid=101), 5)
    assert (closed.opened, closed.period, closed.symbol_id, closed.ticks) == (600_000, M1, 1, 4)
    assert ohlc(closed) == "105 120 99 99"
    assert ohlc(bars.running(1, M1)) == "101 101 101 101"


def test_the_close_is_the_events_bid_not_the_low() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10, 100, high=20), bid=117))
    assert ohlc(bars.running(1, M1)) == "100 120 100 117"


def test_without_a_bid_the_last_known_one_closes() -> None:
    bars = LiveBars()
    bars.feed(spot(bid=115))
    bars.feed(spot(trendbar(10, 100, high=20), ask=130))
    assert ohlc(bars.running(1, M1)) == "100 120 100 115"


def test_a_bar_whose_close_nobody_can_know_is_left_out() -> None:
    bars = LiveBars()
    assert bars.feed(spot(trendbar(10), ask=130)) == []
    assert bars.running(1, M1) is None
    assert bars.feed(spot(trendbar(11), bid=100)) == []


def test_a_delta_close_is_believed_if_one_ever_comes() -> None:
    bars = LiveBars()
    live = trendbar(10, 100, high=20)
    live.deltaClose = 7
    bars.feed(spot(live, bid=120))
    assert ohlc(bars.running(1, M1)) == "100 120 100 107"


def test_stale_and_repeated_openings_change_nothing() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), bid=100))
    assert len(bars.feed(spot(trendbar(11, 101), bid=101))) == 1
    assert bars.feed(spot(trendbar(10, 50), bid=60)) == []  # the old bar again
    assert bars.feed(spot(trendbar(11, 101), bid=101)) == []
    (closed,) = bars.feed(spot(trendbar(12, 102), bid=102))
    assert ohlc(closed) == "101 101 101 101"


def test_bars_close_once_over_a_gap() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), bid=100))
    assert [bar.opened for bar in bars.feed(spot(trendbar(15), bid=100))] == [600_000]  # no ticks, no bars between


def test_an_old_and_a_new_bar_in_one_event_whatever_their_order() -> None:
    for order in (1, -1):
        bars = LiveBars()
        bars.feed(spot(trendbar(10, 100, high=5), bid=103))
        event = spot(*[trendbar(10, 100, high=6, ticks=9), trendbar(11, 90)][::order], bid=90)
        (closed,) = bars.feed(event)
        assert ohlc(closed) == "100 106 100 103", "the event's bid belongs to the new bar"
        assert closed.ticks == 9
        assert ohlc(bars.running(1, M1)) == "90 90 90 90"


def test_periods_and_symbols_are_kept_apart() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), trendbar(10, period=M5), bid=100))
    bars.feed(spot(trendbar(10, 200), symbol_id=2, bid=200))
    assert [bar.period for bar in bars.feed(spot(trendbar(11), trendbar(10, period=M5), bid=100))] == [M1]
    closed = bars.feed(spot(trendbar(15, period=M5), trendbar(15), bid=100))
    assert sorted((bar.period, bar.opened) for bar in closed) == [(M1, 660_000), (M5, 600_000)]
    assert ohlc(bars.running(2, M1)) == "200 200 200 200"


def test_long_periods_open_when_the_server_says() -> None:
    bars = LiveBars()
    opening = 29828580  # 21:00 UTC: the trading day rolls at 17:00 New York, no multiple of four hours
    bars.feed(spot(trendbar(opening, period=H4), bid=100))
    (closed,) = bars.feed(spot(trendbar(opening + 240, period=H4), bid=100))
    assert closed.opened == opening * 60_000


def test_after_a_loss_no_bar_is_closed_with_a_hole_in_it() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), bid=100))
    assert bars.closes_at == 660_000
    bars.forget()
    assert bars.running(1, M1) is None and bars.closes_at is None
    assert bars.feed(spot(trendbar(12), ask=1)) == [], "the bid is forgotten with the bars"
    assert bars.feed(spot(trendbar(12), bid=100)) == []


def test_a_bid_without_its_bar_moves_the_bar() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10, 100, high=20, ticks=3), bid=110))
    bars.feed(spot(bid=115))
    assert ohlc(bars.running(1, M1)) == "100 120 100 115"
    bars.feed(spot(bid=90))
    bars.feed(spot(bid=130))
    bars.feed(spot(ask=140))
    bars.feed(spot(symbol_id=2, bid=7))
    assert ohlc(bars.running(1, M1)) == "100 130 90 130", "a close lies between high and low"
    (closed,) = bars.feed(spot(trendbar(11, 101), bid=101))
    assert ohlc(closed) == "100 130 90 130"


def test_a_bid_moves_the_bars_that_its_event_lacks() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), trendbar(10, period=M5), bid=100))
    bars.feed(spot(trendbar(11, 105), bid=105))
    assert ohlc(bars.running(1, M5)) == "100 105 100 105"
    assert bars.feed(spot(trendbar(15, 107), bid=107)) != []
    assert ohlc(bars.running(1, M5)) == "100 105 100 105", "at a quarter past its time was over"


def test_a_bid_moves_no_bar_that_its_event_has_a_newer_one_of() -> None:
    bars = LiveBars()
    opening = 29828400  # 18:00 UTC in summer, where no H4 opens here
    bars.feed(spot(trendbar(opening, period=H4), trendbar(opening), bid=100))
    (closed,) = bars.feed(spot(trendbar(opening + 240, 105, period=H4), bid=105))
    assert ohlc(closed) == "100 100 100 100"


def test_a_bid_after_the_end_of_a_bar_is_not_its_close() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), bid=100, at=600_100))
    bars.feed(spot(bid=105, at=659_999))
    bars.feed(spot(bid=109, at=660_000))
    assert ohlc(bars.running(1, M1)) == "100 105 100 105"


def test_time_closes_bars_that_nothing_follows() -> None:
    bars = LiveBars()
    assert bars.closes_at is None and bars.flush(0) == []
    bars.feed(spot(trendbar(10), trendbar(10, period=M5), bid=100))
    bars.feed(spot(trendbar(9), symbol_id=2, bid=200))
    assert bars.closes_at == 600_000
    assert bars.flush(599_999) == []
    closed = bars.flush(660_000)
    assert [(bar.symbol_id, bar.period, bar.opened) for bar in closed] == [(2, M1, 540_000), (1, M1, 600_000)]
    assert bars.flush(660_000) == [] and bars.closes_at == 900_000
    bars.feed(spot(trendbar(10, period=M5, ticks=2), bid=100))
    assert bars.closes_at == 900_000
    assert bars.running(1, M1) is None and ohlc(bars.running(1, M5)) == "100 100 100 100"


def test_a_bar_closed_by_time_is_not_closed_again() -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(10), bid=100))
    assert len(bars.flush(660_000)) == 1
    assert bars.feed(spot(trendbar(10, ticks=2), bid=101)) == [], "a late event of it"
    assert bars.running(1, M1) is None and bars.flush(FOREVER) == []
    assert bars.feed(spot(trendbar(11), bid=100)) == []
    (closed,) = bars.feed(spot(trendbar(12), bid=100))
    assert closed.opened == 660_000


def test_the_old_bar_of_a_weekend_closes_once() -> None:
    friday, sunday = 29827975, 29830865  # 18 September 2026, 20:55 UTC; 20 September, 21:05
    now = (friday + 600) * 60_000
    for by_time in (True, False):
        bars = LiveBars()
        assert bars.feed(spot(trendbar(friday, 100, high=5), bid=103)) == []
        closed = bars.flush(now) if by_time else []
        closed += bars.feed(spot(trendbar(sunday, 90), bid=90))
        assert [(bar.opened, ohlc(bar)) for bar in closed] == [(friday * 60_000, "100 105 100 103")]
        assert ohlc(bars.running(1, M1)) == "90 90 90 90"


@pytest.mark.parametrize(
    ("period", "opened", "end"),
    [
        (H4, "2026-03-06T18:00", "2026-03-06T22:00"),  # winter
        (H4, "2026-03-08T21:00", "2026-03-09T01:00"),  # summer since that morning
        (D1, "2026-03-08T21:00", "2026-03-09T21:00"),
        (D1, "2025-10-30T21:00", "2025-10-31T21:00"),
        (D1, "2025-11-02T22:00", "2025-11-03T22:00"),
        (W1, "2026-03-01T22:00", "2026-03-08T21:00"),
        (H4, "2026-03-06T20:00", None),  # where no H4 opens: the server knows better, so time does not close it
        (D1, "2026-07-15T22:00", None),
    ],
)
def test_the_time_of_long_bars_is_over_by_new_yorks_clock(period: int, opened: str, end: str | None) -> None:
    bars = LiveBars()
    bars.feed(spot(trendbar(ms(opened) // 60_000, period=period), bid=100))
    assert bars.closes_at == (None if end is None else ms(end))
    assert len(bars.flush(FOREVER)) == (end is not None)
    (closed,) = bars.feed(spot(trendbar(ms("2026-12-01T00:00") // 60_000, period=period), bid=1)) or [None]
    assert (closed is None) == (end is not None)


@needs_recordings
def test_the_recorded_bar_change() -> None:
    bars = LiveBars()
    digits = {1: 5, 279: 2}
    closed = []
    for row in recording("market_data.jsonl"):
        if row.payload_type == 2131:
            event = row.read(ProtoOASpotEvent)
            assert not any(bar.HasField("deltaClose") for bar in event.trendbar)
            closed += bars.feed(event, digits[event.symbolId])
    opened = 29829286 * 60_000
    assert closed == [
        Bar(1, M1, opened, *map(Decimal, ("1.14813", "1.14824", "1.14813", "1.14822")), ticks=70),
        Bar(279, M1, opened, *map(Decimal, ("25287.34", "25293.84", "25287.34", "25292.74")), ticks=106),
    ]
    assert [str(closed[1].close), str(closed[0].open)] == ["25292.74", "1.14813"]
    running = bars.running(279, M1)
    assert running == Bar(
        279, M1, opened + 60_000, *map(Decimal, ("25293.74", "25293.74", "25293.24", "25293.24")), ticks=4
    )


@needs_recordings
def test_the_recorded_page_of_history() -> None:
    page = next(r for r in recording("market_data.jsonl") if r.payload_type == 2138).read(ProtoOAGetTrendbarsRes)
    assert not page.trendbar[0].HasField("period")
    first = historical_bar(1, page.period, page.trendbar[0])
    assert first == Bar(
        1,
        ProtoOATrendbarPeriod.M15,
        29828535 * 60_000,
        *map(Decimal, ("1.14813", "1.14835", "1.14791", "1.14826")),
        ticks=1613,
    )
