"""What a source of prices gives the venue. Prices are integers in 1/100000, times milliseconds UTC."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctrader_twisted.sim.feed.calendar import Period
    from ctrader_twisted.sim.feed.instruments import Instrument


class Side(IntEnum):
    """A side of the quote; the numbers are those of ``ProtoOAQuoteType``."""

    BID = 1
    ASK = 2


class Quote(NamedTuple):
    """Both sides as last quoted; ``timestamp_ms`` is that of the last change of either."""

    timestamp_ms: int
    bid: int
    ask: int


class Tick(NamedTuple):
    """One change of the quote: both sides as they stand after it, and which of them it brought."""

    timestamp_ms: int
    bid: int
    ask: int
    bid_changed: bool
    ask_changed: bool


class SideTick(NamedTuple):
    """One tick of one side's series."""

    timestamp_ms: int
    price: int


class Bar(NamedTuple):
    """A bar of the bid; ``volume`` is the number of bid ticks in it."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


def merged(bars: Iterable[Bar], open_ms: int) -> Bar | None:
    """One bar out of consecutive ones, given in ascending order; None out of none."""
    parts = list(bars)
    if not parts:
        return None
    return Bar(
        open_ms,
        parts[0].open,
        max([bar.high for bar in parts]),
        min([bar.low for bar in parts]),
        parts[-1].close,
        sum([bar.volume for bar in parts]),
    )


class Feed(Protocol):
    """A source of prices. It has no clock: whoever asks says when it is, and nothing later is shown.

    A symbol id that is not among ``instruments`` is a ``KeyError``.
    """

    @property
    def instruments(self) -> Mapping[int, Instrument]:
        """What has prices here, by symbol id."""

    def is_open(self, symbol_id: int, at_ms: int) -> bool:
        """Whether the market trades at that moment."""

    def quote(self, symbol_id: int, at_ms: int) -> Quote | None:
        """The quote last known at ``at_ms``, also when the market is closed; None before the first."""

    def next_tick(self, symbol_id: int, after_ms: int) -> Tick | None:
        """The first tick strictly after ``after_ms``; None where none will ever come."""

    def ticks_back(
        self, symbol_id: int, side: Side, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[SideTick], bool]:
        """The newest ``limit`` ticks of one side within the bounds, both included, and no later than ``now_ms``.

        Newest first; and whether older ones are left within the bounds. ``from_ms`` None: all of history.
        """

    def bars_back(
        self, symbol_id: int, period: Period, from_ms: int | None, to_ms: int, limit: int, *, now_ms: int
    ) -> tuple[list[Bar], bool]:
        """The newest ``limit`` bars that open within the bounds, both included, as known at ``now_ms``.

        Ascending; and whether older ones are left within the bounds. The bar still open at ``now_ms`` is built
        of the ticks up to then. ``from_ms`` None: all of history.
        """

    def live_bar(self, symbol_id: int, period: Period, at_ms: int) -> Bar | None:
        """The bar that holds ``at_ms``, built of the ticks up to then; None as long as it has none."""

    def session_close(self, symbol_id: int, at_ms: int) -> int | None:
        """The bid with which the last trading day before that of ``at_ms`` closed."""
