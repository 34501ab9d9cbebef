"""A year of minute bars, traded by the real client against the real venue, in virtual time.

The bars are a file (of made-up prices, unless `--bars` names one of yours) that the venue replays: four ticks to a bar,
each a spot event with the bar as it stands. All of it goes as bytes through a connection in memory, and so do the
strategy's requests and what answers them. The clock is the test kit's: it goes from one thing that is due to the next.

    python benchmarks/virtual_year.py
    python benchmarks/virtual_year.py --months 1 --json
    python benchmarks/virtual_year.py --bars eurusd-m1.csv

It fails if a bar did not arrive, if time was skipped, or if the client believes anything that the venue does not.
`docs/simulator.md` says how to do this with a strategy of your own, `docs/performance.md` what the figures were.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import platform
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

from moving_averages import MovingAverages

from ctrader_twisted.messages import ProtoOASpotEvent
from ctrader_twisted.sim.feed.calendar import DAY, MINUTE, Period
from ctrader_twisted.sim.feed.modelled import ModelFeed
from ctrader_twisted.sim.feed.replay import ReplayFeed
from ctrader_twisted.sim.testing import EUR_ACCOUNT, VenueKit
from ctrader_twisted.sim.trading import margins
from ctrader_twisted.wire.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

SYMBOL, SYMBOL_ID, DIGITS = "EURUSD", 1, 5
NEW_YEAR = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)

Row = tuple[int, Decimal, Decimal, Decimal, Decimal]
"""A bar's opening in ms UTC, and its open, high, low and close."""


def make_bars(path: Path, seed: int, first_ms: int, end_ms: int) -> None:
    """Write the minute bars that the venue's model makes of a span, as a file that anybody could have."""
    bars, _ = ModelFeed(seed).bars_back(SYMBOL_ID, Period.M1, first_ms, end_ms - 1, sys.maxsize, now_ms=end_ms)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("timestamp", "open", "high", "low", "close", "volume"))
        for bar in bars:
            rows.writerow((bar.open_ms, *(f"{price / 100_000:.{DIGITS}f}" for price in bar[1:5]), bar.volume))


def read_bars(path: Path) -> list[Row]:
    """Read what the file says, without the venue's reader."""
    with path.open(newline="") as file:
        return [
            (int(row["timestamp"]), *(Decimal(row[name]) for name in ("open", "high", "low", "close")))
            for row in csv.DictReader(file)
        ]  # type: ignore[misc]


