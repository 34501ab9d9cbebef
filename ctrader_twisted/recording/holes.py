"""What a recording lacks, and which files to read, for programs that read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ctrader_twisted.recording.formats import store_at
from ctrader_twisted.recording.spans import holes as missing

if TYPE_CHECKING:
    from collections.abc import Iterator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Hole(NamedTuple):
    """A span of time in which not everything is recorded."""

    environment: str
    account: int
    """ctidTraderAccountId."""
    stream: str
    """``"quotes/EURUSD"``, ``"bars/EURUSD/M1"`` or ``"account"``."""
    start: datetime
    end: datetime
    """Not of it any more."""


def holes(path: str | Path) -> list[Hole]:
    """Give what is missing in a recording, between the first and the last that is recorded of each stream.

    It may be read while it is recorded to; what is missing at this moment may be filled at the next. Where a market is
    closed nothing is missing.

    :param path: its folder.
    :raises ExtraMissing: if it is of Parquet and pyarrow is not installed.
    :raises FileNotFoundError: if there is no such folder.
    :raises OSError: if it can't be read.
    """
    return list(_holes(Path(path)))


def files(path: str | Path, table: str) -> list[str]:
    """Give the Parquet files of a table, each row in one of them only. While some are being merged a folder has both
    these and what they are merged into, for a moment, and who reads it as it is would have rows twice.

    :param path: the recording's folder.
    :param table: ``"quotes"``, ``"bars"`` or ``"account_events"``.
    :return: their paths. One may be gone when it is opened: it has been merged, so ask again.
    :raises ExtraMissing: if pyarrow is not installed.
    :raises FileNotFoundError: if there is no such folder.
    :raises OSError: if it can't be read.
    """
    folder = Path(path)
    folder.stat()
    parquet: Any = store_at(folder, "parquet")
    return [str(file) for file in parquet.files(table)]


def _holes(path: Path) -> Iterator[Hole]:
    path.stat()
    store = store_at(path, "sqlite" if any(path.glob("*.sqlite")) else "parquet")
    for environment, account in store.accounts():
        for stream, spans in sorted(store.covered(environment, account).items()):
            for start, end in missing(spans, spans[0][0], spans[-1][1]):
                yield Hole(environment, account, stream, _moment(start), _moment(end))


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
