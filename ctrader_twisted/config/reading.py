"""The reading of a configuration, table by table."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from ctrader_twisted.config.access import read_oauth, read_tokens
from ctrader_twisted.config.aliases import read_aliases
from ctrader_twisted.config.hosts import read_hosts, read_simulator
from ctrader_twisted.config.recordings import read_recordings
from ctrader_twisted.config.safety import read_safety
from ctrader_twisted.config.secrets import Credentials, Secrets
from ctrader_twisted.config.settings import (
    EVENTS,
    FLIGHT_FILE,
    PERIODS,
    SIMULATOR,
    STDOUT,
    AccessSettings,
    AccountSettings,
    Configuration,
    FlightRecorderSettings,
    OutputSettings,
    ServiceSettings,
    SimulatorSettings,
)
from ctrader_twisted.config.tables import Refusals, Table, did_you_mean, kind_of, listing
from ctrader_twisted.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ctrader_twisted.config.hosts import Host


class Reader:
    """One reading of one file."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self.refusals: Refusals = Refusals(path)
        self._secrets = Secrets(self.refusals, environ)

    def read(self) -> Configuration:
        top = Table(self.refusals, "", self._values())
        simulator_table, application_table = top.table(SIMULATOR), top.table("application")
        simulator = None if simulator_table is None else read_simulator(simulator_table)
        fallback = self._secrets.credentials(application_table)
        hosts = read_hosts(self.refusals, top.table("environment"), simulator=simulator)
        tokens = read_tokens(self.refusals, top.table("tokens"))
        oauth = read_oauth(top.table("oauth"))
        accounts = self._accounts(top, hosts, fallback)
        by_name: dict[str, list[AccountSettings]] = {}
        for name, account in accounts:
            by_name.setdefault(name, []).append(account)
        environments = tuple(hosts[name].environment(name, tuple(group)) for name, group in by_name.items())
        real = any(name != SIMULATOR for name in by_name)
        application = self._secrets.application(application_table, fallback, needed=real)
        outputs = self._outputs(top.tables("output"))
        flight_recorder = self._flight_recorder(top.table("flight_recorder"))
        recordings = read_recordings(self.refusals, top.tables("recording"))
        services = self._services(top.tables("service"), list(by_name))
        if not self.refusals.errors and not outputs and not services and not recordings:
            problem = "neither an output nor a recording nor a service: nothing would come of it"
            self.refusals.refuse("output", problem, 'Add [[output]] with path = "-".')
        top.finish()
        self._secrets.look_at_permissions()
        return Configuration(
            str(self._path),
            application,
            environments,
            simulator,
            outputs,
            services,
            tuple(self.refusals.warnings),
            tokens,
            oauth,
            flight_recorder,
            recordings,
        )

    def read_access(self) -> AccessSettings | None:
        top = Table(self.refusals, "", self._values())
        application_table = top.table("application")
        fallback = self._secrets.credentials(application_table)
        simulator = SimulatorSettings({}) if SIMULATOR in top else None
        hosts = read_hosts(self.refusals, top.table("environment"), simulator=simulator)
        tokens = read_tokens(self.refusals, top.table("tokens"))
        oauth = read_oauth(top.table("oauth"))
        accounts = self._accounts(top, hosts, fallback, before_login=True)
        application = self._secrets.application(application_table, fallback, needed=True)
        for key in (SIMULATOR, "output", "recording", "service", "flight_recorder"):
            top.raw(key)  # for the daemon to check
        top.finish()
        self._secrets.look_at_permissions()
        if application is None:
            return None
        environments = tuple(
            host.environment(name, tuple(account for of, account in accounts if of == name))
            for name, host in hosts.items()
            if name != SIMULATOR
        )
        return AccessSettings(str(self._path), application, environments, tokens, oauth, tuple(self.refusals.warnings))

    def read_simulated(self, *, alone: bool) -> tuple[SimulatorSettings, tuple[AccountSettings, ...]] | None:
        """Read the table ``[simulator]`` and the accounts on it, and leave the rest unread; None if there is none.

        :param alone: whether accounts elsewhere count as if there were none.
        """
        top = Table(self.refusals, "", self._values())
        table = top.table(SIMULATOR)
        if table is None or (alone and any(each.text("environment") != SIMULATOR for each in top.tables("account"))):
            return None
        simulator = read_simulator(table)
        hosts = read_hosts(self.refusals, top.table("environment"), simulator=simulator)
        accounts = self._accounts(top, hosts, Credentials(), before_login=True)
        return simulator, tuple(account for name, account in accounts if name == SIMULATOR)

    def _values(self) -> dict[str, Any]:
        try:
            text = self._path.read_bytes().decode("utf-8-sig")  # editors of Windows begin a file with a byte order mark
            return tomllib.loads(text)
        except OSError as error:
            problem, remedy = f"can't be read: {error.strerror}", "Name a file that exists and may be read."
        except UnicodeDecodeError:
            problem, remedy = "is not UTF-8", "Save it as UTF-8."
        except tomllib.TOMLDecodeError as error:
            problem, remedy = f"is not TOML: {error}", "Correct it there."
        except RecursionError:
            problem, remedy = "is not TOML: it is nested too deeply", "Correct it there."
        except ValueError:  # Python reads no whole number of more than 4300 digits, and no path with a NUL in it
            problem, remedy = "is not TOML: a number of too many digits", "Correct it there."
            if "\0" in str(self._path):
                problem, remedy = "can't be read: no path has a NUL in it", "Name a file that exists and may be read."
        # Outside of the handlers, so that no traceback drags the file's text along.
        raise ConfigurationError(str(self._path), "", problem, remedy)

    # Who is watched

    def _accounts(
        self, top: Table, hosts: Mapping[str, Host], fallback: Credentials, *, before_login: bool = False
    ) -> list[tuple[str, AccountSettings]]:
        """Read the accounts with their environments; before a login neither ids nor tokens are known to anybody."""
        accounts: list[tuple[str, AccountSettings]] = []
        tables = top.tables("account")
        kept = "tokens" in top
        if not tables and "account" not in top and not before_login:
            remedy = 'Add [[account]] with id = …, environment = "…" and symbols = […].'
            self.refusals.refuse("account", "missing", remedy)
        seen: dict[tuple[str, int | None], str] = {}
        for table in tables:
            name = self._environment_of(table, hosts)
            own = self._secrets.credentials(table)
            account_id = table.integer("id", 1, 2**63 - 1)
            if "id" not in table and name != SIMULATOR:
                account_id = own.account_id or fallback.account_id
                if account_id is None and not own.refused and not fallback.refused and not before_login:
                    remedy = "Write the account's ctidTraderAccountId, not the login number shown by the terminal."
                    table.refuse("id", "missing", remedy)
            real = name not in (SIMULATOR, None)
            token, refresh = self._secrets.tokens(table, own, fallback, kept=kept, needed=real and not before_login)
            symbols = table.texts("symbols") or ()
            account = AccountSettings(
                table.name,
                account_id,
                token,
                refresh,
                symbols,
                self._bars(table, symbols),
                self._depth(table, symbols),
                read_safety(table.table("safety")),
                read_aliases(table.table("aliases")),
            )
            table.finish()
            if name is None:
                continue
            accounts.append((name, account))
            first = seen.setdefault((name, account_id), table.name)
            not_known = account_id is None and ("id" in table or before_login)
            if first != table.name and not not_known:
                table.refuse("id", f"the same account as {first}", "Name an account once, with all its symbols.")
        return accounts

    def _environment_of(self, table: Table, hosts: Mapping[str, Host]) -> str | None:
        name = table.text("environment")
        choices = listing(sorted({*hosts, SIMULATOR}))
        if name is None:
            if "environment" not in table:
                table.refuse("environment", "missing", f'Write environment = "…": one of {choices}.')
            return None
        if name == SIMULATOR and name not in hosts:
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
            periods = self._periods(table, "bars", wanted)
            return dict.fromkeys(symbols, periods) if periods else {}
        bars: dict[str, tuple[str, ...]] = {}
        for symbol, value in wanted.items():
            key = f"bars.{symbol}"
            name = self._among(table, key, symbol, symbols)
            bars[name] = tuple(dict.fromkeys((*bars.get(name, ()), *self._periods(table, key, value))))
        return bars

    def _periods(self, table: Table, key: str, wanted: object) -> tuple[str, ...]:
        """Read periods: in any case, and with the number before the letter, but for 1M, which is a month to many."""
        found = []
        for period in table.as_texts(key, wanted):
            turned = f"{period[-1:]}{period[:-1]}" if period[:1].isdecimal() and period[-1:] != "M" else period
            found.append(turned.upper())
            if found[-1] not in PERIODS:
                remedy = f"{did_you_mean(period.upper(), PERIODS)}Periods are {', '.join(PERIODS)}."
                table.refuse(key, f'"{period}" is not a period', remedy)
        return tuple(dict.fromkeys(found))

    def _among(self, table: Table, key: str, symbol: str, symbols: tuple[str, ...]) -> str:
        """Give a symbol as the list of symbols spells it, which may be with other capitals."""
        if symbol in symbols:
            return symbol
        for each in symbols:
            if each.casefold() == symbol.casefold():
                return each
        remedy = f"{did_you_mean(symbol, symbols)}Add it to symbols: bars and depth come with quotes only."
        table.refuse(key, f'"{symbol}" is not among the account\'s symbols', remedy)
        return symbol

    def _depth(self, table: Table, symbols: tuple[str, ...]) -> tuple[str, ...]:
        wanted = table.raw("depth")
        if wanted is None or isinstance(wanted, bool):
            return symbols if wanted else ()
        depth = table.as_texts("depth", wanted)
        return tuple(dict.fromkeys(self._among(table, "depth", symbol, symbols) for symbol in depth))

    # What becomes of it

    def _outputs(self, tables: list[Table]) -> tuple[OutputSettings, ...]:
        outputs: list[OutputSettings] = []
        for table in tables:
            given = table.text("path")
            if given is None and "path" not in table:
                table.refuse("path", "missing", 'Write path = "FILE", or path = "-" for stdout.')
            to_stdout = given == STDOUT
            path = None if given is None or to_stdout else table.file("path", STDOUT)
            events = table.texts("events")
            for event in events or ():
                if event not in EVENTS:
                    remedy = f"{did_you_mean(event, EVENTS)}Events are {', '.join(EVENTS)}."
                    table.refuse("events", f'"{event}" is not an event', remedy)
            if "events" in table and events == () and table.raw("events") == []:
                table.refuse("events", "an empty list: nothing would be written", "Leave it out to write every event.")
            table.finish()
            if path is None and not to_stdout:
                continue
            self.refusals.claim(path, table.name, "path")
            outputs.append(OutputSettings(table.name, path, frozenset(EVENTS if events is None else events)))
        return tuple(outputs)

    def _flight_recorder(self, table: Table | None) -> FlightRecorderSettings | None:
        if table is None:
            return None
        path = table.file("path", FLIGHT_FILE, in_folder=True)
        megabytes = table.number("max_megabytes", 0.1, 10_000.0)
        parts = table.integer("parts", 1, 1000)
        table.finish()
        if path is None or not path.name:
            return None
        self.refusals.claim(path, table.name, "path")
        settings = FlightRecorderSettings(path)
        for number in range(1, parts or settings.parts):
            part = f"{path.stem}.{number}{path.suffix}"
            self.refusals.claim(path.with_name(part), table.name, "path", f"an older part ({part})")
        return FlightRecorderSettings(
            path,
            settings.max_bytes if megabytes is None else int(megabytes * 1_000_000),
            parts or settings.parts,
        )

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
