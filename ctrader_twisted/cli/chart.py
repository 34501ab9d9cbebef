"""``ctrader chart``: bars as candles, in a picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ctrader_twisted.cli import absent, options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import find
from ctrader_twisted.cli.running import run
from ctrader_twisted.cli.terminal import clean, say, warn
from ctrader_twisted.cli.times import PERIODS, Moment, Period, check_order, moment_of, written
from ctrader_twisted.errors import ExtraMissing
from ctrader_twisted.market.calendar import MINUTE, bar_grid
from ctrader_twisted.replacing import refuse_special, replace, why

if TYPE_CHECKING:
    from ctrader_twisted.account import Account
    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.history.tables import Bars
    from ctrader_twisted.market.symbols import Symbol

BARS: Final = 200
MOST: Final = 5_000
"""Bars that are drawn at most: more are none that anybody could see."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final = {".svg": "svg", ".png": "png"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is to be drawn.

    :ivar count: the last so many bars; None for all from `start` on.
    """

    name: str
    out: str
    period: str = "H1"
    count: int | None = BARS
    start: datetime | None = None
    end: datetime | None = None
    account_id: int | None = None
    dark: bool = False


@click.command(short_help="Draw a symbol's bars as candles.")
@click.argument("name", metavar="SYMBOL")
@click.option("--period", "-p", type=Period(), default="H1", help=f"{PERIODS}; H1 if left out.")
@click.option(
    "--bars", "count", metavar="N", type=click.IntRange(1, MOST), help=f"The last so many; {BARS} without --from."
)
@click.option(
    "start", "--from", type=Moment(), help=f"From when on, in UTC unless it says so; {MOST:,} bars at most from there."
)
@click.option("end", "--to", type=Moment(), help="To before when; now if left out.")
@click.option("--out", "-o", required=True, metavar="FILE", help="A .svg or a .png.")
@click.option("--dark", is_flag=True, help="Light candles on dark paper.")
@options.account_option
@options.connection_options
@options.port_option
@click.pass_obj
def chart(obj: dict[str, Any], /, **given: Any) -> None:
    """Draw a symbol's bars as candles, with their volume, into a picture.

    The last 200 bars, as many as --bars says, or those of a span of time (--from, --to): 5,000 at most. Nights and
    weekends leave no holes; times are in UTC.
    """
    start, end, count = given.pop("start"), given.pop("end"), given.pop("count")
    if count is None and start is None:
        count = BARS
    period = given.pop("period")
    drawn = Drawn(
        given.pop("name"),
        given.pop("out"),
        period,
        count,
        None if start is None else moment_of(start, period),
        None if end is None else moment_of(end, period),
        given.pop("account"),
        given.pop("dark"),
    )
    check_order(drawn.start, drawn.end)
    found = find(options.wanted(given), os.environ)
    for warning in found.warnings:
        warn(warning)
    run(lambda reactor: draw_chart(reactor, found, drawn), verbose=obj["verbose"])


async def draw_chart(reactor: Any, found: Found, drawn: Drawn, *, access: Access | None = None) -> None:
    """Fetch the bars, draw them, and write the picture.

    :raises CommandFailed: if there are none, or more than can be drawn, or the picture can't be written.
    :raises ExtraMissing: if matplotlib is not installed.
    """
    path = Path(drawn.out)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        has = f'the suffix "{path.suffix}"' if path.suffix else "no suffix"
        raise CommandFailed(f"{path} has {has}: give the picture .svg or .png")
    try:
        refuse_special(path)
    except OSError as error:
        raise CommandFailed(f"{path} can't be written: {why(error)}") from None
    for package, extra in (("matplotlib", "plot"), ("numpy", "data")):
        if find_spec(package) is None:
            raise ExtraMissing(package, "a chart", f"ctrader_twisted[{extra}]")
    async with access or Access(reactor, found) as used:
        chosen = await used.choose(drawn.account_id)
        client = await used.open_account(chosen)
        account = await used.stand(client, chosen)
        symbol = await account.symbol(drawn.name)
        bars = await _bars(client, account, symbol, drawn)
        if bars is None:
            now = round(reactor.seconds() * 1000)
            tip = await absent.newest(client, account.account_id, symbol)
            span = drawn.start or _EPOCH, drawn.end
            raise CommandFailed(absent.nothing(symbol, f"{drawn.period} bars", drawn.period, span, now, tip))
    from ctrader_twisted.charting.candles import DARK, LIGHT, candles, save, span_written

    figure = candles(bars, look=DARK if drawn.dark else LIGHT)
    try:
        replace(path, lambda file: save(figure, file, kind))
    except OSError as error:
        raise CommandFailed(f"{path} can't be written: {why(error)}") from None
    count = f"{len(bars):,} {drawn.period} {'bar' if len(bars) == 1 else 'bars'}"
    say(f"{path}: {count} of {clean(symbol.name)}, {span_written(bars)}")


async def _bars(client: OpenApiClient, account: Account, symbol: Symbol, drawn: Drawn) -> Bars | None:
    start = drawn.start
    if drawn.count is not None:
        first = await _first_of_last(client, account.account_id, symbol, drawn)
        if first is not None:
            start = first if start is None else max(start, first)
    if start is None:
        return None
    # Table after table: whether there are more than can be drawn shows on the way.
    tables = []
    series = account.bars(symbol, drawn.period, start, drawn.end, running=True)
    try:
        async for table in series:
            tables.append(table)
            if drawn.count is None and sum(map(len, tables)) > MOST:
                until = "on" if drawn.end is None else f"to {written(drawn.end)}"
                raise CommandFailed(
                    f"a chart has {MOST:,} bars at most, and {clean(symbol.name)} has more of {drawn.period} from "
                    f"{written(start)} {until}: take a longer --period, a later --from, or only the last of them: "
                    f"--bars {MOST}"
                )
    finally:
        series.close()
    if not tables:
        return None
    from ctrader_twisted.history.tables import concat

    bars = concat(tables)
    return bars if drawn.count is None else bars[-drawn.count :]


async def _first_of_last(client: OpenApiClient, account_id: int, symbol: Symbol, drawn: Drawn) -> datetime | None:
    """Ask where the last so many bars begin; None if there is none. Closed hours make that no matter of arithmetic."""
    assert drawn.count is not None
    until = absent.LAST_MS if drawn.end is None else round(drawn.end.timestamp() * 1000) - 1
    first, got = None, 0
    while got < drawn.count:
        answer = await client.get_trendbars(
            ctidTraderAccountId=account_id,
            symbolId=symbol.symbol_id,
            period=bar_grid(drawn.period).period,
            toTimestamp=until,
            count=drawn.count - got + 1,  # the one that is running is counted, and may not be given
        )
        opened = [bar.utcTimestampInMinutes * MINUTE for bar in answer.trendbar]
        if not opened or (first is not None and min(opened) >= first):
            break
        first, got = min(opened), got + len(opened)
        if not answer.hasMore:
            break
        until = first - 1
    return None if first is None else datetime.fromtimestamp(first / 1000, UTC)
