"""What goes out without being asked for again: spots, live bars, depth. One timer for every symbol that is wanted.

The venue's own trading follows the same ticks: see `Ticker.follow`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATrendbar
from ctrader_twisted.sim.books import Book, depth_event
from ctrader_twisted.sim.conversation import SpotWatch
from ctrader_twisted.sim.feed.calendar import MINUTE, Period, roll, trading_day
from ctrader_twisted.wire import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from twisted.internet.interfaces import IDelayedCall

    from ctrader_twisted.sim.conversation import Session
    from ctrader_twisted.sim.feed.feed import Bar, Tick
    from ctrader_twisted.sim.venue import Venue
    from ctrader_twisted.wire.envelope import Envelope

    Follower = Callable[[int, Tick], None]


@dataclass(slots=True, eq=False)
class Board:
    """One symbol that somebody watches.

    :ivar bid: as last told, or None before the first quote; so are ``ask`` and the time, ``quoted_at``.
    :ivar spots: who watches the spots.
    :ivar depth: who watches the depth.
    :ivar followers: who is called with each tick after everybody who watches has been told.
    :ivar due: the tick that is told next.
    :ivar rolls_at: when a new trading day begins and its session close is told.
    """

    symbol_id: int
    bid: int | None
    ask: int | None
    quoted_at: int | None
    rolls_at: int
    spots: dict[Session, SpotWatch] = field(default_factory=dict)
    depth: dict[Session, None] = field(default_factory=dict)
    followers: dict[Follower, None] = field(default_factory=dict)
    due: Tick | None = None


class Ticker:
    """Tells every subscriber what the feed does, at the time it does it."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._feed = venue.feed
        self._boards: dict[int, Board] = {}
        self._books: dict[int, Book] = {}
        self._heap: list[tuple[int, int]] = []
        self._timer: IDelayedCall | None = None
        self._timer_ms = 0

    # ------------------------------------------------------------------------------- subscribing

    def watch_spots(self, session: Session, symbol_id: int, *, timestamp: bool) -> None:
        """Tell a session of a symbol's spots from now on."""
        session.spots[symbol_id] = watch = SpotWatch(timestamp)
        self._board(symbol_id).spots[session] = watch

    def unwatch_spots(self, session: Session, symbol_id: int) -> None:
        """Stop; the live bars that ride in the spots end with them."""
        if session.spots.pop(symbol_id, None) is not None:
            self._boards[symbol_id].spots.pop(session, None)
            self._tidy(symbol_id)

    def watch_depth(self, session: Session, symbol_id: int) -> None:
        """Tell a session of a symbol's depth from now on."""
        session.depth[symbol_id] = None
        board = self._board(symbol_id)
        if not board.depth:
            self._book(symbol_id)
            if board.bid is not None and board.ask is not None:
                self._books[symbol_id].move(board.bid, board.ask)
        board.depth[session] = None

    def unwatch_depth(self, session: Session, symbol_id: int) -> None:
        """Stop telling a session of a symbol's depth."""
        if symbol_id in session.depth:
            del session.depth[symbol_id]
            self._boards[symbol_id].depth.pop(session, None)
            self._tidy(symbol_id)

    def follow(self, symbol_id: int, follower: Follower) -> None:
        """Call a function with each of a symbol's ticks from now on, after those who watch the symbol were told of it.

        Ticks missed while the process was held up are left out as they are for everybody.
        """
        self._board(symbol_id).followers[follower] = None

    def unfollow(self, symbol_id: int, follower: Follower) -> None:
        """Stop calling it; nothing happens if it is not called."""
        board = self._boards.get(symbol_id)
        if board is not None and follower in board.followers:
            del board.followers[follower]
            self._tidy(symbol_id)

    def book(self, symbol_id: int) -> Book:
        """Give a symbol's book, brought to the present quote if nobody watches the depth; empty before the first."""
        book = self._book(symbol_id)
        board = self._boards.get(symbol_id)
        if board is None or not board.depth:
            quote = self._feed.quote(symbol_id, self._venue.now())
            if quote is not None and book.best() != (quote.bid, quote.ask):
                book.move(quote.bid, quote.ask)
        return book

    def books_state(self) -> dict[int, list[Any]]:
        """Give the state of every book there is, by symbol id."""
        return {symbol_id: book.state() for symbol_id, book in self._books.items()}

    def restore_book(self, symbol_id: int, state: Sequence[Any]) -> None:
        """Let a symbol's book go on from a state.

        :raises ValueError: if it is none, or a TypeError.
        """
        self._book(symbol_id).restore(state)

    def drop(self, session: Session) -> None:
        """Stop telling a session anything."""
        for symbol_id in tuple(session.spots):
            self.unwatch_spots(session, symbol_id)
        for symbol_id in tuple(session.depth):
            self.unwatch_depth(session, symbol_id)

    # ------------------------------------------------------------------------------- first events

    def spot_snapshot(self, session: Session, symbol_id: int) -> None:
        """Tell a session both sides as they stand and the last session's close, whether the market is open or not."""
        board, watch = self._boards[symbol_id], session.spots[symbol_id]
        if board.quoted_at is None:
            return  # nothing is known before history begins; the first tick will bring both sides
        event = ProtoOASpotEvent(
            ctidTraderAccountId=session.account_id, symbolId=symbol_id, bid=board.bid, ask=board.ask
        )
        close = self._feed.session_close(symbol_id, self._venue.now())
        if close is not None:
            event.sessionClose = close
        if watch.timestamp:
            event.timestamp = board.quoted_at
        session.push(codec.pack(event))

    def bar_snapshot(self, session: Session, symbol_id: int, period: int) -> None:
        """Tell a session the bar it has just subscribed to, as the last tick left it: it may be one long closed."""
        board, watch = self._boards[symbol_id], session.spots[symbol_id]
        bar = None if board.quoted_at is None else self._feed.live_bar(symbol_id, Period(period), board.quoted_at)
        if bar is None or board.quoted_at is None:
            return
        event = ProtoOASpotEvent(
            ctidTraderAccountId=session.account_id,
            symbolId=symbol_id,
            bid=board.bid,
            trendbar=[live_trendbar(bar, period)],
        )
        if watch.timestamp:
            event.timestamp = board.quoted_at
        session.push(codec.pack(event))

    def depth_snapshot(self, session: Session, symbol_id: int) -> None:
        """Tell a session the whole book."""
        levels = self._book(symbol_id).levels()
        if levels:
            session.push(codec.pack(depth_event(session.account_id, symbol_id, levels, ())))

    # ------------------------------------------------------------------------------- ticking

    def stop(self) -> None:
        """Tell nothing more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        self._heap.clear()

    def _board(self, symbol_id: int) -> Board:
        board = self._boards.get(symbol_id)
        if board is None:
            now = self._venue.now()
            quote = self._feed.quote(symbol_id, now)
            at, bid, ask = (None, None, None) if quote is None else quote
            board = self._boards[symbol_id] = Board(symbol_id, bid, ask, at, roll(trading_day(now)))
            self._plan(board, now)
            self._arm()
        return board

    def _book(self, symbol_id: int) -> Book:
        if symbol_id not in self._books:
            instrument = self._feed.instruments[symbol_id]
            chance = Random(f"{self._venue.seed}/depth/{symbol_id}")
            self._books[symbol_id] = Book(instrument, self._venue.options.depth_levels, chance)
        return self._books[symbol_id]

    def _tidy(self, symbol_id: int) -> None:
        board = self._boards[symbol_id]
        if not board.spots and not board.depth and not board.followers:
            del self._boards[symbol_id]
            if not self._boards:
                self.stop()

    def _plan(self, board: Board, after_ms: int) -> None:
        board.due = self._feed.next_tick(board.symbol_id, after_ms)
        if board.due is not None:
            heapq.heappush(self._heap, (board.due.timestamp_ms, board.symbol_id))

    def _arm(self) -> None:
        if not self._heap:
            return
        due_ms = self._heap[0][0]
        if self._timer is not None:
            if self._timer_ms <= due_ms:
                return
            self._timer.cancel()
        self._timer_ms = due_ms
        self._timer = self._venue.clock.callLater(self._venue.seconds_until(due_ms), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._venue.now()
        # After a long sleep only the last of what was missed is told: it is what a market data feed would do.
        earliest = now - int(self._venue.options.catch_up * 1000)
        while self._heap and self._heap[0][0] <= now:
            at, symbol_id = heapq.heappop(self._heap)
            board = self._boards.get(symbol_id)
            if board is None or board.due is None or board.due.timestamp_ms != at:
                continue  # planned for a board that has been taken down since
            if at < earliest:
                self._plan(board, earliest)
                continue
            tick = board.due
            self._tell(board, tick)
            if self._boards.get(symbol_id) is board:  # a listener may have gone while it was told
                self._plan(board, at)
        self._arm()

    def _tell(self, board: Board, tick: Tick) -> None:
        bid = tick.bid if tick.bid_changed or tick.bid != board.bid else None
        ask = tick.ask if tick.ask_changed or tick.ask != board.ask else None
        board.bid, board.ask, board.quoted_at = tick.bid, tick.ask, tick.timestamp_ms
        if board.spots:
            self._tell_spots(board, tick, bid, ask)
        if board.depth:
            added, deleted = self._book(board.symbol_id).move(tick.bid, tick.ask)
            told: dict[int, Envelope] = {}
            for session in tuple(board.depth):
                account_id = session.account_id
                if account_id not in told:
                    told[account_id] = codec.pack(depth_event(account_id, board.symbol_id, added, deleted))
                if session.standing:
                    session.push(told[account_id])
        for follower in tuple(board.followers):
            follower(board.symbol_id, tick)

    def _tell_spots(self, board: Board, tick: Tick, bid: int | None, ask: int | None) -> None:
        event = ProtoOASpotEvent(symbolId=board.symbol_id, bid=bid, ask=ask)
        if tick.timestamp_ms >= board.rolls_at:
            board.rolls_at = roll(trading_day(tick.timestamp_ms))
            close = self._feed.session_close(board.symbol_id, tick.timestamp_ms)
            if close is not None:
                event.sessionClose = close
        bars: dict[int, ProtoOATrendbar] = {}
        # The same words for everybody who asked for the same: packed once.
        told: dict[tuple[int, bool, tuple[int, ...]], Envelope] = {}
        for session, watch in tuple(board.spots.items()):
            if not session.standing:
                continue
            periods = watch.periods if bid is not None else ()
            key = (session.account_id, watch.timestamp, periods)
            envelope = told.get(key)
            if envelope is None:
                event.ctidTraderAccountId = session.account_id
                del event.trendbar[:]
                for period in periods:
                    if period not in bars:
                        bar = self._feed.live_bar(board.symbol_id, Period(period), tick.timestamp_ms)
                        if bar is None:
                            continue
                        bars[period] = live_trendbar(bar, period)
                    event.trendbar.append(bars[period])
                if watch.timestamp:
                    event.timestamp = tick.timestamp_ms
                else:
                    event.ClearField("timestamp")
                envelope = told[key] = codec.pack(event)
            session.push(envelope)


def live_trendbar(bar: Bar, period: int) -> ProtoOATrendbar:
    """Make a live bar: it names its period and has no close, which is the bid of the event it rides in (observed)."""
    return ProtoOATrendbar(
        volume=bar.volume,
        period=period,
        low=bar.low,
        deltaOpen=bar.open - bar.low,
        deltaHigh=bar.high - bar.low,
        utcTimestampInMinutes=bar.open_ms // MINUTE,
    )
