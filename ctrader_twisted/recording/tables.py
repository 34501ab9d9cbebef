"""What is recorded: three tables, their columns, and the day that a row belongs to. Pure; needs no numpy.

Times are ms since the epoch, UTC. A row belongs to the UTC date of its own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY: Final = 86_400_000
"""ms of a day."""

_FIRST: Final = date(1970, 1, 1).toordinal()

LATEST: Final = (date.max.toordinal() - _FIRST) * DAY - 1
"""The last ms that can be recorded."""

LIVE: Final = "live"
"""The source of rows that were recorded as they came."""
HISTORY: Final = "history"
"""The source of rows that were asked for afterwards."""


class Holds(Enum):
    """What a column holds."""

    TIME = auto()
    """ms since the epoch: int64. None is allowed nowhere."""
    PRICE = auto()
    """A price, rounded to the symbol's digits: float64, NaN where it is not known (None in a list)."""
    COUNT = auto()
    """A whole number: int64."""
    NAME = auto()
    """A text that comes again and again: a list, or `store.Coded`."""
    TEXT = auto()
    """A text: a list; None where there is none."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the tables.

    :ivar name: what its folder, or its table in SQLite, is called.
    :ivar time: the column that says when a row was, and to which day it belongs.
    :ivar columns: what each column holds, in the order in which they are written.
    :ivar order: by which columns, one after the other, the rows of a day are sorted when it is over.
    """

    name: str
    time: str
    columns: Mapping[str, Holds]
    order: tuple[str, ...]


QUOTES: Final = Kind(
    "quotes",
    "time",
    {
        "time": Holds.TIME,  # the server's time of the event; the time here if it has none
        "received": Holds.TIME,  # this computer's time; of history, when it was asked for
        "symbol": Holds.NAME,
        "bid": Holds.PRICE,  # what stood after the change
        "ask": Holds.PRICE,
        "source": Holds.NAME,
    },
    ("symbol", "time"),
)
BARS: Final = Kind(
    "bars",
    "time",
    {
        "time": Holds.TIME,  # when it opened
        "period": Holds.NAME,
        "symbol": Holds.NAME,
        "open": Holds.PRICE,
        "high": Holds.PRICE,
        "low": Holds.PRICE,
        "close": Holds.PRICE,
        "ticks": Holds.COUNT,
        "source": Holds.NAME,
    },
    ("symbol", "period", "time"),
)
ACCOUNT_EVENTS: Final = Kind(
    "account_events",
    "time",
    {
        "time": Holds.TIME,  # the server's time, as far as it is known when it comes; else this computer's
        "event": Holds.NAME,  # as in docs/daemon.md
        "document": Holds.TEXT,  # the JSON object of docs/daemon.md
        "key": Holds.TEXT,  # what makes it the same as another: null if nothing does
        "source": Holds.NAME,
    },
    ("time",),
)

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (QUOTES, BARS, ACCOUNT_EVENTS)}
"""All of them, by name."""


def day_of(ms: int) -> int:
    """Give the UTC day of a moment, as days since the epoch."""
    return ms // DAY


def date_of(day: int) -> date:
    """Give the date of a day."""
    return date.fromordinal(_FIRST + day)


def day_from(day: date) -> int:
    """Give the day of a date, as days since the epoch."""
    return day.toordinal() - _FIRST


def today(now: float) -> date:
    """Give the UTC date of a moment in seconds since the epoch."""
    return datetime.fromtimestamp(now, UTC).date()
