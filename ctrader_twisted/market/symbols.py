"""What can be traded: a symbol with its steps, and a list of symbols that finds what a person means by a name.

Nothing is rounded that was not asked to be: a volume or a price that the symbol can't have is refused, with the nearest
ones that it can. Where rounding is asked for, it goes to the symbol's step: "down", "up", or "nearest", of two equally
near to the lower. It never crosses the symbol's minimum or maximum.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ctrader_twisted.errors import AmbiguousSymbol, LevelsRefused, PriceRefused, UnknownSymbol, VolumeRefused
from ctrader_twisted.market.prices import RELATIVE_DIGITS
from ctrader_twisted.market.units import EXACT, Lots, Money, Pips, Price, ProtocolVolume, Units, exact
from ctrader_twisted.market.volumes import lots, units
from ctrader_twisted.messages import ProtoOATradingMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ctrader_twisted.messages import ProtoOALightSymbol, ProtoOASymbol

Rounding: TypeAlias = Literal["refuse", "down", "up", "nearest"]
Volume: TypeAlias = Lots | Units | ProtocolVolume

_RELATIVE_STEP: Final = Decimal(1).scaleb(-RELATIVE_DIGITS)
_SHORT: Final = Context(prec=4)


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol of one account. Volumes are in hundredths of a unit, prices and distances in the quote asset."""

    symbol_id: int
    name: str
    description: str
    enabled: bool
    """Whether the broker offers it to the account; `tradable` says whether it can be traded now."""
    base_asset_id: int
    quote_asset_id: int
    digits: int
    pip_position: int
    lot_size: int | None
    """A lot, in hundredths of a unit; None if the broker set none."""
    min_volume: int
    max_volume: int | None
    """None if the broker set none."""
    step_volume: int
    tick: Decimal
    """The least difference between two prices: 10^-digits."""
    pip: Decimal
    trading_mode: int
    """ProtoOATradingMode."""
    short_selling: bool
    guaranteed_stop_loss: bool
    commission_type: int
    """ProtoOACommissionType."""
    leverage_id: int | None
    """The table of tiers of its own leverage, or None."""
    message: ProtoOASymbol = field(repr=False, compare=False)
    """All that the server said of it; not to be changed."""

    @classmethod
    def from_messages(cls, light: ProtoOALightSymbol, full: ProtoOASymbol) -> Symbol:
        """Join what the list of symbols and the details say.

        :raises ValueError: if they are of different symbols.
        """
        if light.symbolId != full.symbolId:
            raise ValueError(f"symbol {light.symbolId} ({light.symbolName}) is not symbol {full.symbolId}")
        return cls(
            symbol_id=full.symbolId,
            name=light.symbolName or str(full.symbolId),
            description=light.description,
            enabled=light.enabled,
            base_asset_id=light.baseAssetId,
            quote_asset_id=light.quoteAssetId,
            digits=full.digits,
            pip_position=full.pipPosition,
            lot_size=full.lotSize if full.lotSize > 0 else None,
            min_volume=max(full.minVolume, 1),
            max_volume=full.maxVolume if full.maxVolume > 0 else None,
            step_volume=max(full.stepVolume, 1),
            tick=_power(-full.digits),
            pip=_power(-full.pipPosition),
            trading_mode=full.tradingMode,
            short_selling=full.enableShortSelling,
            guaranteed_stop_loss=full.guaranteedStopLoss,
            commission_type=full.commissionType,
            leverage_id=full.leverageId if full.HasField("leverageId") else None,
            message=full,
        )

    def __str__(self) -> str:
        return self.name

    @property
    def tradable(self) -> bool:
        """Whether new orders are taken, as far as the symbol itself goes: its hours are another matter."""
        return self.enabled and self.trading_mode == ProtoOATradingMode.ENABLED

    def volume(self, amount: Volume, rounding: Rounding = "refuse") -> int:
        """Turn a volume into the wire's, a multiple of the step from the minimum to the maximum.

        :param rounding: what becomes of a volume between two steps.
        :raises VolumeRefused: if it can't be traded; its `nearest` are in the unit of ``amount``.
        """
        wanted = self._hundredths(amount)
        if wanted <= 0:
            raise self._refused(amount, wanted, "is not more than nothing")
        volume = _step(wanted, Decimal(self.step_volume), rounding)
        judged = wanted if volume is None else volume
        said = "" if judged == wanted else f"rounded {_TO[rounding]} "
        if judged < self.min_volume:
            minimum = self._as(amount, self.min_volume)
            raise self._refused(amount, wanted, f"{said}is below the minimum of {minimum}")
        if self.max_volume is not None and judged > self.max_volume:
            maximum = self._as(amount, self.max_volume)
            raise self._refused(amount, wanted, f"{said}is above the maximum of {maximum}")
        if volume is None:
            raise self._refused(amount, wanted, f"is not a multiple of {self._as(amount, self.step_volume)}")
        return int(volume)

    def lots(self, volume: int) -> Lots:
        """Turn a volume of the wire into lots.

        :raises ValueError: if the broker set no lot size.
        """
        if self.lot_size is None:
            raise ValueError(f"{self.name} has no lot size: count its volume in units")
        return Lots(lots(volume, self.lot_size))

    def units(self, volume: int) -> Units:
        """Turn a volume of the wire into units."""
        return Units(units(volume))

    def price(self, value: Price | Decimal | str | int | float, rounding: Rounding = "refuse") -> Decimal:
        """Turn a price into one that the symbol can have, of exactly its digits.

        :param rounding: what becomes of a price between two ticks.
        :raises PriceRefused: if it is finer than the symbol's digits, or not above zero.
        """
        wanted = value.value if isinstance(value, Price) else exact(value, "a price")
        if wanted <= 0:
            raise PriceRefused(self.name, f"{wanted:f}", "is not above zero", remedy="give one above zero")
        ticks = _step(wanted, self.tick, rounding)
        if ticks is None or not ticks:
            nearest = [self._quantized(each) for each in _around(wanted, self.tick) if each]
            problem = f"has more than {_places(self.digits)}" if ticks is None else f"rounded {_TO[rounding]} is zero"
            raise PriceRefused(self.name, f"{wanted:f}", problem, nearest)
        return self._quantized(ticks)

    def distance(self, pips: Pips) -> Decimal:
        """Turn pips into a difference of prices; it is not rounded."""
        return EXACT.multiply(pips.value, self.pip)

    def pips(self, distance: Decimal) -> Pips:
        """Turn a difference of prices into pips."""
        return Pips(EXACT.divide(distance, self.pip))

    def relative(self, distance: Decimal, rounding: Rounding = "refuse") -> int:
        """Turn a distance of a stop loss or take profit into the wire's 1/100000, a multiple of the tick.

        :param rounding: what becomes of a distance between two ticks.
        :raises LevelsRefused: if it is finer than the symbol's digits, or not above zero.
        """
        if distance <= 0:
            raise LevelsRefused(
                self.name, f"a distance of {distance:f} is not above zero", "give it without a sign: the side is known"
            )
        step = max(self.tick, _RELATIVE_STEP)
        found = _step(distance, step, rounding)
        if found is None or not found:
            near = " or ".join(f"{each:f}" for each in _around(distance, step) if each)
            problem = f"is not a multiple of {step:f}" if found is None else f"rounded {_TO[rounding]} is nothing"
            raise LevelsRefused(self.name, f"a distance of {distance:f} {problem}", f"{near} would be accepted")
        return int(EXACT.divide(found, _RELATIVE_STEP))

    def money_distance(self, amount: Decimal | Money, volume: int, rate: Decimal) -> Decimal:
        """Give the distance of prices over which a volume gains or loses an amount of money.

        It is rounded down to the tick, so that no more is lost than the amount (costs and slippage are not in it).

        :param amount: in the account's deposit asset; the currency that a `Money` names is not looked at.
        :param volume: in hundredths of a unit.
        :param rate: from the quote to the deposit asset.
        :raises LevelsRefused: if the amount is not above zero, or not even one tick of the volume.
        """
        if volume <= 0 or not rate > 0:
            raise ValueError(f"a volume of {volume} at a rate of {rate} has no value")
        wanted = amount.value if isinstance(amount, Money) else amount
        if not wanted > 0:
            raise LevelsRefused(
                self.name, f"an amount of {wanted:f} is not above zero", "give what may be lost (or gained), unsigned"
            )
        of_a_tick = EXACT.multiply(EXACT.multiply(Decimal(volume).scaleb(-2, EXACT), rate), self.tick)
        ticks = EXACT.divide_int(wanted, of_a_tick)
        if not ticks:
            raise LevelsRefused(
                self.name,
                f"{amount} is less than one tick of {self.tick:f}, which is worth {_short(of_a_tick)} for this volume",
                "give a larger amount, or take a smaller volume",
            )
        return self._quantized(EXACT.multiply(ticks, self.tick))

    def _hundredths(self, amount: Volume) -> Decimal:
        if isinstance(amount, ProtocolVolume):
            return Decimal(amount.value)
        if isinstance(amount, Units):
            return amount.value.scaleb(2, EXACT)
        if not isinstance(amount, Lots):
            raise TypeError(f"a volume is given as Lots, Units or ProtocolVolume, not {amount!r}")
        if self.lot_size is None:
            raise VolumeRefused(
                self.name, amount, "can't be counted: the broker set no lot size", remedy="give the volume in Units"
            )
        return EXACT.multiply(amount.value, Decimal(self.lot_size))

    def _as(self, amount: Volume, volume: int) -> Volume:
        if isinstance(amount, Lots):
            return self.lots(volume)
        return self.units(volume) if isinstance(amount, Units) else ProtocolVolume(volume)

    def _refused(self, amount: Volume, wanted: Decimal, problem: str) -> VolumeRefused:
        least = -(-self.min_volume // self.step_volume) * self.step_volume
        most = None if self.max_volume is None else self.max_volume // self.step_volume * self.step_volume
        nearest: list[int] = []
        if most is None or least <= most:
            for near in _around(wanted, Decimal(self.step_volume)):
                valid = max(int(near), least)
                valid = valid if most is None else min(valid, most)
                if valid not in nearest:
                    nearest.append(valid)
        return VolumeRefused(self.name, amount, problem, [self._as(amount, each) for each in nearest])

    def _quantized(self, price: Decimal) -> Decimal:
        return price.quantize(self.tick, context=EXACT)


_TO: Final = {"down": "down", "up": "up", "nearest": "to the nearest"}


def _step(wanted: Decimal, step: Decimal, rounding: Rounding) -> Decimal | None:
    """Give a value on the steps; None for one between two of them that is not to be rounded."""
    if rounding not in ("refuse", *_TO):
        raise ValueError(f'rounding is "refuse", "down", "up" or "nearest", not {rounding!r}')
    below, above = _around(wanted, step)
    if below == above:
        return below
    if rounding == "refuse":
        return None
    if rounding == "nearest":
        return above if EXACT.multiply(wanted, Decimal(2)) > EXACT.add(below, above) else below
    return below if rounding == "down" else above


def _around(wanted: Decimal, step: Decimal) -> tuple[Decimal, Decimal]:
    """Give the steps next to a value, below and above; both are the value itself if it is one."""
    whole, rest = EXACT.divmod(wanted, step)
    below = EXACT.multiply(whole, step)
    return below, (EXACT.add(below, step) if rest else below)


def _power(exponent: int) -> Decimal:
    """Give 10^exponent, in plain digits."""
    return Decimal(1).scaleb(exponent) if exponent <= 0 else Decimal(10**exponent)


def _places(digits: int) -> str:
    return f"{digits} decimal place{'' if digits == 1 else 's'}"


def _short(value: Decimal) -> str:
    """Give a value to show: four significant digits do."""
    return f"{_SHORT.normalize(value):f}"


# What brokers hang on a name: "EURUSD.r", "EURUSD-ecn", "GER40.cash", "EURUSD_i", "EURUSD+"; and, where nothing parts
# them, small letters behind capitals and figures: "EURUSDm".
_PARTED: Final = re.compile(r"(.+?)(?:[._-]([A-Za-z]{1,8}[0-9]?)[+!#^]*|[+!#^]+)")
_SMALL_LETTERS: Final = re.compile(r"([A-Z0-9/]{4,})[a-z]{1,5}")
_SEPARATORS: Final = re.compile(r"[\s/_-]+(?=[^\s/_-]{2})")
_CURRENCIES: Final = frozenset(
    "aud btc cad chf cnh czk dkk eth eur gbp hkd huf jpy mxn nok nzd pln sek sgd try usd usdc usdt zar".split()
)
"""What is the other half of a name: BTC-USD is not BTC with something hung on it."""
_SUGGESTED: Final = 3

_Index: TypeAlias = "dict[str, list[ProtoOALightSymbol]]"


class SymbolList:
    """An account's symbols, found by what a person calls them."""

    def __init__(self, light_symbols: Iterable[ProtoOALightSymbol], aliases: Mapping[str, str] | None = None) -> None:
        """Take the account's list in.

        :param aliases: names of the user's own, and the broker's that each means. Capitals make no difference.
        """
        self._symbols = tuple(light_symbols)
        self._aliases = {_folded(alias): name for alias, name in (aliases or {}).items()}
        self._by_id = {each.symbolId: each for each in self._symbols}
        self._exact: _Index = {}
        self._folded: _Index = {}
        self._joined: _Index = {}
        self._bare: _Index = {}
        for each in self._symbols:
            name = each.symbolName
            self._exact.setdefault(name, []).append(each)
            if each.enabled:
                self._folded.setdefault(_folded(name), []).append(each)
                self._joined.setdefault(_joined(name), []).append(each)
                bare = _bare(name)
                if bare:
                    self._bare.setdefault(bare, []).append(each)

    def __len__(self) -> int:
        return len(self._symbols)

    def __iter__(self) -> Iterator[ProtoOALightSymbol]:
        return iter(self._symbols)

    def get(self, symbol_id: int) -> ProtoOALightSymbol | None:
        """Give the symbol with this id, or None."""
        return self._by_id.get(symbol_id)

    def find(self, name: str) -> ProtoOALightSymbol:
        """Give the symbol that a name means.

        That is, the first of these that there is: the symbol of exactly this name; the one that differs in capitals
        alone; what the user's aliases say; the one that differs in separators ("EUR/USD", "eur-usd") or in "#" before
        it; the one to whose name the broker hung something ("EURUSD.r"). A symbol that is not enabled is found by its
        exact name alone, and an alias of that name goes before it.

        :raises AmbiguousSymbol: if several enabled symbols are meant alike.
        :raises UnknownSymbol: if there is none; with names close to it.
        """
        found = self._own(name)
        meant = self._aliases.get(_folded(name))
        if meant is not None and (found is None or not found.enabled):
            found = self._own(meant) or self._decorated(meant)
            if found is None:
                raise UnknownSymbol(name, self._close_to(meant), meant)
        found = found or self._decorated(name)
        if found is None:
            raise UnknownSymbol(name, self._close_to(name))
        return found

    def _own(self, name: str) -> ProtoOALightSymbol | None:
        """Give the symbol of this name, or of one that differs in capitals alone."""
        same = self._exact.get(name)
        if same is not None:
            return _only(name, [each for each in same if each.enabled]) or same[0]
        return _only(name, self._folded.get(_folded(name)))

    def _decorated(self, name: str) -> ProtoOALightSymbol | None:
        """Give the symbol whose name differs by separators or decorations."""
        joined = _joined(name)
        if not joined:
            return None
        return _only(name, self._joined.get(joined)) or _only(name, self._bare.get(joined))

    def _close_to(self, name: str) -> list[str]:
        """Give names that may have been meant, the likeliest first: disabled, spelt alike, described so."""
        joined, folded = _joined(name), _folded(name)
        likely = [each.symbolName for each in self._symbols if not each.enabled and _joined(each.symbolName) == joined]
        near = difflib.get_close_matches(joined, self._joined, n=_SUGGESTED, cutoff=0.8)
        for form in near or difflib.get_close_matches(joined, self._joined, n=_SUGGESTED):
            likely.extend(each.symbolName for each in self._joined[form])
        if joined:
            likely.extend(
                each.symbolName
                for each in self._symbols
                if each.enabled and (_joined(each.symbolName).startswith(joined) or folded in _folded(each.description))
            )
        return list(dict.fromkeys(likely))[:_SUGGESTED]


def _only(name: str, found: list[ProtoOALightSymbol] | None) -> ProtoOALightSymbol | None:
    if not found:
        return None
    if len(found) > 1:
        names = [each.symbolName for each in found]
        same = len(set(names)) < len(names)
        raise AmbiguousSymbol(name, [f"{each.symbolName} (id {each.symbolId})" for each in found] if same else names)
    return found[0]


def _folded(name: str) -> str:
    return name.strip().casefold()


def _joined(name: str) -> str:
    """Drop what people put between the halves of a name, and before it: "EUR/USD", "eur-usd", "#EURUSD" are "eurusd".

    A single letter stays apart: AA-P is not AAP.
    """
    return _SEPARATORS.sub("", name.strip().removeprefix("#")).casefold()


def _bare(name: str) -> str | None:
    """Take off what a broker hung on a name; None if there is nothing to take off."""
    small = _SMALL_LETTERS.fullmatch(name.removeprefix("#"))
    if small:
        return _joined(small[1])
    parted = _PARTED.fullmatch(name)
    if parted is None:
        return None
    core, suffix = parted[1], parted[2] or ""
    # BTC-USD is not BTC, and BRK.B, a class of shares, is not BRK.
    if suffix.casefold() in _CURRENCIES or (len(suffix) == 1 and suffix.isupper() and len(core) < 5):
        return None
    return _joined(core)
