"""Every Python block of docs/account.md runs, in its order, and prints what stands beside each `print`."""

from __future__ import annotations

import ast
import builtins
import re
from decimal import Decimal
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from ctrader_twisted.market import Lots, Pips
from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit
from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "account.md"
_PRINT = re.compile(r"^\s*print\((.*?)\)(?:  # (.*))?$", re.MULTILINE)


def blocks(page: Path = PAGE) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_every_block_runs_and_prints_what_it_says() -> None:
    printed: list[str] = []

    def note(*values: object) -> None:
        printed.append(" ".join(map(str, values)))

    with VenueKit() as kit:
        there: dict[str, Any] = {"client": kit.ready_client(EUR_ACCOUNT), "print": note}
        for number, block in enumerate(blocks(), 1):
            printed.clear()
            code = compile(block, f"{PAGE.name}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = builtins.eval(code, there)
            if isinstance(result, CoroutineType):
                kit.settle(Deferred.fromCoroutine(result))
            expected = [said for what, said in _PRINT.findall(block) if not what.startswith('"never:"')]
            assert all(expected), f"block {number}: a print without what it prints"
            assert printed == expected, f"block {number}"
        assert not there["account"].positions
    tests = [there[name] for name in there if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_order_in_the_readme_is_filled_and_protected() -> None:
    (block,) = (each for each in blocks(ROOT / "README.md") if ".buy(" in each)
    code = block.replace("123456", str(EUR_ACCOUNT))
    with VenueKit() as kit:
        there: dict[str, Any] = {"client": kit.ready_client(EUR_ACCOUNT), "Lots": Lots, "Pips": Pips}
        kit.settle(
            Deferred.fromCoroutine(
                builtins.eval(compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), there)
            )
        )
        assert there["order"].lots == Lots("0.1")
        position = kit.settle(there["order"].protected())
        assert position.stop_loss == position.price - Decimal("0.0020")


def test_every_link_of_the_page_leads_somewhere() -> None:
    text = PAGE.read_text()
    headings = {line[3:].lower().replace(" ", "-") for line in text.splitlines() if line.startswith("## ")}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (PAGE.parent / path).exists(), target
        assert path or anchor in headings, target
