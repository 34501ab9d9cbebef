"""Pages made into tables, from a server made up here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.logger import formatEvent, globalLogPublisher

from ctrader_twisted.errors import (
    AnswerTimeout,
    HistoryIncomplete,
    NoProgress,
    ServerError,
    UndecodablePayload,
    UnknownSymbol,
)
from ctrader_twisted.history.both_sides import QuotePages
from ctrader_twisted.history.paging import Subject
from ctrader_twisted.history.plan import LAST_MS
from ctrader_twisted.history.series import Series
from ctrader_twisted.history.sources import BarPages, TickPages
from ctrader_twisted.history.tables import concat
from ctrader_twisted.market.calendar import WEEK
from ctrader_twisted.messages import (
    ProtoOAGetTickDataReq,
    ProtoOAGetTickDataRes,
    ProtoOAGetTrendbarsReq,
    ProtoOAGetTrendbarsRes,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_784_000_040_000  # a whole minute
SUBJECT = Subject(7, 1, "EURUSD", 5)


class Server:
    """Answers at once, from rows that it is given.

    :ivar bars: openings.
    :ivar ticks: time and price by side, ascending.
    :ivar errors: what it fails with, by the number of the request.
    :ivar widest: ms that a request may cover.
    :ivar always: what it answers from the third request on.
    :ivar keeps: which end of what is asked for a page keeps.
    """

    def __init__(self, bars: list[int] | None = None, ticks: dict[int, list[tuple[int, int]]] | None = None) -> None:
        self.bars = bars or []
        self.ticks = ticks or {}
        self.page_size = 10
        self.widest = 10**15
        self.errors: dict[int, Exception] = {}
        self.always: bytes | None = None
        self.keeps = "newest"
        self.asked: list[Any] = []

    async def page(self, message: ProtoOAGetTrendbarsReq | ProtoOAGetTickDataReq) -> bytes:
        self.asked.append(message)
        error = self.errors.pop(len(self.asked) - 1, None)
        if error is not None:
            raise error
        if self.always is not None and len(self.asked) > 2:
            return self.always
        if message.HasField("fromTimestamp") and message.toTimestamp - message.fromTimestamp >= self.widest:
            raise ServerError("INCORRECT_BOUNDARIES")
        if isinstance(message, ProtoOAGetTrendbarsReq):
            found = [at for at in self.bars if message.fromTimestamp <= at <= message.toTimestamp]
            answer = ProtoOAGetTrendbarsRes(ctidTraderAccountId=7, period=1, hasMore=len(found) > self.page_size)
            for at in self.kept(found):
                answer.trendbar.add(volume=3, low=100, deltaClose=1, deltaHigh=2, utcTimestampInMinutes=at // MINUTE)
            return answer.SerializeToString()
        rows = [row for row in self.ticks[message.type] if message.fromTimestamp <= row[0] <= message.toTimestamp]
        ticks = ProtoOAGetTickDataRes(ctidTraderAccountId=7, hasMore=len(rows) > self.page_size)
        before = (0, 0)
        for row in self.kept(rows)[::-1]:
            ticks.tickData.add(timestamp=row[0] - before[0], tick=row[1] - before[1])
            before = row
        return ticks.SerializeToString()

    def kept(self, rows: list[Any]) -> list[Any]:
        return rows[-self.page_size :] if self.keeps == "newest" else rows[: self.page_size]


def subject() -> Any:
    return succeed(SUBJECT)


def bar_pages(server: Server, start: int, end: int, period: str = "M1", now: int = NOW, **options: Any) -> BarPages:
    return BarPages(subject, server, start, end, lambda: now, period=period, **options)


def tick_pages(server: Server, start: int, end: int, side: int = 1) -> TickPages:
    return TickPages(subject, server, start, end, lambda: NOW, side=side)


def run(coroutine: Any) -> Any:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def result(waiting: Deferred[Any]) -> Any:
    found: list[Any] = []
    waiting.addCallback(found.append)
    return found[0]


def each(source: Any) -> list[Any]:
    found = []
    while (table := run(source.next())) is not None:
        assert len(table)
        found.append(table)
    return found


# ------------------------------------------------------------------------------------------------------------ bars


@pytest.mark.parametrize("ago", [0, 1, 30_000, MINUTE - 1])
def test_the_running_bar_is_left_out_unless_asked_for(ago: int) -> None:
    server = Server([NOW - 2 * MINUTE, NOW - MINUTE, NOW])
    closed, all_of_them = [NOW - 2 * MINUTE, NOW - MINUTE], [NOW - 2 * MINUTE, NOW - MINUTE, NOW]
    start, end, now = NOW - HOUR, NOW + HOUR, NOW + ago
    assert run(bar_pages(server, start, end, now=now).whole()).opened.tolist() == closed
    assert [table.opened.tolist() for table in each(bar_pages(server, start, end, now=now))] == [closed]
    assert run(bar_pages(server, start, end, now=now, running=True).whole()).opened.tolist() == all_of_them
    assert run(bar_pages(server, start, NOW, now=now).whole()).opened.tolist() == closed


def test_a_bar_that_has_closed_is_given() -> None:
    server = Server([NOW - MINUTE, NOW])
    assert run(bar_pages(server, NOW - HOUR, NOW + HOUR, now=NOW + MINUTE).whole()).opened.tolist() == server.bars


def test_a_clock_that_is_far_behind_takes_no_bar_away() -> None:
    server = Server([NOW - MINUTE, NOW])
    for now in (0, NOW - 3 * DAY):
        assert run(bar_pages(server, NOW - HOUR, NOW + HOUR, now=now).whole()).opened.tolist() == server.bars


def test_the_only_bar_may_be_running() -> None:
    source = bar_pages(Server([NOW]), NOW - HOUR, NOW + HOUR, now=NOW + 1)
    assert each(source) == []
    assert source.share == 1.0


def test_a_server_of_narrow_bounds_is_asked_for_less() -> None:
    """A vendor's sample has 302 400 000 ms for M1."""
    server = Server([NOW - 40 * DAY + index * HOUR for index in range(900)])
    server.page_size, server.widest = 500, 302_400_000
    source = bar_pages(server, NOW - 40 * DAY, NOW)
    assert concat(each(source)).opened.tolist() == server.bars
    refused = [ask for ask in server.asked if ask.toTimestamp - ask.fromTimestamp >= server.widest]
    assert 1 <= len(refused) <= 4
    server.asked.clear()
    assert run(bar_pages(server, NOW - 40 * DAY, NOW).whole()).opened.tolist() == server.bars


