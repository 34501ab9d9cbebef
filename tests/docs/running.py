"""A page carried out, block after block: Python run, configurations read, commands parsed or run, JSON read."""

from __future__ import annotations

import ast
import builtins
import configparser
import inspect
import json
import re
import subprocess
import sys
import textwrap
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.config import load, load_access
from ctrader_twisted.sim import config as venues
from ctrader_twisted.sim.testing import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EUR_ACCOUNT, REFRESH_TOKEN
from tests.docs.commands import Wrong, carry_out, commands, parse
from tests.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import CodeType

    from tests.docs.pages import Block

#: What stands on pages for what is a reader's own.
PLACEHOLDERS: Final = {
    **{f'"{your}client{sep}id"': f'"{CLIENT_ID}"' for your in ("", "your ") for sep in " -"},
    **{f'"{your}client{sep}secret"': f'"{CLIENT_SECRET}"' for your in ("", "your ") for sep in " -"},
    **{f'"{your}access token"': f'"{ACCESS_TOKEN}"' for your in ("", "your ")},
    **{f'"{your}refresh token"': f'"{REFRESH_TOKEN}"' for your in ("", "your ")},
    "(123456": f"({EUR_ACCOUNT}",
    "=123456": f"={EUR_ACCOUNT}",
}
SUCH_AS: Final = "such as "
#: What the last lines of a whole program are, whose ``main`` is run here by the reactor of the page.
PROGRAM: Final = 'if __name__ == "__main__":\n    react(main)'
NEVER: Final = "never: "
_PRINT = re.compile(r"^\s*print\(.*?\)  # (.*)$", re.MULTILINE)
ENVIRON: Final = {
    f"CTRADER_{name}": name.lower()
    for name in ("CLIENT_ID", "CLIENT_SECRET", "ACCESS_TOKEN", "DEMO_TOKEN", "LIVE_TOKEN")
}
_APPLICATION: Final = '[application]\nclient_id = "id"\n'
_ACCOUNT: Final = '[[account]]\nenvironment = "demo"\nid = 1\n'
_OUTPUT: Final = '[[output]]\npath = "-"\n'


def _whole(values: dict[str, Any], part: str) -> str:
    """Make a configuration of a part of one: with an account before it, whose part it may be, and an output after."""
    simulated = "simulator" in values
    text = part if simulated or "application" in values else _APPLICATION + part
    if not simulated and not isinstance(values.get("account"), list):
        text = text.replace(part, _ACCOUNT + part)
    return text if {"output", "recording", "service"} & set(values) else text + _OUTPUT


def _in_a_thread(code: CodeType, there: dict[str, Any]) -> None:
    with ThreadPoolExecutor(1) as executor:
        executor.submit(builtins.eval, code, there).result()


