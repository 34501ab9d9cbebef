"""An account's money as time and prices pass: paid in and out, swap, margin calls, stop-outs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ctrader_twisted.messages import ProtoOAExecutionType
from ctrader_twisted.sim.trading import charges, margins, solvency
from ctrader_twisted.sim.trading.records import GSL_CHARGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from ctrader_twisted.sim.trading.bench import Bench
    from ctrader_twisted.sim.trading.entities import Position


class Money:
    """The money of one account.

    :param close_out: closes so much of a position for a stop-out, and says whether anything was closed.

    :ivar margin_calls: which margin calls it has had.
    """

    def __init__(self, bench: Bench, close_out: Callable[[Position, int], bool]) -> None:
        self._bench = bench
        self._close_out = close_out
        self._charging: dict[int, int] = {}
        self._stopping_out = False
        self._patient = False
        self.margin_calls: solvency.MarginCalls = solvency.MarginCalls()

    def deposit(self, delta: int, note: str = "", operation: int | None = None, *, server: bool = False) -> None:
        """Put money into the account, or take it out if it is less than 0.

        :param operation: ProtoOAChangeBalanceType; by default a deposit or a withdrawal.
        :param server: the venue does so by itself.
        """
        bench = self._bench
        equity = margins.equity(bench.ledger, bench.exchange)
        unrealised = 0 if equity is None else equity - bench.account.balance
        flow = bench.ledger.deposit(delta, bench.now(), note, operation, unrealised=unrealised)
        kind = ProtoOAExecutionType.DEPOSIT_WITHDRAW
        bench.telling.tell(kind, None, flow=flow, server=server)
        self.look()

    def give_bonus(self, manager: int = 0, introducing_broker: int = 0, note: str = "") -> None:
        """Add to the broker's bonus and to the introducing broker's, or take from them what is less than 0.

        The balance, and what margin is reckoned with, stay as they are (unconfirmed).
        """
        bench = self._bench
        bonus = bench.ledger.give_bonus(manager, introducing_broker, bench.now(), note)
        bench.telling.tell(ProtoOAExecutionType.BONUS_DEPOSIT_WITHDRAW, None, bonus=bonus)

    def charge_for_guarantee(self, position: Position) -> None:
        """Charge what the guaranteed stop loss of a position costs (unconfirmed: how much of what, and when)."""
        bench = self._bench
        amount = charges.guarantee(bench.account, bench.exchange, position)
        if amount:
            self.deposit(amount, operation=GSL_CHARGE, server=True)

    def reckon(self) -> None:
        """Work out the margin of all positions anew, after what it follows from was changed."""
        self._bench.telling.margins(margins.place(self._bench.ledger, self._bench.exchange))
        self.look()

    def charge_when_due(self, symbol_id: int, after: int) -> None:
        """Charge swap, or rollover, for the positions of a symbol, again and again as long as there are any.

        :param after: each time after this one, ms UTC; of times that are past, one after the other at once.
        """
        if symbol_id in self._charging:
            return
        bench = self._bench
        instrument = bench.exchange.instrument(symbol_id)
        at = charges.next_due(instrument, after, swap_free=bench.account.swap_free)

        def due() -> None:
            del self._charging[symbol_id]
            positions = bench.ledger.open_positions(symbol_id)
            for position in positions:
                self._charge(position, at)
            if positions:
                self.charge_when_due(symbol_id, at)
                self.look()

        self._charging[symbol_id] = bench.timers.later(bench.venue.seconds_until(at), due)

    def _charge(self, position: Position, at: int) -> None:
        bench = self._bench
        amount = charges.charge(bench.account, bench.exchange, position, at)
        if amount:
            position.swap += amount
            position.updated_at = bench.now()
            bench.telling.tell(ProtoOAExecutionType.SWAP, None, position=position, server=True)

    @contextmanager
    def afterwards(self) -> Iterator[None]:
        """Look at the money when something is over, and not before.

        What a tick sets off goes before a stop-out (unconfirmed), so a guaranteed stop loss is filled at its own price.
        """
        self._patient = True
        try:
            yield
        finally:
            self._patient = False
        self.look()

    def look(self) -> None:
        """Tell the margin calls that are due, and begin a stop-out if the margin level is too low."""
        if self._patient:
            return
        bench = self._bench
        level = margins.level(bench.ledger, bench.exchange)
        for kind in self.margin_calls.fallen(bench.account, level, bench.now()):
            bench.telling.margin_call(kind)
        self._stop_out_if_due(level, bench.options.stop_out_delay)

    def resume(self) -> None:
        """Go on with a stop-out that was under way: it does not wait any more."""
        self._stop_out_if_due(margins.level(self._bench.ledger, self._bench.exchange), 0.0)

    def _stop_out_if_due(self, level: Fraction | None, delay: float) -> None:
        bench, account = self._bench, self._bench.account
        if level is None or self._stopping_out or not margins.below(level, account.stop_out_level):
            return
        self._stopping_out = True
        if delay:
            bench.timers.later(delay, self._stop_out)
        else:
            self._stop_out()

    def _stop_out(self) -> None:
        """Close positions until the margin level suffices, each by a market order of the server's (unconfirmed)."""
        bench = self._bench
        feed, ledger = bench.venue.feed, bench.ledger
        try:
            while True:
                now = bench.now()
                candidates = [one for one in ledger.open_positions() if feed.is_open(one.symbol_id, now)]
                chosen = solvency.stop_out(ledger, bench.exchange, candidates)
                if chosen is None or not self._close_out(*chosen):
                    return
        finally:
            self._stopping_out = False
