"""The house list is whole and consistent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctrader_twisted.sim.feed.calendar import is_open, open_intervals
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.instruments import Interval, TradingMode

MONDAY_NOON = 1_794_225_600_000  # 2026-11-09T12:00Z
WEEK = 604_800_000


def test_ids_are_unique_and_refer_to_what_is_there() -> None:
    assets = [asset.asset_id for asset in HOUSE.assets]
    categories = {category.category_id: category.asset_class_id for category in HOUSE.categories}
    symbols = [instrument.symbol_id for instrument in HOUSE.instruments] + [one.symbol_id for one in HOUSE.archived]
    assert len(set(assets)) == len(assets)
    assert len(set(symbols)) == len(symbols)
    assert len({instrument.name for instrument in HOUSE.instruments}) == len(HOUSE.instruments)
    assert set(categories.values()) <= {one.asset_class_id for one in HOUSE.asset_classes}
    leverages = {leverage.leverage_id for leverage in HOUSE.leverages}
    for instrument in HOUSE.instruments:
        assert {instrument.base_asset_id, instrument.quote_asset_id} <= set(assets)
        assert instrument.category_id in categories
        assert instrument.leverage_id in leverages


@pytest.mark.parametrize("instrument", HOUSE.instruments, ids=lambda instrument: instrument.name)
def test_sizes_and_prices_fit(instrument) -> None:
    assert instrument.min_volume % instrument.step_volume == 0
    assert instrument.max_volume % instrument.step_volume == 0
    assert instrument.lot_size % instrument.step_volume == 0
    assert instrument.start_price % instrument.tick_size == 0
    assert instrument.typical_spread % instrument.tick_size == 0
    assert 0 <= instrument.pip_position <= instrument.digits
    assert is_open(instrument, MONDAY_NOON)


def test_the_recorded_symbols() -> None:
    eurusd, gold, german = (HOUSE.instrument(name) for name in ("EURUSD", "XAUUSD", "GER40"))
    assert (eurusd.symbol_id, eurusd.digits, eurusd.pip_position) == (1, 5, 4)
    assert (eurusd.lot_size, eurusd.min_volume, eurusd.step_volume) == (10_000_000, 100_000, 100_000)
    assert (gold.symbol_id, gold.digits, gold.lot_size, gold.min_volume) == (41, 2, 10_000, 100)
    assert (german.digits, german.lot_size, german.min_volume) == (2, 100, 1)


def test_every_asset_converts_to_us_dollars() -> None:
    usd = HOUSE.asset("USD").asset_id
    reached = {usd}
    for _ in HOUSE.assets:
        for instrument in HOUSE.instruments:
            pair = {instrument.base_asset_id, instrument.quote_asset_id}
            if pair & reached:
                reached |= pair
    assert reached == {asset.asset_id for asset in HOUSE.assets}


def test_real_lists_hold_disabled_and_archived_symbols() -> None:
    disabled = [instrument for instrument in HOUSE.instruments if not instrument.enabled]
    assert [instrument.trading_mode for instrument in disabled] == [TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION]
    assert [archived.name for archived in HOUSE.archived] == ["GER30"]


def test_hours_of_a_week() -> None:
    def hours(name: str) -> float:
        spans = open_intervals(HOUSE.instrument(name), MONDAY_NOON, MONDAY_NOON + WEEK)
        return sum(end - first for first, end in spans) / 3_600_000

    assert hours("BTCUSD") == 168
    assert hours("EURUSD") == pytest.approx(5 * 23.8333, abs=0.01)
    assert hours("XAUUSD") == 5 * 22.75
    assert hours("GER40") == 5 * 20.75


def test_names_that_are_not_there() -> None:
    with pytest.raises(KeyError):
        HOUSE.instrument("EURXXX")
    with pytest.raises(KeyError):
        HOUSE.asset("XXX")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"digits": 6}, "digits 6 is not in 0..5"),
        ({"start_price": 0}, "start_price 0"),
        ({"digits": 3, "start_price": 114_818}, "not a price of 3 digits"),
        ({"ticks_per_minute": 7}, "not in 8..300"),
        ({"schedule": (Interval(0, 10), Interval(5, 20))}, "not ascending"),
        ({"schedule": (Interval(600_000, 604_801),)}, "split it at Sunday"),
    ],
)
def test_impossible_instruments_are_refused(change, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(HOUSE.instrument("EURUSD"), **change)
