"""``ctrader replay``: a recording of the flight recorder, for people."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.cli.running import tell
from ctrader_twisted.cli.terminal import clean, warn
from ctrader_twisted.flight import readable
from ctrader_twisted.flight.reading import Recording
from ctrader_twisted.wire import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command(short_help="Print a flight recording in readable form.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--connection", "-C", metavar="N", type=click.IntRange(1), multiple=True, help="Only this one; may be repeated."
)
@click.option(
    "--only", "-o", metavar="NAME", multiple=True, help="Only messages of this name, such as ProtoOAErrorRes."
)
@click.option("--every", is_flag=True, help="A line for each spot, depth and heartbeat, not one for each run of them.")
@click.option("--this-part", is_flag=True, help="Only this file, not the earlier parts beside it.")
@click.option("as_json", "--json", is_flag=True, help="Write JSON Lines in place of text.")
def replay(
    file: Path, connection: tuple[int, ...], only: tuple[str, ...], every: bool, this_part: bool, as_json: bool
) -> None:
    """Print a flight recording in readable form: who said what, and when.

    FILE is the newest part; the earlier ones beside it come first. Times are UTC, prices and volumes as on the wire.
    """
    names = tuple(map(_name, only))
    recording = Recording(file, all_parts=not this_part)
    wanted: dict[str, Any] = {"connection": connection or None, "names": names}
    if as_json:
        _write(json.dumps(each, ensure_ascii=False) for each in readable.documents(recording, **wanted))
    else:
        _write(map(clean, readable.lines(recording, summarise=not every, **wanted)))
    for note in recording.notes:
        warn(note)


def _name(given: str) -> str:
    """Find the message that is meant; ``SpotEvent`` will do for ``ProtoOASpotEvent``."""
    known = {cls.DESCRIPTOR.name for cls in catalogue.PARSERS.values()}
    for name in (given, f"ProtoOA{given}", f"Proto{given}"):
        if name in known:
            return name
    raise CommandFailed(f'no message is called "{given}". Give a name of the schema, such as ProtoOASpotEvent')


def _write(lines: Iterable[str]) -> None:
    """Write lines as UTF-8, many at a time: recordings are long."""
    out = sys.stdout.buffer
    try:
        for line in lines:
            out.write(line.encode("utf-8", "backslashreplace") + b"\n")
        out.flush()
    except BrokenPipeError as error:
        raise SystemExit(tell(error)) from None
