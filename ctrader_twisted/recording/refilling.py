"""Holes of a recording, filled from the server's history: quotes, bars, deals and what changed the balance.

A hole is what no cover covers, after the first one of its stream. It is filled the oldest part first and page after
page, each written with its cover, so whatever stops it, it goes on from there. Rows that are there already, as at the
edges of a hole, are not written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted import documents
from ctrader_twisted.errors import ClientClosed, OpenApiError
from ctrader_twisted.market.calendar import bar_grid
from ctrader_twisted.messages import ProtoOADealStatus, ProtoOAExecutionEvent, ProtoOAExecutionType
from ctrader_twisted.outputs import encode
from ctrader_twisted.recording.gathering import ACCOUNT, event_columns
from ctrader_twisted.recording.spans import holes
from ctrader_twisted.recording.store import Batch, Cover
from ctrader_twisted.recording.tables import ACCOUNT_EVENTS, BARS, DAY, HISTORY, LIVE, QUOTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twisted.python.failure import Failure

    from ctrader_twisted import messages
    from ctrader_twisted.account import Account
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.documents.symbols import Symbols
    from ctrader_twisted.recording.gathering import Gathering
    from ctrader_twisted.recording.keeping import Keeping

SETTLED: Final = 5_000
"""ms that something has been over for before history is asked for it: deals are in it seconds later (observed)."""

MARGIN: Final = 3_600_000
"""ms before and after a hole in account events that are asked for, too: where nothing tells the server's time, its ends
are by our clock. It takes no more requests."""

_WEEK: Final = 7 * DAY
_BACK: Final = (60_000, 3_600_000, DAY, _WEEK)
"""ms before a hole in which the last tick of each side is looked for, one after the other."""

_EXECUTIONS: Final[Mapping[int, ProtoOAExecutionType]] = {
    ProtoOADealStatus.FILLED: ProtoOAExecutionType.ORDER_FILLED,
    ProtoOADealStatus.PARTIALLY_FILLED: ProtoOAExecutionType.ORDER_PARTIAL_FILL,
}

_log = Logger()


def key_of_deal(deal_id: int) -> str:
    """Give what makes an account event about a deal the same as another."""
    return f"deal {deal_id}"


def key_of_balance_change(balance_history_id: int) -> str:
    """Likewise for what changed the balance without a deal."""
    return f"balance {balance_history_id}"


class _NotKnownYet(Exception):
    """What stands at the beginning of a hole is not known yet there."""


@dataclass(frozen=True, slots=True)
class _Hole:
    """A hole of one stream.

    :ivar hidden: whether there is one only maybe: what is covered does not show it.
    """

    stream: str
    start: int
    end: int
    hidden: bool = False


class Refilling:
    """Fills the holes of one account, one after the other.

    :param name: what messages call the account.
    :param symbols: knows their names and lot sizes.
    :param streams: gives those that are recorded now; others are left as they are.
    :param days: how far back it goes.
    :param flush: has everything that is gathered given to the store.
    """

    def __init__(
        self,
        client: OpenApiClient,
        name: str,
        gathering: Gathering,
        keeping: Keeping,
        *,
        symbols: Symbols,
        streams: Callable[[], Iterable[str]],
        days: float,
        flush: Callable[[], object],
    ) -> None:
        self._client = client
        self._name = name
        self._gathering = gathering
        self._keeping = keeping
        self._symbols = symbols
        self._streams = streams
        self._days = days
        self._flush = flush
        self._under_way: Deferred[bool] | None = None
        self._series: Any = None

    @property
    def busy(self) -> bool:
        """Whether holes are being filled."""
        return self._under_way is not None

    def look(self) -> Deferred[bool]:
        """Look for holes and fill them, unless that is under way.

        :return: a Deferred that fires when there is none left that history can fill: with whether that is so, or
            whether it has to be tried again.
        """
        waiting: Deferred[bool] = Deferred()
        if self._under_way is not None:
            waiting.callback(True)
            return waiting
        under_way = self._under_way = Deferred.fromCoroutine(self._look())
        under_way.addErrback(self._stopped).addCallback(self._ended, waiting)
        return waiting

    def stop(self) -> None:
        """Fill nothing more; what is filled stays."""
        series = self._series
        if self._under_way is not None:
            self._under_way.cancel()  # first: who waits for a series that is closed takes it to be over
        if series is not None:
            series.close()

    def _ended(self, done: bool, waiting: Deferred[bool]) -> None:
        self._under_way = None
        waiting.callback(done)

    def _stopped(self, failure: Failure) -> bool:
        if failure.check(CancelledError, ClientClosed):
            return False
        if failure.check(OpenApiError, OSError):
            _log.warn("{account}: holes are not looked for yet: {error}", account=self._name, error=str(failure.value))
        else:
            _log.failure("{account}: unexpected failure while holes were filled", failure, account=self._name)
        return False

    async def _look(self) -> bool:
        done = True
        account = await self._client.account(self._gathering.account_id).ready()
        for hole in await self._holes():
            try:
                rows = await self._fill(account, hole)
            except (OpenApiError, OSError) as error:
                if isinstance(error, ClientClosed):
                    raise
                done = False
                _log.warn("{what} is not refilled yet: {error}", what=self._told(hole), error=str(error))
            else:
                if rows is None:
                    done = False
                elif rows or hole.stream == ACCOUNT:
                    _log.info("{what} is refilled: {rows} rows", what=self._told(hole), rows=rows)
        return done

    def _told(self, hole: _Hole) -> str:
        start, end = (documents.iso_ms(at) for at in (hole.start, hole.end))
        what = "what may be missing" if hole.hidden else "the hole"
        return f"{self._name}: {what} in {hole.stream} from {start} to {end}"

    async def _holes(self) -> list[_Hole]:
        gathering = self._gathering
        self._flush()
        covered = await self._keeping.ask(
            partial(self._keeping.store.covered, gathering.environment, gathering.account_id)
        )
        now = gathering.server_time(self._now())
        since = now - round(self._days * DAY)
        found = []
        for stream in self._streams():
            spans = covered.get(stream)
            if not spans:
                continue
            end = spans[-1][1]
            if stream.startswith("bars/") and stream not in gathering.begun:
                # No live bar yet: those that have closed by now are asked for, and not taken from the feed any more.
                end = max(end, bar_grid(stream.rsplit("/", 1)[1]).opening(max(0, now - SETTLED)))
                gathering.known_before(stream, end)
            elif stream == ACCOUNT:
                spans = await self._with_events_before(spans, since)
                if gathering.overlaps:
                    first, last = max(since, spans[0][0]), min(end, gathering.begun.get(ACCOUNT, end) + _WEEK)
                    found.append(_Hole(stream, max(0, first - DAY), last + DAY, hidden=True))
                end = min(end, gathering.begun.get(ACCOUNT, 0))  # what is covered after it is of a clock that was ahead
            found += [_Hole(stream, *hole) for hole in holes(spans, max(since, spans[0][0]), end)]
        return sorted(found, key=lambda hole: (hole.stream != ACCOUNT, hole.start))

    async def _with_events_before(self, spans: list[tuple[int, int]], since: int) -> list[tuple[int, int]]:
        """Let account events be recorded from the first of them on: the first cover comes seconds or minutes later, and
        there may have been losses before it. What history gave of the time before does not count."""
        gathering, begun = self._gathering, spans[0][0]
        there = await self._keeping.ask(
            partial(
                self._keeping.store.rows, ACCOUNT_EVENTS.name, gathering.environment, gathering.account_id, since, begun
            )
        )
        live = (at for at, source in zip(there["time"], there["source"], strict=True) if source == LIVE)
        first = min(live, default=begun)
        return spans if first >= begun else [(int(first), int(first)), *spans]

    def _now(self) -> int:
        now: int = round(self._client.clock.seconds() * 1000)
        return now

    async def _fill(self, account: Account, hole: _Hole) -> int | None:
        """Fill a hole; give how many rows were written, or None if they were dropped."""
        if hole.stream == ACCOUNT:
            return await self._fill_account(hole)
        kind, name = hole.stream.split("/", 1)
        if kind == QUOTES.name:
            return await self._fill_quotes(account, hole, name)
        return await self._fill_bars(account, hole, *name.rsplit("/", 1))

    # Quotes and bars

    async def _fill_quotes(self, account: Account, hole: _Hole, name: str) -> int | None:
        """Quotes of both sides, joined: to know both from the first change on, it begins a little earlier."""

        def columns(table: Any, start: int) -> dict[str, Any]:
            import numpy as np

            from ctrader_twisted.recording.sides import same_text

            kept = table.at >= start
            times = table.at[kept]
            return {
                "time": times,
                "received": np.full(len(times), self._now()),
                "symbol": same_text(name, len(times)),
                "bid": table.bid[kept],
                "ask": table.ask[kept],
                "source": same_text(HISTORY, len(times)),
            }

        how = QUOTES.name, columns, {"symbol": name}, ("time", "bid", "ask")
        series = account.quote_ticks(name, _moment(max(0, hole.start - _BACK[0])), _moment(hole.end))
        try:
            return await self._fill_from(series, hole, *how, known_at=hole.start)
        except _NotKnownYet:
            begin = await self._both_known(account, name, hole.start)
            return await self._fill_from(account.quote_ticks(name, _moment(begin), _moment(hole.end)), hole, *how)

    async def _both_known(self, account: Account, name: str, start: int) -> int:
        """Find the last moment before a hole from which on the ticks of both sides tell what stands there."""
        known = start
        for side in ("bid", "ask"):
            for back in _BACK:
                first = max(0, start - back)
                ticks = await account.ticks(name, side, _moment(first), _moment(start)).whole()
                if len(ticks):
                    known = min(known, int(ticks.at[-1]))
                    break
        return known

    async def _fill_bars(self, account: Account, hole: _Hole, name: str, period: str) -> int | None:
        # All of them have closed by the server's clock; which of them still runs by ours does not count.
        series = account.bars(name, period, _moment(hole.start), _moment(hole.end), running=True)

        def columns(table: Any, start: int) -> dict[str, Any]:
            from ctrader_twisted.recording.sides import same_text

            count = len(table)
            prices = {price: table.price(price) for price in ("open", "high", "low", "close")}
            told = {"time": table.opened, "period": same_text(period, count), "symbol": same_text(name, count)}
            return {**told, **prices, "ticks": table.ticks, "source": same_text(HISTORY, count)}

        return await self._fill_from(series, hole, BARS.name, columns, {"symbol": name, "period": period}, ("time",))

    async def _fill_from(
        self,
        series: Any,
        hole: _Hole,
        kind: str,
        columns: Callable[[Any, int], dict[str, Any]],
        which: Mapping[str, str],
        same: tuple[str, ...],
        *,
        known_at: int | None = None,
    ) -> int | None:
        """Write table after table, each with what it covers.

        :param columns: gives the rows of a table from a moment on.
        :param which: whose rows they are, for `Store.rows`.
        :param same: what makes two rows the same.
        :param known_at: when the first row has to be there at the latest.
        :raises _NotKnownYet: if it is not.
        """
        gathering, count, at = self._gathering, 0, hole.start
        self._series = series
        try:
            async for table in series:
                reached = min(_ms(series.reached), hole.end)
                if known_at is not None and table.at[0] > known_at:
                    break
                known_at = None
                if reached <= at:
                    continue  # it is all of the time before
                rows = columns(table, at)
                there = await self._keeping.ask(
                    partial(
                        self._keeping.store.rows,
                        kind,
                        gathering.environment,
                        gathering.account_id,
                        at,
                        reached,
                        **which,
                    )
                )
                rows = _without(rows, there, same)
                batch = Batch(
                    kind, gathering.environment, gathering.account_id, rows, (Cover(hole.stream, at, reached),)
                )
                if not await self._keeping.write(batch):
                    return None
                count, at = count + len(batch), reached
        finally:
            self._series = None
        if known_at is not None and series.rows:
            series.close()
            raise _NotKnownYet
        reached = min(_ms(series.reached), hole.end)
        if at < reached:
            rest = (Cover(hole.stream, at, reached),)
            batch = Batch.of_covers(kind, gathering.environment, gathering.account_id, rest)
            if not await self._keeping.write(batch):
                return None
        return count

    # Account events

    async def _fill_account(self, hole: _Hole) -> int | None:
        gathering, account_id = self._gathering, self._gathering.account_id
        count, start = 0, hole.start
        while start < hole.end:
            end = min(start + _WEEK - 2 * MARGIN, hole.end)
            span = max(0, start - MARGIN), end + MARGIN
            deals = await self._deals(*span)
            flow = await self._client.cash_flow_history_list(
                ctidTraderAccountId=account_id, fromTimestamp=span[0], toTimestamp=span[1]
            )
            events = [self._of_deal(deal) for deal in deals]
            events += [self._of_balance_change(change) for change in flow.depositWithdraw]
            self._flush()
            near = max(0, span[0] - DAY), span[1] + DAY  # some came before the server's time was known
            there = await self._keeping.ask(
                partial(self._keeping.store.rows, ACCOUNT_EVENTS.name, gathering.environment, account_id, *near)
            )
            keys = {*there["key"], *gathering.keys}
            new = sorted(event for event in events if event[3] not in keys)
            gathering.keys.update(str(event[3]) for event in new)
            covers = () if hole.hidden else (Cover(ACCOUNT, start, end),)
            if new:
                columns = event_columns(new, HISTORY)
                batch = Batch(ACCOUNT_EVENTS.name, gathering.environment, account_id, columns, covers)
            else:
                batch = Batch.of_covers(ACCOUNT_EVENTS.name, gathering.environment, account_id, covers)
            if not await self._keeping.write(batch):  # without rows and covers it is none, and written
                gathering.keys.difference_update(str(event[3]) for event in new)
                return None
            count, start = count + len(new), end
        if hole.hidden:
            gathering.overlaps = False
        return count

    async def _deals(self, first: int, last: int) -> list[messages.ProtoOADeal]:
        """Ask for deals, page by page: they come newest first."""
        found: dict[int, messages.ProtoOADeal] = {}
        until = last
        while True:
            page = await self._client.deal_list(
                ctidTraderAccountId=self._gathering.account_id, fromTimestamp=first, toTimestamp=until
            )
            before = len(found)
            found.update((deal.dealId, deal) for deal in page.deal)
            if not page.hasMore or not page.deal:
                return list(found.values())
            oldest = min(deal.executionTimestamp for deal in page.deal)
            until = oldest if len(found) > before else oldest - 1
            if until < first:
                return list(found.values())

    def _of_deal(self, deal: messages.ProtoOADeal) -> tuple[int, str, str, str | None]:
        execution = _EXECUTIONS.get(deal.dealStatus, ProtoOAExecutionType.ORDER_REJECTED)
        event = ProtoOAExecutionEvent(
            ctidTraderAccountId=self._gathering.account_id, executionType=execution, deal=deal
        )
        return self._event(deal.executionTimestamp, event, key_of_deal(deal.dealId))

    def _of_balance_change(self, change: messages.ProtoOADepositWithdraw) -> tuple[int, str, str, str | None]:
        event = ProtoOAExecutionEvent(
            ctidTraderAccountId=self._gathering.account_id,
            executionType=ProtoOAExecutionType.DEPOSIT_WITHDRAW,
            depositWithdraw=change,
        )
        return self._event(change.changeBalanceTimestamp, event, key_of_balance_change(change.balanceHistoryId))

    def _event(self, at: int, event: ProtoOAExecutionEvent, key: str) -> tuple[int, str, str, str | None]:
        """Say it as the event would have that was missed; what only that one could tell is null."""
        gathering = self._gathering
        head = documents.head("execution", at / 1000, gathering.environment, gathering.account_id)
        document = {**head, **documents.execution(event, self._symbols), "by_server": None}
        return at, "execution", encode(document).decode().rstrip("\n"), key


def _without(rows: dict[str, Any], there: Mapping[str, Any], same: tuple[str, ...]) -> dict[str, Any]:
    """Leave out rows that are there already, each as often as it is there."""
    import numpy as np

    times = rows[same[0]]
    kept = np.ones(len(times), bool)
    for key in zip(*(there[name] for name in same), strict=True):
        first, stop = np.searchsorted(times, key[0]), np.searchsorted(times, key[0], side="right")
        for place in range(int(first), int(stop)):
            if kept[place] and all(rows[name][place] == value for name, value in zip(same, key, strict=True)):
                kept[place] = False
                break
    return rows if kept.all() else {name: column[kept] for name, column in rows.items()}


def _moment(ms: int) -> Any:
    from ctrader_twisted.history.moments import moment

    return moment(ms)


def _ms(at: Any) -> int:
    from ctrader_twisted.history.moments import EPOCH

    ms: int = round((at - EPOCH).total_seconds() * 1000)
    return ms
