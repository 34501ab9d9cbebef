"""How far an iteration is, where no end was given: never beyond what it gave, and no day of the future in the share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.account import Account
    from ctrader_twisted.history.series import Series

SERIES: dict[str, Callable[[Account, datetime], Series[Any]]] = {
    "bars": lambda account, start: account.bars("EURUSD", "M1", start),
    "ticks": lambda account, start: account.ticks("EURUSD", "bid", start),
    "quotes": lambda account, start: account.quote_ticks("EURUSD", start),
}


async def tables(series: Series[Any]) -> list[tuple[Any, float]]:
    """Give each table, and the share when it came."""
    return [(table, series.share) async for table in series]


@pytest.mark.parametrize("kind", SERIES)
def test_what_goes_on_from_where_it_had_got_to_misses_nothing(kind: str) -> None:
    with VenueKit() as kit:
        account = kit.settle(kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT).ready())
        start = datetime.fromtimestamp(kit.venue.now() / 1000, UTC) - timedelta(hours=6)
        series = SERIES[kind](account, start)
        first = kit.settle(Deferred.fromCoroutine(tables(series)))
        kit.advance(600)
        everything = kit.settle(SERIES[kind](account, start).whole())
        later = kit.settle(Deferred.fromCoroutine(tables(SERIES[kind](account, series.reached))))
        assert len(first[-1][0]) and len(later[-1][0])
        given = [row for table, _ in (*first, *later) for row in table.rows()]
        assert {*everything.rows()} <= {*given}
        assert kind != "bars" or len(given) == len({*given}), (
            "of a ms there may be more ticks, of a minute no other bar"
        )


@pytest.mark.parametrize("kind", ["ticks", "quotes"])
def test_the_last_table_is_near_the_end(kind: str) -> None:
    with VenueKit() as kit:
        account = kit.settle(kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT).ready())
        start = datetime.fromtimestamp(kit.venue.now() / 1000, UTC) - timedelta(hours=6)
        series = SERIES[kind](account, start)
        shares = [share for _, share in kit.settle(Deferred.fromCoroutine(tables(series)))]
        assert len(shares) > 1 and shares == sorted(shares)
        assert shares[0] < 0.5
        assert shares[-1] > 0.9
        assert series.share == 1.0


def test_of_a_market_without_a_tick_nothing_is_claimed() -> None:
    with VenueKit() as kit:
        account = kit.settle(kit.ready_client(EUR_ACCOUNT).account(EUR_ACCOUNT).ready())
        now = datetime.fromtimestamp(kit.venue.now() / 1000, UTC)
        series = account.ticks("EURUSD", "bid", now + timedelta(hours=1))
        assert kit.settle(Deferred.fromCoroutine(tables(series))) == []
        assert series.reached == now + timedelta(hours=1)
