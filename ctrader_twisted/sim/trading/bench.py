"""What all parts of one desk work with: the account's book, the market, timers, and the way to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted.sim.trading import margins, triggers
from ctrader_twisted.sim.trading.entities import CREATED
from ctrader_twisted.sim.trading.telling import Telling
from ctrader_twisted.sim.trading.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.options import Options
    from ctrader_twisted.sim.trading.entities import Order, Position
    from ctrader_twisted.sim.trading.exchange import Exchange
    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.venue import Venue


class Bench:
    """What a desk's parts share.

    :param watch: shows the desk the ticks of these symbols from now on.

    :ivar account: whose desk it is.
    :ivar stops: which stops have been reached once, of those that want it twice.
    :ivar options: the venue's.
    """

    def __init__(self, exchange: Exchange, ledger: Ledger, watch: Callable[[Iterable[int]], None]) -> None:
        self.exchange = exchange
        self.venue: Venue = exchange.venue
        self.options: Options = exchange.venue.options
        self.ledger = ledger
        self.account: TradingAccount = ledger.account
        self.telling: Telling = Telling(exchange, ledger.account)
        self.timers: Timers = Timers(exchange.venue.clock)
        self.stops: triggers.Stops = triggers.Stops()
        self._watch = watch

    def now(self) -> int:
        """Give the venue's time, ms UTC."""
        return self.venue.now()

    def rewatch(self) -> None:
        """Follow the ticks of what is held and of what waits, and of what converts the money of what is held."""
        exchange = self.exchange
        deposit = margins.deposit_asset(self.account, exchange)
        symbols = {order.symbol_id for order in self.ledger.orders.values()}
        for symbol_id in {position.symbol_id for position in self.ledger.open_positions()}:
            symbols.add(symbol_id)
            symbols.update(exchange.conversion(exchange.instrument(symbol_id).quote_asset_id, deposit))
        self._watch(symbols)

    def replaced_margins(self) -> list[Position]:
        """Work the margins out anew where they follow from levels, and give the positions whose margin changed."""
        account = self.account
        if not account.limited_risk or account.limited_risk_margin == margins.BY_LEVERAGE:
            return []
        return margins.place(self.ledger, self.exchange)

    def position(self, position_id: int) -> Position | None:
        """Give a position, a placeholder or a closed one, too; None if there never was one of this id."""
        ledger = self.ledger
        return ledger.positions.get(position_id) or ledger.closed_positions.get(position_id)

    def shown_position(self, order: Order) -> Position | None:
        """Give the position that an event about an order shows: a placeholder only if the options say so."""
        position = self.position(order.position_id)
        if position is not None and position.status == CREATED and not self.options.placeholder:
            return None
        return position

    def protective_order(self, position: Position) -> Order | None:
        """Give the working order that carries a position's levels."""
        return self.ledger.orders.get(position.protective_id or 0)
