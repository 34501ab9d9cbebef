"""Stores by the names of their formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ctrader_twisted.errors import ExtraMissing

if TYPE_CHECKING:
    from pathlib import Path

    from ctrader_twisted.recording.store import Store

FORMATS: Final = ("parquet", "sqlite")
"""What there is."""


def store_at(path: Path, name: str) -> Store:
    """Make a store; it is not open.

    :param path: its folder.
    :param name: one of `FORMATS`.
    :raises ExtraMissing: if what it needs is not installed.
    """
    if name == "sqlite":
        from ctrader_twisted.recording.sqlite import SqliteStore

        return SqliteStore(path)
    try:
        from ctrader_twisted.recording.parquet import ParquetStore
    except ImportError as error:
        raise ExtraMissing(error.name or "pyarrow", "recording to Parquet", "ctrader_twisted[data]") from error
    return ParquetStore(path)
