"""No bar is told as closed before it is, whatever our clock shows; and soon after that, wherever the server's is known.

`OurClock` is off by some time, and may be set: the venue keeps the right time. As in a reactor, timers go by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from ctrader_twisted.account.bar_clock import GRACE, READ_EVERY, BarClock
from ctrader_twisted.market import bar_grid
from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATrendbar
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.testing import DEFAULT_START, VenueKit
from tests.account.live_desks import MINUTE, Desk, closed, ms, slow_feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.account import BarUpdate
    from ctrader_twisted.client import OpenApiClient

SECOND, HOUR, MONTH = 1.0, 3600.0, 30 * 86_400.0
OFFSETS = [0.0, 3 * SECOND, -3 * SECOND, 180 * SECOND, -180 * SECOND, HOUR, -HOUR, 8 * MONTH, -8 * MONTH]


@implementer(IReactorTime)
class OurClock:
    """A clock that runs as another does, and shows another time."""

    def __init__(self, right: Any, ahead: float) -> None:
        self._right = right
        self._ahead = ahead
        self._calls: list[Any] = []

    def seconds(self) -> float:
        shown: float = self._right.seconds() + self._ahead
        return shown

    def callLater(self, delay: float, function: Callable[..., Any], *args: Any, **kw: Any) -> Any:  # noqa: N802
        self._calls = [call for call in self._calls if call.active()]
        self._calls.append(self._right.callLater(delay, function, *args, **kw))
        return self._calls[-1]

    def getDelayedCalls(self) -> list[Any]:  # noqa: N802
        return [call for call in self._calls if call.active()]

    def set(self, by: float) -> None:
        """Show another time from now on: what is due at a time is due when the clock shows it."""
        self._ahead += by
        for call in self.getDelayedCalls():
            call.reset(max(0.0, call.getTime() - self._right.seconds() - by))


class Kit(VenueKit):
    """A venue whose clients have a clock that is off by some seconds."""

    def __init__(self, ahead: float = 0.0, **venue: Any) -> None:
        super().__init__(**venue)
        self.ours = OurClock(self.clock, self.venue.now() / 1000 - self.clock.seconds() + ahead)

    def client(self, **settings: Any) -> OpenApiClient:
        right, self.clock = self.clock, self.ours
        try:
            return super().client(**settings)
        finally:
            self.clock = right


class Watched(Desk):
    """Bars, and when by the venue's clock each was told as closed."""

    def __init__(self, kit: Kit, period: str = "M1", **how: Any) -> None:
        super().__init__(kit)
        self.grid = bar_grid(period)
        self.at: dict[int, int] = {}

        def opened(feed: Any) -> Any:
            feed.on(self._told)
            return feed

        self.told: list[BarUpdate] = []
        self.feed = self.settle(self.live.bars("EURUSD", period, **how).addCallback(opened))

    def _told(self, update: BarUpdate) -> None:
        self.told.append(update)
        if update.closed:
            assert update.bar.opened not in self.at
            self.at[update.bar.opened] = self.kit.venue.now()

    def check(self) -> None:
        """Every bar was told when it was over, and is the venue's."""
        for opened, at in self.at.items():
            assert at >= self.grid.next_opening(opened)
        rows = closed(self.told)
        if rows:
            venues = self.bars(rows[0][0], rows[-1][0] + self.grid.length, Period(self.grid.period))
            assert set(rows) <= set(venues)


@pytest.mark.parametrize("ahead", OFFSETS)
def test_running_bars_are_not_closed_however_far_off_our_clock_is(ahead: float) -> None:
    with Kit(ahead, start=DEFAULT_START + 47_000) as kit:  # as in examples/demo.toml
        watched = Watched(kit)
        kit.advance(12.9)
        assert watched.told and watched.at == {}
        kit.advance(200)
        assert closed(watched.told) == watched.bars(DEFAULT_START, DEFAULT_START + 4 * MINUTE)
        watched.check()


@pytest.mark.parametrize("ahead", OFFSETS)
@pytest.mark.parametrize("period", ["H1", "D1"])
def test_long_bars_neither(ahead: float, period: str) -> None:
    with Kit(ahead, feed=slow_feed()) as kit:
        watched = Watched(kit, period)
        kit.advance(900)
        assert [update.bar.opened for update in watched.told if update.closed] == (
            [DEFAULT_START - 60 * MINUTE] if period == "H1" else []
        )
        watched.check()


