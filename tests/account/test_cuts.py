"""The connection is cut at every byte of the exchange of every command; then what is believed is what the venue has.

Cut after so many bytes have arrived at the venue, or at the client: what is on its way then is lost, as it is when a
line dies. After healing no order is doubled, lost, or unknown, and positions, orders and balance are the venue's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ctrader_twisted.account import Order, OrderState
from ctrader_twisted.account.account import SETTLE_AFTER
from ctrader_twisted.errors import NeverArrived, NotWorking, RequestNotSent
from ctrader_twisted.market import Lots, Pips, Price
from ctrader_twisted.messages import ProtoOAOrderStatus, ProtoOATimeInForce
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctrader_twisted.account import Account
    from ctrader_twisted.sim.memory import Link, MemoryTransport

EURUSD = 1
TENTH = Lots("0.1")
SPAN = 3.0
"""Seconds in which an exchange is over: the venue takes 0.14 s to execute, and a moment for levels."""

_STATES = {
    ProtoOAOrderStatus.ORDER_STATUS_ACCEPTED: (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED),
    ProtoOAOrderStatus.ORDER_STATUS_FILLED: (OrderState.FILLED,),
    ProtoOAOrderStatus.ORDER_STATUS_CANCELLED: (OrderState.CANCELLED,),
    ProtoOAOrderStatus.ORDER_STATUS_EXPIRED: (OrderState.EXPIRED,),
    ProtoOAOrderStatus.ORDER_STATUS_REJECTED: (OrderState.REJECTED,),
}


@dataclass
class Scene:
    """An account, and what was made ready in it."""

    kit: VenueKit
    account: Account
    position: int = 0
    order: Order | None = None

    @property
    def bid(self) -> Decimal:
        quote = self.kit.venue.exchange.quote(EURUSD)
        assert quote is not None
        return Decimal(quote.bid) / 100_000


def nothing(scene: Scene) -> None:
    pass


def a_position(scene: Scene) -> None:
    order = scene.account.buy("EURUSD", Lots("0.3"), stop_loss=Pips(50), take_profit=Pips(80))
    scene.kit.settle(order.protected())
    assert order.position_id is not None
    scene.position = order.position_id


def a_limit(scene: Scene) -> None:
    scene.order = scene.account.limit("buy", "EURUSD", TENTH, Price(scene.bid - Decimal("0.005")), stop_loss=Pips(40))
    scene.kit.settle(scene.order.accepted())


def market(scene: Scene) -> Any:
    return scene.account.buy("EURUSD", TENTH)


def market_with_levels(scene: Scene) -> Any:
    return scene.account.sell("EURUSD", TENTH, stop_loss=Pips(30), take_profit=Pips(60))


def market_range(scene: Scene) -> Any:
    return scene.account.market_range("buy", "EURUSD", TENTH, slippage=Pips(5), price=Price(scene.bid))


def limit(scene: Scene) -> Any:
    return scene.account.limit("buy", "EURUSD", TENTH, Price(scene.bid - Decimal("0.004")), take_profit=Pips(30))


def limit_at_once(scene: Scene) -> Any:
    price = Price(scene.bid + Decimal("0.002"))
    return scene.account.limit("buy", "EURUSD", TENTH, price, time_in_force=ProtoOATimeInForce.IMMEDIATE_OR_CANCEL)


def stop(scene: Scene) -> Any:
    return scene.account.stop("sell", "EURUSD", TENTH, Price(scene.bid - Decimal("0.004")), stop_loss=Pips(30))


def stop_limit(scene: Scene) -> Any:
    return scene.account.stop_limit("buy", "EURUSD", TENTH, Price(scene.bid + Decimal("0.004")), slippage=Pips(3))


def close(scene: Scene) -> Any:
    return scene.account.close(scene.position)


def close_a_part(scene: Scene) -> Any:
    return scene.account.close(scene.position, TENTH)


def set_levels(scene: Scene) -> Any:
    return scene.account.set_levels(scene.position, stop_loss=Price(scene.bid - Decimal("0.007")), take_profit=None)


def cancel(scene: Scene) -> Any:
    assert scene.order is not None
    return scene.order.cancel()


def amend(scene: Scene) -> Any:
    assert scene.order is not None
    return scene.order.amend(price=Price(scene.bid - Decimal("0.006")), volume=Lots("0.2"))


EXCHANGES: dict[str, tuple[Callable[[Scene], None], Callable[[Scene], Any]]] = {
    "market": (nothing, market),
    "market with levels": (nothing, market_with_levels),
    "market range": (nothing, market_range),
    "limit": (nothing, limit),
    "limit at once": (nothing, limit_at_once),
    "stop": (nothing, stop),
    "stop limit": (nothing, stop_limit),
    "close": (a_position, close),
    "close a part": (a_position, close_a_part),
    "set levels": (a_position, set_levels),
    "cancel": (a_limit, cancel),
    "amend": (a_limit, amend),
}


class Meter:
    """Counts what arrives over a link, and cuts it once so much has.

    :param after: how many more bytes arrive from one end; None to cut nothing.
    """

    def __init__(self, kit: VenueKit, link: Link, *, from_client: bool, after: int | None) -> None:
        self.counted = {True: 0, False: 0}
        self._kit = kit
        self._link = link
        self._from_client = from_client
        self._after = after
        self.cut = False
        for which, end in ((True, link.client), (False, link.server)):
            self._watch(end, which)
        if after == 0:
            self._schedule()

    def _watch(self, end: MemoryTransport, is_client: bool) -> None:
        take = end.take

        def counted(most: int | None) -> bytes:
            if self.cut:
                return b""
            if self._after is not None and is_client is self._from_client:
                most = self._after - self.counted[is_client]
            data = take(most)
            self.counted[is_client] += len(data)
            if self._after is not None and self.counted[self._from_client] >= self._after:
                self._schedule()
            return data

        end.take = counted  # type: ignore[method-assign]

    def _schedule(self) -> None:
        self.cut = True
        self._kit.clock.callLater(0, self._link.cut)


def play(name: str, *, from_client: bool, after: int | None) -> dict[bool, int]:
    """Play an exchange, cut it, and compare."""
    ready, act = EXCHANGES[name]
    with VenueKit() as kit:
        client = kit.ready_client(USD_ACCOUNT)
        account = client.account(USD_ACCOUNT)
        kit.settle(account.ready())
        kit.settle(account.symbol("EURUSD"))
        scene = Scene(kit, account)
        ready(scene)
        meter = Meter(kit, kit.network.links[0], from_client=from_client, after=after)
        made = act(scene)
        ended: list[Any] = []
        if isinstance(made, Deferred):
            made.addBoth(ended.append)
        kit.advance(SPAN)
        if after is None:
            return meter.counted
        assert meter.cut, "it was not cut"
        kit.settle(account.settled(), within=120)
        if isinstance(made, Deferred) and not ended:
            kit.advance(2 * SETTLE_AFTER)
        kit.advance(SPAN)
        compare(scene, made, ended)
        return meter.counted


def compare(scene: Scene, made: Any, ended: list[Any]) -> None:
    account, kit = scene.account, scene.kit
    ledger = kit.venue.exchange.desk(USD_ACCOUNT).ledger
    theirs = [order for order in (*ledger.orders.values(), *ledger.past_orders.values()) if not order.closing]
    if isinstance(made, Order) and made.closes is None:
        mine = [order for order in theirs if order.client_order_id == made.client_order_id]
        if made.state in (OrderState.NOT_SENT, OrderState.NEVER_ARRIVED):
            assert mine == [], "it was held not to be there"
        else:
            assert len(mine) == 1, "it is there once"
            assert made.state in _STATES[ProtoOAOrderStatus(mine[0].status)]
            assert (made.order_id, made.executed) == (mine[0].order_id, mine[0].executed)
            assert sum(fill.volume for fill in made.fills) == mine[0].executed
    if isinstance(made, Order) and made.closes is not None:
        closings = [order for order in ledger.past_orders.values() if order.closing and order.order_type == 1]
        if made.state in (OrderState.NOT_SENT, OrderState.NEVER_ARRIVED):
            assert closings == []
        else:
            assert [order.order_id for order in closings] == [made.order_id]
            assert made.state is OrderState.FILLED and made.profit is not None
    if isinstance(made, Deferred):
        assert len(ended) == 1, "the command has ended"
        if isinstance(ended[0], Failure):
            assert isinstance(ended[0].value, NeverArrived | NotWorking | RequestNotSent), ended[0].value
    assert {position_id: position.volume for position_id, position in account.positions.items()} == {
        position_id: position.volume for position_id, position in ledger.positions.items() if position.volume
    }
    assert set(account.pending) == {
        order.order_id for order in ledger.orders.values() if not order.closing and order.order_type != 4
    }
    assert account.balance == Decimal(ledger.account.balance) / 100
    check = kit.settle(account.check())
    assert check, str(check)
    if not isinstance(made, Order):
        applied(scene, ended[0])


def applied(scene: Scene, result: Any) -> None:
    """What a command that succeeded wanted is so; what one that failed wanted is not."""
    failed = isinstance(result, Failure)
    ledger = scene.kit.venue.exchange.desk(USD_ACCOUNT).ledger
    if scene.position:
        assert (ledger.positions[scene.position].take_profit is None) is not failed
        return
    assert scene.order is not None
    works = scene.order.order_id in ledger.orders
    if works:
        assert scene.order.state is OrderState.ACCEPTED
        amended = ledger.orders[scene.order.order_id].volume == 2_000_000  # type: ignore[index]
        assert amended is (scene.order.volume == 2_000_000)
        assert failed or amended
    else:
        assert scene.order.state is OrderState.CANCELLED and not failed


def cuts(name: str, step: int) -> int:
    whole = play(name, from_client=True, after=None)
    count = 0
    for from_client in (True, False):
        last = whole[from_client]
        for after in sorted({*range(0, last, step), 0, 1, 4, 5, last - 1, last}):
            try:
                play(name, from_client=from_client, after=after)
            except BaseException as error:
                error.add_note(f"{name}, cut after {after} of {last} bytes from {'client' if from_client else 'venue'}")
                raise
            count += 1
    return count


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_cut_anywhere_loses_and_doubles_nothing(name: str) -> None:
    assert cuts(name, 29) > 10


@pytest.mark.soak
@pytest.mark.parametrize("name", EXCHANGES)
def test_a_cut_at_every_byte_loses_and_doubles_nothing(name: str) -> None:
    assert cuts(name, 1) > 300
