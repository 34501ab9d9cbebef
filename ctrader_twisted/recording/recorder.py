"""The recorder: quotes, closed bars and account events of any accounts, to one store."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from ctrader_twisted.market.calendar import bar_grid
from ctrader_twisted.market.light import SpotColumns
from ctrader_twisted.messages import ProtoHeartbeatEvent
from ctrader_twisted.outputs import encode
from ctrader_twisted.recording.embedding import Following
from ctrader_twisted.recording.gathering import ACCOUNT, ClosedBar, Gathering, bars_of, quotes_of
from ctrader_twisted.recording.keeping import CAPACITY, RETRY, Keeping, Worker
from ctrader_twisted.recording.refilling import SETTLED, Refilling, key_of_balance_change, key_of_deal
from ctrader_twisted.recording.tables import QUOTES, today
from ctrader_twisted.session.events import AccountChanged
from ctrader_twisted.session.machine import AccountState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.documents.symbols import Symbols
    from ctrader_twisted.recording.keeping import InThread
    from ctrader_twisted.recording.store import Store

KINDS: Final = ("quote", "bar", "account")
"""What can be recorded."""

FLUSH_SECONDS: Final = 10.0
REFILL_DAYS: Final = 7.0

_AGAIN: Final = 600_000  # ms until a hole that could not be filled is tried again
_TIDIED_EVERY: Final = 60_000
_NOT_THE_ACCOUNTS: Final = frozenset({"quote", "bar", "depth"})

_log = Logger()


@dataclass(slots=True, eq=False)
class _Line:
    """One account that is recorded.

    :ivar quotes: the symbols whose quotes are recorded, by any name that means them.
    :ivar bars: the periods of each whose bars are.
    :ivar account: whether account events are.
    :ivar names: the name and digits of each symbol whose quotes are recorded, by symbolId, as far as they are known.
    :ivar stood_at: when it stood last, by our clock; None while it does not.
    :ivar again_at: when to look for holes again, whatever happens.
    :ivar learn_at: when to look again for what is recorded already, if that could not be read.
    """

    client: OpenApiClient
    gathering: Gathering
    symbols: Symbols
    quotes: tuple[str, ...]
    bars: Mapping[str, tuple[str, ...]]
    account: bool
    refilling: Refilling | None = None
    following: Following | None = None
    names: dict[int, tuple[str, int]] = field(default_factory=dict)
    stood_at: int | None = None
    again_at: int | None = None
    learn_at: int | None = None
    dropped: int = 0
    soon: IDelayedCall | None = None

    def streams(self) -> tuple[str, ...]:
        """Name what is recorded, by the broker's names as far as they are known."""
        spelled = self.symbols.spelled
        streams = [quotes_of(spelled(name)) for name in self.quotes]
        streams += [bars_of(spelled(name), period) for name, periods in self.bars.items() for period in periods]
        return tuple(dict.fromkeys([*streams, ACCOUNT] if self.account else streams))

    def ended(self) -> list[str]:
        """Give the streams that nobody is subscribed to."""
        standing = {
            (one.kind, one.symbol_id, one.period) for one in self.client.subscriptions(self.gathering.account_id)
        }
        return [stream for stream in self.streams() if stream != ACCOUNT and self._subscription(stream) not in standing]

    def _subscription(self, stream: str) -> tuple[str, int | None, int | None]:
        kind, _, what = stream.partition("/")
        if kind == QUOTES.name:
            return "spots", self.symbols.find(what), None
        name, _, period = what.rpartition("/")
        return "trendbars", self.symbols.find(name), bar_grid(period).period