class Trader(MovingAverages):
    """The example's strategy, which also keeps every bar it was told of."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.bars: list[Row] = []

    def _bar_closed(self, bar: Any) -> None:
        self.bars.append((bar.opened, bar.open, bar.high, bar.low, bar.close))
        super()._bar_closed(bar)


class Record:
    """A tap that counts what is said, and can tell whether two runs said the same.

    The ids that a client draws for its requests and orders are unguessable, so no two runs have the same: the n-th
    stands as "n" in the digest. Everything else counts as it is, byte by byte, with the time of the clock.

    :ivar longest: the longest silence of the client's, in seconds of the clock.
    """

    _IDS = re.compile(rb"[0-9a-f]{16,32}")

    def __init__(self) -> None:
        self.messages = {"sent": 0, "received": 0}
        self.longest = 0.0
        self._spoke: float | None = None
        self._digest = hashlib.blake2b(digest_size=16)
        self._ids: dict[bytes, bytes] = {}

    def digest(self) -> str:
        """Give what two runs that said the same have in common."""
        return self._digest.hexdigest()

    def opened(self, connection: int, where: str, at: float) -> None:
        """A connection was made."""
        self._spoke = at

    def sent(self, connection: int, envelopes: Iterable[Envelope], at: float) -> None:
        """The client says this."""
        assert self._spoke is not None
        self.longest = max(self.longest, at - self._spoke)
        self._spoke = at
        self._note("sent", envelopes, at)

    def received(self, connection: int, items: Iterable[Any], at: float) -> None:
        """The venue said this."""
        for item in items:
            self._note("received", [item] if isinstance(item, Envelope) else item.envelopes(), at)

    def unreadable(self, connection: int, error: Exception, at: float) -> None:
        """Nothing here is."""
        raise error

    def ended(self, connection: int, reason: str, at: float) -> None:
        """The connection is over."""

    failed = ended  # type: ignore[assignment]

    def _note(self, way: str, envelopes: Iterable[Envelope], at: float) -> None:
        for envelope in envelopes:
            self.messages[way] += 1
            said = b"%s %.6f %d %s" % (way.encode(), at, envelope.payload_type, envelope.payload)
            if envelope.payload_type != _SPOT:  # these have no ids, and are nearly all there is
                said = self._IDS.sub(self._numbered, b"%s %s" % (said, (envelope.client_msg_id or "").encode()))
            self._digest.update(said)

    def _numbered(self, found: re.Match[bytes]) -> bytes:
        return self._ids.setdefault(found[0], b"%d" % len(self._ids))


_SPOT = ProtoOASpotEvent().payloadType


@dataclass(slots=True)
class Result:
    """What came of a run.

    :ivar seconds: how long it took, of ours.
    :ivar days: how long it took, of the venue's.
    :ivar bars: what the strategy was told, all but the last, which nothing has closed.
    :ivar spots: how many spot events the client's listener was given.
    :ivar orders: how many orders the venue has filled.
    :ivar believed: balance, equity and open positions (id, side, volume, price) as the client has them.
    :ivar booked: the same, as the venue's own book has them; both while the strategy still held what it held.
    :ivar differences: what the client and the venue's answers to its questions disagree about.
    """

    seconds: float = 0.0
    days: float = 0.0
    bars: list[Row] = field(default_factory=list)
    spots: int = 0
    orders: int = 0
    closed: int = 0
    gained: int = 0
    balance: Decimal = Decimal(0)
    believed: tuple[Any, ...] = ()
    booked: tuple[Any, ...] = ()
    differences: str = ""
    sent: int = 0
    received: int = 0
    longest_silence: float = 0.0
    digest: str = ""


def spots_in(rows: Iterable[Row]) -> int:
    """Give how many ticks the bars are made of: open, high, low, close (or low, high), no price twice in a row."""
    count = 0
    for _, opened, high, low, close in rows:
        path = [opened, low, high, close] if close > opened else [opened, high, low, close]
        count += 1 + sum(1 for one, following in zip(path, path[1:], strict=False) if one != following)
    return count


def problems(rows: list[Row], result: Result) -> list[str]:
    """Give what was not as it has to be."""
    last = (rows[-1][0] - rows[0][0]) / DAY
    checks = {
        "every bar arrived, and as the file has it": result.bars == rows[:-1],
        "each tick of them was one spot event": result.spots == spots_in(rows),
        "all of the time passed": result.days >= last,
        "and no more than ten seconds of it without a word of the client's": result.longest_silence <= 10.0,
        "balance, equity and positions are the venue's": result.believed == result.booked,
        f"and what it answers says so, too: {result.differences}": not result.differences,
    }
    return [said for said, held in checks.items() if not held]


def believed(account: Any) -> tuple[Any, ...]:
    """Give what the client has, in the venue's units."""
    cents = [None if amount is None else int(amount.scaleb(2)) for amount in (account.balance, account.equity)]
    return (
        *cents,
        {key: (int(each.side), int(each.volume), float(each.price)) for key, each in account.positions.items()},
    )


def booked(kit: VenueKit) -> tuple[Any, ...]:
    """Give what the venue has, not as it tells it but as it keeps it."""
    exchange = kit.venue.exchange
    ledger = exchange.desk(EUR_ACCOUNT).ledger
    positions = {
        each.position_id: (each.side, each.volume, float(each.exact_price / 100_000))
        for each in ledger.open_positions()
    }
    return ledger.account.balance, margins.equity(ledger, exchange), positions


