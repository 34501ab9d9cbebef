"""What every wire does, and what every way of writing an envelope does. The classes are for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ctrader_twisted.errors import ConnectionFailed, ProtocolError
    from ctrader_twisted.wire.envelope import Burst, Envelope
    from ctrader_twisted.wire.runs import SpotRun


class Verbs(Protocol):
    """A wire: one connection's framing and coding, in both directions. It has no transport and no clock.

    Give it bytes (`receive`), take envelopes (what `receive` gives), take bytes to write (`send`, then `data_to_send`).

    :ivar news: something besides envelopes has happened: look at ``open`` and ``over``, and write what `data_to_send`
        gives. Whoever looks sets it back to False.
    """

    news: bool

    @property
    def open(self) -> bool:
        """Whether envelopes may be exchanged: at once over TCP, after the handshake over a WebSocket."""

    @property
    def over(self) -> ConnectionFailed | None:
        """Why nothing more will come, in the wire's own words: `HandshakeRefused` or `WebSocketClosed`."""

    def begin(self) -> None:
        """Queue what this side has to say first."""

    def leave_spots_uncut(self, uncut: bool, /) -> None:
        """Give runs of spot events not cut apart from now on, where this wire can and numpy is there; or cut them."""

    def receive(self, data: bytes, /) -> list[Envelope | Burst | SpotRun]:
        """Take bytes and give every whole envelope they complete, runs kept together. Never raises."""

    def problems(self) -> list[ProtocolError]:
        """Give what could not be read since last asked; after one that is ``fatal`` nothing more will be."""

    def send(self, envelope: Envelope, /) -> None:
        """Queue an envelope; before the wire is ``open`` it is kept until then, after `close` it is dropped."""

    def data_to_send(self) -> bytes:
        """Give every byte queued since last asked, in one piece."""

    def close(self, code: int = 1000, reason: str = "") -> bool:
        """Queue a goodbye, where the wire has one. True if the peer's is to be waited for: then ``over`` is set."""

    def end(self) -> ProtocolError | None:
        """Say what is missing if the stream ends now, or None. An unfinished handshake sets ``over``."""


class Encoding(Protocol):
    """How an envelope is written into one message of a WebSocket."""

    @property
    def text(self) -> bool:
        """Whether its messages are text; else they are binary."""

    def take(self, frame: bytes, arrived: list[Envelope | Burst | SpotRun], problems: list[ProtocolError], /) -> None:
        """Read one whole message into ``arrived``, where a run of one type stays together, or into ``problems``."""

    def encode(self, envelope: Envelope, /) -> bytes:
        """Give the bytes of one message."""
