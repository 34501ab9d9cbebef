"""Where recorded rows go: what a store takes, what it promises, and what it can be asked.

A `Batch` is what is written at once: rows of one table of one account, and with them of which streams *everything* in
which spans of time is recorded by now. The two are kept together, whole or not at all, so nothing has to be compared
after a crash: what is not covered is a hole, and rows in a hole do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ctrader_twisted.recording.tables import DAY, KINDS, LATEST, Kind, day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date


class Cover(NamedTuple):
    """Of this stream everything in this span of time is recorded, if there was anything."""

    stream: str
    """``"quotes/EURUSD"``, ``"bars/EURUSD/M1"`` or ``"account"``. It belongs to a batch of the same table."""
    start: int
    """ms; everything from here on,"""
    end: int
    """to before this."""


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of texts that come again and again, by number: there is no object for each row.

    :ivar codes: an array of numpy's int32: which of the texts each row has.
    :ivar texts: no two alike. There may be some that no row has.
    """

    codes: Any
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, which: Any) -> Coded:
        return Coded(self.codes[which], self.texts)

    @property
    def nbytes(self) -> int:
        """How many bytes it takes, the texts aside."""
        return int(self.codes.nbytes)

    def tolist(self) -> list[str]:
        """Give the texts row by row."""
        texts = self.texts
        return [texts[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What is written at once.

    :ivar kind: which table: one of `tables.KINDS`.
    :ivar environment: ``"demo"``, ``"live"`` or another environment's name.
    :ivar account_id: ctidTraderAccountId.
    :ivar columns: the table's columns, all of one length: arrays of numpy or lists, as `tables.Holds` says. Times from
        0 to `tables.LATEST`. In any order.
    :ivar covered: spans that are covered once these rows are written. There may be covers without rows.
    :raises ValueError: if it is not so.
    """

    kind: str
    environment: str
    account_id: int
    columns: Mapping[str, Any]
    covered: tuple[Cover, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no table {self.kind!r}: there are {', '.join(KINDS)}")
        if set(self.columns) != set(self.table.columns):
            raise ValueError(
                f"{self.kind} has the columns {', '.join(self.table.columns)}, not {', '.join(self.columns)}"
            )
        if len({len(column) for column in self.columns.values()}) > 1:
            raise ValueError(f"columns of different lengths in a batch of {self.kind}")
        moments = list(self._bounds())
        for cover in self.covered:
            if not cover.start < cover.end:
                raise ValueError(f"{cover} covers nothing")
            moments += (cover.start, cover.end - 1)
        if moments and not 0 <= min(moments) <= max(moments) <= LATEST:
            raise ValueError(f"a time of {self.kind} that can't be: {min(moments)} to {max(moments)} ms")

    @classmethod
    def of_covers(cls, kind: str, environment: str, account_id: int, covered: tuple[Cover, ...]) -> Batch:
        """Make one without rows."""
        return cls(kind, environment, account_id, {name: [] for name in KINDS[kind].columns}, covered)

    def __len__(self) -> int:
        return len(self.columns[self.table.time])

    @property
    def table(self) -> Kind:
        """The table."""
        return KINDS[self.kind]

    @property
    def day(self) -> int:
        """The one UTC day that all of it belongs to, as days since the epoch.

        :raises ValueError: if it is of several days, or empty: see `days`.
        """
        days = self._days()
        if len(days) != 1:
            raise ValueError(f"a batch of {len(days)} days, not of one: write what days() gives")
        return days.pop()

    def days(self) -> list[Batch]:
        """Cut it by UTC days, the first day first; covers too. Nothing if there are neither rows nor covers."""
        days = self._days()
        if len(days) == 1:
            return [self]
        rows: dict[int, list[int]] = {day: [] for day in sorted(days)}
        for row, time in enumerate(listed(self.columns[self.table.time])):
            rows[day_of(time)].append(row)
        return [
            Batch(
                self.kind,
                self.environment,
                self.account_id,
                {name: _picked(column, where) for name, column in self.columns.items()},
                tuple(
                    Cover(stream, max(start, day * DAY), min(end, (day + 1) * DAY))
                    for stream, start, end in self.covered
                    if start < (day + 1) * DAY and end > day * DAY
                ),
            )
            for day, where in rows.items()
        ]

    def _bounds(self) -> tuple[int, ...]:
        """Give the earliest and the latest time of the rows; nothing if there are none."""
        times = self.columns[self.table.time]
        if not len(times):
            return ()
        if isinstance(times, list):
            return min(times), max(times)
        return int(times.min()), int(times.max())

    def _days(self) -> set[int]:
        days = {day_of(time) for time in self._bounds()}
        if len(days) > 1:
            days = set(map(day_of, listed(self.columns[self.table.time])))
        for _, start, end in self.covered:
            days.update(range(day_of(start), day_of(end - 1) + 1))
        return days


def listed(column: Any) -> list[Any]:
    """Give a column as a list."""
    return column if isinstance(column, list) else list(column.tolist())


def _picked(column: Any, where: list[int]) -> Any:
    return [column[row] for row in where] if isinstance(column, list) else column[where]


class Store(Protocol):
    """Where batches are kept. Every method blocks; call them from one thread at a time, any thread."""

    def open(self) -> list[str]:
        """Take hold of the folder, which is made if need be, and mend what a crash left behind.

        :return: what was found and left alone, such as a file of somebody else's: sentences to be logged.
        :raises RecordingStoreError: if another process has it, or it can't be what it is to be.
        :raises OSError: if it can't be made, read or mended. It is not open then.
        """

    def write(self, batch: Batch) -> None:
        """Write a batch of one day (`Batch.days`): when this returns it survives a power cut.

        :raises OSError: if it can't be written; then there is nothing of it, and it may be tried again.
        :raises RecordingStoreError: if something of somebody else's is in its place; likewise.
        :raises ValueError: if it is of several days.
        """

    def tidy(self, today: date) -> bool:
        """Do one thing that is due, such as merging the files of a day that is over. It may take seconds.

        :param today: the UTC date: earlier days are taken to be over. More may be written for them nevertheless.
        :return: whether anything was done: then there may be more to do.
        :raises OSError: if it can't be done; then everything is as it was.
        """

    def accounts(self) -> list[tuple[str, int]]:
        """Give whom there is anything of: environment and ctidTraderAccountId, sorted.

        It need not be open, and another process may have it open.

        :raises OSError: if it can't be read.
        """

    def covered(self, environment: str, account_id: int, since: int = 0) -> dict[str, list[tuple[int, int]]]:
        """Give what is covered, by stream: spans in ms, apart from each other, ascending.

        It need not be open, and another process may have it open.

        :param since: ms; from the beginning of its day on. Spans are as they are, not cut there.
        :raises OSError: if it can't be read.
        """

    def rows(
        self,
        kind: str,
        environment: str,
        account_id: int,
        start: int,
        end: int,
        symbol: str | None = None,
        period: str | None = None,
    ) -> dict[str, Any]:
        """Give rows, in any order, as the columns of a batch.

        It need not be open, and another process may have it open.

        :param start: ms; rows whose time is from here on,
        :param end: to before this.
        :param symbol: of this symbol only.
        :param period: of this period only, where the table has one.
        :return: lists, None for a price that is not known.
        :raises OSError: if they can't be read.
        """

    def close(self) -> None:
        """Let go of the folder. There is nothing left to write. Closing again does nothing."""