class MarketRecorder(Service):
    """Records to a store what accounts tell, and fills what is missing from history.

    It is begun and ended as any service is. `record` says which accounts.

    :param clock: the reactor.
    :param store: where to: a `recording.parquet.ParquetStore` or a `recording.sqlite.SqliteStore`. It is opened and
        closed here.
    :param events: what of: any of `KINDS`.
    :param flush_seconds: how often rows are written. Account events are at once.
    :param refill_days: how far back holes are filled; 0 for never.
    :param capacity: bytes that wait for the disk at most, roughly; what is too much drops the oldest.
    :param name: what messages call it.
    :param failed: called when something could not be written or was lost. The log says what.
    :param in_thread: calls something in a thread and gives a Deferred; a thread of its own by default.
    """

    def __init__(
        self,
        clock: Any,
        store: Store,
        *,
        events: Iterable[str] = KINDS,
        flush_seconds: float = FLUSH_SECONDS,
        refill_days: float = REFILL_DAYS,
        capacity: int = CAPACITY,
        name: str = "recording",
        failed: Callable[[], object] | None = None,
        in_thread: InThread | None = None,
    ) -> None:
        self.events: frozenset[str] = frozenset(events)
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._refill_days = refill_days
        self._name = name
        self._worker = None if in_thread else Worker(clock)
        self._failed = failed or _nothing
        self._keeping = Keeping(store, clock, name, in_thread or self._in_worker, self._failed, capacity=capacity)
        self._lines: list[_Line] = []
        self._by_account: dict[tuple[str, int], _Line] = {}
        self._heard: list[tuple[OpenApiClient, type, Callable[[Any], object]]] = []
        self._opening: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._reopening: IDelayedCall | None = None
        self._complained = False
        self._flushed_at = 0
        self._tidied_at = 0

    # What is recorded

    @property
    def written(self) -> int:
        """How many rows are on the disk."""
        return self._keeping.written

    @property
    def dropped(self) -> int:
        """How many rows never got there; they are holes."""
        return self._keeping.dropped

    @property
    def failure(self) -> str | None:
        """Why nothing can be written at present, or None."""
        return self._keeping.failure

    def record(
        self, client: OpenApiClient, account_id: int, symbols: Iterable[str] = (), bars: Iterable[str] = ()
    ) -> None:
        """Record an account, and subscribe to what that takes.

        :param client: it is begun and closed by whoever made it, and the account is authorised on it by them.
        :param account_id: ctidTraderAccountId.
        :param symbols: any names that `Account.symbol` takes. They are recorded by the broker's.
        :param bars: periods that the server has, of all of these: ``"M1"``.
        """
        from ctrader_twisted.documents.symbols import Symbols

        names = tuple(symbols)
        periods = dict.fromkeys(names, tuple(bars))
        line = self._add(client, account_id, Symbols(), names, periods)
        line.following = Following(
            client, account_id, line.symbols, names if self.events & {"quote", "bar"} else (), periods, self.take
        )
        if self.running:
            line.following.start()

    def follow(
        self,
        client: OpenApiClient,
        account_id: int,
        symbols: Symbols,
        names: Iterable[str],
        bars: Mapping[str, Iterable[str]],
    ) -> None:
        """Record an account that somebody else subscribes to things and whose events somebody else hands to `take`.

        :param symbols: knows all names and the digits of those that are recorded before anything is subscribed to.
        :param names: of the symbols whose quotes are recorded: any that ``symbols`` knows them by.
        :param bars: the periods of each.
        """
        self._add(client, account_id, symbols, tuple(names), {name: tuple(each) for name, each in bars.items()})

    def wants(self, event: str) -> bool:
        """Say whether `take` is interested in this kind of events."""
        return event in self.events if event == "bar" else self._wants_of_account(event)

    def take(self, event: str, environment: str, account: int | None, document: Mapping[str, Any]) -> None:
        """Take an event in, as an object for an output (`ctrader_twisted.documents`); quotes come otherwise."""
        line = self._by_account.get((environment, account or 0))
        if line is None:
            return
        if event == "bar" and "bar" in self.events:
            line.gathering.bar(_bar_of(document))
        elif self._wants_of_account(event):
            text = encode(document).decode("utf-8", "replace").rstrip("\n")
            line.gathering.happened(self._now(), event, text, _key_of(document))
            if line.soon is None:  # everything of this turn of the reactor goes together
                line.soon = self._clock.callLater(0, self._flush_soon, line)

    # Life

    def open(self) -> Deferred[None]:
        """Open the store; `startService` does it otherwise.

        :return: a Deferred that fails with `RecordingStoreError` or an OSError.
        """
        if self._opening is None:
            self._opening = self._keeping.open()
        return self._opening

    def startService(self) -> None:
        """Begin to record."""
        Service.startService(self)
        if self._opening is None:
            self._open_again()
        for line in self._lines:
            if line.following is not None:
                line.following.start()
        self._timer = self._clock.callLater(self._flush_seconds, self._flush_all)

    def stopService(self) -> Deferred[None]:
        """Write what waits, and end. The Deferred fires when everything is on the disk, or can't be."""
        Service.stopService(self)
        for timer in (self._timer, self._reopening):
            if timer is not None:
                timer.cancel()
        self._timer = self._reopening = None
        for client, cls, listener in self._heard:
            client.off(cls, listener)
        self._heard.clear()
        for line in self._lines:
            if line.soon is not None:
                line.soon.cancel()
                line.soon = None
            if line.refilling is not None:
                line.refilling.stop()
            self._flush(line, last=True)  # before it is unsubscribed, as it was not until now
            if line.following is not None:
                line.following.stop()
        return self._keeping.close().addCallback(self._closed)

    def _in_worker(self, call: Callable[[], Any]) -> Deferred[Any]:
        assert self._worker is not None
        return self._worker(call)

    def _closed(self, _: None) -> None:
        if self._worker is not None:
            self._worker.stop()
        _log.info(
            "{recording}: {written} rows written, {lost} not",
            recording=self._name,
            written=self.written,
            lost=self.dropped,
        )

    def _open_again(self) -> None:
        self._reopening = None
        self.open().addErrback(self._not_opened)

    def _not_opened(self, failure: Failure) -> None:
        self._opening = None
        if not self._complained:
            self._complained = True
            problem = failure.getErrorMessage()
            _log.error(
                "{recording} can't be opened, and is tried again: {problem}", recording=self._name, problem=problem
            )
            self._failed()
        if self.running:
            self._reopening = self._clock.callLater(RETRY, self._open_again)

    # Accounts

    def _add(
        self,
        client: OpenApiClient,
        account_id: int,
        symbols: Symbols,
        names: tuple[str, ...],
        bars: Mapping[str, Iterable[str]],
    ) -> _Line:
        environment = client.environment.name
        periods = {name: tuple(each) for name, each in bars.items()} if "bar" in self.events else {}
        account = "account" in self.events
        gathering = Gathering(environment, account_id, account=account)
        line = _Line(client, gathering, symbols, names if "quote" in self.events else (), periods, account)
        if self._refill_days:
            line.refilling = Refilling(
                client,
                f"{environment} {account_id}",
                gathering,
                self._keeping,
                symbols=symbols,
                streams=line.streams,
                days=self._refill_days,
                flush=lambda: self._flush(line),
            )
        self._learn(line)
        self._lines.append(line)
        self._by_account[environment, account_id] = line
        if line.quotes:
            self._on(client, SpotColumns, lambda columns: self._spots(line, columns))
        self._on(client, ProtoHeartbeatEvent, lambda _: gathering.heard(self._now()))
        self._on(client, AccountChanged, lambda event: self._changed(line, event))
        if client.account_state(account_id) is AccountState.AUTHORISED:
            self._stands(line)
        return line

    def _learn(self, line: _Line) -> None:
        """Have it told what is recorded already: bars wait until then."""
        gathering = line.gathering
        covered = partial(self._keeping.store.covered, gathering.environment, gathering.account_id)
        self._keeping.ask(covered).addCallbacks(gathering.learn, self._not_learned, errbackArgs=(line,))

    def _not_learned(self, failure: Failure, line: _Line) -> None:
        if failure.check(CancelledError):
            return
        _log.warn(
            "{recording}: what is there can't be read, so bars are not recorded yet: {problem}",
            recording=self._name,
            problem=failure.getErrorMessage(),
        )
        line.learn_at = self._now() + _AGAIN

    def _on(self, client: OpenApiClient, cls: type, listener: Callable[[Any], object]) -> None:
        client.on(cls, listener)
        self._heard.append((client, cls, listener))

    def _changed(self, line: _Line, event: AccountChanged) -> None:
        if event.account_id != line.gathering.account_id:
            return
        if event.previous is AccountState.AUTHORISED:
            self._flush(line, last=True)
            line.stood_at = None
        if event.state is AccountState.AUTHORISED:
            self._stands(line)

    def _stands(self, line: _Line) -> None:
        line.stood_at = self._now()
        line.gathering.stands(line.stood_at)

    def _spots(self, line: _Line, columns: SpotColumns) -> None:
        now = self._now()
        if line.gathering.spots(columns, now):
            self._flush(line)
        if now < self._flushed_at and self._timer is not None:
            # Our clock was set back, and the timer with it: rows would wait until it is as late again.
            self._flushed_at = now
            self._timer.reset(self._flush_seconds)

    # Writing

    def _flush_all(self) -> None:
        self._timer = self._clock.callLater(self._flush_seconds, self._flush_all)
        now = self._flushed_at = self._now()
        for line in self._lines:
            self._flush(line)
            self._refill(line, now)
            if line.learn_at is not None and now >= line.learn_at:
                line.learn_at = None
                self._learn(line)
        if not 0 <= now - self._tidied_at < _TIDIED_EVERY:
            self._tidied_at = now
            self._keeping.tidy(today(now / 1000))

    def _flush_soon(self, line: _Line) -> None:
        line.soon = None
        for batch in line.gathering.account_events():
            self._keeping.write(batch)

    def _flush(self, line: _Line, *, last: bool = False) -> None:
        for name in line.quotes:
            symbol_id = line.symbols.find(name)
            if symbol_id is not None:
                line.names[symbol_id] = line.symbols.name(symbol_id), line.symbols.digits(symbol_id)
        ended = line.ended() if line.stood_at is not None else ()
        for batch in line.gathering.gather(line.names, self._now(), ended=ended, last=last):
            self._keeping.write(batch)

    def _refill(self, line: _Line, now: int) -> None:
        """Look for holes when there may be new ones, and again where one could not be filled: not before the server's
        time is known, since they are filled only so far back.
        """
        if line.refilling is None or line.refilling.busy or line.stood_at is None or now - line.stood_at < SETTLED:
            return
        if not line.gathering.knows_time(now):
            return
        if self._keeping.failure is not None or ((line.quotes or line.bars) and not line.symbols.known):
            return
        if self._keeping.dropped != line.dropped:
            line.dropped, line.again_at = self._keeping.dropped, now
            line.gathering.cover_soon()
        if line.gathering.news or (line.again_at is not None and now >= line.again_at):
            line.gathering.news, line.again_at = False, None
            line.refilling.look().addCallback(self._refilled, line)

    def _refilled(self, done: bool, line: _Line) -> None:
        if not done:
            line.again_at = self._now() + _AGAIN

    def _wants_of_account(self, event: str) -> bool:
        return "account" in self.events and event not in _NOT_THE_ACCOUNTS

    def _now(self) -> int:
        now: int = round(self._clock.seconds() * 1000)
        return now


def _nothing() -> None:
    """Tell nobody."""


def _bar_of(document: Mapping[str, Any]) -> ClosedBar:
    prices = {name: float(document[name]) for name in ("open", "high", "low", "close")}
    return ClosedBar(document["symbol"], document["period"], _ms(document["opened"]), ticks=document["ticks"], **prices)


def _ms(iso: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def _key_of(document: Mapping[str, Any]) -> str | None:
    """Give what makes an event the same as one that history tells."""
    deal, change = document.get("deal"), document.get("balance_change")
    if deal:
        return key_of_deal(deal["id"])
    return key_of_balance_change(change["id"]) if change else None
