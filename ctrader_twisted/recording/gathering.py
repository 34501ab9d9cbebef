"""What one account tells, gathered until it is written, and what of it is covered. No Twisted, no clock.

A cover says that everything in a span of time is recorded. It may only say so of what has certainly come: as long as
anything comes from the server at all, everything before that, less a little for what may come out of order.

Times are ms since the epoch, UTC. Ours are translated into the server's by what its events said when they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.market.calendar import bar_grid
from ctrader_twisted.recording.store import Batch, Cover
from ctrader_twisted.recording.tables import ACCOUNT_EVENTS, BARS, DAY, LIVE, QUOTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ctrader_twisted.market.columns import Column
    from ctrader_twisted.market.light import SpotColumns
    from ctrader_twisted.recording.sides import QuoteRows, Sides

GRACE: Final = 1_000
"""ms that events may come out of order by, between one symbol and another."""

OWN_GRACE: Final = 60_000
"""The same while the server's clock is not known: ours may be wrong by as much. It is not known any more when none of
its times has come for so long, and when ours has leapt by so much, or back. For so long it is waited for, too, before
ours is taken for it: where a market is open, events tell it much sooner."""

SILENCE: Final = 90_000
"""ms for which a connection may be silent (observed). A clock that leaps by no more is off by little more than
`OWN_GRACE`, which the hour that is asked for around a hole makes good."""

RECENT: Final = 32
"""Rows that say how late events come at present."""

BACK: Final = 7 * DAY
"""ms before an account stands from which on quotes are covered at the earliest: a first event says since when the quote
has stood, and that may be years."""

PACKED: Final = 512
"""Reads that wait apart from each other at most."""

MOST: Final = 100_000
"""Spot events that wait at most."""

COVERS_EVERY: Final = 300_000
"""ms after which covers are written that no rows go with: a quiet market needs no file every few seconds."""

ACCOUNT: Final = "account"


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """A bar as it is recorded."""

    symbol: str
    period: str
    opened: int
    open: float
    high: float
    low: float
    close: float
    ticks: int

    @property
    def stream(self) -> str:
        """What it belongs to."""
        return bars_of(self.symbol, self.period)


def quotes_of(symbol: str) -> str:
    """Name the stream of a symbol's quotes."""
    return f"quotes/{symbol}"


def bars_of(symbol: str, period: str) -> str:
    """Name the stream of a symbol's bars."""
    return f"bars/{symbol}/{period}"


