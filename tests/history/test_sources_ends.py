"""Where the history of a server made up begins and ends, and what is told of what lies beyond."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from ctrader_twisted.errors import AnswerTimeout, HistoryIncomplete, OutcomeUnknown, ServerError
from ctrader_twisted.history.fetching import Fetching
from ctrader_twisted.history.paging import Latest
from ctrader_twisted.history.plan import LAST_MS
from ctrader_twisted.history.series import Series
from ctrader_twisted.history.sources import BarPages
from ctrader_twisted.market.calendar import WEEK
from ctrader_twisted.messages import ProtoOAGetTrendbarsReq
from ctrader_twisted.wire.envelope import Envelope
from tests.history.made_up import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    Server,
    bar_pages,
    each,
    quotes,
    rows,
    run,
    subject,
    tick_pages,
)

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


# ---------------------------------------------------------------------------------- after all that the server has

LATEST_BAR = NOW - 300 * DAY


def makes(what: str) -> Any:
    """Give what makes a source of bars, ticks or quotes; the clock there shows `NOW`."""
    return {"bars": bar_pages, "ticks": tick_pages, "quotes": quotes}[what]


def behind() -> Server:
    """Give a server whose clock is months behind."""
    return Server([LATEST_BAR], {1: [(LATEST_BAR, 100)], 2: [(LATEST_BAR, 101)]})


def read(source: Any, how: str) -> int:
    """Read all of it as a user does, who is warned; give how many rows there are."""

    async def tables() -> list[Any]:
        series = Series(source)
        return [await series.whole()] if how == "whole" else [table async for table in series]

    return sum(map(len, run(tables())))


@pytest.mark.parametrize("how", ["whole", "windows"])
@pytest.mark.parametrize("what", ["bars", "ticks", "quotes"])
def test_a_clock_that_is_days_behind_cuts_nothing_off(what: str, how: str) -> None:
    times = [NOW + days * DAY for days in range(-4, 5)]
    server = Server(times, {1: [(at, 100) for at in times], 2: [(at, 101) for at in times]})
    assert read(makes(what)(server, NOW - 5 * DAY, NOW + 5 * DAY), how) == len(times)


def test_a_server_that_refuses_to_say_when_it_is_is_asked_up_to_the_present_here() -> None:
    server = Server([NOW - DAY, NOW, NOW + 2 * DAY])
    server.errors[0] = ServerError("INCORRECT_BOUNDARIES")
    assert run(bar_pages(server, NOW - 5 * DAY, NOW + 5 * DAY, running=True).whole()).opened.tolist() == server.bars[:2]


@pytest.mark.parametrize("what", ["bars", "ticks", "quotes"])
def test_a_whole_that_fails_before_its_first_page_claims_nothing(what: str) -> None:
    """The clock here is days behind the server's, so that its newest bar is asked for first, and does not come."""
    start, end = NOW + 3 * DAY, NOW + 4 * DAY
    server = Server([start + HOUR], {1: [(start + HOUR, 100)], 2: [(start + HOUR, 101)]})
    server.errors[0] = AnswerTimeout("ProtoOAGetTrendbarsReq", "no answer")
    with pytest.raises(HistoryIncomplete) as caught:
        run(makes(what)(server, start, end).whole())
    error = caught.value
    assert len(error.got) == 0
    rest = run(makes(what)(server, start, round(error.until.timestamp() * 1000)).whole())
    assert type(rest) is type(error.got)
    assert rest.symbol == error.got.symbol
    assert len(rest) == 1
    server.errors[len(server.asked)] = AnswerTimeout("ProtoOAGetTrendbarsReq", "no answer")
    with pytest.raises(HistoryIncomplete) as caught:
        run(makes(what)(server, start, end).next())
    assert (caught.value.until.timestamp() * 1000, caught.value.got) == (start, None)


@pytest.mark.parametrize("how", ["whole", "windows"])
@pytest.mark.parametrize("what", ["bars", "ticks", "quotes"])
@pytest.mark.parametrize("end", [NOW - 6 * DAY, NOW, LAST_MS + 1])
def test_a_span_after_the_newest_of_the_server_is_told(what: str, how: str, end: int) -> None:
    """A simulated venue's clock may be months behind: the last week of one's own lies in its future."""
    newest = datetime.fromtimestamp(LATEST_BAR / 1000, UTC).isoformat()
    with pytest.warns(UserWarning, match=f"^EURUSD: .* {re.escape(newest)}: begin earlier") as told:
        assert read(makes(what)(behind(), NOW - 7 * DAY, end), how) == 0
    assert len(told) == 1


@pytest.mark.parametrize("how", ["whole", "windows"])
@pytest.mark.parametrize("what", ["bars", "ticks", "quotes"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (LATEST_BAR - HOUR, NOW),  # something is there
        (LATEST_BAR + MINUTE, NOW),  # nothing, as at a weekend
        (LATEST_BAR + 6 * DAY, NOW),  # nor after a week of holidays
        (NOW - 7 * DAY, NOW - 7 * DAY),  # what was asked for is empty
    ],
)
def test_an_empty_span_that_may_have_been_closed_is_not(what: str, how: str, start: int, end: int) -> None:
    read(makes(what)(behind(), start, end), how)


@pytest.mark.parametrize(
    "error", [ServerError("SYMBOL_NOT_FOUND"), AnswerTimeout("ProtoOAGetTrendbarsReq", "no answer")]
)
def test_what_is_complete_does_not_fail_for_want_of_a_reason(error: Exception) -> None:
    server = behind()
    server.errors[1] = error
    assert read(bar_pages(server, NOW - 7 * DAY, NOW), "whole") == 0
    assert len(server.asked) == 2


def test_what_is_complete_does_not_wait_for_a_reason() -> None:
    """The line is lost while the newest bar is asked for, and stays so."""

    def ask(message: Any, _: float) -> Deferred[Any]:
        if message.count:
            return fail(OutcomeUnknown("ProtoOAGetTrendbarsReq", "the connection was lost"))
        return Deferred.fromCoroutine(server.page(message)).addCallback(partial(Envelope, 2138))

    server, fetching = behind(), Fetching(ask, Deferred, Clock())
    assert len(run(BarPages(subject, fetching, NOW - 7 * DAY, NOW, lambda: NOW, period="M1").whole())) == 0


def test_a_server_without_any_bar_has_no_newest() -> None:
    server = Server()
    assert read(bar_pages(server, NOW - 7 * DAY, NOW), "whole") == 0
    assert len(server.asked) == 2


def test_what_is_known_of_the_servers_time_is_not_asked_for_again() -> None:
    latest = Latest()
    server = Server([NOW - 30 * DAY, NOW - 2 * DAY])
    assert read(bar_pages(server, NOW - 7 * DAY, NOW, latest=latest), "whole") == 1
    assert latest.at == NOW - 2 * DAY
    asked = len(server.asked)
    for start in (NOW - 20 * DAY, NOW - 7 * DAY, NOW - DAY):
        assert read(bar_pages(server, start, start + HOUR, latest=latest), "windows") == 0
    assert len(server.asked) == asked + 3
