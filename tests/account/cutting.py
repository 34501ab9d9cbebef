"""Plays an exchange, cuts its connection after so many bytes have arrived, and compares what is left.

Bytes are counted at the end where they arrive, the client's and the venue's apart; what is on its way when the line is
cut is lost. The connection that heals the first may be cut in its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ctrader_twisted import Wire
from ctrader_twisted.account import Order, OrderState
from ctrader_twisted.account.account import SETTLE_AFTER
from ctrader_twisted.errors import NeverArrived, NotWorking, RequestNotSent
from ctrader_twisted.sim import Options
from ctrader_twisted.sim.testing import USD_ACCOUNT, VenueKit
from tests.account.books import check_belief, check_ledger, check_orders
from tests.account.exchanges import EXCHANGES, Exchange, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctrader_twisted.sim.memory import Link, MemoryTransport

SPAN: Final = 3.0
"""Seconds in which an exchange is over: the venue takes 0.14 s to execute, and a moment for levels."""


@dataclass(frozen=True)
class Cut:
    """Where a connection is cut.

    :ivar from_client: the client's bytes are counted; else the venue's.
    :ivar after: how many of them arrive.
    """

    from_client: bool
    after: int

    def __str__(self) -> str:
        return f"cut after {self.after} bytes from {'client' if self.from_client else 'venue'}"


class Meter:
    """Counts what arrives over a connection, and cuts it once so much has.

    :param where: where; None counts only.
    """

    def __init__(self, kit: VenueKit, link: Link, where: Cut | None) -> None:
        self.counted = {True: 0, False: 0}
        self.cut = False
        self._kit = kit
        self._link = link
        self._where = where
        for which, end in ((True, link.client), (False, link.server)):
            self._watch(end, which)
        if where is not None and where.after == 0:
            self._schedule()

    def _watch(self, end: MemoryTransport, is_client: bool) -> None:
        take = end.take

        def counted(most: int | None) -> bytes:
            where = self._where
            if self.cut:
                return b""
            if where is not None and is_client is where.from_client:
                most = where.after - self.counted[is_client]
            data = take(most)
            self.counted[is_client] += len(data)
            if where is not None and self.counted[where.from_client] >= where.after:
                self._schedule()
            return data

        end.take = counted  # type: ignore[method-assign]

    def spare(self) -> None:
        """Cut it no more, if it has not been cut."""
        self._where = None

    def _schedule(self) -> None:
        self.cut = True
        self._kit.clock.callLater(0, self._link.cut)


class Lines:
    """The connection there is, and those that follow it: each is cut where it is planned, further ones are not.

    :ivar meters: one for each connection, the oldest first.
    """

    def __init__(self, kit: VenueKit, plan: tuple[Cut | None, ...]) -> None:
        self._kit = kit
        self._plan = list(plan)
        self.meters: list[Meter] = []
        network = kit.network
        accept = network._accept

        def accepted(connector: Any) -> None:
            accept(connector)
            self._measure(network.links[-1])

        network._accept = accepted  # type: ignore[method-assign]
        self._measure(network.links[0])

    def _measure(self, link: Link) -> None:
        where = self._plan.pop(0) if self._plan else None
        self.meters.append(Meter(self._kit, link, where))


def play(name: str, *plan: Cut | None, wire: Wire = Wire.PROTOBUF) -> list[dict[bool, int]]:
    """Play an exchange, cut it as planned, and compare; give how many bytes arrived over each connection."""
    exchange = EXCHANGES[name]
    start = {} if exchange.start is None else {"start": exchange.start}
    with VenueKit(wire=wire, options=Options(**exchange.options), **start) as kit:
        account = kit.ready_client(USD_ACCOUNT).account(USD_ACCOUNT)
        kit.settle(account.ready())
        kit.settle(account.symbol("EURUSD"))
        scene = Scene(kit, account)
        exchange.ready(scene)
        lines = Lines(kit, plan)
        made = exchange.act(scene)
        ended: list[Any] = []
        waits = [made] if isinstance(made, Deferred) else [each.protected() for each in orders_in(made)]
        for each in waits:
            each.addBoth(ended.append)
        kit.advance(SPAN)
        kit.settle(account.settled(), within=120)
        if len(ended) < len(waits):
            kit.advance(4 * SETTLE_AFTER)
            kit.settle(account.settled(), within=120)
        counted = [dict(meter.counted) for meter in lines.meters]
        assert lines.meters[0].cut is bool(plan and plan[0]), "it was not cut"
        kit.advance(SPAN)
        for meter in lines.meters:
            meter.spare()
        kit.settle(account.settled(), within=120)  # the last cut may have come just now
        compare(scene, exchange, made, ended)
        return counted


def orders_in(made: Any) -> list[Order]:
    return [made] if isinstance(made, Order) else made


def compare(scene: Scene, exchange: Exchange, made: Any, ended: list[Any]) -> None:
    """No order is doubled, lost or unknown; positions, orders and balance are the venue's; the command has ended."""
    account = scene.account
    check_ledger(scene.ledger)
    check_orders(scene.ledger, [course.order for course in account._rooms.register])
    check_belief(scene.kit, account)
    if isinstance(made, Deferred):
        assert len(ended) == 1, "the command has not ended"
        failed = isinstance(ended[0], Failure)
        if failed:
            assert isinstance(ended[0].value, NeverArrived | NotWorking | RequestNotSent), ended[0].value
        assert exchange.wanted is not None
        # A command that fails may say what it did not do, as flattening does.
        assert exchange.wanted(scene) is (not failed and bool(ended[0])), ended[0]
        return
    for order in orders_in(made):
        assert order.state not in (OrderState.PREPARING, OrderState.SENT, OrderState.UNKNOWN)
        if order.state.ended:
            assert order._course.levels_known or order.error is not None
            check_levels(scene, order)
    assert len(ended) >= len([each for each in orders_in(made) if each.state.ended]), "an order's levels are not known"


