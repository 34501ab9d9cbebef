"""The client: requests that give Deferreds, events that are listened for or iterated."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, overload

from twisted.internet.defer import gatherResults
from twisted.python.failure import Failure

from ctrader_twisted.credentials import DEMO
from ctrader_twisted.errors import NotReadyInTime
from ctrader_twisted.factory import OpenApiFactory
from ctrader_twisted.host import Host
from ctrader_twisted.market.light import LatestQuotes, LightQuote, SpotColumns, has_numpy
from ctrader_twisted.messages import ProtoOAUnsubscribeSpotsRes
from ctrader_twisted.session.events import AccountChanged
from ctrader_twisted.session.machine import AccountState
from ctrader_twisted.settings import Settings
from ctrader_twisted.streams import EventStream, Listeners, Once, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.account import Account, Order, Safety
    from ctrader_twisted.credentials import Application, Environment
    from ctrader_twisted.factory import Opening
    from ctrader_twisted.protocol import Tap
    from ctrader_twisted.session.events import AccountStatus, Subscription
    from ctrader_twisted.session.machine import ConnectionState
    from ctrader_twisted.session.pacing import QueueState
    from ctrader_twisted.session.standing import Course
    from ctrader_twisted.tokens import TokenKeeper
    from ctrader_twisted.wire.envelope import Envelope

_T = TypeVar("_T")
_Listener = TypeVar("_Listener", bound="Callable[[Any], object]")


class OpenApiClient(Host):
    """A client of one environment: connects, authorises the application, keeps the session and heals it.

    Accounts that were authorised through it are authorised again after a loss, their positions and orders reconciled
    and their spot, live bar and depth subscriptions renewed, each account on its own; a `Resynchronised` event then
    says what was missed.

    :param reactor: an ``IReactorTCP`` and ``IReactorTime``.
    :param application: who this is.
    :param environment: where to connect; the demo environment unless told otherwise.
    :param settings: limits and times.
    :param opening: how to connect, in place of TCP and TLS: for a proxy, a tunnel or a test. It is given the factory,
        whose ``environment`` is the one given here.
    :param tokens: where grants are kept, for accounts that are authorised by `authorise`; it may serve several clients.
    :param tap: sees everything that is said, such as a `ctrader_twisted.flight.FlightRecorder`.

    :ivar environment: where it connects to.
    :ivar clock: the reactor.
    """

    def __init__(
        self,
        reactor: Any,
        application: Application,
        environment: Environment = DEMO,
        *,
        settings: Settings | None = None,
        opening: Opening | None = None,
        tokens: TokenKeeper | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.environment = environment
        self._settings = settings or Settings()
        self.clock = reactor
        self._trading: dict[int, Account] = {}
        self._limits: dict[int, Safety] = {}
        self._aliases: dict[int, dict[str, str]] = {}
        self._listeners = Listeners()
        self._streams: set[EventStream[Any]] = set()
        self._factory = OpenApiFactory(
            reactor,
            application,
            environment,
            settings=self._settings,
            deliver=self._listeners.deliver,
            announce=self._listeners.announce,
            opening=opening,
            tokens=tokens,
            tap=tap,
        )
        self._listeners.when_light = self._factory.leave_spots_uncut

    def __repr__(self) -> str:
        return f"<OpenApiClient of {self.environment}: {self.state.value}>"

    # Life

    def start(self) -> OpenApiClient:
        """Begin to connect, and to reconnect whenever the connection is lost, until `close`. Give this client back."""
        self._factory.open()
        return self

    def when_ready(self, timeout: float | None = None) -> Deferred[OpenApiClient]:
        """Begin to connect, if `start` has not been called, and wait until the application is authorised.

        :param timeout: seconds to wait at most; None for as long as it takes. In either case the client goes on trying,
            and tells whoever listens for `Disconnected` of each attempt that fails and why.
        :return: a new Deferred that fires with this client, at once if it is ready; it fails with `ApplicationRefused`
            if the server refuses client id or secret (which is not tried again), with `NotReadyInTime`, and with
            `ClientClosed`.
        """
        self._factory.open()
        ready: Deferred[OpenApiClient] = self._factory.when_ready().addCallback(lambda _: self)
        if timeout is not None:
            ready.addTimeout(timeout, self.clock, self._not_ready)
        return ready

    def _not_ready(self, result: object, timeout: float) -> Failure:
        why = self._factory.last_failure
        reason = f"not ready within {timeout:g} s"
        return Failure(NotReadyInTime(str(self.environment), reason if why is None else f"{reason}; {why}"))

    def finish(self, within: float | None = None) -> Deferred[tuple[Order, ...]]:
        """Wait for orders on their way: call it before `close`, which keeps from being sent what has not left.

        An order is on its way until the server has it or it is known that it never will; one at the market until it is
        filled, and then until its levels stand. What has not left when the time is over is taken back, and ends as not
        sent.

        :param within: seconds to wait at most; `Settings.finish_within` unless given.
        :return: a Deferred that fires with the orders that were on their way still, each of which is logged as an
            error with its state; at once with none if there are none. Cancelling the Deferred ends the wait, as the end
            of the time does.
        """
        seconds = self._settings.finish_within if within is None else within
        finishing = [account.finish(seconds) for account in self._trading.values()]
        return gatherResults(finishing).addCallback(lambda left: tuple(chain.from_iterable(left)))

    def close(self) -> Deferred[None]:
        """Close for good: requests that have not ended fail, streams end, nothing stays scheduled.

        Orders that have not left never do: `finish` waits for them.

        :return: a Deferred that fires with None when the connection is gone; a peer that does not let go of it is
            waited for at most `Settings.close_timeout`.
        """
        done = self._factory.close()
        for account in self._trading.values():
            account.closed()
        self._listeners.clear()
        for stream in list(self._streams):
            stream.close()
        return done

    # State

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._factory.session.state

    def account_state(self, account_id: int) -> AccountState:
        """Say where an account (ctidTraderAccountId) stands."""
        return self._factory.session.accounts.state(account_id)

    def account_status(self, account_id: int) -> AccountStatus:
        """Say where an account (ctidTraderAccountId) stands, why, and what somebody has to do about it."""
        return self._factory.session.accounts.status(account_id)

    @property
    def accounts(self) -> dict[int, AccountStatus]:
        """The status of every account that was ever asked for, by ctidTraderAccountId."""
        return self._factory.session.accounts.statuses()

    def subscriptions(self, account_id: int) -> tuple[Subscription, ...]:
        """Give what an account (ctidTraderAccountId) is subscribed to, whoever asked for it: what stands now, or is
        renewed when the account stands again. In the order in which the server accepted it.
        """
        standing = self._factory.session.standing.find(account_id)
        return () if standing is None else tuple(standing.subscriptions.values())

    def subscription_course(self, account_id: int, subscription: Subscription) -> Course:
        """Say what becomes of a subscription of an account (ctidTraderAccountId) at the moment."""
        return self._factory.session.subscription_course(account_id, subscription)

    @property
    def queue(self) -> QueueState:
        """What waits for its turn under the limits."""
        return self._factory.session.outbox.queue(self.clock.seconds())

    @property
    def in_flight(self) -> int:
        """How many requests have not ended, those in the queue included."""
        return self._factory.session.in_flight

    @property
    def counts(self) -> dict[str, int]:
        """How many messages arrived that nobody waited for: ``late``, ``unasked``, ``unreadable``."""
        return dict(self._factory.session.counts)

    @property
    def unknown_fields(self) -> dict[str, int]:
        """How often each field arrived that the schema does not have, as ``Message.field``: the server is newer.

        Counted over JSON, where such a field is lost; a protobuf message keeps its unknown fields.
        """
        return dict(self._factory.unknown_fields)

    # Accounts

    def authorise(
        self, account_id: int, access_token: str | None = None, *, timeout: float | None = None
    ) -> Deferred[None]:
        """Bring an account to stand, and keep it so: through every loss, until it is logged out.

        Its tokens are refreshed when they are about to expire or the server calls them bad, and saved before they are
        used; accounts of one grant move together. What passes by itself is tried again, ever more slowly.

        :param account_id: its ctidTraderAccountId.
        :param access_token: a bare token, which nothing here can refresh; by default that of the grant which opens the
            account, from the client's ``tokens``.
        :param timeout: seconds to wait at most; None for as long as it takes. In either case the client goes on trying.
        :return: a Deferred that fires with None when the account is authorised, at once if it is; anew if it is just
            being logged out, and then without what it was subscribed to. A logout from before that takes effect only
            after its own timeout is mended like a loss. It fails with what only a person can mend:
            `GrantRefused` (log in again), `TokenRefused` (a bare token), `AccountRefused`, `WrongEnvironment`,
            `ApplicationRefused`; with `NotReadyInTime`, and with `ClientClosed`.
        """
        self._factory.open()
        authorised = self._factory.authorise(account_id, access_token)
        if timeout is not None:
            authorised.addTimeout(timeout, self.clock, self._not_authorised_of(account_id))
        return authorised

    def account(
        self,
        account_id: int,
        *,
        safety: Safety | None = None,
        aliases: Mapping[str, str] | None = None,
        settle_after: float | None = None,
    ) -> Account:
        """Give an account in human units: symbols by name, orders that are followed, live positions and figures.

        It is the same object each time; wait for its `ready` before anything else.

        :param account_id: its ctidTraderAccountId.
        :param safety: limits of the user's own; given again, it replaces what was given before. Those of `limit` hold
            in any case.
        :param aliases: names of the user's own for symbols, such as ``{"gold": "XAUUSD"}``; given again, they are added
            to those given before. Those of `alias` count before them.
        :param settle_after: seconds after which an order that is in none of the server's lists is held to have never
            arrived; 10 unless given.
        """
        if not isinstance(account_id, int):
            raise TypeError(f"an account id of {account_id!r}: it is a number, ctidTraderAccountId")
        # A third of all there is to import, which a client that only asks and listens does without.
        from ctrader_twisted.account.account import SETTLE_AFTER, Account

        account = self._trading.get(account_id)
        if account is None:
            account = self._trading[account_id] = Account(
                self,
                account_id,
                safety=safety,
                limits=self._limits.get(account_id),
                aliases=aliases,
                settle_after=SETTLE_AFTER if settle_after is None else settle_after,
            )
        else:
            if safety is not None:
                account.safety = safety
            if aliases is not None:
                account.alias(aliases)
        account.alias(self._aliases.get(account_id, {}))
        return account

    def limit(self, account_id: int, safety: Safety) -> None:
        """Set limits that hold for an account whatever `account` is given, or its `Account.safety`: of each, the
        stricter one counts. Given again, they replace what was given before.

        The daemon does so with the limits of its configuration.
        """
        self._limits[account_id] = safety
        account = self._trading.get(account_id)
        if account is not None:
            account.limits = safety

    def alias(self, account_id: int, aliases: Mapping[str, str]) -> None:
        """Give names of the user's own for an account's symbols, which count before those that `account` is given.

        The daemon does so with the aliases of its configuration.
        """
        self._aliases[account_id] = dict(aliases)
        account = self._trading.get(account_id)
        if account is not None:
            account.alias(aliases)

    def forget(self, account_id: int) -> None:
        """Keep an account no longer: after the next loss it stays away, and its subscriptions with it.

        ``account_logout`` ends its session as well, if there is a connection.
        """
        self._factory.forget(account_id)

    def _not_authorised_of(self, account_id: int) -> Callable[[object, float], Failure]:
        def not_authorised(result: object, timeout: float) -> Failure:
            why = self.account_status(account_id).reason or self._factory.last_failure
            reason = f"account {account_id} was not authorised within {timeout:g} s"
            return Failure(NotReadyInTime(str(self.environment), f"{reason}; {why}" if why else reason))

        return not_authorised

    # Requests

    def request(
        self, message: Message, *, timeout: float | None = None, left: Callable[[], object] | None = None
    ) -> Deferred[Any]:
        """Send one of the schema's requests.

        It leaves at once if the limits allow, else in its turn: order and position commands before everything else.

        :param message: a message whose name ends in ``Req``.
        :param timeout: seconds from now to its answer; `Settings.timeout` unless given.
        :param left: called when it leaves, which is when this turn of the reactor ends or later: until then, cancelling
            the Deferred keeps it from being sent, for certain. It is not called if it never leaves.
        :return: a Deferred that fires with the message that answers: the request's ``Res``, or for an order or position
            command the first ProtoOAExecutionEvent, which listeners get, too. It fails with

            * a `ServerError` (`NotAuthorised`, `RateLimited`, `OrderRefused`, …) if the server refuses;
            * `RequestNotSent` (`QueueFull`, `SendTimeout`) if it never left: repeating it is safe;
            * `OutcomeUnknown` (`AnswerTimeout`) if it left and no answer came, also when it is cancelled: reconcile
              first;
            * `AlreadyStanding` if one of several subscriptions stands already. A single one that does is no error, nor
              is what is authorised already: the usual answer is given, and there is no second first event;
            * `IncompleteMessage` or `NotARequest` if it can't be sent at all, `ClientClosed` after `close`.
        """
        return self._factory.request(message, self._settings.timeout if timeout is None else timeout, left=left)

    def request_unread(self, message: Message, *, timeout: float | None = None) -> Deferred[Envelope]:
        """Send one of the schema's requests, and give the answer as it came: its payload is protobuf on every wire.

        For who reads it better than message by message, as `ctrader_twisted.market.columns` does a page of history.

        :param message: as for `request`, but for authorisations, subscriptions and refreshes, whose answers the session
            itself goes by (`ValueError`).
        :param timeout: as for `request`.
        :return: a Deferred that fires with the `Envelope` that answers, whose payload nobody has looked at; it fails as
            that of `request` does.
        """
        return self._factory.request(message, self._settings.timeout if timeout is None else timeout, unread=True)

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

        :param cls: a message class such as ``ProtoOASpotEvent``; an event of the library such as ``Resynchronised``;
            ``LightQuote`` or ``SpotColumns`` for spot events in a lighter form; ``google.protobuf.message.Message`` for
            every message; ``Envelope`` for everything that arrives, unparsed, payload types unknown to the schema
            included.
        :param listener: called with the event. What it raises is logged; if it gives a Deferred or a coroutine, that is
            followed and its failure logged.
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
        self._listeners.add(cls, only(cls, listener, account_id, symbol_id))
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
        self._listeners.add(cls, only(cls, Once(self._listeners, cls, listener), account_id, symbol_id))
        return listener

    def off(self, cls: type[_T], listener: Callable[[_T], object]) -> bool:
        """Stop calling ``listener`` with events of a class; False if it was not called."""
        return self._listeners.remove(cls, listener)

    def latest_quotes(self) -> LatestQuotes:
        """Keep the last known sides of every subscribed symbol, for whoever only looks: the cheapest way.

        They are forgotten when an account's session is lost, until the next event of each symbol, and where spots are
        unsubscribed.

        :return: what keeps them, from now on and until the client is closed.
        """
        latest = LatestQuotes()

        def changed(event: AccountChanged) -> None:
            if event.state is not AccountState.AUTHORISED:
                latest.forget(event.account_id)

        def unsubscribed(answer: ProtoOAUnsubscribeSpotsRes) -> None:
            account_id = answer.ctidTraderAccountId
            standing = {each.symbol_id for each in self.subscriptions(account_id) if each.kind == "spots"}
            for symbol_id in latest.of(account_id).keys() - standing:
                latest.forget(account_id, symbol_id)

        self.on(ProtoOAUnsubscribeSpotsRes, unsubscribed)
        if has_numpy():
            self.on(SpotColumns, latest.take_columns)
        else:
            self.on(LightQuote, latest.take)
        self.on(AccountChanged, changed)
        return latest

    def events(
        self,
        *classes: type[_T],
        buffer: int = 1000,
        account_id: int | None = None,
        symbol_id: int | None = None,
    ) -> EventStream[_T]:
        """Iterate over events with ``async for``.

        :param classes: as for `on`.
        :param buffer: how many events may wait to be read. When more come the oldest are dropped, and the iteration
            raises `EventsDropped` once where they are missing; it can be continued.
        :param account_id: as for `on`.
        :param symbol_id: likewise.
        :return: the stream, which listens from now on, outlives reconnects and ends with the client. Close it when it
            is no longer read.
        """
        stream = EventStream(self._listeners, classes, buffer, self._streams.discard, account_id, symbol_id)
        self._streams.add(stream)
        return stream
