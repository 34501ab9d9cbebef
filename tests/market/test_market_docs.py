"""Every Python block of docs/market.md runs, in its order, and prints what stands beside each `print`."""

from __future__ import annotations

import ast
import builtins
import re
from types import CoroutineType
from typing import Any

from twisted.internet.defer import Deferred

from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit
from tests.paths import ROOT

PAGE = ROOT / "docs" / "market.md"
_PRINT = re.compile(r"^\s*print\(.*?\)  # (.*)$", re.MULTILINE)


def test_every_block_runs_and_prints_what_it_says() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 7
    printed: list[str] = []
    with VenueKit() as kit:
        there: dict[str, Any] = {
            "client": kit.ready_client(EUR_ACCOUNT),
            "print": lambda *values: printed.append(" ".join(map(str, values))),
        }
        for number, block in enumerate(blocks, 1):
            printed.clear()
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = builtins.eval(code, there)
            if isinstance(result, CoroutineType):
                kit.settle(Deferred.fromCoroutine(result), 1000)
            assert printed == _PRINT.findall(block), f"block {number}"
            assert len(printed) == block.count("print(")
