"""An order, from the moment it is asked for to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted.account.tracking import OrderState, Progress
from ctrader_twisted.errors import ClientClosed, NotFilled
from ctrader_twisted.messages import ProtoOAOrderType, ProtoOATradeSide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.portfolio import Position
    from ctrader_twisted.account.terms import Level
    from ctrader_twisted.account.tracking import Fill
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.symbols import Symbol, Volume
    from ctrader_twisted.market.units import Lots, Price
    from ctrader_twisted.messages import ProtoOADeal, ProtoOAExecutionEvent, ProtoOAOrder

_log = Logger()


class Order:
    """An order of an `Account`. It is made by the account's methods, never by hand.

    ``accepted()``, ``filled()`` and ``done()`` each give a new Deferred whenever they are called; a connection that is
    lost meanwhile does not fail them: they wait until it is known what became of the order. An order whose failure
    nobody waits for is logged.

    :ivar client_order_id: its own id, in `clientOrderId` and, unless it was given a label, in `label`.
    :ivar symbol_name: the symbol as it was asked for.
    :ivar symbol: the symbol; None until it is known.
    :ivar side: ``BUY`` or ``SELL``, ProtoOATradeSide.
    :ivar order_type: ProtoOAOrderType.
    :ivar closes: the id of the position that it closes, or a part of it; None for an order that opens.
    """

    def __init__(
        self,
        account: Account,
        client_order_id: str,
        symbol_name: str,
        side: int,
        order_type: int,
        *,
        closes: int | None = None,
    ) -> None:
        self.account = account
        self.client_order_id = client_order_id
        self.symbol_name = symbol_name
        self.symbol: Symbol | None = None
        self.side = ProtoOATradeSide(side)
        self.order_type = ProtoOAOrderType(order_type)
        self.closes = closes
        self.doubtful = False
        self.doubted_at = 0.0
        self.absences = 0
        self.sent_after = 0
        self.closings_before = 0
        self.wants_levels = (False, False)
        self.exact_levels: tuple[Decimal | None, Decimal | None] = (None, None)
        self.levels_known = False
        self.levels_awaited = False
        self._progress = Progress()
        self._waiting: dict[str, list[Deferred[Any]]] = {}
        self._listeners: tuple[Callable[[Order], object], ...] = ()
        self._asked = False
        self._protection: OpenApiError | Position | None = None

    def __repr__(self) -> str:
        number = "" if self.order_id is None else f" {self.order_id}"
        wanted = self.volume if self.symbol is None else self.symbol.lots(self.volume)
        return (
            f"<Order{number}: {self.side.name} {wanted} {self.symbol_name} {self.order_type.name}, "
            f"{self.state.value}, {self.executed} executed>"
        )

    # What is known

    @property
    def state(self) -> OrderState:
        """Where it stands."""
        return self._progress.state

    @property
    def error(self) -> OpenApiError | None:
        """Why it was refused, never left or never arrived, or why its outcome is unknown; None otherwise."""
        return self._progress.error

    @property
    def order_id(self) -> int | None:
        """Its orderId; None until the server has told it."""
        return self._progress.order_id

    @property
    def position_id(self) -> int | None:
        """The position it opens, increases or closes; None until the server has told it."""
        return self.closes if self._progress.position_id is None else self._progress.position_id

    @property
    def position(self) -> Position | None:
        """That position, if it is open."""
        return None if self.position_id is None else self.account.positions.get(self.position_id)

    @property
    def volume(self) -> int:
        """What was ordered, in hundredths of a unit; 0 until it is known."""
        return self._progress.volume

    @property
    def executed(self) -> int:
        """What is executed of it, in hundredths of a unit."""
        return self._progress.executed

    @property
    def remaining(self) -> int:
        """What is not executed of it, in hundredths of a unit."""
        return max(0, self.volume - self.executed)

    @property
    def lots(self) -> Lots | None:
        """What was ordered, in lots; None until the symbol is known."""
        return None if self.symbol is None else self.symbol.lots(self.volume)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Its executions, the oldest first."""
        return self._progress.fills

    @property
    def average_price(self) -> Decimal | None:
        """The mean price of its executions; None before the first."""
        return self._progress.average_price

    @property
    def profit(self) -> Decimal | None:
        """What it changed the balance by, costs included: the sum over what it closed; None if it closed nothing."""
        closed = [fill.closed for fill in self.fills if fill.closed is not None]
        return sum((part.net for part in closed), start=closed[0].net * 0) if closed else None

    @property
    def message(self) -> ProtoOAOrder | None:
        """The server's latest word on it; None before the first. Not to be changed."""
        return self._progress.message

    # Waiting

    def accepted(self) -> Deferred[Order]:
        """Wait until the server has it.

        :return: a new Deferred that fires with this order, at once if the server has it or had it. It fails with a
            `ServerError` (`OrderRefused` and its kinds) if the server refuses, with `OrderNotPlaced` (`VolumeRefused`,
            `SafetyRefused`, …) or `RequestNotSent` if it never left, with `NeverArrived` if it left and did not come,
            and with `ClientClosed`.
        """
        return self._wait("accepted")

    def filled(self) -> Deferred[Order]:
        """Wait until all of it is executed.

        :return: a new Deferred that fires with this order. It fails as `accepted` does, and with `NotFilled` if it ends
            otherwise; a part may be executed then.
        """
        return self._wait("filled")

    def done(self) -> Deferred[Order]:
        """Wait until nothing more can come of it, however it ends: `state` and `error` tell.

        :return: a new Deferred that fires with this order; it fails with `ClientClosed` only.
        """
        return self._wait("done")

    def protected(self) -> Deferred[Position]:
        """Wait until its position has the levels that were asked for: they stand a moment after the fill.

        :return: a new Deferred that fires with the position, once it is filled if no levels were asked for. It fails as
            `filled` does, with `NotFilled` too if the position is closed before, and with what refuses the levels.
        """
        self._asked = True
        waiter: Deferred[Position] = Deferred(lambda given_up: self._give_up("protected", given_up))
        if isinstance(self._protection, Exception):
            waiter.errback(self._protection)
        elif self._protection is not None:
            waiter.callback(self._protection)
        else:
            self._waiting.setdefault("protected", []).append(waiter)
        return waiter

    def on_change(self, listener: Callable[[Order], object]) -> Callable[[], None]:
        """Call a listener with this order whenever something about it changes, as long as it is not given up.

        :return: what ends it.
        """
        self._listeners = (*self._listeners, listener)

        def stop() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

        return stop

    # Commands

    def cancel(self) -> Deferred[Order]:
        """Cancel what is not executed of it.

        :return: a Deferred that fires with this order when it is cancelled. It fails with `OrderRefused` if the server
            refuses (it may have been filled meanwhile), with `NotWorking` if it has ended otherwise, and with
            `NeverArrived` if the command did not come; the order works on then.
        """
        return self.account.cancel(self)

    def amend(
        self,
        *,
        volume: Volume | None = None,
        price: Price | None = None,
        stop_loss: Level | None = None,
        take_profit: Level | None = None,
    ) -> Deferred[Order]:
        """Change it while it works: see `Account.amend`."""
        changes: dict[str, Any] = {"volume": volume, "price": price}
        levels = {"stop_loss": stop_loss, "take_profit": take_profit}
        changes.update({name: level for name, level in levels.items() if level is not None})
        return self.account.amend(self, **changes)

    # What the account tells it

    def _prepared(self, symbol: Symbol | None, volume: int) -> None:
        self.symbol = symbol
        self._progress.volume = volume

    def _sent(self) -> None:
        self._progress.sent()
        self._changed()

    def _not_sent(self, error: OpenApiError) -> None:
        self._progress.not_sent(error)
        self._changed()

    def _refused(self, error: OpenApiError) -> None:
        self._progress.refused(error)
        self._changed()

    def _doubted(self, error: OpenApiError, now: float) -> None:
        self._progress.doubted(error)
        self._in_doubt(now)
        self._changed()

    def _in_doubt(self, now: float) -> None:
        self.doubtful, self.doubted_at, self.absences = True, now, 0

    def _absent(self, error: OpenApiError) -> None:
        self.doubtful = False
        self._progress.absent(error)
        self._changed()

    def _executed(self, event: ProtoOAExecutionEvent) -> bool:
        """Take an event in; whoever waits is told by `_changed`, if this says that anything changed."""
        proven_wrong = self.state in (OrderState.NEVER_ARRIVED, OrderState.NOT_SENT)
        changed = self._progress.executed_by(event)
        if changed and proven_wrong:
            _log.error("{order} was held to have never arrived, and has", order=self)
        return changed

    def _listed(self, order: ProtoOAOrder, deals: Iterable[ProtoOADeal] = ()) -> None:
        self.doubtful = False
        if self._progress.listed(order, deals):
            self._changed()

    def _protected(self, outcome: OpenApiError | Position) -> None:
        if self._protection is None:
            self._protection = outcome
            for waiter in self._waiting.pop("protected", []):
                if isinstance(outcome, Exception):
                    waiter.errback(outcome)
                else:
                    waiter.callback(outcome)

    @property
    def levels_to_come(self) -> bool:
        """Whether levels were asked for with it that do not stand yet."""
        if not any(self.wants_levels) or self.levels_known or not self.executed:
            return False  # a resting order may name a position long before it touches it
        return self.state.ended or self.order_type in _AT_THE_MARKET

    def levels_stand_on(self, position: Position) -> bool:
        """Say whether a position has the levels that were asked for."""
        stop, take = self.wants_levels
        return not (stop and position.stop_loss is None) and not (take and position.take_profit is None)

    def levels_stand(self) -> Deferred[None]:
        """Wait until its position has levels: those that the server took with the order."""
        waiter: Deferred[None] = Deferred(lambda given_up: self._give_up("levels", given_up))
        self._waiting.setdefault("levels", []).append(waiter)
        return waiter

    def _levels_are(self, outcome: OpenApiError | Position) -> None:
        self.levels_known = True
        for waiter in self._waiting.pop("levels", []):
            waiter.callback(None)
        if isinstance(outcome, Exception):
            self._protected(outcome)

    def _closed(self) -> None:
        """The client was closed: nothing more will be known."""
        waiting, self._waiting = self._waiting, {}
        self._listeners = ()
        for waiters in waiting.values():
            for waiter in waiters:
                waiter.errback(ClientClosed())

    # Inside

    def _wait(self, what: str) -> Deferred[Order]:
        self._asked = True
        waiter: Deferred[Order] = Deferred(lambda given_up: self._give_up(what, given_up))
        self._waiting.setdefault(what, []).append(waiter)
        self._fire(what)
        return waiter

    def _give_up(self, what: str, waiter: Deferred[Any]) -> None:
        waiters = self._waiting.get(what, [])
        if waiter in waiters:
            waiters.remove(waiter)

    def _changed(self) -> None:
        for what in ("accepted", "filled", "done"):
            self._fire(what)
        if self.state in _FAILED and not self._asked and not self._listeners:
            _log.warn("{order}: {error}", order=self, error=str(self.error))
        for listener in self._listeners:
            try:
                listener(self)
            except Exception:
                _log.failure("listener {listener!r} failed", listener=listener)

    def _fire(self, what: str) -> None:
        outcome = self._outcome(what)
        if outcome is None:
            return
        waiters = self._waiting.pop(what, [])
        for waiter in waiters:
            if isinstance(outcome, Exception):
                waiter.errback(outcome)
            else:
                waiter.callback(self)

    def _outcome(self, what: str) -> Order | OpenApiError | None:
        """Say what a wait ends with; None as long as it does not."""
        state = self.state
        if state in (OrderState.PREPARING, OrderState.SENT, OrderState.UNKNOWN):
            return None
        if what == "done":
            return self if state.ended else None
        if state in _FAILED:
            assert self.error is not None
            return self.error
        if what == "accepted" or state is OrderState.FILLED:
            return self
        return NotFilled(str(self), state.value, self.executed, self.volume) if state.ended else None


_AT_THE_MARKET: Final = frozenset({ProtoOAOrderType.MARKET, ProtoOAOrderType.MARKET_RANGE})
_FAILED: Final = frozenset({OrderState.REJECTED, OrderState.NOT_SENT, OrderState.NEVER_ARRIVED})
