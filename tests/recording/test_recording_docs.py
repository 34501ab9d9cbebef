"""docs/recording.md: the configuration that it shows says what holds anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.config import load
from tests.docs.pages import blocks

if TYPE_CHECKING:
    from pathlib import Path


def test_the_configuration_is_one_and_says_what_holds_anyway(tmp_path: Path) -> None:
    (table,) = (block.text for block in blocks("docs/recording.md") if block.language == "toml")
    account = '[simulator]\n[[account]]\nenvironment = "simulator"\n'
    file = tmp_path / "daemon.toml"
    file.write_text(account + table + '[[recording]]\npath = "plain"\nformat = "parquet"\n', "utf-8")
    full, plain = load(file, {}).recordings
    assert (full.events, full.flush_seconds, full.refill_days) == (plain.events, plain.flush_seconds, plain.refill_days)
