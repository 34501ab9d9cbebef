"""The envelope every message travels in, and runs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ctrader_twisted.wire import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator


class Envelope(NamedTuple):
    """A payload with its type and, where it belongs to a request, the request's id.

    Its repr tells type, size and id and never the payload, which may hold a token or a secret.
    """

    payload_type: int
    payload: bytes = b""
    client_msg_id: str | None = None

    def __repr__(self) -> str:
        known_by = "" if self.client_msg_id is None else f", id {self.client_msg_id}"
        return f"<Envelope {catalogue.name(self.payload_type)}, {len(self.payload)} bytes{known_by}>"


class Burst(NamedTuple):
    """Envelopes of one payload type and without message id that arrived one behind the other.

    Nearly all that a busy connection carries is runs of spot events. Kept together they are looked up and dispatched
    once for the run, and can be decoded as a whole.
    """

    payload_type: int
    payloads: list[bytes]

    def __repr__(self) -> str:
        return f"<Burst of {len(self.payloads)} {catalogue.name(self.payload_type)}>"

    def envelopes(self) -> Iterator[Envelope]:
        """Give them one by one."""
        for payload in self.payloads:
            yield Envelope(self.payload_type, payload)
