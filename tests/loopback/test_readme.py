"""The README's first script does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_script_prints_ten_quotes(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    script = tmp_path / "quotes.py"
    script.write_text(found[1])
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert all(line.startswith("Quote(symbol_id=1, bid=Decimal('1.") for line in lines)
