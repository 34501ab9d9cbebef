"""docs/asyncio.md: its blocks run in asyncio's loop and in uvloop's, and leave nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.docs.pages import blocks
from tests.docs.running import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    import pytest

    Running = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


def test_every_block_does_what_it_says(run: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        runner = Runner({}, run)
        for block in blocks("docs/asyncio.md"):
            await runner.run(block)

    run(main)
