"""Whether this computer's clock agrees with a server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from ctrader_twisted import messages
from ctrader_twisted.cli.checks.report import Finding, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.client import OpenApiClient

MOST: Final = 2.0
"""Seconds by which two clocks may differ."""

QUOTES: Final = 3
LISTEN: Final = 5.0
"""Seconds to listen for so many quotes at most."""

SYMBOLS: Final = 5
USUAL: Final = ("EURUSD", "USDJPY", "GBPUSD", "XAUUSD", "BTCUSD")
"""Symbols that most brokers have and that move most of the time, the last of them at weekends, too."""


class Reading(NamedTuple):
    """What was read off another clock.

    :ivar ahead: seconds by which this computer's clock is ahead of it.
    :ivar precision: how far off that may be, either way, in words.
    """

    ahead: float
    precision: str


def judge(reading: Reading) -> Finding:
    """Say whether two clocks agree."""
    ahead = reading.ahead
    detail = f"this computer is {_span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the server"
    if abs(ahead) <= MOST:
        detail = f"agrees with the server's to {_span(max(0.1, abs(ahead)))}"
        return ok(f"{detail} ({reading.precision})")
    return warning(
        f"{detail} ({reading.precision})", "Have this computer's clock set by the network (NTP); else times are wrong"
    )


def _span(seconds: float) -> str:
    for size, unit in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def from_date(date: float, asked_at: float, answered_at: float) -> Reading:
    """Read a time that is told in whole seconds, such as HTTP's ``Date``.

    The other clock showed something from ``date`` to a second later, at some moment between question and answer.

    :param date: seconds since the epoch.
    """
    earliest, latest = asked_at - (date + 1), answered_at - date
    return Reading((earliest + latest) / 2, f"good to {(latest - earliest) / 2:.1f} s either way")


async def from_quotes(
    clock: Any, client: OpenApiClient, account_id: int, wanted: Iterable[str], round_trip: float, timeout: float
) -> Reading | None:
    """Read the times that a server puts on quotes.

    A quote is never younger than it says, so the youngest tells most. The first one of a symbol tells little by itself:
    it is what stood when it was asked for, however old, unless it is from the future.

    :param wanted: symbols to take, if the account has them.
    :param round_trip: seconds from a request to its answer.
    :return: None if no quote came: the market is closed, perhaps.
    """
    listed = await client.symbols_list(ctidTraderAccountId=account_id)
    ids = {symbol.symbolName: symbol.symbolId for symbol in listed.symbol if symbol.enabled}
    chosen = [ids[name] for name in dict.fromkeys((*wanted, *USUAL)) if name in ids] or list(ids.values())
    seen: set[int] = set()
    ages: list[float] = []
    enough: Deferred[None] = Deferred()

    def quoted(event: messages.ProtoOASpotEvent) -> None:
        if event.ctidTraderAccountId != account_id or not event.HasField("timestamp"):
            return
        ages.append(clock.seconds() - event.timestamp / 1000)
        seen.add(event.symbolId)
        if len(ages) - len(seen) >= QUOTES and not enough.called:
            enough.callback(None)

    client.on(messages.ProtoOASpotEvent, quoted)
    try:
        await client.subscribe_spots(
            ctidTraderAccountId=account_id, symbolId=chosen[:SYMBOLS], subscribeToSpotTimestamp=True
        )
        await enough.addTimeout(min(LISTEN, timeout), clock)
    except DeferredTimeout:
        pass
    finally:
        client.off(messages.ProtoOASpotEvent, quoted)
    if not ages or (len(ages) == len(seen) and min(ages) > 0):
        return None
    count = f"{len(ages)} quote{'' if len(ages) == 1 else 's'}"
    return Reading(min(ages) - round_trip / 2, f"by the times of {count}, which tell it to some tenths of a second")