class Runner:
    """What carries out the blocks of a page, in this folder.

    :param there: the names that the page's Python has.
    :param drive: takes a coroutine to its end.

    :ivar drive: as given.
    :ivar there: the names, those that blocks have made among them.
    :ivar scripts: what each script wrote.
    :ivar tests: how many tests stood on the page, and passed.
    """

    def __init__(self, there: dict[str, Any], drive: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._printed: list[str] = []
        self.there: dict[str, Any] = {**there, "print": self._print}
        self.scripts: list[str] = []
        self.tests: int = 0
        self.drive = drive

    def _print(self, *values: object, **_: object) -> None:
        self._printed.append(" ".join(map(str, values)))

    async def run(self, block: Block) -> None:
        """Carry out a block.

        :raises AssertionError: if it does not do what it says, or nobody can tell.
        """
        if block.not_run is not None:
            return
        if block.file is not None:
            file = Path(block.file)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")
        how = {
            "python": self._python,
            "toml": self._toml,
            "json": self._json,
            "console": self._console,
            "sh": self._console,
            "ini": self._ini,
            "dockerfile": self._dockerfile,
        }.get(block.language)
        assert how is not None, f"{block}: nobody can run {block.language!r}; say why in <!-- not run: … --> before it"
        if isinstance(coroutine := how(block), CoroutineType):
            await coroutine

    # Python

    async def _python(self, block: Block) -> None:
        text = textwrap.dedent(block.text)
        for placeholder, value in PLACEHOLDERS.items():
            text = text.replace(placeholder, value)
        if "\nreact(" in text or block.file is not None:
            compile(text, str(block), "exec", dont_inherit=True)
            if block.file is None:
                self._script(text, block)
            return
        self._printed.clear()
        before = set(self.there)
        # The page's own line numbers, for tracebacks.
        code = compile("\n" * block.line + text, block.page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if "asyncio.run(" in text and not code.co_flags & inspect.CO_COROUTINE:
            _in_a_thread(code, self.there)  # it runs a loop, which no thread with a loop may
        elif isinstance(result := builtins.eval(code, self.there), CoroutineType):
            await result
        if PROGRAM in text:
            await self.there["main"](self.there["reactor"])  # as ``react`` does in a program of its own
        self._compare(text, block)
        for name in sorted(set(self.there) - before):
            if name.startswith("test_"):
                self.there[name]()
                self.tests += 1

    def _compare(self, text: str, block: Block) -> None:
        """Hold what was printed to what the page says beside each print; one without a word is none that is reached."""
        expected = [said for said in _PRINT.findall(text) if said and not said.startswith(NEVER)]
        if any(said.startswith(SUCH_AS) for said in expected):
            printed = iter(self._printed)
            assert self._printed, f"{block}: nothing is printed"
            exact = [said for said in expected if not said.startswith(SUCH_AS)]
            assert all(said in printed for said in exact), f"{block}: {self._printed}"
        else:
            assert self._printed == expected, str(block)

    def _script(self, text: str, block: Block) -> None:
        file = Path("script.py")
        file.write_text(text, "utf-8")
        environ = {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, file], capture_output=True, text=True, timeout=90, check=False, env=environ
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{block}: {done.stderr}"
        self.scripts.append(done.stdout)

    # Configurations

    def _toml(self, block: Block) -> None:
        """Read a configuration as the program does that it is for; what a part leaves out is put beside it."""
        values = tomllib.loads(block.text)
        file = Path(block.file or "part.toml")
        file.write_text(block.text, "utf-8")
        file.chmod(0o600)
        if set(values) == {"simulator"}:
            venues.read(file)
        elif block.file is not None and not {"account", "output", "recording", "service"} & set(values):
            load_access(file, ENVIRON)  # the command's: a daemon needs more
        else:
            file.with_stem("whole").write_text(_whole(values, block.text), "utf-8")
            load(file.with_stem("whole"), ENVIRON)

    def _json(self, block: Block) -> None:
        try:
            json.loads(block.text)
        except json.JSONDecodeError:
            for line in block.text.splitlines():
                json.loads(line)

    def _ini(self, block: Block) -> None:
        """Read a unit of systemd, and parse what it starts."""
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are written
        unit.read_string(block.text)
        assert set(unit.sections()) == {"Unit", "Service", "Install"}, block
        for key in ("ExecStart", "ExecReload"):
            parse(unit["Service"][key].replace("$MAINPID", "1"))

    def _dockerfile(self, block: Block) -> None:
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            instruction, _, rest = line.partition(" ")
            if instruction == "RUN":
                parse(rest)
            elif instruction in ("CMD", "ENTRYPOINT"):
                parse(" ".join(json.loads(rest)))
            else:
                assert instruction in ("", "#", "FROM", "COPY", "WORKDIR", "USER", "ENV", "VOLUME", "STOPSIGNAL"), line

    # Commands

    def _console(self, block: Block) -> None:
        for command, output in commands(block):
            try:
                carry_out(command, output) if block.run else parse(command)
            except Wrong as error:
                raise Wrong(f"{block}: {error}") from None
