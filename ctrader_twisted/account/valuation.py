"""What an account's positions are worth now: the figures that follow from quotes.

The figures are the server's own by its own rules (protocol notes, 1.14): a buy is valued at the bid and a sell at the
ask, converted over the symbols that the server names for it, at the middle of each (unconfirmed: the documentation says
"price"), and rounded to the account's digits for each position. A figure is None while a price for it is not known:
before the first quotes, and from a loss until the subscriptions stand again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred

from ctrader_twisted import messages
from ctrader_twisted.account.checking import Checking
from ctrader_twisted.account.holdings import total
from ctrader_twisted.account.prices import QUOTES_WITHIN, Prices
from ctrader_twisted.account.terms import BUY
from ctrader_twisted.market.prices import money
from ctrader_twisted.market.units import EXACT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Literal

    from ctrader_twisted.account.checking import Check
    from ctrader_twisted.account.holdings import Position
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.host import Host
    from ctrader_twisted.market import Symbol
    from ctrader_twisted.market.quotes import Quote

_MAX: Final = messages.ProtoOATotalMarginCalculationType.MAX
_NET: Final = messages.ProtoOATotalMarginCalculationType.NET
_PERCENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Unrealised:
    """What a position would bring if it were closed now, in the deposit asset."""

    gross: Decimal
    net: Decimal
    """With swap and the commission of opening, but neither that of closing nor a conversion fee: as the server defines
    ``netUnrealizedPnL``."""


class Valuation:
    """The worth of what an account has, by the present quotes, which `Prices` keeps.

    :param client: the client; accounts of other ids that it has do not matter here.
    :param portfolio: what is valued.
    :param symbol_by_id: gives a symbol, asking for it if need be.
    :param deposit_asset: gives the id of the asset that the account is kept in, asking for it if need be.
    :param price: of the symbols that convert: ``"mid"``, ``"bid"`` or ``"ask"``, in any case.
    :raises ValueError: if it is none of these.
    """

    def __init__(
        self,
        client: Host,
        portfolio: Portfolio,
        symbol_by_id: Callable[[int], Awaitable[Symbol]],
        deposit_asset: Callable[[], Awaitable[int]],
        *,
        price: Literal["mid", "bid", "ask"] = "mid",
    ) -> None:
        self._client = client
        self._portfolio = portfolio
        self._prices = Prices(client, portfolio, symbol_by_id, deposit_asset, price)

    # Prices

    def stop(self) -> None:
        """Follow no prices any more: see `Prices.stop`."""
        self._prices.stop()

    def follow(self) -> None:
        """See to it that every position can be valued: see `Prices.follow`."""
        self._prices.follow()

    def priced(self, symbol_id: int, within: float = QUOTES_WITHIN) -> Deferred[None]:
        """Wait until a symbol can be valued: see `Prices.priced`."""
        return self._prices.priced(symbol_id, within)

    def quote(self, symbol_id: int) -> Quote | None:
        """Give the last quote of a symbol that is subscribed; None before the first."""
        return self._prices.quote(symbol_id)

    def needs(self, symbol_id: int) -> bool:
        """Whether figures need the spots of a symbol to be subscribed."""
        return self._prices.needs(symbol_id)

    async def complete(self, symbol_id: int) -> None:
        """Read the sides that the quote of a symbol lacks: see `Prices.complete`."""
        await self._prices.complete(symbol_id)

    def rate(self, symbol_id: int) -> Decimal | None:
        """Give the worth of one unit of a symbol's quote asset in the deposit asset; None while it is not known."""
        return self._prices.rate(symbol_id)

    def notional(self, symbol_id: int, volume: int) -> Decimal | None:
        """Give what a volume is worth in the deposit asset, at the middle of bid and ask; None while it is not known.

        :param volume: in hundredths of a unit.
        """
        quote, rate = self.quote(symbol_id), self.rate(symbol_id)
        if quote is None or rate is None or quote.bid is None or quote.ask is None:
            return None
        twice = EXACT.multiply(EXACT.add(quote.bid, quote.ask), Decimal(volume))
        return self._rounded(EXACT.multiply(EXACT.divide(twice, Decimal(200)), rate))

    # Figures

    def unrealised(self, position: Position) -> Unrealised | None:
        """Give what a position would bring if it were closed now; None while a price is not known."""
        quote, rate = self.quote(position.symbol_id), self.rate(position.symbol_id)
        leave = None if quote is None else quote.bid if position.side == BUY else quote.ask
        if leave is None or rate is None:
            self.follow()
            return None
        worth = EXACT.multiply(leave, Decimal(position.volume).scaleb(-2, EXACT))
        won = EXACT.multiply(EXACT.subtract(worth, position.cost), Decimal(position.direction))
        gross = self._rounded(EXACT.multiply(won, rate))
        return Unrealised(gross, total((gross, position.swap, position.commission)))

    @property
    def unrealised_gross(self) -> Decimal | None:
        """What all positions would bring, before costs; None while a price is not known."""
        found = [self.unrealised(position) for position in self._portfolio.positions.values()]
        known = [one.gross for one in found if one is not None]
        return self._sum(known) if len(known) == len(found) else None

    @property
    def unrealised_net(self) -> Decimal | None:
        """What all positions would bring, net as `Unrealised.net` is; None while a price is not known."""
        found = [self.unrealised(position) for position in self._portfolio.positions.values()]
        known = [one.net for one in found if one is not None]
        return self._sum(known) if len(known) == len(found) else None

    @property
    def equity(self) -> Decimal | None:
        """The balance and what all positions would bring, net; None while one of them is not known."""
        balance, net = self._portfolio.balance, self.unrealised_net
        return None if balance is None or net is None else EXACT.add(balance, net)

    @property
    def used_margin(self) -> Decimal | None:
        """The margin that positions use, the two sides of each symbol added up as the account does it.

        None before a ProtoOATrader, and where the server did not say what a position uses.
        """
        terms = self._portfolio.terms
        if terms is None:
            return None
        sides: dict[int, list[Decimal]] = {}
        for position in self._portfolio.positions.values():
            if position.used_margin is None:
                return None
            both = sides.setdefault(position.symbol_id, [Decimal(0), Decimal(0)])
            place = 0 if position.side == BUY else 1
            both[place] = EXACT.add(both[place], position.used_margin)
        how = terms.totalMarginCalculationType
        if how == _MAX:
            return self._sum(max(both) for both in sides.values())
        if how == _NET:
            return self._sum(EXACT.abs(EXACT.subtract(*both)) for both in sides.values())
        return self._sum(total(both) for both in sides.values())

    @property
    def free_margin(self) -> Decimal | None:
        """The equity that no position uses; None while one of the two is not known."""
        equity, used = self.equity, self.used_margin
        return None if equity is None or used is None else EXACT.subtract(equity, used)

    @property
    def margin_level(self) -> Decimal | None:
        """Equity over used margin in percent, to two places; None without margin, and while it is not known."""
        equity, used = self.equity, self.used_margin
        if equity is None or not used:
            return None
        return EXACT.multiply(EXACT.divide(equity, used), Decimal(100)).quantize(_PERCENT, ROUND_HALF_UP, EXACT)

    # Against the server

    def check(self, *, correct: bool = False, tolerance: Decimal | int = 0) -> Deferred[Check]:
        """Ask the server for positions, orders, balance and unrealised results, and compare each as its answer comes.

        What events tell between asking and answering is not compared: the answer may be older than they are.

        :param correct: take over what the server says of positions, orders and balance.
        :param tolerance: how much unrealised results may differ, in the deposit asset: an answer and the quote that it
            is compared with may be a tick apart.
        :return: a new Deferred that fires with the result; it fails as requests do.
        """
        checking = Checking(
            self._client, self._portfolio, self.unrealised, correct=correct, tolerance=Decimal(tolerance)
        )
        return Deferred.fromCoroutine(checking.run())

    # Inside

    def _rounded(self, amount: Decimal) -> Decimal:
        """Round to the account's digits, a half away from zero (unconfirmed)."""
        return amount.quantize(money(1, self._portfolio.money_digits), ROUND_HALF_UP, EXACT)

    def _sum(self, amounts: Iterable[Decimal]) -> Decimal:
        return EXACT.add(total(amounts), money(0, self._portfolio.money_digits))
