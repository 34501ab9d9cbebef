"""Parts of a recording: of some connections, of some messages, of some time."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ctrader_twisted.flight.format import Failed, Header, Said

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ctrader_twisted.flight.format import Entry

_PREFIX = "protooa"


def select(
    entries: Iterable[Entry],
    *,
    connection: int | Collection[int] | None = None,
    names: Collection[str] = (),
    since: float | None = None,
    until: float | None = None,
) -> Iterator[Entry]:
    """Give the entries that fit.

    :param connection: of this connection, or of these.
    :param names: messages of these names only, such as ``"SpotEvent"`` or ``"ProtoOASpotEvent"``; ``*`` stands for
        whatever characters, and capitals don't matter. Without names, what is not a message fits too.
    :param since: not before this time, in seconds since the epoch.
    :param until: before this time.
    """
    connections = {connection} if isinstance(connection, int) else None if connection is None else set(connection)
    patterns = [name.lower() for name in names]
    fits: dict[int, bool] = {}
    for entry in entries:
        if (since is not None and entry.at < since) or (until is not None and entry.at >= until):
            continue
        if connections is not None and not isinstance(entry, Header):
            if isinstance(entry, Failed) or entry.connection not in connections:
                continue
        if patterns:
            if not isinstance(entry, Said):
                continue
            if entry.payload_type not in fits:
                fits[entry.payload_type] = _fits(entry.name.lower(), patterns)
            if not fits[entry.payload_type]:
                continue
        yield entry


def _fits(name: str, patterns: list[str]) -> bool:
    short = name.removeprefix(_PREFIX)
    return any(fnmatchcase(name, pattern) or fnmatchcase(short, pattern) for pattern in patterns)
