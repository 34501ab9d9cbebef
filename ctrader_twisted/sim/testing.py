"""The test kit: a clock, a venue, and clients joined to it in memory. No socket, no TLS, no waiting.

::

    def test_my_strategy():
        with VenueKit() as kit:
            client = kit.client()
            kit.settle(client.when_ready())
            kit.settle(client.account_auth(ctidTraderAccountId=EUR_ACCOUNT, accessToken=ACCESS_TOKEN))
            ...
            kit.advance(60)  # a minute of market, in milliseconds of ours

Time passes only in `VenueKit.advance` and `VenueKit.settle`, from one timer to the next, and everything that is said on
the way arrives. Leaving the ``with`` closes clients and venue, and fails if anything is left on the clock.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ctrader_twisted.sim.accounts import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EUR_ACCOUNT,
    REFRESH_TOKEN,
    USD_ACCOUNT,
)
from ctrader_twisted.sim.clock import VirtualClock
from ctrader_twisted.sim.memory import Link, Network, join
from ctrader_twisted.sim.script import ACTIONS
from ctrader_twisted.sim.venue import DEFAULT_START, Venue
from ctrader_twisted.wire import codec
from ctrader_twisted.wire.choice import Wire
from ctrader_twisted.wire.envelope import Envelope
from ctrader_twisted.wire.int32 import Int32Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from google.protobuf.message import Message
    from twisted.internet.interfaces import IAddress
    from twisted.web.client import URI
    from twisted.web.iweb import IAgent

    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.protocol import Tap
    from ctrader_twisted.sim.script import Action
    from ctrader_twisted.tokens import TokenKeeper

__all__ = [
    "ACCESS_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "DEFAULT_START",
    "EUR_ACCOUNT",
    "REFRESH_TOKEN",
    "USD_ACCOUNT",
    "Link",
    "NotSettled",
    "VenueKit",
    "WireClient",
    "join",
    "simulated_client",
]

_T = TypeVar("_T")
_RESTLESS = 10_000


class NotSettled(AssertionError):
    """A Deferred did not fire in the time it was given."""


class VenueKit:
    """A venue on a clock of its own.

    :param chunk: bytes that arrive at once at most, to test how messages are put together; None for all there are.
    :param wire: how clients talk to it unless they are told otherwise: a `Wire` or its value, such as ``"json"``.
    :param venue: arguments of `Venue`; its ``start`` is `DEFAULT_START`, a Tuesday morning, unless it or a
        state is given.

    :ivar wire: as given.
    :ivar clock: the `VirtualClock`; move it with `advance` only, or what is sent will not arrive.
    :ivar venue: the venue.
    :ivar network: the way to it.
    :ivar web: the way to its consent page and token endpoint.
    """

    def __init__(self, *, chunk: int | None = None, wire: Wire | str = Wire.PROTOBUF, **venue: Any) -> None:
        self.clock: VirtualClock = VirtualClock()
        self.wire: Wire = Wire(wire)
        if venue.get("state") is None:
            venue.setdefault("start", DEFAULT_START)
        self.venue: Venue = Venue(self.clock, **venue)
        self.network: Network = Network(self.clock, self.venue.factory, chunk)
        self.web: Network = Network(self.clock, self.venue.oauth_factory, chunk)
        self._clients: list[OpenApiClient] = []

    def __enter__(self) -> VenueKit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    # ------------------------------------------------------------------------------- clients

    def client(
        self,
        *,
        start: bool = True,
        wire: Wire | str | None = None,
        tokens: TokenKeeper | None = None,
        tap: Tap | None = None,
        **settings: Any,
    ) -> OpenApiClient:
        """Make a client of the venue.

        :param start: begin to connect at once.
        :param wire: how it talks to the venue, if not as the kit's clients do.
        :param tokens: its grants, if it is to refresh them itself.
        :param tap: hears everything that is sent and received.
        :param settings: fields of `ctrader_twisted.Settings`.
        """
        # Here and not above: the venue's own modules must not know the client, and wire-level tests need not load it.
        from ctrader_twisted.client import OpenApiClient
        from ctrader_twisted.credentials import Application, Environment
        from ctrader_twisted.settings import Settings

        application = next(iter(self.venue.registry.applications.values()))
        wire = self.wire if wire is None else Wire(wire)
        server = self.venue.json_factory if wire is Wire.JSON else None
        client = OpenApiClient(
            self.clock,
            Application(application.client_id, application.client_secret),
            Environment("simulator", "127.0.0.1", live=self.venue.options.environment == "live", wire=wire),
            settings=Settings(**settings),
            opening=partial(self.network.connect, server=server),
            tokens=tokens,
            tap=tap,
        )
        self._clients.append(client)
        return client.start() if start else client

    def ready_client(self, *account_ids: int, **settings: Any) -> OpenApiClient:
        """Make a client and wait until it is ready and these accounts are authorised on it.

        :param account_ids: ctidTraderAccountIds; each is opened with the access token that is granted for it.
        :param settings: fields of `ctrader_twisted.Settings`.
        """
        client = self.client(**settings)
        self.settle(client.when_ready())
        for account_id in account_ids:
            token = self.venue.registry.token_for(account_id)
            self.settle(client.account_auth(ctidTraderAccountId=account_id, accessToken=token))
        return client

    def wire_client(self) -> WireClient:
        """Connect a client that knows envelopes and nothing else, for what no well-behaved client would send."""
        factory = _WireClientFactory(self)
        self.network.connect(factory)
        self.pump()
        return factory.client

    def agent(self) -> IAgent:
        """Give a client for HTTP, as `twisted.web.client.Agent` is one: every address leads to this venue's OAuth.

        ``venue.consent_url`` and ``venue.token_url`` are the addresses; ``web`` is the way, to be refused or cut.
        """
        agent: IAgent = Agent.usingEndpointFactory(self.clock, _Endpoints(self.web))
        return agent

    # ------------------------------------------------------------------------------- time and bytes

    def pump(self) -> None:
        """Move every byte that is on its way, and do what is due now, until nothing happens any more."""
        self._go_to(self.clock.seconds())

    def advance(self, seconds: float) -> None:
        """Let time pass, from one timer to the next, everything arriving on the way."""
        for _ in self._passing(seconds):
            pass

    def settle(self, deferred: Deferred[_T], within: float = 60.0) -> _T:
        """Let time pass until a Deferred fires, and give its result or raise its failure.

        :param within: seconds at most.
        :raises NotSettled: if it has not fired by then.
        """
        results: list[Any] = []
        deferred.addBoth(results.append)
        for _ in self._passing(within):
            if results:
                break
        if not results:
            raise NotSettled(f"not fired within {within:g} s of the venue's time")
        result = results[0]
        if isinstance(result, Failure):
            result.raiseException()
        given: _T = result
        return given

    def _passing(self, seconds: float) -> Iterator[None]:
        """Stop after each step."""
        clock = self.clock
        end = clock.seconds() + seconds
        self.pump()
        yield
        while True:
            due = clock.next_due()
            # Sums of floats fall short of one another: what is due within a microsecond of the end is due.
            if due is None or due > end + 1e-6:
                due = end
            if due <= clock.seconds():
                return
            self._go_to(due)
            yield

    def _go_to(self, moment: float) -> None:
        go_to, network, web = self.clock.go_to, self.network, self.web
        for _ in range(_RESTLESS):
            go_to(moment)
            moved = network.pump()
            if not (web.pump() or moved):
                return
        raise AssertionError(f"no rest after {_RESTLESS} rounds: two ends keep each other busy without time passing")

    # ------------------------------------------------------------------------------- misbehaviour

    def play(self, action: str | Action, **arguments: Any) -> None:
        """Let the venue misbehave now, and let what it says arrive.

        :param action: an action, or the name of one of `ctrader_twisted.sim.script.ACTIONS`.
        :param arguments: the arguments of the one named.
        :raises ValueError: if there is none of that name.
        """
        if isinstance(action, str):
            if action not in ACTIONS:
                raise ValueError(f"there is no action {action!r}: {', '.join(sorted(ACTIONS))}")
            action = ACTIONS[action](**arguments)
        self.venue.play(action)
        self.pump()

    # ------------------------------------------------------------------------------- the network

    def cut(self, reason: Exception | None = None) -> None:
        """Break every connection, as a network does: what is on its way is lost.

        :param reason: what both ends hear; by default ``twisted.internet.error.ConnectionLost``.
        """
        self.network.cut(reason)
        self.pump()

    def refuse_connections(self) -> None:
        """Refuse every attempt to connect until `accept_connections`."""
        self.network.refusing = True

    def accept_connections(self) -> None:
        """Accept connections again."""
        self.network.refusing = False

    def close(self, within: float = 30.0) -> None:
        """Close clients and venue.

        :param within: seconds that closing may take.
        :raises AssertionError: if anything is left on the clock.
        """
        clients, self._clients = self._clients, []
        closing = [client.close() for client in clients]
        for closed in closing:
            self.settle(closed, within)
        self.settle(self.venue.close(), within)
        for link in (*self.network.links, *self.web.links):
            link.client.loseConnection()
        self.pump()
        left = self.clock.getDelayedCalls()
        if left:
            raise AssertionError("left on the clock: " + ", ".join(map(str, left)))


def simulated_client(
    reactor: Any, account_id: int = EUR_ACCOUNT, *, wire: Wire | str = Wire.PROTOBUF, **venue: Any
) -> Deferred[OpenApiClient]:
    """Try things out: start a venue on a free port of this computer and connect a client to it, over real TLS.

    :param reactor: the real one.
    :param account_id: the account that is authorised.
    :param wire: how they talk: a `Wire` or its value, such as ``"json"``.
    :param venue: arguments of `Venue`; its ``start`` is `DEFAULT_START`, a Tuesday morning, unless given.
    :return: a Deferred that fires with the client, ready and its account authorised. Closing it closes the venue, too.
    """
    return Deferred.fromCoroutine(_simulated_client(reactor, account_id, Wire(wire), venue))


async def _simulated_client(reactor: Any, account_id: int, wire: Wire, arguments: dict[str, Any]) -> OpenApiClient:
    from ctrader_twisted.client import OpenApiClient
    from ctrader_twisted.credentials import Application, Environment

    venue = Venue(reactor, **{"start": DEFAULT_START, **arguments})
    listen = venue.listen_json if wire is Wire.JSON else venue.listen
    port: Any = listen(reactor).getHost()
    application = next(iter(venue.registry.applications.values()))

    class SimulatedClient(OpenApiClient):
        def close(self) -> Deferred[None]:
            return super().close().addCallback(lambda _: venue.close())

    client = SimulatedClient(
        reactor,
        Application(application.client_id, application.client_secret),
        Environment("simulator", "localhost", port.port, trust_root=venue.trust_root_pem, wire=wire),
    )
    await client.when_ready(timeout=30)
    await client.account_auth(ctidTraderAccountId=account_id, accessToken=venue.registry.token_for(account_id))
    return client


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Gives the agent endpoints that all lead to one server."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def endpointForURI(self, uri: URI) -> TCP4ClientEndpoint:  # noqa: N802 - the agent calls it
        return TCP4ClientEndpoint(self._network, uri.host.decode(), uri.port)


class WireClient(TwistedProtocol):
    """A client that knows envelopes and nothing else: what it is told it sends, what arrives it keeps.

    :ivar received: the envelopes that arrived and were not taken yet.
    :ivar raw: every byte that arrived.
    :ivar lost: why the connection ended, or None.
    """

    def __init__(self, kit: VenueKit) -> None:
        self.received: list[Envelope] = []
        self.raw: bytearray = bytearray()
        self.lost: Failure | None = None
        self._kit = kit
        self._wire = Int32Wire()
        self._numbers = count(1)

    def dataReceived(self, data: bytes) -> None:
        """Keep what arrives."""
        self.raw += data
        for arrived in self._wire.receive(data):
            self.received.extend([arrived] if isinstance(arrived, Envelope) else arrived.envelopes())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep the reason."""
        self.lost = reason

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.transport is not None
        self.transport.write(data)
        self._kit.pump()

    def send(self, message: Message, client_msg_id: str | None = None) -> None:
        """Send a message."""
        self.send_envelope(codec.pack(message, client_msg_id))

    def send_envelope(self, *envelopes: Envelope) -> None:
        """Send envelopes, in one write."""
        for envelope in envelopes:
            self._wire.send(envelope)
        self.write(self._wire.data_to_send())

    def ask(self, message: Message, within: float = 10.0) -> Any:
        """Send a request and give the message that carries its id; everything else that comes stays in `received`.

        :raises NotSettled: if none does.
        """
        key = f"ask-{next(self._numbers)}"
        self.send(message, key)
        for _ in self._kit._passing(within):
            for envelope in self.received:
                if envelope.client_msg_id == key:
                    self.received.remove(envelope)
                    return codec.unpack(envelope)
        raise NotSettled(f"{type(message).__name__} was not answered within {within:g} s")

    def take(self, cls: type[Message] | None = None) -> list[Any]:
        """Take the messages that have arrived, or those of one class."""
        taken: list[tuple[Envelope, Message]] = []
        kept: list[tuple[Envelope, Message]] = []
        for envelope in self.received:
            message = codec.unpack(envelope)
            (taken if cls is None or isinstance(message, cls) else kept).append((envelope, message))
        self.received = [envelope for envelope, _ in kept]
        return [message for _, message in taken]

    def close(self) -> None:
        """Close the connection."""
        assert self.transport is not None
        self.transport.loseConnection()
        self._kit.pump()


class _WireClientFactory(ClientFactory):
    noisy = False

    def __init__(self, kit: VenueKit) -> None:
        self.client = WireClient(kit)

    def buildProtocol(self, addr: IAddress | None) -> WireClient:
        return self.client

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.client.lost = reason
