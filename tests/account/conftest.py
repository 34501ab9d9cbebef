"""A venue in memory, for the accounts that stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ctrader_twisted.sim.testing import VenueKit

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def kit() -> Iterator[VenueKit]:
    with VenueKit() as kit:
        yield kit
