"""Moments: ms since the epoch, as messages have them, and the aware datetimes that a person reads. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    """Give ms since the epoch as an aware datetime in UTC, exactly."""
    return EPOCH + timedelta(milliseconds=ms)
