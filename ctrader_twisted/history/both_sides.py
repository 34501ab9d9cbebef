"""Bid and ask ticks, paged side by side and joined into quotes."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from ctrader_twisted.errors import HistoryIncomplete, OpenApiError
from ctrader_twisted.history.moments import moment
from ctrader_twisted.history.paging import incomplete
from ctrader_twisted.history.tables import TIME, QuoteTicks, Ticks, concat
from ctrader_twisted.market.joining import Joining, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctrader_twisted.history.paging import Backward
    from ctrader_twisted.history.sources import TickPages


class QuotePages:
    """Bid and ask ticks, joined as far as both are known."""

    def __init__(self, bids: TickPages, asks: TickPages) -> None:
        self._sides = (bids, asks)
        self._kept: tuple[list[Ticks], list[Ticks]] = ([], [])
        self._joining = Joining()

    @property
    def what(self) -> str:
        """What it is: ``"EURUSD quotes"``."""
        return f"{self._sides[0].what.removesuffix(' bid')} quotes"

    @property
    def reached(self) -> int:
        """Everything before this has been given; ms."""
        return min(side.reached for side in self._sides)

    @property
    def certain(self) -> int:
        """Everything before this has been given, and nothing will be added to it; ms."""
        return min(side.certain for side in self._sides)

    @property
    def share(self) -> float:
        """How much of the time has been gone through, from 0 to 1."""
        return sum(side.share for side in self._sides) / 2

    @property
    def pages(self) -> int:
        """How many pages of either side there were so far."""
        return sum(side.pages for side in self._sides)

    @property
    def rows(self) -> int:
        """How many ticks of either side there were so far."""
        return sum(side.rows for side in self._sides)

    @property
    def passed(self) -> Sequence[int]:
        """The ms of which there are more ticks of a side than a page holds, so that some can't be had."""
        return sorted({at for side in self._sides for at in side.passed})

    @property
    def late(self) -> str:
        """What to warn of once everything was given: that all of it lies after the server's newest; ``""`` if not."""
        return self._sides[0].late

    async def next(self) -> QuoteTicks | None:
        """Give the next quotes; None if there are none left."""
        while not all(side.over for side in self._sides):
            which = min((index for index in (0, 1) if not self._sides[index].over), key=self._reached)
            try:
                window = await self._sides[which].window()
            except HistoryIncomplete as error:
                raise HistoryIncomplete(self.what, moment(self.reached), error.reason) from error.__cause__
            if window is not None and len(window):
                self._kept[which].append(window)
            quotes = self._joined(self.reached)
            if quotes is not None and len(quotes):
                return quotes
        await self._look_if_late()
        return None

    async def whole(self) -> QuoteTicks:
        """Give everything in one table. Both sides are paged backward side by side: what fails cuts off both."""
        try:
            both = [await side.backward() for side in self._sides]
        except HistoryIncomplete as error:
            nothing = _quotes(error.got, error.got, Joining())
            raise HistoryIncomplete(self.what, error.until, error.reason, nothing) from error.__cause__
        while left := [each for each in both if not each.over]:
            try:
                await max(left, key=attrgetter("reached")).step()
            except OpenApiError as error:
                until, got = self._as_far_as_known(both)
                raise incomplete(self, error, until, got) from error
        await self._look_if_late()
        return _quotes(both[0].table(), both[1].table(), Joining())

    async def _look_if_late(self) -> None:
        if not self.rows:
            await self._sides[0].look_if_late()

    def _as_far_as_known(self, both: Sequence[Backward[Ticks]]) -> tuple[int, QuoteTicks]:
        """Give the quotes of what was got of both sides, and from which moment on they are all there are: they begin
        when both sides are known.
        """
        quotes = _quotes(both[0].table(), both[1].table(), Joining())
        return int(quotes.at[0]) if len(quotes) else max(side.end for side in self._sides), quotes

    def _reached(self, which: int) -> int:
        return self._sides[which].reached

    def _joined(self, until: int) -> QuoteTicks | None:
        """Join what both sides have given before ``until``."""
        some = next((kept[0][:0] for kept in self._kept if kept), None)
        if some is None:
            return None
        pieces: list[Ticks] = []
        for kept in self._kept:
            table = concat(kept) if kept else some
            stop = int(np.searchsorted(table.at, until))
            kept[:] = [table[stop:]] if stop < len(table) else []
            pieces.append(table[:stop])
        return _quotes(pieces[0], pieces[1], self._joining)


def _quotes(bids: Ticks, asks: Ticks, joining: Joining) -> QuoteTicks:
    joined = joining.feed(Side(bids.at, bids.scaled), Side(asks.at, asks.scaled))
    return QuoteTicks(bids.symbol, bids.symbol_id, bids.digits, {TIME: joined.at, "bid": joined.bid, "ask": joined.ask})
