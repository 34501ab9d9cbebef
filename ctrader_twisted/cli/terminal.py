"""What is written: data on stdout, talk on stderr. Text from elsewhere can't move the cursor or fake a line."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ctrader_twisted.cli.failures import CommandFailed, Interrupted
from ctrader_twisted.cli.hints import copyable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ANY_WIDTH = 10_000
_PLAIN: Any = {"markup": False, "highlight": False, "emoji": False}


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Let whoever writes hear of it, in place of ending the program here."""
        raise


def stdout_console() -> Console:
    """Make the console for data."""
    return _Console(file=sys.stdout, **_PLAIN)


def stderr_console() -> Console:
    """Make the console for talk."""
    return _Console(file=sys.stderr, **_PLAIN)


def ask(question: str, *, hidden: bool = False, optional: bool = False, instead: str = "") -> str:
    """Ask the person something, on stderr; or, where stdin is no terminal, read a line of it.

    It blocks: ask where nothing else goes on.

    :param hidden: don't show what is typed.
    :param optional: whether an empty answer will do.
    :param instead: what to do where nobody can answer.
    :raises CommandFailed: if there is nobody to answer.
    :raises Interrupted: if the person interrupts.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        line = "" if sys.stdin is None else sys.stdin.readline()
        if not line.strip() and not (optional and line):
            problem = f'"{question}" has to be answered, and there is nobody at a terminal to do it'
            raise CommandFailed(f"{problem}. {instead}" if instead else problem)
        return line.strip()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        default = "" if optional else None
        answer: str = click.prompt(question, default, hide_input=hidden, show_default=False, err=True)
        return answer.strip()
    except click.Abort:
        raise Interrupted from None
    finally:
        signal.signal(signal.SIGINT, before)


def clean(text: object) -> str:
    """Make text that somebody else chose fit for a line of a terminal: what can't be printed becomes ``?``."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def say(text: str, style: str | None = None, *, whole: bool = False) -> None:
    """Tell the person something, on stderr. Newlines are kept, everything else that can't be printed is not, and
    commands are said as this one was given: see `copyable`.

    A terminal that is gone is no failure: there is nobody to tell.

    :param whole: break no line, so that it can be copied.
    """
    console = stderr_console()
    shown = "\n".join(map(clean, copyable(text).split("\n")))
    with suppress(OSError):
        console.print(shown, style=style, soft_wrap=whole or not console.is_terminal)


def warn(text: str) -> None:
    """Tell the person of something that should not stay so."""
    say(f"warning: {text}", "yellow")


def table(*columns: tuple[str, str], title: str | None = None) -> Table:
    """Begin a table.

    :param columns: heading and alignment (``"left"``, ``"right"``) of each.
    """
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for heading, side in columns:
        justify: Any = side
        made.add_column(heading, justify=justify, overflow="ellipsis", no_wrap=side == "right")
    return made


def cell(text: object, style: str = "") -> Text:
    """Make a cell of a table."""
    return Text(clean(text), style, no_wrap=True, overflow="ellipsis")


def room() -> int:
    """Give how many columns a table on stdout may have."""
    console = stdout_console()
    return console.width if console.is_terminal else _ANY_WIDTH


def show(shown: Table, *, to_stderr: bool = False) -> None:
    """Write a table on stdout; where that is no terminal, as wide as it wants to be."""
    console = stderr_console() if to_stderr else stdout_console()
    if console.is_terminal:
        console.print(shown)
        return
    console.width = _ANY_WIDTH
    with console.capture() as captured:
        console.print(shown)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=to_stderr)


def show_json(document: Mapping[str, object] | Iterable[object]) -> None:
    """Write an object or a list as JSON on stdout, in UTF-8. What can't be printed is escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    shown = "".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in text)
    click.echo(shown.encode("utf-8", "backslashreplace"))


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1]
