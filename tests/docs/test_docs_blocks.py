"""Every block of code on every page is run, read by what it is for, or says why it can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import PAGES, blocks
from tests.docs.scenes import ELSEWHERE, scene

if TYPE_CHECKING:
    from pathlib import Path

#: What pages show tables in, beside numpy.
PACKAGES = ("pandas", "polars", "pyarrow")
#: Pages whose programs run for seconds.
LONG = (
    "docs/tutorial.md",
    "docs/howto/bars-into-pandas.md",
    "docs/howto/diagnose.md",
    "docs/howto/never-double-an-order.md",
    "docs/howto/record-the-market.md",
    "docs/howto/test-a-strategy.md",
    "docs/howto/write-a-service.md",
)


def with_blocks() -> list[Any]:
    pages = [page for page in PAGES if page not in ELSEWHERE and blocks(page)]
    return [pytest.param(page, marks=pytest.mark.slow) if page in LONG else page for page in pages]


@pytest.mark.usefixtures("plain_script")
@pytest.mark.parametrize("page", with_blocks())
def test_every_block_does_what_it_says(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in PACKAGES:
        if any(package in block.text for block in blocks(page)):
            pytest.importorskip(package, reason=f"the page shows what {package} does with a table")
    with scene(page, tmp_path, monkeypatch) as runner:
        for block in blocks(page):
            runner.drive(runner.run(block))
