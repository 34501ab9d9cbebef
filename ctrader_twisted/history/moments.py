"""Moments as history is asked for and told: aware datetimes outside, ms since the epoch within.

Pure; needs no numpy.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from numbers import Real
from typing import Final

from ctrader_twisted.errors import HistoryRefused
from ctrader_twisted.market.times import EPOCH, moment

__all__ = ["EPOCH", "moment", "ms_of"]

_MS: Final = timedelta(milliseconds=1)
_MS_FROM: Final = 10**11
"""Numbers from here on are ms rather than seconds: as ms this is 1973, as seconds the year 5138."""


def ms_of(when: datetime, which: str) -> int:
    """Give the first whole ms since the epoch that is not before a moment.

    :param which: what it is called where it was given: ``"start"``.
    :raises HistoryRefused: if it is no datetime, or has no time zone.
    """
    if not isinstance(when, datetime):
        shown = when if isinstance(when, date) else repr(when)
        raise HistoryRefused(f"the {which}, {shown}, is no datetime", _meant(when))
    if when.utcoffset() is None:
        raise HistoryRefused(f"the {which}, {when}, has no time zone", "give one, such as datetime.UTC")
    return -((EPOCH - when) // _MS)


def _meant(given: object) -> str:
    """Say what to give instead of what was given."""
    unit = ""
    meant: datetime | None = None
    try:
        if isinstance(given, date):
            meant = datetime(given.year, given.month, given.day, tzinfo=UTC)
        elif isinstance(given, str):
            meant = datetime.fromisoformat(given)
        elif isinstance(given, Real):
            number = float(given)
            in_ms = abs(number) >= _MS_FROM
            unit = f" if it is {'ms' if in_ms else 'seconds'} since the epoch"
            meant = EPOCH + timedelta(seconds=number / (1000 if in_ms else 1))
    except (ValueError, OverflowError):
        pass
    if meant is None:
        return "give one with a time zone, such as datetime(2026, 1, 31, tzinfo=UTC)"
    if meant.tzinfo is None:
        meant = meant.replace(tzinfo=UTC)
    return f"give datetime.fromisoformat({meant.isoformat()!r}){unit}"
