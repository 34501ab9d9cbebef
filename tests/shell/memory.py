"""A client whose transport is memory and whose other end is the test itself.

Everything of the client is real; the test plays the server, byte by byte if it likes, on a `Clock`. It does so over the
wire that `Memory.over` names; conftest.py has every test done over each.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import INegotiated
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from ctrader_twisted import Application, Environment, OpenApiClient, Settings, messages
from ctrader_twisted.session.events import AccountChanged, Disconnected, Problem, Ready, Resynchronised
from ctrader_twisted.wire import catalogue, codec
from ctrader_twisted.wire.choice import Wire
from ctrader_twisted.wire.envelope import Burst, Envelope
from ctrader_twisted.wire.frames import MAX_FRAME
from ctrader_twisted.wire.int32 import Int32Wire
from ctrader_twisted.wire.jsontext import JsonText
from ctrader_twisted.wire.websocket import ServerWebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message
    from twisted.internet.defer import Deferred

    from ctrader_twisted.factory import OpenApiFactory
    from ctrader_twisted.protocol import OpenApiProtocol, Tap
    from ctrader_twisted.tokens import TokenKeeper
    from ctrader_twisted.wire.verbs import Encoding, Verbs

SECRET = "s3cr3t-of-the-application"
TOKEN = "t0ken-of-the-account"
ACCOUNT = 1000001

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_GOODBYE = b"\x88\x82"  # how a client's begins that has a code and no reason: a mask and the code follow


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

    disconnect = stopConnecting


def encoding(wire: Wire) -> Encoding:
    """Make what writes an envelope into one message of a wire."""
    return JsonText() if wire is Wire.JSON else codec.Protobuf()


def server_wire(wire: Wire, *, compression: bool = False) -> Verbs:
    """Make the server's end of a wire."""
    if wire is Wire.PROTOBUF:
        return Int32Wire()
    return ServerWebSocket(encoding(wire), max_message=MAX_FRAME, compression=compression)


def websocket_frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """Give a frame of a WebSocket as a server writes it: not masked."""
    size = len(payload)
    length = pack("B", size) if size < 126 else pack(">BH", 126, size) if size < 0x10000 else pack(">BQ", 127, size)
    return bytes((opcode | 0x80 if final else opcode,)) + length + payload


class Memory:
    """One client and the test's end of its connections."""

    over = Wire.PROTOBUF

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
            Environment("test", "test.invalid", live=live, wire=self.over),
            settings=Settings(**settings),
            opening=self._open,
            tokens=tokens,
            tap=tap,
        )
        self.told: list[Any] = []
        for cls in (Ready, Disconnected, AccountChanged, Resynchronised, Problem):
            self.client.on(cls, self.told.append)
        self.wire = server_wire(self.over)
        self.client.start()

    def _open(self, factory: OpenApiFactory) -> Connector:
        self.factory = factory
        self.connector = Connector(factory)
        self.connector.connect()
        return self.connector

    # The test's end

    def accept(self) -> OpenApiProtocol:
        """Let the connection that is being attempted succeed, and the handshake of a WebSocket with it."""
        self.connect()
        if self.over is not Wire.PROTOBUF:
            self.shake()
        return self.protocol

    def shake(self) -> None:
        """Answer the handshake of a WebSocket."""
        assert self.heard() == []
        assert self.wire.open

    def connect(self, *, tls: bool = False) -> OpenApiProtocol:
        """Let the connection that is being attempted succeed, and no more than that.

        :param tls: its transport is one that has yet to shake hands.
        """
        assert self.connector.connecting
        self.connector.connecting = False
        self.wire = server_wire(self.over)
        self.protocol = self.factory.buildProtocol(None)
        self.transport = Transport()
        if tls:
            directlyProvides(self.transport, INegotiated)
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
        return [envelope for envelope in self.heard() if envelope.payload_type != catalogue.HEARTBEAT]

    def heard(self) -> list[Envelope]:
        """Take all that the client has written by now; what the wire answers by itself, such as a goodbye, is given."""
        data = self.transport.value()
        self.transport.clear()
        envelopes: list[Envelope] = []
        for item in self.wire.receive(data):
            envelopes.extend(item.envelopes() if isinstance(item, Burst) else [item])
        answer = self.wire.data_to_send()
        if answer:
            self.protocol.dataReceived(answer)
        return envelopes

    def give(self, *envelopes: Envelope) -> None:
        """Send envelopes to the client, in one piece."""
        for envelope in envelopes:
            self.wire.send(envelope)
        self.protocol.dataReceived(self.wire.data_to_send())

    def frame(self, envelope: Envelope) -> bytes:
        """Give the bytes of an envelope, as `give` would send them."""
        return self.raw(encoding(self.over).encode(envelope))

    def raw(self, data: bytes) -> bytes:
        """Give the frame in which this wire carries such a message, whatever the message is."""
        if self.over is Wire.PROTOBUF:
            return len(data).to_bytes(4) + data
        return websocket_frame(TEXT if self.over is Wire.JSON else BINARY, data)

    @property
    def leaving(self) -> bool:
        """Whether the client has begun to end the connection: said goodbye, or, where there is none, let go of it."""
        return self.transport.disconnecting or self.transport.value()[-8:-6] == _GOODBYE

    def parted(self) -> bool:
        """Answer the client's goodbye, where there is one, and say whether it then lets go of the connection."""
        if self.over is not Wire.PROTOBUF and self.wire.open:
            assert self.leaving and not self.transport.disconnecting
            self.heard()
        return self.transport.disconnecting

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
