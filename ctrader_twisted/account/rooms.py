"""The rooms of an account, joined: each is given what it needs, and nothing else knows how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted import messages
from ctrader_twisted.account.books import Books
from ctrader_twisted.account.closing import Closing
from ctrader_twisted.account.commands import Commands
from ctrader_twisted.account.drafting import Drafts
from ctrader_twisted.account.finishing import Finishing
from ctrader_twisted.account.flattening import Flattening
from ctrader_twisted.account.inquiries import Inquiries
from ctrader_twisted.account.live import Live
from ctrader_twisted.account.lookup import Lookup
from ctrader_twisted.account.market_data import MarketData
from ctrader_twisted.account.permitting import Permits
from ctrader_twisted.account.placing import Placing
from ctrader_twisted.account.portfolio import Portfolio
from ctrader_twisted.account.protecting import Protecting
from ctrader_twisted.account.readiness import Readiness, Standing
from ctrader_twisted.account.register import Register
from ctrader_twisted.account.sending import Sending
from ctrader_twisted.account.settling import Settling
from ctrader_twisted.account.telling import Listeners
from ctrader_twisted.account.valuation import Valuation
from ctrader_twisted.session.events import AccountChanged, LateRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ctrader_twisted.account.account import Account
    from ctrader_twisted.account.holdings import Listed
    from ctrader_twisted.account.safety import Safety
    from ctrader_twisted.host import Host


class Rooms:
    """What an account is made of. Each attribute is a room, described in its own file.

    :param account: whose face they are behind.
    """

    listeners: Listeners
    portfolio: Portfolio
    register: Register
    standing: Standing
    inquiries: Inquiries
    lookup: Lookup
    valuation: Valuation
    books: Books
    settling: Settling
    permits: Permits
    commands: Commands
    protecting: Protecting
    placing: Placing
    closing: Closing
    finishing: Finishing
    flattening: Flattening
    readiness: Readiness
    market_data: MarketData
    live: Live

    def __init__(
        self,
        account: Account,
        client: Host,
        safety: Safety,
        limits: Safety,
        aliases: Mapping[str, str] | None,
        settle_after: float,
    ) -> None:
        account_id, clock = account.account_id, client.clock
        self._client = client
        self.listeners = Listeners()

        def listed(symbol_id: int) -> Listed:
            return self.lookup.listed(symbol_id)

        portfolio = self.portfolio = Portfolio(account_id, listed=listed)
        register = self.register = Register(account, listed)
        standing = self.standing = Standing(account_id, client)
        inquiries = self.inquiries = Inquiries(account_id, client, standing)
        lookup = self.lookup = Lookup(aliases, inquiries, standing, portfolio)
        self.valuation = Valuation(client, portfolio, lookup.by_id, lookup.deposit_asset)
        books = self.books = Books(
            portfolio,
            register,
            self.listeners,
            inquiries,
            self.valuation,
            clock,
            moved=lambda event: self.protecting.look_at(event),
            looked_at=lambda course: self.protecting.check(course),
            in_doubt=lambda: self.settling.wake(),
        )
        self.settling = Settling(account_id, inquiries, standing, register, lookup, books, clock, settle_after)
        permits = self.permits = Permits(safety, limits, standing, portfolio, register, lookup, self.valuation)
        drafts = Drafts(account_id, self.valuation, lookup.deposit_name)
        sending = Sending(client, permits)
        commands = self.commands = Commands(
            client, standing, portfolio, register, lookup, drafts, permits, sending, books, inquiries, settle_after
        )
        self.protecting = Protecting(standing, portfolio, register, inquiries, books, commands)
        placing = self.placing = Placing(
            client,
            standing,
            register,
            lookup,
            drafts,
            permits,
            sending,
            books,
            doubtful=self.settling.wake,
            accepted=self.settling.expect_end,
            answered=self.protecting.check,
        )
        closing = self.closing = Closing(client, standing, portfolio, register, lookup, placing)
        self.finishing = Finishing(register, placing, clock)
        self.flattening = Flattening(
            standing, portfolio, register, permits, books, inquiries, placing, commands, closing, clock
        )
        self.readiness = Readiness(account_id, client, standing, lookup, books, self.settling.wake)
        self.market_data = MarketData(account_id, client, standing, lookup)
        self.live = Live(account_id, client, standing, inquiries, lookup, self.valuation, self.market_data)
        self._heard: tuple[tuple[type[Any], Callable[[Any], object]], ...] = (
            (messages.ProtoOAExecutionEvent, books.executed),
            (messages.ProtoOAExecutionEvent, lookup.executed),
            (messages.ProtoOATrailingSLChangedEvent, books.trailed),
            (messages.ProtoOAMarginChangedEvent, books.margin_changed),
            (messages.ProtoOATraderUpdatedEvent, books.trader_updated),
            (messages.ProtoOASymbolChangedEvent, self._symbols_changed),
            (LateRefusal, books.refused_late),
            (AccountChanged, self.readiness.account_changed),
        )
        for cls, listener in self._heard:
            client.on(cls, listener)

    def close(self) -> None:
        """The client is closed: listen to it no longer, and tell who waits."""
        if self.standing.closed:
            return
        for cls, listener in self._heard:
            self._client.off(cls, listener)
        self.standing.close()
        self.market_data.close()
        self.live.close()
        self.inquiries.stop()
        self.valuation.stop()
        for course in self.register:
            course.close()

    def _symbols_changed(self, event: messages.ProtoOASymbolChangedEvent) -> None:
        if event.ctidTraderAccountId == self.standing.account_id:
            self.lookup.forget(event.symbolId)
