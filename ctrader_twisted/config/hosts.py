"""What may be connected to: the tables ``[environment.NAME]``, and what is known without them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ctrader_twisted.config.settings import (
    HISTORICAL_PER_SECOND,
    JSON,
    KNOWN_HOSTS,
    MOST_PER_SECOND,
    PROTOBUF,
    REQUESTS_PER_SECOND,
    SIMULATOR,
    SPOTWARE,
    WIRES,
    EnvironmentSettings,
    SimulatorSettings,
)
from ctrader_twisted.config.tables import did_you_mean, listing, number_shown

if TYPE_CHECKING:
    from ctrader_twisted.config.settings import AccountSettings
    from ctrader_twisted.config.tables import Refusals, Table

_LIMITS = {"requests_per_second": REQUESTS_PER_SECOND, "historical_per_second": HISTORICAL_PER_SECOND}


@dataclass(frozen=True, slots=True)
class Host:
    """One server, and how to speak to it."""

    host: str
    port: int = WIRES[PROTOBUF]
    trust_root: bytes | None = None
    live: bool | None = None
    requests_per_second: int = REQUESTS_PER_SECOND
    historical_per_second: int = HISTORICAL_PER_SECOND
    wire: str = PROTOBUF
    compression: bool = False
    proxy: str | None = field(default=None, repr=False)

    def environment(self, name: str, accounts: tuple[AccountSettings, ...]) -> EnvironmentSettings:
        return EnvironmentSettings(
            name,
            self.host,
            self.port,
            self.trust_root,
            self.live,
            accounts,
            self.requests_per_second,
            self.historical_per_second,
            self.wire,
            self.compression,
            self.proxy,
        )


def read_simulator(table: Table) -> SimulatorSettings:
    """Read how the venue of ``[simulator]`` is talked to."""
    wire = _wire(table)
    if wire == JSON and table.raw("json_tls") is False:
        table.refuse("json_tls", f'wire = "{JSON}" is JSON with TLS', "Leave it out, or leave out wire.")
    return SimulatorSettings({key: value for key, value in table.all().items() if key != "wire"}, wire)


def read_hosts(
    refusals: Refusals, parent: Table | None, *, simulator: SimulatorSettings | None = None
) -> dict[str, Host]:
    """Read every environment by name; with the one that ``[simulator]`` makes, if there is that."""
    hosts = {name: Host(host, live=name == "live") for name, host in KNOWN_HOSTS.items()}
    if simulator is not None:
        hosts[SIMULATOR] = Host("127.0.0.1", 0, live=False, wire=simulator.wire)
    tables = [] if parent is None else [(name, parent.table(name)) for name in parent.keys()]
    for name, table in tables:
        if table is None:
            continue
        if name == SIMULATOR:
            refusals.refuse(table.name, "the simulator has no host of its own", "Write [simulator] instead.")
            continue
        host = table.text("host") or KNOWN_HOSTS.get(name)
        if host is None and "host" not in table:
            table.refuse("host", "missing", 'Write host = "…": only "live" and "demo" have a known one.')
        elif host is not None and "/" in host:
            table.refuse(
                "host", f'"{host}" is not a host name', "Write the name or the address alone, without wss:// or a path."
            )
        wire = _wire(table)
        port = table.integer("port", 1, 65535) or WIRES[wire]
        if _is_spotwares(host) and port in WIRES.values() and port != WIRES[wire]:
            refusals.warnings.append(
                f"{refusals.path}: {table.path('port')}: {port} is not where Spotware serves {wire}: "
                f"leave it out, or write {WIRES[wire]}"
            )
        live = table.boolean("live")
        known = hosts[name].live if name in hosts else None
        hosts[name] = Host(
            host or "",
            port,
            _trust_root(table),
            known if live is None else live,
            _limit(refusals, table, "requests_per_second", host),
            _limit(refusals, table, "historical_per_second", host),
            wire,
            _compression(table, wire),
            _proxy(table),
        )
        table.finish()
    return hosts


def _wire(table: Table) -> str:
    wire = table.text("wire")
    if wire is not None and wire in WIRES:
        return wire
    if wire is not None:
        table.refuse("wire", f'"{wire}" is not a wire', f"{did_you_mean(wire, WIRES)}Wires are {listing(WIRES)}.")
    return PROTOBUF


def _compression(table: Table, wire: str) -> bool:
    wanted = table.boolean("compression")
    if wanted and wire == PROTOBUF:
        remedy = f"Leave it out, or write wire = one of {listing(name for name in WIRES if name != PROTOBUF)}."
        table.refuse("compression", "only a WebSocket can be compressed", remedy)
    return bool(wanted)


def _proxy(table: Table) -> str | None:
    """Read a proxy's URL. No refusal repeats it: a password may be in it."""
    proxy = table.text("proxy")
    if proxy is None:
        return None
    try:
        parts = urlsplit(proxy)
        good = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, or no such port
        good = False
    else:
        good = good and not (parts.path.strip("/") or parts.query or parts.fragment)
    if not good:
        table.refuse(
            "proxy",
            "it is no HTTP proxy's URL",
            'Write "http://HOST:PORT" or "http://USER:PASSWORD@HOST:PORT", user and password percent-encoded.',
        )
        return None
    return proxy


def _is_spotwares(host: str | None) -> bool:
    return host is not None and f".{host.lower().rstrip('.')}".endswith(SPOTWARE)


def _limit(refusals: Refusals, table: Table, key: str, host: str | None) -> int:
    """Read a limit: Spotware's own servers have theirs, and what another one allows is for its user to know."""
    allowed = _LIMITS[key]
    own = _is_spotwares(host)
    asked = table.raw(key)
    if own and type(asked) is int and asked > allowed:
        problem = f"{number_shown(asked)} is more than {host} allows, which is {allowed}"
        table.refuse(key, problem, f"Write a number from 1 to {allowed}; more is for a server that is not Spotware's.")
        return allowed
    limit = table.integer(key, 1, allowed if own else MOST_PER_SECOND) or allowed
    if limit > allowed and host is not None:
        refusals.warnings.append(
            f"{refusals.path}: {table.path(key)}: {limit} is more than Spotware's servers allow ({allowed}): "
            f"make sure that {host} does, or requests are refused"
        )
    return limit


def _trust_root(table: Table) -> bytes | None:
    given = table.text("trust_root")
    path = None if given is None else table.path_of("trust_root", given)
    if path is None:
        return None
    try:
        pem = path.read_bytes()
    except OSError as error:
        remedy = "Name a PEM file with the authority's certificate, or leave the key out to trust the system's."
        table.refuse("trust_root", f"{path} can't be read: {error.strerror}", remedy)
        return None
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    if begin not in pem or end not in pem.partition(begin)[2]:
        remedy = "Give it as PEM; DER is turned into that by: openssl x509 -inform der -in FILE -out FILE.pem"
        table.refuse("trust_root", f"{path} holds no PEM certificate", remedy)
        return None
    return pem
