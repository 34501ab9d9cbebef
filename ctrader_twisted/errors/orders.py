"""Orders that were refused here, before anything was sent, and orders that came to another end than was wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.errors.roots import LocalError, OpenApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class OrderNotPlaced(LocalError):
    """An order or position command was refused by this program: nothing was sent.

    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"


class ValueRefused(OrderNotPlaced):
    """A volume or a price that the symbol can't have.

    :ivar symbol: the symbol's name.
    :ivar wanted: what was asked for.
    :ivar problem: what is wrong with it: "has more than 5 decimal places".
    :ivar nearest: the nearest that would be accepted, below and above; empty if there are none.
    :ivar remedy: what to do about it.
    """

    def __init__(
        self, symbol: str, wanted: object, problem: str, nearest: Iterable[object] = (), remedy: str | None = None
    ) -> None:
        nearest = tuple(nearest)
        super().__init__(problem, remedy or _would_be_accepted(nearest))
        self.args: tuple[Any, ...] = (symbol, wanted, problem, nearest, remedy)
        self.symbol = symbol
        self.wanted = wanted
        self.nearest = nearest


class VolumeRefused(ValueRefused):
    """A volume that the symbol can't be traded in. What was wanted, and what is near it, are a `Lots`, `Units` or
    `ProtocolVolume`, all in the same unit.
    """

    def __str__(self) -> str:
        return f"{self.wanted} of {self.symbol} {self.problem}: {self.remedy}"


class PriceRefused(ValueRefused):
    """A price that the symbol can't have. What was wanted, and what is near it, are prices."""

    def __str__(self) -> str:
        return f"a price of {self.wanted} for {self.symbol} {self.problem}: {self.remedy}"


