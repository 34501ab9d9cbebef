"""Limits that a user sets for an account of his own, held against every command before it is sent. Pure.

They guard against what a program does by mistake. What closes is never forbidden by a limit, nor by a halt: nobody is
to be kept in a position. A dry run sends nothing, not even that: `Safety.permits_sending` is for every command.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from ctrader_twisted.account.holdings import total
from ctrader_twisted.account.terms import shown
from ctrader_twisted.errors import DryRun, SafetyRefused, TradingHalted
from ctrader_twisted.market.units import Lots, Money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from ctrader_twisted.account.holdings import PendingOrder, Position
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.market import Symbol, SymbolList

HALTED: Final = "its safety settings say so"


@dataclass(frozen=True, slots=True)
class Safety:
    """What may be done with an account. None sets no limit; so does `Safety()` as a whole.

    :raises ValueError: if a limit is less than nothing.
    :raises TypeError: if a limit has not the unit that it needs.
    """

    symbols: frozenset[str] | None = None
    """The symbols that may be traded, by the broker's names, in any case; see `named` for other names."""
    max_volume: Lots | None = None
    """Of one order that opens."""
    max_open_volume: Lots | None = None
    """Of one symbol: both sides of its positions and its working orders that open, all added up."""
    max_exposure: Money | None = None
    """Of all positions and working orders that open: what their volumes are worth now, both sides added up."""
    max_positions: int | None = None
    """Positions, and working orders that would open one."""
    dry_run: bool = False
    """Whether every command is checked and none is sent."""
    halted: bool = False
    """Whether nothing is opened at all."""

    def __post_init__(self) -> None:
        if self.symbols is not None:
            if isinstance(self.symbols, str):
                raise TypeError(f"symbols takes a set of names, not the text {self.symbols!r}")
            object.__setattr__(self, "symbols", frozenset(self.symbols))
        for name, unit in (("max_volume", Lots), ("max_open_volume", Lots), ("max_exposure", Money)):
            limit = getattr(self, name)
            if limit is not None and not isinstance(limit, unit):
                raise TypeError(f"{name} takes {unit.__name__}, such as {unit.__name__}('1'), not {limit!r}")
            if limit is not None and limit.value < 0:
                raise ValueError(f"{name}: {limit} is less than nothing")
        most = self.max_positions
        if most is not None and (isinstance(most, bool) or not isinstance(most, int)):
            raise TypeError(f"max_positions takes an int, not {most!r}")
        if most is not None and most < 0:
            raise ValueError(f"max_positions: {most} is less than nothing")

    def tightened(self, other: Safety) -> Self:
        """Give what both allow: of each limit the stricter one.

        :raises TypeError: if the two have a `max_exposure` in different currencies.
        """
        merged: dict[str, Any] = {}
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, bool):
                merged[each.name] = mine or theirs
            elif mine is None or theirs is None:
                merged[each.name] = theirs if mine is None else mine
            elif each.name == "symbols":
                wanted = {name.casefold() for name in theirs}
                merged[each.name] = frozenset(name for name in mine if name.casefold() in wanted)
            else:
                merged[each.name] = min(mine, theirs)
        return type(self)(**merged)

    def named(self, symbols: SymbolList) -> Self:
        """Give the same with the broker's own names in place of aliases and names without his decoration.

        :raises UnknownSymbol: if there is no such symbol; it is an `AmbiguousSymbol` if there are several.
        """
        if self.symbols is None:
            return self
        found = frozenset(symbols.find(name).symbolName for name in self.symbols)
        return type(self)(**{each.name: getattr(self, each.name) for each in fields(self)} | {"symbols": found})

    @property
    def counts(self) -> bool:
        """Whether one of the limits counts what is open already."""
        return any(limit is not None for limit in (self.max_open_volume, self.max_exposure, self.max_positions))

    def permits_sending(self, what: str) -> None:
        """Let a command leave, of whatever kind, that everything else lets pass.

        :param what: the command in words.
        :raises DryRun: if nothing is to be sent at all.
        """
        if self.dry_run:
            raise DryRun(what)

    def permits(
        self,
        portfolio: Portfolio,
        symbol: Symbol,
        side: int,
        volume: int,
        *,
        position_id: int | None = None,
        larger: PendingOrder | None = None,
        replaces: int | None = None,
        unheard_of: Iterable[tuple[int, int, int]] = (),
        growing: Iterable[tuple[int, int, int]] = (),
        closing: Iterable[tuple[int, int, int]] = (),
        notional: Callable[[int, int], Decimal | None] = lambda symbol_id, volume: None,
        currency: str | None = None,
        halted: str | None = None,
    ) -> None:
        """Let an order pass that opens, or refuse it. Whether anything is to be sent at all is not asked here.

        On a netted account, the part of it that does no more than close what is there is not limited.

        :param side: ``BUY`` or ``SELL``, ProtoOATradeSide.
        :param volume: in hundredths of a unit; of an order that is made larger, what it grows by.
        :param position_id: the position that it adds to, or None if it opens one of its own.
        :param larger: the working order that is made larger; `max_volume` holds for all of it.
        :param replaces: a position that is closed before the order is sent.
        :param unheard_of: symbolId, side and volume of each order that was sent and is not in the portfolio yet.
        :param growing: likewise what working orders grow by that are being made larger.
        :param closing: likewise of each order that was made to close and is not executed.
        :param notional: gives what a volume of a symbolId is worth in the deposit asset now; None if that is not known.
        :param currency: the name of the deposit asset; None if it is not known.
        :param halted: why the account is halted besides; None if it is not.
        :raises SafetyRefused: naming the limit, what it would come to, and what to do.
        :raises TradingHalted: if `halted`, or the account is.
        """
        positions = [each for key, each in portfolio.positions.items() if key != replaces]
        standing = [
            *((order.symbol_id, order.side, order.remaining) for order in portfolio.orders.values() if order.opening),
            *unheard_of,
        ]
        growing = tuple(growing)
        opening = volume
        if portfolio.netted:
            taken = (*standing, *growing, *closing)
            opening -= min(volume, _set_off(positions, taken, symbol.symbol_id, side))
        if opening:
            if halted is not None:
                raise TradingHalted(halted)
            if self.halted:
                raise TradingHalted(HALTED, "set halted to false in its safety settings when its reason is gone")
            self._check_symbol(symbol)
            self._check_volume(symbol, opening if larger is None else larger.volume + opening)
            held = [(each.symbol_id, each.volume) for each in positions]
            held += [(symbol_id, size) for symbol_id, _, size in (*standing, *growing)]
            self._check_open_volume(symbol, sum(size for of, size in held if of == symbol.symbol_id) + opening)
            if larger is None:
                self._check_positions(portfolio.netted, positions, symbol, position_id, len(standing))
            self._check_exposure(symbol, [*held, (symbol.symbol_id, opening)], notional, currency)

    # One limit each

    def _check_symbol(self, symbol: Symbol) -> None:
        if self.symbols is None or symbol.name.casefold() in {name.casefold() for name in self.symbols}:
            return
        allowed = ", ".join(sorted(self.symbols)) or "none"
        _refuse("symbols", f"{symbol.name} may not be traded; allowed: {allowed}", f'add "{symbol.name}" to symbols')

    def _check_volume(self, symbol: Symbol, volume: int) -> None:
        if self.max_volume is not None and _lots("max_volume", symbol, volume) > self.max_volume:
            _refuse(
                "max_volume",
                f"an order of {shown(symbol, volume)} of {symbol.name}, where {self.max_volume} are allowed",
                "take a smaller volume, or raise max_volume",
            )

    def _check_open_volume(self, symbol: Symbol, volume: int) -> None:
        if self.max_open_volume is not None and _lots("max_open_volume", symbol, volume) > self.max_open_volume:
            _refuse(
                "max_open_volume",
                f"{shown(symbol, volume)} of {symbol.name} would be open or ordered, "
                f"where {self.max_open_volume} are allowed",
                "take a smaller volume, close or cancel some, or raise max_open_volume",
            )

    def _check_positions(
        self, netted: bool, positions: list[Position], symbol: Symbol, position_id: int | None, orders: int
    ) -> None:
        if self.max_positions is None or any(each.position_id == position_id for each in positions):
            return
        if netted and any(each.symbol_id == symbol.symbol_id for each in positions):
            return
        count = len(positions) + orders + 1
        if count > self.max_positions:
            _refuse(
                "max_positions",
                f"there would be {count} positions and orders that open one, where {self.max_positions} are allowed",
                "close or cancel one, or raise max_positions",
            )

    def _check_exposure(
        self,
        symbol: Symbol,
        volumes: Iterable[tuple[int, int]],
        notional: Callable[[int, int], Decimal | None],
        currency: str | None,
    ) -> None:
        limit = self.max_exposure
        if limit is None:
            return
        if limit.currency is not None and (currency is None or currency.casefold() != limit.currency.casefold()):
            _refuse(
                "max_exposure",
                f"it is in {limit.currency}, and the account is kept in {currency or 'an asset that is not known yet'}",
                "give it in the currency of the account" if currency else "try again in a moment",
            )
        worths: list[Decimal] = []
        for symbol_id, volume in volumes:
            worth = notional(symbol_id, volume)
            if worth is None:
                which = symbol.name if symbol_id == symbol.symbol_id else f"symbol {symbol_id}"
                _refuse(
                    "max_exposure",
                    f"what {which} is worth is not known: there is no quote for it yet",
                    "try again when there is one",
                )
            worths.append(worth)
        reached = total(worths)
        if reached > limit.value:
            kept_in = f" {currency}" if currency else ""
            _refuse(
                "max_exposure",
                f"positions and orders would be worth {reached:f}{kept_in}, where {limit.value:f}{kept_in} is allowed",
                "take a smaller volume, close or cancel some, or raise max_exposure",
            )


def _refuse(limit: str, problem: str, remedy: str) -> NoReturn:
    raise SafetyRefused(limit, problem, remedy)


def _set_off(positions: Iterable[Position], standing: Iterable[tuple[int, int, int]], symbol_id: int, side: int) -> int:
    """Give how much of the other side is open that no standing order of this side would close already."""
    other = sum(each.volume for each in positions if each.symbol_id == symbol_id and each.side != side)
    return max(0, other - sum(size for of, its, size in standing if of == symbol_id and its == side))


def _lots(limit: str, symbol: Symbol, volume: int) -> Lots:
    if symbol.lot_size is None:
        _refuse(
            limit, f"the volume of {symbol.name} can't be counted in lots: the broker set no lot size", f"unset {limit}"
        )
    return symbol.lots(volume)
