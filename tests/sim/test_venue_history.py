from __future__ import annotations

import base64
import json

import pytest

from ctrader_twisted import messages
from ctrader_twisted.sim import Limits, Options, TradingAccount
from ctrader_twisted.sim.feed.calendar import DAY, HOUR, MINUTE, Period, bar_open, next_bar_open
from ctrader_twisted.sim.feed.feed import Side
from ctrader_twisted.sim.testing import DEFAULT_START, EUR_ACCOUNT, USD_ACCOUNT, VenueKit
from tests.paths import shared
from tests.sim.venues import BTCUSD, EURUSD, WEEK, of_account, with_account

LAST = 2_147_483_646_000
UNLIMITED = Limits(general=0, historical=0)
SUMMER_MONDAY = 1_782_122_400_000  # 2026-06-22, 10:00 UTC


def history_kit(start: int = DEFAULT_START, **options) -> VenueKit:
    return VenueKit(start=start, limits=UNLIMITED, options=Options(inactivity=0, **options))


def bars(client, period=Period.M1, symbol_id=EURUSD, **fields):
    return client.ask(of_account("GetTrendbars", symbolId=symbol_id, period=period, **fields))


def ticks(client, side=Side.BID, symbol_id=EURUSD, **fields):
    return client.ask(of_account("GetTickData", symbolId=symbol_id, type=side, **fields))


def opens(answer):
    return [bar.utcTimestampInMinutes * MINUTE for bar in answer.trendbar]


def decoded(answer):
    """Sum the differences up, as every client does."""
    at = price = 0
    found = []
    for one in answer.tickData:
        at, price = at + one.timestamp, price + one.tick
        found.append((at, price))
    return found


# ------------------------------------------------------------------------------------------------------------ bars


def test_bars_of_a_window_ascend_and_hold_what_the_feed_says():
    first, last = DEFAULT_START - 2 * HOUR, DEFAULT_START - HOUR
    with history_kit() as kit:
        client = with_account(kit)
        answer = bars(client, fromTimestamp=first, toTimestamp=last)
        expected, _ = kit.venue.feed.bars_back(EURUSD, Period.M1, first, last, 999, now_ms=DEFAULT_START)
        assert answer.ctidTraderAccountId == EUR_ACCOUNT
        assert (answer.symbolId, answer.period, answer.timestamp, answer.hasMore) == (EURUSD, 1, last, False)
        assert opens(answer) == list(range(first, last + 1, MINUTE))  # a bar that opens on `to` is in it
        for bar, one in zip(answer.trendbar, expected, strict=True):
            low = bar.low
            prices = (low + bar.deltaOpen, low + bar.deltaHigh, low, low + bar.deltaClose)
            assert prices == (one.open, one.high, one.low, one.close)
            assert bar.volume == one.volume
            assert not bar.HasField("period")
            assert bar.HasField("deltaOpen") and bar.HasField("deltaClose") and bar.HasField("deltaHigh")


@pytest.mark.parametrize("first", [None, DEFAULT_START - 10 * MINUTE, 0])
@pytest.mark.parametrize("count", [1, 7, 100])
def test_count_counts_back_from_to_and_beats_from(first, count):
    last = DEFAULT_START - 30 * MINUTE
    with history_kit() as kit:
        client = with_account(kit)
        fields = {} if first is None else {"fromTimestamp": min(first, last)}
        answer = bars(client, toTimestamp=last, count=count, **fields)
    assert opens(answer) == [last - MINUTE * back for back in reversed(range(count))]
    assert answer.hasMore is True


def test_a_page_that_reaches_the_present_lacks_the_open_bar():
    with history_kit() as kit:
        client = with_account(kit)
        kit.advance(50)  # the first minute is not over
        answer = bars(client, count=10)
        assert len(answer.trendbar) == 9
        assert opens(answer)[-1] == DEFAULT_START - MINUTE
        kit.advance(10.4)  # it is, but history lags
        assert opens(bars(client, count=10))[-1] == DEFAULT_START - MINUTE
        kit.advance(0.1)
        assert opens(bars(client, count=10))[-1] == DEFAULT_START
        assert len(bars(client, count=10, toTimestamp=DEFAULT_START).trendbar) == 10


