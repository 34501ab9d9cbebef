"""One trading account, as a person means it: symbols by name, volumes and levels with units, orders followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ctrader_twisted.account import account as deferred
from ctrader_twisted.account import valuation
from ctrader_twisted.account.keywords import AtLimit, AtMarket, AtStop, Changing, Opening, Reversing, takes
from ctrader_twisted.account.prices import QUOTES_WITHIN
from ctrader_twisted.account.terms import KEEP
from ctrader_twisted.aio.calls import does, gives, gives_later, pages, waits, whole
from ctrader_twisted.aio.futures import future
from ctrader_twisted.aio.link import Face
from ctrader_twisted.faces import Reads, Settable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal
    from typing import Unpack

    from ctrader_twisted.account.checking import Check
    from ctrader_twisted.account.flattening import Flattened
    from ctrader_twisted.account.holdings import PendingOrder, Position
    from ctrader_twisted.account.market_data import Side as QuoteSide
    from ctrader_twisted.account.safety import Safety
    from ctrader_twisted.account.terms import Keep, Level, Side
    from ctrader_twisted.account.valuation import Unrealised
    from ctrader_twisted.aio.live import Live
    from ctrader_twisted.aio.order import Order
    from ctrader_twisted.aio.series import Series
    from ctrader_twisted.history.tables import Bars, QuoteTicks, Ticks
    from ctrader_twisted.market.quotes import Quote
    from ctrader_twisted.market.symbols import Rounding, Symbol, Volume
    from ctrader_twisted.market.units import Money, Pips, Price
    from ctrader_twisted.messages import ProtoOAOrderTriggerMethod, ProtoOATrader

_T = TypeVar("_T")


class Valuation(Face, of=valuation.Valuation):
    """What an account's positions are worth now: the figures that follow from quotes.

    A figure is None while a price for it is not known: `Account.priced` waits for that.
    """

    @waits(valuation.Valuation.priced)
    async def priced(self, symbol_id: int, within: float = QUOTES_WITHIN) -> None: ...

    @does(valuation.Valuation.quote)
    def quote(self, symbol_id: int) -> Quote | None: ...

    @does(valuation.Valuation.rate)
    def rate(self, symbol_id: int) -> Decimal | None: ...

    @does(valuation.Valuation.notional)
    def notional(self, symbol_id: int, volume: int) -> Decimal | None: ...

    @does(valuation.Valuation.unrealised)
    def unrealised(self, position: Position) -> Unrealised | None: ...

    @waits(valuation.Valuation.check)
    async def check(self, *, correct: bool = False, tolerance: Decimal | int = 0) -> Check: ...

    unrealised_gross: Reads[Decimal | None] = Reads()
    unrealised_net: Reads[Decimal | None] = Reads()
    equity: Reads[Decimal | None] = Reads()
    used_margin: Reads[Decimal | None] = Reads()
    free_margin: Reads[Decimal | None] = Reads()
    margin_level: Reads[Decimal | None] = Reads()


class Account(Face, of=deferred.Account):
    """One trading account; ``client.account(account_id)`` gives it, ready.

    What is read of it is as of one moment, and does not change later: positions are read again for what they are then.
    """

    account_id: Reads[int] = Reads()

    @gives_later(deferred.Account.settled)
    async def settled(self) -> Account: ...

    @gives_later(deferred.Account.priced)
    async def priced(self, within: float = QUOTES_WITHIN) -> Account: ...

    # What there is

    positions: Reads[dict[int, Position]] = Reads()

    @does(deferred.Account.positions_by)
    def positions_by(
        self, *, label: str | None = None, symbol: str | Symbol | None = None, side: Side | None = None
    ) -> tuple[Position, ...]: ...

    pending: Reads[dict[int, PendingOrder]] = Reads()
    orders: Reads[tuple[Order, ...]] = Reads()
    trader: Reads[ProtoOATrader | None] = Reads()
    balance: Reads[Decimal | None] = Reads()
    valuation: Reads[Valuation] = Reads()
    equity: Reads[Decimal | None] = Reads()
    used_margin: Reads[Decimal | None] = Reads()
    free_margin: Reads[Decimal | None] = Reads()
    margin_level: Reads[Decimal | None] = Reads()
    unrealised: Reads[Decimal | None] = Reads()
    stands: Reads[bool] = Reads()
    live: Reads[Live] = Reads()

    @waits(deferred.Account.check)
    async def check(self) -> Check: ...

    @waits(deferred.Account.symbol)
    async def symbol(self, name: str) -> Symbol: ...

    symbols: Reads[tuple[str, ...]] = Reads()

    @waits(deferred.Account.quote)
    async def quote(self, symbol: str | Symbol, within: float = QUOTES_WITHIN) -> Quote: ...

    @does(deferred.Account.alias)
    def alias(self, aliases: Mapping[str, str]) -> None: ...

    # History

    @whole(deferred.Account.bars)
    async def bars(
        self,
        symbol: str | Symbol,
        period: str | int,
        start: datetime,
        end: datetime | None = None,
        *,
        running: bool = False,
        patience: float | None = None,
    ) -> Bars: ...

    @whole(deferred.Account.ticks)
    async def ticks(
        self,
        symbol: str | Symbol,
        side: QuoteSide,
        start: datetime,
        end: datetime | None = None,
        *,
        patience: float | None = None,
    ) -> Ticks: ...

    @whole(deferred.Account.quote_ticks)
    async def quote_ticks(
        self, symbol: str | Symbol, start: datetime, end: datetime | None = None, *, patience: float | None = None
    ) -> QuoteTicks: ...

    @pages(deferred.Account.bars)
    def bars_by_page(
        self,
        symbol: str | Symbol,
        period: str | int,
        start: datetime,
        end: datetime | None = None,
        *,
        running: bool = False,
        patience: float | None = None,
    ) -> Series[Bars]: ...

    @pages(deferred.Account.ticks)
    def ticks_by_page(
        self,
        symbol: str | Symbol,
        side: QuoteSide,
        start: datetime,
        end: datetime | None = None,
        *,
        patience: float | None = None,
    ) -> Series[Ticks]: ...

    @pages(deferred.Account.quote_ticks)
    def quote_ticks_by_page(
        self, symbol: str | Symbol, start: datetime, end: datetime | None = None, *, patience: float | None = None
    ) -> Series[QuoteTicks]: ...

    # Orders

    @gives(deferred.Account.buy)
    @takes(AtMarket)
    def buy(self, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order: ...

    @gives(deferred.Account.sell)
    @takes(AtMarket)
    def sell(self, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order: ...

    @gives(deferred.Account.market)
    @takes(AtMarket)
    def market(self, side: Side, symbol: str | Symbol, amount: Volume, **terms: Unpack[AtMarket]) -> Order: ...

    @gives(deferred.Account.market_range)
    @takes(Opening)
    def market_range(
        self,
        side: Side,
        symbol: str | Symbol,
        amount: Volume,
        *,
        slippage: Pips,
        price: Price | None = None,
        **terms: Unpack[Opening],
    ) -> Order: ...

    @gives(deferred.Account.limit)
    @takes(AtLimit)
    def limit(
        self, side: Side, symbol: str | Symbol, amount: Volume, price: Price, **terms: Unpack[AtLimit]
    ) -> Order: ...

    @gives(deferred.Account.stop)
    @takes(AtStop)
    def stop(
        self, side: Side, symbol: str | Symbol, amount: Volume, price: Price, **terms: Unpack[AtStop]
    ) -> Order: ...

    @gives(deferred.Account.stop_limit)
    @takes(AtStop)
    def stop_limit(
        self, side: Side, symbol: str | Symbol, amount: Volume, price: Price, *, slippage: Pips, **terms: Unpack[AtStop]
    ) -> Order: ...

    @gives(deferred.Account.close)
    def close(
        self,
        position: Position | int,
        amount: Volume | None = None,
        *,
        rounding: Rounding = "refuse",
        timeout: float | None = None,
    ) -> Order: ...

    @gives(deferred.Account.close_all)
    def close_all(
        self, symbol: str | Symbol | None = None, side: Side | None = None, *, label: str | None = None
    ) -> list[Order]: ...

    @gives(deferred.Account.reverse)
    @takes(Reversing)
    def reverse(self, position: Position | int, **terms: Unpack[Reversing]) -> Order: ...

    @waits(deferred.Account.flatten)
    async def flatten(self) -> Flattened: ...

    # What may be done

    safety: Settable[Safety] = Settable()
    limits: Settable[Safety] = Settable()
    halted: Reads[str | None] = Reads()

    @does(deferred.Account.halt)
    def halt(self, reason: str) -> None: ...

    @does(deferred.Account.resume)
    def resume(self) -> None: ...

    # Commands

    async def cancel(self, order: Order | PendingOrder | int, *, timeout: float | None = None) -> Any:
        """Cancel what is not executed of a working order; as `ctrader_twisted.account.Account.cancel`.

        :param order: an order of this object, one of `pending`, or an orderId.
        :param timeout: as for `market`.
        :return: what was given, when it is cancelled. It raises `OrderRefused`, `NotWorking` or `NeverArrived`.
        """
        return self._link.given(await future(self._call("cancel", (order,), {"timeout": timeout})))

    @takes(Changing)
    async def amend(self, order: Order | PendingOrder | int, **changes: Unpack[Changing]) -> Any:
        """Change a working order. Everything that is not changed is sent as it is, since what is left out may go.

        :param order: an order of this object, one of `pending`, or an orderId.
        :return: what was given, when the server has changed it. It raises what refuses it here or there, `NotWorking`,
            and `NeverArrived`.
        """
        return self._link.given(await future(self._call("amend", (order,), changes)))

    @waits(deferred.Account.set_levels)
    async def set_levels(
        self,
        position: Position | int,
        *,
        stop_loss: Level | Keep | None = KEEP,
        take_profit: Level | Keep | None = KEEP,
        trailing: bool | Keep = KEEP,
        guaranteed: bool | Keep = KEEP,
        trigger: ProtoOAOrderTriggerMethod | int | None = None,
        rounding: Rounding = "refuse",
        timeout: float | None = None,
    ) -> Position: ...

    @waits(deferred.Account.trail)
    async def trail(
        self, position: Position | int, distance: Pips | Money, *, timeout: float | None = None
    ) -> Position: ...

    @gives_later(deferred.Account.find)
    async def find(self, client_order_id: str) -> Order: ...

    # Changes

    def on(self, cls: type[_T], listener: Callable[[_T], object]) -> Callable[[_T], object]:
        """Call a listener with each change of a class of `ctrader_twisted.account`: ``PositionClosed``, ….

        :param listener: a function, or a coroutine function, which runs as a task. What it raises is given to the event
            loop's exception handler, which logs it.
        :return: the listener.
        """
        self._call("on", (cls, self._link.relay(listener)))
        return listener

    def off(self, cls: type[_T], listener: Callable[[_T], object]) -> None:
        """Stop calling a listener."""
        self._call("off", (cls, self._link.relay(listener)))
