"""What happens as an account's money runs out: margin calls, and which position a stop-out closes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from ctrader_twisted.sim.feed.calendar import MINUTE
from ctrader_twisted.sim.trading import arithmetic, charges, margins
from ctrader_twisted.sim.trading.entities import BUY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ctrader_twisted.sim.accounts import TradingAccount
    from ctrader_twisted.sim.trading.entities import Position
    from ctrader_twisted.sim.trading.ledger import Ledger
    from ctrader_twisted.sim.trading.margins import Market

APART: Final = 10 * MINUTE
"""Between two margin calls of the same threshold."""

MOST_LOSING_FIRST: Final = 1

_LOOKS: Final = 64


@dataclass(slots=True)
class MarginCalls:
    """Which margin calls an account has had.

    :ivar told: when each was told last, ms UTC, by its ProtoOANotificationType.
    :ivar below: those that were told since the margin level fell below their threshold.
    """

    told: dict[int, int] = field(default_factory=dict)
    below: set[int] = field(default_factory=set)

    def fallen(self, account: TradingAccount, level: Fraction | None, now: int) -> list[int]:
        """Give the margin calls to be told now, by their types: each once in a fall, and once in ten minutes.

        A fall within ten minutes of the last call is told when they are over, if the level is still below.

        :param level: the margin level in percent; None if no margin is used.
        """
        due = []
        for kind, (threshold, _) in account.margin_calls.items():
            if level is None or not margins.below(level, threshold):
                self.below.discard(kind)
            elif kind not in self.below and (kind not in self.told or now - self.told[kind] >= APART):
                self.below.add(kind)
                self.told[kind] = now
                due.append(kind)
        return due


def stop_out(
    ledger: Ledger, market: Market, candidates: Iterable[Position] | None = None
) -> tuple[Position, int] | None:
    """Give the position that is to be closed, and how much of it; None if the margin level suffices.

    It does not below the account's stop-out level; positions are closed one after the other until it is greater
    (documented). Of positions equally due the oldest is closed. A fair stop-out closes the least multiple of the step,
    but the least volume, after which the level is greater, so that nothing is left or the least volume: all of it if
    there is none.

    :param candidates: open positions that can be closed now; by default all.
    """
    account = ledger.account
    level = margins.level(ledger, market)
    if level is None or not account.stop_out_level or not margins.below(level, account.stop_out_level):
        return None
    open_now = ledger.open_positions()
    if candidates is not None:
        wanted = {position.position_id for position in candidates}
        open_now = [position for position in open_now if position.position_id in wanted]
    if not open_now:
        return None
    if account.stop_out_strategy == MOST_LOSING_FIRST:
        chosen = min(open_now, key=lambda position: _net(ledger, market, position))
    else:
        chosen = max(open_now, key=lambda position: position.used_margin)
    return chosen, _enough(ledger, market, chosen) if account.fair_stop_out else chosen.volume


def _net(ledger: Ledger, market: Market, position: Position) -> int:
    results = margins.unrealised(ledger, market, position)
    return 0 if results is None else results[1]


def _enough(ledger: Ledger, market: Market, position: Position) -> int:
    """Give how much of a position is to be closed. Its volume is looked through roughly, then more closely."""
    instrument = market.instrument(position.symbol_id)
    step, whole = instrument.step_volume, position.volume
    least = -(-instrument.min_volume // step)
    most = (whole - instrument.min_volume) // step
    looks = sorted({least + (most - least) * number // _LOOKS for number in range(_LOOKS + 1)}) if least <= most else []
    below = least - 1
    for count in looks:
        if _suffices(ledger, market, position, count * step):
            while count - below > 1:
                middle = (below + count) // 2
                below, count = (
                    (below, middle) if _suffices(ledger, market, position, middle * step) else (middle, count)
                )
            return count * step
        below = count
    return whole


def _suffices(ledger: Ledger, market: Market, position: Position, volume: int) -> bool:
    """Say whether the margin level is greater than the stop-out level after so much is closed at today's price."""
    account, instrument = ledger.account, market.instrument(position.symbol_id)
    quote, before = market.quote(position.symbol_id), margins.equity(ledger, market)
    used = margins.used_without(ledger, market, position, volume)
    if not used:
        return True
    if quote is None or before is None:
        return False
    deposit = margins.deposit_asset(account, market)
    rate = market.rate(instrument.quote_asset_id, deposit)
    price = quote.bid if position.side == BUY else quote.ask
    commission = charges.commission(account, market, instrument, volume, price)
    if rate is None or commission is None:
        return False
    gross = arithmetic.gross(
        position.side, ledger.entry_price(position, volume), price, volume, rate, account.money_digits
    )
    fee = arithmetic.conversion_fee(gross, arithmetic.fee_rate(instrument, deposit))
    return Fraction((before + commission + fee) * 100, used) > account.stop_out_level