@pytest.mark.parametrize("ahead", OFFSETS)
def test_a_second_after_its_end_a_bar_is_closed_that_nothing_follows(ahead: float) -> None:
    with Kit(ahead, start=ms("2026-03-06T21:53:30")) as kit:  # the market closes at 21:55
        watched = Watched(kit)
        kit.advance(100)
        end = ms("2026-03-06T21:55")
        assert closed(watched.told) == watched.bars(ms("2026-03-06T21:53"), end)
        assert end + GRACE <= watched.at[end - MINUTE] <= end + GRACE + 5


@pytest.mark.parametrize("ahead", OFFSETS)
def test_a_first_event_long_past_closes_its_bar_when_that_is_certain(ahead: float) -> None:
    """On a Saturday the first event has Friday's time, and the clock can't have gone back since."""
    with Kit(ahead, start=ms("2026-03-07T12:00:30")) as kit:
        m1, h4 = Watched(kit), Watched(kit, "H4")
        kit.advance(5)
        assert list(m1.at) == [ms("2026-03-06T21:54")] and h4.at == {}
        kit.advance(300)
        assert list(h4.at) == [ms("2026-03-06T18:00")]
        m1.check()


@pytest.mark.parametrize("by", [0.9, -0.9, 20.0, -20.0, HOUR, -HOUR, MONTH])
@pytest.mark.parametrize("within", [1.0, 40.0, 59.5])
def test_our_clock_is_set_amid_a_bar(by: float, within: float) -> None:
    with Kit(feed=slow_feed()) as kit:
        watched = Watched(kit)
        for _ in range(4):
            kit.advance(within)
            kit.ours.set(by)
            kit.advance(60 - within)
        kit.advance(120)
        watched.check()
        assert kit.venue.now() - max(watched.at) < 3 * MINUTE  # and bars are closed again


def test_our_clock_is_set_while_nothing_is_told() -> None:
    with Kit(start=ms("2026-03-06T21:53:30")) as kit:
        watched = Watched(kit)
        kit.advance(85)  # until the last tick but for a second or two
        kit.ours.set(+HOUR)
        kit.advance(5)
        kit.ours.set(+0.9)
        kit.advance(60)
        watched.check()
        assert ms("2026-03-06T21:54") in watched.at


@pytest.mark.parametrize("ahead", OFFSETS)
def test_after_a_loss_the_servers_clock_is_learned_anew(ahead: float) -> None:
    with Kit(ahead, feed=slow_feed()) as kit:
        watched = Watched(kit)
        kit.advance(100)
        kit.ours.set(-2 * ahead)
        watched.lose(90)
        kit.advance(200)
        watched.check()
        assert max(watched.at) >= (kit.venue.now() - 2 * GRACE) // MINUTE * MINUTE - MINUTE


@given(
    ahead=st.sampled_from(OFFSETS),
    steps=st.lists(
        st.tuples(st.floats(0.1, 90), st.sampled_from(["set", "lose", "cut"]), st.sampled_from(OFFSETS)), max_size=6
    ),
    period=st.sampled_from(["M1", "M5"]),
    start=st.sampled_from([DEFAULT_START, ms("2026-03-06T21:52:10"), ms("2026-03-08T21:03:10")]),
)
def test_whatever_our_clock_shows_every_bar_told_is_the_venues(
    ahead: float, steps: list[tuple[float, str, float]], period: str, start: int
) -> None:
    with Kit(ahead, start=start, feed=slow_feed()) as kit:
        watched = Watched(kit, period)
        for seconds, what, offset in steps:
            kit.advance(seconds)
            if what == "set":
                # What waits for a moment by our clock, such as the next attempt to connect, would wait longer.
                watched.settle(watched.account.settled(), 120)
                kit.ours.set(offset)
            elif what == "cut":
                kit.cut()
            else:
                watched.lose(abs(offset) % 400)
        kit.advance(150)
        watched.check()


# One clock by itself


