"""``ctrader history``: bars and ticks into files, which the next run goes on with."""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from twisted.internet.defer import CancelledError, DeferredSemaphore
from twisted.internet.task import deferLater

from ctrader_twisted.cli import absent, options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import find
from ctrader_twisted.cli.progress import Course, progress
from ctrader_twisted.cli.running import run, sentence
from ctrader_twisted.cli.terminal import clean, say, warn
from ctrader_twisted.cli.times import PERIODS, Moment, Period, check_order, moment_of
from ctrader_twisted.cli.waiting import all_of
from ctrader_twisted.errors import ExtraMissing, OpenApiError, UnknownSymbol

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    from ctrader_twisted.account import Account
    from ctrader_twisted.cli.files.contents import Contents
    from ctrader_twisted.cli.files.target import Target
    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.history.series import Series
    from ctrader_twisted.market.calendar import TradingHours
    from ctrader_twisted.market.symbols import Symbol

AT_ONCE: Final = 4
"""Symbols that are fetched at the same time: enough to use up what the limits allow, whatever the way there takes."""

_UNFIT: Final = re.compile(r'[\\/:*?"<>|\s\x00-\x1f]+')
"""What the name of a file had better not have."""

_PLACE: Final = re.compile(r"\{\w*\}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    :ivar names: the symbols.
    :ivar period: of bars; None for ticks.
    :ivar ticks: "bid", "ask" or "both"; None for bars.
    :ivar out: the file; ``{symbol}`` in it stands for each symbol's name.
    """

    names: tuple[str, ...]
    out: str
    start: datetime
    end: datetime | None = None
    period: str | None = "M1"
    ticks: str | None = None
    account_id: int | None = None
    as_json: bool = False


@click.command(short_help="Fetch bars or ticks into a file.")
@click.argument("names", nargs=-1, required=True, metavar="SYMBOL...")
@click.option("--period", "-p", type=Period(), help=f"Of bars: {PERIODS}; M1 if left out.")
@click.option(
    "--ticks",
    type=click.Choice(("bid", "ask", "both"), case_sensitive=False),
    help="Ticks in place of bars; both: quotes.",
)
@click.option("start", "--from", required=True, type=Moment(), help="From when on, in UTC unless it says so.")
@click.option("end", "--to", type=Moment(), help="To before when; now if left out.")
@click.option("--out", "-o", required=True, metavar="FILE", help="A .csv, .jsonl or .parquet; may have {symbol} in it.")
@options.account_option
@options.connection_options
@options.port_option
@options.json_option
@click.pass_obj
def history(obj: dict[str, Any], /, **given: Any) -> None:
    """Fetch bars or ticks into a file, or go on with one.

    A file that is there already is gone on with: only what is new is fetched. One that was interrupted goes on where it
    stopped. The file is replaced as a whole when everything is there; what was fetched before is kept beside it.

    Several symbols go into one file, each row with its symbol, or with {symbol} in its name into a file for each.
    """
    period, ticks = given.pop("period"), given.pop("ticks")
    if period is not None and ticks is not None:
        raise click.UsageError("--period is for bars: leave it out with --ticks.")
    period = period or (None if ticks else "M1")
    start, end = given.pop("start"), given.pop("end")
    wanted = Wanted(
        tuple(dict.fromkeys(given.pop("names"))),
        given.pop("out"),
        moment_of(start, period),
        None if end is None else moment_of(end, period),
        period,
        ticks,
        given.pop("account"),
        given.pop("as_json"),
    )
    check_order(wanted.start, wanted.end)
    found = find(options.wanted(given), os.environ)
    for warning in found.warnings:
        warn(warning)
    run(lambda reactor: fetch_history(reactor, found, wanted), verbose=obj["verbose"])


async def fetch_history(reactor: Any, found: Found, wanted: Wanted, *, access: Access | None = None) -> int:
    """Fetch what is missing, and show what there is.

    :return: the exit status: 1 if something could not be got to its end.
    :raises CommandFailed: if a file can't be written, or there is nothing at all.
    :raises UnknownSymbol: if a symbol does not exist.
    """
    if find_spec("numpy") is None:
        raise ExtraMissing("numpy", "history", "ctrader_twisted[data]")
    from ctrader_twisted.cli.files.contents import Contents
    from ctrader_twisted.cli.files.formats import format_of

    if wanted.period is not None:
        contents = Contents("period", wanted.period)
    else:
        assert wanted.ticks is not None
        contents = Contents("", "") if wanted.ticks == "both" else Contents("side", wanted.ticks)
    if wanted.out == "-":
        raise CommandFailed("name a file, for the next run to go on with: stdout is none")
    strange = _PLACE.search(wanted.out.replace("{symbol}", ""))
    if strange is not None:
        raise CommandFailed(f"{wanted.out}: {strange[0]} stands for nothing: {{symbol}} stands for each symbol's name")
    format_of(Path(wanted.out))  # before anything is asked for
    async with access or Access(reactor, found) as used:
        chosen = await used.choose(wanted.account_id)
        client = await used.open_account(chosen)
        account = await used.stand(client, chosen)
        symbols = await _symbols(account, wanted.names)
        targets = _targets(wanted, contents, symbols)
        fetching = _Fetching(reactor, client, account, wanted, targets)
        try:
            await fetching.open()
            await fetching.fetch()
        except CancelledError:
            fetching.say_what_is_kept()
            raise
        finally:
            fetching.close()
    return fetching.show()


async def _symbols(account: Account, names: Sequence[str]) -> list[Symbol]:
    """Find the symbols, each once.

    :raises UnknownSymbol: if one does not exist.
    :raises CommandFailed: if several do not.
    """
    found: dict[str, Symbol] = {}
    unknown: list[UnknownSymbol] = []
    for name in names:
        try:
            symbol = await account.symbol(name)
        except UnknownSymbol as error:
            unknown.append(error)
        else:
            found[symbol.name] = symbol
    if len(unknown) == 1:
        raise unknown[0]
    if unknown:
        raise CommandFailed("; ".join(sentence(error) for error in unknown))
    return list(found.values())


def _targets(wanted: Wanted, contents: Contents, symbols: Sequence[Symbol]) -> list[Target]:
    from ctrader_twisted.cli.files.target import Target

    files: dict[Path, list[Symbol]] = {}
    for symbol in symbols:
        name = _UNFIT.sub("_", symbol.name).lstrip(".") or str(symbol.symbol_id)
        files.setdefault(Path(wanted.out.replace("{symbol}", name)), []).append(symbol)
    hours = {symbol.name: _hours(symbol) for symbol in symbols}
    return [Target(path, contents, those, hours) for path, those in files.items()]


def _hours(symbol: Symbol) -> TradingHours | None:
    try:
        return absent.hours_of(symbol)
    except ValueError as error:
        why = clean(error)
    warn(f"{clean(symbol.name)}: when its market is closed is not known: {why}. What is missing can't be told from it")
    return None


class _Fetching:
    """What is fetched into some files."""

    def __init__(
        self, reactor: Any, client: OpenApiClient, account: Account, wanted: Wanted, targets: Sequence[Target]
    ) -> None:
        self._reactor = reactor
        self._client = client
        self._account = account
        self._wanted = wanted
        self._targets = targets
        self._opened: list[Target] = []
        self._courses = {name: Course(clean(name)) for target in targets for name in target.symbols}
        self._progress = progress(reactor)
        self._turns = DeferredSemaphore(AT_ONCE)
        self._problems: dict[str, str] = {}
        self._before: dict[str, int] = {}
        self._tip: int | None = None  # how far the server's quotes have got; ms, None while nobody knows

    async def open(self) -> None:
        """Take hold of all files."""
        for target in self._targets:
            await self._through(target.open())
            self._opened.append(target)
            self._before.update((name, tally.rows) for name, tally in target.tallies.items())

    async def fetch(self) -> None:
        """Fetch what is missing in each."""
        if self._wanted.end is None:  # the clock here may be months away from a venue's
            self._tip = await self._newest(next(iter(self._targets[0].symbols.values())))
        self._progress.begin(self._courses.values())
        try:
            await all_of(map(self._complete, self._targets))
        finally:
            self._progress.end()

    def close(self) -> None:
        """Let go of the files."""
        for target in self._opened:
            target.close()

    def say_what_is_kept(self) -> None:
        """Say where what was fetched is."""
        for target in self._opened:
            if target.parts.kept:
                say(self._kept(target).removeprefix(". "))

    def show(self) -> int:
        """Show what there is, and give the exit status."""
        from ctrader_twisted.cli.files.report import Report, say_what_is_apart, show_reports

        reports = [
            Report(target, name, self._before.get(name, 0), self._problems.get(name))
            for target in self._targets
            for name in target.symbols
        ]
        show_reports(reports, as_json=self._wanted.as_json)
        for target in self._targets:
            say_what_is_apart(target)
        for problem in dict.fromkeys(self._problems.values()):
            say(f"ctrader: {problem}", "red")
        return 1 if self._problems else 0

    async def _complete(self, target: Target) -> None:
        """Fetch everything for one file, and write it."""
        await all_of(self._in_turn(target, symbol) for symbol in target.symbols.values())
        unfinished = [name for name in target.symbols if name in self._problems]
        try:
            if not unfinished and any(part.rows for name in target.symbols for part in target.used(name)):
                await self._through(target.write())
            elif not unfinished:
                target.forget_used()  # only of times in which there was nothing
        except CommandFailed as error:
            self._problems.update(dict.fromkeys(target.symbols, str(error)))
            return
        start, end = self._wanted.start, self._wanted.end
        now = round(self._reactor.seconds() * 1000)
        for name, symbol in target.symbols.items():
            tally = target.tallies.get(name)
            if tally is None or not tally.rows:
                if name not in self._problems:
                    what, tip = str(target.contents), await self._newest(symbol)
                    self._problems[name] = absent.nothing(symbol, what, self._wanted.period, (start, end), now, tip)
                continue
            tally.begun(round(start.timestamp() * 1000))
            if end is not None:
                until = min(round(end.timestamp() * 1000), now)
                told = name not in self._problems and tally.lacks(until)
                tally.until(until, await self._newest(symbol) if told else None)

    async def _newest(self, symbol: Symbol) -> int | None:
        """Ask how far the server's quotes have got; None if it does not say."""
        try:
            return await absent.newest(self._client, self._account.account_id, symbol)
        except OpenApiError:
            return None

    async def _in_turn(self, target: Target, symbol: Symbol) -> None:
        course = self._courses[symbol.name]
        await self._turns.acquire()
        course.began = self._reactor.seconds()
        try:
            await self._fetch(target, symbol, course)
            course.share = 1.0
        except OpenApiError as error:
            self._problems[symbol.name] = f"{clean(symbol.name)}: {sentence(error)}{self._kept(target)}"
        except OSError as error:
            from ctrader_twisted.replacing import why

            self._problems[symbol.name] = f"{target.parts.folder} can't be written: {why(error)}{self._kept(target)}"
        finally:
            course.ended = self._reactor.seconds()
            self._turns.release()

    async def _fetch(self, target: Target, symbol: Symbol, course: Course) -> None:
        from ctrader_twisted.cli.files.contents import bounds, cut
        from ctrader_twisted.history.moments import moment

        start = round(self._wanted.start.timestamp() * 1000)
        end = None if self._wanted.end is None else round(self._wanted.end.timestamp() * 1000)
        spans = target.missing(symbol, start, end)
        for number, (first, stop) in enumerate(spans):
            asked = target.ask_from(symbol, first)
            series = target.contents.series(
                self._account, symbol, moment(asked), None if stop is None else moment(stop)
            )
            try:
                async for table in series:
                    new = cut(table, first)[1]
                    course.share = (number + self._share(series, asked, stop)) / len(spans)
                    if len(new):
                        reached = bounds(new)[1] + 1
                        target.parts.save(new, first, reached)
                        first = reached
                        course.rows += len(new)
            finally:
                series.close()
            if stop is not None and first < stop:
                target.parts.save(target.contents.table(symbol, _empty(target.contents)), first, stop)

    def _share(self, series: Series[Any], start: int, stop: int | None) -> float:
        """Say how much of a span has been gone through, from 0 to 1: where it has no end, as far as the server has got.

        :param start: ms, as ``stop``.
        """
        if stop is not None or self._tip is None:
            return series.share
        return min(1.0, max(0.0, series.reached.timestamp() * 1000 - start) / max(1, self._tip - start))

    def _kept(self, target: Target) -> str:
        if not target.parts.rows:
            return ""
        return f". {target.parts.rows:,} rows are kept in {target.parts.folder}: the same command goes on from there"

    async def _through(self, steps: Generator[None]) -> None:
        """Go through what takes long, and let everything else have its turn between."""
        with closing(steps):
            for _ in steps:
                await deferLater(self._reactor, 0, lambda: None)


def _empty(contents: Contents) -> dict[str, Any]:
    import numpy as np

    return {name: np.zeros(0, np.int64) for name in contents.numbers}
