"""Pages made into tables, from a server made up here."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from twisted.logger import formatEvent, globalLogPublisher

from ctrader_twisted.errors import (
    AnswerTimeout,
    HistoryIncomplete,
    NoProgress,
    ServerError,
    UndecodablePayload,
    UnknownSymbol,
)
from ctrader_twisted.history.plan import LAST_MS
from ctrader_twisted.history.series import Series
from ctrader_twisted.history.tables import concat
from ctrader_twisted.market.calendar import WEEK
from ctrader_twisted.messages import ProtoOAGetTrendbarsReq
from tests.history.made_up import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    Server,
    bar_pages,
    each,
    quotes,
    result,
    rows,
    run,
    tick_pages,
)

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


@pytest.mark.parametrize("running", [False, True])
def test_who_goes_on_from_where_it_got_to_gets_the_bar_that_ran_as_it_closed(running: bool) -> None:
    source = bar_pages(Server([NOW - MINUTE, NOW]), NOW - HOUR, LAST_MS + 1, now=NOW + 30_000, running=running)
    (table,) = each(source)
    assert table.opened.tolist() == [NOW - MINUTE, NOW][: 1 + running]
    assert NOW - MINUTE < source.certain <= NOW


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


def both_sides(count: int = 400) -> Server:
    return Server(
        ticks={
            1: [(NOW - 10 * HOUR + index * 61_000, 1_000 + index) for index in range(count)],
            2: [(NOW - 10 * HOUR + index * 97_000, 2_000 + index) for index in range(count // 2)],
        }
    )


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
    for now, count in ((ends - 1, 0), (ends, 1)):
        source = bar_pages(Server([opens]), opens - DAY, ends + DAY, period, now)
        assert len(run(source.whole())) == count
