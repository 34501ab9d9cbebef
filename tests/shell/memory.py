"""A client whose transport is memory and whose other end is the test itself.

Everything of the client is real; the test plays the server, byte by byte if it likes, on a `Clock`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from ctrader_twisted import Application, Environment, OpenApiClient, Settings, messages
from ctrader_twisted.session.events import AccountChanged, Disconnected, Problem, Ready, Resynchronised
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.int32 import Int32Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.factory import OpenApiFactory
    from ctrader_twisted.protocol import OpenApiProtocol, Tap
    from ctrader_twisted.tokens import TokenKeeper

SECRET = "s3cr3t-of-the-application"
TOKEN = "t0ken-of-the-account"
ACCOUNT = 1000001


class Transport(StringTransport):
    """A transport that ends when it is told to, and says how."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class Connector:
    """What `reactor.connectTCP` would have given."""

    def __init__(self, factory: OpenApiFactory) -> None:
        self.factory = factory
        self.attempts = 0
        self.connecting = False

    def connect(self) -> None:
        self.attempts += 1
        self.connecting = True

    def stopConnecting(self) -> None:
        self.connecting = False


class Memory:
    """One client and the test's end of its connections."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        live: bool | None = None,
        tokens: TokenKeeper | None = None,
        tap: Tap | None = None,
        **settings: Any,
    ) -> None:
        settings.setdefault("reconcile", False)  # tests of it ask for it
        self.clock = clock or Clock()
        self.client = OpenApiClient(
            self.clock,
            Application("the-client-id", SECRET),
            Environment("test", "test.invalid", live=live),
            settings=Settings(**settings),
            opening=self._open,
            tokens=tokens,
            tap=tap,
        )
        self.told: list[Any] = []
        for cls in (Ready, Disconnected, AccountChanged, Resynchronised, Problem):
            self.client.on(cls, self.told.append)
        self.wire = Int32Wire()
        self.client.start()

    def _open(self, factory: OpenApiFactory) -> Connector:
        self.factory = factory
        self.connector = Connector(factory)
        self.connector.connect()
        return self.connector

    # The test's end

    def accept(self) -> OpenApiProtocol:
        """Let the connection that is being attempted succeed."""
        assert self.connector.connecting
        self.connector.connecting = False
        self.wire = Int32Wire()
        self.protocol = self.factory.buildProtocol(None)
        self.transport = Transport()
        self.protocol.makeConnection(self.transport)
        return self.protocol

    def refuse(self) -> None:
        """Let the connection that is being attempted fail."""
        self.connector.connecting = False
        self.factory.clientConnectionFailed(self.connector, Failure(ConnectionRefusedError()))

    def end(self, clean: bool = True) -> None:
        """End the connection, as a transport does."""
        reason = Failure(ConnectionDone() if clean else ConnectionLost())
        self.protocol.connectionLost(reason)
        self.factory.clientConnectionLost(self.connector, reason)

    def sent(self) -> list[Envelope]:
        """Take what the client has sent, heartbeats left out, letting the turn of the reactor end."""
        self.clock.advance(0)
        data = self.transport.value()
        self.transport.clear()
        envelopes: list[Envelope] = []
        for item in self.wire.receive(data):
            envelopes.extend(item.envelopes() if isinstance(item, Burst) else [item])
        return [envelope for envelope in envelopes if envelope.payload_type != catalogue.HEARTBEAT]

    def give(self, *envelopes: Envelope) -> None:
        """Send envelopes to the client, in one piece."""
        for envelope in envelopes:
            self.wire.send(envelope)
        self.protocol.dataReceived(self.wire.data_to_send())

    def say(self, *messages_: Message, to: Envelope | None = None) -> None:
        """Send messages to the client, in one piece; ``to`` is the request they answer."""
        self.give(*(codec.pack(message, None if to is None else to.client_msg_id) for message in messages_))

    # Shortcuts

    def ready(self) -> Memory:
        """Bring the client to READY."""
        self.accept()
        (auth,) = self.sent()
        self.say(messages.ProtoOAApplicationAuthRes(), to=auth)
        return self

    def authorised(self, account: int = ACCOUNT) -> Memory:
        """Bring an account to AUTHORISED."""
        self.client.account_auth(ctidTraderAccountId=account, accessToken=TOKEN)
        (auth,) = self.sent()
        self.say(messages.ProtoOAAccountAuthRes(ctidTraderAccountId=account), to=auth)
        return self

    def expect(self, *classes: type[Message]) -> list[tuple[Envelope, Any]]:
        """Take what the client has sent, which must be just these, and give each with its message."""
        envelopes = self.sent()
        assert names(envelopes) == [cls.DESCRIPTOR.name for cls in classes]
        return [(envelope, codec.unpack(envelope)) for envelope in envelopes]

    def of(self, cls: type[Any]) -> list[Any]:
        """Give what was told of one kind."""
        return [event for event in self.told if type(event) is cls]


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """Collect what a Deferred fires or fails with, once for each time it does."""
    results: list[Any] = []
    deferred.addCallbacks(results.append, lambda failure: results.append(failure.value))
    return results


def names(envelopes: list[Envelope]) -> list[str]:
    """Give the schema's names of envelopes."""
    return [catalogue.name(envelope.payload_type) for envelope in envelopes]


def collector(client: OpenApiClient, cls: type[Any]) -> list[Any]:
    """Listen for a class, into a list."""
    seen: list[Any] = []
    append: Callable[[Any], None] = seen.append
    client.on(cls, append)
    return seen
