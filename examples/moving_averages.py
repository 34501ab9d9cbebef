"""A strategy: two moving averages, bought when the fast one rises above the slow one, sold when it falls below.

It is written once and runs unchanged in three places.

* Against a simulated venue of its own, in virtual time: ``python examples/moving_averages.py``. Four hours of market
  take a few seconds; ``--hours``, ``--seed`` and ``--out curve.svg`` (the equity curve) are the options.
* As a service of the daemon: ``PYTHONPATH=examples twistd --nodaemon --pidfile= ctrader --config
  examples/moving_averages.toml``.
* In a test: ``tests/account/test_moving_averages.py``.

It is an example of how a strategy is written, not of one that earns anything.
"""

from __future__ import annotations

import argparse
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted import Disconnected
from ctrader_twisted.account import Order, Position, PositionClosed
from ctrader_twisted.market import Bar, LiveBars, Lots, Pips, Symbol
from ctrader_twisted.messages import ProtoOASpotEvent, ProtoOATradeSide, ProtoOATrendbarPeriod
from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ctrader_twisted import OpenApiClient

BUY, SELL = ProtoOATradeSide.BUY, ProtoOATradeSide.SELL
LABEL = "moving-averages"
"""On every order and position of the strategy: by it, a process that was started anew knows them again."""