def test_bounds_that_stay_refused_are_told() -> None:
    server = Server([NOW])
    server.widest = 0
    with pytest.raises(ServerError, match="INCORRECT_BOUNDARIES"):
        run(bar_pages(server, NOW - DAY, NOW).whole())
    assert len(server.asked) < 20


def test_no_request_has_a_count_that_would_win_over_its_beginning() -> None:
    server = Server([NOW - index * MINUTE for index in range(50, 0, -1)])
    run(bar_pages(server, NOW - HOUR, NOW).whole())
    assert [(ask.fromTimestamp, ask.count) for ask in server.asked] == [(NOW - HOUR, 0)] * 5
    assert server.asked[0].toTimestamp == NOW - 1


def test_the_future_is_not_asked_for() -> None:
    server = Server([NOW - MINUTE])
    each(bar_pages(server, NOW - HOUR, LAST_MS + 1))
    assert max(ask.toTimestamp for ask in server.asked) < NOW + DAY


def test_where_the_clock_is_wrong_the_newest_bar_says_where_the_future_begins() -> None:
    server = Server([NOW - MINUTE])
    assert [len(table) for table in each(bar_pages(server, NOW - HOUR, LAST_MS + 1, now=0))] == [1]
    first, *others = server.asked
    assert first.count
    assert first.toTimestamp == LAST_MS
    assert max(ask.toTimestamp for ask in others) < NOW + DAY


# --------------------------------------------------------------------------------------------------- what goes wrong


def test_no_progress_is_told_with_what_was_got() -> None:
    server = Server([NOW - index * MINUTE for index in range(30, 0, -1)])
    server.always = run(server.page(ProtoOAGetTrendbarsReq(fromTimestamp=0, toTimestamp=NOW)))
    server.asked.clear()
    with pytest.raises(HistoryIncomplete, match="EURUSD M1 ended at .*gives nothing new") as caught:
        run(bar_pages(server, NOW - HOUR, NOW).whole())
    assert isinstance(caught.value.__cause__, NoProgress)
    assert caught.value.got.opened.tolist() == server.bars[-20:]
    assert len(server.asked) == 4