@pytest.mark.parametrize(("count", "given"), [(5_000, 4_999), (6_000, 4_999), (4_999, 4_998)])
def test_the_page_is_bounded(count, given):
    with history_kit(start=DEFAULT_START + 30_000) as kit:
        client = with_account(kit)
        answer = bars(client, count=count)
        assert (len(answer.trendbar), answer.hasMore) == (given, True)


def test_a_window_too_wide_gives_its_newest_part():
    with history_kit(bars_per_page=100) as kit:
        client = with_account(kit)
        first, last = DEFAULT_START - 400 * DAY, DEFAULT_START - DAY
        answer = bars(client, fromTimestamp=first, toTimestamp=last)
        assert (len(answer.trendbar), answer.hasMore) == (100, True)
        assert opens(answer)[-1] == last


@pytest.mark.parametrize("period", [Period.M1, Period.H1, Period.D1, Period.MN1])
def test_by_option_a_window_too_wide_gives_its_oldest_part(period):
    with history_kit(bars_per_page=10, capped_bars="oldest") as kit:
        client = with_account(kit)
        first = DEFAULT_START - 1_000 * DAY
        expected, _ = kit.venue.feed.bars_back(
            EURUSD, period, first, first + 400 * DAY if period == Period.MN1 else first + 20 * DAY, 10**9,
            now_ms=DEFAULT_START,
        )  # fmt: skip
        answer = bars(client, period=period, fromTimestamp=first, toTimestamp=DEFAULT_START)
        assert (opens(answer), answer.hasMore) == ([bar.open_ms for bar in expected[:10]], True)


def test_paging_forwards_gives_every_bar_once_where_the_oldest_are_kept():
    first, last = DEFAULT_START - 5 * HOUR, DEFAULT_START
    with history_kit(start=last + 30_000, bars_per_page=37, capped_bars="oldest") as kit:
        client = with_account(kit)
        found, since = [], first
        while True:
            answer = bars(client, fromTimestamp=since, toTimestamp=last)
            found += opens(answer)
            if not answer.hasMore:
                break
            assert len(answer.trendbar) == 37
            since = found[-1] + 1
        fits = bars(client, fromTimestamp=first, toTimestamp=first + 36 * MINUTE)
        assert (len(fits.trendbar), fits.hasMore) == (37, False)
    assert found == list(range(first, last, MINUTE))


def test_where_the_oldest_are_kept_count_counts_back_all_the_same():
    with history_kit(start=DEFAULT_START + 30_000, bars_per_page=100, capped_bars="oldest") as kit:
        answer = bars(with_account(kit), toTimestamp=DEFAULT_START - MINUTE, count=300)
    assert opens(answer) == [DEFAULT_START - MINUTE * back for back in range(100, 0, -1)]


def test_paging_backwards_gives_every_bar_once():
    first, last = DEFAULT_START - 5 * HOUR, DEFAULT_START - MINUTE - 1
    with history_kit(bars_per_page=37) as kit:
        client = with_account(kit)
        found, until = [], last
        while True:
            answer = bars(client, fromTimestamp=first, toTimestamp=until)
            found = opens(answer) + found
            if not answer.hasMore:
                break
            until = found[0] - 1
    assert found == list(range(first, last, MINUTE))


