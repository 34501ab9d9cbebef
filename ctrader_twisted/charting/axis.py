"""A time axis on which every bar has the same room, so that nights and weekends leave no holes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ctrader_twisted.market.calendar import trading_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

_LENGTHS: Final[Sequence[int]] = (
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 12)),
    *(days * _DAY for days in (1, 2)),
)
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 4 * _DAY  # ms from the epoch, a Thursday, to the first Monday
_MONTHS: Final[Sequence[int]] = (1, 3, 6, 12, 24, 60, 120)


class Label(NamedTuple):
    """A label of the axis.

    :ivar place: the number of the bar that it belongs to.
    """

    place: int
    text: str


def labels(opened: NDArray[np.int64], most: int = 12) -> list[Label]:
    """Choose labels: at the first bar of each hour, day, month or whatever gives not more than so many.

    A label says what has changed: the time; at the first bar of a day the date, of a month its name if there are only
    months, of a year the year. All in UTC.

    :param opened: openings of the bars, ascending, in ms since the epoch.
    """
    if not len(opened):
        return []
    for keys in _steps(opened):
        places = np.flatnonzero(np.diff(keys)) + 1
        if len(places) <= most:
            break
    else:
        places = places[:: -(-len(places) // most)]
    if not len(places):
        return [Label(0, _dated(opened[0]))]
    chosen: list[int] = []
    for place in places.tolist():
        if chosen and place - chosen[-1] < len(opened) / (2 * most):
            chosen.pop()  # a few bars of a Sunday: there is no room for both
        chosen.append(place)
    monthly = bool(len(chosen) > 1 and np.diff(opened[chosen]).min() > 25 * _DAY)
    return [Label(place, _text(opened[before], opened[place], monthly)) for before, place in pairwise([0, *chosen])]


def days(opened: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the beginning, in UTC, of the date of each bar's trading day: that of Monday opens on Sunday."""
    dates = np.array([trading_day(at).isoformat() for at in opened.tolist()], "datetime64[ms]")
    return dates.astype(np.int64)


def _steps(opened: NDArray[np.int64]) -> Any:
    """Give what is the same for bars that have no label between them: ever longer spans."""
    for length in _LENGTHS:
        yield opened // length
    yield (opened - _MONDAY) // _WEEK
    months = opened.view("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    for count in _MONTHS:
        yield months // count


def _text(before: np.int64, at: np.int64, monthly: bool) -> str:
    then, now = (moment.view("datetime64[ms]").astype("datetime64[s]").item() for moment in (before, at))
    if now.year != then.year:
        return f"{now:%Y}" if now.month == 1 and now.day < 5 else f"{now.day} {now:%b %Y}"
    if now.date() == then.date():
        return f"{now:%H:%M}"
    if monthly and now.day < 5:
        return f"{now:%b}"
    return f"{now.day} {now:%b}"


def _dated(at: np.int64) -> str:
    now = at.view("datetime64[ms]").astype("datetime64[s]").item()
    return f"{now.day} {now:%b %Y, %H:%M}"
