"""``ctrader watch``: live quotes, as a table that changes in place or as JSON Lines."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click
from twisted.internet.defer import CancelledError, Deferred

from ctrader_twisted import documents
from ctrader_twisted.cli import options
from ctrader_twisted.cli.access import Access
from ctrader_twisted.cli.board import Board, Row
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.finding import find
from ctrader_twisted.cli.running import run, sentence
from ctrader_twisted.cli.terminal import clean, stdout_console, warn
from ctrader_twisted.cli.views import JsonView, TableView
from ctrader_twisted.documents.symbols import Symbols
from ctrader_twisted.errors import AmbiguousSymbol, ApplicationRefused, ServerError, UnknownSymbol
from ctrader_twisted.market import Quotes
from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.session.events import AccountChanged, Disconnected, Resynchronised
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.cli.finding import Found
    from ctrader_twisted.cli.views import View
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.tokens import GrantedAccount

_QUIET: Final = 30.0
"""Seconds without a quote after which that is remarked upon."""
_A_YEAR: Final = 31_536_000.0
_HOPELESS: Final = (AccountState.NEEDS_LOGIN, AccountState.REFUSED)


@dataclass(frozen=True, slots=True)
class Watched:
    """What was asked for.

    :ivar names: the symbols.
    :ivar account_id: whose, or None for the only one there is.
    :ivar seconds: for how long, or None.
    :ivar count: how many quotes, or None.
    """

    names: tuple[str, ...]
    account_id: int | None = None
    seconds: float | None = None
    count: int | None = None


@click.command(short_help="Watch live quotes.")
@click.argument("names", nargs=-1, required=True, metavar="SYMBOL...")
@options.account_option
@click.option(
    "--seconds", "-s", metavar="N", type=options.Seconds(0, _A_YEAR, min_open=True), help="End after so many seconds."
)
@click.option("--count", "-n", metavar="N", type=click.IntRange(1), help="End after so many quotes.")
@options.connection_options
@options.port_option
@click.option("as_json", "--json", is_flag=True, help="Write JSON Lines in place of a table.")
@click.pass_obj
def watch(obj: dict[str, Any], /, as_json: bool, **given: Any) -> None:
    """Watch live quotes until Ctrl-C.

    On a terminal a table changes in place: bid, ask, their spread and the change of the bid since the start, both in
    pips, the server's time of the last quote, and where there is room a small chart of the bid. Elsewhere, or with
    --json, every quote is a line of JSON as the daemon writes it (docs/daemon.md), with its spread.
    """
    names = tuple(dict.fromkeys(given.pop("names")))
    watched = Watched(names, given.pop("account"), given.pop("seconds"), given.pop("count"))
    found = find(options.wanted(given), os.environ)
    for warning in found.warnings:
        warn(warning)
    console = stdout_console()
    in_place = console.is_terminal and not console.is_dumb_terminal and not as_json
    make_view = TableView if in_place else JsonView
    run(
        lambda reactor: watch_quotes(reactor, found, watched, make_view(reactor)),
        verbose=obj["verbose"],
        when_interrupted=0,
    )


async def watch_quotes(
    reactor: Any, found: Found, watched: Watched, view: View, *, access: Access | None = None
) -> None:
    """Watch until the time is over, the quotes are counted, or nothing can come any more.

    :raises CommandFailed: if a symbol does not exist, or the account can't be used any more.
    """
    async with access or Access(reactor, found) as used:
        account = await used.choose(watched.account_id)
        client = await used.open_account(account)
        watching = Watching(reactor, client, account, watched, view)
        try:
            await watching.begin()
            await watching.ended
        finally:
            watching.stop()
            with suppress(CancelledError):
                await view.end()


class Watching:
    """Quotes of one account, on their way to a view.

    :ivar ended: fires when everything that was asked for has come; fails when nothing can come any more.
    """

    def __init__(
        self, reactor: Any, client: OpenApiClient, account: GrantedAccount, watched: Watched, view: View
    ) -> None:
        self.ended: Deferred[None] = Deferred()
        self._reactor = reactor
        self._client = client
        self._account_id = account.account_id
        self._watched = watched
        self._view = view
        self._symbols = Symbols()
        self._quotes = Quotes()
        self._board = Board()
        self._left = watched.count
        self._timer: Any = None
        self._quiet: Any = None
        view.on_failure = self._view_failed

    async def begin(self) -> None:
        """Find the symbols, listen, and subscribe."""
        listed = await self._client.symbols_list(ctidTraderAccountId=self._account_id)
        self._symbols.learn_names(listed.symbol)
        ids = self._find_all()
        details = await self._client.symbol_by_id(ctidTraderAccountId=self._account_id, symbolId=ids)
        self._symbols.learn_details(details.symbol)
        full = {symbol.symbolId: symbol for symbol in details.symbol}
        self._board.rows = {each: Row.of(self._symbols.name(each), full[each]) for each in ids if each in full}
        for cls, listener in self._listeners():
            self._client.on(cls, listener)
        self._view.begin(self._board)
        self._quiet = self._reactor.callLater(_QUIET, self._remark)
        if self._watched.seconds is not None:
            self._timer = self._reactor.callLater(self._watched.seconds, self._finish)
        refused = [each for each in tuple(self._board.rows) if not await self._subscribe(each)]
        if len(refused) == len(ids):
            raise CommandFailed(f"account {self._account_id} gives none of these quotes")

    def stop(self) -> None:
        """Listen no longer."""
        for cls, listener in self._listeners():
            self._client.off(cls, listener)
        for call in (self._timer, self._quiet):
            if call is not None and call.active():
                call.cancel()

    def _remark(self) -> None:
        """Say that nothing comes, unless something else is the matter."""
        self._quiet = self._reactor.callLater(_QUIET, self._remark)
        if not self._board.status:
            self._board.status = f"no quote for {_QUIET:g} s: the market is closed, perhaps"
            self._view.status()

    def _listeners(self) -> tuple[tuple[type[Any], Callable[[Any], object]], ...]:
        return (
            (ProtoOASpotEvent, self._spot),
            (Disconnected, self._disconnected),
            (AccountChanged, self._changed),
            (Resynchronised, self._resynchronised),
        )

    def _find_all(self) -> dict[int, None]:
        """Give the ids of the symbols, each once.

        :raises CommandFailed: if there are some that do not exist, naming all of them.
        """
        ids: dict[int, None] = {}
        unknown: list[str] = []
        for name in self._watched.names:
            try:
                ids[self._symbols.look_up(name)] = None
            except UnknownSymbol as error:
                near = " or ".join(f'"{clean(each)}"' for each in error.suggestions)
                hint = f"Did you mean {near}?" if near else "To see them all: ctrader symbols"
                unknown.append(f'account {self._account_id} has no symbol "{name}". {hint}')
            except AmbiguousSymbol as error:
                unknown.append(clean(f"{error.problem}: write the whole name"))
        if unknown:
            raise CommandFailed("; ".join(unknown))
        return ids

    async def _subscribe(self, symbol_id: int) -> bool:
        try:
            await self._client.subscribe_spots(
                ctidTraderAccountId=self._account_id, symbolId=[symbol_id], subscribeToSpotTimestamp=True
            )
        except ServerError as error:
            warn(f"{clean(self._symbols.name(symbol_id))}: no quotes: {sentence(error)}")
            return False
        return True

    # Events

    def _spot(self, event: ProtoOASpotEvent) -> None:
        row = self._board.rows.get(event.symbolId)
        if event.ctidTraderAccountId != self._account_id or row is None or self.ended.called:
            return
        if not event.HasField("bid") and not event.HasField("ask"):
            return
        quote = self._quotes.feed(event, row.digits)
        seconds = self._reactor.seconds() if quote.timestamp is None else quote.timestamp / 1000
        row.take(quote, _local_time(seconds))
        if self._quiet.active():
            self._quiet.reset(_QUIET)
        self._board.status = ""
        document = self._head("quote") | documents.quote(quote, event, self._symbols)
        document["spread_pips"] = row.spread
        self._view.quote(row, document)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._finish()

    def _disconnected(self, event: Disconnected) -> None:
        retry = "" if event.retry_in is None else f". Trying again in {event.retry_in:.0f} s"
        self._stale(f"{event.reason}{retry}")
        self._view.event(self._head("disconnected", None) | documents.disconnected(event))
        if isinstance(event.reason, ApplicationRefused):
            self._fail(CommandFailed(sentence(event.reason)))

    def _changed(self, event: AccountChanged) -> None:
        if event.account_id != self._account_id:
            return
        if event.state is not AccountState.AUTHORISED and not self._board.status:
            self._stale(f"account {event.account_id}: {event.reason or event.state.value}")
        self._view.event(self._head("account") | documents.account(event))
        if event.state in _HOPELESS:
            why = ". ".join(filter(None, (event.reason or event.state.value, event.remedy)))
            self._fail(CommandFailed(f"account {event.account_id}: {why}"))

    def _resynchronised(self, event: Resynchronised) -> None:
        if event.account_id != self._account_id:
            return
        missed = event.restored_at - event.lost_at
        self._board.status = f"back after {missed:.1f} s"
        for subscription, error in event.failed:
            warn(f"{clean(self._symbols.name(subscription.symbol_id))}: no quotes any more: {sentence(error)}")
        self._view.event(self._head("resynchronised") | documents.resynchronised(event, self._symbols))

    def _stale(self, why: str) -> None:
        """What changes meanwhile is not told: half a quote would be wrong."""
        self._quotes.forget()
        self._board.stop(why)

    def _head(self, event: str, account_id: int | None = -1) -> documents.Document:
        return documents.head(
            event,
            self._reactor.seconds(),
            self._client.environment.name,
            self._account_id if account_id == -1 else account_id,
        )

    # End

    def _view_failed(self, failure: CommandFailed | None) -> None:
        if failure is None:
            self._finish()
        else:
            self._fail(failure)

    def _finish(self) -> None:
        if not self.ended.called:
            self.ended.callback(None)

    def _fail(self, error: CommandFailed) -> None:
        if not self.ended.called:
            self.ended.errback(error)


def _local_time(seconds: float) -> str:
    """Write a time of the day, to the tenth of a second, as the reader's clock has it."""
    moment = datetime.fromtimestamp(seconds).astimezone()  # noqa: DTZ006  # the reader's own time
    return f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}"
