"""Why the server has nothing of a span of time: it is yet to come, the market was closed, or no bar opens then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ctrader_twisted.cli.terminal import clean
from ctrader_twisted.cli.times import written
from ctrader_twisted.market.calendar import MINUTE, TradingHours, bar_grid
from ctrader_twisted.messages import ProtoOATrendbarPeriod

if TYPE_CHECKING:
    from datetime import datetime

    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.market.symbols import Symbol

LAST_MS: Final = 2_147_483_646_000
"""The latest moment that the protocol knows."""

_MS: Final = timedelta(milliseconds=1)


async def newest(client: OpenApiClient, account_id: int, symbol: Symbol) -> int | None:
    """Ask where the symbol's newest closed bar of a minute ends, in ms; None if there never was any.

    What is later is yet to come, whatever the clock here says, unless the market is closed just now.
    """
    answer = await client.get_trendbars(
        ctidTraderAccountId=account_id,
        symbolId=symbol.symbol_id,
        period=ProtoOATrendbarPeriod.M1,
        toTimestamp=LAST_MS,
        count=2,  # the one that is running is counted, and not given (observed)
    )
    return max(((bar.utcTimestampInMinutes + 1) * MINUTE for bar in answer.trendbar), default=None)


def hours_of(symbol: Symbol) -> TradingHours:
    """Give when a symbol's market is open.

    :raises ValueError: if that is not known, with the reason.
    """
    if not symbol.message.schedule:
        raise ValueError("the broker tells no schedule")
    return TradingHours.from_message(symbol.message)


def nothing(
    symbol: Symbol, what: str, period: str | None, span: tuple[datetime, datetime | None], now: int, tip: int | None
) -> str:
    """Say that the server has nothing of a span, why, and what to do.

    :param what: what was asked for: "M1 bars".
    :param period: of bars; None for ticks.
    :param span: from when on, and to before when: None for now.
    :param now: ms, by the clock here.
    :param tip: what `newest` gave; None if nobody knows.
    """
    start, stop = span
    said = f"{clean(symbol.name)}: the server has no {what} from {written(start)} to "
    said += "now" if stop is None else written(stop)
    begin, end = round(start.timestamp() * 1000), now if stop is None else min(now, round(stop.timestamp() * 1000))
    if period is not None and stop is not None:
        grid = bar_grid(period)
        before, after = grid.opening(begin), grid.next_opening(begin)
        if before < begin and after >= round(stop.timestamp() * 1000):
            opens = " and ".join(written(start + (at - begin) * _MS) for at in (before, after))
            return f"{said}: none opens then, but at {opens}. Begin --from earlier"
    try:
        closed = begin < end and not hours_of(symbol).opened(begin, end)
    except ValueError:
        closed = False
    if closed:
        return f"{said}: the market was closed. See when it trades: ctrader symbols"
    if tip is not None and tip < begin:
        last = written(start + (tip - MINUTE - begin) * _MS)
        return f"{said}: that is later than its newest, of {last}. Begin --from earlier"
    return f"{said}. Its history may begin later than that: to see when, leave --to out"
