"""Times on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Type = click.ParamType[datetime]
else:
    _Type = click.ParamType  # not generic before click 8.3


class Moment(_Type):
    """A date, or a date and a time, as of ISO 8601; in UTC unless it says something else."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time: write 2024-01-31, or 2024-01-31T14:30, or 2024-01-31T14:30+01:00", param, ctx
            )


def check_order(start: datetime | None, end: datetime | None) -> None:
    """Refuse a span that ends before it begins.

    :raises click.UsageError: if it does.
    """
    if start is not None and end is not None and start >= end:
        raise click.UsageError(f"--from {start:%Y-%m-%dT%H:%MZ} is not before --to {end:%Y-%m-%dT%H:%MZ}.")


def written(moment: datetime) -> str:
    """Write a time for a person, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def span_written(length: Any) -> str:
    """Write how long something took: ``45 s``, ``12 min``, ``3.5 h``, ``12 days``."""
    seconds = length.total_seconds()
    for unit, name, most in ((1, "s", 100), (60, "min", 6000), (3600, "h", 172_800)):
        if seconds < most:
            return f"{seconds / unit:.0f} {name}" if unit < 3600 else f"{seconds / unit:.1f} {name}"
    return f"{seconds / 86_400:.0f} days"
