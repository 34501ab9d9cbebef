"""What a venue trades: assets, their classes, symbol categories, instruments and the hours they trade.

Values only, in the units of the wire: volumes in hundredths of a unit ("cents"), prices in 1/100000 whatever
the digits, intervals in seconds since Sunday 00:00 of the instrument's own time zone. The enums carry the
numbers of the schema, so they may be put into a message as they are. The list itself is in ``house``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

PRICE_SCALE = 100_000
"""Prices are integers in 1/100000 of the quote asset, in spots, bars and ticks alike."""

WEEK_SECONDS = 7 * 86_400


class DayOfWeek(IntEnum):
    """``ProtoOADayOfWeek``."""

    NONE = 0
    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


class CommissionType(IntEnum):
    """``ProtoOACommissionType``."""

    USD_PER_MILLION_USD = 1
    USD_PER_LOT = 2
    PERCENTAGE_OF_VALUE = 3
    QUOTE_CCY_PER_LOT = 4


class MinCommissionType(IntEnum):
    """``ProtoOAMinCommissionType``: which asset the least commission is in."""

    CURRENCY = 1
    QUOTE_CURRENCY = 2


class SwapCalculationType(IntEnum):
    """``ProtoOASwapCalculationType``."""

    PIPS = 0
    PERCENTAGE = 1
    POINTS = 2


class TradingMode(IntEnum):
    """``ProtoOATradingMode``."""

    ENABLED = 0
    DISABLED_WITHOUT_PENDINGS_EXECUTION = 1
    DISABLED_WITH_PENDINGS_EXECUTION = 2
    CLOSE_ONLY_MODE = 3


class Interval(NamedTuple):
    """A span of trading: seconds since Sunday 00:00 in the schedule's time zone, the end not included."""

    start_second: int
    end_second: int


@dataclass(frozen=True, slots=True)
class Holiday:
    """A span in which the market stays closed although its schedule says otherwise.

    ``date_days`` counts days from 1970-01-01; the seconds count from 00:00 of that day in ``time_zone``.
    A recurring holiday comes back on the same day and month of every year.
    """

    holiday_id: int
    name: str
    description: str
    time_zone: str
    date_days: int
    recurring: bool
    start_second: int = 0
    end_second: int = 86_400


@dataclass(frozen=True, slots=True)
class Asset:
    """Something a price is made of: a currency, a metal, a coin, or the unit of an index."""

    asset_id: int
    name: str
    display_name: str
    digits: int


@dataclass(frozen=True, slots=True)
class AssetClass:
    """A class of assets, such as Forex."""

    asset_class_id: int
    name: str
    sorting_number: float


@dataclass(frozen=True, slots=True)
class Category:
    """A group of symbols inside an asset class."""

    category_id: int
    asset_class_id: int
    name: str
    sorting_number: float


class LeverageTier(NamedTuple):
    """Up to ``volume`` (exposure in cents of a US dollar) the leverage is ``leverage`` hundredths: 10000 is 1:100."""

    volume: int
    leverage: int


@dataclass(frozen=True, slots=True)
class DynamicLeverage:
    """The leverage of a group of symbols by exposure, tiers ascending."""

    leverage_id: int
    tiers: tuple[LeverageTier, ...]


