"""A simulated cTrader venue: an application server to develop and test against.

It makes prices, not markets: see ``docs/explanation/simulated-venue.md`` for what it models and what it does not.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol, connectionDone

from ctrader_twisted.server import Peer, ServerProtocol
from ctrader_twisted.sim.accounts import SCOPE_TRADE, Application, Grant, Registry, TradingAccount, default_accounts
from ctrader_twisted.sim.authority import Authority
from ctrader_twisted.sim.conversation import Conversation
from ctrader_twisted.sim.dialect import Dialect
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.modelled import HISTORY_START, ModelFeed
from ctrader_twisted.sim.limits import Limits
from ctrader_twisted.sim.oauth import CONSENT_PATH, TOKEN_PATH, Faults, OAuthFactory
from ctrader_twisted.sim.options import Options
from ctrader_twisted.sim.rates import Rates
from ctrader_twisted.sim.ticker import Ticker
from ctrader_twisted.sim.trading import state as states
from ctrader_twisted.sim.trading.exchange import Exchange
from ctrader_twisted.sim.troubles import Span, Troubles
from ctrader_twisted.tls import PromptTLSFactory
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.sniffed import SniffedWire
from ctrader_twisted.wire.websocket import ServerWebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from google.protobuf.message import Message
    from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort, IProtocolFactory, IReactorTime
    from twisted.internet.ssl import CertificateOptions
    from twisted.python.failure import Failure

    from ctrader_twisted.sim.feed.feed import Feed
    from ctrader_twisted.sim.feed.instruments import Instrument, ReferenceData
    from ctrader_twisted.sim.script import Action
    from ctrader_twisted.wire.verbs import Verbs

DEFAULT_START: Final = 1_772_528_400_000
"""Tuesday 2026-03-03, 09:00 UTC: where a venue begins whose clock shows a time before there are prices."""

LOOPBACK: Final = ("127.0.0.1", "::1")
"""Where it may listen without TLS."""

_THIRTY_DAYS_MS: Final = 30 * 86_400_000


class Venue:
    """A venue. With one seed, and a clock that moves alike, it says the same bytes.

    :param clock: tells the time and wakes the venue: a reactor, or a `twisted.internet.task.Clock`.
    :param seed: what prices, sizes and tokens follow from.
    :param start: the venue's time at this moment, ms UTC. By default the clock's own time, or `DEFAULT_START` if that
        is before prices begin, as on a `Clock` that starts at 0.
    :param feed: the prices; by default the seeded model.
    :param reference: assets, classes, categories, archived symbols, leverages; the symbols are the feed's.
    :param applications: who may connect; by default ``sim-client-id`` with ``sim-client-secret``.
    :param accounts: by default two demo accounts, 1000001 in EUR and 1000002 in USD.
    :param grants: the tokens; by default ``sim-access-token`` and ``sim-refresh-token`` for all accounts.
    :param limits: how often a connection may ask.
    :param options: everything else.
    :param script: misbehaviour: see `ctrader_twisted.sim.script`.
    :param authority: who signs its certificate; by default one of its own, in memory.
    :param state: what `save_state` gave of a venue with the same seed, the same prices and these accounts, to go on
        from. Time does not go back behind it: it is the start if that would be earlier.
    :raises ValueError: if accounts, tokens and assets do not belong together; a `StateError` if the state is damaged or
        that of another venue.

    :ivar factory: serves protobuf over any stream, in a WebSocket or without one.
    :ivar json_factory: serves JSON over WebSocket.
    :ivar exchange: where its accounts trade.
    :ivar conversations: the connections, by number.
    :ivar refusing: while it goes on, new connections are closed at once.
    :ivar stalling: while it goes on, new connections are accepted and hear nothing, TLS included.
    :ivar without_heartbeats: while it goes on, no heartbeat is sent.
    :ivar troubles: what is refused for a while.
    :ivar oauth_faults: how the token endpoint misbehaves.
    :ivar json_url: where `listen_json` listens.
    :ivar oauth_url: where `listen_oauth` listens, without a path.
    :ivar instruments: what is traded, by symbol id, as it stands: a script may change what the feed began with.
    :ivar began_at: its start, or that of the venue whose state it goes on from, ms UTC.
    :ivar opened_at: when its accounts were opened, ms UTC: 30 days before that.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        seed: int = 1,
        start: int | None = None,
        feed: Feed | None = None,
        reference: ReferenceData = HOUSE,
        applications: Iterable[Application] | None = None,
        accounts: Iterable[TradingAccount] | None = None,
        grants: Iterable[Grant] | None = None,
        limits: Limits | None = None,
        options: Options | None = None,
        script: Iterable[tuple[float, Action]] = (),
        authority: Authority | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self._started = clock.seconds()
        saved_at, began_at = (None, None) if state is None else states.times_of(state)
        if start is None:
            start = round(self._started * 1000)
            if start < HISTORY_START:
                start = DEFAULT_START if saved_at is None else saved_at
        self._start = start if saved_at is None else max(start, saved_at)
        self.began_at: int = self._start if began_at is None else began_at
        self.opened_at: int = max(0, self.began_at - _THIRTY_DAYS_MS)
        self.feed: Feed = ModelFeed(seed) if feed is None else feed
        self.instruments: dict[int, Instrument] = dict(self.feed.instruments)
        self.reference = reference
        self.limits: Limits = Limits() if limits is None else limits
        self.options: Options = Options() if options is None else options
        accounts = default_accounts() if accounts is None else tuple(accounts)
        assets = {asset.name for asset in reference.assets}
        for account in accounts:
            if account.deposit_asset not in assets:
                raise ValueError(f"account {account.account_id} is kept in {account.deposit_asset}, which is no asset")
        if grants is None:
            grants = (Grant(tuple(account.account_id for account in accounts)),)
        applications = (Application(),) if applications is None else applications
        self.registry: Registry = Registry(applications, accounts, grants, seed, self._start)
        self.rates: Rates = Rates(self.feed)
        self.ticker: Ticker = Ticker(self)
        self.exchange: Exchange = Exchange(self)
        self.conversations: dict[int, Conversation] = {}
        self.refusing: Span = Span(clock)
        self.stalling: Span = Span(clock)
        self.without_heartbeats: Span = Span(clock)
        self.troubles: Troubles = Troubles(clock)
        self.oauth_faults: Faults = Faults(clock)
        self.json_url: str = "wss://localhost"
        self.oauth_url: str = "http://localhost"
        self._oauth: OAuthFactory | None = None
        self._dialect = Dialect(self.options)
        self.factory: VenueFactory = VenueFactory(self, self._protobuf_wire)
        self.json_factory: VenueFactory = VenueFactory(self, self._json_wire)
        self._authority = authority
        self._accepted = 0
        self._scheduled: dict[int, IDelayedCall] = {}
        self._schedule_number = 0
        self._ports: list[IListeningPort] = []
        self._stalled: dict[_Stalled, None] = {}
        self._waiting_silent: list[Deferred[None]] = []
        if state is not None:
            states.load(self, state)
        for at, action in script:
            self.later(at, action)

    def now(self) -> int:
        """Give the venue's time, ms UTC."""
        return self._start + round((self.clock.seconds() - self._started) * 1000)

    def seconds_until(self, at_ms: int) -> float:
        """Give the seconds from now to a moment of the venue's time; 0 if it is past."""
        return max(0.0, self._started + (at_ms - self._start) / 1000 - self.clock.seconds())

    @property
    def trust_root_pem(self) -> str:
        """What a client is to trust: the certificate of the venue's authority."""
        return self._signed_by().trust_root_pem

    def listen(
        self, reactor: Any, interface: str = "127.0.0.1", port: int = 0, names: Iterable[str] = ()
    ) -> IListeningPort:
        """Listen for protobuf with TLS: over TCP and over WebSocket, on the same port.

        :param reactor: an ``IReactorTCP`` and ``IReactorTime``; its time dates the certificate, so a real one.
        :param port: 0 for any that is free: ``getHost().port`` of the result tells it.
        :param names: host names and addresses to put into the certificate besides localhost, 127.0.0.1 and ::1.
        """
        return self._listen(reactor, interface, port, self._behind_tls(reactor, self.factory, names))

    def listen_json(
        self, reactor: Any, interface: str = "127.0.0.1", port: int = 0, names: Iterable[str] = (), *, tls: bool = True
    ) -> IListeningPort:
        """Listen for JSON over WebSocket, as `listen` does for protobuf; `json_url` tells where.

        :param tls: false for plain ``ws://``, on a loopback interface only: a browser can't be given a trust root.
        :raises ValueError: if it would be plain elsewhere.
        """
        if not tls and interface not in LOOPBACK:
            raise ValueError(f"without TLS it listens on {' or '.join(LOOPBACK)}, not on {interface!r}")
        factory = self._behind_tls(reactor, self.json_factory, names) if tls else self.json_factory
        listening = self._listen(reactor, interface, port, factory)
        self.json_url = f"{'wss' if tls else 'ws'}://{_address(interface, listening)}"
        return listening

    def listen_oauth(self, reactor: Any, interface: str = "127.0.0.1", port: int = 0) -> IListeningPort:
        """Listen for the consent page and the token endpoint: plain HTTP, so on a loopback interface.

        :param reactor: an ``IReactorTCP``.
        :param port: 0 for any that is free. `consent_url` and `token_url` tell where they are.
        """
        listening = self._listen(reactor, interface, port, self.oauth_factory)
        self.oauth_url = f"http://{_address(interface, listening)}"
        return listening

    @property
    def oauth_factory(self) -> OAuthFactory:
        """Serves the consent page and the token endpoint over any stream."""
        if self._oauth is None:
            self._oauth = OAuthFactory(self)
        return self._oauth

    @property
    def consent_url(self) -> str:
        """The address of the page on which access is granted."""
        return self.oauth_url + CONSENT_PATH

    @property
    def token_url(self) -> str:
        """The address at which codes are exchanged and tokens refreshed."""
        return self.oauth_url + TOKEN_PATH

    def close(self) -> Deferred[None]:
        """Stop listening, drop every connection and forget every timer; fires when no port is open any more.

        Nor is any conversation: what they had on the clock is gone with them.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        self.refusing.begin()
        for call in self._scheduled.values():
            call.cancel()
        self._scheduled.clear()
        self.exchange.stop()
        self.ticker.stop()
        ports, self._ports = self._ports, []
        stopped = [maybeDeferred(port.stopListening) for port in ports]
        for talk in tuple(self.conversations.values()):
            talk.peer.abort("the venue closes")
        self.drop_stalled()
        if self._oauth is not None:
            self._oauth.drop_connections()
        for each in stopped:
            await each
        if self.conversations:
            silent: Deferred[None] = Deferred()
            self._waiting_silent.append(silent)
            await silent

    def save_state(self) -> dict[str, Any]:
        """Give everything that trading changed as plain values, such as JSON has; it holds the grants' tokens.

        A new venue that is given it as ``state`` goes on from there. Connections and scripts are not in it.
        """
        return states.save(self)

    def play(self, action: Action) -> None:
        """Do something of `ctrader_twisted.sim.script` now."""
        action(self)

    def later(self, seconds: float, action: Action) -> None:
        """Do something of `ctrader_twisted.sim.script` after so many seconds."""
        self._schedule_number += 1
        number = self._schedule_number

        def due() -> None:
            del self._scheduled[number]
            action(self)

        self._scheduled[number] = self.clock.callLater(seconds, due)

    def tell(self, account_id: int, event: Message) -> None:
        """Send an event to every connection on which an account is authorised."""
        envelope = codec.pack(event)
        for talk in tuple(self.conversations.values()):
            if account_id in talk.sessions:
                talk.push(envelope)

    def end_sessions_of(self, grant: Grant, reason: str) -> None:
        """End every session that a grant's former tokens opened, and say so."""
        for talk in tuple(self.conversations.values()):
            ended = [account_id for account_id, session in talk.sessions.items() if session.grant is grant]
            talk.invalidate_token(ended, reason)

    def authorise(
        self, account_ids: Iterable[int], *, scope: int = SCOPE_TRADE, user_id: int = 1, client_id: str | None = None
    ) -> Grant:
        """Make a new grant, as a user's consent does; with ``one_grant_per_user`` his former ones end.

        :param client_id: the only application that can use it; None for any.
        """
        former = [grant for grant in self.registry.grants if grant.user_id == user_id and not grant.revoked]
        grant = self.registry.authorise(account_ids, self.now(), scope=scope, user_id=user_id, client_id=client_id)
        if self.options.one_grant_per_user:
            for each in former:
                self.registry.revoke(each, for_good=True)
                self.end_sessions_of(each, "Access was granted anew")
        return grant

    def forget(self, talk: Conversation) -> None:
        """Take note that a connection is gone."""
        self.conversations.pop(talk.number, None)
        if not self.conversations:
            waiting, self._waiting_silent = self._waiting_silent, []
            for each in waiting:
                each.callback(None)

    def converse(self, wire: Verbs, peer: Peer) -> Conversation:
        """Begin the conversation of a new connection."""
        self._accepted += 1
        talk = self.conversations[self._accepted] = Conversation(self, peer, wire, self._accepted)
        return talk

    def turned_away(self) -> tuple[bool, Protocol | None]:
        """Say whether a new connection gets no conversation, and what it gets instead; None to close it."""
        if self.refusing:
            return True, None
        return (True, _Stalled(self._stalled)) if self.stalling else (False, None)

    def drop_stalled(self) -> None:
        """Drop the connections that were accepted and heard nothing."""
        for stalled in tuple(self._stalled):
            transport: Any = stalled.transport
            transport.abortConnection()

    def _listen(self, reactor: Any, interface: str, port: int, factory: IProtocolFactory) -> IListeningPort:
        listening: IListeningPort = reactor.listenTCP(port, factory, interface=interface)
        self._ports.append(listening)
        return listening

    def _behind_tls(self, reactor: Any, factory: VenueFactory, names: Iterable[str]) -> _Door:
        return _Door(self, self._signed_by().options(reactor.seconds(), names), factory, reactor)

    def _protobuf_wire(self) -> Verbs:
        return SniffedWire(self.options.max_frame, compression=self.options.compression)

    def _json_wire(self) -> Verbs:
        options = self.options
        return ServerWebSocket(self._dialect, max_message=options.max_frame, compression=options.compression)

    def _signed_by(self) -> Authority:
        if self._authority is None:
            self._authority = Authority.create()
        return self._authority


