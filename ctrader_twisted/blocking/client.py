"""The client: requests that give their answers, accounts, events that are listened for or iterated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from ctrader_twisted import client as deferred
from ctrader_twisted.blocking.calls import asks, does, gives, keeps_time
from ctrader_twisted.blocking.link import Face, Link, leave
from ctrader_twisted.blocking.requests import Requests
from ctrader_twisted.faces import Reads
from ctrader_twisted.market import light

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from google.protobuf.message import Message

    from ctrader_twisted.account import Safety
    from ctrader_twisted.blocking.account import Account
    from ctrader_twisted.blocking.order import Order
    from ctrader_twisted.blocking.streams import EventStream
    from ctrader_twisted.credentials import Environment
    from ctrader_twisted.market.light import LightQuote
    from ctrader_twisted.session.events import AccountStatus, Subscription
    from ctrader_twisted.session.machine import AccountState, ConnectionState
    from ctrader_twisted.session.pacing import QueueState
    from ctrader_twisted.wire.envelope import Envelope

_T = TypeVar("_T")
_Listener = TypeVar("_Listener", bound="Callable[[Any], object]")


class LatestQuotes(Face, of=light.LatestQuotes):
    """The last known sides of every subscribed symbol; `Client.latest_quotes` gives it."""

    @does(light.LatestQuotes.get)
    def get(self, account_id: int, symbol_id: int) -> LightQuote | None: ...

    @does(light.LatestQuotes.forget)
    def forget(self, account_id: int | None = None, symbol_id: int | None = None) -> None: ...

    @does(light.LatestQuotes.of)
    def of(self, account_id: int) -> dict[int, LightQuote]: ...

    def __len__(self) -> int:
        return int(self._read(lambda: len(self._inner)))


class Client(Requests, of=deferred.OpenApiClient):
    """A client of one environment, connected; `connect` gives it. Close it at the end, or use it with ``with``.

    It reconnects whenever the connection is lost, and restores what there was.
    """

    environment: Reads[Environment] = Reads()

    @gives(deferred.OpenApiClient.finish)
    def finish(self, within: float | None = None) -> tuple[Order, ...]: ...

    def close(self) -> None:
        """Close for good: requests that have not ended fail, streams end. A simulated venue ends with it.

        Before that it waits for orders on their way, as `finish` does. Then it waits until it is closed, and until
        listeners were told what has come; what a peer that does not let go of the connection costs at most is
        `Settings.close_timeout`.
        """
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        leave(self.close, error)

    # State

    state: Reads[ConnectionState] = Reads()
    accounts: Reads[dict[int, AccountStatus]] = Reads()
    queue: Reads[QueueState] = Reads()
    in_flight: Reads[int] = Reads()
    counts: Reads[dict[str, int]] = Reads()
    unknown_fields: Reads[dict[str, int]] = Reads()

    @does(deferred.OpenApiClient.account_state)
    def account_state(self, account_id: int) -> AccountState: ...

    @does(deferred.OpenApiClient.account_status)
    def account_status(self, account_id: int) -> AccountStatus: ...

    @does(deferred.OpenApiClient.subscriptions)
    def subscriptions(self, account_id: int) -> tuple[Subscription, ...]: ...

    # Accounts

    @property
    def account_ids(self) -> tuple[int, ...]:
        """The accounts that can be opened, as far as that is known: those that the configuration names, else those that
        the tokens open.
        """
        return self._link.access.account_ids

    def account(
        self,
        account_id: int | None = None,
        *,
        safety: Safety | None = None,
        aliases: Mapping[str, str] | None = None,
        settle_after: float | None = None,
    ) -> Account:
        """Give an account in human units, ready: it stands, and what it has is known.

        It is the same object each time, as long as somebody has it.

        :param account_id: its ctidTraderAccountId; None for the only one there is.
        :param safety: limits of the user's own; given again, it replaces what was given before. Those of the
            configuration hold in any case.
        :param aliases: names of the user's own for symbols, such as ``{"gold": "XAUUSD"}``; they are added to those
            given before.
        :param settle_after: seconds after which an order that is in none of the server's lists is held to have never
            arrived; 10 unless given.
        :raises ConfigurationError: if there are several to choose from, or none is known.
        :raises CallTimeout: if it is not ready in time; it is tried further, so that another call may find it so.
        :raises OpenApiError: what `authorise` raises.
        """
        access = self._link.access

        def became() -> str:
            asked = access.account_ids[0] if account_id is None else account_id
            reason = access.client.account_status(asked).reason
            return f"account {asked} is tried further{f': {reason}' if reason else ''}"

        ready: Account = self._link.wait(
            "Client.account()",
            lambda: access.account(account_id, safety=safety, aliases=aliases, settle_after=settle_after),
            self._link.bound(),
            became=became,
        )
        return ready

    @keeps_time(deferred.OpenApiClient.authorise)
    def authorise(self, account_id: int, access_token: str | None = None, *, timeout: float | None = None) -> None: ...

    @does(deferred.OpenApiClient.limit)
    def limit(self, account_id: int, safety: Safety) -> None: ...

    @does(deferred.OpenApiClient.alias)
    def alias(self, account_id: int, aliases: Mapping[str, str]) -> None: ...

    @does(deferred.OpenApiClient.forget)
    def forget(self, account_id: int) -> None: ...

    # Requests

    def request(self, message: Message, *, timeout: float | None = None) -> Any:
        """Send one of the schema's requests and give what answers it; as `ctrader_twisted.OpenApiClient.request`.

        :param message: a message whose name ends in ``Req``.
        :param timeout: seconds to its answer. By default those of `Settings`, or what a call may wait if that is less.
        """
        return self._request(message, timeout=timeout)

    @asks(deferred.OpenApiClient.request)
    def _request(
        self, message: Message, *, timeout: float | None = None, left: Callable[[], object] | None = None
    ) -> Any: ...

    @asks(deferred.OpenApiClient.request_unread)
    def request_unread(self, message: Message, *, timeout: float | None = None) -> Envelope: ...

    # Events

    @overload
    def on(
        self,
        cls: type[_T],
        listener: Callable[[_T], object],
        *,
        account_id: int | None = ...,
        symbol_id: int | None = ...,
    ) -> Callable[[_T], object]: ...

    @overload
    def on(
        self, cls: type[_T], *, account_id: int | None = ..., symbol_id: int | None = ...
    ) -> Callable[[_Listener], _Listener]: ...

    def on(
        self,
        cls: type[Any],
        listener: Callable[[Any], object] | None = None,
        *,
        account_id: int | None = None,
        symbol_id: int | None = None,
    ) -> Any:
        """Call ``listener`` with each event of a class, in the order of registration. Without it, be a decorator.

        :param cls: as for `ctrader_twisted.OpenApiClient.on`: a message class, an event of the library, ….
        :param listener: called in a thread of its own for all listeners of this client: it may block, and ask. What it
            raises is logged. When more than 10,000 events wait for it, the oldest are dropped.
        :param account_id: ctidTraderAccountId: call it with the events of this account only.
        :param symbol_id: symbolId: with those of this symbol only. Ids differ from broker to broker: `Account.symbol`
            finds that of a name. Spot events come once the symbol is subscribed to.
        :return: the listener.
        :raises TypeError: if an id is no whole number, or events of the class do not say whose they are: an execution
            event names no symbol itself.
        """
        if listener is None:

            def register(function: _Listener) -> _Listener:
                self.on(cls, function, account_id=account_id, symbol_id=symbol_id)
                return function

            return register
        relay = self._link.relay(listener)
        self._read(lambda: self._inner.on(cls, relay, account_id=account_id, symbol_id=symbol_id) and None)
        return listener

    def once(
        self,
        cls: type[_T],
        listener: Callable[[_T], object],
        *,
        account_id: int | None = None,
        symbol_id: int | None = None,
    ) -> Callable[[_T], object]:
        """Call ``listener`` with the next event of a class, account and symbol only; see `on`."""
        relay = self._link.relay(listener)
        self._read(lambda: self._inner.once(cls, relay, account_id=account_id, symbol_id=symbol_id) and None)
        return listener

    def off(self, cls: type[_T], listener: Callable[[_T], object]) -> bool:
        """Stop calling ``listener`` with events of a class; False if it was not called."""
        relay = self._link.relay(listener)
        return bool(self._read(lambda: self._inner.off(cls, relay)))

    def latest_quotes(self) -> LatestQuotes:
        """Keep the last known sides of every subscribed symbol, for whoever only looks: the cheapest way."""
        latest: LatestQuotes = self._call("latest_quotes")
        return latest

    def events(
        self,
        *classes: type[_T],
        buffer: int = 1000,
        account_id: int | None = None,
        symbol_id: int | None = None,
    ) -> EventStream[_T]:
        """Iterate over events with ``for``.

        :param classes: as for `on`.
        :param buffer: how many events may wait to be read. When more come the oldest are dropped, and the iteration
            raises `EventsDropped` once where they are missing; it can be continued.
        :param account_id: as for `on`.
        :param symbol_id: likewise.
        :return: the stream, which listens from now on, outlives reconnects and ends with the client. Close it when it
            is no longer read.
        """
        stream: EventStream[_T] = self._call(
            "events", *classes, buffer=buffer, account_id=account_id, symbol_id=symbol_id
        )
        return stream


def client_of(link: Link) -> Client:
    """Give the client of a link."""
    client: Client = link.thread.wait("connect()", lambda: link.given(link.access.client), link.bound())
    return client
