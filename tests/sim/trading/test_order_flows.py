"""Random flows of orders at one desk: after each step the book is sound, and what was told is what is.

A flow is drawn from one number; a failure names it, and ``CTRADER_ORDER_FLOW=<number>`` runs that one alone.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.sim.trading.order_flows import FRIDAY, OrderFlow

if TYPE_CHECKING:
    from collections.abc import Iterable

FLOWS: Final = 36
SOAK: Final = 2_000
CHUNK: Final = 100
SAVED: Final = 12

ALONE: Final = os.environ.get("CTRADER_ORDER_FLOW")

REACHED: Final = (
    "ORDER_FILLED",
    "ORDER_PARTIAL_FILL",
    "ORDER_REPLACED",
    "ORDER_CANCELLED",
    "ORDER_EXPIRED",
    "ORDER_REJECTED",
    "ORDER_CANCEL_REJECTED",
    "SWAP",
    "DEPOSIT_WITHDRAW",
    "MARKET_CLOSED",
    "NOT_ENOUGH_MONEY",
    "guaranteed",
    "trailed",
    "stop-out",
    "reloaded",
    "hedged",
    "netted",
    "a weekend",
)
"""What a chunk of flows is to come across."""


def run_flows(seeds: Iterable[int]) -> None:
    seen: Counter[str] = Counter()
    for seed in seeds:
        flow = OrderFlow(seed)
        flow.run()
        seen.update(flow.witness.kinds)
        seen["reloaded"] += flow.reloaded
        seen["netted" if flow.account["account_type"] else "hedged"] += 1
        seen["a weekend"] += flow.start == FRIDAY and "weekend" in flow.said
    for what in REACHED:
        assert seen[what], f"{what}: {dict(seen)}"


@pytest.mark.skipif(ALONE is None, reason="CTRADER_ORDER_FLOW names no flow")
def test_one_order_flow_alone() -> None:
    OrderFlow(int(ALONE or 0)).run()


def test_after_each_step_of_a_random_flow_the_book_is_sound_and_was_told() -> None:
    run_flows(range(FLOWS))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(FLOWS, FLOWS + SOAK, CHUNK))
def test_after_each_step_of_thousands_of_random_flows_the_book_is_sound(first: int) -> None:
    run_flows(range(first, first + CHUNK))


# --------------------------------------------------------------------------------------------------- saved, and loaded


def saved(flow: OrderFlow) -> Any:
    """Give the state as it comes back from a file, without the grants: one that was never used begins anew."""
    state = json.loads(json.dumps(flow.kit.venue.save_state()))
    return {name: value for name, value in state.items() if name != "grants"}


def heard(flow: OrderFlow, steps: int) -> bytes:
    """Let the flow go on, and give the bytes that come; nothing is saved meanwhile."""
    client = flow.trader.client
    begun = len(client.raw)
    for _ in range(steps):
        flow.step()
    return bytes(client.raw[begun:])


def check_saved(seed: int) -> int:
    """Save a flow at a moment when nothing is under way: what is loaded goes on alike. Give how much was said."""
    flow = OrderFlow(seed, reloads=False)
    for _ in range(12):
        flow.step()
    flow.check()
    loaded = OrderFlow(seed, reloads=False)
    loaded.kit.close()
    loaded.open_venue(json.loads(json.dumps(flow.kit.venue.save_state())))
    loaded.chance.setstate(flow.chance.getstate())
    loaded.said = list(flow.said)
    assert saved(loaded) == saved(flow), f"flow {seed}"
    said = heard(flow, 15)
    assert heard(loaded, 15) == said, f"flow {seed}"
    assert saved(loaded) == saved(flow), f"flow {seed}"
    flow.kit.close()
    loaded.kit.close()
    return len(said)


def test_a_random_flow_that_was_saved_and_loaded_goes_on_as_if_it_was_not() -> None:
    assert min([check_saved(seed) for seed in range(SAVED)]) > 1_000


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SAVED, SAVED + 400, 100))
def test_hundreds_of_random_flows_that_were_saved_and_loaded_go_on(first: int) -> None:
    for seed in range(first, first + 100):
        check_saved(seed)
