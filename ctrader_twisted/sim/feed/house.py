"""The house list: about a dozen familiar instruments and two that real lists also hold, a disabled and an
archived one. Ids, digits, sizes, swaps, commissions and hours follow recorded symbols where there were any
(EURUSD, XAUUSD, US100, GER40); the start prices are those of the recording's day or agree with them.
"""

from __future__ import annotations

from typing import Final

from ctrader_twisted.sim.feed.instruments import (
    ArchivedSymbol,
    Asset,
    AssetClass,
    Category,
    CommissionType,
    DayOfWeek,
    DynamicLeverage,
    Holiday,
    Instrument,
    Interval,
    LeverageTier,
    ReferenceData,
    SwapCalculationType,
    TradingMode,
)

NEW_YORK: Final = "America/New_York"
DAY: Final = 86_400


def _clock(hour: int, minute: int) -> int:
    return hour * 3600 + minute * 60


def _overnight(opens: int, closes: int) -> tuple[Interval, ...]:
    """Five sessions, Sunday evening to Friday: each opens at ``opens`` and closes at ``closes`` a day later."""
    return tuple(Interval(day * DAY + opens, (day + 1) * DAY + closes) for day in range(5))


def _within_day(opens: int, closes: int) -> tuple[Interval, ...]:
    """Five sessions, Monday to Friday, each inside its day."""
    return tuple(Interval(day * DAY + opens, day * DAY + closes) for day in range(1, 6))


FOREX_HOURS: Final = _overnight(_clock(17, 5), _clock(16, 55))
METAL_HOURS: Final = _overnight(_clock(18, 5), _clock(16, 50))
US_INDEX_HOURS: Final = _overnight(_clock(18, 5), _clock(16, 50))
GERMAN_INDEX_HOURS: Final = _within_day(_clock(1, 15), _clock(22, 0))
ALWAYS: Final = (Interval(0, 7 * DAY),)

# 1970-12-25 and 1970-01-01; both recur. Trading resumes at 18:00 New York.
CHRISTMAS: Final = Holiday(1, "Christmas Day", "Closed until the evening", NEW_YORK, 358, True, 0, _clock(18, 0))
NEW_YEAR: Final = Holiday(2, "New Year's Day", "Closed until the evening", NEW_YORK, 0, True, 0, _clock(18, 0))
HOLIDAYS: Final = (CHRISTMAS, NEW_YEAR)

ASSETS: Final = (
    Asset(15, "USD", "US Dollar", 2),
    Asset(5, "EUR", "Euro", 2),
    Asset(8, "GBP", "British Pound", 2),
    Asset(11, "JPY", "Japanese Yen", 0),
    Asset(1, "AUD", "Australian Dollar", 2),
    Asset(4, "CHF", "Swiss Franc", 2),
    Asset(3, "CAD", "Canadian Dollar", 2),
    Asset(21, "RUB", "Russian Rouble", 2),
    Asset(17, "XAU", "Gold", 2),
    Asset(18, "XAG", "Silver", 2),
    Asset(1261, "US100", "NASDAQ 100 Index", 2),
    Asset(1257, "GER40", "German 40 Index", 2),
    Asset(1301, "BTC", "Bitcoin", 8),
    Asset(1302, "ETH", "Ether", 8),
)

ASSET_CLASSES: Final = (
    AssetClass(1, "Forex", 1.0),
    AssetClass(2, "Metals", 2.0),
    AssetClass(3, "Indices", 3.0),
    AssetClass(4, "Crypto Currencies", 4.0),
)

CATEGORIES: Final = (
    Category(11, 1, "Forex Majors", 1.0),
    Category(12, 1, "Forex Crosses", 2.0),
    Category(10, 1, "Forex Exotics", 3.0),
    Category(9, 2, "Spot Metals", 4.0),
    Category(13, 3, "Cash Indices", 5.0),
    Category(14, 4, "Crypto", 6.0),
)

LEVERAGES: Final = (
    DynamicLeverage(1020, (LeverageTier(500_000_000, 10_000), LeverageTier(2_000_000_000, 5_000))),
    DynamicLeverage(1031, (LeverageTier(200_000_000, 5_000), LeverageTier(1_000_000_000, 2_000))),
    DynamicLeverage(1011, (LeverageTier(100_000_000, 2_000), LeverageTier(500_000_000, 1_000))),
    DynamicLeverage(1040, (LeverageTier(10_000_000, 333), LeverageTier(100_000_000, 200))),
)