class LevelsRefused(OrderNotPlaced):
    """A stop loss or take profit that can't be: its distance, its side, or what it is given in.

    :ivar symbol: the symbol's name.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, symbol: str, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.args: tuple[Any, ...] = (symbol, problem, remedy)
        self.symbol = symbol

    def __str__(self) -> str:
        return f"{self.symbol}: {self.problem}: {self.remedy}"


class UnknownSymbol(OrderNotPlaced):
    """The account has no symbol of this name, nor one that could be meant by it.

    :ivar name: the name that was asked for.
    :ivar suggestions: names of the account's symbols that are close to it, the closest first.
    :ivar meant: what it is an alias of, by the user's own list; None if it is no alias.
    """

    def __init__(self, name: str, suggestions: Iterable[str] = (), meant: str | None = None) -> None:
        suggestions = tuple(suggestions)
        super().__init__(
            f'the account has no symbol "{name}"'
            if meant is None
            else f'the account has no symbol "{meant}", which "{name}" is an alias of',
            f"did you mean {_either(suggestions)}?" if suggestions else 'see which it has with "ctrader symbols"',
        )
        self.args: tuple[Any, ...] = (name, suggestions, meant)
        self.name = name
        self.suggestions = suggestions
        self.meant = meant


class AmbiguousSymbol(OrderNotPlaced):
    """A name that may mean more than one of the account's symbols.

    :ivar name: the name that was asked for.
    :ivar candidates: the names of those that it may mean.
    """

    def __init__(self, name: str, candidates: Iterable[str]) -> None:
        candidates = tuple(candidates)
        super().__init__(
            f'"{name}" may mean {_either(candidates)}', "write the whole name, or give the account an alias for it"
        )
        self.args: tuple[Any, ...] = (name, candidates)
        self.name = name
        self.candidates = candidates


class SafetyRefused(OrderNotPlaced):
    """A safety limit of the account forbids it. The limit is set here, not by the broker.

    :ivar limit: the name of the limit, as the configuration has it.
    :ivar problem: what is wrong.
    :ivar remedy: what to do about it.
    """

    def __init__(self, limit: str, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.args: tuple[Any, ...] = (limit, problem, remedy)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit}: {self.problem}: {self.remedy}"


class DryRun(OrderNotPlaced):
    """The account is set to rehearse: the command passed every check here, and was not sent.

    :ivar what: what would have been sent, in words.
    :ivar remedy: what to do about it.
    """

    def __init__(self, what: str, remedy: str = "turn dry_run off for this account to trade") -> None:
        super().__init__(f"{what} was not sent, since this is a dry run", remedy)
        self.args: tuple[Any, ...] = (what, remedy)
        self.what = what


class TradingHalted(OrderNotPlaced):
    """Trading is halted on this account, by the kill switch or by whoever has stopped it.

    :ivar reason: why.
    :ivar remedy: what to do about it.
    """

    def __init__(self, reason: str, remedy: str = "resume trading on this account when its reason is gone") -> None:
        super().__init__(f"trading is halted ({reason})" if reason else "trading is halted", remedy)
        self.args: tuple[Any, ...] = (reason, remedy)
        self.reason = reason


class OrderEnded(OpenApiError):
    """An order has ended otherwise than was wanted of it.

    :ivar order: the order, in words.
    :ivar ended_as: how it ended.
    :ivar remedy: what to do about it.
    """

    remedy: str = "look at the account's positions and pending orders"

    def __init__(self, order: str, ended_as: str) -> None:
        super().__init__(order, ended_as)
        self.order = order
        self.ended_as = ended_as

    def __str__(self) -> str:
        return f"{self.order}: {self.ended_as}: {self.remedy}"


class NotFilled(OrderEnded):
    """An order ended before all of it was executed.

    :ivar executed: what was executed of it, in hundredths of a unit.
    :ivar volume: what was ordered, in hundredths of a unit.
    :ivar executed_lots: what was executed of it, as `Lots`; None where its symbol is not counted in those.
    :ivar lots: what was ordered, likewise.
    """

    remedy = "look at the position before placing another"

    def __init__(
        self,
        order: str,
        ended_as: str,
        executed: int,
        volume: int,
        executed_lots: object | None = None,
        lots: object | None = None,
    ) -> None:
        super().__init__(order, ended_as)
        self.args: tuple[Any, ...] = (order, ended_as, executed, volume, executed_lots, lots)
        self.executed = executed
        self.volume = volume
        self.executed_lots = executed_lots
        self.lots = lots

    def __str__(self) -> str:
        part = f"{self.executed} of {self.volume} hundredths of a unit" if self.executed else "nothing of it"
        if self.executed and self.lots is not None:
            part = f"{str(self.executed_lots).partition(' ')[0]} of {self.lots}"  # the unit is said once
        return f"{self.order}: {self.ended_as}, {part} was executed: {self.remedy}"


class NotWorking(OrderEnded):
    """An order can't be cancelled or amended: it does not work any more."""


class LevelsMissing(OrderEnded):
    """An order was filled, and the stop loss or take profit that it was placed with does not stand on its position.

    The position is open and without that protection until somebody sets it; nothing here sets it again by itself.

    :ivar position_id: the position that lacks them.
    :ivar missing: what it lacks: ``"stop loss"``, ``"take profit"`` or both.
    """

    remedy = "call set_levels, or close the position"

    def __init__(self, order: str, position_id: int, missing: Iterable[str]) -> None:
        super().__init__(order, "filled")
        self.args: tuple[Any, ...] = (order, position_id, tuple(missing))
        self.position_id = position_id
        self.missing: tuple[str, ...] = tuple(missing)

    def __str__(self) -> str:
        return (
            f"{self.order}: filled, but position {self.position_id} is open without its {' and '.join(self.missing)}: "
            f"{self.remedy}"
        )


def _would_be_accepted(values: Sequence[object]) -> str:
    if not values:
        return "nothing close to it would be accepted"
    numbers, units = zip(*(str(value).partition(" ")[::2] for value in values), strict=True)
    if len(set(units)) == 1:  # said once: "0.01 or 0.02 lots"
        return f"{_either(numbers)} {units[0]}".rstrip() + " would be accepted"
    return f"{_either([str(value) for value in values])} would be accepted"


def _either(texts: Sequence[str]) -> str:
    """Name what there is to choose from: "a, b or c"."""
    *first, last = texts
    return f"{', '.join(first)} or {last}" if first else last