def check_levels(scene: Scene, order: Order) -> None:
    """An order that opened a position has the levels it was given, and exactly those, if it says that they stand."""
    outcome = order._course.protection
    if order.closes is not None or not order.executed or isinstance(outcome, Exception):
        return
    assert outcome is not None and order.position_id is not None
    theirs = scene.ledger.positions[order.position_id]
    stop, take = order._course.wants_levels
    assert (theirs.stop_loss is not None or not stop) and (theirs.take_profit is not None or not take)
    for exact, level in zip(order._course.exact_levels, (theirs.stop_loss, theirs.take_profit), strict=True):
        assert exact is None or exact * 100_000 == level


def places(counted: dict[bool, int], step: int) -> Iterator[Cut]:
    """Give where to cut: each so many bytes, within the first frame's length, and the ends."""
    for from_client in (True, False):
        last = counted[from_client]
        for after in sorted({*range(0, last, step), min(3, last), last}):
            yield Cut(from_client, after)


def cuts(name: str, step: int, wire: Wire = Wire.PROTOBUF) -> int:
    """Cut an exchange at each so many bytes; give how often."""
    (whole,) = play(name, None, wire=wire)
    wheres = list(places(whole, step))
    for where in wheres:
        tried(name, where, wire=wire)
    return len(wheres)


def cuts_while_healing(name: str, step: int, wire: Wire = Wire.PROTOBUF) -> int:
    """Cut an exchange when its request has arrived, or half of it, or half of the answers, and then what heals it.

    What is said in healing differs a little from one time to the next, since a client waits for a random while before
    it connects again: the last cuts may come too late, and are not counted.
    """
    (whole,) = play(name, None, wire=wire)
    count = 0
    for first in (Cut(True, whole[True]), Cut(True, whole[True] // 2), Cut(False, whole[False] // 2)):
        healing = tried(name, first, None, wire=wire)[1]
        for where in places(healing, step):
            count += len(tried(name, first, where, wire=wire)) > 2
    return count


def tried(name: str, *plan: Cut | None, wire: Wire) -> list[dict[bool, int]]:
    try:
        return play(name, *plan, wire=wire)
    except BaseException as error:
        error.add_note(f"{name} over {wire.value}, {', then '.join(map(str, plan))}")
        raise
