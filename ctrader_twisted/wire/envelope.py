"""The envelope every message travels in."""

from __future__ import annotations

from typing import NamedTuple

from ctrader_twisted.wire import catalogue


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
