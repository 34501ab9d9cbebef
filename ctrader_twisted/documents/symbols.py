"""The symbols of one account, by name and by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.errors import AmbiguousSymbol, UnknownSymbol
from ctrader_twisted.market.prices import RELATIVE_DIGITS
from ctrader_twisted.market.symbols import SymbolList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctrader_twisted.messages import ProtoOALightSymbol, ProtoOASymbol


class Symbols:
    """Names of every symbol; digits and lot sizes of those that were asked for. Ids differ from broker to broker.

    :param aliases: names of the user's own for symbols.

    :ivar known: whether there are any names yet.
    """

    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        self.known: bool = False
        self._aliases = dict(aliases or {})
        self._list = SymbolList(())
        self._found: dict[str, int | None] = {}
        self._details: dict[int, ProtoOASymbol] = {}

    def learn_names(self, symbols: Iterable[ProtoOALightSymbol]) -> None:
        """Take the account's list of symbols in."""
        self._list, self.known = SymbolList(symbols, self._aliases), True
        self._found.clear()

    def learn_details(self, symbols: Iterable[ProtoOASymbol]) -> None:
        """Take digits and lot sizes in."""
        for symbol in symbols:
            self._details[symbol.symbolId] = symbol

    def means(self, name: str, symbol_id: int) -> None:
        """Somebody who knows more names than the account's list has says what one means."""
        self._found[name] = symbol_id

    def find(self, name: str) -> int | None:
        """Give the id of the symbol that a name means, as `look_up` does; None if that is no single one."""
        if name not in self._found:
            try:
                self._found[name] = self.look_up(name)
            except (UnknownSymbol, AmbiguousSymbol):
                self._found[name] = None
        return self._found[name]

    def look_up(self, name: str) -> int:
        """Give the id of the symbol that a name means: any name that `Account.symbol` takes for it.

        :raises UnknownSymbol: if there is none; with names close to it.
        :raises AmbiguousSymbol: if it may be any of several.
        """
        return self._list.find(name).symbolId

    def spelled(self, name: str) -> str:
        """Give the broker's name of the symbol that a name means; the name itself where that is not known."""
        symbol_id = self.find(name)
        return name if symbol_id is None else self.name(symbol_id)

    def name(self, symbol_id: int) -> str:
        """Give a symbol's name; one that is not in the list is its number."""
        light = self._list.get(symbol_id)
        return (light.symbolName if light is not None else "") or str(symbol_id)

    def digits(self, symbol_id: int) -> int:
        """Give a symbol's digits; all that the wire has, where they are not known."""
        details = self._details.get(symbol_id)
        return RELATIVE_DIGITS if details is None else details.digits

    def lot_size(self, symbol_id: int) -> int | None:
        """Give a symbol's lot size, or None where it is not known."""
        details = self._details.get(symbol_id)
        return (details.lotSize or None) if details is not None else None