# What each asset is moved by, measured in US dollars: (walk, standard deviation a day).
_WALKS: Final[dict[str, dict[str, float]]] = {
    "USD": {},
    "EUR": {"EUR": 0.0045},
    "GBP": {"EUR": 0.0036, "GBP": 0.0034},
    "CHF": {"EUR": 0.0037, "CHF": 0.0030},
    "JPY": {"EUR": 0.0014, "JPY": 0.0055},
    "AUD": {"EUR": 0.0028, "AUD": 0.0052},
    "CAD": {"AUD": 0.0018, "CAD": 0.0036},
    "RUB": {"RUB": 0.0120},
    "XAU": {"EUR": 0.0025, "XAU": 0.0095},
    "XAG": {"EUR": 0.0030, "XAU": 0.0110, "XAG": 0.0120},
    "US100": {"shares": 0.0090, "US100": 0.0075},
    "GER40": {"EUR": 0.0045, "shares": 0.0075, "GER40": 0.0065},
    "BTC": {"coins": 0.0200, "BTC": 0.0120},
    "ETH": {"coins": 0.0240, "ETH": 0.0200},
}


def _drivers(base: str, quote: str) -> tuple[tuple[str, float], ...]:
    moved = dict(_WALKS[base])
    for walk, deviation in _WALKS[quote].items():
        moved[walk] = moved.get(walk, 0.0) - deviation
    return tuple((walk, deviation) for walk, deviation in moved.items() if deviation)


def _asset_id(name: str) -> int:
    return next(asset.asset_id for asset in ASSETS if asset.name == name)


def _forex(
    symbol_id: int,
    base: str,
    quote: str,
    price: int,
    spread: int,
    volatility: float,
    ticks: int,
    swap: tuple[float, float],
    *,
    category: int = 11,
    digits: int = 5,
    enabled: bool = True,
) -> Instrument:
    names = {asset.name: asset.display_name for asset in ASSETS}
    return Instrument(
        symbol_id=symbol_id,
        name=base + quote,
        description=f"{names[base]} vs {names[quote]}",
        base_asset_id=_asset_id(base),
        quote_asset_id=_asset_id(quote),
        category_id=category,
        sorting_number=float(symbol_id),
        digits=digits,
        pip_position=digits - 1,
        lot_size=10_000_000,
        min_volume=100_000,
        step_volume=100_000,
        max_volume=10_000_000_000,
        max_exposure=10_000_000_000,
        time_zone=NEW_YORK,
        schedule=FOREX_HOURS,
        holidays=HOLIDAYS,
        start_price=price,
        typical_spread=spread,
        daily_volatility=volatility,
        ticks_per_minute=ticks,
        drivers=_drivers(base, quote),
        swap_long=swap[0],
        swap_short=swap[1],
        leverage_id=1020,
        commission_type=CommissionType.USD_PER_LOT,
        commission_rate=250_000_000,
        enabled=enabled,
        trading_mode=TradingMode.ENABLED if enabled else TradingMode.DISABLED_WITHOUT_PENDINGS_EXECUTION,
    )


def _metal(
    symbol_id: int, base: str, price: int, digits: int, pip_position: int, lot_size: int, spread: int,
    volatility: float, ticks: int, swap: tuple[float, float],
) -> Instrument:  # fmt: skip
    metal = next(asset.display_name for asset in ASSETS if asset.name == base)
    return Instrument(
        symbol_id=symbol_id,
        name=base + "USD",
        description=f"{metal} vs US Dollar, Spot CFD",
        base_asset_id=_asset_id(base),
        quote_asset_id=_asset_id("USD"),
        category_id=9,
        sorting_number=float(symbol_id),
        digits=digits,
        pip_position=pip_position,
        lot_size=lot_size,
        min_volume=lot_size // 100,
        step_volume=lot_size // 100,
        max_volume=100_000 * lot_size,
        max_exposure=300_000 * lot_size,
        time_zone=NEW_YORK,
        schedule=METAL_HOURS,
        holidays=HOLIDAYS,
        start_price=price,
        typical_spread=spread,
        daily_volatility=volatility,
        ticks_per_minute=ticks,
        drivers=_drivers(base, "USD"),
        swap_long=swap[0],
        swap_short=swap[1],
        leverage_id=1031,
        commission_type=CommissionType.PERCENTAGE_OF_VALUE,
        commission_rate=70,
        measurement_units="Contracts",
    )


