"""A server made up, whose history is what a test gives it, and what reads it without waiting."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from ctrader_twisted.errors import ServerError
from ctrader_twisted.history.both_sides import QuotePages
from ctrader_twisted.history.paging import Subject
from ctrader_twisted.history.sources import BarPages, TickPages
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

    async def page(
        self, message: ProtoOAGetTrendbarsReq | ProtoOAGetTickDataReq, *, patience: float | None = None
    ) -> bytes:
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


def quotes(server: Server, start: int, end: int) -> QuotePages:
    return QuotePages(tick_pages(server, start, end, 1), tick_pages(server, start, end, 2))


def rows(table: Any) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in table.columns.values()), strict=True))
