"""What is claimed of what an account has told, without a client: times, bounds, what waits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ctrader_twisted.market import SpotColumns
from ctrader_twisted.recording.gathering import GRACE, MOST, OWN_GRACE, ClosedBar, Gathering

NAMES = {1: ("EURUSD", 5), 2: ("USDJPY", 3)}
NOW = 1_772_528_400_000
MINUTE = 60_000


def spots(*events: tuple[int, int, int, int], account: int = 7) -> SpotColumns:
    """Make columns of symbolId, bid, ask, timestamp."""
    symbol, bid, ask, timestamp = (np.array(column, np.int64) for column in zip(*events, strict=True))
    absent = np.full(len(symbol), -1)
    return SpotColumns(np.full(len(symbol), account), symbol, bid, ask, absent, timestamp)


def standing(*, account: bool = True, at: int = NOW) -> Gathering:
    """Make one whose account stands, of whom nothing is recorded yet."""
    gathering = Gathering("demo", 7, account=account)
    gathering.learn({})
    gathering.stands(at)
    return gathering


def covers(gathering: Gathering, now: int, **how: Any) -> dict[str, tuple[int, int]]:
    return {
        cover.stream: (cover.start, cover.end)
        for batch in gathering.gather(NAMES, now, **how)
        for cover in batch.covered
    }


def test_the_servers_clock_counts_and_what_may_not_be_complete_waits() -> None:
    """Ours is an hour ahead, and events come 40 ms after they were."""
    ours = NOW + 3_600_000
    gathering = standing(at=ours)
    gathering.spots(spots((1, 100_000, 100_002, NOW - 500)), ours)
    gathering.spots(spots((1, 100_001, -1, NOW + 1000)), ours + 1040)
    gathering.spots(spots((1, -1, 100_003, NOW + 4000)), ours + 4040)
    (quotes, account) = gathering.gather(NAMES, ours + 4100)
    assert gathering.ahead == -3_600_000 - 40
    certain = ours + 4040 + gathering.ahead - GRACE
    assert [tuple(cover) for cover in quotes.covered] == [("quotes/EURUSD", NOW - 499, certain)]
    assert quotes.columns["time"].tolist() == [NOW + 1000] and quotes.columns["ask"].tolist() == [1.00002]
    assert [tuple(cover) for cover in account.covered] == [("account", NOW - 40 + GRACE, certain)]
    gathering.heard(ours + 10_000)
    (quotes,) = gathering.gather(NAMES, ours + 10_000)
    assert quotes.columns["time"].tolist() == [NOW + 4000]
    assert quotes.covered[0].start == certain, "it goes on where it ended"


def test_without_a_sign_of_the_servers_clock_ours_is_trusted_with_a_minute_to_spare() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW - 86_400_000)), NOW)
    gathering.heard(NOW + OWN_GRACE)
    assert "quotes/EURUSD" not in covers(gathering, NOW + OWN_GRACE), "its time may be told yet"
    for at in range(50_000, 400_001, 50_000):
        gathering.heard(NOW + at)
    assert covers(gathering, NOW + 400_000)["quotes/EURUSD"] == (NOW - 86_400_000 + 1, NOW + 400_000 - OWN_GRACE)


def test_a_silent_line_covers_nothing() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW), (1, 100_001, -1, NOW + 10)), NOW + 10)
    covers(gathering, NOW + 100)
    gathering.heard(NOW + 5000)
    assert covers(gathering, NOW + 900_000)["quotes/EURUSD"][1] == NOW + 5000 - GRACE
    assert covers(gathering, NOW + 1_900_000) == {}


def test_at_the_end_everything_that_came_is_given() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW), (1, 100_001, -1, NOW + 10)), NOW + 10)
    (quotes,) = gathering.gather(NAMES, NOW + 20, last=True)
    assert quotes.columns["time"].tolist() == [NOW + 10]
    assert quotes.covered[0].end == NOW + 10, "what else was of this ms is not known"
    assert gathering.gather(NAMES, NOW + 30, last=True) == []


def test_spots_are_bounded_and_a_quiet_market_needs_few_files() -> None:
    gathering = standing()
    many = spots(*[(1, 100_000 + number % 7, 100_010, NOW + number) for number in range(MOST // 2)])
    assert not gathering.spots(many, NOW) and gathering.spots(many, NOW)
    gathering.gather(NAMES, NOW + 200_000)
    written = 0
    for second in range(200, 3800, 10):
        gathering.heard(NOW + second * 1000)
        written += len(list(gathering.gather(NAMES, NOW + second * 1000)))
    assert 20 <= written <= 30, "quotes and the account, every five minutes"


def test_bars_follow_one_another_and_none_comes_twice() -> None:
    gathering = Gathering("demo", 7, account=False)
    gathering.stands(NOW)
    bars = [ClosedBar("EURUSD", "M1", NOW + number * MINUTE, 1.0, 1.2, 0.9, 1.1, 5) for number in range(5)]
    gathering.bar(bars[0])
    assert gathering.gather(NAMES, NOW) == [], "what is there already is not known yet"
    gathering.learn({"bars/EURUSD/M1": [(NOW - MINUTE, NOW)]})
    assert covers(gathering, NOW) == {"bars/EURUSD/M1": (NOW, NOW + MINUTE)}
    gathering.bar(bars[0])
    gathering.bar(bars[2])
    assert covers(gathering, NOW) == {"bars/EURUSD/M1": (NOW + MINUTE, NOW + 3 * MINUTE)}, "one without ticks between"
    assert covers(gathering, NOW, last=True) == {}
    gathering.stands(NOW)
    gathering.bar(bars[2])
    gathering.bar(bars[4])
    assert covers(gathering, NOW) == {"bars/EURUSD/M1": (NOW + 4 * MINUTE, NOW + 5 * MINUTE)}, "a hole before it"


def test_a_time_that_cannot_be_claims_nothing_and_makes_no_days_of_its_own() -> None:
    """0, seconds instead of ms, and a far future: of the first event, and of one among others."""
    for odd in (0, 1, NOW // 1000, NOW + 30 * 86_400_000, 200_000_000_000_000):
        gathering = standing()
        gathering.spots(spots((1, 100_000, 100_002, odd), (2, 150_000, 150_002, NOW)), NOW + 10)
        gathering.spots(spots((2, 150_001, -1, odd), (1, 100_001, -1, NOW + 20)), NOW + 30)
        gathering.heard(NOW + 5_000)
        batches = [part for batch in gathering.gather(NAMES, NOW + 5_000) for part in batch.days()]
        batches += [part for batch in gathering.gather(NAMES, NOW + 5_100, last=True) for part in batch.days()]
        assert len(batches) < 15, odd
        ends = [cover.end for batch in batches for cover in batch.covered]
        assert max(ends) <= NOW + 5_100, odd
        assert sum(len(batch) for batch in batches) == 2, odd


def test_a_symbol_without_a_tick_for_years_begins_no_earlier_than_a_week_ago() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW - 1000 * 86_400_000)), NOW + 10)
    for at in range(50_000, 400_001, 50_000):
        gathering.heard(NOW + at)
    (batch, _) = gathering.gather(NAMES, NOW + 400_000)
    assert batch.covered[0].start == NOW - 7 * 86_400_000
    assert len(batch.days()) == 8


def test_nothing_is_claimed_before_it_came_when_events_come_later_and_later() -> None:
    """40 ms at first, and 8 s behind at the end of the same span."""
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW - 10)), NOW)
    for number in range(1, 200):
        late = 40 if number < 150 else 40 + (number - 150) * 160
        gathering.spots(spots((1, 100_000 + number, -1, NOW + 100 * number - late)), NOW + 100 * number)
    told = NOW + 100 * 199 - (40 + 49 * 160)
    assert covers(gathering, NOW + 20_000)["quotes/EURUSD"][1] <= told


def test_a_step_of_this_computers_clock_claims_nothing_that_has_not_been() -> None:
    for step in (-3_600_000, 3_600_000):
        gathering = standing()
        gathering.spots(spots((1, 100_000, 100_002, NOW - step - 10)), NOW)
        gathering.spots(spots((1, 100_001, -1, NOW - step)), NOW + 40)  # so ours is wrong by this
        gathering.gather(NAMES, NOW + 50)
        assert gathering.ahead is not None
        latest = 0
        for second in range(0, 800, 20):  # now it is right: nothing but heartbeats
            gathering.heard(NOW - step + second * 1000)
            claimed = covers(gathering, NOW - step + second * 1000).get("quotes/EURUSD", (0, 0))
            assert claimed[1] <= NOW - step + second * 1000, step
            latest = max(latest, claimed[1])
        assert latest > NOW - step, "and it is claimed all the same, a little later"


def test_rows_that_wait_are_not_lost_when_the_clock_is_set() -> None:
    """What is claimed goes on where it ended, so they have to be among what is written then."""
    for step in (-3_600_000, 70_000, 3_600_000):
        gathering = standing(account=False)
        gathering.spots(spots((1, 100_000, 100_002, NOW - 10)), NOW)
        gathering.spots(spots((1, 100_001, -1, NOW + 40)), NOW + 40)
        assert not any(len(batch) for batch in gathering.gather(NAMES, NOW + 50)), "it may not be complete yet"
        gathering.heard(NOW + step)
        written = gathering.gather(NAMES, NOW + step)
        gathering.spots(spots((1, 100_003, -1, NOW + 9_000)), NOW + step + 9_000)
        gathering.heard(NOW + step + 12_000)
        written += gathering.gather(NAMES, NOW + step + 12_000)
        times = [at for batch in written if len(batch) for at in batch.columns["time"].tolist()]
        assert times == [NOW + 40, NOW + 9_000], step


def test_events_after_a_step_back_are_covered_soon() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW - 10)), NOW)
    covers(gathering, NOW + 400_000)
    gathering.heard(NOW - 3_600_000)
    gathering.happened(NOW - 3_590_000, "x", "{}", None)
    assert gathering.gather(NAMES, NOW - 3_590_000)


def test_who_is_not_subscribed_yet_has_not_unsubscribed() -> None:
    """Account events may be written between learning the names and subscribing."""
    gathering = standing()
    list(gathering.gather(NAMES, NOW + 1, ended=["quotes/EURUSD", "quotes/USDJPY"]))
    gathering.spots(spots((1, 100_000, 100_002, NOW), (1, 100_001, -1, NOW + 1000)), NOW + 1000)
    gathering.heard(NOW + 9000)
    assert covers(gathering, NOW + 9000)["quotes/EURUSD"] == (NOW + 1, NOW + 8000)


def test_who_subscribes_again_begins_anew() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW), (1, 100_001, -1, NOW + 1000)), NOW + 1000)
    covers(gathering, NOW + 2000)
    gathering.heard(NOW + 60_000)
    assert "quotes/EURUSD" not in covers(gathering, NOW + 400_000, ended=["quotes/EURUSD"])
    gathering.news = False
    gathering.spots(spots((1, 100_007, 100_009, NOW + 500_000), (1, 100_008, -1, NOW + 501_000)), NOW + 501_000)
    gathering.heard(NOW + 509_000)
    (batch,) = (batch for batch in gathering.gather(NAMES, NOW + 509_000) if batch.kind == "quotes")
    assert batch.columns["time"].tolist() == [NOW + 501_000], "the first tells what stood"
    assert batch.covered[0].start == NOW + 500_001 and gathering.news


def test_bars_that_nobody_is_subscribed_to_are_not_covered() -> None:
    gathering = Gathering("demo", 7, account=False)
    gathering.learn({})
    gathering.stands(NOW)
    bars = [ClosedBar("EURUSD", "M1", NOW + number * MINUTE, 1.0, 1.2, 0.9, 1.1, 5) for number in range(9)]
    gathering.bar(bars[0])
    covers(gathering, NOW)
    covers(gathering, NOW, ended=["bars/EURUSD/M1"])
    gathering.news = False
    gathering.bar(bars[7])
    assert covers(gathering, NOW)["bars/EURUSD/M1"] == (NOW + 7 * MINUTE, NOW + 8 * MINUTE) and gathering.news


def test_what_waits_takes_little_memory_however_small_the_reads_are() -> None:
    import tracemalloc

    gathering = standing()
    tracemalloc.start()
    try:
        for number in range(15_000):
            gathering.spots(spots((1, 100_000 + number % 7, 100_010, NOW + number)), NOW + number)
        (held, _) = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 15_000 * 100, "the columns are of 56 bytes an event"
    (quotes, _) = gathering.gather(NAMES, NOW + 40_000, last=True)
    assert quotes.columns["time"].tolist() == list(range(NOW + 1, NOW + 15_000))
    assert (quotes.columns["received"] == quotes.columns["time"]).all()


def test_account_events_go_without_what_else_waits() -> None:
    gathering = standing()
    gathering.spots(spots((1, 100_000, 100_002, NOW), (1, 100_001, -1, NOW + 10)), NOW + 10)
    gathering.happened(NOW + 20, "execution", "{}", "deal 1")
    (batch,) = gathering.account_events()
    assert batch.kind == "account_events" and batch.columns["key"] == ["deal 1"]
    assert batch.columns["time"] == [NOW + 20] and batch.covered == ()
    assert len(next(iter(gathering.gather(NAMES, NOW + 9000, last=True)))) == 1


def test_account_events_have_the_servers_time_and_so_has_what_covers_them() -> None:
    """Ours is an hour ahead."""
    ours = NOW + 3_600_000
    gathering = standing(at=ours)
    gathering.spots(spots((1, 100_000, 100_002, NOW - 9), (1, 100_001, -1, NOW)), ours)
    gathering.gather(NAMES, ours)
    gathering.happened(ours + 20_000, "execution", "{}", "deal 1")
    (batch,) = gathering.account_events()
    assert batch.columns["time"] == [NOW + 20_000]
    assert [tuple(cover) for cover in batch.covered] == [("account", NOW + GRACE, NOW + 20_000 - GRACE)]


def test_where_nothing_tells_the_servers_time_account_events_are_covered_with_a_minute_to_spare_at_either_end() -> None:
    gathering = standing()
    for second in range(0, 300, 20):
        gathering.heard(NOW + second * 1000)
        claimed = covers(gathering, NOW + second * 1000).get("account")
        assert (claimed is not None) == (second == 140), second
    assert covers(gathering, NOW + 280_000, last=True) == {"account": (NOW + 80_000, NOW + 280_000 - OWN_GRACE)}


def test_nor_does_a_server_that_says_something_only_every_75_seconds_leave_them_uncovered() -> None:
    """As long as that a connection is not taken for dead."""
    gathering = standing()
    for at in range(0, 600_001, 75_000):
        gathering.heard(NOW + at)
    assert covers(gathering, NOW + 600_000) == {"account": (NOW + OWN_GRACE, NOW + 600_000 - OWN_GRACE)}


def test_account_events_that_a_clock_ahead_had_covered_already_may_be_missing() -> None:
    def hear(gathering: Gathering, *seconds: int) -> None:
        for second in seconds:
            gathering.heard(NOW + second * 1000)
            gathering.gather(NAMES, NOW + second * 1000)

    for until, missing in ((NOW + OWN_GRACE - 1, False), (NOW + OWN_GRACE, True)):
        gathering = Gathering("demo", 7)
        gathering.stands(NOW)
        hear(gathering, 50, 100, 150)
        assert not gathering.begun, "what is there is not known yet"
        gathering.learn({"account": [(NOW - MINUTE, until)]})
        hear(gathering, 200)
        assert gathering.overlaps is missing
        gathering.gather(NAMES, NOW + 200_000, last=True)
        gathering.overlaps = False
        gathering.stands(NOW + 60_000)  # set back while it did not stand
        gathering.news = False
        hear(gathering, 100, 150)
        assert gathering.overlaps and gathering.news, "it is looked for at once"


def test_an_event_of_some_hours_ahead_claims_no_hours_when_the_account_is_lost() -> None:
    gathering = standing()
    ahead = NOW + 20 * 3_600_000
    many = [(1, 100_001 + number, -1, NOW + number) for number in range(9)]
    gathering.spots(spots((1, 100_000, 100_002, NOW - 1), *many, (1, 100_001, -1, ahead)), NOW + 10)
    assert covers(gathering, NOW + 20, last=True)["quotes/EURUSD"][1] <= NOW + 10 + GRACE
