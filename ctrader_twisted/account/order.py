"""An order, from the moment it is asked for to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.account.holdings import amount_of, lots_of
from ctrader_twisted.account.keywords import Changing, takes
from ctrader_twisted.account.terms import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from typing import Unpack

    from twisted.internet.defer import Deferred

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.course import Course
    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.account.tracking import Fill, OrderState
    from ctrader_twisted.errors import OpenApiError
    from ctrader_twisted.market.symbols import Symbol
    from ctrader_twisted.market.units import Lots
    from ctrader_twisted.messages import ProtoOAOrder, ProtoOAOrderType, ProtoOATradeSide


class Order:
    """An order of an `Account`. It is made by the account's methods, never by hand.

    ``accepted()``, ``filled()`` and ``done()`` each give a new Deferred whenever they are called; a connection that is
    lost meanwhile does not fail them: they wait until it is known what became of the order. An order whose failure
    nobody waits for is logged.

    :ivar account: the account that it was placed on.
    """

    def __init__(self, account: Account, course: Course) -> None:
        self.account = account
        self._course = course

    def __repr__(self) -> str:
        number = "" if self.order_id is None else f" {self.order_id}"
        executed = amount_of(self.symbol, self.executed) if self.executed else "nothing"
        return (
            f"<Order{number}: {self.side.name} {self._amount} {self.symbol_name} {self.order_type.name}, "
            f"{self.state.value}, {executed} executed>"
        )

    def __str__(self) -> str:
        number = repr(self.client_order_id) if self.order_id is None else str(self.order_id)
        return f"order {number} to {self.side.name.lower()} {self._amount} of {self.symbol_name}"

    @property
    def _amount(self) -> str:
        if self.symbol is not None:
            return shown(self.symbol, self.volume)
        return "all" if self._course.asked is None else str(self._course.asked)

    # What was asked for

    @property
    def client_order_id(self) -> str:
        """Its own id, in `clientOrderId` and, unless it was given a label, in `label`."""
        return self._course.client_order_id

    @property
    def symbol_name(self) -> str:
        """The symbol as it was asked for."""
        return self._course.symbol_name

    @property
    def symbol(self) -> Symbol | None:
        """The symbol; None until it is known."""
        return self._course.symbol

    @property
    def side(self) -> ProtoOATradeSide:
        """``BUY`` or ``SELL``."""
        return self._course.side

    @property
    def order_type(self) -> ProtoOAOrderType:
        """``MARKET``, ``LIMIT``, …."""
        return self._course.order_type

    @property
    def closes(self) -> int | None:
        """The id of the position that it closes, or a part of it; None for an order that opens."""
        return self._course.closes

    @property
    def after(self) -> Order | None:
        """The order that it waits for before it leaves: of a reversal, the one that closes. None otherwise."""
        return self._course.after

    # What is known

    @property
    def state(self) -> OrderState:
        """Where it stands."""
        return self._course.state

    @property
    def error(self) -> OpenApiError | None:
        """Why it was refused, never left or never arrived, or why its outcome is unknown; None otherwise."""
        return self._course.progress.error

    @property
    def order_id(self) -> int | None:
        """Its orderId; None until the server has told it."""
        return self._course.order_id

    @property
    def position_id(self) -> int | None:
        """The position it opens, increases or closes; None until the server has told it."""
        return self._course.position_id

    @property
    def position(self) -> Position | None:
        """That position, if it is open."""
        return None if self.position_id is None else self.account.positions.get(self.position_id)

    @property
    def volume(self) -> int:
        """What was ordered, in hundredths of a unit; 0 until it is known."""
        return self._course.progress.volume

    @property
    def executed(self) -> int:
        """What is executed of it, in hundredths of a unit."""
        return self._course.progress.executed

    @property
    def remaining(self) -> int:
        """What is not executed of it, in hundredths of a unit."""
        return self._course.remaining

    @property
    def lots(self) -> Lots | None:
        """What was ordered, in lots; None until the symbol is known, and where it is not counted in lots."""
        return lots_of(self.symbol, self.volume)

    @property
    def executed_lots(self) -> Lots | None:
        """What is executed of it, in lots; None where `lots` is."""
        return lots_of(self.symbol, self.executed)

    @property
    def remaining_lots(self) -> Lots | None:
        """What is not executed of it, in lots; None where `lots` is."""
        return lots_of(self.symbol, self.remaining)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Its executions, the oldest first."""
        return self._course.progress.fills

    @property
    def average_price(self) -> Decimal | None:
        """The mean price of its executions; None before the first."""
        return self._course.progress.average_price

    @property
    def profit(self) -> Decimal | None:
        """What it changed the balance by, costs included: the sum over what it closed; None if it closed nothing."""
        closed = [fill.closed for fill in self.fills if fill.closed is not None]
        return sum((part.net for part in closed), start=closed[0].net * 0) if closed else None

    @property
    def message(self) -> ProtoOAOrder | None:
        """The server's latest word on it; None before the first. Not to be changed."""
        return self._course.progress.message

    # Waiting

    def accepted(self) -> Deferred[Order]:
        """Wait until the server has it.

        :return: a new Deferred that fires with this order, at once if the server has it or had it. It fails with a
            `ServerError` (`OrderRefused` and its kinds) if the server refuses, with `OrderNotPlaced` (`VolumeRefused`,
            `SafetyRefused`, …) or `RequestNotSent` if it never left, with `NeverArrived` if it left and did not come,
            and with `ClientClosed`.
        """
        return self._course.wait("accepted")

    def filled(self) -> Deferred[Order]:
        """Wait until all of it is executed.

        :return: a new Deferred that fires with this order. It fails as `accepted` does, and with `NotFilled` if it ends
            otherwise; a part may be executed then.
        """
        return self._course.wait("filled")

    def done(self) -> Deferred[Order]:
        """Wait until nothing more can come of it, however it ends: `state` and `error` tell.

        :return: a new Deferred that fires with this order; it fails with `ClientClosed` only.
        """
        return self._course.wait("done")

    def protected(self) -> Deferred[Position]:
        """Wait until its position has the levels that were asked for: they stand a moment after the fill.

        :return: a new Deferred that fires with the position, once it is filled if no levels were asked for. It fails as
            `filled` does, with `NotFilled` too if the position is closed before, with `LevelsMissing` if it is open
            and they do not come within five seconds, and with what refuses the levels.
        """
        return self._course.wait_protected()

    def on_change(self, listener: Callable[[Order], object]) -> Callable[[], None]:
        """Call a listener with this order whenever something about it changes, before those who wait are told.

        :return: what ends it.
        """
        return self._course.listen(listener)

    # Commands

    def cancel(self, *, timeout: float | None = None) -> Deferred[Order]:
        """Cancel what is not executed of it.

        :param timeout: as for `Account.market`.
        :return: a Deferred that fires with this order when it is cancelled. It fails with `OrderRefused` if the server
            refuses (it may have been filled meanwhile), with `NotWorking` if it has ended otherwise, and with
            `NeverArrived` if the command did not come; the order works on then.
        """
        return self.account.cancel(self, timeout=timeout)

    @takes(Changing)
    def amend(self, **changes: Unpack[Changing]) -> Deferred[Order]:
        """Change it while it works: `Account.amend` with this order."""
        return self.account.amend(self, **changes)
