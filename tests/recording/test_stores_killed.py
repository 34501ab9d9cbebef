"""Stores whose process is killed: what was written is there, whole and once, and what is covered is what is there."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from ctrader_twisted import replacing
from ctrader_twisted.recording import parquet
from ctrader_twisted.recording.formats import FORMATS, store_at
from ctrader_twisted.recording.parquet import ParquetStore
from tests.paths import ROOT
from tests.recording.recorded import MIDNIGHT, ROWS, batch, numbers_of, plainly, spans_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed with signal 9 there")
TODAY, TOMORROW = date(2026, 3, 4), date(2026, 3, 5)
_mkdir = os.mkdir
PROGRAM = [sys.executable, "-m", "tests.recording.killing"]


class Steps:
    """Keeps how the folder looks before each step that touches the disk: as whoever is killed there leaves it."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.told: list[int] = []
        self.left: list[tuple[Path, list[int]]] = []
        self._folder = folder
        self._patched = patched
        steps = self

        class Written(io.BufferedWriter):
            begun = False

            def write(self, data: Any) -> int:
                written = super().write(data)
                if not self.begun:
                    self.begun = True
                    self.flush()
                    steps.keep()  # with a part of a file
                return written

        for name in ("fsync", "replace", "unlink", "mkdir"):
            patched.setattr(os, name, self._kept(getattr(os, name)))
        patched.setattr(replacing, "open", lambda path, mode: Written(io.FileIO(path, mode)), raising=False)

    def keep(self) -> None:
        left = self._folder.with_name(f"left {len(self.left):03}")
        with self._patched.context() as plain:
            plain.setattr(os, "mkdir", _mkdir)
            shutil.copytree(self._folder, left)
        self.left.append((left, list(self.told)))

    def _kept(self, real: Any) -> Any:
        def act(*arguments: Any, **keywords: Any) -> Any:
            if self._folder.exists():
                self.keep()
            return real(*arguments, **keywords)

        return act


def test_killed_before_each_step_that_touches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "market"
    with monkeypatch.context() as patched:
        patched.setattr(parquet, "MANY", 3)
        steps = Steps(folder, patched)
        store = ParquetStore(folder)
        store.open()
        for number in range(4):
            store.write(batch(number))
            steps.told.append(number)
            store.tidy(TODAY)
        while store.tidy(TOMORROW):
            pass
        store.close()
    assert len(steps.left) > 40
    doubled = 0
    for left, told in steps.left:
        rows, covers = plainly(left)  # as it was left, with nothing of ours
        found = numbers_of(rows)
        assert set(found) in (set(told), {*told, len(told)}), left
        assert covers == spans_of(found), left
        doubled += 2 * ROWS in found.values()
        store = ParquetStore(left)
        assert store.open() == []
        rows, covers = plainly(left)
        assert numbers_of(rows) == dict.fromkeys(found, ROWS), left
        assert covers == spans_of(found) == store.covered("demo", 7)
        assert not list((left / ".writing").iterdir())
        store.write(batch(9))
        store.close()
        assert numbers_of(plainly(left)[0]) == dict.fromkeys([*found, 9], ROWS), left
    assert doubled  # while it removed what a merged file stands for


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_killed_at_any_moment_again_and_again(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "market"
    chance = random.Random(1)
    told: set[int] = set()
    awaited = 0
    for kill in range(2):
        with subprocess.Popen([*PROGRAM, name, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            wanted = chance.randrange(1, 40)
            numbers = []
            for line in child.stdout:
                numbers.append(int(line))
                if len(numbers) == wanted:
                    break
            awaited += wanted
            # Between two acknowledgements, wherever it is by then.
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(chance.random() * 0.02)
            child.kill()
            numbers += map(int, child.stdout.read().split())
        told |= set(numbers)
        kept = shutil.copytree(folder, tmp_path / f"as it was left {kill}")
        rows, covers = plainly(kept)
        found = numbers_of(rows)
        assert set(found) in (told, told | {max(told) + 1}), kill
        assert covers == spans_of(found), kill
        store = store_at(folder, name)
        assert store.open() == []
        read = store.rows("quotes", "demo", 7, MIDNIGHT, MIDNIGHT + 86_400_000)
        assert numbers_of(zip(read["time"], read["received"], strict=True)) == dict.fromkeys(found, ROWS)
        assert store.covered("demo", 7) == spans_of(found)
        store.close()
        assert numbers_of(plainly(folder)[0]) == dict.fromkeys(found, ROWS)
        told = set(found)
    assert len(told) >= awaited > 2
