"""Times on the command line."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from ctrader_twisted.market.calendar import DAY, LENGTHS, bar_grid, day_opening

if TYPE_CHECKING:
    _Type = click.ParamType[date]
    _Name = click.ParamType[str]
else:
    _Type = _Name = click.ParamType  # not generic before click 8.3

PERIODS: Final = ", ".join(LENGTHS)
"""The periods that the server has bars of."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(_Type):
    """A date, or a date and a time, as of ISO 8601; in UTC unless it says something else.

    It gives a `date`, or a `datetime` in UTC: which moment a date is, `moment_of` says. What is earlier than 1970 is
    taken for its beginning: the protocol knows no time before it.
    """

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read it."""
        if isinstance(value, date):
            return value
        with suppress(ValueError):
            return max(_FIRST.date(), date.fromisoformat(str(value)))
        try:
            moment = datetime.fromisoformat(str(value))
            return max(_FIRST, moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time: write 2024-01-31, or 2024-01-31T14:30, or 2024-01-31T14:30+01:00", param, ctx
            )


class Period(_Name):
    """A period that the server has bars of: its name in any case, or its length, such as 5m or 1h."""

    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        try:
            grid = bar_grid(str(value))
        except ValueError:
            grid = None
        if grid is None or not grid.period:
            self.fail(
                f"{value!r} is no period of bars that the server has: give one of {PERIODS}, or a length of "
                "theirs such as 1h",
                param,
                ctx,
            )
        return grid.name


def moment_of(given: date, period: str | None) -> datetime:
    """Give the moment that a user means by a date, or by a date and a time, which is what it says.

    A date is 00:00 UTC. With bars of a day or more it is the trading day of that date, as a chart calls them: the one
    that ends on it in New York, and opens at 17:00 there on the evening before.

    :param period: of the bars that are asked for; None for ticks.
    """
    if isinstance(given, datetime):
        return given
    if period is None or LENGTHS[period] < DAY:
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    return max(_FIRST, _FIRST + timedelta(milliseconds=day_opening(given)))


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
