"""A report for people, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from ctrader_twisted.cli.checks.report import Status
from ctrader_twisted.cli.terminal import clean, show_json, stdout_console

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from ctrader_twisted.cli.checks.report import Report, Step

_SIGNS: Final = {
    Status.OK: ("✓", "green"),
    Status.WARNING: ("!", "yellow"),
    Status.FAILED: ("✗", "red"),
    Status.SKIPPED: ("-", "dim"),
}
_WORDS: Final = {Status.OK: "ok", Status.WARNING: "warning", Status.FAILED: "FAILED", Status.SKIPPED: "skipped"}
_STEP: Final = 13
"""Letters of the longest step's name."""


class Printer:
    """Prints steps as they come: signs and colours on a terminal that has them, else words, a step a line."""

    def __init__(self) -> None:
        self._console = stdout_console()
        self._colourful = _is_colourful(self._console)

    def step(self, step: Step) -> None:
        """Print one step."""
        where = f"{clean(step.where)}: " if step.where else ""
        if not self._colourful:
            remedy = f". {clean(step.remedy)}" if step.remedy else ""
            click.echo(f"{_WORDS[step.status]:<8} {step.step:<{_STEP}}  {where}{clean(step.detail)}{remedy}")
            return
        sign, style = _SIGNS[step.status]
        line = Text.assemble((f"{sign} ", style), (f"{step.step:<{_STEP}}  ", "bold"), (where, "cyan"))
        line.append(clean(step.detail), style if step.status is not Status.OK else "")
        self._console.print(line, soft_wrap=True)
        if step.remedy:
            self._console.print(Text(f"{'':{_STEP + 4}}→ {clean(step.remedy)}", "bold"), soft_wrap=True)

    def end(self, report: Report) -> None:
        """Print how many steps ended how."""
        steps = report.steps
        counts = [(sum(step.status is status for step in steps), _WORDS[status].lower()) for status in Status]
        seconds = report.clock.seconds() - report.began_at
        text = ", ".join(f"{count} {word}" for count, word in counts if count)
        click.echo(f"\n{text}, in {seconds:.1f} s")


def _is_colourful(console: Console) -> bool:
    return console.is_terminal and not console.no_color and console.encoding.lower().startswith("utf")


def print_json(report: Report, file: Path | None, exit_status: int) -> None:
    """Print a report as one object."""
    show_json(
        {
            "configuration": None if file is None else str(file),
            "status": report.status.value,
            "exit_status": exit_status,
            "seconds": round(report.clock.seconds() - report.began_at, 3),
            "steps": [step.as_document() for step in report.steps],
        }
    )
