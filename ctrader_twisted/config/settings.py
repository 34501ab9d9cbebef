"""What a configuration becomes, and the words it may use. No `repr` here shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from pathlib import Path

SIMULATOR: Final = "simulator"
"""The name of the environment that ``[simulator]`` makes."""

KNOWN_HOSTS: Final[Mapping[str, str]] = {"live": "live.ctraderapi.com", "demo": "demo.ctraderapi.com"}

PROTOBUF: Final = "protobuf"
JSON: Final = "json"
WIRES: Final[Mapping[str, int]] = {PROTOBUF: 5035, JSON: 5036, "protobuf-websocket": 5035}
"""How a server can be talked to, with the port on which Spotware serves that."""

SPOTWARE: Final = ".ctraderapi.com"
"""Hosts whose limits are known: they allow `REQUESTS_PER_SECOND` and `HISTORICAL_PER_SECOND`, and not more."""
REQUESTS_PER_SECOND: Final = 50
HISTORICAL_PER_SECOND: Final = 5
MOST_PER_SECOND: Final = 10_000
"""What any other host can be asked for."""

TOKEN_FILE: Final = "tokens.json"
FLIGHT_FILE: Final = "flight.jsonl"

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

RECORDABLE: Final = ("quote", "bar", "account")
"""What a recording can be asked for."""
RECORDING_FORMATS: Final = ("parquet", "sqlite")

STDOUT: Final = "-"


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """Who this program is to the venue."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Limits that the user sets for an account, whatever trades on it. None sets none."""

    key: str
    """Where the file names them, for messages: ``account[1].safety``."""
    symbols: tuple[str, ...] | None = None
    """Those that may be traded, by name."""
    max_volume: Decimal | None = None
    """Lots of one order."""
    max_open_volume: Decimal | None = None
    """Lots of one symbol, positions and orders together."""
    max_exposure: Decimal | None = None
    """What all positions and orders may be worth together, in the deposit asset."""
    exposure_currency: str | None = None
    """What ``max_exposure`` was said to be in; None if nothing was said."""
    max_positions: int | None = None
    dry_run: bool = False
    halted: bool = False


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account, and what is wanted of it."""

    key: str
    """Where the file names it, for messages: ``account[1]``."""
    account_id: int | None
    """ctidTraderAccountId. None only on the simulator: the account the venue has."""
    access_token: str | None = field(repr=False)
    """None if the token store is to give one, and on the simulator."""
    refresh_token: str | None = field(repr=False)
    """Of this access token. Not used: the pair that a refresh gives could not be kept."""
    symbols: tuple[str, ...]
    """By any name that `Account.symbol` takes for them."""
    bars: Mapping[str, tuple[str, ...]]
    """Period names by symbol, named as in `symbols`."""
    depth: tuple[str, ...]
    """The symbols whose order book is wanted, named as in `symbols`."""
    safety: SafetySettings | None = None
    """What may be done with it, if the file says anything of that."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The user's own names for symbols, and what each means."""


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
    requests_per_second: int = REQUESTS_PER_SECOND
    historical_per_second: int = HISTORICAL_PER_SECOND
    wire: str = PROTOBUF
    """One of `WIRES`."""
    compression: bool = False
    """Whether a WebSocket offers to be compressed."""
    proxy: str | None = field(default=None, repr=False)
    """URL of the HTTP proxy to connect through, which may hold a password; None for the direct way."""

    def over(self, wire: str) -> EnvironmentSettings:
        """Give this environment over another wire; a port that is the former wire's own changes with it."""
        port = WIRES[wire] if self.port == WIRES[self.wire] else self.port
        return replace(self, wire=wire, port=port)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Where tokens are kept."""

    file: Path
    """It need not exist before somebody has logged in; its folder does, and may be written."""
    refresh_before: float = 86_400.0
    """Seconds before they expire that tokens are refreshed."""


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """How somebody logs in. None is what the library would use."""

    redirect_uri: str | None = None
    """As registered for the application, to the letter."""
    consent_url: str | None = None
    token_url: str | None = None


@dataclass(frozen=True, slots=True)
class FlightRecorderSettings:
    """Where the conversation is recorded."""

    path: Path
    max_bytes: int = 10_000_000
    """Of one part."""
    parts: int = 5
    """How many are kept."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The venue to simulate. Its keys but one are the simulator's own, which reads and checks them."""

    table: Mapping[str, Any] = field(repr=False)
    wire: str = PROTOBUF
    """How this program talks to it: one of `WIRES`."""

    @property
    def venue(self) -> Mapping[str, Any]:
        """What the simulator is to read: it serves JSON where it is to be talked to so."""
        return {"json_port": 0, **self.table} if self.wire == JSON else self.table


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Where JSON Lines are written."""

    key: str
    path: Path | None
    """None is stdout."""
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where market data is recorded."""

    key: str
    path: Path
    """A folder; it need not exist, but the one it is in does."""
    format: str
    """One of `RECORDING_FORMATS`."""
    events: frozenset[str] = frozenset(RECORDABLE)
    flush_seconds: float = 10.0
    """How often rows are written."""
    refill_days: float = 7.0
    """How far back holes are filled; 0 for never."""


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
    tokens: TokenSettings | None = None
    oauth: OAuthSettings = OAuthSettings()
    flight_recorder: FlightRecorderSettings | None = None
    recordings: tuple[RecordingSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """What there is before anybody has logged in: who this program is, where it could connect, where tokens go."""

    file: str
    application: ApplicationSettings
    environments: tuple[EnvironmentSettings, ...]
    """Every one that is known, with the accounts that the file names, if any. An account may have neither id nor token
    yet. The simulator is not among them."""
    tokens: TokenSettings | None
    oauth: OAuthSettings
    warnings: tuple[str, ...]
