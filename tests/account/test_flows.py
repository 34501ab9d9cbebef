"""Random flows of orders, faults and time: after each, the client's belief is the venue's book, and the book is sound.

A flow is drawn from one number; a failure names it, and ``CTRADER_FLOW=<number>`` runs that one alone, step by step.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.account.flows import reached, run_flow
from tests.account.pairs import run_pair

if TYPE_CHECKING:
    from collections.abc import Iterable

FLOWS: Final = 160
SOAK: Final = 4_000
CHUNK: Final = 80

ALONE: Final = os.environ.get("CTRADER_FLOW")

REACHED: Final = (
    "filled",
    "cancelled",
    "rejected",
    "never arrived",
    "closing",
    "left open",
    "trailing",
    "guaranteed",
    "money moved",
    "two clients",
    "loaded",
    "hedged",
    "netted",
    "stop-out",
)
"""What chunks of flows are to reach: most orders are filled, and some are not."""


def run_flows(seeds: Iterable[int]) -> None:
    seen: Counter[str] = Counter()
    for seed in seeds:
        seen.update(reached(run_flow(seed)))
    for what in REACHED:
        assert seen[what], f"{what}: {dict(seen)}"


@pytest.mark.skipif(ALONE is None, reason="CTRADER_FLOW names no flow")
def test_one_flow_alone() -> None:
    run_flow(int(ALONE or 0))


@pytest.mark.parametrize(
    "first", (0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(CHUNK, FLOWS, CHUNK)))
)
def test_after_a_random_flow_the_belief_is_the_book(first: int) -> None:
    run_flows(range(first, first + CHUNK))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FLOWS, FLOWS + SOAK, 200))
def test_after_thousands_of_random_flows_the_belief_is_the_book(first: int) -> None:
    run_flows(range(first, first + 200))


@pytest.mark.parametrize("first", (0, pytest.param(30, marks=pytest.mark.slow)))
def test_the_same_orders_come_to_the_same_net_volume_on_a_netted_and_a_hedged_account(first: int) -> None:
    assert run_pairs(range(first, first + 30)) > 100


@pytest.mark.soak
@pytest.mark.parametrize("first", range(100, 900, 100))
def test_netted_and_hedged_accounts_come_to_the_same_over_hundreds_of_flows(first: int) -> None:
    assert run_pairs(range(first, first + 100)) > 300


def run_pairs(seeds: Iterable[int]) -> int:
    """Give how many deals were made."""
    deals = 0
    for seed in seeds:
        try:
            deals += run_pair(seed)
        except BaseException as error:
            error.add_note(f"pair {seed}")
            raise
    return deals