class MovingAverages(Service):
    """Trades one symbol of one account: one position at most, with a stop loss.

    :param account_id: its ctidTraderAccountId.
    :param symbol: as the account's symbols are called; capitals and the broker's suffix make no difference.
    :param volume: of each position.
    :param stop: how far its stop loss is from its fill.
    :param fast: bars of the fast average.
    :param slow: bars of the slow average.
    :param period: of the bars: "M1", "H1", ….

    :ivar order: the last one, or None.
    :ivar closed: its positions that were closed, the oldest first.
    :ivar curve: the opening of each bar in ms UTC, and the account's equity when it closed.
    """

    log = Logger()

    def __init__(
        self,
        client: OpenApiClient,
        account_id: int,
        *,
        symbol: str = "EURUSD",
        volume: Lots = Lots("0.1"),  # noqa: B008 - it is immutable
        stop: Pips = Pips(10),  # noqa: B008
        fast: int = 5,
        slow: int = 20,
        period: str = "M1",
    ) -> None:
        self.account = client.account(account_id)
        self.order: Order | None = None
        self.closed: list[PositionClosed] = []
        self.curve: list[tuple[int, Decimal]] = []
        self._client = client
        self._name = symbol
        self._symbol: Symbol | None = None
        self._volume = volume
        self._stop = stop
        self._fast = fast
        self._period = ProtoOATrendbarPeriod[period]
        self._bars = LiveBars()
        self._closes: deque[Decimal] = deque(maxlen=slow)
        self._above: bool | None = None
        self._beginning: Deferred[None] | None = None

    # Life

    def startService(self) -> None:
        """Listen, wait for the account, subscribe. What goes wrong is logged."""
        super().startService()
        self._client.on(ProtoOASpotEvent, self._spot)
        self._client.on(Disconnected, self._disconnected)
        self.account.on(PositionClosed, self._position_closed)
        self._beginning = Deferred.fromCoroutine(self._begin())
        self._beginning.addErrback(self._could_not_begin)

    def stopService(self) -> None:
        """Stop listening. A position stays open, and its stop loss with it: both are the server's."""
        super().stopService()
        if self._beginning is not None:
            self._beginning.cancel()
        self._client.off(ProtoOASpotEvent, self._spot)
        self._client.off(Disconnected, self._disconnected)
        self.account.off(PositionClosed, self._position_closed)

    async def _begin(self) -> None:
        account = await self.account.ready()
        self._symbol = await account.symbol(self._name)
        of_account: dict[str, Any] = {"ctidTraderAccountId": account.account_id}
        await self._client.subscribe_spots(**of_account, symbolId=[self._symbol.symbol_id])
        await self._client.subscribe_live_trendbar(**of_account, symbolId=self._symbol.symbol_id, period=self._period)
        self.log.info("trading {symbol} with a balance of {balance}", symbol=self._symbol, balance=account.balance)

    def _could_not_begin(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self.log.failure("the strategy could not begin", failure)

    # What it is told

    def _spot(self, event: ProtoOASpotEvent) -> None:
        symbol = self._symbol
        if symbol is None or (event.ctidTraderAccountId, event.symbolId) != (self.account.account_id, symbol.symbol_id):
            return
        for bar in self._bars.feed(event, symbol.digits):
            if bar.period == self._period:
                self._bar_closed(bar)

    def _disconnected(self, event: Disconnected) -> None:
        """Begin anew: averages over bars with a gap between them mean nothing. The order and its position remain."""
        self._bars.forget()
        self._closes.clear()
        self._above = None

    def _position_closed(self, change: PositionClosed) -> None:
        if change.position.label == LABEL:
            self.closed.append(change)

    # What it has

    @property
    def position(self) -> Position | None:
        """Its position, or None."""
        return next((each for each in self.account.positions.values() if each.label == LABEL), None)

    @property
    def realised(self) -> Decimal:
        """What its closed positions changed the balance by."""
        return sum((change.net for change in self.closed if change.net is not None), Decimal(0))

    # What it does

    def _bar_closed(self, bar: Bar) -> None:
        if self.account.equity is not None:
            self.curve.append((bar.opened, self.account.equity))
        self._closes.append(bar.close)
        if len(self._closes) < (self._closes.maxlen or 0):
            return
        closes = list(self._closes)
        above = mean(closes[-self._fast :]) > mean(closes)
        crossed = self._above is not None and above is not self._above
        self._above = above
        if crossed:
            self._turn(BUY if above else SELL)

    def _turn(self, side: ProtoOATradeSide) -> None:
        """Be on one side of the market."""
        if self.order is not None and not self.order.state.ended:
            return  # on its way, or its outcome is being found out: nothing is sent meanwhile
        position = self.position
        if position is None:
            self.order = self.account.market(side, self._name, self._volume, stop_loss=self._stop, label=LABEL)
        elif position.side != side:
            self.order = self.account.reverse(position, stop_loss=self._stop, label=LABEL)

    def flat(self) -> Deferred[None]:
        """Close the position, if there is one.

        :return: a Deferred that fires when it is closed.
        """
        return Deferred.fromCoroutine(self._flat())

    async def _flat(self) -> None:
        if self.order is not None:
            await self.order.done()
        if self.position is not None:
            await self.account.close(self.position).filled()


def mean(values: Sequence[Decimal]) -> Decimal:
    """Give the mean of some prices."""
    return sum(values, Decimal(0)) / len(values)


def make(client: OpenApiClient, settings: Mapping[str, Any]) -> MovingAverages:
    """Make the service; the daemon calls this with a client and the table ``settings``."""
    given = dict(settings)
    account_id = given.pop("account", EUR_ACCOUNT)
    for name, unit in (("volume", Lots), ("stop", Pips)):
        if name in given:
            given[name] = unit(given[name])
    return MovingAverages(client, account_id, **given)


# ------------------------------------------------------------------------------------------------- in virtual time


def run(hours: float, seed: int) -> tuple[MovingAverages, Decimal]:
    """Let it trade on a venue of its own, from a Tuesday at nine.

    :return: the strategy, when its last position is closed; and what the venue's balance changed by.
    """
    with VenueKit(seed=seed) as kit:
        client = kit.ready_client(EUR_ACCOUNT)
        ledger = kit.venue.exchange.desk(EUR_ACCOUNT).ledger
        before = ledger.account.balance
        strategy = MovingAverages(client, EUR_ACCOUNT)
        strategy.startService()
        kit.advance(hours * 3600)
        kit.settle(strategy.flat())
        strategy.stopService()
        return strategy, Decimal(ledger.account.balance - before).scaleb(-ledger.account.money_digits)


def clock_time(ms: int) -> str:
    """Show a time of the server."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%d %b %H:%M}"


def report(strategy: MovingAverages) -> str:
    """Show a line for each position, and the result."""
    lines = []
    for change in strategy.closed:
        position, last = change.position, change.realised[-1]
        lines.append(
            f"{clock_time(position.opened_at or 0)}  {ProtoOATradeSide(position.side).name:4}  {position.price:.5f}"
            f" to {last.exit_price:.5f} at {clock_time(last.deal.executionTimestamp)}  {change.net:+7.2f}"
        )
    won = sum(1 for change in strategy.closed if change.net is not None and change.net > 0)
    lines.append(
        f"{len(strategy.closed)} positions, {won} with a gain; {strategy.realised:+.2f} EUR, "
        f"the balance is {strategy.account.balance} EUR"
    )
    return "\n".join(lines)


def drawn(curve: Sequence[tuple[int, Decimal]], title: str) -> str:
    """Draw an equity curve as SVG."""
    if len(curve) < 2:
        raise ValueError("there is no curve yet: let it run longer")
    width, height, left, right, top, bottom = 860, 320, 78, 18, 40, 36
    begin, end = curve[0][0], curve[-1][0]
    values = [float(equity) for _, equity in curve]
    low, high = min(values), max(values)
    spread = high - low or 1.0

    def x(at: float) -> float:
        return left + (at - begin) / (end - begin) * (width - left - right)

    def y(value: float) -> float:
        return height - bottom - (value - low) / spread * (height - top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="24" font-size="15" fill="#1b1f24">{title}</text>',
    ]
    for step in range(5):
        value = low + spread * step / 4
        parts.append(f'<path d="M{left} {y(value):.1f}H{width - right}" stroke="#e3e7eb"/>')
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#57606a">{value:.2f}</text>')
        at = begin + (end - begin) * step / 4
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"
        parts.append(
            f'<text x="{x(at):.1f}" y="{height - 12}" text-anchor="{anchor}" fill="#57606a">'
            f"{clock_time(int(at))}</text>"
        )
    parts.append(f'<path d="M{left} {y(values[0]):.1f}H{width - right}" stroke="#8c959f" stroke-dasharray="4 4"/>')
    points = " ".join(f"{x(at):.1f},{y(value):.1f}" for (at, _), value in zip(curve, values, strict=True))
    parts.append(f'<polyline points="{points}" fill="none" stroke="#0969da" stroke-width="1.6"/>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Run it as the arguments say."""
    parser = argparse.ArgumentParser(description="Two moving averages against a simulated venue, in virtual time.")
    parser.add_argument("--hours", type=float, default=4, help="hours of market (4)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same prices (1)")
    parser.add_argument("--out", type=Path, help="where to write the equity curve, as SVG")
    arguments = parser.parse_args()
    strategy, _ = run(arguments.hours, arguments.seed)
    print(report(strategy))
    if arguments.out is not None:
        title = f"EURUSD, averages of 5 and 20 minutes, {arguments.hours:g} hours: equity in EUR"
        arguments.out.write_text(drawn(strategy.curve, title))


if __name__ == "__main__":
    main()
