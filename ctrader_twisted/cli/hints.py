"""Commands that a sentence sends to, said so that they work as they are copied."""

from __future__ import annotations

import re
import shlex
from typing import Final

import click

_COMMAND: Final = re.compile(r"\bctrader (login|check|accounts|symbols|tokens (?:list|import|remove))\b")

_FILES: Final = {"config": "--config", "tokens": "--tokens"}
_SERVER: Final = {"host": "--host", "server_port": "--port", "wire": "--wire"}
_WAY: Final = {
    "login": _FILES,
    "check": {**_FILES, **_SERVER},
    "accounts": {**_FILES, "environment": "--environment", **_SERVER},
    "symbols": {**_FILES, "environment": "--environment", **_SERVER, "account": "--account"},
}
"""What each command is told again, by the name of the parameter; the commands on tokens take files only."""


def copyable(text: str) -> str:
    """Complete the commands in a sentence with the files, the server and the account that this command was given.

    A command that has them already is left as it is.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return text
    given = dict(context.params)
    host, port = given.get("host") or (None, None)
    given["host"], given["server_port"] = host, given.get("server_port") or port

    def completed(found: re.Match[str]) -> str:
        options = _WAY.get(found[1], _FILES)
        said = "".join(
            f" {option} {shlex.quote(str(given[name]))}"
            for name, option in options.items()
            if given.get(name) is not None
        )
        return found[0] if text.startswith(said, found.end()) else f"{found[0]}{said}"

    return _COMMAND.sub(completed, text)
