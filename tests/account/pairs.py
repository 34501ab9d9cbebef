"""The same orders on a hedged and on a netted account: they come to the same net volume."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from ctrader_twisted.errors import ClientClosed, OpenApiError
from ctrader_twisted.market import Price, ProtocolVolume
from ctrader_twisted.sim import Limits, TradingAccount
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import check_belief, check_ledger, ledger_of
from tests.account.flows import MORNING
from tests.account.walking import WalkingFeed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.defer import Deferred

    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.trading.records import Deal


def run_pair(seed: int) -> int:
    """Send the same orders on a hedged and a netted account; give how many deals were made."""
    chance = Random(seed)
    pair = (USD_ACCOUNT, USD_ACCOUNT + 10)
    kit = VenueKit(
        start=MORNING,
        feed=WalkingFeed(seed, MORNING),
        accounts=[
            TradingAccount(one, 2_000_000 + one, "USD", balance=10**10, account_type=kind, stop_out_level=0.0)
            for kind, one in enumerate(pair)
        ],
        limits=Limits(general=0),
    )
    names = {one.symbol_id: one for one in kit.venue.instruments.values()}
    with kit:
        client = kit.ready_client(*pair)
        accounts = [client.account(one) for one in pair]
        for one in accounts:
            kit.settle(one.ready())
        for number in range(chance.randint(4, 25)):
            symbol = chance.choice(list(names.values()))
            side = chance.choice(("buy", "sell"))
            amount = ProtocolVolume(symbol.min_volume + chance.choice((0, 1, 4, 9, 40)) * symbol.step_volume)
            bid = kit.venue.feed.quote(symbol.symbol_id, kit.venue.now()).bid
            away = round(chance.uniform(-12, 12)) * 4 * symbol.tick_size
            price = Price((Decimal(bid + away) / 100_000).quantize(Decimal(1).scaleb(-symbol.digits)))
            kind = chance.choice(("market", "market", "market", "limit", "stop", "cancel"))
            for one in accounts:
                key = f"{number}"
                if kind == "market":
                    order = one.market(side, symbol.name, amount, client_order_id=key)
                elif kind == "cancel":
                    for pending in one.pending.values():
                        kit_fails(one.cancel(pending))
                        break
                    continue
                else:
                    place = one.limit if kind == "limit" else one.stop
                    order = place(side, symbol.name, amount, price, client_order_id=key)
                kit_fails(order.accepted())
            kit.advance(chance.choice((0.0, 0.2, 1.0, 21.0, 65.0)))
        kit.advance(2)
        ledgers = [ledger_of(kit, one) for one in pair]
        believed = []
        for account, ledger in zip(accounts, ledgers, strict=True):
            check_ledger(ledger)
            check_belief(kit, account)
            volumes: dict[int, int] = Counter()
            for position in account.positions.values():
                volumes[position.symbol_id] += position.volume * position.direction
            believed.append({key: volume for key, volume in volumes.items() if volume})
        traded = [
            sorted_sums((name_of_order(ledger, deal), deal.side, deal.filled, deal.price) for deal in ledger.deals)
            for ledger in ledgers
        ]
        assert traded[0] == traded[1]
        assert believed[0] == believed[1]
        positions = [position.symbol_id for position in accounts[1].positions.values()]
        assert len(positions) == len(set(positions))
    return len(ledgers[0].deals)


def kit_fails(deferred: Deferred[Any]) -> None:
    deferred.addErrback(lambda failure: failure.trap(OpenApiError, ClientClosed) and None)


def name_of_order(ledger: Ledger, deal: Deal) -> str:
    return ({**ledger.orders, **ledger.past_orders}[deal.order_id]).client_order_id


def sorted_sums(deals: Iterable[tuple[str, int, int, int]]) -> dict[tuple[str, int, int], int]:
    """Volume by order, side and price: a deal that turns a netted position round is two there."""
    sums: dict[tuple[str, int, int], int] = Counter()
    for name, side, volume, price in deals:
        sums[name, side, price] += volume
    return dict(sums)