class Gathering:
    """What one account has told and is not written yet.

    :param account: whether account events are recorded.

    :ivar ahead: how far the times that events tell are ahead of ours when they come, in ms, as a rule; None until it is
        known.
    :ivar begun: streams that are covered since the account stands, up to when.
    :ivar news: whether a stream has begun anew since this was last set to False: there may be a hole before it.
    :ivar overlaps: whether the account stands since before the end of what was covered before, so that one of both was
        told by a clock that is wrong, and no hole shows what was missed.
    :ivar keys: of the account events told here.
    """

    def __init__(self, environment: str, account_id: int, *, account: bool = True) -> None:
        self.environment = environment
        self.account_id = account_id
        self.ahead: int | None = None
        self.begun: dict[str, int] = {}
        self.news: bool = False
        self.overlaps: bool = False
        self.keys: set[str] = set()
        self._sides: Sides | None = None
        self._spots: list[tuple[int, SpotColumns]] = []
        self._packed: list[tuple[SpotColumns, Column]] = []  # those that waited longer
        self._waiting = 0
        self._held: QuoteRows | None = None  # rows that are not covered yet
        self._bars: list[ClosedBar] = []
        self._events: list[tuple[int, str, str, str | None]] = []
        self._ended: set[str] = set()  # streams that nobody is subscribed to
        self._learned = False
        self._known: dict[str, int] = {}  # streams of bars: opening before which they are, or will be, recorded
        self._heard = 0
        self._late = 0  # how much later the last events came than is the rule, in ms
        self._told = 0  # when `ahead` was last told
        self._stood = 0
        self._unsure = 0  # since when the server's clock is not known
        self._of_account = account
        self._account_until = 0  # where account events are covered to by those before it stood
        self._stands = False
        self._fresh = False  # whether nothing is covered yet since it stands
        self._covered_at = 0

    # What is told

    def stands(self, now: int) -> None:
        """The account stands: from now on it is told everything that happens to it."""
        self._stands = self._fresh = True
        self._heard = self._stood = self._unsure = now
        self._covered_at = now
        self.news = True

    def heard(self, now: int) -> None:
        """Something came, whatever it was."""
        longest = SILENCE if self.ahead is None else OWN_GRACE  # rather once too often where there is something to lose
        if self._stands and not 0 <= now - self._heard <= longest:
            self.ahead, self._unsure = None, now  # hardly any connection is silent for so long: our clock was set
            self._stood = now  # as it shows now, if later than it was
        self._heard = now

    def spots(self, columns: SpotColumns, now: int) -> bool:
        """Take spot events in; those of other accounts are left out later.

        :return: whether so many wait that they should be written.
        """
        self.heard(now)
        self._spots.append((now, columns))
        self._waiting += len(columns)
        if len(self._spots) >= PACKED:
            self._pack()
        return self._waiting >= MOST

    def bar(self, bar: ClosedBar) -> None:
        """Take a bar in that has closed."""
        self._bars.append(bar)

    def happened(self, now: int, event: str, document: str, key: str | None) -> None:
        """Take an account event in: at the server's time, if that is known."""
        self.heard(now)
        self._events.append((now + (self.ahead or 0), event, document, key))
        if key is not None:
            self.keys.add(key)

    def learn(self, covered: Mapping[str, list[tuple[int, int]]]) -> None:
        """What is recorded already, by stream: bars wait until this is told, and what covers account events."""
        self._learned = True
        for stream, spans in covered.items():
            if stream == ACCOUNT and spans:
                self._account_until = max(self._account_until, spans[-1][1])
            if stream.startswith("bars/") and spans:
                self.known_before(stream, spans[-1][1])

    def known_before(self, stream: str, opened: int) -> None:
        """Bars of a stream that open before this are recorded, or about to be: they are not told again."""
        self._known[stream] = max(opened, self._known.get(stream, 0))

    def knows_time(self, now: int) -> bool:
        """Say whether the server's time is known, or can only be taken from the clock here."""
        return self.ahead is not None or now - self._unsure > OWN_GRACE

    def server_time(self, now: int) -> int:
        """Give the server's time as far as is known, and a little less rather than more; 0 if nothing is known."""
        if self.ahead is None:
            return now - OWN_GRACE if self.knows_time(now) else 0
        return now + self.ahead - self._late - (GRACE if 0 <= now - self._told <= OWN_GRACE else OWN_GRACE)

    def cover_soon(self) -> None:
        """Something that was gathered is lost: what comes next says where the hole ends."""
        self._fresh, self._covered_at = True, 0

    # What is written

    def gather(
        self, names: Mapping[int, tuple[str, int]], now: int, *, ended: Iterable[str] = (), last: bool = False
    ) -> list[Batch]:
        """Give what waits, as batches.

        :param names: the name and digits of each symbol whose quotes are recorded, by symbolId.
        :param ended: streams that nobody is subscribed to.
        :param last: whether the account stands no longer, or nothing more will be taken in.
        """
        ended = set(ended)
        self._begin_anew(self._ended - ended)
        self._ended |= ended
        rows = self._take_spots(names)
        covers_due = last or not 0 <= now - self._covered_at < COVERS_EVERY
        batches = [
            *self._quotes(rows, covers_due, last),
            *self._bar_rows(),
            *self.account_events(covers_due=covers_due),
        ]
        if covers_due:
            self._covered_at = now
        if last:
            self._stands = False
            self._account_until = max(self._account_until, self.begun.get(ACCOUNT, 0))
            self.begun.clear()
            self._ended.clear()
            if self._sides is not None:
                self._sides.forget()
        return batches

    def _begin_anew(self, streams: Iterable[str]) -> None:
        """Somebody has subscribed to these, after nobody was: there is a hole before."""
        for stream in streams:
            self._ended.discard(stream)
            self.begun.pop(stream, None)
            if self._sides is not None:
                self._sides.forget(stream.partition("/")[2])

    def _pack(self) -> None:
        """Put the reads that wait into one: a read may be of one event, and would take ten times its size."""
        spots, self._spots = self._spots, []
        if spots:
            self._packed.append(_joined(spots, self.account_id))
            self._waiting = sum(len(columns) for columns, _ in self._packed)

    def _take_spots(self, names: Mapping[int, tuple[str, int]]) -> QuoteRows | None:
        """Make rows of the spot events that wait, with those that waited longer; None if there are none."""
        self._pack()
        packed, self._packed = self._packed, []
        held, self._held = self._held, None
        self._waiting = 0
        if not packed or not names:
            return held
        import numpy as np

        from ctrader_twisted.recording.sides import Sides, joined_rows

        if self._sides is None:
            self._sides = Sides(names)
        rows = self._sides.take(_in_one([columns for columns, _ in packed]), np.concatenate([at for _, at in packed]))
        if len(rows):
            ahead = rows.time - rows.received
            self.ahead = int(np.median(ahead))
            # Where there are too many they come later and later. One alone may be late for a reason of its own.
            recent = np.sort(ahead[-RECENT:])
            self._late = max(0, self.ahead - int(recent[len(recent) // 8]))
            self._told = int(rows.received[-1])
        return rows if held is None else joined_rows(held, rows)

    def _quotes(self, rows: QuoteRows | None, covers_due: bool, last: bool) -> Iterable[Batch]:
        """Give the rows that are covered with them: a batch that is lost takes nothing along that another one claims.

        So what may not be complete yet waits, unless this is the last.
        """
        if self._sides is None or not (last or self.knows_time(self._heard)):
            self._held = rows
            return
        certain = self.server_time(self._heard)
        if rows is not None and not last:
            rows, self._held = rows.before(certain)
        some = rows is not None and len(rows) > 0
        fresh = any(quotes_of(name) not in self.begun for name in self._sides.first)  # the first cover says: from here
        if not (some or covers_due or fresh):
            return
        lasts, latest = self._sides.last, self._heard + (self.ahead or 0) + GRACE
        covers = []
        for name, first in self._sides.first.items():
            stream = quotes_of(name)
            start = self.begun.get(stream)
            if start is None:
                start, self.news = max(first, self._stood + (self.ahead or 0) - BACK), True
            end = start
            if stream not in self._ended:
                end = max(start, certain, min(lasts[name], latest) if last else 0)
            if end > start:
                covers.append(Cover(stream, start, end))
            self.begun[stream] = end
        if rows is not None and some:
            yield Batch(QUOTES.name, self.environment, self.account_id, rows.columns(), tuple(covers))
        elif covers:
            yield Batch.of_covers(QUOTES.name, self.environment, self.account_id, tuple(covers))

    def _bar_rows(self) -> Iterable[Batch]:
        if not self._learned:
            return
        bars, self._bars = self._bars, []
        rows, covers = [], []
        for bar in bars:
            if bar.opened < self._known.get(bar.stream, 0):
                continue  # the last one before a weekend is told again after a loss
            start = self.begun.get(bar.stream)
            if start is None:
                start, self.news = bar.opened, True
            end = bar_grid(bar.period).next_opening(bar.opened)
            self._known[bar.stream] = end
            rows.append(bar)
            if self._stands:
                self.begun[bar.stream] = end
                covers.append(Cover(bar.stream, start, end))
        if rows:
            yield Batch(BARS.name, self.environment, self.account_id, bar_columns(rows, LIVE), tuple(covers))

    def account_events(self, *, covers_due: bool = False) -> Iterable[Batch]:
        """Give the account events that wait, and no more."""
        events, self._events = self._events, []
        covers: tuple[Cover, ...] = ()
        start, end = self._account_begun(), self.server_time(self._heard)
        if start is not None and end > start and (events or covers_due or self._fresh):
            self.news |= self._fresh  # only now is it seen what is missing before
            self._fresh = False
            covers = (Cover(ACCOUNT, start, end),)
            self.begun[ACCOUNT] = end
        if events:
            columns = event_columns(events, LIVE)
            yield Batch(ACCOUNT_EVENTS.name, self.environment, self.account_id, columns, covers)
        elif covers:
            yield Batch.of_covers(ACCOUNT_EVENTS.name, self.environment, self.account_id, covers)

    def _account_begun(self) -> int | None:
        """Say from when on account events are to be covered, by the server's clock and rather later; None for not yet.

        What was covered before by a clock that was ahead may reach beyond: then what is between is no hole to see.
        """
        if ACCOUNT not in self.begun and self._of_account and self._stands and self._learned:
            if not self.knows_time(self._heard):
                return None
            start = self._stood + (OWN_GRACE if self.ahead is None else self.ahead + GRACE)
            if start <= self._account_until:
                self.overlaps = self.news = True
            self.begun[ACCOUNT] = start
        return self.begun.get(ACCOUNT)


def bar_columns(bars: Sequence[ClosedBar], source: str) -> dict[str, list[Any]]:
    """Give the columns of a batch of bars."""
    columns: dict[str, list[Any]] = {
        name: [getattr(bar, name) for bar in bars] for name in BARS.columns if name not in (BARS.time, "source")
    }
    return {BARS.time: [bar.opened for bar in bars], **columns, "source": [source] * len(bars)}


def event_columns(events: Sequence[tuple[int, str, str, str | None]], source: str) -> dict[str, list[Any]]:
    """Give the columns of a batch of account events: time, kind, document and key of each."""
    times, kinds, documents, keys = (list(column) for column in zip(*events, strict=True))
    return {"time": times, "event": kinds, "document": documents, "key": keys, "source": [source] * len(events)}


def _joined(spots: list[tuple[int, SpotColumns]], account_id: int) -> tuple[SpotColumns, Column]:
    """Put the events of many reads together, those of other accounts left out; and say when each of them came."""
    import numpy as np

    received = np.repeat([now for now, _ in spots], [len(columns) for _, columns in spots])
    joined = _in_one([columns for _, columns in spots])
    own = joined.account_id == account_id
    if own.all():
        return joined, received
    return type(joined)(*(getattr(joined, name)[own] for name in _COLUMNS)), received[own]


def _in_one(parts: list[SpotColumns]) -> SpotColumns:
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    return type(parts[0])(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))


_COLUMNS: Final = ("account_id", "symbol_id", "bid", "ask", "session_close", "timestamp")
