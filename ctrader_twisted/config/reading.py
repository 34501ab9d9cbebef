"""The reading of a configuration, table by table."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

from ctrader_twisted.config.secrets import Secrets
from ctrader_twisted.config.settings import (
    DEFAULT_PORT,
    EVENTS,
    KNOWN_HOSTS,
    PERIODS,
    SIMULATOR,
    STDOUT,
    AccountSettings,
    Configuration,
    EnvironmentSettings,
    OutputSettings,
    ServiceSettings,
    SimulatorSettings,
)
from ctrader_twisted.config.tables import Refusals, Table, did_you_mean, kind_of, listing
from ctrader_twisted.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ctrader_twisted.config.secrets import Credentials


Host = tuple[str, int, bytes | None, bool | None]
"""Host, port, trust root, and whether it serves live accounts."""


class Reader:
    """One reading of one file."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self.refusals = Refusals(path)
        self._secrets = Secrets(self.refusals, environ)

    def read(self) -> Configuration:
        top = Table(self.refusals, "", self._values())
        simulator = self._simulator(top.table(SIMULATOR))
        application_table = top.table("application")
        fallback = self._secrets.credentials(application_table)
        hosts = self._hosts(top.table("environment"), simulator)
        accounts = self._accounts(top, hosts, fallback, simulator)
        by_name: dict[str, list[AccountSettings]] = {}
        for name, account in accounts:
            by_name.setdefault(name, []).append(account)
        environments = tuple(EnvironmentSettings(name, *hosts[name], tuple(group)) for name, group in by_name.items())
        real = any(name != SIMULATOR for name in by_name)
        application = self._secrets.application(application_table, fallback, needed=real)
        outputs = self._outputs(top.tables("output"))
        services = self._services(top.tables("service"), list(by_name))
        if not self.refusals.errors and not outputs and not services:
            problem = "neither an output nor a service: nothing would come of it"
            self.refusals.refuse("output", problem, 'Add [[output]] with path = "-".')
        top.finish()
        self._secrets.look_at_permissions()
        return Configuration(
            str(self._path), application, environments, simulator, outputs, services, tuple(self.refusals.warnings)
        )

    def _values(self) -> dict[str, Any]:
        try:
            text = self._path.read_bytes().decode("utf-8")
            return tomllib.loads(text)
        except OSError as error:
            problem, remedy = f"can't be read: {error.strerror}", "Name a file that exists and may be read."
        except UnicodeDecodeError:
            problem, remedy = "is not UTF-8", "Save it as UTF-8."
        except tomllib.TOMLDecodeError as error:
            problem, remedy = f"is not TOML: {error}", "Correct it there."
        # Outside of the handlers, so that no traceback drags the file's text along.
        raise ConfigurationError(str(self._path), "", problem, remedy)

    # What may be connected to

    def _simulator(self, table: Table | None) -> SimulatorSettings | None:
        if table is None:
            return None
        return SimulatorSettings(table.all())

    def _hosts(self, parent: Table | None, simulator: SimulatorSettings | None) -> dict[str, Host]:
        hosts: dict[str, Host] = {
            name: (host, DEFAULT_PORT, None, name == "live") for name, host in KNOWN_HOSTS.items()
        }
        if simulator is not None:
            hosts[SIMULATOR] = ("127.0.0.1", 0, None, False)
        tables = [] if parent is None else [(name, parent.table(name)) for name in parent.keys()]
        for name, table in tables:
            if table is None:
                continue
            if name == SIMULATOR:
                self.refusals.refuse(table.name, "the simulator has no host of its own", "Write [simulator] instead.")
                continue
            host = table.text("host") or KNOWN_HOSTS.get(name)
            if host is None and "host" not in table:
                table.refuse("host", "missing", 'Write host = "…": only "live" and "demo" have a known one.')
            port = table.integer("port", 1, 65535) or DEFAULT_PORT
            live = table.boolean("live")
            known = hosts[name][3] if name in hosts else None
            hosts[name] = (host or "", port, self._trust_root(table), known if live is None else live)
            table.finish()
        return hosts

    def _trust_root(self, table: Table) -> bytes | None:
        given = table.text("trust_root")
        if given is None:
            return None
        path = self.refusals.beside(given)
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

    def _accounts(
        self,
        top: Table,
        hosts: Mapping[str, object],
        fallback: Credentials,
        simulator: SimulatorSettings | None,
    ) -> list[tuple[str, AccountSettings]]:
        accounts: list[tuple[str, AccountSettings]] = []
        tables = top.tables("account")
        if not tables and "account" not in top:
            remedy = 'Add [[account]] with id = …, environment = "…" and symbols = […].'
            self.refusals.refuse("account", "missing", remedy)
        seen: dict[tuple[str, int | None], str] = {}
        for table in tables:
            name = self._environment_of(table, hosts, simulator)
            own = self._secrets.credentials(table)
            account_id = table.integer("id", 1, 2**63 - 1)
            if "id" not in table and name != SIMULATOR:
                account_id = own.account_id or fallback.account_id
                if account_id is None and not own.refused and not fallback.refused:
                    remedy = "Write the account's ctidTraderAccountId, not the login number shown by the terminal."
                    table.refuse("id", "missing", remedy)
            token, refresh = self._secrets.tokens(table, own, fallback, needed=name not in (SIMULATOR, None))
            symbols = table.texts("symbols") or ()
            account = AccountSettings(
                table.name, account_id, token, refresh, symbols, self._bars(table, symbols), self._depth(table, symbols)
            )
            table.finish()
            if name is None:
                continue
            accounts.append((name, account))
            first = seen.setdefault((name, account_id), table.name)
            if first != table.name and (account_id is not None or "id" not in table):
                table.refuse("id", f"the same account as {first}", "Name an account once, with all its symbols.")
        return accounts

    def _environment_of(
        self, table: Table, hosts: Mapping[str, object], simulator: SimulatorSettings | None
    ) -> str | None:
        name = table.text("environment")
        choices = listing(sorted({*hosts, SIMULATOR}))
        if name is None:
            if "environment" not in table:
                table.refuse("environment", "missing", f'Write environment = "…": one of {choices}.')
            return None
        if name == SIMULATOR and simulator is None:
            table.refuse("environment", "there is no simulator", "Add a table [simulator].")
            return None
        if name not in hosts:
            remedy = f"{did_you_mean(name, hosts)}Use one of {choices}, or add [environment.{name}] with its host."
            table.refuse("environment", f'"{name}" is not known', remedy)
            return None
        return name

    def _bars(self, table: Table, symbols: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        wanted = table.raw("bars")
        if wanted is None:
            return {}
        if not isinstance(wanted, dict):
            periods = table.as_texts("bars", wanted)
            self._check_periods(table, "bars", periods)
            return dict.fromkeys(symbols, periods) if periods else {}
        bars: dict[str, tuple[str, ...]] = {}
        for symbol, value in wanted.items():
            key = f"bars.{symbol}"
            self._check_symbol(table, key, symbol, symbols)
            bars[symbol] = table.as_texts(key, value)
            self._check_periods(table, key, bars[symbol])
        return bars

    def _check_periods(self, table: Table, key: str, periods: tuple[str, ...]) -> None:
        for period in periods:
            if period not in PERIODS:
                remedy = f"{did_you_mean(period.upper(), PERIODS)}Periods are {', '.join(PERIODS)}."
                table.refuse(key, f'"{period}" is not a period', remedy)

    def _check_symbol(self, table: Table, key: str, symbol: str, symbols: tuple[str, ...]) -> None:
        if symbol not in symbols:
            remedy = f"{did_you_mean(symbol, symbols)}Add it to symbols: bars and depth come with quotes only."
            table.refuse(key, f'"{symbol}" is not among the account\'s symbols', remedy)

    def _depth(self, table: Table, symbols: tuple[str, ...]) -> tuple[str, ...]:
        wanted = table.raw("depth")
        if wanted is None or isinstance(wanted, bool):
            return symbols if wanted else ()
        depth = table.as_texts("depth", wanted)
        for symbol in depth:
            self._check_symbol(table, "depth", symbol, symbols)
        return depth

    # What becomes of it

    def _outputs(self, tables: list[Table]) -> tuple[OutputSettings, ...]:
        outputs: list[OutputSettings] = []
        seen: dict[Path | None, str] = {}
        for table in tables:
            given = table.text("path")
            path = None if given is None or given == STDOUT else self.refusals.beside(given)
            if given is None and "path" not in table:
                table.refuse("path", "missing", 'Write path = "FILE", or path = "-" for stdout.')
            if path is not None:
                self._check_output(table, path)
            events = table.texts("events")
            for event in events or ():
                if event not in EVENTS:
                    remedy = f"{did_you_mean(event, EVENTS)}Events are {', '.join(EVENTS)}."
                    table.refuse("events", f'"{event}" is not an event', remedy)
            if "events" in table and events == () and table.raw("events") == []:
                table.refuse("events", "an empty list: nothing would be written", "Leave it out to write every event.")
            table.finish()
            if given is None:
                continue
            first = seen.setdefault(path, table.name)
            if first != table.name:
                self.refusals.refuse(table.path("path"), f"the same as {first}", "Give each output a file of its own.")
            outputs.append(OutputSettings(table.name, path, frozenset(EVENTS if events is None else events)))
        return tuple(outputs)

    def _check_output(self, table: Table, path: Path) -> None:
        if not path.parent.is_dir():
            table.refuse("path", f"the folder {path.parent} does not exist", f"mkdir -p {path.parent}")
        elif path.is_dir():
            table.refuse("path", f"{path} is a folder", "Name a file in it.")
        elif not os.access(path if path.exists() else path.parent, os.W_OK):
            table.refuse("path", f"{path} may not be written", "Change its permissions, or name another file.")

    def _services(self, tables: list[Table], environments: list[str]) -> tuple[ServiceSettings, ...]:
        services: list[ServiceSettings] = []
        for table in tables:
            factory = table.text("factory")
            module, colon, attribute = (factory or "").partition(":")
            names = (*module.split("."), *attribute.split("."))
            if factory is None:
                if "factory" not in table:
                    table.refuse("factory", "missing", 'Write factory = "package.module:make".')
            elif not colon or not all(name.isidentifier() for name in names):
                table.refuse(
                    "factory", f'"{factory}" names no callable', 'Write "package.module:make", with one colon.'
                )
            environment = table.text("environment")
            if environment is None and "environment" not in table and len(environments) > 1:
                remedy = f"Write environment = one of {listing(environments)}: the factory is handed that one's client."
                table.refuse("environment", "missing, and there is more than one", remedy)
            elif environment is not None and environment not in environments:
                remedy = f"{did_you_mean(environment, environments)}With accounts are {listing(environments)}."
                table.refuse("environment", f'"{environment}" has no account here', remedy)
            elif environment is None and environments:
                environment = environments[0]
            settings = table.raw("settings")
            if settings is not None and not isinstance(settings, dict):
                table.refuse("settings", f"{kind_of(settings)} where a table belongs", "Write settings = { … }.")
            table.finish()
            services.append(ServiceSettings(table.name, module, attribute, environment or "", settings or {}))
        return tuple(services)
