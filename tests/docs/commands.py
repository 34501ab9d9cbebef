"""Commands as pages show them: parsed by the programs they call, or carried out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import click
from twisted.python.usage import UsageError
from twisted.scripts.twistd import ServerOptions

from ctrader_twisted.cli.command import ctrader
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.pages import Block

#: Programs of other people: that the shell can read the line is all that is asked.
OTHERS: Final = frozenset(
    "chmod cp docker export grep journalctl jq kill mkdir mv source sqlite3 sudo systemctl tail xdg-open".split()
)
_ASSIGNED = re.compile(r"^\w+=")
_EXTRAS = re.compile(r"^(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,-]+)\])?(?:[=<>~].*)?$")
_PATIENCE: Final = 90


class Wrong(AssertionError):
    """A command that its program does not take."""


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Give each command of a block with the lines that the page shows as its output."""
    if block.language == "sh":
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            if line.strip() and not line.startswith("#"):
                yield line, []
        return
    command, output = "", list[str]()
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], []
        elif command:
            output.append(line)
        elif line.strip():
            raise Wrong(f"{block}: a console begins with '$ ', not with {line!r}")
    yield command, output


def parse(command: str) -> None:
    """Have a command's own program parse it.

    :raises Wrong: if it does not take it.
    """
    checked = subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True, check=False)
    if checked.returncode:
        raise Wrong(f"{command}: {checked.stderr}")
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for token in [*lexer, "|"]:
        if token in ("|", "||", "&&", "&", ";", "(", ")"):
            if words:
                _parse(words)
            words = []
        else:
            words.append(token)


def _parse(words: list[str]) -> None:
    if ">" in words or ">>" in words or "<" in words:
        words = words[: min(words.index(each) for each in (">", ">>", "<") if each in words)]
    words = [*words]
    while words and _ASSIGNED.match(words[0]):
        del words[0]
    if not words:
        return
    program, *arguments = words
    program = program.rpartition("/")[2]
    if program == "sudo":
        return _parse(arguments[2:] if arguments[0] == "-u" else arguments)
    if program == "ctrader":
        _ctrader(arguments)
    elif program == "twistd":
        _twistd(arguments)
    elif program == "make":
        _make(arguments)
    elif program == "pip":
        _pip(arguments)
    elif program in ("python", "python3"):
        _python(arguments)
    elif program not in OTHERS:
        raise Wrong(f"{program}: nobody here knows what it is")
    return None


def _ctrader(arguments: list[str]) -> None:
    try:
        with patch.object(click.Command, "invoke"):  # it is parsed, groups and all, and does nothing
            ctrader.main([*arguments], prog_name="ctrader", standalone_mode=False)
    except click.ClickException as error:
        raise Wrong(f"ctrader {shlex.join(arguments)}: {error.format_message()}") from None


def _twistd(arguments: list[str]) -> None:
    options = ServerOptions()
    try:
        options.parseOptions(arguments)
    except UsageError as error:
        raise Wrong(f"twistd {shlex.join(arguments)}: {error}") from None
    if options.subCommand not in ("ctrader", "ctrader-sim"):
        raise Wrong(f"twistd {shlex.join(arguments)}: neither ctrader nor ctrader-sim")


def _make(arguments: list[str]) -> None:
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"make {shlex.join(arguments)}: {done.stderr}")
    known = set(re.findall(r"^([A-Z]+) =", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if equals and name not in known:
            raise Wrong(f"make {argument}: the Makefile has no such variable")


def _pip(arguments: list[str]) -> None:
    offered = set(metadata("ctrader_twisted").get_all("Provides-Extra") or ())
    if arguments[:1] != ["install"]:
        raise Wrong(f"pip {shlex.join(arguments)}: pip install is what is known here")
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == "--config-settings":
            next(rest)
        elif argument.startswith("-"):
            if argument not in ("-e", "--no-deps", "--upgrade"):
                raise Wrong(f"pip install {argument}")
        elif found := _EXTRAS.match(re.sub(r"^\.(?=\[|$)", "ctrader_twisted", argument)):
            extras = {each for each in (found["extras"] or "").split(",") if each}
            if found["name"] == "ctrader_twisted" and extras - offered:
                raise Wrong(f"pip install {argument}: there is no extra {extras - offered}")
        else:
            raise Wrong(f"pip install {argument}: no requirement")


def _python(arguments: list[str]) -> None:
    """See that a program is there, and knows the options it is given."""
    if arguments[0] == "-m":
        if arguments[1] != "venv":
            raise Wrong(f"python -m {arguments[1]}")
        return
    for folder in (Path.cwd(), ROOT):
        if (folder / arguments[0]).exists():
            text = (folder / arguments[0]).read_text("utf-8")
            break
    else:
        raise Wrong(f"python {arguments[0]}: there is no such program")
    for option in arguments[1:]:
        if option.startswith("--") and f'"{option}"' not in text:
            raise Wrong(f"python {arguments[0]}: it has no option {option}")


def carry_out(command: str, shown: list[str]) -> None:
    """Run a command here, and see that it ends well and says what the page shows, but for decimals and ``…``.

    :raises Wrong: if it does not.
    """
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(ROOT)]),
        "COLUMNS": "120",
    }
    done = subprocess.run(
        ["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    if done.returncode:
        raise Wrong(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    said = iter(done.stdout.splitlines() + done.stderr.splitlines())
    for line in filter(str.strip, shown):
        if line.strip() == "…":
            continue
        pattern = _pattern(line)
        if not any(pattern.fullmatch(each.strip()) for each in said):
            raise Wrong(f"{command}: no line like {line!r} in\n{done.stdout}{done.stderr}")


def _pattern(line: str) -> re.Pattern[str]:
    """Make a pattern of a line: any decimal for a decimal, as prices move, and anything for ``…`` and a sparkline."""
    text = re.escape(re.sub(r"[▁-█]+", "…", line.strip()))
    text = re.sub(r"(?:\\[+-])?\d[\d,]*(?:\\\.\d+)+", r"[+-]?\\d[\\d.,]*", text)
    return re.compile(re.sub(r"(?:\\ )+", r"\\s+", text).replace("…", ".*"))
