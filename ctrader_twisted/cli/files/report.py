"""What a file has and what is missing in it, for a person and for a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.measure import Measurement

from ctrader_twisted.cli.terminal import cell, clean, room, say, show, show_json, stdout_console, table
from ctrader_twisted.cli.times import span_written, written
from ctrader_twisted.history.moments import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.table import Table

    from ctrader_twisted.cli.files.tally import Tally
    from ctrader_twisted.cli.files.target import Target

_ANY_WIDTH: Final = 10_000
_HOLES: Final = 5
"""Holes of a symbol that are shown one by one, the longest."""


@dataclass(frozen=True, slots=True)
class Report:
    """What there is of one symbol.

    :ivar before: how many rows the file had of it.
    :ivar problem: why it is not complete; None if it is.
    """

    target: Target
    symbol: str
    before: int
    problem: str | None

    @property
    def tally(self) -> Tally | None:
        """What is in the file; None if nothing is."""
        tally = self.target.tallies.get(self.symbol)
        return tally if tally is not None and tally.rows else None

    @property
    def new(self) -> int:
        """How many rows the file has besides those that it had."""
        return 0 if self.tally is None else self.tally.rows - self.before

    def document(self) -> dict[str, Any]:
        """Give it as ``--json`` has it."""
        tally, contents = self.tally, self.target.contents
        missing = []
        if tally is not None:
            missing = [{"start": _iso(gap.start), "end": _iso(gap.end)} for gap in tally.holes]
        return {
            "symbol": self.symbol,
            "period": contents.what if contents.kind == "period" else None,
            "ticks": None if contents.kind == "period" else contents.what or "both",
            "file": str(self.target.path),
            "rows": 0 if tally is None else tally.rows,
            "new": self.new,
            "first": None if tally is None else _iso(moment(tally.first)),
            "last": None if tally is None else _iso(moment(tally.last)),
            "missing": missing,
            "hours_known": tally is None or tally.hours_known,
            "nothing_before": tally is not None and tally.late,
            "nothing_after": tally is not None and tally.newest is not None,
            "quiet_spans": 0 if tally is None else tally.quiet[0],
            "quiet_seconds": 0 if tally is None else round(tally.quiet[1].total_seconds()),
            "closed_spans": 0 if tally is None else tally.closed,
            "problem": self.problem,
        }


def show_reports(reports: Sequence[Report], *, as_json: bool) -> None:
    """Write them: a table on stdout and what is missing on stderr, or JSON."""
    if as_json:
        show_json([report.document() for report in reports])
        return
    console, made = stdout_console(), _table(reports, ())
    for without in (("file",), ("file", "first"), ("file", "first", "new")):
        if Measurement.get(console, console.options.update(width=_ANY_WIDTH), made).maximum <= room():
            break
        made = _table(reports, without)
    if made.row_count:
        show(made)
    for report in reports:
        if report.tally is not None:
            for line in missing(report.symbol, report.tally):
                say(line)


def say_what_is_apart(target: Target) -> None:
    """Say which rows an earlier run has kept that are not in the file."""
    for name, parts in target.apart().items():
        rows = sum(part.rows for part in parts)
        say(
            f"{clean(name)}: {rows:,} rows of {written(moment(parts[0].first))} to {written(moment(parts[-1].end))}, "
            f"fetched by an earlier run, are kept in {target.parts.folder}: a run that asks for what they touch puts "
            f"them into {target.path.name}. To be rid of them, remove that folder"
        )


def _table(reports: Sequence[Report], without: Collection[str]) -> Table:
    """Make the table; where there is no room, without some columns: no number and no time is cut."""
    columns = ("symbol", "rows", "new", "first", "last", "file")
    made = table(*((name, "right" if name in ("rows", "new") else "left") for name in columns if name not in without))
    for report in reports:
        tally = report.tally
        if tally is not None:
            row = {
                "symbol": cell(report.symbol, "bold"),
                "rows": cell(f"{tally.rows:,}"),
                "new": cell(f"{report.new:,}"),
                "first": cell(written(moment(tally.first))),
                "last": cell(written(moment(tally.last))),
                "file": cell(report.target.path),
            }
            made.add_row(*(each for name, each in row.items() if name not in without))
    return made


def missing(symbol: str, tally: Tally) -> list[str]:
    """Say what is missing of a symbol, and what only seems to be."""
    name, lines = clean(symbol), []
    if tally.holes:
        longest = sorted(sorted(tally.holes, key=lambda gap: gap.start - gap.end)[:_HOLES], key=lambda gap: gap.start)
        count = len(tally.holes)
        rest = f", the {_HOLES} longest of {count}" if count > _HOLES else ""
        if tally.hours_known:
            lines.append(
                f"{name}: the server has nothing of these times, in which the market should have been open{rest}:"
            )
        else:
            lines.append(
                f"{name}: the server has nothing of these times; whether the market was closed is not known{rest}:"
            )
        lines += [
            f"  {written(gap.start)} to {written(gap.end)} ({span_written(gap.end - gap.start)})" for gap in longest
        ]
    else:
        lines.append(f"{name}: nothing is missing")
    count, length = tally.quiet
    besides = [f"nothing before {written(moment(tally.first))}"] if tally.late else []
    if count:
        besides.append(f"{count:,} {'span' if count == 1 else 'spans'} without a tick, {span_written(length)} in all")
    if tally.newest is not None:
        besides.append(f"nothing after {written(moment(tally.newest))} yet")
    if tally.closed:
        besides.append(f"{tally.closed:,} in which the market was closed")
    if besides:
        lines[-1] += f"{'; besides ' if tally.holes else '; '}{'; '.join(besides)}"
    return lines


def _iso(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
