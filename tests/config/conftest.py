"""A configuration written, read, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.config import Configuration, load
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from tests.config.files import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "daemon.toml", mode: int = 0o600) -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[..., Configuration]:
    return lambda text, environ=SECRETS: load(write(text), environ)


@pytest.fixture
def refused(write: Callable[..., Path]) -> Callable[..., list[ConfigurationError]]:
    def refused(text: str, environ: Mapping[str, str] = SECRETS) -> list[ConfigurationError]:
        with pytest.raises(ConfigurationError) as caught:
            load(write(text), environ)
        error = caught.value
        return list(error.errors) if isinstance(error, ConfigurationErrors) else [error]

    return refused
