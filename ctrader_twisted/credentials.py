"""Who a client is, and where it connects to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Application:
    """A registered Open API application.

    :ivar client_id: its public id.
    :ivar client_secret: its secret; never shown.
    """

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """A server to connect to. Live and demo are entirely separate: an account exists on one of them.

    :ivar name: what to call it in messages.
    :ivar host: its host name, which its certificate must carry.
    :ivar port: its port for protobuf.
    :ivar trust_root: certificates (PEM) to trust instead of the system's, for a private authority; None for the
        system's.
    :ivar live: whether it serves live accounts (True), demo accounts (False), or is not known to be either (None).
    """

    name: str
    host: str
    port: int = 5035
    trust_root: bytes | str | None = field(default=None, repr=False)
    live: bool | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port})"


LIVE: Final = Environment("live", "live.ctraderapi.com", live=True)
"""Spotware's live environment."""
DEMO: Final = Environment("demo", "demo.ctraderapi.com", live=False)
"""Spotware's demo environment."""
