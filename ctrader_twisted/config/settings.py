"""What a configuration becomes, and the words it may use. No `repr` here shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIMULATOR: Final = "simulator"
"""The name of the environment that ``[simulator]`` makes."""

KNOWN_HOSTS: Final[Mapping[str, str]] = {"live": "live.ctraderapi.com", "demo": "demo.ctraderapi.com"}
DEFAULT_PORT: Final = 5035

PERIODS: Final = ("M1", "M2", "M3", "M4", "M5", "M10", "M15", "M30", "H1", "H4", "H12", "D1", "W1", "MN1")

EVENTS: Final = (
    "ready",
    "disconnected",
    "account",
    "resynchronised",
    "quote",
    "bar",
    "depth",
    "execution",
    "order_error",
    "trailing_stop",
    "message",
    "error",
)
"""Every kind of object an output can be asked for; docs/daemon.md has the shape of each."""

STDOUT: Final = "-"


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """Who this program is to the venue."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account, and what is wanted of it."""

    key: str
    """Where the file names it, for messages: ``account[1]``."""
    account_id: int | None
    """ctidTraderAccountId. None only on the simulator: the account the venue has."""
    access_token: str | None = field(repr=False)
    """None only on the simulator."""
    refresh_token: str | None = field(repr=False)
    symbols: tuple[str, ...]
    """By name, as the broker spells them."""
    bars: Mapping[str, tuple[str, ...]]
    """Period names by symbol name."""
    depth: tuple[str, ...]
    """Names of the symbols whose order book is wanted."""


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """One venue to connect to, with the accounts on it."""

    name: str
    host: str
    port: int
    trust_root: bytes | None = field(repr=False)
    """PEM of the authority to trust instead of the system's, or None."""
    live: bool | None
    """Whether it serves live accounts, or None if the file does not say."""
    accounts: tuple[AccountSettings, ...]


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The venue to simulate. Its keys are the simulator's own, which reads and checks them."""

    table: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Where JSON Lines are written."""

    key: str
    path: Path | None
    """None is stdout."""
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """User code that is run with a client."""

    key: str
    module: str
    attribute: str
    environment: str
    settings: Mapping[str, Any] = field(repr=False)
    """Passed on as it is; it may hold anything, secrets too."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the daemon was asked for."""

    file: str
    application: ApplicationSettings | None
    """None only if every account is the simulator's."""
    environments: tuple[EnvironmentSettings, ...]
    """Those with accounts, in the order in which the file first uses them."""
    simulator: SimulatorSettings | None
    outputs: tuple[OutputSettings, ...]
    services: tuple[ServiceSettings, ...]
    warnings: tuple[str, ...]
    """What was accepted but should not stay so."""
