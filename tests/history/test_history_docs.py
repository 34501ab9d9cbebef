"""docs/history.md: its blocks run, print what they say, and its links lead somewhere."""

from __future__ import annotations

import ast
import builtins
import re
from types import CoroutineType
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit
from tests.paths import ROOT

PAGE = ROOT / "docs" / "history.md"
_PRINT = re.compile(r"^\s*print\((.*?)\)(?:  # (.*))?$", re.MULTILINE)


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_every_block_runs_and_prints_what_it_says() -> None:
    for package in ("pandas", "polars", "pyarrow"):
        pytest.importorskip(package)
    printed: list[str] = []

    def note(*values: object) -> None:
        printed.append(" ".join(map(str, values)))

    with VenueKit() as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        there: dict[str, Any] = {"account": client.account(EUR_ACCOUNT), "print": note}
        kit.settle(there["account"].ready())
        for number, block in enumerate(blocks(), 1):
            printed.clear()
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = builtins.eval(code, there)
            if isinstance(result, CoroutineType):
                kit.settle(Deferred.fromCoroutine(result))
            expected = [said for _, said in _PRINT.findall(block)]
            assert all(expected), f"block {number}: a print without what it prints"
            assert printed == expected, f"block {number}"


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = PAGE.read_text()
    headings = {
        re.sub(r"[^\w-]", "", line[3:].lower().replace(" ", "-")) for line in text.splitlines() if line[:3] == "## "
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (PAGE.parent / path).exists(), target
        assert path or anchor in headings, target
