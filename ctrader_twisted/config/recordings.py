"""What is recorded, and where to: the tables ``[[recording]]``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ctrader_twisted.config.settings import RECORDABLE, RECORDING_FORMATS, RecordingSettings
from ctrader_twisted.config.tables import did_you_mean, listing

if TYPE_CHECKING:
    from ctrader_twisted.config.tables import Refusals, Table

_NEEDED = {"parquet": ("numpy", "pyarrow"), "sqlite": ("numpy",)}


def read_recordings(refusals: Refusals, tables: list[Table]) -> tuple[RecordingSettings, ...]:
    """Read every ``[[recording]]``."""
    return tuple(settings for table in tables if (settings := _read(refusals, table)) is not None)


def _read(refusals: Refusals, table: Table) -> RecordingSettings | None:
    path = table.folder("path")
    if "path" not in table:
        table.refuse("path", "missing", 'Write path = "market", a folder.')
    form = table.text("format")
    if form is None and "format" not in table:
        table.refuse("format", "missing", f"Write format = one of {listing(RECORDING_FORMATS)}.")
    elif form is not None and form not in RECORDING_FORMATS:
        remedy = f"{did_you_mean(form, RECORDING_FORMATS)}Formats are {listing(RECORDING_FORMATS)}."
        table.refuse("format", f'"{form}" is not a format', remedy)
        form = None
    for package in _NEEDED.get(form or "", ()):
        if find_spec(package) is None:
            table.refuse("format", f"it needs {package}", 'pip install "ctrader_twisted[data]"')
    events = table.texts("events")
    for event in events or ():
        if event not in RECORDABLE:
            remedy = f"{did_you_mean(event, RECORDABLE)}What can be recorded is {listing(RECORDABLE)}."
            table.refuse("events", f'"{event}" can\'t be recorded', remedy)
    if "events" in table and table.raw("events") == []:
        table.refuse("events", "an empty list: nothing would be recorded", "Leave it out to record everything.")
    flush = table.number("flush_seconds", 1.0, 3600.0)
    days = table.number("refill_days", 0.0, 365.0)
    table.finish()
    if path is None or form is None:
        return None
    refusals.claim(path, table.name, "path")
    default = RecordingSettings(table.name, path, form)
    return RecordingSettings(
        table.name,
        path,
        form,
        default.events if events is None else frozenset(events),
        default.flush_seconds if flush is None else flush,
        default.refill_days if days is None else days,
    )