@dataclass(frozen=True, slots=True)
class ArchivedSymbol:
    """A symbol no longer traded, listed on request only. ``last_update_ms`` is UTC."""

    symbol_id: int
    name: str
    last_update_ms: int
    description: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol: its light and its full description, and how the price model moves it."""

    symbol_id: int
    name: str
    description: str
    base_asset_id: int
    quote_asset_id: int
    category_id: int
    sorting_number: float

    digits: int
    pip_position: int
    lot_size: int
    """Cents of a unit in one lot."""
    min_volume: int
    step_volume: int
    max_volume: int
    max_exposure: int

    time_zone: str
    schedule: tuple[Interval, ...]
    """Ascending and disjoint; empty means never open."""

    start_price: int
    """Bid at the end of the anchor day (``model.ANCHOR_DAY``), in 1/100000."""
    typical_spread: int
    """In 1/100000; at least one tick is always kept between bid and ask."""
    daily_volatility: float
    """Standard deviation of a trading day's move, as a share of the price."""
    ticks_per_minute: int
    """Mean number of bid ticks in an open minute; 8 to 300."""

    swap_long: float
    swap_short: float
    leverage_id: int
    commission_type: CommissionType
    commission_rate: int
    """``preciseTradingCommissionRate``: ×10^8 of the amount, for a percentage ×10^5."""

    drivers: tuple[tuple[str, float], ...] = ()
    """What moves the day's close: (name of a random walk, standard deviation a day). Instruments that share a
    driver move together, so crosses agree with their legs. Empty: a walk of its own, of ``daily_volatility``."""

    enabled: bool = True
    trading_mode: TradingMode = TradingMode.ENABLED
    holidays: tuple[Holiday, ...] = ()
    enable_short_selling: bool = True
    guaranteed_stop_loss: bool = False
    swap_rollover_3_days: DayOfWeek = DayOfWeek.WEDNESDAY
    swap_calculation_type: SwapCalculationType = SwapCalculationType.PIPS
    swap_period: int = 24
    """Hours between two swap charges."""
    swap_time: int = 1259
    """Minutes from 00:00 UTC."""
    skip_swap_periods: int = 0
    charge_swap_at_weekends: bool = False
    min_commission: int = 0
    """``preciseMinCommission``: ×10^8 of ``min_commission_asset``, or of the quote asset."""
    min_commission_asset: str = "USD"
    min_commission_type: MinCommissionType = MinCommissionType.CURRENCY
    rollover_commission: int = 0
    rollover_commission_3_days: DayOfWeek = DayOfWeek.WEDNESDAY
    skip_rollover_days: int = 3
    pnl_conversion_fee_rate: int = 70
    """1 is 0.01 % of the gross result."""
    sl_distance: int = 0
    tp_distance: int = 0
    gsl_distance: int = 0
    gsl_charge: int = 0
    measurement_units: str = ""

    tick_size: int = field(init=False, repr=False)
    """The smallest change of the price, in 1/100000: 10^(5 - digits)."""

    def __post_init__(self) -> None:
        """Refuse what no symbol can have."""
        if not 0 <= self.digits <= 5:
            raise ValueError(f"{self.name}: digits {self.digits} is not in 0..5; prices are sent in 1/100000")
        object.__setattr__(self, "tick_size", int(10 ** (5 - self.digits)))
        if self.start_price < 2 * self.tick_size or self.start_price % self.tick_size:
            raise ValueError(f"{self.name}: start_price {self.start_price} is not a price of {self.digits} digits")
        if not 8 <= self.ticks_per_minute <= 300:
            raise ValueError(f"{self.name}: ticks_per_minute {self.ticks_per_minute} is not in 8..300")
        end = 0
        for interval in self.schedule:
            if not end <= interval.start_second < interval.end_second <= WEEK_SECONDS:
                raise ValueError(
                    f"{self.name}: schedule interval {interval.start_second}-{interval.end_second} is not ascending "
                    f"within 0..{WEEK_SECONDS} seconds; split it at Sunday 00:00"
                )
            end = interval.end_second


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """Everything a venue can be asked about what it trades."""

    assets: tuple[Asset, ...]
    asset_classes: tuple[AssetClass, ...]
    categories: tuple[Category, ...]
    instruments: tuple[Instrument, ...]
    archived: tuple[ArchivedSymbol, ...]
    leverages: tuple[DynamicLeverage, ...]

    def instrument(self, name: str) -> Instrument:
        """The instrument of that name; ``KeyError`` where there is none."""
        for instrument in self.instruments:
            if instrument.name == name:
                return instrument
        raise KeyError(name)

    def asset(self, name: str) -> Asset:
        """The asset of that name; ``KeyError`` where there is none."""
        for asset in self.assets:
            if asset.name == name:
                return asset
        raise KeyError(name)