class Bars:
    """One bar of a minute, which ends at `END`, and when it was closed by the server's clock."""

    def __init__(self, ahead: float) -> None:
        self.server = Clock()
        self.server.rightNow = (END - MINUTE) / 1000
        self.ours = OurClock(self.server, ahead)
        self.closed: int | None = None
        self.clock = BarClock(self.ours, self.closes_at, self.flush)

    def now(self) -> int:
        return round(self.server.seconds() * 1000)

    def closes_at(self) -> int | None:
        return END if self.closed is None else None

    def flush(self, over: int) -> None:
        if over >= END and self.closed is None:
            self.closed = self.now()

    def spot(self, symbol_id: int = 1, ago: float = 0.0, **fields: Any) -> None:
        event = ProtoOASpotEvent(symbolId=symbol_id, bid=100_000, **fields)
        if not fields:
            event.timestamp = self.now() - round(ago * 1000)
        self.clock.heard(event)
        self.clock.look(self.closes_at())

    def passing(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.server.advance(0.01)


END = DEFAULT_START
SLACK = 15
"""ms between two steps of the server's clock here, and a rounding."""


@pytest.mark.parametrize("ahead", OFFSETS)
@pytest.mark.parametrize("old", [0.0, 7.5, HOUR])
def test_one_tick_of_one_symbol_bounds_the_servers_clock(ahead: float, old: float) -> None:
    """It may be as old as it likes: its bar is closed late then."""
    bars = Bars(ahead)
    bars.spot(ago=old)
    bars.passing(60 + old % 60 + 0.99 if old < 60 else 300)
    assert bars.closed is None
    if old < 60:
        bars.passing(0.03)
        assert bars.closed == pytest.approx(END + old * 1000 + GRACE, abs=SLACK)
    bars.clock.stop()
    assert bars.server.getDelayedCalls() == []


@pytest.mark.parametrize("ahead", OFFSETS)
def test_another_symbols_ticks_tell_the_time_too(ahead: float) -> None:
    bars = Bars(ahead)
    bars.spot(2, ago=HOUR)
    bars.spot(1, ago=30.0)
    bars.passing(5)
    bars.spot(2)
    bars.spot(3, ago=20.0)  # a first one takes nothing back
    bars.passing(56.1)
    assert bars.closed == pytest.approx(END + GRACE, abs=SLACK)


def test_set_back_a_clock_takes_nothing_back() -> None:
    bars = Bars(0.0)
    bars.spot()
    bars.passing(30)
    bars.ours.set(-20)
    bars.spot(ago=30)  # that tick again: it tells no time, but timers are looked after
    bars.passing(32)
    assert bars.closed is not None and 0 <= bars.closed - END - GRACE <= READ_EVERY + SLACK


def test_what_follows_a_loss_is_a_first_event() -> None:
    bars = Bars(8 * MONTH)
    bars.spot(ago=HOUR)
    bars.spot(2)
    bars.clock.lost()
    assert bars.server.getDelayedCalls() == []
    bars.passing(0.5)
    bars.spot(ago=HOUR / 2)
    bars.passing(61.6)
    assert bars.closed == pytest.approx(END + GRACE, abs=SLACK)


def test_a_clock_that_is_too_fast_is_followed() -> None:
    bars = Bars(HOUR)
    for _ in range(55):
        bars.spot()
        bars.passing(1)
        bars.ours.set(0.3)
    bars.spot()
    bars.passing(5.99)
    assert bars.closed is None
    bars.passing(0.02)
    assert bars.closed == pytest.approx(END + GRACE, abs=SLACK)


def test_what_passes_while_our_thread_was_held_up_may_have_been_no_time() -> None:
    bars = Bars(0.0)
    bars.spot()
    bars.passing(50)
    bars.server.advance(30)
    assert bars.closed is None
    bars.passing(10)
    assert bars.closed is None
    bars.spot()
    bars.passing(0.01)
    assert bars.closed is not None


def test_without_times_the_opening_of_a_bar_is_one() -> None:
    minute = (END - MINUTE) // MINUTE
    late = Bars(8 * MONTH)
    late.passing(20)
    late.spot(trendbar=[ProtoOATrendbar(period=1, volume=1, low=100_000, utcTimestampInMinutes=minute)])
    late.passing(60 + GRACE / 1000 - 0.02)
    assert late.closed is None
    late.passing(0.03)
    assert late.closed == pytest.approx(END + 20_000 + GRACE, abs=SLACK)


def test_the_openings_of_bars_take_no_better_time_back() -> None:
    bars = Bars(-HOUR)
    bars.passing(40)
    bars.spot()
    for before in (2, 1):
        minute = END // MINUTE - before
        bars.spot(2, trendbar=[ProtoOATrendbar(period=1, volume=1, low=100_000, utcTimestampInMinutes=minute)])
    bars.passing(22)
    assert bars.closed == pytest.approx(END + GRACE, abs=SLACK)


def test_what_tells_no_time_closes_nothing() -> None:
    bars = Bars(8 * MONTH)
    bars.spot(ask=100_001)
    bars.passing(200)
    assert bars.closed is None


def test_a_subscription_that_begins_anew_may_tell_of_a_tick_long_past() -> None:
    bars = Bars(0.0)
    bars.spot(1, ago=HOUR)
    bars.spot(2)
    bars.clock.begins_anew(1)
    bars.spot(1, ago=HOUR / 2)
    bars.passing(62)
    assert bars.closed == pytest.approx(END + GRACE, abs=SLACK)
