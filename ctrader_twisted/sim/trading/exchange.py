"""Where all accounts of a venue trade: their desks, the prices they need, and who is told what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctrader_twisted.sim.feed.feed import Quote
from ctrader_twisted.sim.feed.instruments import PRICE_SCALE
from ctrader_twisted.sim.trading.desk import Desk
from ctrader_twisted.sim.trading.entities import Ids
from ctrader_twisted.sim.trading.ledger import Ledger
from ctrader_twisted.wire import codec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from ctrader_twisted.sim.conversation import Conversation
    from ctrader_twisted.sim.feed.feed import Tick
    from ctrader_twisted.sim.feed.instruments import Instrument, ReferenceData
    from ctrader_twisted.sim.venue import Venue


@dataclass(slots=True, eq=False)
class Cause:
    """Who asked for something.

    :ivar conversation: the connection.
    :ivar client_msg_id: the id that its request had, or None.
    :ivar withheld: the answers to the request are kept from that connection (for scripts).
    """

    conversation: Conversation
    client_msg_id: str | None = None
    withheld: bool = False


class Exchange:
    """All desks of a venue. It gives the desks the present market, and shows them the ticks of what they hold.

    :ivar desks: by account id.
    :ivar ids: where the ids of orders, positions, deals and cash flow come from.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.ids: Ids = Ids()
        self.desks: dict[int, Desk] = {}
        self._quotes: dict[int, Quote] = {}
        self._watchers: dict[int, dict[int, Desk]] = {}
        self._watched: dict[int, frozenset[int]] = {}
        for account in venue.registry.accounts.values():
            self.desks[account.account_id] = Desk(self, Ledger(account, self.ids, venue.opened_at))

    def desk(self, account_id: int) -> Desk:
        """Give an account's desk; KeyError for an account that there is none of."""
        return self.desks[account_id]

    # ------------------------------------------------------------------------------- the market

    @property
    def reference(self) -> ReferenceData:
        """Assets and leverages."""
        return self.venue.reference

    def instrument(self, symbol_id: int) -> Instrument:
        """Give a symbol as it stands; KeyError for one that there is none of."""
        return self.venue.instruments[symbol_id]

    def quote(self, symbol_id: int) -> Quote | None:
        """Give a symbol's present quote; None before the first."""
        known = self._quotes.get(symbol_id)
        return self.venue.feed.quote(symbol_id, self.venue.now()) if known is None else known

    def rate(self, first_asset: int, last_asset: int) -> float | None:
        """Give the worth of one unit of an asset in another now; None where there is none.

        Each symbol on the way counts with the price that the option ``conversion_price`` names.
        """
        chain = self.venue.rates.chain(first_asset, last_asset)
        if chain is None:
            return None
        rate, asset, at = 1.0, first_asset, self.venue.options.conversion_price
        for instrument in chain:
            quote = self.quote(instrument.symbol_id)
            if quote is None:
                return None
            price = {"bid": quote.bid, "mid": (quote.bid + quote.ask) / 2, "ask": quote.ask}[at] / PRICE_SCALE
            if instrument.base_asset_id == asset:
                rate, asset = rate * price, instrument.quote_asset_id
            else:
                rate, asset = rate / price, instrument.base_asset_id
        return rate

    def conversion(self, first_asset: int, last_asset: int) -> Iterable[int]:
        """Give the ids of the symbols by which one asset is converted to another."""
        return [instrument.symbol_id for instrument in self.venue.rates.chain(first_asset, last_asset) or ()]

    # ------------------------------------------------------------------------------- ticks

    def watch(self, desk: Desk, symbol_ids: Iterable[int]) -> None:
        """Show a desk the ticks of these symbols and of no others from now on."""
        account_id = desk.account.account_id
        before, after = self._watched.get(account_id, frozenset()), frozenset(symbol_ids)
        if before == after:
            return
        self._watched[account_id] = after
        ticker = self.venue.ticker
        for symbol_id in sorted(after - before):
            watchers = self._watchers.setdefault(symbol_id, {})
            if not watchers:
                ticker.follow(symbol_id, self._ticked)
                quote = self.venue.feed.quote(symbol_id, self.venue.now())
                if quote is not None:
                    self._quotes[symbol_id] = quote
            watchers[account_id] = desk
        for symbol_id in sorted(before - after):
            watchers = self._watchers[symbol_id]
            del watchers[account_id]
            if not watchers:
                del self._watchers[symbol_id]
                self._quotes.pop(symbol_id, None)
                ticker.unfollow(symbol_id, self._ticked)

    def _ticked(self, symbol_id: int, tick: Tick) -> None:
        self._quotes[symbol_id] = Quote(tick.timestamp_ms, tick.bid, tick.ask)
        watchers = self._watchers.get(symbol_id, {})
        for account_id in sorted(watchers):
            watchers[account_id].tick(symbol_id, tick)

    # ------------------------------------------------------------------------------- telling

    def tell(self, account_id: int, event: Message, cause: Cause | None = None, *, with_id: bool = True) -> None:
        """Tell an event to every session of an account.

        :param cause: who asked for it, if anybody did.
        :param with_id: it carries the message id of who asked, as a rule for the others too (observed); if false, to
            nobody.
        """
        plain = codec.pack(event)
        named = None
        if cause is not None and with_id and cause.client_msg_id is not None:
            named = codec.pack(event, cause.client_msg_id)
        for talk in tuple(self.venue.conversations.values()):
            if account_id not in talk.sessions:
                continue
            asked = cause is not None and talk is cause.conversation
            if asked and with_id and cause is not None and cause.withheld:
                continue
            talk.push(named if named is not None and (asked or self.venue.options.others_see_ids) else plain)

    def tell_asker(self, account_id: int, event: Message, cause: Cause) -> None:
        """Tell an event once more to who asked for what it is about, without an id."""
        talk = cause.conversation
        if account_id in talk.sessions:
            talk.push(codec.pack(event))

    def stop(self) -> None:
        """Forget every timer, and follow no ticks any more."""
        for desk in self.desks.values():
            desk.stop()
            self.watch(desk, ())
