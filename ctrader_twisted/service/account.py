"""One account of the daemon: brought up once, watched from then on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ctrader_twisted import documents, messages
from ctrader_twisted.account.bar_clock import BarClock
from ctrader_twisted.documents.symbols import Symbols
from ctrader_twisted.entry.limits import safety_of
from ctrader_twisted.errors import (
    AccountRefused,
    AmbiguousSymbol,
    ApplicationRefused,
    ClientClosed,
    GrantRefused,
    NotAuthorised,
    OpenApiError,
    RateLimited,
    ServerError,
    ServerUnavailable,
    TokenRefused,
    UnderMaintenance,
    UnknownSymbol,
    WrongEnvironment,
)
from ctrader_twisted.market import LiveBars, Quotes
from ctrader_twisted.session.machine import AccountState
from ctrader_twisted.session.pacing import RETRY_AFTER_AT_MOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from google.protobuf.message import Message
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.config import AccountSettings
    from ctrader_twisted.market import Bar
    from ctrader_twisted.service.recorder import Recorder
    from ctrader_twisted.session.events import AccountChanged, Resynchronised

FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0

_log = Logger()


class Step(NamedTuple):
    """A subscription to ask for."""

    kind: str
    symbol_ids: tuple[int, ...]
    period: int | None = None


class AccountWatch:
    """Has an account authorised, finds its symbols, subscribes, and turns what comes into objects for the outputs.

    The client keeps the account authorised and restores its subscriptions after a loss. What only the daemon can do
    then is to forget half-known quotes and bars, and to say what somebody has to do.

    :param account_id: ctidTraderAccountId.
    :param access_token: None if the client's token store is to give one.
    :param login: the command with which somebody logs in.
    :param on_out: called when the account can't be used until somebody corrects something.

    :ivar settings: what is wanted of it.
    :ivar symbols: its symbols, once they are known.
    :ivar out: whether it can't be used until somebody corrects something and starts the daemon again.
    """

    def __init__(
        self,
        client: OpenApiClient,
        clock: IReactorTime,
        settings: AccountSettings,
        *,
        account_id: int,
        access_token: str | None,
        login: str,
        environment: str,
        recorder: Recorder,
        on_out: Callable[[], object],
    ) -> None:
        self.account_id = account_id
        self.out: bool = False
        self.symbols: Symbols = Symbols(settings.aliases)
        self._client = client
        self._clock = clock
        self.settings = settings
        self._token = access_token
        self._login = login
        self._environment = environment
        self._recorder = recorder
        self._on_out = on_out
        self._quotes = Quotes()
        self._bars = LiveBars()
        self._bar_clock = BarClock(clock, lambda: self._bars.closes_at, self._flush)
        self._closed: dict[tuple[int, int], int] = {}  # opening of the last closed bar, by symbol and period
        self._todo: list[Step] | None = None
        self._busy = False
        self._task: Deferred[None] | None = None
        self._stopped = False
        # For the user services that trade on it.
        if settings.safety is not None:
            client.limit(account_id, safety_of(settings.safety))
        if settings.aliases:
            client.alias(account_id, settings.aliases)

    # Life

    def start(self) -> None:
        """Begin to bring the account up, unless that is going on already."""
        if not self._busy and not self._stopped:
            self._busy = True
            self._task = Deferred.fromCoroutine(self._bring_up())
            self._task.addErrback(self._failed).addBoth(self._ended)

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._stopped = True
        self._bar_clock.stop()
        if self._task is not None:
            self._task.cancel()

    async def _bring_up(self) -> None:
        delay = FIRST_RETRY
        while await self._is_authorised():
            try:
                await self._learn_symbols()
                await self._subscribe()
                return
            except OpenApiError as error:
                if self._stopped:
                    return
                asked = (error.retry_after or 0.0) if isinstance(error, ServerError) else 0.0
                wait = max(delay, min(asked, RETRY_AFTER_AT_MOST))
                _log.warn(
                    "account {account} on {environment}: {error}. Trying again in {wait:.1f} s",
                    account=self.account_id,
                    environment=self._environment,
                    error=error,
                    wait=wait,
                )
            await deferLater(self._clock, wait)
            delay = min(delay * 1.5, LONGEST_RETRY)

    async def _is_authorised(self) -> bool:
        """Wait until the account is authorised; False, and said, if that needs somebody to do something."""
        try:
            await self._client.authorise(self.account_id, self._token)
        except (ApplicationRefused, ClientClosed):
            pass  # the whole environment is out, and says so itself
        except GrantRefused:
            pass  # the account's state says so
        except TokenRefused as error:
            self._refuse("access token", str(error), "Get another one; access tokens live for about 30 days.")
        except WrongEnvironment as error:
            self._refuse("environment", ServerError.__str__(error), f'{error.remedy} Correct its key "environment".')
        except AccountRefused as error:
            self._refuse("account", str(error), self._client.account_status(self.account_id).remedy)
        else:
            return True
        return False

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            _log.failure("account {account}: unexpected failure", failure, account=self.account_id)

    def _ended(self, _: None) -> None:
        self._busy = False

    def _refuse(self, what: str, why: str, remedy: str) -> None:
        self._alarm(f"the {what} was refused: {why}", remedy)
        self.out = True
        self._on_out()

    def _alarm(self, problem: str, remedy: str) -> None:
        """Say what stays wrong until somebody does something."""
        _log.error(
            "{key}: account {account} on {environment}: {problem}. {remedy}",
            key=self.settings.key,
            account=self.account_id,
            environment=self._environment,
            problem=problem,
            remedy=remedy,
        )
        self._record("error", documents.error(problem, remedy))

    # Bringing up

    async def _learn_symbols(self) -> None:
        if self._todo is not None:
            return
        names = await self._client.symbols_list(ctidTraderAccountId=self.account_id)
        self.symbols.learn_names(names.symbol)
        wanted = {name: self._find(name) for name in self.settings.symbols}
        ids = {name: symbol_id for name, symbol_id in wanted.items() if symbol_id is not None}
        if ids:
            details = await self._client.symbol_by_id(
                ctidTraderAccountId=self.account_id, symbolId=dict.fromkeys(ids.values())
            )
            self.symbols.learn_details(details.symbol)
        self._todo = self._steps(ids)

    def _find(self, name: str) -> int | None:
        """Give the id of the symbol that a name of the configuration means; None, and said, if that is not one."""
        account = f"account {self.account_id}"
        try:
            return self.symbols.look_up(name)
        except UnknownSymbol as error:
            near = " or ".join(f'"{each}"' for each in error.suggestions)
            remedy = f"Did you mean {near}?" if near else "To see them all: ctrader symbols"
            self._complain(f"{account}{error.problem.removeprefix('the account')}", remedy)
        except AmbiguousSymbol as error:
            self._complain(f"{account}: {error.problem}", f"{error.remedy[:1].upper()}{error.remedy[1:]}.")
        return None

    def _steps(self, ids: Mapping[str, int]) -> list[Step]:
        """List what to ask for: spots before the live bars that ride on them, then depth. Several names may mean one
        symbol.
        """
        steps = [Step("spots", tuple(dict.fromkeys(ids.values())))] if ids else []
        for name, periods in self.settings.bars.items():
            if name in ids:
                steps += [Step("bars", (ids[name],), messages.ProtoOATrendbarPeriod[period]) for period in periods]
        depth = tuple(dict.fromkeys(ids[name] for name in self.settings.depth if name in ids))
        return [*steps, Step("depth", depth)] if depth else steps

    async def _subscribe(self) -> None:
        while self._todo:
            step = self._todo[0]
            try:
                await self._ask(step)
            except (NotAuthorised, RateLimited, ServerUnavailable, UnderMaintenance):
                raise
            except ServerError as error:
                if len(step.symbol_ids) > 1:  # one of them spoils it for the others: ask for each by itself
                    self._todo[:1] = [step._replace(symbol_ids=(symbol_id,)) for symbol_id in step.symbol_ids]
                    continue
                symbol = self.symbols.name(step.symbol_ids[0])
                self._complain(f"{symbol}: no {step.kind}: {error}", "The account's broker has the last word on it.")
            self._todo.pop(0)

    async def _ask(self, step: Step) -> None:
        account_id, ids = self.account_id, step.symbol_ids
        if step.kind == "spots":
            await self._client.subscribe_spots(
                ctidTraderAccountId=account_id, symbolId=ids, subscribeToSpotTimestamp=True
            )
        elif step.period is not None:
            await self._client.subscribe_live_trendbar(
                ctidTraderAccountId=account_id, symbolId=ids[0], period=step.period
            )
        else:
            await self._client.subscribe_depth_quotes(ctidTraderAccountId=account_id, symbolId=ids)

    def _complain(self, problem: str, remedy: str) -> None:
        _log.warn(
            "{key} on {environment}: {problem}. {remedy}",
            key=self.settings.key,
            environment=self._environment,
            problem=problem,
            remedy=remedy,
        )
        self._record("error", documents.error(problem, remedy))

    # Events

    def changed(self, event: AccountChanged) -> None:
        """The account moved to another state."""
        event = replace(event, remedy=event.remedy.replace("ctrader login", self._login))
        self._record("account", documents.account(event))
        if event.previous is AccountState.AUTHORISED:
            # What changes meanwhile will not be told: half a quote, or a bar with a hole, would be wrong.
            self._quotes.forget()
            self._bars.forget()
            self._bar_clock.lost()
        if event.state is AccountState.AUTHORISED:
            self.out = False
            _log.info(
                "account {account} on {environment} is authorised",
                account=self.account_id,
                environment=self._environment,
            )
            if self._todo is None or self._todo:
                self.start()
        elif event.state is AccountState.NEEDS_LOGIN:
            self._alarm(event.reason, event.remedy)
        elif event.state in (AccountState.REFUSED, AccountState.TOKEN_INVALID) and not self.out:
            self.start()  # to find out whether that passes

    def resynchronised(self, event: Resynchronised) -> None:
        """The account stands again."""
        _log.info(
            "account {account} on {environment} stands again: {renewed} subscriptions, {seconds:.1f} s missed",
            account=self.account_id,
            environment=self._environment,
            renewed=len(event.renewed),
            seconds=event.restored_at - event.lost_at,
        )
        for subscription, error in event.failed:
            self._complain(
                f"{self.symbols.name(subscription.symbol_id)}: no {subscription.kind} any more: {error}",
                "Restart the daemon to ask for it again.",
            )
        self._record("resynchronised", documents.resynchronised(event, self.symbols))

    def spot(self, event: messages.ProtoOASpotEvent) -> None:
        """A price changed, and perhaps a bar closed before it."""
        symbols = self.symbols
        digits = symbols.digits(event.symbolId)
        self._bar_clock.heard(event)
        self._bars_closed(self._bars.feed(event, digits))
        if event.trendbar and not self._stopped:
            self._bar_clock.look(self._bars.closes_at)
        if event.HasField("bid") or event.HasField("ask"):
            self._record("quote", documents.quote(self._quotes.feed(event, digits), event, symbols))

    def _flush(self, over: int) -> None:
        self._bars_closed(self._bars.flush(over))

    def _bars_closed(self, bars: Iterable[Bar]) -> None:
        """Record bars that have closed, each once: after a loss the last one before a weekend is told again."""
        for bar in bars:
            key = bar.symbol_id, bar.period
            if bar.opened > self._closed.get(key, -1):
                self._closed[key] = bar.opened
                self._record("bar", documents.bar(bar, self.symbols))

    def depth(self, event: messages.ProtoOADepthEvent) -> None:
        """An order book changed."""
        self._record("depth", documents.depth(event, self.symbols))

    def execution(self, event: messages.ProtoOAExecutionEvent) -> None:
        """An order, a position or the balance changed."""
        self._record("execution", documents.execution(event, self.symbols))

    def order_error(self, event: messages.ProtoOAOrderErrorEvent) -> None:
        """An order or position command was refused."""
        self._record("order_error", documents.order_error(event))

    def trailing_stop(self, event: messages.ProtoOATrailingSLChangedEvent) -> None:
        """A trailing stop moved."""
        self._record("trailing_stop", documents.trailing_stop(event))

    def message(self, event: Message) -> None:
        """Something else was pushed."""
        self._record("message", documents.message(event))

    def _record(self, event: str, body: documents.Document) -> None:
        self._recorder.record(event, self._environment, self.account_id, body)
