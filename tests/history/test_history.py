"""Bars and ticks of an account, from the simulated venue: all of them, in order, whatever happens on the way."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from linecache import getline
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted import messages
from ctrader_twisted.errors import (
    ClientClosed,
    HistoryIncomplete,
    HistoryRefused,
    RateLimited,
    UnknownSymbol,
)
from ctrader_twisted.history.tables import concat
from ctrader_twisted.market import historical_bar
from ctrader_twisted.sim import Limits, Options
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.feed import Side
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, VenueKit
from ctrader_twisted.wire.choice import Wire

if TYPE_CHECKING:
    from ctrader_twisted.account import Account
    from ctrader_twisted.history.series import Series

NOW = datetime.fromtimestamp(DEFAULT_START / 1000, UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PATIENT = 3_600.0
EURUSD = 1


class Desk(VenueKit):
    """A venue with small pages, and an account of it."""

    def __init__(self, *, page: int = 100, limits: Limits | None = None, **options: Any) -> None:
        kit = {name: options.pop(name) for name in ("wire", "feed") if name in options}
        super().__init__(
            limits=limits or Limits(), options=Options(bars_per_page=page, ticks_per_page=page, **options), **kit
        )
        self.client_ = self.ready_client(EUR_ACCOUNT)
        self.account: Account = self.settle(self.client_.account(EUR_ACCOUNT).ready())
        self.asked: list[messages.ProtoOAGetTrendbarsReq | messages.ProtoOAGetTickDataReq] = []
        self._real = self.client_.request_unread
        self.client_.request_unread = self._request_unread

    def _request_unread(self, message: Any, *, timeout: float | None = None) -> Deferred[Any]:
        self.asked.append(message)
        return self._real(message, timeout=timeout)

    def bars(self, start: datetime, end: datetime, period: Period = Period.M1) -> list[tuple[int, ...]]:
        """What the venue knows."""
        bounds = round(start.timestamp() * 1000), round(end.timestamp() * 1000) - 1
        found, _ = self.venue.feed.bars_back(EURUSD, period, *bounds, 10**6, now_ms=self.venue.now())
        return [(bar.open_ms, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found]

    def ticks(self, side: Side, start: datetime, end: datetime) -> list[tuple[int, int]]:
        bounds = round(start.timestamp() * 1000), round(end.timestamp() * 1000) - 1
        found, _ = self.venue.feed.ticks_back(EURUSD, side, *bounds, 10**6, now_ms=self.venue.now())
        return [tuple(tick) for tick in found[::-1]]

    def whole(self, series: Series[Any]) -> Any:
        return self.settle(series.whole(), PATIENT)

    def each(self, series: Series[Any]) -> list[Any]:
        async def iterate() -> list[Any]:
            return [table async for table in series]

        return self.settle(Deferred.fromCoroutine(iterate()), PATIENT)


def listed(table: Any) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in table.columns.values()), strict=True))


# ------------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("page", [2, 37, 5000])
def test_bars_are_those_of_the_venue(page: int) -> None:
    start, end = NOW - 5 * HOUR, NOW - HOUR
    with Desk(page=page) as desk:
        expected = desk.bars(start, end)
        whole = desk.whole(desk.account.bars("EURUSD", "M1", start, end))
        assert len(expected) > 200
        assert listed(whole) == expected
        assert (whole.symbol, whole.period, whole.digits, whole.symbol_id) == ("EURUSD", "M1", 5, EURUSD)
        tables = desk.each(desk.account.bars("EURUSD", "m1", start, end))
        assert listed(concat(tables)) == expected


@pytest.mark.parametrize("page", [2, 60, 61, 240])
@pytest.mark.parametrize(
    ("start", "end"),
    [(NOW - 5 * HOUR, NOW - HOUR), (datetime(2026, 2, 27, 20, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))],
    ids=["within a day", "across a weekend"],
)
def test_a_venue_that_keeps_the_oldest_bars_of_a_window_leaves_none_out(
    page: int, start: datetime, end: datetime
) -> None:
    """It is not settled which end a server keeps."""
    with Desk(page=page, capped_bars="oldest") as desk:
        expected = desk.bars(start, end)
        assert len(expected) > 200
        assert listed(desk.whole(desk.account.bars("EURUSD", "M1", start, end))) == expected
        assert len(desk.asked) <= len(expected) / (page - 1) + 3
        assert listed(concat(desk.each(desk.account.bars("EURUSD", "M1", start, end)))) == expected


def test_a_venue_that_keeps_the_oldest_is_read_up_to_now() -> None:
    start = NOW - 4 * DAY
    with Desk(page=700, capped_bars="oldest") as desk:
        expected = desk.bars(start, NOW)[:-1]
        assert listed(desk.whole(desk.account.bars("EURUSD", "M1", start)))[: len(expected)] == expected
        assert listed(concat(desk.each(desk.account.bars("EURUSD", "M1", start))))[: len(expected)] == expected


def test_bars_across_a_weekend_take_no_more_requests_than_pages() -> None:
    start = NOW - 10 * DAY
    with Desk(page=1000) as desk:
        expected = desk.bars(start, NOW)
        series = desk.account.bars("EURUSD", "M1", start, NOW)
        assert listed(desk.whole(series)) == expected[:-1]
        assert series.pages == -(-len(expected) // 1000)
        assert len(desk.asked) == series.pages + 1  # the first asks where the present is: a kit's clock does not know


@pytest.mark.parametrize("period", ["H4", "D1", "W1", "MN1"])
def test_longer_bars_keep_the_openings_of_the_server(period: str) -> None:
    start = NOW - 400 * DAY
    with Desk() as desk:
        expected = desk.bars(start, NOW, Period[period])[:-1]  # the last one is running, and the venue gives none such
        tables = desk.each(desk.account.bars("EURUSD", period, start, NOW))
        assert listed(concat(tables)) == expected


def test_rows_are_what_the_messages_say() -> None:
    start, end = NOW - HOUR, NOW - HOUR / 2
    with Desk() as desk:
        table = desk.whole(desk.account.bars("eurusd", Period.M5, start, end))
        request = messages.ProtoOAGetTrendbarsReq(
            ctidTraderAccountId=EUR_ACCOUNT,
            symbolId=EURUSD,
            period=messages.ProtoOATrendbarPeriod.M5,
            fromTimestamp=round(start.timestamp() * 1000),
            toTimestamp=round(end.timestamp() * 1000) - 1,
        )
        answer = desk.settle(desk.client_.request(request))
        assert list(table) == [historical_bar(EURUSD, answer.period, bar, 5) for bar in answer.trendbar]


@pytest.mark.parametrize("page", [50, 5000])
@pytest.mark.parametrize("side", Side)
def test_ticks_are_those_of_the_venue(side: Side, page: int) -> None:
    start, end = NOW - HOUR, NOW - HOUR / 2
    with Desk(page=page) as desk:
        expected = desk.ticks(side, start, end)
        assert len(expected) > 500
        assert listed(desk.whole(desk.account.ticks("EURUSD", side.name.lower(), start, end))) == expected
        tables = desk.each(desk.account.ticks("EURUSD", side.name.lower(), start, end))
        assert listed(concat(tables)) == expected


def test_quotes_are_both_sides_after_each_change() -> None:
    start, end = NOW - HOUR, NOW - HOUR / 2
    with Desk(page=700) as desk:
        sides = [desk.ticks(side, start, end) for side in (Side.BID, Side.ASK)]
        whole = desk.whole(desk.account.quote_ticks("EURUSD", start, end))
        assert listed(concat(desk.each(desk.account.quote_ticks("EURUSD", start, end)))) == listed(whole)
        bids, asks = (dict(side) for side in sides)  # of a ms the last
        last: dict[int, tuple[int, int]] = {}
        bid = ask = None
        for at in sorted({*bids, *asks}):
            bid, ask = bids.get(at, bid), asks.get(at, ask)
            if bid is not None and ask is not None:
                last[at] = bid, ask
        assert {at: (bid, ask) for at, bid, ask in listed(whole)} == last
        quote = whole[0]
        assert quote.ask - quote.bid == quote.spread > 0


@pytest.mark.parametrize("wire", list(Wire))
def test_over_every_wire(wire: Wire) -> None:
    start, end = NOW - HOUR, NOW
    with Desk(wire=wire, page=40) as desk:
        assert listed(desk.whole(desk.account.bars("EURUSD", "M1", start, end))) == desk.bars(start, end)[:-1]
        ticks = desk.account.ticks("EURUSD", "ask", end - HOUR / 60, end)
        assert listed(desk.whole(ticks)) == desk.ticks(Side.ASK, end - HOUR / 60, end)


# --------------------------------------------------------------------------------------------------- what there is not


def test_an_empty_market() -> None:
    saturday = datetime(2026, 2, 28, tzinfo=UTC)
    with Desk() as desk:
        for series in (
            desk.account.bars("EURUSD", "M1", saturday, saturday + 12 * HOUR),
            desk.account.ticks("EURUSD", "bid", saturday, saturday + 12 * HOUR),
            desk.account.quote_ticks("EURUSD", saturday, saturday + 12 * HOUR),
        ):
            table = desk.whole(series)
            assert len(table) == 0
            assert list(table) == []
        assert desk.each(desk.account.bars("EURUSD", "M1", saturday, saturday + 12 * HOUR)) == []
        assert desk.each(desk.account.quote_ticks("EURUSD", saturday, saturday + 12 * HOUR)) == []


def test_long_before_the_first_bar() -> None:
    with Desk(page=5000) as desk:
        end = NOW - 3 * DAY
        start = datetime(1971, 1, 1, tzinfo=UTC)
        series = desk.account.bars("EURUSD", "D1", start, end)
        tables = desk.each(series)
        known = desk.bars(datetime(2000, 1, 1, tzinfo=UTC), end, Period.D1)
        assert listed(concat(tables))[-len(known) :] == known
        assert len(desk.asked) < 3 * (len(concat(tables)) // 5000) + 60


def test_ticks_long_before_the_first_one_cost_no_request_a_week() -> None:
    """Weekly bars tell where history begins."""
    start, end = NOW - 15 * 365 * DAY, datetime(2026, 2, 8, 23, 5, tzinfo=UTC)
    begins = datetime(2026, 2, 9, tzinfo=UTC)  # a Monday, whose trading day begins on Sunday evening
    with Desk(page=100_000, feed=ModelFeed(7, history_start_ms=round(begins.timestamp() * 1000))) as desk:
        expected = {side: desk.ticks(side, start, end) for side in Side}
        assert expected[Side.BID]
        for side in Side:
            desk.asked.clear()
            assert listed(desk.whole(desk.account.ticks("EURUSD", side.name.lower(), start, end))) == expected[side]
            assert len(desk.asked) < 8
            desk.asked.clear()
            tables = desk.each(desk.account.ticks("EURUSD", side.name.lower(), start, end))
            assert listed(concat(tables)) == expected[side]
            assert len(desk.asked) < 18
        desk.asked.clear()
        assert len(desk.whole(desk.account.ticks("EURUSD", "bid", start, start + 3650 * DAY))) == 0
        assert len(desk.asked) < 4
        assert desk.each(desk.account.quote_ticks("EURUSD", start, start + 3650 * DAY)) == []


def test_without_an_end_it_goes_to_the_newest() -> None:
    with Desk() as desk:
        start = NOW - HOUR
        tables = desk.each(desk.account.bars("EURUSD", "M1", start))
        assert concat(tables).opened[-1] == desk.bars(start, NOW + HOUR)[-2][0]
        ticks = desk.whole(desk.account.ticks("EURUSD", "bid", start))
        assert ticks.at[-1] >= desk.ticks(Side.BID, start, NOW)[-1][0]


def test_nothing_is_asked_for_the_future_but_where_it_begins() -> None:
    with Desk() as desk:
        with pytest.warns(UserWarning, match="EURUSD: the server has nothing as late"):
            assert desk.each(desk.account.ticks("EURUSD", "bid", NOW + 300 * DAY, NOW + 900 * DAY)) == []
        assert len(desk.asked) == 1
        assert desk.each(desk.account.ticks("EURUSD", "bid", NOW - HOUR / 30, NOW + 900 * DAY))
        assert len(desk.asked) < 12


@pytest.mark.parametrize("how", ["whole", "each"])
def test_what_lies_after_the_newest_of_the_server_is_told(how: str) -> None:
    start = NOW + 8 * DAY
    with Desk() as desk:
        for series in (
            desk.account.bars("EURUSD", "M1", start),
            desk.account.ticks("EURUSD", "bid", start, start + HOUR),
            desk.account.quote_ticks("EURUSD", start, start + HOUR),
        ):
            with pytest.warns(
                UserWarning, match="^EURUSD: .*, its newest bar is of 2026-03-03T08:5.*begin earlier"
            ) as told:
                assert len(getattr(desk, how)(series)) == 0
            assert len({str(each.message) for each in told}) == 1  # said once, as long as nobody filters otherwise


def test_that_is_told_of_the_line_that_asked() -> None:
    async def ask(series: Series[Any]) -> int:
        return len(await series.whole())  # this one

    async def iterate(series: Series[Any]) -> int:
        return len([table async for table in series])  # or this one

    start = NOW + 8 * DAY
    with Desk() as desk:
        for how, said in ((ask, "this one"), (iterate, "or this one")):
            for series in (desk.account.bars("EURUSD", "M1", start), desk.account.quote_ticks("EURUSD", start)):
                with pytest.warns(UserWarning, match="nothing as late") as told:
                    assert desk.settle(Deferred.fromCoroutine(how(series)), PATIENT) == 0
                assert getline(told[0].filename, told[0].lineno).endswith(f"# {said}\n")


def test_who_takes_warnings_for_errors_is_not_left_waiting() -> None:
    with Desk() as desk, warnings.catch_warnings():
        warnings.simplefilter("error")
        for how in (desk.whole, desk.each):
            with pytest.raises(UserWarning, match="nothing as late"):
                how(desk.account.bars("EURUSD", "M1", NOW + 8 * DAY))


def test_an_empty_span_asks_for_nothing() -> None:
    with Desk() as desk:
        assert len(desk.whole(desk.account.bars("EURUSD", "M1", NOW - HOUR, NOW - HOUR))) == 0
        assert len(desk.asked) <= 1


def test_periods_by_their_length_and_sides_in_any_case() -> None:
    with Desk() as desk:
        hours = desk.whole(desk.account.bars("EURUSD", "1h", NOW - 5 * HOUR, NOW - HOUR))
        assert (hours.period, len(hours)) == ("H1", 4)
        ticks = [desk.whole(desk.account.ticks("EURUSD", side, NOW - HOUR, NOW)) for side in ("bid", "BID")]
        assert len(ticks[0]) == len(ticks[1]) > 0


def test_an_unknown_symbol_is_told_by_name() -> None:
    with Desk() as desk:
        series = desk.account.bars("EURUDS", "M1", NOW - HOUR, NOW)
        with pytest.raises(UnknownSymbol, match="EURUSD"):
            desk.whole(series)
        with pytest.raises(UnknownSymbol):
            desk.each(series)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("M1", NOW, NOW - HOUR), "before the start.*other way round"),
        (("M1", NOW.replace(tzinfo=None), NOW), "the start, .* has no time zone: give one"),
        (("M1", NOW - HOUR, NOW.replace(tzinfo=None)), "the end, .* has no time zone"),
        (("7m", NOW - HOUR, NOW), "no bars of '7m': give one of M1, .*, or make them of ticks: .*bars_of"),
        (("M7", NOW - HOUR, NOW), "there is no period 'M7': give one of M1, M2"),
        ((99, NOW - HOUR, NOW), "there is no period 99"),
        (
            ("M1", "2026-03-01", NOW),
            r"'2026-03-01', is no datetime: give datetime\.fromisoformat\('2026-03-01T00:00:00\+00:00'",
        ),
        (
            ("M1", "yesterday", NOW),
            r"the start, 'yesterday', is no datetime: give one .*, such as datetime\(2026, 1, 31",
        ),
        (("M1", NOW.date(), NOW), r"the start, 2026-03-03, is no datetime: give .*\('2026-03-03T00:00:00\+00:00'\)"),
        (("M1", 1_772_528_400_000, NOW), r"is no datetime: give .*\('2026-03-03T09:00:00\+00:00'\) if it is ms"),
        (("M1", 1_772_528_400, NOW), r"is no datetime: give .*\('2026-03-03T09:00:00\+00:00'\) if it is seconds"),
        (("M1", None, NOW), "the start, None, is no datetime: give one"),
        (("M1", NOW - HOUR, "2026-03-04"), "the end, '2026-03-04', is no datetime"),
    ],
)
def test_what_can_not_be_asked_for_is_refused_at_once(arguments: tuple[Any, ...], said: str) -> None:
    with Desk() as desk:
        with pytest.raises(HistoryRefused, match=said):
            desk.account.bars("EURUSD", *arguments)
        with pytest.raises(HistoryRefused, match="no side 'mid'"):
            desk.account.ticks("EURUSD", "mid", NOW - HOUR, NOW)
        assert not desk.asked


@pytest.mark.parametrize("symbol", [1, None, 1.5, b"EURUSD"])
def test_what_is_no_symbol_is_refused_at_once(symbol: Any) -> None:
    with Desk() as desk:
        account = desk.account
        for ask in (
            lambda: account.bars(symbol, "M1", NOW - HOUR, NOW),
            lambda: account.ticks(symbol, "bid", NOW - HOUR, NOW),
            lambda: account.quote_ticks(symbol, NOW - HOUR, NOW),
        ):
            with pytest.raises(HistoryRefused, match=f'{symbol!r} is no symbol: give its name, .*"EURUSD"'):
                ask()


# --------------------------------------------------------------------------------------------------- what goes wrong


def test_a_used_up_quota_is_waited_for() -> None:
    start, end = NOW - 20 * HOUR, NOW - HOUR
    with Desk() as desk:
        expected = desk.bars(start, end)
        series = desk.account.bars("EURUSD", "M1", start, end)
        fetching = series.whole()
        desk.advance(1.0)
        assert series.pages > 1
        desk.play("limit_history", seconds=100.0, retry_after=1.0)
        before = len(desk.asked)
        assert listed(desk.settle(fetching, PATIENT)) == expected
        # Waits double: 1, 2, 4, …, and one request more for each.
        assert len(desk.asked) - before <= 8 + len(expected) // 100


def test_a_quota_that_stays_used_up_ends_it_and_it_can_be_gone_on_with() -> None:
    start, end = NOW - 20 * HOUR, NOW - HOUR
    with Desk() as desk:
        expected = desk.bars(start, end)
        series = desk.account.bars("EURUSD", "M1", start, end, patience=60.0)
        fetching = series.whole()
        desk.advance(1.0)
        began = desk.clock.seconds()
        desk.play("limit_history", seconds=400.0, retry_after=1.0)
        with pytest.raises(HistoryIncomplete, match="EURUSD M1 ended at 2026-03-0.*BLOCKED_PAYLOAD_TYPE") as caught:
            desk.settle(fetching, PATIENT)
        error = caught.value
        assert isinstance(error.__cause__, RateLimited)
        assert 55 < desk.clock.seconds() - began < 200
        assert len(error.got) == series.rows > 0
        assert error.got.opened[0] == error.until.timestamp() * 1000
        desk.advance(400.0)
        rest = desk.whole(desk.account.bars("EURUSD", "M1", start, error.until))
        assert listed(concat([rest, error.got])) == expected


def test_iterating_goes_on_where_an_error_was() -> None:
    start, end = NOW - 40 * DAY, NOW - HOUR
    with Desk(page=2000) as desk:
        expected = desk.bars(start, end)
        series = desk.account.bars("EURUSD", "M1", start, end, patience=20.0)
        tables = [desk.settle(anext(series), PATIENT)]
        desk.play("limit_history", seconds=150.0, retry_after=1.0)
        errors = []

        async def go_on() -> None:
            while True:
                try:
                    async for table in series:
                        tables.append(table)
                except HistoryIncomplete as error:
                    errors.append((error, tables[-1].opened[-1]))
                else:
                    return

        desk.settle(Deferred.fromCoroutine(go_on()), PATIENT)
        assert errors
        for error, last in errors:
            assert error.got is None
            assert error.until.timestamp() * 1000 > last
        assert listed(concat(tables)) == expected


@pytest.mark.parametrize("after", [0.0, 0.3, 1.1])
def test_a_cut_in_the_middle_loses_nothing_and_doubles_nothing(after: float) -> None:
    start, end = NOW - 20 * HOUR, NOW - HOUR
    with Desk() as desk:
        expected = desk.bars(start, end)
        ticks = desk.ticks(Side.BID, end, end + HOUR / 20)
        series = desk.account.bars("EURUSD", "M1", start, end)
        both = [series.whole(), desk.account.ticks("EURUSD", "bid", end, end + HOUR / 20).whole()]
        desk.advance(after)
        assert series.rows < len(expected)
        desk.cut()
        desk.advance(0.5)
        desk.refuse_connections()
        desk.advance(30.0)
        desk.accept_connections()
        assert listed(desk.settle(both[0], PATIENT)) == expected
        assert listed(desk.settle(both[1], PATIENT)) == ticks


def test_an_account_that_is_dropped_is_waited_for() -> None:
    start, end = NOW - 20 * HOUR, NOW - HOUR
    with Desk() as desk:
        expected = desk.bars(start, end)
        fetching = desk.account.bars("EURUSD", "M1", start, end).whole()
        desk.advance(0.5)
        desk.play("disconnect_account", account_id=EUR_ACCOUNT)
        assert listed(desk.settle(fetching, PATIENT)) == expected


def test_answers_that_do_not_come_are_asked_for_again() -> None:
    start, end = NOW - 10 * HOUR, NOW - HOUR
    with Desk() as desk:
        expected = desk.bars(start, end)
        series = desk.account.bars("EURUSD", "M1", start, end)
        desk.play("drop_answers", count=2)
        began = desk.clock.seconds()
        assert listed(desk.whole(series)) == expected
        assert desk.clock.seconds() - began > 60


@pytest.mark.parametrize("code", ["CANT_ROUTE_REQUEST", "SERVER_IS_UNDER_MAINTENANCE"])
def test_a_back_end_that_is_down_is_waited_for(code: str) -> None:
    start, end = NOW - 10 * HOUR, NOW - HOUR
    with Desk() as desk:
        expected = desk.bars(start, end)
        series = desk.account.bars("EURUSD", "M1", start, end)
        desk.play("backend_down", seconds=50.0, code=code)
        fetching = series.whole()
        assert listed(desk.settle(fetching, PATIENT)) == expected
        assert len(desk.asked) < 20


def test_a_refusal_is_told_as_it_is() -> None:
    with Desk() as desk:
        symbol = desk.settle(desk.account.symbol("EURUSD"))
        from dataclasses import replace

        unknown = replace(symbol, symbol_id=987_654)
        with pytest.raises(Exception, match="SYMBOL_NOT_FOUND|UNKNOWN_SYMBOL") as caught:
            desk.whole(desk.account.bars(unknown, "M1", NOW - HOUR, NOW))
        assert not isinstance(caught.value, HistoryIncomplete)
        assert len(desk.asked) <= 2


# ------------------------------------------------------------------------------------------------------ the reader


def test_whoever_reads_slowly_holds_up_the_asking() -> None:
    with Desk(page=500) as desk:
        series = desk.account.bars("EURUSD", "M1", NOW - 90 * DAY, NOW)
        desk.advance(60.0)
        assert not desk.asked
        first = desk.settle(anext(series), PATIENT)
        desk.advance(300.0)
        asked = len(desk.asked)
        rows = series.rows
        desk.advance(300.0)
        assert (len(desk.asked), series.rows) == (asked, rows)  # one table ahead, and then nothing
        second = desk.settle(anext(series), PATIENT)
        assert len(first) + len(second) == rows
        desk.advance(300.0)
        assert series.rows > rows
        assert 0 < series.share < 1
        assert series.reached.timestamp() * 1000 > second.opened[-1]


def test_a_series_that_is_closed_asks_for_nothing_more() -> None:
    with Desk(page=100) as desk:
        series = desk.account.bars("EURUSD", "M1", NOW - 30 * DAY, NOW)
        waiting = anext(series)
        desk.advance(0.5)
        series.close()
        with pytest.raises(StopAsyncIteration):
            desk.settle(waiting)
        asked = len(desk.asked)
        desk.advance(60.0)
        assert len(desk.asked) == asked
        assert desk.each(series) == []


def test_a_cancelled_whole_asks_for_nothing_more() -> None:
    with Desk(page=100) as desk:
        fetching = desk.account.bars("EURUSD", "M1", NOW - 30 * DAY, NOW).whole()
        desk.advance(0.5)
        fetching.cancel()
        with pytest.raises(CancelledError):
            desk.settle(fetching)
        asked = len(desk.asked)
        desk.advance(60.0)
        assert len(desk.asked) == asked


def test_a_reader_that_leaves_takes_nothing_along() -> None:
    start, end = NOW - 2 * HOUR, NOW - HOUR
    with Desk() as desk:
        series = desk.account.bars("EURUSD", "M1", start, end)
        impatient = anext(series)
        impatient.addErrback(lambda failure: failure.trap(CancelledError))
        impatient.cancel()
        assert listed(concat(desk.each(series))) == desk.bars(start, end)


def test_one_reader_at_a_time() -> None:
    with Desk() as desk:
        series = desk.account.bars("EURUSD", "M1", NOW - 2 * HOUR, NOW)
        first = anext(series)
        with pytest.raises(RuntimeError, match="somebody waits"):
            desk.settle(anext(series))
        assert len(desk.settle(first, PATIENT)) > 0
        whole = series.whole()
        with pytest.raises(RuntimeError, match="being fetched already"):
            desk.settle(series.whole())
        assert len(desk.settle(whole, PATIENT)) > 0


@pytest.mark.parametrize("waits", ["for an answer", "for the quota", "for the connection"])
def test_a_client_that_is_closed_ends_what_waits(waits: str) -> None:
    with Desk(page=100) as desk:
        whole = desk.account.bars("EURUSD", "M1", NOW - 30 * DAY, NOW).whole()
        series = desk.account.bars("EURUSD", "M5", NOW - 30 * DAY, NOW)
        reader = anext(series)
        desk.advance(1.0)
        if waits == "for the quota":
            desk.play("limit_history", seconds=1e6)
            desk.advance(20.0)
        elif waits == "for the connection":
            desk.refuse_connections()
            desk.cut()
            desk.advance(20.0)
        closed = desk.client_.close()
        for waiting in (whole, reader, anext(series), series.whole()):
            with pytest.raises((ClientClosed, HistoryIncomplete)) as caught:
                desk.settle(waiting)
            assert isinstance(caught.value, ClientClosed) or isinstance(caught.value.__cause__, ClientClosed)
        desk.settle(closed)
        late = desk.account.bars("EURUSD", "M1", NOW - HOUR, NOW)
        with pytest.raises(ClientClosed):
            desk.settle(late.whole())


@pytest.mark.parametrize("ends", ["the client", "the series"])
def test_a_whole_after_an_iteration_ends_as_any_other(ends: str) -> None:
    with Desk() as desk:
        series = desk.account.bars("EURUSD", "M1", NOW - HOUR, NOW)
        assert desk.each(series)
        desk.play("backend_down", seconds=1e6)
        whole = series.whole()
        desk.advance(20.0)
        asked = len(desk.asked)
        closed = desk.client_.close() if ends == "the client" else series.close()
        with pytest.raises(ClientClosed if ends == "the client" else CancelledError):
            desk.settle(whole, 0.0)
        desk.advance(100.0)
        assert len(desk.asked) == asked
        if closed is not None:
            desk.settle(closed)


def test_many_at_once_keep_to_the_limits() -> None:
    """The venue refuses a sixth request in a second; none is refused."""
    start, end = NOW - 10 * HOUR, NOW - HOUR
    with Desk() as desk:
        refused: list[Any] = []
        desk.client_.on(messages.ProtoOAErrorRes, refused.append)
        wanted = [desk.account.bars("EURUSD", "M1", start, end).whole() for _ in range(4)]
        tables = [desk.settle(each, PATIENT) for each in wanted]
        assert not refused
        assert all(listed(one) == listed(other) for one, other in pairwise(tables))
