"""A recorder over hours with hundreds of symbols stays small, and so does the number of its files: `make soak`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.paths import ROOT
from tests.recording.recordings import FORMATS
from tests.recording.soaking import EVENTS, SYMBOLS

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 2**20
HOURS = 14  # from noon to two o'clock
PROGRAM = [sys.executable, "-m", "tests.recording.soaking"]


@pytest.mark.soak
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("form", FORMATS)
def test_hundreds_of_symbols_over_midnight(tmp_path: Path, form: str) -> None:
    done = subprocess.run(
        [*PROGRAM, form, str(tmp_path), str(HOURS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    files = told.pop("files")
    print(form, told)  # noqa: T201  # the figures of docs/recording.md
    minutes = HOURS * 60
    events = EVENTS * minutes * 60
    assert 0.99 * events < told["rows"] - (SYMBOLS + 1) * minutes <= events, "quotes beside the bars and deals"
    assert (told["dropped"], told["holes"], told["whole"]) == (0, 0, 2 * SYMBOLS + 1)
    assert told["after_an_hour"] - told["begins"] < 200 * MEBIBYTE
    assert told["peak"] - told["after_an_hour"] < 150 * MEBIBYTE, "half of what the rows take, a day merged"
    if form == "sqlite":
        assert [name for name in files if name.endswith(".sqlite")] == ["2026-03-04.sqlite", "2026-03-05.sqlite"]
        assert not any(name.startswith("2026-03-04.sqlite-") for name in files), "the day that is over is one file"
        return
    assert told["most_files"] < 120
    for table in ("quotes", "bars", "account_events"):
        over = [name for name in files if name.startswith(f"{table}/") and "2026-03-04" in name]
        assert len(over) == 1, "the day that is over is one file"
        assert not re.fullmatch(r".*/0-[0-9]+\.parquet", over[0])
