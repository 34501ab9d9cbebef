"""The margin that an account's positions use, and what is left of its money: equity, free margin, margin level.

The leverage is the account's, or that of the symbol's tiers where it is lower. A tier holds for the exposure, in US
dollars, of one side of all positions whose symbols have the same tiers; positions climb them in the order in which they
were opened. Both the exposure and the worth that is margined are those of the opening (the worth: observed; the
exposure: unconfirmed), so margin changes as positions do, not as prices do.

An account of limited risk may hold instead what a position can lose until its guaranteed stop loss: (mean price - stop)
x volume, in the deposit asset (documented). Unconfirmed: that the rate is that of the opening; that nothing is held for
a stop beyond the price of opening; that "both" is the greater of the two; that a position which has no guaranteed stop
loss uses what its leverage says.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol

from ctrader_twisted.sim.accounts import NETTED
from ctrader_twisted.sim.feed.instruments import PRICE_SCALE
from ctrader_twisted.sim.trading.arithmetic import CENTS, exact, half_up, standing
from ctrader_twisted.sim.trading.entities import BUY, SELL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.feed.feed import Quote
    from ctrader_twisted.sim.feed.instruments import Instrument, LeverageTier, ReferenceData
    from ctrader_twisted.sim.trading.entities import Position
    from ctrader_twisted.sim.trading.ledger import Ledger

MAX: Final = 0
SUM: Final = 1
NET: Final = 2

BY_LEVERAGE: Final = 0
BY_STOP: Final = 1
"""ProtoOALimitedRiskMarginCalculationStrategy."""

US_DOLLAR: Final = "USD"


class Market(Protocol):
    """What is to be known of the market: its present, in the units of the venue."""

    @property
    def reference(self) -> ReferenceData:
        """Assets and leverages."""

    def instrument(self, symbol_id: int) -> Instrument:
        """Give a symbol; KeyError for one that there is none of."""

    def quote(self, symbol_id: int) -> Quote | None:
        """Give a symbol's present prices; None before the first."""

    def rate(self, first_asset: int, last_asset: int) -> float | None:
        """Give the worth of one unit of an asset in another; None where there is none."""


@dataclass(frozen=True, slots=True)
class _Holding:
    """What uses margin: a position, or what it would be.

    :ivar worth: in units of the deposit asset.
    :ivar dollars: in cents of a US dollar.
    :ivar risk: what can be lost until the guaranteed stop loss, in units of the deposit asset; None without one.
    """

    symbol_id: int
    side: int
    leverage_id: int
    worth: Fraction
    dollars: Fraction
    risk: Fraction | None = None


def deposit_asset(account: TradingAccount, market: Market) -> int:
    """Give the id of the asset that an account is kept in."""
    return market.reference.asset(account.deposit_asset).asset_id


def worth(market: Market, instrument: Instrument, price: int, asset_id: int) -> Fraction | None:
    """Give the worth of one unit of a symbol's base asset in another asset; None where no way leads there.

    1 in the base asset itself; elsewhere what it costs at the price, converted from the quote asset: the price itself
    where the other asset is the quote asset (observed: ``marginRate`` and ``baseToUsdConversionRate``).

    :param price: what it is traded at.
    """
    if instrument.base_asset_id == asset_id:
        return Fraction(1)
    rate = market.rate(instrument.quote_asset_id, asset_id)
    return None if rate is None else Fraction(price, PRICE_SCALE) * exact(rate)


def margin_rate(account: TradingAccount, market: Market, instrument: Instrument, price: int) -> float | None:
    """Give ``marginRate``: the worth of one unit of the base asset in the deposit asset, if traded at a price."""
    rate = worth(market, instrument, price, deposit_asset(account, market))
    return None if rate is None else float(rate)


def usd_rate(market: Market, instrument: Instrument, price: int) -> float | None:
    """Give ``baseToUsdConversionRate``: the same in US dollars."""
    rate = worth(market, instrument, price, market.reference.asset(US_DOLLAR).asset_id)
    return None if rate is None else float(rate)


def place(ledger: Ledger, market: Market) -> list[Position]:
    """Work out the used margin of every open position, and give those whose margin has changed."""
    positions = ledger.open_positions()
    amounts = _amounts(ledger.account, market.reference, [_holding(market, position) for position in positions])
    changed = []
    for position, amount in zip(positions, amounts, strict=True):
        if position.used_margin != amount:
            position.used_margin = amount
            changed.append(position)
    return changed


def used(ledger: Ledger) -> int:
    """Give the margin that the account uses, of what `place` found each position to use."""
    return _total(
        ledger.account,
        [(position.symbol_id, position.side, position.used_margin) for position in ledger.open_positions()],
    )