def trade(path: Path, *, seed: int = 1, wire: str = "protobuf", fast: int = 30, slow: int = 120) -> Result:
    """Let the strategy trade a file of minute bars from its first to its last."""
    feed = ReplayFeed.open(path, symbol=SYMBOL, period=Period.M1)
    first, last = feed.span(SYMBOL_ID)
    record, result = Record(), Result()

    def count(spot: ProtoOASpotEvent) -> None:
        result.spots += 1

    with VenueKit(seed=seed, wire=wire, feed=feed, start=first - MINUTE) as kit:
        began = time.perf_counter()
        client = kit.client(tap=record)
        kit.settle(client.when_ready())
        token = kit.venue.registry.token_for(EUR_ACCOUNT)
        kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=token))
        client.on(ProtoOASpotEvent, count)
        strategy = Trader(client, EUR_ACCOUNT, fast=fast, slow=slow)
        strategy.startService()
        kit.settle(strategy.account.ready())
        kit.advance((last + 1_000 - kit.venue.now()) / 1_000)
        result.seconds = time.perf_counter() - began
        result.days = (kit.venue.now() - first + MINUTE) / DAY
        account = strategy.account
        result.believed, result.booked = believed(account), booked(kit)
        result.differences = str(kit.settle(account.check()).differences or "")
        kit.settle(strategy.flat())
        strategy.stopService()
        result.bars, result.closed = strategy.bars, len(strategy.closed)
        result.gained = sum(1 for each in strategy.closed if each.net is not None and each.net > 0)
        deals = kit.venue.exchange.desk(EUR_ACCOUNT).ledger.deals
        result.orders = len({deal.order_id for deal in deals})
        assert account.balance is not None
        result.balance = account.balance
    result.sent, result.received = record.messages["sent"], record.messages["received"]
    result.longest_silence, result.digest = record.longest, record.digest()
    return result


def main() -> None:
    """Trade, check, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=12, help="of 2025, from January (12)")
    parser.add_argument("--bars", type=Path, help="a file of minute bars of EURUSD instead")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same prices (1)")
    parser.add_argument("--wire", default="protobuf", help="protobuf, json or protobuf-websocket (protobuf)")
    parser.add_argument("--json", action="store_true", help="print the figures for a program to read")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.bars or Path(folder) / "bars.csv"
        if args.bars is None:
            years, months = divmod(args.months, 12)
            end = datetime(2025 + years, 1 + months, 1, tzinfo=UTC)
            make_bars(path, args.seed, NEW_YEAR, int(end.timestamp() * 1000))
        rows = read_bars(path)
        cpu = time.process_time()
        result = trade(path, seed=args.seed, wire=args.wire)
        cpu = time.process_time() - cpu
    wrong = problems(rows, result)
    said = result.sent + result.received
    figures = {
        "python": platform.python_version(), "wire": args.wire, "days": result.days, "bars": len(rows),
        "spot_events": result.spots, "messages": said, "orders": result.orders, "positions": result.closed,
        "balance": str(result.balance), "seconds": result.seconds, "cpu_seconds": cpu,
        "bars_per_second": len(rows) / result.seconds, "messages_per_second": said / result.seconds,
        "times_real_time": result.days * 86_400 / result.seconds, "digest": result.digest, "wrong": wrong,
    }  # fmt: skip
    if args.json:
        print(json.dumps(figures, indent=1))
    else:
        print(
            f"{result.days:.1f} days of {SYMBOL}: {len(rows):,} minute bars in {result.spots:,} spot events, "
            f"{'not as they should' if wrong else 'all arrived'}\n"
            f"{result.orders:,} orders filled, {result.closed:,} positions closed, {result.gained:,} with a gain; "
            f"the balance is {result.balance} EUR, as the venue's\n"
            f"{result.seconds:.1f} s, {figures['times_real_time']:,.0f} times as fast as the market: "
            f"{figures['bars_per_second']:,.0f} bars and {figures['messages_per_second']:,.0f} messages a second\n"
            f"digest of all {said:,} messages: {result.digest}"
        )
    if wrong:
        sys.exit("not so: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
