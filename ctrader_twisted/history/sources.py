"""The pages of bars, and those of ticks of one side."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ctrader_twisted.errors import ServerError
from ctrader_twisted.history.paging import Page, Paged, Subject
from ctrader_twisted.history.plan import LAST_MS, Widths
from ctrader_twisted.history.tables import TIME, Bars, Ticks
from ctrader_twisted.market.calendar import DAY, HOUR, LENGTHS, SECOND, WEEK, bar_grid
from ctrader_twisted.market.columns import read_bars, read_ticks
from ctrader_twisted.messages import ProtoOAGetTickDataReq, ProtoOAGetTrendbarsReq, ProtoOAQuoteType

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.history.fetching import Fetching
    from ctrader_twisted.history.paging import Latest
    from ctrader_twisted.market.columns import Column

PAGE: Final = 14_000
"""Bars that a first window would hold if there were one in each period; the windows go by the server's pages then."""

_WIDENED: Final = 32
"""How many times the first window's width a window of bars grows to, where there are none."""


class BarPages(Paged[Bars]):
    """Bars of a period.

    :param period: its name.
    :param running: whether to give the newest bar, too, if it is not closed yet by the clock here.
    """

    unique: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = (TIME, "open", "high", "low", "close", "ticks")

    def __init__(
        self,
        subject: Callable[[], Deferred[Subject]],
        fetching: Fetching,
        start: int,
        end: int,
        now: Callable[[], int],
        *,
        period: str,
        running: bool = False,
        latest: Latest | None = None,
    ) -> None:
        super().__init__(subject, fetching, start, end, now, latest=latest)
        self._period = period
        self._running = running

    def _named(self, symbol: str) -> str:
        return f"{symbol} {self._period}"

    def widths(self) -> Widths:
        """As many periods as bars are expected in a page."""
        length = LENGTHS[self._period]
        return Widths(PAGE * length, _WIDENED * PAGE * length, length)

    def request(self, subject: Subject, first: int, last: int) -> Message:
        """Make the request for a page; without ``count``, which would win over its beginning (observed)."""
        return ProtoOAGetTrendbarsReq(
            ctidTraderAccountId=subject.account_id,
            symbolId=subject.symbol_id,
            period=bar_grid(self._period).period,
            fromTimestamp=first,
            toTimestamp=last,
        )

    def read(self, payload: bytes) -> Page:
        """Read an answer."""
        page = read_bars(payload)
        columns = {TIME: page.opened, **{name: getattr(page, name) for name in self.names[1:]}}
        return Page(columns, page.opened, page.has_more)

    def certain_with(self, newest: int) -> int:
        """Likewise; a bar that may still be running is to be given again."""
        return newest if self._running else super().certain_with(newest)

    def table(self, subject: Subject, columns: dict[str, Column], *, last: bool) -> Bars:
        """Make a table, the newest bar left out if it is not to be given and still running."""
        opened = columns[TIME]
        if last and not self._running and len(opened):
            now, newest = self._now(), int(opened[-1])
            # What began long after now is of another clock than the one here, which can't tell.
            if newest - DAY < now < bar_grid(self._period).next_opening(newest):
                columns = {name: column[:-1] for name, column in columns.items()}
        return Bars(subject.symbol, subject.symbol_id, subject.digits, columns, self._period)


class TickPages(Paged[Ticks]):
    """Ticks of one side.

    :param side: ProtoOAQuoteType.
    """

    unique: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]] = (TIME, "price")
    widest_whole: ClassVar[int | None] = WEEK  # more is refused (documented)

    def __init__(
        self,
        subject: Callable[[], Deferred[Subject]],
        fetching: Fetching,
        start: int,
        end: int,
        now: Callable[[], int],
        *,
        side: int,
        latest: Latest | None = None,
    ) -> None:
        super().__init__(subject, fetching, start, end, now, latest=latest)
        self._side = side
        self._begins: int | None = None

    def _named(self, symbol: str) -> str:
        return f"{symbol} {'bid' if self._side == ProtoOAQuoteType.BID else 'ask'}"

    def widths(self) -> Widths:
        """An hour at first."""
        return Widths(HOUR, WEEK, SECOND)

    async def begins(self, subject: Subject) -> int:
        """Ask once where history begins, for its bars of weeks: what would otherwise be asked for week by week is
        found out by one request of a few kilobytes.

        No bar is no tick (documented), but bars are of bids, so a week more is left for asks to be there alone. If no
        bars come, or not all, or the server gives none of so long a time, nothing is known.
        """
        if self._begins is None:
            request = ProtoOAGetTrendbarsReq(
                ctidTraderAccountId=subject.account_id,
                symbolId=subject.symbol_id,
                period=bar_grid("W1").period,
                fromTimestamp=max(0, self._start - WEEK),
                toTimestamp=LAST_MS,  # the running bar may not be given, but what is before those that are is empty
            )
            try:
                weeks = read_bars(await self._fetching.page(request))
            except ServerError:
                self._begins = 0
            else:
                self._latest.seen(weeks.opened)
                known = weeks.has_more is False and len(weeks)
                self._begins = int(weeks.opened.min()) - WEEK if known else 0
        return self._begins

    def request(self, subject: Subject, first: int, last: int) -> Message:
        """Make the request for a page."""
        return ProtoOAGetTickDataReq(
            ctidTraderAccountId=subject.account_id,
            symbolId=subject.symbol_id,
            type=ProtoOAQuoteType(self._side),
            fromTimestamp=first,
            toTimestamp=last,
        )

    def read(self, payload: bytes) -> Page:
        """Read an answer."""
        page = read_ticks(payload)
        return Page({TIME: page.at, "price": page.price}, page.price, page.has_more)

    def table(self, subject: Subject, columns: dict[str, Column], *, last: bool) -> Ticks:
        """Make a table."""
        return Ticks(subject.symbol, subject.symbol_id, subject.digits, columns, self._side)
