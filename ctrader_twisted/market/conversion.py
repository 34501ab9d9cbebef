"""What one asset is worth in another, along the chain of symbols that the server names for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ctrader_twisted.market.quotes import Quote
    from ctrader_twisted.messages import ProtoOALightSymbol

Side: TypeAlias = Literal["bid", "mid", "ask"]
_SIDES: Final[Mapping[str, Side]] = {"bid": "bid", "mid": "mid", "ask": "ask"}

# A chain of divisions: far beyond the seventeen digits of the server's own rates, whatever the caller's context says.
_PRECISE: Final = Context(prec=50)


class Step(NamedTuple):
    """One symbol of a chain."""

    symbol_id: int
    multiply: bool
    """True from its base to its quote asset, where the price multiplies; False the other way, where it divides."""


@dataclass(frozen=True, slots=True, init=False)
class Conversion:
    """The way from one asset to another."""

    first_asset_id: int
    last_asset_id: int
    steps: tuple[Step, ...]

    def __init__(self, first_asset_id: int, last_asset_id: int, chain: Sequence[ProtoOALightSymbol] = ()) -> None:
        """Walk a chain.

        :param chain: the symbols of a ProtoOASymbolsForConversionRes, in its order; not looked at where both assets
            are the same.
        :raises ValueError: if it does not lead from the first asset to the last.
        """
        steps: list[Step] = []
        asset = first_asset_id
        for symbol in chain if first_asset_id != last_asset_id else ():
            if asset == symbol.baseAssetId:
                steps.append(Step(symbol.symbolId, multiply=True))
                asset = symbol.quoteAssetId
            elif asset == symbol.quoteAssetId:
                steps.append(Step(symbol.symbolId, multiply=False))
                asset = symbol.baseAssetId
            else:
                raise ValueError(
                    f"the chain from asset {first_asset_id} to {last_asset_id} breaks: "
                    f"{symbol.symbolName or symbol.symbolId} does not trade asset {asset}"
                )
        if asset != last_asset_id:
            raise ValueError(f"the chain from asset {first_asset_id} to {last_asset_id} ends at asset {asset}")
        object.__setattr__(self, "first_asset_id", first_asset_id)
        object.__setattr__(self, "last_asset_id", last_asset_id)
        object.__setattr__(self, "steps", tuple(steps))

    @property
    def symbol_ids(self) -> tuple[int, ...]:
        """The symbols whose quotes are needed, in order; none where both assets are the same."""
        return tuple(step.symbol_id for step in self.steps)

    def rate(self, quote_of: Callable[[int], Quote | None], price: Side = "mid") -> Decimal | None:
        """Give what one unit of the first asset is worth in the last; None while a price on the way is not known.

        Which price the server takes is not written anywhere ("symbol.price").

        :param quote_of: gives a symbol's last quote, such as `Quotes.get`.
        :param price: which side of each quote on the way, be it multiplied or divided by.
        :raises ValueError: if it is no side.
        """
        price = _SIDES.get(price) or side_of(price)
        rate = Decimal(1)
        for step in self.steps:
            quote = quote_of(step.symbol_id)
            at = None if quote is None else _side(quote, price)
            if at is None or at <= 0:
                return None
            rate = _PRECISE.multiply(rate, at) if step.multiply else _PRECISE.divide(rate, at)
        return rate


def side_of(price: str) -> Side:
    """Read a side of a quote; capitals make no difference.

    :raises ValueError: if it is none.
    """
    side = _SIDES.get(str(price).lower())
    if side is None:
        raise ValueError(f'a price is "bid", "mid" or "ask", not {price!r}')
    return side


def _side(quote: Quote, price: Side) -> Decimal | None:
    if price == "bid":
        return quote.bid
    if price == "ask":
        return quote.ask
    if quote.bid is None or quote.ask is None:
        return None
    return _PRECISE.divide(_PRECISE.add(quote.bid, quote.ask), Decimal(2))
