"""What the names of an account mean: symbols by what a person calls them, and the asset that it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrader_twisted import messages
from ctrader_twisted.account.inquiries import Lost
from ctrader_twisted.errors import OrderNotPlaced, RequestNotSent, UnknownSymbol
from ctrader_twisted.market.symbols import Symbol, SymbolList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ctrader_twisted.account.inquiries import Inquiries
    from ctrader_twisted.account.portfolio import Portfolio
    from ctrader_twisted.account.readiness import Standing


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
        self._assets: dict[int, str] = {}

    async def learn(self) -> None:
        """Ask for symbols and assets, unless they are known."""
        if self.list is None:
            request = messages.ProtoOASymbolsListReq(ctidTraderAccountId=self._account_id)
            symbols = await self._inquiries.ask(request)
            assets = await self._inquiries.ask(messages.ProtoOAAssetListReq(ctidTraderAccountId=self._account_id))
            self._assets = {asset.assetId: asset.name for asset in assets.asset}
            self.list = SymbolList(symbols.symbol, self._aliases)

    def alias(self, aliases: Mapping[str, str]) -> None:
        """Add names of the user's own for symbols; see `Account.alias`."""
        new = {name.casefold() for name in aliases}
        kept = {name: meant for name, meant in self._aliases.items() if name.casefold() not in new}
        self._aliases = {**kept, **aliases}
        if self.list is not None:
            self.list = SymbolList(self.list, self._aliases)

    def forget(self, symbol_ids: Iterable[int]) -> None:
        """Symbols have changed: they are asked for anew when they are needed."""
        for symbol_id in symbol_ids:
            self._symbols.pop(symbol_id, None)

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
        light = None if self.list is None else self.list.get(symbol_id)
        if light is None or not answer.symbol:
            raise UnknownSymbol(str(symbol_id))
        symbol = self._symbols[symbol_id] = Symbol.from_messages(light, answer.symbol[0])
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

    async def deposit_asset(self) -> int:
        """Give the id of the asset that the account is kept in."""
        await self._standing.when_known()
        assert self._portfolio.terms is not None
        return self._portfolio.terms.depositAssetId

    def deposit_name(self) -> str | None:
        """Give its name; None until it is known."""
        terms = self._portfolio.terms
        return None if terms is None else self._assets.get(terms.depositAssetId)
