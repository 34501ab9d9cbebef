"""What arrived and can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctrader_twisted.errors.roots import RemoteError

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProtocolError(RemoteError):
    """What arrived can't be read.

    :cvar fatal: whether the rest of the stream is lost with it.
    """

    fatal = False


class FrameTooLong(ProtocolError):
    """A frame announced more bytes than are allowed; the connection is closed.

    :ivar announced: bytes the frame's length said.
    :ivar allowed: bytes a frame may have.
    """

    fatal = True

    def __init__(self, announced: int, allowed: int) -> None:
        super().__init__(announced, allowed)
        self.announced = announced
        self.allowed = allowed

    def __str__(self) -> str:
        if self.announced == int.from_bytes(b"HTTP"):
            return "the peer answers in HTTP: its port may be for WebSocket alone; check port and wire"
        return (
            f"a frame of {self.announced} bytes was announced, {self.allowed} are allowed: "
            "the peer does not speak this protocol, or max_frame is too small"
        )


class TruncatedFrame(ProtocolError):
    """The stream ended inside a frame.

    :ivar received: bytes of the unfinished frame that arrived, its length prefix included.
    :ivar expected: bytes it should have had, or None if even the length prefix was cut.
    """

    fatal = True

    def __init__(self, received: int, expected: int | None) -> None:
        super().__init__(received, expected)
        self.received = received
        self.expected = expected

    def __str__(self) -> str:
        whole = "an unknown number of" if self.expected is None else str(self.expected)
        return f"the stream ended after {self.received} of {whole} bytes of a frame"


class UndecodableEnvelope(ProtocolError):
    """A frame does not hold an envelope; it was skipped.

    :ivar size: bytes of the frame.
    :ivar problem: what is wrong with it, or ``""``.
    """

    def __init__(self, size: int, problem: str = "") -> None:
        super().__init__(size, problem)
        self.size = size
        self.problem = problem

    def __str__(self) -> str:
        what = f"can't be read: {self.problem}" if self.problem else "does not hold a ProtoMessage with a payload type"
        return f"a frame of {self.size} bytes {what}"


class UndecodablePayload(ProtocolError):
    """A payload does not parse as its payload type says.

    :ivar message_name: the schema's name of the message.
    :ivar size: bytes of the payload.
    :ivar problem: which field can't be what it is, or ``""``.
    :ivar payload_type: the envelope's payload type, where that is known.
    :ivar client_msg_id: the envelope's id, or None.
    """

    def __init__(
        self,
        message_name: str,
        size: int,
        problem: str = "",
        *,
        payload_type: int | None = None,
        client_msg_id: str | None = None,
    ) -> None:
        super().__init__(message_name, size, problem)
        self.message_name = message_name
        self.size = size
        self.problem = problem
        self.payload_type = payload_type
        self.client_msg_id = client_msg_id

    def __str__(self) -> str:
        why = f": {self.problem}" if self.problem else ""
        return f"a payload of {self.size} bytes does not parse as {self.message_name}{why}"


class IncompletePayload(UndecodablePayload):
    """A payload lacks fields that its message requires.

    :ivar missing: dotted paths of the missing fields.
    """

    def __init__(
        self,
        message_name: str,
        size: int,
        missing: Sequence[str],
        *,
        payload_type: int | None = None,
        client_msg_id: str | None = None,
    ) -> None:
        super().__init__(
            message_name,
            size,
            f"it lacks {', '.join(missing)}",
            payload_type=payload_type,
            client_msg_id=client_msg_id,
        )
        self.args: tuple[Any, ...] = (message_name, size, tuple(missing))
        self.missing: tuple[str, ...] = tuple(missing)


class UnknownPayloadType(ProtocolError):
    """A payload type that the schema does not have was to be parsed.

    :ivar payload_type: its number.
    """

    def __init__(self, payload_type: int) -> None:
        super().__init__(payload_type)
        self.payload_type = payload_type

    def __str__(self) -> str:
        return f"payload type {self.payload_type} is not in the schema: listen for Envelope to get it unparsed"


class WebSocketViolation(ProtocolError):
    """The other side broke the rules of WebSocket; the connection is closed.

    :ivar problem: which one.
    """

    fatal = True

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the peer broke the rules of WebSocket: {self.problem}"
