"""The limits that a configuration sets for an account, as the account takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.account import Safety
from ctrader_twisted.market import Lots, Money

if TYPE_CHECKING:
    from ctrader_twisted.config import SafetySettings


def safety_of(settings: SafetySettings) -> Safety:
    """Give the limits."""
    volume, open_volume, exposure = settings.max_volume, settings.max_open_volume, settings.max_exposure
    return Safety(
        symbols=None if settings.symbols is None else frozenset(settings.symbols),
        max_volume=None if volume is None else Lots(volume),
        max_open_volume=None if open_volume is None else Lots(open_volume),
        max_exposure=None if exposure is None else Money(exposure, settings.exposure_currency),
        max_positions=settings.max_positions,
        dry_run=settings.dry_run,
        halted=settings.halted,
    )
