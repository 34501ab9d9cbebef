"""One account that is recorded without the daemon: what that takes is subscribed to, and what comes is handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ctrader_twisted import documents, messages
from ctrader_twisted.errors import ClientClosed, OpenApiError
from ctrader_twisted.session.events import AccountChanged, Resynchronised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.python.failure import Failure

    from ctrader_twisted.account.bar_feeds import BarUpdate
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.documents.symbols import Symbols

    Take = Callable[[str, str, int | None, Mapping[str, Any]], None]

_log = Logger()


class Following:
    """Subscribes to the quotes and bars of an account, and hands on its events as the daemon's outputs have them.

    :param symbols: learns the names, before anything is subscribed to.
    :param names: of the symbols that are subscribed to.
    :param periods: of each one's bars.
    :param take: is given kind, environment, ctidTraderAccountId and object of each event.
    """

    def __init__(
        self,
        client: OpenApiClient,
        account_id: int,
        symbols: Symbols,
        names: tuple[str, ...],
        periods: Mapping[str, tuple[str, ...]],
        take: Take,
    ) -> None:
        self._client = client
        self._account_id = account_id
        self._symbols = symbols
        self._names = names
        self._periods = periods
        self._take = take
        self._feeds: list[Any] = []
        self._heard: list[tuple[type, Callable[[Any], object]]] = []
        self._beginning: Deferred[None] | None = None

    def start(self) -> None:
        """Subscribe, and listen."""
        if self._beginning is not None:
            return
        self._listen(
            messages.ProtoOAExecutionEvent, "execution", lambda event: documents.execution(event, self._symbols)
        )
        self._listen(messages.ProtoOAOrderErrorEvent, "order_error", documents.order_error)
        self._listen(messages.ProtoOATrailingSLChangedEvent, "trailing_stop", documents.trailing_stop)
        self._listen(AccountChanged, "account", documents.account)
        self._listen(Resynchronised, "resynchronised", lambda event: documents.resynchronised(event, self._symbols))
        self._beginning = Deferred.fromCoroutine(self._begin()).addErrback(self._not_begun)

    def stop(self) -> None:
        """Need nothing any more."""
        for cls, listener in self._heard:
            self._client.off(cls, listener)
        self._heard.clear()
        if self._beginning is not None:
            self._beginning.cancel()
        feeds, self._feeds = self._feeds, []
        for feed in feeds:
            feed.close().addErrback(lambda _: None)  # the account's own log says what a subscription came to

    async def _begin(self) -> None:
        account = await self._client.account(self._account_id).ready()
        listed = await self._client.symbols_list(ctidTraderAccountId=self._account_id)
        self._symbols.learn_names(listed.symbol)
        found = {name: await account.symbol(name) for name in self._names}
        for name, symbol in found.items():
            self._symbols.means(name, symbol.symbol_id)
        self._symbols.learn_details(symbol.message for symbol in found.values())
        if found:
            self._feeds.append(await account.live.latest(*found.values()))
        for name, symbol in found.items():
            for period in self._periods.get(name, ()):
                feed = await account.live.bars(symbol, period, running=False)
                feed.on(self._bar)
                self._feeds.append(feed)

    def _bar(self, update: BarUpdate) -> None:
        self._hand_on("bar", documents.bar(update.bar, self._symbols))

    def _listen(self, cls: type, event: str, body: Callable[[Any], documents.Document]) -> None:
        def heard(told: Any) -> None:
            account_id = getattr(told, "ctidTraderAccountId", None) or getattr(told, "account_id", None)
            if account_id == self._account_id:
                self._hand_on(event, body(told))

        self._client.on(cls, heard)
        self._heard.append((cls, heard))

    def _hand_on(self, event: str, body: documents.Document) -> None:
        environment = self._client.environment.name
        head = documents.head(event, self._client.clock.seconds(), environment, self._account_id)
        self._take(event, environment, self._account_id, {**head, **body})

    def _not_begun(self, failure: Failure) -> None:
        if failure.check(CancelledError, ClientClosed):
            return
        if failure.check(OpenApiError):
            _log.error("account {account} is not recorded: {error}", account=self._account_id, error=str(failure.value))
        else:
            _log.failure("account {account} is not recorded", failure, account=self._account_id)