def _address(interface: str, listening: IListeningPort) -> str:
    host = f"[{interface}]" if ":" in interface else interface
    return f"{host}:{listening.getHost().port}"  # type: ignore[attr-defined]  # IPv4 or IPv6


class VenueFactory(Factory):
    """Serves one wire: new connections are turned away while the venue refuses or stalls them."""

    noisy = False

    def __init__(self, venue: Venue, wire_factory: Callable[[], Verbs]) -> None:
        self._venue = venue
        self._wire_factory = wire_factory

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Make the protocol of one connection."""
        venue = self._venue
        turned_away, instead = venue.turned_away()
        if turned_away:
            return instead
        wire = self._wire_factory()
        protocol = ServerProtocol(partial(venue.converse, wire), lambda: wire, venue.clock, venue.options.max_backlog)
        protocol.factory = self
        return protocol


class _Door(PromptTLSFactory):
    """Lets connections into TLS, or turns them away before it."""

    def __init__(self, venue: Venue, tls: CertificateOptions, factory: VenueFactory, reactor: Any) -> None:
        super().__init__(tls, False, factory, reactor)
        self._venue = venue

    def buildProtocol(self, addr: IAddress | None) -> Any:
        turned_away, instead = self._venue.turned_away()
        return instead if turned_away else super().buildProtocol(addr)


class _Stalled(Protocol):
    """Accepted, and then nothing."""

    def __init__(self, others: dict[_Stalled, None]) -> None:
        self._others = others

    def connectionMade(self) -> None:
        self._others[self] = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._others.pop(self, None)