def _contract(
    symbol_id: int, base: str, quote: str, name: str, description: str, price: int, spread: int, volatility: float,
    ticks: int, swap: tuple[float, float],
) -> Instrument:  # fmt: skip
    """An index or a coin: two digits, one unit a lot."""
    coin = base in ("BTC", "ETH")
    german = base == "GER40"
    return Instrument(
        symbol_id=symbol_id,
        name=name,
        description=description,
        base_asset_id=_asset_id(base),
        quote_asset_id=_asset_id(quote),
        category_id=14 if coin else 13,
        sorting_number=float(symbol_id),
        digits=2,
        pip_position=0,
        lot_size=100,
        min_volume=1,
        step_volume=1,
        max_volume=10_000 if coin else 100_000,
        max_exposure=10_000_000_000_000,
        time_zone="UTC" if coin else "Europe/Berlin" if german else NEW_YORK,
        schedule=ALWAYS if coin else GERMAN_INDEX_HOURS if german else US_INDEX_HOURS,
        holidays=() if coin else HOLIDAYS,
        start_price=price,
        typical_spread=spread,
        daily_volatility=volatility,
        ticks_per_minute=ticks,
        drivers=_drivers(base, quote),
        swap_long=swap[0],
        swap_short=swap[1],
        swap_rollover_3_days=DayOfWeek.NONE if coin else DayOfWeek.FRIDAY,
        swap_calculation_type=SwapCalculationType.PERCENTAGE if coin else SwapCalculationType.PIPS,
        charge_swap_at_weekends=coin,
        leverage_id=1040 if coin else 1011,
        commission_type=CommissionType.PERCENTAGE_OF_VALUE if coin else CommissionType.USD_PER_LOT,
        commission_rate=3_250 if coin else 0,
        measurement_units="Coins" if coin else "Contracts",
    )


# fmt: off
INSTRUMENTS: Final = (
    _forex(1, "EUR", "USD", 114_818, 2, 0.0045, 60, (-1.106, 0.059)),
    _forex(2, "GBP", "USD", 133_420, 5, 0.0050, 55, (-0.412, -0.305)),
    _forex(3, "EUR", "JPY", 17_251_400, 700, 0.0065, 60, (0.484, -1.930), category=12, digits=3),
    _forex(4, "USD", "JPY", 15_025_000, 300, 0.0057, 60, (0.951, -2.410), digits=3),
    _forex(5, "AUD", "USD", 66_120, 3, 0.0059, 45, (-0.238, -0.117)),
    _forex(6, "USD", "CHF", 80_150, 5, 0.0048, 40, (0.690, -1.342)),
    _forex(8, "USD", "CAD", 138_240, 6, 0.0040, 40, (0.071, -0.823)),
    _forex(9, "EUR", "GBP", 86_058, 6, 0.0035, 35, (-0.811, 0.020), category=12),
    _forex(24, "USD", "RUB", 8_150_000, 50_000, 0.0120, 8, (-80.0, -40.0), category=10, digits=3, enabled=False),
    _metal(41, "XAU", 421_550_000, 2, 0, 10_000, 20_000, 0.0100, 90, (-0.83, -0.083)),
    _metal(42, "XAG", 4_865_000, 3, 2, 500_000, 2_000, 0.0170, 55, (-0.45, -0.061)),
    _contract(275, "US100", "USD", "US100", "NASDAQ 100 Index, Spot CFD", 2_485_000_000, 120_000, 0.0117, 90,
              (-6.3431, 0.2737)),
    _contract(279, "GER40", "EUR", "GER40", "German 40 Index, Spot CFD", 2_529_274_000, 143_000, 0.0099, 60,
              (-4.3289, -0.2763)),
    _contract(301, "BTC", "USD", "BTCUSD", "Bitcoin vs US Dollar", 8_528_721_000, 1_200_000, 0.0233, 80,
              (-20.0, 0.0)),
    _contract(302, "ETH", "USD", "ETHUSD", "Ether vs US Dollar", 295_040_000, 110_000, 0.0312, 60, (-20.0, 0.0)),
)
# fmt: on

ARCHIVED: Final = (ArchivedSymbol(278, "GER30", 1_632_096_000_000, "German 30 Index, Spot CFD; replaced by GER40"),)

HOUSE: Final = ReferenceData(ASSETS, ASSET_CLASSES, CATEGORIES, INSTRUMENTS, ARCHIVED, LEVERAGES)
"""What the simulated venue trades unless told otherwise."""
