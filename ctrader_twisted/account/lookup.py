"""What the names of an account mean: symbols by what a person calls them, and the asset that it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ctrader_twisted import messages
from ctrader_twisted.account.holdings import Listed
from ctrader_twisted.account.inquiries import Lost
from ctrader_twisted.errors import OpenApiError, OrderNotPlaced, RequestNotSent, ServerError, UnknownSymbol
from ctrader_twisted.market.symbols import Symbol, SymbolList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twisted.python.failure import Failure

    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing

_log = Logger()


class Lookup:
    """The symbols and assets of one account.

    :param aliases: names of the user's own for symbols.
    :param inquiries: how the server is asked.
    :param standing: says when its symbols are known.
    :param portfolio: knows the account's own terms.

    :ivar list: its symbols; None until they are known.
    """

    def __init__(
        self, aliases: Mapping[str, str] | None, inquiries: Inquiries, standing: Standing, portfolio: Portfolio
    ) -> None:
        self.list: SymbolList | None = None
        self._aliases = dict(aliases or {})
        self._inquiries = inquiries
        self._standing = standing
        self._portfolio = portfolio
        self._account_id = portfolio.account_id
        self._symbols: dict[int, Symbol] = {}
        self._listed: dict[int, Listed] = {}
        self._asked: set[int] = set()
        self._assets: dict[int, str] = {}

    async def learn(self) -> None:
        """Ask for symbols and assets, unless they are known."""
        if self.list is None:
            request = messages.ProtoOASymbolsListReq(ctidTraderAccountId=self._account_id)
            symbols = await self._inquiries.ask(request)
            assets = await self._inquiries.ask(messages.ProtoOAAssetListReq(ctidTraderAccountId=self._account_id))
            self._assets = {asset.assetId: asset.name for asset in assets.asset}
            self.list = SymbolList(symbols.symbol, self._aliases)
            for symbol_id, listed in self._listed.items():
                listed.name = self.name_of(symbol_id)

    async def learn_held(self) -> None:
        """Ask for the symbols of what the account has, as far as they are not known.

        If the server refuses, each is asked for by itself, and nobody waits for that: one of them spoils it for the
        others. Whoever needs one that stays unknown asks for it anew, and is told why.

        :raises Lost: if the account does not stand any more.
        """
        held = self._held() - self._symbols.keys()
        if held:
            request = messages.ProtoOASymbolByIdReq(ctidTraderAccountId=self._account_id, symbolId=sorted(held))
            try:
                answer = await self._inquiries.ask(request)
            except ServerError:
                for symbol_id in held:
                    self._ask_for(symbol_id)
                return
            for full in answer.symbol:
                self._take(full)

    def alias(self, aliases: Mapping[str, str]) -> None:
        """Add names of the user's own for symbols; see `Account.alias`."""
        new = {name.casefold() for name in aliases}
        kept = {name: meant for name, meant in self._aliases.items() if name.casefold() not in new}
        self._aliases = {**kept, **aliases}
        if self.list is not None:
            self.list = SymbolList(self.list, self._aliases)

    def forget(self, symbol_ids: Iterable[int]) -> None:
        """Symbols have changed: they are asked for anew when they are needed."""
        gone = [symbol_id for symbol_id in symbol_ids if self._symbols.pop(symbol_id, None) is not None]
        for symbol_id in self._held().intersection(gone):
            self._ask_for(symbol_id)

    def executed(self, event: messages.ProtoOAExecutionEvent) -> None:
        """Something was done: learn its symbol, if that is not known. Somebody else may trade others than we do."""
        if event.ctidTraderAccountId == self._account_id and event.HasField("order"):
            symbol_id = event.order.tradeData.symbolId
            if symbol_id not in self._symbols and self.list is not None:
                self._ask_for(symbol_id)

    def listed(self, symbol_id: int) -> Listed:
        """Give what is known of a symbol; it is kept as more becomes known."""
        known = self._listed.get(symbol_id)
        if known is None:
            known = self._listed[symbol_id] = Listed(self.name_of(symbol_id), self._symbols.get(symbol_id))
        return known

    async def symbol(self, name: str) -> Symbol:
        """Find a symbol; see `Account.symbol`."""
        if self.list is None:
            await self._standing.when_known()
        return await self.by_id(self.id_of(name))

    async def by_id(self, symbol_id: int) -> Symbol:
        """Give a symbol, asking for it if need be.

        :raises UnknownSymbol: if there is none.
        :raises RequestNotSent: if the account is lost before it is known.
        """
        known = self._symbols.get(symbol_id)
        if known is not None:
            return known
        request = messages.ProtoOASymbolByIdReq(ctidTraderAccountId=self._account_id, symbolId=[symbol_id])
        try:
            answer = await self._inquiries.ask(request)
        except Lost:
            raise RequestNotSent("ProtoOASymbolByIdReq", "the account does not stand", self._account_id) from None
        symbol = self._take(answer.symbol[0]) if answer.symbol else None
        if symbol is None:
            raise UnknownSymbol(str(symbol_id))
        return symbol

    def id_of(self, name: str | Symbol) -> int:
        """Give a symbol's id.

        :raises OrderNotPlaced: if no symbols are known yet.
        """
        if isinstance(name, Symbol):
            return name.symbol_id
        if self.list is None:
            raise OrderNotPlaced("what symbols there are is not known yet", "wait for ready() first")
        return self.list.find(name).symbolId

    def name_of(self, symbol_id: int) -> str:
        """Give a symbol's name, or its id as text."""
        light = None if self.list is None else self.list.get(symbol_id)
        return str(symbol_id) if light is None else light.symbolName

    # Inside

    def _held(self) -> set[int]:
        """Give the symbols of what the account has."""
        held = (*self._portfolio.positions.values(), *self._portfolio.orders.values())
        return {each.symbol_id for each in held}

    def _take(self, full: messages.ProtoOASymbol) -> Symbol | None:
        light = None if self.list is None else self.list.get(full.symbolId)
        if light is None:
            return None
        symbol = self._symbols[full.symbolId] = Symbol.from_messages(light, full)
        self.listed(full.symbolId).symbol = symbol
        return symbol

    def _ask_for(self, symbol_id: int) -> None:
        """Learn a symbol that nobody waits for."""
        if symbol_id not in self._asked:
            self._asked.add(symbol_id)
            Deferred.fromCoroutine(self.by_id(symbol_id)).addErrback(self._not_learned).addBoth(
                lambda _: self._asked.discard(symbol_id)
            )

    def _not_learned(self, failure: Failure) -> None:
        if not failure.check(OpenApiError):  # those say themselves that it is not known
            _log.failure("unexpected failure while a symbol was asked for", failure)

    async def deposit_asset(self) -> int:
        """Give the id of the asset that the account is kept in."""
        await self._standing.when_known()
        assert self._portfolio.terms is not None
        return self._portfolio.terms.depositAssetId

    def deposit_name(self) -> str | None:
        """Give its name; None until it is known."""
        terms = self._portfolio.terms
        return None if terms is None else self._assets.get(terms.depositAssetId)
