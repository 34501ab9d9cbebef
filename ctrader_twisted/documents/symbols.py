"""The symbols of one account, by name and by number."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ctrader_twisted.market.prices import RELATIVE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.messages import ProtoOALightSymbol, ProtoOASymbol


class Symbols:
    """Names of every symbol; digits and lot sizes of those that were asked for. Ids differ from broker to broker."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        self._details: dict[int, ProtoOASymbol] = {}

    def learn_names(self, symbols: Iterable[ProtoOALightSymbol]) -> None:
        """Take the account's list of symbols in."""
        for symbol in symbols:
            self._names[symbol.symbolId] = symbol.symbolName
            self._ids[symbol.symbolName] = symbol.symbolId

    def learn_details(self, symbols: Iterable[ProtoOASymbol]) -> None:
        """Take digits and lot sizes in."""
        for symbol in symbols:
            self._details[symbol.symbolId] = symbol

    def find(self, name: str) -> int | None:
        """Give the id of a symbol, or None if the account has none of this name."""
        return self._ids.get(name)

    def nearest(self, name: str) -> str | None:
        """Give the name that somebody may have meant."""
        by_upper = {known.upper(): known for known in self._ids}
        close = difflib.get_close_matches(name.upper(), by_upper, n=1)
        return by_upper[close[0]] if close else None

    def name(self, symbol_id: int) -> str:
        """Give a symbol's name; one that is not in the list is its number."""
        return self._names.get(symbol_id) or str(symbol_id)

    def digits(self, symbol_id: int) -> int:
        """Give a symbol's digits; all that the wire has, where they are not known."""
        details = self._details.get(symbol_id)
        return RELATIVE_DIGITS if details is None else details.digits

    def lot_size(self, symbol_id: int) -> int | None:
        """Give a symbol's lot size, or None where it is not known."""
        details = self._details.get(symbol_id)
        return (details.lotSize or None) if details is not None else None
