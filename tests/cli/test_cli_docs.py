"""docs/command.md names every command and every option."""

from __future__ import annotations

import re

import click
import pytest

from ctrader_twisted.cli.command import COMMANDS, ctrader
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "command.md").read_text("utf-8")
COMMON = TEXT.partition("\n## What all of them have in common\n")[2].partition("\n## login\n")[0]
SECTIONS = {name: TEXT.partition(f"\n## {name}\n")[2].partition("\n## ")[0] for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    command = ctrader.get_command(click.Context(ctrader), name)
    assert command is not None and SECTIONS[name]
    commands = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    options = [parameter for each in commands for parameter in each.params if isinstance(parameter, click.Option)]
    for option in options:
        wanted = [opt for opt in (*option.opts, *option.secondary_opts) if opt.startswith("--")]
        assert any(re.search(rf"{re.escape(opt)}\b", SECTIONS[name] + COMMON) for opt in wanted), option.opts


def test_every_option_that_is_named_exists() -> None:
    """Those of other programs, pip and twistd, are named without two dashes or in their own sentences."""
    known = {"--help", "--nodaemon", "--pidfile"} | {opt for parameter in ctrader.params for opt in parameter.opts}
    for name in COMMANDS:
        command = ctrader.get_command(click.Context(ctrader), name)
        assert command is not None
        for each in command.commands.values() if isinstance(command, click.Group) else [command]:
            for parameter in each.params:
                known |= {*parameter.opts, *parameter.secondary_opts}
    for page in ("command.md", "getting-access.md"):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", (ROOT / "docs" / page).read_text("utf-8")))
        assert named <= known, named - known