def used_without(ledger: Ledger, market: Market, position: Position, volume: int) -> int:
    """Give the margin that the account would use if so much of a position, the oldest lots first, were closed."""
    holdings = [
        _holding(market, one, volume if one is position else 0)
        for one in ledger.open_positions()
        if one is not position or volume < one.volume
    ]
    return _used_by(ledger.account, market, holdings)


def unrealised(ledger: Ledger, market: Market, position: Position) -> tuple[int, int] | None:
    """Give what a position would win if it were closed now, gross and net; None without a price for it.

    A buy is valued at the bid, a sell at the ask. The net result counts swap and the commission of opening, but neither
    that of closing nor the conversion fee, as ``netUnrealizedPnL`` is documented.
    """
    instrument = market.instrument(position.symbol_id)
    quote = market.quote(position.symbol_id)
    rate = market.rate(instrument.quote_asset_id, deposit_asset(ledger.account, market))
    if quote is None or rate is None:
        return None
    leave = quote.bid if position.side == BUY else quote.ask
    volume = worth = commission = 0
    for lot in position.lots:
        volume += lot.volume
        worth += lot.volume * lot.price
        commission += lot.commission
    gross = standing(position.side, worth, leave, volume, rate, ledger.account.money_digits)
    return gross, gross + position.swap + commission


def equity(ledger: Ledger, market: Market) -> int | None:
    """Give the balance and what the open positions would win, net; None without a price for one of them."""
    amount = ledger.account.balance
    for position in ledger.open_positions():
        results = unrealised(ledger, market, position)
        if results is None:
            return None
        amount += results[1]
    return amount


def free(ledger: Ledger, market: Market) -> int | None:
    """Give the equity that no position uses, less than 0 if they use more; None where the equity is not known."""
    amount = equity(ledger, market)
    return None if amount is None else amount - used(ledger)


def level(ledger: Ledger, market: Market) -> Fraction | None:
    """Give the margin level: equity over used margin in percent; None if nothing is used, or equity is not known."""
    amount, taken = equity(ledger, market), used(ledger)
    return None if amount is None or not taken else Fraction(amount * 100, taken)


def below(reached: Fraction, threshold: float) -> bool:
    """Say whether a margin level is below a threshold, both in percent; exact as ``<`` is, but faster.

    It is asked several times with every tick.
    """
    parts, whole = threshold.as_integer_ratio()
    return reached.numerator * whole < parts * reached.denominator


def needed(
    ledger: Ledger,
    market: Market,
    instrument: Instrument,
    side: int,
    volume: int,
    *,
    price: int | None = None,
    position: Position | None = None,
    stop: Callable[[int], int] | None = None,
) -> int | None:
    """Give how much more margin the account would use if an order were filled; None without a price for it.

    It is 0 where the order makes a position smaller or is set off against others, and never less.

    :param price: what it would be filled at; by default the ask for a buy and the bid for a sell.
    :param position: the position it adds to, on an account that is not netted; by default one of its own.
    :param stop: gives the guaranteed stop loss that what is filled at a price will have; None without one.
    """
    account = ledger.account
    if price is None:
        quote = market.quote(instrument.symbol_id)
        if quote is None:
            return None
        price = quote.ask if side == BUY else quote.bid
    level = None if stop is None else stop(price)
    new = _new_holding(account, market, instrument, side, volume, price, level)
    if new is None:
        return None
    positions = ledger.open_positions()
    now = [_holding(market, one) for one in positions]
    then = []
    for one, holding in zip(positions, now, strict=True):
        merged = one.symbol_id == instrument.symbol_id if account.account_type == NETTED else one is position
        if new is None or not merged:
            then.append(holding)
        elif one.side == side:
            then.append(_joined(holding, new))
            new = None
        elif one.volume >= volume:
            then.append(_holding(market, one, volume))
            new = None
        else:  # it turns round
            new = _new_holding(account, market, instrument, side, volume - one.volume, price, level)
    if new is not None:
        then.append(new)
    return max(0, _used_by(account, market, then) - _used_by(account, market, now))


def expected(
    account: TradingAccount, market: Market, instrument: Instrument, volumes: Iterable[int]
) -> list[tuple[int, int]] | None:
    """Give the margins of volumes if each were all that is bought or sold; None without a price.

    What is already open is not looked at, and nobody knows what stop loss they would have (both unconfirmed).
    """
    quote = market.quote(instrument.symbol_id)
    if quote is None:
        return None
    answer = []
    for volume in volumes:
        buy = _new_holding(account, market, instrument, BUY, volume, quote.ask)
        sell = _new_holding(account, market, instrument, SELL, volume, quote.bid)
        if buy is None or sell is None:
            return None
        bought, sold = _amounts(account, market.reference, [buy, sell])
        answer.append((bought, sold))
    return answer