def test_what_can_not_be_read_is_told() -> None:
    server = Server([NOW - index * MINUTE for index in range(30, 0, -1)])
    server.always = b"\xff"
    with pytest.raises(HistoryIncomplete) as caught:
        run(bar_pages(server, NOW - HOUR, NOW).whole())
    assert isinstance(caught.value.__cause__, UndecodablePayload)
    assert caught.value.until.timestamp() * 1000 == NOW - 20 * MINUTE
    server.asked.append(None)
    with pytest.raises(UndecodablePayload):
        run(bar_pages(server, NOW - HOUR, NOW).whole())  # of the first page there is nothing to add


def test_a_first_page_alone_is_not_taken_for_the_newest() -> None:
    """Until older rows have come, nobody knows that the server did not leave out newer ones."""
    server = Server([NOW - index * MINUTE for index in range(30, 0, -1)])
    server.errors[1] = AnswerTimeout("ProtoOAGetTrendbarsReq", "no answer")
    with pytest.raises(HistoryIncomplete) as caught:
        run(bar_pages(server, NOW - HOUR, NOW).whole())
    assert (len(caught.value.got), caught.value.until.timestamp() * 1000) == (0, NOW)


@pytest.mark.parametrize("keeps", ["newest", "oldest"])
@pytest.mark.parametrize("number", range(1, 8))
def test_what_was_got_and_the_rest_are_the_whole(keeps: str, number: int) -> None:
    """Pages end between ticks of one ms."""
    bars = [NOW - index * MINUTE for index in range(100, 0, -1)]
    ticks = [(NOW - HOUR + index // 7 * 1_000, index) for index in range(100)]
    for make in (bar_pages, tick_pages):
        server = Server(bars, {1: ticks})
        server.keeps = keeps
        server.errors[number] = AnswerTimeout("ProtoOAGetTickDataReq", "no answer")
        with pytest.raises(HistoryIncomplete) as caught:
            run(make(server, NOW - 2 * HOUR, NOW).whole())
        error = caught.value
        rest = run(make(server, NOW - 2 * HOUR, round(error.until.timestamp() * 1000)).whole())
        assert rows(rest) + rows(error.got) == rows(run(make(server, NOW - 2 * HOUR, NOW).whole()))
        assert len(error.got) > 20 or number < 5 or keeps == "oldest"


@pytest.mark.parametrize("number", range(6))
def test_after_an_error_the_next_window_goes_on(number: int) -> None:
    server = Server([NOW - index * MINUTE for index in range(55, 0, -1)])
    server.errors[number] = AnswerTimeout("ProtoOAGetTrendbarsReq", "no answer")
    source = bar_pages(server, NOW - HOUR, NOW)
    with pytest.raises(HistoryIncomplete) as caught:
        run(source.next())
    assert caught.value.got is None
    assert caught.value.until.timestamp() * 1000 == NOW - HOUR
    assert concat(each(source)).opened.tolist() == server.bars


@pytest.mark.parametrize(
    "error", [ServerError("SYMBOL_NOT_FOUND"), UnknownSymbol("EURUDS", [])], ids=["server", "here"]
)
def test_what_is_wrong_from_the_beginning_speaks_for_itself(error: Exception) -> None:
    server = Server()
    server.errors[0] = error
    with pytest.raises(type(error)):
        run(bar_pages(server, NOW - HOUR, NOW).whole())


# ------------------------------------------------------------------------------------------------------------ ticks


def test_ticks_are_asked_for_by_the_week_at_most() -> None:
    ticks = [(NOW - 20 * DAY + index * HOUR, 100 + index) for index in range(470)]
    server = Server(ticks={1: ticks})
    server.widest = WEEK + 1
    start, end = NOW - 30 * DAY, NOW
    whole = run(tick_pages(server, start, end).whole())
    assert list(zip(whole.at.tolist(), whole.scaled.tolist(), strict=True)) == ticks
    assert concat(each(tick_pages(server, start, end))).at.tolist() == whole.at.tolist()
    assert max(ask.toTimestamp - ask.fromTimestamp for ask in server.asked) == WEEK - 1


def test_a_span_that_begins_and_ends_between_ticks_of_one_ms_has_all_or_none() -> None:
    ticks = [(NOW - 3, 1), (NOW - 2, 2), (NOW - 2, 3), (NOW - 1, 4), (NOW - 1, 5)]
    server = Server(ticks={2: ticks})
    server.page_size = 2
    assert run(tick_pages(server, NOW - 2, NOW - 1, 2).whole()).scaled.tolist() == [2, 3]


# ------------------------------------------------------------------------------------------------------------ quotes


def quotes(server: Server, start: int, end: int) -> QuotePages:
    return QuotePages(tick_pages(server, start, end, 1), tick_pages(server, start, end, 2))


def both_sides(count: int = 400) -> Server:
    return Server(
        ticks={
            1: [(NOW - 10 * HOUR + index * 61_000, 1_000 + index) for index in range(count)],
            2: [(NOW - 10 * HOUR + index * 97_000, 2_000 + index) for index in range(count // 2)],
        }
    )


def rows(table: Any) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in table.columns.values()), strict=True))


def test_quotes_by_the_window_are_those_of_the_whole() -> None:
    server = both_sides()
    whole = run(quotes(server, NOW - 11 * HOUR, NOW).whole())
    source = quotes(server, NOW - 10 * HOUR, NOW)
    tables = each(source)
    assert len(tables) > 3
    assert rows(concat(tables)) == rows(whole)
    assert source.share == 1.0
    assert source.rows == 600
    assert source.pages >= 60
    assert len({(bid, ask) for _, bid, ask in rows(whole)}) >= 580


def test_quotes_of_one_side_only_are_none() -> None:
    server = Server(ticks={1: [(NOW - HOUR, 5)], 2: []})
    assert each(quotes(server, NOW - 2 * HOUR, NOW)) == []
    assert len(run(quotes(server, NOW - 2 * HOUR, NOW).whole())) == 0


@pytest.mark.parametrize("number", [0, 3, 15, 40])
def test_quotes_go_on_after_an_error(number: int) -> None:
    server = both_sides()
    whole = run(quotes(server, NOW - 11 * HOUR, NOW).whole())
    server.asked.clear()
    server.errors[number] = AnswerTimeout("ProtoOAGetTickDataReq", "no answer")
    source = quotes(server, NOW - 11 * HOUR, NOW)
    tables = []
    with pytest.raises(HistoryIncomplete, match="EURUSD quotes|history quotes") as caught:
        while True:
            tables.append(run(source.next()))
    assert all(table.at[-1] < caught.value.until.timestamp() * 1000 for table in tables)
    assert rows(concat([*tables, *each(source)])) == rows(whole)


@pytest.mark.parametrize("number", range(1, 60, 6))
def test_quotes_of_a_whole_that_failed_and_the_rest_are_the_whole(number: int) -> None:
    server = both_sides()
    whole = run(quotes(server, NOW - 11 * HOUR, NOW).whole())
    server.asked.clear()
    server.errors[number] = AnswerTimeout("ProtoOAGetTickDataReq", "no answer")
    with pytest.raises(HistoryIncomplete, match="EURUSD quotes") as caught:
        run(quotes(server, NOW - 11 * HOUR, NOW).whole())
    error = caught.value
    rest = run(quotes(server, NOW - 11 * HOUR, round(error.until.timestamp() * 1000)).whole())
    assert rows(rest) + rows(error.got) == rows(whole)
    assert len(error.got) > 8 * (number - 8)


@pytest.mark.parametrize("number", range(3, 24))
def test_quotes_of_several_ticks_of_a_ms_fit_on_as_well(number: int) -> None:
    begin = NOW - HOUR
    server = Server(
        ticks={
            1: [(begin + index // 3 * 1_000, 1_000 + index) for index in range(120)],
            2: [(begin + index // 4 * 2_000, 2_000 + index) for index in range(80)],
        }
    )
    whole = run(quotes(server, begin - HOUR, NOW).whole())
    server.asked.clear()
    server.errors[number] = AnswerTimeout("ProtoOAGetTickDataReq", "no answer")
    with pytest.raises(HistoryIncomplete) as caught:
        run(quotes(server, begin - HOUR, NOW).whole())
    error = caught.value
    rest = run(quotes(server, begin - HOUR, round(error.until.timestamp() * 1000)).whole())
    assert rows(rest) + rows(error.got) == rows(whole)


def test_quotes_that_fail_at_once_and_for_good_tell_why() -> None:
    for number, error in ((0, ServerError("SYMBOL_NOT_FOUND")), (0, UnknownSymbol("EURUDS", []))):
        server = both_sides()
        server.errors[number] = error
        with pytest.raises(type(error)):
            run(quotes(server, NOW - 11 * HOUR, NOW).whole())


def test_ticks_that_can_not_be_had_are_told() -> None:
    ticks = [(NOW - 9, 1), *[(NOW - 5, price) for price in range(12)], (NOW - 3, 2)]
    server = Server(ticks={1: ticks, 2: [(NOW - 9, 1)]})
    lost = datetime.fromtimestamp((NOW - 5) / 1000, UTC)
    warned: list[str] = []
    globalLogPublisher.addObserver(note := lambda event: warned.append(formatEvent(event)))
    try:
        series = Series(tick_pages(server, NOW - HOUR, NOW))
        assert series.passed_over == ()
        assert len(result(series.whole())) == 12
        assert series.passed_over == (lost,)
        assert warned == [f"EURUSD bid: some ticks of {lost} can't be had: a page holds fewer"]
        series = Series(quotes(server, NOW - HOUR, NOW))
        result(anext(series))
        result(anext(series).addErrback(lambda failure: failure.trap(StopAsyncIteration)))
        assert series.passed_over == (lost,)
        server.page_size = 14
        series = Series(tick_pages(server, NOW - HOUR, NOW))
        assert len(result(series.whole())) == 14
        assert series.passed_over == ()
    finally:
        globalLogPublisher.removeObserver(note)


# ------------------------------------------------------------------------------------------- before there is history

YEARS_AGO, FIRST_WEEK = NOW - 300 * WEEK, NOW - 10 * WEEK
EARLY = [(FIRST_WEEK - DAY, 90), (FIRST_WEEK + HOUR, 100), (FIRST_WEEK + 3 * WEEK, 101)]


def begins(weeks: list[int] | None = None) -> Server:
    """A server whose ticks of both sides are `EARLY` ones, and whose bars are of these weeks."""
    weeks = [FIRST_WEEK, FIRST_WEEK + WEEK] if weeks is None else weeks
    return Server(weeks, {1: EARLY, 2: EARLY})


def got(server: Server, how: str, side: int = 1, until: int = NOW) -> list[tuple[int, int]]:
    source = tick_pages(server, YEARS_AGO, until, side)
    tables = [run(source.whole())] if how == "whole" else each(source)
    return [row for table in tables for row in rows(table)]


def looked_up(server: Server) -> int:
    return sum(isinstance(message, ProtoOAGetTrendbarsReq) for message in server.asked)


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("how", ["whole", "windows"])
def test_bars_tell_where_ticks_begin(how: str, side: int) -> None:
    server = begins()
    assert got(server, how, side) == EARLY  # also what is up to a week before the first bar
    assert len(server.asked) < 30
    assert looked_up(server) == 1
    server.asked.clear()
    assert got(server, how, side, until=FIRST_WEEK - 20 * WEEK) == []
    assert len(server.asked) <= 5


@pytest.mark.parametrize("how", ["whole", "windows"])
def test_what_is_not_known_to_be_empty_is_asked_for(how: str) -> None:
    refuses, loses, says_nothing = begins(), begins(), begins([])
    refuses.widest = WEEK + 1  # as old servers do
    loses.page_size = 1  # of two bars
    earlier = begins([YEARS_AGO - WEEK, FIRST_WEEK])
    for server in (refuses, loses, says_nothing, earlier):
        assert got(server, how) == EARLY
        assert len(server.asked) > 295
        assert looked_up(server) == 1


def test_time_without_bars_in_the_middle_is_asked_for() -> None:
    server = begins([YEARS_AGO + 100 * WEEK, NOW - WEEK])
    assert got(server, "windows") == EARLY
    assert 195 < len(server.asked) < 215


@pytest.mark.parametrize("how", ["whole", "windows"])
def test_a_span_that_is_not_long_is_not_looked_up(how: str) -> None:
    server = begins()
    source = tick_pages(server, FIRST_WEEK - 2 * DAY, FIRST_WEEK - 2 * DAY + 2 * WEEK)
    tables = [run(source.whole())] if how == "whole" else each(source)
    assert [row for table in tables for row in rows(table)] == EARLY[:2]
    assert not looked_up(server)


@pytest.mark.parametrize("how", ["whole", "windows"])
def test_weeks_with_ticks_are_not_looked_up(how: str) -> None:
    ticks = [(NOW - count * DAY, count) for count in range(70, 0, -1)]
    server = Server(ticks={1: ticks})
    source = tick_pages(server, NOW - 70 * DAY, NOW)
    tables = [run(source.whole())] if how == "whole" else each(source)
    assert [row for table in tables for row in rows(table)] == ticks
    assert not looked_up(server)


@pytest.mark.parametrize("how", ["whole", "windows"])
def test_a_lookup_that_fails_loses_nothing(how: str) -> None:
    server = begins()
    assert got(server, how) == EARLY
    where = [isinstance(message, ProtoOAGetTrendbarsReq) for message in server.asked].index(True)
    server.asked.clear()
    server.errors[where] = AnswerTimeout("ProtoOAGetTrendbarsReq", "no answer")
    source = tick_pages(server, YEARS_AGO, NOW)
    with pytest.raises(HistoryIncomplete) as caught:
        run(source.whole()) if how == "whole" else each(source)
    if how == "windows":
        assert [row for table in each(source) for row in rows(table)] == EARLY
    else:
        until = round(caught.value.until.timestamp() * 1000)
        assert got(server, how, until=until) + rows(caught.value.got) == EARLY


def test_ten_ticks_of_a_ms_that_just_fit_are_all() -> None:
    ticks = [(NOW - 9, 1), *[(NOW - 5, price) for price in range(10)], (NOW - 3, 2)]
    source = tick_pages(Server(ticks={1: ticks}), NOW - HOUR, NOW)
    assert len(run(source.whole())) == 12
    assert not source.passed


@pytest.mark.parametrize("keeps", ["newest", "oldest"])
def test_whichever_end_of_what_is_asked_for_a_page_keeps(keeps: str) -> None:
    bars = [NOW - index * MINUTE for index in range(300, 0, -1)]
    ticks = [(NOW - 5 * HOUR + index * 13_000, index % 7) for index in range(900)]
    server = Server(bars, {1: ticks, 2: ticks[::3]})
    server.keeps = keeps
    whole = bar_pages(server, NOW - 6 * HOUR, NOW)
    assert run(whole.whole()).opened.tolist() == bars
    assert concat(each(bar_pages(server, NOW - 6 * HOUR, NOW))).opened.tolist() == bars
    assert rows(run(tick_pages(server, NOW - 6 * HOUR, NOW).whole())) == ticks
    assert rows(concat(each(tick_pages(server, NOW - 6 * HOUR, NOW)))) == ticks
    assert rows(concat(each(quotes(server, NOW - 6 * HOUR, NOW)))) == rows(
        run(quotes(server, NOW - 6 * HOUR, NOW).whole())
    )


@pytest.mark.parametrize(
    ("period", "opened", "closes"),
    [
        ("H4", datetime(2026, 3, 3, 22, tzinfo=UTC), datetime(2026, 3, 4, 2, tzinfo=UTC)),
        ("D1", datetime(2026, 3, 5, 22, tzinfo=UTC), datetime(2026, 3, 6, 22, tzinfo=UTC)),
        (
            "D1",
            datetime(2026, 3, 8, 21, tzinfo=UTC),
            datetime(2026, 3, 9, 21, tzinfo=UTC),
        ),  # summer now
        ("MN1", datetime(2026, 1, 31, 22, tzinfo=UTC), datetime(2026, 2, 28, 22, tzinfo=UTC)),
    ],
)
def test_a_longer_bar_runs_until_the_next_one_opens(period: str, opened: datetime, closes: datetime) -> None:
    opens, ends = (round(each.timestamp() * 1000) for each in (opened, closes))
    for now, rows in ((ends - 1, 0), (ends, 1)):
        source = bar_pages(Server([opens]), opens - DAY, ends + DAY, period, now)
        assert len(run(source.whole())) == rows
