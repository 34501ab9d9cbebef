"""A venue whose prices a test writes down beforehand, and a trader who knows envelopes and nothing else.

Prices are integers in 1/100000, times seconds after the venue's start, a Tuesday morning.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ctrader_twisted import messages
from ctrader_twisted.sim import Limits, Options, TradingAccount
from ctrader_twisted.sim.accounts import USD_ACCOUNT
from ctrader_twisted.sim.feed import calendar
from ctrader_twisted.sim.feed.feed import Feed, Quote, Tick
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.testing import DEFAULT_START, VenueKit
from ctrader_twisted.wire import codec
from tests.sim.venues import EURUSD, of_account, with_account

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

BUY, SELL = 1, 2
MARKET, LIMIT, STOP, PROTECTIVE, MARKET_RANGE, STOP_LIMIT = 1, 2, 3, 4, 5, 6
GTD, GTC, IOC, FOK, ON_OPEN = 1, 2, 3, 4, 5
OPEN, CLOSED, CREATED = 1, 2, 3

Move = tuple[float, int, int]
"""Seconds after the start, bid, ask."""


class StagedFeed(Feed):
    """Quotes as they are written down; each tick brings the sides that differ from the one before."""

    def __init__(self, moves: Mapping[int, Iterable[Move]], start: int, **changes: Any) -> None:
        self._instruments = {
            one.symbol_id: replace(one, **changes) for one in HOUSE.instruments if one.symbol_id in moves
        }
        self._quotes = {
            symbol_id: [Quote(start + round(at * 1000), bid, ask) for at, bid, ask in listed]
            for symbol_id, listed in moves.items()
        }
        self.close: int | None = None

    @property
    def instruments(self):
        return self._instruments

    def is_open(self, symbol_id, at_ms):
        return calendar.is_open(self._instruments[symbol_id], at_ms)

    def quote(self, symbol_id, at_ms):
        listed = self._quotes[symbol_id]
        passed = bisect_right(listed, at_ms, key=lambda quote: quote.timestamp_ms)
        return listed[passed - 1] if passed else None

    def next_tick(self, symbol_id, after_ms):
        listed = self._quotes[symbol_id]
        passed = bisect_right(listed, after_ms, key=lambda quote: quote.timestamp_ms)
        if passed == len(listed):
            return None
        now, before = listed[passed], listed[passed - 1] if passed else Quote(0, 0, 0)
        return Tick(*now, now.bid != before.bid, now.ask != before.ask)

    def ticks_back(self, symbol_id, side, from_ms, to_ms, limit, *, now_ms):
        raise NotImplementedError

    def bars_back(self, symbol_id, period, from_ms, to_ms, limit, *, now_ms):
        raise NotImplementedError

    def live_bar(self, symbol_id, period, at_ms):
        return None

    def session_close(self, symbol_id, at_ms):
        return self.close


def stage(
    *moves: Move,
    others: Mapping[int, Iterable[Move]] | None = None,
    symbol_id: int = EURUSD,
    start: int = DEFAULT_START,
    account: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    kit: Mapping[str, Any] | None = None,
    **options: Any,
) -> VenueKit:
    """Make a venue with one account, in dollars at 1:100, and one symbol, EURUSD, that moves as told.

    :param account: fields of the account.
    :param changes: fields of the instruments.
    :param kit: arguments of the kit.
    :param options: fields of `Options`; everything is filled at the best price unless told otherwise.
    """
    fields = {"balance": 10_000_00, "deposit_asset": "USD"} | dict(account or {})
    feed = StagedFeed({symbol_id: moves, **(others or {})}, start, **(changes or {}))
    return VenueKit(
        start=start,
        feed=feed,
        accounts=[TradingAccount(USD_ACCOUNT, 77, **fields)],
        limits=Limits(general=0, historical=0),
        options=Options(**{"fill": "best", "inactivity": 0, "heartbeat": 0} | options),
        **(kit or {}),
    )


class Trader:
    """One connection on which the account is authorised."""

    def __init__(self, kit: VenueKit) -> None:
        self.kit = kit
        self.client = with_account(kit, USD_ACCOUNT)
        self.client.take()
        self.asked = 0

    def send(self, name: str, client_msg_id: str | None = None, **fields: Any) -> None:
        self.client.send(of_account(name, USD_ACCOUNT, **fields), client_msg_id)

    def does(self, name: str, seconds: float = 0.5, **fields: Any) -> list[Any]:
        """Send a command and give what is said in the time after it."""
        self.asked += 1
        self.client.take()
        self.send(name, f"asked-{self.asked}", **fields)
        self.kit.advance(seconds)
        return self.hears()

    def order(self, seconds: float = 0.5, **fields: Any) -> list[Any]:
        """Place an order: a market order to buy 1000 EURUSD unless told otherwise."""
        wanted = {"symbolId": EURUSD, "orderType": MARKET, "tradeSide": BUY, "volume": 100_000}
        return self.does("NewOrder", seconds, **wanted | fields)

    def opens(self, **fields: Any) -> Any:
        """Open a position and give it as it is after all that follows."""
        events = self.order(**fields)
        return [event for event in events if event.HasField("position")][-1].position

    def hears(self, seconds: float = 0.0) -> list[Any]:
        """Give what was said, and is in the time to come."""
        self.kit.advance(seconds)
        return self.client.take()

    def hears_envelopes(self) -> list[tuple[str | None, Message]]:
        """Give what was said with the ids it carried."""
        heard = [(envelope.client_msg_id, codec.unpack(envelope)) for envelope in self.client.received]
        self.client.received = []
        return heard

    def refused(self, name: str = "NewOrder", **fields: Any) -> tuple[str, str, str]:
        """Send what is refused, and give the message that says so, its code and its words."""
        if name == "NewOrder":
            fields = {"symbolId": EURUSD, "orderType": MARKET, "tradeSide": BUY, "volume": 100_000} | fields
        (answer,) = self.does(name, 0.0, **fields)
        return type(answer).__name__, answer.errorCode, getattr(answer, "description", "")

    def ask(self, name: str, **fields: Any) -> Any:
        return self.client.ask(of_account(name, USD_ACCOUNT, **fields))

    def reconciled(self) -> Any:
        return self.ask("Reconcile", returnProtectionOrders=True)

    @property
    def ledger(self) -> Any:
        return self.kit.venue.exchange.desk(USD_ACCOUNT).ledger


def kinds(events: Iterable[Any]) -> list[str]:
    """Give the execution types by name, a server's own event marked, anything else by its class."""
    return [
        ("* " if event.isServerEvent else "") + messages.ProtoOAExecutionType(event.executionType).name
        if isinstance(event, messages.ProtoOAExecutionEvent)
        else type(event).__name__
        for event in events
    ]
