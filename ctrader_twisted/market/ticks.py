"""Ticks: one side's price at one moment, and both sides joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctrader_twisted.market.times import moment

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Tick:
    """One change of one side's price."""

    symbol_id: int
    side: int
    """ProtoOAQuoteType."""
    at: int
    """ms since the epoch, UTC."""
    price: Decimal

    @property
    def time(self) -> datetime:
        """When: `at` as an aware datetime, in UTC."""
        return moment(self.at)


@dataclass(frozen=True, slots=True)
class QuoteTick:
    """Both sides as they stood after a change of either."""

    symbol_id: int
    at: int
    """ms since the epoch, UTC."""
    bid: Decimal
    ask: Decimal

    @property
    def time(self) -> datetime:
        """When: `at` as an aware datetime, in UTC."""
        return moment(self.at)

    @property
    def spread(self) -> Decimal:
        """Ask less bid."""
        return self.ask - self.bid
