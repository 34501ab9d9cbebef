"""What there is to connect with: the command line, the configuration and the environment brought together.

A configuration with a table ``[simulator]`` brings a venue along, which then runs in this process.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from ctrader_twisted import config
from ctrader_twisted.cli.failures import CommandFailed
from ctrader_twisted.config import SIMULATOR, EnvironmentSettings, OAuthSettings
from ctrader_twisted.config.secrets import COPY_ANEW, FLAW, flawed
from ctrader_twisted.config.settings import (
    HISTORICAL_PER_SECOND,
    KNOWN_HOSTS,
    REQUESTS_PER_SECOND,
    SPOTWARE,
    TOKEN_FILE,
)
from ctrader_twisted.credentials import DEMO, LIVE, Application
from ctrader_twisted.entry import finding as entry
from ctrader_twisted.errors import ConfigurationError, ConfigurationErrors
from ctrader_twisted.tokens import Grant, GrantedAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ctrader_twisted.sim.config import Settings as VenueSettings

CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN = "CTRADER_CLIENT_ID", "CTRADER_CLIENT_SECRET", "CTRADER_ACCESS_TOKEN"

DEFAULT_FILE: Final = Path("ctrader.toml")
"""The configuration that is taken if none is named."""

_SECRETS: Final = {"application.client_id": CLIENT_ID, "application.client_secret": CLIENT_SECRET}
_ALLOWED: Final = {"requests": REQUESTS_PER_SECOND, "historical": HISTORICAL_PER_SECOND}
_REFRESH_WITHIN: Final = 86_400.0
_SPOTWARES_PAGES: Final = ".ctrader.com"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""How a configuration names this computer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says; None is what it leaves open."""

    config: Path | None = None
    tokens: Path | None = None
    environment: str | None = None
    host: str | None = None
    port: int | None = None
    wire: str | None = None
    requests_per_second: int | None = None
    historical_per_second: int | None = None
    client_id: str | None = None

    def directed(self, settings: EnvironmentSettings) -> EnvironmentSettings:
        """Give an environment over the wire, at the host and at the port that the command line says."""
        there = settings if self.wire is None else settings.over(self.wire)
        return replace(there, host=self.host or there.host, port=self.port or there.port)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to connect with.

    :ivar file: the configuration, or None if there is none.
    :ivar application: None only with the simulator.
    :ivar environments: by name.
    :ivar chosen: the environment that the command line says, or None.
    :ivar named: the environments that the command line or the file names; empty if neither does.
    :ivar token_file: where tokens are kept.
    :ivar token_file_is_configured: whether the configuration says so itself.
    :ivar inline: access tokens that the file or the environment gives, as grants of that name.
    :ivar simulator: the venue to run, or None.
    """

    file: Path | None
    application: Application | None
    environments: Mapping[str, EnvironmentSettings]
    named: tuple[str, ...]
    token_file: Path
    token_file_is_configured: bool
    chosen: str | None = None
    refresh_within: float = _REFRESH_WITHIN
    inline: tuple[Grant, ...] = ()
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    simulator: VenueSettings | None = None
    warnings: tuple[str, ...] = ()


def find(wanted: Wanted, environ: Mapping[str, str], ask: Callable[[str], str] | None = None) -> Found:
    """Bring together what there is.

    :param environ: the process's environment.
    :param ask: gives the client id or secret that is found nowhere, called with its name; None if that is a failure.
    :raises ConfigurationError: naming file, key and remedy.
    :raises CommandFailed: if the application is not known, or a simulator is meant that nobody describes.
    :raises click.UsageError: if what the command line says does not go together.
    """
    file = wanted.config or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if wanted.client_id is not None:
        environ = {**environ, CLIENT_ID: wanted.client_id}
    if file is None:
        if wanted.environment == SIMULATOR:
            raise CommandFailed(
                "the simulator is described by a configuration: write a file with the line [simulator], which is "
                "enough, and name it: --config FILE"
            )
        found = _without_file(environ, ask)
    else:
        simulated = _simulated(file, environ, wanted)
        if simulated is not None:
            return _limited(simulated, wanted)
        found = _from_file(file, environ, ask)
        if wanted.config is None:
            _refuse_strangers(found)
    if wanted.tokens is not None:
        found = replace(found, token_file=wanted.tokens, token_file_is_configured=False)
    return _directed(found, wanted)


def _without_file(environ: Mapping[str, str], ask: Callable[[str], str] | None) -> Found:
    values = []
    for variable in (CLIENT_ID, CLIENT_SECRET):
        value = environ.get(variable) or (ask(variable) if ask is not None else "")
        if not value:
            raise CommandFailed(
                f"the application is not known: set {CLIENT_ID} and {CLIENT_SECRET}, or name a configuration that has "
                "them: --config FILE"
            )
        if flawed(value):
            raise CommandFailed(f"{variable}: {FLAW}. {COPY_ANEW}")
        values.append(value)
    token = environ.get(ACCESS_TOKEN)
    return Found(
        file=None,
        application=Application(*values),
        environments={
            known.name: EnvironmentSettings(known.name, known.host, known.port, None, known.live, ())
            for known in (DEMO, LIVE)
        },
        named=(),
        token_file=default_token_file(),
        token_file_is_configured=False,
        inline=() if not token else (Grant(ACCESS_TOKEN, token),),
    )


def default_token_file() -> Path:
    """Give the file for tokens where no configuration names one; see `ctrader_twisted.entry.finding`."""
    file = entry.default_token_file()
    assert file is not None, "click is there"
    return file


def _from_file(file: Path, environ: Mapping[str, str], ask: Callable[[str], str] | None) -> Found:
    try:
        access = config.load_access(file, environ)
    except ConfigurationError as error:
        missing = _missing_secrets(error)
        if ask is None or not missing:
            raise
        access = config.load_access(file, {**environ, **{variable: ask(variable) for variable in missing}})
    accounts = [(named.name, account) for named in access.environments for account in named.accounts]
    inline: dict[str, Grant] = {}
    for _, account in accounts:
        if account.access_token is not None and account.account_id is not None:
            granted = GrantedAccount(account.account_id)
            same = inline.get(account.access_token)
            if same is None:
                inline[account.access_token] = Grant(account.key, account.access_token, accounts=(granted,))
            else:
                inline[account.access_token] = replace(same, accounts=(*same.accounts, granted))
    own = [each.name for each in access.environments if KNOWN_HOSTS.get(each.name) != each.host]
    tokens = access.tokens
    return Found(
        file=file,
        application=Application(access.application.client_id, access.application.client_secret),
        environments={each.name: each for each in access.environments},
        named=tuple(dict.fromkeys([*(name for name, _ in accounts), *own])),
        token_file=file.parent / TOKEN_FILE if tokens is None else tokens.file,
        token_file_is_configured=tokens is not None,
        refresh_within=_REFRESH_WITHIN if tokens is None else tokens.refresh_before,
        inline=tuple(inline.values()),
        oauth=access.oauth,
        warnings=access.warnings,
    )


def _refuse_strangers(found: Found) -> None:
    """Follow a file that nobody named to Spotware's servers and to this computer only.

    It may be somebody else's, in a folder that came from elsewhere, and would be given client secret and tokens.

    :raises CommandFailed: if it leads anywhere else.
    """
    hosts = [each.host for each in found.environments.values()]
    urls = (found.oauth.consent_url, found.oauth.token_url)
    hosts += [urlsplit(url).hostname or "" for url in urls if url is not None]
    strange = [host for host in dict.fromkeys(hosts) if not _is_spotwares(host) and host not in LOOPBACK]
    if strange:
        raise CommandFailed(
            f"{found.file} of this folder leads to {' and '.join(strange)}, and client secret and tokens would be sent "
            f"there. If that is what you want, name it: --config {found.file}"
        )


def _missing_secrets(error: ConfigurationError) -> list[str]:
    """Give the variables of client id and secret if these being missing is all that is wrong, else nothing."""
    errors = error.errors if isinstance(error, ConfigurationErrors) else (error,)
    if any(each.key not in _SECRETS or each.problem != "missing" for each in errors):
        return []
    return [_SECRETS[each.key] for each in errors]


def _simulated(file: Path, environ: Mapping[str, str], wanted: Wanted) -> Found | None:
    """Give the file's venue if it is the one to use: it was asked for, or the file has accounts nowhere else."""
    environment = wanted.environment
    try:
        values = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None  # the reading of the configuration says what is wrong
    table, accounts = values.get(SIMULATOR), values.get("account", [])
    if not isinstance(accounts, list):
        return None
    if table is None and _means_the_simulator(environment, accounts):
        raise ConfigurationError(str(file), SIMULATOR, "missing", entry.ADD_SIMULATOR)
    if not isinstance(table, dict):
        return None
    if environment is not None and environment != SIMULATOR:
        own = values.get("environment", {})
        _refuse_unknown(environment, {SIMULATOR, *KNOWN_HOSTS, *(own if isinstance(own, dict) else ())})
        return None
    elsewhere = [one for one in accounts if isinstance(one, dict) and one.get("environment") != SIMULATOR]
    if elsewhere and environment is None:
        return None
    from ctrader_twisted.sim.config import settings_from_table

    simulator = config.load_simulator(file, table if wanted.wire is None else {**table, "wire": wanted.wire})
    read = config.load_simulated(file, environ)
    assert read is not None, "the table is there"
    here = EnvironmentSettings(SIMULATOR, "", 0, None, None, read[1], wire=simulator.wire)
    return Found(
        file=file,
        application=None,
        environments={SIMULATOR: here},
        named=(SIMULATOR,),
        chosen=SIMULATOR,
        token_file=file,
        token_file_is_configured=True,
        simulator=settings_from_table(simulator.venue, str(file)),
    )


