"""Quotes: the last known sides of each symbol; a spot event as a rule carries only the side that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctrader_twisted.market.light import LightQuote
from ctrader_twisted.market.prices import RELATIVE_DIGITS, price_from_relative
from ctrader_twisted.market.times import moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from decimal import Decimal

    from ctrader_twisted.messages import ProtoOASpotEvent


@dataclass(frozen=True, slots=True)
class Quote:
    """Both sides of a symbol, as far as they are known."""

    symbol_id: int
    bid: Decimal | None
    ask: Decimal | None
    timestamp: int | None
    """The server's time of the latest change in ms since the epoch, or None if the subscription does not carry it."""

    @property
    def time(self) -> datetime | None:
        """`timestamp` as an aware datetime, in UTC; None without it."""
        return None if self.timestamp is None else moment(self.timestamp)

    @property
    def spread(self) -> Decimal | None:
        """Ask less bid, or None while a side is unknown."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


class Quotes:
    """The last quotes of one account (symbol ids differ between brokers)."""

    def __init__(self) -> None:
        self._quotes: dict[int, Quote] = {}

    def feed(self, event: ProtoOASpotEvent | LightQuote, digits: int = RELATIVE_DIGITS) -> Quote:
        """Take a spot event in, in either form, and return the symbol's quote after it.

        :param digits: the symbol's digits.
        """
        if isinstance(event, LightQuote):
            symbol_id, told_bid, told_ask, timestamp = event.symbol_id, event.bid, event.ask, event.timestamp
        else:
            symbol_id = event.symbolId
            told_bid = event.bid if event.HasField("bid") else None
            told_ask = event.ask if event.HasField("ask") else None
            timestamp = event.timestamp if event.HasField("timestamp") else None
        last = self._quotes.get(symbol_id)
        if told_bid is not None:
            bid: Decimal | None = price_from_relative(told_bid, digits)
        else:
            bid = last.bid if last is not None else None
        if told_ask is not None:
            ask: Decimal | None = price_from_relative(told_ask, digits)
        else:
            ask = last.ask if last is not None else None
        quote = Quote(symbol_id, bid, ask, timestamp)
        self._quotes[symbol_id] = quote
        return quote

    def get(self, symbol_id: int) -> Quote | None:
        """Return the symbol's last quote, or None before the first."""
        return self._quotes.get(symbol_id)

    def __iter__(self) -> Iterator[int]:
        """Give the symbolId of each that is known."""
        return iter(tuple(self._quotes))

    def forget(self, symbol_id: int | None = None) -> None:
        """Forget the quote of a symbol, or every one: after a loss nobody knows which side has changed meanwhile."""
        if symbol_id is None:
            self._quotes.clear()
        else:
            self._quotes.pop(symbol_id, None)
