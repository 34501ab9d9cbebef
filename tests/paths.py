"""Where the tests find what lies outside the package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: The facts that are kept beside the repository: the published schema, and the recorded server messages.
SHARED = Path(os.environ.get("CTRADER_SHARED") or ROOT.parent / "shared")


def shared(*parts: str) -> Path:
    """Return the path of a shared file or directory; skip the test where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is absent; CTRADER_SHARED can name the directory that has it")
    return path
