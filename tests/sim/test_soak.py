"""The real client and the venue for hours of market time, with a cut every few minutes: `make soak`."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from ctrader_twisted import AccountState, ConnectionState, Resynchronised
from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.sim.testing import EUR_ACCOUNT, USD_ACCOUNT, VenueKit

SYMBOLS = [1, 2, 3, 41]
CUTS = 60


@pytest.mark.soak
def test_hours_of_market_and_many_cuts_leave_nothing_behind() -> None:
    with VenueKit() as kit:
        client = kit.ready_client(EUR_ACCOUNT, USD_ACCOUNT)
        spots = 0
        resynchronised: list[int] = []

        def count(event: ProtoOASpotEvent) -> None:
            nonlocal spots
            spots += 1

        client.on(ProtoOASpotEvent, count)
        client.on(Resynchronised, lambda event: resynchronised.append(event.account_id))
        for account in (EUR_ACCOUNT, USD_ACCOUNT):
            kit.settle(client.subscribe_spots(ctidTraderAccountId=account, symbolId=SYMBOLS))
            kit.settle(client.subscribe_live_trendbar(ctidTraderAccountId=account, symbolId=1, period="M1"))
        held: list[int] = []
        tracemalloc.start()
        try:
            for _ in range(CUTS):
                before = spots
                kit.advance(170)
                assert spots > before
                kit.cut()
                kit.advance(10)
                assert client.state is ConnectionState.READY
                assert client.account_state(EUR_ACCOUNT) is AccountState.AUTHORISED
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        assert sorted(resynchronised) == sorted([EUR_ACCOUNT, USD_ACCOUNT] * CUTS)
        assert client.in_flight == 0
        assert client.counts == {}
        # Prices are remembered up to a bound, reached within the first hours; after that nothing grows.
        assert held[-1] < max(held[: CUTS // 2]) + 2_000_000