def _holding(market: Market, position: Position, without: int = 0) -> _Holding:
    """Give what a position holds.

    :param without: so much of its oldest lots is left out.
    """
    stop, sign = position.guaranteed_stop, 1 if position.side == BUY else -1
    worth, dollars, risk = Fraction(0), Fraction(0), Fraction(0)
    for lot in position.lots:
        volume = max(0, lot.volume - without)
        without -= lot.volume - volume
        worth += volume * exact(lot.margin_rate) / CENTS
        dollars += volume * exact(lot.usd_rate)
        if stop is not None:
            risk += volume * sign * (lot.price - stop) * exact(lot.margin_rate) / lot.price / CENTS
    instrument = market.instrument(position.symbol_id)
    risked = None if stop is None else max(Fraction(0), risk)
    return _Holding(position.symbol_id, position.side, instrument.leverage_id, worth, dollars, risked)


def _new_holding(
    account: TradingAccount,
    market: Market,
    instrument: Instrument,
    side: int,
    volume: int,
    price: int,
    stop: int | None = None,
) -> _Holding | None:
    in_deposit = margin_rate(account, market, instrument, price)
    in_dollars = usd_rate(market, instrument, price)
    if in_deposit is None or in_dollars is None:
        return None
    worth, risk = volume * exact(in_deposit) / CENTS, None
    if stop is not None:
        risk = max(Fraction(0), worth * (price - stop if side == BUY else stop - price) / price)
    dollars = volume * exact(in_dollars)
    return _Holding(instrument.symbol_id, side, instrument.leverage_id, worth, dollars, risk)


def _joined(first: _Holding, second: _Holding) -> _Holding:
    worth, dollars = first.worth + second.worth, first.dollars + second.dollars
    risk = None if first.risk is None or second.risk is None else first.risk + second.risk
    return _Holding(first.symbol_id, first.side, first.leverage_id, worth, dollars, risk)


def _used_by(account: TradingAccount, market: Market, holdings: Sequence[_Holding]) -> int:
    amounts = _amounts(account, market.reference, holdings)
    return _total(
        account,
        [(holding.symbol_id, holding.side, amount) for holding, amount in zip(holdings, amounts, strict=True)],
    )


def _amounts(account: TradingAccount, reference: ReferenceData, holdings: Iterable[_Holding]) -> list[int]:
    """Give the margin of each, the oldest first."""
    amounts = []
    below: dict[tuple[int, int], Fraction] = {}
    for holding in holdings:
        tiers = _tiers(reference, holding.leverage_id)
        part = Fraction(100, account.leverage_in_cents)
        if tiers and holding.dollars:
            key = holding.leverage_id, holding.side
            first = below.get(key, Fraction(0))
            below[key] = last = first + holding.dollars
            part = _held(tiers, account.leverage_in_cents, first, last) / holding.dollars
        held = holding.worth * part
        if account.limited_risk and account.limited_risk_margin != BY_LEVERAGE and holding.risk is not None:
            held = holding.risk if account.limited_risk_margin == BY_STOP else max(held, holding.risk)
        amounts.append(half_up(held * 10**account.money_digits))
    return amounts


def _tiers(reference: ReferenceData, leverage_id: int) -> tuple[LeverageTier, ...]:
    for leverage in reference.leverages:
        if leverage.leverage_id == leverage_id:
            return leverage.tiers
    return ()


def _held(tiers: Sequence[LeverageTier], most: int, first: Fraction, last: Fraction) -> Fraction:
    """Give what is held of the exposure between two amounts: what is beyond the last tier at that one's leverage.

    :param most: the account's leverage, in hundredths.
    """
    held, below = Fraction(0), Fraction(0)
    for number, tier in enumerate(tiers):
        ends = max(last, Fraction(tier.volume)) if number == len(tiers) - 1 else Fraction(tier.volume)
        held += max(Fraction(0), min(last, ends) - max(first, below)) * 100 / min(most, tier.leverage)
        below = ends
    return held


def _total(account: TradingAccount, margins: Iterable[tuple[int, int, int]]) -> int:
    """Add up margins of (symbol, side): the sides of each symbol by the account's way, then the symbols."""
    sides: dict[int, list[int]] = {}
    for symbol_id, side, amount in margins:
        sides.setdefault(symbol_id, [0, 0])[side - 1] += amount
    match account.total_margin:
        case how if how == MAX:
            return sum([max(both) for both in sides.values()])
        case how if how == NET:
            return sum([abs(bought - sold) for bought, sold in sides.values()])
        case _:
            return sum([sum(both) for both in sides.values()])