@pytest.mark.parametrize("start", [DEFAULT_START, SUMMER_MONDAY], ids=["winter", "summer"])
@pytest.mark.parametrize("period", list(Period), ids=lambda period: period.name)
def test_every_period_is_aligned_as_the_real_ones_are(start, period):
    with history_kit(start=start) as kit:
        client = with_account(kit)
        answer = bars(client, period, BTCUSD, count=12)  # trades at all hours
    found = opens(answer)
    assert answer.period == period
    assert 11 <= len(found) <= 12
    assert found == [bar_open(period, at) for at in found]
    assert [next_bar_open(period, at) for at in found[:-1]] == found[1:]
    if period in (Period.H4, Period.D1):
        roll = 21 if start == SUMMER_MONDAY else 22  # 17:00 in New York
        assert {at % DAY // HOUR for at in found} <= {(roll + step) % 24 for step in range(0, 24, 4)}
        assert all(at % (4 * HOUR) for at in found)


def test_closed_hours_have_no_bars():
    saturday = 1_772_884_800_000
    with history_kit(start=saturday) as kit:
        client = with_account(kit)
        answer = bars(client, fromTimestamp=saturday - 6 * HOUR, toTimestamp=saturday)
        assert (len(answer.trendbar), answer.hasMore) == (0, False)
        assert opens(bars(client, count=1))[0] < saturday - 12 * HOUR


# ----------------------------------------------------------------------------------------------------------- ticks


@pytest.mark.parametrize("side", list(Side))
def test_ticks_are_newest_first_and_each_the_difference_to_the_one_before(side):
    first, last = DEFAULT_START - 5 * MINUTE, DEFAULT_START - 1
    with history_kit() as kit:
        client = with_account(kit)
        answer = ticks(client, side, fromTimestamp=first, toTimestamp=last)
        expected, _ = kit.venue.feed.ticks_back(EURUSD, side, first, last, 9_999, now_ms=DEFAULT_START)
    assert decoded(answer) == [tuple(tick) for tick in expected]
    assert len(expected) > 50
    assert answer.hasMore is False
    assert answer.tickData[0].timestamp == expected[0].timestamp_ms
    assert all(one.timestamp < 0 for one in answer.tickData[1:])
    assert {one.tick > 0 for one in answer.tickData[1:]} == {True, False}


def test_each_page_of_ticks_is_a_chain_of_its_own():
    first, last = DEFAULT_START - 5 * MINUTE, DEFAULT_START - 1
    with history_kit(ticks_per_page=50) as kit:
        client = with_account(kit)
        found, until, pages = [], last, 0
        while True:
            answer = ticks(client, fromTimestamp=first, toTimestamp=until)
            found += decoded(answer)
            pages += 1
            if not answer.hasMore:
                break
            assert len(answer.tickData) == 50
            until = found[-1][0] - 1
        expected, _ = kit.venue.feed.ticks_back(EURUSD, Side.BID, first, last, 9_999, now_ms=DEFAULT_START)
    assert found == [tuple(tick) for tick in expected]
    assert pages > 3


def test_ticks_of_the_future_are_not_known():
    with history_kit() as kit:
        client = with_account(kit)
        answer = ticks(client, fromTimestamp=DEFAULT_START - MINUTE, toTimestamp=DEFAULT_START + MINUTE)
        assert decoded(answer)[0][0] <= DEFAULT_START
        assert not ticks(client, fromTimestamp=DEFAULT_START + 1, toTimestamp=DEFAULT_START + MINUTE).tickData


# ---------------------------------------------------------------------------------------------------------- bounds

WRONG = [
    (DEFAULT_START, DEFAULT_START - 1),
    (-1, DEFAULT_START),
    (0, LAST + 1),
    (0, -1),
    (LAST + 2, LAST + 3),
]


@pytest.mark.parametrize("bounds", WRONG, ids=str)
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("GetTrendbars", {"symbolId": EURUSD, "period": 1}),
        ("GetTrendbars", {"symbolId": EURUSD, "period": 1, "count": 5}),
        ("GetTickData", {"symbolId": EURUSD, "type": 1}),
        ("CashFlowHistoryList", {}),
        ("DealList", {}),
        ("OrderList", {}),
        ("DealListByPositionId", {"positionId": 1}),
        ("OrderListByPositionId", {"positionId": 1}),
    ],
)
def test_boundaries_that_are_none_are_refused(name, fields, bounds):
    with history_kit() as kit:
        first, last = bounds
        error = with_account(kit).ask(of_account(name, fromTimestamp=first, toTimestamp=last, **fields))
        assert error.errorCode == "INCORRECT_BOUNDARIES"


