"""Who a client is, and where it connects to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from ctrader_twisted.wire.choice import Wire


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
    :ivar port: its port; 0 for the one on which Spotware serves this wire.
    :ivar trust_root: certificates (PEM) to trust instead of the system's, for a private authority; None for the
        system's.
    :ivar live: whether it serves live accounts (True), demo accounts (False), or is not known to be either (None).
    :ivar wire: how it is talked to, as a `Wire` or its value, such as ``"json"``.
    """

    name: str
    host: str
    port: int = 0
    trust_root: bytes | str | None = field(default=None, repr=False)
    live: bool | None = None
    wire: Wire = Wire.PROTOBUF

    def __post_init__(self) -> None:
        """Take the wire by its value, too, and its port.

        :raises ValueError: if there is no such wire, or the host or port can't be one.
        """
        object.__setattr__(self, "wire", Wire(self.wire))
        if "/" in self.host:
            raise ValueError(
                f"the host is {self.host!r}: give a name or an address alone, such as 'demo.ctraderapi.com'"
            )
        if not isinstance(self.port, int):
            raise ValueError(f"the port is {self.port!r}: give a number, or 0 for that of the wire")
        if not self.port:
            object.__setattr__(self, "port", self.wire.default_port)

    def over(self, wire: Wire | str) -> Environment:
        """Give this environment over another wire; a port that is the former wire's own changes with it.

        :raises ValueError: if there is no such wire.
        """
        wire = Wire(wire)
        return replace(self, wire=wire, port=0 if self.port == self.wire.default_port else self.port)

    def __str__(self) -> str:
        wire = "" if self.wire is Wire.PROTOBUF else f", {self.wire.value}"
        return f"{self.name} ({self.host}:{self.port}{wire})"


LIVE: Final = Environment("live", "live.ctraderapi.com", live=True)
"""Spotware's live environment."""
DEMO: Final = Environment("demo", "demo.ctraderapi.com", live=False)
"""Spotware's demo environment."""