def _means_the_simulator(environment: str | None, accounts: list[Any]) -> bool:
    """Whether the simulator is asked for, or is where all accounts of a file are."""
    if environment is not None:
        return environment == SIMULATOR
    return bool(accounts) and all(isinstance(one, dict) and one.get("environment") == SIMULATOR for one in accounts)


def _directed(found: Found, wanted: Wanted) -> Found:
    """Apply what the command line says of environment, host, wire and limits."""
    named = found.named
    if wanted.environment is not None:
        _refuse_unknown(wanted.environment, found.environments)
        named = (wanted.environment,)
    environments = {name: wanted.directed(settings) for name, settings in found.environments.items()}
    return _limited(replace(found, environments=environments, named=named, chosen=wanted.environment), wanted)


def _refuse_unknown(environment: str, known: Collection[str]) -> None:
    if environment not in known:
        raise click.UsageError(f'There is no environment "{environment}": known are {", ".join(sorted(known))}.')


def _limited(found: Found, wanted: Wanted) -> Found:
    """Apply what the command line says of limits."""
    environments, warnings = dict(found.environments), list(found.warnings)
    used = [environments[name].host or f"the {name}" for name in found.named or environments]
    for what, given in (("requests", wanted.requests_per_second), ("historical", wanted.historical_per_second)):
        if given is None:
            continue
        key, allowed = f"{what}_per_second", _ALLOWED[what]
        others = sorted({host for host in used if not _is_spotwares(host)})
        if given > allowed and not others:
            raise click.UsageError(
                f"--{what}-per-second {given}: {' and '.join(sorted(set(used)))} allow {allowed}. More is for a server "
                "that is not Spotware's."
            )
        if given > allowed:
            warnings.append(
                f"--{what}-per-second {given} is more than Spotware's servers allow ({allowed}): make sure that "
                f"{' and '.join(others)} does, or requests are refused"
            )
        for name, settings in environments.items():
            limit = min(given, allowed) if _is_spotwares(settings.host) else given
            environments[name] = _with_limit(settings, key, limit)
    return replace(found, environments=environments, warnings=tuple(warnings))


def _with_limit(settings: EnvironmentSettings, key: str, limit: int) -> EnvironmentSettings:
    changed: Any = {key: limit}
    return replace(settings, **changed)


def _is_spotwares(host: str) -> bool:
    """Whether a server is Spotware's own, whose limits are known."""
    return f".{host.lower().rstrip('.')}".endswith((SPOTWARE, _SPOTWARES_PAGES))


def token_folder(file: Path) -> None:
    """Make the folder that tokens are kept in, for its owner alone, if it is the command's own default.

    :raises CommandFailed: if that can't be done.
    """
    if file != default_token_file():
        return
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"{file.parent} can't be made: {error.strerror}. Name another place for tokens: --tokens FILE"
        ) from None