@pytest.mark.parametrize(
    ("name", "fields"), [("GetTickData", {"symbolId": EURUSD, "type": 1}), ("CashFlowHistoryList", {})]
)
def test_a_week_is_the_widest_window(name, fields):
    with history_kit() as kit:
        client = with_account(kit)
        last = DEFAULT_START
        exact = client.ask(of_account(name, fromTimestamp=last - WEEK, toTimestamp=last, **fields))
        assert not hasattr(exact, "errorCode")
        error = client.ask(of_account(name, fromTimestamp=last - WEEK - 1, toTimestamp=last, **fields))
        assert error.errorCode == "INCORRECT_BOUNDARIES"


@pytest.mark.parametrize("name", ["GetTrendbars", "GetTickData"])
def test_an_unknown_symbol_has_no_history(name):
    with history_kit() as kit:
        kind = {"period": 1} if name == "GetTrendbars" else {"type": 1}
        error = with_account(kit).ask(of_account(name, symbolId=4711, **kind))
        assert error.errorCode == "UNKNOWN_SYMBOL"


# ------------------------------------------------------------------------------------------------- deals and money


@pytest.mark.parametrize("name", ["DealList", "OrderList", "DealListByPositionId", "OrderListByPositionId"])
@pytest.mark.parametrize("windowed", [True, False])
def test_nothing_was_traded(name, windowed):
    with history_kit() as kit:
        fields = {"positionId": 7} if "Position" in name else {}
        if windowed:
            fields |= {"fromTimestamp": 0, "toTimestamp": DEFAULT_START}
        answer = with_account(kit).ask(of_account(name, **fields))
        assert answer == type(answer)(ctidTraderAccountId=EUR_ACCOUNT, hasMore=False)


def test_the_only_cash_flow_is_the_deposit_that_makes_the_balance():
    accounts = (TradingAccount(EUR_ACCOUNT, 1, "EUR", balance=2_500_000), TradingAccount(USD_ACCOUNT, 2, balance=0))
    with VenueKit(accounts=accounts, limits=UNLIMITED) as kit:
        client = with_account(kit, EUR_ACCOUNT, USD_ACCOUNT)
        trader = client.ask(of_account("Trader")).trader
        at = trader.registrationTimestamp
        assert at == DEFAULT_START - 30 * DAY
        (deposit,) = client.ask(
            of_account("CashFlowHistoryList", fromTimestamp=at, toTimestamp=at + WEEK)
        ).depositWithdraw
        assert deposit.operationType == messages.ProtoOAChangeBalanceType.BALANCE_DEPOSIT
        assert deposit.delta == deposit.balance == trader.balance == 2_500_000
        assert (deposit.changeBalanceTimestamp, deposit.moneyDigits) == (at, trader.moneyDigits)
        assert deposit.balanceVersion == trader.balanceVersion
        later = of_account("CashFlowHistoryList", fromTimestamp=at + 1, toTimestamp=at + WEEK)
        assert not client.ask(later).depositWithdraw
        empty = of_account("CashFlowHistoryList", USD_ACCOUNT, fromTimestamp=at, toTimestamp=at + 1)
        assert not client.ask(empty).depositWithdraw


def test_a_page_of_bars_looks_like_the_recorded_one():
    recorded = None
    for line in shared("recordings", "market_data.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["type"] == 2138:
            recorded = messages.ProtoOAGetTrendbarsRes.FromString(base64.b64decode(entry["payload"]))
    assert recorded is not None
    with history_kit() as kit:
        made = bars(with_account(kit), Period.M15, count=50)

    def fields(message):
        return [field.name for field, _ in message.ListFields()]

    assert fields(made) == fields(recorded)
    assert {tuple(fields(bar)) for bar in made.trendbar} == {tuple(fields(bar)) for bar in recorded.trendbar}
    step = {b - a for a, b in zip(opens(recorded), opens(recorded)[1:], strict=False)}
    assert {b - a for a, b in zip(opens(made), opens(made)[1:], strict=False)} == step == {15 * MINUTE}
