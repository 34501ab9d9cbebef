"""A venue from a table of a configuration file. ``docs/simulator.md`` describes the keys.

`read` reads a file of its own, `settings_from_table` the ``[simulator]`` of any other. What is wrong is refused with
file, key and remedy, all of it at once; nothing is ignored.
"""

from __future__ import annotations

import codecs
import dataclasses
import inspect
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ctrader_twisted.errors import ConfigurationError
from ctrader_twisted.sim import script
from ctrader_twisted.sim.accounts import (
    ACCESS_RIGHTS,
    SCOPE_TRADE,
    SCOPE_VIEW,
    Application,
    Grant,
    TradingAccount,
    default_accounts,
)
from ctrader_twisted.sim.feed.calendar import Period
from ctrader_twisted.sim.feed.house import HOUSE
from ctrader_twisted.sim.feed.replay import ReplayFeed
from ctrader_twisted.sim.limits import BLOCKED, FREQUENCY_EXCEEDED, Limits
from ctrader_twisted.sim.options import CHOICES, Options
from ctrader_twisted.sim.tables import Table, closest, kind_of, listed
from ctrader_twisted.sim.trading import state as states
from ctrader_twisted.sim.trading.state_file import read_file
from ctrader_twisted.sim.venue import LOOPBACK, Venue
from ctrader_twisted.sim.weather import KINDS, weather

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from twisted.internet.interfaces import IReactorTime

    from ctrader_twisted.sim.authority import Authority
    from ctrader_twisted.sim.feed.feed import Feed
    from ctrader_twisted.sim.script import Action, NamedAction

TABLE: Final = "simulator"
_ACCOUNT_TYPES: Final = {"hedged": 0, "netted": 1, "spread betting": 2}
_TOTAL_MARGINS: Final = {"max": 0, "sum": 1, "net": 2}
_STOP_OUT_STRATEGIES: Final = {"most margin": 0, "most losing": 1}
_LIMITED_RISK_MARGINS: Final = {"leverage": 0, "guaranteed stop": 1, "both": 2}
_SCOPES: Final = {"trade": SCOPE_TRADE, "view": SCOPE_VIEW}


@dataclass(frozen=True, slots=True)
class Replay:
    """The file whose prices are replayed.

    :ivar path: CSV or Parquet.
    :ivar symbol: the symbol of a file without that column, or the one wanted of several.
    :ivar period: the period of a file of bars; None for ticks.
    :ivar shift: whether its first tick falls on the venue's start; if false it keeps its own time.
    :ivar loop: whether it begins anew at its end.
    """

    path: Path
    symbol: str | None = None
    period: Period | None = None
    shift: bool = True
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """A venue as a file describes it.

    :ivar file: the file, for messages.
    :ivar key: the table's name in it.
    :ivar seed: what prices, sizes and tokens follow from.
    :ivar start: its time at the start, ms UTC; None for now.
    :ivar replay: the file it takes its prices from; None for the model.
    :ivar interface: where it listens.
    :ivar port: its port for protobuf; 0 for any that is free.
    :ivar json_port: its port for JSON; None for none.
    :ivar json_tls: whether JSON is spoken with TLS; without it, on a loopback interface only.
    :ivar oauth_port: the port of its consent page and token endpoint, on the loopback interface; None for neither.
    :ivar names: names and addresses its certificate holds besides localhost, 127.0.0.1 and ::1.
    :ivar trust_root: where the certificate to trust is written; None for nowhere.
    :ivar state: the file in which it keeps what trading changed; None for none.
    :ivar authority: the directory in which its authority is kept; None for a new one at every start.
    """

    file: str
    key: str = TABLE
    seed: int = 1
    start: int | None = None
    replay: Replay | None = None
    interface: str = "127.0.0.1"
    port: int = 0
    json_port: int | None = None
    json_tls: bool = True
    oauth_port: int | None = None
    names: tuple[str, ...] = ()
    trust_root: Path | None = None
    authority: Path | None = None
    state: Path | None = None
    applications: tuple[Application, ...] | None = None
    accounts: tuple[TradingAccount, ...] | None = None
    grants: tuple[Grant, ...] | None = None
    limits: Limits = Limits()
    options: Options = Options()
    script: tuple[tuple[float, Action], ...] = ()

    def venue(self, clock: IReactorTime, authority: Authority | None = None) -> Venue:
        """Build the venue. It begins now, or goes on from what its file of state holds.

        :raises ConfigurationError: if the file to replay can't be, or the state can't be gone on from.
        """
        state = self._saved()
        feed = None
        start = self.start
        if self.replay is not None:
            if state is not None:  # the file goes on where it was, and does not begin anew
                _, start = states.times_of(state)
            elif start is None:
                start = round(clock.seconds() * 1000)
            try:
                feed = ReplayFeed.open(
                    self.replay.path,
                    symbol=self.replay.symbol,
                    period=self.replay.period,
                    start_ms=start if self.replay.shift else None,
                    loop=self.replay.loop,
                )
            except OSError as error:
                problem = f"it can't be read ({error.strerror})"
                raise ConfigurationError(self.file, f"{self.key}.replay", problem, "Give a readable file.") from None
        try:
            return self._venue(clock, start if state is None else self.start, feed, authority, state)
        except states.StateError as error:
            raise self._refused_state(str(error)) from None

    def _venue(
        self,
        clock: IReactorTime,
        start: int | None,
        feed: Feed | None,
        authority: Authority | None,
        state: Mapping[str, Any] | None,
    ) -> Venue:
        return Venue(
            clock,
            seed=self.seed,
            start=start,
            feed=feed,
            applications=self.applications,
            accounts=self.accounts,
            grants=self.grants,
            limits=self.limits,
            options=self.options,
            script=self.script,
            authority=authority,
            state=state,
        )

    def _saved(self) -> dict[str, Any] | None:
        if self.state is None:
            return None
        try:
            return read_file(self.state)
        except states.StateError as error:
            raise self._refused_state(str(error)) from None
        except OSError as error:
            raise self._refused_state(f"it can't be read ({error.strerror})") from None

    def _refused_state(self, problem: str) -> ConfigurationError:
        remedy = "Correct the configuration; or move the file away, and everything begins anew."
        return ConfigurationError(self.file, f"{self.key}.state", f"{self.state}: {problem}", remedy)


