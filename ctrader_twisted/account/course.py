"""An order from the account's side: what is told of it, who waits for it, and whether there is doubt about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted.account.holdings import lots_of
from ctrader_twisted.account.order import Order
from ctrader_twisted.account.telling import tell
from ctrader_twisted.account.terms import AT_MARKET
from ctrader_twisted.account.tracking import UNSENT, OrderState, Progress
from ctrader_twisted.errors import ClientClosed, NotFilled
from ctrader_twisted.messages import ProtoOAOrderType, ProtoOATimeInForce, ProtoOATradeSide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.holdings import Listed, Position
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.symbols import Symbol, Volume
    from ctrader_twisted.messages import ProtoOADeal, ProtoOAExecutionEvent, ProtoOAOrder

_log = Logger()
_FAILED: Final = frozenset({OrderState.REJECTED, OrderState.NOT_SENT, OrderState.NEVER_ARRIVED})
_LEVELS: Final = ("stop loss", "take profit")
_ON_OPEN: Final = ProtoOATimeInForce.MARKET_ON_OPEN


class Course:
    """The course of one order.

    :param account: whose; the order's own commands go to it.
    :param client_order_id: its own id.
    :param symbol_name: the symbol as it was asked for.
    :param asked: the volume as it was asked for; None for all of a position.
    :param closes: the position that it closes.
    :param after: the order that it waits for.
    :param listed: gives what is known of a symbol, by its id; by default nothing is.

    :ivar order: what its user has of it.
    :ivar progress: what the server said of it.
    :ivar symbol: the symbol; None until it is known.
    :ivar doubtful: whether what became of it is to be found out.
    :ivar doubted_at: when the doubt began, by the clock; meaningless without doubt.
    :ivar absences: how often the server's lists were seen without it since.
    :ivar sent_after: the latest time of the server known when it left, ms UTC.
    :ivar orders_before: how many orders of the server's were known when it left.
    :ivar wants_levels: whether a stop loss, and whether a take profit, was asked for with it.
    :ivar exact_levels: those that are to be set exactly once it is filled.
    :ivar levels_known: whether it is settled that those it left with stand, or do not.
    :ivar levels_awaited: whether somebody looks after them.
    :ivar protection: the position that all its levels stand on, or what kept them from it; None as long as neither.
    """

    def __init__(
        self,
        account: Account,
        client_order_id: str,
        symbol_name: str,
        side: int,
        order_type: int,
        *,
        asked: Volume | None = None,
        closes: int | None = None,
        after: Order | None = None,
        listed: Callable[[int], Listed | None] = lambda _: None,
    ) -> None:
        self.client_order_id = client_order_id
        self.symbol_name = symbol_name
        self.side: ProtoOATradeSide = ProtoOATradeSide(side)
        self.order_type: ProtoOAOrderType = ProtoOAOrderType(order_type)
        self.asked = asked
        self.closes = closes
        self.after = after
        self.progress: Progress = Progress(listed)
        self.symbol: Symbol | None = None
        self.doubtful: bool = False
        self.doubted_at: float = 0.0
        self.absences: int = 0
        self.sent_after = 0
        self.orders_before = 0
        self.wants_levels: tuple[bool, bool] = (False, False)
        self.exact_levels: tuple[Decimal | None, Decimal | None] = (None, None)
        self.levels_known: bool = False
        self.levels_awaited = False
        self.protection: OpenApiError | Position | None = None
        self.order: Order = Order(account, self)
        self._waiting: dict[str, list[Deferred[Any]]] = {}
        self._listeners: tuple[Callable[[Order], object], ...] = ()
        self._asked_for = False
        self._closed = False

    def __str__(self) -> str:
        return str(self.order)

    def may_be(self, message: ProtoOAOrder) -> bool:
        """Say whether an order of the server's may be this one: an id alone can be that of another.

        It has its symbol and side and, at the market, its volume. The type is not asked for: an order that is
        overlooked would be held to have never arrived.
        """
        data = message.tradeData
        symbol_id = None if self.symbol is None else self.symbol.symbol_id
        if (data.symbolId, data.tradeSide) != (symbol_id, self.side):
            return False
        return self.order_type not in AT_MARKET or data.volume == self.progress.volume

    def is_alike(self, message: ProtoOAOrder) -> bool:
        """Say whether an order of the server's is what was asked for."""
        return self.may_be(message) and message.orderType == self.order_type

    @property
    def state(self) -> OrderState:
        """Where it stands."""
        return self.progress.state

    @property
    def order_id(self) -> int | None:
        """Its orderId; None until the server has told it."""
        return self.progress.order_id

    @property
    def position_id(self) -> int | None:
        """The position it opens, increases or closes; None until the server has told it."""
        return self.closes if self.progress.position_id is None else self.progress.position_id

    @property
    def remaining(self) -> int:
        """What is not executed of it, in hundredths of a unit."""
        return max(0, self.progress.volume - self.progress.executed)

    @property
    def at_once(self) -> bool:
        """Whether it ends as soon as the server has it, as orders at the market do that do not wait for the open."""
        message = self.progress.message
        return self.order_type in AT_MARKET and (message is None or message.timeInForce != _ON_OPEN)

    @property
    def in_motion(self) -> bool:
        """Whether something is about to come of it: it is `unanswered`, or ends `at_once` and has not yet."""
        return self.unanswered or (self.at_once and self.state.working)

    @property
    def unanswered(self) -> bool:
        """Whether it is on its way, or what became of it is not known yet."""
        return self.state in UNSENT or self.state in (OrderState.SENT, OrderState.UNKNOWN)

    # What happens to it

    def prepared(self, symbol: Symbol, volume: int) -> None:
        """Its symbol is known, and its volume in hundredths of a unit."""
        self.symbol, self.progress.volume = symbol, volume

    def queued(self) -> None:
        """It leaves in its turn, if it has not left already."""
        if self.state is OrderState.PREPARING:
            self.progress.queued()
            self.changed()

    def sent(self) -> None:
        """It leaves now."""
        self.progress.sent()
        self.changed()

    def not_sent(self, error: OpenApiError) -> None:
        """It never left, or was withdrawn before it did."""
        self.progress.not_sent(error)
        self.changed()

    def refused(self, error: OpenApiError) -> None:
        """The server refused it: there is no doubt any more."""
        self.doubtful = False
        self.progress.refused(error)
        self.changed()

    def doubted(self, error: OpenApiError, now: float) -> None:
        """It left and no answer came."""
        self.progress.doubted(error)
        self.in_doubt(now)
        self.changed()

    def in_doubt(self, now: float) -> None:
        """What became of it is to be found out, from now on."""
        self.doubtful, self.doubted_at, self.absences = True, now, 0

    def absent(self, error: OpenApiError) -> None:
        """It never arrived."""
        self.doubtful = False
        self.progress.absent(error)
        self.changed()

    def executed_by(self, event: ProtoOAExecutionEvent) -> bool:
        """Take an event in; say whether anything changed, which `changed` is then to be told."""
        proven_wrong = self.state in (OrderState.NEVER_ARRIVED, OrderState.NOT_SENT)
        news = self.progress.executed_by(event)
        if news and proven_wrong:
            _log.error("{order} was held to have never arrived, and has", order=self.order)
        return news

    def known_as(self, order_id: int) -> None:
        """A list has it; what became of it is still to be asked for."""
        self.progress.order_id = order_id

    def listed(self, order: ProtoOAOrder, deals: Iterable[ProtoOADeal] = ()) -> None:
        """Take in what a list or its details say of it: there is no doubt any more."""
        self.doubtful = False
        if self.progress.listed(order, deals):
            self.changed()

    def changed(self) -> None:
        """Tell it: listeners first, so that whoever waited finds them told."""
        if self.state in _FAILED and not self._asked_for and not self._listeners:
            said = {"order": self.order, "state": self.state.value, "error": str(self.progress.error)}
            _log.warn("{order} is {state}: {error}", **said)
        for listener in self._listeners:
            tell(listener, self.order)
        for what in ("accepted", "filled", "done"):
            self._fire(what)
        if not self.in_motion:
            self._end("rest", None)

    def close(self) -> None:
        """The client was closed: nothing more will be known."""
        self._closed = True
        self._listeners = ()
        for what in tuple(self._waiting):
            self._end(what, ClientClosed())

    # Its levels

    @property
    def levels_to_come(self) -> bool:
        """Whether levels were asked for with it that are still on their way to its position."""
        if not any(self.wants_levels) or self.protection is not None or not self.progress.executed:
            return False  # a resting order may name a position long before it touches it
        return self.state.ended or self.order_type in AT_MARKET

    def levels_missing(self, position: Position) -> tuple[str, ...]:
        """Name the levels that were asked for with it and that a position does not have."""
        found = (position.stop_loss, position.take_profit)
        return tuple(
            name
            for name, wanted, level in zip(_LEVELS, self.wants_levels, found, strict=True)
            if wanted and level is None
        )

    def levels_are(self, outcome: OpenApiError | Position) -> None:
        """The levels that it left with stand on a position, or never will."""
        self.levels_known = True
        if isinstance(outcome, Exception):
            self.protected_by(outcome)

    def protected_by(self, outcome: OpenApiError | Position) -> None:
        """All levels that were asked for stand on a position, or something has kept them from it."""
        if self.protection is None:
            self.protection = outcome
            self._end("levels", None)
            self._end("protected", outcome)

    # Who waits for it

    def wait(self, what: str) -> Deferred[Order]:
        """Wait until it is ``"accepted"``, ``"filled"`` or ``"done"``."""
        self._asked_for = True
        waiter = self._waiter(what)
        self._fire(what)
        return waiter

    def wait_protected(self) -> Deferred[Position]:
        """Wait for `protected_by`."""
        self._asked_for = True
        if self.protection is None:
            return self._waiter("protected")
        waiter: Deferred[Position] = Deferred()
        _end(waiter, self.protection)
        return waiter

    def at_rest(self) -> Deferred[None]:
        """Wait until it is not `in_motion`, whatever the outcome, which is logged all the same if nobody asks."""
        return self._waiter("rest")

    def levels_settled(self) -> Deferred[None]:
        """Wait for `protected_by`, whatever the outcome."""
        return self._waiter("levels")

    def told(self) -> None:
        """Whoever calls this tells of its end: a failure is not logged besides."""
        self._asked_for = True

    def listen(self, listener: Callable[[Order], object]) -> Callable[[], None]:
        """Call a listener with each change; what this gives ends it."""
        self._listeners = (*self._listeners, listener)

        def stop() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

        return stop

    def _waiter(self, what: str) -> Deferred[Any]:
        waiter: Deferred[Any] = Deferred(lambda given_up: self._give_up(what, given_up))
        if self._closed and (what in ("protected", "levels") or self._outcome(what) is None):
            waiter.errback(ClientClosed())
        else:
            self._waiting.setdefault(what, []).append(waiter)
        return waiter

    def _give_up(self, what: str, waiter: Deferred[Any]) -> None:
        waiters = self._waiting.get(what, [])
        if waiter in waiters:
            waiters.remove(waiter)

    def _fire(self, what: str) -> None:
        outcome = self._outcome(what)
        if outcome is not None:
            self._end(what, outcome)

    def _end(self, what: str, outcome: object) -> None:
        waiting = self._waiting.get(what, [])
        while waiting:  # one by one: who is told may give up another
            _end(waiting.pop(0), outcome)

    def _outcome(self, what: str) -> Order | OpenApiError | None:
        """Say what a wait ends with; None as long as it does not."""
        state = self.state
        if self.unanswered:
            return None
        if what == "done":
            return self.order if state.ended else None
        if state in _FAILED:
            assert self.progress.error is not None
            return self.progress.error
        if what == "accepted" or state is OrderState.FILLED:
            return self.order
        if not state.ended:
            return None
        return self.not_filled(state.value, self.progress.executed)

    def not_filled(self, ended_as: str, executed: int) -> NotFilled:
        """Say that it was not filled, or that what is executed of it is of no use.

        :param executed: in hundredths of a unit.
        """
        volume = self.progress.volume
        return NotFilled(
            str(self), ended_as, executed, volume, lots_of(self.symbol, executed), lots_of(self.symbol, volume)
        )


def _end(waiter: Deferred[Any], outcome: object) -> None:
    if isinstance(outcome, Exception):
        waiter.errback(outcome)
    else:
        waiter.callback(outcome)
