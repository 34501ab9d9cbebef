"""Which wires there are, and how one is made."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from ctrader_twisted.wire.int32 import Int32Wire

if TYPE_CHECKING:
    from collections import Counter

    from ctrader_twisted.wire.verbs import Encoding, Verbs


class Wire(enum.Enum):
    """How a client and its server talk; what they say is the same (protocol notes, 1.1)."""

    PROTOBUF = "protobuf"
    """Protobuf over TCP, each message behind its length: the quickest. Spotware serves it on port 5035."""
    JSON = "json"
    """JSON over WebSocket, which passes where only HTTPS does and can be read. Port 5036."""
    PROTOBUF_WEBSOCKET = "protobuf-websocket"
    """Protobuf over WebSocket. Port 5035."""

    @classmethod
    def _missing_(cls, value: object) -> Wire:
        raise ValueError(f"there is no wire {value!r}: it is one of {', '.join(repr(wire.value) for wire in cls)}")

    @property
    def default_port(self) -> int:
        """The port on which Spotware serves it."""
        return 5036 if self is Wire.JSON else 5035


def client_wire(
    wire: Wire, *, host: str, port: int, where: str, max_frame: int, compression: bool, unknown: Counter[str]
) -> Verbs:
    """Make a client's end of a connection.

    :param host: who is asked for, in the handshake of a WebSocket.
    :param where: the server's name, for errors.
    :param max_frame: bytes that one message may have.
    :param compression: whether compression is offered, where there is a WebSocket.
    :param unknown: where fields are counted that the schema does not have, and JSON therefore loses.
    """
    if wire is Wire.PROTOBUF:
        return Int32Wire(max_frame)
    # Here and not above: who does not use them should not pay for what they import.
    from ctrader_twisted.wire.codec import Protobuf
    from ctrader_twisted.wire.websocket import ClientWebSocket

    encoding: Encoding
    if wire is Wire.JSON:
        from ctrader_twisted.wire.jsontext import JsonText

        encoding = JsonText(unknown)
    else:
        encoding = Protobuf()
    return ClientWebSocket(encoding, host=host, port=port, where=where, max_message=max_frame, compression=compression)