def read(path: str | Path) -> Settings:
    """Read a file that holds a table ``[simulator]`` and nothing else.

    :raises ConfigurationError: if it can't be read or something in it is wrong.
    """
    file = Path(path)
    top = Table(_content(file), file, "")
    simulator = top.table(TABLE)
    top.finish()
    if TABLE not in top and not top.refusals:
        top.refuse("", "there is no venue in it", f"Add a table [{TABLE}]; it may be empty.")
    settings = Settings(str(file)) if simulator is None else _settings(simulator)
    top.check()
    return settings


def _content(file: Path) -> dict[str, Any]:
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # the latter: no path has a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(file, "", f"it can't be read ({why})", "Give a readable file.") from None
    if data.startswith(codecs.BOM_UTF8):
        problem = "it begins with a byte order mark, which TOML does not allow"
        raise ConfigurationError(file, "", problem, "Save it as UTF-8 without one (“without BOM”).")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problem = "it begins with a byte order mark of UTF-16, and TOML is UTF-8"
        raise ConfigurationError(file, "", problem, "Save it as UTF-8.")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigurationError(file, "", "it is not UTF-8", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(file, "", f"it is not TOML ({error})", "Correct it there.") from None
    except RecursionError:
        raise ConfigurationError(file, "", "it is not TOML (nested too deeply)", "Correct it there.") from None
    except ValueError:  # Python reads no whole number of more than 4300 digits
        raise ConfigurationError(file, "", "it is not TOML (too many digits)", "Correct it there.") from None


def settings_from_table(table: Mapping[str, Any], file: str | Path, key: str = TABLE) -> Settings:
    """Read a table that is part of another file.

    :param file: that file: messages name it, and paths are taken from its folder.
    :param key: the table's name in it.
    :raises ConfigurationError: if something in it is wrong.
    """
    read = Table(table, Path(file), key)
    settings = _settings(read)
    read.check()
    return settings


def venue_from_table(
    table: Mapping[str, Any],
    clock: IReactorTime,
    file: str | Path,
    key: str = TABLE,
    authority: Authority | None = None,
) -> Venue:
    """Build the venue that a table describes; see `settings_from_table`."""
    return settings_from_table(table, file, key).venue(clock, authority)


def _settings(table: Table) -> Settings:
    refused = len(table.refusals)
    accounts = _accounts(table)
    known: Collection[int] | None = [one.account_id for one in (default_accounts() if accounts is None else accounts)]
    if len(table.refusals) > refused:
        known = None  # some are missing here, and are not to be missed a second time
    seed = table.number("seed", 1, 0, 2**63 - 1)
    settings = Settings(
        file=str(table.file),
        key=table.key,
        seed=seed,
        start=table.moment("start"),
        replay=_replay(table),
        interface=table.get("interface", str, "127.0.0.1"),
        port=table.number("port", 0, 0, 65_535),
        json_port=table.number("json_port", None, 0, 65_535),
        json_tls=table.get("json_tls", bool, True),
        oauth_port=table.number("oauth_port", None, 0, 65_535),
        names=table.words("names"),
        trust_root=table.file_path("trust_root"),
        authority=table.file_path("authority"),
        state=table.file_path("state"),
        applications=_applications(table),
        accounts=accounts,
        grants=_grants(table, known),
        limits=_fields(table.table("limits"), Limits(), {"code": (BLOCKED, FREQUENCY_EXCEEDED)}),
        options=_fields(table.table("options"), Options(), CHOICES),
        script=(*_cuts(table), *_script(table), *_weather(table, seed, known or ())),
    )
    if not settings.json_tls and settings.interface not in LOOPBACK:
        problem = f"without TLS it would listen on {settings.interface}, which is no loopback interface"
        table.refuse("json_tls", problem, f"Remove it, or write an interface of {listed(LOOPBACK)}.")
    table.finish()
    return settings


def _fields(table: Table | None, defaults: Any, choices: Mapping[str, Iterable[str]]) -> Any:
    """Give a dataclass of options with the fields that the table names; the types are those of the defaults."""
    if table is None:
        return defaults
    given: dict[str, Any] = {}
    for one in dataclasses.fields(defaults):
        default = getattr(defaults, one.name)
        if one.name not in table:
            continue
        if one.name in choices:
            given[one.name] = table.choice(one.name, {word: word for word in choices[one.name]}, default)
        elif type(default) in (int, float):
            given[one.name] = table.number(one.name, default, 0, 1e9, type(default))
        else:
            given[one.name] = table.get(one.name, type(default), default)
    table.finish(one.name for one in dataclasses.fields(defaults))
    try:
        return dataclasses.replace(defaults, **given)
    except ValueError as error:
        table.refuse("", str(error), "Write a number it can work with.")
        return defaults


def _replay(table: Table) -> Replay | None:
    replay = table.table("replay")
    if replay is None:
        return None
    path = replay.file_path("path")
    if "path" not in replay:
        replay.refuse("path", "it is missing", 'Write path = "ticks.csv".')
    periods = {period.name: period for period in Period}
    symbol = replay.choice("symbol", {one.name: one.name for one in HOUSE.instruments}, None)
    period = replay.choice("period", periods, None)
    shift, loop = replay.get("shift", bool, True), replay.get("loop", bool, False)
    replay.finish()
    return None if path is None else Replay(path, symbol, period, shift, loop)


def _applications(table: Table) -> tuple[Application, ...] | None:
    tables = table.tables("application")
    if tables is None:
        return None
    applications: dict[str, Application] = {}
    for one in tables:
        client_id = one.needed("client_id", str, 'Write client_id = "…".')
        client_secret = one.needed("client_secret", str, 'Write client_secret = "…".')
        redirect_uris = one.words("redirect_uris") if "redirect_uris" in one else Application().redirect_uris
        one.finish()
        if client_id in applications:
            one.refuse("client_id", "another application has it", "Give each application an id of its own.")
        elif client_id is not None and client_secret is not None:
            applications[client_id] = Application(client_id, client_secret, redirect_uris)
    return tuple(applications.values())


def _accounts(table: Table) -> tuple[TradingAccount, ...] | None:
    tables = table.tables("account")
    if tables is None:
        return None
    assets = {asset.name: asset.name for asset in HOUSE.assets}
    accounts: dict[int, TradingAccount] = {}
    for one in tables:
        account_id = one.number("id", None, 1, 2**62)
        if "id" not in one:
            one.refuse("id", "it is missing", "Write id = 1000001.")
        digits = one.number("money_digits", 2, 0, 8)
        account = TradingAccount(
            account_id=account_id,
            login=one.number("login", account_id, 1, 2**62),
            deposit_asset=one.choice("asset", assets, "EUR"),
            balance=round(one.number("balance", 10_000.0, 0, 1e12, float) * 10**digits),
            money_digits=digits,
            leverage_in_cents=round(one.number("leverage", 100.0, 1, 10_000, float) * 100),
            is_live=one.get("live", bool, False),
            account_type=one.choice("type", _ACCOUNT_TYPES, 0),
            broker_name=one.get("broker", str, "simulated"),
            broker_title=one.get("broker_title", str, "Simulated venue"),
            total_margin=one.choice("total_margin", _TOTAL_MARGINS, 1),
            swap_free=one.get("swap_free", bool, False),
            access_rights=one.choice("access_rights", ACCESS_RIGHTS, 0),
            limited_risk=one.get("limited_risk", bool, False),
            limited_risk_margin=one.choice("limited_risk_margin", _LIMITED_RISK_MARGINS, 0),
            stop_out_level=one.number("stop_out_level", 50.0, 0, 1e6, float),
            stop_out_strategy=one.choice("stop_out_strategy", _STOP_OUT_STRATEGIES, 0),
            fair_stop_out=one.get("fair_stop_out", bool, False),
            max_positions=one.number("max_positions", 200, 1, 1_000_000),
        )
        one.finish()
        if account_id in accounts:
            one.refuse("id", f"account {account_id} is there already", "Give each account an id of its own.")
        elif account_id is not None:
            accounts[account_id] = account
    return tuple(accounts.values())


def _grants(table: Table, known: Collection[int] | None) -> tuple[Grant, ...] | None:
    """Read the tokens.

    :param known: the accounts there are; None if that is not certain.
    """
    tables = table.tables("token")
    if tables is None:
        return None
    grants = []
    for one in tables:
        account_ids = tuple(one.get("accounts", list, known or ()))
        for account_id in account_ids:
            if known is not None and account_id not in known:
                one.refuse("accounts", f"there is no account {account_id}", f"Name some of {listed(map(str, known))}.")
        access_token = one.needed("access_token", str, 'Write access_token = "…".')
        refresh_token = one.needed("refresh_token", str, 'Write refresh_token = "…".')
        user_id = one.number("user", 1, 1, 2**62)
        scope = one.choice("scope", _SCOPES, SCOPE_TRADE)
        lifetime = one.number("lifetime", Grant(()).lifetime, 0, 1e10, float)
        one.finish()
        if access_token is not None and refresh_token is not None:
            grants.append(Grant(account_ids, access_token, refresh_token, user_id, scope, lifetime))
    return tuple(grants)


def _cuts(table: Table) -> list[tuple[float, Action]]:
    """``cut_after``: the seconds after the start at which every connection is cut."""
    value = table.any("cut_after", [])
    moments = value if isinstance(value, list) else [value]
    if not all(type(moment) in (int, float) and 0 < moment < 1e9 for moment in moments):
        table.refuse("cut_after", "something other than seconds", "Write cut_after = 10 or cut_after = [10, 20.5].")
        return []
    return [(float(moment), script.cut()) for moment in sorted(moments)]


def _script(table: Table) -> list[tuple[float, Action]]:
    steps: list[tuple[float, Action]] = []
    for one in table.tables("script") or ():
        refused = len(one.refusals)
        at = one.number("at", None, 0, 1e9, float)
        if "at" not in one:
            one.refuse("at", "it is missing", "Write at = 30, the seconds after the start.")
        make = one.choice("action", script.ACTIONS, None)
        if "action" not in one:
            one.refuse("action", "it is missing", f"Write one of {listed(script.ACTIONS)}.")
        if at is None or make is None:
            continue
        arguments = one.rest()
        known = inspect.signature(make).parameters
        for name, value in arguments.items():
            if name in known:
                arguments[name] = _argument(one, name, value, known[name].annotation)
            else:
                remedy = f"It takes {listed(known)}." if known else "It takes none."
                one.refuse(name, f"{make.__name__} has no such argument", remedy)
        if len(one.refusals) > refused:
            continue
        try:
            steps.append((at, make(**arguments)))
        except (TypeError, ValueError, OverflowError) as error:
            one.refuse("action", str(error), "Correct its arguments.")
    return steps


def _argument(table: Table, name: str, value: object, annotation: str) -> object:
    """Give an action's argument as the action's annotation (a text, in its module) wants it."""
    if "str" in annotation or "bytes" in annotation:
        if not isinstance(value, str):
            table.refuse(name, f"{kind_of(value)} where a text belongs", "Put it in quotes.")
            return value
        return value.encode() if "bytes" in annotation else value
    if "bool" in annotation:
        if not isinstance(value, bool):
            table.refuse(name, f"{kind_of(value)} where true or false belongs", "Write true or false.")
    elif type(value) is not int and not (type(value) is float and "float" in annotation):
        table.refuse(name, f"{kind_of(value)} where a number belongs", "Write a number, unquoted.")
    return value


def _weather(table: Table, seed: int, account_ids: Collection[int]) -> list[tuple[float, NamedAction]]:
    one = table.table("weather")
    if one is None:
        return []
    seed = one.number("seed", seed, 0, 2**63 - 1)
    every = one.number("every", 60.0, 0.1, 1e6, float)
    until = one.number("until", 3_600.0, 0.1, 1e6, float)
    names = one.words("kinds") if "kinds" in one else tuple(KINDS)
    one.finish()
    unknown = [name for name in names if name not in KINDS]
    for name in unknown:
        one.refuse("kinds", f'"{name}" is not known', f"{closest(name, KINDS)}Write some of {listed(KINDS)}.")
    if not names:
        one.refuse("kinds", "there are none in it", "Name some, or leave the key out for all.")
    if unknown or not names:
        return []
    return weather(seed, until, every=every, kinds=names, account_ids=tuple(account_ids))
